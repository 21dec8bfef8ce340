"""Tries to break the promises of the log. `scripts/torture --help` says how to run it.

Each check works on an empty database of its own and raises `Broken` at the first promise that does
not hold. The processes that it kills are forked from this one, which has everything imported, so
that a life costs milliseconds. This process holds no connection when it forks: SQLite keeps its
locks by process, and a child must not take ours for its own.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import random
import re
import resource
import select
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import click
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from timeline.errors import DatabaseError, DatabaseFull, InvalidInput, LogDamaged
from timeline.events import Evidence, Link, NewEvent, event
from timeline.log import database, digests, schema
from timeline.log.digests import Head
from timeline.log.redact import redact
from timeline.log.schema import events, head, stored
from timeline.log.store import EventStore

sys.path.insert(0, str(Path(__file__).parent))
import doors

TESTS = Path(__file__).resolve().parent.parent / "tests"

PATIENCE = 60.0
"""Seconds in which something must happen, however busy the machine is."""

LAST_BREATH = 0.004
"""Seconds for which a writer may live on after what it was to live for: a few appends at most."""


class Broken(Exception):
    """A promise of the log did not hold."""


@attrs.frozen
class Result:
    """What a check did, and the counts that say how much of it."""

    check: str
    done: str
    counts: dict[str, int]


@event
class Struck:
    """What the writers append."""

    text: str


@contextlib.contextmanager
def opened(url: str) -> Iterator[EventStore]:
    """A store, with no connection left open behind it."""
    engine = database.create_engine(url)
    try:
        yield EventStore(engine, [Struck])
    finally:
        engine.dispose()


def note(text: str) -> None:
    """Say on standard error how far it has come."""
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)


# Processes


@attrs.define(eq=False)
class Child:
    """A forked process, and how far it says it has come."""

    name: str
    pid: int
    pipe: int
    done: int = 0
    unread: bytes = b""
    remarks: list[str] = attrs.field(factory=list)

    def listen(self) -> bool:
        """Take in what it has said; false when it has ended."""
        heard = os.read(self.pipe, 1 << 16)
        *lines, self.unread = (self.unread + heard).split(b"\n")
        for line in lines:
            if line.startswith(b"!"):
                raise Broken(f"{self.name}: {line[1:].decode()}")
            if line.isdigit():
                self.done = int(line) + 1
            else:
                self.remarks.append(line.decode())
        return bool(heard)


class Say:
    """How a child reports: a line at a time, at once, so that nothing said is lost with it."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._parent = os.getppid()

    def __call__(self, what: object) -> None:
        """Report a number that is done, or a remark."""
        # A run that was itself killed must not leave writers behind.
        if os.getppid() != self._parent:
            os._exit(1)
        line = " ".join(str(what).split())
        os.write(self._pipe, line.encode()[:2000] + b"\n")


