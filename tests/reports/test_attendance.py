"""Who attended which meeting: the seven statuses, who is silent, and how many could have come."""

import builder
import pytest

from timeline import (
    Actor,
    Attendance,
    AttendanceReported,
    EventCorroborated,
    EventRetracted,
    Evidence,
    MeetingAnnounced,
    MeetingHeld,
    MembershipReported,
    NotFound,
    RoleReported,
    Source,
    StatementMade,
)
from timeline.reports.layout import in_parts

STATES = {"east": "Eastland", "north": "Northland", "south": "Southland", "west": "Westland"}
PAPERS = ("one", "two", "three", "four", "five")
PEOPLE = {"deputy": "The deputy", "leader": "The leader", "envoy": "The envoy"}


timeline = builder.record(
    *(Actor(id, "organisation", f"Paper {id}") for id in PAPERS),
    *builder.cast("league"),
    *(Actor(id, "state", name) for id, name in STATES.items()),
    *(Actor(id, "person", name) for id, name in PEOPLE.items()),
    *(Source(id, publisher=id, title=id) for id in PAPERS),
    Source("copy", publisher="two", title="copy", copies="one"),
    Source("hearsay", publisher="five", title="hearsay", cited_in="two"),
)


def held(timeline, id, *attendance, source="one", meeting="summit", on="2024-05-01", **fields):
    event = MeetingHeld(
        meeting, fields.pop("title", "Summit"), attendance=attendance, **{"series": "s"} | fields
    )
    timeline.append(event, id=id, occurred=on, source=source)


def lists(timeline, id, *attendance, source, meeting="summit", complete=True):
    event = AttendanceReported(meeting, attendance, complete=complete)
    timeline.append(event, id=id, source=source)


def belongs(timeline, actor, *, id=None, reported=None, **fields):
    event = MembershipReported(actor, of="league", **fields)
    timeline.append(event, id=id or f"{actor}-belongs", occurred=reported, source="one")


def came(*actors, status="attended"):
    return [Attendance(actor, status) for actor in actors]


def events(cited):
    return [each.event for each in cited]


def shown(report, title):
    """The texts of a table's rows."""
    tables = [each for each in report.document().tables if each.title == title]
    return [tuple(each.text for each in row) for table in tables for row in table.rows]


def has_evidence(report):
    document = report.document()
    cells = [each for table in document.tables for row in table.rows for each in row]
    assert cells
    assert all(each.evidence for each in (*document.lead, *cells))
    return True


# Who says so, and who is silent


def test_attended_by_some_not_mentioned_by_others_absent_by_none(timeline):
    held(timeline, "first", *came("north", "east"), complete=True)
    lists(timeline, "second", *came("north"), source="two")
    lists(timeline, "third", *came("north"), *came("west", status="absent"), source="three")

    report = timeline.attendance(series="s")
    east, west = report.cell("east", "summit"), report.cell("west", "summit")
    by_status = {status: events(cited) for status, cited in east.by_status().items()}
    assert by_status == {
        "invited": [],
        "expected": [],
        "confirmed": [],
        "attended": ["first"],
        "represented": [],
        "absent": [],
        "not mentioned": ["second", "third"],
    }
    assert events(east.silent) == ["second", "third"]
    assert (west.status, events(west.by_status()["absent"])) == ("absent", ["third"])
    assert report.cell("north", "summit").silent == ()
    assert shown(report, "Who attended") == [
        ("Northland", "attended"),
        ("Eastland", "attended by 1, not mentioned by 2"),
        ("Westland", "absent by 1, not mentioned by 2"),
    ]
    assert has_evidence(report)


