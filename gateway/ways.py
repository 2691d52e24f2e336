"""By which way a caller may come: HTTPS, its networks, its pages; a secret key seen elsewhere is marked as exposed."""

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from gateway import keys
from gateway.addresses import is_local_demo, is_within, parse_address
from gateway.models import Key, Session
from gateway.problems import SHOW_THE_HEADER, Problem
from runtime.clock import db_now

if TYPE_CHECKING:
    from gateway.authentication import Caller

logger = logging.getLogger(__name__)


def check(http: HttpRequest, caller: "Caller") -> None:
    """Refuse a caller that is switched off or came from where, or by a way, it may not."""
    if not caller.client.is_active:
        raise Problem(403, "client_inactive", "This client is switched off.", "Switch it on in the admin.")
    if not http.is_secure() and not is_local_demo(http):
        _expose(caller)
        detail = (
            "The request came over plain HTTP, where anybody on the way can read the key. Use https:// and a new key."
        )
        raise Problem(403, "https_required", "HTTPS is required.", detail)
    if _is_outside(caller):
        detail = f"This client may not call from {caller.address or 'an address that cannot be told'}."
        raise Problem(403, "address_not_allowed", "The address is not allowed.", detail)
    if caller.kind == "secret":
        _check_no_foreign_page(http, caller)
    elif caller.kind == "publishable":
        _check_listed_page(http, caller)
    elif caller.session is not None:
        _check_page_of(http, caller.session)


def _is_outside(caller: "Caller") -> bool:
    client = caller.client
    # A visitor is wherever visitors are; it was the client's server, inside, that vouched for them.
    if not client.networks or client.networks_report_only or caller.session is not None:
        return False
    return not is_within(parse_address(caller.address), client.networks)


def _check_no_foreign_page(http: HttpRequest, caller: "Caller") -> None:
    origin = http.META.get("HTTP_ORIGIN")
    if origin is None or is_local_demo(http) or is_own(http, origin):
        return
    _expose(caller)
    detail = "In a page everybody can read a secret key. Use a publishable key there, and replace this one."
    raise Problem(403, "secret_key_in_browser", "A secret key was used in a browser.", detail)


def _check_listed_page(http: HttpRequest, caller: "Caller") -> None:
    origin = http.META.get("HTTP_ORIGIN")
    if origin is not None and (origin in caller.client.origins or is_own(http, origin)):
        return
    detail = "A publishable key works only on the pages listed at its client; the Origin header names none of them."
    raise Problem(403, "origin_not_allowed", "The page is not allowed.", detail)


def _check_page_of(http: HttpRequest, session: Session) -> None:
    origin = http.META.get("HTTP_ORIGIN")
    # Browsers leave the header out where a page only reads from its own origin.
    if origin == session.origin or (origin is None and is_own(http, session.origin)):
        return
    detail = "This session belongs to another page: the one your server named as its origin."
    raise Problem(403, "origin_not_allowed", "The page is not allowed.", detail)


def is_own(http: HttpRequest, origin: str) -> bool:
    """Whether a page is one of ours, such as the API's documentation."""
    try:
        # get_host checks ALLOWED_HOSTS; without that, a name pointed at us would make any page our own.
        return origin == f"{http.scheme}://{http.get_host()}"
    except DisallowedHost:
        return False


def key_in_url(http: HttpRequest) -> Problem | None:
    """Return the refusal of a key that stands in the address; a whole secret key is marked as exposed."""
    address = f"{http.path}?{http.META.get('QUERY_STRING', '')}"
    text = unquote(address) if "%" in address else address
    if "sb_" not in text or not any(mark in text for mark in keys.MARKS.values()):
        return None
    found = keys.find_in(text)
    if found is not None:
        _expose_text(found)
    detail = f"A key stood in the address, where logs and histories keep it. {SHOW_THE_HEADER}"
    return Problem(400, "key_in_url", "A key must not stand in the address.", detail)


def _expose_text(text: str) -> None:
    try:
        parsed = keys.parse(text)
    except keys.MistypedKey:
        return
    key = Key.objects.with_digest(parsed.digest)
    if key is not None and key.kind == Key.Kind.SECRET:
        _mark_exposed(key)


def _expose(caller: "Caller") -> None:
    if caller.key is not None and caller.kind == "secret":
        _mark_exposed(caller.key)


def _mark_exposed(key: Key) -> None:
    if key.exposed_at is None and Key.objects.filter(pk=key.pk, exposed_at=None).update(exposed_at=db_now()):
        logger.warning("The secret key %s was seen where others can read it.", key.prefix)
