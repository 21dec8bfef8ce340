"""Takedowns: the words of an event are removed for good, and the log still verifies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psycopg
import sqlalchemy as sa

from timeline.errors import DatabaseBusy, DatabaseReadOnly, InvalidInput, NotFound
from timeline.events import EventRedacted, NewEvent, event_type
from timeline.log import database, digests
from timeline.log.schema import events
from timeline.log.store import EventStore


def redact(store: EventStore, event_id: str, reason: str) -> bool:
    """Remove what an event says and what its evidence says; says whether anything was left to.

    Its id, stream, type, dates and digest stay, as does the digest of what was removed, which
    lets nobody test guesses: the salt goes with the words. The takedown is an event of its own, in
    the same transaction.

    The words are out of the log's table then; `scrub` takes them out of the files.

    Raises:
        NotFound: no such event is in the log.
        InvalidInput: the event is itself the record of a takedown.
        DatabaseReadOnly: the role may not; on PostgreSQL it takes the owner of the tables.
    """
    with database.writing(store.engine) as connection:
        mine = events.c.event_id == event_id
        found = sa.select(events).where(mine).with_for_update()
        row = connection.execute(found).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no event {event_id!r} is in the log. `timeline log` lists the ids.")
        if row["type"] == event_type(EventRedacted).name:
            raise InvalidInput(f"{event_id!r} records a takedown, which must stay on record")
        if row["data"] is None:
            return False
        takedown = NewEvent(EventRedacted(event_id, reason))
        store.append_all([takedown], connection=connection)
        digest = digests.body_digest(row["salt"], row["evidence"], row["data"])
        take_words(connection, event_id, digest)
    return True


def take_words(connection: sa.Connection, event_id: str, digest: bytes | None) -> None:
    """Remove the words of an event; the digest of its body takes their place."""
    gone = {"evidence": None, "data": None, "salt": None, "redacted": digest}
    connection.execute(sa.update(events).where(events.c.event_id == event_id).values(gone))


def scrub(engine: sa.Engine, tables: list[str]) -> None:
    """Rewrite the files of the database, so that nothing removed is left in them.

    It takes time and room in proportion to the data, and on PostgreSQL nobody can use the tables
    meanwhile; it is for the owner of the database, whose statistics hold samples. Backups, replicas
    and PostgreSQL's write-ahead log keep what they have for as long as they are kept.

    Args:
        engine: the database's.
        tables: of the read models, beside the log; PostgreSQL rewrites table by table.

    Raises:
        DatabaseBusy: others are at work since before; try again.
        DatabaseReadOnly: the role may not rewrite all of it.
    """
    with database.autocommitting(engine) as connection:
        if database.is_postgresql(engine):
            _rewrite_tables(connection, [events.name, *tables])
        else:
            _rewrite_file(connection)


def _rewrite_file(connection: sa.Connection) -> None:
    connection.exec_driver_sql("VACUUM")
    busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
    if busy:
        raise DatabaseBusy(_LEFT + "somebody is reading the file. Redact again when he has ended.")


def _rewrite_tables(connection: sa.Connection, tables: list[str]) -> None:
    # First: what somebody could still see would be copied along.
    _outlast_older(connection)
    quote = connection.dialect.identifier_preparer.quote
    with _warnings(connection) as warnings:
        for table in tables:
            # One that a rebuild has dropped meanwhile took its files along.
            with _passed_over_if_dropped():
                # Its statistics hold samples of what is in it.
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {quote(table)}")
        connection.exec_driver_sql("VACUUM FULL pg_statistic")
    if warnings:
        # What a role may not rewrite PostgreSQL passes over.
        raise DatabaseReadOnly(
            f"{_LEFT}PostgreSQL says, {warnings[0]}. Redact again as the owner of the database."
        )


@contextlib.contextmanager
def _passed_over_if_dropped() -> Iterator[None]:
    try:
        yield
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.UndefinedTable):
            raise


def _outlast_older(connection: sa.Connection) -> None:
    """Wait until all transactions are over for which PostgreSQL would keep what is gone.

    Raises:
        DatabaseBusy: one goes on for long.
    """
    mine = connection.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar()
    end = time.monotonic() + _PATIENCE
    while connection.scalar(_OLDER, {"mine": mine}):
        if time.monotonic() > end:
            raise DatabaseBusy(
                _LEFT + "an older transaction is still open. Redact again when it has ended."
            )
        time.sleep(_PAUSE)


_OLDER = sa.text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND (age(backend_xid) > age(CAST(:mine AS xid)) "
    "OR (datname = current_database() OR datname IS NULL) "
    "AND age(backend_xmin) > age(CAST(:mine AS xid)))"
)
"""Those who since before `mine` have written something, or look at a state of this database.

In other databases, too, those who have written count: no snapshot is younger than they.
"""

_PATIENCE, _PAUSE = 15.0, 0.02
"""Seconds to wait for older transactions, and between two looks.

Longer than the 10 seconds after which a standby says anew what is still looked at there.
"""


@contextlib.contextmanager
def _warnings(connection: sa.Connection) -> Iterator[list[str]]:
    """What PostgreSQL warns of meanwhile."""
    driver, found = database.driver_of(connection), []

    def note(said: psycopg.errors.Diagnostic) -> None:
        if said.severity_nonlocalized == "WARNING":
            found.append(str(said.message_primary))

    driver.add_notice_handler(note)
    try:
        yield found
    finally:
        driver.remove_notice_handler(note)


_LEFT = "the words are gone from the tables, but may be left in the database's files: "
