"""What became of each event."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from runtime.admin import RecordAdmin, button
from runtime.display import ago, badge, body, counted
from webhooks import services
from webhooks.models import InboundEvent

State = InboundEvent.State


@admin.register(InboundEvent)
class InboundEventAdmin(RecordAdmin):
    """Events as they were received."""

    list_display = ("shown_type", "source", "shown_state", "reason", "times_received", "received")
    list_filter = ("state", "source", "received_at")
    list_select_related = ("source__connector",)
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
