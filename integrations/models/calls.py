"""The log of calls."""

from django.db import models

from integrations.models.connectors import Connector
from runtime.clock import db_now
from runtime.ids import uuid7


class Call(models.Model):
    """One HTTP request to a vendor, scrubbed of secrets and personal data before it is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=db_now, db_index=True)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="calls")
    purpose = models.CharField(max_length=32)
    method = models.CharField(max_length=8)
    url = models.CharField(max_length=300)
    items = models.PositiveIntegerField(default=1)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    duration_ms = models.FloatField()
    request_body = models.TextField(blank=True)
    response_body = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.status or self.error}"
