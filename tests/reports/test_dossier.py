"""Dossiers, positions over time, attendance by person, and what rests on which source."""

from collections.abc import Callable

import harbour
import pytest

from timeline import (
    Actor,
    ActorsMerged,
    EventCorroborated,
    Evidence,
    NotFound,
    RoleReported,
    Source,
    StatementMade,
    Timeline,
)
from timeline.record import Record
from timeline.reports import Report
from timeline.reports.dossier import ContactLine

record = harbour.shared


# Whom an actor met


def met(contact: ContactLine) -> tuple[object, ...]:
    return contact.who.id, contact.meetings, contact.first, contact.last, contact.disputed


def test_a_person_met_the_persons_who_were_there(record: Timeline) -> None:
    ann = record.dossier("А. Олдер")

    assert list(map(met, ann.contacts)) == [
        ("bob", ("spring",), ("2024-04-10",), ("2024-04-10",), 1),
        ("cy", ("spring",), ("2024-04-10",), ("2024-04-10",), 0),
        ("dee", ("autumn",), ("2024-10~",), ("2024-10~",), 0),
    ]
    assert ann.contacts[0].places == ("Old Pier",)
    behind = [cited.event for cited in ann.contacts[0].evidence]
    assert {"spring-held", "spring-otherwise"} <= set(behind)
    assert "autumn-held" not in behind


def test_a_state_met_a_state_through_whomever(record: Timeline) -> None:
    (west,) = record.dossier("east").contacts

    assert met(west) == ("west", ("spring", "autumn"), ("2024-04-10",), ("2024-10~",), 1)
    assert west.places == ("Old Pier", "New Pier")


def test_one_whom_another_stood_in_for_was_not_there(record: Timeline) -> None:
    cy = record.dossier("cy")

    # By the report that has Bob there, the two met; not by the one that has Cy in his stead.
    assert [(item.who.id, item.disputed) for item in cy.contacts] == [("ann", 0), ("bob", 1)]
    (spring,) = cy.meetings
    assert spring.attendance.status == "represented"


def test_meetings_show_each_status_that_was_reported(record: Timeline) -> None:
    rows = {
        row[1].text: row[3].text
        for table in record.dossier("bob").document().tables
        if table.title == "Meetings"
        for row in table.rows
    }
    assert rows == {
        "Spring session": "attended by 1 / represented (Cy Cedar for Bob Birch) by 1 / "
        "absent by 1, for Westholm"
    }


# What it said and thinks


def test_what_officials_say_is_the_words_of_their_state(record: Timeline) -> None:
    east = record.dossier("Eastholm")

    assert [line.text for line in east.statements] == ["We want it.", "They too."]
    assert {line.spoke_for and line.spoke_for.id for line in east.statements} == {"east"}
    assert [cited.event for cited in east.statements[0].evidence] == ["ann-for", "ann-minister"]


def test_positions_are_its_own_and_imputed_by_and_to_it(record: Timeline) -> None:
    def stances(name: str) -> list[tuple[str, str, bool]]:
        positions = [line.position for line in record.dossier(name).positions]
        return [(item.party.id, item.stance, item.own) for item in positions]

    assert stances("east") == [("east", "favourable", True), ("west", "favourable", False)]
    assert stances("ann") == stances("east")
    assert stances("west")[0] == ("west", "favourable", False)
    assert stances("west")[-1] == ("west", "conditional", True)


def test_names_offices_and_memberships_are_those_of_the_register(record: Timeline) -> None:
    assert record.dossier("ann").actor == record.actors("ann").actors[0]
    with pytest.raises(NotFound, match="no actor 'zed'"):
        record.dossier("zed")


def test_merged_entries_have_one_life() -> None:
    with harbour.opened() as record:
        record.append(ActorsMerged("dee", ["cy"], "One person."), id="merged")
        dee = record.dossier("Cy Cedar")

        assert dee.actor.actor == "dee"
        assert [line.text for line in dee.statements] == ["Fish are scarce."]
        assert [item.meeting.meeting for item in dee.meetings] == ["spring", "autumn"]


# Positions over time


