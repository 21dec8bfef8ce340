"""Read events back: in pages, by id, at positions, by stream; and where the log ends."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import attrs
import sqlalchemy as sa

from timeline import dates
from timeline.errors import ConditionFailed, DatabaseError, NotFound
from timeline.events import RecordedEvent, StreamClosed, event_type
from timeline.log import database, digests, failures, telemetry
from timeline.log.codec import Codec, meanings, read
from timeline.log.database import Driver
from timeline.log.digests import Head
from timeline.log.query import ALL, Query, Unless
from timeline.log.schema import Stored, events, head, meant, stored, types
from timeline.log.telemetry import batched

PAGE = 500
"""Rows read at a time: enough that a query costs little, few enough for flat memory."""

NO_END = 2**63 - 1
"""Beyond every position: the largest number that both databases know."""

_COMPARED = 5000
"""Ids that an error looks through for the nearest ones."""

_LOOKED_AT = 100
"""Rows that a condition looks at together; most conditions meet none."""

_MOST_PARAMETERS = 500
"""Values in one IN list, below the limits of old builds of SQLite."""


CLOSED = event_type(StreamClosed).name
"""The type of the event after which a stream takes no more."""


def _of_stream(*, backwards: bool) -> database.Prepared:
    version = events.c.version
    query = meant.where(
        events.c.stream == sa.bindparam("stream"),
        version > sa.bindparam("after", 0),
        version <= sa.bindparam("until", 0, sa.BigInteger),
    )
    query = query.order_by(version.desc() if backwards else version)
    return database.Prepared(query.limit(sa.bindparam("limit", type_=sa.Integer)))


_STREAM, _STREAM_BACKWARDS = _of_stream(backwards=False), _of_stream(backwards=True)


def _last_events(postgresql: bool) -> sa.Select[Any]:
    names = database.given_texts(postgresql=postgresql)
    # A query for each stream: grouping would read all events of all streams.
    last = sa.select(events.c.version).where(events.c.stream == names.c.value)
    last = last.order_by(events.c.version.desc()).limit(1)
    kind = last.join(types, types.c.id == events.c.type).with_only_columns(types.c.name)
    # The index has the version, but not the type; in most logs no stream was ever closed.
    any_closed = sa.exists().where(types.c.name == CLOSED)
    known = sa.case((any_closed, kind.scalar_subquery()))
    return sa.select(names.c.value, last.scalar_subquery(), known)


def _by_id(postgresql: bool) -> sa.Select[Any]:
    ids = database.given_texts(postgresql=postgresql)
    return stored.join(ids, events.c.event_id == ids.c.value)


_LAST_EVENTS = database.Prepared(_last_events)
_BY_ID = database.Prepared(_by_id)


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


@attrs.frozen
class Stream:
    """A stream of the log.

    Attributes:
        name: its name.
        version: the version it is at, which is how many events it has.
        first: when its first event was recorded, as text.
        last: when its last one was.
        is_closed: whether it takes no more events.
    """

    name: str
    version: int
    first: str
    last: str
    is_closed: bool = attrs.field(kw_only=True)


def _all_streams() -> sa.Select[Any]:
    names = (
        sa.select(events.c.stream, sa.func.max(events.c.version).label("version"))
        .where(
            events.c.stream > sa.bindparam("after"),
            sa.func.substr(events.c.stream, 1, sa.bindparam("length", type_=sa.Integer))
            == sa.bindparam("prefix"),
        )
        .group_by(events.c.stream)
        .order_by(events.c.stream)
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .subquery()
    )
    first, last = events.alias("first"), events.alias("last")
    ends = [
        (first, sa.literal(1)),
        (last, names.c.version),
    ]
    joined: Any = names
    for end, version in ends:
        joined = joined.join(end, (end.c.stream == names.c.stream) & (end.c.version == version))
    joined = joined.join(types, types.c.id == last.c.type)
    columns = (*names.c, first.c.recorded_at, last.c.recorded_at, types.c.name)
    return sa.select(*columns).select_from(joined).order_by(names.c.stream)


_STREAMS = database.Prepared(_all_streams())


class Reading:
    """What an `EventStore` can read."""

    engine: sa.Engine
    codec: Codec

    def read_stream(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
        connection: sa.Connection | None = None,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of one stream, oldest first.

        A stream that nobody has written to has no events; that is no error.

        Args:
            stream: its name.
            after: start behind this version.
            until: stop at this version.
            backwards: newest first.
            limit: the most events to read.
            connection: read within your own transaction, instead of one for each page.
        """
        run = (_STREAM_BACKWARDS if backwards else _STREAM).run
        pages = self._pages(
            run, "version", after, until, connection, limit, backwards=backwards, stream=stream
        )
        return islice(self._meanings(pages, backwards=backwards), limit)

    def read_all(
        self,
        query: Query = ALL,
        *,
        after: int = 0,
        until: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
        connection: sa.Connection | None = None,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of the log that fit a query, in order.

        It reads a page at a time: memory stays flat, and no transaction stays open in between.

        Args:
            query: which events.
            after: start behind this position.
            until: stop at this position.
            backwards: newest first.
            limit: the most events to read.
            connection: read within your own transaction, instead of one for each page.
        """
        run = query.selecting(self.codec, self.engine, backwards=backwards).run
        pages = self._pages(run, "position", after, until, connection, limit, backwards=backwards)
        recorded = self._meanings(pages, backwards=backwards)
        if query.metadata or (query.types is not None and self.codec.upcasts):
            recorded = filter(query.fits, recorded)
        return islice(recorded, limit)

    def last(self, stream: str | None = None) -> RecordedEvent[Any] | None:
        """The last event of the log, or of a stream; None where there is none.

        >>> record.store.last("proposal-bridge"), record.store.last().position > 1
        (None, True)
        """
        if stream is None:
            return next(self.read_all(backwards=True, limit=1), None)
        return next(self.read_stream(stream, backwards=True, limit=1), None)

    def streams(self, prefix: str = "") -> Iterator[Stream]:
        """The streams whose names begin so, by name; it reads all their events.

        >>> [(stream.name, stream.version) for stream in record.store.streams("actor-b")]
        [('actor-beacon', 1), ('actor-bob', 2)]
        """
        after = ""
        while True:
            with self._driving(None) as driver:
                rows = _STREAMS.run(
                    driver, self.engine, after=after, prefix=prefix, length=len(prefix), limit=PAGE
                ).fetchall()
            for name, version, first, last, kind in rows:
                times = map(dates.stamp_text, (first, last))
                yield Stream(name, version, *times, is_closed=kind == CLOSED)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def _meanings(
        self, pages: Iterator[list[tuple[Any, ...]]], *, backwards: bool
    ) -> Iterator[RecordedEvent[Any]]:
        rows = chain.from_iterable(pages)
        if not backwards:
            return meanings(self.codec, rows)
        # An upcaster may make several events of a row.
        return (event for row in rows for event in reversed([*meanings(self.codec, [row])]))

    def stored(
        self,
        query: Query = ALL,
        *,
        after: int = 0,
        until: int = NO_END,
        limit: int | None = None,
        connection: sa.Connection | None = None,
    ) -> Iterator[Stored]:
        """The rows of the log as stored, in order, among which the events of a query are."""
        run = query.selecting(self.codec, self.engine, whole=True).run
        pages = self._pages(run, "position", after, until, connection, limit)
        return islice(map(Stored._make, chain.from_iterable(pages)), limit)

    def _pages(
        self,
        run: Callable[..., Any],
        key: Literal["position", "version"],
        after: int,
        until: int | None,
        connection: sa.Connection | None,
        limit: int | None = None,
        *,
        backwards: bool = False,
        **values: Any,
    ) -> Iterator[list[tuple[Any, ...]]]:
        end = NO_END if until is None else until
        # An upcaster may drop a row's event, so only the caller knows when it has enough.
        values["limit"] = size = PAGE if limit is None else min(max(limit, 1), PAGE)
        while True:
            with telemetry.operation("read") as done, self._driving(connection) as driver:
                page = run(driver, self.engine, after=after, until=end, **values).fetchall()
                done.events = len(page)
                if done.is_observed:
                    done.note_events([*map(Stored._make, page)])
            yield page
            if len(page) < size:
                return
            reached = getattr(Stored._make(page[-1]), key)
            del page  # or two would be in memory while the next is read
            after, end = (after, reached - 1) if backwards else (reached, end)

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
        return f"no event {id!r} is in the log.{guess(id, ids)} `timeline log` lists the ids."

    def require_stream(self, stream: str) -> None:
        """Check that a stream has events.

        Raises:
            NotFound: it has none; the message has the nearest ones.
        """
        if not self.existing_streams([stream]):
            category = stream.partition("-")[0]
            streams = self._streams(events.c.stream.startswith(category, autoescape=True))
            raise NotFound(f"no stream {stream!r} is in the log.{guess(stream, streams)}")

    def require_category(self, category: str) -> None:
        """Check that some stream, or the class of some event, is of that category.

        Raises:
            NotFound: none is; the message has those there are.
        """
        known = {event_type(cls).category for cls in self.codec.classes}
        known |= self._categories()
        if category not in known:
            there = ", ".join(sorted(filter(None, known)))
            raise NotFound(f"no stream is of the category {category!r}. Categories are: {there}.")

    def require_prefix(self, prefix: str) -> None:
        """Check that some stream's name begins so; every name begins with the empty text.

        Raises:
            NotFound: none does; the message has what names begin with.
        """
        if prefix and not self._streams(events.c.stream.startswith(prefix, autoescape=True)):
            there = ", ".join(f"{category}-" for category in sorted(self._categories()))
            raise NotFound(
                f"no stream's name begins with {prefix!r}. The names begin with: {there or 'none'}."
            )

    def _categories(self) -> set[str]:
        return {stream.partition("-")[0] for stream in self._streams(sa.true())}

    def require_subject(self, id: str) -> None:
        """Check that some stream is of that id.

        Raises:
            NotFound: none is; the message has the nearest ids.
        """
        ids = [stream.partition("-")[2] for stream in self._streams(sa.true())]
        if id not in ids:
            raise NotFound(f"nothing in the log names {id!r}.{guess(id, ids)}")

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
                query = meant.where(events.c.position.in_(chunk))
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
            with failures.translated(self.engine, connected=True):
                yield database.driver_of(connection)


def last_events(
    driver: Driver, engine: sa.Engine, streams: Iterable[str]
) -> dict[str, tuple[int, str | None]]:
    """The version of each of these streams, 0 without events; CLOSED with it where it is."""
    rows = _by_texts(driver, engine, _LAST_EVENTS, streams)
    return {stream: (version or 0, kind) for stream, version, kind in rows}


def stream_versions(driver: Driver, engine: sa.Engine, streams: Iterable[str]) -> dict[str, int]:
    """The version of each of these streams; 0 where it has no events."""
    return {stream: last[0] for stream, last in last_events(driver, engine, streams).items()}


def require_none(driver: Driver, engine: sa.Engine, codec: Codec, unless: Unless) -> None:
    """Check that no event fits a query after a position.

    Raises:
        ConditionFailed: one does; names the first.
    """
    query, after = unless.query, unless.after
    selecting = query.selecting(codec, engine)
    while True:
        page = selecting.run(driver, engine, after=after, until=NO_END, limit=_LOOKED_AT).fetchall()
        for event in filter(query.fits, meanings(codec, page)):
            raise ConditionFailed(event.id, event.type, event.position, unless.after)
        if len(page) < _LOOKED_AT:
            return
        after = page[-1][0]


def rows_by_id(driver: Driver, engine: sa.Engine, ids: Iterable[str]) -> Iterator[Stored]:
    """The rows of the events with these ids."""
    return map(Stored._make, _by_texts(driver, engine, _BY_ID, ids))


def _by_texts(
    driver: Driver, engine: sa.Engine, query: database.Prepared, texts: Iterable[str]
) -> list[tuple[Any, ...]]:
    values = database.texts_of(dict.fromkeys(texts), engine)
    found: list[tuple[Any, ...]] = query.run(driver, engine, texts=values).fetchall()
    return found


def guess(id: str, known: Iterable[str]) -> str:
    """The ids that are nearest by spelling, as a question; nothing where none is near."""
    near = difflib.get_close_matches(id, list(dict.fromkeys(known)), n=3)
    return f" Did you mean {' or '.join(near)}?" if near else ""
