"""The house: which room may use which, and what it says about itself."""

import ast
import builtins
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import timeline
from timeline import errors

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "timeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((CHECKOUT / "alembic").rglob("*.py"))

ROOMS = {
    "errors": "",
    "dates": "errors",
    "events": "errors dates",
    "log": "errors dates events",
    "engine": "errors dates events log",
    "projections": "errors dates events engine",
    # A report gives its own page.
    "reports": "errors dates events log engine projections pages.page",
    "formats.coded": "errors dates events formats log.telemetry",
    "formats.record_files": "errors dates events formats",
    "formats": "errors dates events log engine projections reports",
    "distributed": "errors dates events log engine formats.coded",
    "pages": "errors dates engine projections reports log.telemetry",
    "testing": "errors dates events log engine distributed",
}
"""Each room, and those that it may use. `record`, `rules` and `cli` join the rooms."""

JOINS = {"record", "rules", "cli", "__main__"}

PUBLIC_NAMES = PACKAGE / "__init__.py"


def room_of(module: Path) -> str:
    """The folder of a module, or what it is called at the top; formats that come in are apart."""
    first, *rest = module.relative_to(PACKAGE).with_suffix("").parts
    room = ".".join([first, *rest[:1]])
    return room if room in ROOMS else first


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


def imported(module: Path) -> Iterator[tuple[int, str]]:
    """The full names of what a module imports, wherever in it, each with its line."""
    package = module.relative_to(CHECKOUT).with_suffix("").parts[:-1]
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{origin}.{alias.name}"


def place(module: Path, line: int) -> str:
    return f"{module.relative_to(CHECKOUT)}:{line}"


def test_every_module_is_in_a_room() -> None:
    assert {room_of(module) for module in MODULES if module != PUBLIC_NAMES} == {*ROOMS, *JOINS}


def test_a_room_imports_only_from_those_beneath_it() -> None:
    wrong = []
    for module in MODULES:
        room = room_of(module)
        if module == PUBLIC_NAMES or room in JOINS:
            continue
        allowed = {room, *ROOMS[room].split()}
        for line, name in imported(module):
            first, _, rest = name.partition(".")
            # `from timeline import Timeline` asks the public surface, which is above all rooms.
            beneath = any(f"{rest}.".startswith(f"{other}.") for other in allowed)
            if first == "timeline" and not beneath:
                wrong.append(f"{place(module, line)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_only_dates_imports_pendulum_and_edtf() -> None:
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for line, name in imported(module):
            if name.partition(".")[0] in {"pendulum", "edtf"}:
                places.setdefault(room_of(module), []).append(place(module, line))
    assert places.keys() == {"dates"}, places


def test_alembic_is_a_folder_and_no_package() -> None:
    # Run from the checkout, a package of that name would hide the library.
    assert not (CHECKOUT / "alembic/__init__.py").exists()


# The public surface


def test_all_lists_the_public_names() -> None:
    assert timeline.__all__ == sorted(set(timeline.__all__))
    assert len(timeline.__all__) <= 60
    assert {*timeline.__all__} <= {*dir(timeline)}


def test_a_public_name_is_that_of_its_module() -> None:
    block = next(
        node for node in ast.parse(PUBLIC_NAMES.read_text()).body if isinstance(node, ast.If)
    )
    # What type checkers see is what is there.
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            module = importlib.import_module(str(node.module))
            assert getattr(timeline, alias.name) is getattr(module, alias.name)
    names = [alias.name for node in block.body for alias in node.names]
    assert sorted(names) == timeline.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(timeline, "Nothing")


def test_public_classes_and_functions_have_docstrings() -> None:
    undocumented = []
    for name in timeline.__all__:
        value = getattr(timeline, name)
        if not inspect.isclass(value):
            parts = {name: value} if inspect.isfunction(value) else {}
        else:
            # Not inherited ones: they would describe another class.
            parts = {f"{name}.{part}": each for part, each in vars(value).items()}
            if not vars(value).get("__doc__"):
                undocumented.append(name)
        undocumented += [
            part
            for part, each in parts.items()
            if not part.rpartition(".")[2].startswith("_")
            and isinstance(each, types.FunctionType | classmethod | staticmethod | property)
            and not each.__doc__
        ]
    assert undocumented == []


# What the code says of itself

ENTRY = re.compile(r"(?P<names>\w+(, \w+)*): \S")


def raises(module: Path) -> Iterator[tuple[int, str]]:
    """The entries of all `Raises:` sections, each with the line of the definition."""
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            continue
        _, _, section = (ast.get_docstring(node) or "").partition("Raises:\n")
        for line in section.partition("\n\n")[0].splitlines():
            if re.match(r" {4}\S", line):  # deeper lines go on with an entry
                yield getattr(node, "lineno", 1), line.strip()


def is_exception(name: str) -> bool:
    found = getattr(errors, name, None) or getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def test_raises_sections_name_real_exceptions() -> None:
    entries = [(place(module, line), entry) for module in MODULES for line, entry in raises(module)]
    assert len(entries) > 20
    wrong = [
        f"{where}: {entry}"
        for where, entry in entries
        if not (match := ENTRY.match(entry))
        or not all(map(is_exception, match["names"].split(", ")))
    ]
    assert not wrong, "\n".join(wrong)


def names_in_fixtures() -> set[str]:
    """What the record is about: no word of it belongs in the code."""
    found = {"gas"}
    for file in CHECKOUT.glob("fixtures/*/*.yaml"):
        record = yaml.safe_load(file.read_text())
        found.add(record["record"])
        for actor in record.get("actors", []):
            if actor["kind"] == "unnamed":  # described and not named: "reporters in Moscow"
                continue
            found |= {actor["id"], actor["name"], *actor.get("aliases", [])}
            if actor["kind"] in {"person", "state"}:
                found |= set(actor["name"].split())
        found |= set(opened_in(record["events"]))
    return found


def opened_in(entries: list[Any]) -> Iterator[str]:
    """The ids of initiatives, meetings and series in entries, those of groups included."""
    for entry in entries:
        for key in ("proposal", "about", "meeting", "series"):
            named = entry.get(key, [])
            yield from [named] if isinstance(named, str) else named
        nested = entry.get("events", [])
        yield from opened_in([one for one in nested if isinstance(one, dict)])


WORD = re.compile(r"[^\W_]+")


def test_the_code_knows_nothing_of_the_record() -> None:
    names = names_in_fixtures()
    assert {"putin", "Putin", "Kazakhstan", "gas-union", "informal-cis-summit"} <= names
    # An id of several words is found however they are joined: gas-union, gas_union, Gas Union.
    # A line is searched only for names that begin with a word in it.
    begun: dict[str, list[str]] = {}
    for name in sorted(names):
        if begin := WORD.search(name):
            joined = r"[\W_]".join(map(re.escape, re.split(r"[\s_-]+", name)))
            begun.setdefault(begin[0].casefold(), []).append(joined)
    patterns = {
        begin: re.compile(rf"(?<![^\W_])({'|'.join(some)})(?![^\W_])", re.IGNORECASE)
        for begin, some in begun.items()
    }
    texts = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    # It lists every country there is, and so singles none out.
    texts.remove(PACKAGE / "formats/coded/countries.txt")
    found = [
        f"{place(path, number)}: {match[0]}"
        for path in sorted([*texts, *SCRIPTS])
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for begin in sorted(patterns.keys() & WORD.findall(line.casefold()))
        for match in patterns[begin].finditer(line)
    ]
    assert not found, "\n".join(found)
