"""How later events change the way earlier ones are read.

These are corrections, retractions, takedowns, further evidence, and mergers of actors.
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
"""Other events name these; so a retracted one stays, marked as withdrawn."""


class Amendments:
    """The amendments of the log up to some position.

    Args:
        codec: knows the events.
        amendments: as recorded, in any order.
    """

    CLASSES = AMENDMENTS
    TYPES = type_names(*AMENDMENTS)

    def __init__(self, codec: Codec, amendments: Iterable[RecordedEvent[Any]]) -> None:
        self._codec = codec
        self._retracted: dict[str, RecordedEvent[EventRetracted]] = {}
        self._merged: dict[str, tuple[str, str]] = {}  # the entry it is read as, and the merger
        self._corrections: dict[str, list[RecordedEvent[EventCorrected]]] = defaultdict(list)
        self._further: dict[str, list[RecordedEvent[EventCorroborated]]] = defaultdict(list)
        mergers: list[RecordedEvent[ActorsMerged]] = []
        # Newest first: a retraction also undoes an earlier amendment, or an earlier retraction.
        for amendment in sorted(amendments, key=lambda event: -event.position):
            if amendment.id not in self._retracted:
                self._add(amendment)
                if isinstance(amendment.event, ActorsMerged):
                    mergers.insert(0, amendment)
        for merger in mergers:
            self._merge(merger)
        self._names = {other: self._name(other) for other in self._merged}

    def _add(self, amendment: RecordedEvent[Any]) -> None:
        event = amendment.event
        if isinstance(event, EventRetracted):
            self._retracted = dict.fromkeys(event.events, amendment) | self._retracted
        elif isinstance(event, EventCorrected | EventCorroborated):
            by_id: Any = self._corrections if isinstance(event, EventCorrected) else self._further
            for id in event.events:
                by_id[id].insert(0, amendment)

    def _merge(self, merger: RecordedEvent[ActorsMerged]) -> None:
        """Join the entries that these actors are read as so far; that of `actor` stays."""
        kept = self._name(merger.event.actor)
        for other in merger.event.others:
            entry = self._name(other)
            if entry != kept:
                self._merged[entry] = (kept, merger.id)

    def _name(self, actor: str) -> str:
        """The entry at the end of the chain of mergers that begins with this actor."""
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
        """The entry that an actor is merged into; the actor itself where there is no merger."""
        return self._names.get(actor, actor)

    def alter(self, id: str) -> bool:
        """Whether the event with that id is corrected, or retracted."""
        return id in self._retracted or id in self._corrections

    def apply(self, recorded: RecordedEvent[Any]) -> RecordedEvent[Any] | None:
        """The event as amended; None once it is retracted or taken down.

        A retracted actor or source stays, and says that it is withdrawn.

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
            added = further_evidence_after(before, further.evidence, changes)
            recorded = attrs.evolve(recorded, evidence=(*recorded.evidence, *added))
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
            # It did fit when it was recorded; the class has changed since.
            raise InvalidEvent(
                f"event {correction.id!r} at position {correction.position} corrects "
                f"{recorded.id!r} at position {recorded.position}, and does not fit the class as "
                f"it is now: {error}. Retract it with an EventRetracted, and record what is right "
                "in a correction of its own."
            ) from error

    def _with_mergers(self, recorded: RecordedEvent[Any], by: list[str]) -> RecordedEvent[Any]:
        event, touched = renamed(recorded.event, "actor", self._names)
        evidence = []
        for item in recorded.evidence:
            renamed_item, more = renamed(item, "actor", self._names)
            evidence.append(renamed_item)
            touched |= more
        if not touched:
            return recorded
        by += self.mergers_of(*sorted(touched))
        return attrs.evolve(recorded, event=event, evidence=tuple(evidence))


def amended_ids(amendment: object) -> tuple[str, ...]:
    """The ids of the events that an amendment names.

    A merger names none: it bears on all events that name the merged actors.
    """
    if isinstance(amendment, EventCorrected | EventRetracted | EventCorroborated):
        return amendment.events
    return (amendment.event,) if isinstance(amendment, EventRedacted) else ()
