"""Looking back, by four clocks; and what corrections, mergers and further sources do to it."""

import datetime

import pytest

from timeline import (
    Actor,
    ActorsDistinguished,
    ActorsMerged,
    Attendance,
    DisagreementNoted,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    EventStore,
    Evidence,
    InvalidEvent,
    InvalidInput,
    MeetingHeld,
    NewEvent,
    NotFound,
    Position,
    ProposalMade,
    RoleReported,
    Side,
    Source,
    StatementMade,
    Timeline,
    UnknownReference,
    When,
)
from timeline.errors import NaiveDatetime
from timeline.log.database import create_engine
from timeline.projections.directory import RoleRow

BACKENDS = ["sqlite"]  # what is in view is decided in Python

THINGS = (
    Actor("gazette", "organisation", "The Gazette"),
    Actor("courier", "organisation", "The Courier"),
    Actor("north", "state", "Northland"),
    Actor("south", "state", "Southland"),
    Actor("smailov", "person", "Smailov"),
    Actor("smaiylov", "person", "Smaiylov", aliases=["Смаилов"]),
    Actor("bolat", "person", "Bolat"),
    Source("early", publisher="gazette", title="Talk of a harbour", published="2024-04-02"),
    Source("late", publisher="courier", title="How it began", published="2024-06-01"),
    Source("vague", publisher="courier", title="Some day", published="2024-04?"),
    Source("undated", publisher="courier", title="A leaflet"),
)
HARBOUR = ProposalMade("harbour", "A joint harbour", by="north", text="A harbour for both.")


@pytest.fixture
def record(kept_url):
    with Timeline.open(kept_url) as opened:
        opened.add(*THINGS)
        opened.append(HARBOUR, id="made", occurred="2024-04-01", source="early")
        yield opened


def said(text, **fields):
    fields = {"speaker": "smailov", "about": ["harbour"]} | fields
    return StatementMade(text=text, **fields)


def texts(record, **moment):
    return [line.text for line in record.as_of(**moment).statements().statements]


# By publication


def test_old_news_recorded_late_is_in_view_from_the_day_it_was_published(record):
    record.append(said("Later."), occurred="2024-05-10", source="late")
    record.append(said("At once."), occurred="2024-04-01", source="early")

    assert texts(record, published="2024-04-01") == []
    assert texts(record, published="2024-04-02") == ["At once."]
    assert texts(record, published="2024-05-31") == ["At once."]
    assert texts(record, published="2024-06-01") == ["At once.", "Later."]


def test_what_several_sources_report_is_known_from_the_first(record):
    evidence = [Evidence("late"), Evidence("early")]
    record.append(said("Both."), occurred="2024-04-01", evidence=evidence)

    (line,) = record.as_of(published="2024-04-30").statements().statements
    assert [support.source for support in line.evidence[0].sources] == ["early"]
    (line,) = record.statements().statements
    assert [support.source for support in line.evidence[0].sources] == ["late", "early"]


@pytest.mark.parametrize("source", ["vague", "undated"])
def test_a_source_of_vague_date_counts_where_it_is_certain_or_if_asked(record, source):
    record.append(said("Perhaps."), occurred="2024-04-01", source=source)

    assert texts(record, published="2024-04-10") == []
    assert texts(record, published="2024-04-10", possibly=True) == ["Perhaps."]
    known = [] if source == "undated" else ["Perhaps."]
    assert texts(record, published="2024-04-30") == []
    # As far again as it spans: then it is certain.
    assert texts(record, published="2024-05-31") == known


