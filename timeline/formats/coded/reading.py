"""Rows read from files, plain, zipped or gzipped, and put in order before anything is recorded.

Rows of one event may stand anywhere: a few lines apart, in two files, or again in a later export.
So all rows go into a temporary SQLite database on disk first, and come out sorted by day and event.
Memory holds one page of them, the order of the files does not matter, and all faults are known
before anything is written. SQLite removes the database when it is closed.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import sqlite3
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self, TypeAlias, cast

import attrs
import msgspec
from msgspec.structs import replace

from timeline.errors import InvalidRecord
from timeline.events.actors import Kind
from timeline.formats.coded import gdelt, icews
from timeline.formats.coded.events import CodedRow, Dataset, Party, Story, Why, why_not
from timeline.formats.coded.fields import canonical, slugs
from timeline.log.telemetry import Progress, batched

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


# --- Pages ----------------------------------------------------------------------------------------


_PAGE = 1_000
"""Rows of a page: enough that a query costs little, few enough to send to another process."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(CodedRow).decode
_decode_story = msgspec.json.Decoder(Story).decode


class ReadRow(NamedTuple):
    """A row as it is kept while the rows are sorted.

    Attributes:
        line: where it stands in its file.
        id: of the row.
        event: the id of the event it becomes, or becomes part of.
        code: its code.
        why: why it becomes none.
        data: the row as JSON.
    """

    line: int
    id: str
    event: str
    code: str
    why: Why | None
    data: bytes


@attrs.frozen
class Page:
    """Some rows of a file, with the stories and actors of those that become events.

    Attributes:
        rows: the rows that could be read.
        bad: what is wrong with the others.
        stories: each once.
        parties: each once.
    """

    rows: list[ReadRow]
    bad: list[InvalidRecord]
    stories: set[Story]
    parties: set[Party]


def read_pages(
    file: str, dataset: Dataset, progress: Progress | None = None, *, conduct: bool
) -> Iterator[Page]:
    """The rows of a file, a page at a time.

    Args:
        file: its name.
        dataset: what format it has.
        progress: called with how many bytes of it are read, and how many there are.
        conduct: whether conduct becomes events.

    Raises:
        InvalidRecord: the file as a whole cannot be read, or is of another layout.
    """
    for some in batched(read_rows(file, dataset, progress), _PAGE):
        yield _page(some, conduct=conduct)


def read_days(
    file: str, dataset: Dataset, progress: Progress | None = None, *, conduct: bool
) -> Iterator[tuple[str, Page]]:
    """The same with the rows of each day on pages of their own; bad rows have no day."""
    for some in batched(read_rows(file, dataset, progress), _PAGE):
        days = defaultdict[str, list[Read]](list)
        for line, row in some:
            days[row.day if isinstance(row, CodedRow) else ""].append((line, row))
        for day, rows in days.items():
            yield day, _page(rows, conduct=conduct)


def _page(some: Iterable[Read], *, conduct: bool) -> Page:
    page = Page([], [], set(), set())
    for line, row in some:
        if isinstance(row, InvalidRecord):
            page.bad.append(row)
            continue
        why = why_not(row, conduct=conduct)
        id = row.id
        event = row.event if row.meaning.mutual else id
        page.rows.append(ReadRow(line, id, event, row.code, why, _encode(row)))
        if why is None:
            _note(page, row)
    return page


def _note(page: Page, row: CodedRow) -> None:
    page.stories.add(row.story)
    # A publisher is an organisation, whatever kind other rows give it.
    page.parties.add(Party(row.story.publisher, "organisation"))
    page.parties.update(filter(None, (row.actor, row.target)))


def _without(page: Page, lines: Set[int]) -> Page:
    """The page without the rows on these lines, and without what only they name."""
    rows = [row for row in page.rows if row.line not in lines]
    left = Page(rows, page.bad, set(), set())
    for row in rows:
        if row.why is None:
            _note(left, _decode(row.data))
    return left


# --- Sorting --------------------------------------------------------------------------------------


# The id of an event begins with its day: in the order of these ids, events are in that of days.
_SCHEMA = """
    CREATE TABLE rows (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, event TEXT, kept INT, row BLOB);
    CREATE TABLE actors (canonical TEXT PRIMARY KEY, name TEXT, kind INT, id TEXT UNIQUE)
        WITHOUT ROWID;
    CREATE TABLE stories (id TEXT, story BLOB, published TEXT, retrieved TEXT);
"""

