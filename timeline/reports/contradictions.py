"""Contradictions: where reports cannot all hold, field by field, each side with its sources.

Nothing is decided here. Which side's sources are newer is said, since it is what a reader asks
first; it does not make that side right.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, TypeVar

import attrs

from timeline.dates import When
from timeline.engine.projection import View
from timeline.events import ActorsMerged, event_type
from timeline.models.amendments import DisagreementRow
from timeline.models.directory import RoleRow
from timeline.models.initiatives import (
    InitiativeRow,
    MentionRow,
    ProposalRow,
    StageRow,
    TermRow,
    latest_key,
)
from timeline.models.meetings import AttendanceRow, MeetingReportRow, MeetingRow
from timeline.models.plans import PlanOutcomeRow, PlanRow
from timeline.models.statements import StatementRow
from timeline.reports.document import Cell, Document, Line, Table, about, cell, line
from timeline.reports.evidence import Citation, Citer, Named, text
from timeline.reports.filters import chosen_by
from timeline.reports.model import Report, Standing, by_time, not_found
from timeline.reports.plans import find_initiative
from timeline.reports.rules.attribution import Offices, Stance, proposers, stances
from timeline.reports.rules.claims import Claim, known_claims
from timeline.reports.rules.meetings import meeting_dates
from timeline.reports.rules.terms import comparable_value

_DENIAL = (
    "A dispute about a report: to call it wrong says nothing of the position of whoever does so."
)
_IMPUTED = (
    "One is the party's own at that time, or else the next that it took; the other was imputed to "
    "it by somebody else."
)
_OWN = "Both are the party's own, and of one time: neither shows a change."

_THERE = ("attended", "represented")
_Kept = TypeVar("_Kept")

_ANY_FORM = "other"
"""What a meeting's form is where the recorder gave none."""


@attrs.frozen
class Subject:
    """What a contradiction is about.

    `kind` is `meeting`, `initiative`, `plan`, `report` for a report that is disputed, or `finding`
    for a disagreement noted of neither a meeting nor an initiative; `id` is that of the meeting,
    the initiative, the plan or the event.
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


@attrs.frozen(kw_only=True, repr=False)
class ContradictionsReport(Report):
    """Where reports cannot all hold, with what it was chosen by."""

    kind: ClassVar[str] = "contradictions"

    initiative: str | None
    meeting: str | None
    chosen_by: tuple[str, ...]
    contradictions: tuple[ContradictionLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        of = ", ".join(self.chosen_by)
        return self._document(
            f"Contradictions: {of}" if of else "Contradictions",
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
            yield Table(title, columns, tuple(itertools.chain.from_iterable(rows)), grouped_by=2)


def contradictions_report(
    view: View, *, initiative: str | None = None, meeting: str | None = None
) -> ContradictionsReport:
    """Where reports cannot all hold: of an initiative, of a meeting, or of everything.

    Args:
        view: the read models to report from.
        initiative: only what concerns this initiative.
        meeting: only what concerns this meeting.

    Example:
        timeline report contradictions --initiative joint-harbour

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
        chosen_by=chosen_by(view, initiative=initiative, meeting=meeting),
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

    @property
    def meetings(self) -> Iterable[str] | None:
        """The meetings that can be asked for; None where all can."""
        if self.meeting is not None:
            return (self.meeting,)
        return None if self.initiative is None else self.mentioned

    def holds(self, initiatives: Iterable[str | None], meetings: Iterable[str | None]) -> bool:
        """Whether something that concerns these initiatives and meetings is asked for."""
        there = set(meetings)
        return (self.meeting is None or self.meeting in there) and (
            self.initiative is None
            or self.initiative in set(initiatives)
            or not self.mentioned.isdisjoint(there)
        )


_EVERYTHING = _Scope(None, None, frozenset())


def noted_of(view: View, citer: Citer, initiative: str) -> list[ContradictionLine]:
    """The disagreements that were noted of an initiative, as far as two sides are in view."""
    finder = _Finder(view, citer, _Scope(initiative, None, frozenset()))
    return list(finder.noted(view.all(DisagreementRow, proposal=initiative)))


