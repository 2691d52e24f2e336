"""What people may ask, the answers, and what they asked."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from engine.models import Conversation, Example, Faq, Intent, Slot, Turn
from integrations.connections import operations_of
from integrations.models import Connector
from integrations.providers.base import DefinedOperation
from runtime.admin import PageAdmin, RecordAdmin, RowInline
from runtime.display import ago, badge, counted


class ExampleInline(RowInline):
    """The ways people say it."""

    model = Example
    extra = 1
    verbose_name_plural = "How people ask it: five or more examples, in their words"


class SlotInline(RowInline):
    """What must be known first."""

    model = Slot
    extra = 0
    fields = ("name", "kind", "prompt", "position")
    verbose_name_plural = "What must be known first, and the question that asks for it"


class IntentForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """An intent, with what may be looked up for it by name."""

    asks = forms.ChoiceField(
        required=False,
        label="Asks",
        widget=UnfoldAdminSelectWidget,
        help_text=(
            "What you have defined on a connector’s Endpoints page. What it has to be told is asked for by itself; its "
            "facts go into the answer in braces. An answer that says whose it is (email, phone) is told to that person."
            " A change is made for whoever says yes: the system itself has to check that it is theirs to make."
        ),
    )

    class Meta:
        model = Intent
        fields = ("label", "name", "action", "answer", "is_public", "is_active")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "asks" in self.fields:
            self.fields["asks"].choices = [("", "–"), *self._choices()]  # type: ignore[attr-defined] # it has choices
            if self.instance.connector_id:
                self.initial["asks"] = f"{self.instance.connector_id} {self.instance.operation}"

    def _choices(self) -> list[tuple[str, str]]:
        """Return what may be looked up, and what this intent looks up now, even where that is gone."""
        found = {
            f"{connector.pk} {each.name}": f"{connector}: {each.label} ({_told(each)})"
            for connector in Connector.objects.filter(is_active=True)
            for each in operations_of(connector)
        }
        mine = f"{self.instance.connector_id} {self.instance.operation}"
        if self.instance.connector_id and mine not in found:
            found[mine] = f"{self.instance.connector}: {self.instance.operation} (no longer there)"
        return list(found.items())

    def clean(self) -> dict[str, Any]:
        """Want to know what is asked where the action is that."""
        values = super().clean() or self.cleaned_data
        if values.get("action") == Intent.Action.OPERATION and not values.get("asks") and "asks" not in self.errors:
            self.add_error("asks", "Choose what is asked. Define it on a connector’s Endpoints page first.")
        return values

    def save(self, commit: bool = True) -> Intent:
        """Keep what is asked, or nothing where the action is another."""
        is_asked = self.cleaned_data.get("action") == Intent.Action.OPERATION
        connector, _, name = (self.cleaned_data.get("asks") or "").partition(" ") if is_asked else ("", "", "")
        self.instance.connector_id, self.instance.operation = connector or None, name
        intent: Intent = super().save(commit)
        return intent


def _told(operation: DefinedOperation) -> str:
    facts = ", ".join(operation.facts) or "no facts"
    return facts if operation.is_read_only else f"changes something, after a yes; {facts}"


@admin.register(Intent)
class IntentAdmin(PageAdmin):
    """What people ask for."""

    form = IntentForm

    list_display = ("label", "name", "action", "shown_examples", "shown_public", "shown_state")
    list_filter = ("action", "is_active", "is_public")
    search_fields = ("name", "label", "examples__text")
    empty_words = (
        "Nobody can ask anything yet. An intent is something people ask for, with examples of how they say it."
    )
    labels = {"is_public": "For everybody", "is_active": "Switched on"}
    prepopulated_fields = {"name": ("label",)}
    inlines = (ExampleInline, SlotInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Intent]:
        """Count the examples in the same statement."""
        rows: QuerySet[Intent] = super().get_queryset(request).annotate(example_count=Count("examples"))
        return rows

    def get_fields(self, request: HttpRequest, obj: Intent | None = None) -> tuple[str, ...]:
        """Offer what may be looked up to those who may change it."""
        may_change = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        asks = ("asks",) if may_change else ("connector", "operation")
        return ("label", "name", "action", *asks, "answer", "is_public", "is_active")

    def opening(self, record: Intent) -> str:
        """Say that what it looks up is gone."""
        if record.action != Intent.Action.OPERATION:
            return ""
        defined = operations_of(record.connector) if record.connector else []
        is_there = any(each.name == record.operation for each in defined)
        return "" if is_there else "It can’t be answered: what it asks is no longer defined. Choose something else."

    def get_prepopulated_fields(self, request: HttpRequest, obj: Intent | None = None) -> dict[str, Any]:
        """Suggest a name for a new intent; an existing one keeps its own, as answers and logs carry it."""
        return {} if obj else dict(self.prepopulated_fields)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Search the examples too without counting only those that match."""
        found, _ = super().get_search_results(request, Intent.objects.all(), search_term)
        return queryset.filter(pk__in=found.values("pk")) if search_term else queryset, False

    @admin.display(description="state", ordering="is_active")
    def shown_state(self, intent: Intent) -> SafeString:
        """Whether it is answered."""
        return badge("active", "on") if intent.is_active else badge("off")

    @admin.display(description="for", ordering="is_public")
    def shown_public(self, intent: Intent) -> str:
        """Who may ask it."""
        return "everybody" if intent.is_public else "servers"

    @admin.display(description="examples", ordering="example_count")
    def shown_examples(self, intent: Any) -> str:
        """How many ways of asking it knows."""
        return counted(intent.example_count, "example")


