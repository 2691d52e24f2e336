"""The outbox seen from inside: filled at a stroke, counted."""

from django.db.models import Count

from gateway.models import Client, RequestLog
from integrations import outbox
from integrations.models import Connector, Delivery
from leads.models import Lead

_AT_ONCE = 1000


def fill(count: int) -> int:
    """Write `count` leads that every connector still has to be told."""
    client = Client.objects.get()
    connectors = list(Connector.objects.all())
    for start in range(0, count, _AT_ONCE):
        leads = Lead.objects.bulk_create(_lead(client, n) for n in range(start, min(start + _AT_ONCE, count)))
        outbox.put([outbox.Wanted(connector.pk, lead.pk, "upsert") for lead in leads for connector in connectors])
    return count


def _lead(client: Client, number: int) -> Lead:
    return Lead(
        client=client,
        email=f"anna.{number}@example.com",
        identified_by=Lead.IdentifiedBy.EMAIL,
        first_name="Anna",
        last_name="Larsen",
        company="Nordlys AS",
        source={"channel": "chat"},
    )


def states() -> dict[str, int]:
    """Return how many deliveries are in each state, and how many leads there are under `leads`."""
    counted = Delivery.objects.order_by().values("state").annotate(count=Count("pk")).values_list("state", "count")
    return {"leads": Lead.objects.count(), **dict(counted)}


def refusals() -> dict[str, int]:
    """Return how often the API answered with each error."""
    rows = RequestLog.objects.filter(status__gte=400).order_by().values("status", "code").annotate(count=Count("pk"))
    return {f"{row['status']} {row['code']}": row["count"] for row in rows}
