"""The new events of coded rows: what of them is on record already, and what is not.

First all files are read. Then all that is new goes into the log in one transaction: actors, then
sources, then events. So an event comes after what it names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import attrs
import sqlalchemy as sa

from timeline.errors import InvalidRecord
from timeline.events import (
    Actor,
    ActorAdded,
    Coding,
    Evidence,
    NewEvent,
    RecordedEvent,
    Redacted,
    references,
)
from timeline.formats.coded.account import Tally, Why
from timeline.formats.coded.reading import read_rows
from timeline.formats.coded.rows import (
    CodedRow,
    Dataset,
    IdOf,
    Story,
    actor_added,
    canonical,
    coded_event,
    corroborated,
    slugs,
    source_added,
)
from timeline.formats.coded.sorting import Named, Revised, SortedRows
from timeline.log.telemetry import Progress, batched

_PAGE = 200
"""Events, actors or sources that one query looks for."""

_MOST_SHOWN = 20
"""Problems that an error lists."""

_KNOWN_NAMES = 10_000
"""Ids of actors kept in memory, since most rows name the same few."""

_OF_TWO = frozenset({"announced", "held", "adopted"})
"""What takes two parties."""


class Log(Protocol):
    """What this module needs of the log, within the transaction that records the events."""

    def existing(
        self, ids: Iterable[str], connection: sa.Connection
    ) -> dict[str, RecordedEvent[Any]]:
        """The events on record with these ids, by id."""

    def existing_streams(self, streams: Iterable[str], connection: sa.Connection) -> set[str]:
        """The streams that have events."""

    def read_stream(
        self, stream: str, *, limit: int, connection: sa.Connection
    ) -> Iterator[RecordedEvent[Any]]:
        """The first events of a stream."""


class Ingest:
    """The rows of some files, ready to be recorded.

    Args:
        store: the log.
        rows: where they are put in order.
        dataset: what format the files have.
        conduct: whether conduct is recorded, or left out.
        keep_going: whether bad rows are passed over, or nothing is recorded for them.
    """

    def __init__(
        self,
        store: Log,
        rows: SortedRows,
        dataset: Dataset,
        *,
        conduct: bool,
        keep_going: bool,
    ) -> None:
        self._store, self._rows, self._dataset = store, rows, dataset
        self._conduct, self._keep_going = conduct, keep_going
        self._read = Tally()
        self._id_of: Callable[[str], str] = rows.id_of
        self.tally = self._read

    def read(self, files: Iterable[str], progress: Progress | None = None) -> None:
        """Read files.

        Raises:
            InvalidRecord: a file cannot be read, or has no row that is not bad; or rows are bad,
                and they are not passed over. It stands for the first; its message lists others
                too, up to 20.
        """
        for file in files:
            if not self._read_file(file, progress) and not self._is_refused():
                raise self._of_another_sort(file)
        if self._is_refused():
            raise _together(self._read.problems)

    def _read_file(self, file: str, progress: Progress | None) -> int:
        """Read a file; returns how many good rows it has."""
        good = 0
        for line, row in read_rows(file, self._dataset, progress):
            if isinstance(row, InvalidRecord):
                self._read.refuse(row)
                continue
            try:
                self._take(row)
            except Revised as error:
                problem = InvalidRecord(file, str(error), line=line)
                self._read.refuse(problem, row.code, revised=True)
            else:
                good += 1
        return good

    def _is_refused(self) -> bool:
        return bool(self._read.problems) and not self._keep_going

    def _of_another_sort(self, file: str) -> InvalidRecord:
        """What is wrong with a file without a good row, whether or not bad ones are passed over."""
        bad = next((problem for problem in self._read.problems if problem.file == file), None)
        first = "" if bad is None else f". The first bad one, on line {bad.line}: {bad.problem}"
        problem = f"expected rows of {self._dataset}; found none that could be read{first}"
        return InvalidRecord(file, f"{problem}. Is it a file of another format?")

    def _take(self, row: CodedRow) -> None:
        why = self._why_not(row)
        if not self._rows.put(row, kept=why is None):
            self._read.count(row.code, "repeated")
        elif why is not None:
            self._read.leave_out(row.code, why)

    def _why_not(self, row: CodedRow) -> Why | None:
        """Why nothing becomes of a row; None if something does."""
        becomes = row.meaning.becomes
        if becomes in _OF_TWO:
            two = len({canonical(party.name) for party in row.sides if party is not None}) == 2
            return None if two else "one party"
        if row.actor is None:
            return "nobody acts"
        return "conduct" if becomes == "conduct" and not self._conduct else None

    def events(
        self, connection: sa.Connection, progress: Progress | None = None
    ) -> Iterator[NewEvent]:
        """What is new of them, in an order in which it can be recorded.

        Args:
            connection: the transaction in which it will be.
            progress: takes how many actors, sources and rows are done, and how many there are.

        Raises:
            InvalidRecord: a row is on record with other content, and bad ones are not passed over.
        """
        # After a transaction that failed, the next attempt begins anew.
        self.tally = self._read.copy()
        self._rows.forget()
        self._id_of = functools.lru_cache(_KNOWN_NAMES)(self._rows.id_of)
        done, size = 0, self._rows.size
        steps: tuple[tuple[Iterator[Any], Callable[..., Iterator[NewEvent]]], ...] = (
            (self._rows.actors(), self._new_actors),
            (self._rows.sources(), self._new_sources),
            (self._rows.events(), self._new_events),
        )
        for things, new in steps:
            for page in batched(things, _PAGE):
                yield from new(page, connection)
                done += sum(len(thing) if isinstance(thing, list) else 1 for thing in page)
                if progress is not None:
                    progress(done, size)

    # Actors

    def _new_actors(self, page: list[Named], connection: sa.Connection) -> Iterator[NewEvent]:
        wanted = {named.canonical: slugs(named.party.name) for named in page}
        ids = [f"actor-{id}" for choices in wanted.values() for id in choices]
        taken = self._store.existing_streams(ids, connection)
        entries = self._entries([id.removeprefix("actor-") for id in taken], connection)
        for named in page:
            for id in wanted[named.canonical]:
                free = f"actor-{id}" not in taken
                ours = free or _goes_by(entries.get(id), named.canonical)
                if ours and self._rows.resolve(named, id):
                    if free:
                        self.tally.actors += 1
                        yield actor_added(id, named.party)
                    break

    def _entries(
        self, ids: Sequence[str], connection: sa.Connection
    ) -> dict[str, RecordedEvent[Any]]:
        """The events that opened the entries of these actors, by id."""
        events = self._store.existing([f"actor/{id}" for id in ids], connection)
        entries = {id: events[f"actor/{id}"] for id in ids if f"actor/{id}" in events}
        for id in set(ids) - entries.keys():
            stream = self._store.read_stream(f"actor-{id}", limit=1, connection=connection)
            entries.update((id, event) for event in stream)
        return entries

    # Sources

    def _new_sources(self, page: list[Story], connection: sa.Connection) -> Iterator[NewEvent]:
        streams = {f"source-{story.source}" for story in page}
        known = self._store.existing_streams(streams, connection)
        for story in page:
            if f"source-{story.source}" not in known:
                self.tally.sources += 1
                yield source_added(story, self._rows.id_of)

    # Events

    def _new_events(
        self, page: list[list[CodedRow]], connection: sa.Connection
    ) -> Iterator[NewEvent]:
        # A mutual row may be on record as an event of its own, under the code it had then.
        ids = {id for rows in page for row in rows for id in (row.event, row.id)}
        recorded = self._store.existing(ids, connection)
        later: list[CodedRow] = []
        for rows in page:
            event = recorded.get(rows[0].event)
            if event is not None:
                later += self._missing(event, rows)
            elif new := [row for row in rows if not self._had_another_code(recorded, row)]:
                for number, row in enumerate(new):
                    self.tally.count(row.code, "folded" if number else "event")
                yield coded_event(new, self._id_of)
        yield from self._further(later, connection)

    def _missing(self, event: RecordedEvent[Any], rows: list[CodedRow]) -> Iterator[CodedRow]:
        """The rows that the event, which is on record, does not rest on yet."""
        for row in rows:
            if isinstance(event.event, Redacted) or _rests_on(event, row):
                # Ingesting redacted rows again does not bring them back.
                self._repeated(event, row)
            else:
                yield row

    def _had_another_code(self, recorded: dict[str, RecordedEvent[Any]], row: CodedRow) -> bool:
        """Whether a row is on record as another event; it is then counted as revised."""
        event = recorded.get(row.id)
        if event is not None:
            self._repeated(event, row)
        return event is not None

    def _further(self, rows: list[CodedRow], connection: sa.Connection) -> Iterator[NewEvent]:
        news = [corroborated(row) for row in rows]
        recorded = self._store.existing([new.id for new in news], connection) if news else {}
        for row, new in zip(rows, news, strict=True):
            if new.id in recorded:
                self._repeated(recorded[new.id], row)
            else:
                self.tally.count(row.code, "further")
                yield new

    def _repeated(self, event: RecordedEvent[Any], row: CodedRow) -> None:
        differences = () if isinstance(event.event, Redacted) else _revised(event, row, self._id_of)
        if not differences:
            self.tally.count(row.code, "repeated")
            return
        problem = InvalidRecord(
            f"{row.dataset} row {row.row} of {row.day}",
            f"it is on record with other content, as event {event.id!r} at position "
            f"{event.position}: {'; '.join(differences)}. If the row is right, retract the event "
            "with an EventRetracted, and record the row by hand",
        )
        self.tally.refuse(problem, row.code, revised=True)
        if not self._keep_going:
            raise problem


def _goes_by(entry: RecordedEvent[Any] | None, name: str) -> bool:
    """Whether the event that added an actor gave it that name."""
    if entry is None or isinstance(entry.event, Redacted):
        # Its names were redacted. The id was made of the name, so it can be no other.
        return entry is not None
    actor: Actor | None = entry.event.actor if isinstance(entry.event, ActorAdded) else None
    return actor is not None and name in map(canonical, (actor.name, *actor.aliases))


def _rests_on(event: RecordedEvent[Any], row: CodedRow) -> bool:
    return any(_is_of(entry, row) for entry in event.evidence)


def _revised(event: RecordedEvent[Any], row: CodedRow, id_of: IdOf) -> tuple[str, ...]:
    """In what a row differs from what is on record for it; nothing where it is a repeat.

    The day, and for folded events the parties, are in the id.
    """
    before = next((entry for entry in event.evidence if _is_of(entry, row)), None)
    if before is None:
        return ("it does not rest on this row",)
    now = row.evidence
    pairs = [("source", before.source, now.source), ("at", before.at, now.at)]
    pairs += [
        (field.name, getattr(before.coding, field.name), getattr(now.coding, field.name))
        for field in attrs.fields(Coding)
    ]
    if not row.meaning.mutual:
        actors = {id for _, _, id in references(event.event, category="actor")}
        named = {id_of(party.name) for party in (row.actor, row.target) if party}
        pairs.append(("actors", " and ".join(sorted(actors)), " and ".join(sorted(named))))
    return tuple(f"{name} {old!r}, now {new!r}" for name, old, new in pairs if old != new)


def _is_of(evidence: Evidence, row: CodedRow) -> bool:
    coding = evidence.coding
    return coding is not None and (coding.dataset, coding.row) == (row.dataset, row.row)


def _together(problems: Sequence[InvalidRecord]) -> InvalidRecord:
    """The first problem, with others beneath it."""
    first, *others = problems[:_MOST_SHOWN]
    lines = [first.problem, *map(str, others)]
    if len(problems) > _MOST_SHOWN:
        lines.append(f"and {len(problems) - _MOST_SHOWN:,} more problems")
    lines.append("Nothing was recorded. With --keep-going (keep_going=True) bad rows are left out")
    return InvalidRecord(first.file, "\n".join(lines), line=first.line, field=first.field)
