"""What a record takes in: events, record files, files of coded data."""

from __future__ import annotations

import abc
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import attrs
import sqlalchemy as sa

from timeline.dates import Occurred, now
from timeline.engine.projection import View
from timeline.errors import (
    EventIdReused,
    InvalidEvent,
    InvalidInput,
    UnknownReference,
    require_text,
)
from timeline.events import (
    Actor,
    ActorAdded,
    EventCorrected,
    EventCorroborated,
    EventRedacted,
    EventRetracted,
    Evidence,
    Link,
    NewEvent,
    RecordedEvent,
    Redacted,
    Source,
    SourceAdded,
)
from timeline.events.base import several
from timeline.events.envelope import new_id, stream_name
from timeline.events.evidence import links
from timeline.formats.files import Place, named_path, new_file, path_text
from timeline.formats.record_files.names import Entry, Names
from timeline.log.append import Appended, Expected, ExpectedVersion
from timeline.log.query import Query
from timeline.log.telemetry import Progress
from timeline.projections.amendments import AmendedRow
from timeline.projections.directory import ActorRow, SourceRow
from timeline.projections.documents import DocumentRow
from timeline.projections.initiatives import InitiativeRow
from timeline.projections.meetings import MeetingRow
from timeline.projections.plans import PlanRow
from timeline.record.texts import Texts
from timeline.rules import (
    Finding,
    findings,
    require_evidence,
    require_identities,
    require_references,
)

# Reports need not wait for what reads files.
if TYPE_CHECKING:
    from timeline.formats import Ingested, RecordFile
    from timeline.formats.coded.events import Dataset
    from timeline.formats.record_files.resolving import Understood
    from timeline.formats.record_files.short_form import Order


@attrs.frozen
class Draft:
    """Record files as they were read.

    Attributes:
        files: the files, with the events of each.
        created: actors that were known by name only, and are added.
        understood: dates that were written in words, and what they are taken for.
    """

    files: tuple[RecordFile, ...] = ()
    created: tuple[Actor, ...] = ()
    understood: tuple[Understood, ...] = ()

    @classmethod
    def of(cls, drafts: Iterable[Draft]) -> Draft:
        """Several drafts as one."""
        parts = [(draft.files, draft.created, draft.understood) for draft in drafts]
        return cls(*(tuple(chain.from_iterable(part)) for part in zip(*parts, strict=True)))

    @property
    def events(self) -> list[NewEvent]:
        """All events of the files, in order."""
        return [new for file in self.files for new in file.events]

    def place(self, event: str, field: str) -> str:
        """The file and the line of a field of an event."""
        holding = {new.id: file for file in self.files for new in file.events}
        return holding[event].place(event, field)


