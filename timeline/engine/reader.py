"""How an event gets from the log to a handler: stored, amended, cut off, handed over.

Kept rows, views as of a moment, split folds and `timeline.testing` all take this way, so that a
projection gives the same rows in each of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from timeline.engine.amendments import Amendments
from timeline.engine.cutoff import ALL, Horizon
from timeline.engine.projection import Projection
from timeline.engine.rows import Rows
from timeline.events import RecordedEvent, Redacted
from timeline.log.codec import Codec


@attrs.frozen
class Read:
    """An event as stored, and as amended; None where it is withdrawn or out of view."""

    stored: RecordedEvent[Any]
    amended: RecordedEvent[Any] | None

    def meant_for(self, projection: Projection) -> RecordedEvent[Any] | None:
        """The event as this projection gets it; None where it does not get it."""
        event = self.stored if projection.raw else self.amended
        return None if event is None or isinstance(event.event, Redacted) else event

    def handled_by(self, projection: Projection, rows: Rows) -> None:
        """Let a projection handle the event, if it gets it."""
        event = self.meant_for(projection)
        if event is not None:
            handle(projection, rows, event)


class Reader:
    """Reads stored events under amendments, up to a cutoff.

    Args:
        codec: knows the events.
        amendments: all that may bear on the events; those out of view have no effect.
        horizon: what is in view; everything, if not given.
    """

    def __init__(
        self,
        codec: Codec,
        amendments: Iterable[RecordedEvent[Any]],
        horizon: Horizon | None = None,
    ) -> None:
        self._horizon = Horizon(ALL) if horizon is None else horizon
        in_view = (event for event in map(self._horizon.seen, amendments) if event is not None)
        self.amendments = Amendments(codec, in_view)

    def read(self, stored: RecordedEvent[Any]) -> Read:
        """The event as stored, and as it reads in view.

        Raises:
            InvalidEvent: a correction does not fit the event it names.
        """
        amended = self.amendments.apply(stored)
        return Read(stored, None if amended is None else self._horizon.seen(amended))


def handle(projection: Projection, rows: Rows, event: RecordedEvent[Any]) -> None:
    """Let a projection handle an event; the note of an error names the event and its position."""
    try:
        projection.handle(rows, event)
    except Exception as error:
        error.add_note(
            f"in projection {projection.name!r}, at position {event.position}: {event.type} "
            f"{event.id!r}"
        )
        raise
