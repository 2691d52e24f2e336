"""The columns a file of leads may have: what each is called, what it means, and how the database says it as text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, F, OuterRef, Subquery, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Coalesce

from integrations.models import Connector, Delivery
from leads import selection
from leads.models import Activity, Consent, Reference

_CONSENT, _AT, _ATTRIBUTE = "consent.", "at.", "attribute."
_MOST_CONNECTORS = 30
_MOST_ATTRIBUTES = 50


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `kind` is text, id, time, number or json; personal ones are for those who may see such."""

    name: str
    label: str
    meaning: str
    expression: Callable[[], Combinable]
    kind: str = "text"
    is_personal: bool = False
    is_usual: bool = True
    group: str = ""

    @property
    def header(self) -> str:
        """What stands above it: the name, which stays; a connector's is its label."""
        return self.label if self.name.startswith(_AT) else self.name


def _field(name: str) -> Callable[[], Combinable]:
    return lambda: F(name)


def _source(name: str) -> Callable[[], Combinable]:
    return lambda: KeyTextTransform(name, "source")


def _utm(name: str) -> Callable[[], Combinable]:
    # Pages hand campaign parameters over with and without their prefix.
    utm = KeyTransform("utm", "source")
    return lambda: Coalesce(KeyTextTransform(name, utm), KeyTextTransform(f"utm_{name}", utm))


def _last_message() -> Combinable:
    rows = Activity.objects.filter(lead=OuterRef("pk")).exclude(message="").order_by("-revision")
    return Subquery(rows.values("message")[:1])


def _enquiries() -> Combinable:
    rows = Activity.objects.filter(lead=OuterRef("pk")).exclude(message="").order_by().values("lead")
    return Cast(Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0), TextField())


def _reference() -> Combinable:
    return Subquery(Reference.objects.filter(lead=OuterRef("pk")).order_by("-pk").values("value")[:1])


def _consent(purpose: str) -> Callable[[], Combinable]:
    newest = Consent.objects.filter(lead=OuterRef("pk"), purpose=purpose).order_by("-at", "-pk")
    said = Case(
        When(granted=False, then=Value("withdrawn")),
        When(is_confirmed=True, then=Value("granted")),
        default=Value("granted, unconfirmed"),
    )
    return lambda: Coalesce(Subquery(newest.values(said=said)[:1]), Value(""), output_field=CharField())


def _state_at(connector_id: Any, operation: str) -> Callable[[], Combinable]:
    rows = Delivery.objects.filter(
        subject_kind="lead", subject_id=OuterRef("pk"), connector=connector_id, operation=operation
    ).current()
    return lambda: Subquery(rows.order_by("-created_at").values("state")[:1])


_WHO, _WHENCE, _WHAT, _WHERE = "Who", "Where from", "What they asked and agreed to", "Where they went"

_FIXED = (
    Column("id", "id", "Our own id; the API and the admin know the lead by it.", _field("pk"), "id", group=_WHO),
    Column("captured_at", "captured at", "When we heard of them first.", _field("created_at"), "time", group=_WHO),
    Column("updated_at", "updated at", "When we heard of them last.", _field("updated_at"), "time", group=_WHO),
    Column("first_name", "first name", "As they gave it.", _field("first_name"), is_personal=True, group=_WHO),
    Column("last_name", "last name", "As they gave it.", _field("last_name"), is_personal=True, group=_WHO),
    Column("email", "e-mail", "In lower case.", _field("email"), is_personal=True, group=_WHO),
    Column("phone", "phone", "With country code (E.164).", _field("phone"), is_personal=True, group=_WHO),
    Column("company", "company", "As they gave it.", _field("company"), is_personal=True, group=_WHO),
    Column("reference", "reference", "The chatbot’s own id for them.", _reference, "text", True, False, _WHO),
    Column("identified_by", "identified by", "What tells them apart from others.", _field("identified_by"),
           is_usual=False, group=_WHO),
    Column("client", "client", "The chatbot that captured them first.", _field("client__name"), group=_WHENCE),
    Column("channel", "channel", "Such as website or whatsapp; the first touch.", _source("channel"), group=_WHENCE),
    Column("page_url", "page", "The page they were on; the first touch.", _source("page_url"), group=_WHENCE),
    Column("referrer", "came from", "The page before that.", _source("referrer"), is_usual=False, group=_WHENCE),
    *(
        Column(f"utm_{name}", f"UTM {name}", f"The campaign parameter utm_{name}; the first touch.", _utm(name),
               is_usual=name in ("source", "medium", "campaign"), group=_WHENCE)
        for name in selection.UTM
    ),
    Column("last_message", "last message", "What they asked last.", _last_message, is_personal=True, group=_WHAT),
    Column("enquiries", "enquiries", "How many messages they sent.", _enquiries, "number", is_usual=False, group=_WHAT),
    Column("attributes", "attributes", "Whatever else the chatbot told, as one JSON object.", _field("attributes"),
           "json", True, False, _WHAT),
    Column("possible_duplicate", "possible duplicate", "yes: an identifier of theirs belongs to another lead, too.",
           lambda: Case(When(possible_duplicate=True, then=Value("yes")), default=Value("no")), is_usual=False,
           group=_WHO),
)  # fmt: skip
_BY_NAME = {column.name: column for column in _FIXED}


def offered() -> list[Column]:
    """Return every column that makes sense now: the fixed ones, a consent per purpose, a state per connector."""
    return [*_FIXED, *map(_consent_column, selection.purposes()), *_connector_columns()]


def usual() -> list[str]:
    """Return the names of the columns that a file has where nobody chose."""
    return [column.name for column in offered() if column.is_usual]


def named(names: Sequence[str], *, may_see_personal: bool = True) -> list[Column]:
    """Return columns by their names, in that order; one that no longer exists is left out."""
    at = {column.name: column for column in _connector_columns()} if any(n.startswith(_AT) for n in names) else {}
    found = [_BY_NAME.get(name) or at.get(name) or _made_up(name) for name in dict.fromkeys(names)]
    return [column for column in found if column and (may_see_personal or not column.is_personal)]


def attribute_name(name: str) -> str:
    """Return what the column of one attribute is called."""
    return f"{_ATTRIBUTE}{name}"


def _made_up(name: str) -> Column | None:
    if name.startswith(_CONSENT):
        return _consent_column(name.removeprefix(_CONSENT))
    if name.startswith(_ATTRIBUTE):
        key = name.removeprefix(_ATTRIBUTE)
        said = f"What the chatbot told as “{key}”."
        return Column(name, key, said, lambda: KeyTextTransform(key, "attributes"), is_personal=True, group=_WHAT)
    return None


def _consent_column(purpose: str) -> Column:
    said = f"What they last said about {purpose}: granted, granted and unconfirmed, or withdrawn; empty: nothing."
    return Column(f"{_CONSENT}{purpose}", f"consent: {purpose}", said, _consent(purpose), group=_WHAT)


def _connector_columns() -> list[Column]:
    columns = []
    for connector in Connector.objects.filter(operations__isnull=False).order_by("name")[:_MOST_CONNECTORS]:
        for operation in connector.operations:
            label = connector.name if len(connector.operations) == 1 else f"{connector.name}: {operation}"
            said = f"The state at {label}: delivered, waiting, needs_you or skipped; empty: never sent there."
            name = f"{_AT}{connector.pk}.{operation}"
            columns.append(Column(name, label, said, _state_at(connector.pk, operation), group=_WHERE))
    return columns
