"""The tables of the log, and bringing a database up to date with them.

`alembic/` creates the tables, from a checkout or a wheel; a test holds that the two agree.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from timeline.errors import (
    DatabaseBusy,
    DatabaseReadOnly,
    DatabaseTooNew,
    MigrationFailed,
    NotFound,
    TimelineError,
)
from timeline.log import database, failures, telemetry

REVISION = "0001"
"""The schema that this code reads and writes: the newest script in `alembic/versions`."""

SCHEMA = database.SCHEMA
"""Where the tables are on PostgreSQL, unless the caller names another schema."""

PREFIX = database.PREFIX
"""What the names of all our tables begin with: the database may hold the host's own."""

VERSION_TABLE = f"{PREFIX}version"
"""Where Alembic keeps the revision. Its usual table may belong to the host's own migrations."""

# The schema of these tables is a placeholder; the engine says which one it stands for.
metadata = sa.MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)

# In SQLite a key of exactly this type is the table's own order; any other is a second index.
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

events = sa.Table(
    f"{PREFIX}events",
    metadata,
    sa.Column("position", _POSITION, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # The key of its name and version in `types`: shorter than the name, in the row and the index.
    sa.Column("type", sa.Integer, nullable=False),
    # World time: EDTF as given, and its bounds; null where open or unknown. Times are microseconds
    # since 1970, in UTC: a third of the bytes of a text. The view `log` has them as text.
    sa.Column("occurred", sa.Text),
    sa.Column("occurred_from", sa.BigInteger),
    sa.Column("occurred_to", sa.BigInteger),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    # The body; null only where a takedown removed it, and `redacted` is then the digest it had.
    # Text, not JSON: digests cover the bytes we made, and a database may reorder JSON.
    sa.Column("evidence", sa.Text),
    sa.Column("data", sa.Text),
    sa.Column("metadata", sa.Text),
    sa.Column("salt", sa.LargeBinary(16)),
    sa.Column("redacted", sa.LargeBinary(32)),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.UniqueConstraint("event_id"),
    sa.UniqueConstraint("stream", "version"),
    sa.Index(None, "type", "position"),
    sa.CheckConstraint("position > 0", name="position"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("(data IS NULL) = (redacted IS NOT NULL)", name="body"),
    sa.CheckConstraint("salt IS NULL OR length(salt) = 16", name="salt"),
)
"""The log. Triggers refuse DELETE, and UPDATE except for a takedown."""

types = sa.Table(
    f"{PREFIX}types",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("name", "version"),
)
"""The types of events, each with its versions. Triggers refuse UPDATE and DELETE."""


class Stored(NamedTuple):
    """An event as the log stores it: the columns of `events`, with the name of its type."""

    position: int
    event_id: str
    stream: str
    version: int
    type: str
    type_version: int
    occurred: str | None
    occurred_from: int | None
    occurred_to: int | None
    recorded_at: int
    evidence: str | None
    data: str | None
    metadata: str | None
    salt: bytes | None
    redacted: bytes | None
    digest: bytes


def _stored(*, whole: bool) -> sa.Select[Any]:
    taken: dict[str, Any] = {"type": types.c.name, "type_version": types.c.version}
    if not whole:
        unread = ("occurred_from", "occurred_to", "salt", "redacted")
        taken |= dict.fromkeys(unread, sa.null())
    columns = [
        taken[name].label(name) if name in taken else events.c[name] for name in Stored._fields
    ]
    return sa.select(*columns).select_from(events.join(types, events.c.type == types.c.id))


stored = _stored(whole=True)
"""Selects what `Stored` holds."""

meant = _stored(whole=False)
"""The same, with NULL for what only digests and searches need. An event is read from the rest."""

head = sa.Table(
    f"{PREFIX}head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="single"),
)
"""One row, on PostgreSQL only: where the log ends. A writer locks it first.

On SQLite a writer locks the whole database, and the log ends with its last row.
"""

subscriptions = sa.Table(
    f"{PREFIX}subscriptions",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
"""The position that each subscription has reached."""

checkpoints = sa.Table(
    f"{PREFIX}checkpoints",
    metadata,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("build", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    # The names of its views, as JSON; each stands for a table of that name, `_v` and the build.
    sa.Column("rows", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("target", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
"""The position that each build of each projection has reached."""

texts = sa.Table(
    f"{PREFIX}texts",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    # Of the bytes that were read, of which this is the text.
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("archive", sa.Text),
    sa.Column("retrieved_at", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
"""The texts of sources. They are no part of the log, so that a takedown removes them whole."""


def include_name(name: str | None, kind: str, _parents: Any = None) -> bool:
    """Whether a name is the host's own: for `include_name` of the host's Alembic environment.

    Without it, `alembic revision --autogenerate` proposes to drop what it does not know.

    >>> include_name("invoices", "table"), include_name("timeline_events", "table")
    (True, False)

    A schema that the caller chose for the log is to be left out by the caller.
    """
    if kind == "schema":
        return name != SCHEMA
    return kind != "table" or not (name or "").startswith(PREFIX)


# Migrations

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


def is_unused(connection: sa.Connection) -> bool:
    """Whether a database has no tables at all, or ours without an event."""
    if _revision(connection) is None:
        return not sa.inspect(connection).get_table_names()
    return connection.scalar(sa.select(events.c.position).limit(1)) is None


def require_current(engine: sa.Engine) -> None:
    """Check that the schema is the one that this code reads and writes; nothing is changed.

    Raises:
        NotFound: the database has no schema of ours.
        DatabaseTooNew: it has another one.
    """
    there = None
    if database.exists(engine):
        with database.reading(engine) as connection:
            there = _revision(connection)
    if there is None:
        raise NotFound(
            f"{failures.shown(engine.url)} holds no record. `timeline init`, run by the role that "
            "is to own the tables, makes one."
        )
    if there != REVISION:
        raise DatabaseTooNew(
            f"the database has schema {there!r}; this version of timeline needs {REVISION!r}. Let "
            "the owner bring it up to date by `timeline init`, or use the version that wrote it."
        )


def upgrade(engine: sa.Engine) -> bool:
    """Create the schema or bring it up to date; gives whether there was anything to do.

    All in one transaction: after a failure nothing of it remains, on either database. On PostgreSQL
    it waits for tables that others read for half a second at a time: who appends waits behind it.

    Raises:
        DatabaseTooNew: the schema is not one that this code knows.
        DatabaseBusy: others held the database, or one of its tables, for too long; try again.
        MigrationFailed: a step failed; the message has the cause.
    """
    with database.reading(engine) as connection:
        current = _revision(connection) == REVISION
    if current:
        _make_up_for_readers(engine)
        return False
    if database.is_postgresql(engine):
        return _upgrade_patiently(engine)
    with database.writing(engine) as connection:
        if _revision(connection) == REVISION:  # another process was faster
            return False
        _run_scripts(connection)
    _make_up_for_readers(engine, patience=5.0)
    return True


_WAIT_BRIEFLY = """
    SELECT pg_catalog.set_config(
        'lock_timeout', least(coalesce(nullif(setting, '0'), '500')::int, 500)::text, true
    ) FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'
"""


def _upgrade_patiently(engine: sa.Engine) -> bool:
    """Try for as long as a session waits for a lock; others append between two tries."""
    begun = time.monotonic()
    while True:
        try:
            with database.writing(engine) as connection:
                limit = connection.scalar(sa.text(_LIMIT)) or database.BUSY_SECONDS
                connection.execute(sa.text(_WAIT_BRIEFLY))
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                if _revision(connection) == REVISION:  # another process was faster
                    return False
                _run_scripts(connection)
        except DatabaseBusy as error:
            if time.monotonic() - begun > limit:
                raise
            telemetry.logger.info("the upgrade waits for others: %s", error)
            time.sleep(_BETWEEN_TRIES)
        else:
            return True


_LIMIT = "SELECT setting::int / 1000.0 FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'"
_BETWEEN_TRIES = 0.5
"""Seconds."""


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
    schema = database.schema_of(connection.engine)
    if not sa.inspect(connection).has_table(VERSION_TABLE, schema=schema):
        return None
    version = sa.Table(VERSION_TABLE, sa.MetaData(SCHEMA), sa.Column("version_num"))
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
        cause = getattr(error, "orig", None) or error
        reason = str(cause).strip()
        if failures.is_contention(cause):
            raise
        raise MigrationFailed(
            f"the schema could not be brought from {current or 'nothing'} to {REVISION}: {reason}. "
            "Nothing was changed."
        ) from error
