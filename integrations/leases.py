"""The right to drain a connector."""

import uuid
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from integrations.models import ConnectorState
from integrations.parcels import outlives_a_call
from runtime import jobs
from runtime.clock import db_now


class Lease:
    """The right to drain one connector; others can tell from the row that someone does."""

    def __init__(self, connector_id: uuid.UUID) -> None:
        self.connector_id = connector_id
        self.fence = 0
        self._until: datetime | None = None

    def take(self) -> bool:
        """Take the lease; False where another drainer has it."""
        if not self._take():
            ConnectorState.objects.bulk_create([ConnectorState(pk=self.connector_id)], ignore_conflicts=True)
            if not self._take():
                return False
        self.fence = ConnectorState.objects.values_list("fence", flat=True).get(pk=self.connector_id)
        return True

    def _take(self) -> bool:
        now = db_now()
        self._until = now + timedelta(seconds=jobs.LEASE_SECONDS)
        free = ConnectorState.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=self.connector_id)
        return bool(free.update(lease_until=self._until, fence=F("fence") + 1))

    def keep(self) -> bool:
        """Make sure that the lease outlives a call; False where it is lost."""
        now = db_now()
        if self._until is not None and outlives_a_call(self._until, now):
            return True
        self._until = now + timedelta(seconds=jobs.LEASE_SECONDS)
        return bool(self._mine().update(lease_until=self._until))

    def release(self) -> None:
        """Let others drain."""
        self._mine().update(lease_until=None)

    def _mine(self) -> QuerySet[ConnectorState]:
        return ConnectorState.objects.filter(pk=self.connector_id, fence=self.fence)
