"""Plans and what became of them: kept, late, missed, open, unknown, as of a date."""

import json

import builder
import pytest
from builder import report
from click.testing import CliRunner

from timeline import (
    EventRetracted,
    InvalidDate,
    InvalidInput,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
    NotFound,
    PlanAnnounced,
    PlanOutcomeReported,
    ProposalDiscussed,
    ProposalMade,
    StatementMade,
    Timeline,
)
from timeline.cli import cli
from timeline.events import PlanPostponed

MADE = ProposalMade("harbour", "A joint harbour", by="north", text="A harbour for both.")

THINGS = (*builder.cast("gazette", "north", "south"), builder.ARTICLE)

timeline = builder.record(
    *THINGS,
    then=lambda record: report(record, MADE, "2024-01", id="made"),
)


def promise(timeline, occurred="2024-02", id=None, **fields):
    given = {"by": "north", "text": "Digging begins.", "firmness": "promised"} | fields
    report(timeline, PlanAnnounced("dig", "Start of the digging", **given), occurred, id)


def outcome(timeline, what, occurred, id=None):
    report(timeline, PlanOutcomeReported("dig", what, "It was seen."), occurred, id)


def call(timeline, occurred="2024-02", id=None, **fields):
    report(timeline, MeetingAnnounced("call", "A call", form="call", **fields), occurred, id)


def held(timeline, occurred, id=None, **fields):
    report(timeline, MeetingHeld("call", "A call", form="call", **fields), occurred, id)


def only(timeline, on="2024-12-31", **given):
    (line,) = timeline.plans(on=on, **given).plans
    return line


def cited(line):
    return [citation.event for citation in line.evidence]


# The state of a plan


@pytest.mark.parametrize(
    ("due", "occurred", "state"),
    [
        ("2024-05", "2024-05-31", "kept"),
        ("2024-05", "2024-03", "kept"),
        ("2024-05", "2024-06-01", "late"),
        ("2024-05", "2024", "kept"),  # perhaps in May
        ("2024-05", None, "kept"),
        ("2024-05~", "2024-06-10", "kept"),  # about May
        ("2024-05~", "2024-08", "late"),
        ("2024-05/..", "2024-12", "kept"),
        (None, "2024-12", "kept"),
    ],
)
def test_a_plan_is_late_only_if_certainly_so(timeline, due, occurred, state):
    promise(timeline, due=due)
    outcome(timeline, "kept", occurred)

    assert only(timeline).state == state


@pytest.mark.parametrize(
    ("due", "on", "state"),
    [
        ("2024-05", "2024-05-31", "open"),
        ("2024-05", "2024-05", "open"),
        ("2024-05", "2024-06-01", "unknown"),
        ("2024-05", "2024-06", "unknown"),
        ("2024-05~", "2024-06-10", "open"),
        ("2024-05~", "2024-08", "unknown"),
        ("2024-05/..", "2034", "open"),
        (None, "2034", "open"),
    ],
)
def test_without_a_report_it_is_open_until_it_was_certainly_due(timeline, due, on, state):
    promise(timeline, due=due)

    assert only(timeline, on).state == state


def test_a_plan_that_failed_is_missed(timeline):
    promise(timeline, due="2024-05", id="promised")
    outcome(timeline, "missed", "2024-06", id="not dug")

    line = only(timeline)
    assert (line.kind, line.id, line.title, line.state) == (
        "plan",
        "dig",
        "Start of the digging",
        "missed",
    )
    assert [str(name) for name in line.by] == ["Northland"]
    assert (line.announced, line.due, line.firmness) == ("2024-02", "2024-05", "promised")
    assert [(each.outcome, each.occurred, each.text) for each in line.outcomes] == [
        ("missed", "2024-06", "It was seen.")
    ]
    assert cited(line) == ["promised", "not dug"]
    assert cited(line.outcomes[0]) == ["not dug"]


def test_what_happened_later_does_not_count_yet(timeline):
    promise(timeline, due="2024-05")
    outcome(timeline, "kept", "2024-07-02", id="dug")

    assert only(timeline, "2024-06-30").state == "unknown"
    assert only(timeline, "2024-06-30").outcomes == ()
    assert only(timeline, "2024-07").state == "late"
    assert timeline.plans(on="2024-01").plans == ()


def test_reports_that_differ_stand_side_by_side(timeline):
    promise(timeline, due="2024-05")
    outcome(timeline, "missed", "2024-06")
    outcome(timeline, "kept", "2024-05")

    assert only(timeline).state == "kept / missed"


@pytest.mark.parametrize(
    ("missed", "kept", "state"),
    [
        ("2024-04", "2024-05", "kept"),
        ("2024-04", "2024-06", "late"),
        ("2024-06", "2024-05", "kept / missed"),
        ("2024-04~", "2024-05", "kept / missed"),  # perhaps of one time
        (None, "2024-05", "kept / missed"),
        ("2024-04", None, "kept / missed"),
    ],
)
def test_what_was_kept_in_the_end_is_not_missed(timeline, missed, kept, state):
    promise(timeline, due="2024-05")
    outcome(timeline, "missed", missed)
    outcome(timeline, "kept", kept)

    line = only(timeline)
    assert line.state == state
    assert {each.outcome for each in line.outcomes} == {"missed", *state.split(" / ")}


