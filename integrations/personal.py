"""How this room's tables forget a person."""

from django.db.models import Q

from integrations.models import Call, Delivery
from integrations.outbox import ERASE
from runtime import personal
from runtime.personal import Person


def _calls_forget(who: Person) -> int:
    """Blank the bodies of every call that carried somebody; they are scrubbed, but a name may stand in a text."""
    carried = Call.objects.filter(deliveries__subject_kind="lead", deliveries__subject_id=who.lead_id)
    ids = list(carried.values_list("pk", flat=True).distinct())
    mentioned = who.mentioned_in("request_body", "response_body", "error", "url") or Q(pk__in=[])
    return Call.objects.filter(Q(pk__in=ids) | mentioned).update(
        request_body="", response_body="", error="", url="(erased)"
    )


def _deliveries_forget(who: Person) -> int:
    """Keep what was done and when; the vendors' words about somebody go. Their erasures need the vendors' ids yet."""
    mine = Delivery.objects.filter(subject_kind="lead", subject_id=who.lead_id)
    mine.exclude(operation=ERASE).update(vendor_words="", field="")
    return mine.count()


def register() -> None:
    """Register every table of this room."""
    personal.register("integrations.Call", "calls to connected systems", _calls_forget)
    personal.register("integrations.Delivery", "deliveries", _deliveries_forget)
    configured = "what people configured, not about leads"
    personal.harmless(configured, "integrations.Connector", "integrations.Credential", "integrations.ConnectorState")
    personal.harmless(configured, "integrations.MappingVersion")
    personal.harmless("says which deliveries are meant by connector, state and reason", "integrations.Sweep")
