"""What leaves the house: connectors, credentials, deliveries (the outbox) and the log of calls."""

from integrations.models.calls import Call
from integrations.models.connectors import Connector, ConnectorState, Sync
from integrations.models.credentials import Credential
from integrations.models.deliveries import Delivery
from integrations.models.mappings import MappingVersion
from integrations.models.sweeps import Sweep

__all__ = ["Call", "Connector", "ConnectorState", "Credential", "Delivery", "MappingVersion", "Sweep", "Sync"]
