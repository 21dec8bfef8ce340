"""The data of the scripts of a site: search and explorer, and what was known when.

The engine makes each cut of an initiative: it is the report that `as_of` gives. A page holds them
as JSON, in which equal parts stand once.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs

from timeline.dates import short, when
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.projections.chronology import HappeningRow
from timeline.projections.initiatives import InitiativeRow
from timeline.reports import Report
from timeline.reports.chronology import HappeningLine
from timeline.reports.citations import Citer, type_words
from timeline.reports.encounters import encounters
from timeline.reports.findings.meetings import everyone
from timeline.reports.layout import Cell, Document, shown_evidence
from timeline.reports.registry import bound_reports
from timeline.reports.render.notes import Notes, inert, runs

RECORD = "record.js"

Entry = tuple[str, str, str, str]
"""A page of the site: its name, its sort, its path, and what it says at a glance."""


class _Names:
    """Names that events share: each once, with the page it has."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths, self.numbers = paths, dict[tuple[str, str], int]()

    def number(self, about: str, name: str) -> int:
        """The number of a name."""
        entry = (inert(name), self.paths.get(about, ""))
        return self.numbers.setdefault(entry, len(self.numbers))


def record_script(
    view: View,
    pages: Iterable[Entry],
    happenings: Sequence[HappeningLine],
    paths: Mapping[str, str],
    places: Mapping[str, Sequence[list[float]]],
) -> str:
    """The data of a site as a script.

    Args:
        view: the read models.
        pages: the pages of the site.
        happenings: the events, in order of time.
        paths: the paths of pages by what they are about.
        places: the coordinates of events, as `coordinates` gives them.

    Returns:
        `PAGES`, `NAMES` (a name and its path), `EVENTS` and `PAIRS`. An event has the first and the
        last day, the date in words, what sort it is, what happened, its path, then the numbers of
        the names of the actors, the initiatives, the publishers and the places, then the longitude
        and the latitude where they are known. `PAIRS` are who met whom: the numbers of two names,
        whether only coded rows say so, and the numbers of the events that do.
    """
    names = _Names(paths)
    rows = {row.event: row for row in view.several(HappeningRow, (one.event for one in happenings))}
    titles = {row.initiative: row.title or row.initiative for row in view.all(InitiativeRow)}
    events = [
        [*_event(one, rows.get(one.event), titles, names), *places.get(one.event, ())]
        for one in happenings
    ]
    pairs = list(_pairs(view, [one.event for one in happenings], names))
    data = {
        "PAGES": [[inert(text) for text in page] for page in pages],
        "NAMES": list(names.numbers),
        "EVENTS": events,
        "PAIRS": pairs,
    }
    texts = (
        json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in data.values()
    )
    script = "".join(f"const {name} = {text};\n" for name, text in zip(data, texts, strict=True))
    # No `<`, so that nothing in it ends an element that it stands in.
    return script.replace("<", "\\u003c")


def coordinates(view: View, ids: Iterable[str]) -> Mapping[str, Sequence[list[float]]]:
    """Where each event was, in degrees east and north, as far as a coded row says so."""
    codings = (
        (id, evidence.coding)
        for id, event in view.events(ids).items()
        for evidence in event.evidence
        if evidence.coding is not None
    )
    return {
        id: [[round(coding.longitude, 2), round(coding.latitude, 2)]]
        for id, coding in codings
        if coding.longitude is not None and coding.latitude is not None
    }


def _pairs(view: View, ids: Sequence[str], names: _Names) -> Iterator[Sequence[Any]]:
    """Who met whom, by which of the events."""
    numbers = {id: number for number, id in enumerate(ids)}
    citer = Citer(view)
    for pair, met in encounters(*everyone(view)):
        events = [numbers[id] for id in met.events if id in numbers]
        if events:
            two = (names.number(f"actor/{id}", citer.name(id).name) for id in pair)
            yield [*two, int(met.coded), events]


def _event(
    line: HappeningLine, row: HappeningRow | None, titles: Mapping[str, str], names: _Names
) -> Sequence[Any]:
    date = when(line.occurred)
    first, last = date.days if date else (None, None)
    place = row.place if row else None
    sources = [one.source for cited in line.evidence for one in cited.sources]
    leads = (f"meeting/{line.meeting}", *(f"source/{one}" for one in sources))
    return [
        first.isoformat() if first else "",
        last.isoformat() if last else "",
        short(line.occurred),
        type_words(line.type),
        inert(line.what),
        next((names.paths[about] for about in leads if about in names.paths), ""),
        [names.number(f"actor/{part.who.id}", part.who.name) for part in line.who],
        [names.number(f"proposal/{id}", titles.get(id, id)) for id in line.about],
        [names.number(f"actor/{one.id}", one.name) for one in line.published_by],
        [names.number("", place)] if place else [],
    ]


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
