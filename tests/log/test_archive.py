"""The archive: the log in Parquet files, true to its digests, and never a half file."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st
from strategies import RECORDED, WHENS, examples

from timeline import Actor, EventCorrected, InvalidInput, NotFound, Source, StatementMade, Timeline
from timeline.cli import cli
from timeline.dates import bounds_of, stamp
from timeline.errors import ArchiveDamaged, LogDamaged
from timeline.log.archive import Archive, arrow_table, stored_rows
from timeline.log.digests import Head
from timeline.log.schema import Stored, events

WORDS = "What nobody may read any more."


@pytest.fixture
def record(migrated_url: str) -> Iterator[Timeline]:
    with Timeline.open(migrated_url) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def archived(tmp_path: Path) -> Iterator[tuple[Timeline, Path]]:
    """A record of nine events, and an archive of it in files of four."""
    with Timeline.open(f"sqlite:///{tmp_path}/record.db") as opened:
        fill(opened)
        opened.archive(tmp_path / "archive", rows_per_file=4)
        yield opened, tmp_path / "archive"


def fill(record: Timeline) -> None:
    record.add(Actor("ann", "person", "Ann"), Source("paper", publisher="ann", title="Daily"))
    for number, date in enumerate([None, "2022-11-28", "XXXX-12-26", "2022-11~", "9999", "0001"]):
        say(record, f"said-{number}", occurred=date)
    record.append(EventCorrected(["said-1"], "Misheard.", {"text": "Да 👍"}))


def say(record: Timeline, id: str, text: str = "Yes.", occurred: str | None = None) -> None:
    record.append(StatementMade("ann", text), id=id, occurred=occurred, source="paper")


def in_the_log(record: Timeline) -> list[Stored]:
    return list(record.store.stored())


def names(folder: Path) -> list[str]:
    """What is in a folder, but for the list of an archive's files."""
    return sorted(path.name for path in folder.iterdir() if path.name != "files.sha256")


def file(first: int) -> str:
    return f"events-{first:020}.parquet"


# What is in it


def test_it_holds_the_log_to_the_byte(record: Timeline, tmp_path: Path) -> None:
    done = record.archive(tmp_path / "a", rows_per_file=4)

    archive = Archive(tmp_path / "a")
    assert list(archive.rows()) == in_the_log(record)
    assert (done.head, done.added) == (record.store.head(), 9)
    assert archive.verify() == archive.head() == record.store.head()
    assert names(tmp_path / "a") == [file(1), file(5), file(9)]


@given(st.lists(st.tuples(st.none() | WHENS, RECORDED), min_size=1, max_size=5))
@examples(30)
def test_instants_come_back_as_the_log_writes_them(dates: list[tuple[Any, Any]]) -> None:
    rows = []
    for number, (date, recorded) in enumerate(dates, start=1):
        known = {"event_id": "e", "stream": "meeting-x-1", "version": 1, "type": "T"}
        body = {"evidence": "[]", "data": "{}", "salt": b"s" * 16, "redacted": None}
        known["metadata"] = None
        text = None if date is None else date.text
        bounds = dict(
            zip(
                ("occurred_from", "occurred_to"),
                bounds_of(text) if text else (None, None),
                strict=True,
            )
        )
        place = {"position": number, "type_version": 1, "digest": b"d" * 32, "occurred": text}
        recorded_at = stamp(recorded)
        rows.append(Stored(**known, **body, **bounds, **place, recorded_at=recorded_at))
    table = arrow_table(rows)

    assert list(stored_rows(table)) == rows
    assert set(table["category"].to_pylist()) == {"meeting"}


def test_any_stretch_of_it_can_be_read(archived: tuple[Timeline, Path]) -> None:
    record, folder = archived
    log = in_the_log(record)

    for after in range(10):
        for until in range(after, 11):
            assert list(Archive(folder).rows(after=after, until=until)) == log[after:until]


