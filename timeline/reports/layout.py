"""A report ready to be shown: headings, facts, tables and charts, whose cells have evidence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import attrs

from timeline.dates import When, short, when
from timeline.errors import InvalidInput, NotFound, require_text
from timeline.reports.citations import Citation, Named

NOTHING = "–"
"""Shown in an empty cell."""

CONTINUED = ", continued"
"""Ends the title of a part of a table that is not the first."""

NUMBER = re.compile(r"([0-9][0-9,]*)( \(.*\))?\Z", re.DOTALL)
"""A number, and perhaps a remark on it in brackets."""


@attrs.frozen
class Cell:
    """A value to show, and what it rests on.

    Attributes:
        text: the value, in words.
        evidence: the events, and through them the sources, that the value rests on.
        depth: its level in a tree, 0 at the top. Its parent is the nearest cell above with a lower
            level.
        about: what the cell names, as category and id, such as `actor/harbour-master`; where there
            is a page for that, a rendering may lead to it.
        foreign: the words in it that are a source's own, and their language in BCP 47.
        date: the date that it says in words, in EDTF, where that is all it says.
        quiet: whether it says nothing new. Where a table is shown in parts, a part leaves out the
            rows that have only such cells.
    """

    text: str
    evidence: tuple[Citation, ...] = ()
    depth: int = 0
    about: str | None = None
    foreign: tuple[str, str] | None = None
    date: str | None = None
    quiet: bool = False

    @property
    def branch(self) -> str:
        """What is drawn before the text: the longer, the deeper it stands."""
        # Not spaces alone: pages would drop them.
        return f"└{'──' * (self.depth - 1)} " if self.depth else ""


Line = tuple[Cell, ...]

Key = tuple[str, ...]
"""What identifies a row: the ids that its first cells are about, or else their text."""


@attrs.frozen
class Table:
    """A titled table, whole: a rendering splits it where it is too wide.

    Attributes:
        title: what it shows.
        columns: their headings.
        rows: the cells, a tuple a row.
        named_by: how many of the first columns name a row, so that it is the same row when the
            others change; 0 where rows are only equal or not.
        keys: what each column is about, such as `meeting/summit`, where the heading alone does not
            name it for good.
        grouped_by: how many of the first columns say what several rows are about together, where
            they do not name one alone.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Line, ...]
    named_by: int = 0
    keys: tuple[str, ...] = ()
    grouped_by: int = 0

    def key(self, row: Line) -> Key:
        """What names the row, or the rows that belong together; nothing where no cell does."""
        return tuple(cell.about or cell.text for cell in row[: self.named_by or self.grouped_by])

    @property
    def numeric(self) -> frozenset[int]:
        """The columns that hold only numbers, except those that name a row."""
        numeric = set()
        for index in range(self.named_by, len(self.columns)):
            cells = (row[index] for row in self.rows)
            texts = [cell.text for cell in cells if not cell.quiet and cell.text != NOTHING]
            if texts and all(map(NUMBER.match, texts)):
                numeric.add(index)
        return frozenset(numeric)

    def is_part_of(self, title: str) -> bool:
        """Whether it is the table with that title, or a part of it for a first screen."""
        return self.title == title or self.title.startswith(f"{title}, ")


@attrs.frozen
class Fact:
    """One value that stands out at the head of a report, and what it is called."""

    label: str
    value: Cell


@attrs.frozen
class Mark:
    """One thing in a chart.

    Attributes:
        lane: the row it stands in.
        kind: what it is; each kind has a shape of its own.
        solid: drawn full; else only in outline.
        start: the earliest moment it may be of, in UTC.
        end: the latest one.
        by: who says so, where that is not the one whose lane it is.
        holds: whether it holds until the next such mark in its lane: it is drawn as a band.
        label: what is written beside it; nothing for what its shape says.
        evidence: the events that it rests on.
    """

    lane: str
    kind: str
    solid: bool
    start: datetime
    end: datetime
    by: str | None = None
    holds: bool = False
    label: str = ""
    evidence: tuple[Citation, ...] = attrs.field(default=(), eq=False, repr=False)


