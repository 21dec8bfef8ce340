"""Digests and `verify`: what a stranger computes is what is stored, and every change shows."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from strategies import RECORDED, TEXTS, WHENS, examples

from timeline import Timeline
from timeline.dates import stamp, stamp_text
from timeline.errors import DatabaseError, InvalidInput, LogDamaged
from timeline.events import EventRedacted, Evidence, Link, NewEvent, event
from timeline.log import database, digests
from timeline.log.database import create_engine
from timeline.log.digests import Head
from timeline.log.redact import redact
from timeline.log.schema import events
from timeline.log.store import EventStore

ENVELOPE = [
    "position",
    "version",
    "event_id",
    "stream",
    "type",
    "type_version",
    "occurred",
    "occurred_from",
    "occurred_to",
    "recorded_at",
]


def stranger(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The digest as the documentation of `timeline.log.digests` describes it, and nothing more."""
    body = row["salt"] + row["evidence"].encode() + b"\0" + row["data"].encode()
    if row["metadata"] is not None:
        body += b"\0" + row["metadata"].encode()
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


def raw_rows(store: EventStore, table: str = "log") -> list[dict[str, Any]]:
    """The rows of the view for everybody, or of a table."""
    with store.engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY position"))
        return [dict(row) for row in found.mappings()]


