"""Read models: kept in tables or folded in memory, and the same either way."""

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

import attrs
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from strategies import TEXTS, WHENS, Step, examples, histories

from timeline.dates import When
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import Projection, Rows, View, changed, on, row, row_of
from timeline.engine.rows import KeptView
from timeline.engine.runner import Projector
from timeline.errors import DatabaseBusy, InvalidProjection, NotFound
from timeline.events import (
    EventCorrected,
    EventRetracted,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    NewEvent,
    RecordedEvent,
    StatementMade,
    event,
)
from timeline.log import database
from timeline.log.database import create_engine
from timeline.log.redact import redact
from timeline.log.schema import VERSION_TABLE, metadata
from timeline.log.store import EventStore
from timeline.projections import BUILT_IN
from timeline.projections.statements import StatementRow, Statements

# Projections such as a user writes


@row("speakers", key=("speaker",))
class SpeakerRow:
    speaker: str
    statements: int
    last: When | None


class Speakers(Projection):
    name = "speakers"
    rows = (SpeakerRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        speaker = recorded.event.speaker
        known = rows.get(SpeakerRow, speaker) or SpeakerRow(speaker, 0, None)
        rows.put(changed(known, statements=known.statements + 1, last=recorded.occurred))


@row("agenda", key=("meeting",))
class AgendaRow:
    meeting: str
    event: str


class Agenda(Projection):
    """Meetings to come: a row goes when its meeting was held or called off."""

    name = "agenda"
    rows = (AgendaRow,)

    @on(MeetingAnnounced)
    def announced(self, rows: Rows, recorded: RecordedEvent[MeetingAnnounced]) -> None:
        rows.put(AgendaRow(recorded.event.meeting, recorded.id))

    @on(MeetingHeld, MeetingCalledOff)
    def over(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        rows.delete(AgendaRow, recorded.event.meeting)


@event
class Listed:
    words: tuple[str, ...]


@row("words", key=("word",))
class WordRow:
    word: str
    number: int


class Words(Projection):
    """One event may change more rows than are held in memory at a time."""

    name = "words"
    rows = (WordRow,)

    @on(Listed)
    def listed(self, rows: Rows, recorded: RecordedEvent[Listed]) -> None:
        for word in recorded.event.words:
            known = rows.get(WordRow, word)
            if known is not None and known.number == 2:
                rows.delete(WordRow, word)
            else:
                rows.put(WordRow(word, 1 if known is None else known.number + 1))


@attrs.frozen
class Seat:
    city: str
    since: When | None = None


@event
class Sampled:
    """A field of every type that a row may have."""

    text: str
    number: int
    ratio: float
    sure: bool
    raw: bytes
    day: When
    level: Literal["low", "high"]
    maybe_text: str | None
    maybe_number: int | None
    maybe_ratio: float | None
    maybe_sure: bool | None
    maybe_raw: bytes | None
    maybe_day: When | None
    words: tuple[str, ...]
    days: tuple[When, ...]
    seat: Seat
    seats: tuple[Seat, ...]
    maybe_seat: Seat | None
    shares: dict[str, int]


@row("samples", key=("event", "part"))
class SampleRow:
    event: str
    part: int
    text: str
    number: int
    ratio: float
    sure: bool
    raw: bytes
    day: When
    level: Literal["low", "high"]
    maybe_text: str | None
    maybe_number: int | None
    maybe_ratio: float | None
    maybe_sure: bool | None
    maybe_raw: bytes | None
    maybe_day: When | None
    words: tuple[str, ...]
    days: tuple[When, ...]
    seat: Seat
    seats: tuple[Seat, ...]
    maybe_seat: Seat | None
    shares: dict[str, int]


class Samples(Projection):
    name = "samples"
    rows = (SampleRow,)

    @on(Sampled)
    def sampled(self, rows: Rows, recorded: RecordedEvent[Sampled]) -> None:
        fields = attrs.asdict(recorded.event, recurse=False)
        rows.put(SampleRow(event=recorded.id, part=1, **fields))


ALL = (*BUILT_IN, Speakers(), Agenda())


# Helpers


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> EventStore:
    return EventStore(engine, [Listed, Sampled])


def statement(speaker: str = "ann", text: str = "Yes.", **fields: Any) -> StatementMade:
    return StatementMade(speaker, text, **fields)


def add(store: EventStore, made: object, id: str | None = None, occurred: Any = None) -> str:
    """Append one event; its id."""
    given_id = {} if id is None else {"id": id}
    return store.append("all", [NewEvent(made, occurred=occurred, **given_id)]).events[0].id


def rows_of(view: View, projections: tuple[Projection, ...]) -> dict[str, list[Any]]:
    return {cls.__name__: view.all(cls) for item in projections for cls in item.rows}


def kept(projector: Projector) -> tuple[int, dict[str, list[Any]]]:
    """The position of the kept rows, and the rows."""
    with database.reading(projector.store.engine) as connection:
        view = projector.view(connection)
        return view.head.position, rows_of(view, projector.projections)


def folded(projector: Projector, until: int | None = None) -> tuple[int, dict[str, list[Any]]]:
    """The same, from scratch."""
    view = projector.fold(Cutoff(position=until))
    return view.head.position, rows_of(view, projector.projections)


def assert_kept_as_folded(projector: Projector) -> None:
    projector.catch_up()
    assert kept(projector) == folded(projector)


def select(engine: sa.Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(stored) for stored in connection.execute(sa.text(sql))]


# A projection of one's own


def test_a_projection_of_ones_own_is_kept_and_folded_alike(store: EventStore) -> None:
    projector = Projector(store, [Speakers()])
    add(store, statement("ann"), occurred="2022-11-28")
    add(store, statement("bob"))
    projector.catch_up()
    add(store, statement("ann"), occurred="2022-11~")

    projector.catch_up()

    expected = {
        "SpeakerRow": [SpeakerRow("ann", 2, When("2022-11~")), SpeakerRow("bob", 1, None)],
    }
    assert kept(projector) == (3, expected)
    assert folded(projector) == (3, expected)


def test_a_row_copies_what_the_event_calls_by_the_same_name(store: EventStore) -> None:
    @row("sayings", key=("event",))
    class SayingRow:
        event: str
        position: int
        occurred: When | None
        who: str
        about: tuple[str, ...]
        text: str
        events: tuple[str, ...]

    said = StatementMade("ann", "Soon.", about=["harbour"])
    store.append_all([NewEvent(said, id="soon", occurred=When("2024-05"))])
    (recorded,) = store.read_all()
    expected = SayingRow("soon", 1, When("2024-05"), "ann", ("harbour",), "Soon.", ("soon",))
    assert row_of(SayingRow, recorded, who=said.speaker) == expected
    with pytest.raises(AttributeError, match="who"):
        row_of(SayingRow, recorded)


def test_rows_are_found_by_key_and_by_value(store: EventStore, engine: sa.Engine) -> None:
    projector = Projector(store, [Statements()])
    first = add(store, statement("ann", place="Astana"), "x", "2022-11-28")
    add(store, statement("bob"), "y")
    projector.catch_up()

    with database.reading(engine) as connection:
        for view in (projector.view(connection), projector.fold(Cutoff(position=2))):
            assert view.get(StatementRow, "x").place == "Astana"
            assert view.get(StatementRow, "nobody") is None
            assert [item.event for item in view.all(StatementRow)] == ["x", "y"]
            assert [item.event for item in view.all(StatementRow, speaker="bob")] == ["y"]
            assert [item.event for item in view.all(StatementRow, place=None)] == ["y"]
            assert view.all(StatementRow, speaker="ann", place=None) == []
            assert view.events([first])[first].event == statement("ann", place="Astana")


@pytest.mark.parametrize(
    ("column", "value"),
    [("occurred", When("2022-11-28")), ("quotes", ("a", "b")), ("quotes", ())],
)
def test_rows_are_found_by_values_that_are_no_plain_columns(
    store: EventStore, engine: sa.Engine, column: str, value: Any
) -> None:
    projector = Projector(store, [Statements()])
    add(store, statement(quotes=["a", "b"]), "x", "2022-11-28")
    add(store, statement(), "y")
    projector.catch_up()

    with database.reading(engine) as connection:
        expected = projector.fold(Cutoff(position=2)).all(StatementRow, **{column: value})
        assert len(expected) == 1
        assert projector.view(connection).all(StatementRow, **{column: value}) == expected


def test_rows_come_in_the_order_of_their_keys_on_every_database(store: EventStore) -> None:
    projector = Projector(store, [Statements()])
    ids = ["b", "B", "a", "A", "ä", "я", "Я", "-", "_", "a b", "ab", "🔥", "10", "9"]
    store.append("all", [NewEvent(statement(), id=id) for id in ids])
    projector.catch_up()

    for _, rows in (kept(projector), folded(projector)):
        assert [item.event for item in rows["StatementRow"]] == sorted(ids)


def test_a_handler_may_delete_rows(store: EventStore) -> None:
    projector = Projector(store, [Agenda()])
    add(store, MeetingAnnounced("one", "One"))
    add(store, MeetingAnnounced("two", "Two"), "second")
    projector.catch_up()
    add(store, MeetingHeld("one", "One"))
    add(store, MeetingAnnounced("three", "Three"))
    add(store, MeetingCalledOff("three"))
    add(store, MeetingCalledOff("never-announced"))

    assert_kept_as_folded(projector)
    assert kept(projector)[1] == {"AgendaRow": [AgendaRow("two", "second")]}


def test_a_row_deleted_and_put_again_is_there(store: EventStore) -> None:
    projector = Projector(store, [Agenda()])
    add(store, MeetingAnnounced("one", "One"))
    projector.catch_up()
    add(store, MeetingCalledOff("one"))
    add(store, MeetingAnnounced("one", "One"), "again")

    assert_kept_as_folded(projector)
    assert kept(projector)[1] == {"AgendaRow": [AgendaRow("one", "again")]}


def test_more_rows_may_change_than_are_held_in_memory(store: EventStore) -> None:
    projector = Projector(store, [Words()])
    words = [f"{number}" for number in range(6000)]
    for part in (words, words[3000:]):
        add(store, Listed([*part, *part[:10]]))
        assert_kept_as_folded(projector)


def test_a_long_history_is_kept_in_one_go(store: EventStore) -> None:
    projector = Projector(store, [Words(), Speakers()])
    store.append("all", [Listed([f"{n % 700}", f"{n % 1100}"]) for n in range(2500)])
    store.append("all", [statement(f"s{n % 7}") for n in range(500)])

    assert_kept_as_folded(projector)


def test_events_of_unknown_types_are_none_of_its_business(engine: sa.Engine) -> None:
    EventStore(engine, [Listed]).append("all", [Listed(["a"])])
    store = EventStore(engine)
    add(store, statement("ann"))
    projector = Projector(store, BUILT_IN)

    assert_kept_as_folded(projector)
    assert kept(projector)[0] == 2


def test_a_projection_may_build_on_another(store: EventStore) -> None:
    class PlacesToo(Speakers):
        name = "places-too"

    projector = Projector(store, [PlacesToo()])
    add(store, statement("ann"))

    assert_kept_as_folded(projector)
    assert kept(projector)[1] == {"SpeakerRow": [SpeakerRow("ann", 1, None)]}


# Types of columns

_SEATS = st.builds(Seat, TEXTS, st.none() | WHENS)
_NUMBERS = st.integers(-(2**63), 2**63 - 1)
_RATIOS = st.floats(allow_nan=False, allow_infinity=False)
_SAMPLES = st.builds(
    Sampled,
    TEXTS,
    _NUMBERS,
    _RATIOS,
    st.booleans(),
    st.binary(),
    WHENS,
    st.sampled_from(["low", "high"]),
    st.none() | TEXTS,
    st.none() | _NUMBERS,
    st.none() | _RATIOS,
    st.none() | st.booleans(),
    st.none() | st.binary(),
    st.none() | WHENS,
    st.lists(TEXTS, max_size=3).map(tuple),
    st.lists(WHENS, max_size=3).map(tuple),
    _SEATS,
    st.lists(_SEATS, max_size=3).map(tuple),
    st.none() | _SEATS,
    st.dictionaries(TEXTS, _NUMBERS, max_size=3),
)


@examples(25)
@given(sample=_SAMPLES)
def test_values_of_every_type_come_back_equal(store: EventStore, sample: Sampled) -> None:
    projector = Projector(store, [Samples()])
    id = add(store, sample)
    expected = SampleRow(event=id, part=1, **attrs.asdict(sample, recurse=False))

    projector.catch_up()

    with database.reading(store.engine) as connection:
        assert projector.view(connection).get(SampleRow, id, 1) == expected


@row("days", key=("day", "seat"))
class DayRow:
    day: When
    seat: Seat
    number: int


class Days(Projection):
    name = "days"
    rows = (DayRow,)

    @on(Sampled)
    def sampled(self, rows: Rows, recorded: RecordedEvent[Sampled]) -> None:
        key = recorded.event.day, recorded.event.seat
        known = rows.get(DayRow, *key) or DayRow(*key, 0)
        rows.put(changed(known, number=known.number + 1))


def test_a_key_may_hold_any_type_that_a_column_may(store: EventStore) -> None:
    plain = {"text": "", "number": 0, "ratio": 0.0, "sure": True, "raw": b"", "level": "low"}
    nothing = {field.name: None for field in attrs.fields(Sampled) if "maybe" in field.name}
    sample = Sampled(
        **plain, **nothing, words=(), days=(), seats=(), shares={}, day=When("2022"), seat=Seat("a")
    )
    projector = Projector(store, [Days()])

    for _ in range(2):
        add(store, sample)
        assert_kept_as_folded(projector)

    assert kept(projector)[1] == {"DayRow": [DayRow(When("2022"), Seat("a"), 2)]}


# Kept rows equal a fold


@examples(6, 100)
@given(history=histories())
def test_kept_rows_equal_a_fold_whenever_they_catch_up(
    new_database: Callable[..., str], history: list[Step]
) -> None:
    engine = create_engine(new_database(kept=True))
    store = EventStore(engine)
    projector = Projector(store, ALL)
    seen = [folded(projector)]

    for step in history:
        store.append_all(step.events)
        seen.append(folded(projector))
        if step.catch_up:
            projector.catch_up()
            assert kept(projector) == seen[-1]
    projector.catch_up()

    assert kept(projector) == seen[-1]
    assert [folded(projector, position) for position, _ in seen] == seen
    engine.dispose()


def test_a_fold_at_a_position_never_reached_is_not_found(store: EventStore) -> None:
    add(store, statement())

    with pytest.raises(NotFound):
        Projector(store, BUILT_IN).fold(Cutoff(position=2))


def test_a_fold_shows_one_state_and_makes_only_the_rows_asked_for(store: EventStore) -> None:
    """A projection that fails is no hindrance to reports that do not ask for its rows."""

    class Failing(Projection):
        name, rows = "failing", (SpeakerRow,)

        @on(StatementMade)
        def fail(self, _rows: Rows, _event: RecordedEvent[StatementMade]) -> None:
            raise ZeroDivisionError

    view = Projector(store, [Statements(), Failing()]).fold()
    add(store, statement())
    later = Projector(store, [Statements(), Failing()]).fold()

    assert (len(view.all(StatementRow)), len(later.all(StatementRow))) == (0, 1)
    assert view.all(SpeakerRow) == []
    with pytest.raises(ZeroDivisionError):
        later.all(SpeakerRow)


def test_a_fold_sees_the_record_as_it_was(store: EventStore) -> None:
    projector = Projector(store, [Statements()])
    add(store, statement(text="Yes."), "x", "2022")
    add(store, EventCorrected(["x"], "Misheard.", {"text": "No.", "occurred": "2023"}), "c")
    add(store, EventRetracted(["x"], "Never said."), "r")

    texts = [
        [
            (item.text, item.occurred)
            for item in projector.fold(Cutoff(position=position)).all(StatementRow)
        ]
        for position in range(4)
    ]

    assert texts == [[], [("Yes.", When("2022"))], [("No.", When("2023"))], []]


# Corrections and retractions


def spoken(projector: Projector) -> list[tuple[str, tuple[str, ...]]]:
    """The texts of the kept statements, and the events behind each."""
    assert_kept_as_folded(projector)
    return [(item.text, item.events) for item in kept(projector)[1]["StatementRow"]]


@pytest.fixture
def statements(store: EventStore) -> Projector:
    """Two statements, x and y, with kept rows that have caught up."""
    projector = Projector(store, [Statements(), Speakers()])
    add(store, statement(text="Yes."), "x", "2022")
    add(store, statement(text="Maybe."), "y")
    projector.catch_up()
    return projector


def test_a_correction_reaches_back_behind_the_checkpoint(statements: Projector) -> None:
    add(statements.store, EventCorrected(["x"], "Misheard.", {"text": "No."}), "c")

    assert spoken(statements) == [("No.", ("x", "c")), ("Maybe.", ("y",))]


def test_corrections_lie_over_one_another_in_their_order(statements: Projector) -> None:
    add(statements.store, EventCorrected(["x", "y"], "Misheard.", {"text": "No."}), "c")
    add(statements.store, EventCorrected(["x"], "Misheard again.", {"text": "Never."}), "d")
    add(statements.store, EventCorrected(["x"], "By another.", {"speaker": "bob"}), "e")

    assert spoken(statements) == [("Never.", ("x", "c", "d", "e")), ("No.", ("y", "c"))]


def test_a_correction_of_the_date_reaches_rows(statements: Projector) -> None:
    add(statements.store, EventCorrected(["x"], "Dated.", {"occurred": "2023-12-26"}), "c")

    assert_kept_as_folded(statements)
    [first, _] = kept(statements)[1]["StatementRow"]
    assert first.occurred == When("2023-12-26")


def test_a_retraction_reaches_back_behind_the_checkpoint(statements: Projector) -> None:
    add(statements.store, EventRetracted(["x"], "Never said."), "r")

    assert spoken(statements) == [("Maybe.", ("y",))]
    assert kept(statements)[1]["SpeakerRow"] == [SpeakerRow("ann", 1, None)]


def test_a_retracted_correction_no_longer_counts(statements: Projector) -> None:
    add(statements.store, EventCorrected(["x"], "Misheard.", {"text": "No."}), "c")
    statements.catch_up()
    add(statements.store, EventRetracted(["c"], "Heard well after all."), "r")

    assert spoken(statements) == [("Yes.", ("x",)), ("Maybe.", ("y",))]


def test_a_retracted_retraction_no_longer_counts(statements: Projector) -> None:
    store = statements.store
    add(store, EventRetracted(["x"], "Never said."), "r1")
    statements.catch_up()
    add(store, EventRetracted(["r1"], "It was said."), "r2")
    assert [text for text, _ in spoken(statements)] == ["Yes.", "Maybe."]

    add(store, EventRetracted(["r2"], "It was not."), "r3")
    assert [text for text, _ in spoken(statements)] == ["Maybe."]


def test_an_event_and_its_correction_may_come_together(statements: Projector) -> None:
    statements.store.append(
        "all",
        [
            NewEvent(statement(text="Perhaps."), id="z"),
            NewEvent(EventCorrected(["z"], "Misheard.", {"text": "Surely."}), id="c"),
        ],
    )

    assert spoken(statements)[-1] == ("Surely.", ("z", "c"))


def test_an_amendment_of_an_event_nobody_recorded_changes_nothing(statements: Projector) -> None:
    before = spoken(statements)
    add(statements.store, EventRetracted(["nobody"], "Never said."), "r")

    assert spoken(statements) == before


def test_the_log_keeps_what_was_corrected(statements: Projector) -> None:
    add(statements.store, EventCorrected(["x"], "Misheard.", {"text": "No."}), "c")
    statements.catch_up()

    assert statements.store.get(["x"])["x"].event.text == "Yes."
    assert statements.store.get(["x"])["x"].amended_by == ()


# Versions


def speakers_in_version(number: int, add: int) -> Projection:
    """`Speakers` with another count, as its code would be in another version."""

    class Changed(Projection):
        name = "speakers"
        version = number
        rows = (SpeakerRow,)

        @on(StatementMade)
        def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
            speaker = recorded.event.speaker
            known = rows.get(SpeakerRow, speaker) or SpeakerRow(speaker, 0, None)
            rows.put(changed(known, statements=known.statements + add))

    return Changed()


def test_a_raised_version_folds_the_rows_anew(store: EventStore, engine: sa.Engine) -> None:
    add(store, statement("ann"))
    Projector(store, [speakers_in_version(1, add=1)]).catch_up()
    raised = Projector(store, [speakers_in_version(2, add=10)])

    assert_kept_as_folded(raised)
    add(store, statement("ann"))
    assert_kept_as_folded(raised)

    assert kept(raised)[1] == {"SpeakerRow": [SpeakerRow("ann", 20, None)]}
    assert select(engine, "SELECT speaker, statements FROM speakers") == [("ann", 20)]


def test_a_row_class_may_change_with_the_version(store: EventStore, engine: sa.Engine) -> None:
    add(store, statement("ann"))
    Projector(store, [Speakers()]).catch_up()

    @row("speakers", key=("speaker", "event"))
    class OtherRow:
        speaker: str
        event: str

    class Other(Projection):
        name = "speakers"
        version = 2
        rows = (OtherRow,)

        @on(StatementMade)
        def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
            rows.put(OtherRow(recorded.event.speaker, recorded.type))

    assert_kept_as_folded(Projector(store, [Other()]))
    assert select(engine, "SELECT * FROM speakers") == [("ann", "StatementMade")]


def keeping_also(number: int, *classes: type) -> Projection:
    """`Speakers` in another version, with rows of these classes beside its own."""

    class Changed(Speakers):
        version = number
        rows = (SpeakerRow, *classes)

        @on(StatementMade)
        def shown(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
            if AgendaRow in classes:
                rows.put(AgendaRow(recorded.id, recorded.type))
            if WordRow in classes:
                rows.put(WordRow(recorded.event.text, recorded.position))

    return Changed()


def test_row_classes_may_come_and_go_with_the_version(store: EventStore, engine: sa.Engine) -> None:
    versions = [[], [AgendaRow], [AgendaRow, WordRow], [WordRow], [AgendaRow], []]
    add(store, statement("ann", "Yes."), "x")
    before: set[str] = set()

    for number, classes in enumerate(versions, start=1):
        assert_kept_as_folded(Projector(store, [keeping_also(number, *classes)]))
        names = {cls.__row__[0] for cls in (SpeakerRow, *classes)}
        inspector = sa.inspect(engine)
        assert set(inspector.get_view_names()) == names | {"log"}
        kept_tables = set(inspector.get_table_names()) - {
            *(table.name for table in metadata.tables.values()),
            VERSION_TABLE,
        }
        mine = {f"timeline_{name}_v{number}" for name in names}
        assert kept_tables == mine | before  # those before stay, to go back to
        before = mine
        live = select(
            engine,
            "SELECT version, position, \"rows\" FROM timeline_checkpoints WHERE state = 'live'",
        )
        assert [line[:2] for line in live] == [(number, 1)]
        assert set(json.loads(live[0][2])) == names


def test_code_of_a_lower_version_keeps_rows_of_its_own_and_leaves_the_plain_names(
    store: EventStore, engine: sa.Engine
) -> None:
    add(store, statement("ann"))
    newer = Projector(store, [speakers_in_version(2, add=10)])
    newer.catch_up()
    add(store, statement("ann"))
    older = Projector(store, [speakers_in_version(1, add=1)])

    assert_kept_as_folded(older)
    assert kept(older)[1] == {"SpeakerRow": [SpeakerRow("ann", 2, None)]}
    assert select(engine, "SELECT statements FROM speakers") == [(10,)]
    assert_kept_as_folded(newer)
    assert select(engine, "SELECT statements FROM speakers") == [(20,)]


def test_a_projection_added_later_catches_up_with_the_others(store: EventStore) -> None:
    add(store, statement("ann"))
    Projector(store, [Statements()]).catch_up()
    add(store, statement("bob"))
    both = Projector(store, [Statements(), Speakers()])

    assert_kept_as_folded(both)

    add(store, statement("cy"))
    Projector(store, [Speakers()]).catch_up()
    assert_kept_as_folded(both)


def test_rows_never_kept_are_no_view(store: EventStore, engine: sa.Engine) -> None:
    projector = Projector(store, [Speakers()])
    Projector(store, [speakers_in_version(1, add=1)]).catch_up()
    raised = Projector(store, [speakers_in_version(2, add=1)])

    with pytest.raises(DatabaseBusy), database.reading(engine) as connection:
        raised.view(connection)
    with pytest.raises(DatabaseBusy), database.reading(engine) as connection:
        projector.view(connection)


def test_catching_up_with_an_empty_log_gives_empty_views(
    store: EventStore, engine: sa.Engine
) -> None:
    projector = Projector(store, BUILT_IN)
    projector.catch_up()

    assert select(engine, "SELECT * FROM statements") == []
    assert kept(projector) == folded(projector)


# Plain SQL


def test_every_row_class_answers_to_its_plain_name_in_sql(
    store: EventStore, engine: sa.Engine
) -> None:
    projector = Projector(store, ALL)
    add(store, statement("ann", "Да.", quotes=["a", "b"]), "x", "2022-11~")
    projector.catch_up()

    for projection in ALL:
        for cls in projection.rows:
            columns = ", ".join(f'"{field.name}"' for field in attrs.fields(cls))
            select(engine, f'SELECT {columns} FROM "{cls.__row__[0]}"')
    assert select(engine, "SELECT event, speaker, text, occurred, quotes FROM statements") == [
        ("x", "ann", "Да.", "2022-11~", '["a","b"]')
    ]
    assert select(engine, "SELECT speaker, statements FROM speakers") == [("ann", 1)]


@row("Speech Acts", key=("order",))
class OrderRow:
    order: str
    select: int


class Orders(Projection):
    name = "Speech Acts"
    rows = (OrderRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        rows.put(OrderRow(recorded.id, recorded.position))


def test_names_that_sql_must_quote_work(store: EventStore, engine: sa.Engine) -> None:
    add(store, statement(), "x")

    assert_kept_as_folded(Projector(store, [Orders()]))
    assert select(engine, 'SELECT "order", "select" FROM "Speech Acts"') == [("x", 1)]


# Projections that cannot be kept


def keeping(*classes: type, called: str = "mine") -> Projection:
    class Mine(Projection):
        name = called
        rows: ClassVar[tuple[type, ...]] = classes

    return Mine()


@row("speakers", key=("name",))
class NamesakeRow:
    name: str


@row("speakers_v1", key=("name",))
class TableNamesakeRow:
    name: str


@pytest.mark.parametrize(
    "projections",
    [
        [Speakers(), keeping(NamesakeRow)],
        [Speakers(), keeping(SpeakerRow)],
        [keeping(SpeakerRow, NamesakeRow)],
        [Speakers(), keeping(TableNamesakeRow)],
    ],
    ids=["two rows", "one row twice", "in one projection", "a view and a table"],
)
def test_two_projections_cannot_keep_rows_under_one_name(
    store: EventStore, projections: list[Projection]
) -> None:
    with pytest.raises(InvalidProjection, match="speakers"):
        Projector(store, projections)


def test_two_projections_cannot_share_a_checkpoint(store: EventStore) -> None:
    with pytest.raises(InvalidProjection, match="'mine'"):
        Projector(store, [keeping(SpeakerRow), keeping(AgendaRow)])


@pytest.mark.parametrize("name", ["log", "timeline_events", "timeline_version"])
def test_rows_cannot_take_the_name_of_a_table_of_the_log(store: EventStore, name: str) -> None:
    @row(name, key=("name",))
    class TakenRow:
        name: str

    with pytest.raises(InvalidProjection, match=name):
        Projector(store, [keeping(TakenRow)])


def test_a_row_class_needs_a_key_among_its_fields(store: EventStore) -> None:
    @row("keyless", key=())
    class KeylessRow:
        name: str

    @row("mistyped", key=("nmae",))
    class MistypedRow:
        name: str

    with pytest.raises(InvalidProjection, match="KeylessRow"):
        Projector(store, [keeping(KeylessRow)])
    with pytest.raises(InvalidProjection, match="nmae"):
        Projector(store, [keeping(MistypedRow)])


def test_a_key_cannot_be_nothing(store: EventStore) -> None:
    @row("nothings", key=("name",))
    class NothingRow:
        name: str | None

    with pytest.raises(InvalidProjection, match="name"):
        Projector(store, [keeping(NothingRow)])


def test_a_class_without_the_mark_is_no_row_class(store: EventStore) -> None:
    with pytest.raises(InvalidProjection, match="@row"):
        Projector(store, [keeping(Seat)])


# When something goes wrong, and several at once


class Failing(Projection):
    name = "failing"
    rows = (AgendaRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        rows.put(AgendaRow(recorded.event.speaker, recorded.id))
        if recorded.event.text == "fail":
            raise ZeroDivisionError


def test_a_handler_that_fails_leaves_the_kept_rows_as_they_were(store: EventStore) -> None:
    projector = Projector(store, [Statements(), Failing()])
    add(store, statement("ann"))
    projector.catch_up()
    before = kept(projector)
    add(store, statement("bob"))
    add(store, statement("cy", "fail"), "x")

    with pytest.raises(ZeroDivisionError):
        projector.catch_up()
    assert kept(projector) == before

    add(store, EventCorrected(["x"], "Mended.", {"text": "No."}))
    assert_kept_as_folded(projector)


def test_a_handler_that_fails_while_rows_are_folded_anew_leaves_them_as_they_were(
    store: EventStore,
) -> None:
    projector = Projector(store, [Statements(), Failing()])
    add(store, statement("ann"), "x")
    projector.catch_up()
    before = kept(projector)
    add(store, EventCorrected(["x"], "Misheard.", {"text": "fail"}))

    with pytest.raises(ZeroDivisionError):
        projector.catch_up()

    assert kept(projector) == before


class Inline(Projection):
    """Counts statements within each append; one text fails."""

    name, mode, rows = "inline", "inline", (SpeakerRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        if recorded.event.text == "fail":
            raise ZeroDivisionError
        Speakers().handle(rows, recorded)


def test_amendments_that_were_rolled_back_count_no_more(store: EventStore) -> None:
    projector = Projector(store, [Inline()])

    def append(*news: NewEvent) -> None:
        projector.append([attrs.evolve(new, stream="all") for new in news])

    append(NewEvent(statement("ann"), id="x"), NewEvent(statement("bob"), id="y"))
    with pytest.raises(ZeroDivisionError):
        append(NewEvent(EventRetracted(["x"], "No.")), NewEvent(statement("cy", "fail")))
    append(NewEvent(EventRetracted(["y"], "No.")), NewEvent(statement("cy")))

    _, rows = kept(projector)
    assert rows["SpeakerRow"] == [SpeakerRow("ann", 1, None), SpeakerRow("cy", 1, None)]


def test_amendments_read_before_count_only_where_they_hold(store: EventStore) -> None:
    projector = Projector(store, [Statements()])

    def texts(position: int | None = None) -> list[str]:
        rows = projector.fold(Cutoff(position=position)).all(StatementRow)
        return [row.text for row in rows]

    add(store, statement("ann", "One."), "x")
    add(store, EventCorrected(["x"], "Misheard.", {"text": "Two."}), "correction")
    assert texts() == ["Two."]
    assert texts(1) == ["One."]
    assert texts() == ["Two."]
    projector.catch_up()

    redact(store, "correction", "A court said so.")

    assert texts() == ["One."]
    projector.catch_up()
    assert [row.text for row in kept(projector)[1]["StatementRow"]] == ["One."]


def test_a_step_without_projections_has_come_to_the_end(store: EventStore) -> None:
    add(store, statement("ann"))

    with database.writing(store.engine) as connection:
        assert Projector(store, []).step(connection) is True
        assert Projector(store, [Speakers()]).step(connection, []) is True


@pytest.mark.parametrize("reaching_back", [False, True])
def test_a_view_stays_at_its_position_whatever_is_kept_meanwhile(
    statements: Projector, engine: sa.Engine, reaching_back: bool
) -> None:
    before = kept(statements)

    with database.reading(engine) as connection:
        view: KeptView = statements.view(connection)
        add(statements.store, statement("cy"))
        if reaching_back:
            add(statements.store, EventRetracted(["x"], "Never said."))
        statements.catch_up()
        assert (view.head.position, rows_of(view, statements.projections)) == before

    assert kept(statements) == folded(statements)


def test_several_may_catch_up_at_once(store: EventStore, engine: sa.Engine) -> None:
    store.append("all", [statement(f"s{number % 5}") for number in range(200)])
    projectors = [Projector(EventStore(engine, [Listed, Sampled]), ALL) for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(item.catch_up) for item in projectors]:
            done.result()

    assert kept(projectors[0]) == folded(projectors[0])
    assert {item.statements for item in kept(projectors[0])[1]["SpeakerRow"]} == {40}


def test_rows_are_kept_while_others_append_and_amend(store: EventStore) -> None:
    projector = Projector(store, ALL)

    def write(writer: str) -> None:
        for number in range(8):
            id = f"{writer}{number}"
            add(store, statement(writer), id)
            if number % 3 == 0:
                add(store, EventRetracted([id], "Never said."), f"r-{id}")

    def keep() -> None:
        for _ in range(8):
            with contextlib.suppress(DatabaseBusy):
                projector.catch_up()
                position, rows = kept(projector)
                assert (position, rows) == folded(projector, position)

    with ThreadPoolExecutor(4) as threads:
        tasks = [threads.submit(write, "ann"), threads.submit(write, "bob")]
        tasks += [threads.submit(keep), threads.submit(keep)]
        for task in tasks:
            task.result()

    assert_kept_as_folded(projector)
    assert [item.statements for item in kept(projector)[1]["SpeakerRow"]] == [5, 5]