def test_a_source_that_another_cites_was_there_by_then(record):
    record.add(Source("cited", publisher="gazette", title="A mention", cited_in="early"))
    record.add(Source("wire", publisher="gazette", title="The wire's own", published=None))
    record.add(
        Source("copy", publisher="courier", title="A copy", copies="wire", published="2024-05")
    )
    record.append(said("Cited."), occurred="2024-04-01", source="cited")
    record.append(said("Wired."), occurred="2024-04-01", source="wire")

    assert texts(record, published="2024-04-02") == ["Cited."]
    assert texts(record, published="2024-05-31") == ["Cited.", "Wired."]


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_that_cite_or_copy_a_source_the_first_counts(record, order):
    """In whatever order they were recorded, and also by way of others without a date."""

    def copy(id, copies, **dates):
        return Source(id, publisher="courier", title=id, copies=copies, **dates)

    sources = [
        Source("wire", publisher="gazette", title="The wire's own", retrieved="2024-06-10"),
        copy("first-copy", "wire", published="2024-05-10"),
        copy("second-copy", "wire", published="2024-05-20"),
        Source("page", publisher="gazette", title="A page"),
        copy("undated-copy", "page"),
        copy("copy-of-that", "undated-copy", published="2024-05-10"),
    ]
    record.add(*sources[::order])
    record.append(said("Wired."), occurred="2024-04-01", source="wire")
    record.append(said("Paged."), occurred="2024-04-01", source="page")

    assert texts(record, published="2024-05-09") == []
    assert texts(record, published="2024-05-10") == ["Wired.", "Paged."]


def test_an_undated_source_was_there_when_it_was_retrieved(record):
    record.add(
        Source("kept", publisher="gazette", title="A page", retrieved="2024-04-20"),
        Source("open", publisher="gazette", title="B", published="2024-04/..", retrieved="2024-05"),
    )
    record.append(said("Kept."), occurred="2024-04-01", source="kept")
    record.append(said("Open."), occurred="2024-04-01", source="open")

    assert texts(record, published="2024-04-19") == []
    assert texts(record, published="2024-04-20") == ["Kept."]
    assert texts(record, published="2024-05-31") == ["Kept.", "Open."]


def test_offices_count_from_when_they_began_and_not_from_when_they_were_reported(record):
    office = RoleReported("smailov", "minister", of="south", since="2020")
    record.append(office, id="office", occurred="2024-06-01", source="late")
    record.append(RoleReported("smaiylov", "minister", of="south"), source="late")
    record.append(RoleReported("smaiylov", "envoy", of="south", since="2030"), source="late")

    def offices(view):
        return {(row.actor, row.role) for row in view.all(RoleRow)}

    with record.as_of(occurred="2024-04-01").view() as view:
        assert offices(view) == {("smailov", "minister"), ("smaiylov", "minister")}


def test_a_corrected_publication_date_is_what_counts(record):
    record.append(said("Moved."), occurred="2024-04-01", source="early")
    changes = {
        "source": {"id": "early", "publisher": "gazette", "title": "T", "published": "2024-07"}
    }
    record.append(EventCorrected(["source/early"], "The page was dated wrongly.", changes))

    assert texts(record, published="2024-04-02") == []
    assert texts(record, published="2024-07-31") == ["Moved."]


def test_a_correction_counts_from_the_day_its_own_source_was_published(record):
    record.append(said("On the first."), id="s", occurred="2024-04-01", source="early")
    fix = EventCorrected(["s"], "The Courier has the day.", {"occurred": "2024-03-30"})
    record.append(fix, source="late")

    (before,) = record.as_of(published="2024-05-01").statements().statements
    (after,) = record.as_of(published="2024-06-01").statements().statements
    assert (before.occurred, after.occurred) == ("2024-04-01", "2024-03-30")


def test_a_report_says_what_was_in_view(record):
    report = record.as_of(published="2024-04-30", occurred="2024-04-30").initiative("harbour")

    assert report.to_dict()["standing"] == {
        "position": record.store.head().position,
        "digest": record.store.head().digest.hex(),
        "published": "2024-04-30",
        "occurred": "2024-04-30",
        "possibly": False,
        "taken_down": [],
    }
    assert "As published by 30 Apr 2024" in " ".join(str(report).split())
    with pytest.raises(NotFound):
        record.as_of(published="2024-04-01").initiative("harbour")


