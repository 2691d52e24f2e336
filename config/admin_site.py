"""The admin site: its looks, and a sidebar grouped as people think."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from gateway import sign_in, sign_in_pages


class OTPAdminMixin:
    """Lets nobody in whose second factor is due."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether a person may see the admin: signed in, with the code where one is needed."""
        if not super().has_permission(request):  # type: ignore[misc] # the site that this is mixed into
            return False
        person: Any = request.user
        return bool(person.is_verified()) or not self._needs_code(request)

    def _needs_code(self, request: HttpRequest) -> bool:
        # A page asks several times; the database need not be.
        if not hasattr(request, "needs_code"):
            request.needs_code = sign_in.needs_code(request.user)  # type: ignore[attr-defined, arg-type]
        return bool(request.needs_code)  # type: ignore[attr-defined]


class AdminSite(OTPAdminMixin, UnfoldAdminSite):  # type: ignore[misc] # unfold has no types
    """The admin of an installation."""

    index_title = "Home"
    empty_value_display = "–"

    def extra_urls(self) -> list[URLPattern]:
        """Add the pages that belong to no table: of the second factor, and the funnel."""
        from config import funnel_page

        return [
            path("funnel/", self.admin_view(funnel_page.show), name="funnel"),
            path("second-factor/code/", sign_in_pages.code_page, name="second_factor_code"),
            path("second-factor/set-up/", sign_in_pages.set_up_page, name="second_factor_set_up"),
            path("second-factor/", self.admin_view(sign_in_pages.overview_page), name="second_factor"),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Leave the colours to admin.css: unfold would write them into the page, where browsers take none.

        What is to be said of keys is only asked for by pages that show it.
        """
        from config.dashboard import soon

        about_keys = SimpleLazyObject(lambda: soon.notice(request))
        return {**super().each_context(request), "colors": None, "about_keys": about_keys}

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask for name and password; who is signed in and only lacks the code is asked for that."""
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        person = request.user
        if request.method == "GET" and person.is_authenticated and person.is_staff and person.is_active:
            sign_in.begin(request, person, request.GET.get("next", ""))  # people are Users
            return redirect("admin:second_factor_code")
        answer: Any = sign_in_pages.PasswordPage.as_view()(request)
        return answer  # type: ignore[no-any-return]

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign out, and say so."""
        view = LogoutView.as_view(template_name="admin/sign_in/signed_out.html", extra_context={"title": "Signed out"})
        answer: HttpResponse = view(request)
        return answer


# Group → (title, icon, app label, model name).
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Leads",
        (
            ("Leads", "person_search", "leads", "lead"),
            ("Exports", "download", "leads", "export"),
            ("Imports", "upload", "leads", "import"),
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
            ("Admin networks", "lan", "gateway", "adminnetwork"),
            ("Audit trail", "history_edu", "gateway", "auditentry"),
            ("How long data is kept", "auto_delete", "runtime", "retention"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar: what this person may see, in the order of the day's work."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [
        {"title": title, "items": [_item(*item) for item in items if _may_view(request, *item[2:])]}
        for title, items in _GROUPS
    ]
    if request.user.has_perm("leads.view_lead"):
        funnel = {"title": "Funnel", "icon": "filter_alt", "link": reverse("admin:funnel")}
        groups[0]["items"].append(funnel)
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


def account(request: HttpRequest) -> list[dict[str, str]]:
    """Return the entries of a person's own menu."""
    return [
        {"title": "Change password", "link": reverse("admin:password_change")},
        {"title": "Second factor", "link": reverse("admin:second_factor")},
    ]
