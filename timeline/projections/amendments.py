"""Which events were amended, and by which; and disagreements that somebody noted by hand."""

from __future__ import annotations

from typing import Annotated

from timeline.engine.projection import (
    OfEvent,
    OfMeeting,
    OfPlan,
    Projection,
    Rows,
    Subject,
    on,
    row,
    row_of,
)
from timeline.events import (
    ActorsMerged,
    DisagreementNoted,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    RecordedEvent,
    Side,
)


@row("amendments", key=("event",))
class AmendmentRow:
    """One amendment in force.

    `kind` is corrected, retracted, superseded, corroborated or merged; `targets` are the ids of the
    events it names, or of the actors that are merged into another.
    """

    event: OfEvent
    kind: str
    position: int
    targets: tuple[str, ...]
    reason: str | None
    superseded_by: str | None
    events: tuple[str, ...]


@row("amended_events", key=("target", "event"))
class AmendedRow:
    """One event that an amendment in force names; for what it says, see `AmendmentRow`."""

    target: Annotated[str, Subject("event", "events")]
    event: OfEvent
    kind: str
    events: tuple[str, ...]


@row("disagreements", key=("event",))
class DisagreementRow:
    """One finding that events are at odds, made by hand."""

    event: OfEvent
    question: str
    position: int
    sides: tuple[Side, ...]
    proposal: Annotated[str, Subject("proposal", "proposal")] | None
    meeting: OfMeeting | None
    plan: OfPlan | None
    document: Annotated[str, Subject("document", "document")] | None
    note: str | None
    events: tuple[str, ...]


@row("disagreed_events", key=("target", "event"))
class DisagreedRow:
    """One event on a side of a disagreement; for what it says, see `DisagreementRow`."""

    target: Annotated[str, Subject("event", "sides.events")]
    event: OfEvent
    events: tuple[str, ...]


class AmendmentsMade(Projection):
    """Corrections, retractions, further evidence, mergers and disagreements that hold."""

    name = "amendments"
    version = 3
    split_by = "event"
    rows = (AmendmentRow, AmendedRow, DisagreementRow, DisagreedRow)

    @on(EventCorrected)
    def corrected(self, rows: Rows, recorded: RecordedEvent[EventCorrected]) -> None:
        """Keep what was corrected, and why."""
        said = recorded.event
        _put(rows, recorded, "corrected", said.events, said.reason)

    @on(EventRetracted)
    def retracted(self, rows: Rows, recorded: RecordedEvent[EventRetracted]) -> None:
        """Keep what was retracted, and why."""
        said = recorded.event
        kind = "retracted" if said.superseded_by is None else "superseded"
        _put(rows, recorded, kind, said.events, said.reason, said.superseded_by)

    @on(EventCorroborated)
    def corroborated(self, rows: Rows, recorded: RecordedEvent[EventCorroborated]) -> None:
        """Keep what has further evidence."""
        _put(rows, recorded, "corroborated", recorded.event.events, recorded.event.note)

    @on(ActorsMerged)
    def merged(self, rows: Rows, recorded: RecordedEvent[ActorsMerged]) -> None:
        """Keep who was merged, and why."""
        _put(rows, recorded, "merged", recorded.event.others, recorded.event.reason)

    @on(DisagreementNoted)
    def disagreed(self, rows: Rows, recorded: RecordedEvent[DisagreementNoted]) -> None:
        """Keep the finding, and which events are at odds by it."""
        rows.put(row_of(DisagreementRow, recorded))
        for side in recorded.event.sides:
            for target in side.events:
                rows.put(DisagreedRow(target, recorded.id, recorded.basis))


def _put(
    rows: Rows,
    recorded: RecordedEvent[object],
    kind: str,
    targets: tuple[str, ...],
    reason: str | None,
    superseded_by: str | None = None,
) -> None:
    rows.put(
        row_of(
            AmendmentRow,
            recorded,
            kind=kind,
            targets=targets,
            reason=reason,
            superseded_by=superseded_by,
        )
    )
    if kind != "merged":
        for target in targets:
            rows.put(AmendedRow(target, recorded.id, kind, recorded.basis))
