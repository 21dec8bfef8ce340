"""Digests: they show every change to the log.

Each event has two SHA-256 digests. That of its body covers the salt, then `evidence` and `data` as
UTF-8, joined by a NUL byte; where there is `metadata`, another NUL byte and that follow. That of
the event covers the digest of the event before it, then the columns of `ENVELOPE` as the view `log`
shows them, each after a NUL byte (null is the empty string, any other value has `=` before it),
then the digest of the body. Before the first event there are 32 zero bytes.

No column can hold a NUL byte (PostgreSQL refuses it, and so does the store), and salts and digests
have a fixed length, so no two events share an input. The body has a digest and a random salt of its
own: a takedown can remove the words and leave the chain whole, and nobody can test guesses of the
words without the salt.

PostgreSQL computes the same digests in the database; the function is in the first migration.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self, TypeAlias

import attrs
import msgspec
import sqlalchemy as sa

from timeline import dates
from timeline.errors import InvalidInput, LogDamaged
from timeline.log.schema import events, head, stored
from timeline.log.telemetry import Progress

_Row: TypeAlias = Mapping[str, Any] | sa.RowMapping

GENESIS = bytes(32)
"""The digest before the first event."""

ENVELOPE = (
    "position",
    "version",
    "event_id",
    "stream",
    "type",
    "type_version",
    "occurred",
    "occurred_from",
    "occurred_to",
    "recorded_at",
)
"""The columns that the digest covers beside the body."""


def new_salts(count: int) -> list[bytes]:
    """Sixteen random bytes for the body of each event."""
    drawn = secrets.token_bytes(16 * count)
    return [drawn[start : start + 16] for start in range(0, len(drawn), 16)]


def body_digest(salt: bytes, evidence: str, data: str, metadata: str | None = None) -> bytes:
    """The digest of an event's evidence, fields and metadata, as stored."""
    words = f"{evidence}\0{data}" if metadata is None else f"{evidence}\0{data}\0{metadata}"
    return hashlib.sha256(salt + words.encode()).digest()


def event_digest(previous: bytes, row: _Row) -> bytes:
    """The digest of the event stored as `row`, which follows one with the digest `previous`."""
    if row["data"] is None:
        body: bytes = row["redacted"]
    else:
        body = body_digest(row["salt"], row["evidence"], row["data"], row["metadata"])
    recorded = dates.stamp_text(row["recorded_at"])
    place = row["position"], row["version"], row["event_id"], row["stream"]
    kind = row["type"], row["type_version"]
    when = row["occurred"], row["occurred_from"], row["occurred_to"]
    return chained(previous, covered(*place, *kind, *when, recorded, body))


def chained(previous: bytes, own: bytes) -> bytes:
    """The digest of an event after one with the digest `previous`, of what `covered` gives."""
    return hashlib.sha256(previous + own).digest()


def covered(
    position: int,
    version: int,
    event_id: str,
    stream: str,
    type: str,
    type_version: int,
    occurred: str | None,
    occurred_from: int | None,
    occurred_to: int | None,
    recorded: str,
    body: bytes,
) -> bytes:
    """What the digest of an event covers after the digest of the event before it."""
    when = _when(occurred, occurred_from, occurred_to)
    text = (
        f"\0={position}\0={version}\0={event_id}\0={stream}\0={type}\0={type_version}"
        f"{when}\0={recorded}"
    )
    return text.encode() + body


def linked(previous: bytes, following: Iterable[bytes]) -> Iterator[bytes]:
    """The digests of events that follow one with the digest `previous`, in order."""
    for own in following:
        previous = chained(previous, own)
        yield previous


@functools.lru_cache(maxsize=65_536)
def _when(occurred: str | None, earliest: int | None, latest: int | None) -> str:
    when = "\0" if occurred is None else f"\0={occurred}"
    start = "\0" if earliest is None else f"\0={dates.stamp_text(earliest)}"
    end = "\0" if latest is None else f"\0={dates.stamp_text(latest)}"
    return f"{when}{start}{end}"


@attrs.frozen
class Head:
    """Where a log ends: the last position (0 when empty) and the digest there."""

    position: int
    digest: bytes

    @property
    def seal(self) -> str:
        """`POSITION:DIGEST`. Keep it where those with access to the log cannot change it."""
        return f"{self.position}:{self.digest.hex()}"

    @classmethod
    def of_seal(cls, seal: str) -> Self:
        """Read back a seal.

        Raises:
            InvalidInput: the text is not a seal.
        """
        position, _, digest = str(seal).strip().partition(":")
        try:
            made = cls(int(position), bytes.fromhex(digest))
        except ValueError:
            made = cls(-1, b"")
        if made.position < 0 or len(made.digest) != len(GENESIS):
            raise InvalidInput(f"expected a seal, POSITION:DIGEST; found {seal!r:.100}")
        return made


