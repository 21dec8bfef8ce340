"""Coded files go straight into an archive: the events are those of an ingest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from timeline import InvalidInput, NotFound, Timeline
from timeline.cli import cli
from timeline.distributed import coded_archive
from timeline.distributed.coded_archive import archive_coded
from timeline.errors import InvalidRecord
from timeline.formats.coded import reading
from timeline.log.archive import Archive

CODED = Path("fixtures/coded").resolve()
ICEWS, GDELT = CODED / "icews.tab", CODED / "gdelt.export.CSV"
OURS = ("position", "stream", "version", "event_id", "type", "type_version", "occurred")
WORDS = ("occurred_from", "occurred_to", "evidence", "data", "redacted")


def parts(file: Path, folder: Path, number: int) -> list[Path]:
    """The rows of a file, in several files, with some of them twice."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    head, rows = (lines[:1], lines[1:]) if file == ICEWS else ([], lines)
    made = []
    for part in range(number):
        made.append(folder / f"{part}-{file.name}")
        made[-1].write_text("".join([*head, *rows[part::number], *rows[:2]]), encoding="utf-8")
    return made


@pytest.mark.parametrize(
    ("file", "dataset", "workers"), [(ICEWS, "icews", 1), (GDELT, "gdelt", 1), (GDELT, "gdelt", 2)]
)
def test_the_events_are_those_of_an_ingest(
    file: Path, dataset: Any, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coded_archive, "ROWS_PER_GROUP", 3)
    monkeypatch.setattr(coded_archive, "_ROWS", 2)
    files = parts(file, tmp_path, 3)
    place = tmp_path / "archive"
    seen: list[tuple[int, int]] = []

    done = archive_coded(
        place,
        *files,
        dataset=dataset,
        workers=workers,
        rows_per_file=7,
        reading=lambda *at: seen.append(at),
    )

    with Timeline.open(f"sqlite:///{tmp_path}/record.db") as record:
        expected = record.ingest_coded(*files, dataset=dataset)
        assert done == expected
        named = [*OURS, *WORDS]
        found = [[getattr(row, name) for name in named] for row in Archive(place).rows()]
        assert found == [[getattr(row, name) for name in named] for row in record.store.stored()]
        archive = Archive(place)
        assert archive.verify() == archive.head()
    assert seen[-1][0] == seen[-1][1] > 0


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_that_stand_in_several_files_are_those_of_an_ingest(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeated rows, revised ones and bad ones, of which the first in the first file counts."""
    monkeypatch.setattr(coded_archive, "ROWS_PER_GROUP", 4)
    monkeypatch.setattr(coded_archive, "_ROWS", 3)
    monkeypatch.setattr(coded_archive, "_SAMPLES", 2)
    monkeypatch.setattr(reading, "_SAMPLE", 2)  # for one worker, which is this process
    head, *rows = ICEWS.read_text(encoding="utf-8").splitlines(keepends=True)
    revised, last = (
        [row.replace("\tThe ", f"\tThe {name} ") for row in rows[::3] if "\tThe " in row]
        for name in ("Other", "Third")
    )
    shuffled = [rows[1::2], [*revised, "bad\n"], rows[::2], [*reversed(rows), "bad\n"], last]
    files = [tmp_path / f"{number}.tab" for number in range(len(shuffled))]
    for file, some in zip(files, shuffled, strict=True):
        file.write_text("".join([head, *some]), encoding="utf-8")

    with Timeline.open(f"sqlite:///{tmp_path}/record.db") as record:
        refused = []
        for keep_going in (False, True):
            refused.append(refusal(record.ingest_coded, *files, keep_going=keep_going))
            asked = (tmp_path / "refused", *files)
            refused.append(refusal(archive_coded, *asked, keep_going=keep_going, workers=workers))
        assert refused[::2] == refused[1::2]
        assert "none that could be read" in refused[-1]
        place, *good = tmp_path / "archive", *files[:-1]
        expected = record.ingest_coded(*good, dataset="icews", keep_going=True)
        done = archive_coded(
            place, *good, dataset="icews", keep_going=True, workers=workers, rows_per_file=6
        )
        names = [*OURS, *WORDS]
        found = [[getattr(row, name) for name in names] for row in Archive(place).rows()]
        assert found == [[getattr(row, name) for name in names] for row in record.store.stored()]
    assert [str(problem) for problem in done.problems] == [str(it) for it in expected.problems]
    assert attrs.evolve(done, problems=()) == attrs.evolve(expected, problems=())
    assert min(done.repeated, done.revised, done.folded) > 0
    assert Archive(place).verify(workers=workers).position == len(found)


def refusal(call: Callable[..., Any], *given: Path, **more: Any) -> str:
    with pytest.raises(InvalidRecord) as caught:
        call(*given, dataset="icews", **more)
    return str(caught.value)


def test_the_archive_is_a_log_like_any_other(tmp_path: Path) -> None:
    place = str(tmp_path / "archive")
    asked = ["archive", place, "--from", "gdelt", str(GDELT)]

    done = CliRunner().invoke(cli, asked, catch_exceptions=False)

    assert "events archived" in done.output
    url = f"sqlite:///{tmp_path}/record.db"
    imported = CliRunner().invoke(cli, ["--db", url, "import", place], catch_exceptions=False)
    assert imported.output.endswith(f"the log ends at {Archive(place).head().seal}\n")
    assert CliRunner().invoke(cli, ["--db", url, "verify"]).exit_code == 0
    with Timeline.open(url) as record, Timeline.open(f"sqlite:///{tmp_path}/other.db") as other:
        other.ingest_coded(GDELT, dataset="gdelt")
        lines = [opened.statements().statements for opened in (record, other)]
        (mine, theirs) = ([(line.speaker, line.text, line.to) for line in some] for some in lines)
        assert mine == theirs != []
        assert record.store.head() == Archive(place).head()
    again = CliRunner().invoke(cli, asked)
    assert again.exit_code == 1
    assert "holds an archive already" in again.output
    assert CliRunner().invoke(cli, ["archive", place, "--from", "gdelt"]).exit_code == 2


def test_what_cannot_be_leaves_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.CSV"
    bad.write_text("no row\n", encoding="utf-8")
    place = tmp_path / "archive"
    with pytest.raises(InvalidRecord, match=r"bad\.CSV"):
        archive_coded(place, GDELT, bad, dataset="gdelt")
    with pytest.raises(InvalidInput, match="one or more"):
        archive_coded(place, GDELT, dataset="gdelt", workers=0)
    made = coded_archive._made

    def fails(group: Any) -> Any:
        if group.first > 2:
            raise KeyboardInterrupt
        return made(group)

    monkeypatch.setattr(coded_archive, "ROWS_PER_GROUP", 2)
    monkeypatch.setattr(coded_archive, "_made", fails)
    with pytest.raises(KeyboardInterrupt):
        archive_coded(place, GDELT, dataset="gdelt", rows_per_file=2)
    with pytest.raises(NotFound, match="no archive is at"):
        Archive(place).head()
    assert [*place.iterdir()] == []
