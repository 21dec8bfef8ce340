"""Moves kept rows on: reads the log as amended, and folds it into the tables of builds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.engine import builds
from timeline.engine.amendments import Amendments, amended_ids
from timeline.engine.builds import Build, fingerprint, tables_of
from timeline.engine.cutoff import ALL, Horizon
from timeline.engine.kept_rows import KeptRows
from timeline.engine.projection import Projection
from timeline.engine.reader import Read, Reader
from timeline.errors import DatabaseBusy, NotFound
from timeline.events import ActorsMerged, EventRedacted, RecordedEvent, event_type
from timeline.log import telemetry
from timeline.log.digests import GENESIS, Head
from timeline.log.store import EventStore

STEP = 5_000
"""Positions folded in one transaction: few enough that others get their turn in between."""

UNKEPT = "projection {!r} is not kept just now; another process may be building it. Try again."

_TAKEDOWNS = frozenset({event_type(EventRedacted).name})

_Remembered = tuple[Head, tuple[str, ...], list[RecordedEvent[Any]]]
"""Amendments as read: up to where in the log, after which takedowns, and they themselves."""


class Keeper:
    """Reads the log as amended for some projections, and moves their kept rows on along it.

    What it writes it writes in its callers' transactions.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection]) -> None:
        self.store = store
        self.projections = tuple(projections)
        self._types = Amendments.TYPES.union(*(each.types for each in self.projections))
        self._remembered: _Remembered = Head(0, GENESIS), (), []

    @cached_property
    def prints(self) -> dict[str, str]:
        """The fingerprints of this code: made when rows are kept, and not for every command."""
        codec, found = self.store.codec, {}
        for each in self.projections:
            read = each.types if each.raw else each.types | Amendments.TYPES
            found[each.name] = fingerprint(each, codec.upcasters_of(read))
        return found

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

    def usable(self, found: Iterable[Build]) -> dict[str, Build]:
        """The build of each projection that this code reads: the live one, or else the newest."""
        prints = self.prints
        return {
            build.projection: build
            for build in sorted(found, key=lambda build: (build.state == "live", build.number))
            if build.usable and build.fingerprint == prints.get(build.projection)
        }

    # Moving on

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
        mine = self.usable(builds.locked(connection, [each.name for each in chosen]))
        for each in chosen:
            if each.name not in mine:
                raise DatabaseBusy(UNKEPT.format(each.name))
        if not chosen:
            return True
        kept = {each: mine[each.name] for each in chosen}
        end = self.store.head(connection).position
        until = min(end, min(build.position for build in kept.values()) + STEP)
        if self._reached(connection, kept, until):
            until = end
            for projection in self._reached(connection, kept, until):
                kept[projection] = self.emptied(connection, kept[projection])
        self.advance(connection, kept, until, amended=until)
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
                known[case] = self.reaches_back(connection, projection, build, until)
        return [each for each, build in kept.items() if known[each.raw, build.position]]

    def emptied(self, connection: sa.Connection, build: Build) -> Build:
        """A build without its rows, to be folded from the beginning."""
        builds.empty(connection, build)
        return attrs.evolve(build, position=0)

    def advance(
        self,
        connection: sa.Connection,
        kept: Mapping[Projection, Build],
        until: int,
        amended: int,
    ) -> None:
        """Fold into each build what it has not had yet, as amended up to `amended`."""
        rows = {
            projection: KeptRows(
                connection, tables_of(projection.rows, build.number), empty=build.position == 0
            )
            for projection, build in kept.items()
        }
        after = min(build.position for build in kept.values())
        with telemetry.operation("project") as done:
            for read in self.amended(after, until, connection, Horizon(ALL), amended):
                done.events += 1
                for projection, build in kept.items():
                    if read.stored.position > build.position:
                        read.handled_by(projection, rows[projection])
            for projection, build in kept.items():
                rows[projection].flush()
                if build.position < until:
                    builds.moved(connection, build, position=until, target=max(until, build.target))

    def reaches_back(
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

    # Reading

    def amended(
        self,
        after: int,
        until: int,
        connection: sa.Connection | None,
        horizon: Horizon,
        amended: int,
    ) -> Iterator[Read]:
        """The events of a stretch of the log, under the amendments up to `amended`."""
        found = self._amendments_read(amended, connection)
        reader = Reader(self.store.codec, found, horizon)
        stored = self.store.read_all(
            after=after, until=until, types=self._types, connection=connection
        )
        yield from map(reader.read, stored)

    def _amendments_read(
        self, until: int, connection: sa.Connection | None
    ) -> list[RecordedEvent[Any]]:
        """All amendments up to a position, unless everybody takes the log as it was recorded.

        Those read before are remembered: a build needs them at every step. Only a takedown may
        change what one of them says. What was read in a transaction that came to nothing was never
        in the log: by its digest the log tells whether it still is the one that was read.
        """
        if all(each.raw for each in self.projections):
            return []
        read = partial(self.store.read_all, connection=connection)
        taken = tuple(event.id for event in read(types=_TAKEDOWNS))
        at, before, found = self._remembered
        if before != taken or until < at.position or not self._leads_through(at, connection):
            at, found = Head(0, GENESIS), []
        found = [*found, *read(after=at.position, until=until, types=Amendments.TYPES)]
        self._remembered = self.store.head_at(until, connection), taken, found
        return found

    def _leads_through(self, at: Head, connection: sa.Connection | None) -> bool:
        try:
            return self.store.head_at(at.position, connection) == at
        except NotFound:
            return False

    def taken_down_since(self, connection: sa.Connection, after: int) -> bool:
        """Whether words were taken down after that position."""
        later = self.store.read_all(after=after, types=_TAKEDOWNS, limit=1, connection=connection)
        return next(later, None) is not None
