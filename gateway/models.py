"""Who may come in: people, clients, keys, sessions; and what they did: request log, idempotent results."""

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from auditlog.models import LogEntry
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac
from oauth2_provider.models import AbstractApplication

from gateway.authenticators import Authenticator
from gateway.scopes import DEFAULT_SCOPES
from gateway.validators import validate_network, validate_networks, validate_origins, validate_scopes
from runtime.clock import db_now
from runtime.ids import uuid7

__all__ = ["AuditEntry", "Authenticator", "Client", "IdempotentResult", "Key", "RequestLog", "User"]


def session_mark() -> str:
    """Return what a person's sessions are signed with besides their password."""
    return secrets.token_hex(8)


class User(AbstractUser):  # type: ignore[django-manager-missing]  # the toolkit's models are untyped
    """A person who signs in to the admin; one role each (gateway.roles)."""

    session_mark = models.CharField(max_length=16, default=session_mark, editable=False)

    class Meta(AbstractUser.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"

    @property
    def is_administrator(self) -> bool:
        """Whether this person may do everything."""
        return self.is_superuser

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """End every session when the password changes, and when the mark does (Django asks this in each request)."""
        signed = f"{self.password}:{self.session_mark}"
        return str(salted_hmac("gateway.User", signed, secret=secret, algorithm="sha256").hexdigest())


class AuditEntry(LogEntry):
    """An entry of the audit trail (runtime.audit), as a page of people's own."""

    class Meta:
        proxy = True
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"


def default_scopes() -> list[str]:
    """Return the scopes a new client starts with."""
    return list(DEFAULT_SCOPES)


class Client(AbstractApplication):
    """A chatbot or another program that calls the API; also the OAuth toolkit's application.

    `scopes`, `networks` (CIDR) and `origins` are lists of strings. Empty networks mean any address; empty origins mean
    that publishable keys work on no page but our own. With `networks_report_only` nobody is refused for the address;
    the client's page tells who would be.
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
    networks_report_only = models.BooleanField(default=False)
    rate_per_minute = models.PositiveIntegerField(default=600)
    log_whole_until = models.DateTimeField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)

    class Meta(AbstractApplication.Meta):
        verbose_name = "client"

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def is_logged_whole(self) -> bool:
        """Whether the request log keeps the (scrubbed) bodies of all its calls for now, not of refused ones alone."""
        return self.log_whole_until is not None and self.log_whole_until > db_now()

    def is_usable(self, request: object) -> bool:
        """Whether the OAuth toolkit may hand out tokens to this client."""
        return self.is_active

    def allows_grant_type(self, *grant_types: str) -> bool:
        """Whether tokens come this way: for itself always, for people once it says where they are sent back to."""
        allowed = {self.GRANT_CLIENT_CREDENTIALS}
        if self.redirect_uris.strip():
            allowed.add(self.GRANT_AUTHORIZATION_CODE)
        return bool(allowed.intersection(grant_types))

    def get_allowed_schemes(self) -> list[str]:
        """Return the schemes of its redirect addresses; the form lets plain HTTP in for loopback alone."""
        return sorted({urlsplit(uri).scheme for uri in self.redirect_uris.split()})


class KeyQuerySet(models.QuerySet["Key"]):
    """Reads keys."""

    def with_digest(self, digest: str) -> "Key | None":
        """Return the key and its client in one query."""
        return self.select_related("client").filter(digest=digest).first()


class Key(models.Model):
    """A secret or publishable key of a client; only its SHA-256 digest is kept.

    `reminded_days` is the latest reminder of its end that was sent: 14, 7 or 1 days before.
    """

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
    rate_per_minute = models.PositiveIntegerField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="replaces"
    )
    reminded_days = models.PositiveSmallIntegerField(null=True, editable=False)

    objects = KeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @property
    def is_working(self) -> bool:
        """Whether calls with it are answered."""
        return self.revoked_at is None and self.expires_at > db_now()

    @property
    def has_ended_on_its_day(self) -> bool:
        """Whether its time was over before anybody revoked it."""
        return self.expires_at <= (self.revoked_at or db_now())


class KeyUse(models.Model):
    """An address a secret key is used from; noted behind the requests' backs, once a minute at most."""

    key = models.ForeignKey(Key, on_delete=models.CASCADE, related_name="uses")
    address = models.CharField(max_length=64)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "address"], name="key_use_once")]

    def __str__(self) -> str:
        return self.address


class SessionQuerySet(models.QuerySet["Session"]):
    """Reads visitors' sessions."""

    def with_digest(self, digest: str) -> "Session | None":
        """Return the session, its client and its key in one query."""
        return self.select_related("client", "key").filter(digest=digest).first()


class Session(models.Model):
    """What a client's server vouches for: one visitor, verified, on one page's origin, for half an hour.

    Only the SHA-256 digest of its token is kept. It ends with its key; `key` is None where an OAuth token made it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="sessions")
    key = models.ForeignKey(Key, null=True, on_delete=models.CASCADE, related_name="sessions")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    origin = models.CharField(max_length=255)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    reference = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=db_now)
    expires_at = models.DateTimeField(db_index=True)

    objects = SessionQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.id)


class AdminNetwork(models.Model):
    """A network the admin may be opened from; while there is no row, it is open to every address."""

    network = models.CharField(max_length=50, unique=True, validators=[validate_network])
    note = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return self.network


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

    KEPT = timedelta(hours=24)

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
