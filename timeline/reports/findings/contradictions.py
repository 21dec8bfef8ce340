"""Where reports cannot all hold: of meetings, of initiatives, of plans, and where somebody says so.

Nothing is decided here: all answers that are at odds stand side by side.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import attrs

from timeline.dates import When, latest_key, short
from timeline.engine.projection import View
from timeline.projections.amendments import DisagreementRow
from timeline.projections.chronology import ConcernRow, HappeningRow
from timeline.projections.directory import RoleRow
from timeline.projections.documents import DocumentRow
from timeline.projections.initiatives import (
    InitiativeRow,
    ProposalRow,
    RelationRow,
    StageRow,
    TermRow,
)
from timeline.projections.meetings import ANY_FORM, AttendanceRow, MeetingReportRow, MeetingRow
from timeline.projections.plans import PlanOutcomeRow, PlanRow
from timeline.projections.statements import DisputedRow, StatementRow
from timeline.reports.citations import Citer, type_words
from timeline.reports.findings.attribution import Offices, Stance, proposers, stances
from timeline.reports.findings.initiatives import comparable_term, full_name
from timeline.reports.findings.meetings import THERE, counting_office, gathered, meeting_dates
from timeline.reports.findings.origins import Claim, known_claims
from timeline.reports.model import by_time, grouped

# Answers to one question


_Placed = MeetingReportRow | ProposalRow | StageRow | DocumentRow
_Answering = _Placed | TermRow | PlanRow | PlanOutcomeRow | StatementRow

Compatible = Callable[[Any, Any], bool]
"""Whether answers with these keys can both be right."""


@attrs.frozen
class Answer:
    """What one event answers to a question.

    Attributes:
        key: what it is compared by.
        value: the answer to show.
        occurred: when that was said or happened.
        position: where in the log the event stands.
        events: the event and its amendments.
        speaker: who says so, where the answer is somebody's words.
        beside: events that are shown with these, but do not report the answer.
    """

    key: object
    value: str
    occurred: When | None
    position: int
    events: tuple[str, ...]
    speaker: str | None = None
    beside: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: _Answering, key: object, value: str, speaker: str | None = None) -> Answer:
        """The answer of a row."""
        return cls(key, value, _occurred(row), row.position, row.events, speaker)

    @classmethod
    def of_claim(cls, claim: Claim, key: object, value: str) -> Answer:
        """The answer of any event."""
        speaker = next(iter(claim.names("speaker")), None)
        return cls(key, value, claim.occurred, claim.recorded.position, claim.basis, speaker)

    @classmethod
    def of_stance(cls, stance: Stance) -> Answer:
        """A stance as the answer to where the party stands."""
        row = stance.said
        return cls(
            key=(stance.own, row.stance),
            value=f"{row.stance} ({'own' if stance.own else 'imputed'})",
            occurred=row.occurred,
            position=row.position,
            events=row.events,
            speaker=row.speaker,
            beside=stance.events,
        )


def at_odds(answers: Sequence[Answer], compatible: Compatible) -> list[Answer]:
    """The answers that cannot all be right, without those that agree with all others."""
    keys = dict.fromkeys(answer.key for answer in answers)
    odd = {key for key in keys if any(not compatible(key, other) for other in keys)}
    return [answer for answer in answers if answer.key in odd]


# What reports are asked


def _occurred(row: _Answering) -> When | None:
    return row.held_on if isinstance(row, MeetingReportRow) else row.occurred


def _date(row: _Placed) -> Answer | None:
    date = _occurred(row)
    return None if date is None else Answer.of(row, date, date.short)


def _place(row: _Placed) -> Answer | None:
    return None if row.place is None else Answer.of(row, _folded(row.place), row.place)


def _form(row: MeetingReportRow) -> Answer | None:
    form = row.form
    return None if form is None or form == ANY_FORM else Answer.of(row, form, form)


def _series(row: MeetingReportRow) -> Answer | None:
    return None if row.series is None else Answer.of(row, row.series, row.series)


def _folded(place: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", place).casefold().split())


# Whether two answers can both be right


def equal(one: object, other: object) -> bool:
    """Whether they are one answer."""
    return one == other


def same_place(one: str, other: str) -> bool:
    """Whether one has all the words of the other, in any order: a town, and a house in it."""
    words, others = (set(re.findall(r"\w+", place)) for place in (one, other))
    return words <= others or others <= words


def may_be_same(one: When, other: When) -> bool:
    """Whether two dates may be one. Beside a plain date, an instant counts as its day.

    The day is that of the instant's own zone: a source's "27 December" is a day where the source
    is, not one of UTC.
    """
    if not (_has_clock(one) and _has_clock(other)):
        one, other = days(one), days(other)
    return one.overlaps(other)


def _has_clock(date: When) -> bool:
    return ":" in date.text


def days(date: When) -> When:
    """The date; of instants, the days in their own zones."""
    if not _has_clock(date):
        return date
    return When("/".join(end[:10] if ":" in end else end for end in date.text.split("/")))


Field = tuple[str, Callable[[Any], Answer | None], Compatible]
"""A question, what a report answers to it, and whether two answers can both be right."""

PROPOSAL_FIELDS: tuple[Field, ...] = (("date", _date, may_be_same), ("place", _place, same_place))
MEETING_FIELDS = (*PROPOSAL_FIELDS, ("form", _form, equal), ("series", _series, equal))
DOCUMENT_FIELDS = tuple(
    (f"{question} of the signing", answer, compatible)
    for question, answer, compatible in PROPOSAL_FIELDS
)
AGREEMENT_FIELDS = tuple(
    (f"{question} of the agreement", answer, compatible)
    for question, answer, compatible in PROPOSAL_FIELDS
)


# Whether an actor was there


@attrs.frozen
class _Presence:
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
        """Who was not there, since the participant stood in."""
        there = self.row.status in THERE and self.row.instead_of not in self.of
        return self.row.instead_of if there else None

    def says_of(self, actor: str) -> bool:
        """Whether it says that the actor was there, or was not.

        A party is there with anyone who is there for it. It is not absent because one of its people
        is.
        """
        if self.row.participant == actor:
            return self.row.status in (*THERE, "absent")
        return actor == self.instead_of or (actor in self.of and self.row.status in THERE)


def presences(
    citer: Citer, offices: Offices, rows: Iterable[AttendanceRow], dates: Sequence[When]
) -> Iterator[tuple[str, list[Answer]]]:
    """The actors that reports of one meeting name, and what these answer of each."""
    ordered = sorted(rows, key=lambda row: (row.position, row.number))
    listed = {id for row in ordered for id in (row.participant, row.party)}
    entries = [_Presence(row, counting_office(offices, row, listed, dates)) for row in ordered]
    named = (id for entry in entries for id in (*entry.of, entry.instead_of) if id)
    for actor in dict.fromkeys(named):
        yield (
            actor,
            [_presence_answer(citer, entry, actor) for entry in entries if entry.says_of(actor)],
        )


def both_there_or_not(one: object, other: object) -> bool:
    """Whether both answers have the actor there, or both have it absent."""
    return _is_absent(one) == _is_absent(other)


def _presence_answer(citer: Citer, entry: _Presence, actor: str) -> Answer:
    row, by = entry.row, str(citer.name(entry.row.participant))
    if actor == entry.instead_of:
        key, value = ("absent", f"{by} instead"), f"absent ({by} instead)"
    elif actor == row.participant and row.status == "represented" and citer.kind(actor) == "person":
        # A state is there through whoever represents it; a person is not.
        key, value = ("absent", "represented"), "represented"
    elif actor == row.participant:
        key, value = (row.status, ""), row.status
    else:
        key, value = (row.status, by), f"{row.status} ({by})"
    beside = entry.office.events if entry.office and actor == entry.office.of else ()
    return Answer(key, value, row.occurred, row.position, row.events, beside=beside)


def _is_absent(key: object) -> bool:
    return isinstance(key, tuple) and key[0] == "absent"


# What is said at one time


_Timed = TypeVar("_Timed")

_MONTH = timedelta(days=31)
"""How vague dates may be for two stances to be at odds: in a year, one may change."""


def differing(
    rows: Sequence[_Timed],
    same_time: Callable[[_Timed, _Timed], bool],
    answer: Callable[[_Timed], object],
) -> Iterator[list[_Timed]]:
    """The rows that differ from others of the same time, those of one time together."""
    seen: set[int] = set()
    for index, one in enumerate(rows):
        group = [number for number, other in enumerate(rows) if same_time(one, other)]
        if index not in seen and len({answer(rows[number]) for number in group}) > 1:
            seen.update(group)
            yield [rows[number] for number in group]


def differing_terms(terms: Sequence[TermRow]) -> Iterator[list[TermRow]]:
    """Values of one term by one speaker; those of one event may stand together."""
    for group in differing(terms, _overlap, comparable_term):
        if len({term.event for term in group}) > 1:
            yield group


def rival_announcements(rows: Sequence[PlanRow]) -> Iterator[list[PlanRow]]:
    """Announcements of one plan that each give it a due date."""
    return differing([row for row in rows if row.due], _overlap, lambda row: row.event)


def _overlap(one: TermRow | PlanRow, other: TermRow | PlanRow) -> bool:
    return bool(one.occurred and other.occurred and one.occurred.overlaps(other.occurred))


# Stances of one party


def own_at_odds(taken: Iterable[Stance]) -> Iterator[list[Stance]]:
    """The party's own stances that differ."""
    own = [stance for stance in taken if stance.own and vagueness(stance.said.occurred) <= _MONTH]
    return differing(own, _at_once, lambda stance: stance.said.stance)


