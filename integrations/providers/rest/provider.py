"""Any JSON API: what an administrator has defined, endpoint by endpoint, and nothing else."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from django import forms

from integrations.mapping import map_rows
from integrations.providers import errors
from integrations.providers.base import (
    Check,
    Contact,
    ContactEraser,
    ContactSink,
    Customer,
    CustomerSource,
    DefinedOperation,
    InventorySource,
    OAuth,
    Operations,
    Order,
    OrderSource,
    Outcome,
    Provider,
    Reply,
    SchemaSource,
    Session,
    Stock,
    VendorField,
)
from integrations.providers.endpoints import USES, Endpoint, Unfit, endpoints_of, nested
from integrations.providers.rest import facts
from integrations.providers.rest.problems import raise_for
from integrations.providers.rest.settings import AUTHS, RestForm

_NO_ENDPOINT = "No endpoint is defined for this; define one on the connector’s page."
_FAILED_INSIDE = "failed_inside"
_USUAL_FIELDS = ("email", "first_name", "last_name", "phone", "company", "message")
# What a test without a path may be answered: somebody is there, and doesn't say what the key is worth.
_SOMEBODY = {400, 404, 405}


class _Rest(Provider):
    """What every connector has, whatever is defined; the parts below add what is."""

    key = "rest"
    name = "Any JSON API (REST)"
    docs_url = "https://spec.openapis.org/oas/v3.1.0"
    # So that a user name can be stored; how it travels, each connector says.
    auth = "basic"
    sign_ins = ("key", "client_credentials", "authorization_code")
    oauth = OAuth(token_path="/oauth/token")  # noqa: S106 (a path)
    config_form: ClassVar[type[forms.Form]] = RestForm
    identifiers = ("email", "phone", "reference")
    default_mapping: ClassVar[Mapping[str, str]] = {name: name for name in _USUAL_FIELDS}
    has_endpoints = True
    max_in_flight = 2

    def __init__(self, session: Session, config: Mapping[str, Any]) -> None:
        super().__init__(session, config)
        self._endpoints = endpoints_of(config)

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> type[Provider]:
        """Return the class with what these settings define."""
        return _configured(json.dumps(config, sort_keys=True, default=str))

    def check(self) -> Check:
        """Ask for the path that the connector names; without one, whether somebody is there."""
        path = str(self.config.get("check_path") or "")
        reply = self.session.request("GET", path or "/", purpose="check")
        if path:
            raise_for(reply)
            reply.json()
            return Check(ok=True, words="The API answers and takes the key.")
        if reply.status not in _SOMEBODY:
            raise_for(reply)
        return Check(ok=True, words="The API answers. Whether it takes the key, a path to test with would tell.")

    def _for(self, use: str, name: str = "") -> Endpoint | None:
        wanted = (each for each in self._endpoints if each.use == use and (not name or each.name == name))
        return next(wanted, None)

    def _need(self, use: str) -> Endpoint:
        endpoint = self._for(use)
        if endpoint is None:
            raise errors.Unsupported(_NO_ENDPOINT)
        return endpoint

    def _send(
        self, endpoint: Endpoint, values: Mapping[str, Any], body: Any = None, idempotency_key: str = ""
    ) -> Reply:
        """Send an endpoint's request. Raises: Unfit where a value can't stand in its address."""
        path = endpoint.address(values)
        query = {name: _as_text(value) for name, value in map_rows(endpoint.query, values).items()}
        if body is None and endpoint.body:
            body = nested(map_rows(endpoint.body, values))
        headers = dict(endpoint.headers)
        if endpoint.idempotency_header and idempotency_key:
            headers[endpoint.idempotency_header] = idempotency_key
        return self.session.request(
            endpoint.method,
            path,
            purpose=endpoint.use,
            json=body,
            params=query,
            headers=headers,
            logged_path=endpoint.path,
            personal=endpoint.personal_names(() if body is None else _names_in(body)),
        )

    def _look_up(self, use: str, name: str, asked: str) -> Mapping[str, Any] | None:
        """Return what the answer to a look-up says; None where it isn't known there."""
        return self._read(self._need(use), {name: asked}, asked)

    def _read(self, endpoint: Endpoint, values: Mapping[str, Any], asked: str = "") -> Mapping[str, Any] | None:
        try:
            reply = self._send(endpoint, values)
        except Unfit:
            # Nothing of that name can be there, and whoever typed it must not bring the connector into trouble.
            return None
        if reply.status in {*endpoint.missing_status, 204}:
            return None
        return facts.mapped(endpoint, self._done(endpoint, reply), asked)

    def _done(self, endpoint: Endpoint, reply: Reply) -> Any:
        """Return the body of an answer that says that it was done."""
        raise_for(reply)
        body = reply.json()
        if facts.holds("failure", endpoint.failed_if, body):
            raise errors.Refused("The answer says that it failed.", code=_FAILED_INSIDE, status=reply.status)
        return body

    def _written(self, endpoint: Endpoint, reply: Reply) -> Mapping[str, Any] | None:
        """Return what the answer to a change says; an answer that nothing is read from may have any body."""
        raise_for(reply)
        if not (endpoint.answer or endpoint.failed_if):
            return {}
        return facts.mapped(endpoint, self._done(endpoint, reply))


