"""How events become rows, and rows the log: all that adds to the log's table is in this file.

A writer locks the end of the log first and holds it until the commit. On SQLite that is the whole
database, and the end is the last row; on PostgreSQL it is the row of `timeline_head`. That one lock
gives every event the position after the last one, without gaps, in the order of commits. No reader
sees position n+1 before n.

`drafts_of` prepares the columns that do not depend on an event's place. `write` looks for retries,
checks versions, and adds the events. On SQLite it computes places and digests here. On PostgreSQL a
function of the first migration does, so a role that may append can do nothing else to the log; for
a single event a procedure does it all in one statement. `insert` adds rows of a whole log that was
exported, with the places and digests they have.
"""

from __future__ import annotations

import enum
import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import attrs
import sqlalchemy as sa

from timeline import dates
from timeline.errors import (
    EventIdReused,
    InvalidEvent,
    StreamIsClosed,
    UnknownEventType,
    WrongExpectedVersion,
)
from timeline.events import NewEvent, Obsolete, RecordedEvent
from timeline.events.base import LONGEST_ID
from timeline.events.envelope import stream_name
from timeline.log import codec, database, digests, telemetry
from timeline.log.codec import Codec
from timeline.log.database import Driver
from timeline.log.query import Unless
from timeline.log.read import (
    CLOSED,
    End,
    end_of,
    last_events,
    require_none,
    rows_by_id,
)
from timeline.log.schema import Stored, events, head, types

BATCH = 1000
"""Rows written at a time: enough that a query costs little, few enough for flat memory."""

_LONGEST_STREAM = 255

_CONTENT = ("stream", "type", "type_version", "occurred", "evidence", "data")
"""The columns that must agree for a repeated event id to be a retry."""


class Expected(enum.Enum):
    """What an append may expect of a stream, beside an exact version."""

    ANY = "any version"
    NO_STREAM = "no events yet"
    STREAM_EXISTS = "at least one event"


