"""Contradictions: where reports cannot all hold, field by field, each side with its sources.

Nothing is decided here. Which side's sources are newer is said, since it is what a reader asks
first; it does not make that side right.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import attrs

from timeline.clock import UNKNOWN, When
from timeline.errors import NotFound
from timeline.events import ActorsMerged, event_type
from timeline.projection import View
from timeline.projections.amendments import DisagreementRow
from timeline.projections.initiatives import (
    InitiativeRow,
    MentionRow,
    ProposalRow,
    StageRow,
    latest_key,
)
from timeline.projections.meetings import AttendanceRow, MeetingReportRow, MeetingRow
from timeline.projections.statements import StatementRow
from timeline.reports.base import Report, Standing
from timeline.reports.claims import Claim, claims
from timeline.reports.document import Document, Line, Table, cell, line
from timeline.reports.evidence import Citation, Citer, Named, text
from timeline.reports.positions import Stance, stances

_DENIAL = (
    "A dispute about a report: to call it wrong says nothing of the position of whoever does so."
)
_IMPUTED = "One is the party's own; the other was imputed to it by somebody else."

_THERE = ("attended", "represented")
_Row = TypeVar("_Row")

_ANY_FORM = "other"
"""What a meeting's form is where the recorder gave none."""


@attrs.frozen
class Subject:
    """What a contradiction is about.

    `kind` is `meeting`, `initiative`, `report` for a report that is disputed, or `finding` for a
    disagreement noted of neither a meeting nor an initiative; `id` is the meeting's, the
    initiative's or the event's.
    """

    kind: str
    id: str
    name: str


@attrs.frozen
class ContradictionSide:
    """One of the answers.

    Attributes:
        value: the answer.
        occurred: when that was said or happened, by the newest of its events.
        published: when the newest of its sources was published; None where that is not known.
        speaker: who says so, where it is one and the same.
        evidence: the events that say so.
    """

    value: str
    occurred: str | None
    published: str | None
    speaker: Named | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class ContradictionLine:
    """One contradiction.

    Attributes:
        subject: what it is about.
        question: what the sides differ in.
        sides: the answers, two or more; the earlier recorded first, but a party's own position
            before what is imputed to it, and a report before its denials.
        newer: the index of the side whose newest source was published last; None where sources
            are undated, or of one day.
        found: `found` where the record shows it by itself, `noted` where somebody said so.
        note: what a reader should know.
        evidence: the events behind all this.
    """

    subject: Subject
    question: str
    sides: tuple[ContradictionSide, ...]
    newer: int | None
    found: Literal["found", "noted"]
    note: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True)
