"""What can be said of one meeting from all reports of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import attrs

from timeline.dates import UNKNOWN, When, latest_key
from timeline.engine.projection import View
from timeline.projections.meetings import MeetingReportRow, MeetingRow
from timeline.reports.evidence import Citation, Citer, text
from timeline.reports.model import not_found

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
    evidence: tuple[Citation, ...]

    @property
    def shown_title(self) -> str:
        """The name with what reports differ in."""
        title = " / ".join((self.title, *self.other_titles))
        odd = [
            " / ".join((first or "none", *others))
            for first, others in ((self.form, self.other_forms), (self.series, self.other_series))
            if others
        ]
        return f"{title} ({'; '.join(odd)})" if odd else title


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
    ordered = sorted(rows.values(), key=lambda row: (_order(reports[row.meeting]), row.meeting))
    return [_line(citer, row, reports[row.meeting]) for row in ordered]


def _line(citer: Citer, row: MeetingRow, reports: Sequence[MeetingReportRow]) -> MeetingLine:
    by_position = sorted(reports, key=lambda report: report.position)
    ids = dict.fromkeys(id for report in by_position for id in report.events)
    ids = ids or dict.fromkeys(row.events)
    return MeetingLine(
        meeting=row.meeting,
        title=row.title,
        form=row.form,
        series=row.series,
        within=row.within,
        other_titles=_others(row.title, (report.title for report in by_position)),
        other_forms=_others(row.form, (report.form for report in by_position)),
        other_series=_others(row.series, (report.series for report in by_position)),
        other_within=_others(row.within, (report.within for report in by_position)),
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
