"""Pages about a vendor: which one is asked first, as what is asked next depends on it."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from integrations.providers.base import CAPABILITIES, Provider
from integrations.providers.registry import PROVIDERS, provider_class
from runtime.admin import PageAdmin

# What the installation makes use of; a provider may know how to do more, which would be a promise here.
_CAPABILITY_WORDS = {
    "contacts": "takes leads",
    "erasure": "forgets people",
    "subscribers": "sends marketing",
    "schema": "tells its fields",
    "inventory": "knows stock",
    "orders": "knows orders",
    "events": "tells what happened",
    "changes": "is asked what happened",
}


def _known_provider(key: str) -> type[Provider] | None:
    return provider_class(key) if key in PROVIDERS else None


class ProviderPageAdmin(PageAdmin):
    """An admin whose add page first asks for the vendor: what is asked next depends on it."""

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the vendors to choose from, or the form for the one that was chosen."""
        if self._chosen(request):
            answer: HttpResponse = super().add_view(request, form_url, extra_context)
            return answer
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Which system?",
            "choices": [choice for key in sorted(PROVIDERS) for choice in self.choices_of(provider_class(key))],
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/choose_provider.html", context)

    def choices_of(self, provider: type[Provider]) -> list[Mapping[str, str]]:
        """Return what one may choose of a vendor: `{"query", "name", "able"}`."""
        able = [words for name, words in _CAPABILITY_WORDS.items() if issubclass(provider, CAPABILITIES[name])]
        return [{"query": f"provider={provider.key}", "name": provider.name, "able": ", ".join(able)}]

    def _chosen(self, request: HttpRequest) -> type[Provider] | None:
        return _known_provider(request.GET.get("provider", ""))

    def provider_of(self, request: HttpRequest, record: Any) -> type[Provider]:
        """Return the provider that a page is about. Raises: Http404 where its code is gone."""
        found = _known_provider(record.provider) if record else self._chosen(request)
        if found is None:
            raise Http404("This connector's provider is not part of this installation any more.")
        return found

    def opening_new(self, request: HttpRequest) -> str:
        """Say which vendor was chosen, and what for."""
        provider = self.provider_of(request, None)
        return f"A {self.opts.verbose_name} for {provider.name}."

    @admin.display(description="system", ordering="provider")
    def shown_provider(self, record: Any) -> str:
        """The vendor's name."""
        found = _known_provider(record.provider)
        return found.name if found else f"{record.provider} (unknown)"
