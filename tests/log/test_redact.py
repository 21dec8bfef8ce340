"""Takedowns: the words are gone for good, and all else is as it was."""

import contextlib
import random
import string
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import servers
import sqlalchemy as sa
from waiting import until

from timeline import (
    Actor,
    Attendance,
    AttendanceReported,
    DatabaseBusy,
    EventCorrected,
    EventRetracted,
    Evidence,
    InvalidEvent,
    InvalidInput,
    Link,
    MeetingHeld,
    NewEvent,
    NotFound,
    ProposalMade,
    Source,
    StatementMade,
    Timeline,
)
from timeline.errors import DatabaseReadOnly, EventIdReused
from timeline.events import EventRedacted, Redacted
from timeline.log import redact
from timeline.log.database import create_engine
from timeline.log.digests import body_digest
from timeline.log.schema import events

GAZETTE = Actor("gazette", "organisation", "The Gazette")
ANN = Actor("ann", "person", "Ann of Zyrkwhistle")
BOB = Actor("bob", "person", "Bob")
ARTICLE = Source("article", publisher="gazette", title="Qvorblinder on the union")

# No compression makes these shorter, so they stand in files as they are, if they do.
_random = random.Random(3)
LONG = "".join(_random.choices(string.ascii_letters + string.digits, k=9_000))
EXCERPT = "".join(_random.choices(string.ascii_letters + string.digits, k=300))
PLACE = "para xqzplover 17"
WORDS = [PLACE, EXCERPT, *(LONG[at : at + 40] for at in range(0, 9_000, 1_000))]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_PATIENCE", 0.5)


on_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture
def timeline(kept_url: str) -> Iterator[Timeline]:
    with Timeline.open(kept_url) as opened:
        opened.add(GAZETTE, ANN, BOB, ARTICLE)
        opened.append(ProposalMade("union", "A union", by="bob", text="For all."), source="article")
        yield opened


def say(timeline: Timeline, id: str = "said", text: str = LONG) -> NewEvent:
    """Append what is to be taken down."""
    new = NewEvent(
        StatementMade("ann", text, about=["union"]),
        id=id,
        occurred="2022-11~",
        evidence=[Evidence("article", PLACE, EXCERPT, [Link("gazette")])],
    )
    timeline.append_all([new])
    return new


def tables_with(timeline: Timeline, words: list[str]) -> set[str]:
    """The tables and views of the database that hold any of the words in any column."""
    engine = timeline.store.engine
    found = set()
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        names = [*inspector.get_table_names(), *inspector.get_view_names()]
        if engine.dialect.name == "postgresql":
            names.append("pg_stats")  # samples of what columns hold
        for name in names:
            for row in connection.exec_driver_sql(f"SELECT * FROM {name}"):
                if any(word in str(value) for value in row for word in words):
                    found.add(name)
    return found


def files_with(timeline: Timeline, backend: Any, words: list[str]) -> set[str]:
    """The files of the database, with all that stand beside them, that hold any of the words."""
    engine = timeline.store.engine
    if engine.dialect.name == "sqlite":
        database = Path(str(engine.url.database))
        files = list(database.parent.glob(f"{database.name}*"))
        assert database in files
    else:
        server = backend.server
        if not isinstance(server, servers.PrivateServer):
            pytest.skip("the files of a server that is named cannot be read")
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("CHECKPOINT")
        files = [path for path in (server.data / "base").rglob("*") if path.is_file()]
        assert len(files) > 100
    found = set()
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # of a table dropped meanwhile
            content = path.read_bytes()
            if any(word.encode() in content for word in words):
                found.add(path.name)
    return found


