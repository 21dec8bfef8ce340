"""What all reports share: where in the log they were made, and how they are shown."""

from __future__ import annotations

import abc
import difflib
import functools
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import attrs
import msgspec

from timeline.dates import UNKNOWN, Occurred, When, short, stretch, within
from timeline.engine.projection import View
from timeline.errors import InvalidInput, NotFound
from timeline.projections.initiatives import InitiativeRow
from timeline.projections.meetings import MeetingRow
from timeline.reports.citations import Citation, Citer, CorrectionLine, SourceLine, text
from timeline.reports.layout import Cell, Chart, Document, Fact, Table, about, cell, marked
from timeline.reports.render.grids import frame, render_csv, render_workbook, table_dict
from timeline.reports.render.markup import render_html, render_markdown

_NAMED = 5
"""Ids that an error names."""


@attrs.frozen
class Standing:
    """Where in the log a report was made. Made again there, it is the same.

    Attributes:
        position: the last event it takes into account.
        digest: the digest of the log there, in hexadecimal.
        published: the date by which sources had to be published to be taken into account.
        occurred: the date by which events had to have happened to be taken into account.
        possibly: whether what only may have been published or happened by then is, too.
        taken_down: the ids of events up to there whose words were taken down later. What rested on
            them is no longer in the report.
    """

    position: int
    digest: str
    published: str | None = None
    occurred: str | None = None
    possibly: bool = False
    taken_down: tuple[str, ...] = ()

    @classmethod
    def of(cls, view: View) -> Standing:
        """The standing of everything made from a view."""
        cutoff = view.cutoff
        return cls(
            position=view.head.position,
            digest=view.head.digest.hex(),
            published=text(cutoff.published),
            occurred=text(cutoff.occurred),
            possibly=cutoff.possibly,
            taken_down=view.taken_down,
        )

    def __str__(self) -> str:
        place = f"Made at position {self.position} of the log, digest {self.digest}."
        said = [place, *(f"A{limit[1:]}." for limit in self.limits)]
        if self.taken_down:
            gone = ", ".join(self.taken_down)
            said.append(f"What these events said was taken down since, and is not in it: {gone}.")
        return " ".join(said)

    @property
    def banner(self) -> str | None:
        """A sentence that says what is left out by date; None where nothing is."""
        if not self.limits:
            return None
        words = " and ".join(self.limits)
        return f"{words[0].upper()}{words[1:]}. What came later is not in it."

    @property
    def limits(self) -> tuple[str, ...]:
        """What is left out by date, in words."""
        by = "possibly by" if self.possibly else "by"
        dates = {"as published": self.published, "as it had happened": self.occurred}
        return tuple(f"{how} {by} {short(date)}" for how, date in dates.items() if date)


def made_from(view: View, citer: Citer) -> dict[str, Any]:
    """The fields that every report has. Give them last: what is cited later is not in them."""
    return {
        "standing": Standing.of(view),
        "corrections": citer.corrections(),
        "sources": citer.sources(),
    }