def test_copies_count_once_and_a_source_that_names_the_party_elsewhere_is_not_silent(timeline):
    held(timeline, "first", *came("east", "west"))
    lists(timeline, "copied", *came("east"), source="copy")
    lists(timeline, "again", *came("north"), source="one")
    lists(timeline, "other", *came("east"), source="three")
    lists(timeline, "heard", *came("west"), source="hearsay")

    report = timeline.attendance()
    east = report.cell("east", "summit")
    assert east.voices("attended") == ("one", "three")
    assert events(east.silent) == ["heard"]
    # Of a source that was not read, nobody knows what it leaves out.
    assert east.voices("not mentioned") == ()
    assert east.shown("east") == "attended"
    assert report.cell("west", "summit").voices("attended") == ("one", "five")
    assert report.cell("west", "summit").voices("not mentioned") == ("three",)


def test_a_report_that_names_a_few_passes_over_nobody(timeline):
    held(timeline, "first", *came("north", "east"))
    lists(timeline, "readout", *came("north"), source="two", complete=False)

    report = timeline.attendance()
    east, west = report.cell("east", "summit"), report.cell("west", "summit")
    assert (east.silent, east.voices("not mentioned"), east.reports) == ((), (), ())
    assert shown(report, "Who attended") == [("Northland", "attended"), ("Eastland", "attended")]
    # Where no list leaves the party out, what is cited is what is known of the meeting.
    assert (west.status, west.silent, events(west.reports)) == ("not mentioned", (), ["first"])
    assert events(west.evidence) == ["first"]
    lists(timeline, "list", *came("north"), source="three")
    report = timeline.attendance()
    assert report.cell("east", "summit").shown("east") == "attended by 1, not mentioned by 1"
    west = report.cell("west", "summit")
    assert (events(west.silent), west.reports) == (["list"], ())


@pytest.mark.parametrize("event", [MeetingHeld, MeetingAnnounced])
def test_a_meeting_may_be_reported_with_all_who_came(timeline, event):
    listed = event("summit", "Summit", attendance=came("north"), complete=True)
    timeline.append(listed, id="all", source="one")
    lists(timeline, "readout", *came("east"), source="two", complete=False)

    cell = timeline.attendance().cell("east", "summit")
    assert events(cell.silent) == ["all"]
    assert cell.voices("not mentioned") == ("one",)


def test_a_further_source_is_a_further_voice(timeline):
    held(timeline, "first", *came("east"))
    lists(timeline, "second", *came("west"), source="two")
    timeline.append(EventCorroborated(["first"]), source="three")

    cell = timeline.attendance().cell("east", "summit")
    assert cell.voices("attended") == ("one", "three")
    assert cell.shown("east") == "attended by 2, not mentioned by 1"


def test_outcomes_at_odds_say_how_many_stand_behind_each(timeline):
    held(timeline, "first", *came("east"))
    lists(timeline, "second", *came("east", status="absent"), source="two")
    lists(timeline, "third", *came("east"), source="three")

    report = timeline.attendance()
    assert report.cell("east", "summit").status == "attended / absent"
    assert shown(report, "Who attended") == [("Eastland", "attended by 2 / absent by 1")]
    assert str(report.count("summit")) == "1 party (1 disputed)"


def test_who_is_not_mentioned_cites_what_was_looked_at(timeline):
    held(timeline, "first", *came("north"))
    held(timeline, "other", meeting="other", title="Other", on="2024-06", body="league")
    belongs(timeline, "west")

    report = timeline.attendance(series="s")
    assert events(report.cell("west", "summit").evidence) == ["first"]
    assert events(report.cell("envoy", "summit").evidence) == ["first"]
    assert events(report.cell("west", "other").evidence) == ["other"]
    assert events(report.cell("envoy", "other").evidence) == ["other"]
    assert report.cell("envoy", "other").status == "not mentioned"
    assert ("Westland", "not mentioned", "not mentioned") in shown(report, "Who attended")
    assert has_evidence(report)


def test_a_list_of_persons_names_the_parties_they_came_for(timeline):
    held(timeline, "first", Attendance("leader", "attended", represents="north"))
    lists(timeline, "second", *came("north"), source="two")

    cell = timeline.attendance().cell("north", "summit")
    assert (cell.silent, cell.people("north")) == ((), ("The leader",))


