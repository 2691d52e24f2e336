"""What an import looks like to Brevo, and what it says of one. Pure.

Its answers tell neither what was ignored nor, but in files on other hosts, who was refused: what became of somebody is
seen at the contact alone.
Source: https://developers.brevo.com/reference/importcontacts-1, /getprocess, /getcontacts-1 (API v3).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.providers.base import Contact, Reply
from integrations.providers.brevo.contacts import attributes
from integrations.providers.replies import garbled
from integrations.providers.values import text

PAGE = 500
_DONE = " done"
_JOB = re.compile(rf"([0-9]{{1,19}})(?: ([0-9][0-9TZ:.-]{{1,39}}))?({_DONE})?\Z")
_UNDER_WAY = {"queued", "in_process", "processing"}
# Its servers' clocks don't agree to the second.
_SLACK = timedelta(minutes=2)


def document(contacts: Iterable[Contact], list_id: int) -> dict[str, Any]:
    """Return the body of an import; what the contacts lack there is left as it is."""
    return {
        "jsonBody": [{"email": contact.email, "attributes": attributes(contact)} for contact in contacts],
        "listIds": [list_id],
        "updateExistingContacts": True,
        "emptyContactsAttributes": False,
        "disableNotification": True,
    }


def job_of(reply: Reply) -> str:
    """Return what we call an accepted import: its number, and when it was by Brevo’s clock. Raises: RetryLater."""
    answer = reply.json()
    number = answer.get("processId") if isinstance(answer, Mapping) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise garbled(reply.status)
    try:
        at = parsedate_to_datetime(reply.headers.get("Date") or "").astimezone(UTC) - _SLACK
    except (ValueError, TypeError):
        return str(number)
    return f"{number} {at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


def read(job: str) -> tuple[str, str, bool]:
    """Return an import's number, empty where it is none of ours, when it began and whether its process is done."""
    found = _JOB.match(job)
    return (found[1], found[2] or "", bool(found[3])) if found else ("", "", False)


def ended(job: str) -> str:
    """Return what we call an import from when its process is done: that is not asked about again."""
    return job.removesuffix(_DONE) + _DONE


def is_under_way(body: Any) -> bool | None:
    """Tell whether a process goes on; None where it ended in another way than it should. Raises: RetryLater."""
    status = text(body.get("status")) if isinstance(body, Mapping) else ""
    if not status:
        raise garbled()
    return status in _UNDER_WAY if status in {*_UNDER_WAY, "completed"} else None


def page_of(list_id: int, since: str, place: int) -> dict[str, str]:
    """Return the parameters that ask for a page of what was changed in a list."""
    return {
        "listIds": str(list_id),
        "modifiedSince": since,
        "limit": str(PAGE),
        "offset": str(place),
    }


def by_address(body: Any) -> dict[str, Mapping[str, Any]]:
    """Return the contacts of a page by their addresses. Raises: RetryLater."""
    found = body.get("contacts") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise garbled()
    return {text(each.get("email")).lower(): each for each in found if isinstance(each, Mapping)}