TABLE = "timeline_events"


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
_BOUNDS = st.none() | RECORDED.map(stamp)
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
    "recorded_at": RECORDED.map(stamp),
    "evidence": TEXTS,
    "data": TEXTS,
    "metadata": st.none() | TEXTS,
    "salt": st.binary(min_size=16, max_size=16),
}
ROWS = st.fixed_dictionaries(COLUMNS)
DIGESTS = st.binary(min_size=32, max_size=32)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the view for everybody has it, with times as text."""
    times = {name: row[name] for name in ("occurred_from", "occurred_to", "recorded_at")}
    return row | {name: None if at is None else stamp_text(at) for name, at in times.items()}


@given(DIGESTS, ROWS)
def test_the_stranger_and_the_store_agree_on_any_row(previous: bytes, row: dict[str, Any]) -> None:
    assert digests.event_digest(previous, row) == stranger(previous, shown(row))


@pytest.mark.parametrize("column", COLUMNS)
@examples(12, 300)
@given(data=st.data())
def test_another_value_in_a_column_is_another_digest(column: str, data: st.DataObject) -> None:
    row = data.draw(ROWS)
    other = row | {column: data.draw(COLUMNS[column].filter(lambda value: value != row[column]))}

    assert stranger(bytes(32), shown(row)) != stranger(bytes(32), shown(other))
    assert digests.event_digest(bytes(32), row) != digests.event_digest(bytes(32), other)


@pytest.mark.parametrize("column", ["occurred", "metadata"])
@given(row=ROWS)
def test_nothing_and_empty_text_differ(column: str, row: dict[str, Any]) -> None:
    nothing, empty = row | {column: None}, row | {column: ""}

    assert digests.event_digest(bytes(32), nothing) != digests.event_digest(bytes(32), empty)


@given(ROWS)
def test_a_value_moved_to_the_next_column_is_another_digest(row: dict[str, Any]) -> None:
    here, there = row | {"occurred": "2022", "type": ""}, row | {"occurred": "", "type": "2022"}

    assert digests.event_digest(bytes(32), here) != digests.event_digest(bytes(32), there)


@given(DIGESTS, DIGESTS, ROWS)
def test_another_past_is_another_digest(one: bytes, other: bytes, row: dict[str, Any]) -> None:
    assert (digests.event_digest(one, row) == digests.event_digest(other, row)) == (one == other)


@given(ROWS)
def test_a_body_taken_down_leaves_the_digest_as_it_was(row: dict[str, Any]) -> None:
    words = [row[name] for name in ("evidence", "data", "metadata")]
    body = digests.body_digest(row["salt"], *words)
    gone = dict.fromkeys(["salt", "evidence", "data", "metadata"]) | {"redacted": body}

    assert digests.event_digest(bytes(32), row | gone) == stranger(bytes(32), shown(row))


# Verifying


@pytest.fixture
def log(store: EventStore) -> EventStore:
    """Eight events: the fourth has lost its words, as the seventh says."""
    fill(store)
    redact(store, raw_rows(store)[3]["event_id"], "asked to")
    store.append("note-a", [NewEvent(Noted("after"), occurred="2023", evidence=[Evidence("p")])])
    return store


def verify(store: EventStore, **options: Any) -> Head:
    with database.reading(store.engine) as connection:
        return digests.verify(connection, **options)


def damage(store: EventStore, **options: Any) -> int:
    """The position that `verify` names."""
    with pytest.raises(LogDamaged) as found:
        verify(store, **options)
    assert f"position {found.value.position}:" in str(found.value)
    assert found.value.problem in str(found.value)
    return found.value.position


NULLABLE = {
    "timeline_events": ["event_id", "stream", "version", "type", "recorded_at", "digest"],
    "timeline_head": ["position", "digest"],
}


def disarm(store: EventStore) -> None:
    """Take all that guards the tables away, as whoever owns them can."""
    if store.engine.dialect.name == "postgresql":
        with store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE timeline_events DISABLE TRIGGER USER")
            for check in ("position", "version", "body", "salt"):
                connection.exec_driver_sql(
                    f"ALTER TABLE timeline_events DROP CONSTRAINT ck_timeline_events_{check}"
                )
            connection.exec_driver_sql(
                "ALTER TABLE timeline_head DROP CONSTRAINT ck_timeline_head_single"
            )
            for table, columns in NULLABLE.items():
                for column in columns:
                    connection.exec_driver_sql(
                        f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"
                    )
        return
    store.engine.dispose()
    with contextlib.closing(sqlite3.connect(str(store.engine.url.database))) as connection:
        for name in ("update", "delete", "insert"):
            connection.execute(f"DROP TRIGGER timeline_keep_{name}")
        connection.execute("PRAGMA writable_schema = ON")
        checks = (
            "position > 0",
            "version > 0",
            "(data IS NULL) = (redacted IS NOT NULL)",
            "salt IS NULL OR length(salt) = 16",
        )
        for old, new in [
            *((f"CHECK ({check})", "CHECK (1)") for check in checks),
            ("NOT NULL", ""),
        ]:
            connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = 'timeline_events'",
                (old, new),
            )
        connection.commit()


@pytest.fixture
def disarmed(log: EventStore) -> EventStore:
    """The log without its guards; still sound."""
    disarm(log)
    assert verify(log).position == 8
    return log


def change(store: EventStore, statement: str, **values: Any) -> None:
    with store.engine.begin() as connection:
        assert connection.execute(sa.text(statement), values).rowcount > 0


def change_head(store: EventStore, statement: str, **values: Any) -> None:
    """The same to the row of the head; SQLite has none, and its log ends with the last row."""
    if store.engine.dialect.name == "postgresql":
        change(store, statement, **values)


def others(value: Any, *, loose: bool) -> list[Any]:
    """Values to put in another's place: near it, empty and, where types are loose, of others."""
    if value is None:
        return ["2022", ""] if not loose else ["2022", "", 0, b"2022"]
    if isinstance(value, int):
        return [value + 40, -value, None, *([str(value).encode(), value + 0.5] if loose else [])]
    near: list[Any] = [value[:-1] + value[-1:].swapcase(), value + value[:1], value[:-1], None]
    if isinstance(value, bytes):
        near[0] = value[:-1] + bytes([value[-1] ^ 1])
        return [*near, bytes(len(value)), *(["x" * len(value), len(value)] if loose else [])]
    return [*near, value.replace("2", "3"), "", *([value.encode()] if loose else [])]


EVENTS_COLUMNS = [column.name for column in events.columns]
BYTES = ("salt", "redacted", "digest")


@pytest.mark.parametrize("column", EVENTS_COLUMNS)
def test_a_change_of_any_column_of_any_row_is_found_there(
    disarmed: EventStore, column: str
) -> None:
    loose = disarmed.engine.dialect.name == "sqlite"
    by = "event_id" if column == "position" else "position"
    update = f"UPDATE timeline_events SET {column} = :new WHERE {by} = :by"
    tried = 0
    for row in raw_rows(disarmed, TABLE):
        old = row[column]
        candidates = others(old, loose=loose)
        if old is None and column in BYTES:
            candidates = [bytes(16), bytes(32), b""]
        if old is None and column in ("occurred_from", "occurred_to"):
            candidates = [0, 1_669_593_600_000_000]
        for new in candidates:
            if new == old or (new is None and column == "position"):
                continue
            if column == "position" and not isinstance(new, int):
                continue  # a key of whole numbers holds nothing else
            change(disarmed, update, new=new, by=row[by])
            first = 1 if column == "position" and new < 0 else row["position"]
            assert damage(disarmed) == first, f"{old!r:.60} became {new!r:.60}"
            change(disarmed, update, new=old, by=row[by])
            tried += 1

    assert tried >= 8
    assert verify(disarmed).position == 8


