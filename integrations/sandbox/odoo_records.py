"""Odoo's records: they live in memory beside the store; that is written first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.sandbox.odoo_domain import compile_domain
from integrations.sandbox.odoo_errors import OdooError
from integrations.sandbox.odoo_models import MODELS, Model, Record, check_field, check_path, checked
from integrations.sandbox.odoo_rpc import USER_ID
from integrations.sandbox.store import Effect, Store, record_effects
from integrations.sandbox.wire import utc_now

# What a new record has where nothing is said.
USUAL: Record = {"type": "lead", "active": True, "probability": 0.0, "opt_out": False, "is_blacklisted": False}


class Records:
    """All records of one Odoo, by model and number."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: dict[str, dict[int, Record]] = {}

    def seed(self, records: Iterable[tuple[str, Record]]) -> None:
        """Fill the empty store with what was last changed an hour ago."""
        then = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
        with self._store.transaction() as db:
            rows = [
                (model, record["id"], json.dumps(record | {"create_date": then, "write_date": then}))
                for model, record in records
            ]
            db.executemany("INSERT INTO odoo_records VALUES (?, ?, ?)", rows)

    def reload(self) -> None:
        """Read everything anew from the store."""
        records: dict[str, dict[int, Record]] = {name: {} for name in MODELS}
        for model, record_id, text in self._store.rows("SELECT model, id, record FROM odoo_records ORDER BY model, id"):
            records[model][record_id] = json.loads(text)
        self._records = records

    def all(self, model: str) -> list[Record] | None:
        """Return every record of a model; None where there is no such model."""
        records = self._records.get(model)
        return None if records is None else list(records.values())

    def search(self, model: Model, arguments: dict[str, Any], context: dict[str, Any]) -> list[Record]:
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
            value = self.value(model, record, name)
            if not rest:
                return (value or [False]) if spec.kind == "one2many" else [value]
            ids = value if spec.kind == "one2many" else [value[0]] if value else []
            target = MODELS[spec.relation]
            others = [other for other_id in ids if (other := self._records[target.name].get(other_id))]
            return [found for other in others for found in self._resolver(target, other)(rest)] or [False]

        return resolve

    def value(self, model: Model, record: Record, name: str) -> Any:
        if name == "display_name":
            label = record.get("name") or f"{model.name},{record['id']}"
            return f"[{record['default_code']}] {label}" if record.get("default_code") else label
        return record.get(name, [] if model.fields[name].kind == "one2many" else False)

    def shown(self, model: Model, record: Record, fields: Any) -> Record:
        names = list(fields or model.fields)
        for name in names:
            check_field(model, name)
        return {"id": record["id"], **{name: self.value(model, record, name) for name in names}}

    def browse(self, model: Model, ids: Iterable[int]) -> list[Record]:
        known = self._records[model.name]
        missing = [record_id for record_id in ids if record_id not in known]
        if missing:
            which = f"(Record: {model.name}({', '.join(map(str, missing))},), User: {USER_ID})"
            message = f"Record does not exist or has been deleted.\n{which}"
            raise OdooError(404, "odoo.exceptions.MissingError", message)
        return [known[record_id] for record_id in ids]

    def create(self, request_id: str, model: Model, ids: Any, vals_list: Any) -> list[int]:
        wanted = vals_list if isinstance(vals_list, list) else [vals_list]
        with self._store.transaction() as db:
            last = db.execute("SELECT max(id) FROM odoo_records WHERE model = ?", (model.name,)).fetchone()[0] or 0
            records = []
            for number, vals in enumerate(wanted, last + 1):
                usual = {name: value for name, value in USUAL.items() if name in model.fields}
                record = {"id": number, "create_date": stamp(), **usual, **self._linked(model, checked(model, vals))}
                missing = [name for name, spec in model.fields.items() if spec.is_required and not record.get(name)]
                if missing:
                    label = model.fields[missing[0]].label
                    message = f"Missing required value for the field '{label}' ({missing[0]})."
                    raise OdooError(422, "odoo.exceptions.ValidationError", message)
                records.append(_computed(record))
            self._check_unique(model, records)
            self._save(db, request_id, model, "create", records)
        return [record["id"] for record in records]

    def write(self, request_id: str, model: Model, ids: list[int], vals: Any) -> bool:
        with self._store.transaction() as db:
            told = self._linked(model, checked(model, vals))
            records = [_computed({**record, **told}) for record in self.browse(model, ids)]
            self._save(db, request_id, model, "write", records)
        return True

    def _linked(self, model: Model, vals: Record) -> Record:
        """The values with each number of another record made its number and label."""
        links = {name: vals[name] for name in vals if model.fields[name].kind == "many2one" and vals[name]}
        for name, number in links.items():
            target = MODELS[model.fields[name].relation]
            [other] = self.browse(target, [number])
            links[name] = [number, self.value(target, other, "display_name")]
        return {**vals, **links}

    def _check_unique(self, model: Model, records: list[Record]) -> None:
        known = [[record.get(name) for name in model.unique] for record in self._records[model.name].values()]
        if model.unique and any([record.get(name) for name in model.unique] in known for record in records):
            message = "A mailing contact cannot subscribe to the same mailing list multiple times."
            raise OdooError(422, "odoo.exceptions.ValidationError", message)

    def unlink(self, request_id: str, model: Model, ids: list[int]) -> bool:
        with self._store.transaction() as db:
            records = self.browse(model, ids)
            db.executemany("DELETE FROM odoo_records WHERE model = ? AND id = ?", [(model.name, n) for n in ids])
            effects: list[Effect] = [(f"{model.name}.unlink", _label(record), {}) for record in records]
            record_effects(db, "odoo", request_id, effects)
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

    def change(self, model: Model, record_id: int, values: Record) -> None:
        """Change a record as people at the company do, also what outsiders may not, and what follows from that.

        A `write_date` among the values says when the transaction began that is committed only now.
        Raises: OdooError, ValueError where there is no such record or field.
        """
        for name in values:
            check_field(model, name)
        [record] = self.browse(model, [record_id])
        with self._store.transaction() as db:
            self._store_records(db, model.name, [{**record, "write_date": stamp(), **values}])
            if model.name == "stock.quant":
                self._count(db, record["product_id"][0])
            elif values.get("state") == "done" and model.name == "stock.picking":
                self._send(db, record_id, record["sale_id"][0])

    def _count(self, db: Any, product_id: int) -> None:
        """What there is of a product; its own time of change stays."""
        places = {place["id"] for place in self._records["stock.location"].values() if place["usage"] == "internal"}
        held = [quant for quant in self._records["stock.quant"].values() if quant["product_id"][0] == product_id]
        quants = [quant for quant in held if quant["location_id"][0] in places]
        on_hand, reserved = (sum(quant[name] for quant in quants) for name in ("quantity", "reserved_quantity"))
        product = self._records["product.product"][product_id]
        counts = {"qty_available": on_hand, "free_qty": on_hand - reserved, "virtual_available": on_hand - reserved}
        self._store_records(db, "product.product", [{**product, **counts}])

    def _send(self, db: Any, picking_id: int, order_id: int) -> None:
        """A transfer is done; its order's status is kept, and moves the order's time of change only if it moves."""
        pickings, order = self._records["stock.picking"], self._records["sale.order"][order_id]
        self._store_records(db, "stock.picking", [{**pickings[picking_id], "date_done": stamp()}])
        is_full = all(pickings[number]["state"] in {"done", "cancel"} for number in order["picking_ids"])
        status = {"delivery_status": "full" if is_full else "partial"}
        if status["delivery_status"] != order["delivery_status"]:
            self._store_records(db, "sale.order", [{**order, **status, "write_date": stamp()}])

    def _store_records(self, db: Any, model: str, records: list[Record]) -> None:
        rows = [(model, record["id"], json.dumps(record)) for record in records]
        db.executemany("INSERT OR REPLACE INTO odoo_records VALUES (?, ?, ?)", rows)
        self._records[model].update({record["id"]: record for record in records})

    def _save(self, db: Any, request_id: str, model: Model, method: str, records: list[Record]) -> None:
        self._store_records(db, model.name, records)
        effects: list[Effect] = [(f"{model.name}.{method}", _label(record), {}) for record in records]
        record_effects(db, "odoo", request_id, effects)


def _computed(record: Record) -> Record:
    email = str(record.get("email_from") or record.get("email") or "").strip().lower()
    left = {"opt_out_datetime": stamp() if record["opt_out"] else False} if "opt_out" in record else {}
    return {**record, **left, "email_normalized": email if "@" in email else False, "write_date": stamp()}


def _by(name: str) -> Callable[[Record], tuple[int, Any]]:
    return lambda record: _sort_key(record.get(name, False))


def _sort_key(value: Any) -> tuple[int, Any]:
    if isinstance(value, list):
        value = str(value[1]) if len(value) == 2 else False
    return (0, "") if value is False else (1, value) if isinstance(value, str) else (2, value)


def _label(record: Record) -> str:
    """What names this record in the record of effects."""
    return str(record.get("email_normalized") or record.get("phone") or record.get("name") or record["id"])


def stamp() -> str:
    return utc_now()[:19].replace("T", " ")
