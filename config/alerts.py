"""Mail to those who can mend it when a connector stops or something needs a person: at once, then once a day.

What was told of stands in `ConnectorState.alerted`, by cause: `stopped:<why>`, `needs_you:<reason>`. A cause that comes
and goes within a day is told of once; a key that is entered or a sign-in makes it news again (`alerts_forget`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from config.stops import has_stopped, stopped_because
from gateway import mail
from gateway.paths import page_of
from integrations.causes import causes
from integrations.models import Connector, ConnectorState, Delivery
from runtime.clock import db_now
from runtime.display import counted

# What nobody has mended is told again so often.
_AGAIN = timedelta(days=1)
_NOTHING = "Nothing new needs anybody."
LEASE = timedelta(minutes=2)
"""Longer than a mail server may take: whoever is killed while sending is followed by another soon after."""


def alert() -> str:
    """Send one mail about every connector that needs somebody and hasn't said so; return what was done.

    A connector is claimed for two minutes, so that two workers don't send it twice, and noted as told of once the mail
    has left: where a worker is killed in between, the next one sends it, at worst again.
    """
    if not mail.can_send():
        return "No mail is set up (EMAIL_URL); home shows what needs you."
    readers = mail.people_who_may("integrations.change_connector")
    if not readers:
        return "Nobody who may change connectors has an e-mail address."
    until = db_now() + LEASE
    claimed = [state for state, now_wrong in _troubled() if _is_news(state, now_wrong) and _claim(state, until)]
    if not claimed:
        return _NOTHING
    try:
        # Asked once more: another may have told of it between our look and our claim.
        due = [(state, wrong) for state, wrong in _troubled(claimed) if _is_news(state, wrong)]
        if due:
            _send([state for state, _ in due], readers)
            _note(due)
    except Exception:
        _release(claimed, until)
        raise
    _release(claimed, until)
    if not due:
        return _NOTHING
    told = counted(len(readers), "person", "people")
    return f"{told} told of {counted(len(due), 'connector')}"


_Wrong = frozenset[str]
"""What is wrong at a connector, as keys of `ConnectorState.alerted`."""


def _troubled(among: Sequence[ConnectorState] | None = None) -> list[tuple[ConnectorState, _Wrong]]:
    """Return the connectors that need somebody with what is wrong there, as the database has it now."""
    stuck: dict[object, set[str]] = defaultdict(set)
    waiting = Delivery.objects.filter(state=Delivery.State.NEEDS_YOU, connector__is_active=True)
    for connector, reason in waiting.order_by().values_list("connector", "reason").distinct():
        stuck[connector].add(f"needs_you:{reason}")
    paused = ~Q(paused_at=None) & ~Q(pause_reason__in=["", "by_person"])
    states = ConnectorState.objects.filter(paused | Q(pk__in=stuck), connector__is_active=True)
    if among is not None:
        states = states.filter(pk__in=[state.pk for state in among])
    found = []
    for state in states.select_related("connector").order_by("connector__name"):
        stop = {f"stopped:{state.pause_reason}"} if has_stopped(state.connector) else set()
        found.append((state, frozenset(stop | stuck[state.pk])))
    return found


def _is_news(state: ConnectorState, wrong: _Wrong) -> bool:
    return bool(wrong - set(_lately(state, db_now())))


def _lately(state: ConnectorState, now: datetime) -> dict[str, str]:
    """Return what was told of within the last day, and when."""
    told: dict[str, str] = state.alerted or {}
    return {cause: at for cause, at in told.items() if datetime.fromisoformat(at) > now - _AGAIN}


def _claim(state: ConnectorState, until: datetime) -> bool:
    free = Q(alerting_until=None) | Q(alerting_until__lte=db_now())
    return bool(ConnectorState.objects.filter(free, pk=state.pk).update(alerting_until=until))


def _release(states: Iterable[ConnectorState], until: datetime) -> None:
    # By the time of the claim: one that ran out may be somebody else's by now.
    mine = ConnectorState.objects.filter(pk__in=[state.pk for state in states], alerting_until=until)
    mine.update(alerting_until=None)


def _note(told: Iterable[tuple[ConnectorState, _Wrong]]) -> None:
    now = db_now()
    for state, wrong in told:
        kept = {**_lately(state, now), **dict.fromkeys(sorted(wrong), now.isoformat())}
        ConnectorState.objects.filter(pk=state.pk).update(alerted=kept)


def _send(states: Sequence[ConnectorState], readers: Sequence[str]) -> None:
    names = mail.one_line(", ".join(str(state.connector) for state in states))
    mail.send(f"ShopBotly: {names} needs you", [_about(state.connector) for state in states], readers)


def _about(connector: Connector) -> str:
    """Return what needs somebody at one connector, a line each, and where to press."""
    lines = [f"{cause.counted}: {cause.explanation}" for cause in causes(connector)]
    if has_stopped(connector):
        waiting = Delivery.objects.filter(connector=connector, state=Delivery.State.WAITING).count()
        lines.insert(0, stopped_because(connector, waiting))
    return "\n".join(
        [
            mail.one_line(str(connector)),
            *(f"- {mail.one_line(line, 600)}" for line in lines),
            f"  {mail.site()}{page_of(connector)}",
        ]
    )
