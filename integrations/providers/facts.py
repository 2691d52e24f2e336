"""What a provider tells of its vendor's records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

ItemT = TypeVar("ItemT")


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
class Product:
    """An article of a catalogue, as it is sold: one per SKU."""

    sku: str
    name: str
    record_id: str
    price: Decimal | None = None
    currency: str = ""
    url: str = ""
    available: Decimal | None = None
    """How many can be promised; None where the vendor doesn't count them."""
    is_for_sale: bool = True

    @property
    def stock(self) -> Stock | None:
        """How many of it can be promised; None where the vendor doesn't count them."""
        if self.available is None:
            return None
        return Stock(self.sku, self.name, self.available, self.record_id, self.price, self.currency)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who has an account, or has bought, at a vendor."""

    record_id: str
    email: str
    phone: str = ""
    first_name: str = ""
    last_name: str = ""
    orders: int | None = None
    """How many orders they have placed; None where the vendor doesn't say."""


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """Some of many; `next_cursor` asks for what follows, empty where nothing does."""

    items: Sequence[ItemT]
    next_cursor: str = ""


EVENT_TYPES = frozenset(
    {
        *("order.created", "order.updated", "order.shipped", "order.delivered", "order.cancelled"),
        *("stock.changed", "product.changed", "product.deleted"),
        *("contact.changed", "contact.deleted", "contact.subscribed", "contact.unsubscribed"),
    }
)
"""What may have happened at a vendor, in words that mean the same from each."""


@dataclass(frozen=True, slots=True)
class VendorEvent:
    """One thing that happened at a vendor.

    `type` is one of EVENT_TYPES; `subject` says what it is about as `order:1001`, `stock:LAMP-01`, `product:LAMP-01`,
    or `contact:<the vendor's id>`, never as an address; `dedupe_id` is the same each time the vendor tells of it.
    `data` holds texts alone, as far as the vendor tells: `{"order_number", "record_id", "tracking_number", "carrier",
    "sku", "available", "email", "purpose", "confirmed"}`. `email` is there for events about a contact alone;
    `confirmed` is "yes" where somebody who subscribed has confirmed that by a mail (double opt-in).
    """

    type: str
    subject: str
    dedupe_id: str
    occurred_at: datetime | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """A request that claims to come from a vendor, exactly as it came in; `now` is when."""

    method: str
    url: str
    """Whole, as the sender addressed it."""
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    now: datetime

    def header(self, name: str) -> str:
        """Return a header whatever its case, or an empty string."""
        wanted = name.lower()
        return next((value for known, value in self.headers.items() if known.lower() == wanted), "")

    def json(self) -> Any:
        """Return the parsed body. Raises: Refused where it is not JSON."""
        import json

        from integrations.providers.errors import Refused

        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as err:
            raise Refused("The event is not JSON.", code="unreadable") from err


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a vendor wants to be answered when its message was kept."""

    status: int = 202
    content_type: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has happened since a cursor, oldest first, and where to go on from; `is_all` = nothing more by now."""

    events: Sequence[VendorEvent]
    cursor: str
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class DefinedOperation:
    """Something that can be asked of a vendor by name.

    `arguments` is a JSON Schema of an object. One that isn't `is_read_only` changes something: it runs as a delivery,
    after somebody has confirmed it.
    """

    name: str
    label: str
    arguments: Mapping[str, Any]
    is_read_only: bool = False
    is_repeatable: bool = False
    """Whether it does no harm to send a change again of which nobody knows whether it was made."""
    facts: tuple[str, ...] = ()
    """Names of what its answer tells, as far as they are known beforehand."""