def verify(
    connection: sa.Connection,
    *,
    seal: Head | None = None,
    progress: Progress | None = None,
) -> Head:
    """Check the whole log against its digests, its head and a seal; memory stays flat.

    Args:
        connection: on which to read.
        seal: a place where the log is known to have been; it must lead through it.
        progress: called now and then with the position reached and the last one.

    Returns:
        Where the log ends.

    Raises:
        LogDamaged: an event was changed, removed, added or moved; names the first position where
            that shows.
    """
    reader = _Reader(connection)
    reached = followed(reader.events(), seal, progress, reader.last())
    reader.require_no_more(reached)
    if connection.dialect.name == "postgresql":
        reader.require_head(reached)
    require_sealed(reached, seal)
    _check_file(connection, reached)
    return reached


def followed(
    heads: Iterable[Head],
    seal: Head | None = None,
    progress: Progress | None = None,
    last: int | None = None,
) -> Head:
    """Follow a log to its end.

    Args:
        heads: where the log is at first, and after each event.
        seal: a place where the log is known to have been.
        progress: called now and then with the position reached and the last one.
        last: the position where the log ends, for the progress.

    Raises:
        LogDamaged: it has another digest at the seal's position.
    """
    reached = Head(0, GENESIS)
    for reached in heads:
        if seal is not None and reached.position == seal.position:
            _same(reached, seal, "the seal")
        if progress is not None and reached.position % _EVERY == 0:
            progress(reached.position, reached.position if last is None else last)
    return reached


def require_sealed(reached: Head, seal: Head | None) -> None:
    """Check that a log is not shorter than its seal says.

    Raises:
        LogDamaged: it ends before that.
    """
    if seal is not None and reached.position < seal.position:
        raise LogDamaged(
            reached.position + 1, f"the log ends here, and was sealed at {seal.position}"
        )


_EVERY = 10_000
_PAGE = 1_000

_UNREADABLE = (sa.exc.DBAPIError, UnicodeError, ValueError)


class Chain:
    """Checks the rows of a log one after the other.

    Args:
        head: where the log is before the first of them.

    Attributes:
        head: where it is after the rows taken so far.
    """

    def __init__(self, head: Head = Head(0, GENESIS)) -> None:
        self.head = head
        self._taken_down: dict[str, int] = {}  # until their takedown is met further on
        self._takedowns: set[str] = set()  # of events that stand before these rows

    def take(self, row: _Row) -> Head:
        """Check the next row; gives where the log is after it.

        Raises:
            LogDamaged: the row does not follow on from the one before it.
        """
        expected = self.head.position + 1
        problem = _problem(row, expected)
        if problem is None and row["digest"] != event_digest(self.head.digest, row):
            problem = "it does not match its digest: it, or the event before it, was changed"
        if problem is not None:
            raise LogDamaged(expected, problem)
        if row["data"] is None:
            self._taken_down[row["event_id"]] = expected
        elif row["type"] == "EventRedacted":
            named = _named_in(row["data"]) or ""
            if self._taken_down.pop(named, None) is None:
                self._takedowns.add(named)
        self.head = Head(expected, row["digest"])
        return self.head

    def follow(self, later: Chain) -> None:
        """Go on with rows that another checked from here on."""
        self.head = later.head
        for id in later._takedowns:
            self._taken_down.pop(id, None)
        self._taken_down |= later._taken_down

    def end(self) -> None:
        """Check what only shows after the last row.

        Raises:
            LogDamaged: an event has lost its words, and no takedown says so.
        """
        if self._taken_down:
            first = min(self._taken_down.values())
            raise LogDamaged(first, "its words were removed, and no takedown in the log says so")


class _Takedown(msgspec.Struct):
    event: str


def _named_in(takedown: str) -> str | None:
    """The event that a takedown names; None where it cannot be read."""
    try:
        return msgspec.json.decode(takedown, type=_Takedown).event
    except msgspec.MsgspecError:
        return None


_SEVERAL = "more than one event stands there"


