"""Roles on PostgreSQL, tried by logging in as each: readers read, writers append, and no more."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from roles import (
    CALL,
    HOSTILE,
    PASSWORD,
    SALT,
    TABLES,
    allowed,
    fooled,
    logged_in,
    refused,
    role,
    say,
)

from timeline import (
    Actor,
    DatabaseError,
    InvalidInput,
    Source,
    StatementMade,
    Timeline,
)
from timeline.dates import instant_text, now, stamp_text
from timeline.engine import grants
from timeline.engine.as_of import PartialView
from timeline.engine.cutoff import Cutoff
from timeline.errors import DatabaseReadOnly
from timeline.projections.statements import StatementRow

on_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture
def owner(kept_url: str) -> Iterator[Timeline]:
    """The record as its owner opens it, with reports made."""
    with Timeline.open(kept_url) as timeline:
        timeline.add(
            Actor("gazette", "organisation", "The Gazette"),
            Actor("ann", "person", "Ann"),
            Source("article", publisher="gazette", title="A harbour"),
        )
        timeline.append(StatementMade("ann", "One."), id="one", source="article")
        timeline.statements()
        yield timeline


@pytest.fixture
def reader(owner: Timeline) -> Iterator[Timeline]:
    with logged_in(owner, "reader") as timeline:
        yield timeline


@pytest.fixture
def writer(owner: Timeline) -> Iterator[Timeline]:
    with logged_in(owner, "writer") as timeline:
        yield timeline


@pytest.fixture(params=["reader", "writer"])
def either(request: pytest.FixtureRequest) -> Timeline:
    return request.getfixturevalue(request.param)


def said(timeline: Timeline) -> list[str]:
    return [line.text for line in timeline.statements().statements]


@on_postgresql
def test_reports_and_the_log_can_be_read(owner: Timeline, either: Timeline) -> None:
    assert said(either) == ["One."]
    assert list(either.log()) == list(owner.log())
    assert either.statements().to_json() == owner.statements().to_json()
    assert either.attendance().to_json() == owner.attendance().to_json()


@on_postgresql
def test_reports_are_made_though_the_kept_rows_are_behind(
    owner: Timeline, either: Timeline
) -> None:
    owner.append_all([say("Two.")])

    behind = either.statements().to_json()
    assert said(either) == ["One.", "Two."]
    assert said(either.as_of(position=4)) == ["One."]
    assert owner.statements().to_json() == behind == either.statements().to_json()


@on_postgresql
def test_what_is_kept_later_can_be_read_too(kept_url: str) -> None:
    """The rights are given before there is any read model."""
    with Timeline.open(kept_url) as owner, logged_in(owner, "reader") as reader:
        assert reader.statements().statements == ()
        owner.add(Actor("ann", "person", "Ann"))
        owner.statements()
        assert reader.statements().to_json() == owner.statements().to_json()
        with reader.store.engine.connect() as connection:
            for name in ("statements", *sa.inspect(connection).get_table_names()):
                connection.exec_driver_sql(f"SELECT count(*) FROM {name}").one()


@on_postgresql
def test_reports_are_made_though_no_read_model_may_be_read(
    owner: Timeline, reader: Timeline
) -> None:
    with owner.store.engine.begin() as connection:
        for name in set(sa.inspect(connection).get_table_names()) - set(TABLES):
            role = reader.store.engine.url.username
            connection.exec_driver_sql(f"REVOKE SELECT ON {name} FROM {role}")

    assert reader.statements().to_json() == owner.statements().to_json()
    # As of a moment of a log that is too long to be read whole.
    seen = PartialView(reader._projector, Cutoff(position=4), small=0)
    assert [item.text for item in seen.all(StatementRow, speaker="ann")] == ["One."]


@on_postgresql
def test_nothing_beside_the_record_can_be_read(owner: Timeline) -> None:
    """The owner may have tables of his own in the same schema, or make some later."""
    with owner.store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE articles (title text)")
    with logged_in(owner, "reader") as reader:
        with owner.store.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE drafts (title text)")
        for table in ("articles", "drafts"):
            refused(reader, f"SELECT * FROM {table}")


@on_postgresql
def test_rights_may_be_given_in_the_owners_stead(owner: Timeline) -> None:
    with role(owner, "keeper") as keeper, role(owner, "desk") as desk:
        engine, url = owner.store.engine, owner.store.engine.url
        with engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA timeline TO {keeper}")
            inspector = sa.inspect(connection)
            for name in (
                *inspector.get_table_names("timeline"),
                *inspector.get_view_names("timeline"),
            ):
                connection.exec_driver_sql(f"ALTER TABLE timeline.{name} OWNER TO {keeper}")

        grants.grant(engine, "reader", desk)

        with (
            Timeline.open(url.set(username=keeper, password=PASSWORD)) as kept,
            Timeline.open(url.set(username=desk, password=PASSWORD), create=False) as read,
            read.store.engine.connect() as connection,
        ):
            for _ in range(2):
                assert read.statements().to_json() == kept.statements().to_json()
                result = connection.exec_driver_sql("SELECT text FROM statements").scalars()
                assert list(result) == ["One."]
                connection.rollback()
                kept.rebuild("statements")


@on_postgresql
def test_the_log_is_verified_sealed_and_followed(owner: Timeline, either: Timeline) -> None:
    assert either.seal() == owner.seal()
    assert either.verify(seal=owner.seal()) == owner.store.head()
    followed = either.store.follow()
    assert next(followed).position == 1
    followed.close()
    assert either.store.wait(after=3, timeout=0) is True


@on_postgresql
def test_a_reader_cannot_append(owner: Timeline, reader: Timeline) -> None:
    seal = owner.seal()

    for attempt in (
        lambda: reader.append_all([say("Two.")]),
        lambda: reader.append_all([say("Two."), say("Three.")]),
        lambda: reader.add(Actor("bob", "person", "Bob")),
        lambda: reader.redact("one", reason="to hide it"),
    ):
        with pytest.raises(DatabaseReadOnly):
            attempt()

    assert owner.seal() == seal


@on_postgresql
def test_a_reader_may_change_no_table(owner: Timeline, reader: Timeline) -> None:
    assert allowed(owner, reader) == set()


@on_postgresql
def test_a_writer_may_change_no_table_either(owner: Timeline, writer: Timeline) -> None:
    assert allowed(owner, writer) == set()


@on_postgresql
def test_a_writer_cannot_append_what_has_no_digest(owner: Timeline, writer: Timeline) -> None:
    whole = {"evidence": "ARRAY['[]']", "salt": SALT, "recorded": "0"}
    seal = owner.seal()

    for given in (
        {"evidence": "ARRAY[NULL]::text[]"},
        {"salt": "ARRAY[NULL]::bytea[]"},
        {"salt": "ARRAY['short'::bytea]"},
    ):
        with pytest.raises(sa.exc.DBAPIError), writer.store.engine.begin() as connection:
            connection.exec_driver_sql(CALL.format(**whole | given))

    assert owner.seal() == owner.verify().seal == seal


@on_postgresql
def test_a_writer_cannot_record_in_the_future_nor_in_the_past(
    owner: Timeline, writer: Timeline
) -> None:
    before = list(owner.log())[-1].recorded
    for recorded in (0, 2**53):
        call = CALL.format(evidence="ARRAY['[]']", salt=SALT, recorded=recorded)
        with writer.store.engine.begin() as connection:
            connection.exec_driver_sql(call.replace("forged", f"forged-{recorded}"))

    owner.verify()
    at = [stored.recorded_at for stored in owner.store.stored()][-2:]
    assert before <= stamp_text(at[0]) <= stamp_text(at[1]) < instant_text(now())


@on_postgresql
def test_what_another_role_plants_is_called_by_nobody(owner: Timeline, writer: Timeline) -> None:
    """Whatever the search_path says, and whatever temporary tables hide ours."""
    role = writer.store.engine.url.username
    with owner.store.engine.begin() as connection:
        connection.exec_driver_sql(f"GRANT CREATE ON SCHEMA public TO {role}")
    with writer.store.engine.begin() as connection:
        connection.exec_driver_sql(HOSTILE)
    with fooled(owner.store.engine):
        owner.append_all([say("Two."), say("Three.")])
        owner.append_all([say("Four.", id="four")])
        assert said(owner) == ["One.", "Two.", "Three.", "Four."]
        owner.redact("four", reason="to try the trigger")
        owner.verify()


@on_postgresql
def test_a_subscriber_reads_and_notes_its_place(owner: Timeline) -> None:
    with logged_in(owner, "subscriber") as subscriber:
        with subscriber.store.batch("mailer") as batch:
            read = len(batch.events)
        with subscriber.store.batch("mailer") as batch:
            assert (read, batch.events) == (owner.store.head().position, ())
        assert {statement.split()[0] for statement in allowed(owner, subscriber)} == {
            "INSERT", "UPDATE", "DELETE",
        }  # fmt: skip
        with pytest.raises(DatabaseReadOnly):
            subscriber.append_all([say("No.")])


CHANGES_OF_THE_SCHEMA = [
    "CREATE TABLE mine (it text)",
    "ALTER TABLE timeline_events DISABLE TRIGGER ALL",
    "ALTER TABLE timeline_events DISABLE TRIGGER timeline_keep_update",
    "DROP TRIGGER timeline_keep_update ON timeline_events",
    """CREATE OR REPLACE FUNCTION timeline_refuse() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NEW; END'""",
    "DROP FUNCTION timeline_refuse_update() CASCADE",
    "DROP TABLE timeline_events CASCADE",
    "DROP SCHEMA timeline CASCADE",
    "SET session_replication_role = replica",
]


