"""The contract of the log: what anyone who appends and reads relies on, on every database."""

import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from strategies import TEXTS, examples
from waiting import FOREVER, until, waiting_for_a_lock

from timeline import Timeline
from timeline.dates import When
from timeline.engine import grants
from timeline.errors import (
    Conflict,
    ConnectionLost,
    DatabaseBusy,
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnreachable,
    EventIdReused,
    InvalidEvent,
    InvalidInput,
    NotFound,
    UnknownEventType,
    WrongExpectedVersion,
)
from timeline.events import Actor, ActorAdded, Evidence, Link, NewEvent, event, references
from timeline.events.base import ActorId, ProposalId
from timeline.log import database, digests
from timeline.log.append import Expected
from timeline.log.database import create_engine
from timeline.log.digests import Head
from timeline.log.query import Query
from timeline.log.redact import redact
from timeline.log.schema import upgrade
from timeline.log.store import EventStore


@event
class Noted:
    text: str
    number: int = 0


@attrs.frozen
class Goods:
    name: str
    of: ActorId | None = None


@event(name="embargo-imposed", category="embargo", subject="id_of_it")
class EmbargoImposed:
    """An event class such as a user writes."""

    id_of_it: str
    by: ActorId
    since: When
    goods: tuple[Goods, ...] = ()
    until: When | None = None
    about: tuple[ProposalId, ...] = ()
    shares: dict[str, float] = attrs.field(factory=dict)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> EventStore:
    return EventStore(engine, [Noted, EmbargoImposed])


def notes(*texts: str) -> list[NewEvent]:
    """Events with their text as their id."""
    return [NewEvent(Noted(text), id=text) for text in texts]


def texts(found: Any) -> list[str]:
    return [each.event.text for each in found]


def positions(found: Any) -> list[int]:
    return [each.position for each in found]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in a thread each, all starting together; what each returned or raised."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except Conflict as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


# Reading back


def test_an_event_comes_back_with_all_that_was_given(engine: sa.Engine) -> None:
    moment = datetime(2022, 11, 29, 11, 40, 0, 123456, tzinfo=UTC)
    store = EventStore(engine, [Noted], clock=lambda: moment)
    evidence = (
        Evidence("paper", "§ 3", "«союз»", (Link("agency", "quoted"), Link("ann", said="2022"))),
        Evidence("other"),
    )
    store.append("first", notes("before"))

    appended = store.append(
        "note-a",
        [NewEvent(Noted("a", 7), id="given", occurred="2022-11~", evidence=evidence)],
    )

    [found] = store.read_stream("note-a")
    assert [found] == list(appended.events)
    assert found.event == Noted("a", 7)
    assert found.id == "given"
    assert found.position == 2
    assert found.stream == "note-a"
    assert found.version == 1
    assert found.type == "Noted"
    assert found.occurred == When("2022-11~")
    assert found.evidence == evidence
    assert found.recorded == "2022-11-29T11:40:00.123456Z"
    assert found.recorded_at == moment
    assert found.digest == store.head().digest
    assert found.amended_by == ()


def test_what_was_not_given_comes_back_as_nothing(store: EventStore) -> None:
    store.append("note-a", [Noted("a")])

    [found] = store.read_stream("note-a")
    assert found.occurred is None
    assert found.evidence == ()


def test_the_time_of_recording_is_ours(store: EventStore) -> None:
    before = datetime.now(UTC)
    store.append("note-a", [Noted("a")])

    [found] = store.read_all()
    assert before <= found.recorded_at <= datetime.now(UTC)
    assert found.recorded_at.utcoffset() == timedelta(0)


def test_events_without_an_id_get_one_each(store: EventStore) -> None:
    first, second = store.append("note-a", [Noted("same"), Noted("same")]).events

    assert first.id
    assert first.id != second.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Газовый союз",
        "🇰🇿 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
        "e\N{COMBINING ACUTE ACCENT} é",
        "'; DROP TABLE timeline_events; --",
        'line\nline\n\ttab "quoted" \\ back \\u001b',
        "\ufeff\u2028\u200f",
        "%s %(name)s :name ?",
        "x" * 1_000_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_text_comes_back_as_it_was(store: EventStore, text: str) -> None:
    store.append("note-a", [NewEvent(Noted(text), evidence=[Evidence("paper", text)])])

    [found] = store.read_all()
    assert found.event.text == text
    assert found.evidence[0].at == text


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066"])
@pytest.mark.parametrize("before", ["", "\\", "\\\\"])
def test_what_could_steer_a_terminal_is_refused(character: str, before: str) -> None:
    text = f"a{before}{character}b"
    for make in (lambda: Noted(text), lambda: Evidence("paper", text)):
        with pytest.raises(InvalidEvent, match=rf"control character U\+{ord(character):04X}"):
            make()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\r\nb", "a\nb"),
        ("a\rb\r", "a\nb\n"),
        ("\\r\\\r\n", "\\r\\\n"),
        ("\r\r\n\n", "\n\n\n"),
    ],
)
def test_ends_of_lines_are_kept_as_one_character(store: EventStore, given: str, kept: str) -> None:
    new = NewEvent(Noted(given), "1", evidence=[Evidence("paper", given)], metadata={"by": given})
    appended = store.append("note-a", [new])

    [found] = store.read_all()
    assert appended.events == (found,)
    assert (found.event.text, found.evidence[0].at) == (kept, kept)
    assert found.metadata == {"by": kept}
    assert store.append("note-a", [new]).added == 0


HALF = "a\ud83d"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: NewEvent(Noted(HALF)), "Noted: text: "),
        (lambda: Actor("a", "person", "A", aliases=("b", HALF)), r"Actor: aliases\[1\]"),
        (lambda: NewEvent(Noted("a"), HALF, stream="a"), "expected id to be text"),
        (lambda: NewEvent(Noted("a"), stream=HALF), "expected stream to be text"),
        (lambda: Evidence(HALF), "Evidence: source: "),
        (
            lambda: NewEvent(Noted("a"), stream="a", metadata={"by": {"whom": HALF}}),
            r"metadata: by\.whom: ",
        ),
    ],
)
def test_half_a_character_is_refused_and_its_field_named(
    store: EventStore, make: Callable[[], NewEvent], field: str
) -> None:
    with pytest.raises(InvalidEvent, match=field):
        store.append_all([make()])
    assert store.head().position == 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda timeline: list(timeline.store.read_stream(HALF)),
        lambda timeline: list(timeline.store.read_all(Query([HALF]))),
        lambda timeline: timeline.store.get([HALF]),
        lambda timeline: timeline.store.stream_version(HALF),
        lambda timeline: timeline.store.append_all([], expected={HALF: 1}),
        lambda timeline: timeline.store.reset(HALF),
        lambda timeline: list(timeline.log(stream=HALF)),
        lambda timeline: timeline.actors(HALF),
        lambda timeline: timeline.initiative(HALF),
        lambda timeline: timeline.redact(HALF, reason="a"),
        lambda timeline: timeline.as_of(published=HALF),
    ],
)
def test_nobody_is_asked_for_half_a_character(
    migrated_url: str, ask: Callable[[Timeline], object]
) -> None:
    with Timeline.open(migrated_url) as timeline, pytest.raises(InvalidInput):
        ask(timeline)


@examples(40)
@given(TEXTS, st.integers(-(2**63), 2**63 - 1))
def test_any_content_comes_back_as_it_was(store: EventStore, text: str, number: int) -> None:
    [appended] = store.append("note-a", [Noted(text, number)]).events

    [found] = store.read_all(after=appended.position - 1)
    assert found == appended
    assert found.event == Noted(text, number)


