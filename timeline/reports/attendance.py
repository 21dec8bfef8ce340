"""Who attended which meeting: parties down, meetings across, each cell with its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import short, when
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.events import ActorsMerged, EventCorrected, RoleReported, type_names
from timeline.projections.meetings import MeetingReportRow, MeetingRow
from timeline.reports import layout
from timeline.reports.citations import Citation, Citer, Named, distinct
from timeline.reports.findings.meetings import (
    OUTCOMES,
    PLANS,
    THERE,
    MeetingLine,
    Register,
    Roll,
    chosen_meetings,
    disputed,
    gathered,
    meeting_lines,
    meeting_rows,
    persons_in,
)
from timeline.reports.findings.origins import Origins, Path
from timeline.reports.layout import (
    Cell,
    Chart,
    Document,
    Line,
    Table,
    about,
    cell,
    few,
    lane_names,
    line,
    listing,
    most,
    newest,
    number,
    table,
)
from timeline.reports.model import Report, made_from

NOT_MENTIONED = "not mentioned"
"""No report in view says anything of the party at that meeting. It is not the same as absent."""

_MEETINGS, _MEETING = "Meetings", "meeting"

_NO_REPORTS = type_names(EventCorrected, ActorsMerged, RoleReported)
"""Events that are cited beside reports of attendance, and do not say who came."""


@attrs.frozen
class AttendanceEntry:
    """What one event says of one participant.

    `represents` is whom the participant was there for, where that is another. `instead_of` is whom
    the participant stood in for. `mode` is how it took part, such as `by video`, and `read_by` who
    read its letter out; `capacity` is the office it came in, as reported. `office` is the office
    held at the time by which a participant who was said to represent nobody counts for the party.
    """

    participant: str
    name: str
    status: str
    role: str | None
    represents: Named | None
    instead_of: Named | None
    mode: str | None
    read_by: Named | None
    capacity: str | None
    office: str | None
    evidence: tuple[Citation, ...]

    @property
    def person(self) -> str:
        """The participant: in what capacity, for whom, in what part, and how."""
        name = f"{self.name}, {self.capacity}" if self.capacity else self.name
        name = f"{name} for {self.instead_of}" if self.instead_of else name
        name = f"{name} as {self.role}" if self.role else name
        return f"{name}, {self.manner}" if self.manner else name

    @property
    def manner(self) -> str | None:
        """How it took part, where that was not in person: `by letter, read out by Ann`."""
        if self.mode in (None, "in person"):
            return None
        return f"{self.mode}, read out by {self.read_by}" if self.read_by else self.mode


@attrs.frozen
class Voices:
    """The independent origins that give one status."""

    status: str
    origins: tuple[Named, ...]


@attrs.frozen
class AttendanceCell:
    """What is known of one party at one meeting.

    Attributes:
        meeting: its id.
        status: what was reported of the outcome, or of the plan where no outcome was; two statuses
            joined by ` / ` where reports differ; `not mentioned` where there are none.
        entries: every report behind it.
        silent: the events that list all participants, as their sources mean it, and leave the
            party out. What names only some passes over nobody.
        reports: the reports of the meeting, where no event names the party and no list leaves it
            out.
        member: whether the party belonged to the body that met, when it met; None where that is
            not known, or the meeting is of no body.
        origins: the independent origins that give each status, where there are any.
        disputed_by: who calls one of the reports wrong.
        against: the events that do so.
    """

    meeting: str
    status: str
    entries: tuple[AttendanceEntry, ...]
    silent: tuple[Citation, ...]
    reports: tuple[Citation, ...]
    member: bool | None
    origins: tuple[Voices, ...]
    disputed_by: tuple[Named, ...] = ()
    against: tuple[Citation, ...] = ()

    @property
    def blank(self) -> bool:
        """Whether nothing ties the party to the meeting; JSON leaves such cells out."""
        return not self.entries and not self.member

    @property
    def evidence(self) -> tuple[Citation, ...]:
        """All evidence; that which names the party stands first."""
        named = (entry.evidence for entry in self.entries)
        return distinct((*named, self.against, self.silent, self.reports))

    def by_status(self) -> dict[str, tuple[Citation, ...]]:
        """Who says what: the evidence for each of the seven statuses, empty where nobody says so.

        Those of `not mentioned` are the lists that leave the party out.
        """
        evidence = {
            status: distinct(entry.evidence for entry in self.entries if entry.status == status)
            for status in (*reversed(PLANS), *OUTCOMES)
        }
        return evidence | {NOT_MENTIONED: self.silent}

    def voices(self, status: str) -> tuple[str, ...]:
        """The ids of the independent origins that give a status.

        The party is not mentioned by an origin that lists all participants and names it nowhere.
        """
        given = (voices for voices in self.origins if voices.status == status)
        return tuple(origin.id for voices in given for origin in voices.origins)

    def people(self, party: str) -> tuple[str, ...]:
        """The names of the people who were there for the party."""
        return tuple(dict.fromkeys(entry.name for entry in self._there(party, THERE)))

    def shown(self, party: str) -> str:
        """The status with who came; how many say so where not all do, and who disputes it."""
        shown = self._counted(party)
        return f"{shown}, {disputed(self.disputed_by)}" if self.disputed_by else shown

    def _counted(self, party: str) -> str:
        statuses = self.status.split(" / ")
        silent = self.voices(NOT_MENTIONED)
        if self.status == NOT_MENTIONED or not (silent or statuses[1:]):
            return " / ".join(self._with_people(party, status) for status in statuses)
        counted = " / ".join(
            f"{self._with_people(party, status)} by {len(self.voices(status))}"
            for status in statuses
        )
        return f"{counted}, not mentioned by {len(silent)}" if silent else counted

    def _with_people(self, party: str, status: str) -> str:
        came = tuple(self._there(party, (status,))) if status in THERE else ()
        people = ", ".join(dict.fromkeys(entry.person for entry in came))
        themselves = {entry.participant for entry in came if entry.status == "attended"}
        stood_in = [e for e in came if e.instead_of and e.instead_of.id in themselves]
        if stood_in:
            # One report has a person there whom another has a substitute for.
            instead = ", ".join(dict.fromkeys(entry.person for entry in stood_in))
            others = ", ".join(dict.fromkeys(e.person for e in came if e not in stood_in))
            return f"represented ({instead}) / {status} ({others})"
        own = (e for e in self.entries if e.participant == party and e.status == status)
        parts = [(entry.role, entry.manner) for entry in own]
        roles = ", ".join(dict.fromkeys(role for role, _ in parts if role))
        manners = ", ".join(dict.fromkeys(manner for _, manner in parts if manner))
        shown = f"{status} as {roles}" if roles else status
        shown = f"{shown}, {manners}" if manners else shown
        return f"{shown} ({people})" if people else shown

    def _there(self, party: str, statuses: tuple[str, ...]) -> Iterable[AttendanceEntry]:
        return (
            entry
            for entry in self.entries
            if entry.status in statuses and entry.participant != party
        )


@attrs.frozen
class AttendanceLine:
    """One party, with a cell for each meeting of the report, in the same order.

    `evidence` is what gives it a line: the first report that names it, or those that have it among
    the members of the body.
    """

    party: str
    name: str
    cells: tuple[AttendanceCell, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen
class AttendanceCount:
    """How many came to one meeting.

    Attributes:
        meeting: its id.
        there: how many parties attended or were represented: of the members at the time, where the
            body that met is known, else of all.
        of: how many are on record as members of the body at the time, which may have had more; None
            where it is not known whose meeting it was, or who belonged.
        unnamed: whether some of those there are unnamed, so that nobody knows how many came.
        disputed: how many of those there were absent by other reports, or are there by one that
            somebody calls wrong.
        others: how many came who are not known to have been members.
        missing: the members whom no report has there; none where some of those there are unnamed.
        lists: the events that list all participants.
        listed_by: the independent origins of these, as far as they were read.
        evidence: the reports of who came, and of who belonged.
    """

    meeting: str
    there: int
    of: int | None
    unnamed: bool
    disputed: int
    others: int
    missing: tuple[Named, ...]
    lists: tuple[Citation, ...]
    listed_by: tuple[Named, ...]
    evidence: tuple[Citation, ...]

    def __str__(self) -> str:
        if self.unnamed:
            return "not known: some who came are unnamed"
        if self.of is None:
            count = "1 party" if self.there == 1 else f"{self.there} parties"
        else:
            count = f"{self.there} of the {self.of} on record as members"
        count += f" ({self.disputed} disputed)" if self.disputed else ""
        return f"{count}, {self.others} beside them" if self.others else count


@attrs.frozen
class SidelineLine:
    """A meeting at or beside one of the report's, and who was there: a cell each."""

    meeting: MeetingLine
    parties: tuple[AttendanceLine, ...]
    evidence: tuple[Citation, ...]


