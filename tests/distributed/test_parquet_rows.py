"""Rows that workers write: as Parquet files, or by COPY into PostgreSQL."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import duckdb
import polars
import pytest
from click.testing import CliRunner
from dask_workers import FERRY, building, fill, live, record, rows_of, threads, two_processes

from timeline import EventCorrected, InvalidInput, NotFound, Timeline
from timeline.cli import cli
from timeline.distributed import fold
from timeline.engine import rebuild
from timeline.engine.parquet_rows import RowFiles
from timeline.errors import ClusterError, DatabaseBusy, InvalidProjection
from timeline.projections import BUILT_IN
from timeline.projections.initiatives import InitiativeRow
from timeline.projections.statements import StatementRow


@pytest.fixture(autouse=True)
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "_LEAST", 50)


@pytest.fixture(scope="module")
def workers() -> Iterator[str]:
    with threads(2) as address:
        yield address


@pytest.fixture
def ferry(tmp_path: Path) -> Iterator[Timeline]:
    with record(f"sqlite:///{tmp_path}/record.db") as opened:
        fill(opened, FERRY)
        yield opened


# Parquet files


def test_rows_in_files_are_the_rows_kept(ferry: Timeline, tmp_path: Path, workers: str) -> None:
    target = tmp_path / "rows"
    for projection in BUILT_IN:
        ferry.rebuild_files(projection.name, target, on=workers)

    filed = ferry.with_rows(target)

    with filed.view() as seen, ferry.view() as kept:
        for cls in (cls for projection in BUILT_IN for cls in projection.rows):
            assert seen.all(cls) == kept.all(cls), cls
        initiative = kept.all(InitiativeRow)[0].initiative
        statements = kept.all(StatementRow)
        speaker = statements[0].speaker
        assert seen.all(StatementRow, speaker=speaker) == kept.all(StatementRow, speaker=speaker)
        ids = [row.event for row in statements[:3]]
        assert seen.several(StatementRow, [*ids, "none"]) == statements[:3]
        assert seen.get(StatementRow, ids[0]) == statements[0]
        assert seen.get(StatementRow, "none") is None
    assert filed.statements() == ferry.statements()
    assert filed.initiative(initiative) == ferry.initiative(initiative)
    assert filed.as_of(occurred="1990").statements() == ferry.as_of(occurred="1990").statements()
    assert {s.build for s in ferry.status() if s.projection == "statements"} == {1}


def test_other_tools_read_the_files(ferry: Timeline, tmp_path: Path, workers: str) -> None:
    url, place = str(ferry.store.engine.url), str(tmp_path / "rows")
    asked = ["--db", url, "rebuild", "statements", "--scheduler", workers, "--rows", place]

    done = CliRunner().invoke(cli, asked, catch_exceptions=False)

    (build,) = RowFiles(place).builds("statements")
    said = f"statements, at position {build.position}, is at {place}/{build.folder}.\n"
    assert done.output == said
    files = f"{place}/{build.folder}/statements/*.parquet"
    expected = sorted(row.text for row in rows_of(ferry, BUILT_IN[2]))
    (found,) = zip(*duckdb.sql(f"SELECT text FROM '{files}'").fetchall(), strict=True)
    assert sorted(found) == expected
    assert sorted(polars.read_parquet(files)["text"]) == expected
    refused = CliRunner().invoke(cli, [*asked, "--hold"])
    assert refused.exit_code == 2


def test_the_newest_build_counts_and_one_without_a_manifest_does_not(
    ferry: Timeline, tmp_path: Path, workers: str
) -> None:
    with pytest.raises(NotFound, match="no rows by this code are at"):
        ferry.with_rows(tmp_path)
    first = ferry.rebuild_files("statements", tmp_path, on=workers)
    fill(ferry, ())
    second = ferry.rebuild_files("statements", tmp_path, on=workers)
    (tmp_path / "statements" / "0003-killed" / "statements").mkdir(parents=True)

    assert [b.position for b in RowFiles(str(tmp_path)).builds("statements")] == [
        first.position,
        second.position,
    ]
    with ferry.with_rows(tmp_path).view() as view:
        assert view.head == ferry.store.head()
        with pytest.raises(NotFound, match="the rows 'plans' are not at"):
            view.all(BUILT_IN[6].rows[0])
    ferry.rebuild_files("plans", tmp_path, on=workers)
    fill(ferry, ())
    ferry.rebuild_files("meetings", tmp_path, on=workers)
    with pytest.raises(InvalidInput, match="go to different positions"):
        ferry.with_rows(tmp_path)


def test_rows_of_another_log_and_with_words_taken_down_are_refused(
    ferry: Timeline, tmp_path: Path, workers: str
) -> None:
    ferry.rebuild_files("statements", tmp_path / "rows", on=workers)
    with (
        record(f"sqlite:///{tmp_path}/other.db") as other,
        pytest.raises(InvalidInput, match="made from another log"),
    ):
        other.with_rows(tmp_path / "rows")
    ferry.redact(next(iter(ferry.log(type="StatementMade"))).id, reason="A court said so.")
    with pytest.raises(InvalidInput, match="words were taken down since"):
        ferry.with_rows(tmp_path / "rows")


def test_an_archive_is_enough(ferry: Timeline, tmp_path: Path, workers: str) -> None:
    ferry.append(
        EventCorrected(
            [next(iter(ferry.log(type="StatementMade"))).id], "Misheard.", {"text": "Ah."}
        )
    )
    ferry.archive(tmp_path / "archive", rows_per_file=50)
    asked = ["--db", "sqlite://", "rebuild", "statements", "--scheduler", workers]

    done = CliRunner().invoke(
        cli, [*asked, "--archive", f"{tmp_path}/archive", "--rows", f"{tmp_path}/rows"]
    )

    assert done.exit_code == 0, done.output
    with ferry.with_rows(tmp_path / "rows").view() as view, ferry.view() as kept:
        assert view.head == ferry.store.head()
        assert view.all(StatementRow) == kept.all(StatementRow)


def test_a_failure_leaves_no_files(
    ferry: Timeline, tmp_path: Path, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="--workers"):
        ferry.rebuild_files("statements", tmp_path / "rows")
    done = fold.Fold._done

    def lost(self: Any, *given: Any) -> Any:
        done(self, *given)
        raise ClusterError("lost")

    monkeypatch.setattr(fold.Fold, "_done", lost)
    with pytest.raises(ClusterError, match="lost"):
        ferry.rebuild_files("statements", tmp_path / "rows", on=workers)
    assert [path for path in (tmp_path / "rows").rglob("*") if path.is_file()] == []


# PostgreSQL


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_workers_that_die_copy_each_row_once(kept_url: str) -> None:
    with record(kept_url) as opened, two_processes() as address:
        fill(opened, FERRY)
        before, number = rows_of(opened, BUILT_IN[3]), live(opened, "initiatives")
        with distributed.Client(address) as client:
            client.wait_for_workers(2)
            left = list(client.run(os.getpid).values())

        def kill(_done: int, _total: int) -> None:
            if len(left) == 2:
                os.kill(left.pop(), signal.SIGKILL)

        build = opened.rebuild("initiatives", on=address, progress=kill)

        assert live(opened, "initiatives") == build.number > number
        assert rows_of(opened, BUILT_IN[3]) == before


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_part_is_copied_once_however_often_it_is_written(kept_url: str) -> None:
    with record(kept_url) as opened:
        fill(opened, FERRY)
        projector, engine = opened._projector, opened.store.engine
        before = rows_of(opened, BUILT_IN[2])
        stored = [(StatementRow, [rebuild.shape_of(StatementRow).store(row)]) for row in before]

        def copied(projection: Any, end: int, build: Any, extra: int = 0) -> Any:
            for part in (stored[:4], stored[:4], stored[4:]):
                rebuild.copy_part(engine, projection, build, part)
            return end, {StatementRow: len(before) + extra}

        build = projector.rebuild("statements", copied_by=copied)
        assert (build.state, rows_of(opened, BUILT_IN[2])) == ("live", before)
        with pytest.raises(InvalidProjection, match="two parts made a row of one key"):
            projector.rebuild("statements", copied_by=lambda *given: copied(*given, extra=1))

        def overtaken(projection: Any, end: int, build: Any) -> Any:
            projector.rebuild("statements", copied_by=copied)
            return copied(projection, end, build)

        with pytest.raises(DatabaseBusy, match="another process has begun to rebuild"):
            projector.rebuild("statements", copied_by=overtaken)
        assert building(opened, "statements") == []
        assert rows_of(opened, BUILT_IN[2]) == before