class Writing(Texts):
    """A record that takes events in: all that come together, or none."""

    @abc.abstractmethod
    def within(self, connection: sa.Connection) -> Self:
        """The record, as it works within a transaction of yours."""

    def add(self, *things: Actor | Source, connection: sa.Connection | None = None) -> Appended:
        """Record actors and sources, so that events can name them.

        Adding one again as it is does nothing. With `connection` it is a part of your transaction.

        >>> from timeline import Actor
        >>> record.add(Actor("eve", "person", "Eve Elder")).added
        1

        Raises:
            EventIdReused: the id is recorded with other particulars; append an `EventCorrected`.
            UnknownReference: something named is not recorded.
            InvalidEvent: a field does not fit.
            DatabaseError: the database could not do it.
        """
        return self.append_all(map(_added, things), connection=connection)

    def append(
        self,
        *events: Any,
        occurred: Occurred = None,
        source: str | None = None,
        at: str | None = None,
        excerpt: str | None = None,
        according_to: Iterable[Link | str] = (),
        evidence: Iterable[Evidence] = (),
        id: str | None = None,
        stream: str | None = None,
        expected_version: ExpectedVersion = Expected.ANY,
        connection: sa.Connection | None = None,
    ) -> Appended:
        """Record what a source reports: all of the events or, on any error, none.

        >>> from timeline import StatementMade
        >>> said = StatementMade("ann", "Soon.", about=["harbour"])
        >>> record.append(said, occurred="2024-06", source="beacon-1", id="soon").added
        1

        Args:
            events: one or more events; the other arguments are the same for all of them.
            occurred: when it happened, as a date of EDTF or an aware datetime.
            source: the id of the source that reports it.
            at: the place in that source.
            excerpt: a short passage from there.
            according_to: the chain from the publisher back to the speaker: actors' ids or `Link`s.
            evidence: further evidence, or all of it in full.
            id: the event's id, for a single event. Give one to make the call safe to repeat.
            stream: the stream, for your own event classes that do not name one.
            expected_version: the version the events' stream must be at, if they share one.
            connection: append within your own transaction; `within` has the particulars.

        Raises:
            InvalidDate, NaiveDatetime: `occurred` is not a date.
            InvalidEvent: a field does not fit, or evidence is missing where there must be some.
            UnknownReference: something named is not recorded.
            WrongExpectedVersion: the stream is at another version.
            EventIdReused: the id is recorded with other content.
            DatabaseError: the database could not do it.
        """
        if id is not None and len(events) != 1:
            raise InvalidEvent(f"an id names one event; found {len(events)} with id={id!r}")
        known_from = _support(source, at, excerpt, according_to, evidence)
        if any(isinstance(event, NewEvent) for event in events):
            raise InvalidEvent("a NewEvent brings its own id, date and evidence: use append_all")
        news = [
            NewEvent(event, new_id() if id is None else id, stream, occurred, known_from)
            for event in events
        ]
        return self.append_all(news, expected_version=expected_version, connection=connection)

    def append_all(
        self,
        events: Iterable[NewEvent],
        *,
        expected_version: ExpectedVersion = Expected.ANY,
        progress: Callable[[int], None] | None = None,
        connection: sa.Connection | None = None,
    ) -> Appended:
        """Record events that each bring their own id, date and evidence: all of them or none.

        `progress` is called with how many are written. With `connection` it is a part of your
        transaction.

        >>> from timeline import EventRetracted, NewEvent
        >>> record.append_all([NewEvent(EventRetracted(["fish"], "A rumour."))]).added
        1

        Raises:
            InvalidEvent: a field does not fit, or evidence is missing where there must be some.
            UnknownReference: something named is not recorded.
            WrongExpectedVersion: the stream is at another version.
            EventIdReused: the id is recorded with other content.
            DatabaseError: the database could not do it.
        """
        if connection is not None:
            here = self.within(connection)
            return here.append_all(events, expected_version=expected_version, progress=progress)
        news = list(events)
        for new in news:
            if not isinstance(new, NewEvent):
                raise InvalidEvent(f"expected a NewEvent; found {new!r:.80}. See append, too")
            require_text("id", new.id)
            if new.stream is not None:
                require_text("stream", new.stream)
            require_evidence(new)
        require_references(self.store, news)
        require_identities(self.store, news, self.view)
        expected = {stream_name(new): expected_version for new in news}
        if len(expected) > 1 and expected_version is not Expected.ANY:
            raise InvalidEvent(
                f"expected_version is for one stream; found events of {', '.join(sorted(expected))}"
            )
        return self._projector.append(news, expected=expected, progress=progress)

    def draft(
        self, *files: str | os.PathLike[str], create: bool = False, dates: Order | None = None
    ) -> Draft:
        """Read record files without recording anything, for `check` and `ingest`.

        Args:
            files: record files.
            create: whether to add actors that are known by name only.
            dates: `day first` or `month first`, for dates such as 05/06/2022.

        Raises:
            InvalidRecord: a file cannot be read; names file, line and field.
            InvalidInput: something given is no file, or no order of dates.
            DatabaseError: the database could not do it.
        """
        from timeline.formats.record_files.reader import read_files
        from timeline.formats.record_files.resolving import Expander
        from timeline.formats.record_files.short_form import Order

        if dates not in (None, *get_args(Order)):
            raise InvalidInput(f"dates: expected day first or month first; found {dates!r:.40}")
        expander = Expander(self.store.codec.class_named, self._names(), create=create, order=dates)
        read = read_files(files, expander)
        return Draft(tuple(read), tuple(expander.created), tuple(expander.understood))

    def export_sheet(self, place: Place) -> None:
        """Write the record as a workbook, a claim a row; ingested again it adds nothing.

        What was taken down is not in it.

        Args:
            place: a file, or an open binary file.

        Raises:
            InvalidInput: the file cannot be written, or an event is too long for a cell.
            MissingExtra: openpyxl is not installed.
            DatabaseError: the database could not do it.
        """
        from timeline.formats.record_files.writing import entries_of, rows_of, workbook_of

        entries = entries_of(self._kept())
        book = workbook_of(entries.record, rows_of(entries, self.store.codec.class_named))
        with new_file(place) as out:
            book.save(out)

    def export_records(self, folder: str | os.PathLike[str]) -> Path:
        """Write the record as a record file into a folder; ingested again it adds nothing.

        Raises:
            InvalidInput: the file is there, or cannot be written.
            DatabaseError: the database could not do it.
        """
        from timeline.formats.record_files.writing import entries_of, record_file

        entries = entries_of(self._kept())
        file = named_path(folder, "folder for the record") / f"{entries.record}.yaml"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"{file}: cannot be written: {error.strerror}") from None
        if file.exists():
            raise InvalidInput(f"{file} is there already, and stays as it is. Name another folder")
        with new_file(file) as out:
            out.write(record_file(entries).encode())
        return file

    def _kept(self) -> Iterator[RecordedEvent[Any]]:
        """All events but those taken down, and what was said of nothing else than those."""
        takedowns = self.store.read_all(Query([EventRedacted]))
        gone = {takedown.event.event for takedown in takedowns}
        for event in self.store.read_all():
            body = event.event
            if isinstance(body, EventRedacted) or (
                isinstance(body, EventCorrected | EventRetracted | EventCorroborated)
                and gone.issuperset(body.events)
            ):
                gone.add(event.id)
            elif not isinstance(body, Redacted):
                yield event

    def check(self, *files: str | os.PathLike[str] | Draft) -> list[Finding]:
        """What looks wrong in record files, or in the whole record. Some of it may be right.

        Dates in the future or out of order, chains of attribution that lead elsewhere, second
        entries for one actor or source, sources that copy each other, ids and names that miss by a
        letter, and quotes that the texts of their sources do not have. Nothing is recorded.

        >>> print(record.check()[0].problem)
        source 'wire-1' was published on 2024-03-03, before the event occurred (2024-03-05~)

        Args:
            files: record files that are ingested, or will be. Without any, the record is checked.

        Raises:
            InvalidRecord: a file cannot be read; names file, line and field.
            UnknownReference: something named is not recorded; names file, line and field.
            DatabaseError: the database could not do it.
        """
        draft = self._drafted(files)
        with self.view() as view:
            if not files:
                gone = withdrawn_in(view)
                recorded = (e for e in self.store.read_all() if e.id not in gone)
                kept = [event for event in recorded if not isinstance(event.event, Redacted)]
                return [*findings(kept, view, now()), *self._misquoted(kept)]
            looks_wrong = [*findings(draft.events, view, now()), *self._misquoted(draft.events)]
        with placing(draft.files):
            require_references(self.store, draft.events)
        return [
            attrs.evolve(finding, place=draft.place(finding.event, finding.field))
            for finding in looks_wrong
        ]

    def _misquoted(self, events: Iterable[NewEvent | RecordedEvent[Any]]) -> Iterator[Finding]:
        """What is quoted otherwise than the text of its source has it, or is not in it."""
        for one in self.quotations(events):
            if one.standing != "verbatim":
                yield Finding(one.event, one.field, one.problem())

    def _drafted(self, given: Sequence[str | os.PathLike[str] | Draft]) -> Draft:
        """What was given, read where it is not yet."""
        drafts = [item for item in given if isinstance(item, Draft)]
        files = [item for item in given if not isinstance(item, Draft)]
        drafts += [self.draft(*files)] if files else []
        return Draft.of(drafts)

    def _names(self) -> Names:
        """What goes by which name in the record."""

        def load() -> Iterator[Entry]:
            with self.view() as view:
                yield from _named(view)

        def exists(category: str, id: str) -> bool:
            return bool(self.store.existing_streams([f"{category}-{id}"]))

        def stream(event: str) -> str:
            known = self.store.existing([event]).get(event)
            return known.stream if known else ""

        def is_gone(category: str, id: str) -> bool:
            opening = next(self.store.read_stream(f"{category}-{id}", limit=1), None)
            return opening is not None and isinstance(opening.event, Redacted)

        return Names(load, exists, stream, is_gone)

    def ingest_coded(
        self,
        *files: str | os.PathLike[str],
        dataset: Dataset,
        conduct: bool = True,
        keep_going: bool = False,
        reading: Progress | None = None,
        progress: Progress | None = None,
    ) -> Ingested:
        """Record the rows of files of coded event data: all in one transaction, or nothing.

        Rows that are on record are not recorded again. `docs/howto/coded-data.md` says what
        becomes of each code, and what is folded.

        Args:
            files: plain, zipped or gzipped.
            dataset: `icews` for files of ICEWS, `gdelt` for exports of GDELT 2.0.
            conduct: whether to record what is neither said, proposed nor a meeting, as
                `ConductReported`.
            keep_going: leave bad rows out; without it nothing is recorded if there is one. A file
                without a good row is always refused.
            reading: called with how many bytes of a file are read, and how many there are.
            progress: called with how many actors, sources and events are done, and how many there
                are.

        Returns:
            An account that counts every row once, by code.

        Raises:
            InvalidInput: no such data set.
            InvalidRecord: a file cannot be read, or has bad rows; names file and line.
            DatabaseError: the database could not do it.
        """
        from timeline.formats.coded.events import Dataset
        from timeline.formats.coded.ingest import Ingest
        from timeline.formats.coded.reading import SortedRows

        if dataset not in get_args(Dataset):
            raise InvalidInput(f"dataset: expected icews or gdelt; found {dataset!r:.40}")
        with SortedRows() as rows:
            ingest = Ingest(self.store, rows, dataset, conduct=conduct, keep_going=keep_going)
            ingest.read([path_text(file, "file of coded data") for file in files], reading)
            # All that the events name was looked up or made on the way: there is nothing to check.
            loaded = self._projector.load(lambda connection: ingest.events(connection, progress))
            at = self.store.head().position
            return ingest.tally.account(dataset, added=loaded.added, position=at)


