"""What makes a class an event class, and the types of its ids."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform, overload

import attrs
import msgspec

from timeline.errors import InvalidEvent
from timeline.events.encoding import SLUG, checked_when_made, require_storable

_Class = TypeVar("_Class", bound=type)

ENVELOPE = frozenset({"id", "type", "stream", "occurred", "evidence"})
"""Names beside an event's own fields in a record file; they cannot be fields."""


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
    """Marks a type as the id of a thing.

    Attributes:
        category: what kind of thing, such as `actor`.
        stream: whether the thing has a stream of its own, and must be recorded to be named.
    """

    category: str
    stream: bool = True


LONGEST_ID = 200
"""Characters in the id of an event. A stream may be named after it, and has room for more."""

# Schemas and the documentation use the titles.
_Slug = msgspec.Meta(pattern=SLUG, max_length=120)

ActorId = Annotated[str, _Slug, msgspec.Meta(title="id of an actor"), Ref("actor")]
"""The id of an actor: a field of this type must name one that is recorded."""
SourceId = Annotated[str, _Slug, msgspec.Meta(title="id of a source"), Ref("source")]
"""The id of a source: a field of this type must name one that is recorded."""
ProposalId = Annotated[str, _Slug, msgspec.Meta(title="id of a proposal"), Ref("proposal")]
"""The id of a proposal: a field of this type must name one that is recorded."""
MeetingId = Annotated[str, _Slug, msgspec.Meta(title="id of a meeting"), Ref("meeting")]
"""The id of a meeting: a field of this type must name one that is recorded."""
StatementId = Annotated[str, _Slug, msgspec.Meta(title="id of a statement"), Ref("statement")]
DocumentId = Annotated[str, _Slug, msgspec.Meta(title="id of a document"), Ref("document")]
"""The id of a document: a field of this type must name one that is recorded."""
PlanId = Annotated[str, _Slug, msgspec.Meta(title="id of a plan"), Ref("plan")]
"""The id of a plan: a field of this type must name one that is recorded."""
Slug = Annotated[str, _Slug, msgspec.Meta(title="id")]
SeriesId = Annotated[Slug, Ref("series", stream=False)]
EventId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=LONGEST_ID, title="id of an event"), Ref("event")
]
EventIds = Annotated[tuple[EventId, ...], msgspec.Meta(min_length=1, max_length=1000)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
"""A passage in the recorder's own words, not a whole article."""


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

    The options are the fields of `EventType`; the name is that of the class unless you give one.
    Fields may have any type that msgspec reads from JSON, `When` and `attrs` classes included.
    An event whose fields do not fit is refused when it is made, with `InvalidEvent`.

    Raises:
        TypeError: a field has a name of the envelope or a type that the log cannot hold, or the
            subject is no field.
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
        if not cls.__module__.startswith("timeline."):  # a test looks at ours: they load fast
            require_storable(made)
        return typing.cast("type", checked_when_made(made))

    return make if cls is None else make(cls)


def event_type(of: object) -> EventType:
    """The `EventType` of an event or an event class.

    >>> from timeline import StatementMade
    >>> event_type(StatementMade).category
    'statement'

    Raises:
        TypeError: the class was not made by `@event`.
    """
    kind = getattr(of, "__event_type__", None)
    if not isinstance(kind, EventType):
        name = of.__name__ if isinstance(of, type) else type(of).__name__
        raise TypeError(f"expected an event, of a class made by @event; found {name}")
    return kind


def type_names(*classes: type) -> frozenset[str]:
    """The names that events of these classes are stored under.

    >>> from timeline import StatementMade
    >>> type_names(StatementMade)
    frozenset({'StatementMade'})
    """
    return frozenset(event_type(cls).name for cls in classes)


def value_at(value: object, path: str) -> Any:
    """The value at the end of a dotted path of attributes.

    >>> from timeline.events import Actor, ActorAdded
    >>> value_at(ActorAdded(Actor("ann", "person", "Ann")), "actor.name")
    'Ann'
    """
    for name in path.split("."):
        value = getattr(value, name)
    return value


_Item = TypeVar("_Item")


def several(cls: type[_Item], values: Iterable[_Item | Mapping[str, Any]]) -> tuple[_Item, ...]:
    """A tuple of values of a class; a mapping with its fields becomes one.

    Raises:
        InvalidEvent: something is neither, or has other fields; the message names the class.
    """
    if type(values) is tuple and {cls}.issuperset(map(type, values)):
        return values  # as nearly always
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise InvalidEvent(f"expected a list of {cls.__name__}; found {values!r:.80}")
    return tuple(made(cls, value) for value in values)


def made(cls: type[_Item], value: _Item | Mapping[str, Any]) -> _Item:
    """A value of the class, made from a mapping with its fields where it is none yet.

    Raises:
        InvalidEvent: it is neither, or has other fields; the message names the class.
    """
    if isinstance(value, cls):
        return value
    fields = [field.name for field in attrs.fields(typing.cast("Any", cls))]
    article = "an" if cls.__name__[0] in "AEIOU" else "a"
    wanted = f"expected {article} {cls.__name__}, or a mapping of {', '.join(fields)}"
    if not isinstance(value, Mapping):
        raise InvalidEvent(f"{wanted}; found {value!r:.80}")
    if unknown := sorted(map(str, value.keys() - set(fields))):
        raise InvalidEvent(f"{wanted}; found the key {unknown[0]!r}")
    try:
        return cls(**value)
    except TypeError as error:
        raise InvalidEvent(f"{wanted}: {error}") from None
