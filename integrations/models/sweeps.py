"""What is done to many deliveries in the background."""

from django.db import models

from integrations.models.connectors import Connector
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.jobs import JobQuerySet
from runtime.models import Job


class SweepQuerySet(JobQuerySet["Sweep"]):
    """Reads and claims sweeps."""


class Sweep(Job):
    """One thing that is done to many deliveries of a connector in the background; `after` is how far it has come."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"

    class Action(models.TextChoices):
        SEND_AGAIN = "send_again", "sending again"
        SEND_NOW = "send_now", "sending now"
        CANCEL = "cancel", "cancelling"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="sweeps")
    action = models.CharField(max_length=16, choices=Action)
    filters = models.JSONField(default=dict)
    after = models.UUIDField(null=True)
    total = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=db_now)
    ended_at = models.DateTimeField(null=True)

    objects = SweepQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["due_at"], name="sweep_open", condition=models.Q(state__in=["waiting", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.action} at {self.connector_id}"
