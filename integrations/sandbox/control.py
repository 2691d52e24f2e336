"""The sandbox's own API, below `/_`: dials, effects, state, requests."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from integrations.sandbox.dials import DialRefusedError
from integrations.sandbox.page import PRESETS, render
from integrations.sandbox.state import State
from integrations.sandbox.wire import Reply, json_reply

FORM = "application/x-www-form-urlencoded"
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}
Operation = Callable[[State, dict[str, str], bytes, bool], Reply]


def respond(state: State, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer a request that is for the sandbox itself."""
    if method not in ("GET", "HEAD") and not _is_own_page_or_tool(headers):
        return json_reply(403, {"error": "a page of another site may not turn the sandbox's dials"})
    parameters = {name: values[-1] for name, values in parse_qs(query).items()}
    is_form = headers.get("Content-Type", "").partition(";")[0].strip() == FORM
    wanted = "GET" if method == "HEAD" else method
    is_path_known = False
    for known_method, pattern, operation in OPERATIONS:
        match = pattern.fullmatch(path)
        if match and known_method == wanted:
            return operation(state, {**parameters, **match.groupdict()}, body, is_form)
        is_path_known = is_path_known or bool(match)
    return json_reply(405 if is_path_known else 404, {"error": f"no {method} {path} here"})


def _is_own_page_or_tool(headers: Mapping[str, str]) -> bool:
    """Whether this comes from a tool or the sandbox's page: a `kill` dial must not be a link on a foreign page."""
    host, origin = headers.get("Host", ""), headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != host:
        return False
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    # A name with a dot can be made to point here (DNS rebinding); an address or a bare host name can't.
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name
    return True


def _page(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    return Reply(
        200, render(state, is_live=parameters.get("live") == "1").encode("utf-8", "replace"), dict(PAGE_HEADERS)
    )


def _health(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    return json_reply(200, {"status": "ok"})


def _dials(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    return json_reply(200, {"faults": state.faults.in_force()})


def _add_dial(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    try:
        if _looks_like_form(body, is_form):
            state.faults.add(_preset(body))
            return _back_to_page()
        return json_reply(201, {"id": state.faults.add(json.loads(body))})
    except DialRefusedError as refused:
        return json_reply(400, {"error": str(refused), "field": refused.field})
    except (ValueError, RecursionError) as err:
        return json_reply(400, {"error": f"the body is not JSON: {err}", "field": None})


def _looks_like_form(body: bytes, is_form: bool) -> bool:
    # curl -d labels everything a form.
    return is_form and not body.lstrip().startswith(b"{")


def _preset(body: bytes) -> dict[str, Any]:
    """The dial behind the page's form."""
    form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    preset = PRESETS.get(form.get("preset", ""))
    if preset is None:
        raise DialRefusedError("preset", "is not one of the page's")
    spec = {**preset[1], "vendor": form.get("vendor", "*")}
    for name, scale in (("share", 100), ("count", 1)):
        if form.get(name):
            if not form[name].isdecimal():
                raise DialRefusedError(name, "must be a whole number")
            spec[name] = int(form[name]) / scale if scale > 1 else int(form[name])
    return spec


def _remove_dial(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    dial_id = parameters.get("dial_id")
    was_there = state.faults.clear(int(dial_id) if dial_id else None)
    if is_form:
        return _back_to_page()
    return Reply(204) if was_there or not dial_id else json_reply(404, {"error": f"no dial {dial_id}"})


def _back_to_page() -> Reply:
    return Reply(303, b"", {"Location": "/"})


def _effects(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    after, limit = _number(parameters, "after", 0), _number(parameters, "limit", -1)
    effects = state.store.effects(vendor=parameters.get("vendor", ""), after=after, limit=limit)
    return json_reply(200, {"effects": effects, "last": effects[-1]["seq"] if effects else after})


def _state(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    vendor = state.vendors.get(parameters["vendor"])
    rows = vendor.rows(parameters["kind"]) if vendor else None
    if rows is None:
        return json_reply(404, {"error": f"nothing is called {parameters['vendor']}/{parameters['kind']}"})
    return json_reply(200, {"count": len(rows), "rows": rows})


def _change(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    vendor = state.vendors.get(parameters["vendor"])
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return json_reply(400, {"error": "send what is changed as a JSON object"})
    if vendor is None or not vendor.change(parameters["kind"], parameters["id"], values):
        return json_reply(404, {"error": f"there is no {parameters['kind']} {parameters['id']} to change"})
    return Reply(204)


def _requests(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    after = _number(parameters, "after", 0)
    lines = state.requests(after)
    return json_reply(200, {"requests": lines, "last": lines[-1]["seq"] if lines else after})


def _reset(state: State, parameters: dict[str, str], body: bytes, is_form: bool) -> Reply:
    state.reset()
    return _back_to_page() if is_form else Reply(204)


def _number(parameters: dict[str, str], name: str, default: int) -> int:
    text = parameters.get(name, "")
    return int(text) if text.isdecimal() else default


OPERATIONS: tuple[tuple[str, re.Pattern[str], Operation], ...] = tuple(
    (method, re.compile(pattern), operation)
    for method, pattern, operation in (
        ("GET", "/", _page),
        ("GET", "/_health", _health),
        ("GET", "/_faults", _dials),
        ("POST", "/_faults", _add_dial),
        ("DELETE", "/_faults", _remove_dial),
        ("DELETE", r"/_faults/(?P<dial_id>[0-9]{1,9})", _remove_dial),
        # Forms can't send DELETE.
        ("POST", r"/_faults/clear", _remove_dial),
        ("POST", r"/_faults/(?P<dial_id>[0-9]{1,9})/clear", _remove_dial),
        ("GET", "/_effects", _effects),
        ("GET", r"/_state/(?P<vendor>[^/]+)/(?P<kind>[^/]+)", _state),
        ("POST", r"/_state/(?P<vendor>[^/]+)/(?P<kind>[^/]+)/(?P<id>[^/]+)", _change),
        ("GET", "/_requests", _requests),
        ("POST", "/_reset", _reset),
    )
)
