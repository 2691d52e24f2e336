"""The services that Odoo's JSON-RPC reaches: signing in, and methods of models, their arguments by place or by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.sandbox.odoo_errors import OdooError
from integrations.sandbox.odoo_models import METHODS, MODELS

KEY = "odoo-sandbox-key"
READ_ONLY_KEY = "odoo-sandbox-readonly"
USER_ID = 2
LOGIN = "shopbotly"
DATABASE = "sandbox"

Run = Callable[[str, str, dict[str, Any], str], Any]
"""Does a method: model, method, arguments, key."""


def served(params: Any, run: Run) -> Any:
    """Sign in, or do what `execute_kw` asks. Raises: OdooError, and what Python raises about the caller's mistakes."""
    service, method, told = params["service"], params["method"], params["args"]
    if (service, method) == ("common", "version"):
        return {"server_version": "18.0", "server_version_info": [18, 0, 0, "final", 0, ""]}
    if told[0] != DATABASE:
        message = f'connection to server failed: FATAL:  database "{told[0]}" does not exist'
        raise OdooError(500, "psycopg2.OperationalError", message)
    if service == "common" and method in {"login", "authenticate"}:
        return USER_ID if told[1] == LOGIN and told[2] in {KEY, READ_ONLY_KEY} else False
    if (service, method) != ("object", "execute_kw"):
        raise OdooError(404, "werkzeug.exceptions.NotFound", "404 Not Found")
    _, user_id, key, model, name, placed, named = [*told, {}][:7]
    if user_id != USER_ID or key not in {KEY, READ_ONLY_KEY}:
        raise OdooError(401, "odoo.exceptions.AccessDenied", "Access Denied")
    if model not in MODELS:
        raise OdooError(422, "odoo.exceptions.UserError", f"Object {model} doesn't exist")
    arguments = dict(named)
    names = ["ids", *METHODS[name][0], *METHODS[name][1]] if name in METHODS else []
    # The first argument is the records, for methods that are called on some.
    arguments |= dict(zip(names if name in METHODS and METHODS[name][2] else names[1:], placed, strict=False))
    return run(model, name, arguments, key)
