"""All reports of a record as a folder of web pages that link to one another.

The folder appears whole or not at all; at one position it has the same bytes every time.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from timeline.engine.projection import R, View, shape_of
from timeline.engine.search import Search
from timeline.log.telemetry import Progress
from timeline.pages.folder import MANIFEST, manifest, replacing
from timeline.pages.page import (
    BESIDE,
    WITHIN,
    Crumb,
    Glimpse,
    Place,
    assets,
    render_explorer,
    render_page,
    render_single,
    web_address,
)
from timeline.pages.profiles import Sources, profile
from timeline.pages.script_data import RECORD, Cuts, Dated, coordinates, known_when, record_script
from timeline.projections.chronology import InvolvementRow
from timeline.projections.directory import ActorRow
from timeline.projections.initiatives import InitiativeRow, PositionRow, ProposalRow
from timeline.projections.meetings import AttendanceRow, MeetingReportRow, MeetingRow
from timeline.projections.statements import StatementRow
from timeline.reports import Report
from timeline.reports.dossier import DossierReport
from timeline.reports.layout import NOTHING, Cell, Chart, Document, Fact, Line, Table, about, cell
from timeline.reports.model import Standing
from timeline.reports.registry import bound_reports

INDEX = "index.html"

_EXPLORER = "explore.html"

_OUTLINES = "world.js"
"""What a map is drawn on; a site without coordinates has none."""

_OTHERS = {_EXPLORER: _EXPLORER}
"""The paths of pages that are about nothing."""

_LISTS = "lists"
"""The folder of the pages that list all of one sort."""

_NEWS = ("report/chronology", "report/plans")
"""The reports of which the front page shows a part."""

_Write = Callable[[str, str], object]
"""Takes the path of a file within the site, and its text."""

Documents = Mapping[str, Document]
"""What pages show, by what they are about."""

Entries = Iterable[tuple[str, str]]
"""Id and name of everything that has a page."""


@attrs.frozen
class Section:
    """One sort of page.

    Attributes:
        title: their heading in the index.
        folder: the folder of the pages.
        category: cells about things of this category, such as `actor`, link to these pages.
        entries: gives what has a page, in the order of the index.
        of: the name of the report; None where the id is that name.
        by: the option that takes the id; None where it is the report's first argument.
    """

    title: str
    folder: str
    category: str
    entries: Callable[[View], Entries]
    of: str | None = None
    by: str | None = None

    def report(self, view: View, id: str) -> Report:
        """The report of one page."""
        if self.of is None:
            return bound_reports()[id.replace("-", "_")].make(view)
        make = bound_reports()[self.of].make
        return make(view, id) if self.by is None else make(view, **{self.by: id})


_MOST_MEETINGS = 100
"""Meetings beside one another in a matrix; of more, each series and each meeting has its own."""


def _whole(view: View) -> Entries:
    many = len(view.all(MeetingRow)) > _MOST_MEETINGS
    for name, bound in bound_reports().items():
        if bound.heading is not None and not (many and name == "attendance"):
            yield name.replace("_", "-"), bound.heading


_COUNTED: Mapping[str, tuple[str, str, str]] = {
    "chronology": ("happenings", "report", "reports"),
    "attendance": ("meetings", "meeting", "meetings"),
    "statements": ("statements", "statement", "statements"),
    "plans": ("plans", "plan", "plans"),
    "contradictions": ("contradictions", "contradiction", "contradictions"),
    "actors": ("actors", "actor", "actors"),
    "positions": ("dates", "date of change", "dates of change"),
}
"""What the index counts in reports without a lead: the field, the noun for one and for more."""

_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9X])")


def _initiatives(view: View) -> Entries:
    """The initiatives that more than coded rows tell of: a row is in the chronology, whole."""
    coded = _coded(view, (id for row in view.all(ProposalRow) for id in row.events))
    reported = {row.initiative for row in view.all(ProposalRow) if not coded.issuperset(row.events)}
    rows = view.all(InitiativeRow)
    return (
        (row.initiative, row.title or row.initiative) for row in rows if row.initiative in reported
    )


def _argued(view: View) -> Entries:
    """The initiatives with positions: others have no course to show."""
    on = {row.initiative for row in view.all(PositionRow)}
    return ((id, name) for id, name in _initiatives(view) if id in on)


def _series(view: View) -> Entries:
    names = {row.series for row in view.all(MeetingReportRow) if row.series is not None}
    return ((name, name) for name in sorted(names))


def _meetings(view: View) -> Entries:
    """The meetings that have somebody there by more than coded rows."""
    known = {row.meeting for row in view.all(AttendanceRow)}
    known &= {row.meeting for row in view.all(MeetingReportRow) if not row.coded}
    return ((row.meeting, row.title) for row in view.all(MeetingRow) if row.meeting in known)


_MOST_CODED = 40
"""Actors that only coded rows name, and that have pages: those named most often."""


def _actors(view: View) -> Entries:
    """The actors that something happened to: nothing can be read of a mere name."""
    involved = view.all(InvolvementRow)
    coded = _coded(view, {row.event for row in involved})
    uncoded = {row.actor for row in involved if row.event not in coded}
    by_program = Counter(row.actor for row in involved if row.actor not in uncoded)
    uncoded.update(actor for actor, _ in by_program.most_common(_MOST_CODED))
    rows = (row for row in view.all(ActorRow) if row.merged_into is None and row.actor in uncoded)
    return ((row.actor, row.name) for row in sorted(rows, key=lambda row: (row.name, row.actor)))


def _coded(view: View, ids: Iterable[str]) -> set[str]:
    """Those of the events that only coded rows report."""
    events = view.events(set(ids)).items()
    return {
        id for id, event in events if event.evidence and all(one.coding for one in event.evidence)
    }


def _claims(view: View) -> Entries:
    """Statements and accounts of proposals that rest on more sources than one."""
    rows: list[ProposalRow | StatementRow] = [*view.all(ProposalRow), *view.all(StatementRow)]
    events = view.events({id for row in rows for id in row.events})
    for row in rows:
        cited = {evidence.source for id in row.events for evidence in events[id].evidence}
        if len(cited) > 1:
            yield row.event, row.text


HOLDS: tuple[Section, ...] = (
    Section("Overviews", "all", "report", _whole),
    Section("Initiatives", "initiatives", "proposal", _initiatives, "initiative"),
    Section("Positions over time", "positions", "positions", _argued, "positions"),
    Section("Series of meetings", "series", "series", _series, "attendance", by="series"),
    Section("Meetings", "meetings", "meeting", _meetings, "attendance", by="meeting"),
    Section("Actors", "actors", "actor", _actors, "dossier"),
    Section("Sources", "sources", "source", lambda _: ()),
    Section("Claims told by more than one source", "claims", "event", _claims, "corroboration"),
)
"""The pages of a site, in the order of its index. Reports on everything need no line here."""


@attrs.frozen
class _Page:
    section: Section
    id: str
    name: str

    @property
    def about(self) -> str:
        return f"{self.section.category}/{self.id}"

    @property
    def path(self) -> str:
        return f"{self.section.folder}/{_file_name(self.id)}"


def write_site(
    record: Dated,
    folder: Path,
    *,
    title: str = "The record",
    single: bool = False,
    end: int = 0,
    progress: Progress | None = None,
) -> int:
    """Write all reports of a record into a folder; returns the number of pages.

    A site that was there before is replaced in one step, when all is written.

    Args:
        record: what to report from.
        folder: where to write; its parent must exist.
        title: the headline of the index.
        single: write one file with all pages in it, and no folder.
        end: the last position of the log; pages of an earlier one say so.
        progress: called with how many pages are written, and how many there are.

    Raises:
        InvalidInput: the folder holds files that are not of a site, or cannot be written.
        MissingExtra: the libraries of the extra `pages` are not installed.
    """
    place = WITHIN if single else BESIDE
    cuts = known_when(record, lambda view: (id for id, _ in _initiatives(view)))
    with record.view() as view, replacing(folder, single=single) as made:
        writing = _Writing(_Remembering(view), title, _banner(view, end), place, cuts, progress)
        if not single:
            return _write_pages(writing, functools.partial(_write, made))
        texts: dict[str, str] = {}
        pages = _write_pages(writing, texts.__setitem__)
        made.write_text(render_single(title, texts), encoding="utf-8", newline="\n")
        return pages


def _banner(view: View, end: int) -> str | None:
    """What the pages say of the moment they show, where the log went on after it."""
    if view.head.position >= end:
        return None
    at = f"As the record stood at position {view.head.position:,} of its log"
    return f"{at}. What was recorded later is not in it."


class _Remembering:
    """A view that reads each class of rows, and each event, once: a site's reports ask for all."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.head, self.cutoff, self.today = view.head, view.cutoff, view.today
        self.taken_down = view.taken_down
        self._rows: dict[tuple[Any, ...], dict[Any, list[Any]]] = {}
        self._events: dict[str, Any] = {}

    def _by(self, cls: type[R], *names: str) -> dict[Any, list[Any]]:
        """The rows of a class, in the order of their keys, by the values of some fields."""
        asked = (cls, *names)
        if asked not in self._rows:
            rows: dict[Any, list[Any]] = defaultdict(list)
            for row in self._by(cls)[()] if names else self._view.all(cls):
                rows[tuple(getattr(row, name) for name in names)].append(row)
            self._rows[asked] = rows
        return self._rows[asked]

    def get(self, cls: type[R], *key: Any) -> R | None:
        row: R | None = next(iter(self._by(cls, *shape_of(cls).key).get(key, ())), None)
        return row

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        rows = (self.get(cls, key) for key in dict.fromkeys(keys))
        return [row for row in rows if row is not None]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        return [*self._by(cls, *equal).get(tuple(equal.values()), ())]

    def search(
        self, cls: type[R], sought: Mapping[str, Search], limit: int | None = None
    ) -> tuple[list[R], int]:
        return self._view.search(cls, sought, limit)

    def events(self, ids: Iterable[str]) -> dict[str, Any]:
        wanted = list(dict.fromkeys(ids))
        self._events |= self._view.events([id for id in wanted if id not in self._events])
        return {id: self._events[id] for id in wanted if id in self._events}


