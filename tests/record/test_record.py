"""`Timeline`: what it takes, what it refuses, and what its reports then say."""

import datetime
import json
import re
from collections.abc import Iterator

import attrs
import pytest
import sqlalchemy as sa

from timeline import (
    Actor,
    Attendance,
    AttendanceReported,
    DatabaseError,
    EventCorrected,
    EventRetracted,
    Evidence,
    Expected,
    InvalidDate,
    InvalidEvent,
    Link,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
    MembershipReported,
    NewEvent,
    NotFound,
    Position,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalMade,
    RoleReported,
    Source,
    StatementMade,
    Term,
    Timeline,
    UnknownReference,
    WrongExpectedVersion,
    event,
)
from timeline.errors import (
    EventIdReused,
    InvalidInput,
    MigrationFailed,
    NaiveDatetime,
    StoreAltered,
    UnknownEventType,
)
from timeline.events import ActorAdded, EventRedacted, SourceAdded
from timeline.log import database
from timeline.log.database import create_engine

GAZETTE = Actor("gazette", "organisation", "The Gazette")
MINISTER = Actor("minister", "person", "The minister")
NORTH = Actor("north", "state", "Northland")
SOUTH = Actor("south", "state", "Southland")
ARTICLE = Source("article", publisher="gazette", title="A harbour for two")
THINGS = (GAZETTE, MINISTER, NORTH, SOUTH, ARTICLE)

HARBOUR = ProposalMade(
    "harbour", "A joint harbour", by="north", text="A harbour for both.", parties=["north", "south"]
)


@pytest.fixture
def timeline(kept_url) -> Iterator[Timeline]:
    with Timeline.open(kept_url) as opened:
        opened.add(*THINGS)
        yield opened


@pytest.fixture
def harbour(timeline):
    """A record with a proposal in it."""
    timeline.append(HARBOUR, id="made", occurred="2024-04", source="article")
    return timeline


def said(text="Yes.", **fields):
    return StatementMade("minister", text, **fields)


def held(meeting="summit", title="Summit", **fields):
    return MeetingHeld(meeting, title, series="summits", **fields)


def refuses(timeline, error, *args, match=None, **kwargs):
    """Appending raises this error, and leaves the log as it was."""
    before = timeline.store.head()
    with pytest.raises(error, match=match) as caught:
        timeline.append(*args, **kwargs)
    assert timeline.store.head() == before
    return caught.value


# Recording


def test_what_a_source_reports_comes_back_with_its_chain(harbour):
    chain = ["gazette", Link("minister", manner="quoted", capacity="minister of ports"), "north"]
    done = harbour.append(
        said(about=["harbour"], on_behalf_of="north", quotes=["now or never"]),
        id="yes",
        occurred="2024-04-12",
        source="article",
        at="paragraph 3",
        excerpt="now or never",
        according_to=chain,
    )

    (line,) = harbour.initiative("harbour").statements
    (citation,) = line.evidence
    (support,) = citation.sources
    assert done.added == 1
    assert (citation.event, citation.position) == ("yes", done.position)
    assert (support.source, support.at, support.excerpt) == (
        "article",
        "paragraph 3",
        "now or never",
    )
    assert [(str(told.who), told.manner, told.capacity) for told in support.chain] == [
        ("The Gazette", None, None),
        ("The minister", "quoted", "minister of ports"),
        ("Northland", None, None),
    ]


def test_further_evidence_stands_beside_the_source(timeline):
    timeline.add(Source("copy", publisher="gazette", title="The same again", copies="article"))
    timeline.append(said(), source="article", evidence=[Evidence("copy", at="page 2")])

    supports = timeline.statements().statements[0].evidence[0].sources
    assert [(s.source, s.origin) for s in supports] == [("article", "article"), ("copy", "article")]


def test_several_events_share_what_is_said_of_them(timeline):
    done = timeline.append(
        said("One."), said("Two."), occurred=datetime.date(2024, 4, 12), source="article"
    )

    assert done.added == 2
    assert [(line.text, line.occurred) for line in timeline.statements().statements] == [
        ("One.", "2024-04-12"),
        ("Two.", "2024-04-12"),
    ]


@pytest.mark.parametrize(
    "occurred", ["2022-11", "2022-11-29~", "2022-12-26/2022-12-27", "XXXX-12-26", None]
)
def test_dates_come_back_as_vague_as_they_were(timeline, occurred):
    timeline.append(said(), occurred=occurred, source="article")

    assert timeline.statements().statements[0].occurred == occurred


@pytest.mark.parametrize(
    "reported",
    [
        said(),
        HARBOUR,
        held(),
        RoleReported("minister", "minister of ports"),
        MembershipReported("north", of="south"),
    ],
)
def test_what_is_reported_needs_evidence(timeline, reported):
    refuses(timeline, InvalidEvent, reported, match="name its source, with source=")


def test_details_of_a_source_need_the_source(timeline):
    for details in ({"at": "p. 1"}, {"excerpt": "so"}, {"according_to": ["gazette"]}):
        refuses(timeline, InvalidEvent, said(), match="name it, source=", **details)


def test_a_bare_string_is_no_chain(timeline):
    with pytest.raises((TypeError, InvalidEvent), match="expected a list"):
        timeline.append(said(), source="article", according_to="gazette")


