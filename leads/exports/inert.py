"""Cells in which nothing a stranger typed is a formula, and how they are read back."""

import re
import unicodedata

_FORMULA_STARTS = frozenset("=+-@")
# Every other sign that a spreadsheet may read as one of those (NFKC): full-width, small, superscript forms.
TWINS = "\u207a\u207c\u208a\u208c\u2a75\u2a76\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
# Where a cell may begin once a spreadsheet with another separator has read the file: it doesn't see our quotes then.
_CELL_STARTS = re.compile(r"([;\t\r\n]+)")
# Finds more than there is, and misses nothing: what follows a separator up to the first visible sign.
SUSPICIOUS = re.compile(rf"(?:^|[,;\t\r\n\"'])[^\w!-~]*[=+\-@{TWINS}]")


def inert(text: str) -> str:
    """Return text that no spreadsheet takes for a formula, whichever separator it reads the file with.

    Source: OWASP, CSV Injection; full-width forms count because East Asian spreadsheets read them as their twins.
    """
    if not SUSPICIOUS.search(text):
        return text
    return "".join(part if index % 2 else _guarded(part) for index, part in enumerate(_CELL_STARTS.split(text)))


def plain(text: str) -> str:
    """Return what `inert` was given: the guards are taken off again."""
    if "'" not in text:
        return text
    parts = _CELL_STARTS.split(text)
    return "".join(part if index % 2 or not _is_guarded(part) else part[1:] for index, part in enumerate(parts))


def _guarded(cell: str) -> str:
    # A guard that somebody typed is guarded, too: so that reading back gives exactly what was there.
    return f"'{cell}" if _is_formula(cell.lstrip("'")) else cell


def _is_guarded(cell: str) -> bool:
    return cell.startswith("'") and _is_formula(cell.lstrip("'"))


def _is_formula(cell: str) -> bool:
    visible = next((sign for sign in cell if unicodedata.category(sign)[0] not in "CZ"), "")
    return bool(visible) and unicodedata.normalize("NFKC", visible)[:1] in _FORMULA_STARTS
