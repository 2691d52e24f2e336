"""A row for each connector: its state, its last success, what waits, and the button that pauses it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from integrations.admin.connectors import connector_state, pause_button
from integrations.models import Connector, Delivery


@dataclass(frozen=True, slots=True)
class Row:
    """A connector as the home page shows it; `press` is its pause or resume button where this person may press it."""

    connector: Connector
    state: SafeString
    last_success_at: datetime | None
    waiting: int
    address: str
    waiting_address: str
    press: dict[str, Any] | None


def rows(request: HttpRequest) -> list[Row]:
    """Return every connector that is switched on or was; two statements."""
    if not request.user.has_perm("integrations.view_connector"):
        return []
    waiting = dict(
        Delivery.objects.filter(state=Delivery.State.WAITING).values_list("connector").annotate(Count("pk")).order_by()
    )
    may_press = request.user.has_perm("integrations.change_connector")
    found = Connector.objects.select_related("status", "credential").order_by("name")
    return [_row(connector, waiting.get(connector.pk, 0), may_press) for connector in found]


def _row(connector: Connector, waiting: int, may_press: bool) -> Row:
    status = getattr(connector, "status", None)
    deliveries = reverse("admin:integrations_delivery_changelist")
    return Row(
        connector,
        connector_state(connector),
        status.last_success_at if status else None,
        waiting,
        reverse("admin:integrations_connector_change", args=(connector.pk,)),
        f"{deliveries}?connector__id__exact={connector.pk}&state__exact={Delivery.State.WAITING}",
        pause_button(connector) if may_press and connector.is_active else None,
    )
