"""A connection that has ended is found out before it is used."""

import psycopg
import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper as DjangosWrapper

from runtime.postgresql import base

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db, pytest.mark.postgresql]


@pytest.fixture
def kept():
    """Keep the connection from request to request and check it at each, as an installation does."""
    connection.ensure_connection()
    connection.settings_dict["CONN_HEALTH_CHECKS"] = True
    connection.health_check_enabled = True
    connection._looked_at = float("-inf")
    yield connection
    connection.close()


def _backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _next_request():
    connection.health_check_done = False


def _kill(pid):
    settings = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: settings[name] for name in names if name in settings}, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.fixture
def asked(monkeypatch):
    """Return each time that the server was asked."""
    times, ask = [], DjangosWrapper.is_usable
    monkeypatch.setattr(DjangosWrapper, "is_usable", lambda self: times.append(1) or ask(self))
    return times


def test_a_quiet_connection_in_use_is_kept_without_asking(kept, asked):
    pid = _backend()
    for _ in range(3):
        _next_request()
        assert _backend() == pid
    assert len(asked) == 1


def test_one_that_was_not_needed_for_a_while_is_asked_about(kept, asked, monkeypatch):
    """Guard: a look is trusted for ten seconds; without it what a router has forgotten fails the next request."""
    now = [1000.0]
    monkeypatch.setattr(base.time, "monotonic", lambda: now[0])
    for _ in range(3):
        now[0] += 11
        _next_request()
        _backend()
    assert len(asked) == 3


def test_a_connection_that_the_server_ended_is_replaced(kept):
    """Guard: something to read on the socket has the server asked; without it the first statement fails."""
    _next_request()
    pid = _backend()
    _kill(pid)
    _next_request()
    assert _backend() != pid


def test_one_that_has_failed_is_asked_about_however_quiet_it_is(kept, asked):
    """Guard: an error has the server asked."""
    _next_request()
    pid = _backend()
    asked.clear()
    connection.errors_occurred = True
    connection.close_if_unusable_or_obsolete()
    assert (len(asked), _backend()) == (1, pid)
