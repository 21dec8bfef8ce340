"""Meetings: announced, moved, called off, held, and who was there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import attrs
import msgspec

from timeline.dates import When, when
from timeline.events.actors import strings
from timeline.events.base import ActorId, MeetingId, ProposalId, SeriesId, Text, event, several

Status = Literal["invited", "expected", "confirmed", "attended", "represented", "absent"]
"""Six that a source can report; the seventh, `not mentioned`, is what no source said."""

Mode = Literal["in person", "by video", "by telephone", "by letter", "beside the meeting"]

Form = Literal["summit", "session", "bilateral", "talks", "call", "visit", "briefing", "other"]

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


@attrs.frozen
class Attendance:
    """What a source says of one participant.

    Attributes:
        actor: the person, or the state where no person is named.
        status: what it says.
        represents: the state or body the person was there for.
        role: such as `host` or `chair`.
        instead_of: who would have come, where the person stood in.
        mode: how the person took part; None where nothing is said, which means in person.
            `beside the meeting` is for who was there and not in the room.
        read_by: who read the person's letter out, where `mode` is `by letter`.
        capacity: the office that the person came in, such as `energy minister`.
    """

    actor: ActorId
    status: Status
    represents: ActorId | None = None
    role: str | None = None
    instead_of: ActorId | None = None
    mode: Mode | None = None
    read_by: ActorId | None = None
    capacity: str | None = None


def attendances(value: Iterable[Attendance | Mapping[str, Any]]) -> tuple[Attendance, ...]:
    """A tuple of the attendances; a mapping becomes one."""
    return several(Attendance, value)


@event(category="meeting", subject="meeting", opens=True, evidence=True)
class MeetingAnnounced:
    """A meeting was said to be coming, or to be possible.

    `occurred` is when that was said; `planned` is when the meeting is to be.

    Attributes:
        meeting: the recorder's name for it: this one meeting, not the series.
        title: the name to show.
        form: what sort of meeting.
        planned: when it is to be held; None where nothing was said.
        firmness: how firm the plan was.
        place: where it is to be held.
        series: the series it is an edition of.
        within: the larger meeting it is to be held at or beside.
        by: who announced it.
        about: the proposals it is to deal with.
        attendance: who was said to be invited, expected or confirmed.
        text: anything else said of it, in the recorder's own words.
        body: the body whose members it is for.
        complete: whether the source means to list all who were invited, expected or confirmed, so
            that whoever is not in `attendance` is left out of its list.
    """

    meeting: MeetingId
    title: Title
    form: Form = "other"
    planned: When | None = attrs.field(default=None, converter=when)
    firmness: Literal["possible", "intended", "scheduled"] = "scheduled"
    place: str | None = None
    series: SeriesId | None = None
    within: MeetingId | None = None
    by: ActorId | None = None
    about: tuple[ProposalId, ...] = attrs.field(default=(), converter=strings)
    attendance: tuple[Attendance, ...] = attrs.field(default=(), converter=attendances)
    text: Text | None = None
    body: ActorId | None = None
    complete: bool = False


@event(category="meeting", subject="meeting", evidence=True)
class MeetingRescheduled:
    """A meeting was moved in time or place; None where that stays.

    `occurred` is when that was said.

    Attributes:
        meeting: which.
        planned: when it is to be held now.
        place: where it is to be held now.
        by: who moved it, or said so.
        text: anything else said of it, in the recorder's own words.
    """

    meeting: MeetingId
    planned: When | None = attrs.field(default=None, converter=when)
    place: str | None = None
    by: ActorId | None = None
    text: Text | None = None


@event(category="meeting", subject="meeting", evidence=True)
class MeetingCalledOff:
    """A meeting will not be held. `occurred` is when that was said.

    Attributes:
        meeting: which.
        by: who called it off, or said so.
        text: anything else said of it, in the recorder's own words.
    """

    meeting: MeetingId
    by: ActorId | None = None
    text: Text | None = None


@event(category="meeting", subject="meeting", opens=True, evidence=True)
class MeetingHeld:
    """A meeting took place. `occurred` is when.

    Attributes:
        meeting: the recorder's name for it: this one meeting, not the series.
        title: the name to show.
        form: what sort of meeting.
        place: where.
        series: the series it is an edition of.
        within: the larger meeting it was held at or beside.
        about: the proposals it dealt with.
        attendance: who was invited, attended, or stayed away, by this report.
        topics: the matters named.
        text: what happened there, in the recorder's own words.
        body: the body whose members it was for.
        complete: whether the source means to list all who were invited or came, so that whoever is
            not in `attendance` is left out of its list.
    """

    meeting: MeetingId
    title: Title
    form: Form = "other"
    place: str | None = None
    series: SeriesId | None = None
    within: MeetingId | None = None
    about: tuple[ProposalId, ...] = attrs.field(default=(), converter=strings)
    attendance: tuple[Attendance, ...] = attrs.field(default=(), converter=attendances)
    topics: tuple[str, ...] = attrs.field(default=(), converter=strings)
    text: Text | None = None
    body: ActorId | None = None
    complete: bool = False


@event(category="meeting", subject="meeting", evidence=True)
class AttendanceReported:
    """A source says more of who was invited to a meeting, expected, there, or not.

    Attributes:
        meeting: the meeting.
        attendance: what it says of each participant that it names.
        complete: whether the source means to list all who were invited or came. Only then does it
            tell something of whom it does not name; a readout that names its own president, or
            speaks of eight leaders, is no such list.
    """

    meeting: MeetingId
    attendance: tuple[Attendance, ...] = attrs.field(converter=attendances)
    complete: bool = False
