"""The state of an initiative: stage, parties, positions, terms, talks, and what each rests on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar, get_args

import attrs

from timeline.dates import When, when
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.events import ProposalAmended, event_type
from timeline.events.statements import Stance as Taken
from timeline.models.directory import MembershipRow
from timeline.models.initiatives import (
    DiscussionRow,
    InitiativeRow,
    MentionRow,
    PositionRow,
    PrecedentRow,
    ProposalRow,
    StageRow,
    TermRow,
    latest_key,
)
from timeline.models.meetings import MeetingRow
from timeline.models.statements import StatementRow
from timeline.reports import document, lanes
from timeline.reports.actors import MembershipLine, membership_line, memberships_table
from timeline.reports.contradictions import noted_of
from timeline.reports.document import Cell, Chart, Document, Fact, Table, about, cell
from timeline.reports.evidence import Citation, Citer, Named, text
from timeline.reports.lanes import lane_names
from timeline.reports.model import Report, Standing, by_time
from timeline.reports.plans import (
    OPEN,
    UNKNOWN_OUTCOME,
    PlanLine,
    find_initiative,
    plan_lines,
    plans_table,
    today,
)
from timeline.reports.rules.answers import may_be_same
from timeline.reports.rules.attribution import (
    Offices,
    Stance,
    Sureness,
    all_proposers,
    proposers,
    stances,
)
from timeline.reports.rules.claims import known_claims
from timeline.reports.rules.meetings import MeetingLine, meeting_lines
from timeline.reports.rules.stage import setting_stage
from timeline.reports.rules.terms import comparable_value

_UNDECIDED = ("conditional", "noncommittal")
_OVER_TIME = "Positions over time"


@attrs.frozen
class StageLine:
    """A stage, and the event that set it or speaks for it; `occurred` is None if undated.

    `note` says why it sets no stage, where that is not for its date.
    """

    stage: str
    note: str | None
    occurred: str | None
    text: str
    event: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class ProposalLine:
    """One account of the proposal being made."""

    occurred: str | None
    by: Named
    jointly_with: tuple[Named, ...]
    to: tuple[Named, ...]
    parties: tuple[Named, ...]
    place: str | None
    meeting: str | None
    text: str
    quotes: tuple[str, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen
class PrecedentLine:
    """An earlier proposal found to be a precedent; `proposed` is when, by each account of it."""

    precedent: str
    title: str
    proposed: tuple[str, ...]
    reason: str
    evidence: tuple[Citation, ...]


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


@attrs.frozen
class TermLine:
    """What was said of one term.

    `replaces` is the value that this one took the place of: the newest before it by the same side,
    or by anybody where it amends the proposal. What others say stands beside it.
    """

    name: str
    value: str
    occurred: str | None
    by: Named
    replaces: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class SaidLine:
    """One statement.

    `spoke_for` is whom the speaker spoke for: as the event says, or by an office held at the time.
    `disputes` are the ids of the events whose reports the statement calls wrong.
    """

    occurred: str | None
    speaker: Named
    on_behalf_of: Named | None
    spoke_for: Named | None
    capacity: str | None
    to: Named | None
    place: str | None
    topics: tuple[str, ...]
    text: str
    quotes: tuple[str, ...]
    disputes: tuple[str, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen
class TalksLine:
    """One report that parties talked about it."""

    occurred: str | None
    participants: tuple[Named, ...]
    meeting: str | None
    topics: tuple[str, ...]
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class QuestionLine:
    """A question that the record leaves open, and the events that raise it."""

    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class InitiativeReport(Report):
    """The state of one initiative.

    `stage` is the latest in world time of those that can set one; `stages` has them all, those of
    unknown year last. A proposal that is put forward again, no firmer than before, does not undo
    talks or an agreement; nor does it count that somebody withdraws it who neither proposed it, nor
    holds an office of one who did, nor of the body that one holds an office of. Lines stand in
    order of world time, uncertain dates by their earliest day; terms so within each name. `plans`
    are judged as of the day `on`.
    """

    kind: ClassVar[str] = "initiative"

    initiative: str
    title: str
    on: str
    stage: StageLine
    stages: tuple[StageLine, ...]
    proposals: tuple[ProposalLine, ...]
    precedents: tuple[PrecedentLine, ...]
    parties: tuple[PartyLine, ...]
    positions: tuple[PositionLine, ...]
    terms: tuple[TermLine, ...]
    statements: tuple[SaidLine, ...]
    talks: tuple[TalksLine, ...]
    meetings: tuple[MeetingLine, ...]
    plans: tuple[PlanLine, ...]
    questions: tuple[QuestionLine, ...]

    def party(self, party: str) -> PartyLine:
        """The line of one party.

        Raises:
            NotFound: the initiative knows no such party.
        """
        for line in self.parties:
            if line.party == party:
                return line
        known = ", ".join(line.party for line in self.parties)
        raise NotFound(f"initiative {self.initiative!r} has no party {party!r}; it has {known}")

    def document(self) -> Document:
        """The report as headings and tables."""
        stage = f"Stage: {self.stage.stage}, {_since(self.stage.occurred)}"
        return self._document(
            self.title,
            _tables(self),
            lead=(Cell(stage, self.stage.evidence),),
            facts=_facts(self),
            charts=position_lanes(
                (Named(line.party, line.name) for line in self.parties), self.positions, _OVER_TIME
            ),
            note="Own positions were taken by the party or one who speaks for it; imputed ones "
            "were ascribed to it by others. “If in office”: it is not certain that the speaker "
            f"held the office then, or spoke in it. Plans stand as of {self.on}.",
        )


def initiative_report(view: View, initiative: str) -> InitiativeReport:
    """The state of an initiative: stage, parties, positions, terms, talks, sources.

    Args:
        view: the read models to report from.
        initiative: its id.

    Example:
        timeline report initiative joint-harbour
        timeline report initiative joint-harbour --at 120

    Raises:
        NotFound: no such initiative is in view.
    """
    known = find_initiative(view, initiative)
    citer, offices = Citer(view), Offices(view)
    proposals = by_time(view.all(ProposalRow, initiative=initiative))
    stages = by_time(view.all(StageRow, initiative=initiative))
    taken = stances(view, initiative)
    terms = by_time(view.all(TermRow, initiative=initiative))
    talks = by_time(view.all(DiscussionRow, initiative=initiative))
    statements = by_time(_mentioned(view, StatementRow, initiative, "statement"))
    meetings = _mentioned(view, MeetingRow, initiative, "meeting")
    rows: tuple[Any, ...] = (*proposals, *stages, *taken, *terms, *talks, *statements)
    citer.load(id for row in rows for id in row.events)
    setting, notes = setting_stage(offices, stages, proposals, known.parties)
    stage_lines = tuple(_stage_line(citer, row, notes.get(row.event)) for row in stages)
    party_ids = dict.fromkeys((*known.parties, *(stance.said.party for stance in taken)))
    parties = tuple(party_line(view, citer, party, taken, proposals) for party in party_ids)
    on = today(view)
    plans = tuple(plan_lines(view, citer, on=on, initiative=initiative))
    questions = (
        *_questions_of_origin(offices, citer, proposals),
        *_questions_of_parties(parties, all_proposers(offices, proposals)),
        *_questions_of_plans(initiative, plans),
        *_questions_of_disputes(view, citer, initiative, statements),
    )
    lines: dict[str, Any] = {
        "stage": next(line for line in stage_lines if line.event == setting.event),
        "stages": stage_lines,
        "proposals": tuple(_proposal_line(citer, row) for row in proposals),
        "precedents": tuple(_precedent_lines(view, citer, initiative)),
        "parties": parties,
        "positions": tuple(position_line(citer, stance) for stance in taken),
        "terms": tuple(_term_lines(view, offices, citer, terms)),
        "statements": tuple(said_line(offices, citer, row) for row in statements),
        "talks": tuple(_talks_line(citer, row) for row in talks),
        "meetings": tuple(meeting_lines(view, citer, meetings)),
        "plans": plans,
        "questions": questions,
    }
    return InitiativeReport(
        standing=Standing.of(view),
        initiative=initiative,
        title=known.title or initiative,
        on=str(on),
        **lines,
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


def _mentioned(view: View, cls: type[Any], initiative: str, kind: str) -> list[Any]:
    mentions = view.all(MentionRow, initiative=initiative, kind=kind)
    found = (view.get(cls, mention.thing) for mention in mentions)
    return [row for row in found if row is not None]


def _stage_line(citer: Citer, row: StageRow, note: str | None) -> StageLine:
    return StageLine(
        row.stage, note, text(row.occurred), row.text, row.event, citer.cite(row.events)
    )


def _proposal_line(citer: Citer, row: ProposalRow) -> ProposalLine:
    return ProposalLine(
        occurred=text(row.occurred),
        by=citer.name(row.proposer),
        jointly_with=citer.names(row.jointly_with),
        to=citer.names(row.addressees),
        parties=citer.names(row.parties),
        place=row.place,
        meeting=row.meeting,
        text=row.text,
        quotes=row.quotes,
        evidence=citer.cite(row.events),
    )


def _precedent_lines(view: View, citer: Citer, initiative: str) -> Iterator[PrecedentLine]:
    found = view.all(PrecedentRow, initiative=initiative)
    for row in sorted(found, key=lambda row: row.position):
        known = view.get(InitiativeRow, row.precedent)
        accounts = by_time(view.all(ProposalRow, initiative=row.precedent))
        dates = dict.fromkeys(str(each.occurred) for each in accounts if each.occurred)
        behind = (*row.events, *(id for each in accounts for id in each.events))
        yield PrecedentLine(
            precedent=row.precedent,
            title=(known.title if known else None) or row.precedent,
            proposed=tuple(dates),
            reason=row.reason,
            evidence=citer.cite(behind),
        )


def party_line(
    view: View,
    citer: Citer,
    party: str,
    taken: Iterable[Stance],
    proposals: Iterable[ProposalRow],
) -> PartyLine:
    """One party: what is said of its stance, and what makes it a party."""
    mine = sorted(
        (stance for stance in taken if stance.said.party == party),
        key=lambda stance: latest_key(stance.said.occurred, stance.said.position),
        reverse=True,
    )
    accounts = [row for row in proposals if party in row.parties]
    named_by: Sequence[ProposalRow | PositionRow] = accounts or [stance.said for stance in mine]
    return PartyLine(
        party=party,
        name=citer.name(party).name,
        own=tuple(position_line(citer, stance) for stance in mine if stance.own),
        imputed=tuple(position_line(citer, stance) for stance in mine if not stance.own),
        memberships=tuple(
            membership_line(view, citer, row) for row in view.all(MembershipRow, actor=party)
        ),
        evidence=citer.cite(id for row in named_by for id in row.events),
    )


def position_line(citer: Citer, stance: Stance) -> PositionLine:
    """One stance as a line."""
    row = stance.said
    return PositionLine(
        party=citer.name(row.party),
        stance=row.stance,
        own=stance.own,
        occurred=text(row.occurred),
        speaker=citer.name(row.speaker),
        on_behalf_of=citer.name_of(row.on_behalf_of),
        spoke_for=citer.name_of(stance.spoke_for),
        capacity=stance.capacity,
        office=stance.office,
        text=row.summary,
        evidence=citer.cite(stance.events),
    )


# Terms


def _term_lines(
    view: View, offices: Offices, citer: Citer, rows: Sequence[TermRow]
) -> Iterator[TermLine]:
    sides = {row: _side(view, offices, row) for row in rows}
    for name in dict.fromkeys(row.name for row in rows):
        before: list[TermRow] = []
        for row in (row for row in rows if row.name == name):
            replaced = _replaced(citer, sides, row, before)
            yield TermLine(
                name=name,
                value=row.value,
                occurred=text(row.occurred),
                by=citer.name(row.speaker),
                replaces="; ".join(each.value for each in replaced) or None,
                evidence=citer.cite(
                    (*row.events, *(id for each in replaced for id in each.events))
                ),
            )
            before.append(row)


def _replaced(
    citer: Citer, sides: Mapping[TermRow, str], row: TermRow, before: Iterable[TermRow]
) -> list[TermRow]:
    """The values that one takes the place of: those of the newest event that it can replace."""
    if not _dated(row.occurred):
        return []
    amends = citer.cite(row.events)[0].type == event_type(ProposalAmended).name
    earlier = [
        each
        for each in before
        if each.event != row.event
        and _dated(each.occurred)
        and _is_later(row.occurred, each.occurred)
        and (amends or sides[each] == sides[row])
    ]
    newest = [each for each in earlier if each.event == earlier[-1].event]
    values = {comparable_value(each.value) for each in newest}
    return [] if comparable_value(row.value) in values else newest


def _is_later(one: When | None, other: When | None) -> bool:
    """Whether one value may replace another: two of one day are two accounts, no change."""
    return one is not None and other is not None and one.certainly_after(other)


def _side(view: View, offices: Offices, row: TermRow) -> str:
    """Whose word a term is: the one spoken for, or the speaker."""
    statement = view.get(StatementRow, row.event)
    if statement is not None and statement.on_behalf_of is not None:
        return statement.on_behalf_of
    capacity = statement.capacity if statement else None
    held = offices.spoken_in(row.speaker, capacity, row.occurred)
    return (held[0].of if held else None) or row.speaker


def _dated(moment: When | None) -> bool:
    return moment is not None and moment.earliest is not None


# Statements and talks


def said_line(offices: Offices, citer: Citer, row: StatementRow) -> SaidLine:
    """One statement as a line."""
    held = [] if row.on_behalf_of else offices.spoken_in(row.speaker, row.capacity, row.occurred)
    spoke_for = held[0].of if held else row.on_behalf_of
    return SaidLine(
        occurred=text(row.occurred),
        speaker=citer.name(row.speaker),
        on_behalf_of=citer.name_of(row.on_behalf_of),
        spoke_for=citer.name_of(spoke_for),
        capacity=row.capacity,
        to=citer.name_of(row.addressee),
        place=row.place,
        topics=row.topics,
        text=row.text,
        quotes=row.quotes,
        disputes=row.disputes,
        evidence=citer.cite((*row.events, *(id for office in held for id in office.events))),
    )


def _talks_line(citer: Citer, row: DiscussionRow) -> TalksLine:
    return TalksLine(
        occurred=text(row.occurred),
        participants=citer.names(row.participants),
        meeting=row.meeting,
        topics=row.topics,
        text=row.text,
        evidence=citer.cite(row.events),
    )


# What the record leaves open


def _questions_of_origin(
    offices: Offices, citer: Citer, proposals: Sequence[ProposalRow]
) -> Iterator[QuestionLine]:
    """Who proposed it and when, where accounts cannot all be right."""
    evidence = citer.cite(id for row in proposals for id in row.events)
    if len({proposers(offices, row, proposals) for row in proposals}) > 1:
        names = (
            " with ".join(str(citer.name(id)) for id in (row.proposer, *row.jointly_with))
            for row in proposals
        )
        yield QuestionLine(f"Who proposed it? Accounts name {_either(names)}.", evidence)
    dates = [row.occurred for row in proposals if row.occurred is not None]
    if not all(may_be_same(one, other) for one, other in combinations(dates, 2)):
        yield QuestionLine(
            f"When was it proposed? Accounts say {_either(map(str, dates))}.", evidence
        )


def _questions_of_parties(
    parties: Iterable[PartyLine], proposing: Container[str]
) -> Iterator[QuestionLine]:
    """What a party thinks, where it has not said so nor proposed it, or has left it open."""
    for line in parties:
        if not line.own:
            if line.party in proposing:
                continue
            told = {c.event: c for each in line.imputed for c in each.evidence}
            told |= {c.event: c for c in line.evidence}
            known = "only others speak of it" if line.imputed else "nobody speaks of it"
            yield QuestionLine(
                f"What is the position of {line.name}? None of its own is on record; {known}.",
                tuple(told.values()),
            )
        elif line.own[0].stance in _UNDECIDED:
            last = line.own[0]
            yield QuestionLine(
                f"What will {line.name} decide? Its latest position of its own is {last.stance} "
                f"({last.occurred or 'undated'}).",
                last.evidence,
            )


def _questions_of_plans(initiative: str, plans: Iterable[PlanLine]) -> Iterator[QuestionLine]:
    """What became of plans, where no report says or reports differ."""
    for line in plans:
        if line.state == UNKNOWN_OUTCOME:
            question = f"What became of “{line.title}”? It was due {line.due}, and no report says."
        elif line.state == OPEN and line.due is None:
            question = f"Has “{line.title}” come about? It was given no date, and no report says."
        elif " / " in line.state:
            question = f"What became of “{line.title}”? Reports differ: {line.state}."
        elif initiative in line.not_named:
            question = (
                f"Was it spoken of at “{line.title}”, as planned? No report of that names it."
            )
        else:
            continue
        yield QuestionLine(question, line.evidence)


def _questions_of_disputes(
    view: View, citer: Citer, initiative: str, statements: Iterable[StatementRow]
) -> Iterator[QuestionLine]:
    """Whether reports are right that somebody calls wrong, or that were found to be at odds."""
    disputes: dict[str, list[StatementRow]] = defaultdict(list)
    for row in statements:
        for id in row.disputes:
            disputes[id].append(row)
    for id, claim in known_claims(view, disputes).items():
        against = disputes[id]
        names = dict.fromkeys(str(citer.name(row.speaker)) for row in against)
        yield QuestionLine(
            f"Is it so? “{claim.text}” Disputed by {', '.join(names)}.",
            citer.cite((*claim.basis, *(id for row in against for id in row.events))),
        )
    for noted in noted_of(view, citer, initiative):
        yield QuestionLine(
            f"{noted.question.rstrip('?')}? Reports differ: "
            f"{_either(side.value.rstrip('.') for side in noted.sides)}.",
            noted.evidence,
        )


def _either(values: Iterable[str]) -> str:
    return "; or ".join(dict.fromkeys(values))


# As a document


def _facts(report: InitiativeReport) -> Iterable[Fact]:
    """What a reader wants to know first."""
    spoken = [line for line in report.parties if line.own]
    evidence = {c.event: c for line in spoken for each in line.own for c in each.evidence}
    told = f"{len(spoken)} of {len(report.parties)} parties"
    yield Fact("Stage", cell(report.stage.stage, report.stage.evidence))
    yield Fact("Since", cell(report.stage.occurred or "unknown", report.stage.evidence))
    yield Fact("Spoke for themselves", cell(told, tuple(evidence.values())))
    yield Fact("Open questions", cell(str(len(report.questions))))
    if report.plans:
        states = Counter(line.state for line in report.plans)
        counted = ", ".join(f"{number} {state}" for state, number in states.items())
        yield Fact(f"Plans as of {report.on}", cell(counted))


def position_lanes(
    parties: Iterable[Named], positions: Iterable[PositionLine], beside: str
) -> Iterable[Chart]:
    """Each party's positions, its own and those imputed to it, beside a table of that title."""
    names = lane_names(parties)
    return lanes.chart(
        "Positions by party",
        beside,
        (
            lanes.mark(
                names[each.party.id],
                each.stance,
                each.occurred,
                solid=each.own,
                by=None if each.own else speaker_of(each),
            )
            for each in positions
        ),
        lanes=names.values(),
        kinds=get_args(Taken),
        solid="the party's own",
        outline="imputed to it by others",
    )