@attrs.frozen(kw_only=True, repr=False)
class Report(abc.ABC):
    """The base of reports. `print` shows text; a notebook shows tables.

    Attributes:
        standing: where in the log the report stands.
        corrections: the corrections that something in it rests on.
        sources: the sources that something in it rests on.
    """

    kind: ClassVar[str]

    standing: Standing
    corrections: tuple[CorrectionLine, ...]
    sources: tuple[SourceLine, ...]

    @abc.abstractmethod
    def document(self) -> Document:
        """The report as headings and tables, for a rendering."""

    def to_dict(self) -> dict[str, Any]:
        """The report as dicts, lists and strings; its shape is that of the class."""
        cited: dict[str, Citation] = {}
        fields = _fields(self, cited)
        common = {name: fields.pop(name) for name in ("corrections", "sources", "standing")}
        citations = {id: attrs.asdict(one, value_serializer=_listed) for id, one in cited.items()}
        return {"report": self.kind, **fields, "citations": citations, **common}

    def to_json(self, table: str | None = None) -> str:
        """The report as JSON, indented; or one table of it, see `to_csv`."""
        data = self.to_dict()
        if table is not None:
            common = {"report": self.kind, "standing": data["standing"]}
            data = common | table_dict(self.document(), table)
        # The standard library takes ten times as long: it indents in Python.
        return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()

    @property
    def summary(self) -> tuple[str, ...]:
        """What the record says, and who says otherwise, in a few sentences."""
        return tuple(said.text for said in self.document().opening)

    def to_text(
        self,
        width: int = 80,
        *,
        all: bool = False,  # noqa: A002 - the word of the command line
        table: str | None = None,
        evidence: bool | Collection[int] = False,
        color: bool = False,
    ) -> str:
        """The report as text for a terminal: what fits a screen, unless asked for more.

        Args:
            width: in characters.
            all: whether to show all rows of all tables.
            table: the title of one table to show in full, or its beginning.
            evidence: whether to show the notes that the numbers lead to; or the numbers of those to
                show, alone. A number is the same however much is shown.
            color: whether to write terminal escapes for colour and weight.

        Raises:
            NotFound: the report has no such table, or nothing to show in it.
            InvalidInput: several begin like that, or no note has such a number.
        """
        # A terminal's library takes longer to load than all of the reports.
        from timeline.reports.render.text import render_text

        return render_text(
            self.document(), width=width, color=color, whole=all, table=table, evidence=evidence
        )

    def to_csv(self, table: str | None = None) -> str:
        """The report as CSV (RFC 4180), with the events and sources that each row rests on.

        Args:
            table: the title of one table, or its beginning, to be written as it is shown. Else
                every cell is a row: table, row, column, value, about, evidence, sources.

        Raises:
            NotFound: the report has no such table, or nothing to show in it.
            InvalidInput: several begin like that.
        """
        return render_csv(self.document(), table)

    def to_xlsx(self, table: str | None = None) -> bytes:
        """The report as a workbook: a sheet for each table, with real numbers and dates.

        Args:
            table: the title of the one table to write, or its beginning.

        Raises:
            NotFound: the report has no such table, or nothing to show in it.
            InvalidInput: several begin like that.
            MissingExtra: openpyxl is not installed; the extra `sheets` brings it.
        """
        return render_workbook(self.document(), table)

    def to_markdown(self, table: str | None = None) -> str:
        """The report as GitHub's Markdown, with its evidence as footnotes; or one table of it."""
        return render_markdown(self._only(table))

    def to_frame(self, table: str | None = None, *, library: str | None = None) -> Any:
        """The report as a data frame of pandas, or else of polars.

        Args:
            table: as for `to_csv`.
            library: `pandas` or `polars`, where it matters which.

        Raises:
            NotFound: the report has no such table, or nothing to show in it.
            InvalidInput: several begin like that.
            InvalidInput: no such library is known.
            MissingExtra: neither library is installed; the extra `frames` brings pandas.
        """
        return frame(self.document(), table, library=library)

    def to_html(self, links: Mapping[str, str] | None = None, *, table: str | None = None) -> str:
        """The report as a web page of one file, that opens without a network.

        Args:
            links: the addresses of other pages, by what they are about, such as `actor/smith`.
            table: the title of the one table to show, or its beginning.

        Raises:
            MissingExtra: the libraries of the extra `pages` are not installed.
        """
        from timeline.pages.page import render_page

        return render_page(self._only(table), links=links or {})

    def _only(self, table: str | None) -> Document:
        """The document, whole or with one table alone."""
        document = self.document()
        return document if table is None else document.only(table)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} made at position {self.standing.position} of the log>"

    def _repr_html_(self) -> str:
        return render_html(self.document())

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        """What a notebook shows, in the form that it can show best."""
        return {"text/html": self._repr_html_(), "text/plain": self.to_text()}

    def _document(
        self,
        title: str,
        tables: Iterable[Table],
        *,
        note: str,
        lead: Iterable[Cell] = (),
        facts: Iterable[Fact] = (),
        charts: Iterable[Chart] = (),
        summary: Iterable[Cell] = (),
        short: Iterable[Table] = (),
        whole: bool = False,
    ) -> Document:
        """The document, with the tables that end every report."""
        opening = tuple(shown for one in lead for shown in marked((one,)))
        filled = self._filled(tables)
        return Document(
            title=title,
            lead=opening,
            tables=filled,
            apparatus=tuple(self._apparatus()),
            notes=(note if opening or filled else f"Nothing on record fits. {note}",),
            standing=str(self.standing),
            kind=self.kind,
            facts=tuple(
                attrs.evolve(fact, value=value) for fact in facts for value in marked((fact.value,))
            ),
            charts=tuple(charts),
            summary=tuple(shown for one in summary for shown in marked((one,))),
            short=self._filled(short),
            position=self.standing.position,
            whole=whole,
            banner=" ".join(filter(None, (self.standing.banner, self._coded))) or None,
        )

    def _filled(self, tables: Iterable[Table]) -> tuple[Table, ...]:
        """The tables that have rows; what rests on withdrawn sources says so."""
        filled = tuple(table for table in tables if table.rows)
        if not any(source.withdrawn for source in self.sources):
            return filled
        return tuple(attrs.evolve(each, rows=tuple(map(marked, each.rows))) for each in filled)

    @property
    def _coded(self) -> str | None:
        """What coded rows are, where the report rests on some."""
        coded = sum(source.coded for source in self.sources)
        if not coded:
            return None
        part = "This report" if coded == len(self.sources) else "A part of this report"
        return (
            f"{part} rests on coded event data: a program read the stories and wrote a code for "
            "what it took a sentence to say. Nobody checked it; one event may be coded several "
            "times, and a plan, a comment or a mistake like an event."
        )

    def _apparatus(self) -> Iterable[Table]:
        """The tables that end every report, as far as they have rows."""
        if self.corrections:
            yield Table(
                "Corrected since it was recorded",
                ("Correction", "Why"),
                tuple(
                    (cell(line.event), cell(line.reason, line.evidence))
                    for line in self.corrections
                ),
            )
        if self.sources:
            yield Table(
                "Sources",
                ("Source", "What", "Origin"),
                tuple(
                    (
                        about("source", line.source, line.source),
                        _described(line),
                        cell(_origin(line)),
                    )
                    for line in self.sources
                ),
            )


