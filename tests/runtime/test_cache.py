"""The cache in a file: exact counters across processes."""

import subprocess
import sys
import textwrap

import pytest

from runtime.cache import FileCache


@pytest.fixture
def file_cache(tmp_path):
    return FileCache(str(tmp_path / "counters.sqlite3"), {})


def test_what_is_set_is_found_until_it_expires(file_cache):
    file_cache.set("a", {"x": 1}, timeout=60)
    file_cache.set("b", "gone", timeout=-1)
    assert file_cache.get("a") == {"x": 1}
    assert file_cache.get("b", "nothing") == "nothing"


def test_add_writes_only_where_nothing_lives(file_cache):
    assert file_cache.add("a", 1, timeout=60)
    assert not file_cache.add("a", 2, timeout=60)
    assert file_cache.get("a") == 1


def test_add_takes_the_place_of_what_expired(file_cache):
    file_cache.set("a", 1, timeout=-1)
    assert file_cache.add("a", 2, timeout=60)
    assert file_cache.get("a") == 2


def test_counting_what_is_not_there_says_so(file_cache):
    with pytest.raises(ValueError, match="not found"):
        file_cache.incr("a")


def test_delete_says_whether_there_was_something(file_cache):
    file_cache.set("a", 1)
    assert file_cache.delete("a")
    assert not file_cache.delete("a")


def test_four_processes_count_exactly(tmp_path):
    program = textwrap.dedent("""
        import sys
        from runtime.cache import FileCache
        cache = FileCache(sys.argv[1], {})
        for _ in range(250):
            cache.add("n", 0, timeout=60)
            cache.incr("n")
    """)
    path = str(tmp_path / "counters.sqlite3")
    running = [subprocess.Popen([sys.executable, "-c", program, path]) for _ in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert FileCache(path, {}).get("n") == 1000
