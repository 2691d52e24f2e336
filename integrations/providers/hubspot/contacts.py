"""What a contact looks like to HubSpot, and what its answer says about each. Pure.

Source: https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide, hubspot-api-client 12.0.0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.providers.base import Contact, Enquiry, Outcome
from integrations.providers.hubspot.problems import Problem

MESSAGE = "message"

# A multi-line property holds 65,536 characters; the newest enquiries are the ones to keep.
_LONGEST_MESSAGE = 60_000


def batch(contacts: Sequence[Contact]) -> dict[str, Any]:
    """Return the body of a batch upsert: `{"inputs": [{"id", "idProperty", "properties", "objectWriteTraceId"}]}`."""
    return {
        "inputs": [
            {
                "id": contact.email,
                "idProperty": "email",
                "properties": properties(contact),
                # Without it one bad input refuses the whole batch, and errors don't say whose they are.
                "objectWriteTraceId": contact.id,
            }
            for contact in contacts
        ]
    }


def properties(contact: Contact) -> dict[str, str]:
    """Return every property to be set, as text; the e-mail is the one the contact is found by."""
    mapped = {name: text(value) for name, value in contact.fields.items()}
    if contact.enquiries and MESSAGE not in mapped:
        mapped[MESSAGE] = message(contact.enquiries)
    return {**mapped, "email": contact.email}


def text(value: Any) -> str:
    """Return a value as HubSpot takes it: several choices joined by semicolons, yes and no in small letters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ";".join(text(item) for item in value)
    return str(value)


def message(enquiries: Sequence[Enquiry]) -> str:
    """Return all enquiries in one text, oldest first, each dated where there are several."""
    if len(enquiries) == 1:
        return enquiries[0].message[:_LONGEST_MESSAGE]
    joined = "\n\n".join(f"{enquiry.at:%Y-%m-%d %H:%M} UTC: {enquiry.message}" for enquiry in enquiries)
    return joined[-_LONGEST_MESSAGE:]


def outcomes(contacts: Sequence[Contact], body: Any) -> list[Outcome]:
    """Return what became of each contact of a batch that was answered 200 or 207."""
    answer = body if isinstance(body, Mapping) else {}
    found: dict[str, Outcome] = {}
    for error in _objects(answer.get("errors")):
        problem = Problem.of(error)
        for key in problem.about:
            found[key] = problem.outcome()
    for result in _objects(answer.get("results")):
        held = result.get("properties")
        email = held.get("email") if isinstance(held, Mapping) else None
        for name in (result.get("objectWriteTraceId"), email):
            if isinstance(name, str) and isinstance(result.get("id"), str):
                found[name] = Outcome.delivered(result["id"])
    # A contact the answer doesn't mention may have been written or not.
    return [found.get(contact.id) or found.get(contact.email) or Outcome.unknown() for contact in contacts]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