@attrs.frozen
class Chart:
    """Marks in lanes over time. A table beside it says the same.

    Attributes:
        title: what it shows.
        beside: the title of the table that says the same.
        lanes: from top to bottom.
        kinds: from first to last, as a legend has them; also those that are not drawn here, so
            that a kind has one shape wherever it is.
        solid: what a full mark says.
        outline: what one in outline says.
        marks: what is drawn.
        text: the same in words, for readers who cannot see it.
    """

    title: str
    beside: str
    lanes: tuple[str, ...]
    kinds: tuple[str, ...]
    solid: str
    outline: str
    marks: tuple[Mark, ...]
    text: str


@attrs.frozen
class Document:
    """A report ready to be rendered.

    Attributes:
        title: the headline.
        lead: what a hurried reader must know, one value a line.
        tables: the body; each cell has the evidence it rests on.
        apparatus: what the evidence itself is like: sources, corrections.
        notes: how to read it.
        standing: where in the log it was made, and what was in view.
        kind: what sort of report it is.
        facts: what stands out, for renderings that have room for it beside the lead.
        charts: the same as some of the tables, for renderings that can draw.
        banner: what a reader must know before anything else; None for nothing.
        summary: what the record says, in a few sentences; the lead where it has none of its own.
        short: the tables of a first screen, what matters most first; else all tables.
        position: of the last event it takes into account.
        whole: whether it is shown whole on a first screen, too.
    """

    title: str
    lead: tuple[Cell, ...]
    tables: tuple[Table, ...]
    apparatus: tuple[Table, ...]
    notes: tuple[str, ...]
    standing: str
    kind: str = ""
    facts: tuple[Fact, ...] = ()
    charts: tuple[Chart, ...] = ()
    banner: str | None = None
    summary: tuple[Cell, ...] = ()
    short: tuple[Table, ...] = ()
    position: int | None = None
    whole: bool = False

    @property
    def opening(self) -> tuple[Cell, ...]:
        """What stands below the title."""
        return self.summary or self.lead

    def only(self, title: str) -> Document:
        """The document with one table alone, for a rendering of that.

        Raises:
            NotFound: there is no such table.
            InvalidInput: several begin like that.
        """
        table = self.table(title)
        return attrs.evolve(
            self,
            title=f"{self.title}: {table.title}",
            tables=(table,),
            charts=tuple(chart for chart in self.charts if chart.beside == table.title),
            lead=(),
            summary=(),
            facts=(),
            short=(),
            apparatus=(),
        )

    @property
    def named(self) -> tuple[Table, ...]:
        """The tables that can be asked for by title: all that are shown, in full or in short."""
        apart = (one for one in self.short if not any(one.is_part_of(t.title) for t in self.tables))
        return (*self.tables, *map(_headed, apart))

    def table(self, title: str) -> Table:
        """One table.

        Args:
            title: its title, or the beginning of it; case makes no difference.

        Raises:
            NotFound: there is no such table; the message names those there are.
            InvalidInput: several begin like that; the message names them.
        """
        require_text("table", title)
        wanted = title.casefold()
        for fits in (str.__eq__, str.startswith):
            fitting = [table for table in self.named if fits(table.title.casefold(), wanted)]
            if len(fitting) == 1 and wanted:
                return fitting[0]
            if fitting and wanted:
                several = "; ".join(table.title for table in fitting)
                raise InvalidInput(
                    f"expected the title of one table; {title!r} fits several: {several}"
                )
        known = "; ".join(table.title for table in self.named)
        raise NotFound(
            f"the report has no table {title!r}. "
            + (f"It has: {known}." if known else "It has none.")
        )


def _headed(table: Table) -> Table:
    """The table with headings, for a rendering of it alone; a list on a first screen has none."""
    return table if any(table.columns) else attrs.evolve(table, columns=table.keys or table.columns)


