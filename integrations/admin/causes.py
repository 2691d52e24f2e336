"""What waits for a person, with the buttons that mend it: the same on the home page and on a connector's."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from integrations.causes import Cause, causes
from integrations.models import Connector


@dataclass(frozen=True, slots=True)
class Press:
    """A button that posts `fields` to `address`; `confirm` asks once."""

    label: str
    address: str
    fields: dict[str, str] = field(default_factory=dict)
    confirm: str = ""
    is_primary: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """A way to a page."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class CauseShown:
    """A cause in words, with what this person may press; `said` are the vendor's own words."""

    words: str
    said: str
    vendor: str
    presses: tuple[Press, ...]
    links: tuple[Link, ...]


_LEADS_COME_AGAIN = {"lead": " unless they get in touch again"}


def causes_shown(request: HttpRequest, connector: Connector | None = None) -> list[CauseShown]:
    """Return what waits for a person, most first."""
    return [_shown(request, cause) for cause in causes(connector)]


def _shown(request: HttpRequest, cause: Cause) -> CauseShown:
    words = f"{cause.counted} {'waits' if cause.count == 1 else 'wait'}: {cause.explanation}"
    said = "" if cause.said in cause.explanation else cause.said
    return CauseShown(words, said, cause.connector.name, _presses(request, cause), _links(request, cause))


def _presses(request: HttpRequest, cause: Cause) -> tuple[Press, ...]:
    if not request.user.has_perm("integrations.change_delivery"):
        return ()
    fields = {"reason": cause.reason, "field": cause.field}
    one = cause.count == 1
    found = []
    if cause.can_leave_out and request.user.has_perm("integrations.change_connector"):
        confirm = f"“{cause.field}” is taken off the mapping and no longer sent to {cause.connector}. Go on?"
        found.append(Press("Leave the field out", _address(cause, "leave_out"), fields, confirm))
    if cause.can_send_all_again:
        again = "Send again" if one else f"Send the {cause.count:,} again"
        found.append(Press(again, _address(cause, "send_again"), fields, is_primary=not found))
    cancel = "Cancel it" if one else f"Cancel the {cause.count:,}"
    lost = f"{cause.counted} will not be sent to {cause.connector}{_LEADS_COME_AGAIN.get(cause.nouns[0], '')}."
    found.append(Press(cancel, _address(cause, "cancel"), fields, f"{lost} Cancel?", is_primary=False))
    return tuple(found)


def _links(request: HttpRequest, cause: Cause) -> tuple[Link, ...]:
    filters: dict[str, Any] = {
        "state__exact": "needs_you",
        "connector__id__exact": cause.connector.pk,
        "reason": cause.reason or "-",
    }
    if cause.field:
        filters["field"] = cause.field
    every = f"{reverse('admin:integrations_delivery_changelist')}?{urlencode(filters)}"
    links = [Link("See it" if cause.count == 1 else f"See the {cause.count:,}", every)]
    if request.user.has_perm("integrations.view_connector"):
        mapping = reverse("admin:integrations_connector_change", args=(cause.connector.pk,))
        links.insert(0, Link("Open the connector", mapping))
    return tuple(links)


def _address(cause: Cause, name: str) -> str:
    return reverse("admin:integrations_sync_cause", args=(cause.connector.pk, name))
