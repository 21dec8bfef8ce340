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
    DocumentId,
    EventType,
    MeetingId,
    PlanId,
    ProposalId,
    SourceId,
    event,
    event_type,
    type_names,
)
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
from timeline.events.documents import Called, DocumentSigned, DocumentStatusReported, Signatory
from timeline.events.envelope import NewEvent, RecordedEvent
from timeline.events.evidence import Coding, Evidence, Fault, Link, Source, SourceAdded
from timeline.events.ids import References, references, renamed
from timeline.events.meetings import (
    Attendance,
    AttendanceReported,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
)
from timeline.events.plans import PlanAnnounced, PlanOutcomeReported, PlanPostponed
from timeline.events.proposals import (
    MilestoneReached,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalLapsed,
    ProposalMade,
    ProposalWithdrawn,
    RelationNoted,
)
from timeline.events.statements import ConductReported, Position, StatementMade, Term

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
    ProposalLapsed,
    ProposalAdopted,
    MilestoneReached,
    RelationNoted,
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
    "Called",
    "Coding",
    "ConductReported",
    "DisagreementNoted",
    "DocumentId",
    "DocumentSigned",
    "DocumentStatusReported",
    "EventCorrected",
    "EventCorroborated",
    "EventRedacted",
    "EventRetracted",
    "EventType",
    "Evidence",
    "Fault",
    "Link",
    "MeetingAnnounced",
    "MeetingCalledOff",
    "MeetingHeld",
    "MeetingId",
    "MeetingRescheduled",
    "MembershipReported",
    "MilestoneReached",
    "NewEvent",
    "Obsolete",
    "PlanAnnounced",
    "PlanId",
    "PlanOutcomeReported",
    "PlanPostponed",
    "Position",
    "ProposalAdopted",
    "ProposalAmended",
    "ProposalAnswered",
    "ProposalDiscussed",
    "ProposalId",
    "ProposalLapsed",
    "ProposalMade",
    "ProposalWithdrawn",
    "RecordedEvent",
    "Redacted",
    "References",
    "RelationNoted",
    "RoleReported",
    "Side",
    "Signatory",
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
