"""PostgreSQL filled with history, and what a capture and a claim cost there."""

import random
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from django.db import connection, models, transaction
from django.db.models.functions import Trunc

from gateway.models import Client
from integrations.models import Connector, Delivery
from leads.capture import lead_capture
from leads.models import Activity, Lead
from leads.services import LeadData
from runtime import jobs
from runtime.clock import db_now

_BATCH = 100
_WAITING = 2000
_STATE = Delivery.State

# As version 7 ids are: in the order of time, random behind it.
_ID = (
    "(lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(md5('{salt}' || n), 1, 3) || '8' "
    "|| substr(md5('{salt}' || n), 4, 15))::uuid"
)


_SOURCE = (
    "jsonb_build_object('channel', (ARRAY['website', 'whatsapp', 'app', 'kiosk'])[1 + mod(n, 4)], "
    "'page_url', 'https://shop.example.com/prices?n=' || n, "
    "'utm', jsonb_build_object('source', 'news', 'campaign', 'campaign ' || mod(n, 200)))"
)


def fill(size: int) -> None:
    """Add leads, each captured and delivered; a few of the first ones wait once more."""
    client, connector = Client.objects.get(), Connector.objects.get()
    lead = Lead(client=client, identified_by=Lead.IdentifiedBy.EMAIL, first_name="Anna", company="Nordlys AS")
    activity = Activity(lead=lead, client=client, kind=Activity.Kind.CAPTURED, revision=1, message="How much?")
    delivered = _delivery(connector, lead, state=_STATE.DELIVERED, revision=1, external_id="1", settled_at=db_now())
    at, lead_id = "to_timestamp(1700000000 + n)", id_of("lead")
    with connection.cursor() as cursor:
        # What is measured is the cost of statements, not of a history that is still being written to the disk.
        cursor.execute("SET synchronous_commit = off")
    numbers = (1, size)
    email = "'anna.' || n || '@example.com'"
    multiply(lead, numbers, id=lead_id, email=email, source=_SOURCE, created_at=at, updated_at=at)
    multiply(activity, numbers, id=id_of("activity"), lead_id=lead_id, at=at)
    multiply(delivered, numbers, id=id_of("told"), subject_id=lead_id, due_at=at, created_at=at, settled_at=at)
    multiply(_delivery(connector, lead, state=_STATE.WAITING), (1, _WAITING), id=id_of("waits"), subject_id=lead_id)
    _settle_down()


def wait_all() -> None:
    """Let the whole history wait to be sent, as "Send all existing leads" does: thousands have the same due time."""
    open_ = Delivery.objects.filter(state=_STATE.WAITING).values("subject_id")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    Delivery.objects.filter(state=_STATE.DELIVERED).exclude(subject_id__in=open_).update(
        state=_STATE.WAITING, due_at=Trunc("due_at", "hour"), settled_at=None
    )
    _settle_down()


def _delivery(connector: Connector, lead: Lead, **values: Any) -> Delivery:
    return Delivery(connector=connector, subject_id=lead.pk, operation="upsert", **values)


def id_of(salt: str) -> str:
    return _ID.format(salt=salt)


def multiply(row: models.Model, numbers: tuple[int, int], **expressions: str) -> None:
    """Insert a row once per number, with these columns computed from `n`: one statement, nothing passes through us."""
    values, parameters = [], []
    fields = row._meta.concrete_fields
    for field in fields:
        if expression := expressions.get(field.column):
            values.append(expression)
        elif isinstance(field, models.BigAutoField):
            values.append("DEFAULT")
        else:
            values.append(f"%s::{field.db_type(connection)}")
            parameters.append(field.get_db_prep_save(getattr(row, field.attname), connection))
    columns = ", ".join(field.column for field in fields)
    source = f"SELECT {', '.join(values)} FROM generate_series(%s::bigint, %s::bigint) AS n"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {row._meta.db_table} ({columns}) {source}", [*parameters, *numbers])


def _settle_down() -> None:
    with connection.cursor() as cursor:
        for model in (Lead, Activity, Delivery):
            cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
        cursor.execute("CHECKPOINT")


def timings(size: int, times: int) -> dict[str, float]:
    """Return the median milliseconds of each service call; without the wait for the disk, which would hide growth."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    calls = _calls(size)
    for call in calls.values():
        _median_ms(call, 20)
    return {name: _median_ms(call, times) for name, call in calls.items()}


def plans(size: int) -> dict[str, Any]:
    """Return what each hot statement does: `{"statements": {call: count}, "plans": [{"call", "sql", "plan"}]}`."""
    found, counts = [], {}
    for name, call in _calls(size).items():
        with recorded() as statements:
            call()
        counts[name] = len(statements)
        for sql, parameters in dict(statements).items():
            found.append(
                {"call": name, "sql": _short(sql), "plan": [_short(line) for line in _explain(sql, parameters)]}
            )
    return {"statements": counts, "plans": found}


def _calls(size: int) -> dict[str, Callable[[], Any]]:
    client, connector = Client.objects.get(), Connector.objects.get()

    def capture(email: str) -> None:
        lead_capture(client=client, data=LeadData(email=email, first_name="Anna", message="How much?"))

    return {
        "capture of a new lead": lambda: capture(f"{uuid.uuid4().hex}@example.com"),
        "capture of a known lead": lambda: capture(f"anna.{random.randint(1, size)}@example.com"),
        f"claim of {_BATCH}": lambda: _claim(connector),
        "look of the clock": _look,
    }


def _claim(connector: Connector) -> list[uuid.UUID]:
    return [delivery.pk for delivery in Delivery.objects.claim_batch(connector.pk, _BATCH)]


def _look() -> None:
    now = db_now()
    for kind in jobs.kinds():
        kind.look(now, 500)


def _median_ms(call: Callable[[], Any], times: int) -> float:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        claimed = call()
        took.append((time.perf_counter() - started) * 1000)
        if claimed:
            Delivery.objects.filter(pk__in=claimed).update(state=_STATE.WAITING, lease_until=None)
    return median(took)


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """Collect what is run, each statement of a message by itself."""
    statements: list[tuple[str, Any]] = []

    def record(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        left = list(parameters or ())
        for statement in sql.split("; "):
            own = statement.count("%s")
            statements.append((statement, left[:own]))
            left = left[own:]
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(record):
        yield statements


def _short(text: str) -> str:
    """Return SQL, or a line of a plan, without lists of a hundred ids."""
    return re.sub(r"(%s, ){3,}", "%s, …, ", re.sub(r"'\{[0-9a-f,-]{80,}\}'", "'{…}'", text))


def _explain(sql: str, parameters: Any) -> list[str]:
    if not sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (COSTS OFF) {sql}", parameters)
        return [row[0] for row in cursor.fetchall()]
