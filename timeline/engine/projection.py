"""What a projection is: a fold of the log into rows; and what a view of such rows is.

A projection is a class with handlers. A handler gets the rows and one event, and sees nothing else.
So the same handlers give the same rows wherever they run:

* kept: in tables of the database, with a checkpoint that moves in the same transaction;
* as of a moment: in memory, over the log cut off at that moment;
* in a test: see `timeline.testing`.

A handler gets each event *as amended*: corrected as the log corrects it, and not at all once it is
retracted. So no handler ever undoes anything.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    dataclass_transform,
    overload,
)

import attrs
import sqlalchemy as sa

from timeline.dates import When
from timeline.engine.cutoff import Cutoff
from timeline.engine.search import SEARCHED, Search
from timeline.errors import InvalidProjection
from timeline.events import RecordedEvent, event_type
from timeline.events.encoding import decode_value, encode_value
from timeline.log.database import PREFIX, SCHEMA
from timeline.log.digests import Head

R = TypeVar("R")
_Class = TypeVar("_Class", bound=type)
_Self = TypeVar("_Self")
_One = TypeVar("_One")
_Other = TypeVar("_Other")


def table_name(name: str, number: int) -> str:
    """The name of the table that holds these rows in the build of that number."""
    return f"{PREFIX}{name}_v{number}"


# Row classes


@attrs.frozen
class Subject:
    """Marks a field of a row class that holds an id, and by which rows are looked up.

        @row("offices", key=("event",))
        class OfficeRow:
            event: str
            holder: Annotated[str, Subject("actor", "actor")]

    The mark is a promise: the rows with a value here follow from the events that name that value in
    these fields, whatever else the log holds. Mark fields of the key, and fields of rows that one
    event makes; do not mark a field that a later event may change. In return a view as of a moment
    reads only those events, rows can be folded in parts (see `Projection.split_by`), and the table
    gets an index.

    For category `event` these are the event of that id, and the events that name it in the fields,
    if any are given.

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

Searched = Annotated[str, SEARCHED]
"""A field whose words are indexed, for `View.search`: words as compared, with a space between."""


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def row(name: str, key: tuple[str, ...]) -> Callable[[_Class], _Class]:
    """Make a class a row class: frozen, by attrs, kept under `name`, looked up by its key fields.

    Fields of type str, int, float, bool, bytes and `When` become columns as they are. Others, such
    as tuples, become JSON text.

    >>> @row("tariffs", key=("goods",))
    ... class Tariff:
    ...     goods: str
    ...     percent: int
    >>> Tariff("steel", 10)
    Tariff(goods='steel', percent=10)
    """

    def make(cls: _Class) -> _Class:
        made: Any = attrs.frozen(cls)
        made.__row__ = (name, key)
        return typing.cast("_Class", made)

    return make


@attrs.frozen
class Shape:
    """How a row class is stored: the name of its view, its columns, and which are the key."""

    cls: type
    name: str
    key: tuple[str, ...]
    columns: tuple[_Column, ...]

    def column(self, name: str) -> _Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def table(self, number: int) -> sa.Table:
        """The table that holds these rows in the build of that number."""
        columns = [
            sa.Column(
                column.name,
                column.sql,
                primary_key=column.name in self.key,
                nullable=column.nullable and column.name not in self.key,
                autoincrement=False,
                info={SEARCHED: True} if column.searched else None,
            )
            for column in self.columns
        ]
        name = table_name(self.name, number)
        indexes = [
            sa.Index(f"ix_{name}_{column.name}", column.name)
            for column in self.columns
            if column.subject is not None and column.name != self.key[0]
        ]
        return sa.Table(name, sa.MetaData(schema=SCHEMA), *columns, *indexes)

    def store(self, row: Any) -> tuple[Any, ...]:
        """A row as its table stores it, in the order of the columns."""
        values = [getattr(row, column.name) for column in self.columns]
        for place, column in self._coded:
            values[place] = column.store(values[place])
        return tuple(values)

    @functools.cached_property
    def _coded(self) -> list[tuple[int, _Column]]:
        """The columns that are not stored as they are, each with its place."""
        return [(place, column) for place, column in enumerate(self.columns) if not column.plain]

    @functools.cached_property
    def key_of(self) -> Callable[[Any], tuple[Any, ...]]:
        """Gives the key of a row."""
        get: Callable[[Any], Any] = operator.attrgetter(*self.key)
        return get if len(self.key) > 1 else lambda row: (get(row),)

    @functools.cached_property
    def _key_columns(self) -> tuple[_Column, ...]:
        return tuple(map(self.column, self.key))

    def store_key(self, key: tuple[Any, ...]) -> list[Any]:
        """A key as the table stores it."""
        return [c.store(part) for c, part in zip(self._key_columns, key, strict=True)]

    def load(self, stored: Iterable[Any]) -> Any:
        """The row that `store` stored."""
        pairs = zip(self.columns, stored, strict=True)
        return self.cls(*(column.load(value) for column, value in pairs))


