"""Sources: what they carry, whose text they have, and what rests on one origin only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import short, when
from timeline.engine.projection import View
from timeline.models.chronology import HappeningRow
from timeline.models.directory import SourceRow
from timeline.reports.chronology import HappeningLine, happening_lines, happenings, what_cell
from timeline.reports.evidence import Citation, Citer, Named, Support, distinct, text, type_words
from timeline.reports.model import Report, by_time, chosen_by, made_from
from timeline.reports.rules.origins import Origins
from timeline.reports.tables import (
    Cell,
    Document,
    Table,
    about,
    cell,
    few,
    number,
    table,
)


@attrs.frozen
class KindCount:
    """How many events of one type."""

    type: str
    count: int


@attrs.frozen
class CoverageLine:
    """What one source carries.

    Attributes:
        source: its id.
        title: its title.
        publisher: who published it.
        published: when.
        grade: how far it is trusted.
        reports: how many events it reports.
        kinds: of which types.
        first: the date of the earliest of them in world time.
        last: that of the latest.
        alone: how many of them go back to the origin of this source only.
        evidence: these events; for a source that reports none, what took it into the record.
    """

    source: str
    title: str
    publisher: Named
    published: str | None
    grade: str
    reports: int
    kinds: tuple[KindCount, ...]
    first: str | None
    last: str | None
    alone: int
    evidence: tuple[Citation, ...]


@attrs.frozen
class DescentLine:
    """A source whose text is that of another, or that was only read of in another.

    Attributes:
        source: its id.
        publisher: who published it.
        copies: the source that it copies.
        origin: the source whose text it carries in the end.
        cited_in: the source that it is known from, where it was not read itself.
        withdrawn: why it counts no more, if it does not.
        evidence: what took it into the record.
    """

    source: str
    publisher: Named
    copies: str | None
    origin: str
    cited_in: str | None
    withdrawn: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class SingleLine:
    """An event that all its sources have from one origin.

    Attributes:
        happening: the event.
        origin: the outlet that everything goes back to.
        sources: the ids of the sources.
        evidence: the event and what amends it.
    """

    happening: HappeningLine
    origin: Named
    sources: tuple[str, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class SourcesReport(Report):
    """The sources of a record, or of one initiative.

    `reports` is how many events they report; `single` are those that rest on one origin only.
    """

    kind: ClassVar[str] = "sources"

    initiative: str | None
    chosen_by: tuple[str, ...]
    reports: int
    coverage: tuple[CoverageLine, ...]
    descent: tuple[DescentLine, ...]
    single: tuple[SingleLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        tables = (self._coverage_table(), self._descent_table(), self._single_table())
        rest = "rests" if len(self.single) == 1 else "rest"
        of_all = f"{len(self.single):,} of {number(self.reports, 'report')}"
        lead = f"{of_all} {rest} on one origin only."
        of = ", ".join(self.chosen_by)
        publishers = len({line.publisher.id for line in self.coverage})
        count = f"{number(len(self.coverage), 'source')} of {number(publishers, 'publisher')}."
        withdrawn = [line for line in self.descent if line.withdrawn is not None]
        gone = f"Withdrawn: {few(line.source for line in withdrawn)}." if withdrawn else None
        return self._document(
            f"Sources of {of}" if of else "Sources of the record",
            tables,
            summary=map(cell, filter(None, (count, lead, gone))) if self.coverage else (),
            lead=(cell(lead, distinct(line.evidence for line in self.coverage)),),
            note="An origin is the last outlet before whoever spoke: copies, and sites that carry "
            "an agency's story, fold into one. “Alone” counts reports that no other origin has. "
            "Where two reports say the same, each is counted by itself.",
        )

    def _coverage_table(self) -> Table:
        return table(
            "What each source carries",
            self.coverage,
            {
                "Source": _source,
                "Reports": _count,
                "Of what": _kinds,
                "From when": _span,
            },
            named_by=1,
        )

    def _descent_table(self) -> Table:
        return table(
            "Copies, and sources that were not read or are withdrawn",
            self.descent,
            {
                "Source": _source,
                "Published by": lambda line: line.publisher,
                "What it is": _descent,
            },
            named_by=1,
        )

    def _single_table(self) -> Table:
        return table(
            "Resting on one origin only",
            self.single,
            {
                "When": lambda line: when(line.happening.occurred),
                "What": lambda line: what_cell(line.happening),
                "Origin": _only_origin,
            },
        )


def sources_report(view: View, *, initiative: str | None = None) -> SourcesReport:
    """What each source carries, what is copied, and what rests on one origin only.

    Args:
        view: the read models to report from.
        initiative: only what concerns this initiative.

    Example:
        timeline report sources --initiative joint-harbour

    Raises:
        NotFound: no such initiative is in view.
    """
    citer = Citer(view)
    rows = by_time(happenings(view, initiative=initiative))
    citer.load(id for row in rows for id in row.events)
    known_origins = Origins(view, citer)
    origins = {row: known_origins.of_event(row) for row in rows}
    carried = _carried(rows, origins)
    recorded = view.all(SourceRow) if initiative is None else []
    ids = {*carried, *_withdrawn(citer, rows), *(row.source for row in recorded)}
    known = [citer.source(id) for id in sorted(ids)]
    citer.load(id for row in known for id in row.events)
    return SourcesReport(
        initiative=initiative,
        chosen_by=chosen_by(view, initiative=initiative),
        reports=sum(map(bool, origins.values())),
        coverage=tuple(_coverage(citer, row, carried[row.source], origins) for row in known),
        descent=tuple(_descents(citer, known)),
        single=tuple(_singles(view, citer, rows, origins)),
        **made_from(view, citer),
    )


_Origins = dict[HappeningRow, dict[Named, tuple[Support, ...]]]
"""The origins of each event, with the sources that go back to each."""


def _carried(rows: Iterable[HappeningRow], origins: _Origins) -> dict[str, list[HappeningRow]]:
    """What each source reports, in order of world time."""
    carried: dict[str, list[HappeningRow]] = defaultdict(list)
    for row in rows:
        supports = (support for several in origins[row].values() for support in several)
        for source in dict.fromkeys(support.source for support in supports):
            carried[source].append(row)
    return carried


def _withdrawn(citer: Citer, rows: Iterable[HappeningRow]) -> set[str]:
    """The sources that events cite and that count no more."""
    cited = (citation for row in rows for citation in citer.cite(row.events))
    supports = (support for citation in cited for support in citation.sources)
    return {support.source for support in supports if support.withdrawn is not None}


def _coverage(
    citer: Citer, row: SourceRow, carried: Sequence[HappeningRow], origins: _Origins
) -> CoverageLine:
    kinds = Counter(event.type for event in carried)
    dates = [event.occurred for event in carried if event.occurred and event.occurred.earliest]
    last = max(dates, key=lambda date: (date.latest is None, date.latest), default=None)
    return citer.line(
        CoverageLine,
        row,
        reports=len(carried),
        kinds=tuple(KindCount(type, count) for type, count in sorted(kinds.items())),
        first=text(dates[0] if dates else None),
        last=text(last),
        alone=sum(len(origins[event]) == 1 for event in carried),
        evidence=citer.cite([id for event in carried for id in event.events] or row.events),
    )


def _descents(citer: Citer, rows: Iterable[SourceRow]) -> Iterator[DescentLine]:
    for row in rows:
        withdrawn = citer.withdrawn(row.source)
        if row.copies is None and row.cited_in is None and withdrawn is None:
            continue
        yield citer.line(DescentLine, row, origin=citer.origin(row.source), withdrawn=withdrawn)


def _singles(
    view: View, citer: Citer, rows: Iterable[HappeningRow], origins: _Origins
) -> Iterator[SingleLine]:
    alone = [row for row in rows if len(origins[row]) == 1]
    for row, line in zip(alone, happening_lines(view, citer, alone), strict=True):
        ((origin, supports),) = origins[row].items()
        sources = tuple(dict.fromkeys(support.source for support in supports))
        yield SingleLine(line, origin, sources, line.evidence)


# As a document


def _count(line: CoverageLine) -> str:
    return f"{line.reports}, {line.alone} alone" if line.reports else "none"


def _kinds(line: CoverageLine) -> tuple[str, ...]:
    return tuple(f"{type_words(kind.type).lower()} {kind.count}" for kind in line.kinds)


def _span(line: CoverageLine) -> str | None:
    return " to ".join(dict.fromkeys(map(short, filter(None, (line.first, line.last))))) or None


def _descent(line: DescentLine) -> str:
    parts = [] if line.withdrawn is None else [f"withdrawn: {line.withdrawn}"]
    if line.cited_in:
        parts.append(f"not read; cited in {line.cited_in}")
    if line.copies:
        parts.append(f"copy of {line.copies}")
        if line.origin not in (line.copies, line.source):
            parts.append(f"in the end of {line.origin}")
    return ", ".join(parts)


def _source(line: CoverageLine | DescentLine) -> Cell:
    return about("source", line.source, line.source)


def _only_origin(line: SingleLine) -> Cell:
    return about("actor", line.origin.id, f"{line.origin} ({', '.join(line.sources)})")
