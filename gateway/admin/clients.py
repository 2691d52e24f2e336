"""Clients: what they may do, from where, and the keys they do it with."""

from typing import Any

from django import forms
from django.contrib import admin
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

from gateway import services
from gateway.admin.keys import KeyForm, key_state
from gateway.models import Client, Key
from gateway.scopes import DEFAULT_SCOPES, SCOPES
from runtime.admin import PageAdmin
from runtime.clock import db_now
from runtime.display import ago, badge, counted
from runtime.forms import LinesField
from runtime.secrets import Secret

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
