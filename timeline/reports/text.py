"""Reports as text: tables for a terminal, with the evidence as numbered notes at the end."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from timeline.reports.document import Cell, Document, Table, shown_evidence
from timeline.reports.evidence import Citation, Support, Told
from timeline.reports.notes import Notes, run_text, runs


def render_text(document: Document, *, width: int = 80, color: bool = False) -> str:
    """Lay a report out in columns of characters.

    Args:
        document: the report.
        width: of the terminal, in characters.
        color: whether to write terminal escapes for colour and weight.
    """
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        emoji=False,
        markup=False,
        highlight=False,
    )
    notes = Notes()
    console.print(Text(inert(document.title), style="bold"))
    for line in document.lead:
        console.print(_cell(line, notes))
    for table in (*document.tables, *document.apparatus):
        console.print()
        _print_table(console, table, notes)
    _print_notes(console, document, notes)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _marks(notes: Notes, cited: tuple[Citation, ...]) -> str:
    """The numbers in brackets, neighbours from three on drawn together: `[2][5–9]`."""
    return "".join(f"[{run_text(*run)}]" for run in runs(notes.numbers(cited)))


def _cell(cell: Cell, notes: Notes) -> Text:
    shown = Text(inert(cell.text))
    marks = _marks(notes, cell.evidence)
    if marks:
        shown.append(f" {marks}", style="cyan")
    return shown


def _in_place(cell: Cell, notes: Notes) -> Text | RichTable:
    """The cell; in a tree beside its branch, so that further lines begin below the first."""
    if not cell.branch:
        return _cell(cell, notes)
    grid = RichTable.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(cell.branch, _cell(cell, notes))
    return grid


def _print_table(console: Console, table: Table, notes: Notes) -> None:
    console.print(Text(inert(table.title), style="bold"))
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for number, column in enumerate(table.columns):
        # The first column holds dates and names: broken in the middle they are hard to read.
        shown.add_column(inert(column), overflow="fold", min_width=10 if number == 0 else None)
    for row in table.rows:
        shown.add_row(*(_in_place(cell, notes) for cell in shown_evidence(row)))
    console.print(Padding(shown, (0, 0, 0, 2)))


def _print_notes(console: Console, document: Document, notes: Notes) -> None:
    console.print()
    if notes.citations:
        console.print(Text("Evidence", style="bold"))
        console.print(Padding(_numbered(notes), (0, 0, 0, 2)))
        console.print()
    for note in document.notes:
        console.print(Text(note, style="italic"))
    console.print(Text(document.standing))


def _numbered(notes: Notes) -> RichTable:
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, citation in enumerate(notes.citations.values(), start=1):
        grid.add_row(Text(f"[{number}]", style="cyan"), Text(inert(_citation(citation))))
    return grid


def _citation(citation: Citation) -> str:
    return "\n".join((citation.event, *(f"  {_support(each)}" for each in citation.sources)))


def _support(support: Support) -> str:
    place = f"{support.source}, {support.at}" if support.at else support.source
    chain = " → ".join(_told(told) for told in support.chain)
    return f"{place}: {chain}" if chain else place


def _told(told: Told) -> str:
    details = [part for part in (told.capacity, told.manner, told.said) if part]
    if told.to:
        details.append(f"to {told.to}")
    return f"{told.who} ({', '.join(details)})" if details else told.who.name


def inert(text: str) -> str:
    """The text without characters that would steer a terminal; each is shown as U+FFFD."""
    if text.isprintable():  # nearly all of it is, and this is quicker
        return text
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
