"""Keys: which work, until when, and who used them last."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold import widgets

from gateway import services
from gateway.models import Key
from runtime.admin import PageAdmin, button
from runtime.clock import db_now
from runtime.display import ago, badge, counted

SOON = timedelta(days=14)
"""How long before its end a key is worth a reminder."""


class KeyForm(forms.Form):
    """What kind of key to create."""

    kind = forms.ChoiceField(
        choices=[
            (Key.Kind.SECRET, "Secret: for servers; it may do everything the client may"),
            (Key.Kind.PUBLISHABLE, "Publishable: for web pages; it may only capture leads and ask public questions"),
        ],
        initial=Key.Kind.SECRET,
        widget=widgets.UnfoldAdminRadioSelectWidget(),
    )
    name = forms.CharField(
        max_length=80,
        required=False,
        widget=widgets.UnfoldAdminTextInputWidget(),
        help_text="Where it will be used, so that people know later.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=90,
        initial=90,
        label="Valid for (days)",
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
        help_text="At most 90. Home reminds you 14 days before it ends.",
    )


def key_state(key: Key) -> SafeString:
    """Return whether a key works, and if not, why."""
    if key.revoked_at:
        return badge("revoked")
    if key.exposed_at:
        return badge("exposed", "exposed")
    return badge("expired") if key.expires_at <= db_now() else badge("active", "works")


class KeyStateFilter(admin.SimpleListFilter):
    """Keys by whether they work."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states a person looks for."""
        return [("works", "works"), ("soon", "ends within 14 days"), ("ended", "expired or revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Key]) -> QuerySet[Key]:
        """Narrow the list."""
        alive = Q(revoked_at=None, expires_at__gt=db_now())
        narrowed = {
            "works": alive,
            "ended": ~alive,
            "soon": alive & Q(expires_at__lt=db_now() + SOON),
        }.get(self.value() or "")
        return queryset.filter(narrowed) if narrowed else queryset


@admin.register(Key)
class KeyAdmin(PageAdmin):
    """Keys of all clients: their beginning, never their text."""

    list_display = ("shown_prefix", "client", "name", "kind", "shown_state", "ends", "last_used")
    list_filter = (KeyStateFilter, "kind", "client")
    list_select_related = ("client",)
    search_fields = ("prefix", "name", "client__name")
    ordering = ("-created_at",)
    empty_words = "No key yet. Keys are created on their client’s page, which shows them once."
    actions = ("revoke_selected",)
    buttons = ("revoke",)
    fields = ("client", "name", "kind", "shown_prefix", "shown_state", "created", "ends", "last_used")
    readonly_fields = ("client", "kind", "shown_prefix", "shown_state", "created", "ends", "last_used")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys are created on their client's page, which shows them once."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        """A key is revoked, not deleted: the request log names it."""
        return False

    @admin.display(description="key", ordering="prefix")
    def shown_prefix(self, key: Key) -> str:
        """How a key starts."""
        return str(key)

    @admin.display(description="state")
    def shown_state(self, key: Key) -> SafeString:
        """Whether it works."""
        return key_state(key)

    @admin.display(description="ends", ordering="expires_at")
    def ends(self, key: Key) -> SafeString:
        """When it stops working by itself."""
        return ago(key.expires_at)

    @admin.display(description="created", ordering="created_at")
    def created(self, key: Key) -> SafeString:
        """When it was made."""
        return ago(key.created_at)

    @admin.display(description="last call", ordering="last_used_at")
    def last_used(self, key: Key) -> SafeString:
        """When it was used last."""
        return ago(key.last_used_at)

    @button(
        "Revoke",
        confirm="Whatever uses this key is refused within seconds, for good. Revoke it?",
        is_shown=lambda key: key.revoked_at is None,
    )
    def revoke(self, request: HttpRequest, key: Key) -> None:
        """End this key."""
        services.key_revoke(key=key)
        self.say(request, f"{key} is revoked; calls with it are refused within 5 seconds.")

    @admin.action(description="Revoke", permissions=["press"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Key]) -> None:
        """End the selected keys."""
        keys = list(queryset.filter(revoked_at=None))
        for key in keys:
            services.key_revoke(key=key)
        self.say(request, f"{counted(len(keys), 'key')} revoked; calls with them are refused within 5 seconds.")
