"""The state of an initiative, and the statements about it: whose word is whose, what is open."""

import builder
import pytest
from builder import report

from timeline import (
    DisagreementNoted,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    InvalidDate,
    MeetingAnnounced,
    MeetingHeld,
    MembershipReported,
    PlanAnnounced,
    Position,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalMade,
    ProposalWithdrawn,
    RelationNoted,
    RoleReported,
    Side,
    Source,
    StatementMade,
    Term,
)
from timeline.dates import short
from timeline.events import (
    DocumentSigned,
    DocumentStatusReported,
    PlanOutcomeReported,
    PlanPostponed,
    Signatory,
)


def propose(timeline, occurred=None, id=None, **fields):
    given = {"by": "north", "text": "A harbour for both.", "parties": ["north", "south"]} | fields
    report(timeline, ProposalMade("harbour", "A joint harbour", **given), occurred, id)


timeline = builder.record(
    *builder.cast("gazette", "minister", "envoy", "north", "south", "league"),
    builder.ARTICLE,
    then=lambda record: propose(record, "2024-04", id="made"),
)


def say(timeline, stance, occurred, party="south", id=None, speaker="minister", **fields):
    given = {"about": ["harbour"], "positions": [Position(party, stance)]} | fields
    report(timeline, StatementMade(speaker, "Words.", **given), occurred, id)


def office(timeline, id, role="minister", of="south", actor="minister", occurred=None, **dates):
    report(timeline, RoleReported(actor, role, of, **dates), occurred, id)


def harbour(timeline):
    return timeline.initiative("harbour")


def cited(line):
    return [citation.event for citation in line.evidence]


def table(report, title):
    (actual,) = (each for each in report.document().tables if each.title == title)
    return actual


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
        ([{}, {"until": "2022"}], False),  # the end of what nobody gives the beginning of
        ([{"occurred": "2020"}, {"until": "2022", "occurred": "2022-07"}], False),
        ([{"until": "2022"}, {"occurred": "2023"}], True),  # seen in office again
        ([{"until": "2022"}, {"until": "2020"}, {"occurred": "2021"}], False),
        ([{"until": "2024-04~"}], True),  # about April
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
        "May 2024",
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


@pytest.mark.parametrize(
    ("capacity", "own", "spoke_for"),
    [
        (None, "certain", "south"),
        ("Minister of Ports", "certain", "south"),
        ("ports minister", "certain", "south"),
        ("minister", "certain", "south"),
        ("minister of ports of Southland", "certain", "south"),
        ("party leader", None, "league"),
        ("leader of the party", None, "league"),
        ("chess champion", None, None),
        ("mayor", None, None),  # it no longer is one
        ("private citizen", None, None),
        ("former minister of ports", None, None),
        ("envoy", None, None),  # and speaks for either body, or for neither
    ],
)
def test_the_words_are_the_partys_if_they_were_spoken_in_its_office(
    timeline, capacity, own, spoke_for
):
    office(timeline, "ports", role="minister of ports", since="2023")
    office(timeline, "party", role="party leader", of="league", since="2023")
    office(timeline, "chess", role="chess champion", of=None, since="2023")
    office(timeline, "town", role="mayor", until="2020")
    say(timeline, "opposed", "2024-05", capacity=capacity)

    (line,) = harbour(timeline).positions
    assert (line.own, line.office if line.own else None) == (own is not None, own)
    if capacity is not None:
        assert (line.spoke_for and line.spoke_for.id) == spoke_for


@pytest.mark.parametrize(
    ("capacity", "office_held"),
    [("spokeswoman", "possible"), ("a private person", None), ("—", "possible")],
)
def test_a_capacity_that_is_no_office_on_record(timeline, capacity, office_held):
    office(timeline, "appointed", since="2023")
    say(timeline, "opposed", "2024-05", capacity=capacity)

    (line,) = harbour(timeline).positions
    assert (line.own, line.office) == (office_held is not None, office_held)