@attrs.frozen
class _Writing:
    """What the pages of one site have in common."""

    view: View
    title: str
    banner: str | None
    place: Place
    cuts: Cuts
    progress: Progress | None

    def laid_out(self, document: Document, links: Mapping[str, str], page: str = "") -> str:
        """The page of a report."""
        return render_page(
            _capped(document),
            links=links,
            trail=[Crumb(self.title, self.place.below + INDEX)],
            root=self.place.below,
            cuts=self.cuts.get(page, ()),
            banner=self.banner,
        )


def _write_pages(writing: _Writing, write: _Write) -> int:
    view, place = writing.view, writing.place
    sources = Sources(view)
    pages = [
        _Page(section, id, name)
        for section in HOLDS
        for id, name in _entries(section, view, sources)
    ]
    paths = {page.about: page.path for page in pages}
    outside = {f"address/{one}": one for one in sources.addresses() if web_address(one)}
    beneath = {about: place.below + path for about, path in paths.items()} | outside
    glances: dict[_Page, str] = {}
    made: dict[str, Document] = {}
    for done, page in enumerate(pages, start=1):
        document, glance = _made(view, page, sources)
        if page.section.folder == "all" and not any(one.rows for one in document.tables):
            del paths[page.about]  # it says nothing, and only the front page leads to it
        else:
            glances[page] = glance
            if page.about in _NEWS or page.section.of == "initiative":
                made[page.about] = document
            links = {about: path for about, path in beneath.items() if about != page.about}
            initiative = page.id if page.section.of == "initiative" else ""
            write(page.path, writing.laid_out(document, links, initiative))
        if writing.progress is not None:
            writing.progress(done, len(pages))
    for section in HOLDS:
        if _listed(section, glances):
            path = paths[f"list/{section.folder}"] = f"{_LISTS}/{section.folder}.html"
            write(path, writing.laid_out(_list(view, section, glances), beneath))
    write(INDEX, _front_page(writing, glances, made, paths))
    shared = _shared(writing, glances, sources, paths)
    for name, text in shared.items():
        write(name, text)
    write(MANIFEST, manifest(view, [INDEX, *shared, *paths.values()]))
    return len(paths) + 2


