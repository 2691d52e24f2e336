"""What the jobs of this room have in common that people ask for."""

from django.conf import settings
from django.db import models

from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.models import Job


class AskedJob(Job):
    """Durable work that somebody asked for and watches; `reason` says in words why it waits or needs a person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=db_now, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["due_at"], name="%(class)s_open", condition=models.Q(state__in=["waiting", "running"]))
        ]
