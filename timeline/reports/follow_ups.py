"""Plans to meet, and whether both met soon after."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import date
from typing import ClassVar, Literal, get_args

import attrs

from timeline.dates import Occurred, When
from timeline.engine.projection import View
from timeline.errors import InvalidInput
from timeline.models.meetings import MeetingReportRow
from timeline.reports.actors import find_actor
from timeline.reports.capped import TOP, require_top
from timeline.reports.document import Document, cell, number, table
from timeline.reports.encounters import Encounter, encounters
from timeline.reports.evidence import Citation, Citer, Named, text
from timeline.reports.filters import Span, chosen_by
from timeline.reports.model import Report, made_from
from timeline.reports.rules.participation import WHO_MEETS, Entry, everyone, pairs

DAYS = 30

_LONGEST = 36_500

State = Literal["met", "none on record", "open"]

_Told = Sequence[tuple[Sequence[MeetingReportRow], Sequence[Entry]]]


@attrs.frozen
class _Plan:
    """That two were to meet, as it was announced on one day.

    `planned` is when, by each announcement that says so.
    """

    pair: tuple[str, str]
    said: When
    announcements: int
    planned: tuple[When, ...]
    events: tuple[str, ...]


@attrs.frozen
class _Followed:
    """A plan, and the first meeting after it; `later` is what was planned beyond the days."""

    plan: _Plan
    state: State
    later: tuple[When, ...]
    met: Encounter | None
    days: int | None


@attrs.frozen
class FollowUpLine:
    """What two planned on one day, and the first meeting of both within the days after it.

    Attributes:
        one: the one whose id comes first.
        other: the other.
        announced: when the plan was voiced.
        announcements: how many announcements of that day have it.
        planned: when they are to meet by these, where that lies beyond the days.
        state: `met`; `open` where the days end after the last meeting on record that has a date;
            else `none on record`, which does not say that they did not meet.
        met: when they did.
        meeting: the id of that meeting.
        days: how many days later it was; 0 on the same day.
        evidence: the plan, and what has both at the meeting.
    """

    one: Named
    other: Named
    announced: str
    announcements: int
    planned: tuple[str, ...]
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
        chosen_by: what it was chosen by, in words.
        within: how many days a meeting may come after the plan.
        last: the day of the last meeting on record that has a date: up to it a meeting may be
            looked for. None where there is none.
        counts: how many plans, a pair and a day each, are in which state.
        same_day: how many of those that were followed were so on the very day.
        plans: the plans, up to as many as were asked for: those that were followed first.
    """

    kind: ClassVar[str] = "follow-ups"

    actor: str | None
    since: str | None
    until: str | None
    chosen_by: tuple[str, ...]
    within: int
    last: str | None
    counts: dict[State, int]
    same_day: int
    plans: tuple[FollowUpLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        title = ", ".join(self.chosen_by)
        return self._document(
            f"Plans to meet: {title}" if title else "Plans to meet, and meetings after them",
            [
                table(
                    "Plans",
                    self.plans,
                    {
                        "Announced": lambda line: line.announced,
                        "Times": lambda line: line.announcements,
                        "Who": lambda line: line.one,
                        "Whom": lambda line: line.other,
                        "Outcome": _outcome,
                        "Met": lambda line: line.met,
                        "Days": lambda line: None if line.days is None else str(line.days),
                    },
                )
            ],
            lead=(cell(" ".join(self._lead())),),
            note="That two met after they had planned to does not say that it was the meeting they "
            "had planned, and that none is on record does not say that none was held. What two "
            "announced on one day is one plan. Dates are compared by their first possible day; "
            f"plans without one are left out. {WHO_MEETS}",
        )

    def _lead(self) -> Iterator[str]:
        """What became of how many, in sentences; of what there is none, none is said."""
        total, met = sum(self.counts.values()), self.counts["met"]
        none, still = self.counts["none on record"], self.counts["open"]
        if not total:
            yield "No plan of two to meet is in view."
            return
        same = f", {self.same_day:,} of these on the same day" if self.same_day else ""
        yield (
            f"{number(total, 'plan')} of two to meet; {number(met, 'was', 'were')} followed by a "
            f"meeting of both within {number(self.within, 'day')}{same}."
        )
        if none:
            yield f"For {none:,} none is on record."
        if self.last is None:
            yield f"No meeting on record has a date: {number(still, 'plan')} open."
        else:
            later = f": plans whose days end later, {still:,}, are open" if still else ""
            yield f"The last meeting on record is of {self.last}{later}."
        if total > len(self.plans):
            yield f"Shown are {len(self.plans):,}."


def follow_ups_report(
    view: View,
    *,
    actor: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    days: int = DAYS,
    top: int | None = TOP,
) -> FollowUpsReport:
    """Plans of two to meet, and whether both then met within some days.

    Args:
        view: the read models to report from.
        actor: only plans of this actor, by its id or any recorded name.
        since: only plans voiced from this date on.
        until: only plans voiced up to this date.
        days: how many days after a plan the meeting may come; the same day counts.
        top: how many plans to list, those that were met first; None for all. All are counted.

    Example:
        timeline report follow-ups --days 60

    Raises:
        NotFound: no actor in view goes by that name.
        InvalidInput: several actors go by that name; `since` is after `until`; a number is too low.
        InvalidDate: `since` or `until` is not a date.
    """
    require_top(top)
    _require_days(days)
    span = Span.of(since, until)
    chosen = None if actor is None else find_actor(view, actor)
    meetings, persons = everyone(view)
    plans = _plans(meetings, persons)
    wanted = [plan for plan in plans if chosen in (None, *plan.pair) and span.holds(plan.said)]
    met, last = _met(meetings, persons), _last(meetings)
    followed = [_followed(plan, met.get(plan.pair, []), days, last) for plan in wanted]
    followed.sort(key=lambda one: (one.state != "met", one.plan.said, one.plan.pair))
    counts = Counter(one.state for one in followed)
    citer = Citer(view)
    return FollowUpsReport(
        actor=chosen,
        **span.dates,
        chosen_by=chosen_by(view, actor=chosen, span=span),
        within=days,
        last=text(last),
        counts={state: counts[state] for state in get_args(State)},
        same_day=sum(1 for one in followed if one.days == 0),
        plans=tuple(_line(citer, one) for one in followed[:top]),
        **made_from(view, citer),
    )


def _require_days(days: int) -> None:
    if not 0 <= days <= _LONGEST:
        raise InvalidInput(f"days: expected 0 to {_LONGEST}; found {days}")


def _plans(meetings: _Told, persons: Container[str]) -> list[_Plan]:
    """What two were announced to plan, by the day of the announcement, where that is known."""
    plans: dict[tuple[tuple[str, str], date], _Plan] = {}
    for reports, entries in meetings:
        for report in reports:
            day = None if report.said_on is None else _day(report.said_on)
            if report.what != "announced" or report.said_on is None or day is None:
                continue
            named = [entry for entry in entries if entry.row.event == report.event]
            planned = () if report.held_on is None else (report.held_on,)
            for pair in pairs(named, persons, planned=True):
                # Other events say which office somebody counts by.
                events = (*report.events, *pair.events)
                plan = _Plan(pair.two, report.said_on, 1, planned, events)
                known = plans.get((pair.two, day))
                plans[pair.two, day] = plan if known is None else _joined(known, plan)
    return list(plans.values())


def _joined(one: _Plan, other: _Plan) -> _Plan:
    return attrs.evolve(
        one,
        said=min(one.said, other.said),
        announcements=one.announcements + other.announcements,
        planned=tuple(sorted({*one.planned, *other.planned})),
        events=(*one.events, *other.events),
    )


def _met(meetings: _Told, persons: Container[str]) -> dict[tuple[str, str], list[Encounter]]:
    """The meetings of each pair that have a date, in order of time."""
    met: dict[tuple[str, str], list[Encounter]] = defaultdict(list)
    for pair, encounter in encounters(meetings, persons):
        if _day(encounter.date) is not None:
            met[pair].append(encounter)
    for meetings_of_two in met.values():
        meetings_of_two.sort(key=lambda encounter: (encounter.date, encounter.meeting))
    return met


def _last(meetings: _Told) -> date | None:
    """The last day on which a meeting is known to have been held."""
    held = (report for reports, _ in meetings for report in reports if report.what == "held")
    days = (_day(report.held_on) for report in held if report.held_on is not None)
    return max(filter(None, days), default=None)


def _followed(plan: _Plan, met: Iterable[Encounter], days: int, last: date | None) -> _Followed:
    start = _day(plan.said)
    assert start is not None  # `_plans` leaves out plans without one
    end = min(start.toordinal() + days, date.max.toordinal())
    later = tuple(due for due in plan.planned if (day := _day(due)) and day.toordinal() > end)
    for encounter in met:
        held = _day(encounter.date)
        if held is not None and start.toordinal() <= held.toordinal() <= end:
            return _Followed(plan, "met", later, encounter, (held - start).days)
    known = last is not None and last.toordinal() >= end
    return _Followed(plan, "none on record" if known else "open", later, None, None)


def _day(moment: When) -> date | None:
    """The first day that the date may mean; None where it has none."""
    return moment.days[0]


def _line(citer: Citer, followed: _Followed) -> FollowUpLine:
    plan, met = followed.plan, followed.met
    return citer.line(
        FollowUpLine,
        followed,
        one=plan.pair[0],
        other=plan.pair[1],
        announced=plan.said.text,
        announcements=plan.announcements,
        planned=tuple(date.text for date in followed.later),
        met=None if met is None else met.date.text,
        meeting=None if met is None else met.meeting,
        evidence=citer.cite((*plan.events, *(met.events if met else ()))),
    )


def _outcome(line: FollowUpLine) -> str:
    return f"{line.state}, planned for {' or '.join(line.planned)}" if line.planned else line.state
