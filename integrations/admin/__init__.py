"""What leaves the house: connectors, credentials, deliveries, syncs and calls."""

from integrations.admin import calls, connectors, credentials, deliveries, syncs

__all__ = ["calls", "connectors", "credentials", "deliveries", "syncs"]
