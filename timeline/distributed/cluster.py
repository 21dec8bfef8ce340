"""Folding on several workers: Dask distributes and `timeline.distributed.split` says what.

Workers read the log in stretches of positions, from the database or from an archive. Where one
event makes one row, the worker that reads a stretch folds it. Otherwise it routes the stored events
to parts; a part gets its events of all stretches, in order, and is folded. The result of a task
depends on its arguments alone, so Dask may run it again when it loses a worker.

Only the process that asked writes, and only when all is folded. It counts the events of every
stretch and compares its last digest with the log's. Every task first compares the code that its
worker has loaded with the code of that process.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import os
import pickle
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.distributed.split import Splitter, division_of
from timeline.distributed.workers import (
    Workers,
    code_of,
    compare_code,
    connected,
    modules_of,
    own_address,
    require_same_code,
    require_sensible,
    said,
)
from timeline.engine.builds import Build
from timeline.engine.projection import Projection, Shape, shape_of
from timeline.engine.reader import Amendments
from timeline.engine.rebuild import StoredRows
from timeline.engine.runner import Projector
from timeline.errors import ClusterError, InvalidInput, MissingExtra, TimelineError
from timeline.events import RecordedEvent
from timeline.log import database
from timeline.log.archive import Archive, arrow_table, stored_rows
from timeline.log.codec import Upcaster
from timeline.log.store import EventStore
from timeline.log.telemetry import Progress, batched

_LOST = 10.0
"""Seconds without an end of any task after which it is asked whether there are workers left."""

_STRETCH = 50_000
"""Events that a worker reads at a time, at most."""

_LEAST = 1_000
"""Events that are worth a task of their own."""

_PER_EVENT = 4_096
"""Bytes that an event takes while it is folded, with its rows, as a rule."""

_SHARE = 0.25
"""Of a worker's memory, what a part is to take: Dask holds others' results beside it."""

_BATCH = 5_000


@attrs.frozen
class _Job:
    """What a worker needs to know."""

    projection: Projection
    known: tuple[type | Upcaster, ...]
    amendments: tuple[RecordedEvent[Any], ...]
    database: str | None
    archive: str | None
    parts: int


def rebuild(
    projector: Projector,
    name: str,
    workers: Workers,
    *,
    hold: bool = False,
    progress: Progress | None = None,
) -> Build:
    """Build a projection's rows anew on workers; see `Timeline.rebuild`.

    Raises:
        MissingExtra: Dask or pyarrow is not installed.
        InvalidProjection: the rows do not split.
        InvalidInput: workers cannot read the log, or import the projection.
        ClusterError: there are no workers, they were lost, or they have other code.
        NotFound, DatabaseBusy, DatabaseError: see `Projector.rebuild`.
    """
    _require_dask()
    require_sensible(workers)
    projection = projector.named(name)
    division_of(projection)
    modules = modules_of(projection, projector.store.codec.known)
    with connected(workers) as client:
        require_same_code(client, modules)
        fold = Fold(client, projector, modules, workers.archive, progress)
        fold.require_readable()
        return projector.rebuild(name, hold=hold, progress=progress, by=fold)


def _require_dask() -> None:
    try:
        import distributed  # noqa: F401  (only asked for)
        import pyarrow  # noqa: F401  (only asked for)
    except ImportError:
        raise MissingExtra("folding on several workers", "dask") from None


# What workers do


@lru_cache(maxsize=2)
def _prepared(packed: bytes) -> tuple[_Job, Splitter]:
    """The job and its splitter, made once in a process."""
    from timeline.log.codec import Codec

    expected, job = pickle.loads(packed)
    loaded = code_of([name for name in expected if name != "timeline"])
    compare_code(expected, loaded, own_address())
    job = pickle.loads(job)
    return job, Splitter(job.projection, Codec(job.known), job.amendments, job.parts)


def _kept(packed: bytes) -> bytes:
    return packed


def _read_of(made: dict[Any, Any]) -> tuple[int, bytes]:
    """What was read of a stretch: how many events, and the last one's digest."""
    found: tuple[int, bytes] = made["read"]
    return found


def _piece(made: dict[Any, Any], part: int) -> Any:
    return made[part]


@lru_cache(maxsize=2)
def _engine(url: str) -> sa.Engine:
    engine = database.create_engine(url)
    if not database.exists(engine):
        where = database.shown(engine.url)
        raise ClusterError(
            f"worker {own_address()}: there is no {where}. Where workers are on other machines, "
            "let them read an archive that all can reach."
        )
    return engine


def _stretch(job: _Job, after: int, until: int) -> Iterator[Any]:
    """A stretch of the log, as Arrow tables."""
    if job.archive is not None:
        yield from Archive(job.archive).tables(after=after, until=until)
        return
    assert job.database is not None
    rows = EventStore(_engine(job.database)).stored(after=after, until=until)
    for group in batched(rows, _BATCH):
        yield arrow_table(group)