class ContradictionsReport(Report):
    """Where reports cannot all hold, with what it was chosen by."""

    kind: ClassVar[str] = "contradictions"

    initiative: str | None
    meeting: str | None
    contradictions: tuple[ContradictionLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        chosen = [part for part in (self.initiative, self.meeting) if part]
        return self._document(
            f"Contradictions: {', '.join(chosen)}" if chosen else "Contradictions",
            self._tables(),
            lead=() if self.contradictions else (cell("None in view."),),
            note="Sides stand as reported; none is decided for. “Newer” says whose newest source "
            "was published last. A report that is denied is not a position that was changed, and "
            "a party that changed its own is not at odds with itself.",
        )

    def _tables(self) -> Iterator[Table]:
        shown: dict[str, Callable[[ContradictionLine], bool]] = {
            "Reports that differ": lambda each: each.found == "found" and not _is_denial(each),
            "Reports that are disputed": _is_denial,
            "Noted by hand": lambda each: each.found == "noted",
        }
        for title, belongs in shown.items():
            rows = (_rows(each) for each in self.contradictions if belongs(each))
            columns = ("Of", "Question", "Says", "Newest source")
            yield Table(title, columns, tuple(itertools.chain.from_iterable(rows)))


def contradictions_report(
    view: View, *, initiative: str | None = None, meeting: str | None = None
) -> ContradictionsReport:
    """Make the report of all contradictions, or of those that concern all that is given.

    Raises:
        NotFound: no such initiative or meeting is in view.
    """
    citer = Citer(view)
    scope = _scope(view, initiative, meeting)
    finder = _Finder(view, citer, scope)
    lines = tuple(finder.lines())
    return ContradictionsReport(
        standing=Standing.of(view),
        initiative=initiative,
        meeting=meeting,
        contradictions=lines,
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


# What is asked for


@attrs.frozen
class _Scope:
    """What contradictions must concern; `mentioned` are the meetings of the initiative."""

    initiative: str | None
    meeting: str | None
    mentioned: frozenset[str]

    def holds(self, initiatives: Iterable[str | None], meetings: Iterable[str | None]) -> bool:
        """Whether something that concerns these initiatives and meetings is asked for."""
        there = set(meetings)
        return (self.meeting is None or self.meeting in there) and (
            self.initiative is None
            or self.initiative in set(initiatives)
            or not self.mentioned.isdisjoint(there)
        )


_EVERYTHING = _Scope(None, None, frozenset())


def _scope(view: View, initiative: str | None, meeting: str | None) -> _Scope:
    if initiative is not None and view.get(InitiativeRow, initiative) is None:
        ids = ", ".join(row.initiative for row in view.all(InitiativeRow)) or "none"
        raise NotFound(f"no initiative {initiative!r} is recorded. Recorded are: {ids}.")
    if meeting is not None and view.get(MeetingRow, meeting) is None:
        ids = ", ".join(row.meeting for row in view.all(MeetingRow)) or "none"
        raise NotFound(f"no meeting {meeting!r} is recorded. Meetings: {ids}.")
    mentioned: list[MentionRow] = []
    if initiative is not None:
        mentioned = view.all(MentionRow, initiative=initiative, kind="meeting")
    return _Scope(initiative, meeting, frozenset(row.thing for row in mentioned))


# What is found


@attrs.frozen
class _Said:
    """What one event says in answer to a question: `key` compares it, `value` shows it.

    `events` say so; `beside` are shown with them, but are no report of it.
    """

    key: object
    value: str
    occurred: When | None
    position: int
    events: tuple[str, ...]
    speaker: str | None = None
    beside: tuple[str, ...] = ()


class _Finder:
    """Finds contradictions in one view."""

    def __init__(self, view: View, citer: Citer, scope: _Scope) -> None:
        self._view = view
        self._citer = citer
        self._scope = scope
        self._read: dict[type, dict[str, list[Any]]] = {}

    def lines(self) -> Iterator[ContradictionLine]:
        """All that are asked for: of meetings, initiatives, disputed reports, and noted ones."""
        for meeting in self._meetings():
            yield from self._of_meeting(meeting)
        for initiative in self._initiatives():
            yield from self._of_proposal(initiative)
            yield from self._of_positions(initiative)
        yield from self._of_disputes()
        yield from self._noted()

    def _all(self, cls: type[_Row], **equal: str) -> list[_Row]:
        """The rows of a class with this value; all of them are read once where all are asked for.

        A folded view goes through every row for every question.
        """
        if self._scope != _EVERYTHING:
            return self._view.all(cls, **equal)
        ((field, wanted),) = equal.items()
        if cls not in self._read:
            self._read[cls] = defaultdict(list)
            for row in self._view.all(cls):
                self._read[cls][getattr(row, field)].append(row)
        return self._read[cls].get(wanted, [])

    def _meetings(self) -> Iterator[MeetingRow]:
        for row in self._view.all(MeetingRow):
            if self._scope.holds((), (row.meeting,)):
                yield row

    def _initiatives(self) -> Iterator[InitiativeRow]:
        for row in self._view.all(InitiativeRow):
            if self._scope.holds((row.initiative,), ()):
                yield row

    # Meetings

    def _of_meeting(self, row: MeetingRow) -> Iterator[ContradictionLine]:
        reports = self._all(MeetingReportRow, meeting=row.meeting)
        held = sorted((each for each in reports if each.what == "held"), key=_position)
        subject = self._meeting(row.meeting)
        yield from self._differences(subject, _MEETING_FIELDS, held)
        yield from self._between(
            subject,
            "the larger meeting",
            [_said(each, each.within, self._larger(each.within)) for each in held if each.within],
            _equal,
        )
        yield from self._of_attendance(subject)

    def _larger(self, meeting: str) -> str:
        # With the id: editions of a series often share a name.
        return f"{self._meeting(meeting).name} ({meeting})"

    def _of_attendance(self, subject: Subject) -> Iterator[ContradictionLine]:
        found = self._all(AttendanceRow, meeting=subject.id)
        rows = sorted(found, key=lambda row: (row.position, row.number))
        for actor in dict.fromkeys(id for row in rows for id in (row.participant, row.party)):
            yield from self._between(
                subject,
                f"was {self._citer.name(actor)} there",
                [self._presence(row, actor) for row in rows if _tells_of(row, actor)],
                _both_there_or_not,
            )

    def _presence(self, row: AttendanceRow, actor: str) -> _Said:
        by = "" if row.participant == actor else f" ({self._citer.name(row.participant)})"
        value = f"{row.status}{by}"
        return _Said((row.status, by), value, row.occurred, row.position, row.events)

    # Initiatives

    def _of_proposal(self, row: InitiativeRow) -> Iterator[ContradictionLine]:
        accounts = sorted(
            self._all(ProposalRow, initiative=row.initiative), key=lambda each: each.position
        )
        subject = self._initiative(row.initiative)
        proposed = [_said(each, _proposers(each), self._together(each)) for each in accounts]
        yield from self._between(subject, "who proposed it", proposed, _equal)
        # What was floated and later laid down was put forward twice: not two accounts of one act.
        alike: dict[str, list[ProposalRow]] = defaultdict(list)
        for each in accounts:
            stage = self._view.get(StageRow, each.event)
            alike["" if stage is None else stage.stage].append(each)
        for same in alike.values():
            yield from self._differences(subject, _PROPOSAL_FIELDS, same)

    def _together(self, row: ProposalRow) -> str:
        proposer, *others = self._citer.names((row.proposer, *row.jointly_with))
        return f"{proposer}, with {', '.join(map(str, others))}" if others else str(proposer)

    def _of_positions(self, row: InitiativeRow) -> Iterator[ContradictionLine]:
        subject = self._initiative(row.initiative)
        by_party: dict[str, list[Stance]] = defaultdict(list)
        for stance in stances(self._view, row.initiative):
            by_party[stance.said.party].append(stance)
        for party, taken in by_party.items():
            own = [stance for stance in taken if stance.own]
            if not own:
                continue
            newest = max(own, key=lambda each: latest_key(each.said.occurred, each.said.position))
            for speaker, imputed in _imputed_otherwise(taken, newest):
                by, of = self._citer.names((speaker, party))
                sides = [_stance(each) for each in (newest, *imputed)]
                question = f"position of {of}: its own, or as imputed by {by}"
                yield self._line(subject, question, sides, note=_IMPUTED)

    # Disputes, and what was noted

    def _of_disputes(self) -> Iterator[ContradictionLine]:
        denials: dict[str, list[StatementRow]] = defaultdict(list)
        for row in sorted(self._view.all(StatementRow), key=_time):
            for disputed in dict.fromkeys(row.disputes):
                denials[disputed].append(row)
        for id, claim in _claims(self._view, denials).items():
            rows = [row for row in denials[id] if self._disputed_here(claim, row)]
            if not rows:
                continue
            denied = [_said(each, each.event, each.text, speaker=each.speaker) for each in rows]
            name = f"{claim.recorded.type} of {claim.occurred or 'an unknown date'}"
            yield self._line(
                Subject("report", id, name),
                "what was reported",
                [_of_claim(claim, id, claim.text), *denied],
                note=_DENIAL,
            )

    def _disputed_here(self, claim: Claim, denial: StatementRow) -> bool:
        about = (*denial.about, *claim.names("about"), *claim.names("proposal"))
        return self._scope.holds(about, claim.names("meeting"))

    def _noted(self) -> Iterator[ContradictionLine]:
        rows = sorted(self._view.all(DisagreementRow), key=lambda row: row.position)
        chosen = [row for row in rows if self._scope.holds((row.proposal,), (row.meeting,))]
        named = (id for row in chosen for side in row.sides for id in side.events)
        known = _claims(self._view, named)
        for row in chosen:
            sides = [
                _of_claim(known[id], number, side.value)
                for number, side in enumerate(row.sides)
                for id in side.events
                if id in known
            ]
            # With the events of the other side out of view, there is nothing to be at odds with.
            if len({said.key for said in sides}) > 1:
                yield self._line(
                    self._noted_of(row),
                    row.question,
                    sides,
                    found="noted",
                    note=row.note,
                    beside=row.events,
                )

    def _noted_of(self, row: DisagreementRow) -> Subject:
        if row.proposal is not None:
            return self._initiative(row.proposal)
        if row.meeting is not None:
            return self._meeting(row.meeting)
        return Subject("finding", row.event, row.event)

    # Lines

    def _meeting(self, meeting: str) -> Subject:
        known = self._view.get(MeetingRow, meeting)
        return Subject("meeting", meeting, meeting if known is None else known.title)

    def _initiative(self, initiative: str) -> Subject:
        known = self._view.get(InitiativeRow, initiative)
        title = None if known is None else known.title
        return Subject("initiative", initiative, title or initiative)

    def _differences(
        self, subject: Subject, fields: Iterable[_Field], reports: Sequence[_Report]
    ) -> Iterator[ContradictionLine]:
        for question, read, compatible in fields:
            said = [found for found in map(read, reports) if found is not None]
            yield from self._between(subject, question, said, compatible)

    def _between(
        self, subject: Subject, question: str, said: Sequence[_Said], compatible: _Compatible
    ) -> Iterator[ContradictionLine]:
        """A line if some of this cannot hold together, without what agrees with all the rest."""
        keys = dict.fromkeys(each.key for each in said)
        at_odds = {key for key in keys if any(not compatible(key, other) for other in keys)}
        if at_odds:
            yield self._line(subject, question, [each for each in said if each.key in at_odds])

    def _line(
        self,
        subject: Subject,
        question: str,
        said: Iterable[_Said],
        *,
        found: Literal["found", "noted"] = "found",
        note: str | None = None,
        beside: tuple[str, ...] = (),
    ) -> ContradictionLine:
        grouped: dict[object, list[_Said]] = defaultdict(list)
        for each in said:
            grouped[each.key].append(each)
        sides, published = [], []
        for group in grouped.values():
            dates = self._published(group)
            published.append(dates)
            sides.append(self._side(group, dates))
        cited = (citation.event for side in sides for citation in side.evidence)
        return ContradictionLine(
            subject=subject,
            question=question,
            sides=tuple(sides),
            newer=_newer(published),
            found=found,
            note=note,
            evidence=self._citer.cite((*cited, *beside)),
        )

    def _side(self, said: Sequence[_Said], published: Sequence[When]) -> ContradictionSide:
        newest = max(said, key=lambda each: latest_key(each.occurred, each.position))
        speakers = {each.speaker for each in said}
        last = max(published, key=lambda date: latest_key(date, 0), default=None)
        return ContradictionSide(
            value=said[0].value,
            occurred=text(newest.occurred),
            published=text(last),
            speaker=self._citer.name_of(said[0].speaker if len(speakers) == 1 else None),
            evidence=self._citer.cite(id for each in said for id in (*each.events, *each.beside)),
        )

    def _published(self, said: Iterable[_Said]) -> list[When]:
        """When the sources of all this were published, as far as is known."""
        return [
            When(support.published)
            for citation in self._citer.cite(id for each in said for id in each.events)
            if citation.type != _MERGED  # what shows two entries to be one reports nothing of this
            for support in citation.sources
            if support.published is not None
        ]


_MERGED = event_type(ActorsMerged).name

_Report = MeetingReportRow | ProposalRow
_Compatible = Callable[[object, object], bool]
_Field = tuple[str, Callable[[_Report], _Said | None], _Compatible]


def _said(
    row: _Report | StatementRow, key: object, value: str, speaker: str | None = None
) -> _Said:
    return _Said(key, value, _occurred(row), row.position, row.events, speaker)


def _of_claim(claim: Claim, key: object, value: str) -> _Said:
    position = claim.recorded.position
    speaker = next(iter(claim.names("speaker")), None)
    return _Said(key, value, claim.occurred, position, claim.basis, speaker)


def _stance(stance: Stance) -> _Said:
    row = stance.said
    return _Said(
        (stance.own, row.stance),
        f"{row.stance} ({'own' if stance.own else 'imputed'})",
        row.occurred,
        row.position,
        row.events,
        row.speaker,
        stance.events,
    )


def _imputed_otherwise(taken: Iterable[Stance], own: Stance) -> Iterator[tuple[str, list[Stance]]]:
    """What was imputed that is not the party's own stance, by who imputed it, and what."""
    found: dict[tuple[str, str], list[Stance]] = defaultdict(list)
    for stance in taken:
        if not stance.own and stance.said.stance != own.said.stance:
            found[stance.said.speaker, stance.said.stance].append(stance)
    for (speaker, _), imputed in found.items():
        yield speaker, imputed


def _claims(view: View, ids: Iterable[str]) -> Mapping[str, Claim]:
    """The events that are in view; a record may name one that it does not have."""
    wanted = list(dict.fromkeys(ids))
    try:
        return claims(view, wanted)
    except NotFound:
        found: list[Claim] = []
        for id in wanted:
            with contextlib.suppress(NotFound):
                found += claims(view, (id,)).values()
        found.sort(key=lambda claim: claim.recorded.position)
        return {claim.recorded.id: claim for claim in found}


# What is compared


def _occurred(row: _Report | StatementRow) -> When | None:
    return row.held_on if isinstance(row, MeetingReportRow) else row.occurred


def _date(row: _Report) -> _Said | None:
    date = _occurred(row)
    return None if date is None else _said(row, date, date.text)


def _place(row: _Report) -> _Said | None:
    return None if row.place is None else _said(row, _folded(row.place), row.place)


def _form(row: _Report) -> _Said | None:
    form = row.form if isinstance(row, MeetingReportRow) else None
    return None if form is None or form == _ANY_FORM else _said(row, form, form)


def _series(row: _Report) -> _Said | None:
    series = row.series if isinstance(row, MeetingReportRow) else None
    return None if series is None else _said(row, series, series)


def _folded(place: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", place).casefold().split())


def _equal(one: object, other: object) -> bool:
    return one == other


def _same_place(one: object, other: object) -> bool:
    """Whether one names all the words of the other, in whatever order: a town, a house in it."""
    words, others = (set(re.findall(r"\w+", str(place))) for place in (one, other))
    return words <= others or others <= words


def _may_be_same(one: object, other: object) -> bool:
    """Whether two dates may be one. An instant is held against a date as the day it names itself.

    A source's "27 December" is that day where the source is, not the day in UTC.
    """
    assert isinstance(one, When)
    assert isinstance(other, When)
    if not (_has_clock(one) and _has_clock(other)):
        one, other = _days(one), _days(other)
    return one.possibly_within(other, other)


def _has_clock(date: When) -> bool:
    return ":" in date.text


def _days(date: When) -> When:
    """The date, or the days that its instants name in their own zones."""
    if not _has_clock(date):
        return date
    return When("/".join(end[:10] if ":" in end else end for end in date.text.split("/")))


def _tells_of(row: AttendanceRow, actor: str) -> bool:
    """Whether a report that the actor was there, or not, can be read from this entry.

    Whoever is there for a party makes the party be there; that one of its people stayed away does
    not make it absent.
    """
    if row.participant == actor:
        return row.status in (*_THERE, "absent")
    return row.party == actor and row.status in _THERE


def _both_there_or_not(one: object, other: object) -> bool:
    return _is_absent(one) == _is_absent(other)


def _is_absent(key: object) -> bool:
    return isinstance(key, tuple) and key[0] == "absent"


def _proposers(row: ProposalRow) -> frozenset[str]:
    return frozenset((row.proposer, *row.jointly_with))


_MEETING_FIELDS: tuple[_Field, ...] = (
    ("date", _date, _may_be_same),
    ("place", _place, _same_place),
    ("form", _form, _equal),
    ("series", _series, _equal),
)
_PROPOSAL_FIELDS: tuple[_Field, ...] = (
    ("date", _date, _may_be_same),
    ("place", _place, _same_place),
)


def _newer(published: Sequence[Sequence[When]]) -> int | None:
    """The side whose newest source certainly came out on a later day than those of all others."""
    first = [
        max((d.earliest for d in map(_days, each) if d.earliest), default=None)
        for each in published
    ]
    last = [_last(map(_days, each)) for each in published]
    for index, early in enumerate(first):
        others = [late for number, late in enumerate(last) if number != index]
        if early is not None and all(late is not None and early > late for late in others):
            return index
    return None


def _last(dates: Iterable[When]) -> datetime | None:
    """The last moment that the newest of these may be; None where nobody knows."""
    known = [date for date in dates if date.earliest or date.latest]
    ends = [date.latest for date in known if date.latest]
    return max(ends, default=None) if len(ends) == len(known) else None


def _position(row: MeetingReportRow) -> int:
    return row.position


def _time(row: StatementRow) -> tuple[object, int]:
    return (row.occurred or UNKNOWN).sort_key, row.position


# As a document


def _is_denial(each: ContradictionLine) -> bool:
    return each.subject.kind == "report"


def _rows(each: ContradictionLine) -> Iterator[Line]:
    for index, side in enumerate(each.sides):
        published = side.published or "undated"
        newest = f"{published} (newer)" if index == each.newer else published
        yield line(side.evidence, each.subject.name, each.question, _says(side), newest)


def _says(side: ContradictionSide) -> str:
    if side.speaker is None:
        return side.value
    return f"{side.speaker}, {side.occurred or 'undated'}: {side.value}"
