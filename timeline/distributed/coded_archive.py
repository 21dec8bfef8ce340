"""Files of coded event data as an archive, without a database.

The events are those that an ingest of the same files into an empty record makes, in the same order.
Processes read the files and make the events; one sorts the rows in between, on disk, and chains
the digests at the end.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast, get_args

from timeline import dates
from timeline.errors import InvalidInput
from timeline.events import NewEvent
from timeline.formats.coded.events import Dataset
from timeline.formats.coded.ingest import Ingest, Ingested, Tally
from timeline.formats.coded.reading import Page, SortedRows, read_pages
from timeline.log import digests
from timeline.log.append import Draft, drafts_of
from timeline.log.archive import Archive, Processes, table_of
from timeline.log.codec import Codec
from timeline.log.telemetry import Progress

if TYPE_CHECKING:
    import sqlalchemy as sa

_BATCH = 500
"""Events that a process makes at a time."""


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
    with contextlib.ExitStack() as stack:
        processes = stack.enter_context(Processes(workers))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="timeline-"))
        path = str(Path(folder, "rows.db"))
        rows = stack.enter_context(SortedRows(path))
        made = Ingest(_EMPTY, rows, dataset, conduct=conduct, keep_going=keep_going)
        if workers > 1:
            pages_of = _pages_of(processes, names, dataset, folder, reading, conduct=conduct)
            made.read(names, pages_of=pages_of)
        else:
            made.read(names, reading)
        tables = _chained(_parts(made, rows, processes, (path, dataset), progress))
        done = archive.write_new(tables, rows_per_file=rows_per_file)
        return made.tally.account(dataset, added=done.added, position=done.head.position)


def _parts(
    made: Ingest,
    rows: SortedRows,
    processes: Processes,
    of: tuple[str, Dataset],
    progress: Progress | None,
) -> Iterator[_Columns]:
    """The events in order, some at a time, as columns without a place."""
    done, sizes = 0, rows.sizes

    def dealt_with(things: int) -> None:
        nonlocal done
        done += things
        if progress is not None:
            progress(done, sum(sizes))

    for things, news in made.actors(_NONE):
        yield _columns(news)
        dealt_with(things)
    rows.commit()
    for what, size in zip(("sources", "rows"), sizes[1:], strict=True):
        stretches = [(of, what, at, at + _BATCH) for at in range(0, size, _BATCH)]
        for things, columns, tally in processes.each(_made, stretches):
            made.tally.add(tally)
            yield columns
            dealt_with(things)


class _Empty:
    """The log before the first event. Implements `Log`."""

    def existing(self, _ids: Iterable[str], _connection: Any) -> dict[str, Any]:
        return {}

    def existing_streams(self, _streams: Iterable[str], _connection: Any) -> set[str]:
        return set()

    def read_stream(self, _stream: str, *, limit: int, connection: Any) -> Iterator[Any]:
        del limit, connection
        return iter(())


_EMPTY, _NONE = _Empty(), cast("sa.Connection", None)
"""An empty log asks nothing of a transaction."""

_Columns: TypeAlias = dict[str, Sequence[Any]]
"""The columns of some events that do not depend on their places, and the digests of their words."""


def _made(stretch: tuple[tuple[str, Dataset], Any, int, int]) -> tuple[int, _Columns, Tally]:
    """The events of some sources or rows; how many were looked at, and what became of them."""
    of, what, after, until = stretch
    ingest = _maker(*of)
    ingest.tally = Tally()
    looked, news = 0, list[NewEvent]()
    for things, some in getattr(ingest, what)(_NONE, after, until):
        looked += things
        news += some
    return looked, _columns(news), ingest.tally


@functools.lru_cache(1)
def _maker(path: str, dataset: Dataset) -> Ingest:
    rows = SortedRows(path, made=True)
    return Ingest(_EMPTY, rows, dataset, conduct=True, keep_going=True)


_codec = functools.cache(Codec)


def _columns(news: Sequence[NewEvent]) -> _Columns:
    drafts = drafts_of(_codec(), news)
    columns = dict(zip(Draft._fields, zip(*drafts, strict=True), strict=True))
    del columns["new"]  # which would go from process to process for nothing
    salts = digests.new_salts(len(drafts))
    words = zip(salts, *map(columns.__getitem__, ("evidence", "data", "metadata")), strict=True)
    return {**columns, "salt": salts, "body": list(itertools.starmap(digests.body_digest, words))}


_COVERED = (
    *("event_id", "stream", "type", "type_version"),
    *("occurred", "occurred_from", "occurred_to"),
)
"""What a digest covers beside the place and the words."""


_VERSION = 1
"""Each actor, source and event of rows has a stream of its own, which its id names."""


def _chained(parts: Iterable[_Columns]) -> Iterator[Any]:
    """The tables of a log, with their places and digests; recorded at one time."""
    now = dates.stamp(datetime.now(UTC))
    recorded = dates.stamp_text(now)
    position, digest = 0, digests.GENESIS
    for part in parts:
        first, made = position + 1, list[bytes]()
        bodies = part.pop("body")
        for row in zip(*map(part.__getitem__, _COVERED), bodies, strict=True):
            id, stream, type, kind, occurred, earliest, latest, body = row
            position += 1
            digest = digests.chained(
                digest, position, _VERSION, id, stream, type, kind, occurred, earliest, latest,
                recorded, body,
            )  # fmt: skip
            made.append(digest)
        same = {"version": _VERSION, "recorded_at": now, "redacted": None}
        part |= {name: [value] * len(made) for name, value in same.items()}
        part |= {"position": range(first, position + 1), "digest": made}
        yield table_of(part)


def _pages_of(
    processes: Processes,
    files: Sequence[str],
    dataset: Dataset,
    folder: str,
    progress: Progress | None,
    *,
    conduct: bool,
) -> Callable[..., Iterator[Page]]:
    """What gives the pages of the files; they are read ahead, and asked for in order."""
    tasks = ((file, dataset, folder, conduct) for file in files)
    results = enumerate(processes.each(_spooled, tasks), 1)

    def pages(_file: str, *_given: object, **_more: object) -> Iterator[Page]:
        number, spool = next(results)
        with Path(spool).open("rb") as file, contextlib.suppress(EOFError):
            while True:
                yield pickle.load(file)
        Path(spool).unlink()
        if progress is not None:
            progress(number, len(files))

    return pages


def _spooled(task: tuple[str, Dataset, str, bool]) -> str:
    """Read a file, and keep its pages in another one: so memory holds one page of them."""
    file, dataset, folder, conduct = task
    handle, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as spool:
        for page in read_pages(file, dataset, conduct=conduct):
            pickle.dump(page, spool, pickle.HIGHEST_PROTOCOL)
    return name
