"""What leaves the house: connectors, credentials, deliveries, mappings, syncs and calls."""

from integrations.admin import calls, connectors, credentials, deliveries, mappings, syncs

__all__ = ["calls", "connectors", "credentials", "deliveries", "mappings", "syncs"]
