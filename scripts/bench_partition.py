"""A log on PostgreSQL in one table, and in partitions by position; see `scripts/bench`.

The partitioned table is a trial, and no layout that the package makes: `timeline verify` names it
as altered. It shows what such a table costs each query, and what an old partition that is in an
archive can be taken away for.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bench_scale
import bench_split
import servers
import sqlalchemy as sa

from timeline import NewEvent, StatementMade, Timeline
from timeline.distributed.coded_archive import archive_coded
from timeline.log.archive import Archive
from timeline.log.digests import Chain
from timeline.log.schema import Stored

_PARTS = 10
_ROUNDS = 300
_FOLLOWED = 10_000

_PARTITIONED = """
    DROP VIEW timeline.log;
    ALTER TABLE timeline.timeline_events RENAME TO one_table;
    CREATE TABLE timeline.timeline_events (LIKE timeline.one_table INCLUDING CONSTRAINTS,
        PRIMARY KEY (position)) PARTITION BY RANGE (position);
    CREATE TRIGGER timeline_keep_update BEFORE UPDATE ON timeline.timeline_events
    FOR EACH ROW EXECUTE FUNCTION timeline.timeline_refuse_update();
    CREATE TRIGGER timeline_keep_delete BEFORE DELETE ON timeline.timeline_events
    FOR EACH ROW EXECUTE FUNCTION timeline.timeline_refuse();
    CREATE TRIGGER timeline_keep_all BEFORE TRUNCATE ON timeline.timeline_events
    FOR EACH STATEMENT EXECUTE FUNCTION timeline.timeline_refuse();
"""

_PART = """
    CREATE TABLE timeline.events_{number} PARTITION OF timeline.timeline_events
        FOR VALUES FROM ({first}) TO ({after});
"""

_FILLED = """
    INSERT INTO timeline.timeline_events SELECT * FROM timeline.one_table ORDER BY position;
    DROP TABLE timeline.one_table;
    CREATE INDEX ON timeline.timeline_events (type, position);
"""

# A unique key of the whole table would have to hold the position, so each partition has its own.
_KEYS = """
    CREATE UNIQUE INDEX ON timeline.events_{number} (event_id);
    CREATE UNIQUE INDEX ON timeline.events_{number} (stream, version);
"""


def measure(given: argparse.Namespace) -> None:
    """Fill a log of each layout from one archive, and print a table of what work costs on it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = given.archive or str(Path(folder, "archive"))
        if given.archive is None:
            files = bench_scale.written(Path(folder), given.events)
            archive_coded(archive, *files, dataset="icews", workers=2)
        size = Archive(archive).head().position
        with (
            servers.postgres_server({}, Path(tempfile.gettempdir())) as server,
            Timeline.open(server.create_database()) as record,
        ):
            whole = timed("import, s", lambda: record.import_archive(archive)) | queries(record)
            in_a_part = -(-size // _PARTS)
            parts = timed("copy into partitions, s", lambda: partition(record, in_a_part))
            parts |= queries(record) | detached(record, archive, in_a_part)
    heads = [f"{size:,} events", "one table", f"{_PARTS} partitions", "ratio"]
    print("\n".join(bench_split.table(heads, lines(whole, parts))))


def lines(whole: dict[str, float], parts: dict[str, float]) -> Iterable[list[str]]:
    """The lines of the table."""
    for name in [*whole, *(name for name in parts if name not in whole)]:
        before, after = whole.get(name), parts.get(name)
        ratio = f"{after / before:.2f}" if before and after else ""
        yield [name, *("" if cost is None else f"{cost:,.3g}" for cost in (before, after)), ratio]


def timed(name: str, work: Callable[[], Any]) -> dict[str, float]:
    """The seconds that the work takes, under that name."""
    began = time.perf_counter()
    work()
    return {name: time.perf_counter() - began}


def partition(record: Timeline, in_a_part: int) -> None:
    """Put a partitioned table with the same rows in the place of the table of events."""
    execute(record, _PARTITIONED)
    for number in range(_PARTS + 1):
        first = number * in_a_part + 1
        last = "MAXVALUE" if number == _PARTS else str(first + in_a_part)
        execute(record, _PART.format(number=number, first=first, after=last))
    execute(record, _FILLED)
    for number in range(_PARTS + 1):
        execute(record, _KEYS.format(number=number))


def execute(record: Timeline, statements: str) -> None:
    """Run statements of SQL."""
    engine = record.store.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statements)


def queries(record: Timeline) -> dict[str, float]:
    """The milliseconds that a single query takes, by what it asks for; medians."""
    execute(record, "VACUUM ANALYZE timeline.timeline_events")
    store, chance = record.store, random.Random(1)
    end = store.head().position
    known = list(store.at(chance.sample(range(1, end), _ROUNDS)))
    ids, streams = [event.id for event in known], [event.stream for event in known]
    return {
        "append, ms": median(append(record, "trial"), range(_ROUNDS)),
        "read an event by id, ms": median(lambda id: store.get([id]), ids),
        "read a stream, ms": median(lambda stream: list(store.read_stream(stream)), streams),
        f"follow {_FOLLOWED:,} events, ms": median(
            lambda after: sum(1 for _ in store.read_all(after=after, limit=_FOLLOWED)),
            [end // 3, end // 2, end - _FOLLOWED],
        ),
    }


def append(record: Timeline, stream: str) -> Callable[[int], Any]:
    """What appends one more event to a stream."""
    said = StatementMade("speaker", "What was said.")
    return lambda _: record.store.append(stream, [NewEvent(said)])


def median(work: Callable[[Any], Any], given: Iterable[Any]) -> float:
    """The median of how many milliseconds the work takes."""
    times = []
    for value in given:
        began = time.perf_counter()
        work(value)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def detached(record: Timeline, archive: str, in_a_part: int) -> dict[str, float]:
    """Take the first half of the partitions away, and verify the log across both places."""
    end = in_a_part * (_PARTS // 2)
    times = timed("detach half of it, s", lambda: detach(record))
    times |= timed("verify across both, s", lambda: verify(record, archive, end))
    append(record, "trial")(0)
    with record.store.engine.connect() as connection:
        at = sa.text("SELECT max(version) FROM timeline.timeline_events WHERE stream = :stream")
        old = next(iter(Archive(archive).rows(until=1)))
        assert isinstance(old, Stored)
        # Its stream would begin again, and its id would be free: only the archive knows of it.
        assert connection.scalar(at, {"stream": old.stream}) is None
    return times


def detach(record: Timeline) -> None:
    """Take the first half of the partitions away."""
    for number in range(_PARTS // 2):
        name = f"timeline.events_{number}"
        execute(
            record, f"ALTER TABLE timeline.timeline_events DETACH PARTITION {name} CONCURRENTLY"
        )


def verify(record: Timeline, archive: str, end: int) -> None:
    """Chain what the archive has up to a position, and what the log has after it."""
    chain = Chain()
    for rows in (Archive(archive).rows(until=end), record.store.stored(after=end)):
        for row in rows:
            chain.take(row._asdict())
    chain.end()
    assert chain.head == record.store.head()
