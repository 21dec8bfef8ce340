"""The log: append, and read back.

Whoever appends takes the `head` row first and holds it until the commit. That one lock gives every
event the position after the last one, with no gaps, in the order of commits, on SQLite and
PostgreSQL alike; a reader never sees position n+1 before n.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

import attrs
import sqlalchemy as sa

from timeline import clock, database, integrity
from timeline.clock import When
from timeline.codec import Codec
from timeline.errors import EventIdReused, InvalidEvent, NotFound, WrongExpectedVersion
from timeline.events import NewEvent, RecordedEvent, event_type
from timeline.events.base import value_at
from timeline.tables import events, head

_BATCH = 1000
"""Rows read or written at a time: enough that a query costs little, few enough for flat memory."""

_MOST_PARAMETERS = 500
"""Values in one IN list: below every limit of SQLite's, old builds included."""

_LONGEST_NAME = 255

_CONTENT = ("stream", "type", "type_version", "occurred", "evidence", "data")
"""The columns that must agree for a repeated event id to be a retry."""


class Expected(enum.Enum):
    """What an append may expect of a stream, beside an exact version."""

    ANY = "any version"
    NO_STREAM = "no events yet"
    STREAM_EXISTS = "at least one event"


ExpectedVersion: TypeAlias = int | Expected

_Row: TypeAlias = Mapping[str, Any] | sa.RowMapping


@attrs.frozen
class Head:
    """Where the log ends: the last position (0 when empty) and the digest there."""

    position: int
    digest: bytes


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


def stream_name(new: NewEvent) -> str:
    """The stream an event goes to: the one it names, else the one its class derives.

    Raises:
        InvalidEvent: neither names one.
    """
    name = derived_stream(new.event, new.id) if new.stream is None else new.stream
    if name is None:
        raise InvalidEvent(
            f"event {new.id!r}: {event_type(new.event).name} belongs to no stream by itself. "
            "Name one with stream=…"
        )
    return name


def derived_stream(event: object, id: str) -> str | None:
    """The stream that the class of an event derives for it; None where it leaves that open."""
    kind = event_type(event)
    if kind.category is None:
        return None
    subject = value_at(event, kind.subject) if kind.subject else None
    # What goes by no name of its own, a statement say, is a stream of its own by its event's id.
    return f"{kind.category}-{subject or id}"