def _front_page(
    writing: _Writing, glances: Mapping[_Page, str], made: Documents, paths: Mapping[str, str]
) -> str:
    front = writing.place.front
    return render_page(
        _front(writing.view, writing.title, glances, made),
        links={about: front + path for about, path in {**paths, **_OTHERS}.items()},
        root=front,
        banner=writing.banner,
        glimpses=_glimpses(glances, made),
    )


def _shared(
    writing: _Writing, glances: Mapping[_Page, str], sources: Sources, paths: Mapping[str, str]
) -> Mapping[str, str]:
    """The files beside the pages: styles, scripts, what they search, and the explorer."""
    view, front = writing.view, writing.place.front
    entries = [(page.name, page.section.title, page.path, said) for page, said in glances.items()]
    happenings = sources.chronology.happenings
    places = coordinates(view, (one.event for one in happenings))
    home = Crumb(writing.title, front + INDEX)
    return {
        **{name: text for name, text in assets().items() if places or name != _OUTLINES},
        RECORD: record_script(view, entries, happenings, paths, places),
        _EXPLORER: render_explorer(str(Standing.of(view)), home, front, writing.banner),
    }


def _entries(section: Section, view: View, sources: Sources) -> Iterator[tuple[str, str]]:
    """What has a page of a sort; an actor also for what it published."""
    if section.category == "source":
        yield from sources.entries()
        return
    entries = dict(section.entries(view))
    if section.category == "actor":
        outlets = sources.publishers() - entries.keys()
        entries |= {row.actor: row.name for row in view.all(ActorRow) if row.actor in outlets}
        entries = dict(sorted(entries.items(), key=lambda entry: (entry[1], entry[0])))
    yield from entries.items()


