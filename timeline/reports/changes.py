"""What changed between two moments in what a report says, and which events made it change.

Any report will do: what is compared are the two documents, cell by cell.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
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
from timeline.models.directory import ActorRow
from timeline.reports.document import NOTHING, Cell, Document, Line, Table, cell
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
        occurred: when the newest cause happened, as amended; that of what it amends for an
            amendment that bears no date.
        published: when the newest cause was first published, as far as is known; for a further
            source, when that was.
        recorded: when the newest cause was recorded.
        position: where in the log the newest cause stands.
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
        told = by.get(self.clock, "what was recorded")
        nothing = "" if self.changes else f"Nothing changed {stretch}, by {told}. "
        return self._document(
            f"Changes in {self.title}, {stretch}",
            (
                self._table("What changed", ("Before", "Now"), changed),
                self._table("Confirmed by further sources", ("Says",), confirmed),
            ),
            note=f"{nothing}By {told}. The evidence beside the date is what made it change.",
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
    comparison = _Comparison(earlier, later, _bodies(before), _bodies(after), clock)
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
    """One row: its cells by column, and what names it, None where nothing does."""

    name: str | None
    cells: Mapping[str, Cell]
    naming: tuple[Citation, ...] = ()

    @property
    def text(self) -> str:
        """All that it says."""
        if self.name is None:
            return _BETWEEN.join(each.text for each in self.cells.values() if not _silent(each))
        told = {column: each.text for column, each in self.cells.items() if not _silent(each)}
        return "; ".join(f"{column}: {said}" if column else said for column, said in told.items())

    @property
    def label(self) -> str:
        """What it goes by."""
        return self.text if self.name is None else self.name

    @property
    def cited(self) -> tuple[Citation, ...]:
        """All that it rests on, what its cells rest on first."""
        return (*(cited for each in self.cells.values() for cited in each.evidence), *self.naming)

    @property
    def reports(self) -> list[str]:
        """The events that it rests on, without amendments, which may be of many rows."""
        return [cited.event for cited in self.cited if cited.type not in _AMENDMENTS]


def _silent(cell: Cell) -> bool:
    return cell.quiet or cell.text == NOTHING


@attrs.frozen
class _Body:
    """One table."""

    columns: tuple[str, ...]
    rows: list[_Row]


_NO_BODY = _Body((), [])


def _bodies(report: Report | None) -> dict[str, _Body]:
    """What a report says, by the title of the table."""
    found: dict[str, _Body] = {}
    if report is not None:
        document = report.document()
        found[OVERVIEW] = _Body((), [_lead_row(each) for each in document.lead])
        for table in document.tables:
            rows = [_row(table, row) for row in table.rows]
            found[table.title] = _Body(table.columns, rows)
    return found


def _with_titles_of(new: Mapping[str, _Body], old: Mapping[str, _Body]) -> dict[str, _Body]:
    """The old tables with the new titles, where they got others, such as `3 recorded`."""
    open_ = {body.columns: title for title, body in new.items() if title not in old}
    return {
        title if title in new else open_.pop(body.columns, title): body
        for title, body in old.items()
    }


def _lead_row(lead: Cell) -> _Row:
    """A line such as `Stage: agreed` goes by what stands before the colon."""
    name, colon, rest = lead.text.partition(": ")
    return _Row(name, {"": Cell(rest if colon else name, lead.evidence)})


def _row(table: Table, row: Line) -> _Row:
    naming, rest = row[: table.named_by], row[table.named_by :]
    cited = tuple(cited for each in row for cited in each.evidence)
    cells = {
        column: attrs.evolve(each, evidence=each.evidence or cited)
        for column, each in zip(_told_apart(table.columns[table.named_by :]), rest, strict=True)
    }
    name = _BETWEEN.join(each.text for each in naming) if naming else None
    return _Row(name, cells, tuple(cited for each in naming for cited in each.evidence))


def _told_apart(columns: Iterable[str]) -> Iterator[str]:
    """The headings, those that are there several times with a number."""
    count: Counter[str] = Counter()
    for column in columns:
        count[column] += 1
        yield column if count[column] == 1 else f"{column} ({count[column]})"


# Which row became which

_Pairs = list[tuple[_Row | None, _Row | None]]


def _pairs(old: Sequence[_Row], new: Sequence[_Row]) -> _Pairs:
    """Each row with what it was before: by its text, its name, or the report it rests on."""
    was: dict[int, _Row] = {}
    left = list(old)
    for key in (_same_text, _same_name, _same_report):
        waiting: dict[object, deque[_Row]] = defaultdict(deque)
        for row in left:
            waiting[key(row)].append(row)
        for index, row in enumerate(new):
            if index not in was and key(row) is not None and waiting[key(row)]:
                was[index] = waiting[key(row)].popleft()
        matched = {id(row) for row in was.values()}
        left = [row for row in left if id(row) not in matched]
    for index, row in enumerate(new):
        if index not in was and row.name is None:
            found = next((one for one in left if {*one.reports} & {*row.reports}), None)
            if found is not None:
                was[index] = found
                left = [one for one in left if one is not found]
    pairs: _Pairs = [(was.get(index), row) for index, row in enumerate(new)]
    return [*pairs, *((row, None) for row in left)]


def _same_text(row: _Row) -> object:
    return row.name, row.text


def _same_name(row: _Row) -> object:
    return row.name


def _same_report(row: _Row) -> object:
    return row.reports[0] if row.name is None and row.reports else None


def _with_columns_of(new: Sequence[_Row], old: Sequence[_Row]) -> list[_Row]:
    """The old rows with the new headings, where columns that share their reports got others."""
    now, were = _columns(new), _columns(old)
    names = {column: column for column in were}
    open_ = [column for column in now if column not in were]
    for column in were.keys() - now.keys() if open_ else ():
        best = max(open_, key=lambda other: len(now[other] & were[column]))
        if now[best] & were[column]:
            names[column] = best
            open_.remove(best)
    return [
        attrs.evolve(row, cells={names[column]: each for column, each in row.cells.items()})
        for row in old
    ]


def _columns(rows: Iterable[_Row]) -> dict[str, set[str]]:
    """The columns, each with the reports that its cells rest on."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for column, each in row.cells.items():
            reports = (cited.event for cited in each.evidence if cited.type not in _AMENDMENTS)
            found.setdefault(column, set()).update(reports)
    return found