def test_a_promise_made_again_is_judged_by_its_new_date(timeline):
    promise(timeline, "2024-02", due="2024-03", id="first")
    outcome(timeline, "missed", "2024-04", id="not dug")
    promise(timeline, "2024-05", due="2024-09", id="again")

    line = only(timeline, "2024-08")
    assert (line.state, line.due, line.earlier_due) == ("open", "2024-09", ("2024-03",))
    assert (line.announced, [each.outcome for each in line.outcomes]) == ("2024-02", ["missed"])
    assert cited(line) == ["first", "again", "not dug"]
    assert only(timeline, "2024-04").state == "missed"

    outcome(timeline, "kept", "2024-08-10")
    assert only(timeline).state == "kept"


def test_a_date_given_afterwards_does_not_make_it_early(timeline):
    promise(timeline, "2024-02", due="2024-03")
    outcome(timeline, "kept", "2024-06")
    promise(timeline, "2024-07", due="2024-12")

    assert only(timeline).state == "late"


# Meetings


def test_a_call_that_was_announced_and_nothing_more_is_open(timeline):
    call(timeline, by="north", firmness="intended", id="announced")

    line = only(timeline, "2034")
    assert (line.kind, line.id, line.state, line.due) == ("meeting", "call", "open", None)
    assert (line.firmness, [str(name) for name in line.by]) == ("intended", ["Northland"])
    assert cited(line) == ["announced"]


def test_a_meeting_that_nobody_announced_is_no_plan(timeline):
    held(timeline, "2024-05")

    assert timeline.plans().plans == ()


def test_a_meeting_that_was_moved_is_judged_by_the_newest_plan(timeline):
    call(timeline, planned="2024-05")
    report(timeline, MeetingRescheduled("call", planned="2024-07"), "2024-04")
    assert only(timeline, "2024-06").state == "open"
    assert only(timeline, "2024-03").due == "2024-05"

    held(timeline, "2024-07-03")
    line = only(timeline)
    assert (line.state, line.due, line.earlier_due) == ("kept", "2024-07", ("2024-05",))


def test_a_meeting_called_off_is_missed_until_announced_anew(timeline):
    call(timeline, planned="2024-05")
    report(timeline, MeetingCalledOff("call", text="A strike."), "2024-04")
    assert (only(timeline).state, only(timeline).outcomes[0].text) == ("missed", "A strike.")

    call(timeline, "2024-06", planned="2024-07")
    assert only(timeline, "2024-06").state == "open"
    assert only(timeline, "2024-08").state == "unknown"


def test_a_meeting_held_by_one_report_and_called_off_by_another(timeline):
    call(timeline, planned="2024-05")
    report(timeline, MeetingCalledOff("call"), "2024-05-02")
    held(timeline, "2024-05-02")

    assert only(timeline).state == "kept / missed"


def test_a_meeting_held_without_what_it_was_for(timeline):
    call(timeline, about=["harbour"])
    held(timeline, "2024-03", id="held")

    line = only(timeline)
    assert (line.state, line.about, line.not_named) == ("kept", ("harbour",), ("harbour",))
    text = " ".join(timeline.plans().to_text(300, all=True, evidence=True).split())
    assert "kept Mar 2024, though no report of it names harbour" in text
    assert only(timeline, initiative="harbour") == line


@pytest.mark.parametrize(
    "named",
    [
        MeetingHeld("call", "A call", about=["harbour"]),
        ProposalDiscussed("harbour", ["north"], "They spoke of it.", meeting="call"),
        StatementMade("north", "We spoke of it.", about=["harbour"], meeting="call"),
        ProposalMade("harbour", "A joint harbour", by="north", text="Again.", meeting="call"),
    ],
)
def test_what_was_spoken_of_at_the_meeting_is_named(timeline, named):
    call(timeline, about=["harbour"])
    held(timeline, "2024-03")
    report(timeline, named, "2024-03")

    assert only(timeline).not_named == ()


def test_a_plan_for_a_meeting_is_due_when_that_is(timeline):
    call(timeline, planned="2024-05", id="announced")
    promise(timeline, meeting="call", id="promised")
    assert [line.state for line in timeline.plans(on="2024-04").plans] == ["open", "open"]

    held(timeline, "2024-05-07", id="held")
    meeting, plan = timeline.plans(on="2024-06").plans
    assert (meeting.state, plan.state) == ("kept", "unknown")
    assert (plan.meeting, plan.due) == ("call", "2024-05-07")
    assert cited(plan) == ["promised", "announced", "held"]


def test_a_plan_with_a_date_of_its_own_keeps_it(timeline):
    held(timeline, "2024-05-07")
    promise(timeline, meeting="call", due="2024-09", id="promised")

    line = only(timeline, "2024-06")
    assert (line.state, line.due, cited(line)) == ("open", "2024-09", ["promised"])