def _at_once(one: Stance, other: Stance) -> bool:
    """Whether their dates overlap as given: "about" is no reason to think them of one time."""
    first, second = one.said.occurred, other.said.occurred
    if not (first and first.earliest and first.latest):
        return False
    if not (second and second.earliest and second.latest):
        return False
    return first.earliest <= second.latest and second.earliest <= first.latest


def vagueness(date: When | None) -> timedelta:
    """How long the time is that the date may mean."""
    if date is None or date.earliest is None or date.latest is None:
        return timedelta.max
    return date.latest - date.earliest


def imputed_otherwise(taken: Sequence[Stance]) -> Iterator[tuple[str, list[Stance], list[Stance]]]:
    """Who imputed a stance that is not the party's own of that time; the own stances, the imputed.

    One for each speaker, own stance and imputed stance.
    """
    differ: dict[tuple[str, str, str], list[tuple[Stance, Stance]]] = defaultdict(list)
    for stance in taken:
        own = None if stance.own else _own_then(taken, stance.said.occurred)
        if own is not None and own.said.stance != stance.said.stance:
            key = (stance.said.speaker, own.said.stance, stance.said.stance)
            differ[key].append((own, stance))
    for (speaker, *_), pairs in differ.items():
        own_once = {own.said.event: own for own, _ in pairs}
        yield speaker, list(own_once.values()), [imputed for _, imputed in pairs]


