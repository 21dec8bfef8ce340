"""How an event gets from the log to a handler: stored, amended, cut off, handed over.

Amendments are corrections, retractions, takedowns, further evidence, and mergers of actors. Kept
rows, views as of a moment, split folds and `timeline.testing` all read events here. So a projection
makes the same rows in each of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.engine.cutoff import Cutoff, Horizon, publication
from timeline.engine.projection import Projection, Rows
from timeline.errors import InvalidEvent, InvalidInput, NotFound
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
from timeline.log.digests import GENESIS, Head
from timeline.log.query import Query
from timeline.log.store import EventStore

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
        self._amended = self._retracted.keys() | self._corrections.keys() | self._further.keys()

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
        # Few events are amended; the others come through here by the million.
        if not self._names and recorded.id not in self._amended:
            return None if isinstance(recorded.event, Redacted) else recorded
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


# Reading

_TAKEDOWNS = type_names(EventRedacted)


Read = tuple[RecordedEvent[Any], RecordedEvent[Any] | None]
"""An event as stored, and as amended; None where it is retracted or out of view."""


def meant_for(event: Read, projection: Projection) -> RecordedEvent[Any] | None:
    """An event as a projection gets it; None where it does not get it."""
    stored, amended = event
    return stored if projection.raw else amended


def hand(event: Read, projection: Projection, rows: Rows) -> None:
    """Hand an event to a projection, unless it does not get it."""
    meant = meant_for(event, projection)
    if meant is not None:
        projection.handle(rows, meant)


class Reader:
    """Reads stored events under amendments, up to a cutoff.

    Args:
        codec: knows the events.
        amendments: all that may bear on the events; those out of view have no effect.
        horizon: what is in view; everything, if not given.
    """

    def __init__(
        self,
        codec: Codec,
        amendments: Iterable[RecordedEvent[Any]],
        horizon: Horizon | None = None,
    ) -> None:
        self._seen = horizon.seen if horizon is not None and horizon.by_content else None
        if self._seen is not None:
            amendments = filter(None, map(self._seen, amendments))
        self.amendments = Amendments(codec, amendments)

    def read(self, events: Iterable[RecordedEvent[Any]]) -> Iterator[Read]:
        """The events as stored, and as amended in view; without those that were taken down.

        Raises:
            InvalidEvent: a correction does not fit the event it names.
        """
        apply, seen = self.amendments.apply, self._seen
        for stored in events:
            if not isinstance(stored.event, Redacted):
                amended = apply(stored)
                yield stored, amended if amended is None or seen is None else seen(amended)


class LogReader:
    """Reads a log for some projections.

    Args:
        store: the log.
        projections: only events that one of them handles are read.
    """

    def __init__(self, store: EventStore, projections: Sequence[Projection]) -> None:
        self._store = store
        self._query = Query(frozenset().union(*(projection.types for projection in projections)))
        self._all_raw = all(projection.raw for projection in projections)
        self._amendments: list[RecordedEvent[Any]] = []
        self._amendments_end = Head(0, GENESIS)
        self._takedowns: tuple[str, ...] = ()

    def read(
        self,
        after: int,
        until: int,
        *,
        amended: int,
        connection: sa.Connection | None = None,
        horizon: Horizon | None = None,
    ) -> Iterator[Read]:
        """The events of a stretch of the log, under the amendments up to position `amended`."""
        reader = Reader(self._store.codec, self._amendments_until(amended, connection), horizon)
        stored = self._store.read_all(self._query, after=after, until=until, connection=connection)
        return reader.read(stored)

    def horizon(self, cutoff: Cutoff, until: int) -> Horizon:
        """The horizon of a cutoff, with the dates of all sources where the cutoff needs them."""
        if cutoff.published is None:
            return Horizon(cutoff)
        read = partial(self._store.read_all, until=until)
        reader = Reader(self._store.codec, read(Query(Amendments.TYPES)))
        sources = reader.read(read(Query(type_names(SourceAdded))))
        added = (amended.event.source for _, amended in sources if amended is not None)
        return Horizon(cutoff, publication(added))

    def reaches_back(self, connection: sa.Connection, raw: bool, position: int, until: int) -> bool:
        """Whether amendments after a position change how events up to it are read.

        A raw projection is only affected by takedowns.
        """
        types = _TAKEDOWNS if raw else Amendments.TYPES
        later = self._store.read_all(
            after=position, until=until, query=Query(types), connection=connection
        )
        new = [amendment.event for amendment in later]
        if position and any(isinstance(amendment, ActorsMerged) for amendment in new):
            return True
        ids = {id for amendment in new for id in amended_ids(amendment)}
        named = self._store.existing(ids, connection).values()
        return any(event.position <= position for event in named)

    def takes_down_after(self, connection: sa.Connection, position: int) -> bool:
        """Whether an event was taken down after a position."""
        later = self._store.read_all(
            after=position, query=Query(_TAKEDOWNS), limit=1, connection=connection
        )
        return next(later, None) is not None

    def _amendments_until(
        self, until: int, connection: sa.Connection | None
    ) -> list[RecordedEvent[Any]]:
        """All amendments up to a position; none where all projections are raw.

        A build needs them at every step, so they are cached. The cache may hold rolled-back events:
        compare digests before reuse. Only a takedown changes an amendment that was read before.
        """
        if self._all_raw:
            return []
        read = partial(self._store.read_all, connection=connection)
        takedowns = tuple(event.id for event in read(Query(_TAKEDOWNS)))
        end, cached = self._amendments_end, self._amendments
        if takedowns != self._takedowns or until < end.position or not self._holds(end, connection):
            end, cached = Head(0, GENESIS), []
        new = read(after=end.position, until=until, query=Query(Amendments.TYPES))
        self._amendments = [*cached, *new]
        self._amendments_end = self._store.head_at(until, connection)
        self._takedowns = takedowns
        return self._amendments

    def _holds(self, head: Head, connection: sa.Connection | None) -> bool:
        """Whether the log still has this digest at this position."""
        try:
            return self._store.head_at(head.position, connection) == head
        except NotFound:
            return False
