"""What a report was chosen by, as its title says it: in names, not ids."""

from __future__ import annotations

from collections.abc import Iterable

from timeline.dates import When
from timeline.engine.projection import View
from timeline.models.initiatives import InitiativeRow
from timeline.models.meetings import MeetingRow
from timeline.reports.evidence import Citer


def chosen_by(
    view: View,
    *,
    actor: str | None = None,
    initiative: str | None = None,
    meeting: str | None = None,
    series: str | None = None,
    others: Iterable[str | None] = (),
    since: When | None = None,
    until: When | None = None,
    certainly: bool = False,
) -> tuple[str, ...]:
    """What is given, in words.

    Args:
        view: where the names are looked up; what has none is called by its id.
        actor: the id of an actor.
        initiative: that of an initiative.
        meeting: that of a meeting.
        series: that of a series, which has no name but this.
        others: what is shown as it is.
        since: where the stretch of time begins.
        until: where it ends.
        certainly: whether only what is certainly of that time was chosen.
    """
    about = None if initiative is None else view.get(InitiativeRow, initiative)
    at = None if meeting is None else view.get(MeetingRow, meeting)
    given = [
        None if actor is None else str(Citer(view).name(actor)),
        (about and about.title) or initiative,
        (at and at.title) or meeting,
        f"series {series}" if series else None,
        *others,
        f"since {since}" if since else None,
        f"until {until}" if until else None,
        "certainly" if certainly else None,
    ]
    return tuple(filter(None, given))
