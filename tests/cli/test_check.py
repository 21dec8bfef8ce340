"""`timeline check`, and what `timeline ingest` warns of."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from timeline.cli import cli

RECORD = """\
record: works
actors:
  - {id: gazette, kind: organisation, name: The Gazette}
  - {id: ann, kind: person, name: Ann Minister}
sources:
  - {id: g1, publisher: gazette, title: One, published: 2023-06-10}
events:
  - id: said
    type: StatementMade
    occurred: 2023-06-11
    evidence: {source: g1, chain: [gazette, ann]}
    speaker: ann
    text: "Yes."
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "works.yaml"
    path.write_text(RECORD)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--db", "sqlite:///works.db", *arguments])


FINDING = (
    "Warning: works.yaml:11: event 'works/said': evidence[0]: source 'g1' was published on "
    "2023-06-10, before the event occurred (2023-06-11)\n"
)


def test_a_file_is_checked_and_nothing_is_recorded(file: Path) -> None:
    checked = run("check", file.name)

    assert (checked.exit_code, checked.stderr) == (0, FINDING)
    assert run("log").stdout == ""


def test_warnings_of_a_source_that_stands_once_name_their_events(file: Path) -> None:
    file.write_text(
        "record: works\n"
        "source: {publisher: {name: G, kind: organisation}, title: T, published: 2023-06-10}\n"
        "events:\n"
        "  - {id: one, said: One., by: {name: Ann, kind: person}, on: 2023-06-11}\n"
        "  - {id: two, said: Two., by: Ann, on: 2023-06-12}\n"
    )

    warnings = run("check", file.name).stderr.splitlines()

    where = [f"Warning: works.yaml:2: event 'works/{id}': evidence[0]" for id in ("one", "two")]
    assert [line.partition(": source")[0] for line in warnings] == where


def test_ingest_warns_and_records(file: Path) -> None:
    ingested = run("ingest", file.name)

    assert (ingested.exit_code, ingested.stderr) == (0, FINDING)
    assert ingested.stdout.startswith("4 events added")


def test_strict_makes_warnings_errors(file: Path) -> None:
    assert run("check", "--strict", file.name).exit_code == 1
    ingested = run("ingest", "--strict", file.name)

    assert ingested.exit_code == 1
    assert ingested.stderr == FINDING + "Error: 1 finding, and --strict. Nothing was recorded.\n"
    assert run("log").stdout == ""


def test_the_whole_record_is_checked_but_for_what_was_withdrawn(file: Path) -> None:
    run("ingest", file.name)
    assert "Warning: event 'works/said': evidence[0]" in run("check").stderr

    late = file.with_name("late.yaml")
    late.write_text(
        "record: late\nevents:\n"
        "  - {id: gone, type: EventRetracted, events: [works/said], reason: misdated}\n"
    )
    run("ingest", late.name)

    assert run("check").stdout == "Nothing looks wrong.\n"


def test_a_reference_that_leads_nowhere_is_an_error_with_its_line(file: Path) -> None:
    file.write_text(RECORD.replace("speaker: ann", "speaker: anna"))

    checked = run("check", file.name)

    assert checked.exit_code == 1
    assert "works.yaml:12" in checked.stderr
    assert "'anna'" in checked.stderr
    assert "Did you mean ann?" in checked.stderr
