"""Counts of many events: the first few are cited, and the note says how many are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from timeline.errors import InvalidInput
from timeline.reports.document import number
from timeline.reports.evidence import Citation, Citer

CITED = 5
"""Events that are cited for one count: enough to check it, few enough to read."""

TOP = 50
"""Lines that a report of counts has, unless the caller asks for more."""


@attrs.frozen
class Counted:
    """How many, with the events behind the first of them.

    Attributes:
        count: how many.
        evidence: up to five events: one of each that is counted, as far as they go, then more.
        uncited: how many of those that are counted have none of their events cited.
    """

    count: int
    evidence: tuple[Citation, ...]
    uncited: int

    def __str__(self) -> str:
        return f"{self.count:,}"


def counted(citer: Citer, things: Iterable[Sequence[str]]) -> Counted:
    """A count of things, each of which is given by the ids of the events behind it."""
    given = list(things)
    first = [ids[0] for ids in given[:CITED]]
    more = (id for ids in given[:CITED] for id in ids[1:])
    ids = tuple(dict.fromkeys((*first, *more)))[:CITED]
    return Counted(len(given), citer.cite(ids), max(len(given) - CITED, 0))


def times_met(count: int, *, disputed: int, coded: int, coded_days: int) -> str:
    """How often two met, in words. Of coded rows only days are counted: they are no meetings.

    Example:
        >>> times_met(24, disputed=1, coded=23, coded_days=2)
        '1 and coded reports of consulting, on 2 days, 1 disputed'
    """
    parts = [f"{count - coded:,}"] if count > coded else []
    if coded:
        reports = "a coded report" if coded == 1 else "coded reports"
        parts.append(f"{reports} of consulting, on {number(coded_days, 'day')}")
    met = " and ".join(parts)
    return f"{met}, {disputed} disputed" if disputed else met


def left_uncited(counts: Iterable[Counted]) -> str:
    """How many of what is counted are not cited, as a sentence; nothing where all are."""
    more = sum(count.uncited for count in counts)
    return f" Not cited: +{more:,} more." if more else ""


def require_top(top: int | None) -> None:
    """Check how many lines are asked for; None is all of them.

    Raises:
        InvalidInput: fewer than one.
    """
    if top is not None and top < 1:
        raise InvalidInput(f"top: expected 1 or more, or None for all; found {top}")
