"""Reports as text, CSV, Markdown and data frames: all of it is there, and stays what it is."""

import csv
import io
import json
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import harbour
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from openpyxl import load_workbook
from rich.cells import cell_len

from timeline import InvalidInput, NotFound, Timeline
from timeline.cli import cli
from timeline.dates import When
from timeline.errors import MissingExtra
from timeline.reports import Report
from timeline.reports.citations import Citation, Named, Support
from timeline.reports.layout import Cell, Document, Line, Table
from timeline.reports.render.grids import render_csv, render_workbook
from timeline.reports.render.markup import render_markdown
from timeline.reports.render.text import broken, render_text

FIXTURES = Path(__file__).parents[2] / "fixtures"


record = harbour.shared


@pytest.fixture(scope="module")
def reports(record: Timeline) -> list[Report]:
    """One of each kind."""
    return [
        record.initiative("harbour"),
        record.attendance(),
        record.statements(),
        record.contradictions(),
        record.plans(),
        record.actors(),
        record.corroboration("proposed"),
        record.positions("harbour"),
        record.chronology(),
        record.dossier("bob"),
        record.sources(),
        record.changes(lambda view: view.initiative("harbour"), since="2024-03-03", until="2025"),
    ]


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), strict=True))


def cited(*events: str) -> tuple[Citation, ...]:
    paper = Named("paper", "The Paper")
    support = Support(
        source="note",
        title="A note",
        language=None,
        publisher=paper,
        published=None,
        address=None,
        origin="note",
        origin_publisher=paper,
        grade="low",
        cited_in=None,
        at="p. 2",
        excerpt=None,
        fault=None,
        chain=(),
    )
    return tuple(Citation(id, "Said", "Said.", 1, None, "2024", None, (support,)) for id in events)


def document(*tables: Table, lead: tuple[Cell, ...] = ()) -> Document:
    return Document("Title", lead, tables, (), ("A note.",), "Made.")


def table(*rows: Line, title: str = "Table", **fields: Any) -> Table:
    columns = tuple(f"C{number}" for number, _ in enumerate(rows[0], start=1))
    return Table(title, columns, rows, **fields)


# CSV


def test_every_cell_is_a_row_with_its_evidence(reports: list[Report]) -> None:
    for report in reports:
        head, *rows = rows_of(report.to_csv())
        assert head == ["table", "row", "column", "value", "about", "evidence", "sources"]
        assert all(row[5] for row in rows if row[0]), report.kind
        reported = {row[3] for row in rows}
        for each in report.document().tables:
            assert {cell.date or cell.text for row in each.rows for cell in row} - reported <= {
                "–"
            } or any(cell.depth for row in each.rows for cell in row)


def test_one_table_is_as_it_is_shown_with_the_evidence_behind(record: Timeline) -> None:
    report = record.dossier("ann")
    head, *rows = rows_of(report.to_csv("who MET"))

    assert head == ["With", "Times", "First", "Last", "Where", "evidence", "sources"]
    assert rows[0][:5] == [
        "Bob Birch",
        "1, 1 disputed",
        "2024-04-10",
        "2024-04-10",
        "Old Pier",
    ]
    assert rows[0][5].split("; ")[0] == "spring-held"
    assert "wire-1" in rows[0][6].split("; ")


def test_lines_end_as_the_rfc_has_it_and_only_they(record: Timeline) -> None:
    text = record.statements().to_csv()
    assert text.endswith("\r\n")
    assert not re.search(r"(?<!\r)\n", text)


def test_a_table_that_is_not_there_is_named_with_those_that_are(record: Timeline) -> None:
    with pytest.raises(NotFound, match=r"no table 'Tides'\. It has: What was said"):
        record.statements().to_csv("Tides")
    with pytest.raises(NotFound, match="It has none"):
        record.statements(topic="tides").to_csv("What was said")


