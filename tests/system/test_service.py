"""The record inside somebody's service: many requests at a time, kills, migrations, tenants."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import service
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from roles import role
from service import Base, Call
from strategies import times

from timeline import Actor, Timeline
from timeline.engine.grants import grant
from timeline.log.database import create_engine
from timeline.log.schema import include_name


def calls_in(record: Timeline) -> list[str]:
    with record.store.engine.connect() as connection:
        return sorted(connection.scalars(sa.select(Call.event)))


def recorded_in(record: Timeline) -> list[str]:
    return sorted(event.id for event in record.store.read_all() if event.id.startswith("call-"))


@pytest.fixture
def host_url(database_url: str) -> str:
    """A database in which names mean the host's tables, as everywhere but in these tests."""
    if database_url.startswith("sqlite"):
        return database_url
    return f"{database_url}&options=-c%20search_path%3Dpublic"


@pytest.fixture
def service_url(host_url: str) -> str:
    service.prepare(host_url)
    return host_url


def test_requests_fifty_at_a_time_all_succeed(service_url: str) -> None:
    """More threads than connections, and reports that keep rows up beside those who append."""
    part = times(15, 50)
    calls = [("POST", f"/calls/{number}") for number in range(6 * part)]
    notes = [("POST", f"/notes/{number}") for number in range(6 * part, 9 * part)]
    requests = [*calls, *notes, *[("GET", "/said")] * part]
    mixed = requests[::3] + requests[1::3] + requests[2::3]
    with service.opened(service_url) as app:
        assert len(asyncio.run(service.ask(app, mixed))) == 10 * part

    with Timeline.open(service_url) as record:
        assert len(calls_in(record)) == 6 * part
        assert len(recorded_in(record)) == 9 * part
        assert len(record.statements(speaker="ann").statements) == 9 * part
        assert record.verify().position == 9 * part + 3


def test_a_service_that_is_killed_loses_nothing_it_acknowledged(service_url: str) -> None:
    acknowledged: list[int] = []
    for first in (0, 10_000):
        killed = subprocess.Popen(
            [sys.executable, service.__file__, service_url, str(first)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert killed.stdout is not None
        acknowledged += [int(killed.stdout.readline()) for _ in range(times(20, 60))]
        killed.kill()
        rest = killed.communicate()[0].split("\n")[:-1]  # the last line may be cut off
        acknowledged += map(int, rest)

    with Timeline.open(service_url) as record:
        assert {f"call-{number}" for number in acknowledged} <= set(calls_in(record))
        assert calls_in(record) == recorded_in(record)
        assert record.verify(rows=True).position


def proposed(engine: sa.Engine, **options: Any) -> list[Any]:
    """What `alembic revision --autogenerate` of the host's project would write."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, Base.metadata)


@pytest.mark.parametrize("schemas", [False, True])
def test_a_hosts_autogenerate_proposes_nothing_of_ours(service_url: str, schemas: bool) -> None:
    with Timeline.open(service_url) as record:
        record.actors()  # now the tables of read models are there, too
        engine = record.store.engine
        assert proposed(engine, include_name=include_name, include_schemas=schemas) == []


def may_read(record: Timeline, role: str, *tables: str) -> list[bool]:
    with record.store.engine.connect() as connection:
        query = sa.text("SELECT has_table_privilege(:role, :name, 'SELECT')")
        return [
            bool(connection.scalar(query, {"role": role, "name": f"public.{table}"}))
            for table in tables
        ]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_in_the_schema_of_the_host_it_proposes_nothing_either(host_url: str) -> None:
    engine = create_engine(host_url)
    Base.metadata.create_all(engine)
    engine.dispose()
    with Timeline.open(host_url, schema="public") as record:
        record.actors()
        with role(record) as reader:
            grant(record.store.engine, "reader", reader)
            assert (
                may_read(record, reader, "timeline_log", "timeline_actors", "timeline_roles")
                == [True] * 3
            )
            assert may_read(record, reader, "log", "roles", "calls") == [False] * 3
        assert proposed(record.store.engine, include_name=include_name) == []
        assert proposed(record.store.engine)  # without the filter it would drop the log


TENANTS = 6


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_tenants_in_schemas_share_few_connections(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=3, max_overflow=0)
    for number in range(TENANTS):
        Timeline.open(engine, schema=f"tenant_{number}").close()
    records = [
        Timeline.open(engine, schema=f"tenant_{number}", migrate=False) for number in range(TENANTS)
    ]
    with ThreadPoolExecutor(TENANTS) as threads:
        list(threads.map(join, records, range(TENANTS)))
    for number, record in enumerate(records):
        assert [one.actor for one in record.actors().actors] == [f"desk-{number}"]
    with engine.connect() as connection:
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert connection.scalar(sa.text(mine)) <= 4
    engine.dispose()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_tenants_in_files_hold_nothing_open_while_they_are_idle(
    backend: Any, tmp_path: Path
) -> None:
    engines = [
        create_engine(f"sqlite:///{tmp_path}/{number}.db", poolclass=sa.NullPool)
        for number in range(TENANTS)
    ]
    records = [Timeline.open(engine) for engine in engines]
    with ThreadPoolExecutor(TENANTS) as threads:
        list(threads.map(join, records, range(TENANTS)))
    for number, record in enumerate(records):
        assert [one.actor for one in record.actors().actors] == [f"desk-{number}"]
    if Path("/proc/self/fd").is_dir():
        files = [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
        assert not [file for file in files if file.startswith(str(tmp_path))]


def join(record: Timeline, number: int) -> None:
    record.add(Actor(f"desk-{number}", "organisation", f"Desk {number}"))


def test_tables_of_the_host_keep_their_names(service_url: str) -> None:
    with Timeline.open(service_url) as record:
        record.actors()
        with record.store.engine.begin() as connection:
            for table in service.CLASHING:
                connection.execute(sa.insert(table).values(id=7))
                assert connection.scalar(sa.select(table.c.id)) == 7
        assert record.problems() == []
        assert record.verify(rows=True).position == 3
