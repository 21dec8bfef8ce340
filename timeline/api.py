"""`Timeline`: the whole house behind one door.

It joins the store, the read models and the reports, and holds the rules that concern more than one
event: that what an event names is recorded, and that what must have evidence has some.
"""

from __future__ import annotations

import abc
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import sqlalchemy as sa

from timeline import database, identity
from timeline.amendments import Amendments
from timeline.archive import Archive, Archived
from timeline.builds import Build, Comparison
from timeline.clock import When, just_before, require_order, when, within
from timeline.cutoff import Cutoff
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
    EventCorrected,
    EventRetracted,
    Evidence,
    Link,
    NewEvent,
    RecordedEvent,
    Redacted,
    References,
    Source,
    SourceAdded,
    event_type,
    references,
)
from timeline.events.envelope import new_id
from timeline.events.evidence import links
from timeline.exports.bibliography import Form, bibliography
from timeline.exports.calendar import calendar
from timeline.exports.files import Place, existing_file, name_of, new_file
from timeline.exports.log import LogFile, write_log
from timeline.exports.rows import Form as RowsForm
from timeline.exports.rows import write_rows
from timeline.exports.timelinejs import timelinejs
from timeline.ingest import Ingested, read_records
from timeline.ingest.coded import Dataset
from timeline.ingest.sorting import SortedRows
from timeline.intake import Intake
from timeline.integrity import Head, verify
from timeline.lookback import PartialView
from timeline.migrations import is_migrated, upgrade
from timeline.projection import Projection, View
from timeline.projections import BUILT_IN
from timeline.projections.initiatives import InitiativeRow
from timeline.projector import ProjectionStatus, Projector
from timeline.redaction import redact, scrub
from timeline.reports import (
    ActorsReport,
    AttendanceReport,
    ChangesReport,
    ChronologyReport,
    ContradictionsReport,
    CorroborationReport,
    DossierReport,
    EncountersReport,
    FollowUpsReport,
    InitiativeReport,
    PlansReport,
    PositionsReport,
    Report,
    SourcesReport,
    StatementCountsReport,
    StatementsReport,
)
from timeline.reports.actors import actors_report, find_actor
from timeline.reports.attendance import attendance_report
from timeline.reports.capped import TOP
from timeline.reports.changes import Clock, changes_report
from timeline.reports.chronology import chronology_report
from timeline.reports.contradictions import contradictions_report
from timeline.reports.corroboration import corroboration_report
from timeline.reports.dossier import dossier_report
from timeline.reports.encounters import encounters_report
from timeline.reports.follow_ups import DAYS, follow_ups_report
from timeline.reports.initiative import initiative_report
from timeline.reports.origins import sources_report
from timeline.reports.plans import plans_report
from timeline.reports.position_table import positions_report
from timeline.reports.statement_counts import statement_counts_report
from timeline.reports.statements import statements_report
from timeline.rows import shape_of
from timeline.site import write_site
from timeline.store import (
    Appended,
    EventStore,
    Expected,
    ExpectedVersion,
    derived_stream,
    stream_name,
)
from timeline.transfer import Restored, restore, stored_rows
from timeline.upcasting import Upcaster

_PATIENCE = 5.0
"""Seconds in which a view of kept rows is tried for, while others keep moving them."""

_TELL_EVERY = 1_000
"""Events of an import between two reports of progress."""

Occurred = When | str | date | datetime | None
"""World time as callers give it: EDTF text, a date, or an aware datetime."""


