"""Asking by JSON-RPC 2.0, whose errors come with status 200. Source: https://www.jsonrpc.org/specification."""

from typing import Any

from integrations.providers.base import Reply, Session
from integrations.providers.replies import garbled, raise_for_status
from integrations.providers.values import Record, part


def ask(session: Session, path: str, method: str, params: Record, **options: Any) -> tuple[Any, Record | None, Reply]:
    """Return what a call answered: its result, the error's data in its place, and the reply itself.

    Raises: errors.ProviderError where it is no answer of JSON-RPC's.
    """
    body = {"jsonrpc": "2.0", "method": method, "id": 1, "params": params}
    reply = session.request("POST", path, json=body, **options)
    raise_for_status(reply)
    said = reply.json()
    if not isinstance(said, dict) or not ("result" in said or "error" in said):
        raise garbled()
    return said.get("result"), part(part(said, "error"), "data") if "error" in said else None, reply