# What changed, and why


@attrs.frozen
class _Change:
    """A change before it is known why."""

    table: str
    row: str
    column: str | None
    kind: Kind
    before: str | None
    after: str | None
    was: tuple[Citation, ...]
    now: tuple[Citation, ...]


@attrs.frozen
class _Cause:
    """The events that made a change; `told` is when sources that are new were published."""

    events: tuple[str, ...]
    by_time: bool = False
    told: str | None = None


class _Comparison:
    """Compares the rows of a report as made from two views."""

    def __init__(
        self,
        earlier: View,
        later: View,
        before: Mapping[str, _Body],
        after: Mapping[str, _Body],
        clock: Clock,
    ) -> None:
        self.citer = Citer(later)
        self._later = later
        self._before, self._after = _with_titles_of(after, before), after
        self._clock = clock
        self._known = _in_view(earlier)
        self._still = _in_view(later)
        amendments = later.all(AmendmentRow)
        # A merger names actors, and no events.
        self._targets = {
            each.event: () if each.kind == "merged" else each.targets for each in amendments
        }
        said_of = self._targets | {
            each.event: tuple(id for side in each.sides for id in side.events)
            for each in later.all(DisagreementRow)
        }
        self._said_of = {id: said for id, said in said_of.items() if id not in self._known}
        self._time_passed = bool(before) and earlier.today != later.today
        self._dates = _corrected_dates(later, amendments)
        self._renamed = self._renamed_actors()

    def lines(self) -> tuple[ChangeLine, ...]:
        """All changes, by the date of their cause, and then those that are none."""
        found = [line for title in self._titles() for line in self._in_table(title)]
        return tuple(sorted(found, key=self._order))

    def _titles(self) -> Iterable[str]:
        return dict.fromkeys((*self._after, *self._before))

    def _in_table(self, title: str) -> Iterator[ChangeLine]:
        old = self._before.get(title, _NO_BODY).rows
        new = self._after.get(title, _NO_BODY).rows
        for was, now in _pairs(_with_columns_of(new, old) if new else old, new):
            causes: set[str] = set()
            for change in _row_changes(title, was, now):
                cause = self._cause(change)
                causes.update(cause.events)
                if cause.events:  # words that rest on nothing, such as "none", state nothing
                    yield self._line(change, cause)
            if was is not None and now is not None:
                yield from self._confirmed(title, was, now, causes)

    def _confirmed(
        self, title: str, was: _Row, now: _Row, causes: set[str]
    ) -> Iterator[ChangeLine]:
        """What says the same on further evidence, together where it is the same evidence."""
        together: dict[_Cause, list[str]] = {}
        for column, each in now.cells.items():
            old = was.cells.get(column)
            if old is not None and old.text == each.text:
                cause = self._further(old.evidence, each.evidence)
                if not causes.issuperset(cause.events):
                    together.setdefault(cause, []).append(column)
        for cause, columns in together.items():
            one = columns[0] if len(columns) == 1 else None
            shown = now.text if one is None else now.cells[one].text
            cited = now.cited if one is None else now.cells[one].evidence
            yield self._line(
                _Change(title, now.label, one or None, "confirmed", shown, shown, (), cited), cause
            )

    def _further(self, was: Iterable[Citation], now: Iterable[Citation]) -> _Cause:
        before = {cited.event: {each.source for each in cited.sources} for cited in was}
        events, told = [], []
        for cited in (each for each in now if each.type not in _REWRITINGS):
            known = before.get(cited.event, set())
            new = [each.published for each in cited.sources if each.source not in known]
            if cited.event not in self._known or (cited.event in before and new):
                events.append(cited.event)
                told += [published for published in new if published is not None]
        return _Cause(tuple(dict.fromkeys(events)), told=min(told, key=_sort_key, default=None))

    def _cause(self, change: _Change) -> _Cause:
        was = [cited.event for cited in change.was]
        now = [cited.event for cited in change.now]
        both = {*was, *now}
        for events in (
            [id for id in now if id not in self._known],
            [id for id, targets in self._said_of.items() if both.intersection(targets)],
            [id for id, name in self._renamed if name in (change.after or "")],
            self._beside(change, both),
            [id for id in was if id not in self._still],
        ):
            if events:
                return _Cause(tuple(dict.fromkeys(events)))
        return _Cause(tuple(dict.fromkeys(now or was)), by_time=self._time_passed)

    def _beside(self, change: _Change, events: set[str]) -> list[str]:
        """What is new in rows that share a report: the outcome of a plan that is open no more.

        Rows of one matter come first, then those that the change speaks of by name, then those that
        have all its reports.
        """
        matter = change.row.split(_BETWEEN)[:2]
        table = self._after.get(change.table, _NO_BODY).rows
        sharing = [
            row
            for body in self._after.values()
            for row in body.rows
            if events.intersection(row.reports)
        ]
        said = change.after or change.before or ""
        for rows in (
            [row for row in table if row.label.split(_BETWEEN)[:2] == matter],
            [row for row in sharing if row.name and row.name in said],
            [row for row in sharing if events.issubset(row.reports)],
            sharing,
        ):
            found = [each.event for row in rows for each in row.cited]
            new = [id for id in found if id not in self._known]
            if new:
                return new
        return []

    def _renamed_actors(self) -> list[tuple[str, str]]:
        """New amendments of actors, each with the name to show since."""
        new = self._said_of
        return [
            (id, actor.name)
            for actor in self._later.all(ActorRow)
            for id in actor.events
            if id in new
        ]

    def _line(self, change: _Change, cause: _Cause) -> ChangeLine:
        cited = self.citer.cite(cause.events)
        # Who held an office decides how a change reads, and not when it came about.
        deciding = [each for each in cited if each.type not in _CIRCUMSTANCES] or cited
        newest = max(deciding, key=self._newest)
        others = (each.event for each in (*change.now, *change.was))
        return ChangeLine(
            table=change.table,
            row=change.row,
            column=change.column,
            before=change.before,
            after=change.after,
            kind=change.kind,
            occurred=self._occurred(newest),
            published=cause.told or _published(newest),
            recorded=newest.recorded_at,
            position=newest.position,
            by_time=cause.by_time,
            cause=cited,
            evidence=self.citer.cite((*cause.events, *others)),
        )

    def _newest(self, cited: Citation) -> tuple[bool, tuple[Any, ...], int]:
        moment = self._moment(self._occurred(cited), _published(cited))
        return moment is not None, _sort_key(moment), cited.position

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
        found = (
            self._dates.get(id, text(e.occurred)) for id, e in self._later.events(target).items()
        )
        return next(found, None)