# By the world's, the log's and our clock


def test_what_had_not_happened_yet_is_out_of_view(record):
    record.append(said("First."), occurred="2024-04-01", source="late")
    record.append(said("In May, some time."), occurred="2024-05", source="late")
    record.append(said("Undated."), source="late")

    assert texts(record, occurred="2024-04-30") == ["First."]
    assert texts(record, occurred="2024-05-15") == ["First."]
    possibly = ["First.", "In May, some time.", "Undated."]
    assert texts(record, occurred="2024-05-15", possibly=True) == possibly
    assert texts(record, occurred="2024-05") == possibly[:2]


def test_as_recorded_is_as_the_log_stood_then(kept_url):
    hours = iter(range(24))

    def clock():
        return datetime.datetime(2024, 6, 1, next(hours), tzinfo=datetime.UTC)

    engine = create_engine(kept_url)
    store = EventStore(engine, clock=clock)
    for number in range(5):
        store.append(f"s-{number}", [NewEvent(said(f"{number}", about=[]), id=f"e{number}")])
    engine.dispose()

    with Timeline.open(kept_url) as record:
        assert texts(record, recorded="2024-06-01T02:59+00:00") == ["0", "1", "2"]
        assert texts(record, recorded="2024-06-01T05:00+03:00") == ["0", "1", "2"]
        assert texts(record, recorded="2024-06-01") == ["0", "1", "2", "3", "4"]
        assert texts(record, recorded="2024-05-31") == []
        assert texts(record, recorded="2024-06-01", position=2) == ["0", "1"]
        with pytest.raises(NaiveDatetime):
            record.as_of(recorded="2024-06-01T05:00")
        with pytest.raises(InvalidInput, match="recorded"):
            record.as_of(recorded="2024-06-01/..")


def test_clocks_go_together_and_views_narrow_only(record):
    record.append(said("Early."), occurred="2024-04-01", source="early")
    record.append(said("Late."), occurred="2024-04-02", source="late")
    end = record.store.head().position

    assert texts(record, published="2024-06-01", position=end - 1) == ["Early."]
    assert texts(record, published="2024-06-01", occurred="2024-04-01") == ["Early."]
    view = record.as_of(published="2024-04-30")
    assert texts(view, published="2024-06-30") == ["Early."]
    record.append(said("Afterwards."), occurred="2024-04-01", source="early")
    assert texts(view) == ["Early."]
    assert texts(view, occurred="2025") == ["Early."]


def test_of_two_limits_the_earlier_holds_and_the_first_of_equal_ones(record):
    record.append(said("Early."), occurred="2024-04-01", source="early")
    end = record.store.head().position

    for one, other in [(end, end - 1), (end - 1, end)]:
        narrowed = record.as_of(position=one).as_of(position=other)
        assert texts(narrowed) == []
        assert narrowed.statements().to_dict()["standing"]["position"] == end - 1
    for dates in (["2024", "2024-12-31"], ["2024-12-31", "2024"]):
        narrowed = record.as_of(occurred=dates[0]).as_of(occurred=dates[1])
        assert narrowed.statements().to_dict()["standing"]["occurred"] == dates[0]
        narrowed = record.as_of(published=dates[0]).as_of(published=dates[1])
        assert narrowed.statements().to_dict()["standing"]["published"] == dates[0]
    recorded = record.as_of(recorded="2999-01-01").as_of(recorded="2000-01-01")
    assert texts(recorded) == []


def test_a_cutoff_has_an_end(record):
    with pytest.raises(InvalidInput, match="published: expected a date that has an end"):
        record.as_of(published="2024-04/..")
    with pytest.raises(InvalidInput, match="possible"):
        record.as_of(published="2024-04").as_of(occurred="2024-04", possibly=True)


# Further sources


