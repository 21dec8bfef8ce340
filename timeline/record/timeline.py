"""`Timeline`: the one door to a record."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

import sqlalchemy as sa

from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import Projection
from timeline.engine.runner import Projector
from timeline.errors import NotFound
from timeline.log import database, failures
from timeline.log.codec import Upcaster
from timeline.log.schema import is_migrated, require_current, upgrade
from timeline.log.store import EventStore
from timeline.projections import BUILT_IN
from timeline.record.reading import Snapshot
from timeline.record.working_copy import WorkingCopy

_ENDINGS = (".db", ".sqlite", ".sqlite3")
"""How the names of files end that hold a database of SQLite."""


class Timeline(WorkingCopy):
    """A record of who said, met and proposed what, when, and according to whom.

    Open one with `Timeline.open`, best in a `with` block:

        >>> from timeline import Actor, Timeline
        >>> with Timeline.open("sqlite://") as record:
        ...     record.add(Actor("north", kind="state", name="Northland")).position
        1

    `store` is the event store beneath it, for events and streams of your own.
    """

    def __init__(
        self,
        store: EventStore,
        projections: Iterable[Projection] = (),
        *,
        builtins: bool = True,
    ) -> None:
        self.store = store
        self._projector = Projector(store, (*(BUILT_IN if builtins else ()), *projections))

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str] | sa.URL,
        *,
        events: Iterable[type | Upcaster] = (),
        projections: Iterable[Projection] = (),
        builtins: bool = True,
        create: bool = True,
        migrate: bool = True,
        schema: str = database.SCHEMA,
        metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> Self:
        """Open the record in a database; its schema is created or brought up to date.

        >>> Timeline.open("sqlite://")
        <Timeline sqlite://>

        Args:
            url: a path, `sqlite:///FILE`, `postgresql://…`, or `sqlite://` for a record in memory,
                which has one connection and is for one thread. Text without `://` is a path if it
                ends in `.db`, `.sqlite` or `.sqlite3`.
            events: your own event classes, made by `@event`, and upcasters, made by `@upcaster`.
            projections: your own projections, kept beside the built-in ones.
            builtins: whether to keep the built-in projections, too. Without them, built-in reports
                are not to be had, and the record keeps only what its own projections keep.
            create: whether to make a record where there is none.
            migrate: whether to bring the schema up to date; without, a role that does not own the
                tables can open the record, and nothing of the database changes.
            schema: where the tables are on PostgreSQL.
            metadata: what to note with every event, such as `recorded_by`: who records it. Without
                that, it is what the environment has as `TIMELINE_USER`.

        Raises:
            InvalidInput: the address is not that of a database.
            InvalidProjection: a projection cannot be kept, or not beside the others.
            NotFound: there is no record, and `create` is false.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseTooNew: a later version of this package wrote the database; or its schema is
                an older one, and `migrate` is false.
            MigrationFailed: the schema could not be brought up to date.
        """
        engine = database.create_engine(_address(url), schema)
        user = os.environ.get("TIMELINE_USER")
        noted = ({"recorded_by": user} if user else {}) | dict(metadata)
        try:
            _prepare(engine, create=create, migrate=migrate)
            return cls(EventStore(engine, events, metadata=noted), projections, builtins=builtins)
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Give back the database's connections."""
        self.store.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Timeline {failures.shown(self.store.engine.url)}>"

    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        return Snapshot(self._projector, cutoff)


def _address(place: str | os.PathLike[str] | sa.URL) -> str | sa.URL:
    """The URL of a database, also where a path is given."""
    if isinstance(place, str):
        # Other text may be a mistyped URL, with a password that must not become the name of a file.
        if "://" in place or not place.endswith(_ENDINGS):
            return place
    elif not isinstance(place, os.PathLike):
        return place
    return sa.URL.create("sqlite", database=os.fspath(place))


def _prepare(engine: sa.Engine, *, create: bool, migrate: bool) -> None:
    if not migrate:
        require_current(engine)
        return
    if not create and not (database.exists(engine) and is_migrated(engine)):
        raise NotFound(f"{failures.shown(engine.url)} holds no record. `timeline init` makes one.")
    upgrade(engine)
