"""The log of a record itself: read, taken down, sealed, verified, and copied elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from timeline.dates import Occurred, stretch, within
from timeline.errors import DatabaseReadOnly, LogDamaged
from timeline.events import RecordedEvent
from timeline.formats.files import Place, existing_file, name_of, new_file
from timeline.log import database
from timeline.log.archive import Archive, Archived
from timeline.log.copy import LogFile, Restored, restore, write_log
from timeline.log.digests import Head, verify
from timeline.log.redact import redact, scrub
from timeline.log.schema import Stored
from timeline.log.telemetry import Progress
from timeline.record.read_models import ReadModels
from timeline.reports.actors import find_actor
from timeline.rules.requirements import names

_TELL_EVERY = 1_000
"""Events of an import between two reports of progress."""


class Keeping(ReadModels):
    """A record whose log can be read, verified and copied."""

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

        >>> [event.id for event in record.log(actor="bob", until="2024-03-10")]
        ['bob-minister', 'bob-against']

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
            NotFound: no such actor or stream is recorded, or nothing names that subject.
            UnknownEventType: no such type is known.
        """
        start, end = stretch(since, until)
        is_named = False
        if actor is not None:
            with self.view() as view:
                actor = find_actor(view, actor)
        for event in self._events(stream, type):
            if subject is not None and not names(event, subject, None):
                continue
            is_named = True
            if (
                (type is None or event.type == type)
                and (actor is None or names(event, actor, "actor"))
                and within(event.occurred, start, end, certainly=certainly)
            ):
                yield event
        if subject is not None and not is_named:
            self.store.require_subject(subject)

    def _events(self, stream: str | None, type: str | None) -> Iterator[RecordedEvent[Any]]:
        """The events of a stream or of the whole log; of one type where the whole log is read."""
        if type is not None:
            self.store.codec.class_named(type)
        if stream is None:
            return self.store.read_all(types=None if type is None else {type})
        self.store.require_stream(stream)
        return self.store.read_stream(stream)

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

    def verify(self, *, seal: str | None = None, progress: Progress | None = None) -> Head:
        """Check every event of the log against its digests; returns where the log ends.

        >>> record.verify(seal=record.seal()) == record.store.head()
        True

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
            write_log(out, head, self.store.stored(until=head.position, connection=connection))
            database.make_durable(self.store.engine)
        return head

    def import_log(
        self,
        place: Place,
        *,
        seal: str | None = None,
        progress: Progress | None = None,
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
        return Archive(os.fspath(target)).write(
            self.store, rows_per_file=rows_per_file, progress=progress
        )


def _reported(source: LogFile, progress: Progress | None) -> Iterator[Stored]:
    for row in source.rows():
        if progress is not None and row.position % _TELL_EVERY == 0:
            progress(row.position, source.head.position)
        yield row