ExpectedVersion: TypeAlias = int | Expected

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of events dealt with, as that grows."""

Check: TypeAlias = Callable[[Sequence[NewEvent], sa.Connection], None]
"""Looks at events about to be written, within their transaction; it raises what is wrong."""


@attrs.frozen(slots=False)  # for the cached property
class Appended:
    """What an append did.

    Attributes:
        added: how many of the events were new; the others had been appended before.
        position: the highest position among the events; 0 if there were none.
    """

    added: int
    position: int
    _events: Callable[[], Iterable[RecordedEvent[Any]]] = attrs.field(repr=False, eq=False)

    @functools.cached_property
    def events(self) -> tuple[RecordedEvent[Any], ...]:
        """The events as recorded, in the order given; made when you first ask for them."""
        return tuple(self._events())


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


# Events into rows


class Draft(NamedTuple):
    """An event to append, with the columns that do not depend on its place."""

    new: Any
    event_id: str
    stream: str
    type: str
    type_version: int
    occurred: str | None
    occurred_from: int | None
    occurred_to: int | None
    evidence: str
    data: str
    metadata: str | None

    def recorded(self, place: Place) -> RecordedEvent[Any]:
        """The event as recorded at a place."""
        new = self.new
        position, version, at, digest = place
        return RecordedEvent(
            new.event, new.id, position, self.stream, version, self.type, new.occurred,
            new.evidence, at, digest, self.metadata,
        )  # fmt: skip


class Place(NamedTuple):
    """Where an event stands in the log, and when it was recorded."""

    position: int
    version: int
    recorded_at: int
    digest: bytes


def drafts_of(
    known: Codec, events: Iterable[NewEvent], noted: Mapping[str, Any] = MappingProxyType({})
) -> list[Draft]:
    """Prepare events to be written.

    Args:
        known: the codec of the store.
        events: the events, in order.
        noted: metadata of all of them, to which each may add.

    Raises:
        InvalidEvent: a field does not fit the class, the id or the stream is no name, or one id
            stands for two events.
        UnknownEventType: the store does not know the class of an event.
    """
    shared = known.encode_metadata(noted)
    drafts = [_draft(known, new, noted, shared) for new in events]
    by_id = {draft.event_id: draft for draft in drafts}
    if len(by_id) < len(drafts):
        for draft in drafts:
            if by_id[draft.event_id][1:-1] != draft[1:-1]:
                raise InvalidEvent(
                    f"event {draft.event_id!r} stands twice in one call, with different content"
                )
    return drafts


def _draft(known: Codec, new: NewEvent, noted: Mapping[str, Any], shared: str | None) -> Draft:
    kind, data = known.encode(new.event)
    id, stream = new.id, new.stream
    if stream is None:
        stream = stream_name(new)
    occurred = None if new.occurred is None else new.occurred.text
    earliest, latest = (None, None) if occurred is None else dates.bounds_of(occurred)
    if not _is_name(id, LONGEST_ID):
        raise _no_name("id", id, LONGEST_ID, id)
    if not _is_name(stream, _LONGEST_STREAM):
        raise _no_name("stream", stream, _LONGEST_STREAM, id)
    evidence = known.encode_evidence(new.evidence)
    if ("\\" in data and "\\n" in data) or ("\\" in evidence and "\\n" in evidence):
        # Ends of lines are stored as one character, however they were given.
        (body,) = known.decode(kind.name, kind.version, data)
        new = attrs.evolve(new, event=body, evidence=known.decode_evidence(evidence))
    metadata = known.encode_metadata({**noted, **new.metadata}) if new.metadata else shared
    return Draft(
        new, id, stream, kind.name, kind.version, occurred, earliest, latest,
        evidence, data, metadata,
    )  # fmt: skip


def _is_name(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _no_name(what: str, value: Any, longest: int, event_id: Any) -> InvalidEvent:
    return InvalidEvent(
        f"event {event_id!r:.80}: expected {what} to be text of 1 to {longest} printable "
        f"characters; found {value!r:.80}"
    )


# Rows into the log


def take_end(driver: Driver, engine: sa.Engine) -> End:
    """Lock the end of the log until the transaction ends; every other append waits.

    Raises:
        DatabaseError: PostgreSQL has no row of the head.
    """
    # SQLite's writer holds the whole database already.
    if database.is_postgresql(engine):
        with telemetry.waiting("an append"):
            _call(driver, engine, [], 0)
    return end_of(driver, engine)


def write(
    driver: Driver,
    engine: sa.Engine,
    known: Codec,
    drafts: Sequence[Draft],
    *,
    expected: Mapping[str, ExpectedVersion],
    clock: Callable[[], int],
    unless: Unless | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Stored], dict[str, Place]]:
    """Write what is new among the drafts, in the transaction of the connection.

    Args:
        driver: the connection.
        engine: of its database.
        known: the codec of the store.
        drafts: from `drafts_of`.
        expected: the versions that streams must be at.
        clock: gives the time of recording.
        unless: events that must not have come; looked at only where something is new.
        progress: called with the number of rows written.

    Returns:
        The rows of retries, and the places of the events added, by id.

    Raises:
        WrongExpectedVersion: a stream is at another version.
        EventIdReused: an event with other content has the id.
        ConditionFailed: an event has come that must not.
        StreamIsClosed: a stream takes no more events.
    """
    if len(drafts) == 1 and unless is None and not database.is_postgresql(engine):
        place = _written_at_once(driver, engine, drafts[0], expected, clock)
        if place is not None:
            return {}, {drafts[0].event_id: place}
    end = take_end(driver, engine)
    before = _recorded_before(driver, engine, known, drafts)
    fresh = list({d.event_id: d for d in drafts if d.event_id not in before}.values())
    versions = _checked(driver, engine, drafts, fresh, expected)
    if fresh and unless is not None:
        require_none(driver, engine, known, unless)
    recorded_at = max(clock(), end.recorded_at)
    added: dict[str, Place] = {}
    for start in range(0, len(fresh), BATCH):
        batch = fresh[start : start + BATCH]
        end = _add(driver, engine, batch, end, versions, recorded_at, added)
        if progress is not None:
            progress(start + len(batch))
    return before, added


def last_position(retries: Mapping[str, Stored], added: Mapping[str, Place]) -> int:
    """The highest position that `write` gives; 0 for nothing."""
    positions = (place.position for place in (added or retries).values())
    return max(positions, default=0)


def _checked(
    driver: Driver,
    engine: sa.Engine,
    drafts: Sequence[Draft],
    fresh: Sequence[Draft],
    expected: Mapping[str, ExpectedVersion],
) -> dict[str, int]:
    """The versions of the streams of what is new, which are as expected, and open."""
    streams = {draft.stream for draft in fresh}
    # Where all events of a stream are retries, the expectation was met when they were appended.
    checked = expected.keys() - ({draft.stream for draft in drafts} - streams)
    last = last_events(driver, engine, streams | checked)
    for stream in checked:
        _check_version(stream, expected[stream], last[stream][0])
    closed = {stream for stream, (_, kind) in last.items() if kind == CLOSED}
    for draft in fresh:
        if draft.stream in closed:
            raise StreamIsClosed(draft.stream)
        if draft.type == CLOSED:
            closed.add(draft.stream)
    return {stream: version for stream, (version, _) in last.items()}


_LOOK = """
    SELECT position, digest, recorded_at,
        (SELECT max(version) FROM main.timeline_events WHERE stream = ?1),
        (
            SELECT t.name FROM main.timeline_events AS e JOIN main.timeline_types AS t
            ON t.id = e.type WHERE e.stream = ?1 ORDER BY e.version DESC LIMIT 1
        ),
        (SELECT id FROM main.timeline_types WHERE name = ?2 AND version = ?3)
    FROM main.timeline_events
    WHERE NOT EXISTS (SELECT 1 FROM main.timeline_events WHERE event_id = ?4)
    ORDER BY position DESC LIMIT 1
