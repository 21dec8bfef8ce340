"""Looking back: a view of the record as of a moment that reads only what a report asks for.

A full fold reads the log from its first event. This view instead answers each question of a report,
`get` of a key or `all` with a value, by folding the events that can bear on the answer:

* The field that is asked by is marked with a `Subject`: the rows that have the value are made from
  the events that name that thing, in certain fields. The index of `projections.subjects` has their
  positions, as recorded and as any correction would have it. For an actor these are the events that
  name any entry which a merger, in force or not, joins with it.
* What amends these events names them by id, and so do the amendments of amendments: followed to the
  end. Mergers are followed from every actor that an event names, corrections laid over it.
* When a source was published follows from it, from what it is cited in, and from its copies.

Of each of these the view has all that a full fold has, so each event reads the same, and with it
each row; what else was read along is passed over by the handlers, or stands in rows that nobody
asked for. A question by no marked field is answered by the full fold.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.dates import When
from timeline.engine.amendments import Amendments, amended_ids
from timeline.engine.cutoff import Cutoff, Horizon, publication
from timeline.engine.projection import Projection
from timeline.engine.projector import Projector
from timeline.engine.reader import Reader, handle
from timeline.engine.rows import R, Rows, Subject, shape_of
from timeline.engine.subjects import CORRECTED, SubjectRow, Subjects
from timeline.engine.views import FoldedView, moment_of, taken_down
from timeline.errors import DatabaseBusy, DatabaseReadOnly
from timeline.events import (
    ActorsMerged,
    EventCorrected,
    RecordedEvent,
    Source,
    SourceAdded,
    event_type,
    references,
)
from timeline.events.ids import references_with_evidence
from timeline.log import database
from timeline.log.store import EventStore

_SMALL = 1_000
"""Events up to which reading all of them costs less than finding out which are needed."""

_MOST = 500
"""Values in one query, below every limit of SQLite's."""

_ADDED = frozenset({event_type(SourceAdded).name})
_CORRECTED = frozenset({event_type(EventCorrected).name})
_MERGED = frozenset({event_type(ActorsMerged).name})


