"""Sources: who may send us events, at which address, and which secrets prove that it is they."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from gateway.addresses import Address, is_within
from integrations.credentials import client_secrets, opened
from integrations.models import Connector
from integrations.providers.base import EventSource
from integrations.providers.errors import BadSignature, Misconfigured
from integrations.services import clean_secrets
from runtime.clock import db_now
from runtime.secrets import Secret, seal
from webhooks import tokens
from webhooks.models import Source

OVERLAP = timedelta(days=7)
"""How long an address or a secret that was replaced stays good: nobody changes both ends at the same moment."""

_LATELY = timedelta(days=7)
_HEARD_EVERY = timedelta(seconds=10)
_RANDOM_BYTES = 32


def source_create(*, name: str, is_demo: bool = False) -> tuple[Source, Secret]:
    """Return a new source and the token of its address, which is told only now."""
    token = tokens.generate()
    return Source.objects.create(name=name, token_digest=tokens.digest(token), is_demo=is_demo), token


def source_for(connector: Connector) -> Source:
    """Return a connector's source, made without an address where there is none."""
    return Source.objects.get_or_create(connector=connector)[0]


def source_of(token: str) -> Source | None:
    """Return the active source that a token belongs to; where it is a connector's, that is switched on, too."""
    digest = tokens.digest(token)
    replaced = Q(token_before=digest, token_made_at__gt=db_now() - OVERLAP)
    switched_on = Source.objects.filter(is_active=True).exclude(connector__is_active=False)
    source = switched_on.filter(Q(token_digest=digest) | replaced).select_related("connector__credential").first()
    if source is None or not any(compare_digest(each or "", digest) for each in _digests(source)):
        return None
    return source


def _digests(source: Source) -> tuple[str | None, str]:
    return source.token_digest, source.token_before


def address_make(*, source: Source) -> Secret:
    """Give a source a new address and return its token, which is told only now; the one before works a while longer."""
    token = tokens.generate()
    before = source.token_digest or ""
    _write(source, token_digest=tokens.digest(token), token_before=before, token_made_at=db_now())
    return token


def address_make_first(*, source: Source) -> Secret | None:
    """Give a source its first address and return its token; None where it has one, also from another press just now."""
    with transaction.atomic():
        locked = Source.objects.select_for_update().get(pk=source.pk)
        if locked.token_digest:
            return None
        token = address_make(source=locked)
    source.refresh_from_db()
    return token


def secret_set(*, source: Source, secret: str = "") -> Secret:
    """Store what a source's vendor signs with; none given: one is made up. The one before works a while longer.

    Returns it. Raises: ValidationError with the field `secrets`.
    """
    with transaction.atomic():
        held = _held(Source.objects.select_for_update().get(pk=source.pk))
        entered = clean_secrets({"secret": secret}).get("secret") or token_urlsafe(_RANDOM_BYTES)
        values = {"secret": entered, "before": str(held.get("secret") or "")}
        _write(source, sealed=seal(values), secret_entered_at=db_now())
    return Secret(entered)


def overlap_end(*, source: Source) -> None:
    """Take the address and the secret that were replaced no longer."""
    with transaction.atomic():
        held = _held(Source.objects.select_for_update().get(pk=source.pk))
        sealed = seal({"secret": str(held["secret"])}) if held else ""
        _write(source, token_before="", sealed=sealed)


def _write(source: Source, **values: Any) -> None:
    for name, value in values.items():
        setattr(source, name, value)
    # Saved, not updated: the audit trail then says that it changed.
    source.save(update_fields=list(values))


def _held(source: Source) -> Mapping[str, Any]:
    """Return a source's secrets; none where they can't be opened any more."""
    try:
        return opened(source.sealed)
    except Misconfigured:
        return {}


def secrets_in_force(source: Source, speaks: EventSource, token: str) -> list[str]:
    """Return what a request of a connector's vendor may prove itself with; `token` is that of its address."""
    if speaks.proof == "address":
        return [token]
    held = _held(source)
    names = ["secret", "before"] if is_overlapping(source.secret_entered_at) else ["secret"]
    found = [str(held[name]) for name in names if held.get(name)]
    credential = source.connector.credential if source.connector else None
    if found or speaks.proof != "client_secret" or credential is None:
        return found
    try:
        return client_secrets(credential)
    except Misconfigured:
        return []


def is_overlapping(changed_at: datetime | None) -> bool:
    """Tell whether what was replaced then still works."""
    return changed_at is not None and changed_at > db_now() - OVERLAP


def has_secret_before(source: Source) -> bool:
    """Tell whether there is a secret that was replaced."""
    return bool(_held(source).get("before"))


def check_sender(source: Source, sender: Address | None) -> None:
    """Make sure that a request comes from where a source may send from. Raises: BadSignature."""
    if source.networks and not is_within(sender, source.networks):
        raise BadSignature("The message comes from an address outside the networks.", code="foreign_address")


def refusal_note(*, source: Source, because: str) -> None:
    """Count a request that did not prove that it comes from the source's vendor; nothing else is kept of it."""
    told = {"refused_at": db_now(), "refused_because": because[:32]}
    Source.objects.filter(pk=source.pk).update(refused=F("refused") + 1, **told)


def heard(source: Source) -> None:
    """Note that a source has just told something; to some seconds, so that a storm of events writes its row once."""
    now, at = db_now(), source.heard_at
    is_news = at is None or at < now - _HEARD_EVERY or (source.refused_at is not None and source.refused_at >= at)
    if is_news:
        Source.objects.filter(pk=source.pk).update(heard_at=now)


def refused_lately() -> QuerySet[Source]:
    """Return connectors' sources whose last message was refused, within the last seven days."""
    last = Q(heard_at=None) | Q(heard_at__lt=F("refused_at"))
    alive = Source.objects.filter(is_active=True, connector__is_active=True).exclude(token_digest=None)
    return alive.filter(last, refused_at__gt=db_now() - _LATELY).select_related("connector").order_by("refused_at")
