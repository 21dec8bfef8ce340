"""What can be said of one meeting from all reports of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from timeline.clock import UNKNOWN, When
from timeline.projection import View
from timeline.projections.initiatives import latest_key
from timeline.projections.meetings import MeetingReportRow, MeetingRow
from timeline.reports.evidence import Citation, Citer, text


@attrs.frozen
class MeetingLine:
    """One meeting.

    Attributes:
        meeting: its id.
        title: its name.
        form: what sort of meeting.
        series: the series it is an edition of.
        within: the id of the larger meeting it belongs to.
        state: `held`, `called off`, or `announced` with how firmly; the outcome of what was only
            announced is unknown.
        held_on: when it was held or is to be; several where reports differ.
        place: where; several where reports differ.
        notes: what else was said of it.
        evidence: the events behind all this.
    """

    meeting: str
    title: str
    form: str
    series: str | None
    within: str | None
    state: str
    held_on: tuple[str, ...]
    place: tuple[str, ...]
    notes: tuple[str, ...]
    evidence: tuple[Citation, ...]


def meeting_lines(view: View, citer: Citer, meetings: Iterable[MeetingRow]) -> list[MeetingLine]:
    """A line for each meeting, in order of time; those of unknown year come last."""
    reports = {row.meeting: view.all(MeetingReportRow, meeting=row.meeting) for row in meetings}
    citer.load(id for found in reports.values() for report in found for id in report.events)
    rows = {row.meeting: row for row in meetings}
    ordered = sorted(rows.values(), key=lambda row: (_order(reports[row.meeting]), row.meeting))
    return [_line(citer, row, reports[row.meeting]) for row in ordered]


def _line(citer: Citer, row: MeetingRow, reports: Sequence[MeetingReportRow]) -> MeetingLine:
    by_position = sorted(reports, key=lambda report: report.position)
    ids = dict.fromkeys(id for report in by_position for id in report.events)
    return MeetingLine(
        meeting=row.meeting,
        title=row.title,
        form=row.form,
        series=row.series,
        within=row.within,
        state=_state(by_position),
        held_on=_latest(by_position, lambda report: text(report.held_on)),
        place=_latest(by_position, lambda report: report.place),
        notes=_distinct(report.text for report in by_position),
        evidence=citer.cite(ids),
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
    if plans[0].what == "called off":
        return "called off"
    firmness = next((plan.firmness for plan in plans if plan.firmness), None)
    words = {"possible": "possible, not scheduled", "intended": "announced as intended"}
    return f"{words.get(firmness or '', 'announced')}; outcome unknown"


def _order(reports: Sequence[MeetingReportRow]) -> When:
    current = _held(reports) or _plans(reports)
    return min((report.held_on for report in current if report.held_on), default=UNKNOWN)


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))
