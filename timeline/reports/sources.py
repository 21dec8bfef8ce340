"""Sources: what they carry, whose text they have, and what rests on one origin only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import When, short, when
from timeline.engine.projection import View
from timeline.engine.search import Phrase
from timeline.projections.amendments import AmendmentRow
from timeline.projections.chronology import HappeningRow
from timeline.projections.directory import SourceRow
from timeline.projections.search import SearchRow, mark
from timeline.reports.actors import find_actor
from timeline.reports.chronology import HappeningLine, happening_lines, happenings, what_cell
from timeline.reports.citations import Citation, Citer, Named, Support, distinct, text, type_words
from timeline.reports.findings.origins import Origins
from timeline.reports.layout import Cell, Document, Table, about, cell, few, number, table
from timeline.reports.model import Report, by_time, chosen_by, grouped, made_from


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


@attrs.frozen
class CarriedLine:
    """An event that certain sources report, such as those of one outlet.

    Attributes:
        happening: the event.
        others: who else published it.
        alone: whether all its sources go back to one origin.
        first: whether these sources had it before all others; None where nobody else has it, or
            the dates do not say.
        evidence: the event and what amends it.
    """

    happening: HappeningLine
    others: tuple[Named, ...]
    alone: bool
    first: bool | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class PublisherLine:
    """What one publisher carries; `first` is how many reports it had before all others."""

    publisher: Named
    sources: int
    reports: int
    alone: int
    first: int
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class SourcesReport(Report):
    """The sources of a record, of one initiative, or of one publisher.

    `reports` is how many events they report; `single` are those that rest on one origin only.
    """

    kind: ClassVar[str] = "sources"

    initiative: str | None
    publisher: str | None
    publishers: tuple[PublisherLine, ...]
    chosen_by: tuple[str, ...]
    reports: int
    coverage: tuple[CoverageLine, ...]
    descent: tuple[DescentLine, ...]
    single: tuple[SingleLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        tables = (
            self._coverage_table(),
            self._publishers_table(),
            self._descent_table(),
            self._single_table(),
        )
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
            "an agency's story, fold into one. “Alone” counts reports that no other origin has, "
            "“first” those that others had, too, and later. "
            "Where two reports say the same, each is counted by itself.",
        )

    def _coverage_table(self) -> Table:
        return table(
            "What each source carries",
            self.coverage,
            {"Source": _source, "Reports": _count, "Of what": _kinds, "From when": _span},
            named_by=1,
        )

    def _publishers_table(self) -> Table:
        return table(
            "By publisher",
            self.publishers,
            {
                "Publisher": lambda line: line.publisher,
                "Sources": lambda line: line.sources,
                "Reports": lambda line: line.reports,
                "Alone": lambda line: line.alone,
                "First": lambda line: line.first,
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


def sources_report(
    view: View, *, initiative: str | None = None, publisher: str | None = None
) -> SourcesReport:
    """What each source carries, what is copied, and what rests on one origin only.

    Args:
        view: the read models to report from.
        initiative: only what concerns this initiative.
        publisher: only sources of this publisher, by its id or any recorded name.

    Example:
        timeline report sources --initiative joint-harbour
        timeline report sources --publisher 'The Gazette'

    Raises:
        NotFound: no such initiative or publisher is in view.
        InvalidInput: several actors go by that name.
    """
    citer = Citer(view)
    outlet = None if publisher is None else find_actor(view, publisher)
    of_outlet = None if outlet is None else sources_of(view, outlet)
    rows = by_time(happenings(view, initiative=initiative))
    if of_outlet is not None:
        wanted = citing(view, of_outlet)
        rows = [row for row in rows if not wanted.isdisjoint(row.events)]
    citer.load(id for row in rows for id in row.events)
    known_origins = Origins(view, citer)
    origins = {row: known_origins.of_event(row) for row in rows}
    carried = _carried(rows, origins)
    recorded = view.all(SourceRow) if initiative is None else []
    ids = {*carried, *_withdrawn(citer, rows), *(row.source for row in recorded)}
    known = [citer.source(id) for id in sorted(ids if of_outlet is None else ids & of_outlet)]
    citer.load(id for row in known for id in row.events)
    return SourcesReport(
        initiative=initiative,
        publisher=outlet,
        publishers=tuple(_publishers(citer, known, carried, origins)),
        chosen_by=chosen_by(view, initiative=initiative, actor=outlet),
        reports=sum(map(bool, origins.values())),
        coverage=tuple(_coverage(citer, row, carried[row.source], origins) for row in known),
        descent=tuple(_descents(citer, known)),
        single=tuple(_singles(view, citer, rows, origins)),
        **made_from(view, citer),
    )


_Origins = dict[HappeningRow, dict[Named, tuple[Support, ...]]]
"""The origins of each event, with the sources that go back to each."""


def sources_of(view: View, publisher: str) -> set[str]:
    """The ids of the sources that an actor published."""
    return {row.source for row in view.all(SourceRow, publisher=publisher)}


def citing(view: View, sources: Iterable[str], teller: str | None = None) -> set[str]:
    """The events that rest on one of these sources, or name a teller; further evidence included."""
    marks = [Phrase((mark("source", source),)) for source in sorted(sources)]
    if teller is not None:
        marks.append(Phrase((mark("actor", teller),)))
    if not marks:
        return set()
    rows, _ = view.search(SearchRow, {"words": (tuple(marks),)}, None)
    return {row.event for row in rows}


def carried_lines(
    view: View, citer: Citer, sources: Collection[str], teller: str | None = None
) -> Iterator[CarriedLine]:
    """The events of the world that these sources report, in order of time.

    With a teller, such as an agency, also what reached other sources through it.
    """
    rest = citing(view, sources, teller)
    further = (row for id in rest for row in view.all(AmendmentRow, event=id))
    targets = (id for row in further if row.kind == "corroborated" for id in row.targets)
    rows = by_time(view.several(HappeningRow, sorted({*rest, *targets})))
    citer.load(id for row in rows for id in row.events)
    known = Origins(view, citer)
    for row, line in zip(rows, happening_lines(view, citer, rows), strict=True):
        supports = [support for cited in line.evidence for support in cited.sources]
        mine = [s for s in supports if s.source in sources or _is_through(teller, s)]
        if not mine:
            continue
        others = [support for support in supports if support not in mine]
        yield CarriedLine(
            happening=line,
            others=tuple(dict.fromkeys(support.publisher for support in others)),
            alone=len(known.of_event(row)) == 1,
            first=_is_first(mine, others),
            evidence=line.evidence,
        )


def _is_through(teller: str | None, support: Support) -> bool:
    """Whether it passed on what another said."""
    return teller is not None and any(link.who.id == teller for link in support.chain[:-1])


def _is_first(mine: Iterable[Support], others: Iterable[Support]) -> bool | None:
    """Whether one of ours was published before all others, as far as their dates say."""
    supports = [*mine], [*others]
    ours, theirs = ([When(one.published) for one in some if one.published] for some in supports)
    if not ours or not theirs or (len(ours), len(theirs)) != tuple(map(len, supports)):
        return None
    return any(all(other.certainly_after(one) for other in theirs) for one in ours)


def _publishers(
    citer: Citer,
    sources: Iterable[SourceRow],
    carried: dict[str, list[HappeningRow]],
    origins: _Origins,
) -> Iterator[PublisherLine]:
    """A line for each publisher, the one with most reports first."""
    lines = []
    for publisher, own in grouped(sources, lambda source: source.publisher).items():
        ids = {source.source for source in own}
        reports = list(dict.fromkeys(row for id in ids for row in carried[id]))
        first = 0
        for row in reports:
            supports = [one for several in origins[row].values() for one in several]
            mine = [one for one in supports if one.source in ids]
            first += _is_first(mine, [one for one in supports if one.source not in ids]) is True
        lines.append(
            PublisherLine(
                publisher=citer.name(publisher),
                sources=len(own),
                reports=len(reports),
                alone=sum(len(origins[row]) == 1 for row in reports),
                first=first,
                # A source may be named before it is taken into the record.
                evidence=citer.cite(id for source in own for id in source.events)
                or citer.cite(id for row in reports for id in row.events),
            )
        )
    yield from sorted(lines, key=lambda line: (-line.reports, line.publisher.name))


def carried_table(title: str, lines: Iterable[CarriedLine]) -> Table:
    """A table of what certain sources report."""
    return table(
        title,
        lines,
        {
            "When": lambda line: when(line.happening.occurred),
            "What": lambda line: what_cell(line.happening),
            "Who else": _who_else,
        },
    )


def _who_else(line: CarriedLine) -> str:
    if not line.others:
        return "nobody"
    later = ", later" if line.first else ""
    return f"{few(line.others)}{later}{' (one origin)' if line.alone else ''}"


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