def _own_then(taken: Iterable[Stance], moment: When | None) -> Stance | None:
    """The party's newest own stance that is not certainly later; else its next one."""

    def later(stance: Stance) -> bool:
        date = stance.said.occurred
        return moment is not None and date is not None and date.certainly_after(moment)

    own = [stance for stance in taken if stance.own]
    by_then = [stance for stance in own if not later(stance)]
    return max(by_then, key=_age) if by_then else min(own, key=_age, default=None)


def _age(stance: Stance) -> tuple[object, ...]:
    return latest_key(stance.said.occurred, stance.said.position)


# Contradictions


_DENIAL = (
    "A dispute about a report: to call it wrong says nothing of the position of whoever does so."
)
_IMPUTED = (
    "One is the party's own at that time, or else the next that it took; the other was imputed to "
    "it by somebody else."
)
_OWN = "Both are the party's own, and of one time: neither shows a change."

_Row = TypeVar("_Row", ProposalRow, StageRow, TermRow, PlanRow, PlanOutcomeRow)


@attrs.frozen
class Subject:
    """What a contradiction is about.

    `kind` is `meeting`, `initiative`, `plan`, `document`, `report` for a report that is disputed,
    or `finding` for a disagreement noted of none of these; `id` is that of the meeting, the
    initiative, the plan, the document or the event.
    """

    kind: str
    id: str
    name: str


