"""Keeps secrets and personal data out of logs and stored calls: by key name, by pattern, by exact known secret.

Secrets become `***`, e-mail addresses `a***@example.com`, names `J***`, other personal data `***`. Scrubbing twice
changes nothing. Whatever the input, the work and the result are bounded.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from json import dumps, loads
from typing import Any
from urllib.parse import quote

MASK = "***"

_LONGEST_TEXT = 8_000
_LONGEST_WORD = 300
_DELIMITERS = " \n\t\"',;&<>{}[]()"
_DEEPEST = 12
_MOST_ITEMS = 200

_SECRET_PARTS = (
    "authoriz",
    "authoris",
    "apikey",
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "cookie",
    "privatekey",
    "credential",
    "signature",
    "sealed",
    # A vendor's traceback holds whatever its variables held.
    "debug",
    "traceback",
)
_NAMES = {
    *("firstname", "lastname", "middlename", "givenname", "familyname", "surname", "fullname", "nickname"),
    *("contactname", "partnername", "customername", "username", "displayname", "billingname", "shippingname", "login"),
    *("fname", "lname"),
}
_EMAILS = {
    *("email", "mail", "emailfrom", "emailto", "emailcc", "emailaddress", "emailnormalized", "workemail", "replyto"),
}
_PERSONAL = {
    *("phone", "mobile", "telephone", "tel", "fax", "whatsapp", "phonenumber", "mobilephone", "phonesanitized", "sms"),
    *("message", "messages", "enquiry", "enquiries", "description", "comment", "comments", "note", "notes", "prompt"),
    *("address", "street", "street2", "addressline1", "addressline2", "zip", "postcode", "postalcode", "city"),
    *("birthday", "birthdate", "dateofbirth", "ssn", "taxid", "vat", "iban", "ip", "ipaddress", "remoteaddr"),
}

_KEYED = re.compile(
    r"""(?ix) ((?:api[_-]?key|token|secret|passw\w{0,8}|passphrase|authori[sz]ation) [\w.-]{0,40} ["'\\]*
        \s{0,3} [=:] \s{0,3} ["'\\]*) ([^\s"'\\&,;}<>]+)"""
)
# Each pattern runs only where one of its marks stands in the text: most texts have none.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (("://",), re.compile(r"(://)[^/\s@]{1,300}@"), rf"\1{MASK}@"),
    (
        ("bearer", "basic", "digest"),
        re.compile(r"(?i)\b(bearer|basic|digest)(\s+)[^\s\"'\\,;]{4,}"),
        rf"\1\2{MASK}",
    ),
    (("sb_sk_", "sb_pk_", "sb_vs_"), re.compile(r"(sb_(?:sk|pk|vs)_)[\w-]+"), rf"\1{MASK}"),
    (("whsec_",), re.compile(r"(whsec_)[\w+/=-]+"), rf"\1{MASK}"),
    (("eyj",), re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){0,2}"), MASK),
    (("key", "token", "secret", "passw", "passphrase", "authori"), _KEYED, rf"\1{MASK}"),
)
_MAIL_CHAR = r"[^\s@\"'<>()\[\]{},:;\\/=?&|]"
_EMAIL = re.compile(rf"(?!\*)({_MAIL_CHAR}){_MAIL_CHAR}{{0,128}}(@|%40)(?={_MAIL_CHAR})")
_PHONE = re.compile(
    r"""(?x) (?<![\w.,:/-])
        (?: (?:\+|00) \s? [1-9] (?:[\s()./-]{0,2}\d){6,14}
        | \(? 0[1-9]\d{0,4} \)? [\s/-]{0,2} \d (?:[\s.-]?\d){4,9}
        | \(? [2-9]\d\d \)? [ .-] \d{3} [.-] \d{4}
        ) (?![\w-])"""
)

_lock = threading.Lock()
_known: OrderedDict[str, tuple[str, ...]] = OrderedDict()
_MOST_KNOWN = 500
_SHORTEST_KNOWN = 6


def remember(secret: str) -> None:
    """Have this exact text masked from now on; the 500 remembered last count."""
    if len(secret) < _SHORTEST_KNOWN:
        return
    plain = str(secret)
    in_json = {dumps(plain)[1:-1], dumps(plain, ensure_ascii=False)[1:-1]}
    spellings = {plain, *in_json, quote(plain), quote(plain, safe="")}
    with _lock:
        _known[plain] = tuple(sorted(spellings, key=len, reverse=True))
        _known.move_to_end(plain)
        while len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)


def scrub(value: Any, also: frozenset[str] = frozenset()) -> Any:
    """Return JSON-like `value` without secrets and personal data; what is too deep or too long is cut.

    What stands under the names in `also` (lower case, letters and digits alone) is masked too.
    """
    return _scrub(value, 0, also)


def _scrub(value: Any, depth: int, also: frozenset[str] = frozenset()) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, bytes | bytearray):
        return scrub_text(bytes(value[: 2 * _LONGEST_TEXT]).decode("utf-8", "replace"))
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _scrub_mapping(value, depth, also)
    if isinstance(value, list | tuple | set | frozenset):
        kept = [_scrub(item, depth + 1, also) for item, _ in zip(value, range(_MOST_ITEMS), strict=False)]
        return [*kept, f"… {len(value) - len(kept)} more"] if len(value) > len(kept) else kept
    return scrub_text(_described(value))


