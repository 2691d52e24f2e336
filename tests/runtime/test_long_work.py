"""Long work: a program of its own, one at a time, that ends with its worker and says how far it is."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress

import pytest

from leads.exports import jobs as exports
from leads.imports import jobs as imports
from runtime import jobs, long_work
from tests.demo import ROOT, wait_for

UNTIL_TOLD = """
import pathlib, signal, sys, time
began, told = map(pathlib.Path, sys.argv[1:])
def on_term(*_):
    told.touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, on_term)
began.touch()
time.sleep(60)
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Where the program says that it began, and that it was told to stop."""
    files = tmp_path / "began", tmp_path / "told"
    command = [sys.executable, "-c", UNTIL_TOLD, *map(str, files)]
    monkeypatch.setattr(long_work, "_command", lambda kind, id: command)
    yield files
    long_work.stop(10)


def test_one_piece_at_a_time_which_a_worker_that_ends_lets_stop_where_it_is(files):
    began, told = files
    assert long_work.start("export", "1")
    wait_for(began.exists, "the program began")
    assert not long_work.start("export", "2")
    long_work.stop(10)
    assert told.exists()
    began.unlink()
    wait_for(lambda: long_work.start("export", "3"), "the next piece is taken")
    wait_for(began.exists, "it began, and can be told to stop")


@pytest.mark.parametrize(
    ("limited", "error"), [("threading.Thread.start", RuntimeError), ("subprocess.Popen", BlockingIOError)]
)
def test_a_limit_of_processes_keeps_nobody_waiting_for_good(files, monkeypatch, limited, error):
    def no_more(*_, **__):
        raise error("can't start new thread")

    monkeypatch.setattr(long_work, "_failures", long_work._Failures())
    wait_for(lambda: not long_work._turn.locked(), "the test before has ended")
    with monkeypatch.context() as patch, suppress(RuntimeError):
        patch.setattr(limited, no_more)
        long_work.start("export", "1")
        wait_for(lambda: not long_work._turn.locked(), "the turn is free again")
    wait_for(lambda: long_work.start("export", "2"), "the next piece is taken", seconds=10)
    wait_for(files[0].exists, "the program began")


def test_work_whose_program_fails_rests_longer_each_time(tmp_path, monkeypatch):
    """A program that dies before it has claimed its work leaves it due: the clock would start it every second."""
    runs, now = tmp_path / "runs", [1000.0]
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write('x'); sys.exit(1)"
    monkeypatch.setattr(long_work, "_command", lambda kind, id: [sys.executable, "-c", code, str(runs)])
    monkeypatch.setattr(long_work, "_failures", failures := long_work._Failures())
    monkeypatch.setattr(long_work.time, "monotonic", lambda: now[0])

    for number, rest in enumerate([10, 20, 40], start=1):
        wait_for(lambda: long_work.start("export", "1"), "it is tried")
        wait_for(lambda: failures.rests("export", "1"), "it rests")
        assert runs.read_text() == "x" * number
        now[0] += rest - 1
        assert not long_work.start("export", "1")
        now[0] += 1
    wait_for(lambda: not long_work._turn.locked(), "the program has ended")


def test_a_worker_that_stops_starts_nothing(files, monkeypatch):
    monkeypatch.setattr(jobs, "stopping", threading.Event())
    jobs.stopping.set()
    assert not long_work.start("export", "1")


WORKER = """
import sys, time
import django
django.setup()
from runtime import long_work
long_work._command = lambda kind, id: [sys.executable, "-c", sys.argv[1], *sys.argv[2:]]
long_work.start("export", "1")
time.sleep(60)
"""


def test_a_killed_workers_program_ends_with_it(tmp_path):
    began, told = tmp_path / "began", tmp_path / "told"
    command = [sys.executable, "-c", textwrap.dedent(WORKER), UNTIL_TOLD, str(began), str(told)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as worker:
        wait_for(began.exists, "the program began")
        worker.send_signal(signal.SIGKILL)
    wait_for(told.exists, "the program was told")


@pytest.mark.parametrize(("kind", "work"), [(exports.KIND, "write"), (imports.KIND, "work")])
def test_exports_and_imports_are_what_the_program_does(monkeypatch, kind, work):
    done = []
    monkeypatch.setattr(exports if kind == exports.KIND else imports, work, done.append)
    long_work.carry_out(kind, "7")
    assert done == ["7"]
