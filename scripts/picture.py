"""A picture of the page of an initiative, for README."""

import sys
import tempfile
from pathlib import Path

from timeline import Timeline

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import browsers  # noqa: E402  (it is among the tests, which find a browser in the same way)

SIZE = {"width": 1200, "height": 900}


def main(target: str) -> None:
    """Write the picture.

    Args:
        target: the file, in PNG.
    """
    with tempfile.TemporaryDirectory() as folder, browsers.chromium() as browser:
        page = Path(folder, "page.html")
        with Timeline.open("sqlite://") as timeline:
            timeline.ingest(*map(str, sorted((ROOT / "fixtures/gas-union").glob("*.yaml"))))
            page.write_text(timeline.initiative("gas-union").to_html(), encoding="utf-8")
        shown = browser.new_page(viewport=SIZE, color_scheme="light")
        shown.goto(page.as_uri())
        shown.screenshot(path=target)


if __name__ == "__main__":
    main(*sys.argv[1:])
