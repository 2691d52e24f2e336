"""What changes something is done after a person has said yes to just that, once, as a delivery.

The yes belongs to one question: it names the values, and has an id under which the change is done. Whoever says yes
twice, or in two requests at once, has it done once.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from engine.answers import one_line
from engine.models import Confirmation, Conversation
from engine.words import plain
from integrations import outbox
from integrations.models import Delivery
from integrations.providers.base import Contact
from integrations.subjects import Loaded
from runtime import events
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.wakeups import wake

if TYPE_CHECKING:
    # Workers do what was confirmed; they resolve nothing and can do without what that takes.
    from engine.catalogue import KnownIntent

KIND = Confirmation.KIND
DONE = "change.done"
ASKING = "?"
"""Where a conversation keeps which question waits for a yes; no slot can be named so, and no argument."""

_LOOK_SECONDS = 0.1
_LONGEST_SHOWN = 120
_LONGEST_YES = 100
_REVISION = 1
"""Of what was confirmed: it never changes."""

_YES = frozenset(
    {
        *("yes", "y", "yes please", "yep", "yeah", "ok", "okay", "sure", "do it", "please do", "go ahead", "confirm"),
        *("ja", "ja bitte", "oui", "si", "sí", "sim"),
    }
)
_NO_SIGNS = str.maketrans(".,!", "   ")
_NO = frozenset({"no", "n", "nope", "no thanks", "no thank you", "cancel", "stop", "don't", "nein", "non", "não"})


def is_yes(prompt: str) -> bool:
    """Tell whether a prompt is a yes and nothing else: one that adds something has to be asked about."""
    return _bare(prompt) in _YES


def is_no(prompt: str) -> bool:
    """Tell whether a prompt is a no."""
    return _bare(prompt) in _NO


def _bare(prompt: str) -> str:
    # Not cut: what stands far behind a yes may take it back.
    text = plain(prompt).casefold().translate(_NO_SIGNS) if len(prompt) <= _LONGEST_YES else ""
    return " ".join(text.split())


def question(intent: "KnownIntent", arguments: Mapping[str, str]) -> str:
    """Return the question to be answered by yes or no: what is to be done, with which values."""
    what = intent.operation.label if intent.operation else intent.label
    return f"{_said(what, arguments)}. Shall I do that? Please answer yes or no."


def _said(what: str, arguments: Mapping[str, str]) -> str:
    said = ", ".join(
        f"{name.replace('_', ' ')} {one_line(value)[:_LONGEST_SHOWN]}" for name, value in arguments.items()
    )
    return f"{one_line(what)}{': ' if said else ''}{said}"


def asked(intent: "KnownIntent", arguments: Mapping[str, str]) -> str:
    """Return what a conversation keeps of a question: under which id it is done, and what it was about."""
    return f"{uuid7()} {_about(intent, arguments)}"


def agreed_id(kept: str, intent: "KnownIntent", arguments: Mapping[str, str]) -> uuid.UUID | None:
    """Return the id of a question that a yes would answer; None where it was about something else, or none waits."""
    id, _, about = kept.partition(" ")
    return uuid.UUID(id) if about and about == _about(intent, arguments) else None


def _about(intent: "KnownIntent", arguments: Mapping[str, str]) -> str:
    operation = intent.operation
    whole = [intent.id, str(operation.connector_id) if operation else "", operation.name if operation else ""]
    text = json.dumps([*whole, sorted(arguments.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def confirmation_make(
    *, id: uuid.UUID, conversation: Conversation, intent: "KnownIntent", arguments: Mapping[str, str]
) -> Confirmation:
    """Note that somebody said yes, and put what is to be done into the outbox; a second yes finds the first."""
    operation = intent.operation
    if operation is None:
        raise ValueError("There is nothing to confirm.")
    values = {
        "conversation": conversation,
        "connector_id": operation.connector_id,
        "operation": operation.name,
        "label": operation.label[:80],
        "arguments": dict(arguments),
    }
    with transaction.atomic():
        row, is_new = Confirmation.objects.get_or_create(pk=id, defaults=values)
        if is_new:
            outbox.put([outbox.Wanted(operation.connector_id, row.pk, outbox.CALL, KIND)])
            wake("connector", str(operation.connector_id))
    return row


def wait_for(confirmation: Confirmation, seconds: float) -> tuple[Confirmation, Delivery | None]:
    """Look until it is done, a person is needed, or time is up; returns how it stands then."""
    ends_at = time.monotonic() + seconds
    while True:
        delivery = Delivery.objects.for_subject(KIND, confirmation.pk).order_by("-created_at").first()
        confirmation.refresh_from_db()
        is_open = delivery is not None and delivery.state in {Delivery.State.WAITING, Delivery.State.SENDING}
        was_tried = delivery is not None and delivery.state == Delivery.State.WAITING and delivery.tries > 0
        if confirmation.done_at or not is_open or was_tried or time.monotonic() + _LOOK_SECONDS > ends_at:
            return confirmation, delivery
        time.sleep(_LOOK_SECONDS)


def load(told: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, Loaded]:
    """Load what was confirmed; what is done is not there to be done once more, only to be shown.

    Pages tell a revision that nothing reaches.
    """
    rows = Confirmation.objects.filter(pk__in=told)
    wanted = (row for row in rows if row.done_at is None or told[row.pk] > _REVISION)
    return {row.pk: Loaded(Contact(str(row.pk), _values(row)), revision=_REVISION) for row in wanted}


def _values(row: Confirmation) -> dict[str, Any]:
    # Whoever is asked whether it was done has to know what it was about.
    return {"name": _said(row.label, row.arguments), "operation": row.operation, "arguments": row.arguments}


def done(id: uuid.UUID, told: Mapping[str, Any]) -> None:
    """Note that it is done, and what the system said; what was looked up before is then dropped."""
    if Confirmation.objects.filter(pk=id, done_at=None).update(done_at=db_now(), told=dict(told)):
        events.publish(DONE, f"change:{id}")
