"""From where the admin may be opened: networks of its own, apart from those of the clients."""

from collections.abc import Callable, Iterable

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from gateway import key_cache
from gateway.addresses import is_within, parse_address
from gateway.models import AdminNetwork
from gateway.paths import is_admin

_CACHED_AS = "networks of the admin"


class WouldLockOut(ValueError):
    """The change would keep out whoever makes it; the message says from where they come."""


class AdminAccessMiddleware:
    """Keeps everybody out of the admin who comes from elsewhere, before anything else is looked at."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_admin(request.path) or is_open_to(request.address, _networks()):  # type: ignore[attr-defined]
            return self._get_response(request)
        address = request.address  # type: ignore[attr-defined]
        return render(request, "gateway/not_from_here.html", {"address": address}, status=403)


def is_open_to(address: str, networks: Iterable[str]) -> bool:
    """Whether somebody at this address may open the admin; an address nobody can tell is in no network."""
    networks = tuple(networks)
    return not networks or is_within(parse_address(address), networks)


def network_put(network: AdminNetwork, *, by: str) -> None:
    """Add or change a network of the admin. Raises: WouldLockOut for a person `by` whose address would be outside."""
    others = AdminNetwork.objects.exclude(pk=network.pk).values_list("network", flat=True)
    check([*others, network.network], by)
    network.save()
    key_cache.forget(_CACHED_AS)


def network_remove(network: AdminNetwork, *, by: str) -> None:
    """Take a network away; without the last one the admin is open to every address. Raises: WouldLockOut."""
    check(list(AdminNetwork.objects.exclude(pk=network.pk).values_list("network", flat=True)), by)
    network.delete()
    key_cache.forget(_CACHED_AS)


def networks_clear() -> int:
    """Open the admin to every address again, for whoever has the machine; return how many networks went."""
    gone, _ = AdminNetwork.objects.all().delete()
    key_cache.forget(_CACHED_AS)
    return gone


def check(networks: Iterable[str], by: str) -> None:
    """Look whether these networks let in whoever sets them. Raises: WouldLockOut."""
    if not is_open_to(by, networks):
        raise WouldLockOut(
            f"You come from {by or 'an address that cannot be told'}, so this would lock you out. "
            "Have a network stand here that your address is in, first."
        )


def _networks() -> tuple[str, ...]:
    return key_cache.find(_CACHED_AS, _load) or ()


def _load(name: str) -> tuple[str, ...]:
    return tuple(AdminNetwork.objects.values_list("network", flat=True))
