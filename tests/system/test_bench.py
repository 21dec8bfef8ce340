"""`scripts/bench`, in short: that it runs, and what it makes of what it measures."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

if sys.platform == "win32":
    pytest.skip("the benchmarks fork", allow_module_level=True)

LINES = ["sqlite-append", "sqlite-stream", "sqlite-rebuild"]


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "scripts/bench.py", *map(str, arguments)]
    environment = {"PYTHONPATH": "tests", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_short_run_makes_the_page_and_its_plot(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()

    small = ["--rounds", "1", "--events", "200", "--sizes", "420"]
    done = bench("all", *small, "--only", *LINES, "--into", docs)

    assert done.returncode == 0, done.stderr
    found = json.loads((docs / "performance.json").read_text())
    assert list(found["lines"]) == LINES
    for sides in found["lines"].values():
        assert {"sqlite3", "timeline"} <= sides.keys()
        assert all(rate > 0 for rates in sides.values() for rate in rates)
    page = (docs / "performance.md").read_text()
    assert page.count("| SQLite: read one stream of 100 |") == 2
    assert "| a report, live |" in page
    assert ET.parse(docs / "performance.svg").getroot().tag.endswith("svg")


def test_an_unknown_line_is_said_with_those_there_are() -> None:
    done = bench("peers", "--only", "sqlite-appendix")

    assert done.returncode == 1
    assert "'sqlite-appendix'" in done.stderr
    assert "sqlite-append," in done.stderr
    assert "Traceback" not in done.stderr
