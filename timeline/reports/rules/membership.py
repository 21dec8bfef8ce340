"""Who belonged to a body at some time, by all reports of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

import attrs

from timeline.dates import When
from timeline.engine.projection import View
from timeline.models.directory import MembershipRow
from timeline.reports.actors import reported

_LONG = timedelta(days=366)
"""A report of a membership that gives no beginning tells nothing of times this long before it."""


@attrs.frozen
class _Report:
    """One report of a membership, and the date that it speaks of."""

    row: MembershipRow
    reported: When | None

    @property
    def ended(self) -> When | None:
        """When it was over, at the latest: who is called a former member had left by then."""
        if self.row.status != "former member":
            return self.row.until
        return self.row.until or self.row.since or self.reported

    @property
    def confirmed(self) -> Iterable[When]:
        """When it was on, by this report; what ended before that was another membership."""
        known = (self.row.since, None if self.row.until else self.reported)
        return (each for each in known if each is not None)

    def begun(self, moment: When) -> bool | None:
        """Whether it may have been on by then; None where this report tells nothing of it."""
        if self.row.since is not None:
            return not self.row.since.certainly_after(moment)
        spoken_of = self.row.until or self.reported
        return None if spoken_of is not None and _long_before(moment, spoken_of) else True


@attrs.frozen
class Membership:
    """What is reported of one actor and one body."""

    reports: tuple[_Report, ...]

    def current(self, dates: Sequence[When]) -> list[MembershipRow]:
        """The reports by which the actor may have been a member on one of the dates."""
        return [
            each.row
            for each in self._of_members()
            if any(each.begun(date) and not self._over(each, date) for date in dates)
        ]

    def at(self, dates: Sequence[When]) -> bool | None:
        """Whether the actor may have been a member on one of the dates; None if nothing tells."""
        if self.current(dates):
            return True
        untold = any(each.begun(date) is None for each in self._of_members() for date in dates)
        return None if untold else False

    def _of_members(self) -> Iterable[_Report]:
        return (each for each in self.reports if each.row.status == "member")

    def _over(self, report: _Report, moment: When) -> bool:
        """Whether it had ended, by this report or another."""
        own = report.row.until
        return (own is not None and moment.certainly_after(own)) or any(
            moment.certainly_after(end)
            and not any(on.certainly_after(end) for on in report.confirmed)
            for end in (each.ended for each in self.reports)
            if end is not None
        )


class Memberships:
    """What is reported of the members of a body, as reported; each body is looked up once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._of: dict[str, dict[str, Membership]] = {}

    def of(self, body: str | None) -> dict[str, Membership]:
        """The actors that were said to belong to the body in some way; none without a body."""
        if body is None:
            return {}
        if body not in self._of:
            self._of[body] = self._found(body)
        return self._of[body]

    def _found(self, body: str) -> dict[str, Membership]:
        found: dict[str, list[_Report]] = defaultdict(list)
        for row in self._view.all(MembershipRow, of=body):
            found[row.actor].append(_Report(row, reported(self._view, row.events)))
        return {actor: Membership(tuple(reports)) for actor, reports in found.items()}


def _long_before(one: When, other: When) -> bool:
    end, start = one.reach[1], other.reach[0]
    return end is not None and start is not None and start - end > _LONG
