"""What README and docs show is what happens: their examples are run and their outputs compared.

In each page, in order: a ```python block is executed, and a ```text block right behind it is what
it prints; in a ```console block each line after `$ ` is a shell command, and the lines below it are
its output. All blocks of a page share one folder, one database and one namespace. Digests and times
of recording differ from run to run, and so does the day that plans are judged by; any will do.

`scripts/docs` writes the outputs anew.
"""

import contextlib
import doctest
import importlib
import io
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import timeline

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

BLOCK = re.compile(r"^```(python|console|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = re.compile(
    r"\b[0-9a-f]{64}\b|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z|(?<=as of )\d{4}-\d\d-\d\d"
)


def rerun(page: Path, folder: Path) -> str:
    """The page, with what its examples print now."""
    shutil.copytree(ROOT / "fixtures", folder / "fixtures")
    os.environ.pop("TIMELINE_URL", None)  # the pages show the default
    namespace: dict[str, object] = {"__name__": "__main__"}
    text = page.read_text(encoding="utf-8")
    parts, end, printed = [], 0, None
    for block in BLOCK.finditer(text):
        between, kind, body = text[end : block.start()], block[1], block[2]
        if kind == "python":
            printed = _python(body, namespace, page, text.count("\n", 0, block.start()) + 2)
        elif kind == "console":
            body, printed = _console(body, folder), None
        elif printed is not None and not between.strip():
            body, printed = printed, None
        parts += [between, f"```{kind}\n{body}```"]
        end = block.end()
    return "".join((*parts, text[end:]))


def _python(code: str, namespace: dict[str, object], page: Path, line: int) -> str:
    out = io.StringIO()
    # The blank lines give a failing line the number that it has in the page.
    compiled = compile("\n" * (line - 1) + code, str(page), "exec")
    with contextlib.redirect_stdout(out):
        exec(compiled, namespace)
    return out.getvalue()


def _console(body: str, folder: Path) -> str:
    commands = re.findall(r"^\$ (.*(?:\n> .*)*)", body, re.MULTILINE)
    shown = []
    for command in commands:
        run = subprocess.run(
            ["bash", "-c", command.replace("\n> ", "\n")],
            cwd=folder,
            env=os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "COLUMNS": "80",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        shown.append(f"$ {command}\n{run.stdout}")
    return "\n".join(shown)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_pages_show_what_happens(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    shown = rerun(page, tmp_path)

    assert VARIES.sub("…", shown) == VARIES.sub("…", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))

    for target in targets:
        assert target.startswith("http") or (page.parent / target).exists(), target


def _modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(timeline.__path__, "timeline.")
    return [importlib.import_module(module.name) for module in found]


@pytest.mark.parametrize("module", _modules(), ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
