"""Leads in bulk on PostgreSQL: files out, files in, the list with its filters."""

import csv
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from gateway.models import Client, User
from integrations.models import Connector
from leads.exports import columns as catalogue
from leads.exports import jobs, parts, rows, services
from leads.imports import jobs as import_jobs
from leads.imports import services as imports
from leads.models import Consent, Export, Import, Lead
from tests.bench.inside import growth
from tests.bench.processes import ROOT, peak

_EVERY_THIRD_CONSENTS = 3
_LOOK_SECONDS = 0.02
_MIB = 1024 * 1024


def fill(size: int) -> None:
    """Add leads as `growth` does, and a consent for each third of them."""
    growth.fill(size)
    lead = Lead(client=Client.objects.get())
    said = Consent(lead=lead, purpose="email_marketing", granted=True, wording="Yes, send me news.")
    lead_id = growth.id_of("lead").replace(" n", f" n * {_EVERY_THIRD_CONSENTS}")
    growth.multiply(said, (1, size // _EVERY_THIRD_CONSENTS), id=growth.id_of("said"), lead_id=lead_id)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {Consent._meta.db_table}")


def export(format: str) -> dict[str, float]:
    """Write every lead as a file with the usual columns: `{"seconds", "rows", "bytes", "peak_mib", …}`."""
    shape = {"format": format, "filters": {}, "columns": catalogue.usual()}
    asked = services.export_create(person=_person(), shape=shape)
    done = _carried_out(jobs.KIND, asked.pk)
    made = Export.objects.get(pk=asked.pk)
    assert made.state == Export.State.DONE, f"{made.state}: {made.reason}"
    size = parts.path_of(made).stat().st_size
    parts.path_of(made).unlink()
    return {**done, "rows": made.written, "bytes": size}


def _carried_out(kind: str, id: uuid.UUID) -> dict[str, float]:
    """Do long work by the program that the worker starts for it: `{"seconds", "peak_mib", "before_mib"}`."""
    # Without anything to do it takes what starting takes, and holds what it always holds.
    start, before = _run(kind, uuid.uuid4())
    seconds, most = _run(kind, id)
    return {"seconds": seconds - start, "peak_mib": most, "before_mib": before}


def _run(kind: str, id: uuid.UUID) -> tuple[float, float]:
    """Return how many seconds the program took, and the most MiB that it held."""
    started, most = time.perf_counter(), 0.0
    with subprocess.Popen([sys.executable, "manage.py", "long_work", kind, str(id)], cwd=ROOT) as program:
        # What wait4 tells of a program begins with what this one held when it started it.
        while program.poll() is None:
            most = max(most, peak(program.pid) / _MIB)
            time.sleep(_LOOK_SECONDS)
    assert program.returncode == 0, f"long_work {kind} ended with {program.returncode}"
    return time.perf_counter() - started, most


def copied() -> dict[str, float]:
    """Have psql copy the same columns of every lead into a file: `{"seconds", "rows", "bytes"}`."""
    shown = catalogue.named(catalogue.usual())
    expressions = [rows._as_text(column, is_guarded=False) for column in shown]
    names = {f"c{index}": each for index, each in enumerate(expressions)}
    query, values = Lead.objects.order_by("pk").annotate(**names).values_list(*names).query.sql_with_params()
    with psycopg.connect(_url()) as plain:
        text = psycopg.ClientCursor(plain).mogrify(query, values)
    with tempfile.TemporaryDirectory(dir=parts.folder()) as folder:
        file = Path(folder) / "copied.csv"
        command = f"\\copy ({text}) to '{file}' with (format csv)"
        started = time.perf_counter()
        subprocess.run(["psql", _url(), "-qXc", command], check=True, stdin=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        with file.open("rb") as lines:
            count = sum(1 for _ in lines)
        return {"seconds": seconds, "rows": count, "bytes": file.stat().st_size}


def _url() -> str:
    return os.environ["DATABASE_URL"]


def _person() -> User:
    person, _ = User.objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True, "email": "bench@example.com"}
    )
    return person


def lists(times: int) -> list[dict[str, Any]]:
    """Open the list of leads, whole and by each filter: `[{"name", "ms", "queries", "sql"}]`."""
    browser = Browser(SERVER_NAME="127.0.0.1")
    browser.force_login(_person())
    return [_opened(browser, name, query, times) for name, query in _lists()]


def _lists() -> Iterator[tuple[str, dict[str, str]]]:
    client, connector = Client.objects.get(), Connector.objects.get()
    newest = Lead.objects.order_by("-created_at").first()
    assert newest is not None
    day = newest.created_at.date().isoformat()
    yield "every lead", {}
    yield "page 3", {"p": "3"}
    yield "by last name", {"o": "1"}
    yield "captured last 30 days", {"captured": "30_days"}
    yield "days of capture", {"created_at_from": day, "created_at_to": day}
    yield "client", {"client": str(client.pk)}
    yield "channel", {"channel": "kiosk"}
    yield "campaign", {"utm_campaign": "campaign 7"}
    yield "delivered to", {"in": str(connector.pk)}
    yield "delivery delivered", {"delivery": "delivered"}
    yield "delivery waiting", {"delivery": "waiting"}
    yield "sent nowhere", {"delivery": "none"}
    yield "consented", {"consent": "email_marketing"}
    yield "possible duplicates", {"duplicate": "yes"}
    yield "search an address", {"q": newest.email}
    yield "search a word", {"q": "nordlys"}
    yield "search what is not there", {"q": "zzzzzz"}
    yield "channel and campaign", {"channel": "kiosk", "utm_campaign": "campaign 7"}


def _opened(browser: Browser, name: str, query: dict[str, str], times: int) -> dict[str, Any]:
    took, address = [], reverse("admin:leads_lead_changelist")
    browser.get(address, query)
    with growth.recorded() as statements:
        answer = browser.get(address, query)
        assert answer.status_code == 200, f"{name}: {answer.status_code}"
    for _ in range(times):
        started = time.perf_counter()
        browser.get(address, query)
        took.append((time.perf_counter() - started) * 1000)
    return {"name": name, "ms": median(took), "queries": len(statements), "sql": [sql for sql, _ in statements]}


def brought(size: int) -> dict[str, float]:
    """Import a file of new leads: `{"seconds", "rows", "peak_mib", …}`."""
    with tempfile.TemporaryDirectory(dir=parts.folder()) as folder:
        file = Path(folder) / "leads.csv"
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(["email", "first_name", "last_name", "company", "message", "consent.email_marketing"])
            for number in range(size):
                writer.writerow(
                    [f"new.{number}@example.org", "Kari", f"Nord {number}", "Nordlys AS", "How much?", "granted"]
                )
        run = imports.import_create(file_name="leads.csv", upload=[file.read_bytes()], person=_person())
    imports.import_match(run=run, matched=run.matched, client=Client.objects.get(), is_sent=False)
    assert imports.import_start(run=run)
    told = _carried_out(import_jobs.KIND, run.pk)
    done = Import.objects.get(pk=run.pk)
    assert (done.state, done.created) == (Import.State.DONE, size), f"{done.state}: {done.reason}, {done.created}"
    return {**told, "rows": done.created}
