"""The state of an initiative: stage, parties, positions, terms, milestones, relations, talks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import latest_key, short, when
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.projections.initiatives import (
    DiscussionRow,
    InitiativeRow,
    MilestoneRow,
    ProposalRow,
    RelationRow,
    StageRow,
    TermRow,
)
from timeline.projections.meetings import MeetingRow
from timeline.projections.plans import PlanRow
from timeline.projections.statements import StatementRow
from timeline.reports.actors import memberships_table
from timeline.reports.citations import Citation, Citer, Named, distinct
from timeline.reports.contradictions import (
    QuestionLine,
    questions_of_disputes,
    questions_of_origin,
    questions_of_parties,
    questions_of_plans,
)
from timeline.reports.documents import DocumentLine, document_lines, documents_table
from timeline.reports.findings.attribution import Offices, all_proposers, stances
from timeline.reports.findings.initiatives import replacements, setting_stage
from timeline.reports.findings.meetings import MeetingLine, disputed, disputes, meeting_lines
from timeline.reports.layout import (
    Cell,
    Chart,
    Document,
    Fact,
    Line,
    Mark,
    Table,
    about,
    cell,
    listing,
    mark,
    number,
    on_date,
    since_date,
    table,
)
from timeline.reports.model import Report, by_time, grouped, made_from
from timeline.reports.plans import (
    KEPT,
    LATE,
    MISSED,
    PlanLine,
    find_initiative,
    mentioned,
    plan_lines,
    plan_states,
    plans_table,
    today,
)
from timeline.reports.positions import (
    PartyLine,
    PositionLine,
    brief_positions,
    party_line,
    party_row,
    position_lanes,
    position_line,
    position_sentences,
    taken_as,
    tellers,
)
from timeline.reports.statements import SaidLine, said_line, said_table, with_quotes

# Relations to other initiatives


@attrs.frozen
class RelationLine:
    """How one initiative stands to another.

    Attributes:
        relation: such as `precedent`, `replaces` or `carried out by`, read from the initiative of
            the report to the other.
        other: the id of the other initiative.
        title: its name.
        proposed: when it was proposed, by each account of it.
        occurred: when the relation came about.
        reason: why, in the recorder's words.
        evidence: the finding, and the accounts of the other proposal.
    """

    relation: str
    other: str
    title: str
    proposed: tuple[str, ...]
    occurred: str | None
    reason: str
    evidence: tuple[Citation, ...]


def relation_lines(view: View, citer: Citer, initiative: str) -> Iterator[RelationLine]:
    """A line for each relation of an initiative, in the order of the log."""
    rows = view.all(RelationRow, initiative=initiative)
    for row in sorted(rows, key=lambda row: row.position):
        other = view.get(InitiativeRow, row.other)
        accounts = by_time(view.all(ProposalRow, initiative=row.other))
        dates = dict.fromkeys(str(account.occurred) for account in accounts if account.occurred)
        behind = (*row.events, *(id for account in accounts for id in account.events))
        yield citer.line(
            RelationLine,
            row,
            title=(other.title if other else None) or row.other,
            proposed=tuple(dates),
            evidence=citer.cite(behind),
        )


def relations_table(title: str, lines: Iterable[RelationLine]) -> Table:
    """A table of relations."""
    return table(
        title,
        lines,
        {
            "Relation": _relation,
            "Initiative": lambda line: about("proposal", line.other, line.title),
            "Proposed": lambda line: tuple(map(when, line.proposed)),
            "Why": lambda line: line.reason,
        },
    )


def _relation(line: RelationLine) -> str:
    return f"{line.relation}, since {short(line.occurred)}" if line.occurred else line.relation


# Milestones


@attrs.frozen
class MilestoneLine:
    """One report of something done.

    Attributes:
        occurred: when.
        title: its name.
        by: whose work it was.
        place: where.
        meeting: the id of the meeting it was done at.
        fulfils: the titles of the plans that it keeps.
        text: what was done, in the recorder's words.
        evidence: the event, and what amends it.
    """

    occurred: str | None
    title: str
    by: tuple[Named, ...]
    place: str | None
    meeting: str | None
    fulfils: tuple[str, ...]
    text: str
    evidence: tuple[Citation, ...]


def milestone_lines(view: View, citer: Citer, initiative: str) -> Iterator[MilestoneLine]:
    """A line for each milestone of an initiative, in order of world time."""
    for row in by_time(view.all(MilestoneRow, initiative=initiative)):
        plans = tuple(_title(view, plan) for plan in row.fulfils)
        yield citer.line(MilestoneLine, row, fulfils=plans)


def _title(view: View, plan: str) -> str:
    announced = view.all(PlanRow, plan=plan)
    return min(announced, key=lambda row: row.position).title if announced else plan


def milestones_table(title: str, lines: Iterable[MilestoneLine]) -> Table:
    """A table of milestones."""
    return table(
        title,
        lines,
        {
            "When": lambda line: when(line.occurred),
            "Milestone": lambda line: f"{line.title}, {line.place}" if line.place else line.title,
            "By": lambda line: line.by,
            "What": lambda line: line.text,
            "Fulfils": lambda line: line.fulfils,
        },
    )


# The report


_OVER_TIME = "Positions over time"

UNKNOWN_STAGE = "unknown"
"""The stage of an initiative that reports name, where none that stands tells of the proposal."""


@attrs.frozen
class StageLine:
    """A stage, and the event that set it or speaks for it; `occurred` is None if undated.

    `note` says why it sets no stage, where that is not for its date. `disputed_by` has who calls
    that event's report wrong, and `against` what says so.
    """

    stage: str
    note: str | None
    occurred: str | None
    text: str
    event: str
    evidence: tuple[Citation, ...]
    disputed_by: tuple[Named, ...] = ()
    against: tuple[Citation, ...] = ()


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
class TermLine:
    """What was said of one term.

    `replaces` is the value that this one took the place of: the newest before it by the same side,
    or by anybody where it amends the proposal. What others say stands beside it. `by` is None where
    a document or a milestone says so. `amount`, `unit` and `scope` are of a figure, as recorded.
    """

    name: str
    value: str
    amount: float | None
    unit: str | None
    scope: str | None
    occurred: str | None
    by: Named | None
    replaces: str | None
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


@attrs.frozen(kw_only=True, repr=False)
class InitiativeReport(Report):
    """The state of one initiative.

    `stage` is the latest in world time of those that can set one, since it was first reached;
    `stages` has them all, those of unknown year last. A proposal that is put forward again, no
    firmer than before, does not undo talks or an agreement; nor does it count that somebody
    withdraws it who neither proposed it, nor holds an office of one who did, nor of the body that
    one holds an office of. Lines stand in order of world time, uncertain dates by their earliest
    day; terms so within each name. `plans` are judged as of the day `on`.
    """

    kind: ClassVar[str] = "initiative"

    initiative: str
    title: str
    on: str
    stage: StageLine
    stages: tuple[StageLine, ...]
    proposals: tuple[ProposalLine, ...]
    relations: tuple[RelationLine, ...]
    milestones: tuple[MilestoneLine, ...]
    documents: tuple[DocumentLine, ...]
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
        if self.stage.stage == UNKNOWN_STAGE:
            stage = "Stage: unknown; no report that stands says that it was proposed"
        return self._document(
            self.title,
            _tables(self),
            lead=(Cell(stage, self.stage.evidence),),
            summary=_summary(self),
            short=_short_tables(self),
            facts=_facts(self),
            charts=_story(self),
            note="Own positions were taken by the party or one who speaks for it; imputed ones "
            "were ascribed to it by others. “If in office”: it is not certain that the speaker "
            f"held the office then, or spoke in it. Plans stand as of {short(self.on)}.",
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
    citer, offices, on = Citer(view), Offices(view), today(view)
    proposals = by_time(view.all(ProposalRow, initiative=initiative))
    statements = by_time(view.several(StatementRow, mentioned(view, initiative, "statement")))
    met = view.several(MeetingRow, mentioned(view, initiative, "meeting"))
    taken = stances(view, initiative)
    citer.load(id for rows in (proposals, statements, taken) for row in rows for id in row.events)
    setting, stages = _stages(view, citer, offices, known, proposals)
    ids = dict.fromkeys((*known.parties, *(stance.said.party for stance in taken)))
    parties = [party_line(view, citer, party, taken, proposals) for party in ids]
    plans = plan_lines(view, citer, on=on, initiative=initiative)
    questions = (
        *questions_of_origin(offices, citer, proposals),
        *questions_of_parties(parties, all_proposers(offices, proposals)),
        *questions_of_plans(initiative, plans),
        *questions_of_disputes(view, citer, initiative, statements),
    )
    return InitiativeReport(
        initiative=initiative,
        title=known.title or initiative,
        on=str(on),
        stage=setting,
        stages=stages,
        proposals=tuple(
            citer.line(ProposalLine, row, by=row.proposer, to=row.addressees) for row in proposals
        ),
        relations=tuple(relation_lines(view, citer, initiative)),
        milestones=tuple(milestone_lines(view, citer, initiative)),
        documents=tuple(document_lines(view, citer, initiative=initiative)),
        parties=tuple(parties),
        positions=tuple(position_line(citer, stance) for stance in taken),
        terms=tuple(_term_lines(view, offices, citer, initiative)),
        statements=tuple(said_line(offices, citer, row) for row in statements),
        talks=tuple(_talks(view, citer, initiative)),
        meetings=tuple(meeting_lines(view, citer, met)),
        plans=tuple(plans),
        questions=questions,
        **made_from(view, citer),
    )


# As lines


def _stages(
    view: View,
    citer: Citer,
    offices: Offices,
    known: InitiativeRow,
    proposals: Sequence[ProposalRow],
) -> tuple[StageLine, tuple[StageLine, ...]]:
    """The stage that holds, and all that were reported, in order of world time."""
    rows = by_time(view.all(StageRow, initiative=known.initiative))
    citer.load(id for row in rows for id in row.events)
    if not rows:
        named = citer.cite(known.events)
        return StageLine(UNKNOWN_STAGE, None, None, "", named[0].event, named), ()
    setting, notes = setting_stage(offices, rows, proposals, known.parties)
    denied = disputes(view, (row.event for row in rows))
    lines = {
        row: citer.line(
            StageLine,
            row,
            note=notes.get(row.event),
            disputed_by=denied[row.event].speakers if row.event in denied else (),
            against=citer.cite(denied[row.event].events) if row.event in denied else (),
        )
        for row in rows
    }
    return lines[setting], tuple(lines.values())


def _term_lines(view: View, offices: Offices, citer: Citer, initiative: str) -> Iterator[TermLine]:
    rows = by_time(view.all(TermRow, initiative=initiative))
    citer.load(id for row in rows for id in row.events)
    for row, replaced in replacements(view, offices, citer, rows):
        yield citer.line(
            TermLine,
            row,
            by=row.speaker,
            replaces="; ".join(before.value for before in replaced) or None,
            evidence=citer.cite(id for term in (row, *replaced) for id in term.events),
        )


def _talks(view: View, citer: Citer, initiative: str) -> Iterator[TalksLine]:
    rows = by_time(view.all(DiscussionRow, initiative=initiative))
    citer.load(id for row in rows for id in row.events)
    return (citer.line(TalksLine, row) for row in rows)


# As a document


def _story(report: InitiativeReport) -> Iterable[Chart]:
    """Stage, positions and what happened, on one axis."""
    return position_lanes(
        (Named(line.party, line.name) for line in report.parties),
        report.positions,
        _OVER_TIME,
        title="What happened, and where the parties stood",
        stages=_stage_marks(report.stages),
        happened=_happened(report),
    )


def _stage_marks(lines: Iterable[StageLine]) -> Iterator[Mark | None]:
    for line in lines:
        if line.note is None:
            words = {"label": line.stage, "evidence": line.evidence}
            yield mark("Stage", line.stage, line.occurred, solid=True, holds=True, **words)


def _happened(report: InitiativeReport) -> Iterator[Mark | None]:
    """The proposals, papers and milestones, and the meetings."""
    for place, (names, lines) in enumerate(_accounts(report.proposals)):
        label = f"{'by another account: ' if place else 'proposed by '}{names}"
        for line in lines:
            yield _step("proposal", line.occurred, label, line.evidence)
    for document in report.documents:
        days = [signing.occurred for signing in document.signings]
        for signing in document.signings:
            differs = signing.occurred != days[0]
            label = f"by another account: {document.title}" if differs else document.title
            yield _step("agreement", signing.occurred, label, signing.evidence)
    for done in report.milestones:
        yield _step("milestone", done.occurred, done.title, done.evidence)
    for met in report.meetings:
        words = {"label": met.title, "evidence": met.evidence}
        for day in met.held_on[:1]:
            yield mark("Meetings", "meeting", day, solid=met.state == "held", **words)


def _step(kind: str, day: str | None, label: str, evidence: tuple[Citation, ...]) -> Mark | None:
    return mark("Steps", kind, day, solid=True, label=label, evidence=evidence)


def _facts(report: InitiativeReport) -> Iterable[Fact]:
    """What a reader wants to know first."""
    spoken = [line for line in report.parties if line.own]
    evidence = distinct(own.evidence for line in spoken for own in line.own)
    count = f"{len(spoken)} of {len(report.parties)} parties"
    yield Fact("Stage", cell(report.stage.stage, report.stage.evidence))
    yield Fact("Since", cell(when(report.stage.occurred) or "unknown", report.stage.evidence))
    yield Fact("Spoke for themselves", cell(count, evidence))
    yield Fact("Open questions", cell(str(len(report.questions))))
    if report.plans:
        states = Counter(line.state for line in report.plans)
        counted = ", ".join(f"{number} {state}" for state, number in states.items())
        yield Fact(f"Plans as of {short(report.on)}", cell(counted))


def _tables(report: InitiativeReport) -> Iterable[Table]:
    yield from _proposal_tables(report)
    yield from _party_tables(report)
    yield from _event_tables(report)
    members = (
        (Named(line.party, line.name), membership)
        for line in report.parties
        for membership in line.memberships
    )
    yield memberships_table("Parties' memberships", members)
    yield table("Open questions", report.questions, {"Question": _question})


def _question(line: QuestionLine) -> Cell:
    return about("actor", line.party.id if line.party else None, line.text)


def _proposal_tables(report: InitiativeReport) -> Iterable[Table]:
    yield table(
        "How it came to this stage",
        report.stages,
        {
            "When": lambda line: when(line.occurred),
            "Stage": lambda line: f"{line.stage} ({line.note})" if line.note else line.stage,
            "What happened": lambda line: line.text,
        },
    )
    yield table(
        "Who proposed it",
        report.proposals,
        {
            "When": lambda line: when(line.occurred),
            "By": _proposed_by,
            "Where": lambda line: line.place,
            "What": lambda line: with_quotes(line.text, line.quotes),
        },
    )
    yield relations_table("Other initiatives", report.relations)
    yield milestones_table("Milestones", report.milestones)
    yield documents_table("Documents", report.documents)


def _proposed_by(line: ProposalLine) -> str:
    partners = ", ".join(map(str, line.jointly_with))
    return f"{line.by}, jointly with {partners}" if partners else str(line.by)


def _party_tables(report: InitiativeReport) -> Iterable[Table]:
    rows = tuple(map(party_row, report.parties))
    yield Table("Positions", ("Party", "Own", "Imputed"), rows, named_by=1)
    yield table(
        _OVER_TIME,
        report.positions,
        {
            "When": lambda line: when(line.occurred),
            "Party": lambda line: line.party,
            "Stance": taken_as,
            "What": lambda line: line.text,
        },
    )
    yield table(
        "Terms",
        report.terms,
        {
            "When": lambda line: when(line.occurred),
            "Term": lambda line: f"{line.name} ({line.scope})" if line.scope else line.name,
            "As reported": _value,
            "By": lambda line: line.by,
        },
    )


def _value(line: TermLine) -> str:
    return f"{line.value} (instead of: {line.replaces})" if line.replaces else line.value


def _event_tables(report: InitiativeReport) -> Iterable[Table]:
    yield said_table("What was said of it", report.statements)
    yield table(
        "Talks",
        report.talks,
        {
            "When": lambda line: when(line.occurred),
            "Between": lambda line: line.participants,
            "About": lambda line: (*line.topics, line.text),
        },
    )
    yield table(
        "Meetings",
        report.meetings,
        {
            "When": lambda line: tuple(map(when, line.held_on)),
            "Meeting": lambda line: about("meeting", line.meeting, line.title),
            "State": lambda line: line.state,
        },
    )
    yield plans_table("Plans and outcomes", report.plans)


def _since(occurred: str | None) -> str:
    return f"since {short(occurred)}" if occurred else "on an unknown date"


# In short

_LASTING = ("negotiating", "dormant")
"""Stages that last; the others are reached on a day."""

_CONTESTED = ("agreed", "withdrawn", "superseded", "carried out")
"""Stages of which a reader must know that somebody reported them, even where they do not hold."""

_HEIRS = ("replaced by", "carried out by", "taken up by")
"""Relations to what came of an initiative."""


def _summary(report: InitiativeReport) -> Iterator[Cell]:
    """What the record says now, and who says otherwise."""
    yield _now(report)
    for line in report.stages:
        if line.note is not None and line.stage in _CONTESTED:
            when = on_date(line.occurred)
            yield cell(f"Also reported: {line.stage} {when}, {line.note}.", line.evidence)
    if heirs := [line for line in report.relations if line.relation in _HEIRS]:
        words = listing(f"{line.relation} {line.title}" for line in heirs)
        yield cell(f"{words[0].upper()}{words[1:]}.", distinct(line.evidence for line in heirs))
    yield _origin(report.proposals)
    yield from position_sentences(report.parties)
    if report.plans:
        yield cell(f"{number(len(report.plans), 'plan')}: {plan_states(report.plans)}.")


def _now(report: InitiativeReport) -> Cell:
    """The stage, since when, and by whose account; the next sentence tells of a proposal."""
    stage = report.stage
    made = {cited.event for line in report.proposals for cited in line.evidence}
    contested = f"; {disputed(stage.disputed_by)}" if stage.disputed_by else ""
    cited = (*stage.evidence, *stage.against)
    if stage.event in made:
        return cell(f"{stage.stage.capitalize()}{contested}.", cited)
    if stage.stage == UNKNOWN_STAGE:
        return cell("No report that stands says that it was proposed.", stage.evidence)
    when = (since_date if stage.stage in _LASTING else on_date)(stage.occurred)
    told_by = tellers(stage.evidence)
    return cell(f"{stage.stage.capitalize()} {when}, as told by {told_by}{contested}.", cited)


def _accounts(lines: Iterable[ProposalLine]) -> list[tuple[str, list[ProposalLine]]]:
    """The accounts of who proposed it, the one that most reports give first."""
    by_proposer = grouped(lines, lambda line: listing((line.by, *line.jointly_with)))
    return sorted(by_proposer.items(), key=lambda item: len(item[1]), reverse=True)


def _origin(lines: Sequence[ProposalLine]) -> Cell:
    """Who proposed it and when, by each account that names somebody else."""
    accounts = _accounts(lines)
    if not accounts:
        return cell("Who proposed it is not on record.")
    sentence = "; by another account ".join(_proposed(*account) for account in accounts)
    return cell(f"{sentence}.", distinct(line.evidence for line in lines))


def _proposed(names: str, lines: Sequence[ProposalLine]) -> str:
    dates = listing((on_date(line.occurred) for line in lines), "or")
    by = [who for line in lines for who in (line.by, *line.jointly_with)]
    told_by = tellers((cited for line in lines for cited in line.evidence), by)
    return f"{names} proposed it {dates}, as told by {told_by}"


def _short_tables(report: InitiativeReport) -> Iterator[Table]:
    """What matters first: where the parties stand, what is new, what is open."""
    yield brief_positions("Positions", report.parties)
    yield Table("Latest", ("", ""), tuple(_latest(report)), keys=("When", "What"))
    yield table("Open questions", report.questions, {"": _question})


def _latest(report: InitiativeReport) -> Iterator[Line]:
    """What was said and done, the newest first, each event once."""
    signings = (signing for line in report.documents for signing in line.signings)
    # Of an event that several tell of, the last of these is shown.
    dated: list[tuple[str | None, Cell]] = [
        *_planned(report),
        *((day, cell(met.title, met.evidence)) for met in _held(report) for day in met.held_on),
        *(
            (line.occurred, cell(f"{document.title} {line.status}: {line.text}", line.evidence))
            for document in report.documents
            for line in document.statuses
        ),
        *((line.occurred, _words_of(line)) for line in report.positions),
        *((line.occurred, cell(line.text, line.evidence)) for line in signings),
        *((line.occurred, cell(line.title, line.evidence)) for line in report.milestones),
        *((line.occurred, _words_of(line)) for line in report.statements),
        *((line.occurred, cell(line.text, line.evidence)) for line in report.stages),
    ]
    seen: set[str] = set()
    ages = {id(said): latest_key(when(day), number) for number, (day, said) in enumerate(dated)}
    for day, said in sorted(dated, key=lambda item: ages[id(item[1])], reverse=True):
        events = {cited.event for cited in said.evidence[:1]}
        if not events & seen:
            seen |= events
            yield cell(short(day)), said


def _planned(report: InitiativeReport) -> Iterator[tuple[str | None, Cell]]:
    """Each plan, with when it was announced or put off, and what became of it."""
    for plan in report.plans:
        if plan.stands:
            yield plan.announced, cell(f"{plan.title}: announced", plan.evidence[:1])
        for delay in plan.delays:
            yield delay.occurred, cell(f"{plan.title}: put off", delay.evidence)
        held = {KEPT: "held", LATE: "held late", MISSED: "called off"}
        for one in plan.outcomes:
            what = held.get(one.outcome, "held") if plan.kind == "meeting" else one.outcome
            yield one.occurred, cell(f"{plan.title}: {what}", one.evidence)


def _held(report: InitiativeReport) -> Iterable[MeetingLine]:
    """The meetings that were held, apart from those that stand among the plans."""
    planned = {plan.id for plan in report.plans if plan.kind == "meeting"}
    return (m for m in report.meetings if m.state == "held" and m.meeting not in planned)


def _words_of(line: SaidLine | PositionLine) -> Cell:
    return cell(f"{line.speaker}: {line.text}", line.evidence)
