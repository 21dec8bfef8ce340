"""Old events, read by newer code, on every way out of the log."""

import pytest

from timeline import (
    EventCorrected,
    EventRetracted,
    EventStore,
    InvalidEvent,
    NewEvent,
    Projection,
    Timeline,
    event,
    on,
    row,
    upcaster,
)
from timeline.engine.as_of import PartialView
from timeline.engine.cutoff import Cutoff
from timeline.engine.runner import Projector
from timeline.errors import EventIdReused, UnknownEventType
from timeline.log.codec import Codec
from timeline.log.database import create_engine
from timeline.log.query import Query
from timeline.log.redact import redact
from timeline.projections.statements import StatementRow


def old(name, version, **fields):
    """A class as it was once."""
    body = {"__annotations__": fields}
    return event(name=name, version=version)(type(name, (), body))


TariffOne = old("TariffImposed", 1, goods=str, rate=float)
TariffTwo = old("TariffImposed", 2, goods=str, percent=float)


@event(version=3)
class TariffImposed:
    goods: str
    percent: float
    by: str


@event
class TariffLifted:
    goods: str


@upcaster("TariffImposed", 1)
def in_percent(data):
    return {"goods": data["goods"], "percent": data["rate"] * 100}


@upcaster("TariffImposed", 2)
def with_author(data):
    return {**data, "by": "unknown"}


CHAIN = (TariffImposed, in_percent, with_author)


@pytest.fixture
def opened(migrated_url):
    """Opens the store with the classes of some time."""
    engine = create_engine(migrated_url)
    yield lambda *known: EventStore(engine, known)
    engine.dispose()


def put(store, made, id, stream="tariff-steel"):
    store.append(stream, [NewEvent(made, id=id, occurred="2024-05")])


def test_old_events_are_read_as_current_ones_on_every_path(opened, migrated_url):
    put(opened(TariffOne), TariffOne("steel", 0.1), "first")
    put(opened(TariffTwo, in_percent), TariffTwo("coal", 20.0), "second")
    store = opened(*CHAIN)
    put(store, TariffImposed("tin", 5.0, "north"), "third")
    expected = [
        TariffImposed("steel", 10.0, "unknown"),
        TariffImposed("coal", 20.0, "unknown"),
        TariffImposed("tin", 5.0, "north"),
    ]

    assert [each.event for each in store.read_all()] == expected
    assert [each.event for each in store.read_all(Query({"TariffImposed"}))] == expected
    assert [each.event for each in store.read_stream("tariff-steel")] == expected
    assert [each.event for each in store.get(["first", "second", "third"]).values()] == expected
    followed = store.follow()
    assert [next(followed).event for _ in expected] == expected
    followed.close()
    with store.batch("reader") as batch:
        assert [each.event for each in batch.events] == expected
    with Timeline.open(migrated_url, events=CHAIN) as timeline:
        assert [each.event for each in timeline.log()] == expected
        assert timeline.verify().position == 3


def test_what_is_stored_does_not_change(opened):
    before = opened(TariffOne)
    put(before, TariffOne("steel", 0.1), "first")
    (recorded,) = before.read_all()

    (read,) = opened(*CHAIN).read_all()
    assert (read.id, read.position, read.digest) == (
        recorded.id,
        recorded.position,
        recorded.digest,
    )
    assert (read.type, read.occurred) == ("TariffImposed", recorded.occurred)


def test_a_renamed_type_keeps_working(opened):
    duty = old("DutyImposed", 1, goods=str, percent=float)
    put(opened(duty), duty("steel", 10.0), "first")

    @upcaster("DutyImposed", 1, to=("TariffImposed", 2))
    def renamed(data):
        return data

    (read,) = opened(*CHAIN, renamed).read_all(Query({"TariffImposed"}))
    assert read.type == "TariffImposed"
    assert read.event == TariffImposed("steel", 10.0, "unknown")


def test_an_event_may_come_to_mean_nothing(opened):
    gossip = old("Gossip", 1, text=str)
    store = opened(gossip, TariffLifted)
    for number in range(3):
        put(store, gossip("?"), f"gossip-{number}")
    put(store, TariffLifted("steel"), "last")
    put(store, gossip("!"), "gossip-3")
    dropped = upcaster("Gossip", 1, to=None)(lambda _: None)
    store = opened(TariffLifted, dropped)

    assert [each.position for each in store.read_all()] == [4]
    assert [each.position for each in store.read_all(limit=1)] == [4]
    followed = store.follow()
    assert next(followed).position == 4
    followed.close()
    with store.batch("reader", limit=2) as batch:
        assert batch.events == ()
    with store.batch("reader", limit=3) as batch:
        assert [each.position for each in batch.events] == [4]
    with store.batch("reader") as batch:
        assert batch.events == ()
    assert store.head().position == 5


