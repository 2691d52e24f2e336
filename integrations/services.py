"""Changes to connectors and credentials."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from integrations import backfill, sweeps
from integrations.breaker import Breaker
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.credentials import seal
from integrations.egress.urls import parse_base
from integrations.models import Call, Connector, ConnectorState, Credential, Delivery, Sweep
from integrations.providers import errors
from integrations.providers.base import Check
from integrations.providers.registry import PROVIDERS, provider_class
from runtime.clock import db_now
from runtime.periodic import prune
from runtime.scrubbing import scrub_text
from runtime.secrets import known_key_ids
from runtime.wakeups import wake

NEEDS_REAUTH = "needs_reauth"


def credential_save(
    *,
    name: str,
    provider: str,
    host: str,
    secrets: Mapping[str, str],
    sign_in: str = Credential.SignIn.KEY,
    settings: Mapping[str, str] | None = None,
    credential: Credential | None = None,
) -> Credential:
    """Store a credential, new or changed; an empty `secrets` keeps what is stored (shapes: models.Credential).

    Raises: ValidationError with the field's name.
    """
    if provider not in PROVIDERS:
        raise ValidationError({"provider": "There is no such provider."})
    row = credential or Credential(sign_in=sign_in)
    written = {"name", "provider", "host", "settings", "changed_at"}
    given = clean_secrets(secrets)
    host = _bound_host(provider, host, given.get("api_key", ""))
    if not given and (not row.sealed or host != row.host):
        # Whoever may edit a host must not thereby learn the key.
        raise ValidationError({"secrets": "Enter the key; it is also needed when the host changes."})
    told = {key: str(value).strip() for key, value in (settings or {}).items() if str(value or "").strip()}
    _check_token_host(told.get("token_url", ""), host)
    if host != row.host or told.get("client_id") != row.settings.get("client_id"):
        # Tokens belong to whom they were given to.
        row.tokens, row.tokens_until = "", None
        written |= {"tokens", "tokens_until"}
    row.name, row.provider, row.host, row.changed_at = name, provider, host, db_now()
    row.settings = told
    is_lost = row.sealed_with not in known_key_ids()
    if given:
        seal(row, given)
        row.entered_at, row.trouble = db_now(), ""
        written |= {"sealed", "sealed_with", "entered_at", "trouble"}
        written |= {"spare", "tokens"} if is_lost else set()
    # The rest may be changed by a renewal meanwhile.
    row.save(update_fields=None if row._state.adding else written)
    if given:
        alerts_forget(credential=row)
    return row


def clean_secrets(values: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed without blanks. Raises: ValidationError where it can't be a key."""
    given = {field: str(value).strip() for field, value in values.items() if str(value or "").strip()}
    # A key in PEM has lines.
    one_line = (value for field, value in given.items() if field != "private_key")
    if any(re.search(r"[\x00-\x1f\x7f]", value) for value in one_line):
        raise ValidationError({"secrets": "A key holds no line breaks or control characters."})
    return given


def _check_token_host(token_url: str, host: str) -> None:
    """Refuse a token address elsewhere: the secret is sent there."""
    if not token_url:
        return
    try:
        found = parse_base(token_url).host.lower()
    except errors.EgressDenied as err:
        raise ValidationError({"token_url": err.words}) from err
    if found != host:
        raise ValidationError({"token_url": f"The secret is sent to {host} alone, not to {found}."})


def _bound_host(provider: str, host: str, key: str) -> str:
    """Return the host a credential is bound to: a name, an address without its path, or what the key tells."""
    text = host.strip() or provider_class(provider).home(key)
    if not text:
        raise ValidationError({"host": "Say which host this key is sent to."})
    if text.count(":") > 1 and "[" not in text and "://" not in text:
        text = f"[{text}]"
    try:
        base = parse_base(text if "://" in text else f"https://{text}")
    except errors.EgressDenied as err:
        raise ValidationError({"host": err.words}) from err
    return base.host.lower()


def connector_test(*, connector: Connector) -> Check:
    """Ask the vendor something harmless and say what came of it; a connector paused for its key goes on if it works."""
    calls = CallLog(connector)
    failure: errors.ProviderError | None = None
    if connector.credential_id:
        # A person asks: what was refused once may be mended at the vendor's.
        Credential.objects.filter(pk=connector.credential_id).exclude(trouble="").update(trouble="")
    try:
        check = open_provider(connector, calls).check()
    except errors.ProviderError as err:
        failure, check = err, Check(ok=False, words=_told(connector, err))
    with transaction.atomic():
        calls.save()
        state = connector_note(connector=connector, failure=failure)
        if check.ok and state.pause_reason == NEEDS_REAUTH:
            connector_resume(connector=connector)
    return check


def connector_note(*, connector: Connector, failure: errors.ProviderError | None = None) -> ConnectorState:
    """Write down that a connector worked or failed just now."""
    now = db_now()
    said = scrub_text(failure.words or failure.code)[:300] if failure else ""
    values = {"last_failure_at": now, "last_failure": said} if failure else {"last_success_at": now}
    state, _ = ConnectorState.objects.update_or_create(connector=connector, defaults=values)
    return state


