"""A lead as Odoo's sales pipeline keeps it (addons/crm/models/crm_lead.py of Odoo 19). Pure."""

from collections.abc import Sequence
from typing import Any

from integrations.providers.base import Contact
from integrations.providers.enquiries import added_as_html
from integrations.providers.values import Record, text

# “Referred By”: a text that leads have had in every Odoo. It holds our id, for which an Odoo has no field of its own.
ID_FIELD = "referred"
FIELDS = (ID_FIELD, "active", "probability", "description", "email_from")


def domain(contact: Contact) -> list[Any]:
    """Return what finds a contact's leads: our id, or the e-mail address."""
    ours = [ID_FIELD, "=", contact.mark]
    return ["|", ours, ["email_normalized", "=", contact.email]] if contact.email else [ours]


def is_open(lead: Record) -> bool:
    """Tell whether a lead is neither lost, which archives it, nor won."""
    return lead.get("active") is not False and lead.get("probability") != 100


def chosen(found: Sequence[Record], contact: Contact) -> tuple[Record | None, bool]:
    """Return the lead to write, and whether it is the one that we made; none where a new one is to be made.

    One that is lost or won there stays so: when the person asks again, that is a new lead.
    """
    ours = [lead for lead in found if lead.get(ID_FIELD) == contact.mark]
    for lead in (*ours, *found):
        if is_open(lead):
            return lead, lead in ours
    return (ours[0], True) if ours and not contact.enquiries else (None, False)


def new(contact: Contact) -> dict[str, Any]:
    """Return a lead to be made. Its `type` is left to Odoo, which knows whether the company works with leads."""
    ours = {ID_FIELD: contact.mark, **({"email_from": contact.email} if contact.email else {})}
    mapped = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in contact.fields.items()
    }
    return {"description": added_as_html("", contact.enquiries), **mapped, **ours}


def changes(lead: Record, contact: Contact, *, is_ours: bool) -> dict[str, Any]:
    """Return what is to be written: everything into a lead of ours, into others' what isn't there yet."""
    if not is_open(lead):
        return {}
    told = new(contact)
    if not is_ours:
        told = {name: value for name, value in told.items() if not lead.get(name)}
    if "description" not in contact.fields:
        told["description"] = added_as_html(text(lead.get("description")), contact.enquiries)
    return told
