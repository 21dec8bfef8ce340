"""What the store asks of the log's tables, prepared once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from timeline.log import database
from timeline.log.schema import Stored, events, head

_FEW_TYPES = 6
"""Types of events up to which their index is worth using: rare ones are then found at once."""

# A procedure that the first migration makes, and that says how it goes about it.
APPEND_ONE = b"""
    CALL timeline_append(
        %(expected)s, %(covered)s, %(event_id)s, %(stream)s, %(type)s, %(type_version)s,
        %(occurred)s, %(occurred_from)s, %(occurred_to)s, %(recorded_at)s, %(evidence)s, %(data)s,
        %(salt)s, NULL, NULL, NULL
    )
"""

# On SQLite the same takes these three, between BEGIN IMMEDIATE and COMMIT.
LOOK = database.Prepared(
    sa.select(
        head.c.position,
        head.c.digest,
        sa.select(sa.func.coalesce(sa.func.max(events.c.version), 0))
        .where(events.c.stream == sa.bindparam("stream"))
        .scalar_subquery(),
        sa.exists().where(events.c.event_id == sa.bindparam("event_id")),
    )
)
INSERT = database.Prepared(sa.insert(events))
MOVE_HEAD = database.Prepared(
    sa.update(head).values(position=sa.bindparam("position"), digest=sa.bindparam("digest"))
)

STREAM = database.Prepared(
    sa.select(events)
    .where(events.c.stream == sa.bindparam("stream"), events.c.version > sa.bindparam("after"))
    .order_by(events.c.version)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


def _versions(postgresql: bool) -> sa.Select[Any]:
    names = database.given_texts(postgresql=postgresql)
    # The last of each by itself: grouping would walk through all the events of all the streams.
    last = sa.select(sa.func.max(events.c.version)).where(events.c.stream == names.c.value)
    return sa.select(names.c.value, last.scalar_subquery())


def _by_id(postgresql: bool) -> sa.Select[Any]:
    ids = database.given_texts(postgresql=postgresql)
    return sa.select(events).where(events.c.event_id.in_(sa.select(ids.c.value)))


VERSIONS = database.Prepared(_versions)
_BY_ID = database.Prepared(_by_id)


@functools.lru_cache(maxsize=256)
def all_of(types: tuple[str, ...] | None, *, postgresql: bool) -> database.Prepared:
    """The next page of the log, or of the events stored under some names of types."""
    query = sa.select(events).where(
        events.c.position > sa.bindparam("after", 0, sa.BigInteger),
        events.c.position <= sa.bindparam("until", 0, sa.BigInteger),
    )
    if types is not None:
        # SQLite would find the events of many types by the index of types, and sort all that are
        # left for each page; the plus keeps it to the order of positions.
        many = len(types) > _FEW_TYPES and not postgresql
        column = sa.literal_column("+type", sa.Text) if many else events.c.type
        query = query.where(column.in_(types))
    at_most = sa.bindparam("limit", 0, sa.Integer)
    return database.Prepared(query.order_by(events.c.position).limit(at_most))


def rows_by_id(connection: sa.Connection, ids: Iterable[str]) -> Iterator[Stored]:
    """The rows of the events with these ids."""
    return map(Stored._make, by_texts(connection, _BY_ID, ids))


def by_texts(
    connection: sa.Connection, query: database.Prepared, texts: Iterable[str]
) -> list[tuple[Any, ...]]:
    """The rows that a query finds for these texts."""
    dialect = connection.dialect
    values = database.texts_of(dict.fromkeys(texts), dialect)
    with database.translated(connection.engine, connected=True):
        driver = database.driver_of(connection)
        return query.run(driver, dialect, texts=values).fetchall()  # type: ignore[no-any-return]
