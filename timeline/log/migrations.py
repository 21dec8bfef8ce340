"""Brings the schema up to date, with the scripts of `alembic/`, from a checkout or a wheel."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import sqlalchemy as sa

from timeline.errors import (
    DatabaseBusy,
    DatabaseReadOnly,
    DatabaseTooNew,
    MigrationFailed,
    TimelineError,
)
from timeline.log import database
from timeline.log.schema import REVISION, VERSION_TABLE

_LOCK = 7_463_221_904
"""An arbitrary number: on PostgreSQL only one process migrates a database at a time."""

_ALEMBIC = threading.Lock()
"""Alembic keeps its state in globals, so a process migrates one database at a time.

Take it only with the database's own lock held: then two threads never wait for each other.
"""


def script_location() -> Path:
    """The folder with Alembic's environment: inside an installed package, or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_alembic"
    return installed if installed.is_dir() else package.parent / "alembic"


def is_migrated(engine: sa.Engine) -> bool:
    """Whether the database has our schema, of whatever revision.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    with database.reading(engine) as connection:
        return _revision(connection) is not None


def upgrade(engine: sa.Engine) -> bool:
    """Create the schema or bring it up to date; gives whether there was anything to do.

    All in one transaction: after a failure nothing of it remains, on either database.

    Raises:
        DatabaseTooNew: the schema is not one that this code knows.
        MigrationFailed: a step failed; the message has the cause.
    """
    with database.reading(engine) as connection:
        current = _revision(connection) == REVISION
    if current:
        _make_up_for_readers(engine)
        return False
    with database.writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if _revision(connection) == REVISION:  # another process was faster
            return False
        _run_scripts(connection)
    _make_up_for_readers(engine, patience=5.0)
    return True


def _make_up_for_readers(engine: sa.Engine, patience: float = 0.0) -> None:
    """Let readers and a writer of the file work at the same time, if they do not yet.

    While others use the file this may fail; then the next process that opens it does it.
    """
    if database.is_postgresql(engine):
        return
    with database.reading(engine) as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode == "delete":  # SQLite's default; somebody chose any other
        with contextlib.suppress(DatabaseReadOnly, DatabaseBusy):
            database.let_readers_go_on(engine, patience)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num"))
    return connection.scalar(sa.select(version.c.version_num))


def _run_scripts(connection: sa.Connection) -> None:
    # Alembic takes a fifth of a second to import: only a database that needs it pays.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    current = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseTooNew(
            f"the database has schema {current!r}; this version of timeline knows schemas up to "
            f"{REVISION!r}. Install the version that wrote it, or a later one."
        )
    try:
        with _ALEMBIC:
            command.upgrade(config, "head")
    except TimelineError:
        raise
    except Exception as error:
        # The database's own message, without the statement that SQLAlchemy adds.
        reason = str(getattr(error, "orig", None) or error).strip()
        raise MigrationFailed(
            f"the schema could not be brought from {current or 'nothing'} to {REVISION}: {reason}. "
            "Nothing was changed."
        ) from error
