"""The pages of a site about one actor and about one source, as documents.

An actor's page puts first what was said last and where it was; one of an outlet says what it
carried. A source's page says what it reports, what copies it, and what rests on it alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from timeline.dates import short
from timeline.engine.projection import View
from timeline.projections.directory import ActorRow, SourceRow
from timeline.reports.chronology import HappeningLine, chronology_report, what_cell, when_cell
from timeline.reports.dossier import AppearanceLine, DossierReport
from timeline.reports.layout import (
    Cell,
    Chart,
    Document,
    Fact,
    Mark,
    Table,
    about,
    cell,
    chart,
    columns_of,
    mark,
    newest,
    number,
    on_date,
    table,
)
from timeline.reports.model import Standing

_SAID = "What it said, and what was said for it"
_MET = "Meetings"
_WHO = "Who is who"

_FIRST = ("Offices", _SAID, _MET, "Who met whom", "Positions, its own and imputed")
"""The tables of an actor in the order of its page; the others follow."""


class Sources:
    """The sources that have pages: those that report something which no program coded.

    Attributes:
        chronology: all that sources report, in order of time.
    """

    def __init__(self, view: View) -> None:
        self._rows = {row.source: row for row in view.all(SourceRow)}
        self._names = {row.actor: row.name for row in view.all(ActorRow)}
        self._standing = str(Standing.of(view))
        self._carried: dict[str, list[HappeningLine]] = defaultdict(list)
        self.chronology = chronology_report(view)
        coded = {source.source for source in self.chronology.sources if source.coded}
        for happening in self.chronology.happenings:
            supports = (support for cited in happening.evidence for support in cited.sources)
            for source in dict.fromkeys(support.source for support in supports):
                if source in self._rows and source not in coded:
                    self._carried[source].append(happening)

    def entries(self) -> Iterator[tuple[str, str]]:
        """Id and title of each, by title."""
        rows = (self._rows[source] for source in self._carried)
        for row in sorted(rows, key=lambda row: (row.title, row.source)):
            yield row.source, row.title

    def publishers(self) -> set[str]:
        """The ids of the publishers."""
        return {self._rows[source].publisher for source in self._carried}

    def addresses(self) -> Iterator[str]:
        """Where they were published."""
        rows = (self._rows[source] for source in self._carried)
        return (row.address for row in rows if row.address is not None)

    def carried_by(self, publisher: str) -> Table:
        """What an outlet carried, the newest first."""
        rows = [self._rows[id] for id in self._carried if self._rows[id].publisher == publisher]
        rows.sort(key=lambda row: row.published.text if row.published else "", reverse=True)
        lines = (
            (
                cell(row.published),
                about("source", row.source, row.title),
                cell(number(len(self._carried[row.source]), "report")),
            )
            for row in rows
        )
        return Table("What it carried", ("Published", "Source", "Reports"), tuple(lines))

    def page(self, id: str) -> Document:
        """The page of a source."""
        row, carried = self._rows[id], self._carried[id]
        alone = [one for one in carried if _sources_of(one) == {id}]
        return Document(
            title=row.title,
            lead=(),
            tables=tuple(one for one in self._tables(row, carried, alone) if one.rows),
            apparatus=(),
            notes=("“Resting on it alone” counts what no other source in view reports.",),
            standing=self._standing,
            kind="source",
            summary=tuple(map(cell, self._summary(row))),
            facts=(
                Fact("Published by", self._actor(row.publisher)),
                Fact("Published", cell(short(row.published))),
                Fact("Reports", cell(str(len(carried)))),
                Fact("Resting on it alone", cell(str(len(alone)))),
            ),
        )

    def _actor(self, id: str) -> Cell:
        return about("actor", id, self._names.get(id, id))

    def _summary(self, row: SourceRow) -> Iterator[str]:
        date = on_date(row.published.text if row.published else None)
        yield f"Published by {self._names.get(row.publisher, row.publisher)} {date}."
        if row.withdrawn:
            yield f"Withdrawn: {row.withdrawn}."
        if row.cited_in:
            yield "It was not read itself; it is known from another source."
        if row.note:
            yield row.note

    def _tables(
        self, row: SourceRow, carried: Iterable[HappeningLine], alone: Iterable[HappeningLine]
    ) -> Iterator[Table]:
        says = {"When": when_cell, "What": what_cell}
        yield table("What it says", carried, says)
        yield table("Resting on it alone", alone, says)
        others = self._rows.values()
        yield self._list("Copies of it", (one for one in others if one.copies == row.source))
        known = (one for one in others if one.cited_in == row.source)
        yield self._list("Known only from it", known)
        yield Table("Where it is", ("", ""), tuple(self._fields(row)), named_by=1)

    def _list(self, title: str, rows: Iterable[SourceRow]) -> Table:
        lines = (
            (cell(row.published), self._named(row.source), self._actor(row.publisher))
            for row in rows
        )
        return Table(title, ("Published", "Source", "Published by"), tuple(lines))

    def _named(self, id: str) -> Cell:
        return about("source", id, self._rows[id].title if id in self._rows else id)

    def _fields(self, row: SourceRow) -> Iterator[tuple[Cell, Cell]]:
        fields: Mapping[str, object] = {
            "Address": about("address", row.address, row.address) if row.address else None,
            "Copy read": row.retrieved,
            "SHA-256 of the copy": row.sha256,
            "Language": row.language,
            "Grade": row.grade,
            "Copy of": self._named(row.copies) if row.copies else None,
            "Known from": self._named(row.cited_in) if row.cited_in else None,
            "Id": row.source,
        }
        yield from ((Cell(name), cell(value)) for name, value in fields.items() if value)


def _sources_of(line: HappeningLine) -> set[str]:
    return {support.source for cited in line.evidence for support in cited.sources}


def profile(report: DossierReport, document: Document, sources: Sources) -> Document:
    """The page of an actor: its offices, what was said last, where it was, and whom it met.

    Args:
        report: what is known of it.
        document: the same as a document.
        sources: what outlets carried.
    """
    tables = {one.title: one for one in document.tables}
    shown: Mapping[str, Callable[[Table], Table]] = {
        "Offices": lambda one: columns_of(one, "Office", "Of", "When"),
        _SAID: _latest_first,
        _MET: _latest_first,
        _WHO: lambda one: columns_of(one, "Name", "Kind", "Also known as"),
    }
    order = dict.fromkeys((*_FIRST, *(title for title in tables if title != _WHO), _WHO))
    laid = [
        shown[name](tables[name]) if name in shown else tables[name]
        for name in order
        if name in tables
    ]
    carried = sources.carried_by(report.actor.actor)
    return attrs.evolve(
        document,
        kind=report.actor.kind,
        tables=(*laid[:-1], *([carried] if carried.rows else []), *laid[-1:]),
        charts=tuple(_strip(report)),
    )


def _latest_first(table: Table) -> Table:
    return attrs.evolve(newest(table), title=table.title)


def _strip(report: DossierReport) -> Iterable[Chart]:
    """What was said and where they met, in time."""
    marks: list[Mark | None] = [
        mark("Said", "statement", line.occurred, solid=True, evidence=line.evidence)
        for line in report.statements
    ]
    marks += [_met(line) for line in report.meetings]
    return chart(
        "In time",
        _SAID if report.statements else _MET,
        marks,
        lanes=("Said", "Meetings"),
        kinds=("statement", "meeting"),
        solid="said, or held",
        outline="announced only",
    )


def _met(line: AppearanceLine) -> Mark | None:
    meeting = line.meeting
    day = meeting.held_on[0] if meeting.held_on else None
    words = {"label": meeting.title, "evidence": line.evidence}
    return mark("Meetings", "meeting", day, solid=meeting.state == "held", **words)
