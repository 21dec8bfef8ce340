"""Positions: how each party stood to an initiative over time, by itself and by others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import ClassVar, get_args

import attrs

from timeline.dates import latest_key, short, when
from timeline.engine.projection import View
from timeline.events.statements import Stance as Taken
from timeline.projections.directory import MembershipRow
from timeline.projections.initiatives import PositionRow, ProposalRow
from timeline.reports import layout
from timeline.reports.actors import MembershipLine, reported_line
from timeline.reports.citations import Citation, Citer, Named, distinct, line_of, text
from timeline.reports.findings.attribution import Stance, Sureness, stances
from timeline.reports.layout import Cell, Chart, Document, Mark, Table, about, cell, few
from timeline.reports.model import Report, by_time, grouped, made_from
from timeline.reports.plans import find_initiative


@attrs.frozen
class PositionLine:
    """A stance of a party.

    `own` says whether the party took it, itself or through one who speaks for it; else `speaker`
    imputed it to the party. `on_behalf_of` is whom the event says the speaker spoke for;
    `spoke_for` and `capacity` also follow from an office that the speaker held at the time. Where
    they do, `office` says whether it is `certain` or only `possible` that it was held then and
    spoken in.
    """

    party: Named
    stance: str
    own: bool
    occurred: str | None
    speaker: Named
    on_behalf_of: Named | None
    spoke_for: Named | None
    capacity: str | None
    office: Sureness | None
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class PartyLine:
    """One party: its own positions and those imputed to it, newest first, and its memberships.

    `evidence` is what makes it a party: accounts of the proposal, or positions that name it.
    """

    party: str
    name: str
    own: tuple[PositionLine, ...]
    imputed: tuple[PositionLine, ...]
    memberships: tuple[MembershipLine, ...]
    evidence: tuple[Citation, ...]


def party_line(
    view: View, citer: Citer, party: str, taken: Iterable[Stance], proposals: Iterable[ProposalRow]
) -> PartyLine:
    """One party: what is said of its stance, and what makes it a party."""
    of_it = sorted(
        (stance for stance in taken if stance.said.party == party),
        key=lambda stance: latest_key(stance.said.occurred, stance.said.position),
        reverse=True,
    )
    accounts = [row for row in proposals if party in row.parties]
    named_by: Sequence[ProposalRow | PositionRow] = accounts or [stance.said for stance in of_it]
    members = view.all(MembershipRow, actor=party)
    return PartyLine(
        party=party,
        name=citer.name(party).name,
        own=tuple(position_line(citer, stance) for stance in of_it if stance.own),
        imputed=tuple(position_line(citer, stance) for stance in of_it if not stance.own),
        memberships=tuple(reported_line(view, citer, MembershipLine, row) for row in members),
        evidence=citer.cite(id for row in named_by for id in row.events),
    )


def position_line(citer: Citer, stance: Stance) -> PositionLine:
    """One stance as a line."""
    return citer.line(
        PositionLine,
        stance.said,
        own=stance.own,
        spoke_for=stance.spoke_for,
        capacity=stance.capacity,
        office=stance.office,
        text=stance.said.summary,
        evidence=citer.cite(stance.events),
    )


# As a document


HAPPENED = ("agreement", "milestone", "proposal", "meeting")
"""What else a chart of positions shows, in the order of its shapes."""


def position_lanes(
    parties: Iterable[Named],
    positions: Iterable[PositionLine],
    beside: str,
    *,
    title: str = "Positions by party",
    stages: Iterable[Mark | None] = (),
    happened: Iterable[Mark | None] = (),
) -> Iterable[Chart]:
    """Each party's positions, its own and those imputed to it, beside a table of that title.

    Args:
        parties: the parties that have a lane.
        positions: what is said of them.
        beside: the title of the table.
        title: of the chart.
        stages: marks of lanes above.
        happened: marks of lanes below.
    """
    names = layout.lane_names(parties)
    above, below = list(stages), list(happened)
    taken = (_position_mark(names[line.party.id], line) for line in positions)
    return layout.chart(
        title,
        beside,
        (*above, *taken, *below),
        lanes=(*_lanes_of(above), *names.values(), *_lanes_of(below)),
        kinds=(*get_args(Taken), *HAPPENED),
        solid="the party's own",
        outline="imputed to it by others",
        fewest=1 if below or above else 2,
    )


def _lanes_of(marks: Iterable[Mark | None]) -> Iterable[str]:
    return dict.fromkeys(mark.lane for mark in marks if mark is not None)


def _position_mark(lane: str, line: PositionLine) -> Mark | None:
    through = "" if line.speaker == line.party else f" · {line.speaker}"
    return layout.mark(
        lane,
        line.stance,
        line.occurred,
        solid=line.own,
        by=None if line.own else speaker_of(line),
        holds=line.own,
        label=f"{line.stance}{through}" if line.own else f"{line.speaker}: {line.stance}",
        evidence=line.evidence,
    )


def taken_as(line: PositionLine) -> str:
    """A stance in words: whose it is, and through whom."""
    through = "" if line.speaker == line.party else f", through {speaker_of(line)}"
    if line.own:
        return f"{line.stance}, own{if_in_office(line)}{through}"
    spoken_for = f" for {line.spoke_for}" if line.spoke_for else ""
    return f"{line.stance}, imputed by {speaker_of(line)}{spoken_for}"


def if_in_office(line: PositionLine) -> str:
    """What is added where it is not certain that the speaker held the office then."""
    return ", if in office" if line.own and line.office == "possible" else ""


def speaker_of(line: PositionLine) -> str:
    """Who spoke, and in which office."""
    return f"{line.speaker} ({line.capacity})" if line.capacity else str(line.speaker)


def party_row(line: PartyLine) -> tuple[Cell, ...]:
    """The newest stances of a party: its own, and those imputed to it."""
    own = _newest(line, line.own, lambda own: f"{own.stance}{if_in_office(own)}")
    imputed = _newest(line, line.imputed, lambda other: f"{other.stance}, says {other.speaker}")
    return cell(about("actor", line.party, line.name), line.evidence), own, imputed


def _newest(
    line: PartyLine, positions: Sequence[PositionLine], words: Callable[[PositionLine], str]
) -> Cell:
    """Every different stance at its newest date: stances at odds stand side by side."""
    newest: dict[str, PositionLine] = {}
    for position in positions:
        newest.setdefault(words(position), position)
    stances = [
        f"{_before(position, positions[0])}{what} ({_dates(position, positions)})"
        for what, position in newest.items()
    ]
    evidence = distinct(position.evidence for position in newest.values())
    return cell(tuple(stances) or "none", evidence or line.evidence)


def _dates(one: PositionLine, positions: Sequence[PositionLine]) -> str:
    """When it was last taken; before that, since when it holds, where that is another date."""
    held = _held(positions)[0] if one.own and one in _now(positions) else one
    last = short(one.occurred)
    same = held.occurred == one.occurred
    return last if same else f"since {short(held.occurred)}, last {last}"


def _before(one: PositionLine, newest: PositionLine) -> str:
    """A mark for an own stance that the party had before. Others may still say what they said."""
    then, since = when(one.occurred), when(newest.occurred)
    earlier = then is not None and since is not None and since.certainly_after(then)
    return "before: " if one.own and earlier else ""


# The report


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
            summary=position_sentences(map(_in_course, self.parties)),
            short=(brief_positions("Positions now", map(_in_course, self.parties)), *tables[:1]),
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
                cell(
                    when(date) or "undated",
                    _cited(*(new(party.cells[index]) for party in self.parties)),
                ),
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


def _cited(*several: Iterable[PositionLine]) -> tuple[Citation, ...]:
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
    dates = [date for date in dict.fromkeys(map(_date, taken)) if date in changed]
    return PositionsReport(
        initiative=initiative,
        title=known.title or initiative,
        dates=tuple(dates),
        parties=tuple(_party(citer, line, courses[line.party], dates) for line in lines),
        **made_from(view, citer),
    )


def _date(stance: Stance) -> str | None:
    return text(stance.said.occurred)


def _in_course(course: PartyCourse) -> PartyLine:
    """A party with its positions, the newest first."""
    dated = [one for one in course.cells if one.occurred]
    cells = (*reversed(dated), *(one for one in course.cells if not one.occurred))
    return line_of(
        PartyLine,
        course,
        own=tuple(line for one in cells if one.changed for line in one.own),
        imputed=tuple(line for one in cells for line in one.imputed),
        memberships=(),
    )


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
                evidence=_cited(own, imputed) or line.evidence,
            )
        )
    return PartyCourse(line.party, line.name, tuple(cells), line.evidence)


# In short


def tellers(evidence: Iterable[Citation], of: Collection[Named] = ()) -> str:
    """Whose accounts events rest on: the last of each chain, or else the publisher.

    Args:
        evidence: the events.
        of: those whose deed it was; who tells it of them stands before them in the chain.
    """
    supports = [support for cited in evidence for support in cited.sources]
    standing = [support for support in supports if support.withdrawn is None] or supports
    chains = ([one.publisher, *(link.who for link in one.chain)] for one in standing)
    ends = ([who for who in chain if who not in of] or chain for chain in chains)
    return few(end[-1].name for end in ends) or "the recorder alone"


def position_sentences(parties: Iterable[PartyLine]) -> Iterator[Cell]:
    """Where each party stands by its own word, who has none, and of whom others say otherwise."""
    by_stance = grouped(parties, _stance_now)
    silent = by_stance.pop("", [])
    if by_stance:
        words = (f"{few(p.name for p in group)} {said}" for said, group in by_stance.items())
        spoken = (party for group in by_stance.values() for party in group)
        evidence = distinct(own.evidence for party in spoken for own in _now(party.own))
        yield cell(f"By their own word: {'; '.join(words)}.", evidence)
    if silent:
        yield cell(f"No position of its own is on record of {few(p.name for p in silent)}.")
    yield from _otherwise(party for group in by_stance.values() for party in group)


def _otherwise(parties: Iterable[PartyLine]) -> Iterator[Cell]:
    """Who has parties in a position that is not the one they take themselves."""
    others = (
        line
        for party in parties
        for line in party.imputed
        if line.stance not in {own.stance for own in _now(party.own)}
    )
    for stance, lines in grouped(others, lambda line: line.stance).items():
        whom = few(line.party.name for line in lines)
        who = few(line.speaker.name for line in lines)
        said = f"Others have {whom} {stance}: {who}."
        yield cell(said, distinct(line.evidence for line in lines))


def _stance_now(party: PartyLine) -> str:
    now = _now(party.own)
    doubt = if_in_office(now[0]) if now else ""
    return " and ".join(dict.fromkeys(line.stance for line in now)) + doubt


def _now(positions: Sequence[PositionLine]) -> list[PositionLine]:
    """Those of the newest date."""
    return [line for line in positions if line.occurred == positions[0].occurred]


def _held(own: Sequence[PositionLine]) -> list[PositionLine]:
    """The newest position as first taken: it holds until the party takes another one."""
    held = _now(own)
    for day, same_day in groupby(own, key=lambda line: line.occurred):
        lines = list(same_day)
        if day is None or {line.stance for line in lines} != {line.stance for line in held}:
            break
        held = lines
    return held


def brief_positions(title: str, parties: Iterable[PartyLine]) -> Table:
    """The position that each party holds by its own word, with the date since which it does.

    Beside it stands all that others ascribe to it.
    """
    rows = tuple(
        (
            cell(about("actor", line.party, line.name)),
            cell(
                tuple(map(_dated_stance, _held(line.own))),
                distinct(own.evidence for own in _held(line.own)),
            ),
            cell(
                tuple(_ascribed(line.imputed)), distinct(other.evidence for other in line.imputed)
            ),
        )
        for line in parties
    )
    return Table(title, ("Party", "Its own position", "What others say"), rows, named_by=1)


def _dated_stance(line: PositionLine) -> str:
    who = "" if line.speaker == line.party else f" ({line.speaker})"
    return f"{line.stance}, {short(line.occurred)}{who}{if_in_office(line)}"


def _ascribed(lines: Iterable[PositionLine]) -> Iterator[str]:
    by_stance = grouped(lines, lambda line: line.stance)
    return (f"{stance} ({few(one.speaker.name for one in of)})" for stance, of in by_stance.items())
