"""The contradictions report: what cannot hold together stands side by side, undecided."""

import json

import builder
import pytest
from click.testing import CliRunner

from timeline import (
    Actor,
    ActorsMerged,
    Attendance,
    AttendanceReported,
    DisagreementNoted,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    MeetingAnnounced,
    MeetingHeld,
    NewEvent,
    NotFound,
    PlanAnnounced,
    Position,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalMade,
    RoleReported,
    Side,
    Source,
    StatementMade,
    event,
)
from timeline.cli import cli

MAY = Source("may", publisher="gazette", title="In May", published="2024-05-02")
JUNE = Source("june", publisher="gazette", title="In June", published="2024-06-02")
DAY = Source("day", publisher="gazette", title="The same day", published="2024-06-02T09:00Z")
EVENING = Source("evening", publisher="gazette", title="At night", published="2024-06-02T21:00Z")
UNDATED = Source("undated", publisher="gazette", title="Some time")


@event
class Rained:
    where: str
    about: int = 0


timeline = builder.record(
    *builder.cast("gazette", "minister", "secretary", "north", "south"),
    MAY,
    JUNE,
    DAY,
    EVENING,
    UNDATED,
    events=[Rained],
)


@pytest.fixture
def harbour(timeline):
    """A record with a proposal in it."""
    propose(timeline)
    return timeline


def propose(timeline, source="may", occurred="2024-04", **fields):
    made = {"by": "north", "text": "A harbour.", "parties": ["north", "south"], **fields}
    timeline.append(
        ProposalMade("harbour", "A joint harbour", **made), source=source, occurred=occurred
    )


def hold(timeline, occurred=None, source="may", id=None, **fields):
    timeline.append(
        MeetingHeld("summit", "Summit", **fields), occurred=occurred, source=source, id=id
    )


def say(timeline, text="No.", source="june", id=None, speaker="minister", **fields):
    occurred = fields.pop("occurred", "2024-06-01")
    timeline.append(StatementMade(speaker, text, **fields), id=id, source=source, occurred=occurred)


def found(report):
    """What differs, and the values of the sides."""
    return [
        (line.subject.kind, line.question, [side.value for side in line.sides])
        for line in report.contradictions
    ]


def only(report):
    (line,) = report.contradictions
    return line


# Meetings


def test_dates_that_cannot_both_hold_stand_side_by_side(timeline):
    hold(timeline, "2024-04-11", id="first")
    hold(timeline, "2024-04-12", source="june", id="second")

    line = only(timeline.contradictions())

    assert (line.subject.kind, line.subject.id, line.subject.name) == (
        "meeting",
        "summit",
        "Summit",
    )
    assert (line.question, line.found, line.note) == ("date", "found", None)
    assert [(side.value, side.published) for side in line.sides] == [
        ("11 Apr 2024", "2024-05-02"),
        ("12 Apr 2024", "2024-06-02"),
    ]
    assert [[cited.event for cited in side.evidence] for side in line.sides] == [
        ["first"],
        ["second"],
    ]
    assert [cited.event for cited in line.evidence] == ["first", "second"]
    assert line.newer == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2024-04-11", "2024-04"),
        ("2024-04-11", "2024-04-10/2024-04-12"),
        ("2024-04-11", None),
        ("XXXX-04-11", "2024"),
        ("2024-04-11/..", "2025"),
        ("2024-04-11~", "2024-04-12"),
        ("2024-04?", "2024-05-20"),
        # Already the 11th where the source is, and still the 10th in UTC.
        ("2024-04-11T01:00+05:00", "2024-04-11"),
        ("2024-04-11T01:00+05:00/2024-04-11T02:00+05:00", "2024-04-11"),
    ],
)
def test_dates_that_may_both_hold_are_no_contradiction(timeline, one, other):
    hold(timeline, one)
    hold(timeline, other)

    assert found(timeline.contradictions()) == []


def test_about_reaches_only_so_far(timeline):
    hold(timeline, "2024-04-11~")
    hold(timeline, "2024-04-13")

    assert [side.value for side in only(timeline.contradictions()).sides] == [
        "about 11 Apr 2024",
        "13 Apr 2024",
    ]


