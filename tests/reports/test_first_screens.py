"""First screens: what the record says in a few sentences, and tables that fit without scrolling."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from timeline import (
    Actor,
    EventRetracted,
    InvalidInput,
    PlanAnnounced,
    PlanOutcomeReported,
    Position,
    ProposalAdopted,
    ProposalAnswered,
    ProposalMade,
    ProposalWithdrawn,
    Source,
    StatementMade,
    Timeline,
)
from timeline.cli import cli
from timeline.events import VOCABULARY, event_type
from timeline.reports import Report
from timeline.reports.registry import bound_reports

FIXTURES = Path(__file__).parents[2] / "fixtures"

RECORDS = {
    "gas-union": "gas-union",
    "canal": "delta-canal",
    "strait-ferry": None,
    "icews": None,
}
"""Each record of the fixtures, and the initiative that is reported on."""

LONGEST = 40

Reports = tuple[str, list[Report]]
"""The name of a record, and its reports."""


def opened(name: str, folder: Path) -> Timeline:
    """A record of the fixtures."""
    timeline = Timeline.open(f"sqlite:///{folder / name}.db", metadata={"recorded_by": "clerk"})
    if name == "icews":
        timeline.ingest_coded(FIXTURES / "coded/icews.tab", dataset="icews")
    else:
        timeline.ingest(*sorted((FIXTURES / name).glob("*.yaml")))
    return timeline


def all_reports(timeline: Timeline, initiative: str | None) -> Iterator[Report]:
    """Every report of a record: of everything, of one initiative, and of some actors and events."""
    for name, bound in bound_reports().items():
        parameters = bound.signature.parameters
        if bound.heading is not None:
            yield getattr(timeline, name)()
        elif list(parameters)[:1] == ["initiative"] and initiative is not None:
            yield getattr(timeline, name)(initiative)
    yield timeline.dossier(timeline.actors().actors[0].actor)
    happened = {line.type: line.event for line in timeline.chronology().happenings}
    yield from map(timeline.show, happened.values())
    yield from map(timeline.corroboration, happened.values())
    yield timeline.show(timeline.sources().coverage[0].source)
    yield timeline.search("t*", top=None)
    if initiative is not None:
        of = timeline.initiative(initiative)
        yield timeline.changes(
            lambda record: record.initiative(of.initiative), since="2000", until=of.on
        )


@pytest.fixture(scope="module", params=RECORDS)
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """All reports of one record."""
    name: str = request.param
    with opened(name, tmp_path_factory.mktemp(name)) as timeline:
        return name, list(all_reports(timeline, RECORDS[name]))


def test_every_report_fits_a_screen_and_leads_to_the_rest(reports: Reports) -> None:
    name, made = reports
    for report in made:
        lines = report.to_text().splitlines()
        # `show` has an entry in full.
        assert len(lines) <= LONGEST or report.kind == "show", (name, report.kind)
        assert max(map(len, lines)) <= 80, (name, report.kind)
        for title in re.findall(r"more: --table (?:\"(.+)\"|(\S+))", "\n".join(lines)):
            assert report.document().table("".join(title))


def test_the_page_of_first_screens_has_every_report_of_each_record() -> None:
    page = FIXTURES.parent / "docs/reference/first-screens.md"
    _, *sections = page.read_text(encoding="utf-8").split("\n## ")
    names = {name.replace("_", "-") for name in bound_reports()}
    assert len(sections) == 3
    for section in sections:
        screens = re.findall(
            r"^\$ timeline --db \S+ (?:report )?([\w-]+)(.*?)```", section, re.MULTILINE | re.DOTALL
        )
        assert names <= {name for name, _ in screens}
        assert max(screen.count("\n") for _, screen in screens) - 1 <= LONGEST


TYPES = "|".join(sorted((event_type(cls).name for cls in VOCABULARY), key=len, reverse=True))
CODED = re.compile(
    rf"\b({TYPES})\b"
    r"|(?<![\w/.:?=&-])(\d{4}-\d\d(-\d\d)?|\d{3}X|\d\dXX|\d{4}[~%]|\d{4}/\d{4}|\.\./\d+)(?![\w/-])"
    r"|\d{4}-\d\d-\d\dT"
)
"""Names of classes, and dates as EDTF writes them; not parts of ids and addresses."""


def test_readers_see_words_and_no_codes(reports: Reports) -> None:
    name, made = reports
    for report in made:
        text = report.to_text(1000, all=True, evidence=True)
        coded = [text[found.start() - 40 : found.end()] for found in CODED.finditer(text)]
        assert not coded, (name, report.kind)


def test_every_report_is_written_in_every_format(reports: Reports) -> None:
    _, made = reports
    for report in made:
        tables = {table.title for table in report.document().tables}
        rows = csv.DictReader(io.StringIO(report.to_csv()))
        assert {row["table"] for row in rows} - {""} == tables
        assert json.loads(report.to_json())["report"] == report.kind
        for shown in (report.to_markdown(), report.to_html(), report._repr_html_()):
            assert all(title in shown for title in tables if title.isalpha())


def test_evidence_is_shown_on_request_and_numbered_alike(tmp_path: Path) -> None:
    with opened("canal", tmp_path) as timeline:
        report = timeline.initiative("delta-canal")
    short, cited = report.to_text(), report.to_text(evidence=True)
    assert "Evidence" not in short.splitlines()
    notes = dict(re.findall(r"^ +\[(\d+)\] (.+)", cited.partition("\nEvidence\n")[2], re.MULTILINE))
    whole = report.to_text(all=True, evidence=True).partition("\nEvidence\n")[2]
    assert notes.items() <= dict(re.findall(r"^ +\[(\d+)\] (.+)", whole, re.MULTILINE)).items()
    assert {*re.findall(r"\[(\d+)\]", short)} <= {*notes}
    alone = report.to_text(evidence=[2])
    assert re.findall(r"^ +\[(\d+)\]", alone, re.MULTILINE) == ["2"]
    # What was said, the source's title, and who told whom.
    for part in ("“", "Canal Gazette", " → "):
        assert part in alone
    with pytest.raises(InvalidInput, match=r"expected numbers from 1 to \d+; found 999"):
        report.to_text(evidence=[999])


# What the sentences say

THINGS = (
    Actor("gazette", "organisation", "The Gazette"),
    Actor("herald", "organisation", "The Herald"),
    Actor("ann", "person", "Ann"),
    Actor("ben", "person", "Ben"),
    Actor("north", "state", "Northland"),
    Actor("south", "state", "Southland"),
    Source("article", publisher="gazette", title="A harbour for two"),
    Source("letter", publisher="herald", title="A letter"),
)


@pytest.fixture
def harbour(kept_url: str) -> Iterator[Timeline]:
    with Timeline.open(kept_url) as timeline:
        timeline.add(*THINGS)
        timeline.append(
            ProposalMade(
                "harbour", "A harbour", by="north", text="For both.", parties=["north", "south"]
            ),
            occurred="2024-04-02",
            id="made",
            source="article",
        )
        yield timeline


def summary(timeline: Timeline) -> str:
    return " ".join(timeline.initiative("harbour").summary)


def test_a_summary_says_the_stage_since_when_by_whose_account_and_who_proposed(
    harbour: Timeline,
) -> None:
    assert summary(harbour) == (
        "Proposed. "
        "Northland proposed it on 2 April 2024, as told by The Gazette. "
        "No position of its own is on record of Northland and Southland."
    )


def test_a_summary_has_every_account_of_who_proposed(harbour: Timeline) -> None:
    other = ProposalMade(
        "harbour", "A harbour", by="south", text="For both.", parties=["north", "south"]
    )
    harbour.append(other, occurred="2024-03", id="other", source="letter")
    assert (
        "Southland proposed it in March 2024, as told by The Herald; by another account "
        "Northland proposed it on 2 April 2024, as told by The Gazette."
    ) in summary(harbour)


def test_a_summary_tells_own_positions_from_what_others_say(harbour: Timeline) -> None:
    for speaker, party, stance in (("south", "south", "opposed"), ("ann", "south", "favourable")):
        said = StatementMade(speaker, "So.", about=["harbour"], positions=[Position(party, stance)])
        harbour.append(said, occurred="2024-05", source="article")
    assert "By their own word: Southland opposed." in summary(harbour)
    assert "Others have Southland favourable: Ann." in summary(harbour)


def test_a_summary_tells_an_agreement_and_a_withdrawal(harbour: Timeline) -> None:
    for party in ("north", "south"):
        answer = ProposalAnswered("harbour", party, "accepted", "Yes.")
        harbour.append(answer, occurred="2024-06", source="article")
    assert "By their own word: Northland and Southland favourable." in summary(harbour)
    withdrawn = ProposalWithdrawn("harbour", "ben", "No longer.")
    harbour.append(withdrawn, occurred="2024-07-01", source="letter")
    # It was not Ben's to withdraw.
    assert "Also reported: withdrawn on 1 July 2024, not by one who proposed it." in summary(
        harbour
    )
    harbour.append(
        ProposalWithdrawn("harbour", "north", "No longer."), occurred="2024-08", source="article"
    )
    assert summary(harbour).startswith("Withdrawn in August 2024, as told by The Gazette.")


def test_a_refusal_that_changes_no_stage_is_among_the_latest(harbour: Timeline) -> None:
    refused = ProposalAnswered("harbour", "south", "rejected", "Not like this.")
    harbour.append(refused, occurred="2024-06-02", source="letter")
    assert "2 Jun 2024   Southland: Not like this." in harbour.initiative("harbour").to_text()
    signed = ProposalAdopted("harbour", ["north", "south"], "Both sign.")
    harbour.append(signed, occurred="2024-07-01", source="letter")
    assert "1 Jul 2024   Both sign." in harbour.initiative("harbour").to_text()


def test_a_summary_says_what_rests_on_a_withdrawn_source(harbour: Timeline) -> None:
    harbour.append(EventRetracted(["source/letter"], "A forgery."))
    harbour.append(EventRetracted(["source/article"], "An invention."))
    assert "(rests on a withdrawn source: An invention.)" in summary(harbour)


def test_a_summary_counts_what_became_of_plans(harbour: Timeline) -> None:
    dig = PlanAnnounced(
        "dig", "Digging begins", "north", "They dig.", due="2024-09", about=["harbour"]
    )
    harbour.append(dig, occurred="2024-05", source="article")
    assert "1 plan: 1 unknown." in summary(harbour)
    kept = PlanOutcomeReported("dig", "kept", "They dug.")
    harbour.append(kept, occurred="2024-09", source="article")
    assert "1 plan: 1 kept." in summary(harbour)


def test_a_report_of_nothing_says_so(harbour: Timeline) -> None:
    text = harbour.statements(until="1990", certainly=True).to_text()
    assert "Nothing on record fits." in text


def test_the_command_shows_the_first_screen_and_more_on_request(tmp_path: Path) -> None:
    opened("canal", tmp_path).close()
    db = ["--db", f"sqlite:///{tmp_path / 'canal'}.db", "report", "initiative", "delta-canal"]

    def shown(*words: str) -> str:
        return CliRunner().invoke(cli, [*db, *words]).output

    first = shown()
    assert first.endswith("Sources: --evidence. Everything: --all.\n")
    assert len(first.splitlines()) < len(shown("--all").splitlines())
    assert "Evidence" in shown("--evidence").splitlines()
    assert shown("--evidence", "1").splitlines()[1].startswith("  [1] ")
    assert "Milestones" in shown("--table", "Mile").splitlines()
    some = shown("--evidence", "1,2,3")
    assert shown("--evidence", "1-3") == shown("--evidence", "[1–2, 3]") == some
    for wrong in ("x", "3-1", "1-"):
        assert f"such as 12,17 or 5-9; found '{wrong}'" in shown("--evidence", wrong)
    assert "--all goes with --format text" in shown("--all", "--format", "json")
