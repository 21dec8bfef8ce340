"""What a party thinks of an initiative, as lines: its own stances, and those imputed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import get_args

import attrs

from timeline.dates import latest_key, when
from timeline.engine.projection import View
from timeline.events.statements import Stance as Taken
from timeline.models.directory import MembershipRow
from timeline.models.initiatives import PositionRow, ProposalRow
from timeline.reports import lanes
from timeline.reports.actors import MembershipLine, membership_line
from timeline.reports.document import Cell, Chart, about, cell
from timeline.reports.evidence import Citation, Citer, Named, distinct
from timeline.reports.rules.attribution import Stance, Sureness


@attrs.frozen
class PositionLine:
    """A stance of a party.

    `own` says whether the party took it, itself or through one who speaks for it; else `speaker`
    imputed it to the party. `on_behalf_of` is whom the event says the speaker spoke for;
    `spoke_for` and `capacity` also follow from an office that the speaker held at the time. Where
    they do, `office` says whether it is `certain` or only `possible` that it was held then and
    spoken in.
    """

    party: Named
    stance: str
    own: bool
    occurred: str | None
    speaker: Named
    on_behalf_of: Named | None
    spoke_for: Named | None
    capacity: str | None
    office: Sureness | None
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class PartyLine:
    """One party: its own positions and those imputed to it, newest first, and its memberships.

    `evidence` is what makes it a party: accounts of the proposal, or positions that name it.
    """

    party: str
    name: str
    own: tuple[PositionLine, ...]
    imputed: tuple[PositionLine, ...]
    memberships: tuple[MembershipLine, ...]
    evidence: tuple[Citation, ...]


def party_line(
    view: View,
    citer: Citer,
    party: str,
    taken: Iterable[Stance],
    proposals: Iterable[ProposalRow],
) -> PartyLine:
    """One party: what is said of its stance, and what makes it a party."""
    of_it = sorted(
        (stance for stance in taken if stance.said.party == party),
        key=lambda stance: latest_key(stance.said.occurred, stance.said.position),
        reverse=True,
    )
    accounts = [row for row in proposals if party in row.parties]
    named_by: Sequence[ProposalRow | PositionRow] = accounts or [stance.said for stance in of_it]
    members = view.all(MembershipRow, actor=party)
    return PartyLine(
        party=party,
        name=citer.name(party).name,
        own=tuple(position_line(citer, stance) for stance in of_it if stance.own),
        imputed=tuple(position_line(citer, stance) for stance in of_it if not stance.own),
        memberships=tuple(membership_line(view, citer, row) for row in members),
        evidence=citer.cite(id for row in named_by for id in row.events),
    )


def position_line(citer: Citer, stance: Stance) -> PositionLine:
    """One stance as a line."""
    return citer.line(
        PositionLine,
        stance.said,
        own=stance.own,
        spoke_for=stance.spoke_for,
        capacity=stance.capacity,
        office=stance.office,
        text=stance.said.summary,
        evidence=citer.cite(stance.events),
    )


# As a document


def position_lanes(
    parties: Iterable[Named], positions: Iterable[PositionLine], beside: str
) -> Iterable[Chart]:
    """Each party's positions, its own and those imputed to it, beside a table of that title."""
    names = lanes.lane_names(parties)
    return lanes.chart(
        "Positions by party",
        beside,
        (
            lanes.mark(
                names[line.party.id],
                line.stance,
                line.occurred,
                solid=line.own,
                by=None if line.own else speaker_of(line),
            )
            for line in positions
        ),
        lanes=names.values(),
        kinds=get_args(Taken),
        solid="the party's own",
        outline="imputed to it by others",
    )


def taken_as(line: PositionLine) -> str:
    """A stance in words: whose it is, and through whom."""
    through = "" if line.speaker == line.party else f", through {speaker_of(line)}"
    if line.own:
        return f"{line.stance}, own{if_in_office(line)}{through}"
    spoken_for = f" for {line.spoke_for}" if line.spoke_for else ""
    return f"{line.stance}, imputed by {speaker_of(line)}{spoken_for}"


def if_in_office(line: PositionLine) -> str:
    """What is added where it is not certain that the speaker held the office then."""
    return ", if in office" if line.own and line.office == "possible" else ""


def speaker_of(line: PositionLine) -> str:
    """Who spoke, and in which office."""
    return f"{line.speaker} ({line.capacity})" if line.capacity else str(line.speaker)


def party_row(line: PartyLine) -> tuple[Cell, ...]:
    """The newest stances of a party: its own, and those imputed to it."""
    own = _newest(line, line.own, lambda own: f"{own.stance}{if_in_office(own)}")
    imputed = _newest(line, line.imputed, lambda other: f"{other.stance}, says {other.speaker}")
    return cell(about("actor", line.party, line.name), line.evidence), own, imputed


def _newest(
    line: PartyLine, positions: Sequence[PositionLine], words: Callable[[PositionLine], str]
) -> Cell:
    """Every different stance at its newest date: stances at odds stand side by side."""
    newest: dict[str, PositionLine] = {}
    for position in positions:
        newest.setdefault(words(position), position)
    stances = [
        f"{_before(position, positions[0])}{what} ({position.occurred or 'undated'})"
        for what, position in newest.items()
    ]
    evidence = distinct(position.evidence for position in newest.values())
    return cell(tuple(stances) or "none", evidence or line.evidence)


def _before(one: PositionLine, newest: PositionLine) -> str:
    """A mark for an own stance that the party had before. Others may still say what they said."""
    then, since = when(one.occurred), when(newest.occurred)
    earlier = then is not None and since is not None and since.certainly_after(then)
    return "before: " if one.own and earlier else ""
