"""Rows folded in parts are the rows folded whole: of every projection, in any number of parts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from split_projections import USERS, Heard, HeardRow, Present, TariffImposed, in_parts

from timeline import (
    EventStore,
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
from timeline.distributed.split import division_of
from timeline.engine.projection import Subject, key_of
from timeline.engine.runner import Projector
from timeline.errors import InvalidProjection
from timeline.projections import BUILT_IN

ALL = (*BUILT_IN, *USERS)


def in_order(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: (type(row).__name__, key_of(row)))


def assert_alike(store: EventStore, projections: Iterable[Projection] = ALL) -> None:
    for projection in projections:
        view = Projector(store, [projection]).fold()
        whole = in_order(row for cls in projection.rows for row in view.all(cls))
        for parts in (1, 2, 5):
            assert in_order(in_parts(store, projection, parts)) == whole, projection.name


@st.composite
def tariffs(draw: st.DrawFn) -> list[NewEvent]:
    made = st.builds(
        TariffImposed, st.sampled_from(["steel", "timber"]), st.sampled_from([0, 2.5, 10])
    )
    return [NewEvent(each, stream="all") for each in draw(st.lists(made, max_size=6))]


@given(strategies.histories(steps=8), tariffs())
@strategies.examples(12, 300)
def test_parts_of_random_logs_make_the_rows_of_the_whole(
    history: list[strategies.Step], more: list[NewEvent]
) -> None:
    with Timeline.open("sqlite://", events=[TariffImposed]) as record:
        for step in history:
            record.store.append_all(step.events)
        record.store.append_all(more)
        assert_alike(record.store)


@pytest.mark.parametrize("record", ["gas-union", "strait-ferry"])
def test_parts_of_the_records_make_the_rows_of_the_whole(record: str, tmp_path: Path) -> None:
    with Timeline.open("sqlite://") as opened:
        opened.ingest(*sorted(Path("fixtures", record).glob("*.yaml")))
        assert_alike(opened.store, [*BUILT_IN, Heard(), Present()])


# What does not split


@row("totals", key=("who",))
class TotalRow:
    who: str
    statements: int


class Totals(Projection):
    name, rows = "totals", (TotalRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        for who in (recorded.event.speaker, "everybody"):
            known = rows.get(TotalRow, who) or TotalRow(who, 0)
            rows.put(changed(known, statements=known.statements + 1))


@row("marked", key=("who",))
class MarkedRow:
    who: Annotated[str, Subject("actor", "speaker")]
    statements: int


class Everybody(Totals):
    """Says that it splits, and does not: one row is made from everybody's events."""

    name, rows, split_by = "everybody", (MarkedRow,), "who"

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        for who in (recorded.event.speaker, "everybody"):
            known = rows.get(MarkedRow, who) or MarkedRow(who, 0)
            rows.put(changed(known, statements=known.statements + 1))


@row("words", key=("word",))
class WordRow:
    word: str
    speaker: Annotated[str, Subject("actor", "speaker")]


class Words(Projection):
    """Its key does not tell in which part a row is."""

    name, rows, split_by = "words", (WordRow,), "speaker"

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        for word in recorded.event.text.split():
            if rows.get(WordRow, word) is None:
                rows.put(WordRow(word, recorded.event.speaker))


@row("others", key=("speaker",))
class OtherRow:
    speaker: Annotated[str, Subject("actor", "by")]


@row("maybes", key=("event",))
class MaybeRow:
    event: str
    speaker: Annotated[str, Subject("actor", "speaker")] | None


def changed_to(projection: type[Projection], **attributes: Any) -> Projection:
    return type("Changed", (projection,), attributes)()


@pytest.mark.parametrize(
    ("projection", "said"),
    [
        (Totals(), "'totals' do not split: it names no field"),
        (changed_to(Totals, split_by="nobody"), "TotalRow has no field 'nobody'"),
        (changed_to(Totals, split_by="who"), "'who' has no mark"),
        (changed_to(Words, rows=(WordRow, TotalRow)), "TotalRow has no field 'speaker'"),
        (changed_to(Words, rows=(WordRow, HeardRow), split_by="speaker"), None),
        (changed_to(Words, rows=(WordRow, OtherRow)), "OtherRow.speaker has another mark"),
        (changed_to(Words, rows=(MaybeRow,)), "MaybeRow.speaker may be None"),
    ],
)
def test_a_projection_that_does_not_split_says_so(projection: Projection, said: str | None) -> None:
    if said is None:
        assert division_of(projection).field == "speaker"
        return
    with pytest.raises(InvalidProjection, match=said):
        division_of(projection)


@pytest.mark.parametrize("projection", [Everybody(), Words()])
def test_what_another_part_may_know_is_refused_and_never_guessed(projection: Projection) -> None:
    with Timeline.open("sqlite://") as record:
        record.store.append_all(
            [NewEvent(StatementMade(who, "Well said.")) for who in ("ann", "bob")]
        )
        with pytest.raises(InvalidProjection, match="rows do not split by") as error:
            in_parts(record.store, projection, 1)

    assert "StatementMade at position 1 touches a" in str(error.value)
