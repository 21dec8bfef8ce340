"""Corroboration: on how many independent origins a claim rests, and who took it from whom.

Sources are addresses; origins are what is counted. An agency's story on ten sites is one origin.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import short, when
from timeline.engine.projection import View
from timeline.errors import InvalidInput, NotFound
from timeline.reports.citations import Citation, Citer, Named, distinct, line_of, text
from timeline.reports.findings.origins import Claim, Origins, Path, Step, claims
from timeline.reports.layout import Document, Line, Table, about, cell, line, number, table
from timeline.reports.model import Report, grouped, made_from

_GRADES = ("high", "ordinary", "low")


@attrs.frozen
class ClaimLine:
    """One of the events that make up the claim; `text` is in the recorder's words."""

    event: str
    type: str
    occurred: str | None
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class SupportLine:
    """A source of the claim; the fields are those of `SourceLine`, `at` the places in it.

    `read` is whether it was read itself; None where it does not say so.
    """

    source: str
    title: str
    publisher: Named
    published: str | None
    address: str | None
    grade: str
    cited_in: str | None
    read: bool | None
    at: tuple[str, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen
class OriginLine:
    """One independent origin: the outlet that everything here goes back to.

    Which actors are outlets follows from their kind, and from who published the sources; see
    `Actor`.

    Attributes:
        origin: the outlet.
        sources: the sources whose chain leads to it.
        read: whether one of them was read itself; False where all are only mentioned in others,
            None where none says that it was read.
        grade: the best grade among them.
        evidence: the events that cite them.
    """

    origin: Named
    sources: tuple[SupportLine, ...]
    read: bool | None
    grade: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class WithdrawnLine:
    """A source of the claim that counts no more, and why."""

    source: str
    title: str
    publisher: Named
    reason: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class Teller:
    """One who passed the claim on, and whoever took it from there.

    Attributes:
        who: the teller; at the root of a tree, whoever it began with as far as is known.
        manners: how it passed the words on, by the sources that say so.
        capacities: the offices it spoke in.
        spoke_for: on whose behalf it spoke, or what whom it imputed words to.
        sources: the ids of the sources that it published, or cites where they were not read.
        branches: those that took it from here.
        evidence: the events whose chains have it.
    """

    who: Named
    manners: tuple[str, ...]
    capacities: tuple[str, ...]
    spoke_for: tuple[Named, ...]
    sources: tuple[str, ...]
    branches: tuple[Teller, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class CorroborationReport(Report):
    """The independent origins of a claim, and the trees of who took it from whom.

    `independent` is how many origins there are; those that were not read, or are of low grade, are
    counted and marked. `withdrawn` are the sources of the claim that were retracted, which support
    nothing any more.
    """

    kind: ClassVar[str] = "corroboration"

    events: tuple[ClaimLine, ...]
    independent: int
    origins: tuple[OriginLine, ...]
    tree: tuple[Teller, ...]
    withdrawn: tuple[WithdrawnLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        evidence = distinct(claim.evidence for claim in self.events)
        return self._document(
            f"Corroboration: {', '.join(claim.event for claim in self.events)}",
            (
                self._claim_table(),
                self._origins_table(),
                self._tree_table(),
                self._withdrawn_table(),
            ),
            lead=(cell(self._lead(), evidence),),
            note="An origin is the last outlet before whoever spoke: copies, sites that carry an "
            "agency's story, and papers of one press office fold into one. “Read” is unknown "
            "where no source says that it was read. Below each in the tree stand the ones that "
            "took it from there.",
        )

    def _lead(self) -> str:
        sources = {each.source for origin in self.origins for each in origin.sources}
        unread = sum(origin.read is False for origin in self.origins)
        low = sum(origin.grade == "low" for origin in self.origins)
        parts = [number(self.independent, "independent origin"), number(len(sources), "source")]
        if unread:
            parts.append(f"{unread} of the origins not read")
        if low:
            parts.append(f"{low} of the origins of low grade only")
        if self.withdrawn:
            parts.append(f"not counting {number(len(self.withdrawn), 'withdrawn source')}")
        return ", ".join(parts)

    def _claim_table(self) -> Table:
        rows = (line(each.evidence, when(each.occurred), each.text) for each in self.events)
        return Table("The claim", ("When", "What"), tuple(rows))

    def _origins_table(self) -> Table:
        rows = (
            line(each.evidence, each.origin, _sources(each), each.grade, _read(each))
            for each in self.origins
        )
        return Table("Origins", ("Origin", "Sources", "Grade", "Read"), tuple(rows))

    def _tree_table(self) -> Table:
        dates = {each.source: each.published for line in self.origins for each in line.sources}
        rows = itertools.chain.from_iterable(_tree_rows(each, 0, dates) for each in self.tree)
        return Table("Who took it from whom", ("Who", "How", "Source"), tuple(rows))

    def _withdrawn_table(self) -> Table:
        return table(
            "Withdrawn sources",
            self.withdrawn,
            {
                "Source": lambda gone: about("source", gone.source, gone.source),
                "Published by": lambda gone: gone.publisher,
                "Why": lambda gone: gone.reason,
            },
        )


def corroboration_report(view: View, *events: str) -> CorroborationReport:
    """On how many independent origins a claim rests, and who took it from whom.

    Args:
        view: the read models to report from.
        events: the ids of the events that record the claim, one or more.

    Example:
        timeline report corroboration harbour/floated harbour/floated-elsewhere

    Raises:
        InvalidInput: no event is named.
        NotFound: an event is not in the log, or not in view.
    """
    claimed = _claimed(view, tuple(dict.fromkeys(events)))
    citer = Citer(view)
    citer.load(id for claim in claimed for id in claim.basis)
    paths = Origins(view, citer).of_claims(claimed)
    origins = _origin_lines(citer, paths)
    return CorroborationReport(
        events=tuple(_claim_line(citer, claim) for claim in claimed),
        independent=len(origins),
        origins=origins,
        tree=_branches(citer, [(path, path.steps[::-1]) for path in paths]),
        withdrawn=tuple(_withdrawn_lines(citer, claimed)),
        **made_from(view, citer),
    )


def _claimed(view: View, ids: Sequence[str]) -> list[Claim]:
    if not ids:
        raise InvalidInput("expected the ids of one or more events that record the claim")
    known = claims(view, ids)
    missing = [id for id in ids if id not in known]
    if missing:
        raise NotFound(
            f"event {missing[0]!r} is not in view: it was retracted or taken down, or it lies "
            "beyond the moment that the report is made for."
        )
    return list(known.values())


def _claim_line(citer: Citer, claim: Claim) -> ClaimLine:
    return ClaimLine(
        event=claim.recorded.id,
        type=claim.recorded.type,
        occurred=text(claim.occurred),
        text=claim.text,
        evidence=citer.cite(claim.basis),
    )


def _withdrawn_lines(citer: Citer, claimed: Iterable[Claim]) -> Iterator[WithdrawnLine]:
    cited = citer.cite(id for claim in claimed for id in (claim.recorded.id, *claim.further))
    supports = {support.source: support for citation in cited for support in citation.sources}
    for support in supports.values():
        if support.withdrawn is not None:
            evidence = citer.cite(citer.source(support.source).events)
            yield line_of(WithdrawnLine, support, reason=support.withdrawn, evidence=evidence)


# Origins


def _origin_lines(citer: Citer, paths: Iterable[Path]) -> tuple[OriginLine, ...]:
    by_origin = grouped(paths, lambda path: path.origin)
    return tuple(_origin_line(citer, origin, mine) for origin, mine in by_origin.items())


def _origin_line(citer: Citer, origin: Named, paths: Sequence[Path]) -> OriginLine:
    by_source = grouped(paths, lambda path: path.support.source)
    sources = tuple(_support_line(citer, mine) for mine in by_source.values())
    read = [line.read for line in sources]
    return OriginLine(
        origin=origin,
        sources=sources,
        read=True if True in read else None if None in read else False,
        grade=min((each.grade for each in sources), key=_GRADES.index),
        evidence=citer.cite(path.event for path in paths),
    )


def _support_line(citer: Citer, paths: Sequence[Path]) -> SupportLine:
    support = paths[0].support
    places = dict.fromkeys(path.support.at for path in paths if path.support.at is not None)
    return line_of(
        SupportLine,
        support,
        read=citer.source(support.source).read,
        at=tuple(places),
        evidence=citer.cite(path.event for path in paths),
    )


# The tree


_Left = tuple[Path, tuple[Step, ...]]
"""A path, and its steps that are not in the tree yet, the next one first."""


def _branches(citer: Citer, paths: Iterable[_Left]) -> tuple[Teller, ...]:
    left = ((path, steps) for path, steps in paths if steps)
    by_teller = grouped(left, lambda one: one[1][0].who)
    return tuple(_teller(citer, who, mine) for who, mine in by_teller.items())


def _teller(citer: Citer, who: Named, paths: Sequence[_Left]) -> Teller:
    here = [steps[0] for _, steps in paths]
    return Teller(
        who=who,
        manners=tuple(dict.fromkeys(step.manner for step in here if step.manner)),
        capacities=tuple(dict.fromkeys(step.capacity for step in here if step.capacity)),
        spoke_for=tuple(dict.fromkeys(each for step in here for each in step.spoke_for)),
        sources=tuple(dict.fromkeys(p.support.source for p, steps in paths if len(steps) == 1)),
        branches=_branches(citer, [(path, steps[1:]) for path, steps in paths]),
        evidence=citer.cite(path.event for path, _ in paths),
    )


# As a document


def _sources(each: OriginLine) -> tuple[str, ...]:
    return tuple(
        f"{source.source} ({source.publisher}, {short(source.published)})"
        for source in each.sources
    )


def _read(line: OriginLine) -> str:
    unread = [source for source in line.sources if source.read is False]
    where = ", ".join(dict.fromkeys(str(source.cited_in) for source in unread))
    if not unread:
        return "yes" if line.read else "unknown"
    answer = {True: "in part", None: "unknown", False: "no"}[line.read]
    return f"{answer}; cited in {where}"


def _tree_rows(teller: Teller, depth: int, dates: dict[str, str | None]) -> Iterator[Line]:
    how = (*teller.manners, *teller.capacities)
    spoke_for = ", ".join(map(str, teller.spoke_for))
    words = (*how, f"of {spoke_for}") if spoke_for else how
    sources = tuple(f"{id}, {short(dates.get(id))}" for id in teller.sources)
    who, *rest = line(teller.evidence, teller.who, words, sources)
    yield attrs.evolve(who, depth=depth), *rest
    for branch in teller.branches:
        yield from _tree_rows(branch, depth + 1, dates)
