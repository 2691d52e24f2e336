"""Who may come in: people, clients, keys; and what they did: request log, idempotent results."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from oauth2_provider.models import AbstractApplication

from gateway.scopes import DEFAULT_SCOPES
from gateway.validators import validate_networks, validate_origins, validate_scopes
from runtime.clock import db_now
from runtime.ids import uuid7


class User(AbstractUser):  # type: ignore[django-manager-missing]  # the toolkit's models are untyped
    """A person who signs in to the admin."""


def default_scopes() -> list[str]:
    """Return the scopes a new client starts with."""
    return list(DEFAULT_SCOPES)


class Client(AbstractApplication):
    """A chatbot or another program that calls the API; also the OAuth toolkit's application.

    `scopes`, `networks` (CIDR) and `origins` are lists of strings. Empty networks mean any address; empty origins mean
    that publishable keys work on no page but our own.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scopes = models.JSONField(
        default=default_scopes, validators=[validate_scopes], help_text="What this client may do."
    )
    networks = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_networks],
        help_text="Addresses it may call from (CIDR); empty = any.",
    )
    origins = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_origins],
        help_text="Origins of the pages its publishable keys may be used on, e.g. https://shop.example; empty = none.",
    )
    rate_per_minute = models.PositiveIntegerField(default=600)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)

    class Meta(AbstractApplication.Meta):
        verbose_name = "client"

    def __str__(self) -> str:
        return self.name or str(self.id)

    def is_usable(self, request: object) -> bool:
        """Whether the OAuth toolkit may hand out tokens to this client."""
        return self.is_active


class KeyQuerySet(models.QuerySet["Key"]):
    """Reads keys."""

    def with_digest(self, digest: str) -> "Key | None":
        """Return the key and its client in one query."""
        return self.select_related("client").filter(digest=digest).first()


class Key(models.Model):
    """A secret or publishable key of a client; only its SHA-256 digest is kept."""

    class Kind(models.TextChoices):
        SECRET = "secret", "secret"
        PUBLISHABLE = "publishable", "publishable"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="keys")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.SECRET)
    name = models.CharField(max_length=80, blank=True)
    prefix = models.CharField(max_length=20, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=db_now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    exposed_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = KeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.prefix}…"


class RequestLog(models.Model):
    """One call to the API."""

    at = models.DateTimeField(default=db_now, db_index=True)
    request_id = models.CharField(max_length=64, db_index=True)
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL)
    key_prefix = models.CharField(max_length=20, blank=True)
    method = models.CharField(max_length=8)
    route = models.CharField(max_length=120)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=64, blank=True)
    duration_ms = models.FloatField()
    address = models.CharField(max_length=64, blank=True)
    request_body = models.TextField(blank=True)
    response_body = models.TextField(blank=True)

    class Meta:
        verbose_name = "API request"

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.status}"


class IdempotentResult(models.Model):
    """The outcome of a request sent with an `Idempotency-Key`; committed together with what the request wrote.

    `result` holds ids and flags, never personal data: the answer is built again from the rows.
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    route = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=db_now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "route", "key"], name="idempotent_once")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