@pytest.mark.parametrize(
    ("occurred", "error"),
    [
        ("yesterday", InvalidDate),
        ("2022-13", InvalidDate),
        ("2022-11-28T25:00", InvalidDate),
        (datetime.datetime(2022, 11, 28), NaiveDatetime),  # noqa: DTZ001
    ],
)
def test_what_is_no_date_is_refused(timeline, occurred, error):
    refuses(timeline, error, said(), occurred=occurred, source="article")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: said(""), "StatementMade: text"),
        (lambda: said(5), "StatementMade: text"),
        (lambda: held("Not A Slug"), "MeetingHeld: meeting"),
        (lambda: held(form="party"), "MeetingHeld: form"),
        (
            lambda: held(attendance=[Attendance("north", "there")]),
            "MeetingHeld: attendance.0..status",
        ),
        (lambda: held(attendance=["north"]), "expected an Attendance"),
        (lambda: said("half \ud800"), "StatementMade: text"),
        # PostgreSQL's text cannot hold it: in the log it would keep reports from ever being made.
        (lambda: said("a\0b"), "StatementMade: expected text"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_made(make, problem):
    with pytest.raises(InvalidEvent, match=problem):
        make()


def test_what_is_no_event_is_refused(timeline):
    refuses(timeline, InvalidEvent, "hello", match="made by @event; found str")


def test_a_new_event_goes_in_by_another_door(timeline):
    new = NewEvent(said(), evidence=[Evidence("article")])

    refuses(timeline, InvalidEvent, new, match="use append_all")
    refuses(timeline, InvalidEvent, said(), new, source="article", match="use append_all")
    assert timeline.append_all([new]).added == 1


def test_an_event_of_ones_own_may_be_given_its_stream(kept_url):
    @event
    class Rained:
        where: str

    with Timeline.open(kept_url, events=[Rained]) as timeline:
        refuses(timeline, InvalidEvent, Rained("north"), match="stream=")
        done = timeline.append(Rained("north"), Rained("south"), stream="weather")
        assert [(each.stream, each.version) for each in done.events] == [
            ("weather", 1),
            ("weather", 2),
        ]
        given = {"stream": "weather", "expected_version": 1}
        refuses(timeline, WrongExpectedVersion, Rained("north"), **given)


RECORD = """\
record: weather
actors:
  - {id: east, kind: state, name: Eastland}
  - {id: west, kind: state, name: Westland}
"""


def test_ingesting_tells_how_far_it_is(timeline, tmp_path):
    (file := tmp_path / "weather.yaml").write_text(RECORD)
    told = []

    timeline.ingest(file, progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (2, 2)
    assert told == sorted(told)
    assert {total for _, total in told} == {2}


def test_a_class_the_timeline_was_not_opened_with_is_refused(timeline):
    @event
    class Rained:
        where: str

    with pytest.raises(UnknownEventType, match="Rained"):
        timeline.append_all([NewEvent(Rained("north"), stream="weather-north")])


# References


@pytest.mark.parametrize(
    ("reported", "field", "category"),
    [
        (StatementMade("ghost", "Boo."), "speaker", "actor"),
        (said(about=["harbour", "ghost"]), r"about\[1\]", "proposal"),
        (said(meeting="ghost"), "meeting", "meeting"),
        (
            said(about=["harbour"], positions=[Position("ghost", "opposed")]),
            r"positions\[0\].party",
            "actor",
        ),
        (held(attendance=[Attendance("ghost", "attended")]), r"attendance\[0\].actor", "actor"),
        (ProposalAnswered("ghost", "north", "rejected", "No."), "proposal", "proposal"),
        (AttendanceReported("ghost", [Attendance("north", "absent")]), "meeting", "meeting"),
    ],
)
def test_what_an_event_names_must_be_recorded(harbour, reported, field, category):
    error = refuses(
        harbour, UnknownReference, reported, id="new", source="article", match=rf"'new': {field}: "
    )

    assert (error.event_id, error.category, error.id) == ("new", category, "ghost")


def test_what_evidence_names_must_be_recorded(timeline):
    error = refuses(timeline, UnknownReference, said(), source="ghost")
    assert (error.field, error.category) == ("evidence[0].source", "source")

    chain = ["gazette", Link("minister", to="ghost")]
    error = refuses(timeline, UnknownReference, said(), source="article", according_to=chain)
    assert (error.field, error.category) == ("evidence[0].chain[1].to", "actor")


def test_what_a_source_names_must_be_recorded(timeline):
    for source in (
        Source("new", publisher="ghost", title="T"),
        Source("new", publisher="gazette", title="T", copies="ghost"),
        Source("new", publisher="gazette", title="T", cited_in="ghost"),
    ):
        with pytest.raises(UnknownReference, match="'ghost' is recorded"):
            timeline.add(source)


def test_one_call_may_name_what_comes_later_in_it(timeline):
    evidence = [Evidence("late")]
    done = timeline.append_all(
        [
            NewEvent(StatementMade("newcomer", "Hello.", about=["harbour"]), evidence=evidence),
            NewEvent(HARBOUR, evidence=evidence),
            NewEvent(SourceAdded(Source("late", publisher="gazette", title="Late"))),
            NewEvent(ActorAdded(Actor("newcomer", "person", "Newcomer"))),
        ]
    )

    assert done.added == 4
    assert timeline.initiative("harbour").statements[0].speaker.name == "Newcomer"


def test_all_that_leads_nowhere_is_told_in_one_error(timeline):
    error = refuses(
        timeline, UnknownReference, StatementMade("ghost", "Boo.", about=["fog"]), source="articel"
    )

    missing = [(each.category, each.id) for each in (error, *error.others)]
    assert missing == [("actor", "ghost"), ("proposal", "fog"), ("source", "articel")]
    assert len(str(error).splitlines()) == 3


def test_an_unknown_reference_leaves_out_the_whole_call(timeline):
    before = timeline.store.head()

    with pytest.raises(UnknownReference):
        timeline.append_all(
            [
                NewEvent(said(), evidence=[Evidence("article")]),
                NewEvent(StatementMade("ghost", "Boo."), evidence=[Evidence("article")]),
            ]
        )

    assert timeline.store.head() == before
    assert timeline.statements().statements == ()


def test_the_log_of_a_subject_begins_with_the_event_that_made_it_known(harbour):
    assert [recorded.type for recorded in harbour.log(subject="north")] == [
        "ActorAdded",
        "ProposalMade",
    ]


# Ids and versions


def test_adding_twice_adds_once(timeline):
    assert timeline.add(*THINGS).added == 0
    with pytest.raises(EventIdReused, match=r"actor/north.*other fields"):
        timeline.add(Actor("north", "state", "Another name"))


def test_a_repeated_append_is_a_retry(timeline):
    first = timeline.append(said(), id="yes", occurred="2024", source="article")
    again = timeline.append(said(), id="yes", occurred="2024", source="article")

    assert (first.added, again.added) == (1, 0)
    assert again.events == first.events


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"occurred": "2025"}, "occurred"),
        ({"at": "page 9"}, "evidence"),
        ({"text": "No."}, "data"),
    ],
)
def test_an_id_is_not_used_again_for_something_else(timeline, change, column):
    given = {"occurred": "2024", "at": "page 1", "text": "Yes."}
    timeline.append(said(given.pop("text")), id="yes", source="article", **given)

    other = {"occurred": "2024", "at": "page 1", "text": "Yes."} | change
    text = other.pop("text")
    error = refuses(timeline, EventIdReused, said(text), id="yes", source="article", **other)
    assert error.differs == (column,)


