"""Read events back: in pages, by id, at positions, by stream; and where the log ends."""

from __future__ import annotations

import contextlib
import difflib
import functools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from timeline import dates
from timeline.errors import DatabaseError, NotFound
from timeline.events import RecordedEvent
from timeline.log import database, digests, telemetry
from timeline.log.codec import Codec, meanings, read
from timeline.log.database import Driver
from timeline.log.digests import Head
from timeline.log.schema import Stored, events, head, stored, types
from timeline.log.telemetry import batched

PAGE = 1000
"""Rows read at a time: enough that a query costs little, few enough for flat memory."""

NO_END = 2**63 - 1
"""Beyond every position: the largest number that both databases know."""

_COMPARED = 5000
"""Ids that an error looks through for the nearest ones."""

_MOST_PARAMETERS = 500
"""Values in one IN list, below the limits of old builds of SQLite."""


_FEW_TYPES = 6
"""Types of events up to which SQLite may use their index, which finds rare ones at once."""

_STREAM = database.Prepared(
    stored.where(
        events.c.stream == sa.bindparam("stream"), events.c.version > sa.bindparam("after")
    )
    .order_by(events.c.version)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


def _versions(postgresql: bool) -> sa.Select[Any]:
    names = database.given_texts(postgresql=postgresql)
    # A query for each stream: grouping would read all events of all streams.
    last = sa.select(sa.func.max(events.c.version)).where(events.c.stream == names.c.value)
    return sa.select(names.c.value, last.scalar_subquery())


def _by_id(postgresql: bool) -> sa.Select[Any]:
    ids = database.given_texts(postgresql=postgresql)
    return stored.where(events.c.event_id.in_(sa.select(ids.c.value)))


_VERSIONS = database.Prepared(_versions)
_BY_ID = database.Prepared(_by_id)


@functools.lru_cache(maxsize=256)
def _all_of(names: tuple[str, ...] | None, *, postgresql: bool) -> database.Prepared:
    """The query for the next page of the log, or of events stored under some type names."""
    query = stored.where(
        events.c.position > sa.bindparam("after", 0, sa.BigInteger),
        events.c.position <= sa.bindparam("until", 0, sa.BigInteger),
    )
    if names is not None:
        # With many types SQLite would use the index of types and sort all the rest for each page;
        # the sum keeps it to the order of positions.
        many = len(names) > _FEW_TYPES and not postgresql
        key = events.c.type.op("+", return_type=sa.Integer)(0) if many else events.c.type
        query = query.where(key.in_(sa.select(types.c.id).where(types.c.name.in_(names))))
    at_most = sa.bindparam("limit", 0, sa.Integer)
    return database.Prepared(query.order_by(events.c.position).limit(at_most))


class End(NamedTuple):
    """Where the log ends, and when its last event was recorded."""

    position: int
    digest: bytes
    recorded_at: int

    @property
    def head(self) -> Head:
        """The same without the time."""
        return Head(self.position, self.digest)


_START = End(0, digests.GENESIS, -(2**63))

_LAST = database.Prepared(
    sa.select(events.c.position, events.c.digest, events.c.recorded_at)
    .order_by(events.c.position.desc())
    .limit(1)
)
_HEAD = database.Prepared(sa.select(head.c.position, head.c.digest, head.c.recorded_at))


def end_of(driver: Driver, engine: sa.Engine) -> End:
    """Where the log ends: by the row of the head on PostgreSQL, by the last row on SQLite.

    Raises:
        DatabaseError: PostgreSQL has no row of the head.
    """
    if not database.is_postgresql(engine):
        return End(*(_LAST.run(driver, engine).fetchone() or _START))
    row = _HEAD.run(driver, engine).fetchone()
    if row is None:
        raise DatabaseError(
            "the row of `timeline_head` is gone, which says where the log ends: somebody has "
            "removed it. `timeline verify` tells which events are sound; compare the log with a "
            "backup."
        )
    return End(*row)


class Reading:
    """What an `EventStore` can read."""

    engine: sa.Engine
    codec: Codec

    def read_stream(
        self,
        stream: str,
        *,
        after: int = 0,
        limit: int | None = None,
        connection: sa.Connection | None = None,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of one stream, oldest first, from the version after `after`.

        A stream that nobody has written to has no events; that is no error.
        """
        rows = self._pages(_STREAM, "version", after, connection, limit, stream=stream)
        return islice(meanings(self.codec, rows), limit)

    def read_all(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        types: Iterable[str] | None = None,
        limit: int | None = None,
        connection: sa.Connection | None = None,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of the log in order, from the position after `after`.

        It reads a page at a time: memory stays flat, and no transaction stays open in between.

        Args:
            after: start behind this position.
            until: stop at this position.
            types: only events of these types, by name.
            limit: the most events to read.
            connection: read within your own transaction, instead of one for each page.
        """
        wanted = None if types is None else frozenset(types)
        names = None if wanted is None else tuple(sorted(self.codec.stored_names(wanted)))
        query = _all_of(names, postgresql=database.is_postgresql(self.engine))
        end = NO_END if until is None else until
        rows = self._pages(query, "position", after, connection, limit, until=end)
        recorded = meanings(self.codec, rows)
        if wanted is not None:
            recorded = (event for event in recorded if event.type in wanted)
        return islice(recorded, limit)

    def stored(
        self,
        *,
        after: int = 0,
        until: int = NO_END,
        limit: int | None = None,
        connection: sa.Connection | None = None,
    ) -> Iterator[Stored]:
        """The rows of the log as stored, in order; a page at a time, as `read_all`."""
        query = _all_of(None, postgresql=database.is_postgresql(self.engine))
        rows = self._pages(query, "position", after, connection, limit, until=until)
        return islice(map(Stored._make, rows), limit)

    def _pages(
        self,
        query: database.Prepared,
        key: Literal["position", "version"],
        after: int,
        connection: sa.Connection | None,
        limit: int | None = None,
        **values: Any,
    ) -> Iterator[tuple[Any, ...]]:
        # An upcaster may drop a row's event, so only the caller knows when it has enough.
        values["limit"] = size = PAGE if limit is None else min(max(limit, 1), PAGE)
        while True:
            with telemetry.operation("read") as done, self._driving(connection) as driver:
                page = query.run(driver, self.engine, after=after, **values).fetchall()
                done.events = len(page)
            yield from page
            if len(page) < size:
                return
            after = getattr(Stored._make(page[-1]), key)

    def get(
        self, ids: Iterable[str], connection: sa.Connection | None = None
    ) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids, by id.

        Raises:
            NotFound: an id is not in the log.
        """
        wanted = list(dict.fromkeys(ids))
        existing = self.existing(wanted, connection)
        missing = [id for id in wanted if id not in existing]
        if missing:
            raise NotFound(self._no_event(missing[0], connection))
        return {id: existing[id] for id in wanted}

    def _no_event(self, id: str, connection: sa.Connection | None) -> str:
        """That there is no such event, with the ids that are nearest by spelling."""
        record, slash, _ = id.rpartition("/")
        begin = f"{record}{slash}" or id[:1]
        query = sa.select(events.c.event_id).where(
            events.c.event_id.startswith(begin, autoescape=True)
        )
        with self._reading(connection) as reader:
            ids = reader.execute(query.limit(_COMPARED)).scalars().all()
        return f"no event {id!r} is in the log.{_guess(id, ids)} `timeline log` lists the ids."

    def require_stream(self, stream: str) -> None:
        """Check that a stream has events.

        Raises:
            NotFound: it has none; the message has the nearest ones.
        """
        if not self.existing_streams([stream]):
            category = stream.partition("-")[0]
            streams = self._streams(events.c.stream.startswith(category, autoescape=True))
            raise NotFound(f"no stream {stream!r} is in the log.{_guess(stream, streams)}")

    def require_subject(self, id: str) -> None:
        """Check that some stream is of that id.

        Raises:
            NotFound: none is; the message has the nearest ids.
        """
        ids = [stream.partition("-")[2] for stream in self._streams(sa.true())]
        if id not in ids:
            raise NotFound(f"nothing in the log names {id!r}.{_guess(id, ids)}")

    def _streams(self, condition: sa.ColumnElement[bool]) -> Sequence[str]:
        query = sa.select(events.c.stream).where(condition, events.c.version == 1)
        with self._reading(None) as reader:
            return reader.execute(query.limit(_COMPARED)).scalars().all()

    def existing(
        self, ids: Iterable[str], connection: sa.Connection | None = None
    ) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids that are in the log, by id."""
        with self._driving(connection) as driver:
            rows = rows_by_id(driver, self.engine, ids)
            return {row.event_id: read(self.codec, row) for row in rows}

    def at(
        self, positions: Iterable[int], connection: sa.Connection | None = None
    ) -> Iterator[RecordedEvent[Any]]:
        """The events at these positions, oldest first; positions beyond the end have none."""
        with self._reading(connection) as reader:
            for chunk in batched(sorted(set(positions)), _MOST_PARAMETERS):
                query = stored.where(events.c.position.in_(chunk))
                rows = reader.execute(query.order_by(events.c.position))
                yield from meanings(self.codec, map(tuple, rows))

    def existing_streams(
        self, streams: Iterable[str], connection: sa.Connection | None = None
    ) -> set[str]:
        """Which of the streams have events."""
        with self._driving(connection) as driver:
            versions = stream_versions(driver, self.engine, streams)
        return {name for name, version in versions.items() if version}

    def stream_version(self, stream: str) -> int:
        """The version the stream is at; 0 where it has no events."""
        with self._driving(None) as driver:
            return stream_versions(driver, self.engine, [stream])[stream]

    def head(self, connection: sa.Connection | None = None) -> Head:
        """Where the log ends."""
        with self._driving(connection) as driver:
            return end_of(driver, self.engine).head

    def head_at(self, position: int, connection: sa.Connection | None = None) -> Head:
        """Where the log ended when it was at `position`.

        Raises:
            NotFound: the log has not come to that position yet.
        """
        if position == 0:
            return Head(0, digests.GENESIS)
        with self._reading(connection) as reader:
            return Head(position, self._of_event(events.c.digest, position, reader))

    def position_at(self, moment: datetime) -> int:
        """The last position up to which nothing was recorded after that moment.

        Raises:
            NaiveDatetime: the moment names no time zone.
        """
        wanted = dates.stamp(moment)
        with database.reading(self.engine) as reader:
            low, high = 0, self.head(reader).position
            # Times of recording never go back: half of what is left is passed over at each look.
            while low < high:
                middle = (low + high + 1) // 2
                if self._of_event(events.c.recorded_at, middle, reader) > wanted:
                    high = middle - 1
                else:
                    low = middle
            return low

    def recorded_at(self, position: int, connection: sa.Connection | None = None) -> str:
        """When the event at a position was recorded, as text.

        Raises:
            NotFound: the log has not come to that position yet.
        """
        with self._reading(connection) as reader:
            return dates.stamp_text(self._of_event(events.c.recorded_at, position, reader))

    def _of_event(self, column: sa.Column[Any], position: int, connection: sa.Connection) -> Any:
        value = None
        if position <= NO_END:
            query = sa.select(column).where(events.c.position == position)
            value = connection.scalar(query)
        if value is None:
            end = self.head(connection).position
            raise NotFound(f"no position {position} in the log: it ends at {end}")
        return value

    @contextlib.contextmanager
    def _reading(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
        else:
            with database.reading(self.engine) as opened:
                yield opened

    @contextlib.contextmanager
    def _driving(self, connection: sa.Connection | None) -> Iterator[Driver]:
        if connection is None:
            with database.driving(self.engine) as driver:
                yield driver
        else:
            with database.translated(self.engine, connected=True):
                yield database.driver_of(connection)


def stream_versions(driver: Driver, engine: sa.Engine, streams: Iterable[str]) -> dict[str, int]:
    """The version of each of these streams; 0 where it has no events."""
    versions = _by_texts(driver, engine, _VERSIONS, streams)
    return {stream: version or 0 for stream, version in versions}


def rows_by_id(driver: Driver, engine: sa.Engine, ids: Iterable[str]) -> Iterator[Stored]:
    """The rows of the events with these ids."""
    return map(Stored._make, _by_texts(driver, engine, _BY_ID, ids))


def _by_texts(
    driver: Driver, engine: sa.Engine, query: database.Prepared, texts: Iterable[str]
) -> list[tuple[Any, ...]]:
    values = database.texts_of(dict.fromkeys(texts), engine)
    found: list[tuple[Any, ...]] = query.run(driver, engine, texts=values).fetchall()
    return found


def _guess(id: str, known: Iterable[str]) -> str:
    """The ids that are nearest by spelling, as a question."""
    near = difflib.get_close_matches(id, list(dict.fromkeys(known)), n=3)
    return f" Did you mean {' or '.join(near)}?" if near else ""
