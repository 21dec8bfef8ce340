"""What the start of the command line loads: little, so that it is quick."""

import subprocess
import sys
import tomllib
from pathlib import Path

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
CHECKOUT = Path(__file__).parents[2]
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


INTERRUPTED = """
import os, signal, sys
class PressesControlC:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, PressesControlC())
sys.argv[1:] = ["log"]
from {module} import {function}
{function}()
"""


@pytest.mark.parametrize("name", ["timeline.cli", "click", "timeline.cli.log", "sqlalchemy"])
def test_control_c_ends_quietly_while_the_command_loads(name):
    script = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["scripts"][
        "timeline"
    ]
    module, function = script.split(":")
    code = INTERRUPTED.format(name=name, module=module, function=function)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nAborted!\n")


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
