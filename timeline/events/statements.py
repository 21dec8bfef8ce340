"""Statements and conduct: what somebody said, or did, that is neither a proposal nor a meeting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import attrs
import msgspec

from timeline.errors import InvalidEvent
from timeline.events.actors import strings
from timeline.events.base import (
    ActorId,
    EventId,
    MeetingId,
    ProposalId,
    StatementId,
    Text,
    event,
    several,
)

Stance = Literal["favourable", "conditional", "noncommittal", "opposed"]


@attrs.frozen
class Position:
    """What a statement says of a party's stance.

    Whether it is the party's own or imputed to it follows from who spoke: only the party itself,
    or one who speaks on its behalf, states its position. Where a statement names nobody it was made
    on behalf of, the offices its speaker held at the time say so.

    Attributes:
        party: whose stance.
        stance: the stance, in one of four words.
        summary: the stance in the recorder's words, where one word does not do.
    """

    party: ActorId
    stance: Stance
    summary: Text | None = None


@attrs.frozen
class Term:
    """One term of a proposal.

    Attributes:
        name: its name, such as `form`, `purpose`, `seat` or `price`.
        value: what it comes to, in the recorder's words, such as `30 million dollars`.
        amount: the number, where it is one, such as 30000000.
        unit: what is counted, such as `km` or `bcm/year`; for money its ISO 4217 code, such as
            `USD`; for shares `per cent`.
        scope: what it is the figure of, such as `first part`; None for the whole. Figures are
            compared only with figures of the same scope.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    value: Text
    amount: float | None = None
    unit: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None
    scope: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None


def positions(value: Iterable[Position | Mapping[str, Any]]) -> tuple[Position, ...]:
    """A tuple of the positions; a mapping becomes one."""
    return several(Position, value)


def terms(value: Iterable[Term | Mapping[str, Any]]) -> tuple[Term, ...]:
    """A tuple of the terms."""
    return several(Term, value)


@event(category="statement", subject="statement", opens=True, evidence=True)
class StatementMade:
    """Somebody said something, in public or as relayed.

    `occurred` is when it was said.

    Attributes:
        speaker: who said it.
        text: what was said, in the recorder's own words.
        statement: the recorder's name for the statement; the event's id serves where it is None.
        on_behalf_of: whom the speaker spoke for, where that does not follow from an office held.
        capacity: the office the speaker spoke in.
        to: whom it was said to.
        place: where.
        meeting: the meeting it was said at.
        about: the proposals it is about. Left empty, no initiative's state is touched by it.
        topics: what else it is about.
        quotes: short phrases of the speaker's own.
        positions: what it says of parties' stances towards the proposals of `about`.
        terms: what it says of the terms of the proposals of `about`.
        disputes: the events whose reports it calls wrong. To deny a report is not to take a
            position.
        toward: whom it was directed at, where the source does not tell whether that is whom it was
            said to or whom it was about.
    """

    speaker: ActorId
    text: Text
    statement: StatementId | None = None
    on_behalf_of: ActorId | None = None
    capacity: str | None = None
    to: ActorId | None = None
    place: str | None = None
    meeting: MeetingId | None = None
    about: tuple[ProposalId, ...] = attrs.field(default=(), converter=strings)
    topics: tuple[str, ...] = attrs.field(default=(), converter=strings)
    quotes: tuple[str, ...] = attrs.field(default=(), converter=strings)
    positions: tuple[Position, ...] = attrs.field(default=(), converter=positions)
    terms: tuple[Term, ...] = attrs.field(default=(), converter=terms)
    disputes: tuple[EventId, ...] = attrs.field(default=(), converter=strings)
    toward: ActorId | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse a position towards nothing: no report would show it."""
        if self.positions and not self.about:
            parties = ", ".join(position.party for position in self.positions)
            raise InvalidEvent(
                f"positions: those of {parties} are towards no proposal. Name the proposals in "
                "about, or leave the positions out"
            )


@event(category="conduct", subject=None, evidence=True)
class ConductReported:
    """An actor was reported to have done something. `occurred` is when.

    For what the vocabulary has no event of its own for: aid given, sanctions imposed, forces moved.
    What matters to a record in more detail deserves an event class of one's own.

    Attributes:
        by: who did it.
        text: what was done, in the recorder's own words.
        toward: to whom, or for whom.
        jointly_with: who did it together with `by`.
        place: where.
    """

    by: ActorId
    text: Text
    toward: ActorId | None = None
    jointly_with: tuple[ActorId, ...] = attrs.field(default=(), converter=strings)
    place: str | None = None
