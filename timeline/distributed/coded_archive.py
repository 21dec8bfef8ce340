"""Files of coded event data as an archive, without a database.

The events are those that an ingest of the same files into an empty record makes, in the same order.
Processes read the files and make the events; one sorts the rows in between, on disk, and chains
the digests at the end.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args

import attrs

from timeline.dates import stamp
from timeline.errors import InvalidInput
from timeline.events import NewEvent
from timeline.formats.coded.events import CodedRow, Dataset, coded_event
from timeline.formats.coded.ingest import Ingest, Ingested
from timeline.formats.coded.reading import Read, SortedRows, read_rows
from timeline.log.append import Draft, drafts_of, numbered
from timeline.log.archive import Archive
from timeline.log.codec import Codec
from timeline.log.digests import GENESIS
from timeline.log.read import End
from timeline.log.schema import Stored
from timeline.log.telemetry import Progress, batched

_BATCH = 500
"""Events that a process makes at a time."""

_T = TypeVar("_T")


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
        workers: how many processes read files and make events.
        rows_per_file: how many events each file of the archive is to hold.
        reading: callback (bytes read, bytes of the file); with several workers, of files.
        progress: callback (actors, sources and rows dealt with, how many there are).

    Raises:
        InvalidInput: no such data set; there is an archive already, or it cannot be written.
        InvalidRecord: a file cannot be read, or has bad rows; names file and line.
        MissingExtra: pyarrow or fsspec is not installed.
        NotFound: nothing becomes of the rows.
    """
    if dataset not in get_args(Dataset):
        raise InvalidInput(f"dataset: expected icews or gdelt; found {dataset!r:.40}")
    archive = Archive(target)
    archive.require_none()
    names = [os.fspath(file) for file in files]
    options: dict[str, Any] = {"conduct": conduct, "keep_going": keep_going}
    with SortedRows() as rows, _Pool(workers) as pool:
        made = Ingest(_Empty(), rows, dataset, make=_Unmade.of, **options)
        if workers > 1:
            made.read(names, rows_of=pool.rows_of(names, dataset, reading))
        else:
            made.read(names, reading)
        # An empty log asks nothing of a transaction.
        events = made.events(None, progress)  # type: ignore[arg-type]
        drafts = pool.each(_drafted, batched(events, _BATCH))
        done = archive.write_new(_chained(drafts), rows_per_file=rows_per_file)
        return made.tally.account(dataset, added=done.added, position=done.head.position)


class _Empty:
    """The log before the first event. Implements `Log`."""

    def existing(self, _ids: Iterable[str], _connection: Any) -> dict[str, Any]:
        return {}

    def existing_streams(self, _streams: Iterable[str], _connection: Any) -> set[str]:
        return set()

    def read_stream(self, _stream: str, *, limit: int, connection: Any) -> Iterator[Any]:
        del limit, connection
        return iter(())


@attrs.frozen
class _Unmade:
    """An event that another process makes, with the ids of all actors in its rows."""

    rows: Sequence[CodedRow]
    ids: dict[str, str]

    @classmethod
    def of(cls, rows: Sequence[CodedRow], id_of: Callable[[str], str]) -> _Unmade:
        names = {party.name for row in rows for party in row.sides if party is not None}
        return cls(rows, {name: id_of(name) for name in names})

    def made(self) -> NewEvent:
        return coded_event(self.rows, self.ids.__getitem__)


def _drafted(events: Sequence[NewEvent | _Unmade]) -> list[Draft]:
    """Some events as rows without a place."""
    made = [event.made() if isinstance(event, _Unmade) else event for event in events]
    # Without the events themselves, which would go from process to process for nothing.
    return [draft._replace(new=None) for draft in drafts_of(_codec(), made)]


_codec = functools.cache(Codec)


def _rows(file: str, dataset: Dataset) -> list[Read]:
    return list(read_rows(file, dataset))


def _chained(drafts: Iterable[Sequence[Draft]]) -> Iterator[Stored]:
    """The rows of a log, with their places and digests; recorded at one time."""
    versions, now = Counter[str](), stamp(datetime.now(UTC))
    at = End(0, GENESIS, now)
    for some in drafts:
        for row in numbered(some, at, versions, now):
            at = End(row.position, row.digest, now)
            yield row
        # A stream that is named after its event has no other; the rest are few.
        for draft in some:
            if draft.stream.endswith(draft.event_id):
                del versions[draft.stream]


class _Pool(contextlib.AbstractContextManager["_Pool"]):
    """Processes that do things in order, a few ahead of what is asked for; none for one worker."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise InvalidInput(f"workers: expected one or more; found {workers}")
        self._ahead = workers * 3
        self._pool: Executor | None = None
        if workers > 1:
            # A fork would copy the locks of other threads.
            spawned = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, mp_context=spawned)

    def __exit__(self, *_error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[..., _T], *given: Iterable[Any]) -> Iterator[_T]:
        """The results, in order."""
        several = zip(*given, strict=False)
        if self._pool is None:
            yield from (work(*one) for one in several)
            return
        waiting: deque[Future[_T]] = deque()
        for one in several:
            waiting.append(self._pool.submit(work, *one))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def rows_of(
        self, files: Sequence[str], dataset: Dataset, progress: Progress | None
    ) -> Callable[..., Iterable[Read]]:
        """What gives the rows of the files; they are read ahead, and asked for in order."""
        results = enumerate(self.each(_rows, files, [dataset] * len(files)), 1)

        def rows(_file: str, *_given: object) -> list[Read]:
            number, read = next(results)
            if progress is not None:
                progress(number, len(files))
            return read

        return rows
