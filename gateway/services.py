"""Making clients and keys, ending them, and forgetting what is old."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import clear_expired

from gateway import key_cache, keys, reminders
from gateway.models import Client, IdempotentResult, Key, RequestLog
from gateway.scopes import DEFAULT_SCOPES
from runtime import audit
from runtime.clock import db_now
from runtime.periodic import prune
from runtime.secrets import Secret

LONGEST_KEY_DAYS = 90
LONGEST_OVERLAP = timedelta(days=30)
_MOST_ENDS = 500


def client_create(
    *,
    name: str,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    networks: Sequence[str] = (),
    origins: Sequence[str] = (),
    rate_per_minute: int = 600,
    networks_report_only: bool = False,
    redirect_uris: str = "",
    client_type: str = Client.CLIENT_CONFIDENTIAL,
    is_demo: bool = False,
) -> tuple[Client, Secret]:
    """Create a client; return it with its OAuth secret, which is told only now.

    Raises: django.core.exceptions.ValidationError for an unknown scope, network or origin.
    """
    secret = Secret(generate_client_secret())
    client = Client(
        name=name,
        client_type=client_type,
        authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS,
        client_secret=secret,
        scopes=list(scopes),
        networks=list(networks),
        origins=list(origins),
        rate_per_minute=rate_per_minute,
        networks_report_only=networks_report_only,
        redirect_uris=redirect_uris,
        is_demo=is_demo,
    )
    client.clean_fields(exclude={"client_secret"})
    client.save(force_insert=True)
    return client, secret


def key_create(
    *,
    client: Client,
    kind: str = Key.Kind.SECRET,
    name: str = "",
    days: int = LONGEST_KEY_DAYS,
    rate_per_minute: int | None = None,
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
        rate_per_minute=rate_per_minute,
        expires_at=db_now() + timedelta(days=days),
    )
    return key, text


class CannotRotate(ValueError):
    """The key has ended or has a successor already; the message says which, in words for a person."""


@transaction.atomic
def key_rotate(*, key: Key, overlap: timedelta, days: int = LONGEST_KEY_DAYS) -> tuple[Key, Secret]:
    """Create the key that takes another's place; the old one works on for `overlap` at the most, then ends by itself.

    Raises: CannotRotate.
    """
    old = Key.objects.select_for_update(of=("self",)).select_related("client").get(pk=key.pk)
    if not old.is_working:
        raise CannotRotate("This key has ended. Create a new one instead.")
    if old.replaced_by_id is not None:
        raise CannotRotate("This key was rotated before. Rotate the one that took its place.")
    new, text = key_create(
        client=old.client, kind=old.kind, name=old.name, days=days, rate_per_minute=old.rate_per_minute
    )
    left = min(max(overlap, timedelta(0)), LONGEST_OVERLAP)
    old.replaced_by = new
    old.expires_at = min(old.expires_at, db_now() + left)
    # Who chose the day needs no reminder of it; the next one comes nearer to the end.
    old.reminded_days = reminders.stage(old.expires_at - db_now())
    old.save(update_fields=["replaced_by", "expires_at", "reminded_days"])
    key_cache.forget(old.digest)
    return new, text


def client_secret_renew(*, client: Client) -> Secret:
    """Give a client a new OAuth secret and return it; the old one ends at once, tokens it fetched live their hour."""
    secret = Secret(generate_client_secret())
    client.client_secret = secret
    client.save(update_fields=["client_secret", "updated"])
    return secret


def key_revoke(*, key: Key) -> Key:
    """End a key: at once in this process, within two seconds everywhere."""
    if key.revoked_at is None:
        key.revoked_at = db_now()
        key.save(update_fields=["revoked_at"])
    key_cache.forget(key.digest)
    return key


def keys_end() -> int:
    """Note of keys whose time is over that they are revoked since; return how many. They are refused before that, too.

    One by one, so that the audit trail tells of each: it notes by itself only what people change.
    """
    over = Key.objects.filter(revoked_at=None, expires_at__lte=db_now()).order_by("expires_at")[:_MOST_ENDS]
    for key in over:
        key.revoked_at = key.expires_at
        with transaction.atomic():
            key.save(update_fields=["revoked_at"])
            audit.note("Ended on its day.", key)
        key_cache.forget(key.digest)
    return len(over)


def client_log_whole(*, client: Client, hours: float = 1) -> None:
    """Have the scrubbed bodies of all its calls kept for a while, so that a person can see what it sends; 0 ends it."""
    client.log_whole_until = db_now() + timedelta(hours=hours) if hours else None
    client.save(update_fields=["log_whole_until"])
    key_cache.forget_all()


def prune_request_log(*, days: int | None = None) -> int:
    """Delete the request log older than `days` (or REQUEST_LOG_DAYS); return how many rows went."""
    kept = timedelta(days=settings.REQUEST_LOG_DAYS if days is None else days)
    return prune(RequestLog.objects.filter(at__lt=db_now() - kept))


def prune_idempotent_results() -> int:
    """Delete results of requests that nobody repeats any more; return how many rows went."""
    return prune(IdempotentResult.objects.filter(created_at__lt=db_now() - IdempotentResult.KEPT))


def clear_tokens() -> str:
    """Delete OAuth tokens and grants that have ended."""
    clear_expired()
    return "ended tokens removed"
