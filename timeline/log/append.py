"""Append events: the only place that writes to the log.

An append takes the `head` row first and holds it until the commit. That one lock gives every event
the position after the last one, without gaps, in the order of commits, on SQLite and PostgreSQL
alike. No reader sees position n+1 before n.
"""

from __future__ import annotations

import contextlib
import enum
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs
import psycopg
import sqlalchemy as sa

from timeline import dates
from timeline.errors import (
    DatabaseError,
    EventIdReused,
    InvalidInput,
    WrongExpectedVersion,
)
from timeline.events import NewEvent, RecordedEvent
from timeline.log import database, digests, telemetry
from timeline.log.batches import batched
from timeline.log.codec import Codec
from timeline.log.digests import Head
from timeline.log.drafts import (
    Draft,
    differences,
    drafted,
    in_stream,
    numbered,
    read,
    refuse_other_content,
)
from timeline.log.queries import (
    APPEND_ONE,
    INSERT,
    LOOK,
    MOVE_HEAD,
    rows_by_id,
)
from timeline.log.read import stream_versions
from timeline.log.schema import Stored, events, head

BATCH = 1000
"""Rows written at a time: enough that a query costs little, few enough for flat memory."""

_CLOSER_LOOK = (
    psycopg.errors.UniqueViolation,  # the id is in the log, or another was faster in the stream
    psycopg.errors.UndefinedFunction,  # there is no log here; the long way names what is missing
    psycopg.errors.NotNullViolation,  # there is no head to take a position from; the same
    psycopg.errors.NumericValueOutOfRange,  # a version is expected that no stream comes to
)


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


class Appending:
    """What an `EventStore` can append."""

    engine: sa.Engine
    codec: Codec
    _clock: Callable[[], datetime]

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
            connection: append within the caller's own transaction, which the caller commits.

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
            connection: load within the caller's own transaction, which the caller commits.
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
        take_head(connection)
        added = dealt_with = position = 0
        for news in batched(events, BATCH):
            if check is not None:
                check(news, connection)
            drafts = [drafted(self.codec, new) for new in news]
            refuse_other_content(drafts)
            known, rows = self._write(connection, drafts, {}, None)
            added += len(rows)
            dealt_with += len(news)
            position = max(position, *(row.position for row in (*known.values(), *rows.values())))
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
        return database.persistently(lambda: self._append_alone(drafts, expected, progress))

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
        at = take_head(connection)
        known = self._already_recorded(connection, drafts)
        fresh = list({d.new.id: d for d in drafts if d.new.id not in known}.values())
        written = {draft.row["stream"] for draft in fresh}
        # Where there are only repeats, the expectation was met when they were appended first.
        repeated = {draft.row["stream"] for draft in drafts} - written
        versions = stream_versions(connection, written | (expected.keys() - repeated))
        for stream in expected.keys() - repeated:
            _check_version(stream, expected[stream], versions[stream])
        rows = numbered(fresh, at, versions, self._now())
        inserted = 0
        for batch in batched(rows, BATCH):
            database.insert_many(connection, events, batch)
            inserted += len(batch)
            if progress is not None:
                progress(inserted)
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


def take_head(connection: sa.Connection) -> Head:
    """Lock the head of the log until the transaction ends; every other append waits."""
    # SQLite knows no FOR UPDATE and needs none: its writer holds the whole database.
    query = sa.select(head.c.position, head.c.digest).with_for_update()
    return Head.of_row(connection.execute(query).one_or_none())


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
