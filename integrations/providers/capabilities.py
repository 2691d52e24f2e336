"""What a provider can do: small classes that it inherits, as far as its vendor's API goes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from integrations.providers.contacts import Contact, Outcome
from integrations.providers.facts import Order, Stock, VendorField


class ContactSink(ABC):
    """Keeps contacts."""

    @abstractmethod
    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Write up to `batch_size` contacts; one outcome each, in order. Raises: errors.ProviderError for all."""


class ContactEraser(ABC):
    """Forgets contacts for good."""

    @abstractmethod
    def erase(self, contact: Contact) -> Outcome:
        """Erase one contact; one that is not known counts as erased. Raises: errors.ProviderError."""


class Confirmer(ABC):
    """Tells later what became of what its vendor accepted (`Outcome.accepted`)."""

    confirm_within_seconds: ClassVar[float] = 24 * 3600.0
    """Longer than this after it was accepted nobody waits: a person is asked."""

    @abstractmethod
    def confirm(self, job: str, items: Sequence[str]) -> list[Outcome]:
        """Ask once what became of a job's items; one outcome each, in order.

        One that isn't done yet is `accepted` again, with the time to ask next; of a job the vendor no longer knows
        each is `unknown`. Raises: errors.ProviderError where it can't be asked now; it is asked again later.
        """


class SubscriberSink(ABC):
    """Sends marketing to those who agreed. Who has unsubscribed at the vendor is never subscribed silently."""

    @abstractmethod
    def subscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Subscribe people who agreed (`Contact.statement`); one outcome each, in order.

        Where the statement isn't confirmed, or the vendor knows them as unsubscribed, only by a mail they have to
        confirm (double opt-in); where that isn't set up, `rejected` as `needs_double_opt_in` or `unsubscribed_there`.
        Raises: errors.ProviderError for all.
        """

    @abstractmethod
    def unsubscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Stop marketing to people who withdrew; one who is not known counts as unsubscribed.

        Raises: errors.ProviderError for all.
        """


class InventorySource(ABC):
    """Knows stock."""

    @abstractmethod
    def stock(self, sku: str) -> Stock | None:
        """Return the stock of one article, or None where it is not known. Raises: errors.ProviderError."""


class OrderSource(ABC):
    """Knows orders."""

    @abstractmethod
    def order(self, number: str) -> Order | None:
        """Return one order, or None where it is not known. Raises: errors.ProviderError."""


class SchemaSource(ABC):
    """Knows which fields its records have, also those that the company has added."""

    @abstractmethod
    def fields(self) -> list[VendorField]:
        """Return every field of what `upsert` writes. Raises: errors.ProviderError."""


CAPABILITIES: Mapping[str, type] = {
    "contacts": ContactSink,
    "erasure": ContactEraser,
    "subscribers": SubscriberSink,
    "inventory": InventorySource,
    "orders": OrderSource,
    "schema": SchemaSource,
}

OPERATIONS: Mapping[str, type] = {"upsert": ContactSink, "subscribe": SubscriberSink}
"""Which capability each operation of a delivery needs; `subscribe` also takes back, as the consent in force says."""
