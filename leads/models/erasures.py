"""People who were forgotten."""

from django.db import models

from gateway.models import Client
from leads.models.asked import AskedJob
from runtime.jobs import JobQuerySet


class ErasureQuerySet(JobQuerySet["Erasure"]):
    """Reads and claims erasures."""


class Erasure(AskedJob):
    """A person who is being forgotten, and in the end the certificate of it.

    `sealed` holds what they are found by, and is emptied at the end. `counts` is `{what: number}`, `done` the tables
    that have forgotten, `vendors` `[{"connector", "state", "at", "words"}]`, `remains` sentences about what is left.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "under way"
        DONE = "done", "done"
        NEEDS_YOU = "needs_you", "needs you"

    class Step(models.TextChoices):
        HERE = "here", "erasing here"
        ELSEWHERE = "elsewhere", "telling connected systems"
        DONE = "done", "done"

    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    step = models.CharField(max_length=16, choices=Step, default=Step.HERE)
    lead_id = models.UUIDField()
    captured_at = models.DateTimeField()
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL, related_name="+")
    sealed = models.TextField(blank=True)
    done = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    by_hand = models.JSONField(default=list)
    vendors = models.JSONField(default=list)
    remains = models.JSONField(default=list)

    objects = ErasureQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Erasure {self.id}"


class Tombstone(models.Model):
    """The keyed hash of an identifier of somebody who was erased, so that no import brings them back."""

    hash = models.CharField(max_length=64, unique=True)
    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="tombstones")
    erased_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.hash[:12]
