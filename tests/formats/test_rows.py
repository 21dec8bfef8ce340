"""Rows as files, read back by others' readers: the same rows, and nothing that computes."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from strategies import TEXTS

from timeline import (
    Actor,
    InvalidInput,
    NotFound,
    Projection,
    ProposalMade,
    RecordedEvent,
    Rows,
    Source,
    Timeline,
    event,
    on,
    row,
)
from timeline.cli import cli
from timeline.dates import When
from timeline.engine.projection import shape_of
from timeline.errors import MissingExtra
from timeline.projections import BUILT_IN
from timeline.reports.render.grids import neutral

FERRY = next((Path(__file__).parents[2] / "fixtures/strait-ferry").glob("*.yaml"))
NAMES = sorted(shape_of(cls).name for each in BUILT_IN for cls in each.rows)


@attrs.frozen
class Part:
    name: str
    since: When


@event(category="measure")
class Measured:
    name: str
    number: int
    share: float
    sure: bool
    when: When | None = None
    words: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


@row("measures", key=("id",))
class MeasureRow:
    id: str
    name: str
    number: int
    share: float
    sure: bool
    raw: bytes
    when: When | None
    words: tuple[str, ...]
    parts: tuple[Part, ...]


class Measures(Projection):
    name = "measures"
    rows = (MeasureRow,)

    @on(Measured)
    def measured(self, rows: Rows, recorded: RecordedEvent[Measured]) -> None:
        said = recorded.event
        values = attrs.asdict(said, recurse=False)
        rows.put(MeasureRow(id=recorded.id, raw=b"\x00=", **values))


@pytest.fixture(scope="module")
def record() -> Iterator[Timeline]:
    with Timeline.open("sqlite://", events=[Measured], projections=[Measures()]) as timeline:
        timeline.ingest(FERRY)
        timeline.append(
            Measured(
                '=HYPERLINK("https://a.example";"x")',
                -5,
                -1.5,
                True,
                When("2022-11~"),
                ("=1+1", "a,b", 'c"d'),
                (Part("@x", When("2024")),),
            ),
            id="-1+2",
        )
        timeline.append(Measured('plain\nlines, “quoted” "twice"', 0, 0.5, False), id="second")
        yield timeline


def written(record: Any, name: str, form: Any) -> bytes:
    out = io.BytesIO()
    record.export_rows(name, out, form)
    assert not out.closed
    return out.getvalue()


def of_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def of_jsonl(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().split("\n") if line]


@pytest.mark.parametrize("name", NAMES)
def test_all_forms_hold_the_same_rows(record: Timeline, name: str) -> None:
    lines = of_jsonl(written(record, name, "jsonl"))
    table = pq.read_table(io.BytesIO(written(record, name, "parquet")))
    cells = of_csv(written(record, name, "csv"))

    columns = [column.name for cls in rows_named(name) for column in shape_of(cls).columns]
    assert table.column_names == columns
    assert table.to_pylist() == lines
    assert [list(each) for each in cells] == [columns] * len(lines)
    for cell, line in zip(cells, lines, strict=True):
        assert {key: as_csv(value) for key, value in line.items()} == cell


def rows_named(name: str) -> list[type]:
    return [cls for each in BUILT_IN for cls in each.rows if shape_of(cls).name == name]


def as_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return neutral(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_values_of_every_kind_are_kept(record: Timeline) -> None:
    first, second = of_jsonl(written(record, "measures", "jsonl"))

    assert first == {
        "id": "-1+2",
        "name": '=HYPERLINK("https://a.example";"x")',
        "number": -5,
        "share": -1.5,
        "sure": True,
        "raw": "003d",
        "when": "2022-11~",
        "words": ["=1+1", "a,b", 'c"d'],
        "parts": [{"name": "@x", "since": "2024"}],
    }
    assert (second["when"], second["words"], second["parts"]) == (None, [], [])
    table = pq.read_table(io.BytesIO(written(record, "measures", "parquet")))
    assert table.column("raw").to_pylist() == [b"\x00="] * 2
    assert json.loads(table.column("parts")[0].as_py()) == first["parts"]
    assert [str(field.type) for field in table.schema] == [
        *("string", "string", "int64", "double", "bool", "binary", "string"),
        *("list<element: string>", "string"),
    ]


def test_a_spreadsheet_computes_nothing_and_numbers_stay_numbers(record: Timeline) -> None:
    first, second = of_csv(written(record, "measures", "csv"))

    assert first["name"] == '\'=HYPERLINK("https://a.example";"x")'
    assert first["id"] == "'-1+2"
    assert (first["number"], first["share"], first["sure"]) == ("-5", "-1.5", "true")
    assert first["words"] == '["=1+1","a,b","c\\"d"]'
    assert second["name"] == 'plain\nlines, “quoted” "twice"'
    assert second["when"] == ""


@given(TEXTS | st.sampled_from(["=1", "+1", "-1", "@x", "\t=1", "\r=1"]))
def test_a_neutral_cell_begins_no_formula_and_loses_nothing(text: str) -> None:
    shown = neutral(text)

    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert shown.removeprefix("'") == text.removeprefix("'") or shown == text
    assert shown in (text, f"'{text}")


def test_csv_for_excel_says_that_it_is_utf_8(record: Timeline) -> None:
    out = io.BytesIO()
    record.export_rows(NAMES[0], out, "csv", excel=True)

    assert out.getvalue() == b"\xef\xbb\xbf" + written(record, NAMES[0], "csv")


def test_a_workbook_holds_text_as_text_and_numbers_as_numbers(record: Timeline) -> None:
    book = openpyxl.load_workbook(io.BytesIO(written(record, "measures", "xlsx")))
    heads, *rows = list(book["measures"].values)
    table = list(csv.reader(io.StringIO(written(record, "measures", "csv").decode())))

    assert list(heads) == table[0]
    assert len(rows) == len(table) - 1
    cells = [cell for row in book["measures"].iter_rows(min_row=2) for cell in row]
    assert any(cell.value == '=HYPERLINK("https://a.example";"x")' for cell in cells)
    assert {cell.data_type for cell in cells} <= {"s", "n", "b"}  # none is a formula


def test_csv_is_that_of_rfc_4180(record: Timeline) -> None:
    data = written(record, "measures", "csv")

    assert data.startswith(b"id,name,number,share,sure,raw,when,words,parts\r\n")
    assert data.endswith(b"\r\n")
    assert b'"\'=HYPERLINK(""https://a.example"";""x"")"' in data


def test_parquet_tells_where_in_the_log_it_was_made(record: Timeline) -> None:
    position = record.store.head().position - 2
    seen = record.as_of(position=position, published="1994-05")
    metadata = pq.read_schema(io.BytesIO(written(seen, "meetings", "parquet"))).metadata

    assert metadata[b"timeline.position"].decode() == str(position)
    assert metadata[b"timeline.digest"].decode() == record.store.head_at(position).digest.hex()
    assert metadata[b"timeline.limits"].decode() == "as published by May 1994"
    assert len(of_jsonl(written(seen, "meetings", "jsonl"))) == 1


def test_what_cannot_be_written_is_refused(
    record: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="there are: actors, "):
        record.export_rows("speeches", tmp_path / "x.csv")
    with pytest.raises(InvalidInput, match="expected csv, xlsx, jsonl or parquet"):
        record.export_rows("meetings", tmp_path / "x.xls", "xls")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install .* 'pyarrow>="):
        record.export_rows("meetings", tmp_path / "x.parquet", "parquet")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_record_has_files_without_rows() -> None:
    with Timeline.open("sqlite://") as timeline:
        assert timeline.export_rows("stages", io.BytesIO()) == 0
        assert pq.read_table(io.BytesIO(written(timeline, "stages", "parquet"))).num_rows == 0
        assert written(timeline, "stages", "jsonl") == b""
        timeline.add(Actor("g", "organisation", "G"), Source("s", publisher="g", title="T"))
        timeline.append(ProposalMade("x", "X", by="g", text="X."), source="s")
        assert timeline.export_rows("stages", io.BytesIO()) == 1


def test_from_the_command_line(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path / 'ferry.db'}", tmp_path / "meetings.parquet"

    def run(*args: Any, code: int = 0) -> Any:
        done = CliRunner().invoke(cli, ["--db", url, *map(str, args)])
        assert done.exit_code == code, done.output
        return done

    run("ingest", FERRY)
    shown = of_csv(run("export", "rows", "meetings").stdout_bytes)
    assert [each["meeting"] for each in shown] == [
        "harbour-masters-1994",
        "strait-council-1994-autumn",
        "strait-council-1994-spring",
    ]
    run("export", "rows", "meetings", "--format", "parquet", "-o", file)
    assert pq.read_table(file).num_rows == 3
    assert "there are: actors" in run("export", "rows", "nothing", code=1).stderr


def test_parquet_is_not_written_to_a_terminal(tmp_path: Path) -> None:
    with Timeline.open(f"sqlite:///{tmp_path}/record.db"):
        pass
    terminal, end = pty.openpty()
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from timeline.cli import main; main()"),
                *("--db", f"sqlite:///{tmp_path}/record.db"),
                *("export", "rows", "meetings", "--format", "parquet"),
            ],
            stdout=end,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(end)
        os.close(terminal)
    assert done.returncode == 2
    assert "parquet is not for a terminal: name a file with -o" in done.stderr
