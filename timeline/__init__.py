"""An event-sourced record of who said, met and proposed what, when, and according to whom.

Start with `Timeline.open`. Here are the names that most programs need. The others are in the module
of their matter:

- `timeline.errors`: every error, drawn as a tree
- `timeline.events`: the vocabulary, ids and evidence
- `timeline.dates`: uncertain dates
- `timeline.log`: the event store beneath `Timeline` (`store`), archives (`archive`), the upcasting
  of old events (`codec`)
- `timeline.engine`: what keeps the read models, for projections of your own
- `timeline.projections`: the rows of the built-in projections
- `timeline.reports`: the reports, a module each, and what they are made of
- `timeline.formats`: the files that come in and go out
- `timeline.testing`: tests of projections
"""

TYPE_CHECKING = False
"""As in `typing`, which takes longer to import than all else that is imported here."""

if TYPE_CHECKING:
    from timeline.dates import When
    from timeline.engine.projection import Projection, Rows, Subject, View, changed, on, row
    from timeline.errors import (
        Conflict,
        DatabaseBusy,
        DatabaseError,
        InvalidDate,
        InvalidEvent,
        InvalidInput,
        InvalidRecord,
        NotFound,
        TimelineError,
        UnknownReference,
        WrongExpectedVersion,
    )
    from timeline.events import (
        Actor,
        ActorsDistinguished,
        ActorsMerged,
        Attendance,
        AttendanceReported,
        ConductReported,
        DisagreementNoted,
        DocumentSigned,
        EventCorrected,
        EventCorroborated,
        EventRetracted,
        Evidence,
        Link,
        MeetingAnnounced,
        MeetingCalledOff,
        MeetingHeld,
        MeetingRescheduled,
        MembershipReported,
        NewEvent,
        PlanAnnounced,
        PlanOutcomeReported,
        Position,
        ProposalAdopted,
        ProposalAmended,
        ProposalAnswered,
        ProposalDiscussed,
        ProposalMade,
        ProposalWithdrawn,
        RecordedEvent,
        RelationNoted,
        RoleReported,
        Side,
        Source,
        StatementMade,
        Term,
        event,
    )
    from timeline.log.append import Expected
    from timeline.log.codec import upcaster
    from timeline.log.store import EventStore
    from timeline.record import Snapshot, Timeline

__all__ = [
    "Actor",
    "ActorsDistinguished",
    "ActorsMerged",
    "Attendance",
    "AttendanceReported",
    "ConductReported",
    "Conflict",
    "DatabaseBusy",
    "DatabaseError",
    "DisagreementNoted",
    "DocumentSigned",
    "EventCorrected",
    "EventCorroborated",
    "EventRetracted",
    "EventStore",
    "Evidence",
    "Expected",
    "InvalidDate",
    "InvalidEvent",
    "InvalidInput",
    "InvalidRecord",
    "Link",
    "MeetingAnnounced",
    "MeetingCalledOff",
    "MeetingHeld",
    "MeetingRescheduled",
    "MembershipReported",
    "NewEvent",
    "NotFound",
    "PlanAnnounced",
    "PlanOutcomeReported",
    "Position",
    "Projection",
    "ProposalAdopted",
    "ProposalAmended",
    "ProposalAnswered",
    "ProposalDiscussed",
    "ProposalMade",
    "ProposalWithdrawn",
    "RecordedEvent",
    "RelationNoted",
    "RoleReported",
    "Rows",
    "Side",
    "Snapshot",
    "Source",
    "StatementMade",
    "Subject",
    "Term",
    "Timeline",
    "TimelineError",
    "UnknownReference",
    "View",
    "When",
    "WrongExpectedVersion",
    "changed",
    "event",
    "on",
    "row",
    "upcaster",
]

_HOMES = {
    "dates": "When",
    "engine.projection": "Projection Rows Subject View changed on row",
    "errors": (
        "Conflict DatabaseBusy DatabaseError InvalidDate InvalidEvent InvalidInput "
        "InvalidRecord NotFound TimelineError UnknownReference WrongExpectedVersion"
    ),
    "events": (
        "Actor ActorsDistinguished ActorsMerged Attendance AttendanceReported ConductReported "
        "DisagreementNoted DocumentSigned EventCorrected EventCorroborated EventRetracted Evidence "
        "Link MeetingAnnounced MeetingCalledOff MeetingHeld MeetingRescheduled MembershipReported "
        "NewEvent PlanAnnounced PlanOutcomeReported Position ProposalAdopted "
        "ProposalAmended ProposalAnswered ProposalDiscussed ProposalMade ProposalWithdrawn "
        "RecordedEvent RelationNoted RoleReported Side Source StatementMade Term event"
    ),
    "log.append": "Expected",
    "log.store": "EventStore",
    "log.codec": "upcaster",
    "record": "Snapshot Timeline",
}
"""The names of each module, imported when they are first asked for: the start stays fast."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names.split():
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
