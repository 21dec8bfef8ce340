"""Who held which office: certain, possible and past are told apart."""

import builder
import pytest
from builder import report

from timeline import Actor, NotFound, Position, ProposalMade, RoleReported, Source, Timeline
from timeline.events import StatementMade

ACTORS = [
    Actor("gazette", "organisation", "The Gazette"),
    Actor("a", "state", "Northland"),
    *(Actor(id, "person", id.title()) for id in ("m1", "m2", "m3")),
]


timeline = builder.record(
    *ACTORS, Source("article", publisher="gazette", title="G", published="2023-06-03")
)


def on(timeline: Timeline, day: str) -> dict[str, str | None]:
    lines = timeline.offices("Energy Minister", of="Northland", on=day).offices
    return {line.holder.id: line.on_the_day for line in lines}


@pytest.fixture
def succession(timeline: Timeline) -> Timeline:
    report(timeline, RoleReported("m1", "energy minister", "a", since="2022-01"), "2023-02-09")
    late = RoleReported("m2", "energy minister", "a", since="../2023-06-02")
    report(timeline, late, "2023-06-02")
    return timeline


@pytest.mark.parametrize(
    ("day", "holders"),
    [
        ("2022-01-15", {"m1": "possible", "m2": "possible"}),
        ("2023-03-01", {"m1": "possible", "m2": "possible"}),
        ("2023-06-03", {"m2": "certain"}),
        ("2024-01-01", {"m2": "certain"}),
    ],
)
def test_a_successor_of_whom_only_a_bound_is_known(
    succession: Timeline, day: str, holders: dict[str, str]
) -> None:
    assert on(succession, day) == holders


def test_the_end_names_who_came_after(succession: Timeline) -> None:
    first, second = succession.offices("energy minister").offices

    assert (first.holder.id, first.until, second.holder.id) == ("m1", "../2023-06-02", "m2")
    assert first.successor is not None
    assert first.successor.id == "m2"
    assert (second.until, second.successor) == (None, None)
    assert "succeeded by M2 by 2 Jun 2023" in succession.offices().to_csv("Who held")


def test_the_end_is_when_the_next_one_came_and_not_a_later_one(succession: Timeline) -> None:
    report(succession, RoleReported("m3", "energy minister", "a", since="2024-05"), "2024-06-01")

    lines = succession.offices("energy minister").offices

    assert {line.holder.id: line.until for line in lines} == {
        "m1": "../2023-06-02",
        "m2": "2024-05",
        "m3": None,
    }


def test_one_who_is_told_of_in_a_year_may_be_succeeded_within_it(timeline: Timeline) -> None:
    report(timeline, RoleReported("m1", "energy minister", "a", since="2022"), "2023")
    report(timeline, RoleReported("m2", "energy minister", "a", since="2023-06"), "2023-07-01")

    assert on(timeline, "2023-08-01") == {"m2": "certain"}


@pytest.mark.parametrize("since", ["2023", "2023-06", "2023-06-15"])
def test_of_two_who_may_each_have_come_first_neither_ends_the_other(
    timeline: Timeline, since: str
) -> None:
    report(timeline, RoleReported("m1", "energy minister", "a", since="2023"), "2023")
    report(timeline, RoleReported("m2", "energy minister", "a", since=since), since)

    lines = timeline.offices("energy minister").offices
    assert [(line.until, line.successor) for line in lines] == [(None, None), (None, None)]

    report(timeline, RoleReported("m2", "energy minister", "a"), "2024-01-01")
    lines = timeline.offices("energy minister").offices
    assert {line.holder.id: line.until for line in lines} == {"m1": since, "m2": None}


def test_one_who_was_told_of_before_another_came_came_first(timeline: Timeline) -> None:
    report(timeline, RoleReported("m1", "energy minister", "a", since="2023"), "2023-02")
    report(timeline, RoleReported("m2", "energy minister", "a", since="2023-06-15"), "2023-06-15")

    lines = timeline.offices("energy minister").offices
    assert {line.holder.id: line.until for line in lines} == {"m1": "2023-06-15", "m2": None}


def test_one_who_was_succeeded_does_not_speak_for_the_party(succession: Timeline) -> None:
    report(succession, ProposalMade("d", "Deal", by="m3", text="A deal.", parties=["a"]), "2023")
    said = StatementMade("m1", "Good.", about=["d"], positions=[Position("a", "favourable")])
    report(succession, said, "2023-07-01")

    (party,) = succession.initiative("d").parties

    assert party.own is None or party.own == ()
    assert party.imputed


def test_a_beginning_in_a_year_leaves_its_days_open(timeline: Timeline) -> None:
    report(timeline, RoleReported("m1", "energy minister", "a", since="2012"), "2013-01-01")
    report(timeline, RoleReported("m1", "energy minister", "a", since="2012"), "2012")

    assert on(timeline, "2012-03-01") == {"m1": "possible"}
    assert on(timeline, "2013-01-02") == {"m1": "certain"}
    assert on(timeline, "2011-12-31") == {}


def test_a_report_that_speaks_of_two_days_leaves_both_open(timeline: Timeline) -> None:
    role = RoleReported("m1", "energy minister", "a", since="2012")
    report(timeline, role, "2012-03-01/2012-03-02")

    assert on(timeline, "2012-03-01") == {"m1": "possible"}
    assert on(timeline, "2012-03-03") == {"m1": "certain"}


def test_deputies_do_not_succeed_each_other(timeline: Timeline) -> None:
    for who, since in (("m1", "2020"), ("m2", "2021")):
        report(timeline, RoleReported(who, "deputy minister", "a", since=since), "2022-01-01")

    lines = timeline.offices(on="2022-02-02").offices

    assert {line.holder.id: line.on_the_day for line in lines} == {"m1": "certain", "m2": "certain"}


def test_one_who_is_reported_in_office_later_was_not_succeeded(timeline: Timeline) -> None:
    report(timeline, RoleReported("m1", "energy minister", "a", since="2020"), "2020-02-01")
    report(timeline, RoleReported("m2", "energy minister", "a", since="2021"), "2021-02-01")
    report(timeline, RoleReported("m1", "energy minister", "a"), "2022-02-01")

    assert on(timeline, "2022-02-01")["m1"] == "certain"


def test_an_office_that_nobody_held_is_named_with_those_there_are(succession: Timeline) -> None:
    with pytest.raises(NotFound, match=r"no office 'minster' is recorded\. Recorded: energy"):
        succession.offices("minster")
