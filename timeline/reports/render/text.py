"""Reports as text: the first screen of one, or all of it, with the evidence as numbered notes."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Collection, Iterable, Sequence

import attrs
from rich import box
from rich.cells import cell_len as measured
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from timeline.errors import InvalidInput
from timeline.reports.layout import Cell, Document, Line, Table, in_parts, shown_evidence
from timeline.reports.render.notes import Notes, inert, note_text, run_text, runs

_INDENT, _BETWEEN = 2, 3
"""Characters before a table, and between two of its columns."""

_MARK = " [10]"
"""Stands for the numbers of notes that are not known yet."""

_SCREEN = 38
"""Lines of a first screen, as far as its rows are not longer than usual."""

_TABLES = 3
"""Tables of a first screen, unless the report says which matter."""

_BRIEF = 22
"""Characters up to which no cell of a first screen is shortened."""

_NUMBERS = 5
"""Characters of a cell of a first screen that the numbers of its notes take."""

_MARKED = 2
"""Numbers, or runs of them, that stand behind a cell of a first screen."""


def render_text(
    document: Document,
    *,
    width: int = 80,
    color: bool = False,
    whole: bool = False,
    table: str | None = None,
    evidence: bool | Collection[int] = False,
) -> str:
    """A report in columns of characters; the arguments are those of `Report.to_text`."""
    printer = _Printer(document, width=width, color=color)
    if not isinstance(evidence, bool):
        printer.notes(evidence)
        return printer.text
    whole = whole or document.whole
    printer.head()
    if table is not None:
        printer.table(document.table(table))
    elif whole:
        for one in (*document.tables, *document.apparatus):
            printer.table(one)
    else:
        printer.first_screen()
    printer.foot(whole=whole, evidence=evidence)
    return printer.text


_Shown = tuple[str, tuple[int, ...], str]
"""What a cell says, the numbers of its evidence, and its branch in a tree."""


class _Printer:
    """Writes one report; it knows which notes it has shown the numbers of."""

    def __init__(self, document: Document, *, width: int, color: bool) -> None:
        self._document = document
        self._out = io.StringIO()
        self._console = Console(
            file=self._out,
            force_jupyter=False,  # else rich would display the text in a notebook and return none
            width=width,
            force_terminal=color,
            color_system="standard" if color else None,
            legacy_windows=False,
            emoji=False,
            markup=False,
            highlight=False,
        )
        self._notes = Notes.of(document)
        self._cited: set[int] = set()

    @property
    def text(self) -> str:
        """All that was written."""
        return "\n".join(line.rstrip() for line in self._out.getvalue().splitlines())

    def head(self) -> None:
        """The title, what a reader must know, and what the record says in short."""
        self._bold(self._document.title)
        if self._document.banner:
            self._bold(self._document.banner)
        if self._document.summary:
            said = map(self._sentence, self._document.summary)
            self._console.print(Text(" ").join(said))
            return
        for line in self._document.lead:
            text, numbers, _ = self._shown(line)
            self._cited.update(numbers)
            self._console.print(_joined(text, _marks(numbers), self._console.width))

    def table(self, table: Table) -> None:
        """A table, whole; in parts where it is too wide."""
        for part in _fitting(table, self._console.width - _INDENT):
            self._console.print()
            self._bold(part.title)
            rows = [list(map(self._shown, shown_evidence(row))) for row in part.rows]
            self._rows(part.columns, rows, _marks)
            self._cited.update(number for row in rows for _, cited, _ in row for number in cited)

    def first_screen(self) -> None:
        """The tables that matter most, as many rows of each as there is room for."""
        tables = self._document.short or self._document.tables[:_TABLES]
        left = [
            f"{table.title} ({len(table.rows):,})"
            for table in self._document.tables
            if not any(one.is_part_of(table.title) for one in tables)
        ]
        also = Text(inert(f"Also: {', '.join(left)}: --table TITLE") if left else "")
        below = len(also.wrap(self._console, self._console.width)) + 3
        room = _SCREEN - self._out.getvalue().count("\n") - below
        for number, table in enumerate(tables, start=1):
            # The first may take half of it, others share what is left.
            share = 2 if number == 1 < len(tables) else len(tables) - number + 1
            room -= self._cut(table, room // share)
        if left:
            self._console.print()
            self._console.print(also)

    def _cut(self, table: Table, room: int) -> int:
        """Print as many rows as there is room for; gives the lines that it takes."""
        first = _clipped(table.rows[: max(room, 1)], table.columns, self._console.width)
        rows = [list(map(self._shown, shown_evidence(row))) for row in first]
        room -= 3  # a blank line, the title, and how many more there are
        drawn = self._drawn(table.columns, rows)
        while (lines := drawn.count("\n")) > room and len(rows) > 1:
            del rows[max(1, len(rows) - max(1, (lines - room) // 3)) :]
            drawn = self._drawn(table.columns, rows)
        self._console.print()
        self._bold(table.title)
        self._out.write(drawn)
        self._cited.update(number for row in rows for _, cited, _ in row for number in cited)
        more = len(table.rows) - len(rows)
        if more:
            self._console.print(Text(f"  … {more:,} more: {self._option(table)}"))
        return lines + 2 + bool(more)

    def _drawn(self, columns: Sequence[str], rows: Sequence[Sequence[_Shown]]) -> str:
        with self._console.capture() as capture:
            self._rows(columns, rows, _few_marks, rule=False)
        return capture.get()

    def _option(self, table: Table) -> str:
        """The option that shows a table in full: with its first word, where one is enough."""
        titles = [one.title for one in self._document.named]
        title = next((one for one in titles if table.is_part_of(one)), None)
        if title is None:
            return "--all"
        first, _, rest = title.partition(" ")
        first = first.rstrip(",")
        fitting = [one for one in titles if one.casefold().startswith(first.casefold())]
        if len(fitting) == 1 or first == title:
            return f"--table {first}"
        return f'--table "{title}"' if rest else "--all"

    def notes(self, chosen: Collection[int]) -> None:
        """The title, and the notes with these numbers.

        Raises:
            InvalidInput: a note has no such number.
        """
        last = len(self._notes.citations)
        if unknown := [number for number in chosen if not 1 <= number <= last]:
            raise InvalidInput(f"evidence: expected numbers from 1 to {last}; found {unknown[0]}")
        self._bold(self._document.title)
        self._print_notes(sorted(chosen))

    def foot(self, *, whole: bool, evidence: bool) -> None:
        """The notes that were referred to, if asked for; how to read it, and what else there is."""
        self._console.print()
        if evidence and self._cited:
            self._bold("Evidence")
            self._print_notes(sorted(self._cited))
            self._console.print()
        if whole:
            for note in self._document.notes:
                self._console.print(Text(note, style="italic"))
            self._console.print(Text(self._document.standing))
            return
        place = f"Record at {self._document.position}." if self._document.position else ""
        more = "" if evidence or not self._cited else "Sources: --evidence."
        everything = "Everything: --all." if self._document.tables else self._document.notes[0]
        self._console.print(Text(" ".join(filter(None, (place, more, everything)))))

    def _bold(self, text: str) -> None:
        self._console.print(Text(inert(text), style="bold"))

    def _shown(self, cell: Cell) -> _Shown:
        return inert(cell.text), tuple(self._notes.numbers(cell.evidence)), cell.branch

    def _sentence(self, said: Cell) -> Text:
        """A sentence; the numbers of its evidence stand before its full stop."""
        text, numbers, _ = self._shown(said)
        self._cited.update(numbers)
        if not numbers:
            return Text(text)
        stop = "." if text.endswith(".") else ""
        return _joined(text.removesuffix("."), _few_marks(numbers), None).append(stop)

    def _rows(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[_Shown]],
        marks: Callable[[Sequence[int]], str],
        *,
        rule: bool = True,
    ) -> None:
        """Rows below the headings of their columns, or one column a line where they do not fit."""
        titles = [inert(title) for title in columns]
        placed = [[(text, marks(cited), branch) for text, cited, branch in row] for row in rows]
        content = [
            [title, *(f"{branch}{text} {mark}".rstrip() for text, mark, branch in column)]
            for title, column in zip(titles, zip(*placed, strict=True), strict=True)
        ]
        available = self._console.width - _INDENT - _BETWEEN * (len(titles) - 1)
        fitting = widths(content, available)
        if fitting is None:
            _print_stacked(self._console, titles, placed)
        else:
            _print_columns(self._console, titles, placed, fitting, rule=rule)

    def _print_notes(self, numbers: Sequence[int]) -> None:
        left = self._console.width - _INDENT - len(f"[{numbers[-1]}]") - 2
        grid = RichTable.grid(padding=(0, 1))
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(overflow="fold")
        for number in numbers:
            note = broken(inert(note_text(self._notes[number])), left)
            grid.add_row(Text(f"[{number}]", style="cyan"), Text(note))
        self._console.print(Padding(grid, (0, 0, 0, _INDENT)))


def _clipped(rows: Sequence[Line], columns: Sequence[str], width: int) -> Sequence[Line]:
    """The rows, each in two lines at most, about; a list, which has no headings, in one.

    What is longer is cut behind a word: the longest columns give up the most.
    """
    lengths = [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]
    room = width - _INDENT - (_BETWEEN + _NUMBERS) * (len(columns) - 1) - _NUMBERS
    room *= 2 if any(columns) else 1
    most = max(*lengths, _BRIEF)
    while most > _BRIEF and sum(min(length, most) for length in lengths) > room:
        most -= 1
    return [
        tuple(attrs.evolve(cell, text=_shortened(cell.text, most)) for cell in row) for row in rows
    ]


def _shortened(text: str, most: int) -> str:
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return f"{cut.rpartition(' ')[0] or cut} …"


def _marks(numbers: Sequence[int]) -> str:
    """The numbers in brackets; runs of three and more together: `[2][5–9]`."""
    return "".join(f"[{run_text(*run)}]" for run in runs(numbers))


def _few_marks(numbers: Sequence[int]) -> str:
    """The first of the numbers in brackets, and a mark for more."""
    first = runs(numbers)
    shown = "".join(f"[{run_text(*run)}]" for run in first[:_MARKED])
    return shown + ("…" if first[_MARKED:] else "")


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


def _print_columns(
    console: Console,
    titles: Sequence[str],
    rows: Iterable[Sequence[tuple[str, str, str]]],
    fitting: Sequence[int],
    *,
    rule: bool,
) -> None:
    shown = RichTable(
        box=box.SIMPLE_HEAD if rule else None,
        show_edge=False,
        show_header=any(titles),
        pad_edge=False,
        padding=(0, _BETWEEN if not rule else 1, 0, 0 if not rule else 1),
        header_style="bold",
    )
    for title, width in zip(titles, fitting, strict=True):
        shown.add_column(broken(title, width), overflow="fold", width=width)
    for row in rows:
        shown.add_row(*(_in_place(*cell, width) for cell, width in zip(row, fitting, strict=True)))
    console.print(Padding(shown, (0, 0, 0, _INDENT)))


def _print_stacked(
    console: Console, titles: Sequence[str], rows: Iterable[Sequence[tuple[str, str, str]]]
) -> None:
    """Each row as lines, one column a line: the columns do not fit side by side."""
    width = console.width - 2 * _INDENT
    for row in rows:
        for number, (title, (text, marks, branch)) in enumerate(zip(titles, row, strict=True)):
            line = _joined(f"{title}: {branch}{text}", marks, width)
            indent = _INDENT if number == 0 else 2 * _INDENT
            console.print(Padding(line, (0, 0, 0, indent)))


# How a table fits a width: with words whole, or else in parts

_PIECES = re.compile(r"(?<=[/\]_])(?=.)|(?<=[^\W\d_]-)(?=\w)|(?<=\w-)(?=[^\W\d_])")
"""Where a word that is too long is broken: behind a slash or a bracket, and behind a hyphen, but
not within a date."""

_WHOLE = 16
"""Characters up to which a word should not be broken at all."""

_READABLE = 16
"""Characters that a column has at least, if it has text to fill them, where a table is split."""

_SHORT = 20
"""Characters up to which names and dates stay on one line, where the rest has room enough."""


def cell_len(text: str) -> int:
    """How many columns of a terminal a text takes."""
    # Most text is plain, and this check is quick.
    return len(text) if text.isascii() and text.isprintable() else measured(text)


_per_text = functools.lru_cache(maxsize=8192)
"""Large tables say the same in most of their cells."""


def abreast(
    columns: Sequence[Sequence[str]], named: int, available: int, between: int
) -> list[int]:
    """How many columns the parts have beside those that name a row, so that all fit.

    Args:
        columns: what stands in each, headings included.
        named: how many of the first columns name a row.
        available: the width of a part.
        between: the space from one column to the next.
    """
    least = [
        max(*map(_longest_word, texts), min(max(map(_longest_line, texts)), _READABLE), 1)
        for texts in columns
    ]
    room = available - sum(width + between for width in least[:named])
    counts: list[int] = []
    left = 0
    for width in least[named:]:
        if not counts or left < width:
            counts.append(0)
            left = room
        counts[-1] += 1
        left -= width + between
    return counts


def widths(columns: Sequence[Sequence[str]], available: int) -> list[int] | None:
    """The width of each column in characters; None where some word would have to be broken.

    Args:
        columns: what stands in each, headings included.
        available: for all of them together, without what is between them.
    """
    most = [max(map(_longest_line, texts), default=1) for texts in columns]
    if sum(most) <= available:
        return most
    words, pieces = _least(_longest_word, columns), _least(_longest_piece, columns)
    brief = [line if line <= _SHORT else word for line, word in zip(most, words, strict=True)]
    for least, room in ((brief, available), (words, available), (pieces, available)):
        if sum(least) <= room:
            return _widened(least, most, columns, available)
    return None


def _least(longest: Callable[[str], int], columns: Iterable[Iterable[str]]) -> list[int]:
    return [max(map(longest, texts), default=1) for texts in columns]


def _widened(
    least: list[int], most: list[int], columns: Sequence[Sequence[str]], available: int
) -> list[int]:
    """Give the space that is left, character by character, to the tallest column."""
    content = [sum(cell_len(text) for text in texts) for texts in columns]
    given = list(least)
    for _ in range(available - sum(least)):
        open_ = [index for index in range(len(given)) if given[index] < most[index]]
        if not open_:
            break
        given[max(open_, key=lambda index: content[index] / given[index])] += 1
    return given


def broken(text: str, width: int) -> str:
    """The text with words longer than a line broken, at punctuation where there is some."""
    if all(cell_len(word) <= width for word in text.split()):
        return text
    # Runs of spaces are indents: keep them.
    return re.sub(r"[^ \n]+", lambda word: _broken_word(word[0], width), text)


def _broken_word(word: str, width: int) -> str:
    if cell_len(word) <= width:
        return word
    lines = [""]
    for piece in _PIECES.split(word):
        if lines[-1] and cell_len(lines[-1] + piece) > width:
            lines.append(piece)
        else:
            lines[-1] += piece
    return "\n".join(lines)


@_per_text
def _longest_line(text: str) -> int:
    return max(map(cell_len, text.split("\n")), default=0)


@_per_text
def _longest_word(text: str) -> int:
    words = text.split()
    return max((_whole_word(word) for word in words), default=1)


def _whole_word(word: str) -> int:
    length = cell_len(word)
    return length if length <= _WHOLE else max(_longest_piece(word), _WHOLE)


@_per_text
def _longest_piece(text: str) -> int:
    pieces = (piece for word in text.split() for piece in _PIECES.split(word))
    return max(map(cell_len, pieces), default=1)
