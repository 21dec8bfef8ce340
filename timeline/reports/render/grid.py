"""Reports as rows and columns of plain text, for files and frames: whole tables, nothing wrapped.

What is laid out in parts for the width of a terminal is put together again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

from timeline.errors import InvalidInput, NotFound
from timeline.reports.document import CONTINUED, NOTHING, Cell, Document, Line, Table

LONG = ("table", "row", "column", "value", "about", "evidence", "sources")
"""The columns of all tables together, a cell a row."""

EVIDENCE = ("evidence", "sources")
"""The last columns of one table: the ids of the events, and of the sources, that a row rests on."""

_BETWEEN = "; "


@attrs.frozen
class Grid:
    """Columns, and rows with a value for each."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def long_grid(document: Document) -> Grid:
    """Every cell of a report as a row of its own, whatever its tables are: `LONG` are the columns.

    Lines that stand before the tables are in a table without a name.
    """
    rows = [("", str(n), "", *_parts(each)) for n, each in enumerate(document.lead, start=1)]
    for table in whole(document.tables):
        for number, line in enumerate(table.rows, start=1):
            for column, each in zip(table.columns, line, strict=True):
                rows.append((table.title, str(number), column, *_parts(each)))
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
    table = _titled(whole(document.tables), title)
    rows = ((*map(_value, line), *_behind(line)) for line in table.rows)
    return Grid((*_told_apart((*table.columns, *EVIDENCE)),), tuple(rows))


def _titled(tables: Sequence[Table], title: str) -> Table:
    wanted = title.casefold()
    for fits in (str.__eq__, str.startswith):
        found = [table for table in tables if fits(table.title.casefold(), wanted)]
        if len(found) == 1 and wanted:
            return found[0]
        if found and wanted:
            several = "; ".join(table.title for table in found)
            raise InvalidInput(
                f"expected the title of one table; {title!r} fits several: {several}"
            )
    known = "; ".join(table.title for table in tables)
    raise NotFound(
        f"the report has no table {title!r}. " + (f"It has: {known}." if known else "It has none.")
    )


def _parts(each: Cell) -> tuple[str, ...]:
    return (_value(each), each.about or "", *_behind((each,)))


def _value(each: Cell) -> str:
    return "" if each.text == NOTHING else f"{each.branch}{each.text}"


def _behind(line: Line) -> tuple[str, str]:
    """The ids of the events that cells rest on, and of the sources of these."""
    cited = [cited for each in line for cited in each.evidence]
    events = dict.fromkeys(each.event for each in cited)
    sources = dict.fromkeys(told.source for each in cited for told in each.sources)
    return _BETWEEN.join(events), _BETWEEN.join(sources)


def _told_apart(columns: Iterable[str]) -> Iterator[str]:
    """The headings, those that are there several times with a number."""
    count: Counter[str] = Counter()
    for column in columns:
        count[column] += 1
        yield column if count[column] == 1 else f"{column} ({count[column]})"


# Tables that go on


def whole(tables: Iterable[Table]) -> list[Table]:
    """The tables, each with those that continue it beside it."""
    found: list[Table] = []
    for table in tables:
        title = table.title.removesuffix(CONTINUED)
        if title != table.title and found and found[-1].title == title:
            found[-1] = _beside(found[-1], table)
        else:
            found.append(table)
    return found


def _beside(one: Table, other: Table) -> Table:
    """Two tables as one; rows that only one of them has are left out of the other's columns."""
    named = one.named_by
    mine, others = _by_name(one), _by_name(other)
    rows = []
    for name in _merged(list(mine), list(others)):
        known = mine.get(name) or others[name]
        left = mine[name] if name in mine else (*known[:named], *_blank(one, known))
        right = others[name][named:] if name in others else _blank(other, known)
        rows.append((*left, *right))
    columns = (*one.columns, *other.columns[named:])
    return attrs.evolve(one, columns=columns, rows=tuple(rows))


def _by_name(table: Table) -> dict[tuple[str, ...], Line]:
    return {tuple(each.text for each in row[: table.named_by]): row for row in table.rows}


def _merged(
    one: Sequence[tuple[str, ...]], other: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """The names of both, each in the order of its own list as far as the two agree."""
    found = list(one)
    after = 0
    for name in other:
        if name in found:
            after = max(after, found.index(name) + 1)
        else:
            found.insert(after, name)
            after += 1
    return found


def _blank(table: Table, row: Line) -> Line:
    evidence = row[0].evidence if row else ()
    wanted = len(table.columns) - table.named_by
    return (Cell(table.otherwise or NOTHING, evidence),) * wanted