@pytest.mark.parametrize("name", ["a b", "заметка-1", "🔥", "x" * 255, "'\"", "%", "A", "a-b-c"])
def test_streams_and_ids_may_be_any_printable_text(store: EventStore, name: str) -> None:
    id = name[:200]  # shorter than a stream's name, which may be made of it
    store.append(name, [NewEvent(Noted("a"), id=id)])

    [found] = store.read_stream(name)
    assert (found.stream, found.id) == (name, id)
    assert store.get([id])[id] == found


def test_streams_are_told_apart_to_the_letter(store: EventStore) -> None:
    names = ["note", "Note", "note ", "nóte", "no\N{COMBINING ACUTE ACCENT}te", "note-", "note_"]
    for name in names:
        store.append(name, notes(name))

    assert [texts(store.read_stream(name)) for name in names] == [[name] for name in names]
    assert {store.stream_version(name) for name in names} == {1}


# Places


def test_positions_go_on_without_gaps_across_streams_and_calls(store: EventStore) -> None:
    store.append("a", notes("1", "2"))
    store.append("b", notes("3"))
    store.append("c", [])
    store.append("a", notes("4", "5"))

    found = list(store.read_all())
    assert positions(found) == [1, 2, 3, 4, 5]
    assert texts(found) == ["1", "2", "3", "4", "5"]


def test_versions_count_within_each_stream(store: EventStore) -> None:
    store.append("a", notes("1", "2"))
    store.append("b", notes("3"))
    store.append("a", notes("4"))

    assert [each.version for each in store.read_stream("a")] == [1, 2, 3]
    assert [each.version for each in store.read_stream("b")] == [1]
    assert store.stream_version("a") == 3
    assert store.stream_version("nobody-wrote-here") == 0


def test_one_call_may_write_to_several_streams(store: EventStore) -> None:
    store.append("b", notes("0"))

    appended = store.append_all(
        [
            attrs.evolve(new, stream=stream)
            for new, stream in zip(notes(*"1234"), "abab", strict=True)
        ]
    )

    assert [(each.stream, each.version) for each in appended.events] == [
        ("a", 1),
        ("b", 2),
        ("a", 2),
        ("b", 3),
    ]
    assert positions(appended.events) == [2, 3, 4, 5]
    assert appended.position == 5
    assert appended.added == 4


def test_an_event_goes_to_the_stream_its_class_derives(store: EventStore) -> None:
    actor = ActorAdded(Actor("ann", "person", "Ann"))

    [found] = store.append_all([NewEvent(actor)]).events

    assert found.stream == "actor-ann"


def test_a_stream_that_nothing_names_is_asked_for(store: EventStore) -> None:
    with pytest.raises(InvalidEvent, match="stream="):
        store.append_all([NewEvent(Noted("a"))])


def test_appending_nothing_does_nothing(store: EventStore) -> None:
    appended = store.append("a", [])

    assert appended.events == ()
    assert appended.added == appended.position == 0
    assert store.head() == Head(0, bytes(32))


# Reading parts


def test_a_stream_is_read_from_after_a_version_up_to_a_limit(store: EventStore) -> None:
    store.append("other", notes("x"))
    store.append("a", notes(*"12345"))

    assert texts(store.read_stream("a")) == list("12345")
    assert texts(store.read_stream("a", after=2)) == list("345")
    assert texts(store.read_stream("a", limit=2)) == list("12")
    assert texts(store.read_stream("a", after=1, limit=2)) == list("23")
    assert texts(store.read_stream("a", after=5)) == []
    assert texts(store.read_stream("a", limit=0)) == []
    assert texts(store.read_stream("nobody-wrote-here")) == []


def test_the_log_is_read_from_a_position_to_a_position_up_to_a_limit(store: EventStore) -> None:
    store.append("a", notes(*"123"))
    store.append("b", notes(*"45"))

    assert texts(store.read_all(after=2)) == list("345")
    assert texts(store.read_all(until=2)) == list("12")
    assert texts(store.read_all(after=1, until=4)) == list("234")
    assert texts(store.read_all(after=1, until=4, limit=2)) == list("23")
    assert texts(store.read_all(limit=0)) == []
    assert texts(store.read_all(after=5)) == []
    assert texts(store.read_all(after=3, until=3)) == []


def test_the_log_is_read_by_type(store: EventStore) -> None:
    actor = ActorAdded(Actor("ann", "person", "Ann"))
    store.append("a", [Noted("1"), actor, Noted("3"), actor])

    assert positions(store.read_all(Query(["ActorAdded"]))) == [2, 4]
    assert positions(store.read_all(Query({"ActorAdded", "Noted"}))) == [1, 2, 3, 4]
    assert positions(store.read_all(Query(["ActorAdded"]), after=2, limit=1)) == [4]
    assert positions(store.read_all(Query(["NeverHeardOf"]))) == []
    assert positions(store.read_all(Query([]))) == []


def test_a_long_log_is_read_whole(store: EventStore) -> None:
    """Longer than what is fetched at a time, by some and by exactly that."""
    actor = ActorAdded(Actor("ann", "person", "Ann"))
    store.append("a", [actor if number % 2 else Noted(f"{number}") for number in range(4000)])
    store.append("b", [Noted("4000")])

    assert positions(store.read_all()) == list(range(1, 4002))
    assert positions(store.read_all(Query(["ActorAdded"]))) == list(range(2, 4001, 2))
    assert [each.version for each in store.read_stream("a")] == list(range(1, 4001))
    assert positions(store.read_all(after=999, until=3001)) == list(range(1000, 3002))
    assert positions(store.read_all(limit=2500)) == list(range(1, 2501))
    assert positions(store.read_stream("a", after=1, limit=1000)) == list(range(2, 1002))


def test_a_reader_may_append_while_it_reads(store: EventStore) -> None:
    store.append("a", notes("1", "2", "3"))

    for each in store.read_all(until=3):
        store.append("copy", [Noted(f"copy of {each.event.text}")])

    assert texts(store.read_stream("copy")) == ["copy of 1", "copy of 2", "copy of 3"]


def test_events_are_found_by_id(store: EventStore) -> None:
    store.append("a", notes("1", "2", "3"))

    found = store.get(["3", "1", "3"])

    assert list(found) == ["3", "1"]
    assert texts(found.values()) == ["3", "1"]
    assert store.existing(["2", "nobody"]).keys() == {"2"}
    with pytest.raises(NotFound, match="nobody"):
        store.get(["1", "nobody"])


def test_many_events_are_found_by_id(store: EventStore) -> None:
    ids = [f"{number}" for number in range(2000)]
    store.append("a", notes(*ids))

    assert list(store.get(ids)) == ids


def test_streams_that_exist_are_told(store: EventStore) -> None:
    store.append("a", notes("1"))

    assert store.existing_streams(["a", "b"]) == {"a"}


def test_the_head_is_the_last_event(store: EventStore) -> None:
    found = store.append("a", notes("1", "2", "3")).events

    assert store.head() == store.head_at(3) == Head(3, found[2].digest)
    assert store.head_at(1) == Head(1, found[0].digest)
    assert store.head_at(0) == Head(0, bytes(32))


@pytest.mark.parametrize("position", [4, 10**12, 2**63, 10**20, -1])
def test_the_head_at_a_position_never_reached_is_not_found(
    store: EventStore, position: int
) -> None:
    store.append("a", notes("1", "2", "3"))

    with pytest.raises(NotFound, match="ends at 3"):
        store.head_at(position)


# What an append expects of its stream