def test_who_stood_in_for_whom(timeline):
    sent = Attendance("deputy", "represented", represents="north", instead_of="leader")
    held(timeline, "first", sent)

    report = timeline.attendance()
    (entry,) = report.cell("north", "summit").entries
    assert (entry.instead_of.id, entry.person) == ("leader", "The deputy for The leader")
    assert shown(report, "Who attended") == [
        ("Northland", "represented (The deputy for The leader)")
    ]


def test_whom_another_stood_in_for_was_represented_and_not_there(timeline):
    held(
        timeline, "first", Attendance("deputy", "attended", represents="north", instead_of="leader")
    )

    report = timeline.attendance()
    assert shown(report, "Attendance by person") == [
        ("The deputy", "attended, for Northland, instead of The leader"),
        ("The leader", "represented (The deputy for The leader)"),
    ]
    (line,) = timeline.dossier("leader").meetings
    assert line.attendance.status == "represented"


def test_roles_show_in_every_rendering(timeline):
    held(
        timeline,
        "first",
        Attendance("north", "attended", role="host"),
        Attendance("leader", "attended", represents="north", role="chair"),
        Attendance("envoy", "attended", represents="south", role="signatory"),
    )

    report = timeline.attendance()
    assert shown(report, "Who attended") == [
        ("Northland", "attended as host (The leader as chair)"),
        ("Southland", "attended (The envoy as signatory)"),
    ]
    assert shown(report, "Attendance by person") == [
        ("The leader", "attended as chair, for Northland"),
        ("The envoy", "attended as signatory, for Southland"),
    ]
    renderings = (
        report.to_text(200, all=True, evidence=True),
        report.to_markdown(),
        report.to_csv(),
        report._repr_html_(),
    )
    for rendering in renderings:
        assert "attended as host (The leader as chair)" in rendering
        assert "signatory" in rendering
    assert "as signatory" in timeline.dossier("envoy").to_text(200, all=True, evidence=True)


def test_who_may_be_among_the_unnamed_is_not_merely_left_out(timeline):
    timeline.add(Actor("presidents", "unnamed", "Four presidents"))
    belongs(timeline, "north")
    held(timeline, "first", *came("presidents"), body="league")
    lists(timeline, "second", Attendance("leader", "attended"), source="two")

    report = timeline.attendance()
    rows = dict(shown(report, "Who attended"))
    assert rows["Northland"] == "not mentioned, some who came are unnamed"
    assert rows["Four presidents"] == "attended by 1, not mentioned by 1, some who came are unnamed"
    people = dict(shown(report, "Attendance by person"))
    assert people["The leader"] == "attended"


# How many of how many


def test_members_are_those_at_the_time(timeline):
    belongs(timeline, "north")
    belongs(timeline, "south", since="2025")
    belongs(timeline, "east", until="2023-12")
    belongs(timeline, "west", since="1990", until="2030")
    for meeting, on in (("summit", "2024-05-01"), ("later", "2026-05-01")):
        held(timeline, meeting, *came("north"), meeting=meeting, on=on, body="league")

    report = timeline.attendance(series="s")
    first, later = report.counts
    assert (first.there, first.of, [each.id for each in first.missing]) == (1, 2, ["west"])
    assert (later.there, later.of, [each.id for each in later.missing]) == (1, 3, ["south", "west"])
    assert str(report.count("summit")) == "1 of the 2 on record as members"
    assert set(events(first.evidence)) == {"summit", "north-belongs", "west-belongs"}
    assert report.cell("south", "summit").member is False
    assert report.cell("south", "later").member is True
    assert "1 of the 3 on record as members" in report.to_text(120, all=True, evidence=True)
    assert has_evidence(report)


@pytest.mark.parametrize(
    ("left", "again", "members"),
    [
        ({"until": "2009"}, None, None),
        ({"since": "2009"}, None, None),
        ({"until": "2030"}, None, 1),
        ({"until": "2024"}, None, 1),
        ({"until": "2009"}, "2015", 1),
    ],
)
def test_a_former_member_is_none_unless_it_joined_again(timeline, left, again, members):
    belongs(timeline, "east", since="1990")
    belongs(timeline, "east", id="left", status="former member", **left)
    if again:
        belongs(timeline, "east", id="again", since=again)
    held(timeline, "first", *came("north"), body="league")

    assert timeline.attendance().count("summit").of == members


