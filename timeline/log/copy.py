"""Whole logs, with nothing computed again: out to a file as JSON Lines, and into another database.

The first line of the file says what it is and where the log ends; each further line is one event
with all its columns. `docs/howto/exports.md` has the format. `evidence` and `data` are texts that
hold JSON, and not JSON themselves: digests cover them to the byte, and what reads and writes JSON
reorders it.

Ids, places, times, salts and digests stay as they are, so the copy has the seal of the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, BinaryIO

import attrs
import msgspec
import sqlalchemy as sa

from timeline.dates import When, bounds_of, stamp, stamp_text
from timeline.errors import InvalidInput, InvalidRecord, LogDamaged, LogsDiffer
from timeline.events.base import LONGEST_ID
from timeline.events.encoding import require_printable
from timeline.log import database, failures
from timeline.log.append import BATCH, insert, take_end
from timeline.log.codec import Codec
from timeline.log.database import Driver
from timeline.log.digests import Chain, Head
from timeline.log.read import rows_by_id, stream_versions
from timeline.log.redact import take_words
from timeline.log.schema import Stored, events
from timeline.log.telemetry import batched

FORMAT = "timeline-log"
VERSION = 1

_LONGEST_LINE = 64 * 1024 * 1024
"""Bytes: far beyond any event, and few enough for memory."""

_COLUMNS = ("salt", "redacted", "digest")
"""The columns of bytes; in the file they are hexadecimal digits."""

_TIMES = ("occurred_from", "occurred_to", "recorded_at")
"""The columns of instants; in the file they are texts in UTC."""

_Hex16 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Hex32 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Place = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """The first line."""

    format: str
    version: int
    position: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    digest: _Hex32


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line with an event: the columns of the table `events`."""

    position: _Place
    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
    stream: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    version: _Number
    type: Annotated[str, msgspec.Meta(min_length=1)]
    type_version: _Number
    occurred: str | None
    occurred_from: str | None
    occurred_to: str | None
    recorded_at: str
    evidence: str | None
    data: str | None
    metadata: str | None
    salt: _Hex16 | None
    redacted: _Hex32 | None
    digest: _Hex32


_encode = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(_Header).decode
_decode_line = msgspec.json.Decoder(_Line).decode


def write_log(out: BinaryIO, head: Head, rows: Iterable[Stored]) -> None:
    """Write a log to a file, line by line; memory stays flat.

    Args:
        out: where to.
        head: where the log ends.
        rows: its rows as stored, from the first to that position.

    Raises:
        LogDamaged: the rows do not match their digests, or do not lead to `head`.
    """
    header = _Header(FORMAT, VERSION, head.position, head.digest.hex())
    out.write(_encode(header) + b"\n")
    chain = Chain()
    for row in rows:
        columns = row._asdict()
        chain.take(columns)
        out.write(_encode(_plain(columns)) + b"\n")
    chain.end()
    if chain.head != head:
        raise LogDamaged(chain.head.position + 1, f"the log was to end at {head.seal}")


