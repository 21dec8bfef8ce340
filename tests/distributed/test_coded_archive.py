"""Coded files go straight into an archive: the events are those of an ingest."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from timeline import InvalidInput, NotFound, Timeline
from timeline.cli import cli
from timeline.distributed import coded_archive
from timeline.distributed.coded_archive import archive_coded
from timeline.errors import InvalidRecord
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
    monkeypatch.setattr(coded_archive, "_BATCH", 3)
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

    def fails(stretch: Any) -> Any:
        if "rows" in stretch:
            raise KeyboardInterrupt
        return made(stretch)

    monkeypatch.setattr(coded_archive, "_BATCH", 2)
    monkeypatch.setattr(coded_archive, "_made", fails)
    with pytest.raises(KeyboardInterrupt):
        archive_coded(place, GDELT, dataset="gdelt", rows_per_file=2)
    with pytest.raises(NotFound, match="no archive is at"):
        Archive(place).head()
