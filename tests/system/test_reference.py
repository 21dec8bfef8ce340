"""The reference names all there is: public names, commands, options, views and columns."""

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

import timeline
from timeline.cli import cli
from timeline.engine.projection import shape_of
from timeline.events import VOCABULARY
from timeline.projections import BUILT_IN

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
LISTED = re.findall(r"automodule:: (\S+)", (REFERENCE / "modules.md").read_text(encoding="utf-8"))


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_current() -> None:
    """Where they are not, `scripts/docs` makes them so."""
    for name, page in script().PAGES.items():
        assert (REFERENCE / name).read_text(encoding="utf-8") == page(), name


def test_the_vocabulary_has_every_event_type() -> None:
    page = script().vocabulary()

    assert all(f"### {cls.__name__}\n" in page for cls in VOCABULARY)


def test_the_views_have_every_column() -> None:
    page = script().views()

    for cls in [cls for projection in BUILT_IN for cls in projection.rows]:
        shape = shape_of(cls)
        table = page.partition(f"## `{shape.name}`\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [
            column.name for column in shape.columns
        ]


def packages() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(timeline.__path__, "timeline."):
        module = importlib.import_module(found.name)
        if hasattr(module, "__all__") and module.__name__ != "timeline.cli":
            yield module


@pytest.mark.parametrize("package", list(packages()), ids=lambda package: package.__name__)
def test_the_modules_have_every_public_name(package: ModuleType) -> None:
    """Sphinx lists what a module defines, or names in `__all__`, and has a docstring."""
    elsewhere = set() if package.__name__ in LISTED else set(package.__all__)
    homes = {name: getattr(getattr(package, name), "__module__", None) for name in elsewhere}

    assert {name for name, home in homes.items() if home not in LISTED} <= set(timeline.__all__)


@pytest.mark.parametrize("name", timeline.__all__)
def test_help_of_a_public_name_says_what_it_is_for(name: str) -> None:
    thing = getattr(timeline, name)
    summary = (inspect.getdoc(thing) or "").partition("\n")[0]
    methods = inspect.getmembers(thing, inspect.isfunction) if inspect.isclass(thing) else ()
    ours = [(key, each) for key, each in methods if each.__module__.startswith("timeline")]

    assert summary.endswith("."), summary
    assert not summary.startswith(("Method generated", f"{name}(")), summary
    for key, method in ours:
        assert key.startswith("_") or inspect.getdoc(method), key


def commands(group: click.Group, path: str = "timeline") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", getattr(command, "made", command)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


COMMANDS = dict(commands(cli))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, parameter.name
