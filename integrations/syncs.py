"""How a connector does with its leads, in figures and words: what its page shows and keeps up to date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from integrations.connections import quota_of
from integrations.durations import said
from integrations.models import Connector, ConnectorState, Delivery, Sweep
from integrations.providers.base import OPERATIONS
from integrations.providers.registry import PROVIDERS, class_of, provider_class
from integrations.quota import Window
from integrations.retries import Policy
from integrations.subjects import nouns
from runtime.clock import db_now
from runtime.display import counted

State = Delivery.State

SPEED_WINDOW = timedelta(minutes=1)
_MOST_KINDS_SEEN = 500
_OVERDUE = timedelta(minutes=2)


def writers() -> list[str]:
    """Return the providers that write leads."""
    able = tuple(OPERATIONS.values())
    return [key for key in PROVIDERS if issubclass(provider_class(key), able)]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a connector has to do, does and has done."""

    waiting: int
    due: int
    overdue: int
    sending: int
    confirming: int
    needs_you: int
    delivered_today: int
    delivered_lately: int
    """Within the last minute."""
    oldest_at: datetime | None
    nouns: tuple[str, str] = ("lead", "leads")
    """What is unsettled is called so, one and many."""

    def said(self, number: int) -> str:
        """Return so many of what is unsettled: "12 leads"."""
        return counted(number, *self.nouns)

    @property
    def seconds_left(self) -> float | None:
        """How long what waits will take at the speed of the last minute; None where nothing moves or nothing waits."""
        if not (self.waiting and self.delivered_lately):
            return None
        return self.waiting * SPEED_WINDOW.total_seconds() / self.delivered_lately


def figures(connector: Connector) -> Figures:
    """Count a connector's deliveries; four statements, none of which grows with what was delivered before today."""
    now = db_now()
    mine = Delivery.objects.filter(connector=connector)
    unsettled = mine.filter(state__in=[State.WAITING, State.SENDING, State.CONFIRMING, State.NEEDS_YOU])
    counts = unsettled.aggregate(
        waiting=Count("pk", filter=Q(state=State.WAITING)),
        due=Count("pk", filter=Q(state=State.WAITING, due_at__lte=now)),
        overdue=Count("pk", filter=Q(state=State.WAITING, due_at__lt=now - _OVERDUE)),
        sending=Count("pk", filter=Q(state=State.SENDING)),
        confirming=Count("pk", filter=Q(state=State.CONFIRMING)),
        needs_you=Count("pk", filter=Q(state=State.NEEDS_YOU)),
    )
    # Not counted along: the kind stands in no index, and a backlog would be read row by row.
    kinds = set(unsettled.values_list("subject_kind", flat=True)[:_MOST_KINDS_SEEN])
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    lately = Q(settled_at__gte=now - SPEED_WINDOW)
    done = mine.filter(state=State.DELIVERED, settled_at__gte=min(midnight, now - SPEED_WINDOW)).aggregate(
        delivered_today=Count("pk", filter=Q(settled_at__gte=midnight)), delivered_lately=Count("pk", filter=lately)
    )
    oldest = mine.filter(state=State.WAITING).order_by("pk").values_list("created_at", flat=True).first()
    return Figures(**counts, **done, oldest_at=oldest, nouns=nouns(*kinds or ["lead"]))


def held(status: ConnectorState | None) -> bool:
    """Tell whether a connector waits for its quota or for a vendor that is down."""
    return bool(status and status.held_until and status.held_until > db_now())


def in_trouble(status: ConnectorState | None) -> bool:
    """Tell whether a connector's last call failed."""
    if status is None or status.last_failure_at is None:
        return False
    return status.last_success_at is None or status.last_failure_at > status.last_success_at


_PAUSES = {
    "by_person": "{name} is paused. What is captured waits until you resume it.",
    "needs_reauth": "{name} no longer accepts the stored key, so it is paused. Enter a new key, then resume it.",
    "endpoint_gone": "{name} says its address is gone for good, so it is paused. Correct the address, then resume it.",
}


def standing(connector: Connector, now: Figures) -> str:
    """Return what a connector does at this moment and why, in a sentence or two."""
    status, name = _status(connector), connector.name
    if not connector.is_active:
        return f"{name} is switched off: it gets no leads."
    if status and status.paused_at:
        words = _PAUSES.get(status.pause_reason or "by_person", "{name} paused itself.")
        return words.replace("{name}", name)
    if held(status):
        return _hold(connector)
    if now.overdue and not (now.sending or now.delivered_lately):
        return f"{now.said(now.overdue)} should have left by now. If this goes on, the worker is not running: start it."
    if now.sending or now.due:
        return f"{name} is being told of {now.nouns[1]}.{_time_left(now)}"
    if now.confirming:
        them = "it" if now.confirming == 1 else "them"
        return f"{name} has accepted {now.said(now.confirming)} and is still working on {them}. We ask again."
    if now.waiting:
        again = "by itself" if now.waiting == 1 else "by themselves"
        return f"{now.said(now.waiting)} will be tried again {again}. Press “Send now” to try at once."
    if now.needs_you:
        if now.nouns[0] != "lead":
            return f"{now.said(now.needs_you)} for {name} {'needs' if now.needs_you == 1 else 'need'} you: see below."
        return f"{name} has every lead but {now.needs_you:,}: see what needs you below."
    return f"{name} has every lead that it should have."


