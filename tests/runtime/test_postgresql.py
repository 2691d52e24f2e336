"""A connection that has ended is found out before it is used."""

import psycopg
import pytest
from django.db import OperationalError, connection, connections

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db, pytest.mark.postgresql]


@pytest.fixture
def kept():
    """Keep the connection from request to request and check it at each, as an installation does."""
    connection.ensure_connection()
    connection.settings_dict["CONN_HEALTH_CHECKS"] = True
    connection.health_check_enabled = True
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


def test_a_quiet_connection_is_kept_without_asking(kept, django_assert_num_queries):
    pid = _backend()
    _next_request()
    assert connection.is_usable()
    assert _backend() == pid


def test_a_connection_that_the_server_ended_is_replaced(kept):
    """Guard: something to read on the socket has the server asked; without it the first statement fails."""
    pid = _backend()
    _kill(pid)
    _next_request()
    assert _backend() != pid


def test_one_that_has_failed_is_asked_about(kept):
    pid = _backend()
    _kill(pid)
    with pytest.raises(OperationalError):
        _backend()
    connections["default"].close_if_unusable_or_obsolete()
    assert _backend() != pid