def test_an_id_is_for_one_event(timeline):
    refuses(timeline, InvalidEvent, said(), said(), id="yes", source="article", match="one event")
    new = NewEvent(said(), id="yes", evidence=[Evidence("article")])
    other = attrs.evolve(new, event=said("No."))
    with pytest.raises(InvalidEvent, match=r"stands twice.*different content"):
        timeline.append_all([new, other])


def test_the_same_event_twice_in_one_call_is_recorded_once(timeline):
    new = NewEvent(said(), id="yes", evidence=[Evidence("article")])
    done = timeline.append_all([new, new])

    assert done.added == 1
    assert [each.id for each in done.events] == ["yes", "yes"]
    assert len(timeline.statements().statements) == 1


def test_expected_versions(harbour):
    answer = ProposalAnswered("harbour", "south", "accepted", "Gladly.")

    for wrong in (0, 2, Expected.NO_STREAM):
        error = refuses(
            harbour, WrongExpectedVersion, answer, source="article", expected_version=wrong
        )
        assert (error.stream, error.actual) == ("proposal-harbour", 1)
    for right in (1, Expected.STREAM_EXISTS, Expected.ANY):
        assert harbour.append(answer, source="article", expected_version=right).added == 1


def test_a_retry_passes_whatever_version_it_expects(harbour):
    done = harbour.append(
        HARBOUR, id="made", occurred="2024-04", source="article", expected_version=0
    )

    assert done.added == 0


def test_an_expected_version_is_for_one_stream(timeline):
    refuses(
        timeline,
        InvalidEvent,
        said(),
        said(),
        source="article",
        expected_version=0,
        match="for one stream",
    )


# Corrections and retractions


def correct(timeline, *events, id=None, **changes):
    return timeline.append(EventCorrected(events, "It was otherwise.", changes), id=id)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"colour": "red"}, "no field 'colour'"),
        ({"evidence": []}, "expected at least one source as evidence"),
        ({"title": 5}, "title: expected text; found 5"),
        ({"parties": "south"}, "parties: expected a list; found 'south'"),
        ({"firmness": "firm"}, "firmness: expected one of floated, formalised, proposed"),
        ({"occurred": "2024-13"}, "expected a date"),
        ({"occurred": "2024-04-12T25:00"}, "expected a date"),
        ({"proposal": "bridge"}, "another stream"),
    ],
)
def test_a_correction_must_fit_what_it_corrects(harbour, changes, match):
    correction = EventCorrected(["made"], "It was otherwise.", changes)

    refuses(harbour, InvalidEvent, correction, match=f"correcting 'made'.*{match}")


def test_a_correction_names_what_is_recorded(harbour):
    refuses(
        harbour,
        UnknownReference,
        EventCorrected(["made"], "Others.", {"parties": ["north", "ghost"]}),
        match=r"parties\[1\]: no actor 'ghost'",
    )
    for amendment in (
        EventCorrected(["made", "ghost"], "No such event.", {"title": "T"}),
        EventRetracted(["made", "ghost"], "No such event."),
    ):
        error = refuses(harbour, UnknownReference, amendment)
        assert (error.field, error.category, error.id) == ("events[1]", "event", "ghost")


def test_an_id_that_lacks_its_record_is_guessed(harbour):
    denial = NewEvent(said("No.", disputes=["yes"]), "port/no", evidence=[Evidence("article")])
    claims = [NewEvent(said(), f"port/{id}", evidence=[Evidence("article")]) for id in ("y", "yes")]
    with pytest.raises(UnknownReference) as caught:
        harbour.append_all([*claims, denial])
    assert "no event 'yes' is recorded. Did you mean port/yes?" in str(caught.value)


def test_a_correction_is_not_corrected(harbour):
    correct(harbour, "made", id="wrong", title="A bridge")

    refuses(
        harbour,
        InvalidEvent,
        EventCorrected(["wrong"], "Wrong again.", {"reason": "None."}),
        match="itself a correction. Retract it",
    )


@pytest.mark.parametrize(
    "amendment",
    [
        lambda: EventCorrected([], "Why.", {"title": "T"}),
        lambda: EventCorrected(["made"], "", {"title": "T"}),
        lambda: EventCorrected(["made"], "Why.", {}),
        lambda: EventRetracted([], "Why."),
        lambda: EventRetracted(["made"], ""),
    ],
)
def test_an_amendment_says_what_and_why(amendment):
    with pytest.raises(InvalidEvent):
        amendment()


