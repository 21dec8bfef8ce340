"""What Dask workers do: read a stretch of the log, route its events by key, fold a part, keep rows.

The result of a task depends on its arguments alone, so Dask may run it again when it loses a
worker. Every task first compares the code that its worker has loaded with that of the process that
asked.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import attrs
import sqlalchemy as sa

from timeline.distributed.split import Splitter
from timeline.distributed.workers import code_of, compare_code, own_address
from timeline.engine.builds import Build
from timeline.engine.parquet_rows import RowFile, RowFiles, row_tables
from timeline.engine.projection import Projection
from timeline.engine.rebuild import StoredRows, copy_part
from timeline.errors import ClusterError
from timeline.events import RecordedEvent
from timeline.log import database, failures
from timeline.log.archive import Archive, arrow_schema, arrow_table, stored_rows
from timeline.log.codec import Codec, Upcaster
from timeline.log.schema import Stored
from timeline.log.store import EventStore
from timeline.log.telemetry import batched

_BATCH = 5_000

_HEAVIEST = 20
"""Keys of each stretch that are counted: those with the most events."""

KEY = "key"
"""The column by which events are routed."""


@attrs.frozen
class Job:
    """What a worker needs to know."""

    projection: Projection
    known: tuple[type | Upcaster, ...]
    amendments: tuple[RecordedEvent[Any], ...]
    database: str | None
    archive: str | None
    keep: Keep


Keep = Callable[[Projection, int, dict[type, Any]], Any]
"""Keeps the rows that a part made, as tables by their class; what it gives goes to the caller."""


def held(_projection: Projection, _part: int, tables: dict[type, Any]) -> dict[type, Any]:
    """Leave rows with the worker, for the process that asked to fetch."""
    return tables


@attrs.frozen
class Filed:
    """Writes rows as Parquet files, into the folder of a build."""

    target: str
    folder: str

    def __call__(
        self, _projection: Projection, part: int, tables: dict[type, Any]
    ) -> dict[str, RowFile]:
        """Write the rows of a part; the files, by the plain name of the rows."""
        return RowFiles(self.target).write(self.folder, part, tables)


@attrs.frozen
class Copied:
    """Copies rows into the tables of a build on PostgreSQL."""

    url: str
    build: Build

    def __call__(
        self, projection: Projection, _part: int, tables: dict[type, Any]
    ) -> dict[type, int]:
        """Copy the rows of a part; how many there are of each class."""
        copy_part(_engine(self.url), projection, self.build, stored(projection, tables))
        return {cls: table.num_rows for cls, table in tables.items()}


@lru_cache(maxsize=2)
def prepared(packed: bytes) -> tuple[Job, Splitter]:
    """The job and its splitter, made once in a process."""
    expected, job = pickle.loads(packed)
    loaded = code_of([name for name in expected if name != "timeline"])
    compare_code(expected, loaded, own_address())
    job = pickle.loads(job)
    return job, Splitter(job.projection, Codec(job.known), job.amendments)


@lru_cache(maxsize=2)
def _engine(url: str) -> sa.Engine:
    engine = database.create_engine(url)
    if not database.exists(engine):
        where = failures.shown(engine.url)
        raise ClusterError(
            f"worker {own_address()}: there is no {where}. Where workers are on other machines, "
            "let them read an archive that all can reach."
        )
    return engine


def _stretch(job: Job, after: int, until: int) -> Iterator[Any]:
    """A stretch of the log, as Arrow tables."""
    if job.archive is not None:
        yield from Archive(job.archive).tables(after=after, until=until)
        return
    assert job.database is not None
    rows = EventStore(_engine(job.database)).stored(after=after, until=until)
    for group in batched(rows, _BATCH):
        yield arrow_table(group)


class Read(NamedTuple):
    """How a stretch was read: how many events, the last one's digest, and its heaviest keys."""

    events: int
    digest: bytes
    heavy: Sequence[tuple[str, int]] = ()


