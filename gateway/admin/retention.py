"""How long data is kept: a page with a period per kind, and what was deleted."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from runtime import retention
from runtime.admin import PageAdmin
from runtime.display import ago, counted
from runtime.models import Retention


class PeriodForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """The period of one kind; an empty field shows the usual one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            usual = _kind(self.instance).usual_days()
            said = "kept for ever" if usual is None else counted(usual, "day")
            self.fields["days"].widget.attrs.update(placeholder=said, title=f"Empty: {said}")


@admin.register(Retention)
class RetentionAdmin(PageAdmin):
    """One row per kind of data; the periods are changed in the list."""

    list_display = ("shown_name", "days", "shown_removed")
    list_editable = ("days",)
    search_fields = ("name",)
    ordering = ("name",)
    actions = None
    empty_words = "Nothing is registered here."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The kinds are those there are."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Retention | None = None) -> bool:
        """A kind without a row would be kept as usual: there is nothing to delete."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Retention]:
        """Show what is still kept; a row of a kind that is gone says nothing."""
        rows: QuerySet[Retention] = super().get_queryset(request)
        return rows.filter(name__in=[kind.name for kind in retention.kinds()])

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Have a row for every kind, also before a worker ran for the first time."""
        if Retention.objects.count() < len(retention.kinds()):
            retention.ensure_rows()
        page: HttpResponse = super().changelist_view(request, extra_context)
        return page

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> Any:
        """Say in the empty field how long it is where nobody chooses."""
        return super().get_changelist_form(request, form=PeriodForm, **options)

    @admin.display(description="what", ordering="name")
    def shown_name(self, row: Retention) -> SafeString:
        """What it is called, what it is, and what deleting it means."""
        name = f"{row.name[:1].upper()}{row.name[1:]}"
        return format_html(
            '<div class="sb-lines"><strong>{}</strong><br><span class="sb-quiet">{}</span></div>',
            name,
            _kind(row).words,
        )

    @admin.display(description="deleted", ordering="removed")
    def shown_removed(self, row: Retention) -> SafeString | str:
        """What went last, when that was, and what went since counting began."""
        if row.trouble:
            return format_html("could not be deleted ({}), {}", row.trouble, ago(row.last_ran_at))
        if row.last_ran_at is None:
            return "not yet looked at"
        return format_html(
            '<div class="sb-lines">{}, {}<br><span class="sb-quiet">{} in all</span></div>',
            f"{row.last_removed:,}",
            ago(row.last_ran_at),
            f"{row.removed:,}",
        )


def _kind(row: Retention) -> retention.Kind:
    return next(kind for kind in retention.kinds() if kind.name == row.name)
