"""The vendors the sandbox imitates."""

from __future__ import annotations

from integrations.sandbox.brevo import Brevo
from integrations.sandbox.hubspot import HubSpot
from integrations.sandbox.klaviyo import Klaviyo
from integrations.sandbox.mailchimp import Mailchimp
from integrations.sandbox.odoo import Odoo
from integrations.sandbox.rest import Rest
from integrations.sandbox.salesforce import Salesforce
from integrations.sandbox.shopify import Shopify
from integrations.sandbox.vendor import Vendor
from integrations.sandbox.woocommerce import WooCommerce

VENDORS: tuple[type[Vendor], ...] = (
    HubSpot,
    Odoo,
    Brevo,
    Mailchimp,
    Salesforce,
    Klaviyo,
    Shopify,
    WooCommerce,
    Rest,
)
