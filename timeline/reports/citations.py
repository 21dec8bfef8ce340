"""From the ids of events to what a reader can check: sources, places in them, who told whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import attrs

from timeline.dates import When
from timeline.engine.projection import View
from timeline.events import (
    ActorsMerged,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    Evidence,
    Link,
    RecordedEvent,
)
from timeline.events.corrections import evidence_after, further_evidence_after
from timeline.projections.amendments import AmendmentRow
from timeline.projections.directory import ActorRow, SourceRow

_Made = TypeVar("_Made")

_AMENDING = (EventCorrected, EventRetracted, ActorsMerged)
"""What makes an event read otherwise than it was recorded, and says why."""


_WORDED = ("text", "title", "name", "role", "topic")
"""The fields that say in words what an event is about, the most telling first."""


@attrs.frozen
class Named:
    """An actor: its id, and the name to show."""

    id: str
    name: str

    def __str__(self) -> str:
        return self.name


@attrs.frozen
class Told:
    """One link of a chain of attribution."""

    who: Named
    manner: str | None
    to: Named | None
    said: str | None
    capacity: str | None


@attrs.frozen
class Support:
    """One source's support for an event.

    `language` is that of the source, and so of `title` and `excerpt`, in BCP 47.
    `origin` is the source whose text this one carries in the end, itself where it copies none.
    `grade` is how far the source is trusted; where `cited_in` is given, the source was not read
    but is mentioned in that one. `coded` is whether a program coded it. `withdrawn` says why the
    source counts no more: it was retracted, or one that it copies or is only cited in. `fault` is
    the kind of what the source gets wrong there; `at` has it in words. `dated` are the words
    that the date of the event is given in, by the source or by the recorder; `note` is what the
    recorder says of this support.
    """

    source: str
    title: str
    language: str | None
    publisher: Named
    published: str | None
    address: str | None
    origin: str
    origin_publisher: Named
    grade: str
    cited_in: str | None
    at: str | None
    excerpt: str | None
    chain: tuple[Told, ...]
    coded: bool = False
    withdrawn: str | None = None
    fault: str | None = None
    dated: str | None = None
    note: str | None = None


@attrs.frozen
class Citation:
    """One event that a value rests on.

    `occurred` is as recorded: where the event was corrected since, the correction is cited beside
    it. `words` is what it says in short, in the recorder's words and as corrected.
    """

    event: str
    type: str
    words: str
    position: int
    occurred: str | None
    recorded_at: str
    reason: str | None
    sources: tuple[Support, ...]

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """Why its sources were withdrawn, where all of them were; else nothing."""
        reasons = [support.withdrawn for support in self.sources]
        return () if None in reasons else tuple(dict.fromkeys(map(str, reasons)))


@attrs.frozen
class CorrectionLine:
    """A correction that something in the report rests on: its event, and why it was made."""

    event: str
    reason: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class SourceLine:
    """A source that something in the report rests on; `events` are the ids of those that cite it.

    `language`, `origin` and `withdrawn` are as in `Support`; `coded` is whether it is cited for
    coded rows.
    """

    source: str
    title: str
    language: str | None
    publisher: Named
    published: str | None
    address: str | None
    origin: str
    origin_publisher: Named
    grade: str
    cited_in: str | None
    note: str | None
    withdrawn: str | None
    events: tuple[str, ...]
    coded: bool = False


class Citer:
    """Looks up names, sources and events of one view, each of them once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._names: dict[str, Named] = {}
        self._sources: dict[str, SourceRow] = {}
        self._citations: dict[str, Citation] = {}
        self._corrections: dict[str, list[dict[str, Any]]] = {}

    def load(self, ids: Iterable[str]) -> None:
        """Fetch these events in one query; `cite` then finds them here.

        Raises:
            NotFound: one of them is not in the log.
        """
        wanted = [id for id in dict.fromkeys(ids) if id not in self._citations]
        if wanted:
            events = self._view.events(wanted)
            corrected = self._learn(events.values())
            if again := corrected & self._citations.keys():
                events |= self._view.events(again)
            for id, recorded in events.items():
                evidence = self._as_corrected(recorded)
                same = evidence is recorded.evidence
                now = recorded if same else attrs.evolve(recorded, evidence=evidence)
                self._citations[id] = self._citation(now)

    def _learn(self, events: Iterable[RecordedEvent[Any]]) -> set[str]:
        """Keep the corrections among these that are in force; gives the events they correct."""
        corrected: set[str] = set()
        for recorded in sorted(events, key=lambda recorded: recorded.position):
            if not isinstance(recorded.event, EventCorrected):
                continue
            if self._view.get(AmendmentRow, recorded.id) is not None:
                corrected.update(recorded.event.events)
                for target in recorded.event.events:
                    self._corrections.setdefault(target, []).append(recorded.event.changes)
        return corrected

    def _as_corrected(self, recorded: RecordedEvent[Any]) -> tuple[Evidence, ...]:
        """The evidence of an event as it reads now, as far as it is in view."""
        evidence = recorded.evidence
        if isinstance(recorded.event, EventCorroborated):
            targets = [id for id in recorded.event.events if id in self._corrections]
            for id, target in (self._view.events(targets) if targets else {}).items():
                changes = self._corrections[id]
                evidence = further_evidence_after(target.event, evidence, changes)
        elif recorded.id in self._corrections:
            changes = self._corrections[recorded.id]
            evidence = evidence_after(recorded.event, evidence, changes)
        if self._view.cutoff.published is None or evidence == recorded.evidence:
            return evidence
        return tuple(e for e in evidence if self._view.get(SourceRow, e.source) is not None)

    def cite(self, ids: Iterable[str]) -> tuple[Citation, ...]:
        """The citations for these events, in this order.

        Raises:
            NotFound: one of them is not in the log.
        """
        wanted = tuple(dict.fromkeys(ids))
        self.load(wanted)
        return tuple(self._citations[id] for id in wanted)

    def corrections(self) -> tuple[CorrectionLine, ...]:
        """The corrections among all that was cited, in the order of the log."""
        return tuple(
            CorrectionLine(citation.event, citation.reason, (citation,))
            for citation in self._cited()
            if citation.reason is not None
        )

    def sources(self) -> tuple[SourceLine, ...]:
        """The sources of all that was cited, in the order in which the log first leans on them."""
        events: dict[str, dict[str, None]] = {}
        coded = set()
        for citation in self._cited():
            for support in citation.sources:
                events.setdefault(support.source, {})[citation.event] = None
                if support.coded:
                    coded.add(support.source)
        return tuple(
            self._source_line(source, tuple(citing), coded=source in coded)
            for source, citing in events.items()
        )

    def origin(self, source: str) -> str:
        """The id of the source whose text this one carries in the end, which may be its own."""
        return self._origin(self.source(source)).source

    def _cited(self) -> list[Citation]:
        return sorted(self._citations.values(), key=lambda citation: citation.position)

    def _source_line(self, id: str, events: tuple[str, ...], *, coded: bool) -> SourceLine:
        source = self.source(id)
        provenance = self._provenance(source)
        return line_of(SourceLine, source, **provenance, events=events, coded=coded)

    def name(self, actor: str) -> Named:
        """The actor with its name; that is its id where no such actor is in view."""
        if actor not in self._names:
            known = self._entry(actor)
            self._names[actor] = Named(actor, actor) if known is None else _named(known)
        return self._names[actor]

    def _entry(self, actor: str) -> ActorRow | None:
        """The actor's entry, or the one it was merged into."""
        known = self._view.get(ActorRow, actor)
        seen = {actor}
        while known is not None and known.merged_into is not None and known.merged_into not in seen:
            seen.add(known.merged_into)
            known = self._view.get(ActorRow, known.merged_into)
        return known

    def kind(self, actor: str) -> str | None:
        """What kind of actor it is; None where no such actor is in view."""
        known = self._entry(actor)
        return None if known is None else known.kind

    def name_of(self, actor: str | None) -> Named | None:
        """As `name`, where there may be none."""
        return None if actor is None else self.name(actor)

    def names(self, actors: Iterable[str]) -> tuple[Named, ...]:
        """As `name`, for several."""
        return tuple(self.name(actor) for actor in actors)

    def line(self, cls: Callable[..., _Made], row: Any, /, **given: Any) -> _Made:
        """A line of a report, see `line_of`: with the names of actors, and the row's evidence.

        Args:
            cls: the attrs class of the line. Where a field is of `Named`, an id becomes a name.
            row: the row.
            given: the fields that the row does not have as they should be; else `evidence` is that
                of the row's events.
        """
        values = {name: getattr(row, name) for name in _names(cls) if hasattr(row, name)} | given
        names = {name: self._named(values[name]) for name in _actors(cls)}
        if "evidence" not in given:
            given["evidence"] = self.cite(row.events)
        return line_of(cls, row, **given | names)

    def _named(self, value: Any) -> Any:
        """The name for an id, several for several; what is none stays as it is."""
        if isinstance(value, tuple):
            return tuple(map(self._named, value))
        return self.name(value) if isinstance(value, str) else value

    def _citation(self, recorded: RecordedEvent[object]) -> Citation:
        return Citation(
            event=recorded.id,
            type=recorded.type,
            words=self._words(recorded),
            position=recorded.position,
            occurred=text(recorded.occurred),
            recorded_at=recorded.recorded,
            reason=recorded.event.reason if isinstance(recorded.event, _AMENDING) else None,
            sources=tuple(self._support(each) for each in recorded.evidence),
        )

    def _words(self, recorded: RecordedEvent[Any]) -> str:
        changes = {
            name: value
            for correction in self._corrections.get(recorded.id, ())
            for name, value in correction.items()
        }
        return words_of(recorded, changes)

    def _support(self, evidence: Evidence) -> Support:
        source = self.source(evidence.source)
        return line_of(
            Support,
            source,
            **self._provenance(source),
            at=_place(evidence),
            excerpt=evidence.excerpt,
            fault=None if evidence.fault is None else evidence.fault.kind,
            chain=tuple(self._told(link) for link in evidence.chain),
            coded=evidence.coding is not None,
            dated=evidence.dated,
            note=evidence.note,
        )

    def _provenance(self, source: SourceRow) -> dict[str, Any]:
        """The publisher of a source, whose text it carries in the end, and why it is withdrawn."""
        origin = self._origin(source)
        return {
            "publisher": self.name(source.publisher),
            "origin": origin.source,
            "origin_publisher": self.name(origin.publisher),
            "withdrawn": self.withdrawn(source.source),
        }

    def _told(self, link: Link) -> Told:
        return line_of(Told, link, who=self.name(link.who), to=self.name_of(link.to))

    def source(self, id: str) -> SourceRow:
        """The source; where it is not in view, a row that says so."""
        if id not in self._sources:
            known = self._view.get(SourceRow, id)
            if known is None:  # taken down, or recorded without the checks of `Timeline`
                known = SourceRow(
                    source=id,
                    publisher=id,
                    title=id,
                    address=None,
                    language=None,
                    published=None,
                    retrieved=None,
                    sha256=None,
                    copies=None,
                    cited_in=None,
                    grade="low",
                    note="not in this view",
                    withdrawn=None,
                    events=(),
                )
            self._sources[id] = known
        return self._sources[id]

    def withdrawn(self, source: str) -> str | None:
        """Why the source counts no more: it was retracted, or one that it is known through."""
        rows = (*self.followed(source, "copies"), *self.followed(source, "cited_in"))
        gone = next((row for row in rows if row.withdrawn is not None), None)
        if gone is None or gone.source == source:
            return None if gone is None else gone.withdrawn
        return f"known through {gone.source}: {gone.withdrawn}"

    def followed(self, source: str, field: str) -> list[SourceRow]:
        """A source, the one that its field `copies` or `cited_in` names, and so on."""
        rows = [self.source(source)]
        while (further := getattr(rows[-1], field)) not in (None, *(row.source for row in rows)):
            rows.append(self.source(further))
        return rows

    def _origin(self, source: SourceRow) -> SourceRow:
        rows = self.followed(source.source, "copies")
        # Of sources that copy each other nobody knows which was first: any one, but the same.
        ids = [row.source for row in rows]
        last = rows[-1].copies
        return rows[-1] if last is None else min(rows[ids.index(last) :], key=lambda r: r.source)


