"""A rebuild of a long log, under load; see `scripts/rebuild`.

Two processes append single events, one makes reports by `Timeline.view`, by the code from before,
and one reads the plain-named views by SQL. Meanwhile another process rebuilds the projection in a
new version, with another column. Of every event the projection makes one row and counts one, so
that rows, counts and position must agree in whatever anybody sees: a build that is not whole, or
two that are mixed, would show. A few reports are also held against a fold at their position.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import attrs
import servers
import sqlalchemy as sa

from timeline import (
    EventStore,
    NewEvent,
    Projection,
    RecordedEvent,
    Rows,
    Timeline,
    View,
    changed,
    event,
    on,
    row,
)
from timeline.engine.cutoff import Cutoff
from timeline.engine.runner import Projector
from timeline.log import database

BATCH = 5_000
SPEAKERS = 100
FOLDS = 3
"""Reports of each kind held against a fold."""

BEFORE, DURING, AFTER, OVER = range(4)
"""The phases: without the rebuild, with it, when it is done, and when all are to end."""


@event(category="speech")
class Spoken:
    """What the log is full of."""

    speaker: str
    words: str


@row("spoken", key=("event",))
class SpokenRow:
    """One for every event."""

    event: str
    speaker: str
    words: str


@row("speakers", key=("speaker",))
class SpeakerRow:
    """How often somebody spoke."""

    speaker: str
    times: int
    last: str


class Speakers(Projection):
    """The version that is live."""

    name, rows = "speakers", (SpokenRow, SpeakerRow)

    @on(Spoken)
    def spoken(self, rows: Rows, recorded: RecordedEvent[Spoken]) -> None:
        """Keep it, and count it."""
        said = recorded.event
        rows.put(SpokenRow(recorded.id, said.speaker, said.words))
        known = rows.get(SpeakerRow, said.speaker) or SpeakerRow(said.speaker, 0, "")
        rows.put(changed(known, times=known.times + 1, last=recorded.id))


@row("speakers", key=("speaker",))
class WordyRow:
    """How often somebody spoke, and how much."""

    speaker: str
    times: int
    last: str
    words: int


class Wordier(Projection):
    """The next version."""

    name, version, rows = "speakers", 2, (SpokenRow, WordyRow)

    @on(Spoken)
    def spoken(self, rows: Rows, recorded: RecordedEvent[Spoken]) -> None:
        """Keep it, and count it."""
        said = recorded.event
        rows.put(SpokenRow(recorded.id, said.speaker, said.words))
        known = rows.get(WordyRow, said.speaker) or WordyRow(said.speaker, 0, "", 0)
        words = known.words + len(said.words.split())
        rows.put(changed(known, times=known.times + 1, last=recorded.id, words=words))


def statement(number: int) -> NewEvent:
    """One event."""
    words = f"Number {number} of what was said, in some sixty characters of words."
    return NewEvent(Spoken(f"s{number % SPEAKERS}", words), stream=f"speech-{number % 1000}")


# What goes on meanwhile


@attrs.define
class Tally:
    """What one process did in each phase, and what it saw."""

    seconds: dict[int, list[float]] = attrs.field(factory=lambda: {p: [] for p in range(OVER)})
    seen: list[tuple[int, str]] = attrs.field(factory=list)
    versions: set[int] = attrs.field(factory=set)
    problem: str | None = None


def work(
    act: Callable[[Timeline, Tally, int], None],
    url: str,
    pause: float,
    phase: Synchronized[int],
    out: Any,
) -> None:
    """Act again and again until all is over, and send the tally."""
    tally, number = Tally(), 0
    try:
        with Timeline.open(url, events=[Spoken], projections=[Speakers()]) as record:
            while (now := phase.value) != OVER:
                began = time.perf_counter()
                act(record, tally, number)
                tally.seconds[now].append(time.perf_counter() - began)
                number += 1
                time.sleep(pause)
    except Exception as error:  # noqa: BLE001  (told, and then the run has failed)
        tally.problem = f"{act.__name__}: {type(error).__name__}: {error}"
    out.send(tally)


def append(record: Timeline, _tally: Tally, number: int) -> None:
    """Append one event, durably."""
    record.append_all([statement(number)])


def report(record: Timeline, tally: Tally, number: int) -> None:
    """A report by the code from before."""
    with record.view() as view:
        rows = view.all(SpeakerRow)
        if sum(row.times for row in rows) != view.head.position:
            raise AssertionError(f"at {view.head.position}: {sum(row.times for row in rows)}")
        if number % 50 == 0:
            tally.seen.append((view.head.position, shown(view)))


def shown(view: View) -> str:
    """A digest of all that a view shows of the counts."""
    return hashlib.sha256(repr(view.all(SpeakerRow)).encode()).hexdigest()


LIVE = (
    "SELECT version, position FROM timeline_checkpoints"
    " WHERE projection = 'speakers' AND state = 'live'"
)


def select(record: Timeline, tally: Tally, number: int) -> None:
    """Read the plain-named views by SQL."""
    with database.reading(record.store.engine) as connection:
        version, position = connection.exec_driver_sql(LIVE).one()
        total = connection.exec_driver_sql("SELECT sum(times) FROM speakers").scalar()
        if total != position:
            raise AssertionError(f"version {version} at {position} counts {total}")
        if number % 10 == 0:
            rows = connection.exec_driver_sql("SELECT count(*) FROM spoken").scalar()
            if rows != position:
                raise AssertionError(f"version {version} at {position} has {rows} rows")
    tally.versions.add(version)


# The run


def rebuild(url: str, out: Any) -> None:
    """Rebuild in the new version; how long it took, and to which position."""
    with Timeline.open(url, events=[Spoken], projections=[Wordier()]) as record:
        began, before = time.perf_counter(), peak()
        done = record.rebuild("speakers")
        out.send((time.perf_counter() - began, done.position, done.number, peak() - before))


def peak() -> float:
    """The most memory this process has had, in MiB; Linux tells."""
    # Not from getrusage, which counts what the parent had when it forked.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def fill(url: str, count: int) -> None:
    """Make a log of so many events, and keep its rows."""
    with Timeline.open(url, events=[Spoken], projections=[Speakers()]) as record:
        for start in range(0, count, BATCH):
            record.store.append_all(map(statement, range(start, min(start + BATCH, count))))
        with record.view():
            pass


def run(url: str, count: int, seconds: float) -> None:
    """One database: fill it, load it, rebuild, and look at what everybody saw."""
    fill(url, count)
    context = multiprocessing.get_context("fork")
    phase: Any = context.Value("i", BEFORE)
    jobs = [("append", append, 0.005), ("append", append, 0.005), ("report", report, 0.02),
            ("SQL", select, 0.02)]  # fmt: skip
    ears = []
    for name, act, pause in jobs:
        ear, mouth = context.Pipe(duplex=False)
        context.Process(target=work, args=(act, url, pause, phase, mouth), daemon=True).start()
        ears.append((name, ear))
    time.sleep(seconds)
    phase.value, began = DURING, time.perf_counter()
    ear, mouth = context.Pipe(duplex=False)
    # A process that shares nothing with this one, whose memory is not ours.
    spawned = multiprocessing.get_context("spawn")
    spawned.Process(target=rebuild, args=(url, mouth), daemon=True).start()
    took, position, number, memory = ear.recv()
    phase.value, ended = AFTER, time.perf_counter()
    time.sleep(seconds)
    phase.value = OVER
    tallies = [(name, ear.recv()) for name, ear in ears]
    lasted = {BEFORE: seconds, DURING: ended - began, AFTER: seconds}
    print(f"rebuilt in {took:.1f} s and {memory:.0f} MiB more than at the start; build {number} "
          f"went live at position {position:,}")  # fmt: skip
    show(tallies, lasted)
    check(url, tallies)


def show(tallies: list[tuple[str, Tally]], lasted: dict[int, float]) -> None:
    """Print rates and waits, by kind and phase."""
    print(f"{'':>10}{'before':>26}{'during':>26}{'after':>26}")
    for kind in dict.fromkeys(name for name, _ in tallies):
        cells = []
        for phase, seconds in lasted.items():
            waits = [s for name, t in tallies if name == kind for s in t.seconds[phase]]
            rate = f"{len(waits) / seconds:,.0f}/s" if waits else "none"
            typical, longest = (statistics.median(waits), max(waits)) if waits else (0.0, 0.0)
            cells.append(f"{rate}  {typical * 1000:.1f} / {longest * 1000:,.0f} ms")
        print(f"{kind:>10}" + "".join(f"{cell:>26}" for cell in cells))


def check(url: str, tallies: list[tuple[str, Tally]]) -> None:
    """Hold what was seen against what must be."""
    problems = [tally.problem for _, tally in tallies if tally.problem]
    if problems:
        sys.exit(f"BROKEN: {'; '.join(problems)}")
    if not all(tally.seconds[DURING] for _, tally in tallies):
        sys.exit("BROKEN: somebody came to a stop during the rebuild")
    seen = [position for _, tally in tallies for position in tally.seen]
    versions = set().union(*(tally.versions for _, tally in tallies))
    if versions != {1, 2}:
        sys.exit(f"BROKEN: the plain names showed versions {versions}")
    engine = database.create_engine(url)
    store = EventStore(engine, [Spoken])
    picked = seen[:: max(1, len(seen) // FOLDS)][:FOLDS]
    for position, found in picked:
        if shown(Projector(store, [Speakers()]).fold(Cutoff(position=position))) != found:
            sys.exit(f"BROKEN: the report at {position} is not what a fold gives")
    new = Projector(store, [Wordier()])
    new.catch_up()
    with database.reading(engine) as connection:
        kept = new.view(connection)
        same = kept.all(WordyRow) == new.fold(Cutoff(position=kept.head.position)).all(WordyRow)
    if not same:
        sys.exit("BROKEN: the new rows are not what a fold gives")
    engine.dispose()
    counted = {name: 0 for name, _ in tallies}
    for name, tally in tallies:
        counted[name] += sum(map(len, tally.seconds.values()))
    print(f"{counted['report']:,} reports, {counted['SQL']:,} reads by SQL, of versions 1 and 2: "
          f"rows, counts and position agreed in each; {len(picked)} reports, and the rebuilt rows "
          f"at the end, were equal to a fold\n")  # fmt: skip


@contextlib.contextmanager
def place(kind: str) -> Iterator[tuple[str, str]]:
    """A database of its own, and what it is."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/rebuild.db", "SQLite"
            return
        with servers.postgres_server({}, Path(tempfile.gettempdir())) as server:
            url = server.create_database()
            with database.create_engine(url).connect() as connection:
                version = connection.scalar(sa.text("SHOW server_version"))
            yield url, f"PostgreSQL {version}"


def main() -> None:
    """Run, and print a table for each database."""
    parser = argparse.ArgumentParser(description="A rebuild of a long log, under load.")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=10, help="before and after the rebuild")
    parser.add_argument("--on", choices=["sqlite", "postgresql"], action="append")
    given = parser.parse_args()
    for kind in given.on or ["sqlite", "postgresql"]:
        with place(kind) as (url, name):
            print(f"{name}, {given.events:,} events; rate, median and longest wait")
            run(url, given.events, given.seconds)


if __name__ == "__main__":
    main()