class Reporting(abc.ABC):
    """The reports, for whatever can give a view of the read models."""

    _projector: Projector

    @abc.abstractmethod
    def view(self) -> contextlib.AbstractContextManager[View]:
        """One unchanging view of the rows of all projections, for a report of one's own.

            with record.view() as view:
                for row in view.all(Tariff, goods="steel"):
                    print(row.percent, view.head.position)

        A kept view holds a transaction open: make the report, and leave the block.
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

        `as_of(published="2022-12-02")` answers what one could know on that evening, whenever it was
        recorded; `as_of(recorded=…)` and `as_of(position=…)` what this record said; and
        `as_of(occurred=…)` how things stood then, as far as is known now.

        Args:
            position: the log had come to this position.
            recorded: nothing in it was recorded after this instant.
            published: only what sources report that were published by the end of this date. What
                was recorded without a source, actors and corrections, is in view.
            occurred: only what had happened by the end of this date.
            possibly: take in what only may have been published or happened by then, such as
                `2022-12` on 2 December, and what bears no date.

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

    def initiative(self, initiative: str) -> InitiativeReport:
        """The state of an initiative: stage, parties, positions, terms, talks, sources.

        Raises:
            NotFound: no such initiative is in view.
        """
        with self.view() as view:
            return initiative_report(view, initiative)

    def positions(self, initiative: str) -> PositionsReport:
        """Where each party of an initiative stood at each date on which that changed.

        Raises:
            NotFound: no such initiative is in view.
        """
        with self.view() as view:
            return positions_report(view, initiative)

    def attendance(
        self, *, series: str | None = None, meeting: str | None = None
    ) -> AttendanceReport:
        """Who attended the meetings of a series, one meeting, or all meetings.

        Raises:
            NotFound: no such series or meeting is in view.
        """
        with self.view() as view:
            return attendance_report(view, series=series, meeting=meeting)

    def changes(
        self,
        report: Callable[[Reporting], Report],
        *,
        since: Occurred | int,
        until: Occurred | int,
        clock: Clock = "published",
        possibly: bool = False,
    ) -> ChangesReport:
        """What changed in a report within a stretch of time, and which events made it change.

            record.changes(lambda record: record.initiative("x"), since="2022-12-01",
                           until="2022-12-10")

        Args:
            report: makes the report that is compared, from the record as of some moment.
            since: the first day of the stretch; with the clock `position`, the position before it.
            until: the last day of it, or position.
            clock: what counts as within it: what was `published` then, and so could be learned;
                what `occurred`, as far as is known now; or what was `recorded`, by date or by
                `position`.
            possibly: as for `as_of`.

        Raises:
            NotFound: there is nothing to report at either end, or the log has not come so far.
            InvalidInput: no such clock; or the stretch has an open end, or ends before it starts;
                or `report` makes none.
            InvalidDate, NaiveDatetime: not a date, or an instant without a zone.
        """
        start, end = _stretch(clock, since, until, possibly)
        later = self.as_of(**end)
        # From there, so that what is appended meanwhile is in neither.
        earlier = later.as_of(**start)
        before, after = _made(report, earlier), _made(report, later)
        if isinstance(before, NotFound) and isinstance(after, NotFound):
            raise after
        with earlier.view() as old, later.view() as new:
            return changes_report(
                old,
                new,
                None if isinstance(before, NotFound) else before,
                None if isinstance(after, NotFound) else after,
                since=str(since),
                until=str(until),
                clock=clock,
            )

    def chronology(
        self,
        *,
        actor: str | None = None,
        initiative: str | None = None,
        meeting: str | None = None,
        series: str | None = None,
        type: str | None = None,
        since: Occurred = None,
        until: Occurred = None,
        certainly: bool = False,
    ) -> ChronologyReport:
        """What happened, in order of world time: all that fits what is given.

        Args:
            actor: what names this actor, in whatever part; by its id or any recorded name.
            initiative: what concerns this initiative.
            meeting: what is told of this meeting, or happened at it.
            series: likewise, of the editions of this series.
            type: events of this type, such as `StatementMade`.
            since: what happened from here on.
            until: what happened up to here.
            certainly: leave out what only may have happened within that time.

        Raises:
            NotFound: no such actor, initiative, meeting or series is in view.
            InvalidInput: several actors go by that name; no such type; `since` is after `until`.
            InvalidDate: `since` or `until` is not a date.
        """
        start, end = when(since), when(until)
        with self.view() as view:
            return chronology_report(
                view,
                actor=actor,
                initiative=initiative,
                meeting=meeting,
                series=series,
                type=type,
                since=start,
                until=end,
                certainly=certainly,
            )

    def statements(
        self,
        *,
        speaker: str | None = None,
        about: str | None = None,
        topic: str | None = None,
        since: Occurred = None,
        until: Occurred = None,
        certainly: bool = False,
    ) -> StatementsReport:
        """The statements that fit all that is given, in order of world time.

        Args:
            speaker: statements of this actor, by its id or by a name in any recorded spelling.
            about: statements about this proposal.
            topic: statements on this topic.
            since: statements made from here on.
            until: statements made up to here.
            certainly: leave out statements that only may have been made within that time.

        Raises:
            NotFound: no actor in view goes by the speaker's name.
            InvalidInput: several do.
            InvalidDate: `since` or `until` is not a date.
        """
        start, end = when(since), when(until)
        with self.view() as view:
            return statements_report(
                view,
                speaker=speaker,
                about=about,
                topic=topic,
                since=start,
                until=end,
                certainly=certainly,
            )

    def statement_counts(
        self,
        *,
        speaker: str | None = None,
        since: Occurred = None,
        until: Occurred = None,
        certainly: bool = False,
        top: int | None = TOP,
    ) -> StatementCountsReport:
        """How many statements there are by actor and month.

        Args:
            speaker: only statements of this actor, by its id or by a name in any recorded spelling.
            since: statements made from here on.
            until: statements made up to here.
            certainly: leave out statements that only may have been made within that time.
            top: of how many actors, those who made most; None for all.

        Raises:
            NotFound: no actor in view goes by the speaker's name.
            InvalidInput: several do; or `top` is less than 1.
            InvalidDate: `since` or `until` is not a date.
        """
        start, end = when(since), when(until)
        with self.view() as view:
            return statement_counts_report(
                view, speaker=speaker, since=start, until=end, certainly=certainly, top=top
            )

    def encounters(
        self,
        *,
        actor: str | None = None,
        since: Occurred = None,
        until: Occurred = None,
        certainly: bool = False,
        top: int | None = TOP,
    ) -> EncountersReport:
        """Who met whom, how often, and when.

        Args:
            actor: only whom this actor met, by its id or by a name in any recorded spelling.
            since: meetings held from here on.
            until: meetings held up to here.
            certainly: leave out meetings that only may have been held within that time.
            top: how many pairs, those that met most often; None for all.

        Raises:
            NotFound: no actor in view goes by that name.
            InvalidInput: several do; or `top` is less than 1.
            InvalidDate: `since` or `until` is not a date.
        """
        start, end = when(since), when(until)
        with self.view() as view:
            return encounters_report(
                view, actor=actor, since=start, until=end, certainly=certainly, top=top
            )

    def follow_ups(
        self,
        *,
        actor: str | None = None,
        since: Occurred = None,
        until: Occurred = None,
        days: int = DAYS,
        top: int | None = TOP,
    ) -> FollowUpsReport:
        """Plans of two to meet, and whether both then met within some days.

        Args:
            actor: only plans that concern this actor, by its id or by a name in any spelling.
            since: plans voiced from here on.
            until: plans voiced up to here.
            days: how many days after a plan the meeting may come; it may come on the same day.
            top: how many plans are listed; None for all. All are counted.

        Raises:
            NotFound: no actor in view goes by that name.
            InvalidInput: several do; or `days` is less than 0, or `top` less than 1.
            InvalidDate: `since` or `until` is not a date.
        """
        start, end = when(since), when(until)
        with self.view() as view:
            return follow_ups_report(view, actor=actor, since=start, until=end, days=days, top=top)

    def plans(self, *, initiative: str | None = None, on: Occurred = None) -> PlansReport:
        """What was announced, meetings and other plans, and what became of it as of a date.

        Args:
            initiative: only plans that concern this initiative.
            on: the date by whose end plans are open, overdue, kept or missed. Without one it is the
                day of the view: that of the last recording, or the one given to `as_of`.

        Raises:
            NotFound: no such initiative is in view.
            InvalidInput: `on` has an open end.
            InvalidDate: `on` is not a date.
        """
        day = when(on)
        with self.view() as view:
            return plans_report(view, initiative=initiative, on=day)

    def actors(self, name: str | None = None) -> ActorsReport:
        """Who is who: names and spellings, offices, memberships, and who is not to be confused.

        Args:
            name: only the actor that goes by this id or name. Case, diacritics, punctuation and
                spaces make no difference, unless only they tell two actors apart.

        Raises:
            NotFound: no actor in view goes by that name; the message names those that come near.
            InvalidInput: several do; the message names them.
        """
        with self.view() as view:
            return actors_report(view, name)

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
            return timelinejs([initiative_report(view, each) for each in chosen])

    def bibliography(self, form: Form = "csl", *, initiative: str | None = None) -> str:
        """The sources as references, for reference managers; their ids are the keys.

        Args:
            form: `csl` for CSL-JSON, `bibtex` for BibTeX.
            initiative: only those that the report on this initiative rests on.

        Raises:
            NotFound: no such initiative is in view.
            InvalidInput: no such form.
        """
        if form not in get_args(Form):
            raise InvalidInput(f"form: expected csl or bibtex; found {form!r}")
        with self.view() as view:
            if initiative is None:
                return bibliography(view, form)
            found = initiative_report(view, initiative).sources
            return bibliography(view, form, {line.source for line in found})

    def export_rows(self, name: str, place: Place, form: RowsForm = "csv") -> int:
        """Write the rows of a read model to a file; returns how many there are.

        Args:
            name: as SQL knows it, such as `meetings`; of a projection of one's own, too.
            place: the file, by path or open for writing bytes.
            form: `csv`, `jsonl` (JSON Lines) or `parquet`.

        Raises:
            NotFound: no such rows are kept.
            MissingExtra: for Parquet, pyarrow is not installed.
            InvalidInput: no such form, or the file cannot be written.
        """
        known = {
            shape_of(cls).name: cls for each in self._projector.projections for cls in each.rows
        }
        if name not in known:
            raise NotFound(f"no rows {name!r} are kept. Kept are: {', '.join(sorted(known))}.")
        if form not in get_args(RowsForm):
            raise InvalidInput(f"form: expected csv, jsonl or parquet; found {form!r}")
        with self.view() as view, new_file(place) as out:
            return write_rows(out, view, known[name], form)

    def dossier(self, name: str) -> DossierReport:
        """All of one actor: names, offices, memberships, words, positions, meetings, whom it met.

        Args:
            name: the id or any recorded name of the actor, as for `actors`.

        Raises:
            NotFound: no actor in view goes by that name; the message names those that come near.
            InvalidInput: several do; the message names them.
        """
        with self.view() as view:
            return dossier_report(view, name)

    def sources(self, *, initiative: str | None = None) -> SourcesReport:
        """What each source carries, what is copied, and what rests on one origin only.

        Args:
            initiative: only of what concerns this initiative.

        Raises:
            NotFound: no such initiative is in view.
        """
        with self.view() as view:
            return sources_report(view, initiative=initiative)

    def contradictions(
        self, *, initiative: str | None = None, meeting: str | None = None
    ) -> ContradictionsReport:
        """Where reports cannot all hold: of an initiative, of a meeting, or of everything.

        Raises:
            NotFound: no such initiative or meeting is in view.
        """
        with self.view() as view:
            return contradictions_report(view, initiative=initiative, meeting=meeting)

    def corroboration(self, *events: str) -> CorroborationReport:
        """How many independent origins a claim has, and who took it from whom.

        Args:
            events: the ids of the events that record it, one or more.

        Raises:
            InvalidInput: no event is named.
            NotFound: one is not in the log, or not in view.
        """
        with self.view() as view:
            return corroboration_report(view, events)

    def site(
        self,
        folder: str | os.PathLike[str],
        *,
        title: str = "The record",
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Write all reports into a folder as web pages that lead to one another; see `write_site`.

        Args:
            folder: where; an empty one, one that this made before, or one to be made.
            title: the headline of the first page, `index.html`.
            progress: told how many pages are written, and how many there are.

        Raises:
            InvalidInput: the folder holds what this did not write, or cannot be written.
            MissingExtra: the libraries of the extra `pages` are not installed.
        """
        with self.view() as view:
            return write_site(view, Path(folder), title=title, progress=progress)


