"""The state of an initiative: stage, parties, positions, terms, talks, and what each rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

import attrs

from timeline.clock import UNKNOWN
from timeline.errors import NotFound
from timeline.projection import View
from timeline.projections.directory import MembershipRow
from timeline.projections.initiatives import (
    DiscussionRow,
    InitiativeRow,
    MentionRow,
    PositionRow,
    ProposalRow,
    StageRow,
    TermRow,
    latest_key,
)
from timeline.projections.meetings import MeetingRow
from timeline.projections.statements import StatementRow
from timeline.reports.base import Report, Standing
from timeline.reports.document import Cell, Document, Table, cell
from timeline.reports.evidence import Citation, Citer, Named, text
from timeline.reports.meetings import MeetingLine, meeting_lines

_Row = TypeVar("_Row", ProposalRow, StageRow, PositionRow, TermRow, DiscussionRow, StatementRow)


@attrs.frozen
class StageLine:
    """A stage, and the event that set it or speaks for it; `occurred` is None if undated."""

    stage: str
    occurred: str | None
    text: str
    event: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class ProposalLine:
    """One account of the proposal being made."""

    occurred: str | None
    by: Named
    to: tuple[Named, ...]
    parties: tuple[Named, ...]
    text: str
    quotes: tuple[str, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen
class PositionLine:
    """A stance; `own` says whether the party took it, or `speaker` imputed it to the party."""

    stance: str
    own: bool
    occurred: str | None
    speaker: Named
    on_behalf_of: Named | None
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class MembershipLine:
    """A body that a party belongs to, and how."""

    of: Named
    status: str
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
    """What was said of one term."""

    name: str
    value: str
    occurred: str | None
    by: Named
    evidence: tuple[Citation, ...]


@attrs.frozen
class SaidLine:
    """One statement about the initiative."""

    occurred: str | None
    speaker: Named
    on_behalf_of: Named | None
    capacity: str | None
    to: Named | None
    place: str | None
    topics: tuple[str, ...]
    text: str
    quotes: tuple[str, ...]
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


@attrs.frozen(kw_only=True)
class InitiativeReport(Report):
    """The state of one initiative.

    `stage` is the latest in world time; `stages` has them all, those of unknown year last. Lines
    stand in order of world time, uncertain dates by their earliest day.
    """

    kind: ClassVar[str] = "initiative"

    initiative: str
    title: str
    stage: StageLine
    stages: tuple[StageLine, ...]
    proposals: tuple[ProposalLine, ...]
    parties: tuple[PartyLine, ...]
    terms: tuple[TermLine, ...]
    statements: tuple[SaidLine, ...]
    talks: tuple[TalksLine, ...]
    meetings: tuple[MeetingLine, ...]

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
            note="Own positions were taken by the party or one who speaks for it; imputed ones "
            "were ascribed to it by others.",
        )


def initiative_report(view: View, initiative: str) -> InitiativeReport:
    """Make the report.

    Raises:
        NotFound: no such initiative is in view.
    """
    known = view.get(InitiativeRow, initiative)
    if known is None:
        ids = ", ".join(row.initiative for row in view.all(InitiativeRow)) or "none"
        raise NotFound(f"no initiative {initiative!r} is recorded. Recorded are: {ids}.")
    citer = Citer(view)
    proposals = _by_time(view.all(ProposalRow, initiative=initiative))
    stages = _by_time(view.all(StageRow, initiative=initiative))
    positions = _by_time(view.all(PositionRow, initiative=initiative))
    terms = _by_time(view.all(TermRow, initiative=initiative))
    talks = _by_time(view.all(DiscussionRow, initiative=initiative))
    statements = _by_time(_mentioned(view, StatementRow, initiative, "statement"))
    meetings = _mentioned(view, MeetingRow, initiative, "meeting")
    rows: tuple[Any, ...] = (*proposals, *stages, *positions, *terms, *talks, *statements)
    citer.load(id for row in rows for id in row.events)
    stage_lines = tuple(_stage_line(citer, row) for row in stages)
    parties = dict.fromkeys((*known.parties, *(row.party for row in positions)))
    lines: dict[str, Any] = {
        "stage": next(line for line in stage_lines if line.event == known.stage_event),
        "stages": stage_lines,
        "proposals": tuple(_proposal_line(citer, row) for row in proposals),
        "parties": tuple(
            _party_line(view, citer, party, positions, proposals) for party in parties
        ),
        "terms": tuple(_term_line(citer, row) for row in terms),
        "statements": tuple(said_line(citer, row) for row in statements),
        "talks": tuple(_talks_line(citer, row) for row in talks),
        "meetings": tuple(meeting_lines(view, citer, meetings)),
    }
    return InitiativeReport(
        standing=Standing.of(view),
        initiative=initiative,
        title=known.title or initiative,
        **lines,
        corrections=citer.corrections(),
        sources=citer.sources(),
    )


def _by_time(rows: Iterable[_Row]) -> list[_Row]:
    return sorted(rows, key=lambda row: ((row.occurred or UNKNOWN).sort_key, row.position))


def _mentioned(view: View, cls: type[Any], initiative: str, kind: str) -> list[Any]:
    mentions = view.all(MentionRow, initiative=initiative, kind=kind)
    found = (view.get(cls, mention.thing) for mention in mentions)
    return [row for row in found if row is not None]


def _stage_line(citer: Citer, row: StageRow) -> StageLine:
    return StageLine(row.stage, text(row.occurred), row.text, row.event, citer.cite(row.events))


def _proposal_line(citer: Citer, row: ProposalRow) -> ProposalLine:
    return ProposalLine(
        occurred=text(row.occurred),
        by=citer.name(row.proposer),
        to=citer.names(row.addressees),
        parties=citer.names(row.parties),
        text=row.text,
        quotes=row.quotes,
        evidence=citer.cite(row.events),
    )


def _party_line(
    view: View,
    citer: Citer,
    party: str,
    positions: Sequence[PositionRow],
    proposals: Sequence[ProposalRow],
) -> PartyLine:
    mine = sorted(
        (row for row in positions if row.party == party),
        key=lambda row: latest_key(row.occurred, row.position),
        reverse=True,
    )
    accounts = [row for row in proposals if party in row.parties]
    return PartyLine(
        party=party,
        name=citer.name(party).name,
        own=tuple(_position_line(citer, row) for row in mine if row.own),
        imputed=tuple(_position_line(citer, row) for row in mine if not row.own),
        memberships=tuple(
            MembershipLine(citer.name(row.of), row.status, citer.cite(row.events))
            for row in view.all(MembershipRow, actor=party)
        ),
        evidence=citer.cite(id for row in accounts or mine for id in row.events),
    )


def _position_line(citer: Citer, row: PositionRow) -> PositionLine:
    return PositionLine(
        stance=row.stance,
        own=row.own,
        occurred=text(row.occurred),
        speaker=citer.name(row.speaker),
        on_behalf_of=citer.name_of(row.on_behalf_of),
        text=row.summary,
        evidence=citer.cite(row.events),
    )


def _term_line(citer: Citer, row: TermRow) -> TermLine:
    return TermLine(
        name=row.name,
        value=row.value,
        occurred=text(row.occurred),
        by=citer.name(row.speaker),
        evidence=citer.cite(row.events),
    )


def said_line(citer: Citer, row: StatementRow) -> SaidLine:
    """One statement as a line."""
    return SaidLine(
        occurred=text(row.occurred),
        speaker=citer.name(row.speaker),
        on_behalf_of=citer.name_of(row.on_behalf_of),
        capacity=row.capacity,
        to=citer.name_of(row.addressee),
        place=row.place,
        topics=row.topics,
        text=row.text,
        quotes=row.quotes,
        evidence=citer.cite(row.events),
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


# As a document


def _tables(report: InitiativeReport) -> Iterable[Table]:
    yield Table(
        "How it came to this stage",
        ("When", "Stage", "What happened"),
        tuple(
            (cell(line.occurred), cell(line.stage), cell(line.text, line.evidence))
            for line in report.stages
        ),
    )
    yield Table(
        "Who proposed it",
        ("When", "By", "What"),
        tuple(
            (cell(line.occurred), cell(line.by), _spoken(line.text, line.quotes, line.evidence))
            for line in report.proposals
        ),
    )
    yield Table("Positions", ("Party", "Own", "Imputed"), tuple(map(_party_row, report.parties)))
    yield Table(
        "Terms",
        ("When", "Term", "As reported", "By"),
        tuple(
            (cell(line.occurred), cell(line.name), cell(line.value, line.evidence), cell(line.by))
            for line in report.terms
        ),
    )
    yield said_table("What was said of it", report.statements)
    yield Table(
        "Talks",
        ("When", "Between", "About"),
        tuple(
            (
                cell(line.occurred),
                cell(line.participants),
                cell((*line.topics, line.text), line.evidence),
            )
            for line in report.talks
        ),
    )
    yield Table(
        "Meetings and plans",
        ("When", "Meeting", "State"),
        tuple(
            (cell(line.held_on), cell(line.title), cell(line.state, line.evidence))
            for line in report.meetings
        ),
    )
    yield Table(
        "Parties' memberships",
        ("Party", "Body", "As"),
        tuple(
            (cell(line.name), cell(each.of), cell(each.status, each.evidence))
            for line in report.parties
            for each in line.memberships
        ),
    )


def said_table(title: str, lines: Iterable[SaidLine]) -> Table:
    """A table of statements."""
    return Table(
        title,
        ("When", "Speaker", "What"),
        tuple(
            (
                cell(line.occurred),
                cell(
                    f"{line.speaker}, for {line.on_behalf_of}"
                    if line.on_behalf_of
                    else line.speaker
                ),
                _spoken(line.text, line.quotes, line.evidence),
            )
            for line in lines
        ),
    )


def _spoken(said: str, quotes: tuple[str, ...], evidence: tuple[Citation, ...]) -> Cell:
    return cell(" ".join((said, *(f"“{quote}”" for quote in quotes))), evidence)


def _party_row(line: PartyLine) -> tuple[Cell, ...]:
    own = _newest(line.own, lambda each: each.stance)
    imputed = _newest(line.imputed, lambda each: f"{each.stance}, says {each.speaker}")
    return cell(line.name), own, imputed


def _newest(positions: Sequence[PositionLine], shown: Callable[[PositionLine], str]) -> Cell:
    """Each different stance, at its newest: what is at odds stays side by side."""
    newest: dict[str, PositionLine] = {}
    for position in positions:
        newest.setdefault(shown(position), position)
    evidence = {cited.event: cited for line in newest.values() for cited in line.evidence}
    stances = [f"{what} ({line.occurred or 'undated'})" for what, line in newest.items()]
    return cell(tuple(stances) or "none", tuple(evidence.values()))


def _since(occurred: str | None) -> str:
    return f"since {occurred}" if occurred else "on an unknown date"
