"""Guards of captures and limits under load."""

from tests.guards import Off

_COUNTERS = "runtime/counters.py"
_SOCKET = "runtime/postgresql/base.py"


def _on_postgresql(guard: str, scenario: str, file: str, text: str, other: str) -> Off:
    return Off(scenario, guard, ((file, text, other),), postgresql=True)


OFF = [
    Off.by_one_change(
        "of threads that find no counter the first makes it",
        "tests/runtime/test_counters.py",
        _COUNTERS,
        "_counters.setdefault(name, _Counter(timeout))",
        "_counters[name] = _Counter(timeout)",
    ),
    Off.by_one_change(
        "one thread at a time takes numbers ahead",
        "tests/runtime/test_counters.py",
        _COUNTERS,
        "is_ahead, self._is_asked = not self._is_asked, True",
        "is_ahead, self._is_asked = True, True",
    ),
    Off.by_one_change(
        "room for counters is made one by one",
        "tests/runtime/test_counters.py",
        _COUNTERS,
        "            del _counters[next(iter(_counters))]",
        "            _counters.clear()",
    ),
    Off.by_one_change(
        "a counter that is lost is made anew",
        "tests/runtime/test_counters.py",
        _COUNTERS,
        "except ValueError:",
        "except ZeroDivisionError:",
    ),
    Off.by_one_change(
        "hints that come fast are collected",
        "tests/runtime/test_wakeups.py::test_hints_that_come_fast_are_collected",
        "runtime/wakeups.py",
        "            time.sleep(REST_SECONDS)",
        "            pass",
    ),
    Off(
        "tests/runtime/test_together.py::test_where_one_is_refused_nothing_stays",
        "what is sent together is one transaction",
        (
            ("runtime/together.py", "with transaction.atomic(savepoint=False):", "if True:"),
            ("runtime/together.py", '== "postgresql":\n            # One', '== "none":\n            # One'),
        ),
    ),
    _on_postgresql(
        "what is written of new people is one message",
        "tests/runtime/test_together.py",
        "leads/services.py",
        "    if not look.are_all_new:\n",
        "    if True:\n",
    ),
    _on_postgresql(
        "a connection that has ended is given up before each capture is written again",
        "tests/leads/test_capture.py::test_a_connection_that_has_ended_fails_no_capture_of_its_group",
        "leads/capture.py",
        "            connection.close_if_unusable_or_obsolete()",
        "            pass",
    ),
    _on_postgresql(
        "something on the socket has the server asked",
        "tests/runtime/test_postgresql.py",
        _SOCKET,
        "return bool(poll.poll(0))",
        "return False",
    ),
    _on_postgresql(
        "a connection that wasn't needed for a while is asked about",
        "tests/runtime/test_postgresql.py",
        _SOCKET,
        "self._looked_at - before < _TRUSTED_SECONDS",
        "self._looked_at - before < 1e9",
    ),
    _on_postgresql(
        "a new table is not called empty",
        "tests/leads/test_migrations.py",
        "leads/migrations/0007_lists.py",
        "        if has_leads:\n",
        "        if True:\n",
    ),
]