class Timeline(Reporting):
    """A record of who said, met and proposed what, when, and according to whom.

    Open one with `Timeline.open`, best in a `with` block. `store` is the event store beneath it,
    for events and streams of one's own.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection] = ()) -> None:
        self.store = store
        self._projector = Projector(store, (*BUILT_IN, *projections))

    @classmethod
    def open(
        cls,
        url: str | sa.URL,
        *,
        events: Iterable[type | Upcaster] = (),
        projections: Iterable[Projection] = (),
        create: bool = True,
    ) -> Self:
        """Open the record in a database; its schema is created or brought up to date.

        Args:
            url: `sqlite:///FILE`, `sqlite://` for one in memory, or `postgresql://…`.
            events: event classes of one's own, made by `@event`, and upcasters, by `@upcaster`.
            projections: projections of one's own, kept beside the built-in ones.
            create: whether to make a record where there is none.

        Raises:
            InvalidInput: not such an address.
            InvalidProjection: a projection cannot be kept, or not beside the others.
            NotFound: there is no record, and none was to be made.
            DatabaseUnreachable, DatabaseTooNew, MigrationFailed: see there.
        """
        engine = database.create_engine(url)
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
            UnknownReference, InvalidEvent, DatabaseError: see there.
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
            events: one or more events; what follows holds for each of them.
            occurred: when it happened, as a date of EDTF or an aware datetime.
            source: the id of the source that reports it.
            at: the place in that source.
            excerpt: a short passage from there.
            according_to: the chain from the publisher back to the speaker: actors' ids or `Link`s.
            evidence: further evidence, or all of it in full.
            id: the event's id, for a single event. Give one to make the call safe to repeat.
            stream: the stream, for event classes of one's own that do not say theirs.
            expected_version: the version the events' stream must be at, if they share one.

        Raises:
            InvalidDate, NaiveDatetime: `occurred` is not a date.
            InvalidEvent: a field does not fit, or evidence is missing where there must be some.
            UnknownReference: something named is not recorded.
            WrongExpectedVersion, EventIdReused, DatabaseError: see there.
        """
        if id is not None and len(events) != 1:
            raise InvalidEvent(f"an id names one event; found {len(events)} with id={id!r}")
        support = _evidence(source, at, excerpt, according_to, evidence)
        if any(isinstance(each, NewEvent) for each in events):
            raise InvalidEvent("a NewEvent brings its own id, date and evidence: use append_all")
        news = [
            NewEvent(each, new_id() if id is None else id, stream, when(occurred), support)
            for each in events
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

        `progress` is told how many are written, as that grows.

        Raises:
            InvalidEvent: a field does not fit, or evidence is missing where there must be some.
            UnknownReference: something named is not recorded.
            WrongExpectedVersion, EventIdReused, DatabaseError: see there.
        """
        news = list(events)
        for new in news:
            _require_evidence(new)
        self._require_references(news)
        self._require_identities(news)
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
        """Record all that the record files say, or nothing.

        What was ingested before is not added again, so a file that has grown is ingested whole.
        `progress` is told how many of the events are written, and how many there are.

        Raises:
            InvalidRecord: a file cannot be read; names file, line and field.
            EventIdReused: an entry was recorded with other content before.
            UnknownReference, InvalidEvent, DatabaseError: see there.
        """
        classes = self.store.codec.class_named
        news = [new for path in paths for new in read_records(path, classes)]
        told = None if progress is None else lambda done: progress(done, len(news))
        return self.append_all(news, progress=told)

    def ingest_coded(
        self,
        *files: str | os.PathLike[str],
        dataset: Dataset,
        conduct: bool = True,
        keep_going: bool = False,
        reading: Callable[[int, int], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Ingested:
        """Record what files of coded event data say: all of them in one transaction, or nothing.

        Rows that are on record are not recorded again. `docs/coded-data.md` tells what becomes of
        each code, and what is folded.

        Args:
            files: plain, zipped or gzipped.
            dataset: `icews` for files of ICEWS, `gdelt` for exports of GDELT 2.0.
            conduct: whether to record what is neither said, proposed nor a meeting, as
                `ConductReported`.
            keep_going: pass bad rows over; without it nothing is recorded if there are any.
            reading: told how many bytes of how many of a file are read.
            progress: told how many actors, sources and rows of how many are recorded.

        Returns:
            An account in which every row is found once, by code.

        Raises:
            InvalidInput: no such data set.
            InvalidRecord: a file cannot be read, or has bad rows; names file and line.
            DatabaseError: see there.
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
            _require_evidence(new)
        self._require_references(news, connection)

    def _require_references(
        self, news: Sequence[NewEvent], connection: sa.Connection | None = None
    ) -> None:
        """Check that whatever the events name is recorded, or recorded with them."""
        wanted = [(new, *found) for new in news for found in _references(new)]
        beside: dict[str, NewEvent | RecordedEvent[Any]] = {new.id: new for new in news}
        ids = {id for _, _, category, id in wanted if category == "event"} - beside.keys()
        events = beside | (self.store.existing(ids, connection) if ids else {})
        wanted += [(new, *found) for new in news for found in self._corrections(new, events)]
        further = {id for _, _, category, id in wanted if category == "event"} - events.keys()
        events |= self.store.existing(further, connection) if further else {}
        opened = {stream_name(new) for new in news if event_type(new.event).opens}
        streams = {f"{category}-{id}" for _, _, category, id in wanted if category != "event"}
        known = opened | self.store.existing_streams(streams - opened, connection)
        for new, path, category, id in wanted:
            if id not in events if category == "event" else f"{category}-{id}" not in known:
                raise UnknownReference(new.id, path, category, id)

    def _corrections(
        self, new: NewEvent, events: Mapping[str, NewEvent | RecordedEvent[Any]]
    ) -> References:
        """Check that a correction fits the events it names; give what they then refer to."""
        if isinstance(new.event, EventCorrected):
            for id in new.event.events:
                if id in events:
                    yield from _references(self._corrected(new, events[id]))

    def _require_identities(self, news: list[NewEvent]) -> None:
        """Check that mergers and distinctions of actors fit what is said before them."""
        saying = [new for new in news if isinstance(new.event, identity.CLASSES)]
        if all(isinstance(new.event, EventRetracted) for new in saying):
            return
        recorded = self.store.existing(new.id for new in saying)
        with self.view() as view:
            identities = identity.Identities(view)
        for new in saying:
            if new.id not in recorded:
                identities.take(new)

    def _corrected(
        self, new: NewEvent, target: NewEvent | RecordedEvent[Any]
    ) -> NewEvent | RecordedEvent[Any]:
        problem = f"event {new.id!r}: correcting {target.id!r}"
        if isinstance(target.event, Amendments.CLASSES):
            raise InvalidEvent(
                f"{problem}: it is itself a correction. Retract it with an EventRetracted, and "
                "record what is right in a correction of its own."
            )
        if isinstance(target.event, Redacted):
            raise InvalidEvent(f"{problem}: its words were taken down, there is nothing to correct")
        try:
            corrected = self.store.codec.corrected(target, new.event.changes)
        except InvalidInput as error:
            raise InvalidEvent(f"{problem}: {error}") from None
        if derived_stream(corrected.event, target.id) != derived_stream(target.event, target.id):
            raise InvalidEvent(
                f"{problem} would move it to another stream. Retract it with an EventRetracted, "
                "and record it where it belongs."
            )
        return corrected

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
        """The events of the log that fit all that is given, as recorded, oldest first.

        Args:
            stream: events of this stream.
            actor: events that name this actor, in themselves or in their evidence; by id, or by any
                name or spelling on record.
            subject: events that name this id in any way, of an actor, source, proposal or meeting.
            type: events of this type.
            since: events that occurred from here on.
            until: events that occurred up to here.
            certainly: leave out events that only may have occurred within that time.

        Raises:
            InvalidDate: `since` or `until` is not a date.
            InvalidInput: `since` lies after `until`; or several actors go by that name.
            NotFound: no such actor is recorded.
            UnknownEventType: no such type is known.
        """
        start, end = when(since), when(until)
        require_order(start, end)
        if actor is not None:
            with self.view() as view:
                actor = find_actor(view, actor)
        if type is not None:
            self.store.codec.class_named(type)
        if stream is not None:
            found = self.store.read_stream(stream)
        else:
            found = self.store.read_all(types=None if type is None else {type})
        for event in found:
            if (
                (type is None or event.type == type)
                and (actor is None or _names(event, actor, "actor"))
                and (subject is None or _names(event, subject, None))
                and within(event.occurred, start, end, certainly=certainly)
            ):
                yield event

    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        return Snapshot(self._projector, cutoff)

    # Keeping

    def redact(self, event_id: str, *, reason: str) -> bool:
        """Remove for good what an event and its evidence say; says whether anything was left.

        The words go from the log, from the read models, and from the database's files; id, dates,
        order and digests stay, and an `EventRedacted` tells why. See `timeline.redaction.scrub` for
        what it costs, and for where copies may be left.

        Raises:
            NotFound: no such event is in the log.
            InvalidInput: the event is itself the record of a takedown.
            DatabaseReadOnly, DatabaseError: see there.
        """
        done = redact(self.store, event_id, reason)
        self._projector.catch_up()
        scrub(self.store.engine, self._projector.forget_others())
        return done

    def seal(self) -> str:
        """Where the log ends, position and digest, as text to keep where nobody can change it.

        `verify` checks against it that nothing up to there was changed or cut off.
        """
        database.make_durable(self.store.engine)
        return self.store.head().seal

    def verify(
        self, *, seal: str | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Head:
        """Check every event of the log against its digests; returns where the log ends.

        Args:
            seal: what `seal` gave at some time.
            progress: told the position reached, and the last one.

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
            LogDamaged: the log is not true to its digests; no file is written.
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
        """Take over a log that `export_log` wrote: with its ids, places, times and digests.

        This record must be empty, or hold what that log begins with: then only the rest is added.
        Every digest is checked on the way, and what is wrong leaves the record as it was. A digest
        shows that a file was damaged; that nobody made another to its liking, only a seal does.

        Args:
            place: the file, by path or open for reading bytes.
            seal: what `seal` gave for that log, when it ended there or earlier.
            progress: told the position reached, and the last one.

        Raises:
            InvalidRecord: the file is damaged, cut off or edited; names line and position.
            UnknownEventType: it holds events of a class that this record does not know.
            LogsDiffer: this record holds other events.
            InvalidInput: the file cannot be opened, or the seal is none.
            DatabaseReadOnly, DatabaseBusy, DatabaseError: see there.
        """
        sealed = None if seal is None else Head.of_seal(seal)
        with existing_file(place) as file:
            source = LogFile(file, name_of(place), self.store.codec, sealed)
            try:
                done = restore(self.store.engine, _told(source, progress))
            except LogDamaged as error:
                raise source.damaged(error) from None
        if done.taken_down or any(each.mode == "inline" for each in self._projector.projections):
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
            progress: told how far it has come, and how far it is to come.

        Raises:
            MissingExtra: pyarrow or fsspec is not installed.
            InvalidInput: no such kind of address is known; the archive there is another log's, or
                has files of another size.
            LogDamaged: the log, or the end of the archive, is not sound.
            DatabaseError: see there.
        """
        made = Archive(os.fspath(target))
        return made.write(self.store, rows_per_file=rows_per_file, progress=progress)

    # Read models

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """One unchanging view of the rows of all projections, up to the end of the log.

        They are caught up first. Where they cannot be, for want of rights or because others are at
        them all the time, the log is folded in memory instead, which takes longer.
        """
        with contextlib.ExitStack() as stack:
            yield self._kept_view(stack) or self._projector.fold()

    def _kept_view(self, stack: contextlib.ExitStack) -> View | None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                self._projector.catch_up()
                connection = stack.enter_context(database.reading(self.store.engine))
                view = self._projector.view(connection)
                # What a report cites must not be gone after a crash.
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

        For those who read the rows by SQL, where `run` or `timeline run` keeps them; a report sees
        to it by itself.

        Args:
            position: of the log; `Appended.position` is that of an append.
            timeout: in seconds.

        Raises:
            DatabaseBusy: they have not come there in that time; it names one that has not.
            DatabaseUnreachable, DatabaseError: see there.
        """
        self._projector.wait_for(position, timeout=timeout)

    def run(
        self,
        stop: threading.Event | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Keep the rows of all projections up with the log, until `stop` is set.

        What may pass, such as a lost connection, is waited out, however long it takes.

        Args:
            stop: set it, from another thread or a signal's handler, to end after the step under
                way; rows and checkpoints are whole whenever it ends.
            progress: told now and then the position reached, and the one to reach.

        Raises:
            DatabaseReadOnly: rows are behind, and this role may not keep them.
            DatabaseError: it cannot be mended by waiting.
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

        Appends and reports go on meanwhile. Killed, it goes on where it was when called again.

        With `on` or `workers` the rows are folded by Dask workers, where they split (see
        `Projection.split_by`), and written at once when all are folded; killed before that, it
        begins again.

        Args:
            name: the projection.
            hold: stop before they go live; called again without, they do.
            on: the address of a Dask scheduler, such as `tcp://host:8786`.
            workers: how many processes to start on this machine for the time it takes.
            memory: how much memory each of these may take, such as `2GiB`.
            archive: what the workers read, instead of the database; what it has not come to is
                folded here.
            progress: told the position reached, and the one to reach.

        Raises:
            NotFound: no such projection is known, or there is no archive.
            DatabaseBusy: somebody reads by the plain names without end; call it again later.
            DatabaseReadOnly, DatabaseError: see there.
            MissingExtra: Dask or pyarrow is not installed.
            InvalidProjection: the rows do not split.
            InvalidInput: the choice of workers is none; they cannot read the record, or import the
                projection; the archive is not up to date with what was taken down.
            ClusterError: there are no workers, they were lost, or they have other code.
        """
        if on is None and workers is None:
            if memory is not None or archive is not None:
                raise InvalidInput("memory and archive are for workers: say on or workers, too")
            return self._projector.rebuild(name, hold=hold, progress=progress)
        if on is not None and (workers is not None or memory is not None):
            raise InvalidInput("on: its workers are there already, and have their memory")
        from timeline import cluster

        read = None if archive is None else os.fspath(archive)
        chosen = cluster.Workers(on=on, number=workers, memory=memory, archive=read)
        return cluster.rebuild(self._projector, name, chosen, hold=hold, progress=progress)

    def compare(
        self, name: str, *, progress: Callable[[int, int], None] | None = None
    ) -> Comparison:
        """Build a projection's rows anew, hold them, and tell how they differ from the live ones.

        Raises:
            NotFound: no such projection is known, or none of its builds is live.
            DatabaseBusy: the two could not be brought to one position; names both.
            DatabaseReadOnly, DatabaseError: see there.
        """
        return self._projector.compare(name, progress=progress)

    def go_back(self, name: str) -> Build:
        """Let the rows that were live before stand for a projection's plain names again.

        Raises:
            NotFound: no such projection is known, or there is nothing to go back to.
            DatabaseBusy: somebody reads by the plain names without end; call it again later.
            DatabaseReadOnly, DatabaseError: see there.
        """
        return self._projector.go_back(name)


class Snapshot(Reporting):
    """The record as of some moment, read-only; `Reporting.as_of` makes it."""

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


def _instant(moment: datetime | str | None) -> datetime | None:
    """The instant; the end of the day, in UTC, where only a date is given."""
    stretch = when(moment)
    if stretch is None:
        return None
    if stretch.latest is None:
        raise InvalidInput(f"recorded: expected an instant or a date; found {stretch.text!r}")
    return stretch.latest


def _made(report: Callable[[Reporting], Report], record: Reporting) -> Report | NotFound:
    expected = "expected what makes a report of a record, such as `lambda record: record.plans()`"
    if not callable(report):
        raise InvalidInput(f"{expected}; found {report!r}")
    try:
        made = report(record)
    except NotFound as error:
        return error
    if not isinstance(made, Report):
        raise InvalidInput(f"{expected}; found one that makes {made!r}")
    return made


def _stretch(
    clock: Clock, since: Occurred | int, until: Occurred | int, possibly: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `as_of` is asked for, just before a stretch and at its end."""
    if clock == "position":
        first, last = _positions(since, until)
        return {"position": first}, {"position": last}
    if clock not in {"occurred", "published", "recorded"}:
        raise InvalidInput(
            f"clock: expected occurred, published, recorded or position; found {clock!r}"
        )
    if isinstance(since, int) or isinstance(until, int):
        raise InvalidInput(f"by {clock}: expected dates; found {since!r} and {until!r}")
    start, end = when(since), when(until)
    if start is None or end is None or start.earliest is None or end.latest is None:
        raise InvalidInput(f"expected a stretch that has two ends; found {since} to {until}")
    if start.earliest > end.latest:
        raise InvalidInput(f"expected a stretch that ends after it starts; found {start} to {end}")
    before = just_before(start.earliest)
    if clock == "recorded":
        return {"recorded": before.latest}, {"recorded": end.latest}
    return {clock: before, "possibly": possibly}, {clock: end, "possibly": possibly}


def _positions(since: Occurred | int, until: Occurred | int) -> tuple[int, int]:
    try:
        first, last = int(str(since)), int(str(until))
    except ValueError:
        raise InvalidInput(f"expected two positions; found {since!r} and {until!r}") from None
    if first > last:
        raise InvalidInput(f"expected a stretch that ends after it starts; found {first} to {last}")
    return first, last


def _told(
    source: LogFile, progress: Callable[[int, int], None] | None
) -> Iterator[Mapping[str, Any]]:
    for row in source.rows():
        if progress is not None and row["position"] % _TELL_EVERY == 0:
            progress(row["position"], source.head.position)
        yield row


def _require_record(engine: sa.Engine) -> None:
    if not (database.exists(engine) and is_migrated(engine)):
        raise NotFound(f"{database.shown(engine.url)} holds no record. `timeline init` makes one.")


def _added(thing: Actor | Source) -> NewEvent:
    # The ids are derived, so that recording a thing twice is a retry and not a second event.
    if not isinstance(thing, Actor | Source):
        raise InvalidEvent(f"expected an Actor or a Source; found {thing!r:.80}")
    if isinstance(thing, Actor):
        return NewEvent(ActorAdded(thing), id=f"actor/{thing.id}")
    return NewEvent(SourceAdded(thing), id=f"source/{thing.id}")


def _evidence(
    source: str | None,
    at: str | None,
    excerpt: str | None,
    according_to: Iterable[Link | str],
    evidence: Iterable[Evidence],
) -> tuple[Evidence, ...]:
    chain = links(according_to)
    if source is not None:
        return Evidence(source, at, excerpt, chain), *evidence
    if at is not None or excerpt is not None or chain:
        raise InvalidEvent("at=, excerpt= and according_to= say more of a source: name it, source=")
    return tuple(evidence)


def _require_evidence(new: NewEvent) -> None:
    try:
        kind = event_type(new.event)
    except TypeError as error:
        raise InvalidEvent(f"event {new.id!r}: {error}") from None
    if kind.evidence and not new.evidence:
        raise InvalidEvent(
            f"event {new.id!r}: {kind.name} is known from some source; say which, with source=… or "
            "evidence=[…]"
        )


def _references(new: NewEvent | RecordedEvent[Any]) -> References:
    if isinstance(new.event, Redacted):
        return
    kind = event_type(new.event)
    for path, category, id in references(new.event):
        if not (kind.opens and path == kind.subject):
            yield path, category, id
    for number, each in enumerate(new.evidence):
        yield from references(each, f"evidence[{number}]")


def _names(event: RecordedEvent[Any], id: str, category: str | None) -> bool:
    if category is None and event.stream.partition("-")[2] == id:
        return True
    return any(
        found == id and (category is None or of == category) for _, of, found in _references(event)
    )
