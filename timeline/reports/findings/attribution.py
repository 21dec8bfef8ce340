"""Whose a stance is: the party's own, or imputed to it; and whom a speaker spoke for."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs

from timeline.dates import When
from timeline.engine.projection import View
from timeline.events.actors import office_words
from timeline.projections.directory import RoleRow
from timeline.projections.initiatives import InitiativeRow, PositionRow, ProposalRow
from timeline.projections.statements import StatementRow
from timeline.reports.actors import reported
from timeline.reports.model import by_time

Sureness = Literal["certain", "possible"]
Tenure = Literal["certain", "possible", "past", "later"]

_DAY, _YEAR = timedelta(days=1), timedelta(days=366)

_SHARED = {
    *("deputy", "vice", "assistant", "aide", "adviser", "advisor", "member", "representative"),
    *("ambassador", "envoy", "spokesman", "spokeswoman", "spokesperson", "negotiator"),
}
"""Words of offices that several may hold at once: a second holder is no successor."""

_PRIVATE = {
    *("private", "privately", "personal", "personally", "individual", "citizen"),
    *("unofficial", "unofficially", "ex", "former", "formerly", "retired"),
}


@attrs.frozen
class Stance:
    """What one event says of a party's stance.

    Attributes:
        said: the row.
        own: whether the party took it, itself or through one who speaks for it.
        spoke_for: whom the speaker spoke for, by the event or by an office held at the time.
        capacity: the office spoken in, by the event or by what was reported of the speaker.
        office: whether it is certain that the speaker spoke in the office that says for whom, see
            `Offices`; None where the event says it, or nothing does.
        events: the events that say all this.
    """

    said: PositionRow
    own: bool
    spoke_for: str | None
    capacity: str | None
    office: Sureness | None
    events: tuple[str, ...]


def stances(view: View, initiative: str) -> list[Stance]:
    """Every stance towards an initiative, by world time, uncertain dates by their earliest day."""
    rows = by_time(view.all(PositionRow, initiative=initiative))
    offices = Offices(view)
    known = view.get(InitiativeRow, initiative)
    parties = known.parties if known else ()
    return [_stance(view, offices, row, parties) for row in rows]


def _stance(view: View, known: Offices, row: PositionRow, parties: Container[str | None]) -> Stance:
    statement = view.get(StatementRow, row.event)
    if statement is None:
        return _answer(known, row, parties)
    capacity = statement.capacity
    if row.own or row.on_behalf_of is not None:
        return Stance(row, row.own, row.on_behalf_of, capacity, None, row.events)
    offices = known.open_to(row.speaker, capacity, row.occurred)
    deciding = [office for office in offices if office.of == row.party]
    by_office = deciding or _of_one_body(offices)
    return Stance(
        said=row,
        own=bool(deciding),
        spoke_for=by_office[0].of if by_office else None,
        capacity=capacity or (by_office[0].role if by_office else None),
        office=known.sureness(by_office, capacity, row.occurred),
        events=tuple(dict.fromkeys((*row.events, *_events(by_office)))),
    )


def _answer(known: Offices, row: PositionRow, parties: Container[str | None]) -> Stance:
    """Whose an answer to a proposal is: by an officer, that of the body whose office it is.

    Of several bodies it is that one's which is a party to the proposal.
    """
    plain = Stance(row, row.own, row.on_behalf_of, None, None, row.events)
    if row.on_behalf_of is not None or row.party in parties:
        return plain
    held = known.held(row.speaker, row.occurred)
    concerned = [office for office in held if office.of in parties]
    offices = _of_one_body(concerned or held)
    if not offices:
        return plain
    body = offices[0].of or row.party
    said: Any = row
    return Stance(
        said=attrs.evolve(said, party=body),
        own=True,
        spoke_for=body,
        capacity=offices[0].role,
        office=known.sureness(offices, None, row.occurred),
        events=tuple(dict.fromkeys((*row.events, *_events(offices)))),
    )


# Offices


@attrs.frozen
class Holding:
    """One report of an office, with what other reports of the same office say of its end.

    Attributes:
        role: the report.
        until: when the holding ended, by this report, another one, or a successor's beginning.
        known: times at which the office was certainly held.
        reported: the day that the report speaks of, where it is not the end of the holding.
        successor: the report of the one who came after, where that gives the end.
    """

    role: RoleRow
    until: When | None
    known: tuple[When, ...]
    reported: tuple[When, ...] = ()
    successor: RoleRow | None = None

    def status(self, moment: When) -> Tenure:
        """Whether the office was held then: for certain, possibly, no longer, or not yet."""
        if self.covers(moment):
            return "certain"
        if self.may_cover(moment):
            return "possible"
        over = self.until is not None and moment.certainly_after(self.until)
        return "past" if over else "later"

    @property
    def behind(self) -> tuple[str, ...]:
        """The events that say all this."""
        after = () if self.successor is None else self.successor.events
        return tuple(dict.fromkeys((*self.role.events, *after)))

    def may_cover(self, moment: When | None) -> bool:
        """Whether the office may have been held then; an end not known is open."""
        if moment is None:
            return True
        since, until = self.role.since, self.until
        return (since is None or not since.certainly_after(moment)) and (
            until is None or not moment.certainly_after(until)
        )

    def covers(self, moment: When | None) -> bool:
        """Whether it certainly was held then, as far as one can be certain, see `Offices`."""
        begin, end = moment.reach if moment else (None, None)
        if begin is None or end is None:
            return False
        if any(_is_within(begin, end, date) for date in self.reported):
            return True
        if self.until is not None:
            ends = self.until.reach[0]
            if ends is None or end > ends:
                return False
        if self.role.since is not None:
            return any(
                last is not None and last <= begin
                for _, last in (each.reach for each in (self.role.since, *self.known))
            )
        return any(_within_a_year(begin, end, each) for each in self.known)


def _is_within(begin: datetime, end: datetime, moment: When) -> bool:
    """Whether a time lies in the day that a report speaks of; of a year it need not be all."""
    first, last = moment.reach
    if first is None or last is None or last - first > _DAY:
        return False
    return first <= begin and end <= last


def _within_a_year(begin: Any, end: Any, moment: When) -> bool:
    first, last = moment.reach
    return first is not None and last is not None and first - end <= _YEAR >= begin - last


class Offices:
    """The offices that actors were reported to hold; each actor's are looked up once.

    An office may have been held at some time unless its dates rule that out. That it was is taken
    for certain if it certainly had begun and had not ended by any report; where nobody says when it
    began, if a report of it or its end is within a year of the time. A beginning or an end on the
    very day, month or year leaves it open. Of an office that one holds at a time, a successor's
    beginning is the end. Of two who may each have come before the other, neither is a successor.

    A capacity that is given for the words says which office was spoken in: one of the same words,
    or else one whose words contain, or are contained in, those of the capacity. If that is an
    office of somebody else, or not held then, no other counts. If it is none of those recorded, the
    only body that the actor held offices of may be the one spoken for, but that is not certain; a
    capacity that is private or past ("private citizen", "former minister") is no office at all.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._of: dict[str, list[Holding]] = {}
        self._in: dict[str, list[RoleRow]] = {}

    def held(self, actor: str, moment: When | None) -> list[RoleRow]:
        """The offices of somebody that the actor may have held then."""
        return [
            each.role
            for each in self._holdings(actor)
            if each.role.of is not None and each.may_cover(moment)
        ]

    def open_to(self, actor: str, capacity: str | None, moment: When | None) -> list[RoleRow]:
        """The offices that the actor may have spoken in."""
        held = self.held(actor, moment)
        if capacity is None:
            return held
        named = _named(capacity, [each.role for each in self._holdings(actor)])
        if named:
            return [office for office in held if office in named]
        return [] if office_words(capacity) & _PRIVATE else _of_one_body(held)

    def spoken_in(self, actor: str, capacity: str | None, moment: When | None) -> list[RoleRow]:
        """The offices by which the actor spoke for somebody; none where they are of several."""
        return _of_one_body(self.open_to(actor, capacity, moment))

    def sureness(
        self, offices: Sequence[RoleRow], capacity: str | None, moment: When | None
    ) -> Sureness | None:
        """Whether it is certain that words were spoken in one of these; None without any."""
        if not offices:
            return None
        if capacity is not None and not _named(capacity, offices):
            return "possible"
        covering = (
            each.covers(moment) for each in self._holdings(offices[0].actor) if each.role in offices
        )
        return "certain" if any(covering) else "possible"

    def _holdings(self, actor: str) -> list[Holding]:
        if actor not in self._of:
            roles = self._view.all(RoleRow, actor=actor)
            self._of[actor] = [self._holding(role, roles) for role in roles]
        return self._of[actor]

    def holding(self, role: RoleRow) -> Holding:
        """The holding that a report tells of."""
        return next(each for each in self._holdings(role.actor) if each.role == role)

    def _holding(self, role: RoleRow, roles: Sequence[RoleRow]) -> Holding:
        dated = reported(self._view, role.events)
        until, successor = _end(role, dated, roles), None
        if until is None:
            successor = self._successor(role, dated, roles)
            until = None if successor is None else successor.since
        known = [dated] if dated and not (until and dated.certainly_after(until)) else []
        dates = tuple(date for date in (*known, role.until) if date is not None)
        of_the_day = () if role.until is not None else tuple(known)
        return Holding(role, until, dates, of_the_day, successor)

    def _successor(
        self, role: RoleRow, dated: When | None, roles: Iterable[RoleRow]
    ) -> RoleRow | None:
        """The next report that another one has come into the office, after all reports of this."""
        if role.of is None or office_words(role.role) & _SHARED:
            return None
        last = [date for date in (role.since, dated) if date is not None]
        for row in roles:
            if _office(row) == _office(role):
                later = (row.since, row.until, reported(self._view, row.events))
                last += [date for date in later if date is not None]
        others = [
            row
            for row in self._in_office(role)
            if row.actor != role.actor
            and row.since is not None
            and row.since.latest is not None
            and all(_ends_before(date, row.since) for date in last)
            and not self._may_precede(row, role, last)
        ]
        return min(others, key=lambda row: (_latest(row), row.event), default=None)

    def _may_precede(self, other: RoleRow, role: RoleRow, last: Iterable[When]) -> bool:
        """Whether all reports of another one in the office may be of the time before this one.

        `last` are the dates of the reports of this one.
        """
        if role.since is None:
            return False
        came = [date for date in last if not role.since.certainly_after(date)]
        dates: list[When | None] = []
        for row in self._in_office(role):
            if row.actor == other.actor:
                dates += [row.since, row.until or reported(self._view, row.events)]
        known = filter(None, dates)
        return all(_ends_before(date, by) for date in known for by in came)

    def _in_office(self, role: RoleRow) -> list[RoleRow]:
        """The reports of the office that this one tells of, by whomever it was held."""
        if role.office not in self._in:
            # By its words: a body may have very many offices.
            self._in[role.office] = list(self._view.all(RoleRow, office=role.office))
        return [row for row in self._in[role.office] if row.of == role.of]