def test_two_hours_of_one_day_are_at_odds(timeline):
    hold(timeline, "2024-04-11T10:00Z")
    hold(timeline, "2024-04-11T15:00+03:00")
    hold(timeline, "2024-04-11")

    line = only(timeline.contradictions())
    assert [side.value for side in line.sides] == [
        "11 Apr 2024, 10:00 UTC",
        "11 Apr 2024, 15:00+03:00",
    ]


def test_what_agrees_with_all_the_rest_is_no_side(timeline):
    for date in ("2024-04-11", "2024-04", "2024-04-13", "2024-04-11"):
        hold(timeline, date)

    line = only(timeline.contradictions())
    assert [(side.value, len(side.evidence)) for side in line.sides] == [
        ("11 Apr 2024", 2),
        ("13 Apr 2024", 1),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Harbour Town", " harbour  town"),
        ("Harbour Town", "Harbour Town, Town Hall"),
        ("Town Hall, Harbour", "Harbour, Town Hall"),
        ("Harbour (Town Hall)", "the Town Hall, Harbour"),
        ("Harbour", None),
    ],
)
def test_places_that_may_be_one_are_no_contradiction(timeline, one, other):
    hold(timeline, place=one)
    hold(timeline, place=other)

    assert found(timeline.contradictions()) == []


def test_places_forms_series_and_larger_meetings_that_differ(timeline):
    for larger in ("fair-2023", "fair-2024"):
        timeline.append(MeetingHeld(larger, "The fair"), source="may")
    hold(timeline, place="Harbour", form="summit", series="summits", within="fair-2023")
    hold(timeline, place="Capital", form="talks", series="fairs", within="fair-2024")
    hold(timeline)  # says nothing of any of these
    timeline.append(MeetingHeld("summit", "Another title"), source="may")

    assert found(timeline.contradictions()) == [
        ("meeting", "place", ["Harbour", "Capital"]),
        ("meeting", "form", ["summit", "talks"]),
        ("meeting", "series", ["summits", "fairs"]),
        ("meeting", "the larger meeting", ["The fair (fair-2023)", "The fair (fair-2024)"]),
    ]


def test_a_plan_that_changed_is_no_contradiction(timeline):
    timeline.append(
        MeetingAnnounced("summit", "Summit", planned="2024-04-10", place="Capital"), source="may"
    )
    hold(timeline, "2024-04-11", place="Harbour")

    assert found(timeline.contradictions()) == []


# Attendance


def test_a_due_date_that_was_moved_is_no_contradiction(timeline):
    # The first names no due date, and its own date is vague enough to be of both others' time.
    for said, due in (("2024", None), ("2024-02-01", "2024-06-01"), ("2024-08-01", "2024-09-01")):
        plan = PlanAnnounced("dig", "Digging", by="north", text="To dig.", due=due)
        timeline.append(plan, occurred=said, source="june")

    assert found(timeline.contradictions()) == []


def test_one_who_was_there_by_one_report_and_absent_by_another(timeline):
    hold(timeline, attendance=[Attendance("minister", "attended", represents="north")])
    timeline.append(AttendanceReported("summit", [Attendance("minister", "absent")]), source="june")

    assert found(timeline.contradictions()) == [
        ("meeting", "was The minister there", ["attended", "absent"])
    ]


def test_whoever_is_there_for_a_party_makes_it_be_there(timeline):
    hold(timeline, attendance=[Attendance("minister", "represented", represents="north")])
    timeline.append(AttendanceReported("summit", [Attendance("north", "absent")]), source="june")

    assert found(timeline.contradictions()) == [
        ("meeting", "was Northland there", ["represented (The minister)", "absent"])
    ]


def test_one_who_holds_its_office_is_there_for_a_party(timeline):
    role = RoleReported("minister", "president", of="north")
    timeline.append(role, id="role", source="june")
    hold(timeline, "2024-05", attendance=[Attendance("minister", "attended")])
    timeline.append(AttendanceReported("summit", [Attendance("north", "absent")]), source="june")

    assert found(timeline.contradictions()) == [
        ("meeting", "was Northland there", ["attended (The minister)", "absent"])
    ]
    assert [c.event for c in only(timeline.contradictions()).sides[0].evidence][-1] == "role"


