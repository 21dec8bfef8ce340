"""What changed in a report between two moments, and which events made it change."""

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
    Evidence,
    InvalidDate,
    InvalidInput,
    MeetingHeld,
    NotFound,
    PlanAnnounced,
    PlanOutcomeReported,
    Position,
    ProposalDiscussed,
    ProposalMade,
    Side,
    Source,
    StatementMade,
    Timeline,
)
from timeline.cli import cli
from timeline.events import DocumentSigned, DocumentStatusReported, Signatory

NORTH = Actor("north", "state", "Northland")
SOUTH = Actor("south", "state", "Southland")
DAYS = {"early": "2024-05-01", "eighth": "2024-05-08", "tenth": "2024-05-10", "late": "2024-06-20"}


MADE = ProposalMade("harbour", "A harbour", by="north", text="A harbour.", parties=["north"])

timeline = builder.record(
    *(Actor(id, "organisation", f"Paper {id}") for id in ("paper", *DAYS)),
    NORTH,
    SOUTH,
    *(Source(id, publisher=id, title=id, published=day) for id, day in DAYS.items()),
    then=lambda record: builder.report(record, MADE, "2024-04-30", "made", source="early"),
)


def says(timeline, id, source, *, on, text="Yes.", **fields):
    timeline.append(
        StatementMade("south", text, about=["harbour"], **fields),
        id=id,
        occurred=on,
        source=source,
    )


def harbour(record):
    return record.initiative("harbour")


def said(record):
    return record.statements()


def summits(record):
    return record.attendance(series="s")


def events(cited):
    return [each.event for each in cited]


def told(report):
    """Of each change what it is of, and its causes."""
    return [(line.kind, line.before, line.after, events(line.cause)) for line in report.changes]


def causes(report):
    return {event for line in report.changes for event in events(line.cause)}


def has_evidence(report):
    cells = [each for table in report.document().tables for row in table.rows for each in row]
    assert all(each.evidence for each in cells)
    assert all(line.cause and line.evidence for line in report.changes)
    return bool(cells)


def edited(timeline, id="retraction", **given):
    """Retract or correct after where the log is now; the position before, and after."""
    before = timeline.store.head().position
    event = (
        EventCorrected([given.pop("event")], "It was otherwise.", given["changes"])
        if "changes" in given
        else EventRetracted([given.pop("event")], "It was not so.")
    )
    timeline.append(event, id=id)
    return {"since": before, "until": timeline.store.head().position, "clock": "position"}


# By what happened, and by what was learned