def _plain(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns of an event as a line of the file has them."""
    plain = columns | {name: columns[name] and columns[name].hex() for name in _COLUMNS}
    for name in _TIMES:
        plain[name] = None if columns[name] is None else stamp_text(columns[name])
    return plain


class LogFile:
    """An exported log to import; each row is checked before it is used.

    Args:
        file: the bytes.
        name: what to call them in messages.
        codec: reads the events, so that none gets in that nobody could read afterwards.
        seal: a place where the log is known to have been; it must lead through it.

    Attributes:
        head: where the log ends, by its first line.

    Raises:
        InvalidRecord: it is no exported log, or of a later version of the format.
    """

    def __init__(self, file: BinaryIO, name: str, codec: Codec, seal: Head | None = None) -> None:
        self.name = name
        self._file, self._codec, self._seal, self._line = file, codec, seal, 0
        self.head = self._header()
        if seal is not None and seal.position > self.head.position:
            problem = f"the log ends at {self.head.position}, and was sealed at {seal.position}"
            raise self._problem(None, problem)

    def rows(self) -> Iterator[Stored]:
        """The rows as the table stores them, in order, once.

        Raises:
            InvalidRecord: a line cannot be read, was changed, or is missing; names line and
                position.
        """
        chain = Chain()
        while text := self._next():
            position = chain.head.position + 1
            try:
                row = self._row(text)
                chain.take(row)
                self._require_sealed(chain.head)
                self._require_readable(row)
            except LogDamaged as error:
                raise self.damaged(error) from None
            except (msgspec.MsgspecError, InvalidInput, ValueError) as error:
                raise self._problem(f"position {position}", str(error)) from None
            yield Stored(**row)
        if chain.head != self.head:
            ends = f"the log ends at {chain.head.seal} here"
            raise self._problem(None, f"{ends}, and by the first line at {self.head.seal}")
        try:
            chain.end()
        except LogDamaged as error:
            raise self.damaged(error) from None

    def damaged(self, error: LogDamaged) -> InvalidRecord:
        """The damage of the log as an error of the file."""
        # The header is on the first line, so position 1 is on line 2.
        line, field = error.position + 1, f"position {error.position}"
        return InvalidRecord(self.name, error.problem, line=line, field=field)

    def _header(self) -> Head:
        try:
            header = _decode_header(self._next())
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise self._problem(
                None,
                f"expected the first line of an exported log: {error}. Record files go in with "
                "`timeline ingest`",
            ) from None
        if header.format != FORMAT or header.version != VERSION:
            wanted = f"expected {FORMAT} in version {VERSION}"
            raise self._problem(None, f"{wanted}; found {header.format!r:.80} in {header.version}")
        return Head(header.position, bytes.fromhex(header.digest))

    def _next(self) -> bytes:
        """The next line; nothing at the end of the file."""
        self._line += 1
        try:
            text = self._file.readline(_LONGEST_LINE)
        except OSError as error:
            raise self._problem(None, f"cannot be read: {error.strerror}") from None
        if len(text) == _LONGEST_LINE:
            raise self._problem(None, f"expected lines of less than {_LONGEST_LINE:,} bytes")
        return text

    def _row(self, text: bytes) -> dict[str, Any]:
        row: dict[str, Any] = msgspec.structs.asdict(_decode_line(text))
        for name, value in row.items():
            if isinstance(value, str) and "\0" in value:
                raise InvalidInput(f"{name}: expected text; found a NUL character in it")
        for name in _TIMES:
            row[name] = None if row[name] is None else _stamp(name, row[name])
        return row | {name: row[name] and bytes.fromhex(row[name]) for name in _COLUMNS}

    def _require_sealed(self, at: Head) -> None:
        if self._seal is not None and at.position == self._seal.position and at != self._seal:
            raise LogDamaged(
                at.position, f"the events lead to {at.seal}, the seal says {self._seal.seal}"
            )

    def _require_readable(self, row: Mapping[str, Any]) -> None:
        """Refuse what fits its digest, but could not be read afterwards."""
        for name in ("event_id", "stream"):
            if not row[name].isprintable():
                raise InvalidInput(
                    f"{name}: expected printable characters; found {row[name]!r:.80}"
                )
        bounds: tuple[int | None, int | None] = (None, None)
        if row["occurred"] is not None:
            bounds = bounds_of(When(row["occurred"]).text)
        if bounds != (row["occurred_from"], row["occurred_to"]):
            raise InvalidInput(f"occurred: its bounds are not those of {row['occurred']!r:.80}")
        for name in ("evidence", "data"):
            require_printable(name, (row[name] or "").encode())
        if row["data"] is not None:
            self._codec.decode_evidence(row["evidence"])
            kind = row["type"], row["type_version"]
            if self._codec.knows(*kind):
                self._codec.decode(*kind, row["data"], row["position"])
            else:  # of a class that is elsewhere: a backup comes back without it
                msgspec.json.decode(row["data"], type=dict[str, Any])

    def _problem(self, field: str | None, problem: str) -> InvalidRecord:
        return InvalidRecord(self.name, problem, line=self._line, field=field)


def _stamp(name: str, text: str) -> int:
    made = stamp(datetime.fromisoformat(text))
    if stamp_text(made) != text:
        raise InvalidInput(f"{name}: expected UTC; found {text!r:.80}")
    return made


@attrs.frozen
class Restored:
    """What an import did.

    Attributes:
        added: how many events were new.
        head: where the log ends now.
        taken_down: how many events lost their words, since the imported log has their takedown.
    """

    added: int
    head: Head
    taken_down: int


def restore(engine: sa.Engine, rows: Iterable[Stored]) -> Restored:
    """Write a whole log, whose rows were checked against their digests, or go on with one.

    What the log holds already must be what the rows begin with; only the rest is written, all of
    it or nothing. Other writers wait meanwhile.

    Args:
        engine: of a database that `upgrade` has prepared.
        rows: from the first position on, in order. Any error they raise undoes the import.

    Raises:
        LogsDiffer: the log holds other events.
        LogDamaged: an id or a version is taken twice; names the position.
        DatabaseError: the database could not do it; nothing was written.
    """
    bare: list[Stored] = []  # tombstones of events that have their words here
    with database.writing(engine) as connection:
        driver = database.driver_of(connection)
        with failures.translated(engine, connected=True):
            end = start = take_end(driver, engine).head
            for batch in batched(rows, BATCH):
                bare += _require_same(
                    connection, [row for row in batch if row.position <= start.position]
                )
                fresh = [row for row in batch if row.position > start.position]
                if fresh:
                    _require_new(driver, engine, fresh)
                    insert(driver, engine, fresh)
                    end = Head(fresh[-1].position, fresh[-1].digest)
        for tombstone in bare:
            take_words(connection, tombstone.event_id, tombstone.redacted)
    return Restored(end.position - start.position, end, len(bare))


def _require_same(connection: sa.Connection, rows: Sequence[Stored]) -> list[Stored]:
    """Check that the log holds these rows; gives the tombstones of events that have words here.

    The reverse is no difference either: words that were taken down here stay so.
    """
    if not rows:
        return []
    within = events.c.position.between(rows[0].position, rows[-1].position)
    query = sa.select(events.c.position, events.c.digest, events.c.data.is_not(None))
    stored = connection.execute(query.where(within))
    here = {position: (digest, words) for position, digest, words in stored}
    for row in rows:
        if here.get(row.position, (b"",))[0] != row.digest:
            raise LogsDiffer(row.position)
    return [row for row in rows if row.data is None and here[row.position][1]]


def _require_new(driver: Driver, engine: sa.Engine, rows: Sequence[Stored]) -> None:
    """Check ids and versions ourselves: the database's refusal would not name the position."""
    ids = {row.event_id for row in rows_by_id(driver, engine, (row.event_id for row in rows))}
    versions = stream_versions(driver, engine, (row.stream for row in rows))
    for row in rows:
        if row.event_id in ids:
            problem = f"the id {row.event_id!r} is taken by an earlier event"
            raise LogDamaged(row.position, problem)
        ids.add(row.event_id)
        versions[row.stream] += 1
        if row.version != versions[row.stream]:
            problem = (
                f"expected version {versions[row.stream]} of {row.stream!r}; found {row.version}"
            )
            raise LogDamaged(row.position, problem)
