"""Rows read from files, plain, zipped or gzipped, and put in order before anything is recorded.

Rows of one event may stand anywhere: a few lines apart, in two files, or again in a later export.
So all rows go into a temporary SQLite database on disk first, and come out sorted by day and event.
Memory holds one page of them, the order of the files does not matter, and all faults are known
before anything is written. SQLite removes the database when it is closed.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeAlias, cast

import attrs
import msgspec

from timeline.errors import InvalidRecord
from timeline.events.actors import Kind
from timeline.formats.coded import gdelt, icews
from timeline.formats.coded.events import CodedRow, Dataset, Party, Story
from timeline.formats.coded.fields import KNOWN, canonical
from timeline.log.telemetry import Progress

# --- Reading --------------------------------------------------------------------------------------


_LONGEST = 1_000_000
"""Bytes of a line. Rows have some hundred: a file with longer lines is no table."""

_ZIP, _GZIP = b"PK", b"\x1f\x8b"

_REPORT_EVERY = 1_000


def read_lines(file: str, progress: Progress | None = None) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, from 1, without line ends. Blank lines are left out.

    `progress` takes how many bytes of the packed file are read, and how many it has.

    Raises:
        InvalidRecord: the file cannot be read, or is no text of lines.
    """
    number = 0
    try:
        with contextlib.ExitStack() as stack:
            # The stack closes the unpacked file first, then this one.
            raw = stack.enter_context(Path(file).open("rb"))
            size = os.fstat(raw.fileno()).st_size
            lines = stack.enter_context(_unpacked(file, raw, raw.peek(4)[:4]))
            while line := lines.readline(_LONGEST):
                number += 1
                if len(line) == _LONGEST:
                    problem = f"expected a line of a table; found one of {_LONGEST:,} bytes or more"
                    raise InvalidRecord(file, problem, line=number)
                if line := line.rstrip(b"\r\n"):
                    yield number, line
                if progress is not None and number % _REPORT_EVERY == 0:
                    progress(raw.tell(), size)
            if progress is not None:
                progress(size, size)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        # gzip raises EOFError for a file that is cut short, zipfile RuntimeError for one with a
        # password, and `open` ValueError for a name with a null character.
        if isinstance(error, InvalidRecord):
            raise
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidRecord(file, problem, line=number + 1 if number else None) from None


def _unpacked(
    file: str, raw: IO[bytes], start: bytes
) -> contextlib.AbstractContextManager[IO[bytes]]:
    """The unpacked content. The first bytes tell the format, since names are often wrong."""
    if start.startswith(_ZIP):
        try:
            archive = zipfile.ZipFile(raw)
        except zipfile.BadZipFile:
            # A zip archive lists its contents at its end.
            problem = "begins as a zip archive, and is cut off or damaged. Fetch it again"
            raise InvalidRecord(file, problem) from None
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise InvalidRecord(
                file, f"expected a zip archive of one file; found {len(names)}. Unpack it first"
            )
        return archive.open(names[0])
    if start.startswith(_GZIP):
        return cast("contextlib.AbstractContextManager[IO[bytes]]", gzip.GzipFile(fileobj=raw))
    return contextlib.nullcontext(raw)


Read: TypeAlias = tuple[int, CodedRow | InvalidRecord]
"""A line, and its row, or what is wrong with it."""


def read_rows(file: str, dataset: Dataset, progress: Progress | None = None) -> Iterator[Read]:
    """The rows of a file with their lines; for a row that cannot be read, what is wrong with it.

    Raises:
        InvalidRecord: the file as a whole cannot be read, or is of another layout.
    """
    lines = read_lines(file, progress)
    number, line = next(lines, (1, b""))
    try:
        if dataset == "gdelt":
            gdelt.require_layout(line.decode(errors="replace"))
            read: Callable[[str], CodedRow] = gdelt.row_of
            lines = chain([(number, line)] if line else [], lines)
        else:
            read = icews.row_reader(_text(line))
    except ValueError as error:
        raise InvalidRecord(file, str(error), line=number) from None
    for number, line in lines:
        try:
            yield number, read(_text(line))
        except ValueError as error:
            yield number, InvalidRecord(file, str(error), line=number)


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        problem = f"expected UTF-8; found the byte 0x{byte:02x}"
        # From 0x80 to 0x9f only such bytes are printed that Windows adds to Latin-1.
        if text := _of_windows(line):
            letter = text[error.start]
            problem += (
                f", which is {letter!r} in Windows-1252. If the file is in that, convert it: "
                "iconv -f WINDOWS-1252 -t UTF-8"
            )
        raise ValueError(problem) from None


def _of_windows(line: bytes) -> str | None:
    """The line as text in Windows-1252, if it reads as such."""
    try:
        text = line.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return text if text.replace("\t", "").isprintable() else None


# --- Sorting --------------------------------------------------------------------------------------


_SCHEMA = """
    CREATE TABLE rows (id TEXT PRIMARY KEY, day TEXT, event TEXT, code TEXT, kept INT, row BLOB)
        WITHOUT ROWID;
    CREATE TABLE actors (canonical TEXT PRIMARY KEY, name TEXT, kind INT, id TEXT UNIQUE)
        WITHOUT ROWID;
    CREATE TABLE sources (
        id TEXT PRIMARY KEY, story BLOB,
        published_first TEXT, published_last TEXT, retrieved_first TEXT, retrieved_last TEXT
    ) WITHOUT ROWID;
"""

