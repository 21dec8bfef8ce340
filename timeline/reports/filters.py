"""What a report was asked for; its title says it in names, not ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from timeline.dates import Occurred, When, stretch, within
from timeline.engine.projection import View
from timeline.models.initiatives import InitiativeRow
from timeline.models.meetings import MeetingRow
from timeline.reports.evidence import Citer, text


@attrs.frozen
class Span:
    """A time to choose by; either end may be open."""

    since: When | None
    until: When | None
    certainly: bool

    @classmethod
    def of(cls, since: Occurred, until: Occurred, *, certainly: bool = False) -> Span:
        """The time between two dates, as a caller gives them.

        Raises:
            InvalidInput: it ends before it begins.
            InvalidDate, NaiveDatetime: not a date, or an instant without a zone.
        """
        return cls(*stretch(since, until), certainly)

    def holds(self, moment: When | None) -> bool:
        """Whether something of that date may have occurred in it, or certainly did."""
        return within(moment, self.since, self.until, certainly=self.certainly)

    @property
    def dates(self) -> dict[str, Any]:
        """The fields of a report that say what was asked for."""
        return {"since": text(self.since), "until": text(self.until)}


_EVER = Span(None, None, certainly=False)


def chosen_by(
    view: View,
    *,
    actor: str | None = None,
    initiative: str | None = None,
    meeting: str | None = None,
    series: str | None = None,
    others: Iterable[str | None] = (),
    span: Span = _EVER,
) -> tuple[str, ...]:
    """What is given, in words.

    Args:
        view: where the names are looked up; what has none is called by its id.
        actor: the id of an actor.
        initiative: that of an initiative.
        meeting: that of a meeting.
        series: that of a series, which has no name but this.
        others: what is shown as it is.
        span: the time that was asked for.
    """
    about = None if initiative is None else view.get(InitiativeRow, initiative)
    at = None if meeting is None else view.get(MeetingRow, meeting)
    given = [
        None if actor is None else str(Citer(view).name(actor)),
        (about and about.title) or initiative,
        (at and at.title) or meeting,
        f"series {series}" if series else None,
        *others,
        f"since {span.since}" if span.since else None,
        f"until {span.until}" if span.until else None,
        "certainly" if span.certainly else None,
    ]
    return tuple(filter(None, given))
