"""Forgets what was looked up when an event says that it changed."""

from engine.slots import clean_order_number
from integrations import lookups
from runtime.models import Event


def forget(event: Event) -> None:
    """Drop the remembered order or stock that an event is about; its subject is `order:<number>` or `stock:<sku>`.

    Every spelling under which the engine looks something up is dropped.
    """
    kind, _, key = event.subject.partition(":")
    if kind == "order" and key:
        for number in {key, clean_order_number(key)}:
            lookups.forget("order", number)
    elif kind == "stock" and key:
        for sku in {key, key.upper()}:
            lookups.forget("stock", sku)
