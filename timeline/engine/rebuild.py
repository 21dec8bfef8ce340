"""The builds of projections are folded: step by step, beside the live ones, and compared.

Kept rows and their checkpoint move in one transaction. Code that has changed gets a build of its
own, folded beside the live one while appends and reports go on. Other processes may build the same,
and take events down meanwhile: so each step reads what it needs again, under its locks.
"""

from __future__ import annotations

import contextlib
import functools
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ParamSpec, Self, TypeVar

import attrs
import sqlalchemy as sa

from timeline.engine import builds, compare
from timeline.engine.builds import Build
from timeline.engine.compare import Comparison
from timeline.engine.projection import Projection, shape_of
from timeline.engine.reader import Amendments, LogReader, hand
from timeline.engine.rows import KeptRows, hold, tables_of
from timeline.engine.search import forget_deleted
from timeline.errors import (
    DatabaseBusy,
    DatabaseError,
    InvalidProjection,
    NotFound,
)
from timeline.log import database, failures, schema_check, telemetry
from timeline.log.schema import VERSION_TABLE, metadata
from timeline.log.store import EventStore
from timeline.log.telemetry import Progress

STEP = 5_000
"""Positions to fold in one transaction: few enough that others get their turn in between."""

STRIDE = 50_000
"""Positions that a build beside the live rows folds together: nobody waits while it reads."""

_ROUNDS = 4
"""How often a build runs after a growing log, or begins again, before it holds up appends."""

_NUMBERED = re.compile(r"_v\d+\Z")
"""How names of tables end; a plain name that ends so could be that of a table."""

_NOT_KEPT = "projection {!r} is not kept just now; another process may be building it. Try again."

StoredRows = tuple[type, list[tuple[Any, ...]]]
"""A row class, and some of its rows as their table stores them, in the order of its columns."""

FoldedElsewhere = Callable[[Projection, int], tuple[int, Iterable[StoredRows]]]
"""Folds the log for a projection up to a position, or as far as it can; gives the end and the rows.

The rows can be iterated more than once.
"""

CopiedElsewhere = Callable[[Projection, int, Build], tuple[int, Mapping[type, int]]]
"""The same, and has the rows written into a build by `copy_part`; how many there are of each class.
"""

