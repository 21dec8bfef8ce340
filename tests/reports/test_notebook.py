"""Reports as a notebook shows them, executed by a real kernel."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

CANAL = Path(__file__).parents[2] / "fixtures/canal/01-canal.yaml"
CELLS = (
    f"""
from timeline import Timeline
record = Timeline.open("sqlite://")
record.ingest({str(CANAL)!r})
record.initiative("delta-canal")
""",
    "print(record.initiative('delta-canal'))",
    "record.plans().to_frame('Plans')",
    "record.search('canal', top=3)",
    "record.initiative('delta-kanal')",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What each cell shows."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    folder = tmp_path_factory.mktemp("notebook")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(book, timeout=120, allow_errors=True, resources=resources).execute()
    return [cell.outputs for cell in book.cells]


def test_a_report_at_the_end_of_a_cell_shows_tables_and_as_text_its_first_screen(
    outputs: list[list[Any]],
) -> None:
    (shown,) = outputs[0]
    html, text = shown.data["text/html"], shown.data["text/plain"]
    assert "<table" in html
    assert "Canal Gazette" in html
    assert text.splitlines()[0] == "Delta canal"
    (printed,) = outputs[1]
    assert printed.text == f"{text}\n"


def test_a_frame_and_a_search_show_themselves(outputs: list[list[Any]]) -> None:
    (frame,), (found,) = outputs[2], outputs[3]
    assert "Plan" in frame.data["text/html"]
    assert "canal" in found.data["text/html"]


def test_an_error_names_the_nearest(outputs: list[list[Any]]) -> None:
    (error,) = outputs[4]
    assert (error.ename, "delta-canal" in error.evalue) == ("NotFound", True)
