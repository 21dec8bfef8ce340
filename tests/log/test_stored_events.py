"""What was ever stored can be read: `fixtures/stored-events.jsonl` keeps an event of every shape.

Each line is an event as a database holds it: its type and version, its data and its evidence, both
the very text. Lines are only ever added. A class that has a new version, or a new field, needs a
line more, with every field filled; in `tests/`,

    python -c 'from test_stored_events import line; from timeline import *
    print(line(ProposalWithdrawn("ferry", by="westholm", text="Too dear."), [Evidence("gazette")]))'

prints one. The lines of a type that have fewer fields than its class are from before these came.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from timeline import Actor, Evidence, Timeline
from timeline.dates import stamp
from timeline.events import VOCABULARY, event_type, references
from timeline.log import append, database, digests
from timeline.log import schema as log_schema
from timeline.log.codec import Codec, Upcaster

FILE = Path(__file__).parents[2] / "fixtures/stored-events.jsonl"
CODEC = Codec()
CLASSES: dict[str, type] = {
    event_type(cls).name: cls for cls in VOCABULARY if not isinstance(cls, Upcaster)
}


@attrs.frozen
class Stored:
    """One line of the file."""

    type: str
    version: int
    data: str
    evidence: str

    @property
    def current(self) -> bool:
        """Whether the code would store it under the same version today."""
        cls = CLASSES.get(self.type)
        return cls is not None and event_type(cls).version == self.version

    def read(self) -> tuple[Any, ...]:
        return CODEC.decode(self.type, self.version, self.data)


def line(event: Any, evidence: Iterable[Evidence] = ()) -> str:
    """An event as a line of the file."""
    kind, data = CODEC.encode(event)
    stored = Stored(kind.name, kind.version, data, CODEC.encode_evidence(tuple(evidence)))
    return json.dumps(attrs.asdict(stored), ensure_ascii=False)


STORED = [Stored(**json.loads(each)) for each in FILE.read_text(encoding="utf-8").splitlines()]


def fields(value: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """Every field in a value as JSON has it, by its path, and whether anything is in it."""
    if isinstance(value, dict):
        for name, item in value.items():
            here = f"{path}.{name}" if path else name
            yield here, item not in (None, [])
            if here != "changes":  # holds fields of other events
                yield from fields(item, here)
    elif isinstance(value, list):
        for item in value:
            yield from fields(item, path)


def is_within(stored: Any, now: Any) -> bool:
    """Whether all that was stored is still said, whatever fields may have come since."""
    if isinstance(stored, dict) and isinstance(now, dict):
        return all(name in now and is_within(each, now[name]) for name, each in stored.items())
    if isinstance(stored, list) and isinstance(now, list):
        return len(stored) == len(now) and all(map(is_within, stored, now))
    return bool(stored == now)


def test_every_version_of_every_type_is_kept() -> None:
    released = {
        (name, version)
        for name, cls in CLASSES.items()
        for version in range(1, event_type(cls).version + 1)
    }
    released |= {(each.type, each.version) for each in VOCABULARY if isinstance(each, Upcaster)}

    missing = released - {(each.type, each.version) for each in STORED}
    assert not missing, f"{FILE.name} has none of {sorted(missing)}; see the top of this file"


@pytest.mark.parametrize("name", CLASSES)
def test_a_type_is_kept_with_all_the_fields_it_has_now(name: str) -> None:
    filled: dict[str, bool] = {}
    for each in STORED:
        if each.type == name and each.current:
            (event,) = each.read()
            if line(event, CODEC.decode_evidence(each.evidence)) == _as_line(each):
                for path, full in fields(json.loads(each.data)):
                    filled[path] = filled.get(path, False) or full

    assert filled, f"no line of {name} has the fields of its class; see the top of this file"
    empty = [path for path, full in filled.items() if not full]
    assert not empty, f"no line of {name} fills {empty}; see the top of this file"


def _as_line(stored: Stored) -> str:
    return json.dumps(attrs.asdict(stored), ensure_ascii=False)


@pytest.mark.parametrize("stored", STORED, ids=lambda each: f"{each.type}-{each.version}")
def test_what_was_stored_is_read_as_what_it_said(stored: Stored) -> None:
    for event in stored.read():
        assert type(event) in CLASSES.values()
        kind, data = CODEC.encode(event)
        if stored.current:
            assert (kind.name, kind.version) == (stored.type, stored.version)
            assert is_within(json.loads(stored.data), json.loads(data))
    evidence = CODEC.encode_evidence(CODEC.decode_evidence(stored.evidence))
    assert is_within(json.loads(stored.evidence), json.loads(evidence))


def test_evidence_is_kept_with_all_the_fields_it_has_now() -> None:
    filled: dict[str, bool] = {}
    for each in STORED:
        if CODEC.encode_evidence(CODEC.decode_evidence(each.evidence)) == each.evidence:
            for path, full in fields(json.loads(each.evidence)):
                filled[path] = filled.get(path, False) or full

    assert filled
    assert all(filled.values()), filled


def test_a_log_of_all_that_was_ever_stored_is_a_record(kept_url: str) -> None:
    """Reports are made of it, it verifies, and it can be added to."""
    said = [each for each in STORED if each.type == "StatementMade"]
    named = {
        id
        for each in STORED
        for event in each.read()
        for _, category, id in references(event)
        if category == "event"
    }
    log = dict.fromkeys(sorted(named), said[-1])
    log |= {f"line-{number}": each for number, each in enumerate(STORED, start=1)}
    with Timeline.open(kept_url) as timeline:
        with timeline.store.engine.begin() as connection:
            end = insert(connection, log)

        assert [event.id for event in timeline.log()] == list(log)
        assert timeline.verify() == end
        assert len(timeline.statements().statements) == len(said) + len(named) - 1
        assert timeline.initiative("ferry").stage.stage == "agreed"
        assert timeline.attendance().cell("eastholm", "spring-session").status == "attended"
        assert timeline.actors("レン").actors[0].actor == "wren"
        assert timeline.add(Actor("lock", "unnamed", "A lock")).position == len(log) + 1


def insert(connection: sa.Connection, log: dict[str, Stored]) -> digests.Head:
    """Put events into the log as if they had been there for long."""
    digest, rows = digests.GENESIS, []
    at = [stamp(datetime(2031, month, 20, tzinfo=UTC)) for month in (3, 4, 5)]
    for position, (id, each) in enumerate(log.items(), start=1):
        row = log_schema.Stored(
            position,
            id,
            f"{each.type}-{position}",
            1,
            each.type,
            each.version,
            "2031-03-20",
            *at,
            each.evidence,
            each.data,
            None,
            digests.new_salts(1)[0],
            None,
            b"",
        )
        digest = digests.event_digest(digest, row._asdict())
        rows.append(row._replace(digest=digest))
    append.insert(database.driver_of(connection), connection.engine, rows)
    return digests.Head(len(log), digest)
