"""Between events and the bytes the log stores: typed classes out, old versions brought up to date.

All that reads the log decodes here. `timeline.events.encoding` has how an event is written.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs
import msgspec

from timeline.dates import When, decode_time, encode_time, when
from timeline.errors import InvalidEvent, UnknownEventType
from timeline.events import (
    VOCABULARY,
    EventType,
    Evidence,
    NewEvent,
    Obsolete,
    RecordedEvent,
    Redacted,
    StreamClosed,
    encoding,
    event_type,
)
from timeline.events.corrections import evidence_after
from timeline.events.encoding import readable, stays_as_made
from timeline.events.evidence import spelled_out
from timeline.log.schema import Stored

_decode_evidence: Callable[[str], tuple[Evidence, ...]] = functools.lru_cache(maxsize=1024)(
    encoding.decoder(tuple[Evidence, ...]).decode
)
"""Many events rest on one passage, and evidence never changes: equal texts share it."""

_UNFIT = (msgspec.MsgspecError, ValueError, TypeError)
"""What a decoder or an upcaster raises for data that does not fit."""

Envelope = TypeVar("Envelope", bound=NewEvent | RecordedEvent[Any])

_BESIDE = ("occurred", "evidence")
"""What a correction may change beside an event's own fields."""

# Upcasters: payloads of old versions into current ones, when they are read

Payload = dict[str, Any]
"""The fields of an event, as plain JSON."""

Target = tuple[str, int]
"""A type name and a version."""


@attrs.frozen
class Upcaster:
    """Turns the payloads of one type and version into newer ones; made by `@upcaster`.

    Attributes:
        type: the type name under which they are stored.
        version: their version.
        to: the types and versions that they become.
        apply: the function.
    """

    type: str
    version: int
    to: tuple[Target, ...]
    apply: Callable[[Payload], Any] = attrs.field(eq=False)


_NEXT: Any = object()


def upcaster(
    type: str, version: int, *, to: Target | Iterable[Target] | None = _NEXT
) -> Callable[[Callable[[Payload], Any]], Upcaster]:
    """Make a function an upcaster: it takes a stored payload and gives the newer one.

        @upcaster("TariffImposed", 1)
        def in_percent(data):
            return {**data, "percent": data.pop("rate") * 100}

    Pass it to `Timeline.open(…, events=[…])` beside the event classes. By default it gives the next
    version of the same type. The stored event keeps its id, position, dates and digest.

    Args:
        type: the name under which the events are stored.
        version: the version it takes.
        to: another `(type, version)` where the type was renamed; None to skip such events; or
            several, and the function then gives any number of pairs of type name and payload.
    """
    if to is _NEXT:
        targets: tuple[Target, ...] = ((type, version + 1),)
    elif to is None:
        targets = ()
    else:
        given = tuple(to)
        targets = (given,) if isinstance(given[0], str) else given  # type: ignore[assignment]

    def make(function: Callable[[Payload], Any]) -> Upcaster:
        return Upcaster(type, version, targets, function)

    return make


class Upcasting:
    """The chains of upcasters from what may be stored to the current classes.

    Args:
        upcasters: all of them.
        current: the current version of each type, by name.

    Raises:
        ValueError: a chain has a gap or a circle, or two upcasters take the same payloads.
    """

    def __init__(self, upcasters: Iterable[Upcaster], current: Mapping[str, int]) -> None:
        self._current = current
        self._steps: dict[Target, Upcaster] = {}
        for step in upcasters:
            key = (step.type, step.version)
            if key in self._steps:
                raise ValueError(f"two upcasters claim {_named(key)}")
            self._steps[key] = step
        for name, version in current.items():
            for old in range(1, version):
                self._follow((name, old), ())
        for key in self._steps:
            if current.get(key[0]) == key[1]:
                raise ValueError(f"{_named(key)} is current: there is nothing to upcast it to")
            self._follow(key, ())

    def _follow(self, key: Target, before: tuple[Target, ...]) -> Iterable[str]:
        """The current types that a stored one may become."""
        if self._current.get(key[0]) == key[1]:
            return {key[0]}
        if key in before:
            raise ValueError(f"the upcasters of {_named(key)} lead in a circle")
        if key not in self._steps:
            known = self._current.get(key[0])
            now = "no such type is known" if known is None else f"the current version is {known}"
            raise ValueError(
                f"no upcaster takes {_named(key)}, and {now}: add @upcaster({key[0]!r}, {key[1]})"
            )
        ends = (self._follow(target, (*before, key)) for target in self._steps[key].to)
        return {name for names in ends for name in names}

    def knows(self, type: str, version: int) -> bool:
        """Whether a chain begins with that type and version."""
        return (type, version) in self._steps

    def names(self, types: Iterable[str]) -> set[str]:
        """The names under which events of these current types may be stored."""
        wanted = set(types)
        before = {key[0] for key in self._steps if wanted.intersection(self._follow(key, ()))}
        return wanted | before

    def leading_to(self, types: Iterable[str]) -> list[Upcaster]:
        """The steps of the chains that may end in these current types."""
        wanted = set(types)
        return [
            step for key, step in self._steps.items() if wanted.intersection(self._follow(key, ()))
        ]

    def apply(self, type: str, version: int, data: Payload) -> Iterator[tuple[str, Payload]]:
        """What a stored payload becomes: pairs of current type name and payload.

        Raises:
            ValueError, TypeError: an upcaster failed, or gave what it does not declare.
        """
        step = self._steps.get((type, version))
        if step is None:
            yield type, data
            return
        for target, made in _outcome(step, data):
            yield from self.apply(*target, made)


