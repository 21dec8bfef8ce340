"""The two views of whole read models: of rows in memory, and of kept rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.dates import UNKNOWN, When
from timeline.engine.cutoff import ALL, Cutoff, Horizon
from timeline.engine.projection import R, Rows, key_of, shape_of
from timeline.engine.tables import find
from timeline.events import EventRedacted, RecordedEvent, Redacted, type_names
from timeline.log.digests import Head
from timeline.log.store import EventStore
from timeline.log.telemetry import batched

MOST_VALUES = 500
"""Values in one query, below every limit of SQLite's."""


class LogView:
    """What every view reads from the log itself."""

    head: Head
    cutoff: Cutoff
    store: EventStore
    connection: sa.Connection | None = None

    @property
    def today(self) -> When:
        """The moment the view shows."""
        if self.cutoff.moment is not None:
            return self.cutoff.moment
        if self.head.position == 0:
            return UNKNOWN
        # Its time is known even where this code does not know the event.
        return When(self.store.recorded_at(self.head.position, self.connection))

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head that were taken down after it."""
        takedowns = self.store.read_all(
            after=self.head.position, types=type_names(EventRedacted), connection=self.connection
        )
        ids = {takedown.event.event for takedown in takedowns}
        events = self.store.existing(ids, self.connection).values()
        return tuple(
            event.id
            for event in sorted(events, key=lambda event: event.position)
            if event.position <= self.head.position and isinstance(event.event, Redacted)
        )


@attrs.frozen
class FoldedView(LogView):
    """A view of rows in memory. Implements `View`."""

    head: Head
    rows: Rows
    store: EventStore
    cutoff: Cutoff
    horizon: Horizon
    _sorted: dict[type, list[Any]] = attrs.field(init=False, factory=dict, repr=False)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return self.rows.get(cls, *key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order; keys without a row are left out."""
        rows = (self.rows.get(cls, key) for key in dict.fromkeys(keys))
        return [row for row in rows if row is not None]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        if cls not in self._sorted:
            self._sorted[cls] = sorted((r for r in self.rows if type(r) is cls), key=key_of)
        rows = self._sorted[cls]
        return [row for row in rows if all(getattr(row, k) == v for k, v in equal.items())]

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id, with the evidence that is in view."""
        events = self.store.get(ids)
        return {id: self.horizon.trimmed(event) for id, event in events.items()}


@attrs.frozen
class KeptView(LogView):
    """A view of kept rows, within one reading transaction. Implements `View`."""

    head: Head
    tables: Mapping[type, sa.Table]
    store: EventStore
    connection: sa.Connection
    cutoff: Cutoff = ALL

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return find(self.connection, self.tables[cls], cls, key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order; keys without a row are left out."""
        table, shape = self.tables[cls], shape_of(cls)
        (name,) = shape.key
        wanted = list(dict.fromkeys(keys))
        rows: dict[str, R] = {}
        for batch in batched(wanted, MOST_VALUES):
            for stored in self.connection.execute(sa.select(table).where(table.c[name].in_(batch))):
                row = shape.load(stored)
                rows[getattr(row, name)] = row
        return [rows[key] for key in wanted if key in rows]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        table, shape = self.tables[cls], shape_of(cls)
        query = sa.select(table)
        for name, value in equal.items():
            query = query.where(table.c[name] == shape.column(name).store(value))
        # A database sorts text by its own collation, memory by code point: sort here for both.
        return sorted(map(shape.load, self.connection.execute(query)), key=key_of)

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
        return self.store.get(ids, self.connection)