def cell(value: object, evidence: tuple[Citation, ...] = ()) -> Cell:
    """A cell of any value: nothing is a dash, several are joined by semicolons.

    An actor, alone, is what the cell is about; for other things see `about`.
    """
    if isinstance(value, Cell):
        # Written out: `attrs.evolve` takes five times as long, and reports make many.
        one = value
        return Cell(one.text, evidence, one.depth, one.about, one.foreign, one.date, one.quiet)
    if value is None or value in ("", ()):
        return Cell(NOTHING, evidence)
    if isinstance(value, tuple):
        if len(value) == 1:
            return cell(value[0], evidence)
        return Cell("; ".join(cell(one).text for one in value), evidence)
    if isinstance(value, When):
        return Cell(value.short, evidence, date=value.text)
    named = f"actor/{value.id}" if isinstance(value, Named) else None
    return Cell(str(value), evidence, about=named)


def about(category: str, id: str | None, value: object) -> Cell:
    """A value to show that names a thing, such as a meeting by its title."""
    shown = cell(value)
    if id is None:
        return shown
    if isinstance(value, str):  # as most are
        return Cell(shown.text, about=f"{category}/{id}")
    return attrs.evolve(shown, about=f"{category}/{id}")


def number(count: int, one: str, many: str | None = None) -> str:
    """How many of something, in words: `1 meeting`, `2,000 meetings`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listing(words: Iterable[object], joint: str = "and") -> str:
    """Several in a sentence: `A, B and C`; each of them once."""
    *first, last = dict.fromkeys(map(str, words))
    return f"{', '.join(first)} {joint} {last}" if first else last


def few(words: Iterable[object], most: int = 3) -> str:
    """As `listing`, of the first of many: `A, B and 7 others`."""
    once = list(dict.fromkeys(map(str, words)))
    if len(once) > most:
        once[most - 1 :] = [f"{len(once) - most + 1} others"]
    return listing(once) if once else ""


def on_date(date: str | None) -> str:
    """When something was, as a sentence has it.

    Example:
        >>> on_date("2022-11-28"), on_date("2022-11"), on_date("2022-11-28~"), on_date(None)
        ('on 28 November 2022', 'in November 2022', 'about 28 November 2022', 'on an unknown date')
    """
    if date is None:
        return "on an unknown date"
    if re.fullmatch(r"\d{4}(-\d\d)?", date):
        return f"in {When(date).words}"
    return f"on {When(date).words}" if re.match(r"\d{4}-\d\d-\d\d(T|$)", date) else in_words(date)


def since_date(date: str | None) -> str:
    """Since when something is so, as a sentence has it: `since 28 November 2022`."""
    plain = date is not None and re.match(r"\d{4}(-\d\d)*[~?%]?$", date)
    return f"since {in_words(date)}" if plain else on_date(date)


def in_words(date: str | None) -> str:
    """A date as a reader says it, in full."""
    return "undated" if date is None else When(date).words


def told_apart(headings: Iterable[str]) -> tuple[str, ...]:
    """The headings; one that repeats gets a number."""
    count: Counter[str] = Counter()
    numbered = []
    for heading in headings:
        count[heading] += 1
        numbered.append(heading if count[heading] == 1 else f"{heading} ({count[heading]})")
    return tuple(numbered)


def in_parts(table: Table, counts: Iterable[int]) -> list[Table]:
    """The table in parts, one below the other. Every part repeats the columns that name a row.

    A part leaves out the rows that say nothing in it.

    Args:
        table: the table; one whose rows have no name stays whole.
        counts: how many columns each part has beside those.
    """
    named, title = table.named_by, table.title
    parts: list[Table] = []
    start = named
    for count in counts:
        shown = slice(start, start + count)
        rows = tuple(
            (*row[:named], *row[shown])
            for row in table.rows
            if not all(cell.quiet for cell in row[shown])
        )
        # Keep one row where no row says anything.
        rows = rows or tuple((*row[:named], *row[shown]) for row in table.rows[:1])
        columns = (*table.columns[:named], *table.columns[shown])
        parts.append(attrs.evolve(table, title=title, columns=columns, rows=rows, keys=()))
        title = f"{table.title}{CONTINUED}"
        start += count
    return parts


def columns_of(table: Table, *headings: str) -> Table:
    """A table with some of its columns, for a first screen."""
    chosen = [table.columns.index(heading) for heading in headings]
    rows = tuple(tuple(row[index] for index in chosen) for row in table.rows)
    return attrs.evolve(table, columns=headings, rows=rows, keys=())


def stretch_of(dates: Iterable[str | None]) -> str:
    """From the first of some dates to the last, as a sentence has it."""
    known = sorted(When(date) for date in dates if date)
    if not known:
        return "undated"
    first, last = in_words(known[0].text), in_words(known[-1].text)
    return on_date(known[0].text) if first == last else f"from {first} to {last}"


def most(things: Iterable[object], count: int = 3) -> str:
    """What occurs most often, and how often: `Ann (4), Ben (2) and Cem (1)`; empty for nothing."""
    times = Counter(map(str, things)).most_common(count)
    return listing(f"{thing} ({number:,})" for thing, number in times) if times else ""


def newest(table: Table) -> Table:
    """A table that is in order of time, the newest row first; rows without a date stay last."""
    dated = [row for row in table.rows if row[0].text != NOTHING]
    undated = [row for row in table.rows if row[0].text == NOTHING]
    rows = (*reversed(dated), *undated)
    return attrs.evolve(table, title=f"{table.title}, newest first", rows=rows)


def line(evidence: tuple[Citation, ...], *values: object) -> Line:
    """A row of cells that all rest on the same evidence."""
    return tuple(cell(value, evidence) for value in values)


class Cited(Protocol):
    """A line of a report that rests on events."""

    @property
    def evidence(self) -> tuple[Citation, ...]:
        """The events that it rests on."""


_Cited = TypeVar("_Cited", bound=Cited)


def table(
    title: str,
    lines: Iterable[_Cited],
    columns: Mapping[str, Callable[[_Cited], object]],
    *,
    named_by: int = 0,
) -> Table:
    """A table of lines: a row each, whose cells all rest on the evidence of the line.

    Args:
        title: what it shows.
        lines: the lines.
        columns: the headings, and what stands below each.
        named_by: as for `Table`.
    """
    rows = (line(one.evidence, *(value(one) for value in columns.values())) for one in lines)
    return Table(title, tuple(columns), tuple(rows), named_by)


def marked(row: Line) -> Line:
    """The row; what rests on withdrawn sources alone says so, in the cell that shows it."""
    follow = (*row[1:], None)
    return tuple(
        one if not one.evidence or (later and later.evidence == one.evidence) else _withdrawn(one)
        for one, later in zip(row, follow, strict=True)
    )


def _withdrawn(shown: Cell) -> Cell:
    if not any(support.withdrawn for cited in shown.evidence for support in cited.sources):
        return shown
    # What amends an event says why, and may itself have no source.
    reports = [c for c in shown.evidence if c.sources and c.reason is None]
    reasons = dict.fromkeys(reason for citation in reports for reason in citation.withdrawn)
    if not all(citation.withdrawn for citation in reports) or not reasons:
        return shown
    end = "." if shown.text.endswith(".") else ""
    why = f"(rests on a withdrawn source: {'; '.join(reasons)})"
    said = f"{shown.text.removesuffix('.')} {why}{end}"
    return attrs.evolve(shown, text=said, quiet=False)


def shown_evidence(row: Line) -> Line:
    """The row as shown: neighbours with the same evidence show it once, at the last of them."""
    follow = (*row[1:], None)
    return tuple(
        cell(one) if later is not None and one.evidence == later.evidence else one
        for one, later in zip(row, follow, strict=True)
    )


# Charts of lanes over time


_MOST_MARKS = 300
"""More cannot be told apart; the table shows them better."""

_NAMED_SINGLY = 8
"""Marks of a lane that the description names one by one; of more, it counts the kinds."""


def lane_names(actors: Iterable[Named]) -> dict[str, str]:
    """The names of the actors' lanes, by id; with the id where two have one name."""
    named = {actor.id: actor.name for actor in actors}
    times = Counter(named.values())
    return {id: f"{name} ({id})" if times[name] > 1 else name for id, name in named.items()}