@pytest.mark.parametrize(
    ("reports", "member"),
    [
        # An end that another report gives holds for one that gives none.
        ([{"reported": "2005"}, {"until": "2010", "reported": "2010-01"}], False),
        ([{"reported": "2005"}, {"until": "2010"}], False),
        ([{"since": "1990"}, {"until": "2010"}], False),
        ([{"reported": "2005"}, {"until": "2030"}], True),
        ([{"reported": "2015"}, {"until": "2010"}], True),
        # A former member had left by the time of the report.
        ([{"reported": "2005"}, {"status": "former member", "reported": "2015"}], False),
        ([{"since": "1990"}, {"status": "former member", "reported": "2015"}], False),
        ([{"reported": "2005"}, {"status": "former member", "reported": "2030"}], True),
        ([{"reported": "2020"}, {"status": "former member", "reported": "2015"}], True),
        (
            [
                {"reported": "2005"},
                {"status": "former member", "reported": "2015"},
                {"reported": "2021"},
            ],
            True,
        ),
        # Without a beginning, a report tells nothing of long before it was made.
        ([{"reported": "2024-11"}], True),
        ([{"reported": "2025-04-30"}], True),
        ([{"reported": "2025-06"}], None),
        ([{"reported": "2026"}], None),
        ([{"reported": "2026", "since": "1990"}], True),
        ([{"reported": "2030", "until": "2024-12"}], True),
        ([{"reported": "2026"}, {"status": "observer", "since": "2020"}], None),
        ([{"since": "2025"}], False),
        ([{"status": "observer"}], False),
    ],
)
def test_who_was_a_member_then(timeline, reports, member):
    belongs(timeline, "north")
    for number, fields in enumerate(reports):
        belongs(timeline, "east", id=f"east-{number}", **fields)
    held(timeline, "first", *came("north", "east"), body="league")

    report = timeline.attendance()
    assert report.cell("east", "summit").member is member
    assert report.count("summit").of == (2 if member else 1)


def test_where_some_are_unnamed_nobody_knows_how_many_came(timeline):
    timeline.add(Actor("presidents", "unnamed", "Four presidents"))
    belongs(timeline, "north")
    held(timeline, "first", *came("presidents"), body="league")
    held(timeline, "other", *came("presidents"), meeting="other", title="Other", on="2024-06")
    held(timeline, "third", *came("presidents", status="absent"), meeting="third", title="Third")

    report = timeline.attendance()
    count = report.count("summit")
    assert (count.unnamed, count.there, count.of, count.missing) == (True, 0, 1, ())
    assert str(count) == "not known: some who came are unnamed"
    assert not report.count("third").unnamed
    assert shown(report, "How many came") == [
        ("Summit (1 May 2024)", "not known: some who came are unnamed", "–"),
        ("Other (Jun 2024)", "not known: some who came are unnamed", "–"),
    ]
    assert has_evidence(report)


def test_an_unnamed_envoy_of_a_party_counts_for_it(timeline):
    timeline.add(Actor("official", "unnamed", "An official"))
    held(timeline, "first", Attendance("official", "attended", represents="north"))

    assert str(timeline.attendance().count("summit")) == "1 party"


def test_guests_are_no_part_of_the_fraction(timeline):
    belongs(timeline, "north")
    belongs(timeline, "east")
    belongs(timeline, "west", status="observer")
    held(timeline, "first", *came("north", "west", "envoy"), body="league")

    report = timeline.attendance()
    count = report.count("summit")
    assert (count.there, count.of, count.others) == (1, 2, 2)
    assert shown(report, "How many came") == [
        ("Summit (1 May 2024)", "1 of the 2 on record as members, 2 beside them", "Eastland")
    ]
    members = {each.party: each.cells[0].member for each in report.parties}
    assert members == {"east": True, "north": True, "west": False, "envoy": None}


