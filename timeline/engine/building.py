"""Builds rows anew beside the live ones, while appends and reports go on.

What a step needs is read again under the locks of that step: others may build the same, and take
words down meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.engine import builds, keeping
from timeline.engine.builds import Build, Comparison, all_builds, tables_of
from timeline.engine.cutoff import ALL, Horizon
from timeline.engine.keeping import UNKEPT, Keeper
from timeline.engine.kept_rows import KeptRows
from timeline.engine.projection import Projection
from timeline.errors import DatabaseBusy, DatabaseError, InvalidProjection, NotFound
from timeline.log import database, telemetry
from timeline.log.database import persistently

_ROUNDS = 4
"""How often a build runs after a log that grows, or begins again, before it ends all at once."""

_APART = (
    "the live build {0.number} of {0.projection!r} stands at position {0.position}, build "
    "{1.number} at {1.position} already: they cannot be compared. Bring the live one up by the "
    "code that made it, then try again."
)

Progress = Callable[[int, int], None]
"""Is told how far a projection has come, and how far it is to come."""

StoredRows = tuple[type, list[tuple[Any, ...]]]
"""A row class, and some rows of it as their table stores them, in the order of its columns."""

FoldedElsewhere = Callable[[Projection, int], tuple[int, Iterable[StoredRows]]]
"""Folds the log for a projection, up to a position or as far as it can: how far, and all rows.