def withdrawn_in(view: View) -> set[str]:
    """The ids of events that no longer stand: they were retracted, or superseded."""
    rows = view.all(AmendedRow)
    return {row.target for row in rows if row.kind in ("retracted", "superseded")}


def noted(news: Iterable[NewEvent], files: Iterable[RecordFile]) -> list[NewEvent]:
    """Events of record files, each with a note of the ingest and of its file."""
    ingest = new_id()
    notes = [(file, {"ingest": ingest, **_provenance(file.file)}) for file in files]
    note_of = {new.id: note for file, note in notes for new in file.events}
    return [attrs.evolve(new, metadata=note_of.get(new.id, {"ingest": ingest})) for new in news]


def _provenance(path: str) -> dict[str, str]:
    """What tells a file again: its name, without the folders of whoever has it, and its digest."""
    file = Path(path)
    if not file.is_file():
        return {"file": file.name}
    with file.open("rb") as opened:
        return {"file": file.name, "file_digest": hashlib.file_digest(opened, "sha256").hexdigest()}


@contextlib.contextmanager
def placing(files: Sequence[RecordFile]) -> Iterator[None]:
    """Name file and line in errors about references, and about ids that are taken."""
    holding = {new.id: file for file in files for new in file.events}
    try:
        yield
    except UnknownReference as error:
        raise error.placed(lambda id, field: holding[id].place(id, field)) from None
    except EventIdReused as error:
        place = holding[error.event_id].place(error.event_id, "id")
        error.args = (f"{place}: {error}",)
        raise