def _made(view: View, page: _Page, sources: Sources) -> tuple[Document, str]:
    """What a page shows, and what the index says of it."""
    if page.section.category == "source":
        document = sources.page(page.id)
        return document, "; ".join(fact.value.text for fact in document.facts[:2])
    whole = page.about == "report/chronology"
    report = sources.chronology if whole else page.section.report(view, page.id)
    document = report.document()
    glance = _glance(report, document)
    if isinstance(report, DossierReport):
        document = profile(report, document, sources)
    if page.section.of == "initiative":
        odds = _odds(view, page.id)
        document = attrs.evolve(document, tables=(*odds, *document.tables))
    return document, glance


def _odds(view: View, initiative: str) -> Iterable[Table]:
    """Where accounts of an initiative differ, what somebody noted or disputed first."""
    report = bound_reports()["contradictions"].make(view, initiative=initiative)
    found, *noted = report.document().tables or (None,)
    tables = [table for table in (*noted, found) if table is not None]
    if tables:
        lines = (row for table in tables for row in table.rows)
        own = f"proposal/{initiative}"
        rows = tuple(
            (Cell("", about=own) if row[0].about == own else row[0], *row[1:]) for row in lines
        )
        yield attrs.evolve(tables[0], title="Where accounts differ", rows=rows)


_MOST_ROWS = 300
"""Rows of a table on one page of a site; a browser and a reader lose their way in more."""

_MOST_CITED = 30
"""Events that one value of a site leads to; nobody checks a sum by reading thousands."""


