"""Files of coded event data as an archive, without a database.

The events are those that an ingest of the same files into an empty record makes, in the same order.
One process hands out the work, gives each actor an id, and chains the digests. The others do the
rest, in steps:

1. They read the files, and put the rows down by day.
2. They sort the rows of some days at a time. Rows that repeat each other, or become one event, are
   of one day. Then it is known how many events there are, and so the place of each.
3. They sort the sources, a range of their ids at a time.
4. They make the events of each place, and what the digests cover.
5. They write the files, once the digests are known.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import os
import pickle
import shutil
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_args

from timeline import dates
from timeline.errors import InvalidInput
from timeline.events import NewEvent
from timeline.formats.coded.events import Dataset, IdOf, actor_added, coded_event, source_added
from timeline.formats.coded.ingest import Ingested, Tally, take
from timeline.formats.coded.reading import Page, SortedRows, read_days
from timeline.log import digests
from timeline.log.append import Draft, drafts_of
from timeline.log.archive import ROWS_PER_GROUP, Archive, Processes, table_of
from timeline.log.codec import Codec
from timeline.log.telemetry import Progress, batched

_ROWS = 100_000
"""Rows of days that are sorted together, or a few more: a day is sorted as a whole."""

_SAMPLES = 100
"""Sources that are sorted together, in samples of `SortedRows.sample`."""

_BATCH = 1_000
"""Events that a process makes at a time."""

_KNOWN_NAMES = 10_000
"""Ids of actors kept in memory, since most rows name the same few."""


def archive_coded(
    target: str | os.PathLike[str],
    *files: str | os.PathLike[str],
    dataset: Dataset,
    conduct: bool = True,
    keep_going: bool = False,
    workers: int = 1,
    rows_per_file: int | None = None,
    reading: Progress | None = None,
    progress: Progress | None = None,
) -> Ingested:
    """Make an archive of files of coded event data; gives an account of every row, by code.

    It is a log like any other: it verifies, workers fold it, `timeline import` takes it.

    Args:
        target: a folder, or any address that fsspec knows, such as `s3://bucket/record`.
        files: plain, zipped or gzipped.
        dataset: `icews` for files of ICEWS, `gdelt` for exports of GDELT 2.0.
        conduct: see `Timeline.ingest_coded`.
        keep_going: see `Timeline.ingest_coded`.
        workers: how many processes do the work.
        rows_per_file: how many events each file of the archive is to hold.
        reading: callback (bytes read, bytes of the file); with several workers, of files.
        progress: callback (events made, how many there are).

    Raises:
        InvalidInput: no such data set; there is an archive already, or it cannot be written.
        InvalidRecord: a file cannot be read, or has bad rows; names file and line.
        MissingExtra: pyarrow or fsspec is not installed.
        NotFound: nothing becomes of the rows.
    """
    if dataset not in get_args(Dataset):
        raise InvalidInput(f"dataset: expected icews or gdelt; found {dataset!r:.40}")
    archive, processes = Archive(target), Processes(workers)
    with contextlib.ExitStack() as stack:
        # The processes end before what they read and write is removed.
        size, written = stack.enter_context(archive.begun(rows_per_file))
        folder = stack.enter_context(archive.scratch())
        stack.enter_context(processes)
        rows = _Rows(folder, [os.fspath(file) for file in files], dataset, processes)
        days = rows.read(reading, conduct=conduct, keep_going=keep_going)
        pieces = rows.sort(days, keep_going=keep_going)
        groups = _groups(pieces, folder, size)
        chained = _chained(processes.each(_made, groups), rows.tally, progress, _size_of(pieces))
        for digest in processes.each(_written, _files(chained, archive.target, size)):
            written |= digest
    added = _size_of(pieces)
    return rows.tally.account(dataset, added=added, position=added)


# --- Sorting --------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """Some things that events are made of, one each, in a part of the sorted rows.

    Attributes:
        kind: what they are, one of `_MAKERS`.
        path: the part.
        after: how many are passed over in it.
        until: the number of the last one.
    """

    kind: str
    path: str
    after: int
    until: int


class _Rows:
    """The rows of the files, which processes read and sort."""

    def __init__(
        self, folder: str, files: Sequence[str], dataset: Dataset, processes: Processes
    ) -> None:
        self._folder, self._files, self._dataset = folder, files, dataset
        self._processes = processes
        self._numbers = {file: number for number, file in reversed([*enumerate(files)])}
        self._good = list[int]()  # rows of each file
        self.tally = Tally()

    def read(
        self, progress: Progress | None, *, conduct: bool, keep_going: bool
    ) -> Mapping[str, int]:
        """Have the files read; gives how many rows each day has."""
        alone = progress if self._processes.workers == 1 else None
        read = functools.partial(_read, self._folder, self._dataset, alone, conduct)
        days = Counter[str]()
        for file, (tally, some) in zip(
            self._files, self._processes.each(read, enumerate(self._files)), strict=True
        ):
            self._add(tally)
            self._good.append(some.total())
            self.tally.require_good(file, some.total(), self._dataset, keep_going=keep_going)
            days += some
            if progress is not None and alone is None:
                progress(len(self._good), len(self._files))
        return days

    def sort(self, days: Mapping[str, int], *, keep_going: bool) -> list[_Piece]:
        """Have the rows sorted; gives what events are made of, in order."""
        parts, sample, path = list[_Piece](), list[str](), _path(self._folder, "actors")
        tasks = ((self._folder, some) for some in _together(days))
        with SortedRows(path) as names:
            for part, tally, revised, some in self._processes.each(_sorted, tasks):
                self._add(tally)
                for number, rows in revised.items():
                    self._good[number] -= rows
                names.merge_actors(part.path)
                sample += some
                parts.append(part)
            for file, good in zip(self._files, self._good, strict=True):
                self.tally.require_good(file, good, self._dataset, keep_going=keep_going)
            self.tally.require_no_bad(keep_going=keep_going)
            actors = _Piece("actor", path, 0, names.name_all())
        firsts = ["", *sorted(sample)[_SAMPLES::_SAMPLES]]
        ends = zip(firsts, [*firsts[1:], None], strict=True)
        ranges = ((self._folder, [part.path for part in parts], *some) for some in ends)
        sources = [*self._processes.each(_sources, ranges)]
        self.tally.actors, self.tally.sources = actors.until, _size_of(sources)
        return [actors, *sources, *parts]

    def _add(self, tally: Tally) -> None:
        self.tally.add(tally, lambda problem: (self._numbers[problem.file], problem.line or 0))


def _size_of(pieces: Iterable[_Piece]) -> int:
    return sum(piece.until - piece.after for piece in pieces)


def _path(folder: str, *name: object) -> str:
    return str(Path(folder, "-".join(map(str, name))))


def _read(
    folder: str,
    dataset: Dataset,
    progress: Progress | None,
    conduct: bool,
    task: tuple[int, str],
) -> tuple[Tally, Counter[str]]:
    """Put down the rows of a file by day; gives an account of bad ones, and the days of others."""
    number, file = task
    tally, days = Tally(), Counter[str]()
    for day, page in read_days(file, dataset, progress, conduct=conduct):
        for problem in page.bad:
            tally.refuse(problem)
        if page.rows:
            days[day] += len(page.rows)
            Path(folder, day).mkdir(exist_ok=True)
            # Each process has a file of its own, in which its pages are in order.
            with Path(folder, day, f"{os.getpid()}").open("ab") as spool:
                pickle.dump((number, file, page), spool, pickle.HIGHEST_PROTOCOL)
    return tally, days


_Spooled: TypeAlias = tuple[int, str, Page]
"""The number of a file, its name, and some rows of it."""


def _spooled(path: Path) -> Iterator[_Spooled]:
    with path.open("rb") as spool, contextlib.suppress(EOFError):
        while True:
            yield pickle.load(spool)


def _line_of(spooled: _Spooled) -> tuple[int, int]:
    number, _, page = spooled
    return number, page.rows[0].line


def _together(days: Mapping[str, int]) -> Iterator[list[str]]:
    """The days that are sorted together, in order."""
    some, rows = list[str](), 0
    for day in sorted(days):
        some.append(day)
        rows += days[day]
        if rows >= _ROWS:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _sorted(task: tuple[str, list[str]]) -> tuple[_Piece, Tally, Counter[int], list[str]]:
    """Sort the rows of some days.

    Gives them with an account, how many are revised by the number of the file, and some sources.
    """
    folder, days = task
    path, tally, revised = _path(folder, "rows", days[0]), Tally(), Counter[int]()
    with SortedRows(path) as rows:
        for day in days:
            spools = map(_spooled, Path(folder, day).iterdir())
            for number, file, page in heapq.merge(*spools, key=_line_of):
                revised[number] += len(page.rows) - take(rows, tally, file, page)
            shutil.rmtree(Path(folder, day))
        rows.sort()
        _, _, events = rows.sizes
        return _Piece("row", path, 0, events), tally, +revised, rows.sample()


def _sources(task: tuple[str, list[str], str, str | None]) -> _Piece:
    """Sort the sources whose ids are in a range."""
    folder, parts, first, beyond = task
    path = _path(folder, "sources", first)
    with SortedRows(path) as rows:
        for part in parts:
            rows.merge_sources(part, first, beyond)
        rows.sort()
        _, sources, _ = rows.sizes
        return _Piece("source", path, 0, sources)


# --- Events, digests and files --------------------------------------------------------------------


class _Group(NamedTuple):
    """Events that follow one another, and stand in one file as one group of rows.

    Attributes:
        first: the position of the first.
        pieces: what they are made of.
        folder: for temporary files.
        recorded_at: the time of recording.
    """

    first: int
    pieces: list[_Piece]
    folder: str
    recorded_at: int


def _groups(pieces: Iterable[_Piece], folder: str, size: int) -> Iterator[_Group]:
    """The groups of a log, of which none reaches into another file of so many events."""
    left, first, now = deque(pieces), 1, dates.stamp(datetime.now(UTC))
    while left:
        some, room = list[_Piece](), min(ROWS_PER_GROUP, size - (first - 1) % size)
        while left and _size_of(some) < room:
            piece = left.popleft()
            until = min(piece.until, piece.after + room - _size_of(some))
            some.append(piece._replace(until=until))
            if until < piece.until:
                left.appendleft(piece._replace(after=until))
        yield _Group(first, some, folder, now)
        first += _size_of(some)


_VERSION = 1
"""Each actor, source and event of rows has a stream of its own, which its id names."""

_COVERED = (
    *("position", "version", "event_id", "stream", "type", "type_version"),
    *("occurred", "occurred_from", "occurred_to", "recorded", "body"),
)
_codec = functools.cache(Codec)


class _Made(NamedTuple):
    """Events whose columns are in a file, but for their digests.

    Attributes:
        first: the position of the first.
        path: the file.
        links: what the digest of each covers after that of the event before it; then the digests.
        tally: counts their rows.
    """

    first: int
    path: str
    links: list[bytes]
    tally: Tally


def _made(group: _Group) -> _Made:
    """Make the events of a group."""
    import pyarrow as pa
    from pyarrow import feather

    tally, tables, links, position = Tally(), list[Any](), list[bytes](), group.first
    id_of = _id_of(_path(group.folder, "actors"))
    news = (new for piece in group.pieces for new in _news(piece, id_of, tally))
    for some in batched(news, _BATCH):
        columns = _columns(some, position, group.recorded_at)
        own = zip(*map(columns.__getitem__, _COVERED), strict=True)
        links += itertools.starmap(digests.covered, own)
        tables.append(table_of(columns))
        position += len(some)
    path = _path(group.folder, "events", group.first)
    feather.write_feather(pa.concat_tables(tables), path, "uncompressed")
    return _Made(group.first, path, links, tally)


def _news(piece: _Piece, id_of: IdOf, tally: Tally) -> Iterator[NewEvent]:
    kind, path, *stretch = piece
    rows = _opened(path)
    if kind == "actor":
        yield from itertools.starmap(actor_added, rows.named(*stretch))
    elif kind == "source":
        yield from (source_added(story, id_of) for story in rows.sources(*stretch))
    else:
        for id, some in rows.events(*stretch):
            tally.fold(some)
            yield coded_event(id, some, id_of)


@functools.lru_cache(4)
def _opened(path: str) -> SortedRows:
    return SortedRows(path, made=True)


@functools.lru_cache(1)
def _id_of(path: str) -> IdOf:
    return functools.lru_cache(_KNOWN_NAMES)(SortedRows(path, made=True).id_of)


def _columns(news: Sequence[NewEvent], first: int, now: int) -> dict[str, Sequence[Any]]:
    """The columns of events from a position on, their digests still empty."""
    drafts = drafts_of(_codec(), news)
    columns = dict(zip(Draft._fields, zip(*drafts, strict=True), strict=True))
    count, salts = len(drafts), digests.new_salts(len(drafts))
    words = zip(salts, *map(columns.__getitem__, ("evidence", "data", "metadata")), strict=True)
    same = {"version": _VERSION, "recorded_at": now, "recorded": dates.stamp_text(now)}
    return {
        **columns,
        **{name: [value] * count for name, value in {**same, "redacted": None}.items()},
        "position": range(first, first + count),
        "salt": salts,
        "body": list(itertools.starmap(digests.body_digest, words)),
        "digest": [b""] * count,
    }


def _chained(
    groups: Iterable[_Made], tally: Tally, progress: Progress | None, count: int
) -> Iterator[_Made]:
    """The groups with their digests. One process does this, since each covers the one before."""
    digest = digests.GENESIS
    for group in groups:
        links = [*digests.linked(digest, group.links)]
        digest = links[-1]
        tally.add(group.tally)
        yield group._replace(links=links)
        if progress is not None:
            progress(group.first + len(links) - 1, count)


def _files(
    groups: Iterable[_Made], target: str, size: int
) -> Iterator[tuple[str, int, list[_Made]]]:
    """The archive, the position of the first event, and the groups of each file."""
    for number, some in itertools.groupby(groups, key=lambda group: (group.first - 1) // size):
        yield target, number * size + 1, list(some)


def _written(file: tuple[str, int, list[_Made]]) -> dict[str, str]:
    """Write a file of the archive; gives its name, with its digest."""
    target, first, groups = file
    return Archive(target).write_file(first, map(_table, groups))


def _table(group: _Made) -> Any:
    import pyarrow as pa
    from pyarrow import feather

    table = feather.read_table(group.path, memory_map=False)
    Path(group.path).unlink()
    at = table.column_names.index("digest")
    return table.set_column(at, table.field(at), pa.array(group.links, pa.binary()))
