"""What contacts look like to Brevo, and what its answers say. Pure.

Source: https://developers.brevo.com/reference/createcontact, /createdoicontact, /getattributes-1 (API v3).
"""

import re
from collections.abc import Mapping
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Contact, FieldType, Limits, Reply, VendorField
from integrations.providers.replies import error_in, number_in, raise_for_status
from integrations.providers.values import number, part, parts, text

_WRITABLE = {"normal", "category"}
_TYPES: Mapping[str, FieldType] = {"text": "text", "float": "number", "boolean": "boolean", "date": "date"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T|\Z)")
_DIGITS = re.compile(r"[0-9]+")
_PHONE = re.compile(r"\+?[0-9 ()./-]{7,24}\Z")
_CODE = re.compile(r"[a-z_]{1,60}\Z")
_NAME = re.compile(r"[A-Za-z_]{1,40}\Z")
# What these say is about the key or the account, not about a person.
_CONTACTS_WINDOW = 1.0
_SPEAKABLE = {401, 402, 403, 429}


def attributes(contact: Contact) -> dict[str, Any]:
    """Return a contact's attributes, their names in capital letters; several values become one text."""
    return {name.upper(): _value(value) for name, value in contact.fields.items()}


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return value if isinstance(value, bool | int | float) else str(value)


def ignored(sent: Mapping[str, Any], body: Any, *, strictly: bool = False) -> list[str]:
    """Return the attributes that were sent and are not there: unknown names and unfitting values go without a word.

    Strictly, those count too that may be there in a form of Brevo's own.
    """
    held = body.get("attributes") if isinstance(body, Mapping) else None
    kept = {str(name).upper(): value for name, value in held.items()} if isinstance(held, Mapping) else {}
    lost = [name for name, value in sent.items() if name not in kept or _is_another(value, kept[name])]
    return lost or [name for name, value in sent.items() if strictly and not _is_same(value, kept[name])]


def _is_another(sent: Any, held: Any) -> bool:
    """Tell whether an older value is still there, as the new one didn't fit; of texts Brevo makes its own form."""
    if isinstance(held, bool):
        return str(sent).lower() not in {"true": {"true", "yes", "1"}, "false": {"false", "no", "0"}}[str(held).lower()]
    if isinstance(held, int | float):
        # A choice is held by its number, whatever it was sent as.
        given = number(sent)
        return given is not None and given != number(held)
    is_date = isinstance(held, str) and _DATE.match(held)
    return bool(is_date) and sorted(_DIGITS.findall(str(sent))[:3]) != sorted(_DIGITS.findall(held)[:3])


def _is_same(sent: Any, held: Any) -> bool:
    """Tell whether a value that isn't known to be another is the one that was sent."""
    if isinstance(held, bool) or (isinstance(held, str) and _DATE.match(held)):
        return True
    if isinstance(held, int | float):
        return number(sent) == number(held)
    texts = [str(_value(each)).strip() for each in (sent, held)]
    if all(_PHONE.match(each) for each in texts):
        texts = ["".join(_DIGITS.findall(each)).removeprefix("00") for each in texts]
    return texts[0].casefold() == texts[1].casefold()


def vendor_fields(body: Any) -> list[VendorField]:
    """Return the fields of `{"attributes": [{"name", "category", "type", "enumeration"?}]}`. Raises: RetryLater."""
    found = body.get("attributes") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise errors.RetryLater("The answer was not a list of attributes.", code="garbled_reply")
    return [_field(item) for item in found if isinstance(item, Mapping) and isinstance(item.get("name"), str)]


def _field(item: Mapping[str, Any]) -> VendorField:
    choices = [str(choice["value"]) for choice in parts(item, "enumeration") if "value" in choice]
    return VendorField(
        name=item["name"],
        type="choice" if choices else _TYPES.get(str(item.get("type")), "text"),
        is_read_only=item.get("category") not in _WRITABLE,
        options=tuple(choices),
    )


def raise_for(reply: Reply) -> None:
    """Raise what a reply without success means. Raises: errors.ProviderError."""
    if 200 <= reply.status < 300:
        return
    code, message, doubled = _error(reply)
    if reply.status == 429:
        # It has no Retry-After: the seconds to the next window stand in a header of its own.
        raise errors.RetryLater(message[:200], code="rate_limited", status=429, after=seconds_left(reply))
    if reply.status == 400:
        raise _refused(code, message, doubled)
    raise_for_status(reply, message[:200] if reply.status in _SPEAKABLE else code)


def _refused(code: str, message: str, doubled: str) -> errors.Refused:
    said = message.lower()
    if "email" in said and ("valid" in said or "format" in said):
        return errors.Refused("The e-mail address is invalid.", code="invalid_email", status=400, field="email")
    if "phone" in said and "valid" in said:
        return errors.Refused("The phone number is invalid.", code="invalid_phone", status=400, field="SMS")
    if code == "duplicate_parameter":
        words = f"Another contact has the same {doubled or 'details'}."
        return errors.Refused(words, code="conflict", status=400, field=doubled)
    return errors.Refused(code or "bad_request", status=400)


def seconds_left(reply: Reply) -> float | None:
    """Return the seconds until Brevo takes calls again: `Retry-After`, else its own header; None where it says none."""
    told = (number_in(reply.headers, name) for name in ("Retry-After", "x-sib-ratelimit-reset"))
    return next((min(seconds, 86_400.0) for seconds in told if seconds is not None), None)


def limits_told(reply: Reply) -> Limits | None:
    """Return what Brevo says of the limit on contacts; other parts of it have windows of an hour, each its own."""
    left, seconds = (number_in(reply.headers, f"x-sib-ratelimit-{name}") for name in ("remaining", "reset"))
    if left is None or seconds is None or seconds > _CONTACTS_WINDOW:
        return None
    return Limits(remaining=int(left), resets_in=seconds, is_over=reply.status == 429)


def _error(reply: Reply) -> tuple[str, str, str]:
    """Return an error's code and message, which may quote what a person entered, and the identifier that is doubled."""
    told = error_in(reply)
    code = str(told.get("code") or "")
    doubled = part(told, "metadata").get("duplicate_identifiers")
    first = text(doubled[0]) if isinstance(doubled, list) and doubled else ""
    return code if _CODE.match(code) else "", text(told.get("message")), first if _NAME.match(first) else ""
