"""Which events name what: the index by which a view as of a moment finds what it needs.

It tells where a thing was named in the log as recorded, whatever became of that: a view as of an
earlier position needs what has been corrected or retracted since. So it gets events raw, and new
amendments leave it as it is. What a correction changes a name to stands here too, by the words of
the correction alone; see `CORRECTED`.

Evidence is not in it: no row is found by who passed on what it says, and it would double the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from timeline.engine.projection import Projection, on
from timeline.engine.rows import Rows, row
from timeline.events import (
    VOCABULARY,
    EventCorrected,
    RecordedEvent,
    event_type,
    references,
)
from timeline.events.base import LONGEST_ID, value_at

CORRECTED = "corrected"
"""Stands for a category: a correction names each short text among its new values under it.

What kind of thing that is the named why of the events does that it corrects; whoever looks for a
thing looks for corrections to its id, too, and from there goes to the events.
"""

_INDEX = re.compile(r"\[\d+\]")


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
    def named(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Keep each thing once for each field."""
        for category, id, field in _named(recorded.event):
            rows.put(SubjectRow(f"{category}:{id}", recorded.type, field, recorded.position))


def _named(event: Any) -> Iterator[tuple[str, str, str]]:
    """Category, id and field of what an event names: its own subject first."""
    kind = event_type(event)
    if kind.category is not None and kind.subject is not None:
        own = value_at(event, kind.subject)
        if own is not None:
            yield kind.category, own, kind.subject
    for path, category, id in references(event):
        yield category, id, _INDEX.sub("", path)
    series = getattr(event, "series", None)
    if series is not None:
        yield "series", series, "series"
    if isinstance(event, EventCorrected):
        for text in _texts(event.changes):
            yield CORRECTED, text, "changes"


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
