"""Engines and transactions: real ones, all-or-nothing, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from timeline.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnreachable,
    InvalidInput,
    TimelineError,
)

_BUSY_SECONDS = 30
"""How long a writer waits for others on SQLite before `DatabaseBusy`."""

_BEGIN = "timeline_begin"

_CONTENTION = {"40001", "40P01", "55P03"}
"""SQLSTATEs of PostgreSQL that say: try again (serialization, deadlock, lock not available)."""


def create_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for `sqlite:///FILE`, `sqlite://` (in memory) or `postgresql://…`.

    Raises:
        InvalidInput: not an address of a database that the store runs on.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    # NUL-separated digests and exact bytes need UTF-8 whatever the server's locale is.
    return sa.create_engine(
        parsed, pool_pre_ping=True, connect_args={"client_encoding": "utf8", "connect_timeout": 10}
    )


def _parse(url: str | sa.URL) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The text is not repeated: what does not parse may still hold a password.
        raise InvalidInput(
            "expected a database URL such as sqlite:///record.db or "
            "postgresql://user@host/name; found text that is not one"
        ) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed
    raise InvalidInput(f"expected sqlite:///… or postgresql://…; found {shown(parsed)!r}")


def shown(url: sa.URL) -> str:
    """The address as it may be shown: without password, and without options, which may hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def exists(engine: sa.Engine) -> bool:
    """Whether there is a database to connect to, as far as can be said without connecting.

    Connecting to a file of SQLite's that is not there makes an empty one.
    """
    file = engine.url.database
    in_file = engine.dialect.name == "sqlite" and file is not None and not file.startswith("file:")
    return not in_file or file == ":memory:" or Path(str(file)).exists()


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    in_memory = not url.database or url.database == ":memory:"
    options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}}
    if in_memory:
        # One connection for all: each new one would open an empty database of its own.
        options |= {"poolclass": StaticPool}
        options["connect_args"]["check_same_thread"] = False
    engine = sa.create_engine(url, **options)
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling commits before DDL, so that a failed migration sticks
    # half-way. Here it begins nothing; `_begin_sqlite` does.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get(_BEGIN, "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


@contextlib.contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes: committed whole at the end, or rolled back whole.

    On SQLite it takes the write lock at once: a reader that turns writer midway can be refused
    although it waited.

    Raises:
        DatabaseUnreachable, DatabaseBusy, DatabaseError: see there.
    """
    immediate = {_BEGIN: "IMMEDIATE"}
    with _translated(engine), _connect(engine, immediate) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that reads one unchanging state of the database.

    Raises:
        DatabaseUnreachable, DatabaseBusy, DatabaseError: see there.
    """
    snapshot = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with _translated(engine), _connect(engine, snapshot) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def _connect(engine: sa.Engine, options: dict[str, Any]) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        yield connection.execution_options(**options)


@contextlib.contextmanager
def _translated(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _ours(error, engine) from error


def _ours(error: sa.exc.DBAPIError, engine: sa.Engine) -> TimelineError:
    cause = error.orig
    where = shown(engine.url)
    said = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    if getattr(cause, "sqlstate", None) in _CONTENTION or "database is locked" in said:
        return DatabaseBusy(f"{where}: others held the database for too long ({said}). Try again.")
    if _no_connection(error):
        return DatabaseUnreachable(
            f"{where}: no connection ({said}). Check the address, that the server runs, and that "
            "the file or folder may be written; then try again."
        )
    return DatabaseError(f"{where}: {said}")


def _no_connection(error: sa.exc.DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError):
        return "unable to open database file" in str(cause)
    # psycopg gives no SQLSTATE when the server was never reached.
    return isinstance(error, sa.exc.OperationalError) and getattr(cause, "sqlstate", "") is None
