"""What profiles, jobs and subscriptions look like to Klaviyo, and what its answers say. Pure.

Source: https://developers.klaviyo.com/en/reference (JSON:API, revision 2026-07-15).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integrations.providers import errors
from integrations.providers.base import Contact, Outcome, Reply, VendorField
from integrations.providers.replies import raise_for_status

_ATTRIBUTES = ("phone_number", "first_name", "last_name", "organization", "title", "locale", "external_id", "image")
_LOCATION = ("address1", "address2", "city", "region", "zip", "country", "timezone", "ip")
# These have ended for good: no mail of ours brings somebody back.
_BOUNCED = {"HARD_BOUNCE", "INVALID_EMAIL"}
_REASONS = {
    "duplicate_profile": ("conflict", "Another profile already has one of these values."),
    "invalid_phone": ("invalid_phone", "The phone number is invalid."),
}
# What these say is about the key or the account, not about a person.
_SPEAKABLE = {401, 403, 429}
_CODE = re.compile(r"[a-z_]{1,60}\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ $-]{0,80}\Z")
_PLACE = re.compile(r"/profiles/data/([0-9]{1,5})(?:/|\Z)")


def attributes(contact: Contact) -> dict[str, Any]:
    """Return a contact's attributes; what Klaviyo has no attribute for becomes a property of the company's own."""
    found: dict[str, Any] = {"email": contact.email}
    for name, value in contact.fields.items():
        part, _, place = name.partition(".")
        if part == "location" and place in _LOCATION:
            found.setdefault("location", {})[place] = str(value)
        elif name in _ATTRIBUTES:
            found[name] = str(value)
        elif name != "email":
            found.setdefault("properties", {})[name] = list(value) if isinstance(value, tuple) else value
    return {name: value for name, value in found.items() if value not in ("", None)}


def document(kind: str, attributes: Mapping[str, Any], list_id: str = "") -> dict[str, Any]:
    """Return a JSON:API document, with a list it is about where there is one."""
    data: dict[str, Any] = {"type": kind, "attributes": dict(attributes)}
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}


def profiles(every: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the attributes of a job about several profiles."""
    return {"profiles": {"data": [{"type": "profile", "attributes": dict(one)} for one in every]}}


def consent(contact: Contact, said: str) -> dict[str, Any]:
    """Return a contact as subscriptions know it; `said` is SUBSCRIBED or UNSUBSCRIBED."""
    return {"email": contact.email, "subscriptions": {"email": {"marketing": {"consent": said}}}}


def resource(body: Any, kind: str) -> Mapping[str, Any]:
    """Return the one resource of an answer. Raises: RetryLater where it is none of the kind."""
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping) or data.get("type") != kind or not isinstance(data.get("id"), str):
        raise errors.RetryLater(f"The answer was no {kind}.", code="garbled_reply")
    return data


def resources(body: Any) -> list[Mapping[str, Any]]:
    """Return the resources of an answer. Raises: RetryLater where it is no list."""
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, list):
        raise errors.RetryLater("The answer was no list.", code="garbled_reply")
    return [item for item in data if isinstance(item, Mapping)]


def inside(value: Any, *names: str) -> Mapping[str, Any]:
    """Return an object inside others; empty where it isn't there."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def has_bounced(marketing: Mapping[str, Any]) -> bool:
    """Tell whether mails to somebody can't arrive."""
    return any(item.get("reason") in _BOUNCED for item in _objects(marketing.get("suppression")))


def has_left(marketing: Mapping[str, Any], list_id: str) -> bool:
    """Tell whether somebody wants no mails any more, in general or of this list."""
    from_list = (item.get("list_id") for item in _objects(marketing.get("list_suppressions")))
    is_suppressed = bool(_objects(marketing.get("suppression"))) or list_id in from_list
    return is_suppressed or marketing.get("consent") == "UNSUBSCRIBED"


def left_at(marketing: Mapping[str, Any]) -> str:
    """Return when somebody left last, as Klaviyo writes it."""
    told = [*_objects(marketing.get("suppression")), *_objects(marketing.get("list_suppressions"))]
    return max([str(item.get("timestamp") or "") for item in told], default=str(marketing.get("last_updated") or ""))


def vendor_fields(seen: Sequence[Mapping[str, Any]], named: Iterable[str]) -> list[VendorField]:
    """Return the attributes of profiles, and every property that was seen on one or named by the company."""
    own = {str(name) for profile in seen for name in inside(profile, "attributes", "properties")}
    known = [*_ATTRIBUTES, *(f"location.{place}" for place in _LOCATION)]
    return [VendorField(name) for name in known] + [VendorField(name) for name in sorted({*own, *named} - {*known})]


def next_page(body: Any) -> str:
    """Return the cursor of the page that follows; empty where none does."""
    link = inside(body, "links").get("next")
    return parse_qs(urlsplit(link).query).get("page[cursor]", [""])[-1] if isinstance(link, str) else ""


def failures(found: Sequence[Mapping[str, Any]]) -> dict[str, Outcome]:
    """Return what went wrong for each profile of an import, by its place; "" is one whose place isn't told."""
    told: dict[str, Outcome] = {}
    for error in found:
        known = inside(error, "attributes")
        pointer = str(inside(known, "source").get("pointer") or "")
        place = _PLACE.search(pointer)
        refused = _refused(known, pointer)
        told.setdefault(place[1] if place else "", Outcome.rejected(refused.code, refused.words, refused.field))
    return told


def raise_for(reply: Reply) -> None:
    """Raise what a reply without success means. Raises: errors.ProviderError."""
    if 200 <= reply.status < 300:
        return
    error = _first_error(reply.body)
    if reply.status in {400, 409, 422} and error:
        raise _refused(error, str(inside(error, "source").get("pointer") or ""), reply.status)
    detail = error.get("detail")
    said = detail[:200] if reply.status in _SPEAKABLE and isinstance(detail, str) else ""
    raise_for_status(reply, said)


def _refused(error: Mapping[str, Any], pointer: str, status: int | None = None) -> errors.Refused:
    """Return what an error says; its detail quotes what a person entered, so only what is known is told."""
    code = str(error.get("code") or "")
    code = code if _CODE.match(code) else ""
    last = pointer.rpartition("/")[2]
    field = last if _NAME.match(last) and last not in {"data", "attributes", "profiles"} else ""
    if field == "email":
        return errors.Refused("The e-mail address is invalid.", code="invalid_email", status=status, field="email")
    if field == "phone_number":
        code = "invalid_phone"
    reason, words = _REASONS.get(code, ("", f"Klaviyo does not take the value of {field}." if field else code))
    return errors.Refused(words, code=reason, status=status, field=field)


def _first_error(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found = _objects(parsed.get("errors")) if isinstance(parsed, Mapping) else []
    return found[0] if found else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
