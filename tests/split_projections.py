"""Projections as users write them, in a module that workers can import."""

import os
from itertools import pairwise
from typing import Annotated, Any

from timeline import (
    AttendanceReported,
    EventStore,
    MeetingHeld,
    Projection,
    RecordedEvent,
    Rows,
    StatementMade,
    changed,
    event,
    on,
    row,
)
from timeline.distributed.split import Splitter
from timeline.engine.projection import Subject
from timeline.engine.reader import Amendments
from timeline.events import SourceAdded
from timeline.log.query import Query


@event(category="tariff", subject="goods")
class TariffImposed:
    goods: str
    percent: float
    by: tuple[str, ...] = ()


@row("tariffs", key=("goods",))
class TariffRow:
    goods: Annotated[str, Subject("tariff", "goods")]
    percent: float
    times: int
    by: tuple[str, ...]
    events: tuple[str, ...]


class Tariffs(Projection):
    """Keeps a count, by a category of its own, and takes a row back."""

    name, rows, split_by = "tariffs", (TariffRow,), "goods"

    @on(TariffImposed)
    def imposed(self, rows: Rows, recorded: RecordedEvent[TariffImposed]) -> None:
        said = recorded.event
        known = rows.get(TariffRow, said.goods)
        if said.percent == 0:
            rows.delete(TariffRow, said.goods)
            return
        times, events = (known.times, known.events) if known else (0, ())
        basis = (*events, *recorded.basis)
        rows.put(TariffRow(said.goods, said.percent, times + 1, said.by, basis))


@row("heard", key=("speaker", "publisher"))
class HeardRow:
    speaker: Annotated[str, Subject("actor", "speaker")]
    publisher: str
    times: int


@row("publishers", key=("source",))
class PublisherRow:
    source: str
    publisher: str


class Heard(Projection):
    """By whom each speaker is reported: every part needs to know who publishes what."""

    name, rows, split_by, shared = "heard", (HeardRow, PublisherRow), "speaker", (SourceAdded,)

    @on(SourceAdded)
    def added(self, rows: Rows, recorded: RecordedEvent[SourceAdded]) -> None:
        source = recorded.event.source
        rows.put(PublisherRow(source.id, source.publisher))

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        for each in recorded.evidence:
            known = rows.get(PublisherRow, each.source)
            publisher = known.publisher if known else "unknown"
            speaker = recorded.event.speaker
            count = rows.get(HeardRow, speaker, publisher) or HeardRow(speaker, publisher, 0)
            rows.put(changed(count, times=count.times + 1))


@row("present", key=("actor", "meeting"))
class PresentRow:
    actor: Annotated[str, Subject("actor", "attendance.actor")]
    meeting: str
    status: str
    events: tuple[str, ...]


class Present(Projection):
    """Several values from one event, each in a part of its own; some of them joined by mergers."""

    name, rows, split_by = "present", (PresentRow,), "actor"

    @on(MeetingHeld, AttendanceReported)
    def came(self, rows: Rows, recorded: RecordedEvent[MeetingHeld | AttendanceReported]) -> None:
        for each in recorded.event.attendance:
            known = rows.get(PresentRow, each.actor, recorded.event.meeting)
            basis = (*(known.events if known else ()), *recorded.basis)
            rows.put(PresentRow(each.actor, recorded.event.meeting, each.status, basis))


USERS = (Tariffs(), Heard(), Present())


@row("first_words", key=("word",))
class FirstWordRow:
    word: str
    speaker: Annotated[str, Subject("actor", "speaker")]


class FirstWords(Projection):
    """Says that it splits, and does not: rows of one key come from several speakers."""

    name, rows, split_by = "first_words", (FirstWordRow,), "speaker"

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        rows.put(FirstWordRow(recorded.event.text.split()[0], recorded.event.speaker))


class Deadly(Tariffs):
    """Kills whoever folds it, as a worker dies that takes too much memory."""

    name = "deadly"

    @on(TariffImposed)
    def imposed(self, rows: Rows, recorded: RecordedEvent[TariffImposed]) -> None:
        os._exit(1)


def in_parts(store: EventStore, projection: Projection, parts: int) -> list[Any]:
    """The rows of a projection, each part folded by itself."""
    end = store.head().position
    log = list(store.stored(until=end))
    splitter = Splitter(projection, store.codec, store.read_all(Query(Amendments.TYPES)))
    if splitter.division.alone:
        cuts = [end * part // parts for part in range(parts + 1)]
        stretches = pairwise(cuts)
        return [r for a, b in stretches for r in splitter.fold(log[a:b], None)]
    keys = [splitter.keys_of(row) for row in log]
    named = sorted({key for some in keys for key in some or ()})
    made = []
    for part in range(parts):
        own = set(named[part::parts])
        mine = [row for row, some in zip(log, keys, strict=True) if some is None or own & {*some}]
        made += splitter.fold(mine, own, common=part == 0)
    return made
