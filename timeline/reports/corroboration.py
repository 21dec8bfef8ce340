"""Corroboration: on how many independent origins a claim rests, and who took it from whom.

Sources are addresses; origins are what is counted. An agency's story on ten sites is one origin.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar, cast

import attrs

from timeline.engine.projection import View
from timeline.errors import InvalidInput, NotFound
from timeline.events import (
    EventCorroborated,
    MeetingAnnounced,
    PlanAnnounced,
    StatementMade,
    event_type,
    type_names,
)
from timeline.models.chronology import HappeningRow
from timeline.models.directory import ActorRow
from timeline.models.sources import SourceRow
from timeline.reports.document import Document, Line, Table, cell, line
from timeline.reports.evidence import Citation, Citer, Named, Support, text
from timeline.reports.model import Report, Standing
from timeline.reports.rules.claims import Claim, claims

_Row = TypeVar("_Row")

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
    """A source of the claim; the fields are those of `SourceLine`, `at` the places in it."""

    source: str
    title: str
    publisher: Named
    published: str | None
    address: str | None
    grade: str
    cited_in: str | None
    at: tuple[str, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen
class OriginLine:
    """One independent origin: the outlet that everything here goes back to.

    Who is an outlet follows from the kind of actor, see `Actor`, and from the sources: whoever
    published one is.

    Attributes:
        origin: the outlet.
        sources: the sources whose chain leads to it.
        read: whether one of them was read itself; otherwise they are only mentioned in others.
        grade: the best grade among them.
        evidence: the events that cite them.
    """

    origin: Named
    sources: tuple[SupportLine, ...]
    read: bool
    grade: str
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
    counted and marked.
    """

    kind: ClassVar[str] = "corroboration"

    events: tuple[ClaimLine, ...]
    independent: int
    origins: tuple[OriginLine, ...]
    tree: tuple[Teller, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        evidence = {each.event: each for claim in self.events for each in claim.evidence}
        return self._document(
            f"Corroboration: {', '.join(claim.event for claim in self.events)}",
            (self._claim_table(), self._origins_table(), self._tree_table()),
            lead=(cell(self._lead(), tuple(evidence.values())),),
            note="An origin is the last outlet before whoever spoke: copies, and sites that carry "
            "an agency's story, fold into one. A press service is a voice, and those who have its "
            "words from it are several. Below each in the tree stand those who took it from there.",
        )

    def _lead(self) -> str:
        sources = {each.source for origin in self.origins for each in origin.sources}
        unread = sum(not origin.read for origin in self.origins)
        low = sum(origin.grade == "low" for origin in self.origins)
        parts = [_count(self.independent, "independent origin"), _count(len(sources), "source")]
        if unread:
            parts.append(f"{unread} of the origins not read")
        if low:
            parts.append(f"{low} of the origins of low grade only")
        return ", ".join(parts)

    def _claim_table(self) -> Table:
        rows = (line(each.evidence, each.occurred, each.text) for each in self.events)
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
    paths = [path for claim in claimed for path in _paths(view, citer, claim)]
    origins = _origin_lines(citer, paths)
    return CorroborationReport(
        standing=Standing.of(view),
        events=tuple(_claim_line(citer, claim) for claim in claimed),
        independent=len(origins),
        origins=origins,
        tree=_trees(citer, paths),
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


def _claimed(view: View, ids: Sequence[str]) -> list[Claim]:
    if not ids:
        raise InvalidInput("expected the ids of one or more events that record the claim")
    found = claims(view, ids)
    missing = [id for id in ids if id not in found]
    if missing:
        raise NotFound(
            f"event {missing[0]!r} is not in view: it was retracted or taken down, or it lies "
            "beyond the moment that the report is made for."
        )
    return list(found.values())


def _claim_line(citer: Citer, claim: Claim) -> ClaimLine:
    return ClaimLine(
        event=claim.recorded.id,
        type=claim.recorded.type,
        occurred=text(claim.occurred),
        text=claim.text,
        evidence=citer.cite(claim.basis),
    )


# From the reader to the voice


@attrs.frozen
class _Step:
    """One teller of a path."""

    who: Named
    manner: str | None = None
    capacity: str | None = None
    spoke_for: tuple[Named, ...] = ()


@attrs.frozen
class _Path:
    """Who told whom, by one source for one event: the publisher first, the voice last."""

    event: str
    support: Support
    steps: tuple[_Step, ...]
    origin: Named


def _paths(view: View, citer: Citer, claim: Claim) -> Iterator[_Path]:
    # Not the corrections: their evidence is for what was wrong.
    told = citer.cite((claim.recorded.id, *claim.further))
    return _told(_Known(view), citer, told, _voice(citer, claim), _parties(citer, claim))


def _told(
    known: _Known,
    citer: Citer,
    citations: Iterable[Citation],
    voice: Named | None,
    parties: set[str],
) -> Iterator[_Path]:
    for citation in citations:
        for support in citation.sources:
            publishers = _publishers(known, citer, support)
            steps = _to_voice(_with_publishers(support, publishers), voice)
            yield _Path(
                event=citation.event,
                support=support,
                steps=steps,
                origin=_origin(known, steps, publishers, parties),
            )


class _Known:
    """Rows of a view, by key, each read once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows: dict[tuple[type, str], Any] = {}

    def get(self, cls: type[_Row], key: str) -> _Row | None:
        if (cls, key) not in self._rows:
            self._rows[cls, key] = self._view.get(cls, key)
        return cast("_Row | None", self._rows[cls, key])


class Origins:
    """The independent origins of what happened, for many events of one view."""

    def __init__(self, view: View, citer: Citer) -> None:
        self._known = _Known(view)
        self._citer = citer

    def of(self, row: HappeningRow) -> dict[Named, tuple[Support, ...]]:
        """Each origin of what one event reports, with the sources that go back to it."""
        told = [
            each
            for each in self._citer.cite(row.events)
            if each.event == row.event or each.type in _FURTHER
        ]
        field = _VOICES.get(row.type)
        voices = [self._citer.name(actor) for actor, part in row.involved if part == field]
        parties = {self._citer.name(actor).id for actor, part in row.involved if part in _PARTIES}
        found: dict[Named, tuple[Support, ...]] = {}
        voice = voices[0] if voices else None
        for path in _told(self._known, self._citer, told, voice, parties):
            found[path.origin] = (*found.get(path.origin, ()), path.support)
        return found


def _origin(
    known: _Known, steps: Sequence[_Step], publishers: Sequence[Named], parties: set[str]
) -> Named:
    """The last outlet before the first voice; the publisher, where it is the voice itself."""
    origin = steps[0].who
    for index, step in enumerate(steps):
        passes_on = index + 1 < len(steps)
        is_outlet = step.who in publishers or _is_outlet(known, step.who, passes_on=passes_on)
        if step.who.id in parties or not is_outlet:
            break
        origin = step.who
    return origin


_VOICES = {
    event_type(StatementMade).name: "speaker",
    event_type(MeetingAnnounced).name: "by",
    event_type(PlanAnnounced).name: "by",
}
"""The events that report an utterance, and the field that says whose."""

_FURTHER = type_names(EventCorroborated)

_PARTIES = ("speaker", "by", "jointly_with", "on_behalf_of", "participants", "parties")


def _voice(citer: Citer, claim: Claim) -> Named | None:
    field = _VOICES.get(claim.recorded.type)
    named = claim.names(field) if field else ()
    return citer.name(named[0]) if named else None


def _parties(citer: Citer, claim: Claim) -> set[str]:
    """Those whose doing the event reports: what they say themselves, no outlet reports."""
    return {citer.name(id).id for field in _PARTIES for id in claim.names(field)}


def _is_outlet(known: _Known, who: Named, *, passes_on: bool) -> bool:
    """Whether words went through it, and not out from it, by what kind of actor it is.

    One who is not named may be a paper or somebody who knows; a paper has the words from another.
    """
    entry = known.get(ActorRow, who.id)
    kind = None if entry is None else entry.kind
    return kind == "organisation" or (kind == "unnamed" and passes_on)


def _publishers(known: _Known, citer: Citer, support: Support) -> tuple[Named, ...]:
    """Whoever published it, nearest to the reader first.

    A source that was not read itself reaches the reader through what cites it; one that copies
    another comes after that.
    """
    citing = list(_followed(known, support.source, "cited_in"))[:0:-1]
    copied = list(_followed(known, support.source, "copies"))[1:]
    ids = (*(row.publisher for row in citing), support.publisher.id, *(r.publisher for r in copied))
    return tuple(dict.fromkeys(citer.names(ids)))


def _followed(known: _Known, source: str, field: str) -> Iterator[SourceRow]:
    """A source, the one that its field names, and so on."""
    seen: set[str] = set()
    row = known.get(SourceRow, source)
    while row is not None and row.source not in seen:
        yield row
        seen.add(row.source)
        further = getattr(row, field)
        row = None if further is None else known.get(SourceRow, further)


def _with_publishers(support: Support, publishers: Iterable[Named]) -> list[_Step]:
    """The chain as recorded, with the publishers that it leaves out in their places."""
    chain = [_Step(told.who, told.manner, told.capacity) for told in support.chain]
    steps: list[_Step] = []
    for publisher in publishers:
        ids = [step.who.id for step in chain]
        if publisher.id in ids:
            upto = ids.index(publisher.id) + 1
            steps += chain[:upto]
            del chain[:upto]
        elif publisher.id not in {step.who.id for step in steps}:
            steps.append(_Step(publisher))
    return steps + chain


def _to_voice(steps: Sequence[_Step], voice: Named | None) -> tuple[_Step, ...]:
    """The path up to whoever spoke; those spoken for, or spoken of, are kept with that one."""
    for index, step in enumerate(steps):
        if step.who == voice or step.manner == "imputed":
            beyond = tuple(each.who for each in steps[index + 1 :])
            ended = (*steps[:index], attrs.evolve(step, spoke_for=beyond))
            return ended if voice is None or step.who == voice else (*ended, _Step(voice))
    return tuple(steps) if voice is None else (*steps, _Step(voice))


# Origins


def _origin_lines(citer: Citer, paths: Iterable[_Path]) -> tuple[OriginLine, ...]:
    by_origin: dict[Named, list[_Path]] = {}
    for path in paths:
        by_origin.setdefault(path.origin, []).append(path)
    return tuple(_origin_line(citer, origin, mine) for origin, mine in by_origin.items())


def _origin_line(citer: Citer, origin: Named, paths: Sequence[_Path]) -> OriginLine:
    by_source: dict[str, list[_Path]] = {}
    for path in paths:
        by_source.setdefault(path.support.source, []).append(path)
    sources = tuple(_support_line(citer, mine) for mine in by_source.values())
    return OriginLine(
        origin=origin,
        sources=sources,
        read=any(each.cited_in is None for each in sources),
        grade=min((each.grade for each in sources), key=_GRADES.index),
        evidence=citer.cite(path.event for path in paths),
    )


def _support_line(citer: Citer, paths: Sequence[_Path]) -> SupportLine:
    support = paths[0].support
    places = dict.fromkeys(path.support.at for path in paths if path.support.at is not None)
    return SupportLine(
        source=support.source,
        title=support.title,
        publisher=support.publisher,
        published=support.published,
        address=support.address,
        grade=support.grade,
        cited_in=support.cited_in,
        at=tuple(places),
        evidence=citer.cite(path.event for path in paths),
    )


# The tree


def _trees(citer: Citer, paths: Iterable[_Path]) -> tuple[Teller, ...]:
    return _branches(citer, [(path, tuple(reversed(path.steps))) for path in paths])


_Left = tuple[_Path, tuple[_Step, ...]]
"""A path, and its steps that are not in the tree yet, the next one first."""


def _branches(citer: Citer, paths: Iterable[_Left]) -> tuple[Teller, ...]:
    by_teller: dict[Named, list[_Left]] = {}
    for path, steps in paths:
        if steps:
            by_teller.setdefault(steps[0].who, []).append((path, steps))
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
        f"{source.source} ({source.publisher}, {source.published or 'undated'})"
        for source in each.sources
    )


def _read(each: OriginLine) -> str:
    unread = [source for source in each.sources if source.cited_in is not None]
    if not unread:
        return "yes"
    where = ", ".join(dict.fromkeys(str(source.cited_in) for source in unread))
    return f"in part; cited in {where}" if each.read else f"no; cited in {where}"


def _tree_rows(teller: Teller, depth: int, dates: dict[str, str | None]) -> Iterator[Line]:
    how = (*teller.manners, *teller.capacities)
    spoke_for = ", ".join(map(str, teller.spoke_for))
    told = (*how, f"of {spoke_for}") if spoke_for else how
    sources = tuple(f"{id}, {dates.get(id) or 'undated'}" for id in teller.sources)
    who, *rest = line(teller.evidence, teller.who, told, sources)
    yield attrs.evolve(who, depth=depth), *rest
    for branch in teller.branches:
        yield from _tree_rows(branch, depth + 1, dates)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
