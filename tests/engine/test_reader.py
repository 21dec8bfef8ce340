"""One log gives the same rows kept, as of a moment, in parts, and in a test of a projection."""

from collections.abc import Iterable
from typing import Any

import hypothesis
import strategies
from hypothesis import strategies as st

from timeline import NewEvent, Projection, Timeline, on, row
from timeline.distributed.split import Splitter
from timeline.engine.amendments import Amendments
from timeline.engine.as_of import PartialView
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import View, key_of
from timeline.engine.runner import Projector
from timeline.events import VOCABULARY
from timeline.log import database
from timeline.models import BUILT_IN
from timeline.testing import given


@row("as_recorded", key=("position",))
class RawRow:
    position: int
    type: str
    text: str


class AsRecorded(Projection):
    name, rows, raw, split_by = "as-recorded", (RawRow,), True, "position"

    @on(*VOCABULARY)
    def recorded(self, rows, recorded):
        # The log sorts the keys of new values in a correction.
        text = "".join(sorted(repr(recorded.event)))
        rows.put(RawRow(recorded.position, recorded.type, text))


ALL = (*BUILT_IN, AsRecorded())


def in_order(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: (type(row).__name__, key_of(row)))


def rows_of(view: View, projection: Projection) -> list[Any]:
    return in_order(made for cls in projection.rows for made in view.all(cls))


def in_parts(record: Timeline, projection: Projection) -> list[Any]:
    store = record.store
    stored = list(store.stored())
    splitter = Splitter(projection, store.codec, store.read_all(types=Amendments.TYPES), 2)
    if splitter.division.alone:
        return splitter.fold(stored, None)
    mine = ([row for row in stored if part in splitter.parts_of(row)] for part in range(2))
    return [made for part, rows in enumerate(mine) for made in splitter.fold(rows, part)]


@hypothesis.given(strategies.histories(steps=5), st.data())
@hypothesis.settings(max_examples=10, deadline=None, phases=[hypothesis.Phase.generate])
def test_all_ways_to_fold_a_log_give_the_same_rows(
    history: list[strategies.Step], data: st.DataObject
) -> None:
    news = [new for step in history for new in step.events]
    with Timeline.open("sqlite://", projections=[AsRecorded()]) as record:
        for step in history:
            record.store.append_all(step.events)
        if news and data.draw(st.booleans(), label="take one down"):
            record.redact(data.draw(st.sampled_from(news)).id, reason="A court said so.")
            taken = list(record.store.read_all())[-1]
            news.append(NewEvent(taken.event, id=taken.id, stream=taken.stream))
        projector = Projector(record.store, ALL)
        projector.catch_up()
        lookback = PartialView(projector, Cutoff(position=record.store.head().position), small=0)
        # A record in memory has one connection: the kept rows are read before all else.
        with database.reading(record.store.engine) as connection:
            kept = {
                projection: rows_of(projector.view(connection), projection) for projection in ALL
            }
        for projection in ALL:
            tested = in_order(given(*news).folded_by(projection).rows)
            assert kept[projection] == tested, projection.name
            assert rows_of(lookback, projection) == tested, projection.name
            if projection.split_by is not None:
                assert in_order(in_parts(record, projection)) == tested, projection.name
