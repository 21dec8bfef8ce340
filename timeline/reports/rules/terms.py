"""The terms of proposals: when two values are one, and when one takes the place of another."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TypeGuard

from timeline.dates import When
from timeline.engine.projection import View
from timeline.events import DocumentSigned, ProposalAmended, type_names
from timeline.models.initiatives import TermRow
from timeline.models.statements import StatementRow
from timeline.reports.evidence import Citer
from timeline.reports.rules.attribution import Offices

_ABOUT = re.compile(r"^(about|around|approximately|roughly|some|nearly|almost|circa|c\.|~|≈)\s*")
"""What makes a figure vague, and no other figure."""

_AMENDING = type_names(DocumentSigned, ProposalAmended)
"""The types of events whose terms take the place of anybody's."""


def comparable_term(row: TermRow) -> object:
    """What a term comes to, for comparing it with others of its name and scope.

    Figures compare by number and unit, however they are written.
    """
    return comparable_value(row.value) if row.amount is None else (row.amount, row.unit)


def full_name(row: TermRow) -> str:
    """The name of a term with what it is the figure of, as in `cost (first part)`."""
    return f"{row.name} ({row.scope})" if row.scope else row.name


def comparable_value(value: str) -> str:
    """A value without what makes no difference: case, spaces, "about".

    >>> comparable_value("About $8bn") == comparable_value("$8bn")
    True
    """
    folded = " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    return _ABOUT.sub("", folded).rstrip(".")


def replacements(
    view: View, offices: Offices, citer: Citer, rows: Sequence[TermRow]
) -> Iterator[tuple[TermRow, list[TermRow]]]:
    """Each value of terms by name, with the values that it takes the place of.

    Args:
        view: the read models.
        offices: who held which office.
        citer: where the events are looked up.
        rows: the values, in order of world time.
    """
    sides = {row: _side(view, offices, row) for row in rows}
    for name in dict.fromkeys(map(full_name, rows)):
        named = [row for row in rows if full_name(row) == name]
        for index, row in enumerate(named):
            amends = citer.cite(row.events)[0].type in _AMENDING
            rivals = [one for one in named[:index] if amends or sides[one] == sides[row]]
            yield row, _replaced(row, rivals)


def _replaced(row: TermRow, rivals: Sequence[TermRow]) -> list[TermRow]:
    """The values of the newest event before this one; none where they say the same."""
    earlier = [one for one in rivals if one.event != row.event and _is_before(one, row)]
    newest = [one for one in earlier if one.event == earlier[-1].event]
    values = {comparable_term(one) for one in newest}
    return [] if comparable_term(row) in values else newest


def _is_before(one: TermRow, other: TermRow) -> bool:
    """Whether one may be replaced by the other: two of one day are two accounts, no change."""
    if not (_is_dated(one.occurred) and _is_dated(other.occurred)):
        return False
    return other.occurred.certainly_after(one.occurred)


def _side(view: View, offices: Offices, row: TermRow) -> str | None:
    """Whose word a term is: the one spoken for, or the speaker; None where a paper says so."""
    if row.speaker is None:
        return None
    statement = view.get(StatementRow, row.event)
    if statement is not None and statement.on_behalf_of is not None:
        return statement.on_behalf_of
    capacity = statement.capacity if statement else None
    held = offices.spoken_in(row.speaker, capacity, row.occurred)
    return (held[0].of if held else None) or row.speaker


def _is_dated(moment: When | None) -> TypeGuard[When]:
    return moment is not None and moment.earliest is not None