def _scope(view: View, initiative: str | None, meeting: str | None) -> _Scope:
    if initiative is not None:
        find_initiative(view, initiative)
    if meeting is not None and view.get(MeetingRow, meeting) is None:
        ids = (row.meeting for row in view.all(MeetingRow))
        raise not_found(view, "meeting", meeting, ids, listed="Meetings")
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


@attrs.frozen
class _Entry:
    """What one event says of one participant; `office` says whom it counts for."""

    row: AttendanceRow
    office: RoleRow | None

    @property
    def of(self) -> tuple[str, ...]:
        """The participant, and whom it counts for."""
        by_office = (self.office.of,) if self.office and self.office.of else ()
        return (self.row.participant, self.row.party, *by_office)

    @property
    def instead_of(self) -> str | None:
        """Who was not there, since somebody stood in."""
        there = self.row.status in _THERE and self.row.instead_of not in self.of
        return self.row.instead_of if there else None

    def tells_of(self, actor: str) -> bool:
        """Whether a report that the actor was there, or not, can be read from it.

        Whoever is there for a party makes the party be there; that one of its people stayed away
        does not make it absent.
        """
        if self.row.participant == actor:
            return self.row.status in (*_THERE, "absent")
        return actor == self.instead_of or (actor in self.of and self.row.status in _THERE)


