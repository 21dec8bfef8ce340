"""`Timeline`: the one door to a record. It joins the rooms: log, read models, reports, formats."""

from __future__ import annotations

import abc
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import attrs
import sqlalchemy as sa

from timeline.dates import Occurred, now, stretch, when, within
from timeline.engine.as_of import PartialView
from timeline.engine.builds import Build, Comparison
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import Projection, View
from timeline.engine.projector import ProjectionStatus, Projector
from timeline.engine.rows import shape_of
from timeline.errors import (
    DatabaseBusy,
    DatabaseReadOnly,
    InvalidEvent,
    InvalidInput,
    LogDamaged,
    NotFound,
    UnknownReference,
)
from timeline.events import (
    Actor,
    ActorAdded,
    Evidence,
    Link,
    NewEvent,
    RecordedEvent,
    Redacted,
    Source,
    SourceAdded,
)
from timeline.events.envelope import new_id
from timeline.events.evidence import links
from timeline.formats import Ingested, RecordFile, read_file
from timeline.formats.bibliography import Form, bibliography
from timeline.formats.calendar import calendar
from timeline.formats.coded.intake import Intake
from timeline.formats.coded.rows import Dataset
from timeline.formats.coded.sorting import SortedRows
from timeline.formats.files import Place, existing_file, name_of, new_file
from timeline.formats.rows import Form as RowsForm
from timeline.formats.rows import write_rows
from timeline.formats.timelinejs import timelinejs
from timeline.log import database
from timeline.log.append import Appended, Expected, ExpectedVersion
from timeline.log.archive import Archive, Archived
from timeline.log.copy import Restored, restore, stored_rows
from timeline.log.digests import Head, verify
from timeline.log.drafts import stream_name
from timeline.log.file import LogFile, write_log
from timeline.log.migrations import is_migrated, upgrade
from timeline.log.redact import redact, scrub
from timeline.log.store import EventStore
from timeline.log.upcasting import Upcaster
from timeline.models import BUILT_IN
from timeline.models.amendments import AmendedRow
from timeline.models.initiatives import InitiativeRow
from timeline.pages.site import write_site
from timeline.reports.actors import find_actor
from timeline.reports.bind import Reports
from timeline.reports.initiative import initiative_report
from timeline.rules.identity import require_identities
from timeline.rules.plausibility import Finding, findings
from timeline.rules.references import (
    names,
    require_evidence,
    require_references,
)

_PATIENCE = 5.0
"""Seconds for which a view of kept rows is tried, while others move them."""

_WITHDRAWN = ("retracted", "superseded")
"""Kinds of amendments after which an event no longer stands."""

_ENDINGS = (".db", ".sqlite", ".sqlite3")
"""How the names of files end that hold a database of SQLite."""

_TELL_EVERY = 1_000
"""Events of an import between two reports of progress."""


