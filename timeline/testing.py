"""For tests of projections: given these events, then these rows.

    from timeline.testing import given

    def test_the_last_tariff_counts():
        given(TariffImposed("steel", 10), TariffImposed("steel", 12)).folded_by(Tariffs()).then(
            Tariff("steel", 12, times=2)
        )

For these there is no database. Events are encoded and decoded as in the log, and amended as there:
corrections, retractions, takedowns and mergers apply, and a raw projection gets events as recorded.

`ProjectionContract` checks the rest: that rows are the same kept, as of, rebuilt and split.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import attrs

from timeline.distributed.split import Splitter
from timeline.engine.as_of import PartialView
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import Projection, Rows, key_of
from timeline.engine.reader import Amendments, Reader, hand
from timeline.engine.runner import Projector
from timeline.engine.subjects import Subjects
from timeline.events import VOCABULARY, EventRedacted, NewEvent
from timeline.events.envelope import derived_stream, in_stream, new_id
from timeline.log.append import drafts_of, numbered
from timeline.log.codec import Codec, meanings
from timeline.log.database import create_engine
from timeline.log.digests import GENESIS
from timeline.log.query import Query
from timeline.log.read import End
from timeline.log.schema import Stored, upgrade
from timeline.log.store import EventStore

_RECORDED = 1_704_067_200_000_000


def given(*events: Any) -> Given:
    """Events in the order of the log; pass `NewEvent`s where ids, dates or evidence matter.

    >>> from timeline.events import Actor, ActorAdded
    >>> from timeline.projections.directory import Directory
    >>> given(ActorAdded(Actor("ann", "person", "Ann"))).folded_by(Directory()).rows[0].name
    'Ann'

    Raises:
        InvalidEvent: an id does not fit.
    """
    news = [new if isinstance(new, NewEvent) else NewEvent(new, id=new_id()) for new in events]
    return Given(tuple(news))


@attrs.frozen
class Given:
    """Events to be folded."""

    events: tuple[NewEvent, ...]

    def folded_by(self, projection: Projection) -> Folded:
        """The rows that the projection makes of them.

        Raises:
            InvalidEvent: the log would refuse an event.
        """
        known = {type(new.event) for new in self.events} - set(VOCABULARY)
        codec = Codec(known)
        recorded = list(meanings(codec, _stored(codec, self.events)))
        reader = Reader(codec, (event for event in recorded if event.type in Amendments.TYPES))
        rows = Rows()
        for event in reader.read(recorded):
            hand(event, projection, rows)
        return Folded(tuple(row for row in rows if row is not None))


@attrs.frozen
class Folded:
    """What a projection made of events."""

    rows: tuple[Any, ...]

    def then(self, *expected: Any) -> None:
        """Check that these are all the rows, in any order.

        Raises:
            AssertionError: rows are missing, or others are there; it shows both.
        """
        missing = _without(expected, self.rows)
        others = _without(self.rows, expected)
        lines = [f"  missing: {row}" for row in missing] + [f"  found:   {row}" for row in others]
        assert not lines, "\n".join(["the rows are not those expected", *lines])

    def of(self, cls: type) -> list[Any]:
        """The rows of one class, in the order of their keys."""
        return sorted((row for row in self.rows if type(row) is cls), key=key_of)


class ProjectionContract:
    """What must hold of a projection: its rows are the same however they are made.

    pytest collects these tests from a class of yours:

        class TestTariffs(ProjectionContract):
            projection = Tariffs()
            events = (TariffImposed("steel", 10), TariffImposed("steel", 12))

    Attributes:
        projection: what is tested.
        events: the log, in order; `NewEvent`s where ids, dates or evidence matter. The more of what
            can happen is in it, corrections included, the more is tested.
    """

    projection: ClassVar[Projection]
    events: ClassVar[Sequence[Any]]

    def test_rows_kept_step_by_step_are_those_of_a_fold(self) -> None:
        """Rows that are kept up as the log grows are those of a fold from scratch."""
        with self._projector() as projector:
            for new in self._news():
                projector.store.append_all([new])
                projector.catch_up()
                assert not projector.altered(), str(projector.altered()[0])

    def test_rebuilt_rows_are_those_of_a_fold(self) -> None:
        """Rows that are built again are those of a fold from scratch."""
        with self._filled() as projector:
            projector.rebuild(self.projection.name)
            assert not projector.altered(), str(projector.altered()[0])

    def test_a_view_as_of_each_position_has_the_rows_of_a_fold(self) -> None:
        """What is read of the log for one row gives the row that the whole log gives."""
        with self._filled() as projector:
            for position in range(projector.store.head().position + 1):
                cutoff = Cutoff(position=position)
                part = PartialView(projector, cutoff, small=-1)
                whole = projector.fold(cutoff)
                for cls in self.projection.rows:
                    rows: list[Any] = whole.all(cls)
                    for row in rows:
                        assert part.get(cls, *key_of(row)) == row, f"as of position {position}"

    def test_rows_folded_in_parts_are_those_of_a_fold(self) -> None:
        """Where the projection says by what its rows split, parts make the rows of the whole."""
        if self.projection.split_by is None:
            return
        with self._filled() as projector:
            view = projector.fold()
            whole: list[Any] = []
            for cls in self.projection.rows:
                whole += view.all(cls)
            for parts in (1, 2, 5):
                made = self._in_parts(projector.store, parts)
                assert not _without(made, whole), f"more in {parts} parts"
                assert not _without(whole, made), f"missing in {parts} parts"

    def _in_parts(self, store: EventStore, parts: int) -> list[Any]:
        log = list(store.stored())
        splitter = Splitter(self.projection, store.codec, store.read_all(Query(Amendments.TYPES)))
        if splitter.division.alone:
            stretches = (log[part::parts] for part in range(parts))
            return [row for stretch in stretches for row in splitter.fold(stretch, None)]
        keys = [splitter.keys_of(row) for row in log]
        named = sorted({key for some in keys for key in some or ()})
        made: list[Any] = []
        for part in range(parts):
            own = set(named[part::parts])
            pairs = zip(log, keys, strict=True)
            mine = [row for row, some in pairs if some is None or own & {*some}]
            made += splitter.fold(mine, own, common=part == 0)
        return made

    def _news(self) -> list[NewEvent]:
        news = given(*self.events).events
        streams = [new.stream or derived_stream(new.event, new.id) or "test" for new in news]
        return [attrs.evolve(new, stream=name) for new, name in zip(news, streams, strict=True)]

    @contextlib.contextmanager
    def _projector(self) -> Iterator[Projector]:
        engine = create_engine("sqlite://")
        try:
            upgrade(engine)
            known = {type(new.event) for new in self._news()} - set(VOCABULARY)
            yield Projector(EventStore(engine, known), [self.projection, Subjects()])
        finally:
            engine.dispose()

    @contextlib.contextmanager
    def _filled(self) -> Iterator[Projector]:
        with self._projector() as projector:
            projector.store.append_all(self._news())
            projector.catch_up()
            yield projector


def _stored(codec: Codec, news: Sequence[NewEvent]) -> Iterator[Stored]:
    """The events as the log stores them, with takedowns carried out."""
    taken_down = {new.event.event for new in news if isinstance(new.event, EventRedacted)}
    streams = [new.stream or derived_stream(new.event, new.id) or "test" for new in news]
    drafts = drafts_of(codec, map(in_stream, streams, news))
    start, versions = End(0, GENESIS, _RECORDED), dict.fromkeys(streams, 0)
    for row in numbered(drafts, start, versions, _RECORDED):
        gone = row.event_id in taken_down
        yield row._replace(evidence=None, data=None, salt=None) if gone else row


def _without(rows: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    left, missing = list(others), []
    for row in rows:
        if row in left:
            left.remove(row)
        else:
            missing.append(row)
    return missing
