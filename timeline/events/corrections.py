"""Corrections and retractions. Nothing recorded is changed: these are events too."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import msgspec

from timeline.events.actors import strings
from timeline.events.base import EventId, Text, event

_Targets = Annotated[tuple[EventId, ...], msgspec.Meta(min_length=1, max_length=1000)]


@event(category="correction", subject=None)
class EventCorrected:
    """What was recorded is held to be otherwise, from here on.

    Projections read the named events as corrected; the log keeps them as they were, and a view as
    of an earlier position still shows them so.

    Attributes:
        events: the ids of the events that are corrected.
        reason: why, for whoever asks.
        changes: the fields that were wrong with their right values, as a record file gives them;
            `occurred` among them for the date.
    """

    events: _Targets = attrs.field(converter=strings)
    reason: Text
    changes: Annotated[dict[str, Any], msgspec.Meta(min_length=1)]


@event(category="correction", subject=None)
class EventRetracted:
    """What was recorded should not have been: projections leave the named events out.

    Attributes:
        events: the ids of the events that are retracted.
        reason: why, for whoever asks.
    """

    events: _Targets = attrs.field(converter=strings)
    reason: Text


@event(category="redaction", subject="event")
class EventRedacted:
    """The words of an event were taken down: its fields and its evidence are gone for good.

    Its id, type, stream, dates and digest remain, so that the log still verifies. Append it through
    `Timeline.redact`, which removes the words as well.

    Attributes:
        event: the id of the event whose words were removed.
        reason: why, for whoever asks.
    """

    event: EventId
    reason: Text


@attrs.frozen
class Redacted:
    """Stands for the fields of an event whose words were taken down."""