def _ends_before(date: When, since: When) -> bool:
    """Whether a report of that date may still be of the time before another one came."""
    begin, latest = date.reach[0], since.reach[1]
    return begin is None or latest is None or begin <= latest


def _latest(row: RoleRow) -> datetime:
    latest = None if row.since is None else row.since.latest
    assert latest is not None  # only such rows are compared
    return latest


def _end(role: RoleRow, told: When | None, roles: Iterable[RoleRow]) -> When | None:
    """When the holding ended; another report may give the end of what this one tells of.

    One that tells of the office later than that has the actor in it again.
    """
    if role.until is not None:
        return role.until
    same = (each for each in roles if _office(each) == _office(role))
    ends = [each.until for each in same if each.until is not None]
    if role.since is not None:
        return min((end for end in ends if end > role.since), default=None)
    return min((end for end in ends if not (told and told.certainly_after(end))), default=None)


def _office(role: RoleRow) -> tuple[str, str | None]:
    return role.role.casefold(), role.of


def _named(capacity: str, roles: Sequence[RoleRow]) -> list[RoleRow]:
    """The offices that the capacity may be the name of."""
    said = office_words(capacity)
    same = [role for role in roles if said and office_words(role.role) == said]
    return same or [role for role in roles if _may_name(said, office_words(role.role))]


