"""What happened: a row an event, by time, by the actors and by the proposals that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import attrs

from timeline.dates import When
from timeline.engine.projection import (
    OfEvent,
    OfMeeting,
    OfPlan,
    OfProposal,
    Projection,
    Rows,
    Subject,
    on,
    row,
)
from timeline.events import (
    AttendanceReported,
    ConductReported,
    DocumentSigned,
    DocumentStatusReported,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
    MembershipReported,
    MilestoneReached,
    PlanAnnounced,
    PlanOutcomeReported,
    PlanPostponed,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalLapsed,
    ProposalMade,
    ProposalWithdrawn,
    RecordedEvent,
    RoleReported,
    StatementMade,
    references,
)
from timeline.events.named_ids import plain

_WORDS = ("firmness", "answer", "outcome", "role", "status", "state")
_DUE = ("planned", "due", "until", "deadline")


@row("happenings", key=("event",))
class HappeningRow:
    """One event of the world, of whatever type.

    `occurred` is when it happened; for an office or a membership when it began, where that is
    known. `planned` is what it sets a date for: a meeting or a plan to come, the end of an office.
    `word` is its firmness, answer, outcome, office or status. `involved` has each actor that it
    names with its part: the field, or for those at a meeting the status, and `as chair` where it
    has a role.
    """

    event: OfEvent
    position: int
    type: str
    occurred: When | None
    planned: When | None
    meeting: OfMeeting | None
    plan: OfPlan | None
    about: tuple[str, ...]
    title: str | None
    place: str | None
    word: str | None
    text: str | None
    involved: tuple[tuple[str, str], ...]
    events: tuple[str, ...]


@row("involvements", key=("actor", "event"))
class InvolvementRow:
    """One actor that an event of the world names; see `HappeningRow` for the part it has."""

    actor: Annotated[str, Subject("actor")]
    event: str


@row("concerns", key=("proposal", "event"))
class ConcernRow:
    """One proposal that an event of the world names."""

    proposal: OfProposal
    event: str


class Chronology(Projection):
    """All that happened in the world, whatever it was."""

    name = "chronology"
    version = 2
    split_by = "event"
    rows = (HappeningRow, InvolvementRow, ConcernRow)

    @on(
        StatementMade,
        ProposalMade,
        ProposalAmended,
        ProposalAnswered,
        ProposalDiscussed,
        ProposalWithdrawn,
        ProposalLapsed,
        ProposalAdopted,
        MilestoneReached,
        DocumentSigned,
        DocumentStatusReported,
        MeetingAnnounced,
        MeetingRescheduled,
        MeetingCalledOff,
        MeetingHeld,
        AttendanceReported,
        PlanAnnounced,
        PlanPostponed,
        PlanOutcomeReported,
        RoleReported,
        MembershipReported,
        ConductReported,
    )
    def happened(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Keep what it says, and whom and what it names."""
        said = recorded.event
        named = list(references(said))
        involved = tuple(dict.fromkeys(_parts(said, named)))
        proposals = tuple(dict.fromkeys(id for _, of, id in named if of == "proposal"))
        due, word = _fields(type(said))
        rows.put(
            HappeningRow(
                event=recorded.id,
                position=recorded.position,
                type=recorded.type,
                occurred=getattr(said, "since", None) or recorded.occurred,
                planned=None if due is None else getattr(said, due),
                meeting=getattr(said, "meeting", None),
                plan=getattr(said, "plan", None),
                about=proposals,
                title=getattr(said, "title", None),
                place=getattr(said, "place", None),
                word=None if word is None else getattr(said, word),
                text=getattr(said, "text", None),
                involved=involved,
                events=recorded.basis,
            )
        )
        for actor in dict.fromkeys(actor for actor, _ in involved):
            rows.put(InvolvementRow(actor, recorded.id))
        for proposal in proposals:
            rows.put(ConcernRow(proposal, recorded.id))


_fields_of: dict[type, tuple[str | None, str | None]] = {}


def _fields(cls: type) -> tuple[str | None, str | None]:
    """The fields of a class that hold what it sets a date for, and its word."""
    if cls not in _fields_of:
        names = attrs.fields_dict(cls)
        due = next((name for name in _DUE if name in names), None)
        _fields_of[cls] = due, next((name for name in _WORDS if name in names), None)
    return _fields_of[cls]


def _parts(said: Any, named: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """Each actor that an event names, with its part."""
    for entry in getattr(said, "attendance", ()):
        yield entry.actor, entry.status
        if entry.role:
            yield entry.actor, f"as {entry.role}"
    for path, category, id in named:
        if category == "actor":
            field = plain(path) if "[" in path else path
            if field != "attendance.actor":
                yield id, field
