"""Following the log: every event once, in order, whatever the writers do."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa
from waiting import FOREVER

from timeline.errors import DatabaseBusy, InvalidInput, NotFound
from timeline.events import Actor, ActorAdded, NewEvent, RecordedEvent
from timeline.log.database import create_engine
from timeline.log.follow import Subscription
from timeline.log.store import EventStore


def added(name: str) -> NewEvent:
    return NewEvent(ActorAdded(Actor("ann", "person", name)))


def append(store: EventStore, stream: str, *names: str, **options: Any) -> None:
    store.append(stream, [added(name) for name in names], **options)


def names(found: Any) -> list[str]:
    return [each.event.actor.name for each in found]


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> EventStore:
    return EventStore(engine)


class Follower:
    """One who follows in a thread of its own; in a `with` block, which ends when it has ended."""

    def __init__(self, store: EventStore, **options: Any) -> None:
        self.stop = threading.Event()
        self._got: queue.Queue[RecordedEvent[Any] | BaseException | None] = queue.Queue()
        self._events = store.follow(stop=self.stop, **options)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            for event in self._events:
                self._got.put(event)
        except BaseException as error:  # noqa: BLE001  (told to whoever takes the next event)
            self._got.put(error)
        else:
            self._got.put(None)

    def take(self, count: int) -> list[RecordedEvent[Any]]:
        """The next events; fails if following ended."""
        found: list[RecordedEvent[Any]] = []
        for _ in range(count):
            event = self._got.get()
            assert isinstance(event, RecordedEvent), event
            found.append(event)
        return found

    def rest(self) -> list[Any]:
        """Once it has ended: what was given and not taken yet."""
        found = [self._got.get_nowait() for _ in range(self._got.qsize())]
        assert found.pop() is None
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join()


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    start = (
        "import sys\n"
        "from timeline.log.database import create_engine\n"
        "from timeline.events import Actor, ActorAdded\n"
        "from timeline.log.store import EventStore\n"
        "store = EventStore(create_engine(sys.argv[1]))\n"
        "actor = ActorAdded(Actor('ann', 'person', 'process'))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code, *arguments],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


# Following


def test_what_is_there_is_followed_by_what_comes(store: EventStore) -> None:
    append(store, "a", "1", "2")

    with Follower(store) as follower:
        assert names(follower.take(2)) == ["1", "2"]
        append(store, "b", "3")
        assert names(follower.take(1)) == ["3"]
        append(store, "a", "4", "5")
        found = follower.take(2)

    assert found == list(store.read_all(after=3))
    assert follower.rest() == []


def test_following_begins_behind_a_position(store: EventStore) -> None:
    append(store, "a", "1", "2", "3")

    with Follower(store, after=2) as follower:
        assert names(follower.take(1)) == ["3"]
    with Follower(store, after=3) as follower:
        append(store, "a", "4")
        assert names(follower.take(1)) == ["4"]


def test_a_long_log_is_followed_whole(store: EventStore) -> None:
    """Longer than what is fetched at a time."""
    append(store, "a", *map(str, range(2001)))

    with Follower(store) as follower:
        assert [each.position for each in follower.take(2001)] == list(range(1, 2002))


def test_beside_writers_nothing_is_missed_repeated_or_out_of_order(
    store: EventStore, engine: sa.Engine, migrated_url: str
) -> None:
    """Writers in threads and in a process: single events, several, rolled back, held open."""

    def write(stream: str) -> None:
        for number in range(8):
            append(store, stream, f"{number}")
            append(store, stream, f"{number}a", f"{number}b")
            with engine.connect() as connection:
                append(store, stream, "never", connection=_writing(connection))
                connection.rollback()

    other = process(
        "for number in range(20):\n    store.append('process', [actor] * (1 + number % 2))\n",
        migrated_url,
    )
    with Follower(store) as follower, Follower(store) as second:
        with other, ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(write, stream) for stream in "abcd"]:
                done.result()
            assert other.wait() == 0
        found = follower.take(4 * 24 + 30)
        again = second.take(4 * 24 + 30)

    assert [each.position for each in found] == list(range(1, 127))
    assert found == again == list(store.read_all())
    assert follower.rest() == second.rest() == []


def _writing(connection: sa.Connection) -> sa.Connection:
    """On SQLite, the connection with the write lock taken at once, so that it waits its turn."""
    return connection.execution_options(timeline_begin="IMMEDIATE")


@pytest.mark.parametrize("commits", [True, False], ids=["commit", "rollback"])
def test_a_transaction_held_open_hides_nothing_that_comes_after(
    store: EventStore, engine: sa.Engine, commits: bool
) -> None:
    append(store, "a", "0")
    with (
        Follower(store) as follower,
        ThreadPoolExecutor(2) as threads,
        engine.connect() as connection,
    ):
        append(store, "held", "1", "2", connection=_writing(connection))
        others = [threads.submit(append, store, stream, stream) for stream in "bc"]
        assert names(follower.take(1)) == ["0"]
        assert not store.wait(after=1, timeout=0.1)
        if commits:
            connection.commit()
        else:
            connection.rollback()
        for other in others:
            other.result()
        found = names(follower.take(4 if commits else 2))

    held = ["1", "2"] if commits else []
    assert found[: len(held)] == held
    assert sorted(found[len(held) :]) == ["b", "c"]


def test_the_writes_of_one_who_is_killed_are_never_seen(
    store: EventStore, migrated_url: str
) -> None:
    code = (
        "with store.engine.connect() as connection:\n"
        "    store.append('a', [actor, actor], connection=connection)\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with Follower(store) as follower, process(code, migrated_url) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.kill()
        other.wait()
        append(store, "b", "after")
        assert names(follower.take(1)) == ["after"]

    assert follower.rest() == []


def test_writers_in_another_process_are_followed(store: EventStore, migrated_url: str) -> None:
    code = "for line in sys.stdin:\n    store.append('a', [actor])\n"
    with Follower(store) as follower, process(code, migrated_url) as other:
        assert other.stdin is not None
        for position in range(1, 6):
            other.stdin.write("one more\n")
            other.stdin.flush()
            [event] = follower.take(1)
            assert event.position == position


# Ending


def test_stop_ends_it_while_it_waits(store: EventStore) -> None:
    append(store, "a", "1")
    with Follower(store) as follower:
        follower.take(1)  # from here on it waits

    assert follower.rest() == []


def test_stop_ends_between_two_events(store: EventStore) -> None:
    append(store, "a", "1", "2", "3")
    stop = threading.Event()
    followed = store.follow(stop=stop)

    assert next(followed).position == 1
    stop.set()
    assert list(followed) == []


def test_stopped_before_it_begins_it_gives_nothing(store: EventStore) -> None:
    append(store, "a", "1")
    stop = threading.Event()
    stop.set()

    assert list(store.follow(stop=stop)) == []


def test_closing_gives_the_connection_back(store: EventStore, engine: sa.Engine) -> None:
    append(store, "a", "1", "2")
    followed = store.follow()
    assert next(followed).position == 1

    followed.close()

    assert engine.pool.checkedout() == 0
    append(store, "a", "3")


# Waiting


def test_wait_returns_at_once_when_there_is_more(store: EventStore) -> None:
    append(store, "a", "1")

    assert store.wait(after=0, timeout=0) is True
    assert store.wait(after=0, timeout=FOREVER) is True


def test_wait_gives_up_in_time(store: EventStore) -> None:
    append(store, "a", "1")

    assert store.wait(after=1, timeout=0) is False
    assert store.wait(after=1, timeout=0.05) is False
    assert store.wait(after=99, timeout=0.05) is False


def test_wait_wakes_when_an_event_comes(store: EventStore) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(store.wait, after=1, timeout=FOREVER)
        append(store, "a", "1")
        assert not waiting.done()
        append(store, "a", "2")
        assert waiting.result() is True


def test_wait_ends_when_it_is_told_to(store: EventStore) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(store.wait, after=0, timeout=FOREVER, stop=stop)
        stop.set()
        assert waiting.result() is False


def test_wait_asks_every_fifty_milliseconds_at_the_latest(store: EventStore) -> None:
    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout)
            return len(pauses) == 20

    pauses: list[float | None] = []

    assert store.wait(after=0, timeout=FOREVER, stop=Stop()) is False
    assert max(pause for pause in pauses if pause is not None) == 0.05


# Batches


@pytest.fixture
def handled(engine: sa.Engine) -> sa.Table:
    """A table of the caller's own, in the same database."""
    table = sa.Table(
        "handled", sa.MetaData(), sa.Column("who", sa.Text), sa.Column("position", sa.Integer)
    )
    table.create(engine)
    return table


