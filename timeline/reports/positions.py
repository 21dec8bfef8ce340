"""Whose a stance is: the party's own, or imputed to it; and whom a speaker spoke for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from timeline.clock import UNKNOWN, When
from timeline.projection import View
from timeline.projections.directory import RoleRow
from timeline.projections.initiatives import PositionRow
from timeline.projections.statements import StatementRow


@attrs.frozen
class Stance:
    """What one event says of a party's stance.

    Attributes:
        said: the row.
        own: whether the party took it, itself or through one who speaks for it.
        spoke_for: whom the speaker spoke for, by the event or by an office held at the time.
        capacity: the office spoken in, by the event or by what was reported of the speaker.
        events: the events that say all this.
    """

    said: PositionRow
    own: bool
    spoke_for: str | None
    capacity: str | None
    events: tuple[str, ...]


def stances(view: View, initiative: str) -> list[Stance]:
    """Every stance towards an initiative, by world time, uncertain dates by their earliest day."""
    rows = view.all(PositionRow, initiative=initiative)
    rows.sort(key=lambda row: ((row.occurred or UNKNOWN).sort_key, row.position))
    offices = Offices(view)
    return [_stance(view, offices, row) for row in rows]


def _stance(view: View, known: Offices, row: PositionRow) -> Stance:
    statement = view.get(StatementRow, row.event)
    if statement is None:
        return _answer(known, row)
    capacity = statement.capacity
    if row.own or row.on_behalf_of is not None:
        return Stance(row, row.own, row.on_behalf_of, capacity, row.events)
    offices = known.held(row.speaker, row.occurred)
    deciding = _agreeing([office for office in offices if office.of == row.party], capacity)
    by_office = deciding or _agreeing(offices, capacity)
    return Stance(
        said=row,
        own=bool(deciding),
        spoke_for=by_office[0].of if by_office else None,
        capacity=capacity or (by_office[0].role if by_office else None),
        events=tuple(dict.fromkeys((*row.events, *_events(by_office)))),
    )


def _answer(known: Offices, row: PositionRow) -> Stance:
    """Whose an answer to a proposal is: by an officer, that of the body whose office it is."""
    offices = known.spoken_in(row.speaker, None, row.occurred)
    if row.on_behalf_of is not None or not offices:
        return Stance(row, row.own, row.on_behalf_of, None, row.events)
    body = offices[0].of or row.party
    said: Any = row
    return Stance(
        said=attrs.evolve(said, party=body),
        own=True,
        spoke_for=body,
        capacity=offices[0].role,
        events=tuple(dict.fromkeys((*row.events, *_events(offices)))),
    )


class Offices:
    """The offices that actors were reported to hold; each actor's are looked up once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._of: dict[str, list[RoleRow]] = {}

    def held(self, actor: str, moment: When | None) -> list[RoleRow]:
        """The offices of somebody that the actor may have held then."""
        if actor not in self._of:
            found = self._view.all(RoleRow, actor=actor)
            self._of[actor] = [role for role in found if role.of is not None]
        roles = self._of[actor]
        return [role for role in roles if _covers(role.since, _end(role, roles), moment)]

    def spoken_in(self, actor: str, capacity: str | None, moment: When | None) -> list[RoleRow]:
        """The offices by which the actor spoke for somebody; none where they are of several."""
        return _agreeing(self.held(actor, moment), capacity)


def _agreeing(offices: Sequence[RoleRow], capacity: str | None) -> list[RoleRow]:
    named = [each for each in offices if capacity and each.role.casefold() == capacity.casefold()]
    chosen = named or offices
    return list(chosen) if len({each.of for each in chosen}) == 1 else []


def offices_held(view: View, actor: str, moment: When | None) -> list[RoleRow]:
    """As `Offices.held`, for a single question."""
    return Offices(view).held(actor, moment)


def _end(role: RoleRow, roles: Iterable[RoleRow]) -> When | None:
    """When the holding ended; another report may give the end of what this one gives the start."""
    if role.until is not None or role.since is None:
        return role.until
    same = (each for each in roles if (each.role, each.of) == (role.role, role.of))
    ends = [each.until for each in same if each.until is not None and each.until > role.since]
    return min(ends, default=None)


def _covers(since: When | None, until: When | None, moment: When | None) -> bool:
    """Whether a stretch with such ends may include the moment; an end not known is open."""
    if moment is None:
        return True
    begins = None if since is None else since.earliest
    ends = None if until is None else until.latest
    return (begins is None or moment.latest is None or begins <= moment.latest) and (
        ends is None or moment.earliest is None or ends >= moment.earliest
    )


def _events(roles: Iterable[RoleRow]) -> Iterable[str]:
    return (id for role in roles for id in role.events)
