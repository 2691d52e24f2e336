"""What a provider is: class attributes that describe a vendor, and small capability classes that say what it can do.

A provider translates, nothing more: dataclasses in, dataclasses out. It has no database, no settings, no clock; the
`Session` it is given is its only way out. Everything of the contract can be had from here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Concatenate, Final, Literal, ParamSpec

from django import forms

from integrations.providers.capabilities import (
    CAPABILITIES,
    LOOKED_UP,
    OPERATIONS,
    CatalogSource,
    ChangeSource,
    Confirmer,
    ContactEraser,
    ContactSink,
    CustomerSource,
    EachContact,
    EventSource,
    InventorySource,
    Operations,
    OrderSource,
    SchemaSource,
    SubscriberSink,
)
from integrations.providers.contacts import UNCONFIRMED, Contact, Enquiry, Kind, Outcome, Statement
from integrations.providers.facts import (
    EVENT_TYPES,
    ORDER_STATUSES,
    Acknowledgement,
    Changes,
    Customer,
    DefinedOperation,
    FieldType,
    Order,
    Page,
    Product,
    Received,
    Shipment,
    Stock,
    VendorEvent,
    VendorField,
)

__all__ = [
    "CAPABILITIES",
    "EVENT_TYPES",
    "KEY_IN_BODY",
    "LOOKED_UP",
    "OPERATIONS",
    "ORDER_STATUSES",
    "UNCONFIRMED",
    "Acknowledgement",
    "CatalogSource",
    "ChangeSource",
    "Changes",
    "Check",
    "Confirmer",
    "Contact",
    "ContactEraser",
    "ContactSink",
    "Customer",
    "CustomerSource",
    "DefinedOperation",
    "EachContact",
    "Enquiry",
    "EventSource",
    "FieldType",
    "InventorySource",
    "Kind",
    "Limits",
    "OAuth",
    "Operations",
    "Order",
    "OrderSource",
    "Outcome",
    "Page",
    "Product",
    "Provider",
    "Received",
    "Reply",
    "Request",
    "SchemaSource",
    "Session",
    "Shipment",
    "SignIn",
    "Statement",
    "Stock",
    "SubscriberSink",
    "VendorEvent",
    "VendorField",
]


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


class _KeyInBody:
    """A mark of its own class: no text that comes from outside can be it."""


KEY_IN_BODY: Final = _KeyInBody()
"""Stands in a JSON body for the connector's key, where a vendor wants it there; the session puts it in."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a vendor."""

    method: str
    path: str
    """Below the connector's base address, percent-encoded."""
    _: KW_ONLY
    purpose: str
    """What for, in a word that the log of calls shows."""
    json: Any = None
    form: Mapping[str, str] | None = None
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    items: int = 1
    """How many contacts or records it is about."""
    max_bytes: int = 1_000_000
    """The longest answer that is read."""
    logged_path: str = ""
    """What the log of calls shows in place of a path that may hold somebody's data."""
    personal: Collection[str] = ()
    """Names under which the log leaves out what bodies hold, besides what it leaves out anyway."""


_Fields = ParamSpec("_Fields")


def _by_fields(request: Callable[_Fields, Request]) -> "Callable[Concatenate[Session, _Fields], Reply]":
    """Return the method that sends a request made of its arguments: what one can ask is written in `Request` alone."""

    def send(session: "Session", /, *first: _Fields.args, **named: _Fields.kwargs) -> Reply:
        return session.send(request(*first, **named))

    return send


class Session(ABC):
    """The way out that a provider is given (integrations.egress has the one that leads outside).

    Authentication, time-outs, size limits, renewal after a 401 and the log of calls are the session's business.
    """

    @abstractmethod
    def send(self, request: Request) -> Reply:
        """Send one request and return the reply, whatever its status.

        Raises: RetryLater (not sent), OutcomeUnknown (sent, no whole answer), EgressDenied, Misconfigured.
        """

    request = _by_fields(Request)
    """The same, by the fields of `Request`: `session.request("GET", "/me", purpose="check")`."""


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

    personal_names: ClassVar[Collection[str]] = ()
    """Names under which this vendor keeps people's data and which don't tell so; the log of calls leaves them out."""

    has_endpoints: ClassVar[bool] = False
    """Whether an administrator defines what it can do, endpoint by endpoint (`endpoints.Endpoint`)."""

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> "type[Provider]":
        """Return the class of a connector with these settings: it inherits what that connector can do, no more.

        Where the vendor's API decides, that is the provider itself.
        """
        return cls

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
