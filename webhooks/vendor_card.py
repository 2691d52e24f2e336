"""How it stands with what a connector's vendor tells: figures and words for the connector's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from integrations.connections import event_source
from integrations.models import Connector, ConnectorState
from integrations.providers.base import EventSource
from integrations.providers.registry import class_of
from runtime.clock import db_now
from webhooks.changes import due_at, seconds_between
from webhooks.models import InboundEvent, Source
from webhooks.sources import OVERLAP, has_secret_before, is_overlapping, secrets_in_force

_LATELY = timedelta(days=7)
_REFUSALS: Mapping[str, str] = {
    "bad_signature": "its signature does not fit. Compare the secret here with the one there",
    "too_old": "it was sent too long ago, or one of the clocks is wrong",
    "no_secret": "no secret is stored to check it with",
    "foreign_address": "it came from an address outside the networks that may send",
    "no_organisation": "the organisation it may come from is not entered on this connector",
    "foreign_account": "it comes from another account than the one this connector is for",
}
_SECRET_WORDS: Mapping[str, str] = {
    "theirs": "entered here",
    "client_secret": "entered here",
    "ours": "made up here, entered there",
}


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to be done at a vendor: its steps, and where its secret stands (empty where nothing is entered here)."""

    vendor: str
    steps: Sequence[str]
    proof_words: str
    asks_secret: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What a connector's vendor has told, and what stands in its way."""

    vendor: str
    source: Source | None
    setup: Setup | None
    secret: str
    troubles: Sequence[str]
    replaced_until: datetime | None
    events: int
    """Within the last seven days."""
    needs_you: int
    asks_every: float
    """Seconds between two questions, where the vendor has to be asked; else 0."""
    asks_when_quiet: bool
    """Tells by itself, and is asked only after an hour without a word."""
    asks_next: datetime | None
    status: ConnectorState | None


def standing(connector: Connector) -> Standing | None:
    """Return how it stands with a connector; None where its vendor neither tells nor can be asked."""
    speaks, asks_every = event_source(connector), seconds_between(connector)
    if speaks is None and not asks_every:
        return None
    source = Source.objects.filter(connector=connector).select_related("connector__credential").first()
    setup_ = setup(connector)
    has_address = bool(source and source.token_digest)
    counts = lately(source).aggregate(
        events=Count("pk"), needs_you=Count("pk", filter=Q(state=InboundEvent.State.NEEDS_YOU))
    )
    status, heard_at = getattr(connector, "status", None), source.heard_at if source else None
    return Standing(
        vendor=class_of(connector).name,
        source=source,
        setup=setup_,
        secret=_secret_words(source, speaks) if source and speaks and has_address else "",
        troubles=_troubles(source, speaks, setup_) if source and speaks and setup_ and has_address else (),
        replaced_until=replaced(source) if source else None,
        asks_every=asks_every,
        asks_when_quiet=bool(heard_at),
        asks_next=due_at(status.ask_due_at if status else None, heard_at),
        status=status,
        **counts,
    )


def lately(source: Source | None) -> QuerySet[InboundEvent]:
    """Return what a source has told within the last seven days."""
    return InboundEvent.objects.filter(source=source, received_at__gt=db_now() - _LATELY)


def setup(connector: Connector) -> Setup | None:
    """Return what is to be done so that a connector's vendor tells us."""
    speaks = event_source(connector)
    if speaks is None:
        return None
    vendor = class_of(connector).name
    return Setup(vendor, speaks.event_steps, speaks.proof_words, speaks.proof in {"theirs", "client_secret"})


def replaced(source: Source) -> datetime | None:
    """Return until when an address or a secret that was replaced is still taken; None where nothing was."""
    changed = [source.token_made_at] if source.token_before else []
    if source.secret_entered_at and has_secret_before(source):
        changed.append(source.secret_entered_at)
    still = [at for at in changed if is_overlapping(at)]
    return max(still) + OVERLAP if still else None


def _secret_words(source: Source, speaks: EventSource) -> str:
    if speaks.proof == "address":
        return "the address itself: keep it to yourself"
    if source.sealed:
        return _SECRET_WORDS[speaks.proof]
    if secrets_in_force(source, speaks, ""):
        return "that of the app its credential signs in with"
    return "missing"


def _troubles(source: Source, speaks: EventSource, told: Setup) -> list[str]:
    """Return what keeps events out, in words."""
    found = []
    if speaks.proof != "address" and not secrets_in_force(source, speaks, ""):
        found.append(f"Nothing is taken until the secret is entered here. {told.proof_words}".strip())
    is_last = source.refused_at and (source.heard_at is None or source.refused_at > source.heard_at)
    if is_last and source.refused_because != "no_secret":
        found.append(f"The last message was refused: {refusal_words(source)}.")
    return found


def refusal_words(source: Source) -> str:
    """Return why a source's last message was refused, and what to do where that is known; no full stop."""
    return _REFUSALS.get(source.refused_because, _REFUSALS["bad_signature"])
