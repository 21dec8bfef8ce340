"""What must hold of events together: evidence, references to what is recorded, who is who."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from timeline.engine.amendments import Amendments
from timeline.engine.projection import View
from timeline.errors import InvalidEvent, InvalidInput, UnknownReference
from timeline.events import (
    ActorsDistinguished,
    ActorsMerged,
    EventCorrected,
    EventRetracted,
    NewEvent,
    RecordedEvent,
    Redacted,
    References,
    event_type,
)
from timeline.events.ids import references_with_evidence
from timeline.log.drafts import derived_stream, stream_name
from timeline.log.store import EventStore
from timeline.models.amendments import AmendmentRow
from timeline.models.directory import ActorRow, DistinctRow

_IDENTITY = (ActorsMerged, ActorsDistinguished, EventRetracted)
"""The events that merge actors, keep them apart, or retract either."""

_MOST_MISSING = 20
"""References to nothing that one error lists."""


def require_evidence(new: NewEvent) -> None:
    """Check that an event has evidence, if its class must have some."""
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
        UnknownReference: something is not recorded. It is the first; its message has up to 20.
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
    """The error for the first missing reference, which lists the others, to be mended at once.

    Args:
        missing: the event, the field, the category and the id of every reference to nothing.
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
    """The references of corrected events; checks that the correction fits them."""
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
    """Check that mergers and distinctions of actors fit the earlier ones."""
    news = [new for new in news if isinstance(new.event, _IDENTITY)]
    if all(isinstance(new.event, EventRetracted) for new in news):
        return
    recorded = store.existing(new.id for new in news)
    with viewing() as view:
        identities = _Identities(view)
    for new in news:
        if new.id not in recorded:
            identities.take(new)


class _Identities:
    """Which actors are merged or kept apart: on record, and then by new events.

    Args:
        view: the read models as they are.
    """

    def __init__(self, view: View) -> None:
        actors = view.all(ActorRow)
        self._kind = {row.actor: row.kind for row in actors}
        into = {row.actor: row.merged_into for row in actors if row.merged_into is not None}
        self._merged = {
            row.event: {other: into[other] for other in row.targets if other in into}
            for row in view.all(AmendmentRow, kind="merged")
        }
        self._distinct = {
            (row.event, row.actor, row.other): row.reason for row in view.all(DistinctRow)
        }

    def take(self, new: NewEvent) -> None:
        """Take an event into account.

        Raises:
            InvalidEvent: it contradicts an earlier merger or distinction.
        """
        event = new.event
        if isinstance(event, EventRetracted):
            self._retract(event.events)
            return
        problem = None
        if isinstance(event, ActorsMerged):
            problem = self._no_merger(event)
            self._merged[new.id] = dict.fromkeys(event.others, event.actor)
        elif isinstance(event, ActorsDistinguished):
            problem = self._no_distinction(event)
            for other in event.others:
                self._distinct[new.id, event.actor, other] = event.reason
        if problem:
            raise InvalidEvent(f"event {new.id!r}: {problem}")

    def _retract(self, events: tuple[str, ...]) -> None:
        for id in events:
            self._merged.pop(id, None)
        self._distinct = {key: why for key, why in self._distinct.items() if key[0] not in events}

    def _into(self, actor: str) -> str | None:
        """The entry that an actor is merged into, if any."""
        return next((into[actor] for into in self._merged.values() if actor in into), None)

    def _no_merger(self, event: ActorsMerged) -> str | None:
        if event.actor in event.others:
            return f"{event.actor!r} cannot be merged into itself"
        for actor in (event.actor, *event.others):
            into = self._into(actor)
            if into is not None:
                return (
                    f"{actor!r} is read as {into!r} already; name that one, or retract the merger"
                )
        kinds = {self._kind[id] for id in (event.actor, *event.others) if id in self._kind}
        if len(kinds) > 1:
            return f"they are of different kinds, {' and '.join(sorted(kinds))}; correct one first"
        return self._kept_apart(event)

    def _kept_apart(self, event: ActorsMerged) -> str | None:
        for (id, one, two), reason in self._distinct.items():
            if {one, two} <= {event.actor, *event.others}:
                return (
                    f"{one!r} and {two!r} were found to be distinct, by {id!r}: {reason} "
                    "Retract that first if it is wrong."
                )
        return None

    def _no_distinction(self, event: ActorsDistinguished) -> str | None:
        if event.actor in event.others:
            return f"{event.actor!r} cannot be distinct from itself"
        now = self._into(event.actor) or event.actor
        for other in event.others:
            if (self._into(other) or other) == now:
                return f"{event.actor!r} and {other!r} are read as one; retract the merger first"
        return None


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
