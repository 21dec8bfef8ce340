"""Looking back: which events are in view at some moment, by whichever clock.

A cutoff never sorts anything; it only leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import attrs

from timeline.dates import When
from timeline.engine.amendments import Amendments
from timeline.errors import InvalidInput
from timeline.events import (
    MembershipReported,
    RecordedEvent,
    RoleReported,
    Source,
    SourceAdded,
    event_type,
)


def _bounded(_instance: object, field: Any, value: When | None) -> None:
    if value is not None and value.latest is None:
        raise InvalidInput(f"{field.name}: expected a date that has an end; found {value.text!r}")


@attrs.frozen(kw_only=True)
class Cutoff:
    """What is in view: all that holds of an event that is given here. Nothing given, all is.

    Attributes:
        position: the log had come to this position.
        recorded: nothing in the log was recorded after this.
        published: a source that reports it was published by then; evidence published later is left
            out too. What has no evidence, such as an actor, stays.
        occurred: it had happened, or was said, by then, as far as is known now. Offices and
            memberships count from when they began.
        possibly: take in what only may have been published or happened by then, undated sources
            and events included.
    """

    position: int | None = None
    recorded: datetime | None = None
    published: When | None = attrs.field(default=None, validator=_bounded)
    occurred: When | None = attrs.field(default=None, validator=_bounded)
    possibly: bool = False

    def narrowed(self, by: Cutoff) -> Cutoff:
        """What is in view under both.

        Raises:
            InvalidInput: one counts what is possible and the other only what is certain.
        """
        if self.possibly != by.possibly and self.by_content and by.by_content:
            raise InvalidInput("one view counts what is possible, the other only what is certain")
        return Cutoff(
            position=_earlier(self.position, by.position),
            recorded=_earlier(self.recorded, by.recorded),
            published=_sooner(self.published, by.published),
            occurred=_sooner(self.occurred, by.occurred),
            possibly=self.possibly or by.possibly,
        )

    @property
    def by_content(self) -> bool:
        """Whether it looks at events one by one, and not only at how far the log had come."""
        return self.published is not None or self.occurred is not None

    def reached(self, moment: When | None, until: When, *, possibly: bool = False) -> bool:
        """Whether something of that date was there by then; for certain, or possibly."""
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
    assert until.latest is not None  # `_bounded` saw to that
    return until.latest


def _earlier(one: Any, other: Any) -> Any:
    return min((each for each in (one, other) if each is not None), default=None)


def _sooner(one: When | None, other: When | None) -> When | None:
    given = [each for each in (one, other) if each is not None]
    return min(given, key=_end, default=None)


class Horizon:
    """Applies a cutoff to events, one by one.

    Args:
        cutoff: what is in view.
        published: when sources were published, by id; only asked when that matters.
    """

    def __init__(
        self, cutoff: Cutoff, published: Mapping[str, When | None] = MappingProxyType({})
    ) -> None:
        self._cutoff = cutoff
        self._published = published

    def seen(self, event: RecordedEvent[Any]) -> RecordedEvent[Any] | None:
        """The event with the evidence that was there; None where it is out of view."""
        return self.trimmed(event) if self._happened(event) and self._told(event) else None

    def trimmed(self, event: RecordedEvent[Any]) -> RecordedEvent[Any]:
        """The event without the evidence that was not published yet."""
        if self._cutoff.published is None:
            return event
        kept = tuple(each for each in event.evidence if self._out(each.source))
        return event if kept == event.evidence else attrs.evolve(event, evidence=kept)

    def _happened(self, event: RecordedEvent[Any]) -> bool:
        until = self._cutoff.occurred
        # Amendments are the record's own doing, and hold for the whole of it.
        if until is None or event.type in Amendments.TYPES:
            return True
        said = event.event
        if isinstance(said, RoleReported | MembershipReported):
            # What holds for years is reported at any time: what counts is when it began.
            return said.since is None or self._cutoff.reached(said.since, until, possibly=True)
        if event.occurred is None and not getattr(said, "__event_type__", _NONE).evidence:
            return True
        return self._cutoff.reached(event.occurred, until)

    def _told(self, event: RecordedEvent[Any]) -> bool:
        if self._cutoff.published is None:
            return True
        if isinstance(event.event, SourceAdded):
            return self._out(event.event.source.id)
        return not event.evidence or any(self._out(each.source) for each in event.evidence)

    def _out(self, source: str) -> bool:
        until = self._cutoff.published
        return until is None or self._cutoff.reached(self._published.get(source), until)


_NONE = event_type(SourceAdded)


def publication(sources: Iterable[Source]) -> Mapping[str, When | None]:
    """When each source was published; of one without a date, by when it was there at the latest.

    It was when it was retrieved, and when another one cites or copies it, whichever came first.
    That follows from the sources themselves, those that they are cited in, and their copies.
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
    while moved:  # one may follow from another, in whatever order they were recorded
        moved = False
        for pair in implied:
            moved = _brought_forward(dates, *pair) or moved
    return dates


def _brought_forward(dates: dict[str, When | None], source: str, later: str) -> bool:
    """Let a source have been there when another one was; says whether that changes its date."""
    before, by = dates.get(source), dates.get(later)
    if by is None or (before is not None and not _is_sooner(by, before)):
        return False
    dates[source] = by
    return True


def _is_sooner(one: When, other: When) -> bool:
    ends = one.reach[1], other.reach[1]
    return ends[0] is not None and ends[1] is not None and ends[0] < ends[1]
