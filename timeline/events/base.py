"""What makes a class an event class, and how references between events are found."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, dataclass_transform, overload

import attrs
import msgspec

_Class = TypeVar("_Class", bound=type)

SLUG = r"\A[a-z0-9]+(-[a-z0-9]+)*\Z"
"""Ids of things: lower-case letters and digits, joined by single hyphens."""

ENVELOPE = frozenset({"id", "type", "stream", "occurred", "evidence"})
"""Names that stand beside an event's own fields in a record file, and so cannot be fields."""


@attrs.frozen
class EventType:
    """What the log needs to know of an event class.

    Attributes:
        name: the type as stored; it outlives renamings of the class.
        version: the version of the payload's shape, from 1.
        category: the first part of the stream's name, such as `meeting`; None where the caller
            names the stream.
        subject: the field that holds the rest of the stream's name; dots go into nested values.
        opens: whether the event brings its subject into being, so that others may refer to it.
        evidence: whether an event of this type must say where it comes from.
    """

    name: str
    version: int = 1
    category: str | None = None
    subject: str | None = None
    opens: bool = False
    evidence: bool = False


@attrs.frozen
class Ref:
    """Marks a field as the id of a thing that has a stream of its own."""

    category: str


ADDRESS = r"\Ahttps?://\S+\Z"
"""Addresses end up as links on pages, where a `javascript:` one would run."""

SHA256 = r"\A[0-9a-f]{64}\Z"

_MEANING = {
    SLUG: "an id of lower-case letters and digits joined by hyphens, such as joint-harbour",
    ADDRESS: "an address that begins with https:// or http://",
    SHA256: "64 hexadecimal digits in lower case",
}

LONGEST_ID = 200
"""Characters in the id of an event: a stream's name, which may be longer, can be made of it."""

# Titles are what schemas and the documentation call them.
_Slug = msgspec.Meta(pattern=SLUG, max_length=120)

