"""A record to read: reports and exports, now or as of some moment."""

from __future__ import annotations

import abc
import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from timeline.dates import Occurred, asked
from timeline.engine.as_of import SMALL, PartialView
from timeline.engine.cutoff import Cutoff
from timeline.engine.parquet_rows import RowFiles
from timeline.engine.projection import View, shape_of
from timeline.engine.runner import Projector
from timeline.errors import InvalidInput, NotFound, require_number
from timeline.formats.files import Place, named_path, new_file
from timeline.log import failures
from timeline.log.telemetry import Progress
from timeline.projections.initiatives import InitiativeRow
from timeline.reports.initiative import initiative_report
from timeline.reports.registry import Reports

# What one command writes need not be loaded by all others.
if TYPE_CHECKING:
    from timeline.formats.bibliography import Form
    from timeline.formats.table_files import Form as RowsForm


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

        >>> from timeline.projections.directory import ActorRow
        >>> with record.view() as view:
        ...     view.get(ActorRow, "ann").name
        'Ann Alder'
        """

    @abc.abstractmethod
    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        """The record as of a moment, without what is out of view here already."""

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

        >>> before = record.as_of(occurred="2024-03-02")
        >>> [statement.text for statement in before.statements().statements]
        ['We want it.']

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
            InvalidInput: a date with an open end, or a position that is no number.
            InvalidDate, NaiveDatetime: not a date, or an instant without a zone.
        """
        if position is not None:
            require_number("position", position)
        return self._narrowed(
            Cutoff(
                position=position,
                recorded=_instant(recorded),
                published=asked(published, "published"),
                occurred=asked(occurred, "occurred"),
                possibly=possibly,
            )
        )

    def with_rows(self, target: str | os.PathLike[str]) -> FiledRecord:
        """The record with the read models that `Timeline.rebuild_files` wrote; reports run on it.

        Events are read from the log. Of each projection it is the newest build by this code; all
        stand at one position.

            record.with_rows("s3://bucket/rows").statements()

        Args:
            target: where they were written.

        Raises:
            NotFound: there are none by this code.
            InvalidInput: they go to different positions, are of another log, or hold words that
                were taken down since.
            MissingExtra: pyarrow or fsspec is not installed.
        """
        place = os.fspath(named_path(target, "folder of rows, or its address"))
        return FiledRecord(self._projector, place)

    # Exports

    def calendar(self, *, series: str | None = None, meeting: str | None = None) -> bytes:
        """The meetings of a series, one meeting, or all, as a calendar file (iCalendar, RFC 5545).

        Announced ones are tentative there. A date that is no day spans all the days it may be.

        >>> record.calendar(meeting="spring").count(b"BEGIN:VEVENT")
        1

        Raises:
            NotFound: no such series or meeting is in view.
            MissingExtra: the library `icalendar` is not installed.
        """
        from timeline.formats.calendar import calendar

        with self.view() as view:
            return calendar(view, series=series, meeting=meeting)

    def timelinejs(self, initiative: str | None = None) -> str:
        """An initiative, or all, as the JSON that Knight Lab's TimelineJS shows.

        >>> record.timelinejs("harbour").startswith("{")
        True

        Raises:
            NotFound: no such initiative is in view, or none of it has a date with a year.
        """
        from timeline.formats.timelinejs import timelinejs

        with self.view() as view:
            ids = [row.initiative for row in view.all(InitiativeRow)]
            chosen = ids if initiative is None else [initiative]
            if not chosen:
                raise NotFound("no initiative is in view, so there is nothing to show")
            return timelinejs([initiative_report(view, id) for id in chosen])

    def bibliography(self, form: Form = "csl", *, initiative: str | None = None) -> str:
        """The sources as references, for reference managers; their ids are the keys.

        >>> "On the harbour" in record.bibliography("bibtex")
        True

        Args:
            form: `csl` for CSL-JSON, `bibtex` for BibTeX.
            initiative: only those that the report on this initiative cites.

        Raises:
            NotFound: no such initiative is in view.
            InvalidInput: no such form.
        """
        from timeline.formats.bibliography import Form, bibliography

        if form not in get_args(Form):
            raise InvalidInput(f"form: expected csl or bibtex; found {form!r}")
        with self.view() as view:
            if initiative is None:
                return bibliography(view, form)
            cited = initiative_report(view, initiative).sources
            return bibliography(view, form, {line.source for line in cited})

    def export_rows(
        self, name: str, place: Place, form: RowsForm = "csv", *, excel: bool = False
    ) -> int:
        """Write the rows of a read model to a file; returns how many there are.

        >>> import io
        >>> record.export_rows("meetings", io.BytesIO())
        2

        Args:
            name: the name in SQL, such as `meetings`; also one of a projection of your own.
            place: the file, by path or open for writing bytes.
            form: `csv`, `xlsx` (a workbook), `jsonl` (JSON Lines) or `parquet`.
            excel: begin CSV with a byte order mark, by which Excel knows that it is UTF-8.

        Raises:
            NotFound: no such rows are kept.
            MissingExtra: for Parquet, pyarrow is not installed; for a workbook, openpyxl.
            InvalidInput: no such form, or the file cannot be written.
        """
        from timeline.formats.table_files import Form, write_rows

        known = {
            shape_of(cls).name: cls for kept in self._projector.projections for cls in kept.rows
        }
        if name not in known:
            raise NotFound(f"no rows {name!r} are kept; there are: {', '.join(sorted(known))}.")
        if form not in get_args(Form):
            raise InvalidInput(f"form: expected csv, xlsx, jsonl or parquet; found {form!r}")
        with self.view() as view, new_file(place) as out:
            return write_rows(out, view, known[name], form, excel=excel)

    def site(
        self,
        folder: str | os.PathLike[str],
        *,
        title: str = "The record",
        single: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write all reports into a folder as web pages that lead to one another; see `write_site`.

        Args:
            folder: where to write; it must be new, empty, or a site that was written before.
            title: the headline of the first page, `index.html`.
            single: write one file with all pages in it, and no folder.
            progress: called with how many pages are written, and how many there are.

        Raises:
            InvalidInput: the folder holds files that are not of a site, or cannot be written.
            MissingExtra: the libraries of the extra `pages` are not installed.
        """
        from timeline.pages.site import write_site

        target = named_path(folder, "folder for the site")
        end = self._projector.store.head().position
        return write_site(self, target, title=title, single=single, end=end, progress=progress)


class Snapshot(Record):
    """The record as of some moment, read-only; `as_of` makes it."""

    def __init__(self, projector: Projector, cutoff: Cutoff, *, whole: bool = False) -> None:
        self._projector = projector
        self._whole = whole
        self._seen = PartialView(projector, cutoff, small=sys.maxsize if whole else SMALL)

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """The unchanging view of the record as of that moment."""
        yield self._seen

    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        return Snapshot(self._projector, self._seen.cutoff.narrowed(cutoff), whole=self._whole)

    def __repr__(self) -> str:
        place = failures.shown(self._projector.store.engine.url)
        return f"<Snapshot of {place} at position {self._seen.head.position}>"


class FiledRecord(Record):
    """The record with read models in Parquet files, read-only; `with_rows` makes it."""

    def __init__(self, projector: Projector, target: str) -> None:
        self._projector = projector
        known = {p: projector.fingerprints[p.name] for p in projector.projections}
        self._seen = RowFiles(target).view(projector.store, known)

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        """The unchanging view of the rows in the files."""
        yield self._seen

    def _narrowed(self, cutoff: Cutoff) -> Snapshot:
        at = Cutoff(position=self._seen.head.position)
        return Snapshot(self._projector, at.narrowed(cutoff))

    def __repr__(self) -> str:
        return f"<FiledRecord {self._seen.target} at position {self._seen.head.position}>"


def _instant(moment: datetime | str | None) -> datetime | None:
    """The instant; the end of the day, in UTC, where only a date is given."""
    given = asked(moment, "recorded")
    if given is None:
        return None
    if given.latest is None:
        raise InvalidInput(f"recorded: expected an instant or a date; found {given.text!r}")
    return given.latest
