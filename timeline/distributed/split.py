"""Splitting: the rows of a projection in parts that are folded apart, by the unchanged handlers.

A projection names the field by which its rows split. The field's `Subject` tells which events make
the rows with a value there: the events that name the value. That value is the key by which events
are routed: an event goes to the parts of all keys that it names. A part folds its events in the
order of the log, and keeps the rows of its own keys. So no row is in two parts.

Once all amendments are known, an event reads the same without the other events. So events are
amended before they are routed, as in a fold of the whole log. Actors joined by mergers count as one
value, since what becomes of one depends on the others.

The projection promises that the rows of one value do not depend on those of another. Handlers are
checked as far as possible: they may only touch rows of values that the event names, and only ask
for rows that no other part could have. Anything else is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import attrs
import msgspec

from timeline.engine.projection import Projection, R, Rows, Subject, key_of, shape_of
from timeline.engine.reader import Amendments, Reader, meant_for
from timeline.errors import InvalidProjection
from timeline.events import (
    ActorsMerged,
    RecordedEvent,
    event_type,
    type_names,
)
from timeline.events.named_ids import named, plain
from timeline.log.codec import Codec, meanings
from timeline.log.schema import Stored

POSITION = "position"
"""This field needs no mark: it holds the position of the one event that made the row."""


@attrs.frozen
class Division:
    """By what the rows of a projection split.

    Attributes:
        field: the field that says it.
        subject: which events name its values; None where it is the position of the event.
        shared: the types of the events that every part gets.
        common: the row classes without the field: made from shared events, by every part.
        keyed: where in the key the field stands, of the row classes that have it there.
    """

    field: str
    subject: Subject | None
    shared: frozenset[str]
    common: frozenset[type]
    keyed: Mapping[type, int]

    @property
    def alone(self) -> bool:
        """Whether each row is made from one event: any stretch of the log is then a part."""
        if self.subject is None:
            return not self.shared
        return self.subject.category == "event" and not self.subject.fields and not self.shared

    def keys(self, event: RecordedEvent[Any]) -> set[Any]:
        """The values that an event names."""
        if self.subject is None:
            return {event.position}
        return _ids(event.event, type(event.event), self.subject, event.id)


def _ids(event: Any, cls: type, subject: Subject, id: str) -> set[Any]:
    """The ids of one kind of thing that an event names.

    Args:
        event: the event, or its fields as plain JSON.
        cls: its class.
        subject: the kind of thing, and the fields that count.
        id: that of the event itself.
    """
    own = {id} if subject.category == "event" else set()
    if own and not subject.fields:
        return own
    return own.union(
        name
        for path, _, name in named(event, category=subject.category, cls=cls)
        if not subject.fields or plain(path) in subject.fields
    )


def division_of(projection: Projection) -> Division:
    """By what the rows of a projection split.

    Raises:
        InvalidProjection: it names no field to split by, or one that does not fit its rows.
    """
    field = projection.split_by
    if field is None:
        raise InvalidProjection(
            f"the rows of projection {projection.name!r} do not split: it names no field by which "
            "they could, as `split_by`. Rebuild it on one machine, without workers."
        )
    columns = {cls: _column(cls, field) for cls in projection.rows}
    common = frozenset(cls for cls, column in columns.items() if column is None)
    having = {cls: column for cls, column in columns.items() if column is not None}
    if not having or (common and not projection.shared):
        cls = min(common or projection.rows, key=lambda cls: cls.__name__)
        raise _unfit(projection, f"{cls.__name__} has no field {field!r}")
    # A class needs no mark where nobody looks up its rows by the field.
    marked = [cls for cls, column in having.items() if column.subject is not None]
    subject = having[marked[0]].subject if marked else None
    for cls, column in having.items():
        if column.nullable:
            raise _unfit(projection, f"{cls.__name__}.{field} may be None")
        if column.subject not in (None, subject):
            raise _unfit(projection, f"{cls.__name__}.{field} has another mark than others have")
    if subject is None and field != POSITION:
        raise _unfit(projection, f"{field!r} has no mark, `Subject`, of what in events it names")
    keys = {cls: shape_of(cls).key for cls in having}
    keyed = {cls: key.index(field) for cls, key in keys.items() if field in key}
    return Division(field, subject, type_names(*projection.shared), common, keyed)


def _column(cls: type, field: str) -> Any:
    return next((column for column in shape_of(cls).columns if column.name == field), None)


def _unfit(projection: Projection, problem: str) -> InvalidProjection:
    return InvalidProjection(
        f"projection {projection.name!r} is to split by {projection.split_by!r}: {problem}"
    )


class Splitter:
    """Says by which keys the events of a log are routed, and folds a part.

    The same log and amendments give the same result on every worker.

    Args:
        projection: whose rows are wanted.
        codec: knows the events.
        amendments: all of them, as recorded, up to the position that the log is folded to.

    Attributes:
        stored_names: of the types of events that make rows, as stored.

    Raises:
        InvalidProjection: the rows do not split.
    """

    def __init__(
        self,
        projection: Projection,
        codec: Codec,
        amendments: Iterable[RecordedEvent[Any]],
    ) -> None:
        amendments = list(amendments)
        self.division = division_of(projection)
        self._projection = projection
        self._codec = codec
        self._reader = Reader(codec, amendments)
        self._amendments = self._reader.amendments
        self.stored_names = codec.stored_names(projection.types)
        subject = self.division.subject
        by_actor = subject is not None and subject.category == "actor"
        self._leaders = _leaders(amendments, self._amendments) if by_actor else {}

    # Routing

    def keys_of(self, row: Stored) -> Collection[str] | None:
        """The keys that an event, as stored, is routed by; None where every part needs it."""
        if row.type not in self.stored_names or row.data is None:
            return ()
        keys: set[str] = set()
        for type_, values in self._named_in(row):
            if type_ in self.division.shared:
                return None
            keys.update(map(self.key, values))
        return keys

    def _named_in(self, row: Stored) -> Iterator[tuple[str, set[Any]]]:
        """The type of each event that a row means, and the values that it names."""
        subject = self.division.subject
        if subject is None or self._amendments.alter(row.event_id):
            for event in self._events_of(row):
                yield event.type, self.division.keys(event)
            return
        assert row.data is not None  # `keys_of` skips events that were taken down
        # Plain JSON will do, without the evidence: reading typed values takes far longer.
        # Mergers change the names of actors, but not their keys: old and new are one value.
        if row.type_version == self._codec.versions.get(row.type):
            cls, fields = self._codec.class_named(row.type), msgspec.json.decode(row.data)
            yield row.type, _ids(fields, cls, subject, row.event_id)
            return
        for event in self._codec.decode(row.type, row.type_version, row.data, row.position):
            yield event_type(event).name, _ids(event, type(event), subject, row.event_id)

    def key(self, value: Any) -> str:
        """The key of a value, as text: one for all actors that mergers join."""
        return str(self.leader(value))

    def leader(self, value: Any) -> Any:
        """The value that stands for this one, and for those that mergers join with it."""
        return self._leaders.get(value, value)

    # Folding

    def fold(
        self, rows: Iterable[Stored], own: Collection[str] | None, *, common: bool = True
    ) -> list[Any]:
        """Fold a part.

        Args:
            rows: its events as stored, in the order of the log.
            own: its keys; None for all rows, where each event makes its rows alone.
            common: whether to give the rows that all parts have, too.

        Raises:
            InvalidProjection: a handler asked for a row that another part may have.
        """
        kept = _PartRows(self)
        for row in rows:
            for event in self._events_of(row):
                if event.type in self._projection.types:
                    kept.turn_to(event)
                    self._projection.handle(kept, event)
        if own is None:
            return list(kept)
        return [made for made in kept if self._belongs(made, own, common)]

    def _events_of(self, row: Stored) -> Iterator[RecordedEvent[Any]]:
        """The events that a row means, as the projection gets them."""
        for read in self._reader.read(meanings(self._codec, [row])):
            event = meant_for(read, self._projection)
            if event is not None:
                yield event

    def _belongs(self, row: Any, own: Collection[str], common: bool) -> bool:
        if type(row) in self.division.common:
            return common
        return self.key(getattr(row, self.division.field)) in own


class _PartRows(Rows):
    """The rows of a part: refuses questions that only another part could answer."""

    def __init__(self, splitter: Splitter) -> None:
        super().__init__()
        self._splitter = splitter
        self._division = splitter.division
        self._event: RecordedEvent[Any] | None = None
        self._named: set[Any] = set()

    def turn_to(self, event: RecordedEvent[Any]) -> None:
        """Handle this event next: it may touch the rows of the values that it names."""
        self._event = event
        self._named = {self._splitter.leader(key) for key in self._division.keys(event)}

    def get(self, cls: type[R], *key: Any) -> R | None:
        value = super().get(cls, *key)
        if cls not in self._division.common:
            self._require_known(cls, key, value)
        return value

    def put(self, value: Any) -> None:
        cls = type(value)
        if cls in self._division.common:
            self._require_shared(cls)
        else:
            self._require_named(cls, getattr(value, self._division.field))
            if cls not in self._division.keyed:
                self._require_same(cls, super().get(cls, *key_of(value)))
        super().put(value)

    def delete(self, cls: type, *key: Any) -> None:
        if cls in self._division.common:
            self._require_shared(cls)
        else:
            self._require_known(cls, key, super().get(cls, *key))
        super().delete(cls, *key)

    def _require_known(self, cls: type, key: tuple[Any, ...], value: Any) -> None:
        """Check that a fold of the whole log would have the same row under a key, or none too."""
        place = self._division.keyed.get(cls)
        if place is not None:
            self._require_named(cls, key[place])
        elif value is not None:
            self._require_same(cls, value)
        elif self._event is not None and self._event.id not in key:
            # A row of that key may be in another part.
            raise self._refusal(cls, f"of key {key!r}, which does not tell in which part it is")

    def _require_same(self, cls: type, value: Any) -> None:
        if value is not None:
            self._require_named(cls, getattr(value, self._division.field))

    def _require_named(self, cls: type, value: Any) -> None:
        if self._splitter.leader(value) not in self._named:
            raise self._refusal(cls, f"of {self._division.field} {value!r}, which it does not name")

    def _require_shared(self, cls: type) -> None:
        if self._event is not None and self._event.type not in self._division.shared:
            raise self._refusal(cls, "that every part has, and is none of the shared events")

    def _refusal(self, cls: type, problem: str) -> InvalidProjection:
        event = self._event
        where = "a handler" if event is None else f"{event.type} at position {event.position}"
        return InvalidProjection(
            f"rows do not split by {self._division.field!r}: {where} touches a {cls.__name__} "
            f"{problem}"
        )


def _leaders(recorded: Iterable[RecordedEvent[Any]], amendments: Amendments) -> dict[str, str]:
    """One actor for each that mergers join with others, by the mergers as recorded or amended."""
    leader: dict[str, str] = {}

    def first(actor: str) -> str:
        while leader.get(actor, actor) != actor:
            actor = leader[actor]
        return actor

    for stored in recorded:
        for event in (stored, amendments.apply(stored)):
            if event is not None and isinstance(event.event, ActorsMerged):
                for other in event.event.others:
                    low, high = sorted((first(event.event.actor), first(other)))
                    leader[high] = low
    return {actor: first(actor) for actor in leader}
