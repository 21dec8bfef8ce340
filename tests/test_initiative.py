"""The state of an initiative, and the statements about it: whose word is whose, what is open."""

from collections.abc import Iterator

import pytest

from timeline import (
    Actor,
    DisagreementNoted,
    EventRetracted,
    InvalidDate,
    MeetingAnnounced,
    MeetingHeld,
    MembershipReported,
    PlanAnnounced,
    Position,
    PrecedentNoted,
    ProposalAmended,
    ProposalDiscussed,
    ProposalMade,
    RoleReported,
    Side,
    Source,
    StatementMade,
    Term,
    Timeline,
)

THINGS = (
    Actor("gazette", "organisation", "The Gazette"),
    Actor("minister", "person", "The minister"),
    Actor("envoy", "person", "The envoy"),
    Actor("north", "state", "Northland"),
    Actor("south", "state", "Southland"),
    Actor("league", "organisation", "The League"),
    Source("article", publisher="gazette", title="A harbour for two"),
)


@pytest.fixture
def timeline(migrated_url) -> Iterator[Timeline]:
    with Timeline.open(migrated_url) as opened:
        opened.add(*THINGS)
        propose(opened, "2024-04", id="made")
        yield opened


def report(timeline, event, occurred=None, id=None):
    return timeline.append(event, occurred=occurred, id=id, source="article")


def propose(timeline, occurred=None, id=None, **fields):
    given = {"by": "north", "text": "A harbour for both.", "parties": ["north", "south"]} | fields
    report(timeline, ProposalMade("harbour", "A joint harbour", **given), occurred, id)


def say(timeline, stance, occurred, party="south", id=None, speaker="minister", **fields):
    given = {"about": ["harbour"], "positions": [Position(party, stance)]} | fields
    report(timeline, StatementMade(speaker, "Words.", **given), occurred, id)


def office(timeline, id, role="minister", of="south", actor="minister", **dates):
    report(timeline, RoleReported(actor, role, of, **dates), id=id)


def harbour(timeline):
    return timeline.initiative("harbour")


def cited(line):
    return [citation.event for citation in line.evidence]


def table(report, title):
    (found,) = (each for each in report.document().tables if each.title == title)
    return found


def texts(row):
    return [cell.text for cell in row]


def questions(timeline):
    return {line.text: cited(line) for line in harbour(timeline).questions}


# Whose a position is


def test_an_office_held_at_the_time_makes_the_word_the_partys_own(timeline):
    office(timeline, "appointed", since="2023")
    say(timeline, "opposed", "2024-05", id="said")

    (line,) = harbour(timeline).party("south").own
    assert harbour(timeline).party("south").imputed == ()
    assert (line.own, line.on_behalf_of, str(line.spoke_for), line.capacity) == (
        True,
        None,
        "Southland",
        "minister",
    )
    assert (line.party.id, cited(line)) == ("south", ["said", "appointed"])
    assert harbour(timeline).positions == (line,)


@pytest.mark.parametrize(
    ("dates", "own"),
    [
        ([{}], True),
        ([{"until": "2024-05"}], True),
        ([{"until": "2024-04"}], False),
        ([{"since": "2024-06"}], False),
        ([{"since": "2024-05~"}], True),
        ([{"since": "2020"}, {"until": "2022"}], False),  # the end of what began in 2020
        ([{"since": "2020"}, {"until": "2022"}, {"since": "2024-02"}], True),
        ([{"until": "2019"}, {"since": "2020"}], True),  # once before, and again
    ],
)
def test_an_office_held_before_or_after_does_not(timeline, dates, own):
    for number, each in enumerate(dates):
        office(timeline, f"office-{number}", **each)
    say(timeline, "opposed", "2024-05")

    assert harbour(timeline).positions[0].own is own


def test_an_office_of_another_says_whom_the_speaker_imputes_for(timeline):
    office(timeline, "appointed", of="north")
    say(timeline, "favourable", "2024-05", id="said")

    (line,) = harbour(timeline).party("south").imputed
    assert (line.own, str(line.spoke_for), cited(line)) == (
        False,
        "Northland",
        ["said", "appointed"],
    )
    (shown,) = table(harbour(timeline), "Positions over time").rows
    assert texts(shown)[:3] == [
        "2024-05",
        "Southland",
        "favourable, imputed by The minister (minister) for Northland",
    ]