def _capped(document: Document) -> Document:
    """The document with the last rows of its long tables, or the first where they have no dates."""
    capped = attrs.evolve(
        document,
        lead=_sparing(document.lead),
        summary=_sparing(document.summary),
        facts=tuple(Fact(fact.label, *_sparing((fact.value,))) for fact in document.facts),
        tables=tuple(map(_cut, document.tables)),
        apparatus=tuple(map(_cut, document.apparatus)),
    )
    if capped == document:
        return document
    note = (
        f"A table of this page has at most {_MOST_ROWS} rows, and a value leads to at most "
        f"{_MOST_CITED} events: the report itself has all of them."
    )
    return attrs.evolve(capped, notes=(*document.notes, note))


def _cut(table: Table) -> Table:
    count = len(table.rows)
    rows, title = table.rows, table.title
    if count > _MOST_ROWS:
        last = table.columns[0] == "When"
        rows = rows[-_MOST_ROWS:] if last else rows[:_MOST_ROWS]
        title = f"{title}: the {'last' if last else 'first'} {_MOST_ROWS} of {count:,} rows"
    return attrs.evolve(table, rows=tuple(map(_sparing, rows)), title=title)


def _sparing(cells: Line) -> Line:
    """The cells, each with as much evidence as a page holds."""
    if all(len(one.evidence) <= _MOST_CITED for one in cells):
        return cells
    # Neighbours that rest on the same evidence share its numbers, so all are cut alike.
    return tuple(cell(one, one.evidence[:_MOST_CITED]) for one in cells)


def _write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _file_name(id: str) -> str:
    """A file name that is the same on every system, and of no other id."""
    plain = re.sub(r"[^a-z0-9]+", "-", id.lower())[:80].strip("-")
    # Some systems ignore case, so ids that differ only in it need a mark.
    mark = "" if plain == id else "-" + hashlib.sha256(id.encode()).hexdigest()[:10]
    return f"{plain or 'page'}{mark}.html"


# The index


_FRONT = 6
"""Pages of a sort, and rows of what is new, on the front page; the rest has a page of its own."""

_FOLDERS = ("actors", "meetings", "sources", "series", "positions", "claims", "all")
"""The sorts of pages below what is new, as the front page has them."""


def _front(view: View, title: str, glances: Mapping[_Page, str], made: Documents) -> Document:
    """What happened last, what is planned, and what else there is."""
    news = (_latest(made.get("report/chronology")), _upcoming(made.get("report/plans")))
    sections = {section.folder: section for section in HOLDS}
    others = (_shown_first(view, sections[folder], glances) for folder in _FOLDERS)
    return Document(
        title=title,
        lead=(
            cell("What is on record, each statement with its sources."),
            Cell("Explore all events", about=_EXPLORER),
        ),
        tables=tuple(table for table in (*news, *others) if table.rows),
        apparatus=(),
        notes=("The folder opens without a network or a server; keep it together.",),
        standing=str(Standing.of(view)),
    )


def _glimpses(glances: Mapping[_Page, str], made: Documents) -> list[Glimpse]:
    """The initiatives of which most is known, each with its stage and where its parties stand."""
    named = [(page, made[page.about]) for page in glances if page.section.of == "initiative"]
    named.sort(key=lambda one: sum(len(chart.marks) for chart in one[1].charts), reverse=True)
    cards = [
        Glimpse(
            about(page.section.category, page.id, page.name),
            cell(glances[page]),
            next(_small(document), None),
        )
        for page, document in named[:_FRONT]
    ]
    if len(named) > _FRONT:
        whole = about("list", named[0][0].section.folder, f"All {len(named):,}")
        cards.append(Glimpse(whole, cell("Every initiative on record."), None))
    return cards


def _small(document: Document) -> Iterator[Chart]:
    """The chart of an initiative with nothing but its bands, where there are some of parties."""
    for chart in document.charts[:1]:
        bands = tuple(mark for mark in chart.marks if mark.holds)
        lanes = tuple(lane for lane in chart.lanes if any(mark.lane == lane for mark in bands))
        if len(lanes) > 1:
            yield attrs.evolve(chart, beside="", marks=bands, lanes=lanes)


