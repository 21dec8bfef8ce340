"""How events become rows, and rows the log: all that adds to the table `events` is in this file.

A writer takes the row `head` first and holds it until the commit. That one lock gives every event
the position after the last one, without gaps, in the order of commits, on SQLite and PostgreSQL
alike. No reader sees position n+1 before n.

`drafts_of` prepares the columns that do not depend on an event's place. `write` looks for retries,
checks versions, and adds places and digests. `insert` adds the rows and moves the head; an import
of a whole log has rows already and begins there. `append_one` is the exception: on PostgreSQL a
procedure of the first migration does all this for one event, in one statement.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import sqlalchemy as sa

from timeline import dates
from timeline.errors import EventIdReused, InvalidEvent, UnknownEventType, WrongExpectedVersion
from timeline.events import NewEvent, Obsolete, RecordedEvent
from timeline.events.base import LONGEST_ID
from timeline.events.envelope import stream_name
from timeline.log import codec, database, digests
from timeline.log.codec import Codec
from timeline.log.database import Driver
from timeline.log.digests import Head
from timeline.log.read import rows_by_id, stream_versions
from timeline.log.schema import Stored, events, head

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


# Events into rows


@attrs.frozen
class Draft:
    """An event to append, with the columns that do not depend on its place."""

    new: NewEvent
    row: dict[str, Any]

    def recorded(self, row: Stored) -> RecordedEvent[Any]:
        """The event as recorded by a row."""
        return codec.recorded(row, self.new.event, self.new.evidence, self.new.occurred)


def drafts_of(known: Codec, events: Iterable[NewEvent]) -> list[Draft]:
    """Prepare events to be written.

    Args:
        known: the codec of the store.
        events: the events, in order.

    Raises:
        InvalidEvent: a field does not fit the class, the id or the stream is no name, or one id
            stands for two events.
        UnknownEventType: the store does not know the class of an event.
    """
    drafts = [_draft(known, new) for new in events]
    first: dict[str, Draft] = {}
    for draft in drafts:
        if first.setdefault(draft.new.id, draft).row != draft.row:
            raise InvalidEvent(
                f"event {draft.new.id!r} stands twice in one call, with different content"
            )
    return drafts


def _draft(known: Codec, new: NewEvent) -> Draft:
    kind, data = known.encode(new.event)
    stream = stream_name(new)
    earliest, latest = dates.bound_texts(new.occurred)
    _check_name("id", new.id, LONGEST_ID, new.id)
    _check_name("stream", stream, _LONGEST_STREAM, new.id)
    return Draft(
        new,
        {
            "event_id": new.id,
            "stream": stream,
            "type": kind.name,
            "type_version": kind.version,
            "occurred": None if new.occurred is None else new.occurred.text,
            "occurred_from": earliest,
            "occurred_to": latest,
            "evidence": known.encode_evidence(new.evidence),
            "data": data,
            "redacted": None,
        },
    )


def _check_name(what: str, value: Any, longest: int, event_id: Any) -> None:
    fits = isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
    if not fits:
        raise InvalidEvent(
            f"event {event_id!r:.80}: expected {what} to be text of 1 to {longest} printable "
            f"characters; found {value!r:.80}"
        )


def numbered(
    drafts: Sequence[Mapping[str, Any]], at: Head, versions: dict[str, int], recorded_at: str
) -> list[Stored]:
    """Give the rows of drafts their places and digests, following on from `at`, with one time."""
    position, digest = at.position, at.digest
    rows = []
    for draft, salt in zip(drafts, digests.new_salts(len(drafts)), strict=True):
        stream = draft["stream"]
        versions[stream] += 1
        position += 1
        place = {"position": position, "version": versions[stream]}
        row = dict(draft) | place | {"recorded_at": recorded_at, "salt": salt}
        digest = row["digest"] = digests.event_digest(digest, row)
        rows.append(Stored(**row))
    return rows


# Rows into the log

_TAKE_HEAD = database.Prepared(sa.select(head.c.position, head.c.digest).with_for_update())
_MOVE_HEAD = database.Prepared(
    sa.update(head).values(position=sa.bindparam("position"), digest=sa.bindparam("digest"))
)


def take_head(driver: Driver, dialect: sa.Dialect) -> Head:
    """Lock the head of the log until the transaction ends; every other append waits.

    Raises:
        DatabaseError: the row `head` is gone.
    """
    # SQLite has no FOR UPDATE and needs none: its writer holds the whole database.
    return Head.of_row(_TAKE_HEAD.run(driver, dialect).fetchone())


def write(
    driver: Driver,
    dialect: sa.Dialect,
    known: Codec,
    drafts: Sequence[Draft],
    *,
    expected: Mapping[str, ExpectedVersion],
    clock: Callable[[], str],
    progress: Progress | None = None,
) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """Write what is new among the drafts, in the transaction of the connection.

    Args:
        driver: the connection.
        dialect: of its database.
        known: the codec of the store.
        drafts: from `drafts_of`.
        expected: the versions that streams must be at.
        clock: gives the time of recording, as text.
        progress: called with the number of rows written.

    Returns:
        The rows of retries, and the rows added, by id.

    Raises:
        WrongExpectedVersion: a stream is at another version.
        EventIdReused: an event with other content has the id.
    """
    at, before, versions = _look(driver, dialect, known, drafts, expected)
    for stream in expected.keys() & versions.keys():
        _check_version(stream, expected[stream], versions[stream])
    fresh = list({d.new.id: d for d in drafts if d.new.id not in before}.values())
    rows = numbered([draft.row for draft in fresh], at, versions, clock())
    insert(driver, dialect, rows, progress)
    return before, {row.event_id: row for row in rows}


def insert(
    driver: Driver, dialect: sa.Dialect, rows: Sequence[Stored], progress: Progress | None = None
) -> None:
    """Add rows that follow on from the head, and move the head to the last one."""
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        database.insert_rows(driver, dialect, events, batch)
        if progress is not None:
            progress(start + len(batch))
    if rows:
        last = rows[-1]
        _MOVE_HEAD.run(driver, dialect, position=last.position, digest=last.digest)


_LOOK_FOR_ONE = database.Prepared(
    sa.select(
        head.c.position,
        head.c.digest,
        sa.select(sa.func.coalesce(sa.func.max(events.c.version), 0))
        .where(events.c.stream == sa.bindparam("stream"))
        .scalar_subquery(),
    ).where(~sa.exists().where(events.c.event_id == sa.bindparam("event_id")))
)


def _look_for_one(
    driver: Driver, dialect: sa.Dialect, draft: Draft
) -> tuple[Head, dict[str, Stored], dict[str, int]] | None:
    """The same as `_look` in one query, for one new event on SQLite; None for a retry.

    It saves a fifth of a single append. PostgreSQL would read the version before it locks the head.
    """
    stream, id = draft.row["stream"], draft.new.id
    row = _LOOK_FOR_ONE.run(driver, dialect, stream=stream, event_id=id).fetchone()
    return None if row is None else (Head(*row[:2]), {}, {stream: row[2]})


def _look(
    driver: Driver,
    dialect: sa.Dialect,
    known: Codec,
    drafts: Sequence[Draft],
    expected: Mapping[str, ExpectedVersion],
) -> tuple[Head, dict[str, Stored], dict[str, int]]:
    """Take the head; gives it, the rows of retries by id, and the versions of other streams."""
    streams = {draft.row["stream"] for draft in drafts}
    if len(drafts) == 1 and dialect.name == "sqlite" and expected.keys() <= streams:
        looked = _look_for_one(driver, dialect, drafts[0])
        if looked is not None:
            return looked
    at = take_head(driver, dialect)
    before = _recorded_before(driver, dialect, known, drafts)
    fresh = {draft.row["stream"] for draft in drafts if draft.new.id not in before}
    # Where all events of a stream are retries, the expectation was met when they were appended.
    checked = expected.keys() - (streams - fresh)
    return at, before, stream_versions(driver, dialect, fresh | checked)


def _recorded_before(
    driver: Driver, dialect: sa.Dialect, known: Codec, drafts: Sequence[Draft]
) -> dict[str, Stored]:
    """The rows of the drafts that are in the log already, by id."""
    by_id = {draft.new.id: draft for draft in drafts}
    rows = {row.event_id: row for row in rows_by_id(driver, dialect, by_id)}
    for id, row in rows.items():
        differs = _differences(known, by_id[id], row)
        if differs:
            raise EventIdReused(id, row.position, differs)
    return rows


def _differences(known: Codec, draft: Draft, row: Stored) -> tuple[str, ...]:
    """The columns in which an event is not what was recorded under its id."""
    differs = {name for name in _CONTENT if getattr(row, name) != draft.row[name]}
    if row.data is None:
        # A takedown removed the words: there is nothing left to compare.
        differs -= {"evidence", "data", "type_version"}
        if row.type in known.stored_names({draft.row["type"]}):
            differs -= {"type"}
    elif differs & {"type", "data", "evidence", "type_version"}:
        # A class that has gained an optional field, or another name, writes other bytes for the
        # same event.
        there = _current(known, row)
        if there is not None and there.type == draft.row["type"]:
            differs -= {"type"}
            if known.encode(there.event)[1] == draft.row["data"]:
                differs -= {"data", "type_version"}
            if known.encode_evidence(there.evidence) == draft.row["evidence"]:
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


_APPEND_ONE = b"""
    CALL timeline_append(
        %(expected)s, %(covered)s, %(event_id)s, %(stream)s, %(type)s, %(type_version)s,
        %(occurred)s, %(occurred_from)s, %(occurred_to)s, %(recorded_at)s, %(evidence)s, %(data)s,
        %(salt)s, NULL, NULL, NULL
    )
"""

_EXACTLY = {Expected.ANY: None, Expected.NO_STREAM: 0}


def append_one(
    driver: Driver, draft: Draft, wanted: ExpectedVersion, recorded_at: str
) -> Stored | None:
    """Have PostgreSQL append one event in one statement; None where it did nothing.

    It does nothing where the stream is at another version. Where the id is taken the database
    raises an error. `write` then finds out whether that is a retry.
    """
    if wanted is Expected.STREAM_EXISTS:
        return None
    version = wanted if isinstance(wanted, int) else _EXACTLY[wanted]
    row = draft.row | {"recorded_at": recorded_at, "salt": digests.new_salts(1)[0]}
    values = row | {"expected": version, "covered": digests.covered_but_place(row)}
    position, version, digest = driver.execute(_APPEND_ONE, values).fetchone()
    if position is None:
        return None
    return Stored(**row, position=position, version=version, digest=digest)
