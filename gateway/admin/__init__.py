"""Who may call: clients and their keys; who may sign in: people; and what was called."""

from gateway.admin import audit, clients, keys, networks, people, requests, retention

__all__ = ["audit", "clients", "keys", "networks", "people", "requests", "retention"]
