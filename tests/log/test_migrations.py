import contextlib
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import CommandLine, Config
from waiting import until, waiting_for_a_lock

from timeline import Actor, NotFound, Timeline
from timeline.errors import DatabaseBusy, DatabaseError, DatabaseTooNew, MigrationFailed
from timeline.log import database
from timeline.log.digests import verify
from timeline.log.schema import (
    REVISION,
    SCHEMA,
    VERSION_TABLE,
    events,
    head,
    is_migrated,
    metadata,
    upgrade,
)

CHECKOUT = Path(__file__).parents[2]
OURS = {*(table.name for table in metadata.tables.values()), VERSION_TABLE}

only_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@contextmanager
def engine_of(url: str) -> Iterator[sa.Engine]:
    engine = database.create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def migrate(url: str) -> bool:
    with engine_of(url) as engine:
        return upgrade(engine)


def execute(url: str, *statements: str) -> None:
    with engine_of(url) as engine, database.writing(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def tables(url: str) -> set[str]:
    """The tables, with that of the head for SQLite, which needs none, where the others are."""
    with engine_of(url) as engine:
        there = set(sa.inspect(engine).get_table_names())
    return there | ({head.name} if events.name in there else set())


def rows(url: str, table: str) -> list[tuple[Any, ...]]:
    with engine_of(url) as engine, database.reading(engine) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]


def schema(url: str) -> dict[str, Any]:
    """All that an inspector can tell of the tables; lists in an order of their own are sorted."""
    with engine_of(url) as engine:
        inspector = sa.inspect(engine)
        return {
            table: {
                "columns": [
                    (column["name"], str(column["type"]), column["nullable"])
                    for column in inspector.get_columns(table)
                ],
                "primary key": inspector.get_pk_constraint(table),
                "unique": sorted(map(str, inspector.get_unique_constraints(table))),
                "checks": sorted(map(str, inspector.get_check_constraints(table))),
                "indexes": sorted(map(str, inspector.get_indexes(table))),
            }
            for table in inspector.get_table_names()
        }


def append_one(url: str) -> None:
    with engine_of(url) as engine, database.writing(engine) as connection:
        connection.execute(
            sa.insert(events).values(
                position=1,
                event_id="a",
                stream="tests-a",
                version=1,
                type=1,
                recorded_at=1_669_680_000_000_000,
                data="{}",
                digest=bytes(32),
            )
        )


