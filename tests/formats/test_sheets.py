"""Sheets: workbooks, CSV and TSV, a claim a row; and records written as such, and as YAML."""

import codecs
import re
from pathlib import Path
from typing import Any

import attrs
import openpyxl
import pytest
from click.testing import CliRunner
from hypothesis import given
from strategies import Step, examples, histories

from timeline import InvalidInput, InvalidRecord, NewEvent, Timeline
from timeline.cli import cli
from timeline.events import Attendance, Evidence, StatementMade
from timeline.events.base import SLUG
from timeline.formats import read_files
from timeline.formats.record_files.names import Names
from timeline.formats.record_files.resolving import Expander
from timeline.formats.record_files.sheets import EVENTS
from timeline.formats.record_files.short_form import VERBS
from timeline.formats.record_files.writing import (
    entries_of,
    record_file,
    rows_of,
    start_workbook,
    workbook_of,
)
from timeline.log.codec import Codec

FIXTURES = Path(__file__).parents[2] / "fixtures"
CLASSES = Codec().class_named

HEAD = ["date", "kind", "who", "what", "about", "publisher", "source", "published"]
ROW = ["2024-04-11", "said", "Ann Author", "Soon.", "harbour", "The Gazette"]
ROW += ["https://gazette.example/1", "2024-04-12"]


def read(file: Path) -> list[NewEvent]:
    [made] = read_files([file], Expander(CLASSES, create=True))
    return made.events


def refused(file: Path) -> str:
    with pytest.raises(InvalidRecord) as caught:
        read(file)
    return str(caught.value).replace(str(file), file.name)