@pytest.mark.parametrize(
    ("expected", "fits_new", "fits_two"),
    [
        (Expected.ANY, True, True),
        (Expected.NO_STREAM, True, False),
        (Expected.STREAM_EXISTS, False, True),
        (0, True, False),
        (1, False, False),
        (2, False, True),
        (3, False, False),
    ],
)
def test_an_append_is_made_if_the_stream_is_as_expected(
    store: EventStore, expected: Any, fits_new: bool, fits_two: bool
) -> None:
    store.append("two", notes("1", "2"))

    for stream, fits in [("new", fits_new), ("two", fits_two)]:
        before = store.head()
        if fits:
            store.append(stream, notes(f"{stream} 3"), expected_version=expected)
            assert store.head().position == before.position + 1
        else:
            with pytest.raises(WrongExpectedVersion):
                store.append(stream, notes(f"{stream} 3"), expected_version=expected)
            assert store.head() == before


def test_a_conflict_tells_what_was_expected_and_what_was_found(store: EventStore) -> None:
    store.append("a", notes("1", "2"))

    with pytest.raises(WrongExpectedVersion) as conflict:
        store.append("a", notes("3"), expected_version=1)
    assert conflict.value.stream == "a"
    assert conflict.value.expected == "version 1"
    assert conflict.value.actual == 2
    assert "'a'" in str(conflict.value)
    assert "at version 2" in str(conflict.value)

    with pytest.raises(WrongExpectedVersion, match="at least one event") as conflict:
        store.append("b", notes("3"), expected_version=Expected.STREAM_EXISTS)
    assert conflict.value.actual == 0


@pytest.mark.parametrize("version", [2**31 - 2, 2**31 - 1, 2**31, 2**63])
def test_a_version_that_no_stream_comes_to_is_a_conflict(store: EventStore, version: int) -> None:
    with pytest.raises(WrongExpectedVersion, match=f"version {version}"):
        store.append("a", notes("1"), expected_version=version)


def test_a_name_that_no_stream_can_have_is_that_of_none(store: EventStore) -> None:
    store.append("a", notes("1"))

    try:
        found, transient = list(store.read_stream("a\0b")), False
    except DatabaseError as error:  # PostgreSQL's driver takes no such text
        found, transient = [], error.transient
    assert (found, transient) == ([], False)


def test_a_conflict_on_one_stream_keeps_all_the_others_from_being_written(
    store: EventStore,
) -> None:
    store.append("b", notes("1"))
    before = store.head()
    news = [NewEvent(Noted("2"), stream="a"), NewEvent(Noted("3"), stream="b")]

    with pytest.raises(WrongExpectedVersion):
        store.append_all(news, expected={"a": 0, "b": 0})

    assert store.head() == before
    assert list(store.read_stream("a")) == []


def test_several_streams_may_each_be_expected_at_their_version(store: EventStore) -> None:
    store.append("b", notes("1"))
    news = [NewEvent(Noted("2"), stream="a"), NewEvent(Noted("3"), stream="b")]

    assert store.append_all(news, expected={"a": Expected.NO_STREAM, "b": 1}).added == 2


def test_an_expectation_of_a_stream_that_is_only_read_counts_too(store: EventStore) -> None:
    """What was decided on one stream, and is written to another."""
    store.append("read", notes("1"))

    with pytest.raises(WrongExpectedVersion):
        store.append_all([NewEvent(Noted("2"), stream="written")], expected={"read": 0})

    assert store.head().position == 1


# Trying again


def test_the_same_append_again_adds_nothing(store: EventStore) -> None:
    news = [
        NewEvent(Noted("1"), id="x", occurred="2022-11", evidence=[Evidence("paper")]),
        NewEvent(Noted("2"), id="y"),
    ]
    first = store.append("a", news)
    store.append("a", notes("3"))
    before = store.head()

    again = store.append("a", news)

    assert again.events == first.events
    assert (first.added, again.added) == (2, 0)
    assert store.head() == before


def test_a_repeat_is_found_by_another_store_too(store: EventStore, engine: sa.Engine) -> None:
    first = store.append("a", notes("1"))

    assert EventStore(engine, [Noted]).append("a", notes("1")).events == first.events


def test_a_repeat_is_one_although_its_class_has_gained_a_field(engine: sa.Engine) -> None:
    @event(name="weighed")
    class Weighed:
        weight: int

    @event(name="weighed")
    class WeighedInUnits:
        weight: int
        unit: str | None = None

    [first] = EventStore(engine, [Weighed]).append("a", [NewEvent(Weighed(1), id="x")]).events
    later = EventStore(engine, [WeighedInUnits])

    again = later.append("a", [NewEvent(WeighedInUnits(1), id="x")])
    assert again.added == 0
    assert again.events[0].event == WeighedInUnits(1)
    assert again.events[0].digest == first.digest
    for other in (WeighedInUnits(2), WeighedInUnits(1, "kg")):
        with pytest.raises(EventIdReused) as refused:
            later.append("a", [NewEvent(other, id="x")])
        assert refused.value.differs == ("data",)
    assert later.head().position == 1


def test_repeats_and_new_events_may_come_in_one_call(store: EventStore) -> None:
    first = store.append("a", notes("1", "2"))

    appended = store.append("a", notes("0", "2", "3", "1"))

    assert texts(appended.events) == ["0", "2", "3", "1"]
    assert positions(appended.events) == [3, 2, 4, 1]
    assert appended.events[1] == first.events[1]
    assert appended.added == 2
    assert texts(store.read_all()) == ["1", "2", "0", "3"]


@pytest.mark.parametrize("expected", [0, Expected.NO_STREAM])
def test_a_repeat_is_no_conflict_although_the_stream_has_moved_on(
    store: EventStore, expected: Any
) -> None:
    first = store.append("a", notes("1"), expected_version=expected)
    store.append("a", notes("2"))

    assert store.append("a", notes("1"), expected_version=expected).events == first.events


def test_a_repeat_with_something_new_is_a_conflict_if_the_stream_has_moved_on(
    store: EventStore,
) -> None:
    store.append("a", notes("1"), expected_version=0)

    with pytest.raises(WrongExpectedVersion):
        store.append("a", notes("1", "2"), expected_version=0)

    assert texts(store.read_all()) == ["1"]


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"event": Noted("other")}, ("data",)),
        ({"event": ActorAdded(Actor("ann", "person", "Ann"))}, ("type", "data")),
        ({"occurred": "2022-11-29"}, ("occurred",)),
        ({"occurred": None}, ("occurred",)),
        ({"evidence": ()}, ("evidence",)),
        ({"stream": "b"}, ("stream",)),
        ({"stream": "b", "event": Noted("other")}, ("stream", "data")),
    ],
)
def test_the_same_id_with_other_content_is_refused(
    store: EventStore, changes: dict[str, Any], columns: tuple[str, ...]
) -> None:
    new = NewEvent(Noted("1"), "x", "a", occurred="2022-11", evidence=[Evidence("paper")])
    store.append("a", notes("0"))
    store.append_all([new])
    before = store.head()

    with pytest.raises(EventIdReused) as refused:
        store.append_all([NewEvent(Noted("2"), stream="a"), attrs.evolve(new, **changes)])

    assert refused.value.event_id == "x"
    assert refused.value.position == 2
    assert refused.value.differs == columns
    assert "'x' is already recorded at position 2, with " in str(refused.value)
    if columns == ("stream", "data"):
        assert "with another stream and other fields. What" in str(refused.value)
    assert store.head() == before