def test_a_further_source_stands_beside_the_first(record):
    record.append(said("Once."), id="s", occurred="2024-04-01", source="late")
    record.append(EventCorroborated(["s"], note="Without the date."), id="more", source="early")

    (line,) = record.statements().statements
    assert [cited.event for cited in line.evidence] == ["s", "more"]
    result = [support.source for cited in line.evidence for support in cited.sources]
    assert result == ["late", "early"]


def test_a_further_source_may_be_the_first_to_be_published(record):
    record.append(said("Once."), id="s", occurred="2024-04-01", source="late")
    record.append(EventCorroborated(["s"]), id="more", source="early")

    (line,) = record.as_of(published="2024-04-02").statements().statements
    result = [support.source for cited in line.evidence for support in cited.sources]
    assert result == ["early"]


def test_a_further_source_needs_a_source_and_an_event(record):
    with pytest.raises(InvalidEvent, match="needs evidence"):
        record.append(EventCorroborated(["made"]))
    with pytest.raises(UnknownReference, match="event 'nobody'"):
        record.append(EventCorroborated(["nobody"]), source="early")


@pytest.mark.parametrize(
    "event",
    [
        said("No.", disputes=["nobody"]),
        DisagreementNoted("whether", [Side("yes", ["made"]), Side("no", ["nobody"])]),
        EventRetracted(["made"], "Better said elsewhere.", superseded_by="nobody"),
    ],
)
def test_events_named_by_events_must_be_recorded(record, event):
    with pytest.raises(UnknownReference, match="no event 'nobody' is recorded"):
        record.append(event, source="early")


def test_an_event_may_be_superseded(record):
    record.append(said("Roughly."), id="rough", occurred="2024-04-01", source="early")
    record.append(said("Precisely."), id="exact", occurred="2024-04-01", source="early")
    before = record.store.head().position
    record.append(EventRetracted(["rough"], "Said better.", superseded_by="exact"))

    assert texts(record) == ["Precisely."]
    assert texts(record, position=before) == ["Roughly.", "Precisely."]


@pytest.mark.parametrize(
    "amendment",
    [
        EventRetracted(["made"], "Wrong."),
        EventCorroborated(["made"]),
        ActorsMerged("smailov", ["smaiylov"], "One man."),
    ],
)
def test_an_amendment_cannot_be_corrected(record, amendment):
    record.append(amendment, id="a", source="early")

    with pytest.raises(InvalidEvent, match="it is itself a correction"):
        record.append(EventCorrected(["a"], "Better.", {"reason": "x"}))


# One actor under two names


@pytest.fixture
def twice(record):
    """A record in which one man goes by two entries."""
    record.append(said("One.", speaker="smailov"), id="one", occurred="2024-04-01", source="early")
    record.append(said("Two.", speaker="smaiylov"), id="two", occurred="2024-04-02", source="early")
    meeting = MeetingHeld("m", "A meeting", attendance=[Attendance("smaiylov", "attended")])
    record.append(
        meeting, id="met", occurred="2024-04-03", source="early", according_to=["smaiylov"]
    )
    return record


MERGED = ActorsMerged("smailov", ["smaiylov"], "Two spellings of one man.")


def test_merged_actors_are_one_from_the_first_event_on(twice):
    before = twice.store.head().position
    twice.append(MERGED, id="merger")

    lines = twice.statements(speaker="smailov").statements
    assert [(line.text, line.speaker.id) for line in lines] == [
        ("One.", "smailov"),
        ("Two.", "smailov"),
    ]
    assert [cited.event for cited in lines[1].evidence] == ["two", "merger"]
    cell = twice.attendance(meeting="m").cell("smailov", "m")
    assert cell.status == "attended"
    assert cell.entries[0].evidence[0].sources[0].chain[0].who.name == "Smailov"
    old = twice.as_of(position=before).statements(speaker="smailov").statements
    assert [line.text for line in old] == ["One."]


