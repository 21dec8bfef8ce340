"""The engine: runs projections over the log, in memory or into tables.

Kept rows and their checkpoint move in one transaction. Which tables they are kept in is the
business of `builds`: code that has changed gets tables of its own, built beside the old ones while
appends and reports go on.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import sqlalchemy as sa

from timeline import builds, database, telemetry
from timeline.amendments import Amendments, amended_ids
from timeline.builds import Build, all_builds, fingerprint, tables_of
from timeline.clock import UNKNOWN, When
from timeline.cutoff import ALL, Cutoff, Horizon
from timeline.errors import DatabaseBusy, InvalidProjection, NotFound
from timeline.events import ActorsMerged, RecordedEvent, SourceAdded, event_type
from timeline.integrity import Head
from timeline.projection import Projection
from timeline.rows import R, Rows, Shape, key_of, shape_of
from timeline.store import EventStore
from timeline.tables import VERSION_TABLE, metadata

_FLUSH = 5_000
"""Changed rows held in memory before they go to their tables, within the one transaction."""

_STEP = 5_000
"""Positions folded in one transaction: few enough that others get their turn in between."""

_NUMBERED = re.compile(r"_v\d+\Z")
"""How the tables of builds end; a plain name that did so could be that of one."""

Progress = Callable[[int, int], None]
"""Is told how far a projection has come, and how far it is to come."""


@attrs.frozen
class FoldedView:
    """A view of rows folded in memory. Implements `View`."""

    head: Head
    rows: Rows
    store: EventStore
    cutoff: Cutoff
    horizon: Horizon
    _sorted: dict[type, list[Any]] = attrs.field(init=False, factory=dict, repr=False)

    @property
    def today(self) -> When:
        """The moment the view shows."""
        cutoff = self.cutoff
        return cutoff.occurred or cutoff.published or _recorded(self.store, self.head, None)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return self.rows.get(cls, *key)

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        found = self._of(cls)
        return [row for row in found if all(getattr(row, k) == v for k, v in equal.items())]

    def _of(self, cls: type[R]) -> list[R]:
        if cls not in self._sorted:
            mine = (each for each in self.rows if type(each) is cls)
            self._sorted[cls] = sorted(mine, key=key_of)
        return self._sorted[cls]

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id, with the evidence that is in view."""
        found = self.store.get(ids)
        return {id: self.horizon.trimmed(event) for id, event in found.items()}


@attrs.frozen
class KeptView:
    """A view of kept rows, within one reading transaction. Implements `View`."""

    head: Head
    tables: Mapping[type, sa.Table]
    store: EventStore
    connection: sa.Connection
    cutoff: Cutoff = ALL

    @property
    def today(self) -> When:
        """The moment the view shows."""
        return _recorded(self.store, self.head, self.connection)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return _select_one(self.connection, self.tables[cls], cls, key)

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        table, shape = self.tables[cls], shape_of(cls)
        query = sa.select(table).order_by(*(table.c[name] for name in shape.key))
        for name, want in equal.items():
            query = query.where(table.c[name] == shape.column(name).store(want))
        found = [shape.load(stored) for stored in self.connection.execute(query)]
        # Databases order text by their own collation; memory by code point. One order for both.
        return sorted(found, key=key_of)

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
        return self.store.get(ids, self.connection)


