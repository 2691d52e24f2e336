"""Mappings: which of a vendor's fields are filled with what, in versions that are tried before they are used."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from integrations import mappings, schemas
from integrations.dry_run import try_on_newest
from integrations.mapping import Row
from integrations.mapping_checks import Finding, check_against
from integrations.mapping_forms import mapping_form
from integrations.mapping_functions import FUNCTIONS
from integrations.models import Connector, MappingVersion
from integrations.providers import errors
from integrations.providers.base import ContactSink, VendorField
from integrations.providers.registry import PROVIDERS, is_able, provider_class
from runtime.admin import PageAdmin, button
from runtime.display import ago, badge

State = MappingVersion.State
_COLOURS = {State.DRAFT: "waiting", State.IN_USE: "active", State.RETIRED: "off"}


@admin.register(MappingVersion)
class MappingVersionAdmin(PageAdmin):
    """Versions of mappings."""

    list_display = ("connector", "number", "shown_state", "note", "changed_by", "shown_changed")
    list_filter = ("state", "connector")
    list_select_related = ("connector",)
    search_fields = ("connector__name", "note")
    empty_words = "Every connector fills the usual fields. Make a version here to fill others."
    buttons = ("try_out", "publish", "use_again")
    change_form_template = "integrations/mapping.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[MappingVersion]:
        """Bring the connectors along."""
        rows: QuerySet[MappingVersion] = super().get_queryset(request).select_related("connector")
        return rows

    @admin.display(description="state", ordering="state")
    def shown_state(self, version: MappingVersion) -> SafeString:
        """Whether it is in use."""
        return badge(_COLOURS[State(version.state)], version.get_state_display())

    @admin.display(description="changed", ordering="changed_at")
    def shown_changed(self, version: MappingVersion) -> SafeString:
        """When it was changed last."""
        return ago(version.changed_at)

    @admin.display(description="fields")
    def shown_rows(self, version: MappingVersion) -> SafeString:
        """Its rows as sentences, for those who may only look."""
        return format_html_join("", "<div>{}</div>", ((_said(row),) for row in mappings.rows(version)))

    def has_delete_permission(self, request: HttpRequest, obj: MappingVersion | None = None) -> bool:
        """What was in use tells what was sent: only drafts go."""
        if obj is not None and obj.state != State.DRAFT:
            return False
        return bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out deleting many at once."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the connectors to choose from, or the rows that the chosen one begins with."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if _asked_for(request) is not None:
            answer: HttpResponse = super().add_view(request, form_url, extra_context)
            return answer
        found = [row for row in Connector.objects.order_by("name") if is_able(row, ContactSink)]
        choices = [
            {
                "query": urlencode({"connector": connector.pk}),
                "name": connector.name,
                "able": provider_class(connector.provider).name,
            }
            for connector in found
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Whose fields?",
            "choices": choices,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/choose_provider.html", context)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Ask the vendor for its fields before the page's transaction begins."""
        version = self.get_object(request, object_id) if object_id else None
        connector = version.connector if version else _asked_for(request)
        if connector is not None and self.has_change_permission(request):
            fields, words = _fields_now(connector)
            request.vendor_fields, request.fields_unknown = fields, words  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_fieldsets(self, request: HttpRequest, obj: MappingVersion | None = None) -> Any:
        """Show the table to those who may change it, sentences to the others."""
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("connector", "shown_rows", "note")}),)
        return ((None, {"fields": ("rows", "note")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: MappingVersion | None = None) -> Any:
        """Sentences, for those who may only look."""
        return () if obj is None or self.has_change_permission(request, obj) else ("connector", "shown_rows")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Fill the table with the version's rows, a new one with those in use."""
        if obj is not None and not self.has_change_permission(request, obj):
            return super().get_form(request, obj, change, **options)
        connector = obj.connector if obj is not None else _asked_for(request)
        if connector is None:
            raise Http404
        rows = mappings.rows(obj) if obj is not None else mappings.rows_in_use(connector)
        options["form"] = mapping_form(rows, getattr(request, "vendor_fields", []), _vendor(connector))
        return super().get_form(request, obj, change, **options)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> MappingVersion:
        """Let the service store it: a draft is changed, of anything else a new draft is made."""
        form.save_m2m = lambda: None
        rows = [Row.of(stored) for stored in form.cleaned_data["rows"]]
        told: dict[str, Any] = {"rows": rows, "note": form.cleaned_data["note"], "by": str(request.user)[:150]}
        if change:
            return mappings.mapping_change(version=form.instance, **told)
        connector = _asked_for(request)
        if connector is None:
            raise Http404
        return mappings.mapping_draft(connector=connector, operation=mappings.UPSERT, **told)

    def save_model(self, request: HttpRequest, obj: MappingVersion, form: Any, change: bool) -> None:
        """The service has stored it."""

    def response_add(self, request: HttpRequest, obj: MappingVersion, post_url_continue: Any = None) -> HttpResponse:
        """Stay with the draft: it is not in use yet."""
        self.say(request, f"Version {obj.number} is a draft. Try it, then publish it.")
        return HttpResponseRedirect(_address(obj))

    def response_change(self, request: HttpRequest, obj: MappingVersion) -> HttpResponse:
        """Stay with the draft, which may be a new one."""
        return self.response_add(request, obj)

    def opening_new(self, request: HttpRequest) -> str:
        """Say whose fields they are."""
        connector = _asked_for(request)
        return f"A new version for {connector}. Nothing changes until it is published." if connector else ""

    def opening(self, record: MappingVersion) -> str:
        """Say whether it is in use, and what saving does."""
        if record.state == State.DRAFT:
            return "A draft: nothing is sent by it until it is published."
        in_use = "In use" if record.state == State.IN_USE else "Was in use before"
        return f"{in_use}. Saving a change makes a new draft; this version stays as it is."

    def page_context(self, request: HttpRequest, record: MappingVersion) -> Mapping[str, Any]:
        """What the vendor would say to it."""
        fields = getattr(request, "vendor_fields", [])
        findings = check_against(mappings.rows(record), fields, _vendor(record.connector)) if fields else []
        address = reverse("admin:integrations_connector_change", args=(record.connector_id,))
        return {
            "findings": findings,
            "fields_unknown": getattr(request, "fields_unknown", ""),
            "links": [{"label": "Open the connector", "address": address}],
        }

    @button("Try on the newest leads")
    def try_out(self, request: HttpRequest, version: MappingVersion) -> HttpResponse:
        """Show what would be sent of the newest leads; nothing is sent."""
        if not request.user.has_perm("leads.view_lead"):
            raise PermissionDenied
        fields, words = _fields_now(version.connector)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{version}: tried",
            "version": version,
            "vendor": _vendor(version.connector),
            "tried": try_on_newest(version, fields),
            "fields_unknown": words,
            "back": _address(version),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/dry_run.html", context)

    @button("Publish", is_primary=True, is_shown=lambda version: version.state == State.DRAFT)
    def publish(self, request: HttpRequest, version: MappingVersion) -> None:
        """Use it from now on, unless the vendor would refuse it."""
        self._put_in_use(request, version)

    @button("Use this version again", is_shown=lambda version: version.state == State.RETIRED)
    def use_again(self, request: HttpRequest, version: MappingVersion) -> None:
        """Go back to it."""
        self._put_in_use(request, version)

    def _put_in_use(self, request: HttpRequest, version: MappingVersion) -> None:
        fields, words = _fields_now(version.connector, anew=True)
        vendor = _vendor(version.connector)
        wrong = _serious(check_against(mappings.rows(version), fields, vendor)) if fields else []
        if wrong:
            said = " ".join(finding.words for finding in wrong[:5])
            self.say(request, f"Not published: {vendor} would refuse it. {said}", is_good=False)
            return
        mappings.mapping_publish(version=version)
        unchecked = f" It could not be checked: {words}" if words else ""
        self.say(request, f"Version {version.number} is in use from now on.{unchecked}")


def _asked_for(request: HttpRequest) -> Connector | None:
    try:
        found = Connector.objects.filter(pk=uuid.UUID(request.GET.get("connector", ""))).first()
    except ValueError:
        return None
    return found if found and is_able(found, ContactSink) else None


def _fields_now(connector: Connector, *, anew: bool = False) -> tuple[Sequence[VendorField], str]:
    """Return the vendor's fields, or none and why."""
    if not schemas.can_tell(connector):
        return [], f"{_vendor(connector)} does not tell its fields; type their names as they are there."
    try:
        return schemas.fields_of(connector, anew=anew), ""
    except errors.ProviderError as err:
        return [], f"{connector.name} could not be asked for its fields. {err.words}".strip()


def _serious(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.is_warning]


def _vendor(connector: Connector) -> str:
    return provider_class(connector.provider).name if connector.provider in PROVIDERS else connector.provider


def _address(version: MappingVersion) -> str:
    return reverse("admin:integrations_mappingversion_change", args=(version.pk,))


def _said(row: Row) -> str:
    done = FUNCTIONS[row.function].label if row.function in FUNCTIONS else row.function
    told = f", {done} {row.argument}".rstrip() if row.function else ""
    return f"{row.field} ← {row.source or '–'}{told}"
