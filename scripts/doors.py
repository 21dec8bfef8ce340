"""Tries what others may do around the log: a host, a handler, a fork, another role, a shell.

`scripts/torture` runs these. Each check takes the address of an empty database, how often to try,
and the seed; it gives what was done, with counts, and `AssertionError` says what did not hold.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.orm import Session

from timeline import Actor, Timeline
from timeline.cli import cli
from timeline.errors import InvalidInput, TimelineError
from timeline.events import ActorAdded, NewEvent
from timeline.log import database
from timeline.log.archive import Archive

Done = tuple[str, dict[str, int]]


def person(number: int | str) -> NewEvent:
    """An event to append."""
    return NewEvent(ActorAdded(Actor(f"p{number}", "person", f"Person {number}")), f"p{number}")


def outputs(url: str, tries: int, seed: int) -> Done:
    """Writing onto the open record by `-o`: by its name, a link, and what stands beside it."""
    with Timeline.open(url) as record:
        record.append_all([person("a")])
        seal = record.seal()
    file = Path(str(sa.make_url(url).database))
    link = file.with_suffix(".link")
    link.symlink_to(file)
    commands = [["report", "actors"], ["export", "rows"], ["export", "log"], ["export", "sources"]]
    targets = [file, link, Path(f"{file}-wal"), Path(f"{file}-shm")]
    draw = random.Random(seed)
    for _ in range(tries):
        command = [*draw.choice(commands), "-o", str(draw.choice(targets))]
        done = CliRunner().invoke(cli, ["--db", url, *command])
        assert done.exit_code != 0, f"{command} went through"
        with Timeline.open(url, create=False) as record:
            assert record.verify(seal=seal).seal == seal, f"{command} changed the record"
    assert link.is_symlink(), "a link was replaced"
    link.unlink()
    return "written onto the open record by -o", {"refused": tries}


def guests(url: str, tries: int, _seed: int) -> Done:
    """Appends in transactions of a host that reads first, beside others that append."""
    with Timeline.open(url) as record:
        store = record.store

        def alone(number: int) -> None:
            store.append_all([person(f"alone-{number}")])

        def in_session(number: int) -> None:
            with Session(store.engine) as session:
                session.execute(sa.text("SELECT count(*) FROM timeline_events")).scalar()
                store.append_all([person(f"guest-{number}")], connection=session.connection())
                session.commit()

        with ThreadPoolExecutor(4) as threads:
            ways: list[Callable[[int], None]] = [alone, in_session]
            jobs = [threads.submit(ways[n % 2], n) for n in range(tries)]
            for job in jobs:
                job.result()
        end = record.verify().position
    assert end == tries, f"{tries} appends, {end} events"
    return "appends beside others, half of them in a session that read first", {"events": end}


def handlers(url: str, tries: int, _seed: int) -> Done:
    """Appends while a handler of a batch is at work."""
    with Timeline.open(url) as record, Timeline.open(_hurried(url)) as other:
        record.append_all([person("first")])
        for number in range(tries):
            with record.store.batch("mailer") as batch:
                assert len(batch.events) == 1, f"{len(batch.events)} events instead of 1"
                other.append_all([person(number)])
    return "appends while a batch is handled", {"appends": tries}


def _hurried(url: str) -> sa.URL:
    """The address, with hardly any patience for locks."""
    is_file = url.startswith("sqlite")
    patience = {"timeout": "0.2"} if is_file else {"options": "-c lock_timeout=200"}
    return sa.make_url(url).update_query_dict(patience)


def forks(url: str, tries: int, _seed: int) -> Done:
    """A process that was forked with the record open."""
    with Timeline.open(url) as record:
        for number in range(tries):
            record.append_all([person(number)])
            child = os.fork()
            if child == 0:
                with contextlib.suppress(InvalidInput):
                    record.append_all([person("of a child")])
                    os._exit(1)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0, "a child appended on its parent's connection"
        end = record.verify().position
    assert end == tries, f"{tries} appends, {end} events"
    return "forked with the record open", {"children refused": tries}


def memory(_url: str, tries: int, _seed: int) -> Done:
    """A record in memory, used from a second thread."""
    refused: list[str] = []
    with Timeline.open("sqlite://") as record:
        for number in range(tries):
            record.append_all([person(number)])

            def attempt() -> None:
                try:
                    record.append_all([person("of a thread")])
                except InvalidInput as error:
                    refused.append(str(error))

            thread = threading.Thread(target=attempt)
            thread.start()
            thread.join()
        end = record.verify().position
    assert (end, len(refused)) == (tries, tries), f"{end} events, {len(refused)} refused"
    return "a record in memory used from another thread", {"refused": tries}


def bits(url: str, tries: int, seed: int) -> Done:
    """Single bits of an archive."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        with Timeline.open(url) as record:
            record.append_all([person(number) for number in range(50)])
            record.archive(folder, rows_per_file=20)
        files = sorted(file for file in Path(folder).rglob("*") if file.is_file())
        for _ in range(tries):
            file = draw.choice(files)
            whole = file.read_bytes()
            place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
            file.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            try:
                Archive(folder).verify()
            except TimelineError:
                pass
            else:
                raise AssertionError(f"bit {bit} of byte {place} of {file.name} passed")
            file.write_bytes(whole)
    return "single bits of an archive turned", {"found": tries}


def hostile(url: str, _tries: int, _seed: int) -> Done:
    """Another role in the schema: it plants what it can, and changes nothing of the record."""
    tables = ("events", "types", "head", "checkpoints", "subscriptions", "version")
    empty = ", ".join(["'{}'"] * 11)
    deeds = [
        *(f"DELETE FROM timeline.timeline_{table}" for table in tables),
        *(f"DROP TABLE timeline.timeline_{table} CASCADE" for table in tables),
        "UPDATE timeline.timeline_head SET position = 0",
        f"SELECT * FROM timeline.timeline_append({empty}, NULL, 0)",
        "ALTER TABLE timeline.timeline_events DISABLE TRIGGER ALL",
        "CREATE OR REPLACE VIEW timeline.log AS SELECT 1 AS position",
        "CREATE RULE mine AS ON INSERT TO timeline.timeline_events DO INSTEAD NOTHING",
    ]
    plants = [
        "CREATE FUNCTION timeline.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT $1 $$",
        "CREATE FUNCTION public.timeline_append(int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
        "CREATE TABLE public.timeline_events (position bigint)",
    ]
    with Timeline.open(url) as record:
        record.append_all([person("before")])
        with _role(record.store.engine) as run:
            for plant in plants:
                run(plant)
            refused = sum(not run(deed) for deed in deeds)
        record.append_all([person("after")])
        assert refused == len(deeds), f"{len(deeds) - refused} deeds of a hostile role went through"
        assert record.verify().position == 2, "the log is not what was appended"
    return "another role with CREATE in both schemas", {"deeds refused": refused}


@contextlib.contextmanager
def _role(engine: sa.Engine) -> Iterator[Callable[[str], bool]]:
    """Runs statements as a role that may create things; says whether one went through."""
    name = f"hostile_{os.getpid()}"
    with database.writing(engine) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name}")
        connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA timeline, public TO {name}")

    def run(statement: str) -> bool:
        try:
            with database.writing(engine) as connection:
                connection.exec_driver_sql(f"SET LOCAL ROLE {name}")
                connection.exec_driver_sql(statement)
        except TimelineError:
            return False
        return True

    try:
        yield run
    finally:
        with database.writing(engine) as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP ROLE {name}")


ON_FILES = (outputs, guests, handlers, forks, memory, bits)
ON_SERVERS = (guests, handlers, forks, bits, hostile)