class EventStore:
    """An append-only log of events in a database that `Timeline.open` or `upgrade` has prepared.

    Args:
        engine: from `timeline.database.create_engine`.
        events: event classes of one's own, made by `@event`.
        clock: gives the time of recording; for tests.
    """

    def __init__(
        self,
        engine: sa.Engine,
        events: Iterable[type] = (),
        clock: Callable[[], datetime] = clock.now,
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
            DatabaseError: the database could not do it; nothing was written.
        """
        news = [
            attrs.evolve(item if isinstance(item, NewEvent) else NewEvent(item), stream=stream)
            for item in events
        ]
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
        drafts = [self._draft(new) for new in events]
        _refuse_repeated_ids(drafts)
        if connection is not None:
            return self._append(connection, drafts, expected or {}, progress)
        with database.writing(self.engine) as own:
            return self._append(own, drafts, expected or {}, progress)

    def _draft(self, new: NewEvent) -> _Draft:
        kind, data = self.codec.encode(new.event)
        stream, occurred = stream_name(new), new.occurred
        for name, value in (("id", new.id), ("stream", stream)):
            _check_name(name, value, new.id)
        return _Draft(
            new,
            {
                "event_id": new.id,
                "stream": stream,
                "type": kind.name,
                "type_version": kind.version,
                "occurred": occurred.text if occurred else None,
                "occurred_from": clock.bound_text(occurred.earliest) if occurred else None,
                "occurred_to": clock.bound_text(occurred.latest) if occurred else None,
                "evidence": self.codec.encode_evidence(new.evidence),
                "data": data,
                "redacted": None,
            },
        )

    def _append(
        self,
        connection: sa.Connection,
        drafts: Sequence[_Draft],
        expected: Mapping[str, ExpectedVersion],
        progress: Callable[[int], None] | None,
    ) -> Appended:
        at = _take_head(connection)
        recorded = self._already_recorded(connection, drafts)
        fresh = [draft for draft in drafts if draft.new.id not in recorded]
        written = {draft.row["stream"] for draft in fresh}
        # Where there are only repeats, the expectation was met when they were appended first.
        repeated = {draft.row["stream"] for draft in drafts} - written
        versions = _stream_versions(connection, written | (expected.keys() - repeated))
        for stream in expected.keys() - repeated:
            _check_version(stream, expected[stream], versions[stream])
        rows = self._number(fresh, at, versions)
        for start in range(0, len(rows), _BATCH):
            connection.execute(sa.insert(events), rows[start : start + _BATCH])
            if progress is not None:
                progress(min(start + _BATCH, len(rows)))
        if rows:
            last = rows[-1]
            connection.execute(
                sa.update(head).values(position=last["position"], digest=last["digest"])
            )
        recorded |= {
            draft.new.id: _recorded(row, draft.new.event, draft.new.evidence, draft.new.occurred)
            for draft, row in zip(fresh, rows, strict=True)
        }
        return Appended(tuple(recorded[draft.new.id] for draft in drafts), added=len(rows))

    def _number(
        self, drafts: Sequence[_Draft], at: Head, versions: dict[str, int]
    ) -> list[dict[str, Any]]:
        """Give each draft its place, its time and its digest, following on from `at`."""
        recorded_at = clock.instant_text(self._clock())
        position, digest = at.position, at.digest
        rows = []
        for draft in drafts:
            stream = draft.row["stream"]
            versions[stream] += 1
            position += 1
            row = draft.row | {
                "position": position,
                "version": versions[stream],
                "recorded_at": recorded_at,
                "salt": integrity.new_salt(),
            }
            digest = row["digest"] = integrity.event_digest(digest, row)
            rows.append(row)
        return rows

    def _already_recorded(
        self, connection: sa.Connection, drafts: Sequence[_Draft]
    ) -> dict[str, RecordedEvent[Any]]:
        by_id = {draft.new.id: draft for draft in drafts}
        found = {}
        for row in _rows_by_id(connection, by_id):
            draft = by_id[row["event_id"]]
            differs = tuple(name for name in _CONTENT if row[name] != draft.row[name])
            if row["data"] is None:  # a takedown removed the words; there is nothing to compare
                differs = tuple(name for name in differs if name not in ("evidence", "data"))
            if differs:
                raise EventIdReused(row["event_id"], row["position"], differs)
            found[row["event_id"]] = self._read(row)
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
        query = sa.select(events).where(events.c.stream == stream)
        return islice(self._pages(query, events.c.version, after, connection), limit)

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
        query = sa.select(events)
        if types is not None:
            query = query.where(events.c.type.in_(sorted(types)))
        if until is not None:
            query = query.where(events.c.position <= until)
        return islice(self._pages(query, events.c.position, after, connection), limit)

    def _pages(
        self, query: sa.Select[Any], key: Any, after: int, connection: sa.Connection | None
    ) -> Iterator[RecordedEvent[Any]]:
        query = query.order_by(key).limit(_BATCH)
        while True:
            with self._reading(connection) as reader:
                rows = reader.execute(query.where(key > after)).mappings().all()
            for row in rows:
                yield self._read(row)
            if len(rows) < _BATCH:
                return
            after = rows[-1][key.name]

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
            return {row["event_id"]: self._read(row) for row in _rows_by_id(reader, ids)}

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
            return Head(*reader.execute(sa.select(head.c.position, head.c.digest)).one())

    def head_at(self, position: int, connection: sa.Connection | None = None) -> Head:
        """Where the log ended when it was at `position`.

        Raises:
            NotFound: the log has not come to that position yet.
        """
        if position == 0:
            return Head(0, integrity.GENESIS)
        query = sa.select(events.c.digest).where(events.c.position == position)
        with self._reading(connection) as reader:
            digest = reader.scalar(query)
            if digest is None:
                end = self.head(reader).position
                raise NotFound(f"no position {position} in the log: it has positions 1 to {end}")
        return Head(position, digest)

    @contextlib.contextmanager
    def _reading(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
        else:
            with database.reading(self.engine) as opened:
                yield opened

    def _read(self, row: _Row) -> RecordedEvent[Any]:
        event = self.codec.decode(row["type"], row["type_version"], row["data"], row["position"])
        occurred = None if row["occurred"] is None else When(row["occurred"])
        return _recorded(row, event, self.codec.decode_evidence(row["evidence"]), occurred)


@attrs.frozen
class _Draft:
    """An event on its way in, with the columns that do not depend on its place."""

    new: NewEvent
    row: dict[str, Any]


def _recorded(row: _Row, event: Any, evidence: Any, occurred: When | None) -> RecordedEvent[Any]:
    return RecordedEvent(
        event=event,
        id=row["event_id"],
        position=row["position"],
        stream=row["stream"],
        version=row["version"],
        type=row["type"],
        occurred=occurred,
        evidence=evidence,
        recorded=row["recorded_at"],
        digest=row["digest"],
    )


def _check_name(what: str, value: Any, event_id: Any) -> None:
    fits = isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
    if not fits:
        raise InvalidEvent(
            f"event {event_id!r:.80}: expected {what} to be text of 1 to {_LONGEST_NAME} printable "
            f"characters; found {value!r:.80}"
        )


def _refuse_repeated_ids(drafts: Sequence[_Draft]) -> None:
    seen: set[str] = set()
    for draft in drafts:
        if draft.new.id in seen:
            raise InvalidEvent(f"event {draft.new.id!r} stands twice in one call; ids are unique")
        seen.add(draft.new.id)


def _take_head(connection: sa.Connection) -> Head:
    # SQLite knows no FOR UPDATE and needs none: its writer holds the whole database.
    return Head(
        *connection.execute(sa.select(head.c.position, head.c.digest).with_for_update()).one()
    )


def _stream_versions(connection: sa.Connection, streams: Iterable[str]) -> dict[str, int]:
    versions = dict.fromkeys(sorted(streams), 0)
    for names in _chunks(versions):
        query = (
            sa.select(events.c.stream, sa.func.max(events.c.version))
            .where(events.c.stream.in_(names))
            .group_by(events.c.stream)
        )
        versions.update((stream, version) for stream, version in connection.execute(query))
    return versions


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


def _rows_by_id(connection: sa.Connection, ids: Iterable[str]) -> Iterator[sa.RowMapping]:
    for chunk in _chunks(ids):
        query = sa.select(events).where(events.c.event_id.in_(chunk))
        yield from connection.execute(query).mappings()


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while chunk := list(islice(rest, _MOST_PARAMETERS)):
        yield chunk
