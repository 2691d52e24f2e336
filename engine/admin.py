"""What people may ask, the answers, and what they asked."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from engine.models import Conversation, Example, Faq, Intent, Slot, Turn
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


@admin.register(Intent)
class IntentAdmin(PageAdmin):
    """What people ask for."""

    list_display = ("label", "name", "action", "shown_examples", "shown_public", "shown_state")
    list_filter = ("action", "is_active", "is_public")
    search_fields = ("name", "label", "examples__text")
    fields = ("label", "name", "action", "answer", "is_public", "is_active")
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
