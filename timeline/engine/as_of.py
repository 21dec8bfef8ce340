"""A view as of a moment that reads only what a report asks for.

A full fold reads the log from its first event. This view answers each question of a report, `get`
of a key or `all` with a value, from the events that bear on the answer:

* The field of the question is marked with a `Subject`. So the rows with that value follow from the
  events that name the value. The index of `timeline.engine.subjects` has their positions, as
  recorded and as corrected. For an actor these are the events that name any entry that a merger, in
  force or not, joins with it.
* Amendments name the events they amend, by id, and may be amended themselves: the view follows the
  ids to the end. Mergers are followed from every actor that an event or its amendments name.
* The date of a source follows from it, from the sources it is cited in, and from its copies.

So each event reads as in a full fold, and with it each row. Events that do not bear on the answer
may be read too; handlers ignore them, or make rows that nobody asks for. A question by a field
without a mark is answered by a full fold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.dates import When
from timeline.engine.cutoff import Cutoff, Horizon, publication
from timeline.engine.projection import Projection, R, Subject, shape_of
from timeline.engine.reader import Amendments, Read, Reader, amended_ids
from timeline.engine.rows import MOST_VALUES, FoldedView, LogView
from timeline.engine.runner import Projector
from timeline.engine.search import Search
from timeline.engine.subjects import CORRECTED, SubjectRow, Subjects, new_values
from timeline.errors import DatabaseBusy, DatabaseReadOnly
from timeline.events import (
    ActorsMerged,
    EventCorrected,
    RecordedEvent,
    Source,
    SourceAdded,
    references,
    type_names,
)
from timeline.events.named_ids import references_with_evidence
from timeline.log import database
from timeline.log.store import EventStore
from timeline.log.telemetry import batched

SMALL = 1_000
"""Up to so many events, reading all costs less than finding out which are needed."""

_AHEAD = 500
"""Events up to which all that they name is read ahead."""

_ADDED = type_names(SourceAdded)
_CORRECTED = type_names(EventCorrected)
_MERGED = type_names(ActorsMerged)

_AnyEvent = RecordedEvent[Any]


class PartialView(LogView):
    """A view as of a moment, read as it is asked. Implements `View`.

    Args:
        projector: of the read models. Without the index among them, all is folded.
        cutoff: what is in view.
        small: how many events a log may have to be folded whole.

    Raises:
        NotFound: the log has not come to the cutoff's position yet.
    """

    def __init__(self, projector: Projector, cutoff: Cutoff, *, small: int = SMALL) -> None:
        self.head = projector.head(cutoff)
        self.cutoff = cutoff.fixed_at(self.head.position)
        self.store = projector.store
        self._projector = projector
        self._index = next((p for p in projector.projections if isinstance(p, Subjects)), None)
        self._projection_of = projector.projection_of
        self._log = _PartialLog(self.store, self.cutoff, self.head.position)
        self._folds: dict[_Question, FoldedView] = {}
        self._whole = projector.fold(self.cutoff) if self.head.position <= small else None

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        equal = dict(zip(shape_of(cls).key, key, strict=True))
        return self._view_for(cls, equal).get(cls, *key)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, read together; keys without a row are left out.

        For classes whose key is one text, such as the id of an event.
        """
        wanted = list(dict.fromkeys(keys))
        (name,) = shape_of(cls).key
        if self._whole is None:
            questions = [self._question(cls, {name: key}) for key in wanted]
            if not self._read(questions):
                return self._folded().several(cls, wanted)
        rows = (self._view_for(cls, {name: key}).get(cls, key) for key in wanted)
        return [row for row in rows if row is not None]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        return self._view_for(cls, equal).all(cls, **equal)

    def search(
        self, cls: type[R], sought: Mapping[str, Search], limit: int | None = None
    ) -> tuple[list[R], int]:
        """The rows of a class that have these words, by column, and how many there are."""
        return self._folded().search(cls, sought, limit)

    def events(self, ids: Iterable[str]) -> dict[str, _AnyEvent]:
        """The events with these ids as recorded, by id, with the evidence that is in view."""
        wanted = list(dict.fromkeys(ids))
        if self._whole is None and (self._log.has(wanted) or self._read(ids=wanted)):
            return self._log.trimmed(wanted)
        return self._folded().events(wanted)

    def _view_for(self, cls: type, equal: Mapping[str, Any]) -> FoldedView:
        """A view that gives the same answer as the whole."""
        question = self._question(cls, equal) if self._whole is None else None
        if question is not None and (question in self._folds or self._read([question])):
            return self._folds[question]
        return self._folded()

    def _folded(self) -> FoldedView:
        if self._whole is None:
            self._whole = self._projector.fold(self.cutoff)
        return self._whole

    def _question(self, cls: type, equal: Mapping[str, Any]) -> _Question | None:
        """What to fold for rows with these values; None where no field of them is marked."""
        projection = self._projection_of[cls]
        if self._index is None or projection.raw or not projection.types <= self._index.types:
            return None
        for name, value in equal.items():
            subject = shape_of(cls).column(name).subject
            if subject is not None and value is not None:
                return _Question(projection, subject, value)
        return None

    # Reading

    def _read(self, questions: Sequence[_Question | None] = (), ids: Sequence[str] = ()) -> bool:
        """Read and fold this; false where the index cannot say where it is."""
        known = [question for question in questions if question is not None]
        if self._index is None or len(known) < len(questions):
            return False
        try:
            if self._read_by(self._index, known, ids):
                return True
            self._projector.catch_up()
            return self._read_by(self._index, known, ids)
        except (DatabaseReadOnly, DatabaseBusy):
            return False

    def _read_by(self, index: Subjects, questions: list[_Question], ids: Sequence[str]) -> bool:
        with database.reading(self.store.engine) as connection:
            position, tables = self._projector.kept(index, connection)
            if not tables or position < self.head.position:
                return False
            self._log.read_with(connection, tables[SubjectRow])
            self._fold_ahead([*self._log.load(ids), *self._fold(questions)])
        return True

    def _fold(self, questions: Iterable[_Question]) -> list[_AnyEvent]:
        """Fold for questions that are not answered yet; the events read for them."""
        new = [question for question in dict.fromkeys(questions) if question not in self._folds]
        positions_of = self._log.naming(new)
        for question, positions in positions_of.items():
            read = self._log.seen_at(positions)
            self._folds[question] = FoldedView(
                self.head, read, self.store, self.cutoff, self._log.horizon, self._projection_of
            )
        every = set().union(*positions_of.values())
        return [amended for _, amended in self._log.seen_at(every) if amended is not None]

    def _fold_ahead(self, events: Sequence[_AnyEvent]) -> None:
        """Fold the actors and sources that these events name: a report asks for them next.

        It takes one query for all of them; the report would make one for each. Of very many events
        it tells of a few.
        """
        if len(events) > _AHEAD:
            return
        named = {name for event in events for name in _named(event)}
        sources = self._fold(self._keyed_by("source", named))
        publishers = {name for event in sources for name in _named(event)}
        self._fold(self._keyed_by("actor", named | publishers))

    def _keyed_by(self, category: str, named: Iterable[tuple[str, str]]) -> Iterator[_Question]:
        """The questions for all rows that have a thing of a category as their whole key."""
        ids = {id for kind, id in named if kind == category}
        for cls in self._projection_of:
            shape = shape_of(cls)
            subject = shape.column(shape.key[0]).subject
            if len(shape.key) == 1 and subject is not None and subject.category == category:
                questions = (self._question(cls, {shape.key[0]: id}) for id in ids)
                yield from (question for question in questions if question is not None)


