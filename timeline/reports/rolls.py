"""Who is said to have been at a meeting, and whom each participant counts for."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import attrs

from timeline.clock import When
from timeline.projection import View
from timeline.projections.directory import ActorRow, RoleRow
from timeline.projections.meetings import AttendanceRow, MeetingReportRow, MeetingRow
from timeline.reports.meetings import meeting_dates
from timeline.reports.memberships import Memberships
from timeline.reports.positions import Offices

OUTCOMES = ("attended", "represented", "absent")
THERE = ("attended", "represented")
PLANS = ("confirmed", "expected", "invited")


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
        """What is said of those who count for a party."""
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

        Whom another one stood in for was represented, and so is on it too. A list that names states
        or bodies passes over no person.
        """
        others = {each.row.event for each in self.entries if each.row.participant not in persons}
        entries: list[Entry] = []
        for entry in self.entries:
            row: Any = entry.row
            complete = row.complete and row.event not in others
            for person in (row.participant, row.instead_of):
                if person in persons:
                    kept = attrs.evolve(row, complete=complete)
                    entries.append(attrs.evolve(entry, row=kept, party=person))
        return Roll(self.row, tuple(entries), {}, frozenset(), frozenset())


class Register:
    """Who was at which meeting, with the offices and memberships that this is read by."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._offices = Offices(view)
        self._memberships = Memberships(view)

    def roll(self, row: MeetingRow) -> Roll:
        """The roll of one meeting."""
        dates = meeting_dates(self._view.all(MeetingReportRow, meeting=row.meeting))
        known = self._memberships.of(row.body)
        members = {
            party: tuple(id for report in current for id in report.events)
            for party, membership in known.items()
            if (current := membership.current(dates))
        }
        guests = (party for party, each in known.items() if each.at(dates) is False)
        rows = self._view.all(AttendanceRow, meeting=row.meeting)
        rows.sort(key=lambda each: (each.position, each.number))
        entries = tuple(_entry(self._offices, each, members.keys(), dates) for each in rows)
        return Roll(row, entries, members, frozenset(guests), _unnamed(self._view, entries))


def persons_in(view: View, rolls: Iterable[Roll]) -> set[str]:
    """The persons among the participants, and among those whom they stood in for."""
    named = {
        id
        for roll in rolls
        for entry in roll.entries
        for id in (entry.row.participant, entry.row.instead_of)
        if id is not None
    }
    known = view.several(ActorRow, sorted(named))
    return {row.actor for row in known if row.kind == "person"}


def _unnamed(view: View, entries: Iterable[Entry]) -> frozenset[str]:
    known = (view.get(ActorRow, party) for party in {entry.party for entry in entries})
    return frozenset(each.actor for each in known if each is not None and each.kind == "unnamed")


def _entry(
    offices: Offices, row: AttendanceRow, members: Iterable[str], dates: Iterable[When]
) -> Entry:
    """Whom somebody counts for who is said to represent nobody follows from an office held then."""
    held = {
        office.of: office
        for date in dates
        for office in offices.held(row.participant, date)
        if row.party == row.participant and office.of and office.of in members
    }
    if len(held) != 1 or row.party in members:
        return Entry(row, row.party, None)
    ((party, office),) = held.items()
    return Entry(row, party, office)
