"""What other systems say of consents: a withdrawal counts at once and everywhere, a consent only where it was ours.

`event.data` is `{"source": str, "connector"?: str, "email"?: str, "record_id"?: str, "purpose"?: str,
"occurred_at"?: str, "confirmed"?: "yes"}`.
"""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from integrations.models import Delivery
from integrations.subscriptions import SUBSCRIBE
from leads import consents
from leads.identity import NotAnIdentifier, email_normalized
from leads.models import Consent, Lead

if TYPE_CHECKING:
    from runtime.models import Event

UNSUBSCRIBED = "contact.unsubscribed"
SUBSCRIBED = "contact.subscribed"
Source = Consent.Source


def on_unsubscribed(event: "Event") -> None:
    """Take a system's word that somebody unsubscribed there: it reaches every connector from here.

    Without a purpose all that are granted end. What somebody has agreed to since stays.
    """
    asked, at = _text(event, "purpose"), _occurred_at(event)
    for lead in _people(event):
        for said in consents.in_force([lead.pk])[lead.pk].values():
            is_meant = said.granted and asked in {"", said.purpose}
            if is_meant and (at is None or at >= said.at):
                consents.consent_withdraw(
                    lead=lead, purpose=said.purpose, source=Source.VENDOR, who=_text(event, "source"), at=at
                )
    _forget_who(event)


def on_subscribed(event: "Event") -> None:
    """Take a vendor's word that somebody has confirmed by a mail what they had agreed to here; nothing else.

    What people agree to there was worded there, and may be somebody's click in a list: it gives us no consent.
    """
    purpose, at = _text(event, "purpose"), _occurred_at(event)
    for lead in _people(event) if _text(event, "confirmed") == "yes" else ():
        said = consents.in_force([lead.pk])[lead.pk].get(purpose)
        is_open = said is not None and said.granted and not said.is_confirmed and (at is None or at >= said.at)
        if is_open and _was_asked(lead, _connector_id(event)):
            given = consents.repeated(lead, purpose, granted=True, at=at)
            consents.consents_record(lead=lead, given=[given], source=Source.VENDOR, who=_text(event, "source"))
    _forget_who(event)


def _people(event: "Event") -> list[Lead]:
    """Return whom an event is about: by the address or, where that is nobody's here, by the vendor's id of them."""
    try:
        found = list(Lead.objects.with_email(email_normalized(_text(event, "email"))))
    except NotAnIdentifier:
        found = []
    connector_id, record_id = _connector_id(event), _text(event, "record_id")
    if found or connector_id is None or not record_id:
        return found
    known = Delivery.objects.known_as(connector_id, record_id).filter(subject_kind="lead")
    return list(Lead.objects.filter(pk__in=known.values("subject_id")))


def _was_asked(lead: Lead, connector_id: uuid.UUID | None) -> bool:
    """Tell whether we had a vendor ask somebody to confirm."""
    told = Delivery.objects.for_subject("lead", lead.pk).filter(connector=connector_id, operation=SUBSCRIBE)
    return told.filter(state=Delivery.State.DELIVERED).exists()


def _forget_who(event: "Event") -> None:
    """Empty the address: the event is kept for a while, whom it was about is known to the ledger alone."""
    if "email" in event.data:
        type(event).objects.filter(pk=event.pk).update(data={**event.data, "email": ""})


def _text(event: "Event", name: str) -> str:
    return str(event.data.get(name) or "")


def _connector_id(event: "Event") -> uuid.UUID | None:
    try:
        return uuid.UUID(_text(event, "connector"))
    except ValueError:
        return None


def _occurred_at(event: "Event") -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(event, "occurred_at"))
    except ValueError:
        return None
    return at if at.tzinfo else None