ActorId = Annotated[str, _Slug, msgspec.Meta(title="id of an actor"), Ref("actor")]
SourceId = Annotated[str, _Slug, msgspec.Meta(title="id of a source"), Ref("source")]
ProposalId = Annotated[str, _Slug, msgspec.Meta(title="id of a proposal"), Ref("proposal")]
MeetingId = Annotated[str, _Slug, msgspec.Meta(title="id of a meeting"), Ref("meeting")]
StatementId = Annotated[str, _Slug, msgspec.Meta(title="id of a statement"), Ref("statement")]
PlanId = Annotated[str, _Slug, msgspec.Meta(title="id of a plan"), Ref("plan")]
Slug = Annotated[str, _Slug, msgspec.Meta(title="id")]
EventId = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=LONGEST_ID, title="id of an event"),
    Ref("event"),
]
EventIds = Annotated[tuple[EventId, ...], msgspec.Meta(min_length=1, max_length=1000)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
"""A passage in the recorder's own words; an article does not belong in a field."""


@overload
def event(cls: _Class) -> _Class: ...
@overload
def event(
    cls: None = None,
    *,
    name: str | None = None,
    version: int = 1,
    category: str | None = None,
    subject: str | None = None,
    opens: bool = False,
    evidence: bool = False,
) -> Callable[[_Class], _Class]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def event(cls: Any = None, **options: Any) -> Any:
    """Make a class an event class: frozen, by attrs, and known by a type name.

        @event
        class EmbargoImposed:
            by: str
            goods: tuple[str, ...] = ()

    The options are the fields of `EventType`; the name is the class's own unless given. Fields
    may be of any type that msgspec reads from JSON, `When` and `attrs` classes included.

    Raises:
        TypeError: a field has a name that the envelope uses, or the subject is no field.
    """

    def make(cls: type) -> type:
        made: Any = attrs.frozen(cls)
        taken = ENVELOPE & {field.name for field in attrs.fields(made)}
        if taken:
            raise TypeError(f"{cls.__name__}: the envelope has {sorted(taken)} already; rename")
        name = options.pop("name", None) or cls.__name__
        kind = EventType(name=name, **options)
        if kind.subject and kind.subject.split(".")[0] not in attrs.fields_dict(made):
            raise TypeError(f"{cls.__name__}: its subject {kind.subject!r} is none of its fields")
        made.__event_type__ = kind
        return typing.cast("type", made)

    return make if cls is None else make(cls)


def event_type(of: object) -> EventType:
    """The `EventType` of an event or an event class.

    Raises:
        TypeError: it was not made by `@event`.
    """
    found = getattr(of, "__event_type__", None)
    if not isinstance(found, EventType):
        name = of.__name__ if isinstance(of, type) else type(of).__name__
        raise TypeError(f"expected an event, of a class made by @event; found {name}")
    return found


def type_names(*classes: type) -> frozenset[str]:
    """The names that events of these classes are stored under."""
    return frozenset(event_type(cls).name for cls in classes)


def without_patterns(problem: str) -> str:
    """A message of msgspec's that says what is wanted in words, where it has a pattern."""
    for pattern, meaning in _MEANING.items():
        shown = pattern.replace("\\", "\\\\")
        problem = problem.replace(f"`str` matching regex '{shown}'", meaning)
    return problem


def value_at(value: object, path: str) -> Any:
    """The value at the end of a dotted path of attributes."""
    for name in path.split("."):
        value = getattr(value, name)
    return value


References = Iterator[tuple[str, str, str]]
"""Pairs of where and what: (path of the field, category, id)."""


def references(value: object, path: str = "") -> References:
    """Find every id in `value` that points to a thing with a stream of its own.

    Which fields hold ids is read off their types, so a class of one's own takes part by using
    `ActorId` and its like.
    """
    return _in_class(value, type(value), path)


def _in_class(value: object, cls: type, path: str) -> References:
    for name, hint in _reference_fields(cls):
        yield from _in_value(getattr(value, name), hint, f"{path}.{name}" if path else name)


def _in_value(value: Any, hint: Any, path: str) -> References:
    if value is None:
        return
    if isinstance(hint, Ref):
        yield path, hint.category, value
    elif isinstance(hint, list):
        for index, item in enumerate(value):
            yield from _in_value(item, hint[0], f"{path}[{index}]")
    else:
        yield from _in_class(value, hint, path)


@cache
def reference_paths(cls: type, category: str) -> tuple[tuple[str, ...], ...]:
    """Where events of a class name things of one category: by the attributes that lead there.

    On the way there may be tuples, of which each item has the attributes that follow.
    """
    return tuple(_paths_in(cls, category))


def _paths_in(shape: Any, category: str) -> Iterator[tuple[str, ...]]:
    if isinstance(shape, list):
        yield from _paths_in(shape[0], category)
    elif isinstance(shape, Ref):
        if shape.category == category:
            yield ()
    else:
        for name, inner in _reference_fields(shape):
            for path in _paths_in(inner, category):
                yield (name, *path)


def renamed(value: Any, category: str, names: Mapping[str, str]) -> tuple[Any, set[str]]:
    """`value` with other ids for things of one category; and which ids were replaced."""
    touched = {id for _, of, id in references(value) if of == category and id in names}
    return (_renamed(value, type(value), category, names) if touched else value), touched


def _renamed(value: Any, hint: Any, category: str, names: Mapping[str, str]) -> Any:
    if value is None:
        return None
    if isinstance(hint, Ref):
        return names.get(value, value) if hint.category == category else value
    if isinstance(hint, list):
        return tuple(_renamed(item, hint[0], category, names) for item in value)
    changes = {
        name: _renamed(getattr(value, name), inner, category, names)
        for name, inner in _reference_fields(hint)
    }
    return attrs.evolve(value, **changes)


_fields_of: dict[type, tuple[tuple[str, Any], ...]] = {}


def _reference_fields(cls: type) -> tuple[tuple[str, Any], ...]:
    # Types are inspected once a class: doing it for each event costs more than the append.
    if cls not in _fields_of:
        hints = typing.get_type_hints(cls, include_extras=True)
        named = [(field.name, _shape(hints[field.name])) for field in attrs.fields(cls)]
        _fields_of[cls] = tuple((name, shape) for name, shape in named if shape is not None)
    return _fields_of[cls]


def _shape(hint: Any) -> Any:
    """Reduce a type to where ids are in it: a Ref, [shape of the items], a class, or None."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        marks = [extra for extra in hint.__metadata__ if isinstance(extra, Ref)]
        return marks[0] if marks else _shape(hint.__origin__)
    if origin in (typing.Union, types.UnionType):
        shapes = [shape for shape in map(_shape, typing.get_args(hint)) if shape is not None]
        return shapes[0] if shapes else None
    if origin in (tuple, list):
        shape = _shape(typing.get_args(hint)[0])
        return None if shape is None else [shape]
    if isinstance(hint, type) and attrs.has(hint):
        return hint if _reference_fields(hint) else None
    return None
