"""Which events are read, followed, and excluded by the condition of an append; and streams."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from timeline.errors import (
    ConditionFailed,
    EventIdReused,
    InvalidInput,
    StreamIsClosed,
    UnknownEventType,
)
from timeline.events import NewEvent, StreamClosed, event
from timeline.log import database
from timeline.log.append import Expected
from timeline.log.database import create_engine
from timeline.log.query import Query, Unless
from timeline.log.read import PAGE
from timeline.log.store import EventStore


@event
class SeatTaken:
    seat: str


@event
class SeatLeft:
    seat: str


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> EventStore:
    store = EventStore(engine, [SeatTaken, SeatLeft])
    store.append_all(
        [
            NewEvent(SeatTaken("1"), "a", "seat-1", metadata={"by": "ann", "n": 1}),
            NewEvent(SeatTaken("2"), "b", "seat-2", metadata={"by": "bob", "row": {"by": "ann"}}),
            NewEvent(SeatLeft("1"), "c", "seat-1", metadata={"by": "ann"}),
            NewEvent(SeatTaken("1"), "d", "seats", metadata={"n": True}),
            NewEvent(SeatTaken("x"), "e", "Seat-1"),
        ]
    )
    return store


def ids(found: Any) -> str:
    return "".join(event.id for event in found)


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        (Query(), "abcde"),
        (Query([SeatTaken]), "abde"),
        (Query(["SeatLeft"]), "c"),
        (Query([]), ""),
        (Query(streams=["seat-1", "seats", "none"]), "acd"),
        (Query(streams=[]), ""),
        (Query(category="seat"), "abc"),
        (Query(prefix="seat"), "abcd"),
        (Query(prefix="seat-", category="seat"), "abc"),
        (Query(prefix="%"), ""),
        (Query(metadata={"by": "ann"}), "ac"),
        (Query(metadata={"n": 1}), "a"),
        (Query(metadata={"n": True}), "d"),
        (Query(metadata={"row": {"by": "ann"}}), "b"),
        (Query(metadata={"by": "ann", "n": 1}), "a"),
        (Query([SeatTaken], streams=["seat-1"], metadata={"by": "ann"}), "a"),
    ],
)
def test_what_fits_a_query_is_read_both_ways(store: EventStore, query: Query, fitting: str) -> None:
    assert ids(store.read_all(query)) == fitting
    assert ids(store.read_all(query, backwards=True)) == fitting[::-1]
    assert ids(store.read_all(query, after=1, until=3)) == "".join(
        id for id in fitting if id in "bc"
    )
    assert ids(store.read_all(query, limit=1, backwards=True)) == fitting[-1:]


@pytest.mark.parametrize("wrong", [{"types": "SeatTaken"}, {"streams": "seat-1"}])
def test_one_text_is_not_several(wrong: Any) -> None:
    with pytest.raises(InvalidInput, match="expected several"):
        Query(**wrong)


def test_streams_are_read_backwards_over_pages(store: EventStore) -> None:
    count = PAGE + 3
    store.append("long", [SeatTaken(str(number)) for number in range(count)])

    versions = [event.version for event in store.read_stream("long", backwards=True)]
    assert versions == list(range(count, 0, -1))
    assert len(list(store.read_all(backwards=True))) == count + 5
    some = store.read_stream("long", backwards=True, after=2, until=6, limit=3)
    assert [event.version for event in some] == [6, 5, 4]


def test_types_are_read_over_pages_in_the_order_of_the_log(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.log.read.PAGE", 3)
    kinds = [SeatLeft if number % 4 == 0 else SeatTaken for number in range(20)]
    store.append("long", [kind(str(number)) for number, kind in enumerate(kinds)])

    for types in ([SeatLeft], [SeatTaken], [SeatLeft, SeatTaken]):
        wanted = [event.position for event in store.read_all() if type(event.event) in types]
        read = [event.position for event in store.read_all(Query(types))]
        back = [event.position for event in store.read_all(Query(types), backwards=True)]
        assert (read, back) == (wanted, wanted[::-1])
        after = store.read_all(Query(types), after=wanted[2], until=wanted[-2], limit=4)
        assert [event.position for event in after] == wanted[3:-1][:4]


def test_the_last_event_of_the_log_and_of_a_stream(store: EventStore) -> None:
    last = [store.last(), store.last("seat-1"), store.last("none")]
    assert [None if event is None else event.id for event in last] == ["e", "c", None]


def test_streams_are_listed_with_version_and_times(store: EventStore) -> None:
    listed = {stream.name: stream for stream in store.streams("seat")}
    assert {name: stream.version for name, stream in listed.items()} == {
        "seat-1": 2,
        "seat-2": 1,
        "seats": 1,
    }
    (first, last) = store.read_stream("seat-1")
    assert (listed["seat-1"].first, listed["seat-1"].last) == (first.recorded, last.recorded)
    store.append_all([NewEvent(SeatLeft("1"), stream=f"many-{n:05}") for n in range(PAGE + 1)])
    assert len({stream.name for stream in store.streams()}) == PAGE + 5


# Following


def followed(store: EventStore, query: Query, count: int, **options: Any) -> str:
    stop, got = threading.Event(), []
    for one in store.follow(query, stop=stop, **options):
        got.append(one)
        if len(got) == count:
            stop.set()
    return ids(got)


def test_followers_get_what_fits(store: EventStore) -> None:
    assert followed(store, Query([SeatTaken], category="seat"), 2) == "ab"
    assert followed(store, Query(metadata={"by": "ann"}), 1, after=1) == "c"


def handled(store: EventStore, *query: Query, **options: Any) -> str:
    with store.batch("mailer", *query, **options) as batch:
        return ids(batch.events)


def test_a_subscription_passes_over_what_does_not_fit(store: EventStore) -> None:
    taken = Query([SeatTaken], category="seat")
    assert handled(store, taken, limit=1) == "a"
    assert handled(store, taken) == "b"
    assert [known.lag for known in store.subscriptions()] == [0]
    assert handled(store, taken) == ""
    store.append("seat-1", [NewEvent(SeatTaken("3"), "f"), SeatLeft("3")])
    assert handled(store, taken) == "f"
    assert [known.lag for known in store.subscriptions()] == [0]


def test_a_type_whose_class_is_gone_is_skipped_or_an_error(
    store: EventStore, engine: sa.Engine
) -> None:
    later = EventStore(engine, [SeatTaken])
    with pytest.raises(UnknownEventType, match="SeatLeft"):
        handled(later)
    with pytest.raises(UnknownEventType, match="SeatLeft"):
        followed(later, Query(), 5)
    assert followed(later, Query(), 4, on_unknown="skip") == "abde"
    assert followed(later, Query([SeatTaken]), 4) == "abde"
    assert handled(later, on_unknown="skip") == "abde"
    assert handled(later) == ""
    for attempt in (handled, lambda store, **o: followed(store, Query(), 1, **o)):
        with pytest.raises(InvalidInput, match="on_unknown: expected raise or skip"):
            attempt(later, on_unknown="ignore")


# Conditions


@pytest.mark.parametrize("count", [1, 2])
def test_an_append_may_exclude_what_has_come_since(store: EventStore, count: int) -> None:
    """No event of these types and streams after that position: whatever stream it goes to."""
    seats = Query([SeatTaken, SeatLeft], streams=["seat-1", "seat-2"])
    news = [NewEvent(SeatTaken("1"), f"new-{n}", "booking-1") for n in range(count)]
    with pytest.raises(ConditionFailed, match=r"after position 2; found 'c' \(SeatLeft\) at 3"):
        store.append_all(news, unless=Unless(seats, after=2))
    assert store.append_all(news, unless=Unless(seats, after=3)).added == count
    store.append("seat-2", [SeatLeft("2")])
    assert store.append_all(news, unless=Unless(seats, after=3)).added == 0  # a repeat
    with pytest.raises(ConditionFailed) as failed:
        store.append("booking-2", [SeatTaken("1")], unless=Unless(seats, after=3))
    assert failed.value.position == 6 + count
    by = Unless(Query(metadata={"by": "bob"}), after=2)
    assert store.append("booking-2", [SeatTaken("1")], unless=by).added == 1


def test_of_many_that_decide_by_the_same_only_one_appends(
    store: EventStore, migrated_url: str
) -> None:
    """Each takes seat 7 unless somebody has: under the lock, on both databases."""
    taken = Query([SeatTaken], metadata={"seat": 7})
    ready = threading.Barrier(6)

    def book(who: int) -> int:
        own = create_engine(migrated_url)
        try:
            booking = EventStore(own, [SeatTaken, SeatLeft], metadata={"seat": 7})
            end = booking.head().position
            assert not list(booking.read_all(taken))
            ready.wait()
            return booking.append(
                f"booking-{who}", [SeatTaken("7")], unless=Unless(taken, after=end)
            ).added
        except ConditionFailed:
            return 0
        finally:
            own.dispose()

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(book, range(6))) == 1
    assert len(list(store.read_all(taken))) == 1


# Closed streams


@pytest.mark.parametrize(
    "news",
    [
        [NewEvent(SeatTaken("1"), stream="seat-1")],
        [NewEvent(SeatTaken("1"), stream="other"), NewEvent(SeatTaken("1"), stream="seat-1")],
    ],
    ids=["one", "several"],
)
@pytest.mark.parametrize("expected", [None, 3, Expected.STREAM_EXISTS])
def test_a_closed_stream_takes_no_more(
    store: EventStore, engine: sa.Engine, news: list[NewEvent], expected: Any
) -> None:
    closed = store.close_stream("seat-1", reason="The hall is gone.")
    assert closed.events[0].event == StreamClosed("The hall is gone.")
    wanted = {} if expected is None else {"seat-1": expected}

    with pytest.raises(StreamIsClosed, match="'seat-1' is closed"):
        store.append_all(news, expected=wanted)
    with pytest.raises(StreamIsClosed), database.writing(engine) as connection:
        store.append_all(news, expected=wanted, connection=connection)
    with pytest.raises(StreamIsClosed):
        store.load(news)
    assert store.head().position == 6

    assert [s.is_closed for s in store.streams("seat-")] == [True, False]
    assert store.append("seat-2", [SeatTaken("2")]).added == 1


def test_repeats_in_a_closed_stream_are_no_error(store: EventStore) -> None:
    store.close_stream("seat-2", reason="The hall is gone.")
    first = NewEvent(SeatTaken("2"), "b", "seat-2", metadata={"by": "bob"})
    assert store.append_all([first]).added == 0
    assert store.close_stream("seat-2", reason="The hall is gone.").added == 0
    with pytest.raises(EventIdReused):
        store.close_stream("seat-2", reason="Another.")


def test_nothing_follows_the_closing_within_one_append(store: EventStore) -> None:
    news = [NewEvent(StreamClosed("Done."), stream="new"), NewEvent(SeatTaken("1"), stream="new")]
    with pytest.raises(StreamIsClosed):
        store.append_all(news)
    assert store.append_all(news[:1]).added == 1
