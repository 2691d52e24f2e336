"""Long work: a program of its own, one at a time, that ends with its worker and says how far it is."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from leads.exports import jobs as exports
from leads.imports import jobs as imports
from runtime import long_work
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
    wait_for(lambda: long_work.start("export", "3"), "the next piece is taken")


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
