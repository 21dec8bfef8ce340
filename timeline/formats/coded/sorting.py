"""Coded rows put in order before anything is recorded, however many there are.

What becomes one event may stand anywhere: mirrored rows a few lines apart or in two files, a row
again in a later export. So all rows are read first, into a temporary SQLite database that is on
disk and goes when it is closed, and come out of it sorted by day and event. Nothing is held in
memory but a page of it, no order of the files is relied upon, and what is wrong with any of them is
known before anything is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from types import TracebackType
from typing import Any, Self

import attrs
import msgspec

from timeline.errors import InvalidRecord
from timeline.events.actors import Kind
from timeline.formats.coded import gdelt, icews
from timeline.formats.coded.lines import Told, read_lines
from timeline.formats.coded.rows import CodedRow, Dataset, Party, canonical

_SCHEMA = """
    CREATE TABLE rows (id TEXT PRIMARY KEY, day TEXT, event TEXT, code TEXT, kept INT, row BLOB)
        WITHOUT ROWID;
    CREATE TABLE actors (canonical TEXT PRIMARY KEY, name TEXT, kind INT, id TEXT UNIQUE)
        WITHOUT ROWID;
    CREATE TABLE sources (id TEXT PRIMARY KEY, row BLOB) WITHOUT ROWID;
"""

_KINDS: tuple[Kind, ...] = ("unnamed", "organisation", "office", "person", "state")
"""Where rows differ in what sort of actor a name is, the later of these holds."""

# Whichever row comes first, the same spelling, kind and row are kept.
_PUT_ACTOR = """
    INSERT INTO actors (canonical, name, kind) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET name = max(name, excluded.name), kind = max(kind, excluded.kind)
"""
_PUT_SOURCE = """
    INSERT INTO sources VALUES (?, ?)
    ON CONFLICT DO UPDATE SET row = min(row, excluded.row)
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(CodedRow).decode


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
            ValueError: its id was put before with other content.
        """
        data = _encode(row)
        known = self._one("SELECT row FROM rows WHERE id = ?", row.id)
        if known is not None:
            if known != data:
                raise ValueError(f"the id {row.row!r} stands for another row of that day already")
            return False
        values = (row.id, row.day, row.event, row.code, kept, data)
        self._database.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", values)
        if kept:
            self._put_names(row, data)
        return True

    def _put_names(self, row: CodedRow, data: bytes) -> None:
        self._database.execute(_PUT_SOURCE, (row.story.source, data))
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

    def sources(self) -> Iterator[CodedRow]:
        """A row of each source, in the order of their ids."""
        query = "SELECT id, row FROM sources WHERE id > ? ORDER BY id"
        for _, data in self._pages(query):
            yield _decode(data)

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


def read_rows(
    file: str, dataset: Dataset, told: Told | None = None
) -> Iterator[tuple[int, CodedRow | InvalidRecord]]:
    """The rows of a file, each with its line; of one that cannot be read, what is wrong with it.

    Raises:
        InvalidRecord: the file as a whole cannot be read.
    """
    lines = read_lines(file, told)
    read = _row_reader(file, dataset, lines)
    for number, line in lines:
        try:
            yield number, read(_text(line))
        except ValueError as error:
            yield number, InvalidRecord(file, str(error), line=number)


def _row_reader(
    file: str, dataset: Dataset, lines: Iterable[tuple[int, bytes]]
) -> Callable[[str], CodedRow]:
    if dataset == "gdelt":
        return gdelt.row_reader()
    number, line = next(iter(lines), (1, b""))
    try:
        return icews.row_reader(_text(line))
    except ValueError as error:
        raise InvalidRecord(file, str(error), line=number) from None


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        found = f"the byte 0x{error.object[error.start]:02x} at offset {error.start} of the line"
        raise ValueError(f"expected UTF-8; found {found}") from None