class Crew:
    """The processes at work, none of which outlives the check."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            self._end(child)

    def start(self, name: str, work: Callable[..., None], *args: Any) -> Child:
        """Fork a process that does `work(say, *args)`."""
        pipe, mouth = os.pipe()
        with warnings.catch_warnings():
            # Other threads of ours, a library's say, do nothing that a child would wait for.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _live(mouth, name, work, args)
        os.close(mouth)
        child = Child(name, pid, pipe)
        self.children.append(child)
        return child

    def listen(self, seconds: float = 0.0) -> None:
        """Hear what any of them says within that time; none may end by itself."""
        pipes = {child.pipe: child for child in self.children}
        for pipe in select.select(list(pipes), [], [], max(seconds, 0))[0]:
            if not pipes[pipe].listen():
                raise Broken(f"{pipes[pipe].name} ended by itself")

    def kill(self, child: Child) -> None:
        """Kill one where it stands, and hear the last of what it said."""
        self.children.remove(child)
        self._end(child, heed=True)

    def finish(self, child: Child) -> None:
        """Wait for one that ends by itself."""
        self.children.remove(child)
        with contextlib.closing(_Pipe(child.pipe)):
            while child.listen():
                pass
        os.waitpid(child.pid, 0)

    def _end(self, child: Child, *, heed: bool = False) -> None:
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        with contextlib.closing(_Pipe(child.pipe)):
            while heed and child.listen():
                pass


@attrs.frozen
class _Pipe:
    number: int

    def close(self) -> None:
        os.close(self.number)


def _live(mouth: int, name: str, work: Callable[..., None], args: tuple[Any, ...]) -> None:
    say = Say(mouth)
    try:
        random.seed(f"{name} {os.getpid()}")  # or else all children would draw the same
        work(say, *args)
    except BaseException as error:  # noqa: BLE001 (whatever it is must be told, not lost)
        traceback.print_exc()
        say(f"!{type(error).__name__}: {error}")
    finally:
        # Nothing of the parent's may run here: neither its cleaning up nor its tests.
        os._exit(0)


# Writers

STREAMS = [f"struck-{number}" for number in range(12)]

AT_ONCE, HELD, OWN, BACK = "at once", "held open", "transaction of one's own", "rolled back"


@attrs.frozen
class Work:
    """What writers append: all of it follows from the seed, so nothing of it need be kept.

    Attributes:
        seed: of the run.
        manners: of appending, from which each batch draws one.
        largest: events in the larger batches; most have up to five.
        outages: whether the server goes away meanwhile.
    """

    seed: int
    manners: tuple[str, ...] = (AT_ONCE,)
    largest: int = 5
    outages: bool = False

    def manner(self, name: str, number: int) -> str:
        """How the writer of that name appends its batch of that number."""
        return self._draw("manner", name, number).choice(self.manners)

    def batch(self, name: str, number: int) -> list[NewEvent]:
        """The batch; each id says which it is, and of how many events."""
        draw = self._draw("batch", name, number)
        # On SQLite a plain transaction is refused if another committed in it: a long one mostly is.
        large = draw.random() < 0.15 and self.manner(name, number) != OWN
        size = draw.randint(1, self.largest if large else 5)
        streams = draw.choices(STREAMS, k=size) if draw.random() < 0.5 else [draw.choice(STREAMS)]
        return [
            NewEvent(
                Struck("Обсудили. " * draw.randint(0, 9)),
                id=f"{name}.{number}.{place}.{size}",
                stream=streams[place % len(streams)],
                occurred=draw.choice([None, "2022-11-29", "2022-11~"]),
            )
            for place in range(size)
        ]

    def _draw(self, *what: object) -> random.Random:
        return random.Random(f"{self.seed} {what}")


class _RolledBack(Exception):
    pass


def append(store: EventStore, news: Sequence[NewEvent], manner: str) -> None:
    """Append in one of the manners that writers have."""
    if manner == AT_ONCE:
        if len({new.stream for new in news}) == 1:
            store.append(str(news[0].stream), news)
        else:
            store.append_all(news)
        return
    transaction = store.engine.begin() if manner == OWN else database.writing(store.engine)
    with contextlib.suppress(_RolledBack), transaction as connection:
        store.append_all(news, connection=connection)
        time.sleep(random.uniform(0, 0.004))
        if manner == BACK:
            raise _RolledBack


def write(say: Say, url: str, work: Work, name: str) -> None:
    """Append batch after batch, and say of each that it is done, until killed."""
    with opened(url) as store:
        for number in itertools.count():
            manner = work.manner(name, number)
            # The library tries again by itself, but for outages that last, and but for a caller's
            # own transaction: on SQLite it is refused where another committed since it began.
            patient = work.outages or manner == OWN
            _persist(functools.partial(append, store, work.batch(name, number), manner), patient)
            say(number)


def _persist(action: Callable[[], None], patient: bool) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except (DatabaseError, sa.exc.OperationalError) as error:
            transient = isinstance(error, sa.exc.OperationalError) or error.transient
            if not (patient and transient) or time.monotonic() > end:
                raise
        time.sleep(random.uniform(0.001, 0.02))


# What the log must be


def audit(url: str, work: Work, done: Mapping[str, int]) -> dict[str, set[int]]:
    """Hold the log against what its writers did; the batches in it, by writer.

    Args:
        url: of the database.
        work: what the writers were told to do.
        done: how many batches each has said to be done.

    Raises:
        Broken: the log is not what it must be.
    """
    with opened(url) as store, database.reading(store.engine) as connection:
        found = _batches(connection)
        try:
            end = digests.verify(connection)
        except LogDamaged as error:
            raise Broken(f"verify: {error}") from error
        count = connection.scalar(sa.select(sa.func.count()).select_from(events))
    if end.position != count:
        raise Broken(f"the last position is {end.position}, the number of events {count}")
    for name, number in done.items():
        _account(work, name, number, found.get(name, set()))
    return found


def _account(work: Work, name: str, done: int, found: set[int]) -> None:
    for number in range(done):
        wanted = work.manner(name, number) != BACK
        if wanted and number not in found:
            raise Broken(f"batch {name}.{number} was acknowledged and is not in the log")
        if not wanted and number in found:
            raise Broken(f"batch {name}.{number} was rolled back and is in the log")


def _batches(connection: sa.Connection) -> dict[str, set[int]]:
    """The batches in the log, by writer; the log is read once, by position."""
    columns = (events.c.position, events.c.event_id, events.c.stream, events.c.version)
    versions = dict.fromkeys(STREAMS, 0)
    found: dict[str, set[int]] = {}
    awaited = ""  # the rest of a batch, by the id that must come next
    with _streamed(connection, sa.select(*columns).order_by(events.c.position)) as rows:
        for last, (position, id, stream, version) in enumerate(rows):
            if position != last + 1:
                raise Broken(f"position {position} follows {last}")
            versions[stream] += 1
            if version != versions[stream]:
                raise Broken(
                    f"position {position}: {stream} has version {version}, and "
                    f"{versions[stream]} is next"
                )
            awaited = _next_of_batch(id, awaited, found)
    if awaited:
        raise Broken(f"the log ends in mid-batch: {awaited} is missing")
    return found


def _next_of_batch(id: str, awaited: str, found: dict[str, set[int]]) -> str:
    name, number, place, size = id.rsplit(".", 3)
    if awaited and id != awaited:
        raise Broken(f"a batch is torn: {id} stands where {awaited} belongs")
    if not awaited and place != "0":
        raise Broken(f"a batch is torn, or repeated in part: its first is missing before {id}")
    known = found.setdefault(name, set())
    if place == "0":
        if int(number) in known:
            raise Broken(f"batch {name}.{number} is in the log twice")
        known.add(int(number))
    return "" if int(place) + 1 == int(size) else f"{name}.{number}.{int(place) + 1}.{size}"


# Writers killed


def kill(url: str, *, kills: int, seed: int, writers: int = 3) -> Result:
    """Writers killed at random points: what they acknowledged is there, once, and nothing torn."""
    work, draw = Work(seed), random.Random(seed)
    done: dict[str, int] = {}
    began = time.monotonic()
    audits = max(1, min(20, kills // 100))
    for part in range(audits):
        until = kills * (part + 1) // audits
        lives = _kill_some(url, work, draw, range(len(done), until), writers)
        done |= lives
        audit(url, work, done)
        _retry(url, work, draw, lives)
        done |= lives
        found = audit(url, work, done)
        note(f"kill: {until} kills, {until / (time.monotonic() - began):.0f} a second")
    cut_short = [name for name, number in done.items() if number in found.get(name, ())]
    counts = {
        "kill points": len(done),
        "batches acknowledged": sum(done.values()),
        "in the log though killed before saying so": len(cut_short),
        "events": _head(url).position,
    }
    return Result("kill", f"{writers} writers at a time killed by SIGKILL, batches retried", counts)


def _kill_some(
    url: str, work: Work, draw: random.Random, numbers: Iterable[int], writers: int
) -> dict[str, int]:
    """Start a writer for each number and kill it; what each had acknowledged."""
    names = [f"k{number}" for number in numbers]
    waiting = list(reversed(names))
    done: dict[str, int] = {}
    with Crew() as crew:
        lives: list[_Life] = []
        while len(done) < len(names):
            while waiting and len(lives) < writers:
                name = waiting.pop()
                lives.append(_Life(crew.start(name, write, url, work, name), draw))
            crew.listen(min(life.end for life in lives) - time.monotonic())
            for life in [life for life in lives if life.over()]:
                crew.kill(life.child)
                lives.remove(life)
                done[life.child.name] = life.child.done
    return done


class _Life:
    """When a writer is to die: after some time, or some time after so many batches."""

    def __init__(self, child: Child, draw: random.Random) -> None:
        self.child = child
        now = time.monotonic()
        by_time = draw.random() < 0.3
        self.goal = None if by_time else draw.randint(1, 8)
        self.end = now + (draw.uniform(0, 0.06) if by_time else PATIENCE)
        self._after = draw.uniform(0, LAST_BREATH)

    def over(self) -> bool:
        now = time.monotonic()
        if self.goal is not None and self.child.done >= self.goal:
            # Between one append and the next nothing can break: die within one.
            self.goal, self.end = None, now + self._after
        if self.goal is not None and now >= self.end:
            raise Broken(f"{self.child.name} appended nothing for {PATIENCE:.0f} seconds")
        return now >= self.end


def _retry(url: str, work: Work, draw: random.Random, lives: dict[str, int]) -> None:
    """Append again what half of them were at when they died, as whoever heard nothing would."""
    with opened(url) as store:
        for name in draw.sample(sorted(lives), len(lives) // 2):
            store.append_all(work.batch(name, lives[name]))
            lives[name] += 1


def _head(url: str) -> Head:
    with opened(url) as store:
        return store.head()


# Followers

_GIVEN = struct.Struct(">q32s")

handled = sa.Table(
    "torture_handled",
    sa.MetaData(),
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("position", sa.BigInteger),
    sa.Column("digest", sa.LargeBinary),
)
"""What subscribers were given, in the order in which they were."""

EVERY_MANNER = (AT_ONCE, AT_ONCE, AT_ONCE, HELD, OWN, BACK)


def record(say: Say, url: str, file: Path, outages: bool) -> None:
    """Follow the log from where `file` ends, and write down there what is given out."""
    with opened(url) as store, file.open("ab", buffering=0) as out:
        while True:
            try:
                for each in store.follow(after=_last_given(file)):
                    out.write(_GIVEN.pack(each.position, each.digest))
                    if each.position % 100 == 0:
                        say(each.position)
            except DatabaseError as error:
                if not (outages and error.transient):
                    raise
            time.sleep(0.01)


def _last_given(file: Path) -> int:
    with file.open("rb") as written:
        size = written.seek(0, os.SEEK_END)
        written.seek(max(size - _GIVEN.size, 0))
        return _GIVEN.unpack(written.read(_GIVEN.size))[0] if size else 0


def subscribe(say: Say, url: str) -> None:
    """Take batches of a subscription, and write down on its connection what is in them."""
    with opened(url) as store:
        while True:
            with contextlib.suppress(_RolledBack), store.batch("torture") as batch:
                rows = [{"position": e.position, "digest": e.digest} for e in batch.events]
                if rows:
                    batch.connection.execute(sa.insert(handled), rows)
                if random.random() < 0.1:
                    raise _RolledBack
            say(len(rows))
            if not rows:
                store.wait(after=store.head().position, timeout=0.2)


def given(file: Path) -> Iterator[tuple[int, bytes]]:
    """What a follower was given, by its record: as much as there is now."""
    left = file.stat().st_size // _GIVEN.size
    with file.open("rb") as written:
        while piece := written.read(_GIVEN.size * min(left, 1000)):
            left -= len(piece) // _GIVEN.size
            yield from _GIVEN.iter_unpack(piece)


def compare(who: str, what: Iterable[tuple[int, bytes]], log: Iterable[tuple[int, bytes]]) -> int:
    """Hold what a follower was given against the log; how far it came.

    Raises:
        Broken: something was missed, repeated, out of order, or is not what the log says.
    """
    last, rest = 0, iter(log)
    for position, digest in what:
        if position > last + 1:
            raise Broken(f"{who} was given position {position} after {last}: it missed some")
        if position <= last:
            raise Broken(f"{who} was given position {position} after {last}: again, or too late")
        kept = next(rest, None)
        if kept is None:
            raise Broken(f"{who} was given position {position}, which is not in the log any more")
        if kept != (position, digest):
            raise Broken(f"{who} was given another event than the log has at position {position}")
        last = position
    return last


def _compare_with_log(url: str, who: str, what: Iterable[tuple[int, bytes]]) -> int:
    query = sa.select(events.c.position, events.c.digest).order_by(events.c.position)
    with (
        opened(url) as store,
        database.reading(store.engine) as connection,
        _streamed(connection, query) as log,
    ):
        return compare(who, what, log)


@contextlib.contextmanager
def _streamed(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Iterator[Any]]:
    """The rows of a query as plain tuples, not all in memory at once."""
    with connection.execute(query.execution_options(yield_per=1000)) as rows:
        yield map(tuple, rows)


class Cast:
    """Writers, followers and a subscription on one log; whoever is killed is replaced."""

    def __init__(self, crew: Crew, url: str, work: Work, folder: Path) -> None:
        self.crew, self.url, self.work, self.folder = crew, url, work, folder
        self.killed = 0
        self._done: dict[str, int] = {}
        self._lives = itertools.count()
        self._again: dict[Child, Callable[[], None]] = {}

    @property
    def done(self) -> dict[str, int]:
        """How many batches each writer, dead or alive, has said to be done."""
        alive = {child.name: child.done for child in self.writers()}
        return self._done | alive

    @property
    def files(self) -> list[Path]:
        """The records of the followers."""
        return sorted(self.folder.iterdir())

    def writers(self) -> list[Child]:
        """Those alive."""
        return [child for child in self.crew.children if child.name.startswith("w")]

    def write(self) -> None:
        """Start a writer."""
        name = f"w{next(self._lives)}"
        self._again[self.crew.start(name, write, self.url, self.work, name)] = self.write

    def read(self) -> None:
        """Start two followers, and two who share a subscription."""
        for number in (1, 2):
            self.follow(f"follower {number}")
            self.subscribe(f"subscriber {number}")

    def follow(self, name: str) -> None:
        """Start a follower, which goes on from where its record ends."""
        file = self.folder / name
        file.touch()
        child = self.crew.start(name, record, self.url, file, self.work.outages)
        self._again[child] = functools.partial(self.follow, name)

    def subscribe(self, name: str) -> None:
        """Start one of those who share a subscription."""
        child = self.crew.start(name, subscribe, self.url)
        self._again[child] = functools.partial(self.subscribe, name)

    def kill(self, child: Child, *, again: bool) -> None:
        """Kill one where it stands, and start another like it if so wished."""
        is_writer = child in self.writers()
        self.crew.kill(child)
        self.killed += 1
        if is_writer:
            self._done[child.name] = child.done
        again_like_it = self._again.pop(child)
        if again:
            again_like_it()

    def kill_all(self) -> None:
        """Leave nobody alive."""
        for child in list(self.crew.children):
            self.kill(child, again=False)


def follow(url: str, *, count: int, seed: int, writers: int = 8, largest: int = 600) -> Result:
    """Followers beside writers: nothing missed, repeated or out of order."""
    work, draw = Work(seed, EVERY_MANNER, largest), random.Random(seed)
    with opened(url) as store:
        handled.create(store.engine)
    with tempfile.TemporaryDirectory() as folder, Crew() as crew:
        cast = Cast(crew, url, work, Path(folder))
        for _ in range(writers):
            cast.write()
        cast.read()
        _disturb(cast, draw, count)
        cast.kill_all()
        # With nobody there, what a killed writer had flushed to SQLite's WAL and not yet shown
        # to the others comes back with whoever opens the file next: the end of the log.
        cast.read()
        _catch_up(cast)
        cast.kill_all()
        return _reckon(cast)


def _disturb(cast: Cast, draw: random.Random, count: int) -> None:
    """Kill one after another, until the log has so many events."""
    began = shown = time.monotonic()
    last_growth = (0, began)
    while (reached := _head(cast.url).position) < count:
        until = time.monotonic() + draw.uniform(0, 0.5)
        while (left := until - time.monotonic()) > 0:
            cast.crew.listen(left)
        cast.kill(draw.choice(cast.crew.children), again=True)
        now = time.monotonic()
        if reached > last_growth[0]:
            last_growth = (reached, now)
        if now - last_growth[1] > PATIENCE:
            raise Broken(f"nobody could append for {PATIENCE:.0f} seconds")
        if now - shown > 30:
            shown = now
            note(f"follow: {reached} events, {reached / (now - began):.0f} a second")


QUIET = 30.0
"""Seconds without anything new after which a follower is taken to have come to a stop."""


def _catch_up(cast: Cast) -> None:
    """Wait until all have come to the end."""
    # PostgreSQL may still be at work for writers that are dead.
    time.sleep(0.5)
    end = _head(cast.url).position
    so_far, since = (-1,), time.monotonic()
    while min(reached := _reached(cast)) < end:
        if reached != so_far:
            so_far, since = reached, time.monotonic()
        if time.monotonic() - since > QUIET:
            raise Broken(f"the log ends at {end}, and the followers stay at {list(reached)}")
        cast.crew.listen(0.05)


def _reached(cast: Cast) -> tuple[int, ...]:
    with opened(cast.url) as store, database.reading(store.engine) as connection:
        subscription = connection.scalar(sa.select(sa.func.max(handled.c.position))) or 0
    return (*(_last_given(file) for file in cast.files), subscription)


def _reckon(cast: Cast) -> Result:
    found = audit(cast.url, cast.work, cast.done)
    ends = {file.name: _compare_with_log(cast.url, file.name, given(file)) for file in cast.files}
    with opened(cast.url) as store, database.reading(store.engine) as connection:
        query = sa.select(handled.c.position, handled.c.digest).order_by(handled.c.number)
        with _streamed(connection, query) as taken:
            ends["the subscription"] = _compare_with_log(cast.url, "the subscription", taken)
    end = _head(cast.url).position
    for who, last in ends.items():
        if last != end:
            raise Broken(f"{who} came to {last}, and the log ends at {end}")
    tried = [
        cast.work.manner(name, number) for name, done in cast.done.items() for number in range(done)
    ]
    counts = {
        "events": end,
        "events followed": sum(ends.values()),
        "missed, repeated, out of order": 0,
        "processes killed": cast.killed,
        "transactions committed": sum(map(len, found.values())),
        "held open": tried.count(HELD) + tried.count(OWN),
        "rolled back": tried.count(BACK),
    }
    return Result(
        "follow", "2 followers and a subscription, all killed too, beside writers", counts
    )


# Crashes


def crash(
    server: Any,
    url: str,
    *,
    crashes: int,
    seed: int,
    writers: int = 4,
    manners: tuple[str, ...] = EVERY_MANNER,
) -> Result:
    """PostgreSQL stopped in immediate mode: what anybody was told is still there.

    Args:
        server: a `servers.PrivateServer`.
        url: of a database on it.
        crashes: how often.
        seed: of all that is random.
        writers: at work meanwhile.
        manners: of appending.
    """
    work, draw = Work(seed, manners, largest=50, outages=True), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, Crew() as crew:
        cast = Cast(crew, url, work, Path(folder))
        for _ in range(writers):
            cast.write()
        for number in (1, 2):
            cast.follow(f"follower {number}")
        for number in range(crashes):
            _work_on(cast, draw.uniform(0, 0.5))
            server.stop("immediate")
            crew.listen(draw.uniform(0, 0.2))
            server.start()
            crew.listen()
            _hold_to_account(cast)
            note(f"crash: {number + 1} of {crashes}, {_head(url).position} events")
        counts = {
            "crashes": crashes,
            "batches acknowledged": sum(cast.done.values()),
            "events": _head(url).position,
            "events given out": sum(_last_given(file) for file in cast.files),
        }
    done = f"server stopped in immediate mode beside {writers} writers and 2 followers"
    return Result("crash", done, counts)


def _work_on(cast: Cast, seconds: float) -> None:
    """Let them all work, at least until something was acknowledged and given out."""
    deadline = time.monotonic() + PATIENCE
    goal = sum(cast.done.values()) + 20
    seen = sum(map(_last_given, cast.files)) + 20
    while sum(cast.done.values()) < goal or sum(map(_last_given, cast.files)) < seen:
        cast.crew.listen(0.05)
        if time.monotonic() > deadline:
            raise Broken(f"they did not get back to work within {PATIENCE:.0f} seconds")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        cast.crew.listen(left)


def _hold_to_account(cast: Cast) -> None:
    for file in cast.files:
        _compare_with_log(cast.url, file.name, list(given(file)))
    audit(cast.url, cast.work, cast.done)


def full_disk(url: str, *, rounds: int, seed: int) -> Result:
    """SQLite without room midway: a clear error, nothing in half, and on it goes with room."""
    work = Work(seed, (AT_ONCE, HELD), largest=200)
    done: dict[str, int] = {}
    for number in range(rounds):
        name = f"f{number}"
        with Crew() as crew:
            child = crew.start(name, fill, url, work, name)
            crew.finish(child)
        if len(child.remarks) != 2:
            raise Broken(f"{name} ended before it found the disk full and room again")
        done[name] = child.done
        audit(url, work, done)
        note(f"crash: disk full {number + 1} of {rounds} times: {child.remarks[0]}")
    counts = {
        "times full": rounds,
        "batches acknowledged": sum(done.values()),
        "events": _head(url).position,
    }
    return Result("crash", "disk full (a limit on the files or the pages), then room again", counts)


def fill(say: Say, url: str, work: Work, name: str) -> None:
    """Append until there is no room, then make room and go on."""
    with opened(url) as store:
        limit = _Limit(store.engine, random.Random(f"{work.seed} {name}"))
        for number in itertools.count():
            try:
                append(store, work.batch(name, number), work.manner(name, number))
            except DatabaseError as error:
                if not isinstance(error, DatabaseFull):
                    raise
                say(error)
                break
            say(number)
        with database.reading(store.engine) as connection:
            digests.verify(connection)
        limit.lift()
        for later in range(number, number + 3):
            append(store, work.batch(name, later), work.manner(name, later))
            say(later)
        say("room again")


class _Limit:
    """A disk that will be full: a limit on the size of files, or on the pages of the database."""

    def __init__(self, engine: sa.Engine, draw: random.Random) -> None:
        self._engine = engine
        self._pages: int | None = None
        sa.event.listen(engine, "connect", self._limit_pages)
        with database.reading(engine) as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        if draw.random() < 0.5:
            self._pages = pages + draw.randint(2, 200)
        else:
            # The larger one lets the write-ahead log grow until parts of it go into the database.
            size = draw.choice([draw.randint(1 << 16, 1 << 20), 5 << 20])
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        engine.dispose()

    def lift(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self._pages = None
        self._engine.dispose()

    def _limit_pages(self, connection: sqlite3.Connection, _: object) -> None:
        if self._pages is not None:
            connection.execute(f"PRAGMA max_page_count = {self._pages}")


# Edits


def furnish(url: str, size: int) -> None:
    """Fill a log with events that use every column, one of them taken down."""
    chain = [Link("agency", "quoted", said="2022-11-29"), Link("ann")]
    with opened(url) as store:
        for start in range(0, size, 20):
            store.append_all(
                [
                    NewEvent(
                        Struck(f"Обсудили {number} 🔥"),
                        id=f"event-{number}",
                        stream=STREAMS[number % 7],
                        occurred=None if number % 5 == 0 else f"2022-11-{number % 28 + 1:02}",
                        evidence=[Evidence("paper", f"§ {number}", "«цитата»", chain)],
                    )
                    for number in range(start, min(start + 20, size))
                ]
            )
            if start == 0:
                redact(store, "event-7", "It named a bystander.")


@attrs.frozen
class Edit:
    """A change made to the log behind its back.

    Attributes:
        what: in words.
        shows: the position that verify must name; None where only a seal tells.
        sealed: the position that verify must name when it is given the seal from before.
    """

    what: str
    shows: int | None
    sealed: int | None = None


class Editor:
    """Edits rows as whoever owns the database can, in a transaction that is rolled back."""

    def __init__(self, connection: sa.Connection, rows: list[dict[str, Any]], draw: random.Random):
        self.connection, self.rows, self.draw = connection, rows, draw
        self.last = len(rows)
        named = connection.execute(stored.order_by(events.c.position)).mappings()
        self.named = [dict(row) for row in named]
        redacted = (r["position"] for r in self.named if r["type"] == "EventRedacted")
        self.takedown = next(redacted)

    def row(self) -> dict[str, Any]:
        """Any row."""
        return self.draw.choice(self.rows)

    def change(self, column: str) -> Edit:
        """Another value in one column: one byte, one character or one off, or to or from null."""
        while True:
            row = self.row()
            values = self._others(column, row[column])
            for value in self.draw.sample(values, len(values)):
                if self._accepted(sa.update(events).where(_at(row)), {column: value}):
                    what = f"{column} from {row[column]!r} to {value!r}"
                    return Edit(f"{what} at {row['position']}", row["position"])

    def rewrite(self) -> Edit:
        """Another text, and a digest that fits it: what follows does not."""
        row, before = self.row(), digests.GENESIS
        if row["position"] > 1:
            before = self.rows[row["position"] - 2]["digest"]
        named = self.named[row["position"] - 1] | {"event_id": "rewritten"}
        changes = {"event_id": "rewritten", "digest": digests.event_digest(before, named)}
        self.connection.execute(sa.update(events).where(_at(row)), changes)
        what = f"rewritten with its digest at {row['position']}"
        return self._at_the_end(row, what) or Edit(what, min(row["position"] + 1, self.last))

    def silence(self) -> Edit:
        """Words removed as by a takedown, of which the log says nothing."""
        row = self.draw.choice([row for row in self.rows if row["data"] is not None])
        digest = digests.body_digest(row["salt"], row["evidence"], row["data"], row["metadata"])
        gone = {"evidence": None, "data": None, "metadata": None, "salt": None, "redacted": digest}
        self.connection.execute(sa.update(events).where(_at(row)), gone)
        if row["position"] == self.takedown:
            # The event that was taken down before it has lost its explanation too, and is first.
            first = next(each for each in self.rows if each["data"] is None)
            return Edit("the takedown itself taken down", first["position"])
        return Edit(f"words removed at {row['position']}", row["position"])

    def delete(self) -> Edit:
        """A row gone."""
        row = self.row()
        self.connection.execute(sa.delete(events).where(_at(row)))
        what = f"deleted {row['position']}"
        return self._at_the_end(row, what) or Edit(what, row["position"])

    def _at_the_end(self, row: dict[str, Any], what: str) -> Edit | None:
        """What only a seal tells: SQLite's log ends with its last row, with no head beside it."""
        if row["position"] < self.last or self.connection.dialect.name == "postgresql":
            return None
        return Edit(what, None, sealed=self.last)

    def forge(self) -> Edit:
        """A row more behind the last."""
        row = self._forgery(self.last + 1)
        self.connection.execute(sa.insert(events), row)
        return Edit("forged one behind the last", self.last + 1)

    def insert(self) -> Edit:
        """A row more in the midst, all after it moved up."""
        place = self.draw.randint(1, self.last)
        later, far = events.c.position >= place, 10 * self.last
        for distance in (far, 1 - far):  # past one another at once they may not
            moved = {"position": events.c.position + distance}
            self.connection.execute(sa.update(events).where(later).values(moved))
        self.connection.execute(sa.insert(events), self._forgery(place))
        return Edit(f"forged one before {place}", place)

    def swap(self) -> Edit:
        """All that two rows hold, but for their places."""
        one, other = sorted(self.draw.sample(self.rows, 2), key=lambda row: int(row["position"]))
        for row in (one, other):
            self.connection.execute(sa.delete(events).where(_at(row)))
        swapped = [one | {"position": other["position"]}, other | {"position": one["position"]}]
        self.connection.execute(sa.insert(events), swapped)
        return Edit(f"swapped {one['position']} and {other['position']}", one["position"])

    def cut(self) -> Edit:
        """The tail cut off, as if it had never been; PostgreSQL's head is set back."""
        end = self.draw.randint(self.takedown, self.last - 1)
        self._cut(end)
        return Edit(f"cut off behind {end}", None, sealed=end + 1)

    def regrow(self) -> Edit:
        """The tail cut off, and others appended in its place in good order."""
        end = self.draw.randint(self.takedown, self.last - 1)
        self._cut(end)
        news = [NewEvent(Struck("Forged."), stream="forged") for _ in range(self.last - end + 3)]
        EventStore(self.connection.engine, [Struck]).append_all(news, connection=self.connection)
        return Edit(f"regrown from {end}", None, sealed=self.last)

    def behead(self) -> Edit:
        """PostgreSQL's head row one off, one byte off, or gone."""
        at = self.rows[-1]["digest"]
        edits = [
            (sa.update(head).values(position=self.last - 1), self.last),
            (sa.update(head).values(position=self.last + 1), self.last + 1),
            (sa.update(head).values(digest=_flipped(at, self.draw)), self.last),
            (sa.delete(head), self.last + 1),
        ]
        statement, shows = self.draw.choice(edits)
        self.connection.execute(statement)
        return Edit(str(statement), shows)

    def _cut(self, end: int) -> None:
        self.connection.execute(sa.delete(events).where(events.c.position > end))
        if self.connection.dialect.name == "postgresql":
            back = {"position": end, "digest": self.rows[end - 1]["digest"]}
            self.connection.execute(sa.update(head), back)

    def _forgery(self, position: int) -> dict[str, Any]:
        new = {"event_id": "forged", "version": 2**30, "position": position}
        return self.rows[-1] | new

    def _accepted(self, statement: sa.Update, values: dict[str, Any]) -> bool:
        """Whether the constraints let it pass, which need no digest to be kept."""
        try:
            with self.connection.begin_nested():
                self.connection.execute(statement, values)
        except sa.exc.IntegrityError:
            return False
        return True

    def _others(self, column: str, value: Any) -> list[Any]:
        draw, nothing = self.draw, [None] if events.c[column].nullable else []
        if value is None:
            if column in ("occurred_from", "occurred_to"):
                return [0, 1, 1_669_593_600_000_000]
            return [bytes(16), bytes(32)] if column in ("salt", "redacted") else ["", "2022", "[]"]
        if isinstance(value, int):
            return [value - 1, value + 1, value + draw.randint(10, 1000) * 100]
        if isinstance(value, bytes):
            return [_flipped(value, draw), value[:-1], *nothing]
        place = draw.randrange(len(value))
        other = chr(ord(value[place]) ^ 1)
        text = value[:place] + other + value[place + 1 :]
        # SQLite keeps bytes in a column of text, if asked to.
        typed = [value.encode()] if self.connection.dialect.name == "sqlite" else []
        return [text, text, value + " ", *typed, *nothing]


