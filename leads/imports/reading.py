"""Sheets that people bring: CSV in whatever form a spreadsheet writes it, and XLSX; row by row."""

import csv
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from leads.exports.inert import plain

_MOST_COLUMNS = 200
_LONGEST_CELL = 20_000
# An XLSX is an archive: what it unpacks to is looked at before it is.
_MOST_UNPACKED = 1_000_000_000
_MOST_RATIO = 200


class NotASheet(ValueError):
    """A file can't be read as a sheet; says why, and what to do."""


def rows(path: Path) -> Iterator[list[str]]:
    """Yield the header and then each row as texts, without the marks that keep formulas inert. Raises: NotASheet."""
    found = _xlsx(path) if path.suffix == ".xlsx" else _csv(path)
    # Excel's texts are no formulas and bear no marks; a quote that somebody typed there is theirs.
    bare: Callable[[str], str] = str if path.suffix == ".xlsx" else plain
    for row in found:
        # No database holds a NUL, and nobody typed one.
        cells = [bare(cell[:_LONGEST_CELL].replace("\x00", "")).strip() for cell in row[:_MOST_COLUMNS]]
        if any(cells):
            yield cells


def header_and(path: Path, count: int) -> tuple[list[str], list[list[str]]]:
    """Return the header and the first rows. Raises: NotASheet."""
    header, *first = [*islice(rows(path), count + 1)] or [[]]
    if not any(header):
        raise NotASheet("The file is empty. Its first row has to name the columns.")
    if len(set(header)) < len(header):
        raise NotASheet("Two columns have the same name. Give each its own.")
    return header, first


def _csv(path: Path) -> Iterator[list[str]]:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        separator = _separator(file.readline())
        file.seek(0)
        try:
            yield from csv.reader(file, delimiter=separator)
        except csv.Error as err:
            raise NotASheet(f"The file can’t be read as CSV ({err}). Save it as CSV (UTF-8) again.") from err


def _encoding(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(1_000_000):
                pass
    except UnicodeDecodeError:
        # What Excel writes in the west when nobody asks for UTF-8; it reads any byte.
        return "cp1252" if b"\x00" not in path.open("rb").read(1000) else "utf-16"
    return "utf-8-sig"


def _separator(header: str) -> str:
    return max(",;\t", key=header.count)


def _xlsx(path: Path) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            packed = max(path.stat().st_size, 1)
        if unpacked > _MOST_UNPACKED or unpacked / packed > _MOST_RATIO:
            raise NotASheet("The file unpacks to far more than it seems to hold. Save it as CSV instead.")
        # Only where it is needed: it is large, and every process would hold it.
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError) as err:
        if isinstance(err, NotASheet):
            raise
        raise NotASheet("The file can’t be read as Excel. Save it as XLSX or CSV again.") from err
    try:
        yield from _sheets(book)
    finally:
        book.close()


def _sheets(book: Any) -> Iterator[list[str]]:
    """Yield the first sheet, and those that go on with it: a full one is followed by another with the same header."""
    header: list[str] | None = None
    for sheet in book.worksheets:
        rows = ([_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True))
        first = next(rows, None)
        if header is None and first is not None:
            yield first
        elif first is None or first != header:
            continue
        header = first
        yield from rows


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return _ESCAPED_SIGN.sub(_sign, str(cell))


# How XLSX writes signs that XML can't hold. Source: ECMA-376, ST_Xstring.
_ESCAPED_SIGN = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _sign(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    # No database holds these, and nobody typed them.
    return "" if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)


def counted(path: Path) -> int:
    """Return how many rows there are below the header. Raises: NotASheet."""
    return max(sum(1 for _ in rows(path)) - 1, 0)


def padded(row: Sequence[str], width: int) -> list[str]:
    """Return a row as wide as the header."""
    return [*row[:width], *[""] * (width - len(row))]
