"""The outbox."""

from django.db import models

from integrations.models.calls import Call
from integrations.models.connectors import Connector
from integrations.outbox import DeliveryQuerySet
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.models import Job


class Delivery(Job):
    """One operation on one subject at one connector: the outbox.

    While it is `confirming`, `job` is the vendor's name for its work on this and `job_item` for this among it.
    `unanswered_at` is when a try last ended without telling whether it had its effect, where that matters.
    `sealed` decrypts to what an erasure has to know of a subject that is gone here, as `Contact.values`; it is emptied
    when the erasure ends.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENDING = "sending", "sending"
        CONFIRMING = "confirming", "confirming"
        DELIVERED = "delivered", "delivered"
        NEEDS_YOU = "needs_you", "needs you"
        SKIPPED = "skipped", "skipped"
        SUPERSEDED = "superseded", "superseded"
        CANCELLED = "cancelled", "cancelled"

    CLAIMED = State.SENDING

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="deliveries")
    subject_kind = models.CharField(max_length=16, default="lead")
    subject_id = models.UUIDField()
    operation = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    revision = models.PositiveIntegerField(default=0, help_text="The subject's revision that was sent last.")
    external_id = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=64, blank=True)
    field = models.CharField(max_length=80, blank=True)
    vendor_words = models.CharField(max_length=500, blank=True)
    call = models.ForeignKey(Call, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries")
    created_at = models.DateTimeField(default=db_now, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)
    sealed = models.TextField(default="", db_default="", blank=True, editable=False)
    job = models.CharField(max_length=200, default="", db_default="", blank=True)
    job_item = models.CharField(max_length=120, default="", db_default="", blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    unanswered_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "subject_kind", "subject_id", "operation"],
                condition=models.Q(state="waiting"),
                name="delivery_one_waiting",
            )
        ]
        indexes = [
            # Whole, not partial: SQLite can't match a bound state with a partial index, and sorts the backlog instead.
            models.Index(fields=["state", "connector", "due_at", "id"], name="delivery_queue"),
            models.Index(fields=["subject_id", "connector", "state"], name="delivery_subject"),
            models.Index(fields=["state", "connector", "id"], name="delivery_state"),
            # Every claim asks what is under way and whom an erasure comes first for. Without these two PostgreSQL reads
            # all that waits, or all there ever was.
            models.Index(
                fields=["connector", "subject_id"],
                name="delivery_under_way",
                condition=models.Q(state__in=["sending", "confirming"]),
            ),
            # SQLite takes a partial index only where its condition is one value, and prefers another unless three
            # columns fit: it would read all that waits to learn whether an erasure does.
            models.Index(
                fields=["connector", "operation", "state", "subject_id"],
                name="delivery_erasing",
                condition=models.Q(operation="erase"),
            ),
            models.Index(
                fields=["settled_at", "connector"], name="delivery_done", condition=models.Q(state="delivered")
            ),
            # Vendors tell of people by their own ids.
            models.Index(
                fields=["connector", "external_id"], name="delivery_known_as", condition=models.Q(external_id__gt="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} of {self.subject_kind} {self.subject_id} at {self.connector_id}"
