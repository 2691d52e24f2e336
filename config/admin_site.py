"""The admin site: its looks, and a sidebar grouped as people think."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from unfold.sites import UnfoldAdminSite


class AdminSite(UnfoldAdminSite):  # type: ignore[misc] # unfold has no types
    """The admin of an installation."""

    index_title = "Home"
    empty_value_display = "–"


# Group → (title, icon, app label, model name).
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Leads",
        (
            ("Leads", "person_search", "leads", "lead"),
            ("Exports", "download", "leads", "export"),
            ("Erasures", "person_off", "leads", "erasure"),
            ("Export plans", "event_repeat", "leads", "exportplan"),
            ("Deliveries", "send", "integrations", "delivery"),
        ),
    ),
    (
        "Connections",
        (
            ("Connectors", "cable", "integrations", "connector"),
            ("Syncs", "sync", "integrations", "sync"),
            ("Credentials", "key", "integrations", "credential"),
            ("Mappings", "conversion_path", "integrations", "mappingversion"),
            ("Calls", "swap_vert", "integrations", "call"),
        ),
    ),
    (
        "Answers",
        (
            ("Intents", "psychology_alt", "engine", "intent"),
            ("FAQs", "help", "engine", "faq"),
            ("Conversations", "forum", "engine", "conversation"),
        ),
    ),
    (
        "Chatbots",
        (
            ("Clients", "smart_toy", "gateway", "client"),
            ("Keys", "vpn_key", "gateway", "key"),
            ("API requests", "receipt_long", "gateway", "requestlog"),
        ),
    ),
    (
        "Events",
        (("Sources", "input", "webhooks", "source"), ("Webhook events", "webhook", "webhooks", "inboundevent")),
    ),
    (
        "People",
        (
            ("People", "group", "gateway", "user"),
            ("Groups", "groups", "auth", "group"),
            ("Admin networks", "lan", "gateway", "adminnetwork"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar: what this person may see, in the order of the day's work."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    groups = [
        {"title": title, "items": [_item(*item) for item in items if _may_view(request, *item[2:])]}
        for title, items in _GROUPS
    ]
    return [{"items": [home]}, *groups]


def _item(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{app}_{model}_changelist"),
        "active": _is_in(app, model),
    }


def _is_in(app: str, model: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.path.startswith(reverse(f"admin:{app}_{model}_changelist"))


def _may_view(request: HttpRequest, app: str, model: str) -> bool:
    page = admin.site.get_model_admin(apps.get_model(app, model))
    return bool(page.has_view_or_change_permission(request))


def environment(request: HttpRequest) -> list[str] | None:
    """Return the label in the corner of every page: demo data must not be mistaken for the real thing."""
    return ["Demo", "warning"] if settings.DEMO_MODE else None


def stylesheet(request: HttpRequest) -> str:
    """Return the address of our own styles."""
    return static("config/admin.css")


def script(request: HttpRequest) -> str:
    """Return the address of our own script."""
    return static("config/admin.js")


def icon(request: HttpRequest) -> str:
    """Return the address of the icon in the browser's tab."""
    return static("config/icon.svg")


def colours(request: HttpRequest) -> dict[str, str]:
    """Return the shades of the one colour that means "press here"."""
    return {
        "50": "oklch(97.5% .014 195)",
        "100": "oklch(94.5% .032 195)",
        "200": "oklch(89% .058 195)",
        "300": "oklch(81% .085 195)",
        "400": "oklch(72% .1 195)",
        "500": "oklch(66% .105 197)",
        "600": "oklch(50% .085 200)",
        "700": "oklch(44% .075 202)",
        "800": "oklch(38% .062 204)",
        "900": "oklch(33% .052 206)",
        "950": "oklch(25% .042 208)",
    }
