"""Proposals, and what becomes of them. A proposal and all that follows it is an initiative."""

from __future__ import annotations

from typing import Annotated, Literal

import attrs
import msgspec

from timeline.events.actors import strings
from timeline.events.base import ActorId, MeetingId, PlanId, ProposalId, Text, event
from timeline.events.statements import Term, terms

Firmness = Literal["floated", "proposed", "formalised"]
Answer = Literal["accepted", "conditional", "deferred", "rejected"]


@event(category="proposal", subject="proposal", opens=True, evidence=True)
class ProposalMade:
    """Somebody put a proposal forward.

    Attributes:
        proposal: the recorder's name for it; the initiative goes by it too.
        title: the name to show.
        by: who proposed it.
        text: what was proposed, in the recorder's own words.
        to: whom it was put to.
        parties: who would take part.
        firmness: whether it was floated as an idea, proposed, or laid down in writing.
        quotes: short phrases of the proposer's own.
        terms: its terms as proposed.
        jointly_with: who proposed it together with `by`.
        place: where.
        meeting: the meeting it was made at.
    """

    proposal: ProposalId
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    by: ActorId
    text: Text
    to: tuple[ActorId, ...] = attrs.field(default=(), converter=strings)
    parties: tuple[ActorId, ...] = attrs.field(default=(), converter=strings)
    firmness: Firmness = "proposed"
    quotes: tuple[str, ...] = attrs.field(default=(), converter=strings)
    terms: tuple[Term, ...] = attrs.field(default=(), converter=terms)
    jointly_with: tuple[ActorId, ...] = attrs.field(default=(), converter=strings)
    place: str | None = None
    meeting: MeetingId | None = None


@event(category="proposal", subject="proposal", evidence=True)
class ProposalAmended:
    """Terms of a proposal were changed by one who could.

    Attributes:
        proposal: which.
        by: who changed it.
        text: what changed, in the recorder's own words.
        terms: the terms as they are from here on; those not named stay.
    """

    proposal: ProposalId
    by: ActorId
    text: Text
    terms: tuple[Term, ...] = attrs.field(default=(), converter=terms)


@event(category="proposal", subject="proposal", evidence=True)
class ProposalAnswered:
    """A party answered a proposal.

    Attributes:
        proposal: which; None where the source tells of an answer and not to what. Such an answer
            bears on no initiative.
        by: who gave the answer.
        answer: the answer, in one of four words.
        text: the answer in the recorder's own words.
        on_behalf_of: the party it was given for, where that is not `by`.
        quotes: short phrases of the answerer's own.
        to: whose proposal it was, or who was answered, where the source tells no more.
    """

    proposal: ProposalId | None
    by: ActorId
    answer: Answer
    text: Text
    on_behalf_of: ActorId | None = None
    quotes: tuple[str, ...] = attrs.field(default=(), converter=strings)
    to: ActorId | None = None


@event(category="proposal", subject="proposal", evidence=True)
class ProposalDiscussed:
    """Parties talked about a proposal with one another.

    Attributes:
        proposal: which.
        participants: who talked.
        text: what was talked about, in the recorder's own words.
        meeting: the meeting it happened at or beside.
        topics: the matters named.
        quotes: short phrases as reported.
    """

    proposal: ProposalId
    participants: tuple[ActorId, ...] = attrs.field(converter=strings)
    text: Text
    meeting: MeetingId | None = None
    topics: tuple[str, ...] = attrs.field(default=(), converter=strings)
    quotes: tuple[str, ...] = attrs.field(default=(), converter=strings)


@event(category="proposal", subject="proposal", evidence=True)
class ProposalWithdrawn:
    """A proposal was taken back by one who had made it.

    Attributes:
        proposal: which.
        by: who took it back.
        text: what was said of it, in the recorder's own words.
    """

    proposal: ProposalId
    by: ActorId
    text: Text


@event(category="proposal", subject="proposal", evidence=True)
class ProposalAdopted:
    """The parties agreed on a proposal.

    Attributes:
        proposal: which; None where the source tells of an agreement and not on what. It then bears
            on no initiative.
        parties: who agreed.
        text: what was agreed, in the recorder's own words.
        place: where.
    """

    proposal: ProposalId | None
    parties: tuple[ActorId, ...] = attrs.field(converter=strings)
    text: Text
    place: str | None = None


@event(category="proposal", subject="proposal", evidence=True)
class ProposalLapsed:
    """Talks on a proposal came to nothing, or it is at rest. `occurred` is when.

    Attributes:
        proposal: which.
        state: `lapsed` if it came to an end, `dormant` if it may be taken up again.
        text: what was said of it, in the recorder's own words.
        by: who said so; None where it is the source's own finding.
    """

    proposal: ProposalId
    state: Literal["lapsed", "dormant"]
    text: Text
    by: ActorId | None = None


@event(category="proposal", subject="proposal", evidence=True)
class MilestoneReached:
    """Something that a proposal is for was done: a builder founded, a first ship through.

    `occurred` is when.

    Attributes:
        proposal: which.
        title: the name to show.
        text: what was done, in the recorder's own words.
        by: whose work it was.
        fulfils: the plans that it keeps.
        terms: figures that go with it, such as a length or a cost.
        place: where.
        meeting: the meeting it was done at, such as a ceremony.
    """

    proposal: ProposalId
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    text: Text
    by: tuple[ActorId, ...] = attrs.field(default=(), converter=strings)
    fulfils: tuple[PlanId, ...] = attrs.field(default=(), converter=strings)
    terms: tuple[Term, ...] = attrs.field(default=(), converter=terms)
    place: str | None = None
    meeting: MeetingId | None = None


Relation = Literal["precedent", "takes up", "replaces", "carries out", "part of"]


@event(category="proposal", subject="proposal")
class RelationNoted:
    """Two proposals have to do with each other. Reports show it from both sides.

    Evidence is optional: the relation may be the recorder's own finding. `occurred` is when it came
    about, such as the day on which a route was replaced.

    Attributes:
        proposal: the one that the relation is read from.
        relation: `precedent`: `other` is an earlier one that is alike. `takes up`: `proposal` is
            for what `other` was for, or for part of it, and nobody says more. `replaces`,
            `carries out`, `part of`: `proposal` does so, or is so, to `other`. One that is replaced
            is superseded, and one that is carried out is carried out; both are stages.
        other: the one that it leads to.
        reason: why, in the recorder's own words.
    """

    proposal: ProposalId
    relation: Relation
    other: ProposalId
    reason: Text
