"""What a drainer puts on the wire: deliveries that go into one request, or a question about what a vendor works on."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integrations.connections import PATIENCE_SECONDS
from integrations.egress.deadline import TOTAL_SECONDS
from integrations.models import Delivery
from integrations.outbox import CALL, ERASE
from integrations.providers import errors
from integrations.providers.base import (
    Confirmer,
    Contact,
    ContactEraser,
    ContactSink,
    Operations,
    Outcome,
    Provider,
    SubscriberSink,
)
from integrations.settling import put_back
from integrations.subscriptions import SUBSCRIBE, follow_consent
from runtime import jobs
from runtime.clock import db_now

State = Delivery.State

# A call must end before its lease does, also where tests shorten leases.
CALL_SECONDS = min(TOTAL_SECONDS, jobs.LEASE_SECONDS / 2)
_PATIENCE_SECONDS = min(PATIENCE_SECONDS, jobs.LEASE_SECONDS / 12)


def outlives_a_call(until: datetime, now: datetime) -> bool:
    """Tell whether a lease lasts until a call that starts now has ended, whatever becomes of it."""
    return until - now > timedelta(seconds=CALL_SECONDS + _PATIENCE_SECONDS)


@dataclass
class Parcel:
    """Deliveries of one operation that go into one request, with what is to be said of each."""

    deliveries: list[Delivery] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    _good_until: float = 0.0

    @property
    def operation(self) -> str:
        """The operation of all of them."""
        return self.deliveries[0].operation

    def add(self, delivery: Delivery, contact: Contact) -> None:
        """Put one more in."""
        self.deliveries.append(delivery)
        self.contacts.append(contact)

    @property
    def is_one_by_one(self) -> bool:
        """Whether each has a request of its own, and so a parcel: a failure must not be said of one that was done."""
        return self.operation in {ERASE, CALL}

    def is_full(self, batch_size: int) -> bool:
        """Tell whether it may go at once: what is alone in its request can't grow."""
        return self.is_one_by_one or len(self.deliveries) >= batch_size

    def parts(self, size: int) -> "list[Parcel]":
        """Return parcels with at most `size` each."""
        starts = range(0, len(self.deliveries), size)
        return [Parcel(self.deliveries[at : at + size], self.contacts[at : at + size]) for at in starts]

    def halves(self) -> "list[Parcel]":
        """Return two parcels with half of it each."""
        return self.parts(-(-len(self.deliveries) // 2))

    def keep(self) -> bool:
        """Make sure that its lease outlives a call; False where somebody else has taken it over."""
        until = self.deliveries[0].lease_until
        now = db_now()
        if until is not None and outlives_a_call(until, now):
            self._note(until, now)
            return True
        fresh = now + timedelta(seconds=jobs.LEASE_SECONDS)
        # Rows claimed together have the same end of lease, to the microsecond: whoever claimed since has another.
        ids = [delivery.pk for delivery in self.deliveries]
        mine = Delivery.objects.filter(pk__in=ids, state=State.SENDING, lease_until=until)
        kept = mine.update(lease_until=fresh)
        for delivery in self.deliveries:
            delivery.lease_until = fresh
        self._note(fresh, now)
        return kept == len(self.deliveries)

    def _note(self, until: datetime, now: datetime) -> None:
        self._good_until = time.monotonic() + (until - now).total_seconds()

    def may_call(self) -> bool:
        """Tell, in any thread, whether a request that starts now ends under the lease."""
        return self._good_until - time.monotonic() > CALL_SECONDS

    def put_back(self) -> None:
        """Let them wait again: they were never sent, and it costs them nothing."""
        put_back(self.deliveries)

    def send(self, provider: Provider) -> list[Outcome]:
        """Do the operation; touches no database. Raises: errors.ProviderError."""
        if self.operation == "upsert" and isinstance(provider, ContactSink):
            return provider.upsert(self.contacts)
        if self.operation == SUBSCRIBE and isinstance(provider, SubscriberSink):
            return follow_consent(provider, self.contacts)
        if self.operation == CALL and isinstance(provider, Operations):
            return [_called(provider, contact) for contact in self.contacts]
        if self.operation == ERASE and isinstance(provider, ContactEraser):
            return [provider.erase(contact) for contact in self.contacts]
        raise errors.Unsupported(f"{provider.name} has no operation {self.operation!r}.")


def _called(provider: Operations, contact: Contact) -> Outcome:
    """Do what a confirmed subject says: `{"operation", "arguments"}`."""
    values = contact.values
    told = provider.call(values["operation"], values["arguments"], contact.idempotency_key)
    return Outcome.delivered(told=told if isinstance(told, Mapping) else {})


@dataclass
class Inquiry:
    """The deliveries of one job at a vendor, which is asked once about all of them."""

    deliveries: list[Delivery]
    contacts: Sequence[Contact]

    def is_full(self, batch_size: int) -> bool:
        """Ask at once."""
        return True

    def keep(self) -> bool:
        """Need no lease: to ask twice does no harm."""
        return True

    def may_call(self) -> bool:
        """Need no lease."""
        return True

    def put_back(self) -> None:
        """Let it be asked again at once."""
        for delivery in self.deliveries:
            Delivery.objects.settle(delivery, due_at=db_now())

    def send(self, provider: Provider) -> list[Outcome]:
        """Ask what became of them; touches no database. Raises: errors.ProviderError."""
        if not isinstance(provider, Confirmer):
            raise errors.Unsupported(f"{provider.name} can't be asked.")
        return provider.confirm(self.deliveries[0].job, self.contacts)
