"""Which events are in view as of some moment, by whichever clock.

A cutoff is never a sort order; it only leaves events out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import attrs

from timeline.dates import When
from timeline.errors import InvalidInput
from timeline.events import (
    AMENDMENTS,
    MembershipReported,
    RecordedEvent,
    RoleReported,
    Source,
    SourceAdded,
    type_names,
)

_AMENDMENTS = type_names(*AMENDMENTS)


def _check_bounded(_instance: object, field: Any, value: When | None) -> None:
    if value is not None and value.latest is None:
        raise InvalidInput(f"{field.name}: expected a date that has an end; found {value.text!r}")


@attrs.frozen(kw_only=True)
class Cutoff:
    """What is in view: events that pass every limit given here; all events, if none is given.

    >>> Cutoff(position=10).narrowed(Cutoff(position=5)).position
    5

    Attributes:
        position: the log had come to this position.
        recorded: nothing in the log was recorded after this.
        published: one of its sources was published by then; evidence published later is left out
            too. Events without evidence, such as actors, stay.
        occurred: it had happened, or was said, by then, as far as is known now. Offices and
            memberships count from when they began.
        possibly: also take events that only may have been published or have happened by then,
            undated ones included.
    """

    position: int | None = None
    recorded: datetime | None = None
    published: When | None = attrs.field(default=None, validator=_check_bounded)
    occurred: When | None = attrs.field(default=None, validator=_check_bounded)
    possibly: bool = False

    def narrowed(self, by: Cutoff) -> Cutoff:
        """What is in view under both; of two limits that end together, the first stays.

        Raises:
            InvalidInput: one counts what is possible and the other only what is certain.
        """
        if self.possibly != by.possibly and self.by_content and by.by_content:
            raise InvalidInput("one view counts what is possible, the other only what is certain")
        return Cutoff(
            position=_earlier(self.position, by.position),
            recorded=_earlier(self.recorded, by.recorded),
            published=_first_to_end(self.published, by.published),
            occurred=_first_to_end(self.occurred, by.occurred),
            possibly=self.possibly or by.possibly,
        )

    def fixed_at(self, position: int) -> Cutoff:
        """The cutoff at a fixed position, so that later appends do not change the view."""
        return attrs.evolve(self, position=position, recorded=None)

    @property
    def by_content(self) -> bool:
        """Whether it looks at events one by one, and not only at how far the log had come."""
        return self.published is not None or self.occurred is not None

    @property
    def moment(self) -> When | None:
        """The moment a view with this cutoff shows; None where it has no limit by content."""
        return _first_to_end(self.occurred, self.published)

    def reached(self, moment: When | None, until: When, *, possibly: bool = False) -> bool:
        """Whether a moment had come by `until`: for certain, or possibly."""
        possibly = possibly or self.possibly
        if moment is None:
            return possibly
        earliest, latest = moment.reach_beside(until)
        if possibly:
            return earliest is None or earliest <= _end(until)
        return latest is not None and latest <= _end(until)


ALL = Cutoff()
"""Everything is in view."""


def _end(until: When) -> datetime:
    assert until.latest is not None  # `_check_bounded` refuses others
    return until.latest


def _earlier(one: Any, other: Any) -> Any:
    return min((limit for limit in (one, other) if limit is not None), default=None)


def _first_to_end(one: When | None, other: When | None) -> When | None:
    limits = [limit for limit in (one, other) if limit is not None]
    return min(limits, key=_end, default=None)


class Horizon:
    """Applies a cutoff to events, one by one.

    Args:
        cutoff: what is in view.
        published: when sources were published, by id; used where the cutoff limits that.
    """

    def __init__(
        self, cutoff: Cutoff, published: Mapping[str, When | None] = MappingProxyType({})
    ) -> None:
        self._cutoff = cutoff
        self._published = published
        self.by_content = cutoff.by_content

    def seen(self, event: RecordedEvent[Any]) -> RecordedEvent[Any] | None:
        """The event with the evidence that is in view; None where the event is out of view."""
        if not self.by_content:
            return event
        in_view = self._has_happened(event) and self._is_published(event)
        return self.trimmed(event) if in_view else None

    def trimmed(self, event: RecordedEvent[Any]) -> RecordedEvent[Any]:
        """The event without evidence that is out of view."""
        if self._cutoff.published is None:
            return event
        evidence = tuple(item for item in event.evidence if self._is_out(item.source))
        return event if evidence == event.evidence else attrs.evolve(event, evidence=evidence)

    def _has_happened(self, recorded: RecordedEvent[Any]) -> bool:
        until = self._cutoff.occurred
        # Amendments do not happen in the world; they hold for the whole record.
        if until is None or recorded.type in _AMENDMENTS:
            return True
        event = recorded.event
        if isinstance(event, RoleReported | MembershipReported):
            # A lasting state may be reported at any time: what counts is when it began.
            return event.since is None or self._cutoff.reached(event.since, until, possibly=True)
        kind = getattr(event, "__event_type__", None)
        if recorded.occurred is None and (kind is None or not kind.evidence):
            return True
        return self._cutoff.reached(recorded.occurred, until)

    def _is_published(self, event: RecordedEvent[Any]) -> bool:
        if self._cutoff.published is None:
            return True
        if isinstance(event.event, SourceAdded):
            return self._is_out(event.event.source.id)
        return not event.evidence or any(self._is_out(item.source) for item in event.evidence)

    def _is_out(self, source: str) -> bool:
        until = self._cutoff.published
        return until is None or self._cutoff.reached(self._published.get(source), until)


def publication(sources: Iterable[Source]) -> Mapping[str, When | None]:
    """When each source was published, or the date by which it was certainly out.

    An undated source was out when it was retrieved, and when another source cites or copies it,
    whichever came first. So its date follows from itself, the sources it is cited in, and its
    copies.
    """
    dates: dict[str, When | None] = {}
    certain: set[str] = set()
    implied: list[tuple[str, str]] = []
    for source in sources:
        known = source.published is not None and source.published.latest is not None
        dates[source.id] = source.published if known else source.retrieved or source.published
        if source.cited_in is not None:
            implied.append((source.id, source.cited_in))
        if source.copies is not None:
            implied.append((source.copies, source.id))
        if known:
            certain.add(source.id)
    implied = [(id, later) for id, later in implied if id not in certain]
    moved = True
    while moved:  # one date may follow from another, in whatever order they were recorded
        moved = False
        for source_id, later in implied:
            date, bound = dates.get(source_id), dates.get(later)
            if bound is not None and (date is None or _is_sooner(bound, date)):
                dates[source_id] = bound
                moved = True
    return dates


def _is_sooner(one: When, other: When) -> bool:
    ends = one.reach[1], other.reach[1]
    return ends[0] is not None and ends[1] is not None and ends[0] < ends[1]
