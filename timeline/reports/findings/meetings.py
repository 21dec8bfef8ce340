"""Meetings by all reports of them: what each was, who was there, for whom, and as what member."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Any, TypeVar

import attrs

from timeline.dates import UNKNOWN, When, latest_key
from timeline.engine.projection import View
from timeline.projections.directory import ActorRow, MembershipRow, RoleRow
from timeline.projections.meetings import ANY_FORM, AttendanceRow, MeetingReportRow, MeetingRow
from timeline.projections.statements import DisputedRow
from timeline.reports.actors import reported
from timeline.reports.citations import Citation, Citer, Named, line_of, text
from timeline.reports.findings.attribution import Offices
from timeline.reports.model import not_found

# What a meeting was


_R = TypeVar("_R")

_FEW = 20
"""Meetings up to which a query for each is quicker than to read the rows of all."""


@attrs.frozen
class MeetingLine:
    """One meeting.

    Where reports differ in what the meeting was, the first that was recorded gives the name, and
    what others say stands beside it.

    Attributes:
        meeting: its id.
        title: its name.
        form: what sort of meeting.
        series: the series it is an edition of.
        within: the id of the larger meeting it belongs to.
        other_titles: what other reports call it.
        other_forms: what sort of meeting it was by other reports.
        other_series: the series it is an edition of by other reports.
        other_within: the larger meetings it belongs to by other reports.
        state: `held`, `called off`, or `announced` with how firmly; the outcome of what was only
            announced is unknown.
        held_on: when it was held or is to be; several where reports differ.
        place: where; several where reports differ.
        notes: what else was said of it.
        disputed_by: who calls a report of it wrong: of its having been held, or before that, of a
            plan.
        evidence: the events behind all this.
    """

    meeting: str
    title: str
    form: str
    series: str | None
    within: str | None
    other_titles: tuple[str, ...]
    other_forms: tuple[str, ...]
    other_series: tuple[str, ...]
    other_within: tuple[str, ...]
    state: str
    held_on: tuple[str, ...]
    place: tuple[str, ...]
    notes: tuple[str, ...]
    disputed_by: tuple[Named, ...]
    evidence: tuple[Citation, ...]

    @property
    def shown_title(self) -> str:
        """The name with what reports differ in, and who disputes them."""
        title = " / ".join((self.title, *self.other_titles))
        odd = [
            " / ".join((first or "none", *others))
            for first, others in ((self.form, self.other_forms), (self.series, self.other_series))
            if others
        ]
        if self.disputed_by:
            odd.append(disputed(self.disputed_by))
        return f"{title} ({'; '.join(odd)})" if odd else title


def disputed(by: Iterable[Named]) -> str:
    """That somebody calls a report wrong, in words."""
    return f"disputed by {', '.join(map(str, by))}"


def disputes(view: View, events: Iterable[str]) -> dict[str, DisputedRow]:
    """Who calls the reports of these events wrong, by event."""
    return {row.target: row for row in view.several(DisputedRow, events)}


def gathered(view: View, cls: type[_R], field: str, ids: Collection[str]) -> dict[str, list[_R]]:
    """The rows that have one of these ids in a field, by that id; for many, all rows are read."""
    if len(ids) <= _FEW:
        return {id: view.all(cls, **{field: id}) for id in ids}
    rows: dict[str, list[_R]] = {id: [] for id in ids}
    for row in view.all(cls):
        if (id := getattr(row, field)) in rows:
            rows[id].append(row)
    return rows


def meeting_lines(view: View, citer: Citer, meetings: Iterable[MeetingRow]) -> list[MeetingLine]:
    """A line for each meeting, in order of time; those of unknown year come last."""
    rows = {row.meeting: row for row in meetings}
    reports = gathered(view, MeetingReportRow, "meeting", rows)
    citer.load(id for found in reports.values() for report in found for id in report.events)
    denied = disputes(view, (report.event for of_one in reports.values() for report in of_one))
    ordered = sorted(rows.values(), key=lambda row: (_order(reports[row.meeting]), row.meeting))
    return [_line(citer, row, reports[row.meeting], denied) for row in ordered]


def _line(
    citer: Citer,
    row: MeetingRow,
    reports: Sequence[MeetingReportRow],
    denied: Mapping[str, DisputedRow],
) -> MeetingLine:
    by_position = sorted(reports, key=lambda report: report.position)
    ids = dict.fromkeys(id for report in by_position for id in report.events)
    ids = ids or dict.fromkeys(row.events)
    current = _held(by_position) or _plans(by_position)
    against = [denied[report.event] for report in current if report.event in denied]
    return line_of(
        MeetingLine,
        row,
        other_titles=_others(row.title, (report.title for report in by_position)),
        other_forms=_others(row.form, (one.form for one in by_position if one.form != ANY_FORM)),
        other_series=_others(row.series, (report.series for report in by_position)),
        other_within=_others(row.within, (report.within for report in by_position)),
        state=_state(by_position),
        held_on=_latest(by_position, lambda report: text(report.held_on)),
        place=_latest(by_position, lambda report: report.place),
        notes=_distinct(report.text for report in by_position),
        disputed_by=citer.names(dict.fromkeys(who for row in against for who in row.speakers)),
        evidence=citer.cite((*ids, *(id for row in against for id in row.events))),
    )


def _held(reports: Sequence[MeetingReportRow]) -> list[MeetingReportRow]:
    return [report for report in reports if report.what == "held"]


def _plans(reports: Sequence[MeetingReportRow]) -> list[MeetingReportRow]:
    """What was planned, the newest word first: by when it was said, not when we heard of it."""
    plans = (report for report in reports if report.what != "held")
    return sorted(plans, key=lambda plan: latest_key(plan.said_on, plan.position), reverse=True)


def _latest(
    reports: Sequence[MeetingReportRow], field: Callable[[MeetingReportRow], str | None]
) -> tuple[str, ...]:
    """What all reports of its having been held say; before that, the newest plan that says it."""
    held = _distinct(map(field, _held(reports)))
    return held or _distinct(map(field, _plans(reports)))[:1]


def _state(reports: Sequence[MeetingReportRow]) -> str:
    if _held(reports):
        return "held"
    plans = _plans(reports)
    if not plans:  # what told of it was retracted; who came is still reported
        return "unknown"
    if plans[0].what == "called off":
        return "called off"
    firmness = next((plan.firmness for plan in plans if plan.firmness), None)
    words = {"possible": "possible, not scheduled", "intended": "announced as intended"}
    return f"{words.get(firmness or '', 'announced')}; outcome unknown"


def meeting_dates(reports: Sequence[MeetingReportRow]) -> tuple[When, ...]:
    """When the meeting was held, by all reports; before that, when it is to be by the newest plan.

    An unknown date where none is given.
    """
    held = [report.held_on for report in _held(reports) if report.held_on]
    planned = [report.held_on for report in _plans(reports) if report.held_on]
    return tuple(dict.fromkeys(held or planned[:1])) or (UNKNOWN,)


def _order(reports: Sequence[MeetingReportRow]) -> When:
    current = _held(reports) or _plans(reports)
    return min((report.held_on for report in current if report.held_on), default=UNKNOWN)


def _others(first: str | None, values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(value for value in _distinct(values) if value != first)


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


# Choosing them


def chosen_meetings(view: View, series: str | None, meeting: str | None) -> list[MeetingRow]:
    """The meetings of a series, one of them, one meeting, or all.

    A meeting belongs to a series if any report says so.

    Raises:
        NotFound: no such series or meeting is in view.
    """
    if series is None:
        one = None if meeting is None else view.get(MeetingRow, meeting)
        rows = view.all(MeetingRow) if one is None else [one]
    else:
        rows = meeting_rows(view, view.all(MeetingReportRow, series=series))
        if not rows:
            known = sorted({row.series for row in view.all(MeetingReportRow) if row.series})
            raise not_found(view, "meeting of a series", series, known, listed="Series")
    if meeting is None:
        return rows
    chosen = [row for row in rows if row.meeting == meeting]
    if not chosen:
        ids = (row.meeting for row in rows)
        raise not_found(view, "meeting", meeting, ids, listed="Meetings")
    return chosen


def meeting_rows(view: View, reports: Iterable[MeetingReportRow]) -> list[MeetingRow]:
    """The meetings that the reports are of."""
    ids = sorted({report.meeting for report in reports})
    rows = (view.get(MeetingRow, id) for id in ids)
    return [row for row in rows if row is not None]


# Who was there


# Members of a body


_LONG = timedelta(days=366)
"""A report of a membership that gives no beginning tells nothing of times this long before it."""


@attrs.frozen
class _Report:
    """One report of a membership, and the date that it speaks of."""

    row: MembershipRow
    reported: When | None

    @property
    def ended(self) -> When | None:
        """When it was over, at the latest: who is called a former member had left by then."""
        if self.row.status != "former member":
            return self.row.until
        return self.row.until or self.row.since or self.reported

    @property
    def confirmed(self) -> Iterable[When]:
        """When it was on, by this report; what ended before that was another membership."""
        known = (self.row.since, None if self.row.until else self.reported)
        return (each for each in known if each is not None)

    def begun(self, moment: When) -> bool | None:
        """Whether it may have been on by then; None where this report tells nothing of it."""
        if self.row.since is not None:
            return not self.row.since.certainly_after(moment)
        spoken_of = self.row.until or self.reported
        return None if spoken_of is not None and _long_before(moment, spoken_of) else True


@attrs.frozen
class Membership:
    """What is reported of one actor and one body."""

    reports: tuple[_Report, ...]

    def current(self, dates: Sequence[When]) -> list[MembershipRow]:
        """The reports by which the actor may have been a member on one of the dates."""
        return [
            each.row
            for each in self._of_members()
            if any(each.begun(date) and not self._over(each, date) for date in dates)
        ]

    def at(self, dates: Sequence[When]) -> bool | None:
        """Whether the actor may have been a member on one of the dates; None if nothing tells."""
        if self.current(dates):
            return True
        untold = any(each.begun(date) is None for each in self._of_members() for date in dates)
        return None if untold else False

    def _of_members(self) -> Iterable[_Report]:
        return (each for each in self.reports if each.row.status == "member")

    def _over(self, report: _Report, moment: When) -> bool:
        """Whether it had ended, by this report or another."""
        own = report.row.until
        return (own is not None and moment.certainly_after(own)) or any(
            moment.certainly_after(end)
            and not any(on.certainly_after(end) for on in report.confirmed)
            for end in (each.ended for each in self.reports)
            if end is not None
        )


class Memberships:
    """What is reported of the members of a body, as reported; each body is looked up once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._of: dict[str, dict[str, Membership]] = {}

    def of(self, body: str | None) -> dict[str, Membership]:
        """The actors that were said to belong to the body in some way; none without a body."""
        if body is None:
            return {}
        if body not in self._of:
            self._of[body] = self._found(body)
        return self._of[body]

    def _found(self, body: str) -> dict[str, Membership]:
        found: dict[str, list[_Report]] = defaultdict(list)
        for row in self._view.all(MembershipRow, of=body):
            found[row.actor].append(_Report(row, reported(self._view, row.events)))
        return {actor: Membership(tuple(reports)) for actor, reports in found.items()}