@contextlib.contextmanager
def keeper_of_the_tables(timeline: Timeline) -> Iterator[str]:
    """A role that owns all that the record keeps, and not the database."""
    engine, role = timeline.store.engine, f"keeper_{uuid.uuid4().hex}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        connection.exec_driver_sql(f"GRANT ALL ON SCHEMA timeline TO {role}")
        inspector = sa.inspect(connection)
        schema = "timeline"
        for name in (*inspector.get_table_names(schema), *inspector.get_view_names(schema)):
            connection.exec_driver_sql(f"ALTER TABLE {schema}.{name} OWNER TO {role}")
        routines = "SELECT CAST(p.oid AS regprocedure) FROM pg_proc AS p WHERE pronamespace = "
        for routine in connection.exec_driver_sql(
            f"{routines}CAST('{schema}' AS regnamespace)"
        ).scalars():
            connection.exec_driver_sql(f"ALTER ROUTINE {routine} OWNER TO {role}")
    try:
        yield role
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


# The words


def test_the_words_are_nowhere_in_the_database(timeline: Timeline, backend: Any) -> None:
    say(timeline)
    timeline.append(EventCorrected(["said"], "the place was missing", {"place": "here"}))
    timeline.statements()
    timeline.initiative("union")
    assert {"timeline_events", "statements"} <= tables_with(timeline, WORDS)
    assert files_with(timeline, backend, WORDS)

    assert timeline.redact("said", reason="a court's order") is True

    assert tables_with(timeline, WORDS) == set()
    assert files_with(timeline, backend, WORDS) == set()


def test_words_that_a_correction_brought_to_a_read_model_go_with_the_correction(
    timeline: Timeline, backend: Any
) -> None:
    timeline.append(StatementMade("ann", "Harmless."), id="said", source="article")
    timeline.append(EventCorrected(["said"], "misheard", {"text": LONG}), id="corrected")
    timeline.statements()
    words = WORDS[2:]
    assert "statements" in tables_with(timeline, words)

    timeline.redact("corrected", reason="a court's order")

    assert tables_with(timeline, words) == set()
    assert files_with(timeline, backend, words) == set()
    assert [line.text for line in timeline.statements().statements] == ["Harmless."]


def test_the_words_are_nowhere_in_the_files_of_a_big_log(timeline: Timeline, backend: Any) -> None:
    """So that they stand amid other pages, and the database has had reason to move them."""
    for start in (0, 400):
        timeline.append_all(
            NewEvent(
                StatementMade("bob", f"Number {number}. " + "x" * 200),
                evidence=[Evidence("article")],
            )
            for number in range(start, start + 400)
        )
        if start == 0:
            say(timeline)
    timeline.statements()
    assert files_with(timeline, backend, WORDS)

    timeline.redact("said", reason="a court's order")

    assert tables_with(timeline, WORDS) == set()
    assert files_with(timeline, backend, WORDS) == set()
    assert len(timeline.statements().statements) == 800


@on_postgresql
def test_the_words_are_not_left_in_the_statistics_of_the_planner(
    timeline: Timeline, backend: Any
) -> None:
    """PostgreSQL samples the columns by itself when some fifty rows were added."""
    word = "zumquattle is what was said"
    say(timeline, text=word)
    for number in range(3):
        say(timeline, f"other-{number}", f"{number}")
    timeline.statements()
    with timeline.store.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    assert "pg_stats" in tables_with(timeline, [word])

    timeline.redact("said", reason="a court's order")

    assert tables_with(timeline, [word]) == set()
    assert files_with(timeline, backend, [word]) == set()


@pytest.mark.usefixtures("impatient")
def test_a_takedown_beside_a_reader_leaves_nothing_or_says_so(
    timeline: Timeline, backend: Any, kept_url: str
) -> None:
    """One who still looks at an older state of the database keeps that state in its files."""
    say(timeline)
    timeline.statements()
    if backend.__class__.__name__ == "SQLite":  # which otherwise waits for half a minute
        sa.event.listen(
            timeline.store.engine,
            "connect",
            lambda connection, _: connection.execute("PRAGMA busy_timeout = 200"),
        )
        timeline.store.engine.dispose()
    reader = create_engine(kept_url)
    snapshot = {"isolation_level": "REPEATABLE READ"} if "postgresql" in kept_url else {}
    with reader.connect().execution_options(**snapshot) as connection:
        connection.exec_driver_sql("SELECT max(position) FROM timeline_events").one()
        told = True
        with contextlib.suppress(DatabaseBusy):
            timeline.redact("said", reason="a court's order")
            told = False
        left = files_with(timeline, backend, WORDS)
    reader.dispose()

    assert told or left == set()
    timeline.redact("said", reason="a court's order")
    assert files_with(timeline, backend, WORDS) == set()