@pytest.mark.parametrize("body", [None, "league"])
def test_without_known_members_there_is_no_fraction(timeline, body):
    held(timeline, "first", *came("north", "west"), body=body)

    count = timeline.attendance().count("summit")
    assert (count.there, count.of, str(count)) == (2, None, "2 parties")
    assert timeline.attendance().cell("north", "summit").member is None


def test_a_meeting_that_is_only_planned_counts_nobody(timeline):
    belongs(timeline, "north")
    belongs(timeline, "east")
    timeline.append(
        MeetingAnnounced(
            "summit", "Summit", body="league", attendance=came("north", status="invited")
        ),
        id="ahead",
        source="one",
    )

    report = timeline.attendance()
    assert (report.count("summit").there, report.count("summit").of) == (0, 2)
    assert shown(report, "How many came") == [
        ("Summit (undated)", "not known; 2 on record as members", "Eastland; Northland")
    ]
    for id in ("ahead", "north-belongs", "east-belongs"):
        assert id in report.to_text(all=True, evidence=True)
    assert has_evidence(report)


def test_who_was_in_office_counts_for_the_state(timeline):
    belongs(timeline, "north")
    belongs(timeline, "south")
    for actor, of, until in (("leader", "north", "2024-12"), ("deputy", "south", "2020")):
        role = RoleReported(actor, "president", of=of, until=until)
        timeline.append(role, id=f"{actor}-office", source="one")
    held(timeline, "first", *came("leader", "deputy"), body="league")

    report = timeline.attendance()
    (entry,) = report.cell("north", "summit").entries
    assert (entry.participant, entry.office) == ("leader", "president")
    assert events(entry.evidence) == ["first", "leader-office"]
    # The deputy's term had ended: the South is not mentioned, and the deputy stands for nobody.
    assert report.cell("south", "summit").status == "not mentioned"
    assert report.cell("deputy", "summit").status == "attended"
    assert str(report.count("summit")) == "1 of the 2 on record as members, 1 beside them"
    assert "attended (The leader)" in report.to_text(200, all=True, evidence=True)


def test_two_offices_in_two_members_decide_nothing(timeline):
    for state in ("north", "south"):
        belongs(timeline, state)
        role = RoleReported("leader", "president", of=state)
        timeline.append(role, id=f"{state}-office", source="one")
    held(timeline, "first", *came("leader"), body="league")

    report = timeline.attendance()
    assert report.cell("leader", "summit").status == "attended"
    assert report.count("summit").there == 0


# What is disputed


def denies(timeline, speaker, *reports, source="two"):
    said = StatementMade(speaker, "It was not so.", disputes=reports)
    timeline.append(said, id=f"{speaker}-denies", source=source)


def test_who_calls_a_report_of_attendance_wrong_stands_beside_the_status(timeline):
    held(timeline, "first", *came("north"))
    lists(timeline, "second", *came("east"), source="two")
    denies(timeline, "envoy", "second")
    denies(timeline, "leader", "second", source="three")

    report = timeline.attendance()
    east, north = report.cell("east", "summit"), report.cell("north", "summit")
    assert [str(who) for who in east.disputed_by] == ["The envoy", "The leader"]
    assert east.shown("east") == "attended, disputed by The envoy, The leader"
    assert {"second", "envoy-denies", "leader-denies"} <= {*events(east.evidence)}
    assert not north.disputed_by
    # A denial is no account of who came.
    assert set(east.voices("attended")) == {"two"}
    assert str(report.count("summit")) == "2 parties (1 disputed)"
    assert not report.meetings[0].disputed_by
    assert has_evidence(report)


