"""What may be written into a client's lists."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from gateway.addresses import parse_network
from gateway.scopes import SCOPES


def validate_scopes(scopes: Iterable[str]) -> None:
    """Accept known scopes only. Raises: ValidationError that names the unknown ones."""
    unknown = sorted(set(scopes) - SCOPES.keys())
    if unknown:
        raise ValidationError(f"Unknown: {', '.join(unknown)}. Known scopes: {', '.join(SCOPES)}.")


def validate_networks(networks: Iterable[str]) -> None:
    """Accept addresses and networks (CIDR). Raises: ValidationError that names the wrong ones."""
    wrong = [network for network in networks if parse_network(network) is None]
    if wrong:
        raise ValidationError(f"Not a network: {', '.join(wrong)}. Write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.")


def validate_network(network: str) -> None:
    """Accept one address or network (CIDR). Raises: ValidationError."""
    validate_networks([network])


def validate_origins(origins: Iterable[str]) -> None:
    """Accept origins as browsers send them. Raises: ValidationError that names the wrong ones."""
    wrong = [origin for origin in origins if not _is_origin(origin)]
    if wrong:
        raise ValidationError(f"Not an origin: {', '.join(wrong)}. Write https://shop.example, without a path.")


def is_redirect_address(text: str) -> bool:
    """Whether people may be sent back there after they signed in: over HTTPS, or to their own machine (RFC 8252)."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    is_plain = not (parts.fragment or parts.username or parts.password or "*" in text or not text.isprintable())
    is_local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    return is_plain and " " not in text and bool(parts.hostname) and (parts.scheme == "https" or is_local)


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and text == f"{parts.scheme}://{parts.netloc}".lower()
    )
