"""Which events name what: the index by which a view as of a moment finds what it needs.

It tells where a thing was named in the log as recorded, whatever became of that: a view as of an
earlier position needs what has been corrected or retracted since. So it gets events raw, and new
amendments leave it as it is. What a correction changes a name to stands here too, by the words of
the correction alone; see `CORRECTED`.

Evidence is not in it: no row is found by who passed on what it says, and it would double the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timeline.engine.projection import Projection, on
from timeline.engine.rows import Rows, row
from timeline.events import (
    VOCABULARY,
    EventCorrected,
    RecordedEvent,
    References,
)
from timeline.events.base import LONGEST_ID
from timeline.events.ids import named, plain

CORRECTED = "corrected"
"""Stands for a category: a correction names each short text among its new values under it.

What kind of thing that is the named why of the events does that it corrects; whoever looks for a
thing looks for corrections to its id, too, and from there goes to the events.
"""


@row("subjects", key=("subject", "type", "field", "position"))
class SubjectRow:
    """One event that names one thing in one field.

    `subject` is `category:id`, such as `proposal:harbour`, `actor:smith`, `event:e1` or, of
    meetings, `series:summits`; `field` a path, such as `attendance.actor`.
    """

    subject: str
    type: str
    field: str
    position: int


class Subjects(Projection):
    """Every thing that an event names, and where in the log that is."""

    name = "subjects"
    split_by = "position"
    rows = (SubjectRow,)
    raw = True

    @on(*VOCABULARY)
    def keep(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Keep each thing once for each field."""
        for path, category, id in (*named(recorded.event), *_new_values(recorded.event)):
            subject = f"{category}:{id}"
            rows.put(SubjectRow(subject, recorded.type, plain(path), recorded.position))


def _new_values(event: Any) -> References:
    """The short texts among the new values of a correction: some may be ids."""
    if isinstance(event, EventCorrected):
        for text in _texts(event.changes):
            yield "changes", CORRECTED, text


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value that is short enough for an id."""
    if isinstance(value, str):
        if len(value) <= LONGEST_ID:
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
