"""What Mailchimp's webhooks tell: as a form, unsigned, so that the secret address is their only proof. Pure.

Source: https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from integrations.providers.base import Received, VendorEvent
from integrations.providers.errors import Refused
from integrations.providers.mailchimp.members import member_hash
from integrations.providers.values import digest

_MOST_FIELDS = 500
_TYPES = {
    "subscribe": "contact.subscribed",
    "unsubscribe": "contact.unsubscribed",
    "profile": "contact.changed",
    "upemail": "contact.changed",
    "cleaned": "contact.changed",
}


def parse(received: Received, list_id: str) -> list[VendorEvent]:
    """Return what happened to a member of the connector's audience. Raises: Refused."""
    fields = _fields(received.body)
    kind, email = fields.get("type", ""), (fields.get("data[email]") or fields.get("data[new_email]") or "").lower()
    if not kind:
        raise Refused("The message does not say what happened.", code="unreadable")
    if kind not in _TYPES or not email or (list_id and fields.get("data[list_id]", list_id) != list_id):
        return []
    type = _type(kind, fields)
    # `data[id]` is the API's `unique_email_id`. What we know somebody by is the hash of the address they had.
    id = member_hash(fields.get("data[old_email]") or email)
    data = {"record_id": id, "email": email[:254]}
    if type == "contact.subscribed" and fields.get("data[ip_opt]"):
        # An address of the net stands there only where the person confirmed by themselves.
        data["confirmed"] = "yes"
    fired_at = fields.get("fired_at") or digest(received.body.decode("utf-8", "replace"))
    # In which zone it fired isn't said: a withdrawal that is hours off could seem older than the consent it ends.
    return [VendorEvent(type, f"contact:{id}", digest(kind, email, fired_at), data=data)]


def _type(kind: str, fields: Mapping[str, str]) -> str:
    if kind == "cleaned" and fields.get("data[reason]") == "abuse":
        # Who calls a mail spam wants no more of them.
        return "contact.unsubscribed"
    if kind == "unsubscribe" and fields.get("data[action]") == "delete":
        return "contact.deleted"
    return _TYPES[kind]


def _fields(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as err:
        raise Refused("The message is not a form.", code="unreadable") from err
