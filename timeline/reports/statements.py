"""What was said, by whom, and how often."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import ClassVar

import attrs

from timeline.dates import UNKNOWN, Occurred, When, when
from timeline.engine.projection import View
from timeline.projections.initiatives import MentionRow
from timeline.projections.search import has_words
from timeline.projections.statements import StatementRow
from timeline.reports.actors import find_actor
from timeline.reports.citations import (
    Citation,
    Citer,
    Counted,
    Named,
    counted,
    distinct,
    left_uncited,
)
from timeline.reports.findings.attribution import Offices
from timeline.reports.layout import (
    Cell,
    Document,
    Table,
    about,
    cell,
    few,
    most,
    newest,
    number,
    stretch_of,
    table,
)
from timeline.reports.model import TOP, Report, Span, by_time, chosen_by, made_from, require_top
from timeline.reports.plans import find_initiative, mentioned
from timeline.reports.sources import citing, sources_of


@attrs.frozen
class SaidLine:
    """One statement.

    `spoke_for` is whom the speaker spoke for: as the event says, or by an office held at the time.
    `disputes` are the ids of the events whose reports the statement calls wrong.
    """

    occurred: str | None
    speaker: Named
    on_behalf_of: Named | None
    spoke_for: Named | None
    capacity: str | None
    to: Named | None
    place: str | None
    topics: tuple[str, ...]
    text: str
    quotes: tuple[str, ...]
    disputes: tuple[str, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class StatementsReport(Report):
    """Statements in order of world time, with what they were chosen by."""

    kind: ClassVar[str] = "statements"

    speaker: str | None
    initiative: str | None
    topic: str | None
    office: str | None
    publisher: str | None
    since: str | None
    until: str | None
    certainly: bool
    chosen_by: tuple[str, ...]
    statements: tuple[SaidLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        title = ", ".join(self.chosen_by)
        said = said_table("What was said", self.statements)
        return self._document(
            f"Statements: {title}" if title else "Statements",
            [said],
            summary=self._summary(),
            short=[newest(said)],
            note="Statements stand in the recorder's words; only what is in quotation marks "
            "was said so.",
        )

    def _summary(self) -> Iterator[Cell]:
        if not self.statements:
            return
        when = stretch_of(line.occurred for line in self.statements)
        speakers = most(line.speaker for line in self.statements)
        count = number(len(self.statements), "statement")
        yield cell(f"{count}, made {when}; most by {speakers}.")
        denials = [line for line in self.statements if line.disputes]
        if denials:
            who = few(line.speaker for line in denials)
            verb = "disputes" if len(denials) == 1 else "dispute"
            sentence = f"{len(denials)} of them {verb} what others report: {who}."
            yield cell(sentence, distinct(line.evidence for line in denials))


def statements_report(
    view: View,
    *,
    speaker: str | None = None,
    initiative: str | None = None,
    topic: str | None = None,
    office: str | None = None,
    publisher: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    certainly: bool = False,
) -> StatementsReport:
    """Who said what: the statements that fit all options, in order of time.

    Args:
        view: the read models to report from.
        speaker: only statements of this actor, by its id or any recorded name.
        initiative: only statements about this initiative.
        topic: only statements on a topic that has these words.
        office: only words spoken in an office that has these words, or that the speaker may have
            held then, such as 'energy minister of Northland'.
        publisher: only what this outlet published, by its id or any recorded name.
        since: only statements made from this date on.
        until: only statements made up to this date.
        certainly: leave out those that, their date being uncertain, only may have been made then.

    Example:
        timeline report statements --speaker 'Ann Minister' --since 2022-11
        timeline report statements --office 'energy minister' --topic transit

    Raises:
        NotFound: no actor in view goes by the name of the speaker or the publisher, or no
            initiative by that id.
        InvalidInput: several actors go by that name; `since` is after `until`.
        InvalidDate: `since` or `until` is not a date.
    """
    span = Span.of(since, until, certainly=certainly)
    actor = None if speaker is None else find_actor(view, speaker)
    if initiative is not None and not view.all(MentionRow, initiative=initiative):
        find_initiative(view, initiative)
    outlet = None if publisher is None else find_actor(view, publisher)
    choice = _Choice(actor, initiative, topic, office, outlet)
    citer, offices = Citer(view), Offices(view)
    rows = choice.rows(view, citer, offices)
    chosen = by_time(row for row in rows if span.holds(row.occurred))
    citer.load(id for row in chosen for id in row.events)
    return StatementsReport(
        **attrs.asdict(choice),
        **span.dates,
        certainly=certainly,
        chosen_by=choice.in_words(view, citer, span),
        statements=tuple(said_line(offices, citer, row) for row in chosen),
        **made_from(view, citer),
    )


@attrs.frozen
class _Choice:
    """What statements are chosen by, with the ids of those that were named."""

    speaker: str | None
    initiative: str | None
    topic: str | None
    office: str | None
    publisher: str | None

    def rows(self, view: View, citer: Citer, offices: Offices) -> Iterable[StatementRow]:
        """The statements that fit, of whatever date."""
        outlet, topic, office = self.publisher, self.topic, self.office
        carried = None if outlet is None else citing(view, sources_of(view, outlet))
        for row in _rows(view, self.speaker, self.initiative):
            if (
                self.initiative in (None, *row.about)
                and (carried is None or not carried.isdisjoint(row.events))
                and (topic is None or any(has_words(text, topic) for text in row.topics))
                and (office is None or any(has_words(t, office) for t in _in(offices, citer, row)))
            ):
                yield row

    def in_words(self, view: View, citer: Citer, span: Span) -> tuple[str, ...]:
        by = None if self.publisher is None else f"published by {citer.name(self.publisher)}"
        others = (self.topic, self.office, by)
        return chosen_by(
            view, actor=self.speaker, initiative=self.initiative, others=others, span=span
        )


def _rows(view: View, speaker: str | None, about: str | None) -> list[StatementRow]:
    """The statements to choose from: no more than need be."""
    if speaker is not None:
        return view.all(StatementRow, speaker=speaker)
    if about is None:
        return view.all(StatementRow)
    return view.several(StatementRow, mentioned(view, about, "statement"))


def _in(offices: Offices, citer: Citer, row: StatementRow) -> Iterator[str]:
    """The offices that words were spoken in, or may have been."""
    if row.capacity is not None:
        yield row.capacity
    for held in offices.open_to(row.speaker, row.capacity, row.occurred):
        yield f"{held.role} of {citer.name(held.of)}" if held.of else held.role


# As lines


def said_line(offices: Offices, citer: Citer, row: StatementRow) -> SaidLine:
    """One statement as a line."""
    held = [] if row.on_behalf_of else offices.spoken_in(row.speaker, row.capacity, row.occurred)
    return citer.line(
        SaidLine,
        row,
        spoke_for=held[0].of if held else row.on_behalf_of,
        to=row.addressee,
        evidence=citer.cite((*row.events, *(id for office in held for id in office.events))),
    )


def said_table(title: str, lines: Iterable[SaidLine]) -> Table:
    """A table of statements."""
    return table(
        title,
        lines,
        {
            "When": lambda line: when(line.occurred),
            "Speaker": lambda line: about("actor", line.speaker.id, _speaking(line)),
            "What": lambda line: with_quotes(line.text, line.quotes),
        },
    )


def _speaking(line: SaidLine) -> str:
    return f"{line.speaker}, for {line.spoke_for}" if line.spoke_for else str(line.speaker)


def with_quotes(text: str, quotes: Iterable[str]) -> str:
    """The recorder's words, and after them the source's own in quotation marks."""
    return " ".join((text, *(f"“{quote}”" for quote in quotes)))


# By actor and month


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
                        "Month": _month,
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


def _month(line: MonthLine) -> object:
    return line.month if line.month == UNDATED else when(line.month)


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
