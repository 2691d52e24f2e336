"""Files of leads: asked for, watched while they are written, downloaded."""

import csv
import io
import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from leads import selection
from leads.admin.filters import asked_for
from leads.admin.progress import export_progress
from leads.admin.sheets import SheetForm
from leads.exports import columns as catalogue
from leads.exports import files, parts, services
from leads.exports.inert import inert
from leads.models import Export, ExportPlan
from runtime.admin import RecordAdmin, button
from runtime.display import ago, badge, counted
from runtime.forms import styled

State = Export.State


class ExportForm(SheetForm):
    """A new file; under a name, the question is kept as a plan."""

    save_as = forms.CharField(
        label="Keep this as a plan called",
        required=False,
        max_length=80,
        help_text="Optional. A plan can be run again with one click, or by schedule.",
    )

    class Meta(SheetForm.Meta):
        model = Export
        fields = (*SheetForm.Meta.fields, "save_as")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        styled(self.fields["save_as"])

    def clean_save_as(self) -> str:
        """Refuse a name that is taken."""
        name: str = self.cleaned_data["save_as"]
        if name and ExportPlan.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a plan of this name. Choose another one.")
        return name


@admin.register(Export)
class ExportAdmin(RecordAdmin):
    """Files of leads."""

    change_form_template = "leads/export.html"
    add_form_template = "leads/new_export.html"
    list_display = ("asked", "shown_what", "format", "shown_rows", "shown_state", "by", "removed")
    list_filter = ("state", "format")
    list_select_related = ("plan", "person")
    search_fields = ("plan__name",)
    ordering = ("-created_at",)
    empty_words = "No export yet. Press “Export” above the list of leads, and the file is found here."
    actions = None
    buttons = ("again", "cancel", "remove")
    is_named_in_audit = False
    form = ExportForm
    fields = ExportForm.Meta.fields

    class Media:
        js = ("config/live.js",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may export."""
        return bool(request.user.has_perm("leads.add_export"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        """Files with personal columns are for those who may see such."""
        rows: QuerySet[Export] = super().get_queryset(request)
        return rows if services.may_see_personal(request.user) else rows.filter(has_personal=False)

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of progress, file and dictionary."""
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/progress/", view(self.progress_view), name="leads_export_progress"),
            path("<uuid:pk>/download/<str:token>/", view(self.download_view), name="leads_export_download"),
            path("<uuid:pk>/dictionary/", view(self.dictionary_view), name="leads_export_dictionary"),
            *super().get_urls(),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Offer the columns that this person may see."""
        if obj is not None:
            return forms.modelform_factory(Export, fields=())
        return type("Form", (ExportForm,), {"may_see_personal": services.may_see_personal(request.user)})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Say first what is in it, then how it is written."""
        if obj is not None:
            return [(None, {"fields": ()})]
        may_see = services.may_see_personal(request.user)
        what = ("columns", "attributes") if may_see else ("columns",)
        return [
            ("What is in it", {"fields": what}),
            ("How it is written", {"fields": ("format", "time_zone", "separator", "has_bom", "save_as")}),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Leave out what makes no sense for a file."""
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        return super().render_change_form(request, context, *args, **options)

    def opening_new(self, request: HttpRequest) -> str:
        """Say which leads, and how many."""
        filters = asked_for(request)
        try:
            count = services.lead_count(filters)
            said = selection.words(filters)
        except selection.Unreadable as err:
            return f"A filter can’t be read: {err}"
        which = f"{counted(count, 'lead')}: {'; '.join(said)}" if said else f"All {counted(count, 'lead')}"
        return f"{which}. To choose others, go back to the list of leads and filter it."

    def save_model(self, request: HttpRequest, obj: Export, form: ExportForm, change: bool) -> None:
        """Ask for the file, and keep the question where it got a name."""
        obj.filters, obj.columns = asked_for(request), form.chosen_columns()
        person: Any = request.user
        plan = None
        if name := form.cleaned_data["save_as"]:
            shape = services.shape_of(obj)
            base_url = request.build_absolute_uri("/").rstrip("/")
            plan = services.plan_save(
                plan=ExportPlan(name=name, person=person, base_url=base_url, **shape), recipients=[]
            )
        made = services.export_create(person=person, shape=services.shape_of(obj), plan=plan)
        obj.pk, obj.plan, obj.has_personal = made.pk, plan, made.has_personal
        obj._state.adding = False

    def response_add(self, request: HttpRequest, obj: Export, post_url_continue: str | None = None) -> HttpResponse:
        """Show the file being written."""
        return HttpResponseRedirect(reverse("admin:leads_export_change", args=(obj.pk,)))

    def page_title(self, record: Export) -> str:
        """Call it by what is in it."""
        return str(record.plan or "Export of leads")

    def opening(self, record: Export) -> str:
        """Say which leads are in it."""
        said = selection.words(record.filters)
        return f"Leads: {'; '.join(said)}." if said else "All leads."

    def page_context(self, request: HttpRequest, record: Export) -> dict[str, Any]:
        """Progress, download and dictionary."""
        is_ready = record.state == State.DONE and parts.path_of(record).exists()
        return {
            "export": record,
            "live": export_progress(record),
            "progress_address": reverse("admin:leads_export_progress", args=(record.pk,)),
            "download": services.download_address(record) if is_ready else "",
            "is_lost": record.state == State.DONE and not is_ready,
            "dictionary": files.dictionary(catalogue.named(record.columns)),
            "dictionary_address": reverse("admin:leads_export_dictionary", args=(record.pk,)),
            "plan_address": reverse("admin:leads_exportplan_change", args=(record.plan_id,)) if record.plan_id else "",
        }

    def progress_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Answer with what the page keeps up to date."""
        answer = JsonResponse(export_progress(self._found(request, pk)))
        answer["Cache-Control"] = "no-store"
        return answer

    def download_view(self, request: HttpRequest, pk: uuid.UUID, token: str) -> Any:
        """Send the file, and note who took it."""
        export = self._found(request, pk)
        file = parts.path_of(export)
        if export.state != State.DONE or not services.is_download(export, token) or not file.exists():
            self.say(request, "This link has expired: the file was removed. Write it again to get it.", is_good=False)
            return HttpResponseRedirect(reverse("admin:leads_export_change", args=(pk,)))
        services.export_downloaded(export=export)
        self.log_change(request, export, f"Downloaded {counted(export.written, 'lead')}.")
        answer = FileResponse(
            file.open("rb"),
            as_attachment=True,
            filename=export.file_name,
            content_type=files.CONTENT_TYPES[files.Format(export.format)],
        )
        answer["Cache-Control"] = "no-store"
        return answer

    def dictionary_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Send what the columns mean as CSV."""
        export = self._found(request, pk)
        written = io.StringIO()
        rows = [("column", "name", "meaning"), *files.dictionary(catalogue.named(export.columns))]
        csv.writer(written).writerows([inert(cell) for cell in row] for row in rows)
        answer = HttpResponse(files.BOM + written.getvalue(), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="columns.csv"'
        return answer

    def _found(self, request: HttpRequest, pk: uuid.UUID) -> Export:
        if not self.has_view_permission(request):
            raise PermissionDenied
        export = self.get_queryset(request).filter(pk=pk).select_related("plan").first()
        if export is None:
            raise Http404
        return export

    @button("Write it again", is_shown=lambda export: export.state not in ("waiting", "running"))
    def again(self, request: HttpRequest, export: Export) -> None:
        """Write it with the leads as they are now."""
        services.export_again(export=export)
        self.say(request, "The file is written again, with the leads as they are now.")

    @button("Cancel", is_shown=lambda export: export.state in ("waiting", "running"))
    def cancel(self, request: HttpRequest, export: Export) -> None:
        """Give it up."""
        done = services.export_cancel(export=export)
        self.say(request, "Cancelled." if done else "It was ready already.", is_good=done)

    @button(
        "Remove the file",
        confirm="The file will be removed from this server; copies that were downloaded stay. Go on?",
        is_shown=lambda export: export.state == "done",
    )
    def remove(self, request: HttpRequest, export: Export) -> None:
        """Take the file away before its time."""
        services.export_remove(export=export, reason="A person removed it.")
        self.say(request, "The file is removed.")

    @admin.display(description="asked for", ordering="created_at")
    def asked(self, export: Export) -> SafeString:
        """When."""
        return ago(export.created_at)

    @admin.display(description="leads")
    def shown_what(self, export: Export) -> str:
        """Which."""
        if export.plan:
            return str(export.plan)
        return counted(len(export.filters), "filter") if export.filters else "all"

    @admin.display(description="rows", ordering="written")
    def shown_rows(self, export: Export) -> str:
        """How many."""
        return f"{export.written:,}" if export.state != State.WAITING else "–"

    @admin.display(description="state", ordering="state")
    def shown_state(self, export: Export) -> SafeString:
        """Whether it is ready."""
        return badge(export.state, export.get_state_display())

    @admin.display(description="asked for by")
    def by(self, export: Export) -> str:
        """Who."""
        return str(export.person or "–")

    @admin.display(description="removed", ordering="expires_at")
    def removed(self, export: Export) -> SafeString:
        """When the file goes."""
        return ago(export.expires_at, "–")