@pytest.mark.parametrize(
    ("dates", "occurred", "sure"),
    [
        ({"since": "2020"}, "2024-05-29", "certain"),
        ({"since": "2024-05"}, "2024-05-29", "possible"),
        ({"since": "2024-05", "occurred": "2024-05-20"}, "2024-05-29", "certain"),
        ({"since": "2020", "until": "2024-06"}, "2024-05-29", "certain"),
        ({"since": "2020", "until": "2024-05"}, "2024-05-29", "possible"),
        ({"since": "2020", "until": "2024-05-30~"}, "2024-05-29", "possible"),
        ({"since": "2020"}, None, "possible"),
        ({"since": "2020"}, "XXXX-05", "possible"),
        ({"occurred": "2023-07"}, "2024-05-29", "certain"),
        ({"occurred": "2025-02"}, "2024-05-29", "certain"),
        ({"occurred": "2040"}, "2024-05-29", "possible"),
        ({"occurred": "2002"}, "2024-05-29", "possible"),
        ({"occurred": "2040", "until": "2024-07"}, "2024-05-29", "certain"),
        ({}, "2024-05-29", "possible"),
    ],
)
def test_how_certain_an_office_is(timeline, dates, occurred, sure):
    office(timeline, "appointed", **dates)
    say(timeline, "opposed", occurred)

    (line,) = harbour(timeline).positions
    assert (line.own, line.office) == (True, sure)
    mark = ", if in office" if sure == "possible" else ""
    shown = table(harbour(timeline), "Positions over time").rows[0][2].text
    assert shown == f"opposed, own{mark}, through The minister (minister)"
    (row,) = (row for row in table(harbour(timeline), "Positions").rows if "South" in row[0].text)
    assert row[1].text == f"opposed{mark} ({short(occurred)})"


def test_what_the_event_says_needs_no_office(timeline):
    office(timeline, "appointed")
    say(timeline, "opposed", "2024-05", on_behalf_of="south")

    assert harbour(timeline).positions[0].office is None


def test_an_answer_by_an_officer_of_two_bodies_is_that_of_the_party(timeline):
    office(timeline, "of league", role="chair", of="league")
    office(timeline, "of south")
    answer = ProposalAnswered("harbour", "minister", "rejected", "No.")
    report(timeline, answer, "2024-05", "answer")

    (line,) = harbour(timeline).positions
    assert (line.party.id, line.own, str(line.spoke_for)) == ("south", True, "Southland")
    assert cited(line) == ["answer", "of south"]
    office(timeline, "of north", of="north")
    assert harbour(timeline).positions[0].party.id == "minister"


def test_the_newest_own_stance_stands_before_those_before_it(timeline):
    for stance, when in (("opposed", "2024-03"), ("conditional", "2024-05")):
        say(timeline, stance, when, speaker="south")
    say(timeline, "noncommittal", "2024-05", speaker="south")

    (row,) = (row for row in table(harbour(timeline), "Positions").rows if "South" in row[0].text)
    assert row[1].text.split("; ") == [
        "noncommittal (May 2024)",
        "conditional (May 2024)",
        "before: opposed (Mar 2024)",
    ]


def test_a_stage_holds_since_it_was_first_reached(timeline):
    propose(timeline, "2024-02", by="south")
    assert harbour(timeline).stage.occurred == "2024-02"

    for month in ("2024-07", "2024-06"):
        report(timeline, ProposalDiscussed("harbour", ["north", "south"], "Talks."), month)
    assert harbour(timeline).stage.occurred == "2024-06"


def test_a_position_taken_again_holds_since_it_was_first_taken(timeline):
    for stance, when in (
        ("opposed", "2024-03"),
        ("favourable", "2024-05"),
        ("favourable", "2024-07"),
    ):
        say(timeline, stance, when, speaker="south")

    (row,) = (row for row in table(harbour(timeline), "Positions").rows if "South" in row[0].text)
    assert row[1].text.split("; ") == [
        "favourable (since May 2024, last Jul 2024)",
        "before: opposed (Mar 2024)",
    ]
    for made in (harbour(timeline), timeline.positions("harbour")):
        brief = next(iter(made.document().short))
        assert [row[1].text for row in brief.rows if "South" in row[0].text] == [
            "favourable, May 2024"
        ]


