"""Vendors' keys: written here, never read back."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from integrations import services
from integrations.admin.vendors import ProviderPageAdmin
from integrations.forms import credential_form
from integrations.models import Credential
from runtime import secrets
from runtime.display import ago, badge, counted


@admin.register(Credential)
class CredentialAdmin(ProviderPageAdmin):
    """Vendors' keys: written here, never read back."""

    list_display = ("name", "shown_provider", "host", "shown_state", "used_by", "changed")
    list_filter = ("provider",)
    search_fields = ("name", "host")
    empty_words = "No key is stored yet. A system needs one before it can be connected."
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        """Count who uses it, and leave the sealed text in the database."""
        rows: QuerySet[Credential] = (
            super().get_queryset(request).defer("sealed").annotate(connector_count=Count("connector"))
        )
        return rows

    @admin.display(description="state")
    def shown_state(self, credential: Credential) -> SafeString:
        """Whether the stored key can be opened."""
        if credential.sealed_with in secrets.known_key_ids():
            return badge("active", "stored")
        return badge("needs_you", "can't be opened: enter it again")

    @admin.display(description="used by", ordering="connector_count")
    def used_by(self, credential: Any) -> str:
        """How many connectors use it."""
        return counted(credential.connector_count, "connector")

    @admin.display(description="changed", ordering="changed_at")
    def changed(self, credential: Credential) -> SafeString:
        """When the key or its host was changed last."""
        return ago(credential.changed_at)

    def get_fieldsets(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        """Ask for the key; who may only look sees where it goes."""
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "shown_provider", "host", "changed")}),)
        user = ("username",) if self.provider_of(request, obj).auth == "basic" else ()
        return ((None, {"fields": ("name", "host", *user, "api_key")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        """Show the system's name to those who may only look."""
        return () if obj is None or self.has_change_permission(request, obj) else ("shown_provider", "changed")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Use the form of the credential's provider."""
        if obj is None or self.has_change_permission(request, obj):
            options["form"] = credential_form(self.provider_of(request, obj))
        return super().get_form(request, obj, change, **options)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Credential:
        """Let the service seal and store it; the form's values never touch the row."""
        stored = Credential.objects.get(pk=form.instance.pk) if change else None
        form.save_m2m = lambda: None
        return services.credential_save(
            name=form.cleaned_data["name"],
            provider=form.provider_class.key,
            host=form.cleaned_data["host"],
            secrets=form.secrets(),
            credential=stored,
        )

    def save_model(self, request: HttpRequest, obj: Credential, form: Any, change: bool) -> None:
        """The service has stored it."""

    def opening(self, record: Credential) -> str:
        """Say when the key is lost to us."""
        if record.sealed_with in secrets.known_key_ids():
            return ""
        return "The stored key can't be opened with this installation's ENCRYPTION_KEYS. Enter it again."
