"""The tables of a page: as tables, as matrices of marks, or as cards side by side.

A section is what the template needs to lay one out.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import attrs

from timeline.pages.script_data import all_numbers
from timeline.reports.layout import CONTINUED, NUMBER, Cell, Line, Table, in_parts, shown_evidence
from timeline.reports.render.notes import Notes, run_text, runs

DATE = re.compile(r"[\dX~?%./-]{4,21}\Z")
"""A date, or the first and the last day of a stretch: it stays on one line."""

_DAYS = re.compile(r"([0-9](?:[0-9]{3}-[0-9]{2}[0-9X~?%./-]*|[0-9]? [A-Z][a-z]{2} [0-9]{4}))")
"""A date among other words, which a browser would break at its hyphens."""

_ABREAST = 9
"""Columns of a table that are still read beside one another; one with more is split."""

_WIDE = 6
"""Columns from which on a table is scrolled, where it has not got the room."""

_TO_THE_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_TO_THE_RIGHT = re.compile(r"[A-Za-z\u00c0-\u058f]")
_LONG = 60
"""Characters from which on a link looks like text: a page of underlined sentences reads badly."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*\Z", re.ASCII)

STATUSES: Mapping[str, str] = {
    "attended": "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0Z",
    "represented": "M0-5.5a5.5 5.5 0 0 0 0 11ZM0-5.5a5.5 5.5 0 0 1 0 11",
    "confirmed": "M-5.5 0 -2 4.5 5.5-4.5 -2 1.5Z",
    "expected": "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0ZM0-3v3.4h2.6",
    "invited": "M-6-4h12v8h-12ZM-6-4 0 1 6-4",
    "absent": "M-4.5-4.5 4.5 4.5M-4.5 4.5 4.5-4.5",
    "not mentioned": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z",
}
"""The outline of the mark of each status of attendance, as a path of SVG around 0,0."""

_FULL = frozenset(("attended", "represented", "confirmed", "not mentioned"))
"""The statuses whose marks are filled."""

_STATUS = re.compile("|".join(STATUSES))

_MEETING = re.compile(r"(.*) \(([^()]*)\)", re.DOTALL)
"""The heading of a meeting in a matrix: its title and its date."""


@attrs.frozen
class Filling:
    """What the cells of a page are filled with.

    Attributes:
        notes: numbers the evidence.
        links: the addresses of other pages, by what they are about.
        anchors: the names that rows of the page have in its address.
    """

    notes: Notes
    links: Mapping[str, str]
    anchors: set[str] = attrs.field(factory=set)

    def anchor(self, table: Table, row: Line) -> str:
        """A name for a row: the same as long as it says the same, and no other row's."""
        said = "\x1f".join((table.title, *(cell.text for cell in row)))
        name = f"r{hashlib.sha256(said.encode()).hexdigest()[:8]}"
        free = next(n for n in itertools.count(1) if f"{name}-{n}" not in self.anchors)
        self.anchors.add(f"{name}-{free}")
        return name if free == 1 else f"{name}-{free}"


def sections(tables: Iterable[Table], page: Filling) -> list[Mapping[str, Any]]:
    """The tables as the template takes them."""
    return [_section(table, page) for table in tables]


def is_matrix(table: Table) -> bool:
    """Whether meetings stand across it, so that marks say who was there."""
    across = table.keys[table.named_by :]
    return bool(across) and all(key.startswith("meeting/") for key in across)


def _section(table: Table, page: Filling) -> Mapping[str, Any]:
    if table.grouped_by:
        cards = _cards(table, page)
        return {"title": f"{table.title} ({len(cards)})", "continues": False, "cards": cards}
    lines = _lines(table, page)
    return {**lines, **_matrix(table, page)} if is_matrix(table) else lines


def _matrix(table: Table, page: Filling) -> Mapping[str, Any]:
    columns = zip(table.keys[table.named_by :], table.columns[table.named_by :], strict=True)
    statuses = {mark["status"] for row in table.rows for cell in row if (mark := status_of(cell))}
    return {
        "heads": [{**_met(column), "href": page.links.get(key)} for key, column in columns],
        "legend": [_mark(status) for status in STATUSES if status in statuses],
    }


def _met(heading: str) -> Mapping[str, str]:
    """The title and the date of the meeting in a heading."""
    match = _MEETING.fullmatch(heading)
    return {"title": match[1], "date": match[2]} if match else {"title": heading, "date": ""}


def status_of(cell: Cell) -> Mapping[str, Any] | None:
    """The mark of a cell: what most say, and whether others say otherwise."""
    if not _STATUS.match(cell.text):
        return None
    statuses = _STATUS.findall(cell.text)
    return {**_mark(statuses[0]), "differs": len(set(statuses)) > 1}


def _mark(status: str) -> Mapping[str, Any]:
    full = "full" if status in _FULL else "hollow"
    return {"status": status, "outline": STATUSES[status], "fill": full}


