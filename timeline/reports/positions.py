"""Where each party stood, and when that changed: time down, parties across; own and imputed apart.

Dates run down, since they may be many; parties run across, since they are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import ClassVar

import attrs

from timeline.engine.projection import View
from timeline.models.initiatives import ProposalRow
from timeline.reports.document import Cell, Chart, Document, Table, about, cell
from timeline.reports.evidence import Citation, Citer, Named, distinct, text
from timeline.reports.model import Report, by_time, made_from
from timeline.reports.plans import find_initiative
from timeline.reports.rules.attribution import Stance, stances
from timeline.reports.stances import (
    PartyLine,
    PositionLine,
    if_in_office,
    party_line,
    position_lanes,
    position_line,
    speaker_of,
)


@attrs.frozen
class PositionCell:
    """Where one party stood at one date.

    Attributes:
        occurred: the date; None for what bears none.
        own: the party's own position then: taken at that date, or else the one it had before;
            several where it took more than one at that date.
        changed: whether its own position became this one at that date.
        imputed: what others ascribed to it at that date, where they had not said so before.
        evidence: what all this rests on; where there is nothing, what makes it a party.
    """

    occurred: str | None
    own: tuple[PositionLine, ...]
    changed: bool
    imputed: tuple[PositionLine, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen
class PartyCourse:
    """One party, with a cell for each date of the report, in the same order.

    `evidence` is what makes it a party: accounts of the proposal, or positions that name it.
    """

    party: str
    name: str
    cells: tuple[PositionCell, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class PositionsReport(Report):
    """Each party's position towards an initiative at each date on which any of them changed.

    `dates` are in order of world time; what bears no date is last, as None.
    """

    kind: ClassVar[str] = "positions"

    initiative: str
    title: str
    dates: tuple[str | None, ...]
    parties: tuple[PartyCourse, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        tables = (
            *self._tables("Own positions", _new_own, _own),
            *self._tables("Imputed positions", _new_imputed, _imputed),
        )
        return self._document(
            f"Positions on {self.title}",
            tables,
            charts=self._lanes(tables[0].title) if tables else (),
            note="Own positions were taken by the party or one who speaks for it; in brackets "
            "stands one that it had taken before. Imputed ones were ascribed to it by others, and "
            "stand only where that was first said or changed.",
        )

    def _lanes(self, beside: str) -> Iterable[Chart]:
        """What the tables show as new, in time."""
        new = (
            line
            for party in self.parties
            for known in party.cells
            for line in (*_new_own(known), *_new_imputed(known))
        )
        parties = (Named(party.party, party.name) for party in self.parties)
        return position_lanes(parties, new, beside)

    def _tables(
        self,
        title: str,
        new: Callable[[PositionCell], tuple[PositionLine, ...]],
        shown: Callable[[PositionCell, PartyCourse], Cell],
    ) -> Iterable[Table]:
        """Parties across, and down the dates on which the position of any of them changed."""
        rows = tuple(
            (
                cell(date or "undated", _joined(new(party.cells[index]) for party in self.parties)),
                *(
                    attrs.evolve(
                        shown(party.cells[index], party), quiet=not new(party.cells[index])
                    )
                    for party in self.parties
                ),
            )
            for index, date in enumerate(self.dates)
            if any(new(party.cells[index]) for party in self.parties)
        )
        if rows:
            columns = ("When", *(party.name for party in self.parties))
            keys = ("When", *(f"actor/{party.party}" for party in self.parties))
            yield Table(title, columns, rows, named_by=1, keys=keys)


def _new_own(known: PositionCell) -> tuple[PositionLine, ...]:
    return known.own if known.changed else ()


def _new_imputed(known: PositionCell) -> tuple[PositionLine, ...]:
    return known.imputed


def _own(known: PositionCell, party: PartyCourse) -> Cell:
    if not known.own:
        return cell("none yet", party.evidence)
    stances = "; ".join(f"{line.stance}{if_in_office(line)}" for line in known.own)
    shown = stances if known.changed else f"({stances})"
    through = dict.fromkeys(speaker_of(line) for line in known.own if line.speaker != line.party)
    if known.changed and through:
        shown += f", through {', '.join(through)}"
    return cell(about("actor", party.party, shown), _cited(known.own))


def _imputed(known: PositionCell, party: PartyCourse) -> Cell:
    words = tuple(f"{line.stance}, says {speaker_of(line)}" for line in known.imputed)
    return cell(words, _cited(known.imputed) or party.evidence)


def _cited(lines: Iterable[PositionLine]) -> tuple[Citation, ...]:
    return _joined([lines])


def _joined(several: Iterable[Iterable[PositionLine]]) -> tuple[Citation, ...]:
    return distinct(line.evidence for lines in several for line in lines)


def positions_report(view: View, initiative: str) -> PositionsReport:
    """Where each party of an initiative stood, and when that changed.

    Args:
        view: the read models to report from.
        initiative: its id.

    Example:
        timeline report positions joint-harbour --format md -o positions.md

    Raises:
        NotFound: no such initiative is in view.
    """
    known = find_initiative(view, initiative)
    citer = Citer(view)
    taken = stances(view, initiative)
    proposals = by_time(view.all(ProposalRow, initiative=initiative))
    ids = dict.fromkeys((*known.parties, *(stance.said.party for stance in taken)))
    lines = [party_line(view, citer, party, taken, proposals) for party in ids]
    courses = {
        line.party: _Course([stance for stance in taken if stance.said.party == line.party])
        for line in lines
    }
    changed = {date for course in courses.values() for date in course.changes}
    dates = [date for date in _dates(taken) if date in changed]
    return PositionsReport(
        initiative=initiative,
        title=known.title or initiative,
        dates=tuple(dates),
        parties=tuple(_party(citer, line, courses[line.party], dates) for line in lines),
        **made_from(view, citer),
    )


def _date(stance: Stance) -> str | None:
    return text(stance.said.occurred)


def _dates(taken: Iterable[Stance]) -> list[str | None]:
    """The dates of what was said, in order of world time."""
    return list(dict.fromkeys(map(_date, taken)))


class _Course:
    """What is said of one party, by date, in order of world time.

    Attributes:
        own: the party's own stances at each date at which they became others.
        imputed: what others ascribed to it at each date, unless they had said so before.
    """

    def __init__(self, taken: Sequence[Stance]) -> None:
        self.own: dict[str | None, list[Stance]] = {}
        self.imputed: dict[str | None, list[Stance]] = {}
        last: set[str] = set()
        said: dict[str, str] = {}
        for date, group in groupby(taken, key=_date):
            day = list(group)
            own = [stance for stance in day if stance.own]
            words = {stance.said.stance for stance in own}
            if own and words != last:
                self.own[date], last = own, words
            for stance in day:
                if not stance.own and said.get(stance.said.speaker) != stance.said.stance:
                    said[stance.said.speaker] = stance.said.stance
                    self.imputed.setdefault(date, []).append(stance)

    @property
    def changes(self) -> set[str | None]:
        """The dates at which something changed."""
        return self.own.keys() | self.imputed.keys()


def _party(
    citer: Citer, line: PartyLine, course: _Course, dates: Iterable[str | None]
) -> PartyCourse:
    cells = []
    own: tuple[PositionLine, ...] = ()
    for date in dates:
        if date in course.own:
            own = tuple(position_line(citer, stance) for stance in course.own[date])
        imputed = tuple(position_line(citer, stance) for stance in course.imputed.get(date, ()))
        cells.append(
            PositionCell(
                occurred=date,
                own=own,
                changed=date in course.own,
                imputed=imputed,
                evidence=_joined([own, imputed]) or line.evidence,
            )
        )
    return PartyCourse(line.party, line.name, tuple(cells), line.evidence)
