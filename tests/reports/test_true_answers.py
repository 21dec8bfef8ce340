"""Stage, positions and terms: inputs that once went wrong, each with the right answer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from timeline import (
    Actor,
    Attendance,
    AttendanceReported,
    Conflict,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    Evidence,
    InvalidEvent,
    InvalidRecord,
    MeetingHeld,
    MembershipReported,
    NotFound,
    PlanAnnounced,
    PlanOutcomeReported,
    Position,
    ProposalAdopted,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalMade,
    ProposalWithdrawn,
    RoleReported,
    Source,
    StatementMade,
    Term,
    Timeline,
    TimelineError,
)
from timeline.errors import UnknownEventType
from timeline.events import MilestoneReached, PlanPostponed
from timeline.reports import Report
from timeline.reports.contradictions import ContradictionLine
from timeline.reports.findings.initiatives import comparable_value

DEAL = ProposalMade("d", "Deal", by="a", parties=["a", "b"], text="A deal")
FORMAL = attrs.evolve(DEAL, firmness="formalised")


@pytest.fixture
def timeline(kept_url: str) -> Iterator[Timeline]:
    with Timeline.open(kept_url) as opened:
        opened.add(
            Actor("a", "state", "Aland"),
            Actor("b", "state", "Bland"),
            Actor("builder", "organisation", "The Builder"),
            Actor("bank", "organisation", "The Bank"),
            Actor("paper", "organisation", "Paper"),
            Source("x", publisher="paper", title="X", published="2023-12-20"),
            Source("y", publisher="paper", title="Y", published="2023-12-21"),
        )
        opened.append(DEAL, id="made", occurred="2023-01-01", source="x")
        yield opened


def report(timeline: Timeline, event: object, occurred: str, source: str = "x") -> None:
    timeline.append(event, occurred=occurred, source=source)


def agreed(*parties: str, place: str | None = None) -> ProposalAdopted:
    return ProposalAdopted("d", parties=parties or ("a", "b"), text="Signed", place=place)


def talked() -> ProposalDiscussed:
    return ProposalDiscussed("d", participants=["a", "b"], text="Spoke of it")


# Stage


@pytest.mark.parametrize(
    ("events", "stage", "since", "note"),
    [
        ([(talked(), "2023-02")], "negotiating", "2023-02", None),
        ([(agreed(), "2023-06-16")], "agreed", "2023-06-16", None),
        (
            [(agreed(), "2023-06-16"), (talked(), "2023-06-19")],
            "agreed",
            "2023-06-16",
            "talked of after it was agreed",
        ),
        (
            [(agreed(), "2023-03"), (agreed("builder", "bank"), "2023-09")],
            "agreed",
            "2023-03",
            "not between the parties",
        ),
        (
            [(agreed("builder", "bank"), "2023-09")],
            "proposed",
            "2023-01-01",
            "not between the parties",
        ),
        ([(agreed(), "2023-03"), (agreed(), "2023-09")], "agreed", "2023-03", "agreed already"),
        ([(FORMAL, "2023-02")], "formalised", "2023-02", None),
        ([(talked(), "2023-03"), (FORMAL, "2023-09")], "formalised", "2023-09", None),
        ([(agreed(), "2023-03"), (FORMAL, "2023-09")], "agreed", "2023-03", "put forward again"),
        ([(agreed(), "2023-03"), (DEAL, "2023-09")], "agreed", "2023-03", "put forward again"),
        ([(talked(), "2023-03"), (DEAL, "2023-09")], "negotiating", "2023-03", "put forward again"),
        (
            [(agreed(), "2023-03"), (ProposalWithdrawn("d", "a", "No more."), "2023-09")],
            "withdrawn",
            "2023-09",
            None,
        ),
        (
            [(ProposalWithdrawn("d", "b", "No more."), "2023-09")],
            "proposed",
            "2023-01-01",
            "not by one who proposed it",
        ),
    ],
)
def test_the_stage_is_a_state(
    timeline: Timeline,
    events: list[tuple[object, str]],
    stage: str,
    since: str,
    note: str | None,
) -> None:
    for event, occurred in events:
        report(timeline, event, occurred)

    actual = timeline.initiative("d")

    assert (actual.stage.stage, actual.stage.occurred) == (stage, since)
    assert actual.stages[-1].note == note


def test_a_refusal_undoes_no_agreement(timeline: Timeline) -> None:
    report(timeline, agreed(), "2023-03")
    report(timeline, ProposalAnswered("d", "b", "rejected", "No."), "2023-09")

    assert timeline.initiative("d").stage.stage == "agreed"


# Positions


def test_signing_is_a_position_taken(timeline: Timeline) -> None:
    report(timeline, agreed(), "2023-06-16")

    actual = timeline.initiative("d")

    assert [[own.stance for own in line.own] for line in actual.parties] == [["favourable"]] * 2
    assert not [line for line in actual.questions if "position" in line.text]


def test_a_position_towards_nothing_is_refused(tmp_path: Path, timeline: Timeline) -> None:
    with pytest.raises(InvalidEvent, match=r"towards no proposal\. Name the proposals"):
        StatementMade("a", "Good.", positions=[Position("a", "favourable")])

    file = tmp_path / "record.yaml"
    file.write_text(
        "record: r\nevents:\n"
        "  - {id: e, type: StatementMade, evidence: {source: x}, speaker: a, text: Good.,\n"
        "     positions: [{party: a, stance: favourable}]}\n"
    )
    with pytest.raises(InvalidRecord, match=r"record.yaml:3: .*positions: .* no proposal"):
        timeline.ingest(file)


# Two accounts are not a change of mind


def contradictions(timeline: Timeline) -> dict[str, list[str]]:
    lines: tuple[ContradictionLine, ...] = timeline.contradictions(initiative="d").contradictions
    return {line.question: [side.value for side in line.sides] for line in lines}


def test_accounts_of_one_agreement_that_differ(timeline: Timeline) -> None:
    report(timeline, agreed(place="Alandville"), "2023-06-16")
    report(timeline, agreed(place="Blandton"), "2023-06-18", "y")

    assert contradictions(timeline) == {
        "date of the agreement": ["16 Jun 2023", "18 Jun 2023"],
        "place of the agreement": ["Alandville", "Blandton"],
    }


def price(value: str) -> StatementMade:
    return StatementMade("a", f"It costs {value}.", about=["d"], terms=[Term("price", value)])


def test_two_values_of_one_day_stand_side_by_side(timeline: Timeline) -> None:
    report(timeline, price("100"), "2023-02-01")
    report(timeline, price("200"), "2023-02-01", "y")

    assert contradictions(timeline) == {"price, 1 Feb 2023": ["100", "200"]}
    assert [line.replaces for line in timeline.initiative("d").terms] == [None, None]


def test_a_value_of_a_later_day_replaces_the_one_before(timeline: Timeline) -> None:
    report(timeline, price("100"), "2023-02-01")
    report(timeline, price("200"), "2023-03-01", "y")

    assert contradictions(timeline) == {}
    assert [line.replaces for line in timeline.initiative("d").terms] == [None, "100"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("approximately $8 bn", "8 billion US dollars", True),
        ("51 per cent", "51%", True),
        ("1,200 kilometres", "1200 km", True),
        ("€30m", "30 million euros", True),
        ("30m", "30 million", False),  # the first may be metres
        ("$30m", "€30m", False),
        ("30 million for a part", "30 million in all", False),
    ],
)
def test_a_figure_is_the_same_however_it_is_written(one: str, other: str, same: bool) -> None:
    assert (comparable_value(one) == comparable_value(other)) is same


def test_about_a_figure_is_that_figure(timeline: Timeline) -> None:
    report(timeline, price("$8bn"), "2023-02-01")
    report(timeline, price("about $8bn"), "2023-03-01", "y")

    assert contradictions(timeline) == {}
    assert [line.replaces for line in timeline.initiative("d").terms] == [None, None]


def test_rival_due_dates_and_outcomes_of_a_plan(timeline: Timeline) -> None:
    for by, due in (("a", "2023-06-01"), ("b", "2023-06-30")):
        plan = PlanAnnounced("start", "The start", by=by, text="To start.", due=due, about=["d"])
        report(timeline, plan, "2023-02-01")
    for outcome in ("kept", "missed"):
        report(timeline, PlanOutcomeReported("start", outcome, "So it was."), "2023-07-01")

    assert contradictions(timeline) == {
        "due date": ["1 Jun 2023", "30 Jun 2023"],
        "what became of it": ["kept", "missed"],
    }


# Retraction reaches sources and actors


def shown(report: Report) -> str:
    return report.to_text(200, all=True, evidence=True)


def test_what_rests_on_a_withdrawn_source_alone_says_so(timeline: Timeline) -> None:
    report(timeline, agreed(), "2023-06-16")
    timeline.append(ProposalDiscussed("d", ["a", "b"], "Spoke."), id="both", source="x")
    timeline.append(EventCorroborated(["both"]), source="y")
    timeline.append(EventRetracted(["source/x"], "forged"))

    made = timeline.corroboration("made")
    assert (made.independent, made.origins) == (0, ())
    assert [(gone.source, gone.reason) for gone in made.withdrawn] == [("x", "forged")]
    assert "rests on a withdrawn source: forged" in shown(made)
    both = timeline.corroboration("both")
    assert [source.source for origin in both.origins for source in origin.sources] == ["y"]
    assert "rests on a withdrawn source" not in shown(both)
    for view in (timeline, timeline.as_of(published="2023-12-31")):
        actual = view.initiative("d")
        assert actual.stage.stage == "agreed"
        assert "as told by Paper (rests on a withdrawn source: forged)" in shown(actual)
    assert "withdrawn" not in shown(timeline.as_of(position=10).initiative("d"))


def test_what_copies_a_withdrawn_source_counts_no_more(timeline: Timeline) -> None:
    timeline.add(
        Source("copy", publisher="bank", title="C", copies="x"),
        Source("unread", publisher="bank", title="U", cited_in="x"),
    )
    timeline.append(EventCorroborated(["made"]), source="copy")
    timeline.append(EventCorroborated(["made"]), source="unread")
    timeline.append(EventRetracted(["source/x"], "forged"))

    made = timeline.corroboration("made")
    assert made.independent == 0
    assert [gone.reason for gone in made.withdrawn] == [
        "forged",
        "known through x: forged",
        "known through x: forged",
    ]


def test_the_words_of_a_withdrawn_actor_stay_with_it(timeline: Timeline) -> None:
    timeline.append(EventRetracted(["actor/a"], "entered by mistake"), id="gone")

    assert [str(line.by) for line in timeline.initiative("d").proposals] == ["Aland (withdrawn)"]
    assert "entered by mistake" in shown(timeline.actors("Aland"))
    timeline.append(EventRetracted(["gone"], "It was none."))
    assert [str(line.by) for line in timeline.initiative("d").proposals] == ["Aland"]


def test_what_a_retracted_proposal_leaves_stays_in_view(timeline: Timeline) -> None:
    answer = ProposalAnswered("d", by="b", answer="accepted", text="Yes.")
    timeline.append(answer, id="yes", occurred="2023-01-10", source="x")
    timeline.append(EventRetracted(["made"], "forged"))

    report = timeline.initiative("d")
    assert (report.title, report.stage.stage, report.proposals) == ("d", "unknown", ())
    assert [own.stance for own in report.party("b").own] == ["favourable"]
    assert "No report that stands says that it was proposed" in shown(report)


def test_what_a_retracted_meeting_leaves_stays_in_view(timeline: Timeline) -> None:
    timeline.append(MeetingHeld("m", "Talks"), id="met", occurred="2023-02-01", source="x")
    came = AttendanceReported("m", [Attendance("a", "attended")])
    timeline.append(came, id="came", occurred="2023-02-01", source="y")
    timeline.append(EventRetracted(["met"], "never held"))

    (party,) = timeline.attendance(meeting="m").parties
    assert (party.party, [cell.event for cell in party.evidence]) == ("a", ["came"])


def test_what_a_retracted_plan_leaves_stays_in_view(timeline: Timeline) -> None:
    start = PlanAnnounced("start", "Digging begins", "a", "They dig.", about=["d"])
    timeline.append(start, id="plan", occurred="2023-02-01", source="x")
    report(timeline, PlanPostponed("start", "Not yet.", due="2023-05"), "2023-03-01")
    dug = MilestoneReached("d", "Digging begins", "They dug.", fulfils=["start"])
    report(timeline, dug, "2023-05-02")
    timeline.append(EventRetracted(["plan"], "never said"))

    for made in (timeline.plans(), timeline.initiative("d")):
        (line,) = made.plans
        assert (line.title, line.stands, line.due, line.state) == (
            "start",
            False,
            "2023-05",
            "kept",
        )
        assert "no announcement stands" in shown(made)


# Corrections reach evidence


def chains(report: Report) -> list[list[str]]:
    """The chains of the sources that a report shows for what was said."""
    made = report.to_dict()
    cited = [made["citations"][id] for line in made["statements"] for id in line["evidence"]]
    actual = [support["chain"] for citation in cited for support in citation["sources"]]
    return [[link["who"]["id"] for link in chain] for chain in actual]


def correct(timeline: Timeline, **changes: object) -> None:
    timeline.append(EventCorrected(["said"], "Misread.", dict(changes)))


@pytest.fixture
def quoted(timeline: Timeline) -> Timeline:
    said = StatementMade("a", "We are against.", about=["d"])
    timeline.append(said, id="said", occurred="2023-06-19", source="x", according_to=["paper", "a"])
    timeline.append(EventCorroborated(["said"]), source="y", according_to=["paper", "bank", "a"])
    return timeline


def test_a_chain_ends_at_the_speaker_that_was_corrected(quoted: Timeline) -> None:
    correct(quoted, speaker="b")

    assert chains(quoted.statements()) == [["paper", "b"], ["paper", "bank", "b"]]
    assert chains(quoted.as_of(published="2023-12-31").statements())[0] == ["paper", "b"]
    assert [teller.who.id for teller in quoted.corroboration("said").tree] == ["b"]
    correct(quoted, speaker="a")
    assert chains(quoted.statements()) == [["paper", "a"], ["paper", "bank", "a"]]


def test_evidence_is_corrected_like_any_field(quoted: Timeline) -> None:
    correct(quoted, evidence={"source": "y", "chain": ["paper", "builder"], "excerpt": "No."})

    (line,) = quoted.statements().statements
    (source, further) = [source for cited in line.evidence for source in cited.sources]
    assert (source.source, source.excerpt) == ("y", "No.")
    assert [link.who.id for link in source.chain] == ["paper", "builder"]
    assert further.source == "y"
    assert "x" not in {source.source for source in quoted.corroboration("said").sources}
    # What was published by then follows from the evidence as it reads now.
    assert not quoted.as_of(published="2023-12-20").statements().statements
    # A correction of the speaker changes no chain that was given in its own right.
    correct(quoted, speaker="b", evidence=[{"source": "x", "chain": ["paper", "a"]}])
    assert chains(quoted.statements())[0] == ["paper", "a"]


@pytest.mark.parametrize(
    ("evidence", "problem"),
    [
        ([], "expected at least one source as evidence; found none"),
        ([{"source": "ghost"}], "no source 'ghost'"),
        ([{"source": "x", "excrept": "No."}], r"evidence\[0\].excrept is no field of evidence"),
        ([{"chain": ["paper"]}], "evidence: .*source"),
    ],
)
def test_evidence_is_corrected_to_what_could_be_recorded(
    quoted: Timeline, evidence: object, problem: str
) -> None:
    with pytest.raises(TimelineError, match=problem):
        correct(quoted, evidence=evidence)


def test_edited_evidence_names_the_way_that_works(tmp_path: Path, timeline: Timeline) -> None:
    file = tmp_path / "record.yaml"
    text = (
        "record: r\nevents:\n"
        "  - {id: e, type: StatementMade, evidence: {source: x}, speaker: a, text: Good.}\n"
    )
    file.write_text(text)
    timeline.ingest(file)
    file.write_text(text.replace("source: x", "source: y"))
    with pytest.raises(Conflict, match=r"EventCorrected .* with the right evidence in its `change"):
        timeline.ingest(file)

    file.write_text(
        f"{text}  - {{id: c, type: EventCorrected, events: [r/e], reason: Read again.,\n"
        "     changes: {evidence: {source: y, chain: [paper, a]}}}\n"
    )
    timeline.ingest(file)
    assert chains(timeline.statements()) == [["paper", "a"]]


# Attendance, plans, offices


def test_a_plan_is_kept_or_late_by_each_of_its_due_dates(timeline: Timeline) -> None:
    for by, due in (("a", "2023-06-01"), ("b", "2023-06-30")):
        plan = PlanAnnounced("start", "The start", by=by, text="To start.", due=due, about=["d"])
        report(timeline, plan, "2023-02-01")
    (line,) = timeline.plans(on="2023-05-01").plans
    assert [(str(due.by), due.due) for due in line.rival_due] == [
        ("Aland", "2023-06-01"),
        ("Bland", "2023-06-30"),
    ]
    assert line.earlier_due == ()
    report(timeline, PlanOutcomeReported("start", "kept", "Done."), "2023-06-20", "y")

    (line,) = timeline.plans().plans
    assert line.state == "late by Aland's date, kept by Bland's"
    assert "1 Jun 2023 (by Aland) or 30 Jun 2023 (by Bland)" in shown(timeline.plans())
    # The speaker's own word of a later day replaces that speaker's date, and nobody else's.
    later = PlanAnnounced("start", "The start", by="a", text="By July.", due="2023-07", about=["d"])
    report(timeline, later, "2023-03-01")
    (line,) = timeline.plans().plans
    assert [(str(due.by), due.due) for due in line.rival_due] == [
        ("Bland", "2023-06-30"),
        ("Aland", "2023-07"),
    ]
    assert (line.state, line.earlier_due) == ("kept", ("2023-06-01",))


def test_an_office_or_a_membership_that_ends_before_it_begins_is_refused() -> None:
    for held in (
        lambda **when: RoleReported("a", "energy minister", of="b", **when),
        lambda **when: MembershipReported("a", of="b", **when),
    ):
        with pytest.raises(InvalidEvent, match="until: 2029-01 lies before since, 2030-05"):
            held(since="2030-05", until="2029-01")
        assert held(since="2030", until="2030-01")


def test_present_by_one_report_and_represented_by_another(timeline: Timeline) -> None:
    timeline.add(Actor("dan", "person", "Dan"), Actor("bea", "person", "Bea"))
    stood_in = Attendance("bea", "attended", represents="a", instead_of="dan")
    came = Attendance("dan", "attended", represents="a", role="signatory")
    report(timeline, MeetingHeld("m", "Summit", attendance=[stood_in]), "2023-03-01")
    report(timeline, AttendanceReported("m", [came]), "2023-03-01", "y")

    text = shown(timeline.attendance())
    assert "represented (Bea for Dan) / attended (Dan as signatory)" in text
    assert "attended as signatory by 1 / represented (Bea for Dan) by 1" in text
    assert "was Dan there" in shown(timeline.contradictions())


def test_a_person_is_not_there_and_represented(timeline: Timeline) -> None:
    timeline.add(Actor("dan", "person", "Dan"))
    for status, source in (("represented", "x"), ("attended", "y")):
        for who in ("dan", "a"):
            listed = AttendanceReported("m", [Attendance(who, status)])
            if who == "dan" and status == "represented":
                listed = MeetingHeld("m", "Summit", attendance=[Attendance(who, status)])
            report(timeline, listed, "2023-03-01", source)

    (line,) = timeline.contradictions().contradictions
    assert line.question == "was Dan there"


def test_a_role_at_a_meeting_shows_in_every_rendering(timeline: Timeline) -> None:
    came = [Attendance("a", "attended", role="signatory"), Attendance("b", "attended")]
    report(timeline, MeetingHeld("m", "Summit", attendance=came), "2023-03-01")

    for made in (timeline.attendance(), timeline.encounters(), timeline.chronology()):
        assert all("signatory" in text for text in renderings(made))


def renderings(report: Report) -> list[str]:
    """A report in every format of text."""
    whole = report.to_text(1000, all=True, evidence=True)
    return [whole, report.to_markdown(), report.to_html(), report.to_csv(), report.to_json()]


def test_the_words_that_a_date_is_given_in_and_a_remark_on_it_are_shown(timeline: Timeline) -> None:
    support = Evidence("x", dated="late 2023", note="Heard, not seen.")
    timeline.append(talked(), occurred="2023-36", evidence=[support])

    made = timeline.chronology(type="ProposalDiscussed")
    *others, table, data = renderings(made)
    for text in (*others, data):
        assert "late 2023" in text
        assert "Heard, not seen." in text
    assert "2023-36" in table
    assert "quarter 4 of 2023 (“late 2023”)" in made.to_text()
    assert "date given as “late 2023”" in others[0]


def test_signing_by_a_minister_is_a_position_of_the_party(timeline: Timeline) -> None:
    timeline.add(Actor("bea", "person", "Bea"))
    report(timeline, RoleReported("bea", "minister", of="b", since="2022"), "2022")
    report(timeline, agreed("a", "bea"), "2023-06-16")

    found = timeline.initiative("d")
    assert [own.stance for own in found.party("b").own] == ["favourable"]
    assert not [line for line in found.questions if "position" in line.text]


def test_a_chart_in_words_says_who_imputes_a_position(timeline: Timeline) -> None:
    for speaker, stance, on in (("a", "favourable", "2023-02-01"), ("b", "opposed", "2023-02-05")):
        said = StatementMade(speaker, "So.", about=["d"], positions=[Position("b", stance)])
        report(timeline, said, on)

    (chart,) = timeline.positions("d").document().charts
    assert chart.text == "Bland: favourable 1 Feb 2023, says Aland; opposed 5 Feb 2023."


# What is misspelt


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (
            lambda: MeetingHeld("m", "M", attendance=[Attendance("a", "atended")]),
            "attendance.0..status: expected one of absent, .*; found 'atended'. Did you mean att",
        ),
        (
            lambda: StatementMade("a", "T", about=["d"], positions=[Position("a", "neutral")]),
            "positions.0..stance: expected one of conditional, .*; found 'neutral'",
        ),
        (
            lambda: EventCorrected(["actor/a"], "?", {"actor": {"kind": "company"} | A}),
            "actor.kind: expected one of office, organisation, .*; found 'company'",
        ),
        (
            lambda: EventCorrected(["made"], "?", {"firmness": "formalized"}),
            "firmness: expected one of .*; found 'formalized'. Did you mean formalised",
        ),
    ],
)
def test_choices_are_named_in_python_and_in_corrections(
    timeline: Timeline, event: Callable[[], object], problem: str
) -> None:
    with pytest.raises(InvalidEvent, match=problem):
        timeline.append(event(), source="x")


A = {"id": "a", "name": "Aland"}


def test_the_nearest_matches_are_named(timeline: Timeline) -> None:
    timeline.append(attrs.evolve(DEAL, proposal="gas-union"), id="gas", source="x")
    with pytest.raises(NotFound, match=r"'gas-unoin'\. Did you mean gas-union"):
        list(timeline.log(subject="gas-unoin"))
    with pytest.raises(NotFound, match=r"'proposal-gas-unoin' .* Did you mean proposal-gas-union"):
        list(timeline.log(stream="proposal-gas-unoin"))
    with pytest.raises(UnknownEventType, match="did you mean StatementMade"):
        list(timeline.log(type="StatmentMade"))
    with pytest.raises(NotFound, match="Did you mean made"):
        timeline.corroboration("maed")
    assert list(timeline.log(subject="b", since="2099", certainly=True)) == []


def test_git_conflict_markers_are_called_that(tmp_path: Path, timeline: Timeline) -> None:
    file = tmp_path / "record.yaml"
    file.write_text("record: r\n<<<<<<< HEAD\nevents: []\n=======\nactors: []\n>>>>>>> other\n")

    with pytest.raises(InvalidRecord, match=r"record.yaml:2: .* git's conflict marker '<<<<<<<'"):
        timeline.ingest(file)


def test_a_dict_stands_for_what_an_event_is_made_of(timeline: Timeline) -> None:
    said = StatementMade(
        "a", "So.", about=["d"], positions=[{"party": "a", "stance": "opposed"}],
        terms=[{"name": "price", "value": "1"}],
    )  # fmt: skip
    timeline.append(said, evidence=[{"source": "x", "chain": ["paper", {"who": "a"}]}])

    assert [own.stance for own in timeline.initiative("d").party("a").own] == ["opposed"]
    for wrong in ({"party": "a", "stence": "opposed"}, {"party": "a"}, "a"):
        with pytest.raises(InvalidEvent, match="expected a Position, or a mapping of party, sta"):
            StatementMade("a", "So.", about=["d"], positions=[wrong])
