"""The tables of the ground floor: durable work, domain events, periodic work, how long things are kept."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from runtime.clock import db_now
from runtime.events import EventQuerySet
from runtime.ids import uuid7
from runtime.periodic import PeriodicJobQuerySet


class Job(models.Model):
    """A row of durable work: claimed by one conditional UPDATE, settled only by the holder of its fence.

    A subclass declares `WAITING` (may be claimed) and `CLAIMED` (has a holder until `lease_until`) among its states.
    """

    WAITING = "waiting"
    CLAIMED = "running"

    state = models.CharField(max_length=16, default="waiting")
    due_at = models.DateTimeField(default=db_now)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class Event(Job):
    """A domain event, written in the transaction that caused it and handed to its consumers afterwards."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=64)
    subject = models.CharField(max_length=128, blank=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=db_now)
    error = models.CharField(max_length=200, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="event_open", condition=models.Q(state__in=["waiting", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class PeriodicJob(Job):
    """A piece of periodic work; whoever claims the row at its time runs it, once however many workers there are."""

    name = models.CharField(max_length=64, unique=True)
    last_ran_at = models.DateTimeField(null=True, blank=True)
    last_result = models.CharField(max_length=200, blank=True)

    objects = PeriodicJobQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Retention(models.Model):
    """How long a kind of data is kept, where somebody chose, and what was deleted of it (runtime.retention)."""

    name = models.CharField(max_length=64, unique=True, editable=False)
    days = models.PositiveIntegerField(
        null=True,
        blank=True,
        verbose_name="kept for days",
        validators=[MinValueValidator(1), MaxValueValidator(36_500)],
    )
    last_ran_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_removed = models.PositiveBigIntegerField(default=0, editable=False)
    removed = models.PositiveBigIntegerField(default=0, editable=False)
    trouble = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "kind of data"
        verbose_name_plural = "kinds of data"
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return self.name