def _long_before(one: When, other: When) -> bool:
    end, start = one.reach[1], other.reach[0]
    return end is not None and start is not None and start - end > _LONG


# Who took part


OUTCOMES = ("attended", "represented", "absent")
THERE = ("attended", "represented")
PLANS = ("confirmed", "expected", "invited")

WHO_MEETS = (
    "A person meets persons; a state or a body meets those that were there as parties. A person "
    "who represents nobody is a party, too."
)
"""The rule of `pairs`, for the notes of reports."""


@attrs.frozen
class Entry:
    """What one event says of one participant, and whom the participant counts for.

    `disputes` has who calls that event's report wrong, if anybody does; `denied` the ids of the
    events that call a report wrong by which the meeting was held.
    """

    row: AttendanceRow
    party: str
    office: RoleRow | None
    disputes: DisputedRow | None
    denied: tuple[str, ...]

    @property
    def against(self) -> tuple[str, ...]:
        """The ids of the events that call its report wrong, or one of the meeting."""
        return self.denied if self.disputes is None else (*self.disputes.events, *self.denied)

    @property
    def represents(self) -> str | None:
        """Whom the participant was there for, where that is another."""
        party = self.row.party if self.office is None else self.office.of
        return None if party == self.row.participant else party

    @property
    def events(self) -> tuple[str, ...]:
        """The ids of the events that say so."""
        return self.row.events if self.office is None else (*self.row.events, *self.office.events)


