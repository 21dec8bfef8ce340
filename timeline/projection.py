"""The engine: folds the log into rows, kept in tables or in memory.

A projection is a class with handlers. A handler gets the rows it works on and one event; it sees
nothing else, so the same handlers give the same rows wherever they run:

* kept, in tables of the database, with a checkpoint that moves in the same transaction;
* folded in memory over the log up to some position, for what was known then.

What a handler gets is each event *as amended*: with the corrections laid over it that the log holds
at that point, and not at all once it is retracted. So no handler ever undoes anything. When a new
correction reaches back behind a checkpoint, the kept rows are folded anew.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import attrs
import sqlalchemy as sa

from timeline import database
from timeline.amendments import Amendments, amended_ids
from timeline.codec import decode_value, encode_value
from timeline.errors import DatabaseBusy, DatabaseError, DatabaseTooNew, InvalidProjection
from timeline.events import (
    RecordedEvent,
    event_type,
)
from timeline.integrity import Head
from timeline.rows import R, Rows, Shape, key_of, shape_of
from timeline.store import EventStore
from timeline.tables import VERSION_TABLE, checkpoints, metadata

_Handler = TypeVar("_Handler", bound=Callable[..., None])

_FLUSH = 5_000
"""Changed rows held in memory before they go to their tables, within the one transaction."""


def on(*events: type) -> Callable[[_Handler], _Handler]:
    """Mark a method as the handler of these event classes."""

    def mark(handler: _Handler) -> _Handler:
        handler.__handles__ = events  # type: ignore[attr-defined]  # a mark the engine reads
        return handler

    return mark


class Projection:
    """The base of projections: a fold of the log into rows.

        class Speakers(Projection):
            name, version, rows = "speakers", 1, (SpeakerRow,)

            @on(StatementMade)
            def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None: ...

    Attributes:
        name: names its checkpoint.
        version: raise it when handlers or rows change: the rows are then folded anew.
        rows: the row classes it keeps; each is kept by one projection only.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    rows: ClassVar[tuple[type, ...]]
    _handlers: ClassVar[dict[str, str]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._handlers = {
            event_type(event).name: name
            for base in reversed(cls.__mro__)
            for name, member in vars(base).items()
            for event in getattr(member, "__handles__", ())
        }

    @property
    def types(self) -> frozenset[str]:
        """The names of the event types it has handlers for."""
        return frozenset(self._handlers)

    def handle(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Let the handler for the event's type, if there is one, do its work."""
        name = self._handlers.get(recorded.type)
        if name is not None:
            getattr(self, name)(rows, recorded)


# Views


class View(Protocol):
    """The read models as they stand at one position of the log; what reports are made from."""

    @property
    def head(self) -> Head:
        """The position, and the digest of the log there."""

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""


@attrs.frozen
class FoldedView:
    """A view of rows folded in memory. Implements `View`."""

    head: Head
    rows: Rows
    store: EventStore

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return self.rows.get(cls, *key)

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        found = [
            each
            for each in self.rows
            if type(each) is cls and all(getattr(each, k) == want for k, want in equal.items())
        ]
        return sorted(found, key=key_of)

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
        return self.store.get(ids)


@attrs.frozen
class KeptView:
    """A view of kept rows, within one reading transaction. Implements `View`."""

    head: Head
    tables: Mapping[type, sa.Table]
    store: EventStore
    connection: sa.Connection

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return _select_one(self.connection, self.tables[cls], cls, key)

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


# The engine


class Projector:
    """Runs a set of projections over one store.

    Raises:
        InvalidProjection: two of them keep rows under one name, or under that of a log table.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection]) -> None:
        self.store = store
        self.projections = tuple(projections)
        self._tables = _tables(self.projections)
        self._types = Amendments.TYPES.union(*(each.types for each in self.projections))

    def fold(self, until: int) -> FoldedView:
        """Fold the log up to a position, in memory.

        Raises:
            NotFound: the log has not come to that position yet.
        """
        rows = Rows()
        head = self.store.head_at(until)
        for event in self._amended(after=0, until=until, connection=None):
            for projection in self.projections:
                projection.handle(rows, event)
        return FoldedView(head, rows, self.store)

    def catch_up(self) -> None:
        """Bring the kept rows up to the end of the log, in one transaction.

        Raises:
            DatabaseTooNew: the rows are kept by a later version of a projection.
        """
        with database.reading(self.store.engine) as connection:
            if self._is_current(connection):
                return
        with database.writing(self.store.engine) as connection:
            self._catch_up(connection)

    def view(self, connection: sa.Connection) -> KeptView:
        """The kept rows as seen in this transaction.

        Raises:
            DatabaseBusy: they are not kept in this code's versions; `catch_up` makes them so.
        """
        position = self._checkpoint(connection)
        if position is None:
            raise DatabaseBusy("another process is changing the read models just now; try again")
        head = self.store.head_at(position, connection)
        tables = {cls: table for kept in self._tables.values() for cls, table in kept.items()}
        return KeptView(head, tables, self.store, connection)

    def table_names(self) -> list[str]:
        """The tables that rows are kept in."""
        return [table.name for kept in self._tables.values() for table in kept.values()]

    def _is_current(self, connection: sa.Connection) -> bool:
        return self._checkpoint(connection) == self.store.head(connection).position

    def _checkpoint(self, connection: sa.Connection) -> int | None:
        """How far all projections have come, if all are kept in the code's version."""
        found = _checkpoints(connection)
        positions = set()
        for projection in self.projections:
            kept = found.get(projection.name, _Checkpoint(0, 0, ()))
            if kept.version > projection.version:
                raise DatabaseTooNew(
                    f"projection {projection.name!r} is kept in version {kept.version}; this code "
                    f"has version {projection.version}. Use the version of the code that keeps it."
                )
            positions.add(kept.position if kept.version == projection.version else None)
        return positions.pop() if len(positions) == 1 else None

    def _catch_up(self, connection: sa.Connection) -> None:
        _lock_checkpoints(connection, self.projections)
        until = self.store.head(connection).position
        after = self._checkpoint(connection)
        if after is None:
            self._make_tables(connection)
            after = 0
        elif self._reaches_back(connection, after, until):
            self._empty_tables(connection)
            after = 0
        kept = {
            projection: _KeptRows(connection, self._tables[projection], empty=after == 0)
            for projection in self.projections
        }
        for event in self._amended(after, until, connection):
            for projection, rows in kept.items():
                projection.handle(rows, event)
        for projection, rows in kept.items():
            rows.flush()
            _set_checkpoint(connection, projection, until)

    def _reaches_back(self, connection: sa.Connection, after: int, until: int) -> bool:
        """Whether new amendments change how events behind the checkpoint are read."""
        new = self.store.read_all(
            after=after, until=until, types=Amendments.TYPES, connection=connection
        )
        ids = {id for amendment in new for id in amended_ids(amendment.event)}
        named = self.store.existing(ids, connection).values()
        return any(event.position <= after for event in named)

    def _amended(
        self, after: int, until: int, connection: sa.Connection | None
    ) -> Iterator[RecordedEvent[Any]]:
        found = self.store.read_all(until=until, types=Amendments.TYPES, connection=connection)
        amendments = Amendments(self.store.codec, found)
        stored = self.store.read_all(
            after=after, until=until, types=self._types, connection=connection
        )
        for event in stored:
            amended = amendments.apply(event)
            if amended is not None:
                yield amended

    def _empty_tables(self, connection: sa.Connection) -> None:
        # By DELETE: DROP and TRUNCATE would wait for every reader to end.
        for tables in self._tables.values():
            for table in tables.values():
                connection.execute(sa.delete(table))

    def _make_tables(self, connection: sa.Connection) -> None:
        """Make the tables of the code's versions, empty, and point the plain names to them."""
        found = _checkpoints(connection)
        quote = connection.dialect.identifier_preparer.quote
        for projection, tables in self._tables.items():
            if projection.name in found:
                found[projection.name].drop(connection)
            for cls, table in tables.items():
                name = shape_of(cls).name
                _require_free(connection, {name, table.name})
                table.create(connection)
                connection.exec_driver_sql(
                    f"CREATE VIEW {quote(name)} AS SELECT * FROM {quote(table.name)}"
                )


class _KeptRows(Rows):
    """Rows of tables: read when first asked for, written back together."""

    def __init__(
        self, connection: sa.Connection, tables: Mapping[type, sa.Table], *, empty: bool
    ) -> None:
        super().__init__()
        self._connection = connection
        self._tables = tables
        self._empty = empty  # no row can be in the tables that was not put here first
        self._changed: dict[tuple[type, tuple[Any, ...]], None] = {}  # in order of first change

    def get(self, cls: type[R], *key: Any) -> R | None:
        if (cls, key) not in self._rows:
            table = self._tables[cls]
            found = None if self._empty else _select_one(self._connection, table, cls, key)
            self._rows[cls, key] = found
        return typing.cast("R | None", self._rows[cls, key])

    def put(self, value: Any) -> None:
        super().put(value)
        self._note(type(value), key_of(value))

    def delete(self, cls: type, *key: Any) -> None:
        self._rows[cls, key] = None
        self._note(cls, key)

    def _note(self, cls: type, key: tuple[Any, ...]) -> None:
        self._changed[cls, key] = None
        if len(self._changed) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Write what has changed, and forget what was read."""
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
            matches = (table.c[name] == sa.bindparam(f"key_{name}") for name in shape.key)
            parameters = [
                {
                    f"key_{name}": shape.column(name).store(part)
                    for name, part in zip(shape.key, key, strict=True)
                }
                for key in keys
            ]
            self._connection.execute(sa.delete(table).where(*matches), parameters)
        stored = [shape.store(value) for value in values if value is not None]
        if stored:
            self._connection.execute(sa.insert(table), stored)


def _require_free(connection: sa.Connection, names: set[str]) -> None:
    inspector = sa.inspect(connection)
    taken = names & {*inspector.get_table_names(), *inspector.get_view_names()}
    if taken:
        raise DatabaseError(
            f"the database has a table or view {min(taken)!r} already, which is not ours; it is "
            "left as it is. Rename it, or keep the record in a database of its own."
        )


def _tables(projections: Iterable[Projection]) -> dict[Projection, dict[type, sa.Table]]:
    taken = {*metadata.tables, VERSION_TABLE}
    made: dict[Projection, dict[type, sa.Table]] = {}
    for projection in projections:
        if projection.name in {other.name for other in made}:
            raise InvalidProjection(f"two projections have the name {projection.name!r}")
        made[projection] = {}
        for cls in projection.rows:
            table = shape_of(cls).table(projection.version)
            for name in (shape_of(cls).name, table.name):
                if name in taken:
                    raise InvalidProjection(f"{cls.__name__}: the name {name!r} is taken")
                taken.add(name)
            made[projection][cls] = table
    return made


@attrs.frozen
class _Checkpoint:
    """What is kept of a projection: in which version, up to where, under which names."""

    version: int
    position: int
    rows: tuple[str, ...]

    def drop(self, connection: sa.Connection) -> None:
        """Drop the views and tables; they may be those of an older version of the projection."""
        quote = connection.dialect.identifier_preparer.quote
        for name in self.rows:
            connection.exec_driver_sql(f"DROP VIEW {quote(name)}")
            connection.exec_driver_sql(f"DROP TABLE {quote(f'{name}_v{self.version}')}")


def _checkpoints(connection: sa.Connection) -> dict[str, _Checkpoint]:
    return {
        found.projection: _Checkpoint(
            found.version, found.position, decode_value(found.rows, tuple[str, ...])
        )
        for found in connection.execute(sa.select(checkpoints))
    }


def _lock_checkpoints(connection: sa.Connection, projections: Iterable[Projection]) -> None:
    # Two processes may want to catch up at once. One lock for all keeps them from deadlocking;
    # it excludes neither readers nor appends. SQLite's writer is alone anyway.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE checkpoints IN SHARE ROW EXCLUSIVE MODE")


def _set_checkpoint(connection: sa.Connection, projection: Projection, position: int) -> None:
    mine = checkpoints.c.projection == projection.name
    connection.execute(sa.delete(checkpoints).where(mine))
    connection.execute(
        sa.insert(checkpoints).values(
            projection=projection.name,
            version=projection.version,
            position=position,
            rows=encode_value([shape_of(cls).name for cls in projection.rows]),
        )
    )


def _select_one(
    connection: sa.Connection, table: sa.Table, cls: type[R], key: tuple[Any, ...]
) -> R | None:
    shape = shape_of(cls)
    query = sa.select(table)
    for name, part in zip(shape.key, key, strict=True):
        query = query.where(table.c[name] == shape.column(name).store(part))
    stored = connection.execute(query).one_or_none()
    return None if stored is None else shape.load(stored)
