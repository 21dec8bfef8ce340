"""Plans other than meetings, and what was reported to have become of them."""

from __future__ import annotations

from timeline.dates import When
from timeline.engine.projection import Projection, on
from timeline.engine.rows import OfEvent, OfPlan, Rows, row
from timeline.events import PlanAnnounced, PlanOutcomeReported, RecordedEvent


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


@row("plan_outcomes", key=("event",))
class PlanOutcomeRow:
    """One report of what became of a plan; `occurred` is when."""

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
    rows = (PlanRow, PlanOutcomeRow)

    @on(PlanAnnounced)
    def announced(self, rows: Rows, recorded: RecordedEvent[PlanAnnounced]) -> None:
        """Keep the announcement."""
        said = recorded.event
        rows.put(
            PlanRow(
                event=recorded.id,
                plan=said.plan,
                title=said.title,
                by=said.by,
                position=recorded.position,
                occurred=recorded.occurred,
                due=said.due,
                firmness=said.firmness,
                about=said.about,
                meeting=said.meeting,
                text=said.text,
                events=recorded.basis,
            )
        )

    @on(PlanOutcomeReported)
    def ended(self, rows: Rows, recorded: RecordedEvent[PlanOutcomeReported]) -> None:
        """Keep the report."""
        said = recorded.event
        rows.put(
            PlanOutcomeRow(
                event=recorded.id,
                plan=said.plan,
                position=recorded.position,
                occurred=recorded.occurred,
                outcome=said.outcome,
                text=said.text,
                events=recorded.basis,
            )
        )
