"""The lines of the comparison: the work, whose it is, and how its sides take turns."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import contention

from benchmarks import commands, ours, raw, work
from benchmarks.ground import POSTGRESQL, SQLITE, Ground

if importlib.util.find_spec("eventsourcing"):
    from benchmarks import peer

    PEERS: tuple[type[work.Side], ...] = (peer.Recorder, peer.Typed)
else:
    PEERS = ()

Measure = Callable[[Ground], float]
"""Does the work of one round, and gives its value."""

Values = Mapping[str, Sequence[float]]
"""What each side of a line came to, round by round."""

OURS = ours.Ours.name
WRITERS = 4


# The work. All give events a second but for the last two.


def appends(size: int, share: int, kind: str, cls: type[work.Side], ground: Ground) -> float:
    """So many events a commit, in a log that was empty; one in `share` of the events, all told."""
    count = max(ground.events // share, 2 * size)
    with ground.fresh(kind, cls) as side:
        items = side.prepare(size + count, ground.events)
        side.append(items[:size])  # the first of all is none like the others
        lots = [items[start : start + size] for start in range(size, len(items), size)]
        with clock() as spent:
            for lot in lots:
                side.append(lot)
    return count / spent()


def imports(kind: str, cls: type[work.Side], ground: Ground) -> float:
    """All events at once into an empty log."""
    with ground.fresh(kind, cls) as side:
        items = side.prepare(ground.events, ground.events)
        with clock() as spent:
            side.load(items)
    return ground.events / spent()


def reads(kind: str, cls: type[work.Side], ground: Ground) -> float:
    """The whole log."""
    with contextlib.closing(cls(ground.filled(kind, cls))) as side:
        side.read_stream(0, ground.events)
        with clock() as spent:
            side.read_all()
    return ground.events / spent()


def streams(kind: str, cls: type[work.Side], ground: Ground) -> float:
    """Streams of a hundred, one after the other."""
    chosen = range(1, min(work.streams(ground.events), 200))
    with contextlib.closing(cls(ground.filled(kind, cls))) as side:
        side.read_stream(0, ground.events)
        with clock() as spent:
            for number in chosen:
                side.read_stream(number, ground.events)
    return len(chosen) * work.TO_A_STREAM / spent()


def rebuilds(kind: str, cls: type[work.Side], ground: Ground) -> float:
    """The projection."""
    with contextlib.closing(cls(ground.filled(kind, cls))) as side, clock() as spent:
        folded = side.rebuild()
    return folded / spent()


def writers(append: Callable[[str, str, float, float], int], ground: Ground) -> float:
    """Several processes, each with a stream of its own."""
    seconds = min(max(ground.events / 20_000, 0.5), 5)
    return contention.rate(append, ground.shared(prepare_writers), WRITERS, seconds)


def stored(kind: str, cls: type[work.Side], ground: Ground) -> float:
    """Bytes stored, as a multiple of the bytes of data and evidence."""
    with contextlib.closing(cls(ground.filled(kind, cls))) as side:
        return side.size() / sum(map(work.payload, work.news(ground.events, ground.events)))


def growths(kind: str, cls: type[work.Side], ground: Ground) -> float:
    """MiB by which memory grows while the whole log is read."""
    url = ground.filled(kind, cls)
    # Spawned: a forked process would start with the peak of this one.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth, (cls, url, ground.events))


def _growth(cls: type[work.Side], url: str, events: int) -> float:
    with contextlib.closing(cls(url)) as side:
        side.read_stream(0, events)
        before = peak()
        side.read_all()
        return (peak() - before) / 2**20


def peak() -> int:
    """The most memory this process has had, in bytes."""
    with contextlib.suppress(FileNotFoundError):
        # Linux counts to `ru_maxrss` what the process that started this one took.
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return taken if sys.platform == "darwin" else taken * 1024


@contextlib.contextmanager
def clock() -> Iterator[Callable[[], float]]:
    """Takes the time of what is done within.

    What was made before is kept out of the garbage collector's sight: to go through it time and
    again is not part of the work.
    """
    gc.collect()
    gc.freeze()
    began = time.perf_counter()
    took: list[float] = []
    try:
        yield lambda: took[0]
    finally:
        took.append(time.perf_counter() - began)
        gc.unfreeze()


# The lines


@attrs.frozen
class Line:
    """One line.

    Attributes:
        key: its name on the command line.
        title: its name on the page.
        aim: what this store's ratio is to be: at least so much of the first side's rate.
        at_most: whether the aim is the most it may be, of the first side's time, or of the value.
        sides: who does the work; the first is what the others are held against.
        unit: of the values.
        includes: what the numbers of each side include.
    """

    key: str
    title: str
    aim: float
    sides: Mapping[str, Measure]
    includes: str
    at_most: bool = False
    unit: str = "events/s"

    def ratios(self, side: str, values: Values) -> list[float]:
        """How a side compares, round by round."""
        if self.unit != "events/s":
            return list(values[side])
        pairs = zip(values[side], values[next(iter(self.sides))], strict=True)
        return [other / one if self.at_most else one / other for one, other in pairs]

    def ratio(self, side: str, values: Values) -> float | None:
        """The median of that; None where the side has not taken part."""
        return statistics.median(self.ratios(side, values)) if side in values else None

    def reached(self, values: Values) -> bool:
        """Whether this store has reached the aim, to the precision with which it is shown."""
        ratio = round(self.ratio(OURS, values) or 0.0, 2)
        return ratio <= self.aim if self.at_most else ratio >= self.aim


def _sides(work_: Callable[..., float], kind: str, *classes: type[work.Side]) -> dict[str, Measure]:
    everybody = (*classes, ours.Ours, *PEERS)
    return {cls.name: functools.partial(work_, kind, cls) for cls in everybody}


def _writing() -> dict[str, Measure]:
    everybody = {"psycopg": contention.WORK["plain"], OURS: contention.WORK["timeline"]}
    everybody |= {cls.name: functools.partial(peer.insert, cls) for cls in PEERS}
    return {name: functools.partial(writers, append) for name, append in everybody.items()}


LINES = (
    Line(
        "sqlite-append",
        "SQLite: one durable append a commit",
        0.85,
        _sides(functools.partial(appends, 1, 50), SQLITE, raw.Sqlite),
        f"One event a commit, `synchronous = FULL`, in WAL mode. sqlite3: INSERT, commit. {OURS}: "
        "`append`, with the lock, the look for the id and for the stream's version, the digest and "
        "the head. recorder: `insert_events` with one event. Application: `save` of one event.",
    ),
    *(
        Line(
            f"sqlite-batch-{size}",
            f"SQLite: batches of {size:,}",
            aim,
            _sides(functools.partial(appends, size, 5), SQLITE, raw.Sqlite),
            f"{size:,} events a commit, each of another stream where there are enough. sqlite3: "
            f"executemany, commit. {OURS}: `append_all`. The others as before.",
        )
        for size, aim in ((100, 0.6), (1_000, 0.65))
    ),
    Line(
        "sqlite-import",
        "SQLite: all in one import",
        0.65,
        _sides(imports, SQLITE, raw.Sqlite),
        f"All events in one transaction. sqlite3: executemany, commit. {OURS}: `load`, digests on. "
        "The others as before.",
    ),
    Line(
        "sqlite-read",
        "SQLite: read all, typed events",
        0.9,
        _sides(reads, SQLITE, raw.Sqlite),
        "The whole log in order. sqlite3: SELECT of all columns; data and evidence to dicts by "
        f"`json`. {OURS}: `read_all`, with event and evidence of each looked at. recorder: "
        "`select_notifications`, a thousand at a time, to bytes that nobody decodes. Application: "
        "the same, each made a typed event by the mapper.",
    ),
    Line(
        "sqlite-read-memory",
        "SQLite: growth of memory while reading all",
        10,
        _sides(growths, SQLITE, raw.Sqlite),
        "MiB by which the peak of a process of its own grows while it does that, one stream having "
        "been read before.",
        at_most=True,
        unit="MiB",
    ),
    Line(
        "sqlite-stream",
        "SQLite: read one stream of 100",
        1.1,
        _sides(streams, SQLITE, raw.Sqlite),
        "Streams in turn, up to 200 of them, a call each; decoded as in reading all. The ratio is "
        "of times. recorder: `select_events`, to bytes. Application: `events.get`.",
        at_most=True,
    ),
    Line(
        "sqlite-rebuild",
        "SQLite: rebuild a projection",
        0.4,
        _sides(rebuilds, SQLITE, raw.Sqlite),
        "How often each of a thousand speakers spoke, and in which event last, folded from the "
        "whole log and written as rows. sqlite3: SELECT of id and data, dicts by `json`, "
        f"executemany. {OURS}: `Timeline.rebuild`, which reads events as amended, builds beside "
        "the live rows, can go on where it was killed, and switches. The package's own runner of "
        "projections does not run on SQLite; its two sides read the log as above, from dicts and "
        "from typed events, and the rows are written by the driver.",
    ),
    Line(
        "sqlite-bytes",
        "SQLite: bytes stored an event",
        1.4,
        _sides(stored, SQLITE, raw.Sqlite),
        "The file, as a multiple of the bytes of data and evidence.",
        at_most=True,
        unit="× payload",
    ),
    Line(
        "postgresql-append",
        "PostgreSQL: one append a commit",
        0.9,
        _sides(functools.partial(appends, 1, 50), POSTGRESQL, raw.Postgres),
        "One event a commit, `synchronous_commit` on. psycopg: BEGIN, INSERT, COMMIT. The others "
        "as on SQLite; recorder and Application insert by a function of the database's.",
    ),
    Line(
        "postgresql-writers",
        f"PostgreSQL: {WRITERS} writers, gapless order",
        0.65,
        _writing(),
        f"{WRITERS} processes, each appending single events to a stream of its own for some "
        "seconds. psycopg: BEGIN, INSERT, COMMIT, numbered by an identity column, in no order. "
        f"{OURS}: `append`, gapless and in the order of commits. recorder and Application lock "
        "their table, so theirs are in order, too, with gaps where one rolls back.",
    ),
    Line(
        "postgresql-batch-1000",
        "PostgreSQL: batches of 1,000",
        0.5,
        _sides(functools.partial(appends, 1_000, 5), POSTGRESQL, raw.Copy, raw.Postgres),
        f"1,000 events a commit. COPY: psycopg's, row by row. psycopg: executemany. {OURS}: "
        "`append_all`. recorder and Application insert by a function of the database's, which the "
        "package offers: its default waits for ever when given a thousand events.",
    ),
    Line(
        "postgresql-import",
        "PostgreSQL: all in one import",
        0.5,
        _sides(imports, POSTGRESQL, raw.Copy, raw.Postgres),
        "All events in one transaction, by COPY, by executemany, and by `load`. The others "
        "as in batches.",
    ),
    Line(
        "postgresql-read",
        "PostgreSQL: read all, typed events",
        0.9,
        _sides(reads, POSTGRESQL, raw.Postgres),
        "As on SQLite. psycopg: a server-side cursor, a thousand rows at a time, and `json`; the "
        f"columns are text, as are {OURS}'s.",
    ),
    Line(
        "postgresql-bytes",
        "PostgreSQL: bytes stored an event",
        1.5,
        _sides(stored, POSTGRESQL, raw.Postgres),
        "The table of events with its indexes, as a multiple of the bytes of data and evidence.",
        at_most=True,
        unit="× payload",
    ),
    Line(
        "coded-ingest",
        f"Coded data: a file of {commands.FILE:,} rows",
        0.6,
        {"load": commands.loads, OURS: commands.ingests},
        "By the processor's time, into SQLite. The rows are invented, in the shape of ICEWS, and "
        f"become some {commands.FILE * 1.4:,.0f} events. load: `load` of these events. {OURS}: "
        "`ingest_coded` of the file, which reads, sorts, folds and checks the rows.",
    ),
    *(
        Line(
            f"command-{name}",
            f"Command line: {title}",
            aim,
            {"import sqlalchemy": commands.imports, OURS: work_},
            f"Seconds of the processor, in a process of its own. {more}",
            at_most=True,
            unit="s",
        )
        for name, title, aim, work_, more in (
            ("help", "`timeline --help`", 0.2, commands.help_, "Nothing is opened."),
            (
                "report",
                "`timeline report initiative`",
                0.4,
                commands.initiative,
                "On the record of `fixtures/gas-union`, whose rows are up to date.",
            ),
            (
                "attendance",
                "attendance of all meetings",
                1.5,
                commands.attendance,
                f"As JSON, on {commands.SAMPLE:,} rows of coded data.",
            ),
            (
                "site",
                "`timeline site`",
                8.0,
                commands.site,
                f"All pages, on {commands.SAMPLE:,} rows of coded data.",
            ),
        )
    ),
)


def prepare_writers(url: str) -> None:
    """Make the tables of all who write at once."""
    contention.prepare(url)
    for cls in PEERS:
        cls(url).close()


def standing(found: Mapping[str, Values]) -> tuple[list[str], list[str]]:
    """The lines in which this store is ahead of the package's typed events, and the others."""
    ahead, behind = [], []
    for line in LINES:
        values = found.get(line.key, {})
        mine, theirs = (line.ratio(name, values) for name in (OURS, PEERS[-1].name))
        if mine is not None and theirs is not None:
            better = mine <= theirs if line.at_most else mine >= theirs
            (ahead if better else behind).append(line.key)
    return ahead, behind