@pytest.mark.parametrize("position", [1, 3, 7])
def test_a_removed_row_is_missed_at_its_place(disarmed: EventStore, position: int) -> None:
    change(disarmed, "DELETE FROM timeline_events WHERE position = :at", at=position)

    assert damage(disarmed) == position


@pytest.mark.parametrize("position", [1, 3, 7])
def test_a_removed_row_is_missed_though_the_others_close_up(
    disarmed: EventStore, position: int
) -> None:
    change(disarmed, "DELETE FROM timeline_events WHERE position = :at", at=position)
    move = "UPDATE timeline_events SET position = position + :by WHERE position > :at"
    change(disarmed, move, by=1000, at=position)
    change(disarmed, move, by=-1001, at=position)
    change_head(disarmed, "UPDATE timeline_head SET position = 7")

    assert damage(disarmed) == position


@pytest.mark.parametrize("position", [1, 5, 9])
def test_an_added_row_is_found_at_its_place(disarmed: EventStore, position: int) -> None:
    if position < 9:
        move = "UPDATE timeline_events SET position = position + :by WHERE position >= :at"
        change(disarmed, move, by=1000, at=position)
        change(disarmed, move, by=-999, at=position)
    row = raw_rows(disarmed, TABLE)[-1] | {"event_id": "forged", "stream": "forged", "version": 1}
    change(
        disarmed,
        f"INSERT INTO {TABLE} ({', '.join(row)}) VALUES ({', '.join(map(':{}'.format, row))})",
        **(row | {"position": position}),
    )

    assert damage(disarmed) == position


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_row_added_behind_the_head_is_found_though_its_digest_fits(disarmed: EventStore) -> None:
    last = list(disarmed.stored())[-1]
    forged = {"position": 9, "event_id": "forged", "version": last.version + 1}
    digest = digests.event_digest(last.digest, last._asdict() | forged)
    row = raw_rows(disarmed, TABLE)[-1] | forged | {"digest": digest}
    change(
        disarmed,
        f"INSERT INTO {TABLE} ({', '.join(row)}) VALUES ({', '.join(map(':{}'.format, row))})",
        **row,
    )

    assert damage(disarmed) == 9


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 6), (4, 5), (7, 8)])
def test_two_swapped_rows_are_found_at_the_first(
    disarmed: EventStore, one: int, other: int
) -> None:
    move = "UPDATE timeline_events SET position = :to WHERE position = :at"
    for at, to in [(one, 99), (other, one), (99, other)]:
        change(disarmed, move, at=at, to=to)

    assert damage(disarmed) == one


def test_two_swapped_bodies_are_found_at_the_first(disarmed: EventStore) -> None:
    rows = raw_rows(disarmed)
    for at, other in [(2, 6), (6, 2)]:
        body = {name: rows[other - 1][name] for name in ("salt", "evidence", "data")}
        change(
            disarmed,
            "UPDATE timeline_events SET salt = :salt, evidence = :evidence, data = :data"
            " WHERE position = :at",
            at=at,
            **body,
        )

    assert damage(disarmed) == 2


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("UPDATE timeline_head SET position = position + 1", 9),
        ("UPDATE timeline_head SET position = position - 1", 8),
        ("UPDATE timeline_head SET position = -1", 0),
        ("UPDATE timeline_head SET position = NULL", 9),
        (
            f"UPDATE timeline_head SET digest = (SELECT digest FROM {TABLE} WHERE position = 7)",
            8,
        ),
        ("UPDATE timeline_head SET digest = NULL", 8),
        ("DELETE FROM timeline_head", 9),
        ("INSERT INTO timeline_head SELECT 2, position, digest, 0 FROM timeline_head", 9),
    ],
)
def test_a_changed_head_is_found(disarmed: EventStore, statement: str, position: int) -> None:
    change(disarmed, statement)

    # What no event is to blame for may be told of either side of the end.
    assert damage(disarmed) in {position, 8, 9}