def connector_pause(*, connector: Connector, reason: str = "by_person") -> None:
    """Let a connector rest; what waits goes on waiting. The first reason stays."""
    state, _ = ConnectorState.objects.get_or_create(connector=connector)
    rows = ConnectorState.objects.filter(pk=state.pk, paused_at=None)
    rows.update(paused_at=db_now(), pause_reason=reason)


def connector_resume(*, connector: Connector) -> None:
    """Let a connector work again, at once."""
    with transaction.atomic():
        ConnectorState.objects.filter(connector=connector).update(paused_at=None, pause_reason="")
        wake("connector", str(connector.pk))


def alerts_forget(*, credential: Credential) -> None:
    """Have people told at once if what was just entered, or signed in with, isn't accepted either."""
    ConnectorState.objects.filter(connector__credential=credential).update(alerted=None)


def connector_send_now(*, connector: Connector) -> sweeps.Begun:
    """Try everything that waits at once, whatever it waited for.

    What the vendor itself asked us to wait (its limit) still counts.
    """
    waiting = {"state": Delivery.State.WAITING.value}
    begun = sweeps.begin(action=sweeps.Action.SEND_NOW, connector=connector, filters=waiting)
    with transaction.atomic():
        Breaker(connector.pk).reset()
        ConnectorState.objects.filter(pk=connector.pk).update(held_until=None, held_because="")
        wake("connector", str(connector.pk))
    return begun


def connector_pace_set(
    *, connector: Connector, retry_policy: Mapping[str, Any], quota: Mapping[str, Any], max_in_flight: int | None
) -> None:
    """Set how often a connector tries again and how fast it goes; empty = the usual (shapes: models.Connector)."""
    # A connector, not the sync it is shown as, and saved, not updated: the audit trail then says what it was before.
    row = Connector.objects.get(pk=connector.pk)
    row.retry_policy, row.quota, row.max_in_flight = dict(retry_policy), dict(quota), max_in_flight
    row.save(update_fields=["retry_policy", "quota", "max_in_flight"])


def connector_reconsider(*, connector: Connector) -> int:
    """Look again at the leads that a connector's filter had left out: it has changed; returns how many there are."""
    return backfill.backfill_start(connector=connector, scope=ConnectorState.Scope.SKIPPED)


def _told(connector: Connector, err: errors.ProviderError) -> str:
    """Return one or two sentences about a failed test: what happened, what to do."""
    vendor = connector.name
    said = f" It said: “{scrub_text(err.words)}”" if err.words else ""
    match err:
        case errors.NotAuthorised() if _signs_in(connector):
            return err.words or f"{vendor} does not accept the sign-in. Press Connect on its credential."
        case errors.NotAuthorised():
            return f"{vendor} does not accept the stored key. Enter a new one under Credentials.{said}"
        case errors.EgressDenied():
            return f"We may not connect to this address. {err.words}"
        case errors.Misconfigured():
            return f"{vendor} cannot work as it is set up. {err.words}"
        case errors.EndpointGone():
            return f"{vendor} says this address is gone for good. Correct the base address."
        case errors.Refused(code="forbidden"):
            return f"The stored key may not do this. Give it the missing right at the vendor.{said}"
        case errors.OutcomeUnknown():
            return f"{vendor} did not answer properly. {err.words}"
        case errors.RetryLater(code="connect_failed" | "tls_failed"):
            return f"{vendor} could not be reached. {scrub_text(err.words)}"
        case errors.RetryLater():
            return f"{vendor} had a problem of its own; try again in a minute.{said}"
    return f"{vendor} refused.{said}"


def _signs_in(connector: Connector) -> bool:
    return bool(connector.credential and connector.credential.sign_in != Credential.SignIn.KEY)


def prune_calls(*, days: int = 30) -> int:
    """Delete the log of calls older than `days`; return how many rows went."""
    return prune(Call.objects.filter(at__lt=db_now() - timedelta(days=days)))


def prune_deliveries(*, days: int = 90) -> int:
    """Delete settled deliveries older than `days`, except what each connector was told last of each subject.

    The last one stays: it holds the vendor's id, and says which enquiries the vendor has.
    """
    newer = Delivery.objects.filter(
        connector=OuterRef("connector"),
        subject_kind=OuterRef("subject_kind"),
        subject_id=OuterRef("subject_id"),
        operation=OuterRef("operation"),
        state=Delivery.State.DELIVERED,
        created_at__gt=OuterRef("created_at"),
    )
    ended = [Delivery.State.SUPERSEDED, Delivery.State.CANCELLED, Delivery.State.DELIVERED]
    settled = Delivery.objects.filter(state__in=ended, settled_at__lt=db_now() - timedelta(days=days))
    return prune(settled.filter(Q(state__in=ended[:2]) | Exists(newer)))


def prune_sweeps(*, days: int = 30) -> int:
    """Delete what was done to many deliveries longer than `days` ago; return how many rows went."""
    return prune(Sweep.objects.filter(ended_at__lt=db_now() - timedelta(days=days)))
