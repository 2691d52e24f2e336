"""What leads agreed to."""

from django.db import models

from gateway.models import Client
from leads.models.people import Lead
from runtime.clock import db_now
from runtime.ids import uuid7


class Consent(models.Model):
    """A statement of a lead about one purpose; the newest per purpose is in force.

    `channel` and `locale` are where and in which language it was asked; `address_hash` stands for the e-mail address or
    phone number it is about (`runtime.hashes`).
    """

    class Source(models.TextChoices):
        API = "api", "a chatbot"
        ADMIN = "admin", "a person here"
        VENDOR = "vendor", "another system"
        IMPORT = "import", "an import"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=64)
    granted = models.BooleanField()
    wording = models.TextField(blank=True)
    version = models.CharField(max_length=40, blank=True)
    channel = models.CharField(max_length=60, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    source = models.CharField(max_length=8, choices=Source, default=Source.API)
    address_hash = models.CharField(max_length=64, blank=True, db_index=True)
    import_id = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField(default=db_now)
    recorded_at = models.DateTimeField(default=db_now)
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL)
    is_confirmed = models.BooleanField(default=True)

    class Meta:
        indexes = [models.Index(fields=["purpose"], name="consent_purpose")]

    def __str__(self) -> str:
        return f"{self.purpose}: {'granted' if self.granted else 'withdrawn'}"
