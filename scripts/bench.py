"""Measures what the store needs; see `scripts/bench`.

`all`: `peers` and `growth` together, and docs/explanation/performance.md made of what they find.

`peers`: how fast the store is beside the raw drivers and the package `eventsourcing`.

`growth`: what its work costs as the log grows.

`search`: what searches cost among many statements on SQLite; it exits with 1 if the median of a
kind is not under 50 ms.

`page`: makes the page again from what the last run found, which is kept beside it.

`memory`: how much memory verifying, rebuilding every projection, following, and an export with its
import take on a long log.
Each is done by a process of its own, which says how far its peak lies above what it took before it
began, with everything imported and the database open.

`ingest`: how long an ingest of coded event data takes, and how much memory, likewise.

`scale`: files of coded data to an archive to the rows of two projections, all in Parquet.

`check`: that workers make of such files the rows that one process keeps.

`partition`: a log on PostgreSQL in one table, and in partitions by position.

`split`: how much faster several Dask workers fold a long log than one process does.
"""

import argparse
import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench_ingest
import bench_partition
import bench_scale
import bench_split
import servers
from benchmarks import growth, lines, page, searching, work
from benchmarks.ground import POSTGRESQL, Ground
from benchmarks.lines import peak

from timeline import Evidence, Link, NewEvent, Position, StatementMade, Timeline
from timeline.events import Actor, ActorAdded, ProposalMade, Source, SourceAdded

TEXT = "What was said, in some four hundred characters of the recorder's own words. " * 5
_BATCH = 5_000


@contextlib.contextmanager
def database(*, postgresql: bool) -> Iterator[str]:
    """An empty database."""
    folder = Path(tempfile.gettempdir())
    if postgresql:
        with servers.postgres_server({}, folder) as server:
            yield server.create_database()
    else:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            yield f"sqlite:///{made}/bench.db"


def statements(count: int) -> Iterator[NewEvent]:
    """Statements of a thousand speakers about a hundred proposals, and what they name."""
    yield NewEvent(ActorAdded(Actor("gazette", "organisation", "The Gazette")), id="gazette")
    yield NewEvent(SourceAdded(Source("g", publisher="gazette", title="Daily")), id="g")
    for number in range(1000):
        yield NewEvent(ActorAdded(Actor(f"s{number}", "person", f"Speaker {number}")))
    evidence = [[Evidence("g", at="p. 1", chain=["gazette", Link(f"s{n}")])] for n in range(1000)]
    for number in range(100):
        made = ProposalMade(f"p{number}", f"Proposal {number}", by=f"s{number}", text=TEXT)
        yield NewEvent(made, occurred="2020-01-01", evidence=evidence[number])
    for number in range(count - 1102):
        speaker = number % 1000
        said = StatementMade(
            f"s{speaker}",
            TEXT,
            about=[f"p{number % 100}"],
            positions=[Position(f"s{speaker}", "favourable")] if number % 10 == 0 else [],
        )
        day = f"20{number % 20 + 10}-{number % 12 + 1:02}-{number % 28 + 1:02}"
        yield NewEvent(said, occurred=day, evidence=evidence[speaker])


def fill(url: str, count: int) -> None:
    """Append so many events."""
    with Timeline.open(url) as timeline:
        batch: list[NewEvent] = []
        for new in statements(count):
            batch.append(new)
            if len(batch) == _BATCH:
                timeline.store.append_all(batch)
                batch.clear()
        timeline.store.append_all(batch)


def verify(timeline: Timeline) -> int:
    """Verify the log."""
    return timeline.verify().position


def rebuild(timeline: Timeline) -> int:
    """Build every projection again."""
    for line in {line.projection for line in timeline.status()}:
        timeline.rebuild(line)
    return timeline.store.head().position


def follow(timeline: Timeline) -> int:
    """Follow the log to its end."""
    end = timeline.store.head().position
    for event in timeline.store.follow():
        if event.position == end:
            break
    return end


