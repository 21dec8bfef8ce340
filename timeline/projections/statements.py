"""What was said, by whom, for whom, about what."""

from __future__ import annotations

from typing import Annotated

from timeline.dates import When
from timeline.engine.projection import OfEvent, Projection, Rows, Subject, changed, on, row, row_of
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


@row("disputed_events", key=("target",))
class DisputedRow:
    """One event whose report statements call wrong: who says so, by which statements."""

    target: Annotated[str, Subject("event", "disputes")]
    speakers: tuple[str, ...]
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


class Disputes(Projection):
    """The events whose reports are called wrong."""

    name = "disputes"
    split_by = "target"
    rows = (DisputedRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Keep who calls which reports wrong; nobody disputes a report by making it."""
        for target in dict.fromkeys(recorded.event.disputes):
            if target != recorded.id:
                known = rows.get(DisputedRow, target) or DisputedRow(target, (), ())
                speakers = dict.fromkeys((*known.speakers, recorded.event.speaker))
                events = (*known.events, *recorded.basis)
                rows.put(changed(known, speakers=tuple(speakers), events=events))