def words_of(recorded: RecordedEvent[Any], changes: Mapping[str, Any]) -> str:
    """What an event says, in short: in the recorder's words, as corrected, where it has some."""
    words = (changes.get(name, getattr(recorded.event, name, None)) for name in _WORDED)
    return next((str(said) for said in words if said), type_words(recorded.type))


def type_words(type: str) -> str:
    """The name of a type of event, as a reader says it.

    Example:
        >>> type_words("MeetingHeld")
        'Meeting held'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type).capitalize()


def _named(row: ActorRow) -> Named:
    """The name to show, which says so where the entry was retracted."""
    return Named(row.actor, row.name if row.withdrawn is None else f"{row.name} (withdrawn)")


def _place(evidence: Evidence) -> str | None:
    """The place in the source, the row that was coded of it, and what the source gets wrong."""
    coding, fault = evidence.coding, evidence.fault
    row = coding and f"coded {coding.scheme} {coding.code} by {coding.dataset}, row {coding.row}"
    wrong = fault and f"{fault.kind}: {fault.text}"
    return ", ".join(part for part in (evidence.at, row, wrong) if part) or None


def distinct(several: Iterable[Iterable[Citation]]) -> tuple[Citation, ...]:
    """The citations of several values, each event once."""
    return tuple({cited.event: cited for one in several for cited in one}.values())


def text(value: object) -> str | None:
    """A value as reports give it: None stays None."""
    return None if value is None else str(value)


def line_of(cls: Callable[..., _Made], row: object, /, **given: Any) -> _Made:
    """A line of a report made of a row: fields of the same name are copied, and dates as text.

    Args:
        cls: the attrs class of the line.
        row: the row, or anything else with attributes.
        given: the fields that the row does not have as they should be.

    Example:
        >>> @attrs.frozen
        ... class Stay:
        ...     who: str
        ...     since: str | None
        >>> @attrs.frozen
        ... class StayRow:
        ...     person: str
        ...     since: When | None
        >>> line_of(Stay, StayRow("ann", When("2022-05")), who="Ann")
        Stay(who='Ann', since='2022-05')
    """
    copied = {name: getattr(row, name) for name in _names(cls) if name not in given}
    dates = {name: value.text for name, value in copied.items() if type(value) is When}
    return cls(**copied | dates, **given)


@cache
def _actors(cls: Any) -> tuple[str, ...]:
    """The fields that have actors by name."""
    return tuple(field.name for field in attrs.fields(cls) if "Named" in str(field.type))


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


# Counts

CITED = 5
"""Events that are cited for one count: enough to check it, few enough to read."""


@attrs.frozen
class Counted:
    """How many, with the events behind the first of them.

    Attributes:
        count: how many.
        evidence: up to five events: one of each that is counted, as far as they go, then more.
        uncited: how many of those that are counted have none of their events cited.
    """

    count: int
    evidence: tuple[Citation, ...]
    uncited: int

    def __str__(self) -> str:
        return f"{self.count:,}"


def counted(citer: Citer, things: Iterable[Sequence[str]]) -> Counted:
    """A count of things, each of which is given by the ids of the events behind it."""
    given = list(things)
    first = [ids[0] for ids in given[:CITED]]
    more = (id for ids in given[:CITED] for id in ids[1:])
    ids = tuple(dict.fromkeys((*first, *more)))[:CITED]
    return Counted(len(given), citer.cite(ids), max(len(given) - CITED, 0))


def left_uncited(counts: Iterable[Counted]) -> str:
    """How many of what is counted are not cited, as a sentence; nothing where all are."""
    more = sum(count.uncited for count in counts)
    return f" Not cited: +{more:,} more." if more else ""
