"""Forgets what was looked up when an event says that it changed, or a change was done there."""

from engine.models import Confirmation
from engine.slots import clean_order_number
from integrations import lookups
from runtime.models import Event


def forget(event: Event) -> None:
    """Drop what is remembered of an event's subject: `order:<number>`, `stock:<sku>`, `product:<sku>`, `change:<id>`.

    A stock also tells an article's name and price. Every spelling under which the engine looks something up is dropped.
    """
    kind, _, key = event.subject.partition(":")
    if kind == "order" and key:
        _forget_order(key)
    elif kind in {"stock", "product"} and key:
        _forget_stock(key)
    elif kind == "change":
        for change in Confirmation.objects.filter(pk=key):
            _forget_change(change)


def _forget_order(key: str) -> None:
    for number in {key, clean_order_number(key)}:
        lookups.forget("order", number)


def _forget_stock(key: str) -> None:
    for sku in {key, key.upper()}:
        lookups.forget("stock", sku)


def _forget_change(change: Confirmation) -> None:
    """Drop what was looked up by what a change was told, and all that was asked of operations of its connector."""
    lookups.forget_operations(change.connector_id)
    for value in map(str, change.arguments.values()):
        _forget_order(value)
        _forget_stock(value)