def workbook(folder: Path, rows: list[list[Any]], **others: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for name, cells in {"events": rows, **others}.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    del book["Sheet"]
    file = folder / "chronology.xlsx"
    book.save(file)
    return file


def log(record: Timeline) -> dict[str, Any]:
    """All that a record says, by the ids of its events."""
    return {
        event.id: (event.event, event.evidence, event.occurred, event.stream)
        for event in record.store.read_all()
    }


# A workbook to start from


def test_a_new_workbook_is_an_example_that_can_be_ingested(tmp_path: Path) -> None:
    file = tmp_path / "chronology.xlsx"
    database = f"sqlite:///{tmp_path / 'a.db'}"

    def run(*args: str) -> Any:
        done = CliRunner().invoke(cli, ["--db", database, *args])
        assert done.exit_code == 0, done.output
        return done

    assert f"timeline ingest {file}" in run("new", "--sheet", str(file)).stdout
    run("ingest", str(file))
    assert "A joint harbour" in run("report", "initiative", "harbour").stdout
    assert "0 events added" in run("ingest", str(file)).stdout


def test_a_new_workbook_has_headings_choices_and_explanations(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(start_workbook(tmp_path / "new.xlsx"))
    assert book.sheetnames == ["events", "actors", "sources", "record", "how to"]
    assert [cell.value for cell in book["events"][1]] == list(EVENTS)
    assert all(cell.comment for cell in book["events"][1])
    [offered] = book["events"].data_validations.dataValidation
    assert "said,proposed" in offered.formula1
    assert {cell.value for cell in book["how to"]["A"]} >= {*EVENTS}


def test_starting_a_workbook_overwrites_nothing(tmp_path: Path) -> None:
    start_workbook(tmp_path / "new.xlsx")
    with pytest.raises(InvalidInput, match="is there already"):
        start_workbook(tmp_path / "new.xlsx")
    with pytest.raises(InvalidInput, match=r"ends in \.xlsx"):
        start_workbook(tmp_path / "new.ods")


# Reading


def test_a_row_is_a_claim(tmp_path: Path) -> None:
    said = read(workbook(tmp_path, [HEAD, ROW]))[-1]
    assert said.event == StatementMade("ann-author", "Soon.", about=["harbour"])
    assert said.id.startswith("chronology/statement-made-ann-author-")
    assert said.occurred is not None
    assert (said.occurred.text, said.evidence[0].dated) == ("2024-04-11", None)


def test_cells_hold_several_names_stances_and_chains(tmp_path: Path) -> None:
    head = [*HEAD, "stance", "chain", "for"]
    row = [*ROW, "Northland: favourable; Southland: opposed", "The Gazette > Author", "Northland"]
    met = ["2024-05-01", "met", "Ann Author for Northland; Southland", "Talks", None, *ROW[5:]]
    events = read(workbook(tmp_path, [head, row, met]))
    said, talks = events[-2:]
    stances = {position.party: position.stance for position in said.event.positions}
    assert stances == {"northland": "favourable", "southland": "opposed"}
    assert [link.who for link in said.evidence[0].chain] == ["the-gazette", "ann-author"]
    assert talks.event.attendance == (
        Attendance("ann-author", "attended", represents="northland"),
        Attendance("southland", "attended"),
    )


def test_titles_and_merged_cells_may_stand_above_the_headings(tmp_path: Path) -> None:
    file = workbook(tmp_path, [["Chronology of the harbour"], [], ["Claim", None, None], HEAD, ROW])
    book = openpyxl.load_workbook(file)
    book["events"].merge_cells("A1:H1")
    book["events"].merge_cells("A3:D3")
    book.save(file)
    assert read(file)[-1].event.text == "Soon."


CELLS = "\n".join(";".join(row) for row in (HEAD, ROW)) + "\n"


@pytest.mark.parametrize(
    "data",
    [
        CELLS.replace(";", ",").encode(),
        codecs.BOM_UTF8 + CELLS.encode(),  # Excel, in countries of the decimal comma
        CELLS.replace(";", "\t").encode("utf-16"),  # Excel's "Unicode text"
        b"sep=;\r\n" + CELLS.replace("\n", "\r\n").encode(),
        CELLS.replace("2024-04-11", "45393").encode(),  # a date as the number of its day
        CELLS.replace("kind", "Kind ").replace("source", "Source address").encode(),
    ],
    ids=["commas", "BOM and semicolons", "UTF-16 and tabs", "sep", "numbers", "other headings"],
)
def test_csv_is_read_as_programs_export_it(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "chronology.csv"
    file.write_bytes(data)
    said = read(file)[-1]
    assert said.event == StatementMade("ann-author", "Soon.", about=["harbour"])
    assert said.occurred is not None
    assert said.occurred.text == "2024-04-11"


def test_dates_of_a_workbook_stay_days(tmp_path: Path) -> None:
    from datetime import date, datetime

    rows = [[moment, *ROW[1:]] for moment in (date(2024, 4, 11), datetime(2024, 4, 11), 2024)]  # noqa: DTZ001
    for row, day in zip(rows, ["2024-04-11", "2024-04-11", "2024"], strict=True):
        occurred = read(workbook(tmp_path, [HEAD, row]))[-1].occurred
        assert occurred is not None
        assert occurred.text == day


def changed(column: str, value: str) -> list[str]:
    return [value if name == column else cell for name, cell in zip(HEAD, ROW, strict=True)]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("kind", "sayd", "column kind: expected one of said, proposed"),
        ("date", "in due course", "column date: expected a date"),
        ("published", "5/6/2024", "column published: '5/6/2024' may be 2024-06-05 or"),
        ("what", "", "column what: expected what was said or done"),
        ("who", "", "expected the key 'by'"),
    ],
)
def test_an_error_names_sheet_row_and_column(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    error = refused(workbook(tmp_path, [HEAD, changed(column, value)], actors=[["name", "kind"]]))
    assert error.startswith("chronology.xlsx: sheet events, row 2: ")
    assert message in error


def test_unknown_names_are_listed_with_row_and_column(tmp_path: Path) -> None:
    file = workbook(tmp_path, [HEAD, ROW], actors=[["name", "kind"], ["Anne Author", "person"]])
    with pytest.raises(InvalidRecord) as caught:
        read_files([file], Expander(CLASSES))
    assert "row 2: column who: no actor is named 'Ann Author'. Did you mean Anne Author?" in str(
        caught.value
    )


def test_other_faults_of_a_sheet_are_named(tmp_path: Path) -> None:
    assert "row 1: expected one of the columns date" in refused(
        workbook(tmp_path, [[*HEAD, "stanse"], ROW])
    )
    assert "expected a row of headings" in refused(workbook(tmp_path, [ROW]))
    assert "expected a heading above" in refused(workbook(tmp_path, [HEAD, [*ROW, "stray"]]))
    more = refused(workbook(tmp_path, [[*HEAD, "more"], [*ROW, "{oops"]]))
    assert "column more: expected a mapping in JSON" in more
    (tmp_path / "a.xlsx").write_bytes(b"PK\3\4 and nothing more")
    assert "expected a workbook of Excel's format" in refused(tmp_path / "a.xlsx")
    (tmp_path / "a.csv").write_bytes(b"kind,what\nsaid,\xff\n")
    assert "found the byte 0xff. Save it as CSV UTF-8" in refused(tmp_path / "a.csv")


# Writing


def test_the_typed_workbook_of_both_articles_says_what_their_record_files_say() -> None:
    """But for the ids of events: nobody types them. All texts, sources and chains are the same."""
    files = sorted(FIXTURES.glob("gas-union/0[12]-*.yaml"))
    with Timeline.open("sqlite://") as sheet, Timeline.open("sqlite://") as yaml:
        sheet.ingest(FIXTURES / "sheets/gas-union.xlsx")
        yaml.ingest(*files)
        assert sheet.store.head().position == yaml.store.head().position
        for name, ids in ("initiative", ["gas-union"]), ("attendance", []):
            one, other = (getattr(record, name)(*ids) for record in (sheet, yaml))
            assert without_ids(one) == without_ids(other)


def without_ids(report: Any) -> str:
    """A report with all its evidence, but for the ids and the digests of the log."""
    text = report.to_text(all=True, evidence=True).rpartition("digest")[0]
    return re.sub("(?m)^ *Event gas-union/.*$", "", text)


def test_that_workbook_is_typed_as_analysts_type() -> None:
    book = openpyxl.load_workbook(FIXTURES / "sheets/gas-union.xlsx")
    rows = [dict(zip(EVENTS, row, strict=True)) for row in list(book["events"].values)[1:]]
    claims = [row for row in rows if row["kind"]]
    assert len(claims) == 32
    assert {row["kind"] for row in claims} <= VERBS.keys()
    assert not any(row["more"] or row["id"] for row in rows)


def test_a_row_without_a_claim_supports_the_claim_above(tmp_path: Path) -> None:
    file = tmp_path / "claims.csv"
    head = "kind,who,what,on behalf,source,at,quote,chain\n".replace("on behalf", "for")
    rows = [
        "said,Ann Author,Soon.,,g1,page 1,soon,The Gazette > Ann Author",
        ",,,,,page 2,very soon,",
        ",,,,g2,,,",
    ]
    file.write_text(head + "\n".join(rows), encoding="utf-8")
    names = Names()
    names.add("person", "ann", "Ann Author")
    names.add("actor", "gazette", "The Gazette")
    names.add("source", "g1")
    names.add("source", "g2")
    (read,) = read_files([file], Expander(CLASSES, names))
    (new,) = read.events
    assert new.evidence == (
        Evidence("g1", "page 1", "soon", chain=["gazette", "ann"]),
        Evidence("g1", "page 2", "very soon", chain=["gazette", "ann"]),
        Evidence("g2"),
    )


@pytest.mark.parametrize("name", ["canal", "strait-ferry"])
def test_a_record_written_as_a_workbook_or_as_yaml_is_the_same(name: str, tmp_path: Path) -> None:
    with Timeline.open("sqlite://") as record:
        record.ingest(*sorted((FIXTURES / name).glob("*.yaml")))
        record.export_sheet(tmp_path / "a.xlsx")
        file = record.export_records(tmp_path)
        for written in (tmp_path / "a.xlsx", file):
            assert record.ingest(written).added == 0
            with Timeline.open("sqlite://") as other:
                other.ingest(written)
                assert log(other) == log(record)


@examples(8, 150)
@given(steps=histories())
def test_any_event_goes_through_a_workbook_and_yaml(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    """With evidence where its type must have some, without which no file is read."""
    source = [Evidence("paper")]
    news = [
        new if new.evidence else attrs.evolve(new, evidence=source)
        for step in steps
        for new in step.events
    ]
    entries = entries_of(news)
    folder = tmp_path_factory.mktemp("trip")
    (folder / "a.yaml").write_text(record_file(entries), encoding="utf-8")
    workbook_of(entries.record, rows_of(entries, CLASSES)).save(folder / "a.xlsx")
    for file in (folder / "a.yaml", folder / "a.xlsx"):
        [made] = read_files([file], Expander(CLASSES, EveryId()))
        assert {new.id: new for new in made.events} == {new.id: new for new in news}


class EveryId(Names):
    """Takes everything for an id."""

    def find(self, category: str, text: str) -> list[str]:
        return [text] if re.match(SLUG, text) else []


def test_the_commands_write_both_forms(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'a.db'}"
    with Timeline.open(database) as record:
        record.ingest(FIXTURES / "strait-ferry/01-crossing.yaml")

    def run(*args: object, code: int = 0) -> Any:
        done = CliRunner().invoke(cli, ["--db", database, *map(str, args)])
        assert done.exit_code == code, done.output
        return done

    run("export", "sheet", "-o", tmp_path / "b.xlsx")
    assert "0 events added" in run("ingest", tmp_path / "b.xlsx").stdout
    run("export", "records", tmp_path / "out")
    assert "0 events added" in run("ingest", *(tmp_path / "out").glob("*.yaml")).stdout
    assert "is there already" in run("export", "records", tmp_path / "out", code=1).stderr


# All faults of a file at once


def test_the_faults_of_all_rows_are_told_together_in_their_order(tmp_path: Path) -> None:
    def row(**changed: str) -> list[str]:
        return [changed.get(column, cell) for column, cell in zip(HEAD, ROW, strict=True)]

    rows = [
        HEAD,
        row(date="2024-13-01"),
        row(kind="sayd"),
        row(who="Bob Baker", what=""),
        row(),
        row(kind="StatementMad"),
        [*row(), "below nothing"],
        row(published="a day later"),
    ]
    sheets = {"record": [["record", "plans"], ["recrod", "plans"]], "actors": [["kind"]]}
    sheets["actors"] = [["id", "kind", "name"], ["ann", "persn", "Ann Author"]]
    message = refused(workbook(tmp_path, rows, **sheets))

    assert re.findall(r"(?:^|\n)chronology.xlsx: (?:sheet )?(\S+ )?row (\d+)", message) == [
        ("actors, ", "2"),
        *[("events, ", number) for number in "2346778"],
        ("record, ", "2"),
    ]
    for wrong in (
        "'2024-13-01'",
        "'sayd'",
        "'persn'",
        "'StatementMad'",
        "expected a heading above",
    ):
        assert wrong in message
    assert "is in sheet events, row 5 already" in message


def test_rows_that_support_a_claim_that_is_wrong_are_passed_over(tmp_path: Path) -> None:
    support = ["", "", "", "", "", *ROW[5:]]
    rows = [HEAD, ["2024-04-11", "sayd", *ROW[2:]], support, ROW, support]

    message = refused(workbook(tmp_path, rows))

    assert message.startswith("chronology.xlsx: row 2: column kind: expected one of said,")
    assert "\n" not in message
