"""Systems that send us events: their addresses, and what they prove themselves by."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold import widgets

from integrations.connections import event_source
from integrations.models import Connector
from integrations.services import clean_secrets
from runtime.admin import PageAdmin, button
from runtime.display import ago, badge, counted
from runtime.forms import LinesField
from runtime.secrets import Secret
from webhooks import sources, vendor_card
from webhooks.models import InboundEvent, Source

_KEPT = "One is stored; leave this empty to keep it. The one before works on for seven days."


class SourceForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """What a source is called, whether it may send, and what it proves itself by; a connector's has no other name."""

    secret = forms.CharField(
        required=False,
        max_length=500,
        label="Secret",
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    networks = LinesField(
        label="Only from",
        help_text="Addresses it may send from, one per line, such as 203.0.113.0/24; empty: from anywhere.",
    )

    class Meta:
        model = Source
        fields = ("name", "networks", "is_active")
        labels = {"is_active": "Switched on"}
        help_texts = {
            "name": "Which system sends, such as “Warehouse”.",
            "is_active": "Switched off, its address answers as if it didn't exist, and we don't ask it either.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        connector = self.instance.connector
        if connector is None or "secret" not in self.fields:
            return
        speaks = event_source(connector)
        field = self.fields["secret"]
        is_stored = bool(self.instance.sealed)
        field.help_text = f"{speaks.proof_words if speaks else ''} {_KEPT if is_stored else ''}".strip()

    def clean_secret(self) -> str:
        """Refuse what can't be a secret."""
        try:
            return clean_secrets({"secret": self.cleaned_data["secret"]}).get("secret", "")
        except ValidationError as err:
            raise ValidationError(err.messages) from err


@admin.register(Source)
class SourceAdmin(PageAdmin):
    """Systems that send us events."""

    form = SourceForm
    list_display = ("shown_name", "shown_state", "shown_events", "last_event", "created")
    list_filter = ("is_active",)
    list_select_related = ("connector",)
    search_fields = ("name", "connector__name")
    ordering = ("name", "connector__name")
    buttons = ("new_address", "end_overlap")
    empty_words = "No system sends events yet. Add it here to get the address it sends to."

    def get_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        """Ask a connector's source what its vendor proves itself by, another one its name."""
        if obj is None or obj.connector is None:
            return ("name", "is_active")
        speaks = event_source(obj.connector)
        may_enter = speaks is not None and speaks.proof in {"theirs", "client_secret"}
        shown = ("secret",) if may_enter and self.has_change_permission(request, obj) else ()
        return (*shown, "networks", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        """Count its events, in the same statement."""
        events = InboundEvent.objects.filter(source=OuterRef("pk")).order_by().values("source")
        rows: QuerySet[Source] = (
            super()
            .get_queryset(request)
            .select_related("connector__credential")
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

    @admin.display(description="name", ordering="name")
    def shown_name(self, source: Source) -> str:
        """What it is called."""
        return str(source)

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
        source, token = sources.source_create(name=source.name or "")
        request.source_token = token  # type: ignore[attr-defined] # for this answer alone
        if not wanted:
            source.is_active = False
            source.save(update_fields=["is_active"])
        return source

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """Write what changed; a new one has been written already."""
        if not change:
            return
        super().save_model(request, obj, form, change)
        if secret := form.cleaned_data.get("secret"):
            sources.secret_set(source=obj, secret=secret)

    def response_add(self, request: HttpRequest, obj: Source, post_url_continue: str | None = None) -> HttpResponse:
        """Show the address with its token, in this answer and nowhere else."""
        return self._address_page(request, obj, request.source_token)  # type: ignore[attr-defined]

    def response_post_save_change(self, request: HttpRequest, obj: Source) -> HttpResponse:
        """Go back to the connector whose source it is."""
        if obj.connector_id:
            return HttpResponseRedirect(reverse("admin:integrations_connector_change", args=(obj.connector_id,)))
        answer: HttpResponse = super().response_post_save_change(request, obj)
        return answer

    def get_urls(self) -> list[URLPattern]:
        """Add the address at which a connector gets its source."""
        view = self.admin_site.admin_view(self.make_view)
        return [path("for/<uuid:connector_id>/", view, name="webhooks_source_make"), *super().get_urls()]

    def make_view(self, request: HttpRequest, connector_id: uuid.UUID) -> HttpResponse:
        """Make the address a connector's vendor sends to, and show it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_add_permission(request):
            raise PermissionDenied
        connector = Connector.objects.filter(pk=connector_id).first()
        speaks = event_source(connector) if connector else None
        if connector is None or speaks is None:
            raise Http404
        source = sources.source_for(connector)
        token = sources.address_make_first(source=source)
        if token is None:
            # Whoever pressed first was shown it: a second one now would leave them with an address that ends.
            words = "It has an address already, which was shown once. If you did not see it, press “New address”."
            self.say(request, words, is_good=False)
            return HttpResponseRedirect(reverse("admin:integrations_connector_change", args=(connector.pk,)))
        self.log_addition(request, source, "Made its address.")
        return self._address_page(request, source, token, self._made_up(source))

    @button(
        "New address",
        confirm="The present address works for seven days more, one before it no longer. Go on?",
        is_shown=lambda source: bool(source.token_digest),
    )
    def new_address(self, request: HttpRequest, source: Source) -> HttpResponse:
        """Replace the address and show the new one, in this answer and nowhere else."""
        return self._new_address(request, source)

    @button(
        "End what was replaced",
        confirm="Whoever still uses the address or the secret from before is refused from now on. End them?",
        is_shown=lambda source: bool(vendor_card.replaced(source)),
    )
    def end_overlap(self, request: HttpRequest, source: Source) -> None:
        """Take the address and the secret from before no longer."""
        sources.overlap_end(source=source)
        self.say(request, "The address and the secret from before are not taken any more.")

    def _new_address(self, request: HttpRequest, source: Source) -> HttpResponse:
        token = sources.address_make(source=source)
        return self._address_page(request, source, token, self._made_up(source))

    def _made_up(self, source: Source) -> Secret | None:
        speaks = event_source(source.connector) if source.connector else None
        return sources.secret_set(source=source) if speaks and speaks.proof == "ours" else None

    def _address_page(
        self, request: HttpRequest, source: Source, token: Secret, made_up: Secret | None = None
    ) -> HttpResponse:
        """Show an address and a secret that was made up for it; neither can be shown again."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{source} may send now",
            "source": source,
            "address": request.build_absolute_uri(f"/v1/webhooks/in/{token}"),
            "secret": made_up,
            "setup": vendor_card.setup(source.connector) if source.connector else None,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "webhooks/source_created.html", context)