@on_postgresql
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in another database"])
def test_a_takedown_beside_one_who_has_written_leaves_nothing_or_says_so(
    timeline: Timeline, backend: Any, new_database: Callable[..., str], elsewhere: bool
) -> None:
    """Rows are kept for whoever began before they went, also while he looks at nothing."""
    say(timeline)
    timeline.statements()
    writer = create_engine(new_database() if elsewhere else timeline.store.engine.url)
    with writer.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE articles (title text)")
        told = True
        with contextlib.suppress(DatabaseBusy):
            timeline.redact("said", reason="a court's order")
            told = False
        left = files_with(timeline, backend, WORDS)
    writer.dispose()

    assert told or left == set()
    timeline.redact("said", reason="a court's order")
    assert files_with(timeline, backend, WORDS) == set()


@on_postgresql
def test_a_takedown_waits_for_those_who_are_about_to_end(
    timeline: Timeline, backend: Any, kept_url: str
) -> None:
    say(timeline)
    timeline.statements()
    reader = create_engine(kept_url)
    with ThreadPoolExecutor(1) as threads:
        with reader.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            connection.exec_driver_sql("SELECT max(position) FROM timeline_events").one()
            done = threads.submit(timeline.redact, "said", reason="a court's order")
            until(lambda: "timeline_events" not in tables_with(timeline, WORDS))
        assert done.result() is True
    reader.dispose()

    assert files_with(timeline, backend, WORDS) == set()


@on_postgresql
def test_a_takedown_does_not_wait_for_readers_of_other_databases(
    timeline: Timeline, backend: Any, new_database: Callable[..., str]
) -> None:
    say(timeline)
    other = create_engine(new_database())
    with other.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.exec_driver_sql("SELECT 1").one()

        assert timeline.redact("said", reason="a court's order") is True
        assert files_with(timeline, backend, WORDS) == set()
    other.dispose()


@on_postgresql
def test_statistics_that_the_role_may_not_rewrite_are_told_of(
    timeline: Timeline, backend: Any, kept_url: str
) -> None:
    """PostgreSQL only warns, and passes them over: they belong to the owner of the database."""
    word = "zumquattle is what was said"
    say(timeline, text=word)
    for number in range(3):
        say(timeline, f"other-{number}", f"{number}")
    timeline.statements()
    with keeper_of_the_tables(timeline) as role:
        url = sa.make_url(kept_url).set(username=role)
        with Timeline.open(url) as keeper:
            with keeper.store.engine.connect() as connection:
                autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
                autocommit.exec_driver_sql("ANALYZE timeline_events")
            with pytest.raises(DatabaseReadOnly, match="pg_statistic"):
                keeper.redact("said", reason="a court's order")
        timeline.redact("said", reason="a court's order")

    assert tables_with(timeline, [word]) == set()
    assert files_with(timeline, backend, [word]) == set()


@on_postgresql
def test_a_table_that_a_rebuild_drops_meanwhile_is_no_hindrance(
    timeline: Timeline, backend: Any
) -> None:
    say(timeline)
    timeline.statements()
    redact.redact(timeline.store, "said", "a court's order")
    timeline.statements()

    redact.scrub(
        timeline.store.engine,
        [f"timeline_{name}" for name in ("statements_v7", "statements_v1", "search_v1")],
    )

    assert files_with(timeline, backend, [PLACE, EXCERPT]) == set()


