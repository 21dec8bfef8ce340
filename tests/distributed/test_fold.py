"""Rows from Dask workers are the rows kept on one machine, whatever becomes of the workers."""

import contextlib
import os
import pickle
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import dask
import distributed
import pytest
import strategies
from click.testing import CliRunner
from dask_workers import (
    ALL,
    FERRY,
    GAS_UNION,
    building,
    fill,
    live,
    record,
    rows_of,
    threads,
    two_processes,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from split_projections import USERS, Deadly, FirstWords, TariffImposed, Tariffs

from timeline import (
    DatabaseBusy,
    EventCorrected,
    InvalidInput,
    NewEvent,
    NotFound,
    Projection,
    StatementMade,
    Timeline,
)
from timeline.cli import cli
from timeline.distributed import fold, tasks, workers
from timeline.distributed.split import Splitter, division_of
from timeline.engine import rebuild
from timeline.engine.projection import shape_of
from timeline.engine.rebuild import StoredRows
from timeline.engine.runner import Projector
from timeline.errors import ClusterError, InvalidProjection
from timeline.log import failures
from timeline.log.query import Query
from timeline.projections import BUILT_IN

SORTS = {"statements", "subjects", "heard", "tariffs"}
"""Projections that are split by a key, folded alone, given some events whole, and of a user."""


@pytest.fixture(autouse=True)
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small logs are not worth several tasks; here they are."""
    monkeypatch.setattr(fold, "_LEAST", 50)


@pytest.fixture(scope="module")
def processes() -> Iterator[str]:
    """Two workers for tests that let them live."""
    with two_processes() as address:
        yield address


@pytest.fixture
def mortal() -> Iterator[str]:
    """Two workers for one test that kills them: not every one that died comes back."""
    with two_processes() as address:
        yield address


@pytest.fixture(scope="module")
def one_thread() -> Iterator[str]:
    with threads(1) as address:
        yield address


# The same rows


@pytest.mark.parametrize(
    ("files", "workers"),
    [(GAS_UNION, 2), (FERRY, 4)],
    ids=["gas-union-2", "strait-ferry-4"],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_rows_from_workers_are_the_rows_kept_on_one_machine(
    kept_url: str, workers: int, files: list[Path]
) -> None:
    # Each projection of both records is folded in parts without a scheduler, too.
    names = strategies.times(SORTS, {each.name for each in ALL})
    with record(kept_url, *USERS) as opened, threads(workers) as address:
        fill(opened, files)
        for projection in (each for each in ALL if each.name in names):
            before, number = rows_of(opened, projection), live(opened, projection.name)

            build = opened.rebuild(projection.name, on=address)

            assert (build.state, build.position) == ("live", opened.store.head().position)
            assert live(opened, projection.name) == build.number > number
            assert rows_of(opened, projection) == before


@pytest.fixture(scope="module")
def two_threads() -> Iterator[str]:
    with threads(2) as address:
        yield address


@given(strategies.histories(steps=12), st.data())
@settings(max_examples=3, phases=[Phase.generate])
def test_rows_of_random_logs_from_workers_are_those_folded_whole(
    two_threads: str, history: list[strategies.Step], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder, record(f"sqlite:///{folder}/r.db", *USERS) as log:
        for step in history:
            log.store.append_all(step.events)
        routed = [each for each in ALL if not division_of(each).alone]
        projection = data.draw(st.sampled_from(routed))
        before = rows_of(log, projection)

        log.rebuild(projection.name, on=two_threads)

        assert rows_of(log, projection) == before


def test_a_key_that_most_events_name_is_told_by_name(
    tmp_path: Path, two_threads: str, caplog: pytest.LogCaptureFixture
) -> None:
    with record(f"sqlite:///{tmp_path}/record.db", *USERS) as opened:
        opened.store.append_all([NewEvent(StatementMade("ann", f"No. {n}.")) for n in range(150)])
        opened.store.append_all([NewEvent(StatementMade("bob", "Well said."))])

        opened.rebuild("heard", on=two_threads)

    (told,) = [record for record in caplog.records if record.name == "timeline"]
    assert "speaker 'ann' is named by 150 events, which one worker folds" in told.getMessage()


@pytest.mark.parametrize(
    ("name", "work"), [("initiatives", "routed"), ("statements", "folded_alone")]
)
def test_all_workers_have_a_share_of_the_work(
    tmp_path: Path, two_threads: str, name: str, work: str
) -> None:
    # A name of its own: the workers still hold the file that the test before had here.
    with record(f"sqlite:///{tmp_path}/{name}.db") as opened:
        fill(opened)
        with distributed.Client(two_threads) as client:
            client.wait_for_workers(2)
            with distributed.get_task_stream(client) as stream:
                opened.rebuild(name, on=two_threads)

        did = {each["worker"] for each in stream.data if work in str(each["key"])}
        assert len(did) == 2


@pytest.mark.parametrize("name", ["initiatives", "subjects"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_worker_that_is_killed_on_the_way_changes_nothing(
    kept_url: str, mortal: str, name: str
) -> None:
    projection = next(each for each in ALL if each.name == name)
    with record(kept_url, *USERS) as opened, distributed.Client(mortal) as client:
        fill(opened)
        before = rows_of(opened, projection)
        client.wait_for_workers(2)
        left = list(client.run(os.getpid).values())

        def kill(done: int, total: int) -> None:
            if done < total and len(left) == 2:
                os.kill(left.pop(), signal.SIGKILL)

        opened.rebuild(name, on=mortal, progress=kill)

        assert len(left) == 1
        assert rows_of(opened, projection) == before


def test_the_command_starts_workers_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The module is found where the user stands, by workers too.
    monkeypatch.chdir(tmp_path)
    source = (Path(__file__).parents[1] / "split_projections.py").read_text(encoding="utf-8")
    Path("tariffs_here.py").write_text(source.partition('@row("heard"')[0], encoding="utf-8")
    url = f"sqlite:///{tmp_path}/record.db"
    with record(url) as opened:
        fill(opened, FERRY)
        end = opened.store.head().position
    asked = ["--db", "sqlite:///record.db", "--events", "tariffs_here", "rebuild", "tariffs"]

    done = CliRunner().invoke(cli, [*asked, "--workers", "2", "--memory", "1GiB"])

    assert done.output == f"build 1 of tariffs, at position {end}, is live.\n"
    with contextlib.closing(sqlite3.connect(tmp_path / "record.db")) as plain:
        found = dict(plain.execute("SELECT goods, percent FROM tariffs"))
    last = {f"g{n % 7}": float(n % 3) for n in range(40)}
    assert found == {goods: percent for goods, percent in last.items() if percent}


def test_what_is_appended_meanwhile_is_in_the_rows(kept_url: str) -> None:
    with record(kept_url, *USERS) as opened:
        fill(opened)
        projector = Projector(opened.store, ALL)

        def meanwhile(projection: Projection, end: int) -> tuple[int, list[StoredRows]]:
            done = elsewhere(opened)(projection, end)
            first = next(iter(opened.log(type="StatementMade")))
            opened.append(EventCorrected([first.id], "Misheard.", {"text": "Otherwise."}))
            return done

        build = projector.rebuild("statements", by=meanwhile)

        assert build.position == opened.store.head().position
        texts = [row.text for row in rows_of(opened, BUILT_IN[2])]
        assert "Otherwise." in texts
        with opened.as_of().view() as view:
            assert rows_of(opened, BUILT_IN[2]) == view.all(BUILT_IN[2].rows[0])


def elsewhere(opened: Timeline) -> Callable[[Projection, int], tuple[int, list[StoredRows]]]:
    """Folds in this process what workers would."""

    def fold(projection: Projection, end: int) -> tuple[int, list[StoredRows]]:
        from timeline.engine.reader import Amendments

        found = opened.store.read_all(until=end, query=Query(Amendments.TYPES))
        splitter = Splitter(projection, opened.store.codec, found)
        log = list(opened.store.stored(after=0, until=end))
        own = {key for row in log for key in splitter.keys_of(row) or ()}
        rows = splitter.fold(log, own)
        return end, [(type(row), [shape_of(type(row)).store(row)]) for row in rows]

    return fold


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_words_taken_down_meanwhile_are_not_written(
    kept_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_PATIENCE", 0.1)
    with record(kept_url) as opened:
        fill(opened, FERRY)
        said = next(iter(opened.log(type="StatementMade")))

        def meanwhile(projection: Projection, end: int) -> tuple[int, list[StoredRows]]:
            done = elsewhere(opened)(projection, end)
            opened.redact(said.id, reason="A court said so.")
            return done

        with pytest.raises(DatabaseBusy, match="words were taken down"):
            Projector(opened.store, BUILT_IN).rebuild("statements", by=meanwhile)
        again = Projector(opened.store, BUILT_IN).rebuild("statements", by=elsewhere(opened))

        assert again.state == "live"
        assert said.event.text not in [row.text for row in rows_of(opened, BUILT_IN[2])]


def test_a_task_that_is_done_twice_gives_the_same(tmp_path: Path) -> None:
    with record(f"sqlite:///{tmp_path}/record.db", *USERS) as opened:
        fill(opened)
        end = opened.store.head().position
        projector = Projector(opened.store, ALL)
        for projection in (BUILT_IN[3], BUILT_IN[-1]):
            one = fold.Fold(None, projector, [], None, None)
            packed = one._packed(projection, end)
            routed = [tasks.routed(0, end, packed) for _ in range(2)]
            assert routed[0]["read"] == routed[1]["read"]
            assert routed[0]["frame"].equals(routed[1]["frame"])
            folded = [tasks.folded(1, r["frame"], r["shared"], packed) for r in routed]
            assert folded[0] == folded[1]


# An archive


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_workers_can_read_an_archive_instead(
    kept_url: str, tmp_path: Path, one_thread: str
) -> None:
    target = tmp_path / "archive"
    with record(kept_url, *USERS) as opened:
        fill(opened)
        opened.archive(target, rows_per_file=50)
        opened.append(TariffImposed("late", 1.0), id="late")
        for projection in (each for each in ALL if each.name in SORTS):
            before = rows_of(opened, projection)
            build = opened.rebuild(projection.name, on=one_thread, archive=target)
            assert build.position == opened.store.head().position
            assert rows_of(opened, projection) == before

        opened.redact("late", reason="A court said so.")
        opened.rebuild("tariffs", on=one_thread, archive=target)  # it had not come to that
        opened.archive(target)
        said = next(iter(opened.log(type="StatementMade")))
        opened.redact(said.id, reason="A court said so.")
        with pytest.raises(InvalidInput, match="run `timeline archive` again"):
            opened.rebuild("statements", on=one_thread, archive=target)
    with record(f"sqlite:///{tmp_path}/other.db") as other:
        fill(other, FERRY)
        with pytest.raises(InvalidInput, match="expected the archive at"):
            other.rebuild("statements", on=one_thread, archive=target)
        with pytest.raises(NotFound, match="no archive is at"):
            other.rebuild("statements", on=one_thread, archive=tmp_path / "none")


# What cannot be


@pytest.fixture
def ferry(tmp_path: Path) -> Iterator[Timeline]:
    with record(f"sqlite:///{tmp_path}/record.db", Deadly(), FirstWords()) as opened:
        fill(opened, FERRY)
        for number in range(30):
            opened.store.append_all([NewEvent(StatementMade(f"speaker-{number}", "Well said."))])
        yield opened


def test_workers_that_die_again_and_again_are_an_error(ferry: Timeline) -> None:
    died = pytest.raises(ClusterError, match="workers died again and again")
    with two_processes(failures=0) as address, died:  # the first death is the last
        ferry.rebuild("deadly", on=address)

    assert live(ferry, "deadly") == 1  # as before


def test_a_scheduler_that_is_lost_on_the_way_is_an_error(ferry: Timeline) -> None:
    before = ferry.status()
    soon = dask.config.set({"distributed.comm.timeouts.connect": "1s"})

    def lose(_done: int, _total: int) -> None:
        with distributed.Client(address) as other:
            other.shutdown()

    lost = pytest.raises(ClusterError, match=r"the scheduler was lost .*; nothing was written")
    with soon, threads(2) as address, lost:
        ferry.rebuild("initiatives", on=address, progress=lose)

    assert ferry.status() == before


def test_rows_that_do_not_split_after_all_are_refused(ferry: Timeline, one_thread: str) -> None:
    with pytest.raises(InvalidProjection, match="do not split by 'speaker'"):
        ferry.rebuild("first_words", on=one_thread)

    def twice(projection: Projection, end: int) -> tuple[int, list[StoredRows]]:
        until, rows = elsewhere(ferry)(projection, end)
        return until, [*rows, *rows]

    with pytest.raises(InvalidProjection, match="two parts made a row of one key"):
        Projector(ferry.store, BUILT_IN).rebuild("statements", by=twice)


def test_no_scheduler_and_no_workers_are_an_error(
    ferry: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PATIENCE", 0.3)
    with pytest.raises(ClusterError, match=r"at tcp://127\.0\.0\.1:9; found none within 0\.3 s"):
        ferry.rebuild("plans", on="tcp://127.0.0.1:9")
    with threads(0) as address, pytest.raises(ClusterError, match="scheduler with workers"):
        ferry.rebuild("plans", on=address)
    assert building(ferry) == []


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"on": "nonsense"}, "found 'nonsense' .missing port"),
        ({"on": "http://127.0.0.1:9"}, "unknown address scheme 'http'"),
        ({"workers": 1, "memory": "foo"}, "memory: expected a size, such as 2GiB; found 'foo'"),
        ({"workers": 1, "memory": "-1"}, "memory: expected a size"),
    ],
)
def test_what_is_no_address_and_no_size_is_said_before_anything_is_begun(
    ferry: Timeline, choice: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        ferry.rebuild("plans", **choice)
    assert building(ferry) == []


def test_a_failure_leaves_no_build_that_was_begun(
    ferry: Timeline, one_thread: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with record(f"sqlite:///{tmp_path}/other.db") as other:
        fill(other)
        other.archive(tmp_path / "other")
    with pytest.raises(InvalidInput, match="to be of this log"):
        ferry.rebuild("plans", on=one_thread, archive=tmp_path / "other")
    with pytest.raises(NotFound, match="no archive is at"):
        ferry.rebuild("plans", on=one_thread, archive=tmp_path / "none")
    assert building(ferry) == []

    def lost(*_given: Any) -> None:
        raise ClusterError("lost")

    monkeypatch.setattr(fold.Fold, "_wait", lost)  # once the build is begun
    with pytest.raises(ClusterError, match="lost"):
        ferry.rebuild("plans", on=one_thread)
    assert building(ferry) == []


def test_a_failure_leaves_a_build_that_others_began(
    kept_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "STEP", 20)  # so that it can be stopped midway
    monkeypatch.setattr(rebuild, "STRIDE", 20)

    def interrupted(position: int, _target: int) -> None:
        raise KeyboardInterrupt

    def lost(_projection: Projection, _end: int) -> Any:
        raise ClusterError("lost")

    with record(kept_url) as opened:
        fill(opened, FERRY)
        with pytest.raises(KeyboardInterrupt):
            opened.rebuild("plans", hold=True, progress=interrupted)
        begun = building(opened)
        projector = Projector(opened.store, BUILT_IN)
        with pytest.raises(ClusterError, match="lost"):
            projector.rebuild("plans", by=lost)

        assert building(opened) == begun != []
        assert building(opened, "statements") == []
        with pytest.raises(ClusterError, match="lost"):
            projector.rebuild("statements", by=lost)
        assert building(opened, "statements") == []


def test_a_worker_with_another_version_of_the_package_is_refused(
    ferry: Timeline, processes: str
) -> None:
    with distributed.Client(processes) as client:
        client.wait_for_workers(2)
        (old, *_) = client.scheduler_info()["workers"]
        client.run(_pretend, "0.0.9 (another)", workers=[old])
        with pytest.raises(ClusterError, match=r"expected timeline .*; found 0\.0\.9 \(another\)"):
            ferry.rebuild("plans", on=processes)
        client.run(_pretend, workers._PACKAGE, workers=[old])
        ferry.rebuild("plans", on=processes)


def _pretend(version: str) -> None:
    workers._PACKAGE = version


def test_a_worker_that_comes_later_is_asked_again(ferry: Timeline) -> None:
    # By each task, before it unpacks what only the same code can make sense of.
    packed = pickle.dumps(({"timeline": "0.0.9", "split_projections": "0"}, b"?"))
    with pytest.raises(ClusterError, match=r"expected timeline 0\.0\.9; found"):
        tasks.prepared(packed)


@pytest.mark.parametrize("there", ["", "times = 2\n"])
def test_a_worker_with_other_code_of_the_projection_is_refused(
    ferry: Timeline, processes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    name = "tariffs_changed" if there else "tariffs_missing"
    source = (Path(__file__).parents[1] / "split_projections.py").read_text(encoding="utf-8")
    for folder, more in (("here", ""), ("there", there)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text(source + more, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "here")
    if there:
        with distributed.Client(processes) as client:
            client.run(_imported, str(tmp_path / "there"), name)
    module = __import__(name)
    try:
        with (
            Timeline.open(
                f"sqlite:///{tmp_path}/record.db",
                events=[module.TariffImposed],
                projections=[module.Tariffs()],
            ) as opened,
            pytest.raises(ClusterError, match=f"expected {name} .*; found"),
        ):
            opened.rebuild("tariffs", on=processes)
    finally:
        del sys.modules[name]


def _imported(folder: str, name: str) -> None:
    sys.path.insert(0, folder)
    __import__(name)
    sys.path.remove(folder)


def test_choices_that_do_not_go_together_are_refused(ferry: Timeline) -> None:
    with pytest.raises(InvalidInput, match="--workers"):
        ferry.rebuild("plans", memory="1GiB")
    with pytest.raises(InvalidInput, match="workers of that scheduler run already"):
        ferry.rebuild("plans", on="tcp://127.0.0.1:9", workers=2)
    url = str(ferry.store.engine.url)
    both = CliRunner().invoke(cli, ["--db", url, "rebuild", "plans", "--diff", "--workers", "2"])
    assert both.exit_code == 2


def test_code_that_workers_cannot_import_is_refused(
    ferry: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tariffs, "__module__", "__main__")
    with pytest.raises(InvalidInput, match="found some in '__main__'"):
        ferry.rebuild("deadly", workers=1)


def test_a_record_in_memory_is_refused(one_thread: str) -> None:
    with record("sqlite://") as opened, pytest.raises(InvalidInput, match="archive it first"):
        opened.rebuild("plans", on=one_thread)


def test_workers_that_read_another_log_are_an_error(
    ferry: Timeline, one_thread: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with record(f"sqlite:///{tmp_path}/other.db") as other:
        fill(other)
    packed = fold.Fold._packed

    def elsewhere(self: Any, *given: Any) -> bytes:
        code, job = pickle.loads(packed(self, *given))
        moved = attrs.evolve(pickle.loads(job), database=f"sqlite:///{tmp_path}/other.db")
        return pickle.dumps((code, pickle.dumps(moved)))

    monkeypatch.setattr(fold.Fold, "_packed", elsewhere)
    with pytest.raises(ClusterError, match="workers read other events from 1 to"):
        ferry.rebuild("plans", on=one_thread)
