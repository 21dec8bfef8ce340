"""A small service of a newsroom's desk: calls in a table of its own, and what was said on record.

    python tests/service.py URL

answers requests of its own, many at a time, and prints the number of each call it acknowledged.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import orm

from timeline import Actor, Source, StatementMade, Timeline
from timeline.log.database import create_engine

AT_A_TIME = 50


class Base(orm.DeclarativeBase):
    pass


class Call(Base):
    """A call that the desk took; what was said in it is on record under `event`."""

    __tablename__ = "calls"
    number: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    event: orm.Mapped[str]


NAMES = ("events", "head", "log", "roles", "sources", "subscriptions", "actors")
CLASHING = [
    sa.Table(name, Base.metadata, sa.Column("id", sa.Integer, primary_key=True)) for name in NAMES
]
"""Tables by names that the record has a use for, too."""


def prepare(url: str) -> None:
    """What is done once, by the role that owns the tables."""
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    with Timeline.open(url) as record:
        record.add(
            Actor("ann", "person", "Ann Alder"),
            Actor("desk", "organisation", "The desk"),
            Source("calls", "desk", "Calls"),
        )


def app_of(record: Timeline) -> FastAPI:
    """The service, for an open record."""
    app = FastAPI()
    engine = record.store.engine

    @app.post("/calls/{number}")
    def took(number: int) -> int:
        # FastAPI runs a plain function in a thread.
        with orm.Session(engine) as session, session.begin():
            if session.get(Call, number) is None:
                session.add(Call(number=number, event=f"call-{number}"))
                session.flush()
                _record(record, number, session.connection())
        return number

    @app.post("/notes/{number}")
    async def noted(number: int) -> int:
        return await run_in_threadpool(_record, record, number)

    @app.get("/said")
    def said() -> int:
        return len(record.statements(speaker="ann").statements)

    return app


def _record(record: Timeline, number: int, connection: sa.Connection | None = None) -> int:
    said = StatementMade("ann", f"Call {number}.")
    return record.append(said, source="calls", id=f"call-{number}", connection=connection).position


@contextmanager
def opened(url: str) -> Iterator[FastAPI]:
    """The service as its pods open it, with as many connections as a small server grants."""
    engine = create_engine(url, pool_size=10, max_overflow=0)
    try:
        with Timeline.open(engine, migrate=False) as record:
            yield app_of(record)
    finally:
        engine.dispose()


async def ask(app: FastAPI, requests: list[tuple[str, str]], at_a_time: int = AT_A_TIME) -> list:
    """The answers to requests, so many of them at a time."""
    places = asyncio.Semaphore(at_a_time)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:

        async def one(method: str, path: str) -> object:
            async with places:
                answer = await client.request(method, path)
                answer.raise_for_status()
                return answer.json()

        return await asyncio.gather(*(one(method, path) for method, path in requests))


async def answer_for_ever(url: str) -> None:
    with opened(url) as app:
        number = int(sys.argv[2])
        while True:
            calls = [("POST", f"/calls/{number + n}") for n in range(AT_A_TIME)]
            for done in await ask(app, calls):
                sys.stdout.write(f"{done}\n")
                sys.stdout.flush()
            number += AT_A_TIME


if __name__ == "__main__":
    asyncio.run(answer_for_ever(sys.argv[1]))
