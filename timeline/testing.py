"""For tests of projections: given these events, then these rows.

    from timeline.testing import given

    def test_the_last_tariff_counts():
        given(TariffImposed("steel", 10), TariffImposed("steel", 12)).folded_by(Tariffs()).then(
            Tariff("steel", 12, times=2)
        )

There is no database. Events are encoded and decoded as in the log, and read by the engine's reader:
corrections, retractions, takedowns and mergers apply, and a raw projection gets events as recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from timeline.engine.projection import Projection, Rows, key_of
from timeline.engine.reader import Amendments, Reader
from timeline.events import VOCABULARY, EventRedacted, NewEvent
from timeline.events.envelope import derived_stream, in_stream, new_id
from timeline.log.append import drafts_of, numbered
from timeline.log.codec import Codec, meanings
from timeline.log.digests import GENESIS
from timeline.log.read import End
from timeline.log.schema import Stored

_RECORDED = 1_704_067_200_000_000


def given(*events: Any) -> Given:
    """Events in the order of the log; pass `NewEvent`s where ids, dates or evidence matter.

    >>> from timeline.events import Actor, ActorAdded
    >>> from timeline.models.directory import Directory
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
        for event in recorded:
            reader.read(event).handled_by(projection, rows)
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
