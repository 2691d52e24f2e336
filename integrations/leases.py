"""The right to drain a connector."""

import uuid
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from integrations.models import ConnectorState
from runtime import jobs
from runtime.clock import db_now
from runtime.writes import adapter

_TAKE = (
    f"UPDATE {ConnectorState._meta.db_table} SET lease_until = %s, fence = fence + 1 "
    "WHERE connector_id = %s AND (lease_until IS NULL OR lease_until < %s) RETURNING fence"
)
# Short, so that another worker goes on soon after one is killed; renewed in half of it while a drainer lives.
_SECONDS = min(6.0, jobs.LEASE_SECONDS / 3)


class Lease:
    """The right to drain one connector; others can tell from the row that someone does.

    It keeps drainers from getting in each other's way, and no more: what they send is guarded by the deliveries' own
    leases (docs/decisions/007-drainers-lease.md).
    """

    def __init__(self, connector_id: uuid.UUID) -> None:
        self.connector_id = connector_id
        self.fence = 0
        self._until: datetime | None = None

    def take(self) -> bool:
        """Take the lease; False where another drainer has it."""
        if not self._take():
            # Another's, or no row yet: not told apart beforehand, as that is one question more for every lead.
            ConnectorState.objects.bulk_create([ConnectorState(pk=self.connector_id)], ignore_conflicts=True)
            return self._take()
        return True

    def _take(self) -> bool:
        """Take it in one statement: every lead that comes alone waits for this."""
        now = db_now()
        self._until = now + timedelta(seconds=_SECONDS)
        key, time = adapter(ConnectorState, "connector_id"), adapter(ConnectorState, "lease_until")
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [time(self._until), key(self.connector_id), time(now)])
            row = cursor.fetchone()
        if row is not None:
            self.fence = int(row[0])
        return row is not None

    def keep(self) -> bool:
        """Renew the lease where half of it is over; False where it is lost."""
        now = db_now()
        if self._until is not None and self._until - now > timedelta(seconds=_SECONDS / 2):
            return True
        self._until = now + timedelta(seconds=_SECONDS)
        return bool(self._mine().update(lease_until=self._until))

    def release(self) -> None:
        """Let others drain."""
        self._mine().update(lease_until=None)

    def _mine(self) -> QuerySet[ConnectorState]:
        # Who stood still for longer than the lease must not end its successor's.
        return ConnectorState.objects.filter(pk=self.connector_id, fence=self.fence)
