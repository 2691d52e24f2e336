"""What a member of an audience looks like to Mailchimp, and what its answers say. Pure.

Source: https://mailchimp.com/developer/marketing/api/list-members/, /list-merges/, /docs/errors/.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Contact, FieldType, Reply, VendorField
from integrations.providers.replies import raise_for_status, retry_after
from integrations.providers.subscribing import LEFT_THERE

_TYPES: Mapping[str, FieldType] = {"number": "number", "zip": "text", "date": "date", "radio": "choice"}
_LONGEST = 255
_TAG = re.compile(r"(?:merge_fields\.)?([A-Z0-9_]{1,20})\Z")
# What these say is about the key or the account, not about a person.
_SPEAKABLE = {401, 403, 429}


def member_hash(email: str) -> str:
    """Return how Mailchimp calls a member: the MD5 of the address in small letters."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def merge_fields(contact: Contact) -> dict[str, Any]:
    """Return a contact's merge fields, their tags in capital letters."""
    return {tag.upper(): _value(value) for tag, value in contact.fields.items()}


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    # An address is an object there.
    return value if isinstance(value, int | float | dict) else str(value)[:_LONGEST]


def missing_tag(sent: Mapping[str, Any], member: Mapping[str, Any]) -> str:
    """Return a merge field that was sent and that the audience doesn't have; empty where there is none."""
    held = member.get("merge_fields")
    kept = set(held) if isinstance(held, Mapping) else set()
    return next((tag for tag in sent if tag not in kept), "")


def member(body: Any) -> Mapping[str, Any]:
    """Return an answer as a member. Raises: RetryLater where it is none."""
    if not isinstance(body, Mapping) or not isinstance(body.get("id"), str) or not isinstance(body.get("status"), str):
        raise errors.RetryLater("The answer was not a member.", code="garbled_reply")
    return body


def vendor_fields(body: Any) -> list[VendorField]:
    """Return the fields of `{"merge_fields": [{"tag", "name", "type", "required", "options"}]}`. Raises: RetryLater."""
    found = body.get("merge_fields") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise errors.RetryLater("The answer was not a list of merge fields.", code="garbled_reply")
    return [_field(item) for item in found if isinstance(item, Mapping) and isinstance(item.get("tag"), str)]


def _field(item: Mapping[str, Any]) -> VendorField:
    options = item.get("options")
    told = options if isinstance(options, Mapping) else {}
    choices = told.get("choices")
    size = told.get("size")
    kind: FieldType = "choice" if item.get("type") == "dropdown" else _TYPES.get(str(item.get("type")), "text")
    return VendorField(
        name=item["tag"],
        label=str(item.get("name") or ""),
        type=kind,
        is_required=item.get("required") is True,
        options=tuple(map(str, choices)) if isinstance(choices, list) else (),
        max_length=size if isinstance(size, int) and kind == "text" and size > 0 else None,
    )


def raise_for(reply: Reply) -> None:
    """Raise what a reply without success means. Raises: errors.ProviderError."""
    if 200 <= reply.status < 300:
        return
    problem = _problem(reply.body)
    if reply.status == 429 or (reply.status == 403 and not problem):
        # Over its limit of calls at once it sometimes answers a bare 403.
        after = retry_after(reply.headers)
        raise errors.RetryLater("Too many calls at once.", code="rate_limited", status=reply.status, after=after)
    title, detail = (str(problem.get(name) or "") for name in ("title", "detail"))
    if reply.status == 400:
        raise _refused(title, detail, problem)
    raise_for_status(reply, detail[:200] if reply.status in _SPEAKABLE else "")


def _refused(title: str, detail: str, problem: Mapping[str, Any]) -> errors.Refused:
    """Return what a 400 says; its detail quotes the address, so only what is known is told."""
    if title == "Member In Compliance State":
        return errors.Refused("The member has left, bounced or is under review.", code=LEFT_THERE, status=400)
    if title == "Forgotten Email Not Subscribed":
        words = "The address was deleted for good there; only the person can come back, by one of its forms."
        return errors.Refused(words, code=LEFT_THERE, status=400)
    if "email" in detail and ("valid" in detail or "fake" in detail):
        return errors.Refused("The e-mail address is invalid.", code="invalid_email", status=400, field="email")
    for item in _objects(problem.get("errors")):
        tag = _TAG.match(str(item.get("field") or ""))
        if tag:
            return errors.Refused(f"Mailchimp does not take the value of {tag[1]}.", status=400, field=tag[1])
    return errors.Refused(title if title in _TITLES else "", status=400)


_TITLES = {"Invalid Resource", "Bad Request", "JSON Parse Error", "Resource Nested Too Deeply"}


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, Mapping) else {}