@attrs.frozen
class Contradiction:
    """Answers to one question that cannot all be right.

    Attributes:
        subject: what it is about.
        question: what the answers differ in.
        answers: of two kinds or more.
        note: what a reader should know.
        noted: whether an event of the record says that they are at odds.
        beside: further events behind it.
    """

    subject: Subject
    question: str
    answers: Sequence[Answer]
    note: str | None = None
    noted: bool = False
    beside: tuple[str, ...] = ()


@attrs.frozen
class Scope:
    """What contradictions must concern; `mentioned` are the meetings of the initiative."""

    initiative: str | None
    meeting: str | None
    mentioned: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        """Whether everything is asked for."""
        return self.initiative is None and self.meeting is None

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


class Contradictions:
    """The contradictions in one view, as far as the scope asks for them."""

    def __init__(self, view: View, citer: Citer, scope: Scope) -> None:
        self._view = view
        self._citer = citer
        self._scope = scope
        self._offices = Offices(view)

    def all(self) -> Iterator[Contradiction]:
        """Of meetings, initiatives, documents, plans, disputed reports, and those noted by hand."""
        yield from self._of_meetings()
        yield from self._of_initiatives()
        yield from self._of_documents()
        yield from self._of_plans()
        yield from self._of_disputes()
        yield from self.noted(self._disagreements())

    # Where to look, so that a question about one matter reads no others

    @functools.cached_property
    def _asked(self) -> list[str]:
        """The events that name the initiative, or a meeting that may be asked for."""
        ids: list[str] = []
        if self._scope.initiative is not None:
            ids += (r.event for r in self._view.all(ConcernRow, proposal=self._scope.initiative))
            ids += (r.event for r in self._view.all(RelationRow, initiative=self._scope.initiative))
        for meeting in sorted(self._scope.meetings or ()):
            ids += (row.event for row in self._view.all(HappeningRow, meeting=meeting))
        return list(dict.fromkeys(ids))

    def _documents(self) -> list[DocumentRow]:
        """All reports of the signings that may be asked for."""
        if self._scope.is_all:
            return self._view.all(DocumentRow)
        ids = {row.document for row in self._view.several(DocumentRow, self._asked)}
        return [row for id in sorted(ids) for row in self._view.all(DocumentRow, document=id)]

    def _plans(self) -> list[PlanRow]:
        """All announcements of the plans that may be asked for."""
        if self._scope.is_all:
            return self._view.all(PlanRow)
        ids = {row.plan for row in self._view.several(PlanRow, self._asked)}
        return [row for id in sorted(ids) for row in self._view.all(PlanRow, plan=id)]

    def _disagreements(self) -> list[DisagreementRow]:
        """All findings by hand that may be asked for."""
        if self._scope.is_all:
            return self._view.all(DisagreementRow)
        things = {("meeting", id) for id in self._scope.meetings or ()}
        things |= {("plan", row.plan) for row in self._plans()}
        things |= {("document", row.document) for row in self._documents()}
        if self._scope.initiative is not None:
            things.add(("proposal", self._scope.initiative))
        rows = (row for name, id in things for row in self._view.all(DisagreementRow, **{name: id}))
        return list({row.event: row for row in rows}.values())

    def _denials(self) -> dict[str, list[StatementRow]]:
        """The statements that dispute an event, by its id, where either may be asked for."""
        if self._scope.is_all:
            disputed = self._view.all(DisputedRow)
        else:
            said = self._view.several(StatementRow, self._asked)
            targets = {id for row in said for id in row.disputes}
            disputed = self._view.several(DisputedRow, sorted(targets.union(self._asked)))
        statements = self._view.several(StatementRow, (id for row in disputed for id in row.events))
        denials: dict[str, list[StatementRow]] = {row.target: [] for row in disputed}
        for row in by_time(statements):
            for target in dict.fromkeys(row.disputes):
                if target in denials and target != row.event:
                    denials[target].append(row)
        return denials

    # Meetings

    def _of_meetings(self) -> Iterator[Contradiction]:
        asked = self._scope.meetings
        rows = (
            self._view.all(MeetingRow)
            if asked is None
            else self._view.several(MeetingRow, sorted(asked))
        )
        ids = [row.meeting for row in rows if self._scope.holds((), (row.meeting,))]
        reports = gathered(self._view, MeetingReportRow, "meeting", ids)
        attendance = gathered(self._view, AttendanceRow, "meeting", ids)
        for id in ids:
            yield from self._of_meeting(self._meeting(id), reports[id], attendance[id])

    def _of_meeting(
        self,
        subject: Subject,
        reports: Sequence[MeetingReportRow],
        attendance: Sequence[AttendanceRow],
    ) -> Iterator[Contradiction]:
        held = sorted((row for row in reports if row.what == "held"), key=_position)
        yield from _differences(subject, MEETING_FIELDS, held)
        # With the id: editions of a series often share a name.
        larger = [
            Answer.of(row, row.within, f"{self._meeting(row.within).name} ({row.within})")
            for row in held
            if row.within
        ]
        yield from _between(subject, "the larger meeting", larger, equal)
        dates = meeting_dates(reports)
        for actor, answers in presences(self._citer, self._offices, attendance, dates):
            question = f"was {self._citer.name(actor)} there"
            yield from _between(subject, question, answers, both_there_or_not)

    def _meeting(self, meeting: str) -> Subject:
        known = self._view.get(MeetingRow, meeting)
        return Subject("meeting", meeting, meeting if known is None else known.title)

    # Initiatives

    def _of_initiatives(self) -> Iterator[Contradiction]:
        asked = self._scope.initiative
        known = None if asked is None else self._view.get(InitiativeRow, asked)
        rows = self._view.all(InitiativeRow) if self._scope.is_all else [known] if known else []
        ids = [row.initiative for row in rows if self._scope.holds((row.initiative,), ())]
        proposals = gathered(self._view, ProposalRow, "initiative", ids)
        stages = gathered(self._view, StageRow, "initiative", ids)
        terms = gathered(self._view, TermRow, "initiative", ids)
        for id in ids:
            subject = self._initiative(id)
            yield from self._of_proposal(subject, sorted(proposals[id], key=_position))
            yield from _of_agreements(subject, sorted(stages[id], key=_position))
            yield from _of_terms(subject, sorted(terms[id], key=_position))
            yield from self._of_positions(subject)

    def _initiative(self, initiative: str) -> Subject:
        known = self._view.get(InitiativeRow, initiative)
        title = None if known is None else known.title
        return Subject("initiative", initiative, title or initiative)

    def _of_proposal(
        self, subject: Subject, accounts: Sequence[ProposalRow]
    ) -> Iterator[Contradiction]:
        proposed = [
            Answer.of(row, proposers(self._offices, row, accounts), self._together(row))
            for row in accounts
        ]
        yield from _between(subject, "who proposed it", proposed, equal)
        # What was floated and later laid down was put forward twice: not two accounts of one act.
        for alike in grouped(accounts, self._stage).values():
            yield from _differences(subject, PROPOSAL_FIELDS, alike)

    def _stage(self, row: ProposalRow) -> str:
        stage = self._view.get(StageRow, row.event, row.initiative)
        return "" if stage is None else stage.stage

    def _together(self, row: ProposalRow) -> str:
        proposer, *others = self._citer.names((row.proposer, *row.jointly_with))
        return f"{proposer}, with {', '.join(map(str, others))}" if others else str(proposer)

    def _of_positions(self, subject: Subject) -> Iterator[Contradiction]:
        by_party = grouped(stances(self._view, subject.id), lambda stance: stance.said.party)
        for party, taken in by_party.items():
            of = self._citer.name(party)
            for at_once in own_at_odds(taken):
                date = min((stance.said.occurred for stance in at_once), key=vagueness)
                question = f"position of {of} on {date}: two of its own"
                yield _of_stances(subject, question, at_once, _OWN)
            for speaker, own, imputed in imputed_otherwise(taken):
                by = self._citer.name(speaker)
                question = f"position of {of}: its own, or as imputed by {by}"
                yield _of_stances(subject, question, (*own, *imputed), _IMPUTED)

    # Documents

    def _of_documents(self) -> Iterator[Contradiction]:
        """Reports of one signing that differ in its date or its place."""
        rows = sorted(self._documents(), key=_position)
        for id, reports in grouped(rows, lambda row: row.document).items():
            about = {one for row in reports for one in (*row.adopts, *row.about)}
            if self._scope.holds(about, {row.meeting for row in reports}):
                subject = Subject("document", id, reports[0].title)
                yield from _differences(subject, DOCUMENT_FIELDS, reports)

    # Plans

    def _of_plans(self) -> Iterator[Contradiction]:
        """Rival due dates of one day, and outcomes that cannot both be."""
        announced = sorted(self._plans(), key=_position)
        for id, rows in grouped(announced, lambda row: row.plan).items():
            about = {one for row in rows for one in row.about}
            if self._scope.holds(about, {row.meeting for row in rows}):
                subject = Subject("plan", id, rows[0].title)
                for rivals in rival_announcements(rows):
                    due = [Answer.of(row, row.due, short(row.due), row.by) for row in rivals]
                    yield from _between(subject, "due date", due, may_be_same)
                outcomes = self._view.all(PlanOutcomeRow, plan=subject.id)
                became = [
                    Answer.of(row, row.outcome, row.outcome)
                    for row in sorted(outcomes, key=_position)
                ]
                yield from _between(subject, "what became of it", became, equal)

    # Disputes, and what was noted

    def _of_disputes(self) -> Iterator[Contradiction]:
        denials = self._denials()
        for id, claim in known_claims(self._view, denials).items():
            rows = [row for row in denials[id] if self._is_asked_for(claim, row)]
            if rows:
                reported = Answer.of_claim(claim, id, claim.text)
                denied = [Answer.of(row, row.event, row.text, row.speaker) for row in rows]
                subject = Subject("report", id, self._name(claim))
                yield Contradiction(subject, "what was reported", [reported, *denied], _DENIAL)

    def _name(self, claim: Claim) -> str:
        """Who reported it, or else what it is of, and when."""
        by = (*claim.names("speaker"), *claim.names("by"))
        who = self._citer.name(by[0]).name if by else claim.value("title")
        return f"{who or type_words(claim.recorded.type)}, {short(claim.occurred)}"

    def _is_asked_for(self, claim: Claim, denial: StatementRow) -> bool:
        about = (*denial.about, *claim.names("about"), *claim.names("proposal"))
        return self._scope.holds(about, claim.names("meeting"))

    def noted(self, rows: Iterable[DisagreementRow]) -> Iterator[Contradiction]:
        """Those of these that are asked for, where two sides are in view."""
        ordered = sorted(rows, key=lambda row: row.position)
        chosen = [row for row in ordered if self._scope.holds(*self._concerned(row))]
        named = (id for row in chosen for side in row.sides for id in side.events)
        known = known_claims(self._view, named)
        for row in chosen:
            answers = [
                Answer.of_claim(known[id], number, side.value)
                for number, side in enumerate(row.sides)
                for id in side.events
                if id in known
            ]
            # With the events of the other side out of view, there is nothing to be at odds with.
            if len({answer.key for answer in answers}) > 1:
                yield Contradiction(
                    self._noted_of(row), row.question, answers, row.note, True, row.events
                )

    def _noted_of(self, row: DisagreementRow) -> Subject:
        if row.proposal is not None:
            return self._initiative(row.proposal)
        if row.meeting is not None:
            return self._meeting(row.meeting)
        if row.plan is not None:
            return Subject("plan", row.plan, self._title(PlanRow, plan=row.plan))
        if row.document is not None:
            return Subject(
                "document", row.document, self._title(DocumentRow, document=row.document)
            )
        return Subject("finding", row.event, row.event)

    def _title(self, cls: type[PlanRow | DocumentRow], **of: str) -> str:
        rows = self._view.all(cls, **of)
        return min(rows, key=lambda row: row.position).title if rows else str(*of.values())

    def _concerned(self, row: DisagreementRow) -> tuple[set[str | None], set[str | None]]:
        """The initiatives and the meetings that a disagreement concerns."""
        plans = self._view.all(PlanRow, plan=row.plan) if row.plan else []
        papers = self._view.all(DocumentRow, document=row.document) if row.document else []
        adopted = {id for paper in papers for id in (*paper.adopts, *paper.about)}
        about = {id for plan in plans for id in plan.about}
        meetings = {plan.meeting for plan in plans} | {paper.meeting for paper in papers}
        return {row.proposal, *about, *adopted}, {row.meeting, *meetings}