class PartialView:
    """A view as of a moment, read as it is asked. Implements `View`.

    Args:
        projector: of the read models. Where the index is not among them, all is folded.
        cutoff: what is in view.
        small: how many events a log may have to be folded whole.

    Raises:
        NotFound: the log has not come to the position asked for yet.
    """

    def __init__(self, projector: Projector, cutoff: Cutoff, *, small: int = _SMALL) -> None:
        self.head = projector.head(cutoff)
        # Pinned: what is appended meanwhile is not in view.
        self.cutoff = attrs.evolve(cutoff, position=self.head.position, recorded=None)
        self._projector = projector
        self._store = projector.store
        self._index = next((p for p in projector.projections if isinstance(p, Subjects)), None)
        self._keeper = {cls: p for p in projector.projections for cls in p.rows}
        self._log = _Log(projector.store, self.cutoff, self.head.position)
        self._units: dict[_Unit, FoldedView] = {}
        self._whole = projector.fold(self.cutoff) if self.head.position <= small else None

    @property
    def today(self) -> When:
        """The moment the view shows."""
        return moment_of(self._store, self.cutoff, self.head)

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head whose words were taken down later than that."""
        return taken_down(self._store, self.head)

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        asked = dict(zip(shape_of(cls).key, key, strict=True))
        return self._answering(cls, asked).get(cls, *key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, as far as there are such; read together."""
        wanted = list(dict.fromkeys(keys))
        (name,) = shape_of(cls).key
        units = [self._unit(cls, {name: key}) for key in wanted] if self._whole is None else []
        if not self._read(units=[unit for unit in units if unit is not None]):
            return self._folded().several(cls, wanted)
        found = (self._answering(cls, {name: key}).get(cls, key) for key in wanted)
        return [each for each in found if each is not None]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        return self._answering(cls, equal).all(cls, **equal)

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id, with the evidence that is in view."""
        wanted = list(dict.fromkeys(ids))
        if self._whole is None and self._read(events=wanted):
            return self._log.trimmed(wanted)
        return self._folded().events(wanted)

    def _answering(self, cls: type, asked: Mapping[str, Any]) -> FoldedView:
        """A view that has the same answer as that of the whole."""
        unit = self._unit(cls, asked) if self._whole is None else None
        if unit is not None and (unit in self._units or self._read(units=[unit])):
            return self._units[unit]
        return self._folded()

    def _folded(self) -> FoldedView:
        if self._whole is None:
            self._whole = self._projector.fold(self.cutoff)
        return self._whole

    def _unit(self, cls: type, asked: Mapping[str, Any]) -> _Unit | None:
        """What to fold for a question; None where it is asked by no marked field."""
        projection = self._keeper[cls]
        if self._index is None or projection.raw or not projection.types <= self._index.types:
            return None
        shape = shape_of(cls)
        for name, value in asked.items():
            subject = shape.column(name).subject
            if subject is not None and value is not None:
                return _Unit(projection, subject, value)
        return None

    # Reading what is asked for

    def _read(self, *, units: Sequence[_Unit] = (), events: Sequence[str] = ()) -> bool:
        """Read and fold this; says whether the index could tell where it is."""
        if self._log.has(events) and not units:
            return True
        if self._index is None:
            return False
        try:
            if self._read_now(units, events):
                return True
            self._projector.catch_up()
            return self._read_now(units, events)
        except (DatabaseReadOnly, DatabaseBusy):
            return False

    def _read_now(self, units: Sequence[_Unit], events: Sequence[str]) -> bool:
        assert self._index is not None
        with database.reading(self._store.engine) as connection:
            position, tables = self._projector.kept(self._index, connection)
            if not tables or position < self.head.position:
                return False
            with self._log.reading(connection, tables[SubjectRow]):
                found = [*self._log.load(events), *self._fold(units)]
                self._fold_ahead(found)
        return True

    def _fold(self, units: Iterable[_Unit]) -> list[RecordedEvent[Any]]:
        """Fold units that are not folded yet; gives the events that are in them."""
        wanted = [unit for unit in dict.fromkeys(units) if unit not in self._units]
        found: dict[int, list[RecordedEvent[Any]]] = {}
        for unit, positions in self._log.naming(wanted).items():
            rows = Rows()
            for position in sorted(positions):
                found[position] = self._log.seen(position)
                for event in found[position]:
                    handle(unit.projection, rows, event)
            self._units[unit] = FoldedView(
                self.head, rows, self._store, self.cutoff, self._log.horizon
            )
        return [event for events in found.values() for event in events]

    def _fold_ahead(self, events: Iterable[RecordedEvent[Any]]) -> None:
        """Fold what a report will ask for next: who and what is named in what it has read.

        One query for all of them, where the report would make one for each.
        """
        named = {each for event in events for each in _named(event)}
        sources = self._fold(self._ahead("source", named))
        publishers = {each for event in sources for each in _named(event)}
        self._fold(self._ahead("actor", named | publishers))

    def _ahead(self, category: str, named: Iterable[tuple[str, str]]) -> list[_Unit]:
        """The units of all rows that have one of these things as their whole key."""
        ids = {id for kind, id in named if kind == category}
        units = [
            self._unit(cls, {name: id}) for cls, name in self._keyed_by(category) for id in ids
        ]
        return [unit for unit in units if unit is not None]

    def _keyed_by(self, category: str) -> Iterator[tuple[type, str]]:
        """The row classes whose key is one field for things of a category, and that field."""
        for cls in self._keeper:
            shape = shape_of(cls)
            subject = shape.column(shape.key[0]).subject
            if len(shape.key) == 1 and subject is not None and subject.category == category:
                yield cls, shape.key[0]


@attrs.frozen
class _Unit:
    """What is folded by itself: the events that a projection's rows with one value are made from.

    Two questions for the same thing, in the same fields, are one unit.
    """

    projection: Projection
    subject: Subject
    id: str


class _Log:
    """The part of the log that has been read so far, as it is in view."""

    def __init__(self, store: EventStore, cutoff: Cutoff, until: int) -> None:
        self._store = store
        self._until = until
        self._asks_dates = cutoff.published is not None
        self._dates: dict[str, When | None] = {}  # of the sources that were looked into
        self.horizon = Horizon(cutoff, self._dates)
        self._stored: dict[int, list[RecordedEvent[Any]]] = {}
        self._positions: dict[str, int] = {}
        self._cited: dict[str, RecordedEvent[Any]] = {}
        self._seen: dict[int, list[RecordedEvent[Any]]] = {}
        self._reading: tuple[sa.Connection, sa.Table] | None = None

    @contextlib.contextmanager
    def reading(self, connection: sa.Connection, index: sa.Table) -> Iterator[None]:
        """Read within this transaction, by this index."""
        self._reading = (connection, index)
        try:
            yield
        finally:
            self._reading = None

    @property
    def _connection(self) -> sa.Connection:
        assert self._reading is not None
        return self._reading[0]

    # The events as recorded

    def has(self, ids: Iterable[str]) -> bool:
        """Whether the events with these ids have been read."""
        return all(id in self._cited for id in ids)

    def load(self, ids: Iterable[str]) -> list[RecordedEvent[Any]]:
        """The events with these ids, and when their sources were published.

        Raises:
            NotFound: an id is not in the log.
        """
        wanted = [id for id in ids if id not in self._cited]
        read = {id: self._stored[self._positions[id]][0] for id in wanted if id in self._positions}
        read |= self._store.get(self._unread(wanted), self._connection)
        self._date(read.values())
        self._cited |= read
        return list(read.values())

    def _unread(self, ids: Iterable[str]) -> list[str]:
        return [id for id in ids if id not in self._positions]

    def trimmed(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids, which `load` has read, with the evidence that is in view."""
        return {id: self.horizon.trimmed(self._cited[id]) for id in ids}

    def _at(self, positions: Iterable[int]) -> list[RecordedEvent[Any]]:
        """The events at these positions, in order."""
        wanted = sorted(set(positions))
        for event in self._store.at(
            [each for each in wanted if each not in self._stored], self._connection
        ):
            self._stored.setdefault(event.position, []).append(event)
            self._positions[event.id] = event.position
        return [event for each in wanted for event in self._stored.get(each, ())]

    def _where(
        self, names: Collection[str], types: Iterable[str], fields: Collection[str] = ()
    ) -> dict[str, set[int]]:
        """Where in the log these are named, as `category:id`, by events of these types."""
        assert self._reading is not None
        connection, index = self._reading
        found: dict[str, set[int]] = defaultdict(set)
        query = sa.select(index.c.subject, index.c.position).where(
            index.c.type.in_(sorted(types)), index.c.position <= self._until
        )
        if fields:
            query = query.where(index.c.field.in_(sorted(fields)))
        rest = iter(sorted(names))
        while chunk := list(islice(rest, _MOST)):
            for name, position in connection.execute(query.where(index.c.subject.in_(chunk))):
                found[name].add(position)
        return found

    # What bears on what

    def naming(self, units: Iterable[_Unit]) -> dict[_Unit, set[int]]:
        """The positions of all events that may make the rows of these units."""
        alike: dict[tuple[Projection, Subject], list[_Unit]] = defaultdict(list)
        for unit in units:
            alike[unit.projection, unit.subject].append(unit)
        found: dict[_Unit, set[int]] = {}
        for (projection, subject), mine in alike.items():
            by_id = self._named_in(projection, subject, {unit.id for unit in mine})
            found |= {unit: by_id[unit.id] for unit in mine}
        self._settle({position for positions in found.values() for position in positions})
        return found

    def _named_in(
        self, projection: Projection, subject: Subject, ids: set[str]
    ) -> dict[str, set[int]]:
        entries = {id: {id} for id in ids}
        if subject.category == "actor":
            entries = self._joined(ids)
        named = {each for several in entries.values() for each in several}
        found = self._by_id(projection, subject, named)
        return {id: set().union(*(found[each] for each in entries[id])) for id in ids}

    def _by_id(
        self, projection: Projection, subject: Subject, ids: set[str]
    ) -> dict[str, set[int]]:
        found: dict[str, set[int]] = defaultdict(set)
        if subject.category == "event":
            for event in self._of_ids(ids):
                found[event.id].add(event.position)
        if subject.category != "event" or subject.fields:
            names = {f"{subject.category}:{id}" for id in ids}
            for name, positions in self._where(names, projection.types, subject.fields).items():
                found[name.partition(":")[2]] |= positions
            for id, positions in self._corrected_to(ids).items():
                found[id] |= positions
        return found

    def _of_ids(self, ids: Iterable[str]) -> Iterable[RecordedEvent[Any]]:
        """The events of these ids, as far as there are such in view."""
        wanted = list(ids)
        fresh = self._store.existing(self._unread(wanted), self._connection)
        positions = {event.position for event in fresh.values()}
        positions |= {self._positions[id] for id in wanted if id in self._positions}
        return self._at(each for each in positions if each <= self._until)

    def _corrected_to(self, ids: Iterable[str]) -> dict[str, set[int]]:
        """The positions of events that name these ids only by a correction, by id."""
        names = {f"{CORRECTED}:{id}" for id in ids}
        found: dict[str, set[int]] = {}
        for name, positions in self._where(names, _CORRECTED).items():
            targets = {id for each in self._at(positions) for id in amended_ids(each.event)}
            id = name.partition(":")[2]
            found[id] = {event.position for event in self._of_ids(targets)}
        return found

    def _joined(self, actors: set[str]) -> dict[str, set[str]]:
        """The entries that mergers, in force or not, join with each of these."""
        groups = {actor: {actor} for actor in actors}
        for merger in self._mergers(actors):
            named = {id for _, _, id in references(merger.event, category="actor")}
            group = set().union(*(groups.setdefault(each, {each}) for each in named))
            groups |= dict.fromkeys(group, group)
        return {actor: groups[actor] for actor in actors}

    def _mergers(self, actors: Iterable[str]) -> list[RecordedEvent[Any]]:
        """All mergers that bear on what these actors are read as."""
        found: set[int] = set()
        asked: set[str] = set()
        left = set(actors)
        while left:
            asked |= left
            where = self._where({f"actor:{actor}" for actor in left}, _MERGED)
            found |= set().union(*where.values())
            mergers = self._at(found)
            named = (references(merger.event, category="actor") for merger in mergers)
            left = {id for ids in named for _, _, id in ids} - asked
        return self._at(found)

    def _amending(self, events: Iterable[RecordedEvent[Any]]) -> list[RecordedEvent[Any]]:
        """All amendments that name these events, or such amendments."""
        found: set[int] = set()
        asked: set[str] = set()
        left = {event.id for event in events}
        while left:
            asked |= left
            where = self._where({f"event:{id}" for id in left}, Amendments.TYPES)
            found |= set().union(*where.values())
            left = {event.id for event in self._at(found)} - asked
        return self._at(found)

    # The events as in view

    def seen(self, position: int) -> list[RecordedEvent[Any]]:
        """What is in view of the event there, which `naming` has found."""
        return self._seen[position]

    def _settle(self, positions: Iterable[int]) -> None:
        fresh = [position for position in positions if position not in self._seen]
        events = self._at(fresh)
        amended = self._amended(events)
        self._date(event for event in amended if event is not None)
        self._seen |= {position: [] for position in fresh}
        for event in amended:
            shown = None if event is None else self.horizon.seen(event)
            if shown is not None:
                self._seen[shown.position].append(shown)

    def _amended(self, events: Sequence[RecordedEvent[Any]]) -> list[RecordedEvent[Any] | None]:
        """The events under the amendments that are in view."""
        found = self._amending(events)
        read = self._under(found, events)
        named = (each for event in read if event is not None for each in _named(event))
        mergers = self._mergers({id for category, id in named if category == "actor"})
        if not mergers:
            return read
        found = [*found, *mergers, *self._amending(mergers)]
        unique = {event.id: event for event in found}
        return self._under(unique.values(), events)

    def _under(
        self, amendments: Collection[RecordedEvent[Any]], events: Iterable[RecordedEvent[Any]]
    ) -> list[RecordedEvent[Any] | None]:
        self._date(amendments)
        laid = Reader(self._store.codec, amendments, self.horizon).amendments
        return [laid.apply(event) for event in events]

    # When sources were published

    def _date(self, events: Iterable[RecordedEvent[Any]]) -> None:
        """Find out when the sources were published that these events rest on, or bring in."""
        if not self._asks_dates:
            return
        wanted = {each.source for event in events for each in event.evidence}
        wanted |= {
            event.event.source.id for event in events if isinstance(event.event, SourceAdded)
        }
        wanted -= self._dates.keys()
        if wanted:
            dates = self._publication(wanted)
            self._dates |= {source: dates.get(source) for source in wanted}

    def _publication(self, sources: set[str]) -> Mapping[str, When | None]:
        found: set[int] = set()
        known: set[str] = set()
        left = sources
        while left:
            known |= left
            names = {f"source:{id}" for id in left}
            fields = ("source.id", "source.copies")
            where = self._where(names, _ADDED, fields)
            found |= set().union(*where.values(), *self._corrected_to(left).values())
            added = self._sources_at(found)
            left = {id for source in added for id in _dating(source, known)} - known
        return publication(self._sources_at(found))

    def _sources_at(self, positions: Iterable[int]) -> list[Source]:
        """The sources that were added there, under all amendments, in view or not."""
        events = [event for event in self._at(positions) if event.type in _ADDED]
        laid = Amendments(self._store.codec, self._amending(events))
        amended = map(laid.apply, events)
        return [event.event.source for event in amended if event is not None]


def _dating(source: Source, wanted: Collection[str]) -> Iterator[str]:
    """The sources whose dates bear on those that are wanted, by what one source says."""
    if source.id in wanted and source.cited_in is not None:
        yield source.cited_in
    if source.copies in wanted:
        yield source.id


def _named(event: RecordedEvent[Any]) -> Iterator[tuple[str, str]]:
    """Category and id of what an event and its evidence name."""
    return ((category, id) for _, category, id in references_with_evidence(event))
