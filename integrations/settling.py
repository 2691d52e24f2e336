"""Gives claimed deliveries back: to their time, to a person, or to a newer one of the same subject."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Greatest

from integrations import outbox, retries
from integrations.egress.deadline import TOTAL_SECONDS
from integrations.models import Connector, Delivery
from integrations.providers.registry import class_of
from runtime.clock import db_now

State = Delivery.State

UNANSWERED_WAIT = timedelta(seconds=2 * TOTAL_SECONDS)
"""How long a vendor has for what it was sent without an answer, before it may be sent again or looked for."""


def may_harm_twice(connector: Connector, operation: str) -> bool:
    """Tell whether it matters that a try may have had its effect without our knowing.

    What an administrator defined says for itself whether it does (`DefinedOperation.is_repeatable`).
    """
    return operation == outbox.CALL or class_of(connector).effect != "upsert"


def arrives_twice(connector: Connector) -> bool:
    """Tell whether a lead that is sent again after a try without an answer may be another one there."""
    provider = class_of(connector)
    return provider.effect == "at_least_once" and not provider.has_idempotency_key


def give_back(delivery: Delivery, state: State = State.WAITING, **values: Any) -> bool:
    """Let a claimed delivery wait again, for its time or a person; False where somebody has claimed it since.

    Where a newer one waits already, that one takes over its tries, its time and why it waits; one that an erasure came
    after is given up.
    """
    if Delivery.objects.filter(pk=delivery.pk).erased_since().exists():
        return Delivery.objects.settle(delivery, **{**values, **outbox.closing(State.CANCELLED, "erased")})
    try:
        # A savepoint: on PostgreSQL the failed statement would take the caller's transaction with it.
        with transaction.atomic():
            return Delivery.objects.settle(delivery, **{**values, "state": state})
    except IntegrityError:
        # The unique constraint says that a newer capture waits. It may not go before this one was due: what stood
        # in the way of this one stands in its way, too.
        unanswered_at = values.get("unanswered_at", delivery.unanswered_at)
        why = {name: values[name] for name in ("reason", "vendor_words", "field") if values.get(name)}
        _same(delivery).filter(state=State.WAITING).update(
            tries=Greatest("tries", values.get("tries", delivery.tries)),
            due_at=Greatest("due_at", values.get("due_at", delivery.due_at)),
            **({"unanswered_at": unanswered_at} if unanswered_at else {}),
            **why,
        )
        return Delivery.objects.settle(delivery, **{**values, **outbox.closing(State.SUPERSEDED)})


def put_back(batch: Iterable[Delivery]) -> None:
    """Let deliveries wait again that were claimed and never called; it costs them nothing."""
    for delivery in batch:
        give_back(delivery)


def recover_lapsed(connector: Connector) -> None:
    """Let deliveries wait again whose sender vanished; the call may have had its effect, so it counts as a try."""
    policy, now = retries.Policy.of(connector.retry_policy), db_now()
    for delivery in Delivery.objects.filter(connector=connector).lapsed(now):
        told: dict[str, Any] = {"reason": "sender_vanished"}
        due_at = now
        if may_harm_twice(connector, delivery.operation):
            told["unanswered_at"], due_at = now, now + UNANSWERED_WAIT
        tries = delivery.tries + 1
        if isinstance(retries.next_step(refused=False, tries=tries, policy=policy), retries.AskPerson):
            give_back(delivery, State.NEEDS_YOU, settled_at=now, tries=tries, **told)
        else:
            give_back(delivery, due_at=due_at, tries=tries, **told)


def supersede_older(batch: Sequence[Delivery]) -> None:
    """Close older deliveries of the same subjects that waited for a person: the newest word is the one that counts."""
    if not batch:
        return
    Delivery.objects.filter(
        connector=batch[0].connector_id,
        operation=batch[0].operation,
        subject_id__in=[delivery.subject_id for delivery in batch],
        state__in=[State.NEEDS_YOU, State.SKIPPED],
        created_at__lt=max(delivery.created_at for delivery in batch),
    ).exclude(pk__in=[delivery.pk for delivery in batch]).update(**outbox.closing(State.SUPERSEDED))


def _same(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        connector=delivery.connector_id,
        subject_kind=delivery.subject_kind,
        subject_id=delivery.subject_id,
        operation=delivery.operation,
    )
