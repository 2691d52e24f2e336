"""Figures of deliveries and look-ups."""

from collections.abc import Iterator

from django.db.models import Count, Min
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily

from integrations.models import Delivery
from runtime.clock import db_now

LOOKUPS = Counter("shopbotly_lookups", "Facts looked up, by where the answer came from", ["kind", "cache"])
SETTLED = Counter("shopbotly_deliveries_settled", "Tries to deliver, by what became of them", ["connector", "state"])

_State = Delivery.State
_OPEN = (_State.WAITING, _State.SENDING, _State.CONFIRMING, _State.NEEDS_YOU)


def gauges() -> Iterator[GaugeMetricFamily]:
    """Tell what is on its way or needs a person, and how long the oldest delivery is overdue."""
    deliveries = GaugeMetricFamily(
        "shopbotly_deliveries", "Deliveries that have not come to an end", labels=["connector", "state"]
    )
    open_rows = Delivery.objects.filter(state__in=_OPEN).order_by()
    for connector, state, number in open_rows.values_list("connector__name", "state").annotate(number=Count("pk")):
        deliveries.add_metric([connector, state], number)
    yield deliveries

    overdue = GaugeMetricFamily(
        "shopbotly_queue_age_seconds", "How long the oldest waiting delivery is overdue", labels=["connector"]
    )
    now = db_now()
    waiting = Delivery.objects.filter(state=_State.WAITING).order_by()
    for connector, due_at in waiting.values_list("connector__name").annotate(due=Min("due_at")):
        overdue.add_metric([connector], max(0.0, (now - due_at).total_seconds()))
    yield overdue
