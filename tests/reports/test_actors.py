"""Who is who: every spelling leads to one actor, with its offices and memberships."""

import json

import builder
import pytest
from builder import report
from click.testing import CliRunner

from timeline import (
    Actor,
    ActorsDistinguished,
    ActorsMerged,
    EventCorrected,
    InvalidInput,
    MembershipReported,
    NotFound,
    RoleReported,
    Source,
    StatementMade,
    Timeline,
)
from timeline.cli import cli

ARTICLE = Source("article", publisher="gazette", title="Who is who", published="2024-06-02")
THINGS = (
    Actor("zoe", "person", "Zoë O'Brien-Müller", aliases=["Зоя О’Брайен", "Zoya Obrayen"]),
    *builder.cast("gazette", "north", "league"),
    ARTICLE,
)


timeline = builder.record(*THINGS)


def one(timeline, name):
    (line,) = timeline.actors(name).actors
    return line


def cited(line):
    return [citation.event for citation in line.evidence]


# Finding an actor


@pytest.mark.parametrize(
    "name",
    [
        "zoe",
        "Zoë O'Brien-Müller",
        "Zoe\u0308 O'Brien-Mu\u0308ller",  # marks apart from their letters
        "ZOE O\u2019BRIEN MULLER",
        "zoe obrienmuller",
        "Zoe O\u02bbBrien\u2010Muller",
        "Ｚｏｅ Ｏ'Ｂｒｉｅｎ Ｍｕｌｌｅｒ",
        "зоя о'брайен",
        "Зоя О’Браи\u0306ен",
        "  Zoya   Obrayen ",
    ],
)
def test_every_spelling_leads_to_one_actor(timeline, name):
    assert one(timeline, name).actor == "zoe"


@pytest.mark.parametrize("name", ["Zoë O", "Zoe O'Brian", "", "!!!", "\u0308", "zo"])
def test_part_of_a_name_or_another_leads_to_none(timeline, name):
    with pytest.raises(NotFound, match=r"no actor .* is recorded"):
        timeline.actors(name)


def test_a_slip_is_answered_with_what_is_near(timeline):
    with pytest.raises(NotFound, match=r"Near it: Northland \(north\)"):
        timeline.actors("Nortland")
    with pytest.raises(NotFound) as caught:
        timeline.actors("Quux")
    assert "Near" not in str(caught.value)


@pytest.mark.parametrize("name", ["Maria", "ANNA", "anna-szabo", "Szabó, Anna", "анна"])
def test_part_of_a_name_is_answered_with_those_who_have_it(timeline, name):
    timeline.add(
        Actor("a-szabo", "person", "Anna Mária Szabó", aliases=["Анна Сабо"]),
        Actor("gabon", "state", "Gabon"),  # nearer by its letters
    )

    with pytest.raises(NotFound, match=r"Near it: Anna Mária Szabó \(a-szabo\)\."):
        timeline.actors(name)


def test_of_very_many_who_share_a_name_some_are_told(timeline):
    timeline.add(*(Actor(f"kim-{n}", "person", f"Kim {n}") for n in range(7)))

    with pytest.raises(NotFound, match=r"Near it: Kim 0 \(kim-0\), .*\(kim-4\), and 2 more\."):
        timeline.actors("Kim")


def test_a_name_of_several_is_refused_and_an_exact_one_is_not(timeline):
    timeline.add(Actor("li-1", "person", "Li Na"), Actor("li-2", "person", "Lí Nà", aliases=["Li"]))

    assert one(timeline, "Li Na").actor == "li-1"
    assert one(timeline, "Lí Nà").actor == "li-2"
    with pytest.raises(InvalidInput, match=r"Li Na \(li-1\), Lí Nà \(li-2\)\. Say which"):
        timeline.actors("li na")


@pytest.mark.parametrize("name", ["Szabo", "SZABÓ", "сабо"])
def test_a_surname_alone_leads_to_the_one_person_who_has_it(timeline, name):
    timeline.add(
        Actor("a-szabo", "person", "Anna Mária Szabó", aliases=["Анна Сабо"]),
        Actor("fund", "organisation", "Fund of Szabo", aliases=["Фонд Сабо"]),
    )

    assert one(timeline, name).actor == "a-szabo"


def test_a_surname_of_several_is_refused_and_a_whole_name_is_not(timeline):
    timeline.add(Actor("jo", "person", "Jo Reed"), Actor("al", "person", "Al Reed"))
    with pytest.raises(InvalidInput, match=r"Al Reed \(al\), Jo Reed \(jo\)\. Say which"):
        timeline.actors("Reed")

    timeline.add(Actor("band", "organisation", "Reed"))
    assert one(timeline, "Reed").actor == "band"


def test_an_id_goes_before_another_ones_name(timeline):
    timeline.add(Actor("ship", "organisation", "north"))

    assert one(timeline, "north").actor == "north"


def test_vowel_signs_tell_names_apart(timeline):
    timeline.add(Actor("ram", "person", "राम"), Actor("rim", "person", "रिम"))

    assert (one(timeline, "राम").actor, one(timeline, "रिम").actor) == ("ram", "rim")


