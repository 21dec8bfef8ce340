"""Rows of read models: classes a projection keeps, found by key, in memory or in tables."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any, TypeVar, dataclass_transform

import attrs
import sqlalchemy as sa

from timeline.dates import When
from timeline.errors import InvalidProjection
from timeline.log.codec import decode_value, encode_value

R = TypeVar("R")
_Class = TypeVar("_Class", bound=type)


@attrs.frozen
class Subject:
    """Marks a field of a row class by which rows are found: it holds the id of something.

        @row("offices", key=("event",))
        class OfficeRow:
            event: str
            holder: Annotated[str, Subject("actor", "actor")]

    It is a promise, too: the rows that have a value here follow from the events that name that
    thing in these fields, whatever else is in the log. So it is for fields of the key, and for any
    field of rows that are made by one event each; not for a field that a later event may change.
    A view as of a moment then reads only those events, rows can be folded in parts by it (see
    `Projection.split_by`), and the table has an index.

    Of category `event` it is the event of that id itself, with those that name it if fields are
    given.

    Attributes:
        category: of the thing, as in the names of streams.
        fields: where in the events it is named, as dotted paths; anywhere, if none is given.
    """

    category: str
    fields: tuple[str, ...]

    def __init__(self, category: str, *fields: str) -> None:
        self.__attrs_init__(category, fields)  # type: ignore[attr-defined]  # made by attrs


OfEvent = Annotated[str, Subject("event")]
OfMeeting = Annotated[str, Subject("meeting", "meeting")]
OfPlan = Annotated[str, Subject("plan")]
OfProposal = Annotated[str, Subject("proposal")]


@attrs.frozen
class Shape:
    """How a row class is kept: the name of its view, its columns, and which of them are the key."""

    cls: type
    name: str
    key: tuple[str, ...]
    columns: tuple[_Column, ...]

    def column(self, name: str) -> _Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def table(self, version: int) -> sa.Table:
        """The table that holds the rows of that version of a projection."""
        columns = [
            sa.Column(
                column.name,
                column.sql,
                primary_key=column.name in self.key,
                nullable=column.nullable and column.name not in self.key,
                autoincrement=False,
            )
            for column in self.columns
        ]
        name = f"{self.name}_v{version}"
        indexes = [
            sa.Index(f"ix_{name}_{column.name}", column.name)
            for column in self.columns
            if column.subject is not None and column.name != self.key[0]
        ]
        return sa.Table(name, sa.MetaData(), *columns, *indexes)

    def store(self, row: Any) -> tuple[Any, ...]:
        """A row as its table stores it, in the order of the columns."""
        values = [getattr(row, column.name) for column in self.columns]
        for place, column in self._coded:
            values[place] = column.store(values[place])
        return tuple(values)

    @cached_property
    def _coded(self) -> list[tuple[int, _Column]]:
        """Those that are not stored as they are, and where they stand."""
        return [(place, each) for place, each in enumerate(self.columns) if not each.plain]

    @cached_property
    def _key_columns(self) -> tuple[_Column, ...]:
        return tuple(map(self.column, self.key))

    def store_key(self, key: tuple[Any, ...]) -> list[Any]:
        """A key as the table stores it."""
        return [c.store(part) for c, part in zip(self._key_columns, key, strict=True)]

    def load(self, stored: Iterable[Any]) -> Any:
        """The row that `store` made."""
        pairs = zip(self.columns, stored, strict=True)
        return self.cls(*(column.load(value) for column, value in pairs))


@attrs.frozen
class _Column:
    name: str
    kind: Any  # the Python type, for decoding
    sql: Any
    plain: bool  # stored as it is; everything else as canonical JSON, and When as its text
    nullable: bool
    subject: Subject | None

    def store(self, value: Any) -> Any:
        if value is None or self.plain:
            return value
        return value.text if self.kind is When else encode_value(value)

    def load(self, value: Any) -> Any:
        if value is None:
            return None
        if self.plain:
            return bool(value) if self.sql is sa.Boolean else value  # SQLite's are numbers
        return When(value) if self.kind is When else decode_value(value, self.kind)


_PLAIN: dict[Any, Any] = {
    str: sa.Text,
    int: sa.BigInteger,
    float: sa.Double,
    bool: sa.Boolean,
    bytes: sa.LargeBinary,
}


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def row(name: str, key: tuple[str, ...]) -> Callable[[_Class], _Class]:
    """Make a class a row class: frozen, by attrs, kept under `name`, found by its key fields.

    Fields of type str, int, float, bool, bytes and `When` become columns as they are; others, such
    as tuples, become JSON text.
    """

    def make(cls: _Class) -> _Class:
        made: Any = attrs.frozen(cls)
        made.__row__ = (name, key)
        return typing.cast("_Class", made)

    return make


_shapes: dict[type, Shape] = {}


def shape_of(cls: type) -> Shape:
    """The shape of a row class.

    Raises:
        InvalidProjection: it is no row class, or its key cannot be one.
    """
    if cls not in _shapes:
        marked = getattr(cls, "__row__", None)
        if marked is None:
            raise InvalidProjection(f"{cls.__name__} is no row class: put @row(name, key) on it")
        name, key = marked
        hints = typing.get_type_hints(cls, include_extras=True)
        columns = tuple(_column(field.name, hints[field.name]) for field in attrs.fields(cls))
        always = {column.name for column in columns if not column.nullable}
        if not key or not always.issuperset(key):
            raise InvalidProjection(
                f"{cls.__name__}: expected a key of fields that are never None; found {key}"
            )
        _shapes[cls] = Shape(cls, name, key, columns)
    return _shapes[cls]


def _column(name: str, hint: Any) -> _Column:
    nullable = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [part for part in typing.get_args(hint) if part is not type(None)]
        nullable = type(None) in typing.get_args(hint)
        hint = members[0] if len(members) == 1 else hint
    marks = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Subject)]
    plain = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    if typing.get_origin(plain) is typing.Literal:
        plain = str
    subject = marks[0] if marks else None
    return _Column(name, hint, _PLAIN.get(plain, sa.Text), plain in _PLAIN, nullable, subject)


def key_of(value: Any) -> tuple[Any, ...]:
    """The key of a row."""
    return tuple([getattr(value, name) for name in shape_of(type(value)).key])


def changed(value: R, **fields: Any) -> R:
    """The row with other values in these fields.

    >>> from timeline import Actor
    >>> changed(Actor("ann", "person", "Ann"), name="Ann Alder").name
    'Ann Alder'
    """
    return attrs.evolve(typing.cast("Any", value), **fields)  # type: ignore[no-any-return]


class Rows:
    """The rows a handler works on: found, put and deleted by key."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type, tuple[Any, ...]], Any] = {}

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        return typing.cast("R | None", self._rows.get((cls, key)))

    def put(self, value: Any) -> None:
        """Keep the row, in place of one with the same key."""
        self._rows[type(value), key_of(value)] = value

    def delete(self, cls: type, *key: Any) -> None:
        """Keep no row with that key."""
        self._rows.pop((cls, key), None)

    def __iter__(self) -> Iterator[Any]:
        """All rows held here, in no particular order."""
        return iter(self._rows.values())
