"""An order is shown to the person it belongs to, and to nobody else."""

import hmac
import time
import uuid

import phonenumbers

from engine import attempts, slots
from gateway.models import Client
from integrations import lookups
from integrations.lookups import Found
from integrations.providers.base import Order

REFUSED_AFTER_SECONDS = 0.5
"""No refusal comes sooner: an order that isn't there is looked up faster than one that is."""


def order_look_up(
    *,
    client: Client,
    number: str,
    email: str = "",
    phone: str = "",
    seconds: float,
    conversation_id: uuid.UUID | None = None,
) -> Found[Order] | None:
    """Return an order whose e-mail address or phone number was named, or None.

    None means both "no such order" and "not this person's": the caller can't tell them apart, by the answer or by
    the way it took.

    Raises: lookups.Unavailable, attempts.TooManyAttempts.
    """
    started = time.monotonic()
    number = slots.clean_order_number(number)
    contact = slots.email_or_nothing(email) or phone
    attempt = attempts.begin(client_id=client.pk, number=number, contact=contact, conversation_id=conversation_id)
    try:
        found = lookups.order(number, deadline=seconds)
    except lookups.Unavailable:
        attempt.take_back()
        raise
    if found.value is None or not belongs_to(found.value, email=email, phone=phone):
        time.sleep(max(0.0, min(REFUSED_AFTER_SECONDS, seconds) - (time.monotonic() - started)))
        return None
    attempt.take_back()
    return found


def belongs_to(order: Order, *, email: str = "", phone: str = "") -> bool:
    """Tell whether the order was placed with this e-mail address or this phone number."""
    return _is_same_email(order.email, email) or _is_same_phone(order.phone, phone)


def _is_same_email(ours: str, theirs: str) -> bool:
    known, said = slots.email_or_nothing(ours), slots.email_or_nothing(theirs)
    return bool(known) and hmac.compare_digest(known.encode(), said.encode())


def _is_same_phone(ours: str, theirs: str) -> bool:
    """Compare in full; a number kept without its country code fits where the rest is the same."""
    if not ours or not theirs:
        return False
    match = phonenumbers.is_number_match(ours[:40], theirs[:40])
    return match in {phonenumbers.MatchType.EXACT_MATCH, phonenumbers.MatchType.NSN_MATCH}