def _row_changes(title: str, was: _Row | None, now: _Row | None) -> Iterator[_Change]:
    if now is None:
        assert was is not None  # a pair has one at least
        said = was.text or was.label
        yield _Change(title, was.label, None, "gone", said, None, was.cited, ())
        return
    if was is None:
        said = now.text or now.label
        yield _Change(title, now.label, None, "new", None, said, (), now.cited)
        return
    for column in dict.fromkeys((*now.cells, *was.cells)):
        old, new = was.cells.get(column), now.cells.get(column)
        if (old is None and new is not None and new.quiet) or (new is None and old and old.quiet):
            continue
        if old is None or new is None or old.text != new.text:
            yield _Change(
                title,
                now.label,
                column or None,
                "changed" if old and new else "new" if new else "gone",
                None if old is None else old.text,
                None if new is None else new.text,
                old.evidence if old else (),
                new.evidence if new else (),
            )


def _in_view(view: View) -> set[str]:
    """All events in view that say something."""
    classes: list[type[Any]] = [cls for each in BUILT_IN for cls in each.rows]
    return {id for cls in classes for row in view.all(cls) for id in getattr(row, "events", ())}


def _corrected_dates(view: View, amendments: Iterable[AmendmentRow]) -> dict[str, str | None]:
    """The dates that were corrected, by event; the last correction holds."""
    found: dict[str, str | None] = {}
    corrected = sorted(
        (each for each in amendments if each.kind == "corrected"), key=lambda each: each.position
    )
    events = view.events(each.event for each in corrected)
    for each in corrected:
        said = events[each.event].event
        if isinstance(said, EventCorrected) and "occurred" in said.changes:
            found |= dict.fromkeys(each.targets, text(said.changes["occurred"]))
    return found


def _published(cited: Citation) -> str | None:
    dates = [each.published for each in cited.sources if each.published is not None]
    return min(dates, key=_sort_key, default=None)


def _sort_key(moment: str | None) -> tuple[Any, ...]:
    return (UNKNOWN if moment is None else When(moment)).sort_key