Effects = Callable[[], list[int]]


@pytest.fixture
def effects(engine: sa.Engine, handled: sa.Table) -> Effects:
    def read() -> list[int]:
        with engine.connect() as connection:
            return sorted(connection.scalars(sa.select(handled.c.position)))

    return read


def handle(store: EventStore, table: sa.Table, name: str = "mailer", **options: Any) -> list[int]:
    """Note the next events of a subscription; their positions."""
    with store.batch(name, **options) as batch:
        found = [event.position for event in batch.events]
        for position in found:
            batch.connection.execute(sa.insert(table).values(who=name, position=position))
    return found


def test_a_subscription_goes_on_where_it_was(
    store: EventStore, handled: sa.Table, effects: Effects
) -> None:
    assert handle(store, handled) == []
    append(store, "a", "1", "2", "3")
    assert handle(store, handled) == [1, 2, 3]
    assert handle(store, handled) == []
    append(store, "a", "4")

    # Another store on the same database, as after a restart.
    assert handle(EventStore(store.engine), handled) == [4]
    assert effects() == [1, 2, 3, 4]


def test_a_batch_has_no_more_than_its_limit(store: EventStore, handled: sa.Table) -> None:
    append(store, "a", *"12345")

    assert [handle(store, handled, limit=2) for _ in range(4)] == [[1, 2], [3, 4], [5], []]