_FEW = 4
"""Meetings from which on who attended them is too wide a table for a first screen."""


@attrs.frozen(kw_only=True, repr=False)
class AttendanceReport(Report):
    """Who was invited, expected, there or not, by party and meeting, and by person and meeting.

    `series` and `meeting` are what the meetings were chosen by: their ids, or None.
    `counts` has how many came, for each meeting in order. `sidelines` are the meetings at or beside
    these that are not among them.
    """

    kind: ClassVar[str] = "attendance"

    series: str | None
    meeting: str | None
    meetings: tuple[MeetingLine, ...]
    counts: tuple[AttendanceCount, ...]
    parties: tuple[AttendanceLine, ...]
    people: tuple[AttendanceLine, ...]
    sidelines: tuple[SidelineLine, ...]

    def cell(self, party: str, meeting: str) -> AttendanceCell:
        """What is known of one party at one meeting; `not mentioned` if nothing is.

        Raises:
            NotFound: the meeting is not in the report.
        """
        index = self._index(meeting)
        for row in self.parties:
            if row.party == party:
                return row.cells[index]
        silent = self.counts[index].lists
        reports = () if silent else self.meetings[index].evidence
        origins = _not_mentioned_by(self.counts[index].listed_by)
        return AttendanceCell(meeting, NOT_MENTIONED, (), silent, reports, None, origins)

    def count(self, meeting: str) -> AttendanceCount:
        """How many came to one meeting.

        Raises:
            NotFound: the meeting is not in the report.
        """
        return self.counts[self._index(meeting)]

    def _index(self, meeting: str) -> int:
        known = [meeting.meeting for meeting in self.meetings]
        if meeting not in known:
            raise NotFound(f"meeting {meeting!r} is not in this report; it has {', '.join(known)}")
        return known.index(meeting)

    def document(self) -> Document:
        """The report as headings and tables."""
        parties = list(self._matrix("Who attended", "Party", self.parties, _shown))
        meetings = self._meetings_table()
        return self._document(
            self._headline(),
            (
                meetings,
                *parties,
                self._counts_table(),
                *self._matrix("Attendance by person", "Person", self.people, shown_person),
                self._sidelines(),
            ),
            summary=self._summary(),
            short=(
                newest(meetings),
                self._counts_table(),
                *(parties if len(self.meetings) < _FEW else ()),
            ),
            # There may be no meeting of which it is known who came.
            charts=_lanes(self, beside=(parties[0] if parties else meetings).title),
            note="“Not mentioned” says that no report in view names the party; it does not say "
            "that the party stayed away. “By 3” counts independent origins: copies of one text, "
            "and papers of one outlet, are one. “Not mentioned by 3” counts those that mean to "
            "list all who came. Members are those at the time, as far as they are recorded.",
        )

    def _summary(self) -> Iterator[Cell]:
        """How many meetings there are, who was there oftenest, and how many came to the latest."""
        if not self.meetings:
            return
        states = listing(
            f"{n} {state}" for state, n in Counter(m.state for m in self.meetings).items()
        )
        yield cell(f"{number(len(self.meetings), 'meeting')}: {states}.")
        there = (line.name for line in self.parties for one in line.cells if one.status in THERE)
        if len(self.meetings) > 1 and (often := most(there)):
            yield cell(f"Most often there: {often}.")
        counted = [pair for pair in zip(self.meetings, self.counts, strict=True) if pair[1].there]
        if counted:
            meeting, count = counted[-1]
            missing = f"; not said to be there: {few(count.missing, _FEW)}" if count.missing else ""
            yield cell(f"{_heading(meeting)}: {count}{missing}.", count.evidence)

    def _headline(self) -> str:
        """What the report is of: one meeting by its title and date, since titles recur."""
        of = self.series if self.meeting is None else _heading(self.meetings[0])
        return f"Attendance: {of}" if of else "Attendance"

    def _meetings_table(self) -> Table:
        return table(
            "Meetings",
            self.meetings,
            {
                "When": lambda line: tuple(map(when, line.held_on)),
                "Meeting": title_cell,
                "Where": lambda line: line.place,
                "State": lambda line: line.state,
            },
        )

    def _matrix(
        self,
        title: str,
        who: str,
        lines: Sequence[AttendanceLine],
        shown_as: Callable[[AttendanceCell, str], Cell],
    ) -> Iterable[Table]:
        """Meetings across, and down those that have to do with one of them."""
        unnamed = {count.meeting for count in self.counts if count.unnamed}
        blank: dict[tuple[str, bool | None], Cell] = {}

        def shown(one: AttendanceCell, party: str) -> Cell:
            return _hedged(shown_as(one, party), one, unnamed=one.meeting in unnamed)

        def shared(one: AttendanceCell) -> Cell:
            # Most of a large table is blank: one cell a meeting serves all whom no report names.
            key = one.meeting, one.member
            if key not in blank:
                blank[key] = shown(one, "")
            return blank[key]

        rows = tuple(
            (
                cell(about("actor", line.party, line.name), line.evidence),
                *(shown(one, line.party) if one.entries else shared(one) for one in line.cells),
            )
            for line in lines
            if any(one.entries or one.member for one in line.cells)
        )
        if rows:
            columns = (who, *map(_heading, self.meetings))
            keys = (who, *(f"meeting/{meeting.meeting}" for meeting in self.meetings))
            yield Table(title, columns, rows, named_by=1, keys=keys)

    def _counts_table(self) -> Table:
        return Table(
            "How many came",
            ("Meeting", "There", "Members not said to be there"),
            tuple(
                line(
                    count.evidence,
                    about("meeting", column.meeting, _heading(column)),
                    _came(column, count),
                    count.missing,
                )
                for column, count in zip(self.meetings, self.counts, strict=True)
                if count.there or count.unnamed or count.of is not None
            ),
        )

    def _sidelines(self) -> Table:
        columns = ("When", "Meeting", "Who", "State")
        return Table("On the sidelines", columns, tuple(map(_sideline, self.sidelines)))


