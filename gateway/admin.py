"""Who may call: clients and their keys; who may sign in: people; and what was called."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from oauth2_provider.models import (
    get_access_token_model,
    get_device_grant_model,
    get_grant_model,
    get_id_token_model,
    get_refresh_token_model,
)
from unfold import widgets
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from gateway import services
from gateway.models import Client, Key, RequestLog, User
from gateway.scopes import DEFAULT_SCOPES, SCOPES
from runtime.admin import PageAdmin, RecordAdmin, button
from runtime.clock import db_now
from runtime.display import ago, badge, body, counted, milliseconds
from runtime.forms import LinesField
from runtime.secrets import Secret

SOON = timedelta(days=14)
"""How long before its end a key is worth a reminder."""

# The OAuth toolkit registers its own pages; tokens are nobody's reading, and a client has a better page here.
for _model in (
    Client,
    get_access_token_model(),
    get_device_grant_model(),
    get_grant_model(),
    get_id_token_model(),
    get_refresh_token_model(),
):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
admin.site.unregister(Group)


def origin(text: str) -> str:
    """Return an origin as browsers send it; what is none is left for the model's validator to name."""
    return text.lower().rstrip("/")


class ClientForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """What a client may do, and from where."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{words} ({scope})") for scope, words in SCOPES.items()],
        initial=DEFAULT_SCOPES,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="What this client may do.",
    )
    networks = LinesField(help_text="Addresses it may call from, one per line; empty: from anywhere.")
    origins = LinesField(
        check=origin,
        help_text="Web pages its publishable keys work on, one per line, such as https://shop.example; empty: on none.",
    )

    class Meta:
        model = Client
        fields = ("name", "is_active", "scopes", "networks", "origins", "rate_per_minute")
        labels = {"is_active": "Switched on", "rate_per_minute": "Requests per minute"}
        help_texts = {
            "name": "What people will call this chatbot or program.",
            "is_active": "Switched off, every key of this client is refused within seconds.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "name" in self.fields:  # absent for those who may only look
            self.fields["name"].required = True


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


@admin.register(Client)
class ClientAdmin(PageAdmin):
    """Chatbots and other programs that call the API."""

    form = ClientForm
    change_form_template = "gateway/client.html"
    list_display = ("name", "shown_state", "shown_keys", "last_used", "shown_scopes", "rate_per_minute")
    list_filter = ("is_active",)
    empty_words = "No chatbot may call yet. Add one, then create a key for it."
    search_fields = ("name", "client_id")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "scopes")}),
        ("From where, and how often", {"fields": ("networks", "origins", "rate_per_minute")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        """Count the keys that work, in the same statement."""
        alive = Q(keys__revoked_at=None, keys__expires_at__gt=db_now())
        rows: QuerySet[Client] = (
            super()
            .get_queryset(request)
            .annotate(key_count=Count("keys", filter=alive), used_at=Max("keys__last_used_at"))
        )
        return rows

    def has_delete_permission(self, request: HttpRequest, obj: Client | None = None) -> bool:
        """A client is switched off, not deleted: what it captured and said stays explained."""
        return False

    @admin.display(description="state", ordering="is_active")
    def shown_state(self, client: Client) -> SafeString:
        """Whether its keys work."""
        return badge("active", "on") if client.is_active else badge("off")

    @admin.display(description="keys", ordering="key_count")
    def shown_keys(self, client: Any) -> str:
        """How many keys work now."""
        return counted(client.key_count, "key")

    @admin.display(description="last call", ordering="used_at")
    def last_used(self, client: Any) -> SafeString:
        """When one of its keys was used last."""
        return ago(client.used_at)

    @admin.display(description="may")
    def shown_scopes(self, client: Client) -> str:
        """Its scopes."""
        return ", ".join(client.scopes)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Client:
        """A new client is made by its service, which also makes its OAuth secret."""
        client: Client = form.save(commit=False)
        if change:
            return client
        client, secret = services.client_create(
            name=client.name,
            scopes=client.scopes,
            networks=client.networks,
            origins=client.origins,
            rate_per_minute=client.rate_per_minute,
        )
        request.client_secret = secret  # type: ignore[attr-defined] # for this answer alone
        if client.is_active != form.cleaned_data["is_active"]:
            client.is_active = form.cleaned_data["is_active"]
            client.save(update_fields=["is_active"])
        return client

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Write what changed; a new one has been written already."""
        if change:
            super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Client, post_url_continue: str | None = None) -> HttpResponse:
        """Show the OAuth secret, in this answer and nowhere else."""
        return self._page(
            request,
            obj,
            "gateway/client_created.html",
            title=f"{obj.name} is ready",
            secret=request.client_secret,  # type: ignore[attr-defined]
            address=request.build_absolute_uri("/").rstrip("/"),
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that create a key and watch for its first call."""
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/new-key/", view(self.new_key_view), name="gateway_client_new_key"),
            path("keys/<uuid:key_id>/used/", view(self.key_used_view), name="gateway_key_used"),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, record: Client) -> dict[str, Any]:
        """The client's keys, and the way to a new one."""
        links = []
        if request.user.has_perm("gateway.add_key"):
            links = [{"label": "Create key", "address": reverse("admin:gateway_client_new_key", args=(record.pk,))}]
        keys = record.keys.order_by("-created_at")[:20] if request.user.has_perm("gateway.view_key") else []
        return {"links": links, "keys": [{"row": key, "state": key_state(key)} for key in keys]}

    def new_key_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask what kind of key; then show it, in this answer and nowhere else."""
        client = self.get_object(request, object_id)
        if client is None:
            raise Http404
        if not request.user.has_perm("gateway.add_key"):
            raise PermissionDenied
        form = KeyForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._page(request, client, "gateway/new_key.html", title="Create key", form=form)
        key, text = services.key_create(client=client, **form.cleaned_data)
        self.log_change(request, client, f"Created key {key.prefix}….")
        return self._page(
            request, client, "gateway/key_once.html", title="Your new key", **_examples(request, client, key, text)
        )

    def key_used_view(self, request: HttpRequest, key_id: Any) -> HttpResponse:
        """Tell the page that showed a key whether its first call has arrived; 286 ends the asking."""
        if not request.user.has_perm("gateway.view_key"):
            raise PermissionDenied
        used_at = Key.objects.filter(pk=key_id).values_list("last_used_at", flat=True).first()
        context = {"used_at": used_at}
        return TemplateResponse(request, "gateway/includes/first_call.html", context, status=286 if used_at else 200)

    def _page(self, request: HttpRequest, client: Client, template: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        whole = {**self.admin_site.each_context(request), "opts": self.opts, "client": client, **context}
        return TemplateResponse(request, template, whole)


def _examples(request: HttpRequest, client: Client, key: Key, text: Secret) -> dict[str, Any]:
    return {
        "key": key,
        "text": text,
        "address": request.build_absolute_uri("/").rstrip("/"),
        "can_ask": "query" in client.scopes,
        "can_capture": "leads:write" in client.scopes,
        "is_publishable": key.kind == Key.Kind.PUBLISHABLE,
        "origin": next(iter(client.origins), ""),
    }


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


class OutcomeFilter(admin.SimpleListFilter):
    """Requests by how they ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The outcomes a person looks for."""
        return [("ok", "answered"), ("refused", "refused (4xx)"), ("failed", "failed (5xx)"), ("slow", "over 1 second")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        """Narrow the list."""
        narrowed = {
            "ok": Q(status__lt=400),
            "refused": Q(status__range=(400, 499)),
            "failed": Q(status__gte=500),
            "slow": Q(duration_ms__gt=1000),
        }.get(self.value() or "")
        return queryset.filter(narrowed) if narrowed else queryset


@admin.register(RequestLog)
class RequestLogAdmin(RecordAdmin):
    """Every call to the API, scrubbed."""

    list_display = ("when", "shown_request", "shown_status", "code", "client", "took", "address")
    list_filter = (OutcomeFilter, "client", "at")
    list_select_related = ("client",)
    search_fields = ("request_id__exact", "route", "code__exact", "key_prefix__exact")
    search_help_text = "A request id, a path, an error's code or how a key starts"
    ordering = ("-at",)
    empty_words = "Nobody has called the API yet."
    fields = (
        "when",
        "shown_request",
        "shown_status",
        "code",
        "client",
        "key_prefix",
        "address",
        "took",
        "request_id",
        "shown_request_body",
        "shown_response_body",
    )
    readonly_fields = ("when", "shown_request", "shown_status", "took", "shown_request_body", "shown_response_body")

    @admin.display(description="when", ordering="at")
    def when(self, call: RequestLog) -> SafeString:
        """When it came in."""
        return ago(call.at)

    @admin.display(description="request", ordering="route")
    def shown_request(self, call: RequestLog) -> str:
        """What was asked for."""
        return f"{call.method} {call.route}"

    @admin.display(description="status", ordering="status")
    def shown_status(self, call: RequestLog) -> SafeString:
        """The answer's status."""
        state = "active" if call.status < 400 else "partial" if call.status < 500 else "unavailable"
        return badge(state, str(call.status))

    @admin.display(description="took", ordering="duration_ms")
    def took(self, call: RequestLog) -> str:
        """How long the answer took."""
        return milliseconds(call.duration_ms)

    @admin.display(description="request body")
    def shown_request_body(self, call: RequestLog) -> SafeString:
        """What was sent to us."""
        return body(call.request_body)

    @admin.display(description="answer")
    def shown_response_body(self, call: RequestLog) -> SafeString:
        """What we answered."""
        return body(call.response_body)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, PageAdmin):  # type: ignore[misc, type-arg] # both are ModelAdmin, stubbed apart
    """People who sign in here."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "is_active", "seen")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")

    @admin.display(description="last sign-in", ordering="last_login")
    def seen(self, person: User) -> SafeString:
        """When they signed in last."""
        return ago(person.last_login)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, PageAdmin):  # type: ignore[misc] # both are ModelAdmin, stubbed apart
    """What groups of people may do."""
