"""How wide the columns of a table are, so that words stay whole and rows are few lines high."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len

_PIECES = re.compile(r"(?<=[/\]_])(?=.)|(?<=[^\W\d_]-)(?=\w)|(?<=\w-)(?=[^\W\d_])")
"""Where a word that is too long is broken: behind a slash or a bracket, and behind a hyphen, but
not within a date."""

_WHOLE = 16
"""Characters up to which a word should not be broken at all."""

_BRIEF = 20
"""Characters up to which names and dates stay on one line, where the rest has room enough."""


def widths(columns: Sequence[Sequence[str]], available: int) -> list[int] | None:
    """The width of each column, in characters; None where words would have to be broken anywhere.

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
    """Give what is left, character by character, to the column that is then the tallest."""
    content = [sum(cell_len(text) for text in texts) for texts in columns]
    found = list(least)
    for _ in range(available - sum(least)):
        open_ = [each for each in range(len(found)) if found[each] < most[each]]
        if not open_:
            break
        found[max(open_, key=lambda each: content[each] / found[each])] += 1
    return found


def broken(text: str, width: int) -> str:
    """The text with the words that are longer than a line broken where that hurts least."""
    if all(cell_len(word) <= width for word in text.split()):
        return text
    # Runs of spaces are indents, and stay.
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


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.split("\n")), default=0)


def _longest_word(text: str) -> int:
    words = text.split()
    return max((_whole(word) for word in words), default=1)


def _whole(word: str) -> int:
    length = cell_len(word)
    return length if length <= _WHOLE else max(_longest_piece(word), _WHOLE)


def _longest_piece(text: str) -> int:
    pieces = (piece for word in text.split() for piece in _PIECES.split(word))
    return max(map(cell_len, pieces), default=1)
