"""Reports as grids of values: CSV, workbooks, and data frames of pandas or polars.

A grid is one table, with the evidence of each row; or all cells of the report, a row each. What
`Report` says of its arguments and errors holds here.
"""

from __future__ import annotations

import csv
import importlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from types import ModuleType
from typing import Any, Literal

import attrs

from timeline.dates import When
from timeline.errors import InvalidDate, InvalidInput, MissingExtra
from timeline.reports.layout import NOTHING, Cell, Document, Line, told_apart

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula, or passes over on the way to one."""

LONG = ("table", "row", "column", "value", "about", "evidence", "sources")
"""The columns of all tables together, a cell a row."""

EVIDENCE = ("evidence", "sources")
"""The last columns of one table: the ids of the events, and of the sources, that a row rests on."""

_BETWEEN = "; "


def render_csv(document: Document, table: str | None = None) -> str:
    """A report as CSV; an apostrophe stands before text that a spreadsheet would run."""
    grid = long_grid(document) if table is None else table_grid(document, table)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in (grid.columns, *grid.rows):
        writer.writerow([_inert(value) for value in row])
    return out.getvalue()


def _inert(value: str) -> str:
    """The value, so that it is no formula and holds no control characters for a terminal."""
    return neutral("".join(c if c.isprintable() or c in "\t\r\n" else "�" for c in value))


def neutral(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would compute it.

    A source's title may read `=HYPERLINK(…)`, and the spreadsheet would run it. For text only: a
    number may begin with a minus.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


@attrs.frozen
class Grid:
    """Columns, and rows with a value for every column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def long_grid(document: Document) -> Grid:
    """Every cell of a report as a row of its own; `LONG` has the columns.

    The lead stands in a table without a name.
    """
    rows = [("", str(n), "", *_parts(cell)) for n, cell in enumerate(document.lead, start=1)]
    for table in document.tables:
        for number, line in enumerate(table.rows, start=1):
            for column, cell in zip(table.columns, line, strict=True):
                rows.append((table.title, str(number), column, *_parts(cell)))
    return Grid(LONG, tuple(rows))


def table_grid(document: Document, title: str) -> Grid:
    """One table of a report, with the evidence of each row behind it."""
    table = document.table(title)
    rows = ((*map(_value, line), *_behind(line)) for line in table.rows)
    return Grid(told_apart((*table.columns, *EVIDENCE)), tuple(rows))


def _parts(cell: Cell) -> tuple[str, ...]:
    return (_value(cell), cell.about or "", *_behind((cell,)))


def _value(cell: Cell) -> str:
    return "" if cell.text == NOTHING else cell.date or f"{cell.branch}{cell.text}"


def _behind(line: Line) -> tuple[str, str]:
    """The ids of the events that cells rest on, and of the sources of these."""
    cited = [cited for cell in line for cited in cell.evidence]
    events = dict.fromkeys(citation.event for citation in cited)
    sources = dict.fromkeys(source.source for citation in cited for source in citation.sources)
    return _BETWEEN.join(events), _BETWEEN.join(sources)


# Values of columns


@attrs.frozen
class Column:
    """A column of a grid: whole numbers, days, or text; None for an empty cell that is no text."""

    name: str
    kind: Literal["number", "day", "text"]
    values: Sequence[Any]


def typed_columns(grid: Grid) -> Iterator[Column]:
    """The columns of a grid, by what they hold.

    A column of dates stays text, since a date may be vague. Its first and its last day stand beside
    it, empty where there is no such bound.
    """
    columns = zip(*grid.rows, strict=True) if grid.rows else ((),) * len(grid.columns)
    for name, values in zip(grid.columns, columns, strict=True):
        numbers = _numbers(values)
        yield Column(name, "text", values) if numbers is None else Column(name, "number", numbers)
        for bound, days in _days(name, values):
            yield Column(bound, "day", days)


def table_dict(document: Document, title: str) -> dict[str, Any]:
    """One table of a report for JSON: numbers as numbers, dates in EDTF, ids in lists."""
    grid = table_grid(document, title)
    columns = [column for column in typed_columns(grid) if column.kind != "day"]
    rows = zip(*(column.values for column in columns), strict=True)
    listed = [dict(zip(grid.columns, row, strict=True)) for row in rows]
    for row in listed:
        row |= {name: [id for id in row[name].split(_BETWEEN) if id] for name in EVIDENCE}
    return {"table": document.table(title).title, "rows": listed}


# Workbooks

