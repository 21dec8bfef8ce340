"""What was said, by whom, for whom, about what."""

from __future__ import annotations

from typing import Annotated

from timeline.dates import When
from timeline.engine.projection import OfEvent, Projection, Rows, Subject, on, row, row_of
from timeline.events import RecordedEvent, StatementMade


@row("statements", key=("event",))
class StatementRow:
    """One statement; the fields are those of `timeline.StatementMade`."""

    event: OfEvent
    position: int
    occurred: When | None
    speaker: Annotated[str, Subject("actor", "speaker")]
    on_behalf_of: str | None
    capacity: str | None
    addressee: str | None
    toward: str | None
    place: str | None
    meeting: str | None
    about: tuple[str, ...]
    topics: tuple[str, ...]
    disputes: tuple[str, ...]
    text: str
    quotes: tuple[str, ...]
    events: tuple[str, ...]


class Statements(Projection):
    """All statements, whether or not they concern an initiative."""

    name = "statements"
    version = 2
    split_by = "event"
    rows = (StatementRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Keep the statement as given."""
        said = recorded.event
        rows.put(row_of(StatementRow, recorded, addressee=said.to))