def _scrub_mapping(value: Mapping[Any, Any], depth: int, also: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, item in value.items():
        if len(kept) == _MOST_ITEMS:
            kept["…"] = f"{len(value) - _MOST_ITEMS} more"
            break
        rule = _rule_of(name, also) if isinstance(name, str) else ""
        kept[scrub_text(str(name))[:200]] = _masked(rule, item) if rule else _scrub(item, depth + 1, also)
    return kept


def _described(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (a log line must not fail because a thing can't describe itself)
        return f"<{type(value).__name__}>"


def _rule_of(name: str, also: frozenset[str]) -> str:
    return "personal" if also and re.sub(r"[^a-z0-9]", "", name[:100].lower()) in also else _rule(name)


@lru_cache(maxsize=4096)
def _rule(name: str) -> str:
    """Say what the name of a key tells about its value: `secret`, `email`, `name`, `personal` or nothing."""
    plain = re.sub(r"[^a-z0-9]", "", name[:100].lower())
    if any(part in plain for part in _SECRET_PARTS):
        return "secret"
    if plain in _EMAILS:
        return "email"
    if plain in _NAMES:
        return "name"
    return "personal" if plain in _PERSONAL else ""


def _masked(rule: str, value: Any) -> Any:
    if value is None or value in ("", MASK) or isinstance(value, bool):
        return value
    if not isinstance(value, str) or rule in {"secret", "personal"}:
        return MASK
    if rule == "name":
        return f"{value[0]}{MASK}"
    domain = value.rpartition("@")[2] if value.count("@") == 1 else ""
    shown = f"{value[0]}{MASK}@{domain}" if re.fullmatch(r"[\w.-]{3,255}", domain) else MASK
    return _without_known(shown)


def scrub_text(text: str) -> str:
    """Return `text`, at most 8,000 characters of it, without what looks like a secret, an address or a phone number."""
    return _scrub_patterns(_without_known(_head(text, _LONGEST_TEXT)))[: _LONGEST_TEXT + 1]


def scrub_body(body: bytes, limit: int, also: frozenset[str] = frozenset()) -> str:
    """Return the head of a request's or answer's body, scrubbed; costs the same however long the body is."""
    text = body[: 4 * limit].decode("utf-8", "replace")
    if len(body) <= limit:
        try:
            return dumps(scrub(loads(text), also), ensure_ascii=False, separators=(",", ":"))[:limit]
        except (ValueError, RecursionError):
            pass
    head = _head(text, limit)
    if head.lstrip()[:1] in {"{", "["}:
        head = _scrub_json_head(head, also)
    elif "=" in head:
        head = _scrub_form(head, also)
    return _scrub_patterns(_without_known(head))[:limit]


def _head(text: str, limit: int) -> str:
    """Return the beginning of a text; what the cut would split (a secret, a word) is left out whole."""
    if len(text) <= limit:
        return text
    whole = max(text.rfind(mark, max(0, limit - _LONGEST_WORD), limit) for mark in _DELIMITERS)
    end = whole + 1 if whole >= 0 else max(0, limit - _LONGEST_WORD)
    while (start := _cut_secret(text, end)) is not None:
        end = start
    return text[:end] + "…"


def _cut_secret(text: str, end: int) -> int | None:
    """Return where a known secret begins that a cut at `end` would split."""
    for spellings in list(_known.values()):
        for spelling in spellings:
            found = text.find(spelling, max(0, end - len(spelling) + 1), end + len(spelling) - 1)
            if 0 <= found < end:
                return found
    return None


def _without_known(text: str) -> str:
    for spellings in list(_known.values()):
        for spelling in spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
    return text


def _scrub_patterns(text: str) -> str:
    lowered = text.lower()
    for marks, pattern, replacement in _PATTERNS:
        if any(mark in lowered for mark in marks):
            text = pattern.sub(replacement, text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(rf"\1{MASK}\2", text)
    return _PHONE.sub(MASK, text)


_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[{}\[\]]|[^\s{}\[\],:"]+', re.DOTALL)
_COLON = re.compile(r"\s*:")


def _scrub_json_head(text: str, also: frozenset[str]) -> str:
    """Mask the values of telling keys in JSON that may break off anywhere."""
    out: list[str] = []
    position, depth, rule, masked_depth = 0, 0, "", 0
    for token in _JSON_TOKEN.finditer(text):
        word = token[0]
        is_key = word[0] == '"' and bool(_COLON.match(text, token.end()))
        out.append(text[position : token.start()])
        position = token.end()
        if word in "{[":
            depth += 1
            masked_depth = masked_depth or (depth if rule else 0)
        elif word in "}]":
            if depth == masked_depth:
                rule, masked_depth = "", 0
            depth -= 1
        elif is_key and not masked_depth:
            rule = _rule_of(word.strip('"'), also)
        elif rule and (masked_depth or not is_key):
            word = _masked_token(rule, word)
            rule = rule if masked_depth else ""
        out.append(word)
    return "".join(out) + text[position:]


def _masked_token(rule: str, word: str) -> str:
    if word in {"null", "true", "false", '""'}:
        return word
    text = word.strip('"') if word[0] == '"' else ""
    # An escape is not cut in two: names that begin with one show nothing.
    rule = "secret" if text[:1] == "\\" or not text else rule
    return f'"{_masked(rule, text or word)}"'


def _scrub_form(text: str, also: frozenset[str]) -> str:
    def masked(match: re.Match[str]) -> str:
        return f"{match[1]}={MASK if _rule_of(match[1], also) and match[2] else match[2]}"

    return re.sub(r"([^&=\s]{1,100})=([^&]*)", masked, text)
