"""Digests: what a stranger computes from the raw rows is what the log stores."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import RECORDED, TEXTS, WHENS

from timeline import integrity
from timeline.clock import instant_text
from timeline.database import create_engine
from timeline.events import Evidence, Link, NewEvent, event
from timeline.store import EventStore, Head

ENVELOPE = [
    "position",
    "event_id",
    "stream",
    "version",
    "type",
    "type_version",
    "occurred",
    "occurred_from",
    "occurred_to",
    "recorded_at",
]


def stranger(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The digest as the documentation of `timeline.integrity` describes it, and nothing more."""
    body = row["salt"] + row["evidence"].encode() + b"\0" + row["data"].encode()
    message = previous
    for column in ENVELOPE:
        message += b"\0"
        if row[column] is not None:
            message += b"=" + str(row[column]).encode()
    return hashlib.sha256(message + hashlib.sha256(body).digest()).digest()


@event
class Noted:
    text: str
    topics: tuple[str, ...] = ()


@pytest.fixture
def store(migrated_url: str) -> Iterator[EventStore]:
    engine = create_engine(migrated_url)
    yield EventStore(engine, [Noted])
    engine.dispose()


def raw_rows(store: EventStore) -> list[dict[str, Any]]:
    with store.engine.connect() as connection:
        found = connection.execute(sa.text("SELECT * FROM events ORDER BY position"))
        rows = [dict(row) for row in found.mappings()]
    for row in rows:
        row["salt"], row["digest"] = bytes(row["salt"]), bytes(row["digest"])
    return rows


def fill(store: EventStore) -> None:
    chain = [Link("agency", "quoted", said="2022-11-29"), Link("speaker")]
    store.append(
        "note-a",
        [
            NewEvent(Noted("plain"), id="first"),
            NewEvent(Noted("Газовый союз 🔥 \N{COMBINING ACUTE ACCENT}"), occurred="2022-11~"),
            NewEvent(Noted("=\n\t'\""), occurred="XXXX-12-26", evidence=[Evidence("paper")]),
        ],
    )
    store.append("заметка b", [Noted("x" * 100_000), Noted("", ("a", "b"))])
    store.append(
        "note-a",
        [
            NewEvent(
                Noted("last"),
                occurred="2022-12-26/..",
                evidence=[Evidence("paper", "§ 3", "«цитата»", chain), Evidence("other")],
            )
        ],
    )


def test_a_stranger_recomputes_every_digest(store: EventStore) -> None:
    fill(store)
    digest = bytes(32)

    for row in raw_rows(store):
        digest = stranger(digest, row)
        assert row["digest"] == digest, f"at position {row['position']}"

    assert store.head() == Head(6, digest)


def test_the_digests_read_are_the_digests_stored(store: EventStore) -> None:
    fill(store)

    assert [each.digest for each in store.read_all()] == [row["digest"] for row in raw_rows(store)]


def test_an_empty_log_has_the_digest_of_the_beginning(store: EventStore) -> None:
    assert store.head() == store.head_at(0) == Head(0, bytes(32))


def test_a_repeated_append_leaves_the_digest_as_it_was(store: EventStore) -> None:
    new = NewEvent(Noted("once"), id="first")
    store.append("note-a", [new])
    before = store.head()

    store.append("note-a", [new])

    assert store.head() == before


def test_equal_events_have_digests_of_their_own(store: EventStore) -> None:
    store.append("note-a", [Noted("same"), Noted("same")])

    first, second = raw_rows(store)
    assert first["data"] == second["data"]
    assert first["salt"] != second["salt"]
    assert first["digest"] != second["digest"]


def test_a_field_of_text_cannot_pass_for_another_column(store: EventStore) -> None:
    """A NUL byte parts the columns under the digest, so none may stand in a column itself."""
    fill(store)

    columns = [value for row in raw_rows(store) for value in row.values() if isinstance(value, str)]

    assert columns
    assert not any("\0" in value for value in columns)


_NUMBERS = st.integers(1, 2**63 - 1)
_BOUNDS = st.none() | RECORDED.map(instant_text)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "position": _NUMBERS,
    "event_id": TEXTS,
    "stream": TEXTS,
    "version": _NUMBERS,
    "type": TEXTS,
    "type_version": _NUMBERS,
    "occurred": st.none() | WHENS.map(str),
    "occurred_from": _BOUNDS,
    "occurred_to": _BOUNDS,
    "recorded_at": RECORDED.map(instant_text),
    "evidence": TEXTS,
    "data": TEXTS,
    "salt": st.binary(min_size=16, max_size=16),
}
ROWS = st.fixed_dictionaries(COLUMNS)
DIGESTS = st.binary(min_size=32, max_size=32)


@given(DIGESTS, ROWS)
def test_the_stranger_and_the_store_agree_on_any_row(previous: bytes, row: dict[str, Any]) -> None:
    assert integrity.event_digest(previous, row) == stranger(previous, row)


@pytest.mark.parametrize("column", COLUMNS)
@settings(max_examples=30)
@given(data=st.data())
def test_another_value_in_a_column_is_another_digest(column: str, data: st.DataObject) -> None:
    row = data.draw(ROWS)
    other = row | {column: data.draw(COLUMNS[column].filter(lambda value: value != row[column]))}

    for digest in (stranger, integrity.event_digest):
        assert digest(bytes(32), row) != digest(bytes(32), other)


@pytest.mark.parametrize("column", ["occurred", "occurred_from", "occurred_to"])
@given(row=ROWS)
def test_nothing_and_empty_text_differ(column: str, row: dict[str, Any]) -> None:
    nothing, empty = row | {column: None}, row | {column: ""}

    assert integrity.event_digest(bytes(32), nothing) != integrity.event_digest(bytes(32), empty)


@given(ROWS)
def test_a_value_moved_to_the_next_column_is_another_digest(row: dict[str, Any]) -> None:
    here, there = row | {"occurred": "2022", "type": ""}, row | {"occurred": "", "type": "2022"}

    assert integrity.event_digest(bytes(32), here) != integrity.event_digest(bytes(32), there)


@given(DIGESTS, DIGESTS, ROWS)
def test_another_past_is_another_digest(one: bytes, other: bytes, row: dict[str, Any]) -> None:
    assert (integrity.event_digest(one, row) == integrity.event_digest(other, row)) == (
        one == other
    )


@given(ROWS)
def test_a_body_taken_down_leaves_the_digest_as_it_was(row: dict[str, Any]) -> None:
    body = integrity.body_digest(row["salt"], row["evidence"], row["data"])
    gone = dict.fromkeys(["salt", "evidence", "data"]) | {"redacted": body}

    assert integrity.event_digest(bytes(32), row | gone) == stranger(bytes(32), row)
