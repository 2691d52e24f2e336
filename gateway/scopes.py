"""What a client may be allowed to do."""

SCOPES: dict[str, str] = {
    "query": "Ask questions",
    "leads:write": "Capture leads",
    "leads:read": "Read the leads it captured",
    "leads:read:all": "Read every lead",
    "leads:erase": "Erase leads for good, here and in every connected system",
    "lookups": "Look up orders, stock, products and FAQs",
    "webhooks": "Manage its webhook subscriptions",
    "events": "Read events",
}

DEFAULT_SCOPES = ("query", "leads:write", "leads:read", "lookups")

PUBLISHABLE_SCOPES = frozenset({"query", "leads:write", "lookups"})
"""The most a publishable key can do, whatever its client may: everybody can read it in the page's source."""

SESSION_SCOPES = frozenset({"query", "leads:write", "lookups"})
"""The most a visitor's session can do, whatever its client may."""

RIGHTS_OF_PEOPLE = {
    "leads:read": "leads.view_lead",
    "leads:read:all": "leads.view_lead",
    "webhooks": "webhooks.change_source",
    "events": "webhooks.view_inboundevent",
}
"""What a person must be allowed to do themselves to let an app do it for them."""
