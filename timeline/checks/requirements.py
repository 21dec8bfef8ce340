"""What must hold of events together, or nothing is recorded: evidence, references, identity."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from timeline.engine.projection import View
from timeline.engine.reader import Amendments
from timeline.errors import InvalidEvent, InvalidInput, UnknownReference
from timeline.events import (
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    EventCorrected,
    EventRedacted,
    EventRetracted,
    NewEvent,
    RecordedEvent,
    Redacted,
    References,
    event_type,
    type_names,
)
from timeline.events.envelope import derived_stream, stream_name
from timeline.events.ids import references_with_evidence
from timeline.log.query import Query
from timeline.log.store import EventStore
from timeline.projections.directory import ActorRow

_MOST_MISSING = 20
"""Missing references that one error lists."""


def require_evidence(new: NewEvent) -> None:
    """Check that an event has evidence, if its class must have some.

    Raises:
        InvalidEvent: it has none, or its class was not made by `@event`, or it is a takedown.
    """
    try:
        kind = event_type(new.event)
    except TypeError as error:
        raise InvalidEvent(f"event {new.id!r}: {error}") from None
    if isinstance(new.event, EventRedacted):
        raise InvalidEvent(
            f"event {new.id!r}: only a takedown records an EventRedacted, and removes the words, "
            "too: `timeline redact`, or the method `redact`"
        )
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
    corrections = _unrecorded_corrections(store, news, connection)
    wanted += [(new, *named) for new in corrections for named in _corrections(store, new, events)]
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


def _unrecorded_corrections(
    store: EventStore, news: Sequence[NewEvent], connection: sa.Connection | None
) -> list[NewEvent]:
    """The corrections that are not on record yet: what these correct may have been taken down."""
    made = [new for new in news if isinstance(new.event, EventCorrected)]
    recorded = store.existing([new.id for new in made], connection) if made else {}
    return [new for new in made if new.id not in recorded]


def _corrections(
    store: EventStore, new: NewEvent, events: Mapping[str, NewEvent | RecordedEvent[Any]]
) -> References:
    """The references of events as corrected; checks that the correction fits them."""
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


# --- Who is who -----------------------------------------------------------------------------------


_IDENTITY = (ActorsMerged, ActorsDistinguished)
_BEARING = (*_IDENTITY, EventRetracted, EventCorrected)
_TYPES = type_names(*_BEARING)


def require_identities(
    store: EventStore,
    news: Sequence[NewEvent],
    viewing: Callable[[], AbstractContextManager[View]],
) -> None:
    """Check that mergers and distinctions of actors hold together, old and new ones.

    Args:
        store: the log.
        news: the events that are about to be appended.
        viewing: opens the read models as they are.

    Raises:
        InvalidEvent: a merger contradicts a distinction, directly or through a chain, or joins
            actors of different kinds. It names the events.
    """
    bearing = [new for new in news if isinstance(new.event, _BEARING)]
    recorded = store.existing(new.id for new in bearing) if bearing else {}
    fresh = [new for new in bearing if new.id not in recorded]
    if not _bears_on_identity(store, fresh):
        return
    _require_two_or_more(fresh)
    _require_one_kind(fresh, news, viewing)
    _require_no_contradiction(store, fresh)


def _bears_on_identity(store: EventStore, fresh: Sequence[NewEvent]) -> bool:
    if any(isinstance(new.event, _IDENTITY) for new in fresh):
        return True
    # A retraction of a retraction brings back what that one took away.
    targets = {id for new in fresh for id in getattr(new.event, "events", ())}
    named = store.existing(targets).values() if targets else ()
    return any(isinstance(event.event, _BEARING) for event in named)


def _require_two_or_more(fresh: Iterable[NewEvent]) -> None:
    for new in fresh:
        if isinstance(new.event, _IDENTITY) and new.event.actor in new.event.others:
            verb = "be merged into" if isinstance(new.event, ActorsMerged) else "be distinct from"
            raise InvalidEvent(f"event {new.id!r}: {new.event.actor!r} cannot {verb} itself")


def _require_one_kind(
    fresh: Iterable[NewEvent],
    news: Iterable[NewEvent],
    viewing: Callable[[], AbstractContextManager[View]],
) -> None:
    mergers = [new for new in fresh if isinstance(new.event, ActorsMerged)]
    named = {id for new in mergers for id in (new.event.actor, *new.event.others)}
    if not named:
        return
    with viewing() as view:
        kinds = {row.actor: row.kind for row in view.several(ActorRow, sorted(named))}
    added = (new.event.actor for new in news if isinstance(new.event, ActorAdded))
    kinds |= {actor.id: actor.kind for actor in added}
    for new in mergers:
        ids = (new.event.actor, *new.event.others)
        several = sorted({kinds[id] for id in ids if id in kinds})
        if len(several) > 1:
            raise InvalidEvent(
                f"event {new.id!r}: they are of different kinds, {' and '.join(several)}; correct "
                "one first"
            )


def _require_no_contradiction(store: EventStore, fresh: Sequence[NewEvent]) -> None:
    """Check the whole as it will stand: what is retracted in the same call does not count."""
    known = list(store.read_all(Query(_TYPES)))
    end = known[-1].position if known else 0
    events = [*known, *(_as_recorded(new, end + n) for n, new in enumerate(fresh, start=1))]
    amendments = Amendments(store.codec, (e for e in events if e.type in Amendments.TYPES))
    for event in events:
        if isinstance(event.event, ActorsDistinguished):
            for one, other, reason in _kept_apart(amendments.apply(event)):
                if amendments.merged_into(one) == amendments.merged_into(other):
                    mergers = amendments.mergers_of(one, other)
                    raise _contradiction(fresh, one, other, (event.id, reason), mergers)


def _kept_apart(distinction: RecordedEvent[Any] | None) -> Iterator[tuple[str, str, str]]:
    """Each pair that a distinction keeps apart, with the reason; none where it is retracted."""
    if distinction is not None:
        for other in distinction.event.others:
            yield distinction.event.actor, other, distinction.event.reason


def _contradiction(
    fresh: Sequence[NewEvent],
    one: str,
    other: str,
    distinction: tuple[str, str],
    mergers: Sequence[str],
) -> InvalidEvent:
    id, reason = distinction
    involved = [new.id for new in fresh if new.id in (id, *mergers)]
    newest = involved[-1] if involved else fresh[-1].id
    joined = ", ".join(map(repr, mergers))
    return InvalidEvent(
        f"event {newest!r}: {one!r} and {other!r} are read as one, by {joined}, and were found to "
        f"be distinct, by {id!r}: {reason} Retract whichever is wrong first."
    )


def _as_recorded(new: NewEvent, position: int) -> RecordedEvent[Any]:
    """A new event as the log will hold it, as far as amendments look at it."""
    return RecordedEvent(
        event=new.event,
        id=new.id,
        position=position,
        stream=new.stream or "",
        version=0,
        type=event_type(new.event).name,
        occurred=new.occurred,
        evidence=new.evidence,
        stamp=0,
        digest=b"",
    )