def test_a_title_that_several_tables_begin_with_is_refused() -> None:
    titles = ("Talks", "Talks held", "Terms")
    report = document(*(table((Cell("1"),), title=title) for title in titles))
    with pytest.raises(InvalidInput, match="'T' fits several: Talks; Talks held; Terms"):
        render_csv(report, "T")
    assert render_csv(report, "talks") == render_csv(report, "Talks")
    assert render_csv(report, "talks h") == render_csv(report, "Talks held")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_value_is_taken_for_a_formula(start: str) -> None:
    text = f"{start}HYPERLINK(1)"
    report = document(table((Cell(text, cited(f"{start}event")),)))

    assert rows_of(render_csv(report))[1][3] == f"'{text}"
    assert rows_of(render_csv(report))[1][5] == f"'{start}event"
    assert rows_of(render_csv(report, "Table"))[1][0] == f"'{text}"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_whatever_sources_say_is_read_back(texts: list[str]) -> None:
    report = document(table(tuple(Cell(text, cited("e")) for text in texts)))
    read = rows_of(render_csv(report, "Table"))[1][: len(texts)]

    for text, found in zip(texts, read, strict=True):
        safe = "".join(c if c.isprintable() or c in "\t\r\n" else "�" for c in text)
        assert found.removeprefix("'") == safe.removeprefix("'") or text == "–"
        assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))


def full_text(document: Document, width: int = 80) -> str:
    return render_text(document, width=width, whole=True, evidence=True)


def wide() -> Table:
    """A table with more columns than any terminal shows beside one another."""
    months = tuple(f"Month {number}" for number in range(30))
    rows = tuple(
        (
            Cell(name, cited(name)),
            *(
                Cell("came" if number == at else "not said", cited(name), quiet=number != at)
                for number in range(30)
            ),
        )
        for name, at in (("Ann", 0), ("Bob", 29))
    )
    return Table("Who", ("Party", *months), rows, 1)


def test_a_wide_table_is_split_by_columns_in_text_alone() -> None:
    report = document(wide())
    text = full_text(report, width=60)
    first, *_, last = text.partition("Evidence")[0].split("Who, continued")

    assert "Who\n" in first
    assert ("Ann" in first, "Bob" in first) == (True, False)  # who has nothing to say there
    assert ("Ann" in last, "Bob" in last) == (False, True)
    assert "Party" in first
    assert "Party" in last
    assert max(map(len, text.splitlines())) <= 60
    assert "continued" not in full_text(report, width=600)
    assert "continued" not in render_markdown(report)
    assert rows_of(render_csv(report, "Who"))[0][:31] == list(wide().columns)


def test_text_is_returned_in_a_notebook_too(monkeypatch, capsys) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)

    assert "Table" in full_text(document(table((Cell("said", cited("e")),))))
    assert capsys.readouterr() == ("", "")


def test_what_is_left_out_by_date_is_said_at_the_top(record: Timeline) -> None:
    banner = "As published by 30 Apr 2024. What came later is not in it."
    report = record.as_of(published="2024-04-30").chronology()

    assert report.to_text(all=True, evidence=True).splitlines()[1] == banner
    assert banner in report.to_markdown().split("##")[0]
    assert banner in report._repr_html_().split("<h4>")[0]
    page = report.to_html()
    assert page.index(banner) < page.index('class="standing"')
    assert record.chronology().document().banner is None


# Markdown