_IF_ANY = {"coded", "coded_days"}
"""Fields that are in JSON only where they hold something."""


class Placed(Protocol):
    """A row with a date of the world and a place in the log."""

    @property
    def occurred(self) -> When | None:
        """When it was, if that is known."""

    @property
    def position(self) -> int:
        """Where in the log it is."""


_Placed = TypeVar("_Placed", bound=Placed)
_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)


def by_time(rows: Iterable[_Placed]) -> list[_Placed]:
    """Rows in order of world time, uncertain dates by their earliest day, undated ones last."""
    return sorted(rows, key=lambda row: ((row.occurred or UNKNOWN).sort_key, row.position))


def grouped(things: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    """The things with one key together; keys and things stay in order."""
    groups: dict[_K, list[_T]] = {}
    for thing in things:
        groups.setdefault(key(thing), []).append(thing)
    return groups


def not_found(
    view: View, what: str, id: str, known: Iterable[str], *, listed: str | None = None
) -> NotFound:
    """The error for what is not in a view; it names what is, and what the view leaves out.

    Args:
        view: where it was looked for.
        what: what it is, such as `initiative`.
        id: the one that was asked for.
        known: the ids that are in view; of many, those nearest by spelling are named.
        listed: what to call these.
    """
    ids = _nearest(id, list(known))
    limits = Standing.of(view).limits
    place = f"in view {' and '.join(limits)}" if limits else "recorded"
    if not limits and (view.cutoff.position is not None or view.cutoff.recorded is not None):
        place = f"recorded up to position {view.head.position}"
    heading = listed or ("In view" if limits else "Recorded")
    return NotFound(
        f"no {what} {id!r} is {place}. " + (f"{heading}: {ids}." if ids else "None is.")
    )


def _nearest(id: str, known: Sequence[str]) -> str:
    """These ids where they are few; else the nearest ones, and how many more there are."""
    if len(known) <= _NAMED:
        return ", ".join(known)
    # A cutoff skips most of many ids quickly.
    near = difflib.get_close_matches(id, known, _NAMED, cutoff=0.4)
    named = list(dict.fromkeys((*near, *known[:_NAMED])))[:_NAMED]
    return f"{', '.join(named)}, and {len(known) - len(named):,} more"


def _listed(_instance: object, _field: object, value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any, cited: dict[str, Citation]) -> Any:
    """A value of a report as JSON has it, with ids in place of citations, which are collected.

    A report cites an event in many places: what the event is stands in one.
    """
    if isinstance(value, tuple):
        return [_plain(one, cited) for one in value if not getattr(one, "blank", False)]
    if isinstance(value, Citation):
        cited[value.event] = value
        return value.event
    return _fields(value, cited) if _names(value.__class__) else value


def _fields(line: Any, cited: dict[str, Citation]) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in _names(line.__class__)}
    return {
        name: _plain(value, cited) for name, value in values.items() if value or name not in _IF_ANY
    }