def _hold(connector: Connector) -> str:
    status = connector.status
    assert status.held_until is not None  # noqa: S101 (for the type checker: it is held)
    left = said(max(1, round((status.held_until - db_now()).total_seconds())))
    if status.held_because == "breaker":
        return (
            f"{connector.name} answered several calls badly, so it is left alone. Every half a minute one call tries "
            f"whether it is well again, the next in {left}."
        )
    if status.held_because == "daily_quota":
        at = timezone.localtime(status.held_until)
        return f"{connector.name}’s daily limit is used up; it goes on at {at:%H:%M}."
    return f"{connector.name} takes no more calls for now: its limit is used up. It goes on in {left}."


def _time_left(now: Figures) -> str:
    seconds = now.seconds_left
    return f" What waits takes about {said(max(1, round(seconds)))} more." if seconds else ""


def _leads(number: int) -> str:
    return counted(number, "lead")


def _status(connector: Connector) -> ConnectorState | None:
    return getattr(connector, "status", None)


def quota_words(connector: Connector, waiting: int) -> str:
    """Return what is left of a connector's limit, and whether it lasts for what waits."""
    quota = quota_of(connector)
    window, budget = quota.window, quota.budget()
    today = f"{budget.remaining:,} of {budget.total:,} requests left today" if budget else ""
    if window is None:
        return today or "none known"
    left = quota.left()
    words = f"{left:,} of {window.requests:,} requests in {said(window.seconds)} left"
    return "; ".join(filter(None, [words + _lasts(connector, window, left, waiting), today]))


def _lasts(connector: Connector, window: Window, left: int, waiting: int) -> str:
    requests = -(-waiting // class_of(connector).batch_size)
    if requests <= left:
        return "; enough for what waits" if waiting else ""
    seconds = requests * window.seconds / window.requests
    return f"; what waits needs {requests:,}, which takes at least {said(max(1, round(seconds)))}"


def speed_words(now: Figures) -> str:
    """Return how fast leads leave."""
    if not now.delivered_lately:
        return "nothing in the last minute"
    return f"{now.delivered_lately:,} in the last minute"


def backfill_words(status: ConnectorState | None) -> str:
    """Return how far a backfill has come, or what the last one did; empty where there was none."""
    if status is None or status.backfill_started_at is None:
        return ""
    done = f"{status.backfill_seen:,} of {_leads(max(status.backfill_total, status.backfill_seen))} looked at"
    put = f"{status.backfill_put:,} of them put in line"
    if status.backfill_scope:
        return f"{done}, {put}."
    ended = "Finished" if status.backfill_seen >= status.backfill_total else "Stopped"
    return f"{ended}: {done}, {put}."


def sweep_words(sweep: Sweep | None) -> str:
    """Return how far it is with what is done to many deliveries, or what was done; empty where there is none."""
    if sweep is None:
        return ""
    what = sweep.get_action_display().capitalize()
    if sweep.ended_at:
        return f"{what}: done, {_deliveries(sweep.changed)}."
    return f"{what}: {sweep.seen:,} of {_deliveries(max(sweep.total, sweep.seen))} looked at."


def _deliveries(number: int) -> str:
    return counted(number, "delivery", "deliveries")


def retry_sentences(connector: Connector) -> list[str]:
    """Return a connector's retry table as sentences: when it is down, when it refuses."""
    policy, name = Policy.of(connector.retry_policy), connector.name
    return [
        f"If {name} is down, we try {_tries(policy.trouble)}; then it waits for you.",
        f"If it refuses a lead, we try {_tries(policy.refusal)}; then it waits for you.",
        silence_sentence(connector),
        "Nothing is tried while it is paused, out of quota or left alone, and that costs no tries.",
    ]


_SILENCES = {
    "upsert": "If it gives no answer, the lead is sent again: {name} writes over what it has, nothing arrives twice.",
    "search_then_create": "If it gives no answer, we wait a minute and look there first whether the lead has arrived.",
    "at_least_once": (
        "If it gives no answer, the lead is sent again, as seldom as a refused one, and may arrive there twice: "
        "{name} can't tell."
    ),
}
_KEYED = "If it gives no answer, the lead is sent again under the same number, so that {name} takes it once."


def silence_sentence(connector: Connector) -> str:
    """Return what happens when a vendor gives no answer: whether a lead may arrive there twice."""
    provider = class_of(connector)
    words = _KEYED if provider.has_idempotency_key else _SILENCES[provider.effect]
    return words.replace("{name}", connector.name)


_SPELLED_OUT = 4


def _tries(waits: Sequence[float]) -> str:
    number = f"{len(waits)} more time{'s' if len(waits) != 1 else ''}"
    words = [said(seconds) for seconds in waits]
    if len(waits) == 1:
        return f"{number}: after {words[0]}"
    if len(waits) <= _SPELLED_OUT:
        return f"{number}: after {', '.join(words[:-1])} and {words[-1]}"
    return f"{number} over {said(sum(waits))}, first after {words[0]}"
