"""How later events change what earlier ones are read as.

Corrections, retractions, takedowns, further evidence, and mergers of actors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import attrs

from timeline.errors import InvalidEvent, InvalidInput
from timeline.events import (
    AMENDMENTS,
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    EventCorrected,
    EventCorroborated,
    EventRedacted,
    EventRetracted,
    RecordedEvent,
    Redacted,
    SourceAdded,
    renamed,
    type_names,
)
from timeline.events.corrections import further_evidence_after
from timeline.log.codec import Codec

_ENTRIES = (ActorAdded, SourceAdded)
"""What events of any kind name: once retracted, it is marked and stays, so that all can be read."""


class Amendments:
    """The amendments of the log up to some position."""

    CLASSES = AMENDMENTS
    TYPES = type_names(*AMENDMENTS)

    def __init__(self, codec: Codec, found: Iterable[RecordedEvent[Any]]) -> None:
        self._codec = codec
        self._retracted: dict[str, RecordedEvent[EventRetracted]] = {}
        self._merged: dict[str, tuple[str, str]] = {}  # the entry it is read as, and the merger
        self._corrections: dict[str, list[RecordedEvent[EventCorrected]]] = defaultdict(list)
        self._further: dict[str, list[RecordedEvent[EventCorroborated]]] = defaultdict(list)
        mergers: list[RecordedEvent[ActorsMerged]] = []
        # Newest first: a retraction also undoes an amendment, or a retraction, that came before.
        for amendment in sorted(found, key=lambda event: -event.position):
            if amendment.id not in self._retracted:
                self._take(amendment)
                if isinstance(amendment.event, ActorsMerged):
                    mergers.insert(0, amendment)
        for merger in mergers:
            self._merge(merger)
        self._names = {other: self._name(other) for other in self._merged}

    def _take(self, amendment: RecordedEvent[Any]) -> None:
        said = amendment.event
        if isinstance(said, EventRetracted):
            self._retracted = dict.fromkeys(said.events, amendment) | self._retracted
        elif isinstance(said, EventCorrected | EventCorroborated):
            kept: Any = self._corrections if isinstance(said, EventCorrected) else self._further
            for id in said.events:
                kept[id].insert(0, amendment)

    def _merge(self, merger: RecordedEvent[ActorsMerged]) -> None:
        """Join all entries that these are read as by now; the one that stays is that of `actor`."""
        kept = self._name(merger.event.actor)
        for other in merger.event.others:
            entry = self._name(other)
            if entry != kept:
                self._merged[entry] = (kept, merger.id)

    def _name(self, actor: str) -> str:
        """The entry that one that was merged is read as, in the end."""
        while actor in self._merged:
            actor, _ = self._merged[actor]
        return actor

    def mergers_of(self, *actors: str) -> tuple[str, ...]:
        """The ids of the mergers by which these entries are read as another."""
        ids: dict[str, None] = {}
        for actor in actors:
            entry = actor
            while entry in self._merged:
                entry, merger = self._merged[entry]
                ids[merger] = None
        return tuple(ids)

    def merged_into(self, actor: str) -> str:
        """The entry that an actor is read as; itself where it was not merged."""
        return self._names.get(actor, actor)

    def alter(self, id: str) -> bool:
        """Whether the event with that id is corrected, or retracted."""
        return id in self._retracted or id in self._corrections

    def apply(self, recorded: RecordedEvent[Any]) -> RecordedEvent[Any] | None:
        """The event as amended; None once it is retracted or its words were taken down.

        A retracted entry stays, and says that it is withdrawn.

        Raises:
            InvalidEvent: a correction does not fit the event it names.
        """
        retraction = self._retracted.get(recorded.id)
        is_entry = isinstance(recorded.event, _ENTRIES)
        if isinstance(recorded.event, Redacted) or (retraction is not None and not is_entry):
            return None
        by = []
        corrections = self._corrections.get(recorded.id, ())
        changes = [correction.event.changes for correction in corrections]
        before = recorded.event
        for correction in corrections:
            recorded = self._corrected(recorded, correction)
            by.append(correction.id)
        for further in self._further.get(recorded.id, ()):
            found = further_evidence_after(before, further.evidence, changes)
            recorded = attrs.evolve(recorded, evidence=(*recorded.evidence, *found))
            by.append(further.id)
        if self._names and not isinstance(recorded.event, ActorsMerged | ActorsDistinguished):
            recorded = self._with_mergers(recorded, by)
        if retraction is not None:
            recorded = attrs.evolve(recorded, withdrawn=retraction.event.reason)
            by.append(retraction.id)
        return attrs.evolve(recorded, amended_by=tuple(by)) if by else recorded

    def _corrected(
        self, recorded: RecordedEvent[Any], correction: RecordedEvent[EventCorrected]
    ) -> RecordedEvent[Any]:
        try:
            return self._codec.corrected(recorded, correction.event.changes)
        except InvalidInput as error:
            # It did when it was recorded: since then the class has come to be another.
            raise InvalidEvent(
                f"event {correction.id!r} at position {correction.position} corrects "
                f"{recorded.id!r} at position {recorded.position}, and does not fit the class as "
                f"it is now: {error}. Retract it with an EventRetracted, and record what is right "
                "in a correction of its own."
            ) from error

    def _with_mergers(self, recorded: RecordedEvent[Any], by: list[str]) -> RecordedEvent[Any]:
        event, touched = renamed(recorded.event, "actor", self._names)
        evidence = []
        for each in recorded.evidence:
            told, more = renamed(each, "actor", self._names)
            evidence.append(told)
            touched |= more
        if not touched:
            return recorded
        by += self.mergers_of(*sorted(touched))
        return attrs.evolve(recorded, event=event, evidence=tuple(evidence))


def amended_ids(amendment: object) -> tuple[str, ...]:
    """The ids of the events that an amendment changes the reading of.

    A merger changes that of all that name the actors; it names the entries that are merged.
    """
    if isinstance(amendment, EventCorrected | EventRetracted | EventCorroborated):
        return amendment.events
    return (amendment.event,) if isinstance(amendment, EventRedacted) else ()
