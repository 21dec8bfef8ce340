"""The log as a Parquet dataset: for other machines, other tools, and safe keeping.

An archive is a folder, at any address that fsspec knows, of files `events-FIRST.parquet`. FIRST is
the first position in the file. All files hold the same number of events, in order; only the last
may hold fewer. The next run replaces it by a fuller one of the same name. So no event is ever in
two files, and a reader needs no list of files, only the pattern `*.parquet`.

The columns are those of the table `events`, so the archive alone has all that the digests cover.
Bounds and times of recording are timestamps, from which the text in the log can be made again;
`category` is the first part of the stream's name.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any, TypeVar

import attrs

from timeline.errors import InvalidInput, LogDamaged, NotFound
from timeline.events import EventRedacted, RecordedEvent, Redacted, type_names
from timeline.log import database
from timeline.log.archive_files import (
    LIST,
    ArchiveFiles,
    Listing,
    Note,
    file_name,
    first_in,
    first_line,
)
from timeline.log.codec import Codec, meanings
from timeline.log.digests import GENESIS, Chain, Head, followed, require_sealed
from timeline.log.query import Query
from timeline.log.schema import Stored, events
from timeline.log.store import EventStore
from timeline.log.telemetry import Progress, batched

_ROWS_PER_FILE = 100_000
ROWS_PER_GROUP = 10_000
"""Rows that a reader can skip together; the writer holds as many in memory."""

_T = TypeVar("_T")

_INSTANTS = ("occurred_from", "occurred_to", "recorded_at")
_COLUMNS = Stored._fields
_NULLABLE = {column.name for column in events.columns if column.nullable}

_HERE: Any = {"use_threads": False}
"""Read in the calling thread. A thread of pyarrow's may let go of what it read only after the
caller has it; when Python ends just then, the process aborts."""


@attrs.frozen
class Archived:
    """What an archive run did.

    Attributes:
        head: where the archive ends now.
        added: how many events were new.
        files: the names of the files written, those rewritten after a takedown included.
    """

    head: Head
    added: int
    files: tuple[str, ...]


class Archive(ArchiveFiles):
    """A log in Parquet files.

    Args:
        target: a folder, or any address that fsspec knows, such as `s3://bucket/record`.

    Raises:
        MissingExtra: pyarrow or fsspec is not installed.
        InvalidInput: no such kind of address is known, or the name is empty.
    """

    # Reading

    def head(self) -> Head:
        """Where the archive ends, by its last file.

        Raises:
            NotFound: there is no archive.
            ArchiveDamaged: the file cannot be read.
        """
        files = self._existing()
        return self._end_of(files[max(files)])

    @property
    def rows_per_file(self) -> int:
        """How many events each file holds, but for the last.

        Raises:
            NotFound: there is no archive.
            ArchiveDamaged: the list of its files is missing or damaged.
        """
        self._existing()
        return self._listing().rows_per_file

    def rows(self, *, after: int = 0, until: int | None = None) -> Iterator[Stored]:
        """The events after a position, as the log stores them, in order.

        Raises:
            NotFound: there is no archive.
            ArchiveDamaged: a file cannot be read; names the first position in it.
        """
        for table in self.tables(after=after, until=until):
            yield from stored_rows(table)

    def tables(
        self, *, after: int = 0, until: int | None = None, types: Iterable[str] | None = None
    ) -> Iterator[Any]:
        """The same as Arrow tables, one for each group of rows; only of these types, where given.

        Raises:
            NotFound: there is no archive.
            ArchiveDamaged: a file cannot be read; names the first position in it.
        """
        files = self._existing()
        firsts = sorted(files)
        for first, following in zip(firsts, [*firsts[1:], None], strict=True):
            beyond = following is not None and following <= after + 1
            if not beyond and (until is None or first <= until):
                yield from self._groups(first, files[first], after, until, types)

    def _groups(
        self,
        first: int,
        name: str,
        after: int,
        until: int | None,
        types: Iterable[str] | None = None,
    ) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = None if types is None else pa.array(sorted(types), pa.string())

        with self._opened(first, name) as file:
            for number in range(file.num_row_groups):
                if _passed_over(file.metadata.row_group(number), after, until):
                    continue
                if wanted is not None:
                    there = file.read_row_group(number, columns=["type"], **_HERE)["type"]
                    if not pc.any(pc.is_in(there, value_set=wanted)).as_py():
                        continue
                table = file.read_row_group(number, **_HERE)
                if wanted is not None:
                    table = table.filter(pc.is_in(table["type"], value_set=wanted))
                within = pc.greater(table["position"], after)
                if until is not None:
                    within = pc.and_(within, pc.less_equal(table["position"], until))
                yield table.filter(within)

    @contextlib.contextmanager
    def _opened(self, first: int, name: str) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._require_listed(first, name)
        try:
            raw = self._fs.open(f"{self._path}/{name}", "rb")
        except Exception as error:
            # Each kind of file system has its own errors.
            raise self._unreadable(name, error) from error
        try:
            with raw, pq.ParquetFile(raw, pre_buffer=False) as file:  # see _HERE
                if not file.schema_arrow.equals(arrow_schema()):
                    problem = "its columns are not those of an archive"
                    raise self._damaged(first, problem, name)
                yield file
        except (pa.ArrowException, *_UNREADABLE) as error:
            if getattr(error, "errno", None):  # the system's error, not one of the content
                raise self._unreadable(name, error) from error
            problem = f"it cannot be read ({first_line(error)})"
            raise self._damaged(first, problem, name) from error

    def verify(
        self, *, seal: Head | None = None, workers: int = 1, progress: Progress | None = None
    ) -> Head:
        """Check the archive against its digests and a seal, without the database.

        That the last events were cut off shows only against a seal.

        Args:
            seal: where the log is known to have been.
            workers: how many processes check files.
            progress: called after each file with the position reached and the last one.

        Returns:
            Where the archive ends.

        Raises:
            NotFound: there is no archive.
            ArchiveDamaged: something was changed, removed, added or put elsewhere; names the first
                position where that shows, and the file.
        """
        last, files = self.head().position, self._existing()
        names = [files[first] for first in sorted(files)]
        tasks = ((self.target, *pair, seal) for pair in zip([None, *names], names, strict=False))
        links = Chain()
        try:
            with Processes(workers) as processes:
                for later in processes.each(self._checked, tasks):
                    links.follow(later)
                    if progress is not None:
                        progress(links.head.position, last)
            self._require_end(links, files)
            require_sealed(links.head, seal)
        except LogDamaged as error:
            # Only the archive is damaged: the log it was made from may be sound.
            raise self._damaged(error.position, error.problem) from None
        return links.head

    def _require_end(self, links: Chain, files: Mapping[int, str]) -> None:
        """Check that no file is missing at the end, and that a takedown tells of all lost words."""
        missing = sorted(self._listing().digests.keys() - set(files.values()))
        if missing:
            raise self._damaged(first_in(missing[0]), f"the file {missing[0]} is missing")
        try:
            links.end()
        except LogDamaged as error:
            holding = files[max(first for first in files if first <= error.position)]
            raise self._damaged(error.position, error.problem, holding) from None

    def _end_of(self, name: str) -> Head:
        """Where the log is after the last event in a file."""
        with self._opened(first_in(name), name) as file:
            last, columns = file.num_row_groups - 1, ["position", "digest"]
            group = file.read_row_group(last, columns=columns, **_HERE)
            return Head(group["position"][-1].as_py(), group["digest"][-1].as_py())

    def _follow(self, name: str, links: Chain) -> Iterator[Head]:
        """Check the rows of a file; gives where the log is after each."""
        import pyarrow as pa

        first = first_in(name)
        if first > links.head.position + 1:
            position = links.head.position + 1
            raise LogDamaged(position, f"the event is missing; the next file is {name}")
        for table in self._groups(first, name, 0, None):
            try:
                for row in _checked_rows(table, links):
                    yield links.take(row._asdict())
            except LogDamaged as error:
                raise self._damaged(error.position, error.problem, name) from None
            except (pa.ArrowException, *_UNREADABLE) as error:
                raise self._damaged(first, f"it cannot be read ({error})", name) from error

    @classmethod
    def _checked(cls, task: tuple[str, str | None, str, Head | None]) -> Chain:
        """Check a file of an archive, which follows on from the one before it, and a seal."""
        target, before, name, seal = task
        archive = cls(target)
        links = Chain() if before is None else Chain(archive._end_of(before))
        followed(archive._follow(name, links), seal)
        return links

    # Writing

    def write(
        self,
        store: EventStore,
        *,
        rows_per_file: int | None = None,
        progress: Progress | None = None,
    ) -> Archived:
        """Bring the archive up to where the log ends now; make it, if there is none.

        Files that hold words which were taken down since are written again. Run one at a time: two
        could leave the last file with fewer events, until the next run.

        Args:
            store: the log; its digests are checked on the way.
            rows_per_file: events in each file; an archive that exists keeps its number.
            progress: called with the position reached and the last one.

        Raises:
            InvalidInput: the archive is another log's, or has files of another size, or cannot be
                written.
            NotFound: the log is empty.
            ArchiveDamaged: the end of the archive is not sound.
            LogDamaged: the log is not.
            DatabaseError: the database could not do it.
        """
        files = self.files()
        size = self._size(files, rows_per_file)
        before = self.head() if files else Head(0, GENESIS)
        end = _durable_end(store)
        _require_same_log(store, before, end, self.target)
        if not end.position:
            raise NotFound("the log is empty: nothing was archived yet. Record something first.")
        self._sweep()
        self._settle(size)
        written = self._bring_up(store, before.position, end.position, size, progress)
        while _taken_down_after(store, end.position):
            # We may have read words that are gone now, and the takedown must get in, too.
            reached, end = end, _durable_end(store)
            written += self._bring_up(store, reached.position, end.position, size, progress)
        self._settle(size)
        added = end.position - before.position
        return Archived(end, added, tuple(dict.fromkeys(written)))

    def require_none(self) -> None:
        """Check that there is no archive yet.

        Raises:
            InvalidInput: there is one.
        """
        if self.files():
            unfinished = self._listing().unfinished
            what = (
                "an archive that was not finished: remove it, or"
                if unfinished
                else ("an archive already:")
            )
            raise InvalidInput(f"{self.target} holds {what} name another place")

    @contextlib.contextmanager
    def begun(self, rows_per_file: int | None = None) -> Iterator[tuple[int, dict[str, str]]]:
        """Make an archive of a log that no database has.

        The block calls `write_file` for each file. After an error in it nothing is left.

        Args:
            rows_per_file: events in each file.

        Returns:
            How many events each file is to hold, but for the last; and a place for the digests
            of the files, which `write_file` gives.

        Raises:
            InvalidInput: there is an archive already, or it cannot be written.
            NotFound: there are no files at the end.
        """
        self.require_none()
        size = self._size({}, rows_per_file)
        self._sweep()
        # Should this process be killed, the files so far would pass for the whole.
        self._put(LIST, Listing(size, unfinished=True).encode())
        digests = dict[str, str]()
        try:
            yield size, digests
            self._put(LIST, _complete(size, digests).encode())
        except BaseException:
            for name in (*self.files().values(), LIST):
                self._fs.rm_file(f"{self._path}/{name}")
            raise

    def write_file(self, first: int, groups: Iterable[Any]) -> dict[str, str]:
        """Write one of the files of an archive that is begun; gives its name, with its digest.

        Any process may do it, in any order.

        Args:
            first: the position of the first event in it.
            groups: its events as tables like those of `arrow_table`, at most `ROWS_PER_GROUP`
                events in each. Their digests are not checked.

        Raises:
            InvalidInput: it cannot be written.
        """
        digests = dict[str, str]()
        self._write_groups(first, groups, digests.__setitem__)
        return digests

    def _bring_up(
        self, store: EventStore, before: int, until: int, size: int, progress: Progress | None
    ) -> list[str]:
        """Write the files that are missing or out of date; gives their names."""
        files = self.files()
        written = []
        for first in range(1, until + 1, size):
            last = min(first + size - 1, until)
            if first not in files or before < last:
                written.append(self._write(store, first, last))
            if progress is not None:
                progress(last, until)
        return written + self._rewrite_taken_down(store, until, size)

    def _size(self, files: Mapping[int, str], wanted: int | None) -> int:
        if wanted is not None and wanted < 1:
            raise InvalidInput(f"expected one row a file or more; found {wanted}")
        if not files:
            return wanted or _ROWS_PER_FILE
        size = self.rows_per_file
        if wanted not in (None, size):
            raise InvalidInput(
                f"{self.target} has files of {size:,} rows, and keeps to that; "
                f"found {wanted:,}. Leave the number out, or write to another place."
            )
        return size

    def require_current(self, store: EventStore) -> None:
        """Check that the archive is of this log, and holds no words that were taken down.

        Raises:
            NotFound: there is no archive.
            InvalidInput: it is another log's, or holds words that were taken down since.
            ArchiveDamaged: the end of the archive is not sound.
        """
        end = self.head()
        _require_same_log(store, end, store.head(), self.target)
        if self._with_words(store, end.position, self.rows_per_file):
            raise InvalidInput(
                f"{self.target} holds words that were taken down: run `timeline archive` again."
            )

    def _rewrite_taken_down(self, store: EventStore, end: int, size: int) -> list[str]:
        return [
            self._write(store, first, min(first + size - 1, end))
            for first in self._with_words(store, end, size)
        ]

    def _with_words(self, store: EventStore, end: int, size: int) -> list[int]:
        """The first positions of files that hold words of redacted events."""
        takedowns = store.read_all(Query(type_names(EventRedacted)))
        named = store.existing({takedown.event.event for takedown in takedowns})
        gone = [event.position for event in named.values() if isinstance(event.event, Redacted)]
        by_file: dict[int, list[int]] = {}
        for position in sorted(gone):
            if position <= end:
                by_file.setdefault((position - 1) // size * size + 1, []).append(position)
        return [first for first, gone in by_file.items() if self._holds_words(first, gone)]

    def _holds_words(self, first: int, positions: Sequence[int]) -> bool:
        wanted = set(positions)
        with self._opened(first, file_name(first)) as file:
            table = file.read(columns=["position", "redacted"], **_HERE)
        pairs = zip(table["position"].to_pylist(), table["redacted"].to_pylist(), strict=True)
        return any(position in wanted and mark is None for position, mark in pairs)

    def _write(self, store: EventStore, first: int, last: int) -> str:
        """Write the file that begins with that position; it replaces one of the same name."""
        links = Chain()
        links.head = store.head_at(first - 1)
        rows = store.stored(after=first - 1, until=last)
        return self._write_groups(first, _checked_groups(rows, links), self._list)

    def _write_groups(self, first: int, groups: Iterable[Any], note: Note) -> str:
        """Write a file of some groups of rows; gives its name."""
        import pyarrow.parquet as pq

        options = {
            "compression": "zstd",
            "use_dictionary": ["stream", "category", "type", "occurred"],
            "sorting_columns": [pq.SortingColumn(0)],
            "write_page_checksum": True,
        }
        with (
            self._placed(file_name(first), note) as out,
            pq.ParquetWriter(out, arrow_schema(), **options) as writer,
        ):
            for group in groups:
                writer.write_table(group, row_group_size=group.num_rows)
        return file_name(first)


class Processes(contextlib.AbstractContextManager["Processes"]):
    """Processes that do things in order, a few ahead of what is asked for; none for one worker.

    Raises:
        InvalidInput: there are to be none.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise InvalidInput(f"workers: expected one or more; found {workers}")
        self.workers = workers
        self._pool: Executor | None = None
        if workers > 1:
            # A fork would copy the locks of other threads.
            spawned = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, spawned, _end_with_parent)

    def __exit__(self, *_error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[[Any], _T], tasks: Iterable[Any]) -> Iterator[_T]:
        """The results, in order."""
        if self._pool is None:
            yield from map(work, tasks)
            return
        waiting: deque[Future[_T]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(work, task))
            if len(waiting) > 3 * self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _end_with_parent() -> None:
    """End this process when the one that started it has ended: killed, that one tells nobody."""
    parent = multiprocessing.parent_process()
    ends = [parent.sentinel] if parent else []

    def watch() -> None:
        multiprocessing.connection.wait(ends)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class ArchivedLog:
    """A log that only an archive has; what a fold on workers asks of a log.

    Args:
        target: of the archive.
        codec: knows the events.
    """

    def __init__(self, target: str, codec: Codec) -> None:
        self.codec = codec
        self._archive = Archive(target)

    def head(self) -> Head:
        """Where it ends."""
        return self._archive.head()

    def head_at(self, position: int) -> Head:
        """The position, and the digest there."""
        for row in self._archive.rows(after=position - 1, until=position):
            return Head(position, row.digest)
        return Head(0, GENESIS)

    def read_all(
        self, query: Query, *, after: int = 0, until: int | None = None
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of a query's types after a position, in order."""
        names = self.codec.stored_names(query.types or ())
        for table in self._archive.tables(after=after, until=until, types=names):
            yield from meanings(self.codec, stored_rows(table))


_UNREADABLE = (OSError, ValueError, LookupError, TypeError, OverflowError)
"""What reading damaged content raises, beside the errors of Arrow."""


def _complete(size: int, digests: Mapping[str, str]) -> Listing:
    if not digests:
        raise NotFound("there are no events to archive")
    return Listing(size, {name: (digest,) for name, digest in digests.items()})


def _durable_end(store: EventStore) -> Head:
    end = store.head()
    database.make_durable(store.engine)
    return end


def _taken_down_after(store: EventStore, position: int) -> bool:
    later = store.read_all(after=position, query=Query(type_names(EventRedacted)), limit=1)
    return next(later, None) is not None


def _require_same_log(store: EventStore, archived: Head, end: Head, target: str) -> None:
    if archived.position > end.position:
        difference = f"it goes to position {archived.position:,}, the log to {end.position:,}"
    elif store.head_at(archived.position) != archived:
        difference = f"they differ at position {archived.position:,} or before"
    else:
        return
    raise InvalidInput(
        f"expected the archive at {target} to be of this log; {difference}. Name another place, or "
        "`timeline verify` both."
    )


# Rows and Arrow


def arrow_schema() -> Any:
    """The columns of an archive."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    kinds = {
        "position": pa.int64(),
        "version": pa.int32(),
        "type_version": pa.int32(),
        **dict.fromkeys(_INSTANTS, instant),
        **dict.fromkeys(("salt", "redacted", "digest"), pa.binary()),
    }
    fields = [
        pa.field(name, kinds.get(name, pa.string()), nullable=name in _NULLABLE)
        for name in _COLUMNS
    ]
    at = _COLUMNS.index("stream") + 1
    return pa.schema(
        [*fields[:at], pa.field("category", pa.string(), nullable=False), *fields[at:]]
    )


def arrow_table(rows: Sequence[Stored]) -> Any:
    """Stored rows as an archive holds them."""
    return table_of(dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True)))


def table_of(columns: Mapping[str, Sequence[Any]]) -> Any:
    """The columns of stored rows as an archive holds them."""
    import pyarrow as pa

    schema = arrow_schema()
    columns = {**columns, "category": [_category(stream) for stream in columns["stream"]]}
    made = {}
    for field in schema:
        kind = pa.int64() if field.name in _INSTANTS else field.type
        made[field.name] = pa.array(columns[field.name], kind).cast(field.type)
    return pa.table(made, schema)


def _checked_groups(rows: Iterable[Stored], links: Chain) -> Iterator[Any]:
    """Rows as tables of a group each; each row is checked against its digest."""
    for group in batched(rows, ROWS_PER_GROUP):
        for row in group:
            links.take(row._asdict())
        yield arrow_table(group)


def _passed_over(group: Any, after: int, until: int | None) -> bool:
    """Whether the statistics of a group of rows say that none of its positions is wanted."""
    known = group.column(0).statistics
    if known is None or not known.has_min_max:
        return False
    return known.max <= after or (until is not None and known.min > until)


def stored_rows(table: Any) -> Iterator[Stored]:
    """The rows of an Arrow table as the log stores them."""
    import pyarrow as pa

    columns = [table[n].cast(pa.int64()) if n in _INSTANTS else table[n] for n in _COLUMNS]
    values = (column.to_pylist() for column in columns)
    return map(Stored._make, zip(*values, strict=True))


def _checked_rows(table: Any, links: Chain) -> Iterator[Stored]:
    categories = table["category"].to_pylist()
    for row, category in zip(stored_rows(table), categories, strict=True):
        if category != _category(row.stream):
            raise LogDamaged(links.head.position + 1, "its category is not that of its stream")
        yield row


def _category(stream: str) -> str:
    return stream.partition("-")[0]