def test_what_goes_wrong_leaves_both_as_they_were(
    store: EventStore, handled: sa.Table, effects: Effects
) -> None:
    append(store, "a", *"1234")
    assert handle(store, handled, limit=2) == [1, 2]

    def fail() -> None:
        with store.batch("mailer") as batch:
            batch.connection.execute(sa.insert(handled).values(who="mailer", position=3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert effects() == [1, 2]

    assert handle(store, handled) == [3, 4]
    assert effects() == [1, 2, 3, 4]


def test_one_killed_while_handling_leaves_both_as_they_were(
    store: EventStore, handled: sa.Table, effects: Effects, migrated_url: str
) -> None:
    append(store, "a", *"123")
    code = (
        "with store.batch('mailer') as batch:\n"
        "    batch.connection.exec_driver_sql(\"INSERT INTO handled VALUES ('mailer', 1)\")\n"
        "    print(len(batch.events), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with process(code, migrated_url) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "3\n"
        other.kill()

    assert effects() == []
    assert handle(store, handled) == [1, 2, 3]
    assert effects() == [1, 2, 3]


def test_two_of_one_name_take_turns_and_handle_each_event_once(
    store: EventStore, handled: sa.Table, effects: Effects
) -> None:
    append(store, "a", *map(str, range(30)))
    start = threading.Barrier(2)

    def run() -> list[int]:
        start.wait()
        mine: list[int] = []
        while found := handle(store, handled, limit=3):
            assert found == list(range(found[0], found[0] + len(found)))
            mine += found
        return mine

    with ThreadPoolExecutor(2) as threads:
        first, second = (threads.submit(run) for _ in range(2))
        everything = first.result() + second.result()

    assert sorted(everything) == effects() == list(range(1, 31))


def test_a_batch_waits_for_the_other_of_its_name(store: EventStore, handled: sa.Table) -> None:
    append(store, "a", *"123")

    with ThreadPoolExecutor(1) as threads:
        with store.batch("mailer", limit=2) as batch:
            other = threads.submit(handle, store, handled)
            assert len(batch.events) == 2
            assert not other.done()
        assert other.result() == [3]


def test_a_subscription_may_begin_anywhere(store: EventStore, handled: sa.Table) -> None:
    append(store, "a", *"123")

    assert handle(store, handled, "new", start="end") == []
    assert handle(store, handled, "third", start=2) == [3]
    append(store, "a", "4")
    assert handle(store, handled, "new", start="beginning") == [4]
    with pytest.raises(InvalidInput, match="start: expected a whole number"):
        handle(store, handled, "other", start=-1)
    with pytest.raises(InvalidInput, match="start: expected a position of the log, up to 4"):
        handle(store, handled, "other", start=5)


def test_subscriptions_are_listed_reset_and_forgotten(store: EventStore, handled: sa.Table) -> None:
    append(store, "a", *"123")
    handle(store, handled, "mailer", limit=1)
    handle(store, handled, "index")
    assert store.subscriptions() == [Subscription("index", 3, 0), Subscription("mailer", 1, 2)]

    store.reset("mailer", start="end")
    assert handle(store, handled, "mailer") == []
    store.reset("mailer")
    assert handle(store, handled, "mailer") == [1, 2, 3]
    store.unsubscribe("mailer")
    assert [known.name for known in store.subscriptions()] == ["index"]
    for change in (store.reset, store.unsubscribe):
        with pytest.raises(NotFound, match="there is no subscription 'mailer'"):
            change("mailer")


def test_two_names_are_two_subscriptions(store: EventStore, handled: sa.Table) -> None:
    append(store, "a", *"123")

    assert handle(store, handled, "mailer", limit=1) == [1]
    assert handle(store, handled, "index") == [1, 2, 3]
    assert handle(store, handled, "mailer") == [2, 3]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_names_do_not_wait_for_each_other(store: EventStore, handled: sa.Table) -> None:
    append(store, "a", *"123")

    with ThreadPoolExecutor(1) as threads, store.batch("mailer") as batch:
        assert threads.submit(handle, store, handled, "index").result() == [1, 2, 3]
        append(store, "a", "4")
        assert len(batch.events) == 3


def test_others_append_while_a_batch_is_handled(
    store: EventStore, handled: sa.Table, effects: Effects, migrated_url: str
) -> None:
    append(store, "a", "1", "2")

    with store.batch("mailer") as batch:
        # As while a mail is sent: another process waits for no lock of ours.
        code = "store.append('b', [actor])\nprint('done', flush=True)\n"
        with process(code, migrated_url) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "done\n"
        for event in batch.events:
            batch.connection.execute(sa.insert(handled).values(position=event.position))

    assert effects() == [1, 2]
    assert handle(store, handled) == [3]


# On PostgreSQL the place is locked.
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_place_that_somebody_has_moved_undoes_the_batch(
    store: EventStore, handled: sa.Table, effects: Effects
) -> None:
    append(store, "a", "1", "2")
    handle(store, handled, limit=1)

    def moved() -> None:
        with store.batch("mailer") as batch:
            with store.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE timeline_subscriptions SET position = 2")
            batch.connection.execute(sa.insert(handled).values(position=2))

    with pytest.raises(DatabaseBusy, match="moved the subscription 'mailer'"):
        moved()
    assert effects() == [1]


def test_what_a_batch_appends_comes_in_a_later_one(store: EventStore) -> None:
    append(store, "a", "1", "2")

    with store.batch("copier") as batch:
        for event in batch.events:
            append(store, "copy", event.event.actor.name, connection=batch.connection)

    with store.batch("copier") as batch:
        assert [event.position for event in batch.events] == [3, 4]
    assert names(store.read_stream("copy")) == ["1", "2"]
