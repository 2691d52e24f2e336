"""Forgets what was looked up when an event says that it changed."""

from engine.slots import clean_order_number
from integrations import lookups
from runtime.models import Event


def forget(event: Event) -> None:
    """Drop what is remembered of what an event is about: `order:<number>`, `stock:<sku>` or `product:<sku>`.

    A stock also tells an article's name and price. Every spelling under which the engine looks something up is dropped.
    """
    kind, _, key = event.subject.partition(":")
    if kind == "order" and key:
        for number in {key, clean_order_number(key)}:
            lookups.forget("order", number)
    elif kind in {"stock", "product"} and key:
        for sku in {key, key.upper()}:
            lookups.forget("stock", sku)