@functools.cache
def _names(cls: Any) -> tuple[str, ...]:
    """The fields of a class that are in JSON; none where it is not one of ours."""
    if not attrs.has(cls):
        return ()
    return tuple(field.name for field in attrs.fields(cls) if field.name != "words")


def _described(line: SourceLine) -> Cell:
    parts = [f"“{line.title}”", line.publisher.name, short(line.published)]
    if line.grade != "ordinary":
        parts.append(f"{line.grade} grade")
    return Cell(
        ", ".join(parts), foreign=None if line.language is None else (line.title, line.language)
    )


def _origin(line: SourceLine) -> str:
    if line.withdrawn is not None:
        return f"withdrawn: {line.withdrawn}"
    if line.cited_in:
        return f"not read; cited in {line.cited_in}"
    return "itself" if line.origin == line.source else f"copy of {line.origin}"


# What a report was asked for

TOP = 50
"""Lines that a report of counts has, unless the caller asks for more."""


@attrs.frozen
class Span:
    """A time to choose by; either end may be open."""

    since: When | None
    until: When | None
    certainly: bool

    @classmethod
    def of(cls, since: Occurred, until: Occurred, *, certainly: bool = False) -> Span:
        """The time between two dates, as a caller gives them.

        Raises:
            InvalidInput: it ends before it begins.
            InvalidDate, NaiveDatetime: not a date, or an instant without a zone.
        """
        return cls(*stretch(since, until), certainly)

    def holds(self, moment: When | None) -> bool:
        """Whether something of that date may have occurred in it, or certainly did."""
        return within(moment, self.since, self.until, certainly=self.certainly)

    @property
    def dates(self) -> dict[str, Any]:
        """The fields of a report that say what was asked for."""
        return {"since": text(self.since), "until": text(self.until)}


_EVER = Span(None, None, certainly=False)


def chosen_by(
    view: View,
    *,
    actor: str | None = None,
    initiative: str | None = None,
    meeting: str | None = None,
    series: str | None = None,
    others: Iterable[str | None] = (),
    span: Span = _EVER,
) -> tuple[str, ...]:
    """What is given, in words.

    Args:
        view: where the names are looked up; what has none is called by its id.
        actor: the id of an actor.
        initiative: that of an initiative.
        meeting: that of a meeting.
        series: that of a series, which has no name but this.
        others: what is shown as it is.
        span: the time that was asked for.
    """
    about = None if initiative is None else view.get(InitiativeRow, initiative)
    at = None if meeting is None else view.get(MeetingRow, meeting)
    given = [
        None if actor is None else str(Citer(view).name(actor)),
        (about and about.title) or initiative,
        (at and at.title) or meeting,
        f"series {series}" if series else None,
        *others,
        f"since {span.since.short}" if span.since else None,
        f"until {span.until.short}" if span.until else None,
        "certainly" if span.certainly else None,
    ]
    return tuple(filter(None, given))


def require_top(top: object) -> None:
    """Check how many lines are asked for; None is all of them.

    Raises:
        InvalidInput: fewer than one, or something else than a whole number.
    """
    if top is not None and (not isinstance(top, int) or top < 1):
        raise InvalidInput(
            f"top: expected a whole number, 1 or more, or None for all; found {top!r:.40}"
        )
