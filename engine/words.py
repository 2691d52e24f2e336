"""Words as they are compared: one spelling for what people type in many."""

import unicodedata

import re2

MOST_TOKENS = 100
"""Distinct words of a prompt that are looked at."""

_TOKEN = re2.compile(r"[\p{L}\p{M}]+")
_APOSTROPHES = dict.fromkeys(map(ord, "'’ʼ`´"))


def plain(text: str) -> str:
    """Return `text` in compatibility form without invisible characters: full-width digits become digits."""
    if text.isascii() and text.isprintable():
        return text
    composed = unicodedata.normalize("NFKC", text)
    return "".join(" " if char.isspace() else char for char in composed if not _is_invisible(char))


def tokens(text: str) -> tuple[str, ...]:
    """Return the distinct words of `text`, without case, accents and digits, in their order."""
    bare = unicodedata.normalize("NFD", plain(text).casefold()).translate(_APOSTROPHES)
    letters = "".join(char for char in bare if not unicodedata.combining(char))
    return tuple(dict.fromkeys(_TOKEN.findall(letters)))[:MOST_TOKENS]


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"} and not char.isspace()
