"""Leads, how clients call them, and what happened with them."""

from collections.abc import Iterable
from typing import Self

from django.db import models

from gateway.models import Client
from integrations.models import Delivery
from runtime.clock import db_now
from runtime.ids import uuid7


class LeadQuerySet(models.QuerySet["Lead"]):
    """Reads leads."""

    def captured_by(self, client: Client) -> Self:
        """Return those a client has captured, first or again."""
        return self.filter(models.Exists(Activity.objects.filter(lead=models.OuterRef("pk"), client=client)))

    def with_delivery(self, state: str) -> Self:
        """Return those with a delivery in this state."""
        # IN, not EXISTS: with that, SQLite walks all deliveries of a state once per lead.
        return self.filter(pk__in=_deliveries().filter(state=state))

    def with_email(self, *addresses: str) -> Self:
        """Return who has one of these addresses."""
        return self.filter(is_one_of("email", addresses))

    def sent_nowhere(self) -> Self:
        """Return those without any delivery."""
        # NOT EXISTS, not NOT IN: PostgreSQL goes through a list of all delivered ids once per lead.
        return self.filter(~models.Exists(_deliveries().filter(subject_id=models.OuterRef("pk"))))


def _deliveries() -> models.QuerySet[Delivery, object]:
    return Delivery.objects.filter(subject_kind="lead").order_by().values("subject_id")


def is_one_of(name: str, values: Iterable[str]) -> models.Q:
    """Return the condition that an e-mail address or phone number is one of these, in the words of its index.

    The index leaves out who has none. SQLite reads every lead instead where that isn't said, and PostgreSQL does where
    there are more than a hundred values.
    """
    return models.Q(**{f"{name}__in": list(values)}) & ~models.Q(**{name: ""})


class Lead(models.Model):
    """A person who showed interest; one row per identity, whoever captured it.

    `email` is trimmed and lower case, `phone` is E.164, both empty when unknown. `source` is the first touch:
    `{"channel", "page_url", "referrer", "utm": {…}}`. `revision` rises with every capture.
    """

    class IdentifiedBy(models.TextChoices):
        REFERENCE = "reference", "the client's id"
        EMAIL = "email", "e-mail"
        PHONE = "phone", "phone"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL, related_name="leads")
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    identified_by = models.CharField(max_length=16, choices=IdentifiedBy)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=200, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    source = models.JSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=1)
    possible_duplicate = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=db_now, db_index=True)
    updated_at = models.DateTimeField(default=db_now, db_index=True)

    objects = LeadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["email"], condition=~models.Q(email=""), name="lead_email_once"),
            models.UniqueConstraint(
                fields=["phone"], condition=models.Q(identified_by="phone"), name="lead_phone_once"
            ),
        ]
        indexes = [
            models.Index(fields=["phone"], condition=~models.Q(phone=""), name="lead_phone"),
            models.Index(fields=["last_name", "id"], name="lead_by_name"),
        ]
        permissions = [("view_personal", "Can see and export personal data of leads")]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.first_name, self.last_name])) or self.email or self.phone or str(self.id)


class Reference(models.Model):
    """A client's own id for a lead."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="references")
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    value = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "value"], name="reference_once")]

    def __str__(self) -> str:
        return self.value


class Activity(models.Model):
    """Something that happened with a lead: a capture with its enquiry, a change, a merge.

    `changes` is `{field: [before, after]}`; `revision` is the lead's revision that this activity made; `said_by` names
    the person or vendor where it wasn't a client.
    """

    class Kind(models.TextChoices):
        CAPTURED = "captured", "captured"
        UPDATED = "updated", "updated"
        CONSENT = "consent", "consent"
        MERGED = "merged", "merged"
        IMPORTED = "imported", "imported"

    ALSO = "also known as"
    """The change that names another lead which an identifier pointed at."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="activities")
    at = models.DateTimeField(default=db_now)
    kind = models.CharField(max_length=16, choices=Kind)
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL)
    revision = models.PositiveIntegerField()
    message = models.TextField(blank=True)
    source = models.JSONField(default=dict, blank=True)
    conversation_id = models.UUIDField(null=True, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    said_by = models.CharField(max_length=150, blank=True)
    import_id = models.UUIDField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "activities"
        indexes = [
            models.Index(fields=["lead", "revision"], name="activity_revision"),
            models.Index(fields=["import_id"], name="activity_import", condition=~models.Q(import_id=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"
