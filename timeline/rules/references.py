"""What must hold of events together: evidence and references to what is recorded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from timeline.engine.amendments import Amendments
from timeline.errors import InvalidEvent, InvalidInput, UnknownReference
from timeline.events import (
    EventCorrected,
    NewEvent,
    RecordedEvent,
    Redacted,
    References,
    event_type,
)
from timeline.events.envelope import derived_stream, stream_name
from timeline.events.ids import references_with_evidence
from timeline.log.store import EventStore

_MOST_MISSING = 20
"""Missing references that one error lists."""


def require_evidence(new: NewEvent) -> None:
    """Check that an event has evidence, if its class must have some.

    Raises:
        InvalidEvent: it has none, or its class was not made by `@event`.
    """
    try:
        kind = event_type(new.event)
    except TypeError as error:
        raise InvalidEvent(f"event {new.id!r}: {error}") from None
    if kind.evidence and not new.evidence:
        raise InvalidEvent(
            f"event {new.id!r}: {kind.name} needs evidence; name its source, with source=… or "
            "evidence=[…]"
        )


def require_references(
    store: EventStore, news: Sequence[NewEvent], connection: sa.Connection | None = None
) -> None:
    """Check that everything that the events name is recorded, or recorded with them.

    Raises:
        UnknownReference: an event names something that is not recorded. The error is for the
            first such reference; its message lists up to 20.
    """
    wanted = [(new, *named) for new in news for named in _references(new)]
    beside: dict[str, NewEvent | RecordedEvent[Any]] = {new.id: new for new in news}
    ids = {id for _, _, category, id in wanted if category == "event"} - beside.keys()
    events = beside | (store.existing(ids, connection) if ids else {})
    wanted += [(new, *named) for new in news for named in _corrections(store, new, events)]
    further = {id for _, _, category, id in wanted if category == "event"} - events.keys()
    events |= store.existing(further, connection) if further else {}
    opened = {stream_name(new) for new in news if event_type(new.event).opens}
    streams = {f"{category}-{id}" for _, _, category, id in wanted if category != "event"}
    known = opened | store.existing_streams(streams - opened, connection)
    missing = [
        (new.id, path, category, id)
        for new, path, category, id in wanted
        if (id not in events if category == "event" else f"{category}-{id}" not in known)
    ]
    if missing:
        raise _all_missing(missing, opened)


def _all_missing(
    missing: Sequence[tuple[str, str, str, str]], opened: Iterable[str]
) -> UnknownReference:
    """The error for the first missing reference; it lists the others, to correct all at once.

    Args:
        missing: the event, the field, the category and the id of every missing reference.
        opened: the streams that the same append opens; a similar id among them is suggested.
    """
    errors = []
    for event, path, category, id in missing[:_MOST_MISSING]:
        ids = [
            name.removeprefix(f"{category}-") for name in opened if name.startswith(f"{category}-")
        ]
        near = difflib.get_close_matches(id, ids, n=1)
        errors.append(UnknownReference(event, path, category, id, near=near[0] if near else None))
    first, *others = errors
    return UnknownReference(
        first.event_id,
        first.field,
        first.category,
        first.id,
        near=first.near,
        others=others,
        more=len(missing) - len(errors),
    )


def _corrections(
    store: EventStore, new: NewEvent, events: Mapping[str, NewEvent | RecordedEvent[Any]]
) -> References:
    """The references of events as corrected; checks that the correction fits them."""
    if isinstance(new.event, EventCorrected):
        for id in new.event.events:
            if id in events:
                yield from _references(_corrected(store, new, events[id]))


def _corrected(
    store: EventStore, new: NewEvent, target: NewEvent | RecordedEvent[Any]
) -> NewEvent | RecordedEvent[Any]:
    problem = f"event {new.id!r}: correcting {target.id!r}"
    if isinstance(target.event, Amendments.CLASSES):
        raise InvalidEvent(
            f"{problem}: it is itself a correction. Retract it with an EventRetracted, and "
            "record what is right in a correction of its own."
        )
    if isinstance(target.event, Redacted):
        raise InvalidEvent(f"{problem}: its words were taken down, there is nothing to correct")
    try:
        corrected = store.codec.corrected(target, new.event.changes)
    except InvalidInput as error:
        raise InvalidEvent(f"{problem}: {error}") from None
    if derived_stream(corrected.event, target.id) != derived_stream(target.event, target.id):
        raise InvalidEvent(
            f"{problem} would move it to another stream. Retract it with an EventRetracted, "
            "and record it where it belongs."
        )
    return corrected


def _references(event: NewEvent | RecordedEvent[Any]) -> References:
    """What an event and its evidence refer to, without the thing that it brings into being."""
    if isinstance(event.event, Redacted):
        return
    kind = event_type(event.event)
    opened = kind.subject if kind.opens else None
    for path, category, id in references_with_evidence(event):
        if path != opened:
            yield path, category, id


def names(event: RecordedEvent[Any], id: str, category: str | None) -> bool:
    """Whether an event names that id, as one of the category or of any."""
    if category is None and event.stream.partition("-")[2] == id:
        return True
    return any(
        named == id and (category is None or of == category) for _, of, named in _references(event)
    )