def test_one_in_whose_place_somebody_came_was_not_there(timeline):
    came = Attendance("minister", "represented", represents="north", instead_of="secretary")
    hold(timeline, attendance=[came])
    timeline.append(AttendanceReported("summit", [Attendance("secretary", "absent")]), source="may")
    assert found(timeline.contradictions()) == []

    reported = [Attendance("secretary", "attended", represents="north")]
    timeline.append(AttendanceReported("summit", reported), source="june")
    assert found(timeline.contradictions()) == [
        (
            "meeting",
            "was The secretary there",
            ["absent (The minister instead)", "absent", "attended"],
        )
    ]


def test_one_who_stayed_away_does_not_make_the_party_absent(timeline):
    people = [
        Attendance("minister", "attended", represents="north"),
        Attendance("secretary", "absent", represents="north"),
    ]
    hold(timeline, attendance=[*people, Attendance("north", "attended")])

    assert found(timeline.contradictions()) == []


def test_one_whom_a_list_leaves_out_is_not_contradicted_by_it(timeline):
    hold(timeline, attendance=[Attendance("north", "attended"), Attendance("south", "attended")])
    reported = [Attendance("north", "attended"), Attendance("south", "invited")]
    timeline.append(AttendanceReported("summit", reported), source="june")

    assert found(timeline.contradictions()) == []


# Proposals


def test_accounts_that_differ_in_who_proposed_it_when_and_where(harbour):
    propose(harbour, occurred="2024-03", by="south", jointly_with=["north"], place="Capital")
    propose(harbour, by="north", jointly_with=["south"], place="Harbour")

    assert found(harbour.contradictions()) == [
        ("initiative", "who proposed it", ["Northland", "Southland, with Northland"]),
        ("initiative", "date", ["Apr 2024", "Mar 2024"]),
        ("initiative", "place", ["Capital", "Harbour"]),
    ]
    who = harbour.contradictions().contradictions[0]
    assert (who.subject.id, who.subject.name) == ("harbour", "A joint harbour")
    assert [len(side.evidence) for side in who.sides] == [1, 2]


def test_an_officer_and_the_state_are_not_two_who_proposed_it(harbour):
    role = RoleReported("minister", "president", of="north")
    harbour.append(role, source="june")
    propose(harbour, by="minister")

    assert found(harbour.contradictions()) == []


def test_the_meeting_it_was_proposed_at_is_asked_for_with_it(harbour):
    for place in ("Harbour", "Capital"):
        hold(harbour, place=place)
    propose(harbour, meeting="summit")

    assert found(harbour.contradictions(initiative="harbour")) == [
        ("meeting", "place", ["Harbour", "Capital"])
    ]


def test_what_was_floated_and_later_laid_down_are_not_accounts_of_one_act(harbour):
    propose(harbour, occurred="2024-06", place="Capital", firmness="formalised")
    propose(harbour, occurred="2024-04-01", place="Harbour")

    assert found(harbour.contradictions()) == []


# Positions


def test_an_imputed_position_stands_against_the_partys_own(harbour):
    imputed = [Position("south", "favourable")]
    answer = ProposalAnswered("harbour", "south", "rejected", "No.")
    say(harbour, "Of course they are interested.", about=["harbour"], positions=imputed, id="one")
    say(harbour, "They still are.", about=["harbour"], positions=imputed, id="two", source="may")
    say(harbour, "They are not.", about=["harbour"], positions=[Position("south", "opposed")])
    harbour.append(answer, id="answer", occurred="2024-05", source="may")

    line = only(harbour.contradictions())

    assert line.question == "position of Southland: its own, or as imputed by The minister"
    assert [(side.value, str(side.speaker)) for side in line.sides] == [
        ("opposed (own)", "Southland"),
        ("favourable (imputed)", "The minister"),
    ]
    assert [cited.event for cited in line.sides[1].evidence] == ["one", "two"]
    assert line.newer == 1
    assert "imputed to it by somebody else" in line.note


def test_only_the_newest_own_position_counts_and_a_change_is_no_contradiction(harbour):
    for when, answer in (("2024-05", "rejected"), ("2024-06", "accepted"), (None, "deferred")):
        reply = ProposalAnswered("harbour", "south", answer, "As it is.")
        harbour.append(reply, occurred=when, source="may")
    assert found(harbour.contradictions()) == []

    for stance in ("opposed", "favourable"):
        say(harbour, about=["harbour"], positions=[Position("south", stance)])

    (line,) = harbour.contradictions().contradictions
    assert [side.value for side in line.sides] == ["favourable (own)", "opposed (imputed)"]


