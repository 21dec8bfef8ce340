"""What a search costs on SQLite among many statements, in milliseconds of the processor's time."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from timeline import Actor, Evidence, NewEvent, Source, StatementMade, Timeline

MOST = 50
"""Milliseconds within which each kind of search is to be answered."""

SEARCHES: dict[str, Callable[[int], str]] = {
    "one statement": lambda n: f"matter{n}",
    "a word of one statement in a thousand": lambda n: f"topic{n % 1000}",
    "two words": lambda n: f"harbour{n % 100} topic{n % 1000}",
    "a phrase": lambda n: f'"word{n % 500} word{(n + 1) % 500}"',
    "a beginning": lambda n: f"topic{n % 100}*",
    "a word of one statement in a hundred": lambda n: f"harbour{n % 100}",
    "a word of all statements": lambda _: "minister",
}
"""Words to search for, by number of the search."""


def measured(statements: int, rounds: int, tell: Callable[[str], None]) -> dict[str, float]:
    """The median of the milliseconds that searches of each kind take."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'searched.db'}"
        with Timeline.open(url) as record:
            _fill(record, statements)
            record.search("minister", top=1)  # the rows that are searched are made here
        with Timeline.open(url) as record:
            tell(f"{statements:,} statements are on record")
            found = {}
            for name, words in SEARCHES.items():
                record.search(words(0))
                found[name] = statistics.median(
                    _milliseconds(record, words(number)) for number in range(rounds)
                )
                tell(f"{name}: {found[name]:.1f} ms")
    return found


def _milliseconds(record: Timeline, words: str) -> float:
    began = time.process_time()
    record.search(words)
    return (time.process_time() - began) * 1000


def _fill(record: Timeline, statements: int) -> None:
    record.add(
        Actor("gazette", "organisation", "The Gazette"),
        *(Actor(f"actor-{number}", "person", f"Person {number}") for number in range(100)),
        Source("article", publisher="gazette", title="Words of ministers"),
    )
    record.store.load(_statements(statements))


def _statements(count: int) -> Iterator[NewEvent]:
    draw = random.Random(7)
    for number in range(count):
        first = draw.randrange(500)
        filling = " ".join(f"word{(first + step) % 500}" for step in range(10))
        text = f"The minister spoke of harbour{number % 100}, topic{number % 1000} and {filling}."
        yield NewEvent(
            StatementMade(f"actor-{number % 100}", f"{text} It was matter{number}."),
            stream=f"statement-{number}",
            occurred=f"2022-{number % 12 + 1:02}",
            evidence=[Evidence("article", chain=["gazette", f"actor-{number % 100}"])],
        )