class UnknownLine(Exception):
    """There is no such line."""


def chosen(names: Sequence[str] | None) -> list[Line]:
    """The lines whose keys begin with one of the names; all without any.

    Raises:
        UnknownLine: a name is the beginning of none.
    """
    for name in names or ():
        if not any(line.key.startswith(name) for line in LINES):
            raise UnknownLine(f"no line begins with {name!r}: {', '.join(x.key for x in LINES)}")
    return [line for line in LINES if names is None or line.key.startswith(tuple(names))]


def measure(
    lines: Sequence[Line], ground: Ground, rounds: int, tell: Callable[[str], None]
) -> dict[str, dict[str, list[float]]]:
    """The values of the sides of each line, who take turns in each round."""
    found: dict[str, dict[str, list[float]]] = {}
    for line in lines:
        values: dict[str, list[float]] = {name: [] for name in line.sides}
        for _ in range(rounds if line.unit in ("events/s", "s") else 1):
            for name, side in line.sides.items():
                values[name].append(side(ground))
        found[line.key] = values
        tell(told(line, values))
    return found


def told(line: Line, values: Values) -> str:
    """What a line came to, for the terminal."""
    parts = [f"{name} {statistics.median(each):,.4g}" for name, each in values.items()]
    ratios = [f"{name} {line.ratio(name, values):.2f}" for name in list(values)[1:]]
    return f"{line.key:<22} {', '.join(parts)} {line.unit}; ratios: {', '.join(ratios)}"