def test_an_event_may_become_several(opened):
    change = old("TariffChanged", 1, gone=list[str], come=list[str])
    put(opened(change), change(["coal"], ["steel", "tin"]), "first")

    @upcaster("TariffChanged", 1, to=[("TariffLifted", 1), ("TariffImposed", 2)])
    def parts(data):
        for goods in data["gone"]:
            yield "TariffLifted", {"goods": goods}
        for goods in data["come"]:
            yield "TariffImposed", {"goods": goods, "percent": 10.0}

    store = opened(*CHAIN, TariffLifted, parts)
    read = list(store.read_all())
    assert [each.type for each in read] == ["TariffLifted", "TariffImposed", "TariffImposed"]
    assert [each.event.goods for each in read] == ["coal", "steel", "tin"]
    assert {(each.id, each.position) for each in read} == {("first", 1)}
    assert [each.event.goods for each in store.read_all(Query({"TariffLifted"}))] == ["coal"]


def test_projections_get_current_events(opened):
    @row("goods", key=("goods",))
    class Goods:
        goods: str
        percent: float

    class Tariffs(Projection):
        name, rows = "tariffs", (Goods,)

        @on(TariffImposed)
        def imposed(self, rows, recorded):
            rows.put(Goods(recorded.event.goods, recorded.event.percent))

    put(opened(TariffOne), TariffOne("steel", 0.1), "first")

    view = Projector(opened(*CHAIN), [Tariffs()]).fold()
    assert view.all(Goods) == [Goods("steel", 10.0)]


def test_an_append_retried_by_newer_code_is_the_same_append(opened):
    put(opened(TariffTwo, in_percent), TariffTwo("steel", 10.0), "first")
    store = opened(*CHAIN)

    same = NewEvent(TariffImposed("steel", 10.0, "unknown"), id="first", occurred="2024-05")
    assert store.append("tariff-steel", [same]).added == 0
    other = NewEvent(TariffImposed("steel", 11.0, "unknown"), id="first", occurred="2024-05")
    with pytest.raises(EventIdReused):
        store.append("tariff-steel", [other])


def test_a_correction_of_a_field_that_is_no_more_is_named_and_can_be_retracted(migrated_url):
    def opened(*known):
        return Timeline.open(migrated_url, events=known, projections=[Percents()])

    @row("percents", key=("goods",))
    class Percent:
        goods: str
        percent: float

    class Percents(Projection):
        name, rows = "percents", (Percent,)

        @on(TariffImposed)
        def imposed(self, rows, recorded):
            rows.put(Percent(recorded.event.goods, recorded.event.percent))

    with opened(TariffOne) as timeline:
        put(timeline.store, TariffOne("steel", 0.1), "first")
        timeline.append(EventCorrected(["first"], "A misprint.", {"rate": 0.2}), id="right")

    with opened(*CHAIN) as timeline:
        with pytest.raises(InvalidEvent) as unfit, timeline.view():
            pass
        assert "'right' at position 2 corrects 'first' at position 1" in str(unfit.value)
        assert "has no field 'rate'" in str(unfit.value)
        assert "EventRetracted" in str(unfit.value)

        timeline.append(EventRetracted(["right"], "The class has changed."))
        timeline.append(EventCorrected(["first"], "A misprint.", {"percent": 20.0}))
        with timeline.view() as view:
            assert view.all(Percent) == [Percent("steel", 20.0)]


def test_kept_rows_are_made_anew_where_upcasters_are_others_now(migrated_url):
    @event(category="speech", subject="text")
    class SpeechGiven:
        text: str

    @upcaster("SpeechGiven", 1, to=("StatementMade", 1))
    def as_a_statement(data):
        return {"speaker": "ann", "text": data["text"]}

    @upcaster("SpeechGiven", 1, to=("StatementMade", 1))
    def as_another(data):
        return {"speaker": "bob", "text": data["text"]}

    def speakers(*known):
        with Timeline.open(migrated_url, events=known) as timeline, timeline.view() as view:
            kept = view.all(StatementRow)
            assert kept == timeline._projector.fold().all(StatementRow)
            return [each.speaker for each in kept]

    with Timeline.open(migrated_url, events=[SpeechGiven]) as timeline:
        timeline.append(SpeechGiven("Yes."), id="speech")

    assert speakers(SpeechGiven) == []
    assert speakers(as_a_statement) == ["ann"]
    assert speakers(as_another) == ["bob"]
    with Timeline.open(migrated_url, events=[as_another]) as timeline:
        view = PartialView(timeline._projector, Cutoff(position=1), small=0)
        assert [row.text for row in view.all(StatementRow, speaker="bob")] == ["Yes."]


