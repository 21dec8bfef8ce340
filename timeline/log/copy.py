"""Whole logs, row by row: out of one database and into another, with nothing made anew.

Ids, places, times, salts and digests stay as they are, so the copy has the seal of the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import sqlalchemy as sa

from timeline.errors import LogDamaged, LogsDiffer
from timeline.log import database
from timeline.log.append import BATCH, take_head
from timeline.log.batches import batched
from timeline.log.digests import Head
from timeline.log.queries import VERSIONS, by_texts, rows_by_id
from timeline.log.schema import Stored, events, head

_Row: TypeAlias = Mapping[str, Any] | sa.RowMapping


@attrs.frozen
class Restored:
    """What an import did.

    Attributes:
        added: how many events were new.
        head: where the log ends now.
        taken_down: how many events lost their words, since the imported log holds their takedown.
    """

    added: int
    head: Head
    taken_down: int


def stored_rows(connection: sa.Connection, *, until: int) -> Iterator[sa.RowMapping]:
    """The rows of the log as stored, in order, up to a position; a page at a time."""
    after = 0
    while after < until:
        within = events.c.position.between(after + 1, min(after + BATCH, until))
        query = sa.select(events).where(within).order_by(events.c.position)
        yield from connection.execute(query).mappings()
        after += BATCH


def restore(engine: sa.Engine, rows: Iterable[_Row]) -> Restored:
    """Write a whole log, whose rows were checked against their digests, or go on with one.

    What the log holds already must be what the rows begin with; only the rest is written. All of it
    is, or nothing. Whoever appends waits meanwhile.

    Args:
        engine: of a database that `upgrade` has prepared.
        rows: from the first position on, in order. What it raises takes back all that was written.

    Raises:
        LogsDiffer: the log holds other events.
        LogDamaged: an id or a version is taken twice; names the position.
        DatabaseError: the database could not do it; nothing was written.
    """
    words: list[_Row] = []  # tombstones of which we have the words still
    with database.writing(engine) as connection:
        at = start = take_head(connection)
        for batch in batched(rows, BATCH):
            words += _require_same(connection, [row for row in batch if _before(row, start)])
            fresh = [row for row in batch if not _before(row, start)]
            if fresh:
                _write(connection, fresh)
                at = Head(fresh[-1]["position"], fresh[-1]["digest"])
        if at != start:
            connection.execute(sa.update(head).values(position=at.position, digest=at.digest))
        for tombstone in words:
            _take_down(connection, tombstone)
    return Restored(at.position - start.position, at, len(words))


def _before(row: _Row, start: Head) -> bool:
    return bool(row["position"] <= start.position)


def _require_same(connection: sa.Connection, rows: Sequence[_Row]) -> list[_Row]:
    """Check that the log holds these; gives those whose words it has and they have not.

    The reverse is no difference either: words that were taken down here stay so.
    """
    if not rows:
        return []
    within = events.c.position.between(rows[0]["position"], rows[-1]["position"])
    query = sa.select(events.c.position, events.c.digest, events.c.data.is_not(None))
    stored = connection.execute(query.where(within))
    held = {position: (digest, words) for position, digest, words in stored}
    for row in rows:
        if held.get(row["position"], (b"",))[0] != row["digest"]:
            raise LogsDiffer(row["position"])
    return [row for row in rows if row["data"] is None and held[row["position"]][1]]


def _write(connection: sa.Connection, rows: Sequence[_Row]) -> None:
    _require_new(connection, rows)
    stored = [tuple([row[column] for column in Stored._fields]) for row in rows]
    database.insert_many(connection, events, stored)


def _require_new(connection: sa.Connection, rows: Sequence[_Row]) -> None:
    """Check ids and versions ourselves: the database's refusal would not name the position."""
    ids = {row.event_id for row in rows_by_id(connection, (row["event_id"] for row in rows))}
    versions = dict(by_texts(connection, VERSIONS, (row["stream"] for row in rows)))
    for row in rows:
        id, stream = row["event_id"], row["stream"]
        if id in ids:
            raise LogDamaged(row["position"], f"the id {id!r} is taken by an earlier event")
        ids.add(id)
        version = (versions[stream] or 0) + 1
        if row["version"] != version:
            problem = f"expected version {version} of {stream!r}; found {row['version']}"
            raise LogDamaged(row["position"], problem)
        versions[stream] = version


def _take_down(connection: sa.Connection, tombstone: _Row) -> None:
    gone = {"evidence": None, "data": None, "salt": None, "redacted": tombstone["redacted"]}
    mine = events.c.position == tombstone["position"]
    connection.execute(sa.update(events).where(mine).values(gone))
