"""Records and Dask workers for the tests of what is distributed."""

import contextlib
import multiprocessing
from collections.abc import Iterable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import dask
import distributed
from split_projections import USERS, TariffImposed

from timeline import NewEvent, Projection, Timeline
from timeline.projections import BUILT_IN

ALL = (*BUILT_IN, *USERS)
GAS_UNION, FERRY = (
    sorted(Path("fixtures", name).resolve().glob("*.yaml"))
    for name in ("gas-union", "strait-ferry")
)


@contextlib.contextmanager
def two_processes(failures: int = 1) -> Iterator[str]:
    """A scheduler with two workers in processes of their own; one that dies is started again.

    A task may have so many failures before the scheduler gives it up.
    """
    # Workers fork from a process that has imported what they need: a new one is there at once.
    multiprocessing.set_forkserver_preload(["distributed.nanny", "timeline.distributed.tasks"])
    forkserver.ensure_running()
    choices = {
        "distributed.scheduler.allowed-failures": failures,
        "distributed.worker.multiprocessing-method": "forkserver",
    }
    with (
        dask.config.set(choices),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as made,
    ):
        yield made.scheduler_address


@contextlib.contextmanager
def threads(workers: int) -> Iterator[str]:
    """A scheduler with so many workers in this process: quick to start."""
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as made:
        yield made.scheduler_address


@contextlib.contextmanager
def record(url: str, *projections: Projection) -> Iterator[Timeline]:
    with Timeline.open(url, events=[TariffImposed], projections=projections) as opened:
        yield opened


def fill(opened: Timeline, files: Iterable[Path] = GAS_UNION) -> None:
    opened.ingest(*files)
    opened.store.append_all(
        [NewEvent(TariffImposed(f"g{n % 7}", float(n % 3), ["a"])) for n in range(40)]
    )


def rows_of(opened: Timeline, projection: Projection) -> list[Any]:
    with opened.view() as view:
        return [row for cls in projection.rows for row in view.all(cls)]


def live(opened: Timeline, name: str) -> int:
    return next(s.build for s in opened.status() if s.projection == name and s.state == "live")


def building(opened: Timeline, name: str = "plans") -> list[int]:
    return [s.build for s in opened.status() if s.projection == name and s.state == "building"]
