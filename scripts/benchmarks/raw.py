"""The drivers by themselves: the same columns, keys and types as the store's table of events.

What they insert was made beforehand, digests included, which here are random bytes. What they read
they decode to dicts by the standard library's `json`. There are no triggers, checks or types' index
as the store has them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from benchmarks import work
from timeline import dates
from timeline.events.encoding import encode_value

Row = tuple[Any, ...]

COLUMNS = (
    "position, event_id, stream, version, type, occurred, occurred_from, "
    "occurred_to, recorded_at, evidence, data, metadata, salt, redacted, digest"
)
EVIDENCE, DATA = 9, 10
"""Where these two are in a row."""

TABLE = """
CREATE TABLE events (
    position {integer} PRIMARY KEY, event_id text NOT NULL UNIQUE, stream text NOT NULL,
    version int NOT NULL, type int NOT NULL, occurred text,
    occurred_from bigint, occurred_to bigint, recorded_at bigint NOT NULL, evidence text, data text,
    metadata text, salt {bytes}, redacted {bytes}, digest {bytes} NOT NULL, UNIQUE (stream, version)
)
"""


def rows(count: int, total: int) -> Iterator[Row]:
    """The events, as rows."""
    for number, new in enumerate(work.news(count, total)):
        yield (
            number + 1,
            new.id,
            new.stream,
            work.version(number, total),
            1,
            new.occurred.text,
            *dates.bounds_of(new.occurred.text),
            1_700_000_000_000_000,
            encode_value(new.evidence),
            encode_value(new.event),
            None,
            os.urandom(16),
            None,
            os.urandom(32),
        )


def lengths(found: Iterable[Row]) -> int:
    """Decode rows; the length of all texts."""
    total = 0
    for row in found:
        said, evidence = json.loads(row[DATA]), json.loads(row[EVIDENCE])
        total += len(said["text"]) + len(evidence)
    return total


def fold(found: Iterable[tuple[str, str]]) -> work.Fold:
    """Count what each speaker said, from ids of events and speakers."""
    folded: work.Fold = {}
    for event_id, speaker in found:
        times, _ = folded.get(speaker, (0, ""))
        folded[speaker] = times + 1, event_id
    return folded


def speakers(found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The speakers, from ids of events and their data."""
    for event_id, data in found:
        yield event_id, json.loads(data)["speaker"]


def store_fold(connection: Any, folded: work.Fold) -> int:
    """Write the rows of what was folded, and commit; how many events they stand for."""
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS speakers")
    cursor.execute("CREATE TABLE speakers (speaker text PRIMARY KEY, times int, last text)")
    rows = [(speaker, *rest) for speaker, rest in folded.items()]
    cursor.executemany(f"INSERT INTO speakers VALUES ({mark}, {mark}, {mark})", rows)
    connection.commit()
    return sum(times for times, _ in folded.values())


def connect(url: str) -> Any:
    """A connection of the driver's."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        connection = sqlite3.connect(str(parsed.database))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection
    dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(dsn)


def size(url: str, table: str) -> int:
    """The bytes of a table with its indexes; on SQLite of the file, write-ahead log included."""
    file = sa.make_url(url).database
    with contextlib.closing(connect(url)) as connection:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return Path(str(file)).stat().st_size
        return int(connection.execute("SELECT pg_total_relation_size(%s)", (table,)).fetchone()[0])


class Sqlite:
    """The standard library's sqlite3: INSERT or executemany, and a commit."""

    name = "sqlite3"
    insert = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join('?' * 15)})"

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = connect(url)
        if not self.connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            self.connection.execute(TABLE.format(integer="integer", bytes="blob"))

    def prepare(self, count: int, total: int) -> list[Row]:
        """Rows."""
        return list(rows(count, total))

    def append(self, items: Sequence[Row]) -> None:
        """One INSERT, or executemany."""
        if len(items) == 1:
            self.connection.execute(self.insert, items[0])
        else:
            self.connection.executemany(self.insert, items)
        self.connection.commit()

    load = append

    def read_all(self) -> int:
        """One SELECT, row by row."""
        return lengths(self._rows(f"SELECT {COLUMNS} FROM events ORDER BY position"))

    def _rows(self, query: str) -> Iterable[Row]:
        return self.connection.execute(query)

    def read_stream(self, number: int, total: int) -> int:
        """One SELECT."""
        query = f"SELECT {COLUMNS} FROM events WHERE stream = ? ORDER BY version"
        return lengths(self.connection.execute(query, (work.stream(number, total),)).fetchall())

    def rebuild(self) -> int:
        """SELECT id and data, fold, executemany."""
        found = self._rows("SELECT event_id, data FROM events ORDER BY position")
        return store_fold(self.connection, fold(speakers(found)))

    def size(self) -> int:
        """The file's."""
        return size(self.url, "events")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class Postgres(Sqlite):
    """psycopg as it comes: BEGIN, INSERT or executemany, COMMIT."""

    name = "psycopg"
    insert = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join(['%s'] * 15)})"

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = connect(url)
        if self.connection.execute("SELECT to_regclass('events')").fetchone() == (None,):
            self.connection.execute(TABLE.format(integer="bigint", bytes="bytea"))
        self.connection.commit()

    def append(self, items: Sequence[Row]) -> None:
        """One INSERT, or executemany."""
        with self.connection.cursor() as cursor:
            if len(items) == 1:
                cursor.execute(self.insert, items[0])
            else:
                cursor.executemany(self.insert, items)
        self.connection.commit()

    load = append

    def _rows(self, query: str) -> Iterable[Row]:
        # A cursor of the server's, so that memory stays flat, as it does on the other sides.
        with self.connection.cursor("reader") as cursor:
            cursor.itersize = work.PAGE
            yield from cursor.execute(query)
        self.connection.commit()

    def read_stream(self, number: int, total: int) -> int:
        """One SELECT, in a transaction."""
        query = f"SELECT {COLUMNS} FROM events WHERE stream = %s ORDER BY version"
        found = self.connection.execute(query, (work.stream(number, total),)).fetchall()
        self.connection.commit()
        return lengths(found)


class Copy(Postgres):
    """psycopg's COPY, in text, a row at a time."""

    name = "COPY"

    def append(self, items: Sequence[Row]) -> None:
        """COPY, and commit."""
        with (
            self.connection.cursor() as cursor,
            cursor.copy(f"COPY events ({COLUMNS}) FROM STDIN") as copy,
        ):
            for item in items:
                copy.write_row(item)
        self.connection.commit()

    load = append