@pytest.mark.parametrize(("at", "named"), [("3", {3}), ("4", {4}), ("8", {8}), ("NULL", {1, 9})])
def test_a_row_added_where_one_stands_is_found(
    disarmed: EventStore, monkeypatch: pytest.MonkeyPatch, at: str, named: set[int]
) -> None:
    """Without the key of the table there may be several at one position, or one at none."""
    monkeypatch.setattr(digests, "_PAGE", 4)
    columns = ", ".join(column.name for column in events.columns if column.name != "position")
    with disarmed.engine.begin() as connection:
        if disarmed.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
        connection.exec_driver_sql("CREATE TABLE loose AS SELECT * FROM timeline_events")
        cascade = " CASCADE" if disarmed.engine.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TABLE timeline_events{cascade}")
        connection.exec_driver_sql("ALTER TABLE loose RENAME TO timeline_events")
    assert verify(disarmed).position == 8

    change(
        disarmed,
        f"INSERT INTO {TABLE} (position, {columns}) SELECT {at}, {columns} FROM {TABLE} "
        "WHERE position = 4",
    )

    assert damage(disarmed) in named


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_log_without_its_head_says_so_to_everyone(log: EventStore) -> None:
    with log.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM timeline_head")

    for attempt in (
        log.head,
        lambda: log.append("a", [Noted("one")]),
        lambda: log.append("a", [Noted("one"), Noted("two")]),
        lambda: next(log.follow(after=8)),
        lambda: Timeline(log).seal(),
        lambda: Timeline(log).statements(),
    ):
        with pytest.raises(DatabaseError, match="row of `timeline_head` is gone"):
            attempt()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_text_that_cannot_be_decoded_is_found(disarmed: EventStore) -> None:
    change(disarmed, "UPDATE timeline_events SET data = CAST(x'ff' AS TEXT) WHERE position = 3")

    assert damage(disarmed) == 3


def test_the_first_of_several_events_that_lost_their_words_is_named(disarmed: EventStore) -> None:
    for row in raw_rows(disarmed):
        if row["position"] in (3, 5):
            change(
                disarmed,
                f"UPDATE {TABLE} SET data = NULL, evidence = NULL, salt = NULL, redacted = :body"
                " WHERE position = :at",
                body=digests.body_digest(row["salt"], row["evidence"], row["data"]),
                at=row["position"],
            )

    assert damage(disarmed) == 3


def test_a_tail_cut_off_with_care_shows_only_against_a_seal(disarmed: EventStore) -> None:
    seal = verify(disarmed)
    older = disarmed.head_at(3)
    change(disarmed, "DELETE FROM timeline_events WHERE position > 7")
    change_head(
        disarmed,
        f"UPDATE timeline_head SET position = 7,"
        f" digest = (SELECT digest FROM {TABLE} WHERE position = 7)",
    )

    assert verify(disarmed).position == verify(disarmed, seal=older).position == 7
    assert damage(disarmed, seal=seal) == 8


def test_a_history_written_anew_shows_only_against_a_seal(disarmed: EventStore) -> None:
    """Whoever can write digests can compute them, too."""
    seals = [disarmed.head_at(position) for position in range(9)]
    digest = seals[4].digest
    for stored in list(disarmed.stored())[4:]:
        row = stored._asdict() | {"recorded_at": 978_307_200_000_000}
        digest = digests.event_digest(digest, row)
        change(
            disarmed,
            f"UPDATE {TABLE} SET recorded_at = :recorded, digest = :new WHERE position = :at",
            new=digest,
            recorded=row["recorded_at"],
            at=row["position"],
        )
    change_head(disarmed, "UPDATE timeline_head SET digest = :digest", digest=digest)

    assert verify(disarmed) == verify(disarmed, seal=seals[4]) == Head(8, digest)
    assert [damage(disarmed, seal=seals[position]) for position in (5, 8)] == [5, 8]


def blank(store: EventStore, position: int) -> None:
    row = raw_rows(store)[position - 1]
    change(
        store,
        "UPDATE timeline_events SET salt = NULL, evidence = NULL, data = NULL, redacted = :body"
        " WHERE position = :at",
        body=digests.body_digest(row["salt"], row["evidence"], row["data"]),
        at=position,
    )


