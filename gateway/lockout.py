"""Wrong passwords: whoever sends many has to wait, and nobody else does.

Counted by name and network together, and slower by network alone; never by name alone, or a stranger could keep a
person out. A browser in which somebody has signed in before counts by itself, so that what others on the same network
do doesn't touch it. The counters are in the cache: exact across processes, gone by themselves, and a stranger's guesses
write nothing to the database.
"""

import hashlib
import logging
import math
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address
from typing import Any

from axes.handlers.base import AxesHandler
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from gateway.addresses import parse_address
from runtime.clock import db_now

logger = logging.getLogger(__name__)

BROWSER_COOKIE = "shopbotly_browser"
_BROWSER_KEPT = timedelta(days=180)
# One household or office has at least a /64 of IPv6: a single address there says nothing.
_IPV6_BITS = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """So many wrong passwords within a time, and it is as long until the next one counts."""

    failures: int
    period: timedelta


PERSON = Limit(5, timedelta(minutes=15))
NETWORK = Limit(50, timedelta(hours=1))


class Handler(AxesHandler):  # type: ignore[misc] # axes has no types
    """What django-axes asks before a password is looked at and tells afterwards."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Tell whether this attempt has to wait."""
        return seconds_left(request, _name_in(credentials)) > 0

    def user_login_failed(
        self, sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **rest: Any
    ) -> None:
        """Count a wrong password; an attempt that wasn't let through doesn't count."""
        if request is None:
            return
        name = _name_in(credentials)
        if not seconds_left(request, name):
            count_failure(request, name)
        if seconds_left(request, name):
            request.axes_locked_out = True  # type: ignore[attr-defined] # has axes show the page below
            request.axes_credentials = credentials  # type: ignore[attr-defined]

    def user_logged_in(self, sender: object, request: HttpRequest, user: Any, **rest: Any) -> None:
        """Start this person's count anew; the network's stays, or one account would clear the way to the others."""
        with _Forgiving():
            key, _ = next(_counters(request, user.get_username()))
            cache.delete_many([key, f"{key}:until"])


def address_of(request: HttpRequest) -> str | None:
    """Return where a request comes from, as the rest of the product sees it."""
    return getattr(request, "address", "") or None


def seconds_left(request: HttpRequest, name: str) -> int:
    """Return how long the next attempt at this name has to wait from here; 0 where it need not."""
    now = db_now().timestamp()
    with _Forgiving():
        ends = [int(cache.get(f"{key}:until", 0)) for key, _ in _counters(request, name)]
        return max(0, *(math.ceil(end - now) for end in ends))
    return 0


def count_failure(request: HttpRequest, name: str) -> None:
    """Count a wrong password."""
    now = db_now()
    with _Forgiving():
        for key, limit in _counters(request, name):
            seconds = limit.period.total_seconds()
            # `add` and `incr`, not a read and a write: guesses at the same moment all count, and the time runs from the
            # first of them.
            if cache.add(key, 1, seconds) or cache.incr(key) < limit.failures:
                continue
            cache.set(f"{key}:until", int((now + limit.period).timestamp()), seconds)
            cache.delete(key)
            logger.warning("Too many wrong passwords, so their sender has to wait %d minutes.", seconds // 60)


def unlock(*, name: str = "", address: str = "") -> None:
    """Let a person, or everybody at an address, try again at once."""
    if name:
        # Which networks have tried this name is not known; under a new number none of their counters is found.
        cache.set(_generation_key(name), secrets.token_hex(4), None)
    if address:
        key = _network_key(address)
        cache.delete_many([key, f"{key}:until"])


def page(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """Say how long to wait, and what to do if it can't wait."""
    seconds = seconds_left(request, _name_in(credentials))
    ends_at = timezone.localtime(db_now() + timedelta(seconds=seconds))
    context = {"title": "Please wait", "minutes": max(1, -(-seconds // 60)), "ends_at": ends_at}
    answer = render(request, "admin/sign_in/locked.html", context, status=429)
    answer["Retry-After"] = str(max(1, seconds))
    answer["Cache-Control"] = "no-store"
    return answer


def remember_browser(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """Have the browser's attempts at this name counted by themselves from now on."""
    if known_browser(request, name):
        return
    value = signing.dumps([_digest(name), secrets.token_hex(16)], salt=BROWSER_COOKIE)
    response.set_cookie(
        BROWSER_COOKIE,
        value,
        max_age=_BROWSER_KEPT,
        path="/admin/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def known_browser(request: HttpRequest, name: str) -> str:
    """Return the browser's mark where this person has signed in with it before, else nothing."""
    sent = request.COOKIES.get(BROWSER_COOKIE, "")
    try:
        whose, mark = signing.loads(sent, salt=BROWSER_COOKIE, max_age=_BROWSER_KEPT)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(mark) if whose == _digest(name) else ""


def _counters(request: HttpRequest, name: str) -> Iterator[tuple[str, Limit]]:
    """Return what an attempt counts towards: the person's counter first."""
    person = f"sign-in:{_digest(name)}:{cache.get(_generation_key(name), '')}"
    if browser := known_browser(request, name):
        yield f"{person}:{browser}", PERSON
        return
    network = _network_key(address_of(request) or "unknown")
    yield f"{person}:{network}", PERSON
    yield network, NETWORK


def _network_key(address: str) -> str:
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return f"sign-in:{int(parsed) >> (128 - _IPV6_BITS):x}::"
    return f"sign-in:{parsed or 'unknown'}"


def _generation_key(name: str) -> str:
    return f"sign-in:{_digest(name)}:generation"


def _digest(name: str) -> str:
    return hashlib.sha256(name.strip().casefold().encode()).hexdigest()[:32]


def _name_in(credentials: dict[str, Any] | None) -> str:
    return str((credentials or {}).get("username") or "")


class _Forgiving:
    """A cache that is down must not keep everybody out: then nothing is counted, and the second factor holds alone."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        logger.error("The cache does not count wrong passwords; nobody has to wait until it does.", exc_info=error)
        return True