def test_positions_over_time_stand_in_order_with_whose_they_are(timeline):
    say(timeline, "opposed", "2024-07", on_behalf_of="south", capacity="spokesman")
    say(timeline, "favourable", "2024-05", speaker="south")
    say(timeline, "conditional", "2024-06", speaker="gazette")

    shown = table(harbour(timeline), "Positions over time")
    assert [texts(row)[0::2] for row in shown.rows] == [
        ["May 2024", "favourable, own"],
        ["Jun 2024", "conditional, imputed by The Gazette"],
        ["Jul 2024", "opposed, own, through The minister (spokesman)"],
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
    timeline.append(
        RelationNoted("harbour", "precedent", "bridge", "Two states, one work."), id="noted"
    )

    (line,) = harbour(timeline).relations
    assert (line.other, line.title, line.proposed, line.reason) == (
        "bridge",
        "A joint bridge",
        ("2001-05",),
        "Two states, one work.",
    )
    assert cited(line) == ["noted", "earlier"]
    (back,) = timeline.initiative("bridge").relations
    assert (back.relation, back.other) == ("precedent of", "harbour")


def stages(timeline):
    made = harbour(timeline)
    return made.stage.stage, [(line.stage, line.note) for line in made.stages]


def test_a_proposal_put_forward_again_does_not_undo_talks(timeline):
    report(timeline, ProposalDiscussed("harbour", ["north", "south"], "Talks."), "2024-05")
    propose(timeline, "2024-06", id="again")
    assert stages(timeline) == (
        "negotiating",
        [("proposed", None), ("negotiating", None), ("proposed", "put forward again")],
    )
    shown = table(harbour(timeline), "How it came to this stage").rows[2]
    assert shown[1].text == "proposed (put forward again)"

    propose(timeline, "2024-07", id="written", firmness="formalised")
    assert harbour(timeline).stage.stage == "formalised"
    report(timeline, ProposalWithdrawn("harbour", "north", "No more."), "2024-08")
    assert harbour(timeline).stage.stage == "withdrawn"
    propose(timeline, "2024-09", id="anew")
    assert harbour(timeline).stage.stage == "proposed"


def test_talks_of_unknown_year_are_not_what_a_dated_proposal_repeats(timeline):
    report(timeline, ProposalDiscussed("harbour", ["north", "south"], "Talks."), "XXXX-05")
    propose(timeline, None, id="undated")

    assert stages(timeline) == (
        "proposed",
        [("proposed", None), ("proposed", None), ("negotiating", None)],
    )


@pytest.mark.parametrize(
    ("by", "stage"), [("north", "withdrawn"), ("minister", "withdrawn"), ("south", "proposed")]
)
def test_only_who_proposed_it_can_withdraw_it(timeline, by, stage):
    office(timeline, "appointed", of="north")
    report(timeline, ProposalWithdrawn("harbour", by, "It is off."), "2024-06")

    note = None if stage == "withdrawn" else "not by one who proposed it"
    assert stages(timeline) == (stage, [("proposed", None), ("withdrawn", note)])


def test_a_state_can_withdraw_what_its_officer_proposed(timeline):
    office(timeline, "appointed", of="north")
    propose(timeline, "2024-05", by="minister", id="again")
    timeline.append(EventRetracted(["made"], "Only the minister did."))
    report(timeline, ProposalWithdrawn("harbour", "north", "It is off."), "2024-06")

    assert harbour(timeline).stage.stage == "withdrawn"


def test_the_meeting_of_a_proposal_or_a_statement_is_the_initiatives(timeline):
    for meeting in ("launch", "press", "fair"):
        report(timeline, MeetingHeld(meeting, meeting.title()), "2024-05")
    propose(timeline, "2024-05", meeting="launch", id="there")
    report(timeline, StatementMade("envoy", "So.", about=["harbour"], meeting="press"))
    report(timeline, StatementMade("envoy", "So.", meeting="fair"))

    assert {line.meeting for line in harbour(timeline).meetings} == {"launch", "press"}


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
    assert "on an island (instead of: in the north)" in harbour(timeline).to_text(
        300, all=True, evidence=True
    )


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
    assert f"Plans stand as of {short(timeline.plans().on)}." in harbour(timeline).to_text(
        300, all=True, evidence=True
    )


def test_parties_without_a_word_of_their_own_are_asked_after(timeline):
    say(timeline, "opposed", "2024-05", speaker="gazette", id="imputed")
    say(timeline, "conditional", "2024-05", party="north", speaker="north", id="first")
    say(timeline, "noncommittal", "2024-06", party="north", speaker="north", id="second")

    assert questions(timeline) == {
        "What will Northland decide? Its latest position of its own is noncommittal (Jun 2024).": [
            "second"
        ],
        "What is the position of Southland? None of its own is on record; only others speak of "
        "it.": ["imputed", "made"],
    }


def test_who_proposed_it_is_not_asked_for_a_position(timeline):
    assert list(questions(timeline)) == [
        "What is the position of Southland? None of its own is on record; nobody speaks of it."
    ]
    office(timeline, "appointed")
    propose(timeline, "2024-04", jointly_with=["minister"], id="together")
    assert not [text for text in questions(timeline) if text.startswith("What is the position")]


def settled(timeline):
    for party in ("north", "south"):
        say(timeline, "favourable", "2024-05", party=party, speaker=party)


def test_a_settled_initiative_leaves_no_question(timeline):
    settled(timeline)
    propose(timeline, "2024", id="vaguer")
    propose(timeline, "2024-05-20~", id="about")
    timeline.append(EventRetracted(["made"], "Of another harbour."))
    propose(timeline, "2024-05-21", id="exact")
    propose(timeline, "2024-05-21T01:00+05:00", id="hour")

    assert questions(timeline) == {}


def test_accounts_that_cannot_all_be_right(timeline):
    settled(timeline)
    propose(timeline, "2024-05", by="south", jointly_with=["league"], id="other")

    assert questions(timeline) == {
        "Who proposed it? Accounts name Northland; or Southland with The League.": [
            "made",
            "other",
        ],
        "When was it proposed? Accounts say Apr 2024; or May 2024.": ["made", "other"],
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
        "What became of “Dig”? It was due May 2024, and no report says.": ["Dig"],
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
        "Is it so: “A harbour for both”? Disputed by The minister, The envoy.": [
            "made",
            "no",
            "never",
        ],
        "Was it proposed? Reports differ: A harbour; or Nothing.": ["made", "no", "odds"],
    }
    assert harbour(timeline).statements[-1].disputes == ("made",)


def test_the_first_sentence_says_who_disputes_the_stage(timeline):
    denial = StatementMade("envoy", "Nobody proposed it.", disputes=["made"])
    report(timeline, denial, "2024-05", "denial")
    actual = harbour(timeline)
    assert actual.summary[0] == "Proposed; disputed by The envoy."
    assert [cited.event for cited in actual.document().opening[0].evidence] == ["made", "denial"]

    talks = ProposalDiscussed("harbour", ["north", "south"], text="They talked.")
    report(timeline, talks, "2024-06", "talks")
    assert "disputed" not in harbour(timeline).summary[0]
    denial = StatementMade("envoy", "They never talked.", disputes=["talks"])
    report(timeline, denial, "2024-07", "no-talks")
    assert harbour(timeline).summary[0] == (
        "Negotiating since June 2024, as told by The Gazette; disputed by The envoy."
    )


def test_what_was_retracted_is_disputed_no_more(timeline):
    settled(timeline)
    propose(timeline, "2024-04", id="wrong")
    denial = StatementMade("minister", "No.", about=["harbour"], disputes=["wrong"])
    report(timeline, denial, "2024-06", id="no")
    assert len(questions(timeline)) == 1

    timeline.append(EventRetracted(["wrong"], "Nobody says so."))
    assert questions(timeline) == {}


def test_what_is_disputed_stands_as_corrected_and_with_further_evidence(timeline):
    settled(timeline)
    say(timeline, "favourable", "2024-05", party="north", speaker="north", id="said")
    report(
        timeline, StatementMade("minister", "No.", about=["harbour"], disputes=["said"]), id="no"
    )
    timeline.append(EventCorrected(["said"], "Misheard.", {"text": "Other words."}), id="heard")
    timeline.append(EventCorroborated(["said"]), id="again", source="article")

    assert questions(timeline) == {
        "Is it so: “Other words”? Disputed by The minister.": ["said", "heard", "again", "no"]
    }
    assert timeline.as_of(occurred="2024-06").initiative("harbour").questions == ()


def test_a_disagreement_is_open_only_while_two_sides_are_in_view(timeline):
    settled(timeline)
    timeline.add(
        Source("may", publisher="gazette", title="In May", published="2024-05"),
        Source("june", publisher="gazette", title="In June", published="2024-06"),
    )
    timeline.append(
        ProposalMade("harbour", "A joint harbour", by="north", text="Yes."),
        id="early",
        occurred="2024-04",
        source="may",
    )
    timeline.append(StatementMade("envoy", "No."), id="late", source="june")
    sides = [Side("Yes.", ["early"]), Side("No.", ["late"])]
    timeline.append(DisagreementNoted("Was it?", sides, proposal="harbour"), id="odds")

    def asked(view):
        return {line.text: cited(line) for line in view.initiative("harbour").questions}

    question = {"Was it? Reports differ: Yes; or No.": ["early", "late", "odds"]}
    assert asked(timeline) == question
    assert asked(timeline.as_of(published="2024-06")).items() >= question.items()
    assert question.keys().isdisjoint(asked(timeline.as_of(published="2024-05")))
    timeline.append(EventRetracted(["late"], "A hoax."))
    assert asked(timeline) == {}


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
    timeline.append(RelationNoted("harbour", "precedent", "bridge", "Alike."))

    for made in (harbour(timeline), timeline.statements()):
        document = made.document()
        assert all(cell.evidence for cell in document.lead)
        for each in document.tables:
            assert all(cell.evidence for row in each.rows for cell in row), each.title
    titles = [each.title for each in harbour(timeline).document().tables]
    assert titles == [
        "How it came to this stage",
        "Who proposed it",
        "Other initiatives",
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


def test_the_latest_has_plans_meetings_and_documents_and_can_be_asked_for(timeline):
    plan = PlanAnnounced("dig", "Digging", "north", "They dig.", about=["harbour"])
    report(timeline, plan, "2024-05")
    report(timeline, PlanPostponed("dig", "Later.", due="2025"), "2024-06")
    report(timeline, MeetingHeld("talks", "Talks", about=["harbour"]), "2024-07")
    signed = DocumentSigned("pact", "Pact", [Signatory("north")], "A pact.", about=["harbour"])
    report(timeline, signed, "2024-08")
    report(timeline, DocumentStatusReported("pact", "in force", "It is in force."), "2024-09")
    report(timeline, PlanOutcomeReported("dig", "kept", "They dug."), "2024-10")

    latest = harbour(timeline).document().table("latest")
    assert latest.columns == ("When", "What")
    assert [row[1].text for row in latest.rows] == [
        "Digging: kept",
        "Pact in force: It is in force.",
        "A pact.",
        "Talks",
        "Digging: put off",
        "Digging: announced",
        "A harbour for both.",
    ]
    assert "Positions now" in timeline.positions("harbour").to_text(table="positions now")
