"""Rings reach the worker of the same machine, and never hold anybody up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.doorbell import Doorbell


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worker.bell"


def test_a_ring_is_heard_with_what_it_is_about(path: Path):
    worker = Doorbell(path)
    worker.listen()

    assert Doorbell(path).ring("connector", "42")

    assert list(worker.heard()) == [("connector", "42")]


def test_rings_for_the_same_are_heard_once(path: Path):
    worker, web = Doorbell(path), Doorbell(path)
    worker.listen()

    for id in ["1", "2", "1", "1"]:
        web.ring("connector", id)

    assert list(worker.heard()) == [("connector", "1"), ("connector", "2")]


def test_another_process_is_heard(path: Path):
    worker = Doorbell(path)
    worker.listen()
    code = "import sys, pathlib; from runtime.doorbell import Doorbell; "
    code += "assert Doorbell(pathlib.Path(sys.argv[1])).ring('event', '7')"

    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)

    assert list(worker.heard()) == [("event", "7")]


def test_ringing_where_nobody_lives_is_said_and_makes_nothing(path: Path):
    assert not Doorbell(path).ring("connector", "1")
    assert not path.exists()


def test_a_worker_that_went_is_noticed_and_its_successor_heard(path: Path):
    web, first = Doorbell(path), Doorbell(path)
    first.listen()
    assert web.ring("connector", "1")
    first._close()

    assert not web.ring("connector", "2")

    second = Doorbell(path)
    second.listen()
    assert web.ring("connector", "3")
    assert list(second.heard()) == [("connector", "3")]


def test_a_worker_that_doesnt_listen_holds_nobody_up(path: Path):
    worker, web = Doorbell(path), Doorbell(path)
    worker.listen()

    rung = [web.ring("connector", f"{n:040}") for n in range(5000)]

    assert rung[0]
    assert not rung[-1]
    assert len(list(worker.heard())) == sum(rung)


def test_only_its_owner_may_ring(path: Path):
    Doorbell(path).listen()

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_in_its_place_is_replaced(path: Path):
    path.write_text("left by a backup")
    worker = Doorbell(path)

    worker.listen()

    assert Doorbell(path).ring("connector", "1")
    assert path.is_fifo()


@pytest.mark.parametrize("line", ["", "\n", "nothing\n", " \n", "\xff\xfe\n"])
def test_nonsense_is_passed_over(path: Path, line: str):
    worker, web = Doorbell(path), Doorbell(path)
    worker.listen()
    web.ring("connector", "1")
    os.write(os.open(path, os.O_WRONLY), line.encode("latin-1"))

    assert list(worker.heard()) == [("connector", "1")]