_SORTED = """
    CREATE TABLE sources AS
        SELECT id, min(story) AS story, min(published) AS published_first,
            max(published) AS published_last, min(retrieved) AS retrieved_first,
            max(retrieved) AS retrieved_last
        FROM stories GROUP BY id ORDER BY id;
    DROP TABLE stories;
    CREATE INDEX sources_by_id ON sources (id);
    CREATE TABLE events AS
        SELECT dense_rank() OVER (ORDER BY event) AS number, event, seq FROM rows WHERE kept
        ORDER BY event, id;
    CREATE INDEX events_by_number ON events (number);
"""

_PRAGMAS = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -8192;
"""
"""Nobody needs the database after a crash; its cache of 8 MiB does as well as a larger one."""

_SORTED_PRAGMAS = """
    PRAGMA cache_size = -2048;
    PRAGMA shrink_memory;
"""
"""Sorted rows are read once, in order: the log needs the memory more."""

_ALL = 1 << 62

_KINDS: tuple[Kind, ...] = ("unnamed", "organisation", "office", "person", "state")
"""Where rows differ in the kind of an actor, the later of these holds."""

_PUT_ROW = "INSERT INTO rows VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
# The same spelling and kind are kept, in whatever order the rows come.
_SAME_ACTOR = """
    ON CONFLICT DO UPDATE SET name = max(name, excluded.name), kind = max(kind, excluded.kind)
"""
_PUT_ACTOR = f"INSERT INTO actors (canonical, name, kind) VALUES (?, ?, ?) {_SAME_ACTOR}"
_PUT_STORY = "INSERT INTO stories VALUES (?, ?, ?, ?)"

_MERGE_ACTORS = f"""
    INSERT INTO actors (canonical, name, kind) SELECT canonical, name, kind FROM other.actors
    WHERE true {_SAME_ACTOR}
"""
_MERGE_SOURCES = """
    INSERT INTO stories SELECT id, story, published_{end}, retrieved_{end} FROM other.sources
    WHERE id >= ? AND (? IS NULL OR id < ?)
