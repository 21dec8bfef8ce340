"""What was done of an initiative: milestones, and the plans that they keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from timeline.engine.projection import View
from timeline.models.initiatives import MilestoneRow
from timeline.models.plans import PlanRow
from timeline.reports.document import Table, table
from timeline.reports.evidence import Citation, Citer, Named
from timeline.reports.model import by_time


@attrs.frozen
class MilestoneLine:
    """One report of something done.

    Attributes:
        occurred: when.
        title: its name.
        by: whose work it was.
        place: where.
        meeting: the id of the meeting it was done at.
        fulfils: the titles of the plans that it keeps.
        text: what was done, in the recorder's words.
        evidence: the event, and what amends it.
    """

    occurred: str | None
    title: str
    by: tuple[Named, ...]
    place: str | None
    meeting: str | None
    fulfils: tuple[str, ...]
    text: str
    evidence: tuple[Citation, ...]


def milestone_lines(view: View, citer: Citer, initiative: str) -> Iterator[MilestoneLine]:
    """A line for each milestone of an initiative, in order of world time."""
    for row in by_time(view.all(MilestoneRow, initiative=initiative)):
        plans = tuple(_title(view, plan) for plan in row.fulfils)
        yield citer.line(MilestoneLine, row, fulfils=plans)


def _title(view: View, plan: str) -> str:
    announced = view.all(PlanRow, plan=plan)
    return min(announced, key=lambda row: row.position).title if announced else plan


def milestones_table(title: str, lines: Iterable[MilestoneLine]) -> Table:
    """A table of milestones."""
    return table(
        title,
        lines,
        {
            "When": lambda line: line.occurred,
            "Milestone": lambda line: f"{line.title}, {line.place}" if line.place else line.title,
            "By": lambda line: line.by,
            "What": lambda line: line.text,
            "Keeps": lambda line: line.fulfils,
        },
    )
