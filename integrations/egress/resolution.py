"""Names become addresses here, and no address leaves that has not been checked."""

import socket
import threading

import httpcore2
from django.conf import settings

from integrations.egress.addresses import Exemption, check_address, exemptions
from integrations.providers import errors


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host; the one place where names are resolved. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _resolve_within(host: str, port: int, seconds: float) -> list[str]:
    """Resolve in a thread of its own: the system's resolver knows no time limit."""
    answer: list[list[str] | Exception] = []

    def ask() -> None:
        try:
            answer.append(resolve(host, port))
        except (OSError, UnicodeError) as err:
            answer.append(err)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answer:
        raise httpcore2.ConnectTimeout(f"The name {host} was not resolved in time.")
    found = answer[0]
    if isinstance(found, Exception) or not found:
        raise httpcore2.ConnectError(f"The name {host} could not be resolved.")
    return found


def checked(host: str, port: int, seconds: float, *, is_plain: bool) -> list[str]:
    """Return every address of a host, if each may be connected to: which of them is taken, chance would decide.

    Raises: EgressDenied, Misconfigured, and httpcore2's ConnectError and ConnectTimeout where the name leads nowhere.
    """
    found = _resolve_within(host, port, seconds)
    allowed = _allowed()
    for address in found:
        check_address(address, port, is_plain=is_plain, allowed=allowed)
    return found


def _allowed() -> tuple[Exemption, ...]:
    try:
        return exemptions(tuple(settings.EGRESS_ALLOW))
    except ValueError as err:
        raise errors.Misconfigured(str(err)) from err
