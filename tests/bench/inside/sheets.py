"""Leads in bulk on PostgreSQL: files out, files in, the list with its filters."""

import csv
import os
import resource
import subprocess
import tempfile
import time
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

_EVERY_THIRD_CONSENTS = 3


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
    before = _peak_mib()
    started = time.perf_counter()
    jobs.write(str(asked.pk))
    seconds = time.perf_counter() - started
    made = Export.objects.get(pk=asked.pk)
    assert made.state == Export.State.DONE, f"{made.state}: {made.reason}"
    size = parts.path_of(made).stat().st_size
    parts.path_of(made).unlink()
    return {
        "seconds": seconds,
        "rows": made.written,
        "bytes": size,
        "peak_mib": _peak_mib(),
        "before_mib": before,
    }


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


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
    """Import a file of new leads: `{"seconds", "rows"}`."""
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
    started = time.perf_counter()
    import_jobs.work(str(run.pk))
    seconds = time.perf_counter() - started
    done = Import.objects.get(pk=run.pk)
    assert (done.state, done.created) == (Import.State.DONE, size), f"{done.state}: {done.reason}, {done.created}"
    return {"seconds": seconds, "rows": done.created}