def _of_agreements(subject: Subject, stages: Iterable[StageRow]) -> Iterator[Contradiction]:
    """Accounts of one agreement: those that name the same parties."""
    agreed = (row for row in stages if row.stage == "agreed")
    for accounts in grouped(agreed, lambda row: frozenset(row.parties)).values():
        yield from _differences(subject, AGREEMENT_FIELDS, accounts)


def _of_terms(subject: Subject, terms: Iterable[TermRow]) -> Iterator[Contradiction]:
    """Values that one speaker gave one term at one time: one who changes one does so later."""
    for of_one in grouped(terms, lambda term: (full_name(term), term.speaker)).values():
        for at_once in differing_terms(of_one):
            question = f"{at_once[0].name}, {short(at_once[0].occurred)}"
            values = [
                Answer.of(term, comparable_term(term), term.value, term.speaker) for term in at_once
            ]
            yield Contradiction(subject, question, values)


def _of_stances(
    subject: Subject, question: str, taken: Iterable[Stance], note: str
) -> Contradiction:
    return Contradiction(subject, question, [Answer.of_stance(stance) for stance in taken], note)


def _differences(
    subject: Subject, fields: Iterable[Field], reports: Iterable[object]
) -> Iterator[Contradiction]:
    rows = list(reports)
    for question, answer_of, compatible in fields:
        answers = [answer for answer in map(answer_of, rows) if answer is not None]
        yield from _between(subject, question, answers, compatible)


def _between(
    subject: Subject, question: str, answers: Sequence[Answer], compatible: Compatible
) -> Iterator[Contradiction]:
    odd = at_odds(answers, compatible)
    if odd:
        yield Contradiction(subject, question, odd)


def _position(row: _Row | MeetingReportRow | DocumentRow) -> int:
    return row.position