def test_who_calls_a_report_of_the_meeting_wrong_stands_beside_its_name(timeline):
    plan = MeetingAnnounced("summit", "Summit", planned="2024-05-01")
    timeline.append(plan, id="ahead", source="one")
    denies(timeline, "envoy", "ahead")
    (line,) = timeline.attendance(meeting="summit").meetings
    assert line.shown_title == "Summit (disputed by The envoy)"
    assert "envoy-denies" in events(line.evidence)

    held(timeline, "first", *came("north"))
    held(timeline, "second", *came("north"), source="two")
    denies(timeline, "leader", "first")

    report = timeline.attendance(meeting="summit")
    # It was held: that it was planned is no longer the question.
    assert report.meetings[0].shown_title == "Summit (disputed by The leader)"
    assert str(report.count("summit")) == "1 party (1 disputed)"
    assert "disputed by The leader" in report.to_text(80)
    appearance = timeline.dossier("north").meetings[0]
    assert appearance.meeting.shown_title == report.meetings[0].shown_title
    assert appearance.attendance.shown("north") == "attended, disputed by The leader"


def test_a_denial_that_was_retracted_or_came_later_disputes_nothing(timeline):
    held(timeline, "first", *came("north"))
    before = timeline.as_of(position=timeline.store.head().position)
    denies(timeline, "envoy", "first")
    denies(timeline, "leader", "leader-denies")
    timeline.append(EventRetracted(["envoy-denies"], reason="Misheard."))

    for record in (timeline, before):
        report = record.attendance()
        assert report.meetings[0].shown_title == "Summit"
        assert report.cell("north", "summit").shown("north") == "attended"


# Series, editions, sidelines


def test_a_meeting_belongs_to_every_series_that_a_report_claims(timeline):
    held(timeline, "first", *came("north"), series=None, form="summit")
    held(timeline, "second", source="two", series="s", form="summit")
    held(timeline, "third", source="three", title="Gathering", series="t", form="talks")

    for series in ("s", "t"):
        (line,) = timeline.attendance(series=series).meetings
        assert (line.title, line.other_titles) == ("Summit", ("Gathering",))
        assert (line.form, line.other_forms) == ("summit", ("talks",))
        assert (line.series, line.other_series) == ("s", ("t",))
        assert line.shown_title == "Summit / Gathering (summit / talks; s / t)"
    with pytest.raises(NotFound, match=r"series 'u' is recorded. Series: s, t\."):
        timeline.attendance(series="u")


def test_editions_stay_apart(timeline):
    held(timeline, "first", *came("north"))
    held(timeline, "second", *came("south"), meeting="next", on="2025-05-01")

    report = timeline.attendance(series="s")
    assert [each.held_on for each in report.meetings] == [("2024-05-01",), ("2025-05-01",)]
    assert [each.status for each in report.parties[0].cells] == ["attended", "not mentioned"]
    assert events(report.cell("north", "next").evidence) == ["second"]
    assert [each.meeting for each in timeline.attendance(series="s", meeting="next").meetings] == [
        "next"
    ]


def test_the_title_says_which_meeting_it_is(timeline):
    held(timeline, "first", *came("north"), on="2024-05-01")
    held(timeline, "second", *came("north"), on="2025-05~", meeting="summit-2025")

    titles = {
        timeline.attendance(meeting=meeting, series=series).document().title: (meeting, series)
        for meeting in ("summit", "summit-2025", None)
        for series in ("s", None)
    }

    assert titles == {
        "Attendance: Summit (1 May 2024)": ("summit", None),
        "Attendance: Summit (about May 2025)": ("summit-2025", None),
        "Attendance: s": (None, "s"),
        "Attendance": (None, None),
    }
    assert timeline.attendance(meeting="summit").to_dict()["meeting"] == "summit"


def test_json_cites_an_event_once_and_leaves_out_what_no_report_says(timeline):
    held(timeline, "first", *came("north"), on="2024-05-01")
    held(timeline, "second", *came("south"), on="2025-05-01", meeting="summit-2025")

    report = timeline.attendance().to_dict()

    cells = [one for party in report["parties"] for one in party["cells"]]
    assert cells
    assert all(one["entries"] or one["member"] for one in cells)
    ids = {id for one in cells for entry in one["entries"] for id in entry["evidence"]}
    assert ids <= report["citations"].keys()
    assert all(citation["event"] == id for id, citation in report["citations"].items())


