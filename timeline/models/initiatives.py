"""Initiatives: a proposal and all that follows it."""

from __future__ import annotations

from typing import Any

from timeline.dates import When
from timeline.engine.projection import Projection, on
from timeline.engine.rows import OfEvent, OfProposal, Rows, changed, row
from timeline.events import (
    MeetingAnnounced,
    MeetingHeld,
    PlanAnnounced,
    PrecedentNoted,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalMade,
    ProposalWithdrawn,
    RecordedEvent,
    StatementMade,
    Term,
)

_STANCE_OF_ANSWER = {
    "accepted": "favourable",
    "conditional": "conditional",
    "deferred": "noncommittal",
    "rejected": "opposed",
}


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


@row("stages", key=("event",))
class StageRow:
    """One event that bears on the stage of an initiative.

    `by` is who put the proposal forward, or took it back; `parties` are those who agreed.
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


@row("precedents", key=("event",))
class PrecedentRow:
    """One finding that an earlier proposal is a precedent."""

    event: OfEvent
    initiative: OfProposal
    precedent: str
    position: int
    reason: str
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
    """What one event says of one term; `number` tells apart several of one name."""

    event: OfEvent
    initiative: OfProposal
    name: str
    number: int
    position: int
    occurred: When | None
    value: str
    speaker: str
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
    """A statement, a meeting or a plan that concerns an initiative.

    `thing` is the id of the statement's event, of the meeting or of the plan.
    """

    initiative: OfProposal
    kind: str
    thing: str
    events: tuple[str, ...]


class Initiatives(Projection):
    """Each initiative's stage, proposals, positions, terms and talks."""

    name = "initiatives"
    version = 4
    split_by = "initiative"
    rows = (
        InitiativeRow,
        ProposalRow,
        StageRow,
        PrecedentRow,
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
            ProposalRow(
                event=recorded.id,
                initiative=made.proposal,
                position=recorded.position,
                occurred=recorded.occurred,
                proposer=made.by,
                jointly_with=made.jointly_with,
                place=made.place,
                meeting=made.meeting,
                addressees=made.to,
                parties=made.parties,
                text=made.text,
                quotes=made.quotes,
                events=recorded.basis,
            )
        )
        self._put_stage(rows, recorded, made.firmness, made.by)
        known = rows.get(InitiativeRow, made.proposal)
        assert known is not None  # just put, if it was not there
        parties = tuple(dict.fromkeys((*known.parties, *made.parties)))
        rows.put(changed(known, title=known.title or made.title, parties=parties))
        if made.meeting is not None:
            _mention(rows, recorded, made.proposal, "meeting", made.meeting)
        _put_terms(rows, recorded, (made.proposal,), made.by, made.terms)

    @on(PrecedentNoted)
    def precedent(self, rows: Rows, recorded: RecordedEvent[PrecedentNoted]) -> None:
        """Keep the finding."""
        noted = recorded.event
        rows.put(
            PrecedentRow(
                event=recorded.id,
                initiative=noted.proposal,
                precedent=noted.precedent,
                position=recorded.position,
                reason=noted.reason,
                events=recorded.basis,
            )
        )

    @on(ProposalAmended)
    def amended(self, rows: Rows, recorded: RecordedEvent[ProposalAmended]) -> None:
        """Keep the terms as they are from here on."""
        made = recorded.event
        _put_terms(rows, recorded, (made.proposal,), made.by, made.terms)

    @on(ProposalAnswered)
    def answered(self, rows: Rows, recorded: RecordedEvent[ProposalAnswered]) -> None:
        """An answer is a position of the party's own, on the proposal that it answers."""
        made = recorded.event
        if made.proposal is None:
            return
        rows.put(
            PositionRow(
                event=recorded.id,
                initiative=made.proposal,
                party=made.on_behalf_of or made.by,
                position=recorded.position,
                occurred=recorded.occurred,
                stance=_STANCE_OF_ANSWER[made.answer],
                own=True,
                speaker=made.by,
                on_behalf_of=made.on_behalf_of,
                summary=made.text,
                events=recorded.basis,
            )
        )

    @on(ProposalDiscussed)
    def discussed(self, rows: Rows, recorded: RecordedEvent[ProposalDiscussed]) -> None:
        """Talks between parties make it a negotiation."""
        made = recorded.event
        rows.put(
            DiscussionRow(
                event=recorded.id,
                initiative=made.proposal,
                position=recorded.position,
                occurred=recorded.occurred,
                participants=made.participants,
                meeting=made.meeting,
                topics=made.topics,
                text=made.text,
                quotes=made.quotes,
                events=recorded.basis,
            )
        )
        if made.meeting is not None:
            _mention(rows, recorded, made.proposal, "meeting", made.meeting)
        self._put_stage(rows, recorded, "negotiating")

    @on(ProposalWithdrawn)
    def withdrawn(self, rows: Rows, recorded: RecordedEvent[ProposalWithdrawn]) -> None:
        """Taken back."""
        self._put_stage(rows, recorded, "withdrawn", recorded.event.by)

    @on(ProposalAdopted)
    def adopted(self, rows: Rows, recorded: RecordedEvent[ProposalAdopted]) -> None:
        """Agreed, which is a position that each of those who agreed has taken."""
        made = recorded.event
        if made.proposal is None:
            return
        self._put_stage(rows, recorded, "agreed", parties=made.parties)
        for party in made.parties:
            rows.put(
                PositionRow(
                    event=recorded.id,
                    initiative=made.proposal,
                    party=party,
                    position=recorded.position,
                    occurred=recorded.occurred,
                    stance="favourable",
                    own=True,
                    speaker=party,
                    on_behalf_of=None,
                    summary=made.text,
                    events=recorded.basis,
                )
            )

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
                    PositionRow(
                        event=recorded.id,
                        initiative=initiative,
                        party=position.party,
                        position=recorded.position,
                        occurred=recorded.occurred,
                        stance=position.stance,
                        own=position.party in (made.speaker, made.on_behalf_of),
                        speaker=made.speaker,
                        on_behalf_of=made.on_behalf_of,
                        summary=position.summary or made.text,
                        events=recorded.basis,
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
        self,
        rows: Rows,
        recorded: RecordedEvent[Any],
        stage: str,
        by: str | None = None,
        parties: tuple[str, ...] = (),
    ) -> None:
        initiative = recorded.event.proposal
        rows.put(
            StageRow(
                event=recorded.id,
                initiative=initiative,
                position=recorded.position,
                occurred=recorded.occurred,
                stage=stage,
                by=by,
                parties=parties,
                place=getattr(recorded.event, "place", None),
                text=recorded.event.text,
                events=recorded.basis,
            )
        )
        if rows.get(InitiativeRow, initiative) is None:
            rows.put(InitiativeRow(initiative, None, (), recorded.basis))


def latest_key(occurred: When | None, position: int) -> tuple[bool, Any, int]:
    """What "the latest" is decided by: undated before dated, then world time, then the log."""
    if occurred is None or occurred.earliest is None:
        return False, None, position
    return True, occurred.earliest, position


def _mention(
    rows: Rows, recorded: RecordedEvent[Any], initiative: str, kind: str, thing: str
) -> None:
    # A statement is mentioned by itself alone, so there is no earlier row to look for.
    known = None if kind == "statement" else rows.get(MentionRow, initiative, kind, thing)
    events = dict.fromkeys((*(known.events if known else ()), *recorded.basis))
    rows.put(MentionRow(initiative, kind, thing, tuple(events)))


def _put_terms(
    rows: Rows,
    recorded: RecordedEvent[Any],
    initiatives: tuple[str, ...],
    speaker: str,
    terms: tuple[Term, ...],
) -> None:
    for initiative in initiatives:
        for number, term in enumerate(terms, start=1):
            rows.put(
                TermRow(
                    event=recorded.id,
                    initiative=initiative,
                    name=term.name,
                    number=number,
                    position=recorded.position,
                    occurred=recorded.occurred,
                    value=term.value,
                    speaker=speaker,
                    events=recorded.basis,
                )
            )