@admin.register(Faq)
class FaqAdmin(PageAdmin):
    """Questions people ask often."""

    list_display = ("question", "shown_state", "changed")
    list_filter = ("is_active",)
    search_fields = ("question", "answer")
    fields = ("question", "answer", "is_active")
    labels = {"is_active": "Switched on"}
    ordering = ("question",)
    empty_words = "No FAQ yet. Questions that people ask often are answered from here."

    @admin.display(description="state", ordering="is_active")
    def shown_state(self, faq: Faq) -> SafeString:
        """Whether it is given as an answer."""
        return badge("active", "on") if faq.is_active else badge("off")

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, faq: Faq) -> SafeString:
        """When it was changed last."""
        return ago(faq.updated_at)


@admin.register(Conversation)
class ConversationAdmin(RecordAdmin):
    """What visitors asked, turn by turn."""

    change_form_template = "engine/conversation.html"
    list_display = ("first_prompt", "client", "intent", "shown_state", "shown_turns", "last_turn")
    list_filter = ("client", "intent", "updated_at")
    list_select_related = ("client", "intent")
    search_fields = ("turns__prompt", "turns__request_id__exact")
    search_help_text = "Words of a question, a request id or a conversation's id"
    ordering = ("-updated_at",)
    empty_words = "Nobody has asked anything yet."
    fields = ("client", "intent", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        """Bring the first question, the last state and the number of turns in the same statement."""
        turns = Turn.objects.filter(conversation=OuterRef("pk"))
        count = turns.order_by().values("conversation").annotate(number=Count("pk")).values("number")
        rows: QuerySet[Conversation] = (
            super()
            .get_queryset(request)
            .annotate(
                opening_prompt=Subquery(turns.order_by("at", "id").values("prompt")[:1]),
                last_state=Subquery(turns.order_by("-at", "-id").values("state")[:1]),
                turn_count=Subquery(count),
            )
        )
        return rows

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Find conversations by what was said in them, each once."""
        found, _ = super().get_search_results(request, Conversation.objects.all(), search_term)
        return queryset.filter(pk__in=found.values("pk")) if search_term else queryset, False

    @admin.display(description="began with")
    def first_prompt(self, conversation: Any) -> str:
        """The first question."""
        prompt = conversation.opening_prompt or "nothing was asked"
        return prompt if len(prompt) <= 80 else f"{prompt[:79]}…"

    @admin.display(description="ended with")
    def shown_state(self, conversation: Any) -> SafeString | str:
        """How the last turn ended."""
        return badge(conversation.last_state) if conversation.last_state else "–"

    @admin.display(description="turns")
    def shown_turns(self, conversation: Any) -> str:
        """How many questions were asked."""
        return counted(conversation.turn_count or 0, "turn")

    @admin.display(description="last turn", ordering="updated_at")
    def last_turn(self, conversation: Conversation) -> SafeString:
        """When somebody spoke last."""
        return ago(conversation.updated_at)

    def page_title(self, record: Conversation) -> str:
        """What it began with."""
        return self.first_prompt(record)

    def opening(self, record: Conversation) -> str:
        """Who talked with whom."""
        about = f", about “{record.intent}”" if record.intent else ""
        return f"A visitor of {record.client}{about}."

    def page_context(self, request: HttpRequest, record: Conversation) -> dict[str, Any]:
        """The turns, oldest first."""
        turns = record.turns.select_related("intent").order_by("at", "id")[:200]
        return {
            "turns": turns,
            "slots": record.slots,
            "may_see_requests": request.user.has_perm("gateway.view_requestlog"),
        }
