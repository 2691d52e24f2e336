"""Names become addresses here."""

import socket
import threading

import httpcore2
from django.conf import settings

from integrations.egress.addresses import Exemption, exemptions
from integrations.providers import errors


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host; the one place where names are resolved. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve_within(host: str, port: int, seconds: float) -> list[str]:
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


def allowed() -> tuple[Exemption, ...]:
    """Return what the installation exempts. Raises: Misconfigured."""
    try:
        return exemptions(tuple(settings.EGRESS_ALLOW))
    except ValueError as err:
        raise errors.Misconfigured(str(err)) from err