class _Finder:
    """Finds contradictions in one view."""

    def __init__(self, view: View, citer: Citer, scope: _Scope) -> None:
        self._view = view
        self._citer = citer
        self._scope = scope
        self._offices = Offices(view)
        self._read: dict[type, dict[str, list[Any]]] = {}

    def lines(self) -> Iterator[ContradictionLine]:
        """All that are asked for: of meetings, initiatives, disputed reports, and noted ones."""
        for meeting in self._meetings():
            yield from self._of_meeting(meeting)
        for initiative in self._initiatives():
            yield from self._of_proposal(initiative)
            yield from self._of_agreements(initiative)
            yield from self._of_terms(initiative)
            yield from self._of_positions(initiative)
        yield from self._of_plans()
        yield from self._of_disputes()
        yield from self.noted(self._view.all(DisagreementRow))

    def _all(self, cls: type[_Kept], **equal: str) -> list[_Kept]:
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
        for row in self._rows(MeetingRow, self._scope.meetings):
            if self._scope.holds((), (row.meeting,)):
                yield row

    def _initiatives(self) -> Iterator[InitiativeRow]:
        asked = self._scope.initiative
        for row in self._rows(InitiativeRow, None if asked is None else (asked,)):
            if self._scope.holds((row.initiative,), ()):
                yield row

    def _rows(self, cls: type[_Kept], ids: Iterable[str] | None) -> list[_Kept]:
        """The rows of these ids, or all."""
        if ids is None:
            return self._view.all(cls)
        found = (self._view.get(cls, id) for id in sorted(ids))
        return [row for row in found if row is not None]

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
        yield from self._of_attendance(subject, meeting_dates(reports))

    def _larger(self, meeting: str) -> str:
        # With the id: editions of a series often share a name.
        return f"{self._meeting(meeting).name} ({meeting})"

    def _of_attendance(
        self, subject: Subject, dates: Sequence[When]
    ) -> Iterator[ContradictionLine]:
        found = self._all(AttendanceRow, meeting=subject.id)
        rows = sorted(found, key=lambda row: (row.position, row.number))
        listed = {id for row in rows for id in (row.participant, row.party)}
        entries = [self._entry(row, listed, dates) for row in rows]
        named = (id for each in entries for id in (*each.of, each.instead_of) if id)
        for actor in dict.fromkeys(named):
            yield from self._between(
                subject,
                f"was {self._citer.name(actor)} there",
                [self._presence(each, actor) for each in entries if each.tells_of(actor)],
                _both_there_or_not,
            )

    def _entry(self, row: AttendanceRow, listed: Container[str], dates: Iterable[When]) -> _Entry:
        """With whom the participant counts for by an office, if only one of those listed."""
        held = {
            office.of: office
            for date in dates
            for office in self._offices.held(row.participant, date)
            if row.party == row.participant and office.of and office.of in listed
        }
        return _Entry(row, next(iter(held.values())) if len(held) == 1 else None)

    def _presence(self, entry: _Entry, actor: str) -> _Said:
        row, by = entry.row, self._citer.name(entry.row.participant)
        if actor == entry.instead_of:
            key, value = ("absent", f"{by} instead"), f"absent ({by} instead)"
        elif actor == row.participant:
            key, value = (row.status, ""), row.status
        else:
            key, value = (row.status, f"{by}"), f"{row.status} ({by})"
        beside = entry.office.events if entry.office and actor == entry.office.of else ()
        return _Said(key, value, row.occurred, row.position, row.events, beside=beside)

    # Initiatives

    def _of_proposal(self, row: InitiativeRow) -> Iterator[ContradictionLine]:
        accounts = sorted(
            self._all(ProposalRow, initiative=row.initiative), key=lambda each: each.position
        )
        subject = self._initiative(row.initiative)
        proposed = [
            _said(each, proposers(self._offices, each, accounts), self._together(each))
            for each in accounts
        ]
        yield from self._between(subject, "who proposed it", proposed, _equal)
        # What was floated and later laid down was put forward twice: not two accounts of one act.
        alike: dict[str, list[ProposalRow]] = defaultdict(list)
        for each in accounts:
            stage = self._view.get(StageRow, each.event)
            alike["" if stage is None else stage.stage].append(each)
        for same in alike.values():
            yield from self._differences(subject, _PROPOSAL_FIELDS, same)

    def _of_agreements(self, row: InitiativeRow) -> Iterator[ContradictionLine]:
        """Accounts of one agreement: those that name the same parties."""
        alike: dict[frozenset[str], list[StageRow]] = defaultdict(list)
        for stage in sorted(self._all(StageRow, initiative=row.initiative), key=_position):
            if stage.stage == "agreed":
                alike[frozenset(stage.parties)].append(stage)
        for accounts in alike.values():
            yield from self._differences(
                self._initiative(row.initiative), _AGREEMENT_FIELDS, accounts
            )

    def _of_terms(self, row: InitiativeRow) -> Iterator[ContradictionLine]:
        """Values that one speaker gave one term at one time: one who changes one does so later."""
        by_name: dict[tuple[str, str], list[TermRow]] = defaultdict(list)
        for term in sorted(self._all(TermRow, initiative=row.initiative), key=_position):
            by_name[term.name, term.speaker].append(term)
        for (name, _), terms in by_name.items():
            for at_once in _terms_at_odds(terms):
                yield self._line(
                    self._initiative(row.initiative),
                    f"{name}, {at_once[0].occurred}",
                    [
                        _said(term, comparable_value(term.value), term.value, term.speaker)
                        for term in at_once
                    ],
                )

    def _of_plans(self) -> Iterator[ContradictionLine]:
        """Rival due dates of one day, and outcomes that cannot both be."""
        plans: dict[str, list[PlanRow]] = defaultdict(list)
        for row in sorted(self._view.all(PlanRow), key=_position):
            plans[row.plan].append(row)
        for plan, rows in plans.items():
            about = {id for row in rows for id in row.about}
            if not self._scope.holds(about, {row.meeting for row in rows}):
                continue
            subject = Subject("plan", plan, rows[0].title)
            for at_once in _announced_at_once(rows):
                due = [_said(row, row.due, str(row.due), row.by) for row in at_once]
                yield from self._between(subject, "due date", due, may_be_same)
            outcomes = [
                _said(row, row.outcome, row.outcome)
                for row in sorted(self._view.all(PlanOutcomeRow, plan=plan), key=_position)
            ]
            yield from self._between(subject, "what became of it", outcomes, _equal)

    def _together(self, row: ProposalRow) -> str:
        proposer, *others = self._citer.names((row.proposer, *row.jointly_with))
        return f"{proposer}, with {', '.join(map(str, others))}" if others else str(proposer)

    def _of_positions(self, row: InitiativeRow) -> Iterator[ContradictionLine]:
        subject = self._initiative(row.initiative)
        by_party: dict[str, list[Stance]] = defaultdict(list)
        for stance in stances(self._view, row.initiative):
            by_party[stance.said.party].append(stance)
        for party, taken in by_party.items():
            of = self._citer.name(party)
            for at_once in _own_at_odds(taken):
                date = min((each.said.occurred for each in at_once), key=_vagueness)
                question = f"position of {of} on {date}: two of its own"
                yield self._line(subject, question, map(_stance, at_once), note=_OWN)
            for speaker, own, imputed in _imputed_otherwise(taken):
                by = self._citer.name(speaker)
                question = f"position of {of}: its own, or as imputed by {by}"
                yield self._line(subject, question, map(_stance, (*own, *imputed)), note=_IMPUTED)

    # Disputes, and what was noted

    def _of_disputes(self) -> Iterator[ContradictionLine]:
        denials: dict[str, list[StatementRow]] = defaultdict(list)
        for row in by_time(self._view.all(StatementRow)):
            for disputed in dict.fromkeys(row.disputes):
                if disputed != row.event:
                    denials[disputed].append(row)
        for id, claim in known_claims(self._view, denials).items():
            rows = [row for row in denials[id] if self._disputed_here(claim, row)]
            if not rows:
                continue
            denied = [_said(each, each.event, each.text, speaker=each.speaker) for each in rows]
            yield self._line(
                Subject("report", id, self._name(claim)),
                "what was reported",
                [_of_claim(claim, id, claim.text), *denied],
                note=_DENIAL,
            )

    def _name(self, claim: Claim) -> str:
        """Who reported it, or else what it is of, and when."""
        told = (*claim.names("speaker"), *claim.names("by"))
        title = claim.value("title") or claim.recorded.type
        who = self._citer.name(told[0]).name if told else str(title)
        return f"{who}, {claim.occurred or 'undated'}"

    def _disputed_here(self, claim: Claim, denial: StatementRow) -> bool:
        about = (*denial.about, *claim.names("about"), *claim.names("proposal"))
        return self._scope.holds(about, claim.names("meeting"))

    def noted(self, rows: Iterable[DisagreementRow]) -> Iterator[ContradictionLine]:
        """Those that are asked for, as far as two sides are in view."""
        ordered = sorted(rows, key=lambda row: row.position)
        chosen = [row for row in ordered if self._scope.holds((row.proposal,), (row.meeting,))]
        named = (id for row in chosen for side in row.sides for id in side.events)
        known = known_claims(self._view, named)
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

