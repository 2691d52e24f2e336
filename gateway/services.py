"""Making clients and keys, ending them, and forgetting what is old."""

from collections.abc import Sequence
from datetime import timedelta

from oauth2_provider.generators import generate_client_secret

from gateway import idempotency, key_cache, keys
from gateway.models import Client, IdempotentResult, Key, RequestLog
from gateway.scopes import DEFAULT_SCOPES
from runtime.clock import db_now
from runtime.periodic import prune
from runtime.secrets import Secret

LONGEST_KEY_DAYS = 90


def client_create(
    *,
    name: str,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    networks: Sequence[str] = (),
    origins: Sequence[str] = (),
    rate_per_minute: int = 600,
    is_demo: bool = False,
) -> tuple[Client, Secret]:
    """Create a client; return it with its OAuth secret, which is told only now.

    Raises: django.core.exceptions.ValidationError for an unknown scope, network or origin.
    """
    secret = Secret(generate_client_secret())
    client = Client(
        name=name,
        client_type=Client.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS,
        client_secret=secret,
        scopes=list(scopes),
        networks=list(networks),
        origins=list(origins),
        rate_per_minute=rate_per_minute,
        is_demo=is_demo,
    )
    client.clean_fields(exclude={"client_secret"})
    client.save(force_insert=True)
    return client, secret


def key_create(
    *, client: Client, kind: str = Key.Kind.SECRET, name: str = "", days: int = LONGEST_KEY_DAYS
) -> tuple[Key, Secret]:
    """Create a key; return it with its text, which is told only now. Raises: ValueError for more than 90 days."""
    if not 0 < days <= LONGEST_KEY_DAYS:
        raise ValueError(f"A key lives 1 to {LONGEST_KEY_DAYS} days.")
    text = keys.generate(kind)
    parsed = keys.parse(text)
    key = Key.objects.create(
        client=client,
        kind=parsed.kind,
        name=name,
        prefix=parsed.prefix,
        digest=parsed.digest,
        expires_at=db_now() + timedelta(days=days),
    )
    return key, text


def key_revoke(*, key: Key) -> Key:
    """End a key: at once in this process, within two seconds everywhere."""
    if key.revoked_at is None:
        key.revoked_at = db_now()
        key.save(update_fields=["revoked_at"])
    key_cache.forget(key.digest)
    return key


def prune_request_log(*, days: int = 30) -> int:
    """Delete the request log older than `days`; return how many rows went."""
    return prune(RequestLog.objects.filter(at__lt=db_now() - timedelta(days=days)))


def prune_idempotent_results() -> int:
    """Delete results of requests that nobody repeats any more; return how many rows went."""
    return prune(IdempotentResult.objects.filter(created_at__lt=db_now() - idempotency.KEPT))