def _lanes(report: AttendanceReport, beside: str) -> Iterable[Chart]:
    """The meetings in time, and below them each party's lane: who was at which."""
    names = lane_names(Named(party.party, party.name) for party in report.parties)
    meetings = {meeting.meeting: meeting for meeting in report.meetings}
    marks = [
        layout.mark(_MEETINGS, _MEETING, day, solid=meeting.state == "held")
        for meeting in report.meetings
        for day in meeting.held_on or (None,)
    ]
    marks += [
        layout.mark(names[party.party], status, day, solid=status in THERE)
        for party in report.parties
        for one in party.cells
        for status in one.status.split(" / ")
        if status != NOT_MENTIONED
        for day in meetings[one.meeting].held_on
    ]
    return layout.chart(
        "Meetings, and who was there",
        beside,
        marks,
        lanes=(_MEETINGS, *names.values()),
        kinds=(*OUTCOMES, *PLANS, _MEETING),
        solid="held, or there",
        outline="announced only, or not there",
    )


def _heading(meeting: MeetingLine) -> str:
    return f"{meeting.title} ({' or '.join(map(short, meeting.held_on)) or 'undated'})"


def _came(meeting: MeetingLine, count: AttendanceCount) -> str:
    known = count.there or count.unnamed or meeting.state == "held"
    return str(count) if known else f"not known; {count.of} on record as members"


