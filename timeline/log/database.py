"""Engines and transactions: real ones, all-or-nothing, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from timeline.errors import DatabaseBusy, DatabaseError, InvalidInput
from timeline.log import failures, telemetry

SCHEMA = "timeline"
"""The schema of PostgreSQL that holds our tables, unless the caller names another."""

PREFIX = "timeline_"
"""What the names of all our tables begin with: the database may hold the host's own."""

_FILE = "main"
"""What SQLite calls the file itself, beside temporary tables and attached files."""

BUSY_SECONDS = 30
"""How long a writer waits for others before `DatabaseBusy`, unless the address says otherwise."""

_TRUSTED_IDLE = 1.0
"""Seconds after which an idle connection is checked before use."""

_BEGIN = "timeline_begin"
_PROCESS, _THREAD, _FLUSHER = "timeline_process", "timeline_thread", "timeline_flusher"
_WITHIN, _SHARED = "timeline_within", "timeline_shared"
_THRESHOLD = "prepare_threshold"

_WAIT_FOR_LOCKS = f"""
    SELECT pg_catalog.set_config('lock_timeout', '{BUSY_SECONDS}s', false)
    WHERE pg_catalog.current_setting('lock_timeout') = '0'
"""


def create_engine(url: str | sa.URL, schema: str = SCHEMA, **pool: Any) -> sa.Engine:
    """An engine for `sqlite:///FILE`, `sqlite://` (in memory) or `postgresql://…`.

    Args:
        url: the address.
        schema: where our tables are on PostgreSQL.
        pool: options of SQLAlchemy's for the pool, such as `pool_size`, `max_overflow` and
            `poolclass`.

    Raises:
        InvalidInput: it is not the address of such a database.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, pool)
    # Digests cover exact bytes: UTF-8 whatever the server's locale is.
    parsed, options = _with_threshold(parsed)
    engine = sa.create_engine(
        parsed,
        connect_args={"client_encoding": "utf8", "connect_timeout": 10, **options},
        execution_options={_PROCESS: os.getpid(), **_placed(schema)},
        **pool,
    )
    if options.get(_THRESHOLD, 0) is not None:
        sa.event.listen(engine, "connect", functools.partial(_set_up, given=_THRESHOLD in options))
    for made in (engine, _with_flusher(engine)):
        sa.event.listen(made, "checkin", _note_idle)
        sa.event.listen(made, "checkout", _check_idle)
    return engine


def sharing(engine: sa.Engine, schema: str) -> sa.Engine:
    """The same engine, with its pool, for the tables in a schema.

    Raises:
        InvalidInput: `create_engine` of this module did not make it.
    """
    if _PROCESS not in engine.get_execution_options():
        raise InvalidInput(
            "expected an engine that timeline.log.database.create_engine made; found another. Its "
            "transactions begin otherwise"
        )
    moved = {SCHEMA: schema if is_postgresql(engine) else _FILE}
    return engine.execution_options(schema_translate_map=moved, **{_SHARED: True})


def joining(engine: sa.Engine, connection: sa.Connection) -> sa.Engine:
    """The engine as it works within the transaction of a connection, which the caller ends."""
    return engine.execution_options(**{_WITHIN: connection, _SHARED: True})


def close(engine: sa.Engine) -> None:
    """Give back the connections of an engine, unless others share them."""
    if _SHARED not in engine.get_execution_options():
        engine.dispose()


def _with_flusher(engine: sa.Engine) -> sa.Engine:
    """A pool of one connection, for waits for the disk of threads that hold one of the engine's.

    PostgreSQL before 17 needs it. With a second connection of the same pool for each, threads that
    hold them all would wait for each other.
    """
    flusher = sa.create_engine(
        engine.url,
        pool_size=1,
        max_overflow=0,
        connect_args={"connect_timeout": 10, _THRESHOLD: None},
        execution_options={_PROCESS: os.getpid()},
    )
    engine.update_execution_options(**{_FLUSHER: flusher})
    sa.event.listen(engine, "engine_disposed", lambda _: flusher.dispose())
    return flusher


def _with_threshold(url: sa.URL) -> tuple[sa.URL, dict[str, int | None]]:
    """The address without `prepare_threshold`, which the driver takes as a number or None.

    Behind pgbouncer in transaction mode, statements must not be prepared: `prepare_threshold=none`.
    """
    text = url.query.get(_THRESHOLD)
    if text is None:
        return url, {}
    if text != "none" and not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise InvalidInput(f"{_THRESHOLD}: expected a number or none; found {text!r:.40}")
    threshold = None if text == "none" else int(text)
    return url.difference_update_query([_THRESHOLD]), {_THRESHOLD: threshold}


def _require_own(engine: sa.Engine) -> None:
    """Refuse connections of another process or thread, where both would use the same one.

    A fork copies connections; and a database in memory has only one, which is not for two threads.
    """
    options = engine.get_execution_options()
    process, thread = options.get(_PROCESS), options.get(_THREAD)
    if process not in (None, os.getpid()):
        raise InvalidInput(
            f"{failures.shown(engine.url)}: opened in process {process}, and used in "
            f"{os.getpid()}, which was forked from it. Open the record again in each process."
        )
    if thread not in (None, threading.get_ident()):
        raise InvalidInput(
            f"{failures.shown(engine.url)}: a database in memory is for the thread that opened it. "
            "Use a file, such as sqlite:///record.db, where several threads are to share a record."
        )


def _placed(schema: str) -> dict[str, Any]:
    """The options by which statements meet our tables; those of a host stay where they are."""
    return {} if schema == SCHEMA else {"schema_translate_map": {SCHEMA: schema}}


def schema_of(engine: sa.Engine) -> str:
    """The schema that holds our tables."""
    if not is_postgresql(engine):
        return _FILE
    moved = engine.get_execution_options().get("schema_translate_map", {})
    return str(moved.get(SCHEMA, SCHEMA))


def qualified(engine: sa.Engine, name: str) -> str:
    """The name of a table or view of ours, quoted, with its schema: for SQL as text."""
    quote = engine.dialect.identifier_preparer.quote
    return f"{quote(schema_of(engine))}.{quote(name)}"


def _set_up(connection: Any, _record: object, *, given: bool) -> None:
    """Let a session wait for locks with a limit, unless the role or the address has set one.

    Behind pgbouncer in transaction mode a session is not ours to set up, and holds no prepared
    statements: it may be another one for each transaction.
    """
    (pid,) = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    if pid == connection.info.backend_pid:
        connection.execute(_WAIT_FOR_LOCKS)
    elif not given:
        connection.prepare_threshold = None
    connection.commit()


def _note_idle(connection: Any, record: Any) -> None:
    record.info["idle since"] = time.monotonic()
    # `driving` turns it on; SQLAlchemy counts on it being off.
    if connection is not None and not connection.closed and connection.autocommit:
        connection.autocommit = False


def _check_idle(connection: Any, record: Any, _proxy: object) -> None:
    # The pool's own check before each use would cost every append a round trip.
    if time.monotonic() - record.info.get("idle since", math.inf) > _TRUSTED_IDLE:
        import psycopg  # by now it is there; a record in SQLite does without

        try:
            connection.cursor().execute("SELECT 1")
            connection.rollback()
        except psycopg.Error as error:
            raise sa.exc.DisconnectionError from error


def _parse(url: str | sa.URL) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The message does not repeat the text: it may hold a password.
        raise InvalidInput(
            "expected a database URL such as sqlite:///record.db or "
            "postgresql://user@host/name; found text that is not one"
        ) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.host:
            raise InvalidInput(
                "expected sqlite:///FILE, with three slashes; found "
                f"{failures.shown(parsed)!r}, with two"
            )
        return parsed
    raise InvalidInput(f"expected sqlite:///… or postgresql://…; found {failures.shown(parsed)!r}")


def let_readers_go_on(engine: sa.Engine, patience: float = 0.0) -> None:
    """On SQLite, let readers and a writer work at the same time; the file remembers it.

    Not done on connecting: the file may belong to another program.

    Args:
        engine: the database's.
        patience: seconds to try again while others use the file; SQLite does not wait by itself.

    Raises:
        DatabaseBusy: others still use it.
        DatabaseReadOnly: the file may not be written.
    """
    end = time.monotonic() + patience
    while not is_postgresql(engine):
        try:
            with autocommitting(engine) as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except DatabaseBusy:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def remove_if(engine: sa.Engine, is_unused: Callable[[sa.Connection], bool]) -> None:
    """Remove the file of a SQLite database, if you find it unused while nobody else has it open.

    Whoever opens it meanwhile waits for the lock, and then looks whether the file still `exists`.

    Raises:
        DatabaseBusy: others have it open.
        DatabaseReadOnly: the file may not be written.
    """
    engine.dispose()
    with autocommitting(engine) as connection:
        # From here to the end of the connection the lock is held: SQLite gives up the log beside
        # the file only for the last one that has it open.
        connection.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
        if is_unused(connection):
            Path(str(engine.url.database)).unlink()
        else:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.detach()


def exists(engine: sa.Engine) -> bool:
    """Whether there may be a database to connect to: on SQLite, whether the file exists.

    Connecting would create an empty file.
    """
    file = engine.url.database
    in_file = engine.dialect.name == "sqlite" and file is not None and not file.startswith("file:")
    return not in_file or file == ":memory:" or _file_at(str(file)) is not None


def _sqlite_engine(url: sa.URL, pool: Mapping[str, Any]) -> sa.Engine:
    in_memory = not url.database or url.database == ":memory:"
    waits = {} if "timeout" in url.query else {"timeout": BUSY_SECONDS}
    options: dict[str, Any] = {"connect_args": waits, **pool}
    owner = {_PROCESS: os.getpid(), **_placed(_FILE)}
    if in_memory:
        # One connection for all: a second one would open another, empty database.
        options |= {"poolclass": StaticPool}
        options["connect_args"]["check_same_thread"] = False
        owner[_THREAD] = threading.get_ident()
    elif _is_immutable(str(url.database)):
        file = f"{Path(str(url.database)).absolute().as_uri()}?mode=ro&immutable=1"
        options["creator"] = functools.partial(
            sqlite3.connect, file, uri=True, check_same_thread=False
        )
    engine = sa.create_engine(url, execution_options=owner, **options)
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _is_immutable(file: str) -> bool:
    """Whether a file stands where nothing can be written, and has no write-ahead log.

    SQLite would make files beside it, and so could not even read it.
    """
    path = Path(file)
    # Look for the file first: another thread may make it between the two questions, and what does
    # not exist yet is not writable.
    if file.startswith("file:") or not _is_file(path):
        return False
    writable = os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)
    return not writable and not _has_wal(path)


def _has_wal(path: Path) -> bool:
    return _file_at(f"{path}-wal") is not None


_OPENED = "timeline_opened"
"""The path of the file that a connection of SQLite opened, and what tells that file from others."""


def _configure_sqlite(connection: sqlite3.Connection, entry: sa.pool.ConnectionPoolEntry) -> None:
    # By itself the driver commits before DDL, and a failed migration would stick half-way. With no
    # isolation level it begins nothing; `_begin_sqlite` does.
    connection.isolation_level = None
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
    except UnicodeDecodeError as error:
        # The driver reads the schema here for the first time, and does not translate this error.
        raise sqlite3.DatabaseError(f"the file's schema cannot be read: {error}") from error
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    if path:
        entry.info[_OPENED] = path, _file_at(path)


def _file_at(path: str) -> tuple[int, int] | None:
    """What tells a file from others, whatever its path; None where there is none to be seen."""
    try:
        status = os.stat(path)  # noqa: PTH116 - once an append, and Path takes three times as long
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # of a folder that may not be entered
        return False


def _require_same_file(info: Mapping[Any, Any]) -> None:
    """Refuse a connection whose file is no longer there: SQLite would write to it all the same.

    It goes back to the pool: a new one would make an empty file there, or use another one.
    Source: https://www.sqlite.org/howtocorrupt.html, section 2.4.

    Args:
        info: what the pool notes of the connection.
    """
    path, file = info.get(_OPENED, (None, None))
    if path is not None and _file_at(path) != file:
        raise DatabaseError(failures.gone(path))


def _begin_sqlite(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get(_BEGIN, "IMMEDIATE")
    if mode is not None:
        with telemetry.waiting("a transaction"):
            connection.exec_driver_sql(f"BEGIN {mode}")


_ROOM_TO_WRITE = "PRAGMA cache_size = -16000"
"""How much of a SQLite file a connection that writes holds in memory, in KiB.

