"""Who met whom, how often, and when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import UNKNOWN, Occurred, When
from timeline.engine.projection import View
from timeline.models.meetings import MeetingReportRow
from timeline.reports.actors import find_actor
from timeline.reports.capped import TOP, Counted, counted, left_uncited, require_top, times_met
from timeline.reports.document import Document, Table, cell, number, table
from timeline.reports.evidence import Citation, Citer, Named
from timeline.reports.filters import Span, chosen_by
from timeline.reports.model import Report, made_from
from timeline.reports.rules.meetings import meeting_dates
from timeline.reports.rules.participation import WHO_MEETS, Entry, everyone, pairs


@attrs.frozen
class Encounter:
    """One meeting of two who were there.

    Attributes:
        meeting: its id.
        form: what sort of meeting.
        date: when it was held; an unknown date where no report says. The first of several.
        disputed: whether other reports have one of the two absent.
        coded: whether all that is on record of the meeting is coded event data.
        events: what has the two there.
    """

    meeting: str
    form: str
    date: When
    disputed: bool
    coded: bool
    events: tuple[str, ...]


@attrs.frozen
class EncounterLine:
    """Two who met.

    Attributes:
        one: the one whose id comes first.
        other: the other.
        meetings: how many meetings are on record at which both were.
        disputed: how many of these one of the two was absent from, by other reports.
        coded: how many of these only coded event data report. A program wrote these rows, each for
            a sentence: they are not that many meetings.
        coded_days: on how many different dates these are.
        days: on how many different dates; less than the meetings where several are of one day,
            which may then be one meeting told of twice.
        first: the date of the first.
        last: that of the last.
        forms: what sorts of meetings these were, the most frequent first, each with how many.
    """

    one: Named
    other: Named
    meetings: Counted
    disputed: int
    coded: int
    coded_days: int
    days: int
    first: str | None
    last: str | None
    forms: dict[str, int]

    @property
    def evidence(self) -> tuple[Citation, ...]:
        """The events behind the first of the meetings."""
        return self.meetings.evidence


@attrs.frozen(kw_only=True)
class EncountersReport(Report):
    """Pairs who met, those that met most often first.

    Attributes:
        actor: the one whose encounters these are; None for everybody's.
        chosen_by: what it was chosen by, in words.
        pairs: how many pairs met, in the time given.
        meetings: how many meetings of two or more these rest on.
        coded: how many of these only coded event data report.
        encounters: the pairs, up to as many as were asked for.
    """

    kind: ClassVar[str] = "encounters"

    actor: str | None
    since: str | None
    until: str | None
    chosen_by: tuple[str, ...]
    pairs: int
    meetings: int
    coded: int
    encounters: tuple[EncounterLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        title = ", ".join(self.chosen_by)
        left = self.pairs - len(self.encounters)
        lead = self._lead
        if left:
            lead += f" The {len(self.encounters):,} with the most of these are shown."
        only_coded = 0 < self.meetings == self.coded
        heading = "Who consults whom by coded reports" if only_coded else "Who met whom"
        return self._document(
            f"{heading}: {title}" if title else heading,
            [self._table()],
            lead=(cell(lead),),
            note="Two have met who by any report were both at a meeting; “disputed” if other "
            f"reports have one of them absent. {WHO_MEETS} Of each pair the first five meetings "
            "are cited." + left_uncited(line.meetings for line in self.encounters),
        )

    @property
    def _lead(self) -> str:
        pairs, reports = number(self.pairs, "pair"), number(self.coded, "coded report")
        met = self.meetings - self.coded
        if not self.coded:
            return f"{pairs} met, at {number(met, 'meeting')}."
        if not met:
            return f"{pairs} consulted by {reports}; nothing else on record has them meet."
        return f"{pairs} met at {number(met, 'meeting')}, or consulted by {reports}."

    def _table(self) -> Table:
        return table(
            "Pairs",
            self.encounters,
            {
                "Who": lambda line: line.one,
                "Whom": lambda line: line.other,
                "Meetings": _shown,
                "Days": lambda line: line.days,
                "When": _when,
                "Forms": _forms,
            },
            named_by=2,
        )


def encounters_report(
    view: View,
    *,
    actor: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    certainly: bool = False,
    top: int | None = TOP,
) -> EncountersReport:
    """Who met whom, how often, and when.

    Args:
        view: the read models to report from.
        actor: only whom this actor met, by its id or any recorded name.
        since: only meetings held from this date on.
        until: only meetings held up to this date.
        certainly: with dates, leave out meetings that only may have been held within them.
        top: how many pairs to list, those that met most often first; None for all.

    Example:
        timeline report encounters
        timeline report encounters --actor "A. Speaker" --since 2022-06

    Raises:
        NotFound: no actor in view goes by that name.
        InvalidInput: several actors go by that name; `since` is after `until`; or `top` is below 1.
        InvalidDate: `since` or `until` is not a date.
    """
    require_top(top)
    span = Span.of(since, until, certainly=certainly)
    chosen = None if actor is None else find_actor(view, actor)
    pairs: dict[tuple[str, str], list[Encounter]] = defaultdict(list)
    meetings: dict[str, bool] = {}
    for pair, encounter in encounters(*everyone(view)):
        if span.holds(encounter.date) and chosen in (None, *pair):
            pairs[pair].append(encounter)
            meetings[encounter.meeting] = encounter.coded
    citer = Citer(view)
    often = sorted(pairs, key=lambda pair: (-_often(pairs[pair]), -len(pairs[pair]), pair))[:top]
    return EncountersReport(
        actor=chosen,
        **span.dates,
        chosen_by=chosen_by(view, actor=chosen, span=span),
        pairs=len(pairs),
        meetings=len(meetings),
        coded=sum(meetings.values()),
        encounters=tuple(_line(citer, pair, pairs[pair]) for pair in often),
        **made_from(view, citer),
    )


def encounters(
    meetings: Iterable[tuple[Sequence[MeetingReportRow], Sequence[Entry]]], persons: Container[str]
) -> Iterator[tuple[tuple[str, str], Encounter]]:
    """Each pair at each meeting, the two in the order of their ids; of what `everyone` gives."""
    for reports, entries in meetings:
        date = min(meeting_dates(reports)) if reports else UNKNOWN
        form = next((report.form for report in reports if report.form), None) or "other"
        of_rows = {report.event for report in reports if report.coded}
        coded = of_rows.issuperset(entry.row.event for entry in entries)
        for pair in pairs(entries, persons):
            meeting = entries[0].row.meeting
            yield pair.two, Encounter(meeting, form, date, pair.disputed, coded, pair.events)


def _when(line: EncounterLine) -> str:
    return " to ".join(dict.fromkeys(filter(None, (line.first, line.last))))


def _forms(line: EncounterLine) -> tuple[str, ...]:
    return tuple(form if line.coded else f"{form} {count}" for form, count in line.forms.items())


def _shown(line: EncounterLine) -> str:
    met = line.meetings.count
    return times_met(met, disputed=line.disputed, coded=line.coded, coded_days=line.coded_days)


def _often(met: Sequence[Encounter]) -> int:
    """How many meetings, and days on which coded rows have two consult."""
    return sum(not encounter.coded for encounter in met) + _coded_days(met)


def _coded_days(met: Iterable[Encounter]) -> int:
    return len({encounter.date for encounter in met if encounter.coded})


def _line(citer: Citer, pair: tuple[str, str], met: list[Encounter]) -> EncounterLine:
    met = sorted(met, key=lambda encounter: (encounter.date, encounter.meeting))
    dated = (one.date for one in met if one.date != UNKNOWN)
    dates = list(dict.fromkeys(date.text for date in dated))
    forms = Counter(encounter.form for encounter in met)
    return EncounterLine(
        one=citer.name(pair[0]),
        other=citer.name(pair[1]),
        meetings=counted(citer, (encounter.events for encounter in met)),
        disputed=sum(encounter.disputed for encounter in met),
        coded=sum(encounter.coded for encounter in met),
        coded_days=_coded_days(met),
        days=len(dates),
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        forms=dict(sorted(forms.items(), key=lambda item: (-item[1], item[0]))),
    )