@pytest.mark.parametrize(
    ("own", "imputed", "sides"),
    [
        # Right when it was said; the party changed later.
        (["favourable 2024-05", "opposed 2024-12"], "favourable 2024-06", None),
        # Wrong when it was said; the party came round.
        (["opposed 2024-05", "favourable 2024-12"], "favourable 2024-06", "opposed"),
        (["opposed 2024-05", "favourable 2024-06~"], "favourable 2024-06-01", None),
        # Before any of its own: by the next.
        (["conditional 2024-07", "favourable 2024-12"], "favourable 2024-06", "conditional"),
        (["conditional 2024-07", "favourable 2024-12"], "conditional 2024-06", None),
        (["opposed 2024-05", "favourable 2024-12"], "opposed None", "favourable"),
    ],
)
def test_what_is_imputed_is_held_against_the_own_position_of_then(harbour, own, imputed, sides):
    def stated(text, speaker):
        stance, when = text.split()
        position = [Position("south", stance)]
        date = None if when == "None" else when
        say(harbour, about=["harbour"], positions=position, speaker=speaker, occurred=date)

    for text in own:
        stated(text, "south")
    stated(imputed, "minister")

    values = [
        [side.value for side in each.sides] for each in harbour.contradictions().contradictions
    ]
    stance = imputed.split()[0]
    assert values == ([] if sides is None else [[f"{sides} (own)", f"{stance} (imputed)"]])


@pytest.mark.parametrize(
    ("one", "other", "date"),
    [
        ("2024-06-01", "2024-06-01", "2024-06-01"),
        ("2024-06", "2024-06-20", "2024-06-20"),
        ("2024-06-01", "2024-06-02", None),
        ("2024", "2024-06-01", None),  # it may have changed within the year
        ("2024-06-01", None, None),
    ],
)
def test_two_of_its_own_at_one_time_are_at_odds(harbour, one, other, date):
    for stance, when in (("opposed", one), ("favourable", other)):
        position = [Position("south", stance)]
        say(harbour, about=["harbour"], positions=position, speaker="south", occurred=when)

    lines = found(harbour.contradictions())
    if date is None:
        assert lines == []
    else:
        ((kind, question, values),) = lines
        assert (kind, question) == (
            "initiative",
            f"position of Southland on {date}: two of its own",
        )
        assert set(values) == {"opposed (own)", "favourable (own)"}


@pytest.mark.parametrize(
    ("vague", "at_odds"),
    [("2024-03-01/2024-03-31", True), ("2024-03-01/2024-04-01", False)],
)
def test_a_date_of_more_than_a_month_says_nothing_of_one_time(harbour, vague, at_odds):
    for stance, date in (("favourable", vague), ("opposed", "2024-03-10")):
        own = [Position("south", stance)]
        say(harbour, speaker="south", about=["harbour"], positions=own, occurred=date)

    assert bool(found(harbour.contradictions())) == at_odds


def test_the_newest_position_is_so_by_world_time_and_not_by_when_it_was_recorded(harbour):
    for stance, date in (("opposed", "2024-06-05"), ("favourable", "2024-06-01")):
        own = [Position("south", stance)]
        say(harbour, speaker="south", about=["harbour"], positions=own, occurred=date)
    imputed = [Position("south", "favourable")]
    say(harbour, speaker="north", about=["harbour"], positions=imputed, occurred="2024-06-09")

    assert [own.stance for own in harbour.initiative("harbour").party("south").own] == [
        "opposed",
        "favourable",
    ]
    line = only(harbour.contradictions())
    assert [side.value for side in line.sides] == ["opposed (own)", "favourable (imputed)"]


def test_a_side_has_the_date_of_its_latest_event_in_world_time(timeline):
    say(timeline, "It rains.", id="rains", occurred="2024-06-04")
    say(timeline, "It will rain.", id="will-rain", occurred="2024-06-01")
    say(timeline, "It is dry.", id="dry", occurred="2024-06-02")
    note(timeline, ("Rain.", ["rains", "will-rain"]), ("None.", ["dry"]))

    line = only(timeline.contradictions())
    assert [side.occurred for side in line.sides] == ["2024-06-04", "2024-06-02"]


