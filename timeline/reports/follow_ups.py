"""Plans to meet, and whether those who made them met soon after."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import ClassVar, Literal

import attrs

from timeline.clock import When, within
from timeline.errors import InvalidInput
from timeline.projection import View
from timeline.projections.meetings import AttendanceRow, MeetingReportRow
from timeline.reports import document
from timeline.reports.actors import find_actor
from timeline.reports.base import Report, Standing
from timeline.reports.capped import TOP, require_top
from timeline.reports.document import Document, Table, cell
from timeline.reports.encounters import Encounter, encounters
from timeline.reports.evidence import Citation, Citer, Named, text

DAYS = 30

_LONGEST = 36_500

_PLANNED = frozenset({"invited", "expected", "confirmed"})

State = Literal["met", "not met", "open"]


@attrs.frozen
class _Plan:
    """That two were to meet, as one event announced it."""

    pair: tuple[str, str]
    said: When
    events: tuple[str, ...]


@attrs.frozen
class _Followed:
    """A plan, and the first meeting after it."""

    plan: _Plan
    state: State
    met: Encounter | None
    days: int | None


@attrs.frozen
class FollowUpLine:
    """One plan of two to meet, and the first meeting of both within the days after it.

    Attributes:
        one: the one whose id comes first.
        other: the other.
        announced: when the plan was voiced.
        state: whether they `met`, or did `not`; `open` while the days are not over.
        met: when they did.
        meeting: the id of that meeting.
        days: how many days later it was; 0 on the same day.
        evidence: the plan, and what has both at the meeting.
    """

    one: Named
    other: Named
    announced: str
    state: State
    met: str | None
    meeting: str | None
    days: int | None
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True)
class FollowUpsReport(Report):
    """Plans to meet in the order in which they were voiced.

    Attributes:
        actor: the one whose plans these are; None for everybody's.
        within: how many days a meeting may come after the plan.
        counts: how many plans of two were followed by a meeting of both, were not, and are open.
        same_day: how many of those that were followed were so on the very day.
        plans: the plans, up to as many as were asked for: those that were followed first.
    """

    kind: ClassVar[str] = "follow-ups"

    actor: str | None
    since: str | None
    until: str | None
    within: int
    counts: dict[State, int]
    same_day: int
    plans: tuple[FollowUpLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        dates = {"since": self.since, "until": self.until}
        given = [self.actor, *(f"{word} {value}" for word, value in dates.items() if value)]
        title = ", ".join(filter(None, given))
        total = sum(self.counts.values())
        lead = (
            f"{total:,} plans of two to meet; {self.counts['met']:,} were followed by a meeting of "
            f"both within {self.within} days, {self.same_day:,} of these on the same day; "
            f"{self.counts['not met']:,} were not; for {self.counts['open']:,} the days are not "
            "over."
        )
        if total > len(self.plans):
            lead += f" Shown are {len(self.plans):,}."
        return self._document(
            f"Plans to meet: {title}" if title else "Plans to meet, and meetings after them",
            [
                Table(
                    "Plans",
                    ("Announced", "Who", "Whom", "Outcome", "Met", "Days"),
                    tuple(
                        document.line(
                            each.evidence,
                            each.announced,
                            each.one,
                            each.other,
                            each.state,
                            each.met,
                            None if each.days is None else str(each.days),
                        )
                        for each in self.plans
                    ),
                )
            ],
            lead=(cell(lead),),
            note="That two met after they had planned to does not say that it was the meeting they "
            "had planned. Dates are compared by their first possible day; plans without one are "
            "left out.",
        )


def follow_ups_report(
    view: View,
    *,
    actor: str | None = None,
    since: When | None = None,
    until: When | None = None,
    days: int = DAYS,
    top: int | None = TOP,
) -> FollowUpsReport:
    """Make the report of plans to meet and the meetings of the same two after them.

    Raises:
        NotFound: no actor in view goes by that name.
        InvalidInput: several do; or the days or the lines asked for are too few or too many.
    """
    require_top(top)
    if not 0 <= days <= _LONGEST:
        raise InvalidInput(f"days: expected 0 to {_LONGEST}; found {days}")
    chosen = None if actor is None else find_actor(view, actor)
    plans = [
        plan
        for plan in _plans(view)
        if (chosen is None or chosen in plan.pair)
        and within(plan.said, since, until, certainly=False)
    ]
    met = _met(view, {plan.pair for plan in plans})
    lines = [_followed(plan, met.get(plan.pair, []), days, _day(view.today)) for plan in plans]
    lines.sort(key=lambda each: (each.state != "met", each.plan.said, each.plan.pair))
    counts = Counter(each.state for each in lines)
    citer = Citer(view)
    return FollowUpsReport(
        standing=Standing.of(view),
        actor=chosen,
        since=text(since),
        until=text(until),
        within=days,
        counts={state: counts[state] for state in ("met", "not met", "open")},
        same_day=sum(1 for each in lines if each.days == 0),
        plans=tuple(_line(citer, each) for each in lines[:top]),
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


def _plans(view: View) -> Iterator[_Plan]:
    """Each two whom an announcement has at the meeting to come, if it is known when it was made."""
    rows: dict[str, list[AttendanceRow]] = defaultdict(list)
    for row in view.all(AttendanceRow):
        if row.status in _PLANNED:
            rows[row.event].append(row)
    for report in view.all(MeetingReportRow):
        said = report.said_on
        if report.what == "announced" and said is not None and _day(said) is not None:
            people = sorted({row.participant for row in rows.get(report.event, [])})
            for one, other in combinations(people, 2):
                yield _Plan((one, other), said, report.events)


def _met(view: View, pairs: set[tuple[str, str]]) -> dict[tuple[str, str], list[Encounter]]:
    """The meetings of these pairs that have a date, in order of time."""
    found: dict[tuple[str, str], list[Encounter]] = defaultdict(list)
    for pair, encounter in encounters(view):
        if pair in pairs and _day(encounter.date) is not None:
            found[pair].append(encounter)
    for each in found.values():
        each.sort(key=lambda encounter: (encounter.date, encounter.meeting))
    return found


def _followed(plan: _Plan, met: list[Encounter], days: int, today: date | None) -> _Followed:
    start = _day(plan.said)
    assert start is not None  # `_plans` leaves out what has none
    last = min(start.toordinal() + days, date.max.toordinal())
    for each in met:
        held = _day(each.date)
        if held is not None and start.toordinal() <= held.toordinal() <= last:
            return _Followed(plan, "met", each, (held - start).days)
    over = today is None or today.toordinal() > last
    return _Followed(plan, "not met" if over else "open", None, None)


def _day(moment: When) -> date | None:
    """The first day it can be; None where that is open."""
    return None if moment.earliest is None else moment.earliest.date()


def _line(citer: Citer, followed: _Followed) -> FollowUpLine:
    plan, met = followed.plan, followed.met
    return FollowUpLine(
        one=citer.name(plan.pair[0]),
        other=citer.name(plan.pair[1]),
        announced=plan.said.text,
        state=followed.state,
        met=None if met is None else met.date.text,
        meeting=None if met is None else met.meeting,
        days=followed.days,
        evidence=citer.cite((*plan.events, *(met.events if met else ()))),
    )
