"""Who is who: whether entries for actors may be read as one, in the order in which that is said."""

from __future__ import annotations

from timeline.engine.projection import View
from timeline.errors import InvalidEvent
from timeline.events import ActorsDistinguished, ActorsMerged, EventRetracted, NewEvent
from timeline.models.amendments import AmendmentRow
from timeline.models.directory import ActorRow, DistinctRow

CLASSES = (ActorsMerged, ActorsDistinguished, EventRetracted)
"""The events that say who is who, or take it back."""


class Identities:
    """What the record says of who is who, and what new events would make of it.

    Args:
        view: the record as it is.
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
        """Go on as if the event were recorded.

        Raises:
            InvalidEvent: it cannot be, by what is said of the actors before it.
        """
        said = new.event
        if isinstance(said, EventRetracted):
            self._retract(said.events)
            return
        problem = None
        if isinstance(said, ActorsMerged):
            problem = self._no_merger(said)
            self._merged[new.id] = dict.fromkeys(said.others, said.actor)
        elif isinstance(said, ActorsDistinguished):
            problem = self._no_distinction(said)
            for other in said.others:
                self._distinct[new.id, said.actor, other] = said.reason
        if problem:
            raise InvalidEvent(f"event {new.id!r}: {problem}")

    def _retract(self, events: tuple[str, ...]) -> None:
        for id in events:
            self._merged.pop(id, None)
        self._distinct = {key: why for key, why in self._distinct.items() if key[0] not in events}

    def _into(self, actor: str) -> str | None:
        """The entry that an actor is read as, if that is another."""
        found = (merger[actor] for merger in self._merged.values() if actor in merger)
        return next(found, None)

    def _no_merger(self, said: ActorsMerged) -> str | None:
        if said.actor in said.others:
            return f"{said.actor!r} cannot be merged into itself"
        for actor in (said.actor, *said.others):
            into = self._into(actor)
            if into is not None:
                return (
                    f"{actor!r} is read as {into!r} already; name that one, or retract the merger"
                )
        kinds = {self._kind[each] for each in (said.actor, *said.others) if each in self._kind}
        if len(kinds) > 1:
            return f"they are of different kinds, {' and '.join(sorted(kinds))}; correct one first"
        return self._told_apart(said)

    def _told_apart(self, said: ActorsMerged) -> str | None:
        for (event, one, two), reason in self._distinct.items():
            if {one, two} <= {said.actor, *said.others}:
                return (
                    f"{one!r} and {two!r} were found to be distinct, by {event!r}: {reason} "
                    "Retract that first if it is wrong."
                )
        return None

    def _no_distinction(self, said: ActorsDistinguished) -> str | None:
        if said.actor in said.others:
            return f"{said.actor!r} cannot be distinct from itself"
        now = self._into(said.actor) or said.actor
        for other in said.others:
            if (self._into(other) or other) == now:
                return f"{said.actor!r} and {other!r} are read as one; retract the merger first"
        return None
