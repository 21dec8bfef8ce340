"""The stage of an initiative: a state that events move on, not the latest remark.

`docs/design.md` has the rule as a table of transitions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, get_args

from timeline.dates import When, latest_key
from timeline.events.proposals import Firmness
from timeline.models.initiatives import ProposalRow, StageRow
from timeline.reports.rules.attribution import Offices, all_proposers, sides

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
    """The event that set the stage that holds now; and why others, by id, set none.

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
        if note is None:
            setting = row
        else:
            notes[row.event] = note
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


def _is_dated(occurred: When | None) -> bool:
    return occurred is not None and occurred.earliest is not None
