"""What is given out on PostgreSQL is still there, at the same position, after a crash."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import servers

from timeline import Timeline
from timeline.errors import ConnectionLost
from timeline.events import Actor, ActorAdded
from timeline.log.database import create_engine
from timeline.log.store import EventStore

if sys.platform == "win32":
    pytest.skip("private servers need sockets in folders", allow_module_level=True)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.PrivateServer]:
    """A server for all of them: it starts again after each crash."""
    if servers.left_out():
        pytest.skip(servers.LEFT_OUT)
    # What nobody waits for is written after this time, or never if the server crashes before.
    with servers.postgres_server({"wal_writer_delay": "10s"}) as server:
        yield server


def append_without_waiting(url: str) -> None:
    """Append in the manner of one who has committed, and has not come to wait for the disk yet."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
        event = ActorAdded(Actor("bob", "person", "Bob"))
        EventStore(engine).append("actor-bob", [event], connection=connection)
    engine.dispose()


def followed(timeline: Timeline) -> int:
    events = timeline.store.follow(after=1)
    position = next(events).position
    events.close()
    return position


def of_a_view(timeline: Timeline) -> int:
    with timeline.view() as view:
        return view.head.position


def of_a_view_folded(timeline: Timeline) -> int:
    return timeline._projector.fold().head.position


WAYS = {
    "followed": followed,
    "a report": of_a_view,
    "a report of one who may not keep rows": of_a_view_folded,
    "a report as of a position": lambda t: t.as_of(position=2).actors().standing.position,
    "a seal": lambda t: int(t.seal().partition(":")[0]),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_given_out_survives_a_crash_of_the_server(server: Any, way: str) -> None:
    url = server.create_database()
    with Timeline.open(url) as timeline:
        timeline.add(Actor("ann", "person", "Ann"))
        append_without_waiting(url)

        given = WAYS[way](timeline)
        server.stop("immediate")
    server.start()

    assert given == 2
    with Timeline.open(url) as timeline:
        assert timeline.store.head().position == 2


def test_what_a_subscription_is_given_survives_a_crash_while_it_is_handled(server: Any) -> None:
    url = server.create_database()
    timeline = Timeline.open(url)
    timeline.add(Actor("ann", "person", "Ann"))
    append_without_waiting(url)

    given: list[int] = []

    def handle() -> None:
        with timeline.store.batch("mailer") as batch:
            given.extend(event.position for event in batch.events)
            server.stop("immediate")

    with pytest.raises(ConnectionLost):
        handle()
    timeline.close()
    server.start()

    assert given == [1, 2]
    with Timeline.open(url) as timeline, timeline.store.batch("mailer") as batch:
        assert [event.position for event in batch.events] == given
