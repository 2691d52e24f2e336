"""Imports: a file is brought, its columns are matched, a look shows what it becomes, then it is taken."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminFileFieldWidget

from gateway.models import Client
from leads.admin.progress import import_progress
from leads.imports import files, matching, reading, services
from leads.models import Import
from runtime.admin import RecordAdmin, button
from runtime.display import ago, badge, counted

State = Import.State
_MOST_BYTES = 200_000_000


class UploadForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """The file."""

    file = forms.FileField(
        label="CSV or Excel file",
        help_text="Its first row names the columns. Up to 200 MB.",
        widget=UnfoldAdminFileFieldWidget(),
    )

    class Meta:
        model = Import
        fields = ()

    def clean_file(self) -> Any:
        """Refuse what is too large or no sheet, and say why."""
        upload = self.cleaned_data["file"]
        if upload.size > _MOST_BYTES:
            raise forms.ValidationError("The file is larger than 200 MB. Divide it.")
        try:
            self.made = services.import_create(file_name=upload.name, upload=upload.chunks(), person=None)
        except reading.NotASheet as err:
            raise forms.ValidationError(str(err)) from err
        return upload


@admin.register(Import)
class ImportAdmin(RecordAdmin):
    """Leads brought from elsewhere."""

    change_form_template = "leads/import.html"
    list_display = ("file_name", "brought", "shown_state", "shown_rows", "created", "updated", "refused")
    list_filter = ("state",)
    search_fields = ("file_name",)
    ordering = ("-created_at",)
    empty_words = "No import yet. Press the plus to bring leads or opt-outs from a CSV or Excel file."
    actions = None
    buttons = ("go_on", "undo")
    form = UploadForm
    fields = ("file",)

    class Media:
        js = ("config/live.js",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may add leads."""
        return bool(request.user.has_perm("leads.add_import"))

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of matching, progress and errors."""
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/match/", view(self.match_view), name="leads_import_match"),
            path("<uuid:pk>/progress/", view(self.progress_view), name="leads_import_progress"),
            path("<uuid:pk>/errors/", view(self.errors_view), name="leads_import_errors"),
            *super().get_urls(),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Ask for a file, once."""
        return UploadForm if obj is None else forms.modelform_factory(Import, fields=())

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the file alone."""
        return [(None, {"fields": ("file",) if obj is None else ()})]

    def opening_new(self, request: HttpRequest) -> str:
        """Say what will happen with it."""
        return "Bring leads or opt-outs. Nothing is taken yet: next you say what the columns are."

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Leave out what makes no sense here."""
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        return super().render_change_form(request, context, *args, **options)

    def save_model(self, request: HttpRequest, obj: Import, form: Any, change: bool) -> None:
        """The form has taken the file in; note who brought it."""
        Import.objects.filter(pk=form.made.pk).update(person=request.user)
        obj.pk, obj.file_name, obj._state.adding = form.made.pk, form.made.file_name, False

    def response_add(self, request: HttpRequest, obj: Import, post_url_continue: str | None = None) -> HttpResponse:
        """Go on to matching."""
        return HttpResponseRedirect(reverse("admin:leads_import_change", args=(obj.pk,)))

    def opening(self, record: Import) -> str:
        """Say what to do next, or what was done."""
        return _draft_words(record) if record.state == State.DRAFT else _begun_words(record)

    def page_context(self, request: HttpRequest, record: Import) -> dict[str, Any]:
        """Matching and a look while it is a draft; afterwards what became of it."""
        context: dict[str, Any] = {
            "run": record,
            "live": import_progress(record),
            "progress_address": reverse("admin:leads_import_progress", args=(record.pk,)),
            "match_address": reverse("admin:leads_import_match", args=(record.pk,)),
            "errors_address": reverse("admin:leads_import_errors", args=(record.pk,)),
            "has_errors": record.refused and files.errors_of(record).exists(),
            "may_press": self.has_press_permission(request, record),
        }
        if record.state == State.DRAFT and files.path_of(record).exists():
            context |= {
                "columns": services.examples(record),
                "targets": matching.TARGETS.items(),
                "clients": Client.objects.filter(is_active=True).order_by("name"),
                "preview": services.preview(record),
            }
        return context

    def match_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Set what the columns are."""
        run = self._found(request, pk)
        if request.method != "POST" or not self.has_press_permission(request, run):
            raise PermissionDenied
        if run.state != State.DRAFT or not files.path_of(run).exists():
            self.say(request, "This import was begun already; its columns stay as they are.", is_good=False)
            return HttpResponseRedirect(reverse("admin:leads_import_change", args=(pk,)))
        headers = [each["header"] for each in services.examples(run)]
        asked = {name: request.POST.get(f"column-{index}", "") for index, name in enumerate(headers)}
        matched = {name: target for name, target in asked.items() if target in matching.TARGETS}
        client = Client.objects.filter(pk=_uuid(request.POST.get("client", ""))).first()
        services.import_match(run=run, matched=matched, client=client, is_sent=bool(request.POST.get("is_sent")))
        if "take" in request.POST:
            self._start(request, run)
        return HttpResponseRedirect(reverse("admin:leads_import_change", args=(pk,)))

    def _start(self, request: HttpRequest, run: Import) -> None:
        is_begun = services.import_start(run=run)
        why = "First say whose leads they become, and which column has the e-mail address, phone number or reference."
        self.say(request, "The rows are being taken." if is_begun else why, is_good=is_begun)
        if is_begun:
            self.log_change(request, run, "Had the rows taken.")

    def progress_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Answer with what the page keeps up to date."""
        answer = JsonResponse(import_progress(self._found(request, pk)))
        answer["Cache-Control"] = "no-store"
        return answer

    def errors_view(self, request: HttpRequest, pk: uuid.UUID) -> Any:
        """Send the rows that were not taken, each with its reason."""
        run = self._found(request, pk)
        file = files.errors_of(run)
        if not self.has_press_permission(request, run):
            raise PermissionDenied
        if not file.exists():
            self.say(request, "There is no such file any more: it is kept for 30 days.", is_good=False)
            return HttpResponseRedirect(reverse("admin:leads_import_change", args=(pk,)))
        self.log_change(request, run, "Downloaded the rows that were not taken.")
        return FileResponse(file.open("rb"), as_attachment=True, filename="not-taken.csv", content_type="text/csv")

    def _found(self, request: HttpRequest, pk: uuid.UUID) -> Import:
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = Import.objects.filter(pk=pk).select_related("client").first()
        if run is None:
            raise Http404
        return run

    @button("Go on", is_primary=True, is_shown=lambda run: run.state == "needs_you")
    def go_on(self, request: HttpRequest, run: Import) -> None:
        """Go on where it stopped."""
        services.import_go_on(run=run)
        self.say(request, "It goes on where it stopped.")

    @button(
        "Undo this import",
        confirm="Leads it made that nobody touched since are deleted; values it changed come back. Go on?",
        is_shown=lambda run: run.state == "done",
    )
    def undo(self, request: HttpRequest, run: Import) -> None:
        """Take it back."""
        services.import_undo(run=run)
        self.say(request, "The import is being taken back.")

    @admin.display(description="brought", ordering="created_at")
    def brought(self, run: Import) -> SafeString:
        """When."""
        return ago(run.created_at)

    @admin.display(description="state", ordering="state")
    def shown_state(self, run: Import) -> SafeString:
        """How far."""
        return badge(run.state, run.get_state_display())

    @admin.display(description="rows", ordering="total")
    def shown_rows(self, run: Import) -> str:
        """How many of how many."""
        return f"{run.rows_done:,} of {run.total:,}"


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _draft_words(run: Import) -> str:
    return (
        f"{counted(run.total, 'row')}. Say what the columns are and look at what becomes of the rows; then take them."
    )


def _begun_words(run: Import) -> str:
    whose = f"Leads of {run.client}" if run.client else "Leads"
    return f"{whose}; {'connectors get them' if run.is_sent else 'no connector gets them'}."