_KINDS: tuple[Kind, ...] = ("unnamed", "organisation", "office", "person", "state")
"""Where rows differ in the kind of an actor, the later of these holds."""

_PUT_ROW = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
# The same spelling, kind and dates are kept, in whatever order the rows come.
_PUT_ACTOR = """
    INSERT INTO actors (canonical, name, kind) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET name = max(name, excluded.name), kind = max(kind, excluded.kind)
"""
_PUT_SOURCE = """
    INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        story = min(story, excluded.story),
        published_first = min(published_first, excluded.published_first),
        published_last = max(published_last, excluded.published_last),
        retrieved_first = min(retrieved_first, excluded.retrieved_first),
        retrieved_last = max(retrieved_last, excluded.retrieved_last)
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(CodedRow).decode
_decode_story = msgspec.json.Decoder(Story).decode


class Revised(ValueError):
    """A row whose id stands for other content already."""


@attrs.frozen
class Named:
    """An actor that rows name: the form all spellings share, and one spelling with its kind."""

    canonical: str
    party: Party


class SortedRows:
    """The rows of files, in order of day and event. Close it, or use it in a `with` block."""

    def __init__(self) -> None:
        # SQLite takes the empty name for a private temporary database on disk.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        # Most rows name the same few, and to put one again changes nothing.
        self._put_source = functools.lru_cache(KNOWN)(self._insert_source)
        self._put_actor = functools.lru_cache(KNOWN)(self._insert_actor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def put(self, row: CodedRow, *, kept: bool) -> bool:
        """Put a row; returns whether it is new. One that is not `kept` becomes no event.

        Raises:
            ValueError: its id was put before with other content (`Revised`).
        """
        data = _encode(row)
        values = (row.id, row.day, row.event, row.code, kept, data)
        if not self._database.execute(_PUT_ROW, values).rowcount:
            if self._one("SELECT row FROM rows WHERE id = ?", row.id) != data:
                raise Revised(f"the id {row.row!r} stands for another row of that day already")
            return False
        if kept:
            self._put_source(row.story)
            # A publisher is an organisation, whatever kind other rows give it.
            self._put_actor(Party(row.story.publisher, "organisation"))
            for party in filter(None, (row.actor, row.target)):
                self._put_actor(party)
        return True

    def _insert_source(self, story: Story) -> None:
        dates = (story.published, story.published, story.retrieved, story.retrieved)
        self._database.execute(_PUT_SOURCE, (story.source, _encode(story), *dates))

    def _insert_actor(self, party: Party) -> None:
        rank = _KINDS.index(party.kind)
        self._database.execute(_PUT_ACTOR, (canonical(party.name), party.name, rank))

    @property
    def size(self) -> int:
        """How many actors, sources and kept rows there are."""
        counts = (
            self._one(f"SELECT count(*) FROM {table}")
            for table in ("actors", "sources", "rows WHERE kept")
        )
        return sum(counts)

    def actors(self) -> Iterator[Named]:
        """The actors that the kept rows name, in the order of their names."""
        query = "SELECT canonical, name, kind FROM actors WHERE canonical > ? ORDER BY canonical"
        for key, name, kind in self._pages(query):
            yield Named(key, Party(name, _KINDS[kind]))

    def resolve(self, actor: Named, id: str) -> bool:
        """Note the id of an actor in the record; returns whether no other actor here has it."""
        try:
            self._database.execute(
                "UPDATE actors SET id = ? WHERE canonical = ?", (id, actor.canonical)
            )
        except sqlite3.IntegrityError:
            return False
        return True

    def id_of(self, name: str) -> str:
        """The id that was noted for the actor of that name."""
        id: str = self._one("SELECT id FROM actors WHERE canonical = ?", canonical(name))
        return id

    def forget(self) -> None:
        """Forget what was noted."""
        self._database.execute("UPDATE actors SET id = NULL")

    def sources(self) -> Iterator[Story]:
        """The stories, in the order of the ids of their sources.

        Where rows differ in when theirs was published or read, it has both ends of that time.
        """
        query = "SELECT * FROM sources WHERE id > ? ORDER BY id"
        for _, data, *dates in self._pages(query):
            published, retrieved = _span(*dates[:2]), _span(*dates[2:])
            yield attrs.evolve(_decode_story(data), published=published, retrieved=retrieved)

    def events(self) -> Iterator[list[CodedRow]]:
        """The kept rows of each event together, by day."""
        # This cursor stays open while others read. Nothing is written any more.
        kept = self._database.execute(
            "SELECT event, row FROM rows WHERE kept ORDER BY day, event, id"
        )
        for _, rows in groupby(kept, key=itemgetter(0)):
            yield [_decode(data) for _, data in rows]

    def _pages(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query by key, a page at a time: other rows may change in between."""
        after = ""
        while page := self._database.execute(f"{query} LIMIT 500", (after,)).fetchall():
            yield from page
            after = page[-1][0]

    def _one(self, query: str, *values: object) -> Any:
        row = self._database.execute(query, values).fetchone()
        return None if row is None else row[0]


def _span(first: str | None, last: str | None) -> Any:
    return first if first == last else f"{first}/{last}"
