"""What the start of the command line loads: little, so that it is quick."""

import subprocess
import sys

import pytest

LOADED = """
import sys
from timeline.cli import cli
try:
    cli({args})
except SystemExit:
    pass
tops = {{name.partition(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names)
print(*tops, *(name for name in sys.modules if name.startswith("timeline.")), file=sys.stderr)
"""
LIGHT = {"errors", "cli"}
"""The rooms of the package that help may load."""


def loaded(args: list[str]) -> set[str]:
    """The top-level packages and our own modules that a command loads."""
    run = [sys.executable, "-c", LOADED.format(args=args)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ")
    return set(done.stderr.split())


HELP = ("--help", "export --help", "log --help", "rebuild --help")


@pytest.mark.parametrize("command", HELP)
def test_help_loads_click_and_the_commands_alone(command):
    names = loaded(command.split())

    ours = {name.split(".")[1] for name in names if name.startswith("timeline.")}
    assert ours == LIGHT
    tops = {name for name in names if "." not in name and not name.startswith("_")}
    assert tops <= {"timeline", "click", "colorama", "typing_extensions", "sitecustomize"}


def test_import_of_the_package_loads_nothing_and_warns_of_nothing():
    code = "import sys, timeline; print(*(n for n in sys.modules if n.startswith('timeline.')))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_all_names_of_the_package_load_without_a_warning():
    code = "from timeline import *; from timeline.dates import when; when('2022-11~')"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_reports_on_sqlite_load_nothing_that_only_postgresql_or_search_needs():
    code = "import sys, timeline.record; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "timeline.reports.registry" in loaded
    for name in ("sqlalchemy.dialects.postgresql", "snowballstemmer", "edtf", "rich", "alembic"):
        assert name not in loaded
