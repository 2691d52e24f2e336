"""Roles: what a person may do, in words and as permissions; a person has one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, Permission

_ALL = ("view", "add", "change", "delete")


@dataclass(frozen=True, slots=True)
class Role:
    """A role: `words` for the person who gives it, `grants` as `{"app.model": ("view", …)}`."""

    name: str
    words: str
    grants: Mapping[str, Iterable[str]] = field(default_factory=dict)


ADMINISTRATOR = "Administrator"
CONNECTOR_MANAGER = "Connector manager"
ANALYST = "Analyst"
VIEWER = "Viewer"

ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            ADMINISTRATOR,
            "may do everything: people, clients and their keys, the audit trail, and all of the below",
        ),
        Role(
            CONNECTOR_MANAGER,
            "connects systems and mends what stops: connectors, credentials, sources of events, intents and FAQs; sees "
            "leads, sends them again; no keys, no people, no export",
            {
                "leads.lead": ("view", "change"),
                "integrations.connector": _ALL,
                "integrations.mappingversion": _ALL,
                "integrations.credential": _ALL,
                "integrations.delivery": ("view", "change"),
                "integrations.call": ("view",),
                "webhooks.source": _ALL,
                "webhooks.inboundevent": ("view", "change"),
                "engine.intent": _ALL,
                "engine.example": _ALL,
                "engine.slot": _ALL,
                "engine.faq": _ALL,
                "engine.conversation": ("view",),
                "gateway.client": ("view",),
                "gateway.requestlog": ("view",),
            },
        ),
        Role(
            ANALYST,
            "reads and exports leads, reads conversations, intents and FAQs; sees no connectors, credentials or keys",
            {
                "leads.lead": ("view",),
                "leads.personal": ("view",),
                "leads.export": _ALL,
                "leads.exportplan": _ALL,
                "integrations.delivery": ("view",),
                "engine.intent": ("view",),
                "engine.example": ("view",),
                "engine.slot": ("view",),
                "engine.faq": ("view",),
                "engine.conversation": ("view",),
            },
        ),
        Role(
            VIEWER,
            "sees whether everything works: connectors, sources, clients, intents and FAQs; nothing about leads or "
            "visitors, and changes nothing",
            {
                "integrations.connector": ("view",),
                "integrations.mappingversion": ("view",),
                "webhooks.source": ("view",),
                "engine.intent": ("view",),
                "engine.example": ("view",),
                "engine.slot": ("view",),
                "engine.faq": ("view",),
                "gateway.client": ("view",),
            },
        ),
    )
}


def sync(**signal: Any) -> None:
    """Make the roles' groups and give them exactly what they grant (after each migration)."""
    known = {
        (row.content_type.app_label, row.codename): row for row in Permission.objects.select_related("content_type")
    }
    for role in ROLES.values():
        group, _ = Group.objects.get_or_create(name=role.name)
        wanted = (
            set(known.values()) if role.name == ADMINISTRATOR else {known[key] for key in _keys(role) if key in known}
        )
        if set(group.permissions.all()) != wanted:
            group.permissions.set(wanted)


def _keys(role: Role) -> Iterable[tuple[str, str]]:
    for label, actions in role.grants.items():
        app, model = label.split(".")
        yield from ((app, f"{action}_{model}") for action in actions)
