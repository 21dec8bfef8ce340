"""Statements, by speaker, initiative or topic."""

from __future__ import annotations

from typing import ClassVar

import attrs

from timeline.clock import UNKNOWN
from timeline.projection import View
from timeline.projections.statements import StatementRow
from timeline.reports.base import Report, Standing
from timeline.reports.document import Document
from timeline.reports.evidence import Citer
from timeline.reports.initiative import SaidLine, said_line, said_table


@attrs.frozen(kw_only=True)
class StatementsReport(Report):
    """Statements in order of world time, with what they were chosen by."""

    kind: ClassVar[str] = "statements"

    speaker: str | None
    about: str | None
    topic: str | None
    statements: tuple[SaidLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        chosen = [part for part in (self.speaker, self.about, self.topic) if part]
        return self._document(
            f"Statements: {', '.join(chosen)}" if chosen else "Statements",
            [said_table(f"{len(self.statements)} recorded", self.statements)],
            note="Statements stand in the recorder's words; only what is in quotation marks was "
            "said so.",
        )


def statements_report(
    view: View, *, speaker: str | None = None, about: str | None = None, topic: str | None = None
) -> StatementsReport:
    """Make the report of the statements that fit all that is given."""
    rows = view.all(StatementRow) if speaker is None else view.all(StatementRow, speaker=speaker)
    chosen = sorted(
        (
            row
            for row in rows
            if (about is None or about in row.about) and (topic is None or topic in row.topics)
        ),
        key=lambda row: ((row.occurred or UNKNOWN).sort_key, row.position),
    )
    citer = Citer(view)
    citer.load(id for row in chosen for id in row.events)
    return StatementsReport(
        standing=Standing.of(view),
        speaker=speaker,
        about=about,
        topic=topic,
        statements=tuple(said_line(citer, row) for row in chosen),
        corrections=citer.corrections(),
        sources=citer.sources(),
    )
