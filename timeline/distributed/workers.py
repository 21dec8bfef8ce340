"""Dask workers: start or join them, and check that they run the same code as this process."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.metadata
import inspect
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from timeline.engine.projection import Projection
from timeline.errors import ClusterError, InvalidInput
from timeline.log.codec import Upcaster

PATIENCE = 10.0
"""Seconds to wait for a scheduler, and for workers, before giving up."""


@attrs.frozen
class Workers:
    """Who folds, and what they read.

    Attributes:
        on: the address of a scheduler; None for processes started for the time it takes.
        number: how many of these.
        memory: what each of these may take, such as `2GiB`; a like share of all, if not given.
        archive: what they read; None for the database.
    """

    on: str | None = None
    number: int | None = None
    memory: str | None = None
    archive: str | None = None


def require_sensible(workers: Workers) -> None:
    """Check what is said of workers, before any is asked."""
    from dask.utils import parse_bytes
    from distributed.comm import get_address_host_port, parse_address
    from distributed.comm.registry import get_backend

    if workers.memory is not None:
        try:
            size = parse_bytes(workers.memory)
        except ValueError:
            size = 0
        if size < 1:
            raise InvalidInput(
                f"memory: expected a size, such as 2GiB; found {workers.memory!r}"
            ) from None
    if workers.on is not None:
        try:
            kind, _ = parse_address(workers.on)
            get_backend(kind)
            if kind in {"tcp", "tls"}:
                get_address_host_port(workers.on)
        except ValueError as error:
            raise InvalidInput(
                "expected the address of a Dask scheduler, such as tcp://host:8786; found "
                f"{workers.on!r} ({error})"
            ) from None


@contextlib.contextmanager
def connected(workers: Workers) -> Iterator[Any]:
    """A client of the workers, for as long as they are needed.

    Raises:
        ClusterError: there is no scheduler, or it has no workers.
    """
    import distributed

    with contextlib.ExitStack() as stack:
        try:
            if workers.on is None:
                cluster = stack.enter_context(_local_cluster(workers))
                client = distributed.Client(cluster, set_as_default=False)
            else:
                client = distributed.Client(workers.on, timeout=PATIENCE, set_as_default=False)
            stack.enter_context(client)
            stack.enter_context(client.as_current())
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            where = workers.on or "this machine"
            raise ClusterError(
                f"expected a Dask scheduler with workers, at {where}; found none within "
                f"{PATIENCE:g} s ({type(error).__name__}: {error})"
            ) from None
        yield client


@contextlib.contextmanager
def _local_cluster(workers: Workers) -> Iterator[Any]:
    import distributed

    # New processes get this one's path: so they find a module in the folder the user stands in.
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        with distributed.LocalCluster(
            n_workers=workers.number,
            threads_per_worker=1,
            processes=True,
            memory_limit=workers.memory or "auto",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster:
            yield cluster
    finally:
        sys.path.remove(here)


# The same code everywhere


def _package() -> str:
    """The version of this package, and a digest of its source."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    try:
        version = importlib.metadata.version("timeline-store")
    except importlib.metadata.PackageNotFoundError:
        version = "not installed"
    return f"{version} ({digest.hexdigest()[:12]})"


_PACKAGE = _package()
"""As it was when it was loaded: the files may have been changed since, and the code not."""


@cache
def _module(name: str) -> str:
    try:
        source = inspect.getsource(importlib.import_module(name))
    except ImportError as error:
        return f"none ({error})"
    except (OSError, TypeError):
        return "no source"
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def code_of(modules: Sequence[str]) -> dict[str, str]:
    """What this process has loaded of what rows are made by."""
    return {"timeline": _PACKAGE} | {name: _module(name) for name in modules}


def modules_of(projection: Projection, known: Iterable[type | Upcaster]) -> list[str]:
    """The modules, beside the package's own, that workers must have.

    Raises:
        InvalidInput: one cannot be imported elsewhere.
    """
    functions = (kind.apply if isinstance(kind, Upcaster) else kind for kind in known)
    objects = (*type(projection).__mro__, *projection.rows, *functions)
    modules = {thing.__module__ for thing in objects}
    own = {name for name in modules if name.partition(".")[0] not in {"timeline", "builtins"}}
    for name in sorted(own):
        if name == "__main__" or _module(name) == "no source":
            raise InvalidInput(
                f"expected the code of projection {projection.name!r} in modules that workers can "
                f"import; found some in {name!r}. Put it in a file of its own."
            )
    return sorted(own)


def require_same_code(client: Any, modules: Sequence[str]) -> None:
    """Check that all workers have loaded what this process has.

    Raises:
        ClusterError: one has not; names it, and the module.
    """
    try:
        codes = client.run(code_of, modules)
    except Exception as error:
        # A worker without this package, or with one too old to have this function.
        raise ClusterError(f"a worker cannot run this code ({said(error)}). {_MEND}") from error
    for worker, code in sorted(codes.items()):
        compare_code(code_of(modules), code, worker)


def compare_code(expected: Mapping[str, str], found: Mapping[str, str], worker: str) -> None:
    """Check that a worker has loaded what is expected.

    Raises:
        ClusterError: it has not; names the module.
    """
    for name, digest in expected.items():
        if found.get(name) != digest:
            raise ClusterError(
                f"worker {worker}: expected {name} {digest}; found {found.get(name)}. {_MEND}"
            )


_MEND = "Install the same code for all workers, and start them again."


def said(error: BaseException) -> str:
    """An error of somebody else's, as a part of ours."""
    return f"{type(error).__name__}: {error}"


def own_address() -> str:
    """The address of the worker that this is."""
    import distributed

    try:
        return str(distributed.get_worker().address)
    except ValueError:
        return "in this process"
