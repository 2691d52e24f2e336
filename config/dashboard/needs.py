"""What needs a person: one line per cause, with what to press."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse

from config.dashboard.connectors import Row
from config.stops import ended, has_stopped, stopped_because
from gateway.models import Key
from integrations import signing_in
from integrations.admin.causes import Link, Press, causes_shown
from integrations.models import Delivery
from integrations.services import NEEDS_REAUTH
from leads.models import Lead
from runtime.clock import db_now
from runtime.display import counted
from webhooks.models import InboundEvent
from webhooks.sources import refused_lately
from webhooks.vendor_card import refusal_words

_OVERDUE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why something waits for a person; `is_look` marks what may also wait a while.

    `said` are the own words of `vendor` where `words` doesn't hold them.
    """

    words: str
    links: Sequence[Link] = ()
    presses: Sequence[Press] = ()
    is_look: bool = False
    said: str = ""
    vendor: str = ""


def causes(request: HttpRequest, rows: Sequence[Row]) -> list[Cause]:
    """Return what needs this person, the urgent first; at most eight statements."""
    may = request.user.has_perm
    found: list[Cause] = []
    if may("integrations.view_connector"):
        found += _stopped(rows)
    if may("integrations.view_delivery"):
        found += [*_overdue(), *_deliveries(request)]
    if may("integrations.view_credential"):
        found += _old_keys()
    if may("webhooks.view_inboundevent"):
        found += _events()
    if may("webhooks.view_source"):
        found += _refused()
    if may("gateway.view_key"):
        found += _exposed()
    if may("leads.view_lead"):
        found += _duplicates()
    return sorted(found, key=lambda cause: cause.is_look)


def _stopped(rows: Sequence[Row]) -> list[Cause]:
    return [_stop(row) for row in rows if has_stopped(row.connector)]


def _stop(row: Row) -> Cause:
    connector = row.connector
    links = [Link("Open the connector", row.address)]
    if connector.status.pause_reason == NEEDS_REAUTH and connector.credential_id:
        address = reverse("admin:integrations_credential_change", args=(connector.credential_id,))
        links.insert(0, Link("Enter a new key", address))
    presses = [Press(row.press["label"], row.press["address"])] if row.press else []
    return Cause(stopped_because(connector, row.waiting), links, presses)


def _overdue() -> list[Cause]:
    """Deliveries that nobody takes, though nothing holds them."""
    late = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lt=db_now() - _OVERDUE)
    count = late.filter(connector__is_active=True, connector__status__paused_at=None).count()
    if not count:
        return []
    words = (
        f"{counted(count, 'delivery', 'deliveries')} should have left more than two minutes ago. "
        "If this number doesn't fall, the worker is not running: start it; nothing is lost."
    )
    return [Cause(words, [Link(f"See the {count:,}", _list("integrations_delivery", state__exact="waiting"))])]


def _deliveries(request: HttpRequest) -> list[Cause]:
    """Deliveries that wait for a person, by what stopped them."""
    return [
        Cause(shown.words, shown.links, shown.presses, said=shown.said, vendor=shown.vendor)
        for shown in causes_shown(request)
    ]


def _events() -> list[Cause]:
    groups = (
        InboundEvent.objects.filter(state=InboundEvent.State.NEEDS_YOU)
        .values("source", "reason", called=Coalesce("source__connector__name", "source__name"))
        .annotate(count=Count("pk"))
        .order_by("-count")[:10]
    )
    found = []
    for group in groups:
        address = _list("webhooks_inboundevent", state__exact="needs_you", source__id__exact=group["source"])
        events = counted(group["count"], "event")
        words = f"{events} from {group['called']} could not be read: {group['reason'] or 'no reason was given'}"
        found.append(Cause(ended(words), [Link(f"See the {events}", address)]))
    return found


def _refused() -> list[Cause]:
    """Connectors whose vendor's last message was refused."""
    found = []
    for source in refused_lately()[:10]:
        address = reverse("admin:integrations_connector_change", args=(source.connector_id,))
        words = f"The last message from {source} was refused: {refusal_words(source)}."
        found.append(Cause(words, [Link("Open the connector", address)]))
    return found


def _exposed() -> list[Cause]:
    """Secret keys that were seen where they must not be."""
    keys = (
        Key.objects.filter(revoked_at=None, expires_at__gt=db_now()).exclude(exposed_at=None).select_related("client")
    )
    return [
        Cause(
            f"A secret key of {key.client} ({key}) was seen where others can read it: in a web page, an address "
            "or over plain HTTP. Rotate it now: put the new one in place, then revoke this one.",
            [
                Link("Open the key", reverse("admin:gateway_key_change", args=(key.pk,))),
                Link("Open the client", reverse("admin:gateway_client_change", args=(key.client_id,))),
            ],
        )
        for key in keys[:10]
    ]


def _old_keys() -> list[Cause]:
    """Vendors' keys that are a quarter old."""
    return [
        Cause(
            f"The key “{row.name}” is {(db_now() - row.entered_at).days} days old. Make a new one at the vendor's, "
            "store it as the second key, then swap.",
            [Link("Open the key", reverse("admin:integrations_credential_change", args=(row.pk,)))],
            is_look=True,
        )
        for row in signing_in.grown_old()[:10]
    ]


def _duplicates() -> list[Cause]:
    count = Lead.objects.filter(possible_duplicate=True).count()
    if not count:
        return []
    words = f"{counted(count, 'lead')} may be the same person as another: they share an identifier."
    return [Cause(words, [Link("See them", _list("leads_lead", possible_duplicate__exact=1))], is_look=True)]


def _list(name: str, **filters: Any) -> str:
    given = {key: str(value) for key, value in filters.items() if str(value)}
    return f"{reverse(f'admin:{name}_changelist')}?{urlencode(given)}"
