"""System checks: every registered provider loads and declares what it must."""

from typing import Any

from django import forms
from django.core.checks import CheckMessage, Error

from integrations.providers.base import CAPABILITIES, Provider
from integrations.providers.registry import PROVIDERS, provider_class

_TEXTS = ("key", "name", "docs_url")
_EFFECTS = {"upsert", "search_then_create", "at_least_once"}
_AUTHS = {"bearer", "basic", "header", "query", "none"}
_SIGN_INS = {"key", "client_credentials", "authorization_code", "jwt_bearer"}


def check_providers(**_: Any) -> list[CheckMessage]:
    """Report providers that can't be loaded or leave out what the rest relies on."""
    return [message for key in sorted(PROVIDERS) for message in _check_provider(key)]


def _check_provider(key: str) -> list[CheckMessage]:
    try:
        provider = provider_class(key)
    except Exception as err:  # noqa: BLE001 (whatever a provider's module raises is what has to be reported)
        hint = f"PROVIDERS in integrations/providers/registry.py names {PROVIDERS[key]}."
        return [Error(f"The provider {key!r} cannot be loaded: {err!r}", hint=hint, id="integrations.E001")]
    return [
        Error(f"The provider {key!r} {lack}", hint="See integrations/providers/base.py.", id="integrations.E002")
        for lack in lacks(key, provider)
    ]


def lacks(key: str, provider: Any) -> list[str]:
    """Return what is missing or wrong in a provider's declarations, as ends of a sentence."""
    if not isinstance(provider, type) or not issubclass(provider, Provider):
        return ["is no Provider"]
    capabilities = {name for name, capability in CAPABILITIES.items() if issubclass(provider, capability)}
    faults = [
        (any(not getattr(provider, name, "") for name in _TEXTS), f"lacks one of {', '.join(_TEXTS)}"),
        (getattr(provider, "key", "") != key, f"calls itself {getattr(provider, 'key', '')!r}"),
        (not capabilities, "has no capability"),
        ("contacts" in capabilities and not provider.identifiers, "keeps contacts and names no identifiers"),
        (provider.effect not in _EFFECTS, f"has the unknown effect {provider.effect!r}"),
        (provider.has_idempotency_key and provider.effect != "at_least_once", "has an idempotency key for nothing"),
        (provider.auth not in _AUTHS, f"has the unknown auth {provider.auth!r}"),
        (not set(provider.sign_ins) <= _SIGN_INS or not provider.sign_ins, "has an unknown way to sign in"),
        (set(provider.sign_ins) != {"key"} and provider.oauth is None, "signs in by OAuth and doesn't say where"),
        (not 1 <= provider.batch_size <= 10_000, "has a batch size outside 1 to 10,000"),
        (not 1 <= provider.max_in_flight <= 10, "has a max_in_flight outside 1 to 10"),
        (not issubclass(provider.config_form, forms.Form), "has a config_form that is no form"),
        (bool(getattr(provider, "__abstractmethods__", ())), "leaves methods of its capabilities out"),
    ]
    return [words for is_wrong, words in faults if is_wrong]
