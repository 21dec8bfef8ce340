"""Pictures for README and docs: pages of a site, a workbook, and the page of the tutorial."""

import html
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import openpyxl

from timeline import Timeline

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import browsers  # noqa: E402  (it is among the tests, which find a browser in the same way)

PAGES = {
    "front": "index.html",
    "initiative": "initiatives/gas-union.html",
    "attendance": "all/attendance.html",
    "contradictions": "all/contradictions.html",
    "person": "actors/tokayev.html",
    "outlet": "actors/agenzia-nova.html",
    "source": "sources/gazeta-20230616.html",
    "meeting": "meetings/informal-cis-summit-2022.html",
    "plans": "all/plans.html",
    "explorer": "explore.html#view=who+met+whom",
}
"""The pages, by the name of their pictures."""

SIZES = {1400: (780, "light"), 820: (700, "dark"), 390: (700, "light")}
"""The height and the scheme of colours at each width."""

WHOLE = ("initiative", 1400, 1330)
"""The picture that README shows: high enough for all of the chart."""

TUTORIAL = {"width": 1000, "height": 800}
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


def main(pages: str, sheet: str, tutorial: str) -> None:
    """Write the pictures, in PNG: of the pages into a folder, of the workbook and the tutorial."""
    with tempfile.TemporaryDirectory() as made, browsers.chromium() as browser:
        book = Path(made, "book.html")
        book.write_text(workbook_html(), encoding="utf-8")
        picture(browser, book, SHEET, "light", Path(sheet))
        picture(browser, tutorial_page(Path(made)), TUTORIAL, "light", Path(tutorial))
        with Timeline.open("sqlite://") as timeline:
            timeline.ingest(*map(str, sorted((ROOT / "fixtures/gas-union").glob("*.yaml"))))
            timeline.site(Path(made, "site"), title="A gas union of three")
        for width, (height, scheme) in SIZES.items():
            for name, path in PAGES.items():
                high = WHOLE[2] if (name, width) == WHOLE[:2] else height
                size = {"width": width, "height": high}
                target = Path(pages, f"{name}-{width}.png")
                picture(browser, Path(made, "site", path), size, scheme, target)


def picture(browser: Any, page: Path, size: Any, scheme: Any, target: Path) -> None:
    """Write the picture of one page."""
    target.parent.mkdir(exist_ok=True)
    shown = browser.new_page(viewport=size, color_scheme=scheme)
    name, _, choice = page.name.partition("#")
    shown.goto(f"{page.with_name(name).as_uri()}#{choice}")
    if choice:
        shown.locator(".drawn").wait_for()
    shown.screenshot(path=target)
    shown.close()


def tutorial_page(folder: Path) -> Path:
    """The page that the tutorial makes."""
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    record, page = folder / "bridge.yaml", folder / "bridge.html"
    record.write_text("".join(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)), encoding="utf-8")
    with Timeline.open("sqlite://") as timeline:
        timeline.append_all(timeline.draft(record, create=True).events)
        page.write_text(timeline.initiative("river-bridge").to_html(), encoding="utf-8")
    return page


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
