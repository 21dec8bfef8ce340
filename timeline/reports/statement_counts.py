"""How many statements each actor made in each month."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import ClassVar

import attrs

from timeline.dates import UNKNOWN, Occurred, When
from timeline.engine.projection import View
from timeline.models.statements import StatementRow
from timeline.reports.actors import find_actor
from timeline.reports.capped import TOP, Counted, counted, left_uncited, require_top
from timeline.reports.document import Document, cell, number, table
from timeline.reports.evidence import Citation, Citer, Named
from timeline.reports.filters import Span, chosen_by
from timeline.reports.model import Report, by_time, made_from

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

    @property
    def evidence(self) -> tuple[Citation, ...]:
        """The events behind the first of the statements."""
        return self.statements.evidence


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
        shown = len({line.speaker.id for line in self.months})
        lead = f"{number(self.statements, 'statement')} of {number(self.speakers, 'actor')}."
        if shown < self.speakers:
            lead += f" The {shown:,} who made most of them are shown."
        return self._document(
            f"Statements by month: {title}" if title else "Statements by actor and month",
            [
                table(
                    "Statements",
                    self.months,
                    {
                        "Who": lambda line: line.speaker,
                        "Month": lambda line: line.month,
                        "Statements": lambda line: line.statements,
                    },
                    named_by=2,
                )
            ],
            lead=(cell(lead),),
            note="A statement whose date is uncertain counts for the month, or else the year, that "
            "it certainly lies in. Of each count the first five are cited."
            + left_uncited(line.statements for line in self.months),
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
    span = Span.of(since, until, certainly=certainly)
    chosen = None if speaker is None else find_actor(view, speaker)
    rows = view.all(StatementRow) if chosen is None else view.all(StatementRow, speaker=chosen)
    timely = by_time(row for row in rows if span.holds(row.occurred))
    totals = Counter(row.speaker for row in timely)
    speakers = sorted(totals, key=lambda who: (-totals[who], who))
    citer = Citer(view)
    return StatementCountsReport(
        speaker=chosen,
        **span.dates,
        chosen_by=chosen_by(view, actor=chosen, span=span),
        speakers=len(speakers),
        statements=len(timely),
        months=tuple(_months(citer, timely, speakers[:top])),
        **made_from(view, citer),
    )


def _months(
    citer: Citer, rows: Iterable[StatementRow], speakers: Iterable[str]
) -> Iterator[MonthLine]:
    by_month: dict[str, dict[str, list[tuple[str, ...]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_month[row.speaker][month_of(row.occurred)].append(row.events)
    for who in speakers:
        for month, events in sorted(by_month[who].items()):
            yield MonthLine(citer.name(who), month, counted(citer, events))


def month_of(date: When | None) -> str:
    """The month that a date certainly lies in; else the year; else `undated`."""
    earliest, latest = (None, None) if date is None else date.reach_beside(UNKNOWN)
    if earliest is None or latest is None or earliest.year != latest.year:
        return UNDATED
    year = f"{earliest.year:04}"
    return f"{year}-{earliest.month:02}" if earliest.month == latest.month else year
