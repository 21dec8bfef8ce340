"""Which ids an event names: read off the types of its fields, so classes of your own take part.

A field of type `ActorId` holds the id of an actor, a field `tuple[Attendance, ...]` the ids that
each attendance names, and so on to any depth. Nothing else in the package looks for ids.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import attrs

from timeline.events.base import Ref, event_type
from timeline.events.envelope import NewEvent, RecordedEvent

References = Iterator[tuple[str, str, str]]
"""Triples (path of the field, category, id): `("attendance[0].actor", "actor", "smith")`."""


def references(value: object, path: str = "", *, category: str | None = None) -> References:
    """The ids in an event, or in its evidence, that point to things with streams of their own.

    >>> from timeline import StatementMade
    >>> list(references(StatementMade("smith", "Agreed.", about=["joint-harbour"])))
    [('speaker', 'actor', 'smith'), ('about[0]', 'proposal', 'joint-harbour')]

    Args:
        value: an event, its evidence, or any value of an attrs class.
        path: where the value stands; the paths begin with it.
        category: only ids of this category.
    """
    for at, ref, id in _in_class(value, type(value), path, category):
        if ref.stream:
            yield at, ref.category, id


def references_with_evidence(event: NewEvent | RecordedEvent[Any]) -> References:
    """The `references` of an event and of its evidence."""
    yield from references(event.event)
    for number, evidence in enumerate(event.evidence):
        yield from references(evidence, f"evidence[{number}]")


def named(event: Any, *, category: str | None = None, cls: type | None = None) -> References:
    """All the ids in an event: of its subject first, then of what it refers to, series included.

    Args:
        event: an event; or its fields as plain JSON, which takes a fraction of the time to read.
        category: only ids of this category.
        cls: the class of the event, for plain JSON.
    """
    cls = cls or type(event)
    kind = event_type(cls)
    if kind.subject is not None and kind.category is not None and category in (None, kind.category):
        name, _, rest = kind.subject.partition(".")
        subject = _field(event, cls, name)
        for name in rest.split(".") if rest else ():
            subject = subject[name] if isinstance(subject, dict) else getattr(subject, name)
        if subject is not None:
            yield kind.subject, kind.category, subject
    for path, ref, id in _in_class(event, cls, "", category):
        if path != kind.subject or ref.category != kind.category:
            yield path, ref.category, id


def _field(value: Any, cls: type, name: str) -> Any:
    """A field of a value, or of plain JSON; where JSON lacks it, what the class takes instead."""
    if value.__class__ is not dict:
        return getattr(value, name)
    if name in value:
        return value[name]
    default: Any = getattr(attrs.fields(cls), name).default
    return default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]


_INDEX = re.compile(r"\[\d+\]")


def plain(path: str) -> str:
    """A path without the numbers of items.

    >>> plain("attendance[0].actor")
    'attendance.actor'
    """
    return _INDEX.sub("", path)


def renamed(value: Any, category: str, names: Mapping[str, str]) -> tuple[Any, set[str]]:
    """Replace ids of one category; gives the new value and the ids that were replaced."""
    replaced = {id for _, _, id in references(value, category=category) if id in names}
    return (_renamed(value, type(value), category, names) if replaced else value), replaced


def _renamed(value: Any, shape: _Shape, category: str, names: Mapping[str, str]) -> Any:
    if value is None:
        return None
    if isinstance(shape, Ref):
        return names.get(value, value)
    if isinstance(shape, list):
        return tuple(_renamed(item, shape[0], category, names) for item in value)
    changes = {
        name: _renamed(getattr(value, name), inner, category, names)
        for name, inner in fields_with_ids(shape, category)
    }
    return attrs.evolve(value, **changes)


_Shape: typing.TypeAlias = "Ref | list[_Shape] | type"
"""Where a type has ids: it is an id, a tuple of such types, or a class with such fields."""

_Found: typing.TypeAlias = Iterator[tuple[str, Ref, str]]


def _in_class(value: object, cls: type, path: str, category: str | None) -> _Found:
    for name, shape in fields_with_ids(cls, category):
        at = f"{path}.{name}" if path else name
        yield from _in_value(_field(value, cls, name), shape, at, category)


def _in_value(value: Any, shape: _Shape, path: str, category: str | None) -> _Found:
    if value is None:
        return
    if isinstance(shape, Ref):
        yield path, shape, value
    elif isinstance(shape, list):
        for index, item in enumerate(value):
            yield from _in_value(item, shape[0], f"{path}[{index}]", category)
    else:
        yield from _in_class(value, shape, path, category)


@cache
def fields_with_ids(cls: type, category: str | None = None) -> tuple[tuple[str, _Shape], ...]:
    """The fields of a class that hold ids, each with where in it they stand."""
    # Types are inspected once a class: doing it for each event costs more than the append.
    hints = typing.get_type_hints(cls, include_extras=True)
    shapes = [(field.name, _shape(hints[field.name], category)) for field in attrs.fields(cls)]
    return tuple((name, shape) for name, shape in shapes if shape is not None)


def _shape(hint: Any, category: str | None) -> _Shape | None:
    """Where a type has ids of a category; None where it has none."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        marks = [mark for mark in hint.__metadata__ if isinstance(mark, Ref)]
        if not marks:
            return _shape(hint.__origin__, category)
        return marks[0] if category in (None, marks[0].category) else None
    if origin in (typing.Union, types.UnionType):
        shapes = (_shape(kind, category) for kind in typing.get_args(hint))
        return next((shape for shape in shapes if shape is not None), None)
    if origin in (tuple, list):
        shape = _shape(typing.get_args(hint)[0], category)
        return None if shape is None else [shape]
    if isinstance(hint, type) and attrs.has(hint):
        return hint if fields_with_ids(hint, category) else None
    return None
