"""Coded rows put in order before anything is recorded, however many there are.

What becomes one event may stand anywhere: mirrored rows a few lines apart or in two files, a row
again in a later export. So all rows are read first, into a temporary SQLite database that is on
disk and goes when it is closed, and come out of it sorted by day and event. Nothing is held in
memory but a page of it, no order of the files is relied upon, and what is wrong with any of them is
known before anything is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import chain, groupby
from types import TracebackType
from typing import Any, Self

import attrs
import msgspec

from timeline.errors import InvalidRecord
from timeline.events.actors import Kind
from timeline.formats.coded import gdelt, icews
from timeline.formats.coded.lines import Told, read_lines
from timeline.formats.coded.rows import CodedRow, Dataset, Party, Story, canonical

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
"""Where rows differ in what sort of actor a name is, the later of these holds."""

# Whichever row comes first, the same spelling, kind and row are kept.
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
    """An actor of the rows: its name in one form for all spellings, and in one of these."""

    canonical: str
    party: Party


class SortedRows:
    """The rows of files, in order of day and event. Close it, or use it in a `with` block."""

    def __init__(self) -> None:
        # The empty name is that of a private database on disk, without one in any folder.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")

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
        """Put a row; says whether it is new. One that is not `kept` is only remembered.

        Raises:
            ValueError: its id was put before with other content (`Revised`).
        """
        data = _encode(row)
        known = self._one("SELECT row FROM rows WHERE id = ?", row.id)
        if known is not None:
            if known != data:
                raise Revised(f"the id {row.row!r} stands for another row of that day already")
            return False
        values = (row.id, row.day, row.event, row.code, kept, data)
        self._database.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", values)
        if kept:
            self._put_names(row)
        return True

    def _put_names(self, row: CodedRow) -> None:
        story = row.story
        dates = (story.published, story.published, story.retrieved, story.retrieved)
        self._database.execute(_PUT_SOURCE, (story.source, _encode(story), *dates))
        # A publisher is who a reader takes its word from, whatever else it does in the rows.
        for party in (row.actor, row.target, Party(row.story.publisher, "organisation")):
            if party is not None:
                rank = _KINDS.index(party.kind)
                self._database.execute(_PUT_ACTOR, (canonical(party.name), party.name, rank))

    @property
    def size(self) -> int:
        """How many actors, sources and kept rows there are."""
        counts = (
            self._one(f"SELECT count(*) FROM {each}")
            for each in ("actors", "sources", "rows WHERE kept")
        )
        return sum(counts)

    def actors(self) -> Iterator[Named]:
        """Those that the kept rows name, in the order of their names."""
        query = "SELECT canonical, name, kind FROM actors WHERE canonical > ? ORDER BY canonical"
        for key, name, kind in self._pages(query):
            yield Named(key, Party(name, _KINDS[kind]))

    def resolve(self, actor: Named, id: str) -> bool:
        """Note by which id an actor goes in the record; says whether it was free here."""
        try:
            self._database.execute(
                "UPDATE actors SET id = ? WHERE canonical = ?", (id, actor.canonical)
            )
        except sqlite3.IntegrityError:
            return False
        return True

    def id_of(self, name: str) -> str:
        """The id that was noted for the actor of that name."""
        found: str = self._one("SELECT id FROM actors WHERE canonical = ?", canonical(name))
        return found

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
        # A cursor of its own, which SQLite steps through while others read: nothing is fetched
        # ahead, and nothing is written any more.
        found = self._database.execute(
            "SELECT event, row FROM rows WHERE kept ORDER BY day, event, id"
        )
        for _, rows in groupby(found, key=lambda each: each[0]):
            yield [_decode(data) for _, data in rows]

    def _pages(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query by key, a page at a time, so that others may be changed between."""
        after = ""
        while page := self._database.execute(f"{query} LIMIT 500", (after,)).fetchall():
            yield from page
            after = page[-1][0]

    def _one(self, query: str, *values: object) -> Any:
        found = self._database.execute(query, values).fetchone()
        return None if found is None else found[0]


def _span(first: str | None, last: str | None) -> Any:
    return first if first == last else f"{first}/{last}"


def read_rows(
    file: str, dataset: Dataset, told: Told | None = None
) -> Iterator[tuple[int, CodedRow | InvalidRecord]]:
    """The rows of a file, each with its line; of one that cannot be read, what is wrong with it.

    Raises:
        InvalidRecord: the file as a whole cannot be read, or is of another layout.
    """
    lines = read_lines(file, told)
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
