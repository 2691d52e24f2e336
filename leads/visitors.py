"""Leads that a page captures by itself: with a publishable key for anybody, with a session for its own visitor."""

import time
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from gateway.authentication import Caller
from gateway.models import Session
from leads.serializers import read_lead
from leads.services import LeadData

TRAP = "website"
"""A field that people don't see and programs fill in: what has it filled is answered as usual and not taken."""

ANSWERED_AFTER_SECONDS = 0.1
"""No answer to a page comes sooner: a person we know is written faster or slower than one we don't."""


def read_visitor_lead(caller: Caller, body: Any) -> LeadData | None:
    """Return what a page sent, validated; None where it fell into the trap. Raises: ValidationError."""
    if not isinstance(body, Mapping):
        return read_lead(body)
    fields = {name: value for name, value in body.items() if name != TRAP}
    if body.get(TRAP):
        return None
    if caller.session is not None:
        return _own_lead(caller.session, fields)
    if fields.get("reference"):
        # Numbers of customers can be counted up; who named somebody else's would write into their record.
        raise ValidationError({"reference": ["Only your server may say it, with a secret key or a session."]})
    return read_lead(fields)


def _own_lead(session: Session, fields: Mapping[str, Any]) -> LeadData:
    own = {name: getattr(session, name) for name in ("email", "phone", "reference")}
    data = read_lead({**{name: value for name, value in own.items() if value}, **fields})
    # A number to call back may be added to a known address: it identifies nobody then.
    is_extra_phone = not own["phone"]
    foreign = [name for name in own if getattr(data, name) != own[name] and not (name == "phone" and is_extra_phone)]
    if foreign:
        message = "A session captures for its own visitor alone; leave this out."
        raise ValidationError({name: [message] for name in foreign})
    return data


def hold(started: float) -> None:
    """Wait until an answer may leave; `started` is by the monotonic clock."""
    time.sleep(max(0.0, ANSWERED_AFTER_SECONDS - (time.monotonic() - started)))