def test_reports_show_what_is_right_and_cite_the_correction(harbour):
    before = harbour.initiative("harbour")
    correct(harbour, "made", id="late", occurred="2024-03-28", title="A harbour for two")
    after = harbour.initiative("harbour")

    assert (before.title, before.stage.occurred) == ("A joint harbour", "2024-04")
    assert (after.title, after.stage.occurred) == ("A harbour for two", "2024-03-28")
    assert [citation.event for citation in after.stage.evidence] == ["made", "late"]
    assert [line.reason for line in after.corrections] == ["It was otherwise."]
    assert harbour.as_of(position=before.standing.position).initiative("harbour") == before


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"terms": [{"name": "seat", "value": "North", "colour": "red"}]}, r"terms\[0\].colour"),
        ({"terms": [{"name": "a", "value": "b"}, {"name": "a", "value": "b", "x": 1}]},
         r"terms\[1\].x"),
    ],
)  # fmt: skip
def test_a_correction_names_no_unknown_field_deep_within(harbour, changes, path):
    correction = EventCorrected(["made"], "It was otherwise.", changes)

    refuses(harbour, InvalidEvent, correction, match=f"no field '{path}' that could be corrected")


def test_a_correction_may_leave_out_fields_deep_within(harbour):
    correct(harbour, "made", terms=[{"name": "seat", "value": "North"}])

    (line,) = harbour.initiative("harbour").terms
    assert (line.name, line.value) == ("seat", "North")


def test_the_later_of_two_corrections_holds(harbour):
    correct(harbour, "made", id="first", title="First", text="Mended.")
    correct(harbour, "made", id="second", title="Second")

    report = harbour.initiative("harbour")
    assert (report.title, report.stage.text) == ("Second", "Mended.")


def test_a_retracted_correction_no_longer_holds(harbour):
    before = harbour.initiative("harbour")
    correct(harbour, "made", id="wrong", title="A bridge")
    harbour.append(EventRetracted(["wrong"], "It was a harbour."))
    after = harbour.initiative("harbour")

    assert (after.title, after.stage, after.corrections) == (before.title, before.stage, ())


def parts(report):
    """The report without where in the log it stands."""
    return {name: part for name, part in report.to_dict().items() if name != "standing"}


def test_a_retraction_hides_from_every_report_and_can_be_taken_back(harbour):
    harbour.append(
        said(
            "Secret.",
            about=["harbour"],
            positions=[Position("south", "opposed")],
            terms=[Term("seat", "Secret.")],
        ),
        id="said",
        source="article",
    )
    harbour.append(
        held(title="Secret.", about=["harbour"], attendance=[Attendance("south", "attended")]),
        id="held",
        source="article",
    )
    harbour.append(
        ProposalDiscussed("harbour", ["minister"], "Secret."),
        id="discussed",
        occurred="2025",
        source="article",
    )
    harbour.append(MembershipReported("north", of="gazette"), id="belongs", source="article")

    def made():
        return [parts(harbour.initiative("harbour")), parts(harbour.statements())]

    before, summits = made(), parts(harbour.attendance(series="summits"))
    ids = ["said", "held", "discussed", "belongs"]
    harbour.append(EventRetracted(ids, "Never happened."), id="retraction")

    assert "Secret" in str(before)
    assert "Secret" not in str(made())
    report = harbour.initiative("harbour")
    assert report.stage.stage == "proposed"
    assert (report.statements, report.talks, report.meetings, report.terms) == ((), (), (), ())
    assert report.party("south").imputed == report.party("north").memberships == ()
    with pytest.raises(NotFound):
        harbour.attendance(series="summits")

    harbour.append(EventRetracted(["retraction"], "It did happen."))
    assert made() == before
    assert parts(harbour.attendance(series="summits")) == summits


def test_retracting_the_proposal_hides_the_initiative(harbour):
    harbour.append(EventRetracted(["made"], "Never proposed."))

    with pytest.raises(NotFound, match="no initiative 'harbour'"):
        harbour.initiative("harbour")


def test_a_proposal_retracted_and_recorded_anew_keeps_its_title(harbour):
    harbour.append(
        ProposalDiscussed("harbour", ["minister"], "Talks."), occurred="2025", source="article"
    )
    harbour.append(EventRetracted(["made"], "Recorded anew."))
    harbour.append(HARBOUR, id="made-anew", occurred="2024-03", source="article")

    report = harbour.initiative("harbour")
    assert report.title == "A joint harbour"
    assert [line.party for line in report.parties] == ["north", "south"]
    assert report.stage.stage == "negotiating"


def test_a_retracted_source_is_not_leant_on(harbour):
    harbour.append(EventRetracted(["source/article"], "A forgery."))

    (support,) = harbour.initiative("harbour").stage.evidence[0].sources
    assert (support.source, support.withdrawn) == ("article", "A forgery.")
    assert harbour.initiative("harbour").sources[0].withdrawn == "A forgery."


def test_an_amendment_may_stand_beside_what_it_amends(timeline):
    evidence = [Evidence("article")]
    timeline.append_all(
        [
            NewEvent(EventCorrected(["made"], "A slip.", {"title": "Mended"}), id="mended"),
            NewEvent(HARBOUR, id="made", evidence=evidence),
        ]
    )

    assert timeline.initiative("harbour").title == "Mended"


# Attendance


def test_outcomes_that_differ_are_both_shown(timeline):
    for number, status in enumerate(["invited", "absent", "attended"]):
        timeline.append(
            held(attendance=[Attendance("north", status)]), id=f"held-{number}", source="article"
        )

    cell = timeline.attendance().cell("north", "summit")
    assert cell.status == "attended / absent"
    assert [entry.status for entry in cell.entries] == ["invited", "absent", "attended"]