class Record(Reports, abc.ABC):
    """A record, now (`Timeline`) or as of some moment (`Snapshot`): what reports run on."""

    _projector: Projector

    @abc.abstractmethod
    def view(self) -> contextlib.AbstractContextManager[View]:
        """One unchanging view of the rows of all projections, for a report of your own.

            with record.view() as view:
                for row in view.all(Tariff, goods="steel"):
                    print(row.percent, view.head.position)

        The view may hold a transaction open: make the report, and leave the block.
        """

    @abc.abstractmethod
    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        """The record as of a moment, within what is in view here."""

    def as_of(
        self,
        *,
        position: int | None = None,
        recorded: datetime | str | None = None,
        published: Occurred = None,
        occurred: Occurred = None,
        possibly: bool = False,
    ) -> Snapshot:
        """The record as of some moment, by one clock or several; all reports run on it.

        `as_of(published="2022-12-02")` answers what readers could know on that evening, whenever it
        was recorded. `as_of(recorded=…)` and `as_of(position=…)` answer what this record held then,
        and `as_of(occurred=…)` how things stood then, as far as is known now.

        Args:
            position: the last position of the log that is in view.
            recorded: the instant after which nothing that is in view was recorded.
            published: only what sources report that were published by the end of this date. Events
                without a source, such as actors and corrections, are in view.
            occurred: only what had happened by the end of this date.
            possibly: include what only may have been published or happened by then, such as
                `2022-12` on 2 December, and what has no date.

        Raises:
            NotFound: the log has not come to that position yet.
            InvalidInput: a date with an open end.
            InvalidDate, NaiveDatetime: not a date, or an instant without a zone.
        """
        return self._narrowed(
            Cutoff(
                position=position,
                recorded=_instant(recorded),
                published=when(published),
                occurred=when(occurred),
                possibly=possibly,
            )
        )

    # Exports

    def calendar(self, *, series: str | None = None, meeting: str | None = None) -> bytes:
        """The meetings of a series, one meeting, or all, as a calendar file (iCalendar, RFC 5545).

        Announced ones are tentative there. A date that is no day spans all the days it may be.

        Raises:
            NotFound: no such series or meeting is in view.
            MissingExtra: the library `icalendar` is not installed.
        """
        with self.view() as view:
            return calendar(view, series=series, meeting=meeting)

    def timelinejs(self, initiative: str | None = None) -> str:
        """An initiative, or all, as the JSON that Knight Lab's TimelineJS shows.

        Raises:
            NotFound: no such initiative is in view, or none of it has a date with a year.
        """
        with self.view() as view:
            ids = [row.initiative for row in view.all(InitiativeRow)]
            chosen = ids if initiative is None else [initiative]
            if not chosen:
                raise NotFound("no initiative is in view, so there is nothing to show")
            return timelinejs([initiative_report(view, id) for id in chosen])

    def bibliography(self, form: Form = "csl", *, initiative: str | None = None) -> str:
        """The sources as references, for reference managers; their ids are the keys.

        Args:
            form: `csl` for CSL-JSON, `bibtex` for BibTeX.
            initiative: only those that the report on this initiative cites.

        Raises:
            NotFound: no such initiative is in view.
            InvalidInput: no such form.
        """
        if form not in get_args(Form):
            raise InvalidInput(f"form: expected csl or bibtex; found {form!r}")
        with self.view() as view:
            if initiative is None:
                return bibliography(view, form)
            cited = initiative_report(view, initiative).sources
            return bibliography(view, form, {line.source for line in cited})

    def export_rows(self, name: str, place: Place, form: RowsForm = "csv") -> int:
        """Write the rows of a read model to a file; returns how many there are.

        Args:
            name: the name in SQL, such as `meetings`; also one of a projection of your own.
            place: the file, by path or open for writing bytes.
            form: `csv`, `jsonl` (JSON Lines) or `parquet`.

        Raises:
            NotFound: no such rows are kept.
            MissingExtra: for Parquet, pyarrow is not installed.
            InvalidInput: no such form, or the file cannot be written.
        """
        known = {
            shape_of(cls).name: cls for kept in self._projector.projections for cls in kept.rows
        }
        if name not in known:
            raise NotFound(f"no rows {name!r} are kept. Kept are: {', '.join(sorted(known))}.")
        if form not in get_args(RowsForm):
            raise InvalidInput(f"form: expected csv, jsonl or parquet; found {form!r}")
        with self.view() as view, new_file(place) as out:
            return write_rows(out, view, known[name], form)

    def site(
        self,
        folder: str | os.PathLike[str],
        *,
        title: str = "The record",
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Write all reports into a folder as web pages that lead to one another; see `write_site`.

        Args:
            folder: where to write; it must be new, empty, or a site that was written before.
            title: the headline of the first page, `index.html`.
            progress: called with how many pages are written, and how many there are.

        Raises:
            InvalidInput: the folder holds files that are not of a site, or cannot be written.
            MissingExtra: the libraries of the extra `pages` are not installed.
        """
        if not os.fspath(folder):
            # As a path, it would be the current folder.
            raise InvalidInput("expected a folder for the site; found an empty name")
        with self.view() as view:
            return write_site(view, Path(folder), title=title, progress=progress)


class Timeline(Record):
    """A record of who said, met and proposed what, when, and according to whom.

    Open one with `Timeline.open`, best in a `with` block:

        >>> with Timeline.open("sqlite://") as record:
        ...     record.add(Actor("north", kind="state", name="Northland")).position
        1

    `store` is the event store beneath it, for events and streams of your own.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection] = ()) -> None:
        self.store = store
        self._projector = Projector(store, (*BUILT_IN, *projections))

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str] | sa.URL,
        *,
        events: Iterable[type | Upcaster] = (),
        projections: Iterable[Projection] = (),
        create: bool = True,
    ) -> Self:
        """Open the record in a database; its schema is created or brought up to date.

        Args:
            url: a path, `sqlite:///FILE`, `postgresql://…`, or `sqlite://` for a record in memory,
                which has one connection and is for one thread. Text without `://` is a path if it
                ends in `.db`, `.sqlite` or `.sqlite3`.
            events: your own event classes, made by `@event`, and upcasters, made by `@upcaster`.
            projections: your own projections, kept beside the built-in ones.
            create: whether to make a record where there is none.

        Raises:
            InvalidInput: the address is not that of a database.
            InvalidProjection: a projection cannot be kept, or not beside the others.
            NotFound: there is no record, and `create` is false.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseTooNew: a later version of this package wrote the database.
            MigrationFailed: the schema could not be brought up to date.
        """
        engine = database.create_engine(_address(url))
        try:
            if not create:
                _require_record(engine)
            upgrade(engine)
            return cls(EventStore(engine, events), projections)
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Give back the database's connections."""
        self.store.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Timeline {database.shown(self.store.engine.url)}>"

    # Recording

    def add(self, *things: Actor | Source) -> Appended:
        """Record actors and sources, so that events can name them.

        Adding one again as it is does nothing.

        Raises:
            EventIdReused: the id is recorded with other particulars; append an `EventCorrected`.
            UnknownReference: something named is not recorded.
            InvalidEvent: a field does not fit.
            DatabaseError: the database could not do it.
        """
        return self.append_all(map(_added, things))

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
    ) -> Appended:
        """Record what a source reports: all of the events or, on any error, none.

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
            NewEvent(event, new_id() if id is None else id, stream, when(occurred), known_from)
            for event in events
        ]
        return self.append_all(news, expected_version=expected_version)

    def append_all(
        self,
        events: Iterable[NewEvent],
        *,
        expected_version: ExpectedVersion = Expected.ANY,
        progress: Callable[[int], None] | None = None,
    ) -> Appended:
        """Record events that each bring their own id, date and evidence: all of them or none.

        `progress` is called with how many are written.

        Raises:
            InvalidEvent: a field does not fit, or evidence is missing where there must be some.
            UnknownReference: something named is not recorded.
            WrongExpectedVersion: the stream is at another version.
            EventIdReused: the id is recorded with other content.
            DatabaseError: the database could not do it.
        """
        news = list(events)
        for new in news:
            require_evidence(new)
        require_references(self.store, news)
        require_identities(self.store, news, self.view)
        expected = {stream_name(new): expected_version for new in news}
        if len(expected) > 1 and expected_version is not Expected.ANY:
            raise InvalidEvent(
                f"expected_version is for one stream; found events of {', '.join(sorted(expected))}"
            )
        return self._projector.append(news, expected=expected, progress=progress)

    def ingest(
        self,
        *paths: str | os.PathLike[str],
        progress: Callable[[int, int], None] | None = None,
    ) -> Appended:
        """Record everything in the record files, or nothing.

        What is on record is not added again, so you can ingest a file that has grown. `progress` is
        called with how many of the events are written, and how many there are.

        Raises:
            InvalidRecord: a file cannot be read; names file, line and field.
            EventIdReused: an entry was recorded with other content before.
            UnknownReference: something named is not recorded; names file, line and field.
            InvalidEvent: a field does not fit.
            DatabaseError: the database could not do it.
        """
        files = self._read_files(paths)
        news = [new for file in files for new in file.events]
        report = None if progress is None else lambda done: progress(done, len(news))
        with _placing(files):
            return self.append_all(news, progress=report)

    def check(self, *paths: str | os.PathLike[str]) -> list[Finding]:
        """What looks wrong in record files, or in the whole record: it may be right even so.

        Dates in the future or out of order, chains of attribution that lead elsewhere, second
        entries for one actor or source, sources that copy each other, ids that miss by a letter.
        Nothing is recorded.

        Args:
            paths: record files that are ingested, or will be. Without any, the record is checked.

        Raises:
            InvalidRecord: a file cannot be read; names file, line and field.
            UnknownReference: something named is not recorded; names file, line and field.
            DatabaseError: the database could not do it.
        """
        files = self._read_files(paths)
        with self.view() as view:
            if not files:
                gone = {row.target for row in view.all(AmendedRow) if row.kind in _WITHDRAWN}
                recorded = (e for e in self.store.read_all() if e.id not in gone)
                kept = [event for event in recorded if not isinstance(event.event, Redacted)]
                return findings(kept, view, now())
            events = [new for file in files for new in file.events]
            looks_wrong = findings(events, view, now())
        with _placing(files):
            require_references(self.store, events)
        holding = {new.id: file for file in files for new in file.events}
        return [
            attrs.evolve(finding, place=holding[finding.event].place(finding.event, finding.field))
            for finding in looks_wrong
        ]

    def _read_files(self, paths: Iterable[str | os.PathLike[str]]) -> list[RecordFile]:
        return [read_file(path, self.store.codec.class_named) for path in paths]

    def ingest_coded(
        self,
        *files: str | os.PathLike[str],
        dataset: Dataset,
        conduct: bool = True,
        keep_going: bool = False,
        reading: Callable[[int, int], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Ingested:
        """Record the rows of files of coded event data: all in one transaction, or nothing.

        Rows that are on record are not recorded again. `docs/coded-data.md` has what becomes of
        each code, and what is folded.

        Args:
            files: plain, zipped or gzipped.
            dataset: `icews` for files of ICEWS, `gdelt` for exports of GDELT 2.0.
            conduct: whether to record what is neither said, proposed nor a meeting, as
                `ConductReported`.
            keep_going: leave bad rows out; without it nothing is recorded if there is one. A file
                without a good row is always refused.
            reading: called with how many bytes of a file are read, and how many there are.
            progress: called with how many actors, sources and rows are recorded, and how many there
                are.

        Returns:
            An account that counts every row once, by code.

        Raises:
            InvalidInput: no such data set.
            InvalidRecord: a file cannot be read, or has bad rows; names file and line.
            DatabaseError: the database could not do it.
        """
        if dataset not in get_args(Dataset):
            raise InvalidInput(f"dataset: expected icews or gdelt; found {dataset!r:.40}")
        with SortedRows() as rows:
            intake = Intake(self.store, rows, dataset, conduct=conduct, keep_going=keep_going)
            intake.read([os.fspath(file) for file in files], reading)
            loaded = self._projector.load(
                lambda connection: intake.events(connection, progress), check=self._check
            )
            at = self.store.head().position
            return intake.tally.account(dataset, added=loaded.added, position=at)

    def _check(self, news: Sequence[NewEvent], connection: sa.Connection) -> None:
        for new in news:
            require_evidence(new)
        require_references(self.store, news, connection)

    # Reading

    def log(
        self,
        *,
        stream: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        type: str | None = None,
        since: Occurred = None,
        until: Occurred = None,
        certainly: bool = False,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of the log that fit all options, as recorded, oldest first.

        Args:
            stream: events of this stream.
            actor: events that name this actor, in themselves or in their evidence; by id, or by any
                name or spelling on record.
            subject: events that name this id in any way, of an actor, source, proposal or meeting.
            type: events of this type.
            since: events that occurred from this date on.
            until: events that occurred up to this date.
            certainly: leave out events that only may have occurred within that time.

        Raises:
            InvalidDate: `since` or `until` is not a date.
            InvalidInput: `since` lies after `until`; or several actors go by that name.
            NotFound: no such actor is recorded.
            UnknownEventType: no such type is known.
        """
        start, end = stretch(since, until)
        if actor is not None:
            with self.view() as view:
                actor = find_actor(view, actor)
        if type is not None:
            self.store.codec.class_named(type)
        if stream is not None:
            events = self.store.read_stream(stream)
        else:
            events = self.store.read_all(types=None if type is None else {type})
        for event in events:
            if (
                (type is None or event.type == type)
                and (actor is None or names(event, actor, "actor"))
                and (subject is None or names(event, subject, None))
                and within(event.occurred, start, end, certainly=certainly)
            ):
                yield event

    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        return Snapshot(self._projector, cutoff)

    # Keeping

    def redact(self, event_id: str, *, reason: str) -> bool:
        """Remove for good the words of an event and its evidence; false if they were gone before.

        The words go from the log, from the read models, and from the database's files. Id, dates,
        order and digests stay, and an `EventRedacted` has the reason. `timeline.log.redact.scrub`
        explains what it costs, and where copies may be left.

        Raises:
            NotFound: no such event is in the log.
            InvalidInput: the event is itself the record of a takedown.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
        """
        done = redact(self.store, event_id, reason)
        self._projector.catch_up()
        scrub(self.store.engine, self._projector.forget_others())
        return done

    def seal(self) -> str:
        """Where the log ends, position and digest, as text. Keep it where nobody can change it.

        `verify` checks against it that nothing up to there was changed or cut off.
        """
        database.make_durable(self.store.engine)
        return self.store.head().seal

    def verify(
        self, *, seal: str | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Head:
        """Check every event of the log against its digests; returns where the log ends.

        Args:
            seal: an earlier result of `seal`.
            progress: called with the position reached, and the last one.

        Raises:
            LogDamaged: something was changed, removed, added or reordered; names the position.
            InvalidInput: the seal is not one.
        """
        sealed = None if seal is None else Head.of_seal(seal)
        with database.reading(self.store.engine) as connection:
            return verify(connection, seal=sealed, progress=progress)

    # Moving

    def export_log(self, place: Place) -> Head:
        """Write the whole log as JSON Lines, for `import_log`; returns where it ends.

        Events that were taken down are in it as tombstones. `docs/exports.md` has the format.

        Args:
            place: the file, by path or open for writing bytes.

        Raises:
            LogDamaged: the log does not match its digests; no file is written.
            InvalidInput: the file cannot be written.
        """
        with database.reading(self.store.engine) as connection, new_file(place) as out:
            head = self.store.head(connection)
            write_log(out, head, stored_rows(connection, until=head.position))
            database.make_durable(self.store.engine)
        return head

    def import_log(
        self,
        place: Place,
        *,
        seal: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Restored:
        """Import a log that `export_log` wrote, with its ids, positions, times and digests.

        This record must be empty, or hold the beginning of that log: then only the rest is added.
        Every digest is checked, and on any error the record stays as it was. Digests show damage;
        only a seal shows that nobody rewrote the file, digests included.

        Args:
            place: the file, by path or open for reading bytes.
            seal: a result of `seal` for that log, taken at its end or earlier.
            progress: called with the position reached, and the last one.

        Raises:
            InvalidRecord: the file is damaged, cut off or edited; names line and position.
            UnknownEventType: it holds events of a class that this record does not know.
            LogsDiffer: this record holds other events.
            InvalidInput: the file cannot be opened, or the seal is none.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseBusy: others held the database for too long.
            DatabaseError: the database could not do it.
        """
        sealed = None if seal is None else Head.of_seal(seal)
        with existing_file(place) as file:
            source = LogFile(file, name_of(place), self.store.codec, sealed)
            try:
                done = restore(self.store.engine, _reported(source, progress))
            except LogDamaged as error:
                raise source.damaged(error) from None
        if done.taken_down or any(kept.mode == "inline" for kept in self._projector.projections):
            with contextlib.suppress(DatabaseReadOnly):
                self._projector.catch_up()
        if done.taken_down:
            scrub(self.store.engine, self._projector.forget_others())
        return done

    def archive(
        self,
        target: str | os.PathLike[str],
        *,
        rows_per_file: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Archived:
        """Bring an archive of the log in Parquet files up to date; make it, if there is none.

        Args:
            target: a folder, or any address that fsspec knows, such as `s3://bucket/record`.
            rows_per_file: how many events each file of a new archive is to hold; 100,000 unless
                given.
            progress: called with the position reached, and the last one.

        Raises:
            MissingExtra: pyarrow or fsspec is not installed.
            InvalidInput: no such kind of address is known; the archive there is another log's, or
                has files of another size.
            NotFound: the log is empty.
            ArchiveDamaged: the end of the archive is not sound.
            LogDamaged: the log does not match its digests.
            DatabaseError: the database could not do it.
        """
        return Archive(os.fspath(target)).write(
            self.store, rows_per_file=rows_per_file, progress=progress
        )

    # Read models

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """One unchanging view of the rows of all projections, up to the end of the log.

        The rows are caught up first. Where that is not possible, because this role may only read or
        others keep the rows busy, the log is folded in memory instead, which takes longer.
        """
        with contextlib.ExitStack() as stack:
            yield self._kept_view(stack) or self._projector.fold()

    def _kept_view(self, stack: contextlib.ExitStack) -> View | None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self._projector.catch_up()
                connection = stack.enter_context(database.reading(self.store.engine))
                with database.translated(self.store.engine):
                    view = self._projector.view(connection)
                # A report may cite only what survives a crash.
                database.make_durable(self.store.engine)
            except DatabaseBusy:
                stack.close()
                if time.monotonic() > end:
                    return None
            except DatabaseReadOnly:
                stack.close()
                return None
            else:
                return view

    def wait_for(self, position: int, *, timeout: float = 10.0) -> None:
        """Return once the rows of all projections have come to a position: you read what you wrote.

        You need it where you read the rows by SQL, and `run` or `timeline run` keeps them. Reports
        catch up by themselves.

        Args:
            position: of the log; `Appended.position` is that of an append.
            timeout: in seconds.

        Raises:
            DatabaseBusy: a projection did not come to it in that time; names the projection.
            DatabaseUnreachable: there is no connection to the database.
            DatabaseError: the database could not do it.
        """
        self._projector.wait_for(position, timeout=timeout)

    def run(
        self,
        stop: threading.Event | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Keep the rows of all projections up with the log, until `stop` is set.

        After a transient error, such as a lost connection, it tries again for as long as it takes.

        Args:
            stop: set it, from another thread or a signal's handler, to end after the current step;
                rows and checkpoints are whole whenever it ends.
            progress: called now and then with the position reached, and the last one.

        Raises:
            DatabaseReadOnly: rows are behind, and this role may not keep them.
            DatabaseError: the error is not transient.
        """
        self._projector.run(stop, progress)

    def status(self) -> list[ProjectionStatus]:
        """Every build of every projection, and how far it has come."""
        return self._projector.status()

    def rebuild(
        self,
        name: str,
        *,
        hold: bool = False,
        on: str | None = None,
        workers: int | None = None,
        memory: str | None = None,
        archive: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Build:
        """Build a projection's rows anew beside the live ones, and let them go live in one moment.

        Appends and reports go on meanwhile. After a crash, the next call goes on where it was.

        With `on` or `workers`, Dask workers fold the rows, if they can be split (see
        `Projection.split_by`). All are written at the end; after a crash it begins again.

        Args:
            name: the projection.
            hold: stop before they go live; a call without it lets them go live.
            on: the address of a Dask scheduler, such as `tcp://host:8786`.
            workers: how many processes to start on this machine for the time it takes.
            memory: how much memory each of these processes may take, such as `2GiB`.
            archive: the archive that the workers read instead of the database; later events are
                folded here.
            progress: called with the position reached, and the last one.

        Raises:
            NotFound: no such projection is known, or there is no archive.
            DatabaseBusy: a reader held the plain names for too long; try again later.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
            MissingExtra: Dask or pyarrow is not installed.
            InvalidProjection: the rows do not split.
            InvalidInput: the arguments exclude each other; the workers cannot read the record, or
                import the projection; the archive still has words that were taken down.
            ClusterError: there are no workers, they were lost, or they have other code.
        """
        if on is None and workers is None:
            if memory is not None or archive is not None:
                raise InvalidInput("memory and archive are for workers: give on or workers, too")
            return self._projector.rebuild(name, hold=hold, progress=progress)
        if on is not None and (workers is not None or memory is not None):
            raise InvalidInput("on: its workers run already; leave workers and memory out")
        from timeline.distributed import cluster
        from timeline.distributed.workers import Workers

        read = None if archive is None else os.fspath(archive)
        chosen = Workers(on=on, number=workers, memory=memory, archive=read)
        return cluster.rebuild(self._projector, name, chosen, hold=hold, progress=progress)

    def compare(
        self, name: str, *, progress: Callable[[int, int], None] | None = None
    ) -> Comparison:
        """Build a projection's rows anew, hold them, and compare them with the live ones.

        Raises:
            NotFound: no such projection is known, or none of its builds is live.
            DatabaseBusy: the two did not come to one position; names both.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
        """
        return self._projector.compare(name, progress=progress)

    def go_back(self, name: str) -> Build:
        """Let a projection's plain names show the rows again that were live before.

        Raises:
            NotFound: no such projection is known, or no earlier rows are kept.
            DatabaseBusy: a reader held the plain names for too long; try again later.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
        """
        return self._projector.go_back(name)


class Snapshot(Record):
    """The record as of some moment, read-only; `as_of` makes it."""

    def __init__(self, projector: Projector, cutoff: Cutoff) -> None:
        self._projector = projector
        self._seen = PartialView(projector, cutoff)

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """One unchanging view of what is in view here."""
        yield self._seen

    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        return Snapshot(self._projector, self._seen.cutoff.narrowed(cutoff))

    def __repr__(self) -> str:
        place = database.shown(self._projector.store.engine.url)
        return f"<Snapshot of {place} at position {self._seen.head.position}>"


def _address(place: str | os.PathLike[str] | sa.URL) -> str | sa.URL:
    """The URL of a database, also where a path is given."""
    if isinstance(place, str):
        # Other text may be a mistyped URL, with a password that must not become the name of a file.
        if "://" in place or not place.endswith(_ENDINGS):
            return place
    elif not isinstance(place, os.PathLike):
        return place
    return sa.URL.create("sqlite", database=os.fspath(place))


def _reported(
    source: LogFile, progress: Callable[[int, int], None] | None
) -> Iterator[Mapping[str, Any]]:
    for row in source.rows():
        if progress is not None and row["position"] % _TELL_EVERY == 0:
            progress(row["position"], source.head.position)
        yield row


@contextlib.contextmanager
def _placing(files: Sequence[RecordFile]) -> Iterator[None]:
    """Name file and line in errors about references."""
    try:
        yield
    except UnknownReference as error:
        holding = {new.id: file for file in files for new in file.events}
        raise error.placed(lambda id, field: holding[id].place(id, field)) from None


def _require_record(engine: sa.Engine) -> None:
    if not (database.exists(engine) and is_migrated(engine)):
        raise NotFound(f"{database.shown(engine.url)} holds no record. `timeline init` makes one.")


def _instant(moment: datetime | str | None) -> datetime | None:
    """The instant; the end of the day, in UTC, where only a date is given."""
    given = when(moment)
    if given is None:
        return None
    if given.latest is None:
        raise InvalidInput(f"recorded: expected an instant or a date; found {given.text!r}")
    return given.latest


def _added(thing: Actor | Source) -> NewEvent:
    """What records an actor or a source."""
    # The ids are derived, so that recording a thing twice is a retry and not a second event.
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
    """The evidence of an append: of the source named with it, and what else was given."""
    chain = links(according_to)
    if source is not None:
        return Evidence(source, at, excerpt, chain), *evidence
    if at is not None or excerpt is not None or chain:
        raise InvalidEvent("at=, excerpt= and according_to= say more of a source: name it, source=")
    return tuple(evidence)
