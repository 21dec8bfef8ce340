"""What commands and coded data take: seconds of the processor, which others hardly change."""

from __future__ import annotations

import functools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bench_ingest

from benchmarks.ground import SQLITE, Ground
from timeline import NewEvent, Timeline

SAMPLE, FILE = 3_705, 51_870
"""Rows of coded data, as many as a small and a large file of ICEWS have."""


def ingests(ground: Ground) -> float:
    """Events a second of a file of coded data, ingested into an empty record."""
    with tempfile.TemporaryDirectory() as folder, Timeline.open(f"sqlite:///{folder}/r.db") as made:
        file = Path(folder, "rows.tab")
        bench_ingest.write(file, FILE)
        began = time.process_time()
        added = made.ingest_coded(file, dataset="icews").added
        return added / (time.process_time() - began)


def loads(ground: Ground) -> float:
    """The same events, loaded into an empty log."""
    with Timeline.open(ground.shared(coded(FILE), SQLITE)) as record:
        events = [
            NewEvent(new.event, new.id, new.stream, new.occurred, new.evidence)
            for new in record.store.read_all()
        ]
    with tempfile.TemporaryDirectory() as folder, Timeline.open(f"sqlite:///{folder}/r.db") as made:
        began = time.process_time()
        added = made.store.load(events).added
        return added / (time.process_time() - began)


@functools.cache
def coded(rows: int) -> Callable[[str], None]:
    """What makes a record of so many rows of coded data."""

    def make(url: str) -> None:
        with tempfile.TemporaryDirectory() as folder, Timeline.open(url) as made:
            file = Path(folder, "rows.tab")
            bench_ingest.write(file, rows)
            made.ingest_coded(file, dataset="icews")
            made.attendance()

    return make


def gas_union(url: str) -> None:
    """Make the record of the fixtures."""
    files = map(str, sorted(Path("fixtures/gas-union").glob("*.yaml")))
    run("-m", "timeline", "--db", url, "init")
    run("-m", "timeline", "--db", url, "ingest", *files)
    run("-m", "timeline", "--db", url, "report", "initiative", "gas-union")


def imports(_ground: Ground) -> float:
    """Seconds of `import sqlalchemy`, for scale."""
    return seconds("-c", "import sqlalchemy")


def help_(_ground: Ground) -> float:
    """Seconds of `timeline --help`."""
    return timeline("--help")


def initiative(ground: Ground) -> float:
    """Seconds of a report on a record of some 340 events."""
    return timeline("--db", ground.shared(gas_union, SQLITE), "report", "initiative", "gas-union")


def attendance(ground: Ground) -> float:
    """Seconds of the attendance of all meetings."""
    url = ground.shared(coded(SAMPLE), SQLITE)
    return timeline("--db", url, "report", "attendance", "--format", "json")


def site(ground: Ground) -> float:
    """Seconds of all pages."""
    with tempfile.TemporaryDirectory() as folder:
        return timeline("--db", ground.shared(coded(SAMPLE), SQLITE), "site", f"{folder}/site")


def timeline(*words: str) -> float:
    """Seconds of a command."""
    return seconds("-m", "timeline", *words)


def seconds(*words: str) -> float:
    """Seconds of the processor that Python takes for this, in a process of its own.

    What it imports is compiled already, as on a user's machine from the second command on.
    """
    run(*words)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(*words: str) -> None:
    """Run Python, which keeps what it compiles even where the environment forbids it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=kept)
