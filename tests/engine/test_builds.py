"""Builds: rows made again beside the live ones, whatever is killed or amended meanwhile."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from strategies import Step, examples, histories
from waiting import FOREVER, until, waiting_for_a_lock

from timeline.cli import cli
from timeline.engine import builds, grants, rebuild
from timeline.engine.builds import Build, all_builds
from timeline.engine.compare import Difference
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import Projection, Rows, changed, on, row
from timeline.engine.rows import KeptView
from timeline.engine.runner import Projector
from timeline.errors import DatabaseBusy, InvalidProjection, NotFound
from timeline.events import (
    Actor,
    EventCorrected,
    EventRetracted,
    NewEvent,
    RecordedEvent,
    StatementMade,
)
from timeline.log import database
from timeline.log.database import create_engine
from timeline.log.redact import redact
from timeline.log.store import EventStore
from timeline.projections.statements import StatementRow, Statements
from timeline.record import Timeline

only_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@row("speakers", key=("speaker",))
class SpeakerRow:
    speaker: str
    statements: int


class Crash(Exception):
    pass


class Speakers(Projection):
    """Counts statements, by as many as its version says. May fail, or wait, on request."""

    name = "speakers"
    rows = (SpeakerRow,)
    fuse: ClassVar[list[int]] = []
    gate: ClassVar[list[Callable[[], None]]] = []

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        for wait in self.gate:
            wait()
        if self.fuse:
            self.fuse[0] -= 1
            if self.fuse[0] <= 0:
                self.fuse.clear()
                raise Crash
        speaker = recorded.event.speaker
        known = rows.get(SpeakerRow, speaker) or SpeakerRow(speaker, 0)
        rows.put(changed(known, statements=known.statements + self.version))


class Tenfold(Speakers):
    version = 10


class Hundredfold(Speakers):
    version = 100


class Inline(Speakers):
    mode = "inline"


@pytest.fixture(autouse=True)
def _no_failures() -> Iterator[None]:
    yield
    Speakers.fuse.clear()
    Speakers.gate.clear()


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> EventStore:
    return EventStore(engine)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "STEP", 20)
    monkeypatch.setattr(rebuild, "STRIDE", 20)


def say(store: EventStore, count: int, speaker: str = "ann", text: str = "Yes.") -> list[str]:
    """Append statements; their ids."""
    made = [StatementMade(speaker, text) for _ in range(count)]
    return [event.id for event in store.append("all", made).events]


def append(store: EventStore, made: object) -> None:
    store.append("all", [made])


def kept(engine_of: Projector) -> tuple[int, list[Any]]:
    with database.reading(engine_of.store.engine) as connection:
        view = engine_of.view(connection)
        return view.head.position, [
            view.all(cls) for item in engine_of.projections for cls in item.rows
        ]


def folded(projector: Projector, position: int | None = None) -> tuple[int, list[Any]]:
    view = projector.fold(Cutoff(position=position))
    return view.head.position, [
        view.all(cls) for item in projector.projections for cls in item.rows
    ]


def assert_kept_as_folded(projector: Projector) -> None:
    projector.catch_up()
    assert kept(projector) == folded(projector)


def everything(engine: sa.Engine) -> list[str]:
    """The names of all tables, and the checkpoints."""
    with database.reading(engine) as connection:
        return [*sa.inspect(connection).get_table_names(), *map(str, all_builds(connection))]


def plain(engine: sa.Engine, table: str = "speakers") -> dict[str, int]:
    """What SQL finds under the plain name."""
    with engine.connect() as connection:
        result = connection.exec_driver_sql(f"SELECT speaker, statements FROM {table}")
        return dict(map(tuple, result))


def states(engine: sa.Engine) -> dict[int, str]:
    with database.reading(engine) as connection:
        return {build.number: build.state for build in all_builds(connection)}


def words_in_tables(engine: sa.Engine, words: str) -> set[str]:
    inspector, result = sa.inspect(engine), set()
    with engine.connect() as connection:
        for name in (*inspector.get_table_names(), *inspector.get_view_names()):
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            if words in str(connection.execute(sa.select(table)).all()):
                result.add(name)
    return result


# Kept rows equal a fold, whatever happens


class _Played:
    """A history played with crashes, by code of changing versions."""

    def __init__(self, store: EventStore, draw: st.DataObject) -> None:
        self.store, self.draw = store, draw
        self.code: type[Speakers] = Speakers
        self.latest = 0

    def act(self) -> None:
        what = self.draw.draw(st.sampled_from(["nothing", "keep", "rebuild", "crash", "upgrade"]))
        projector = self.projector()
        if what == "upgrade":
            self.code = self.draw.draw(st.sampled_from([Speakers, Tenfold, Hundredfold]))
        elif what == "keep":
            projector.catch_up()
        elif what != "nothing":
            if what == "crash":
                Speakers.fuse[:] = [self.draw.draw(st.integers(1, 8))]
            action = self.draw.draw(
                st.sampled_from([projector.catch_up, lambda: projector.rebuild("speakers")])
            )
            with contextlib.suppress(Crash):
                action()
            Speakers.fuse.clear()

    def projector(self) -> Projector:
        return Projector(self.store, [self.code(), Statements()])

    def hold(self) -> None:
        """Hold what is kept, at every position that anything is kept at, against a fold."""
        with contextlib.suppress(DatabaseBusy):
            position, rows = kept(self.projector())
            assert (position, rows) == folded(self.projector(), position)


@examples(5, 80)
@given(history=histories(), size=st.integers(1, 12), data=st.data())
def test_kept_rows_equal_a_fold_for_all_logs_sizes_crashes_and_versions(
    new_database: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    history: list[Step],
    size: int,
    data: st.DataObject,
) -> None:
    monkeypatch.setattr(rebuild, "STEP", size)
    monkeypatch.setattr(rebuild, "STRIDE", size)
    engine = create_engine(new_database(migrated=True))
    with contextlib.ExitStack() as stack:
        stack.callback(engine.dispose)
        played = _Played(EventStore(engine), data)
        for step in history:
            played.store.append_all(step.events)
            played.act()
            played.hold()
        final = played.projector()

        assert_kept_as_folded(final)
        assert kept(final) == folded(final, played.store.head().position)


# Killed


def rebuild_in_child(url: str, steps: int) -> int:
    """A process that rebuilds, killed after so many steps; how far it had said to have come."""
    ear, mouth = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            engine = create_engine(url)
            shown: list[int] = []

            def tell(position: int, _target: int) -> None:
                shown.append(position)
                if len(shown) > steps:
                    os.write(mouth, b"%d\n" % position)
                    # Killed at whatever point it is at by then.

            Projector(EventStore(engine), [Tenfold()]).rebuild("speakers", progress=tell)
        os._exit(0)
    os.close(mouth)
    heard = os.read(ear, 100)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(ear, "rb") as rest:
        lines = (heard + rest.read()).split()
    return int(lines[-1])


@pytest.mark.skipif(sys.platform == "win32", reason="it forks and kills")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("small_steps")
def test_a_rebuild_that_was_killed_goes_on_where_it_was(
    store: EventStore, engine: sa.Engine, migrated_url: str
) -> None:
    Projector(store, [Speakers()]).catch_up()
    for number in range(10):
        say(store, 150, f"s{number}")
    # SQLite keeps its locks by process: a child must not take ours for its own.
    engine.dispose()

    reached = [rebuild_in_child(migrated_url, steps) for steps in (1, 3, 8, 15)]

    assert reached == sorted(reached)
    assert reached[0] > 0
    assert reached[-1] < 1500
    shown: list[int] = []
    projector = Projector(store, [Tenfold()])
    assert plain(engine) == {}  # the live one, which nobody has caught up
    done = projector.rebuild("speakers", progress=lambda position, _: shown.append(position))
    assert shown[0] >= reached[-1]
    assert (done.number, done.state, done.position) == (2, "live", 1500)
    assert kept(projector) == folded(projector)
    assert plain(engine) == {f"s{number}": 1500 for number in range(10)}


# Beside others


@pytest.mark.usefixtures("small_steps")
def test_two_rebuilds_at_once_make_one_build(store: EventStore, engine: sa.Engine) -> None:
    say(store, 400)
    Projector(store, [Speakers()]).catch_up()
    both = threading.Barrier(2)

    def rebuild() -> Build:
        mine = Projector(store, [Tenfold()])
        both.wait()
        return mine.rebuild("speakers")

    with ThreadPoolExecutor(2) as threads:
        done = [task.result() for task in [threads.submit(rebuild) for _ in range(2)]]

    assert {(build.number, build.state) for build in done} == {(2, "live")}
    assert plain(engine) == {"ann": 4000}
    assert states(engine) == {1: "ready", 2: "live"}


@pytest.mark.usefixtures("small_steps")
def test_a_rebuild_beside_run_reports_appends_and_corrections(
    store: EventStore, engine: sa.Engine
) -> None:
    ids = say(store, 100)
    Projector(store, [Tenfold(), Statements()]).catch_up()
    stop, problems = threading.Event(), []

    def until_stopped(act: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                act()
        except Exception as error:
            problems.append(error)
            raise

    def report() -> None:
        mine = Projector(store, [Tenfold(), Statements()])
        with contextlib.suppress(DatabaseBusy):
            mine.catch_up()
            position, rows = kept(mine)
            assert (position, rows) == folded(mine, position)
        stop.wait(0.05)

    def write() -> None:
        say(store, 1, "bob")
        stop.wait(0.02)

    def correct() -> None:
        if ids:  # on a busy machine there may be time for more corrections than events
            append(store, EventCorrected([ids.pop()], "Misheard.", {"speaker": "cy"}))
        stop.wait(0.2)

    with ThreadPoolExecutor(6) as threads:
        tasks = [threads.submit(until_stopped, act) for act in (report, write, correct)]
        tasks.append(threads.submit(Projector(store, [Tenfold()]).run, stop))
        try:
            for _ in range(2):
                done = Projector(store, [Tenfold()]).rebuild("speakers")
                assert done.state in ("live", "ready")
            appended = store.head().position
        finally:
            stop.set()
        for task in tasks:
            task.result()

    assert not problems
    assert appended > 100
    final = Projector(store, [Tenfold(), Statements()])
    assert_kept_as_folded(final)
    assert plain(engine) == {item.speaker: item.statements for item in folded(final)[1][0]}


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize(
    "amendment",
    [
        lambda ids: EventCorrected([ids[3]], "Misheard.", {"speaker": "bob"}),
        lambda ids: EventRetracted(ids[2:4], "Never said."),
        lambda ids: EventCorrected([ids[-1]], "Misheard.", {"speaker": "bob"}),
    ],
)
def test_what_is_corrected_during_a_build_comes_out_right(
    store: EventStore, amendment: Callable[[list[str]], object]
) -> None:
    ids = say(store, 100)
    shown: list[int] = []

    def progress(position: int, _target: int) -> None:
        shown.append(position)
        if position == 60 and shown.count(60) == 1:
            append(store, amendment(ids))

    projector = Projector(store, [Speakers()])
    done = projector.rebuild("speakers", progress=progress)

    assert done.position == 101
    assert kept(projector) == folded(projector)


@pytest.mark.usefixtures("small_steps")
def test_a_correction_that_reaches_far_back_is_folded_beside_the_live_rows(
    store: EventStore, engine: sa.Engine
) -> None:
    ids = say(store, 100)
    Projector(store, [Speakers()]).catch_up()
    new = Projector(store, [Tenfold()])
    new.catch_up()
    append(store, EventCorrected([ids[3]], "Misheard.", {"speaker": "bob"}))
    seen = []

    def progress(position: int, _target: int) -> None:
        seen.append(plain(engine))
        say(store, 1, "cy")  # nobody waits

    new.catch_up(progress=progress)

    assert seen[0] == {"ann": 1000}
    assert states(engine) == {1: "ready", 3: "live"}  # what to go back to is the other code's
    assert_kept_as_folded(new)
    assert (plain(engine)["ann"], plain(engine)["bob"]) == (990, 10)


@pytest.mark.usefixtures("small_steps")
def test_a_build_ends_though_corrections_keep_coming(store: EventStore) -> None:
    ids = say(store, 100)

    def progress(position: int, target: int) -> None:
        if position == target:
            append(store, EventCorrected([ids.pop(0)], "Misheard.", {"speaker": "bob"}))

    projector = Projector(store, [Speakers()])
    # One more at each end: without a limit it would begin again for ever.
    done = projector.rebuild("speakers", progress=progress)

    assert done.state == "live"
    assert_kept_as_folded(projector)


def test_rows_are_written_a_few_at_a_time(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.engine.rows._FLUSH", 7)
    for number in range(50):
        say(store, 1, f"s{number}")
    shown: list[int] = []
    projector_ = Projector(store, [Speakers()])
    monkeypatch.setattr(rebuild, "STEP", 40)
    monkeypatch.setattr(rebuild, "STRIDE", 40)

    projector_.rebuild("speakers", progress=lambda position, _: shown.append(position))

    assert shown[:4] == [7, 14, 21, 28]
    assert kept(projector_) == folded(projector_)


# Versions side by side


def test_a_version_goes_live_and_back_again(store: EventStore, engine: sa.Engine) -> None:
    old, new = Projector(store, [Speakers()]), Projector(store, [Tenfold()])
    say(store, 1)
    old.catch_up()
    say(store, 1)
    new.catch_up()
    assert plain(engine) == {"ann": 20}

    back = new.go_back("speakers")
    assert (back.number, back.position, plain(engine)) == (1, 1, {"ann": 1})
    say(store, 1)
    assert_kept_as_folded(new)  # which reads its own rows all the same
    assert plain(engine) == {"ann": 1}
    assert_kept_as_folded(old)
    assert plain(engine) == {"ann": 3}

    assert new.go_back("speakers").number == 2
    assert plain(engine) == {"ann": 30}


def test_after_going_back_to_rows_of_the_same_code_they_are_kept(
    store: EventStore, engine: sa.Engine
) -> None:
    projector = Projector(store, [Speakers()])
    say(store, 1)
    projector.catch_up()
    projector.rebuild("speakers")
    projector.go_back("speakers")
    say(store, 1)

    assert_kept_as_folded(projector)
    assert plain(engine) == {"ann": 2}


def test_there_is_nothing_to_go_back_to_at_first(store: EventStore) -> None:
    projector = Projector(store, [Speakers()])
    projector.catch_up()

    with pytest.raises(NotFound, match="no earlier build"):
        projector.go_back("speakers")
    with pytest.raises(NotFound, match="there are: speakers"):
        projector.rebuild("speekers")


def test_only_the_build_that_was_live_before_is_left(store: EventStore, engine: sa.Engine) -> None:
    projector = Projector(store, [Speakers()])
    for _ in range(4):
        projector.rebuild("speakers")

    assert states(engine) == {3: "ready", 4: "live"}
    assert sorted(t for t in sa.inspect(engine).get_table_names() if "speakers" in t) == [
        "timeline_speakers_v3",
        "timeline_speakers_v4",
    ]


def test_after_a_bad_version_the_good_one_before_it_is_what_one_can_go_back_to(
    store: EventStore, engine: sa.Engine
) -> None:
    say(store, 1)
    good = Projector(store, [Speakers()])
    good.catch_up()
    Projector(store, [Tenfold()]).catch_up()
    good.go_back("speakers")
    Projector(store, [Hundredfold()]).catch_up()
    assert plain(engine) == {"ann": 100}

    good.go_back("speakers")

    assert plain(engine) == {"ann": 1}


@row("speakers", key=("speaker",))
class RenamedRow:
    speaker: str
    statements: int
    longest: int


class Renamed(Projection):
    """Keeps rows of a name that another projection kept before."""

    name = "speaker-statistics"
    rows = (RenamedRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        said = recorded.event
        known = rows.get(RenamedRow, said.speaker) or RenamedRow(said.speaker, 0, 0)
        longest = max(known.longest, len(said.text))
        rows.put(changed(known, statements=known.statements + 1000, longest=longest))


def test_rows_may_move_from_one_projection_to_another(store: EventStore, engine: sa.Engine) -> None:
    say(store, 1)
    before, after = Projector(store, [Speakers()]), Projector(store, [Renamed()])
    before.catch_up()

    assert_kept_as_folded(after)
    assert plain(engine) == {"ann": 1000}
    # The code before still has its own rows; and a newer version of it takes no name from others
    # that it does not keep.
    assert_kept_as_folded(before)
    assert plain(engine) == {"ann": 1000}
    assert_kept_as_folded(Projector(store, [Tenfold()]))
    assert plain(engine) == {"ann": 10}
    assert_kept_as_folded(after)


@pytest.mark.parametrize("held", [False, True])
def test_code_whose_build_is_gone_builds_it_again(
    store: EventStore, engine: sa.Engine, held: bool
) -> None:
    say(store, 3)
    projector = Projector(store, [Tenfold()])
    projector.rebuild("speakers", hold=held)
    with database.writing(engine) as connection:
        [build] = all_builds(connection)
        if build.state == "live":
            connection.exec_driver_sql("DROP VIEW speakers")
        builds.drop(connection, build)

    assert_kept_as_folded(projector)


def test_a_table_of_somebody_else_is_left_alone(store: EventStore, engine: sa.Engine) -> None:
    with database.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE speakers (mine INTEGER)")

    Projector(store, [Speakers()]).catch_up()

    with database.reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT mine FROM speakers").all() == []
        ours = connection.exec_driver_sql("SELECT count(*) FROM timeline_speakers").scalar()
    assert ours == 0


# Held, and compared


def test_held_rows_wait_and_are_kept_by_their_code(store: EventStore, engine: sa.Engine) -> None:
    say(store, 2)
    Projector(store, [Speakers()]).catch_up()
    new = Projector(store, [Tenfold()])

    assert new.rebuild("speakers", hold=True).state == "built"
    say(store, 1)
    assert_kept_as_folded(new)
    assert kept(new)[1] == [[SpeakerRow("ann", 30)]]
    assert plain(engine) == {"ann": 2}

    assert new.rebuild("speakers").state == "live"
    assert plain(engine) == {"ann": 30}


def test_versions_are_compared_at_one_position(store: EventStore, engine: sa.Engine) -> None:
    say(store, 1, "ann")
    say(store, 2, "bob")
    Projector(store, [Speakers()]).catch_up()
    say(store, 1, "cy")

    result = Projector(store, [Tenfold()]).compare("speakers")

    assert (result.build, result.position) == (1, 3)
    assert (result.added, result.removed, result.changed) == (0, 0, 2)
    assert result.first == (
        Difference("speakers", ("ann",), "changed", {"statements": (1, 10)}),
        Difference("speakers", ("bob",), "changed", {"statements": (2, 20)}),
    )
    assert plain(engine) == {"ann": 1, "bob": 2}

    assert Projector(store, [Tenfold()]).rebuild("speakers").position == 4
    assert plain(engine) == {"ann": 10, "bob": 20, "cy": 10}


def test_live_rows_that_were_tampered_with_show(store: EventStore, engine: sa.Engine) -> None:
    say(store, 2, "ann")
    say(store, 1, "bob")
    projector = Projector(store, [Speakers()])
    projector.catch_up()
    with database.writing(engine) as connection:
        connection.exec_driver_sql(
            "UPDATE timeline_speakers_v1 SET statements = 7 WHERE speaker = 'ann'"
        )
        connection.exec_driver_sql("DELETE FROM timeline_speakers_v1 WHERE speaker = 'bob'")
        connection.exec_driver_sql("INSERT INTO timeline_speakers_v1 VALUES ('dan', 1)")
    say(store, 1, "ann")
    before = everything(engine)

    (result,) = projector.altered()

    assert result == projector.compare("speakers")
    assert result.position == 3
    assert result.first == (
        Difference("speakers", ("dan",), "removed"),
        Difference("speakers", ("bob",), "added"),
        Difference("speakers", ("ann",), "changed", {"statements": (7, 2)}),
    )
    assert everything(engine) == before
    projector.rebuild("speakers")
    assert projector.altered() == []
    assert plain(engine) == {"ann": 3, "bob": 1}


def test_rows_of_other_columns_are_compared_by_those_they_share(store: EventStore) -> None:
    class Wider(Renamed):
        name = "speakers"
        version = 2

    say(store, 1, "ann")
    Projector(store, [Speakers()]).catch_up()

    result = Projector(store, [Wider()]).compare("speakers")

    assert result.first == (Difference("speakers", ("ann",), "changed", {"statements": (1, 1000)}),)


def test_of_very_many_differences_the_first_are_told(store: EventStore) -> None:
    store.append("all", [StatementMade(f"s{number:04}", "Yes.") for number in range(2500)])
    Projector(store, [Speakers()]).catch_up()

    result = Projector(store, [Tenfold()]).compare("speakers")

    assert result.changed == 2500
    assert [item.key for item in result.first] == [(f"s{number:04}",) for number in range(20)]


def test_rows_that_are_as_the_log_gives_them_do_not_differ(store: EventStore) -> None:
    say(store, 30, "ann")
    (said,) = say(store, 1, "bob")
    projector = Projector(store, [Speakers()])
    projector.catch_up()
    store.append("all", [EventRetracted([said], "A mistake.")])

    assert projector.altered() == []
    projector.catch_up()
    assert projector.altered() == []


def test_views_that_were_replaced_show(store: EventStore, engine: sa.Engine) -> None:
    say(store, 2, "ann")
    projector = Projector(store, [Speakers()])
    projector.catch_up()
    assert projector.problems() == []

    with database.writing(engine) as connection:
        connection.exec_driver_sql("DROP VIEW speakers")
        connection.exec_driver_sql(
            "CREATE VIEW speakers AS SELECT speaker, 9 AS statements FROM timeline_speakers_v1"
        )
    (problem,) = projector.problems()
    assert "the view 'speakers' does not show the table 'timeline_speakers_v1'" in problem
    projector.rebuild("speakers")
    assert projector.problems() == []


def test_without_live_rows_there_is_nothing_to_compare(store: EventStore) -> None:
    with pytest.raises(NotFound, match="no live build"):
        Projector(store, [Speakers()]).compare("speakers")


# Takedowns

WORDS = "unsayable"


def take_down(store: EventStore, id: str, mine: Projector) -> None:
    """As `Timeline.redact` does, but for the files."""
    redact(store, id, "A court said so.")
    mine.catch_up()
    mine.forget_others()


@pytest.mark.usefixtures("small_steps")
def test_words_taken_down_go_from_every_build(store: EventStore, engine: sa.Engine) -> None:
    class Later(Statements):
        version = 1000

    class Latest(Statements):
        version = 1001

    [id] = say(store, 1, text=WORDS)
    say(store, 100)
    Projector(store, [Statements()]).catch_up()
    Projector(store, [Later()]).rebuild("statements")
    Projector(store, [Latest()]).rebuild("statements", hold=True)
    with contextlib.suppress(Crash):
        Projector(store, [_Stopping()]).rebuild("stopping", progress=_crash)
    # The log and the view of it, four builds, one live view.
    assert len(words_in_tables(engine, WORDS)) == 2 + 4 + 1

    take_down(store, id, Projector(store, [Later()]))

    assert words_in_tables(engine, WORDS) == set()
    for code in (Statements, Later, Latest):
        assert_kept_as_folded(Projector(store, [code()]))
    assert words_in_tables(engine, WORDS) == set()


@row("stopping", key=("event",))
class StoppingRow:
    event: str
    text: str


class _Stopping(Projection):
    name = "stopping"
    rows = (StoppingRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        for wait in Speakers.gate:
            wait()
        rows.put(StoppingRow(recorded.id, recorded.event.text))


def _crash(position: int, _target: int) -> None:
    if position >= 40:
        raise Crash


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("forgotten", [True, False])
def test_a_build_under_way_does_not_write_words_back(
    store: EventStore, engine: sa.Engine, forgotten: bool
) -> None:
    [id] = say(store, 1, text=WORDS)
    say(store, 50)
    read, taken = threading.Event(), threading.Event()

    def wait() -> None:
        read.set()
        assert taken.wait(30)

    Speakers.gate.append(wait)
    with ThreadPoolExecutor(1) as threads:
        task = threads.submit(Projector(store, [_Stopping()]).rebuild, "stopping", hold=True)
        assert read.wait(30)  # in the midst of a step, with the words in its hands
        Speakers.gate.clear()
        redact(store, id, "A court said so.")
        if forgotten:  # else the takedown was killed here
            Projector(store, []).forget_others()
        taken.set()
        task.result()

    assert words_in_tables(engine, WORDS) == set()


# Readers and roles


@only_postgresql
def test_readers_by_plain_names_are_never_stuck_behind_a_rebuild(
    store: EventStore, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.log.failures._PATIENCE", FOREVER)
    say(store, 3)
    Projector(store, [Speakers()]).catch_up()
    new = Projector(store, [Tenfold()])
    with ThreadPoolExecutor(1) as threads, engine.connect() as long, long.begin():
        long.exec_driver_sql("SELECT * FROM speakers")
        rebuild = threads.submit(new.rebuild, "speakers")
        until(lambda: waiting_for_a_lock(engine))
        for _ in range(10):
            plain(engine)
            say(store, 1)
        assert not rebuild.done()
        long.rollback()
        assert rebuild.result().state == "live"

    new.catch_up()
    assert plain(engine) == {"ann": 10 * store.head().position}


@only_postgresql
def test_a_rebuild_gives_up_where_a_reader_holds_the_rows_for_long(
    store: EventStore, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.log.failures._PATIENCE", 0.1)
    say(store, 3)
    Projector(store, [Speakers()]).catch_up()
    new = Projector(store, [Tenfold()])
    with engine.connect() as long, long.begin():
        long.exec_driver_sql("SELECT * FROM speakers")
        with pytest.raises(DatabaseBusy):
            new.rebuild("speakers")

    assert new.rebuild("speakers").state == "live"
    assert plain(engine) == {"ann": 30}


@only_postgresql
def test_tables_are_not_dropped_while_a_report_reads_them(
    store: EventStore, engine: sa.Engine
) -> None:
    say(store, 3)
    projector = Projector(store, [Speakers()])
    projector.catch_up()
    with database.reading(engine) as connection:
        view = projector.view(connection)
        for _ in range(3):
            projector.rebuild("speakers")
        assert view.all(SpeakerRow) == [SpeakerRow("ann", 3)]
    assert 1 in states(engine)

    projector.rebuild("speakers")

    assert 1 not in states(engine)


@only_postgresql
def test_views_and_rights_of_others_on_the_plain_names_stay(
    store: EventStore, engine: sa.Engine
) -> None:
    Projector(store, [Speakers()]).catch_up()
    with database.writing(engine) as connection:
        connection.exec_driver_sql("CREATE VIEW loud AS SELECT * FROM speakers")
        connection.exec_driver_sql("GRANT SELECT ON speakers TO PUBLIC")
    say(store, 3)

    Projector(store, [Tenfold()]).catch_up()

    assert plain(engine, "loud") == {"ann": 30}
    with engine.connect() as connection:
        assert connection.scalar(
            sa.text(
                "SELECT count(*) FROM information_schema.role_table_grants "
                "WHERE table_name = 'speakers' AND grantee = 'PUBLIC'"
            )
        )


@pytest.fixture
def record(migrated_url: str) -> Iterator[Timeline]:
    with Timeline.open(migrated_url, projections=[Inline()]) as record:
        yield record


# As part of a Timeline


def tell(record: Timeline, speaker: str = "ann", **fields: Any) -> int:
    news = [NewEvent(StatementMade(speaker, "Yes."), evidence=(), **fields)]
    return record._projector.append(news).position


def test_inline_rows_are_there_with_the_append(record: Timeline) -> None:
    tell(record)
    assert plain(record.store.engine) == {"ann": 1}
    tell(record, "bob")
    tell(record)

    assert plain(record.store.engine) == {"ann": 2, "bob": 1}
    with record.view() as view:
        assert view.all(SpeakerRow) == [SpeakerRow("ann", 2), SpeakerRow("bob", 1)]
        assert len(view.all(StatementRow)) == 3
        assert view.head.position == 3


def test_an_append_whose_inline_rows_fail_is_not_made(record: Timeline) -> None:
    tell(record)
    Speakers.fuse[:] = [1]

    with pytest.raises(Crash) as failed:
        tell(record, id="bad")

    assert "in projection 'speakers', at position 2: StatementMade 'bad'" in str(
        failed.value.__notes__
    )
    assert record.store.head().position == 1
    tell(record, id="bad")
    assert plain(record.store.engine) == {"ann": 2}


def test_an_amendment_that_was_taken_back_with_its_append_changes_nothing(record: Timeline) -> None:
    def together(*made: object) -> None:
        record._projector.append([NewEvent(item, stream="all") for item in made])

    tell(record, id="x")
    tell(record, id="y")
    Speakers.fuse[:] = [2]
    with pytest.raises(Crash):
        together(EventRetracted(["x"], "Never said."), StatementMade("bob", "Yes."))
    together(StatementMade("bob", "Yes."), StatementMade("bob", "No."))

    together(EventRetracted(["y"], "Never said."))

    assert plain(record.store.engine) == {"ann": 1, "bob": 2}
    folded = record._projector.fold()
    assert folded.all(SpeakerRow) == [SpeakerRow("ann", 1), SpeakerRow("bob", 2)]


def test_a_retried_append_counts_once_inline(record: Timeline) -> None:
    assert tell(record, id="x") == tell(record, id="x") == 1
    assert plain(record.store.engine) == {"ann": 1}


def test_inline_rows_follow_corrections(record: Timeline) -> None:
    record.add(Actor("ann", "person", "Ann"), Actor("bob", "person", "Bob"))
    tell(record, id="x")
    record.append(EventCorrected(["x"], "Misheard.", {"speaker": "bob"}))
    assert plain(record.store.engine) == {"bob": 1}
    record.append(EventRetracted(["x"], "Never said."))
    assert plain(record.store.engine) == {}


def test_many_append_inline_at_once_and_report(record: Timeline) -> None:
    def write(name: str) -> None:
        for _ in range(15):
            tell(record, name)

    def report() -> None:
        for _ in range(15):
            with record.view() as view:
                counted = sum(item.statements for item in view.all(SpeakerRow))
                assert counted == len(view.all(StatementRow)) == view.head.position

    with ThreadPoolExecutor(4) as threads:
        tasks = [threads.submit(write, name) for name in ("ann", "bob")]
        tasks += [threads.submit(report), threads.submit(record.rebuild, "speakers")]
        for task in tasks:
            task.result()

    assert plain(record.store.engine) == {"ann": 15, "bob": 15}


@only_postgresql
def test_a_writer_without_rights_to_the_rows_appends_all_the_same(record: Timeline) -> None:
    engine = record.store.engine
    tell(record)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("CREATE ROLE scribe_of_builds LOGIN")
    try:
        grants.grant(engine, "writer", "scribe_of_builds")
        url = engine.url.set(username="scribe_of_builds")
        with Timeline.open(url, projections=[Inline()]) as scribe:
            tell(scribe, "bob")
            with scribe.view() as view:
                assert len(view.all(SpeakerRow)) == 2
        assert plain(engine) == {"ann": 1}
        with record.view():
            assert plain(engine) == {"ann": 1, "bob": 1}
    finally:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("DROP OWNED BY scribe_of_builds")
            connection.exec_driver_sql("DROP ROLE scribe_of_builds")


def test_run_keeps_the_rows_up_and_wait_for_says_when(migrated_url: str) -> None:
    with (
        Timeline.open(migrated_url, projections=[Speakers()]) as writer,
        Timeline.open(migrated_url, projections=[Speakers()]) as keeper,
    ):
        with pytest.raises(DatabaseBusy, match=r"position 1 within 0\.05 s.*timeline run"):
            writer.wait_for(1, timeout=0.05)
        stop, shown = threading.Event(), []
        with ThreadPoolExecutor(1) as threads:
            run = threads.submit(keeper.run, stop, lambda *at: shown.append(at))
            try:
                for count in range(1, 6):
                    writer.wait_for(tell(writer), timeout=FOREVER)
                    assert plain(writer.store.engine) == {"ann": count}
            finally:
                stop.set()
            run.result()
        assert shown[-1] == (5, 5)
        assert {line.lag for line in writer.status()} == {0}


@only_postgresql
def test_run_outlives_lost_connections(migrated_url: str) -> None:
    with (
        Timeline.open(migrated_url, projections=[Speakers()]) as writer,
        Timeline.open(migrated_url, projections=[Speakers()]) as keeper,
        ThreadPoolExecutor(1) as threads,
    ):
        stop = threading.Event()
        run = threads.submit(keeper.run, stop)
        try:
            writer.wait_for(tell(writer), timeout=FOREVER)
            for _ in range(5):
                with writer.store.engine.connect() as connection:
                    connection.exec_driver_sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                writer.store.engine.dispose()
                writer.wait_for(tell(writer), timeout=FOREVER)
        finally:
            stop.set()
        run.result()


def test_status_shows_what_is_there_and_what_lags(store: EventStore) -> None:
    say(store, 3)
    old, new = Projector(store, [Inline()]), Projector(store, [Tenfold(), Statements()])
    old.catch_up()
    say(store, 2)
    new.rebuild("speakers")

    lines = [
        (line.projection, line.mode, line.build, line.state, line.ours, line.position, line.lag)
        for line in new.status()
    ]

    assert lines == [
        ("speakers", "background", 1, "ready", False, 3, 2),
        ("speakers", "background", 2, "live", True, 5, 0),
        ("statements", "background", 0, "building", True, 0, 5),
    ]


def test_projections_of_ones_own_stand_beside_the_built_in_ones(migrated_url: str) -> None:
    class Mine(Projection):
        name = "statements"
        rows = (SpeakerRow,)

    with pytest.raises(InvalidProjection, match="two projections have the name 'statements'"):
        Timeline.open(migrated_url, projections=[Mine()])


# What the fingerprint covers

MODULE = '''
from timeline import Projection, RecordedEvent, Rows, StatementMade, on, row

LIMIT = 5

@row("speakers", key=("speaker",))
class SpeakerRow:
    speaker: str
    statements: int

def counted(number):
    return number + 1

class Speakers(Projection):
    """Counts."""
    name, rows = "speakers", (SpeakerRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Count one."""
        known = rows.get(SpeakerRow, recorded.event.speaker)
        count = counted(known.statements if known else 0)
        rows.put(SpeakerRow(recorded.event.speaker, min(count, LIMIT)))  # no more