@pytest.mark.parametrize("position", [1, 5, 8])
def test_words_removed_without_a_takedown_are_missed(disarmed: EventStore, position: int) -> None:
    blank(disarmed, position)

    assert damage(disarmed) == position


def test_words_removed_under_the_takedown_of_another_are_missed(disarmed: EventStore) -> None:
    disarmed.append("redaction-first", [EventRedacted("someone-else", "a pretext")])
    blank(disarmed, 1)

    assert damage(disarmed) == 1


def test_a_removed_takedown_is_missed(disarmed: EventStore) -> None:
    """The words are the last thing to be found missing, so a cut is told first."""
    change(disarmed, "DELETE FROM timeline_events WHERE position > 6")
    change_head(
        disarmed,
        f"UPDATE timeline_head SET position = 6,"
        f" digest = (SELECT digest FROM {TABLE} WHERE position = 6)",
    )

    assert damage(disarmed) == 4


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_damaged_index_is_found(log: EventStore) -> None:
    log.engine.dispose()
    path = Path(str(log.engine.url.database))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [size] = connection.execute("PRAGMA page_size").fetchone()
        [page] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_timeline_events_2'"
        ).fetchone()
    content = bytearray(path.read_bytes())
    at = content.index(b"note-a", (page - 1) * size, page * size)
    content[at : at + 4] = b"nota"
    path.write_bytes(content)

    assert damage(log) == 9


# Sound logs, and seals


def test_an_empty_log_is_sound(store: EventStore) -> None:
    nothing = Head(0, bytes(32))

    assert verify(store) == verify(store, seal=nothing) == nothing


def test_a_sound_log_is_sound_against_every_seal_it_had(log: EventStore) -> None:
    assert {verify(log, seal=log.head_at(position)) for position in range(9)} == {log.head()}


def test_the_seal_of_another_log_does_not_fit(log: EventStore) -> None:
    assert damage(log, seal=Head(9, bytes(32))) == 9
    assert damage(log, seal=Head(10**30, bytes(32))) == 9
    assert damage(log, seal=Head(3, bytes(32))) == 3
    assert damage(log, seal=Head(8, log.head_at(7).digest)) == 8


def test_a_seal_of_nothing_that_no_log_ever_had_does_not_fit(store: EventStore) -> None:
    with pytest.raises(LogDamaged):
        verify(store, seal=Head(0, b"\1" * 32))


def test_verifying_sees_one_state_while_others_append(log: EventStore) -> None:
    with database.reading(log.engine) as connection:
        before = log.head(connection)
        log.append("note-a", [Noted("meanwhile")])

        assert digests.verify(connection) == before
    assert verify(log).position == before.position + 1


def progress_of(store: EventStore) -> list[tuple[int, int]]:
    """What `verify` reports as its progress: the position reached, and the last."""
    calls: list[tuple[int, int]] = []
    verify(store, progress=lambda *call: calls.append(call))
    return calls


def test_progress_comes_every_so_many_events(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_EVERY", 10)
    store.append("note-a", [Noted("")] * 21)

    assert progress_of(store) == [(0, 21), (10, 21), (20, 21)]


def test_a_short_log_reports_its_beginning_alone(store: EventStore) -> None:
    store.append("note-a", [Noted("")] * 5)

    assert progress_of(store) == [(0, 5)]


def test_a_seal_comes_back_as_it_was(log: EventStore) -> None:
    with_text = Timeline(log).seal()

    assert Head.of_seal(with_text) == Head.of_seal(f" {with_text}\n") == log.head()
    assert with_text == f"8:{log.head().digest.hex()}"
    assert Timeline(log).verify(seal=with_text) == log.head()


@pytest.mark.parametrize(
    "seal",
    [
        "",
        "8",
        "8:",
        ":" + "ab" * 32,
        "-1:" + "ab" * 32,
        "eight:" + "ab" * 32,
        "8:" + "ab" * 31,
        "8:" + "ab" * 33,
        "8:" + "xy" * 32,
        "8 " + "ab" * 32,
        "8:9:" + "ab" * 32,
        "9" * 10_000 + ":" + "ab" * 32,
    ],
    ids=lambda seal: seal[:9],
)
def test_what_is_no_seal_is_refused(store: EventStore, seal: str) -> None:
    with pytest.raises(InvalidInput, match="POSITION:DIGEST") as refused:
        Timeline(store).verify(seal=seal)

    assert len(str(refused.value)) < 300