# The report


def test_plans_stand_by_when_they_are_due_or_announced(timeline):
    promise(timeline, due="2024-05")
    call(timeline, "2024-04")
    for number, due in enumerate(["2024-03", None]):
        report(
            timeline,
            PlanAnnounced(f"plan-{number}", "Another", by="south", text="Soon.", due=due),
        )

    assert [line.id for line in timeline.plans().plans] == ["plan-0", "call", "dig", "plan-1"]


def test_only_the_plans_of_an_initiative(timeline):
    promise(timeline, about=["harbour"])
    call(timeline)

    assert only(timeline, initiative="harbour").id == "dig"
    with pytest.raises(NotFound, match=r"'bridge' is recorded. Recorded: harbour\.$"):
        timeline.plans(initiative="bridge")


def test_what_is_recorded_and_not_in_view_is_not_said_to_be_unknown(timeline):
    views = {
        "as published by 2023": timeline.as_of(published="2023"),
        "as it had happened by 2023": timeline.as_of(occurred="2023"),
        "as published possibly by 2023 and as it had happened possibly by 2023": timeline.as_of(
            published="2023", occurred="2023", possibly=True
        ),
    }
    for limits, view in views.items():
        with pytest.raises(NotFound, match=rf"'harbour' is in view {limits}\. None is\.$"):
            view.plans(initiative="harbour")
        with pytest.raises(NotFound, match=rf"'harbour' is in view {limits}"):
            view.contradictions(initiative="harbour")
        with pytest.raises(NotFound, match=rf"'call' is in view {limits}\. None is\.$"):
            view.contradictions(meeting="call")
        with pytest.raises(NotFound, match=rf"'call' is in view {limits}\. None is\.$"):
            view.attendance(meeting="call")
        with pytest.raises(NotFound, match=rf"'calls' is in view {limits}\. None is\.$"):
            view.attendance(series="calls")


def test_what_is_recorded_later_is_not_said_to_be_unknown(timeline):
    call(timeline)
    before = timeline.as_of(position=1)

    with pytest.raises(NotFound, match=r"'harbour' is recorded up to position 1\. None is\.$"):
        before.plans(initiative="harbour")
    with pytest.raises(NotFound, match=r"'call' is recorded up to position 0\. None is\.$"):
        timeline.as_of(recorded="2001").attendance(meeting="call")
    with pytest.raises(NotFound, match=r"'dig' is recorded\. Meetings: call\.$"):
        timeline.attendance(meeting="dig")


def test_the_day_is_that_of_the_view(timeline):
    promise(timeline, due="2024-05")

    assert timeline.as_of(occurred="2024-03").plans().on == "2024-03"
    assert timeline.as_of(occurred="2024-03").plans().plans[0].state == "open"
    now = timeline.plans()
    assert (now.plans[0].state, len(now.on)) == ("unknown", len("2024-05-01"))
    last = list(timeline.log())[-1]
    assert last.recorded.startswith(now.on)


@pytest.mark.parametrize(
    ("on", "error"), [("2024/..", InvalidInput), ("XXXX", InvalidInput), ("soon", InvalidDate)]
)
def test_the_day_must_be_one(timeline, on, error):
    with pytest.raises(error):
        timeline.plans(on=on)


def test_a_retracted_outcome_counts_no_more(timeline):
    promise(timeline, due="2024-05")
    outcome(timeline, "kept", "2024-05", id="dug")
    timeline.append(EventRetracted(["dug"], "Another digging."))

    assert only(timeline).state == "unknown"


def test_a_record_without_plans_has_none(kept_url):
    with Timeline.open(kept_url) as empty:
        assert empty.plans().plans == ()
        assert empty.plans().document().tables == ()


def test_every_cell_has_evidence(timeline):
    promise(timeline, due="2024-05", about=["harbour"])
    outcome(timeline, "missed", "2024-06")
    call(timeline, about=["harbour"], planned="2024-05")
    held(timeline, "2024-09")
    document = timeline.plans().document()

    assert document.tables[0].named_by == 1
    for table in document.tables:
        assert all(cell.evidence for row in table.rows for cell in row)


def test_the_command_line(database_url):
    with Timeline.open(database_url) as timeline:
        timeline.add(*THINGS)
        promise(timeline, due="2024-05")

    def run(*words):
        done = CliRunner().invoke(cli, ["--db", database_url, "report", "plans", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert json.loads(run("--on", "2024-03", "--format", "json"))["plans"][0]["state"] == "open"
    assert "Start of the digging" in run()
    assert "as of Jun 2024" in run("--on", "2024-06")


def test_the_chronology_judges_a_plan_by_its_newest_date_too(timeline):
    promise(timeline, "2024-06-01", about=["harbour"], due="2024-09-01")
    report(timeline, PlanPostponed("dig", "Later.", due="2024-12-01"), "2024-08-01")
    outcome(timeline, "kept", "2024-11-30")

    assert only(timeline).state == "kept"
    assert "Plan kept" in timeline.chronology(type="PlanOutcomeReported").happenings[0].what
