"""Cells of tables that spreadsheets open."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula, or passes over on the way to one."""


def neutral(text: str) -> str:
    """The text as a spreadsheet shows it, and does not compute it: behind an apostrophe if need be.

    A title in a source may read `=HYPERLINK(…)`, and would be obeyed. For text only: a number that
    begins with a minus stays one.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
