"""Systems that send us events, and what became of each event."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from runtime.admin import PageAdmin, RecordAdmin, button
from runtime.display import ago, badge, body, counted
from webhooks import services
from webhooks.models import InboundEvent, Source

State = InboundEvent.State


class SourceForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """What a source is called, and whether it may send."""

    class Meta:
        model = Source
        fields = ("name", "is_active")
        labels = {"is_active": "Switched on"}
        help_texts = {
            "name": "Which system sends, such as “Warehouse”.",
            "is_active": "Switched off, its address answers as if it didn't exist.",
        }


@admin.register(Source)
class SourceAdmin(PageAdmin):
    """Systems that send us events."""

    form = SourceForm
    list_display = ("name", "shown_state", "shown_events", "last_event", "created")
    list_filter = ("is_active",)
    search_fields = ("name",)
    ordering = ("name",)
    empty_words = "No system sends events yet. Add it here to get the address it sends to."
    fields = ("name", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        """Count its events, in the same statement."""
        events = InboundEvent.objects.filter(source=OuterRef("pk")).order_by().values("source")
        rows: QuerySet[Source] = (
            super()
            .get_queryset(request)
            .annotate(
                event_count=Subquery(events.annotate(number=Count("pk")).values("number")),
                newest_at=Subquery(events.annotate(at=Max("received_at")).values("at")),
            )
        )
        return rows

    def has_delete_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        """A source that has sent something is switched off, not deleted: its events tell what happened."""
        if obj is not None and obj.inbound_events.exists():
            return False
        return bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out deleting many at once."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @admin.display(description="state", ordering="is_active")
    def shown_state(self, source: Source) -> SafeString:
        """Whether it may send."""
        return badge("active", "on") if source.is_active else badge("off")

    @admin.display(description="events", ordering="event_count")
    def shown_events(self, source: Any) -> str:
        """How many events it has sent."""
        return counted(source.event_count or 0, "event")

    @admin.display(description="last event", ordering="newest_at")
    def last_event(self, source: Any) -> SafeString:
        """When it sent the newest."""
        return ago(source.newest_at)

    @admin.display(description="created", ordering="created_at")
    def created(self, source: Source) -> SafeString:
        """When it was made."""
        return ago(source.created_at)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Source:
        """A new source is made by its service, which also makes the token of its address."""
        source: Source = form.save(commit=False)
        if change:
            return source
        wanted = source.is_active
        source, token = services.source_create(name=source.name)
        request.source_token = token  # type: ignore[attr-defined] # for this answer alone
        if not wanted:
            source.is_active = False
            source.save(update_fields=["is_active"])
        return source

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """Write what changed; a new one has been written already."""
        if change:
            super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Source, post_url_continue: str | None = None) -> HttpResponse:
        """Show the address with its token, in this answer and nowhere else."""
        token = request.source_token  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{obj.name} may send now",
            "source": obj,
            "address": request.build_absolute_uri(f"/v1/webhooks/in/{token}"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "webhooks/source_created.html", context)


@admin.register(InboundEvent)
class InboundEventAdmin(RecordAdmin):
    """Events as they were received."""

    list_display = ("shown_type", "source", "shown_state", "reason", "times_received", "received")
    list_filter = ("state", "source", "received_at")
    list_select_related = ("source",)
    search_fields = ("type", "dedupe_key__exact", "body", "reason")
    search_help_text = "A type, an id, or words of what was sent"
    id_fields = ("pk", "event_id")
    ordering = ("-received_at",)
    empty_words = "No event has arrived yet."
    actions = ("process_selected_again",)
    buttons = ("process_again",)
    fields = (
        "shown_type",
        "source",
        "shown_state",
        "reason",
        "received",
        "times_received",
        "tries",
        "dedupe_key",
        "event_id",
        "shown_body",
    )
    readonly_fields = ("shown_type", "shown_state", "received", "shown_body")

    @admin.display(description="event", ordering="type")
    def shown_type(self, event: InboundEvent) -> str:
        """What kind it is."""
        return event.type or "no type"

    @admin.display(description="state", ordering="state")
    def shown_state(self, event: InboundEvent) -> SafeString:
        """What became of it."""
        return badge(event.state, event.get_state_display())

    @admin.display(description="received", ordering="received_at")
    def received(self, event: InboundEvent) -> SafeString:
        """When it came first."""
        return ago(event.received_at)

    @admin.display(description="what was sent")
    def shown_body(self, event: InboundEvent) -> SafeString:
        """The body as it came."""
        return body(event.body)

    def page_title(self, record: InboundEvent) -> str:
        """What came from whom."""
        return f"{record.type or 'event'} from {record.source}"

    @button(
        "Process again",
        is_primary=True,
        confirm="Whoever listens to this event hears of it once more. Process it again?",
        is_shown=lambda event: event.state in {State.PROCESSED, State.NEEDS_YOU},
    )
    def process_again(self, request: HttpRequest, event: InboundEvent) -> None:
        """Read it once more."""
        is_open = services.inbound_event_send_again(event=event)
        words = "It is being processed again." if is_open else "It is waiting or being read already."
        self.say(request, words, is_good=is_open)

    @admin.action(description="Process again", permissions=["press"])
    def process_selected_again(self, request: HttpRequest, queryset: QuerySet[InboundEvent]) -> None:
        """Read the selected events once more."""
        count = sum(services.inbound_event_send_again(event=event) for event in queryset.iterator(chunk_size=500))
        self.say(request, f"{counted(count, 'event')} will be processed again.", is_good=bool(count))
