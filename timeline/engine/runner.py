"""The runner of projections: appends, catches up, and opens views."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ParamSpec, TypeVar

import attrs
import sqlalchemy as sa

from timeline.engine import builds
from timeline.engine.builds import Build
from timeline.engine.cutoff import ALL, Cutoff
from timeline.engine.projection import Projection
from timeline.engine.rebuild import Builder, retried
from timeline.engine.rows import FoldedView, Kept, KeptView, hold, tables_of
from timeline.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseReadOnly,
)
from timeline.events import NewEvent
from timeline.log import database, telemetry
from timeline.log.append import Appended, Check, ExpectedVersion, Loaded
from timeline.log.digests import Head
from timeline.log.telemetry import Progress

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 5.0
"""Seconds between two tries: at first, and at last."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


@attrs.frozen
class ProjectionStatus:
    """One build of a projection.

    Attributes:
        projection: its name.
        mode: the mode of this code's projection of that name; None where it knows none.
        build: the build's number; its tables end in `_v` and this. 0 where it was never built.
        version: the version that the code declared that made it.
        state: `building`, `built` (waits to go live), `live` (the plain names show it) or `ready`
            (was live before).
        ours: whether this very code made it, so that its reports read it.
        position: how far of the log it has come.
        lag: events of the log beyond that.
    """

    projection: str
    mode: str | None
    build: int
    version: int
    state: str
    ours: bool
    position: int
    lag: int