def test_an_id_taken_by_an_event_of_an_unknown_class_is_refused(engine: sa.Engine) -> None:
    EventStore(engine, [Noted]).append("a", notes("x"))

    with pytest.raises(EventIdReused) as refused:
        EventStore(engine).append("a", [NewEvent(ActorAdded(Actor("a", "person", "A")), id="x")])

    assert refused.value.differs[0] == "type"


def test_an_id_may_stand_for_one_thing_only_in_a_call(store: EventStore) -> None:
    with pytest.raises(InvalidEvent, match="'x' stands twice"):
        store.append("a", [NewEvent(Noted("1"), id="x"), NewEvent(Noted("other"), id="x")])
    assert store.head().position == 0

    appended = store.append("a", [NewEvent(Noted("1"), id="x")] * 2)
    assert appended.added == 1
    assert positions(appended.events) == [1, 1]
    assert positions(store.read_all()) == [1]


# What is refused at the door


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\tb", "\x7f", "\u202e", "\ud800", "x" * 256])
def test_a_stream_or_an_id_that_nobody_can_print_is_refused(store: EventStore, name: str) -> None:
    with pytest.raises(InvalidEvent, match="printable"):
        store.append(name, [Noted("a")])
    with pytest.raises(InvalidEvent, match="printable"):
        store.append("a", [NewEvent(Noted("a"), id=name)])

    assert store.head().position == 0


def test_an_id_has_room_for_a_stream_named_after_it(store: EventStore) -> None:
    with pytest.raises(InvalidEvent, match="expected id to be text of 1 to 200"):
        store.append("a", [NewEvent(Noted("a"), id="x" * 201)])

    assert store.head().position == 0


@pytest.mark.parametrize("made", [Noted("a"), ActorAdded(Actor("ann", "person", "Ann"))])
def test_an_empty_stream_or_id_is_refused(store: EventStore, made: object) -> None:
    with pytest.raises(InvalidEvent, match="stream"):
        store.append("", [made])
    with pytest.raises(InvalidEvent, match="expected id"):
        store.append("a", [NewEvent(made, id="")])

    assert store.head().position == 0


def test_an_id_that_is_no_text_is_refused(store: EventStore) -> None:
    with pytest.raises(InvalidEvent, match="id"):
        store.append("a", [NewEvent(Noted("a"), id=7)])


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Noted(7), "Noted: text"),
        (lambda: Noted("a", "b"), "Noted: number"),
        (lambda: Noted("a", None), "Noted: number"),
        (lambda: Noted("a", 1.5), "Noted: number"),
        (lambda: Noted("a \ud800"), "Noted: text"),
        (lambda: Actor("Ann B", "person", "Ann"), "Actor: id"),
        (lambda: Actor("ann", "robot", "Ann"), "Actor: kind"),
        (lambda: Actor("ann", "person", ""), "Actor: name"),
        (lambda: ActorAdded("ann"), "ActorAdded: actor"),
        (lambda: EmbargoImposed("x", "ann", since=None), "embargo-imposed: since"),
        (
            lambda: EmbargoImposed("x", "ann", When("2022"), (Goods("gas"), Goods(7))),
            "embargo-imposed: goods[1].name",
        ),
        (
            lambda: EmbargoImposed("x", "ann", When("2022"), shares={"gas": float("nan")}),
            "embargo-imposed: shares",
        ),
        (lambda: Evidence("No Such"), "Evidence: source"),
        (lambda: Evidence("paper", excerpt=""), "Evidence: excerpt"),
        (lambda: Evidence("paper", chain=[Link("ann", "shouted")]), "Evidence: chain[0].manner"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_made(
    make: Callable[[], object], problem: str
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        make()

    assert str(refused.value).startswith(problem)


def test_what_a_list_became_after_an_event_was_made_is_refused(store: EventStore) -> None:
    embargo = EmbargoImposed("x", "ann", When("2022"), shares={"gas": 0.5})
    embargo.shares["oil"] = "half"

    with pytest.raises(InvalidEvent, match=r"shares"):
        store.append("a", [embargo])
    assert store.head().position == 0


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "a\\u0000b", '"\\u0000"'])
def test_text_that_only_spells_a_nul_character_is_fine(store: EventStore, text: str) -> None:
    store.append("a", [NewEvent(Noted(text), evidence=[Evidence("paper", text)])])

    [found] = store.read_all()
    assert (found.event.text, found.evidence[0].at) == (text, text)


@pytest.mark.parametrize("text", ["\\\0", "\\\\\0", "\\u0000\0"])
def test_a_nul_character_behind_backslashes_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match=r"U\+0000"):
        Noted(text)


def test_text_with_a_nul_character_is_refused() -> None:
    """PostgreSQL keeps none in text, so no read model there could hold it."""
    with pytest.raises(InvalidEvent, match="text"):
        Noted("a\0b")


@pytest.mark.parametrize("thing", [{"text": "a"}, "text", None, Noted, Goods("gas")])
def test_what_is_no_event_is_refused(store: EventStore, thing: object) -> None:
    with pytest.raises(InvalidEvent, match="@event"):
        store.append("a", [thing])
    with pytest.raises(InvalidEvent, match="@event"):
        store.append_all([NewEvent(thing)])


def test_one_bad_event_keeps_the_whole_call_from_being_written(store: EventStore) -> None:
    with pytest.raises(InvalidEvent):
        store.append("a", [*notes("1", "2"), Noted(7), *notes("3")])

    assert list(store.read_all()) == []
    assert positions(store.append("a", notes("1")).events) == [1]


# Event classes of one's own


def test_an_event_class_of_ones_own_comes_back_equal(store: EventStore) -> None:
    made = EmbargoImposed(
        "gas-2022",
        by="ann",
        since=When("2022-11~"),
        goods=(Goods("gas", of="bob"), Goods("oil")),
        about=("union",),
        shares={"b": 0.1, "a": 1e300},
    )

    store.append_all([NewEvent(made)])

    [found] = store.read_stream("embargo-gas-2022")
    assert found.event == made
    assert found.type == "embargo-imposed"
    assert found.event.since.latest is not None


def test_the_references_of_a_class_of_ones_own_are_found() -> None:
    made = EmbargoImposed(
        "x",
        by="ann",
        since=When("2022"),
        goods=(Goods("gas"), Goods("oil", "bob")),
        about=("union",),
    )

    assert list(references(made)) == [
        ("by", "actor", "ann"),
        ("goods[1].of", "actor", "bob"),
        ("about[0]", "proposal", "union"),
    ]


def test_a_class_that_uses_a_name_of_the_envelope_is_refused() -> None:
    with pytest.raises(TypeError, match="occurred"):

        @event
        class Happened:
            occurred: str


@pytest.mark.parametrize("subject", ["nope", "nope.id"])
def test_a_class_whose_subject_is_no_field_is_refused(subject: str) -> None:
    with pytest.raises(TypeError, match=f"'{subject}' is none of its fields"):

        @event(category="rain", subject=subject)
        class Rained:
            where: str


def test_two_classes_of_one_type_name_are_refused(engine: sa.Engine) -> None:
    @event(name="Noted")
    class Other:
        text: str

    with pytest.raises(ValueError, match="'Noted'"):
        EventStore(engine, [Noted, Other])


def test_a_class_the_store_was_not_given_is_refused_on_append(engine: sa.Engine) -> None:
    with pytest.raises(UnknownEventType, match="Noted") as refused:
        EventStore(engine).append("a", [Noted("1")])

    assert (refused.value.type, refused.value.version) == ("Noted", 1)
    assert refused.value.position is None