def _at(row: dict[str, Any]) -> sa.ColumnElement[bool]:
    return events.c.position == row["position"]


def _flipped(value: bytes, draw: random.Random) -> bytes:
    changed = bytearray(value)
    changed[draw.randrange(len(value))] ^= draw.randint(1, 255)
    return bytes(changed)


_KINDS = ("rewrite", "silence", "delete", "forge", "insert", "swap", "cut", "regrow")


def edit_rows(url: str, *, edits: int, seed: int, size: int = 60) -> Result:
    """Edits by SQL: verify names exactly the first position where each shows."""
    furnish(url, size)
    draw = random.Random(seed)
    # Each column as often as each other kind of edit.
    columns = (f"change {column.name}" for column in events.c)
    with opened(url) as store:
        beside = ["behead"] if store.engine.dialect.name == "postgresql" else []
        kinds = itertools.cycle([*columns, *_KINDS, *beside])
        with database.reading(store.engine) as connection:
            seal = digests.verify(connection)
            rows = [dict(row) for row in connection.execute(_IN_ORDER).mappings()]
        for kind in itertools.islice(kinds, edits):
            with store.engine.connect() as connection, connection.begin() as transaction:
                _unguard(connection)
                _try_edit(Editor(connection, rows, draw), kind, seal)
                transaction.rollback()
        with database.reading(store.engine) as connection:
            digests.verify(connection, seal=seal)
    return Result("edit", "rows edited by SQL", {"edits": edits, "found, at the position": edits})


