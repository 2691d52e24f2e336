"""What leaves the house: connectors, credentials, deliveries and calls."""

from integrations.admin import calls, connectors, credentials, deliveries

__all__ = ["calls", "connectors", "credentials", "deliveries"]
