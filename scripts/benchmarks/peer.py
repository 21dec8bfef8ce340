"""The package `eventsourcing`, from the index: its recorders, and its Application.

A recorder stores bytes that are ready, and gives bytes back. An Application encodes and decodes
typed events: here a frozen dataclass, its fields of what its JSON takes as it is; no aggregate is
rebuilt, and none collects the events, so only what storing and reading them takes is measured.
Neither knows digests, evidence or unique ids of events.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import attrs
import contention
import msgspec
import sqlalchemy as sa
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, DomainEventProtocol
from eventsourcing.persistence import StoredEvent

from benchmarks import raw, work
from timeline import NewEvent
from timeline.events.encoding import encode_value


class Statements(Aggregate):
    """What somebody said, one after the other."""

    class Said(Aggregate.Event):
        """The fields of `StatementMade` that are set, its id, date and evidence."""

        event_id: str
        occurred: str
        speaker: str
        text: str
        on_behalf_of: str
        capacity: str
        place: str
        about: list[str]
        topics: list[str]
        evidence: list[dict[str, Any]]


class Record(Application[uuid.UUID]):
    """An application with nothing of its own."""

    name = "record"


@attrs.frozen
class Pending:
    """Events ready to be saved, in place of the aggregates that collect them."""

    events: Sequence[DomainEventProtocol[uuid.UUID]]
    id: uuid.UUID = uuid.NAMESPACE_OID

    def collect_events(self) -> Sequence[DomainEventProtocol[uuid.UUID]]:
        """The events."""
        return self.events


ALONE = {"POSTGRES_ENABLE_DB_FUNCTIONS": "yes"}
"""Insert by a function of the database's.

The default gives the driver's pipeline all events as one value, and with a thousand of them waits
for ever. With one writer it makes no difference to the order that nothing is locked.
"""

AMONG_OTHERS = {"CREATE_TABLE": "no"}
"""Lock the table, and so keep order; it is there: all would make it at once, and all but one fail.
"""


def environment(url: str) -> dict[str, str]:
    """How the package is told of a database."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(parsed.database),
        }
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parsed.database),
        "POSTGRES_HOST": str(parsed.host or parsed.query["host"]),
        "POSTGRES_PORT": str(parsed.port or parsed.query["port"]),
        "POSTGRES_USER": str(parsed.username),
        "POSTGRES_PASSWORD": parsed.password or "none",
    }


def originator(number: int, total: int) -> uuid.UUID:
    """What the package names a stream by."""
    return uuid.uuid5(uuid.NAMESPACE_OID, work.stream(number, total))


class Recorder:
    """Its ApplicationRecorder, with bytes."""

    name = "recorder"

    def __init__(self, url: str, way: Mapping[str, str] = ALONE) -> None:
        self.url = url
        self.application = Record(environment(url) | way)
        self.recorder = self.application.recorder
        self._driver = raw.connect(url)

    def prepare(self, count: int, total: int) -> list[Any]:
        """Events as bytes: id, data and evidence, as this store stores them."""
        return [
            StoredEvent(
                originator(number, total),
                work.version(number, total),
                "benchmarks.peer:Statements.Said",
                b'{"id":"%b","data":%b,"evidence":%b}'
                % tuple(
                    each.encode()
                    for each in (new.id, encode_value(new.event), encode_value(new.evidence))
                ),
            )
            for number, new in enumerate(work.news(count, total))
        ]

    def append(self, items: Sequence[Any]) -> None:
        """By `insert_events`."""
        self.recorder.insert_events(items)

    load = append

    def _notifications(self) -> Iterator[Any]:
        start = 1
        while page := self.recorder.select_notifications(start, work.PAGE):
            yield from page
            start = page[-1].id + 1

    def read_all(self) -> int:
        """By `select_notifications`, a page at a time; to bytes, not decoded."""
        return sum(len(stored.state) for stored in self._notifications())

    def read_stream(self, number: int, total: int) -> int:
        """By `select_events`; to bytes."""
        found = self.recorder.select_events(originator(number, total))
        return sum(len(stored.state) for stored in found)

    def rebuild(self) -> int:
        """Decode to dicts, fold, and write the rows by the driver."""
        return raw.store_fold(self._driver, raw.fold(self._speakers()))

    def _speakers(self) -> Iterator[tuple[str, str]]:
        for stored in self._notifications():
            state = json.loads(stored.state)
            yield state["id"], state["data"]["speaker"]

    def size(self) -> int:
        """The table of events with its indexes; on SQLite all that is in the file."""
        return raw.size(self.url, self.recorder.events_table_name)

    def close(self) -> None:
        """Close the application."""
        self._driver.close()
        self.application.close()


class Typed(Recorder):
    """Its Application, with typed events."""

    name = "Application"

    def prepare(self, count: int, total: int) -> list[Any]:
        """Typed events."""
        return [_said(number, new, total) for number, new in enumerate(work.news(count, total))]

    def append(self, items: Sequence[Any]) -> None:
        """By `save`."""
        self.application.save(Pending(items))

    load = append

    def read_all(self) -> int:
        """The log, each event made by the mapper."""
        made = map(self.application.mapper.to_domain_event, self._notifications())
        return sum(len(said.text) + len(said.evidence) for said in made)

    def read_stream(self, number: int, total: int) -> int:
        """By the event store's `get`."""
        found = self.application.events.get(originator(number, total))
        return sum(len(said.text) + len(said.evidence) for said in found)

    def _speakers(self) -> Iterator[tuple[str, str]]:
        for said in map(self.application.mapper.to_domain_event, self._notifications()):
            yield said.event_id, said.speaker


def _said(number: int, new: NewEvent, total: int) -> Statements.Said:
    made = new.event
    return Statements.Said(
        originator_id=originator(number, total),
        originator_version=work.version(number, total),
        timestamp=datetime.now(UTC),
        event_id=new.id,
        occurred=new.occurred.text,
        speaker=made.speaker,
        text=made.text,
        on_behalf_of=made.on_behalf_of,
        capacity=made.capacity,
        place=made.place,
        about=list(made.about),
        topics=list(made.topics),
        evidence=msgspec.to_builtins(new.evidence),
    )


def insert(cls: type[Recorder], url: str, stream: str, begin: float, until: float) -> int:
    """Append single events, as one of several writers; says how many."""
    with contextlib.closing(cls(url, AMONG_OTHERS)) as side:
        (item,) = side.prepare(1, 1)
        own = uuid.uuid5(uuid.NAMESPACE_OID, stream)

        def once(number: int) -> None:
            side.append([replace(item, originator_id=own, originator_version=number)])

        return contention.counted(once, begin, until)
