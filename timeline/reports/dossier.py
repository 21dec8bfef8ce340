"""All that the record has of one actor: who it is, what it said and thinks, whom it met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import When, short, when
from timeline.engine.projection import View
from timeline.projections.chronology import HappeningRow, InvolvementRow
from timeline.projections.directory import RoleRow
from timeline.projections.initiatives import InitiativeRow
from timeline.projections.meetings import MeetingRow
from timeline.projections.statements import StatementRow
from timeline.reports.actors import (
    ActorLine,
    MemberLine,
    actor_tables,
    actors_report,
    find_actor,
    member_lines,
    members_table,
    who_it_is,
)
from timeline.reports.attendance import AttendanceCell, attendance_cell, shown_person, title_cell
from timeline.reports.citations import Citation, Citer, Named, distinct
from timeline.reports.encounters import times_met
from timeline.reports.findings.attribution import Offices, stances
from timeline.reports.findings.meetings import (
    OUTCOMES,
    PLANS,
    WHO_MEETS,
    MeetingLine,
    Pair,
    Register,
    meeting_lines,
    pairs,
    persons_in,
)
from timeline.reports.findings.origins import Origins
from timeline.reports.layout import (
    Cell,
    Document,
    Table,
    about,
    cell,
    columns_of,
    in_words,
    listing,
    newest,
    number,
    stretch_of,
    table,
)
from timeline.reports.model import Report, by_time, made_from
from timeline.reports.positions import PositionLine, position_line, taken_as
from timeline.reports.sources import CarriedLine, carried_lines, carried_table, sources_of
from timeline.reports.statements import SaidLine, said_line, said_table

_PUBLISHED = "What it published or passed on"

_STATUSES = {*OUTCOMES, *PLANS}


@attrs.frozen
class StandLine:
    """A position towards an initiative: the actor's, or what it said of another's."""

    initiative: str
    title: str
    position: PositionLine
    evidence: tuple[Citation, ...]


@attrs.frozen
class AppearanceLine:
    """What is known of the actor at one meeting."""

    meeting: MeetingLine
    attendance: AttendanceCell
    evidence: tuple[Citation, ...]


@attrs.frozen
class ContactLine:
    """One whom the actor met.

    Attributes:
        who: a person where the actor is one, else a party.
        meetings: the ids of the meetings at which both are said to have been, in order of time.
        first: when the first of them was held; several dates where reports differ.
        last: when the last one was.
        places: where.
        disputed: at how many of the meetings one of the two was absent by other reports, or
            somebody calls a report of them there wrong.
        coded: how many of the meetings only coded event data report.
        coded_days: on how many different dates these are.
        evidence: what has the two there.
    """

    who: Named
    meetings: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]
    places: tuple[str, ...]
    disputed: int
    coded: int
    coded_days: int
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class DossierReport(Report):
    """One actor.

    Attributes:
        actor: names, offices, memberships, and who it is not.
        members: who founded it, belongs to it or holds a share of it.
        statements: what it said, and what was said for it, in order of world time.
        positions: its own, those imputed to it, and those that it imputed to others; likewise.
        meetings: where it was invited, expected, there or not; in order of time.
        contacts: whom it met, most often met first.
        carried: what it published, or passed on to other sources; in order of time.
    """

    kind: ClassVar[str] = "dossier"

    actor: ActorLine
    members: tuple[MemberLine, ...]
    statements: tuple[SaidLine, ...]
    positions: tuple[StandLine, ...]
    meetings: tuple[AppearanceLine, ...]
    contacts: tuple[ContactLine, ...]
    carried: tuple[CarriedLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        return self._document(
            self.actor.name,
            (
                *actor_tables([self.actor]),
                members_table(self.members),
                self._contacts_table(),
                self._meetings_table(),
                self._positions_table(),
                said_table("What it said, and what was said for it", self.statements),
                carried_table(_PUBLISHED, self.carried),
            ),
            summary=self._summary(),
            short=self._short(),
            note="Offices and memberships are as reported; “as of” is the date that the report "
            "speaks of. Two have met who are said to have been at one meeting; “disputed” if other "
            f"reports have one of them absent, or somebody calls one wrong. {WHO_MEETS} What "
            "officials said for a state or a body is counted as its words.",
        )

    def _summary(self) -> Iterator[Cell]:
        yield from who_it_is(self.actor)
        own = [one for one in self.positions if one.position.own]
        newest_own = {
            one.initiative: one for one in own if one.position.party.id == self.actor.actor
        }
        for one in newest_own.values():
            when = in_words(one.position.occurred)
            yield cell(f"On {one.title}: {one.position.stance}, {when}.", one.evidence)
        if self.contacts:
            whom = number(len(self.contacts), "other")
            often = listing(f"{line.who} ({_times(line)})" for line in self.contacts[:3])
            yield cell(f"In contact with {whom}, most often {often}.")
        if self.statements:
            when = stretch_of(line.occurred for line in self.statements)
            yield cell(f"{number(len(self.statements), 'statement')} {when}.")
        if self.carried:
            alone = sum(line.alone for line in self.carried)
            first = sum(line.first is True for line in self.carried)
            count = number(len(self.carried), "report")
            passed = f"It published or passed on {count}: {alone} of one origin only"
            yield cell(f"{passed}, {first} before others.")

    def _short(self) -> Iterator[Table]:
        """What was said last, whom it met, and where it was."""
        yield newest(said_table("What it said, and what was said for it", self.statements))
        yield columns_of(self._contacts_table(), "With", "Times", "Last")
        yield newest(self._meetings_table())
        yield newest(carried_table(_PUBLISHED, self.carried))

    def _contacts_table(self) -> Table:
        return table(
            "Who met whom",
            self.contacts,
            {
                "With": lambda line: line.who,
                "Times": _times,
                "First": lambda line: _either(line.first),
                "Last": lambda line: _either(line.last),
                "Where": lambda line: line.places,
            },
            named_by=1,
        )

    def _meetings_table(self) -> Table:
        actor = self.actor.actor
        return table(
            "Meetings",
            self.meetings,
            {
                "When": lambda line: tuple(map(when, line.meeting.held_on)),
                "Meeting": lambda line: title_cell(line.meeting),
                "Where": lambda line: line.meeting.place,
                "Status": lambda line: shown_person(line.attendance, actor).text,
            },
        )

    def _positions_table(self) -> Table:
        return table(
            "Positions, its own and imputed",
            self.positions,
            {
                "When": lambda line: when(line.position.occurred),
                "On": lambda line: about("proposal", line.initiative, line.title),
                "Party": lambda line: line.position.party,
                "Stance": lambda line: taken_as(line.position),
            },
        )


def dossier_report(view: View, name: str) -> DossierReport:
    """All of one actor: names, offices, memberships, words, positions, meetings, contacts.

    Of an outlet also what it published or passed on, who else has it, and whether later.

    Args:
        view: the read models to report from.
        name: the id or any recorded name of the actor.

    Example:
        timeline report dossier 'Minister, Ann'
        timeline report dossier ann --format csv --table 'Who met'

    Raises:
        NotFound: no actor in view goes by that name; the message has similar names.
        InvalidInput: several actors go by that name; the message has their ids.
    """
    actor = find_actor(view, name)
    (known,) = actors_report(view, actor).actors
    involved = _involved(view, (actor, *_officials(view, actor)))
    citer, offices = Citer(view), Offices(view)
    citer.load(citation.event for citation in _citations(known))
    citer.load(id for row in involved for id in row.events)
    appearances = tuple(_appearances(view, citer, actor, involved))
    return DossierReport(
        actor=known,
        members=tuple(member_lines(view, citer, actor)),
        statements=tuple(_said(view, citer, offices, actor, involved)),
        positions=tuple(_stands(view, citer, actor, involved)),
        meetings=tuple(line for line, _ in appearances),
        contacts=tuple(_contacts(citer, actor, appearances)),
        carried=tuple(_carried(view, citer, known)),
        **made_from(view, citer),
    )


def _carried(view: View, citer: Citer, known: ActorLine) -> Iterable[CarriedLine]:
    """What an outlet published, or an agency passed on; people and states are quoted only."""
    published = sources_of(view, known.actor)
    passes_on = known.kind not in ("person", "state")
    if not (published or passes_on):
        return ()
    return carried_lines(view, citer, published, known.actor if passes_on else None)


def _citations(known: ActorLine) -> Iterator[Citation]:
    yield from known.evidence
    parts = (known.roles, known.memberships, known.distinct_from)
    yield from (cited for lines in parts for line in lines for cited in line.evidence)


def _officials(view: View, actor: str) -> Iterable[str]:
    """The actors that are reported to hold offices of it."""
    return dict.fromkeys(row.actor for row in view.all(RoleRow, of=actor) if row.actor != actor)


def _involved(view: View, actors: Iterable[str]) -> list[HappeningRow]:
    named = (row.event for id in actors for row in view.all(InvolvementRow, actor=id))
    return view.several(HappeningRow, named)


# What it said and thinks


def _said(
    view: View, citer: Citer, offices: Offices, actor: str, involved: Iterable[HappeningRow]
) -> Iterator[SaidLine]:
    for row in by_time(view.several(StatementRow, (row.event for row in involved))):
        line = said_line(offices, citer, row)
        if actor in (line.speaker.id, line.spoke_for and line.spoke_for.id):
            yield line


def _stands(
    view: View, citer: Citer, actor: str, involved: Iterable[HappeningRow]
) -> Iterator[StandLine]:
    initiatives = dict.fromkeys(id for row in involved for id in row.about)
    titles = {row.initiative: row.title for row in view.several(InitiativeRow, initiatives)}
    taken = {stance.said: stance for id in initiatives for stance in stances(view, id)}
    for row in by_time(taken):
        stance = taken[row]
        if actor in (row.party, row.speaker, stance.spoke_for):
            line = position_line(citer, stance)
            title = titles.get(row.initiative) or row.initiative
            yield StandLine(row.initiative, title, line, line.evidence)


# Where it was, and with whom

_Appearance = tuple[AppearanceLine, list[Pair]]
"""A meeting, and the pairs at it that the actor is one of."""


def _appearances(
    view: View, citer: Citer, actor: str, involved: Iterable[HappeningRow]
) -> Iterator[_Appearance]:
    """The meetings that it was invited to, attended, or stayed away from."""
    wanted = dict.fromkeys(
        row.meeting
        for row in involved
        if row.meeting is not None and any(part in _STATUSES for _, part in row.involved)
    )
    register = Register(view)
    meetings = register.rolls(view.several(MeetingRow, wanted))
    present = {roll.row.meeting: roll for roll in meetings}
    persons = persons_in(view, (entry for roll in present.values() for entry in roll.entries))
    rolls = dict(present)
    if actor in persons:
        alone = {meeting: roll.by_person(persons) for meeting, roll in present.items()}
        # A person for whom another one came is a party, not a participant.
        rolls |= {meeting: roll for meeting, roll in alone.items() if roll.of(actor)}
    rolls = {meeting: roll for meeting, roll in rolls.items() if roll.of(actor)}
    citer.load(id for roll in rolls.values() for id in roll.cited)
    origins = Origins(view, citer)
    for line in meeting_lines(view, citer, (roll.row for roll in rolls.values())):
        known = attendance_cell(citer, origins, rolls[line.meeting], actor, line)
        evidence = distinct((known.evidence, line.evidence))
        met = [pair for pair in pairs(present[line.meeting].entries, persons) if actor in pair.two]
        yield AppearanceLine(line, known, evidence), met


def _contacts(
    citer: Citer, actor: str, appearances: Iterable[_Appearance]
) -> Iterable[ContactLine]:
    met: dict[str, list[tuple[MeetingLine, Pair]]] = defaultdict(list)
    for line, pairs_ in appearances:
        for pair in pairs_:
            (other,) = set(pair.two) - {actor}
            met[other].append((line.meeting, pair))
    lines = [_contact(citer, other, shared) for other, shared in met.items()]
    return sorted(lines, key=lambda line: (-len(line.meetings), line.who.name, line.who.id))


def _contact(citer: Citer, other: str, shared: Sequence[tuple[MeetingLine, Pair]]) -> ContactLine:
    meetings = [meeting for meeting, _ in shared]
    there = citer.cite(id for _, pair in shared for id in (*pair.events, *pair.against))
    coded = [meeting for meeting, pair in shared if _is_coded(citer.cite(pair.events))]
    return ContactLine(
        who=citer.name(other),
        meetings=tuple(meeting.meeting for meeting in meetings),
        first=meetings[0].held_on,
        last=meetings[-1].held_on,
        places=tuple(dict.fromkeys(place for meeting in meetings for place in meeting.place)),
        disputed=sum(pair.disputed for _, pair in shared),
        coded=len(coded),
        coded_days=len({tuple(meeting.held_on) for meeting in coded}),
        evidence=distinct((there, *(meeting.evidence for meeting in meetings))),
    )


def _is_coded(cited: Iterable[Citation]) -> bool:
    supports = [support for citation in cited for support in citation.sources]
    return bool(supports) and all(support.coded for support in supports)


# As a document


def _either(dates: tuple[str, ...]) -> When | str | None:
    return when(dates[0]) if len(dates) == 1 else " or ".join(map(short, dates)) or "undated"


def _times(line: ContactLine) -> str:
    return times_met(
        len(line.meetings), disputed=line.disputed, coded=line.coded, coded_days=line.coded_days
    )
