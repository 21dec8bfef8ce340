"""Plans other than meetings, and what was reported to have become of them."""

from __future__ import annotations

from timeline.dates import When
from timeline.engine.projection import OfEvent, OfPlan, Projection, Rows, on, row, row_of
from timeline.events import (
    MilestoneReached,
    PlanAnnounced,
    PlanOutcomeReported,
    PlanPostponed,
    RecordedEvent,
)


@row("plans", key=("event",))
class PlanRow:
    """One announcement of a plan; `occurred` is when it was made, `due` what it promised."""

    event: OfEvent
    plan: OfPlan
    title: str
    by: str
    position: int
    occurred: When | None
    due: When | None
    firmness: str
    about: tuple[str, ...]
    meeting: str | None
    text: str
    events: tuple[str, ...]


@row("plan_delays", key=("event",))
class PlanDelayRow:
    """One report that a plan was put off; `due` is its new date, None where none was given."""

    event: OfEvent
    plan: OfPlan
    position: int
    occurred: When | None
    due: When | None
    by: str | None
    text: str
    events: tuple[str, ...]


@row("plan_outcomes", key=("event", "plan"))
class PlanOutcomeRow:
    """One report of what became of a plan; `occurred` is when. A milestone may keep several."""

    event: OfEvent
    plan: OfPlan
    position: int
    occurred: When | None
    outcome: str
    text: str
    events: tuple[str, ...]


class Plans(Projection):
    """What was said to be coming, and whether it came."""

    name = "plans"
    split_by = "plan"
    version = 2
    rows = (PlanRow, PlanDelayRow, PlanOutcomeRow)

    @on(PlanAnnounced)
    def announced(self, rows: Rows, recorded: RecordedEvent[PlanAnnounced]) -> None:
        """Keep the announcement."""
        rows.put(row_of(PlanRow, recorded))

    @on(PlanPostponed)
    def postponed(self, rows: Rows, recorded: RecordedEvent[PlanPostponed]) -> None:
        """Keep the delay beside the announcements."""
        rows.put(row_of(PlanDelayRow, recorded))

    @on(MilestoneReached)
    def reached(self, rows: Rows, recorded: RecordedEvent[MilestoneReached]) -> None:
        """A milestone keeps the plans that it fulfils."""
        for plan in recorded.event.fulfils:
            rows.put(row_of(PlanOutcomeRow, recorded, plan=plan, outcome="kept"))

    @on(PlanOutcomeReported)
    def ended(self, rows: Rows, recorded: RecordedEvent[PlanOutcomeReported]) -> None:
        """Keep the report."""
        rows.put(row_of(PlanOutcomeRow, recorded))
