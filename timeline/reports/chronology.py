"""What happened, in order of world time, by whom and what it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import attrs

from timeline.dates import Occurred, when
from timeline.engine.projection import View
from timeline.errors import InvalidInput
from timeline.events import (
    AttendanceReported,
    DocumentSigned,
    DocumentStatusReported,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
    MembershipReported,
    MilestoneReached,
    PlanAnnounced,
    PlanOutcomeReported,
    PlanPostponed,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalLapsed,
    ProposalMade,
    ProposalWithdrawn,
    RoleReported,
    event_type,
    type_names,
)
from timeline.projections import Chronology
from timeline.projections.chronology import ConcernRow, HappeningRow, InvolvementRow
from timeline.projections.documents import DocumentRow, DocumentStatusRow
from timeline.projections.meetings import MeetingReportRow, MeetingRow
from timeline.projections.plans import PlanRow
from timeline.reports.actors import find_actor
from timeline.reports.citations import Citation, Citer, Named, line_of
from timeline.reports.findings.meetings import OUTCOMES, PLANS, chosen_meetings
from timeline.reports.layout import (
    Cell,
    Document,
    about,
    cell,
    columns_of,
    most,
    newest,
    number,
    stretch_of,
    table,
)
from timeline.reports.model import Report, Span, by_time, chosen_by, made_from
from timeline.reports.plans import find_initiative, mentioned, outcome_words

_OUTCOMES = type_names(PlanOutcomeReported)

_MEETINGS = type_names(
    MeetingAnnounced, MeetingRescheduled, MeetingCalledOff, MeetingHeld, AttendanceReported
)
_PLANS = type_names(PlanAnnounced, PlanPostponed, PlanOutcomeReported)
_OFFICES = type_names(RoleReported, MembershipReported)
_STATUSES_OF_DOCUMENTS = type_names(DocumentStatusReported)
_TITLED = type_names(MilestoneReached, DocumentSigned)
_HEADS = {
    event_type(cls).name: head
    for cls, head in {
        ProposalMade: "{word}",
        ProposalAmended: "amended",
        ProposalAnswered: "answered, {word}",
        ProposalDiscussed: "talks",
        ProposalWithdrawn: "withdrawn",
        ProposalLapsed: "{word}",
        ProposalAdopted: "agreed",
        MilestoneReached: "milestone",
        DocumentSigned: "signed",
        DocumentStatusReported: "document {word}",
        MeetingAnnounced: "meeting announced",
        MeetingRescheduled: "meeting moved",
        MeetingCalledOff: "meeting called off",
        MeetingHeld: "meeting held",
        AttendanceReported: "who was at",
        PlanAnnounced: "plan announced",
        PlanPostponed: "plan put off",
        PlanOutcomeReported: "plan {word}",
        RoleReported: "in office",
        MembershipReported: "belonging",
    }.items()
}
"""What stands before the words of an event; a statement has nothing before its words."""

_STATUSES = (*OUTCOMES, *PLANS)
_DOERS = ("speaker", "by", "jointly_with", "participants", "actor", "signatories.actor")
"""The fields that say whose doing an event reports."""


@attrs.frozen
class Part:
    """One who took part: at a meeting `part` is the status, elsewhere the field of the event.

    `role` is what it was at the meeting, such as chair.
    """

    who: Named
    part: str
    role: str | None = None


@attrs.frozen
class HappeningLine:
    """One event.

    Attributes:
        event: its id.
        type: its type.
        occurred: when it happened; for an office or a membership when it began, where that is
            known.
        what: what happened, in a sentence.
        who: whose doing it was; of a meeting, what is said of each participant.
        meeting: the meeting that it tells of, or happened at.
        about: the proposals that it names.
        published_by: who published the sources that report it.
        evidence: the event and what amends it.
    """

    event: str
    type: str
    occurred: str | None
    what: str
    who: tuple[Part, ...]
    meeting: str | None
    about: tuple[str, ...]
    published_by: tuple[Named, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class ChronologyReport(Report):
    """What happened, in order of world time, with what it was chosen by.

    Uncertain dates stand by their earliest day, what has no known date last.
    """

    kind: ClassVar[str] = "chronology"

    actor: str | None
    initiative: str | None
    meeting: str | None
    series: str | None
    type: str | None
    since: str | None
    until: str | None
    certainly: bool
    chosen_by: tuple[str, ...]
    happenings: tuple[HappeningLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        of = ", ".join(self.chosen_by)
        happened = table(
            "What happened",
            self.happenings,
            {
                "When": when_cell,
                "What": what_cell,
                "Who": lambda line: shown_parts(line.who),
                "Published by": lambda line: line.published_by,
            },
        )
        return self._document(
            f"Chronology: {of}" if of else "Chronology",
            [happened],
            summary=self._summary(),
            short=[newest(columns_of(happened, "When", "What"))],
            note="Each line is one report: where several tell of the same, or differ, each "
            "has its own. What was announced stands where it was announced. Offices and "
            "memberships stand where they began, if that is known.",
        )

    def _summary(self) -> Iterator[Cell]:
        if not self.happenings:
            return
        reports = number(len(self.happenings), "report")
        when = stretch_of(line.occurred for line in self.happenings)
        yield cell(f"{reports} of what happened {when}.")
        publishers = [who for line in self.happenings for who in line.published_by]
        if publishers:
            yield cell(f"Most were published by {most(publishers)}.")


def chronology_report(
    view: View,
    *,
    actor: str | None = None,
    initiative: str | None = None,
    meeting: str | None = None,
    series: str | None = None,
    type: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    certainly: bool = False,
) -> ChronologyReport:
    """What happened, in order of time: everything that fits all options.

    Args:
        view: the read models to report from.
        actor: only what names this actor, in any part; by its id or any recorded name.
        initiative: only what concerns this initiative.
        meeting: only what sources say of this meeting, or what happened at it.
        series: only what sources say of the editions of this series, or what happened at them.
        type: only events of this type, such as StatementMade.
        since: only what happened from this date on.
        until: only what happened up to this date.
        certainly: leave out what, its date being uncertain, only may have happened then.

    Example:
        timeline report chronology --initiative joint-harbour --since 2022-11
        timeline report chronology --actor 'Ann Minister' --type StatementMade

    Raises:
        NotFound: no such actor, initiative, meeting or series is in view.
        InvalidInput: several actors go by that name; no such type; `since` is after `until`.
        InvalidDate: `since` or `until` is not a date.
    """
    span = Span.of(since, until, certainly=certainly)
    _require_type(type)
    who = None if actor is None else find_actor(view, actor)
    asked: dict[str, Any] = {"initiative": initiative, "meeting": meeting, "series": series}
    rows = happenings(view, actor=who, **asked)
    chosen = by_time(row for row in rows if type in (None, row.type) and span.holds(row.occurred))
    citer = Citer(view)
    return ChronologyReport(
        actor=who,
        type=type,
        certainly=certainly,
        chosen_by=chosen_by(view, actor=who, others=(type,), span=span, **asked),
        happenings=tuple(happening_lines(view, citer, chosen)),
        **asked | span.dates | made_from(view, citer),
    )


# Choosing


def _require_type(type: str | None) -> None:
    if type is not None and type not in Chronology().types:
        known = ", ".join(sorted(Chronology().types))
        raise InvalidInput(f"type: expected one of {known}; found {type!r}")


def happenings(
    view: View,
    *,
    actor: str | None = None,
    initiative: str | None = None,
    meeting: str | None = None,
    series: str | None = None,
) -> list[HappeningRow]:
    """All that names an actor, concerns an initiative, and tells of a meeting or a series.

    Reports of a meeting, a plan or a document that concerns an initiative concern it, too.

    Raises:
        NotFound: no such initiative, meeting or series is in view.
    """
    choices: list[dict[str, HappeningRow]] = []
    if actor is not None:
        named = (row.event for row in view.all(InvolvementRow, actor=actor))
        choices.append(_by_id(view.several(HappeningRow, named)))
    if initiative is not None:
        choices.append(_by_id(_concerning(view, initiative)))
    if meeting is not None or series is not None:
        meetings = chosen_meetings(view, series, meeting)
        choices.append(_by_id(row for chosen in meetings for row in _of(view, chosen.meeting)))
    if not choices:
        return view.all(HappeningRow)
    first, *others = choices
    return [row for id, row in sorted(first.items()) if all(id in other for other in others)]


def _by_id(rows: Iterable[HappeningRow]) -> dict[str, HappeningRow]:
    return {row.event: row for row in rows}


def _of(view: View, meeting: str) -> list[HappeningRow]:
    return view.all(HappeningRow, meeting=meeting)


def _concerning(view: View, initiative: str) -> Iterable[HappeningRow]:
    find_initiative(view, initiative)
    named = (row.event for row in view.all(ConcernRow, proposal=initiative))
    yield from view.several(HappeningRow, named)
    for meeting in mentioned(view, initiative, "meeting"):
        yield from (row for row in _of(view, meeting) if row.type in _MEETINGS)
    for plan in mentioned(view, initiative, "plan"):
        yield from view.all(HappeningRow, plan=plan)
    for document in mentioned(view, initiative, "document"):
        statuses = view.all(DocumentStatusRow, document=document)
        yield from view.several(HappeningRow, (status.event for status in statuses))


def concerned_by(view: View, row: HappeningRow) -> list[str]:
    """The initiatives that an event names; if none, those that what it tells of concerns."""
    if row.about:
        return list(row.about)
    told: list[tuple[str, ...]] = []
    if row.type in _PLANS:
        told += (plan.about for plan in view.all(PlanRow, plan=row.plan))
    elif row.type in _MEETINGS:
        told += (report.about for report in view.all(MeetingReportRow, meeting=row.meeting))
    elif row.type in _STATUSES_OF_DOCUMENTS:
        said = view.events([row.event])[row.event].event
        documents = view.all(DocumentRow, document=said.document)
        told += ((*signed.adopts, *signed.about) for signed in documents)
    return list(dict.fromkeys(id for ids in told for id in ids))


# As lines


def happening_lines(
    view: View, citer: Citer, rows: Sequence[HappeningRow]
) -> Iterable[HappeningLine]:
    """A line for each, in this order."""
    titles = _titles(view, rows)
    plans = (row.plan for row in rows if row.plan and row.type in _OUTCOMES)
    outcomes = outcome_words(view, citer, dict.fromkeys(plans))
    citer.load(id for row in rows for id in row.events)
    for row in rows:
        evidence = citer.cite(row.events)
        publishers = (source.publisher for cited in evidence for source in cited.sources)
        yield line_of(
            HappeningLine,
            row,
            what=_what(citer, row, titles, outcomes.get(row.event) or row.word),
            who=_who(citer, row),
            published_by=tuple(dict.fromkeys(publishers)),
            evidence=evidence,
        )


def _titles(view: View, rows: Iterable[HappeningRow]) -> dict[str, str]:
    """The titles of the meetings and plans that they tell of, by category and id."""
    meetings = dict.fromkeys(row.meeting for row in rows if row.meeting)
    plans = dict.fromkeys(row.plan for row in rows if row.plan)
    titles = {f"meeting/{row.meeting}": row.title for row in view.several(MeetingRow, meetings)}
    for plan in plans:
        announced = sorted(view.all(PlanRow, plan=plan), key=lambda row: row.position)
        titles |= {f"plan/{plan}": row.title for row in announced[:1]}
    return titles


def _who(citer: Citer, row: HappeningRow) -> tuple[Part, ...]:
    wanted = _STATUSES if row.type in _MEETINGS else _DOERS
    parts = [(actor, part) for actor, part in row.involved if part in wanted]
    if not parts:  # the parties that agreed, or who announced a meeting
        parts = [(actor, part) for actor, part in row.involved if part in ("by", "parties")]
    roles = {actor: part[3:] for actor, part in row.involved if part.startswith("as ")}
    return tuple(Part(citer.name(actor), part, roles.get(actor)) for actor, part in parts)


def _what(citer: Citer, row: HappeningRow, titles: dict[str, str], word: str | None) -> str:
    head = _HEADS.get(row.type, "").format(word=word)
    if row.planned:
        head += f", {'until' if row.type in _OFFICES else 'for'} {row.planned.short}"
    named = _named(citer, row, titles)
    parts = dict.fromkeys((named, row.text))  # the title of a plan may be all of its text
    said = ". ".join(part.removesuffix(".") if part is named else part for part in parts if part)
    return f"{head[0].upper()}{head[1:]}: {said}" if head else said


def _named(citer: Citer, row: HappeningRow, titles: dict[str, str]) -> str | None:
    """What it tells of: an office, a meeting, a milestone, a document or a plan."""
    if row.type in _OFFICES:
        bodies = ", ".join(str(citer.name(actor)) for actor, part in row.involved if part == "of")
        return f"{row.word} of {bodies}" if bodies else row.word
    if row.type in _MEETINGS:
        title = titles.get(f"meeting/{row.meeting}") or row.title or row.meeting
        return f"{title}, {row.place}" if row.place else title
    if row.type in _TITLED:
        return row.title
    if row.type in _PLANS:
        return titles.get(f"plan/{row.plan}") or row.title or row.plan
    return None


# As a document


def what_cell(line: HappeningLine) -> Cell:
    """What happened, as a cell that names the meeting or the proposal it is about."""
    if line.type in _MEETINGS:
        return about("meeting", line.meeting, line.what)
    one = line.about[0] if len(line.about) == 1 else None
    return about("proposal", one, line.what)


def when_cell(line: HappeningLine) -> Cell:
    """When it happened, with the words that it is given in."""
    shown = cell(when(line.occurred))
    supports = (support for cited in line.evidence for support in cited.sources)
    dated = dict.fromkeys(f"“{support.dated}”" for support in supports if support.dated)
    return attrs.evolve(shown, text=f"{shown.text} ({', '.join(dated)})") if dated else shown


def shown_parts(who: Sequence[Part]) -> object:
    """The names; where statuses are given, under them."""
    if not any(one.part in _STATUSES for one in who):
        return tuple(dict.fromkeys(one.who for one in who))
    statuses = dict.fromkeys(one.part for one in who)
    return tuple(
        f"{status}: {', '.join(_with_role(one) for one in who if one.part == status)}"
        for status in statuses
    )


def _with_role(one: Part) -> str:
    return f"{one.who} as {one.role}" if one.role else str(one.who)
