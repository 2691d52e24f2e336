"""The card on a connector's page: what its vendor tells."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from integrations.admin import cards
from integrations.durations import said
from integrations.models import Connector
from webhooks import vendor_card


def card(request: HttpRequest, connector: Connector) -> cards.Card | None:
    """Return the card, for those who may see where events come from."""
    if not request.user.has_perm("webhooks.view_source"):
        return None
    now = vendor_card.standing(connector)
    if now is None:
        return None
    shown: dict[str, Any] = {"template": "webhooks/vendor_card.html", "now": now}
    if now.asks_every:
        shown["asks_every"] = said(now.asks_every)
    if request.user.has_perm("webhooks.add_source") and now.setup:
        shown["make"] = reverse("admin:webhooks_source_make", args=(connector.pk,))
    if now.source and request.user.has_perm("webhooks.change_source"):
        shown["change"] = reverse("admin:webhooks_source_change", args=(now.source.pk,))
        shown["renew"] = reverse("admin:webhooks_source_press", args=(now.source.pk, "new_address"))
    if now.source and request.user.has_perm("webhooks.view_inboundevent"):
        every = f"{reverse('admin:webhooks_inboundevent_changelist')}?source__id__exact={now.source.pk}"
        shown["list"], shown["list_of_needs"] = every, f"{every}&state__exact=needs_you"
    return shown


cards.register(card)
