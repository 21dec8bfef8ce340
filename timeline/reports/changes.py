"""What changed between two moments in what a report says, and which events made it change.

Any report will do. Rows are matched by their keys and compared cell by cell; the causes are events
that one side has and the other has not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs

from timeline.dates import UNKNOWN, When
from timeline.engine.projection import View
from timeline.events import (
    AMENDMENTS,
    ActorsMerged,
    EventCorrected,
    EventRetracted,
    MembershipReported,
    RoleReported,
    type_names,
)
from timeline.models import BUILT_IN
from timeline.models.amendments import AmendmentRow, DisagreementRow
from timeline.models.chronology import HappeningRow
from timeline.models.directory import ActorRow
from timeline.reports.document import NOTHING, Cell, Document, Key, Line, Table, cell
from timeline.reports.evidence import Citation, Citer, text
from timeline.reports.model import Report, Standing

Clock = Literal["occurred", "published", "recorded", "position"]
Kind = Literal["new", "changed", "gone", "confirmed"]

OVERVIEW = "Overview"
"""Stands for the title of a table where what changed is in the lead of a report."""

_HEADINGS = {
    "occurred": "Happened",
    "published": "Published",
    "recorded": "Recorded",
    "position": "Position",
}
_REWRITINGS = type_names(EventCorrected, EventRetracted, ActorsMerged)
"""They make events read otherwise; what reads as before is not confirmed by them."""

_AMENDMENTS = type_names(*AMENDMENTS)
"""What may be cited in many rows, so that it does not tell which row is which."""

_BETWEEN = " · "
_LONGEST = 60
"""Characters of a row's text that are enough to tell which row it is."""


_CIRCUMSTANCES = type_names(RoleReported, MembershipReported)