def _shown(known: AttendanceCell, party: str) -> Cell:
    entries = distinct((*(entry.evidence for entry in known.entries), known.against))
    # A list that leaves the party out is cited only where it is counted.
    evidence = known.evidence if known.voices(NOT_MENTIONED) else entries or known.evidence
    quiet = not known.entries and not known.member
    return attrs.evolve(cell(known.shown(party), evidence), quiet=quiet)


def _hedged(shown: Cell, known: AttendanceCell, *, unnamed: bool) -> Cell:
    """The cell, with a remark where the party may be among unnamed participants."""
    if not unnamed or (known.entries and not known.silent):
        return shown
    return attrs.evolve(shown, text=f"{shown.text}, some who came are unnamed")


def shown_person(known: AttendanceCell, person: str) -> Cell:
    """The status of one who is counted for itself, with whom it was there for."""
    shown = _shown(known, person)
    own = [entry for entry in known.entries if entry.participant == person]
    parties = dict.fromkeys(str(entry.represents) for entry in own if entry.represents)
    others = dict.fromkeys(str(entry.instead_of) for entry in own if entry.instead_of)
    remarks = [f"for {', '.join(parties)}"] if parties else []
    remarks += [f"instead of {', '.join(others)}"] if others else []
    return attrs.evolve(shown, text=", ".join((shown.text, *remarks)))