def test_a_merger_can_be_undone(twice):
    twice.append(MERGED, id="merger")
    twice.append(EventRetracted(["merger"], "Two men after all."))

    assert [line.text for line in twice.statements(speaker="smaiylov").statements] == ["Two."]
    assert [line.text for line in twice.statements(speaker="smailov").statements] == ["One."]


def test_what_is_recorded_after_a_merger_is_read_by_it_too(twice):
    twice.append(MERGED)
    twice.statements()
    twice.append(said("Three.", speaker="smaiylov"), occurred="2024-05-01", source="late")

    lines = twice.statements(speaker="smailov").statements
    assert [line.text for line in lines] == ["One.", "Two.", "Three."]


def test_mergers_follow_one_another(twice):
    twice.add(Actor("ismailov", "person", "Ismailov"))
    twice.append(MERGED)
    twice.append(ActorsMerged("ismailov", ["smailov"], "His full name."))

    lines = twice.statements(speaker="ismailov").statements
    assert [(line.text, line.speaker.name) for line in lines] == [
        ("One.", "Ismailov"),
        ("Two.", "Ismailov"),
    ]


def test_a_merger_recorded_again_is_the_same_merger(twice):
    assert twice.append(MERGED, id="merger").added == 1
    assert twice.append(MERGED, id="merger").added == 0


@pytest.mark.parametrize(
    ("earlier", "merger", "problem"),
    [
        ([], ActorsMerged("north", ["north"], "?"), "'north' cannot be merged into itself"),
        (
            [ActorsDistinguished("smaiylov", ["smailov"], "Father and son.")],
            MERGED,
            "read as one, by 'merger', and were found to be distinct, by 'earlier0': Father",
        ),
    ],
)
def test_mergers_that_cannot_be(record, earlier, merger, problem):
    for number, item in enumerate(earlier):
        record.append(item, id=f"earlier{number}")
    end = record.store.head()

    with pytest.raises(InvalidEvent) as caught:
        record.append(merger, id="merger")

    assert problem in str(caught.value)
    assert record.store.head() == end


def test_who_is_who_may_change_its_mind_within_one_call_and_over_several(twice):
    twice.add(Actor("rosa", "person", "Rosa"))
    steps = [
        NewEvent(MERGED, id="first"),
        NewEvent(EventRetracted(["first"], "Not he."), id="undone"),
        NewEvent(ActorsDistinguished("smailov", ["smaiylov"], "Two men."), id="apart"),
        NewEvent(ActorsMerged("rosa", ["smaiylov"], "Her."), id="second"),
        NewEvent(ActorsMerged("smailov", ["rosa"], "?"), id="third"),
    ]
    for step in steps[:4]:
        twice.append_all([step])
    # Again from scratch, and all together, it is the same.
    assert twice.append_all(steps[:4]).added == 0
    assert [line.text for line in twice.statements(speaker="rosa").statements] == ["Two."]
    with pytest.raises(InvalidEvent, match=r"by 'second', 'third', .* distinct, by 'apart'"):
        twice.append_all(steps)


@pytest.mark.parametrize(
    "steps",
    [
        [ActorsMerged("a", ["b"], "One."), ActorsMerged("b", ["c"], "One.")],
        [ActorsMerged("b", ["c"], "One."), ActorsMerged("a", ["b"], "One.")],
        [ActorsMerged("b", ["a"], "One."), ActorsMerged("c", ["b"], "One.")],
        [ActorsMerged("a", ["b"], "One."), ActorsMerged("c", ["b"], "One.")],
        [ActorsMerged("b", ["a", "c"], "One.")],
    ],
)
def test_mergers_hold_together_however_they_are_chained(record, steps):
    record.add(*(Actor(id, "person", f"Name {id}") for id in "abc"))
    for actor in "abc":
        said = StatementMade(actor, f"{actor} speaks.")
        record.append(said, id=f"by-{actor}", source="early", occurred="2024-04-01")
    for number, step in enumerate(steps):
        record.append(step, id=f"m{number}")

    for view in (record, record.as_of(position=record.store.head().position)):
        for actor in "abc":
            assert len(view.statements(speaker=f"Name {actor}").statements) == 3
        (line,) = view.actors("Name a").actors
        assert {line.name, *line.aliases} == {"Name a", "Name b", "Name c"}
    apart = ActorsDistinguished("c", ["a"], "Two.")
    with pytest.raises(InvalidEvent, match=r"'m\d'.* distinct, by 'apart': Two"):
        record.append(apart, id="apart")
    record.append(EventRetracted(["m0"], "No."))
    record.append(apart, id="apart")
    with pytest.raises(InvalidEvent, match="distinct, by 'apart'"):
        record.append_all(map(NewEvent, reversed(steps)))


