"""What a provider is: class attributes that describe a vendor, and small capability classes that say what it can do.

A provider translates, nothing more: dataclasses in, dataclasses out. It has no database, no settings, no clock; the
`Session` it is given is its only way out.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, Protocol

from django import forms


@dataclass(frozen=True, slots=True)
class Reply:
    """A vendor's answer: the whole body has been read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the parsed body. Raises: RetryLater when it is not JSON (a proxy's page, a cut answer)."""
        import json

        from integrations.providers.errors import RetryLater

        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as err:
            raise RetryLater("The answer was not JSON.", code="garbled_reply", status=self.status) from err


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer says of the vendor's limits; what it doesn't say is None. Spans are seconds from now.

    `is_over` says that this very request was turned away for a limit. A daily budget without a time renews at midnight.
    """

    requests: int | None = None
    seconds: float | None = None
    remaining: int | None = None
    resets_in: float | None = None
    daily: int | None = None
    daily_remaining: int | None = None
    daily_resets_in: float | None = None
    is_over: bool = False


class Session(Protocol):
    """The way out that a provider is given (integrations.egress implements it).

    Addresses are paths below the connector's base address; authentication, time-outs, size limits, renewal after a
    401 and the log of calls are the session's business.
    """

    def request(
        self,
        method: str,
        path: str,
        *,
        purpose: str,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        items: int = 1,
        max_bytes: int = 1_000_000,
    ) -> Reply:
        """Send one request and return the reply, whatever its status.

        Raises: RetryLater (not sent), OutcomeUnknown (sent, no whole answer), EgressDenied.
        """
        ...


@dataclass(frozen=True, slots=True)
class Enquiry:
    """One message a lead sent."""

    at: datetime
    message: str
    page_url: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person said about a purpose: agreed or not, when.

    One that came from a public form is not confirmed: anybody may have typed the address.
    """

    granted: bool
    at: datetime
    is_confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Contact:
    """A lead as a provider sees it.

    `id` is our id, `fields` are the vendor's field names with mapped values, `enquiries` are all messages since this
    connector's last delivered one, oldest first; `values` is the unmapped lead, as mappings see it:
    `{"id", "email", "phone", "first_name", "last_name", "company", "reference", "message", "source": {…},
    "attributes": {…}}`.
    """

    id: str
    values: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)
    enquiries: Sequence[Enquiry] = ()
    consents: Mapping[str, bool] = field(default_factory=dict)
    statements: Mapping[str, Statement] = field(default_factory=dict)
    """The newest statement per purpose."""
    statement: Statement | None = None
    """The one about the purpose that this connector's subscriptions are for."""
    external_id: str = ""
    """The vendor's id as it was told last; the record may be gone since."""
    may_exist: bool = False
    """A try went unanswered and may have had its effect: a provider of `search_then_create` looks for `id` first."""
    idempotency_key: str = ""
    """The same for every try of the same state: where the vendor has a header for it, it acts once."""

    @property
    def email(self) -> str:
        """The e-mail address, lower case, or an empty string."""
        return str(self.values.get("email") or "")


