"""How many statements each actor made in each month."""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

import attrs

from timeline.dates import UNKNOWN, Occurred, When, stretch, within
from timeline.engine.projection import View
from timeline.models.statements import StatementRow
from timeline.reports import document
from timeline.reports.actors import find_actor
from timeline.reports.capped import TOP, Counted, counted, left_uncited, require_top
from timeline.reports.document import Document, Table, cell, number
from timeline.reports.evidence import Citer, Named, text
from timeline.reports.filters import chosen_by
from timeline.reports.model import Report, Standing, by_time

UNDATED = "undated"


@attrs.frozen
class MonthLine:
    """What one actor said in one month.

    `month` is such as `2018-06`; a year where that is all that is certain, and `undated` where not
    even that is.
    """

    speaker: Named
    month: str
    statements: Counted


@attrs.frozen(kw_only=True)
class StatementCountsReport(Report):
    """Counts by actor and month: those first who said most, and of each the earliest month.

    Attributes:
        speaker: the one whose statements are counted; None for everybody's.
        chosen_by: what it was chosen by, in words.
        speakers: how many actors said something, in the time given.
        statements: how many statements these made.
        months: the counts, of up to as many actors as were asked for.
    """

    kind: ClassVar[str] = "statement-counts"

    speaker: str | None
    since: str | None
    until: str | None
    chosen_by: tuple[str, ...]
    speakers: int
    statements: int
    months: tuple[MonthLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        title = ", ".join(self.chosen_by)
        shown = len({each.speaker.id for each in self.months})
        lead = f"{number(self.statements, 'statement')} of {number(self.speakers, 'actor')}."
        if shown < self.speakers:
            lead += f" The {shown:,} who made most of them are shown."
        return self._document(
            f"Statements by month: {title}" if title else "Statements by actor and month",
            [
                Table(
                    "Statements",
                    ("Who", "Month", "Statements"),
                    tuple(
                        document.line(
                            each.statements.evidence, each.speaker, each.month, each.statements
                        )
                        for each in self.months
                    ),
                    named_by=2,
                )
            ],
            lead=(cell(lead),),
            note="A statement whose date is uncertain counts for the month, or else the year, that "
            "it certainly lies in. Of each count the first five are cited."
            + left_uncited(each.statements for each in self.months),
        )


def statement_counts_report(
    view: View,
    *,
    speaker: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    certainly: bool = False,
    top: int | None = TOP,
) -> StatementCountsReport:
    """How many statements each actor made in each month.

    Args:
        view: the read models to report from.
        speaker: only statements of this actor, by its id or any recorded name.
        since: only statements made from this date on.
        until: only statements made up to this date.
        certainly: with dates, leave out statements that only may have been made within them.
        top: how many actors to list, those with the most statements first; None for all.

    Example:
        timeline report statement-counts --since 2022
        timeline report statement-counts --speaker "A. Speaker" --top 5

    Raises:
        NotFound: no actor in view goes by the speaker's name.
        InvalidInput: several actors go by that name; `since` is after `until`; or `top` is below 1.
        InvalidDate: `since` or `until` is not a date.
    """
    require_top(top)
    since, until = stretch(since, until)
    chosen = None if speaker is None else find_actor(view, speaker)
    rows = view.all(StatementRow) if chosen is None else view.all(StatementRow, speaker=chosen)
    said: dict[str, dict[str, list[StatementRow]]] = defaultdict(lambda: defaultdict(list))
    count = 0
    for row in by_time(rows):
        if within(row.occurred, since, until, certainly=certainly):
            said[row.speaker][month_of(row.occurred)].append(row)
            count += 1
    totals = {who: sum(map(len, months.values())) for who, months in said.items()}
    citer = Citer(view)
    return StatementCountsReport(
        standing=Standing.of(view),
        speaker=chosen,
        since=text(since),
        until=text(until),
        chosen_by=chosen_by(view, actor=chosen, since=since, until=until, certainly=certainly),
        speakers=len(said),
        statements=count,
        months=tuple(
            MonthLine(
                citer.name(who),
                month,
                counted(citer, (row.events for row in rows)),
            )
            for who in sorted(totals, key=lambda who: (-totals[who], who))[:top]
            for month, rows in sorted(said[who].items())
        ),
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


def month_of(date: When | None) -> str:
    """The month that a date certainly lies in; else the year; else `undated`."""
    earliest, latest = (None, None) if date is None else date.reach_beside(UNKNOWN)
    if earliest is None or latest is None or earliest.year != latest.year:
        return UNDATED
    year = f"{earliest.year:04}"
    return f"{year}-{earliest.month:02}" if earliest.month == latest.month else year
