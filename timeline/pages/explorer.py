"""The data of a site's search and of its explorer, as one script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from timeline.dates import short, when
from timeline.engine.projection import View
from timeline.projections.chronology import HappeningRow
from timeline.projections.initiatives import InitiativeRow
from timeline.reports.chronology import HappeningLine
from timeline.reports.encounters import encounters
from timeline.reports.evidence import Citer, type_words
from timeline.reports.findings.participation import everyone
from timeline.reports.render.notes import inert

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
    line: HappeningLine,
    row: HappeningRow | None,
    titles: Mapping[str, str],
    names: _Names,
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
