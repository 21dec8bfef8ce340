"""The event store: append, read back and follow, each append in a transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

from timeline import dates
from timeline.errors import DatabaseError
from timeline.events import NewEvent, RecordedEvent, StreamClosed
from timeline.events.envelope import in_stream
from timeline.log import append, codec, database, failures, telemetry
from timeline.log.append import (
    BATCH,
    Appended,
    Check,
    Draft,
    Expected,
    ExpectedVersion,
    Loaded,
    Progress,
    drafts_of,
)
from timeline.log.codec import Codec, Upcaster
from timeline.log.database import Driver
from timeline.log.failures import UNIQUE
from timeline.log.follow import Following
from timeline.log.query import Unless
from timeline.log.telemetry import batched

_CLOSER_LOOK = {
    UNIQUE,  # the id is in the log, or another was faster in the stream
    "42883",  # no such function: there is no log here; the long way names what is missing
    "23502",  # a null: there is no head to take a position from; the same
    "22003",  # a number out of range: a version is expected that no stream comes to
}
"""SQLSTATEs after which `write` has to find out more."""


class _Conditions(NamedTuple):
    """What an append expects of the log."""

    expected: Mapping[str, ExpectedVersion]
    unless: Unless | None


class EventStore(Following):
    """An append-only log of events in a database that `Timeline.open` or `upgrade` has prepared.

    `append.py` has how rows are made and written, `read.py` and `follow.py` the ways back.

    Args:
        engine: from `timeline.log.database.create_engine`.
        events: your own event classes, made by `@event`, and upcasters, by `@upcaster`.
        clock: gives the time of recording; for tests.
        metadata: what to note with every event, such as `recorded_by`. Where OpenTelemetry runs,
            `traceparent` is noted, too.
    """

    def __init__(
        self,
        engine: sa.Engine,
        events: Iterable[type | Upcaster] = (),
        clock: Callable[[], datetime] = dates.now,
        metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.engine = engine
        self.codec = Codec(events)
        self.metadata = metadata
        self._clock = clock

    def append(
        self,
        stream: str,
        events: Iterable[Any],
        *,
        expected_version: ExpectedVersion = Expected.ANY,
        unless: Unless | None = None,
        connection: sa.Connection | None = None,
    ) -> Appended:
        """Append events to one stream, all or none.

        Args:
            stream: its name; by custom `category-id`.
            events: events, or `NewEvent`s for ids, dates and evidence.
            expected_version: the version the stream must be at (0: none yet), or an `Expected`.
            unless: events, of any stream, that must not have come since a position.
            connection: append within your own transaction, which you commit.

        Raises:
            WrongExpectedVersion: the stream is at another version.
            ConditionFailed: an event has come that must not.
            StreamIsClosed: the stream takes no more events.
            EventIdReused: an event with other content has the id.
            InvalidEvent: an event does not fit its class, or its id or stream is no name.
            UnknownEventType: the store does not know the class of an event.
            InvalidInput: the connection has no transaction.
            DatabaseError: the database could not do it; nothing was written.
        """
        news = [in_stream(stream, item) for item in events]
        expected = {stream: expected_version}
        return self.append_all(news, expected=expected, unless=unless, connection=connection)

    def close_stream(
        self, stream: str, *, reason: str, connection: sa.Connection | None = None
    ) -> Appended:
        """Close a stream: its last event says why, and it takes no more; repeats are no error.

        >>> record.store.close_stream("actor-ann", reason="Split in two.").events[0].type
        'StreamClosed'

        Raises:
            InvalidEvent: the reason is no text, or the stream no name.
            EventIdReused: it was closed for another reason.
            DatabaseError: the database could not do it; nothing was written.
        """
        closing = NewEvent(StreamClosed(reason), f"closed/{stream}", stream)
        return self.append_all([closing], connection=connection)

    def append_all(
        self,
        events: Iterable[NewEvent],
        *,
        expected: Mapping[str, ExpectedVersion] | None = None,
        unless: Unless | None = None,
        connection: sa.Connection | None = None,
        progress: Progress | None = None,
    ) -> Appended:
        """Append events to the streams they name, all or none, in the order given.

        An event whose id is in the log already, with the same content, is not appended again; the
        result has its first recording. So after a lost connection you can append again.

        Args:
            events: the events, each with the stream that it names or that its class derives.
            expected: the versions that streams must be at. A stream of which all events are
                such repeats is not checked.
            unless: events that must not have come since a position; where all events are such
                repeats that is not checked.
            connection: append within your own transaction, which you commit.
            progress: called with the number of events written; none counts before this returns.

        Raises:
            WrongExpectedVersion: a stream is at another version.
            ConditionFailed: an event has come that must not.
            StreamIsClosed: a stream takes no more events.
            EventIdReused: an event with other content has the id.
            InvalidEvent: an event does not fit its class, or its id or stream is no name.
            UnknownEventType: the store does not know the class of an event.
            InvalidInput: the connection has no transaction.
            DatabaseError: the database could not do it; nothing was written.
        """
        conditions = _Conditions(expected or {}, unless)
        connection = connection or database.transaction_of(self.engine)
        with telemetry.operation("append") as done:
            drafts = drafts_of(self.codec, events, self._noted(done))
            if connection is None:
                appended = failures.persistently(lambda: self._append(drafts, conditions, progress))
            else:
                with database.taking_part(self.engine, connection) as driver:
                    appended = self._write(driver, drafts, conditions, progress)
            done.events = appended.added
            if done.is_observed:
                done.note_events(appended.events)
        return appended

    def load(
        self,
        events: Iterable[NewEvent],
        *,
        connection: sa.Connection | None = None,
        check: Check | None = None,
        progress: Progress | None = None,
    ) -> Loaded:
        """Append any number of events to the streams they name, all or none, in the order given.

        As `append_all`, with the same promises, but for memory that stays flat: it takes, writes
        and forgets a batch of events at a time, in one transaction, and holds the head until its
        end. It takes the events once, so what fails is not tried again.

        Args:
            events: any iterable; it may read what was written before, on the connection.
            connection: load within your own transaction, which you commit.
            check: gets each batch of events before it is written.
            progress: called with the number dealt with; none counts before this returns.

        Raises:
            EventIdReused: an event with other content has the id.
            InvalidEvent: an event does not fit its class, or its id or stream is no name.
            UnknownEventType: the store does not know the class of an event.
            InvalidInput: the connection has no transaction.
            DatabaseError: the database could not do it; nothing was written.
        """
        with telemetry.operation("append") as done, contextlib.ExitStack() as stack:
            if connection is None:
                connection = stack.enter_context(database.writing(self.engine))
            driver = stack.enter_context(database.taking_part(self.engine, connection))
            append.take_end(driver, self.engine)
            loaded, noted = Loaded(0, 0, 0), self._noted(done)
            for news in batched(events, BATCH):
                if check is not None:
                    check(news, connection)
                loaded = self._load(driver, news, noted, loaded)
                if progress is not None:
                    progress(loaded.added + loaded.repeated)
            done.events = loaded.added
            done.note(last_position=loaded.position)
        return loaded

    def _load(
        self, driver: Driver, news: Sequence[NewEvent], noted: Mapping[str, Any], before: Loaded
    ) -> Loaded:
        """Write one batch; gives what the load has done with it."""
        drafts = drafts_of(self.codec, news, noted)
        retries, added = append.write(
            driver, self.engine, self.codec, drafts, expected={}, clock=self._now
        )
        return Loaded(
            before.added + len(added),
            before.repeated + len(news) - len(added),
            max(before.position, append.last_position(retries, added)),
        )

    def _append(
        self,
        drafts: Sequence[Draft],
        conditions: _Conditions,
        progress: Progress | None,
    ) -> Appended:
        """Append in a transaction of our own."""
        if len(drafts) == 1 and database.is_postgresql(self.engine):
            appended = self._append_one(drafts[0], conditions)
            if appended is not None:
                return appended
        with database.writing_directly(self.engine) as driver:
            return self._write(driver, drafts, conditions, progress)

    def _append_one(self, draft: Draft, conditions: _Conditions) -> Appended | None:
        """Append one event in one statement; None where `write` has to take a closer look."""
        stream, (expected, unless) = draft.stream, conditions
        if unless is not None or expected.keys() - {stream}:
            return None
        wanted = expected.get(stream, Expected.ANY)
        try:
            with database.driving(self.engine) as driver, telemetry.waiting("an append"):
                place = append.append_one(driver, self.engine, draft, wanted, self._now())
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", None) in _CLOSER_LOOK:
                return None
            raise
        if place is None:
            return None
        return Appended(1, place.position, lambda: [draft.recorded(place)])

    def _write(
        self,
        driver: Driver,
        drafts: Sequence[Draft],
        conditions: _Conditions,
        progress: Progress | None,
    ) -> Appended:
        retries, places = append.write(
            driver,
            self.engine,
            self.codec,
            drafts,
            expected=conditions.expected,
            unless=conditions.unless,
            clock=self._now,
            progress=progress,
        )

        def recorded() -> Iterator[RecordedEvent[Any]]:
            before = {id: codec.read(self.codec, row) for id, row in retries.items()}
            for draft in drafts:
                id = draft.event_id
                yield before[id] if id in before else draft.recorded(places[id])

        return Appended(len(places), append.last_position(retries, places), recorded)

    def _noted(self, appending: telemetry.Operation) -> Mapping[str, Any]:
        trace = appending.traceparent
        return self.metadata if trace is None else {**self.metadata, "traceparent": trace}

    def _now(self) -> int:
        return dates.stamp(self._clock())
