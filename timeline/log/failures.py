"""Failures of a database: as errors of this package, and tried again where they may pass."""

from __future__ import annotations

import random
import sqlite3
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from timeline.errors import (
    ConnectionLost,
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseUnreachable,
    InvalidInput,
    TimelineError,
    no_text,
)
from timeline.log import telemetry

_PATIENCE = 5.0
"""Seconds for which work is tried again after `DatabaseBusy` or `ConnectionLost`."""

_FIRST_PAUSE = 0.001
"""Seconds before the second try; each later pause is twice as long."""

_T = TypeVar("_T")

_CONTENTION = {"40001", "40P01", "55P03", "57014"}
"""SQLSTATEs for: try again (serialization failure, deadlock, no lock, or too long a statement)."""

UNIQUE, NO_TABLE = "23505", "42P01"
"""SQLSTATEs for: another row has the key, there is no such table."""

_NO_WRITES = {"42501", "25006"}
"""SQLSTATEs for: the role lacks the right, or the transaction or server takes no writes."""

_FULL = {"53100", "SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"}
"""SQLSTATE, and SQLite's names, for: there is no room left on the disk."""

_SHUTDOWN = {"57P01", "57P02", "57P03", "25P03"}
"""SQLSTATEs for: the server is going down, or coming up, or has ended a session that idled."""


def shown(url: sa.URL) -> str:
    """The address without password and without options, which may hold one.

    >>> shown(sa.make_url("sqlite:///запись 1.db"))
    'sqlite:///запись 1.db'
    """
    text = url.set(query={}).render_as_string(hide_password=True)
    return urllib.parse.unquote(text) if url.get_backend_name() == "sqlite" else text


class translated:  # noqa: N801 - a context manager
    """Turns errors of the database into ours; `connected` where the driver is used directly.

    A class, since an append enters two: a generator would take three times as long.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseReadOnly: this role, or the file, may only be read.
        DatabaseError: the database could not do it.
        InvalidInput: a text cannot be written as UTF-8.
    """

    __slots__ = ("_connected", "_engine")

    def __init__(self, engine: sa.Engine, *, connected: bool = False) -> None:
        self._engine = engine
        self._connected = connected

    def __enter__(self) -> None:
        """Nothing is to be done before an error."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise ours in place of the database's."""
        if error is not None:
            ours = translation(error, self._engine, connected=self._connected)
            if ours is not None:
                raise ours from error


def translation(
    error: BaseException, engine: sa.Engine, *, connected: bool
) -> TimelineError | None:
    """Our error for one of the database's; None for any other."""
    if isinstance(error, sa.exc.DBAPIError):
        return _ours(error.orig or error, engine, lost=error.connection_invalidated)
    if isinstance(error, sa.exc.TimeoutError):
        return DatabaseBusy(
            f"{shown(engine.url)}: all connections of the pool were in use for too long ({error}). "
            "Try again; fewer threads at a time help, or shorter transactions."
        )
    if isinstance(error, driver_errors(engine)):
        # An error of the driver alone, for a NUL in a text say, has no SQLSTATE either.
        return _ours(error, engine, lost=connected and _has_no_answer(error))
    return InvalidInput(no_text(error)) if isinstance(error, UnicodeEncodeError) else None


def driver_errors(engine: sa.Engine) -> type[Exception]:
    """What the driver raises; a record in SQLite does without that of PostgreSQL."""
    if engine.dialect.name != "postgresql":
        return sqlite3.Error
    import psycopg

    return psycopg.Error


def _has_no_answer(error: BaseException) -> bool:
    """Whether the driver lost the server: then there is no SQLSTATE."""
    if isinstance(error, sqlite3.Error):
        return False
    import psycopg

    lost = (psycopg.OperationalError, psycopg.InterfaceError)
    return isinstance(error, lost) and error.sqlstate is None


def persistently(attempt: Callable[[], _T]) -> _T:
    """Try again while the failure may pass.

    Safe for appends: event ids make them idempotent.
    """
    end = time.monotonic() + _PATIENCE
    pause = _FIRST_PAUSE
    lost: ConnectionLost | None = None
    while True:
        try:
            return attempt()
        except DatabaseUnreachable as error:
            # After a lost connection the server may need a while. The caller must get that error
            # and no later one: it says that the work may have been done.
            lost = error if isinstance(error, ConnectionLost) else lost
            if lost is None or time.monotonic() + pause > end:
                raise lost or error from None
            problem: DatabaseError = error
        except DatabaseBusy as error:
            if time.monotonic() + pause > end:
                raise
            problem = error
        telemetry.logger.warning("trying again: %s", problem, extra={"pause_seconds": pause})
        # Random, so that two writers do not collide again and again.
        time.sleep(pause * random.uniform(0.5, 1))
        pause *= 2


