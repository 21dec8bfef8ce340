"""How two states of one report differ, and which events make the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs

from timeline.dates import When
from timeline.engine.projection import View
from timeline.events import (
    AMENDMENTS,
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    EventCorrected,
    EventRetracted,
    RecordedEvent,
    RelationNoted,
    SourceAdded,
    type_names,
)
from timeline.projections.amendments import (
    AmendedRow,
    AmendmentRow,
    DisagreedRow,
    DisagreementRow,
)
from timeline.projections.chronology import HappeningRow
from timeline.projections.directory import ActorRow, DistinctRow, SourceRow
from timeline.projections.initiatives import RelationRow
from timeline.reports.citations import Citation, text
from timeline.reports.layout import NOTHING, Cell, Key, Line, Table, told_apart
from timeline.reports.model import Report

Kind = Literal["new", "changed", "gone", "confirmed"]

OVERVIEW = "Overview"
"""In place of a table's title: the change is in the lead of the report."""

_AMENDMENTS = type_names(*AMENDMENTS)
"""Many rows may cite them, so they do not identify a row."""

_BETWEEN = " · "


@attrs.frozen
class Row:
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
    def subject(self) -> Key | None:
        """The key of the row that this one is about, where it says nothing else: a question."""
        if self.name is not None or len(self.cells) != 1:
            return None
        (only,) = self.cells.values()
        return None if only.about is None else (only.about,)

    @property
    def actors(self) -> set[str]:
        """The ids of the actors that its cells are about."""
        named = (cell.about or "" for cell in (*self.cells.values(), *self.naming))
        return {about.removeprefix("actor/") for about in named if about.startswith("actor/")}


def _says(cell: Cell) -> bool:
    return not cell.quiet and cell.text != NOTHING


def rows_of(report: Report) -> dict[str, list[Row]]:
    """The rows of a report, by the title of the table."""
    document = report.document()
    lead = [_lead_row(index, cell) for index, cell in enumerate(document.lead)]
    tables = {table.title: [_row(table, row) for row in table.rows] for table in document.tables}
    return {OVERVIEW: lead, **tables}


def _lead_row(index: int, lead: Cell) -> Row:
    """A line such as `Stage: agreed` goes by the words before the colon, others by place."""
    name, colon, rest = lead.text.partition(": ")
    cell = attrs.evolve(lead, text=rest if colon else lead.text)
    return Row((name if colon else str(index),), name if colon else None, {"": cell}, {"": ""})


def _row(table: Table, row: Line) -> Row:
    naming, rest = row[: table.named_by], row[table.named_by :]
    behind = tuple(cited for cell in row for cited in cell.evidence)
    headings = table.columns[table.named_by :]
    keys = table.keys[table.named_by :] or told_apart(headings)
    return Row(
        key=table.key(row),
        name=_BETWEEN.join(cell.text for cell in naming) if naming else None,
        cells={
            key: attrs.evolve(cell, evidence=cell.evidence or behind)
            for key, cell in zip(keys, rest, strict=True)
        },
        headings=dict(zip(keys, headings, strict=True)),
        naming=naming,
    )


# Which row became which


