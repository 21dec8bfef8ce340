"""How much faster several Dask workers fold a long log than one process; see `scripts/bench`."""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from timeline import Archive, Timeline

Fill = Callable[[str, int], None]
"""Appends so many events to the record at an address."""


def measure(given: argparse.Namespace, fill: Fill, url: str) -> None:
    """Measure folding on several workers, and print a table."""
    heads = ["projection", "one process, s", "events/s", f"{given.workers} workers, s", "events/s"]
    heads.append("ratio")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        pool.apply(fill, (url, given.events))
        written, verified, size = pool.apply(archived, (url, folder))
        for name in given.projection or ["initiatives", "statements"]:
            alone = pool.apply(rebuilt, (url, name))
            apart = rebuilt(url, name, workers=given.workers, archive=folder)
            rates = f"{alone:.1f} | {given.events / alone:,.0f} | {apart:.1f}"
            lines.append(
                f"| {name} | {rates} | {given.events / apart:,.0f} | {alone / apart:.2f} |"
            )
    where = "PostgreSQL" if given.postgresql else "SQLite"
    setting = f"{date.today():%Y-%m-%d}, Python {sys.version.split()[0]}, {os.cpu_count()} cores"  # noqa: DTZ011
    took = f"{written:.1f} s to write, {verified:.1f} s to verify"
    lines += ["", f"{given.events:,} events on {where}; {setting}."]
    lines += [f"The archive took {took}, and {size / given.events:,.0f} bytes an event."]
    print("\n".join(lines))
    if given.write:
        page = Path(given.write)
        begin, end = "<!-- scripts/bench split -->\n", "\n<!-- end -->"
        before, _, rest = page.read_text(encoding="utf-8").partition(begin)
        after = rest.partition(end)[2]
        page.write_text(before + begin + "\n".join(lines) + end + after, encoding="utf-8")


def archived(url: str, folder: str) -> tuple[float, float, int]:
    """Seconds to write an archive and to verify it, and its size in bytes."""
    with Timeline.open(url) as timeline:
        began = time.perf_counter()
        timeline.archive(folder)
        written = time.perf_counter() - began
    Archive(folder).verify()
    size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return written, time.perf_counter() - began - written, size


def rebuilt(url: str, name: str, **workers: Any) -> float:
    """Seconds in which a projection is built anew: read, folded, written and let go live.

    With workers, from before they are started.
    """
    with Timeline.open(url) as timeline:
        began = time.perf_counter()
        timeline.rebuild(name, **workers)
        return time.perf_counter() - began
