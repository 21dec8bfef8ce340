"""The store and a plain model of it, driven side by side by hypothesis."""

import contextlib
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from strategies import examples

from timeline.errors import EventIdReused, InvalidInput, NotFound, WrongExpectedVersion
from timeline.events import EventRedacted, NewEvent, Redacted, event
from timeline.log import database, digests
from timeline.log.append import Appended, Expected
from timeline.log.query import Query
from timeline.log.redact import redact
from timeline.log.store import EventStore

STREAMS = ["a", "b", "заметка-1"]
SUBSCRIPTIONS = ["mailer", "index"]

RIGHT, TOO_LOW, TOO_HIGH = "right", "too low", "too high"

EXPECTATIONS = st.sampled_from([*Expected, Expected.ANY, RIGHT, RIGHT, TOO_LOW, TOO_HIGH])
PLACES = st.integers(0, 12)
LIMITS = st.none() | st.integers(0, 5)


@event
class Noted:
    text: str


class GivenUp(Exception):
    """The caller thinks better of it."""


def give_up(*, unless: bool) -> None:
    if not unless:
        raise GivenUp


@attrs.define
class Kept:
    """What the model knows of an event."""

    id: str
    stream: str
    version: int
    body: Any
    occurred: str | None = None

    @property
    def new(self) -> NewEvent:
        return NewEvent(self.body, id=self.id, stream=self.stream, occurred=self.occurred)


class Model:
    """A log as one would write it on paper."""

    def __init__(self) -> None:
        self.log: list[Kept] = []
        self.places = dict.fromkeys(SUBSCRIPTIONS, 0)

    def of(self, stream: str) -> list[Kept]:
        return [kept for kept in self.log if kept.stream == stream]

    def known(self, id: str) -> Kept | None:
        return next((kept for kept in self.log if kept.id == id), None)

    def refusal(self, news: list[NewEvent], expected: dict[str, Any]) -> type[Exception] | None:
        """The error that an append must end in, if any."""
        if any(self._clashes(new) for new in news):
            return EventIdReused
        written = {new.stream for new in news if self.known(new.id) is None}
        repeated = {new.stream for new in news} - written
        for stream in expected.keys() - repeated:
            if not self._is_at(stream, expected[stream]):
                return WrongExpectedVersion
        return None

    def append(self, news: list[NewEvent]) -> None:
        for new in news:
            if self.known(new.id) is None:
                stream, occurred = str(new.stream), new.occurred and str(new.occurred)
                version = len(self.of(stream)) + 1
                self.log.append(Kept(new.id, stream, version, new.event, occurred or None))

    def _clashes(self, new: NewEvent) -> bool:
        kept = self.known(new.id)
        if kept is None:
            return False
        # What was taken down cannot be compared any more.
        other_body = kept.body not in (Redacted(), new.event)
        return other_body or kept.new.occurred != new.occurred or kept.stream != new.stream

    def _is_at(self, stream: str, expected: Any) -> bool:
        version = len(self.of(stream))
        if isinstance(expected, int):
            return version == expected
        return {
            Expected.ANY: True,
            Expected.NO_STREAM: version == 0,
            Expected.STREAM_EXISTS: version > 0,
        }[expected]