def test_an_event_whose_class_the_store_was_not_given_is_named_on_reading(
    store: EventStore, engine: sa.Engine
) -> None:
    actor = ActorAdded(Actor("ann", "person", "Ann"))
    store.append("a", [actor, Noted("2"), actor])
    stranger = EventStore(engine)

    for read in (stranger.read_all, lambda: stranger.read_stream("a")):
        with pytest.raises(UnknownEventType, match="position 2") as refused:
            list(read())
        assert refused.value.type == "Noted"
        assert refused.value.version == 1
        assert refused.value.position == 2
    assert positions(stranger.read_all(Query(["ActorAdded"]))) == [1, 3]
    assert stranger.append("a", [actor]).position == 4


# In the caller's own transaction


def articles(engine: sa.Engine) -> sa.Table:
    """A table of the caller's own, in the same database."""
    table = sa.Table("articles", sa.MetaData(), sa.Column("title", sa.Text))
    table.create(engine)
    return table


def titles(engine: sa.Engine, table: sa.Table) -> list[str]:
    with engine.begin() as connection:
        return list(connection.scalars(sa.select(table.c.title)))


def test_an_append_commits_with_the_callers_rows(store: EventStore, engine: sa.Engine) -> None:
    table = articles(engine)

    with engine.begin() as connection:
        connection.execute(sa.insert(table).values(title="Gas union"))
        appended = store.append("a", notes("1"), connection=connection)
        store.append("a", notes("2"), expected_version=1, connection=connection)

    assert titles(engine, table) == ["Gas union"]
    assert texts(store.read_all()) == ["1", "2"]
    assert appended.position == 1


def test_an_append_rolls_back_with_the_callers_rows(store: EventStore, engine: sa.Engine) -> None:
    table = articles(engine)
    store.append("a", notes("1"))
    before = store.head()

    with engine.connect() as connection:
        connection.execute(sa.insert(table).values(title="Gas union"))
        store.append("a", notes("2"), connection=connection)
        connection.rollback()

    assert titles(engine, table) == []
    assert store.head() == before
    assert positions(store.append("a", notes("3")).events) == [2]


def test_what_is_not_committed_is_seen_on_the_same_connection_only(
    store: EventStore, engine: sa.Engine
) -> None:
    with engine.begin() as connection:
        store.append("a", notes("1"), connection=connection)

        assert texts(store.read_all(connection=connection)) == ["1"]
        assert texts(store.read_stream("a", connection=connection)) == ["1"]
        assert store.head(connection).position == 1
        assert list(store.read_all()) == []
        assert store.head().position == 0


@pytest.mark.parametrize(
    "refused",
    [
        lambda store, connection: store.append(
            "a", notes("2"), expected_version=7, connection=connection
        ),
        lambda store, connection: store.append("b", notes("2", "1"), connection=connection),
        lambda store, connection: store.append("a", [Noted(7)], connection=connection),
    ],
    ids=["conflict", "id reused", "bad field"],
)
def test_a_refused_append_leaves_the_callers_transaction_usable(
    store: EventStore, engine: sa.Engine, refused: Callable[[EventStore, sa.Connection], None]
) -> None:
    table = articles(engine)
    store.append("a", notes("1"))

    with engine.begin() as connection:
        connection.execute(sa.insert(table).values(title="Gas union"))
        with pytest.raises((Conflict, InvalidEvent)):
            refused(store, connection)
        store.append("a", notes("3"), connection=connection)

    assert titles(engine, table) == ["Gas union"]
    assert texts(store.read_all()) == ["1", "3"]


def test_the_callers_engine_need_not_be_ours(store: EventStore, migrated_url: str) -> None:
    theirs = sa.create_engine(migrated_url)
    try:
        with theirs.begin() as connection:
            store.append("a", notes("1"), connection=connection)
        with theirs.connect() as connection:
            store.append("a", notes("2"), connection=connection)
            connection.rollback()
    finally:
        theirs.dispose()

    assert texts(store.read_all()) == ["1"]
    assert store.head().position == 1


def test_appends_on_engines_of_the_callers_take_turns(store: EventStore, migrated_url: str) -> None:
    def append(who: str) -> None:
        theirs = sa.create_engine(migrated_url)
        try:
            for number in range(30):
                with theirs.begin() as connection:
                    store.append(who, notes(f"{who}-{number}"), connection=connection)
        finally:
            theirs.dispose()

    at_once(*[lambda who=who: append(who) for who in "abcd"])

    found = list(store.read_all())
    assert positions(found) == list(range(1, 121))
    assert {each.id for each in found} == {f"{who}-{n}" for who in "abcd" for n in range(30)}


def beginning(url: str, how: str) -> sa.Engine:
    """An engine of the host's own, each of whose transactions begins by that statement."""
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", lambda opened, _: setattr(opened, "isolation_level", None))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(how))
    return engine