def mark(lane: str, kind: str, occurred: str | None, *, solid: bool, **more: Any) -> Mark | None:
    """A mark over the whole time that a date may mean; None where that is unbounded.

    Args:
        lane: the row it stands in.
        kind: what it is.
        occurred: the date, in EDTF. An instant stands at its local hour: the axis has no zone.
        solid: whether it is drawn full.
        more: the other attributes of the mark.
    """
    moment = when(occurred)
    start, end = (None, None) if moment is None else moment.reach
    if moment is None or start is None or end is None:
        return None
    offset = _offset(moment)
    return Mark(lane, kind, solid, start + offset, end + offset, **more)


def _offset(moment: When) -> timedelta:
    """How far the zone of an instant is from UTC; nothing for a date."""
    if "T" not in moment.text:
        return timedelta()
    try:
        return datetime.fromisoformat(moment.text).utcoffset() or timedelta()
    except ValueError:  # an interval of instants, or one that is uncertain
        return timedelta()


def chart(
    title: str,
    beside: str,
    marks: Iterable[Mark | None],
    *,
    lanes: Iterable[str],
    kinds: Iterable[str],
    solid: str,
    outline: str,
    fewest: int = 2,
) -> Iterable[Chart]:
    """The chart of these marks, where it shows more than the table does.

    There is none for fewer dates than `fewest`, or for more marks than can be told apart.

    Args:
        title: what it shows.
        beside: the title of the table that says the same.
        marks: those to draw; None for one that has no date to stand at.
        lanes: from top to bottom; lanes without marks are left out.
        kinds: their order in the legend. A kind has the same shape in all charts of a sort; the
            legend has those that are drawn.
        solid: what a full mark says.
        outline: what one in outline says.
        fewest: how many different dates it needs.
    """
    given = list(marks)
    dated = tuple(dict.fromkeys(one for one in given if one is not None))
    undated = given.count(None)
    if len({(one.start, one.end) for one in dated}) < fewest or len(dated) > _MOST_MARKS:
        return
    by_lane = {lane: [one for one in dated if one.lane == lane] for lane in lanes}
    shown = {lane: sorted(own, key=_order) for lane, own in by_lane.items() if own}
    words = [f"{lane}: {_in_words(own, outline)}." for lane, own in shown.items()]
    if undated:
        words.append(f"Not drawn, for want of a date: {undated}.")
    yield Chart(
        title=title,
        beside=beside,
        lanes=tuple(shown),
        kinds=tuple(kinds),
        solid=solid,
        outline=outline,
        marks=tuple(one for own in shown.values() for one in own),
        text=" ".join(words),
    )


def _order(mark: Mark) -> tuple[object, ...]:
    return mark.start, mark.end, mark.kind, mark.solid, mark.by or ""


def _in_words(marks: Sequence[Mark], outline: str) -> str:
    if len(marks) <= _NAMED_SINGLY:
        return "; ".join(f"{mark.kind} {_stretch(mark, mark)}{_says(mark)}" for mark in marks)
    kinds = Counter(f"{mark.kind} ({outline})" if mark.by else mark.kind for mark in marks)
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{counted}, {_stretch(marks[0], max(marks, key=lambda mark: mark.end))}"


def _says(mark: Mark) -> str:
    return f", says {mark.by}" if mark.by else ""


def _stretch(first: Mark, last: Mark) -> str:
    start, end = (short(moment.date().isoformat()) for moment in (first.start, last.end))
    return start if start == end else f"between {start} and {end}"
