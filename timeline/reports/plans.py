"""What was said to be coming, meetings and other plans, and what became of it as of a date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Literal, TypeVar

import attrs

from timeline.dates import UNKNOWN, Occurred, When, asked, latest_key, short
from timeline.engine.projection import View
from timeline.errors import InvalidInput
from timeline.projections.initiatives import InitiativeRow, MentionRow
from timeline.projections.meetings import MeetingReportRow, MeetingRow
from timeline.projections.plans import PlanDelayRow, PlanOutcomeRow, PlanRow
from timeline.reports import layout
from timeline.reports.citations import Citation, Citer, Named, distinct, line_of, text
from timeline.reports.layout import (
    Cell,
    Document,
    Table,
    about,
    cell,
    columns_of,
    few,
    listing,
    number,
)
from timeline.reports.model import Report, by_time, chosen_by, grouped, made_from, not_found

_Reported = TypeVar("_Reported", MeetingReportRow, PlanOutcomeRow)

KEPT, LATE, MISSED, OPEN, UNKNOWN_OUTCOME = "kept", "late", "missed", "open", "unknown"


@attrs.frozen
class OutcomeLine:
    """One report of what became of a plan: `kept`, `late` or `missed`, and when."""

    outcome: str
    occurred: str | None
    text: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class DueLine:
    """One of several due dates that were given at one time, and by whom."""

    due: str
    by: Named | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class DelayLine:
    """One report that a plan was put off; `due` is its new date, None where none was given."""

    occurred: str | None
    due: str | None
    by: Named | None
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class PlanLine:
    """One plan, and what became of it.

    Attributes:
        kind: `meeting` or `plan`.
        id: of the meeting or the plan.
        title: its name.
        by: who said so.
        announced: when that was first said.
        stands: whether an announcement stands; else all were retracted, and only reports of what
            became of it are left.
        due: when it is to be, by the newest word of it; for a plan without a date of its own, when
            the meeting is at which it was to happen.
        rival_due: the newest due date of each speaker, where these differ; else none.
        earlier_due: the dates that were given before, oldest first.
        firmness: how firm it was, by the newest word of it.
        about: the proposals it concerns.
        meeting: the meeting it was to happen at.
        state: `kept`; `late`, if certainly after it was due; `missed`; `open`; `unknown`, if it was
            certainly due by the date and no report says what became of it. Two joined by ` / `
            where reports differ. Where it is late by one of rival due dates and kept by another,
            it says by whose.
        outcomes: the reports of what became of it. That it failed does not bear on the state once
            it was announced again, or was certainly kept at a later time.
        delays: the reports that it was put off, in order of time.
        not_named: the ids of proposals that it was to deal with and that no report of the meeting
            names, nor of anything at it.
        text: what was to happen.
        evidence: the announcements, and the reports of what became of it.
    """

    kind: str
    id: str
    title: str
    by: tuple[Named, ...]
    announced: str | None
    stands: bool
    due: str | None
    rival_due: tuple[DueLine, ...]
    earlier_due: tuple[str, ...]
    firmness: str | None
    about: tuple[str, ...]
    meeting: str | None
    state: str
    outcomes: tuple[OutcomeLine, ...]
    delays: tuple[DelayLine, ...]
    not_named: tuple[str, ...]
    text: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class PlansReport(Report):
    """What was announced, and whether it came, in order of when it was due or else announced."""

    kind: ClassVar[str] = "plans"

    initiative: str | None
    chosen_by: tuple[str, ...]
    on: str
    plans: tuple[PlanLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        of = f" of {', '.join(self.chosen_by)}" if self.chosen_by else ""
        # Of an empty log no day of the last recording is known.
        on = "" if self.on == UNKNOWN.text else f", as of {short(self.on)}"
        plans = plans_table("Plans and outcomes", self.plans)
        return self._document(
            f"Plans{of} and what became of them{on}",
            [plans],
            summary=self._summary(),
            short=[columns_of(plans, "Plan", "Due", "Outcome")],
            note="“Unknown” says that it was due by then and that no report in view tells what "
            "became of it; it does not say that nothing happened.",
        )

    def _summary(self) -> Iterator[Cell]:
        if self.plans:
            yield cell(f"{number(len(self.plans), 'plan')}: {plan_states(self.plans)}.")
        for state, lines in grouped(self.plans, lambda line: line.state).items():
            if state not in (KEPT, OPEN):
                titles = few(f"“{line.title}”" for line in lines)
                sentence = f"{state[0].upper()}{state[1:]}: {titles}."
                yield cell(sentence, distinct(line.evidence for line in lines))


def plan_states(lines: Iterable[PlanLine]) -> str:
    """How many plans came to what: `4 kept, 1 late and 2 open`."""
    counted = Counter(line.state for line in lines)
    return listing(f"{count} {state}" for state, count in counted.most_common())


def plans_report(view: View, *, initiative: str | None = None, on: Occurred = None) -> PlansReport:
    """What was announced, meetings and other plans, and what became of it.

    Args:
        view: the read models to report from.
        initiative: only plans that concern this initiative.
        on: the state at the end of this date. Without one, it is the day of the last recording, or
            that of the moment the record is seen at.

    Example:
        timeline report plans --initiative joint-harbour --on 2024-12-31

    Raises:
        NotFound: no such initiative is in view.
        InvalidInput: `on` has an open end.
        InvalidDate: `on` is not a date.
    """
    on = asked(on, "on")
    if on is not None and on.latest is None:
        raise InvalidInput(f"on: expected a date that has an end; found {on.text!r}")
    if initiative is not None:
        find_initiative(view, initiative)
    day = on or today(view)
    citer = Citer(view)
    return PlansReport(
        initiative=initiative,
        chosen_by=chosen_by(view, initiative=initiative),
        on=str(day),
        plans=tuple(plan_lines(view, citer, on=day, initiative=initiative)),
        **made_from(view, citer),
    )


def find_initiative(view: View, initiative: str) -> InitiativeRow:
    """The row of an initiative.

    Raises:
        NotFound: no such initiative is in view.
    """
    known = view.get(InitiativeRow, initiative)
    if known is None:
        ids = (row.initiative for row in view.all(InitiativeRow))
        raise not_found(view, "initiative", initiative, ids)
    return known


def mentioned(
    view: View, initiative: str, kind: Literal["statement", "meeting", "plan", "document"]
) -> list[str]:
    """The ids of what concerns an initiative; of statements, those of their events."""
    return [row.thing for row in view.all(MentionRow, initiative=initiative, kind=kind)]


def today(view: View) -> When:
    """The day that plans are judged by where none is asked for: that of the view."""
    moment = view.today
    if moment.earliest is None or moment.earliest != moment.latest:
        return moment
    return When(str(moment.days[0]))


# Dates


def _certainly_after(one: When | None, other: When | None) -> bool:
    return one is not None and other is not None and one.certainly_after(other)


def _end(moment: When) -> When:
    return When(moment.latest.isoformat()) if moment.latest is not None else UNKNOWN


def _kept_or_late(occurred: When | None, due: When | None) -> str:
    return LATE if _certainly_after(occurred, due) else KEPT


def _by_each_date(verdicts: Sequence[str], named: Sequence[str], dues: Sequence[str]) -> str:
    """Such as `late by North's date, kept by South's`."""
    distinct = all(named) and len(set(named)) == len(named)
    dates = [f"{name}'s" for name in named] if distinct else dues
    first, *others = zip(verdicts, dates, strict=True)
    begin = f"{first[0]} by {first[1]} date" if distinct else f"{first[0]} by {first[1]}"
    return ", ".join((begin, *(f"{verdict} by {date}" for verdict, date in others)))


# What was said of each plan


@attrs.frozen
class _Announced:
    said: When | None
    due: When | None
    firmness: str | None
    by: str | None
    about: tuple[str, ...]
    text: str | None
    position: int
    events: tuple[str, ...]
    put_off: bool = False

    @property
    def age(self) -> tuple[object, ...]:
        return latest_key(self.said, self.position)


@attrs.frozen
class _Outcome:
    kept: bool
    occurred: When | None
    about: tuple[str, ...]
    text: str | None
    position: int
    events: tuple[str, ...]


@attrs.frozen
class _Plan:
    """A plan as it was told of by some date; its announcements stand newest first.

    `stands` is whether one that was not retracted says that it was planned.
    """

    kind: str
    id: str
    title: str
    announced: tuple[_Announced, ...]
    outcomes: tuple[_Outcome, ...]
    delays: tuple[PlanDelayRow, ...] = ()
    meeting: str | None = None
    at: _Plan | None = None
    stands: bool = True

    def due(self, moment: When | None = None) -> When | None:
        """When it was to be: the newest word of it, as of a moment."""
        known = [one for one in self.announced if not _certainly_after(one.said, moment)]
        own = next((one.due for one in known if one.due is not None or one.put_off), None)
        put_off = any(one.put_off for one in known[:1])
        return own or (self.at.meets(moment) if self.at and not put_off else None)

    def meets(self, moment: When | None) -> When | None:
        """As `due`, of a meeting that may have been held: the last of the days it is said to be."""
        held = [each.occurred for each in self.outcomes if each.kept and each.occurred]
        ended = [each for each in held if each.latest is not None]
        return max(ended, key=lambda each: _end(each).sort_key) if ended else self.due(moment)

    def events(self) -> tuple[str, ...]:
        """The ids of all that was told of it, and of the meeting that gives it its date."""
        told: list[_Announced | _Outcome] = [*reversed(self.announced), *self.outcomes]
        ids = [id for each in told for id in each.events]
        if self.at is not None and not any(each.due for each in self.announced) and self.due():
            ids += self.at.events()
        return tuple(dict.fromkeys(ids))

    def seen(self, on: When) -> _Plan:
        """Only what was said, and had happened, by the end of a date."""
        end = _end(on)
        announced = [each for each in self.announced if not _certainly_after(each.said, end)]
        return attrs.evolve(
            self,
            announced=tuple(announced),
            outcomes=tuple(
                each for each in self.outcomes if not _certainly_after(each.occurred, end)
            ),
            delays=tuple(row for row in self.delays if not _certainly_after(row.occurred, end)),
            at=self.at and self.at.seen(on),
        )

    def rivals(self, moment: When | None = None) -> tuple[_Announced, ...]:
        """The newest announcement of each speaker, where these give different dates; oldest first.

        A speaker's own later word replaces the earlier one. What puts the plan off replaces all.
        """
        newest: dict[str | None, _Announced] = {}
        for one in self.announced:
            if self.kind != "plan" or one.put_off:
                break
            if one.due is not None and not _certainly_after(one.said, moment):
                newest.setdefault(one.by, one)
        dues = {str(one.due): one for one in newest.values()}
        return tuple(dues.values())[::-1] if len(dues) > 1 else ()

    def outcome(self, citer: Citer, report: _Outcome) -> str:
        """What a report says became of it; by whose date, where rival dates make a difference."""
        if not report.kept:
            return MISSED
        rivals = self.rivals(report.occurred)
        verdicts = [_kept_or_late(report.occurred, rival.due) for rival in rivals]
        if len(set(verdicts)) > 1:
            named = [str(citer.name(rival.by)) if rival.by else "" for rival in rivals]
            return _by_each_date(
                verdicts, named, [rival.due.short for rival in rivals if rival.due]
            )
        return _kept_or_late(report.occurred, self.due(report.occurred))

    def state(self, citer: Citer, on: When) -> str:
        """What became of it, as of a date."""
        counted = (report for report in self.outcomes if not self._overtaken(report))
        reported = dict.fromkeys(self.outcome(citer, report) for report in counted)
        if reported:
            order = {KEPT: 0, LATE: 1, MISSED: 3}
            return " / ".join(sorted(reported, key=lambda word: order.get(word, 2)))
        return UNKNOWN_OUTCOME if _certainly_after(_end(on), self.due()) else OPEN

    def _overtaken(self, report: _Outcome) -> bool:
        """Whether it was announced again, or came about, after it was said to be off."""
        if report.kept or not self.announced:
            return False
        newest = self.announced[0]
        if any(_certainly_after(each.occurred, report.occurred) for each in self._kept):
            return True
        if report.occurred is None and newest.said is not None:
            return False
        return latest_key(report.occurred, report.position) < newest.age

    @property
    def _kept(self) -> Iterable[_Outcome]:
        return (each for each in self.outcomes if each.kept)


def _plans(view: View, initiative: str | None) -> Iterable[_Plan]:
    """The plans that something stands of, be it only what became of them."""
    if initiative is None:
        reported = (view.all(PlanRow), view.all(PlanDelayRow), view.all(PlanOutcomeRow))
        ids = [row.plan for rows in reported for row in rows]
    else:
        ids = mentioned(view, initiative, "plan")
    return (_plan(view, id) for id in dict.fromkeys(ids))


def _plan(view: View, id: str) -> _Plan:
    rows = view.all(PlanRow, plan=id)
    meeting = next((row.meeting for row in rows if row.meeting is not None), None)
    at = meeting and view.get(MeetingRow, meeting)
    delays = by_time(view.all(PlanDelayRow, plan=id))
    return _Plan(
        kind="plan",
        id=id,
        title=min(rows, key=lambda row: row.position).title if rows else id,
        announced=_newest_first((*map(_announced_by, rows), *map(_put_off_by, delays))),
        delays=tuple(delays),
        outcomes=tuple(
            _Outcome(row.outcome == KEPT, row.occurred, (), row.text, row.position, row.events)
            for row in _in_order(view.all(PlanOutcomeRow, plan=id))
        ),
        meeting=meeting,
        at=_meeting(at, view.all(MeetingReportRow, meeting=at.meeting)) if at else None,
        stands=bool(rows),
    )


def _announced_by(row: PlanRow) -> _Announced:
    return line_of(_Announced, row, said=row.occurred, due=row.due, put_off=False)


def _put_off_by(row: PlanDelayRow) -> _Announced:
    """The report that a plan was put off, which says again when it is due."""
    nothing = {"firmness": None, "by": None, "about": (), "text": None}
    return line_of(_Announced, row, said=row.occurred, due=row.due, put_off=True, **nothing)


def _meetings(view: View, initiative: str | None) -> Iterable[_Plan]:
    if initiative is None:
        reports = grouped(view.all(MeetingReportRow), lambda report: report.meeting)
    else:
        ids = mentioned(view, initiative, "meeting")
        reports = {id: view.all(MeetingReportRow, meeting=id) for id in ids}
    for id, found in reports.items():
        row = view.get(MeetingRow, id)
        if row is not None:
            yield _meeting(row, found)


def _meeting(row: MeetingRow, reports: Iterable[MeetingReportRow]) -> _Plan:
    ordered = _in_order(reports)
    return _Plan(
        kind="meeting",
        id=row.meeting,
        title=row.title,
        announced=_newest_first(
            line_of(
                _Announced,
                each,
                said=each.said_on,
                due=each.held_on,
                by=each.announced_by,
                put_off=False,
            )
            for each in ordered
            if each.what in ("announced", "rescheduled")
        ),
        outcomes=tuple(
            line_of(
                _Outcome,
                each,
                kept=each.what == "held",
                occurred=each.held_on if each.what == "held" else each.said_on,
            )
            for each in ordered
            if each.what in ("held", "called off")
        ),
        meeting=row.within,
    )


def _newest_first(announced: Iterable[_Announced]) -> tuple[_Announced, ...]:
    return tuple(sorted(announced, key=lambda each: each.age, reverse=True))


def _in_order(rows: Iterable[_Reported]) -> list[_Reported]:
    return sorted(rows, key=lambda row: row.position)


# As lines


def plan_lines(
    view: View, citer: Citer, *, on: When, initiative: str | None = None
) -> list[PlanLine]:
    """A line for each plan announced by a date, by when it was due, or else when announced."""
    every = [*_meetings(view, initiative), *_plans(view, initiative)]
    seen = (plan.seen(on) for plan in every)
    plans = [plan for plan in seen if plan.announced or (plan.outcomes and not plan.stands)]
    citer.load(id for plan in plans for id in plan.events())
    plans.sort(key=lambda plan: ((plan.due() or _first_said(plan) or UNKNOWN).sort_key, plan.id))
    return [_line(view, citer, plan, on) for plan in plans]


def outcome_words(view: View, citer: Citer, plans: Iterable[str]) -> dict[str, str]:
    """What reports say became of plans, by the id of the event: `kept`, `late` or `missed`."""
    words: dict[str, str] = {}
    for id in plans:
        plan = _plan(view, id)
        words |= {one.events[0]: plan.outcome(citer, one) for one in plan.outcomes}
    return words


def _line(view: View, citer: Citer, plan: _Plan, on: When) -> PlanLine:
    oldest_first = plan.announced[::-1]
    due = text(plan.due())
    rivals = plan.rivals()
    current = {due, *(str(rival.due) for rival in rivals)}
    dues = dict.fromkeys(str(each.due) for each in oldest_first if each.due is not None)
    outcomes = tuple(
        OutcomeLine(
            plan.outcome(citer, each), text(each.occurred), each.text, citer.cite(each.events)
        )
        for each in plan.outcomes
    )
    said_by = dict.fromkeys(each.by for each in oldest_first if each.by is not None)
    return line_of(
        PlanLine,
        plan,
        by=citer.names(said_by),
        announced=text(_first_said(plan)),
        due=due,
        rival_due=tuple(
            DueLine(str(each.due), citer.name_of(each.by), citer.cite(each.events))
            for each in rivals
        ),
        earlier_due=tuple(each for each in dues if each not in current),
        firmness=next((each.firmness for each in plan.announced if each.firmness), None),
        about=_about(plan),
        state=plan.state(citer, on),
        outcomes=outcomes,
        delays=tuple(
            line_of(DelayLine, row, by=citer.name_of(row.by), evidence=citer.cite(row.events))
            for row in plan.delays
        ),
        not_named=tuple(_not_named(view, plan)),
        text=next((each.text for each in plan.announced if each.text), None),
        evidence=citer.cite(plan.events()),
    )


def _first_said(plan: _Plan) -> When | None:
    return min((each.said for each in plan.announced if each.said is not None), default=None)


def _about(plan: _Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id for each in plan.announced[::-1] for id in each.about))


def _not_named(view: View, plan: _Plan) -> Iterable[str]:
    """What a meeting was to deal with, and no report of it, or of anything at it, names."""
    held = [each for each in plan.outcomes if each.kept]
    if plan.kind != "meeting" or not held:
        return ()
    named = {id for each in held for id in each.about}
    return (id for id in _about(plan) if id not in named and not _came_up(view, plan, id))


def _came_up(view: View, plan: _Plan, initiative: str) -> bool:
    """Whether talks, statements or a proposal at the meeting were about the initiative."""
    mention = view.get(MentionRow, initiative, "meeting", plan.id)
    announcements = {id for each in plan.announced for id in each.events}
    return mention is not None and not announcements.issuperset(mention.events)


# As a document


def plans_table(title: str, lines: Iterable[PlanLine]) -> Table:
    """A table of plans."""
    return Table(
        title,
        ("Plan", "Announced", "Due", "Outcome"),
        tuple(
            layout.line(line.evidence, _meant(line), _announced(line), _due(line), _outcome(line))
            for line in lines
        ),
        named_by=1,
    )


def _meant(line: PlanLine) -> Cell:
    """The plan, about the meeting planned or the one it was to happen at."""
    return about("meeting", line.id if line.kind == "meeting" else line.meeting, line.title)


def _announced(line: PlanLine) -> str:
    if not line.stands:
        return "no announcement stands"
    said = short(line.announced)
    return f"{said}, by {', '.join(map(str, line.by))}" if line.by else said


def _due(line: PlanLine) -> str:
    rivals = " or ".join(f"{short(rival.due)} (by {rival.by})" for rival in line.rival_due)
    parts = [
        rivals or (short(line.due) if line.due else "no date"),
        *(f"before: {short(each)}" for each in line.earlier_due),
    ]
    for delay in line.delays:
        who = f" by {delay.by}" if delay.by else ""
        parts.append(f"put off {_on(delay.occurred)}{who}")
    return ", ".join((*parts, line.firmness) if line.firmness else parts)


def _outcome(line: PlanLine) -> tuple[str, ...]:
    though = f", though no report of it names {', '.join(line.not_named)}" if line.not_named else ""
    words = dict.fromkeys(f"{report.outcome} {_date(report)}" for report in line.outcomes)
    if line.outcomes and {report.outcome for report in line.outcomes} == {line.state}:
        dates = dict.fromkeys(map(_date, line.outcomes))
        words = {f"{line.state} {' or '.join(dates)}{though}": None}
    else:
        words = {f"{line.state}{though}": None, **words}
    # Of a meeting the dates say what matters here; the reports of it say the rest.
    texts = [report.text for report in line.outcomes if report.text]
    return (*words, *([] if line.kind == "meeting" else texts))


def _date(line: OutcomeLine) -> str:
    return _on(line.occurred)


def _on(date: str | None) -> str:
    return short(date) if date else "on an unknown date"
