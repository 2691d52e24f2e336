"""What every admin page shares: cheap lists, buttons that post, and records nobody edits."""

import functools
import operator
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet, UUIDField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from runtime import audit

Press = Callable[[Any, HttpRequest, Any], HttpResponse | None]


@dataclass(frozen=True)
class Button:
    """A button on a record's page; `confirm` says what is lost and asks once."""

    label: str
    confirm: str = ""
    is_primary: bool = False
    is_shown: Callable[[Any], bool] = lambda record: True


def button(label: str, **options: Any) -> Callable[[Press], Press]:
    """Mark a method `(self, request, record)` of a PageAdmin as a button; list its name in `buttons`."""

    def mark(method: Press) -> Press:
        method.button = Button(label, **options)  # type: ignore[attr-defined]
        return method

    return mark


class MoreThan(int):
    """A count that stopped there: it says so wherever a page writes it."""

    def __str__(self) -> str:
        return f"more than {int(self):,}"


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # not a generic at run time
    """Pages of a narrowed list that is looked through up to a bound, so that a filter costs its page; all are counted.

    `found` is what a filter found, in order, where that is no more than the bound: a page of it needs no second look.
    """

    most = 2000
    found: Sequence[Any] | None = None

    @functools.cached_property
    def count(self) -> int:
        """Count everything, or what a filter finds up to the bound; `MoreThan` beyond it."""
        rows = cast("QuerySet[Any]", self.object_list)
        if not rows.query.where:
            return rows.count()
        some = rows.order_by().values("pk")[: self.most + 1]
        # Sorted outside: with the order inside, the database may walk all rows in that order to find a few.
        sorted_ = rows.model._default_manager.filter(pk__in=some).order_by(*rows.query.order_by)
        found = list(sorted_.values_list("pk", flat=True))
        if len(found) > self.most:
            return MoreThan(self.most)
        self.found = found
        return len(found)


class PageList(ChangeList):
    """A list that says "12 of how many" only when it is narrowed, so that a big table is counted once."""

    def get_results(self, request: HttpRequest) -> None:
        """Count; a list of everything holds all there is. What few rows a filter found are fetched by their keys."""
        super().get_results(request)
        if not (self.query or self.has_active_filters or self.show_full_result_count):
            self.full_result_count = self.result_count
        found = getattr(self.paginator, "found", None)
        if found is None:
            return
        if self.multi_page and not self.show_all:
            found = found[(self.page_num - 1) * self.list_per_page : self.page_num * self.list_per_page]
        rows = self.apply_select_related(self.root_queryset).filter(pk__in=found)
        self.result_list = rows.order_by(*self.queryset.query.order_by)