class _Read:
    """A stretch as it is read: counted, and without the events that make no rows."""

    def __init__(self, packed: bytes, after: int, until: int) -> None:
        self.job, self.splitter = _prepared(packed)
        self.count = 0
        self.digest = b""
        self._place = after, until

    def tables(self) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(self.splitter.stored_names))
        for table in _stretch(self.job, *self._place):
            if table.num_rows:
                self.count += table.num_rows
                self.digest = table["digest"][-1].as_py()
                yield table.filter(pc.is_in(table["type"], value_set=wanted))


@contextlib.contextmanager
def _without_looking_for_circles() -> Iterator[None]:
    """No garbage collection for the time of a task.

    Nothing that is folded refers to itself in a circle, and all of it is kept to the end: to look
    through it again and again takes a quarter of the time.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@_without_looking_for_circles()
def _routed(after: int, until: int, packed: bytes) -> dict[Any, Any]:
    """The events of a stretch, as Arrow tables, by part; and under `read` what was read."""
    import pyarrow as pa

    read = _Read(packed, after, until)
    pieces: dict[int, list[Any]] = {part: [] for part in range(read.job.parts)}
    for table in read.tables():
        places: dict[int, list[int]] = {}
        for place, row in enumerate(stored_rows(table)):
            for part in read.splitter.parts_of(row):
                places.setdefault(part, []).append(place)
        for part, found in places.items():
            pieces[part].append(table.take(found))
    made: dict[Any, Any] = {
        part: pa.concat_tables(tables).combine_chunks() if tables else None
        for part, tables in pieces.items()
    }
    return made | {"read": (read.count, read.digest)}


@_without_looking_for_circles()
def _folded(part: int, *pieces: Any, packed: bytes) -> dict[str, Any]:
    """The rows of a part, as Arrow tables by their plain names."""
    job, splitter = _prepared(packed)
    stored = (row for piece in pieces if piece is not None for row in stored_rows(piece))
    return _tables(job.projection, splitter.fold(stored, part))


@_without_looking_for_circles()
def _folded_alone(after: int, until: int, packed: bytes) -> dict[Any, Any]:
    """The rows that the events of a stretch make, each alone; and under `read` what was read."""
    read = _Read(packed, after, until)
    stored = (row for table in read.tables() for row in stored_rows(table))
    made: dict[Any, Any] = _tables(read.job.projection, read.splitter.fold(stored, None))
    return made | {"read": (read.count, read.digest)}


def _tables(projection: Projection, rows: Iterable[Any]) -> dict[str, Any]:
    import pyarrow as pa

    stored: dict[type, list[tuple[Any, ...]]] = {cls: [] for cls in projection.rows}
    for row in rows:
        stored[type(row)].append(shape_of(type(row)).store(row))
    made = {}
    for cls, found in stored.items():
        schema = _columns(shape_of(cls))
        columns = zip(*found, strict=True) if found else ((),) * len(schema)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        made[shape_of(cls).name] = pa.table(arrays, schema=schema)
    return made


def _columns(shape: Shape) -> Any:
    import pyarrow as pa

    kinds = {
        sa.Text: pa.string(),
        sa.BigInteger: pa.int64(),
        sa.Double: pa.float64(),
        sa.Boolean: pa.bool_(),
        sa.LargeBinary: pa.binary(),
    }
    return pa.schema([(column.name, kinds[column.sql]) for column in shape.columns])


# The process that asks


class Fold:
    """Folds a log on workers: what `Projector.rebuild` takes as `by`.

    Args:
        client: of the workers; see `connected`.
        projector: of the projections, over the log.
        modules: what workers must have, beside this package.
        archive: what they read; None for the database.
        progress: told how far they have come.
    """

    def __init__(
        self,
        client: Any,
        projector: Projector,
        modules: Sequence[str],
        archive: str | None,
        progress: Progress | None,
    ) -> None:
        self._client = client
        self._store = projector.store
        self._modules = modules
        self._archive = archive
        self._progress = progress
        self._run = uuid.uuid4().hex
        self._groups = itertools.count()

    def __call__(self, projection: Projection, end: int) -> tuple[int, Iterable[StoredRows]]:
        """Fold the log, as far as that position or as an archive goes; how far, and the rows."""
        until = self._until(end)
        alone = division_of(projection).alone
        size, parts = self._sizes(until)
        [packed] = self._mapped(_kept, [self._packed(projection, until, parts)])
        stretches = list(itertools.pairwise([*range(0, until, size), until]))
        reads, rows = self._begun(packed, stretches, 0 if alone else parts)
        weights = {each: b - a for each, (a, b) in reads.items()}
        if not alone:
            weights |= dict.fromkeys(rows, until / parts)
        self._wait(weights, until * (1 if alone else 2))
        self._require_whole(reads)
        return until, _Result(self._client, projection, rows)

    def _begun(
        self, packed: Any, stretches: Sequence[tuple[int, int]], parts: int
    ) -> tuple[dict[Any, tuple[int, int]], list[Any]]:
        """What is to tell how each stretch was read, and what is to hold the rows.

        Nothing else is held on to: what the rows were made from is forgotten once they are made.
        """
        work = _routed if parts else _folded_alone
        done = self._mapped(work, *zip(*stretches, strict=True), packed=packed)
        reads = self._mapped(_read_of, done)
        places = dict(zip(reads, stretches, strict=True))
        if not parts:
            return places, done
        pieces = [self._mapped(_piece, [task] * parts, range(parts)) for task in done]
        return places, self._mapped(_folded, range(parts), *pieces, packed=packed)

    def _mapped(
        self, work: Callable[..., Any], *arguments: Iterable[Any], **shared: Any
    ) -> list[Any]:
        """Tasks of one kind; Dask spreads them over the workers, if it knows them as a group."""
        # Dask knows a group by its keys, a name and a number. It gives other tasks to the worker
        # that holds what they depend on: all of them to the one that has the job.
        group = f"timeline-{work.__name__.strip('_')}-{next(self._groups)}-{self._run}"
        given = [list(values) for values in arguments]
        keys = [(group, number) for number in range(len(given[0]))]
        return list(self._client.map(work, *given, key=keys, pure=False, **shared))

    def require_readable(self) -> None:
        """Check that there is something that workers can read: the database, or a sound archive.

        Raises:
            InvalidInput, NotFound: there is not; see `Timeline.rebuild`.
        """
        self._until(self._store.head().position)

    def _until(self, end: int) -> int:
        if self._archive is None:
            url = self._store.engine.url
            if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
                raise InvalidInput("a record in memory cannot be read by workers; archive it first")
            return end
        archive = Archive(self._archive)
        archive.require_current(self._store)
        return min(end, archive.head().position)

    def _sizes(self, until: int) -> tuple[int, int]:
        """How many events a stretch has, and how many parts there are."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        threads = sum(worker["nthreads"] for worker in workers)
        limits = [worker["memory_limit"] for worker in workers if worker["memory_limit"]]
        fitting = min(limits, default=math.inf) * _SHARE / _PER_EVENT / max(
            worker["nthreads"] for worker in workers
        )  # fmt: skip
        size = min(_STRETCH, fitting, max(until / threads / 4, _LEAST))
        parts = max(until / fitting, min(threads * 2, until / _LEAST), 1)
        return max(int(size), 1), math.ceil(parts)

    def _packed(self, projection: Projection, until: int, parts: int) -> bytes:
        import cloudpickle

        engine = self._store.engine
        url = engine.url
        if url.get_backend_name() == "sqlite":
            url = url.set(database=os.path.abspath(str(url.database)))  # noqa: PTH100  (no link is followed)
        amendments = self._store.read_all(until=until, types=Amendments.TYPES)
        job = _Job(
            projection,
            self._store.codec.known,
            tuple(amendments),
            None if self._archive else url.render_as_string(hide_password=False),
            self._archive,
            parts,
        )
        return pickle.dumps((code_of(self._modules), cloudpickle.dumps(job)))

    def _wait(self, weights: Mapping[Any, float], total: int) -> None:
        """Wait for tasks to end, and report progress."""
        import distributed

        left, position = set(weights), 0.0
        while left:
            with _lost_told():
                try:
                    done, left = distributed.wait(
                        left, timeout=_LOST, return_when="FIRST_COMPLETED"
                    )
                except TimeoutError:
                    if not self._client.scheduler_info()["workers"]:
                        raise ClusterError(_GONE) from None
                    continue
                for task in done:
                    task.result()
            position += sum(weights[task] for task in done)
            if self._progress is not None:
                self._progress(int(position), total)

    def _require_whole(self, reads: Mapping[Any, tuple[int, int]]) -> None:
        """Check that the workers have read this very log."""
        with _lost_told():
            stretches = self._client.gather(list(reads))
        for (after, until), read in zip(reads.values(), stretches, strict=True):
            if read != (until - after, self._store.head_at(until).digest):
                raise ClusterError(
                    f"workers read other events from {after + 1} to {until} than the log has: are "
                    "they at the same database, or at an archive of it?"
                )


@attrs.frozen
class _Result:
    """The rows that workers hold, fetched part by part; as often as they are asked for."""

    client: Any
    projection: Projection
    futures: Sequence[Any]

    def __iter__(self) -> Iterator[StoredRows]:
        for future in self.futures:
            with _lost_told():
                tables = self.client.gather(future)
            for cls in self.projection.rows:
                for batch in tables[shape_of(cls).name].to_batches(_BATCH):
                    columns = (column.to_pylist() for column in batch.columns)
                    yield cls, list(zip(*columns, strict=True))


_GONE = "all workers are gone; nothing was written. Start some, and try again."


@contextlib.contextmanager
def _lost_told() -> Iterator[None]:
    """Tell of workers that were lost by an error of ours; others' errors are as they are."""
    import distributed
    from distributed.client import FutureCancelledError

    try:
        yield
    except TimelineError:
        raise
    except distributed.scheduler.KilledWorker as error:
        raise ClusterError(
            f"workers died again and again over one task ({error.task}); nothing was written. Give "
            "each more memory: --memory, or `dask worker --memory-limit`."
        ) from error
    except (FutureCancelledError, OSError) as error:
        raise ClusterError(
            f"the scheduler was lost ({said(error)}); nothing was written. Try again."
        ) from error