_Report = MeetingReportRow | ProposalRow | StageRow | TermRow | PlanRow | PlanOutcomeRow
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


def _imputed_otherwise(
    taken: Sequence[Stance],
) -> Iterator[tuple[str, list[Stance], list[Stance]]]:
    """What was imputed that is not the party's own stance at that time.

    By who imputed it, what the party's own was, and what was imputed.
    """
    found: dict[tuple[str, str, str], list[tuple[Stance, Stance]]] = defaultdict(list)
    for stance in taken:
        own = None if stance.own else _own_then(taken, stance.said.occurred)
        if own is not None and own.said.stance != stance.said.stance:
            key = (stance.said.speaker, own.said.stance, stance.said.stance)
            found[key].append((own, stance))
    for (speaker, *_), pairs in found.items():
        own_once = {own.said.event: own for own, _ in pairs}
        yield speaker, list(own_once.values()), [imputed for _, imputed in pairs]


def _own_then(taken: Iterable[Stance], moment: When | None) -> Stance | None:
    """The party's newest own stance that is not of later than that; else the next one."""

    def later(stance: Stance) -> bool:
        date = stance.said.occurred
        return moment is not None and date is not None and date.certainly_after(moment)

    own = [stance for stance in taken if stance.own]
    by_then = [stance for stance in own if not later(stance)]
    return max(by_then, key=_age) if by_then else min(own, key=_age, default=None)


def _age(stance: Stance) -> tuple[object, ...]:
    return latest_key(stance.said.occurred, stance.said.position)


_MONTH = timedelta(days=31)
"""How vague dates may be for two stances of one time to be at odds: in a year one may change."""


def _own_at_odds(taken: Iterable[Stance]) -> Iterator[list[Stance]]:
    """The party's own stances that differ and are of one time, by that time."""
    own = [each for each in taken if each.own and _vagueness(each.said.occurred) <= _MONTH]
    seen: set[str] = set()
    for one in own:
        if one.said.event in seen:
            continue
        at_once = [each for each in own if _at_once(one, each)]
        if len({each.said.stance for each in at_once}) > 1:
            seen.update(each.said.event for each in at_once)
            yield at_once


