"""Endpoints of a connector: listed, picked from an API's description, defined, tried."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminFileFieldWidget

from integrations import endpoints, openapi, suggestions
from integrations.endpoint_forms import EndpointForm, samples_of
from integrations.models import Connector
from integrations.openapi import Details
from integrations.providers import errors
from integrations.providers.base import ContactSink
from integrations.providers.endpoints import USES, Endpoint, Use, endpoints_of
from integrations.providers.registry import PROVIDERS, is_able, provider_class
from runtime.admin import PageAdmin

_MOST_SHOWN = 100
_REQUEST = ("label", "name", "arguments", "method", "path", "query", "has_personal_address")
_SELDOM = ("missing_if", "failed_if", "headers")
_LEADS = ("lead", "lead_update")


def defines_endpoints(connector: Connector) -> bool:
    """Tell whether what a connector can do is defined here."""
    return connector.provider in PROVIDERS and provider_class(connector.provider).has_endpoints


class DocumentForm(forms.Form):
    """An API's description."""

    file = forms.FileField(
        label="OpenAPI 3 document",
        help_text="JSON up to 5 MB, YAML up to 1 MB.",
        widget=UnfoldAdminFileFieldWidget,
    )

    def clean_file(self) -> dict[str, Any]:
        """Read it, or say why it can't be read."""
        upload = self.cleaned_data["file"]
        if upload.size > openapi.MOST_BYTES:
            raise forms.ValidationError("The document is larger than 5 MB.")
        try:
            return openapi.read(upload.read())
        except openapi.NotADocument as err:
            raise forms.ValidationError(str(err)) from err


