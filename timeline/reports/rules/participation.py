"""Who is said to have been at a meeting, and whom each participant counts for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

import attrs

from timeline.dates import When
from timeline.engine.projection import View
from timeline.models.directory import ActorRow, RoleRow
from timeline.models.meetings import AttendanceRow, MeetingReportRow, MeetingRow
from timeline.reports.rules.attribution import Offices
from timeline.reports.rules.meetings import gathered, meeting_dates
from timeline.reports.rules.membership import Memberships

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
    """What one event says of one participant, and whom the participant counts for."""

    row: AttendanceRow
    party: str
    office: RoleRow | None

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

    def rolls(self, rows: Iterable[MeetingRow]) -> list[Roll]:
        """The rolls of these meetings, in this order."""
        meetings = {row.meeting: row for row in rows}
        reports = gathered(self._view, MeetingReportRow, "meeting", meetings)
        present = gathered(self._view, AttendanceRow, "meeting", meetings)
        return [self._roll(row, reports[id], present[id]) for id, row in meetings.items()]

    def _roll(
        self, row: MeetingRow, reports: list[MeetingReportRow], present: list[AttendanceRow]
    ) -> Roll:
        dates = meeting_dates(reports)
        members = self._members(row.body, dates)
        known = self._memberships.of(row.body)
        guests = (party for party, each in known.items() if each.at(dates) is False)
        entries = self._entries(present, members, dates)
        return Roll(row, entries, members, frozenset(guests), _unnamed(self._view, entries))

    def meetings(self) -> Iterator[tuple[list[MeetingReportRow], tuple[Entry, ...]]]:
        """The reports of every meeting, and who is said to have been there; all read at once."""
        reports: dict[str, list[MeetingReportRow]] = defaultdict(list)
        for report in self._view.all(MeetingReportRow):
            reports[report.meeting].append(report)
        told: dict[str, list[AttendanceRow]] = defaultdict(list)
        for entry in self._view.all(AttendanceRow):
            told[entry.meeting].append(entry)
        for row in self._view.all(MeetingRow):
            if row.meeting in told:
                dates = meeting_dates(reports[row.meeting])
                members = self._members(row.body, dates)
                yield reports[row.meeting], self._entries(told[row.meeting], members, dates)

    def _members(self, body: str | None, dates: Sequence[When]) -> dict[str, tuple[str, ...]]:
        return {
            party: tuple(id for report in current for id in report.events)
            for party, membership in self._memberships.of(body).items()
            if (current := membership.current(dates))
        }

    def _entries(
        self, rows: list[AttendanceRow], members: dict[str, tuple[str, ...]], dates: Iterable[When]
    ) -> tuple[Entry, ...]:
        rows.sort(key=lambda each: (each.position, each.number))
        return tuple(_entry(self._offices, each, members.keys(), dates) for each in rows)


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


def everyone(
    view: View,
) -> tuple[list[tuple[list[MeetingReportRow], tuple[Entry, ...]]], set[str]]:
    """All meetings as `Register.meetings` tells them, and who of the participants is a person."""
    meetings = list(Register(view).meetings())
    return meetings, persons_in(view, (entry for _, entries in meetings for entry in entries))


@attrs.frozen
class Pair:
    """Two who are said to have been at one meeting, or to be at one to come.

    Attributes:
        two: their ids, in order.
        disputed: whether other reports have one of them absent.
        events: what tells of the two there, and of their absence.
    """

    two: tuple[str, str]
    disputed: bool
    events: tuple[str, ...]


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
    return Pair(two, any(entry.row.status == "absent" for entry in said), tuple(events))


def _unnamed(view: View, entries: Iterable[Entry]) -> frozenset[str]:
    known = (view.get(ActorRow, party) for party in {entry.party for entry in entries})
    return frozenset(each.actor for each in known if each is not None and each.kind == "unnamed")


def _entry(
    offices: Offices, row: AttendanceRow, members: Container[str], dates: Iterable[When]
) -> Entry:
    """The row, with the party that the participant counts for: a member by itself, or by office."""
    office = None if row.party in members else counting_office(offices, row, members, dates)
    return Entry(row, (office and office.of) or row.party, office)


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
