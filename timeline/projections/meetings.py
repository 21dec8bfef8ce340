"""Meetings, and who was invited, expected, there, or not."""

from __future__ import annotations

from typing import Annotated, Any

from timeline.dates import When
from timeline.engine.projection import (
    OfEvent,
    OfMeeting,
    Projection,
    Rows,
    Subject,
    changed,
    on,
    row,
    row_of,
)
from timeline.events import (
    AttendanceReported,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
    RecordedEvent,
)

ANY_FORM = "other"
"""What a meeting's form is where the recorder gave none."""


@row("meetings", key=("meeting",))
class MeetingRow:
    """One meeting: an edition of its series, where it has one.

    `title` is as first recorded; `form`, `series`, `within` and `body` as first said by any report.
    What each report says is in the reports.
    """

    meeting: OfMeeting
    title: str
    form: str
    series: str | None
    within: str | None
    body: str | None
    events: tuple[str, ...]


@row("meeting_reports", key=("event",))
class MeetingReportRow:
    """What one event says of a meeting.

    `what` is announced, rescheduled, called off or held. `held_on` is when it was, or is to be,
    held; `said_on` is when an announcement was made. `coded` is whether all its evidence is coded
    event data. Reports that disagree stand side by side.
    """

    event: OfEvent
    meeting: OfMeeting
    position: int
    what: str
    firmness: str | None
    held_on: When | None
    said_on: When | None
    place: str | None
    announced_by: str | None
    title: str | None
    form: str | None
    series: Annotated[str, Subject("series")] | None
    within: Annotated[str, Subject("meeting", "within")] | None
    about: tuple[str, ...]
    topics: tuple[str, ...]
    text: str | None
    coded: bool
    events: tuple[str, ...]


@row("attendance", key=("event", "number"))
class AttendanceRow:
    """What one event says of one participant of one meeting; `number` is the entry within it.

    `party` is whom the participant was there for, or the participant where nothing was said.
    `complete` is whether the event lists all who were invited or came.
    """

    event: OfEvent
    number: int
    meeting: OfMeeting
    party: str
    participant: str
    status: str
    role: str | None
    instead_of: str | None
    mode: str | None
    read_by: str | None
    capacity: str | None
    complete: bool
    position: int
    occurred: When | None
    events: tuple[str, ...]


class Meetings(Projection):
    """Each meeting, what was reported of it, and its attendance."""

    name = "meetings"
    version = 5
    split_by = "meeting"
    rows = (MeetingRow, MeetingReportRow, AttendanceRow)

    @on(MeetingAnnounced)
    def announced(self, rows: Rows, recorded: RecordedEvent[MeetingAnnounced]) -> None:
        """Keep the plan."""
        said = recorded.event
        _put_meeting(rows, recorded, said)
        rows.put(
            row_of(
                MeetingReportRow,
                recorded,
                what="announced",
                held_on=said.planned,
                said_on=recorded.occurred,
                announced_by=said.by,
                topics=(),
                coded=_is_coded(recorded),
            )
        )
        _put_attendance(rows, recorded)

    @on(MeetingRescheduled)
    def rescheduled(self, rows: Rows, recorded: RecordedEvent[MeetingRescheduled]) -> None:
        """Keep the new plan beside the old."""
        said = recorded.event
        _put_change(rows, recorded, "rescheduled", held_on=said.planned, place=said.place)

    @on(MeetingCalledOff)
    def called_off(self, rows: Rows, recorded: RecordedEvent[MeetingCalledOff]) -> None:
        """Keep that it will not be."""
        _put_change(rows, recorded, "called off", held_on=None, place=None)

    @on(MeetingHeld)
    def held(self, rows: Rows, recorded: RecordedEvent[MeetingHeld]) -> None:
        """Keep the report."""
        said = recorded.event
        _put_meeting(rows, recorded, said)
        rows.put(
            row_of(
                MeetingReportRow,
                recorded,
                what="held",
                firmness=None,
                held_on=recorded.occurred,
                said_on=None,
                announced_by=None,
                coded=_is_coded(recorded),
            )
        )
        _put_attendance(rows, recorded)

    @on(AttendanceReported)
    def attended(self, rows: Rows, recorded: RecordedEvent[AttendanceReported]) -> None:
        """Keep what it says of each participant."""
        _keep_in_view(rows, recorded, recorded.event.meeting)
        _put_attendance(rows, recorded)


def _put_meeting(
    rows: Rows, recorded: RecordedEvent[Any], said: MeetingAnnounced | MeetingHeld
) -> None:
    known = rows.get(MeetingRow, said.meeting)
    if known is None:
        known = MeetingRow(said.meeting, said.title, said.form, None, None, None, ())
    unnamed = known.title == known.meeting  # known only from a change of plans so far
    rows.put(
        changed(
            known,
            title=said.title if unnamed else known.title,
            form=said.form if known.form == ANY_FORM else known.form,
            series=known.series or said.series,
            within=known.within or said.within,
            body=known.body or said.body,
            events=(*known.events, *recorded.basis),
        )
    )


def _put_change(
    rows: Rows,
    recorded: RecordedEvent[MeetingRescheduled] | RecordedEvent[MeetingCalledOff],
    what: str,
    *,
    held_on: When | None,
    place: str | None,
) -> None:
    meeting = recorded.event.meeting
    _keep_in_view(rows, recorded, meeting)
    rows.put(
        row_of(
            MeetingReportRow,
            recorded,
            meeting=meeting,
            what=what,
            firmness=None,
            held_on=held_on,
            said_on=recorded.occurred,
            place=place,
            announced_by=recorded.event.by,
            title=None,
            form=None,
            series=None,
            within=None,
            about=(),
            topics=(),
            coded=_is_coded(recorded),
        )
    )


def _keep_in_view(rows: Rows, recorded: RecordedEvent[Any], meeting: str) -> None:
    """A meeting whose announcement or report was retracted keeps what else was reported of it."""
    if rows.get(MeetingRow, meeting) is None:
        rows.put(MeetingRow(meeting, meeting, ANY_FORM, None, None, None, recorded.basis))


def _is_coded(recorded: RecordedEvent[Any]) -> bool:
    evidence = recorded.evidence
    return bool(evidence) and all(entry.coding is not None for entry in evidence)


def _put_attendance(
    rows: Rows, recorded: RecordedEvent[MeetingAnnounced | MeetingHeld | AttendanceReported]
) -> None:
    said = recorded.event
    for number, entry in enumerate(said.attendance, start=1):
        rows.put(
            row_of(
                AttendanceRow,
                recorded,
                entry,
                number=number,
                meeting=said.meeting,
                party=entry.represents or entry.actor,
                participant=entry.actor,
                complete=said.complete,
            )
        )
