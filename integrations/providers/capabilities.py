"""What a provider can do: small classes that it inherits, as far as its vendor's API goes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from integrations.providers.contacts import Contact, Outcome
from integrations.providers.facts import (
    Acknowledgement,
    Changes,
    Customer,
    DefinedOperation,
    Order,
    Page,
    Product,
    Received,
    Stock,
    VendorEvent,
    VendorField,
)


class ContactSink(ABC):
    """Keeps contacts."""

    @abstractmethod
    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Write up to `batch_size` contacts; one outcome each, in order. Raises: errors.ProviderError for all."""


class EachContact(ContactSink):
    """Writes contacts one by one."""

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        return [self._upsert(contact) for contact in contacts]

    @abstractmethod
    def _upsert(self, contact: Contact) -> Outcome:
        """Write one contact; what is done to it twice is done once, as `Provider.effect` says."""


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
    def confirm(self, job: str, contacts: Sequence[Contact]) -> list[Outcome]:
        """Ask once what became of a job's items (`Contact.job_item`); one outcome each, in order.

        The contacts are as they are now, not as they were sent; one that is gone since has an id alone. One that isn't
        done yet is `accepted` again, with the time to ask next; of a job the vendor no longer knows each is `unknown`.
        Raises: errors.ProviderError where it can't be asked now; it is asked again later.
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


class CatalogSource(ABC):
    """Knows which articles are sold."""

    @abstractmethod
    def products(self, cursor: str = "") -> Page[Product]:
        """Return a page of the catalogue; an empty cursor asks for the first. Raises: errors.ProviderError.

        A cursor that the vendor takes no more is `errors.Refused` with the code `stale_cursor`, if it says so.
        """


class CustomerSource(ABC):
    """Knows customers."""

    @abstractmethod
    def customer(self, email: str) -> Customer | None:
        """Return who has an e-mail address, compared whole and whatever its case, or None where nobody is known.

        Raises: errors.ProviderError.
        """


class EventSource(ABC):
    """Tells by itself what has happened, in requests that it signs. Its methods are pure."""

    acknowledgement: ClassVar[Acknowledgement] = Acknowledgement()
    proof: ClassVar[Literal["theirs", "client_secret", "ours", "address"]] = "theirs"
    """What its requests prove themselves by: a secret that the vendor shows, the secret of the app we sign in as,
    one that we make up and that is entered there, or the secret address alone (the last part of `Received.url`)."""
    proof_words: ClassVar[str] = ""
    """What that secret is called there and where it stands, for a person who looks for it."""
    event_steps: ClassVar[tuple[str, ...]] = ()
    """What to press and tick there so that it tells us, one step each."""

    def is_probe(self, received: Received) -> bool:
        """Tell whether a request only looks if there is anybody at the address; it proves nothing and tells nothing."""
        return False

    @abstractmethod
    def verify(self, received: Received, secrets: Sequence[str]) -> None:
        """Make sure that a request comes from the vendor, by what was received and before anything of it is read.

        `secrets` are those in force, two while one takes over from the other; where there is none, nothing is taken.
        `providers/signatures.py` compares. Raises: errors.BadSignature.
        """

    @abstractmethod
    def parse(self, received: Received) -> list[VendorEvent]:
        """Return what a verified request tells, oldest first; nothing where it is about what we don't follow.

        Raises: errors.Refused (code `unreadable`) where it can't be understood; it quotes nothing of the body.
        """


class ChangeSource(ABC):
    """Can be asked what has happened, where the vendor doesn't tell by itself."""

    poll_seconds: ClassVar[float] = 60.0
    """How often it may be asked."""

    @classmethod
    def cursor_at(cls, at: datetime) -> str:
        """Return a cursor that tells what was changed from then on; an empty one where cursors hold no times."""
        return ""

    @abstractmethod
    def since(self, cursor: str) -> Changes:
        """Return what has happened since a cursor (≤ 500 characters), oldest first, as the events `parse` would give.

        An empty cursor tells nothing of the past, only where to go on from. What is told again has the same
        `dedupe_id`; what was told in part is asked for by the cursor that comes with it.
        Raises: errors.ProviderError; the same cursor is then good for the next time.
        """


class Operations(ABC):
    """Does what an administrator has defined by name."""

    @abstractmethod
    def operations(self) -> list[DefinedOperation]:
        """Return what may be called; reads the connector's settings alone. Raises: errors.Misconfigured."""

    @abstractmethod
    def call(self, name: str, arguments: Mapping[str, Any], idempotency_key: str) -> Any:
        """Do it and return what the vendor says, as JSON values.

        `idempotency_key` is the same for every try of the same call, and empty for one that only reads.
        Raises: errors.Unsupported for a name that isn't defined, errors.Refused for arguments that don't fit
        (nothing was sent then), errors.ProviderError.
        """


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
    "catalog": CatalogSource,
    "customers": CustomerSource,
    "events": EventSource,
    "changes": ChangeSource,
    "operations": Operations,
    "schema": SchemaSource,
}

LOOKED_UP: tuple[type, ...] = (InventorySource, OrderSource, CatalogSource, CustomerSource)
"""What questions are answered from: people wait for it."""

OPERATIONS: Mapping[str, type] = {"upsert": ContactSink, "subscribe": SubscriberSink}
"""Which capability each operation of a delivery needs; `subscribe` also takes back, as the consent in force says."""
