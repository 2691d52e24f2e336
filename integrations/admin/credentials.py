"""Vendors' keys: written here, never read back."""

import hmac
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Count, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from integrations import services, signing_in
from integrations.admin.vendors import ProviderPageAdmin
from integrations.credential_forms import addresses, credential_form, main_fields, spare_fields
from integrations.credentials import QUARTER
from integrations.forms import address_refusal
from integrations.models import Credential
from integrations.providers import errors
from integrations.providers.base import Provider
from integrations.providers.registry import provider_class
from runtime import secrets
from runtime.admin import button
from runtime.clock import db_now
from runtime.display import ago, badge, counted

SignIn = Credential.SignIn

_SESSION = "signing_in"
_SIGNED_IN = ExpressionWrapper(Q(tokens__gt=""), output_field=BooleanField())
_WORDS = {
    SignIn.KEY: "with a key",
    SignIn.CLIENT_CREDENTIALS: "with a client id and secret",
    SignIn.AUTHORIZATION_CODE: "by signing in there",
    SignIn.JWT_BEARER: "with a private key (JWT)",
}


def _waits_for_consent(credential: Credential) -> bool:
    return credential.sign_in == SignIn.AUTHORIZATION_CODE


def _has_spare(credential: Credential) -> bool:
    return credential.spare_entered_at is not None