def test_duckdb_and_polars_read_it_with_typed_columns(archived: tuple[Timeline, Path]) -> None:
    _, folder = archived
    query = f"""
        SELECT event_id, year(occurred_from), data->>'text' FROM '{folder}/*.parquet'
        WHERE category = 'statement' AND occurred_from >= '2022-01-01' ORDER BY position
    """
    expected = [("said-1", 2022, "Yes."), ("said-3", 2022, "Yes."), ("said-4", 9999, "Yes.")]

    assert duckdb.sql(query).fetchall() == expected
    frame = polars.read_parquet(f"{folder}/*.parquet")
    assert frame["position"].to_list() == list(range(1, 10))
    assert frame.schema["recorded_at"] == polars.Datetime("us", "UTC")


# Bringing it up to date


def test_a_second_run_adds_what_is_new_and_no_event_is_in_two_files(
    archived: tuple[Timeline, Path],
) -> None:
    record, folder = archived
    assert record.archive(folder).files == ()

    for number in range(10, 13):
        say(record, f"later-{number}")
        done = record.archive(folder)

        assert (done.added, done.files) == (1, (file(9),))
        assert list(Archive(folder).rows()) == in_the_log(record)
    say(record, "beyond")
    assert record.archive(folder).files == (file(13),)
    assert names(folder) == [file(first) for first in (1, 5, 9, 13)]
    Archive(folder).verify(seal=record.store.head())


def test_what_was_taken_down_leaves_the_archive_at_the_next_run(
    archived: tuple[Timeline, Path],
) -> None:
    record, folder = archived
    say(record, "slander", WORDS)
    record.archive(folder)
    before = record.seal()
    say(record, "after")
    say(record, "long-after")
    record.archive(folder)
    record.redact("slander", reason="A court said so.")
    assert WORDS in str(list(Archive(folder).rows()))

    done = record.archive(folder)

    assert WORDS not in str(list(Archive(folder).rows()))
    assert file(9) in done.files
    assert Archive(folder).verify(seal=Head.of_seal(before)) == record.store.head()
    assert record.archive(folder).files == ()


def test_what_is_taken_down_meanwhile_is_told_in_it(record: Timeline, tmp_path: Path) -> None:
    def take_down(position: int, _end: int) -> None:
        if position == 4 and record.redact("said-5", reason="A court said so."):
            say(record, "after")

    done = record.archive(tmp_path / "archive", rows_per_file=4, progress=take_down)

    assert Archive(tmp_path / "archive").verify() == done.head == record.store.head()
    assert sorted(done.files) == names(tmp_path / "archive") == [file(1), file(5), file(9)]
    assert done.added == 11


def test_any_address_of_fsspec_will_do(archived: tuple[Timeline, Path]) -> None:
    record, folder = archived
    target = f"memory://{folder.parent.name}/archive"

    record.archive(target, rows_per_file=4)
    say(record, "later")
    record.archive(target)

    assert list(Archive(target).rows()) == in_the_log(record)
    assert Archive(target).verify() == record.store.head()
    fsspec.filesystem("memory").rm(f"/{folder.parent.name}", recursive=True)


KILLED_WHILE_WRITING = """
import os, signal, sys
import pyarrow.parquet as pq
from timeline import Timeline

written, write = [], pq.ParquetWriter.write_table
def dying(*given, **named):
    write(*given, **named)
    written.append(1)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
pq.ParquetWriter.write_table = dying
with Timeline.open(sys.argv[1]) as record:
    record.archive(sys.argv[2], rows_per_file=4)
"""