def import_(timeline: Timeline) -> int:
    """Export the log, and import it into an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        timeline.export_log(Path(folder, "log"))
        with Timeline.open(f"sqlite:///{folder}/copy.db") as copy:
            return copy.import_log(Path(folder, "log")).added


def measured(url: str, work: Callable[[Timeline], int]) -> tuple[int, float, int]:
    """Events dealt with, seconds, and bytes above the start."""
    with Timeline.open(url) as timeline:
        timeline.store.head()
        before, began = peak(), time.perf_counter()
        done = work(timeline)
        return done, time.perf_counter() - began, peak() - before


def memory(given: argparse.Namespace) -> None:
    """Measure memory, and print a table."""
    with database(postgresql=given.postgresql) as url:
        # Spawned: a forked process would start with the peak of this one.
        spawn = multiprocessing.get_context("spawn")
        with spawn.Pool(1, maxtasksperchild=1) as pool:
            pool.apply(fill, (url, given.events))
            name = "PostgreSQL" if given.postgresql else "SQLite"
            print(f"{given.events:,} events on {name}, Python {sys.version.split()[0]}, "
                  f"{os.cpu_count()} cores")  # fmt: skip
            for work in (verify, rebuild, follow, import_):
                done, seconds, taken = pool.apply(measured, (url, work))
                print(f"{work.__name__:>10} {done / seconds:10,.0f} events/s "
                      f"{taken / 2**20:8,.0f} MiB above the start")  # fmt: skip


def ingesting(url: str, file: Path) -> tuple[str, float, int]:
    """Ingest a file of coded event data: what became of it, seconds, bytes above the start."""
    with Timeline.open(url) as timeline:
        timeline.store.head()
        before, began = peak(), time.perf_counter()
        done = timeline.ingest_coded(file, dataset="icews")
        seconds, taken = time.perf_counter() - began, peak() - before
    told = (
        f"{done.rows:,} rows, {done.events:,} events, {done.folded:,} folded, {done.added:,} added"
    )
    return told, seconds, taken


def ingest(given: argparse.Namespace) -> None:
    """Measure an ingest of coded event data."""
    with tempfile.TemporaryDirectory() as folder, database(postgresql=given.postgresql) as url:
        file = Path(folder) / "rows.tab"
        bench_ingest.write(file, given.rows)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            told, seconds, taken = pool.apply(ingesting, (url, file))
    print(f"{told}; {seconds:,.0f} s, {given.rows / seconds:,.0f} rows/s, "
          f"{taken / 2**20:,.0f} MiB above the start")  # fmt: skip


def split(given: argparse.Namespace) -> None:
    """Measure folding on several workers."""
    with database(postgresql=given.postgresql) as url:
        bench_split.measure(given, fill, url)


def peers(given: argparse.Namespace) -> dict[str, Any]:
    """Measure beside the peers; what was found, and with what."""
    with contextlib.ExitStack() as stack:
        ground = Ground(stack, given.events)
        found = lines.measure(lines.chosen(given.only), ground, given.rounds, tell)
        if lines.PEERS:
            for where, keys in zip(("ahead of", "behind"), lines.standing(found), strict=True):
                tell(f"{where} the peer: {', '.join(keys) or 'no line'}")
        server = ground.version() if any(key.startswith(POSTGRESQL) for key in found) else "–"
    sizes = [work.payload(new) for new in work.news(1_000, given.events)]
    made = {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": server,
        **{name: version(name) for name in ("psycopg", "sqlalchemy", "eventsourcing")},
        "rounds": given.rounds,
        "events": given.events,
        "streams": work.streams(given.events),
        "payload": sum(sizes) / len(sizes),
    }
    return {"made": made, "lines": found}


def version(name: str) -> str:
    """The version of a package; a dash where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "–"


def grow(given: argparse.Namespace) -> dict[int, growth.Costs]:
    """Measure what work costs as the log grows."""
    return growth.measured(given.sizes, given.rounds, tell)


def search(given: argparse.Namespace) -> None:
    """Measure searches; with `--into`, keep what was found, and make the page of it."""
    made = searching.measured(given.statements, given.rounds, tell)
    if given.into:
        kept = given.into / KEPT
        found = {
            "statements": given.statements,
            "rounds": given.rounds,
            "day": f"{datetime.now(UTC):%Y-%m-%d}",
            "most": searching.MOST,
            "medians": made,
        }
        results = json.loads(kept.read_text("utf-8")) | {"search": found}
        kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        page.write(results, given.into)
    sys.exit(any(cost >= searching.MOST for cost in made.values()))


def everything(given: argparse.Namespace) -> None:
    """Measure, keep what was found, and make the page of it."""
    kept = given.into / KEPT
    before = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    kept_on = {"growth", "search"} if given.keep_growth else {"search"}
    results: dict[str, Any] = {name: before[name] for name in kept_on & before.keys()} | peers(
        given
    )
    if not given.keep_growth:
        results["growth"] = grow(given)
    kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    make_page(given)