class PageAdmin(ModelAdmin):
    """An admin whose record pages carry buttons: each posts, needs the right to change and is noted in the history."""

    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/page.html"
    buttons: Sequence[str] = ()
    labels: Mapping[str, str] = {}
    """What fields are called, where the model's own name is not how people would put it."""
    empty_words = ""
    """What an empty list says: why it is empty and what will fill it."""
    id_fields: Sequence[str] = ("pk",)
    is_named_in_audit = True
    """Whether the audit trail names the rows: not where their names are people's, such as leads'."""

    def has_press_permission(self, request: HttpRequest, record: Model | None = None) -> bool:
        """Tell whether this person may press buttons and run actions here."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """Use the list that counts once."""
        return PageList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the list; a subclass brings along what its columns show."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **options: Any) -> Any:
        """Call the fields by their labels."""
        if self.labels:
            options.setdefault("labels", self.labels)
        return super().get_form(request, obj, change, **options)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search as usual; a whole id finds its row, as people paste ids from the API's answers."""
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        try:
            wanted = uuid.UUID(search_term.strip())
        except ValueError:
            return found
        if not isinstance(self.opts.pk, UUIDField):
            # The id people paste is another one then, and among what is searched.
            return found
        conditions = (Q(**{name: wanted}) for name in self.id_fields)
        return queryset.filter(functools.reduce(operator.or_, conditions)), False

    def get_urls(self) -> list[URLPattern]:
        """Add the address that buttons post to."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_press"
        address = "<path:object_id>/press/<slug:name>/"
        return [path(address, self.admin_site.admin_view(self.press_view), name=name), *super().get_urls()]

    def press_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Do what a button says and come back to where it was pressed."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        record = self.get_object(request, object_id)
        if record is None or name not in self.buttons:
            raise Http404
        pressed: Button = getattr(self, name).button
        if not self.has_press_permission(request, record) or not pressed.is_shown(record):
            raise PermissionDenied
        answer: HttpResponse | None = getattr(self, name)(request, record)
        self.log_change(request, record, f"Pressed “{pressed.label}”.")
        return answer or HttpResponseRedirect(self._way_back(request, object_id))

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Keep in the audit trail what gets there by itself only where it tracks the fields."""
        if not audit.is_tracked(type(obj)):
            audit.note("Added.", obj, name=self._audit_name(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Keep what was done in words, too, in the audit trail; changed fields get there by themselves."""
        if isinstance(message, str) or not audit.is_tracked(type(obj)):
            audit.note(message if isinstance(message, str) else "Changed.", obj, name=self._audit_name(obj))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Keep in the audit trail what is deleted where its fields aren't tracked."""
        for obj in queryset if not audit.is_tracked(self.model) else ():
            audit.note("Deleted.", obj, name=self._audit_name(obj))
        return super().log_deletions(request, queryset)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Keep in the audit trail which action was run, on how many."""
        name = request.POST.get("action", "")
        chosen = len(request.POST.getlist(ACTION_CHECKBOX_NAME))
        words = f"all that matched, {queryset.count():,}" if request.POST.get("select_across") == "1" else f"{chosen:,}"
        answer: HttpResponse | None = super().response_action(request, queryset)
        actions = self.get_actions(request)
        # Deleting asks first, and leaves an entry for each row.
        if answer is not None and name in actions and name != "delete_selected":
            audit.note(f"{actions[name][2]}: {words} selected.", self.model)
        return answer

    def _audit_name(self, record: Model) -> str:
        return str(record) if self.is_named_in_audit else f"{record._meta.verbose_name} {record.pk}"

    def _way_back(self, request: HttpRequest, object_id: str) -> str:
        wanted = request.POST.get("next", "")
        if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
            return wanted
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=(object_id,))

    def shown_buttons(self, request: HttpRequest, record: Model) -> list[dict[str, Any]]:
        """Return the buttons this person sees on this record: `[{"label", "confirm", "is_primary", "address"}]`."""
        if not self.has_press_permission(request, record):
            return []
        pattern = f"admin:{self.opts.app_label}_{self.opts.model_name}_press"
        found = [(name, getattr(self, name).button) for name in self.buttons]
        return [
            {
                "label": shown.label,
                "confirm": shown.confirm,
                "is_primary": shown.is_primary,
                "address": reverse(pattern, args=(record.pk, name)),
            }
            for name, shown in found
            if shown.is_shown(record)
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        """Hand the page its name, its buttons and its opening sentence."""
        if obj is None:
            context["opening"] = self.opening_new(request)
        else:
            request.page_title = self.page_title(obj)  # type: ignore[attr-defined] # for the header
            context.update(buttons=self.shown_buttons(request, obj), opening=self.opening(obj))
            context.update(self.page_context(request, obj))
        page: HttpResponse = super().render_change_form(request, context, obj=obj, **kwargs)
        return page

    def page_title(self, record: Any) -> str:
        """Return what a record's page is called."""
        return str(record)

    def opening(self, record: Any) -> str:
        """Return the sentence at the top of a record's page."""
        return ""

    def opening_new(self, request: HttpRequest) -> str:
        """Return the sentence at the top of the page that makes a new record."""
        return ""

    def page_context(self, request: HttpRequest, record: Any) -> Mapping[str, Any]:
        """Return what a record's own template needs besides."""
        return {}

    def say(self, request: HttpRequest, words: str, *, is_good: bool = True) -> None:
        """Show a sentence at the top of the next page."""
        messages.add_message(request, messages.SUCCESS if is_good else messages.ERROR, words)


class RecordAdmin(PageAdmin):
    """Rows that are records of what happened: read, searched, acted upon, never edited or deleted by hand."""

    is_named_in_audit = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody makes records up."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody rewrites them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Retention deletes them, people don't."""
        return False


class RowInline(TabularInline):
    """Rows of a record's page, each field named for those who don't see the column's head."""

    hide_title = True

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Name the field."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None:
            field.widget.attrs["aria-label"] = field.label
        return field
