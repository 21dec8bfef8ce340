"""This store, as users call it: typed events with evidence, checked, and chained by digests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks import raw, work
from timeline import (
    NewEvent,
    Projection,
    RecordedEvent,
    Rows,
    StatementMade,
    Timeline,
    changed,
    on,
    row,
)


@row("speakers", key=("speaker",))
class SpeakerRow:
    """How often a speaker spoke, and in which event last."""

    speaker: str
    times: int
    last: str


class Speakers(Projection):
    """Counts statements by speaker."""

    name, rows = "speakers", (SpeakerRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Count one."""
        speaker = recorded.event.speaker
        known = rows.get(SpeakerRow, speaker) or SpeakerRow(speaker, 0, "")
        rows.put(changed(known, times=known.times + 1, last=recorded.id))


class Ours:
    """`EventStore`, and for the projection `Timeline.rebuild`."""

    name = "timeline"

    def __init__(self, url: str) -> None:
        self.url = url
        self.timeline = Timeline.open(url, projections=[Speakers()])
        self.store = self.timeline.store

    def prepare(self, count: int, total: int) -> list[NewEvent]:
        """Typed events."""
        return list(work.news(count, total))

    def append(self, items: Sequence[NewEvent]) -> None:
        """By `append` or `append_all`."""
        if len(items) == 1:
            self.store.append(str(items[0].stream), items)
        else:
            self.store.append_all(items)

    def load(self, items: Sequence[NewEvent]) -> None:
        """By `load`."""
        getattr(self.store, "load", self.store.append_all)(items)

    def read_all(self) -> int:
        """By `read_all`; each event and its evidence are looked at, in case it is made late."""
        return lengths(self.store.read_all())

    def read_stream(self, number: int, total: int) -> int:
        """By `read_stream`."""
        return lengths(self.store.read_stream(work.stream(number, total)))

    def rebuild(self) -> int:
        """By `Timeline.rebuild`: read, amended, folded, built beside the live rows, switched."""
        return self.timeline.rebuild("speakers").position

    def size(self) -> int:
        """The table of events, with its indexes; on SQLite all that is in the file."""
        return raw.size(self.url, "timeline.timeline_events")

    def close(self) -> None:
        """Close the record."""
        self.timeline.close()


def lengths(found: Iterable[RecordedEvent[StatementMade]]) -> int:
    """The length of all texts."""
    return sum(len(recorded.event.text) + len(recorded.evidence) for recorded in found)
