"""HubSpot's API v3, as far as a connector for contacts needs it.

Where HubSpot's own contract leaves a choice, this does what its documentation and users report:

- A batch in which every input carries an `objectWriteTraceId` is answered 207 with `errors[]` for the bad ones; without
  trace ids one bad input refuses the whole batch (400, for a conflict 409) and nothing is written.
- The same id twice in one batch refuses the whole batch (400), with or without trace ids.
- Numbers and booleans become strings, null and "" clear a property, e-mails are kept in lower case.
- A property that was asked for and is not set comes as null; search replies carry no limit headers and have a window of
  their own, five a second; a 429 has no Retry-After.

Source: https://developers.hubspot.com/docs/api-reference/error-handling (2026-03), hubspot-api-client 12.0.0.
"""

from __future__ import annotations

import sqlite3
from typing import Any, ClassVar

from integrations.sandbox import hubspot_contacts as contacts
from integrations.sandbox import oauth, vendor
from integrations.sandbox.hubspot_contacts import Write, Written
from integrations.sandbox.hubspot_input import (
    CATEGORIES,
    RefusedError,
    batch_inputs,
    id_property,
    members,
    number,
    strings,
)
from integrations.sandbox.hubspot_properties import PORTAL_ID, PROPERTIES, invalid_values, problems
from integrations.sandbox.hubspot_search import search
from integrations.sandbox.limits import Passage, Window
from integrations.sandbox.store import Store, record_effects
from integrations.sandbox.vendor import Table, Vendor, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

TOKEN = "pat-sandbox-hubspot"  # noqa: S105 - the sandbox's public example token
REFRESH_TOKEN = "refresh-sandbox-hubspot"  # noqa: S105 - likewise
SEARCH_LIMIT = {"requests": 5, "window_ms": 1_000}
DAILY_LIMIT = 650_000
CONTACTS = "/crm/v3/objects/contacts"
SEARCH = f"{CONTACTS}/search"

# Who isn't there is told so as a page, unlike everything else.
NOT_FOUND = (
    b"<html>\n<head><title>Error 404 Not Found</title></head>\n<body><p>Resource not found</p></body>\n</html>\n"
)


