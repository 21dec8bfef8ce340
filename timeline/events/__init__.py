"""The vocabulary: what can be said in the log.

Frozen attrs classes, one file a family, without input or output. The envelope (`NewEvent`,
`RecordedEvent`) and the evidence are the same for every event; the classes say what was reported.
"""

from __future__ import annotations

from timeline.events.actors import (
    Actor,
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    MembershipReported,
    RoleReported,
)
from timeline.events.base import (
    ActorId,
    EventType,
    MeetingId,
    PlanId,
    ProposalId,
    SourceId,
    event,
    event_type,
    type_names,
)
from timeline.events.conduct import ConductReported
from timeline.events.corrections import (
    DisagreementNoted,
    EventCorrected,
    EventCorroborated,
    EventRedacted,
    EventRetracted,
    Obsolete,
    Redacted,
    Side,
)
from timeline.events.envelope import NewEvent, RecordedEvent
from timeline.events.evidence import Coding, Evidence, Link
from timeline.events.ids import References, references, renamed
from timeline.events.meetings import (
    Attendance,
    AttendanceReported,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
)
from timeline.events.plans import PlanAnnounced, PlanOutcomeReported
from timeline.events.proposals import (
    PrecedentNoted,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalMade,
    ProposalWithdrawn,
)
from timeline.events.sources import Source, SourceAdded
from timeline.events.statements import Position, StatementMade, Term

VOCABULARY: tuple[type, ...] = (
    SourceAdded,
    ActorAdded,
    ActorsMerged,
    ActorsDistinguished,
    RoleReported,
    MembershipReported,
    StatementMade,
    ProposalMade,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalWithdrawn,
    ProposalAdopted,
    PrecedentNoted,
    MeetingAnnounced,
    MeetingRescheduled,
    MeetingCalledOff,
    MeetingHeld,
    AttendanceReported,
    PlanAnnounced,
    PlanOutcomeReported,
    ConductReported,
    EventCorrected,
    EventRetracted,
    EventCorroborated,
    DisagreementNoted,
    EventRedacted,
)
"""The event classes that come with the package."""

AMENDMENTS: tuple[type, ...] = (
    EventCorrected,
    EventRetracted,
    EventCorroborated,
    ActorsMerged,
    EventRedacted,
)
"""Those that change how other events are read."""

__all__ = [
    "AMENDMENTS",
    "VOCABULARY",
    "Actor",
    "ActorAdded",
    "ActorId",
    "ActorsDistinguished",
    "ActorsMerged",
    "Attendance",
    "AttendanceReported",
    "Coding",
    "ConductReported",
    "DisagreementNoted",
    "EventCorrected",
    "EventCorroborated",
    "EventRedacted",
    "EventRetracted",
    "EventType",
    "Evidence",
    "Link",
    "MeetingAnnounced",
    "MeetingCalledOff",
    "MeetingHeld",
    "MeetingId",
    "MeetingRescheduled",
    "MembershipReported",
    "NewEvent",
    "Obsolete",
    "PlanAnnounced",
    "PlanId",
    "PlanOutcomeReported",
    "Position",
    "PrecedentNoted",
    "ProposalAdopted",
    "ProposalAmended",
    "ProposalAnswered",
    "ProposalDiscussed",
    "ProposalId",
    "ProposalMade",
    "ProposalWithdrawn",
    "RecordedEvent",
    "Redacted",
    "References",
    "RoleReported",
    "Side",
    "Source",
    "SourceAdded",
    "SourceId",
    "StatementMade",
    "Term",
    "event",
    "event_type",
    "references",
    "renamed",
    "type_names",
]