def test_who_represents_a_party_is_named(timeline):
    sent = [Attendance("minister", "represented", represents="north")]
    timeline.append(held(attendance=[*sent, Attendance("south", "represented")]), source="article")

    report = timeline.attendance()
    assert report.cell("north", "summit").people("north") == ("The minister",)
    assert report.cell("south", "summit").people("south") == ()
    assert "represented (The minister)" in report.to_text(200, all=True, evidence=True)


@pytest.mark.parametrize("count", [3, 7])
def test_all_meetings_stand_in_one_table(timeline, count):
    for number in range(count):
        timeline.append(
            held(f"m{number}", f"No. {number}", attendance=[Attendance("north", "attended")]),
            occurred=f"20{number:02}",
            source="article",
        )

    tables = timeline.attendance().document().tables
    (table,) = (each for each in tables if each.title.startswith("Who attended"))
    assert table.columns[1:] == tuple(f"No. {number} (20{number:02})" for number in range(count))
    (row,) = table.rows
    assert [each.text for each in row] == ["Northland", *["attended"] * count]
    assert all(each.evidence for each in row)


def test_a_meeting_that_was_called_off(timeline):
    timeline.append(
        MeetingAnnounced("summit", "Summit", series="summits", planned="2024-05"), source="article"
    )
    timeline.append(MeetingCalledOff("summit", text="A strike."), source="article")

    (line,) = timeline.attendance(series="summits").meetings
    assert (line.state, line.held_on, line.notes) == ("called off", ("2024-05",), ("A strike.",))


def announced(planned, **fields):
    return MeetingAnnounced("summit", "Summit", series="summits", planned=planned, **fields)


def the_summit(timeline):
    (line,) = timeline.attendance(series="summits").meetings
    return line.state, line.held_on, line.place


def test_an_older_announcement_recorded_later_undoes_no_calling_off(timeline):
    timeline.append(announced("2024-05"), occurred="2024-02", source="article")
    timeline.append(MeetingCalledOff("summit"), occurred="2024-04", source="article")
    timeline.append(announced("2024-05", by="north"), occurred="2024-03", source="article")
    assert the_summit(timeline)[0] == "called off"

    timeline.append(announced("2024-06"), occurred="2024-05", source="article")
    assert the_summit(timeline)[:2] == ("announced; outcome unknown", ("2024-06",))


def test_of_a_meeting_that_was_moved_only_the_newest_plan_is_shown(timeline):
    timeline.append(announced("2024-05", place="North"), occurred="2024-01", source="article")
    timeline.append(
        MeetingRescheduled("summit", planned="2024-07"), occurred="2024-03", source="article"
    )
    timeline.append(
        MeetingRescheduled("summit", planned="2024-06"), occurred="2024-02", source="article"
    )
    assert the_summit(timeline) == ("announced; outcome unknown", ("2024-07",), ("North",))
    assert "2024-05" not in timeline.attendance(series="summits").to_text(all=True, evidence=True)

    # In the order of the log, not of the ids.
    timeline.append(held(), id="z", occurred="2024-08", source="article")
    timeline.append(held(), id="a", occurred="2024-09", source="article")
    assert the_summit(timeline)[:2] == ("held", ("2024-08", "2024-09"))


def test_a_meeting_within_another_says_so(timeline):
    timeline.append(held(), held("aside", "Aside", within="summit"), source="article")

    lines = timeline.attendance(series="summits").meetings
    assert {line.meeting: line.within for line in lines} == {"summit": None, "aside": "summit"}


def test_a_meeting_that_is_not_in_the_report_has_no_cells(timeline):
    timeline.append(held(attendance=[Attendance("north", "attended")]), source="article")
    report = timeline.attendance(series="summits")

    assert report.cell("south", "summit").status == "not mentioned"
    with pytest.raises(NotFound, match="'other' is not in this report; it has summit"):
        report.cell("north", "other")


# What reports say of actors, and how


def test_actors_have_an_id_and_a_name(harbour):
    harbour.append(
        said(about=["harbour"], on_behalf_of="north", to="south", topics=["ships", "trade"]),
        id="said",
        source="article",
        according_to=["gazette", Link("minister", to="south")],
    )
    harbour.append(ProposalDiscussed("harbour", ["minister"], "Talks."), source="article")

    report = harbour.initiative("harbour")
    (proposal,), (line,), (talks,) = report.proposals, report.statements, report.talks
    (support,) = line.evidence[0].sources
    named = {
        "gazette": (support.publisher, support.origin_publisher, support.chain[0].who),
        "minister": (line.speaker, *talks.participants, support.chain[1].who),
        "north": (proposal.by, proposal.parties[0], line.on_behalf_of),
        "south": (proposal.parties[1], line.to, support.chain[1].to),
    }
    names = {"gazette": "The Gazette", "minister": "The minister"}
    names |= {"north": "Northland", "south": "Southland"}
    for id, actors in named.items():
        assert {(each.id, each.name, str(each)) for each in actors} == {(id, names[id], names[id])}
    assert (support.chain[0].to, proposal.to) == (None, ())

    shown = json.loads(report.to_json())
    assert shown["statements"][0]["speaker"] == {"id": "minister", "name": "The minister"}
    assert shown["statements"][0]["topics"] == ["ships", "trade"]
    assert shown["proposals"][0]["parties"][1] == {"id": "south", "name": "Southland"}
    assert "Northland" in report.to_text(all=True, evidence=True)
    assert "Named(" not in report.to_text(all=True, evidence=True) + report._repr_html_()


