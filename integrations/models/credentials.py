"""Vendors' secrets, sealed."""

from django.db import models

from runtime.clock import db_now
from runtime.ids import uuid7


class Credential(models.Model):
    """A vendor's secret, sealed; it is sent to `host` alone.

    `sealed` (slot A) and `spare` (slot B) decrypt to `{"api_key", "username"?}`, `{"client_secret"}` or
    `{"private_key"}`; `settings` holds what is no secret: `{"client_id", "token_url", "authorize_url", "scopes",
    "subject", "audience"}`. `tokens` decrypts to `{"access_token", "refresh_token"?}`, good until `tokens_until`;
    who renews them holds `renewing_until`. `trouble` says in words why they can't be renewed without a person.
    """

    class SignIn(models.TextChoices):
        KEY = "key", "a key"
        CLIENT_CREDENTIALS = "client_credentials", "client id and secret"
        AUTHORIZATION_CODE = "authorization_code", "signing in at the vendor"
        JWT_BEARER = "jwt_bearer", "a signed assertion"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    provider = models.CharField(max_length=32)
    host = models.CharField(max_length=255, blank=True, help_text="The only host this secret is sent to.")
    sealed = models.TextField(editable=False)
    sealed_with = models.CharField(max_length=16, editable=False)
    sign_in = models.CharField(max_length=24, choices=SignIn, default=SignIn.KEY, editable=False)
    settings = models.JSONField(default=dict, blank=True, editable=False)
    entered_at = models.DateTimeField(default=db_now, editable=False)
    spare = models.TextField(blank=True, editable=False)
    spare_entered_at = models.DateTimeField(null=True, editable=False)
    tokens = models.TextField(blank=True, editable=False)
    tokens_until = models.DateTimeField(null=True, editable=False)
    renewing_until = models.DateTimeField(null=True, editable=False)
    renewals = models.PositiveBigIntegerField(default=0, editable=False)
    trouble = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(default=db_now, editable=False)
    changed_at = models.DateTimeField(default=db_now, editable=False)

    def __str__(self) -> str:
        return self.name
