"""Counts of many events: the first few of these are cited, and how many are not is said."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from timeline.errors import InvalidInput
from timeline.reports.evidence import Citation, Citer

CITED = 5
"""Events that are cited for one count: enough to check it by, few enough to be read."""

TOP = 50
"""Lines that such a report has, unless more are asked for."""


@attrs.frozen
class Counted:
    """How many, with the first events behind that.

    Attributes:
        count: how many.
        evidence: the first events that are counted, up to five, in order of world time.
        uncited: how many more are.
    """

    count: int
    evidence: tuple[Citation, ...]
    uncited: int

    def __str__(self) -> str:
        return f"{self.count:,} ({self.uncited:,} not cited)" if self.uncited else f"{self.count:,}"


def counted(citer: Citer, count: int, ids: Iterable[str]) -> Counted:
    """A count and the events behind it."""
    distinct = tuple(dict.fromkeys(ids))
    return Counted(count, citer.cite(distinct[:CITED]), max(len(distinct) - CITED, 0))


def require_top(top: int | None) -> None:
    """Check how many lines are asked for; None is all of them.

    Raises:
        InvalidInput: fewer than one.
    """
    if top is not None and top < 1:
        raise InvalidInput(f"top: expected 1 or more, or None for all; found {top}")
