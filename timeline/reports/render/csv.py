"""Reports as CSV (RFC 4180, UTF-8), for spreadsheets and programs."""

from __future__ import annotations

import csv
import io

from timeline.reports.document import Document
from timeline.reports.render.cells import neutral
from timeline.reports.render.grid import long_grid, table_grid


def render_csv(document: Document, table: str | None = None) -> str:
    """Lay a report out as CSV, with the ids of the events and sources behind each row.

    What a spreadsheet would run as a formula has an apostrophe before it.

    Args:
        document: the report.
        table: the title of the table to write, as it is shown; else every cell of all tables is a
            row of its own, see `LONG`.

    Raises:
        NotFound: the report has no such table.
        InvalidInput: several begin like that.
    """
    grid = long_grid(document) if table is None else table_grid(document, table)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in (grid.columns, *grid.rows):
        writer.writerow([_inert(value) for value in row])
    return out.getvalue()


def _inert(value: str) -> str:
    """The value as no formula, and without what would steer a terminal."""
    return neutral("".join(c if c.isprintable() or c in "\t\r\n" else "�" for c in value))