@attrs.frozen
class ChangeLine:
    """One change in what the report says.

    Attributes:
        table: the title of the table it is in; `Overview` for the lead.
        row: what names the row there; its whole text where nothing does.
        column: the column; None where the whole row came or went.
        before: what stood there; None where nothing did.
        after: what stands there; None where nothing does.
        kind: whether it is new, changed, gone, or says the same with further evidence.
        occurred: when the first cause happened, as amended; for an amendment without a date, when
            what it amends happened.
        published: when the first cause was first published, as far as is known; for a further
            source, when that was.
        recorded: when the first cause was recorded.
        position: where in the log the first cause stands.
        by_time: whether nothing new is found behind it, so that it follows from the dates: a plan
            falls due. The cause is then what it follows from.
        cause: the events that made it change.
        evidence: these, and whatever else it rests or rested on.
    """

    table: str
    row: str
    column: str | None
    before: str | None
    after: str | None
    kind: Kind
    occurred: str | None
    published: str | None
    recorded: str
    position: int
    by_time: bool
    cause: tuple[Citation, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class ChangesReport(Report):
    """What changed in another report, by the date of the cause; what was only confirmed is last.

    `of` is the kind of the other report and `title` its title, as it stands at the end.
    """

    kind: ClassVar[str] = "changes"

    of: str
    title: str
    since: str
    until: str
    clock: Clock
    changes: tuple[ChangeLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        changed = [line for line in self.changes if line.kind != "confirmed"]
        confirmed = [line for line in self.changes if line.kind == "confirmed"]
        stretch = f"from {self.since} to {self.until}"
        by = {"occurred": "what happened", "published": "what was published"}
        measure = by.get(self.clock, "what was recorded")
        nothing = "" if self.changes else f"Nothing changed {stretch}, by {measure}. "
        return self._document(
            f"Changes in {self.title}, {stretch}",
            (
                self._table("What changed", ("Before", "Now"), changed),
                self._table("Confirmed by further sources", ("Says",), confirmed),
            ),
            note=f"{nothing}By {measure}. The evidence beside the date is what made it change.",
        )

    def _table(self, title: str, last: tuple[str, ...], lines: Iterable[ChangeLine]) -> Table:
        return Table(
            title,
            (_HEADINGS[self.clock], "What", *last),
            tuple(
                (
                    cell(_when(line, self.clock), line.cause),
                    cell(_what(line), line.cause),
                    *(cell(shown, line.evidence) for shown in _values(line)),
                )
                for line in lines
            ),
        )


def _when(line: ChangeLine, clock: Clock) -> str | int | None:
    if clock == "published" and line.published and line.occurred not in (None, line.published):
        return f"{line.published}, of {line.occurred}"
    shown = {
        "occurred": line.occurred,
        "published": line.published,
        "recorded": line.recorded[:10],
        "position": line.position,
    }
    return shown[clock]


def _what(line: ChangeLine) -> str:
    row = line.row if len(line.row) <= _LONGEST else f"{line.row[:_LONGEST]}…"
    shown_below = line.row in (line.before, line.after)
    place = ", ".join(part for part in ("" if shown_below else row, line.column) if part)
    return f"{line.table}: {place}" if place else line.table


def _values(line: ChangeLine) -> tuple[str, ...]:
    if line.kind == "confirmed":
        return (line.after or NOTHING,)
    after = "gone" if line.after is None else line.after
    return line.before or NOTHING, f"{after} (time passed)" if line.by_time else after


def changes_report(
    earlier: View,
    later: View,
    before: Report | None,
    after: Report | None,
    *,
    since: str,
    until: str,
    clock: Clock,
) -> ChangesReport:
    """Compare a report as made from two views of one record.

    Args:
        earlier: the view before the stretch.
        later: the view at its end.
        before: the report made from the earlier view; None where there was nothing to report.
        after: the report made from the later view; None where there is nothing any more.
        since: where the stretch begins, as it was asked for.
        until: where it ends.
        clock: by which clock.
    """
    comparison = _Comparison(earlier, later, _tables(before), _tables(after), clock)
    made = after or before
    return ChangesReport(
        standing=Standing.of(later),
        of="" if made is None else made.kind,
        title="" if made is None else made.document().title,
        since=since,
        until=until,
        clock=clock,
        changes=comparison.lines(),
        corrections=comparison.citer.corrections(),
        sources=comparison.citer.sources(),
    )


# The documents, in a form that can be compared


@attrs.frozen
class _Row:
    """One row of a table, or one line of the lead.

    Attributes:
        key: what it is, or what rows of one matter are; empty where nothing names it.
        name: the words for the key; None where the key is not its own, so that its text names it.
        cells: what it says, by the key of the column.
        headings: the words for these keys.
        naming: the cells that name it.
    """

    key: Key
    name: str | None
    cells: Mapping[str, Cell]
    headings: Mapping[str, str]
    naming: Line = ()

    @property
    def text(self) -> str:
        """All that it says."""
        said = {self.headings[key]: cell.text for key, cell in self.cells.items() if _says(cell)}
        if self.name is None:
            return _BETWEEN.join(said.values())
        return "; ".join(f"{column}: {text}" if column else text for column, text in said.items())

    @property
    def label(self) -> str:
        """What it goes by."""
        return self.text if self.name is None else self.name

    @property
    def evidence(self) -> tuple[Citation, ...]:
        """All that it rests on, what its cells rest on first."""
        cells = (*self.cells.values(), *self.naming)
        return tuple(cited for cell in cells for cited in cell.evidence)

    @property
    def reports(self) -> list[str]:
        """The events that it rests on, without amendments, which may be of many rows."""
        return [cited.event for cited in self.evidence if cited.type not in _AMENDMENTS]

    @property
    def actors(self) -> set[str]:
        """The ids of the actors that its cells are about."""
        named = (cell.about or "" for cell in (*self.cells.values(), *self.naming))
        return {about.removeprefix("actor/") for about in named if about.startswith("actor/")}


def _says(cell: Cell) -> bool:
    return not cell.quiet and cell.text != NOTHING


def _tables(report: Report | None) -> dict[str, list[_Row]]:
    """The rows of a report, by the title of the table."""
    if report is None:
        return {}
    document = report.document()
    lead = [_lead_row(index, cell) for index, cell in enumerate(document.lead)]
    tables = {table.title: [_row(table, row) for row in table.rows] for table in document.tables}
    return {OVERVIEW: lead, **tables}


def _lead_row(index: int, lead: Cell) -> _Row:
    """A line such as `Stage: agreed` goes by what is before the colon, others by place."""
    name, colon, rest = lead.text.partition(": ")
    cell = attrs.evolve(lead, text=rest if colon else lead.text)
    return _Row((name if colon else str(index),), name if colon else None, {"": cell}, {"": ""})


def _row(table: Table, row: Line) -> _Row:
    naming, rest = row[: table.named_by], row[table.named_by :]
    behind = tuple(cited for cell in row for cited in cell.evidence)
    headings = table.columns[table.named_by :]
    keys = table.keys[table.named_by :] or _numbered(headings)
    return _Row(
        key=table.key(row),
        name=_BETWEEN.join(cell.text for cell in naming) if naming else None,
        cells={
            key: attrs.evolve(cell, evidence=cell.evidence or behind)
            for key, cell in zip(keys, rest, strict=True)
        },
        headings=dict(zip(keys, headings, strict=True)),
        naming=naming,
    )


def _numbered(columns: Iterable[str]) -> tuple[str, ...]:
    """The headings, those that are there several times with a number."""
    count: Counter[str] = Counter()
    numbered = []
    for column in columns:
        count[column] += 1
        numbered.append(column if count[column] == 1 else f"{column} ({count[column]})")
    return tuple(numbered)


# Which row became which

_Pairs = list[tuple[_Row | None, _Row | None]]


def _pairs(old: Sequence[_Row], new: Sequence[_Row]) -> _Pairs:
    """Each row with what it was before: by its key, or else by the reports that it rests on."""
    was: dict[int, _Row] = {}
    left = list(old)
    for same in (_all_same, _same_key, _same_first, _same_report):
        for index, row in enumerate(new):
            match = None if index in was else next((one for one in left if same(one, row)), None)
            if match is not None:
                was[index] = match
                left = [one for one in left if one is not match]
    return [*((was.get(i), row) for i, row in enumerate(new)), *((row, None) for row in left)]


def _all_same(one: _Row, other: _Row) -> bool:
    return one.key == other.key and one.text == other.text


def _same_key(one: _Row, other: _Row) -> bool:
    named = one.name is not None and other.name is not None
    return named and one.key == other.key


def _same_first(one: _Row, other: _Row) -> bool:
    """Whether rows without a name rest on the same report before all others."""
    unnamed = one.name is None and other.name is None and one.key == other.key
    return unnamed and one.reports[:1] == other.reports[:1] != []


def _same_report(one: _Row, other: _Row) -> bool:
    unnamed = one.name is None and other.name is None
    return unnamed and not {*one.reports}.isdisjoint(other.reports)


# What changed, and why


@attrs.frozen
class _Change:
    """A change of a row, or of one cell of it, before it is known why."""

    table: str
    column: str | None
    kind: Kind
    old: _Row | None
    new: _Row | None
    before: str | None
    after: str | None
    was: tuple[Citation, ...] = ()
    now: tuple[Citation, ...] = ()

    @property
    def row(self) -> _Row:
        """The row as it stands, or stood last."""
        row = self.new or self.old
        assert row is not None  # nothing changes without a row
        return row


@attrs.frozen
class _Cause:
    """The events that made a change; `published` is when sources that are new came out."""

    events: tuple[str, ...]
    by_time: bool = False
    published: str | None = None


class _Causes:
    """Finds the events behind a change: those that one view has and the other has not."""

    def __init__(
        self, earlier: View, later: View, rows: Sequence[_Row], *, time_passed: bool
    ) -> None:
        self._rows = rows
        self._later = later
        self._known, self._still = _in_view(earlier), _in_view(later)
        self._time_passed = time_passed
        amendments = {
            each.event: each.targets for each in later.all(AmendmentRow) if each.kind != "merged"
        }
        noted = {
            each.event: tuple(id for side in each.sides for id in side.events)
            for each in later.all(DisagreementRow)
        }
        self._targets = {
            id: targets for id, targets in (amendments | noted).items() if id not in self._known
        }
        amending = {each.event for each in later.all(AmendmentRow)} - self._known
        self._renamed = {
            actor.actor: [id for id in actor.events if id in amending]
            for actor in later.all(ActorRow)
            if amending.intersection(actor.events)
        }

    def of(self, change: _Change, rows: Sequence[_Row]) -> _Cause:
        """The events that made a change in a table that now has these rows."""
        was = [cited.event for cited in change.was]
        now = [cited.event for cited in change.now]
        both = {*was, *now}
        gained = [id for id in now if id not in was]
        for events in (
            self._new(now),
            [id for id, targets in self._targets.items() if both.intersection(targets)],
            self._renaming(change),
            self._new(id for row in _together(change, rows) for id in row.reports),
            self._beyond(both),
            self._of_the_same(both),
            [id for id in was if id not in self._still],
        ):
            if events:
                return _Cause(tuple(dict.fromkeys(events)))
        events = [] if self._time_passed else gained
        return _Cause(tuple(dict.fromkeys(events or now or was)), by_time=self._time_passed)

    def further(self, was: Iterable[Citation], now: Iterable[Citation]) -> _Cause:
        """What is new behind a cell that says the same: events, or sources of events."""
        before = {cited.event: {source.source for source in cited.sources} for cited in was}
        events, dates = [], []
        for cited in (each for each in now if each.type not in _REWRITINGS):
            known = before.get(cited.event, set())
            new = [source.published for source in cited.sources if source.source not in known]
            if cited.event not in self._known or (cited.event in before and new):
                events.append(cited.event)
                dates += [published for published in new if published is not None]
        first = min(dates, key=_sort_key, default=None)
        return _Cause(tuple(dict.fromkeys(events)), published=first)

    def _new(self, events: Iterable[str]) -> list[str]:
        return [id for id in events if id not in self._known]

    def _renaming(self, change: _Change) -> list[str]:
        """New names, and mergers, of the actors that the cells are about."""
        if not self._renamed:
            return []
        actors = change.row.actors | (change.old.actors if change.old else set())
        return [id for actor in sorted(actors) for id in self._renamed.get(actor, ())]

    def _of_the_same(self, events: Iterable[str]) -> list[str]:
        """New events of the plans and meetings that these events are of."""
        known = self._later.several(HappeningRow, sorted(events))
        return self._new(
            row.event
            for field in ("plan", "meeting")
            for subject in dict.fromkeys(getattr(each, field) for each in known)
            if subject is not None
            for row in self._later.all(HappeningRow, **{field: subject})
        )

    def _beyond(self, events: set[str]) -> list[str]:
        """What is new in the row that rests on all of these events, and on the fewest others.

        A question that is answered names only what raised it; the answer stands in such a row.
        """
        wider = (row.reports for row in self._rows if events.issubset(row.reports))
        answers = [new for reports in sorted(wider, key=len) if (new := self._new(reports))]
        return answers[0] if answers else []


def _together(change: _Change, rows: Iterable[_Row]) -> list[_Row]:
    """The rows of the same matter, where several are of one."""
    key = change.row.key
    return [row for row in rows if row.name is None and key and row.key == key]


def _changes(table: str, old: _Row | None, new: _Row | None) -> Iterator[_Change]:
    """What changed in a row: all of it, or single cells."""
    if old is None and new is not None:
        yield _Change(table, None, "new", old, new, None, new.text or new.label, now=new.evidence)
    elif new is None and old is not None:
        yield _Change(table, None, "gone", old, new, old.text or old.label, None, was=old.evidence)
    elif new is not None and old is not None:
        for key in dict.fromkeys((*new.cells, *old.cells)):
            was, now = old.cells.get(key), new.cells.get(key)
            if _differ(was, now):
                yield _Change(
                    table=table,
                    column=(new if now else old).headings[key] or None,
                    kind="changed" if was and now else "new" if now else "gone",
                    old=old,
                    new=new,
                    before=was.text if was else None,
                    after=now.text if now else None,
                    was=was.evidence if was else (),
                    now=now.evidence if now else (),
                )


def _differ(was: Cell | None, now: Cell | None) -> bool:
    """Whether two cells say other things; a new column in which nothing is said is no change."""
    if was is None or now is None:
        return any(cell is not None and not cell.quiet for cell in (was, now))
    return was.text != now.text


class _Comparison:
    """Compares the rows of a report as made from two views."""

    def __init__(
        self,
        earlier: View,
        later: View,
        before: Mapping[str, list[_Row]],
        after: Mapping[str, list[_Row]],
        clock: Clock,
    ) -> None:
        self.citer = Citer(later)
        self._later = later
        self._before, self._after = before, after
        self._clock = clock
        time_passed = bool(before) and earlier.today != later.today
        rows = [row for table in after.values() for row in table]
        self._causes = _Causes(earlier, later, rows, time_passed=time_passed)
        amendments = later.all(AmendmentRow)
        self._targets = {each.event: each.targets for each in amendments if each.kind != "merged"}
        self._dates = _corrected_dates(later, amendments)

    def lines(self) -> tuple[ChangeLine, ...]:
        """All changes by the date of their cause, then what was only confirmed."""
        titles = dict.fromkeys((*self._after, *self._before))
        lines = [line for title in titles for line in self._in_table(title)]
        return tuple(sorted(lines, key=self._order))

    def _in_table(self, title: str) -> Iterator[ChangeLine]:
        rows = self._after.get(title, [])
        for old, new in _pairs(self._before.get(title, []), rows):
            causes: set[str] = set()
            for change in _changes(title, old, new):
                cause = self._causes.of(change, rows)
                causes.update(cause.events)
                if cause.events:  # words that rest on nothing, such as "none", state nothing
                    yield self._line(change, cause)
            if old is not None and new is not None:
                yield from self._confirmed(title, old, new, causes)

    def _confirmed(
        self, title: str, old: _Row, new: _Row, causes: set[str]
    ) -> Iterator[ChangeLine]:
        """What says the same on further evidence, together where it is the same evidence."""
        together: dict[_Cause, list[str]] = {}
        for key, now in new.cells.items():
            was = old.cells.get(key)
            if was is not None and was.text == now.text:
                cause = self._causes.further(was.evidence, now.evidence)
                if not causes.issuperset(cause.events):
                    together.setdefault(cause, []).append(key)
        for cause, keys in together.items():
            one = new.cells[keys[0]] if len(keys) == 1 else None
            column = new.headings[keys[0]] if one else None
            text, cited = (one.text, one.evidence) if one else (new.text, new.evidence)
            change = _Change(title, column or None, "confirmed", old, new, text, text, now=cited)
            yield self._line(change, cause)

    def _line(self, change: _Change, cause: _Cause) -> ChangeLine:
        cited = self.citer.cite(cause.events)
        dated = self._dating(cited)
        others = (citation.event for citation in (*change.now, *change.was))
        return ChangeLine(
            table=change.table,
            row=change.row.label,
            column=change.column,
            before=change.before,
            after=change.after,
            kind=change.kind,
            occurred=self._occurred(dated),
            published=cause.published or _published(dated),
            recorded=dated.recorded_at,
            position=dated.position,
            by_time=cause.by_time,
            cause=cited,
            evidence=self.citer.cite((*cause.events, *others)),
        )

    def _dating(self, cited: Sequence[Citation]) -> Citation:
        """The cause that dates a change: the first, since later ones do not make it come later.

        Who held an office decides how a change reads, and not when it came about.
        """
        deciding = [each for each in cited if each.type not in _CIRCUMSTANCES] or cited
        return min(deciding, key=self._age)

    def _age(self, cited: Citation) -> tuple[tuple[Any, ...], int]:
        return _sort_key(self._moment(self._occurred(cited), _published(cited))), cited.position

    def _order(self, line: ChangeLine) -> tuple[bool, tuple[Any, ...], int]:
        moment = self._moment(line.occurred, line.published)
        return line.kind == "confirmed", _sort_key(moment), line.position

    def _moment(self, occurred: str | None, published: str | None) -> str | None:
        return {"occurred": occurred, "published": published}.get(self._clock)

    def _occurred(self, cited: Citation) -> str | None:
        """When it happened, as amended; of an amendment without a date, when its target did."""
        if cited.event in self._dates or cited.occurred is not None:
            return self._dates.get(cited.event, cited.occurred)
        target = self._targets.get(cited.event, ())[:1]
        dates = (
            self._dates.get(id, text(event.occurred))
            for id, event in self._later.events(target).items()
        )
        return next(dates, None)


def _in_view(view: View) -> set[str]:
    """All events in view that say something."""
    classes: list[type[Any]] = [cls for each in BUILT_IN for cls in each.rows]
    return {id for cls in classes for row in view.all(cls) for id in getattr(row, "events", ())}


def _corrected_dates(view: View, amendments: Iterable[AmendmentRow]) -> dict[str, str | None]:
    """The dates that were corrected, by event; the last correction holds."""
    dates: dict[str, str | None] = {}
    corrected = sorted(
        (row for row in amendments if row.kind == "corrected"), key=lambda row: row.position
    )
    events = view.events(row.event for row in corrected)
    for row in corrected:
        said = events[row.event].event
        if isinstance(said, EventCorrected) and "occurred" in said.changes:
            dates |= dict.fromkeys(row.targets, text(said.changes["occurred"]))
    return dates


def _published(cited: Citation) -> str | None:
    dates = [each.published for each in cited.sources if each.published is not None]
    return min(dates, key=_sort_key, default=None)


def _sort_key(moment: str | None) -> tuple[Any, ...]:
    return (UNKNOWN if moment is None else When(moment)).sort_key