def _tables(report: InitiativeReport) -> Iterable[Table]:
    yield from _proposal_tables(report)
    yield from _party_tables(report)
    yield from _event_tables(report)
    yield memberships_table(
        "Parties' memberships",
        (
            (Named(line.party, line.name), each)
            for line in report.parties
            for each in line.memberships
        ),
    )
    yield Table(
        "Open questions",
        ("Question",),
        tuple(document.line(line.evidence, line.text) for line in report.questions),
    )


def _proposal_tables(report: InitiativeReport) -> Iterable[Table]:
    yield Table(
        "How it came to this stage",
        ("When", "Stage", "What happened"),
        tuple(
            document.line(line.evidence, line.occurred, _noted(line), line.text)
            for line in report.stages
        ),
    )
    yield Table(
        "Who proposed it",
        ("When", "By", "Where", "What"),
        tuple(
            document.line(
                line.evidence, line.occurred, _proposed_by(line), line.place, _spoken(line)
            )
            for line in report.proposals
        ),
    )
    yield Table(
        "Precedents",
        ("When", "What", "In what they are alike"),
        tuple(
            document.line(
                line.evidence,
                line.proposed,
                about("proposal", line.precedent, line.title),
                line.reason,
            )
            for line in report.precedents
        ),
    )


def _party_tables(report: InitiativeReport) -> Iterable[Table]:
    yield Table(
        "Positions",
        ("Party", "Own", "Imputed"),
        tuple(map(_party_row, report.parties)),
        named_by=1,
    )
    yield Table(
        _OVER_TIME,
        ("When", "Party", "Stance", "What"),
        tuple(
            document.line(line.evidence, line.occurred, line.party, taken_as(line), line.text)
            for line in report.positions
        ),
    )
    yield Table(
        "Terms",
        ("When", "Term", "As reported", "By"),
        tuple(
            document.line(line.evidence, line.occurred, line.name, _value(line), line.by)
            for line in report.terms
        ),
    )