def _outcome(step: Upcaster, data: Payload) -> list[tuple[Target, Payload]]:
    try:
        made = step.apply(data)
        if len(step.to) > 1:
            versions = dict(step.to)
            outcome = [((name, versions[name]), payload) for name, payload in made]
        else:
            outcome = [(target, made) for target in step.to]
    except Exception as error:
        # It may be your code: the message must say which upcaster failed.
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"the upcaster of {_named((step.type, step.version))}: {problem}"
        ) from error
    for target, payload in outcome:
        if not isinstance(payload, dict):
            raise TypeError(
                f"the upcaster of {_named((step.type, step.version))}: expected the fields of "
                f"{_named(target)} as a dict; found {payload!r:.80}"
            )
    return outcome


def _named(key: Target) -> str:
    return f"{key[0]} version {key[1]}"


# Events


class Codec:
    """Reads and writes the events of one store: it knows their classes by type name and version.

    Args:
        known: your own event classes and upcasters, beside those of the package.

    Attributes:
        known: the same.
        versions: the current version of each type, by name.
        upcasts: whether events may be of other types than they were stored as.
        decoders: what makes an event of its data, by type and current version.

    Raises:
        TypeError: a class was not made by `@event`, or has a field that JSON cannot hold.
        ValueError: two classes claim one type name, or a chain of upcasters has a gap.
    """

    def __init__(self, known: Iterable[type | Upcaster] = ()) -> None:
        self.decoders: dict[Target, Callable[[str], Any]] = {}
        self._classes: dict[str, type] = {}
        self._writers: dict[type, tuple[EventType, Callable[[Any], str]]] = {}
        self.known = tuple(known)
        given = (*VOCABULARY, StreamClosed, *self.known)
        for item in given:
            if not isinstance(item, Upcaster):
                self._register(item)
        self.versions = {name: event_type(cls).version for name, cls in self._classes.items()}
        upcasters = [item for item in given if isinstance(item, Upcaster)]
        self.upcasts = bool(upcasters)
        self._upcasting = Upcasting(upcasters, self.versions)

    def _register(self, cls: type) -> None:
        kind = event_type(cls)
        known = self._classes.get(kind.name)
        if known is not None and known is not cls:
            raise ValueError(f"two classes claim the event type {kind.name!r}: {known} and {cls}")
        self._classes[kind.name] = cls
        self.decoders[kind.name, kind.version] = encoding.decoder(cls).decode

    @property
    def classes(self) -> tuple[type, ...]:
        """The classes of events that report something, those of the package first."""
        # A stream is closed by `close_stream` alone.
        return tuple(cls for cls in self._classes.values() if cls is not StreamClosed)

    def class_named(self, name: str) -> type:
        """The class of an event type.

        Raises:
            UnknownEventType: no class of that name is known.
        """
        if name not in self._classes:
            close = difflib.get_close_matches(name, self._classes, n=1)
            guess = f"did you mean {close[0]}? The" if close else "the"
            known = ", ".join(sorted(self._classes))
            raise UnknownEventType(name, 1, None, f"{guess} known types are {known}.")
        return self._classes[name]

    def encode(self, event: object) -> tuple[EventType, str]:
        """The type and the canonical JSON of an event.

        What can change after it is made, such as a list, is read back to be sure that it can be;
        all else was, when it was made.

        Raises:
            InvalidEvent: a field does not fit the class; the message names it.
            UnknownEventType: the class is not known to this codec.
        """
        kind, write = self._writers.get(type(event)) or self._writer(event)
        return kind, write(event)

    def _writer(self, event: Any) -> tuple[EventType, Callable[[Any], str]]:
        """How events of the class of this one are written."""
        try:
            kind = event_type(event)
        except TypeError as error:
            raise InvalidEvent(f"{error}") from None
        cls = type(event)
        if isinstance(event, type):
            name = event.__name__
            raise InvalidEvent(f"expected an event; found {name}, a class made by @event")
        if self._classes.get(kind.name) is not cls:
            known = f"the class {cls.__qualname__} is not known to this store."
            raise UnknownEventType(kind.name, kind.version, None, known)
        written = functools.partial(encoding.written, kind.name)
        self._writers[cls] = kind, written if stays_as_made(cls) else encoding.checked
        return self._writers[cls]

    def knows(self, type: str, version: int) -> bool:
        """Whether events of that type and version can be read."""
        return (type, version) in self.decoders or self._upcasting.knows(type, version)

    def decode(
        self, type: str, version: int, data: str, position: int | None = None
    ) -> tuple[Any, ...]:
        """The event that `encode` stored; upcasters may make none or several of it.

        Raises:
            UnknownEventType: no class and no upcaster is known for that type and version.
            InvalidEvent: the data does not fit the class, or an upcaster failed.
        """
        decode = self.decoders.get((type, version))
        try:
            if decode is not None:
                return (decode(data),)
            if self._upcasting.knows(type, version):
                payload = msgspec.json.decode(data)
                return tuple(self._upcast(type, version, payload))
        except _UNFIT as error:
            place = "" if position is None else f" at position {position}"
            raise InvalidEvent(f"{type} version {version}{place}: {readable(error)}") from error
        raise UnknownEventType(type, version, position, self._what_is_known(type))

    def _upcast(self, type: str, version: int, payload: dict[str, Any]) -> Iterator[Any]:
        for name, current in self._upcasting.apply(type, version, payload):
            yield msgspec.convert(current, self._classes[name], dec_hook=decode_time)

    def stored_names(self, types: Iterable[str]) -> set[str]:
        """The names under which events of these types may be stored: former ones included."""
        return self._upcasting.names(types)

    def upcasters_of(self, types: Iterable[str]) -> list[Upcaster]:
        """The upcasters by which stored events may become ones of these types."""
        return self._upcasting.leading_to(types)

    def _what_is_known(self, type: str) -> str:
        versions = sorted(version for name, version in self.decoders if name == type)
        return (
            f"this code knows version {versions[-1]} of it." if versions else "no class is known."
        )

    def encode_evidence(self, evidence: tuple[Evidence, ...]) -> str:
        """Canonical JSON of an event's evidence.

        Raises:
            InvalidEvent: JSON cannot hold it.
        """
        return encoding.written("evidence", evidence) if evidence else "[]"

    def encode_metadata(self, metadata: Mapping[str, Any]) -> str | None:
        """Canonical JSON of what is noted with an event; None where that is nothing.

        Raises:
            InvalidEvent: JSON cannot hold it.
        """
        return encoding.written("metadata", metadata) if metadata else None

    def decode_evidence(self, data: str) -> tuple[Evidence, ...]:
        """The evidence that `encode_evidence` stored."""
        return _decode_evidence(data)

    def corrected(self, event: Envelope, changes: dict[str, Any]) -> Envelope:
        """The event with `changes` laid over its fields, and over its date and its evidence.

        Raises:
            InvalidEvent: the changes name no field of the event, or do not fit it.
        """
        kind = event_type(event.event)
        fields = {key: value for key, value in changes.items() if key not in _BESIDE}
        occurred = (
            when(changes["occurred"], "occurred") if "occurred" in changes else event.occurred
        )
        current = msgspec.to_builtins(event.event, enc_hook=encode_time)
        unknown = sorted(fields.keys() - current.keys())
        if unknown:
            raise InvalidEvent(f"{kind.name} has no field {unknown[0]!r} that could be corrected")
        try:
            body = msgspec.convert(
                current | fields, type(event.event), dec_hook=decode_time, strict=False
            )
        except msgspec.ValidationError as error:
            raise InvalidEvent(
                f"{kind.name}: {readable(error, type(event.event), current | fields)}"
            ) from None
        kept = msgspec.to_builtins(body, enc_hook=encode_time)
        for path in _lost(fields, kept, ""):
            raise InvalidEvent(f"{kind.name} has no field {path!r} that could be corrected")
        evidence = self._corrected_evidence(event, changes)
        return attrs.evolve(event, event=body, occurred=occurred, evidence=evidence)

    def _corrected_evidence(self, event: Envelope, changes: dict[str, Any]) -> tuple[Evidence, ...]:
        name = event_type(event.event).name
        try:
            evidence = evidence_after(event.event, event.evidence, [changes])
        except msgspec.ValidationError as error:
            problem = readable(error, tuple[Evidence, ...])
            raise InvalidEvent(f"{name}: evidence: {problem}") from None
        if "evidence" not in changes:
            return evidence
        if not evidence and event_type(event.event).evidence:
            raise InvalidEvent(
                f"{name}: expected at least one source as evidence; found none. Where no source "
                "is left, retract the event"
            )
        given = changes["evidence"]
        several = list(given) if isinstance(given, list | tuple) else [given]
        kept = msgspec.to_builtins(evidence, enc_hook=encode_time)
        for path in _lost(spelled_out(several), kept, "evidence"):
            raise InvalidEvent(f"{name}: {path} is no field of evidence")
        return evidence


