"""Odoo's two APIs over the same records.

- JSON-2 (19): `POST /json/2/<model>/<method>`, the body holds keyword arguments, the answer is the bare value.
- JSON-RPC (up to 18): `POST /jsonrpc`, user and key in the body; errors come with status 200, in `error`.

Source: odoo/odoo 19.0, addons/rpc/controllers/json2.py and jsonrpc.py; odoo/odoo 18.0, odoo/service/model.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, ClassVar

from integrations.sandbox.odoo_errors import OdooError, error_body, rpc_error
from integrations.sandbox.odoo_models import (
    METHODS,
    MODELS,
    Model,
    described,
)
from integrations.sandbox.odoo_records import Records
from integrations.sandbox.odoo_rpc import KEY, READ_ONLY_KEY, USER_ID, served
from integrations.sandbox.odoo_seed import seed
from integrations.sandbox.store import Store
from integrations.sandbox.vendor import Table, Vendor, route
from integrations.sandbox.wire import Reply, Request, json_reply

WRITING = {"create": "create", "write": "modify", "unlink": "delete"}


class Odoo(Vendor):
    """The imitation of a company's Odoo server."""

    key: ClassVar[str] = "odoo"
    name: ClassVar[str] = "Odoo"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS odoo_records"
        " (model TEXT, id INTEGER, record TEXT NOT NULL, PRIMARY KEY (model, id));"
    )
    routes = (
        route("POST", "/json/2/{model}/{method}", "call"),
        route("POST", "/jsonrpc", "rpc"),
        route("GET", "/json/version", "version"),
        route("GET", "/web/version", "version"),
    )

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._records = Records(store)

    def seed(self) -> None:
        self._records.seed(seed())

    def reload(self) -> None:
        self._records.reload()

    def admit(self, request: Request) -> Reply | None:
        # JSON-RPC has its key in the body.
        if (
            request.path.endswith(("/version", "/jsonrpc"))
            or self._may(request, KEY)
            or self._may(request, READ_ONLY_KEY)
        ):
            return None
        has_key = bool(request.bearer())
        message = "Invalid apikey" if has_key else "User not authenticated, use the 'Authorization' header"
        reply = self.refuse(request, 401, message)
        reply.headers["WWW-Authenticate"] = "Bearer"
        return reply

    def _may(self, request: Request, key: str) -> bool:
        return secrets.compare_digest(request.bearer().encode(), key.encode())

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        names = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"}
        names |= {405: "MethodNotAllowed", 422: "UnprocessableEntity", 503: "ServiceUnavailable"}
        text = message or ("Did you mean POST /json/2/<model>/<method>?" if status == 404 else "Odoo Server Error")
        name = f"werkzeug.exceptions.{names.get(status, 'InternalServerError')}"
        return json_reply(status, error_body(name, text, [text, status]))

    def version(self, request: Request) -> Reply:
        """Which Odoo this is."""
        return json_reply(200, {"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"})

    def call(self, request: Request, model: str, method: str) -> Reply:
        """Call a public method of a model."""
        value, error, status = self._tried(lambda: self._called(request, model, method))
        return json_reply(status, error or value)

    def rpc(self, request: Request) -> Reply:
        """Sign in, or call a public method of a model."""
        asked = request.json()
        params = asked.get("params") if isinstance(asked, dict) else None
        value, error, _ = self._tried(lambda: self._served(request, params))
        told = {"error": rpc_error(error)} if error else {"result": value}
        return json_reply(200, {"jsonrpc": "2.0", "id": asked.get("id") if isinstance(asked, dict) else None, **told})

    def _tried(self, work: Callable[[], Any]) -> tuple[Any, dict[str, Any] | None, int]:
        """What came of it: a value, or an error and its status."""
        try:
            return work(), None, 200
        except OdooError as err:
            arguments = [err.message, err.status] if err.name.startswith("werkzeug") else [err.message]
            return None, error_body(err.name, err.message, arguments), err.status
        except (ValueError, TypeError, AttributeError, LookupError) as err:
            # What the caller got wrong inside the arguments is a server error there, with the Python exception's name.
            return None, error_body(f"builtins.{type(err).__name__}", str(err), [str(err)]), 500

    def _served(self, request: Request, params: Any) -> Any:
        def run(model: str, method: str, arguments: dict[str, Any], key: str) -> Any:
            return self._run(request, model, method, arguments, can_write=key == KEY)

        return served(params, run)

    def _called(self, request: Request, model: str, method: str) -> Any:
        arguments = request.json()
        if not isinstance(arguments, dict):
            raise OdooError(400, "werkzeug.exceptions.BadRequest", "could not parse the body, expecting a json object")
        return self._run(request, model, method, arguments, can_write=self._may(request, KEY))

    def _run(
        self, request: Request, model_name: str, method: str, arguments: dict[str, Any], *, can_write: bool
    ) -> Any:
        model = MODELS.get(model_name)
        if model is None:
            raise OdooError(404, "werkzeug.exceptions.NotFound", f"the model {model_name!r} does not exist")
        if method.startswith("_"):
            message = f"Private methods (such as '{model_name}.{method}') cannot be called remotely."
            raise OdooError(403, "odoo.exceptions.AccessError", message)
        ids = arguments.pop("ids", None) or []
        context = arguments.pop("context", None) or {}
        if model_name == "res.users" and method == "context_get":
            [user] = self._records.browse(model, [USER_ID])
            return {"lang": user["lang"], "tz": user["tz"], "uid": USER_ID}
        if method not in METHODS:
            message = f"The method '{model_name}.{method}' does not exist"
            raise OdooError(404, "werkzeug.exceptions.NotFound", message)
        self._check_call(model, method, ids, arguments, can_write=can_write)
        if method == "fields_get":
            return described(model, arguments)
        if method in WRITING:
            writing: Callable[..., Any] = getattr(self._records, method)
            return writing(request.request_id, model, ids, **arguments)
        if method == "read":
            return [
                self._records.shown(model, one, arguments.get("fields")) for one in self._records.browse(model, ids)
            ]
        found = self._records.search(model, arguments, context)
        if method == "search_count":
            return len(found)
        if method == "search":
            return [record["id"] for record in found]
        return [self._records.shown(model, record, arguments.get("fields")) for record in found]

    def _check_call(self, model: Model, method: str, ids: Any, arguments: dict[str, Any], *, can_write: bool) -> None:
        required, optional, takes_ids = METHODS[method]
        problem = ""
        if ids and not takes_ids:
            problem = f"cannot call {model.name}.{method} with ids"
        elif unknown := sorted(arguments.keys() - {*required, *optional}):
            problem = f"got an unexpected keyword argument '{unknown[0]}'"
        elif missing := [name for name in required if name not in arguments]:
            problem = f"missing a required argument: '{missing[0]}'"
        if problem:
            raise OdooError(422, "werkzeug.exceptions.UnprocessableEntity", problem)
        if method in WRITING and not (model.can_write and can_write):
            message = f"You are not allowed to {WRITING[method]} '{model.label}' ({model.name}) records."
            raise OdooError(403, "odoo.exceptions.AccessError", message)

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        return self._records.all(kind)

    def change(self, kind: str, id: str, values: dict[str, Any]) -> bool:
        """Change a record as the company's people do."""
        if kind not in MODELS or not id.isdecimal():
            return False
        try:
            self._records.change(MODELS[kind], int(id), values)
        except (OdooError, ValueError):
            return False
        return True

    def tables(self) -> list[Table]:
        wanted = (
            ("Leads in Odoo", "crm.lead", ("id", "contact_name", "email_from", "phone", "partner_name", "description")),
            ("Subscribers in Odoo", "mailing.subscription", ("contact_id", "list_id", "opt_out")),
            ("Orders in Odoo", "sale.order", ("name", "client_order_ref", "partner_id", "state", "delivery_status")),
            ("Stock in Odoo", "product.product", ("default_code", "name", "list_price", "qty_available", "free_qty")),
        )
        tables = []
        for title, name, columns in wanted:
            model, records = MODELS[name], self._records.all(name) or []
            newest = records[::-1][:50] if model.can_write else records[:50]
            rows = [tuple(_cell(self._records.value(model, record, column)) for column in columns) for record in newest]
            tables.append(Table(title, tuple(model.fields[column].label for column in columns), rows, len(records)))
        return tables


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return value[1] if value else ""
    return "" if value is False else value
