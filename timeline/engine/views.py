"""The two views of rows that reports are made of: of rows folded in memory, and of kept ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.dates import UNKNOWN, When
from timeline.engine.cutoff import ALL, Cutoff, Horizon
from timeline.engine.kept_rows import find
from timeline.engine.rows import R, Rows, key_of, shape_of
from timeline.events import EventRedacted, RecordedEvent, Redacted, type_names
from timeline.log.digests import Head
from timeline.log.store import EventStore

_AT_ONCE = 500
"""Values in one query, below every limit of SQLite's."""


@attrs.frozen
class FoldedView:
    """A view of rows folded in memory. Implements `View`."""

    head: Head
    rows: Rows
    store: EventStore
    cutoff: Cutoff
    horizon: Horizon
    _sorted: dict[type, list[Any]] = attrs.field(init=False, factory=dict, repr=False)

    @property
    def today(self) -> When:
        """The moment the view shows."""
        return moment_of(self.store, self.cutoff, self.head)

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head whose words were taken down later than that."""
        return taken_down(self.store, self.head)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return self.rows.get(cls, *key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, as far as there are such."""
        found = (self.rows.get(cls, key) for key in dict.fromkeys(keys))
        return [each for each in found if each is not None]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        found = self._of(cls)
        return [row for row in found if all(getattr(row, k) == v for k, v in equal.items())]

    def _of(self, cls: type[R]) -> list[R]:
        if cls not in self._sorted:
            mine = (each for each in self.rows if type(each) is cls)
            self._sorted[cls] = sorted(mine, key=key_of)
        return self._sorted[cls]

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id, with the evidence that is in view."""
        found = self.store.get(ids)
        return {id: self.horizon.trimmed(event) for id, event in found.items()}


@attrs.frozen
class KeptView:
    """A view of kept rows, within one reading transaction. Implements `View`."""

    head: Head
    tables: Mapping[type, sa.Table]
    store: EventStore
    connection: sa.Connection
    cutoff: Cutoff = ALL

    @property
    def today(self) -> When:
        """The moment the view shows."""
        return _recorded(self.store, self.head, self.connection)

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head whose words were taken down later than that."""
        return taken_down(self.store, self.head, self.connection)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return find(self.connection, self.tables[cls], cls, key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, as far as there are such."""
        table, shape = self.tables[cls], shape_of(cls)
        (name,) = shape.key
        wanted = list(dict.fromkeys(keys))
        found: dict[str, R] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            chunk = wanted[start : start + _AT_ONCE]
            for stored in self.connection.execute(sa.select(table).where(table.c[name].in_(chunk))):
                loaded = shape.load(stored)
                found[getattr(loaded, name)] = loaded
        return [found[key] for key in wanted if key in found]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        table, shape = self.tables[cls], shape_of(cls)
        query = sa.select(table).order_by(*(table.c[name] for name in shape.key))
        for name, want in equal.items():
            query = query.where(table.c[name] == shape.column(name).store(want))
        found = [shape.load(stored) for stored in self.connection.execute(query)]
        # Databases order text by their own collation; memory by code point. One order for both.
        return sorted(found, key=key_of)

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
        return self.store.get(ids, self.connection)


def taken_down(
    store: EventStore, head: Head, connection: sa.Connection | None = None
) -> tuple[str, ...]:
    """The ids of events up to the head whose words were taken down later than that."""
    types = type_names(EventRedacted)
    later = store.read_all(after=head.position, types=types, connection=connection)
    named = store.existing({each.event.event for each in later}, connection).values()
    gone = (each for each in named if each.position <= head.position)
    return tuple(
        each.id
        for each in sorted(gone, key=lambda each: each.position)
        if isinstance(each.event, Redacted)
    )


def moment_of(store: EventStore, cutoff: Cutoff, head: Head) -> When:
    """The moment that a view with this cutoff shows."""
    given = [each for each in (cutoff.occurred, cutoff.published) if each is not None]
    return min(given, key=_end) if given else _recorded(store, head, None)


def _end(moment: When) -> datetime:
    assert moment.latest is not None  # a cutoff has an end
    return moment.latest


def _recorded(store: EventStore, head: Head, connection: sa.Connection | None) -> When:
    """When the last event in view was recorded, whether or not this code knows what it says."""
    return UNKNOWN if head.position == 0 else When(store.recorded_at(head.position, connection))
