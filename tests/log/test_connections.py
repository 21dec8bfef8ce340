"""Connections that are not to be shared, files that may only be read, and options of the driver."""

import contextlib
import io
import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from timeline import Actor, InvalidInput, NotFound, Timeline
from timeline.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnreachable,
    LogDamaged,
    TimelineError,
)
from timeline.log import database
from timeline.log.database import create_engine

OTHER_USER = 65534

needs_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can work as another user"
)


def test_a_record_in_memory_is_for_one_thread() -> None:
    problems: list[str] = []

    def work(record: Timeline) -> None:
        for attempt in (record.actors, lambda: record.add(Actor("bob", "person", "Bob"))):
            try:
                attempt()
            except InvalidInput as error:
                problems.append(str(error))

    with Timeline.open("sqlite://") as record:
        record.add(Actor("ann", "person", "Ann"))
        thread = threading.Thread(target=work, args=[record])
        thread.start()
        thread.join()

        assert len(problems) == 2
        assert "for the thread that opened it. Use a file" in problems[0]
        assert record.verify().position == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_does_not_share_connections(migrated_url: str) -> None:
    with Timeline.open(migrated_url) as record:
        record.add(Actor("ann", "person", "Ann"))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                record.add(Actor("bob", "person", "Bob"))
            except TimelineError as error:
                os.write(writer, str(error).encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader) as told:
            assert "forked from it. Open the record again in each process" in told.read()

        record.add(Actor("cy", "person", "Cy"))
        assert record.verify().position == 2


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed")
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "removed"])
def test_nothing_is_written_to_a_file_that_is_no_longer_there(
    tmp_path: Path, mode: str, replaced: bool
) -> None:
    """SQLite would write to it all the same, and what it wrote would be lost."""
    path = tmp_path / "record.db"
    with Timeline.open(path) as record:
        with database.autocommitting(record.store.engine) as connection:
            connection.exec_driver_sql(f"PRAGMA journal_mode = {mode}")
        record.add(Actor("ann", "person", "Ann"))
        with Timeline.open(tmp_path / "other.db") as other:
            other.add(Actor("cy", "person", "Cy"))
        for file in tmp_path.glob("record.db*"):
            file.unlink()
        if replaced:
            (tmp_path / "other.db").rename(path)

        for work in (lambda: record.add(Actor("bob", "person", "Bob")), record.actors):
            with pytest.raises(
                DatabaseError, match=r"record\.db: the file was removed or replaced"
            ):
                work()

    assert path.exists() == replaced
    with Timeline.open(path) as record:
        assert [event.stream for event in record.store.read_all()] == ["actor-cy"] * replaced


def test_one_connection_is_enough_for_a_view_and_a_batch(migrated_url: str) -> None:
    """Threads that hold all connections of the pool must not wait for each other."""
    with Timeline.open(migrated_url) as record, contextlib.ExitStack() as others:
        record.add(Actor("ann", "person", "Ann"))
        record.actors()
        for _ in range(14):  # the pool has 15
            others.enter_context(record.store.engine.connect())

        assert len(record.actors().actors) == 1
        with record.store.batch("mailer") as batch:
            assert len(batch.events) == 1
        record.export_log(io.BytesIO())


def test_on_a_full_disk_reading_goes_on(tmp_path: Path) -> None:
    def add(number: int) -> int:
        people = [Actor(f"a{number}-{n}", "person", "x" * 90) for n in range(50)]
        return record.add(*people).position

    def fill() -> int:
        return max(map(add, itertools.count(1)))

    with Timeline.open(tmp_path / "record.db") as record:
        add(0)
        with record.store.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            (pages,) = driver.execute("PRAGMA page_count").fetchone()
            driver.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DatabaseFull, match="no room is left"):
            fill()
        assert record.verify().position == record.store.head().position

        # The rows are behind, and cannot be kept up.
        end = record.store.head().position
        assert len(record.actors().actors) == end
        assert len(list(record.log())) == end


def test_a_record_may_be_opened_without_migrating(database_url: str) -> None:
    with pytest.raises(NotFound, match=r"holds no record\. `timeline init`"):
        Timeline.open(database_url, migrate=False)
    if database_url.startswith("sqlite"):
        assert not Path(database_url.removeprefix("sqlite:///")).exists()

    with Timeline.open(database_url) as timeline:
        timeline.add(Actor("ann", "person", "Ann"))
    with Timeline.open(database_url, migrate=False) as timeline:
        assert len(timeline.actors().actors) == 1
        with database.writing(timeline.store.engine) as connection:
            connection.exec_driver_sql("UPDATE timeline_version SET version_num = '0000'")
    with pytest.raises(DatabaseTooNew, match="has schema '0000'; this version of timeline needs"):
        Timeline.open(database_url, migrate=False)


def test_built_in_projections_may_be_left_out(migrated_url: str) -> None:
    with Timeline.open(migrated_url, builtins=False) as timeline:
        timeline.add(Actor("ann", "person", "Ann"))
        assert timeline.status() == []
        with timeline.view() as view:
            assert view.head.position == 1
        for record in (timeline, timeline.as_of(position=1)):
            with pytest.raises(InvalidInput, match=r"keeps rows of ActorRow.*builtins=False"):
                record.actors()


