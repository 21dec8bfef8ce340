"""The keeping of a record: its read models, and its log.

Rows of projections are kept up with the log, viewed, built again and compared. The log is read,
taken down, sealed, verified, and copied elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from timeline.dates import Occurred, stretch, within
from timeline.engine.builds import Build
from timeline.engine.compare import Comparison
from timeline.engine.cutoff import ALL
from timeline.engine.parquet_rows import FiledBuild
from timeline.engine.projection import View
from timeline.engine.runner import ProjectionStatus
from timeline.errors import (
    DatabaseBusy,
    DatabaseReadOnly,
    InvalidInput,
    LogDamaged,
    StoreAltered,
    require_number,
    require_text,
)
from timeline.events import RecordedEvent
from timeline.formats.files import Place, existing_file, name_of, new_file, path_text
from timeline.log import database, failures
from timeline.log.archive import Archive, Archived
from timeline.log.copy import LogFile, Restored, restore, write_log
from timeline.log.digests import Head, verify
from timeline.log.query import Query
from timeline.log.redact import redact, scrub
from timeline.log.schema import Stored
from timeline.log.schema_check import has_all_tables
from timeline.log.store import EventStore
from timeline.log.telemetry import Progress
from timeline.record.reading import Record, Snapshot
from timeline.reports.actors import find_actor
from timeline.rules import names

if TYPE_CHECKING:
    from timeline.distributed.workers import Workers

_PATIENCE = 5.0
"""Seconds for which a view of kept rows is tried, while others move them."""


_TELL_EVERY = 1_000
"""Events of an import between two reports of progress."""


_ARCHIVE = "folder, or an address, of an archive"
_GIVE_WORKERS = "give their number, workers (--workers), or their scheduler, on (--scheduler)"


class Maintenance(Record):
    """A record whose rows are kept in tables, beside the log in `store`."""

    store: EventStore

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """One unchanging view of the rows of all projections, up to the end of the log.

        The rows are caught up first. Where that is not possible, because this role may only read or
        others keep the rows busy, the log is folded in memory instead, which takes longer.
        """
        with contextlib.ExitStack() as stack:
            yield self._kept_view(stack) or self._projector.fold()

    def _kept_view(self, stack: contextlib.ExitStack) -> View | None:
        end, tried = time.monotonic() + _PATIENCE, False
        while True:
            try:
                self._projector.catch_up()
                connection = stack.enter_context(database.reading(self.store.engine))
                with failures.translated(self.store.engine):
                    view = self._projector.view(connection)
                # A report cites only what survives a crash.
                database.make_durable(self.store.engine, holding=connection)
            except DatabaseBusy:
                stack.close()
                # To catch up may take minutes, in which others append. It is soon done again.
                if tried and time.monotonic() > end:
                    return None
                tried = True
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
        require_number("position", position)
        self._projector.wait_for(position, timeout=timeout)

    def run(self, stop: threading.Event | None = None, progress: Progress | None = None) -> None:
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
        """Every build of every projection, and how far it has come.

        >>> record.rebuild("statements").state
        'live'
        >>> [build.state for build in record.status() if build.projection == "statements"]
        ['live']
        """
        return self._projector.status()

    def problems(self) -> list[str]:
        """What stands beside the events and is not as it was made: triggers, tables, views.

        Each has what to do about it. `verify` looks at this, too, and at the events.

        >>> record.problems()
        []
        """
        return self._projector.problems()

    def rebuild(
        self,
        name: str,
        *,
        hold: bool = False,
        on: str | None = None,
        workers: int | None = None,
        memory: str | None = None,
        archive: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Build:
        """Build a projection's rows again beside the live ones, and let them go live in one moment.

        Appends and reports go on meanwhile. After a crash, the next call goes on where it was. With
        `on` or `workers`, Dask workers fold rows that split; after a crash it begins again.

        >>> record.rebuild("statements").state
        'live'

        Args:
            name: the projection.
            hold: stop before they go live; the next call without it lets them.
            on: the address of a Dask scheduler, such as `tcp://host:8786`.
            workers: how many processes to start on this machine for the time it takes.
            memory: how much memory each of these processes may take, such as `2GiB`.
            archive: an archive to read instead of the database, up to its end.
            progress: called with the position reached, and the last one.

        Raises:
            NotFound: no such projection is known, or there is no archive.
            DatabaseBusy: a reader held the plain names for too long; try again later.
            DatabaseReadOnly: the role or the file may only be read.
            MissingExtra: Dask or pyarrow is not installed.
            InvalidProjection: the rows do not split.
            InvalidInput: the arguments exclude each other; the workers cannot read the record, or
                import the projection; the archive still has words that were taken down.
            ClusterError: there are no workers, they were lost, or they have other code.
        """
        if on is None and workers is None:
            if memory is not None or archive is not None:
                raise InvalidInput(f"memory and archive are for workers: {_GIVE_WORKERS}")
            return self._projector.rebuild(name, hold=hold, progress=progress)
        from timeline.distributed import fold

        chosen = _workers(on, workers, memory, archive)
        return fold.rebuild(self._projector, name, chosen, hold=hold, progress=progress)

    def rebuild_files(
        self,
        name: str,
        rows: str | os.PathLike[str],
        *,
        on: str | None = None,
        workers: int | None = None,
        memory: str | None = None,
        archive: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> FiledBuild:
        """Let Dask workers write a projection's rows as Parquet files; the database stays as it is.

        Each build has a folder of its own; its manifest, written last, makes it one that
        `with_rows` reads. DuckDB and polars read the files as they are.

        Args:
            name: the projection.
            rows: a folder, or any address that fsspec knows, such as `s3://bucket/rows`; workers
                must reach it, too.
            on: the address of a Dask scheduler, such as `tcp://host:8786`.
            workers: how many processes to start on this machine for the time it takes.
            memory: how much memory each of these processes may take, such as `2GiB`.
            archive: an archive to read instead of the database, up to its end.
            progress: called with the position reached, and the last one.

        Raises:
            NotFound: no such projection is known, or there is no archive.
            MissingExtra: Dask or pyarrow is not installed.
            InvalidProjection: the rows do not split.
            InvalidInput: see `rebuild`; or the rows cannot be written there.
            ClusterError: there are no workers, they were lost, or they have other code.
            DatabaseBusy: words were taken down meanwhile; try again.
        """
        if on is None and workers is None:
            raise InvalidInput(f"workers write the rows in files: {_GIVE_WORKERS}")
        from timeline.distributed import fold

        chosen = _workers(on, workers, memory, archive)
        target = path_text(rows, "folder of rows, or its address")
        return fold.rebuild_files(self._projector, name, chosen, target, progress=progress)

    def compare(self, name: str, *, progress: Progress | None = None) -> Comparison:
        """Compare a projection's live rows with those that this code folds of the same events.

        Nothing is kept of the fold, and a role that may only read can do it.

        >>> record.rebuild("statements").state
        'live'
        >>> comparison = record.compare("statements")
        >>> comparison.added, comparison.removed, comparison.changed
        (0, 0, 0)

        Raises:
            NotFound: no such projection is known, or none of its builds is live.
            DatabaseError: the database could not do it.
        """
        return self._projector.compare(name, progress=progress)

    def go_back(self, name: str) -> Build:
        """Make the rows of a projection that were live before live again.

        Raises:
            NotFound: no such projection is known, or no earlier rows are kept.
            DatabaseBusy: a reader held the plain names for too long; try again later.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
        """
        return self._projector.go_back(name)

    # The log

    def log(
        self,
        *,
        stream: str | None = None,
        category: str | None = None,
        prefix: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        type: str | None = None,
        since: Occurred = None,
        until: Occurred = None,
        certainly: bool = False,
        metadata: Mapping[str, str] | None = None,
        position: int | None = None,
        backwards: bool = False,
    ) -> Iterator[RecordedEvent[Any]]:
        """The events of the log that fit all options, as recorded, oldest first.

        >>> [event.id for event in record.log(actor="bob", until="2024-03-10")]
        ['bob-minister', 'bob-against']
        >>> next(record.log(category="proposal", backwards=True)).stream
        'proposal-harbour'

        Args:
            stream: events of this stream.
            category: events of streams `category-…`.
            prefix: events of streams whose names begin so.
            actor: events that name this actor, in themselves or in their evidence; by id, or by any
                name or spelling on record.
            subject: events that name this id in any way, of an actor, source, proposal or meeting.
            type: events of this type.
            since: events that occurred from this date on.
            until: events that occurred up to this date.
            certainly: leave out events that only may have occurred within that time.
            metadata: events with these values among their metadata, compared as text.
            position: events up to this position of the log.
            backwards: newest first.

        Raises:
            InvalidDate: `since` or `until` is not a date.
            InvalidInput: `since` lies after `until`; or several actors go by that name.
            NotFound: no such actor, stream, category or prefix is recorded, nothing names that
                subject, or the log has not come to that position yet.
            UnknownEventType: no such type is known.
        """
        _require_texts(
            stream=stream, category=category, prefix=prefix, actor=actor, subject=subject, type=type
        )
        if position is not None:
            require_number("position", position)
            self.store.head_at(position)  # which refuses one beyond the end
        if not isinstance(metadata, Mapping | None):
            raise InvalidInput(f"metadata: expected values by name; found {metadata!r:.80}")
        start, end = stretch(since, until)
        if actor is not None:
            with self.view() as view:
                actor = find_actor(view, actor)
        query = self._query(stream, category, prefix, type)
        events = self.store.read_all(query, until=position, backwards=backwards)
        for event in self._about(events, category, subject):
            if (
                (actor is None or names(event, actor, "actor"))
                and within(event.occurred, start, end, certainly=certainly)
                and all(str(event.metadata.get(key)) == it for key, it in (metadata or {}).items())
            ):
                yield event

    def _about(
        self, events: Iterable[RecordedEvent[Any]], category: str | None, subject: str | None
    ) -> Iterator[RecordedEvent[Any]]:
        """The events that name the subject, if there is one.

        Raises:
            NotFound: there are none, since no such category or subject is recorded.
        """
        is_there = is_named = False
        for event in events:
            is_there = True
            if subject is None or names(event, subject, None):
                is_named = True
                yield event
        if category is not None and not is_there:
            self.store.require_category(category)
        if subject is not None and not is_named:
            self.store.require_subject(subject)

    def _query(
        self, stream: str | None, category: str | None, prefix: str | None, type: str | None
    ) -> Query:
        if type is not None:
            self.store.codec.class_named(type)
        if stream is not None:
            self.store.require_stream(stream)
        if prefix is not None:
            self.store.require_prefix(prefix)
        streams = None if stream is None else [stream]
        types = None if type is None else [type]
        return Query(types, streams=streams, category=category, prefix=prefix)

    def redact(self, event_id: str, *, reason: str) -> bool:
        """Remove for good the words of an event and its evidence; false if they were gone before.

        The words go from the log, from the read models, and from the database's files. Id, dates,
        order and digests stay, and an `EventRedacted` has the reason. `timeline.log.redact.scrub`
        explains what it costs, and where copies may be left.

        >>> record.redact("fish", reason="A court's order.")
        True

        Raises:
            NotFound: no such event is in the log.
            InvalidInput: the event is itself the record of a takedown.
            DatabaseReadOnly: the role or the file may only be read.
            DatabaseError: the database could not do it.
        """
        database.require_alone(self.store.engine)
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
        self,
        *,
        seal: str | None = None,
        at_least: int = 0,
        rows: bool = False,
        progress: Progress | None = None,
    ) -> Head:
        """Check every event of the log against its digests; returns where the log ends.

        >>> record.verify(seal=record.seal()) == record.store.head()
        True

        Args:
            seal: an earlier result of `seal`.
            at_least: how many events the log is known to have; without a seal, nothing else tells
                an empty log from one that was emptied.
            rows: also compare the rows that reports read with a fold of the log.
            progress: called with the position reached, and the last one.

        Raises:
            LogDamaged: something was changed, removed, added or reordered; names the position.
            StoreAltered: rows, views or triggers are not what this package made; names them.
            InvalidInput: the seal is not one.
        """
        sealed = None if seal is None else Head.of_seal(seal)
        require_number("at_least", at_least)
        problems = self.problems()
        with database.reading(self.store.engine) as connection:
            if problems and not has_all_tables(connection):
                raise StoreAltered(problems)
            head = verify(connection, seal=sealed, progress=progress)
        if head.position < at_least:
            events = f"at least {at_least:,} event{'s' if at_least > 1 else ''}"
            raise LogDamaged(head.position + 1, f"the log ends here, and {events} were expected")
        if rows:
            problems += [
                f"{altered}\n`timeline rebuild {altered.projection}` makes its rows again."
                for altered in self._projector.altered(progress)
            ]
        if problems:
            raise StoreAltered(problems)
        return head

    def verified(self) -> Snapshot:
        """The record as the log alone gives it: the digests are checked, and no kept rows are read.

        It takes as long as `verify` and a fold of the whole log; read models that somebody has
        edited have no part in its reports.

        >>> [line.text for line in record.verified().statements().statements][0]
        'We want it.'

        Raises:
            LogDamaged: something was changed, removed, added or reordered; names the position.
        """
        with database.reading(self.store.engine) as connection:
            verify(connection)
        return Snapshot(self._projector, ALL, whole=True)

    # Moving

    def export_log(self, place: Place) -> Head:
        """Write the whole log as JSON Lines, for `import_log`; returns where it ends.

        Events that were taken down are in it as tombstones. `docs/howto/exports.md` has the format.

        Args:
            place: the file, by path or open for writing bytes.

        Raises:
            LogDamaged: the log does not match its digests; no file is written.
            InvalidInput: the file cannot be written.
        """
        with database.reading(self.store.engine) as connection, new_file(place) as out:
            head = self.store.head(connection)
            write_log(out, head, self.store.stored(until=head.position, connection=connection))
            database.make_durable(self.store.engine, holding=connection)
        return head

    def import_log(
        self, place: Place, *, seal: str | None = None, progress: Progress | None = None
    ) -> Restored:
        """Import a log that `export_log` wrote, with its ids, positions, times and digests.

        This record must be empty, or hold the beginning of that log: then only the rest is added.
        Every digest is checked, and on any error the record stays as it was. Digests show damage;
        only a seal shows that nobody rewrote the file, digests included. Events whose class this
        record does not know are imported, too.

        Args:
            place: the file, by path or open for reading bytes.
            seal: a result of `seal` for that log, taken at its end or earlier.
            progress: called with the position reached, and the last one.

        Raises:
            InvalidRecord: the file is damaged, cut off or edited; names line and position.
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
        return self._restored(done)

    def import_archive(
        self,
        target: str | os.PathLike[str],
        *,
        seal: str | None = None,
        progress: Progress | None = None,
    ) -> Restored:
        """Import the log in an archive, as `import_log` does from a file.

        Args:
            target: a folder, or any address that fsspec knows, such as `s3://bucket/record`.
            seal: a result of `seal` for that log, taken at its end or earlier.
            progress: called with the position checked, and the last one.

        Raises:
            NotFound: there is no archive.
            ArchiveDamaged: it does not match its digests, or the seal.
            LogsDiffer: this record holds other events.
            MissingExtra, InvalidInput, DatabaseError: see `archive` and `import_log`.
        """
        source = Archive(path_text(target, _ARCHIVE))
        source.verify(seal=None if seal is None else Head.of_seal(seal), progress=progress)
        return self._restored(restore(self.store.engine, source.rows()))

    def _restored(self, done: Restored) -> Restored:
        """Bring the rows up to what was imported, and forget words that it took down."""
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
        progress: Progress | None = None,
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
        if rows_per_file is not None:
            require_number("rows_per_file", rows_per_file, 1)
        return Archive(path_text(target, _ARCHIVE)).write(
            self.store, rows_per_file=rows_per_file, progress=progress
        )


def _workers(
    on: str | None, number: int | None, memory: str | None, archive: str | os.PathLike[str] | None
) -> Workers:
    if on is not None and (number is not None or memory is not None):
        raise InvalidInput(
            "the workers of that scheduler run already: leave out their number and their memory"
        )
    from timeline.distributed.workers import Workers

    read = None if archive is None else path_text(archive, _ARCHIVE)
    return Workers(on=on, number=number, memory=memory, archive=read)


def _require_texts(**given: str | None) -> None:
    """Check that what is given is text, by the names of arguments."""
    for name, value in given.items():
        if value is not None:
            require_text(name, value)


def _reported(source: LogFile, progress: Progress | None) -> Iterator[Stored]:
    for row in source.rows():
        if progress is not None and row.position % _TELL_EVERY == 0:
            progress(row.position, source.head.position)
        yield row
