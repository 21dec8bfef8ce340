"""Conduct: what somebody did that is neither said, proposed nor a meeting."""

from __future__ import annotations

import attrs

from timeline.events.actors import strings
from timeline.events.base import ActorId, Text, event


@event(category="conduct", subject=None, evidence=True)
class ConductReported:
    """An actor was reported to have done something. `occurred` is when.

    For what the vocabulary has no event of its own for: aid given, sanctions imposed, forces moved.
    What matters to a record in more detail deserves an event class of one's own.

    Attributes:
        by: who did it.
        text: what was done, in the recorder's own words.
        toward: to whom, or for whom.
        jointly_with: who did it together with `by`.
        place: where.
    """

    by: ActorId
    text: Text
    toward: ActorId | None = None
    jointly_with: tuple[ActorId, ...] = attrs.field(default=(), converter=strings)
    place: str | None = None
