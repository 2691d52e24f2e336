"""Keys: which work, until when, and who used them last."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold import widgets

from gateway import services
from gateway.admin import shown_once
from gateway.models import Key, KeyUse
from runtime.admin import PageAdmin, button
from runtime.clock import db_now
from runtime.display import ago, badge, counted, relative

SOON = timedelta(days=14)
"""How long before its end a key is worth a reminder."""
MOST_USES = 20


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
        help_text="At most 90. You are reminded 14, 7 and 1 days before it ends.",
    )
    rate_per_minute = forms.IntegerField(
        min_value=1,
        required=False,
        label="Requests per minute",
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
        help_text="A limit of its own, within the client’s; empty: as much as the client may.",
    )


class RotateForm(forms.Form):
    """How long the old key works beside the new one."""

    hours = forms.TypedChoiceField(
        coerce=int,
        initial=7 * 24,
        label="The old key works on for",
        choices=[
            (0, "no time: it ends at once, and so does what still uses it"),
            (1, "an hour"),
            (24, "a day"),
            (7 * 24, "7 days"),
            (30 * 24, "30 days"),
        ],
        widget=widgets.UnfoldAdminRadioSelectWidget(),
        help_text="Then it is refused, without anybody doing anything. Never longer than it had left.",
    )


def key_state(key: Key) -> SafeString:
    """Return whether a key works, and if not, why."""
    if key.has_ended_on_its_day:
        return badge("expired", "replaced" if key.replaced_by_id else "ended on its day")
    if key.revoked_at:
        return badge("revoked")
    if key.exposed_at:
        return badge("exposed", "exposed")
    return badge("paused", "being replaced") if key.replaced_by_id else badge("active", "works")


def key_words(key: Key) -> str:
    """Return what a person should know about a key before anything else; empty where all is well."""
    if key.revoked_at or key.expires_at <= db_now():
        return f"This {key.kind} key has ended: calls with it are refused."
    ends = relative(key.expires_at - db_now())
    if key.exposed_at:
        return (
            f"This key was seen {relative(key.exposed_at - db_now())} where others can read it: in a web page, in an "
            "address or over plain HTTP. It still works, for whoever has read it, too. Rotate it now."
        )
    if key.replaced_by_id:
        return f"Another key takes its place; this one ends by itself {ends}. Move whoever still uses it before then."
    if key.expires_at < db_now() + SOON:
        return f"This key ends {ends}. Rotate it: the old one works on while you put the new one in place."
    return ""


def may_rotate(request: HttpRequest, key: Key) -> bool:
    """Tell whether this person may rotate this key, and whether there is anything to rotate."""
    has_right = request.user.has_perm("gateway.add_key") and request.user.has_perm("gateway.change_key")
    return has_right and key.is_working and key.replaced_by_id is None


class KeyStateFilter(admin.SimpleListFilter):
    """Keys by whether they work."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states a person looks for."""
        return [
            ("works", "works"),
            ("soon", "ends within 14 days"),
            ("exposed", "seen where others can read it"),
            ("ended", "expired or revoked"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Key]) -> QuerySet[Key]:
        """Narrow the list."""
        alive = Q(revoked_at=None, expires_at__gt=db_now())
        narrowed = {
            "works": alive,
            "ended": ~alive,
            "soon": alive & Q(expires_at__lt=db_now() + SOON),
            "exposed": alive & Q(exposed_at__isnull=False),
        }.get(self.value() or "")
        return queryset.filter(narrowed) if narrowed else queryset


@admin.register(Key)
class KeyAdmin(PageAdmin):
    """Keys of all clients: their beginning, never their text."""

    list_display = ("shown_prefix", "client", "name", "kind", "shown_state", "ends", "last_used")
    list_filter = (KeyStateFilter, "kind", "client")
    list_select_related = ("client",)
    change_form_template = "gateway/key.html"
    search_fields = ("prefix", "name", "client__name")
    ordering = ("-created_at",)
    empty_words = "No key yet. Keys are created on their client’s page, which shows them once."
    actions = ("revoke_selected",)
    buttons = ("revoke",)
    fields = (
        "client",
        "name",
        "kind",
        "shown_prefix",
        "shown_state",
        "rate_per_minute",
        "created",
        "ends",
        "last_used",
    )
    labels = {"rate_per_minute": "Requests per minute"}
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

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that rotate a key and watch for its first call."""
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/rotate/", view(self.rotate_view), name="gateway_key_rotate"),
            path("<uuid:key_id>/used/", view(self.used_view), name="gateway_key_used"),
            *super().get_urls(),
        ]

    def opening(self, record: Key) -> str:
        """Say first what needs doing."""
        return key_words(record)

    def page_context(self, request: HttpRequest, record: Key) -> dict[str, Any]:
        """Return who uses the key, and the way to its successor."""
        links = []
        if may_rotate(request, record):
            links.append({"label": "Rotate", "address": reverse("admin:gateway_key_rotate", args=(record.pk,))})
        if record.replaced_by_id:
            page = reverse("admin:gateway_key_change", args=(record.replaced_by_id,))
            links.append({"label": "The key that takes its place", "address": page})
        uses = KeyUse.objects.filter(key=record).order_by("-last_at")
        return {"links": links, "uses": uses[:MOST_USES], "use_count": uses.count(), "is_ended": not record.is_working}

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long both keys work; then show the new one, in this answer and nowhere else."""
        key = self.get_object(request, object_id)
        if key is None:
            raise Http404
        if not (request.user.has_perm("gateway.add_key") and self.has_change_permission(request, key)):
            raise PermissionDenied
        form = RotateForm(request.POST or None, initial={"hours": 0} if key.exposed_at else None)
        if request.method != "POST" or not form.is_valid():
            uses = KeyUse.objects.filter(key=key).order_by("-last_at")[:MOST_USES]
            return shown_once.page(
                request, key.client, "gateway/rotate_key.html", title=f"Rotate {key}", form=form, key=key, uses=uses
            )
        try:
            new, text = services.key_rotate(key=key, overlap=timedelta(hours=form.cleaned_data["hours"]))
        except services.CannotRotate as err:
            self.say(request, str(err), is_good=False)
            return HttpResponseRedirect(reverse("admin:gateway_key_change", args=(key.pk,)))
        self.log_change(request, key, f"Rotated: {new} takes its place.")
        key.refresh_from_db()
        return shown_once.key_page(request, new, text, replaced=key)

    def used_view(self, request: HttpRequest, key_id: Any) -> HttpResponse:
        """Tell the page that showed a key whether its first call has arrived; 286 ends the asking."""
        if not request.user.has_perm("gateway.view_key"):
            raise PermissionDenied
        used_at = Key.objects.filter(pk=key_id).values_list("last_used_at", flat=True).first()
        context = {"used_at": used_at}
        return TemplateResponse(request, "gateway/includes/first_call.html", context, status=286 if used_at else 200)

    @button(
        "Revoke",
        confirm="Whatever uses this key is refused within seconds, for good. Revoke it?",
        is_shown=lambda key: key.is_working,
    )
    def revoke(self, request: HttpRequest, key: Key) -> None:
        """End this key."""
        services.key_revoke(key=key)
        self.say(request, f"{key} is revoked; calls with it are refused within 5 seconds.")

    @admin.action(description="Revoke", permissions=["press"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Key]) -> None:
        """End the selected keys."""
        keys = [key for key in queryset if key.is_working]
        for key in keys:
            services.key_revoke(key=key)
        self.say(request, f"{counted(len(keys), 'key')} revoked; calls with them are refused within 5 seconds.")