READ_FIRST = sa.text("SELECT count(*) FROM timeline_events")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("whose", ["ours", "plain", "deferred"])
@pytest.mark.parametrize("reads", [True, False], ids=["reads first", "only writes"])
def test_an_append_in_the_callers_transaction_waits_for_another_writer(
    store: EventStore, engine: sa.Engine, migrated_url: str, whose: str, reads: bool
) -> None:
    if whose == "deferred" and reads:
        return  # SQLite does not let it: the next test has what is said then
    theirs = {
        "ours": lambda: create_engine(migrated_url),
        "plain": lambda: sa.create_engine(migrated_url),
        "deferred": lambda: beginning(migrated_url, "BEGIN"),
    }[whose]()
    begun = threading.Event()

    def append() -> None:
        begun.set()
        with Session(theirs) as session:
            if reads:
                session.execute(READ_FIRST).scalar()
            store.append("a", notes("2"), connection=session.connection())
            session.commit()

    with ThreadPoolExecutor(1) as threads:
        with database.writing(engine) as connection:
            store.append("a", notes("1"), connection=connection)
            waiting = threads.submit(append)
            begun.wait()
        waiting.result()
    theirs.dispose()

    assert texts(store.read_all()) == ["1", "2"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_transaction_that_has_read_what_changed_since_may_not_write(
    store: EventStore, migrated_url: str
) -> None:
    theirs = beginning(migrated_url, "BEGIN")
    with theirs.begin() as connection:
        connection.execute(READ_FIRST).scalar()
        store.append("a", notes("1"))
        with pytest.raises(DatabaseBusy, match=r"Roll back and try again.*BEGIN IMMEDIATE"):
            store.append("a", notes("2"), connection=connection)
    theirs.dispose()

    assert texts(store.read_all()) == ["1"]


@pytest.mark.usefixtures("impatient")
def test_a_lock_of_the_callers_own_other_transaction_is_named(
    store: EventStore, migrated_url: str
) -> None:
    own = hurried(migrated_url)
    store = EventStore(own, [Noted])
    with own.begin() as connection:
        store.append("a", notes("1"), connection=connection)
        with pytest.raises(DatabaseBusy, match=r"a transaction of your own.*connection="):
            store.append("a", notes("2"))
    assert texts(store.read_all()) == ["1"]
    own.dispose()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_waits_for_locks_have_a_limit(migrated_url: str) -> None:
    asked = "SHOW lock_timeout"
    limits = {"": "30s", "-c lock_timeout=7000": "7s"}
    for options, limit in limits.items():
        url = sa.make_url(migrated_url).update_query_dict({"options": options})
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.exec_driver_sql(asked).scalar() == limit
            connection.rollback()
            assert connection.exec_driver_sql(asked).scalar() == limit
        engine.dispose()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_a_statement_that_took_too_long_may_be_tried_again(
    store: EventStore, engine: sa.Engine, migrated_url: str
) -> None:
    options = {"options": "-c statement_timeout=100"}
    other = create_engine(sa.make_url(migrated_url).update_query_dict(options))
    with held(engine), pytest.raises(DatabaseBusy, match="statement timeout"):
        EventStore(other, [Noted]).append("a", notes("1"))
    other.dispose()

    assert store.append("a", notes("1")).added == 1


@pytest.mark.parametrize("theirs", [True, False], ids=["theirs", "ours"])
def test_a_connection_without_transactions_is_refused(
    store: EventStore, engine: sa.Engine, migrated_url: str, theirs: bool
) -> None:
    plain = sa.create_engine(migrated_url, isolation_level="AUTOCOMMIT")
    opened = plain.connect() if theirs else database.autocommitting(engine)

    with opened as connection:
        with pytest.raises(InvalidInput, match="AUTOCOMMIT"):
            store.append("a", notes("1"), connection=connection)
        with pytest.raises(InvalidInput, match="AUTOCOMMIT"):
            store.load([NewEvent(Noted("1"), id="1", stream="a")], connection=connection)

    plain.dispose()
    assert list(store.read_all()) == []


def test_a_connection_of_a_driver_that_is_not_ours_is_refused(store: EventStore) -> None:
    class Other:
        def __init__(self, *_: object) -> None:
            self.connection = sqlite3.connect(":memory:")

        def __getattr__(self, name: str) -> Any:
            return getattr(self.connection, name)

    plain = sa.create_engine("sqlite://", creator=Other)
    with plain.connect() as connection, pytest.raises(InvalidInput, match="psycopg") as refused:
        store.append("a", notes("1"), connection=connection)
    plain.dispose()

    assert "test_store" in str(refused.value)


# What the database itself refuses


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE timeline_events SET data = '{}' WHERE position = 1",
        "UPDATE timeline_events SET recorded_at = 946684800000000",
        "UPDATE timeline_events SET position = position + 10",
        "DELETE FROM timeline_events WHERE position = 2",
        "DELETE FROM timeline_events",
    ],
)
def test_the_database_refuses_to_change_or_delete_events(
    store: EventStore, engine: sa.Engine, statement: str
) -> None:
    before = store.append("a", notes("1", "2")).events

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)

    assert tuple(store.read_all()) == before


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_postgresql_refuses_to_empty_the_log(store: EventStore, engine: sa.Engine) -> None:
    store.append("a", notes("1"))

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE timeline_events")

    assert texts(store.read_all()) == ["1"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("column", ["position", "event_id", "version"])
def test_sqlite_refuses_to_replace_events(
    store: EventStore, engine: sa.Engine, column: str
) -> None:
    """REPLACE deletes the row in its way, and of itself no trigger hears of that."""
    before = store.append("a", notes("1", "2")).events
    values = {"position": "99", "event_id": "'new'", "version": "99"} | {column: column}
    with engine.connect() as connection:
        columns = [each["name"] for each in sa.inspect(connection).get_columns("timeline_events")]
    chosen = ", ".join(values.get(name, name) for name in columns)

    with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql(
            f"REPLACE INTO timeline_events ({', '.join(columns)}) "
            f"SELECT {chosen} FROM timeline_events WHERE position = 1"
        )

    assert tuple(store.read_all()) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("verb", ["REPLACE", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT"])
@pytest.mark.parametrize(
    "clause", ["", "ON CONFLICT DO UPDATE SET data = '{}'", "ON CONFLICT (event_id) DO NOTHING"]
)
def test_sqlite_refuses_every_way_to_put_an_event_in_anothers_place(
    store: EventStore, engine: sa.Engine, verb: str, clause: str
) -> None:
    before = store.append("a", notes("1", "2")).events

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(
            f"{verb} INTO timeline_events SELECT * FROM timeline_events WHERE true {clause}"
        )

    assert tuple(store.read_all()) == before


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_postgresql_refuses_an_upsert_of_an_event(store: EventStore, engine: sa.Engine) -> None:
    before = store.append("a", notes("1", "2")).events

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO timeline_events SELECT * FROM timeline_events"
            " ON CONFLICT (position) DO UPDATE SET data = ''"
        )

    assert tuple(store.read_all()) == before


@pytest.mark.parametrize("column", ["position", "event_id", "stream, version"])
def test_the_database_keeps_ids_positions_and_versions_unique(
    engine: sa.Engine, column: str
) -> None:
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        table = "timeline_events"
        unique = [each["column_names"] for each in inspector.get_unique_constraints(table)]
        unique.append(inspector.get_pk_constraint(table)["constrained_columns"])

    assert column.split(", ") in unique


# Several at once


def test_of_writers_that_expect_the_same_version_exactly_one_wins(store: EventStore) -> None:
    store.append("a", notes("0"))

    results = at_once(
        *(lambda id=id: store.append("a", notes(id), expected_version=1) for id in "123456")
    )

    lost = [each for each in results if isinstance(each, WrongExpectedVersion)]
    assert len(lost) == 5
    assert {each.actual for each in lost} == {2}
    assert positions(store.read_all()) == [1, 2]


def test_of_writers_that_retry_the_same_append_all_get_the_first_positions(
    store: EventStore,
) -> None:
    results = at_once(*[lambda: store.append("a", notes("1", "2"))] * 6)

    assert {each.events for each in results} == {tuple(store.read_all())}
    assert sorted(each.added for each in results) == [0, 0, 0, 0, 0, 2]


def test_writers_to_different_streams_lose_nothing_and_leave_no_gap(store: EventStore) -> None:
    def write(stream: str) -> list[int]:
        return [
            store.append(stream, notes(f"{stream}{number}a", f"{stream}{number}b")).position
            for number in range(10)
        ]

    results = at_once(*(lambda stream=stream: write(stream) for stream in "abcdef"))

    found = list(store.read_all())
    assert positions(found) == list(range(1, 121))
    assert len({each.id for each in found}) == 120
    assert all(result == sorted(result) for result in results)
    for stream in "abcdef":
        assert [each.version for each in store.read_stream(stream)] == list(range(1, 21))
    assert store.head() == Head(120, found[-1].digest)


def test_a_reader_beside_writers_never_sees_a_gap(store: EventStore) -> None:
    done = threading.Event()

    def write(stream: str) -> None:
        for number in range(15):
            store.append(stream, notes(f"{stream}{number}"))

    def read() -> list[int]:
        seen: list[int] = []
        finished = False
        while not finished:
            finished = done.is_set()
            seen += positions(store.read_all(after=len(seen)))
        return seen

    with ThreadPoolExecutor(5) as threads:
        reader = threads.submit(read)
        for writer in [threads.submit(write, stream) for stream in "abcd"]:
            writer.result()
        done.set()

    assert reader.result() == list(range(1, 61))


WRITER = """
import sys
from timeline.log.database import create_engine
from timeline.events import Actor, ActorAdded
from timeline.log.query import Query
from timeline.log.store import EventStore

store = EventStore(create_engine(sys.argv[1]))
actor = ActorAdded(Actor("ann", "person", "Ann"))
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510  (the exit code is what the tests look at)
        [sys.executable, "-c", WRITER + code, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )


def test_of_two_processes_that_expect_the_same_version_one_wins(
    store: EventStore, migrated_url: str
) -> None:
    code = """
from timeline.errors import WrongExpectedVersion

for version in range(20):
    try:
        store.append("a", [actor], expected_version=version)
    except WrongExpectedVersion:
        print("lost")
    else:
        print("won")
"""

    first, second = at_once(*[lambda: run(code, migrated_url)] * 2)

    outcomes = list(zip(first.stdout.split(), second.stdout.split(), strict=True))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert len(outcomes) == 20
    assert [sorted(outcome) for outcome in outcomes] == [["lost", "won"]] * 20
    assert positions(store.read_all()) == list(range(1, 21))


def test_a_writer_that_dies_before_its_commit_leaves_nothing(
    store: EventStore, migrated_url: str
) -> None:
    store.append("a", notes("1"))
    before = store.head()

    died = run(
        """
import os
with store.engine.connect() as connection:
    store.append("a", [actor, actor], connection=connection)
    print(store.head(connection).position, flush=True)
    os.kill(os.getpid(), 9)
""",
        migrated_url,
    )

    assert died.returncode != 0
    assert died.stdout == "3\n", died.stderr
    assert store.head() == before
    assert positions(store.append("a", notes("2")).events) == [2]


def test_a_writer_that_dies_after_its_append_leaves_it_whole(
    store: EventStore, migrated_url: str
) -> None:
    died = run(
        'import os; store.append("a", [actor, actor]); os.kill(os.getpid(), 9)', migrated_url
    )

    assert died.returncode != 0
    assert positions(store.read_all()) == [1, 2]
    assert store.head().position == 2


# Failures that pass


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (DatabaseUnreachable, True),
        (ConnectionLost, True),
        (DatabaseBusy, True),
        (DatabaseReadOnly, False),
        (DatabaseError, False),
    ],
)
def test_errors_tell_whether_they_may_pass(error: type[DatabaseError], transient: bool) -> None:
    assert error.transient is transient


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An append is tried again for less long, so that its failing takes less long, too."""
    monkeypatch.setattr("timeline.log.failures._PATIENCE", 0.3)


def hurried(url: str) -> sa.Engine:
    """An engine that waits for a lock for 100 ms, and not for as long as is usual."""
    if url.startswith("sqlite"):
        return create_engine(f"{url}?timeout=0.1")
    return create_engine(sa.make_url(url).update_query_dict({"options": "-c lock_timeout=100"}))


@contextlib.contextmanager
def held(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that has the head, as one has who is appending; ended on leaving."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT * FROM timeline_head FOR UPDATE")
        else:
            connection.execution_options(timeline_begin="IMMEDIATE").exec_driver_sql("SELECT 1")
        yield connection


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.usefixtures("impatient")
def test_a_database_that_others_hold_is_busy(
    store: EventStore, engine: sa.Engine, migrated_url: str, count: int
) -> None:
    other = hurried(migrated_url)
    with held(engine), pytest.raises(DatabaseBusy) as busy:
        EventStore(other, [Noted]).append("a", notes(*"12"[:count]))
    other.dispose()

    assert busy.value.transient
    assert list(store.read_all()) == []
    assert store.append("a", notes("1")).added == 1


@pytest.mark.parametrize("count", [1, 2])
def test_an_append_is_tried_again_until_others_let_go(
    store: EventStore,
    engine: sa.Engine,
    migrated_url: str,
    count: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = hurried(migrated_url)
    with ThreadPoolExecutor(1) as threads:
        with held(engine):
            appending = threads.submit(EventStore(other, [Noted]).append, "a", notes(*"12"[:count]))
            until(lambda: "trying again" in caplog.text)
        assert appending.result().added == count
    other.dispose()

    assert positions(store.read_all()) == list(range(1, count + 1))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_of_two_that_wait_for_each_other_one_is_told_to_try_again(
    store: EventStore, engine: sa.Engine
) -> None:
    table = articles(engine)
    both_hold = threading.Barrier(2)

    def append_then_lock() -> None:
        with database.writing(engine) as connection:
            store.append("a", notes("1"), connection=connection)
            both_hold.wait(60)
            connection.exec_driver_sql(f"LOCK TABLE {table.name}")

    def lock_then_append() -> None:
        with database.writing(engine) as connection:
            connection.exec_driver_sql(f"LOCK TABLE {table.name}")
            both_hold.wait(60)
            store.append("a", notes("2"), connection=connection)

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(append_then_lock), threads.submit(lock_then_append)]
        errors = [each.exception(60) for each in done]

    [error] = [each for each in errors if each is not None]
    assert type(error) is DatabaseBusy
    assert positions(store.read_all()) == [1]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_in_the_callers_own_transaction_errors_are_ours_too(
    engine: sa.Engine, migrated_url: str
) -> None:
    other = hurried(migrated_url)
    with held(engine), other.connect() as connection, pytest.raises(DatabaseBusy):
        EventStore(other, [Noted]).append("a", notes("1"), connection=connection)
    other.dispose()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_interrupted_append_leaves_transactions_whole(
    store: EventStore, engine: sa.Engine
) -> None:
    """A single append does without a transaction; the connection must not stay that way."""
    one_connection = create_engine(engine.url)

    def interrupted() -> None:
        with database.driving(one_connection):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with one_connection.connect() as connection:
        store.append("a", notes("1"), connection=connection)
        connection.rollback()
    one_connection.dispose()

    assert list(store.read_all()) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("count", [1, 2])
def test_an_append_whose_connection_is_cut_is_done_once(
    store: EventStore, engine: sa.Engine, count: int
) -> None:
    with ThreadPoolExecutor(1) as threads:
        with held(engine) as holder:
            appending = threads.submit(store.append, "a", notes(*"12"[:count]))
            cut = until(lambda: waiting_for_a_lock(engine))
            holder.exec_driver_sql(f"SELECT pg_terminate_backend({cut})")
            assert until(lambda: waiting_for_a_lock(engine) not in (None, cut))
        assert appending.result().added == count

    assert positions(store.read_all()) == list(range(1, count + 1))


def cut_all(engine: sa.Engine) -> None:
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        until(lambda: not connection.exec_driver_sql(others).all())


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_connections_that_were_cut_while_idle_are_made_again(
    store: EventStore, migrated_url: str
) -> None:
    other = create_engine(migrated_url)
    store.append("a", notes("1"))
    followed = store.follow()
    assert next(followed).position == 1

    cut_all(other)
    assert store.append("a", notes("2")).added == 1
    cut_all(other)
    assert next(followed).position == 2
    followed.close()
    other.dispose()


def test_a_server_that_goes_and_comes_back(
    private_postgres: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = private_postgres(fsync="off")
    engine = create_engine(server.create_database())
    upgrade(engine)
    store = EventStore(engine, [Noted])
    store.append("a", notes("1"))

    server.stop()
    for attempt in (store.head, lambda: store.append("a", notes("2"))):
        with pytest.raises(DatabaseUnreachable) as gone:
            attempt()
        assert gone.value.transient
    server.start()
    assert store.append("a", notes("2")).added == 1

    # It crashes under an append: while that is tried again nobody can tell whether it was done.
    monkeypatch.setattr("timeline.log.failures._PATIENCE", 1.0)
    with ThreadPoolExecutor(1) as threads, held(engine) as holder:
        appending = threads.submit(store.append, "a", notes("3"))
        until(lambda: waiting_for_a_lock(engine))
        server.stop("immediate")
        holder.invalidate()
        assert type(appending.exception()) is ConnectionLost
    monkeypatch.setattr("timeline.log.failures._PATIENCE", FOREVER)
    server.start()
    with ThreadPoolExecutor(1) as threads, held(engine) as holder:
        appending = threads.submit(store.append, "a", notes("3"))
        until(lambda: waiting_for_a_lock(engine))
        server.stop("immediate")
        holder.invalidate()
        server.start()
        assert appending.result().added == 1
    assert positions(store.read_all()) == [1, 2, 3]
    engine.dispose()


def test_a_file_that_may_only_be_read_says_so(store: EventStore, migrated_url: str) -> None:
    store.append("a", notes("1"))
    url = sa.make_url(migrated_url)
    read_only = (
        f"sqlite:///file:{url.database}?mode=ro&uri=true"
        if url.get_backend_name() == "sqlite"
        else url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    )
    engine = create_engine(read_only)
    reader = EventStore(engine, [Noted])

    assert texts(reader.read_all()) == ["1"]
    for count in (1, 2):
        with pytest.raises(DatabaseReadOnly) as refused:
            reader.append("a", notes(*"23"[:count]))
        assert not refused.value.transient
    engine.dispose()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("place", ["user", "query"])
@pytest.mark.usefixtures("impatient")
def test_the_password_shows_nowhere(
    migrated_url: str, engine: sa.Engine, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "hunter2-not-to-be-seen"
    url = sa.make_url(migrated_url)
    if place == "user":
        url = url.set(password=secret)
    else:
        url = url.update_query_dict({"password": secret})
    url = url.update_query_dict({"options": "-c lock_timeout=100"})
    nowhere = [
        url.set(database="no_such_database"),
        url.set(username="no_such_user"),
        url.set(query=dict(url.query) | {"host": "/no/such/folder"}),
        url.set(query=dict(url.query) | {"no_such_option": "1"}),
    ]
    shown = []

    def failing(attempt: Callable[[], Any]) -> None:
        with pytest.raises((DatabaseError, InvalidInput)) as failed:
            attempt()
        shown.append("".join(traceback.format_exception(failed.value)))
        shown.append(repr(failed.value))

    for address in nowhere:
        failing(lambda address=address: Timeline.open(address))
        failing(lambda address=address: EventStore(create_engine(address)).head())
    with Timeline.open(url, events=[Noted]) as timeline:
        shown += [repr(timeline), str(timeline), repr(timeline.store)]
        with held(engine):
            failing(lambda: timeline.store.append("a", notes("1")))
        failing(lambda: grants.grant(timeline.store.engine, "reader", "no_such_role"))
    shown += [record.getMessage() for record in caplog.records]

    assert len(shown) > 12
    assert not [text for text in shown if secret in text]


# Databases that are not there


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@127.0.0.1:1/none",
        "postgresql+psycopg://ann:hunter2@127.0.0.1:1/none",
        "postgresql://ann@127.0.0.1:1/none?password=hunter2",
        "postgresql://ann:hunter2@no-such-host.invalid/none",
    ],
)
def test_an_unreachable_server_is_named_without_the_password(url: str) -> None:
    store = EventStore(create_engine(url), [Noted])

    for attempt in (store.head, lambda: store.append("a", [Noted("1")])):
        with pytest.raises(DatabaseUnreachable) as refused:
            attempt()
        assert "hunter2" not in str(refused.value)
        assert "none" in str(refused.value)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_database_that_does_not_exist_is_named(migrated_url: str) -> None:
    url = sa.make_url(migrated_url).set(database="no_such_database")

    with pytest.raises(DatabaseError, match="no_such_database"):
        EventStore(create_engine(url)).head()


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no-such-folder" / "log.db"):
        with pytest.raises(DatabaseUnreachable, match=path.name):
            EventStore(create_engine(f"sqlite:///{path}")).head()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database, but of some length. " * 40)

    with pytest.raises(DatabaseError, match=r"notes\.txt"):
        EventStore(create_engine(f"sqlite:///{path}")).head()


def test_a_database_without_the_log_is_named(database_url: str) -> None:
    engine = create_engine(database_url)
    store = EventStore(engine, [Noted])

    for attempt in (store.head, lambda: store.append("a", [Noted("1")])):
        with pytest.raises(DatabaseError, match="timeline_"):
            attempt()
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gas-union.db",
        "host=localhost password=hunter2",
        "mysql://ann:hunter2@localhost/none",
        "postgresql+asyncpg://ann:hunter2@localhost/none",
        "postgresql://ann:hunter2@localhost:port/none",
        "https://example.org",
        "sqlite://timeline.db",
        None,
    ],
)
def test_what_is_no_address_of_a_database_is_refused(url: Any) -> None:
    with pytest.raises(InvalidInput, match="sqlite:///") as refused:
        create_engine(url)

    assert "hunter2" not in str(refused.value)