def test_whom_the_event_names_goes_before_any_office(timeline):
    office(timeline, "appointed")
    say(timeline, "favourable", "2024-05", on_behalf_of="north", id="said")

    (line,) = harbour(timeline).party("south").imputed
    assert (str(line.spoke_for), cited(line)) == ("Northland", ["said"])


def test_the_capacity_tells_which_of_two_offices_was_spoken_in(timeline):
    office(timeline, "minister of south")
    office(timeline, "chair of league", role="Chair", of="league")
    report(timeline, StatementMade("minister", "One."), "2024-05")
    report(timeline, StatementMade("minister", "Two.", capacity="chair"), "2024-06", id="two")

    one, two = timeline.statements().statements
    assert (one.spoke_for, two.on_behalf_of, str(two.spoke_for)) == (None, None, "The League")
    assert cited(two) == ["two", "chair of league"]
    assert texts(timeline.statements().document().tables[0].rows[1])[1] == (
        "The minister, for The League"
    )


def test_positions_over_time_stand_in_order_with_whose_they_are(timeline):
    say(timeline, "opposed", "2024-07", on_behalf_of="south", capacity="spokesman")
    say(timeline, "favourable", "2024-05", speaker="south")
    say(timeline, "conditional", "2024-06", speaker="gazette")

    shown = table(harbour(timeline), "Positions over time")
    assert [texts(row)[0::2] for row in shown.rows] == [
        ["2024-05", "favourable, own"],
        ["2024-06", "conditional, imputed by The Gazette"],
        ["2024-07", "opposed, own, through The minister (spokesman)"],
    ]
    assert [line.stance for line in harbour(timeline).positions] == [
        "favourable",
        "conditional",
        "opposed",
    ]


def test_no_position_rests_on_what_makes_it_a_party(timeline):
    shown = table(harbour(timeline), "Positions")

    assert shown.named_by == 1
    for line in shown.rows:
        assert texts(line)[1:] == ["none", "none"]
        assert all([each.event for each in cell.evidence] == ["made"] for cell in line)


# Accounts, precedents, terms


def test_an_account_says_with_whom_and_where(timeline):
    propose(timeline, "2024-04", jointly_with=["south"], place="On a pier", id="again")

    line = harbour(timeline).proposals[1]
    assert ([str(each) for each in line.jointly_with], line.place) == (["Southland"], "On a pier")
    assert texts(table(harbour(timeline), "Who proposed it").rows[1])[1:3] == [
        "Northland, jointly with Southland",
        "On a pier",
    ]


def test_a_precedent_stands_with_when_it_was_proposed(timeline):
    bridge = ProposalMade("bridge", "A joint bridge", by="south", text="A bridge.")
    report(timeline, bridge, "2001-05", id="earlier")
    timeline.append(PrecedentNoted("harbour", "bridge", "Two states, one work."), id="noted")

    (line,) = harbour(timeline).precedents
    assert (line.precedent, line.title, line.proposed, line.reason) == (
        "bridge",
        "A joint bridge",
        ("2001-05",),
        "Two states, one work.",
    )
    assert cited(line) == ["noted", "earlier"]
    assert timeline.initiative("bridge").precedents == ()


def terms(timeline):
    return [(line.name, line.value, line.replaces) for line in harbour(timeline).terms]


def term(timeline, value, occurred, speaker="north", id=None, name="seat", **fields):
    said = StatementMade(speaker, "Terms.", about=["harbour"], terms=[Term(name, value)], **fields)
    report(timeline, said, occurred, id)


