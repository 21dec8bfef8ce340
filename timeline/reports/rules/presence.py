"""Whether an actor was at a meeting: what the reports that list participants answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs

from timeline.dates import When
from timeline.models.directory import RoleRow
from timeline.models.meetings import AttendanceRow
from timeline.reports.evidence import Citer
from timeline.reports.rules.answers import Answer
from timeline.reports.rules.attribution import Offices
from timeline.reports.rules.participation import THERE, counting_office


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
    entries = [_Entry(row, counting_office(offices, row, listed, dates)) for row in ordered]
    named = (id for entry in entries for id in (*entry.of, entry.instead_of) if id)
    for actor in dict.fromkeys(named):
        yield actor, [_answer(citer, entry, actor) for entry in entries if entry.says_of(actor)]


def both_there_or_not(one: object, other: object) -> bool:
    """Whether both answers have the actor there, or both have it absent."""
    return _is_absent(one) == _is_absent(other)


def _answer(citer: Citer, entry: _Entry, actor: str) -> Answer:
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
