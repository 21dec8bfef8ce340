"""Kept rows: the tables of a build, read by key and written back many at a time; and views of rows.

A view shows whole read models: of rows in memory, or of kept rows.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import sqlalchemy as sa

from timeline.dates import UNKNOWN, When
from timeline.engine.cutoff import ALL, Cutoff, Horizon
from timeline.engine.projection import Projection, R, Rows, Shape, key_of, shape_of
from timeline.engine.reader import Read, hand
from timeline.engine.search import Search, scanned, searched
from timeline.errors import DatabaseBusy, InvalidInput
from timeline.events import EventRedacted, RecordedEvent, Redacted, type_names
from timeline.log import database, failures
from timeline.log.digests import Head
from timeline.log.query import Query
from timeline.log.store import EventStore
from timeline.log.telemetry import batched

_FLUSH = 5_000
"""Rows to hold in memory before the changed ones are written, within the one transaction."""


_UNREAD: Any = object()

V = TypeVar("V")


@functools.lru_cache(maxsize=256)
def tables_of(rows: tuple[type, ...], number: int) -> dict[type, sa.Table]:
    """The tables for rows of these classes in the build of that number."""
    return {cls: shape_of(cls).table(number) for cls in rows}


def hold(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Keep tables from being dropped until the transaction ends.

    Raises:
        DatabaseBusy: one was dropped since its checkpoint was read.
    """
    # On SQLite a reading transaction sees the database as it was when it began.
    if connection.dialect.name != "postgresql":
        return
    names = ", ".join(database.qualified(connection.engine, table.name) for table in tables)
    if not names:
        return
    try:
        connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) == failures.NO_TABLE:
            raise DatabaseBusy("another process has just replaced the tables; try again") from None
        raise


def find(
    connection: sa.Connection, table: sa.Table, cls: type[R], key: tuple[Any, ...]
) -> R | None:
    """The row of a table with that key, or None."""
    names = shape_of(cls).key
    return next(rows_with(connection, table, cls, dict(zip(names, key, strict=True))), None)


def rows_with(
    connection: sa.Connection, table: sa.Table, cls: type[R], equal: Mapping[str, Any]
) -> Iterator[R]:
    """The rows of a table with these values, in no order.

    A report asks for rows some hundred times; SQLAlchemy would take longer for that than databases.
    """
    shape, engine = shape_of(cls), connection.engine
    stored = {name: shape.column(name).store(value) for name, value in equal.items()}
    given = tuple((name, value is None) for name, value in stored.items())
    query = _query(shape.cls, database.qualified(engine, table.name), given, engine.dialect.name)
    driver = database.driver_of(connection)
    with failures.translated(engine, connected=True):
        cursor = driver.execute(query, [value for value in stored.values() if value is not None])
        return map(shape.load, cursor.fetchall())


@functools.lru_cache(maxsize=1024)
def _query(cls: type, table: str, given: tuple[tuple[str, bool], ...], dialect: str) -> str:
    """Selects rows by columns, each of which has a value or none."""
    columns = ", ".join(f'"{column.name}"' for column in shape_of(cls).columns)
    place = "%s" if dialect == "postgresql" else "?"
    fits = [f'"{name}" ' + ("IS NULL" if is_none else f"= {place}") for name, is_none in given]
    return f"SELECT {columns} FROM {table}" + (f" WHERE {' AND '.join(fits)}" if fits else "")


class KeptRows(Rows):
    """The rows of a build: read when a handler first gets them, written back together.

    Args:
        connection: to read and write with.
        tables: of the build, by row class.
        empty: the tables have no rows yet, so none need be looked up.
        beside: write only when `flush` is called, not whenever many rows have changed.
    """

    def __init__(
        self,
        connection: sa.Connection,
        tables: Mapping[type, sa.Table],
        *,
        empty: bool,
        beside: bool = False,
    ) -> None:
        super().__init__()
        self._connection = connection
        self._tables = tables
        self._empty = empty
        self._beside = beside
        self._changed: dict[tuple[type, tuple[Any, ...]], None] = {}  # in order of first change

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        place = cls, key
        row: R | None = self._rows.get(place, _UNREAD)
        if row is _UNREAD:
            table = self._tables[cls]
            row = None if self._empty else find(self._connection, table, cls, key)
            self._rows[place] = row
        return row

    def put(self, value: Any) -> None:
        """Keep the row, in place of one with the same key."""
        place = type(value), key_of(value)
        self._rows[place] = value
        self._changed[place] = None
        if not self._beside and self.full:
            self.flush()

    def delete(self, cls: type, *key: Any) -> None:
        """Keep no row with that key."""
        self._rows[cls, key] = None
        self._changed[cls, key] = None
        if not self._beside and self.full:
            self.flush()

    @property
    def full(self) -> bool:
        """Whether it holds as many rows, read or changed, as memory should."""
        return len(self._rows) >= _FLUSH

    def flush(self, connection: sa.Connection | None = None) -> None:
        """Write the changed rows, with another connection if one is given, and empty the memory."""
        self._connection = connection or self._connection
        for cls, table in self._tables.items():
            keys = [key for kind, key in self._changed if kind is cls]
            self._write(table, shape_of(cls), keys, [self._rows[cls, key] for key in keys])
        self._changed.clear()
        self._rows.clear()
        self._empty = False

    def _write(
        self, table: sa.Table, shape: Shape, keys: list[tuple[Any, ...]], values: list[Any]
    ) -> None:
        if keys and not self._empty:
            old = [shape.store_key(key) for key in keys]
            database.delete_many(self._connection, table, shape.key, old)
        stored = [shape.store(value) for value in values if value is not None]
        if stored:
            database.insert_many(self._connection, table, stored)


