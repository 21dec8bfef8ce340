"""Events within the caller's own transaction: they count with the caller's rows, or not at all."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from timeline import (
    Actor,
    ActorsMerged,
    EventRetracted,
    InvalidEvent,
    InvalidInput,
    NewEvent,
    ProposalMade,
    Source,
    StatementMade,
    Timeline,
    UnknownReference,
    WrongExpectedVersion,
)
from timeline.engine.projection import Projection, Rows, on, row
from timeline.errors import DatabaseBusy, EventIdReused
from timeline.events import RecordedEvent
from timeline.log import failures
from timeline.log.append import Appended
from timeline.log.database import create_engine

DESK = sa.MetaData()
notes = sa.Table("notes", DESK, sa.Column("text", sa.Text, primary_key=True))


class Base(orm.DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"
    text: orm.Mapped[str] = orm.mapped_column(primary_key=True)


@row("said_by", key=("speaker",))
class SaidBy:
    speaker: str
    last: str


class LastWords(Projection):
    name = "last_words"
    mode = "inline"
    rows = (SaidBy,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        rows.put(SaidBy(recorded.event.speaker, recorded.event.text))


@pytest.fixture
def record(kept_url: str) -> Iterator[Timeline]:
    with Timeline.open(kept_url, projections=[LastWords()]) as record:
        record.add(
            Actor("ann", "person", "Ann Alder"),
            Actor("beacon", "organisation", "The Beacon"),
            Source("beacon-1", "beacon", "On the harbour"),
        )
        proposed = ProposalMade("harbour", "Joint harbour", "ann", "A harbour.")
        record.append(proposed, source="beacon-1")
        record.append(SAID, source="beacon-1", id="ann-for")
        with record.store.engine.begin() as connection:
            DESK.create_all(connection)
            Base.metadata.create_all(connection)
        yield record


@pytest.fixture(params=["the store's engine", "an engine of the caller's"])
def engine(request: pytest.FixtureRequest, record: Timeline, kept_url: str) -> Iterator[sa.Engine]:
    if request.param == "the store's engine":
        yield record.store.engine
        return
    url = sa.make_url(kept_url)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def last_words(record: Timeline, speaker: str) -> str | None:
    with record.view() as view:
        kept = view.get(SaidBy, speaker)
    return None if kept is None else kept.last


def notes_in(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(notes.c.text)))


SAID = StatementMade("ann", "Soon.", about=["harbour"])

YAML = """\
record: later
events:
  - said: Never.
    by: ann
    about: harbour
    source: beacon-1
