"""The same request sent twice has its effect once.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, cast

from django.db import IntegrityError, OperationalError, connection
from rest_framework.request import Request

from gateway.authentication import Caller
from gateway.models import Client, IdempotentResult
from gateway.problems import Problem
from runtime.clock import db_now
from runtime.together import Statement, send
from runtime.writes import insert_values

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_WAIT_MS = 2000
# PostgreSQL's lock_not_available.
_LOCK_TIMEOUT = "55P03"


class Raced(Exception):
    """Another request with the same key committed first: roll back and ask again."""


@dataclass(frozen=True)
class Attempt:
    """One request that may have been sent before; without an `Idempotency-Key` it does nothing.

    `stored` is the result of the first time. A view answers with `headers` added to its own.
    """

    client: Client
    route: str
    key: str | None = None
    fingerprint: str = ""
    stored: IdempotentResult | None = None
    has_outdated: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that marks an answer given before."""
        return {"Idempotent-Replayed": "true"} if self.stored else {}

    def remember(self, status: int, result: dict[str, Any]) -> None:
        """Keep the result (ids and flags, never personal data) in the caller's transaction.

        On PostgreSQL it waits up to two seconds for a twin that hasn't committed. Raises: Raced, Problem (409).
        """
        if self.key is None:
            return
        now = db_now()
        names = {"client_id": self.client.pk, "route": self.route, "key": self.key}
        row = {**names, "fingerprint": self.fingerprint, "status": status, "result": result, "created_at": now}
        try:
            if self.has_outdated:
                send(_short_lock_wait())
                # By its age again: a twin may have put a new one in its place since.
                IdempotentResult.objects.filter(**names, created_at__lte=now - IdempotentResult.KEPT).delete()
            send([*_short_lock_wait(), *insert_values(IdempotentResult, [row]), *_usual_lock_wait()])
        # The constraint decides, not the look before: of two that found nothing one gets here second.
        except IntegrityError as err:
            raise Raced from err
        except OperationalError as err:
            if getattr(err.__cause__, "sqlstate", None) != _LOCK_TIMEOUT:
                raise
            raise _in_progress() from err


def attempt(request: Request, route: str) -> Attempt:
    """Look at the request's `Idempotency-Key`. Raises: Problem (400: not a key, 422: used with another body)."""
    client = cast("Caller", request.auth).client
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return Attempt(client, route)
    if not _VISIBLE.fullmatch(key):
        detail = "Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is a good choice."
        raise Problem(400, "idempotency_key_invalid", "The Idempotency-Key is not accepted.", detail)
    fingerprint = hashlib.sha256(request._request.body).hexdigest()
    stored = IdempotentResult.objects.filter(client=client, route=route, key=key).first()
    if stored is None or stored.created_at <= db_now() - IdempotentResult.KEPT:
        return Attempt(client, route, key, fingerprint, has_outdated=stored is not None)
    if stored.fingerprint != fingerprint:
        detail = "This Idempotency-Key was used with another body. Take a new key for each new request."
        raise Problem(422, "idempotency_key_reused", "The Idempotency-Key was used before.", detail)
    return Attempt(client, route, key, fingerprint, stored)


def _short_lock_wait() -> list[Statement]:
    """Return what bounds the wait for a twin's uncommitted row; on SQLite, with its one writer, there is none."""
    return [(f"SET LOCAL lock_timeout = {_WAIT_MS}", [])] if connection.vendor == "postgresql" else []


def _usual_lock_wait() -> list[Statement]:
    return [("SET LOCAL lock_timeout TO DEFAULT", [])] if connection.vendor == "postgresql" else []


def _in_progress() -> Problem:
    detail = "The same request is being worked on. Send it again in a second; it will have its effect once."
    title = "The same request is being worked on."
    return Problem(409, "idempotency_in_progress", title, detail, headers={"Retry-After": "1"})