The rows can be gone through more than once.
"""


class Builder:
    """Builds the rows of projections anew, lets them go live, and compares them."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._store = keeper.store

    def build_missing(
        self,
        projections: Iterable[Projection],
        stop: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Build those of the projections whose rows this code does not keep yet."""
        with database.reading(self._store.engine) as connection:
            found = all_builds(connection)
            short = self._store.head(connection).position <= keeping.STEP
        mine, known = self._keeper.usable(found), {build.projection for build in found}
        missing = [each for each in projections if each.name not in mine]
        if short and not known.intersection(each.name for each in missing):
            persistently(partial(self._build_together, missing))
            return
        for projection in missing:
            self._build(projection, stop=stop, progress=progress)

    def _build_together(self, projections: Iterable[Projection]) -> None:
        """Build what has never been built, over a log of one step, at once."""
        with database.writing(self._store.engine) as connection:
            builds.exclude_builders(connection)
            known = {build.projection for build in all_builds(connection)}
            made = {
                each: builds.make(connection, each, self._keeper.prints[each.name])
                for each in projections
                if each.name not in known
            }
            end = self._store.head(connection).position
            if made:
                self._keeper.advance(connection, made, end, amended=end)
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
        """See `Projector.rebuild`."""
        projection = self._keeper.named(name)
        with telemetry.operation("rebuild") as done:
            build = self._build(projection, hold=hold, progress=progress, by=by)
            done.events = build.position
        return build

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
        alone = Builder(Keeper(self._store, [projection]))
        build, new = persistently(lambda: alone._begun(projection))
        if by is not None and build.state == "building":
            try:
                build = alone._filled(projection, build, by)
            except BaseException:
                if new:
                    alone._abandon(build)
                raise
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

    def _begun(self, projection: Projection) -> tuple[Build, bool]:
        """The build under way for this code, or a new one; and whether it is new."""
        with database.writing(self._store.engine) as connection:
            builds.exclude_builders(connection)
            mine = [
                build
                for build in builds.locked(connection, [projection.name])
                if build.fingerprint == self._keeper.prints[projection.name]
                and build.state in ("building", "built")
            ]
            if mine:
                return mine[-1], False
            made_by = self._keeper.prints[projection.name]
            return builds.make(connection, projection, made_by), True

    def _abandon(self, build: Build) -> None:
        """Drop a build that has no rows yet: as if it had not been begun."""
        # What went wrong may have been the database, and is what the caller is to hear of.
        with (
            contextlib.suppress(DatabaseError),
            database.writing(self._store.engine) as connection,
        ):
            builds.exclude_builders(connection)
            now = builds.again(connection, build, lock=True)
            if now is not None and now.state == "building" and now.position == 0:
                builds.drop(connection, now)

    def _filled(self, projection: Projection, build: Build, by: FoldedElsewhere) -> Build:
        """Fill a build with rows that were folded elsewhere, at once."""
        seen = self._store.head().position
        database.make_durable(self._store.engine)
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
        with database.writing(self._store.engine) as connection:
            now = builds.again(connection, build, lock=True)
            if now is None or now.state != "building":
                return now or _dropped(build)
            if self._keeper.taken_down_since(connection, seen):
                raise DatabaseBusy("words were taken down while rows were folded; try again")
            builds.empty(connection, now)
            indexes = [index for table in tables.values() for index in table.indexes]
            # An index is made of all rows at once in half the time that it takes row by row.
            for index in indexes:
                index.drop(connection)
            for cls, stored in rows:
                with _one_row_a_key(projection):
                    database.insert_many(connection, tables[cls], stored)
            for index in indexes:
                index.create(connection)
            return builds.moved(connection, now, position=until, target=until)

    def _continued(self, projection: Projection, build: Build) -> Build:
        """One step of a build: folded while nobody waits for us, and written at once then."""
        with database.reading(self._store.engine) as connection:
            now = builds.again(connection, build)
            if now is None or now.usable or now.position >= now.target:
                return now or _dropped(build)
            seen = self._store.head(connection).position
            tables = tables_of(projection.rows, now.number)
            builds.hold(connection, tables.values())
            rows = KeptRows(connection, tables, empty=now.position == 0, beside=True)
            until = self._fold_beside(connection, projection, now, rows)
        with database.writing(self._store.engine) as connection:
            same = builds.again(connection, now, lock=True) == now
            if not same or self._keeper.taken_down_since(connection, seen):
                # Somebody else has done this step, or taken down words that we may hold.
                return builds.again(connection, now) or _dropped(now)
            rows.flush(connection)
            return builds.moved(connection, now, position=until)

    def _fold_beside(
        self, connection: sa.Connection, projection: Projection, build: Build, rows: KeptRows
    ) -> int:
        """Fold some more of the log into rows not yet written; how far it came."""
        until = min(build.target, build.position + keeping.STEP)
        last = build.position
        with telemetry.operation("project") as done:
            for read in self._keeper.amended(last, until, connection, Horizon(ALL), build.target):
                if rows.full and read.stored.position > last:
                    return last
                done.events += 1
                read.handled_by(projection, rows)
                last = read.stored.position
        return until

    def _ended(
        self,
        projection: Projection,
        build: Build,
        hold: bool,
        limit: int | None,
        rounds: int,
    ) -> Build:
        """End a build that has come to its target, or set it another one, further on."""
        with database.writing(self._store.engine) as connection:
            builds.exclude_builders(connection)
            found = builds.locked(connection, [projection.name])
            now = next((each for each in found if each.number == build.number), None)
            if now is None or now.state in ("live", "ready") or now.position < now.target:
                # Somebody else was here.
                return now or _dropped(build)
            end = self._store.head(connection).position
            end = end if limit is None else min(end, max(limit, now.position))
            if self._keeper.reaches_back(connection, projection, now, end):
                now = self._keeper.emptied(connection, now)
            if end - now.position > max(keeping.STEP // 10, 1) and rounds < _ROUNDS:
                place = {"position": now.position, "target": end}
                return builds.moved(connection, now, state="building", **place)
            self._keeper.advance(connection, {projection: now}, end, amended=end)
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
            with database.writing(self._store.engine) as connection:
                builds.exclude_builders(connection)
                found = builds.locked(connection, [name])
                for build in builds.outdated(found, name, before):
                    builds.drop(connection, build)
        except DatabaseBusy:
            telemetry.logger.info(
                "old tables of %s are in use; left", name, extra={"projection": name}
            )

    # Live or not

    def go_back(self, name: str) -> Build:
        """See `Projector.go_back`."""
        self._keeper.named(name)
        return persistently(lambda: self._gone_back(name))

    def _gone_back(self, name: str) -> Build:
        with database.writing(self._store.engine) as connection:
            builds.exclude_builders(connection)
            ready = [b for b in builds.locked(connection, [name]) if b.state == "ready"]
            if not ready:
                raise NotFound(f"projection {name!r} has no earlier build to go back to")
            return builds.go_live(connection, ready[-1])

    # Comparing

    def compare(self, name: str, *, progress: Progress | None = None) -> Comparison:
        """See `Projector.compare`."""
        projection = self._keeper.named(name)
        live, _ = self._live_and_held(name)
        limit = None if live.fingerprint == self._keeper.prints[name] else live.position
        self._build(projection, hold=True, limit=limit, progress=progress)
        live, new = self._live_and_held(name)
        if limit is not None and new is not None and new.position > live.position:
            raise DatabaseBusy(_APART.format(live, new))
        return persistently(lambda: self._compared(projection))

    def _compared(self, projection: Projection) -> Comparison:
        with database.writing(self._store.engine) as connection:
            builds.locked(connection, [projection.name])
            live, new = self._live_and_held(projection.name, connection)
            if new is not None:
                self._level(connection, projection, live, new)
        with database.reading(self._store.engine) as connection:
            live, new = self._live_and_held(projection.name, connection)
            if new is None or new.state != "built" or live.position != new.position:
                raise DatabaseBusy(UNKEPT.format(projection.name))
            return builds.compared(connection, live, new)

    def _live_and_held(
        self, name: str, connection: sa.Connection | None = None
    ) -> tuple[Build, Build | None]:
        """The live build of a projection, and the one of this code that is not live yet."""
        with contextlib.ExitStack() as stack:
            reader = connection or stack.enter_context(database.reading(self._store.engine))
            found = [each for each in all_builds(reader) if each.projection == name]
        live = next((each for each in found if each.state == "live"), None)
        if live is None:
            raise NotFound(f"projection {name!r} has no live build to compare with")
        begun = [each for each in found if each.state in ("building", "built")]
        mine = [each for each in begun if each.fingerprint == self._keeper.prints[name]]
        return live, mine[-1] if mine else None

    def _level(
        self, connection: sa.Connection, projection: Projection, live: Build, new: Build
    ) -> None:
        """Bring two builds to one position."""
        until = live.position
        if live.fingerprint == new.fingerprint:
            until = self._store.head(connection).position
        for build in (live, new):
            at = build
            if self._keeper.reaches_back(connection, projection, at, until):
                at = self._keeper.emptied(connection, at)
            if at.position < until:
                self._keeper.advance(connection, {projection: at}, until, amended=until)

    # Forgetting

    def forget_others(self) -> list[str]:
        """See `Projector.forget_others`."""
        return persistently(self._others_forgotten)

    def _others_forgotten(self) -> list[str]:
        with database.writing(self._store.engine) as connection:
            builds.exclude_builders(connection)
            names = {build.projection for build in all_builds(connection)}
            found = builds.locked(connection, names)
            mine = self._keeper.usable(found)
            for build in found:
                if build in mine.values():
                    continue
                builds.empty(connection, build)
                if build.state == "live" and build.projection in mine:
                    builds.go_live(connection, mine[build.projection])
                state = "live" if build.state == "live" and build.projection not in mine else None
                builds.moved(connection, build, position=0, target=0, state=state or "building")
        return [name for build in found for name in build.table_names()]


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


def _dropped(build: Build) -> Build:
    """What stands for a build that is gone: nothing is left to be done about it."""
    return attrs.evolve(build, state="ready")
