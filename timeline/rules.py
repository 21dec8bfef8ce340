"""What must hold of events beyond each by itself: evidence, and that what they name is recorded."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from timeline import identity
from timeline.engine.amendments import Amendments
from timeline.engine.projection import View
from timeline.errors import InvalidEvent, InvalidInput, UnknownReference
from timeline.events import (
    EventCorrected,
    EventRetracted,
    NewEvent,
    RecordedEvent,
    Redacted,
    References,
    event_type,
    references,
)
from timeline.log.drafts import derived_stream, stream_name
from timeline.log.store import EventStore

_MOST_MISSING = 20
"""Things not recorded that one error tells of."""


def require_evidence(new: NewEvent) -> None:
    """Check that an event has evidence, if its class must have some."""
    try:
        kind = event_type(new.event)
    except TypeError as error:
        raise InvalidEvent(f"event {new.id!r}: {error}") from None
    if kind.evidence and not new.evidence:
        raise InvalidEvent(
            f"event {new.id!r}: {kind.name} is known from some source; say which, with source=… or "
            "evidence=[…]"
        )


def require_references(
    store: EventStore, news: Sequence[NewEvent], connection: sa.Connection | None = None
) -> None:
    """Check that whatever the events name is recorded, or recorded with them.

    Raises:
        UnknownReference: something is not. It stands for the first; its message has up to 20.
    """
    wanted = [(new, *found) for new in news for found in _references(new)]
    beside: dict[str, NewEvent | RecordedEvent[Any]] = {new.id: new for new in news}
    ids = {id for _, _, category, id in wanted if category == "event"} - beside.keys()
    events = beside | (store.existing(ids, connection) if ids else {})
    wanted += [(new, *found) for new in news for found in _corrections(store, new, events)]
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
    """The first thing that is missing, with the others: who writes many events mends them at once.

    Args:
        missing: the event, the field, the category and the id of each.
        opened: the streams of what is recorded beside them, near whose ids a slip may lie.
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
    """Check that a correction fits the events it names; give what they then refer to."""
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


def require_identities(
    store: EventStore,
    news: Sequence[NewEvent],
    viewing: Callable[[], AbstractContextManager[View]],
) -> None:
    """Check that mergers and distinctions of actors fit what is said before them."""
    saying = [new for new in news if isinstance(new.event, identity.CLASSES)]
    if all(isinstance(new.event, EventRetracted) for new in saying):
        return
    recorded = store.existing(new.id for new in saying)
    with viewing() as view:
        identities = identity.Identities(view)
    for new in saying:
        if new.id not in recorded:
            identities.take(new)


def _references(new: NewEvent | RecordedEvent[Any]) -> References:
    if isinstance(new.event, Redacted):
        return
    kind = event_type(new.event)
    for path, category, id in references(new.event):
        if not (kind.opens and path == kind.subject):
            yield path, category, id
    for number, each in enumerate(new.evidence):
        yield from references(each, f"evidence[{number}]")


def names(event: RecordedEvent[Any], id: str, category: str | None) -> bool:
    """Whether an event names that id, as one of the category or of any."""
    if category is None and event.stream.partition("-")[2] == id:
        return True
    return any(
        found == id and (category is None or of == category) for _, of, found in _references(event)
    )
