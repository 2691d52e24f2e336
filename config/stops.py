"""Why a connector has paused itself, in words: home says so, and mail."""

from integrations.models import Connector
from integrations.services import NEEDS_REAUTH
from runtime.display import counted


def has_stopped(connector: Connector) -> bool:
    """Tell whether a connector has paused itself."""
    status = getattr(connector, "status", None)
    return bool(connector.is_active and status and status.paused_at and status.pause_reason not in {"", "by_person"})


def stopped_because(connector: Connector, waiting: int) -> str:
    """Return why a connector has paused itself, what to do, and how many deliveries wait for it."""
    reason = connector.status.pause_reason
    if reason == NEEDS_REAUTH:
        words = f"{connector} no longer accepts the stored key, so it is paused. Enter a new key and resume it."
    elif reason == "endpoint_gone":
        words = f"{connector} says its address is gone for good. Correct the base address and resume it."
    else:
        words = f"{connector} paused itself: {ended(connector.status.last_failure or reason)}"
    if not waiting:
        return words
    return f"{words} {counted(waiting, 'delivery waits', 'deliveries wait')} until then."


def ended(words: str) -> str:
    """Return words as a sentence that ends."""
    return words if words.endswith((".", "!", "?")) else f"{words}."