def _may_name(said: frozenset[str], office: frozenset[str]) -> bool:
    if not said or not office or (said - office) & _PRIVATE:
        return False
    return said <= office or office <= said


def _of_one_body(offices: Sequence[RoleRow]) -> list[RoleRow]:
    return list(offices) if len({each.of for each in offices}) == 1 else []


def _events(roles: Iterable[RoleRow]) -> Iterable[str]:
    return (id for role in roles for id in role.events)


# Who proposed it


def sides(offices: Offices, actor: str, moment: When | None) -> set[str]:
    """The actor, and whoever's offices it may have held then."""
    return {actor, *(each.of for each in offices.held(actor, moment) if each.of)}


def all_proposers(offices: Offices, accounts: Iterable[ProposalRow]) -> set[str]:
    """Who proposed it by any account, and whoever's offices they held."""
    return {
        side
        for row in accounts
        for actor in (row.proposer, *row.jointly_with)
        for side in sides(offices, actor, row.occurred)
    }


def proposers(
    offices: Offices, row: ProposalRow, accounts: Iterable[ProposalRow]
) -> frozenset[str]:
    """Who proposed it by one account; for an officer, the state or body if another names that."""
    named = {actor for each in accounts for actor in (each.proposer, *each.jointly_with)}

    def side(actor: str) -> str:
        held = offices.held(actor, row.occurred)
        return next((each.of for each in held if each.of in named), None) or actor

    return frozenset(map(side, (row.proposer, *row.jointly_with)))
