"""Plans: questions about leads that are kept, and asked again by hand or by schedule."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString

from gateway import mail
from gateway.models import User
from leads import selection
from leads.admin.sheets import SheetForm
from leads.exports import services
from leads.models import ExportPlan
from runtime.admin import PageAdmin, button
from runtime.display import ago
from runtime.forms import styled


class PlanForm(SheetForm):
    """A plan: what, how, when, and who gets the link."""

    recipients = forms.ModelMultipleChoiceField(
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Mail the link to",
        help_text="After a scheduled run. The mail holds no data; the link asks to sign in.",
    )
    at_hour = forms.TypedChoiceField(label="At", coerce=int, choices=[(hour, f"{hour:02d}:00") for hour in range(24)])

    class Meta(SheetForm.Meta):
        model = ExportPlan
        fields = ("name", "schedule", "at_hour", "recipients", *SheetForm.Meta.fields)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        people: Any = self.fields["recipients"]
        people.queryset = User.objects.filter(is_active=True, is_staff=True).exclude(email="").order_by("username")
        if not people.queryset:
            people.help_text = "Nobody who may sign in has an e-mail address yet; enter one under People."
        if self.instance.pk and not self.instance._state.adding:
            self.initial["recipients"] = self.instance.recipients.all()
        for name in ("name", "schedule", "at_hour", "recipients"):
            styled(self.fields[name])

    def _save_m2m(self) -> None:
        """Leave it to the service."""


@admin.register(ExportPlan)
class PlanAdmin(PageAdmin):
    """Kept questions."""

    list_display = ("name", "shown_which", "format", "schedule", "next_run")
    list_filter = ("schedule",)
    search_fields = ("name",)
    ordering = ("name",)
    empty_words = "No plan yet. Filter the list of leads, press “Export”, and give the question a name."
    actions = None
    buttons = ("run_now",)
    form = PlanForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are made from the list of leads, where the filters are."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportPlan]:
        """Bring the owner along."""
        return super().get_queryset(request).select_related("person")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Offer the columns that this person may see."""
        if not self.has_change_permission(request, obj):
            return forms.modelform_factory(ExportPlan, fields=())
        return type("Form", (PlanForm,), {"may_see_personal": services.may_see_personal(request.user)})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Say first when, then what."""
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ()})]
        attributes = ("attributes",) if services.may_see_personal(request.user) else ()
        return [
            ("When", {"fields": ("name", "schedule", "at_hour", "recipients")}),
            ("What is in it", {"fields": ("columns", *attributes)}),
            ("How it is written", {"fields": ("format", "time_zone", "separator", "has_bom")}),
        ]

    def opening(self, record: ExportPlan) -> str:
        """Say which leads, and what keeps a mail from going out."""
        said = selection.words(record.filters)
        which = f"Leads: {'; '.join(said)}." if said else "All leads."
        owner = f" It shows what {record.person} may see." if record.person else ""
        return f"{which}{owner}{'' if mail.can_send() else ' No mail can be sent: EMAIL_URL is not set.'}"

    def save_model(self, request: HttpRequest, obj: ExportPlan, form: Any, change: bool) -> None:
        """Keep it; from here on it shows what this person may see."""
        obj.columns = form.chosen_columns()
        obj.person = request.user  # type: ignore[assignment] # signed in, or there would be no page
        obj.base_url = request.build_absolute_uri("/").rstrip("/")
        services.plan_save(plan=obj, recipients=list(form.cleaned_data["recipients"]))

    @button("Run now", is_primary=True)
    def run_now(self, request: HttpRequest, plan: ExportPlan) -> HttpResponse:
        """Write the file, for whoever presses."""
        export = services.plan_run(plan=plan, person=request.user)  # type: ignore[arg-type] # signed in
        return HttpResponseRedirect(reverse("admin:leads_export_change", args=(export.pk,)))

    @admin.display(description="leads")
    def shown_which(self, plan: ExportPlan) -> str:
        """Which leads."""
        return "; ".join(f"{name}: {value}"[:60] for name, value in plan.filters.items()) or "all"

    @admin.display(description="next", ordering="next_run_at")
    def next_run(self, plan: ExportPlan) -> SafeString:
        """When it runs by itself."""
        return ago(plan.next_run_at, "when asked")
