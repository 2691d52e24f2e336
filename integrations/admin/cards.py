"""What other rooms show on a connector's page."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest

from integrations.models import Connector

Card = Mapping[str, Any]
"""`{"template": str, …}`: a template and what it shows, which it finds as `card`."""

CardOf = Callable[[HttpRequest, Connector], Card | None]

_cards: list[CardOf] = []


def register(card: CardOf) -> None:
    """Have a card shown on every connector's page where it has something to say; called as the admin is loaded."""
    _cards.append(card)


def cards(request: HttpRequest, connector: Connector) -> list[Card]:
    """Return the cards of a connector that this person may see."""
    return [card for each in _cards if (card := each(request, connector)) is not None]
