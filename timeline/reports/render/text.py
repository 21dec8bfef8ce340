"""Reports as text: tables for a terminal, with the evidence as numbered notes at the end."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from timeline.reports.evidence import Citation
from timeline.reports.render.columns import abreast, broken, in_parts, widths
from timeline.reports.render.notes import Notes, citation_text, inert, run_text, runs
from timeline.reports.tables import Cell, Document, Table, shown_evidence

_INDENT, _BETWEEN = 2, 3
"""Characters before a table, and between two of its columns."""

_MARK = " [10]"
"""Stands for the numbers of notes that are not known yet."""


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
        force_jupyter=False,  # else rich would display the text in a notebook and return none
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
    if document.banner:
        console.print(Text(inert(document.banner), style="bold"))
    for line in document.lead:
        console.print(_cell(line, notes, console.width))
    for table in (*document.tables, *document.apparatus):
        for part in _fitting(table, console.width - _INDENT):
            console.print()
            _print_table(console, part, notes)
    _print_notes(console, document, notes)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _marks(notes: Notes, cited: tuple[Citation, ...]) -> str:
    """The numbers in brackets; runs of three and more together: `[2][5–9]`."""
    return "".join(f"[{run_text(*run)}]" for run in runs(notes.numbers(cited)))


def _cell(cell: Cell, notes: Notes, width: int | None = None) -> Text:
    text, marks = inert(cell.text), _marks(notes, cell.evidence)
    return _joined(text, marks, width)


def _joined(text: str, marks: str, width: int | None) -> Text:
    """The words and, behind them, the numbers of their evidence."""
    if width is not None:
        text, marks = broken(text, width), broken(marks, width)
    shown = Text(text)
    if marks:
        shown.append(f" {marks}", style="cyan")
    return shown


def _in_place(text: str, marks: str, branch: str, width: int) -> Text | RichTable:
    """The content of a cell; in a tree beside its branch, so that wrapped lines align."""
    if not branch:
        return _joined(text, marks, width)
    grid = RichTable.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(branch, _joined(text, marks, max(width - len(branch), 1)))
    return grid


def _fitting(table: Table, width: int) -> list[Table]:
    """The table; in parts if it does not fit."""
    between = _BETWEEN * (len(table.columns) - 1)
    # The notes are not numbered yet; few numbers are longer than this.
    content = [
        [
            inert(title),
            *(
                f"{cell.branch}{inert(cell.text)}{_MARK * len(cell.evidence[:1])}"
                for cell in column
            ),
        ]
        for title, column in zip(table.columns, zip(*table.rows, strict=True), strict=True)
    ]
    if not table.named_by or widths(content, width - between) is not None:
        return [table]
    return in_parts(table, abreast(content, table.named_by, width, _BETWEEN))


_Shown = tuple[str, str, str]
"""What a cell says, the numbers of its evidence, and its branch in a tree."""


def _print_table(console: Console, table: Table, notes: Notes) -> None:
    console.print(Text(inert(table.title), style="bold"))
    rows = [[_shown(cell, notes) for cell in shown_evidence(row)] for row in table.rows]
    titles = [inert(title) for title in table.columns]
    content = [
        [title, *(f"{branch}{text} {marks}".rstrip() for text, marks, branch in column)]
        for title, column in zip(titles, zip(*rows, strict=True), strict=True)
    ]
    fitting = widths(content, console.width - _INDENT - _BETWEEN * (len(titles) - 1))
    if fitting is None:
        _print_stacked(console, titles, rows)
    else:
        _print_columns(console, titles, rows, fitting)


def _shown(cell: Cell, notes: Notes) -> _Shown:
    return inert(cell.text), _marks(notes, cell.evidence), cell.branch


def _print_columns(
    console: Console,
    titles: Sequence[str],
    rows: Iterable[Sequence[_Shown]],
    fitting: Sequence[int],
) -> None:
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for title, width in zip(titles, fitting, strict=True):
        shown.add_column(broken(title, width), overflow="fold", width=width)
    for row in rows:
        shown.add_row(*(_in_place(*cell, width) for cell, width in zip(row, fitting, strict=True)))
    console.print(Padding(shown, (0, 0, 0, _INDENT)))


def _print_stacked(
    console: Console, titles: Sequence[str], rows: Iterable[Sequence[_Shown]]
) -> None:
    """Each row as lines, one column a line: the columns do not fit side by side."""
    width = console.width - 2 * _INDENT
    for row in rows:
        for number, (title, (text, marks, branch)) in enumerate(zip(titles, row, strict=True)):
            line = _joined(f"{title}: {branch}{text}", marks, width)
            indent = _INDENT if number == 0 else 2 * _INDENT
            console.print(Padding(line, (0, 0, 0, indent)))


def _print_notes(console: Console, document: Document, notes: Notes) -> None:
    console.print()
    if notes.citations:
        console.print(Text("Evidence", style="bold"))
        console.print(Padding(_numbered(notes, console.width - _INDENT), (0, 0, 0, _INDENT)))
        console.print()
    for note in document.notes:
        console.print(Text(note, style="italic"))
    console.print(Text(document.standing))


def _numbered(notes: Notes, width: int) -> RichTable:
    left = width - len(f"[{len(notes.citations)}]") - 2
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, citation in enumerate(notes.citations.values(), start=1):
        grid.add_row(
            Text(f"[{number}]", style="cyan"), Text(broken(inert(citation_text(citation)), left))
        )
    return grid