@admin.register(Credential)
class CredentialAdmin(ProviderPageAdmin):
    """Vendors' keys: written here, never read back."""

    list_display = ("name", "shown_provider", "host", "shown_state", "used_by", "changed")
    list_filter = ("provider",)
    search_fields = ("name", "host")
    empty_words = "No key is stored yet. A system needs one before it can be connected."
    ordering = ("name",)
    buttons = ("connect", "spare_test", "spare_swap")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        """Count who uses it, and leave the sealed text in the database."""
        rows: QuerySet[Credential] = (
            super()
            .get_queryset(request)
            .defer("sealed", "spare", "tokens")
            .annotate(connector_count=Count("connector"), is_signed_in=_SIGNED_IN)
        )
        return rows

    @admin.display(description="state")
    def shown_state(self, credential: Any) -> SafeString:
        """Whether the stored key can be opened and works, and whether it has grown old."""
        if credential.sealed_with not in secrets.known_key_ids():
            return badge("needs_you", "can't be opened: enter it again")
        if credential.trouble:
            return badge("needs_you", "no longer accepted")
        if _waits_for_consent(credential):
            return badge("active", "signed in") if credential.is_signed_in else badge("waiting", "not signed in yet")
        if _is_old(credential):
            return badge("needs_you", "older than 90 days: replace it")
        return badge("active", "stored")

    @admin.display(description="used by", ordering="connector_count")
    def used_by(self, credential: Any) -> str:
        """How many connectors use it."""
        return counted(credential.connector_count, "connector")

    @admin.display(description="changed", ordering="changed_at")
    def changed(self, credential: Credential) -> SafeString:
        """When the key or its host was changed last."""
        return ago(credential.changed_at)

    def get_fieldsets(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        """Ask for what the way to sign in needs; who may only look sees where it goes."""
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "shown_provider", "host", "changed")}),)
        sign_in = self._sign_in(request, obj)
        parts: list[Any] = [(None, {"fields": ("name", "host", *main_fields(self.provider_of(request, obj), sign_in))})]
        if obj is not None and spare_fields(sign_in):
            told = "Store the next key here, try it, then swap: at no time is there none that works."
            parts.append(("Replace it without a gap", {"fields": spare_fields(sign_in), "description": told}))
        return parts

    def _sign_in(self, request: HttpRequest, obj: Credential | None) -> str:
        if obj is not None:
            return obj.sign_in
        ways = self.provider_of(request, None).sign_ins
        wanted = request.GET.get("sign_in", "")
        return wanted if wanted in ways else ways[0]

    def choices_of(self, provider: type[Provider]) -> list[Mapping[str, str]]:
        """Offer each way to sign in."""
        ways = provider.sign_ins
        return [
            {"query": f"provider={provider.key}&sign_in={way}", "name": provider.name, "able": _WORDS[SignIn(way)]}
            for way in ways
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        """Show the system's name to those who may only look."""
        return () if obj is None or self.has_change_permission(request, obj) else ("shown_provider", "changed")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Use the form of the credential's provider."""
        if obj is None or self.has_change_permission(request, obj):
            refusals = getattr(request, "address_refusals", {})
            options["form"] = credential_form(self.provider_of(request, obj), self._sign_in(request, obj), refusals)
        return super().get_form(request, obj, change, **options)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Look addresses up before the page's transaction begins: a slow name server must not hold it open."""
        if request.method == "POST":
            refusals = {name: address_refusal(url) for name, url in addresses(request.POST).items()}
            request.address_refusals = refusals  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Credential:
        """Let the service seal and store it; the form's values never touch the row."""
        stored = Credential.objects.get(pk=form.instance.pk) if change else None
        form.save_m2m = lambda: None
        saved = services.credential_save(
            name=form.cleaned_data["name"],
            provider=form.provider_class.key,
            host=form.cleaned_data["host"],
            secrets=form.secrets(),
            sign_in=form.sign_in,
            settings=form.settings(),
            credential=stored,
        )
        if form.spare():
            signing_in.spare_save(credential=saved, values=form.spare())
        return saved

    def save_model(self, request: HttpRequest, obj: Credential, form: Any, change: bool) -> None:
        """The service has stored it."""

    def opening(self, record: Credential) -> str:
        """Say what is wrong with it, and what to do."""
        if record.sealed_with not in secrets.known_key_ids():
            return "The stored key can't be opened with this installation's ENCRYPTION_KEYS. Enter it again."
        if record.trouble:
            return str(record.trouble)
        if _waits_for_consent(record) and not record.tokens:
            return "Press Connect and agree at the vendor's."
        if _is_old(record):
            return "This key is more than 90 days old. Make a new one at the vendor's and store it as the second key."
        return ""

    def page_context(self, request: HttpRequest, record: Credential) -> Mapping[str, Any]:
        """Say which address the vendor has to know before one can sign in there."""
        if not _waits_for_consent(record):
            return {}
        return {"notice": "Enter this as redirect address at the vendor's:", "notice_code": self._callback(request)}

    def get_urls(self) -> list[URLPattern]:
        """Add the address a person comes back to from the vendor's page of consent."""
        view = self.admin_site.admin_view(self.connected_view)
        return [path("connected/", view, name="integrations_credential_connected"), *super().get_urls()]

    def _callback(self, request: HttpRequest) -> str:
        return request.build_absolute_uri(reverse("admin:integrations_credential_connected"))

    @button("Connect", is_primary=True, is_shown=_waits_for_consent)
    def connect(self, request: HttpRequest, credential: Credential) -> HttpResponse | None:
        """Show the way to the vendor's page of consent; what comes back has to belong to this session."""
        try:
            invited = signing_in.credential_invite(credential=credential, redirect_uri=self._callback(request))
        except errors.ProviderError as err:
            self.say(request, err.words, is_good=False)
            return None
        request.session[_SESSION] = {
            "credential": str(credential.pk),
            "state": invited.state,
            "verifier": invited.verifier,
        }
        # A page of ours, not a redirect: the admin's forms may lead nowhere else (form-action).
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Sign in at {provider_class(credential.provider).name}",
            "address": invited.url,
            "vendor": provider_class(credential.provider).name,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/sign_in.html", context)

    def connected_view(self, request: HttpRequest) -> HttpResponse:
        """Take the answer of the vendor's page of consent, once, if it belongs to what this session has begun."""
        begun: dict[str, str] = request.session.pop(_SESSION, None) or {"credential": "", "state": "", "verifier": ""}
        state = request.GET.get("state", "")
        credential = Credential.objects.filter(pk=begun["credential"]).first() if begun["credential"] else None
        if credential is None or not hmac.compare_digest(state.encode(), begun["state"].encode()):
            self.say(request, "This sign-in was not begun here, or twice. Press Connect once more.", is_good=False)
            return HttpResponseRedirect(reverse("admin:integrations_credential_changelist"))
        if not self.has_press_permission(request, credential):
            raise PermissionDenied
        self._conclude(request, credential, begun["verifier"])
        return HttpResponseRedirect(reverse("admin:integrations_credential_change", args=(credential.pk,)))

    def _conclude(self, request: HttpRequest, credential: Credential, verifier: str) -> None:
        code = request.GET.get("code", "")[:2000]
        if not code:
            self.say(request, "The sign-in was not agreed to at the vendor's. Nothing has changed.", is_good=False)
            return
        check = signing_in.credential_connect(
            credential=credential, code=code, verifier=verifier, redirect_uri=self._callback(request)
        )
        self.log_change(request, credential, "Signed in." if check.ok else "A sign-in failed.")
        self.say(request, check.words, is_good=check.ok)

    @button("Test the second key", is_shown=_has_spare)
    def spare_test(self, request: HttpRequest, credential: Credential) -> None:
        """Try the second key; nothing else is changed."""
        check = signing_in.spare_test(credential=credential)
        self.say(request, check.words, is_good=check.ok)

    @button("Use the second key", is_shown=_has_spare)
    def spare_swap(self, request: HttpRequest, credential: Credential) -> None:
        """Use the second key from now on, if it works."""
        check = signing_in.spare_swap(credential=credential)
        self.say(request, check.words, is_good=check.ok)


def _is_old(credential: Credential) -> bool:
    return not _waits_for_consent(credential) and credential.entered_at < db_now() - QUARTER
