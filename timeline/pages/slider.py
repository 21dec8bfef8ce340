"""What was known when: an initiative as of earlier moments, for the slider of its page.

The engine makes each cut: it is the report that `as_of` gives. The page holds them as JSON, in
which equal parts stand once.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from timeline.dates import short
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.reports import Report
from timeline.reports.registry import bound_reports
from timeline.reports.render.notes import Notes, inert, runs
from timeline.reports.tables import Cell, Document, shown_evidence

MOVES = "Positions"
"""The title of the table that the slider moves."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_MOST = 40
"""The last moments that a slider stops at, by one clock."""


class Dated(Protocol):
    """A record, which can be seen as of a moment."""

    def view(self) -> contextlib.AbstractContextManager[View]:
        """One unchanging view of it."""

    def as_of(self, *, published: str = ..., occurred: str = ..., recorded: str = ...) -> Dated:
        """The record as of a moment."""


@attrs.frozen
class Cut:
    """The report as of the end of a day, by a clock: `published`, `occurred` or `recorded`."""

    clock: str
    day: str
    document: Document


Cuts = Mapping[str, Sequence[Cut]]
"""The cuts of each initiative, by its id: clock by clock, the first day first."""


def _published(report: Report) -> Iterable[str | None]:
    return (source.published for source in report.sources)


def _cited(report: Report, field: str) -> Iterable[str | None]:
    document = report.document()
    cells = (cell for table in document.tables for row in table.rows for cell in row)
    return (getattr(citation, field) for cell in cells for citation in cell.evidence)


CLOCKS: Mapping[str, Callable[[Report], Iterable[str | None]]] = {
    "published": _published,
    "occurred": lambda report: _cited(report, "occurred"),
    "recorded": lambda report: (moment[:10] for moment in _cited(report, "recorded_at") if moment),
}
"""The clocks, and the days on which something about a report changed by each."""


def known_when(record: Dated, initiatives: Callable[[View], Iterable[str]]) -> Cuts:
    """The initiatives as of each day on which something about them changed, by each clock.

    The last day is left out: it is the page.

    Args:
        record: what is cut.
        initiatives: gives the ids of those that have a page.
    """
    made = bound_reports()["initiative"].make
    with record.view() as view:
        now = {id: made(view, id) for id in initiatives(view)}
    cuts: dict[str, list[Cut]] = defaultdict(list)
    for clock, moments in CLOCKS.items():
        days = {id: _last(moments(report)) for id, report in now.items()}
        for day in sorted({day for those in days.values() for day in those}):
            with as_of_day(record, clock, day).view() as view:
                for id in (id for id, those in days.items() if day in those):
                    with contextlib.suppress(NotFound):
                        cuts[id].append(Cut(clock, day, made(view, id).document()))
    return cuts


def as_of_day(record: Dated, clock: str, day: str) -> Dated:
    """The record as of the end of a day, by a clock; a day of recording ends in UTC."""
    if clock == "recorded":
        return record.as_of(recorded=f"{day}T23:59:59.999999Z")
    return record.as_of(published=day) if clock == "published" else record.as_of(occurred=day)


def _last(moments: Iterable[str | None]) -> list[str]:
    days = {moment for moment in moments if moment is not None and _DAY.fullmatch(moment)}
    return sorted(days)[-_MOST - 1 : -1]


# As the page holds them


def as_json(cuts: Sequence[Cut], shown: Sequence[Sequence[int]], notes: Notes) -> str:
    """What a page shows at each moment; of equal neighbours the first.

    Args:
        cuts: the moments.
        shown: the numbers of the items of the chart that each shows.
        notes: numbers the evidence.

    Returns:
        An object: `parts` are the pieces of text and evidence, `clocks` the moments by clock. A
        moment is its day, the day in words, and lists of numbers of parts: the sentences of the
        head, its facts, and the rows of the table; then the items of the chart.
    """
    parts: dict[str, int] = {}

    def numbered(pieces: Iterable[object]) -> list[int]:
        texts = (json.dumps(piece, ensure_ascii=False, separators=(",", ":")) for piece in pieces)
        return [parts.setdefault(text, len(parts)) for text in texts]

    clocks: dict[str, list[list[Any]]] = {}
    for cut, items in zip(cuts, shown, strict=True):
        state = [*map(numbered, _state(cut.document, notes)), list(items)]
        made = clocks.setdefault(cut.clock, [])
        if not made or made[-1][2:] != state:
            made.append([cut.day, short(cut.day), *state])
    text = json.dumps({"clocks": clocks}, ensure_ascii=False, separators=(",", ":"))
    whole = f'{{"parts":[{",".join(parts)}],{text[1:]}'
    # No `<`, so that nothing in it ends the element that it stands in.
    return whole.replace("<", "\\u003c")


def _state(document: Document, notes: Notes) -> Iterable[Iterable[object]]:
    """The sentences of the head, its facts, and the rows of the table."""
    rows = [row for table in document.tables if table.title == MOVES for row in table.rows]
    yield (_said(cell, notes) for cell in document.opening)
    yield ((fact.label, *_said(fact.value, notes)) for fact in document.facts)
    yield ([_said(cell, notes) for cell in shown_evidence(row)] for row in rows)


def _said(cell: Cell, notes: Notes) -> tuple[str, str]:
    return inert(cell.text), all_numbers(notes.numbers(cell.evidence))


def all_numbers(numbers: Iterable[int]) -> str:
    """The numbers of notes as the script reads them: `1-3 7`."""
    return " ".join(
        f"{first}-{last}" if last > first else str(first) for first, last in runs(numbers)
    )
