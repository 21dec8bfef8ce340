"""What all sides store, and what each of them can be asked to do.

An event is a `StatementMade` of some 620 bytes: 400 of its own, 220 of evidence. There are a
hundred to a stream, one after the other from every stream in turn, so that neighbours in the log
are of different streams.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from timeline import Evidence, Link, NewEvent, StatementMade
from timeline.events.encoding import encode_value

TO_A_STREAM = 100
SPEAKERS = 1_000
PAGE = 1_000
"""Events read at a time, by those who read by pages."""

TEXT = "What was said, in some 150 characters of the recorder's own words. " * 2

Fold = dict[str, tuple[int, str]]
"""How often each speaker spoke, and the id of the last event: what is kept by the projection."""


def streams(total: int) -> int:
    """How many streams a log of so many events has."""
    return max(total // TO_A_STREAM, 1)


def stream(number: int, total: int) -> str:
    """The stream of one of the events."""
    return f"statement-series-{number % streams(total)}"


def version(number: int, total: int) -> int:
    """Its place in that stream, from 1."""
    return number // streams(total) + 1


def identity(number: int) -> str:
    """The id of one of the events: it sorts like a random one, and is the same on every side."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def statement(number: int) -> StatementMade:
    """What was said."""
    return StatementMade(
        f"speaker-{number % SPEAKERS}",
        TEXT,
        on_behalf_of="ministry-of-ports",
        capacity="spokesman",
        place="Joint Harbour",
        about=["joint-harbour"],
        topics=["ports"],
    )


def evidence(number: int) -> list[Evidence]:
    """According to whom."""
    said_by = Link(f"speaker-{number % SPEAKERS}", "quoted")
    return [Evidence("gazette-0412", at="paragraph 3", chain=["gazette", said_by])]


def occurred(number: int) -> str:
    """On which day: one after the other of twenty years, so that few are met twice in a row."""
    month, day = divmod(number, 28)
    return f"20{month // 12 % 20 + 10}-{month % 12 + 1:02}-{day + 1:02}"


def news(count: int, total: int) -> Iterator[NewEvent]:
    """The first events of a log that is to have so many, as they are given to this store."""
    for number in range(count):
        yield NewEvent(
            statement(number),
            identity(number),
            stream(number, total),
            occurred(number),
            evidence(number),
        )


def payload(new: NewEvent) -> int:
    """The bytes of an event's data and evidence, as this store writes them."""
    return len(encode_value(new.event).encode()) + len(encode_value(new.evidence).encode())


class Side(Protocol):
    """One who stores events: open, on a database that is this side's own."""

    name: str

    def __init__(self, url: str) -> None: ...

    def prepare(self, count: int, total: int) -> list[Any]:
        """The first events of a log, as this side takes them; not part of what is measured."""

    def append(self, items: Sequence[Any]) -> None:
        """Store these in one transaction, durably."""

    def load(self, items: Sequence[Any]) -> None:
        """Store all of these in one transaction, durably, by the fastest way there is."""

    def read_all(self) -> int:
        """Read and decode the whole log; the length of all texts."""

    def read_stream(self, number: int, total: int) -> int:
        """Read and decode one stream; the length of its texts."""

    def rebuild(self) -> int:
        """Fold the log into rows, `Fold`, and store them durably; how many events were folded."""

    def size(self) -> int:
        """The bytes that it takes up: the table with its indexes."""

    def close(self) -> None:
        """Give back the connections."""
