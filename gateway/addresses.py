"""Where a request comes from: the peer, trusted proxies, networks."""

import functools
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@functools.lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Return an address, an IPv4 one mapped into IPv6 as IPv4; None for anything that isn't plainly an address."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return None
        return address.ipv4_mapped or address
    return address


@functools.lru_cache(maxsize=1024)
def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks (CIDR) among the texts; what isn't one admits nobody."""
    return tuple(network for text in texts if (network := parse_network(text)) is not None)


def parse_network(text: str) -> Network | None:
    """Return a network or single address in CIDR form, None if the text isn't one (host bits set count as wrong)."""
    try:
        return ip_network(text.strip())
    except ValueError:
        return None


def is_within(address: Address | None, networks: Iterable[str]) -> bool:
    """Whether the address lies in one of the networks; an unknown address lies in none."""
    return address is not None and any(address in network for network in parse_networks(tuple(networks)))


def client_address(environ: Mapping[str, Any]) -> Address | None:
    """Return who calls, seen past the trusted proxies; None where that cannot be told.

    `X-Forwarded-For` counts only when the peer is in TRUSTED_PROXIES and is read from the right: the first address
    that isn't a trusted proxy is the caller; a part that isn't an address ends the reading with None.
    A proxy must drop a client's own `X_Forwarded_For` (underscores): WSGI gives both spellings one name.
    """
    address = parse_address(environ.get("REMOTE_ADDR") or "")
    if not settings.TRUSTED_PROXIES or not is_within(address, settings.TRUSTED_PROXIES):
        return address
    for part in reversed(environ["HTTP_X_FORWARDED_FOR"].split(",") if "HTTP_X_FORWARDED_FOR" in environ else []):
        address = parse_address(part)
        if address is None or not is_within(address, settings.TRUSTED_PROXIES):
            break
    return address


def forwarded_scheme(environ: Mapping[str, Any]) -> str | None:
    """Return "https" or "http" as the trusted proxy in front of us says, None where there is none.

    Where several proxies have spoken, one plain hop makes the whole way plain.
    """
    said = environ.get("HTTP_X_FORWARDED_PROTO")
    if not said or not is_within(parse_address(environ.get("REMOTE_ADDR") or ""), settings.TRUSTED_PROXIES):
        return None
    return "https" if all(part.strip().lower() == "https" for part in said.split(",")) else "http"


def whole_address(environ: Mapping[str, Any]) -> str:
    """Return the address of a request as its sender wrote it, seen past the trusted proxies: some sign it.

    It says nothing about who we are: only whoever checks a signature over it may go by it.
    """
    scheme = forwarded_scheme(environ) or str(environ.get("wsgi.url_scheme") or "http")
    host = str(environ.get("HTTP_HOST") or environ.get("SERVER_NAME") or "")
    if is_within(parse_address(environ.get("REMOTE_ADDR") or ""), settings.TRUSTED_PROXIES):
        # Each proxy adds the name it was called by; the sender called the first.
        host = str(environ.get("HTTP_X_FORWARDED_HOST") or "").partition(",")[0].strip() or host
    path = quote(f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}".encode("latin-1", "replace"), "/~")
    query = str(environ.get("QUERY_STRING") or "")
    return f"{scheme}://{host}{path}{'?' if query else ''}{query}"


def is_local_demo(request: HttpRequest) -> bool:
    """Whether this is demo mode and the request comes from this very machine, not through a proxy on it."""
    if not settings.DEMO_MODE or "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    peer = parse_address(request.META.get("REMOTE_ADDR") or "")
    return peer is not None and peer.is_loopback