class EndpointPages:
    """The pages below a connector's own; who may change the connector may use them."""

    def __init__(self, admin: PageAdmin) -> None:
        self._admin = admin

    def urls(self) -> list[URLPattern]:
        """Return their addresses."""
        pages = {
            "": ("list", self.list_view),
            "pick/": ("pick", self.pick_view),
            "address/": ("address", self.address_view),
            "new/": ("new", self.new_view),
            "change/<slug:name>/": ("change", self.change_view),
            "remove/<slug:name>/": ("remove", self.remove_view),
        }
        wrap = self._admin.admin_site.admin_view
        return [
            path(f"<uuid:pk>/endpoints/{below}", wrap(view), name=f"integrations_endpoint_{name}")
            for below, (name, view) in pages.items()
        ]

    def list_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Show what is defined, and take an API's description."""
        connector = self._connector(request, pk)
        form = DocumentForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            endpoints.document_keep(connector=connector, document=form.cleaned_data["file"])
            return HttpResponseRedirect(_at("pick", connector))
        rows = [
            {
                "endpoint": each,
                "use": USES[each.use].label,
                "address": _at("change", connector, each.name),
            }
            for each in endpoints_of(connector.config)
        ]
        taken = {each.use for each in endpoints_of(connector.config)}
        by_hand = [
            {"label": use.label, "address": f"{_at('new', connector)}?{urlencode({'use': key})}"}
            for key, use in USES.items()
            if use.is_named or key not in taken
        ]
        context = {
            "rows": rows,
            "form": form,
            "by_hand": by_hand,
            "pick": _at("pick", connector) if endpoints.document_of(connector) else "",
            "waits_for_tick": is_able(connector, ContactSink) and "upsert" not in connector.operations,
        }
        return self._page(request, "integrations/endpoints.html", connector, "What it can do", context)

    def pick_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Show the operations of the description, each with what it seems to be for."""
        connector = self._connector(request, pk)
        document = endpoints.document_of(connector)
        if document is None:
            self._admin.say(request, "The description is no longer kept. Upload it once more.", is_good=False)
            return HttpResponseRedirect(_at("list", connector))
        search = request.GET.get("q", "")[:100]
        found = openapi.operations(document, search)
        rows = [
            {
                "operation": each,
                "use": USES[suggestions.guess(each)].label,
                "address": f"{_at('new', connector)}?{urlencode({'operation': each.key})}",
            }
            for each in found[:_MOST_SHOWN]
        ]
        server = openapi.server(document)
        context = {
            "rows": rows,
            "search": search,
            "count": len(found),
            "back": _at("list", connector),
            "server": "" if server.rstrip("/") == connector.base_url.rstrip("/") else server,
            "address_action": _at("address", connector),
        }
        return self._page(request, "integrations/pick_operation.html", connector, "Pick an operation", context)

    def address_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Use the address that the description names, if we may connect to it and the credential belongs there."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        connector = self._connector(request, pk)
        server = openapi.server(endpoints.document_of(connector) or {})
        if server != request.POST.get("server"):
            words = "Another description was uploaded meanwhile. Look at the address it names, then press again."
            self._admin.say(request, words, is_good=False)
            return HttpResponseRedirect(_at("pick", connector))
        try:
            endpoints.address_take(connector=connector, url=server)
        except errors.EgressDenied as err:
            self._admin.say(request, err.words, is_good=False)
        else:
            self._admin.log_change(request, connector, f"Base address from the description: {server}.")
            self._admin.say(request, f"{connector} is asked at {server} from now on.")
        return HttpResponseRedirect(_at("pick", connector))

    def new_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Define an endpoint, by hand or from an operation that was picked."""
        connector = self._connector(request, pk)
        key, use, details = request.GET.get("operation", "")[:400], request.GET.get("use", ""), None
        if key:
            details = openapi.details(endpoints.document_of(connector) or {}, key)
            if details is None:
                self._admin.say(request, "The description is no longer kept. Upload it once more.", is_good=False)
                return HttpResponseRedirect(_at("list", connector))
            use = use if use in USES else suggestions.guess(details.operation)
            drafted = suggestions.draft(details, use)
        elif use in USES:
            drafted = Endpoint("" if USES[use].is_named else use, USES[use].label, use, _METHODS.get(use, "GET"))
        else:
            raise Http404
        return self._form(request, connector, drafted, details)

    def change_view(self, request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponse:
        """Change an endpoint."""
        connector = self._connector(request, pk)
        known = next((each for each in endpoints_of(connector.config) if each.name == name), None)
        if known is None:
            raise Http404
        return self._form(request, connector, known, replaces=name)

    def remove_view(self, request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponse:
        """Remove an endpoint."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        connector = self._connector(request, pk)
        endpoints.endpoint_drop(connector=connector, name=name)
        self._admin.log_change(request, connector, f"Endpoint {name} removed.")
        self._admin.say(request, f"{name} is removed.")
        return HttpResponseRedirect(_at("list", connector))

    def _form(
        self,
        request: HttpRequest,
        connector: Connector,
        endpoint: Endpoint,
        details: Details | None = None,
        replaces: str = "",
    ) -> HttpResponse:
        form = EndpointForm(request.POST or None, endpoint=endpoint, details=details)
        trial = None
        if request.method == "POST" and form.is_valid():
            if "_try" in request.POST:
                trial = endpoints.endpoint_try(
                    connector=connector, endpoint=form.endpoint, replaces=replaces, told=form.samples()
                )
            elif self._save(request, connector, form, replaces):
                return HttpResponseRedirect(_at("list", connector))
        use = USES[endpoint.use]
        context = {
            "form": form,
            "parts": _parts(form, use),
            "use": use,
            "trial": trial,
            "samples": [
                {"name": name, "value": request.POST.get(f"sample-{name}", "")} for name in samples_of(form.endpoint)
            ],
            "is_change": use.changes,
            "is_stored": bool(replaces),
            "remove_address": _at("remove", connector, replaces) if replaces else "",
            "fields_address": _fields_address(connector) if endpoint.use in _LEADS else "",
            "other_uses": _other_uses(connector, details, endpoint.use) if details else [],
            "described": details.operation if details else None,
            "back": _at("list", connector),
        }
        return self._page(request, "integrations/endpoint.html", connector, use.label, context)

    def _save(self, request: HttpRequest, connector: Connector, form: EndpointForm, replaces: str) -> bool:
        try:
            endpoints.endpoint_save(connector=connector, endpoint=form.endpoint, replaces=replaces)
        except errors.Misconfigured as err:
            form.add_error(None, err.words)
            return False
        self._admin.log_change(request, connector, f"Endpoint {form.endpoint.name} defined.")
        self._admin.say(request, f"“{form.endpoint.label}” is defined. {_NEXT.get(form.endpoint.use, '')}".strip())
        return True

    def _connector(self, request: HttpRequest, pk: uuid.UUID) -> Connector:
        if not self._admin.has_change_permission(request):
            raise PermissionDenied
        found = Connector.objects.select_related("credential").filter(pk=pk).first()
        if found is None or not defines_endpoints(found):
            raise Http404
        return found

    def _page(
        self, request: HttpRequest, template: str, connector: Connector, title: str, context: Mapping[str, Any]
    ) -> HttpResponse:
        request.current_app = self._admin.admin_site.name
        request.page_title = f"{connector}: {title}"  # type: ignore[attr-defined] # for the header
        change = reverse("admin:integrations_connector_change", args=(connector.pk,))
        shared = {
            **self._admin.admin_site.each_context(request),
            "opts": self._admin.opts,
            "title": f"{connector}: {title}",
            "connector": connector,
            "connector_address": change,
        }
        return TemplateResponse(request, template, {**shared, **context})


def _parts(form: EndpointForm, use: Use) -> list[dict[str, Any]]:
    """Return the form's parts: `{"title", "fields", "is_folded"}`; what few need is folded while it is empty."""
    body = ("body",)
    seldom = (*(() if use.changes else body), *_SELDOM)
    named = (
        ("The request", (*_REQUEST, *(body if use.changes else ()))),
        ("The answer", ("record", "answer", "missing_status")),
        ("Sending it twice", ("effect", "idempotency_header")),
        ("Seldom needed", seldom),
    )
    parts = []
    for title, names in named:
        fields = [form[name] for name in names if name in form.fields]
        is_used = any(field.value() or field.errors for field in fields)
        if fields:
            parts.append({"title": title, "fields": fields, "is_folded": names is seldom and not is_used})
    return parts


_METHODS = {"lead": "POST", "lead_update": "PUT", "erase": "DELETE", "write": "POST"}
_NEXT = {
    "lead": "Look at its fields, then tick on the connector’s page that it writes leads.",
    "read": "An intent can answer from it.",
}


def _at(page: str, connector: Connector, *more: str) -> str:
    return reverse(f"admin:integrations_endpoint_{page}", args=(connector.pk, *more))


def _fields_address(connector: Connector) -> str:
    return f"{reverse('admin:integrations_mappingversion_changelist')}?connector__id__exact={connector.pk}"


def _other_uses(connector: Connector, details: Details, use: str) -> list[dict[str, str]]:
    """Return ways to draft the same operation for another use that its method allows."""
    reads = details.operation.method in {"GET", "POST"}
    fitting = [key for key, each in USES.items() if key != use and (reads or each.changes)]
    if details.operation.method == "GET":
        fitting = [key for key in fitting if not USES[key].changes]
    return [
        {
            "label": USES[key].label,
            "address": f"{_at('new', connector)}?{urlencode({'operation': details.operation.key, 'use': key})}",
        }
        for key in fitting
    ]
