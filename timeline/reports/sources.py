"""Sources: what each carries, whose text it has, and what rests on one origin only."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.engine.projection import View
from timeline.models.chronology import HappeningRow
from timeline.models.sources import SourceRow
from timeline.reports import document
from timeline.reports.chronology import HappeningLine, happening_lines, happenings, what_cell
from timeline.reports.document import Document, Line, Table, about, cell, number
from timeline.reports.evidence import Citation, Citer, Named, Support, text
from timeline.reports.filters import chosen_by
from timeline.reports.model import Report, Standing, by_time
from timeline.reports.rules.origins import Origins


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
        cited = {each.event: each for line in self.coverage for each in line.evidence}
        rest = "rests" if len(self.single) == 1 else "rest"
        of_all = f"{len(self.single):,} of {number(self.reports, 'report')}"
        lead = f"{of_all} {rest} on one origin only."
        of = ", ".join(self.chosen_by)
        return self._document(
            f"Sources of {of}" if of else "Sources of the record",
            tables,
            lead=(cell(lead, tuple(cited.values())),),
            note="An origin is the last outlet before whoever spoke: copies, and sites that carry "
            "an agency's story, fold into one. “Alone” counts reports that no other origin has. "
            "Where two reports say the same, each is counted by itself.",
        )

    def _coverage_table(self) -> Table:
        return Table(
            "What each source carries",
            ("Source", "Reports", "Of what", "From when"),
            tuple(
                document.line(
                    each.evidence,
                    about("source", each.source, each.source),
                    f"{each.reports}, {each.alone} alone" if each.reports else "none",
                    tuple(f"{_words(kind.type)} {kind.count}" for kind in each.kinds),
                    _span(each),
                )
                for each in self.coverage
            ),
            named_by=1,
        )

    def _descent_table(self) -> Table:
        return Table(
            "Copies, and sources that were not read or are withdrawn",
            ("Source", "Published by", "What it is"),
            tuple(
                document.line(
                    each.evidence,
                    about("source", each.source, each.source),
                    each.publisher,
                    _descent(each),
                )
                for each in self.descent
            ),
            named_by=1,
        )

    def _single_table(self) -> Table:
        return Table(
            "Resting on one origin only",
            ("When", "What", "Origin"),
            tuple(map(_single_row, self.single)),
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
    origins = Origins(view, citer)
    told = {row: origins.of_event(row) for row in rows}
    carried = _carried(rows, told)
    recorded = view.all(SourceRow) if initiative is None else []
    ids = {*carried, *_withdrawn(citer, rows), *(row.source for row in recorded)}
    known = [citer.source(id) for id in sorted(ids)]
    citer.load(id for row in known for id in row.events)
    return SourcesReport(
        standing=Standing.of(view),
        initiative=initiative,
        chosen_by=chosen_by(view, initiative=initiative),
        reports=sum(bool(each) for each in told.values()),
        coverage=tuple(_coverage(citer, row, carried[row.source], told) for row in known),
        descent=tuple(_descents(citer, known)),
        single=tuple(_singles(view, citer, rows, told)),
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


_Told = dict[HappeningRow, dict[Named, tuple[Support, ...]]]
"""The origins of each event, with the sources that go back to each."""


def _carried(rows: Iterable[HappeningRow], told: _Told) -> dict[str, list[HappeningRow]]:
    """What each source reports, in order of world time."""
    found: dict[str, list[HappeningRow]] = defaultdict(list)
    for row in rows:
        supports = (each for several in told[row].values() for each in several)
        for source in dict.fromkeys(each.source for each in supports):
            found[source].append(row)
    return found


def _withdrawn(citer: Citer, rows: Iterable[HappeningRow]) -> set[str]:
    """The sources that events cite and that count no more."""
    cited = (citation for row in rows for citation in citer.cite(row.events))
    supports = (support for citation in cited for support in citation.sources)
    return {support.source for support in supports if support.withdrawn is not None}


def _coverage(
    citer: Citer, row: SourceRow, carried: Sequence[HappeningRow], told: _Told
) -> CoverageLine:
    kinds = Counter(each.type for each in carried)
    dates = [each.occurred for each in carried if each.occurred and each.occurred.earliest]
    last = max(dates, key=lambda date: (date.latest is None, date.latest), default=None)
    return CoverageLine(
        source=row.source,
        title=row.title,
        publisher=citer.name(row.publisher),
        published=text(row.published),
        grade=row.grade,
        reports=len(carried),
        kinds=tuple(KindCount(type, count) for type, count in sorted(kinds.items())),
        first=text(dates[0] if dates else None),
        last=text(last),
        alone=sum(len(told[each]) == 1 for each in carried),
        evidence=citer.cite([id for each in carried for id in each.events] or row.events),
    )


def _descents(citer: Citer, rows: Iterable[SourceRow]) -> Iterator[DescentLine]:
    for row in rows:
        withdrawn = citer.withdrawn(row.source)
        if row.copies is None and row.cited_in is None and withdrawn is None:
            continue
        yield DescentLine(
            source=row.source,
            publisher=citer.name(row.publisher),
            copies=row.copies,
            origin=citer.origin(row.source),
            cited_in=row.cited_in,
            withdrawn=withdrawn,
            evidence=citer.cite(row.events),
        )


def _singles(
    view: View, citer: Citer, rows: Iterable[HappeningRow], told: _Told
) -> Iterator[SingleLine]:
    alone = [row for row in rows if len(told[row]) == 1]
    for row, line in zip(alone, happening_lines(view, citer, alone), strict=True):
        ((origin, supports),) = told[row].items()
        sources = tuple(dict.fromkeys(each.source for each in supports))
        yield SingleLine(line, origin, sources, line.evidence)


# As a document


def _words(type: str) -> str:
    """The name of a type as words: `MeetingHeld` as `meeting held`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type).lower()


def _span(each: CoverageLine) -> str | None:
    if each.first == each.last:
        return each.first
    return f"{each.first} to {each.last}"


def _descent(each: DescentLine) -> str:
    told = [] if each.withdrawn is None else [f"withdrawn: {each.withdrawn}"]
    if each.cited_in:
        told.append(f"not read; cited in {each.cited_in}")
    if each.copies:
        told.append(f"copy of {each.copies}")
        if each.origin not in (each.copies, each.source):
            told.append(f"in the end of {each.origin}")
    return ", ".join(told)


def _single_row(each: SingleLine) -> Line:
    sources = ", ".join(each.sources)
    happening = each.happening
    origin = about("actor", each.origin.id, f"{each.origin} ({sources})")
    return document.line(each.evidence, happening.occurred, what_cell(happening), origin)
