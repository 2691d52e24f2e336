"""Which addresses may be connected to. Pure: no resolving, no connecting.

Source: the IANA special-purpose address registries for IPv4 and IPv6 (2026), RFC 6052 (NAT64), and the metadata
services of the large clouds.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from integrations.providers.errors import EgressDenied

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CLOSED_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and one cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's wire server, public by number
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# Public IPv6 lies in 2000::/3 alone; these parts of it don't lead to a public host, or wrap an IPv4 address.
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = [IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64 = IPv6Network("64:ff9b::/96")

_NUMERIC_LABEL = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9.])?\Z")


@dataclass(frozen=True, slots=True)
class Exemption:
    """A private or plain-http target that the installation allows."""

    network: Network
    port: int


def parse_exemption(entry: str) -> Exemption:
    """Return one EGRESS_ALLOW entry: `10.0.0.0/8:443`, `127.0.0.1:8069`, `[fd00::/8]:443`. Raises: ValueError."""
    network, _, port = entry.strip().rpartition(":")
    if network.startswith("[") != network.endswith("]") or (":" in network and not network.startswith("[")):
        raise ValueError(f"EGRESS_ALLOW: {entry!r} is not CIDR:port (IPv6 in brackets)")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"EGRESS_ALLOW: {entry!r} ends in no port from 1 to 65535")
    try:
        return Exemption(ip_network(network.strip("[]")), int(port))
    except ValueError as err:
        raise ValueError(f"EGRESS_ALLOW: {entry!r}: {err}") from err


@lru_cache
def exemptions(entries: tuple[str, ...]) -> tuple[Exemption, ...]:
    """Return all EGRESS_ALLOW entries. Raises: ValueError."""
    return tuple(parse_exemption(entry) for entry in entries)


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to a public host; translated forms count as what they lead to."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)
    return not any(address in network for network in _CLOSED_V4)


def check_address(text: str, port: int, *, is_plain: bool, allowed: tuple[Exemption, ...]) -> None:
    """Refuse an address that is not public, or any address over plain http, unless the installation allows it.

    Raises: EgressDenied.
    """
    try:
        address = ip_address(text)
    except ValueError as err:
        raise EgressDenied("The host's address could not be understood.") from err
    address = getattr(address, "ipv4_mapped", None) or address
    if any(exemption.port == port and address in exemption.network for exemption in allowed):
        return
    entry = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    if is_plain:
        raise EgressDenied(f"Plain http:// is not allowed; use https://, or add {entry} to EGRESS_ALLOW.")
    if not is_public(address):
        raise EgressDenied(f"{address} is not a public address; add {entry} to EGRESS_ALLOW if it is meant.")


def check_host(host: str) -> None:
    """Refuse host spellings that different programs read differently (`0x7f.1`, `2130706433`, `127.1`).

    Raises: EgressDenied.
    """
    if ":" in host:
        _check_literal(host)
        return
    if not _HOST.match(host) or ".." in host:
        raise EgressDenied("The address has no valid host name.")
    if _NUMERIC_LABEL.match(host.rstrip(".").rpartition(".")[2]):
        _check_literal(host)


def _check_literal(host: str) -> None:
    try:
        ip_address(host)
    except ValueError as err:
        raise EgressDenied("The host is a number in an unusual spelling; write a name or a plain IP address.") from err
    if "%" in host:
        raise EgressDenied("An address with a zone is not allowed.")