@attrs.frozen
class _Column:
    name: str
    kind: Any  # the Python type, for decoding
    sql: Any
    plain: bool  # stored as it is; else When is stored as its text, and the rest as canonical JSON
    nullable: bool
    subject: Subject | None
    searched: bool

    def store(self, value: Any) -> Any:
        if value is None or self.plain:
            return value
        return value.text if self.kind is When else encode_value(value)

    def load(self, value: Any) -> Any:
        if value is None:
            return None
        if self.plain:
            return bool(value) if self.sql is sa.Boolean else value  # SQLite has numbers for them
        return When.stored(value) if self.kind is When else decode_value(value, self.kind)


_PLAIN: dict[Any, Any] = {
    str: sa.Text,
    int: sa.BigInteger,
    float: sa.Double,
    bool: sa.Boolean,
    bytes: sa.LargeBinary,
}

_shapes: dict[type, Shape] = {}


def shape_of(cls: type) -> Shape:
    """The shape of a row class.

    Raises:
        InvalidProjection: the class is not a row class, or its key may be None.
    """
    if cls not in _shapes:
        mark = getattr(cls, "__row__", None)
        if mark is None:
            raise InvalidProjection(f"{cls.__name__} is no row class: put @row(name, key) on it")
        name, key = mark
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
    metadata = getattr(hint, "__metadata__", ())
    marks = [mark for mark in metadata if isinstance(mark, Subject)]
    plain = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    if typing.get_origin(plain) is typing.Literal:
        plain = str
    subject = marks[0] if marks else None
    sql = _PLAIN.get(plain, sa.Text)
    return _Column(name, hint, sql, plain in _PLAIN, nullable, subject, SEARCHED in metadata)


def key_of(value: Any) -> tuple[Any, ...]:
    """The key of a row."""
    cls = type(value)
    return (_shapes.get(cls) or shape_of(cls)).key_of(value)


def changed(value: R, **fields: Any) -> R:
    """The row with other values in these fields.

    >>> from timeline import Actor
    >>> changed(Actor("ann", "person", "Ann"), name="Ann Alder").name
    'Ann Alder'
    """
    cls: Any = type(value)
    # As attrs.evolve does, which looks into the class again for each row.
    for name, argument in _arguments(cls):
        if argument not in fields:
            fields[argument] = getattr(value, name)
    made: R = cls(**fields)
    return made


@functools.cache
def _arguments(cls: Any) -> list[tuple[str, str]]:
    """The fields of a class that are given when a value is made, and as which argument."""
    return [(field.name, field.alias) for field in attrs.fields(cls) if field.init]


_OF_RECORDED = {"event": "id", "position": "position", "occurred": "occurred", "events": "basis"}
"""Fields of rows that say which event they are of, and what a recorded event calls the same."""


def row_of(cls: type[R], recorded: RecordedEvent[Any], said: Any = None, /, **given: Any) -> R:
    """A row of what an event says: fields that are not given are the event's of the same name.

        @on(PlanAnnounced)
        def announced(self, rows, recorded):
            rows.put(row_of(PlanRow, recorded, plan=recorded.event.plan.lower()))

    The fields `event`, `position`, `occurred` and `events` are the event's id, its place in the
    log, its date, and the ids of it and its amendments.

    Args:
        cls: the class of the row.
        recorded: the event.
        said: where the other fields are, if not in the event itself: a part of it.
        given: the fields that are called otherwise there, or are not there.
    """
    said = recorded.event if said is None else said
    kind: Any = cls
    of_recorded, of_said = _copied(kind, tuple(given))
    for name in of_recorded:
        given[name] = getattr(recorded, _OF_RECORDED[name])
    for name in of_said:
        given[name] = getattr(said, name)
    made: R = kind(**given)
    return made


