"""What a prompt tells: order number, e-mail address, article number. Pure, and linear in the text's length (RE2)."""

import re2
from email_validator import EmailNotValidError, validate_email

from engine.words import plain

MOST_CHARACTERS = 2_000
"""What is longer is cut before it is read."""
LONGEST_VALUE = 64
LONGEST_EMAIL = 254
LONGEST_TEXT = 500

ORDER_NUMBER, EMAIL, SKU, TEXT = "order_number", "email", "sku", "text"

# Bounded afterwards, in Python: counted repeats of Unicode classes make a program too large for RE2's fast path.
_EMAIL = re2.compile(r"[\p{L}\p{N}.!#$%&'*+/=?^_{|}~-]+@(?:[\p{L}\p{N}-]+\.)+[\p{L}\p{N}-]+")
_WORD = re2.compile(r"#?[A-Za-z0-9][A-Za-z0-9._/-]*")
# #1001, S00042 or SO/2026/0042, 1001: the more it is written like an order number, the earlier it is tried.
_ORDER_NUMBERS = tuple(
    re2.compile(pattern)
    for pattern in (
        r"#[A-Za-z]{0,6}[-_/]?[0-9]{1,15}",
        r"[A-Za-z]{1,6}[-_/]?[0-9]{2,}(?:[-_/][0-9]+){0,3}",
        r"[0-9]{3,15}",
    )
)
_ORDER_CALLED = re2.compile(
    r"(?i)\b(?:order|bestellung|commande|pedido)(?: *(?:number|no|nr|id))?[.:# ]+([a-z0-9._/-]{2,64})"
)
_SKU_CALLED = re2.compile(
    r"(?i)\b(?:sku|article|item|art|product)(?: *(?:number|no|nr|code))?[.:# ]+([a-z0-9._/-]{2,64})"
)
_HAS_LETTER = re2.compile(r"[A-Za-z]")
_JOINED_CAPITALS = re2.compile(r"[A-Z]+(?:[._/-][A-Z]+)+")
_HAS_DIGIT = re2.compile(r"[0-9]")


def extract(prompt: str) -> dict[str, str]:
    """Return what the prompt tells as `{kind: value}`; a kind it doesn't tell is absent."""
    text = plain(prompt[:MOST_CHARACTERS])
    email = _find_email(text)
    rest = _EMAIL.sub(" ", text)
    found = {EMAIL: email, ORDER_NUMBER: _find_order_number(rest), SKU: _find_sku(rest)}
    return {kind: value for kind, value in found.items() if value}


def without_values(prompt: str) -> str:
    """Return the prompt without what `extract` would take from it, so that only the asking is left."""
    text = _EMAIL.sub(" ", plain(prompt[:MOST_CHARACTERS]))
    sku = _find_sku(text)
    text = text.replace(sku, " ") if sku else text
    return str(_WORD.sub(lambda word: " " if _is_code(word.group()) else word.group(), text))


def only_word(prompt: str) -> str:
    """Return the one word a prompt consists of, where it could be an article number; else an empty string."""
    words = _words(plain(prompt[:MOST_CHARACTERS]).strip())
    is_alone = len(words) == 1 and words[0] == prompt.strip().rstrip("._/-")
    return words[0] if is_alone and 2 <= len(words[0]) <= LONGEST_VALUE else ""


def _find_email(text: str) -> str:
    """Return the first e-mail address in `text`, lower case, or an empty string."""
    for found in _EMAIL.finditer(text):
        email = email_or_nothing(found.group())
        if email:
            return email
    return ""


def email_or_nothing(text: str) -> str:
    """Return an e-mail address as it is compared, or an empty string where it isn't one."""
    if len(text) > LONGEST_EMAIL:
        return ""
    try:
        found = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return ""
    return found.normalized.lower()


def clean_order_number(text: str) -> str:
    """Return an order number as systems know it: without the `#` people put before it, in capitals."""
    return plain(text).strip().lstrip("#").strip().upper()[:LONGEST_VALUE]


def _find_order_number(text: str) -> str:
    """Return what follows "order", else what is written most like an order number."""
    called = [word.rstrip("._/-") for word in _ORDER_CALLED.findall(text)]
    words = _words(text)
    ranked = [(called, pattern) for pattern in _ORDER_NUMBERS] + [(words, pattern) for pattern in _ORDER_NUMBERS]
    for among, pattern in ranked:
        for word in among:
            if len(word) <= LONGEST_VALUE and pattern.fullmatch(word):
                return clean_order_number(word)
    return ""


def _find_sku(text: str) -> str:
    """Return the code that follows "article" and the like, else the first one, those with letters before others."""
    called = [word.rstrip("._/-") for word in _SKU_CALLED.findall(text)]
    words = [word.lstrip("#") for word in _words(text)]
    coded = [word for word in called if _is_code(word.upper())] + sorted(filter(_is_code, words), key=_has_no_letter)
    return next((word for word in coded if 3 <= len(word) <= LONGEST_VALUE), "")


def _is_code(word: str) -> bool:
    """Tell a number or code from a word: it has a digit, or capitals joined by a sign (MUG-RED, not in-stock)."""
    return bool(_HAS_DIGIT.search(word) or _JOINED_CAPITALS.fullmatch(word.rstrip("._/-")))


def _has_no_letter(word: str) -> bool:
    return not _HAS_LETTER.search(word)


def _words(text: str) -> list[str]:
    return [word.rstrip("._/-") for word in _WORD.findall(text)]