def _latest(chronology: Document | None) -> Table:
    tables = chronology.tables if chronology is not None else ()
    dated = [row for table in tables for row in table.rows if row[0].date is not None]
    return Table("What happened last", _columns(tables), tuple(reversed(dated[-_FRONT:])))


def _upcoming(plans: Document | None) -> Table:
    tables = plans.tables if plans is not None else ()
    rows = (row for table in tables for row in table.rows if row[-1].text.startswith("open"))
    return Table("Plans still open", _columns(tables), tuple(itertools.islice(rows, _FRONT)))


def _columns(tables: Sequence[Table]) -> tuple[str, ...]:
    return tables[0].columns if tables else ()


def _shown_first(view: View, section: Section, glances: Mapping[_Page, str]) -> Table:
    """The pages of a section that matter most, and the way to all of them."""
    pages = [page for page in glances if page.section is section]
    if len(pages) > _FRONT:
        if section.category == "actor":
            times = Counter(row.actor for row in view.all(InvolvementRow))
            pages.sort(key=lambda page: -times[page.id])
        if section.category == "meeting":
            rows_ = view.all(MeetingReportRow)
            days = {row.meeting: row.held_on.sort_key for row in rows_ if row.held_on is not None}
            pages = [page for page in pages if page.id in days]
            pages.sort(key=lambda page: days[page.id], reverse=True)
        whole = about("list", section.folder, f"All {len(pages):,}")
        pages = pages[:_FRONT] if section.folder != "all" else pages
        rows = (*_rows(pages, glances), *([(whole, Cell(""))] if _listed(section, glances) else []))
        return Table(section.title, _LISTED, rows, named_by=1)
    return Table(section.title, _LISTED, _rows(pages, glances), named_by=1)


def _listed(section: Section, glances: Mapping[_Page, str]) -> bool:
    """Whether the pages of a section have a list of their own."""
    return section.folder != "all" and sum(page.section is section for page in glances) > _FRONT


_LISTED = ("Report", "At a glance")


def _rows(pages: Iterable[_Page], glances: Mapping[_Page, str]) -> tuple[Line, ...]:
    return tuple(
        (about(page.section.category, page.id, page.name), cell(glances[page])) for page in pages
    )


def _list(view: View, section: Section, glances: Mapping[_Page, str]) -> Document:
    """All pages of a section."""
    rows = _rows((page for page in glances if page.section is section), glances)
    table = Table(section.title, _LISTED, rows, named_by=1)
    standing = str(Standing.of(view))
    return Document(section.title, (), (table,), (), (), standing)


def _glance(report: Report, document: Document) -> str:
    """What the index says of a report."""
    if document.facts:
        return "; ".join(f"{fact.label}: {fact.value.text}" for fact in document.facts[:2])
    if document.lead:
        return " ".join(cell.text for cell in document.lead)
    rows = document.tables[0].rows if document.tables else ()
    if len(rows) == 1:
        id = report.actor.actor if isinstance(report, DossierReport) else NOTHING
        texts = (cell.text for cell in rows[0] if cell.about is None)
        return "; ".join(text for text in texts if text not in (NOTHING, id))
    if report.kind not in _COUNTED:
        return f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}"
    field, one, more = _COUNTED[report.kind]
    count = len(getattr(report, field))
    return f"{count:,} {one if count == 1 else more}{_years(rows)}" if count else f"no {more}"


def _years(rows: Iterable[Line]) -> str:
    """The first and the last year of rows that begin with a date."""
    dates = (row[0].date for row in rows if row[0].date is not None)
    years = [year for date in dates for year in _YEAR.findall(date)]
    if not years:
        return ""
    first, last = min(years), max(years)
    return f", {first}" if first == last else f", {first} to {last}"
