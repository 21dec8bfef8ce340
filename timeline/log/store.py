"""The log: append, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import sqlalchemy as sa

from timeline import dates
from timeline.log.append import Appending
from timeline.log.codec import Codec
from timeline.log.follow import Following
from timeline.log.upcasting import Upcaster


class EventStore(Appending, Following):
    """An append-only log of events in a database that `Timeline.open` or `upgrade` has prepared.

    `append.py` writes, `read.py` reads, `follow.py` waits for what is new.

    Args:
        engine: from `timeline.log.database.create_engine`.
        events: event classes of one's own, made by `@event`, and upcasters, by `@upcaster`.
        clock: gives the time of recording; for tests.
    """

    def __init__(
        self,
        engine: sa.Engine,
        events: Iterable[type | Upcaster] = (),
        clock: Callable[[], datetime] = dates.now,
    ) -> None:
        self.engine = engine
        self.codec = Codec(events)
        self._clock = clock
