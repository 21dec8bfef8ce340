"""For tests of projections: given these events, then these rows.

    from timeline.testing import given

    def test_the_last_tariff_counts():
        given(TariffImposed("steel", 10), TariffImposed("steel", 12)).folded_by(Tariffs()).then(
            Tariff("steel", 12, times=2)
        )

No database is involved. The events are read as from the log: corrections, retractions, takedowns
and mergers among them apply, and a raw projection gets events as they were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from timeline.engine.amendments import Amendments
from timeline.engine.projection import Projection, Rows, key_of
from timeline.engine.reader import Reader
from timeline.events import (
    VOCABULARY,
    EventRedacted,
    NewEvent,
    RecordedEvent,
    Redacted,
    event_type,
)
from timeline.events.envelope import derived_stream, new_id
from timeline.log.codec import Codec
from timeline.log.digests import GENESIS

_RECORDED = "2024-01-01T00:00:00.000000Z"


def given(*events: Any) -> Given:
    """Events in the order of the log; as `NewEvent`s where ids, dates or evidence matter.

    >>> from timeline.events import Actor, ActorAdded
    >>> from timeline.models.directory import Directory
    >>> given(ActorAdded(Actor("ann", "person", "Ann"))).folded_by(Directory()).rows[0].name
    'Ann'

    Raises:
        InvalidEvent: a field does not fit its class.
    """
    news = [new if isinstance(new, NewEvent) else NewEvent(new, id=new_id()) for new in events]
    return Given(tuple(news))


@attrs.frozen
class Given:
    """Events to be folded."""

    events: tuple[NewEvent, ...]

    def folded_by(self, projection: Projection) -> Folded:
        """The rows that the projection makes of them."""
        known = {type(new.event) for new in self.events} - set(VOCABULARY)
        codec = Codec(known)
        recorded = list(_recorded(codec, self.events))
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
        """Check that these are all the rows, in whatever order.

        Raises:
            AssertionError: rows are missing, or there are others; it shows both.
        """
        missing = _without(expected, self.rows)
        others = _without(self.rows, expected)
        lines = [f"  missing: {row}" for row in missing] + [f"  found:   {row}" for row in others]
        assert not lines, "\n".join(["the rows are not those expected", *lines])

    def of(self, cls: type) -> list[Any]:
        """The rows of one class, in the order of their keys."""
        return sorted((row for row in self.rows if type(row) is cls), key=key_of)


def _recorded(codec: Codec, news: Sequence[NewEvent]) -> Iterable[RecordedEvent[Any]]:
    taken_down = {new.event.event for new in news if isinstance(new.event, EventRedacted)}
    versions: dict[str, int] = {}
    for position, new in enumerate(news, start=1):
        codec.encode(new.event)  # refuses what the log would refuse
        stream = new.stream or derived_stream(new.event, new.id) or "test"
        versions[stream] = versions.get(stream, 0) + 1
        yield RecordedEvent(
            event=Redacted() if new.id in taken_down else new.event,
            id=new.id,
            position=position,
            stream=stream,
            version=versions[stream],
            type=event_type(new.event).name,
            occurred=new.occurred,
            evidence=() if new.id in taken_down else new.evidence,
            recorded=_RECORDED,
            digest=GENESIS,
        )


def _without(rows: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    left = list(others)
    found = []
    for row in rows:
        if row in left:
            left.remove(row)
        else:
            found.append(row)
    return found
