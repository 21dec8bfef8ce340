"""How much faster several Dask workers fold a long log than one process; see `scripts/bench`."""

import argparse
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import attrs
import distributed

from timeline import Timeline
from timeline.log.archive import Archive

Fill = Callable[[str, int], None]
"""Appends so many events to the record at an address."""


@attrs.frozen
class Shares:
    """Where the seconds of a rebuild on workers went.

    Attributes:
        around: starting the workers, and stopping them.
        apart: from when they began to when they were done.
        rows: fetching what they made, writing it, and letting it go live.
        tasks: of each kind of task, on all workers together.
    """

    around: float
    apart: float
    rows: float
    tasks: dict[str, float]

    @property
    def all(self) -> float:
        """From before the workers were started to when they were gone."""
        return self.around + self.apart + self.rows


def measure(given: argparse.Namespace, fill: Fill, url: str) -> None:
    """Measure folding on several workers, and print two tables."""
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        pool.apply(fill, (url, given.events))
        written, verified, size = pool.apply(archived, (url, folder))
        found = {
            name: (pool.apply(rebuilt, (url, name)), apart(url, name, folder, given.workers))
            for name in given.projection or ["initiatives", "statements"]
        }
    where = "PostgreSQL" if given.postgresql else "SQLite"
    setting = f"{date.today():%Y-%m-%d}, Python {sys.version.split()[0]}, {os.cpu_count()} cores"  # noqa: DTZ011
    took = f"{written:.1f} s to write, {verified:.1f} s to verify"
    lines = [
        *compared(found, given.events, given.workers),
        "",
        f"{given.events:,} events on {where}; {setting}.",
        f"The archive took {took}, and {size / given.events:,.0f} bytes an event.",
        "",
        *explained(found, given.events),
    ]
    print("\n".join(lines))


def compared(found: Mapping[str, tuple[float, Shares]], events: int, workers: int) -> Iterator[str]:
    """How long it took alone, and with workers."""
    yield from table(
        ["projection", "one process, s", "events/s", f"{workers} workers, s", "events/s", "ratio"],
        (
            [
                name,
                f"{alone:.1f}",
                f"{events / alone:,.0f}",
                f"{shares.all:.1f}",
                f"{events / shares.all:,.0f}",
                f"{alone / shares.all:.2f}",
            ]
            for name, (alone, shares) in found.items()
        ),
    )


def explained(found: Mapping[str, tuple[float, Shares]], events: int) -> Iterator[str]:
    """Where the time with workers went."""
    kinds = {"routed": "routed", "folded": "folded", "folded_alone": "read and folded"}
    yield from table(
        [
            "projection",
            "workers started and stopped, s",
            "at work, s",
            "rows written, s",
            "events/s of each worker",
        ],
        (
            [
                name,
                *(f"{each:.1f}" for each in (shares.around, shares.apart, shares.rows)),
                "; ".join(
                    f"{kinds[kind]} {events / taken:,.0f}" for kind, taken in shares.tasks.items()
                ),
            ]
            for name, (_, shares) in found.items()
        ),
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield "| --- " * len(heads) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def archived(url: str, folder: str) -> tuple[float, float, int]:
    """Seconds to write an archive and to verify it, and its size in bytes."""
    with Timeline.open(url) as timeline:
        began = time.perf_counter()
        timeline.archive(folder)
        written = time.perf_counter() - began
    Archive(folder).verify()
    size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return written, time.perf_counter() - began - written, size


def rebuilt(url: str, name: str) -> float:
    """Seconds in which a projection is built again: read, folded, written and let go live."""
    with Timeline.open(url) as timeline:
        began = time.perf_counter()
        timeline.rebuild(name)
        return time.perf_counter() - began


def apart(url: str, name: str, folder: str, workers: int) -> Shares:
    """The same on workers that are started for it and read an archive."""
    began = time.perf_counter()
    with (
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        started = time.perf_counter()
        with distributed.get_task_stream(client) as stream, Timeline.open(url) as timeline:
            timeline.rebuild(name, on=cluster.scheduler_address, archive=folder)
        done = time.perf_counter()
    around = started - began + time.perf_counter() - done
    tasks: dict[str, float] = {}
    times = []
    for task in stream.data:
        _, _, kind = str(task["key"][0]).partition("timeline-")
        kind = kind.partition("-")[0]  # empty of Dask's own tasks
        for each in task["startstops"]:
            times += [each["start"], each["stop"]]
            if each["action"] == "compute" and kind in ("routed", "folded", "folded_alone"):
                tasks[kind] = tasks.get(kind, 0.0) + each["stop"] - each["start"]
    at_work = max(times) - min(times)
    return Shares(around, at_work, done - started - at_work, tasks)