def _event_tables(report: InitiativeReport) -> Iterable[Table]:
    yield said_table("What was said of it", report.statements)
    yield Table(
        "Talks",
        ("When", "Between", "About"),
        tuple(
            document.line(
                line.evidence, line.occurred, line.participants, (*line.topics, line.text)
            )
            for line in report.talks
        ),
    )
    yield Table(
        "Meetings",
        ("When", "Meeting", "State"),
        tuple(
            document.line(
                line.evidence, line.held_on, about("meeting", line.meeting, line.title), line.state
            )
            for line in report.meetings
        ),
    )
    yield plans_table("Plans and outcomes", report.plans)


def said_table(title: str, lines: Iterable[SaidLine]) -> Table:
    """A table of statements."""
    return Table(
        title,
        ("When", "Speaker", "What"),
        tuple(
            document.line(
                line.evidence,
                line.occurred,
                about("actor", line.speaker.id, _speaking(line)),
                _spoken(line),
            )
            for line in lines
        ),
    )


def _speaking(line: SaidLine) -> str:
    return f"{line.speaker}, for {line.spoke_for}" if line.spoke_for else str(line.speaker)


def _spoken(line: ProposalLine | SaidLine) -> str:
    return " ".join((line.text, *(f"“{quote}”" for quote in line.quotes)))


