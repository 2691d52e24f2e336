"""Which leads are meant: the filters of the list, of exports, of the funnel and of the API, under the same names.

Values come from addresses that people see and keep, so each is text: `{"channel": "web", "captured": "last_month"}`.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django.db import connection
from django.db.models import BooleanField, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Concat
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from gateway.models import Client
from integrations.models import Connector, Delivery
from leads.models import Consent, Lead, LeadQuerySet, Reference

State = Delivery.State

PERIODS = {
    "today": "today",
    "yesterday": "yesterday",
    "7_days": "last 7 days",
    "30_days": "last 30 days",
    "this_month": "this month",
    "last_month": "last month",
}
UTM = ("source", "medium", "campaign", "term", "content")
_LONGEST_SEARCH = 200
_MOST_IDS = 1000

Narrow = Callable[[QuerySet[Lead], str], QuerySet[Lead]]


class Unreadable(ValueError):
    """A filter's value makes no sense; the message says what would."""


def chosen(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return what of an address's parameters says which leads are meant."""
    return {name: str(parameters[name]) for name in NAMES if parameters.get(name)}


def narrow(leads: QuerySet[Lead], filters: Mapping[str, str]) -> QuerySet[Lead]:
    """Return the leads that pass every filter. Raises: Unreadable."""
    for name, value in filters.items():
        leads = NAMES[name](leads, value)
    return leads


def words(filters: Mapping[str, str]) -> list[str]:
    """Return what the filters say, for people: `["captured last month", "channel is website"]`."""
    return [_WORDS.get(name, _said)(name, value) for name, value in filters.items()]


def search(leads: QuerySet[Lead], text: str) -> QuerySet[Lead]:
    """Find leads by a name, an address, a number, a company, a client's id for them, or our own."""
    # Leaving out the NUL that no database stores: nothing has one.
    text = text.replace("\x00", "").strip()[:_LONGEST_SEARCH]
    if not text:
        return leads
    with suppress(ValueError):
        return leads.filter(pk=uuid.UUID(text))
    if "@" in text and (known := _with_address(text)):
        return leads.filter(pk__in=known)
    # Asked first: with a subquery in the condition, PostgreSQL reads the leads one after the other, not in parallel.
    known = list(Reference.objects.filter(value=text).values_list("lead", flat=True))
    said = Q()
    for word in text.split():
        said &= _says(word)
    return leads.alias(_names=_NAMES_AS_ONE).filter(said | Q(pk__in=known) if known else said)


# In one text, because folding the case of each costs more than all the rest of a search; no word has a line break.
_NAMES_AS_ONE = Concat("first_name", Value("\n"), "last_name", Value("\n"), "company", output_field=TextField())


def _says(word: str) -> Q:
    """Return the condition that a lead has a word in a name, its address or its number."""
    said = Q(_names__icontains=word) | Q(email__contains=word.lower())
    return said if word.isalpha() else said | Q(phone__contains=word)


def _with_address(address: str) -> list[uuid.UUID]:
    """Return who has exactly this address, and whom a client calls by it; nobody unless somebody has it."""
    # Two steps of an index: with `icontains` beside them in one condition, the database reads every lead.
    mine = Lead.objects.with_email(address.lower()).values_list("pk", Value(True, BooleanField()))
    called = Reference.objects.filter(value=address).values_list("lead", Value(False, BooleanField()))
    known = list(called.union(mine, all=True))
    return [pk for pk, _ in known] if any(is_theirs for _, is_theirs in known) else []


def period(name: str) -> tuple[date, date]:
    """Return the first and the last day of a period in the site's zone."""
    today = timezone.localdate()
    first = today.replace(day=1)
    last_of_previous = first - timedelta(days=1)
    days = {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1),) * 2,
        "7_days": (today - timedelta(days=6), today),
        "30_days": (today - timedelta(days=29), today),
        "this_month": (first, today),
        "last_month": (last_of_previous.replace(day=1), last_of_previous),
    }
    if name not in days:
        raise Unreadable(f"A period is one of {', '.join(PERIODS)}.")
    return days[name]