class Machine(RuleBasedStateMachine):
    """Does the same to both, and holds what comes of it side by side."""

    new_database: Callable[..., str]

    @initialize()
    def start(self) -> None:
        self.model, self.ids = Model(), 0
        self.url = self.new_database(migrated=True)
        self.open()

    def open(self) -> None:
        self.store = EventStore(database.create_engine(self.url), [Noted])

    @rule()
    def reopen(self) -> None:
        self.store.engine.dispose()
        self.open()

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        with database.reading(self.store.engine) as connection:
            end = digests.verify(connection)
        assert end.position == len(self.model.log)
        self.store.engine.dispose()

    # Appending

    @rule(stream=st.sampled_from(STREAMS), size=st.integers(0, 3), expected=EXPECTATIONS)
    def append(self, stream: str, size: int, expected: Any) -> None:
        news = [self._new(stream) for _ in range(size)]
        version = self._version(stream, expected)
        self._compare(
            news,
            {stream: version},
            lambda: self.store.append(stream, news, expected_version=version),
        )

    @rule(
        streams=st.lists(st.sampled_from(STREAMS), max_size=5),
        expected=st.dictionaries(st.sampled_from(STREAMS), EXPECTATIONS, max_size=2),
        twice=st.booleans(),
    )
    def append_to_several(self, streams: list[str], expected: dict[str, Any], twice: bool) -> None:
        news = [self._new(stream) for stream in streams]
        if twice:  # the second is a repeat of the first, as if it had come later
            news += news
        self._append(news, {name: self._version(name, each) for name, each in expected.items()})

    @precondition(lambda self: self.model.log)
    @rule(
        data=st.data(),
        fresh=st.integers(0, 2),
        expected=st.dictionaries(st.sampled_from(STREAMS), EXPECTATIONS, max_size=1),
    )
    def retry(self, data: st.DataObject, fresh: int, expected: dict[str, Any]) -> None:
        """Append events again, perhaps together with others, and whatever was expected of them."""
        again = data.draw(st.lists(st.sampled_from(self._notes()), max_size=3))
        news = [self._again(kept) for kept in again]
        news += [self._new(STREAMS[0]) for _ in range(fresh)]
        self._append(news, {name: self._version(name, each) for name, each in expected.items()})

    @precondition(lambda self: self.model.log)
    @rule(data=st.data(), change=st.sampled_from(["event", "stream", "occurred"]))
    def reuse_an_id(self, data: st.DataObject, change: str) -> None:
        new = self._again(data.draw(st.sampled_from(self._notes())))
        other = {"event": Noted("another"), "stream": "elsewhere", "occurred": "1999"}[change]
        news = [self._new("a"), attrs.evolve(new, **{change: other}), self._new("b")]
        self._append(news, {})

    @rule(streams=st.lists(st.sampled_from(STREAMS), min_size=1, max_size=3), keep=st.booleans())
    def append_in_a_transaction_of_ones_own(self, streams: list[str], keep: bool) -> None:
        first = [self._new(stream) for stream in streams]
        second = [self._new(streams[0])]
        with contextlib.suppress(GivenUp), database.writing(self.store.engine) as connection:
            self.store.append_all(first, connection=connection)
            self.store.append(streams[0], second, connection=connection)
            seen = [each.id for each in self.store.read_all(connection=connection)]
            assert seen == [each.id for each in [*self.model.log, *first, *second]]
            give_up(unless=keep)
        if keep:
            self.model.append([*first, *second])

    # Takedowns

    @precondition(lambda self: self.model.log)
    @rule(data=st.data())
    def take_down(self, data: st.DataObject) -> None:
        kept = data.draw(st.sampled_from(self.model.log))
        if isinstance(kept.body, EventRedacted):
            with pytest.raises(InvalidInput):
                redact(self.store, kept.id, "why")
            return
        is_new = kept.body != Redacted()
        assert redact(self.store, kept.id, "why") == is_new
        if is_new:
            # The takedown's own id is made up by the store.
            [made] = self.store.read_all(after=len(self.model.log))
            stream = f"redaction-{kept.id}"
            self.model.log.append(Kept(made.id, stream, 1, EventRedacted(kept.id, "why")))
            kept.body = Redacted()

    @rule()
    def take_down_what_is_not_there(self) -> None:
        with pytest.raises(NotFound):
            redact(self.store, "nowhere", "why")

    # Reading

    @invariant()
    def ends_where_the_model_ends(self) -> None:
        if hasattr(self, "store"):
            assert self.store.head().position == len(self.model.log)

    @rule(after=PLACES, until=st.none() | PLACES, limit=LIMITS, redacted=st.booleans())
    def read_all(self, after: int, until: int | None, limit: int | None, redacted: bool) -> None:
        types = ["EventRedacted"] if redacted else None
        found = self.store.read_all(after=after, until=until, limit=limit, query=Query(types))
        model = [
            (position, kept)
            for position, kept in enumerate(self.model.log, 1)
            if after < position <= (until if until is not None else position)
            and (not redacted or isinstance(kept.body, EventRedacted))
        ]
        self._same(list(found), model[:limit])

    @rule(stream=st.sampled_from([*STREAMS, "nobody"]), after=PLACES, limit=LIMITS)
    def read_stream(self, stream: str, after: int, limit: int | None) -> None:
        found = self.store.read_stream(stream, after=after, limit=limit)
        model = [each for each in enumerate(self.model.log, 1) if each[1].stream == stream]
        self._same(list(found), model[after:][:limit])
        assert self.store.stream_version(stream) == len(model)

    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        log = list(enumerate(self.model.log, 1))
        wanted = data.draw(st.lists(st.sampled_from(log), max_size=3)) if log else []
        found = self.store.get([kept.id for _, kept in wanted])
        self._same([found[kept.id] for _, kept in wanted], wanted)
        with pytest.raises(NotFound):
            self.store.get([*(kept.id for _, kept in wanted), "nowhere"])

    @rule(name=st.sampled_from(SUBSCRIPTIONS), limit=st.integers(1, 6), fails=st.booleans())
    def handle_a_batch(self, name: str, limit: int, fails: bool) -> None:
        after = self.model.places[name]
        model = list(enumerate(self.model.log, 1))[after:][:limit]
        with contextlib.suppress(GivenUp), self.store.batch(name, limit=limit) as batch:
            self._same(list(batch.events), model)
            give_up(unless=not fails)
        if not fails:
            self.model.places[name] = after + len(model)

    # Helpers

    def _new(self, stream: str) -> NewEvent:
        self.ids += 1
        occurred = [None, "2022-11~", "2022-11-29"][self.ids % 3]
        return NewEvent(Noted(f"№ {self.ids}"), id=f"e{self.ids}", stream=stream, occurred=occurred)

    def _notes(self) -> list[Kept]:
        return [kept for kept in self.model.log if not isinstance(kept.body, EventRedacted)]

    def _again(self, kept: Kept) -> NewEvent:
        """The event as it was first appended, which whoever retries still has."""
        return attrs.evolve(kept.new, event=Noted(f"№ {kept.id[1:]}"))

    def _version(self, stream: str, expected: Any) -> Any:
        version = len(self.model.of(stream))
        exact = {RIGHT: version, TOO_LOW: max(version - 1, 0), TOO_HIGH: version + 1}
        return exact.get(expected, expected)

    def _append(self, news: list[NewEvent], expected: dict[str, Any]) -> None:
        self._compare(news, expected, lambda: self.store.append_all(news, expected=expected))

    def _compare(
        self, news: list[NewEvent], expected: dict[str, Any], append: Callable[[], Appended]
    ) -> None:
        refusal = self.model.refusal(news, expected)
        if refusal is not None:
            with pytest.raises(refusal):
                append()
            return
        before = len(self.model.log)
        appended = append()
        self.model.append(news)
        assert appended.added == len(self.model.log) - before
        places = {kept.id: place for place, kept in enumerate(self.model.log, 1)}
        model = [(places[new.id], self.model.log[places[new.id] - 1]) for new in news]
        self._same(list(appended.events), model)
        assert appended.position == max((position for position, _ in model), default=0)

    def _same(self, found: list[Any], model: list[tuple[int, Kept]]) -> None:
        assert [
            (e.position, e.id, e.stream, e.version, e.event, e.occurred and str(e.occurred))
            for e in found
        ] == [
            (position, kept.id, kept.stream, kept.version, kept.body, kept.occurred)
            for position, kept in model
        ]
        for each in found:
            assert each.digest == self.store.head_at(each.position).digest


def test_the_store_does_what_the_model_does(new_database: Callable[..., str]) -> None:
    class OnThisDatabase(Machine):
        pass

    OnThisDatabase.new_database = staticmethod(new_database)
    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            examples(10), stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