def test_dates_are_those_at_which_a_position_changed(record: Timeline) -> None:
    report = record.positions("harbour")
    east, west = report.parties

    # Bob's second no is no change.
    assert report.dates == ("2024-03-01", "2024-03-05~", "2024-03-10", "2024-05")
    assert [[line.stance for line in cell.own] for cell in west.cells] == [
        [],
        [],
        ["opposed"],
        ["conditional"],
    ]
    assert [cell.changed for cell in west.cells] == [False, False, True, True]
    assert [cell.changed for cell in east.cells] == [True, False, False, False]
    assert [line.speaker.id for line in west.cells[1].imputed] == ["ann"]
    assert not any(cell.imputed for cell in east.cells)


def test_own_and_imputed_positions_stand_in_tables_of_their_own(record: Timeline) -> None:
    own, imputed = record.positions("harbour").document().tables

    assert own.columns == imputed.columns == ("When", "Eastholm", "Westholm")
    assert [[cell.text for cell in row] for row in own.rows] == [
        ["1 Mar 2024", "favourable, through Ann Alder (minister)", "none yet"],
        ["10 Mar 2024", "(favourable)", "opposed, through Bob Birch (minister)"],
        ["May 2024", "(favourable)", "conditional, through Bob Birch (minister)"],
    ]
    assert [[cell.text for cell in row] for row in imputed.rows] == [
        ["about 5 Mar 2024", "–", "favourable, says Ann Alder (minister)"]
    ]
    assert [cited.event for cited in own.rows[1][1].evidence] == ["ann-for", "ann-minister"]


# By person


def test_persons_have_a_row_of_their_own(record: Timeline) -> None:
    report = record.attendance(series="sessions")

    assert [line.party for line in report.people] == ["ann", "bob", "cy", "dee"]
    shown = {line.party: [cell.status for cell in line.cells] for line in report.people}
    assert shown["ann"] == ["attended", "attended"]
    # Attended by one report; sent another, and so was absent, by the other.
    assert shown["bob"] == ["attended / represented / absent", "not mentioned"]
    assert shown["cy"] == ["represented", "not mentioned"]
    (shown,) = (
        row[1].text
        for table in report.document().tables
        for row in table.rows
        if table.title == "Attendance by person" and row[0].about == "actor/cy"
    )
    assert shown == "represented, for Westholm, instead of Bob Birch"


def test_a_list_of_states_passes_over_no_person() -> None:
    with harbour.opened() as record:
        listed = harbour.listed("autumn", "east", "west")
        record.append(listed, id="states", source="beacon-1", occurred="2024-10")
        people = {line.party: line for line in record.attendance(meeting="autumn").people}
        assert people["ann"].cells[0].silent == ()

        record.append(harbour.listed("autumn", "dee"), id="persons", source="beacon-1")
        people = {line.party: line for line in record.attendance(meeting="autumn").people}
        assert [item.event for item in people["ann"].cells[0].silent] == ["persons"]


# Sources


def test_each_source_with_what_it_carries(record: Timeline) -> None:
    lines = {line.source: line for line in record.sources().coverage}

    assert list(lines) == ["beacon-1", "beacon-2", "rumour", "wire-1"]
    assert (lines["wire-1"].reports, lines["wire-1"].alone) == (5, 4)  # one of them with others
    assert [(item.type, item.count) for item in lines["wire-1"].kinds] == [
        ("MeetingHeld", 1),
        ("ProposalMade", 1),
        ("StatementMade", 3),
    ]
    assert (lines["wire-1"].first, lines["wire-1"].last) == ("2024-03-01", "2024-04-10")
    assert (lines["rumour"].first, lines["rumour"].last) == (None, None)


def test_copies_and_sources_that_were_not_read(record: Timeline) -> None:
    shown = [(item.source, item.copies, item.cited_in) for item in record.sources().descent]

    assert shown == [("beacon-2", "wire-1", None), ("rumour", None, "beacon-1")]


def test_what_rests_on_one_origin_only(record: Timeline) -> None:
    report = record.sources()
    single = {item.happening.event: item for item in report.single}

    assert "proposed" not in single
    assert len(single) == report.reports - 1 == len(harbour.EVENTS) - 2
    # A copy goes back to whoever wrote it.
    assert (single["autumn-held"].origin.id, single["autumn-held"].sources) == (
        "wire",
        ("beacon-2",),
    )
    for id, line in single.items():
        claim = record.corroboration(id)
        assert (claim.independent, claim.origins[0].origin) == (1, line.origin)