def test_what_was_said_on_the_seventh_was_learned_on_the_eighth(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")

    def within(clock, day):
        return causes(timeline.changes(harbour, since=day, until=day, clock=clock))

    assert within("occurred", "2024-05-07") == {"yes"}
    assert within("published", "2024-05-07") == set()
    assert within("occurred", "2024-05-08") == set()
    assert within("published", "2024-05-08") == {"yes"}


def test_old_news_published_late_changes_what_is_known_and_not_what_happened(timeline):
    says(timeline, "old", "late", on="2024-05-02", text="Old.")
    says(timeline, "new", "tenth", on="2024-05-09", text="New.")

    learned = timeline.changes(said, since="2024-05-10", until="2024-06-30")
    happened = timeline.changes(said, since="2024-05-09", until="2024-06-30", clock="occurred")
    assert [(line.published, line.occurred) for line in learned.changes] == [
        ("2024-05-10", "2024-05-09"),
        ("2024-06-20", "2024-05-02"),
    ]
    assert causes(happened) == {"new"}
    assert (learned.clock, happened.clock) == ("published", "occurred")
    assert "20 Jun 2024, of 2 May 2024" in learned.to_text(200, all=True, evidence=True)
    assert has_evidence(learned)


def test_the_stage_of_an_initiative_changes_by_talks(timeline):
    timeline.append(
        ProposalDiscussed("harbour", ["north", "south"], "Talks."),
        id="talks",
        occurred="2024-05-08",
        source="eighth",
    )

    report = timeline.changes(harbour, since="2024-05-02", until="2024-05-31")
    (stage,) = (line for line in report.changes if line.table == "Overview")
    assert (stage.row, stage.column, stage.kind) == ("Stage", None, "changed")
    assert (stage.before, stage.after) == (
        "proposed, since 30 Apr 2024",
        "negotiating, since 8 May 2024",
    )
    assert events(stage.cause) == ["talks"]
    assert (report.of, report.title) == ("initiative", "A harbour")
    assert (report.since, report.until) == ("2024-05-02", "2024-05-31")
    assert report.standing.published == "2024-05-31"
    assert has_evidence(report)


def test_a_named_row_says_which_cell_changed(timeline):
    says(timeline, "no", "early", on="2024-05-01", positions=[Position("south", "opposed")])
    says(timeline, "yes", "tenth", on="2024-05-09", positions=[Position("south", "favourable")])

    report = timeline.changes(harbour, since="2024-05-09", until="2024-05-31")
    (line,) = (each for each in report.changes if each.table == "Positions")
    assert (line.row, line.kind) == ("Southland", "changed")
    assert line.before.startswith("opposed")
    assert "favourable" in line.after
    assert events(line.cause) == ["yes"]
    assert "no" in events(line.evidence)


def test_what_there_was_not_yet_is_all_new(timeline):
    report = timeline.changes(harbour, since="2024-04-01", until="2024-05-31")

    assert {line.kind for line in report.changes} == {"new"}
    assert causes(report) == {"made"}
    with pytest.raises(NotFound, match=r"no initiative 'bridge' is recorded .*Recorded: harbour"):
        timeline.changes(lambda record: record.initiative("bridge"), since="2024-04-01")


def test_nothing_changed(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")

    report = timeline.changes(harbour, since="2024-05-11", until="2024-05-12")
    assert report.changes == ()
    assert report.document().tables == ()
    assert "Nothing changed from 11 May 2024 to 12 May 2024, by what was published." in " ".join(
        report.to_text(all=True, evidence=True).split()
    )


def test_what_only_may_have_been_published_counts_where_asked(timeline):
    timeline.add(Source("vague", publisher="paper", title="vague", published="2024-07"))
    says(timeline, "yes", "vague", on="2024-06-30")

    given = {"since": "2024-07-01", "until": "2024-07-05"}
    assert causes(timeline.changes(said, **given)) == set()
    assert causes(timeline.changes(said, **given, possibly=True)) == {"yes"}


def test_by_when_it_was_recorded(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")
    (event,) = timeline.log(type="StatementMade")

    at = {"since": event.recorded_at, "until": event.recorded_at, "clock": "recorded"}
    assert "yes" in causes(timeline.changes(said, **at))
    later = timeline.changes(said, since=event.recorded_at, until="2999-01-01", clock="recorded")
    assert "yes" in causes(later)
    assert causes(timeline.changes(said, since="2999", until="2999", clock="recorded")) == set()


# What was recorded and is not held any more


def test_a_retraction_shows_what_is_gone_and_is_its_cause(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")
    stretch = edited(timeline, event="yes")

    report = timeline.changes(said, **stretch)
    (line,) = report.changes
    assert (line.kind, line.after, events(line.cause)) == ("gone", None, ["retraction"])
    assert "Yes." in line.before
    assert line.occurred == "2024-05-07"
    assert events(line.evidence) == ["retraction", "yes"]
    assert "It was not so." in report.to_text(all=True, evidence=True)
    assert has_evidence(report)


def test_a_retraction_of_all_that_there_was(timeline):
    report = timeline.changes(harbour, **edited(timeline, event="made"))

    assert {line.kind for line in report.changes} == {"gone"}
    assert causes(report) == {"retraction"}
    assert (report.of, report.title) == ("initiative", "A harbour")


def test_a_retraction_of_one_of_two_positions_changes_the_cell(timeline):
    says(timeline, "no", "early", on="2024-05-01", positions=[Position("south", "opposed")])
    says(timeline, "yes", "tenth", on="2024-05-09", positions=[Position("south", "favourable")])

    report = timeline.changes(harbour, **edited(timeline, event="yes"))
    (line,) = (each for each in report.changes if each.table == "Positions")
    assert (line.kind, events(line.cause)) == ("changed", ["retraction"])
    assert "favourable" in line.before
    assert line.after == "opposed (1 May 2024)"


def test_a_retraction_known_from_a_source_holds_from_its_publication(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")
    timeline.append(EventRetracted(["yes"], "A hoax."), id="retraction", source="late")

    report = timeline.changes(said, since="2024-06-01", until="2024-06-30")
    assert [(line.kind, line.published) for line in report.changes] == [("gone", "2024-06-20")]
    assert causes(report) == {"retraction"}


def test_a_correction_shows_what_changed(timeline):
    says(timeline, "yes", "eighth", on="2024-05", text="Yes.")
    stretch = edited(timeline, "dating", event="yes", changes={"occurred": "2024-05-07"})

    (line,) = timeline.changes(said, **stretch).changes
    assert (line.kind, line.column) == ("changed", "When")
    assert (line.before, line.after) == ("May 2024", "7 May 2024")
    assert events(line.cause) == ["dating"]
    assert line.occurred == "2024-05-07"  # as amended
    assert events(line.evidence) == ["dating", "yes"]


def test_an_actor_by_another_name(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")
    renaming = {"actor": {"id": "south", "kind": "state", "name": "The South"}}
    stretch = edited(timeline, "renaming", event="actor/south", changes=renaming)

    (line,) = timeline.changes(said, **stretch).changes
    assert (line.before, line.after, line.by_time) == ("Southland", "The South", False)
    assert events(line.cause) == ["renaming"]


@pytest.mark.parametrize("clock", ["published", "recorded", "position"])
def test_a_merger_without_a_date_is_a_cause(timeline, clock):
    timeline.add(Actor("s-land", "state", "S. Land"), Actor("yes", "state", "Yesland"))
    says(timeline, "yes", "eighth", on="2024-05-07")
    for number, other in enumerate(("s-land", "yes")):
        timeline.append(
            StatementMade(other, "Well.", about=["harbour"]),
            id=f"said-{number}",
            occurred="2024-05-07",
            source="eighth",
        )
    before = timeline.store.head().position
    # One of them goes by the id of an event, which it is not.
    merger = ActorsMerged("south", others=["s-land", "yes"], reason="One state.")
    timeline.append(merger, id="merger", source="tenth")

    within = {
        "position": {"since": before, "until": before + 1},
        "recorded": {"since": "2020", "until": "2999"},
    }
    stretch = within.get(clock, {"since": "2024-05-01", "until": "2024-05-31"})
    report = timeline.changes(said, **stretch, clock=clock)
    assert "merger" in causes(report)
    if clock == "position":
        assert {(line.before, line.after) for line in report.changes} == {
            ("S. Land", "Southland"),
            ("Yesland", "Southland"),
        }
        assert {line.occurred for line in report.changes} == {None}
        assert causes(report) == {"merger"}
    assert has_evidence(report)


def test_further_sources_confirm_and_come_last(timeline):
    says(timeline, "yes", "early", on="2024-05-01", text="Yes.")
    says(timeline, "no", "late", on="2024-06-19", text="No.")
    timeline.append(EventCorroborated(["yes"]), id="more", source="eighth")
    timeline.append(
        StatementMade("south", "Perhaps."),
        id="perhaps",
        occurred="2024-05-01",
        source="early",
        evidence=[Evidence("tenth")],
    )

    report = timeline.changes(said, since="2024-05-02", until="2024-06-30")
    assert [(line.kind, line.published) for line in report.changes] == [
        ("new", "2024-06-20"),
        ("confirmed", "2024-05-08"),
        ("confirmed", "2024-05-10"),
    ]
    _, more, perhaps = report.changes
    assert (events(more.cause), events(perhaps.cause)) == (["more"], ["perhaps"])
    assert more.before == more.after
    assert "Confirmed by further sources" in report.to_text(all=True, evidence=True)
    assert has_evidence(report)


# Attendance


def held(timeline, id, *attendance, source, on, meeting="summit"):
    event = MeetingHeld(meeting, "Summit", series="s", attendance=attendance, complete=True)
    timeline.append(event, id=id, occurred=on, source=source)


def test_who_came_changes_cell_by_cell(timeline):
    held(timeline, "first", Attendance("north", "attended"), source="early", on="2024-04-30")
    more = AttendanceReported("summit", [Attendance("south", "absent")], complete=True)
    timeline.append(more, id="second", source="eighth")

    report = timeline.changes(summits, since="2024-05-02", until="2024-05-31")
    actual = {(line.row, line.column): line for line in report.changes if line.kind != "confirmed"}
    assert actual["Northland", "Summit (30 Apr 2024)"].after == "attended by 1, not mentioned by 1"
    assert actual["Southland", None].after == (
        "Summit (30 Apr 2024): absent by 1, not mentioned by 1"
    )
    assert causes(report) == {"second"}


def test_a_meeting_more_leaves_the_other_columns_as_they_are(timeline):
    for number in range(3):
        held(
            timeline,
            f"m{number}",
            Attendance("north", "attended"),
            source="early",
            on=f"202{number}-04-30",
            meeting=f"m{number}",
        )
    # The first in time: every column moves, and the last to the table below.
    held(
        timeline,
        "fourth",
        Attendance("north", "absent"),
        source="eighth",
        on="2019",
        meeting="fourth",
    )

    report = timeline.changes(summits, since="2024-05-02", until="2024-05-31")
    (line,) = (each for each in report.changes if each.table == "Who attended")
    assert (line.row, line.column, line.after) == ("Northland", "Summit (2019)", "absent")
    assert causes(report) == {"fourth"}


def test_a_party_that_comes_into_a_table_below_has_only_its_own_cell_new(timeline):
    for number, party in enumerate(("north", "north", "north", "south", "north")):
        held(
            timeline,
            f"m{number}",
            Attendance(party, "attended"),
            source="early",
            on=f"202{number}-04-30",
            meeting=f"m{number}",
        )
    more = AttendanceReported("m4", [Attendance("south", "absent")])
    timeline.append(more, id="more", source="eighth")
    less = AttendanceReported("m0", [Attendance("south", "absent")])
    timeline.append(less, id="less", source="tenth")

    def cells(**stretch):
        return {
            (line.row, line.column, line.before, line.after, *events(line.cause))
            for line in timeline.changes(summits, **stretch).changes
            if line.table == "Who attended"
        }

    names = [f"Summit (30 Apr 202{number})" for number in range(5)]
    missing = "not mentioned"
    assert cells(since="2024-05-02", until="2024-05-08") == {
        ("Southland", names[4], missing, "absent by 1, not mentioned by 1", "more")
    }
    # In the table above it had no row so far, and then none again.
    assert cells(since="2024-05-09", until="2024-05-31") == {
        ("Southland", names[0], missing, "absent by 1, not mentioned by 1", "less")
    }
    gone = edited(timeline, event="less")
    assert cells(**gone) == {
        ("Southland", names[0], "absent by 1, not mentioned by 1", missing, "retraction")
    }


def test_a_meeting_that_was_dated_anew_is_the_same_meeting(timeline):
    held(timeline, "first", Attendance("north", "attended"), source="early", on="2024-04-30")
    stretch = edited(timeline, "dating", event="first", changes={"occurred": "2024-04-29"})

    report = timeline.changes(summits, **stretch)
    changed = [line for line in report.changes if line.kind == "changed"]
    assert {(line.before, line.after) for line in changed} == {
        ("30 Apr 2024", "29 Apr 2024"),
        ("Summit (30 Apr 2024)", "Summit (29 Apr 2024)"),
    }
    # The cells that read as before are not confirmed by it.
    assert {line.kind for line in report.changes} == {"changed"}
    assert causes(report) == {"dating"}


# What follows from the dates


def test_a_plan_falls_due(timeline):
    timeline.append(
        PlanAnnounced("dig", "Digging", by="north", text="To dig.", due="2024-05-20"),
        id="plan",
        occurred="2024-05-01",
        source="early",
    )

    report = timeline.changes(lambda record: record.plans(), since="2024-05-15", until="2024-06-01")
    assert report.changes
    assert {line.by_time for line in report.changes} == {True}
    assert causes(report) == {"plan"}
    assert "(time passed)" in report.to_text(200, all=True, evidence=True)
    assert has_evidence(report)


def test_a_name_that_happens_to_stand_in_a_text_is_no_cause(timeline):
    timeline.append(
        PlanAnnounced("dig", "Digging", by="north", text="To dig.", due="2024-05-20"),
        id="plan",
        occurred="2024-05-01",
        source="early",
    )
    renaming = {"actor": {"id": "south", "kind": "state", "name": "know"}}
    correction = EventCorrected(["actor/south"], "It was otherwise.", renaming)
    timeline.append(correction, id="renaming", source="late")

    report = timeline.changes(lambda record: record.plans(), since="2024-05-15", until="2024-06-30")
    assert told(report) == [("changed", "open", "unknown", ["plan"])]


def test_a_name_in_a_row_of_another_matter_is_no_cause(timeline):
    for number, (id, title) in enumerate((("dig", "Digging"), ("more", "Digging more"))):
        timeline.append(
            PlanAnnounced(id, title, by="north", text="To dig.", due="2024-05-20"),
            id=f"plan-{number}",
            occurred="2024-05-01",
            source="early",
        )
    timeline.append(
        PlanOutcomeReported("dig", "kept", "Dug."),
        id="outcome",
        occurred="2024-05-18",
        source="late",
    )

    report = timeline.changes(lambda record: record.plans(), since="2024-05-15", until="2024-06-30")
    actual = {
        event
        for line in report.changes
        if line.row == "Digging more"
        for event in events(line.cause)
    }
    assert actual == {"plan-1"}
    assert "outcome" in causes(report)


def test_a_question_is_answered_by_what_was_asked_for(timeline):
    imputed = Position("south", "favourable")
    timeline.append(
        StatementMade("north", "They want it.", about=["harbour"], positions=[imputed]),
        id="imputed",
        occurred="2024-05-01",
        source="early",
    )
    # What raised the question is corrected, too: that answers nothing.
    timeline.append(
        EventCorrected(["imputed"], "Misdated.", {"occurred": "2024-04-30"}),
        id="dated",
        occurred="2024-05-06",
        source="eighth",
    )
    own = Position("south", "opposed")
    says(timeline, "own", "eighth", on="2024-05-07", positions=[own])

    def questions(**stretch):
        changes = timeline.changes(initiative="harbour", **stretch).changes
        return {
            (line.kind, line.row, *events(line.cause))
            for line in changes
            if line.table == "Open questions"
        }

    asked = (
        "What is the position of Southland? None of its own is on record; only others speak of it."
    )
    stretch = {"since": "2024-05-02", "until": "2024-05-31"}
    assert questions(**stretch) == {("gone", asked, "own")}
    assert questions(**edited(timeline, event="own")) == {("new", asked, "retraction")}


@pytest.mark.parametrize("clock", ["published", "occurred"])
def test_a_change_keeps_its_date_when_the_stretch_ends_later(timeline, clock):
    says(timeline, "yes", "eighth", on="2024-05-07", text="Yes.")
    timeline.append(EventCorroborated(["yes"]), id="more", occurred="2024-06-20", source="late")
    timeline.append(
        ProposalDiscussed("harbour", ["north", "south"], "Talks."),
        id="talks",
        occurred="2024-05-08",
        source="eighth",
    )
    timeline.append(
        ProposalDiscussed("harbour", ["north", "south"], "More talks."),
        id="more-talks",
        occurred="2024-06-01",
        source="late",
    )

    def dates(report, until):
        made = timeline.changes(report, since="2024-05-02", until=until, clock=clock)
        return {
            (line.table, line.row, line.column, line.after): (line.occurred, line.published)
            for line in made.changes
            if line.kind != "confirmed"
        }

    for report in (said, harbour):
        early, late = dates(report, "2024-05-31"), dates(report, "2024-06-30")
        assert early
        assert {key: late[key] for key in early if key in late} == {
            key: early[key] for key in early if key in late
        }
        assert early.keys() & late.keys()


def test_what_was_known_is_at_odds_with_what_is_new(timeline):
    held(timeline, "first", source="early", on="2024-04-30")
    held(timeline, "second", source="tenth", on="2024-05-01")

    report = timeline.changes(
        lambda record: record.contradictions(), since="2024-05-09", until="2024-05-31"
    )
    assert len(report.changes) > 1
    assert {"first", "second"} <= {
        event for line in report.changes for event in events(line.evidence)
    }
    # Not "time passed": that the first is at odds with something is news, too.
    assert [
        events(line.cause) for line in report.changes if "second" not in events(line.cause)
    ] == []
    assert not any(line.by_time for line in report.changes)


def test_a_finding_that_events_are_at_odds_is_the_cause(timeline):
    says(timeline, "yes", "early", on="2024-05-01", text="Yes.")
    says(timeline, "no", "early", on="2024-05-01", text="No.")
    before = timeline.store.head().position
    finding = DisagreementNoted("Was it so?", [Side("Yes.", ["yes"]), Side("No.", ["no"])])
    timeline.append(finding, id="finding")

    report = timeline.changes(
        lambda record: record.contradictions(), since=before, until=before + 1, clock="position"
    )
    assert report.changes
    assert causes(report) == {"finding"}


# Where it stands


def test_what_is_appended_meanwhile_is_in_neither_view(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")

    def slow(record):
        made = record.statements()
        position = timeline.store.head().position
        says(timeline, f"more-{position}", "eighth", on="2024-05-07", text="More.")
        return made

    position = timeline.store.head().position
    report = timeline.changes(slow, since="2024-05-02", until="2024-05-31")
    assert causes(report) == {"yes"}
    assert report.standing.position == position


def test_changes_of_a_snapshot_are_within_it(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")
    position = timeline.store.head().position
    stretch = {"since": "2024-05-02", "until": "2024-05-31"}
    made = timeline.changes(said, **stretch)
    says(timeline, "more", "eighth", on="2024-05-07", text="More.")

    assert timeline.as_of(position=position).changes(said, **stretch) == made
    assert causes(timeline.as_of(published="2024-05-05").changes(said, **stretch)) == set()
    assert causes(timeline.changes(said, **stretch)) == {"yes", "more"}


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"since": "2024-06", "until": "2024-05"}, InvalidInput, "ends after it starts"),
        ({"since": "../2024", "until": "2024"}, InvalidInput, "two ends"),
        ({"since": "2024", "until": "2024/.."}, InvalidInput, "two ends"),
        ({"since": None, "until": "2024"}, InvalidInput, "two ends"),
        ({"since": 1, "until": 2}, InvalidInput, "expected dates"),
        ({"since": "2024", "until": "2025", "clock": "wall"}, InvalidInput, "found 'wall'"),
        ({"since": "2024", "until": "x", "clock": "position"}, InvalidInput, "expected positions"),
        ({"since": 3, "until": 2, "clock": "position"}, InvalidInput, "ends after it starts"),
        ({"since": 0, "until": 999, "clock": "position"}, NotFound, "no position 999"),
        ({"since": "yesterday", "until": "2024"}, InvalidDate, "yesterday"),
        ({"since": "0001", "until": "2024"}, InvalidDate, "nothing is before"),
    ],
)
def test_what_is_no_stretch_is_refused(timeline, given, error, match):
    with pytest.raises(error, match=match):
        timeline.changes(said, **given)


@pytest.mark.parametrize(
    ("report", "found"),
    [
        ("harbour", "'harbour'"),
        (lambda record: record.initiative("harbour").stage, "StageLine"),
        (lambda record: None, "None"),
    ],
)
def test_what_makes_no_report_is_refused(timeline, report, found):
    with pytest.raises(InvalidInput, match=f"expected .*report.*found .*{found}"):
        timeline.changes(report, since="2024", until="2025")


def test_the_command_line(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07")
    held(timeline, "first", Attendance("north", "attended"), source="eighth", on="2024-05-07")
    url = timeline.store.engine.url.render_as_string(hide_password=False)

    def run(*words):
        return CliRunner().invoke(cli, ["--db", url, "changes", *words])

    stretch = ("--since", "2024-05-02", "--until", "2024-05-31")
    made = run(*stretch, "--initiative", "harbour", "--format", "json")
    assert (
        json.loads(made.output)
        == timeline.changes(harbour, since="2024-05-02", until="2024-05-31").to_dict()
    )
    attended = json.loads(run(*stretch, "--meeting", "summit", "--format", "json").output)
    assert (attended["of"], attended["changes"][0]["kind"]) == ("attendance", "new")
    before = run(*stretch, "--initiative", "harbour", "--published-by", "2024-05-03")
    assert "Nothing changed" in before.output
    assert "What changed" in run(*stretch, "--series", "s").output
    happened = run("--since", "0", "--until", "12", "--clock=position", "--initiative=harbour")
    assert happened.exit_code == 0, happened.output
    assert "by what was recorded" in " ".join(happened.output.split()).lower()
    refused = run(*stretch, "--series", "s", "--meeting", "summit")
    assert refused.exit_code == 1
    assert "expected" in refused.output
    assert "What is new since 2024" in run("--since", "2024").output
    assert run("--since", "2025", "--until", "2024", "--initiative", "harbour").exit_code == 1


def test_what_is_new_in_the_whole_record_stands_with_what_it_concerns() -> None:
    with Timeline.open("sqlite://") as record:
        record.add(
            Actor("gazette", "organisation", "Gazette"),
            Actor("ann", "person", "Ann"),
            Source("old", publisher="gazette", title="Before", published="2024-01-01"),
            Source("new", publisher="gazette", title="After", published="2024-02-05"),
        )
        works = ProposalMade("works", "Works", by="ann", text="Works.")
        record.append(works, id="made", occurred="2024-01-01", source="old")
        for id, text in (("kept", "As it was."), ("mended", "Misheard.")):
            record.append(StatementMade("ann", text), id=id, occurred="2024-01-01", source="old")
        before = record.store.head().position
        record.append(StatementMade("ann", "More.", about=["works"]), id="more", source="new")
        record.append(MeetingHeld("talks", "Talks"), id="held", source="new")
        record.append(StatementMade("ann", "Else."), id="else", source="new")
        record.append(EventCorrected(["mended"], "misheard", {"text": "Well heard."}))

        by_position = record.changes(since=before, clock="position")
        by_date = record.changes(since="2024-02-01")
        nothing = record.changes(since="2024-03-01")
        last = record.store.head().position
        record.append(EventRetracted(["source/new"], "taken off the web"))
        unsupported = record.changes(since=last, clock="position")

    assert [
        (group.thing, group.name, [(line.change, line.happening.event) for line in group.lines])
        for group in by_position.groups
    ] == [
        ("initiative", "Works", [("new", "more")]),
        ("meeting", "Talks", [("new", "held")]),
        ("actor", "Ann", [("corrected", "mended"), ("new", "else")]),
    ]
    assert {line.happening.event for group in by_date.groups for line in group.lines} == {
        *("more", "held", "else")
    }
    assert "Well heard. (corrected)" in by_position.to_text(all=True, evidence=True)
    assert {
        (line.change, line.happening.event) for group in unsupported.groups for line in group.lines
    } == {("unsupported", "more"), ("unsupported", "held"), ("unsupported", "else")}
    assert nothing.groups == ()
    assert "Nothing on record fits" in nothing.to_text(all=True, evidence=True)


def test_a_correction_of_what_is_not_shown_is_no_further_source(timeline):
    says(timeline, "yes", "eighth", on="2024-05-07", positions=[Position("south", "favourable")])
    changes = {"positions": [Position("south", "opposed")]}

    report = timeline.changes(**edited(timeline, event="yes", changes=changes))
    (line,) = report.groups[0].lines
    assert (line.happening.event, line.change) == ("yes", "corrected")


def test_what_tells_of_a_plan_or_a_document_is_new_of_its_initiative(timeline):
    plan = PlanAnnounced("dig", "Digging", "north", "They dig.", about=["harbour"])
    told = {
        "plan": plan,
        "dug": PlanOutcomeReported("dig", "kept", "They dug."),
        "pact": DocumentSigned("pact", "Pact", [Signatory("north")], "A.", about=["harbour"]),
        "force": DocumentStatusReported("pact", "in force", "It is in force."),
        "talks": MeetingHeld("talks", "Talks", about=["harbour"]),
        "came": AttendanceReported("talks", [Attendance("south", "attended")]),
    }
    for id, event in told.items():
        timeline.append(event, id=id, occurred="2024-05-07", source="eighth")

    (group,) = timeline.changes(since="2024-05-08").groups
    assert (group.id, {line.happening.event for line in group.lines}) == ("harbour", told.keys())
    concerning = {line.event for line in timeline.chronology(initiative="harbour").happenings}
    assert concerning == {"made", *told}