def test_a_run_that_is_killed_leaves_no_half_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    with Timeline.open(url) as record:
        fill(record)
        folder = tmp_path / "archive"
        argv = [sys.executable, "-c", KILLED_WHILE_WRITING, url, str(folder)]
        killed = subprocess.run(argv, check=False, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr

        assert len(names(folder)) == 3  # two whole ones, and a hidden one
        assert duckdb.sql(f"SELECT count(*) FROM '{folder}/*.parquet'").fetchall() == [(8,)]
        assert Archive(folder).verify().position == 8

        assert record.archive(folder).added == 1
        assert names(folder) == [file(1), file(5), file(9)]
        assert list(Archive(folder).rows()) == in_the_log(record)


KILLED_WHILE_PLACING = """
import os, signal, sys
from pathlib import Path
from timeline import Timeline

replace = Path.replace
def dying(hidden, final):
    if final.name == "events-00000000000000000009.parquet" and sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    replace(hidden, final)
    if final.name == "events-00000000000000000009.parquet":
        os.kill(os.getpid(), signal.SIGKILL)
Path.replace = dying
with Timeline.open(sys.argv[1]) as record:
    record.archive(sys.argv[2])
"""


KILLED_ON_THE_WAY = """
import os, signal, sys
from timeline.log.archive import Archive
log, part = map(Archive, sys.argv[1:])
with part.begun(2) as (size, digests), part.scratch() as folder:
    for first in (1, 3):
        digests |= part.write_file(first, log.tables(after=first - 1, until=first - 1 + size))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_part_of_a_log_that_no_database_has_does_not_pass_for_all_of_it(
    archived: tuple[Timeline, Path], tmp_path: Path
) -> None:
    part = tmp_path / "part"
    argv = [sys.executable, "-c", KILLED_ON_THE_WAY, str(archived[1]), str(part)]
    killed = subprocess.run(argv, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(Archive(part).files()) == 2

    for use in (Archive(part).verify, lambda: next(Archive(part).rows())):
        with pytest.raises(ArchiveDamaged, match="it was not finished"):
            use()
    with pytest.raises(InvalidInput, match="an archive that was not finished: remove it"):
        Archive(part).require_none()
    for name in Archive(part).files().values():
        Path(part, name).unlink()
    with pytest.raises(NotFound, match="no events"), Archive(part).begun():
        assert [place.name for place in part.iterdir()] == ["files.sha256"]
    assert [*part.iterdir()] == []


KILLED_WITH_PROCESSES = """
import os, signal
from timeline.log.archive import Processes
with Processes(2) as processes:
    assert [*processes.each(abs, range(-9, 0))] == [*range(9, 0, -1)]
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_processes_of_a_run_that_is_killed_end_with_it() -> None:
    argv = [sys.executable, "-c", KILLED_WITH_PROCESSES]
    # The pipes that it waits for are closed once all of them have ended.
    killed = subprocess.run(argv, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_killed_while_it_replaces_a_file_damages_nothing(
    tmp_path: Path, when: str
) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    with Timeline.open(url) as record:
        fill(record)
        folder = tmp_path / "archive"
        record.archive(folder, rows_per_file=4)
        say(record, "later")
        argv = [sys.executable, "-c", KILLED_WHILE_PLACING, url, str(folder), when]
        assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL

        assert Archive(folder).verify().position == (9 if when == "before" else 10)
        record.archive(folder)
        assert Archive(folder).verify() == record.store.head()
        assert len((folder / "files.sha256").read_text().splitlines()) == 5


def test_a_log_that_is_not_sound_is_not_archived(archived: tuple[Timeline, Path]) -> None:
    record, folder = archived
    with record.store.engine.begin() as connection:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in connection.exec_driver_sql(triggers).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.execute(sa.update(events).where(events.c.position == 6).values(occurred="2021"))

    with pytest.raises(LogDamaged) as error:
        record.archive(folder.parent / "other", rows_per_file=4)

    assert error.value.position == 6
    assert names(folder.parent / "other") == [file(1)]


def test_it_is_of_one_log(archived: tuple[Timeline, Path], tmp_path: Path) -> None:
    _, folder = archived
    with Timeline.open(f"sqlite:///{tmp_path}/other.db") as other:
        with pytest.raises(InvalidInput, match="goes to position 9, the log to 0"):
            other.archive(folder)
        fill(other)
        with pytest.raises(InvalidInput, match="differ at position 9 or before"):
            other.archive(folder)


def test_what_cannot_be_an_archive_is_refused_by_name(
    archived: tuple[Timeline, Path], tmp_path: Path
) -> None:
    record, folder = archived
    with pytest.raises(InvalidInput, match=r"files of 4 rows.*found 5"):
        record.archive(folder, rows_per_file=5)
    with pytest.raises(InvalidInput, match="rows_per_file: expected a whole number from 1"):
        record.archive(tmp_path / "new", rows_per_file=0)
    with pytest.raises(InvalidInput, match="nosuch"):
        record.archive("nosuch://place")
    with pytest.raises(NotFound, match="no archive is at"):
        Archive(tmp_path / "nowhere").verify()
    pq.write_table(pa.table({"position": [1]}), folder / file(1))
    listed(folder)
    with pytest.raises(ArchiveDamaged, match="columns are not those of an archive"):
        Archive(folder).verify()


@pytest.mark.parametrize("place", ["file", "/proc/none", "file/beneath"])
def test_a_place_that_cannot_be_written_is_named(
    archived: tuple[Timeline, Path], tmp_path: Path, place: str
) -> None:
    record, _ = archived
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=f"cannot write the archive to .*{place}: "):
        record.archive(tmp_path / place)


class Refusing(MemoryFileSystem):
    """A store whose errors are no errors of the system."""

    protocol = "refusing"

    def pipe_file(self, *_given: Any, **_named: Any) -> None:
        raise RuntimeError("403 Forbidden")


class Closed(Refusing):
    """One that shows nothing either."""

    protocol = "closed"

    def ls(self, *_given: Any, **_named: Any) -> list[str]:
        raise RuntimeError("401 Unauthorized")


def test_a_store_that_refuses_is_told_of(archived: tuple[Timeline, Path]) -> None:
    record, _ = archived
    for store in (Refusing, Closed):
        fsspec.register_implementation(store.protocol, store, clobber=True)
    with pytest.raises(InvalidInput, match=r"cannot write the archive to .*: 403 Forbidden"):
        record.archive("refusing://place")
    with pytest.raises(InvalidInput, match=r"cannot look for an archive at .*: 401 Unauth"):
        record.archive("closed://place")


def test_of_an_empty_log_there_is_no_archive(tmp_path: Path) -> None:
    database = ["--db", f"sqlite:///{tmp_path}/empty.db"]
    CliRunner().invoke(cli, [*database, "init"])
    made = CliRunner().invoke(cli, [*database, "archive", str(tmp_path / "kept")])
    assert made.exit_code == 1
    assert "the log is empty: nothing was archived yet" in made.output
    assert CliRunner().invoke(cli, ["verify", str(tmp_path / "kept")]).exit_code == 1
    assert not (tmp_path / "kept").exists()


def test_a_folder_with_other_parquet_files_is_refused(archived: tuple[Timeline, Path]) -> None:
    record, folder = archived
    (folder / "notes.txt").touch()
    record.archive(folder)
    pq.write_table(pa.table({"x": [1]}), folder / "other.parquet")
    for use in (lambda: record.archive(folder), Archive(folder).verify):
        with pytest.raises(InvalidInput, match=r"found other\.parquet\. Move it away"):
            use()


def test_an_empty_name_is_not_the_current_folder(archived: tuple[Timeline, Path]) -> None:
    record, _ = archived
    with pytest.raises(InvalidInput, match="found an empty name"):
        record.archive("")
    with pytest.raises(InvalidInput, match="found an empty name"):
        record.site("")
    with pytest.raises(InvalidInput, match="expected a file to write; found an empty name"):
        record.export_log("")


# Verifying the archive alone


def listed(folder: Path) -> None:
    """List the digests of the files as they are now, as `sha256sum` would."""
    path = folder / "files.sha256"
    lines = [path.read_text().splitlines()[0]]
    digests = {name: hashlib.sha256((folder / name).read_bytes()) for name in names(folder)}
    lines += [f"{digest.hexdigest()}  {name}" for name, digest in digests.items()]
    text = "".join(f"{line}\n" for line in lines)
    path.write_text(f"{text}# {hashlib.sha256(text.encode()).hexdigest()}\n")


def rewritten(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    listed(path.parent)


OTHER = {
    "position": 12,
    "version": 7,
    "type_version": 7,
    "occurred": "2021",
    "occurred_from": datetime(2021, 1, 1, tzinfo=UTC),
    "occurred_to": datetime(2021, 1, 1, tzinfo=UTC),
    "recorded_at": datetime(2021, 1, 1, tzinfo=UTC),
    "salt": b"x" * 16,
    "redacted": b"x" * 32,
    "digest": b"x" * 32,
}


@pytest.mark.parametrize("column", [*Stored._fields, "category"])
def test_whatever_is_changed_in_a_file_is_found_with_its_name(
    archived: tuple[Timeline, Path], column: str
) -> None:
    _, folder = archived
    rewritten(folder / file(5), lambda rows: rows[1].update({column: OTHER.get(column, "{}")}))

    with pytest.raises(ArchiveDamaged, match=file(5)) as error:
        Archive(folder).verify()
    assert error.value.position == 6


def test_rows_and_files_that_are_missing_or_added_are_found(
    archived: tuple[Timeline, Path],
) -> None:
    record, folder = archived
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    seal = record.store.head()

    def damages() -> Iterator[tuple[int, Callable[[], object]]]:
        yield 7, lambda: rewritten(folder / file(5), lambda rows: rows.pop(2))
        yield 7, lambda: rewritten(folder / file(5), lambda rows: rows.insert(2, rows[1]))
        yield 5, (folder / file(5)).unlink
        yield 1, (folder / file(1)).unlink
        yield 9, lambda: (folder / file(9)).write_bytes(whole[folder / file(9)][:-20])
        yield 5, lambda: (folder / file(5)).write_bytes(b"")
        yield 9, (folder / file(9)).unlink  # found by the seal alone

    for position, damage in damages():
        damage()
        with pytest.raises(ArchiveDamaged) as error:
            Archive(folder).verify(seal=seal)
        assert error.value.position == position
        for path, content in whole.items():
            path.write_bytes(content)
        assert Archive(folder).verify(seal=seal) == seal


def test_every_bit_of_an_archive_counts(archived: tuple[Timeline, Path]) -> None:
    _, folder = archived
    draw = random.Random(20221128)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for place in sorted(draw.sample(range(len(whole)), 40)):
            changed = bytearray(whole)
            changed[place] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            with pytest.raises(ArchiveDamaged, match=path.name):
                Archive(folder).verify()
        path.write_bytes(whole)
    Archive(folder).verify()


def test_a_file_that_was_added_or_whose_list_is_gone_is_found(
    archived: tuple[Timeline, Path],
) -> None:
    record, folder = archived
    (folder / file(13)).write_bytes((folder / file(9)).read_bytes())
    with pytest.raises(ArchiveDamaged, match=file(13)):
        Archive(folder).verify()
    (folder / file(13)).unlink()

    (folder / "files.sha256").unlink()
    with pytest.raises(ArchiveDamaged, match=r"files\.sha256, is missing"):
        Archive(folder).verify()
    with pytest.raises(ArchiveDamaged, match="archive to another place"):
        record.archive(folder)


def test_others_can_check_the_list_too(archived: tuple[Timeline, Path]) -> None:
    _, folder = archived
    argv = ["sha256sum", "--check", "--strict", "--quiet", "files.sha256"]
    subprocess.run(argv, cwd=folder, check=True)


@pytest.mark.parametrize("first", [1, 5, 9])
def test_a_damaged_file_is_named_and_made_again(
    archived: tuple[Timeline, Path], first: int
) -> None:
    record, folder = archived
    url = str(record.store.engine.url)
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    damaged = folder / file(first)
    damaged.write_bytes(whole[damaged][:-20])

    checked = CliRunner().invoke(cli, ["verify", str(folder)])
    assert checked.exit_code == 1
    assert f"the archive's file {damaged} is damaged" in checked.output
    assert "delete it and run `timeline archive` again" in checked.output
    if first == 9:  # an archive is gone on with by its last file
        again = CliRunner().invoke(cli, ["--db", url, "archive", str(folder)])
        assert again.exit_code == 1
        assert f"the archive's file {damaged} is damaged" in again.output

    damaged.unlink()
    assert CliRunner().invoke(cli, ["--db", url, "archive", str(folder)]).exit_code == 0
    assert CliRunner().invoke(cli, ["verify", str(folder)]).exit_code == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == whole


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    archived: tuple[Timeline, Path],
) -> None:
    _, folder = archived
    (folder / file(5)).unlink()
    (folder / file(5)).mkdir()
    with pytest.raises(InvalidInput, match=f"cannot read .*{file(5)}: .*directory"):
        Archive(folder).verify()


def test_several_processes_verify_what_one_does(archived: tuple[Timeline, Path]) -> None:
    record, folder = archived
    (first, *_) = record.store.read_all()
    record.redact(first.id, reason="asked to")
    record.archive(folder)
    reached: list[tuple[int, int]] = []

    head = Archive(folder).verify(
        seal=record.store.head(), workers=2, progress=lambda *at: reached.append(at)
    )

    assert head == record.store.head() == Archive(folder).verify()
    assert reached[-1] == (head.position, head.position)
    whole = (folder / file(5)).read_bytes()
    (folder / file(5)).write_bytes(whole[:-9] + bytes(9))
    with pytest.raises(ArchiveDamaged) as damaged:
        Archive(folder).verify(workers=2)
    assert (damaged.value.position, damaged.value.file) == (5, file(5))


def test_the_commands_make_and_verify_it(
    archived: tuple[Timeline, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, _ = archived
    monkeypatch.chdir(tmp_path)
    url = str(record.store.engine.url)

    made = CliRunner().invoke(cli, ["--db", url, "archive", "kept", "--rows-per-file", "5"])
    assert made.output == (
        f"9 events added, 2 files written; the archive ends at {record.seal()}\n"
    )
    # Without a database: the one named is not there.
    alone = ["--db", f"sqlite:///{tmp_path}/none.db", "verify", "kept", "--seal", record.seal()]
    sound = CliRunner().invoke(cli, alone)
    assert sound.output == "9 events verified, true to their digests and to the seal.\n"
    (tmp_path / "kept" / file(6)).unlink()
    cut = CliRunner().invoke(cli, alone)
    assert cut.exit_code == 1
    assert "damaged at position 6" in cut.output


WITHOUT = """
import json, sys
for name in ("pyarrow", "fsspec", "dask", "distributed"):
    sys.modules[name] = None  # as where they are not installed
from click.testing import CliRunner
from timeline.cli import cli
outputs = []
for command in json.loads(sys.argv[1]):
    done = CliRunner().invoke(cli, command)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    outputs.append((done.exit_code, done.output))
print(json.dumps(outputs))
"""


def test_without_pyarrow_nothing_else_changes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    with Timeline.open(url) as record:
        fill(record)
    commands = [["verify"], ["report", "statements"], ["rebuild", "statements"], ["archive", "x"]]
    given = json.dumps([["--db", url, *command] for command in commands])
    argv = [sys.executable, "-c", WITHOUT, given]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=tmp_path)

    *works, (code, output) = json.loads(done.stdout)

    assert [each[0] for each in works] == [0, 0, 0]
    assert "Yes." in works[1][1]
    assert code == 1
    assert "pip install 'fsspec>=" in output
    assert os.listdir(tmp_path) == ["record.db"]  # noqa: PTH208  (nothing was begun)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux has them")
def test_an_archive_is_read_by_no_thread_that_may_outlive_the_reader(
    archived: tuple[Timeline, Path],
) -> None:
    """One that still holds what it read when Python ends aborts the process."""
    code = f"""
import os
import pyarrow.parquet
from timeline.log.archive import Archive

before = os.listdir("/proc/self/task")
archive = Archive({str(archived[1])!r})
assert archive.verify().position == len(list(archive.rows()))
assert os.listdir("/proc/self/task") == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)
