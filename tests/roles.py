"""Roles on PostgreSQL that log in, what a database refuses them, and what a hostile one plants."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from timeline import Evidence, NewEvent, StatementMade, Timeline
from timeline.engine import grants
from timeline.log.schema import VERSION_TABLE, metadata

TABLES = [*(table.name for table in metadata.tables.values()), VERSION_TABLE]


PASSWORD = "hunter2"


@contextlib.contextmanager
def role(owner: Timeline, name: str = "role") -> Iterator[str]:
    """A role that may log in, by a name of its own; gone in the end."""
    full = f"{name}_{uuid.uuid4().hex}"
    engine = owner.store.engine
    quoted = engine.dialect.identifier_preparer.quote_identifier(full)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN PASSWORD '{PASSWORD}'")
    except sa.exc.ProgrammingError as error:
        pytest.skip(f"no roles can be made on this server: {error.orig}")
    try:
        yield full
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {quoted}")
            connection.exec_driver_sql(f"DROP ROLE {quoted}")


@contextlib.contextmanager
def logged_in(owner: Timeline, right: Any, name: str = "role") -> Iterator[Timeline]:
    with role(owner, name) as made:
        grants.grant(owner.store.engine, right, made)
        url = owner.store.engine.url.set(username=made, password=PASSWORD)
        with Timeline.open(url, create=False) as timeline:
            yield timeline


def say(text: str, id: str | None = None) -> NewEvent:
    given = {} if id is None else {"id": id}
    return NewEvent(StatementMade("ann", text), evidence=[Evidence("article")], **given)


def refused(timeline: Timeline, statement: str) -> None:
    with (
        pytest.raises(sa.exc.ProgrammingError) as error,
        timeline.store.engine.begin() as connection,
    ):
        connection.exec_driver_sql(statement)
    assert error.value.orig is not None
    assert error.value.orig.sqlstate == "42501", (statement, error.value.orig)  # no privilege


def every_table(owner: Timeline) -> list[str]:
    with owner.store.engine.connect() as connection:
        result = sa.inspect(connection).get_table_names()
    assert set(TABLES) < set(result)
    return result


def statements(table: str, column: str) -> list[str]:
    return [
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"INSERT INTO {table} SELECT * FROM {table} WHERE false",
        f"ALTER TABLE {table} ADD COLUMN more text",
        f"DROP TABLE {table}",
    ]


def first_column(owner: Timeline, table: str) -> str:
    with owner.store.engine.connect() as connection:
        return str(sa.inspect(connection).get_columns(table)[0]["name"])


def is_refused(error: sa.exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "42501"


def allowed(owner: Timeline, timeline: Timeline) -> set[str]:
    """Of all that changes any table, what is not refused. Nothing is committed."""
    passed = set()
    for table in every_table(owner):
        for statement in statements(table, first_column(owner, table)):
            with timeline.store.engine.connect() as connection:
                try:
                    connection.exec_driver_sql(statement)
                except sa.exc.DBAPIError as error:
                    if not is_refused(error):
                        raise
                else:
                    passed.add(statement)
    return passed


CALL = """SELECT * FROM timeline.timeline_append(
    ARRAY['forged'], ARRAY['a-b'], ARRAY['StatementMade'], ARRAY[1], ARRAY[NULL]::text[],
    ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[], {evidence}, ARRAY['{{}}'], ARRAY[NULL]::text[],
    {salt}, NULL, {recorded}
)"""
SALT = "ARRAY[decode(repeat('00', 16), 'hex')]"


HOSTILE = """
    CREATE FUNCTION public.timeline_append(
        text[], text[], text[], integer[], text[], bigint[], bigint[], text[], text[], text[],
        bytea[], integer, bigint
    ) RETURNS TABLE (a bigint[], b integer[], c bytea[], d bigint) LANGUAGE plpgsql
    AS 'BEGIN RAISE EXCEPTION $m$fooled$m$; END';
    CREATE PROCEDURE public.timeline_append_now(
        text, text, text, integer, text, bigint, bigint, text, text, text, bytea, integer, bigint,
        INOUT bigint, INOUT integer, INOUT bytea, INOUT bigint
    ) LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $m$fooled$m$; END';
    CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS $f$ SELECT ''::bytea $f$;
    CREATE FUNCTION public.sha256(text) RETURNS bytea LANGUAGE sql AS $f$ SELECT ''::bytea $f$;
    CREATE TABLE public.timeline_events (event_id text, stream text, type integer);
    CREATE TABLE public.timeline_head (position bigint, digest bytea, recorded_at bigint);
    CREATE TABLE public.log (position bigint);
"""


@contextlib.contextmanager
def fooled(engine: sa.Engine) -> Iterator[None]:
    """New connections look elsewhere first, and have tables of our names that pass with them."""

    def fool(connection: Any, _record: object) -> None:
        connection.execute("SET search_path TO public, timeline")
        for name in ("events", "head", "types", "checkpoints"):
            connection.execute(f"CREATE TEMP TABLE timeline_{name} (position bigint)")
        connection.commit()

    sa.event.listen(engine, "connect", fool)
    engine.dispose()
    try:
        yield
    finally:
        sa.event.remove(engine, "connect", fool)