def test_after_a_crash_half_way_a_second_takedown_does_the_rest(
    timeline: Timeline, backend: Any
) -> None:
    say(timeline)
    timeline.statements()

    assert redact.redact(timeline.store, "said", "a court's order") is True
    assert "timeline_events" not in tables_with(timeline, WORDS)
    assert "statements" in tables_with(timeline, WORDS)  # nobody has asked for a report since

    assert timeline.redact("said", reason="again") is False
    assert tables_with(timeline, WORDS) == set()
    assert files_with(timeline, backend, WORDS) == set()


def test_a_record_in_memory_has_takedowns_too() -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(GAZETTE, ANN, BOB, ARTICLE)
        timeline.append(StatementMade("ann", LONG), id="said", source="article")

        assert timeline.redact("said", reason="asked to") is True
        assert tables_with(timeline, WORDS) == set()


# The log


def test_the_log_still_verifies_against_the_seals_it_had(timeline: Timeline) -> None:
    before = timeline.seal()
    say(timeline)
    with_words = timeline.seal()
    digests = [event.digest for event in timeline.log()]

    timeline.redact("said", reason="a court's order")

    for seal in (before, with_words, timeline.seal()):
        assert timeline.verify(seal=seal).position == 7
    assert [event.digest for event in timeline.log()][:6] == digests


def test_all_but_the_words_stays(timeline: Timeline) -> None:
    say(timeline)
    [before] = timeline.log(type="StatementMade")

    timeline.redact("said", reason="a court's order")

    [after] = timeline.log(type="StatementMade")
    assert after.event == Redacted()
    assert after.evidence == ()
    for name in ("id", "position", "stream", "version", "type", "occurred", "recorded", "digest"):
        assert getattr(after, name) == getattr(before, name), name
    assert timeline.store.get(["said"]) == {"said": after}


def test_a_takedown_is_an_event_with_its_reason(timeline: Timeline) -> None:
    say(timeline)

    timeline.redact("said", reason="a court's order")

    [takedown] = timeline.log(type="EventRedacted")
    assert takedown.event == EventRedacted("said", "a court's order")
    assert takedown.position == 7
    assert list(timeline.log())[-1] == takedown


def test_a_second_takedown_changes_nothing(timeline: Timeline) -> None:
    say(timeline)
    assert timeline.redact("said", reason="a court's order") is True
    seal = timeline.seal()

    assert timeline.redact("said", reason="again") is False
    assert timeline.seal() == seal


def test_of_two_takedowns_at_once_one_is_made(timeline: Timeline) -> None:
    say(timeline)
    start = Barrier(2)

    def take_down() -> bool:
        start.wait(60)
        return redact.redact(timeline.store, "said", "a court's order")

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(take_down) for _ in range(2)]
        assert sorted(each.result(60) for each in done) == [False, True]

    assert len(list(timeline.log(type="EventRedacted"))) == 1
    timeline.verify()


def test_what_cannot_be_taken_down(timeline: Timeline) -> None:
    say(timeline)
    timeline.redact("said", reason="a court's order")
    [takedown] = timeline.log(type="EventRedacted")
    seal = timeline.seal()

    with pytest.raises(NotFound, match="'nobody'"):
        timeline.redact("nobody", reason="a court's order")
    with pytest.raises(InvalidInput, match="on record"):
        timeline.redact(takedown.id, reason="to hide it")

    assert timeline.seal() == seal


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        ("", "reason: expected text of length >= 1; found ''"),
        ("x" * 10_001, "reason: "),
        ("nul \0", "U\\+0000"),
    ],
)
def test_a_takedown_without_a_fitting_reason_is_refused_and_takes_nothing(
    timeline: Timeline, reason: str, problem: str
) -> None:
    say(timeline)

    with pytest.raises(InvalidEvent, match=problem):
        timeline.redact("said", reason=reason)

    [event] = timeline.log(type="StatementMade")
    assert event.event.text == LONG


def test_the_longest_id_can_be_taken_down(timeline: Timeline) -> None:
    say(timeline, id="ы" * 200)

    assert timeline.redact("ы" * 200, reason="a court's order") is True
    timeline.verify()


