"""Sources as references, read back by others' parsers."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pybtex.database import BibliographyData, parse_string
from strategies import EDTF

from timeline import Actor, EventRetracted, InvalidInput, ProposalMade, Source, Timeline
from timeline.cli import cli
from timeline.dates import When
from timeline.formats.bibliography import _csl_date, _entry, _line
from timeline.projections.directory import SourceRow

NASTY = r"50 % of {A} & B's $x_1^2$ #1 ~ \input{x} — «Газ» }{ and"

# What the schema of CSL-JSON allows of what we write, in our own words.
DATE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "date-parts": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "integer"}},
        },
        "season": {"enum": [1, 2, 3, 4]},
        "circa": {"type": "boolean"},
        "literal": {"type": "string"},
    },
}
TEXTS = ("title", "container-title", "publisher", "URL", "language", "note")
CSL = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "id"],
        "additionalProperties": False,
        "properties": {
            "type": {"enum": ["webpage", "document"]},
            "id": {"type": "string"},
            "issued": DATE,
            "accessed": DATE,
            **{name: {"type": "string"} for name in TEXTS},
        },
    },
}


@pytest.fixture(scope="module")
def record() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("gazette", "organisation", "The Gazette and Sons, Ltd."),
            Source(
                "g-1",
                publisher="gazette",
                title=NASTY,
                address="https://g.example/a_b?x=%20&y={z}#f",
                language="en",
                published="2024-04-12",
                retrieved="2024-05-01",
            ),
            Source("about", publisher="gazette", title="About", published="2022-11~"),
            Source("span", publisher="gazette", title="Span", published="2022-11/2022-12"),
            Source("season", publisher="gazette", title="Season", published="2022-21"),
            Source("yearless", publisher="gazette", title="Yearless", published="XXXX-12-26"),
            Source("unread", publisher="gazette", title="Unread", cited_in="g-1", grade="low"),
            Source("copy", publisher="gazette", title="Copy", copies="g-1", published="2024"),
        )
        timeline.append(ProposalMade("x", "X", by="gazette", text="X."), source="g-1")
        yield timeline


# What LaTeX sets for what we write; all else stands for itself.
SIGNS = {"textbackslash": "\\", "textbraceleft": "{", "textbraceright": "}"}
SIGNS |= {"textasciitilde": "~", "textasciicircum": "^"}


def as_typeset(latex: str) -> str:
    """The characters that LaTeX would set, of a field in braces of its own."""
    assert (latex[0], latex[-1]) == ("{", "}")
    token = re.compile(r"\\([a-z]+)\{\}|\\([#$%&_])|([^\\{}~^#$%&_])")
    found, end = [], 1
    while end < len(latex) - 1:
        match = token.match(latex, end)
        assert match is not None, latex[end:]
        found.append(SIGNS[match[1]] if match[1] else match[2] or match[3])
        end = match.end()
    return "".join(found)


def items(text: str) -> dict[str, Any]:
    found = json.loads(text)
    jsonschema.validate(found, CSL)
    return {item["id"]: item for item in found}


def entries(text: str) -> Any:
    return parse_string(text, "bibtex").entries


def test_csl_json_has_what_is_known_of_each(record: Timeline) -> None:
    found = items(record.bibliography())

    assert list(found) == sorted(found)
    assert found["g-1"] == {
        "id": "g-1",
        "type": "webpage",
        "title": NASTY,
        "container-title": "The Gazette and Sons, Ltd.",
        "publisher": "The Gazette and Sons, Ltd.",
        "issued": {"date-parts": [[2024, 4, 12]]},
        "accessed": {"date-parts": [[2024, 5, 1]]},
        "URL": "https://g.example/a_b?x=%20&y={z}#f",
        "language": "en",
    }
    assert found["about"]["issued"] == {"date-parts": [[2022, 11]], "circa": True}
    assert found["span"]["issued"] == {"date-parts": [[2022, 11], [2022, 12]]}
    assert found["season"]["issued"] == {"date-parts": [[2022]], "season": 1}
    assert found["yearless"]["issued"] == {"literal": "26 December of an unknown year"}
    assert found["unread"]["note"] == "Not read; cited in g-1. Undated. Trusted little."
    assert found["copy"]["note"] == "Carries the text of g-1."
    assert found["about"]["type"] == "document"


def test_bibtex_is_read_back_as_it_was(record: Timeline) -> None:
    found = entries(record.bibliography("bibtex"))
    fields = found["g-1"].fields

    assert list(found) == sorted(found)
    # One more pair of braces keeps capitals as they are.
    assert fields["title"].startswith("{")
    assert as_typeset(fields["title"]) == NASTY
    assert fields["url"] == "https://g.example/a_b?x=%20&y=%7Bz%7D#f"
    assert (fields["date"], fields["year"], fields["month"]) == ("2024-04-12", "2024", "4")
    assert fields["urldate"] == "2024-05-01"
    # The publisher is one author, though there is an "and" in it.
    assert [str(person) for person in found["g-1"].persons["author"]] == [
        "{The Gazette and Sons, Ltd.}"
    ]
    assert found["about"].fields["date"] == "2022-11~"
    assert found["span"].fields["date"] == "2022-11/2022-12"
    assert "date" not in found["yearless"].fields
    assert found["yearless"].fields["note"] == "Date uncertain: 26 December of an unknown year."
    assert "month" not in found["season"].fields


@given(title=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_no_title_breaks_out_of_its_entry(title: str) -> None:
    row = SourceRow("id", "p", title, *[None] * 7, "ordinary", None, None, ())

    found = entries(_entry(row, title) + _entry(row, "P").replace("@misc{id", "@misc{next"))

    assert list(found) == ["id", "next"]
    read = as_typeset(found["id"].fields["title"])
    assert "".join(read.split()) == "".join(_line(title).split())


@given(EDTF)
def test_every_date_can_be_said(text: str) -> None:
    jsonschema.validate(_csl_date(When(text)), DATE)


@pytest.mark.parametrize(
    ("published", "date", "note"),
    [
        ("2022-11/..", None, "Date uncertain: from November 2022."),
        ("../2022-11-05", None, "Date uncertain: by 5 November 2022."),
        ("2022-11~", "2022-11~", "Date uncertain: about November 2022."),
        ("2023-01-26T17:39", "2023-01-26", "Published 26 January 2023, 17:39."),
        ("2023-01-26", "2023-01-26", None),
    ],
)
def test_notes_say_dates_in_words_with_one_full_stop(
    published: str, date: str | None, note: str | None
) -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(Actor("gazette", "organisation", "The Gazette"))
        timeline.add(Source("article", publisher="gazette", title="Talks", published=published))
        fields = parse_string(timeline.bibliography("bibtex"), "bibtex").entries["article"].fields
        (item,) = json.loads(timeline.bibliography("csl"))

    assert fields.get("date") == date
    assert fields.get("note") == item.get("note") == note


def test_a_withdrawn_source_is_cited_as_such() -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(Actor("gazette", "organisation", "The Gazette"))
        timeline.add(Source("article", publisher="gazette", title="Talks", published="2022"))
        timeline.append(EventRetracted(("source/article",), "It was forged."))
        (item,) = json.loads(timeline.bibliography("csl"))

    assert item["note"] == "Withdrawn: It was forged."


def test_only_those_of_an_initiative_and_as_of_a_moment(record: Timeline) -> None:
    assert set(items(record.bibliography(initiative="x"))) == {"g-1"}
    assert set(items(record.as_of(position=3).bibliography())) == {"g-1", "about"}
    with pytest.raises(InvalidInput, match="expected csl or bibtex"):
        record.bibliography("ris")  # type: ignore[arg-type]


def test_from_the_command_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gas.db'}"
    files = sorted((Path(__file__).parents[2] / "fixtures/gas-union").glob("*.yaml"))

    def run(*args: Any) -> Any:
        done = CliRunner().invoke(cli, ["--db", url, *map(str, args)])
        assert done.exit_code == 0, done.output
        return done.stdout

    run("ingest", *files)
    csl = items(run("export", "sources"))
    bib = parse_string(run("export", "sources", "--format", "bibtex"), "bibtex")
    assert csl.keys() == bib.entries.keys()
    assert len(csl) > 40
    # And the parser's own writer takes what it has read.
    assert isinstance(bib, BibliographyData)
    bib.to_file(io.StringIO(), bib_format="bibtex")