class _Leads(_Rest, ContactSink):
    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Write each lead, by the id it has there where that is known and an endpoint for it defined."""
        return [self._write(contact) for contact in contacts]

    def _write(self, contact: Contact) -> Outcome:
        update = self._for("lead_update") if contact.external_id else None
        endpoint = update or self._need("lead")
        try:
            reply = self._send_lead(endpoint, contact)
            if update is not None and reply.status in update.missing_status:
                # It was deleted there: it is written anew.
                endpoint = self._need("lead")
                reply = self._send_lead(endpoint, contact)
        except Unfit as unfit:
            return Outcome.rejected("missing_field", f"The address needs {unfit}, which this lead lacks.", str(unfit))
        told = self._written(endpoint, reply)
        if told is None:
            return Outcome.unknown()
        return Outcome.delivered(facts.text(told.get("external_id"))[:120] or contact.external_id)

    def _send_lead(self, endpoint: Endpoint, contact: Contact) -> Reply:
        values = {**contact.values, "external_id": contact.external_id}
        return self._send(endpoint, values, nested(contact.fields), contact.idempotency_key)


class _Fields(_Rest, SchemaSource):
    def fields(self) -> list[VendorField]:
        """Return what the lead's endpoint takes, as the API's description told."""
        return list(self._need("lead").fields)


class _Eraser(_Rest, ContactEraser):
    def erase(self, contact: Contact) -> Outcome:
        """Have a person forgotten; one that isn't known there is."""
        endpoint = self._need("erase")
        values = {**contact.values, "external_id": contact.external_id}
        try:
            reply = self._send(endpoint, values)
        except Unfit as unfit:
            return Outcome.rejected("no_identifier", field=str(unfit))
        if reply.status not in {*endpoint.missing_status, 404}:
            raise_for(reply)
            # Many answer with nothing at all when something is gone.
            if reply.body:
                self._written(endpoint, reply)
        return Outcome.delivered()


class _Stock(_Rest, InventorySource):
    def stock(self, sku: str) -> Stock | None:
        """Return an article's stock."""
        told = self._look_up("stock", "sku", sku)
        return facts.stock(told, sku) if told else None


class _Orders(_Rest, OrderSource):
    def order(self, number: str) -> Order | None:
        """Return an order."""
        told = self._look_up("order", "number", number)
        return facts.order(told, number) if told else None


class _Customers(_Rest, CustomerSource):
    def customer(self, email: str) -> Customer | None:
        """Return who has an address."""
        told = self._look_up("customer", "email", email)
        return facts.customer(told, email) if told else None


