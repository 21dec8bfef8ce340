"""Follow the log: wait for events, get every one once, or handle them in batches."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import attrs
import sqlalchemy as sa

from timeline.errors import DatabaseBusy, InvalidInput, NotFound, UnknownEventType, require_number
from timeline.events import RecordedEvent
from timeline.log import database, failures, telemetry
from timeline.log.codec import meanings
from timeline.log.query import ALL, Query
from timeline.log.read import PAGE, Reading
from timeline.log.schema import Stored, subscriptions

# Without it, on Windows, the place of the subscription alone keeps effects apart.
with contextlib.suppress(ImportError):
    import fcntl

_HAS_LOCKS = os.name == "posix"

_SHORTEST_WAIT, _LONGEST_WAIT = 0.001, 0.05
"""Seconds between two looks at the head of the log: at first, and later."""


@attrs.frozen
class Batch:
    """Events to handle, and the connection to write on while doing so."""

    connection: sa.Connection
    events: tuple[RecordedEvent[Any], ...]


@attrs.frozen
class Subscription:
    """How far a subscription has come.

    Attributes:
        name: its name.
        position: the last event that was handled.
        lag: events of the log beyond that.
    """

    name: str
    position: int
    lag: int


Start = int | Literal["beginning", "end"]
"""Where a subscription begins: after a position, or at an end of the log as it is then."""


OnUnknown = Literal["raise", "skip"]
"""What to do about an event whose type this code does not know."""


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
        self,
        query: Query = ALL,
        *,
        after: int = 0,
        on_unknown: OnUnknown = "raise",
        stop: threading.Event | None = None,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events after a position and then each new one: all of them, once, in order.

        Goes on until `stop` is set or you close the iterator. It gives only events that would
        survive a crash of the server. After a lost connection it tries again for some seconds.

        Args:
            query: which events.
            after: the position.
            on_unknown: whether an event whose type this code does not know is an error, or skipped.
            stop: set it to end.

        Raises:
            DatabaseError: the database could not be read; follow again from the last position
                that you handled.
            UnknownEventType: this code does not know the type of an event.
        """
        require_number("after", after)
        _require_choice(on_unknown)
        stop = stop or threading.Event()
        while not stop.is_set():
            page = functools.partial(self._durable_page, query, after, PAGE)
            reached, rows = failures.persistently(page)
            for event in self._events_of(rows, query, on_unknown):
                if stop.is_set():
                    return
                yield event
            after = reached
            if not rows:
                more = functools.partial(self.wait, after=after, timeout=1.0, stop=stop)
                failures.persistently(more)

    def _durable_page(
        self, query: Query, after: int, limit: int, connection: sa.Connection | None = None
    ) -> tuple[int, list[Stored]]:
        """How far of the log a page reaches, and the rows among which the events of a query are."""
        # The end first: what fits between the last row and it cannot come any more.
        end = self.head(connection).position
        rows = list(self.stored(query, after=after, until=end, limit=limit, connection=connection))
        if rows:
            # An effect elsewhere, a mail say, cannot be undone after a crash.
            database.make_durable(self.engine, holding=connection)
        return (rows[-1].position if len(rows) == limit else max(end, after)), rows

    def _events_of(
        self, rows: Iterable[Stored], query: Query, on_unknown: OnUnknown
    ) -> Iterator[RecordedEvent[Any]]:
        for row in rows:
            try:
                events = list(meanings(self.codec, [row]))
            except UnknownEventType:
                if on_unknown == "raise":
                    raise
                continue
            yield from filter(query.fits, events)

    @contextlib.contextmanager
    def batch(
        self,
        subscription: str,
        query: Query = ALL,
        *,
        limit: int = PAGE,
        start: Start = "beginning",
        on_unknown: OnUnknown = "raise",
    ) -> Iterator[Batch]:
        """The next events of a subscription, in a transaction that also notes them as handled.

            with store.batch("mailer") as batch:
                for event in batch.events:
                    batch.connection.execute(...)

        What you write on the batch's connection commits together with the subscription's place, so
        each event has its effect exactly once, also after a kill. On an exception neither is
        written. The batch holds only events that would survive a crash of the server. Processes
        that share a subscription take turns. A batch may be empty; `wait` waits for more.

        Others append meanwhile. On SQLite they wait from your first statement on the batch's
        connection to the end of the block: do slow work before it.

        Args:
            subscription: its name.
            query: which events; it passes over the others.
            limit: the most events in the batch.
            start: where a new one begins; one that has begun goes on where it was.
            on_unknown: whether an event whose type this code does not know is an error, or skipped.

        Raises:
            InvalidInput: the name is no printable text, or the limit no number.
            DatabaseBusy: somebody else has moved the subscription meanwhile.
            DatabaseError: the database could not do it; nothing was noted as handled.
        """
        require_number("limit", limit, 1)
        _require_name(subscription)
        _require_choice(on_unknown)
        turn = _turn_on_postgresql if database.is_postgresql(self.engine) else _turn_on_sqlite
        with telemetry.operation("handle") as done, contextlib.ExitStack() as stack:
            done.note(subscription=subscription)
            with telemetry.waiting(f"the subscription {subscription!r}"):
                read_on = stack.enter_context(turn(self.engine, subscription))
            after = self._place(subscription, read_on)
            begun = self._start(start, read_on) if after is None else after
            reached, rows = self._durable_page(query, begun, limit, read_on)
            connection = read_on or stack.enter_context(database.writing_when_used(self.engine))
            events = tuple(self._events_of(rows, query, on_unknown))
            done.events = len(events)
            done.note_events(events)
            yield Batch(connection, events)
            if done.is_observed:
                done.note(lag=max(self.head(connection).position - reached, 0))
            if reached != after:
                _move(connection, subscription, after, reached)

    def subscriptions(self) -> list[Subscription]:
        """Every subscription, by name, and how far it has come."""
        query = sa.select(subscriptions).order_by(subscriptions.c.name)
        with database.reading(self.engine) as connection:
            end = self.head(connection).position
            return [
                Subscription(name, position, max(end - position, 0))
                for name, position in connection.execute(query)
            ]

    def reset(self, subscription: str, *, start: Start = "beginning") -> None:
        """Let a subscription go on from another place.

        A batch that is under way ends first, or is undone.

        Raises:
            NotFound: there is no such subscription.
            InvalidInput: `start` is no place in a log.
        """
        change = sa.update(subscriptions).values(position=self._start(start, None))
        self._change(subscription, change)

    def unsubscribe(self, subscription: str) -> None:
        """Forget a subscription and its place; a batch of that name then begins again.

        Raises:
            NotFound: there is no such subscription.
        """
        self._change(subscription, sa.delete(subscriptions))

    def _change(self, subscription: str, change: sa.Update | sa.Delete) -> None:
        _require_name(subscription)
        with database.writing(self.engine) as connection:
            done = connection.execute(change.where(subscriptions.c.name == subscription))
        if not done.rowcount:
            names = ", ".join(known.name for known in self.subscriptions())
            there = f"there are: {names}" if names else "there is none yet"
            raise NotFound(f"there is no subscription {subscription!r}; {there}")

    def _start(self, start: Start, connection: sa.Connection | None) -> int:
        if start == "beginning":
            return 0
        end = self.head(connection).position
        if start == "end":
            return end
        require_number("start", start)
        if start > end:
            raise InvalidInput(f"start: expected a position of the log, up to {end}; found {start}")
        return start

    def _place(self, subscription: str, connection: sa.Connection | None) -> int | None:
        query = sa.select(subscriptions.c.position).where(subscriptions.c.name == subscription)
        if connection is not None:
            return connection.scalar(query.with_for_update())
        with database.reading(self.engine) as reader:
            return reader.scalar(query)


