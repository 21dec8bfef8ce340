"""What is said of events: corrections, retractions, further sources, disagreements.

Nothing recorded is changed: these are events too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import attrs
import msgspec

from timeline.events.actors import strings
from timeline.events.base import (
    DocumentId,
    EventId,
    EventIds,
    MeetingId,
    PlanId,
    ProposalId,
    Text,
    event,
    several,
)
from timeline.events.evidence import Evidence, evidence_of
from timeline.events.meetings import MeetingAnnounced
from timeline.events.plans import PlanAnnounced
from timeline.events.statements import StatementMade

VOICES: dict[type, str] = {StatementMade: "speaker", MeetingAnnounced: "by", PlanAnnounced: "by"}
"""The events that report an utterance, and the field that says whose."""


@event(category="correction", subject=None)
class EventCorrected:
    """What was recorded is held to be otherwise, from here on.

    Projections read the named events as corrected; the log keeps them as they were, and a view as
    of an earlier position still shows them so.

    Attributes:
        events: the ids of the events that are corrected.
        reason: why, for readers of the record.
        changes: the fields that were wrong with their right values, as a record file gives them;
            `occurred` among them for the date, and `evidence` for all that the event rests on:
            the sources that are right, without those that are withdrawn. Where the speaker is
            corrected and the evidence is not, a chain that ends at the former speaker ends at the
            right one.
    """

    events: EventIds = attrs.field(converter=strings)
    reason: Text
    changes: Annotated[dict[str, Any], msgspec.Meta(min_length=1)]


@event(category="correction", subject=None)
class EventRetracted:
    """What was recorded should not have been: projections leave the named events out.

    An actor or a source stays on record for the events that name it, marked as withdrawn. A
    withdrawn source, and what copies it, supports nothing any more; what rests on it alone says so.

    Attributes:
        events: the ids of the events that are retracted.
        reason: why, for readers of the record.
        superseded_by: the event that says it better, where one takes their place.
    """

    events: EventIds = attrs.field(converter=strings)
    reason: Text
    superseded_by: EventId | None = None


@event(category="corroboration", subject=None, evidence=True)
class EventCorroborated:
    """Further sources were found to report the same.

    Projections read the named events with this one's evidence beside their own. What a source
    reports otherwise is an event of its own, not this.

    Attributes:
        events: the ids of the events that the evidence supports too.
        note: in what the report falls short of them, or goes beyond.
    """

    events: EventIds = attrs.field(converter=strings)
    note: Text | None = None


@attrs.frozen
class Side:
    """One side of a disagreement.

    Attributes:
        value: what it comes to, in the recorder's words.
        events: the ids of the events that say so.
    """

    value: Text
    events: EventIds = attrs.field(converter=strings)


def sides(value: Iterable[Side | Mapping[str, Any]]) -> tuple[Side, ...]:
    """A tuple of the sides."""
    return several(Side, value)


@event(category="disagreement", subject=None)
class DisagreementNoted:
    """Events of the record were found to be at odds.

    Where reports of one meeting, or accounts of one proposal, differ in a field, that is found
    without this. It is for what only a reader can see.

    Attributes:
        question: what they are at odds about, such as `was it discussed`.
        sides: the answers.
        proposal: the proposal it concerns.
        meeting: the meeting it concerns.
        plan: the plan it concerns.
        document: the document it concerns.
        note: anything a reader should know.
    """

    question: Text
    sides: Annotated[tuple[Side, ...], msgspec.Meta(min_length=2)] = attrs.field(converter=sides)
    proposal: ProposalId | None = None
    meeting: MeetingId | None = None
    note: Text | None = None
    plan: PlanId | None = None
    document: DocumentId | None = None


@event(category="redaction", subject="event")
class EventRedacted:
    """The words of an event were taken down: its fields and its evidence are gone for good.

    Its id, type, stream, dates and digest remain, so that the log still verifies. Append it through
    `Timeline.redact`, which removes the words as well.

    Attributes:
        event: the id of the event whose words were removed.
        reason: why, for readers of the record.
    """

    event: EventId
    reason: Text


@event
class StreamClosed:
    """The stream in which it stands takes no more events. `EventStore.close_stream` appends it.

    Attributes:
        reason: why, for readers of the log.
    """

    reason: Text


@attrs.frozen
class Redacted:
    """Stands for the fields of an event whose words were taken down."""


@attrs.frozen
class Obsolete:
    """Stands for the fields of an event that means nothing to this code any more.

    Its upcaster says so; reading the log passes it over.
    """


def evidence_after(
    event: object, evidence: tuple[Evidence, ...], changes: Sequence[Mapping[str, Any]]
) -> tuple[Evidence, ...]:
    """The evidence of an event after corrections.

    Args:
        event: the event before them.
        evidence: its evidence before them.
        changes: the fields of each correction, in order.
    """
    field = VOICES.get(type(event))
    voice = None if field is None else getattr(event, field)
    for change in changes:
        speaker = voice if field is None else change.get(field, voice)
        if "evidence" in change:
            evidence = evidence_of(change["evidence"])
        elif speaker != voice:
            evidence = tuple(_ending_at(speaker, voice, source) for source in evidence)
        voice = speaker
    return evidence


def further_evidence_after(
    event: object, evidence: tuple[Evidence, ...], changes: Sequence[Mapping[str, Any]]
) -> tuple[Evidence, ...]:
    """Evidence that was found later, for an event with these corrections: none replaces it."""
    others = [{k: value for k, value in change.items() if k != "evidence"} for change in changes]
    return evidence_after(event, evidence, others)


def _ending_at(speaker: Any, former: Any, source: Evidence) -> Evidence:
    """The source, whose chain ends at the right speaker where it ended at the former one."""
    if not source.chain or source.chain[-1].who != former or speaker is None:
        return source
    last = attrs.evolve(source.chain[-1], who=speaker)
    return attrs.evolve(source, chain=(*source.chain[:-1], last))
