"""Mail to those who can mend it when a connector stops or leads need a person: at once, then once a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse

from config.dashboard.needs import has_stopped, stopped_because
from gateway import mail
from integrations.causes import causes
from integrations.models import Connector, ConnectorState, Delivery
from runtime.clock import db_now
from runtime.display import counted

# What nobody has mended is told again so often.
_AGAIN = timedelta(days=1)
_BY_THEMSELVES = ~Q(paused_at=None) & ~Q(pause_reason__in=["", "by_person"])


def alert() -> str:
    """Send one mail about every connector that needs somebody and hasn't said so; return what was done.

    A connector is claimed before the mail is sent, so that two workers don't send it twice, and given back if sending
    fails.
    """
    if not mail.can_send():
        return "No mail is set up (EMAIL_URL); home shows what needs you."
    readers = mail.people_who_may("integrations.change_connector")
    if not readers:
        return "Nobody who may change connectors has an e-mail address."
    _troubled(is_troubled=False).exclude(alerted_at=None).update(alerted_at=None)
    due = [state for state in _due() if _claim(state, db_now())]
    if not due:
        return "Nothing new needs anybody."
    try:
        _send(due, readers)
    except Exception:
        for state in due:
            ConnectorState.objects.filter(pk=state.pk).update(alerted_at=state.alerted_at)
        raise
    told = counted(len(readers), "person", "people")
    return f"{told} told of {counted(len(due), 'connector')}"


def _troubled(*, is_troubled: bool) -> QuerySet[ConnectorState]:
    stuck = Exists(Delivery.objects.filter(connector=OuterRef("pk"), state=Delivery.State.NEEDS_YOU))
    needs_somebody = Q(connector__is_active=True) & (_BY_THEMSELVES | stuck)
    return ConnectorState.objects.filter(needs_somebody if is_troubled else ~needs_somebody)


def _due() -> Sequence[ConnectorState]:
    now = db_now()
    # Where leads that need somebody were told of and then everything stops, that can't wait for a day.
    unsaid = Q(alerted_at=None) | Q(alerted_at__lte=now - _AGAIN) | (_BY_THEMSELVES & Q(paused_at__gt=F("alerted_at")))
    return list(_troubled(is_troubled=True).filter(unsaid).select_related("connector").order_by("connector__name"))


def _claim(state: ConnectorState, now: datetime) -> bool:
    return bool(ConnectorState.objects.filter(pk=state.pk, alerted_at=state.alerted_at).update(alerted_at=now))


def _send(states: Sequence[ConnectorState], readers: Sequence[str]) -> None:
    names = mail.one_line(", ".join(str(state.connector) for state in states))
    mail.send(f"ShopBotly: {names} needs you", [_about(state.connector) for state in states], readers)


def _about(connector: Connector) -> str:
    """Return what needs somebody at one connector, a line each, and where to press."""
    lines = [f"{counted(cause.count, 'lead')}: {cause.explanation}" for cause in causes(connector)]
    if has_stopped(connector):
        waiting = Delivery.objects.filter(connector=connector, state=Delivery.State.WAITING).count()
        lines.insert(0, stopped_because(connector, waiting))
    page = reverse("admin:integrations_connector_change", args=(connector.pk,))
    return "\n".join(
        [mail.one_line(str(connector)), *(f"- {mail.one_line(line, 600)}" for line in lines), f"  {mail.site()}{page}"]
    )