def _require_choice(on_unknown: object) -> None:
    if on_unknown not in get_args(OnUnknown):
        raise InvalidInput(f"on_unknown: expected raise or skip; found {on_unknown!r:.40}")


def _require_name(subscription: object) -> None:
    if not isinstance(subscription, str) or not subscription or not subscription.isprintable():
        raise InvalidInput(
            f"expected a subscription's name, in printable characters; found {subscription!r:.80}"
        )


def _move(connection: sa.Connection, subscription: str, before: int | None, to: int) -> None:
    """Note the place of a subscription, if it is still where the batch began."""
    if before is None:
        query = sa.select(subscriptions.c.name).where(subscriptions.c.name == subscription)
        is_here = connection.scalar(query) is None
        if is_here:
            connection.execute(sa.insert(subscriptions).values(name=subscription, position=to))
    else:
        mine = (subscriptions.c.name == subscription) & (subscriptions.c.position == before)
        moved = connection.execute(sa.update(subscriptions).where(mine).values(position=to))
        is_here = moved.rowcount == 1
    if not is_here:
        raise DatabaseBusy(
            f"somebody else has moved the subscription {subscription!r} meanwhile; nothing was "
            "noted as handled. Try again."
        )


@contextlib.contextmanager
def _turn_on_postgresql(engine: sa.Engine, subscription: str) -> Iterator[sa.Connection]:
    """The transaction of a batch; others of its name wait for its end."""
    with database.writing(engine) as connection:
        # Two processes that find no row yet must not both begin.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_hash(subscription))))
        yield connection


@contextlib.contextmanager
def _turn_on_sqlite(engine: sa.Engine, subscription: str) -> Iterator[None]:
    """Others of its name wait for a lock on a file, which a kill lets go of.

    There is no transaction yet: it would keep others from appending.
    """
    with _locked_file(engine.url.database, subscription):
        yield


@contextlib.contextmanager
def _locked_file(record: str | None, subscription: str) -> Iterator[None]:
    """Hold a file beside the record, which is removed at the end."""
    if not _HAS_LOCKS or record in (None, "", ":memory:"):
        yield
        return
    path = Path(f"{record}-{hashlib.sha256(subscription.encode()).hexdigest()[:16]}.turn")
    end = time.monotonic() + database.BUSY_SECONDS
    while (file := _held(path)) is None:
        if time.monotonic() > end:
            raise DatabaseBusy(
                f"somebody else has been handling a batch of {subscription!r} for more than "
                f"{database.BUSY_SECONDS} s. Try again."
            )
        time.sleep(_LONGEST_WAIT)
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _held(path: Path) -> BinaryIO | None:
    """The file, locked; None where another holds it, or has just removed it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
