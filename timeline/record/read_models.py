"""The rows of projections: kept up with the log, viewed, built anew and compared."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

from timeline.engine.builds import Build, Comparison
from timeline.engine.projection import View
from timeline.engine.runner import ProjectionStatus
from timeline.errors import DatabaseBusy, DatabaseReadOnly, InvalidInput
from timeline.log import database
from timeline.log.store import EventStore
from timeline.log.telemetry import Progress
from timeline.record.reading import Record

_PATIENCE = 5.0
"""Seconds for which a view of kept rows is tried, while others move them."""


class ReadModels(Record):
    """A record whose rows are kept in tables, beside the log in `store`."""

    store: EventStore

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """One unchanging view of the rows of all projections, up to the end of the log.

        The rows are caught up first. Where that is not possible, because this role may only read or
        others keep the rows busy, the log is folded in memory instead, which takes longer.
        """
        with contextlib.ExitStack() as stack:
            yield self._kept_view(stack) or self._projector.fold()

    def _kept_view(self, stack: contextlib.ExitStack) -> View | None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self._projector.catch_up()
                connection = stack.enter_context(database.reading(self.store.engine))
                with database.translated(self.store.engine):
                    view = self._projector.view(connection)
                # A report cites only what survives a crash.
                database.make_durable(self.store.engine)
            except DatabaseBusy:
                stack.close()
                if time.monotonic() > end:
                    return None
            except DatabaseReadOnly:
                stack.close()
                return None
            else:
                return view

    def wait_for(self, position: int, *, timeout: float = 10.0) -> None:
        """Return once the rows of all projections have come to a position: you read what you wrote.

        You need it where you read the rows by SQL, and `run` or `timeline run` keeps them. Reports
        catch up by themselves.

        Args:
            position: of the log; `Appended.position` is that of an append.
            timeout: in seconds.

        Raises:
            DatabaseBusy: a projection did not come to it in that time; names the projection.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseError: the database could not do it.
        """
        self._projector.wait_for(position, timeout=timeout)

    def run(
        self,
        stop: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Keep the rows of all projections up with the log, until `stop` is set.

        After a transient error, such as a lost connection, it tries again for as long as it takes.

        Args:
            stop: set it, from another thread or a signal's handler, to end after the current step;
                rows and checkpoints are whole whenever it ends.
            progress: called now and then with the position reached, and the last one.

        Raises:
            DatabaseReadOnly: rows are behind, and this role may not keep them.
            DatabaseError: the error is not transient.
        """
        self._projector.run(stop, progress)

    def status(self) -> list[ProjectionStatus]:
        """Every build of every projection, and how far it has come.

        >>> record.rebuild("statements").state
        'live'
        >>> [build.state for build in record.status() if build.projection == "statements"]
        ['live']
        """
        return self._projector.status()

    def rebuild(
        self,
        name: str,
        *,
        hold: bool = False,
        on: str | None = None,
        workers: int | None = None,
        memory: str | None = None,
        archive: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Build:
        """Build a projection's rows anew beside the live ones, and let them go live in one moment.

        Appends and reports go on meanwhile. After a crash, the next call goes on where it was. With
        `on` or `workers`, Dask workers fold rows that split; after a crash it begins again.

        >>> record.rebuild("statements").state
        'live'

        Args:
            name: the projection.
            hold: stop before they go live; the next call without it lets them.
            on: the address of a Dask scheduler, such as `tcp://host:8786`.
            workers: how many processes to start on this machine for the time it takes.
            memory: how much memory each of these processes may take, such as `2GiB`.
            archive: an archive to read instead of the database, up to its end.
            progress: called with the position reached, and the last one.

        Raises:
            NotFound: no such projection is known, or there is no archive.
            DatabaseBusy: a reader held the plain names for too long; try again later.
            DatabaseReadOnly: the role or the file may only be read.
            MissingExtra: Dask or pyarrow is not installed.
            InvalidProjection: the rows do not split.
            InvalidInput: the arguments exclude each other; the workers cannot read the record, or
                import the projection; the archive still has words that were taken down.
            ClusterError: there are no workers, they were lost, or they have other code.
        """
        if on is None and workers is None:
            if memory is not None or archive is not None:
                raise InvalidInput("memory and archive are for workers: give on or workers, too")
            return self._projector.rebuild(name, hold=hold, progress=progress)
        if on is not None and (workers is not None or memory is not None):
            raise InvalidInput("on: its workers run already; leave workers and memory out")
        from timeline.distributed import cluster
        from timeline.distributed.workers import Workers

        read = None if archive is None else os.fspath(archive)
        chosen = Workers(on=on, number=workers, memory=memory, archive=read)
        return cluster.rebuild(self._projector, name, chosen, hold=hold, progress=progress)

    def compare(self, name: str, *, progress: Progress | None = None) -> Comparison:
        """Build a projection's rows anew, hold them, and compare them with the live ones.

        >>> record.rebuild("statements").state
        'live'
        >>> comparison = record.compare("statements")
        >>> comparison.added, comparison.removed, comparison.changed
        (0, 0, 0)

        Raises:
            NotFound: no such projection is known, or none of its builds is live.
            DatabaseBusy: the two did not come to one position; names both.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
        """
        return self._projector.compare(name, progress=progress)

    def go_back(self, name: str) -> Build:
        """Make the rows of a projection that were live before live again.

        Raises:
            NotFound: no such projection is known, or no earlier rows are kept.
            DatabaseBusy: a reader held the plain names for too long; try again later.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
        """
        return self._projector.go_back(name)
