"""The engine: runs projections over the log, in memory or into tables.

Kept rows and their checkpoint move in one transaction. Which tables they are kept in is the
business of `builds`: code that has changed gets tables of its own, built beside the old ones while
appends and reports go on.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
import sqlalchemy as sa

from timeline.engine import builds
from timeline.engine.amendments import Amendments
from timeline.engine.building import Builder, FoldedElsewhere, Progress
from timeline.engine.builds import Build, Comparison, all_builds, tables_of
from timeline.engine.cutoff import ALL, Cutoff, Horizon, publication
from timeline.engine.keeping import Keeper
from timeline.engine.projection import Projection
from timeline.engine.rows import Rows, shape_of
from timeline.engine.views import FoldedView, KeptView
from timeline.errors import DatabaseBusy, DatabaseError, DatabaseReadOnly, InvalidProjection
from timeline.events import NewEvent, SourceAdded, event_type
from timeline.log import database, telemetry
from timeline.log.append import Appended, Check, ExpectedVersion, Loaded
from timeline.log.database import persistently
from timeline.log.digests import Head
from timeline.log.schema import VERSION_TABLE, metadata
from timeline.log.store import EventStore

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 5.0
"""Seconds between two tries: at first, and at last."""

_NUMBERED = re.compile(r"_v\d+\Z")
"""How the tables of builds end; a plain name that did so could be that of one."""


@attrs.frozen
class ProjectionStatus:
    """One build of a projection.

    Attributes:
        projection: its name.
        mode: how this code's projection of that name is caught up; None where it knows none.
        build: the build's number; its tables end in `_v` and this.
        version: the version that the code declared that made it.
        state: `building`, `built` (waits to go live), `live` (the plain names stand for it) or
            `ready` (was live before).
        ours: whether it was made by this very code, and so is what its reports read.
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


