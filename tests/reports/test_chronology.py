"""What happened, in order of time: which lines there are, in which order, and what they say."""

from typing import Any

import harbour
import pytest

from timeline import (
    ConductReported,
    EventCorrected,
    EventRetracted,
    InvalidInput,
    NotFound,
    Timeline,
)
from timeline.reports.chronology import ChronologyReport

record = harbour.shared


def ids(report: ChronologyReport) -> list[str]:
    return [line.event for line in report.happenings]


def test_all_stands_in_order_of_world_time_and_the_undated_last(record: Timeline) -> None:
    report = record.chronology()

    assert ids(report)[0] == "east-in"  # belongs since 2001, reported in 2024
    assert ids(report)[-1] == "fish"
    assert set(ids(report)) == harbour.EVENTS.keys() - {"proposed-too"}
    dates = [line.occurred for line in report.happenings]
    assert dates[3:8] == ["2024-03-01", "2024-03-01", "2024-03-05~", "2024-03-10", "2024-03-12"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"actor": "А. Олдер", "type": "StatementMade"}, ["ann-for", "ann-on-west"]),
        ({"actor": "cy"}, ["spring-otherwise", "fish"]),
        ({"actor": "west", "until": "2024-03-05"}, ["bob-minister", "proposed", "ann-on-west"]),
        ({"meeting": "spring"}, ["spring-announced", "spring-held", "spring-otherwise"]),
        (
            {"series": "sessions"},
            ["spring-announced", "spring-held", "spring-otherwise", "autumn-held"],
        ),
        ({"series": "sessions", "actor": "dee"}, ["autumn-held"]),
        ({"type": "PlanOutcomeReported"}, ["no-dig"]),
        ({"since": "2024-10"}, ["autumn-held", "no-dig"]),
        ({"since": "2024-10", "certainly": True}, ["no-dig"]),
        ({"until": "2024-03-04", "since": "2024-03-02"}, ["ann-on-west"]),
        ({"until": "2024-03-04", "since": "2024-03-02", "certainly": True}, []),
    ],
)
def test_lines_are_chosen_by_all_that_is_given(
    record: Timeline, chosen: dict[str, Any], expected: list[str]
) -> None:
    actual = ids(record.chronology(**chosen))
    assert [id for id in actual if id != "fish" or "actor" in chosen] == expected


def test_an_initiative_is_concerned_by_its_meetings_and_plans(record: Timeline) -> None:
    actual = ids(record.chronology(initiative="harbour"))

    # They do not name it; what they tell of does.
    assert {"spring-otherwise", "no-dig"} <= set(actual)
    assert not {"fish", "autumn-held", "ann-minister"} & set(actual)


@pytest.mark.parametrize(
    ("event", "what", "who"),
    [
        ("proposed", "Proposed: A harbour.", "Ann Alder"),
        ("west-answers", "Answered, conditional: If paid.", "Bob Birch"),
        (
            "spring-announced",
            "Meeting announced, for Apr 2024: Spring session",
            "invited: Ann Alder, Bob Birch",
        ),
        (
            "spring-otherwise",
            "Who was at: Spring session",
            "absent: Bob Birch; represented: Cy Cedar",
        ),
        ("spring-held", "Meeting held: Spring session, Old Pier", "attended: Ann Alder, Bob Birch"),
        ("dig", "Plan announced, for Dec 2024: Digging. To dig.", "Ann Alder"),
        ("no-dig", "Plan missed: Digging. Nobody dug.", "–"),
        ("ann-minister", "In office: minister of Eastholm", "Ann Alder"),
        ("east-in", "Belonging: member of Strait Council", "Eastholm"),
        ("ann-for", "We want it.", "Ann Alder"),
    ],
)
def test_a_line_says_what_happened_and_whose_doing_it_was(
    record: Timeline, event: str, what: str, who: str
) -> None:
    report = record.chronology()
    rows = report.document().tables[0].rows
    (row,) = (rows[n] for n, id in enumerate(ids(report)) if id == event)

    assert (row[1].text, row[2].text) == (what, who)
    assert all(cell.evidence[0].event == event for cell in row)


def test_a_line_names_who_published_it_and_what_it_is_about(record: Timeline) -> None:
    rows = record.chronology(meeting="spring", type="MeetingHeld").document().tables[0].rows
    assert [cell.about for cell in rows[0]] == [None, "meeting/spring", None, "actor/wire"]

    (made,) = record.chronology(type="ProposalMade").happenings
    assert [each.name for each in made.published_by] == ["The Beacon", "Coast Wire"]
    assert [each.event for each in made.evidence] == ["proposed", "proposed-too"]


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        ({"type": "Statement"}, InvalidInput, "one of AttendanceReported.*found 'Statement'"),
        ({"actor": "nobody"}, NotFound, "no actor 'nobody'"),
        ({"initiative": "nothing"}, NotFound, "no initiative 'nothing'.*harbour"),
        ({"series": "none"}, NotFound, "no meeting of a series 'none'.*sessions"),
        ({"since": "2025", "until": "2024"}, InvalidInput, "since to lie before until"),
    ],
)
def test_what_cannot_be_chosen_is_said(
    record: Timeline, chosen: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        record.chronology(**chosen)


def test_what_fits_nothing_says_so(record: Timeline) -> None:
    assert "Nothing on record fits." in record.chronology(until="1990", certainly=True).to_text(
        all=True, evidence=True
    )


def test_lines_follow_corrections_and_retractions() -> None:
    with harbour.opened() as record:
        record.append(EventCorrected(["fish"], "Dated.", {"occurred": "2024-03-02"}), id="dated")
        record.append(EventRetracted(["bob-against"], "Never said."))

        first = record.chronology(type="StatementMade")
        assert ids(first) == ["ann-for", "fish", "ann-on-west", "bob-again"]
        assert [each.event for each in first.happenings[1].evidence] == ["fish", "dated"]
        changed = record.changes(
            lambda view: view.chronology(type="StatementMade"),
            since=len(harbour.EVENTS) + len(harbour.ACTORS) + len(harbour.SOURCES),
            until=record.store.head().position,
            clock="position",
        )
        assert {line.kind for line in changed.changes} == {"changed", "gone"}


def test_conduct_is_told_of_both_sides() -> None:
    with harbour.opened() as record:
        record.append(
            ConductReported("east", "Sent stones.", toward="west", jointly_with=["council"]),
            id="stones",
            occurred="2024-06",
            source="wire-1",
        )
        for actor in ("east", "west", "council"):
            line = record.chronology(actor=actor, since="2024-06", until="2024-06").happenings[0]
            assert (line.event, line.what) == ("stones", "Sent stones.")
            assert {part.who.id for part in line.who} == {"east", "council"}