_LONGEST_TITLE, _LONGEST_CELL = 31, 32_767  # of Excel
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_OUTSIDE = re.compile(r"[\[\]:*?/\\']")
"""What the title of a sheet may not have."""

_FIRST_DAY = date(1900, 3, 1)
"""Excel counts days from 1900, and takes that for a leap year."""


def render_workbook(document: Document, table: str | None = None) -> bytes:
    """A report as a workbook: what it says, then a sheet for each table; or one table alone."""
    tables = document.tables if table is None else (document.table(table),)
    book = _openpyxl().Workbook()
    book.remove(book.active)
    if table is None:
        said = (document.banner, *(cell.text for cell in document.opening), *document.notes)
        lines = ((line,) for line in (*filter(None, said), document.standing))
        _sheet(book, document.title, [Column(document.title, "text", [line for (line,) in lines])])
    for one in tables:
        _sheet(book, one.title, typed_columns(table_grid(document, one.title)))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(book: Any, title: str, columns: Iterable[Column]) -> None:
    """A sheet of columns, their headings in the first row."""
    sheet = book.create_sheet(_OUTSIDE.sub(" ", title)[:_LONGEST_TITLE])
    for at, column in enumerate(columns, 1):
        for number, value in enumerate((column.name, *column.values), 1):
            if value not in (None, ""):
                cell = sheet.cell(number, at, _held(value))
                cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type
    sheet.freeze_panes = "A2"


def _held(value: Any) -> Any:
    """A value as a cell holds it: a day as a date, where Excel has it."""
    if isinstance(value, str):
        return sheet_text(value)
    return value if not isinstance(value, date) or value >= _FIRST_DAY else value.isoformat()


def sheet_text(text: str) -> str:
    """Text as a cell of a workbook can hold it."""
    return _UNPRINTABLE.sub(" ", text)[:_LONGEST_CELL]


# Data frames


_LIBRARIES = ("pandas", "polars")


def frame(document: Document, table: str | None = None, *, library: str | None = None) -> Any:
    """A data frame of the columns of a report, of pandas where that is installed."""
    module = _library(library)
    grid = long_grid(document) if table is None else table_grid(document, table)
    if module.__name__ == "pandas":
        types = {"number": "Int64", "day": "datetime64[s]", "text": object}
        return module.DataFrame(
            {
                column.name: module.Series(list(column.values), dtype=types[column.kind])
                for column in typed_columns(grid)
            }
        )
    types = {"number": module.Int64, "day": module.Date, "text": module.String}
    return module.DataFrame(
        [module.Series(one.name, one.values, dtype=types[one.kind]) for one in typed_columns(grid)]
    )


_NUMBER = re.compile(r"[0-9]{1,3}(,[0-9]{3})*|[0-9]+")

_EDTF = re.compile(r"(\.\.|[\dXY~?%./-]){4,}(T[\d:.]+(Z|[+-][\d:]+)?)?")


def _fit(pattern: re.Pattern[str], values: Iterable[str]) -> bool:
    """Whether the values that are not empty are all like that, and there are some."""
    filled = [value for value in values if value]
    return bool(filled) and all(map(pattern.fullmatch, filled))


def _numbers(values: Sequence[str]) -> list[int | None] | None:
    """The numbers of a column; None where it holds something else."""
    if not _fit(_NUMBER, values):
        return None
    return [int(value.replace(",", "")) if value else None for value in values]


def _days(name: str, values: Sequence[str]) -> Iterator[tuple[str, list[date | None]]]:
    """The first and the last days of a column of dates; nothing for another column."""
    if not _fit(_EDTF, values) or _fit(_NUMBER, values):
        return
    try:
        days = [When(value).days if value else (None, None) for value in values]
    except InvalidDate:  # something else of digits and strokes
        return
    yield f"{name}, first day", [first for first, _ in days]
    yield f"{name}, last day", [last for _, last in days]


def _library(name: str | None) -> ModuleType:
    if name not in (None, *_LIBRARIES):
        raise InvalidInput(f"library: expected pandas or polars; found {name!r}")
    for known in _LIBRARIES if name is None else (name,):
        try:
            return importlib.import_module(known)
        except ModuleNotFoundError:
            continue
    raise MissingExtra("A data frame of a report", "frames")


def _openpyxl() -> Any:
    try:
        return importlib.import_module("openpyxl")
    except ModuleNotFoundError:
        raise MissingExtra("A workbook of a report", "sheets") from None