def test_a_retry_of_the_append_gives_the_first_result(timeline: Timeline) -> None:
    new = say(timeline)
    timeline.redact("said", reason="a court's order")
    seal = timeline.seal()

    for retry in (lambda: timeline.append_all([new]), lambda: timeline.store.append_all([new])):
        appended = retry()
        assert appended.added == 0
        [event] = appended.events
        assert (event.position, event.event) == (6, Redacted())
    with pytest.raises(EventIdReused) as refused:
        timeline.append(StatementMade("ann", LONG), id="said", occurred="2023", source="article")

    assert refused.value.differs == ("occurred",)
    assert timeline.seal() == seal
    assert tables_with(timeline, WORDS) == set()


# What is made of the log


def test_the_reports_go_on_without_the_event(timeline: Timeline) -> None:
    say(timeline)
    timeline.append(StatementMade("ann", "Another."), source="article")
    assert len(timeline.initiative("union").statements) == 1

    timeline.redact("said", reason="a court's order")

    assert timeline.initiative("union").statements == ()
    assert [line.text for line in timeline.statements().statements] == ["Another."]
    kept = timeline.statements().to_json()
    folded = timeline.as_of(position=timeline.store.head().position).statements().to_json()
    assert kept == folded


def test_reports_as_of_a_time_before_do_not_bring_the_words_back(timeline: Timeline) -> None:
    say(timeline)
    position = timeline.store.head().position

    timeline.redact("said", reason="a court's order")

    for report in (
        timeline.as_of(position=position).statements(),
        timeline.as_of(position=position).initiative("union"),
    ):
        assert not any(word in report.to_json() for word in WORDS)


MEETING = MeetingHeld("summit", "Summit", attendance=[Attendance("ann", "attended")])