def day_start(day: date) -> datetime:
    """Return when a day begins in the site's zone; across a change of the clocks, too."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def _captured(leads: QuerySet[Lead], value: str) -> QuerySet[Lead]:
    first, last = period(value)
    return leads.filter(created_at__gte=day_start(first), created_at__lt=day_start(last + timedelta(days=1)))


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as err:
        raise Unreadable("A day is written as 2026-03-31.") from err


def _instant(value: str) -> datetime:
    try:
        at = parse_datetime(value)
    except ValueError:
        at = None
    if at is None:
        raise Unreadable("A time is written as 2026-03-31T08:00:00+02:00.")
    return at if timezone.is_aware(at) else timezone.make_aware(at)


def _id(value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError as err:
        raise Unreadable("This is not an id.") from err


def _ids(value: str) -> list[uuid.UUID]:
    return [_id(each) for each in value.split(",")[:_MOST_IDS]]


def _delivery(leads: QuerySet[Lead], value: str) -> QuerySet[Lead]:
    known = cast("LeadQuerySet", leads)
    if value == "none":
        return known.sent_nowhere()
    if value not in State.values:
        raise Unreadable(f"A delivery is one of none, {', '.join(State.values)}.")
    return known.with_delivery(value)


def _connector(leads: QuerySet[Lead], value: str) -> QuerySet[Lead]:
    rows = Delivery.objects.filter(subject_kind="lead", connector=_id(value), state=State.DELIVERED).order_by()
    return leads.filter(pk__in=rows.values("subject_id"))


def _consent(leads: QuerySet[Lead], value: str) -> QuerySet[Lead]:
    given = Consent.objects.filter(purpose=value, granted=True).order_by().values("lead")
    newer = Consent.objects.filter(lead=OuterRef("pk"), purpose=value).order_by("-at", "-pk").values("granted")
    return leads.filter(pk__in=given).annotate(_in_force=Subquery(newer[:1])).filter(_in_force=True)


def _utm(name: str) -> Narrow:
    def narrowed(leads: QuerySet[Lead], value: str) -> QuerySet[Lead]:
        # Pages hand campaign parameters over with and without their prefix.
        return leads.filter(Q(**{f"source__utm__{name}": value}) | Q(**{f"source__utm__utm_{name}": value}))

    return narrowed


NAMES: dict[str, Narrow] = {
    "q": search,
    "captured": _captured,
    "captured_from": lambda leads, value: leads.filter(created_at__gte=day_start(_day(value))),
    "captured_to": lambda leads, value: leads.filter(created_at__lt=day_start(_day(value) + timedelta(days=1))),
    "updated_since": lambda leads, value: leads.filter(updated_at__gte=_instant(value)),
    "client": lambda leads, value: leads.filter(client=_id(value)),
    "channel": lambda leads, value: leads.filter(source__channel=value),
    **{f"utm_{name}": _utm(name) for name in UTM},
    "delivery": _delivery,
    "in": _connector,
    "consent": _consent,
    "duplicate": lambda leads, value: leads.filter(possible_duplicate=value == "yes"),
    "ids": lambda leads, value: leads.filter(pk__in=_ids(value)),
}
"""Every filter there is, in the order in which people read them."""


def _said(name: str, value: str) -> str:
    return f"{name.replace('_', ' ')} is {value}"


def _name_of(model: Any, value: str) -> str:
    row = model.objects.filter(pk=_id(value)).first()
    return str(row) if row else "one that no longer exists"


def _delivery_words(name: str, value: str) -> str:
    return "sent nowhere" if value == "none" else f"a delivery is “{State(value).label}”"


_WORDS: dict[str, Callable[[str, str], str]] = {
    "q": lambda _, value: f"“{value}” is found in them",
    "captured": lambda _, value: f"captured {PERIODS.get(value, value)}",
    "captured_from": lambda _, value: f"captured on {value} or later",
    "captured_to": lambda _, value: f"captured on {value} or earlier",
    "updated_since": lambda _, value: f"changed since {value}",
    "client": lambda _, value: f"captured by {_name_of(Client, value)}",
    "delivery": _delivery_words,
    "in": lambda _, value: f"delivered to {_name_of(Connector, value)}",
    "consent": lambda _, value: f"consented to {value}",
    "duplicate": lambda _, value: "possible duplicates" if value == "yes" else "no possible duplicates",
    "ids": lambda _, value: f"{value.count(',') + 1:,} chosen by hand",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What recent leads came through: `{name of a filter: values}`."""

    channel: list[str]
    utm_campaign: list[str]


def seen_lately(most: int = 20) -> Seen:
    """Return what recent leads came through: a look at the newest, not at all of them."""
    newest = Lead.objects.order_by("-created_at").values_list("source__channel", "source__utm__campaign")[:1000]
    channels, campaigns = zip(*newest, strict=True) if newest else ((), ())
    return Seen(_first_texts(channels, most), _first_texts(campaigns, most))


def some_attributes(most: int = 50) -> list[str]:
    """Return the names of the attributes that recent leads have."""
    newest = Lead.objects.order_by("-created_at").exclude(attributes={}).values_list("attributes", flat=True)[:1000]
    return _first_texts((name for attributes in newest for name in attributes), most)


# One step of an index per purpose, however many consents there are.
_PURPOSES = (
    "WITH RECURSIVE found(purpose) AS (SELECT MIN(purpose) FROM leads_consent UNION ALL "
    "SELECT (SELECT MIN(purpose) FROM leads_consent WHERE purpose > found.purpose) "
    "FROM found WHERE found.purpose IS NOT NULL) "
)


def purposes(most: int = 50) -> list[str]:
    """Return what people were asked to consent to, by name."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_PURPOSES} SELECT purpose FROM found WHERE purpose IS NOT NULL LIMIT %s", [most])  # noqa: S608 (a constant)
        return [purpose for (purpose,) in cursor.fetchall()]


def offered(most: int = 50) -> dict[str, list[tuple[str, str]]]:
    """Return what some filters offer, in one statement: `{"in" | "client" | "consent": [(value, name)]}`, by name."""
    found: dict[str, list[tuple[str, str]]] = {"in": [], "client": [], "consent": []}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_PURPOSES} SELECT 'consent', purpose, purpose FROM found WHERE purpose IS NOT NULL "  # noqa: S608 (constants)
            f"UNION ALL SELECT 'in', CAST(id AS text), name FROM {Connector._meta.db_table} "
            f"UNION ALL SELECT 'client', CAST(id AS text), name FROM {Client._meta.db_table}"
        )
        for filter_name, value, name in cursor.fetchall():
            found[filter_name].append((value if filter_name == "consent" else str(uuid.UUID(value)), name))
    return {filter_name: sorted(rows, key=lambda row: row[1])[:most] for filter_name, rows in found.items()}


def _first_texts(values: Iterable[Any], most: int) -> list[str]:
    return sorted({value for value in values if isinstance(value, str) and value})[:most]
