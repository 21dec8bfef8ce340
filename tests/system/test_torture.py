"""`scripts/torture`, in short, and that it fails where the store is broken on purpose."""

import contextlib
import hashlib
import importlib.util
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from servers import PrivateServer
from strategies import times

from timeline.log import append, database, digests
from timeline.log.follow import Batch
from timeline.log.read import End
from timeline.log.schema import events, types, upgrade
from timeline.log.store import EventStore

if sys.platform == "win32":
    pytest.skip("torture forks and kills", allow_module_level=True)

Private = Callable[..., PrivateServer]


def load() -> ModuleType:
    program = Path(__file__).parents[2] / "scripts/torture.py"
    spec = importlib.util.spec_from_file_location("torture", program)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["torture"] = module  # where the types of its classes are looked up
    spec.loader.exec_module(module)
    return module


torture = load()

only_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


# In short


def test_writers_killed_at_random_points(migrated_url: str) -> None:
    kills = times(10, 25)

    result = torture.kill(migrated_url, kills=kills, seed=1)

    assert result.counts["kill points"] == kills
    assert result.counts["batches acknowledged"] > kills


def test_followers_beside_writers_that_roll_back_and_die(migrated_url: str) -> None:
    count = times(300, 600)

    result = torture.follow(migrated_url, count=count, seed=1, writers=4, largest=60)

    assert result.counts["events followed"] >= 3 * count
    assert result.counts["rolled back"] > 0
    assert result.counts["processes killed"] > 4


def test_postgresql_stopped_in_immediate_mode(private_postgres: Private) -> None:
    server = private_postgres()

    result = torture.crash(server, new_database(server), crashes=2, seed=1)

    assert result.counts["events given out"] > 0


@only_sqlite
def test_no_room_for_more(migrated_url: str) -> None:
    result = torture.full_disk(migrated_url, rounds=3, seed=3)

    assert result.counts["times full"] == 3


def test_rows_edited_by_sql(migrated_url: str) -> None:
    torture.edit_rows(migrated_url, edits=times(48, 96), seed=1)


@only_sqlite
def test_bytes_of_the_file_changed(migrated_url: str) -> None:
    result = torture.edit_bytes(migrated_url, edits=times(75, 150), seed=8)

    assert result.counts["found, at the position"] > 10


@only_sqlite
@pytest.mark.parametrize("door", torture.doors.ON_FILES, ids=attrgetter("__name__"))
def test_doors_of_a_file(migrated_url: str, door: Callable[[str, int, int], Any]) -> None:
    _, counts = door(migrated_url, 4, 1)
    assert set(counts.values()) == {4}


@only_postgresql
@pytest.mark.parametrize("door", torture.doors.ON_SERVERS, ids=attrgetter("__name__"))
def test_doors_of_a_server(migrated_url: str, door: Callable[[str, int, int], Any]) -> None:
    _, counts = door(migrated_url, 4, 1)
    assert min(counts.values()) >= 4


def test_what_a_follower_was_given_is_held_against_the_log() -> None:
    log = [(1, b"a"), (2, b"b"), (3, b"c")]
    compare = torture.compare

    assert compare("f", log, log) == 3
    assert compare("f", log[:2], log) == 2
    for wrong, problem in [
        ([log[0], log[2]], "missed"),
        ([log[0], log[0]], "again"),
        ([log[0], log[1], log[0]], "too late"),
        ([log[0], (2, b"x")], "another event"),
        ([*log, (4, b"d")], "not in the log any more"),
    ]:
        with pytest.raises(torture.Broken, match=problem):
            compare("f", wrong, log)


def test_the_program_runs_and_shows_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/torture.db"

    with pytest.raises(SystemExit) as ended:
        torture.main([url, "--only", "kill,edit", "--kills=9", "--edits=9", "--seed=3"])

    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "kill points: 9" in shown
    assert shown.count("holds") == 3
    assert list(tmp_path.iterdir()) == []


def test_the_program_fails_at_the_first_broken_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_uncovered(monkeypatch, "stream")

    with pytest.raises(SystemExit) as ended:
        torture.main(
            [f"sqlite:///{tmp_path}/torture.db", "--only=edit,kill", "--edits=48", "--seed=1"]
        )

    shown = capsys.readouterr().out
    assert ended.value.code == 1
    assert "BROKEN" in shown
    assert "kill" not in shown
    assert (tmp_path / "torture-edit.db").exists()


# With the store broken on purpose. The processes are forked, so they inherit what is broken here.
# What is seen of it is the same on either database, so one is enough where both can be broken so.


def new_database(server: PrivateServer) -> str:
    url = server.create_database()
    engine = database.create_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


def unconstrain(url: str) -> None:
    """Make the table again with its columns alone: no key, no unique constraint, no trigger."""
    columns = [sa.Column(each.name, each.type, nullable=each.nullable) for each in events.c]
    bare = sa.Table(events.name, sa.MetaData(schema=events.schema), *columns)
    engine = database.create_engine(url)
    with engine.begin() as connection:
        cascade = " CASCADE" if database.is_postgresql(engine) else ""
        connection.exec_driver_sql(f"DROP TABLE timeline_events{cascade}")
        bare.create(connection)
    engine.dispose()


def unlock_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the end of SQLite's log before it is locked, and do not look again."""

    def append_unlocked(self: EventStore, drafts: Any, expected: Any, progress: Any) -> Any:
        at = self.head()
        self.wait(after=at.position, timeout=0.02)  # for another writer, if there is one
        monkeypatch.setattr(append, "take_end", lambda *_: End(at.position, at.digest, 0))
        with database.writing_directly(self.engine) as driver:
            return self._write(driver, drafts, expected, progress)

    monkeypatch.setattr(append, "_written_at_once", lambda *_: None)
    monkeypatch.setattr(EventStore, "_append", append_unlocked)