def title_cell(meeting: MeetingLine) -> Cell:
    """The name of a meeting, with what reports differ in."""
    return about("meeting", meeting.meeting, meeting.shown_title)


def _sideline(sideline: SidelineLine) -> Line:
    who = tuple(_named_with_status(party) for party in sideline.parties)
    meeting = sideline.meeting
    days = tuple(map(when, meeting.held_on))
    day, title, state = line(meeting.evidence, days, title_cell(meeting), meeting.state)
    return day, title, cell(who, sideline.evidence), state


def _named_with_status(line: AttendanceLine) -> str:
    (only,) = line.cells
    shown = only.shown(line.party)
    if only.status == "attended" and not only.voices(NOT_MENTIONED):
        return line.name + shown.removeprefix("attended")
    return f"{line.name}: {shown}"


# Making the report


def attendance_report(
    view: View, *, series: str | None = None, meeting: str | None = None
) -> AttendanceReport:
    """Who attended the meetings of a series, one meeting, or all meetings.

    A meeting belongs to a series if any source says so. Of all meetings, those with known
    participants are listed.

    Args:
        view: the read models to report from.
        series: only the editions of this series.
        meeting: only this meeting.

    Example:
        timeline report attendance --series summits

    Raises:
        NotFound: no such series or meeting is in view.
    """
    chosen = chosen_meetings(view, series, meeting)
    register = Register(view)
    rolls = register.rolls(chosen)
    if series is None and meeting is None:
        rolls = [roll for roll in rolls if roll.entries]
    citer = Citer(view)
    citer.load(id for roll in rolls for id in roll.cited)
    meetings = tuple(meeting_lines(view, citer, (roll.row for roll in rolls)))
    order = {meeting.meeting: index for index, meeting in enumerate(meetings)}
    rolls.sort(key=lambda roll: order[roll.row.meeting])
    origins = Origins(view, citer)
    listed = [roll.row for roll in rolls]
    return AttendanceReport(
        series=series,
        meeting=meeting,
        meetings=meetings,
        counts=tuple(_count(citer, origins, *of) for of in zip(rolls, meetings, strict=True)),
        parties=_lines(citer, origins, rolls, meetings, with_members=True),
        people=_people(view, citer, origins, rolls, meetings),
        sidelines=tuple(_sideline_lines(view, register, citer, origins, listed)),
        **made_from(view, citer),
    )


