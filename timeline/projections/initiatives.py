"""Initiatives: a proposal and all that follows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from timeline.dates import When
from timeline.engine.projection import (
    OfEvent,
    OfProposal,
    Projection,
    Rows,
    changed,
    on,
    row,
    row_of,
)
from timeline.events import (
    DocumentSigned,
    MeetingAnnounced,
    MeetingHeld,
    MilestoneReached,
    PlanAnnounced,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalLapsed,
    ProposalMade,
    ProposalWithdrawn,
    RecordedEvent,
    RelationNoted,
    StatementMade,
    Term,
)

_STANCE_OF_ANSWER = {
    "accepted": "favourable",
    "conditional": "conditional",
    "deferred": "noncommittal",
    "rejected": "opposed",
}

_REVERSED = {
    "precedent": "precedent of",
    "takes up": "taken up by",
    "replaces": "replaced by",
    "carries out": "carried out by",
    "part of": "has part",
}

_STAGE_OF_RELATION = {"replaces": "superseded", "carries out": "carried out"}


@row("initiatives", key=("initiative",))
class InitiativeRow:
    """One initiative. `title` is the first given; `parties` are those of all accounts.

    Its stage follows from the stages and from who proposed it: reports say which holds.
    """

    initiative: OfProposal
    title: str | None
    parties: tuple[str, ...]
    events: tuple[str, ...]


@row("proposals", key=("event",))
class ProposalRow:
    """One account of the proposal being made. Competing accounts stand side by side."""

    event: OfEvent
    initiative: OfProposal
    position: int
    occurred: When | None
    proposer: str
    jointly_with: tuple[str, ...]
    place: str | None
    meeting: str | None
    addressees: tuple[str, ...]
    parties: tuple[str, ...]
    text: str
    quotes: tuple[str, ...]
    events: tuple[str, ...]


@row("stages", key=("event", "initiative"))
class StageRow:
    """One event that bears on the stage of an initiative.

    `by` is who put the proposal forward, or took it back; `parties` are the ones that agreed.
    """

    event: OfEvent
    initiative: OfProposal
    position: int
    occurred: When | None
    stage: str
    by: str | None
    parties: tuple[str, ...]
    place: str | None
    text: str
    events: tuple[str, ...]


@row("relations", key=("event", "initiative"))
class RelationRow:
    """How one initiative stands to another, by one event; there is a row for either side.

    `relation` is read from `initiative` to `other`, such as `replaces` and `replaced by`.
    """

    event: OfEvent
    initiative: OfProposal
    relation: str
    other: str
    position: int
    occurred: When | None
    reason: str
    events: tuple[str, ...]


@row("milestones", key=("event",))
class MilestoneRow:
    """One report of something done; `fulfils` are the plans that it keeps."""

    event: OfEvent
    initiative: OfProposal
    position: int
    occurred: When | None
    title: str
    by: tuple[str, ...]
    place: str | None
    meeting: str | None
    fulfils: tuple[str, ...]
    text: str
    events: tuple[str, ...]


@row("positions", key=("event", "initiative", "party"))
class PositionRow:
    """What one event says of one party's stance.

    `own` is true where the event says so: the party speaks, itself or through one who speaks on its
    behalf. Otherwise `speaker` imputes it to the party, unless the offices that the speaker held at
    the time make the words the party's; reports look at these too.
    """

    event: OfEvent
    initiative: OfProposal
    party: str
    position: int
    occurred: When | None
    stance: str
    own: bool
    speaker: str
    on_behalf_of: str | None
    summary: str
    events: tuple[str, ...]


@row("terms", key=("event", "initiative", "name", "number"))
class TermRow:
    """What one event says of one term; `number` tells apart several of one name.

    `speaker` is None where a document or a milestone says so.
    """

    event: OfEvent
    initiative: OfProposal
    name: str
    number: int
    position: int
    occurred: When | None
    value: str
    amount: float | None
    unit: str | None
    scope: str | None
    speaker: str | None
    events: tuple[str, ...]


@row("discussions", key=("event",))
class DiscussionRow:
    """One report that parties talked about the proposal."""

    event: OfEvent
    initiative: OfProposal
    position: int
    occurred: When | None
    participants: tuple[str, ...]
    meeting: str | None
    topics: tuple[str, ...]
    text: str
    quotes: tuple[str, ...]
    events: tuple[str, ...]


@row("mentions", key=("initiative", "kind", "thing"))
class MentionRow:
    """A statement, a meeting, a plan or a document that concerns an initiative.

    `thing` is the id of the statement's event, of the meeting, the plan or the document.
    """

    initiative: OfProposal
    kind: str
    thing: str
    events: tuple[str, ...]


class Initiatives(Projection):
    """Each initiative's stage, proposals, positions, terms and talks."""

    name = "initiatives"
    version = 6
    split_by = "initiative"
    rows = (
        InitiativeRow,
        ProposalRow,
        StageRow,
        RelationRow,
        MilestoneRow,
        PositionRow,
        TermRow,
        DiscussionRow,
        MentionRow,
    )

    @on(ProposalMade)
    def proposed(self, rows: Rows, recorded: RecordedEvent[ProposalMade]) -> None:
        """Keep the account, and the stage it speaks of."""
        made = recorded.event
        rows.put(
            row_of(
                ProposalRow,
                recorded,
                initiative=made.proposal,
                proposer=made.by,
                addressees=made.to,
            )
        )
        _put_stage(rows, recorded, made.firmness, by=made.by)
        known = rows.get(InitiativeRow, made.proposal)
        assert known is not None  # just put, if it was not there
        parties = tuple(dict.fromkeys((*known.parties, *made.parties)))
        rows.put(changed(known, title=known.title or made.title, parties=parties))
        if made.meeting is not None:
            _mention(rows, recorded, made.proposal, "meeting", made.meeting)
        _put_terms(rows, recorded, (made.proposal,), made.by, made.terms)

    @on(RelationNoted)
    def related(self, rows: Rows, recorded: RecordedEvent[RelationNoted]) -> None:
        """Keep the relation from both sides, and the stage that it brings to the other."""
        noted = recorded.event
        there = (noted.proposal, noted.relation, noted.other)
        back = (noted.other, _REVERSED[noted.relation], noted.proposal)
        for initiative, relation, other in (there, back):
            _keep_in_view(rows, recorded, initiative)
            rows.put(
                row_of(RelationRow, recorded, initiative=initiative, relation=relation, other=other)
            )
        if noted.relation in _STAGE_OF_RELATION:
            stage = _STAGE_OF_RELATION[noted.relation]
            _put_stage(rows, recorded, stage, noted.other, text=noted.reason)

    @on(MilestoneReached)
    def reached(self, rows: Rows, recorded: RecordedEvent[MilestoneReached]) -> None:
        """Keep what was done."""
        made = recorded.event
        _keep_in_view(rows, recorded, made.proposal)
        rows.put(row_of(MilestoneRow, recorded, initiative=made.proposal))
        if made.meeting is not None:
            _mention(rows, recorded, made.proposal, "meeting", made.meeting)
        for plan in made.fulfils:
            _mention(rows, recorded, made.proposal, "plan", plan)
        _put_terms(rows, recorded, (made.proposal,), None, made.terms)

    @on(ProposalAmended)
    def amended(self, rows: Rows, recorded: RecordedEvent[ProposalAmended]) -> None:
        """Keep the terms as they are from here on."""
        made = recorded.event
        _keep_in_view(rows, recorded, made.proposal)
        _put_terms(rows, recorded, (made.proposal,), made.by, made.terms)

    @on(ProposalAnswered)
    def answered(self, rows: Rows, recorded: RecordedEvent[ProposalAnswered]) -> None:
        """An answer is a position of the party's own, on the proposal that it answers."""
        made = recorded.event
        if made.proposal is None:
            return
        _keep_in_view(rows, recorded, made.proposal)
        rows.put(
            row_of(
                PositionRow,
                recorded,
                initiative=made.proposal,
                party=made.on_behalf_of or made.by,
                stance=_STANCE_OF_ANSWER[made.answer],
                own=True,
                speaker=made.by,
                summary=made.text,
            )
        )

    @on(ProposalDiscussed)
    def discussed(self, rows: Rows, recorded: RecordedEvent[ProposalDiscussed]) -> None:
        """Talks between parties make it a negotiation."""
        made = recorded.event
        rows.put(row_of(DiscussionRow, recorded, initiative=made.proposal))
        if made.meeting is not None:
            _mention(rows, recorded, made.proposal, "meeting", made.meeting)
        _put_stage(rows, recorded, "negotiating")

    @on(ProposalWithdrawn)
    def withdrawn(self, rows: Rows, recorded: RecordedEvent[ProposalWithdrawn]) -> None:
        """Taken back."""
        _put_stage(rows, recorded, "withdrawn", by=recorded.event.by)

    @on(ProposalLapsed)
    def lapsed(self, rows: Rows, recorded: RecordedEvent[ProposalLapsed]) -> None:
        """Come to nothing, or at rest."""
        _put_stage(rows, recorded, recorded.event.state, by=recorded.event.by)

    @on(ProposalAdopted)
    def adopted(self, rows: Rows, recorded: RecordedEvent[ProposalAdopted]) -> None:
        """Agreed: a position that every party to the agreement has taken."""
        made = recorded.event
        if made.proposal is None:
            return
        _put_agreement(rows, recorded, made.proposal, dict.fromkeys(made.parties))

    @on(DocumentSigned)
    def signed(self, rows: Rows, recorded: RecordedEvent[DocumentSigned]) -> None:
        """A document that adopts a proposal is an agreement on it; its terms are the proposal's."""
        made = recorded.event
        signatories = {one.actor: one.on_behalf_of for one in made.signatories}
        for initiative in made.adopts:
            _put_agreement(rows, recorded, initiative, signatories)
        concerned = tuple(dict.fromkeys((*made.adopts, *made.about)))
        _put_terms(rows, recorded, concerned, None, made.terms)
        for initiative in concerned:
            _mention(rows, recorded, initiative, "document", made.document)
            if made.meeting is not None:
                _mention(rows, recorded, initiative, "meeting", made.meeting)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Keep what it says of the initiatives it is about, and nothing for any other."""
        made = recorded.event
        _put_terms(rows, recorded, made.about, made.speaker, made.terms)
        for initiative in made.about:
            _mention(rows, recorded, initiative, "statement", recorded.id)
            if made.meeting is not None:
                _mention(rows, recorded, initiative, "meeting", made.meeting)
            for position in made.positions:
                rows.put(
                    row_of(
                        PositionRow,
                        recorded,
                        position,
                        initiative=initiative,
                        own=position.party in (made.speaker, made.on_behalf_of),
                        speaker=made.speaker,
                        on_behalf_of=made.on_behalf_of,
                        summary=position.summary or made.text,
                    )
                )

    @on(MeetingAnnounced, MeetingHeld)
    def met(self, rows: Rows, recorded: RecordedEvent[MeetingAnnounced | MeetingHeld]) -> None:
        """Keep which meetings concern an initiative; what they are is kept with the meetings."""
        for initiative in recorded.event.about:
            _mention(rows, recorded, initiative, "meeting", recorded.event.meeting)

    @on(PlanAnnounced)
    def planned(self, rows: Rows, recorded: RecordedEvent[PlanAnnounced]) -> None:
        """Keep which plans do, likewise."""
        for initiative in recorded.event.about:
            _mention(rows, recorded, initiative, "plan", recorded.event.plan)


def _put_stage(
    rows: Rows,
    recorded: RecordedEvent[Any],
    stage: str,
    initiative: str | None = None,
    *,
    by: str | None = None,
    parties: tuple[str, ...] = (),
    text: str | None = None,
) -> None:
    initiative = recorded.event.proposal if initiative is None else initiative
    rows.put(
        row_of(
            StageRow,
            recorded,
            initiative=initiative,
            stage=stage,
            by=by,
            parties=parties,
            place=getattr(recorded.event, "place", None),
            text=recorded.event.text if text is None else text,
        )
    )
    _keep_in_view(rows, recorded, initiative)


def _keep_in_view(rows: Rows, recorded: RecordedEvent[Any], initiative: str) -> None:
    """An initiative whose proposal was retracted, or is not yet in view, keeps what names it."""
    if rows.get(InitiativeRow, initiative) is None:
        rows.put(InitiativeRow(initiative, None, (), recorded.basis))


def _put_agreement(
    rows: Rows, recorded: RecordedEvent[Any], initiative: str, signed: Mapping[str, str | None]
) -> None:
    """The stage, and the position that every signatory has taken, for itself or for its party."""
    parties = tuple(dict.fromkeys(party or signatory for signatory, party in signed.items()))
    _put_stage(rows, recorded, "agreed", initiative, parties=parties)
    for signatory, party in signed.items():
        rows.put(
            row_of(
                PositionRow,
                recorded,
                initiative=initiative,
                party=party or signatory,
                stance="favourable",
                own=True,
                speaker=signatory,
                on_behalf_of=party,
                summary=recorded.event.text,
            )
        )


def _mention(
    rows: Rows, recorded: RecordedEvent[Any], initiative: str, kind: str, thing: str
) -> None:
    # A statement is mentioned by itself alone, so there is no earlier row to look for.
    known = None if kind == "statement" else rows.get(MentionRow, initiative, kind, thing)
    events = dict.fromkeys((*(known.events if known else ()), *recorded.basis))
    rows.put(MentionRow(initiative, kind, thing, tuple(events)))
    _keep_in_view(rows, recorded, initiative)


def _put_terms(
    rows: Rows,
    recorded: RecordedEvent[Any],
    initiatives: tuple[str, ...],
    speaker: str | None,
    terms: tuple[Term, ...],
) -> None:
    for initiative in initiatives:
        for number, term in enumerate(terms, start=1):
            rows.put(
                row_of(
                    TermRow, recorded, term, initiative=initiative, number=number, speaker=speaker
                )
            )
