"""What a provider tells of its vendor's records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal


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