@functools.cache
def _copied(cls: Any, given: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The fields that are left to be copied: of the recorded event, and of what it says."""
    left = [field.name for field in attrs.fields(cls) if field.name not in given]
    return [n for n in left if n in _OF_RECORDED], [n for n in left if n not in _OF_RECORDED]


class Rows:
    """The rows a handler works on: get, put and delete them by key."""

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
        """All rows in memory, in no particular order."""
        return iter(self._rows.values())


# Projections


_Handler = Callable[[_Self, "Rows", RecordedEvent[_One]], None]


@overload
def on(event: type[_One], /) -> Callable[[_Handler[_Self, _One]], _Handler[_Self, _One]]: ...
@overload
def on(
    one: type[_One], other: type[_Other], /
) -> Callable[[_Handler[_Self, _One | _Other]], _Handler[_Self, _One | _Other]]: ...
@overload
def on(*events: type) -> Callable[[_Handler[_Self, Any]], _Handler[_Self, Any]]: ...
def on(*events: type) -> Callable[[_Handler[_Self, Any]], _Handler[_Self, Any]]:
    """Mark a method as the handler of these event classes.

    Type checkers hold a handler of one or two classes to them.
    """

    def mark(handler: _Handler[_Self, Any]) -> _Handler[_Self, Any]:
        handler.__handles__ = events  # type: ignore[attr-defined]  # a mark the engine reads
        return handler

    return mark


class Projection:
    """The base of projections: a fold of the log into rows.

        class Speakers(Projection):
            name, version, rows = "speakers", 1, (SpeakerRow,)

            @on(StatementMade)
            def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None: ...

    Attributes:
        name: names its checkpoint.
        rows: its row classes; a row class belongs to one projection only.
        version: tells which of two states of the code is newer. The engine notices by itself that
            code or rows have changed, and folds the rows again. But code of a lower version never
            takes the plain names from code of a higher one.
        mode: `inline` rows move with every append of a `Timeline` that knows the projection, in the
            transaction of the events. `background` rows move when `timeline run` is at work, or
            when somebody asks for a report.
        raw: get events as recorded instead of as amended, all but those that were taken down. Such
            rows say what the log holds, not what is so; new amendments leave them as they are.
        split_by: a field of its rows, marked with a `Subject`, by which several workers can fold
            them in parts. `position` needs no mark where it is that of the one event that made the
            row. None where the rows do not split.
        shared: event classes that every part needs. Rows without the field `split_by` are made from
            these alone.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    mode: ClassVar[Literal["background", "inline"]] = "background"
    raw: ClassVar[bool] = False
    split_by: ClassVar[str | None] = None
    shared: ClassVar[tuple[type, ...]] = ()
    rows: ClassVar[tuple[type, ...]]
    _handlers: ClassVar[dict[str, str]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._handlers = {
            event_type(event).name: name
            for base in reversed(cls.__mro__)
            for name, member in vars(base).items()
            for event in getattr(member, "__handles__", ())
        }

    @property
    def types(self) -> frozenset[str]:
        """The names of the event types it has handlers for."""
        return frozenset(self._handlers)

    @functools.cached_property
    def _bound(self) -> Mapping[str, Callable[[Rows, RecordedEvent[Any]], None]]:
        return {type: getattr(self, name) for type, name in self._handlers.items()}

    def handle(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Run the handler for the event's type, if there is one.

        An error gets a note with the projection, the position and the event.
        """
        handler = self._bound.get(recorded.type)
        if handler is None:
            return
        try:
            handler(rows, recorded)
        except Exception as error:
            error.add_note(
                f"in projection {self.name!r}, at position {recorded.position}: {recorded.type} "
                f"{recorded.id!r}"
            )
            raise


# Views


class View(Protocol):
    """The read models as they stand at one position of the log; what reports are made from."""

    @property
    def head(self) -> Head:
        """The position, and the digest of the log there."""

    @property
    def cutoff(self) -> Cutoff:
        """What is in view."""

    @property
    def today(self) -> When:
        """The moment the view shows; plans are open or overdue by it.

        It is the cutoff's `occurred` or `published`, whichever is earlier. Without them it is the
        time of the last recording, so that a report made again at a position is the same.
        """

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head that were taken down after it."""

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, read together; keys without a row are left out.

        For classes whose key is one text, such as the id of an event.
        """

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""

    def search(
        self, cls: type[R], sought: Mapping[str, Search], limit: int | None = None
    ) -> tuple[list[R], int]:
        """The rows of a class that have these words, by column, and how many there are.

        The rows with the highest keys come first; at most `limit` of them are read.
        """

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
