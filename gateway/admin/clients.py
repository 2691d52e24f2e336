"""Clients: what they may do, from where, and the keys they do it with."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
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
from gateway.admin import shown_once
from gateway.admin.client_keys import key_rows
from gateway.admin.keys import KeyForm
from gateway.admin.networks import shut_out
from gateway.models import Client
from gateway.scopes import DEFAULT_SCOPES, SCOPES
from gateway.validators import is_redirect_address
from runtime.admin import PageAdmin, button
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


def redirect_address(text: str) -> str:
    """Return an address people are sent back to. Raises: ValueError that says what would be one."""
    if not is_redirect_address(text):
        raise ValueError("write https://app.example/callback; plain http:// only for 127.0.0.1, [::1] or localhost.")
    return text


class RedirectsField(LinesField):
    """The addresses people are sent back to, typed one per line, kept as the OAuth toolkit has them."""

    def prepare_value(self, value: Any) -> Any:
        """Show them as lines."""
        return "\n".join(value.split()) if isinstance(value, str) and "\n" not in value else value

    def clean(self, value: Any) -> str:  # type: ignore[override] # one text instead of lines
        """Return the addresses, parted by spaces."""
        return " ".join(super().clean(value))


class ClientForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """What a client may do, and from where."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{words} ({scope})") for scope, words in SCOPES.items()],
        initial=DEFAULT_SCOPES,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="What this client may do.",
    )
    networks = LinesField(
        help_text="Addresses it may call from, one per line, such as 203.0.113.0/24 or 2001:db8::/32; empty: from "
        "anywhere."
    )
    origins = LinesField(
        check=origin,
        help_text="Web pages its publishable keys and visitors’ sessions work on, one per line, such as "
        "https://shop.example; empty: on none.",
    )
    redirect_uris = RedirectsField(
        check=redirect_address,
        label="Redirect addresses",
        help_text="For apps in which people of yours sign in (authorization code with PKCE): where they are sent back "
        "to, one per line, such as https://app.example/callback; empty: nobody signs in for this client.",
    )

    class Meta:
        model = Client
        fields = (
            "name",
            "is_active",
            "scopes",
            "networks",
            "networks_report_only",
            "origins",
            "rate_per_minute",
            "redirect_uris",
            "client_type",
        )
        labels = {
            "is_active": "Switched on",
            "rate_per_minute": "Requests per minute",
            "networks_report_only": "Only report",
            "client_type": "Its OAuth secret",
        }
        help_texts = {
            "name": "What people will call this chatbot or program.",
            "is_active": "Switched off, every key of this client is refused within seconds.",
            "networks_report_only": "Nobody is refused for the address yet; this page shows who would be.",
            "client_type": "Confidential: it runs on a server and keeps the secret. Public: it runs on people’s own "
            "machines, signs them in without the secret and proves itself by PKCE.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "name" in self.fields:  # absent for those who may only look
            self.fields["name"].required = True
            self.fields["client_type"].required = False
            self.fields["client_type"].initial = Client.CLIENT_CONFIDENTIAL

    def clean_client_type(self) -> str:
        """Take a server for granted."""
        chosen: str = self.cleaned_data["client_type"]
        return chosen or Client.CLIENT_CONFIDENTIAL


@admin.register(Client)
class ClientAdmin(PageAdmin):
    """Chatbots and other programs that call the API."""

    form = ClientForm
    change_form_template = "gateway/client.html"
    list_display = ("name", "shown_state", "shown_keys", "last_used", "shown_scopes", "rate_per_minute")
    list_filter = ("is_active",)
    empty_words = "No chatbot may call yet. Add one, then create a key for it."
    search_fields = ("name", "client_id")
    buttons = ("log_whole", "log_less", "renew_secret")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "scopes")}),
        (
            "From where, and how often",
            {"fields": ("networks", "networks_report_only", "origins", "rate_per_minute")},
        ),
        ("People who sign in with it", {"fields": ("redirect_uris", "client_type"), "classes": ("collapse",)}),
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
            networks_report_only=client.networks_report_only,
            redirect_uris=client.redirect_uris,
            client_type=client.client_type,
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
        secret: Secret = request.client_secret  # type: ignore[attr-defined]
        return self._secret_page(request, obj, secret, title=f"{obj.name} is ready", is_new=True)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that show a new key and a new OAuth secret."""
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/new-key/", view(self.new_key_view), name="gateway_client_new_key"),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, record: Client) -> dict[str, Any]:
        """The client's keys, who uses them, and the way to a new one."""
        links = []
        if request.user.has_perm("gateway.add_key"):
            links = [{"label": "Create key", "address": reverse("admin:gateway_client_new_key", args=(record.pk,))}]
        may_see_keys = request.user.has_perm("gateway.view_key")
        return {
            "links": links,
            "keys": key_rows(request, record) if may_see_keys else [],
            "shut_out": shut_out(record),
            "own_address": request.address,  # type: ignore[attr-defined]
        }

    def new_key_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask what kind of key; then show it, in this answer and nowhere else."""
        client = self.get_object(request, object_id)
        if client is None:
            raise Http404
        if not request.user.has_perm("gateway.add_key"):
            raise PermissionDenied
        form = KeyForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return shown_once.page(request, client, "gateway/new_key.html", title="Create key", form=form)
        key, text = services.key_create(client=client, **form.cleaned_data)
        self.log_change(request, client, f"Created key {key.prefix}….")
        return shown_once.key_page(request, key, text)

    @button("Log everything for 1 hour", is_shown=lambda client: not client.is_logged_whole)
    def log_whole(self, request: HttpRequest, client: Client) -> None:
        """Keep the bodies of all its calls, without secrets and personal data, to find out what it does."""
        services.client_log_whole(client=client)
        what = "what was sent and answered, without secrets and personal data"
        self.say(request, f"For an hour, every call of {client} is kept with {what}.")

    @button("Stop logging everything", is_shown=lambda client: client.is_logged_whole)
    def log_less(self, request: HttpRequest, client: Client) -> None:
        """Keep the bodies of refused calls alone, as usual."""
        services.client_log_whole(client=client, hours=0)
        self.say(request, f"Of {client}, only refused calls are kept with what was sent and answered.")

    @button(
        "New OAuth secret",
        confirm="What uses the present OAuth secret can't fetch tokens any more. Make a new one?",
    )
    def renew_secret(self, request: HttpRequest, client: Client) -> HttpResponse:
        """Replace the OAuth secret and show the new one, in this answer and nowhere else."""
        secret = services.client_secret_renew(client=client)
        return self._secret_page(request, client, secret, title=f"A new OAuth secret for {client}", is_new=False)

    def _secret_page(
        self, request: HttpRequest, client: Client, secret: Secret, *, title: str, is_new: bool
    ) -> HttpResponse:
        return shown_once.page(
            request,
            client,
            "gateway/client_created.html",
            title=title,
            secret=secret,
            is_new=is_new,
            address=request.build_absolute_uri("/").rstrip("/"),
        )