def test_a_term_replaces_what_the_same_side_said_before(timeline):
    term(timeline, "in the north", "2024-05", id="first")
    term(timeline, "in the south", "2024-06", speaker="south")
    term(timeline, "on an island", "2024-07", speaker="minister", on_behalf_of="north", id="then")
    term(timeline, "on an island", "2024-08")
    term(timeline, "high", "2024-05", name="price")

    assert terms(timeline) == [
        ("seat", "in the north", None),
        ("seat", "in the south", None),
        ("seat", "on an island", "in the north"),
        ("seat", "on an island", None),
        ("price", "high", None),
    ]
    assert cited(harbour(timeline).terms[2]) == ["then", "first"]
    assert "on an island (instead of: in the north)" in harbour(timeline).to_text(300)


def test_an_amendment_replaces_what_anybody_said(timeline):
    term(timeline, "in the south", "2024-06", speaker="south")
    amended = ProposalAmended("harbour", "north", "Moved.", [Term("seat", "on an island")])
    report(timeline, amended, "2024-07")

    assert terms(timeline)[1] == ("seat", "on an island", "in the south")


def test_of_undated_terms_none_replaces_another(timeline):
    term(timeline, "in the north", "2024-05")
    term(timeline, "on an island", "XXXX-06")
    term(timeline, "at sea", None)

    assert [replaces for *_, replaces in terms(timeline)] == [None, None, None]


# Plans and questions


def test_the_plans_of_the_initiative(timeline):
    report(
        timeline,
        PlanAnnounced("dig", "The digging", by="north", text="Dig.", about=["harbour"]),
        id="promised",
    )
    report(timeline, PlanAnnounced("feast", "A feast", by="north", text="Eat."))

    assert harbour(timeline).plans == timeline.plans(initiative="harbour").plans
    assert [line.id for line in harbour(timeline).plans] == ["dig"]
    assert f"Plans stand as of {timeline.plans().on}." in harbour(timeline).to_text(300)


def test_parties_without_a_word_of_their_own_are_asked_after(timeline):
    say(timeline, "opposed", "2024-05", speaker="gazette", id="imputed")
    say(timeline, "conditional", "2024-05", party="north", speaker="north", id="first")
    say(timeline, "noncommittal", "2024-06", party="north", speaker="north", id="second")

    assert questions(timeline) == {
        "What will Northland decide? Its latest position of its own is noncommittal (2024-06).": [
            "second"
        ],
        "What is the position of Southland? None of its own is on record; only others speak of "
        "it.": ["imputed", "made"],
    }


def settled(timeline):
    for party in ("north", "south"):
        say(timeline, "favourable", "2024-05", party=party, speaker=party)


def test_a_settled_initiative_leaves_no_question(timeline):
    settled(timeline)
    propose(timeline, "2024", id="vaguer")

    assert questions(timeline) == {}


def test_accounts_that_cannot_all_be_right(timeline):
    settled(timeline)
    propose(timeline, "2024-05", by="south", jointly_with=["league"], id="other")

    assert questions(timeline) == {
        "Who proposed it? Accounts name Northland; or Southland with The League.": [
            "made",
            "other",
        ],
        "When was it proposed? Accounts say 2024-04; or 2024-05.": ["made", "other"],
    }


def test_an_officer_who_proposes_for_a_state_is_no_other_proposer(timeline):
    settled(timeline)
    office(timeline, "appointed", of="north")
    propose(timeline, "2024-04", by="minister")

    assert questions(timeline) == {}


def test_plans_of_which_nobody_tells_the_outcome(timeline):
    settled(timeline)
    about = {"about": ["harbour"]}
    for plan, due in (("Dig", "2024-05"), ("Build", None), ("Open", "2999")):
        event = PlanAnnounced(plan.lower(), plan, by="north", text="So.", due=due, **about)
        report(timeline, event, id=plan)
    report(timeline, MeetingAnnounced("call", "Call", **about), id="announced")
    report(timeline, MeetingHeld("call", "Call"), id="held")

    assert questions(timeline) == {
        "What became of “Dig”? It was due 2024-05, and no report says.": ["Dig"],
        "Has “Build” come about? It was given no date, and no report says.": ["Build"],
        "Was it spoken of at “Call”, as planned? No report of that names it.": [
            "announced",
            "held",
        ],
    }


