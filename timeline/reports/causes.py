"""Which events made a report change: those that only one of two views has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from timeline.dates import When
from timeline.engine.projection import View
from timeline.events import ActorsMerged, EventCorrected, EventRetracted, type_names
from timeline.models import BUILT_IN
from timeline.models.amendments import AmendmentRow, DisagreementRow
from timeline.models.chronology import HappeningRow
from timeline.models.directory import ActorRow
from timeline.reports.differences import Change, Row
from timeline.reports.document import Key
from timeline.reports.evidence import Citation, text

_REWRITINGS = type_names(EventCorrected, EventRetracted, ActorsMerged)
"""They change how events read. A cell that still reads the same is not confirmed by them."""


@attrs.frozen
class Cause:
    """The events that made a change; `published` is when sources that are new came out."""

    events: tuple[str, ...]
    by_time: bool = False
    published: str | None = None


class Causes:
    """Finds the events behind a change: those that only one of two views has.

    `named` has the changes of rows that are named, by the key of the row.
    """

    def __init__(
        self,
        earlier: View,
        later: View,
        named: Mapping[Key, Sequence[Change]],
        *,
        time_passed: bool,
    ) -> None:
        self._named = named
        self._later = later
        self._known, self._still = _in_view(earlier), _in_view(later)
        self._time_passed = time_passed
        amendments = {
            row.event: row.targets for row in later.all(AmendmentRow) if row.kind != "merged"
        }
        noted = {
            row.event: tuple(id for side in row.sides for id in side.events)
            for row in later.all(DisagreementRow)
        }
        self._targets = {
            id: targets for id, targets in (amendments | noted).items() if id not in self._known
        }
        amending = {row.event for row in later.all(AmendmentRow)} - self._known
        self._renamed = {
            actor.actor: [id for id in actor.events if id in amending]
            for actor in later.all(ActorRow)
            if amending.intersection(actor.events)
        }

    def of(self, change: Change, rows: Sequence[Row]) -> Cause:
        """The events that made a change in a table that now has these rows."""
        was = [cited.event for cited in change.was]
        now = [cited.event for cited in change.now]
        both = {*was, *now}
        gained = [id for id in now if id not in was]
        for events in (
            self._new(now),
            self._of_subject(change),
            [id for id, targets in self._targets.items() if both.intersection(targets)],
            self._renaming(change),
            self._new(id for row in _together(change, rows) for id in row.reports),
            self._of_the_same(both),
            [id for id in was if id not in self._still],
        ):
            if events:
                return Cause(tuple(dict.fromkeys(events)))
        events = [] if self._time_passed else gained
        return Cause(tuple(dict.fromkeys(events or now or was)), by_time=self._time_passed)

    def further(self, was: Iterable[Citation], now: Iterable[Citation]) -> Cause:
        """The new events, or new sources of events, behind a cell that says the same."""
        before = {cited.event: {source.source for source in cited.sources} for cited in was}
        events, dates = [], []
        for cited in (citation for citation in now if citation.type not in _REWRITINGS):
            known = before.get(cited.event, set())
            new = [source.published for source in cited.sources if source.source not in known]
            if cited.event not in self._known or (cited.event in before and new):
                events.append(cited.event)
                dates += [published for published in new if published is not None]
        first = min(map(When, dates), default=None)
        return Cause(tuple(dict.fromkeys(events)), published=text(first))

    def _new(self, events: Iterable[str]) -> list[str]:
        return [id for id in events if id not in self._known]

    def _of_subject(self, change: Change) -> Sequence[str]:
        """What first changed in the row of a party answers the question about it, or raises it."""
        changes = self._named.get(change.row.subject or ())
        return self.of(changes[0], ()).events if changes else ()

    def _renaming(self, change: Change) -> list[str]:
        """New names, and mergers, of the actors that the cells are about."""
        if not self._renamed:
            return []
        actors = change.row.actors | (change.old.actors if change.old else set())
        return [id for actor in sorted(actors) for id in self._renamed.get(actor, ())]

    def _of_the_same(self, events: Iterable[str]) -> list[str]:
        """New events of the plans and meetings that these events are of."""
        known = self._later.several(HappeningRow, sorted(events))
        return self._new(
            row.event
            for field in ("plan", "meeting")
            for subject in dict.fromkeys(getattr(event, field) for event in known)
            if subject is not None
            for row in self._later.all(HappeningRow, **{field: subject})
        )


def _together(change: Change, rows: Iterable[Row]) -> list[Row]:
    """The rows of the same matter, where several are of one."""
    key = change.row.key
    return [row for row in rows if row.name is None and key and row.key == key]


def _in_view(view: View) -> set[str]:
    """The events that any row rests on."""
    classes: list[type[Any]] = [cls for projection in BUILT_IN for cls in projection.rows]
    return {id for cls in classes for row in view.all(cls) for id in getattr(row, "events", ())}