@attrs.frozen
class _Question:
    """What is folded at once: the events for a projection's rows with one value.

    Questions by the same fields for the same value are equal, whatever the class of the rows.
    """

    projection: Projection
    subject: Subject
    id: str


class _PartialLog:
    """The part of the log that has been read so far.

    Attributes:
        horizon: the cutoff, with the dates of sources as far as they were read.
    """

    def __init__(self, store: EventStore, cutoff: Cutoff, until: int) -> None:
        self._store = store
        self._until = until
        self._needs_dates = cutoff.published is not None
        self._dates: dict[str, When | None] = {}
        self.horizon = Horizon(cutoff, self._dates)
        self._seen: dict[int, list[Read]] = {}
        self._stored: dict[int, list[_AnyEvent]] = {}
        self._positions: dict[str, int] = {}
        self._cited: dict[str, _AnyEvent] = {}

    def read_with(self, connection: sa.Connection, index: sa.Table) -> None:
        """Set the transaction, and the index as seen in it, for the reading that follows."""
        self._connection, self._index = connection, index

    # Events as recorded

    def has(self, ids: Iterable[str]) -> bool:
        """Whether `load` has read these events."""
        return all(id in self._cited for id in ids)

    def load(self, ids: Iterable[str]) -> list[_AnyEvent]:
        """Read the events with these ids, and the dates of their sources.

        Raises:
            NotFound: an id is not in the log.
        """
        wanted = [id for id in ids if id not in self._cited]
        read = {id: self._stored[self._positions[id]][0] for id in wanted if id in self._positions}
        read |= self._store.get([id for id in wanted if id not in read], self._connection)
        self._date(read.values())
        self._cited |= read
        return list(read.values())

    def trimmed(self, ids: Iterable[str]) -> dict[str, _AnyEvent]:
        """The events with these ids, which `load` has read, with the evidence that is in view."""
        return {id: self.horizon.trimmed(self._cited[id]) for id in ids}

    def _at(self, positions: Iterable[int]) -> list[_AnyEvent]:
        """The events at these positions, in order."""
        wanted = sorted(set(positions))
        new = [position for position in wanted if position not in self._stored]
        for event in self._store.at(new, self._connection):
            self._stored.setdefault(event.position, []).append(event)
            self._positions[event.id] = event.position
        return [event for position in wanted for event in self._stored.get(position, ())]

    def _with_ids(self, ids: Iterable[str]) -> list[_AnyEvent]:
        """The events with these ids, as far as the log in view has them."""
        wanted = set(ids)
        new = self._store.existing(wanted - self._positions.keys(), self._connection)
        positions = {event.position for event in new.values()}
        positions |= {self._positions[id] for id in wanted & self._positions.keys()}
        return self._at(position for position in positions if position <= self._until)

    def _where(
        self,
        category: str,
        ids: Iterable[str],
        types: Iterable[str],
        fields: Collection[str] = (),
    ) -> dict[str, set[int]]:
        """By id, where events of these types name things of a category, in these fields or any."""
        index, prefix = self._index, f"{category}:"
        query = sa.select(index.c.subject, index.c.position).where(
            index.c.type.in_(sorted(types)), index.c.position <= self._until
        )
        if fields:
            query = query.where(index.c.field.in_(sorted(fields)))
        positions: dict[str, set[int]] = defaultdict(set)
        for batch in batched(sorted(prefix + id for id in set(ids)), MOST_VALUES):
            rows = self._connection.execute(query.where(index.c.subject.in_(batch)))
            for subject, position in rows:
                positions[subject.removeprefix(prefix)].add(position)
        return positions

    # Which events bear on what

    def naming(self, questions: Iterable[_Question]) -> dict[_Question, set[int]]:
        """The positions of all events that may make the rows asked for; `seen_at` has them then."""
        alike: dict[tuple[Projection, Subject], list[_Question]] = defaultdict(list)
        for question in questions:
            alike[question.projection, question.subject].append(question)
        positions: dict[_Question, set[int]] = {}
        for (projection, subject), group in alike.items():
            by_id = self._naming(projection, subject, {question.id for question in group})
            positions |= {question: by_id[question.id] for question in group}
        self._see(set().union(*positions.values()))
        return positions

    def _naming(
        self, projection: Projection, subject: Subject, ids: set[str]
    ) -> dict[str, set[int]]:
        is_actor = subject.category == "actor"
        entries = self._merged_with(ids) if is_actor else {id: {id} for id in ids}
        names = set().union(*entries.values())
        positions: dict[str, set[int]] = defaultdict(set)
        if subject.category == "event":
            for event in self._with_ids(names):
                positions[event.id].add(event.position)
        if subject.category != "event" or subject.fields:
            where = self._where(subject.category, names, projection.types, subject.fields)
            for by_id in (where, self._corrected_to(names)):
                for id, more in by_id.items():
                    positions[id] |= more
        return {id: set().union(*(positions[name] for name in entries[id])) for id in ids}

    def _corrected_to(self, ids: Iterable[str]) -> dict[str, set[int]]:
        """By id, the positions of events that may name it only once corrected."""
        positions: dict[str, set[int]] = {}
        for id, corrections in self._where(CORRECTED, ids, _CORRECTED).items():
            named = {name for event in self._at(corrections) for name in amended_ids(event.event)}
            positions[id] = {event.position for event in self._with_ids(named)}
        return positions

    def _merged_with(self, actors: set[str]) -> dict[str, set[str]]:
        """The entries that mergers, in force or not, join with each of these actors."""
        groups = {actor: {actor} for actor in actors}
        for merger in self._mergers(actors):
            merged = (groups.setdefault(actor, {actor}) for actor in _merged(merger))
            group = set().union(*merged)
            groups |= dict.fromkeys(group, group)
        return {actor: groups[actor] for actor in actors}

    def _mergers(self, actors: Iterable[str]) -> list[_AnyEvent]:
        """All mergers that bear on what these actors are read as."""
        return self._followed("actor", actors, _MERGED, _merged)

    def _amending(self, events: Iterable[_AnyEvent]) -> list[_AnyEvent]:
        """All amendments that name these events, or name such amendments."""
        ids = {event.id for event in events}
        return self._followed("event", ids, Amendments.TYPES, lambda event: {event.id})

    def _followed(
        self,
        category: str,
        ids: Iterable[str],
        types: Iterable[str],
        names: Callable[[_AnyEvent], set[str]],
    ) -> list[_AnyEvent]:
        """The events of these types that name the ids, or name what such events lead to."""
        positions: set[int] = set()
        asked: set[str] = set()
        left = set(ids)
        while left:
            asked |= left
            positions = positions.union(*self._where(category, left, types).values())
            left = set().union(*map(names, self._at(positions))) - asked
        return self._at(positions)

    # Events in view

    def seen_at(self, positions: Iterable[int]) -> list[Read]:
        """The events at these positions that are in view, in order; `naming` has read them."""
        return [event for position in sorted(positions) for event in self._seen[position]]

    def _see(self, positions: Iterable[int]) -> None:
        """Read the events at these positions as they are in view."""
        new = [position for position in positions if position not in self._seen]
        self._seen |= {position: [] for position in new}
        events = self._at(new)
        amendments = self._amending(events)
        mergers = self._mergers(_ids("actor", [*events, *amendments]))
        amendments += [*mergers, *self._amending(mergers)]
        amendments = self._at(amendment.position for amendment in amendments)  # each of them once
        self._date([*amendments, *events])
        reader = Reader(self._store.codec, amendments, self.horizon)
        for stored, amended in reader.read(events):
            if amended is not None:
                self._seen[stored.position].append((stored, amended))

    # When sources were published

    def _date(self, events: Collection[_AnyEvent]) -> None:
        """Find the dates of the sources that these events name or add."""
        if not self._needs_dates:
            return
        wanted = _ids("source", events)
        wanted |= {e.event.source.id for e in events if isinstance(e.event, SourceAdded)}
        wanted -= self._dates.keys()
        if wanted:
            dates = self._publication(wanted)
            self._dates |= {source: dates.get(source) for source in wanted}

    def _publication(self, sources: set[str]) -> Mapping[str, When | None]:
        positions: set[int] = set()
        known: set[str] = set()
        left = sources
        while left:
            known |= left
            where = self._where("source", left, _ADDED, ("source.id", "source.copies"))
            positions = positions.union(*where.values(), *self._corrected_to(left).values())
            added = self._sources_at(positions)
            left = {id for source in added for id in _dating(source, known)} - known
        return publication(self._sources_at(positions))

    def _sources_at(self, positions: Iterable[int]) -> list[Source]:
        """The sources added there, under all amendments, in view or not."""
        events = [event for event in self._at(positions) if event.type in _ADDED]
        reader = Reader(self._store.codec, self._amending(events))
        return [event.event.source for _, event in reader.read(events) if event is not None]


def _dating(source: Source, known: Collection[str]) -> Iterator[str]:
    """The sources on whose dates those of the known ones depend, as one source says."""
    if source.id in known and source.cited_in is not None:
        yield source.cited_in
    if source.copies in known:
        yield source.id


def _merged(merger: _AnyEvent) -> set[str]:
    """The actors that a merger names."""
    return {id for _, _, id in references(merger.event, category="actor")}


def _named(event: _AnyEvent) -> Iterator[tuple[str, str]]:
    """Category and id of what an event and its evidence name."""
    return ((category, id) for _, category, id in references_with_evidence(event))


def _ids(category: str, events: Iterable[_AnyEvent]) -> set[str]:
    """The ids of one category that events name, or may name once corrected."""
    ids: set[str] = set()
    for event in events:
        ids |= {id for kind, id in _named(event) if kind == category}
        ids |= {text for _, _, text in new_values(event.event)}
    return ids