_UNSEEN = "being copied "
"""How fingerprints of builds begin that are written by others: no code takes them for its own."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def retried(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Run a method again while the database is busy, or its connection lost."""

    @functools.wraps(method)
    def retrying(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return failures.persistently(lambda: method(*args, **kwargs))

    return retrying


class Builder:
    """Folds the log into the builds of projections.

    Raises:
        InvalidProjection: two of them keep rows under one name, or under that of a log table.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection]) -> None:
        self.store = store
        self.projections = tuple(projections)
        _require_names(self.projections)
        self._inline = tuple(p for p in self.projections if p.mode == "inline")
        self._reader = LogReader(store, self.projections)

    def over(self, store: EventStore) -> Self:
        """The same over the same log, by another way to it."""
        over = type(self)(store, self.projections)
        if self._inline:  # each append needs them
            over.fingerprints = self.fingerprints
        return over

    def named(self, name: str) -> Projection:
        """The projection of that name.

        Raises:
            NotFound: no projection has that name; it lists the names there are.
        """
        for projection in self.projections:
            if projection.name == name:
                return projection
        known = ", ".join(projection.name for projection in self.projections)
        raise NotFound(f"no projection {name!r} is known; there are: {known}.")

    @functools.cached_property
    def fingerprints(self) -> dict[str, str]:
        """By the name of each projection, that of its code; see `timeline.engine.builds`."""
        # Made when rows are kept: a command that keeps none need not wait for it.
        made = {}
        for projection in self.projections:
            types = projection.types if projection.raw else projection.types | Amendments.TYPES
            upcasters = self.store.codec.upcasters_of(types)
            made[projection.name] = builds.fingerprint(projection, upcasters)
        return made

    def _usable(self, found: Iterable[Build]) -> dict[str, Build]:
        """The build of each projection that this code reads: the live one, or else the newest."""
        return {
            build.projection: build
            for build in sorted(found, key=lambda build: (build.state == "live", build.number))
            if build.usable and build.fingerprint == self.fingerprints.get(build.projection)
        }

    def _kept(self, connection: sa.Connection) -> dict[Projection, Build | None]:
        """The build of each projection that this code reads; None where there is none yet."""
        usable = self._usable(builds.all_builds(connection))
        return {projection: usable.get(projection.name) for projection in self.projections}

    # In steps

    def step(
        self, connection: sa.Connection, projections: Iterable[Projection] | None = None
    ) -> bool:
        """Bring kept rows a step nearer to the end of the log; true once they are there.

        It works within the caller's transaction. Where a new amendment reaches back behind a
        checkpoint, the rows are folded again to the end at once: nobody may see them half done.

        Raises:
            DatabaseBusy: a projection is not kept, or another process holds its rows.
        """
        chosen = tuple(self.projections if projections is None else projections)
        if not chosen:
            return True
        usable = self._usable(builds.locked(connection, [p.name for p in chosen]))
        for projection in chosen:
            if projection.name not in usable:
                raise DatabaseBusy(_NOT_KEPT.format(projection.name))
        kept = {projection: usable[projection.name] for projection in chosen}
        end = self.store.head(connection).position
        until = min(end, min(build.position for build in kept.values()) + STEP)
        if self._reached(connection, kept, until):
            until = end
            for projection in self._reached(connection, kept, until):
                kept[projection] = builds.emptied(connection, kept[projection])
        self._advance(connection, kept, until)
        return until == end

    def _reached(
        self, connection: sa.Connection, kept: Mapping[Projection, Build], until: int
    ) -> list[Projection]:
        """The projections that amendments up to `until` reach back to behind their checkpoint."""
        # Most of them stand at one position, so that one query answers for many.
        reaches_back = functools.cache(
            lambda raw, position: self._reader.reaches_back(connection, raw, position, until)
        )
        return [p for p, build in kept.items() if reaches_back(p.raw, build.position)]

    def _reached_far(self, behind: Mapping[Projection, Build | None]) -> list[Projection]:
        """The projections with long histories that new amendments reach back to.

        A step would fold them again in one transaction, while all who write wait.
        """
        long = {
            projection: build
            for projection, build in behind.items()
            if build is not None and build.state == "live" and build.position > STEP
        }
        if not long:
            return []
        with database.reading(self.store.engine) as connection:
            return self._reached(connection, long, self.store.head(connection).position)

    def _advance(
        self, connection: sa.Connection, kept: Mapping[Projection, Build], until: int
    ) -> None:
        """Fold the log into each build, from its checkpoint up to a position."""
        rows = {
            projection: KeptRows(
                connection, tables_of(projection.rows, build.number), empty=build.position == 0
            )
            for projection, build in kept.items()
        }
        after = min(build.position for build in kept.values())
        with telemetry.operation("project") as done:
            done.note(projections=[p.name for p in kept], first_position=after + 1)
            done.note(last_position=until)
            for event in self._reader.read(after, until, amended=until, connection=connection):
                done.events += 1
                for projection, build in kept.items():
                    if event[0].position > build.position:
                        hand(event, projection, rows[projection])
            for projection in kept:
                rows[projection].flush()
            builds.all_moved(connection, kept.values(), until)

    # Building

    def rebuild(
        self,
        name: str,
        *,
        hold: bool = False,
        progress: Progress | None = None,
        by: FoldedElsewhere | None = None,
        copied_by: CopiedElsewhere | None = None,
    ) -> Build:
        """Build a projection's rows again, beside the old ones, and let the new ones go live.

        Appends and reports go on meanwhile. Killed, it goes on where it was when called again; two
        at once share the work.

        Args:
            name: the projection.
            hold: leave it at `built`, not live, to look at the differences first. Reports of this
                code read it all the same where they can read no other.
            progress: callback (position, target).
            by: folds the log elsewhere; what it leaves over is then folded here.
            copied_by: the same, where several processes write the rows; only on PostgreSQL.

        Raises:
            NotFound: no projection has that name.
            DatabaseBusy: somebody is reading by the plain names, and does not end; it is built, and
                goes live when this is called again.
            DatabaseError: the database could not do it.
        """
        with telemetry.operation("rebuild") as done:
            build = self._build(
                self.named(name), hold=hold, progress=progress, by=by, copied_by=copied_by
            )
            done.events = build.position
            done.note(projection=name, last_position=build.position)
        return build

    def _build_missing(
        self,
        projections: Iterable[Projection],
        stop: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> bool:
        """Build the projections whose rows this code does not keep; false if there were none."""
        with database.reading(self.store.engine) as connection:
            there = builds.all_builds(connection)
            is_short = self.store.head(connection).position <= STEP
        usable, known = self._usable(there), {build.projection for build in there}
        missing = [projection for projection in projections if projection.name not in usable]
        if is_short and missing and known.isdisjoint(projection.name for projection in missing):
            self._build_together(missing)
            return True
        for projection in missing:
            self._build(projection, stop=stop, progress=progress)
        return bool(missing)

    @retried
    def _build_together(self, projections: Iterable[Projection]) -> None:
        """Build projections that were never built, over a log of one step, in one transaction."""
        with database.writing(self.store.engine) as connection:
            known = {build.projection for build in builds.claimed(connection)}
            new = {p: self.fingerprints[p.name] for p in projections if p.name not in known}
            if new:
                made = builds.make_all(connection, new)
                self._advance(connection, made, self.store.head(connection).position)
                builds.all_go_live(connection, made.values())

    def _build(
        self,
        projection: Projection,
        *,
        hold: bool = False,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        by: FoldedElsewhere | None = None,
        copied_by: CopiedElsewhere | None = None,
        replace: bool = False,
    ) -> Build:
        """Build a projection, as far as the end of the log, unless stopped.

        With `replace`, the build to go back to stays the one before that which is live now.
        """
        # A projector for it alone, so that only events that it handles are read.
        alone = Builder(self.store, [projection])
        if copied_by is not None:
            build, is_new = alone._copied(projection, copied_by), True
        else:
            build, is_new = alone._begin(projection)
        if by is not None and build.state == "building":
            try:
                build = alone._fill(projection, build, by)
            except BaseException:
                if is_new:
                    alone._abandon(build)
                raise
        done, rounds = {"live", "ready", "built"} if hold else {"live", "ready"}, 0
        while build.state not in done and not (stop and stop.is_set()):
            if build.position < build.target:
                build = alone._fold_beside(projection, build)
            else:
                build = alone._finish(
                    projection, build, hold, is_last=rounds >= _ROUNDS, replace=replace
                )
                rounds += 1
            if progress is not None:
                progress(build.position, build.target)
        return build

    @retried
    def _begin(self, projection: Projection) -> tuple[Build, bool]:
        """The build of this code that another call has begun, or a new one; and if it is new."""
        fingerprint = self.fingerprints[projection.name]
        with database.writing(self.store.engine) as connection:
            for build in reversed(builds.claimed(connection, [projection.name])):
                if build.fingerprint == fingerprint and build.state in ("building", "built"):
                    return build, False
            build = builds.make(connection, projection, fingerprint)
            end = self.store.head(connection).position
            return builds.moved(connection, build, target=end) if _is_far(end) else build, True

    def _abandon(self, build: Build) -> None:
        """Drop a build that has no rows yet."""
        # An error here would hide the one that the caller must see.
        with contextlib.suppress(DatabaseError), database.writing(self.store.engine) as connection:
            builds.exclude_builders(connection)
            now = builds.again(connection, build, lock=True)
            if now.state == "building" and now.position == 0:
                builds.drop(connection, now)

    def _fill(self, projection: Projection, build: Build, by: FoldedElsewhere) -> Build:
        """Fold a build elsewhere, and write its rows in one transaction."""
        end = self.store.head().position
        database.make_durable(self.store.engine)
        until, rows = by(projection, end)
        return self._write_rows(projection, build, rows, until=until, takedowns_until=end)

    def _copied(self, projection: Projection, by: CopiedElsewhere) -> Build:
        """Let others fill a build that no code takes for its own, then make it one of this code."""
        build = self._begin_unseen(projection)
        try:
            end = self.store.head().position
            database.make_durable(self.store.engine)
            until, counts = by(projection, end, build)
            return self._adopt(projection, build, counts, until=until, takedowns_until=end)
        except BaseException:
            self._abandon(build)
            raise

    @retried
    def _begin_unseen(self, projection: Projection) -> Build:
        with database.writing(self.store.engine) as connection:
            for other in builds.claimed(connection, [projection.name]):
                if other.fingerprint.startswith(_UNSEEN):  # of a process that was killed
                    builds.drop(connection, other)
            build = builds.make(connection, projection, _UNSEEN + secrets.token_hex(8))
            for index in _indexes(projection, build):
                index.drop(connection)
            return build

    @retried
    def _adopt(
        self,
        projection: Projection,
        build: Build,
        counts: Mapping[type, int],
        *,
        until: int,
        takedowns_until: int,
    ) -> Build:
        with database.writing(self.store.engine) as connection:
            _require_there(build, builds.again(connection, build, lock=True))
            if self._reader.takes_down_after(connection, takedowns_until):
                raise DatabaseBusy("words were taken down while rows were folded; try again")
            for cls, table in tables_of(projection.rows, build.number).items():
                there = connection.scalar(sa.select(sa.func.count()).select_from(table))
                if there != counts[cls]:
                    raise _not_one_row_a_key(projection, f"{counts[cls]:,} rows, {there:,} keys")
            for index in _indexes(projection, build):
                index.create(connection)
            mine = self.fingerprints[projection.name]
            return builds.moved(connection, build, fingerprint=mine, position=until, target=until)

    @retried
    def _write_rows(
        self,
        projection: Projection,
        build: Build,
        rows: Iterable[StoredRows],
        *,
        until: int,
        takedowns_until: int,
    ) -> Build:
        tables = tables_of(projection.rows, build.number)
        with database.writing(self.store.engine) as connection:
            now = builds.again(connection, build, lock=True)
            if now.state != "building":
                return now
            if self._reader.takes_down_after(connection, takedowns_until):
                raise DatabaseBusy("words were taken down while rows were folded; try again")
            builds.emptied(connection, now)
            indexes = _indexes(projection, now)
            # Making an index of all rows at once takes half the time of adding row by row.
            for index in indexes:
                index.drop(connection)
            for cls, stored in rows:
                with _one_row_a_key(projection):
                    database.insert_many(connection, tables[cls], stored)
            for index in indexes:
                index.create(connection)
            return builds.moved(connection, now, position=until, target=until)

    @retried
    def _fold_beside(self, projection: Projection, build: Build) -> Build:
        """One step of a build: fold in a reading transaction, then write in a short one."""
        with database.reading(self.store.engine) as connection:
            before = builds.again(connection, build)
            if before.usable or before.position >= before.target:
                return before
            end = self.store.head(connection).position
            tables = tables_of(projection.rows, before.number)
            hold(connection, tables.values())
            rows = KeptRows(connection, tables, empty=before.position == 0, beside=True)
            until = self._fold_until_full(connection, projection, before, rows)
        with database.writing(self.store.engine) as connection:
            now = builds.again(connection, before, lock=True)
            if now != before or self._reader.takes_down_after(connection, end):
                # Another process did this step, or our rows may hold what it took down.
                return now
            rows.flush(connection)
            return builds.moved(connection, now, position=until)

    def _fold_until_full(
        self, connection: sa.Connection, projection: Projection, build: Build, rows: KeptRows
    ) -> int:
        """Fold the next step of the log, or less once enough rows have changed; gives the end."""
        until = min(build.target, build.position + STRIDE)
        last = build.position
        events = self._reader.read(last, until, amended=build.target, connection=connection)
        with telemetry.operation("project") as done:
            done.note(projections=[projection.name], first_position=last + 1, last_position=until)
            for event in events:
                position = event[0].position
                if rows.full and position > last:
                    return last
                done.events += 1
                hand(event, projection, rows)
                last = position
        return until

    @retried
    def _finish(
        self, projection: Projection, build: Build, hold: bool, *, is_last: bool, replace: bool
    ) -> Build:
        """Fold the rest of the log and end the build; or set it another target, if far away.

        On the last round all is folded at once, and appends wait for it.
        """
        with database.writing(self.store.engine) as connection:
            there = builds.claimed(connection, [projection.name])
            now = builds.again(connection, build)
            if now.state in ("live", "ready") or now.position < now.target:
                return now  # another process was here
            end = self.store.head(connection).position
            if self._reader.reaches_back(connection, projection.raw, now.position, end):
                now = builds.emptied(connection, now)
            if _is_far(end - now.position) and not is_last:
                return builds.moved(
                    connection, now, state="building", position=now.position, target=end
                )
            self._advance(connection, {projection: now}, end)
            now = attrs.evolve(now, position=end, target=end)
            live = next((other for other in there if other.state == "live"), None)
            if hold:
                return builds.moved(connection, now, state="built")
            if live is not None and live.version > now.version:
                # Newer code has the plain names; this code reads its rows by their tables' names.
                return builds.moved(connection, now, state="ready")
            now = builds.go_live(connection, now)
        former = live.number if live else 0
        self._drop_outdated(projection.name, *((0, former) if replace else (former, 0)))
        return now

    def _drop_outdated(self, name: str, before: int, replaced: int) -> None:
        """Drop builds that nobody needs any more, unless somebody is reading them."""
        try:
            with database.writing(self.store.engine) as connection:
                there = builds.claimed(connection, [name])
                for build in builds.outdated(there, before, replaced):
                    builds.drop(connection, build)
        except DatabaseBusy:
            telemetry.logger.info(
                "old tables of %s are in use; left", name, extra={"projection": name}
            )

    @retried
    def go_back(self, name: str) -> Build:
        """Let the plain names show the build again that was live before.

        Raises:
            NotFound: no projection has that name, or it has no build to go back to.
            DatabaseBusy: somebody is reading by the plain names, and does not end.
        """
        self.named(name)
        with database.writing(self.store.engine) as connection:
            ready = [b for b in builds.claimed(connection, [name]) if b.state == "ready"]
            if not ready:
                raise NotFound(f"projection {name!r} has no earlier build to go back to")
            return builds.go_live(connection, ready[-1])

    @retried
    def forget_others(self) -> list[str]:
        """Empty the builds that this code does not keep, after a takedown; the names of all tables.

        Raises:
            DatabaseError: the database could not do it.
        """
        with database.writing(self.store.engine) as connection:
            there = builds.claimed(connection)
            usable = self._usable(there)
            for build in there:
                mine = usable.get(build.projection)
                if build == mine:
                    continue
                builds.emptied(connection, build)
                if build.state == "live" and mine is not None:
                    builds.go_live(connection, mine)
                state = "live" if build.state == "live" and mine is None else "building"
                builds.moved(connection, build, position=0, target=0, state=state)
            tables = [name for build in there for name in build.table_names()]
            forget_deleted(connection, tables)
        return tables

    # Comparing

    def compare(self, name: str, *, progress: Progress | None = None) -> Comparison:
        """Compare a projection's live rows with those that this code folds of the same events.

        Nothing is kept of it. It takes one reading transaction, and room for the rows, twice, in a
        temporary file.

        Raises:
            NotFound: no projection has that name, or it has no live build.
            DatabaseError: the database could not do it.
        """
        projection = self.named(name)
        with database.reading(self.store.engine) as connection:
            there = builds.all_builds(connection)
            live = next((b for b in there if b.projection == name and b.state == "live"), None)
            if live is None:
                raise NotFound(f"projection {name!r} has no live build to compare with")
            return self._compared(connection, projection, live, progress)

    def altered(self, progress: Progress | None = None) -> list[Comparison]:
        """The kept rows that reports of this code read, where they are not what the log gives.

        Raises:
            DatabaseError: the database could not do it.
        """
        with database.reading(self.store.engine) as connection:
            kept = self._kept(connection).items()
            comparisons = [
                self._compared(connection, projection, build, progress)
                for projection, build in kept
                if build is not None
            ]
        return [comparison for comparison in comparisons if comparison.differences]

    def problems(self) -> list[str]:
        """What is wrong with what stands beside the log, and with the views of the live builds.

        Raises:
            DatabaseError: the database could not do it.
        """
        with database.reading(self.store.engine) as connection:
            wrong = list(schema_check.problems(connection))
            if schema_check.has_all_tables(connection):
                wrong += builds.view_problems(connection)
        return wrong

    def _compared(
        self,
        connection: sa.Connection,
        projection: Projection,
        build: Build,
        progress: Progress | None,
    ) -> Comparison:
        until = build.position
        with compare.scratch() as aside:
            rows = compare.empty_rows(aside, projection)
            # A reader for it alone, so that only events that it handles are read.
            alone = LogReader(self.store, [projection])
            for event in alone.read(0, until, amended=until, connection=connection):
                hand(event, projection, rows)
                if progress is not None and event[0].position % STEP == 0:
                    progress(event[0].position, until)
            rows.flush()
            if progress is not None:
                progress(until, until)
            return compare.compared(connection, aside, build)


@contextlib.contextmanager
def _one_row_a_key(projection: Projection) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if not failures.is_duplicate(error):
            raise
        raise _not_one_row_a_key(projection, str(error.__cause__)) from None


def _not_one_row_a_key(projection: Projection, detail: str) -> InvalidProjection:
    return InvalidProjection(
        f"the rows of projection {projection.name!r} do not split by "
        f"{projection.split_by!r}: two parts made a row of one key ({detail})"
    )


def _indexes(projection: Projection, build: Build) -> list[sa.Index]:
    tables = tables_of(projection.rows, build.number).values()
    return [index for table in tables for index in table.indexes]


def _is_far(positions: int) -> bool:
    """Whether a build is so far behind the log that it folds beside the live rows."""
    return positions > max(STEP // 10, 1)


def _require_there(build: Build, now: Build) -> None:
    if now.state != "building" or now.fingerprint != build.fingerprint:
        raise DatabaseBusy(
            f"another process has begun to rebuild {build.projection!r} meanwhile, and dropped "
            f"build {build.number}: let one of them do it"
        )


def copy_part(
    engine: sa.Engine, projection: Projection, build: Build, rows: Iterable[StoredRows]
) -> None:
    """Write the rows of a part into a build that `copied_by` was given.

    However often it is called with a part, and by however many processes, its rows are there once.

    Raises:
        DatabaseBusy: the build is not there any more.
        DatabaseError: the database could not do it.
    """
    tables = tables_of(projection.rows, build.number)
    try:
        with database.writing(engine) as connection:
            _require_there(build, builds.again(connection, build, share=True))
            for cls, stored in rows:
                database.insert_many(connection, tables[cls], stored)
    except DatabaseError as error:
        # The part is there already. Where two parts have a row of one key, the count will show it.
        if not failures.is_duplicate(error):
            raise


def _require_names(projections: Iterable[Projection]) -> None:
    """Check that the projections, their rows and their tables all have names of their own."""
    names: set[str] = set()
    taken = {"log", VERSION_TABLE, *(table.name for table in metadata.tables.values())}
    for projection in projections:
        if projection.name in names:
            raise InvalidProjection(f"two projections have the name {projection.name!r}")
        names.add(projection.name)
        for cls in projection.rows:
            name = shape_of(cls).name
            if name in taken or _NUMBERED.search(name):
                raise InvalidProjection(f"{cls.__name__}: the name {name!r} is taken")
            taken.add(name)
