"""How corrections, retractions and takedowns change what earlier events are read as."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import attrs

from timeline.codec import Codec
from timeline.events import (
    EventCorrected,
    EventRedacted,
    EventRetracted,
    RecordedEvent,
    Redacted,
    event_type,
)


class Amendments:
    """The corrections and retractions of the log up to some position, and its takedowns."""

    TYPES = frozenset(
        event_type(cls).name for cls in (EventCorrected, EventRetracted, EventRedacted)
    )

    def __init__(self, codec: Codec, found: Iterable[RecordedEvent[Any]]) -> None:
        self._codec = codec
        self._corrections: dict[str, list[RecordedEvent[EventCorrected]]] = defaultdict(list)
        self._retracted: set[str] = set()
        # Newest first: a retraction also undoes a correction, or a retraction, that came before.
        for amendment in sorted(found, key=lambda event: -event.position):
            if amendment.id in self._retracted:
                continue
            if isinstance(amendment.event, EventRetracted):
                self._retracted.update(amendment.event.events)
            elif isinstance(amendment.event, EventCorrected):
                for id in amendment.event.events:
                    self._corrections[id].insert(0, amendment)

    def apply(self, recorded: RecordedEvent[Any]) -> RecordedEvent[Any] | None:
        """The event as amended; None once it is retracted or its words were taken down.

        Raises:
            InvalidEvent: a correction does not fit the event it names.
        """
        if recorded.id in self._retracted or isinstance(recorded.event, Redacted):
            return None
        corrections = self._corrections.get(recorded.id, [])
        for correction in corrections:
            recorded = self._codec.corrected(recorded, correction.event.changes)
        ids = tuple(correction.id for correction in corrections)
        return attrs.evolve(recorded, amended_by=ids) if ids else recorded


def amended_ids(amendment: object) -> tuple[str, ...]:
    """The ids of the events that an amendment changes the reading of."""
    if isinstance(amendment, EventCorrected | EventRetracted):
        return amendment.events
    return (amendment.event,) if isinstance(amendment, EventRedacted) else ()