def test_an_append_retried_under_a_new_name_of_its_type_is_the_same_append(opened):
    put(opened(TariffTwo, in_percent), TariffTwo("steel", 10.0), "first")

    @event(version=3)
    class DutyImposed:
        goods: str
        percent: float

    renamed = upcaster("TariffImposed", 2, to=("DutyImposed", 3))(dict)
    older = upcaster("TariffImposed", 1, to=None)(dict)
    unfit = [upcaster("DutyImposed", n, to=None)(dict) for n in (1, 2)]
    store = opened(DutyImposed, renamed, older, *unfit)

    same = NewEvent(DutyImposed("steel", 10.0), id="first", occurred="2024-05")
    assert store.append("tariff-steel", [same]).added == 0
    other = NewEvent(DutyImposed("steel", 11.0), id="first", occurred="2024-05")
    with pytest.raises(EventIdReused):
        store.append("tariff-steel", [other])
    redact(store, "first", "a court's order")
    assert store.append("tariff-steel", [same]).added == 0


def test_an_append_retried_by_newer_code_after_a_takedown_is_the_same_append(opened):
    old_store = opened(TariffTwo, in_percent)
    put(old_store, TariffTwo("steel", 10.0), "first")
    redact(old_store, "first", "a court's order")

    same = NewEvent(TariffImposed("steel", 10.0, "unknown"), id="first", occurred="2024-05")
    assert opened(*CHAIN).append("tariff-steel", [same]).added == 0


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        ((TariffImposed, with_author), "no upcaster takes TariffImposed version 1"),
        ((TariffImposed, in_percent), "no upcaster takes TariffImposed version 2"),
        ((*CHAIN, in_percent), "two upcasters claim TariffImposed version 1"),
        ((TariffLifted, upcaster("Old", 1)(dict)), "no upcaster takes Old version 2, and no such"),
        (
            (upcaster("A", 1, to=("B", 1))(dict), upcaster("B", 1, to=("A", 1))(dict)),
            "lead in a circle",
        ),
        ((TariffLifted, upcaster("TariffLifted", 1)(dict)), "TariffLifted version 1 is current"),
    ],
)
def test_a_gap_is_found_before_anything_is_read(known, problem):
    with pytest.raises(ValueError, match=problem):
        Codec(known)


def test_an_upcaster_that_fails_is_named_with_the_place(opened):
    put(opened(TariffOne), TariffOne("steel", 0.1), "first")
    broken = upcaster("TariffImposed", 1)(lambda data: data["nothing"])
    place = r"TariffImposed version 1 at position 1: the upcaster of TariffImposed version 1: "

    with pytest.raises(InvalidEvent, match=place + "KeyError: 'nothing'"):
        list(opened(TariffImposed, broken, with_author).read_all())
    shapeless = upcaster("TariffImposed", 1)(lambda _: "steel")
    with pytest.raises(
        InvalidEvent, match="expected the fields of TariffImposed version 2 as a dict"
    ):
        list(opened(TariffImposed, shapeless, with_author).read_all())
    careless = upcaster("TariffImposed", 1)(lambda _: {"goods": "steel"})
    with pytest.raises(InvalidEvent, match=r"TariffImposed version 1 at position 1: .*'percent'"):
        list(opened(TariffImposed, careless, with_author).read_all())


def test_a_version_from_the_future_is_unknown(opened):
    put(opened(*CHAIN), TariffImposed("steel", 1.0, "north"), "first")

    with pytest.raises(
        UnknownEventType, match="version 3 at position 1: this code knows version 1"
    ):
        list(opened(TariffOne).read_all())


@event(category="gossip", subject="text")
class Gossip:
    text: str


@pytest.mark.parametrize(
    "later", [[upcaster("Gossip", 1, to=None)(dict)], []], ids=["means nothing", "unknown"]
)
def test_a_report_is_of_the_day_of_the_last_recording_whatever_that_says(migrated_url, later):
    with Timeline.open(migrated_url, events=[Gossip]) as timeline:
        (last,) = timeline.append(Gossip("?"), id="last").events

    with Timeline.open(migrated_url, events=later) as timeline:
        for record in (timeline, timeline.as_of(position=1)):
            assert record.plans().on == last.recorded[:10]