"""
_SAMPLE = 1_000
"""Of so many sources one is named, which tells how they spread."""


@attrs.frozen
class Named:
    """An actor that rows name: the form all spellings share, and one spelling with its kind."""

    canonical: str
    party: Party


class SortedRows:
    """The rows of files, in order of day and event. Close it, or use it in a `with` block.

    Large sets of files are sorted in parts, each in a database of its own.

    Args:
        path: a file that other processes may read once this one has closed it; without it the
            database is private.
        made: whether the file is complete, and is to be read only.
    """

    def __init__(self, path: str = "", *, made: bool = False) -> None:
        # SQLite takes the empty name for a private temporary database on disk.
        self._database = sqlite3.connect(
            _complete(path) if made else path, isolation_level=None, uri=True
        )
        self._seq = 0
        if not made:
            self._database.executescript(_PRAGMAS + _SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._database.in_transaction:
            self._database.execute("COMMIT")
        self._database.close()

    def put(self, page: Page) -> tuple[list[ReadRow], list[ReadRow]]:
        """Put rows; returns those that were put before, and those whose id was, with other content.

        The latter are left out.
        """
        if not self._database.in_transaction:
            self._database.execute("BEGIN")
        first = self._seq
        self._seq += len(page.rows)
        values = (
            (seq, row.id, row.event, row.why is None, row.data)
            for seq, row in enumerate(page.rows, first + 1)
        )
        before = self._database.total_changes
        self._database.executemany(_PUT_ROW, values)
        repeated: list[ReadRow] = []
        revised: list[ReadRow] = []
        if self._database.total_changes - before < len(page.rows):
            query = "SELECT seq FROM rows WHERE seq > ?"
            new = {seq for (seq,) in self._database.execute(query, (first,))}
            for seq, row in enumerate(page.rows, first + 1):
                if seq not in new:
                    same = self._one("SELECT row FROM rows WHERE id = ?", row.id) == row.data
                    (repeated if same else revised).append(row)
        self._put_named(_without(page, {row.line for row in revised}) if revised else page)
        return repeated, revised

    def _put_named(self, page: Page) -> None:
        self._database.executemany(
            _PUT_STORY,
            ((story.source, _encode(story), story.published, story.retrieved)
             for story in page.stories),
        )  # fmt: skip
        self._database.executemany(
            _PUT_ACTOR,
            ((canonical(party.name), party.name, _KINDS.index(party.kind))
             for party in page.parties),
        )  # fmt: skip

    def sort(self) -> None:
        """Put what was put in order."""
        # A script would commit first.
        for statement in filter(str.strip, (_SORTED + _SORTED_PRAGMAS).split(";")):
            self._database.execute(statement)

    def merge_actors(self, path: str) -> None:
        """Add the actors of another part."""
        with self._other(path):
            self._database.execute(_MERGE_ACTORS)

    def merge_sources(self, path: str, first: str, beyond: str | None) -> None:
        """Add the stories of another part whose sources have ids in a range."""
        with self._other(path):
            for end in "first", "last":
                query = _MERGE_SOURCES.format(end=end)
                self._database.execute(query, (first, beyond, beyond))

    @contextlib.contextmanager
    def _other(self, path: str) -> Iterator[None]:
        self._database.execute("ATTACH ? AS other", (_complete(path),))
        yield
        self._database.execute("DETACH other")

    def sample(self) -> list[str]:
        """The ids of some sources, evenly spread over all."""
        query = "SELECT id FROM sources WHERE rowid % ? = 0"
        return [id for (id,) in self._database.execute(query, (_SAMPLE,))]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many actors and sources there are, and events that become of kept rows."""
        actors, sources = (self._one(f"SELECT count(*) FROM {it}") for it in ("actors", "sources"))
        return actors, sources, self._one("SELECT max(number) FROM events") or 0

    def actors(self) -> Iterator[Named]:
        """The actors that the kept rows name, in the order of their names."""
        query = "SELECT canonical, name, kind FROM actors WHERE canonical > ? ORDER BY canonical"
        after = ""
        # A page at a time: other rows may change in between.
        while page := self._database.execute(f"{query} LIMIT 500", (after,)).fetchall():
            for after, name, kind in page:
                yield Named(after, Party(name, _KINDS[kind]))

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

    def name_all(self) -> int:
        """Note an id for each actor, where no record has any yet; returns how many there are."""
        self._database.execute("BEGIN")
        for actor in self.actors():
            any(self.resolve(actor, id) for id in slugs(actor.party.name))
        self._database.execute(
            "CREATE TABLE named AS SELECT id, name, kind FROM actors WHERE id NOT NULL "
            "ORDER BY canonical"
        )
        count: int = self._one("SELECT count(*) FROM named")
        return count

    def named(self, after: int, until: int) -> Iterator[tuple[str, Party]]:
        """The actors with the ids that `name_all` noted, in the order of their names."""
        query = "SELECT id, name, kind FROM named WHERE rowid > ? AND rowid <= ? ORDER BY rowid"
        for id, name, kind in self._database.execute(query, (after, until)):
            yield id, Party(name, _KINDS[kind])

    def sources(self, after: int = 0, until: int = _ALL) -> Iterator[Story]:
        """The stories, in the order of the ids of their sources.

        Where rows differ in when theirs was published or read, it has both ends of that time.

        Args:
            after: how many are passed over.
            until: the number of the last one, from 1.
        """
        query = "SELECT * FROM sources WHERE rowid > ? AND rowid <= ? ORDER BY rowid"
        # This cursor stays open while others read. Nothing is written to the table any more.
        for _, data, *dates in self._database.execute(query, (after, until)):
            published, retrieved = _span(*dates[:2]), _span(*dates[2:])
            story = _decode_story(data)
            if (published, retrieved) != (story.published, story.retrieved):
                story = replace(story, published=published, retrieved=retrieved)
            yield story

    def events(self, after: int = 0, until: int = _ALL) -> Iterator[tuple[str, list[CodedRow]]]:
        """The kept rows of each event together, with its id, by day.

        Args:
            after: how many events are passed over.
            until: the number of the last one, from 1.
        """
        query = """
            SELECT e.event, row FROM events AS e JOIN rows USING (seq)
            WHERE e.number > ? AND e.number <= ? ORDER BY e.number, e.rowid
        """
        kept = self._database.execute(query, (after, until))
        for event, rows in groupby(kept, key=itemgetter(0)):
            yield event, [_decode(data) for _, data in rows]

    def _one(self, query: str, *values: object) -> Any:
        row = self._database.execute(query, values).fetchone()
        return None if row is None else row[0]


def _complete(path: str) -> str:
    """The address of a database that nobody writes to any more."""
    return f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"


def _span(first: str | None, last: str | None) -> Any:
    return first if first == last else f"{first}/{last}"