Kind = Literal["delivered", "accepted", "retry", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item of a request; `item` is what the vendor's job calls it."""

    kind: Kind
    external_id: str = ""
    reason: str = ""
    words: str = ""
    field: str = ""
    after: float | None = None
    job: str = ""
    item: str = ""

    @classmethod
    def delivered(cls, external_id: str = "") -> "Outcome":
        """The vendor has it."""
        return cls("delivered", external_id=external_id)

    @classmethod
    def accepted(cls, job: str, check_after: float, item: str = "") -> "Outcome":
        """The vendor works on it; `Confirmer.confirm` is asked for `job` (≤ 200 characters) in `check_after` seconds.

        `item` (≤ 120) says which of the job's items this is, such as its index; it holds no personal data. Left out,
        it is our id, `Contact.id`.
        """
        return cls("accepted", job=job, after=check_after, item=item)

    @classmethod
    def retry(cls, reason: str, words: str = "", after: float | None = None) -> "Outcome":
        """Try this item again, not before `after` seconds."""
        return cls("retry", reason=reason, words=words, after=after)

    @classmethod
    def rejected(cls, reason: str, words: str = "", field: str = "") -> "Outcome":
        """The vendor will not take this item as it is."""
        return cls("rejected", reason=reason, words=words, field=field)

    @classmethod
    def unknown(cls) -> "Outcome":
        """Sent, and no answer for this item."""
        return cls("unknown", reason="no_answer")


@dataclass(frozen=True, slots=True)
class Stock:
    """How much of an article can be promised to a customer."""

    sku: str
    name: str
    available: Decimal
    record_id: str
    price: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel of an order."""

    tracking_number: str
    carrier: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A customer's order. `status` is one of ORDER_STATUSES; `email` decides who may see it."""

    number: str
    status: str
    record_id: str
    email: str = ""
    phone: str = ""
    placed_at: datetime | None = None
    expected_at: datetime | None = None
    total: Decimal | None = None
    currency: str = ""
    shipments: Sequence[Shipment] = ()


ORDER_STATUSES = ("draft", "confirmed", "in preparation", "partly shipped", "shipped", "delivered", "cancelled")


FieldType = Literal["text", "number", "boolean", "date", "datetime", "choice", "choices"]


@dataclass(frozen=True, slots=True)
class VendorField:
    """A field of the vendor's records that a mapping may fill."""

    name: str
    label: str = ""
    type: FieldType = "text"
    is_required: bool = False
    is_read_only: bool = False
    options: tuple[str, ...] = ()
    """The values a choice takes; empty where they aren't known."""
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What "Test connection" found, in words for a person."""

    ok: bool
    words: str


SignIn = Literal["key", "client_credentials", "authorization_code", "jwt_bearer"]
"""How the proof of who we are is had: typed in, or by one of OAuth 2.0's grants."""


@dataclass(frozen=True, slots=True)
class OAuth:
    """Where a vendor gives out OAuth 2.0 tokens; a credential may name other addresses of the same host."""

    token_path: str
    """Below the vendor's base address."""
    authorize_url: str = ""
    """The page where a person agrees, for the authorization code; it may be a path below the base address."""
    scopes: str = ""
    audience: str = ""
    """Whom a signed assertion (JWT bearer) is for."""


class Provider(ABC):
    """A vendor: what it is called, how one signs in, what its limits are."""

    key: ClassVar[str]
    name: ClassVar[str]
    docs_url: ClassVar[str]
    api_version: ClassVar[str] = ""
    auth: ClassVar[Literal["bearer", "basic", "header", "query", "none"]] = "bearer"
    auth_name: ClassVar[str] = "Authorization"
    """The header, for `query` the parameter, that carries the proof."""
    auth_prefix: ClassVar[str] = ""
    """What stands before the key in a header of the vendor's own."""
    sign_ins: ClassVar[tuple[SignIn, ...]] = ("key",)
    oauth: ClassVar[OAuth | None] = None
    default_base_url: ClassVar[str] = ""
    config_form: ClassVar[type[forms.Form]] = forms.Form
    identifiers: ClassVar[tuple[str, ...]] = ("email",)
    effect: ClassVar[Literal["upsert", "search_then_create", "at_least_once"]] = "at_least_once"
    """What sending twice does: nothing · nothing, if our id is looked for first (`Contact.may_exist`) · it is twice.

    Where a contact takes several requests and a later one fails, the outcome is `unknown`.
    """
    has_idempotency_key: ClassVar[bool] = False
    """Whether `Contact.idempotency_key` keeps an `at_least_once` vendor from acting twice."""
    quota: ClassVar[tuple[int, float] | None] = None
    """Requests and the seconds of their window."""
    daily_quota: ClassVar[int | None] = None
    """Requests a day, where the vendor's answers don't tell."""
    batch_size: ClassVar[int] = 1
    max_in_flight: ClassVar[int] = 1
    subscription_purpose: ClassVar[str] = "email_marketing"
    """The purpose whose consent subscriptions need, unless the connector names another."""
    default_mapping: ClassVar[Mapping[str, str]] = {}
    """Vendor field ← JMESPath over `Contact.values`."""

    def __init__(self, session: Session, config: Mapping[str, Any]) -> None:
        self.session = session
        self.config = config

    knows_home: ClassVar[bool] = False
    """Whether `home` tells the address from the key alone."""

    @classmethod
    def home(cls, key: str) -> str:
        """Return the base address that belongs to a key; the vendor's one, or empty where a person has to say it."""
        return cls.default_base_url

    @classmethod
    def limits(cls, reply: Reply) -> Limits | None:
        """Return what an answer says of the vendor's limits, by the headers that many share. Pure."""
        from integrations.providers.replies import limits_in

        return limits_in(reply)

    @abstractmethod
    def check(self) -> Check:
        """Ask the vendor something harmless with the stored credential. Raises: errors.ProviderError."""


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
