"""What an initiative has come to: its stage, and the terms that hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeGuard, get_args

from timeline.dates import When, latest_key
from timeline.engine.projection import View
from timeline.events import DocumentSigned, ProposalAmended, type_names
from timeline.events.proposals import Firmness
from timeline.projections.initiatives import ProposalRow, StageRow, TermRow
from timeline.projections.statements import StatementRow
from timeline.reports.citations import Citer
from timeline.reports.findings.attribution import Offices, all_proposers, sides

_FIRMNESS = get_args(Firmness)

_FINAL = ("superseded", "carried out")
"""Stages that nothing moves on from. They hold without a date, too: what ended it came last."""

_TWO = 2
"""Parties that an agreement takes."""


def setting_stage(
    offices: Offices,
    stages: Sequence[StageRow],
    proposals: Sequence[ProposalRow],
    parties: Collection[str],
) -> tuple[StageRow, dict[str, str]]:
    """The event that first set the stage that holds now; and why others, by id, set none.

    Args:
        offices: who held which office.
        stages: the events that speak of a stage; at least one.
        proposals: the accounts of the proposal.
        parties: the parties to it.
    """
    counted, notes = [], {}
    for row in stages:
        note = _of_no_account(offices, row, proposals, parties)
        if note is None:
            counted.append(row)
        else:
            notes[row.event] = note
    # Where no event counts, the first one still says what there is.
    placed = [row for row in counted if row.stage in _FINAL or _is_dated(row.occurred)]
    dated = placed or counted or list(stages)
    dated.sort(key=_place)
    setting, firmest = dated[0], _firmness(dated[0], -1)
    for row in dated[1:]:
        note = _moves_nothing(setting.stage, row.stage, _firmness(row, firmest) > firmest)
        if note is not None:
            notes[row.event] = note
        elif row.stage != setting.stage:  # a stage holds since it was first reached
            setting = row
        firmest = max(firmest, _firmness(row, firmest))
    return setting, notes


def _moves_nothing(stage: str, said: str, firmer: bool) -> str | None:
    """Why an event that speaks of a stage does not move on from another; None if it does."""
    if stage in _FINAL:
        return f"after it was {stage}"
    if said == stage and said not in _FIRMNESS:
        return None if said == "negotiating" else f"{said} already"
    if stage == "agreed" and said == "negotiating":
        return "talked of after it was agreed"
    if stage == "agreed" and said in _FIRMNESS:
        return "put forward again"
    if stage == "negotiating" and said in _FIRMNESS and not firmer:
        return "put forward again"
    return None


def _of_no_account(
    offices: Offices, row: StageRow, proposals: Sequence[ProposalRow], parties: Collection[str]
) -> str | None:
    """Why an event sets no stage whatever holds then; None if it may."""
    if row.stage == "withdrawn" and not _may_withdraw(offices, row, proposals):
        return "not by one who proposed it"
    if row.stage == "agreed" and len(set(parties)) >= _TWO and row.parties:
        agreed = {side for party in row.parties for side in sides(offices, party, row.occurred)}
        if len(agreed.intersection(parties)) < _TWO:
            return "not between the parties"
    return None


def _may_withdraw(offices: Offices, row: StageRow, proposals: Sequence[ProposalRow]) -> bool:
    if row.by is None or not proposals:
        return True
    return not sides(offices, row.by, row.occurred).isdisjoint(all_proposers(offices, proposals))


def _place(row: StageRow) -> tuple[bool, Any]:
    """In order of time; what ends an initiative for good comes last where it has no date."""
    last = row.stage in _FINAL and not _is_dated(row.occurred)
    return last, latest_key(row.occurred, row.position)


def _firmness(row: StageRow, otherwise: int) -> int:
    return _FIRMNESS.index(row.stage) if row.stage in _FIRMNESS else otherwise


# Terms


_ABOUT = re.compile(r"^(about|around|approximately|roughly|some|nearly|almost|circa|c\.|~|≈)\s*")
"""What makes a figure vague, and no other figure."""

_SCALES = {
    **dict.fromkeys(("thousand", "k"), 3),
    **dict.fromkeys(("million", "mln", "mn", "m"), 6),
    **dict.fromkeys(("billion", "bln", "bn"), 9),
    **dict.fromkeys(("trillion", "tn"), 12),
}
_UNITS = {
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars", "us dollars"), "usd"),
    **dict.fromkeys(("€", "eur", "euro", "euros"), "eur"),
    **dict.fromkeys(("£", "gbp", "pound", "pounds"), "gbp"),
    **dict.fromkeys(("%", "per cent", "percent"), "%"),
    **dict.fromkeys(("km", "kilometres", "kilometers"), "km"),
    **dict.fromkeys(("t", "tonne", "tonnes"), "t"),
}
"""Spellings of one unit."""

_CURRENCIES = {"usd", "eur", "gbp"}

_FIGURE = re.compile(
    r"(us\$|[$€£]|(?:usd|eur|gbp)(?= ?\d))? ?"
    r"(\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?) ?"
    rf"(?:({'|'.join(sorted(_SCALES, key=len, reverse=True))})\b)? ?"
    r"([^\d ].*)?"
)
"""A currency, a number, its scale, and the unit or what else is said of it."""

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
    """A value without what makes no difference: case, spaces, "about", how a figure is written.

    >>> comparable_value("About $8bn") == comparable_value("8 billion dollars")
    True
    """
    folded = " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    plain = _ABOUT.sub("", folded).rstrip(".")
    figure = _FIGURE.fullmatch(plain)
    if figure is None:
        return plain
    before, number, scale, after = (part or "" for part in figure.groups())
    before, after = _UNITS.get(before.strip(), before), _UNITS.get(after.strip(), after.strip())
    if scale == "m" and not {before, after} & _CURRENCIES:  # metres, perhaps
        scale, after = "", f"m {after}".strip()
    amount = Decimal(re.sub("[, ]", "", number)).scaleb(_SCALES.get(scale, 0)).normalize()
    return " ".join(filter(None, (f"{amount:f}", before, after)))


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
