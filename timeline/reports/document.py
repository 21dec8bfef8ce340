"""What a report looks like before it looks like anything: headings, tables, cells with evidence.

Reports make one of these; each rendering turns it into text, a page, a file.
"""

from __future__ import annotations

import attrs

from timeline.reports.evidence import Citation


@attrs.frozen
class Cell:
    """A value to show, and what it rests on."""

    text: str
    evidence: tuple[Citation, ...] = ()


@attrs.frozen
class Table:
    """A titled table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@attrs.frozen
class Document:
    """A report ready to be rendered.

    Attributes:
        title: the headline.
        lead: what a hurried reader must know.
        tables: the body.
        notes: how to read it.
        position: the place in the log it was made at.
        digest: the log's digest there, in hexadecimal.
    """

    title: str
    lead: tuple[Cell, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    position: int
    digest: str


def cell(value: object, evidence: tuple[Citation, ...] = ()) -> Cell:
    """A cell of any value: nothing is a dash, several are joined by semicolons."""
    if value is None or value in ("", ()):
        return Cell("–", evidence)
    if isinstance(value, tuple):
        return Cell("; ".join(map(str, value)), evidence)
    return Cell(str(value), evidence)