def test_an_office_makes_a_position_the_partys_own_and_is_cited_for_it(harbour):
    role = RoleReported("minister", "minister of ports", of="south")
    harbour.append(role, id="role", source="june")
    say(harbour, about=["harbour"], positions=[Position("south", "opposed")], source="may")
    fine = [Position("south", "favourable")]
    say(harbour, about=["harbour"], positions=fine, speaker="secretary", source="may")

    line = only(harbour.contradictions())

    own = line.sides[0]
    assert (own.value, str(own.speaker)) == ("opposed (own)", "The minister")
    assert own.evidence[-1].event == "role"
    # When the office was reported says nothing of when the words were.
    assert (own.published, line.newer) == ("2024-05-02", None)


# Which side is newer


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("june", "may", 0),
        ("may", "june", 1),
        ("june", "day", None),
        ("day", "evening", None),  # hours of one day make neither newer
        ("may", "undated", None),
        ("undated", "undated", None),
    ],
)
def test_the_newer_side_is_the_one_whose_newest_source_came_last(timeline, one, other, newer):
    hold(timeline, "2024-04-11", source=one)
    hold(timeline, "2024-04-12", source=other)

    assert only(timeline.contradictions()).newer == newer


def test_further_evidence_makes_a_side_newer(timeline):
    hold(timeline, "2024-04-11", id="first")
    hold(timeline, "2024-04-12", source="undated")
    timeline.append(EventCorroborated(["first"]), source="june")
    assert only(timeline.contradictions()).newer is None

    hold(timeline, "2024-04-12", source="may")
    line = only(timeline.contradictions())
    assert (line.newer, line.sides[0].published) == (0, "2024-06-02")


def test_what_shows_two_actors_to_be_one_makes_no_side_newer(harbour):
    harbour.add(Actor("northland", "state", "The north"))
    propose(harbour, by="northland", jointly_with=["south"], source="may")
    harbour.append(ActorsMerged("north", ["northland"], "One state."), source="june")

    assert only(harbour.contradictions()).newer is None


# Disputed reports


def test_a_denial_of_a_report_is_no_position(harbour):
    says = [Position("south", "opposed")]
    say(harbour, "The south refused.", id="report", about=["harbour"], positions=says, source="may")
    say(harbour, "It did not.", id="denial", disputes=["report"], occurred="2024-06-03")
    say(harbour, "Nonsense.", disputes=["report"], occurred="2024-06-02", speaker="secretary")

    line = only(harbour.contradictions())

    assert (line.subject.kind, line.subject.id) == ("report", "report")
    assert (line.question, line.found) == ("what was reported", "found")
    assert "says nothing of the position" in line.note
    assert line.subject.name == "The minister, 1 Jun 2024"
    assert [(side.value, str(side.speaker), side.occurred) for side in line.sides] == [
        ("The south refused.", "The minister", "2024-06-01"),
        ("Nonsense.", "The secretary", "2024-06-02"),
        ("It did not.", "The minister", "2024-06-03"),
    ]


def test_any_report_can_be_disputed(harbour):
    discussed = ProposalDiscussed("harbour", ["north", "south"], "They talked of it.")
    there = AttendanceReported("summit", [Attendance("north", "attended")])
    hold(harbour, "2024-04", id="held")
    harbour.append(discussed, id="talks", source="may")
    harbour.append(there, id="there", source="may")
    harbour.append(Rained("south"), id="rain", stream="weather")
    say(harbour, "All untrue.", disputes=["talks", "held", "there", "rain"])

    shown = [line.sides[0].value for line in harbour.contradictions().contradictions]
    assert shown == ["Summit", "They talked of it.", "Attendance reported", "Rained"]
    assert [line.subject.name for line in harbour.contradictions().contradictions] == [
        "Summit, Apr 2024",
        "Proposal discussed, undated",
        "Attendance reported, undated",
        "Rained, undated",
    ]


def test_nobody_disputes_a_report_by_making_it(timeline):
    say(timeline, "This is untrue.", id="liar", disputes=["liar"])

    assert found(timeline.contradictions()) == []


