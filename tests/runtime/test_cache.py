"""The cache: exact counters across processes, in a file and on the Redis server that CACHE_URL names."""

import os
import subprocess
import sys
import textwrap
import time
import uuid

import pytest

from runtime.cache import FileCache, RedisCache

pytestmark = pytest.mark.db


@pytest.fixture
def counters(tmp_path):
    if url := os.environ.get("CACHE_URL"):
        return RedisCache(url, {"KEY_PREFIX": uuid.uuid4().hex})
    return FileCache(str(tmp_path / "counters.sqlite3"), {})


def test_what_is_set_is_found_until_it_expires(counters):
    counters.set("a", {"x": 1}, timeout=60)
    counters.set("b", "gone", timeout=-1)
    assert counters.get("a") == {"x": 1}
    assert counters.get("b", "nothing") == "nothing"


def test_add_writes_only_where_nothing_lives(counters):
    assert counters.add("a", 1, timeout=60)
    assert not counters.add("a", 2, timeout=60)
    assert counters.get("a") == 1


def test_add_takes_the_place_of_what_expired(counters):
    counters.set("a", 1, timeout=-1)
    assert counters.add("a", 2, timeout=60)
    assert counters.get("a") == 2


def test_counting_what_is_not_there_says_so(counters):
    with pytest.raises(ValueError, match="not found"):
        counters.incr("a")


def test_delete_says_whether_there_was_something(counters):
    counters.set("a", 1)
    assert counters.delete("a")
    assert not counters.delete("a")


def test_counting_keeps_to_the_time_that_was_set(counters):
    counters.add("a", 1, timeout=2)
    assert counters.incr("a") == 2
    assert counters.incr("a", delta=5) == 7
    time.sleep(2.1)
    assert counters.get("a") is None


_COUNTS = textwrap.dedent("""
    import sys, time
    from django.conf import settings
    settings.configure()
    from runtime.cache import FileCache, RedisCache
    kind, where, prefix, begins_at = sys.argv[1:]
    cache = FileCache(where, {}) if kind == "file" else RedisCache(where, {"KEY_PREFIX": prefix})
    time.sleep(max(0.0, float(begins_at) - time.time()))
    for _ in range(250):
        cache.add("n", 0, timeout=60)
        cache.incr("n")
""")


def test_eight_processes_count_exactly_from_the_first_moment_on(tmp_path):
    """Guard: `_choose_wal` tries again; red without it now and then, as whoever opens a new file second is refused."""
    url, prefix = os.environ.get("CACHE_URL", ""), uuid.uuid4().hex
    where = url or str(tmp_path / "counters.sqlite3")
    arguments = ["redis" if url else "file", where, prefix, str(time.time() + 1.5)]
    running = [subprocess.Popen([sys.executable, "-c", _COUNTS, *arguments]) for _ in range(8)]
    assert [process.wait() for process in running] == [0] * 8
    cache = RedisCache(url, {"KEY_PREFIX": prefix}) if url else FileCache(where, {})
    assert cache.get("n") == 2000