@pytest.mark.parametrize("who", [(), ("north",)])
def test_the_chart_stands_beside_a_table_that_is_there(timeline, who):
    held(timeline, "first", *came(*who), on="2024-05-01")
    held(timeline, "second", *came(*who), on="2025-05-01", meeting="summit-2025")
    report = timeline.attendance(series="s")

    [chart] = report.document().charts
    assert chart.beside == ("Who attended" if who else "Meetings")
    assert "1 May 2025" in report.to_html()


def test_what_was_held_beside_a_meeting_is_listed(timeline):
    held(timeline, "first", *came("north"))
    held(
        timeline,
        "aside",
        Attendance("leader", "attended", represents="north"),
        *came("south"),
        *came("west", status="absent"),
        meeting="aside",
        title="Bilateral",
        series=None,
        within="summit",
        form="bilateral",
    )
    held(timeline, "claimed", meeting="walk", title="A walk", series=None)
    held(timeline, "beside", meeting="walk", title="A walk", series=None, within="summit")

    report = timeline.attendance(series="s")
    assert [each.meeting for each in report.meetings] == ["summit"]
    aside, walk = report.sidelines
    assert (aside.meeting.meeting, walk.meeting.meeting) == ("aside", "walk")
    assert shown(report, "On the sidelines") == [
        (
            "1 May 2024",
            "Bilateral",
            "Northland (The leader); Southland; Westland: absent",
            "held",
        ),
        ("1 May 2024", "A walk", "–", "held"),
    ]
    assert {each.party for each in report.parties} == {"north"}
    assert has_evidence(report)
    # With the bilateral among the meetings it is not listed twice.
    assert [each.meeting.meeting for each in timeline.attendance().sidelines] == ["walk"]


def test_a_meeting_beside_another_lists_who_came_and_no_other_member(timeline):
    belongs(timeline, "north", since="2020")
    belongs(timeline, "south", since="2020")
    held(timeline, "first", *came("north", "south"), body="league")
    aside = {"meeting": "aside", "title": "Aside", "series": None, "within": "summit"}
    held(timeline, "beside", *came("north"), body="league", **aside)

    (row,) = shown(timeline.attendance(series="s"), "On the sidelines")
    assert row == ("1 May 2024", "Aside", "Northland", "held")


def test_a_part_of_a_wide_table_has_the_parties_that_its_meetings_concern(timeline):
    belongs(timeline, "north", since="2024-03")
    for month, party in ((1, "east"), (2, "east"), (3, "east"), (4, "west"), (5, "south")):
        id = f"m{month}"
        held(timeline, id, *came(party), meeting=id, title=id, on=f"2024-0{month}", body="league")

    (table,) = (t for t in timeline.attendance().document().tables if "attended" in t.title)
    assert len(table.columns) == 6
    assert [[row[0].text for row in part.rows] for part in in_parts(table, (3, 2))] == [
        ["Eastland", "Northland"],
        ["Northland", "Southland", "Westland"],
    ]
    text = timeline.attendance().to_text(60, all=True, evidence=True)
    assert "Who attended, continued" in text
    assert max(map(len, text.splitlines())) <= 60


def test_every_event_cited_is_shown(timeline):
    belongs(timeline, "north")
    held(timeline, "first", *came("north"), body="league")
    lists(timeline, "second", *came("west"), source="two")

    report = timeline.attendance()
    for id in ("north-belongs", "first", "second"):
        assert id in report.to_text(all=True, evidence=True)
        assert id in report._repr_html_()
    assert max(map(len, report.to_text(80, all=True, evidence=True).splitlines())) <= 80


def test_evidence_of_several_sources_counts_each(timeline):
    timeline.append(
        MeetingHeld("summit", "Summit", attendance=came("east")),
        source="one",
        evidence=[Evidence("two"), Evidence("copy")],
    )
    lists(timeline, "second", *came("north"), source="four")

    assert timeline.attendance().cell("east", "summit").voices("attended") == ("one", "two")