def test_a_report_as_a_dict_is_what_json_can_hold(harbour):
    harbour.append(
        said(about=["harbour"], quotes=["now"], positions=[Position("south", "opposed")]),
        source="article",
        according_to=["gazette"],
    )
    harbour.append(held(attendance=[Attendance("north", "attended")]), source="article")
    correct(harbour, "made", title="A harbour for two")

    for report in (
        harbour.initiative("harbour"),
        harbour.attendance(),
        harbour.attendance(series="summits"),
        harbour.statements(topic="none"),
    ):
        assert report.to_dict() == json.loads(report.to_json())


def test_sources_and_parties_name_their_events(harbour):
    harbour.append(
        said(about=["harbour"], positions=[Position("gazette", "opposed")]),
        id="said",
        source="article",
    )

    report = harbour.initiative("harbour")
    (source,) = report.sources
    assert source.events == ("made", "said")
    assert {
        line.party: [citation.event for citation in line.evidence] for line in report.parties
    } == {"north": ["made"], "south": ["made"], "gazette": ["said"]}


def test_positions_at_odds_stand_side_by_side(harbour):
    for number, (day, stance) in enumerate(
        [("2024-05", "opposed"), ("2024-06", "favourable"), ("2024-07", "opposed")]
    ):
        harbour.append(
            said(about=["harbour"], positions=[Position("south", stance)]),
            id=f"said-{number}",
            occurred=day,
            source="article",
        )

    report = harbour.initiative("harbour")
    assert [line.stance for line in report.party("south").imputed] == [
        "opposed",
        "favourable",
        "opposed",
    ]
    (table,) = (each for each in report.document().tables if each.title == "Positions")
    shown = {row[0].text: row for row in table.rows}["Southland"][2]
    assert shown.text == (
        "opposed, says The minister (Jul 2024); favourable, says The minister (Jun 2024)"
    )
    assert [citation.event for citation in shown.evidence] == ["said-2", "said-1"]


def test_an_empty_report_has_no_heading_for_evidence(harbour):
    harbour.append(said(), source="article")

    assert "Evidence" not in harbour.statements(topic="none").to_text(all=True, evidence=True)
    assert "Evidence" in harbour.statements().to_text(all=True, evidence=True).splitlines()


# Names that are not there


def test_what_is_not_recorded_is_not_found(harbour):
    with pytest.raises(NotFound, match=r"no initiative 'bridge' .* Recorded: harbour"):
        harbour.initiative("bridge")
    with pytest.raises(NotFound, match="'harbour' has no party 'west'; it has north, south"):
        harbour.initiative("harbour").party("west")
    with pytest.raises(NotFound, match="series 'balls'"):
        harbour.attendance(series="balls")
    with pytest.raises(NotFound, match="meeting 'ball'"):
        harbour.attendance(meeting="ball")
    position = harbour.store.head().position + 1
    with pytest.raises(NotFound, match=f"no position {position} in the log"):
        harbour.as_of(position=position)
    with pytest.raises(InvalidInput, match="position: expected a whole number from 0"):
        harbour.as_of(position=-1)


def test_reports_on_nothing_are_empty(timeline):
    assert timeline.statements(speaker="minister").statements == ()
    assert timeline.attendance().meetings == ()
    assert "0 recorded" not in timeline.statements().to_text(all=True, evidence=True)


# Several at one database


def test_timelines_at_one_database_see_each_others_events(kept_url):
    with Timeline.open(kept_url) as one, Timeline.open(kept_url) as other:
        one.add(*THINGS)
        one.append(HARBOUR, id="made", source="article")
        assert other.initiative("harbour") == one.initiative("harbour")

        other.append(said(about=["harbour"]), source="article")
        assert len(one.initiative("harbour").statements) == 1

        one.append(EventCorrected(["made"], "A slip.", {"title": "Mended"}))
        assert other.initiative("harbour").title == "Mended"
        assert other.initiative("harbour").to_json() == one.initiative("harbour").to_json()


def test_what_was_appended_is_there_when_opened_again(kept_url):
    with Timeline.open(kept_url) as timeline:
        timeline.add(*THINGS)
        timeline.append(HARBOUR, source="article")
        made = timeline.initiative("harbour")

    with Timeline.open(kept_url, create=False) as timeline:
        assert timeline.initiative("harbour") == made


# Opening


def test_opening_makes_a_record_only_where_asked(database_url):
    with pytest.raises(NotFound, match="`timeline init` makes one"):
        Timeline.open(database_url, create=False)
    with Timeline.open(database_url) as timeline:
        assert timeline.store.head().position == 0
    with Timeline.open(database_url, create=False) as timeline:
        assert timeline.store.head().position == 0


@pytest.fixture
def execute(database_url):
    """Run SQL in the test's database, as another program would."""
    engine = create_engine(database_url)

    def run(*statements):
        with engine.begin() as connection:
            found = [connection.exec_driver_sql(statement) for statement in statements]
            return found[-1].all() if found[-1].returns_rows else None

    yield run
    engine.dispose()


def test_another_programs_tables_stay_as_they_are(database_url, execute):
    execute("CREATE TABLE customers (name TEXT)", "INSERT INTO customers VALUES ('Ann')")

    with Timeline.open(database_url) as timeline:
        timeline.add(*THINGS)
        assert timeline.statements().statements == ()

    assert execute("SELECT * FROM customers") == [("Ann",)]


def test_another_programs_table_of_events_is_not_taken_for_ours(database_url, execute):
    execute(
        "CREATE TABLE timeline_events (name TEXT)", "INSERT INTO timeline_events VALUES ('Fair')"
    )

    with pytest.raises(MigrationFailed, match=r"already exists.*Nothing was changed"):
        Timeline.open(database_url)

    assert execute("SELECT * FROM timeline_events") == [("Fair",)]
    with pytest.raises(NotFound):
        Timeline.open(database_url, create=False)


THEIRS = ("events", "roles", "sources", "head", "subscriptions", "log", "sessions")


