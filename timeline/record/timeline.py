"""`Timeline`: the one door to a record."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

import sqlalchemy as sa

from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import Projection
from timeline.engine.runner import Projector
from timeline.errors import DatabaseError, InvalidInput, NotFound
from timeline.log import database, failures, schema_check, telemetry
from timeline.log.append import take_end
from timeline.log.codec import Upcaster
from timeline.log.digests import Head, followed, require_sealed
from timeline.log.schema import is_migrated, is_unused, require_current, upgrade
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
        self, store: EventStore, projections: Iterable[Projection] = (), *, builtins: bool = True
    ) -> None:
        self.store = store
        self._projector = Projector(store, (*(BUILT_IN if builtins else ()), *projections))

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str] | sa.URL | sa.Engine,
        *,
        events: Iterable[type | Upcaster] = (),
        projections: Iterable[Projection] = (),
        builtins: bool = True,
        create: bool = True,
        migrate: bool = True,
        schema: str = database.SCHEMA,
        seal: str | None = None,
        metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> Self:
        """Open the record in a database; its schema is created or brought up to date.

        >>> Timeline.open("sqlite://")
        <Timeline sqlite://>

        What stands beside the events and is not as it was made, such as a trigger that was dropped,
        is a warning of the logger `timeline`; `problems` lists it.

        Args:
            url: a path, `sqlite:///FILE`, `postgresql://…`, or `sqlite://` for a record in memory,
                which has one connection and is for one thread. Text without `://` is a path if it
                ends in `.db`, `.sqlite` or `.sqlite3`. Or an engine that
                `timeline.log.database.create_engine` made, with options for its pool: several
                records may share one, and it stays open when a record is closed.
            events: your own event classes, made by `@event`, and upcasters, made by `@upcaster`.
            projections: your own projections, kept beside the built-in ones.
            builtins: whether to keep the built-in projections, too. Without them, built-in reports
                are not to be had, and the record keeps only what its own projections keep.
            create: whether to make a record where there is none.
            migrate: whether to bring the schema up to date; without, a role that does not own the
                tables can open the record, and nothing of the database changes.
            schema: where the tables are on PostgreSQL.
            seal: what `timeline seal` printed: the log must still go on from there.
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
            LogDamaged: the log does not go on from the seal: it was emptied, or is another one.
        """
        if isinstance(url, sa.Engine):
            engine = database.sharing(url, schema)
        else:
            engine = database.create_engine(_address(url), schema)
        user = os.environ.get("TIMELINE_USER")
        noted = ({"recorded_by": user} if user else {}) | dict(metadata)
        try:
            _prepare(engine, create=create, migrate=migrate)
            _look_at(engine)
            store = EventStore(engine, events, metadata=noted)
            if seal is not None:
                _require_seal(store, Head.of_seal(seal))
            return cls(store, projections, builtins=builtins)
        except BaseException:
            database.close(engine)
            raise

    def within(self, connection: sa.Connection) -> Self:
        """The record, as it works within a transaction of yours, which you end.

            with engine.begin() as connection:
                connection.execute(...)
                record.within(connection).say("ann", "Soon.", source="beacon-1")

        All that it does counts together with your own rows, or not at all: events, the rows of
        projections, and checks, which see what you have not committed yet. A call that fails
        leaves your transaction as it was before the call. From here on, others who append wait for
        the end of your transaction.

        Args:
            connection: of SQLAlchemy, to this database; of a session, `session.connection()`.

        Raises:
            InvalidInput: the connection is closed, in AUTOCOMMIT, or one to another database.
            DatabaseBusy: others held the database for too long; try again.
        """
        with database.taking_part(self.store.engine, connection) as driver:
            take_end(driver, self.store.engine)
        joined = copy.copy(self)
        joined.store = copy.copy(self.store)
        joined.store.engine = database.joining(self.store.engine, connection)
        joined._projector = self._projector.over(joined.store)  # noqa: SLF001 - a record, too
        return joined

    def close(self) -> None:
        """Give back the database's connections; those of an engine that it shares stay."""
        database.close(self.store.engine)

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
        if "://" in place:
            return place
        # Other text may be a mistyped URL, with a password that must not become the name of a file.
        if not place.endswith(_ENDINGS):
            raise InvalidInput(
                f"expected the path of a database, which ends in {', '.join(_ENDINGS)}, or a URL "
                "such as sqlite:///FILE or postgresql://USER@HOST/NAME; found other text"
            )
    elif not isinstance(place, os.PathLike):
        return place
    return sa.URL.create("sqlite", database=os.fspath(place))


@contextlib.contextmanager
def unless_empty(url: str | os.PathLike[str]) -> Iterator[None]:
    """Let a record be made there, and remove its file afterwards if it is new and has no event.

    A file that was there before stays, whatever is in it, and one that others use by now.
    """
    engine = database.create_engine(_address(url))
    is_new = not database.exists(engine)
    try:
        yield
    finally:
        if is_new and database.exists(engine):
            with contextlib.suppress(DatabaseError, OSError):
                database.remove_if(engine, is_unused)
        database.close(engine)


def _prepare(engine: sa.Engine, *, create: bool, migrate: bool) -> None:
    if not migrate:
        require_current(engine)
        return
    if not create and not (database.exists(engine) and is_migrated(engine)):
        raise NotFound(f"{failures.shown(engine.url)} holds no record. `timeline init` makes one.")
    upgrade(engine)


def _look_at(engine: sa.Engine) -> None:
    """Warn of what somebody changed beside the log: opening goes on, so that `verify` can."""
    # A role may have no right to look at all of it.
    with contextlib.suppress(DatabaseError), database.reading(engine) as connection:
        for problem in schema_check.problems(connection):
            telemetry.logger.warning("%s: %s", failures.shown(engine.url), problem)


def _require_seal(store: EventStore, seal: Head) -> None:
    """Check that the log has been where the seal says; `verify` checks all that is before."""
    require_sealed(store.head(), seal)
    followed([store.head_at(seal.position)], seal)