def test_a_report_that_is_out_of_view_is_not_disputed_there(timeline):
    say(timeline, "So it was.", id="report", source="june")
    say(timeline, "It was not.", disputes=["report"], source="may", id="denial")

    assert found(timeline.as_of(published="2024-05").contradictions()) == []
    assert len(found(timeline.as_of(published="2024-06").contradictions())) == 1
    timeline.append(EventRetracted(["report"], "Misread."))
    assert found(timeline.contradictions()) == []


def test_a_disputed_report_stands_as_corrected(timeline):
    say(timeline, "So it was.", id="report")
    say(timeline, "It was not.", disputes=["report"])
    timeline.append(
        EventCorrected(["report"], "Misheard.", {"text": "It may have been.", "occurred": "2024"})
    )

    side = only(timeline.contradictions()).sides[0]
    assert (side.value, side.occurred) == ("It may have been.", "2024")
    assert [line.reason for line in timeline.contradictions().corrections] == ["Misheard."]


def test_a_dispute_about_an_event_that_was_never_recorded_breaks_nothing(timeline):
    say(timeline, "So it was.", id="report")
    ghost = StatementMade("minister", "Untrue.", disputes=["ghost", "report"])
    timeline.store.append_all([NewEvent(ghost, id="denial")])

    assert [line.subject.id for line in timeline.contradictions().contradictions] == ["report"]


# Noted by hand


def note(timeline, *sides, id="noted", **fields):
    noted = DisagreementNoted(
        "was it discussed", [Side(value, ids) for value, ids in sides], **fields
    )
    timeline.append(noted, id=id)


def test_what_was_noted_by_hand_stands_beside_what_was_found(harbour):
    say(harbour, "It was.", id="yes", source="may")
    say(harbour, "It was, twice.", id="again", source="may", speaker="secretary")
    say(harbour, "It was not.", id="no")
    note(harbour, ("yes", ["yes", "again"]), ("no", ["no"]), proposal="harbour", note="Ask again.")

    line = only(harbour.contradictions())

    assert (line.subject.kind, line.subject.name) == ("initiative", "A joint harbour")
    assert (line.question, line.found, line.note) == ("was it discussed", "noted", "Ask again.")
    assert [(side.value, side.speaker and side.speaker.id) for side in line.sides] == [
        ("yes", None),
        ("no", "minister"),
    ]
    assert line.newer == 1
    assert [cited.event for cited in line.evidence] == ["yes", "again", "no", "noted"]


def test_a_noted_disagreement_ends_when_a_side_is_retracted_or_out_of_view(timeline):
    say(timeline, "It was.", id="yes", source="may")
    say(timeline, "It was not.", id="no")
    note(timeline, ("yes", ["yes"]), ("no", ["no"]))
    assert only(timeline.contradictions()).subject.kind == "finding"
    assert found(timeline.as_of(published="2024-05").contradictions()) == []

    timeline.append(EventRetracted(["no"], "A hoax."), id="gone")
    assert found(timeline.contradictions()) == []
    timeline.append(EventRetracted(["gone"], "No hoax after all."))
    assert len(found(timeline.contradictions())) == 1
    timeline.append(EventRetracted(["noted"], "They are not at odds."))
    assert found(timeline.contradictions()) == []


# What is asked for


@pytest.fixture
def busy(harbour):
    """Contradictions of an initiative, of its meeting, and of neither."""
    propose(harbour, by="south")
    propose(harbour, by="south")
    for place in ("Harbour", "Capital"):
        hold(harbour, place=place, about=["harbour"], id=f"in-{place.lower()}")
        harbour.append(MeetingHeld("fair", "The fair", place=place), source="may")
    say(harbour, "It is off.", id="off", about=["harbour"])
    say(harbour, "It is not.", disputes=["off", "in-capital"], about=["harbour"])
    say(harbour, "Dull.", id="dull")
    say(harbour, "Bright.", disputes=["dull"])
    note(harbour, ("yes", ["off"]), ("no", ["dull"]), proposal="harbour")
    note(harbour, ("in", ["off"]), ("out", ["dull"]), meeting="summit", id="of-the-summit")
    return harbour


def about(report):
    return [(line.subject.id, line.question) for line in report.contradictions]