class HubSpot(Vendor):
    """The imitation of api.hubapi.com."""

    key: ClassVar[str] = "hubspot"
    name: ClassVar[str] = "HubSpot"
    schema: ClassVar[str] = contacts.SCHEMA + oauth.schema("hubspot")
    routes = (
        route("POST", f"{CONTACTS}/batch/upsert", "batch_upsert"),
        route("POST", SEARCH, "search"),
        route("POST", f"{CONTACTS}/gdpr-delete", "erase"),
        route("GET", CONTACTS, "list_contacts"),
        route("POST", CONTACTS, "create"),
        route("GET", f"{CONTACTS}/{{contact_id}}", "read"),
        route("PATCH", f"{CONTACTS}/{{contact_id}}", "update"),
        route("GET", "/crm/v3/properties/contacts", "properties"),
        route("GET", "/account-info/v3/details", "account"),
        route("POST", "/oauth/v1/token", "token"),
        route("GET", "/oauth/authorize", "authorize"),
    )

    limit = {"requests": 190, "window_ms": 10_000}

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._desk = oauth.Desk(self.key, self.name, store, TOKEN, REFRESH_TOKEN)
        self._search_window = Window()
        self._used_today = 0

    def reload(self) -> None:
        super().reload()
        self._search_window.clear()
        self._used_today = 0

    def admit(self, request: Request) -> Reply | None:
        if request.path in ("/oauth/v1/token", "/oauth/authorize"):
            return None
        if not self._desk.knows(request.bearer()):
            message = (
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more"
                " details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
            )
            return self.refuse(request, 401, message)
        is_search = request.path == SEARCH
        passage = self.take(request, SEARCH_LIMIT, self._search_window) if is_search else self.take(request)
        # A search's reply tells no limits.
        request.note["headers"] = {} if is_search else self._told(passage)
        if passage.is_allowed:
            self._used_today += 1
            return None
        policy = "SECONDLY" if is_search else "TEN_SECONDLY_ROLLING"
        body = {
            "message": f"You have reached your {policy.lower()} limit.",
            "errorType": "RATE_LIMIT",
            "policyName": policy,
            "groupName": f"publicapi:private-apps-api-calls-v1:{PORTAL_ID}",
            "category": "RATE_LIMITS",
        }
        return self.finish(request, self._error(request, 429, body))

    def _told(self, passage: Passage) -> dict[str, str]:
        return {
            "X-HubSpot-RateLimit-Daily": str(DAILY_LIMIT),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, DAILY_LIMIT - self._used_today)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(passage.window_ms),
            "X-HubSpot-RateLimit-Max": str(passage.requests),
            "X-HubSpot-RateLimit-Remaining": str(passage.left),
            "X-HubSpot-RateLimit-Secondly": str(passage.requests // 10),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(min(passage.left, passage.requests // 10)),
        }

    def finish(self, request: Request, reply: Reply) -> Reply:
        reply.headers["X-HubSpot-Correlation-Id"] = request.request_id
        return super().finish(request, reply)

    def tell(self, request: Request, refused: vendor.RefusedError) -> Reply:
        if isinstance(refused, oauth.GrantRefusedError):
            body = {"message": refused.message, "category": f"BAD_{refused.about}"}
            return self._error(request, 400, body)
        return self._error(request, refused.status, refused.about)

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        text = message or {404: "resource not found", 503: "Service unavailable"}.get(status, "internal error")
        return self._error(request, status, {"message": text, "category": CATEGORIES.get(status, "INTERNAL_ERROR")})

    def _error(self, request: Request, status: int, body: dict[str, Any]) -> Reply:
        return json_reply(status, {"status": "error", "correlationId": request.request_id, **body})

    def batch_upsert(self, request: Request) -> Reply:
        """Create or update up to 100 contacts found by a unique property."""
        started_at = utc_now()
        inputs = batch_inputs(members(request.json(), {"inputs"}).get("inputs"))
        if request.dials.value("batch_conflict") and len(inputs) > 1:
            raise RefusedError(409, contacts.conflict(contacts.FIRST_ID))
        writes = [Write(item["idProperty"], item["id"], item["properties"]) for item in inputs]
        held_back = {n: body for n, write in enumerate(writes) if (body := _failing(request, write))}
        is_multi_status = all(item.get("objectWriteTraceId") for item in inputs)
        with self.store.transaction() as db:
            done = contacts.write(db, [write for n, write in enumerate(writes) if n not in held_back])
            if not is_multi_status:
                for result in done:
                    if result.error:
                        raise RefusedError(result.status, result.error)
            written = iter(done)
            results = [Written(error=held_back[n]) if n in held_back else next(written) for n in range(len(writes))]
            effects = [
                ("create" if result.is_new else "update", _label(write, result), write.properties)
                for write, result in zip(writes, results, strict=True)
                if result.contact
            ]
            record_effects(db, self.key, request.request_id, effects)
        return _batch_reply(inputs, results, started_at)

    def create(self, request: Request) -> Reply:
        """Create one contact."""
        body = members(request.json(), {"properties", "associations"})
        write = Write("", "", strings(body.get("properties")))
        with self.store.transaction() as db:
            [result] = contacts.write(db, [write])
            return self._single(request, db, write, result, 201)

    def update(self, request: Request, contact_id: str) -> Reply:
        """Change one contact."""
        by = id_property(request.parameter("idProperty"))
        write = Write(by, contact_id, strings(members(request.json(), {"properties"}).get("properties")))
        with self.store.transaction() as db:
            [result] = contacts.write(db, [write], creates=False)
            return self._single(request, db, write, result, 200)

    def _single(self, request: Request, db: sqlite3.Connection, write: Write, result: Written, status: int) -> Reply:
        if result.error or not result.contact:
            raise RefusedError(result.status, result.error or {})
        operation = "create" if result.is_new else "update"
        effect = (operation, _label(write, result), write.properties)
        record_effects(db, self.key, request.request_id, [effect])
        return json_reply(status, result.contact)

    def read(self, request: Request, contact_id: str) -> Reply:
        """One contact by id or unique property."""
        with self.store.transaction() as db:
            row = contacts.find(db, contact_id, id_property(request.parameter("idProperty")))
        if row is None:
            return Reply(404, NOT_FOUND, {"Content-Type": "text/html;charset=iso-8859-1"})
        return json_reply(200, contacts.shown(row, _asked(request)))

    def list_contacts(self, request: Request) -> Reply:
        """All contacts in pages."""
        body = {"limit": number(request.parameter("limit", "10")), "after": request.parameter("after", "0")}
        found = search(self.store, {**body, "properties": _asked(request)}, request.base_url)
        del found["total"]
        return json_reply(200, found)

    def search(self, request: Request) -> Reply:
        """Contacts that fulfil all filters of any group."""
        body = members(request.json(), {"query", "limit", "after", "sorts", "properties", "filterGroups"})
        return json_reply(200, search(self.store, body, request.base_url))

    def erase(self, request: Request) -> Reply:
        """Delete a contact for good; 204 also when there is none, as HubSpot answers."""
        body = members(request.json(), {"objectId", "idProperty"})
        key, by = str(body.get("objectId", "")), id_property(str(body.get("idProperty") or ""))
        with self.store.transaction() as db:
            row = contacts.find(db, key, by)
            if row is not None:
                db.execute("DELETE FROM hubspot_contacts WHERE id = ?", (row[0],))
                label = contacts.properties_of(row).get("email") or str(row[0])
                record_effects(db, self.key, request.request_id, [("erase", label, {})])
        return Reply(204)

    def properties(self, request: Request) -> Reply:
        """The contact properties there are."""
        return json_reply(200, {"results": [item.described() for item in PROPERTIES.values()]})

    def account(self, request: Request) -> Reply:
        """Whose account it is."""
        details = {"portalId": PORTAL_ID, "accountType": "STANDARD", "timeZone": "Europe/Berlin"}
        details |= {"companyCurrency": "EUR", "additionalCurrencies": [], "utcOffset": "+01:00"}
        details |= {"utcOffsetMilliseconds": 3_600_000, "uiDomain": "app.hubspot.com", "dataHostingLocation": "eu1"}
        return json_reply(200, details)

    def token(self, request: Request) -> Reply:
        """Issue an access token that holds 30 minutes."""
        return json_reply(200, self._desk.issue(request.body))

    def authorize(self, request: Request) -> Reply:
        """The page on which a person agrees."""
        page = self._desk.consent({name: values[-1] for name, values in request.query.items()})
        return Reply(200, page, {"Content-Type": "text/html; charset=utf-8"})

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind != "contacts":
            return None
        return [contacts.shown(row) for row in self.store.rows(f"SELECT {contacts.COLUMNS} FROM hubspot_contacts")]

    def tables(self) -> list[Table]:
        names = ("email", "firstname", "lastname", "phone", "company", "message")
        total = self.store.rows("SELECT count(*) FROM hubspot_contacts")[0][0]
        newest = self.store.rows(f"SELECT {contacts.COLUMNS} FROM hubspot_contacts ORDER BY id DESC LIMIT 50")
        rows = [(row[0], *(contacts.properties_of(row).get(name, "") for name in names), row[2]) for row in newest]
        columns = ("ID", "E-mail", "First name", "Last name", "Phone", "Company", "Message", "Changed")
        return [Table("Contacts in HubSpot", columns, rows, total)]


