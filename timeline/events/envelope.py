"""What surrounds an event: on its way into the log, and as the log gives it back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

import attrs
import msgspec

from timeline import dates
from timeline.dates import Occurred, When, when
from timeline.errors import InvalidEvent
from timeline.events.base import event_type, several, value_at
from timeline.events.evidence import Evidence

E_co = TypeVar("E_co", covariant=True)


def new_id() -> str:
    """An id for an event that the caller has no name for.

    >>> len({new_id(), new_id()})
    2
    """
    return str(uuid.uuid4())


def _occurred(value: Occurred) -> When | None:
    return when(value, "occurred")


def _evidence(value: Iterable[Evidence | Mapping[str, Any]]) -> tuple[Evidence, ...]:
    return several(Evidence, value)


def _metadata(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidEvent(f"metadata: expected values by name; found {value!r:.80}")
    return value


@attrs.frozen
class NewEvent:
    """An event to append.

    >>> from timeline import StatementMade
    >>> NewEvent(StatementMade("ann", "Agreed."), "said-1", occurred="2022-11").occurred
    When('2022-11')

    Attributes:
        event: the event, of a class made by `@event`.
        id: unique in the log. Keep it for the retry: the same id with the same content is appended
            once, however often it is tried.
        stream: the stream, where the class does not say by itself which one it belongs to.
        occurred: when it happened in the world; None where no source says.
        evidence: where it is known from.
        metadata: what to note with it beside that, as values of JSON by name: who recorded it
            (`recorded_by`), what caused it (`causation_id`), what it belongs to
            (`correlation_id`), and whatever the caller needs. It is no part of what a source says:
            an event appended again may bring other metadata, and that of the first time stands.
    """

    event: Any
    id: str = attrs.field(factory=new_id)
    stream: str | None = None
    occurred: When | None = attrs.field(default=None, converter=_occurred)
    evidence: tuple[Evidence, ...] = attrs.field(default=(), converter=_evidence)
    metadata: Mapping[str, Any] = attrs.field(factory=dict, converter=_metadata, hash=False)


@attrs.frozen(slots=False)  # made in half the time
class RecordedEvent(Generic[E_co]):
    """An event as the log holds it.

    Attributes:
        event: the event.
        id: its id, unique in the log.
        position: its place in the one global order, from 1, without gaps.
        stream: the stream it belongs to.
        version: its place in the stream, from 1, without gaps.
        type: the name of its type as stored.
        occurred: when it happened in the world, as far as is known.
        evidence: where it is known from.
        stamp: when we recorded it, as the log stores it; see `recorded_at`.
        digest: SHA-256 over this event and the digest before it.
        metadata_text: what was noted with it, as the log stores it; see `metadata`.
        amended_by: the ids of later events that corrected it. Empty as the log gives it; set by
            the engine of projections, which hands on events as corrected.
        withdrawn: why it was retracted, where it is an entry, an actor or a source, that others may
            name; set by the engine. Any other event that was retracted is not handed on.
    """

    event: E_co
    id: str
    position: int
    stream: str
    version: int
    type: str
    occurred: When | None
    evidence: tuple[Evidence, ...]
    stamp: int
    digest: bytes
    metadata_text: str | None = None
    amended_by: tuple[str, ...] = ()
    withdrawn: str | None = None

    @property
    def recorded(self) -> str:
        """When we recorded it, in UTC, as text that sorts as time does."""
        return dates.stamp_text(self.stamp)

    @property
    def recorded_at(self) -> dates.Instant:
        """When we recorded it, in UTC."""
        return dates.instant(self.recorded)

    @property
    def metadata(self) -> dict[str, Any]:
        """What was noted with it: who recorded it, with what, and what the caller added."""
        return {} if self.metadata_text is None else msgspec.json.decode(self.metadata_text)

    @property
    def basis(self) -> tuple[str, ...]:
        """The ids of all the events that stand behind what this one says now."""
        return (self.id, *self.amended_by)


def stream_name(new: NewEvent) -> str:
    """The stream of a new event: the one it names, else the one its class derives.

    Raises:
        InvalidEvent: neither names one.
    """
    name = derived_stream(new.event, new.id) if new.stream is None else new.stream
    if name is None:
        raise InvalidEvent(
            f"event {new.id!r}: {event_type(new.event).name} belongs to no stream by itself. "
            "Name one with stream=…"
        )
    return name


def derived_stream(event: object, id: str) -> str | None:
    """The stream that the class of an event derives; None where it does not."""
    kind = event_type(event)
    if kind.category is None:
        return None
    subject = value_at(event, kind.subject) if kind.subject else None
    # A thing without a name of its own, a statement say, has a stream named after its event.
    return f"{kind.category}-{subject or id}"


def in_stream(stream: str, item: Any) -> NewEvent:
    """An event, or a `NewEvent`, as a new event of that stream."""
    if not isinstance(item, NewEvent):
        return NewEvent(item, stream=stream)
    if item.stream == stream:
        return item
    # Not by attrs.evolve, which takes longer than all the rest of this.
    return NewEvent(item.event, item.id, stream, item.occurred, item.evidence, item.metadata)