"""


def by_append(record: Timeline, connection: sa.Connection, _: Path) -> Appended:
    return record.append(SAID, source="beacon-1", connection=connection)


def by_append_all(record: Timeline, connection: sa.Connection, _: Path) -> Appended:
    new = NewEvent(EventRetracted(["ann-for"], "A rumour."))
    return record.append_all([new], connection=connection)


def by_add(record: Timeline, connection: sa.Connection, _: Path) -> Appended:
    return record.add(Actor("eve", "person", "Eve"), connection=connection)


def by_say(record: Timeline, connection: sa.Connection, _: Path) -> Appended:
    said = record.say("Ann Alder", "Never.", source="beacon-1", connection=connection)
    return Appended(1, said.position, lambda: [said])


def by_ingest(record: Timeline, connection: sa.Connection, folder: Path) -> Appended:
    file = folder / "later.yaml"
    file.write_text(YAML, encoding="utf-8")
    return record.ingest(file, connection=connection)


WAYS = [by_append, by_append_all, by_add, by_say, by_ingest]


@pytest.mark.parametrize("way", WAYS)
def test_rows_of_the_caller_and_events_count_together_or_not_at_all(
    record: Timeline,
    engine: sa.Engine,
    tmp_path: Path,
    way: Callable[[Timeline, sa.Connection, Path], Appended],
) -> None:
    before = record.store.head().position
    with contextlib.suppress(ZeroDivisionError), engine.begin() as connection:
        connection.execute(notes.insert().values(text="undone"))
        assert way(record, connection, tmp_path).position == before + 1
        raise ZeroDivisionError
    assert (record.store.head().position, notes_in(engine)) == (before, [])

    with engine.begin() as connection:
        connection.execute(notes.insert().values(text="done"))
        way(record, connection, tmp_path)
    assert (record.store.head().position, notes_in(engine)) == (before + 1, ["done"])


def test_a_session_takes_events_in(record: Timeline, engine: sa.Engine) -> None:
    before = record.store.head().position
    with orm.Session(engine) as session:
        assert session.get(Task, "call") is None  # it has read: now it writes
        session.add(Task(text="call"))
        session.flush()
        record.say("ann", "Never.", source="beacon-1", connection=session.connection())
        session.add(Task(text="call again"))
        session.rollback()
        assert record.store.head().position == before

        session.add(Task(text="call"))
        record.say("ann", "Never.", source="beacon-1", connection=session.connection())
        session.commit()
        assert session.get(Task, "call") is not None
    assert last_words(record, "ann") == "Never."
    assert record.store.head().position == before + 1


def test_checks_and_reports_see_what_is_not_committed_yet(
    record: Timeline, engine: sa.Engine
) -> None:
    with contextlib.suppress(ZeroDivisionError), engine.begin() as connection:
        here = record.within(connection)
        here.add(Actor("eve", "person", "Eve Elder"))
        here.say("Eve Elder", "Now.", about="harbour", source="beacon-1")
        assert last_words(here, "eve") == "Now."
        assert "eve" in {actor.actor for actor in here.actors().actors}
        assert here.statements(speaker="eve").statements[0].text == "Now."
        here.append(EventRetracted(["ann-for"], "A rumour."))
        assert not here.statements(speaker="ann").statements
        raise ZeroDivisionError
    assert last_words(record, "eve") is None
    assert len(record.statements(speaker="ann").statements) == 1


def test_a_call_that_fails_leaves_the_transaction_as_it_was(
    record: Timeline, engine: sa.Engine
) -> None:
    before = record.store.head().position
    with engine.begin() as connection:
        here = record.within(connection)
        connection.execute(notes.insert().values(text="kept"))
        with pytest.raises(InvalidEvent, match="needs evidence"):
            here.append(SAID)
        with pytest.raises(UnknownReference, match="nobody"):
            here.append(StatementMade("nobody", "Soon."), source="beacon-1")
        with pytest.raises(EventIdReused):
            here.append(SAID, source="beacon-1", id="actor/ann")
        with pytest.raises(WrongExpectedVersion):
            here.append(SAID, source="beacon-1", expected_version=7)
        with pytest.raises(InvalidEvent, match="merged into itself"):
            here.append(ActorsMerged("ann", ["ann"], "The same."))
        assert here.append(SAID, source="beacon-1").position == before + 1
    assert notes_in(engine) == ["kept"]
    assert record.verify(rows=True).position == before + 1


def test_what_cannot_be_a_part_of_a_transaction_is_refused(
    record: Timeline, engine: sa.Engine, tmp_path: Path
) -> None:
    end = record.store.head().position
    with engine.begin() as connection:
        here = record.within(connection)
        with pytest.raises(InvalidInput, match="cannot be a part of your transaction"):
            here.redact("ann-for", reason="Private.")
    with pytest.raises(InvalidInput, match="found a closed one"):
        here.append(SAID, source="beacon-1")
    by_itself = sa.create_engine(record.store.engine.url, isolation_level="AUTOCOMMIT")
    with (
        by_itself.connect() as connection,
        pytest.raises(InvalidInput, match="found one in AUTOCOMMIT"),
    ):
        record.within(connection)
    by_itself.dispose()
    other = create_engine(f"sqlite:///{tmp_path}/other.db")
    if record.store.engine.dialect.name == "postgresql":
        with (
            other.connect() as connection,
            pytest.raises(InvalidInput, match="to the record's database, which psycopg opens"),
        ):
            record.within(connection)
    other.dispose()
    assert record.verify().position == end


def test_many_sessions_that_read_and_then_write_all_get_their_turn(
    record: Timeline, engine: sa.Engine
) -> None:
    """SQLite refuses a transaction that reads first, and then writes, if another was faster."""
    before, problems = record.store.head().position, []

    def work(number: int) -> None:
        try:
            for turn in range(4):
                with orm.Session(record.store.engine) as session:
                    assert session.get(Task, "nothing") is None
                    session.add(Task(text=f"{number}-{turn}"))
                    record.append(SAID, source="beacon-1", connection=session.connection())
                    session.commit()
        except Exception as error:
            problems.append(error)
            raise

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert record.store.head().position == before + 32


def test_a_lock_of_the_callers_own_ends_in_an_error_that_says_so(
    record: Timeline, kept_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_PATIENCE", 0.0)
    sqlite = record.store.engine.dialect.name == "sqlite"
    limit = "timeout=0.2" if sqlite else "options=-c%20lock_timeout%3D200"
    url = f"{kept_url}{'&' if '?' in kept_url else '?'}{limit}"
    with Timeline.open(url) as impatient, record.store.engine.begin() as connection:
        record.append(SAID, source="beacon-1", connection=connection)
        with pytest.raises(DatabaseBusy, match=r"a transaction of your own.*connection=") as busy:
            impatient.append(SAID, source="beacon-1")
        assert "end that first" in str(busy.value)