@on_postgresql
def test_no_role_may_change_the_schema(owner: Timeline, either: Timeline) -> None:
    for statement in CHANGES_OF_THE_SCHEMA:
        refused(either, statement)


@on_postgresql
def test_a_writer_appends(owner: Timeline, writer: Timeline) -> None:
    assert writer.append_all([say("Two.", "two")]).added == 1
    assert writer.append_all([say("Three."), say("Four.")]).added == 2
    assert writer.append_all([say("Two.", "two")]).added == 0
    assert writer.add(Actor("bob", "person", "Bob")).added == 1
    with writer.store.engine.begin() as connection:
        writer.store.append_all([say("Five.")], connection=connection)

    assert said(writer) == said(owner) == ["One.", "Two.", "Three.", "Four.", "Five."]
    assert owner.verify() == writer.verify() == owner.store.head()


@on_postgresql
def test_a_writer_takes_nothing_down(owner: Timeline, writer: Timeline) -> None:
    seal = owner.seal()

    with pytest.raises(DatabaseReadOnly):
        writer.redact("one", reason="to hide it")

    assert owner.seal() == seal
    assert said(owner) == ["One."]


@on_postgresql
def test_a_right_given_twice_is_given_once(owner: Timeline) -> None:
    with role(owner) as made:
        for _ in range(2):
            grants.grant(owner.store.engine, "reader", made)


