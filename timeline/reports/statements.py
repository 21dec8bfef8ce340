"""Statements, by speaker, initiative, topic or time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import attrs

from timeline.dates import Occurred
from timeline.engine.projection import View
from timeline.models.initiatives import MentionRow
from timeline.models.statements import StatementRow
from timeline.reports.actors import find_actor
from timeline.reports.document import Document, Table, about, table
from timeline.reports.evidence import Citation, Citer, Named
from timeline.reports.filters import Span, chosen_by
from timeline.reports.model import Report, by_time, made_from
from timeline.reports.plans import find_initiative
from timeline.reports.rules.attribution import Offices


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
    about: str | None
    topic: str | None
    since: str | None
    until: str | None
    certainly: bool
    chosen_by: tuple[str, ...]
    statements: tuple[SaidLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        title = ", ".join(self.chosen_by)
        return self._document(
            f"Statements: {title}" if title else "Statements",
            [said_table("What was said", self.statements)],
            note="Statements stand in the recorder's words; only what is in quotation marks "
            "was said so.",
        )


def statements_report(
    view: View,
    *,
    speaker: str | None = None,
    about: str | None = None,
    topic: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    certainly: bool = False,
) -> StatementsReport:
    """Who said what: the statements that fit all options, in order of time.

    Args:
        view: the read models to report from.
        speaker: only statements of this actor, by its id or any recorded name.
        about: only statements about this initiative.
        topic: only statements on this topic.
        since: only statements made from this date on.
        until: only statements made up to this date.
        certainly: leave out those that, their date being uncertain, only may have been made then.

    Example:
        timeline report statements --speaker 'Ann Minister' --since 2022-11

    Raises:
        NotFound: no actor in view goes by the speaker's name, or no initiative by that id.
        InvalidInput: several actors go by that name; `since` is after `until`.
        InvalidDate: `since` or `until` is not a date.
    """
    span = Span.of(since, until, certainly=certainly)
    actor = None if speaker is None else find_actor(view, speaker)
    if about is not None and not view.all(MentionRow, initiative=about):
        find_initiative(view, about)
    rows = (row for row in _rows(view, actor, about) if about in (None, *row.about))
    chosen = by_time(
        row for row in rows if topic in (None, *row.topics) and span.holds(row.occurred)
    )
    citer, offices = Citer(view), Offices(view)
    citer.load(id for row in chosen for id in row.events)
    return StatementsReport(
        speaker=actor,
        about=about,
        topic=topic,
        **span.dates,
        certainly=certainly,
        chosen_by=chosen_by(view, actor=actor, initiative=about, others=(topic,), span=span),
        statements=tuple(said_line(offices, citer, row) for row in chosen),
        **made_from(view, citer),
    )


def _rows(view: View, speaker: str | None, about: str | None) -> list[StatementRow]:
    """The statements to choose from: no more than need be."""
    if speaker is not None:
        return view.all(StatementRow, speaker=speaker)
    if about is None:
        return view.all(StatementRow)
    mentions = view.all(MentionRow, initiative=about, kind="statement")
    rows = (view.get(StatementRow, mention.thing) for mention in mentions)
    return [row for row in rows if row is not None]


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
            "When": lambda line: line.occurred,
            "Speaker": lambda line: about("actor", line.speaker.id, _speaking(line)),
            "What": lambda line: with_quotes(line.text, line.quotes),
        },
    )


def _speaking(line: SaidLine) -> str:
    return f"{line.speaker}, for {line.spoke_for}" if line.spoke_for else str(line.speaker)


def with_quotes(text: str, quotes: Iterable[str]) -> str:
    """The recorder's words, and after them the source's own in quotation marks."""
    return " ".join((text, *(f"“{quote}”" for quote in quotes)))
