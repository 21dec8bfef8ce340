"""Who held which office: by office, by body, by person, on a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import attrs

from timeline.dates import UNKNOWN, Occurred, When, asked, short
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.projections.directory import RoleRow
from timeline.reports import layout
from timeline.reports.actors import find_actor, plain, reported
from timeline.reports.citations import Citation, Citer, Named, distinct, text
from timeline.reports.findings.attribution import Offices, Tenure
from timeline.reports.layout import Document, Line, Table
from timeline.reports.model import Report, made_from

_WORDS: dict[Tenure, str] = {
    "certain": "held it",
    "possible": "possibly held it",
    "past": "no longer held it",
    "later": "did not hold it yet",
}


@attrs.frozen
class OfficeLine:
    """One report that somebody held an office.

    Attributes:
        office: its name.
        of: the state or body whose office it is.
        holder: who held it.
        since: when the holding began, as reported.
        until: when it ended, by this report or another one.
        reported: the date that the report speaks of, or on which its first source came out.
        successor: who came after, where that gives the end.
        on_the_day: `certain`, `possible`, `past` or `later`; None where no day is asked for.
        evidence: the events behind it.
    """

    office: str
    of: Named | None
    holder: Named
    since: str | None
    until: str | None
    reported: str | None
    successor: Named | None
    on_the_day: Tenure | None
    evidence: tuple[Citation, ...]


_NAMED = 6
"""Who is named in a summary; of more the rest is counted."""

_ON_THE_DAY: dict[Tenure, str] = {
    "certain": "Certainly in office",
    "possible": "Possibly in office",
}
"""What a first screen says of who may have held an office on a day."""


@attrs.frozen(kw_only=True, repr=False)
class OfficesReport(Report):
    """Offices and who held them, by office and then by time; `on` is the day asked for."""

    kind: ClassVar[str] = "offices"

    office: str | None
    of: Named | None
    holder: Named | None
    on: str | None
    offices: tuple[OfficeLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        actors = [actor.name for actor in (self.of, self.holder) if actor is not None]
        parts = actors if self.office is None else [self.office, *actors]
        title = ", ".join(["Offices", *parts]) + (f", on {short(self.on)}" if self.on else "")
        columns = ("Office", "Of", "Who", "When", *(["On that day"] if self.on else []))
        rows = tuple(_row(line, dated=self.on is not None) for line in self.offices)
        return self._document(
            title,
            [Table("Who held which office", columns, rows)],
            summary=self._summary(),
            note="Offices are as reported. Where no end is reported, a successor's beginning is "
            "the end of an office that one holds at a time. “As of” is the date that the report "
            "speaks of.",
        )

    def _summary(self) -> Iterator[layout.Cell]:
        if not self.offices:
            return
        if self.on is None:
            holders = {line.holder.id for line in self.offices}
            reports = layout.number(len(self.offices), "report")
            yield layout.cell(
                f"{reports} of offices, held by {layout.number(len(holders), 'actor')}."
            )
            return
        day = layout.on_date(self.on)
        for tenure, words in _ON_THE_DAY.items():
            lines = [line for line in self.offices if line.on_the_day == tenure]
            if lines:
                who = layout.few(
                    (
                        f"{line.holder} ({line.office}{f' of {line.of}' if line.of else ''})"
                        for line in lines
                    ),
                    _NAMED,
                )
                sentence = f"{words} {day}: {who}."
                yield layout.cell(sentence, distinct(line.evidence for line in lines))


def offices_report(
    view: View,
    office: str | None = None,
    *,
    of: str | None = None,
    holder: str | None = None,
    on: Occurred = None,
) -> OfficesReport:
    """Who held which office, and when: by office, by body, by person, on a day.

    Args:
        view: the read models to report from.
        office: only this office, such as `energy minister`; case and spaces make no difference.
        of: only offices of this state or body, by its id or any recorded name.
        holder: only offices of this actor, by its id or any recorded name.
        on: only who certainly or possibly held them on this date.

    Example:
        timeline report offices 'energy minister' --of Northland --on 2023-06-02
        timeline report offices --holder 'Ann Minister'

    Raises:
        NotFound: no such actor or office is in view; the message has similar names.
        InvalidInput: several actors go by that name; the message has their ids.
        InvalidDate: `on` is not a date.
    """
    day = asked(on, "on")
    body = None if of is None else find_actor(view, of)
    person = None if holder is None else find_actor(view, holder)
    wanted = {"of": body, "actor": person}
    rows = view.all(RoleRow, **{name: id for name, id in wanted.items() if id is not None})
    if office is not None:
        rows = _of_name(rows, office)
    citer = Citer(view)
    citer.load(id for row in rows for id in row.events)
    known = Offices(view)
    lines = [_line(view, citer, known, row, day) for row in sorted(rows, key=_order)]
    return OfficesReport(
        office=office,
        of=citer.name_of(body),
        holder=citer.name_of(person),
        on=text(day),
        offices=tuple(line for line in lines if line.on_the_day in (None, "certain", "possible")),
        **made_from(view, citer),
    )


def _of_name(rows: Iterable[RoleRow], office: str) -> list[RoleRow]:
    known = list(rows)
    chosen = [row for row in known if plain(row.role) == plain(office)]
    if not chosen:
        names = ", ".join(sorted({row.role for row in known}))
        raise NotFound(
            f"no office {office!r} is recorded. " + (f"Recorded: {names}." if names else "")
        )
    return chosen


def _order(row: RoleRow) -> tuple[object, ...]:
    return plain(row.role), row.of or "", (row.since or UNKNOWN).sort_key, row.actor, row.event


def _line(view: View, citer: Citer, known: Offices, row: RoleRow, day: When | None) -> OfficeLine:
    holding = known.holding(row)
    successor = None if holding.successor is None else holding.successor.actor
    return citer.line(
        OfficeLine,
        row,
        office=row.role,
        holder=row.actor,
        until=text(holding.until),
        reported=text(reported(view, row.events)),
        successor=successor,
        on_the_day=None if day is None else holding.status(day),
        evidence=citer.cite(holding.behind),
    )


def _row(line: OfficeLine, *, dated: bool) -> Line:
    after = None
    if line.successor is not None and line.until is not None:
        bound = line.until.removeprefix("../")
        when_came = short(line.until) if bound != line.until else f"in {short(line.until)}"
        after = f"succeeded by {line.successor} {when_came}"
    dates = {"since": line.since, "until": None if after else line.until, "as of": line.reported}
    parts = [f"{word} {short(date)}" for word, date in dates.items() if date is not None]
    spoken = ", ".join([*parts, *([after] if after else [])]) or "at an unknown time"
    cells: list[object] = [line.office, line.of, line.holder, spoken]
    if dated and line.on_the_day is not None:
        cells.append(_WORDS[line.on_the_day])
    return layout.line(line.evidence, *cells)