def pairs(old: Sequence[Row], new: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """Each row with what it was before: by its key, or else by the reports that it rests on."""
    was: dict[int, Row] = {}
    left = list(old)
    for same in (_all_same, _same_key, _same_first, _same_report):
        for index, row in enumerate(new):
            match = None if index in was else next((one for one in left if same(one, row)), None)
            if match is not None:
                was[index] = match
                left = [one for one in left if one is not match]
    return [*((was.get(i), row) for i, row in enumerate(new)), *((row, None) for row in left)]


def _all_same(one: Row, other: Row) -> bool:
    return one.key == other.key and one.text == other.text


def _same_key(one: Row, other: Row) -> bool:
    named = one.name is not None and other.name is not None
    return named and one.key == other.key


def _same_first(one: Row, other: Row) -> bool:
    """Whether rows without a name rest on the same report before all others."""
    unnamed = one.name is None and other.name is None and one.key == other.key
    return unnamed and one.reports[:1] == other.reports[:1] != []


def _same_report(one: Row, other: Row) -> bool:
    unnamed = one.name is None and other.name is None
    return unnamed and not {*one.reports}.isdisjoint(other.reports)


# What changed


@attrs.frozen
class Change:
    """A change of a row, or of one cell of it, before it is known why."""

    table: str
    column: str | None
    kind: Kind
    old: Row | None
    new: Row | None
    before: str | None
    after: str | None
    was: tuple[Citation, ...] = ()
    now: tuple[Citation, ...] = ()

    @property
    def row(self) -> Row:
        """The row as it stands, or stood last."""
        row = self.new or self.old
        assert row is not None  # nothing changes without a row
        return row


def changes_of(table: str, old: Row | None, new: Row | None) -> Iterator[Change]:
    """What changed in a row: all of it, or single cells."""
    if old is None and new is not None:
        yield Change(table, None, "new", old, new, None, new.text or new.label, now=new.evidence)
    elif new is None and old is not None:
        yield Change(table, None, "gone", old, new, old.text or old.label, None, was=old.evidence)
    elif new is not None and old is not None:
        for key in dict.fromkeys((*new.cells, *old.cells)):
            was, now = old.cells.get(key), new.cells.get(key)
            if _differ(was, now):
                yield Change(
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
    """Whether two cells differ. A new column that says nothing is no change."""
    if was is None or now is None:
        return any(cell is not None and not cell.quiet for cell in (was, now))
    return was.text != now.text


# Why it changed


_REWRITINGS = type_names(EventCorrected, EventRetracted, ActorsMerged)
"""They change how events read. A cell that still reads the same is not confirmed by them."""


@attrs.frozen
class Cause:
    """The events that made a change; `published` is when sources that are new came out."""

    events: tuple[str, ...]
    by_time: bool = False
    published: str | None = None


class Causes:
    """Finds the events behind a change: those that only one of two views has.

    `named` has the changes of rows that are named, by the key of the row.
    """

    def __init__(
        self,
        earlier: View,
        later: View,
        named: Mapping[Key, Sequence[Change]],
        *,
        time_passed: bool,
    ) -> None:
        self._named = named
        self._later = later
        self._then, self._now = Standing(earlier), Standing(later)
        self._time_passed = time_passed

    def load(self, events: Iterable[str]) -> None:
        """Look these events up together: to look up one after the other takes longer."""
        self._then.load(events)

    def of(self, change: Change, rows: Sequence[Row]) -> Cause:
        """The events that made a change in a table that now has these rows."""
        was = [cited.event for cited in change.was]
        now = [cited.event for cited in change.now]
        events = next(filter(None, self._candidates(change, rows, was, now)), None)
        if events is not None:
            return Cause(tuple(dict.fromkeys(events)))
        gained = [] if self._time_passed else [id for id in now if id not in was]
        return Cause(tuple(dict.fromkeys(gained or now or was)), by_time=self._time_passed)

    def _candidates(
        self, change: Change, rows: Sequence[Row], was: Sequence[str], now: Sequence[str]
    ) -> Iterator[Sequence[str]]:
        """What may have made a change: the first that is not empty did."""
        both = sorted({*was, *now})
        yield self._new(now)
        yield self._of_subject(change)
        yield self._new(self._naming(both))
        yield self._renaming(change)
        yield self._new(id for row in _together(change, rows) for id in row.reports)
        yield self._of_the_same(both)
        yield self._now.without(was)

    def further(self, was: Iterable[Citation], now: Iterable[Citation]) -> Cause:
        """The new events, or new sources of events, behind a cell that says the same."""
        before = {cited.event: {source.source for source in cited.sources} for cited in was}
        events, dates = [], []
        for cited in (citation for citation in now if citation.type not in _REWRITINGS):
            known = before.get(cited.event, set())
            new = [source.published for source in cited.sources if source.source not in known]
            if self._new((cited.event,)) or (cited.event in before and new):
                events.append(cited.event)
                dates += [published for published in new if published is not None]
        first = min(map(When, dates), default=None)
        return Cause(tuple(dict.fromkeys(events)), published=text(first))

    def _new(self, events: Iterable[str]) -> list[str]:
        return self._then.without(events)

    def _of_subject(self, change: Change) -> Sequence[str]:
        """What first changed in the row of a party answers the question about it, or raises it."""
        changes = self._named.get(change.row.subject or ())
        return self.of(changes[0], ()).events if changes else ()

    def _renaming(self, change: Change) -> list[str]:
        """New names, and mergers, of the actors that the cells are about."""
        actors = change.row.actors | (change.old.actors if change.old else set())
        rows = (self._later.get(ActorRow, actor) for actor in sorted(actors))
        new = self._new(id for row in rows if row is not None for id in row.events)
        amending = {row.event for row in self._later.several(AmendmentRow, new)}
        return [id for id in new if id in amending]

    def _naming(self, events: Iterable[str]) -> Iterator[str]:
        """The amendments of these events, and the findings that they are at odds."""
        classes: tuple[type[AmendedRow | DisagreedRow], ...] = (AmendedRow, DisagreedRow)
        for cls in classes:
            rows = (row for id in events for row in self._later.all(cls, target=id))
            yield from sorted({row.event for row in rows})

    def _of_the_same(self, events: Sequence[str]) -> list[str]:
        """New events of the plans and meetings that these events are of."""
        known = self._later.several(HappeningRow, events)
        return self._new(
            row.event
            for field in ("plan", "meeting")
            for subject in dict.fromkeys(getattr(event, field) for event in known)
            if subject is not None
            for row in self._later.all(HappeningRow, **{field: subject})
        )


def _together(change: Change, rows: Iterable[Row]) -> list[Row]:
    """The rows of the same matter, where several are of one."""
    key = change.row.key
    return [row for row in rows if row.name is None and key and row.key == key]


class Standing:
    """Which events stand in a view, so that some row rests on them.

    It looks up the events that it is asked about, and no others.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._stands: dict[str, bool] = {}

    def load(self, events: Iterable[str]) -> None:
        """Look these events up together."""
        new = [id for id in dict.fromkeys(events) if id not in self._stands]
        if not new:
            return
        classes: tuple[type[Any], ...] = (HappeningRow, AmendmentRow, DisagreementRow)
        there = {row.event for cls in classes for row in self._view.several(cls, new)}
        left = self._view.events(id for id in new if id not in there)
        there.update(id for id, recorded in left.items() if self._has_row(recorded))
        self._stands |= {id: id in there for id in new}

    def without(self, events: Iterable[str]) -> list[str]:
        """Those of these events that do not stand, in this order."""
        wanted = list(events)
        self.load(wanted)
        return [id for id in wanted if not self._stands[id]]

    def _has_row(self, recorded: RecordedEvent[Any]) -> bool:
        """Whether an event that tells of no happening has a row."""
        said, id = recorded.event, recorded.id
        rows: Sequence[Any] = ()
        if isinstance(said, ActorAdded):
            rows = self._view.several(ActorRow, (said.actor.id,))
        elif isinstance(said, SourceAdded):
            rows = self._view.several(SourceRow, (said.source.id,))
        elif isinstance(said, RelationNoted):
            rows = self._view.all(RelationRow, event=id)
        elif isinstance(said, ActorsDistinguished):
            rows = self._view.all(DistinctRow, event=id)
        return any(id in row.events for row in rows)
