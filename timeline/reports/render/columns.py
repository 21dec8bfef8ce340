"""How a table fits a width: with words whole, or else in parts."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence

import attrs

from timeline.reports.tables import Table

CONTINUED = ", continued"
"""Ends the title of a part of a table that is not the first."""

_PIECES = re.compile(r"(?<=[/\]_])(?=.)|(?<=[^\W\d_]-)(?=\w)|(?<=\w-)(?=[^\W\d_])")
"""Where a word that is too long is broken: behind a slash or a bracket, and behind a hyphen, but
not within a date."""

_WHOLE = 16
"""Characters up to which a word should not be broken at all."""

_READABLE = 16
"""Characters that a column has at least, if it has text to fill them, where a table is split."""

_BRIEF = 20
"""Characters up to which names and dates stay on one line, where the rest has room enough."""


def cell_len(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    # Pages are made without the library of terminals.
    from rich.cells import cell_len as measured

    return measured(text)


_per_text = functools.lru_cache(maxsize=8192)
"""Large tables say the same in most of their cells."""


def in_parts(table: Table, counts: Iterable[int]) -> list[Table]:
    """The table in parts, one below the other. Every part repeats the columns that name a row.

    A part leaves out the rows that say nothing in it.

    Args:
        table: the table; one whose rows have no name stays whole.
        counts: how many columns each part has beside those.
    """
    named, title = table.named_by, table.title
    parts: list[Table] = []
    start = named
    for count in counts:
        shown = slice(start, start + count)
        rows = tuple(
            (*row[:named], *row[shown])
            for row in table.rows
            if not all(cell.quiet for cell in row[shown])
        )
        # Keep one row where no row says anything.
        rows = rows or tuple((*row[:named], *row[shown]) for row in table.rows[:1])
        columns = (*table.columns[:named], *table.columns[shown])
        parts.append(attrs.evolve(table, title=title, columns=columns, rows=rows, keys=()))
        title = f"{table.title}{CONTINUED}"
        start += count
    return parts


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
    brief = [line if line <= _BRIEF else word for line, word in zip(most, words, strict=True)]
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
    return max((_whole(word) for word in words), default=1)


def _whole(word: str) -> int:
    length = cell_len(word)
    return length if length <= _WHOLE else max(_longest_piece(word), _WHOLE)


@_per_text
def _longest_piece(text: str) -> int:
    pieces = (piece for word in text.split() for piece in _PIECES.split(word))
    return max(map(cell_len, pieces), default=1)
