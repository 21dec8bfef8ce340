"""One log gives the same rows kept, as of a moment, in parts, and in a test of a projection."""

from collections.abc import Iterable
from typing import Any

import attrs
import hypothesis
import strategies
from hypothesis import strategies as st
from split_projections import in_parts

from timeline import NewEvent, Projection, RecordedEvent, Timeline, on, row
from timeline.engine.as_of import PartialView
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import OfEvent, View, key_of, shape_of
from timeline.engine.runner import Projector
from timeline.events import VOCABULARY
from timeline.log import database
from timeline.projections import BUILT_IN
from timeline.testing import given


def content(recorded: RecordedEvent[Any]) -> str:
    """All that a handler gets, but for the time of recording and what follows from it."""
    return repr(attrs.evolve(recorded, stamp="", digest=b""))


@row("as_recorded", key=("position",))
class RawRow:
    position: int
    type: str
    text: str


class AsRecorded(Projection):
    name, rows, raw, split_by = "as-recorded", (RawRow,), True, "position"

    @on(*VOCABULARY)
    def recorded(self, rows, recorded):
        rows.put(RawRow(recorded.position, recorded.type, content(recorded)))


@row("as_amended", key=("event",))
class AmendedRow:
    event: OfEvent
    position: int
    text: str


class AsAmended(Projection):
    name, rows, split_by = "as-amended", (AmendedRow,), "event"

    @on(*VOCABULARY)
    def amended(self, rows, recorded):
        rows.put(AmendedRow(recorded.id, recorded.position, content(recorded)))


OWN = (AsRecorded(), AsAmended())


def in_order(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: (type(row).__name__, key_of(row)))


def rows_of(view: View, projection: Projection) -> list[Any]:
    return in_order(made for cls in projection.rows for made in view.all(cls))


def assert_looked_up_alike(view: View, rows: list[Any]) -> None:
    """The rows with each value of a marked field are the same where they alone are asked for."""
    for cls in {type(made) for made in rows}:
        mine = [made for made in rows if type(made) is cls]
        for name in (column.name for column in shape_of(cls).columns if column.subject):
            for value in {getattr(made, name) for made in mine} - {None}:
                expected = [made for made in mine if getattr(made, name) == value]
                assert view.all(cls, **{name: value}) == expected, (cls, name, value)


@hypothesis.given(strategies.histories(steps=5), st.data())
@hypothesis.settings(strategies.examples(6), phases=[hypothesis.Phase.generate])  # quick to fail
def test_all_ways_to_fold_a_log_give_the_same_rows(
    history: list[strategies.Step], data: st.DataObject
) -> None:
    news = [new for step in history for new in step.events]
    with Timeline.open("sqlite://", projections=OWN) as record:
        for step in history:
            record.store.append_all(step.events)
        if data.draw(st.booleans(), label="take one down"):
            record.redact(data.draw(st.sampled_from(news)).id, reason="A court said so.")
            takedown = list(record.store.read_all())[-1]
            news.append(NewEvent(takedown.event, id=takedown.id, stream=takedown.stream))
        projector = Projector(record.store, (*BUILT_IN, *OWN))
        projector.catch_up()
        now = Cutoff(position=record.store.head().position)
        whole, partly = PartialView(projector, now), PartialView(projector, now, small=0)
        # A record in memory has one connection: the kept rows are read before all else.
        with database.reading(record.store.engine) as connection:
            view = projector.view(connection)
            kept = {projection: rows_of(view, projection) for projection in projector.projections}
        for projection, rows in kept.items():
            assert in_order(given(*news).folded_by(projection).rows) == rows, projection.name
            assert rows_of(whole, projection) == rows, projection.name
            assert_looked_up_alike(partly, rows)
            if projection.split_by is not None:
                assert in_order(in_parts(record.store, projection, 2)) == rows, projection.name