class Projector(Builder):
    """Runs projections over one store."""

    # In memory

    def fold(self, cutoff: Cutoff = ALL) -> FoldedView:
        """Read the log into memory, as far as it is in view; the view folds what it is asked for.

        Raises:
            NotFound: the log has not come to the cutoff's position yet.
        """
        head = self.head(cutoff)
        end, horizon = head.position, self._reader.horizon(cutoff, head.position)
        read = tuple(self._reader.read(0, end, amended=end, horizon=horizon))
        return FoldedView(head, read, self.store, cutoff.fixed_at(end), horizon, self.projection_of)

    @property
    def projection_of(self) -> Kept[Projection]:
        """The projection of each class of rows."""
        return Kept({cls: kept for kept in self.projections for cls in kept.rows})

    def head(self, cutoff: Cutoff) -> Head:
        """Where the log ends that is in view; it survives a crash of the server.

        Raises:
            NotFound: the log has not come to the cutoff's position yet.
        """
        position = cutoff.position
        if position is None:
            position = self.store.head().position
        if cutoff.recorded is not None:
            position = min(position, self.store.position_at(cutoff.recorded))
        head = self.store.head_at(position)
        # A report must not cite what a crash could still undo.
        database.make_durable(self.store.engine)
        return head

    # Appending

    def append(
        self,
        events: Sequence[NewEvent],
        *,
        expected: Mapping[str, ExpectedVersion] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Appended:
        """Append events, and keep the rows of inline projections in the same transaction.

        A role that may append but not keep rows leaves the rows to others.

        Raises:
            WrongExpectedVersion: a stream is at another version.
            EventIdReused: an id stands for another event in the log.
            InvalidEvent: an event cannot be stored.
            DatabaseError: the database could not do it; nothing was written.
        """

        def write(connection: sa.Connection | None = None) -> Appended:
            return self.store.append_all(
                events, expected=expected, connection=connection, progress=progress
            )

        if self._inline:
            with contextlib.suppress(DatabaseReadOnly):
                return self._write(write, self._inline)
        return write()

    def load(
        self,
        make: Callable[[sa.Connection], Iterable[NewEvent]],
        *,
        check: Check | None = None,
    ) -> Loaded:
        """Append any number of events, and keep the rows of inline projections, as `append` does.

        Args:
            make: makes the events, again for each try; it gets the transaction that writes them.
            check: as for `EventStore.load`.

        Raises:
            EventIdReused: an id stands for another event in the log.
            InvalidEvent: an event cannot be stored.
            DatabaseError: the database could not do it; nothing was written.
        """

        def write(connection: sa.Connection) -> Loaded:
            return self.store.load(make(connection), connection=connection, check=check)

        if self._inline:
            with contextlib.suppress(DatabaseReadOnly):
                return self._write(write, self._inline)
        return self._write(write, ())

    @retried
    def _write(self, write: Callable[[sa.Connection], _T], inline: Sequence[Projection]) -> _T:
        """Write to the log, and move the rows of these projections, in one transaction."""
        if inline:
            self._build_missing(inline)
        with database.writing(self.store.engine) as connection:
            result = write(connection)
            while not self.step(connection, inline):
                pass
        return result

    # Catching up

    def catch_up(
        self, stop: threading.Event | None = None, progress: Progress | None = None
    ) -> None:
        """Bring the kept rows to where the log ends now, or further.

        Rows of outgrown code are built again first, beside the old ones; so are many rows that a
        new amendment reaches back to.

        Args:
            stop: set it to end between two steps.
            progress: callback (position, target), also while rows are built again.

        Raises:
            DatabaseReadOnly: rows are behind, and this role may not keep them.
            DatabaseBusy: others held the database for too long; try again.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseError: the database could not do it.
        """
        stop = stop or threading.Event()
        # The goal is fixed: others may append without end.
        goal, behind = self._behind()
        while behind and not stop.is_set():
            if None in behind.values():
                self._build_missing(behind, stop, progress)
            elif reached := self._reached_far(behind):
                for projection in reached:
                    self._build(projection, stop=stop, progress=progress, replace=True)
            else:
                with database.writing(self.store.engine) as connection:
                    self.step(connection, behind)
            _, behind = self._behind(goal)
            if progress is not None:
                progress(self.position(), goal)

    def run(self, stop: threading.Event | None = None, progress: Progress | None = None) -> None:
        """Catch up, and go on doing so as the log grows, until `stop` is set.

        After a transient error, such as a lost connection, it tries again for as long as it takes.

        Args:
            stop: set it to end after the current step.
            progress: callback (position, target), also while rows are built again.

        Raises:
            DatabaseReadOnly: rows are behind, and this role may not keep them.
            DatabaseError: the error is not transient.
        """
        stop = stop or threading.Event()
        pause = _SHORTEST_PAUSE
        while not stop.is_set():
            try:
                self.catch_up(stop, progress)
                self.store.wait(after=self.position(), timeout=1.0, stop=stop)
                pause = _SHORTEST_PAUSE
            except DatabaseError as error:
                if not error.transient:
                    raise
                telemetry.logger.warning("trying again: %s", error, extra={"pause_seconds": pause})
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def wait_for(self, position: int, *, timeout: float) -> None:
        """Return once the rows of all projections have come to a position, whoever keeps them.

        Args:
            position: of the log; `Appended.position` of an append.
            timeout: in seconds.

        Raises:
            DatabaseBusy: a projection did not come to it in that time; names the projection.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseError: the database could not do it.
        """
        end = time.monotonic() + timeout
        pause = _SHORTEST_PAUSE
        while behind := self._behind(position)[1]:
            left = end - time.monotonic()
            if left <= 0:
                name = next(iter(behind)).name
                raise DatabaseBusy(
                    f"projection {name!r} has not come to position {position} within "
                    f"{timeout:g} s. Is `timeline run` at work? `timeline status` shows how far "
                    "each has come."
                )
            time.sleep(min(pause, left))
            pause = min(pause * 2, 0.05)

    def _behind(self, goal: int | None = None) -> tuple[int, dict[Projection, Build | None]]:
        """The goal, which is the end of the log if not given, and the projections behind it.

        These have the build that this code keeps, or None.
        """
        with database.reading(self.store.engine) as connection:
            end = self.store.head(connection).position if goal is None else goal
            kept = self._kept(connection).items()
        return end, {p: build for p, build in kept if build is None or build.position < end}

    # Reading kept rows

    def view(self, connection: sa.Connection) -> KeptView:
        """The kept rows as seen in this transaction.

        Raises:
            DatabaseBusy: this code does not keep all of them, or they have not come equally far;
                `catch_up` makes them so.
        """
        tables: Kept[sa.Table] = Kept()
        # Without projections a view is of the log alone, to its end.
        positions: set[int | None] = set()
        if not self.projections:
            positions.add(self.store.head(connection).position)
        for projection, build in self._kept(connection).items():
            if build is not None:
                tables.update(tables_of(projection.rows, build.number))
            positions.add(None if build is None else build.position)
        position = positions.pop() if len(positions) == 1 else None
        if position is None:
            raise DatabaseBusy("another process is changing the read models just now; try again")
        head = self.store.head_at(position, connection)
        hold(connection, tables.values())
        return KeptView(head, tables, self.store, connection)

    def kept(
        self, projection: Projection, connection: sa.Connection
    ) -> tuple[int, Mapping[type, sa.Table]]:
        """How far the kept rows of one projection have come, and their tables.

        Position 0 and no tables where this code keeps none.
        """
        build = self._kept(connection)[projection]
        if build is None:
            return 0, {}
        tables = tables_of(projection.rows, build.number)
        hold(connection, tables.values())
        return build.position, tables

    def position(self) -> int:
        """How far all kept rows have come; 0 where this code does not keep all of them."""
        with database.reading(self.store.engine) as connection:
            kept = self._kept(connection).values()
        return min((build.position if build else 0 for build in kept), default=0)

    def status(self) -> list[ProjectionStatus]:
        """Every build there is, and how far it has come; build 0 for projections never built."""
        with database.reading(self.store.engine) as connection:
            end = self.store.head(connection).position
            there = builds.all_builds(connection)
        modes = {projection.name: projection.mode for projection in self.projections}
        built = {build.projection for build in there}
        never_built = [
            Build(p.name, 0, p.version, self.fingerprints[p.name], (), 0, 0, "building")
            for p in self.projections
            if p.name not in built
        ]
        return [
            ProjectionStatus(
                projection=build.projection,
                mode=modes.get(build.projection),
                build=build.number,
                version=build.version,
                state=build.state,
                ours=build.fingerprint == self.fingerprints.get(build.projection),
                position=build.position,
                lag=end - build.position,
            )
            for build in sorted([*there, *never_built], key=lambda b: (b.projection, b.number))
        ]