class _Operations(_Rest, Operations):
    def operations(self) -> list[DefinedOperation]:
        """Return the endpoints that are called by name."""
        named = [each for each in self._endpoints if USES[each.use].is_named]
        return [
            DefinedOperation(
                each.name,
                each.label,
                _schema(each),
                is_read_only=not USES[each.use].changes,
                is_repeatable=each.effect == "upsert" or bool(each.idempotency_header),
                facts=tuple(row.field for row in each.answer),
            )
            for each in named
        ]

    def call(self, name: str, arguments: Mapping[str, Any], idempotency_key: str) -> Any:
        """Send one and return what its mapping reads from the answer; None where there is nothing.

        Only what was confirmed has an idempotency key: a look-up never sends a change that was defined under its name.
        """
        endpoint = self._for("write" if idempotency_key else "read", name)
        if endpoint is None:
            raise errors.Unsupported(_NO_ENDPOINT)
        if set(arguments) != set(endpoint.arguments):
            raise errors.Refused("It has to be told just what it names.", code="wrong_arguments")
        if endpoint.use == "read":
            return self._read(endpoint, arguments)
        try:
            reply = self._send(endpoint, arguments, idempotency_key=idempotency_key)
        except Unfit as unfit:
            raise errors.Refused(
                "A value can’t stand in the address.", code="wrong_arguments", field=str(unfit)
            ) from unfit
        return self._changed(endpoint, reply) or None

    def _changed(self, endpoint: Endpoint, reply: Reply) -> Mapping[str, Any] | None:
        try:
            raise_for(reply)
            return self._written(endpoint, reply) if reply.body else {}
        except errors.ProviderError as err:
            if reply.status >= 400 or err.code == _FAILED_INSIDE:
                raise
            # It may well be done: an answer that can't be read is no reason to send it again as if it weren't.
            raise errors.OutcomeUnknown(err.words, code=err.code, status=reply.status) from err


class Rest(_Leads, _Fields, _Eraser, _Stock, _Orders, _Customers, _Operations):
    """Reads and writes by the endpoints that an administrator defined; a connector can do what its own define."""


_PARTS: Mapping[str, type[_Rest]] = {
    "lead": _Leads,
    "erase": _Eraser,
    "stock": _Stock,
    "order": _Orders,
    "customer": _Customers,
    "read": _Operations,
    "write": _Operations,
}


@lru_cache(maxsize=128)
def _configured(text: str) -> type[_Rest]:
    config = json.loads(text)
    endpoints = endpoints_of(config)
    parts: list[type[_Rest]] = list(dict.fromkeys(_PARTS[each.use] for each in endpoints if each.use in _PARTS))
    lead = next((each for each in endpoints if each.use == "lead"), None)
    told: dict[str, Any] = _signing_in(config)
    if lead is not None:
        parts += [_Fields] if lead.fields else []
        has_key = lead.effect == "at_least_once" and bool(lead.idempotency_header)
        told |= {"effect": lead.effect, "has_idempotency_key": has_key}
        told |= {"default_mapping": dict(lead.suggested)} if lead.suggested else {}
    return type("Rest", tuple(parts) or (_Rest,), told)


def _signing_in(config: Mapping[str, Any]) -> dict[str, str]:
    auth = config.get("auth")
    name = "Authorization" if auth in {"bearer", "basic"} else str(config.get("auth_name") or "Authorization")
    return {
        "auth": auth if auth in AUTHS else "bearer",
        "auth_name": name,
        "auth_prefix": str(config.get("auth_prefix") or ""),
    }


def _schema(endpoint: Endpoint) -> dict[str, Any]:
    """Return what an operation has to be told, as JSON Schema."""
    properties = {name: {"type": "string", "description": words} for name, words in endpoint.arguments.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _names_in(body: Any) -> set[str]:
    """Return the names of everything in a body."""
    if isinstance(body, list):
        return {name for item in body for name in _names_in(item)}
    if not isinstance(body, dict):
        return set()
    return set(body) | {name for item in body.values() for name in _names_in(item)}


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