class _Reading:
    """A stretch as it is read: counted, and without the events that make no rows."""

    def __init__(self, packed: bytes, after: int, until: int) -> None:
        self.job, self.splitter = prepared(packed)
        self.digest = b""
        self.count = 0
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
def routed(after: int, until: int, packed: bytes) -> dict[str, Any]:
    """The events of a stretch with their keys, those that every part needs, and what was read."""
    import pyarrow as pa

    read = _Reading(packed, after, until)
    routed, shared = [empty()], [empty()]
    heavy: Counter[str] = Counter()
    for table in read.tables():
        places, keys, common = _places(read.splitter, table)
        heavy.update(keys)
        routed.append(_keyed(table, places, keys))
        shared.append(_keyed(table, common, [""] * len(common)))
    return {
        "frame": frame(pa.concat_tables(routed)),
        "shared": pa.concat_tables(shared),
        "read": Read(read.count, read.digest, heavy.most_common(_HEAVIEST)),
    }


def _places(splitter: Splitter, table: Any) -> tuple[list[int], list[str], list[int]]:
    """The places of routed events in a table, their keys beside them, and those of shared ones."""
    places: list[int] = []
    keys: list[str] = []
    shared: list[int] = []
    for place, row in enumerate(stored_rows(table)):
        named = splitter.keys_of(row)
        if named is None:
            shared.append(place)
            continue
        places.extend([place] * len(named))
        keys.extend(named)
    return places, keys, shared


def _keyed(table: Any, places: Sequence[int], keys: Sequence[str]) -> Any:
    """The rows of a table at these places, each with its key."""
    import pyarrow as pa

    taken = table.take(pa.array(places, pa.int64()))
    return taken.append_column(KEY, pa.array(keys, pa.string()))


def empty() -> Any:
    """A table of routed events, without any."""
    return _keyed(arrow_schema().empty_table(), (), ())


def frame(table: Any) -> Any:
    """A table as the data frame that Dask shuffles, with the types of Arrow."""
    import pandas as pd

    return table.to_pandas(types_mapper=pd.ArrowDtype)


def joined(*tables: Any) -> Any:
    """The tables as one."""
    import pyarrow as pa

    return pa.concat_tables(tables)


@_without_looking_for_circles()
def folded(part: int, frame: Any, shared: Any, packed: bytes) -> Any:
    """Fold a part, and keep its rows."""
    import pyarrow as pa

    job, splitter = prepared(packed)
    routed = pa.Table.from_pandas(frame, schema=empty().schema, preserve_index=False)
    own = frozenset(routed[KEY].unique().to_pylist())
    events = pa.concat_tables([routed, shared]).sort_by("position")
    stored = _once(stored_rows(events))
    tables = row_tables(job.projection, splitter.fold(stored, own, common=part == 0))
    return job.keep(job.projection, part, tables)


def _once(rows: Iterable[Stored]) -> Iterator[Stored]:
    """Each event once: it is there for each of the keys that it names."""
    return (next(same) for _, same in itertools.groupby(rows, key=attrgetter("position")))


@_without_looking_for_circles()
def folded_alone(after: int, until: int, packed: bytes) -> dict[str, Any]:
    """Fold a stretch where each event makes its rows alone, and keep them; and what was read."""
    read = _Reading(packed, after, until)
    stored = (row for table in read.tables() for row in stored_rows(table))
    tables = row_tables(read.job.projection, read.splitter.fold(stored, None))
    rows = read.job.keep(read.job.projection, after, tables)
    return {"rows": rows, "read": Read(read.count, read.digest)}


def stored(projection: Projection, tables: Mapping[type, Any]) -> Iterator[StoredRows]:
    """The rows of a part as their tables store them, some at a time."""
    for cls in projection.rows:
        for batch in tables[cls].to_batches(_BATCH):
            columns = (column.to_pylist() for column in batch.columns)
            yield cls, list(zip(*columns, strict=True))
