"""Pictures for README and docs: the page of an initiative, and a workbook."""

import html
import sys
import tempfile
from pathlib import Path
from typing import Any

import openpyxl

from timeline import Timeline

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import browsers  # noqa: E402  (it is among the tests, which find a browser in the same way)

SIZE = {"width": 1200, "height": 900}
SHEET = {"width": 1200, "height": 445}
COLUMNS = ("date", "kind", "who", "what", "for", "stance", "source", "at", "quote", "chain")
ROWS = slice(9, 19)
"""The rows of the workbook in the picture: of every kind, and one that supports another."""

STYLE = """
body {margin: 0; font: 13px sans-serif}
table {border-collapse: collapse; table-layout: fixed; width: 1200px}
td, th {border: 1px solid #ccc; padding: 3px 5px; text-align: left; vertical-align: top}
td div {max-height: 2.5em; overflow: hidden}
th {background: #dde6f0} th:nth-child(4), th:nth-child(10) {width: 22%}
th:nth-child(1), th:nth-child(2), th:nth-child(5), th:nth-child(7) {width: 6%}
p {margin: 0; padding: 6px 10px; background: #eee} b {background: #fff; padding: 6px 12px}
"""


def main(page: str, sheet: str) -> None:
    """Write the pictures, in PNG."""
    with tempfile.TemporaryDirectory() as folder, browsers.chromium() as browser:
        with Timeline.open("sqlite://") as timeline:
            timeline.ingest(*map(str, sorted((ROOT / "fixtures/gas-union").glob("*.yaml"))))
            pages = [(page, timeline.initiative("gas-union").to_html(), SIZE)]
        pages.append((sheet, workbook_html(), SHEET))
        for target, text, size in pages:
            file = Path(folder, "page.html")
            file.write_text(text, encoding="utf-8")
            shown: Any = browser.new_page(viewport=size, color_scheme="light")
            shown.goto(file.as_uri())
            shown.screenshot(path=target)


def workbook_html() -> str:
    """Some rows of the workbook in fixtures, as a program for spreadsheets shows them."""
    book = openpyxl.load_workbook(ROOT / "fixtures/sheets/gas-union.xlsx", read_only=True)
    headings, *rows = book["events"].values
    tables = [[str(row[headings.index(column)] or "") for column in COLUMNS] for row in rows[ROWS]]
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td><div>{html.escape(cell)}</div></td>" for cell in row) + "</tr>"
        for row in tables
    )
    tabs = " ".join(f"<b>{name}</b>" if name == "events" else name for name in book.sheetnames)
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>"
        f"<table><tr>{head}</tr>{body}</table><p>{tabs}</p>"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
