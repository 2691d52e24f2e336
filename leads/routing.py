"""Which connectors a lead goes to."""

import functools
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.models import Client
from integrations import rules
from integrations.models import Delivery
from integrations.outbox import LeftOut, Wanted
from integrations.rules import About, Rule
from leads import selection
from leads.models import Lead
from runtime.clock import db_now
from runtime.together import Statement, ask

_CONSENT, _ATTRIBUTE, _UTM = "consent.", "attribute.", "utm_"

Explained = tuple[tuple[Rule, LeftOut], ...]
"""The rules of a filter, each with what is said of a lead that doesn't meet it."""


@dataclass(frozen=True, slots=True)
class Route:
    """A connector as routing sees it: which operations it does with leads, and which leads it takes."""

    connector_id: uuid.UUID
    name: str
    operations: tuple[str, ...]
    rules: Explained

    @property
    def asks_consent(self) -> bool:
        """Say whether it depends on what leads agreed to."""
        return asks_consent(self.rules)


ROUTES: Statement = (
    "SELECT id, name, CAST(operations AS text), CAST(lead_filter AS text) "
    "FROM integrations_connector WHERE is_active = %s",
    [True],
)
"""What asks for every connector that may want leads; `read` reads the answer."""


def routes() -> list[Route]:
    """Return every connector that may want leads: asked anew for each capture, built anew where one has changed."""
    return read(ask(ROUTES)[0])


def read(rows: Iterable[tuple[Any, ...]]) -> list[Route]:
    """Return the connectors that `ROUTES` found."""
    return [_route(*row) for row in rows]


@functools.lru_cache(maxsize=256)
def _route(pk: Any, name: str, operations: str, lead_filter: str) -> Route:
    return Route(uuid.UUID(str(pk)), name, tuple(json.loads(operations)), explained(json.loads(lead_filter)))


def asks_consent(asked: Explained) -> bool:
    """Say whether rules depend on what leads agreed to."""
    return any(rule.about.startswith(_CONSENT) for rule, _ in asked)


def explained(lead_filter: Sequence[Mapping[str, Any]]) -> Explained:
    """Return a filter's rules, each with what is said of a lead that doesn't meet it."""
    asked = rules.read(lead_filter)
    about = _fixed(with_clients=any(rule.about == "client" for rule in asked))
    return tuple((rule, LeftOut("filtered", rule.about[:80], rule.words(about)[:500])) for rule in asked)


def wanted(lead: Lead, among: Sequence[Route], purposes: Mapping[str, bool]) -> list[Wanted]:
    """Return one delivery per operation of each connector; one that the filter leaves out says which rule does."""
    result = []
    for route in among:
        because = left_out(route.rules, lead, purposes)
        result += [Wanted(route.connector_id, lead.pk, operation, left_out=because) for operation in route.operations]
    return result


def left_out(asked: Explained, lead: Lead, purposes: Mapping[str, bool]) -> LeftOut | None:
    """Return what is said of a lead that doesn't meet a rule: the first it doesn't; None where it meets all."""
    return next((words for rule, words in asked if not rule.holds(said(lead, rule.about, purposes))), None)


def said(lead: Lead, about: str, purposes: Mapping[str, bool]) -> list[str]:
    """Return what is known of a lead that a rule may ask about, as texts; nothing where it isn't known."""
    if about == "client":
        return _texts(lead.client_id)
    if about.startswith(_CONSENT):
        return ["given"] if purposes.get(about.removeprefix(_CONSENT)) else []
    if about.startswith(_ATTRIBUTE):
        return _texts(lead.attributes.get(about.removeprefix(_ATTRIBUTE)))
    if about.startswith(_UTM):
        # Pages hand campaign parameters over with and without their prefix.
        utm = lead.source.get("utm") or {}
        return _texts(utm.get(about.removeprefix(_UTM)) or utm.get(about))
    return _texts(lead.source.get(about))


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return [] if value in (None, "") else [str(value)]


def about_leads() -> list[About]:
    """Return everything a filter may ask about a lead, with the values that recent leads have."""
    lately = selection.seen_lately()
    values = {"channel": lately.channel, "utm_campaign": lately.utm_campaign}
    attributes = [f"{_ATTRIBUTE}{name}" for name in selection.some_attributes()]
    consents = [f"{_CONSENT}{name}" for name in selection.purposes()]
    fixed = _fixed(with_clients=True)
    found = [replace(each, values={v: v for v in values.get(each.name, ())} or each.values) for each in fixed.values()]
    return [*found, *(About(name, rules.label_of(name, fixed)) for name in (*attributes, *consents))]


def _fixed(*, with_clients: bool) -> dict[str, About]:
    """Return what may be asked of every lead, by name; the chatbots by their names where those are needed."""
    clients = Client.objects.order_by("name").values_list("pk", "name") if with_clients else ()
    return {
        about.name: about
        for about in (
            About("client", "chatbot", {str(pk): name for pk, name in clients}, is_closed=True),
            About("channel", "channel"),
            About("page_url", "page"),
            About("referrer", "page before that"),
            *(About(f"{_UTM}{name}", f"UTM {name}") for name in selection.UTM),
            About(_ATTRIBUTE, "attribute"),
            About(_CONSENT, "consent to"),
        )
    }


def drop_old_skips(wanted: Sequence[Wanted]) -> None:
    """Close what earlier captures of these leads were left out for: the newest says it all."""
    if wanted:
        Delivery.objects.filter(
            subject_id__in={want.subject_id for want in wanted},
            connector__in={want.connector_id for want in wanted},
            operation__in={want.operation for want in wanted},
            state=Delivery.State.SKIPPED,
        ).update(state=Delivery.State.SUPERSEDED, settled_at=db_now())
