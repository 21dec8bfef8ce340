"""The engine: runs projections over the log, in memory or into tables.

Kept rows and their checkpoint move in one transaction. Which tables they are kept in is the
business of `builds`: code that has changed gets tables of its own, built beside the old ones while
appends and reports go on.
"""

from __future__ import annotations

import contextlib
import functools
import re
import threading
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import attrs
import sqlalchemy as sa

from timeline import builds, database, telemetry
from timeline.amendments import Amendments, amended_ids
from timeline.builds import Build, Comparison, all_builds, fingerprint, tables_of
from timeline.clock import UNKNOWN, When
from timeline.cutoff import ALL, Cutoff, Horizon, publication
from timeline.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseReadOnly,
    InvalidProjection,
    NotFound,
)
from timeline.events import (
    ActorsMerged,
    EventRedacted,
    NewEvent,
    RecordedEvent,
    Redacted,
    SourceAdded,
    event_type,
    type_names,
)
from timeline.integrity import Head
from timeline.projection import Projection
from timeline.rows import R, Rows, Shape, key_of, shape_of
from timeline.store import (
    Appended,
    Check,
    EventStore,
    ExpectedVersion,
    Loaded,
    persistently,
)
from timeline.tables import VERSION_TABLE, metadata

_FLUSH = 5_000
"""Changed rows held in memory before they go to their tables, within the one transaction."""

_STEP = 5_000
"""Positions folded in one transaction: few enough that others get their turn in between."""

_AT_ONCE = 500
"""Values in one query, below every limit of SQLite's."""

_ROUNDS = 4
"""How often a build runs after a log that grows, or begins again, before it ends all at once."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 5.0
"""Seconds between two tries: at first, and at last."""

_APART = (
    "the live build {0.number} of {0.projection!r} stands at position {0.position}, build "
    "{1.number} at {1.position} already: they cannot be compared. Bring the live one up by the "
    "code that made it, then try again."
)

_UNKEPT = "projection {!r} is not kept just now; another process may be building it. Try again."

_TAKEDOWNS = frozenset({event_type(EventRedacted).name})

_Remembered = tuple[int, tuple[str, ...], list[RecordedEvent[Any]]]
"""Amendments as read: up to which position, after which takedowns, and they themselves."""

_NUMBERED = re.compile(r"_v\d+\Z")
"""How the tables of builds end; a plain name that did so could be that of one."""

Progress = Callable[[int, int], None]
"""Is told how far a projection has come, and how far it is to come."""

StoredRows = tuple[type, list[tuple[Any, ...]]]
"""A row class, and some rows of it as their table stores them, in the order of its columns."""

FoldedElsewhere = Callable[[Projection, int], tuple[int, Iterable[StoredRows]]]
"""Folds the log for a projection, up to a position or as far as it can: how far, and all rows.