def _recorded(store: EventStore, head: Head, connection: sa.Connection | None) -> When:
    """When the last event in view was recorded."""
    last = next(store.read_all(after=head.position - 1, limit=1, connection=connection), None)
    return UNKNOWN if head.position == 0 or last is None else When(last.recorded)


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
        self._types = Amendments.TYPES.union(*(each.types for each in self.projections))

    @cached_property
    def _prints(self) -> dict[str, str]:
        """The fingerprints of this code: made when rows are kept, and not for every command."""
        return {each.name: fingerprint(each) for each in self.projections}

    # In memory

    def fold(self, cutoff: Cutoff = ALL) -> FoldedView:
        """Fold what of the log is in view, in memory.

        Raises:
            NotFound: the log has not come to the position asked for yet.
        """
        rows = Rows()
        head = self.store.head_at(self._position(cutoff))
        horizon = self._horizon(cutoff, head.position)
        for event in self._amended(0, head.position, None, horizon, amended=head.position):
            for projection in self.projections:
                projection.handle(rows, event)
        return FoldedView(head, rows, self.store, cutoff, horizon)

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
        return Horizon(cutoff, (event.event.source for event in added if event is not None))

    def _amendments(self, until: int, connection: sa.Connection | None) -> Amendments:
        found = self.store.read_all(until=until, types=Amendments.TYPES, connection=connection)
        return Amendments(self.store.codec, found)

    # Kept

    def catch_up(self) -> None:
        """Bring the kept rows up to the end of the log.

        Rows that code has outgrown are built anew first, beside the old ones.
        """
        self._build_missing()
        while not self._is_current():
            with database.writing(self.store.engine) as connection:
                self.step(connection)

    def step(
        self, connection: sa.Connection, projections: Iterable[Projection] | None = None
    ) -> None:
        """Bring kept rows a step nearer to the end of the log, within the caller's transaction.

        All at once where a new amendment reaches back behind their position: the rows are then
        folded anew, and must not be seen half done.
        """
        chosen = tuple(self.projections if projections is None else projections)
        mine = self._usable(all_builds(connection, locked=True))
        kept = {each: mine[each.name] for each in chosen if each.name in mine}
        if not kept:
            return
        end = self.store.head(connection).position
        until = min(end, min(build.position for build in kept.values()) + _STEP)
        if any(self._reaches_back(connection, build.position, until) for build in kept.values()):
            until = end
        for projection, build in kept.items():
            if self._reaches_back(connection, build.position, until):
                builds.empty(connection, build)
                kept[projection] = attrs.evolve(build, position=0)
        self._advance(connection, kept, until, amended=until)

    def _advance(
        self,
        connection: sa.Connection,
        kept: Mapping[Projection, Build],
        until: int,
        amended: int,
    ) -> None:
        """Fold into each build what it has not had yet, as amended up to `amended`."""
        rows = {
            projection: _KeptRows(
                connection, tables_of(projection.rows, build.number), empty=build.position == 0
            )
            for projection, build in kept.items()
        }
        after = min(build.position for build in kept.values())
        with telemetry.operation("project") as done:
            for event in self._amended(after, until, connection, Horizon(ALL), amended):
                done.events += 1
                for projection, build in kept.items():
                    if event.position > build.position:
                        projection.handle(rows[projection], event)
            for projection, build in kept.items():
                rows[projection].flush()
                if build.position < until:
                    builds.moved(connection, build, position=until, target=max(until, build.target))

    def _reaches_back(self, connection: sa.Connection, after: int, until: int) -> bool:
        """Whether new amendments change how events behind a checkpoint are read."""
        new = [
            amendment.event
            for amendment in self.store.read_all(
                after=after, until=until, types=Amendments.TYPES, connection=connection
            )
        ]
        if after and any(isinstance(amendment, ActorsMerged) for amendment in new):
            return True
        ids = {id for amendment in new for id in amended_ids(amendment)}
        named = self.store.existing(ids, connection).values()
        return any(event.position <= after for event in named)

    def _amended(
        self,
        after: int,
        until: int,
        connection: sa.Connection | None,
        horizon: Horizon,
        amended: int,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of a stretch of the log, under the amendments up to `amended`."""
        found = self.store.read_all(until=amended, types=Amendments.TYPES, connection=connection)
        in_view = (event for event in map(horizon.seen, found) if event is not None)
        amendments = Amendments(self.store.codec, in_view)
        stored = self.store.read_all(
            after=after, until=until, types=self._types, connection=connection
        )
        for event in stored:
            seen = amendments.apply(event)
            seen = None if seen is None else horizon.seen(seen)
            if seen is not None:
                yield seen

    def _usable(self, found: Iterable[Build]) -> dict[str, Build]:
        """The newest build of each projection that this code may read."""
        prints = self._prints
        return {
            build.projection: build
            for build in sorted(found, key=lambda build: build.number)
            if build.usable and build.fingerprint == prints.get(build.projection)
        }

    def _is_current(self) -> bool:
        with database.reading(self.store.engine) as connection:
            end = self.store.head(connection).position
            mine = self._usable(all_builds(connection))
            return all(
                each.name in mine and mine[each.name].position == end for each in self.projections
            )

    def view(self, connection: sa.Connection) -> KeptView:
        """The kept rows as seen in this transaction.

        Raises:
            DatabaseBusy: they are not kept by this code, or have not come equally far; `catch_up`
                makes them so.
        """
        mine = self._usable(all_builds(connection))
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
        return KeptView(head, tables, self.store, connection)

    # Building

    def _build_missing(self) -> None:
        with database.reading(self.store.engine) as connection:
            mine = self._usable(all_builds(connection))
        for projection in self.projections:
            if projection.name not in mine:
                self._build(projection)

    def rebuild(self, name: str, *, hold: bool = False, progress: Progress | None = None) -> Build:
        """Build a projection's rows anew, beside the old ones, and let the new ones go live.

        Appends and reports go on meanwhile. Killed, it goes on where it was when called again; two
        at once help each other along.

        Args:
            name: the projection.
            hold: leave it at `built`, not live, to look at the differences first.
            progress: told how far it has come.

        Raises:
            NotFound: no such projection is known.
            DatabaseError: see there.
        """
        projection = self._named(name)
        with telemetry.operation("rebuild"):
            return self._build(projection, hold=hold, progress=progress)

    def _named(self, name: str) -> Projection:
        for projection in self.projections:
            if projection.name == name:
                return projection
        known = ", ".join(each.name for each in self.projections)
        raise NotFound(f"no projection {name!r} is known. Known are: {known}.")

    def _build(
        self, projection: Projection, *, hold: bool = False, progress: Progress | None = None
    ) -> Build:
        with database.writing(self.store.engine) as connection:
            build = self._begun(connection, projection)
        while build.state == "building" or (build.state == "built" and not hold):
            with database.writing(self.store.engine) as connection:
                build = self._continued(connection, projection, build, hold=hold)
            if progress is not None:
                progress(build.position, build.target)
        self._drop_outdated(projection)
        return build

    def _begun(self, connection: sa.Connection, projection: Projection) -> Build:
        """The build under way for this code, or a new one."""
        _lock_checkpoints(connection)
        found = [each for each in all_builds(connection) if each.projection == projection.name]
        mine = [each for each in found if each.fingerprint == self._prints[projection.name]]
        under_way = [each for each in mine if not each.usable]
        if under_way:
            return under_way[-1]
        number = max((each.number for each in found), default=0) + 1
        telemetry.logger.info(
            "building %s anew", projection.name, extra={"projection": projection.name}
        )
        return builds.make(connection, projection, number)

    def _continued(
        self, connection: sa.Connection, projection: Projection, build: Build, *, hold: bool
    ) -> Build:
        """One step of a build, and its last ones once it has caught up."""
        found = all_builds(connection, locked=True)
        same = (b for b in found if (b.projection, b.number) == (build.projection, build.number))
        now = next(same, None)
        if now is None or now.usable:
            # Somebody else has finished it, and perhaps dropped it for a newer one since.
            return now or attrs.evolve(build, state="ready")
        end = self.store.head(connection).position
        if now.position == now.target:
            if self._reaches_back(connection, now.position, end):
                builds.empty(connection, now)
                now = builds.moved(connection, now, position=0)
            now = builds.moved(connection, now, target=end)
        until = min(now.target, now.position + _STEP)
        self._advance(connection, {projection: now}, until, amended=now.target)
        now = attrs.evolve(now, position=until)
        if until < end or now.target < end:
            return now
        return self._finished(connection, now, found, hold=hold)

    def _finished(
        self, connection: sa.Connection, build: Build, found: Iterable[Build], *, hold: bool
    ) -> Build:
        if hold:
            return builds.moved(connection, build, state="built")
        live = [b for b in found if b.projection == build.projection and b.state == "live"]
        if any(each.version > build.version for each in live):
            # Newer code has the plain names; this code reads its rows under their full ones.
            return builds.moved(connection, build, state="ready")
        builds.go_live(connection, build)
        return attrs.evolve(build, state="live")

    def _drop_outdated(self, projection: Projection) -> None:
        """Drop what nobody needs any more, unless somebody is still looking at it."""
        try:
            with database.writing(self.store.engine) as connection:
                if database.is_postgresql(self.store.engine):
                    connection.exec_driver_sql("SET LOCAL lock_timeout TO '1s'")
                for build in list(builds.outdated(connection, projection.name)):
                    builds.drop(connection, build)
        except DatabaseBusy:
            telemetry.logger.info("old tables of %s are in use; left", projection.name)

    def go_back(self, name: str) -> Build:
        """Let the build that was live before stand for the plain names again.

        Raises:
            NotFound: no such projection, or nothing to go back to.
        """
        self._named(name)
        with database.writing(self.store.engine) as connection:
            _lock_checkpoints(connection)
            ready = [b for b in all_builds(connection) if b.projection == name]
            ready = [build for build in ready if build.state == "ready"]
            if not ready:
                raise NotFound(f"projection {name!r} has no earlier build to go back to")
            builds.go_live(connection, ready[-1])
            return attrs.evolve(ready[-1], state="live")

    def forget_others(self) -> list[str]:
        """Empty the builds that this code does not keep, after a takedown; all tables' names."""
        with database.writing(self.store.engine) as connection:
            _lock_checkpoints(connection)
            found = all_builds(connection, locked=True)
            mine = self._usable(found)
            for build in found:
                if build in mine.values():
                    continue
                builds.empty(connection, build)
                if build.state == "live" and build.projection in mine:
                    builds.go_live(connection, mine[build.projection])
                state = "live" if build.state == "live" and build.projection not in mine else None
                builds.moved(connection, build, position=0, target=0, state=state or "building")
        return [name for build in found for name in build.table_names()]

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
                ours=build.fingerprint == self._prints.get(build.projection),
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
            mine = self._usable(all_builds(connection))
        kept = (mine[each.name].position if each.name in mine else 0 for each in self.projections)
        return min(kept, default=0)


class _KeptRows(Rows):
    """Rows of tables: read when first asked for, written back together."""

    def __init__(
        self, connection: sa.Connection, tables: Mapping[type, sa.Table], *, empty: bool
    ) -> None:
        super().__init__()
        self._connection = connection
        self._tables = tables
        self._empty = empty  # no row can be in the tables that was not put here first
        self._changed: dict[tuple[type, tuple[Any, ...]], None] = {}  # in order of first change

    def get(self, cls: type[R], *key: Any) -> R | None:
        if (cls, key) not in self._rows:
            table = self._tables[cls]
            found = None if self._empty else _select_one(self._connection, table, cls, key)
            self._rows[cls, key] = found
        return typing.cast("R | None", self._rows[cls, key])

    def put(self, value: Any) -> None:
        super().put(value)
        self._note(type(value), key_of(value))

    def delete(self, cls: type, *key: Any) -> None:
        self._rows[cls, key] = None
        self._note(cls, key)

    def _note(self, cls: type, key: tuple[Any, ...]) -> None:
        self._changed[cls, key] = None
        if len(self._changed) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Write what has changed, and forget what was read."""
        for cls, table in self._tables.items():
            keys = [key for kind, key in self._changed if kind is cls]
            self._write(table, shape_of(cls), keys, [self._rows[cls, key] for key in keys])
        self._changed.clear()
        self._rows.clear()
        self._empty = False

    def _write(
        self, table: sa.Table, shape: Shape, keys: list[tuple[Any, ...]], values: list[Any]
    ) -> None:
        if keys and not self._empty:
            matches = (table.c[name] == sa.bindparam(f"key_{name}") for name in shape.key)
            parameters = [
                {
                    f"key_{name}": shape.column(name).store(part)
                    for name, part in zip(shape.key, key, strict=True)
                }
                for key in keys
            ]
            self._connection.execute(sa.delete(table).where(*matches), parameters)
        stored = [shape.store(value) for value in values if value is not None]
        if stored:
            self._connection.execute(sa.insert(table), stored)


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


def _lock_checkpoints(connection: sa.Connection) -> None:
    # Builds are made, let go live and dropped by one process at a time. It excludes neither readers
    # nor appends; SQLite's writer is alone anyway.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE checkpoints IN SHARE ROW EXCLUSIVE MODE")


def _select_one(
    connection: sa.Connection, table: sa.Table, cls: type[R], key: tuple[Any, ...]
) -> R | None:
    shape = shape_of(cls)
    query = sa.select(table)
    for name, part in zip(shape.key, key, strict=True):
        query = query.where(table.c[name] == shape.column(name).store(part))
    stored = connection.execute(query).one_or_none()
    return None if stored is None else shape.load(stored)