@attrs.frozen
class Roll:
    """Who is said to have been at one meeting, and who belonged to the body that met.

    `members` has the events that say that a party belonged; `guests` are parties that are reported
    not to have: to have belonged to the body otherwise, or at another time. `unnamed` are parties
    that no report names.
    """

    row: MeetingRow
    entries: tuple[Entry, ...]
    members: dict[str, tuple[str, ...]]
    guests: frozenset[str]
    unnamed: frozenset[str]

    @property
    def parties(self) -> set[str]:
        """Whom participants count for."""
        return {entry.party for entry in self.entries}

    @property
    def cited(self) -> Iterable[str]:
        """The ids of all events behind it."""
        yield from (id for entry in self.entries for id in entry.events)
        yield from (id for events in self.members.values() for id in events)

    def of(self, party: str) -> list[Entry]:
        """The entries of the participants that count for a party."""
        return [entry for entry in self.entries if entry.party == party]

    def lists(self, *, without: str | None = None) -> list[str]:
        """The events that list all participants, leaving out those that name a party."""
        naming = {entry.row.event for entry in self.entries if entry.party == without}
        rows = (entry.row for entry in self.entries if entry.row.complete)
        return [id for row in rows if row.event not in naming for id in row.events]

    def is_member(self, party: str) -> bool | None:
        """Whether the party belonged to the body that met; None where that is not known."""
        return True if party in self.members else False if party in self.guests else None

    def by_person(self, persons: Container[str]) -> Roll:
        """The persons among the participants, each counted for itself.

        If a substitute was there, the one it stood in for was represented, and is on it too. A list
        that names states or bodies passes over no person.
        """
        others = {each.row.event for each in self.entries if each.row.participant not in persons}
        entries: list[Entry] = []
        for entry in self.entries:
            row: Any = entry.row
            complete = row.complete and row.event not in others
            for person in (row.participant, row.instead_of):
                if person in persons:
                    replaced = person == row.instead_of and row.status in THERE
                    status = "represented" if replaced else row.status
                    kept = attrs.evolve(row, complete=complete, status=status)
                    entries.append(attrs.evolve(entry, row=kept, party=person))
        return Roll(self.row, tuple(entries), {}, frozenset(), frozenset())


