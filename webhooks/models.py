"""Events that other systems send us."""

from django.db import models

from gateway.validators import validate_networks
from integrations.models import Connector
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.jobs import JobQuerySet
from runtime.models import Job


class Source(models.Model):
    """A system that sends us events at an address with a secret token in it; only the token's digest is kept.

    One that belongs to a `connector` has its name, and speaks as its vendor does; it may have no address, where we ask
    instead. `sealed` decrypts to the secrets its vendor signs with, `{"secret", "before"?}`. A token and a secret that
    were replaced stay good for a time (webhooks.services.OVERLAP after `token_made_at`, `secret_entered_at`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True, null=True)
    connector = models.OneToOneField(
        Connector, null=True, blank=True, editable=False, on_delete=models.CASCADE, related_name="event_source"
    )
    token_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)
    token_before = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    token_made_at = models.DateTimeField(default=db_now, editable=False)
    sealed = models.TextField(blank=True, editable=False)
    secret_entered_at = models.DateTimeField(null=True, editable=False)
    networks = models.JSONField(default=list, blank=True, validators=[validate_networks])
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=db_now, editable=False)
    heard_at = models.DateTimeField(null=True, editable=False)
    refused = models.PositiveIntegerField(default=0, editable=False)
    refused_at = models.DateTimeField(null=True, editable=False)
    refused_because = models.CharField(max_length=32, blank=True, editable=False)

    class Meta:
        verbose_name = "webhook source"

    def __str__(self) -> str:
        return str(self.connector) if self.connector_id else self.name or ""


class InboundEventQuerySet(JobQuerySet["InboundEvent"]):
    """Reads and claims inbound events."""


class InboundEvent(Job):
    """An event as it was received, stored once per source, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "being read"
        PROCESSED = "processed", "processed"
        NEEDS_YOU = "needs_you", "needs you"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="inbound_events")
    dedupe_key = models.CharField(max_length=128)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    type = models.CharField(max_length=64, blank=True)
    body = models.TextField()
    received_at = models.DateTimeField(default=db_now, db_index=True)
    times_received = models.PositiveIntegerField(default=1)
    reason = models.CharField(max_length=200, blank=True)
    event_id = models.UUIDField(null=True, blank=True, help_text="The domain event it became.")

    objects = InboundEventQuerySet.as_manager()

    class Meta:
        verbose_name = "webhook event"
        constraints = [models.UniqueConstraint(fields=["source", "dedupe_key"], name="inbound_once")]
        indexes = [
            models.Index(fields=["due_at"], name="inbound_open", condition=models.Q(state__in=["waiting", "running"])),
            models.Index(fields=["source", "received_at"], name="inbound_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'event'} from {self.source_id}"
