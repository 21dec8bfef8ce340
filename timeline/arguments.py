"""What callers give, read: dates and stretches of time, things to record, and their evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from timeline.dates import When, just_before, when
from timeline.errors import InvalidEvent, InvalidInput
from timeline.events import Actor, ActorAdded, Evidence, Link, NewEvent, Source, SourceAdded
from timeline.events.evidence import links
from timeline.reports.changes import Clock

Occurred = When | str | date | datetime | None
"""World time as callers give it: EDTF text, a date, or an aware datetime."""


def instant(moment: datetime | str | None) -> datetime | None:
    """The instant; the end of the day, in UTC, where only a date is given."""
    given = when(moment)
    if given is None:
        return None
    if given.latest is None:
        raise InvalidInput(f"recorded: expected an instant or a date; found {given.text!r}")
    return given.latest


def stretch(
    clock: Clock, since: Occurred | int, until: Occurred | int, possibly: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `as_of` is asked for, just before a stretch and at its end."""
    if clock == "position":
        first, last = _positions(since, until)
        return {"position": first}, {"position": last}
    if clock not in {"occurred", "published", "recorded"}:
        raise InvalidInput(
            f"clock: expected occurred, published, recorded or position; found {clock!r}"
        )
    if isinstance(since, int) or isinstance(until, int):
        raise InvalidInput(f"by {clock}: expected dates; found {since!r} and {until!r}")
    start, end = when(since), when(until)
    if start is None or end is None or start.earliest is None or end.latest is None:
        raise InvalidInput(f"expected a stretch that has two ends; found {since} to {until}")
    if start.earliest > end.latest:
        raise InvalidInput(f"expected a stretch that ends after it starts; found {start} to {end}")
    before = just_before(start.earliest)
    if clock == "recorded":
        return {"recorded": before.latest}, {"recorded": end.latest}
    return {clock: before, "possibly": possibly}, {clock: end, "possibly": possibly}


def _positions(since: Occurred | int, until: Occurred | int) -> tuple[int, int]:
    try:
        first, last = int(str(since)), int(str(until))
    except ValueError:
        raise InvalidInput(f"expected two positions; found {since!r} and {until!r}") from None
    if first > last:
        raise InvalidInput(f"expected a stretch that ends after it starts; found {first} to {last}")
    return first, last


def added(thing: Actor | Source) -> NewEvent:
    """What records an actor or a source."""
    # The ids are derived, so that recording a thing twice is a retry and not a second event.
    if not isinstance(thing, Actor | Source):
        raise InvalidEvent(f"expected an Actor or a Source; found {thing!r:.80}")
    if isinstance(thing, Actor):
        return NewEvent(ActorAdded(thing), id=f"actor/{thing.id}")
    return NewEvent(SourceAdded(thing), id=f"source/{thing.id}")


def support(
    source: str | None,
    at: str | None,
    excerpt: str | None,
    according_to: Iterable[Link | str],
    evidence: Iterable[Evidence],
) -> tuple[Evidence, ...]:
    """The evidence of an append: of the source named with it, and what else was given."""
    chain = links(according_to)
    if source is not None:
        return Evidence(source, at, excerpt, chain), *evidence
    if at is not None or excerpt is not None or chain:
        raise InvalidEvent("at=, excerpt= and according_to= say more of a source: name it, source=")
    return tuple(evidence)
