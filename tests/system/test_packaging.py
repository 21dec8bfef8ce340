"""The package as its users get it: built, installed, and run far from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from timeline.errors import MissingExtra

CHECKOUT = Path(__file__).parents[2]
NEEDED = [
    "alembic",
    "timeline",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "LICENSES.md",
    ".gitignore",
]


def run(*command: str | Path, folder: Path) -> str:
    """What a command prints, run with nothing of this process's Python in its environment."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "TIMELINE_", "VIRTUAL_ENV", "PIP_"))
    }
    done = subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the package is built from, with the litter of a checkout that has been worked in."""
    folder = tmp_path_factory.mktemp("source")
    for name in NEEDED:
        place = CHECKOUT / name
        (shutil.copytree if place.is_dir() else shutil.copy)(place, folder / name)
    for room in ["timeline", "timeline/events", "alembic", "alembic/versions"]:
        cache = folder / room / "__pycache__"
        cache.mkdir(exist_ok=True)
        (cache / f"left.{sys.implementation.cache_tag}.pyc").write_bytes(b"stale")
    (folder / "timeline.db").write_bytes(b"a record of the developer's own")
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("wheel"), "--wheel")


def build(source: Path, target: Path, *options: str) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", target]
    run(*command, source, folder=target)
    [made] = target.glob("*.whl")
    return made


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_package_and_its_migrations_and_nothing_else(wheel: Path) -> None:
    package = {
        path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / "timeline").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    migrations = {
        f"timeline/_alembic/{path.relative_to(CHECKOUT / 'alembic').as_posix()}"
        for path in (CHECKOUT / "alembic").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert {"timeline/py.typed", "timeline/cli/__init__.py"} <= package
    assert {
        "timeline/_alembic/env.py",
        "timeline/_alembic/script.py.mako",
        "timeline/_alembic/versions/0001_the_log.py",
    } <= migrations
    found = contents(wheel)
    assert {name for name in found if ".dist-info/" not in name} == package | migrations
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in found)


def test_a_wheel_by_way_of_the_source_distribution_is_the_same(
    source: Path, wheel: Path, tmp_path: Path
) -> None:
    assert contents(build(source, tmp_path)) == contents(wheel)


class Installed:
    """A virtual environment with the wheel, and with the running one's libraries at hand."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        venv.create(folder)
        pip = [sys.executable, "-m", "pip", "--python", self.command("python")]
        options = ["--no-index", "--no-deps", "--disable-pip-version-check"]
        run(*pip, "install", *options, wheel, folder=folder)
        # A line in a .pth file puts a folder on the path but does not read the .pth files in it:
        # the editable install of the checkout, if that is how it is installed, does not come along.
        libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        site = run(self.command("python"), "-c", SITE, folder=folder).strip()
        (Path(site) / "libraries.pth").write_text("\n".join(sorted(libraries)))

    def command(self, name: str) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / name


def test_the_version_stands_in_one_place_and_its_copies_agree() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    cited = (CHECKOUT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")

    version, day = re.findall(r"^## (\S+)(?: – (\S+))?$", changes, re.MULTILINE)[0]
    assert f"version: {project['version']}\n" in cited
    assert version == project["version"]
    assert f"date-released: {day}\n" in cited


def test_what_is_vendored_says_whose_it_is() -> None:
    """A file of others in the wheel begins with its origin; LICENSES.md lists the same versions."""
    scripts = list((CHECKOUT / "timeline/pages/templates").glob("*.js"))
    heads = {path.name: path.read_text(encoding="utf-8").partition("*/")[0] for path in scripts}
    theirs = {name: head for name, head in heads.items() if head.startswith("/*!")}
    listed = (CHECKOUT / "LICENSES.md").read_text(encoding="utf-8")

    assert theirs
    for name, head in theirs.items():
        [row] = [line for line in listed.splitlines() if f"templates/{name}`" in line]
        versions = re.findall(r"[\w-]+ \d+\.\d+\.\d+", head)
        assert versions
        assert all(version in row for version in versions), name


def test_every_install_line_names_what_there_is() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].keys()
    pages = [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md")]
    lines = [
        line
        for page in pages
        for line in page.read_text(encoding="utf-8").splitlines()
        if "pip install" in line
    ]

    assert len(lines) > 3
    for line in lines:
        assert "timeline-store" not in line, line  # it is not published
        named = re.findall(r"\[([\w,]+)\]'", line)
        assert {extra for names in named for extra in names.split(",")} <= extras, line


def test_the_command_in_the_error_about_an_extra_is_that_of_pyproject() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]

    for extra, wanted in project["optional-dependencies"].items():
        if extra != "all":
            shown = str(MissingExtra("It", extra))
            assert all(name.partition(">")[0] in shown for name in wanted), shown
            assert "pip install '" in shown


SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed") / "venv", wheel)


OPEN = """
import sys
import timeline
from timeline.log.schema import script_location

with timeline.Timeline.open("sqlite:///record.db") as record:
    print(timeline.__file__)
    print(script_location())
    print(record.store.head().position)
    record.attendance()
print(*sys.path, sep="\\n")
"""


def test_an_installed_wheel_migrates_without_the_checkout(
    installed: Installed, tmp_path: Path
) -> None:
    answer = run(installed.command("python"), "-c", OPEN, folder=tmp_path).splitlines()
    package, scripts, position, *path = answer
    assert Path(package).is_relative_to(installed.folder)
    assert Path(scripts) == Path(package).parent / "_alembic"
    assert position == "0"
    assert str(CHECKOUT) not in path
    assert (tmp_path / "record.db").exists()


def test_the_installed_command_says_its_version_and_creates_a_record(
    installed: Installed, tmp_path: Path
) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    command = installed.command("timeline")
    assert project["version"] in run(command, "--version", folder=tmp_path).split()

    run(command, "--db", "sqlite:///record.db", "init", folder=tmp_path)
    assert (tmp_path / "record.db").exists()
