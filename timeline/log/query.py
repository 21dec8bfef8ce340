"""Which events are meant: for reading, for following, and for conditions of an append."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import attrs
import msgspec
import sqlalchemy as sa

from timeline.errors import InvalidInput
from timeline.events import RecordedEvent, encoding
from timeline.events.base import event_type
from timeline.log import database
from timeline.log.codec import Codec
from timeline.log.schema import events, meant, stored, types

_FEW_TYPES = 12
"""Types of events up to which they are read by their index, which finds rare ones at once."""

_MISSING = object()


def _names(given: Iterable[str | type] | None) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, str):
        raise InvalidInput(
            f"types: expected several names or classes; found the text {given!r:.80}"
        )
    return frozenset(one if isinstance(one, str) else event_type(one).name for one in given)


def _streams(given: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(given, str):
        raise InvalidInput(f"streams: expected several names; found the text {given!r:.80}")
    return None if given is None else tuple(sorted(set(given)))


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as it is read back."""
    plain: dict[str, Any] = msgspec.json.decode(encoding.written("metadata", dict(given)))
    return plain


@attrs.frozen
class Query:
    """The events that fit everything given; without anything, all events.

    >>> from timeline.events import ActorAdded
    >>> Query(types=[ActorAdded], category="actor").types
    frozenset({'ActorAdded'})

    Attributes:
        types: of these types, by name or by class.
        streams: of these streams.
        category: of streams `category-…`.
        prefix: of streams whose names begin so.
        metadata: with these values among their metadata.
    """

    types: frozenset[str] | None = attrs.field(default=None, converter=_names)
    streams: tuple[str, ...] | None = attrs.field(default=None, converter=_streams, kw_only=True)
    category: str | None = attrs.field(default=None, kw_only=True)
    prefix: str | None = attrs.field(default=None, kw_only=True)
    metadata: Mapping[str, Any] = attrs.field(factory=dict, converter=_plain, kw_only=True)

    def fits(self, event: RecordedEvent[Any]) -> bool:
        """Whether an event is of the types and has the metadata: what a database cannot tell.

        A class may have had another name when the event was stored.
        """
        if self.types is not None and event.type not in self.types:
            return False
        if not self.metadata:
            return True
        noted = event.metadata
        return all(noted.get(name, _MISSING) == value for name, value in self.metadata.items())

    def selecting(
        self, codec: Codec, engine: sa.Engine, *, backwards: bool = False, whole: bool = False
    ) -> Selecting:
        """The statement for a page of the rows among which the events are.

        With `whole`, rows have all columns, and not only those that an event is read from.
        """
        names = None if self.types is None else tuple(sorted(codec.stored_names(self.types)))
        begins = [self.prefix or "", f"{self.category}-" if self.category is not None else ""]
        parts = tuple(
            encoding.written("metadata", {name: value})[1:-1]
            for name, value in self.metadata.items()
        )
        shape = _Shape(
            names, self.streams is not None, tuple(filter(None, begins)), parts, backwards, whole
        )
        texts = None if self.streams is None else database.texts_of(self.streams, engine)
        return Selecting(_prepared(shape, postgresql=database.is_postgresql(engine)), texts)


class Selecting(NamedTuple):
    """A statement, and the names of streams that go with it."""

    statement: database.Prepared
    texts: Any

    def run(self, driver: Any, engine: sa.Engine, **values: Any) -> Any:
        """Run it; `after`, `until` and `limit` are to be given. Gives the driver's cursor."""
        given = values if self.texts is None else values | {"texts": self.texts}
        return self.statement.run(driver, engine, **given)


ALL = Query()
"""Every event."""


@attrs.frozen
class Unless:
    """A condition of an append: that no event fits a query after a position.

    Read what a decision rests on, decide, and append unless something has come since.

    Attributes:
        query: the events that the decision rests on.
        after: where the log ended when they were read.
    """

    query: Query
    after: int = 0


class _Shape(NamedTuple):
    types: tuple[str, ...] | None
    by_stream: bool
    begins: tuple[str, ...]
    parts: tuple[str, ...]
    backwards: bool
    whole: bool


@functools.lru_cache(maxsize=256)
def _prepared(shape: _Shape, *, postgresql: bool) -> database.Prepared:
    rows = stored if shape.whole else meant
    if shape.types is not None and len(shape.types) <= _FEW_TYPES:
        positions = _of_few_types(shape, shape.types, postgresql=postgresql)
        query = rows.where(events.c.position.in_(positions))
    else:
        query = rows.where(*_conditions(shape, events, postgresql=postgresql))
        if shape.types is not None:
            named = sa.select(types.c.id).where(types.c.name.in_(shape.types))
            # SQLite would look each type up in the index, and sort all the rest of the log for
            # each page; the sum keeps it to the order of positions.
            query = query.where(events.c.type.op("+", return_type=sa.Integer)(0).in_(named))
    return database.Prepared(_page(query, events, shape))


def _conditions(
    shape: _Shape, log: sa.FromClause, *, postgresql: bool
) -> Iterator[sa.ColumnElement[bool]]:
    """What all but the type must fit."""
    yield log.c.position > sa.bindparam("after", 0, sa.BigInteger)
    yield log.c.position <= sa.bindparam("until", 0, sa.BigInteger)
    if shape.by_stream:
        streams = database.given_texts(postgresql=postgresql)
        yield log.c.stream.in_(sa.select(streams.c.value))
    for begin in shape.begins:
        yield sa.func.substr(log.c.stream, 1, len(begin)) == begin
    for part in shape.parts:
        # Canonical JSON has it so; what only contains it, `fits` leaves out.
        place = sa.func.strpos if postgresql else sa.func.instr
        yield place(log.c.metadata, part) > 0


def _page(query: sa.Select[Any], log: sa.FromClause, shape: _Shape) -> sa.Select[Any]:
    order = log.c.position.desc() if shape.backwards else log.c.position
    return query.order_by(order).limit(sa.bindparam("limit", 0, sa.Integer))


def _of_few_types(shape: _Shape, names: tuple[str, ...], *, postgresql: bool) -> sa.Select[Any]:
    """The positions of a page: of each type as many as a page has, by the index of types.

    So rare types are found at once, and a page of frequent ones does not sort the rest of the log.
    """
    of_type = events.alias()
    query = sa.select(of_type.c.position).where(
        of_type.c.type == types.c.id, *_conditions(shape, of_type, postgresql=postgresql)
    )
    first: Any = _page(query, of_type, shape)
    if postgresql:
        first = first.lateral()
        several = types.join(first, sa.true())
    else:  # it knows no LATERAL
        positions, first = first.correlate(types), events.alias()
        several = types.join(first, (first.c.type == types.c.id) & first.c.position.in_(positions))
    query = sa.select(first.c.position).select_from(several).where(types.c.name.in_(names))
    return _page(query, first, shape)