def run(*command: str | Path, folder: Path, **environment: str) -> "subprocess.Popen[str]":
    inherited = {name: value for name, value in os.environ.items() if name != "TIMELINE_URL"}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=inherited | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def alembic(*arguments: str, folder: Path = CHECKOUT, **environment: str) -> str:
    """What `alembic` prints, run in this process, which spares its start; that it succeeds."""
    shell = CommandLine()
    options = shell.parser.parse_args(arguments)
    printed = io.StringIO()
    settings = Config(
        toml_file="pyproject.toml", cmd_opts=options, stdout=printed, output_buffer=printed
    )
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.delenv("TIMELINE_URL", raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        shell.run_cmd(settings, options)
    return printed.getvalue()


def alembic_alone(*arguments: str, folder: Path = CHECKOUT, **environment: str) -> str:
    """What `alembic` prints as a process of its own; that it succeeds is asserted."""
    process = run("-m", "alembic", *arguments, folder=folder, **environment)
    printed, complaints = process.communicate()
    assert process.returncode == 0, printed + complaints
    return printed


# Alembic's own command, in the checkout


def naming(way: str, url: str) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment that name a database to alembic."""
    return (["-x", f"url={url}"], {}) if way == "-x url" else ([], {"TIMELINE_URL": url})


@pytest.mark.parametrize("way", ["-x url", "TIMELINE_URL"])
def test_alembic_runs_from_the_checkout(database_url: str, way: str) -> None:
    arguments, environment = naming(way, database_url)

    alembic(*arguments, "upgrade", "head", **environment)
    assert tables(database_url) == OURS
    assert rows(database_url, VERSION_TABLE) == [(REVISION,)]
    assert not migrate(database_url)

    printed = alembic(*arguments, "check", **environment)
    assert "No new upgrade operations detected" in printed

    append_one(database_url)
    alembic(*arguments, "downgrade", "base", **environment)
    assert tables(database_url) == {VERSION_TABLE}
    assert migrate(database_url)


@only_sqlite
def test_an_address_in_the_command_goes_before_the_environment(database_url: str) -> None:
    alembic_alone("-x", f"url={database_url}", "upgrade", "head", TIMELINE_URL="nonsense")
    assert tables(database_url) == OURS


def test_the_settings_are_in_pyproject() -> None:
    assert not (CHECKOUT / "alembic.ini").exists()


@pytest.mark.parametrize("way", ["-x url", "TIMELINE_URL"])
def test_the_printed_sql_does_what_the_upgrade_does(
    new_database: Callable[..., str], way: str
) -> None:
    url = new_database()
    arguments, environment = naming(way, url)
    printed = alembic(*arguments, "upgrade", "head", "--sql", **environment)
    assert tables(url) == set()

    run_script(url, printed)

    migrated = new_database(migrated=True)
    assert schema(url) == schema(migrated)
    assert rows(url, "log") == rows(migrated, "log") == []
    assert not migrate(url)
    append_one(url)
    with pytest.raises(DatabaseError, match="append-only: DELETE refused"):
        execute(url, "DELETE FROM timeline_events")


def run_script(url: str, script: str) -> None:
    """Run it as `psql` and `sqlite3` would: as text, through nobody's parameters."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = sqlite3.connect(str(parsed.database))
        file.executescript(script)
        file.close()
    else:
        address = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as server:
            server.execute(script.encode())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What alembic needs of the checkout, to write in."""
    folder = tmp_path / "copy"
    folder.mkdir()
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    for name in ["alembic", "timeline"]:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    return folder


def new_scripts(copy: Path) -> list[Path]:
    known = {script.name for script in (CHECKOUT / "alembic/versions").glob("*.py")}
    return [path for path in (copy / "alembic/versions").glob("*.py") if path.name not in known]


def test_autogenerate_finds_nothing_to_do_and_writes_beside_the_others(
    migrated_url: str, copy: Path
) -> None:
    alembic("-x", f"url={migrated_url}", "revision", "--autogenerate", "-m", "none", folder=copy)
    [script] = new_scripts(copy)
    written = script.read_text()
    assert written.count("    pass\n") == 2
    assert f'down_revision = "{REVISION}"' in written
    assert "op.create" not in written
    assert "op.drop" not in written


@only_sqlite
def test_autogenerate_writes_a_script_for_what_has_changed(migrated_url: str, copy: Path) -> None:
    with (copy / "timeline/log/schema.py").open("a") as file:
        file.write('events.append_column(sa.Column("mood", sa.Text))\n')
    url = f"url={migrated_url}"

    check = run("-m", "alembic", "-x", url, "check", folder=copy)
    assert "mood" in "".join(check.communicate())
    assert check.returncode != 0

    alembic_alone("-x", url, "revision", "--autogenerate", "-m", "mood", folder=copy)
    alembic_alone("-x", url, "upgrade", "head", folder=copy)
    assert "mood" in {name for name, *_ in schema(migrated_url)["timeline_events"]["columns"]}


def test_alembic_sees_neither_read_models_nor_the_callers_tables(
    database_url: str, copy: Path
) -> None:
    with Timeline.open(database_url) as timeline:
        timeline.attendance()  # brings the read models up to date, and so makes their tables
    execute(database_url, *CALLERS)
    assert tables(database_url) > OURS | {"customers", "alembic_version"}
    url = f"url={database_url}"

    assert "No new upgrade operations detected" in alembic("-x", url, "check")

    alembic("-x", url, "revision", "--autogenerate", "-m", "none", folder=copy)
    [script] = new_scripts(copy)
    assert script.read_text().count("    pass\n") == 2


# What the scripts create


def test_the_revision_of_the_code_is_the_newest_script() -> None:
    assert alembic("heads").split() == [REVISION, "(head)"]


def exists(table: sa.Table, engine: sa.Engine) -> bool:
    """Whether a kind of database has the table: on SQLite the log ends with its last row."""
    return table is not head or engine.dialect.name == "postgresql"


def test_the_scripts_create_what_the_code_declares(new_database: Callable[..., str]) -> None:
    declared, migrated = new_database(), new_database(migrated=True)
    with engine_of(declared) as engine, database.writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.schema.CreateSchema(SCHEMA))
        metadata.create_all(connection, [t for t in metadata.tables.values() if exists(t, engine)])
    found = schema(migrated)
    del found[VERSION_TABLE]
    assert found == schema(declared)


def test_ids_and_versions_are_unique_in_the_database(migrated_url: str) -> None:
    with engine_of(migrated_url) as engine:
        found = sa.inspect(engine).get_unique_constraints("timeline_events")
    assert {tuple(each["column_names"]) for each in found} == {("event_id",), ("stream", "version")}


def test_the_log_starts_empty(migrated_url: str) -> None:
    with engine_of(migrated_url) as engine, database.reading(engine) as connection:
        assert connection.execute(sa.select(events)).all() == []


@pytest.mark.parametrize(
    "statement", ["UPDATE timeline_events SET type = 2", "DELETE FROM timeline_events"]
)
def test_the_database_refuses_to_change_the_log(migrated_url: str, statement: str) -> None:
    append_one(migrated_url)
    before = rows(migrated_url, "timeline_events")
    with pytest.raises(DatabaseError, match="append-only"):
        execute(migrated_url, statement)
    assert rows(migrated_url, "timeline_events") == before


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_database_refuses_to_empty_the_log(migrated_url: str) -> None:
    append_one(migrated_url)
    with pytest.raises(DatabaseError, match="TRUNCATE refused"):
        execute(migrated_url, "TRUNCATE timeline_events")


# Upgrading


def journal_mode(url: str) -> str:
    with contextlib.closing(sqlite3.connect(str(sa.make_url(url).database))) as file:
        return str(file.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_looking_at_another_programs_file_leaves_it_as_it_is(database_url: str) -> None:
    file = Path(str(sa.make_url(database_url).database))
    with contextlib.closing(sqlite3.connect(file)) as theirs:
        theirs.executescript("CREATE TABLE customers (name TEXT)")
    before = file.read_bytes()

    with engine_of(database_url) as engine:
        assert not is_migrated(engine)
    with pytest.raises(NotFound):
        Timeline.open(database_url, create=False)

    assert file.read_bytes() == before
    assert journal_mode(database_url) == "delete"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_after_an_upgrade_readers_need_not_wait_for_writers(database_url: str) -> None:
    assert migrate(database_url)
    assert journal_mode(database_url) == "wal"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_nor_need_they_where_alembic_made_the_file(database_url: str) -> None:
    alembic("-x", f"url={database_url}", "upgrade", "head")

    with Timeline.open(database_url, create=False) as timeline, timeline.view():
        assert journal_mode(database_url) == "wal"
        append_one(database_url)


def test_a_downgrade_takes_the_read_models_along(database_url: str) -> None:
    def report() -> str:
        with Timeline.open(database_url) as timeline:
            timeline.add(Actor(id="ada", kind="person", name="Ada"))
            return str(timeline.attendance().to_dict()["meetings"])

    def views() -> set[str]:
        with engine_of(database_url) as engine:
            return set(sa.inspect(engine).get_view_names())

    before = report()
    assert len(tables(database_url) - OURS) >= len(views() - {"log"}) > 1

    alembic("-x", f"url={database_url}", "downgrade", "base")
    assert tables(database_url) == {VERSION_TABLE}
    assert views() == set()

    alembic("-x", f"url={database_url}", "upgrade", "head")
    assert report() == before
    assert len(tables(database_url) - OURS) >= len(views() - {"log"}) > 1


def test_an_upgrade_is_done_once(database_url: str) -> None:
    with engine_of(database_url) as engine:
        assert not is_migrated(engine)
        assert upgrade(engine)
        assert is_migrated(engine)
        assert not upgrade(engine)


def test_a_database_in_memory_is_migrated() -> None:
    with engine_of("sqlite://") as engine:
        assert upgrade(engine)
        assert not upgrade(engine)


UPGRADE = """
import sys
from timeline import TimelineError
from timeline.log import database
from timeline.log.digests import verify
from timeline.log.schema import upgrade

print("ready", flush=True)
sys.stdin.readline()
try:
    print(upgrade(database.create_engine(sys.argv[1])))
except TimelineError as error:
    print(f"{type(error).__name__}: {error}")
"""


def test_processes_that_start_at_once_create_the_schema_once(database_url: str) -> None:
    processes = [run("-c", UPGRADE, database_url, folder=CHECKOUT) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate() for process in processes]
    assert sorted(said for said, _ in answers) == ["False\n", "False\n", "True\n"]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert tables(database_url) == OURS


def upgrade_at_once(urls: list[str]) -> list[bool]:
    barrier = threading.Barrier(len(urls))

    def go(url: str) -> bool:
        barrier.wait()
        return migrate(url)

    with ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(go, urls))


def test_threads_that_start_at_once_create_the_schema_once(database_url: str) -> None:
    assert sorted(upgrade_at_once([database_url] * 4)) == [False, False, False, True]


def test_threads_upgrade_different_databases_at_once(new_database: Callable[..., str]) -> None:
    urls = [new_database() for _ in range(4)]
    assert upgrade_at_once(urls) == [True] * 4
    assert all(tables(url) == OURS for url in urls)


def test_a_database_that_is_newer_than_the_code_is_left_alone(migrated_url: str) -> None:
    append_one(migrated_url)
    execute(migrated_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    before = schema(migrated_url), rows(migrated_url, "timeline_events")
    for attempt in (migrate, Timeline.open):
        with pytest.raises(DatabaseTooNew, match=r"'9999'.*up to '0001'"):
            attempt(migrated_url)
    assert (schema(migrated_url), rows(migrated_url, "timeline_events")) == before
    assert rows(migrated_url, VERSION_TABLE) == [("9999",)]


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{revision}"


def upgrade() -> None:
    op.create_table("annotations", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO annotations VALUES (1)")
"""


def next_release(copy: Path, *, ending: str = "") -> None:
    """Make the copy a later version of the package, with one more script."""
    script = copy / "alembic/versions/next.py"
    script.write_text(NEXT.format(revision=REVISION) + ending)
    with (copy / "timeline/log/schema.py").open("a") as file:
        file.write('REVISION = "next"\n')


def upgrade_with(copy: Path, url: str) -> str:
    printed, complaints = run("-c", UPGRADE, url, folder=copy, PYTHONPATH=str(copy)).communicate()
    assert complaints == ""
    return printed.removeprefix("ready\n")


def test_the_next_release_upgrades_a_log_that_this_one_then_refuses(
    migrated_url: str, copy: Path
) -> None:
    append_one(migrated_url)
    before = rows(migrated_url, "timeline_events")
    next_release(copy)
    assert upgrade_with(copy, migrated_url) == "True\n"
    assert rows(migrated_url, "annotations") == [(1,)]
    assert rows(migrated_url, "timeline_events") == before
    with pytest.raises(DatabaseTooNew, match="'next'"):
        migrate(migrated_url)


CHANGE_THE_LOG = """
    log = {"table_name": "timeline_events", "schema": SCHEMA}
    op.add_column(column=sa.Column("translated", sa.Text), **log)
"""


def test_old_code_goes_on_while_and_after_the_next_release_upgrades(
    migrated_url: str, copy: Path
) -> None:
    """What the docs promise of an upgrade that changes the table of events."""
    on_postgresql = migrated_url.startswith("postgresql")
    placed = CHANGE_THE_LOG.replace("SCHEMA", repr("timeline" if on_postgresql else None))
    next_release(copy, ending=placed)
    with Timeline.open(migrated_url) as old, ThreadPoolExecutor() as pool:
        old.add(Actor("ann", "person", "Ann"))
        old.actors()
        with database.reading(old.store.engine) as reader:
            assert len(list(old.store.read_all(connection=reader))) == 1
            upgrade = pool.submit(upgrade_with, copy, migrated_url)
            if on_postgresql:  # elsewhere nobody waits for who reads
                until(lambda: waiting_for_a_lock(old.store.engine))
            # The upgrade stands in line before this: it must step back.
            old.add(Actor("bob", "person", "Bob"))
            assert len(list(old.store.read_all(connection=reader))) == 1
        assert upgrade.result() == "True\n"

        old.add(Actor("cy", "person", "Cy"), Actor("dee", "person", "Dee"))
        assert len(old.actors().actors) == 4
        with old.store.batch("mailer") as batch:
            assert len(batch.events) == 4
        with database.reading(old.store.engine) as reader:
            assert verify(reader).position == 4

    for options in ({}, {"migrate": False}):
        with pytest.raises(DatabaseTooNew, match=r"schema 'next'.*the version that wrote it"):
            Timeline.open(migrated_url, **options)


def test_a_failed_first_migration_leaves_nothing_behind(database_url: str, copy: Path) -> None:
    next_release(copy, ending='    raise RuntimeError("out of ink")\n')
    answer = upgrade_with(copy, database_url)
    assert answer.startswith("MigrationFailed: ")
    assert "from nothing to next: out of ink" in answer
    assert tables(database_url) == set()
    assert migrate(database_url)  # so no function, index or trigger of ours was left either


def test_a_failed_later_migration_leaves_nothing_behind(migrated_url: str, copy: Path) -> None:
    append_one(migrated_url)
    before = schema(migrated_url), rows(migrated_url, "timeline_events")
    next_release(copy, ending='    op.execute("SELECT ink FROM nowhere")\n')
    answer = upgrade_with(copy, migrated_url)
    assert answer.startswith("MigrationFailed: ")
    assert f"from {REVISION} to next: " in answer
    assert "nowhere" in answer
    assert (schema(migrated_url), rows(migrated_url, "timeline_events")) == before
    assert not migrate(migrated_url)


def test_an_upgrade_waits_for_others_with_a_limit(database_url: str) -> None:
    other, hurried = database.create_engine(database_url), sa.make_url(database_url)
    options = {"timeout": "0.1"}
    if database_url.startswith("postgresql"):
        options = {"options": "-c lock_timeout=100"}
    engine = database.create_engine(hurried.update_query_dict(options))
    with other.begin() as connection:
        if database_url.startswith("postgresql"):
            connection.exec_driver_sql("CREATE SCHEMA timeline")
        with pytest.raises(DatabaseBusy, match="Try again"):
            upgrade(engine)
    engine.dispose()
    other.dispose()


def test_a_callers_table_by_one_of_our_names_is_kept(database_url: str) -> None:
    if database_url.startswith("postgresql"):
        execute(database_url, "CREATE SCHEMA timeline")
    execute(database_url, "CREATE TABLE timeline_checkpoints (id INTEGER)")
    with pytest.raises(MigrationFailed, match=r"checkpoints.*Nothing was changed"):
        migrate(database_url)
    assert tables(database_url) == {"timeline_checkpoints"}
    execute(database_url, "DROP TABLE timeline_checkpoints")
    assert migrate(database_url)


CALLERS = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
    "CREATE INDEX customers_by_name ON customers (name)",
    "INSERT INTO customers VALUES (1, 'Ada')",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('5f1c0ffee')",
)


def test_a_callers_database_is_shared_and_left_alone(database_url: str) -> None:
    execute(database_url, *CALLERS)
    before = schema(database_url)

    with Timeline.open(database_url) as timeline:
        timeline.add(Actor(id="ada", kind="person", name="Ada"))
        timeline.attendance()
        assert timeline.store.head().position == 1

    found = schema(database_url)
    assert {table: found[table] for table in before} == before
    alembic("-x", f"url={database_url}", "downgrade", "base")
    assert rows(database_url, "customers") == [(1, "Ada")]
    assert rows(database_url, "alembic_version") == [("5f1c0ffee",)]
    assert not tables(database_url) & (OURS - {VERSION_TABLE})
