"""Access tokens renewed exactly once per expiry, however many threads and processes notice that one has ended.

Who renews holds a lease on the credential's row; the others wait for what it saves. A new token is saved before its
first use: a vendor that replaces the refresh token has forgotten the old one as soon as it answers.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection
from django.db.models import F, Q

from integrations import oauth
from integrations.calls import CallLog
from integrations.credentials import Proof, opened, proof
from integrations.models import Credential
from integrations.providers import errors
from integrations.providers.registry import provider_class
from runtime import secrets
from runtime.clock import db_now

log = structlog.get_logger(__name__)

# Longer than a token request may take: nobody takes over from one that is under way.
_LEASE = timedelta(seconds=oauth.TOTAL_SECONDS * 3)
# A token that ends while a request is on its way is as good as ended.
_EARLY = timedelta(seconds=30)
_AHEAD = timedelta(minutes=5)
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = oauth.TOTAL_SECONDS + 2


class SignedIn:
    """The proof that a session sends: a stored key, or an access token that is renewed when it has ended."""

    def __init__(self, credential: Credential, calls: CallLog, *, ends_at: float | None = None) -> None:
        self._credential = credential
        self._provider = provider_class(credential.provider)
        self._calls = calls
        self._ends_at = ends_at
        self._tokens = opened(credential.tokens)
        self._until = credential.tokens_until

    def proof(self) -> Proof:
        """Return what the next request carries. Raises: NotAuthorised, RetryLater."""
        if not self._tokens.get("access_token") or has_ended(self._until):
            self._take_new()
        return proof(self._provider, self._tokens)

    def renew(self) -> bool:
        """Get another token after a 401. Raises: NotAuthorised where only a person can, RetryLater."""
        self._take_new()
        return True

    def _take_new(self) -> None:
        stale = str(self._tokens.get("access_token") or "")
        row = renewed(self._credential, stale=stale, calls=self._calls, ends_at=self._ends_at)
        self._tokens, self._until = opened(row.tokens), row.tokens_until


def has_ended(until: datetime | None) -> bool:
    """Tell whether a token ends too soon to be used; one without a known end is used until it is refused."""
    return until is not None and until - _EARLY <= db_now()


def renewed(
    credential: Credential,
    *,
    stale: str,
    calls: CallLog | None = None,
    ends_at: float | None = None,
    transport: Any = None,
) -> Credential:
    """Return the credential's row with an access token other than `stale`, renewed by us or by whoever was first.

    `ends_at` (monotonic clock) is how long others are waited for.
    Raises: NotAuthorised in words where a person has to sign in again; RetryLater.
    """
    give_up_at = min(ends_at or float("inf"), time.monotonic() + _PATIENCE_SECONDS)
    with _own_connection():
        while True:
            row = _fresh(credential)
            if (found := _usable(row, stale)) is not None:
                return found
            was_cut_off = row.renewing_until is not None and row.renewing_until < db_now()
            if _claim(row):
                return _renew(_fresh(row), stale, calls, was_cut_off=was_cut_off, by=transport)
            if time.monotonic() >= give_up_at:
                raise errors.RetryLater("The token is being renewed.", code="no_time_left")
            time.sleep(_POLL_SECONDS)


def _usable(row: Credential, stale: str) -> Credential | None:
    """Return the row if it holds another token than the one that has ended. Raises: NotAuthorised in its words."""
    access = opened(row.tokens).get("access_token")
    if access and access != stale and not has_ended(row.tokens_until):
        return row
    if row.trouble:
        raise errors.NotAuthorised(row.trouble)
    return None


def _claim(row: Credential) -> bool:
    """Take the right to renew, committed before anybody is asked; False where somebody else has it."""
    now = db_now()
    free = Q(renewing_until=None) | Q(renewing_until__lt=now)
    mine = Credential.objects.filter(free, pk=row.pk, renewals=row.renewals)
    return bool(mine.update(renewing_until=now + _LEASE, renewals=F("renewals") + 1))


def _renew(row: Credential, stale: str, calls: CallLog | None, *, was_cut_off: bool, by: Any) -> Credential:
    """Ask for the next token while the lease is ours, and save it."""
    try:
        # Another may have saved between our look and our turn.
        found = _usable(row, stale)
        if found is None:
            form = oauth.renewal_form(row, opened(row.tokens))
            found = tokens_save(row, oauth.ask_for_tokens(row, form, calls, transport=by))
    except errors.OutcomeUnknown:
        # The vendor may have replaced the refresh token without our hearing of it.
        _release(row, is_cut_off=True)
        raise
    except errors.NotAuthorised as err:
        found = _refused(row, stale, err, was_cut_off=was_cut_off)
    except errors.ProviderError:
        _release(row)
        raise
    # Whatever else goes wrong leaves the lease to run out: that tells the next one that an answer may be lost.
    _release(row)
    return found


def _release(row: Credential, *, is_cut_off: bool = False) -> None:
    ended = db_now() - timedelta(seconds=1) if is_cut_off else None
    Credential.objects.filter(pk=row.pk, renewals=row.renewals).update(renewing_until=ended)


def _refused(row: Credential, stale: str, err: errors.NotAuthorised, *, was_cut_off: bool) -> Credential:
    """Look whether another has renewed in the meantime; if not, say in words that a person is needed."""
    again = _fresh(row)
    access = opened(again.tokens).get("access_token")
    if access and access != stale and again.tokens != row.tokens:
        return again
    words = again.trouble or _trouble(row, err, was_cut_off=was_cut_off)
    Credential.objects.filter(pk=row.pk, tokens=row.tokens).update(trouble=words)
    _release(row)
    log.warning("sign_in.refused", row=str(row.pk), status=err.status)
    raise errors.NotAuthorised(words, status=err.status) from err


def _trouble(row: Credential, err: errors.NotAuthorised, *, was_cut_off: bool) -> str:
    if err.status is None:
        # Nobody was asked: what we have is not enough to ask with.
        return err.words[:300]
    vendor = provider_class(row.provider).name
    said = f" It said: “{err.words}”" if err.words else ""
    if row.sign_in != Credential.SignIn.AUTHORIZATION_CODE:
        return f"{vendor} gives no token for “{row.name}”. Enter its secret again.{said}"[:300]
    if was_cut_off:
        what = f"A renewal of “{row.name}” was cut off before its new token could be stored"
        return f"{what}, and {vendor} no longer takes the old one. Press Connect to sign in again.{said}"[:300]
    return f"{vendor} no longer accepts the sign-in of “{row.name}”. Press Connect to sign in again.{said}"[:300]


def tokens_save(row: Credential, given: oauth.Tokens) -> Credential:
    """Store what a vendor gave out, unless somebody has stored something newer; returns the row as it is now."""
    kept = given.sealable()
    before = opened(row.tokens).get("refresh_token")
    if before and not given.refresh_token:
        # A vendor that sends none leaves the old one in force.
        kept["refresh_token"] = str(before)
    until = db_now() + timedelta(seconds=given.expires_in) if given.expires_in else None
    unchanged = Credential.objects.filter(pk=row.pk, tokens=row.tokens)
    unchanged.update(tokens=secrets.seal(kept), tokens_until=until, trouble="", changed_at=db_now())
    return _fresh(row)


def _fresh(row: Credential) -> Credential:
    return Credential.objects.get(pk=row.pk)


def due() -> list[Credential]:
    """Return the credentials whose token ends soon and can be renewed without a person."""
    ending = Credential.objects.filter(tokens_until__lt=db_now() + _AHEAD, trouble="", connector__is_active=True)
    return list(ending.exclude(sign_in=Credential.SignIn.KEY).distinct())


@contextmanager
def _own_connection() -> Iterator[None]:
    """Leave no database connection behind in a thread that had none: vendors are called from short-lived ones."""
    was_open = connection.connection is not None
    try:
        yield
    finally:
        if not was_open:
            connection.close()
