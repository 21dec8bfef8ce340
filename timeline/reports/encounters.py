"""Who met whom, how often, and who met after a plan to meet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import date
from typing import ClassVar, Literal, get_args

import attrs

from timeline.dates import UNKNOWN, Occurred, When, short, when
from timeline.engine.projection import View
from timeline.errors import InvalidInput, require_number
from timeline.projections.meetings import ANY_FORM, MeetingReportRow
from timeline.reports.actors import find_actor
from timeline.reports.citations import Citation, Citer, Counted, Named, counted, left_uncited, text
from timeline.reports.findings.meetings import WHO_MEETS, Entry, everyone, meeting_dates, pairs
from timeline.reports.layout import Document, Table, cell, columns_of, number, table
from timeline.reports.model import TOP, Report, Span, chosen_by, made_from, require_top


@attrs.frozen
class Encounter:
    """One meeting of two who were there.

    Attributes:
        meeting: its id.
        form: what sort of meeting.
        date: when it was held; an unknown date where no report says. The first of several.
        disputed: whether other reports have one of the two absent, or somebody calls one wrong.
        coded: whether all that is on record of the meeting is coded event data.
        events: what has the two there, or disputes it.
        roles: what either was there, such as chair: the actor, and its role.
        dates: every date that a report gives, in order of time.
    """

    meeting: str
    form: str
    date: When
    disputed: bool
    coded: bool
    events: tuple[str, ...]
    roles: tuple[tuple[str, str], ...] = ()
    dates: tuple[When, ...] = ()

    def within(self, span: Span) -> bool:
        """Whether it may have been held in a time; or, where asked, certainly was."""
        return (all if span.certainly else any)(map(span.holds, self.dates))


@attrs.frozen
class EncounterLine:
    """Two who met.

    Attributes:
        one: the one whose id comes first.
        other: the other.
        meetings: how many meetings are on record at which both were.
        disputed: at how many of these one of the two was absent by other reports, or somebody
            calls a report of them there wrong.
        coded: how many of these only coded event data report. A program wrote these rows, each for
            a sentence: they are not that many meetings.
        coded_days: on how many different dates these are.
        days: on how many different dates; less than the meetings where several are of one day,
            which may then be one meeting told of twice.
        first: when the first was held; several dates where reports differ.
        last: when the last was.
        forms: what sorts of meetings these were, the most frequent first, each with how many.
        roles: what the two were there, such as `Ann Minister: chair`, each with how many times.
    """

    one: Named
    other: Named
    meetings: Counted
    disputed: int
    coded: int
    coded_days: int
    days: int
    first: tuple[str, ...]
    last: tuple[str, ...]
    forms: dict[str, int]
    roles: dict[str, int]

    @property
    def evidence(self) -> tuple[Citation, ...]:
        """The events behind the first of the meetings."""
        return self.meetings.evidence


@attrs.frozen(kw_only=True)
class EncountersReport(Report):
    """Pairs who met, those that met most often first.

    Attributes:
        actor: the one whose encounters these are; None for everybody's.
        chosen_by: what it was chosen by, in words.
        pairs: how many pairs met, in the time given.
        meetings: how many meetings of two or more these rest on.
        coded: how many of these only coded event data report.
        encounters: the pairs, up to as many as were asked for.
    """

    kind: ClassVar[str] = "encounters"

    actor: str | None
    since: str | None
    until: str | None
    chosen_by: tuple[str, ...]
    pairs: int
    meetings: int
    coded: int
    encounters: tuple[EncounterLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        title = ", ".join(self.chosen_by)
        left = self.pairs - len(self.encounters)
        lead = self._lead
        if left:
            lead += f" The {len(self.encounters):,} with the most of these are shown."
        only_coded = 0 < self.meetings == self.coded
        heading = "Who consults whom by coded reports" if only_coded else "Who met whom"
        pairs = self._table()
        return self._document(
            f"{heading}: {title}" if title else heading,
            [pairs],
            short=[columns_of(pairs, "Who", "Whom", "Meetings", "When")],
            lead=(cell(lead),),
            note="Two have met who by any report were both at a meeting; “disputed” if other "
            f"reports have one of them absent, or somebody calls one wrong. {WHO_MEETS} Of each "
            "pair the first five meetings are cited."
            + left_uncited(line.meetings for line in self.encounters),
        )

    @property
    def _lead(self) -> str:
        pairs, reports = number(self.pairs, "pair"), number(self.coded, "coded report")
        met = self.meetings - self.coded
        if not self.coded:
            return f"{pairs} met, at {number(met, 'meeting')}."
        if not met:
            return f"{pairs} consulted by {reports}; nothing else on record has them meet."
        return f"{pairs} met at {number(met, 'meeting')}, or consulted by {reports}."

    def _table(self) -> Table:
        columns: dict[str, Callable[[EncounterLine], object]] = {
            "Who": lambda line: line.one,
            "Whom": lambda line: line.other,
            "Meetings": _shown,
            "Days": lambda line: line.days,
            "When": lambda line: " to ".join(
                dict.fromkeys(
                    " or ".join(map(short, dates)) for dates in (line.first, line.last) if dates
                )
            ),
            "Forms": _forms,
        }
        if any(line.roles for line in self.encounters):
            columns["As"] = _roles
        return table("Pairs", self.encounters, columns, named_by=2)


def encounters_report(
    view: View,
    *,
    actor: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    certainly: bool = False,
    top: int | None = TOP,
) -> EncountersReport:
    """Who met whom, how often, and when.

    Args:
        view: the read models to report from.
        actor: only whom this actor met, by its id or any recorded name.
        since: only meetings held from this date on.
        until: only meetings held up to this date.
        certainly: with dates, leave out meetings that only may have been held within them.
        top: how many pairs to list, those that met most often first; None for all.

    Example:
        timeline report encounters
        timeline report encounters --actor "A. Speaker" --since 2022-06

    Raises:
        NotFound: no actor in view goes by that name.
        InvalidInput: several actors go by that name; `since` is after `until`; or `top` is below 1.
        InvalidDate: `since` or `until` is not a date.
    """
    require_top(top)
    span = Span.of(since, until, certainly=certainly)
    chosen = None if actor is None else find_actor(view, actor)
    pairs: dict[tuple[str, str], list[Encounter]] = defaultdict(list)
    meetings: dict[str, bool] = {}
    for pair, encounter in encounters(*everyone(view)):
        if encounter.within(span) and chosen in (None, *pair):
            pairs[pair].append(encounter)
            meetings[encounter.meeting] = encounter.coded
    citer = Citer(view)
    often = sorted(pairs, key=lambda pair: (-_often(pairs[pair]), -len(pairs[pair]), pair))[:top]
    return EncountersReport(
        actor=chosen,
        **span.dates,
        chosen_by=chosen_by(view, actor=chosen, span=span),
        pairs=len(pairs),
        meetings=len(meetings),
        coded=sum(meetings.values()),
        encounters=tuple(_line(citer, pair, pairs[pair]) for pair in often),
        **made_from(view, citer),
    )


def encounters(
    meetings: Iterable[tuple[Sequence[MeetingReportRow], Sequence[Entry]]], persons: Container[str]
) -> Iterator[tuple[tuple[str, str], Encounter]]:
    """Each pair at each meeting, the two in the order of their ids; of what `everyone` gives."""
    for reports, entries in meetings:
        dates = tuple(sorted(meeting_dates(reports)))
        form = next((one.form for one in reports if one.form not in (None, ANY_FORM)), ANY_FORM)
        of_rows = {report.event for report in reports if report.coded}
        coded = of_rows.issuperset(entry.row.event for entry in entries)
        for pair in pairs(entries, persons):
            meeting, roles = entries[0].row.meeting, tuple(_roles_of(entries, pair.two))
            events = (*pair.events, *pair.against)
            yield (
                pair.two,
                Encounter(meeting, form, dates[0], pair.disputed, coded, events, roles, dates),
            )


def _roles_of(entries: Iterable[Entry], two: Container[str]) -> Iterator[tuple[str, str]]:
    for row in dict.fromkeys(entry.row for entry in entries):
        if row.role is not None and (row.participant in two or row.party in two):
            yield row.participant, row.role


def _forms(line: EncounterLine) -> tuple[str, ...]:
    return tuple(form if line.coded else f"{form} {count}" for form, count in line.forms.items())


def _roles(line: EncounterLine) -> tuple[str, ...]:
    return tuple(f"{who} {count}" for who, count in line.roles.items())


def _shown(line: EncounterLine) -> str:
    met = line.meetings.count
    return times_met(met, disputed=line.disputed, coded=line.coded, coded_days=line.coded_days)


def _often(met: Sequence[Encounter]) -> int:
    """How many meetings, and days on which coded rows have two consult."""
    return sum(not encounter.coded for encounter in met) + _coded_days(met)


def _coded_days(met: Iterable[Encounter]) -> int:
    return len({encounter.date for encounter in met if encounter.coded})


def _line(citer: Citer, pair: tuple[str, str], met: list[Encounter]) -> EncounterLine:
    met = sorted(met, key=lambda encounter: (encounter.date, encounter.meeting))
    dated = [one for one in met if one.date != UNKNOWN]
    forms = Counter(encounter.form for encounter in met)
    roles = Counter(role for encounter in met for role in dict.fromkeys(encounter.roles))
    return EncounterLine(
        one=citer.name(pair[0]),
        other=citer.name(pair[1]),
        meetings=counted(citer, (encounter.events for encounter in met)),
        disputed=sum(encounter.disputed for encounter in met),
        coded=sum(encounter.coded for encounter in met),
        coded_days=_coded_days(met),
        days=len({one.date.text for one in dated}),
        first=tuple(map(str, dated[0].dates)) if dated else (),
        last=tuple(map(str, dated[-1].dates)) if dated else (),
        forms=dict(sorted(forms.items(), key=lambda item: (-item[1], item[0]))),
        roles={f"{citer.name(who)}: {role}": count for (who, role), count in roles.items()},
    )


def times_met(count: int, *, disputed: int, coded: int, coded_days: int) -> str:
    """How often two met, in words. Of coded rows only days are counted: they are no meetings.

    Example:
        >>> times_met(24, disputed=1, coded=23, coded_days=2)
        '1 and coded reports of consulting, on 2 days, 1 disputed'
    """
    parts = [f"{count - coded:,}"] if count > coded else []
    if coded:
        reports = "a coded report" if coded == 1 else "coded reports"
        parts.append(f"{reports} of consulting, on {number(coded_days, 'day')}")
    met = " and ".join(parts)
    return f"{met}, {disputed} disputed" if disputed else met


# Meetings after plans to meet


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
                        "Announced": lambda line: when(line.announced),
                        "Times": lambda line: line.announcements,
                        "Who": lambda line: line.one,
                        "Whom": lambda line: line.other,
                        "Outcome": _outcome,
                        "Met": lambda line: when(line.met),
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
            yield f"The last meeting on record is of {short(self.last)}{later}."
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
        plans=tuple(_follow_up_line(citer, one) for one in followed[:top]),
        **made_from(view, citer),
    )


def _require_days(days: int) -> None:
    require_number("days", days)
    if days > _LONGEST:
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


def _follow_up_line(citer: Citer, followed: _Followed) -> FollowUpLine:
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