def as_html(markdown: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(markdown)


NASTY = [
    "<script>alert(1)</script>",
    "a | b",
    "**bold** _under_ `code`",
    "[here](javascript:x)",
    "![x](https://x.example/y.png)",
    "~~gone~~ 2022-11-29~",
    "back\\slash \\| and *",
    "&lt;b&gt;",
    "- a list",
    "1. one",
    "# head",
    "two\nlines",
    "[^1]",
    "مرحبا \u202e abc",
]


@pytest.mark.parametrize("text", NASTY)
def test_what_is_markup_in_a_source_stays_text(text: str) -> None:
    said = Cell(text, cited("e"))
    html = as_html(render_markdown(document(table((said, said)), lead=(Cell(text),))))

    cells = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    assert len(cells) == 2
    tags = set(re.findall(r"<(\w+)", html))
    assert tags <= {"h1", "h2", "p", "em", "table", "thead", "tbody", "tr", "th", "td"}


def test_evidence_is_in_footnotes_that_are_all_there(reports: list[Report]) -> None:
    for report in reports:
        markdown = report.to_markdown()
        reported = set(re.findall(r"(?<!\\)\[\^(\d+)\](?!:)", markdown))
        notes = re.findall(r"^\[\^(\d+)\]: (.+)$", markdown, re.MULTILINE)
        assert reported == {number for number, _ in notes}, report.kind
        assert len(notes) == len(reported)
    assert "[^1]: proposed. beacon-1" in record_note(reports)


def record_note(reports: list[Report]) -> str:
    return next(each for each in reports if each.kind == "corroboration").to_markdown()


# Frames


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_have_what_the_csv_has(record: Timeline, library: str) -> None:
    report = record.chronology()
    for name in (None, "What happened"):
        frame = report.to_frame(name, library=library)
        head, *rows = rows_of(report.to_csv(name))
        assert [column for column in frame.columns if not column.endswith(" day")] == head
        actual = [list(map(str, row)) for row in frame[head].to_numpy().tolist()]
        assert actual == rows


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_have_numbers_and_dates(record: Timeline, library: str) -> None:
    counts = record.statement_counts().to_frame("Statements", library=library)
    assert int(counts["Statements"].sum()) == record.statement_counts().statements
    frame = record.chronology().to_frame("What happened", library=library)
    ends = zip(frame["When, first day"], frame["When, last day"], strict=True)
    days = [(str(first)[:10], str(last)[:10]) for first, last in ends]
    none = "NaT" if library == "pandas" else "None"
    for said, bounds in zip(frame["When"], days, strict=True):
        known = When(said).days if said else (None, None)
        assert bounds == tuple(str(day) if day else none for day in known)


def test_a_workbook_has_a_sheet_for_each_table_with_numbers_and_dates(record: Timeline) -> None:
    counts = load_workbook(io.BytesIO(record.statement_counts().to_xlsx()))
    assert len(counts.sheetnames) == 2
    head, *rows = counts["Statements"].iter_rows(values_only=True)
    assert sum(row[head.index("Statements")] for row in rows) == len(record.statements().statements)

    report = record.chronology()
    (sheet,) = load_workbook(io.BytesIO(report.to_xlsx("What hap")))
    head, *rows = sheet.iter_rows(values_only=True)
    for row, line in zip(rows, report.happenings, strict=True):
        first, _ = When(line.occurred).days if line.occurred else (None, None)
        assert row[head.index("When")] == line.occurred
        moment = row[head.index("When, first day")]
        assert (moment and moment.date()) == first


def test_text_of_a_workbook_is_no_formula_and_days_before_excels_are_text() -> None:
    rows = ((Cell("=1+1"), Cell("by 1 Feb 1850", date="1850-02-01")), (Cell("–"), Cell("a\x01b")))
    document = Document("D", (), (Table("A/B: what?", ("What", "When"), rows),), (), (), "")
    sheet = load_workbook(io.BytesIO(render_workbook(document)))["A B  what "]
    assert [cell.data_type for (cell, *_) in sheet.iter_rows(min_row=2, max_row=2)] == ["s"]
    values = [row[:2] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert values == [("=1+1", "1850-02-01"), (None, "a b")]


def test_a_report_with_nothing_to_show_is_an_empty_frame(record: Timeline) -> None:
    for library in ("pandas", "polars"):
        assert record.statements(topic="tides").to_frame(library=library).shape == (0, 7)


def test_without_either_library_it_says_which_extra_brings_one(
    record: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert type(record.statements().to_frame()).__module__.startswith("polars")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match="pip install 'pandas>="):
        record.statements().to_frame()
    with pytest.raises(InvalidInput, match="pandas or polars; found 'numpy'"):
        record.statements().to_frame(library="numpy")


# Text


@pytest.fixture(scope="module")
def long_reports() -> Iterator[list[Report]]:
    """Of a record with long words and many columns."""
    with Timeline.open("sqlite://") as record:
        record.ingest(*sorted((FIXTURES / "gas-union").glob("*.yaml")))
        yield [
            record.initiative("gas-union"),
            record.attendance(series="informal-cis-summit"),
            record.chronology(initiative="gas-union"),
            record.dossier("kazakhstan"),
            record.sources(),
            record.positions("gas-union"),
            record.corroboration("gas-union/mirzamahmudov-no-union"),
        ]


def test_a_report_of_nothing_says_so() -> None:
    with Timeline.open("sqlite://") as record:
        nothing = [
            record.chronology(),
            record.attendance(),
            record.statements(),
            record.plans(),
            record.actors(),
        ]

    for report in nothing:
        assert "Nothing on record fits." in report.to_text(all=True, evidence=True), report.kind
        assert "XXXX" not in report.to_text(all=True, evidence=True)


@pytest.mark.parametrize("width", [80, 40])
def test_text_fits_its_width_and_no_word_of_a_cell_is_cut(
    long_reports: list[Report], width: int
) -> None:
    for report in long_reports:
        lines = report.to_text(width, all=True, evidence=True).splitlines()
        assert max(map(cell_len, lines)) <= width, report.kind
        assert not any("\x1b" in line for line in lines)
        shown = set(re.findall(r"\w+", "\n".join(lines)))
        body = report.document().tables
        cells = (cell for each in body for row in each.rows for cell in row if not cell.quiet)
        said = {word for cell in cells for word in words(cell)}
        assert said <= shown, (report.kind, said - shown)


def words(cell: Cell) -> list[str]:
    return re.findall(r"\w+", cell.text)


@pytest.mark.parametrize(
    ("word", "width", "expected"),
    [
        ("2022-12-26/2022-12-27", 12, "2022-12-26/\n2022-12-27"),
        ("informal-cis-summit", 13, "informal-cis-\nsummit"),
        ("[10][11][12]", 9, "[10][11]\n[12]"),
        ("Kassym-Jomart", 13, "Kassym-Jomart"),
        ("undividable", 4, "undividable"),
    ],
)
def test_words_are_broken_where_that_hurts_least(word: str, width: int, expected: str) -> None:
    assert broken(word, width) == expected


def test_what_fits_no_columns_stands_below_one_another() -> None:
    text = full_text(document(table(tuple(Cell("inseparable") for _ in range(6)))), width=40)

    assert text.splitlines()[3:6] == [
        "  C1: inseparable",
        "    C2: inseparable",
        "    C3: inseparable",
    ]


# Notebooks


def test_objects_show_themselves_in_short_and_in_full(reports: list[Report]) -> None:
    for report in reports:
        assert len(repr(report)) < 100
        shown = report._repr_mimebundle_(include=None, exclude=None)
        assert shown["text/plain"] == str(report)
        assert shown["text/html"] == report._repr_html_()


# The command line


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = f"sqlite:///{tmp_path_factory.mktemp('record')}/harbour.db"
    with Timeline.open(place) as record:
        record.add(*harbour.ACTORS, *harbour.SOURCES)
        for id, (event, occurred, source) in harbour.EVENTS.items():
            record.append(event, id=id, occurred=occurred, source=source)
        record.statements()
    return place


@pytest.fixture
def run(url: str) -> Callable[..., Any]:
    return lambda *args: CliRunner().invoke(cli, ["--db", url, "report", *map(str, args)])


ASKED: dict[str, tuple[list[str], Callable[[Timeline], Report]]] = {
    "positions": (["harbour"], lambda record: record.positions("harbour")),
    "chronology": (
        ["--actor", "Bob Birch", "--since", "2024-03", "--certainly"],
        lambda record: record.chronology(actor="bob", since="2024-03", certainly=True),
    ),
    "dossier": (["А. Олдер"], lambda record: record.dossier("ann")),
    "sources": (
        ["--initiative", "harbour"],
        lambda record: record.sources(initiative="harbour"),
    ),
    "plans": ([], lambda record: record.plans()),
}


@pytest.mark.parametrize("name", ASKED)
def test_formats_are_those_of_python(
    run: Callable[..., Any], url: str, name: str, tmp_path: Path
) -> None:
    args, make = ASKED[name]
    with Timeline.open(url) as record:
        report = make(record)
    expected = {
        "text": f"{report}\n",
        "json": f"{report.to_json()}\n",
        "csv": report.to_csv(),
        "md": report.to_markdown(),
        "html": report.to_html(),
    }
    for form, text in expected.items():
        if form != "json" and name != "chronology":
            continue  # how a form is chosen is the same for all
        result = run(name, *args, "--format", form)
        assert result.exit_code == 0, result.output
        assert result.stdout_bytes.decode() == text
        file = tmp_path / f"out.{form}"
        assert run(name, *args, "--format", form, "-o", file).stdout == ""
        assert file.read_bytes().decode() == text


def test_one_table_in_every_format(run: Callable[..., Any], record: Timeline) -> None:
    report = record.dossier("ann")
    whole = report.document().table("Who met whom")
    for form in ("text", "csv", "json", "md", "html"):
        result = run("dossier", "ann", "--format", form, "--table", "who met")
        assert result.exit_code == 0, result.output
        shown = result.stdout_bytes.decode()
        assert all(row[0].text in shown for row in whole.rows), form
        assert "Sources" not in re.findall(r"^(?:## |<h2.*?>)?(\w+)", shown, re.MULTILINE), form
    data = json.loads(report.to_json("who met"))
    assert [row["With"] for row in data["rows"]] == [row[0].text for row in whole.rows]
    assert all(row["evidence"] and row["sources"] for row in data["rows"])
    assert data["standing"]["position"] == report.standing.position

    sheet = run("dossier", "ann", "--format", "xlsx", "--table", "who met", "-o", "-")
    assert load_workbook(io.BytesIO(sheet.stdout_bytes)).sheetnames == ["Who met whom"]


def test_a_file_is_replaced_whole_or_not_at_all(run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text("before")

    failed = run("chronology", "--format", "csv", "--table", "Tides", "-o", file, "--force")
    assert (failed.exit_code, file.read_text()) == (1, "before")
    assert "no table 'Tides'" in failed.stderr
    assert run("chronology", "--format", "csv", "-o", file, "--force").exit_code == 0
    assert file.read_text().startswith("table,row")
    assert [each.name for each in tmp_path.iterdir()] == ["report.csv"]


def test_a_link_stays_a_link_and_a_device_a_device(run: Callable[..., Any], tmp_path: Path) -> None:
    file, link = tmp_path / "real.txt", tmp_path / "link.txt"
    file.touch()
    link.symlink_to(file)

    assert run("plans", "-o", link).exit_code == 0
    assert link.is_symlink()
    assert file.read_text().startswith("Plans")
    assert run("plans", "-o", "/dev/null").exit_code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_where_no_file_can_be_is_said(run: Callable[..., Any], tmp_path: Path) -> None:
    folder = run("plans", "-o", tmp_path)
    assert (folder.exit_code, folder.stdout) == (1, "")
    assert "expected a file to write; found a folder" in folder.stderr

    nowhere = run("plans", "-o", tmp_path / "none" / "plans.txt")
    assert nowhere.exit_code == 1
    assert "cannot be written: No such file or directory" in nowhere.stderr


def test_a_dash_is_standard_output(run: Callable[..., Any]) -> None:
    assert run("plans", "-o", "-").stdout == run("plans").stdout != ""
