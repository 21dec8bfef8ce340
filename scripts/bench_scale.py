"""From coded files to an archive to two read models, all in Parquet; see `scripts/bench`."""

import argparse
import itertools
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import bench_ingest
import bench_split
import distributed

from timeline import Timeline
from timeline.distributed.coded_archive import archive_coded
from timeline.log.archive import Archive
from timeline.projections import BUILT_IN

_FILE = 20_000
"""Rows in a file."""


def measure(given: argparse.Namespace) -> None:
    """Measure each size in a process of its own, and print a table."""
    made = []
    for size in given.sizes:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            made.append(pool.submit(run, size, given.workers, given.memory).result())
        print(json.dumps(made[-1]), flush=True)
    heads = ["step", *(f"{each['events']:,} events" for each in made), "grows by"]
    print("\n".join(bench_split.table(heads, lines(made))))


def check(given: argparse.Namespace) -> None:
    """Compare the rows of each projection that workers make of one log with those kept of it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = str(Path(folder, "archive"))
        archive_coded(archive, *written(Path(folder), given.events), dataset="icews", workers=2)
        with Timeline.open(f"sqlite:///{folder}/record.db") as record:
            record.import_archive(archive)
            for projection in BUILT_IN:
                record.rebuild(projection.name)
            for workers in given.workers:
                compare(record, archive, Path(folder, f"rows-{workers}"), workers, given.memory)


def compare(record: Timeline, archive: str, rows: Path, workers: int, memory: str) -> None:
    """Have so many workers make the rows of every projection; they are the rows kept."""
    with cluster_of(workers, memory) as cluster:
        for projection in BUILT_IN:
            record.rebuild_files(
                projection.name, rows, on=cluster.scheduler_address, archive=archive
            )
    with record.with_rows(rows).view() as seen, record.view() as kept:
        for cls in (cls for projection in BUILT_IN for cls in projection.rows):
            expected = kept.all(cls)
            assert seen.all(cls) == expected, cls
            print(f"{workers} workers: {len(expected):>9,} rows of {cls.__name__} are the same")


def lines(made: list[dict[str, Any]]) -> Iterator[list[str]]:
    """The lines of the table: of each step its seconds and tasks, and by what the last grew."""
    for step in made[0]["steps"]:
        cells = []
        for each in made:
            found = each["steps"][step]
            tasks = f", {found['tasks']:,} tasks" if "tasks" in found else ""
            memory = f", {found['memory'] / 2**20:,.0f} MiB" if "memory" in found else ""
            cells.append(f"{found['cpu']:,.0f} s{tasks}{memory}")
        first, last = made[0], made[-1]
        more = last["events"] / first["events"]
        grown = last["steps"][step]["cpu"] / first["steps"][step]["cpu"] / more
        yield [step, *cells, f"{grown:.2f} times the events"]


def run(size: int, workers: int, memory: str) -> dict[str, Any]:
    """What each step takes for so many events, on this many workers."""
    steps: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        archive = str(Path(folder, "archive"))
        files = written(Path(folder), size)
        timed(
            steps,
            "archive",
            lambda: archive_coded(archive, *files, dataset="icews", workers=workers),
        )
        timed(steps, "verify", lambda: Archive(archive).verify(workers=workers))
        for name in ("statements", "initiatives"):
            timed(steps, name, lambda name=name: built(name, archive, folder, workers, memory))
        events = Archive(archive).head().position
    return {"events": events, "steps": steps}


def written(folder: Path, size: int) -> list[Path]:
    """Files with rows of which about so many events come."""
    files = []
    rows = bench_ingest.rows(size)
    while some := list(itertools.islice(rows, _FILE)):
        files.append(folder / f"{len(files):06}.tab")
        text = ("\t".join(row) for row in [bench_ingest.FIELDS, *some])
        files[-1].write_text("\n".join(text) + "\n", encoding="utf-8")
    return files


def timed(steps: dict[str, dict[str, float]], name: str, work: Callable[[], Any]) -> None:
    """Note the seconds of all processors, of this process alone, and of the clock."""
    before, own, began = cpu(), time.process_time(), time.perf_counter()
    found = work()
    more = found if isinstance(found, dict) else {}
    steps[name] = {
        "cpu": cpu() - before,
        "own": time.process_time() - own,
        "clock": time.perf_counter() - began,
        **more,
    }


def cpu() -> float:
    """Seconds of this process and those that it ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def built(name: str, archive: str, folder: str, workers: int, memory: str) -> dict[str, float]:
    """Have workers write the rows; how many tasks, and the most memory that one of them took."""
    with (
        cluster_of(workers, memory) as cluster,
        distributed.Client(cluster) as client,
        Timeline.open("sqlite://") as timeline,
    ):
        client.wait_for_workers(workers)
        with distributed.get_task_stream(client) as stream:
            timeline.rebuild_files(
                name, Path(folder, "rows"), on=cluster.scheduler_address, archive=archive
            )
        peaks = client.run(lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return {"tasks": len(stream.data), "memory": max(peaks.values())}


def cluster_of(workers: int, memory: str) -> distributed.LocalCluster:
    """So many processes, each with so much memory."""
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit=memory,
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    )
