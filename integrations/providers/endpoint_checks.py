"""What an endpoint may not be: refused before it is stored, in words that say what to do. Pure."""

import re
from urllib.parse import unquote

from integrations.mapping import Row, check_rows
from integrations.providers.endpoints import METHODS, USES, Endpoint, nested, wrong

_LONGEST_PATH = 300
_MOST_HEADERS = 10
_MOST_FIELDS = 200
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/{}-]*\Z")
_PLACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_QUERY_NAME = re.compile(r"[A-Za-z0-9._~\[\]:$-]{1,80}\Z")
_TARGET = re.compile(r"[^.\[\]\s]{1,60}(\[[0-9]\])?(\.[^.\[\]\s]{1,60}(\[[0-9]\])?)*\Z")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}\Z")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?\Z")
_OURS = {
    *("host", "connection", "contentlength", "contenttype", "contentencoding", "transferencoding", "acceptencoding"),
    *("te", "trailer", "upgrade", "expect", "keepalive", "forwarded", "via", "range", "useragent"),
}
_OURS_BEGIN = ("proxy", "xforwarded", "sec")
_SECRET = ("auth", "key", "token", "secret", "passw", "cookie", "session", "signature", "credential")


def check_endpoint(endpoint: Endpoint) -> None:
    """Refuse a definition that can't work, before it is stored. Raises: Misconfigured that says what and why."""
    if endpoint.use not in USES:
        raise wrong("Say what it is used for.")
    if not _NAME.match(endpoint.name):
        raise wrong("A name has small letters, digits and underscores, at most 40, and begins with a letter.")
    if endpoint.method not in METHODS:
        raise wrong(f"The method is one of {', '.join(METHODS)}.")
    if endpoint.method == "GET" and endpoint.body:
        raise wrong("A GET has no body. Send the values in the query, or choose POST.")
    if not USES[endpoint.use].changes and endpoint.method not in {"GET", "POST"}:
        raise wrong("A look-up is a GET, or a POST that only reads.")
    if any(not _NAME.match(name) for name in endpoint.arguments):
        raise wrong("What it has to be told is named in small letters, digits and underscores.")
    _check_path(endpoint)
    _check_rows(endpoint)
    _check_headers(endpoint)
    if len(endpoint.fields) > _MOST_FIELDS:
        raise wrong(f"A body has at most {_MOST_FIELDS} fields.")
    if endpoint.is_personal() and not endpoint.has_personal_address:
        raise wrong(
            "The address would hold somebody’s data, which their server and whatever stands between may log. "
            "Send it in the body, or tick that this API offers no other way."
        )


def _check_path(endpoint: Endpoint) -> None:
    path = endpoint.path
    if not _PATH.match(path) or len(path) > _LONGEST_PATH or "//" in path:
        raise wrong("A path begins with one “/” and holds no spaces, no “?” and no “#”, such as /orders/{number}.")
    if {".", ".."} & set(re.split(r"[/\\]", unquote(unquote(path)))):
        raise wrong("A path holds no “.” or “..” between its slashes.")
    if set("{}") & set(re.sub(r"\{[^{}]*\}", "", path)):
        raise wrong("A placeholder of the path is not closed.")
    for place in endpoint.placeholders:
        if not _PLACE.match(place) or place.split(".")[0] not in endpoint.told:
            known = ", ".join(f"{{{name}}}" for name in endpoint.told) or "none"
            raise wrong(f"The path’s {{{place[:40]}}} is not known here. There are: {known}.")


def _check_rows(endpoint: Endpoint) -> None:
    for rows in (endpoint.query, endpoint.body, endpoint.answer):
        check_rows(rows)
    for row in endpoint.query:
        if not _QUERY_NAME.match(row.field):
            raise wrong(f"“{row.field[:60]}” can’t be the name of a parameter.")
    for row in endpoint.body:
        if not _TARGET.match(row.field):
            raise wrong(f"“{row.field[:60]}” is no field: write customer.email, or phones[0].number.")
    nested({row.field: "" for row in endpoint.body})
    known = USES[endpoint.use].fields
    for row in endpoint.answer:
        if (row.field not in known) if known else not _NAME.match(row.field):
            raise wrong(f"“{row.field[:60]}” is nothing an answer is read as. There are: {', '.join(known)}.")
    expressions = {"record": endpoint.record, "missing": endpoint.missing_if, "failed": endpoint.failed_if}
    check_rows([Row(name, source) for name, source in expressions.items() if source])


def _check_headers(endpoint: Endpoint) -> None:
    if len(endpoint.headers) > _MOST_HEADERS:
        raise wrong(f"At most {_MOST_HEADERS} headers.")
    for name, value in endpoint.headers.items():
        if any(part in _plain(name) for part in _SECRET):
            raise wrong(f"“{name[:60]}” looks like a secret. Store it under Credentials, where it is sealed.")
        _check_header(name)
        if not _HEADER_VALUE.match(value):
            raise wrong(f"The value of “{name[:60]}” has 1 to 200 plain characters.")
    if endpoint.idempotency_header:
        if "auth" in _plain(endpoint.idempotency_header):
            raise wrong("The idempotency key can’t go there.")
        _check_header(endpoint.idempotency_header)


def _check_header(name: str) -> None:
    if not _HEADER_NAME.match(name):
        raise wrong(f"“{name[:60]}” can’t be the name of a header.")
    if _plain(name) in _OURS or _plain(name).startswith(_OURS_BEGIN):
        raise wrong(f"The header “{name[:60]}” is set by itself.")


def _plain(name: str) -> str:
    return name.replace("-", "").lower()