def is_duplicate(error: DatabaseError) -> bool:
    """Whether the cause is a key that another row has."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.IntegrityError) or getattr(cause, "sqlstate", None) == UNIQUE


def is_contention(cause: BaseException) -> bool:
    """Whether an error of the driver says that others held the database for too long."""
    state = getattr(cause, "sqlstate", None)
    return state in _CONTENTION or "database is locked" in str(cause)


def _why_busy(cause: BaseException, reason: str) -> str:
    if getattr(cause, "sqlite_errorname", "") == "SQLITE_BUSY_SNAPSHOT":
        return (
            "the transaction has read what others have changed since, and SQLite lets it write no "
            "more. Roll back and try again. A transaction that is to write begins with BEGIN "
            "IMMEDIATE, as those of the store's own engine do."
        )
    return (
        f"others held the database for too long ({reason}). Try again. If a transaction of your "
        "own holds it, end that first, or append with connection=… of it."
    )


_REMEDY = {
    "sqlite": "Copy the record to a folder where you may write.",
    "postgresql": "Use a role that may write.",
}
_NO_CONNECTION = {
    "sqlite": "cannot be opened ({reason}). Check the path. SQLite writes beside the file: where "
    "you may not, copy the file, and the -wal beside it, to a folder where you may.",
    "postgresql": "no connection ({reason}). Check the address, and that the server runs; then try "
    "again.",
}


def _ours(cause: BaseException, engine: sa.Engine, *, lost: bool) -> TimelineError:
    where = shown(engine.url)
    reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    state = getattr(cause, "sqlstate", None)
    is_gone = _is_gone(cause, engine.url)
    if is_contention(cause):
        return DatabaseBusy(f"{where}: {_why_busy(cause, reason)}")
    if state in _FULL or getattr(cause, "sqlite_errorname", None) in _FULL:
        return DatabaseFull(f"{where}: no room is left to write ({reason}). Make room; try again.")
    if not is_gone and (state in _NO_WRITES or "readonly database" in reason):
        return DatabaseReadOnly(
            f"{where}: may only be read ({reason}). {_REMEDY[engine.dialect.name]}"
        )
    if lost or state in _SHUTDOWN:
        return ConnectionLost(
            f"{where}: the connection was lost ({reason}). Whether a commit under way went through "
            "is not known; try again with the same event ids."
        )
    if _no_connection(cause):
        no_connection = _NO_CONNECTION[engine.dialect.name].format(reason=reason)
        if engine.dialect.name == "sqlite" and not _is_there(_folder(engine.url)):
            no_connection = f"there is no folder {_folder(engine.url)}. Make it, or mend the path."
        return DatabaseUnreachable(f"{where}: {no_connection}")
    return DatabaseError(gone(where) if is_gone else f"{where}: {reason}")


def gone(where: str) -> str:
    """What to say of a file of SQLite's that was removed or replaced under an open record."""
    return (
        f"{where}: the file was removed or replaced while it was open; nothing more was written. "
        "Open the record again."
    )


def _is_gone(cause: BaseException, url: sa.URL) -> bool:
    """Whether SQLite could not go on because somebody removed the file."""
    name = getattr(cause, "sqlite_errorname", "")
    is_plain = not str(url.database).startswith("file:")
    return is_plain and name.startswith(_MAY_BE_GONE) and not _is_there(_file(url))


_MAY_BE_GONE = ("SQLITE_IOERR", "SQLITE_READONLY")
"""How SQLite's names of errors begin where a file was removed, among other reasons."""


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # of a folder that may not be entered
        return True


def _folder(url: sa.URL) -> Path:
    """The folder of an SQLite file."""
    return _file(url).parent


def _file(url: sa.URL) -> Path:
    return Path(str(url.database))


def _no_connection(cause: BaseException) -> bool:
    if isinstance(cause, sqlite3.Error):
        return "unable to open database file" in str(cause)
    import psycopg

    # psycopg gives no SQLSTATE when the server was never reached.
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None