def _lines(
    citer: Citer,
    origins: Origins,
    rolls: Sequence[Roll],
    meetings: Sequence[MeetingLine],
    *,
    with_members: bool,
) -> tuple[AttendanceLine, ...]:
    parties = {party for roll in rolls for party in roll.parties}
    if with_members:
        parties.update(party for roll in rolls for party in roll.members)
    columns = [_column(citer, origins, *column) for column in zip(rolls, meetings, strict=True)]
    naming, place = _naming(rolls), _place(rolls)
    # Most of a large table is blank: only the meetings that concern a party are looked at for it.
    blank = tuple(cell_of("") for cell_of in columns)
    concerning: dict[str, list[int]] = {party: [] for party in parties}
    for index, roll in enumerate(rolls):
        for party in parties & (roll.parties | roll.members.keys() | roll.guests):
            concerning[party].append(index)

    def cells(party: str) -> Iterable[AttendanceCell]:
        row = list(blank)
        for index in concerning[party]:
            row[index] = columns[index](party)
        return row

    return tuple(
        AttendanceLine(
            party=party,
            name=citer.name(party).name,
            cells=tuple(cells(party)),
            evidence=citer.cite(naming[party]),
        )
        for party in sorted(parties, key=lambda id: (place(id), citer.name(id).name, id))
    )


def _place(rolls: Sequence[Roll]) -> Callable[[str], int]:
    """The place of a party in the sources' lists of one meeting; several have no one order."""
    if len(rolls) != 1:
        return lambda party: 0
    entries = sorted(rolls[0].entries, key=lambda entry: (entry.row.position, entry.row.number))
    places = {party: place for place, party in enumerate(dict.fromkeys(e.party for e in entries))}
    return lambda party: places.get(party, len(places))


def _people(
    view: View,
    citer: Citer,
    origins: Origins,
    rolls: Sequence[Roll],
    meetings: Sequence[MeetingLine],
) -> tuple[AttendanceLine, ...]:
    """The participants that are persons, each counted for itself."""
    persons = persons_in(view, (entry for roll in rolls for entry in roll.entries))
    by_person = [roll.by_person(persons) for roll in rolls]
    return _lines(citer, origins, by_person, meetings, with_members=False)


def _column(
    citer: Citer, origins: Origins, roll: Roll, meeting: MeetingLine
) -> Callable[[str], AttendanceCell]:
    """The cells of one meeting, by party; parties that no report names share one."""
    named = roll.parties
    others: dict[bool | None, AttendanceCell] = {}

    def cell_of(party: str) -> AttendanceCell:
        if party in named:
            return attendance_cell(citer, origins, roll, party, meeting)
        member = roll.is_member(party)
        if member not in others:
            others[member] = attendance_cell(citer, origins, roll, party, meeting)
        return others[member]

    return cell_of


def _naming(rolls: Sequence[Roll]) -> dict[str, tuple[str, ...]]:
    """The events that first name each party, or else have it among the members."""
    naming: dict[str, tuple[str, ...]] = {}
    for roll in rolls:
        for entry in roll.entries:
            naming.setdefault(entry.party, entry.events)
    for roll in rolls:
        for party, events in roll.members.items():
            naming.setdefault(party, events)
    return naming


def attendance_cell(
    citer: Citer, origins: Origins, roll: Roll, party: str, line: MeetingLine
) -> AttendanceCell:
    """What is known of one party, or person, at one meeting."""
    entries = tuple(
        citer.line(
            AttendanceEntry,
            entry.row,
            name=citer.name(entry.row.participant).name,
            represents=entry.represents,
            office=None if entry.office is None else entry.office.role,
            evidence=citer.cite(entry.events),
        )
        for entry in roll.of(party)
    )
    disputes = [entry.disputes for entry in roll.of(party) if entry.disputes is not None]
    naming = {line.source for entry in entries for c in entry.evidence for line in c.sources}
    silent = tuple(
        cited
        for cited in citer.cite(roll.lists(without=party))
        # A source that names the party in another of its lists does not leave it out.
        if not cited.sources or any(source.source not in naming for source in cited.sources)
    )
    return AttendanceCell(
        meeting=roll.row.meeting,
        status=_status([entry.status for entry in entries]),
        entries=entries,
        silent=silent,
        reports=() if entries or silent else line.evidence,
        member=roll.is_member(party),
        origins=_origins_by_status(origins, entries, silent),
        disputed_by=citer.names(dict.fromkeys(who for row in disputes for who in row.speakers)),
        against=citer.cite(id for row in disputes for id in row.events),
    )


