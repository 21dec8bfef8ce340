"""`timeline.testing`: tests of projections without a database."""

import pytest

from timeline import (
    Actor,
    EventCorrected,
    EventRetracted,
    InvalidEvent,
    NewEvent,
    Projection,
    StatementMade,
    Timeline,
    changed,
    event,
    on,
    row,
)
from timeline.events import ActorAdded, ActorsMerged, EventRedacted
from timeline.projections.directory import Directory
from timeline.testing import ProjectionContract, given


@event
class TariffImposed:
    goods: str
    percent: float


@row("tariffs", key=("goods",))
class Tariff:
    goods: str
    percent: float
    times: int


class Tariffs(Projection):
    name, rows = "tariffs", (Tariff,)

    @on(TariffImposed)
    def imposed(self, rows, recorded):
        made = recorded.event
        known = rows.get(Tariff, made.goods) or Tariff(made.goods, 0, 0)
        rows.put(changed(known, percent=made.percent, times=known.times + 1))

    @on(StatementMade)
    def denied(self, rows, recorded):
        rows.delete(Tariff, recorded.event.text)


def test_the_rows_are_those_that_follow_from_the_events():
    folded = given(TariffImposed("tin", 5), TariffImposed("steel", 10), TariffImposed("steel", 12))
    folded = folded.folded_by(Tariffs())

    folded.then(Tariff("steel", 12, 2), Tariff("tin", 5, 1))
    assert folded.of(Tariff) == [Tariff("steel", 12, 2), Tariff("tin", 5, 1)]


def test_what_differs_is_shown():
    folded = given(TariffImposed("steel", 10)).folded_by(Tariffs())

    with pytest.raises(AssertionError) as caught:
        folded.then(Tariff("steel", 11, 1))
    assert "missing: Tariff(goods='steel', percent=11, times=1)" in str(caught.value)
    assert "found:   Tariff(goods='steel', percent=10.0, times=1)" in str(caught.value)
    with pytest.raises(AssertionError):
        folded.then()
    with pytest.raises(AssertionError):
        folded.then(Tariff("steel", 10, 1), Tariff("steel", 10, 1))


def test_amendments_are_laid_over_the_events_as_on_the_log():
    first = NewEvent(TariffImposed("steel", 10), id="first")
    second = NewEvent(TariffImposed("tin", 5), id="second")
    right = EventCorrected(["first"], "Misread.", {"percent": 20})
    gone = EventRetracted(["second"], "Never was.")

    given(first, second, right, gone).folded_by(Tariffs()).then(Tariff("steel", 20, 1))


@event
class Visited:
    cities: tuple[str, ...]
    nights: dict[str, float]


@row("visits", key=("position",))
class Visit:
    position: int
    cities: tuple[str, ...]
    nights: dict[str, float]


class Visits(Projection):
    name, rows = "visits", (Visit,)

    @on(Visited)
    def visited(self, rows, recorded):
        rows.put(Visit(recorded.position, recorded.event.cities, recorded.event.nights))


def test_a_handler_gets_the_values_that_the_log_gives(tmp_path):
    made = Visited(["Astana", "Tashkent"], {"Tashkent": 2, "Astana": 1})

    [tested] = given(made).folded_by(Visits()).rows
    with Timeline.open(tmp_path / "record.db", projections=[Visits()], events=[Visited]) as record:
        record.append(made, stream="visits")
        with record.view() as view:
            [kept] = view.all(Visit)

    assert repr(tested) == repr(kept)
    assert repr(tested) == (
        "Visit(position=1, cities=('Astana', 'Tashkent'), nights={'Astana': 1.0, 'Tashkent': 2.0})"
    )


def test_rows_that_handlers_delete_are_gone():
    denial = StatementMade("minister", "steel")

    given(TariffImposed("steel", 10), denial).folded_by(Tariffs()).then()


def test_events_that_the_log_would_refuse_are_refused():
    with pytest.raises(InvalidEvent, match="percent"):
        given(TariffImposed("steel", "much")).folded_by(Tariffs())


@row("imposed", key=("position",))
class Imposed:
    position: int
    percent: float


class AsRecorded(Projection):
    name, rows, raw = "as-recorded", (Imposed,), True

    @on(TariffImposed)
    def imposed(self, rows, recorded):
        rows.put(Imposed(recorded.position, recorded.event.percent))


def test_raw_projections_get_events_as_they_were_recorded():
    first = NewEvent(TariffImposed("steel", 10), id="first")
    second = NewEvent(TariffImposed("tin", 5), id="second")
    right = EventCorrected(["first"], "Misread.", {"percent": 20})
    gone = EventRetracted(["second"], "Never was.")

    folded = given(first, second, right, gone).folded_by(AsRecorded())
    folded.then(Imposed(1, 10), Imposed(2, 5))


@pytest.mark.parametrize("projection", [Tariffs(), AsRecorded()])
def test_events_that_were_taken_down_reach_no_handler(projection):
    first = NewEvent(TariffImposed("steel", 10), id="first")

    given(first, EventRedacted("first", "A court said so.")).folded_by(projection).then()


def test_an_error_of_a_handler_names_the_event():
    class Failing(Projection):
        name, rows = "failing", (Tariff,)

        @on(TariffImposed)
        def imposed(self, rows, recorded):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        given(NewEvent(TariffImposed("tin", 5), id="first")).folded_by(Failing())
    assert "position 1: TariffImposed 'first'" in caught.value.__notes__[0]


# The contract


class TestTariffs(ProjectionContract):
    projection = Tariffs()
    events = (
        TariffImposed("tin", 5),
        NewEvent(TariffImposed("steel", 10), id="steel-10"),
        TariffImposed("steel", 12),
        EventCorrected(["steel-10"], "Misprinted.", {"percent": 11}),
        StatementMade("ann", "tin"),
        EventRetracted(["steel-10"], "Never imposed."),
    )


class TestDirectory(ProjectionContract):
    projection = Directory()
    events = (
        *(ActorAdded(Actor(id, "person", id.title())) for id in ("ann", "bob", "rob")),
        ActorsMerged("bob", ["rob"], "One person."),
    )


class Forgetful(Tariffs):
    name = "forgetful"
    seen = 0

    @on(TariffImposed)
    def imposed(self, rows, recorded):
        Forgetful.seen += 1
        rows.put(Tariff(recorded.event.goods, recorded.event.percent, Forgetful.seen))


def test_a_projection_that_keeps_a_state_of_its_own_does_not_pass():
    class Failing(ProjectionContract):
        projection = Forgetful()
        events = TestTariffs.events

    for test in ("kept_step_by_step", "rebuilt"):
        name = next(name for name in dir(Failing) if test in name)
        with pytest.raises(AssertionError, match="forgetful at position"):
            getattr(Failing(), name)()