The rows can be gone through more than once.
"""


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
        return moment_of(self.store, self.cutoff, self.head)

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head whose words were taken down later than that."""
        return taken_down(self.store, self.head)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return self.rows.get(cls, *key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, as far as there are such."""
        found = (self.rows.get(cls, key) for key in dict.fromkeys(keys))
        return [each for each in found if each is not None]

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

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head whose words were taken down later than that."""
        return taken_down(self.store, self.head, self.connection)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return _find(self.connection, self.tables[cls], cls, key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, as far as there are such."""
        table, shape = self.tables[cls], shape_of(cls)
        (name,) = shape.key
        wanted = list(dict.fromkeys(keys))
        found: dict[str, R] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            chunk = wanted[start : start + _AT_ONCE]
            for stored in self.connection.execute(sa.select(table).where(table.c[name].in_(chunk))):
                loaded = shape.load(stored)
                found[getattr(loaded, name)] = loaded
        return [found[key] for key in wanted if key in found]

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


def taken_down(
    store: EventStore, head: Head, connection: sa.Connection | None = None
) -> tuple[str, ...]:
    """The ids of events up to the head whose words were taken down later than that."""
    types = type_names(EventRedacted)
    later = store.read_all(after=head.position, types=types, connection=connection)
    named = store.existing({each.event.event for each in later}, connection).values()
    gone = (each for each in named if each.position <= head.position)
    return tuple(
        each.id
        for each in sorted(gone, key=lambda each: each.position)
        if isinstance(each.event, Redacted)
    )


def moment_of(store: EventStore, cutoff: Cutoff, head: Head) -> When:
    """The moment that a view with this cutoff shows."""
    given = [each for each in (cutoff.occurred, cutoff.published) if each is not None]
    return min(given, key=_end) if given else _recorded(store, head, None)


def _end(moment: When) -> datetime:
    assert moment.latest is not None  # a cutoff has an end
    return moment.latest


def _recorded(store: EventStore, head: Head, connection: sa.Connection | None) -> When:
    """When the last event in view was recorded."""
    at = head.position
    last = next(store.read_all(after=at - 1, until=at, connection=connection), None)
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
        self._remembered: _Remembered = 0, (), []

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
        head = self.head(cutoff)
        horizon = self._horizon(cutoff, head.position)
        for read in self._amended(0, head.position, None, horizon, amended=head.position):
            for projection in self.projections:
                read.handled_by(projection, rows)
        return FoldedView(head, rows, self.store, cutoff, horizon)

    def head(self, cutoff: Cutoff) -> Head:
        """Where the log ended that is in view.

        Raises:
            NotFound: the log has not come to the position asked for yet.
        """
        return self.store.head_at(self._position(cutoff))

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
        self._build_missing(inline)
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
            self._build_missing(inline)
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
            DatabaseBusy, DatabaseUnreachable, DatabaseError: see there.
        """
        stop = stop or threading.Event()
        # Not to where it ends later: others may append without end.
        goal, behind = self._behind()
        while behind and not stop.is_set():
            self._build_missing(behind, stop, progress)
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
            DatabaseUnreachable, DatabaseError: see there.
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
            mine = self._usable(all_builds(connection))
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
        chosen = tuple(self.projections if projections is None else projections)
        mine = self._usable(builds.locked(connection, [each.name for each in chosen]))
        for each in chosen:
            if each.name not in mine:
                raise DatabaseBusy(_UNKEPT.format(each.name))
        if not chosen:
            return True
        kept = {each: mine[each.name] for each in chosen}
        end = self.store.head(connection).position
        until = min(end, min(build.position for build in kept.values()) + _STEP)
        if self._reached(connection, kept, until):
            until = end
            for projection in self._reached(connection, kept, until):
                kept[projection] = self._emptied(connection, kept[projection])
        self._advance(connection, kept, until, amended=until)
        return until == end

    def _reached(
        self, connection: sa.Connection, kept: Mapping[Projection, Build], until: int
    ) -> list[Projection]:
        """Those of the projections that new amendments reach back to behind their position."""
        # Most of them stand at one position, and ask for the same.
        known: dict[tuple[bool, int], bool] = {}
        for projection, build in kept.items():
            case = projection.raw, build.position
            if case not in known:
                known[case] = self._reaches_back(connection, projection, build, until)
        return [each for each, build in kept.items() if known[each.raw, build.position]]

    def _emptied(self, connection: sa.Connection, build: Build) -> Build:
        builds.empty(connection, build)
        return attrs.evolve(build, position=0)

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
            for read in self._amended(after, until, connection, Horizon(ALL), amended):
                done.events += 1
                for projection, build in kept.items():
                    if read.stored.position > build.position:
                        read.handled_by(projection, rows[projection])
            for projection, build in kept.items():
                rows[projection].flush()
                if build.position < until:
                    builds.moved(connection, build, position=until, target=max(until, build.target))

    def _reaches_back(
        self, connection: sa.Connection, projection: Projection, build: Build, until: int
    ) -> bool:
        """Whether new amendments change how events behind a checkpoint are read."""
        after, types = build.position, _TAKEDOWNS if projection.raw else Amendments.TYPES
        new = [
            amendment.event
            for amendment in self.store.read_all(
                after=after, until=until, types=types, connection=connection
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
    ) -> Iterator[_Read]:
        """The events of a stretch of the log, under the amendments up to `amended`."""
        found = self._amendments_read(amended, connection)
        in_view = (event for event in map(horizon.seen, found) if event is not None)
        amendments = Amendments(self.store.codec, in_view)
        stored = self.store.read_all(
            after=after, until=until, types=self._types, connection=connection
        )
        for event in stored:
            seen = amendments.apply(event)
            yield _Read(event, None if seen is None else horizon.seen(seen))

    def _amendments_read(
        self, until: int, connection: sa.Connection | None
    ) -> list[RecordedEvent[Any]]:
        """All amendments up to a position, unless everybody takes the log as it was recorded.

        Those read before are remembered: a build needs them at every step. Only a takedown may
        change what one of them says.
        """
        if all(each.raw for each in self.projections):
            return []
        read = partial(self.store.read_all, connection=connection)
        taken = tuple(event.id for event in read(types=_TAKEDOWNS))
        at, before, found = self._remembered
        if before != taken or until < at:
            at, found = 0, []
        found = [*found, *read(after=at, until=until, types=Amendments.TYPES)]
        self._remembered = until, taken, found
        return found

    def _usable(self, found: Iterable[Build]) -> dict[str, Build]:
        """The build of each projection that this code reads: the live one, or else the newest."""
        prints = self._prints
        return {
            build.projection: build
            for build in sorted(found, key=lambda build: (build.state == "live", build.number))
            if build.usable and build.fingerprint == prints.get(build.projection)
        }

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
        builds.hold(connection, tables.values())
        return KeptView(head, tables, self.store, connection)

    def kept(
        self, projection: Projection, connection: sa.Connection
    ) -> tuple[int, Mapping[type, sa.Table]]:
        """How far the rows of one projection have come that this code keeps, and their tables.

        Position 0 and no tables where they are not kept.
        """
        build = self._usable(all_builds(connection)).get(projection.name)
        if build is None:
            return 0, {}
        tables = tables_of(projection.rows, build.number)
        builds.hold(connection, tables.values())
        return build.position, tables

    # Building

    def _build_missing(
        self,
        projections: Iterable[Projection],
        stop: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> None:
        with database.reading(self.store.engine) as connection:
            found = all_builds(connection)
            short = self.store.head(connection).position <= _STEP
        mine, known = self._usable(found), {build.projection for build in found}
        missing = [each for each in projections if each.name not in mine]
        if short and not known.intersection(each.name for each in missing):
            persistently(partial(self._build_together, missing))
            return
        for projection in missing:
            self._build(projection, stop=stop, progress=progress)

    def _build_together(self, projections: Iterable[Projection]) -> None:
        """Build what has never been built, over a log of one step, at once."""
        with database.writing(self.store.engine) as connection:
            builds.exclude_builders(connection)
            known = {build.projection for build in all_builds(connection)}
            made = {
                each: builds.make(connection, each)
                for each in projections
                if each.name not in known
            }
            end = self.store.head(connection).position
            if made:
                self._advance(connection, made, end, amended=end)
            for build in made.values():
                builds.go_live(connection, attrs.evolve(build, position=end, target=end))

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
            DatabaseError: see there.
        """
        projection = self.named(name)
        with telemetry.operation("rebuild") as done:
            build = self._build(projection, hold=hold, progress=progress, by=by)
            done.events = build.position
        return build

    def named(self, name: str) -> Projection:
        """The projection of that name.

        Raises:
            NotFound: no such projection is known.
        """
        for projection in self.projections:
            if projection.name == name:
                return projection
        known = ", ".join(each.name for each in self.projections)
        raise NotFound(f"no projection {name!r} is known. Known are: {known}.")

    def _build(
        self,
        projection: Projection,
        *,
        hold: bool = False,
        limit: int | None = None,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        by: FoldedElsewhere | None = None,
    ) -> Build:
        """Build a projection, as far as the end of the log or the limit, unless stopped."""
        # By itself, so that only events that it handles are read.
        alone = Projector(self.store, [projection])
        build = persistently(lambda: alone._begun(projection))
        if by is not None and build.state == "building":
            build = alone._filled(projection, build, by)
        done, rounds = {"live", "ready", "built"} if hold else {"live", "ready"}, 0
        while build.state not in done and not (stop and stop.is_set()):
            if build.position < build.target:
                build = persistently(partial(alone._continued, projection, build))
            else:
                ended = partial(alone._ended, projection, build, hold, limit, rounds)
                build = persistently(ended)
                rounds += 1
            if progress is not None:
                progress(build.position, build.target)
        return build

    def _begun(self, projection: Projection) -> Build:
        """The build under way for this code, or a new one."""
        with database.writing(self.store.engine) as connection:
            builds.exclude_builders(connection)
            mine = [
                build
                for build in builds.locked(connection, [projection.name])
                if build.fingerprint == self._prints[projection.name]
                and build.state in ("building", "built")
            ]
            if mine:
                return mine[-1]
            name = projection.name
            telemetry.logger.info("building %s anew", name, extra={"projection": name})
            return builds.make(connection, projection)

    def _filled(self, projection: Projection, build: Build, by: FoldedElsewhere) -> Build:
        """Fill a build with rows that were folded elsewhere, at once."""
        seen = self.store.head().position
        database.make_durable(self.store.engine)
        until, rows = by(projection, seen)
        return persistently(partial(self._fill, projection, build, until, rows, seen))

    def _fill(
        self,
        projection: Projection,
        build: Build,
        until: int,
        rows: Iterable[StoredRows],
        seen: int,
    ) -> Build:
        tables = tables_of(projection.rows, build.number)
        with database.writing(self.store.engine) as connection:
            now = builds.again(connection, build, lock=True)
            if now is None or now.state != "building":
                return now or _dropped(build)
            if self._redacted(connection, seen):
                raise DatabaseBusy("words were taken down while rows were folded; try again")
            builds.empty(connection, now)
            for cls, stored in rows:
                with _one_row_a_key(projection):
                    database.insert_many(connection, tables[cls], stored)
            return builds.moved(connection, now, position=until, target=until)

    def _continued(self, projection: Projection, build: Build) -> Build:
        """One step of a build: folded while nobody waits for us, and written at once then."""
        with database.reading(self.store.engine) as connection:
            now = builds.again(connection, build)
            if now is None or now.usable or now.position >= now.target:
                return now or _dropped(build)
            seen = self.store.head(connection).position
            tables = tables_of(projection.rows, now.number)
            builds.hold(connection, tables.values())
            rows = _KeptRows(connection, tables, empty=now.position == 0, beside=True)
            until = self._fold_beside(connection, projection, now, rows)
        with database.writing(self.store.engine) as connection:
            if builds.again(connection, now, lock=True) != now or self._redacted(connection, seen):
                # Somebody else has done this step, or taken down words that we may hold.
                return builds.again(connection, now) or _dropped(now)
            rows.flush(connection)
            return builds.moved(connection, now, position=until)

    def _fold_beside(
        self, connection: sa.Connection, projection: Projection, build: Build, rows: _KeptRows
    ) -> int:
        """Fold some more of the log into rows not yet written; how far it came."""
        until = min(build.target, build.position + _STEP)
        last = build.position
        with telemetry.operation("project") as done:
            for read in self._amended(last, until, connection, Horizon(ALL), build.target):
                if rows.full and read.stored.position > last:
                    return last
                done.events += 1
                read.handled_by(projection, rows)
                last = read.stored.position
        return until

    def _redacted(self, connection: sa.Connection, after: int) -> bool:
        later = self.store.read_all(after=after, types=_TAKEDOWNS, limit=1, connection=connection)
        return next(later, None) is not None

    def _ended(
        self,
        projection: Projection,
        build: Build,
        hold: bool,
        limit: int | None,
        rounds: int,
    ) -> Build:
        """End a build that has come to its target, or set it another one, further on."""
        with database.writing(self.store.engine) as connection:
            builds.exclude_builders(connection)
            found = builds.locked(connection, [projection.name])
            now = next((each for each in found if each.number == build.number), None)
            if now is None or now.state in ("live", "ready") or now.position < now.target:
                # Somebody else was here.
                return now or _dropped(build)
            end = self.store.head(connection).position
            end = end if limit is None else min(end, max(limit, now.position))
            if self._reaches_back(connection, projection, now, end):
                now = self._emptied(connection, now)
            if end - now.position > max(_STEP // 10, 1) and rounds < _ROUNDS:
                place = {"position": now.position, "target": end}
                return builds.moved(connection, now, state="building", **place)
            self._advance(connection, {projection: now}, end, amended=end)
            now = attrs.evolve(now, position=end, target=end)
            now, before = self._let_go(connection, now, found, hold=hold)
        if now.state == "live":
            self._drop_outdated(projection.name, before)
        return now

    def _let_go(
        self, connection: sa.Connection, build: Build, found: Iterable[Build], *, hold: bool
    ) -> tuple[Build, int]:
        """Let a build that has caught up go live, unless it must not; and what was live before."""
        if hold:
            return builds.moved(connection, build, state="built"), 0
        live = next((each for each in found if each.state == "live"), None)
        if live is not None and live.version > build.version:
            # Newer code has the plain names; this code reads its rows under their full ones.
            return builds.moved(connection, build, state="ready"), 0
        return builds.go_live(connection, build), live.number if live else 0

    def _drop_outdated(self, name: str, before: int) -> None:
        """Drop what nobody needs any more, unless somebody is still looking at it."""
        try:
            with database.writing(self.store.engine) as connection:
                builds.exclude_builders(connection)
                found = builds.locked(connection, [name])
                for build in builds.outdated(found, name, before):
                    builds.drop(connection, build)
        except DatabaseBusy:
            telemetry.logger.info(
                "old tables of %s are in use; left", name, extra={"projection": name}
            )

    def go_back(self, name: str) -> Build:
        """Let the build that was live before stand for the plain names again.

        Raises:
            NotFound: no such projection, or nothing to go back to.
            DatabaseBusy: somebody is reading by the plain names, and does not end.
        """
        self.named(name)
        return persistently(lambda: self._gone_back(name))

    def _gone_back(self, name: str) -> Build:
        with database.writing(self.store.engine) as connection:
            builds.exclude_builders(connection)
            ready = [b for b in builds.locked(connection, [name]) if b.state == "ready"]
            if not ready:
                raise NotFound(f"projection {name!r} has no earlier build to go back to")
            return builds.go_live(connection, ready[-1])

    def compare(self, name: str, *, progress: Progress | None = None) -> Comparison:
        """Build a projection's rows anew, hold them, and tell how they differ from the live ones.

        Both are brought to one position. The live rows of other code cannot be moved on by this
        code; the new ones then stop where those stand.

        Raises:
            NotFound: no such projection is known, or it has no live build.
            DatabaseBusy: they could not be brought to one position; names both.
        """
        projection = self.named(name)
        live, _ = self._live_and_held(name)
        limit = None if live.fingerprint == self._prints[name] else live.position
        self._build(projection, hold=True, limit=limit, progress=progress)
        live, new = self._live_and_held(name)
        if limit is not None and new is not None and new.position > live.position:
            raise DatabaseBusy(_APART.format(live, new))
        return persistently(lambda: self._compared(projection))

    def _compared(self, projection: Projection) -> Comparison:
        with database.writing(self.store.engine) as connection:
            builds.locked(connection, [projection.name])
            live, new = self._live_and_held(projection.name, connection)
            if new is not None:
                self._level(connection, projection, live, new)
        with database.reading(self.store.engine) as connection:
            live, new = self._live_and_held(projection.name, connection)
            if new is None or new.state != "built" or live.position != new.position:
                raise DatabaseBusy(_UNKEPT.format(projection.name))
            return builds.compared(connection, live, new)

    def _live_and_held(
        self, name: str, connection: sa.Connection | None = None
    ) -> tuple[Build, Build | None]:
        """The live build of a projection, and the one of this code that is not live yet."""
        with contextlib.ExitStack() as stack:
            reader = connection or stack.enter_context(database.reading(self.store.engine))
            found = [each for each in all_builds(reader) if each.projection == name]
        live = next((each for each in found if each.state == "live"), None)
        if live is None:
            raise NotFound(f"projection {name!r} has no live build to compare with")
        begun = [each for each in found if each.state in ("building", "built")]
        mine = [each for each in begun if each.fingerprint == self._prints[name]]
        return live, mine[-1] if mine else None

    def _level(
        self, connection: sa.Connection, projection: Projection, live: Build, new: Build
    ) -> None:
        """Bring two builds to one position."""
        until = live.position
        if live.fingerprint == new.fingerprint:
            until = self.store.head(connection).position
        for build in (live, new):
            at = build
            if self._reaches_back(connection, projection, at, until):
                at = self._emptied(connection, at)
            if at.position < until:
                self._advance(connection, {projection: at}, until, amended=until)

    def forget_others(self) -> list[str]:
        """Empty the builds that this code does not keep, after a takedown; all tables' names."""
        return persistently(self._others_forgotten)

    def _others_forgotten(self) -> list[str]:
        with database.writing(self.store.engine) as connection:
            builds.exclude_builders(connection)
            names = {build.projection for build in all_builds(connection)}
            found = builds.locked(connection, names)
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


@attrs.frozen
class _Read:
    """An event as stored, and as amended; None where it is withdrawn or out of view."""

    stored: RecordedEvent[Any]
    seen: RecordedEvent[Any] | None

    def handled_by(self, projection: Projection, rows: Rows) -> None:
        """Let a projection handle what of it the projection is to get."""
        event = self.stored if projection.raw else self.seen
        if event is not None and not isinstance(event.event, Redacted):
            handle(projection, rows, event)


class _KeptRows(Rows):
    """Rows of tables: read when first asked for, written back together."""

    def __init__(
        self,
        connection: sa.Connection,
        tables: Mapping[type, sa.Table],
        *,
        empty: bool,
        beside: bool = False,
    ) -> None:
        super().__init__()
        self._connection = connection
        self._tables = tables
        self._empty = empty  # no row can be in the tables that was not put here first
        self._beside = beside  # not to be written by itself
        self._changed: dict[tuple[type, tuple[Any, ...]], None] = {}  # in order of first change

    def get(self, cls: type[R], *key: Any) -> R | None:
        if (cls, key) not in self._rows:
            table = self._tables[cls]
            found = None if self._empty else _find(self._connection, table, cls, key)
            self._rows[cls, key] = found
        return typing.cast("R | None", self._rows[cls, key])

    def put(self, value: Any) -> None:
        cls, key = type(value), key_of(value)
        self._rows[cls, key] = value
        self._note(cls, key)

    def delete(self, cls: type, *key: Any) -> None:
        self._rows[cls, key] = None
        self._note(cls, key)

    @property
    def full(self) -> bool:
        """Whether as many rows have changed as should be held in memory."""
        return len(self._changed) >= _FLUSH

    def _note(self, cls: type, key: tuple[Any, ...]) -> None:
        self._changed[cls, key] = None
        if self.full and not self._beside:
            self.flush()

    def flush(self, connection: sa.Connection | None = None) -> None:
        """Write what has changed, on another connection if one is given; forget what was read."""
        self._connection = connection or self._connection
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
            gone = sa.delete(table).where(*_matches(table, shape))
            self._connection.execute(gone, [shape.store_key(key) for key in keys])
        stored = [shape.store(value) for value in values if value is not None]
        if stored:
            database.insert_many(self._connection, table, stored)


@contextlib.contextmanager
def _one_row_a_key(projection: Projection) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if not database.is_duplicate(error):
            raise
        raise InvalidProjection(
            f"the rows of projection {projection.name!r} do not split by "
            f"{projection.split_by!r}: two parts made a row of one key ({error.__cause__})"
        ) from None


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


def handle(projection: Projection, rows: Rows, event: RecordedEvent[Any]) -> None:
    """Let a projection handle an event; an error says which, and where."""
    try:
        projection.handle(rows, event)
    except Exception as error:
        error.add_note(
            f"in projection {projection.name!r}, at position {event.position}: {event.type} "
            f"{event.id!r}"
        )
        raise


def _dropped(build: Build) -> Build:
    """What stands for a build that is gone: nothing is left to be done about it."""
    return attrs.evolve(build, state="ready")


def _find(
    connection: sa.Connection, table: sa.Table, cls: type[R], key: tuple[Any, ...]
) -> R | None:
    shape, driver = shape_of(cls), database.driver_of(connection)
    with database.translated(connection.engine, connected=True):
        found = _finder(shape.cls, table.name).run(
            driver, connection.dialect, **shape.store_key(key)
        )
        stored = found.fetchone()
    return None if stored is None else typing.cast("R", shape.load(stored))


@functools.lru_cache(maxsize=1024)
def _finder(cls: type, name: str) -> database.Prepared:
    shape = shape_of(cls)
    table = sa.table(name, *(sa.column(column.name, column.sql) for column in shape.columns))
    return database.Prepared(sa.select(table).where(*_matches(table, shape)))


def _matches(table: sa.FromClause, shape: Shape) -> Iterator[sa.ColumnElement[bool]]:
    return (table.c[name] == sa.bindparam(name, required=False) for name in shape.key)
