"""Folding on several workers: Dask distributes and `timeline.distributed.split` says what.

Workers read the log in stretches of positions, from the database or from an archive. Where one
event makes one row, the worker that reads a stretch folds it. Otherwise it says by which keys the
stored events are routed, and Dask's peer-to-peer shuffle brings those of one key together, over
disk. A part gets its keys' events, sorts them by position, and is folded. The result of a task
depends on its arguments alone, so Dask may run it again when it loses a worker.

The tasks are a few for each stretch and a few for each part: they grow with the log, not with its
square.

Only the process that asked writes, and only when all is folded. It counts the events of every
stretch and compares its last digest with the log's. Every task first compares the code that its
worker has loaded with the code of that process.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import pickle
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from timeline.distributed.split import division_of
from timeline.distributed.tasks import (
    KEY,
    Copied,
    Filed,
    Job,
    Keep,
    Read,
    empty,
    folded,
    folded_alone,
    frame,
    held,
    joined,
    routed,
    stored,
)
from timeline.distributed.workers import (
    Workers,
    code_of,
    connected,
    modules_of,
    require_same_code,
    require_sensible,
    said,
)
from timeline.engine.builds import Build
from timeline.engine.parquet_rows import FiledBuild, RowFile, RowFiles
from timeline.engine.projection import Projection, shape_of
from timeline.engine.reader import Amendments
from timeline.engine.rebuild import StoredRows
from timeline.engine.runner import Projector
from timeline.errors import ClusterError, DatabaseBusy, InvalidInput, MissingExtra, TimelineError
from timeline.events import EventRedacted, type_names
from timeline.log import telemetry
from timeline.log.archive import Archive, ArchivedLog
from timeline.log.query import Query
from timeline.log.store import EventStore
from timeline.log.telemetry import Progress

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


def rebuild(
    projector: Projector,
    name: str,
    workers: Workers,
    *,
    hold: bool = False,
    progress: Progress | None = None,
) -> Build:
    """Build a projection's rows again on workers; see `Timeline.rebuild`.

    Raises:
        MissingExtra: Dask or pyarrow is not installed.
        InvalidProjection: the rows do not split.
        InvalidInput: workers cannot read the log, or import the projection.
        ClusterError: there are no workers, they were lost, or they have other code.
        NotFound, DatabaseBusy, DatabaseError: see `Projector.rebuild`.
    """
    with _fold(projector, name, workers, progress) as fold:
        if fold.may_copy:
            return projector.rebuild(name, hold=hold, progress=progress, copied_by=fold.copy)
        return projector.rebuild(name, hold=hold, progress=progress, by=fold)


def rebuild_files(
    projector: Projector,
    name: str,
    workers: Workers,
    target: str,
    *,
    progress: Progress | None = None,
) -> FiledBuild:
    """Have workers write a projection's rows as Parquet files; see `Timeline.rebuild_files`.

    Raises:
        MissingExtra, InvalidProjection, InvalidInput, ClusterError: see `rebuild`.
        NotFound: no such projection is known, or there is no archive.
        DatabaseBusy: words were taken down meanwhile.
    """
    with _fold(projector, name, workers, progress, may_lack_log=True) as fold:
        return fold.file(projector.named(name), RowFiles(target), projector.fingerprints[name])


@contextlib.contextmanager
def _fold(
    projector: Projector,
    name: str,
    workers: Workers,
    progress: Progress | None,
    *,
    may_lack_log: bool = False,
) -> Iterator[Fold]:
    """What folds on these workers, once all is checked that can be before anything is begun."""
    _require_dask()
    require_sensible(workers)
    projection = projector.named(name)
    division_of(projection)
    modules = modules_of(projection, projector.store.codec.known)
    with connected(workers) as client:
        require_same_code(client, modules)
        fold = Fold(client, projector, modules, workers.archive, progress)
        if may_lack_log:
            fold.take_archive_alone()
        fold.require_readable()
        yield fold


def _require_dask() -> None:
    try:
        import dask.dataframe  # noqa: F401  (only asked for)
        import distributed  # noqa: F401  (only asked for)
    except ImportError:
        raise MissingExtra("folding on several workers", "dask") from None


# The tasks


@attrs.frozen
class _Tasks:
    """Tasks that are not yet begun, and what they weigh.

    Attributes:
        reads: by stretch, what tells how it was read.
        rows: what is to hold the rows, of each part.
        weight: of each of the rows, in events; 0 where reading a stretch makes them.
    """

    reads: Mapping[tuple[int, int], Any]
    rows: Sequence[Any]
    weight: float


def _task(work: Callable[..., Any], *given: Any, key: tuple[str, int] | None = None) -> Any:
    from dask.delayed import delayed

    return delayed(work, pure=False)(*given, dask_key_name=key)


def _tasks(work: Callable[..., Any], run: str, *given: Iterable[Any]) -> list[Any]:
    """Tasks of one kind; Dask spreads them over the workers, if it knows them as a group."""
    # It knows a group by its keys, a name and a number. It gives other tasks to the worker that
    # holds what they depend on: all of them to the one that has the job.
    group = f"timeline-{work.__name__.strip('_')}-{run}"
    several = enumerate(zip(*given, strict=False))
    return [_task(work, *each, key=(group, number)) for number, each in several]


def _alone(stretches: Sequence[tuple[int, int]], packed: Any, run: str) -> _Tasks:
    """Fold each stretch by itself."""
    made = _tasks(folded_alone, run, *zip(*stretches, strict=True), itertools.repeat(packed))
    reads = {place: task["read"] for place, task in zip(stretches, made, strict=True)}
    return _Tasks(reads, [task["rows"] for task in made], 0)


def _shuffled(stretches: Sequence[tuple[int, int]], parts: int, packed: Any, run: str) -> _Tasks:
    """Route the events of all stretches by their keys, and fold them part by part."""
    import dask.dataframe as frames

    made = _tasks(routed, run, *zip(*stretches, strict=True), itertools.repeat(packed))
    reads = {place: task["read"] for place, task in zip(stretches, made, strict=True)}
    events = frames.from_delayed(
        [task["frame"] for task in made],
        meta=frame(empty()),
        verify_meta=False,
    )
    keyed = events.shuffle(on=KEY, npartitions=parts, shuffle_method="p2p").to_delayed()
    shared = _task(joined, *[task["shared"] for task in made])
    given = (range(parts), keyed, itertools.repeat(shared), itertools.repeat(packed))
    rows = _tasks(folded, run, *given)
    return _Tasks(reads, rows, stretches[-1][1] / parts)


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
        self._log: EventStore | ArchivedLog = projector.store
        self._modules = modules
        self._archive = archive
        self._progress = progress
        self._heavy: Counter[str] = Counter()
        self._share = math.inf

    def __call__(self, projection: Projection, end: int) -> tuple[int, Iterable[StoredRows]]:
        """Fold the log, as far as that position or as an archive goes; how far, and the rows."""
        until, rows = self._folded(projection, end, held)
        return until, _Result(self._client, projection, rows)

    def take_archive_alone(self) -> None:
        """Where the database has no events, take the archive for the log."""
        if self._archive is not None and not self._store.head().position:
            self._log = ArchivedLog(self._archive, self._store.codec)

    @property
    def may_copy(self) -> bool:
        """Whether workers are at the database, and several can write to it at once."""
        return self._archive is None and self._store.engine.dialect.name == "postgresql"

    def copy(
        self, projection: Projection, end: int, build: Build
    ) -> tuple[int, Mapping[type, int]]:
        """Fold the log, and let each worker write its rows; how far, and how many of each class."""
        url = self._store.engine.url.render_as_string(hide_password=False)
        until, counted = self._folded(projection, end, Copied(url, build))
        counts: Counter[type] = Counter(dict.fromkeys(projection.rows, 0))
        for counted_part in self._gathered(counted):
            counts.update(counted_part)
        return until, counts

    def file(self, projection: Projection, files: RowFiles, fingerprint: str) -> FiledBuild:
        """Fold the log, and let each worker write its rows as Parquet files.

        Raises:
            DatabaseBusy: words were taken down meanwhile.
        """
        head = self._log.head()
        folder = files.new_folder(projection.name)
        try:
            until, written = self._folded(projection, head.position, Filed(files.address, folder))
            names: dict[str, list[RowFile]] = {shape_of(cls).name: [] for cls in projection.rows}
            for part in self._gathered(written):
                for name, file in part.items():
                    names[name].append(file)
            digest = self._log.head_at(until).digest.hex()
            build = FiledBuild(
                projection.name, projection.version, fingerprint, until, digest, folder, names
            )
            self._require_words(head.position)
            division = division_of(projection)
            known = {*division.keyed, *division.common}
            files.commit(build, [cls for cls in projection.rows if cls not in known])
        except BaseException:
            files.remove(folder)
            raise
        return build

    def _require_words(self, position: int) -> None:
        takedowns = type_names(EventRedacted)
        for _ in self._log.read_all(after=position, query=Query(takedowns)):
            raise DatabaseBusy("words were taken down while rows were folded; try again")

    def _gathered(self, futures: Sequence[Any]) -> list[Any]:
        with _lost_told():
            gathered: list[Any] = self._client.gather(list(futures))
        return gathered

    def _folded(self, projection: Projection, end: int, keep: Keep) -> tuple[int, list[Any]]:
        """Fold the log on workers; how far it goes, and what holds what came of each part."""
        from dask.delayed import delayed

        until = self._until(end)
        size, parts = self._sizes(until)
        stretches = list(itertools.pairwise([*range(0, until, size), until]))
        packed = delayed(self._packed(projection, until, keep), pure=False)
        run = uuid.uuid4().hex
        if division_of(projection).alone:
            tasks = _alone(stretches, packed, run)
        else:
            tasks = _shuffled(stretches, parts, packed, run)
        return until, self._done(projection, tasks, until)

    def _done(self, projection: Projection, tasks: _Tasks, until: int) -> list[Any]:
        """Have the tasks done; what holds the rows.

        Nothing else is held on to: what the rows were made from is forgotten once they are made.
        """
        futures = self._client.compute([*tasks.reads.values(), *tasks.rows])
        reads, rows = futures[: len(tasks.reads)], futures[len(tasks.reads) :]
        places = dict(zip(reads, tasks.reads, strict=True))
        total = until * 2 if tasks.weight else until
        with _lost_told(self._heavy):
            self._wait({read: b - a for read, (a, b) in places.items()}, 0, total)
            self._require_whole(places)
            self._tell_of_heavy(projection)
            self._wait(dict.fromkeys(rows, tasks.weight), until, total)
        return list(rows)

    def require_readable(self) -> None:
        """Check that there is something that workers can read: the database, or a sound archive.

        Raises:
            InvalidInput, NotFound: there is not; see `Timeline.rebuild`.
        """
        self._until(self._log.head().position)

    def _until(self, end: int) -> int:
        if self._archive is None:
            url = self._store.engine.url
            if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
                raise InvalidInput("a record in memory cannot be read by workers; archive it first")
            return end
        archive = Archive(self._archive)
        if self._log is self._store:
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
        self._share = max(until / threads, _LEAST)
        size = min(_STRETCH, fitting, max(until / threads / 4, _LEAST))
        parts = max(until / fitting, min(threads * 2, until / _LEAST), 1)
        return max(int(size), 1), math.ceil(parts)

    def _packed(self, projection: Projection, until: int, keep: Keep = held) -> bytes:
        import cloudpickle

        engine = self._store.engine
        url = engine.url
        if url.get_backend_name() == "sqlite":
            url = url.set(database=os.path.abspath(str(url.database)))  # noqa: PTH100  (no link is followed)
        amendments = self._log.read_all(until=until, query=Query(Amendments.TYPES))
        job = Job(
            projection,
            self._store.codec.known,
            tuple(amendments),
            None if self._archive else url.render_as_string(hide_password=False),
            self._archive,
            keep,
        )
        return pickle.dumps((code_of(self._modules), cloudpickle.dumps(job)))

    def _wait(self, weights: Mapping[Any, float], position: float, total: int) -> None:
        """Wait for tasks to end, and report progress."""
        import distributed

        left, were_there = set(weights), True
        while left:
            try:
                done, left = distributed.wait(left, timeout=_LOST, return_when="FIRST_COMPLETED")
            except TimeoutError:
                are_there = bool(self._client.scheduler_info()["workers"])
                if not (were_there or are_there):  # one that died is started again in between
                    raise ClusterError(_GONE) from None
                were_there = are_there
                continue
            for task in done:
                task.result()
            position += sum(weights[task] for task in done)
            if self._progress is not None:
                self._progress(int(position), total)

    def _require_whole(self, reads: Mapping[Any, tuple[int, int]]) -> None:
        """Check that the workers have read this very log, and add up the heaviest keys."""
        found: list[Read] = self._client.gather(list(reads))
        for (after, until), read in zip(reads.values(), found, strict=True):
            if read[:2] != (until - after, self._log.head_at(until).digest):
                raise ClusterError(
                    f"workers read other events from {after + 1} to {until} than the log has: are "
                    "they at the same database, or at an archive of it?"
                )
            self._heavy.update(dict(read.heavy))

    def _tell_of_heavy(self, projection: Projection) -> None:
        for key, count in self._heavy.most_common(3):
            if count > self._share:
                telemetry.logger.warning(
                    "%s %r is named by %d events, which one worker folds: more workers will not "
                    "make that faster",
                    projection.split_by,
                    key,
                    count,
                    extra={"projection": projection.name},
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
            yield from stored(self.projection, tables)


_GONE = "all workers are gone; nothing was written. Start some, and try again."


@contextlib.contextmanager
def _lost_told(heavy: Counter[str] | None = None) -> Iterator[None]:
    """Tell of workers that were lost by an error of ours; others' errors are as they are."""
    import distributed
    from distributed.client import FutureCancelledError, FuturesCancelledError

    try:
        yield
    except TimelineError:
        raise
    except distributed.scheduler.KilledWorker as error:
        most = "".join(
            f" The most events, {count:,}, name {key!r}."
            for key, count in (heavy or Counter()).most_common(1)
        )
        raise ClusterError(
            f"workers died again and again over one task ({error.task}); nothing was written."
            f"{most} Give each more memory: --memory, or `dask worker --memory-limit`."
        ) from error
    except (FutureCancelledError, FuturesCancelledError, OSError) as error:
        reason = said(error).splitlines()[0]
        raise ClusterError(
            f"the scheduler was lost ({reason}); nothing was written. Try again."
        ) from error
