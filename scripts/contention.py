"""Measures what order costs when several processes append at once; see `scripts/contention`.

All write rows of the same size and columns, one a commit, with synchronous_commit on, each writer
to a stream of its own. `plain` is psycopg as it comes, and an identity column: BEGIN, INSERT,
COMMIT; no order, no digest, no checks. `autocommit` is the same with psycopg's autocommit, one
statement and no more: as fast as a row can be inserted. `timeline` is `EventStore.append` as users
call it, typed events, evidence and digests included. Rounds take turns, so that a noisy neighbour
meets all.

What order costs depends on what a wait for the disk costs: where it is next to nothing, both sides
are bound by the processor, and the work per event decides; where a commit waits, writers who share
the wait lose little. A private server is therefore measured several times over, each time with
another wait added to every flush (PostgreSQL's `commit_delay`).
"""

import argparse
import contextlib
import functools
import multiprocessing
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import servers
import sqlalchemy as sa
from benchmarks import work

from timeline import EventStore, NewEvent, Timeline
from timeline.dates import bounds_of
from timeline.events.encoding import encode_value
from timeline.log.database import create_engine

EVENT = next(work.news(1, 1))

PLAIN_TABLE = """
CREATE TABLE plain (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id text UNIQUE, stream text,
    version int, type int, occurred text, occurred_from bigint, occurred_to bigint,
    recorded_at bigint, evidence text, data text, salt bytea, digest bytea, UNIQUE (stream, version)
)
"""
PLAIN_INSERT = """
INSERT INTO plain (event_id, stream, version, type, occurred, occurred_from,
    occurred_to, recorded_at, evidence, data, salt, digest)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def insert(url: str, stream: str, begin: float, until: float, *, autocommit: bool) -> int:
    """Insert rows; says how many."""
    dsn = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    rest = (1, "2022-11-29", *bounds_of("2022-11-29"), 1_700_000_000_000_000,
            encode_value(EVENT.evidence), encode_value(EVENT.event), bytes(16),
            bytes(32))  # fmt: skip
    with psycopg.connect(dsn, autocommit=autocommit) as connection:

        def once(number: int) -> None:
            connection.execute(PLAIN_INSERT, (f"{stream}-{number}", stream, number, *rest))
            if not autocommit:
                connection.commit()

        return counted(once, begin, until)


def append(url: str, stream: str, begin: float, until: float) -> int:
    """Append events; says how many."""
    store = EventStore(create_engine(url))

    def once(_: int) -> None:
        new = NewEvent(EVENT.event, occurred=EVENT.occurred, evidence=EVENT.evidence)
        store.append(stream, [new])

    done = counted(once, begin, until)
    store.engine.dispose()
    return done


def counted(once: Callable[[int], None], begin: float, until: float) -> int:
    """How often something can be done from one moment to another, once it is under way."""
    done = 0
    while time.time() < begin:
        once(done := done + 1)
    before = done
    while time.time() < until:
        once(done := done + 1)
    return done - before


WORK: dict[str, Callable[[str, str, float, float], int]] = {
    "autocommit": functools.partial(insert, autocommit=True),
    "plain": functools.partial(insert, autocommit=False),
    "timeline": append,
}


def rate(
    inserting: Callable[[str, str, float, float], int], url: str, writers: int, seconds: float
) -> float:
    """Rows a second, all writers together."""
    # A moment later, so that all of them are at it when the time starts to count.
    begin = time.time() + 1
    with multiprocessing.get_context("fork").Pool(writers) as pool:
        jobs = [(url, uuid.uuid4().hex, begin, begin + seconds) for _ in range(writers)]
        return sum(pool.starmap(inserting, jobs)) / seconds


def prepare(url: str) -> str:
    """Make both tables in an empty database; says which version the server is of."""
    with Timeline.open(url) as timeline, timeline.store.engine.begin() as connection:
        connection.exec_driver_sql(PLAIN_TABLE)
        return str(connection.scalar(sa.text("SHOW server_version")))


@contextlib.contextmanager
def database(url: str | None, delay: int) -> Iterator[str]:
    """The database to measure on."""
    if url is not None:
        yield url
        return
    settings = {"commit_delay": str(delay), "commit_siblings": "0"} if delay else {}
    with servers.postgres_server(settings, Path(tempfile.gettempdir())) as server:
        yield server.create_database()


def measure(url: str, given: argparse.Namespace, what: str) -> None:
    """Measure one server, and print its lines."""
    rates: dict[str, list[float]] = {name: [] for name in WORK}
    version = prepare(url)
    for _ in range(given.rounds):
        for name, found in rates.items():
            found.append(rate(WORK[name], url, given.writers, given.seconds))
    with Timeline.open(url) as timeline:
        head = timeline.verify()
    print(f"PostgreSQL {version}, {what}; {head.position:,} events, gapless, verified")
    for name, found in rates.items():
        print(f"{name:>10} {statistics.median(found):8,.0f}/s  "
              f"(from {min(found):,.0f} to {max(found):,.0f})")  # fmt: skip
    for other in ("plain", "autocommit"):
        pairs = zip(rates["timeline"], rates[other], strict=True)
        ratios = [ours / theirs for ours, theirs in pairs]
        print(f"{'ratio':>10} {statistics.median(ratios):8.2f} to {other}  "
              f"(from {min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="What order costs when several writers append.")
    parser.add_argument("--url", help="an empty database on PostgreSQL; else private servers")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delays", type=int, nargs="+", default=[0, 1000, 4000], metavar="µs",
                        help="waits added to each flush of a private server")  # fmt: skip
    given = parser.parse_args()
    print(f"{given.writers} writers, {given.rounds} rounds of {given.seconds:g} s, one event a "
          "commit, synchronous_commit on")  # fmt: skip
    for delay in [0] if given.url else given.delays:
        with database(given.url, delay) as url:
            measure(url, given, f"{delay:,} µs added to each flush" if delay else "as it is")


if __name__ == "__main__":
    main()
