"""Base addresses as people enter them: what is well formed, and what we would connect to."""

from contextlib import suppress
from urllib.parse import unquote

import httpcore2
import httpx2

from integrations.egress.addresses import check_host
from integrations.egress.deadline import CONNECT_SECONDS
from integrations.egress.resolution import checked
from integrations.providers import errors


def parse_base(url: str) -> httpx2.URL:
    """Return a base address that is well formed. Raises: EgressDenied with words for a person."""
    try:
        base = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as err:
        raise errors.EgressDenied("This is not a web address.") from err
    if base.scheme not in {"http", "https"} or not base.raw_host:
        raise errors.EgressDenied("The address must start with https:// and name a host.")
    if base.userinfo or base.query or base.fragment or "\\" in url or "?" in url or "#" in url:
        raise errors.EgressDenied("The address must hold no user name, no “?”, no “#” and no backslash.")
    if base.port is not None and not 0 < base.port < 65536:
        raise errors.EgressDenied("The port must be a number from 1 to 65535.")
    if any(ord(char) < 33 for char in url) or ".." in unquote(url):
        raise errors.EgressDenied("The address must hold no spaces and no “..”.")
    check_host(base.raw_host.decode("ascii"))
    return base


def check_url(url: str) -> None:
    """Refuse an address we would not connect to; a name that can't be resolved now is left to “Test connection”.

    Raises: EgressDenied with words for a person.
    """
    base = parse_base(url)
    host, is_plain = base.raw_host.decode("ascii"), base.scheme == "http"
    with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
        checked(host, _port(base), CONNECT_SECONDS, is_plain=is_plain)


def _port(base: httpx2.URL) -> int:
    return base.port or (443 if base.scheme == "https" else 80)


def check_binding(base: httpx2.URL, bound_to: str) -> None:
    host = base.host.lower()
    if bound_to and bound_to.lower() not in {host, f"{host}:{_port(base)}"}:
        raise errors.EgressDenied(f"The credential belongs to {bound_to} and is not sent to {base.host}.")
