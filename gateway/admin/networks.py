"""Networks: from where the admin may be opened, and whom a client's list keeps out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from gateway import admin_access
from gateway.addresses import is_within, parse_address
from gateway.models import AdminNetwork, Client, RequestLog
from gateway.request_log import BY_SESSION
from runtime.admin import PageAdmin
from runtime.clock import db_now

DAYS = 7
MOST_CALLS = 50_000
_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ShutOut:
    """Who called from outside a client's networks of late: `shown` are `(address, calls, last call)`."""

    calls: int
    outside: int
    addresses: int
    shown: Sequence[tuple[str, int, datetime]]


def shut_out(client: Client) -> ShutOut | None:
    """Return whom the list keeps out, or would, by the request log of the last days; None where there is no list."""
    if not client.networks:
        return None
    calls = RequestLog.objects.filter(client=client, at__gte=db_now() - timedelta(days=DAYS)).exclude(
        key_prefix=BY_SESSION  # visitors are wherever they are; no list is about them
    )
    newest = calls.order_by("-at").values_list("address", flat=True)[:MOST_CALLS]
    counts = Counter(newest)
    outside = Counter({each: n for each, n in counts.items() if not is_within(parse_address(each), client.networks)})
    most = outside.most_common(_MOST_SHOWN)
    last = dict(
        calls.filter(address__in=[each for each, _ in most]).order_by().values_list("address").annotate(Max("at"))
    )
    shown = [(each or "unknown", n, last[each]) for each, n in most]
    return ShutOut(counts.total(), outside.total(), len(outside), shown)


class AdminNetworkForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """A network, checked against the address of whoever adds it."""

    class Meta:
        model = AdminNetwork
        fields = ("network", "note")
        help_texts = {
            "network": "An address or a network, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.",
            "note": "Whose it is, so that people know later.",
        }

    address = ""

    def clean(self) -> dict[str, Any]:
        """Refuse what would lock out the person who saves."""
        values = super().clean() or {}
        others = AdminNetwork.objects.exclude(pk=self.instance.pk).values_list("network", flat=True)
        if "network" in values:
            try:
                admin_access.check([*others, values["network"]], self.address)
            except admin_access.WouldLockOut as err:
                raise ValidationError(str(err)) from err
        return values


@admin.register(AdminNetwork)
class AdminNetworkAdmin(PageAdmin):
    """From where people may open the admin."""

    form = AdminNetworkForm
    list_display = ("network", "note")
    search_fields = ("network", "note")
    ordering = ("network",)
    empty_words = "People may sign in from anywhere. Add the network you are in, and only those listed here may."

    def opening(self, record: AdminNetwork) -> str:
        """Say what the list does."""
        return "Only the networks listed here open the admin; the API has those of each client."

    def opening_new(self, request: HttpRequest) -> str:
        """Say what adding the first one does, and where the person is."""
        address = request.address  # type: ignore[attr-defined]
        return f"From the first network on, only those listed open the admin. You come from {address or 'nowhere'}."

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Tell the form from where the person comes."""
        form = super().get_form(request, obj, change, **options)
        return type(form.__name__, (form,), {"address": request.address})  # type: ignore[attr-defined]

    def get_actions(self, request: HttpRequest) -> Any:
        """Networks go one by one: each is checked."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: AdminNetwork, form: Any, change: bool) -> None:
        """Write it through its service."""
        admin_access.network_put(obj, by=request.address)  # type: ignore[attr-defined]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Refuse what would lock out the person who deletes."""
        try:
            answer: HttpResponse = super().delete_view(request, object_id, extra_context)
        except admin_access.WouldLockOut as err:
            self.say(request, str(err), is_good=False)
            return HttpResponseRedirect(reverse("admin:gateway_adminnetwork_change", args=(object_id,)))
        return answer

    def delete_model(self, request: HttpRequest, obj: AdminNetwork) -> None:
        """Delete it through its service."""
        admin_access.network_remove(obj, by=request.address)  # type: ignore[attr-defined]
