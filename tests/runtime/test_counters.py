"""Counters of limits: no number twice, whoever counts, on a file and on the Redis server that CACHE_URL names."""

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime import counters
from runtime.counters import FileCounters, RedisCounters

pytestmark = pytest.mark.db


@pytest.fixture
def make(tmp_path):
    """Return what makes the counters as another process sees them: with a memory of its own."""
    prefix = uuid.uuid4().hex

    def make(monkeypatch):
        monkeypatch.setattr(counters, "_counters", {})
        if url := os.environ.get("CACHE_URL"):
            return RedisCounters(url, {"KEY_PREFIX": prefix})
        return FileCounters(str(tmp_path / "counters.sqlite3"), {})

    return make


@pytest.fixture
def limits(make, monkeypatch):
    return make(monkeypatch)


@pytest.fixture
def moment(monkeypatch):
    """Have time stand still; the test moves it on."""
    now = [100.0]
    monkeypatch.setattr(counters.time, "monotonic", lambda: now[0])
    return now


def test_whoever_counts_slowly_takes_one_number_at_a_time(limits, moment):
    counted = []
    for _ in range(40):
        counted.append(_counted(limits))
        moment[0] += 1
        assert limits.get("n") == counted[-1]
    assert counted == list(range(1, 41))


def test_whoever_counts_fast_takes_more_the_more_were_counted(limits, moment):
    ahead = []
    for number in range(1, 601):
        assert _counted(limits) == number
        ahead.append(limits.get("n") - number)
    assert max(ahead[:30]) == 0
    assert max(ahead) == 15
    assert all(left < 16 and left <= number // 16 for number, left in enumerate(ahead, start=1))


def test_whoever_gets_slow_takes_fewer_again(limits, moment):
    for _ in range(600):
        _counted(limits)
    for _ in range(40):
        moment[0] += 1
        last = _counted(limits)
    assert limits.get("n") == last


def test_no_number_is_given_to_two_processes(make, monkeypatch, moment):
    one = make(monkeypatch)
    first = [_counted(one) for _ in range(301)]
    kept = counters._counters
    other = make(monkeypatch)
    second = [_counted(other) for _ in range(301)]
    monkeypatch.setattr(counters, "_counters", kept)
    third = [_counted(one) for _ in range(301)]
    assert len({*first, *second, *third}) == 903
    assert max(third) <= other.get("n")


def test_threads_of_a_process_count_exactly(limits, moment):
    """Guards: of threads that find no counter the first makes it; while one takes ahead, the others take one each."""
    start = threading.Barrier(8)

    def count(_):
        start.wait()
        return [_counted(limits) for _ in range(100)]

    with ThreadPoolExecutor(8) as pool:
        numbers = [number for given in pool.map(count, range(8)) for number in given]
    assert len(set(numbers)) == 800
    assert limits.get("n") - 800 < 16


def test_a_limit_whose_counter_is_lost_is_counted_anew(limits):
    """Guard: `_take` makes what was seen anew; without it nothing would be counted from then on."""
    assert [_counted(limits), _counted(limits)] == [1, 2]
    limits.delete("n")
    assert [_counted(limits), _counted(limits), _counted(limits)] == [1, 2, 3]


def test_after_a_failure_the_next_one_asks_again(limits, moment, monkeypatch):
    for _ in range(600):
        _counted(limits)
    before = limits.get("n")
    monkeypatch.setattr(type(limits), "_take", _fail)
    for _ in range(before - 600):
        _counted(limits)
    with pytest.raises(OSError, match="gone"):
        _counted(limits)
    monkeypatch.undo()
    assert _counted(limits) == before + 1


def test_what_is_counted_by_another_step_is_left_to_the_server(limits):
    limits.add("n", 1, timeout=60)
    assert limits.incr("n", 5) == 6
    assert limits.incr("n") == 7


def _counted(limits):
    """Count as django-ratelimit does."""
    return 1 if limits.add("n", 1, timeout=60) else limits.incr("n")


def _fail(*_):
    raise OSError("gone")


def test_where_there_are_too_many_the_oldest_are_forgotten(limits, moment, monkeypatch):
    """Guard: room is made one by one; with all forgotten at once, numbers taken ahead would be lost again and again."""
    monkeypatch.setattr(counters, "_MOST_COUNTERS", 3)
    for name in ("old", "older than n"):
        limits.add(name, 1, timeout=60)
    for _ in range(600):
        _counted(limits)
    before = limits.get("n")
    assert before > 600
    for name in ("new", "newer"):
        limits.add(name, 1, timeout=60)
    assert (len(counters._counters), _counted(limits)) == (3, 601)