class Projector:
    """Runs a set of projections over one store.

    Raises:
        InvalidProjection: two of them keep rows under one name, or under that of a log table.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection]) -> None:
        self.store = store
        self.projections = tuple(projections)
        _require_names(self.projections)
        self._keeper = Keeper(store, self.projections)
        self._builder = Builder(self._keeper)

    # In memory

    def fold(self, cutoff: Cutoff = ALL) -> FoldedView:
        """Fold what of the log is in view, in memory.

        Raises:
            NotFound: the log has not come to the position asked for yet.
        """
        rows = Rows()
        head = self.head(cutoff)
        horizon = self._horizon(cutoff, head.position)
        for read in self._keeper.amended(0, head.position, None, horizon, amended=head.position):
            for projection in self.projections:
                read.handled_by(projection, rows)
        # Pinned, as any view that does not move on: it says up to where it looks.
        pinned = attrs.evolve(cutoff, position=head.position, recorded=None)
        return FoldedView(head, rows, self.store, pinned, horizon)

    def head(self, cutoff: Cutoff) -> Head:
        """Where the log ended that is in view; what is there would survive a crash of the server.

        Raises:
            NotFound: the log has not come to the position asked for yet.
        """
        found = self.store.head_at(self._position(cutoff))
        # What a report cites must not be gone after a crash.
        database.make_durable(self.store.engine)
        return found

    def _position(self, cutoff: Cutoff) -> int:
        at = self.store.head().position if cutoff.position is None else cutoff.position
        if cutoff.recorded is None:
            return at
        return min(at, self.store.position_at(cutoff.recorded))

    def _horizon(self, cutoff: Cutoff, until: int) -> Horizon:
        if cutoff.published is None:
            return Horizon(cutoff)
        types = {event_type(SourceAdded).name}
        amendments = self._amendments(until, None)
        added = map(amendments.apply, self.store.read_all(until=until, types=types))
        return Horizon(
            cutoff, publication(event.event.source for event in added if event is not None)
        )

    def _amendments(self, until: int, connection: sa.Connection | None) -> Amendments:
        found = self.store.read_all(until=until, types=Amendments.TYPES, connection=connection)
        return Amendments(self.store.codec, found)

    # Kept

    def append(
        self,
        events: Sequence[NewEvent],
        *,
        expected: Mapping[str, ExpectedVersion] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Appended:
        """Append events, and keep the rows of inline projections in the same transaction.

        Where the role may append but not keep rows, they are left to whoever may.

        Raises:
            WrongExpectedVersion, EventIdReused, InvalidEvent, DatabaseError: see
                `EventStore.append_all`.
        """
        inline = tuple(each for each in self.projections if each.mode == "inline")
        if inline:
            with contextlib.suppress(DatabaseReadOnly):
                return persistently(lambda: self._append(events, expected, progress, inline))
        return self.store.append_all(events, expected=expected, progress=progress)

    def _append(
        self,
        events: Sequence[NewEvent],
        expected: Mapping[str, ExpectedVersion] | None,
        progress: Callable[[int], None] | None,
        inline: tuple[Projection, ...],
    ) -> Appended:
        self._builder.build_missing(inline)
        with database.writing(self.store.engine) as connection:
            appended = self.store.append_all(
                events, expected=expected, connection=connection, progress=progress
            )
            while not self.step(connection, inline):
                pass
        return appended

    def load(
        self,
        make: Callable[[sa.Connection], Iterable[NewEvent]],
        *,
        check: Check | None = None,
    ) -> Loaded:
        """Append any number of events, and keep the rows of inline projections, as `append` does.

        Args:
            make: makes the events, anew for each try; it gets the transaction they are written in.
            check: as for `EventStore.load`.

        Raises:
            EventIdReused, InvalidEvent, DatabaseError: see `EventStore.load`.
        """
        inline = tuple(each for each in self.projections if each.mode == "inline")
        if inline:
            with contextlib.suppress(DatabaseReadOnly):
                return persistently(lambda: self._load(make, check, inline))
        return persistently(lambda: self._load(make, check, ()))

    def _load(
        self,
        make: Callable[[sa.Connection], Iterable[NewEvent]],
        check: Check | None,
        inline: tuple[Projection, ...],
    ) -> Loaded:
        if inline:
            self._builder.build_missing(inline)
        with database.writing(self.store.engine) as connection:
            loaded = self.store.load(make(connection), connection=connection, check=check)
            while inline and not self.step(connection, inline):
                pass
        return loaded

    def catch_up(
        self, stop: threading.Event | None = None, progress: Progress | None = None
    ) -> None:
        """Bring the kept rows to where the log ends now, or beyond.

        Rows that code has outgrown are built anew first, beside the old ones.

        Args:
            stop: set it to end between two steps, though they have not come so far.
            progress: told now and then how far they, or one that is built anew, have come.

        Raises:
            DatabaseReadOnly: rows are behind, and this role may not keep them.
            DatabaseBusy: others held the database for too long; try again.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseError: the database could not do it.
        """
        stop = stop or threading.Event()
        # Not to where it ends later: others may append without end.
        goal, behind = self._behind()
        while behind and not stop.is_set():
            self._builder.build_missing(behind, stop, progress)
            _, behind = self._behind(goal)
            if behind and not stop.is_set():
                with database.writing(self.store.engine) as connection:
                    self.step(connection, behind)
                _, behind = self._behind(goal)
            if progress is not None:
                progress(self.position(), goal)

    def run(self, stop: threading.Event | None = None, progress: Progress | None = None) -> None:
        """Catch up, and go on doing so as the log grows, until `stop` is set.

        What may pass, such as a lost connection, is waited out, however long it takes.

        Args:
            stop: set it to end after the step under way.
            progress: told now and then how far the rows, or some that are built anew, have come.

        Raises:
            DatabaseReadOnly: rows are behind, and this role may not keep them.
            DatabaseError: it cannot be mended by waiting.
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
        """Return once the rows of all projections have come to a position, kept by whomever.

        Args:
            position: of the log; `Appended.position` of an append.
            timeout: in seconds.

        Raises:
            DatabaseBusy: they have not, in that time; it names one that has not.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseError: the database could not do it.
        """
        end = time.monotonic() + timeout
        pause = _SHORTEST_PAUSE
        while behind := self._behind(position)[1]:
            left = end - time.monotonic()
            if left <= 0:
                raise DatabaseBusy(
                    f"projection {behind[0].name!r} has not come to position {position} within "
                    f"{timeout:g} s. Is `timeline run` at work? `timeline status` shows how far "
                    "each has come."
                )
            time.sleep(min(pause, left))
            pause = min(pause * 2, 0.05)

    def _behind(self, goal: int | None = None) -> tuple[int, tuple[Projection, ...]]:
        """Where the log ends, and the projections that have not come there, or to the goal."""
        with database.reading(self.store.engine) as connection:
            end = self.store.head(connection).position if goal is None else goal
            mine = self._keeper.usable(all_builds(connection))
        behind = (p for p in self.projections if p.name not in mine or mine[p.name].position < end)
        return end, tuple(behind)

    def step(
        self, connection: sa.Connection, projections: Iterable[Projection] | None = None
    ) -> bool:
        """Bring kept rows a step nearer to the end of the log; says whether they have come there.

        It works within the caller's transaction. All is done at once where a new amendment reaches
        back behind their position: the rows are then folded anew, and must not be seen half done.

        Raises:
            DatabaseBusy: one of them is not kept, or another process is at its rows.
        """
        return self._keeper.step(connection, projections)

    def view(self, connection: sa.Connection) -> KeptView:
        """The kept rows as seen in this transaction.

        Raises:
            DatabaseBusy: they are not kept by this code, or have not come equally far; `catch_up`
                makes them so.
        """
        mine = self._keeper.usable(all_builds(connection))
        positions = {
            mine[each.name].position if each.name in mine else None for each in self.projections
        }
        if len(positions) != 1 or None in positions:
            raise DatabaseBusy("another process is changing the read models just now; try again")
        head = self.store.head_at(typing.cast("int", positions.pop()), connection)
        tables = {
            cls: table
            for each in self.projections
            for cls, table in tables_of(each.rows, mine[each.name].number).items()
        }
        builds.hold(connection, tables.values())
        return KeptView(head, tables, self.store, connection)

    def kept(
        self, projection: Projection, connection: sa.Connection
    ) -> tuple[int, Mapping[type, sa.Table]]:
        """How far the rows of one projection have come that this code keeps, and their tables.

        Position 0 and no tables where they are not kept.
        """
        build = self._keeper.usable(all_builds(connection)).get(projection.name)
        if build is None:
            return 0, {}
        tables = tables_of(projection.rows, build.number)
        builds.hold(connection, tables.values())
        return build.position, tables

    # Building

    def rebuild(
        self,
        name: str,
        *,
        hold: bool = False,
        progress: Progress | None = None,
        by: FoldedElsewhere | None = None,
    ) -> Build:
        """Build a projection's rows anew, beside the old ones, and let the new ones go live.

        Appends and reports go on meanwhile. Killed, it goes on where it was when called again; two
        at once help each other along.

        Args:
            name: the projection.
            hold: leave it at `built`, not live, to look at the differences first. Reports of this
                code read it all the same where it is the only one that they can read.
            progress: told how far it has come.
            by: folds the log elsewhere; what it has not come to is then folded here.

        Raises:
            NotFound: no such projection is known.
            DatabaseBusy: somebody is reading by the plain names, and does not end; it is built, and
                goes live when this is called again.
            DatabaseError: the database could not do it.
        """
        return self._builder.rebuild(name, hold=hold, progress=progress, by=by)

    def named(self, name: str) -> Projection:
        """The projection of that name.

        Raises:
            NotFound: no such projection is known.
        """
        return self._keeper.named(name)

    def go_back(self, name: str) -> Build:
        """Let the build that was live before stand for the plain names again.

        Raises:
            NotFound: no such projection, or nothing to go back to.
            DatabaseBusy: somebody is reading by the plain names, and does not end.
        """
        return self._builder.go_back(name)

    def compare(self, name: str, *, progress: Progress | None = None) -> Comparison:
        """Build a projection's rows anew, hold them, and tell how they differ from the live ones.

        Both are brought to one position. The live rows of other code cannot be moved on by this
        code; the new ones then stop where those stand.

        Raises:
            NotFound: no such projection is known, or it has no live build.
            DatabaseBusy: they could not be brought to one position; names both.
        """
        return self._builder.compare(name, progress=progress)

    def forget_others(self) -> list[str]:
        """Empty the builds that this code does not keep, after a takedown; all tables' names."""
        return self._builder.forget_others()

    # How far

    def status(self) -> list[ProjectionStatus]:
        """Every build there is, and how far it has come; projections never built are of build 0."""
        with database.reading(self.store.engine) as connection:
            end = self.store.head(connection).position
            found = all_builds(connection)
        modes = {each.name: each.mode for each in self.projections}
        lines = [
            ProjectionStatus(
                projection=build.projection,
                mode=modes.get(build.projection),
                build=build.number,
                version=build.version,
                state=build.state,
                ours=build.fingerprint == self._keeper.prints.get(build.projection),
                position=build.position,
                lag=end - build.position,
            )
            for build in found
        ]
        built = {build.projection for build in found}
        lines += [
            ProjectionStatus(each.name, each.mode, 0, each.version, "building", True, 0, end)
            for each in self.projections
            if each.name not in built
        ]
        return sorted(lines, key=lambda line: (line.projection, line.build))

    def position(self) -> int:
        """How far all projections have come that this code keeps; 0 where one is not kept."""
        with database.reading(self.store.engine) as connection:
            mine = self._keeper.usable(all_builds(connection))
        kept = (mine[each.name].position if each.name in mine else 0 for each in self.projections)
        return min(kept, default=0)


def _require_names(projections: Iterable[Projection]) -> None:
    """Check that the projections, their rows and their tables all have names of their own."""
    names: set[str] = set()
    taken = {*metadata.tables, VERSION_TABLE}
    for projection in projections:
        if projection.name in names:
            raise InvalidProjection(f"two projections have the name {projection.name!r}")
        names.add(projection.name)
        for cls in projection.rows:
            name = shape_of(cls).name
            if name in taken or _NUMBERED.search(name):
                raise InvalidProjection(f"{cls.__name__}: the name {name!r} is taken")
            taken.add(name)