def _lost(given: Any, kept: Any, path: str) -> Iterator[str]:
    """The paths of given keys that the classes have no fields for."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            here = f"{path}.{key}" if path else key
            yield from _lost(value, kept[key], here) if key in kept else (here,)
    elif isinstance(given, list | tuple) and isinstance(kept, list | tuple):
        for index, (value, read) in enumerate(zip(given, kept, strict=False)):
            yield from _lost(value, read, f"{path}[{index}]")


# Rows of the log

_STAND_INS = (Redacted, Obsolete)


def read(codec: Codec, row: Stored) -> RecordedEvent[Any]:
    """The event of a row; the first, where upcasters make several of it."""
    return next(meanings(codec, [row]), None) or recorded(row, Obsolete(), (), None)


_when = functools.lru_cache(maxsize=1024)(When.stored)  # neighbours in the log share days


def meanings(codec: Codec, rows: Iterable[tuple[Any, ...]]) -> Iterator[RecordedEvent[Any]]:
    """The events of rows: one each, unless upcasters make none or several of it.

    Args:
        codec: of the store.
        rows: as `Stored`; plain tuples will do.

    Raises:
        UnknownEventType: no class and no upcaster is known for a type and version.
        InvalidEvent: the data does not fit the class, or an upcaster failed.
    """
    # Every event that is read comes through here: so it decodes without a call where it can.
    decoders = codec.decoders
    for (
        position, id, stream, version, type, kind, date, _, _, at, evidence, data, more, _, _,
        digest,
    ) in rows:  # fmt: skip
        occurred = None if date is None else _when(date)
        if data is None or evidence is None:
            yield RecordedEvent(
                Redacted(), id, position, stream, version, type, occurred, (), at, digest, None
            )
            continue
        sources = _decode_evidence(evidence)
        try:
            event = decoders[type, kind](data)
        except (KeyError, *_UNFIT):
            for made in codec.decode(type, kind, data, position):
                name = event_type(made).name
                yield RecordedEvent(
                    made, id, position, stream, version, name, occurred, sources, at, digest, more
                )
        else:
            yield RecordedEvent(
                event, id, position, stream, version, type, occurred, sources, at, digest, more
            )


def recorded(row: Stored, event: Any, evidence: Any, occurred: When | None) -> RecordedEvent[Any]:
    """A recorded event: where it stands by its row, and what it says as given."""
    return RecordedEvent(
        event=event,
        id=row.event_id,
        position=row.position,
        stream=row.stream,
        version=row.version,
        type=row.type if event.__class__ in _STAND_INS else event_type(event).name,
        occurred=occurred,
        evidence=evidence,
        stamp=row.recorded_at,
        digest=row.digest,
        metadata_text=row.metadata,
    )
