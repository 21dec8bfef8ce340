"""Who attended which meeting: parties down, meetings across, each cell with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import attrs

from timeline.errors import NotFound
from timeline.projection import View
from timeline.projections.meetings import AttendanceRow, MeetingRow
from timeline.reports.base import Report, Standing
from timeline.reports.document import Cell, Document, Table, cell
from timeline.reports.evidence import Citation, Citer
from timeline.reports.meetings import MeetingLine, meeting_lines

_OUTCOMES = ("attended", "represented", "absent")
_THERE = ("attended", "represented")
_PLANS = ("confirmed", "expected", "invited")
_ABREAST = 3
"""Meetings in one table: as many as can be read in 80 columns."""

NOT_MENTIONED = "not mentioned"
"""No report in view says anything of the party at that meeting. It is not the same as absent."""


@attrs.frozen
class AttendanceEntry:
    """What one event says of one participant."""

    participant: str
    name: str
    status: str
    role: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class AttendanceCell:
    """What is known of one party at one meeting.

    `status` is what was reported of the outcome, or of the plan where no outcome was; two statuses
    joined by ` / ` where reports differ; `not mentioned` where there are none. `entries` has every
    report behind it.
    """

    meeting: str
    status: str
    entries: tuple[AttendanceEntry, ...]

    def people(self, party: str) -> tuple[str, ...]:
        """The names of those who were there for the party, beside the party's own."""
        return tuple(
            dict.fromkeys(
                entry.name
                for entry in self.entries
                if entry.status in _THERE and entry.participant != party
            )
        )


@attrs.frozen
class AttendanceLine:
    """One party, with a cell for each meeting of the report, in the same order."""

    party: str
    name: str
    cells: tuple[AttendanceCell, ...]


@attrs.frozen(kw_only=True)
class AttendanceReport(Report):
    """Who was invited, expected, there or not, by party and meeting."""

    kind: ClassVar[str] = "attendance"

    series: str | None
    meetings: tuple[MeetingLine, ...]
    parties: tuple[AttendanceLine, ...]

    def cell(self, party: str, meeting: str) -> AttendanceCell:
        """What is known of one party at one meeting; `not mentioned` if nothing is.

        Raises:
            NotFound: the meeting is not in the report.
        """
        if meeting not in {line.meeting for line in self.meetings}:
            known = ", ".join(line.meeting for line in self.meetings)
            raise NotFound(f"meeting {meeting!r} is not in this report; it has {known}")
        for line in self.parties:
            if line.party == party:
                return next(each for each in line.cells if each.meeting == meeting)
        return AttendanceCell(meeting, NOT_MENTIONED, ())

    def document(self) -> Document:
        """The report as headings and tables."""
        return self._document(
            f"Attendance: {self.series}" if self.series else "Attendance",
            (self._meetings_table(), *self._matrix()),
            note="“Not mentioned” says that no report in view names the party; it does not say "
            "that the party stayed away.",
        )

    def _meetings_table(self) -> Table:
        return Table(
            "Meetings",
            ("When", "Meeting", "Where", "State"),
            tuple(
                (
                    cell(line.held_on),
                    cell(line.title),
                    cell(line.place),
                    cell(line.state, line.evidence),
                )
                for line in self.meetings
            ),
        )

    def _matrix(self) -> Iterable[Table]:
        for start in range(0, len(self.meetings), _ABREAST):
            shown = slice(start, start + _ABREAST)
            yield Table(
                "Who attended" if start == 0 else "Who attended, continued",
                ("Party", *(_heading(line) for line in self.meetings[shown])),
                tuple(
                    (cell(line.name), *(_shown(each, line.party) for each in line.cells[shown]))
                    for line in self.parties
                ),
            )


def attendance_report(
    view: View, *, series: str | None = None, meeting: str | None = None
) -> AttendanceReport:
    """Make the report for a series, one meeting, or all meetings with known participants.

    Raises:
        NotFound: no such series or meeting is in view.
    """
    chosen = _chosen(view, series, meeting)
    entries = {row.meeting: view.all(AttendanceRow, meeting=row.meeting) for row in chosen}
    if series is None and meeting is None:
        chosen = [row for row in chosen if entries[row.meeting]]
    citer = Citer(view)
    citer.load(id for row in chosen for entry in entries[row.meeting] for id in entry.events)
    meetings = tuple(meeting_lines(view, citer, chosen))
    parties = {entry.party for row in chosen for entry in entries[row.meeting]}
    lines = tuple(
        AttendanceLine(
            party=party,
            name=citer.name(party).name,
            cells=tuple(
                _cell(citer, line.meeting, entries[line.meeting], party) for line in meetings
            ),
        )
        for party in sorted(parties, key=lambda party: (citer.name(party).name, party))
    )
    return AttendanceReport(
        standing=Standing.of(view),
        series=series,
        meetings=meetings,
        parties=lines,
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


def _chosen(view: View, series: str | None, meeting: str | None) -> list[MeetingRow]:
    found = view.all(MeetingRow)
    if series is not None:
        chosen = [row for row in found if row.series == series]
        known = sorted({row.series for row in found if row.series})
        if not chosen:
            raise NotFound(
                f"no meeting of a series {series!r} is recorded. Series: {', '.join(known)}."
            )
        found = chosen
    if meeting is not None:
        chosen = [row for row in found if row.meeting == meeting]
        if not chosen:
            known = [row.meeting for row in found]
            raise NotFound(f"no meeting {meeting!r} is recorded. Meetings: {', '.join(known)}.")
        found = chosen
    return found


def _cell(citer: Citer, meeting: str, rows: Iterable[AttendanceRow], party: str) -> AttendanceCell:
    mine = sorted(
        (row for row in rows if row.party == party), key=lambda row: (row.position, row.number)
    )
    return AttendanceCell(
        meeting=meeting,
        status=_status([row.status for row in mine]),
        entries=tuple(
            AttendanceEntry(
                participant=row.participant,
                name=citer.name(row.participant).name,
                status=row.status,
                role=row.role,
                evidence=citer.cite(row.events),
            )
            for row in mine
        ),
    )


def _status(reported: Sequence[str]) -> str:
    outcomes = [status for status in _OUTCOMES if status in reported]
    if outcomes:
        return " / ".join(outcomes)
    return next((status for status in _PLANS if status in reported), NOT_MENTIONED)


def _heading(line: MeetingLine) -> str:
    return f"{line.title} ({' or '.join(line.held_on) or 'undated'})"


def _shown(each: AttendanceCell, party: str) -> Cell:
    people = ", ".join(each.people(party))
    evidence = {c.event: c for entry in each.entries for c in entry.evidence}
    status = f"{each.status} ({people})" if people else each.status
    return cell(status, tuple(evidence.values()))
