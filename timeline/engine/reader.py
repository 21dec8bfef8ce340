"""How an event gets from the log to a handler: stored, amended, cut off, handed over.

Kept rows, views as of a moment, split folds and `timeline.testing` all read events here. So a
projection makes the same rows in each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.engine.amendments import Amendments, amended_ids
from timeline.engine.cutoff import ALL, Cutoff, Horizon, publication
from timeline.engine.projection import Projection, Rows
from timeline.errors import NotFound
from timeline.events import (
    ActorsMerged,
    EventRedacted,
    RecordedEvent,
    Redacted,
    SourceAdded,
    type_names,
)
from timeline.log.codec import Codec
from timeline.log.digests import GENESIS, Head
from timeline.log.store import EventStore

_TAKEDOWNS = type_names(EventRedacted)


@attrs.frozen
class ReadEvent:
    """An event as stored, and as amended; None where it is retracted or out of view."""

    stored: RecordedEvent[Any]
    amended: RecordedEvent[Any] | None

    def meant_for(self, projection: Projection) -> RecordedEvent[Any] | None:
        """The event as this projection gets it; None where it does not get it."""
        event = self.stored if projection.raw else self.amended
        return None if event is None or isinstance(event.event, Redacted) else event

    def handled_by(self, projection: Projection, rows: Rows) -> None:
        """Hand the event to a projection, unless it does not get it."""
        event = self.meant_for(projection)
        if event is not None:
            projection.handle(rows, event)


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
        self._horizon = Horizon(ALL) if horizon is None else horizon
        in_view = (event for event in map(self._horizon.seen, amendments) if event is not None)
        self.amendments = Amendments(codec, in_view)

    def read(self, stored: RecordedEvent[Any]) -> ReadEvent:
        """The event as stored, and as amended in view.

        Raises:
            InvalidEvent: a correction does not fit the event it names.
        """
        amended = self.amendments.apply(stored)
        return ReadEvent(stored, None if amended is None else self._horizon.seen(amended))


class LogReader:
    """Reads a log for some projections.

    Args:
        store: the log.
        projections: only events that one of them handles are read.
    """

    def __init__(self, store: EventStore, projections: Sequence[Projection]) -> None:
        self._store = store
        self._types = Amendments.TYPES.union(*(projection.types for projection in projections))
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
    ) -> Iterator[ReadEvent]:
        """The events of a stretch of the log, under the amendments up to position `amended`."""
        reader = Reader(self._store.codec, self._amendments_until(amended, connection), horizon)
        stored = self._store.read_all(
            after=after, until=until, types=self._types, connection=connection
        )
        yield from map(reader.read, stored)

    def horizon(self, cutoff: Cutoff, until: int) -> Horizon:
        """The horizon of a cutoff, with the dates of all sources where the cutoff needs them."""
        if cutoff.published is None:
            return Horizon(cutoff)
        read = partial(self._store.read_all, until=until)
        reader = Reader(self._store.codec, read(types=Amendments.TYPES))
        added = (reader.read(event).amended for event in read(types=type_names(SourceAdded)))
        return Horizon(
            cutoff, publication(event.event.source for event in added if event is not None)
        )

    def reaches_back(self, connection: sa.Connection, raw: bool, position: int, until: int) -> bool:
        """Whether amendments after a position change how events up to it are read.

        A raw projection is only affected by takedowns.
        """
        types = _TAKEDOWNS if raw else Amendments.TYPES
        later = self._store.read_all(
            after=position, until=until, types=types, connection=connection
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
            after=position, types=_TAKEDOWNS, limit=1, connection=connection
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
        takedowns = tuple(event.id for event in read(types=_TAKEDOWNS))
        end, cached = self._amendments_end, self._amendments
        if takedowns != self._takedowns or until < end.position or not self._holds(end, connection):
            end, cached = Head(0, GENESIS), []
        new = read(after=end.position, until=until, types=Amendments.TYPES)
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