def _named(view: View) -> Iterator[Entry]:
    """The names on record. Entries that were merged are one, and withdrawn actors have none."""
    from timeline.formats.record_files.resolving import host_of

    for actor in view.all(ActorRow):
        if actor.withdrawn is None:
            category = "person" if actor.kind == "person" else "actor"
            yield category, actor.merged_into or actor.actor, (actor.name, *actor.aliases)
    for source in view.all(SourceRow):
        yield "source", source.source, tuple(filter(None, (source.title, source.address)))
        if host := host_of(source.address):
            yield "host", source.publisher, (host,)
    for initiative in view.all(InitiativeRow):
        yield "proposal", initiative.initiative, (initiative.title or "",)
    for meeting in view.all(MeetingRow):
        yield "meeting", meeting.meeting, (meeting.title,)
    for plan in view.all(PlanRow):
        yield "plan", plan.plan, (plan.title,)
    for document in view.all(DocumentRow):
        yield "document", document.document, (document.title,)


def _added(thing: Actor | Source) -> NewEvent:
    """What records an actor or a source."""
    # The id is derived from the thing's id, so that adding it again is a retry, not a second event.
    if not isinstance(thing, Actor | Source):
        raise InvalidEvent(f"expected an Actor or a Source; found {thing!r:.80}")
    if isinstance(thing, Actor):
        return NewEvent(ActorAdded(thing), id=f"actor/{thing.id}")
    return NewEvent(SourceAdded(thing), id=f"source/{thing.id}")


def _support(
    source: str | None,
    at: str | None,
    excerpt: str | None,
    according_to: Iterable[Link | str],
    evidence: Iterable[Evidence],
) -> tuple[Evidence, ...]:
    """The evidence of an append: that of the source named with it, and any further evidence."""
    try:
        chain = links(according_to)
    except TypeError as error:
        raise InvalidEvent(f"according_to: {error}") from None
    further = several(Evidence, evidence)
    if source is not None:
        return Evidence(source, at, excerpt, chain), *further
    if at is not None or excerpt is not None or chain:
        raise InvalidEvent("at=, excerpt= and according_to= say more of a source: name it, source=")
    return further