def share_the_head(url: str) -> None:
    """Let PostgreSQL's writers read the head without a lock, and wait for one another a little."""
    lock = "FOR UPDATE;"
    engine = database.create_engine(url)
    with engine.begin() as connection:
        find = "SELECT pg_get_functiondef('timeline.timeline_append'::regproc)"
        definition = connection.exec_driver_sql(find).scalar_one()
        assert definition.count(lock) == 1
        connection.exec_driver_sql(definition.replace(lock, "; PERFORM pg_sleep(0.005);"))
    engine.dispose()


def know_the_type(url: str) -> None:
    """Number the type of the torture's events, so that no two writers do so at once."""
    engine = database.create_engine(url)
    with engine.begin() as connection:
        connection.execute(types.insert().values(id=1, name="Struck", version=1))
    engine.dispose()


def leave_uncovered(monkeypatch: pytest.MonkeyPatch, column: str) -> None:
    covered, place = digests.covered, digests.ENVELOPE.index(column)

    def uncovering(*columns: Any) -> bytes:
        return covered(*columns[:place], None, *columns[place + 1 :])

    monkeypatch.setattr(digests, "covered", uncovering)


def hesitate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass between the commit and the word of it, so that many die in between."""
    said = torture.Say.__call__
    enough = 0.05  # more than an append takes, also on a busy machine

    def say(self: Any, what: object) -> None:
        time.sleep(enough)
        said(self, what)

    monkeypatch.setattr(torture, "LAST_BREATH", enough)
    monkeypatch.setattr(torture.Say, "__call__", say)


def only_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "_written_at_once", lambda *_: None)
    monkeypatch.setattr(append, "append_one", lambda *_: None)


@only_sqlite
def test_the_end_of_the_log_not_locked(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unlock_the_head(monkeypatch)

    with pytest.raises(torture.Broken, match="DatabaseError"):  # the constraints refuse it
        torture.kill(migrated_url, kills=25, seed=1)


@only_postgresql  # SQLite's other writers give up where the machine is busy
def test_the_head_row_not_locked_and_no_constraint_to_refuse_it(migrated_url: str) -> None:
    unconstrain(migrated_url)
    share_the_head(migrated_url)
    know_the_type(migrated_url)

    with pytest.raises(torture.Broken, match=r"follows|is next|was given"):
        torture.follow(migrated_url, count=300, seed=1, writers=4, largest=60)


@only_postgresql
def test_the_head_row_read_without_for_update(migrated_url: str) -> None:
    share_the_head(migrated_url)

    with pytest.raises(torture.Broken, match=r"UniqueViolation|duplicate key"):
        torture.kill(migrated_url, kills=25, seed=1)


@only_sqlite
def test_ids_not_unique(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unconstrain(migrated_url)
    only_the_long_way(monkeypatch)
    hesitate(monkeypatch)
    monkeypatch.setattr(append, "_recorded_before", lambda *_: {})

    with pytest.raises(torture.Broken, match="twice"):
        torture.kill(migrated_url, kills=25, seed=1)


@only_sqlite
def test_versions_not_unique(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unconstrain(migrated_url)
    only_the_long_way(monkeypatch)
    nothing = (0, None)
    monkeypatch.setattr(append, "last_events", lambda *looked: dict.fromkeys(looked[-1], nothing))

    with pytest.raises(torture.Broken, match="has version 1, and"):
        torture.kill(migrated_url, kills=10, seed=1)


@only_sqlite
def test_a_subscription_that_notes_its_place_too_early(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = EventStore.batch
    # Whether a kill falls in between is chance; that every second batch comes to nothing is not.
    cut_off = itertools.cycle((True, False))

    @contextlib.contextmanager
    def early(self: EventStore, subscription: str) -> Iterator[Batch]:
        with batch(self, subscription) as taken:
            pass
        with database.writing(self.engine) as connection:
            yield Batch(connection, taken.events)
            if taken.events and next(cut_off):
                raise torture._RolledBack

    monkeypatch.setattr(EventStore, "batch", early)
    monkeypatch.setattr(torture, "QUIET", 2.0)

    with pytest.raises(torture.Broken, match=r"the subscription was given|followers stay"):
        torture.follow(migrated_url, count=400, seed=1, writers=4, largest=60)


@only_sqlite
def test_the_chain_not_covering_a_column(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_uncovered(monkeypatch, "occurred")

    with pytest.raises(torture.Broken, match=r"^occurred from .* verify says None"):
        torture.edit_rows(migrated_url, edits=48, seed=1)


@only_sqlite
def test_the_chain_not_covering_the_words_beside_the_data(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body_digest(salt: bytes, evidence: str, data: str, metadata: str | None = None) -> bytes:
        return hashlib.sha256(salt + data.encode()).digest()

    monkeypatch.setattr(digests, "body_digest", body_digest)

    with pytest.raises(torture.Broken, match=r"^(evidence|metadata) from .* verify says None"):
        torture.edit_rows(migrated_url, edits=48, seed=1)


@only_sqlite
def test_a_file_that_is_never_checked(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "verify", lambda *_, **__: None)

    with pytest.raises(torture.Broken, match="rows have changed, and verify finds nothing"):
        torture.edit_bytes(migrated_url, edits=100, seed=1)


def test_commits_that_nobody_waits_for(
    private_postgres: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_FLUSH", "SELECT 1")
    only_the_long_way(monkeypatch)
    # What nobody waits for is written after this time, or never if the server crashes before.
    server = private_postgres(wal_writer_delay="10s")

    with pytest.raises(torture.Broken, match=r"acknowledged|the log"):
        torture.crash(server, new_database(server), crashes=5, seed=1, manners=(torture.AT_ONCE,))
