"""The browser in which the tests open pages, and the accessibility checker they run in it.

- `TIMELINE_TEST_BROWSER`, if set, is the Chromium to use.
- Otherwise it is the one on the PATH, or else the one that playwright installed. `scripts/setup`
  installs Debian's where it may.
- The checker is axe-core, which npm fetches into `.venv`, once.

Where one of them cannot be had, the tests that need it are skipped, and say what to install.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: scripts/setup installs it"
)

NAMES = (
    "chromium-headless-shell",  # the same without windows: opens a page in half the time
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
FLAGS = (
    "--no-sandbox",  # it refuses to run as root with one; what it opens here, the tests wrote
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_BROWSER = (
    "no browser: install Chromium (Debian: apt-get install chromium-headless-shell; elsewhere: "
    "playwright install chromium), or name one with TIMELINE_TEST_BROWSER"
)

AXE = "axe-core@4.14.1"
NO_AXE = f"no {AXE}: it is fetched by npm, which is missing or could not; install npm"


def find_browser() -> str | None:
    if chosen := os.environ.get("TIMELINE_TEST_BROWSER"):
        return chosen
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator["playwright.Browser"]:
    """A browser without a window; the test is skipped where none can be had."""
    with playwright.sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        except playwright.Error as error:
            pytest.skip(f"{NO_BROWSER} ({str(error).splitlines()[0]})")
        yield browser
        browser.close()


@cache
def axe() -> str:
    """The source of the checker; the test is skipped where it cannot be had."""
    kept = Path(sys.prefix) / "share" / AXE / "axe.min.js"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            try:
                subprocess.run(
                    ["npm", "pack", AXE, "--silent", "--pack-destination", folder],
                    check=True,
                    capture_output=True,
                    cwd=folder,
                )
            except (OSError, subprocess.SubprocessError):
                pytest.skip(NO_AXE)
            [packed] = Path(folder).glob("*.tgz")
            with tarfile.open(packed) as package:
                script = package.extractfile("package/axe.min.js")
                assert script is not None
                source = script.read()
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(source)
    return kept.read_text(encoding="utf-8")
