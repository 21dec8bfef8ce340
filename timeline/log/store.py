"""The log: append, and read back.

Whoever appends takes the `head` row first and holds it until the commit. That one lock gives every
event the position after the last one, with no gaps, in the order of commits, on SQLite and
PostgreSQL alike; a reader never sees position n+1 before n.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import hashlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal, TypeAlias, TypeVar

import attrs
import psycopg
import sqlalchemy as sa

from timeline import dates
from timeline.errors import (
    ConnectionLost,
    DatabaseBusy,
    DatabaseError,
    DatabaseUnreachable,
    EventIdReused,
    InvalidInput,
    NotFound,
    WrongExpectedVersion,
)
from timeline.events import NewEvent, RecordedEvent
from timeline.log import database, digests, telemetry
from timeline.log.codec import Codec
from timeline.log.digests import Head
from timeline.log.drafts import (
    Draft,
    differences,
    drafted,
    in_stream,
    meanings,
    numbered,
    read,
    refuse_other_content,
)
from timeline.log.queries import (
    APPEND_ONE,
    INSERT,
    LOOK,
    MOVE_HEAD,
    STREAM,
    VERSIONS,
    all_of,
    by_texts,
    rows_by_id,
)
from timeline.log.schema import Stored, events, head, subscriptions
from timeline.log.upcasting import Upcaster

_BATCH = 1000
"""Rows read or written at a time: enough that a query costs little, few enough for flat memory."""

_NO_END = 2**63 - 1
"""Beyond every position: the largest number that both databases know."""

_MOST_PARAMETERS = 500
"""Values in one IN list: below every limit of SQLite's, old builds included."""

_PATIENCE = 5.0
"""Seconds in which an append is tried again after `DatabaseBusy` or `ConnectionLost`."""

_SHORTEST_WAIT, _LONGEST_WAIT = 0.001, 0.05
"""Seconds between two looks at the head of the log, by one who follows it: at first, and later."""

_CLOSER_LOOK = (
    psycopg.errors.UniqueViolation,  # the id is in the log, or another was faster in the stream
    psycopg.errors.UndefinedFunction,  # there is no log here; the long way names what is missing
    psycopg.errors.NotNullViolation,  # there is no head to take a position from; the same
    psycopg.errors.NumericValueOutOfRange,  # a version is expected that no stream comes to
)

_T = TypeVar("_T")


class Expected(enum.Enum):
    """What an append may expect of a stream, beside an exact version."""

    ANY = "any version"
    NO_STREAM = "no events yet"
    STREAM_EXISTS = "at least one event"


_AT_VERSION = {Expected.ANY: None, Expected.NO_STREAM: 0}


ExpectedVersion: TypeAlias = int | Expected


@attrs.frozen
class Appended:
    """What an append did.

    Attributes:
        events: the events as recorded, in the order given.
        added: how many of them were new; the others had been appended before.
    """

    events: tuple[RecordedEvent[Any], ...]
    added: int

    @property
    def position(self) -> int:
        """The highest position among the events; 0 if there were none."""
        return max((event.position for event in self.events), default=0)


@attrs.frozen
class Loaded:
    """What a load did.

    Attributes:
        added: how many events were new.
        repeated: how many had been appended before.
        position: the highest position among all of them; 0 if there were none.
    """

    added: int
    repeated: int
    position: int


Check: TypeAlias = Callable[[Sequence[NewEvent], sa.Connection], None]
"""Looks at events about to be written, within their transaction; it raises what is wrong."""