def _at_once(one: Stance, other: Stance) -> bool:
    """Whether their dates overlap as given: "about" is no reason to think them of one time."""
    first, second = one.said.occurred, other.said.occurred
    if not (first and first.earliest and first.latest):
        return False
    if not (second and second.earliest and second.latest):
        return False
    return first.earliest <= second.latest and second.earliest <= first.latest


def _terms_at_odds(terms: Sequence[TermRow]) -> Iterator[list[TermRow]]:
    """Terms of one name and speaker that differ and are of one time, by that time."""
    seen: set[str] = set()
    for one in terms:
        at_once = [
            other
            for other in terms
            if one.occurred and other.occurred and one.occurred.overlaps(other.occurred)
        ]
        if one.event not in seen and len({comparable_value(term.value) for term in at_once}) > 1:
            seen.update(term.event for term in at_once)
            if len({term.event for term in at_once}) > 1:
                yield at_once


def _announced_at_once(rows: Sequence[PlanRow]) -> Iterator[list[PlanRow]]:
    """Announcements of one plan with a due date that were made at one time."""
    seen: set[str] = set()
    for one in rows:
        at_once = [
            other
            for other in rows
            if other.due
            and one.occurred
            and other.occurred
            and one.occurred.overlaps(other.occurred)
        ]
        if one.event not in seen and len(at_once) > 1:
            seen.update(row.event for row in at_once)
            yield at_once


def _vagueness(date: When | None) -> timedelta:
    if date is None or date.earliest is None or date.latest is None:
        return timedelta.max
    return date.latest - date.earliest


# What is compared


def _occurred(row: _Report | StatementRow) -> When | None:
    return row.held_on if isinstance(row, MeetingReportRow) else row.occurred


def _date(row: _Report) -> _Said | None:
    date = _occurred(row)
    return None if date is None else _said(row, date, date.text)


def _place(row: _Report) -> _Said | None:
    place = None if isinstance(row, TermRow | PlanRow | PlanOutcomeRow) else row.place
    return None if place is None else _said(row, _folded(place), place)


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


def may_be_same(one: object, other: object) -> bool:
    """Whether two dates may be one. An instant is held against a date as the day it names itself.

    A source's "27 December" is that day where the source is, not the day in UTC.
    """
    assert isinstance(one, When)
    assert isinstance(other, When)
    if not (_has_clock(one) and _has_clock(other)):
        one, other = _days(one), _days(other)
    return one.overlaps(other)


def _has_clock(date: When) -> bool:
    return ":" in date.text


def _days(date: When) -> When:
    """The date, or the days that its instants name in their own zones."""
    if not _has_clock(date):
        return date
    return When("/".join(end[:10] if ":" in end else end for end in date.text.split("/")))


def _both_there_or_not(one: object, other: object) -> bool:
    return _is_absent(one) == _is_absent(other)


def _is_absent(key: object) -> bool:
    return isinstance(key, tuple) and key[0] == "absent"


_MEETING_FIELDS: tuple[_Field, ...] = (
    ("date", _date, may_be_same),
    ("place", _place, _same_place),
    ("form", _form, _equal),
    ("series", _series, _equal),
)
_AGREEMENT_FIELDS: tuple[_Field, ...] = (
    ("date of the agreement", _date, may_be_same),
    ("place of the agreement", _place, _same_place),
)
_PROPOSAL_FIELDS: tuple[_Field, ...] = (
    ("date", _date, may_be_same),
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


def _position(row: _Report) -> int:
    return row.position


# As a document


def _is_denial(each: ContradictionLine) -> bool:
    return each.subject.kind == "report"


def _rows(each: ContradictionLine) -> Iterator[Line]:
    for index, side in enumerate(each.sides):
        published = side.published or "undated"
        newest = f"{published} (newer)" if index == each.newer else published
        yield line(side.evidence, _subject(each.subject), each.question, _says(side), newest)


def _subject(subject: Subject) -> Cell:
    if subject.kind == "meeting":
        return about("meeting", subject.id, subject.name)
    return about("proposal", subject.id if subject.kind == "initiative" else None, subject.name)


def _says(side: ContradictionSide) -> str:
    if side.speaker is None:
        return side.value
    return f"{side.speaker}, {side.occurred or 'undated'}: {side.value}"