def test_a_log_in_memory_works_too() -> None:
    engine = create_engine("sqlite://")
    upgrade(engine)
    store = EventStore(engine, [Noted])

    store.append("a", notes("1", "2"))

    assert texts(store.read_all()) == ["1", "2"]
    engine.dispose()


def test_a_transaction_on_the_stores_own_sqlite_engine_takes_its_turn(tmp_path: Path) -> None:
    with Timeline.open(f"sqlite:///{tmp_path}/record.db") as timeline:
        other = sqlite3.connect(tmp_path / "record.db", timeout=0)
        engine = timeline.store.engine
        with engine.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, ValueError])
def test_what_was_interrupted_midway_is_rolled_back_and_holds_nobody_up(
    engine: sa.Engine, interrupt: type[BaseException]
) -> None:
    def interrupted() -> None:
        with database.writing_directly(engine) as driver:
            driver.execute("CREATE TABLE halfway (number INTEGER)")
            raise interrupt

    with pytest.raises(interrupt):
        interrupted()

    assert not sa.inspect(engine).has_table("halfway")
    with database.writing_directly(engine) as driver:
        driver.execute("CREATE TABLE halfway (number INTEGER)")
    assert sa.inspect(engine).has_table("halfway")


# Metadata


def test_metadata_is_kept_under_the_digest_and_is_no_part_of_what_a_retry_compares(
    engine: sa.Engine,
) -> None:
    store = EventStore(engine, [Noted], metadata={"recorded_by": "ann"})
    first = NewEvent(Noted("1"), "one", metadata={"causation_id": "zero", "ключ": [1, {"b": None}]})
    store.append("a", [first, Noted("2")])

    again = store.append("a", [NewEvent(Noted("1"), "one", metadata={"desk": "energy"})])

    noted = {"causation_id": "zero", "ключ": [1, {"b": None}], "recorded_by": "ann"}
    assert (again.added, again.events[0].metadata) == (0, noted)
    assert [event.metadata for event in store.read_all()] == [noted, {"recorded_by": "ann"}]
    with database.reading(engine) as connection:
        assert digests.verify(connection) == store.head()
    row = next(store.stored())._asdict()
    assert digests.event_digest(bytes(32), row) == row["digest"]
    assert digests.event_digest(bytes(32), row | {"metadata": None}) != row["digest"]


def test_a_takedown_removes_the_metadata_too(engine: sa.Engine) -> None:
    store = EventStore(engine, [Noted])
    store.append("a", [NewEvent(Noted("1"), "one", metadata={"who": "a name"})])

    redact(store, "one", "asked to")

    assert [event.metadata for event in store.read_all()] == [{}, {}]
    with database.reading(engine) as connection:
        assert digests.verify(connection) == store.head()


@pytest.mark.parametrize("metadata", [{1: "x"}, ["x"], "x", {"x": object()}, {"x": "\0"}])
def test_metadata_that_json_cannot_hold_is_refused(store: EventStore, metadata: Any) -> None:
    with pytest.raises(InvalidEvent, match="metadata"):
        store.append("a", [NewEvent(Noted("1"), metadata=metadata)])

    assert store.head().position == 0