@on_postgresql
def test_a_role_may_have_any_name(owner: Timeline) -> None:
    with logged_in(owner, "writer", 'Ann\'s "%s" %; DROP--') as writer:
        assert writer.append_all([say("Two.")]).added == 1


@on_postgresql
def test_a_role_without_rights_reads_nothing(owner: Timeline) -> None:
    with role(owner) as made:
        url = owner.store.engine.url.set(username=made, password=PASSWORD)
        with pytest.raises(DatabaseError) as refused_it, Timeline.open(url, create=False) as opened:
            list(opened.log())

    assert PASSWORD not in str(refused_it.value)


@on_postgresql
def test_a_role_that_is_not_there_is_named(owner: Timeline) -> None:
    with pytest.raises(DatabaseError, match="no_such_role"):
        grants.grant(owner.store.engine, "reader", "no_such_role")


@on_postgresql
def test_only_the_owner_gives_rights(owner: Timeline, either: Timeline) -> None:
    with role(owner, "other") as made, pytest.raises(DatabaseError):
        grants.grant(either.store.engine, "reader", made)


@on_postgresql
@pytest.mark.parametrize("setting", ["default_transaction_read_only=on"])
def test_a_session_that_takes_no_writes_says_so(kept_url: str, setting: str) -> None:
    url = sa.make_url(kept_url).update_query_dict({"options": f"-c {setting}"})

    with Timeline.open(url) as timeline:
        with pytest.raises(DatabaseReadOnly):
            timeline.add(Actor("bob", "person", "Bob"))
        assert timeline.statements().statements == ()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("right", ["reader", "writer"])
def test_sqlite_has_no_roles(kept_url: str, right: Any) -> None:
    with Timeline.open(kept_url) as timeline, pytest.raises(InvalidInput, match="no roles"):
        grants.grant(timeline.store.engine, right, "anyone")