@pytest.mark.parametrize(
    "id", ["actor/ann", "actor/gazette", "source/article", "corrected", "retracted", "met", "made"]
)
@pytest.mark.parametrize("when", ["before any report", "after reports"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whatever_is_taken_down_reports_can_be_made(timeline: Timeline, id: str, when: str) -> None:
    timeline.append(MEETING, id="met", source="article", according_to=["gazette"])
    timeline.append(AttendanceReported("summit", [Attendance("bob", "attended")]), source="article")
    timeline.append(StatementMade("ann", "Yes.", about=["union"]), id="one", source="article")
    timeline.append(StatementMade("ann", "No."), id="two", source="article")
    timeline.append(
        ProposalMade("other", "Other", by="ann", text="O."), id="made", source="article"
    )
    timeline.append(EventCorrected(["one"], "misheard", {"text": "Well."}), id="corrected")
    timeline.append(EventRetracted(["two"], "never said"), id="retracted")

    def reports() -> list[str]:
        makers: list[Callable[[Any], Any]] = [
            lambda record: record.statements(),
            lambda record: record.attendance(),
            lambda record: record.initiative("union"),
        ]
        now = timeline.as_of(position=timeline.store.head().position)
        for make in makers:
            assert make(timeline).to_json() == make(now).to_json()
        return [make(timeline).to_text(80, all=True, evidence=True) for make in makers]

    if when == "after reports":
        assert "Zyrkwhistle" in "".join(reports())

    timeline.redact(id, reason="a court's order")

    text = "".join(reports())
    assert ("Zyrkwhistle" in text) == (id != "actor/ann")
    assert ("Qvorblinder" in text) == (id != "source/article")
    assert ("Well." in text) == (id != "corrected")
    timeline.verify()


def test_the_log_is_searched_past_what_was_taken_down(timeline: Timeline) -> None:
    say(timeline)
    say(timeline, "kept", "Kept.")
    timeline.redact("said", reason="a court's order")

    for filters in ({"actor": "ann"}, {"subject": "union"}, {"until": "2022-12"}):
        assert "kept" in [event.id for event in timeline.log(**filters)]
    assert "said" not in [event.id for event in timeline.log(actor="ann")]
    assert "said" in [event.id for event in timeline.log(until="2022-12")]


def test_what_was_taken_down_cannot_be_corrected(timeline: Timeline) -> None:
    say(timeline)
    timeline.redact("said", reason="a court's order")

    with pytest.raises(InvalidEvent, match="'said'"):
        timeline.append(EventCorrected(["said"], "misheard", {"text": "New."}))


# What the database lets through


def takedown_of(connection: sa.Connection, id: str, **changed: Any) -> sa.Update:
    """The UPDATE that takes an event's words, with changes."""
    row = connection.execute(sa.select(events).where(events.c.event_id == id)).mappings().one()
    digest = body_digest(row["salt"], row["evidence"], row["data"])
    gone = {"evidence": None, "data": None, "salt": None, "redacted": digest}
    return sa.update(events).where(events.c.event_id == id).values(gone | changed)


def test_the_database_takes_no_words_without_a_takedown_on_record(timeline: Timeline) -> None:
    say(timeline)
    say(timeline, "other", "Other.")
    timeline.redact("other", reason="a court's order")
    timeline.store.append("redaction-saidX", [EventRedacted("saidX", "for another")])
    before = list(timeline.log())

    with (
        pytest.raises(sa.exc.DBAPIError, match="append-only"),
        timeline.store.engine.begin() as connection,
    ):
        connection.execute(takedown_of(connection, "said"))

    assert list(timeline.log()) == before


MORE_THAN_WORDS: list[dict[str, Any]] = [
    {"evidence": "[]"},
    {"salt": bytes(16)},
    {"data": "{}", "redacted": None},
    {"data": "{}", "evidence": "[]", "salt": bytes(16), "redacted": None},
    {"redacted": b""},
    {"redacted": bytes(31)},
    {"position": 1_000},
    {"event_id": "new"},
    {"stream": "new"},
    {"version": 9},
    {"type": 99},
    {"occurred": "2023"},
    {"occurred": None},
    {"occurred_from": None},
    {"occurred_to": 0},
    {"recorded_at": 978_307_200_000_000},
    {"digest": bytes(32)},
]


def test_the_database_lets_a_takedown_change_nothing_but_the_words(timeline: Timeline) -> None:
    say(timeline)
    timeline.store.append("redaction-said", [EventRedacted("said", "half done")])
    before = list(timeline.log())

    for changed in MORE_THAN_WORDS:
        with (
            pytest.raises(sa.exc.DBAPIError, match=r"append-only|ck_timeline_events_body|CHECK"),
            timeline.store.engine.begin() as connection,
        ):
            connection.execute(takedown_of(connection, "said", **changed))

        assert list(timeline.log()) == before, changed

    with timeline.store.engine.begin() as connection:
        connection.execute(takedown_of(connection, "said"))
    timeline.verify()


@pytest.mark.parametrize("column", ["occurred", "occurred_from", "occurred_to"])
def test_the_database_lets_a_takedown_make_no_empty_text_of_nothing(
    timeline: Timeline, column: str
) -> None:
    timeline.append(StatementMade("ann", LONG), id="undated", source="article")
    timeline.store.append("redaction-undated", [EventRedacted("undated", "half done")])

    with (
        pytest.raises(sa.exc.DBAPIError, match="append-only"),
        timeline.store.engine.begin() as connection,
    ):
        connection.execute(
            takedown_of(connection, "undated", **{column: "" if column == "occurred" else 0})
        )


def test_words_once_taken_cannot_be_put_back(timeline: Timeline) -> None:
    say(timeline)
    timeline.redact("said", reason="a court's order")

    for values in ("data = '{}', evidence = '[]', redacted = NULL", "redacted = digest"):
        with (
            pytest.raises(sa.exc.DBAPIError, match="append-only"),
            timeline.store.engine.begin() as connection,
        ):
            connection.exec_driver_sql(
                f"UPDATE timeline_events SET {values} WHERE event_id = 'said'"
            )
    timeline.verify()