# Views

MOST_VALUES = 500
"""Values in one query, below every limit of SQLite's."""


class Kept(dict[type, V]):
    """What there is for each class of rows that a record's projections keep.

    Raises:
        InvalidInput: none of them keeps rows of the class that is asked for.
    """

    def __missing__(self, cls: type) -> V:
        raise InvalidInput(
            f"no projection of this record keeps rows of {cls.__name__}. Open it with "
            "projections=[…] that keep them; builtins=False leaves out those of built-in reports."
        )


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
            after=self.head.position,
            query=Query(type_names(EventRedacted)),
            connection=self.connection,
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
    """A view of events in memory: it folds a projection when its rows are first asked for.

    Implements `View`.
    """

    head: Head
    read: Sequence[Read] = attrs.field(repr=False)
    store: EventStore
    cutoff: Cutoff
    horizon: Horizon
    projection_of: Kept[Projection]
    _rows: dict[Projection, Rows] = attrs.field(init=False, factory=dict, repr=False)
    _by: dict[tuple[type, tuple[str, ...]], dict[tuple[Any, ...], list[Any]]] = attrs.field(
        init=False, factory=dict, repr=False
    )
    _stored: dict[str, RecordedEvent[Any]] = attrs.field(init=False, factory=dict, repr=False)

    def _rows_with(self, cls: type) -> Rows:
        """The rows of the projection that keeps this class."""
        projection = self.projection_of[cls]
        if projection not in self._rows:
            rows = Rows()
            for event in self.read:
                hand(event, projection, rows)
            self._rows[projection] = rows
        return self._rows[projection]

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return self._rows_with(cls).get(cls, *key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order; keys without a row are left out."""
        rows = (self.get(cls, key) for key in dict.fromkeys(keys))
        return [row for row in rows if row is not None]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        names = tuple(equal)
        if (cls, names) not in self._by:
            # A report may ask for the rows of each actor: it must not look at all of them again.
            own = [row for row in self._rows_with(cls) if type(row) is cls]
            by = self._by[cls, names] = defaultdict(list)
            for row in sorted(own, key=key_of):
                by[tuple(getattr(row, name) for name in names)].append(row)
        return list(self._by[cls, names].get(tuple(equal.values()), ()))

    def search(
        self, cls: type[R], sought: Mapping[str, Search], limit: int | None = None
    ) -> tuple[list[R], int]:
        """The rows of a class that have these words, by column, and how many there are."""
        return scanned(self.all(cls), sought, limit)

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id, with the evidence that is in view."""
        if not self._stored:
            self._stored.update((stored.id, stored) for stored, _ in self.read)
        wanted = list(dict.fromkeys(ids))
        missing = [id for id in wanted if id not in self._stored]
        events = self.store.get(missing) if missing else {}
        return {id: self.horizon.trimmed(self._stored.get(id) or events[id]) for id in wanted}


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
        # A database sorts text by its own collation, memory by code point: sort here for both.
        return sorted(rows_with(self.connection, self.tables[cls], cls, equal), key=key_of)

    def search(
        self, cls: type[R], sought: Mapping[str, Search], limit: int | None = None
    ) -> tuple[list[R], int]:
        """The rows of a class that have these words, by column, and how many there are."""
        table = self.tables[cls]
        source, fitting, key = searched(self.connection, table, sought)
        counting = sa.select(sa.func.count()).select_from(source).where(fitting)
        first = sa.select(key).select_from(source).where(fitting).order_by(key.desc()).limit(limit)
        (own_key,) = table.primary_key.columns
        query = sa.select(table).where(own_key.in_(first))
        rows = map(shape_of(cls).load, self.connection.execute(query))
        total = self.connection.scalar(counting)
        return sorted(rows, key=key_of, reverse=True), total or 0

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
        return self.store.get(ids, self.connection)
