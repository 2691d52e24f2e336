"""Files of leads in each format; those that aren't CSV are made of it, row by row, and whole only when closed."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol

from leads.exports.columns import Column
from leads.exports.inert import inert
from leads.models import Sheet

Format = Sheet.Format

CONTENT_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.JSONL: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}
BOM = "\ufeff"
_MOST_XLSX_ROWS = 1_048_575  # one less than a sheet holds: the first is the header
_LONGEST_XLSX_CELL = 32_767
_CUT = " … (cut: a cell of Excel holds 32,767 characters)"


class Writer(Protocol):
    """Writes one file; `cut_cells` counts what didn't fit into a cell."""

    cut_cells: int

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Add rows of text."""
        ...

    def close(self) -> None:
        """Make the file whole."""
        ...


def missing(format: str) -> str:
    """Return what a format needs that isn't installed, in words; empty where it can be written."""
    if format == Format.PARQUET and find_spec("pyarrow") is None:
        return "Parquet needs the package pyarrow, which is not installed here: install it, or choose another format."
    return ""


def opened(sheet: Sheet, path: Path, columns: Sequence[Column]) -> Writer:
    """Return a writer of the sheet's format; the file has its header already."""
    return _WRITERS[Format(sheet.format)](sheet, path, columns)


def headers(columns: Sequence[Column]) -> list[str]:
    """Return what stands above each column; no two are the same."""
    seen: dict[str, int] = {}
    result = []
    for column in columns:
        seen[column.header] = number = seen.get(column.header, 0) + 1
        result.append(column.header if number == 1 else f"{column.header} ({number})")
    return result


def csv_beginning(columns: Sequence[Column], separator: str = ",", *, has_bom: bool = True) -> str:
    """Return what a CSV file begins with: a mark that makes Excel read it as UTF-8, and the header."""
    header = io.StringIO()
    csv.writer(header, delimiter=separator, lineterminator="\n").writerow([inert(each) for each in headers(columns)])
    return (BOM if has_bom else "") + header.getvalue()


class JsonLinesWriter:
    """One JSON object per line; what isn't known is null."""

    def __init__(self, sheet: Sheet, path: Path, columns: Sequence[Column]) -> None:
        self.cut_cells = 0
        self._file = _opened(path)
        self._names = headers(columns)
        self._read = [_JSON_READERS.get(column.kind, _or_none) for column in columns]

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        for row in rows:
            cells = zip(self._names, self._read, row, strict=True)
            self._file.write(json.dumps({name: read(cell) for name, read, cell in cells}, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class XlsxWriter:
    """Excel: texts are written as texts, so none of them is a formula; a sheet that is full goes on in the next."""

    def __init__(self, sheet: Sheet, path: Path, columns: Sequence[Column]) -> None:
        self.cut_cells = 0
        # In constant memory each row is put on disk as the next begins; beside the file, where nobody else may look.
        options = {"constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False}
        # Only where it is needed: every process would hold it.
        import xlsxwriter

        self._book = xlsxwriter.Workbook(str(path), {**options, "strings_to_urls": False})
        self._columns = columns
        self._is_time = [column.kind == "time" for column in columns]
        self._bold = self._book.add_format({"bold": True, "bottom": 1})
        self._instant = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._sheets = 0
        self._new_sheet()

    def _new_sheet(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet("Leads" if self._sheets == 1 else f"Leads {self._sheets}")
        self._sheet.freeze_panes(1, 0)
        for index, (header, column) in enumerate(zip(headers(self._columns), self._columns, strict=True)):
            self._sheet.set_column(index, index, _WIDTHS.get(column.name, 18))
            self._sheet.write_string(0, index, header, self._bold)
        self._rows = 0

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        for row in rows:
            if self._rows == _MOST_XLSX_ROWS:
                self._new_sheet()
            self._rows += 1
            for index, cell in enumerate(row):
                if not cell:
                    continue
                if self._is_time[index]:
                    # A sheet's times have no zone: they are those of the zone that was asked for.
                    at = datetime.fromisoformat(cell).replace(tzinfo=None)
                    self._sheet.write_datetime(self._rows, index, at, self._instant)
                else:
                    self._sheet.write_string(self._rows, index, self._fitting(cell))

    def _fitting(self, cell: str) -> str:
        if len(cell) <= _LONGEST_XLSX_CELL:
            return cell
        self.cut_cells += 1
        return cell[: _LONGEST_XLSX_CELL - len(_CUT)] + _CUT

    def close(self) -> None:
        about = self._book.add_worksheet("What the columns mean")
        about.set_column(0, 1, 24)
        about.set_column(2, 2, 90)
        for row, cells in enumerate([("column", "name", "meaning"), *dictionary(self._columns)]):
            for index, cell in enumerate(cells):
                about.write_string(row, index, cell, self._bold if row == 0 else None)
        self._book.close()


class ParquetWriter:
    """Parquet: text columns, a row group per page."""

    def __init__(self, sheet: Sheet, path: Path, columns: Sequence[Column]) -> None:
        self.cut_cells = 0
        # Only where it is installed: it is larger than all the rest together.
        self._arrow: Any = import_module("pyarrow")
        self._schema = self._arrow.schema([(name, self._arrow.string()) for name in headers(columns)])
        self._file = import_module("pyarrow.parquet").ParquetWriter(str(path), self._schema)

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        cells = [[cell or None for cell in column] for column in zip(*rows, strict=True)]
        if cells:
            self._file.write_table(self._arrow.Table.from_arrays(list(map(self._text, cells)), schema=self._schema))

    def _text(self, cells: list[str | None]) -> Any:
        return self._arrow.array(cells, self._arrow.string())

    def close(self) -> None:
        self._file.close()


def dictionary(columns: Sequence[Column]) -> list[tuple[str, str, str]]:
    """Return what each column is called, in the file and in words, and what it means."""
    return [(header, column.label, column.meaning) for header, column in zip(headers(columns), columns, strict=True)]


def _opened(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", newline="")


def _or_none(cell: str) -> object:
    return cell or None


def _number(cell: str) -> object:
    return int(cell) if cell else None


def _json(cell: str) -> object:
    return json.loads(cell) if cell else None


_JSON_READERS: dict[str, Callable[[str], object]] = {"number": _number, "json": _json}
_WRITERS: dict[Format, Callable[[Sheet, Path, Sequence[Column]], Writer]] = {
    Format.XLSX: XlsxWriter,
    Format.JSONL: JsonLinesWriter,
    Format.PARQUET: ParquetWriter,
}
_WIDTHS = {"id": 38, "email": 30, "last_message": 60, "page_url": 40, "captured_at": 20, "updated_at": 20}
