"""What `-o` writes to, and what it leaves alone."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from timeline import Actor, Evidence, InvalidInput, MeetingHeld, ProposalMade, Source, Timeline
from timeline.cli import cli

COMMANDS = (
    "report attendance",
    "report initiative harbour --format html",
    "export log",
    "export rows meetings",
    "export calendar",
    "export timelinejs",
    "export sources",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The file of a record, with its read models."""
    path = tmp_path_factory.mktemp("made") / "timeline.db"
    with Timeline.open(f"sqlite:///{path}") as timeline:
        timeline.add(Actor("north", "state", "North"), Actor("daily", "organisation", "Daily"))
        timeline.add(Source("article", publisher="daily", title="A harbour"))
        timeline.append(
            ProposalMade("harbour", "A harbour", by="north", text="A harbour."),
            MeetingHeld("summit", "Summit"),
            occurred="2024-04",
            evidence=[Evidence("article")],
        )
        timeline.attendance()
    return path


@pytest.fixture(autouse=True)
def record(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIMELINE_URL", raising=False)
    return Path(shutil.copy(made, "timeline.db"))


def run(command, output, code=0):
    result = CliRunner().invoke(cli, [*command.split(), "-o", str(output)], prog_name="timeline")
    assert result.exit_code == code, result.output
    return result


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["timeline.db", "link.db", "timeline.db-wal", "other.db"])
def test_a_database_is_not_written_over(record, command, name):
    shutil.copy("timeline.db", "other.db")
    Path("link.db").symlink_to("timeline.db")
    before = digest(record), digest(Path("other.db"))

    result = run(command, name, code=1)

    assert "expected a file that may be replaced" in result.stderr
    assert "Wrote" not in result.stderr
    assert (digest(record), digest(Path("other.db"))) == before
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]
    run("report attendance", "attendance.txt")


def test_python_does_not_write_over_the_record_either(record):
    before = digest(record)
    with Timeline.open(record) as timeline:
        for place in (record, Path("timeline.db-shm"), str(record.absolute())):
            with pytest.raises(InvalidInput, match="expected a file that may be replaced"):
                timeline.export_log(place)
            with pytest.raises(InvalidInput, match="expected a file that may be replaced"):
                timeline.export_rows("meetings", place)
    assert digest(record) == before


def test_a_refusal_leaves_the_locks_of_the_open_record(record):
    look = "import sqlite3; sqlite3.connect('timeline.db').execute('SELECT * FROM sqlite_master')"
    with Timeline.open(record) as timeline:
        timeline.attendance()
        with pytest.raises(InvalidInput, match="expected a file that may be replaced"):
            timeline.export_log(record)
        subprocess.run([sys.executable, "-c", look], check=True)

        # Without a lock of ours the other would be the last to leave, and remove it.
        assert Path("timeline.db-wal").exists()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no memory to write to")
def test_a_record_in_memory_is_not_replaced_either():
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        Timeline.open(f"sqlite:///{folder}/timeline.db", create=True) as timeline,
    ):
        timeline.add(Actor("ann", "person", "Ann"))
        with pytest.raises(InvalidInput, match="expected a file that may be replaced"):
            timeline.export_log(f"{folder}/timeline.db")

        assert timeline.verify().position == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_is_replaced_and_named(command):
    Path("out").write_text("of another time")

    refused = run(command, "out", code=2)
    assert "out is there already: --force replaces it. Or name another file" in refused.stderr
    assert Path("out").read_text() == "of another time"

    result = run(f"{command} --force", "out")

    assert Path("out").read_bytes() not in (b"", b"of another time")
    assert result.stdout == ""
    assert "Wrote out\n" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_link_stays_a_link(command):
    Path("folder").mkdir()
    Path("folder/target").write_text("of another time")
    Path("link").symlink_to("folder/target")
    Path("dangling").symlink_to("folder/new")

    run(f"{command} --force", "link")
    run(command, "dangling")

    assert Path("link").is_symlink()
    assert Path("dangling").is_symlink()
    assert Path("folder/target").read_bytes() not in (b"", b"of another time")
    assert Path("folder/new").stat().st_size > 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_is_written_through(command):
    os.mkfifo("pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()))
    reader.start()

    run(command, "pipe")
    reader.join()

    run(command, "file")
    assert read == [Path("file").read_bytes()]
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_stays_a_device(command):
    # A link, so that a fault here costs no device.
    Path("full").symlink_to("/dev/full")

    message = run(command, "full", code=1).stderr

    assert "full: cannot be written: No space left on device" in message
    assert Path("full").is_symlink()
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
def test_what_names_no_file_is_said(name):
    assert "expected a file to write; found 'a" in run(COMMANDS[0], name, code=1).stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_is_no_file(command):
    assert "expected a file to write; found a folder" in run(command, ".", code=1).stderr


def test_what_goes_to_standard_output_is_that_alone():
    result = CliRunner().invoke(cli, ["report", "attendance", "--format", "json", "-o", "-"])

    assert json.loads(result.stdout)["report"] == "attendance"
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["a\0b", "\ud800", ""], ids=ascii)
def test_a_name_that_no_file_system_takes_is_an_error(name: str, tmp_path: Path) -> None:
    with Timeline.open("sqlite://") as record:
        record.add(Actor("ann", "person", "Ann"), Source("article", "ann", "An article"))
        writing: list[Callable[[], object]] = [
            lambda: record.site(name),
            lambda: record.export_records(name),
            lambda: record.export_sheet(name),
            lambda: record.export_log(name),
            lambda: record.export_rows("meetings", name),
            lambda: record.archive(name),
            lambda: record.with_rows(name),
            lambda: record.add_text(name, source="article"),
            lambda: record.ingest(name),
            lambda: record.import_log(name),
        ]
        for write in writing:
            with pytest.raises(InvalidInput):
                write()
    assert {path.name for path in tmp_path.iterdir()} <= {"timeline.db"}
