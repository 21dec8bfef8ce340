"""Stage, positions and terms: inputs that once went wrong, each with the right answer."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from timeline import (
    Actor,
    EventCorroborated,
    EventRetracted,
    InvalidEvent,
    InvalidRecord,
    PlanAnnounced,
    PlanOutcomeReported,
    Position,
    ProposalAdopted,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalMade,
    ProposalWithdrawn,
    Source,
    StatementMade,
    Term,
    Timeline,
)
from timeline.reports import Report
from timeline.reports.contradictions import ContradictionLine

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

    found = timeline.initiative("d")

    assert (found.stage.stage, found.stage.occurred) == (stage, since)
    assert found.stages[-1].note == note


def test_a_refusal_undoes_no_agreement(timeline: Timeline) -> None:
    report(timeline, agreed(), "2023-03")
    report(timeline, ProposalAnswered("d", "b", "rejected", "No."), "2023-09")

    assert timeline.initiative("d").stage.stage == "agreed"


# Positions


def test_signing_is_a_position_taken(timeline: Timeline) -> None:
    report(timeline, agreed(), "2023-06-16")

    found = timeline.initiative("d")

    assert [[own.stance for own in line.own] for line in found.parties] == [["favourable"]] * 2
    assert not [line for line in found.questions if "position" in line.text]


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
        "date of the agreement": ["2023-06-16", "2023-06-18"],
        "place of the agreement": ["Alandville", "Blandton"],
    }


def price(value: str) -> StatementMade:
    return StatementMade("a", f"It costs {value}.", about=["d"], terms=[Term("price", value)])


def test_two_values_of_one_day_stand_side_by_side(timeline: Timeline) -> None:
    report(timeline, price("100"), "2023-02-01")
    report(timeline, price("200"), "2023-02-01", "y")

    assert contradictions(timeline) == {"price, 2023-02-01": ["100", "200"]}
    assert [line.replaces for line in timeline.initiative("d").terms] == [None, None]


def test_a_value_of_a_later_day_replaces_the_one_before(timeline: Timeline) -> None:
    report(timeline, price("100"), "2023-02-01")
    report(timeline, price("200"), "2023-03-01", "y")

    assert contradictions(timeline) == {}
    assert [line.replaces for line in timeline.initiative("d").terms] == [None, "100"]


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
        "due date": ["2023-06-01", "2023-06-30"],
        "what became of it": ["kept", "missed"],
    }


# Retraction reaches sources and actors


def shown(report: Report) -> str:
    return report.to_text(200)


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
        found = view.initiative("d")
        assert found.stage.stage == "agreed"
        assert "agreed, since 2023-06-16 (rests on a withdrawn source: forged)" in shown(found)
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
