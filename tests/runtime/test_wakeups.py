"""Hints: dropped rather than waited for, and never two runs of the same at once in one process."""

import threading
from functools import cache

import dramatiq
import pytest
from django.db import transaction
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import TimeLimit

from runtime import jobs, wakeups
from runtime.doorbell import Doorbell


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, str]]:
    """What was sent to the broker since."""
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(wakeups.Wakeups, "send", lambda self, kind, id: bool(found.append((kind, id))) or True)
    return found


def use(monkeypatch, run) -> None:
    kind = jobs.Kind("thing", lambda now, limit: jobs.Look(), run)
    monkeypatch.setitem(jobs._kinds, "thing", kind)


def test_a_hint_during_the_run_has_it_done_once_more(monkeypatch, sent):
    use(monkeypatch, lambda id: wakeups.run("thing", id))

    wakeups.run("thing", "1")

    assert sent == [("thing", "1")]


def test_without_a_hint_meanwhile_nothing_is_sent(monkeypatch, sent):
    ran: list[str] = []
    use(monkeypatch, ran.append)

    wakeups.run("thing", "1")
    wakeups.run("thing", "1")

    assert (ran, sent) == (["1", "1"], [])


def test_two_threads_dont_do_the_same_at_once(monkeypatch, sent):
    entered, may_end, at_once = threading.Event(), threading.Event(), []

    def run(id: str) -> None:
        at_once.append(id)
        entered.set()
        may_end.wait(60)

    use(monkeypatch, run)
    first = threading.Thread(target=wakeups.run, args=("thing", "1"))
    first.start()
    assert entered.wait(60)

    wakeups.run("thing", "1")

    assert at_once == ["1"]
    may_end.set()
    first.join(60)
    assert sent == [("thing", "1")]


def test_work_that_fails_is_free_again(monkeypatch, sent):
    def fail(id: str) -> None:
        raise ValueError(id)

    use(monkeypatch, fail)
    wakeups.run("thing", "1")
    ran: list[str] = []
    use(monkeypatch, ran.append)

    wakeups.run("thing", "1")

    assert ran == ["1"]


@pytest.mark.django_db(transaction=True)
def test_the_bell_rings_after_the_commit_and_never_for_what_was_rolled_back(tmp_path, monkeypatch):
    bell = Doorbell(tmp_path / "worker.bell")
    bell.listen()
    monkeypatch.setattr(
        wakeups, "_make", cache(lambda: wakeups.Wakeups(StubBroker(middleware=[TimeLimit()]), Doorbell(bell._path)))
    )

    with pytest.raises(dramatiq.DramatiqError), transaction.atomic():
        wakeups.wake("thing", "rolled back")
        raise dramatiq.DramatiqError("undone")
    with transaction.atomic():
        wakeups.wake("thing", "committed")

    assert list(bell.heard()) == [("thing", "committed")]


def test_hints_that_come_fast_are_collected(monkeypatch, sent):
    """Guard: the thread that sends rests after it has sent; without it each hint is a message."""
    rests, may_go_on = threading.Event(), threading.Event()

    def rest(seconds: float) -> None:
        rests.set()
        assert may_go_on.wait(60)
        may_go_on.clear()

    monkeypatch.setattr(wakeups.time, "sleep", rest)
    hints = wakeups.Wakeups(StubBroker(middleware=[TimeLimit()]))
    hints.put("thing", "1")
    assert rests.wait(60)
    for _ in range(100):
        hints.put("thing", "1")
        hints.put("thing", "2")
    rests.clear()
    may_go_on.set()
    assert rests.wait(60)
    monkeypatch.undo()
    may_go_on.set()

    assert sorted(sent) == [("thing", "1"), ("thing", "1"), ("thing", "2")]
