"""What stands beside the events: that somebody changed it shows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from timeline import Actor, Timeline
from timeline.errors import DatabaseError, LogDamaged, StoreAltered
from timeline.log import database
from timeline.log.schema_check import _MADE, definitions


@pytest.fixture
def record(migrated_url: str) -> Iterator[Timeline]:
    with Timeline.open(migrated_url) as timeline:
        timeline.add(Actor("ann", "person", "Ann"), Actor("bob", "person", "Bob"))
        yield timeline


def change(record: Timeline, *statements: str) -> None:
    with database.writing(record.store.engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def is_postgresql(record: Timeline) -> bool:
    return record.store.engine.dialect.name == "postgresql"


def drop_trigger(name: str) -> Callable[[Timeline], str]:
    def statement(record: Timeline) -> str:
        return f"DROP TRIGGER {name}{' ON timeline_events' if is_postgresql(record) else ''}"

    return statement


def test_what_is_made_is_what_is_expected(record: Timeline) -> None:
    with database.reading(record.store.engine) as connection:
        assert definitions(connection) == _MADE[connection.dialect.name]
    assert record.problems() == []
    record.verify()


@pytest.mark.parametrize("name", ["timeline_keep_update", "timeline_keep_delete"])
def test_a_trigger_that_is_gone_is_named(record: Timeline, name: str) -> None:
    change(record, drop_trigger(name)(record))

    (problem,) = record.problems()
    assert problem.startswith(f"the trigger {name} of the log is gone")
    assert "`timeline export log`" in problem
    with pytest.raises(StoreAltered, match=f"the trigger {name} of the log is gone"):
        record.verify()


def test_a_trigger_that_lets_everything_through_is_named(record: Timeline) -> None:
    if is_postgresql(record):
        change(
            record,
            "CREATE OR REPLACE FUNCTION timeline_refuse_update() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RETURN NEW; END $$",
        )
    else:
        change(
            record,
            "DROP TRIGGER timeline_keep_update",
            "CREATE TRIGGER timeline_keep_update BEFORE UPDATE ON timeline_events "
            "BEGIN SELECT 1; END",
        )
    what = "function timeline_refuse_update" if is_postgresql(record) else "trigger timeline_keep"
    (problem,) = record.problems()
    assert problem.startswith(f"the {what}")
    assert "is not the one that was made" in problem


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_trigger_that_is_switched_off_is_named(record: Timeline) -> None:
    change(record, "ALTER TABLE timeline_events DISABLE TRIGGER timeline_keep_delete")

    (problem,) = record.problems()
    assert "timeline_keep_delete of the log is not the one that was made, or is off" in problem


def test_a_view_of_the_log_that_was_replaced_is_named(record: Timeline) -> None:
    query = "SELECT * FROM timeline_events WHERE position <> 2"
    change(record, "DROP VIEW log", f"CREATE VIEW log AS {query}")

    with pytest.raises(StoreAltered, match="the view log of the log is not the one"):
        record.verify()


def test_a_schema_that_is_not_ours_is_named(record: Timeline) -> None:
    change(record, "ALTER TABLE timeline_events ADD COLUMN note text")

    with pytest.raises(StoreAltered, match="the table timeline_events of the log is not the one"):
        record.verify()


def test_a_table_that_is_gone_is_named(record: Timeline) -> None:
    change(record, "DROP VIEW log", "DROP TABLE timeline_types")

    with pytest.raises(StoreAltered, match="the table timeline_types of the log is gone"):
        record.verify()
    assert any("table timeline_types" in problem for problem in record.problems())


def test_a_log_that_was_cut_off_is_named_by_what_has_come_further(record: Timeline) -> None:
    with record.store.batch("mailer"):
        pass
    end = "UPDATE timeline_head SET position = 0, digest = decode(repeat('00', 32), 'hex')"
    change(record, drop_trigger("timeline_keep_delete")(record), "DELETE FROM timeline_events")
    if is_postgresql(record):
        change(record, end)

    problems = record.problems()
    assert "the trigger timeline_keep_delete of the log is gone" in problems[0]
    assert problems[1].startswith(
        "the log ends at 0, and the subscription 'mailer' has come to 2: events were cut off"
    )


def test_an_empty_log_is_not_what_was_sealed_or_expected(
    record: Timeline, new_database: Any
) -> None:
    with Timeline.open(new_database()) as empty:
        with pytest.raises(LogDamaged, match="the log ends here, and was sealed at 2"):
            empty.verify(seal=record.seal())
        with pytest.raises(LogDamaged, match="the log ends here, and at least 1 event"):
            empty.verify(at_least=1)
        assert record.verify(at_least=2).position == 2


def test_a_host_with_a_log_of_its_own_is_no_problem(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE log (line text)")
    engine.dispose()
    with Timeline.open(database_url) as timeline:
        assert timeline.problems() == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("schema", ["desk", "My-Desk", "e"])
def test_another_schema_is_no_problem(database_url: str, schema: str) -> None:
    with Timeline.open(database_url, schema=schema) as timeline:
        assert timeline.problems() == []


def test_problems_are_no_obstacle_to_damage(record: Timeline) -> None:
    change(
        record,
        drop_trigger("timeline_keep_update")(record),
        "UPDATE timeline_events SET data = '{}' WHERE position = 2",
    )
    with pytest.raises(DatabaseError, match="position 2"):
        record.verify()
