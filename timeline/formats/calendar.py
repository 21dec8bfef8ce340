"""Meetings as iCalendar (RFC 5545), for calendar programs.

A calendar knows days and instants, and our dates may be neither. A known day, or several in a row,
is an all-day event. A time stands only where a source gives one with its zone. Whatever is vaguer
spans all the days it may be, and says so in its title. What has no year, or no date at all, cannot
stand in a calendar: it is named in the calendar's own description.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from timeline.dates import When
from timeline.engine.projection import View
from timeline.errors import MissingExtra
from timeline.projections.amendments import AmendmentRow
from timeline.projections.meetings import MeetingRow
from timeline.reports.attendance import (
    AttendanceCell,
    AttendanceLine,
    AttendanceReport,
    attendance_report,
)
from timeline.reports.citations import Citation, Citer, Support
from timeline.reports.findings.meetings import MeetingLine, meeting_lines
from timeline.reports.layout import in_words
from timeline.reports.render.notes import inert

if typing.TYPE_CHECKING:
    from icalendar import Event  # from an extra, so only where it is needed

_PRODUCT = "-//timeline//timeline-store//EN"
_STATUS = {"held": "CONFIRMED", "called off": "CANCELLED"}
_POINT = r"\d{4}-\d\d-\d\d([T ]\d[^/]*)?"
_CERTAIN = re.compile(rf"{_POINT}(/{_POINT})?\Z", re.ASCII)
_INSTANT = r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-][\d:]+)"
_ZONED = re.compile(rf"{_INSTANT}(/{_INSTANT})?\Z", re.ASCII)
_DAY = timedelta(days=1)

_Span = tuple[date | datetime, date | datetime | None]


def calendar(view: View, *, series: str | None = None, meeting: str | None = None) -> bytes:
    """The meetings of a series, one meeting, or all; from one view always the same bytes.

    Each meeting goes by one UID for good, and its SEQUENCE is the position of the last event about
    it: a calendar program that reads the file again changes what it has. Who attended stands in the
    description, since an ATTENDEE needs an address.

    Raises:
        NotFound: no such series or meeting is in view.
        MissingExtra: the library `icalendar` is not installed.
    """
    try:
        from icalendar import Calendar
    except ImportError:
        raise MissingExtra("A calendar", "sheets") from None

    report = attendance_report(view, series=series, meeting=meeting)
    meetings: Sequence[MeetingLine] = report.meetings
    if series is None and meeting is None:
        # The report leaves out those of which nobody said who came.
        meetings = meeting_lines(view, Citer(view), view.all(MeetingRow))
    made = Calendar()
    made.add("prodid", _PRODUCT)
    made.add("version", "2.0")
    name = f"Meetings: {report.series}" if report.series else "Meetings"
    made.add("name", name)  # RFC 7986
    made.add("x-wr-calname", name)  # what most programs read
    notes = [str(report.standing), *_left_out(meetings)]
    made.add("description", inert("\n".join(notes)))
    cells, retracted = _cells(report), _retracted(view)
    for line in meetings:
        span = _span(line.held_on)
        if span is not None:
            event = _event(line, span, cells.get(line.meeting, []))
            last = max(cited.position for cited in line.evidence)
            event.add("sequence", max(last, retracted.get(line.meeting, 0)))
            made.add_component(event)
    return bytes(made.to_ical())


def _retracted(view: View) -> dict[str, int]:
    """The position of the last retraction of what was reported of a meeting, by meeting."""
    kinds = {"retracted", "superseded"}
    rows = [row for row in view.all(AmendmentRow) if row.kind in kinds]
    events = view.events({target for row in rows for target in row.targets})
    return {
        getattr(events[target].event, "meeting", ""): row.position
        for row in sorted(rows, key=lambda row: row.position)
        for target in row.targets
    }


_Cells = list[tuple[AttendanceLine, AttendanceCell]]
"""The parties of which something was said, each with what."""


def _cells(report: AttendanceReport) -> dict[str, _Cells]:
    return {
        meeting.meeting: [
            (party, party.cells[index]) for party in report.parties if party.cells[index].entries
        ]
        for index, meeting in enumerate(report.meetings)
    }


def _event(meeting: MeetingLine, span: _Span, cells: _Cells) -> Event:
    from icalendar import Event

    cited = _cited(meeting, cells)
    # The last time that something of it was recorded.
    stamp = max(datetime.fromisoformat(citation.recorded_at) for citation in cited)
    made = Event()
    made.add("uid", f"meeting-{meeting.meeting}@timeline")
    made.add("dtstamp", stamp.astimezone(UTC))
    made.add("last-modified", stamp.astimezone(UTC))
    begins, ends = span
    made.add("dtstart", begins)
    if ends is not None:
        made.add("dtend", ends)
    made.add("summary", inert(meeting.shown_title + _doubt(meeting.held_on)))
    made.add("status", _STATUS.get(meeting.state, "TENTATIVE"))
    made.add("transp", "TRANSPARENT")  # nobody who looks at it is busy then
    made.add("categories", [meeting.form])
    if meeting.place:
        made.add("location", inert(" or ".join(meeting.place)))
    if url := _address(cited):
        made.add("url", url)
    made.add("description", inert("\n".join(_description(meeting, cells, cited))))
    return made


def _span(dates: Sequence[str]) -> _Span | None:
    """From when to when, the end left out as calendars do; all that the reports say together."""
    times = [When(text) for text in dates]
    if len(times) == 1 and _ZONED.match(dates[0]):
        (first, last) = times[0].earliest, times[0].latest
        assert first is not None  # an instant has bounds
        assert last is not None
        return _in_seconds(first), None if first == last else _in_seconds(last)
    bounds = [time.days for time in times]
    begins = [first for first, _ in bounds if first is not None]
    ends = [last for _, last in bounds if last is not None]
    if not begins and not ends:
        return None
    return min(begins or ends), min(max(ends or begins), date.max - _DAY) + _DAY


def _in_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _doubt(dates: Sequence[str]) -> str:
    if len(dates) == 1 and _CERTAIN.match(dates[0]):
        return ""
    return f" (date uncertain: {_date_words(dates)})"


def _date_words(dates: Sequence[str]) -> str:
    return " or ".join(When(date).words for date in dates)


def _cited(meeting: MeetingLine, cells: _Cells) -> list[Citation]:
    """The evidence for a meeting and for who came to it."""
    said = (citation for _, cell in cells for entry in cell.entries for citation in entry.evidence)
    every = {citation.event: citation for citation in (*meeting.evidence, *said)}
    return sorted(every.values(), key=lambda citation: citation.position)


def _description(meeting: MeetingLine, cells: _Cells, cited: Iterable[Citation]) -> Iterator[str]:
    yield f"{meeting.state[0].upper()}{meeting.state[1:]}. Date: {_date_words(meeting.held_on)}."
    yield from meeting.notes
    if cells:
        yield "\nAttendance, as reported:"
        yield from (f"- {party.name}: {cell.shown(party.party)}" for party, cell in cells)
    yield "\nEvidence:"
    for citation in cited:
        reasons = [_source(support) for support in citation.sources]
        reasons += [citation.reason] if citation.reason else []
        yield from (f"- {reason} [{citation.event}]" for reason in dict.fromkeys(reasons))


def _source(support: Support) -> str:
    parts = [f"{support.publisher}: “{support.title}”", in_words(support.published)]
    parts += [part for part in (support.at, support.address) if part]
    return ", ".join(parts)


def _address(cited: Iterable[Citation]) -> str | None:
    """The first address of a source that a program may open."""
    addresses = (support.address for citation in cited for support in citation.sources)
    return next((address for address in addresses if address and _WEB.match(address)), None)


_WEB = re.compile(r"https?://[!-~]+\Z", re.ASCII)
"""Nothing but what may stand in an address as it is, which a line of a calendar must not break."""


def _left_out(meetings: Iterable[MeetingLine]) -> Iterator[str]:
    undated = [meeting for meeting in meetings if _span(meeting.held_on) is None]
    if undated:
        yield "Left out, since no year is known:"
    for meeting in undated:
        yield f"- {meeting.shown_title} ({_date_words(meeting.held_on) or 'undated'})"