_IN_ORDER = sa.select(events).order_by(events.c.position)


def _unguard(connection: sa.Connection) -> None:
    """What only the owner can: the triggers would refuse every edit."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ALTER TABLE timeline_events DISABLE TRIGGER USER")
        return
    guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'timeline_keep_%'"
    for (name,) in connection.exec_driver_sql(guards).all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def _try_edit(editor: Editor, kind: str, seal: Head) -> None:
    name, _, column = kind.partition(" ")
    made: Edit = getattr(editor, name)(*([column] if column else []))
    found = _damage(editor.connection, None)
    if found != made.shows:
        raise Broken(f"{made.what}: it shows at {made.shows}, verify says {found}")
    if made.sealed is not None:
        found = _damage(editor.connection, seal)
        if found != made.sealed:
            raise Broken(f"{made.what}: by the seal at {made.sealed}, verify says {found}")


def _damage(connection: sa.Connection, seal: Head | None) -> int | None:
    try:
        digests.verify(connection, seal=seal)
    except LogDamaged as error:
        return error.position
    return None


def edit_bytes(url: str, *, edits: int, seed: int, size: int = 60) -> Result:
    """Single bytes of a SQLite file: verify finds all that change any row."""
    furnish(url, size)
    file = Path(str(sa.make_url(url).database))
    with opened(url) as store, database.autocommitting(store.engine) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    original, rows, draw = file.read_bytes(), dump(file), random.Random(seed)
    if rows is None:
        raise Broken("the file cannot be read before any edit")
    counts = dict.fromkeys(_VERDICTS, 0)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(edits):
            copy = Path(folder) / f"{number}.db"
            place, changed = draw.randrange(len(original)), bytearray(original)
            changed[place] ^= draw.randint(1, 255)
            copy.write_bytes(changed)
            where = f"byte {place} from {original[place]} to {changed[place]}"
            try:
                counts[_judge(rows, dump(copy), _said_of(copy))] += 1
            except Broken as error:
                raise Broken(f"{where}: {error}") from error
            for left in Path(folder).iterdir():
                left.unlink()
    return Result("edit", "bytes of the file changed", {"edits": edits, **counts})


_EXACT, _EARLIER, _UNREADABLE, _BESIDE, _UNUSED = _VERDICTS = (
    "found, at the position",
    "found, named an earlier position",
    "found, cannot be read",
    "found, though no row is changed",
    "no row is changed",
)

_Rows = list[tuple[Any, ...]]


def dump(file: Path) -> _Rows | None:
    """All rows of the log, then of its types, as plain SQLite reads them; None where it cannot."""
    columns = ", ".join(column.name for column in events.c)
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)) as plain:
        # So that text and bytes differ, and that no text is wrong.
        plain.text_factory = lambda value: (value,)
        try:
            rows = plain.execute(
                f"SELECT {columns} FROM timeline_events ORDER BY position"
            ).fetchall()
            kinds = plain.execute("SELECT 0, * FROM timeline_types ORDER BY id").fetchall()
        except (sqlite3.DatabaseError, UnicodeError):  # what is wrong may be quoted as it stands
            return None
    # By what it shows: 1 and 1.0 are equal.
    return [tuple(map(repr, row)) for row in [*rows, *kinds]]


def _said_of(file: Path) -> DatabaseError | None:
    with opened(f"sqlite:///{file}") as store:
        try:
            with database.reading(store.engine) as connection:
                digests.verify(connection)
        except DatabaseError as error:
            return error
        except Exception as error:
            raise Broken(f"verify: {type(error).__name__}: {error}") from error
    return None


def _judge(before: _Rows, after: _Rows | None, said: DatabaseError | None) -> str:
    if after == before:
        return _UNUSED if said is None else _BESIDE
    if said is None:
        raise Broken("rows have changed, and verify finds nothing")
    if after is None or not isinstance(said, LogDamaged):
        return _UNREADABLE
    pairs = enumerate(itertools.zip_longest(before, after), 1)
    changed = next(position for position, (old, new) in pairs if old != new)
    if before[min(changed, len(before)) - 1][0] == repr(0):  # a type: its events show it
        return _EXACT
    if said.position > changed:
        raise Broken(f"row {changed} has changed, and verify names {said.position}")
    return _EXACT if said.position == changed else _EARLIER


# The command line

CHECKS = ("kill", "follow", "crash", "edit", "doors")


@attrs.frozen
class Place:
    """Where the databases of the checks are made.

    Attributes:
        database: a context in which there is a new one, by the name of its check.
        server: the private server of PostgreSQL, which may be crashed; None if there is none.
    """

    database: Callable[[str], contextlib.AbstractContextManager[str]]
    server: Any = None


@contextlib.contextmanager
def sqlite_file(base: Path, check: str) -> Iterator[str]:
    """A file beside the one named; kept, to be looked at, if the check fails."""
    file = base.with_name(f"{base.stem}-{check}{base.suffix}")
    if file.exists():
        raise click.UsageError(f"{file} exists, and torture makes its own files. Name another.")
    url = f"sqlite:///{file}"
    with opened(url) as store:
        schema.upgrade(store.engine)
    yield url
    for left in (file, *file.parent.glob(f"{file.name}-*")):
        left.unlink(missing_ok=True)


@contextlib.contextmanager
def postgresql_database(server: Any, _check: str) -> Iterator[str]:
    """A database on the server; kept, to be looked at, if the check fails."""
    url = server.create_database()
    with opened(url) as store:
        schema.upgrade(store.engine)
    yield url
    server.drop_database(url)


@contextlib.contextmanager
def place(url: str) -> Iterator[Place]:
    """Where the URL says, or on a server of our own for the word `postgresql`."""
    sys.path.insert(0, str(TESTS))
    import servers

    if url == "postgresql":
        # Crashes are the point, so it keeps PostgreSQL's own settings, which are safe.
        with servers.postgres_server({}) as server:
            yield Place(functools.partial(postgresql_database, server), server)
        return
    parsed = database.create_engine(url).url
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database:
            raise click.UsageError("torture needs a file, which other processes can open")
        yield Place(functools.partial(sqlite_file, Path(parsed.database).absolute()))
        return
    with contextlib.closing(servers.Server(parsed)) as server:
        yield Place(functools.partial(postgresql_database, server))


@attrs.frozen
class Numbers:
    """How much of everything."""

    kills: int
    events: int
    edits: int
    crashes: int
    seed: int


def run(check: str, where: Place, numbers: Numbers) -> Iterator[Result]:
    """One check, or the two that go by one name."""
    seed, many = numbers.seed, numbers.edits
    if check == "doors":
        yield from _doors(where, numbers)
        return
    with where.database(check) as url:
        is_file = url.startswith("sqlite")
        if check == "kill":
            yield kill(url, kills=numbers.kills, seed=seed)
        elif check == "follow":
            yield follow(url, count=numbers.events, seed=seed)
        elif check == "edit":
            yield edit_rows(url, edits=many, seed=seed, size=_LARGE if many >= _LARGE else 60)
        elif is_file:
            yield full_disk(url, rounds=numbers.crashes, seed=seed)
        elif where.server:
            yield crash(where.server, url, crashes=numbers.crashes, seed=seed)
        else:
            yield Result("crash", "left out: it takes a server of its own (postgresql)", {})
    if check == "edit" and is_file:
        with where.database("bytes") as url:
            yield edit_bytes(url, edits=many, seed=seed, size=_LARGE if many >= _LARGE else 60)


def _doors(where: Place, numbers: Numbers) -> Iterator[Result]:
    """What others may do around the log, each on a database of its own."""
    with where.database("kind") as url:
        tried = doors.ON_FILES if url.startswith("sqlite") else doors.ON_SERVERS
    for door in tried:
        with where.database(door.__name__) as url:
            try:
                done, counts = door(url, numbers.crashes, numbers.seed)
            except AssertionError as error:
                raise Broken(f"{door.__name__}: {error}") from None
        yield Result("doors", done, counts)


_LARGE = 1100
"""Events in the log that is edited, where there is time: more than are read at once."""


@click.command()
@click.argument("url")
@click.option("--kills", default=1000, show_default=True, help="Writers to kill.")
@click.option("--events", default=100_000, show_default=True, help="Events to follow.")
@click.option("--edits", default=500, show_default=True, help="Edits to make.")
@click.option("--crashes", default=10, show_default=True, help="Crashes, or disks full.")
@click.option(
    "--seed", type=int, help="What to draw from; one is made up, and shown, if not given."
)
@click.option("--only", default=",".join(CHECKS), show_default=True, help="The checks to run.")
def main(url: str, only: str, seed: int | None, **numbers: int) -> None:
    """Try to break the promises of the log, and fail at the first one that breaks.

    URL is sqlite:///FILE, beside which it makes files of its own; postgresql://…, a server on which
    it makes databases of its own; or the word postgresql, for a server of its own.
    """
    checks = re.split(r"[\s,]+", only)
    if unknown := set(checks) - set(CHECKS):
        raise click.UsageError(f"no check {min(unknown)!r}; there are {', '.join(CHECKS)}")
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    table = Table("check", "what was done", "counts", "seconds", "result", title=f"seed {seed}")
    broken = False
    try:
        with place(url) as where:
            broken = _fill_table(table, checks, where, Numbers(seed=seed, **numbers))
    except InvalidInput as error:
        raise click.UsageError(str(error)) from None
    Console(width=max(100, shutil.get_terminal_size().columns)).print(table)
    sys.exit(broken)


def _fill_table(table: Table, checks: list[str], where: Place, numbers: Numbers) -> bool:
    """Run the checks up to the first that fails; says whether one does."""
    for check in checks:
        began = time.monotonic()
        try:
            for result in run(check, where, numbers):
                counts = "\n".join(f"{name}: {count:,}" for name, count in result.counts.items())
                seconds = f"{time.monotonic() - began:.0f}"
                table.add_row(check, result.done, counts, seconds, "holds" if counts else "-")
                began = time.monotonic()
        except Broken as error:
            note(f"{check}: BROKEN: {error}")
            table.add_row(check, str(error), "", f"{time.monotonic() - began:.0f}", "BROKEN")
            return True
    return False


if __name__ == "__main__":
    main()
