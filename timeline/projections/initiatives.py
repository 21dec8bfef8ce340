"""Initiatives: a proposal and all that follows it."""

from __future__ import annotations

from typing import Any

from timeline.clock import When
from timeline.events import (
    MeetingAnnounced,
    MeetingHeld,
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
from timeline.projection import Projection, on
from timeline.rows import Rows, changed, row

_STANCE_OF_ANSWER = {
    "accepted": "favourable",
    "conditional": "conditional",
    "deferred": "noncommittal",
    "rejected": "opposed",
}


@row("initiatives", key=("initiative",))
class InitiativeRow:
    """One initiative as it stands.

    `stage` is that of the latest stage-setting event in world time, `stage_event` its id; an event
    whose year is unknown sets no stage while a dated one exists. `title` is the first given.
    """

    initiative: str
    title: str | None
    parties: tuple[str, ...]
    stage: str
    stage_since: When | None
    stage_event: str
    stage_position: int
    stage_events: tuple[str, ...]
    events: tuple[str, ...]


@row("proposals", key=("event",))
class ProposalRow:
    """One account of the proposal being made. Competing accounts stand side by side."""

    event: str
    initiative: str
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
    """One event that bears on the stage of an initiative."""

    event: str
    initiative: str
    position: int
    occurred: When | None
    stage: str
    text: str
    events: tuple[str, ...]


@row("precedents", key=("event",))
class PrecedentRow:
    """One finding that an earlier proposal is a precedent."""

    event: str
    initiative: str
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

    event: str
    initiative: str
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

    event: str
    initiative: str
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

    event: str
    initiative: str
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
    """A statement or a meeting that concerns an initiative: `thing` is its event id or meeting."""

    initiative: str
    kind: str
    thing: str
    events: tuple[str, ...]


class Initiatives(Projection):
    """Each initiative's stage, proposals, positions, terms and talks."""

    name = "initiatives"
    version = 2
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
        """Keep the account; it sets the stage it speaks of."""
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
        known = rows.get(InitiativeRow, made.proposal)
        parties = dict.fromkeys((*(known.parties if known else ()), *made.parties))
        self._set_stage(rows, recorded, made.proposal, made.firmness, made.title, tuple(parties))
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
        """An answer is a position of the party's own."""
        made = recorded.event
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
        self._set_stage(rows, recorded, made.proposal, "negotiating")

    @on(ProposalWithdrawn)
    def withdrawn(self, rows: Rows, recorded: RecordedEvent[ProposalWithdrawn]) -> None:
        """Taken back."""
        self._set_stage(rows, recorded, recorded.event.proposal, "withdrawn")

    @on(ProposalAdopted)
    def adopted(self, rows: Rows, recorded: RecordedEvent[ProposalAdopted]) -> None:
        """Agreed."""
        self._set_stage(rows, recorded, recorded.event.proposal, "agreed")

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Keep what it says of the initiatives it is about, and nothing for any other."""
        made = recorded.event
        _put_terms(rows, recorded, made.about, made.speaker, made.terms)
        for initiative in made.about:
            _mention(rows, recorded, initiative, "statement", recorded.id)
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

    def _set_stage(
        self,
        rows: Rows,
        recorded: RecordedEvent[Any],
        initiative: str,
        stage: str,
        title: str | None = None,
        parties: tuple[str, ...] = (),
    ) -> None:
        rows.put(
            StageRow(
                event=recorded.id,
                initiative=initiative,
                position=recorded.position,
                occurred=recorded.occurred,
                stage=stage,
                text=recorded.event.text,
                events=recorded.basis,
            )
        )
        known = rows.get(InitiativeRow, initiative)
        if known is None:
            known = InitiativeRow(
                initiative=initiative,
                title=title,
                parties=parties,
                stage=stage,
                stage_since=recorded.occurred,
                stage_event=recorded.id,
                stage_position=recorded.position,
                stage_events=recorded.basis,
                events=recorded.basis,
            )
        elif latest_key(recorded.occurred, recorded.position) > latest_key(
            known.stage_since, known.stage_position
        ):
            known = changed(
                known,
                stage=stage,
                stage_since=recorded.occurred,
                stage_event=recorded.id,
                stage_position=recorded.position,
                stage_events=recorded.basis,
            )
        rows.put(changed(known, title=known.title or title, parties=parties or known.parties))


def latest_key(occurred: When | None, position: int) -> tuple[bool, Any, int]:
    """What "the latest" is decided by: undated before dated, then world time, then the log."""
    if occurred is None or occurred.earliest is None:
        return False, None, position
    return True, occurred.earliest, position


def _mention(
    rows: Rows, recorded: RecordedEvent[Any], initiative: str, kind: str, thing: str
) -> None:
    known = rows.get(MentionRow, initiative, kind, thing)
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
