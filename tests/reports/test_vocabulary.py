"""What the record of an invented canal says: each kind of thing that a source may report."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from timeline import (
    Actor,
    DocumentSigned,
    ProposalDiscussed,
    ProposalMade,
    RelationNoted,
    Source,
    Timeline,
)
from timeline.engine.projection import shape_of
from timeline.events import ProposalLapsed
from timeline.projections import BUILT_IN
from timeline.reports.plans import PlanLine

CANAL = Path(__file__).parents[2] / "fixtures/canal/01-canal.yaml"


@pytest.fixture(scope="module")
def canal() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as opened:
        opened.ingest(CANAL)
        yield opened


def plan(canal: Timeline, id: str, on: str) -> PlanLine:
    (line,) = (line for line in canal.plans(on=on).plans if line.id == id)
    return line


# Documents


def test_a_signing_is_one_event_with_what_each_party_calls_the_paper(canal: Timeline) -> None:
    (paper,) = canal.documents().documents
    (signing,) = paper.signings

    assert [str(signature) for signature in signing.signatures] == [
        "Ida Aske (minister of works) for Northam",
        "Nils Borl (minister of waters) for Southam",
    ]
    assert [(str(name.by), name.kind) for name in signing.called] == [
        ("Northam", "treaty"),
        ("Southam", "memorandum"),
    ]
    assert (signing.occurred, signing.place, signing.deadline) == (
        "2014-09-30",
        "Lockham",
        "2015-06-30",
    )
    assert [source.source for source in signing.evidence[0].sources] == [
        "gazette-1001",
        "herald-1002",
    ]


def test_what_becomes_of_a_document_is_told_in_order_of_time(canal: Timeline) -> None:
    (paper,) = canal.documents("paper-a").documents

    assert [(line.status, line.occurred) for line in paper.statuses] == [
        ("in force", "2015-05-12"),
        ("registered", "2015-06"),
    ]
    assert str(paper.statuses[1].by) == "League of Rivers"


def test_a_document_that_adopts_an_initiative_is_an_agreement_on_it(canal: Timeline) -> None:
    report = canal.initiative("delta-canal")

    assert (report.stage.stage, report.stage.occurred) == ("agreed", "2014-09-30")
    for party in ("northam", "southam"):
        (own,) = report.party(party).own
        assert (own.stance, own.evidence[0].event) == ("favourable", "canal/paper-a-signed")
    assert [line.id for line in report.documents] == ["paper-a"]


def test_a_document_of_one_party_is_no_agreement_and_may_concern_no_initiative() -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("north", "state", "North"),
            Actor("south", "state", "South"),
            Actor("bank", "organisation", "Bank"),
            Source("x", publisher="bank", title="X"),
        )
        dam = ProposalMade("dam", "Dam", by="north", text="A dam.", parties=["north", "south"])
        loan = DocumentSigned("loan", "Loan", ["north", "bank"], "A loan.", adopts=["dam"])
        timeline.append(dam, occurred="2020", source="x")
        timeline.append(loan, occurred="2021", source="x")
        timeline.append(DocumentSigned("other", "Other", ["bank"], "Else."), source="x")

        report = timeline.initiative("dam")
        assert report.stage.stage == "proposed"
        assert report.stages[-1].note == "not between the parties"
        assert [line.id for line in timeline.documents().documents] == ["loan", "other"]


# Milestones and relations


def test_milestones_stand_on_the_page_of_the_initiative_with_the_plans_they_keep(
    canal: Timeline,
) -> None:
    lines = canal.initiative("delta-canal").milestones

    assert [(line.occurred, line.title, line.fulfils) for line in lines] == [
        ("2015-02-03", "The company is founded", ()),
        ("2016-09-01", "Digging begins", ("Digging begins",)),
        ("2017-11", "Half is dug", ()),
        ("2019-05-03", "The first ship passes", ("The first ship passes",)),
    ]
    assert plan(canal, "digging", "2016-12-31").state == "kept"


def test_relations_are_seen_from_both_sides_and_set_the_stage(canal: Timeline) -> None:
    there = canal.initiative("delta-canal").relations
    back = canal.initiative("route-a")

    assert [(line.relation, line.other) for line in there] == [
        ("replaces", "route-a"),
        ("has part", "loan-contract"),
    ]
    assert [(line.relation, line.other) for line in back.relations] == [
        ("replaced by", "delta-canal")
    ]
    assert (back.stage.stage, back.stage.occurred) == ("superseded", "2014-02-28")


def test_talks_that_came_to_nothing_have_lapsed(canal: Timeline) -> None:
    stage = canal.initiative("toll-union").stage
    assert (stage.stage, stage.occurred) == ("lapsed", "2015-10")


# Figures


def test_figures_are_compared_within_their_scope(canal: Timeline) -> None:
    terms = canal.initiative("delta-canal").terms

    assert [(line.name, line.scope, line.amount, line.unit) for line in terms] == [
        ("cost", "first part", 30_000_000, "USD"),
        ("cost", None, 50_000_000, "USD"),
        ("cost", None, 55_000_000, "USD"),
        ("length", None, 40, "km"),
        ("length", None, 52, "km"),
        ("share of Northam", None, 51, "per cent"),
    ]
    assert not any(
        line.question.startswith("cost") for line in canal.contradictions().contradictions
    )


# Plans


@pytest.mark.parametrize(
    ("on", "due", "state"),
    [
        ("2014-12-31", "2015-06", "open"),
        ("2015-08-01", None, "open"),  # put off without a date, it is not late
        ("2016-01-31", "2016-09", "open"),
        ("2016-09-30", "2016-09", "kept"),
    ],
)
def test_a_plan_is_judged_by_what_it_was_put_off_to(
    canal: Timeline, on: str, due: str | None, state: str
) -> None:
    line = plan(canal, "digging", on)
    assert (line.due, line.state) == (due, state)


def test_who_put_a_plan_off_is_told(canal: Timeline) -> None:
    delays = plan(canal, "digging", "2020").delays
    assert [(line.occurred, line.due, str(line.by)) for line in delays] == [
        ("2015-05", None, "Canal Company"),
        ("2015-12-30", "2016-09", "Canal Company"),
    ]


# Presence


def test_how_each_took_part_is_told_in_the_sources_own_order(canal: Timeline) -> None:
    report = canal.attendance(meeting="lockham-summit")

    assert [(line.name, line.cells[0].shown(line.party)) for line in report.parties] == [
        ("Southam", "attended (Nils Borl, minister of waters as host)"),
        ("Northam", "attended (Ida Aske, minister of works)"),
        ("River Bank", "attended (Eli Crane, by video)"),
        ("League of Rivers", "attended (Mara Dunne, by letter, read out by Nils Borl)"),
        ("Canal Company", "attended, beside the meeting"),
    ]


def test_who_only_sent_a_letter_met_nobody(canal: Timeline) -> None:
    met = canal.encounters().encounters
    names = {name for line in met for name in (str(line.one), str(line.other))}
    assert "Mara Dunne" not in names
    assert "Eli Crane" in names


# Bodies


def test_founders_and_shares_over_time_are_told_of_the_body(canal: Timeline) -> None:
    lines = canal.dossier("canal-builder").members
    assert [(line.status, line.share, line.since, line.until) for line in lines] == [
        ("founder", None, "2015-02-03", None),
        ("shareholder", 51, "2015-02-03", "2017-03"),
        ("shareholder", 40, "2017-03", None),
    ]


# What is wrong with a source


def test_a_misprint_is_told_beside_the_passage_and_changes_no_date(canal: Timeline) -> None:
    (line,) = (m for m in canal.initiative("delta-canal").milestones if m.title == "Digging begins")
    (support,) = line.evidence[0].sources
    assert line.occurred == "2016-09-01"
    assert support.fault == "misprint"
    assert "the page prints 2106 for 2016" in canal.initiative("delta-canal").to_text(
        width=120, all=True, evidence=True
    )


def test_words_put_in_anothers_mouth_are_not_that_ones_and_no_further_origin(
    canal: Timeline,
) -> None:
    report = canal.corroboration("canal/cost-is-fifty")
    assert report.independent == 1
    assert not [line for line in canal.statements(speaker="aske").statements if "55" in line.text]


# Disagreement


def test_a_document_and_a_plan_can_be_disagreed_about(canal: Timeline) -> None:
    noted = [line for line in canal.contradictions().contradictions if line.found == "noted"]
    assert [(line.subject.kind, line.subject.name) for line in noted] == [
        ("document", "Paper A"),
        ("plan", "The first ship passes"),
    ]
    questions = [line.text for line in canal.initiative("delta-canal").questions]
    assert any(text.startswith("Does Paper A bind the two states?") for text in questions)


# All reports


def test_the_record_passes_through_all_reports(canal: Timeline) -> None:
    heads = {line.type: line.what.split(":")[0] for line in canal.chronology().happenings}
    assert heads["DocumentSigned"] == "Signed, for 30 Jun 2015"
    assert heads["MilestoneReached"] == "Milestone"
    assert heads["ProposalLapsed"] == "Lapsed"
    assert heads["PlanPostponed"].startswith("Plan put off")
    for report in (canal.sources(), canal.actors(), canal.offices(), canal.plans()):
        assert report.to_text(all=True, evidence=True)


# The stage, after what ends an initiative


@pytest.mark.parametrize(
    ("replaced", "note"),
    [("2023-06", "after it was superseded"), (None, None)],
)
def test_nothing_moves_on_from_what_was_replaced(replaced: str | None, note: str | None) -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("north", "state", "North"),
            Actor("paper", "organisation", "Paper"),
            Source("x", publisher="paper", title="X"),
        )
        for id in ("old", "new"):
            made = ProposalMade(id, id.title(), by="north", text="A dam.", parties=["north"])
            timeline.append(made, occurred="2023-01", source="x")
        timeline.append(RelationNoted("new", "replaces", "old", "Cheaper."), occurred=replaced)
        talks = ProposalDiscussed("old", ["north"], "Talked of.")
        timeline.append(talks, occurred="2023-09", source="x")

        report = timeline.initiative("old")
        assert (report.stage.stage, report.stage.occurred) == ("superseded", replaced)
        (talked,) = (line for line in report.stages if line.stage == "negotiating")
        assert talked.note == note


def test_talks_that_begin_again_move_on_from_a_rest() -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("north", "state", "North"),
            Actor("paper", "organisation", "Paper"),
            Source("x", publisher="paper", title="X"),
        )
        made = ProposalMade("dam", "Dam", by="north", text="A dam.", parties=["north"])
        timeline.append(made, occurred="2023-01", source="x")
        for date in ("2023-02", "2023-03"):
            rest = ProposalLapsed("dam", "dormant", "Nobody speaks of it.")
            timeline.append(rest, occurred=date, source="x")
        report = timeline.initiative("dam")
        assert (report.stage.stage, report.stage.occurred) == ("dormant", "2023-02")
        assert report.stages[-1].note == "dormant already"

        talks = ProposalDiscussed("dam", ["north"], "Talked of again.")
        timeline.append(talks, occurred="2023-09", source="x")
        assert timeline.initiative("dam").stage.stage == "negotiating"


# Every way out


def test_the_canal_passes_through_pages_and_files(canal: Timeline, tmp_path: Path) -> None:
    canal.site(tmp_path / "site")
    page = (tmp_path / "site/initiatives/delta-canal.html").read_text(encoding="utf-8")
    for said in ("Paper A", "treaty", "Digging begins", "Route A", "51 per cent", "misprint"):
        assert said in page
    assert "Paper A" in canal.timelinejs()
    assert "Canal Gazette" in canal.bibliography()
    assert canal.calendar().startswith(b"BEGIN:VCALENDAR")
    for cls in (row for known in BUILT_IN for row in known.rows):
        canal.export_rows(shape_of(cls).name, tmp_path / "rows.csv")
        assert (tmp_path / "rows.csv").read_text(encoding="utf-8")
