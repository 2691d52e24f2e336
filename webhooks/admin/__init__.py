"""Systems that send us events, what connectors' vendors tell, and what became of each event."""

from webhooks.admin import events, sources, vendors

__all__ = ["events", "sources", "vendors"]
