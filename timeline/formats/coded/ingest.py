"""The new events of coded rows, and an account in which every row is counted once.

First all files are read. Then all that is new goes into the log in one transaction: actors, then
sources, then events. So an event comes after what it names.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias, get_args

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
from timeline.formats.coded.events import (
    CodedRow,
    Dataset,
    IdOf,
    Story,
    Why,
    actor_added,
    coded_event,
    corroborated,
    source_added,
)
from timeline.formats.coded.fields import CODES, Becomes, canonical, slugs
from timeline.formats.coded.reading import Named, Page, ReadRow, SortedRows, read_pages
from timeline.log.telemetry import Progress, batched

# --- The account ----------------------------------------------------------------------------------


Fate = Literal["event", "folded", "further", "repeated", "left out", "bad"]
"""What became of a row.

It made an `event`; was `folded` into that of a row which tells the same; came `further` to an event
that was on record; was `repeated`, being on record or among these rows before; was `left out`, for
one of the reasons `Why`; or was `bad`.
"""

_MOST_PROBLEMS = 100


@attrs.frozen
class CodeLine:
    """What became of the rows of one code; `rows` is the sum of what follows."""

    code: str
    label: str
    becomes: Becomes
    rows: int
    events: int
    folded: int
    further: int
    repeated: int
    left_out: int
    bad: int


@attrs.frozen
class Ingested:
    """The account.

    Attributes:
        dataset: what was ingested.
        rows: how many rows were read, good and bad.
        events: how many events were made of them.
        folded: how many rows were folded into the event of another.
        further: how many rows were added, as corroborations, to events on record.
        repeated: how many were on record, or read, before.
        left_out: how many were left out.
        reasons: the same by why, where there are any: `conduct`, that was not asked for; `nobody
            acts`; and `one party`, of a meeting or an agreement that does not name two.
        bad: how many were bad; those whose code could not be read are in no line of `codes`.
        revised: how many of the bad rows are revised: known by their id, with other content.
        codes: the same by code.
        problems: what was wrong with the bad rows, up to a hundred. What is wrong with many rows
            of a file in the same way is one problem, that of the first.
        actors: how many actors were added.
        sources: how many sources were.
        added: how many events the log has more: of rows, actors and sources.
        position: where the log ended then.
    """

    dataset: Dataset
    rows: int
    events: int
    folded: int
    further: int
    repeated: int
    left_out: int
    reasons: dict[str, int]
    bad: int
    revised: int
    codes: tuple[CodeLine, ...]
    problems: tuple[InvalidRecord, ...]
    actors: int
    sources: int
    added: int
    position: int


class Tally:
    """Counts what becomes of rows."""

    def __init__(self) -> None:
        self._fates: Counter[tuple[str, Fate]] = Counter()
        self._reasons: Counter[Why] = Counter()
        self._problems: dict[tuple[str, str], InvalidRecord] = {}
        self._alike: Counter[tuple[str, str]] = Counter()
        self.actors = self.sources = self.revised = 0

    def count(self, code: str, fate: Fate, rows: int = 1) -> None:
        """Count rows of a code."""
        self._fates[code, fate] += rows

    def fold(self, rows: Iterable[CodedRow]) -> None:
        """Count the rows of one event."""
        for number, row in enumerate(rows):
            self.count(row.code, "folded" if number else "event")

    def leave_out(self, code: str, why: Why) -> None:
        """Count a row of a code that is left out."""
        self.count(code, "left out")
        self._reasons[why] += 1

    def refuse(self, problem: InvalidRecord, code: str = "", *, revised: bool = False) -> None:
        """Count a bad row, and keep what is wrong with it."""
        self.count(code, "bad")
        self.revised += revised
        key = (problem.file, problem.problem)
        if key in self._problems or len(self._problems) < _MOST_PROBLEMS:
            self._problems.setdefault(key, problem)
            self._alike[key] += 1

    @property
    def problems(self) -> list[InvalidRecord]:
        """What is wrong with rows; of several of one file with the same fault, the first."""
        return [
            _of_several(problem, self._alike[key] - 1) for key, problem in self._problems.items()
        ]

    def require_good(self, file: str, good: int, dataset: Dataset, *, keep_going: bool) -> None:
        """Check that a file has good rows, whether or not bad ones are passed over.

        Raises:
            InvalidRecord: it has none; not where `require_no_bad` would tell of bad ones.
        """
        if good or (self._problems and not keep_going):
            return
        bad = next((problem for problem in self.problems if problem.file == file), None)
        first = "" if bad is None else f". The first bad one, on line {bad.line}: {bad.problem}"
        problem = f"expected rows of {dataset}; found none that could be read{first}"
        raise InvalidRecord(file, f"{problem}. Is it a file of another format?")

    def require_no_bad(self, *, keep_going: bool) -> None:
        """Check that there were no bad rows, unless they are passed over.

        Raises:
            InvalidRecord: the first of them; its message lists others too, up to 20.
        """
        if self._problems and not keep_going:
            raise _together(self.problems)

    def copy(self) -> Tally:
        """One that goes on from here."""
        other = Tally()
        other._fates = self._fates.copy()
        other._reasons = self._reasons.copy()
        other._problems = self._problems.copy()
        other._alike = self._alike.copy()
        other.revised = self.revised
        return other

    def add(self, other: Tally, order: Callable[[InvalidRecord], Any] | None = None) -> None:
        """Add what was counted of other rows.

        Args:
            other: counts them.
            order: where a problem stands among all, of which the first ones are kept. Leave it out
                where there are none.
        """
        self._fates += other._fates
        self._reasons += other._reasons
        self._alike += other._alike
        self.revised += other.revised
        if order is None:
            return
        for key, problem in other._problems.items():
            self._problems[key] = min(problem, self._problems.get(key, problem), key=order)
        first = sorted(self._problems.items(), key=lambda item: order(item[1]))
        self._problems = dict(first[:_MOST_PROBLEMS])

    def total(self, fate: Fate) -> int:
        """How many rows that became of."""
        return sum(count for (_, of), count in self._fates.items() if of == fate)

    def account(self, dataset: Dataset, added: int, position: int) -> Ingested:
        """The account of it all."""
        seen = {code for code, _ in self._fates}
        return Ingested(
            dataset=dataset,
            rows=self._fates.total(),
            events=self.total("event"),
            folded=self.total("folded"),
            further=self.total("further"),
            repeated=self.total("repeated"),
            left_out=self.total("left out"),
            reasons={why: self._reasons[why] for why in get_args(Why) if self._reasons[why]},
            bad=self.total("bad"),
            revised=self.revised,
            codes=tuple(self._line(code) for code in CODES if code in seen),
            problems=tuple(self.problems),
            actors=self.actors,
            sources=self.sources,
            added=added,
            position=position,
        )

    def _line(self, code: str) -> CodeLine:
        of: dict[str, int] = {fate: count for (each, fate), count in self._fates.items()
                              if each == code}  # fmt: skip
        return CodeLine(
            code=code,
            label=CODES[code].label,
            becomes=CODES[code].becomes,
            rows=sum(of.values()),
            events=of.get("event", 0),
            folded=of.get("folded", 0),
            further=of.get("further", 0),
            repeated=of.get("repeated", 0),
            left_out=of.get("left out", 0),
            bad=of.get("bad", 0),
        )


def _of_several(problem: InvalidRecord, others: int) -> InvalidRecord:
    """A problem, with how many other rows have the same."""
    if not others:
        return problem
    text = f"{problem.problem}. So are {others:,} more rows of the file"
    return InvalidRecord(problem.file, text, line=problem.line, field=problem.field)


# --- The events -----------------------------------------------------------------------------------


_PAGE = 1_000
"""Events, actors or sources that one query looks for."""

_MOST_SHOWN = 20
"""Problems that an error lists."""

_KNOWN_NAMES = 10_000
"""Ids of actors kept in memory, since most rows name the same few."""

_Made: TypeAlias = tuple[int, list[NewEvent]]
"""How many actors, sources or events were looked at, and what is new of them."""


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
        self._id_of = functools.lru_cache(_KNOWN_NAMES)(rows.id_of)
        self.tally = self._read

    def read(self, files: Iterable[str], progress: Progress | None = None) -> None:
        """Read files.

        Args:
            files: their names.
            progress: called with how many bytes of a file are read, and how many there are.

        Raises:
            InvalidRecord: a file cannot be read, or has no row that is not bad; or rows are bad,
                and they are not passed over. It stands for the first; its message lists others
                too, up to 20.
        """
        for file in files:
            pages = read_pages(file, self._dataset, progress, conduct=self._conduct)
            good = sum(take(self._rows, self._read, file, page) for page in pages)
            self._read.require_good(file, good, self._dataset, keep_going=self._keep_going)
        self._read.require_no_bad(keep_going=self._keep_going)
        self._rows.sort()

    def events(
        self, connection: sa.Connection, progress: Progress | None = None
    ) -> Iterator[NewEvent]:
        """What is new of them, in an order in which it can be recorded.

        Args:
            connection: the transaction in which it will be.
            progress: takes how many actors, sources and events are done, and how many there are.

        Raises:
            InvalidRecord: a row is on record with other content, and bad ones are not passed over.
        """
        # After a transaction that failed, the next attempt begins again.
        self.tally = self._read.copy()
        self._rows.forget()
        done, size = 0, sum(self._rows.sizes)
        for pages in (self._actors, self._sources, self._events):
            for things, news in pages(connection):
                yield from news
                done += things
                if progress is not None:
                    progress(done, size)

    def _actors(self, connection: sa.Connection) -> Iterator[_Made]:
        """The new actors; their ids are noted."""
        self._id_of.cache_clear()
        for page in batched(self._rows.actors(), _PAGE):
            yield len(page), list(self._new_actors(page, connection))

    def _sources(self, connection: sa.Connection) -> Iterator[_Made]:
        """The new sources, once the actors are noted."""
        for page in batched(self._rows.sources(), _PAGE):
            yield len(page), list(self._new_sources(page, connection))

    def _events(self, connection: sa.Connection) -> Iterator[_Made]:
        """The new events of rows, once the actors are noted."""
        for page in batched(self._rows.events(), _PAGE):
            yield len(page), list(self._new_events(page, connection))

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
                yield source_added(story, self._id_of)

    # Events

    def _new_events(
        self, page: list[tuple[str, list[CodedRow]]], connection: sa.Connection
    ) -> Iterator[NewEvent]:
        # A mutual row may be on record as an event of its own, under the code it had then.
        ids = {id for event, rows in page for id in (event, *(row.id for row in rows))}
        recorded = self._store.existing(ids, connection)
        later: list[CodedRow] = []
        for id, rows in page:
            event = recorded.get(id)
            if event is not None:
                later += self._missing(event, rows)
            elif new := [row for row in rows if not self._had_another_code(recorded, row)]:
                self.tally.fold(new)
                yield coded_event(id, new, self._id_of)
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


def take(rows: SortedRows, tally: Tally, file: str, page: Page) -> int:
    """Put the rows of a page in order; returns how many are good."""
    repeated, revised = rows.put(page)
    out = {row.line for row in (*repeated, *revised)}
    for row in repeated:
        tally.count(row.code, "repeated")
    for row in page.rows:
        if row.why is not None and row.line not in out:
            tally.leave_out(row.code, row.why)
    bad = [(problem, "") for problem in page.bad]
    bad += [(_revision(file, row), row.code) for row in revised]
    for problem, code in sorted(bad, key=lambda each: each[0].line or 0):
        tally.refuse(problem, code, revised=bool(code))
    return len(page.rows) - len(revised)


def _revision(file: str, row: ReadRow) -> InvalidRecord:
    """What is wrong with a row whose id stands for other content already."""
    name = row.id.rpartition("/")[2]
    problem = f"the id {name!r} stands for another row of that day already"
    return InvalidRecord(file, problem, line=row.line)


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