def test_a_host_may_use_every_name_that_is_not_marked_as_ours(database_url, execute):
    execute(*(f"CREATE TABLE {name} (name TEXT)" for name in THEIRS[:-1]))
    execute("CREATE VIEW sessions AS SELECT 'Spring' AS name")
    execute(*(f"INSERT INTO {name} VALUES ('Spring')" for name in THEIRS[:-1]))
    apart = database_url.startswith("postgresql")

    with Timeline.open(database_url) as timeline:
        timeline.add(*THINGS)
        assert timeline.statements().statements == ()
        timeline.rebuild("sources")
        timeline.verify()

    theirs, ours = ("public.", "timeline.") if apart else ("", "timeline_")
    for name in THEIRS:
        assert execute(f"SELECT * FROM {theirs}{name}") == [("Spring",)]
    for name in ("roles", "sources", "log"):
        assert execute(f"SELECT count(*) FROM {ours}{name}") != []


# Rendering

MARKUP = """<script>alert("1")</script> & 'x' <img src=x onerror=alert(1)>"""
ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202ereversed"
STEERING = set("\x1b\x07\x9b\u202e")


def hostile(text):
    """The reports of a record that has this text wherever a source's words may go."""
    # As text that has come in otherwise: an append refuses it.
    with pytest.MonkeyPatch.context() as patch, Timeline.open("sqlite://") as timeline:
        patch.setattr("timeline.events.encoding._UNWANTED", re.compile(rb"(?!)"))
        return record_hostile(timeline, text)


def record_hostile(timeline, text):
    timeline.add(
        Actor("mallory", "person", text),
        Source("bad", publisher="mallory", title=text, note=text),
    )
    given = {"source": "bad", "at": text, "excerpt": text, "according_to": ["mallory"]}
    timeline.append(
        ProposalMade(
            "trap",
            text,
            by="mallory",
            text=text,
            parties=["mallory"],
            quotes=[text],
            terms=[Term(text, text)],
        ),
        id="trap",
        **given,
    )
    timeline.append(
        held(
            title=text,
            place=text,
            about=["trap"],
            text=text,
            topics=[text],
            attendance=[Attendance("mallory", "attended", role=text)],
        ),
        **given,
    )
    timeline.append(
        StatementMade(
            "mallory",
            text,
            capacity=text,
            place=text,
            about=["trap"],
            topics=[text],
            quotes=[text],
            positions=[Position("mallory", "opposed", text)],
        ),
        **given,
    )
    timeline.append(ProposalDiscussed("trap", ["mallory"], text, topics=[text]), **given)
    timeline.append(EventCorrected(["trap"], text, {"occurred": "2024"}))
    return {
        "initiative": timeline.initiative("trap"),
        "attendance": timeline.attendance(),
        "statements": timeline.statements(topic=text),
    }


@pytest.mark.parametrize("name", ["initiative", "attendance", "statements"])
def test_html_escapes_the_markup_of_sources(name):
    html = hostile(MARKUP)[name]._repr_html_()

    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#x27;x&#x27;" in html
    for raw in ("<script", "<img", 'alert("1")', "'x'"):
        assert raw not in html


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("name", ["initiative", "attendance", "statements"])
def test_text_does_not_steer_the_terminal(name, color):
    text = hostile(ESCAPES)[name].to_text(color=color, all=True, evidence=True)

    assert "�[31mred" in text.replace("\n", "")
    assert "\x1b[31m" not in text
    assert "\x1b]" not in text
    assert not (STEERING - ({"\x1b"} if color else set())) & set(text)


@pytest.mark.parametrize("name", ["initiative", "attendance", "statements"])
def test_html_has_no_steering_characters(name):
    assert not STEERING & set(hostile(ESCAPES)[name]._repr_html_())


def test_text_shows_the_markup_of_rich_as_it_is():
    assert "[bold]not bold[/bold] :smile:" in hostile("[bold]not bold[/bold] :smile:")[
        "initiative"
    ].to_text(200, all=True, evidence=True)


def test_text_keeps_to_the_width(harbour):
    harbour.append(said("wide " * 100, about=["harbour"]), id="said", source="article")

    for width in (60, 80, 120):
        lines = harbour.initiative("harbour").to_text(width, all=True, evidence=True).splitlines()
        assert max(len(line) for line in lines) <= width


def test_a_password_is_not_shown():
    url = sa.make_url("postgresql://user:secret@127.0.0.1:1/db")

    with pytest.raises(DatabaseError) as caught:
        Timeline.open(url)

    assert "user:***@127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_statement_that_disputes_another_may_be_corrected(harbour):
    harbour.append(said("One."), id="one", source="article")
    harbour.append(said("Two.", disputes=["one"]), id="two", source="article")

    harbour.append(EventCorrected(["two"], "Misheard.", {"text": "Three."}))

    assert [line.text for line in harbour.statements().statements] == ["One.", "Three."]


def test_edited_read_models_show_and_have_no_part_in_a_verified_report(harbour):
    harbour.append(said("Yes."), id="yes", source="article")
    harbour.statements()
    assert harbour.verify(rows=True) == harbour.store.head()
    with database.writing(harbour.store.engine) as connection:
        names = sa.inspect(connection).get_table_names()
        table = max(name for name in names if name.startswith("timeline_statements_v"))
        connection.exec_driver_sql(f"UPDATE {table} SET text = 'No.' WHERE event = 'yes'")

    assert [line.text for line in harbour.statements().statements] == ["No."]
    assert [line.text for line in harbour.verified().statements().statements] == ["Yes."]
    harbour.verify()
    with pytest.raises(StoreAltered, match=r"text: No\. → Yes\.") as caught:
        harbour.verify(rows=True)
    assert "`timeline rebuild statements`" in str(caught.value)

    harbour.rebuild("statements")
    harbour.verify(rows=True)
    assert [line.text for line in harbour.statements().statements] == ["Yes."]