def _proposed_by(line: ProposalLine) -> str:
    partners = ", ".join(map(str, line.jointly_with))
    return f"{line.by}, jointly with {partners}" if partners else str(line.by)


def _noted(line: StageLine) -> str:
    return f"{line.stage} ({line.note})" if line.note else line.stage


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


def _value(line: TermLine) -> str:
    return f"{line.value} (instead of: {line.replaces})" if line.replaces else line.value


def _party_row(line: PartyLine) -> tuple[Cell, ...]:
    own = _newest(line, line.own, lambda each: f"{each.stance}{if_in_office(each)}")
    imputed = _newest(line, line.imputed, lambda each: f"{each.stance}, says {each.speaker}")
    return cell(about("actor", line.party, line.name), line.evidence), own, imputed


def _newest(
    line: PartyLine, positions: Sequence[PositionLine], shown: Callable[[PositionLine], str]
) -> Cell:
    """Each different stance, at its newest: what is at odds stays side by side."""
    newest: dict[str, PositionLine] = {}
    for position in positions:
        newest.setdefault(shown(position), position)
    evidence = {cited.event: cited for each in newest.values() for cited in each.evidence}
    stances = [
        f"{_before(each, positions[0])}{what} ({each.occurred or 'undated'})"
        for what, each in newest.items()
    ]
    return cell(tuple(stances) or "none", tuple(evidence.values()) or line.evidence)


def _before(one: PositionLine, newest: PositionLine) -> str:
    """Marks a party's own stance that it had before; what others say they may say still."""
    then, since = when(one.occurred), when(newest.occurred)
    earlier = then is not None and since is not None and since.certainly_after(then)
    return "before: " if one.own and earlier else ""


def _since(occurred: str | None) -> str:
    return f"since {occurred}" if occurred else "on an unknown date"