def test_merged_entries_lead_to_the_one_that_stays(timeline):
    timeline.add(Actor("obrien", "person", "Z. O'Brien"))
    timeline.append(ActorsMerged("zoe", ["obrien"], "The same minister."), id="merged")

    line = one(timeline, "z o'brien")
    assert line == one(timeline, "obrien")
    assert (line.actor, line.entries) == ("zoe", ("obrien",))
    assert "Z. O'Brien" in line.aliases
    assert cited(line) == ["actor/zoe", "actor/obrien", "merged"]
    assert [each.actor for each in timeline.actors().actors] == [
        "north",
        "gazette",
        "league",
        "zoe",
    ]


def test_statements_are_found_by_any_spelling(timeline):
    report(timeline, StatementMade("zoe", "Yes."), id="yes")
    report(timeline, StatementMade("gazette", "No."))

    actual = timeline.statements(speaker="ЗОЯ О'БРАЙЕН")
    assert (actual.speaker, [line.text for line in actual.statements]) == ("zoe", ["Yes."])
    with pytest.raises(NotFound, match="no actor 'nobody'"):
        timeline.statements(speaker="nobody")


# Offices and memberships


def test_offices_stand_as_reported(timeline):
    report(timeline, RoleReported("zoe", "minister", "north", since="2020~"), "2022-05", id="b")
    report(timeline, RoleReported("zoe", "mayor", until="2020"), id="a")

    line = one(timeline, "zoe")
    assert [
        (role.role, role.of and role.of.id, role.since, role.until, role.reported)
        for role in line.roles
    ] == [
        ("minister", "north", "2020~", None, "2022-05"),
        ("mayor", None, None, "2020", "2024-06-02"),
    ]
    assert [cited(role) for role in line.roles] == [["b"], ["a"]]
    assert "since about 2020, as of May 2022" in timeline.actors("zoe").to_text(
        200, all=True, evidence=True
    )


def test_the_date_of_a_report_can_be_corrected(timeline):
    report(timeline, RoleReported("zoe", "minister", "north"), "2022-05", id="held")
    timeline.append(EventCorrected(["held"], "A slip.", {"occurred": "2023"}), id="mended")

    (role,) = one(timeline, "zoe").roles
    assert (role.reported, cited(role)) == ("2023", ["held", "mended"])


def test_memberships(timeline):
    report(timeline, MembershipReported("north", "league", "observer", since="2021"), id="in")

    (line,) = one(timeline, "Northland").memberships
    assert (str(line.of), line.status, line.since, line.until) == (
        "The League",
        "observer",
        "2021",
        None,
    )
    assert cited(line) == ["in"]
    assert one(timeline, "league").memberships == ()


def test_those_who_could_be_confused_are_told_apart_on_both_sides(timeline):
    timeline.add(Actor("other-zoe", "person", "Zoe O'Brian"))
    timeline.append(ActorsDistinguished("zoe", ["other-zoe"], "A singer."), id="apart")

    for actor, other in (("zoe", "other-zoe"), ("other-zoe", "zoe")):
        (line,) = one(timeline, actor).distinct_from
        assert (line.other.id, line.reason, cited(line)) == (other, "A singer.", ["apart"])
    assert one(timeline, "north").distinct_from == ()


# The report


def test_every_cell_has_evidence(timeline):
    report(timeline, RoleReported("zoe", "minister", "north"))
    report(timeline, MembershipReported("north", "league"))
    timeline.append(ActorsDistinguished("zoe", ["north"], "Obviously."))
    document = timeline.actors().document()

    assert [table.title for table in document.tables] == [
        "Who is who",
        "Offices",
        "Memberships",
        "Not to be taken for one another",
    ]
    assert document.tables[0].named_by == 1
    for table in document.tables:
        assert all(cell.evidence for row in table.rows for cell in row)


def test_before_an_actor_was_recorded_there_is_none(timeline):
    with pytest.raises(NotFound):
        timeline.as_of(position=0).actors("zoe")
    assert timeline.as_of(position=0).actors().actors == ()


def test_the_command_line(database_url):
    with Timeline.open(database_url) as timeline:
        timeline.add(*THINGS)
        report(timeline, StatementMade("zoe", "In May."), "2024-05")
        report(timeline, StatementMade("zoe", "In a year."), "2024")

    def run(*words):
        done = CliRunner().invoke(cli, ["--db", database_url, "report", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert [each["actor"] for each in json.loads(run("actors", "--format", "json"))["actors"]] == [
        "north",
        "gazette",
        "league",
        "zoe",
    ]
    assert run("actors", "zoe obrien muller").startswith("Zoë O'Brien-Müller")
    by_name = ("statements", "--speaker", "Zoya Obrayen", "--since", "2024-05")
    assert "In a year." in run(*by_name, "--until", "2024-05")
    certain = run(*by_name, "--until", "2024-05", "--certainly")
    assert ("In May." in certain, "In a year." in certain) == (True, False)
    wrong = CliRunner().invoke(cli, ["--db", database_url, "report", "actors", "Nobody"])
    assert (wrong.exit_code, "no actor 'Nobody'" in wrong.output) == (1, True)