def test_contradictions_of_one_initiative(busy):
    assert about(busy.contradictions(initiative="harbour")) == [
        ("summit", "place"),
        ("harbour", "who proposed it"),
        ("in-capital", "what was reported"),
        ("off", "what was reported"),
        ("harbour", "was it discussed"),
        ("summit", "was it discussed"),
    ]


def test_contradictions_of_one_meeting(busy):
    expected = [
        ("summit", "place"),
        ("in-capital", "what was reported"),
        ("summit", "was it discussed"),
    ]
    assert about(busy.contradictions(meeting="summit")) == expected
    assert about(busy.contradictions(meeting="summit", initiative="harbour")) == expected
    assert about(busy.contradictions(meeting="fair")) == [("fair", "place")]
    assert about(busy.contradictions(meeting="fair", initiative="harbour")) == []


def test_all_contradictions(busy):
    assert about(busy.contradictions()) == [
        ("fair", "place"),
        ("summit", "place"),
        ("harbour", "who proposed it"),
        ("in-capital", "what was reported"),
        ("off", "what was reported"),
        ("dull", "what was reported"),
        ("harbour", "was it discussed"),
        ("summit", "was it discussed"),
    ]


def test_what_is_not_recorded_is_not_found(busy):
    with pytest.raises(NotFound, match=r"no initiative 'ghost'.*harbour"):
        busy.contradictions(initiative="ghost")
    with pytest.raises(NotFound, match=r"no meeting 'ghost'.*fair, summit"):
        busy.contradictions(meeting="ghost")
    with pytest.raises(NotFound):
        busy.as_of(position=0).contradictions(initiative="harbour")


def test_actors_that_were_merged_are_not_at_odds(harbour):
    propose(harbour, by="south")
    assert len(harbour.contradictions().contradictions) == 1

    harbour.append(ActorsMerged("north", ["south"], "One state."))

    assert found(harbour.contradictions()) == []


def test_a_report_that_was_retracted_contradicts_nothing(timeline):
    hold(timeline, "2024-04-11")
    hold(timeline, "2024-04-12", id="second")
    timeline.append(EventRetracted(["second"], "Another meeting."))

    assert found(timeline.contradictions()) == []


# How it is shown


def test_kept_rows_and_a_fold_say_the_same(busy):
    folded = busy.as_of(position=busy.store.head().position)

    assert folded.contradictions().to_json() == busy.contradictions().to_json()
    assert (
        folded.contradictions(initiative="harbour").to_json()
        == busy.contradictions(initiative="harbour").to_json()
    )


def test_every_line_and_cell_has_its_evidence(busy):
    report = busy.contradictions()

    assert all(line.evidence for line in report.contradictions)
    assert all(side.evidence for line in report.contradictions for side in line.sides)
    document = report.document()
    assert [table.title for table in document.tables] == [
        "Reports that differ",
        "Reports that are disputed",
        "Noted by hand",
    ]
    cells = [c for table in document.tables for row in table.rows for c in row]
    assert all(cell.evidence for cell in cells)
    assert all(len(table.columns) <= 4 for table in document.tables)


def test_the_text_says_which_is_newer_and_decides_nothing(timeline):
    hold(timeline, "2024-04-11")
    hold(timeline, "2024-04-12", source="june")

    shown = timeline.contradictions().to_text(all=True, evidence=True)

    assert "2 Jun 2024 (newer) [2]" in shown
    assert "2 May 2024 [1]" in shown
    assert "none is decided for" in shown


def test_a_record_without_contradictions_says_so(timeline):
    report = timeline.contradictions()

    assert report.contradictions == ()
    assert "None in view." in report.to_text(all=True, evidence=True)


def test_the_command_line_has_it(busy, kept_url):
    call = ["--db", kept_url, "report", "contradictions"]

    done = CliRunner().invoke(cli, [*call, "--initiative", "harbour", "--format", "json"])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert (made["report"], made["initiative"], made["meeting"]) == (
        "contradictions",
        "harbour",
        None,
    )
    assert made["contradictions"][0]["subject"] == {
        "kind": "meeting",
        "id": "summit",
        "name": "Summit",
    }
    assert CliRunner().invoke(cli, [*call, "--meeting", "ghost"]).exit_code == 1