"""


def _written_at_once(
    driver: Driver,
    engine: sa.Engine,
    draft: Draft,
    expected: Mapping[str, ExpectedVersion],
    clock: Callable[[], int],
) -> Place | None:
    """Write one event on SQLite after a single query; None where it takes a closer look.

    That is where the log is empty, where its id or its type asks for it, or another stream.
    """
    sought = draft.stream, draft.type, draft.type_version, draft.event_id
    row = driver.execute(_LOOK, sought).fetchone()
    if row is None or row[5] is None or row[4] == CLOSED or expected.keys() - {draft.stream}:
        return None
    end, version = End._make(row[:3]), row[3] or 0
    if draft.stream in expected:
        _check_version(draft.stream, expected[draft.stream], version)
    recorded_at, ids = max(clock(), end.recorded_at), {(draft.type, draft.type_version): row[5]}
    rows = _rows([draft], end, {draft.stream: version}, recorded_at, ids)
    database.insert_rows(driver, engine, events, rows)
    return Place._make(_place(rows[0]))


def _add(
    driver: Driver,
    engine: sa.Engine,
    drafts: Sequence[Draft],
    end: End,
    versions: dict[str, int],
    recorded_at: int,
    added: dict[str, Place],
) -> End:
    """Add a batch of events that are new; gives where the log ends then."""
    if database.is_postgresql(engine):
        places = _call(driver, engine, drafts, recorded_at)
    else:
        ids = _type_ids(driver, engine, {(draft.type, draft.type_version) for draft in drafts})
        rows = _rows(drafts, end, versions, recorded_at, ids)
        database.insert_rows(driver, engine, events, rows)
        places = [*map(Place._make, map(_place, rows))]
    added.update(zip([draft.event_id for draft in drafts], places, strict=True))
    last = places[-1]
    return End(last.position, last.digest, last.recorded_at)


def _rows(
    drafts: Sequence[Draft],
    end: End,
    versions: dict[str, int],
    recorded_at: int,
    ids: Mapping[tuple[str, int], Any],
) -> list[tuple[Any, ...]]:
    """Drafts as rows that follow on from `end`, with one time for all.

    Args:
        drafts: in order.
        end: of the log.
        versions: of the streams; they move on.
        recorded_at: the time of recording.
        ids: what a row has for a type and its version.
    """
    position, digest = end.position, end.digest
    recorded = dates.stamp_text(recorded_at)
    rows = []
    for draft, salt in zip(drafts, digests.new_salts(len(drafts)), strict=True):
        _, id, stream, type, kind, occurred, earliest, latest, evidence, data, more = draft
        version = versions[stream] = versions[stream] + 1
        position += 1
        body = digests.body_digest(salt, evidence, data, more)
        own = digests.covered(
            position, version, id, stream, type, kind, occurred, earliest, latest, recorded, body
        )
        digest = digests.chained(digest, own)
        rows.append((
            position, id, stream, version, ids[type, kind], occurred, earliest, latest,
            recorded_at, evidence, data, more, salt, None, digest,
        ))  # fmt: skip
    return rows


_place = operator.itemgetter(*map(list(events.columns.keys()).index, Place._fields))
"""Takes the values of a `Place` out of a row."""


def numbered(
    drafts: Sequence[Draft], end: End, versions: dict[str, int], recorded_at: int
) -> list[Stored]:
    """What a log that ends at `end` would store of the drafts, with one time for all."""
    kinds = {(draft.type, draft.type_version) for draft in drafts}
    rows = _rows(drafts, end, versions, recorded_at, {kind: kind for kind in kinds})
    return [Stored._make((*row[:4], *row[4], *row[5:])) for row in rows]


_TYPES = database.Prepared(sa.select(types.c.name, types.c.version, types.c.id))


def _type_ids(
    driver: Driver, engine: sa.Engine, wanted: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """The keys of types by name and version; those that are new get one."""
    ids = {(name, version): id for name, version, id in _TYPES.run(driver, engine)}
    last = max(ids.values(), default=0)
    new = {key: last + n for n, key in enumerate(sorted({*wanted} - ids.keys()), start=1)}
    if new:
        rows = [(id, *key) for key, id in new.items()]
        database.insert_rows(driver, engine, types, rows)
    return ids | new


def insert(driver: Driver, engine: sa.Engine, rows: Sequence[Stored]) -> None:
    """Add rows that follow on from the end of the log, as they are."""
    ids = _type_ids(driver, engine, {(row.type, row.type_version) for row in rows})
    made = [(*row[:4], ids[row.type, row.type_version], *row[6:]) for row in rows]
    database.insert_rows(driver, engine, events, made)
    if rows and database.is_postgresql(engine):
        last = rows[-1]
        _MOVE_HEAD.run(
            driver,
            engine,
            position=last.position,
            digest=last.digest,
            recorded_at=last.recorded_at,
        )


_MOVE_HEAD = database.Prepared(
    sa.update(head).values(
        position=sa.bindparam("position"),
        digest=sa.bindparam("digest"),
        recorded_at=sa.bindparam("recorded_at"),
    )
)


def _recorded_before(
    driver: Driver, engine: sa.Engine, known: Codec, drafts: Sequence[Draft]
) -> dict[str, Stored]:
    """The rows of the drafts that are in the log already, by id."""
    by_id = {draft.event_id: draft for draft in drafts}
    rows = {row.event_id: row for row in rows_by_id(driver, engine, by_id)}
    for id, row in rows.items():
        differs = _differences(known, by_id[id], row)
        if differs:
            raise EventIdReused(id, row.position, differs)
    return rows


def _differences(known: Codec, draft: Draft, row: Stored) -> tuple[str, ...]:
    """The columns in which an event is not what was recorded under its id."""
    differs = {name for name in _CONTENT if getattr(row, name) != getattr(draft, name)}
    if row.data is None:
        # A takedown removed the words: there is nothing left to compare.
        differs -= {"evidence", "data", "type_version"}
        if row.type in known.stored_names({draft.type}):
            differs -= {"type"}
    elif differs & {"type", "data", "evidence", "type_version"}:
        # A class that has gained an optional field, or another name, writes other bytes for the
        # same event.
        there = _current(known, row)
        if there is not None and there.type == draft.type:
            differs -= {"type"}
            if known.encode(there.event)[1] == draft.data:
                differs -= {"data", "type_version"}
            if known.encode_evidence(there.evidence) == draft.evidence:
                differs -= {"evidence"}
    return tuple(name for name in _CONTENT if name in differs)


def _current(known: Codec, row: Stored) -> RecordedEvent[Any] | None:
    """The event of a row; None where this code does not know it."""
    try:
        there = codec.read(known, row)
    except UnknownEventType:
        return None
    return None if isinstance(there.event, Obsolete) else there


def _check_version(stream: str, wanted: ExpectedVersion, actual: int) -> None:
    if not _fits(wanted, actual):
        expectation = wanted.value if isinstance(wanted, Expected) else f"version {wanted}"
        raise WrongExpectedVersion(stream, expectation, actual)


def _fits(wanted: ExpectedVersion, actual: int) -> bool:
    if wanted is Expected.STREAM_EXISTS:
        return actual > 0
    return wanted is Expected.ANY or actual == (0 if wanted is Expected.NO_STREAM else wanted)


# On PostgreSQL

_COLUMN_TYPES = (
    *("text", "text", "text", "int4"),  # id, stream, type and its version
    *("text", "int8", "int8"),  # when it happened, and the bounds of that
    *("text", "text", "text", "bytea"),  # evidence, data, metadata, salt
)
"""The types of what PostgreSQL is given of an event."""


@functools.lru_cache(maxsize=64)
def _statements(schema: str) -> tuple[bytes, bytes]:
    """The statements that append many events, and that append and commit one, for one schema."""
    # Qualified and with exact types: else another role's function of that name might be meant.
    place = "%b::pg_catalog.int4, %b::pg_catalog.int8"
    arrays = ", ".join(f"%b::pg_catalog.{type}[]" for type in _COLUMN_TYPES)
    values = ", ".join(f"%b::pg_catalog.{type}" for type in _COLUMN_TYPES)
    many = f"SELECT * FROM {schema}.timeline_append({arrays}, {place})"
    one = f"CALL {schema}.timeline_append_now({values}, {place}, NULL, NULL, NULL, NULL)"
    return many.encode(), one.encode()


def _statements_of(engine: sa.Engine) -> tuple[bytes, bytes]:
    return _statements(engine.dialect.identifier_preparer.quote(database.schema_of(engine)))


def _call(
    driver: Driver, engine: sa.Engine, drafts: Sequence[Draft], recorded_at: int
) -> list[Place]:
    """Have PostgreSQL lock the head and append events; gives their places.

    None are given where the stream of the first takes no more events.
    """
    columns: list[list[Any]] = [list(column) for column in zip(*drafts, strict=True)]
    given = columns[1:] or [[] for _ in _COLUMN_TYPES[1:]]
    arguments = [*given, digests.new_salts(len(drafts)), None, recorded_at]
    cursor = driver.execute(_statements_of(engine)[0], arguments, binary=True)
    positions, versions, made, at = cursor.fetchone()
    places = zip(positions, versions, [at] * len(made), made, strict=True)
    return [Place._make(place) for place in places]


def append_one(
    driver: Driver, engine: sa.Engine, draft: Draft, wanted: ExpectedVersion, recorded_at: int
) -> Place | None:
    """Have PostgreSQL append one event in one statement; None where it did nothing.

    It does nothing where the stream is at another version, or closed. Where the id is taken the
    database raises an error. `write` then finds out whether that is a retry.
    """
    if isinstance(wanted, int) and not 0 <= wanted < 2**31:
        return None  # no version that a stream can be at
    (salt,) = digests.new_salts(1)
    arguments = [*draft[1:], salt, _EXPECTATIONS.get(wanted, wanted), recorded_at]
    row = driver.execute(_statements_of(engine)[1], arguments, binary=True).fetchone()
    position, version, digest, at = row
    return None if position is None else Place(position, version, at, digest)


_EXPECTATIONS: Mapping[ExpectedVersion, int | None] = {
    Expected.ANY: None,
    Expected.NO_STREAM: 0,
    Expected.STREAM_EXISTS: -1,
}
"""What PostgreSQL gets as the expectation; an exact version stands for itself."""
