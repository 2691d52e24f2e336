"""Changes to how we sign in at vendors: the person's agreement, the second key, renewal ahead of time."""

import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F

from integrations import oauth, renewal, services
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.credentials import QUARTER, opened
from integrations.models import Connector, Credential
from integrations.providers import errors
from integrations.providers.base import Check
from integrations.providers.registry import provider_class
from runtime import secrets
from runtime.clock import db_now
from runtime.scrubbing import scrub_text

log = structlog.get_logger(__name__)

SignIn = Credential.SignIn


@dataclass(frozen=True, slots=True)
class Invitation:
    """The way to a vendor's page of consent, and what has to come back with the answer."""

    url: str
    state: str
    verifier: str


def credential_invite(*, credential: Credential, redirect_uri: str) -> Invitation:
    """Prepare a person's agreement at the vendor's. Raises: Misconfigured."""
    state, verifier = randomness.token_urlsafe(32), oauth.new_verifier()
    url = oauth.authorization_url(credential, redirect_uri=redirect_uri, state=state, verifier=verifier)
    return Invitation(url, state, verifier)


def credential_connect(*, credential: Credential, code: str, verifier: str, redirect_uri: str) -> Check:
    """Exchange the code of a person's agreement for tokens; connectors that waited for it go on."""
    form = oauth.code_form(credential, code=code, verifier=verifier, redirect_uri=redirect_uri)
    connectors = list(credential.connector_set.select_related("credential"))
    calls = CallLog(connectors[0]) if connectors else None
    try:
        given = oauth.ask_for_tokens(credential, form, calls)
    except errors.ProviderError as err:
        return Check(ok=False, words=_refusal(credential, err))
    finally:
        if calls:
            calls.save()
    # A person's word counts more than whatever a renewal under way may still bring.
    credential = Credential.objects.get(pk=credential.pk)
    values = {"tokens": "", "renewals": F("renewals") + 1, "renewing_until": None}
    Credential.objects.filter(pk=credential.pk).update(**values)
    renewal.tokens_save(Credential.objects.get(pk=credential.pk), given)
    services.alerts_forget(credential=credential)
    worked = [connector.name for connector in connectors if _goes_on(connector)]
    at_work = f" {', '.join(worked)} works with it." if worked else ""
    return Check(ok=True, words=f"Signed in at {provider_class(credential.provider).name}.{at_work}")


def _goes_on(connector: Connector) -> bool:
    fresh = Connector.objects.select_related("credential").get(pk=connector.pk)
    return services.connector_test(connector=fresh).ok


def _refusal(credential: Credential, err: errors.ProviderError) -> str:
    if isinstance(err, errors.Misconfigured):
        return err.words
    vendor = provider_class(credential.provider).name
    said = f" It said: “{scrub_text(err.words)}”" if err.words else ""
    return f"{vendor} did not complete the sign-in. Check the client id and secret, then press Connect again.{said}"


def spare_save(*, credential: Credential, values: Mapping[str, str]) -> None:
    """Put a second key beside the one in use. Raises: ValidationError."""
    given = services.clean_secrets(values)
    Credential.objects.filter(pk=credential.pk).update(spare=secrets.seal(given), spare_entered_at=db_now())


def spare_test(*, credential: Credential) -> Check:
    """Try the second key at every connector that uses the credential; nothing else is changed."""
    row = Credential.objects.get(pk=credential.pk)
    if not row.spare:
        return Check(ok=False, words="There is no second key yet. Enter it below and save.")
    if row.sign_in != SignIn.KEY:
        return _spare_token(row)
    connectors = list(row.connector_set.select_related("credential"))
    if not connectors:
        return Check(ok=False, words="No connector uses this credential, so the second key can't be tried.")
    for connector in connectors:
        check = _spare_works(connector)
        if not check.ok:
            return Check(ok=False, words=f"The second key does not work at {connector.name}. {check.words}".strip())
    return Check(ok=True, words="The second key works.")


def _spare_works(connector: Connector) -> Check:
    calls = CallLog(connector)
    try:
        return open_provider(connector, calls, use_spare=True).check()
    except errors.ProviderError as err:
        return Check(ok=False, words=scrub_text(err.words))
    finally:
        calls.save()


def _spare_token(row: Credential) -> Check:
    row.sealed = row.spare  # in memory alone
    try:
        oauth.ask_for_tokens(row, oauth.renewal_form(row, {}))
    except errors.ProviderError as err:
        return Check(ok=False, words=f"The second secret does not work. {scrub_text(err.words)}".strip())
    return Check(ok=True, words="The second secret works.")


def spare_swap(*, credential: Credential) -> Check:
    """Use the second key from now on, if it works; the first stays as the second, so that one can go back."""
    before = Credential.objects.get(pk=credential.pk)
    check = spare_test(credential=before)
    if not check.ok:
        return check
    with transaction.atomic():
        unchanged = Credential.objects.filter(pk=before.pk, sealed=before.sealed, spare=before.spare)
        swapped = unchanged.update(
            sealed=before.spare,
            spare=before.sealed,
            entered_at=before.spare_entered_at or db_now(),
            spare_entered_at=before.entered_at,
            trouble="",
            changed_at=db_now(),
        )
    if not swapped:
        return Check(ok=False, words="The keys were changed by somebody else in the meantime. Nothing was swapped.")
    services.alerts_forget(credential=before)
    for connector in before.connector_set.filter(status__pause_reason=services.NEEDS_REAUTH):
        services.connector_resume(connector=connector)
    return Check(ok=True, words="The second key is in use now. The first one is kept as the second, in case of need.")


def renew_ahead() -> int:
    """Renew tokens that end within minutes, so that no lead waits for it; returns how many were renewed."""
    count = 0
    for row in renewal.due():
        connector = row.connector_set.filter(is_active=True).first()
        calls = CallLog(connector) if connector else None
        try:
            renewal.renewed(row, stale=str(opened(row.tokens).get("access_token") or ""), calls=calls)
        except errors.NotAuthorised as err:
            _stop(row, err)
        except errors.ProviderError as err:
            log.warning("sign_in.renewal_failed", row=str(row.pk), code=err.code)
        else:
            count += 1
        finally:
            if calls:
                calls.save()
    return count


def _stop(row: Credential, err: errors.ProviderError) -> None:
    for connector in row.connector_set.all():
        with transaction.atomic():
            services.connector_note(connector=connector, failure=err)
            services.connector_pause(connector=connector, reason=services.NEEDS_REAUTH)


def grown_old() -> Any:
    """Return the credentials whose key is a quarter old or older, the oldest first."""
    old = Credential.objects.filter(entered_at__lt=db_now() - QUARTER, connector__is_active=True)
    return old.exclude(sign_in=SignIn.AUTHORIZATION_CODE).defer("sealed", "spare", "tokens").distinct()