'''


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The fingerprint of the projection in `MODULE`, with some text in it replaced."""
    monkeypatch.syspath_prepend(tmp_path)

    def fingerprint(old: str = "", new: str = "", *, source: bool = True) -> str:
        name = f"fingerprinted_{uuid.uuid4().hex}"
        text = MODULE.replace(old, new) if old else MODULE
        if source:
            (tmp_path / f"{name}.py").write_text(text)
            importlib.invalidate_caches()
            result = vars(importlib.import_module(name))
        else:
            result = {"__name__": "__main__"}
            exec(text, result)
        return builds.fingerprint(result["Speakers"]())

    return fingerprint


@pytest.mark.parametrize("source", [True, False], ids=["in a module", "without source"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("known.statements if known else 0", "0"),
        ("recorded.event.speaker,", "recorded.event.text,"),
        ("min(count", "max(count"),
        ("statements: int", "statements: float"),
        ('key=("speaker",)', 'key=("speaker", "statements")'),
        ('"""Counts."""', "version = 2"),
    ],
)
def test_changed_code_has_another_fingerprint(
    printed: Callable[..., str], old: str, new: str, source: bool
) -> None:
    assert printed(source=source) == printed(source=source)
    assert printed(source=source) != printed(old, new, source=source)


@pytest.mark.parametrize(("old", "new"), [("number + 1", "number + 2"), ("LIMIT = 5", "LIMIT = 6")])
def test_the_module_that_a_projection_stands_in_counts(
    printed: Callable[..., str], old: str, new: str
) -> None:
    assert printed() != printed(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [("  # no more", ""), ('"""Counts."""', '"""Other words."""'), ("\n\n", "\n\n\n")],
)
def test_what_is_only_for_people_does_not_count(
    printed: Callable[..., str], old: str, new: str
) -> None:
    assert printed() == printed(old, new)


def test_the_module_of_a_base_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    prints = []
    for text in (MODULE, MODULE.replace("number + 1", "number + 2")):
        name = f"base_{uuid.uuid4().hex}"
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        base = importlib.import_module(name).Speakers
        prints.append(builds.fingerprint(type("Heir", (base,), {"__module__": __name__})()))

    assert len(set(prints)) == 2


# The command line

COMMAND = Path(sys.executable).parent / "timeline"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_url: str) -> Path:
    monkeypatch.setenv("TIMELINE_URL", migrated_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "later.py").write_text(MODULE.replace("number + 1", "number + 10"))
    return tmp_path


def command(*words: str, module: str = "mine", code: int = 0) -> str:
    sys.modules.pop(module, None)  # as in a process of its own
    done = CliRunner().invoke(cli, ["--events", module, *words])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.usefixtures("folder")
def test_a_projection_of_ones_own_from_the_shell(store: EventStore, engine: sa.Engine) -> None:
    say(store, 2, "ann")
    say(store, 1, "bob")
    assert "build 1 of speakers, at position 3, is live" in command("rebuild", "speakers")
    assert command("rebuild", "speakers", "--diff").splitlines() == [
        "speakers at position 3, build 1 against a fold:",
        "0 added, 0 removed, 0 changed.",
    ]
    result = command("rebuild", "speakers", "--diff", module="later", code=1).splitlines()
    assert result == [
        "speakers at position 3, build 1 against a fold:",
        "  changed   speakers ann  statements: 2 → 5",
        "  changed   speakers bob  statements: 1 → 5",
        "0 added, 0 removed, 2 changed.",
    ]
    assert plain(engine) == {"ann": 2, "bob": 1}

    assert "is live" in command("rebuild", "speakers", module="later")
    assert plain(engine) == {"ann": 5, "bob": 5}
    say(store, 1, "cy")
    with store.batch("mailer", limit=1):
        pass
    lines = command("status").splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["subscription", "position", "lag"],
        ["mailer", "1", "3"],
    ]
    assert lines[0].split() == ["projection", "mode", "build", "state", "position", "lag"]
    mine = [line.split() for line in lines if line.startswith("speakers")]
    assert mine == [
        ["speakers", "background", "1", "ready", "3", "1"],
        ["speakers", "background", "2", "live,", "by", "other", "code", "3", "1"],
    ]
    assert "is live" in command("rebuild", "speakers", "--back")
    assert plain(engine) == {"ann": 2, "bob": 1}

    status = json.loads(command("status", "--format", "json"))
    assert status["subscriptions"] == [{"name": "mailer", "position": 1, "lag": 3}]
    assert [item for item in status["projections"] if item["projection"] == "speakers"] == [
        {
            "projection": "speakers",
            "mode": "background",
            "build": number,
            "version": 1,
            "state": state,
            "ours": ours,
            "position": 3,
            "lag": 1,
        }
        for number, state, ours in [(1, "live", True), (2, "ready", False)]
    ]


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_rebuilt_is_said() -> None:
    assert "no projection 'speekers'" in command("rebuild", "speekers", code=1)
    assert "no earlier build" in command("rebuild", "speakers", "--back", code=1)
    assert "no live build" in command("rebuild", "speakers", "--diff", code=1)
    assert "choose one" in command("rebuild", "speakers", "--back", "--hold", code=2)


def test_a_projection_that_needs_arguments_is_named(folder: Path) -> None:
    more = "\n    def __init__(self, count):\n        pass\n"
    (folder / "mine.py").write_text(MODULE + more)

    assert "mine.Speakers: expected a projection" in command("status", code=2)


@pytest.mark.usefixtures("folder")
@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_from_the_shell_ends_when_asked(
    store: EventStore, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    spec = importlib.util.spec_from_file_location("mine", "mine.py")
    assert spec is not None
    assert spec.loader is not None
    mine = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mine", mine)
    spec.loader.exec_module(mine)
    command = [COMMAND, "--events", "mine", "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        try:
            say(store, 3)
            Projector(store, [mine.Speakers()]).wait_for(3, timeout=FOREVER)
            assert plain(engine) == {"ann": 3}
            run.send_signal(number)
            said, _ = run.communicate()
        finally:
            run.kill()
    assert (run.returncode, said) == (0, b"")


# Views while others append


@row("overheard", key=("event",))
class OverheardRow:
    event: str


class Overheard(Projection):
    """Keeps every statement; while it does, something else may happen once."""

    name, rows = "overheard", (OverheardRow,)
    meanwhile: Callable[[], object] | None = None

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        happening, self.meanwhile = self.meanwhile, None
        if happening is not None:
            happening()
        rows.put(OverheardRow(recorded.id))


@pytest.mark.usefixtures("small_steps")
def test_rows_that_came_unequally_far_in_a_long_catching_up_are_caught_up_again(
    migrated_url: str, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, overheard = say(store, 30), Overheard()
    monkeypatch.setattr("timeline.record.maintenance._PATIENCE", 0.0)  # as after a long one
    with Timeline.open(migrated_url, projections=[Speakers(), overheard], builtins=False) as record:
        with record.view() as view:
            assert len(view.all(OverheardRow)) == 30
        # Both are built again, one after the other, and only the second finds what comes between.
        append(store, EventCorrected([ids[0]], "Misheard.", {"speaker": "bob"}))
        overheard.meanwhile = lambda: say(store, 1)

        with record.view() as view:
            assert isinstance(view, KeptView)
            assert view.head.position == 32
            assert len(view.all(OverheardRow)) == 31
