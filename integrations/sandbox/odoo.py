"""Odoo's two APIs over the same records, which live in memory beside the store; that is written first.

- JSON-2 (19): `POST /json/2/<model>/<method>`, the body holds keyword arguments, the answer is the bare value.
- JSON-RPC (up to 18): `POST /jsonrpc`, user and key in the body; errors come with status 200, in `error`.

Source: odoo/odoo 19.0, addons/rpc/controllers/json2.py and jsonrpc.py; odoo/odoo 18.0, odoo/service/model.py.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from integrations.sandbox.odoo_domain import compile_domain
from integrations.sandbox.odoo_errors import OdooError, error_body, rpc_error
from integrations.sandbox.odoo_models import (
    METHODS,
    MODELS,
    Model,
    Record,
    check_field,
    check_path,
    checked,
    described,
)
from integrations.sandbox.odoo_rpc import KEY, READ_ONLY_KEY, USER_ID, served
from integrations.sandbox.odoo_seed import seed
from integrations.sandbox.store import Effect, Store, record_effects
from integrations.sandbox.vendor import Table, Vendor, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

# What a new record has where nothing is said.
USUAL: Record = {"type": "lead", "active": True, "probability": 0.0, "opt_out": False, "is_blacklisted": False}
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
        self._records: dict[str, dict[int, Record]] = {}

    def seed(self) -> None:
        now = _stamp()
        with self.store.transaction() as db:
            rows = [
                (model, record["id"], json.dumps(record | {"create_date": now, "write_date": now}))
                for model, record in seed()
            ]
            db.executemany("INSERT INTO odoo_records VALUES (?, ?, ?)", rows)

    def reload(self) -> None:
        records: dict[str, dict[int, Record]] = {name: {} for name in MODELS}
        for model, record_id, text in self.store.rows("SELECT model, id, record FROM odoo_records ORDER BY model, id"):
            records[model][record_id] = json.loads(text)
        self._records = records

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
            user = self._records[model_name][USER_ID]
            return {"lang": user["lang"], "tz": user["tz"], "uid": USER_ID}
        if method not in METHODS:
            message = f"The method '{model_name}.{method}' does not exist"
            raise OdooError(404, "werkzeug.exceptions.NotFound", message)
        self._check_call(model, method, ids, arguments, can_write=can_write)
        if method == "fields_get":
            return described(model, arguments)
        if method in WRITING:
            writing: Callable[..., Any] = getattr(self, f"_{method}")
            return writing(request, model, ids, **arguments)
        if method == "read":
            return [self._shown(model, record, arguments.get("fields")) for record in self._browse(model, ids)]
        found = self._search(model, arguments, context)
        if method == "search_count":
            return len(found)
        if method == "search":
            return [record["id"] for record in found]
        return [self._shown(model, record, arguments.get("fields")) for record in found]

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

    def _search(self, model: Model, arguments: dict[str, Any], context: dict[str, Any]) -> list[Record]:
        domain = arguments.get("domain") or []
        matches = compile_domain(domain, lambda path, term: check_path(model, path, term))
        found = [
            record for record in list(self._records[model.name].values()) if matches(self._resolver(model, record))
        ]
        names_active = any(isinstance(term, list) and term[:1] == ["active"] for term in domain)
        if "active" in model.fields and not names_active and context.get("active_test", True):
            found = [record for record in found if record.get("active") is not False]
        for clause in reversed((arguments.get("order") or "id").split(",")):
            name, _, direction = clause.strip().partition(" ")
            check_field(model, name)
            is_descending = direction.strip().lower() == "desc"
            found.sort(key=_by(name), reverse=is_descending)
        offset, limit = arguments.get("offset") or 0, arguments.get("limit")
        return found[offset : offset + limit] if limit else found[offset:]

    def _resolver(self, model: Model, record: Record) -> Callable[[str], list[Any]]:
        def resolve(path: str) -> list[Any]:
            name, _, rest = path.partition(".")
            spec = model.fields[name]
            value = self._value(model, record, name)
            if not rest:
                return (value or [False]) if spec.kind == "one2many" else [value]
            ids = value if spec.kind == "one2many" else [value[0]] if value else []
            target = MODELS[spec.relation]
            others = [other for other_id in ids if (other := self._records[target.name].get(other_id))]
            return [found for other in others for found in self._resolver(target, other)(rest)] or [False]

        return resolve

    def _value(self, model: Model, record: Record, name: str) -> Any:
        if name == "display_name":
            label = record.get("name") or f"{model.name},{record['id']}"
            return f"[{record['default_code']}] {label}" if record.get("default_code") else label
        return record.get(name, [] if model.fields[name].kind == "one2many" else False)

    def _shown(self, model: Model, record: Record, fields: Any) -> Record:
        names = list(fields or model.fields)
        for name in names:
            check_field(model, name)
        return {"id": record["id"], **{name: self._value(model, record, name) for name in names}}

    def _browse(self, model: Model, ids: Iterable[int]) -> list[Record]:
        known = self._records[model.name]
        missing = [record_id for record_id in ids if record_id not in known]
        if missing:
            which = f"(Record: {model.name}({', '.join(map(str, missing))},), User: {USER_ID})"
            message = f"Record does not exist or has been deleted.\n{which}"
            raise OdooError(404, "odoo.exceptions.MissingError", message)
        return [known[record_id] for record_id in ids]

    def _create(self, request: Request, model: Model, ids: Any, vals_list: Any) -> list[int]:
        wanted = vals_list if isinstance(vals_list, list) else [vals_list]
        with self.store.transaction() as db:
            last = db.execute("SELECT max(id) FROM odoo_records WHERE model = ?", (model.name,)).fetchone()[0] or 0
            records = []
            for number, vals in enumerate(wanted, last + 1):
                usual = {name: value for name, value in USUAL.items() if name in model.fields}
                record = {"id": number, "create_date": _stamp(), **usual, **self._linked(model, checked(model, vals))}
                missing = [name for name, spec in model.fields.items() if spec.is_required and not record.get(name)]
                if missing:
                    label = model.fields[missing[0]].label
                    message = f"Missing required value for the field '{label}' ({missing[0]})."
                    raise OdooError(422, "odoo.exceptions.ValidationError", message)
                records.append(_computed(record))
            self._check_unique(model, records)
            self._save(db, request, model, "create", records)
            self._records[model.name].update({record["id"]: record for record in records})
        return [record["id"] for record in records]

    def _write(self, request: Request, model: Model, ids: list[int], vals: Any) -> bool:
        with self.store.transaction() as db:
            told = self._linked(model, checked(model, vals))
            records = [_computed({**record, **told}) for record in self._browse(model, ids)]
            self._save(db, request, model, "write", records)
            self._records[model.name].update({record["id"]: record for record in records})
        return True

    def _linked(self, model: Model, vals: Record) -> Record:
        """The values with each number of another record made its number and label."""
        links = {name: vals[name] for name in vals if model.fields[name].kind == "many2one" and vals[name]}
        for name, number in links.items():
            target = MODELS[model.fields[name].relation]
            [other] = self._browse(target, [number])
            links[name] = [number, self._value(target, other, "display_name")]
        return {**vals, **links}

    def _check_unique(self, model: Model, records: list[Record]) -> None:
        known = [[record.get(name) for name in model.unique] for record in self._records[model.name].values()]
        if model.unique and any([record.get(name) for name in model.unique] in known for record in records):
            message = "A mailing contact cannot subscribe to the same mailing list multiple times."
            raise OdooError(422, "odoo.exceptions.ValidationError", message)

    def _unlink(self, request: Request, model: Model, ids: list[int]) -> bool:
        with self.store.transaction() as db:
            records = self._browse(model, ids)
            db.executemany("DELETE FROM odoo_records WHERE model = ? AND id = ?", [(model.name, n) for n in ids])
            effects: list[Effect] = [(f"{model.name}.unlink", _label(record), {}) for record in records]
            record_effects(db, self.key, request.request_id, effects)
            for record in records:
                del self._records[model.name][record["id"]]
                if model.name == "mailing.contact":
                    self._leave_lists(db, record["id"])
        return True

    def _leave_lists(self, db: Any, contact_id: int) -> None:
        """What Odoo's database does by itself (`ondelete="cascade"`)."""
        entries = self._records["mailing.subscription"]
        for number in [number for number, entry in entries.items() if entry["contact_id"][0] == contact_id]:
            db.execute("DELETE FROM odoo_records WHERE model = 'mailing.subscription' AND id = ?", (number,))
            del entries[number]

    def _save(self, db: Any, request: Request, model: Model, method: str, records: list[Record]) -> None:
        rows = [(model.name, record["id"], json.dumps(record)) for record in records]
        db.executemany("INSERT OR REPLACE INTO odoo_records VALUES (?, ?, ?)", rows)
        effects: list[Effect] = [(f"{model.name}.{method}", _label(record), {}) for record in records]
        record_effects(db, self.key, request.request_id, effects)

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        records = self._records.get(kind)
        return None if records is None else list(records.values())

    def tables(self) -> list[Table]:
        wanted = (
            ("Leads in Odoo", "crm.lead", ("id", "contact_name", "email_from", "phone", "partner_name", "description")),
            ("Subscribers in Odoo", "mailing.subscription", ("contact_id", "list_id", "opt_out")),
            ("Orders in Odoo", "sale.order", ("name", "client_order_ref", "partner_id", "state", "delivery_status")),
            ("Stock in Odoo", "product.product", ("default_code", "name", "list_price", "qty_available", "free_qty")),
        )
        tables = []
        for title, name, columns in wanted:
            model, records = MODELS[name], list(self._records[name].values())
            newest = records[::-1][:50] if model.can_write else records[:50]
            rows = [tuple(_cell(self._value(model, record, column)) for column in columns) for record in newest]
            tables.append(Table(title, tuple(model.fields[column].label for column in columns), rows, len(records)))
        return tables


def _computed(record: Record) -> Record:
    email = str(record.get("email_from") or record.get("email") or "").strip().lower()
    left = {"opt_out_datetime": _stamp() if record["opt_out"] else False} if "opt_out" in record else {}
    return {**record, **left, "email_normalized": email if "@" in email else False, "write_date": _stamp()}


def _by(name: str) -> Callable[[Record], tuple[int, Any]]:
    return lambda record: _sort_key(record.get(name, False))


def _sort_key(value: Any) -> tuple[int, Any]:
    if isinstance(value, list):
        value = str(value[1]) if len(value) == 2 else False
    return (0, "") if value is False else (1, value) if isinstance(value, str) else (2, value)


def _label(record: Record) -> str:
    """What names this record in the record of effects."""
    return str(record.get("email_normalized") or record.get("phone") or record.get("name") or record["id"])


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return value[1] if value else ""
    return "" if value is False else value


def _stamp() -> str:
    return utc_now()[:19].replace("T", " ")
