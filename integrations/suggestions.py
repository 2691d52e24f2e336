"""An endpoint drafted from what an API's description says of an operation: what is what is told by names. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from integrations.mapping import Row
from integrations.openapi import Described, Details, Field, Parameter
from integrations.providers.base import FieldType, VendorField
from integrations.providers.endpoints import USES, Endpoint

_MOST_SUGGESTED = 30

# Ours ← what many call it, the likelier first; compared in small letters without signs.
_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "stock": {
        "sku": ("sku", "code", "itemcode", "articlenumber", "itemnumber", "productcode", "number", "reference"),
        "name": ("name", "title", "label", "productname", "description"),
        "available": ("available", "availablequantity", "quantityavailable", "onhand", "stock", "quantity", "qty"),
        "record_id": ("id", "uuid"),
        "price": ("price", "unitprice", "saleprice", "listprice"),
        "currency": ("currency", "currencycode"),
    },
    "order": {
        "number": ("number", "ordernumber", "orderno", "ordernr", "orderid", "reference", "name", "id"),
        "status": ("status", "state", "orderstatus", "orderstate"),
        "record_id": ("id", "uuid"),
        "email": ("email", "customeremail", "contactemail", "billingemail", "mail"),
        "phone": ("phone", "customerphone", "phonenumber", "telephone", "mobile"),
        "placed_at": ("placedat", "createdat", "orderdate", "orderedat", "datecreated", "created", "date"),
        "expected_at": ("expectedat", "deliverydate", "expecteddelivery", "estimateddelivery", "eta", "expected"),
        "total": ("total", "totalamount", "grandtotal", "totalprice", "amount"),
        "currency": ("currency", "currencycode"),
        "tracking_number": ("trackingnumber", "trackingcode", "trackingno", "tracking"),
        "carrier": ("carrier", "shippingcompany", "carriername"),
    },
    "customer": {
        "email": ("email", "emailaddress", "mail"),
        "record_id": ("id", "uuid", "customerid", "number"),
        "phone": ("phone", "phonenumber", "telephone", "mobile"),
        "first_name": ("firstname", "givenname", "forename", "first"),
        "last_name": ("lastname", "surname", "familyname", "last"),
        "orders": ("orderscount", "ordercount", "orders", "numberoforders"),
    },
    "lead": {"external_id": ("id", "uuid", "contactid", "customerid", "leadid", "key", "number")},
    "lead_update": {},
    "erase": {},
}
_LEAD: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "emailaddress", "mail"),
    "first_name": ("firstname", "givenname", "forename", "first"),
    "last_name": ("lastname", "surname", "familyname", "last"),
    "phone": ("phone", "phonenumber", "telephone", "mobile", "tel"),
    "company": ("company", "companyname", "organization", "organisation"),
    "message": ("message", "note", "notes", "comment", "comments", "enquiry", "description"),
    "id": ("externalid", "externalreference", "sourceid"),
}
_GUESSES = (
    ("order", r"order|purchase|bestellung"),
    ("stock", r"stock|inventor|availab|item|article|product|sku"),
    ("customer", r"customer|contact|person|people|account|user"),
)
_LEAD_WORDS = re.compile(r"lead|contact|customer|person|people|prospect|enquir")
_WRITES = {"POST": "lead", "PUT": "lead_update", "PATCH": "lead_update", "DELETE": "erase"}
_TYPES: Mapping[str, FieldType] = {"integer": "number", "number": "number", "boolean": "boolean"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def guess(operation: Described) -> str:
    """Return what an operation is most likely used for, one of USES."""
    words = operation.path.lower()
    if operation.method == "GET":
        return next((use for use, pattern in _GUESSES if re.search(pattern, words)), "read")
    is_about_people = _LEAD_WORDS.search(words) is not None
    return _WRITES[operation.method] if is_about_people else "write"


def draft(told: Details, use: str) -> Endpoint:
    """Return an endpoint for an operation and a use, filled as far as names tell."""
    arguments = _arguments(told) if USES[use].is_named else {}
    path, query = _address(told, use)
    record, answer = _answer(told.answer, use)
    body = tuple(Row(field.path, _snake(field.path)) for field in _asked_for(told.body)) if use == "write" else ()
    idempotency = (each.name for each in told.parameters if each.place == "header" and "idempot" in each.name.lower())
    return Endpoint(
        name=_snake(told.operation.summary or told.operation.path)[:40] if USES[use].is_named else use,
        label=told.operation.summary[:80] or told.operation.key[:80],
        use=use,
        method=told.operation.method,
        path=path,
        query=query,
        body=body,
        record=record,
        answer=answer,
        arguments=arguments,
        effect="upsert" if told.operation.method in {"PUT", "DELETE"} else "at_least_once",
        idempotency_header=next(idempotency, "") if USES[use].changes else "",
        fields=tuple(_vendor_field(field) for field in told.body if "[]" not in field.path),
        suggested=_best(told.body, _LEAD, is_turned=True) if use == "lead" else {},
    )


def _vendor_field(field: Field) -> VendorField:
    return VendorField(field.path, type=_TYPES.get(field.type, "text"), is_required=field.is_required)


def _asked_for(body: Sequence[Field]) -> list[Field]:
    """Return what a change has to be told: what is required, else the first few."""
    plain = [field for field in body if "[]" not in field.path]
    return [field for field in plain if field.is_required][:_MOST_SUGGESTED] or plain[:6]


def _arguments(told: Details) -> dict[str, str]:
    asked = [each for each in told.parameters if each.place == "path" or (each.place == "query" and each.is_required)]
    found = {_snake(each.name): each.description or _question(each.name) for each in asked}
    if told.operation.method != "GET":
        found |= {_snake(field.path): field.description or _question(field.path) for field in _asked_for(told.body)}
    return found


def _question(name: str) -> str:
    return f"What is the {_snake(name).replace('_', ' ')}?"


def _address(told: Details, use: str) -> tuple[str, tuple[Row, ...]]:
    """Return the path with our names in its placeholders, and the query."""
    path, parameters = told.operation.path, told.parameters
    if USES[use].is_named:
        renamed = _PLACEHOLDER.sub(lambda found: f"{{{_snake(found[1])}}}", path)
        wanted = [each for each in parameters if each.place == "query" and each.is_required]
        return renamed, tuple(Row(each.name, _snake(each.name)) for each in wanted)
    key = USES[use].key or "external_id"
    places = _PLACEHOLDER.findall(path)
    if places:
        head, _, tail = path.rpartition(f"{{{places[-1]}}}")
        return f"{head}{{{key}}}{tail}", ()
    if use in {"lead", "lead_update", "erase"}:
        return path, ()
    return path, _key_query(parameters, use, key)


def _key_query(parameters: Iterable[Parameter], use: str, key: str) -> tuple[Row, ...]:
    in_query = {_flat(each.name): each.name for each in parameters if each.place == "query"}
    names = (in_query[name] for name in _NAMES[use][key] if name in in_query)
    return tuple(Row(name, key) for name in [*names][:1])


def _answer(fields: Sequence[Field], use: str) -> tuple[str, tuple[Row, ...]]:
    """Return where the record is in the answer, and its mapping: where most of what we know has its name."""
    if USES[use].is_named:
        record = _records(fields)[0] if fields else ""
        inside = [field for field in fields if field.path.startswith(record)]
        found = {_snake(_below(field.path, record)): _below(field.path, record) for field in inside}
        rows = [Row(name[:40], source) for name, source in found.items()][:12]
        return record.rstrip(".").removesuffix("[]"), tuple(rows)
    best: tuple[str, dict[str, str]] = ("", {})
    for record in _records(fields):
        inside = [Field(_below(field.path, record), field.type) for field in fields if field.path.startswith(record)]
        found = _best(inside, _NAMES[use])
        if len(found) > len(best[1]):
            best = (record, found)
    return best[0].rstrip(".").removesuffix("[]"), tuple(Row(name, source) for name, source in best[1].items())


def _records(fields: Sequence[Field]) -> list[str]:
    """Return where records may be, as beginnings of paths: the innermost that holds all first, then the answer."""
    firsts = list(dict.fromkeys(field.path.partition(".")[0] + "." for field in fields if "." in field.path))
    wholes = [first for first in firsts if all(field.path.startswith(first) for field in fields)]
    return [*wholes, "", *(first for first in firsts if first not in wholes)]


def _below(path: str, record: str) -> str:
    return path[len(record) :]


def _best(fields: Sequence[Field], names: Mapping[str, tuple[str, ...]], *, is_turned: bool = False) -> dict[str, str]:
    """Return ours ← theirs by the names of the last part, the likelier and the less deep first; each field once."""
    found: dict[str, str] = {}
    for ours, known in names.items():
        likely = [
            (known.index(name), field.path.count("."), field.path)
            for field in fields
            if (name := _matched(field.path, known)) and (is_turned or field.path not in found.values())
        ]
        if likely and not (is_turned and "[]" in min(likely)[2]):
            found[ours] = min(likely)[2]
    return {theirs: ours for ours, theirs in found.items()} if is_turned else found


def _matched(path: str, known: tuple[str, ...]) -> str:
    """Return which of the known names a field has: its own, or together with what it is in (customer.email)."""
    parts = path.replace("[]", "").split(".")
    own, whole = _flat(parts[-1]), _flat("".join(parts[-2:]))
    return own if own in known else whole if whole in known else ""


def _flat(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _snake(name: str) -> str:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"x_{plain}".rstrip("_")
