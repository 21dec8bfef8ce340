"""Follow the log: wait for events, get every one once, or handle them in batches."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.events import RecordedEvent
from timeline.log import database
from timeline.log.codec import meanings
from timeline.log.read import PAGE, Reading
from timeline.log.schema import Stored, subscriptions

_SHORTEST_WAIT, _LONGEST_WAIT = 0.001, 0.05
"""Seconds between two looks at the head of the log: at first, and later."""


@attrs.frozen
class Batch:
    """Events to handle, and the connection to write on while doing so."""

    connection: sa.Connection
    events: tuple[RecordedEvent[Any], ...]


class Following(Reading):
    """What an `EventStore` offers to follow the log."""

    def wait(self, *, after: int, timeout: float, stop: threading.Event | None = None) -> bool:
        """Wait until the log goes beyond a position; gives whether it did.

        It asks the database every 50 ms at the latest, so writers need not notify anybody.

        Args:
            after: the position.
            timeout: in seconds.
            stop: an event that ends the wait when you set it.
        """
        stop = stop or threading.Event()
        end = time.monotonic() + timeout
        pause = _SHORTEST_WAIT
        while self.head().position <= after:
            if time.monotonic() >= end or stop.wait(min(pause, max(end - time.monotonic(), 0))):
                return False
            pause = min(pause * 2, _LONGEST_WAIT)
        return True

    def follow(
        self, *, after: int = 0, stop: threading.Event | None = None
    ) -> Iterator[RecordedEvent[Any]]:
        """The events after a position and then each new one: all of them, once, in order.

        Goes on until `stop` is set or you close the iterator. It gives only events that would
        survive a crash of the server. After a lost connection it tries again for some seconds.

        Raises:
            DatabaseError: the database could not be read; follow again from the last position
                that you handled.
        """
        stop = stop or threading.Event()
        while not stop.is_set():
            page = database.persistently(functools.partial(self._durable_page, after))
            for row in page:
                for event in meanings(self.codec, [row]):
                    if stop.is_set():
                        return
                    yield event
                after = row.position
            if not page:
                more = functools.partial(self.wait, after=after, timeout=1.0, stop=stop)
                database.persistently(more)

    def _durable_page(self, after: int) -> list[Stored]:
        page = list(self.stored(after=after, limit=PAGE))
        if page:
            database.make_durable(self.engine)
        return page

    @contextlib.contextmanager
    def batch(self, subscription: str, *, limit: int = PAGE) -> Iterator[Batch]:
        """The next events of a subscription, in a transaction that also notes them as handled.

            with store.batch("mailer") as batch:
                for event in batch.events:
                    batch.connection.execute(...)

        What you write on the batch's connection commits together with the subscription's place, so
        each event has its effect exactly once, also after a kill. On an exception neither is
        written. The batch holds only events that would survive a crash of the server. Processes
        that share a subscription take turns. A batch may be empty; `wait` waits for more.

        Args:
            subscription: its name; a new one starts at the beginning of the log.
            limit: the most events in the batch.

        Raises:
            DatabaseError: the database could not do it; nothing was noted as handled.
        """
        mine = subscriptions.c.name == subscription
        place = sa.select(subscriptions.c.position).where(mine).with_for_update()
        with database.writing(self.engine) as connection:
            if database.is_postgresql(self.engine):
                # Two processes that find no row yet must not both begin.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_hash(subscription))))
            after = connection.scalar(place)
            if after is None:
                connection.execute(sa.insert(subscriptions).values(name=subscription, position=0))
            rows = list(self.stored(after=after or 0, limit=limit, connection=connection))
            if rows:
                # An effect elsewhere, a mail say, cannot be undone after a crash.
                database.make_durable(self.engine)
            yield Batch(connection, tuple(meanings(self.codec, rows)))
            if rows:
                connection.execute(
                    sa.update(subscriptions).where(mine).values(position=rows[-1].position)
                )


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