Ids are random, so a large batch touches the whole index: with the 2 MiB of SQLite's default, most
pages would be written and read again midway. Connections that only read keep the default.
"""


_MANY = 100
"""Rows for which that room is worth a statement of its own."""


@contextlib.contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes: committed whole at the end, or rolled back whole.

    On SQLite it takes the write lock at once: SQLite refuses a reader that turns writer midway,
    without waiting.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    if _WITHIN in engine.get_execution_options():
        with _joined(engine) as connection, connection.begin_nested():
            yield connection
        return
    immediate = {_BEGIN: "IMMEDIATE"}
    with failures.translated(engine):
        with _connect(engine, immediate) as connection, connection.begin():
            if is_postgresql(engine):
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            else:
                driver_of(connection).execute(_ROOM_TO_WRITE)
            yield connection
        make_durable(engine)


@contextlib.contextmanager
def writing_when_used(engine: sa.Engine) -> Iterator[sa.Connection]:
    """The same as `writing`, but the transaction begins with its first statement.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    require_alone(engine)
    with failures.translated(engine), _connect(engine, {_BEGIN: "IMMEDIATE"}) as connection:
        yield connection
        connection.commit()


def is_postgresql(engine: sa.Engine) -> bool:
    """Whether the engine is one of PostgreSQL's; the other kind is SQLite's."""
    return engine.dialect.name == "postgresql"


