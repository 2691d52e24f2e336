"""The audit trail: who did what, from where, when; read, never changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gateway.models import AuditEntry, User
from runtime.admin import RecordAdmin
from runtime.audit import HIDDEN
from runtime.display import ago

if admin.site.is_registered(LogEntry):
    admin.site.unregister(LogEntry)

_VERBS = {
    LogEntry.Action.CREATE: "Added",
    LogEntry.Action.UPDATE: "Changed",
    LogEntry.Action.DELETE: "Deleted",
}


class PersonFilter(admin.SimpleListFilter):
    """Entries by who acted."""

    title = "person"
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Everybody, and what happened without anybody signed in."""
        people = User.objects.order_by("username").values_list("pk", "username")[:200]
        return [*((str(pk), name) for pk, name in people), ("none", "nobody signed in")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Narrow the list."""
        wanted = self.value()
        if wanted == "none":
            return queryset.filter(actor=None)
        return queryset.filter(actor=int(wanted)) if wanted and wanted.isdecimal() else queryset


class KindFilter(admin.SimpleListFilter):
    """Entries by what kind of thing they are about."""

    title = "about"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds there are entries about."""
        kinds = ContentType.objects.filter(pk__in=AuditEntry.objects.order_by().values("content_type").distinct())
        return sorted(((str(kind.pk), _kind(kind)) for kind in kinds), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Narrow the list."""
        wanted = self.value() or ""
        return queryset.filter(content_type=int(wanted)) if wanted.isdecimal() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """What people changed and did."""

    change_form_template = "gateway/audit_entry.html"
    list_display = ("when", "who", "what", "about", "remote_addr")
    list_filter = ("action", PersonFilter, KindFilter, "timestamp")
    list_select_related = ("actor", "content_type")
    search_fields = ("object_repr", "object_pk__exact", "actor__username", "remote_addr", "cid__exact")
    search_help_text = "What it is about, a person's name, an address, an id"
    ordering = ("-timestamp", "-id")
    empty_words = "Nobody has changed anything yet."
    fields = ()

    @admin.display(description="when", ordering="timestamp")
    def when(self, entry: AuditEntry) -> SafeString:
        """When it was done."""
        return ago(entry.timestamp)

    @admin.display(description="who", ordering="actor__username")
    def who(self, entry: AuditEntry) -> str:
        """Who did it."""
        return who(entry)

    @admin.display(description="what")
    def what(self, entry: AuditEntry) -> SafeString:
        """What was done, in a line."""
        words = summary(entry)
        short = words if len(words) <= 100 else f"{words[:99]}…"
        return format_html('<span dir="auto" title="{}">{}</span>', words, short)

    @admin.display(description="about", ordering="object_repr")
    def about(self, entry: AuditEntry) -> SafeString:
        """What it was done to."""
        return format_html('<span dir="auto">{}: {}</span>', _kind(entry.content_type), entry.object_repr[:80])

    def page_title(self, record: AuditEntry) -> str:
        """What was done."""
        return f"{_kind(record.content_type)}: {record.object_repr[:60]}"

    def opening(self, record: AuditEntry) -> str:
        """Who did what."""
        return f"{who(record)}: {summary(record)}"

    def page_context(self, request: HttpRequest, record: AuditEntry) -> Mapping[str, Any]:
        """What was before and what is after, field by field."""
        return {"entry": record, "kind": _kind(record.content_type), "rows": _rows(record), "place": _place(record)}


def who(entry: AuditEntry) -> str:
    """Return who did it: a person, or what stood in for one."""
    if entry.actor is not None:
        return str(entry.actor)
    return str((entry.additional_data or {}).get("by") or "nobody signed in")


def summary(entry: AuditEntry) -> str:
    """Return what was done as a sentence."""
    did = (entry.additional_data or {}).get("did")
    if did:
        return str(did)
    names = ", ".join(_label(entry, name) for name in sorted(entry.changes_dict)[:6])
    verb = _VERBS.get(entry.action, "Did something")
    return f"{verb}: {names}" if names and entry.action == LogEntry.Action.UPDATE else verb


def _rows(entry: AuditEntry) -> Sequence[dict[str, str]]:
    return [
        {"label": _label(entry, name), "before": _shown(before), "after": _shown(after)}
        for name, change in sorted(entry.changes_dict.items())
        for before, after in [_both(change)]
    ]


def _both(change: Any) -> tuple[Any, Any]:
    """Return what was before and after; of a list of rows only those that came or went."""
    if not isinstance(change, dict):
        return change[0], change[1]
    names = ", ".join(change["objects"])
    return ("", names) if change["operation"] == "add" else (names, "")


def _shown(value: object) -> str:
    text = str(value)
    if text == HIDDEN:
        return "(not kept here)"
    return "" if text in {"None", "[]", "{}"} else text


def _label(entry: AuditEntry, name: str) -> str:
    model = entry.content_type.model_class()
    try:
        return str(getattr(model._meta.get_field(name), "verbose_name", name)) if model else name
    except FieldDoesNotExist:
        return name.replace("_", " ")


def _kind(content_type: ContentType) -> str:
    model = content_type.model_class()
    return str(model._meta.verbose_name) if model else content_type.model


def _place(entry: AuditEntry) -> str:
    """Return the address of the page of what the entry is about; empty where there is none."""
    kind = f"{entry.content_type.app_label}_{entry.content_type.model}"
    try:
        return reverse(f"admin:{kind}_change", args=(entry.object_pk,)) if entry.object_pk else ""
    except NoReverseMatch:
        return ""
