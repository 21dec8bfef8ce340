"""Reports as grids of values: CSV, and data frames of pandas or polars."""

from __future__ import annotations

import csv
import importlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from types import ModuleType
from typing import Any

import attrs

from timeline.dates import When
from timeline.errors import InvalidDate, InvalidInput, MissingExtra
from timeline.reports.tables import NOTHING, Cell, Document, Line

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula, or passes over on the way to one."""

LONG = ("table", "row", "column", "value", "about", "evidence", "sources")
"""The columns of all tables together, a cell a row."""

EVIDENCE = ("evidence", "sources")
"""The last columns of one table: the ids of the events, and of the sources, that a row rests on."""

_BETWEEN = "; "


def render_csv(document: Document, table: str | None = None) -> str:
    """Lay a report out as CSV, with the ids of the events and sources behind each row.

    An apostrophe stands before text that a spreadsheet would run as a formula.

    Args:
        document: the report.
        table: the title of the table to write, as it is shown; else every cell of all tables is a
            row of its own, see `LONG`.

    Raises:
        NotFound: the report has no such table.
        InvalidInput: several begin like that.
    """
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
    """One table of a report, with the evidence of each row behind it.

    Args:
        document: the report.
        title: the title of the table, or the beginning of it; case makes no difference.

    Raises:
        NotFound: the report has no such table; the message names those it has.
        InvalidInput: several begin like that; the message names them.
    """
    table = document.table(title)
    rows = ((*map(_value, line), *_behind(line)) for line in table.rows)
    return Grid((*_told_apart((*table.columns, *EVIDENCE)),), tuple(rows))


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


def _told_apart(columns: Iterable[str]) -> Iterator[str]:
    """The headings; one that repeats gets a number."""
    count: Counter[str] = Counter()
    for column in columns:
        count[column] += 1
        yield column if count[column] == 1 else f"{column} ({count[column]})"


# Data frames


_LIBRARIES = ("pandas", "polars")


def frame(document: Document, table: str | None = None, *, library: str | None = None) -> Any:
    """A data frame of a report, with the ids of the events behind each row.

    A column of numbers holds numbers. A column of dates stays as it is, since a date may be vague,
    and its first and last day stand beside it: as dates, empty where there is no such bound.

    Args:
        document: the report.
        table: the title of a table; else every cell of all tables is a row of its own.
        library: `pandas` or `polars`; else whichever is installed, pandas before polars.

    Raises:
        NotFound: the report has no such table.
        InvalidInput: no such library is known.
        MissingExtra: it is not installed.
    """
    module = _library(library)
    grid = long_grid(document) if table is None else table_grid(document, table)
    columns = zip(*grid.rows, strict=True) if grid.rows else ((),) * len(grid.columns)
    data = {name: list(values) for name, values in zip(grid.columns, columns, strict=True)}
    return _pandas(module, data) if module.__name__ == "pandas" else _polars(module, data)


def _pandas(module: ModuleType, data: Mapping[str, list[str]]) -> Any:
    made = {}
    for name, values in data.items():
        made[name] = module.Series(values, dtype=object)
        if (numbers := _numbers(values)) is not None:
            made[name] = module.Series(numbers, dtype="Int64")
        for bound, days in _days(name, values):
            made[bound] = module.Series(days, dtype="datetime64[s]")
    return module.DataFrame(made)


def _polars(module: ModuleType, data: Mapping[str, list[str]]) -> Any:
    made = []
    for name, values in data.items():
        if (numbers := _numbers(values)) is not None:
            made.append(module.Series(name, numbers, dtype=module.Int64))
        else:
            made.append(module.Series(name, values, dtype=module.String))
        for bound, days in _days(name, values):
            made.append(module.Series(bound, days, dtype=module.Date))
    return module.DataFrame(made)


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
