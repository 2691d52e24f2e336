"""Statements that go to the database together.

On PostgreSQL each answer that a thread waits for lets another thread have Python, and getting it back among sixteen may
take longer than the answer did: what can travel together does. SQLite answers without a way; there they are run one
after the other.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

Statement = tuple[str, Sequence[Any]]
"""SQL with `%s` for each of its parameters."""


def ask(*questions: Statement) -> list[list[tuple[Any, ...]]]:
    """Return the rows that answer each question."""
    if not questions:
        return []
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            return [cursor.execute(*question).fetchall() for question in questions]
        cursor.execute(*_joined(questions))
        answers = [cursor.fetchall()]
        while cursor.nextset():
            answers.append(cursor.fetchall())
        return answers


def send(statements: Sequence[Statement]) -> None:
    """Run statements: all of them or none.

    In a transaction of their own where none is open; in an open one, an error spoils all of it.
    """
    if not statements:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # One message is one transaction. Source: PostgreSQL, "Multiple Statements in a Simple Query".
            cursor.execute(*_joined(statements))
            return
        with transaction.atomic(savepoint=False):
            for statement in statements:
                cursor.execute(*statement)


def _joined(statements: Sequence[Statement]) -> Statement:
    return "; ".join(sql for sql, _ in statements), [each for _, parameters in statements for each in parameters]
