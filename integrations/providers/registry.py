"""Every provider, by key; loaded when first asked for."""

from functools import cache
from importlib import import_module

from integrations.providers.base import Provider

PROVIDERS: dict[str, str] = {
    "brevo": "integrations.providers.brevo.provider.Brevo",
    "hubspot": "integrations.providers.hubspot.provider.HubSpot",
    "klaviyo": "integrations.providers.klaviyo.provider.Klaviyo",
    "mailchimp": "integrations.providers.mailchimp.provider.Mailchimp",
    "odoo": "integrations.providers.odoo.provider.Odoo",
    "salesforce": "integrations.providers.salesforce.provider.Salesforce",
    "shopify": "integrations.providers.shopify.provider.Shopify",
    "woocommerce": "integrations.providers.woocommerce.provider.WooCommerce",
}


@cache
def provider_class(key: str) -> type[Provider]:
    """Return a provider's class. Raises: KeyError for a key that is not registered."""
    module, _, name = PROVIDERS[key].rpartition(".")
    loaded: type[Provider] = getattr(import_module(module), name)
    return loaded