def test_the_sources_of_an_initiative_are_those_of_what_concerns_it(record: Timeline) -> None:
    report = record.sources(initiative="harbour")

    assert [line.source for line in report.coverage] == ["beacon-1", "wire-1"]
    assert report.reports == len(record.chronology(initiative="harbour").happenings)


def test_a_source_that_reports_nothing_is_listed_with_what_brought_it_in() -> None:
    with Timeline.open("sqlite://") as record:
        record.add(*harbour.ACTORS, *harbour.SOURCES)

        report = record.sources()
        assert {line.reports for line in report.coverage} == {0}
        assert report.coverage[0].evidence[0].event == "source/beacon-1"
        opening = report.to_text(all=True, evidence=True).splitlines()[1]
        assert "0 of 0 reports rest on one origin" in opening


# What changed


def test_changes_are_found_in_any_of_these(record: Timeline) -> None:
    def changed(ask: Callable[[Record], Report]) -> set[tuple[str, str, str | None]]:
        report = record.changes(ask, since="2024-03-06", until="2024-04-30", clock="occurred")
        assert all(line.cause for line in report.changes)
        return {(line.table, line.row, line.after) for line in report.changes}

    assert (
        "Own positions",
        "10 Mar 2024",
        "Westholm: opposed, through Bob Birch (minister)",
    ) in changed(lambda view: view.positions("harbour"))
    assert any(row == "Bob Birch" for _, row, _ in changed(lambda view: view.dossier("ann")))
    assert any(row == "wire-1" for _, row, _ in changed(lambda view: view.sources()))
    shown = changed(lambda view: view.chronology(initiative="harbour"))
    assert any("Meeting held: Spring session" in (after or "") for _, _, after in shown)


# By outlet and by office


def test_an_outlet_has_what_it_published_and_what_nobody_else_has() -> None:
    with Timeline.open("sqlite://") as record:
        record.add(
            *(Actor(id, "organisation", id.title()) for id in ("gazette", "herald", "wire")),
            Actor("ann", "person", "Ann"),
            Source("g", publisher="gazette", title="G", published="2024-03-01"),
            Source("h", publisher="herald", title="H", published="2024-03-02"),
        )
        for id, sources in {"both": ["g", "h"], "alone": ["g"]}.items():
            record.append(
                StatementMade("ann", f"{id}.", topics=["Imports of gas"]),
                id=id,
                occurred="2024-02-28",
                evidence=[Evidence(source, chain=["wire", "ann"]) for source in sources],
            )
        record.append(RoleReported("ann", "energy minister", of="herald", since="2024"), source="g")
        record.append(EventCorroborated(["alone"]), evidence=[Evidence("h")], id="again")

        gazette = record.dossier("Gazette")
        assert [
            (line.happening.event, [str(who) for who in line.others], line.first)
            for line in gazette.carried
            if line.happening.type == "StatementMade"
        ] == [("both", ["Herald"], True), ("alone", ["Herald"], True)]
        assert "What it published or passed on" in gazette.to_text()
        # What reached others through an agency is in its dossier, too.
        assert [line.happening.event for line in record.dossier("wire").carried] == [
            "both",
            "alone",
        ]
        assert [line.happening.event for line in record.show("h").carried] == ["both", "alone"]
        assert not record.dossier("ann").carried

        (line, *_) = record.sources(publisher="gazette").publishers
        assert (str(line.publisher), line.sources, line.reports, line.first) == ("Gazette", 1, 3, 2)
        for asked in (
            {"topic": "gas import"},
            {"office": "minister of Herald"},
            {"publisher": "Herald"},
        ):
            assert len(record.statements(**asked).statements) == 2, asked
        for asked in ({"topic": "gas exports"}, {"office": "prime minister"}):
            assert not record.statements(**asked).statements
        assert not record.statements(publisher="wire").statements


def test_what_was_said_for_a_state_is_its_words_without_any_office() -> None:
    with Timeline.open("sqlite://") as record:
        record.add(
            *(Actor(id, "person", id.title()) for id in ("ann", "bob")),
            *(Actor(id, "state", id.title()) for id in ("north", "gazette")),
            Source("g", publisher="gazette", title="G"),
        )
        record.append(StatementMade("bob", "Yes.", on_behalf_of="north"), id="yes", source="g")
        record.append(StatementMade("ann", "No.", to="north"), id="no", source="g")

        assert [line.text for line in record.dossier("north").statements] == ["Yes."]