class _Reader:
    """Reads the log in whatever state it may be."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def last(self) -> int | None:
        """The last position; None where it cannot be read."""
        try:
            last: int | None = self._connection.scalar(sa.select(sa.func.max(events.c.position)))
        except _UNREADABLE:
            return None
        return last

    def require_head(self, reached: Head) -> None:
        """Check the row from which writers take the next position.

        Raises:
            LogDamaged: it is not where the log ends, or cannot be read.
        """
        query = sa.select(sa.cast(head.c.position, sa.Text), head.c.digest)
        try:
            [(position, digest)] = self._connection.execute(query)
            kept = Head(int(position), digest)
        except (*_UNREADABLE, TypeError):
            kept = None
        if kept is None or not _is_bytes(kept.digest, 32):
            problem = "the row of the head is missing, or not readable"
            raise LogDamaged(reached.position + 1, problem)
        _same(reached, kept, "the row of the head")

    def events(self) -> Iterator[Head]:
        """Where the log is at first, and after each event that is sound."""
        chain = Chain()
        yield chain.head
        for row in self._rows():
            if chain.head.position and row["position"] == chain.head.position:
                raise LogDamaged(chain.head.position, _SEVERAL)
            yield chain.take(row)
        chain.end()

    def require_no_more(self, reached: Head) -> None:
        """Check that there are no rows beside those that were read in order.

        Without the key of the table, two may have one position, or one none.
        """
        count = self._connection.scalar(sa.select(sa.func.count()).select_from(events))
        if count == reached.position:
            return
        at = events.c.position
        several = sa.select(at).group_by(at).having(sa.func.count() > 1).order_by(at).limit(1)
        position = self._connection.scalar(several)
        if position is None:
            raise LogDamaged(reached.position + 1, "there are events without a position")
        raise LogDamaged(position, _SEVERAL)

    def _rows(self) -> Iterator[sa.RowMapping]:
        # Not from 1 on: a position may have been changed to a lower one.
        after, size = None, _PAGE
        while True:
            query = stored.order_by(events.c.position).limit(size)
            if after is not None:
                query = query.where(events.c.position > after)
            try:
                page = self._connection.execute(query).mappings().all()
            except _UNREADABLE as error:
                if size == 1:
                    reason = str(getattr(error, "orig", None) or error)
                    raise LogDamaged((after or 0) + 1, f"it cannot be read ({reason})") from error
                size = 1  # find out which row of the page it is
                continue
            yield from page
            if not page:
                return
            after = page[-1]["position"]


def _problem(row: _Row, expected: int) -> str | None:
    """What is wrong with a row by itself."""
    if row["position"] != expected:
        return f"the event is missing; the next one has position {row['position']}"
    kept = row["data"] is not None
    texts = ("event_id", "stream", "type", *(("evidence", "data") if kept else ()))
    if not all(isinstance(row[name], str) for name in texts):
        return "a column that must hold text does not"
    bounds = [row[name] for name in _BOUNDS if row[name] is not None]
    if not all(map(_is_time, (row["recorded_at"], *bounds))):
        return "a column that must hold a time does not"
    if kept and (row["redacted"] is not None or not _is_bytes(row["salt"], 16)):
        return "its salt or its mark of a takedown was changed"
    if not kept and (
        any(row[name] is not None for name in ("evidence", "metadata", "salt"))
        or not _is_bytes(row["redacted"], 32)
    ):
        return "its words were removed in part"
    return None


_BOUNDS = ("occurred_from", "occurred_to")
_FIRST, _LAST = (
    dates.stamp(datetime(1, 1, 1, tzinfo=UTC)),
    dates.stamp(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
)


def _is_time(value: object) -> bool:
    """Whether it is a stored instant of a year from 1 to 9999."""
    return type(value) is int and _FIRST <= value <= _LAST


def _is_bytes(value: object, length: int) -> bool:
    return isinstance(value, bytes) and len(value) == length


def _same(reached: Head, kept: Head, what: str) -> None:
    if reached != kept:
        # At one position that event differs; else it is the first that only one of them has.
        first = min(reached.position, kept.position) + (reached.position != kept.position)
        raise LogDamaged(first, f"the events lead to {reached.seal}, {what} says {kept.seal}")


def _check_file(connection: sa.Connection, reached: Head) -> None:
    # An index can be damaged while all rows are sound; some queries would then miss events.
    # PostgreSQL has checksums for that; SQLite looks when asked.
    if connection.dialect.name != "sqlite":
        return
    try:
        state = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    except _UNREADABLE as error:
        state = str(error)
    if state != "ok":
        raise LogDamaged(
            reached.position + 1, f"all events are sound, but the file is not: {state}"
        )