_FLUSH = (
    "SELECT CASE WHEN NOT pg_is_in_recovery() "
    "THEN pg_logical_emit_message(true, 'timeline', '') END"
)
"""Commits something, and so waits for the disk. A standby shows only what was flushed."""


_FLUSH_AT_ONCE = (
    "SELECT CASE WHEN NOT pg_is_in_recovery() "
    "THEN pg_logical_emit_message(false, 'timeline', '', true) END"
)
_FLUSHES_AT_ONCE = 170_000
"""The release of PostgreSQL from which on that can be done within a transaction."""


_BEGIN_POSTGRESQL = "BEGIN; SET LOCAL synchronous_commit TO off"


def make_durable(engine: sa.Engine, *, holding: sa.Connection | None = None) -> None:
    """Return when all that is visible now would survive a crash of the server.

    On PostgreSQL our transactions commit without waiting for the disk, and wait here instead, when
    their locks are free: a commit in this session flushes all earlier ones. So writers that take
    turns at the head share their waits for the disk. Writers call this before they return, readers
    before they give out or cite an event: nobody sees what a crash could undo.

    On SQLite a visible commit is durable.

    Args:
        engine: the database's.
        holding: the connection that this thread holds meanwhile.
    """
    # The caller's own commit waits for the disk.
    if not is_postgresql(engine) or _WITHIN in engine.get_execution_options():
        return
    if holding is not None and driver_of(holding).info.server_version >= _FLUSHES_AT_ONCE:
        holding.exec_driver_sql(_FLUSH_AT_ONCE)
        return
    flusher = None if holding is None else engine.get_execution_options().get(_FLUSHER)
    with autocommitting(flusher or engine) as connection:
        connection.exec_driver_sql(_FLUSH)


