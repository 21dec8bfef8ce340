"""Who met whom: one rule for all reports that tell of it.

A person meets persons; a state or a body meets those that were there as parties.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from timeline import (
    Actor,
    Attendance,
    AttendanceReported,
    InvalidInput,
    MeetingAnnounced,
    MeetingHeld,
    NotFound,
    Source,
    StatementMade,
    Timeline,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
def memory() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as timeline:
        yield timeline


def met(timeline: Timeline, **chosen: str) -> dict[tuple[str, str], tuple[int, int]]:
    """How often each two met, and how often that is disputed."""
    report = timeline.encounters(top=None, **chosen)
    return {
        (each.one.id, each.other.id): (each.meetings.count, each.disputed)
        for each in report.encounters
    }


def contacts(timeline: Timeline, actor: str) -> dict[tuple[str, str], tuple[int, int]]:
    actual = timeline.dossier(actor).contacts
    return {
        (min(actor, each.who.id), max(actor, each.who.id)): (len(each.meetings), each.disputed)
        for each in actual
    }


@pytest.mark.parametrize("name", ["gas-union", "strait-ferry"])
def test_every_dossier_has_the_pairs_of_encounters(name: str, memory: Timeline) -> None:
    memory.ingest(*sorted((FIXTURES / name).glob("*.yaml")))
    actors = [each.actor for each in memory.actors().actors]

    reported = {actor: contacts(memory, actor) for actor in actors}

    assert any(reported.values())
    assert reported == {actor: met(memory, actor=actor) for actor in actors}


def test_states_meet_through_whomever_and_nobody_meets_whom_it_represents(
    memory: Timeline,
) -> None:
    memory.ingest(FIXTURES / "strait-ferry" / "01-crossing.yaml")

    pairs = met(memory, actor="arvenia")

    assert pairs["arvenia", "soltmark"] == (3, 0)
    assert ("arvenia", "vasht") not in pairs


@pytest.fixture
def talks(memory: Timeline) -> Timeline:
    """Talks to which Bob sent another, and of which reports differ on whether Cat came."""
    people = [Actor(id, "person", id.title()) for id in ("ann", "bob", "cat")]
    memory.add(*people, Actor("bland", "state", "Bland"), Actor("press", "organisation", "Press"))
    memory.add(Source("paper", "press", "Talks held"), Source("other", "press", "Not so"))
    there = [
        Attendance("ann", "attended"),
        Attendance("bob", "represented", represents="bland"),
        Attendance("cat", "attended"),
    ]
    held = MeetingHeld("talks", "Talks", attendance=there)
    memory.append(held, occurred="2030-01-02", id="held", source="paper")
    stayed = AttendanceReported("talks", [Attendance("cat", "absent")])
    memory.append(stayed, occurred="2030-01-02", id="stayed", source="other")
    return memory


def test_who_was_represented_by_another_has_met_nobody(talks: Timeline) -> None:
    assert not [pair for pair in met(talks) if "bob" in pair]


@pytest.mark.parametrize("top", [0, -1, "5", 2.0])
def test_a_number_of_lines_that_is_none_is_refused(talks: Timeline, top: Any) -> None:
    with pytest.raises(InvalidInput, match="top: expected a whole number, 1 or more"):
        talks.encounters(top=top)


def test_who_stayed_away_by_other_reports_is_marked(talks: Timeline) -> None:
    pairs = met(talks)

    assert pairs["ann", "cat"] == (1, 1)
    assert pairs["ann", "bland"] == (1, 0)
    assert "1, 1 disputed" in talks.encounters().to_text(all=True, evidence=True)
    for actor in ("ann", "bob", "cat", "bland"):
        assert contacts(talks, actor) == met(talks, actor=actor)


def test_a_meeting_that_somebody_says_was_not_held_is_marked(talks: Timeline) -> None:
    denial = StatementMade("bob", "We never met.", disputes=["held"])
    talks.append(denial, occurred="2030-01-03", id="denial", source="other")

    assert met(talks)["ann", "bland"] == (1, 1)
    (line,) = [one for one in talks.encounters().encounters if one.other.id == "bland"]
    assert "denial" in {citation.event for citation in line.evidence}
    assert talks.attendance().meetings[0].shown_title == "Talks (disputed by Bob)"
    for actor in ("ann", "bland"):
        assert contacts(talks, actor) == met(talks, actor=actor)


def test_so_is_one_whose_participants_another_event_names(talks: Timeline) -> None:
    talks.append(MeetingHeld("dinner", "Dinner"), id="dined", source="paper")
    there = [Attendance("ann", "attended"), Attendance("bland", "attended")]
    talks.append(AttendanceReported("dinner", there), id="guests", source="other")
    assert met(talks)["ann", "bland"] == (2, 0)

    denial = StatementMade("bob", "There was no dinner.", disputes=["dined"])
    talks.append(denial, id="denial", source="other")

    assert met(talks)["ann", "bland"] == (2, 1)
    for actor in ("ann", "bland"):
        assert contacts(talks, actor) == met(talks, actor=actor)


def test_a_person_and_a_state_named_as_the_two_sides_have_met(talks: Timeline) -> None:
    # So it is in coded data, where nobody represents anybody.
    sides = [Attendance("ann", "attended"), Attendance("bland", "attended")]
    visit = MeetingHeld("visit", "Visit", attendance=sides)
    talks.append(visit, occurred="2030-02-01", id="visit", source="paper")

    assert met(talks)["ann", "bland"] == (2, 0)

    # By another report she came for it herself.
    hers = AttendanceReported("visit", [Attendance("ann", "attended", represents="bland")])
    talks.append(hers, occurred="2030-02-01", id="hers", source="other")

    assert met(talks)["ann", "bland"] == (1, 0)
    assert contacts(talks, "ann") == met(talks, actor="ann")


def announce(timeline: Timeline, id: str, occurred: str, planned: str | None = None) -> None:
    two = [Attendance("ann", "expected", represents="bland"), Attendance("cat", "invited")]
    event = MeetingAnnounced(id, "Meeting", planned=planned, attendance=two)
    timeline.append(event, occurred=occurred, id=f"{id}-announced", source="paper")


def states(timeline: Timeline) -> dict[tuple[str, str], str]:
    return {(each.one.id, each.other.id): each.state for each in timeline.follow_ups().plans}


def test_a_plan_is_open_where_no_later_meeting_is_on_record(talks: Timeline) -> None:
    announce(talks, "summit", "2030-01-10", planned="2030-06")

    report = talks.follow_ups()

    assert states(talks) == {("ann", "cat"): "open", ("bland", "cat"): "open"}
    assert report.last == "2030-01-02"
    assert "of 2 Jan 2030: plans whose days end later, 2, are open." in " ".join(
        report.to_text(all=True, evidence=True).split()
    )
    assert [each.planned for each in report.plans] == [("2030-06",)] * 2
    assert "open, planned for 2030-06" in report.to_text(width=150, all=True, evidence=True)


def test_a_plan_whose_days_are_covered_has_no_meeting_on_record(talks: Timeline) -> None:
    announce(talks, "summit", "2030-01-10")
    away = [Attendance("bob", "attended")]
    talks.append(MeetingHeld("x", "X", attendance=away), occurred="2030-02-09", source="paper")

    assert set(states(talks).values()) == {"none on record"}


def test_nothing_is_said_of_what_there_is_none_of(talks: Timeline) -> None:
    def lead() -> str:
        return talks.follow_ups().document().lead[0].text

    assert lead() == "No plan of two to meet is in view."
    announce(talks, "summit", "2030-01-10")
    assert lead() == (
        "2 plans of two to meet; 0 were followed by a meeting of both within 30 days. "
        "The last meeting on record is of 2 Jan 2030: plans whose days end later, 2, are open."
    )


def test_what_two_announced_on_one_day_is_one_plan(talks: Timeline) -> None:
    announce(talks, "summit", "2030-01-10", planned="2030-06")
    announce(talks, "retreat", "2030-01-10", planned="2030-07")
    announce(talks, "again", "2030-01-11")

    report = talks.follow_ups()

    assert sum(report.counts.values()) == 4
    assert [(each.announced, each.announcements) for each in report.plans] == [
        ("2030-01-10", 2),
        ("2030-01-10", 2),
        ("2030-01-11", 1),
        ("2030-01-11", 1),
    ]
    assert report.plans[0].planned == ("2030-06", "2030-07")


def test_each_meeting_is_cited_before_any_twice(talks: Timeline) -> None:
    both = [Attendance("ann", "attended"), Attendance("cat", "attended")]
    for day in range(3, 9):
        held = MeetingHeld(f"day-{day}", "Day", attendance=both)
        reported = AttendanceReported(f"day-{day}", both)
        talks.append(held, occurred=f"2030-01-0{day}", id=f"held-{day}", source="paper")
        talks.append(reported, occurred=f"2030-01-0{day}", id=f"told-{day}", source="other")

    few = talks.encounters(actor="ann", since="2030-01-03", until="2030-01-04").encounters[0]
    every = talks.encounters(actor="ann", since="2030-01-03")

    cited = {each.event for each in few.meetings.evidence}
    assert cited == {"held-3", "told-3", "held-4", "told-4"}
    assert (str(few.meetings), few.meetings.uncited) == ("2", 0)
    meetings = every.encounters[0].meetings
    assert [each.event for each in meetings.evidence] == [f"held-{day}" for day in range(3, 8)]
    assert (str(meetings), meetings.uncited) == ("6", 1)
    assert "Not cited: +1 more." in " ".join(every.to_text(all=True, evidence=True).split())


@pytest.mark.parametrize("kind", ["encounters", "follow_ups", "statements", "statement_counts"])
def test_a_stretch_that_ends_before_it_begins_is_refused(kind: str, memory: Timeline) -> None:
    with pytest.raises(InvalidInput, match="expected since to lie before until"):
        getattr(memory, kind)(since="2023", until="2022")


def test_one_is_not_many(talks: Timeline) -> None:
    text = talks.encounters(actor="cat", until="2030-01-02").to_text(all=True, evidence=True)
    assert "2 pairs met, at 1 meeting." in text
    announce(talks, "summit", "2030-01-02")
    lead = " ".join(talks.follow_ups(actor="ann", days=1).to_text(all=True, evidence=True).split())
    assert "1 plan of two to meet; 1 was followed by a meeting of both within 1 day," in lead


def test_titles_name_whom_and_what_they_are_about(memory: Timeline) -> None:
    memory.ingest(FIXTURES / "strait-ferry" / "01-crossing.yaml")
    lena, name = "vasht", "Lena Vasht"
    initiative, title = "strait-ferry", "A ferry across the strait"
    reports = [
        memory.encounters(actor=lena),
        memory.follow_ups(actor=lena),
        memory.statement_counts(speaker=lena),
        memory.statements(speaker=lena),
        memory.chronology(actor=lena),
    ]

    assert [name in each.document().title for each in reports] == [True] * 5
    assert memory.statements(initiative=initiative).document().title == f"Statements: {title}"
    assert memory.chronology(initiative=initiative).document().title == f"Chronology: {title}"
    assert memory.sources(initiative=initiative).document().title == f"Sources of {title}"
    plans = memory.plans(initiative=initiative, on="1994").document().title
    assert plans == f"Plans of {title} and what became of them, as of 1994"
    said = memory.contradictions(initiative=initiative, meeting="strait-council-1994-spring")
    council = "Strait Council, spring session of 1994"
    assert said.document().title == f"Contradictions: {title}, {council}"


def test_statements_on_what_is_not_on_record(talks: Timeline) -> None:
    with pytest.raises(NotFound, match="no initiative 'nope'"):
        talks.statements(initiative="nope")

    assert "Nothing on record fits." in talks.statements(speaker="ann").to_text(
        all=True, evidence=True
    )


def test_of_many_ids_the_nearest_are_named(talks: Timeline) -> None:
    for number in range(40):
        talks.append(
            MeetingHeld(
                f"congress-{number}", "Congress", attendance=[Attendance("ann", "attended")]
            ),
            source="paper",
        )

    with pytest.raises(NotFound) as found:
        talks.chronology(meeting="talk")

    assert "Meetings: talks, " in str(found.value)
    assert "and 36 more." in str(found.value)
    assert len(str(found.value)) < 200


def test_a_disputed_date_counts_for_either_and_a_report_without_a_form_says_nothing_of_it(
    memory: Timeline,
) -> None:
    memory.add(
        *(Actor(id, "state", id.title()) for id in ("north", "south")),
        Source("s", publisher="north", title="S"),
    )
    both = [Attendance(id, "attended") for id in ("north", "south")]
    for form, day in (("other", "2024-05-20"), ("summit", "2024-05-19")):
        held = MeetingHeld("m", "Summit", form=form, attendance=both)
        memory.append(held, source="s", occurred=day)

    (line,) = memory.encounters().encounters
    assert (line.first, line.forms) == (("2024-05-19", "2024-05-20"), {"summit": 1})
    assert "19 May 2024 or 20 May 2024" in memory.encounters().to_text(200)
    assert memory.encounters(since="2024-05-20").pairs == 1
    assert memory.encounters(since="2024-05-20", certainly=True).pairs == 0
    (meeting,) = memory.attendance(meeting="m").meetings
    assert (meeting.form, meeting.other_forms) == ("summit", ())
