"""Takedowns: the words of an event are removed for good, and the log still verifies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from timeline.errors import DatabaseBusy, DatabaseReadOnly, InvalidInput, NotFound
from timeline.events import EventRedacted, NewEvent, event_type
from timeline.log import database, digests
from timeline.log.database import qualified
from timeline.log.failures import NO_TABLE
from timeline.log.schema import events, stored
from timeline.log.store import EventStore


def redact(store: EventStore, event_id: str, reason: str) -> bool:
    """Remove the words of an event and of its evidence; gives whether it had any left.

    Its id, stream, type, dates and digest stay, and the digest of what was removed. Nobody can test
    guesses against that: the salt goes with the words. The takedown is an event of its own, in the
    same transaction.

    This clears the table of the log; `scrub` clears the files.

    Raises:
        NotFound: no such event is in the log.
        InvalidInput: the event is itself the record of a takedown.
        DatabaseReadOnly: the role may not do it; on PostgreSQL only the owner of the tables may.
    """
    with database.writing(store.engine) as connection:
        mine = events.c.event_id == event_id
        query = stored.where(mine).with_for_update(of=events)
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no event {event_id!r} is in the log. `timeline log` lists the ids.")
        if row["type"] == event_type(EventRedacted).name:
            raise InvalidInput(f"{event_id!r} records a takedown, which must stay on record")
        if row["data"] is None:
            return False
        takedown = NewEvent(EventRedacted(event_id, reason))
        store.append_all([takedown], connection=connection)
        digest = digests.body_digest(row["salt"], row["evidence"], row["data"], row["metadata"])
        take_words(connection, event_id, digest)
    return True


def take_words(connection: sa.Connection, event_id: str, digest: bytes | None) -> None:
    """Remove the words of an event; the digest of its body takes their place."""
    gone = dict.fromkeys(("evidence", "data", "metadata", "salt")) | {"redacted": digest}
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
        DatabaseBusy: older transactions are still open; try again.
        DatabaseReadOnly: the role may not rewrite all tables.
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
        raise DatabaseBusy(
            _LEFT + "somebody is reading the file. Redact again when the reader has ended."
        )


def _rewrite_tables(connection: sa.Connection, tables: list[str]) -> None:
    # First, since the rewrite copies what somebody could still see.
    _outlast_older(connection)
    with _warnings(connection) as warnings:
        for table in tables:
            # A rebuild may drop a table meanwhile; its files are then gone, too.
            with _passed_over_if_dropped():
                # Its statistics hold samples of what is in it.
                rewritten = qualified(connection.engine, table)
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {rewritten}")
        connection.exec_driver_sql("VACUUM FULL pg_catalog.pg_statistic")
    if warnings:
        # PostgreSQL skips, with a warning, what the role may not rewrite.
        raise DatabaseReadOnly(
            f"{_LEFT}PostgreSQL says, {warnings[0]}. Redact again as the owner of the database."
        )


@contextlib.contextmanager
def _passed_over_if_dropped() -> Iterator[None]:
    try:
        yield
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != NO_TABLE:
            raise


def _outlast_older(connection: sa.Connection) -> None:
    """Wait for all transactions to end for which PostgreSQL would keep removed words.

    Raises:
        DatabaseBusy: one of them goes on for too long.
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
"""Counts sessions that wrote, or read a state of this database, since before `mine`.

Writers in other databases count, too: no snapshot is younger than they are.
"""

_PATIENCE, _PAUSE = 15.0, 0.02
"""Seconds to wait for older transactions, and between two looks.

Longer than the 10 seconds between two reports of a standby on what it still reads.
"""


@contextlib.contextmanager
def _warnings(connection: sa.Connection) -> Iterator[list[str]]:
    """Collects PostgreSQL's warnings meanwhile."""
    driver, warnings = database.driver_of(connection), []

    def note(notice: Any) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(str(notice.message_primary))

    driver.add_notice_handler(note)
    try:
        yield warnings
    finally:
        driver.remove_notice_handler(note)


_LEFT = "the words are gone from the tables, but may be left in the database's files: "