def _batch_reply(inputs: list[dict[str, Any]], results: list[Written], started_at: str) -> Reply:
    written, errors = [], []
    for item, result in zip(inputs, results, strict=True):
        trace = item.get("objectWriteTraceId")
        if result.contact:
            own = {"objectWriteTraceId": trace} if trace else {}
            written.append({**result.contact, "new": result.is_new, **own})
        elif result.error:
            where = {"objectWriteTraceId": [trace]} if trace else {"ids": [item["id"]]}
            context = {**result.error.get("context", {}), **where}
            errors.append({"errors": [], "links": {}, **result.error, "status": "error", "context": context})
    body = {"status": "COMPLETE", "results": written, "startedAt": started_at, "completedAt": utc_now()}
    if errors:
        return json_reply(207, {**body, "numErrors": len(errors), "errors": errors})
    return json_reply(200, body)


def _label(write: Write, result: Written) -> str:
    """What names this contact in the record of effects."""
    if write.by:
        return contacts.normal(write.by, write.key)
    kept = result.contact["properties"] if result.contact else {}
    return str(kept.get("email") or kept.get("hs_object_id"))


def _failing(request: Request, write: Write) -> dict[str, Any] | None:
    """The error a `partial` dial gives this input."""
    email = contacts.normal("email", write.key if write.by == "email" else write.properties.get("email", ""))
    category = request.dials.fails(email)
    if not category:
        return None
    return {**invalid_values(problems({"email": f"{email} "})), "category": category}


def _asked(request: Request) -> list[str]:
    names = [name for value in request.query.get("properties", []) for name in value.split(",")]
    return names or list(contacts.DEFAULT_PROPERTIES)
