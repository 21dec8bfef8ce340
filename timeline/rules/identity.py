"""Who is who: mergers and distinctions of actors must hold together.

Mergers say that entries are one, and that is an equivalence: however they are chained, and in
whatever order they are recorded, all that they join are one actor. A distinction says that two
entries are not. Both are judged together, as they would stand with the new events recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from timeline.engine.amendments import Amendments
from timeline.engine.projection import View
from timeline.errors import InvalidEvent
from timeline.events import (
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    EventCorrected,
    EventRetracted,
    NewEvent,
    RecordedEvent,
    event_type,
    type_names,
)
from timeline.log.store import EventStore
from timeline.models.directory import ActorRow

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
    known = list(store.read_all(types=_TYPES))
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
        recorded="",
        digest=b"",
    )
