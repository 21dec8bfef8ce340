"""Where in the log each thing is named: the index by which a view as of a moment reads.

It covers the log as recorded, whatever was corrected or retracted later: a view as of an earlier
position needs that too. So the projection is raw, and new amendments leave its rows as they are.
What a correction changes a name to is in it as well; see `CORRECTED`.

Evidence is left out: no row is looked up by it, and it would double the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timeline.engine.projection import Projection, Rows, on, row
from timeline.events import (
    VOCABULARY,
    EventCorrected,
    RecordedEvent,
    References,
    RoleReported,
)
from timeline.events.actors import office_key
from timeline.events.base import LONGEST_ID
from timeline.events.named_ids import named, plain

CORRECTED = "corrected"
"""Category of the short texts among a correction's new values, any of which may be an id.

A correction holds raw values without a type. Look up `corrected:<id>`, then the events it amends.
"""


@row("subjects", key=("subject", "type", "field", "position"))
class SubjectRow:
    """One event that names one thing in one field.

    `subject` is `category:id`, such as `proposal:harbour`, `actor:smith`, `event:e1` or, of
    meetings, `series:summits`; of offices it has the words, as in `office:energy minister`.
    `field` is a path, such as `attendance.actor`.
    """

    subject: str
    type: str
    field: str
    position: int


class Subjects(Projection):
    """Every thing that events name, and where in the log that is."""

    name = "subjects"
    split_by = "position"
    rows = (SubjectRow,)
    raw = True

    @on(*VOCABULARY)
    def keep(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Keep one row for each thing and field."""
        event = recorded.event
        for path, category, id in (*named(event), *_offices(event), *new_values(event)):
            subject = f"{category}:{id}"
            rows.put(SubjectRow(subject, recorded.type, plain(path), recorded.position))


def _offices(event: Any) -> References:
    if isinstance(event, RoleReported):
        yield "role", "office", office_key(event.role)


def new_values(event: Any) -> References:
    """The short texts among the new values of a correction, any of which may be an id."""
    if isinstance(event, EventCorrected):
        for text in _short_texts(event.changes):
            yield "changes", CORRECTED, text
        role = event.changes.get("role")
        if isinstance(role, str):
            yield "changes", CORRECTED, office_key(role)


def _short_texts(value: Any) -> Iterator[str]:
    """Every text in a value that is short enough for an id."""
    if isinstance(value, str):
        if len(value) <= LONGEST_ID:
            yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _short_texts(item)
