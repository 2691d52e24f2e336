"""Odoo's errors as its JSON-2 API tells them."""

from __future__ import annotations

from typing import Any

# Real replies carry a traceback here; who stores it shows the inside of somebody's server.
TRACEBACK = """Traceback (most recent call last):
  File "/opt/odoo/odoo/http.py", line 2284, in _serve_db
    return service_model.retrying(serve_func, env=self.env)
  File "/opt/odoo/odoo/service/model.py", line 184, in retrying
    result = func()
"""


class OdooError(Exception):
    """An exception as Odoo would have raised it."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message


def error_body(name: str, message: str, arguments: list[Any]) -> dict[str, Any]:
    """The body of any error: the exception's name and words, and its traceback."""
    debug = f"{TRACEBACK}{name}: {message}\n"
    return {"name": name, "message": message, "arguments": arguments, "context": {}, "debug": debug}


def rpc_error(error: dict[str, Any]) -> dict[str, Any]:
    """An error as JSON-RPC tells it: in a reply of status 200, whose `code` is 200 as well."""
    is_missing = error["name"] == "werkzeug.exceptions.NotFound"
    said = {"code": 404, "message": "404: Not Found"} if is_missing else {"code": 200, "message": "Odoo Server Error"}
    return {**said, "data": error}