class EventStore:
    """An append-only log of events in a database that `Timeline.open` or `upgrade` has prepared.

    Args:
        engine: from `timeline.log.database.create_engine`.
        events: event classes of one's own, made by `@event`, and upcasters, by `@upcaster`.
        clock: gives the time of recording; for tests.
    """

    def __init__(
        self,
        engine: sa.Engine,
        events: Iterable[type | Upcaster] = (),
        clock: Callable[[], datetime] = dates.now,
    ) -> None:
        self.engine = engine
        self.codec = Codec(events)
        self._clock = clock

    # Appending

    def append(
        self,
        stream: str,
        events: Iterable[Any],
        *,
        expected_version: ExpectedVersion = Expected.ANY,
        connection: sa.Connection | None = None,
    ) -> Appended:
        """Append events to one stream, all or none.

        Args:
            stream: its name; by custom `category-id`.
            events: events, or `NewEvent`s for ids, dates and evidence.
            expected_version: the version the stream must be at (0: none yet), or an `Expected`.
            connection: append within the caller's own transaction; he commits.

        Raises:
            WrongExpectedVersion: the stream is at another version.
            EventIdReused: an id is taken by an event with other content.
            InvalidEvent, UnknownEventType: an event does not fit.
            InvalidInput: the connection has no transaction.
            DatabaseError: the database could not do it; nothing was written.
        """
        news = [in_stream(stream, item) for item in events]
        return self.append_all(news, expected={stream: expected_version}, connection=connection)

    def append_all(
        self,
        events: Iterable[NewEvent],
        *,
        expected: Mapping[str, ExpectedVersion] | None = None,
        connection: sa.Connection | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Appended:
        """Append events to the streams they name, all or none, in the order given.

        An event whose id is in the log already, with the same content, is not appended again; its
        first recording is returned. A stream named in `expected` must be at that version unless
        all its events are such repeats. `progress` is told how many of them are written, as that
        grows; none of them counts before this returns.

        Raises:
            WrongExpectedVersion: a stream is at another version.
            EventIdReused: an id is taken by an event with other content.
            InvalidEvent, UnknownEventType: an event does not fit.
            DatabaseError: the database could not do it; nothing was written.
        """
        with telemetry.operation("append") as done:
            drafts = [drafted(self.codec, new) for new in events]
            refuse_other_content(drafts)
            appended = self._append_drafts(drafts, expected or {}, connection, progress)
            done.events = appended.added
        return appended

    def load(
        self,
        events: Iterable[NewEvent],
        *,
        connection: sa.Connection | None = None,
        check: Check | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Loaded:
        """Append any number of events to the streams they name, all or none, in the order given.

        As `append_all`, with the same promises, but for memory that stays flat: events are taken,
        written and forgotten some hundred at a time, in one transaction, and the head is held until
        its end. They are taken once: what fails is not tried again.

        Args:
            events: any iterable; it may read what was written before, on the connection.
            connection: load within the caller's own transaction; he commits.
            check: gets each lot of events before it is written.
            progress: told how many are dealt with, as that grows; none counts before this returns.

        Raises:
            EventIdReused: an id is taken by an event with other content.
            InvalidEvent, UnknownEventType: an event does not fit.
            DatabaseError: the database could not do it; nothing was written.
        """
        with telemetry.operation("append") as done:
            if connection is None:
                with database.writing(self.engine) as own:
                    loaded = self._load(own, events, check, progress)
            else:
                with self._within(connection):
                    loaded = self._load(connection, events, check, progress)
            done.events = loaded.added
        return loaded

    def _load(
        self,
        connection: sa.Connection,
        events: Iterable[NewEvent],
        check: Check | None,
        progress: Callable[[int], None] | None,
    ) -> Loaded:
        _take_head(connection)
        rest = iter(events)
        added = dealt_with = position = 0
        while news := list(islice(rest, _BATCH)):
            if check is not None:
                check(news, connection)
            drafts = [drafted(self.codec, new) for new in news]
            refuse_other_content(drafts)
            known, rows = self._write(connection, drafts, {}, None)
            added += len(rows)
            dealt_with += len(news)
            places = (each.position for each in (*known.values(), *rows.values()))
            position = max(position, *places)
            if progress is not None:
                progress(dealt_with)
        return Loaded(added, dealt_with - added, position)

    def _append_drafts(
        self,
        drafts: Sequence[Draft],
        expected: Mapping[str, ExpectedVersion],
        connection: sa.Connection | None,
        progress: Callable[[int], None] | None,
    ) -> Appended:
        if connection is not None:
            with self._within(connection):
                return self._append(connection, drafts, expected, progress)
        return persistently(lambda: self._append_alone(drafts, expected, progress))

    @contextlib.contextmanager
    def _within(self, connection: sa.Connection) -> Iterator[None]:
        """Write within the caller's transaction."""
        with database.translated(self.engine):
            _require_transaction(connection)
            yield

    def _append_alone(
        self,
        drafts: Sequence[Draft],
        expected: Mapping[str, ExpectedVersion],
        progress: Callable[[int], None] | None,
    ) -> Appended:
        """Append in a transaction of our own."""
        if len(drafts) == 1:
            appended = self._append_at_once(drafts[0], expected)
            if appended is not None:
                return appended
        with database.writing(self.engine) as own:
            return self._append(own, drafts, expected, progress)

    def _append_at_once(
        self, draft: Draft, expected: Mapping[str, ExpectedVersion]
    ) -> Appended | None:
        """Append one event as fast as the driver can; None if it takes a closer look."""
        stream = draft.row["stream"]
        wanted = expected.get(stream, Expected.ANY)
        if expected.keys() - {stream} or wanted is Expected.STREAM_EXISTS:
            return None
        version = wanted if isinstance(wanted, int) else _AT_VERSION[wanted]
        row = draft.row | {"recorded_at": self._now(), "salt": digests.new_salts(1)[0]}
        write = self._call if database.is_postgresql(self.engine) else self._insert
        try:
            with database.driving(self.engine) as driver:
                place = write(driver, row, version)
        except DatabaseError as error:
            if isinstance(error.__cause__, _CLOSER_LOOK):
                return None
            raise
        if place is None:
            return None
        return Appended((draft.recorded(Stored(**row, **place)),), added=1)

    def _call(
        self, driver: database.Driver, row: dict[str, Any], expected: int | None
    ) -> dict[str, Any] | None:
        """Have PostgreSQL append a row; the place it got, if it got one."""
        values = row | {"expected": expected, "covered": digests.covered_but_place(row)}
        position, version, digest = driver.execute(APPEND_ONE, values).fetchone()
        if position is None:
            return None
        return {"position": position, "version": version, "digest": digest}

    def _insert(
        self, driver: database.Driver, row: dict[str, Any], expected: int | None
    ) -> dict[str, Any] | None:
        """Append a row to SQLite's file; the place it got, if it got one."""
        dialect = self.engine.dialect
        driver.execute("BEGIN IMMEDIATE")
        found = LOOK.run(driver, dialect, stream=row["stream"], event_id=row["event_id"])
        looked = found.fetchone()
        if looked is None:
            return None
        position, digest, version, known = looked
        if known or expected not in {None, version}:
            return None
        place: dict[str, Any] = {"position": position + 1, "version": version + 1}
        place["digest"] = digests.event_digest(digest, row | place)
        INSERT.run(driver, dialect, **row, **place)
        MOVE_HEAD.run(driver, dialect, position=place["position"], digest=place["digest"])
        driver.execute("COMMIT")
        return place

    def _append(
        self,
        connection: sa.Connection,
        drafts: Sequence[Draft],
        expected: Mapping[str, ExpectedVersion],
        progress: Callable[[int], None] | None,
    ) -> Appended:
        known, rows = self._write(connection, drafts, expected, progress)
        recorded = {id: read(self.codec, row) for id, row in known.items()}
        for draft in drafts:
            id = draft.new.id
            if id not in recorded:
                recorded[id] = draft.recorded(rows[id])
        return Appended(tuple(recorded[draft.new.id] for draft in drafts), added=len(rows))

    def _write(
        self,
        connection: sa.Connection,
        drafts: Sequence[Draft],
        expected: Mapping[str, ExpectedVersion],
        progress: Callable[[int], None] | None,
    ) -> tuple[dict[str, Stored], dict[str, Stored]]:
        """Write the rows of what is new; the rows of what was known before, and these, by id."""
        at = _take_head(connection)
        known = self._already_recorded(connection, drafts)
        fresh = list({d.new.id: d for d in drafts if d.new.id not in known}.values())
        written = {draft.row["stream"] for draft in fresh}
        # Where there are only repeats, the expectation was met when they were appended first.
        repeated = {draft.row["stream"] for draft in drafts} - written
        versions = _stream_versions(connection, written | (expected.keys() - repeated))
        for stream in expected.keys() - repeated:
            _check_version(stream, expected[stream], versions[stream])
        rows = numbered(fresh, at, versions, self._now())
        for start in range(0, len(rows), _BATCH):
            database.insert_many(connection, events, rows[start : start + _BATCH])
            if progress is not None:
                progress(min(start + _BATCH, len(rows)))
        if rows:
            last = rows[-1]
            connection.execute(sa.update(head).values(position=last.position, digest=last.digest))
        return known, {row.event_id: row for row in rows}

    def _now(self) -> str:
        return dates.instant_text(self._clock())

    def _already_recorded(
        self, connection: sa.Connection, drafts: Sequence[Draft]
    ) -> dict[str, Stored]:
        by_id = {draft.new.id: draft for draft in drafts}
        found = {}
        for row in rows_by_id(connection, by_id):
            draft = by_id[row.event_id]
            differs = differences(self.codec, draft, row)
            if differs:
                raise EventIdReused(row.event_id, row.position, differs)
            found[row.event_id] = row
        return found

    # Reading

    def read_stream(
        self,
        stream: str,
        *,
        after: int = 0,
        limit: int | None = None,
        connection: sa.Connection | None = None,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of one stream, oldest first, from the version after `after`.

        A stream nobody has written to has no events; that is no error.
        """
        rows = self._pages(STREAM, "version", after, connection, limit, stream=stream)
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

        Read a page at a time, so memory stays flat and no transaction stays open between pages.

        Args:
            after: start behind this position.
            until: stop at this position.
            types: only events of these types, by name.
            limit: at most so many.
            connection: read within the caller's own transaction, instead of one for each page.
        """
        wanted = None if types is None else frozenset(types)
        names = None if wanted is None else tuple(sorted(self.codec.stored_names(wanted)))
        query = all_of(names, postgresql=database.is_postgresql(self.engine))
        end = _NO_END if until is None else until
        rows = self._pages(query, "position", after, connection, limit, until=end)
        found = meanings(self.codec, rows)
        return islice(found if wanted is None else (e for e in found if e.type in wanted), limit)

    def _pages(
        self,
        query: database.Prepared,
        key: Literal["position", "version"],
        after: int,
        connection: sa.Connection | None,
        limit: int | None = None,
        **values: Any,
    ) -> Iterator[tuple[Any, ...]]:
        # A row may mean no event to this code: the caller stops when he has enough, not we.
        values["limit"] = size = _BATCH if limit is None else min(max(limit, 1), _BATCH)
        while True:
            with telemetry.operation("read") as done, self._driving(connection) as driver:
                found = query.run(driver, self.engine.dialect, after=after, **values).fetchall()
                done.events = len(found)
            yield from found
            if len(found) < size:
                return
            after = getattr(Stored._make(found[-1]), key)

    def get(
        self, ids: Iterable[str], connection: sa.Connection | None = None
    ) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids, by id.

        Raises:
            NotFound: an id is not in the log.
        """
        wanted = list(dict.fromkeys(ids))
        found = self.existing(wanted, connection)
        missing = [id for id in wanted if id not in found]
        if missing:
            raise NotFound(f"no event {missing[0]!r} is in the log. `timeline log` lists the ids.")
        return {id: found[id] for id in wanted}

    def existing(
        self, ids: Iterable[str], connection: sa.Connection | None = None
    ) -> dict[str, RecordedEvent[Any]]:
        """Those of the events with these ids that are in the log, by id."""
        with self._reading(connection) as reader:
            return {row.event_id: read(self.codec, row) for row in rows_by_id(reader, ids)}

    def at(
        self, positions: Iterable[int], connection: sa.Connection | None = None
    ) -> Iterator[RecordedEvent[Any]]:
        """The events at these positions, oldest first; positions beyond the end have none."""
        with self._reading(connection) as reader:
            for chunk in _chunks(sorted(set(positions))):
                query = sa.select(events).where(events.c.position.in_(chunk))
                rows = reader.execute(query.order_by(events.c.position))
                yield from meanings(self.codec, map(tuple, rows))

    def existing_streams(
        self, streams: Iterable[str], connection: sa.Connection | None = None
    ) -> set[str]:
        """Those of the streams that have events."""
        with self._reading(connection) as reader:
            return {
                name for name, version in _stream_versions(reader, set(streams)).items() if version
            }

    def stream_version(self, stream: str) -> int:
        """The version the stream is at; 0 where it has no events."""
        with database.reading(self.engine) as connection:
            return _stream_versions(connection, {stream})[stream]

    def head(self, connection: sa.Connection | None = None) -> Head:
        """Where the log ends."""
        with self._reading(connection) as reader:
            query = sa.select(head.c.position, head.c.digest)
            return Head.of_row(reader.execute(query).one_or_none())

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
        later = events.c.recorded_at > dates.instant_text(moment)
        with database.reading(self.engine) as reader:
            first = reader.scalar(sa.select(sa.func.min(events.c.position)).where(later))
            return self.head(reader).position if first is None else int(first) - 1

    def recorded_at(self, position: int, connection: sa.Connection | None = None) -> str:
        """When the event at a position was recorded, as the log keeps it.

        Raises:
            NotFound: the log has not come to that position yet.
        """
        with self._reading(connection) as reader:
            return str(self._of_event(events.c.recorded_at, position, reader))

    def _of_event(self, column: sa.Column[Any], position: int, connection: sa.Connection) -> Any:
        found = None
        if position <= _NO_END:
            query = sa.select(column).where(events.c.position == position)
            found = connection.scalar(query)
        if found is None:
            end = self.head(connection).position
            raise NotFound(f"no position {position} in the log: it ends at {end}")
        return found

    @contextlib.contextmanager
    def _reading(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
        else:
            with database.reading(self.engine) as opened:
                yield opened

    @contextlib.contextmanager
    def _driving(self, connection: sa.Connection | None) -> Iterator[database.Driver]:
        if connection is None:
            with database.driving(self.engine) as driver:
                yield driver
        else:
            with database.translated(self.engine, connected=True):
                yield database.driver_of(connection)

    # Following

    def wait(self, *, after: int, timeout: float, stop: threading.Event | None = None) -> bool:
        """Wait until the log goes beyond a position; says whether it has.

        Asks the database, in intervals of up to 50 ms: nobody needs to notify anybody.

        Args:
            after: the position.
            timeout: in seconds.
            stop: set it to end the wait.
        """
        stop = stop or threading.Event()
        end = time.monotonic() + timeout
        pause = _SHORTEST_WAIT
        while self.head().position <= after:
            if time.monotonic() >= end or stop.wait(min(pause, max(end - time.monotonic(), 0))):
                return False
            pause = min(pause * 2, _LONGEST_WAIT)
        return True

    def follow(
        self, *, after: int = 0, stop: threading.Event | None = None
    ) -> Iterator[RecordedEvent[Any]]:
        """The events after a position and then each new one: all of them, once, in order.

        Goes on until `stop` is set or the iterator is closed. Only events that would survive a
        crash of the server are given out. A lost connection is made again for some seconds.

        Raises:
            DatabaseUnreachable, DatabaseBusy, DatabaseError: see there; follow anew from the last
                position that was handled.
        """
        stop = stop or threading.Event()
        while not stop.is_set():
            page = persistently(functools.partial(self._durable_page, after))
            for row in page:
                for event in meanings(self.codec, [row]):
                    if stop.is_set():
                        return
                    yield event
                after = row.position
            if not page:
                more = functools.partial(self.wait, after=after, timeout=1.0, stop=stop)
                persistently(more)

    def _durable_page(self, after: int) -> list[Stored]:
        page = list(islice(self._log(after, None), _BATCH))
        if page:
            database.make_durable(self.engine)
        return page

    @contextlib.contextmanager
    def batch(self, subscription: str, *, limit: int = _BATCH) -> Iterator[Batch]:
        """The next events of a subscription, in a transaction that also notes them as handled.

            with store.batch("mailer") as batch:
                for event in batch.events:
                    batch.connection.execute(...)

        What is written on the batch's connection and the subscription's place commit together, so
        each event has its effect exactly once, whatever is killed when. On an exception both are as
        before. Only events that would survive a crash of the server are given out. Two that take
        batches of one subscription take turns. A batch may be empty; `wait` waits for more.

        Args:
            subscription: its name; a new one starts at the beginning of the log.
            limit: at most so many events.

        Raises:
            DatabaseUnreachable, DatabaseBusy, DatabaseError: see there.
        """
        mine = subscriptions.c.name == subscription
        place = sa.select(subscriptions.c.position).where(mine).with_for_update()
        with database.writing(self.engine) as connection:
            if database.is_postgresql(self.engine):
                # Two that both find no row yet must not both begin.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_hash(subscription))))
            after = connection.scalar(place)
            if after is None:
                connection.execute(sa.insert(subscriptions).values(name=subscription, position=0))
            rows = list(islice(self._log(after or 0, connection, limit), limit))
            if rows:
                # What is done about them elsewhere, a mail say, is not undone by a crash.
                database.make_durable(self.engine)
            yield Batch(connection, tuple(meanings(self.codec, rows)))
            if rows:
                connection.execute(
                    sa.update(subscriptions).where(mine).values(position=rows[-1].position)
                )

    def _log(
        self, after: int, connection: sa.Connection | None, limit: int | None = None
    ) -> Iterator[Stored]:
        query = all_of(None, postgresql=database.is_postgresql(self.engine))
        found = self._pages(query, "position", after, connection, limit, until=_NO_END)
        return map(Stored._make, found)


@attrs.frozen
class Batch:
    """Events to handle, and the connection to write on while doing so."""

    connection: sa.Connection
    events: tuple[RecordedEvent[Any], ...]


def persistently(attempt: Callable[[], _T]) -> _T:
    """Try again while the failure may pass. Appends bear it: with the same ids they are retries."""
    end = time.monotonic() + _PATIENCE
    pause = _SHORTEST_WAIT
    lost: ConnectionLost | None = None
    while True:
        try:
            return attempt()
        except DatabaseUnreachable as error:
            # Once a connection was lost, the server may take a while to be there again. To the
            # caller it matters that one was: what he asked for may have been done.
            lost = error if isinstance(error, ConnectionLost) else lost
            if lost is None or time.monotonic() + pause > end:
                raise lost or error from None
            problem: DatabaseError = error
        except DatabaseBusy as error:
            if time.monotonic() + pause > end:
                raise
            problem = error
        telemetry.logger.warning("trying again: %s", problem, extra={"pause_seconds": pause})
        # Those who collided once should not collide again in step.
        time.sleep(pause * random.uniform(0.5, 1))
        pause *= 2


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def _require_transaction(connection: sa.Connection) -> None:
    """Check that what is written on a caller's connection will count together, or not at all.

    Raises:
        InvalidInput: each statement counts by itself there; or it is of a driver that is not ours.
    """
    driver = database.driver_of(connection)
    if isinstance(driver, psycopg.Connection):
        alone = driver.autocommit
    elif isinstance(driver, sqlite3.Connection):
        # From Python 3.12 on there is a second way to ask for it.
        by_itself = driver.isolation_level is None or getattr(driver, "autocommit", None) is True
        alone = by_itself and not driver.in_transaction
        if not alone and not driver.in_transaction:
            # The driver begins one when something is written: after we have looked at the head.
            driver.execute("BEGIN IMMEDIATE")
    else:
        raise InvalidInput(
            "expected a connection of sqlite3 or psycopg, such as sqlite:///… and "
            f"postgresql+psycopg://… make; found one of {type(driver).__module__}"
        )
    if alone:
        raise InvalidInput(
            "expected a connection with a transaction; found one in AUTOCOMMIT, on which half of "
            "an append could be left. Leave isolation_level out, or append without connection=…"
        )


def _take_head(connection: sa.Connection) -> Head:
    # SQLite knows no FOR UPDATE and needs none: its writer holds the whole database.
    query = sa.select(head.c.position, head.c.digest).with_for_update()
    return Head.of_row(connection.execute(query).one_or_none())


def _stream_versions(connection: sa.Connection, streams: Iterable[str]) -> dict[str, int]:
    return {stream: version or 0 for stream, version in by_texts(connection, VERSIONS, streams)}


def _check_version(stream: str, wanted: ExpectedVersion, actual: int) -> None:
    if isinstance(wanted, Expected):
        fits = {
            Expected.ANY: True,
            Expected.NO_STREAM: actual == 0,
            Expected.STREAM_EXISTS: actual > 0,
        }[wanted]
        expectation = wanted.value
    else:
        fits = actual == wanted
        expectation = f"version {wanted}"
    if not fits:
        raise WrongExpectedVersion(stream, expectation, actual)


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(values)
    while chunk := list(islice(rest, _MOST_PARAMETERS)):
        yield chunk