# What is refused at the door


def test_a_takedown_is_recorded_by_redact_alone(harbour):
    harbour.append(said("Yes."), id="yes", source="article")
    with pytest.raises(InvalidEvent, match="only a takedown records an EventRedacted"):
        harbour.append(EventRedacted("yes", "a pretext"))
    assert harbour.redact("yes", reason="a court's order")


@pytest.mark.parametrize(
    "address", ["https://ann:secret@host/x", "http://ann@host", "https://a:@b"]
)
def test_an_address_names_no_user(harbour, address):
    with pytest.raises(InvalidInput, match="names no user or password") as caught:
        harbour.add(Source("other", publisher="gazette", title="T", address=address))
    assert "secret" not in str(caught.value)
    harbour.add(
        Source("fine", publisher="gazette", title="T", address="https://host/@ann?mail=a@b.example")
    )


@pytest.mark.parametrize("position", [-1, "3", True, 2**63, 1.0])
def test_arguments_of_a_wrong_type_or_range_are_invalid_input(harbour, position):
    for attempt in (
        lambda: harbour.as_of(position=position),
        lambda: harbour.wait_for(position),
        lambda: next(harbour.store.follow(after=position)),
        lambda: harbour.store.batch("mailer", limit=position).__enter__(),
        lambda: harbour.archive("kept", rows_per_file=position),
    ):
        with pytest.raises(InvalidInput, match="expected a whole number"):
            attempt()
    with pytest.raises(InvalidInput, match="expected a subscription's name"):
        harbour.store.batch("a\x1b[31m").__enter__()
    with pytest.raises(InvalidInput, match="expected a seal"):
        harbour.verify(seal=position)


@pytest.mark.parametrize(
    ("argument", "ask"),
    [
        ("occurred", lambda record, date: record.append(said(), occurred=date, source="article")),
        ("occurred", lambda record, date: NewEvent(said(), occurred=date)),
        ("published", lambda record, date: record.as_of(published=date)),
        ("recorded", lambda record, date: record.as_of(recorded=date)),
        ("since", lambda record, date: next(record.log(since=date))),
        ("until", lambda record, date: record.chronology(until=date)),
        ("since", lambda record, date: record.changes(since=date, clock="published")),
        ("on", lambda record, date: record.plans(on=date)),
        ("on", lambda record, date: record.say("north", "Yes.", on=date, source="article")),
        ("RoleReported: until", lambda record, date: RoleReported("north", "chair", until=date)),
        ("Source: published", lambda record, date: Source("s", "north", "T", published=date)),
        ("Link: said", lambda record, date: Link("north", said=date)),
    ],
)
def test_an_error_about_a_date_names_its_argument(harbour, argument, ask):
    with pytest.raises(InvalidInput, match=f"{argument}: expected a .*; found '2024-13-40'"):
        ask(harbour, "2024-13-40")


def test_an_error_about_a_zone_or_a_type_names_its_argument(harbour):
    with pytest.raises(NaiveDatetime, match="published: expected an instant with its time zone"):
        harbour.as_of(published="2024-05-01T10:00")
    with pytest.raises(NaiveDatetime, match="occurred: expected an instant with its time zone"):
        harbour.append(said(), occurred=datetime.datetime(2024, 5, 1))  # noqa: DTZ001
    with pytest.raises(InvalidDate, match=r"since: expected .*; found 5, of type int"):
        next(harbour.log(since=5))


@pytest.mark.parametrize(
    ("argument", "ask"),
    [
        ("words", lambda record: record.search(5)),
        ("speaker", lambda record: record.statements(speaker=b"north")),
        ("topic", lambda record: record.statements(topic=["x"])),
        ("id", lambda record: record.show(None)),
        ("events", lambda record: record.corroboration("made", 5)),
        ("initiative", lambda record: record.as_of(position=3).sources(initiative=["harbour"])),
        ("initiative", lambda record: record.changes(since=0, clock="position", initiative=5)),
        ("type", lambda record: next(record.log(type=5))),
        ("category", lambda record: next(record.log(category=5))),
        ("metadata", lambda record: next(record.log(metadata=["ann"]))),
        ("days", lambda record: record.follow_ups(days=None)),
        ("reason", lambda record: record.undo(reason=None)),
        ("table", lambda record: record.plans().to_html(table=5)),
        ("difference", lambda record: record.amend(["a.yaml"], "A reason.")),
        ("dates", lambda record: record.draft(dates="day-first")),
        ("said", lambda record: record.say("north", b"Yes.", source="article")),
    ],
)
def test_an_argument_of_another_type_is_named(harbour, argument, ask):
    with pytest.raises(InvalidInput, match=f"{argument}: expected .*; found"):
        ask(harbour)


@pytest.mark.parametrize("wrong", [5, None, b"", ["a.yaml"]])
def test_what_is_no_file_is_refused(harbour, wrong):
    for attempt in (
        harbour.ingest,
        harbour.diff,
        harbour.check,
        harbour.add_text,
        harbour.site,
        harbour.export_records,
        harbour.export_log,
        harbour.import_log,
        harbour.archive,
        harbour.with_rows,
        lambda file: harbour.ingest_coded(file, dataset="icews"),
    ):
        with pytest.raises(InvalidInput, match=r"expected a .*; found"):
            attempt(wrong)


def test_events_and_connections_of_another_kind_are_refused(harbour):
    with pytest.raises(InvalidEvent, match="expected a NewEvent; found StatementMade"):
        harbour.append_all([said()])
    with pytest.raises(InvalidInput, match=r"session\.connection\(\); found 'north'"):
        harbour.add(NORTH, connection="north")