@contextlib.contextmanager
def autocommitting(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on which each statement is a transaction of its own.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    require_alone(engine)
    autocommit = {"isolation_level": "AUTOCOMMIT"} if is_postgresql(engine) else {_BEGIN: None}
    with failures.translated(engine), _connect(engine, autocommit) as connection:
        yield connection


@contextlib.contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that reads one unchanging state of the database.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    if _WITHIN in engine.get_execution_options():
        with _joined(engine) as connection:
            yield connection
        return
    deferred = {_BEGIN: "DEFERRED"}
    snapshot = {"isolation_level": "REPEATABLE READ"} if is_postgresql(engine) else deferred
    with failures.translated(engine), _connect(engine, snapshot) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def _connect(engine: sa.Engine, options: dict[str, Any]) -> Iterator[sa.Connection]:
    _require_own(engine)
    with engine.connect() as connection:
        _require_same_file(connection.info)
        yield connection.execution_options(**options)


def require_alone(engine: sa.Engine) -> None:
    """Check that the engine does not work within the caller's transaction.

    Raises:
        InvalidInput: it does.
    """
    if _WITHIN in engine.get_execution_options():
        raise InvalidInput(
            "this cannot be a part of your transaction: it takes several, or none. Use the record "
            "itself, and not what within(connection) gives"
        )


def transaction_of(engine: sa.Engine) -> sa.Connection | None:
    """The caller's connection that the engine works within, if it does."""
    within: sa.Connection | None = engine.get_execution_options().get(_WITHIN)
    return within


@contextlib.contextmanager
def _joined(engine: sa.Engine) -> Iterator[sa.Connection]:
    """The caller's connection with the options of our engine; it ends no transaction."""
    theirs = engine.get_execution_options()[_WITHIN]
    with taking_part(engine, theirs):
        ours = sa.Connection(engine, theirs.connection).execution_options(**{_BEGIN: None})
        ours.begin()
        yield ours


@contextlib.contextmanager
def taking_part(engine: sa.Engine, connection: sa.Connection) -> Iterator[Driver]:
    """The driver's connection behind one of the caller's, in a transaction that writes.

    Raises:
        InvalidInput: the connection is closed, of another kind, or has no transaction.
        DatabaseBusy: others held the database for too long; try again.
    """
    if not isinstance(connection, sa.Connection):
        raise InvalidInput(
            "expected a connection of SQLAlchemy, which a session gives as session.connection(); "
            f"found {connection!r:.80}"
        )
    if connection.closed:
        raise InvalidInput("expected a connection with a transaction; found a closed one")
    with failures.translated(engine, connected=True):
        driver = driver_of(connection)
        _require_transaction(driver, engine)
        yield driver


_TAKE_LOCK = "DELETE FROM main.timeline_subscriptions WHERE 0"
"""Turns a transaction of SQLite into one that writes, and changes nothing."""


def _require_transaction(driver: Driver, engine: sa.Engine) -> None:
    """Check that what is written on a connection counts together, or not at all."""
    kind = "psycopg" if is_postgresql(engine) else "sqlite3"
    if type(driver).__module__.partition(".")[0] != kind:
        raise InvalidInput(
            "expected a connection of sqlite3 or psycopg, such as sqlite:///… and "
            f"postgresql+psycopg://… make, to the record's database, which {kind} opens; found "
            f"one of {type(driver).__module__}"
        )
    if kind == "psycopg":
        alone = driver.autocommit
    else:
        # From Python 3.12 on there is a second way to ask for it.
        by_itself = driver.isolation_level is None or getattr(driver, "autocommit", None) is True
        alone = by_itself and not driver.in_transaction
        if not alone:
            # Wait for other writers before we read the end of the log, not with the first INSERT.
            driver.execute(_TAKE_LOCK if driver.in_transaction else "BEGIN IMMEDIATE")
    if alone:
        raise InvalidInput(
            "expected a connection with a transaction; found one in AUTOCOMMIT, on which half of "
            "an append could be left. Leave isolation_level out, or append without connection=…"
        )


Driver: TypeAlias = Any
"""A connection of sqlite3's or psycopg's: both have `execute`, and the protocol says no more."""


class Prepared:
    """A statement that is compiled once for each kind of database, and run by the driver.

    SQLAlchemy takes many times as long to run a small statement. It still writes it, once for both
    databases.

    Args:
        statement: the statement; or a function that makes it, given whether for PostgreSQL.
    """

    def __init__(self, statement: sa.ClauseElement | Callable[[bool], sa.ClauseElement]) -> None:
        self._statement = statement
        self._compiled: dict[
            tuple[str, str], tuple[str, Mapping[str, Any], Sequence[str] | None]
        ] = {}

    def run(self, driver: Driver, engine: sa.Engine, **values: Any) -> Any:
        """Run it; gives the driver's cursor."""
        where = engine.dialect.name, schema_of(engine)
        if where not in self._compiled:
            self._compiled[where] = self._compile(engine)
        text, given, order = self._compiled[where]
        if order is None:
            return driver.execute(text, {**given, **values})
        return driver.execute(text, [values[n] if n in values else given[n] for n in order])

    def _compile(self, engine: sa.Engine) -> tuple[str, Mapping[str, Any], Sequence[str] | None]:
        statement = self._statement
        if not isinstance(statement, sa.ClauseElement):
            statement = statement(is_postgresql(engine))
        made: Any = statement.compile(
            dialect=engine.dialect,
            schema_translate_map={SCHEMA: schema_of(engine)},
            compile_kwargs={"render_postcompile": True},
            render_schema_translate=True,
        )
        return made.string, made.params, made.positiontup


def given_texts(*, postgresql: bool) -> sa.TableValuedAlias:
    """A table with the column `value`, of the parameter `texts`, which `texts_of` makes."""
    texts = sa.bindparam("texts", None, sa.ARRAY(sa.Text) if postgresql else sa.Text)
    table = sa.func.unnest(texts) if postgresql else sa.func.json_each(texts)
    return (
        table.table_valued("value").render_derived() if postgresql else table.table_valued("value")
    )


def texts_of(values: Iterable[str], engine: sa.Engine) -> Any:
    """The parameter of `given_texts`: any number of texts in one value."""
    texts = list(values)
    if is_postgresql(engine):
        return texts
    joined = json.dumps(texts, ensure_ascii=False)
    if not joined.isascii():
        for text in texts:
            text.encode()  # an error of the driver would show them all
    return joined


def driver_of(connection: sa.Connection) -> Driver:
    """The driver's connection behind one of SQLAlchemy's, in the same transaction."""
    if not connection.in_transaction():
        # SQLAlchemy begins one with its own first statement; it does not see the driver's.
        connection.begin()
    return connection.connection.driver_connection


def driving(engine: sa.Engine) -> contextlib.AbstractContextManager[Driver]:
    """A connection of the driver; each statement is a transaction of its own.

    For appends and short reads, where SQLAlchemy would take most of the time. A transaction that
    you begin and do not commit is rolled back.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    theirs = transaction_of(engine)
    return _Driving(engine) if theirs is None else taking_part(engine, theirs)


def writing_directly(engine: sa.Engine) -> contextlib.AbstractContextManager[Driver]:
    """The same as `writing`, on a connection of the driver itself.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    return _Writing(engine)


class _Driving:
    """See `driving`. A class, since each append enters one: a generator would take longer."""

    __slots__ = ("_driver", "_engine", "_pooled")

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Driver:
        _require_own(self._engine)
        with failures.translated(self._engine):
            self._pooled = self._engine.raw_connection()
        self._driver: Driver = self._pooled.driver_connection
        try:
            _require_same_file(self._pooled.info)
            self._begin()
        except BaseException as error:
            self._give_back(error)
            raise
        return self._driver

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            try:
                self._finish()
            except BaseException as failed:
                self._give_back(failed)
                raise
        self._give_back(error)

    def _begin(self) -> None:
        if is_postgresql(self._engine):
            self._driver.autocommit = True  # until `_note_idle`

    def _finish(self) -> None:
        """There is nothing to commit."""

    def _give_back(self, error: BaseException | None) -> None:
        """Return the connection to the pool; an error of the database is raised as ours."""
        try:
            if error is not None:
                self._abandon(error)
        finally:
            self._pooled.close()
        if error is not None:
            ours = failures.translation(error, self._engine, connected=True)
            if ours is not None:
                raise ours from error

    def _abandon(self, error: BaseException) -> None:
        # An interrupt may come in the middle of a statement: then a server may not answer.
        if isinstance(error, Exception):
            # The error that led here is the one to see, whatever becomes of the rollback.
            with contextlib.suppress(failures.driver_errors(self._engine)):
                self._driver.rollback()
        if is_postgresql(self._engine) and not _is_idle(self._driver):
            # Lost, or interrupted midway: not to be used again.
            self._pooled.invalidate(error)


class _Writing(_Driving):
    """See `writing_directly`."""

    __slots__ = ()

    def _begin(self) -> None:
        super()._begin()
        begin = _BEGIN_POSTGRESQL if is_postgresql(self._engine) else "BEGIN IMMEDIATE"
        with telemetry.waiting("an append"):
            self._driver.execute(begin)

    def _finish(self) -> None:
        # One message: the server need not wait for us in between.
        commit = f"COMMIT; {_FLUSH}" if is_postgresql(self._engine) else "COMMIT"
        self._driver.execute(commit)


def _is_idle(connection: Driver) -> bool:
    return bool(connection.info.transaction_status.name == "IDLE")


def insert_many(
    connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of values in the order of the table's columns, as fast as the driver can.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    driver = driver_of(connection)
    with failures.translated(connection.engine, connected=True):
        insert_rows(driver, connection.engine, table, rows)


def insert_rows(
    driver: Driver, engine: sa.Engine, table: sa.Table, rows: Sequence[tuple[Any, ...]]
) -> None:
    """The same on the driver's own connection: COPY on PostgreSQL, `executemany` on SQLite."""
    text = _insert_text(engine.dialect, schema_of(engine), table)
    if not is_postgresql(engine):
        if len(rows) >= _MANY:
            driver.execute(_ROOM_TO_WRITE)
        driver.executemany(text, rows)
        return
    with driver.cursor().copy(text) as copy:
        for row in rows:
            copy.write_row(row)


@functools.lru_cache(maxsize=256)
def _insert_text(dialect: sa.Dialect, schema: str, table: sa.Table) -> str:
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in table.columns)
    into = f"{quote(schema)}.{quote(table.name)} ({columns})"
    if dialect.name == "postgresql":
        return f"COPY {into} FROM STDIN"
    return f"INSERT INTO {into} VALUES ({', '.join('?' * len(table.columns))})"


def delete_many(
    connection: sa.Connection, table: sa.Table, key: Sequence[str], keys: Sequence[Sequence[Any]]
) -> None:
    """Delete the rows with these keys, as fast as the driver can.

    Raises:
        DatabaseUnreachable: there is no connection to the database.
        DatabaseBusy: others held the database for too long; try again.
        DatabaseError: the database could not do it.
    """
    driver, preparer = driver_of(connection), connection.dialect.identifier_preparer
    place = "%s" if is_postgresql(connection.engine) else "?"
    where = " AND ".join(f"{preparer.quote(name)} = {place}" for name in key)
    text = f"DELETE FROM {qualified(connection.engine, table.name)} WHERE {where}"
    with failures.translated(connection.engine, connected=True):
        driver.cursor().executemany(text, keys)
