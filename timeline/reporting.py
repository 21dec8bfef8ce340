"""The reports and exports of a record, as it is now or as of some moment."""

from __future__ import annotations

import abc
import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import get_args

from timeline.arguments import Occurred, instant, stretch
from timeline.dates import when
from timeline.engine.as_of import PartialView
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import View
from timeline.engine.projector import Projector
from timeline.engine.rows import shape_of
from timeline.errors import InvalidInput, NotFound
from timeline.formats.bibliography import Form, bibliography
from timeline.formats.calendar import calendar
from timeline.formats.files import Place, new_file
from timeline.formats.rows import Form as RowsForm
from timeline.formats.rows import write_rows
from timeline.formats.timelinejs import timelinejs
from timeline.log import database
from timeline.models.initiatives import InitiativeRow
from timeline.pages.site import write_site
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
from timeline.reports.actors import actors_report
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
from timeline.reports.plans import plans_report
from timeline.reports.positions import positions_report
from timeline.reports.sources import sources_report
from timeline.reports.statement_counts import statement_counts_report
from timeline.reports.statements import statements_report


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
                recorded=instant(recorded),
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
        start, end = stretch(clock, since, until, possibly)
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
            NotFound: no actor in view goes by the speaker's name, or no initiative by that id.
            InvalidInput: several do; or `since` lies after `until`.
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
            InvalidInput: several do; `since` lies after `until`; or `top` is less than 1.
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
            InvalidInput: several do; `since` lies after `until`; or `top` is less than 1.
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
            InvalidInput: several do; `since` lies after `until`; or `days` is less than 0, or `top`
                less than 1.
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
        if not os.fspath(folder):
            # As a path, it would be the folder we stand in.
            raise InvalidInput("expected a folder for the site; found an empty name")
        with self.view() as view:
            return write_site(view, Path(folder), title=title, progress=progress)


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
