"""Which column is what, and a row as a lead."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ParseError, ValidationError

from gateway.parsing import loads
from gateway.problems import flatten
from leads.consents import ConsentGiven
from leads.selection import UTM
from leads.serializers import read_lead
from leads.services import LeadData

CONSENT, ATTRIBUTE = "consent.", "attribute."
_DETAILS = ("email", "phone", "reference", "first_name", "last_name", "company")
_SOURCE = ("channel", "page_url", "referrer")
TARGETS: Mapping[str, str] = {
    "": "leave out",
    "email": "e-mail",
    "phone": "phone",
    "reference": "reference (your own id)",
    "first_name": "first name",
    "last_name": "last name",
    "company": "company",
    "last_message": "message",
    "channel": "channel",
    "page_url": "page",
    "referrer": "came from",
    **{f"utm_{name}": f"UTM {name}" for name in UTM},
    "captured_at": "captured at",
    "attributes": "attributes, as one JSON object",
    "attribute": "an attribute of this name",
    "consent": "consent to the purpose of this name",
}
"""What a column can be."""

# Our name ← what others call it, compared without anything but letters and digits.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "emailaddress", "mail", "emailadresse", "correo", "courriel"),
    "phone": ("phone", "phonenumber", "telephone", "tel", "mobile", "mobilephone", "telefon", "handy"),
    "reference": ("reference", "externalid", "customerid", "contactid"),
    "first_name": ("firstname", "givenname", "vorname", "prenom"),
    "last_name": ("lastname", "surname", "familyname", "nachname", "nom"),
    "company": ("company", "companyname", "organisation", "organization", "firma"),
    "last_message": ("lastmessage", "message", "enquiry", "notes", "comment"),
    "channel": ("channel", "leadsource"),
    "page_url": ("pageurl", "page"),
    "referrer": ("referrer", "camefrom"),
    "captured_at": ("capturedat", "createdat", "createdate", "created"),
    "attributes": ("attributes",),
    **{f"utm_{name}": (f"utm{name}",) for name in UTM},
}
_OURS = ("id", "updated_at", "identified_by", "client", "possible_duplicate", "enquiries")
_PURPOSE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_GRANTED = {"granted": (True, True), "granted, unconfirmed": (True, False), "withdrawn": (False, True)}
_YES, _NO = (
    {"yes", "true", "1", "ja", "oui", "si", "opt-in", "subscribed"},
    {
        *("no", "false", "0", "nein", "non", "opt-out", "unsubscribed"),
    },
)


@dataclass(frozen=True, slots=True)
class Read:
    """A row that can be taken."""

    lead: LeadData
    captured_at: datetime | None = None


class Refused(ValueError):
    """A row can't be taken; says why."""


def guessed(header: Sequence[str]) -> dict[str, str]:
    """Return what each column probably is: `{header: target}`."""
    known = {synonym: target for target, names in _SYNONYMS.items() for synonym in names}
    taken: set[str] = set()
    result = {}
    for name in header:
        target = known.get(re.sub(r"[\W_]+", "", name).lower(), "")
        if name.startswith(CONSENT):
            target = "consent"
        elif name.startswith(ATTRIBUTE):
            target = "attribute"
        if name in _OURS or (target in taken and target not in ("consent", "attribute")):
            target = ""
        taken.add(target)
        result[name] = target
    return result


def read(cells: Mapping[str, str], matched: Mapping[str, str], *, wording: str) -> Read:
    """Return a row as a lead. `matched` is `{header: target}`. Raises: Refused."""
    body: dict[str, Any] = {}
    source: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    consents: list[ConsentGiven] = []
    captured_at = None
    for header, target in matched.items():
        value = cells.get(header, "")
        if not value or not target:
            continue
        if target in _DETAILS:
            body[target] = value
        elif target == "last_message":
            body["message"] = value
        elif target in _SOURCE:
            source[target] = value
        elif target.startswith("utm_"):
            source.setdefault("utm", {})[target.removeprefix("utm_")] = value
        elif target == "captured_at":
            captured_at = _time(value)
        elif target == "attributes":
            attributes |= _object(value)
        elif target == "attribute":
            attributes[header.removeprefix(ATTRIBUTE)] = value
        elif target == "consent":
            consents.append(_consent(header, value, wording))
    body |= {"source": source} if source else {}
    body |= {"attributes": attributes} if attributes else {}
    try:
        lead = read_lead(body)
    except ValidationError as err:
        raise Refused(_words(err)) from err
    return Read(replace(lead, consent=tuple(consents)), captured_at)


def _words(err: ValidationError) -> str:
    return "; ".join(f"{each['field']}: {each['message']}" for each in flatten(err.detail))[:500]


def _time(value: str) -> datetime:
    try:
        at = parse_datetime(value) or parse_datetime(f"{value}T00:00:00")
    except ValueError:
        at = None
    if at is None:
        raise Refused("captured_at: Write times as 2026-03-31T08:00:00+02:00 or 2026-03-31.")
    return at if timezone.is_aware(at) else timezone.make_aware(at)


def _object(value: str) -> dict[str, Any]:
    try:
        # As the API reads it: what no database can hold is refused here, not by the database, with all rows beside it.
        found = loads(value.encode(errors="replace"))
    except ParseError:
        found = None
    if not isinstance(found, dict):
        raise Refused('attributes: Write them as a JSON object such as {"budget": 250}.')
    return found


def _consent(header: str, value: str, wording: str) -> ConsentGiven:
    name = re.sub(r"\W+", "_", header.removeprefix(CONSENT).strip().lower()).strip("_")
    if not _PURPOSE.fullmatch(name):
        raise Refused(f"{header[:60]}: A purpose has letters, digits and _, such as email_marketing.")
    said = value.strip().lower()
    if said in _GRANTED:
        granted, is_confirmed = _GRANTED[said]
    elif said in _YES | _NO:
        granted, is_confirmed = said in _YES, True
    else:
        raise Refused(f"{header[:60]}: Write granted or withdrawn, yes or no.")
    return ConsentGiven(name, granted, wording=wording, version="import", is_confirmed=is_confirmed)