def test_a_merger_that_a_retraction_brings_back_must_fit_too(twice):
    twice.append(MERGED, id="merged")
    twice.append(EventRetracted(["merged"], "Two men."), id="undone")
    twice.append(ActorsDistinguished("smailov", ["smaiylov"], "Two men."), id="apart")

    with pytest.raises(InvalidEvent, match=r"by 'merged', .* distinct, by 'apart'"):
        twice.append(EventRetracted(["undone"], "One man."))
    twice.append_all(
        [
            NewEvent(EventRetracted(["apart"], "One man.")),
            NewEvent(EventRetracted(["undone"], "One man.")),
        ]
    )
    assert len(twice.statements(speaker="smailov").statements) == 2


def test_a_distinction_is_not_corrected_into_a_contradiction(twice):
    twice.add(Actor("rosa", "person", "Rosa"))
    twice.append(MERGED, id="merged")
    twice.append(ActorsDistinguished("smailov", ["rosa"], "She."), id="apart")

    with pytest.raises(InvalidEvent, match=r"by 'merged', .* distinct, by 'apart'"):
        twice.append(EventCorrected(["apart"], "He.", {"others": ["smaiylov"]}))


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        (
            [ActorsDistinguished("smailov", ["smaiylov"], "Two."), MERGED],
            "read as one, by 'e1', and were found to be distinct, by 'e0': Two.",
        ),
        (
            [MERGED, ActorsDistinguished("smailov", ["smaiylov"], "Two.")],
            "read as one, by 'e0', and were found to be distinct, by 'e1': Two.",
        ),
        ([ActorsMerged("north", ["smailov"], "?")], "of different kinds, person and state"),
        ([ActorsDistinguished("north", ["north"], "?")], "cannot be distinct from itself"),
    ],
)
def test_what_is_said_of_who_is_who_must_fit_together(record, events, problem):
    end = record.store.head()

    with pytest.raises(InvalidEvent, match=problem):
        record.append_all(NewEvent(item, id=f"e{n}") for n, item in enumerate(events))
    assert record.store.head() == end


def test_a_distinction_withdrawn_no_longer_stands_in_the_way(twice):
    twice.append(ActorsDistinguished("smaiylov", ["smailov"], "Father and son."), id="d")
    twice.append(EventRetracted(["d"], "One man."))
    twice.append(MERGED)

    assert len(twice.statements(speaker="smailov").statements) == 2


def test_an_office_held_at_the_time_decides_for_whom_one_speaks(record):
    office = RoleReported("smailov", "minister", of="south", since="2024-05")
    record.append(office, id="office", source="late")
    before = said("No.", positions=[Position("south", "opposed")])
    record.append(before, id="before", occurred="2024-04-01", source="early")
    record.append(before, id="after", occurred="2024-06-01", source="late")

    (own,) = record.initiative("harbour").party("south").own
    (imputed,) = record.initiative("harbour").party("south").imputed
    assert [cited.event for cited in own.evidence] == ["after", "office"]
    assert [cited.event for cited in imputed.evidence] == ["before"]
    assert When(imputed.occurred) < When(own.occurred)