def _origins_by_status(
    origins: Origins, entries: Sequence[AttendanceEntry], silent: Sequence[Citation]
) -> tuple[Voices, ...]:
    """The independent origins that give each status; `not mentioned` by those that never do."""
    by_status: dict[str, dict[str, None]] = {}
    for entry in entries:
        # An office or a membership says whom somebody counts for, not who came.
        reports = (cited.event for cited in entry.evidence if cited.type not in _NO_REPORTS)
        by_status.setdefault(entry.status, {}).update(dict.fromkeys(reports))
    paths = origins.of_citations(distinct((*(entry.evidence for entry in entries), silent)))
    naming = {
        path.origin for events in by_status.values() for path in paths if path.event in events
    }
    passing = tuple(origin for origin in _read_origins(paths, silent) if origin not in naming)
    given = (
        Voices(status, tuple(dict.fromkeys(p.origin for p in paths if p.event in events)))
        for status, events in by_status.items()
    )
    return (*(voices for voices in given if voices.origins), *_not_mentioned_by(passing))


def _not_mentioned_by(origins: tuple[Named, ...]) -> tuple[Voices, ...]:
    return (Voices(NOT_MENTIONED, origins),) if origins else ()


def _read_origins(paths: Iterable[Path], lists: Iterable[Citation]) -> tuple[Named, ...]:
    """The origins of these lists by sources that were read, as far as is known.

    Nobody knows whom the others leave out.
    """
    events = {citation.event for citation in lists}
    read = (path for path in paths if path.event in events and path.support.cited_in is None)
    return tuple(dict.fromkeys(path.origin for path in read))


def _status(reported: Sequence[str]) -> str:
    outcomes = [status for status in OUTCOMES if status in reported]
    if outcomes:
        return " / ".join(outcomes)
    return next((status for status in PLANS if status in reported), NOT_MENTIONED)


def _count(citer: Citer, origins: Origins, roll: Roll, line: MeetingLine) -> AttendanceCount:
    came = [entry for entry in roll.entries if entry.row.status in THERE]
    unnamed = any(entry.party in roll.unnamed for entry in came)
    there = {entry.party for entry in came} - roll.unnamed
    counted = there & roll.members.keys() if roll.members else there
    absent = {entry.party for entry in roll.entries if entry.row.status == "absent"}
    denied = {entry.party for entry in came if entry.disputes is not None}
    # Any member may be among the unnamed participants.
    missing = () if unnamed else sorted(citer.names(roll.members.keys() - there), key=str)
    lists = citer.cite(roll.lists())
    belonging = [id for events in roll.members.values() for id in events]
    return AttendanceCount(
        meeting=roll.row.meeting,
        there=len(counted),
        of=len(roll.members) or None,
        unnamed=unnamed,
        disputed=len(counted & (absent | denied)),
        others=len(there - counted),
        missing=tuple(missing),
        lists=lists,
        listed_by=_read_origins(origins.of_citations(lists), lists),
        evidence=citer.cite([*(id for e in came for id in (*e.events, *e.against)), *belonging])
        or line.evidence,
    )


def _sideline_lines(
    view: View, register: Register, citer: Citer, origins: Origins, rows: Sequence[MeetingRow]
) -> Iterable[SidelineLine]:
    ids = dict.fromkeys(row.meeting for row in rows)
    within = gathered(view, MeetingReportRow, "within", ids)
    beside = [report for reports in within.values() for report in reports]
    others = (row for row in meeting_rows(view, beside) if row.meeting not in ids)
    rolls = {roll.row.meeting: roll for roll in register.rolls(others)}
    for meeting in meeting_lines(view, citer, (roll.row for roll in rolls.values())):
        parties = _lines(citer, origins, [rolls[meeting.meeting]], [meeting], with_members=False)
        evidence = distinct(party.cells[0].evidence for party in parties) or meeting.evidence
        yield SidelineLine(meeting, parties, evidence)
