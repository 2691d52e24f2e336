"""Every provider, by key; loaded when first asked for."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from integrations.providers.base import Provider

PROVIDERS: dict[str, str] = {
    "brevo": "integrations.providers.brevo.provider.Brevo",
    "hubspot": "integrations.providers.hubspot.provider.HubSpot",
    "klaviyo": "integrations.providers.klaviyo.provider.Klaviyo",
    "mailchimp": "integrations.providers.mailchimp.provider.Mailchimp",
    "odoo": "integrations.providers.odoo.provider.Odoo",
    "rest": "integrations.providers.rest.provider.Rest",
    "salesforce": "integrations.providers.salesforce.provider.Salesforce",
    "shopify": "integrations.providers.shopify.provider.Shopify",
    "tryton": "integrations.providers.tryton.provider.Tryton",
    "woocommerce": "integrations.providers.woocommerce.provider.WooCommerce",
}


@cache
def provider_class(key: str) -> type[Provider]:
    """Return a provider's class. Raises: KeyError for a key that is not registered."""
    module, _, name = PROVIDERS[key].rpartition(".")
    loaded: type[Provider] = getattr(import_module(module), name)
    return loaded


class Configured(Protocol):
    """A connector, as far as it says which provider it is of and what that was told."""

    @property
    def provider(self) -> str: ...
    @property
    def config(self) -> Mapping[str, Any]: ...


def class_of(connector: Configured) -> type[Provider]:
    """Return the provider of a connector with just what this connector can do. Raises: KeyError."""
    return provider_class(connector.provider).configured(connector.config)


def is_able(connector: Configured, capability: type | tuple[type, ...]) -> bool:
    """Tell whether a connector can do something (a class of `capabilities`); one whose provider is gone can't."""
    return connector.provider in PROVIDERS and issubclass(class_of(connector), capability)
