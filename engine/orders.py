"""An order, and whatever else says whose it is, is shown to the person it belongs to, and to nobody else."""

import hmac
import time
import uuid
from collections.abc import Callable
from typing import Any

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
    number = slots.clean_order_number(number)
    return look_up_theirs(
        lambda: lookups.order(number, deadline=seconds),
        lambda order: belongs_to(order.email, order.phone, email=email, phone=phone),
        client=client,
        about=number,
        email=email,
        phone=phone,
        seconds=seconds,
        conversation_id=conversation_id,
    )


def look_up_theirs(
    look_up: Callable[[], Found[Any]],
    is_theirs: Callable[[Any], bool],
    *,
    client: Client,
    about: str,
    email: str,
    phone: str,
    seconds: float,
    conversation_id: uuid.UUID | None,
) -> Found[Any] | None:
    """Return what a look-up finds if it is theirs who named this address or number, or None.

    Tries are counted by what they are `about`. None means both "there is none" and "not theirs", as above.

    Raises: lookups.Unavailable, attempts.TooManyAttempts.
    """
    started = time.monotonic()
    contact = slots.email_or_nothing(email) or phone
    attempt = attempts.begin(client_id=client.pk, number=about, contact=contact, conversation_id=conversation_id)
    try:
        found = look_up()
    except lookups.Unavailable:
        attempt.take_back()
        raise
    if found.value is None or not is_theirs(found.value):
        time.sleep(max(0.0, min(REFUSED_AFTER_SECONDS, seconds) - (time.monotonic() - started)))
        return None
    attempt.take_back()
    return found


def belongs_to(known_email: str, known_phone: str, *, email: str = "", phone: str = "") -> bool:
    """Tell whether what is known of somebody has this e-mail address or this phone number."""
    return _is_same_email(known_email, email) or _is_same_phone(known_phone, phone)


def _is_same_email(ours: str, theirs: str) -> bool:
    known, said = slots.email_or_nothing(ours), slots.email_or_nothing(theirs)
    return bool(known) and hmac.compare_digest(known.encode(), said.encode())


def _is_same_phone(ours: str, theirs: str) -> bool:
    """Compare in full; a number kept without its country code fits where the rest is the same."""
    if not ours or not theirs:
        return False
    match = phonenumbers.is_number_match(ours[:40], theirs[:40])
    return match in {phonenumbers.MatchType.EXACT_MATCH, phonenumbers.MatchType.NSN_MATCH}