def test_records_share_an_engine_and_its_pool(migrated_url: str) -> None:
    engine = create_engine(migrated_url, pool_size=2, max_overflow=0, pool_timeout=0.1)
    with Timeline.open(engine) as one, Timeline.open(engine, migrate=False) as other:
        one.add(Actor("ann", "person", "Ann"))
        assert len(other.actors().actors) == 1
        with (
            engine.connect(),
            engine.connect(),
            pytest.raises(DatabaseBusy, match="all connections of the pool were in use"),
        ):
            one.add(Actor("bob", "person", "Bob"))
    with engine.connect() as connection:  # to close a record leaves the engine open
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


def test_an_engine_of_other_making_is_refused() -> None:
    engine = sa.create_engine("sqlite://")
    with pytest.raises(InvalidInput, match=r"timeline\.log\.database\.create_engine made"):
        Timeline.open(engine)


def test_a_log_that_was_emptied_is_not_opened_under_its_seal(new_database: Any) -> None:
    url = new_database(migrated=True)
    with Timeline.open(url) as record:
        record.add(Actor("ann", "person", "Ann"))
        seal = record.seal()
        record.add(Actor("bob", "person", "Bob"))
    Timeline.open(url, seal=seal).close()

    with pytest.raises(LogDamaged, match="the log ends here, and was sealed at 1"):
        Timeline.open(new_database(), seal=seal)
    other = new_database(migrated=True)
    with Timeline.open(other) as record:
        record.add(Actor("cy", "person", "Cy"))
    with pytest.raises(LogDamaged):
        Timeline.open(other, seal=seal)


def test_what_somebody_dropped_is_noticed_on_opening(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Timeline.open(migrated_url) as record:
        record.add(Actor("ann", "person", "Ann"))
        assert caplog.messages == []
        on = "" if record.store.engine.dialect.name == "sqlite" else " ON timeline.timeline_events"
        with record.store.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER timeline_keep_update{on}")
    with Timeline.open(migrated_url) as record:
        (message,) = caplog.messages
        assert "the trigger timeline_keep_update of the log is gone" in message
        assert len(record.problems()) == 1


def as_other_user(folder: Path, code: str) -> str:
    """What a user prints who may write nothing in the folder."""
    # Modules are imported first: the user may not be allowed to read them.
    script = f"""
import contextlib, os, sys
from timeline import Actor, Timeline
from timeline.errors import TimelineError
with Timeline.open("sqlite://") as record:
    record.add(Actor("ann", "person", "Ann"))
    record.actors()
with contextlib.suppress(TimelineError):
    Timeline.open("/nowhere/record.db")
os.setuid({OTHER_USER})
{code}"""
    done = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{folder}/record.db"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


READ_AND_APPEND = """
try:
    with Timeline.open(sys.argv[1]) as record:
        print([actor.name for actor in record.actors().actors])
        record.add(Actor("bob", "person", "Bob"))
except TimelineError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    """A folder in which others may only read."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    return tmp_path


@needs_root
def test_a_record_that_may_only_be_read_is_read(readable: Path) -> None:
    with Timeline.open(readable / "record.db") as record:
        record.add(Actor("ann", "person", "Ann"))

    told = as_other_user(readable, READ_AND_APPEND)

    assert told.startswith("['Ann']")
    assert DatabaseReadOnly.__name__ in told
    assert "Copy the record to a folder where you may write" in told
    assert sorted(path.name for path in readable.iterdir()) == ["record.db"]


@needs_root
def test_a_record_in_a_folder_that_may_not_be_entered_says_what_to_do(readable: Path) -> None:
    inner = readable / "inner"
    inner.mkdir(0o700)
    with Timeline.open(inner / "record.db") as record:
        record.add(Actor("ann", "person", "Ann"))

    told = as_other_user(inner, READ_AND_APPEND)

    assert told.startswith(DatabaseUnreachable.__name__)
    assert "cannot be opened" in told


@needs_root
def test_a_record_with_a_log_of_writes_that_cannot_be_opened_says_what_to_do(
    readable: Path,
) -> None:
    with Timeline.open(readable / "record.db") as record:
        record.add(Actor("ann", "person", "Ann"))
        wal = (readable / "record.db-wal").read_bytes()
    (readable / "record.db-wal").write_bytes(wal)

    told = as_other_user(readable, READ_AND_APPEND)

    assert told.startswith(DatabaseUnreachable.__name__)
    assert "copy the file, and the -wal beside it, to a folder where you may" in told


def test_a_threshold_is_a_number_or_none() -> None:
    url = "postgresql://ann@nowhere.example/record?prepare_threshold="
    for text in ("none", "0", "7"):
        create_engine(url + text)
    with pytest.raises(InvalidInput, match="prepare_threshold: expected a number or none"):
        create_engine(url + "many")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_record_is_kept_without_prepared_statements(migrated_url: str) -> None:
    mark = "&" if "?" in migrated_url else "?"
    with Timeline.open(f"{migrated_url}{mark}prepare_threshold=none") as record:
        for number in range(8):
            record.add(Actor(f"a{number}", "person", "Ann"))
        with record.store.engine.connect() as connection:
            prepared = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
            assert prepared.scalar() == 0


def test_a_file_that_another_makes_at_this_moment_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, access = tmp_path / "record.db", os.access

    def access_then_made(path: str | Path, mode: int) -> bool:
        answer = access(path, mode)
        file.touch()
        return answer

    monkeypatch.setattr(os, "access", access_then_made)

    with Timeline.open(file) as record:
        assert record.add(Actor("ann", "person", "Ann")).position == 1