def _cards(table: Table, page: Filling) -> list[Mapping[str, Any]]:
    # What all cards are about goes without saying.
    said = int(len({row[0].text for row in table.rows}) == 1)
    return [
        {
            "id": page.anchor(table, rows[0]),
            "heads": [filled(cell, page) for cell in _without(rows[0][said : table.grouped_by])],
            "sides": [
                [filled(cell, page) for cell in shown_evidence(row[table.grouped_by :])]
                for row in rows
            ],
        }
        for _, group in itertools.groupby(table.rows, key=table.key)
        for rows in [list(group)]
    ]


def _without(cells: Iterable[Cell]) -> Iterator[Cell]:
    """The cells without their evidence, which stands at the sides."""
    return (Cell(cell.text, about=cell.about, foreign=cell.foreign) for cell in cells)


def fitting(tables: Iterable[Table]) -> list[Table]:
    """The tables; those with very many columns in parts."""
    return [part for table in tables for part in _parts(table)]


def _parts(table: Table) -> list[Table]:
    named, count = table.named_by, len(table.columns)
    if not named or count <= _ABREAST or is_matrix(table):
        return [table]
    abreast = _ABREAST - named
    return in_parts(table, (abreast for _ in range(named, count, abreast)))


def _lines(table: Table, page: Filling) -> Mapping[str, Any]:
    numeric = table.numeric
    cited = {i for row in table.rows for i, cell in enumerate(shown_evidence(row)) if cell.evidence}
    return {
        "title": table.title,
        "continues": table.title.endswith(CONTINUED),
        "columns": [
            (column, _heading(number=index in numeric, cited=index in cited))
            for index, column in enumerate(table.columns)
        ],
        "named_by": table.named_by,
        "wide": len(table.columns) >= _WIDE,
        "rows": [
            {"anchor": page.anchor(table, row), "cells": _row(row, numeric, page)}
            for row in table.rows
        ],
    }


def _row(row: Line, numeric: Collection[int], page: Filling) -> list[Mapping[str, Any]]:
    return [
        _tabled(cell, filled(shown, page), number=index in numeric)
        for index, (cell, shown) in enumerate(zip(row, shown_evidence(row), strict=True))
    ]


def _heading(*, number: bool, cited: bool) -> str:
    """The classes of a heading: over numbers it is aligned as they are."""
    return " ".join(["count", *(["cited"] if cited else [])]) if number else ""


def _tabled(cell: Cell, given: Mapping[str, Any], *, number: bool) -> Mapping[str, Any]:
    """What the template needs to fill a cell; the digits of numbers align."""
    classes = [*_classes(cell), *(["count"] if number else [])]
    counted = NUMBER.match(cell.text) if number else None
    digits = {} if counted is None else {"digits": counted[1], "remark": counted[2] or ""}
    return {
        **given,
        **digits,
        "class": " ".join(classes),
        "mark": status_of(cell),
        "text": cell.text,
    }


def filled(cell: Cell, page: Filling) -> Mapping[str, Any]:
    """What the template needs to show a value."""
    numbers = page.notes.numbers(cell.evidence)
    return {
        "depth": cell.depth,
        "branch": cell.branch,
        "pieces": [*_pieces(cell)],
        "ours": _is_ours(cell.text),
        "digits": None,
        "long": len(cell.text) > _LONG,
        "href": None if cell.about is None else page.links.get(cell.about),
        "all": all_numbers(numbers),
        "refs": [(first, run_text(first, last)) for first, last in runs(numbers)],
    }


def _is_ours(text: str) -> bool:
    """Whether it names somebody in Arabic or Hebrew letters, in a sentence that runs to the right.

    A browser goes by the first letter, and would turn `NAME, for Tangier` round.
    """
    turned = len(_TO_THE_LEFT.findall(text))
    return turned > 0 and 3 * len(_TO_THE_RIGHT.findall(text)) >= turned


def _pieces(cell: Cell) -> Iterator[tuple[str, bool, str | None]]:
    """The text in parts: whether a part is a date, which stays on one line, and its language.

    The language is None where it is the page's.
    """
    words, language = cell.foreign or ("", None)
    before, words_, after = cell.text.partition(words) if words else (cell.text, "", "")
    yield from ((*part, None) for part in _dated(before))
    if words_:
        yield words_, False, language_of(language)
    yield from ((*part, None) for part in _dated(after))


def _dated(text: str) -> list[tuple[str, bool]]:
    """The text in parts, and whether a part is a date."""
    if DATE.match(text):  # the whole cell: its own class says so
        return [(text, False)]
    parts = _DAYS.split(text)
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]


def _classes(cell: Cell) -> Iterator[str]:
    """The classes of a cell, for the style and the script."""
    if DATE.match(cell.text):
        yield "date"
    if cell.quiet:
        yield "quiet"
    if cell.evidence:
        # The note numbers stand in it, or else in the next cell that has some.
        yield "open"


def language_of(tag: str | None) -> str | None:
    """The language tag, if it is not English and is well formed (RFC 5646)."""
    return tag if tag is not None and tag != "en" and _LANGUAGE.match(tag) else None
