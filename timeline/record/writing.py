"""What a record takes in: events, record files, files of coded data."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, get_args

import attrs
import sqlalchemy as sa

from timeline.dates import Occurred, now, when
from timeline.errors import InvalidEvent, InvalidInput, UnknownReference
from timeline.events import (
    Actor,
    ActorAdded,
    Evidence,
    Link,
    NewEvent,
    Redacted,
    Source,
    SourceAdded,
)
from timeline.events.envelope import new_id, stream_name
from timeline.events.evidence import links
from timeline.formats import Ingested, RecordFile, read_file
from timeline.formats.coded.ingest import Ingest
from timeline.formats.coded.reading import SortedRows
from timeline.formats.coded.rows import Dataset
from timeline.log.append import Appended, Expected, ExpectedVersion
from timeline.log.telemetry import Progress
from timeline.models.amendments import AmendedRow
from timeline.record.keeping import Keeping
from timeline.rules.plausibility import Finding, findings
from timeline.rules.requirements import require_evidence, require_identities, require_references

_WITHDRAWN = ("retracted", "superseded")
"""Kinds of amendments after which an event no longer stands."""


class Writing(Keeping):
    """A record that takes events in: all that come together, or none."""

    def add(self, *things: Actor | Source) -> Appended:
        """Record actors and sources, so that events can name them.

        Adding one again as it is does nothing.

        >>> from timeline import Actor
        >>> record.add(Actor("eve", "person", "Eve Elder")).added
        1

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
        progress: Progress | None = None,
    ) -> Appended:
        """Record everything in the record files, or nothing.

        Entries on record are not added again: you can ingest a file that has grown. `progress` is
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
        """What looks wrong in record files, or in the whole record. Some of it may be right.

        Dates in the future or out of order, chains of attribution that lead elsewhere, second
        entries for one actor or source, sources that copy each other, ids that miss by a letter.
        Nothing is recorded.

        >>> print(record.check()[0].problem)
        source 'wire-1' was published on 2024-03-03, before the event occurred (2024-03-05~)

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
        reading: Progress | None = None,
        progress: Progress | None = None,
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
            ingest = Ingest(self.store, rows, dataset, conduct=conduct, keep_going=keep_going)
            ingest.read([os.fspath(file) for file in files], reading)
            loaded = self._projector.load(
                lambda connection: ingest.events(connection, progress), check=self._check
            )
            at = self.store.head().position
            return ingest.tally.account(dataset, added=loaded.added, position=at)

    def _check(self, news: Sequence[NewEvent], connection: sa.Connection) -> None:
        for new in news:
            require_evidence(new)
        require_references(self.store, news, connection)


@contextlib.contextmanager
def _placing(files: Sequence[RecordFile]) -> Iterator[None]:
    """Name file and line in errors about references."""
    try:
        yield
    except UnknownReference as error:
        holding = {new.id: file for file in files for new in file.events}
        raise error.placed(lambda id, field: holding[id].place(id, field)) from None


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
    chain = links(according_to)
    if source is not None:
        return Evidence(source, at, excerpt, chain), *evidence
    if at is not None or excerpt is not None or chain:
        raise InvalidEvent("at=, excerpt= and according_to= say more of a source: name it, source=")
    return tuple(evidence)
