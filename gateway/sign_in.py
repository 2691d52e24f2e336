"""Signing in: password first, then the second factor; in between a person is nobody yet."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from gateway.authenticators import Authenticator, authenticator_of, is_required
from gateway.models import User
from runtime import audit
from runtime.clock import db_now

PATIENCE = timedelta(minutes=10)
"""How long a right password waits for its code."""

SESSION_LONGEST = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=2)

_PENDING = "pending_sign_in"
_BEGUN_AT, _SEEN_AT = "signed_in_at", "seen_at"
# A time that is written with every page would make every page a write.
_SEEN_EVERY = timedelta(minutes=5)
_BACKEND = "django.contrib.auth.backends.ModelBackend"


def needs_code(person: User) -> bool:
    """Tell whether the password alone doesn't let this person in."""
    return is_required(person) or authenticator_of(person) is not None


def begin(request: HttpRequest, person: User, way: str) -> None:
    """Note whose password was right, and where they want to go; they are not signed in by that."""
    request.session.flush()
    request.session[_PENDING] = {
        "person": person.pk,
        "hash": person.get_session_auth_hash(),
        "until": (db_now() + PATIENCE).timestamp(),
        "way": way,
    }


def pending(request: HttpRequest) -> User | None:
    """Return whose password was right a moment ago in this browser."""
    noted: dict[str, Any] = request.session.get(_PENDING) or {}
    if not noted or noted["until"] < db_now().timestamp():
        return None
    person = User.objects.filter(pk=noted["person"], is_active=True, is_staff=True).first()
    # A password that was changed since ends this, too.
    if person is None or not constant_time_compare(noted["hash"], person.get_session_auth_hash()):
        return None
    return person


def pending_way(request: HttpRequest) -> str:
    """Return where the person wanted to go."""
    return str((request.session.get(_PENDING) or {}).get("way") or "/admin/")


def complete(request: HttpRequest, person: User, authenticator: Authenticator | None = None) -> None:
    """Sign a person in."""
    request.session.pop(_PENDING, None)
    if authenticator is not None:
        person.otp_device = authenticator  # type: ignore[attr-defined] # django-otp notes it in the session
    login(request, person, backend=_BACKEND)
    request.session[_BEGUN_AT] = request.session[_SEEN_AT] = db_now().timestamp()
    how = "a code" if authenticator is not None else "the password alone"
    audit.note(f"Signed in with {how}.", person)


def is_over(request: HttpRequest) -> bool:
    """Tell whether a session has lasted, or rested, too long; note that a person is there otherwise."""
    session, now = request.session, db_now().timestamp()
    begun = session.setdefault(_BEGUN_AT, now)
    seen = session.setdefault(_SEEN_AT, now)
    if now - begun > SESSION_LONGEST.total_seconds() or now - seen > SESSION_IDLE.total_seconds():
        return True
    # What a page fetches by itself, such as figures kept up to date, is no sign of a person.
    is_person = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if is_person and now - seen > _SEEN_EVERY.total_seconds():
        session[_SEEN_AT] = now
    return False