class Register:
    """Who was at which meeting, with the offices and memberships that this is read by."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._offices = Offices(view)
        self._memberships = Memberships(view)
        self._disputes: dict[str, DisputedRow] = {}

    def rolls(self, rows: Iterable[MeetingRow]) -> list[Roll]:
        """The rolls of these meetings, in this order."""
        meetings = {row.meeting: row for row in rows}
        reports = gathered(self._view, MeetingReportRow, "meeting", meetings)
        present = gathered(self._view, AttendanceRow, "meeting", meetings)
        events = [report.event for of_one in reports.values() for report in of_one]
        events += [entry.event for of_one in present.values() for entry in of_one]
        self._disputes |= disputes(self._view, events)
        return [self._roll(row, reports[id], present[id]) for id, row in meetings.items()]

    def _roll(
        self, row: MeetingRow, reports: list[MeetingReportRow], present: list[AttendanceRow]
    ) -> Roll:
        dates = meeting_dates(reports)
        members = self._members(row.body, dates)
        known = self._memberships.of(row.body)
        guests = (party for party, each in known.items() if each.at(dates) is False)
        entries = self._entries(present, members, dates, self._denied(reports))
        return Roll(row, entries, members, frozenset(guests), _unnamed(self._view, entries))

    def meetings(self) -> Iterator[tuple[list[MeetingReportRow], tuple[Entry, ...]]]:
        """The reports of every meeting, and who is said to have been there; all read at once."""
        reports: dict[str, list[MeetingReportRow]] = defaultdict(list)
        for report in self._view.all(MeetingReportRow):
            reports[report.meeting].append(report)
        told: dict[str, list[AttendanceRow]] = defaultdict(list)
        for entry in self._view.all(AttendanceRow):
            told[entry.meeting].append(entry)
        self._disputes = {row.target: row for row in self._view.all(DisputedRow)}
        for row in self._view.all(MeetingRow):
            if row.meeting in told:
                dates = meeting_dates(reports[row.meeting])
                members = self._members(row.body, dates)
                denied = self._denied(reports[row.meeting])
                entries = self._entries(told[row.meeting], members, dates, denied)
                yield reports[row.meeting], entries

    def _denied(self, reports: Sequence[MeetingReportRow]) -> tuple[str, ...]:
        rows = (self._disputes.get(report.event) for report in _held(reports))
        return tuple(id for row in rows if row is not None for id in row.events)

    def _members(self, body: str | None, dates: Sequence[When]) -> dict[str, tuple[str, ...]]:
        return {
            party: tuple(id for report in current for id in report.events)
            for party, membership in self._memberships.of(body).items()
            if (current := membership.current(dates))
        }

    def _entries(
        self,
        rows: list[AttendanceRow],
        members: dict[str, tuple[str, ...]],
        dates: Iterable[When],
        denied: tuple[str, ...],
    ) -> tuple[Entry, ...]:
        rows.sort(key=lambda each: (each.position, each.number))
        return tuple(self._entry(each, members.keys(), dates, denied) for each in rows)

    def _entry(
        self,
        row: AttendanceRow,
        members: Container[str],
        dates: Iterable[When],
        denied: tuple[str, ...],
    ) -> Entry:
        """The row, with the party that the participant counts for: itself, or one by office."""
        known = row.party in members
        office = None if known else counting_office(self._offices, row, members, dates)
        party = (office and office.of) or row.party
        return Entry(row, party, office, self._disputes.get(row.event), denied)


def persons_in(view: View, entries: Iterable[Entry]) -> set[str]:
    """The persons among the participants, and among those whom they were there for."""
    named = {
        id
        for entry in entries
        for id in (entry.row.participant, entry.row.instead_of, entry.party)
        if id is not None
    }
    known = view.several(ActorRow, sorted(named))
    return {row.actor for row in known if row.kind == "person"}


def everyone(view: View) -> tuple[list[tuple[list[MeetingReportRow], tuple[Entry, ...]]], set[str]]:
    """All meetings as `Register.meetings` tells them, and who of the participants is a person."""
    meetings = list(Register(view).meetings())
    return meetings, persons_in(view, (entry for _, entries in meetings for entry in entries))


@attrs.frozen
class Pair:
    """Two who are said to have been at one meeting, or to be at one to come.

    Attributes:
        two: their ids, in order.
        absent: whether other reports have one of them absent.
        events: what tells of the two there, and of their absence.
        against: what calls these reports wrong.
    """

    two: tuple[str, str]
    absent: bool
    events: tuple[str, ...]
    against: tuple[str, ...]

    @property
    def disputed(self) -> bool:
        """Whether anybody says that not both were there."""
        return self.absent or bool(self.against)


def pairs(
    entries: Iterable[Entry], persons: Container[str], *, planned: bool = False
) -> Iterator[Pair]:
    """Who met whom at one meeting: the one rule that all reports share.

    A person meets the persons that were there themselves, and a state or a body the parties that
    were there through whomever. A person who is not said to represent anybody is a party, too, and
    meets states and bodies.

    Args:
        entries: what is said of the participants.
        persons: those of them who are persons.
        planned: whether to pair the ones that were to be there, in place of the ones that were.
    """
    told: dict[str, list[Entry]] = defaultdict(list)
    there: set[str] = set()
    representing = set()
    for entry in entries:
        row: Any = entry.row
        wanted = PLANS if planned else THERE
        if entry.party not in persons:
            told[entry.party].append(entry)
            if row.status in wanted:
                there.add(entry.party)
        if entry.represents is not None:
            representing.add(row.participant)
        for person in {row.participant, row.instead_of}:
            if person in persons:
                told[person].append(entry)
        if row.participant in persons and row.status in wanted and _came(row):
            there.add(row.participant)
    for one, other in combinations(sorted(there), 2):
        mixed = (one in persons) != (other in persons)
        if not mixed or not representing & {one, other}:
            yield _pair((one, other), told, PLANS if planned else OUTCOMES)


def _came(row: AttendanceRow) -> bool:
    """Whether that is the participant itself, and not another one, or a letter, in its place."""
    return row.mode != "by letter" and (row.status != "represented" or row.instead_of is not None)


def _pair(two: tuple[str, str], told: dict[str, list[Entry]], statuses: Container[str]) -> Pair:
    said = [entry for who in two for entry in told[who] if entry.row.status in statuses]
    events = dict.fromkeys(id for entry in said for id in entry.events)
    absent = any(entry.row.status == "absent" for entry in said)
    against = dict.fromkeys(id for entry in said for id in entry.against)
    return Pair(two, absent, tuple(events), tuple(against))


def _unnamed(view: View, entries: Iterable[Entry]) -> frozenset[str]:
    known = (view.get(ActorRow, party) for party in {entry.party for entry in entries})
    return frozenset(each.actor for each in known if each is not None and each.kind == "unnamed")


def counting_office(
    offices: Offices, row: AttendanceRow, listed: Container[str], dates: Iterable[When]
) -> RoleRow | None:
    """The office by which a participant counts for one of those listed; None where for several.

    One who is said to represent somebody counts for that one, whatever its offices.
    """
    if row.party != row.participant:
        return None
    roles = (role for date in dates for role in offices.held(row.participant, date))
    held = {role.of: role for role in roles if role.of and role.of in listed}
    return next(iter(held.values())) if len(held) == 1 else None
