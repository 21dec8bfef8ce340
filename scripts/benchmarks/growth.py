"""What appends, reads and reports cost as the log grows around them, on SQLite."""

from __future__ import annotations

import functools
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import scale

from timeline import Evidence, NewEvent, StatementMade, Timeline

Costs = dict[str, float]
"""Milliseconds, by what they are spent on."""

AT_ONCE = 1_000

SEARCHED = {"a search for rare words": "gas imports", "a search for a word of all": "characters"}

LIVE, AS_OF = "initiative, live", "initiative, as of a publication"


def measured(sizes: Sequence[int], rounds: int, tell: Callable[[str], None]) -> dict[int, Costs]:
    """What each work costs at each size of the log."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            with Timeline.open(f"sqlite:///{Path(folder) / str(size)}.db") as record:
                found[size] = _costs(record, size, rounds)
            tell(f"{size:>9,} events: " + _told(found[size]))
    return found


def _told(costs: Costs) -> str:
    return ", ".join(f"{name} {cost:,.3g} ms" for name, cost in costs.items())


def _costs(record: Timeline, size: int, rounds: int) -> Costs:
    scale.fill(record, size)
    store, held = record.store, record.store.head().position
    middle = held // 2
    one = _median(lambda: store.append("statement-growth", [_new()]), 10 * rounds)
    costs = {"append one, durably": one}
    lot = _median(lambda: store.append_all(_new() for _ in range(AT_ONCE)), rounds)
    costs["append 1,000 at once, each"] = lot / AT_ONCE
    page = _median(lambda: list(store.read_all(after=middle, limit=AT_ONCE)), rounds)
    costs["read 1,000 from the middle, each"] = page / min(AT_ONCE, held - middle)
    spent = scale.seconds(lambda: sum(1 for _ in store.read_all()))
    costs["read all, each"] = spent / store.head().position * 1000
    for name, words in SEARCHED.items():
        costs[name] = _median(functools.partial(record.search, words), rounds)
    costs["a report, live"] = scale.timed(scale.REPORTS[LIVE], record, rounds) * 1000
    costs["a report, as of a day"] = scale.timed(scale.REPORTS[AS_OF], record, rounds) * 1000
    return costs


def _new() -> NewEvent:
    said = StatementMade("actor-1", scale.TEXT, about=["proposal-1"])
    evidence = [Evidence("source-1", chain=["actor-1"])]
    return NewEvent(said, stream="statement-growth", occurred="2022-12-07", evidence=evidence)


def _median(work: Callable[[], object], rounds: int) -> float:
    """The median of the milliseconds that something takes."""
    return statistics.median(scale.seconds(work) for _ in range(rounds)) * 1000