def make_page(given: argparse.Namespace) -> None:
    """Make the page of what was kept."""
    kept = given.into / KEPT
    results = json.loads(kept.read_text("utf-8"))
    if given.note:
        results["made"]["note"] = given.note
        kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page.write(results, given.into)


KEPT = "performance.json"


def tell(text: str) -> None:
    """Say at once how far it has come."""
    print(text, flush=True)


def parse() -> argparse.Namespace:
    """The arguments; `all` where none says what."""
    parser = argparse.ArgumentParser(description="Measures what the store needs.")
    kinds = parser.add_subparsers(required=True, dest="kind")
    of_all = kinds.add_parser("all", help="peers and growth, and the page made of them")
    of_all.add_argument("--keep-growth", action="store_true", help="as the last run found it")
    of_all.set_defaults(run=everything)
    of_peers = kinds.add_parser("peers", help="beside the raw drivers and eventsourcing")
    of_peers.set_defaults(run=peers)
    of_growth = kinds.add_parser("growth", help="what work costs as the log grows")
    of_growth.set_defaults(run=grow)
    of_search = kinds.add_parser("search", help="searches among many statements")
    of_search.add_argument("--statements", type=int, default=100_000)
    of_search.add_argument("--into", type=Path, metavar="FOLDER", help="write what it finds there")
    of_search.set_defaults(run=search)
    of_page = kinds.add_parser("page", help="make the page again, of what was found last")
    of_page.set_defaults(run=make_page)
    for each in (of_all, of_peers):
        each.add_argument("--events", type=int, default=100_000)
        each.add_argument("--only", nargs="+", metavar="NAME", help="lines that begin so")
    for each in (of_all, of_growth):
        each.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    for each in (of_all, of_peers, of_growth, of_search):
        each.add_argument("--rounds", type=int, default=5)
    for each in (of_all, of_page):
        each.add_argument("--into", type=Path, default=Path("docs/explanation"), metavar="FOLDER")
        each.add_argument("--note", help="what a reader should know of the run, such as its noise")
    of_memory = kinds.add_parser("memory", help="verify, rebuild and follow a long log")
    of_memory.add_argument("--events", type=int, default=1_000_000)
    of_memory.add_argument("--postgresql", action="store_true")
    of_memory.set_defaults(run=memory)
    of_ingest = kinds.add_parser("ingest", help="ingest rows in the shape of ICEWS")
    of_ingest.add_argument("--rows", type=int, default=350_000)
    of_ingest.add_argument("--postgresql", action="store_true")
    of_ingest.set_defaults(run=ingest)
    of_split = kinds.add_parser("split", help="fold a long log on several workers")
    of_split.add_argument("--events", type=int, default=1_000_000)
    of_split.add_argument("--workers", type=int, default=2)
    of_split.add_argument("--projection", action="append", help="may be given repeatedly")
    of_split.add_argument("--postgresql", action="store_true")
    of_split.set_defaults(run=split)
    parse_scale(kinds)
    given = sys.argv[1:]
    named = given and (not given[0].startswith("-") or given[0] in ("-h", "--help"))
    return parser.parse_args(given if named else ["all", *given])


def parse_scale(kinds: Any) -> None:
    """The arguments of what lies beyond one machine."""
    of_scale = kinds.add_parser("scale", help="files to an archive to rows, all in Parquet")
    of_scale.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    of_scale.add_argument("--workers", type=int, default=2)
    of_scale.add_argument("--memory", default="2GiB", help="of each worker")
    of_scale.set_defaults(run=bench_scale.measure)
    of_check = kinds.add_parser("check", help="that workers make the rows that are kept")
    of_check.add_argument("--events", type=int, default=1_000_000)
    of_check.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    of_check.add_argument("--memory", default="2GiB", help="of each worker")
    of_check.set_defaults(run=bench_scale.check)
    of_partition = kinds.add_parser("partition", help="a partitioned table of events on PostgreSQL")
    of_partition.add_argument("--events", type=int, default=1_000_000)
    of_partition.add_argument("--archive", help="that is there, instead of one made for it")
    of_partition.set_defaults(run=bench_partition.measure)


def main() -> None:
    """Read the arguments, and measure."""
    given = parse()
    try:
        given.run(given)
    except lines.UnknownLine as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()