def test_reports_that_are_disputed_or_at_odds(timeline):
    settled(timeline)
    denial = {"about": ["harbour"], "disputes": ["made"]}
    report(timeline, StatementMade("minister", "No.", **denial), "2024-06", id="no")
    report(timeline, StatementMade("envoy", "Never.", **denial), "2024-07", id="never")
    sides = [Side("A harbour.", ["made"]), Side("Nothing.", ["no"])]
    timeline.append(DisagreementNoted("Was it proposed?", sides, proposal="harbour"), id="odds")

    assert questions(timeline) == {
        "Is it so? “A harbour for both.” Disputed by The minister, The envoy.": [
            "made",
            "no",
            "never",
        ],
        "Was it proposed? Reports differ: A harbour; or Nothing.": ["odds", "made", "no"],
    }
    assert harbour(timeline).statements[-1].disputes == ("made",)


def test_what_was_retracted_is_disputed_no_more(timeline):
    settled(timeline)
    propose(timeline, "2024-04", id="wrong")
    denial = StatementMade("minister", "No.", about=["harbour"], disputes=["wrong"])
    report(timeline, denial, "2024-06", id="no")
    assert len(questions(timeline)) == 1

    timeline.append(EventRetracted(["wrong"], "Nobody says so."))
    assert questions(timeline) == {}


def test_what_is_asked_at_a_position_rests_on_what_was_recorded_there(timeline):
    say(timeline, "conditional", "2024-05", speaker="south", id="first")
    position = timeline.store.head().position
    before = harbour(timeline).to_json()
    say(timeline, "favourable", "2024-06", speaker="south")

    assert timeline.as_of(position=position).initiative("harbour").to_json() == before


# Evidence


def test_every_cell_of_every_table_has_evidence(timeline):
    office(timeline, "appointed")
    say(timeline, "opposed", "2024-05")
    term(timeline, "in the north", "2024-05")
    report(timeline, MembershipReported("south", "league"))
    report(timeline, ProposalDiscussed("harbour", ["north", "south"], "Talks."), "2024-06")
    report(timeline, MeetingAnnounced("call", "Call", about=["harbour"]))
    report(timeline, ProposalMade("bridge", "A bridge", by="south", text="A bridge."), "2001")
    timeline.append(PrecedentNoted("harbour", "bridge", "Alike."))

    for made in (harbour(timeline), timeline.statements()):
        document = made.document()
        assert all(cell.evidence for cell in document.lead)
        for each in document.tables:
            assert all(cell.evidence for row in each.rows for cell in row), each.title
    titles = [each.title for each in harbour(timeline).document().tables]
    assert titles == [
        "How it came to this stage",
        "Who proposed it",
        "Precedents",
        "Positions",
        "Positions over time",
        "Terms",
        "What was said of it",
        "Talks",
        "Meetings",
        "Plans and outcomes",
        "Parties' memberships",
        "Open questions",
    ]


# Statements by date


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"since": "2024-05"}, ["May", "2024", "undated"]),
        ({"until": "2024-04"}, ["April", "2024", "undated"]),
        ({"since": "2024-04", "until": "2024-05", "certainly": True}, ["April", "May"]),
        ({"since": "2024-05-20", "until": "2024-05-20"}, ["May", "2024", "undated"]),
        ({"since": "2024-05-20", "certainly": True}, []),
        ({"certainly": True}, ["April", "2024", "May", "undated"]),
    ],
)
def test_statements_within_some_time(timeline, given, found):
    dates = {"May": "2024-05", "April": "2024-04", "2024": "2024", "undated": None}
    for words, occurred in dates.items():
        report(timeline, StatementMade("minister", words), occurred)

    made = timeline.statements(**given)
    assert {line.text for line in made.statements} == set(found)
    assert (made.since, made.until) == (given.get("since"), given.get("until"))
    logged = {each.event.text for each in timeline.log(type="StatementMade", **given)}
    assert logged == set(found)


def test_what_is_no_date_is_refused(timeline):
    with pytest.raises(InvalidDate):
        timeline.statements(since="yesterday")
