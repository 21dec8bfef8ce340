"""A stranger: verifies a SQLite file by the documentation alone, without this package.

The program knows what the docstring of `timeline.log.digests` says, and uses the standard library.
"""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from timeline import (
    Actor,
    EventCorrected,
    EventRetracted,
    ProposalMade,
    Source,
    StatementMade,
    Timeline,
)
from timeline.errors import LogDamaged
from timeline.log.digests import body_digest

STRANGER = """
import hashlib, json, sqlite3, sys

ENVELOPE = ["position", "version", "event_id", "stream", "type", "type_version", "occurred",
            "occurred_from", "occurred_to", "recorded_at"]


def bad(position, why):
    sys.exit(f"bad at {position}: {why}")


def body(row):
    if row["data"] is None:
        return row["redacted"]
    words = row["salt"] + row["evidence"].encode() + b"\\0" + row["data"].encode()
    more = b"" if row["metadata"] is None else b"\\0" + row["metadata"].encode()
    return hashlib.sha256(words + more).digest()


def covered(row):
    return b"".join(
        b"\\0" if row[name] is None else b"\\0=" + str(row[name]).encode() for name in ENVELOPE
    )


file, *seal = sys.argv[1:]
connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
connection.row_factory = sqlite3.Row
digests, blanked = [bytes(32)], {}
for row in connection.execute("SELECT * FROM log ORDER BY position"):
    if row["position"] != len(digests):
        bad(len(digests), "missing")
    try:
        digest = hashlib.sha256(digests[-1] + covered(row) + body(row)).digest()
    except (TypeError, AttributeError):
        bad(len(digests), "a column of another type")
    if digest != row["digest"]:
        bad(len(digests), "digest")
    if row["data"] is None:
        blanked[row["event_id"]] = len(digests)
    elif row["type"] == "EventRedacted":
        blanked.pop(json.loads(row["data"])["event"], None)
    digests.append(digest)
if blanked:
    bad(min(blanked.values()), "words gone")
for position, digest in (each.split(":") for each in seal):
    if int(position) >= len(digests) or digests[int(position)].hex() != digest:
        bad(position, "seal")
print(f"{len(digests) - 1}:{digests[-1].hex()}")
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A file that the store wrote, its seal, and one from before the takedown."""
    file = tmp_path_factory.mktemp("stranger") / "log.db"
    with Timeline.open(f"sqlite:///{file}") as timeline:
        timeline.add(
            Actor("herald", "organisation", "Вестник 🗞"),
            Actor("ann", "person", "Ann"),
            Source("article", publisher="herald", title="«Союз»", published="2022-11"),
        )
        timeline.append(
            StatementMade("ann", "The first words."),
            id="first",
            occurred="2022-11~",
            source="article",
            excerpt="line\nbreak",
            according_to=["herald"],
        )
        timeline.append(ProposalMade("union", "A union", by="ann", text="Both."), source="article")
        timeline.append(StatementMade("ann", "Wrong."), id="wrong", source="article")
        timeline.append(EventCorrected(["wrong"], "misheard", {"text": "Right."}))
        timeline.append(EventRetracted(["wrong"], "never said"))
        before = timeline.seal()
        timeline.redact("first", reason="a court's order")
        seal = timeline.seal()
    return file, seal, before


@pytest.fixture
def file(written: tuple[Path, str, str], tmp_path: Path) -> Path:
    """A copy of the file, without its guards."""
    copied = Path(shutil.copyfile(written[0], tmp_path / "log.db"))
    guards = ("update", "delete", "insert", "types_update")
    tamper(copied, *(f"DROP TRIGGER timeline_keep_{it}" for it in guards))
    return copied


def tamper(file: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)


def stranger(*arguments: str | Path, code: int = 0) -> str:
    """Run the program with nothing but the standard library within its reach."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", STRANGER, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def test_the_stranger_has_no_package_of_ours_at_hand() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import timeline"],
        capture_output=True,
        cwd="/",
        check=False,
    )

    assert b"ModuleNotFoundError" in done.stderr


def test_a_sound_file_has_the_seal_that_the_store_gave(written: tuple[Path, str, str]) -> None:
    file, seal, before = written

    assert stranger(file) == stranger(file, seal, before) == f"{seal}\n"


@pytest.mark.parametrize(
    ("statements", "position"),
    [
        (["UPDATE timeline_events SET occurred = '2022-10~' WHERE position = 4"], 4),
        (["UPDATE timeline_events SET occurred_from = NULL WHERE position = 4"], 4),
        (["UPDATE timeline_events SET data = replace(data, 'Wro', 'Ri') WHERE position = 6"], 6),
        (["UPDATE timeline_events SET metadata = '{}' WHERE position = 6"], 6),
        (["UPDATE timeline_types SET name = 'Other' WHERE name = 'StatementMade'"], 4),
        (["UPDATE timeline_events SET data = CAST(data AS BLOB) WHERE position = 6"], 6),
        (["UPDATE timeline_events SET evidence = '[]' WHERE position = 5"], 5),
        (["UPDATE timeline_events SET salt = zeroblob(16) WHERE position = 5"], 5),
        (["UPDATE timeline_events SET redacted = zeroblob(32) WHERE position = 4"], 4),
        (["UPDATE timeline_events SET version = version + 1 WHERE position = 8"], 8),
        (["DELETE FROM timeline_events WHERE position = 2"], 2),
        (["DELETE FROM timeline_events WHERE position = 9"], 4),  # it was the takedown of 4
        (
            [
                "UPDATE timeline_events SET position = 99 WHERE position = 2",
                "UPDATE timeline_events SET position = 2 WHERE position = 3",
                "UPDATE timeline_events SET position = 3 WHERE position = 99",
            ],
            2,
        ),
        (
            [
                """INSERT INTO timeline_events
                SELECT 10, 'forged', 'forged', 1, type, occurred, occurred_from, occurred_to,
                recorded_at, evidence, data, metadata, salt, redacted, digest
                FROM timeline_events WHERE position = 8"""
            ],
            10,
        ),
    ],
)
def test_tampering_is_found_by_the_stranger_and_by_us(
    file: Path, statements: list[str], position: int
) -> None:
    tamper(file, *statements)

    assert f"bad at {position}:" in stranger(file, code=1)
    with Timeline.open(f"sqlite:///{file}") as timeline, pytest.raises(LogDamaged):
        timeline.verify()


def test_words_gone_without_a_takedown_are_missed(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        body = connection.execute(
            "SELECT salt, evidence, data FROM timeline_events WHERE position = 6"
        ).fetchone()
        connection.execute(
            "UPDATE timeline_events SET salt = NULL, evidence = NULL, data = NULL, redacted = ?"
            " WHERE position = 6",
            [body_digest(*body)],
        )

    assert "bad at 6: words gone" in stranger(file, code=1)


def test_a_tail_cut_off_with_care_shows_against_the_seal(
    file: Path, written: tuple[Path, str, str]
) -> None:
    cut = "DELETE FROM timeline_events WHERE position > 3"
    tamper(file, cut)

    assert stranger(file).startswith("3:")
    for seal in written[1:]:
        assert "seal" in stranger(file, seal, code=1)
