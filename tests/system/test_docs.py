"""What README and docs show is what happens: their examples are run and their outputs compared.

In each page, in order: a ```python block is executed, and a ```text block right behind it is what
it prints; in a ```console block each line after `$ ` is a shell command, and the lines below it are
its output. A command `timeline` runs in this process, which spares its start. A ```yaml block that
begins with `# NAME.yaml` is that file, or goes on with it. All blocks of a page
share one folder, one database and one namespace, and one day. Digests and times of recording differ
from run to run; any will do.

`scripts/docs --rerun` writes the outputs again.
"""

import contextlib
import doctest
import functools
import glob
import importlib
import io
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from unittest import mock

import harbour
import pytest
from click.testing import CliRunner

import timeline
from timeline.cli import cli
from timeline.log.store import EventStore

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

BLOCK = re.compile(r"^```(python|console|text|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = re.compile(
    r"\b[0-9a-f]{64}\b|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    r"|\d+ \w+ \d{4}, \d\d:\d\d UTC|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
)


DAY = datetime(2026, 11, 28, 12, tzinfo=UTC)
"""On which the examples run: what is overdue on another day is another report."""


def rerun(page: Path, folder: Path) -> str:
    """The page, with what its examples print on that day."""
    on_that_day = functools.partial(EventStore, clock=lambda: DAY)
    with mock.patch("timeline.record.timeline.EventStore", on_that_day):
        return _rerun(page, folder)


def _rerun(page: Path, folder: Path) -> str:
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
        elif kind == "yaml" and (name := re.match(r"# (\w+\.yaml)\b", body)):
            with Path(name[1]).open("a", encoding="utf-8") as file:
                file.write(body)
        elif kind == "text" and printed is not None and not between.strip():
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
    outputs = [_output(command.replace("\n> ", "\n"), folder) for command in commands]
    return "\n".join(f"$ {c}\n{output}" for c, output in zip(commands, outputs, strict=True))


OURS = re.compile(r"timeline ([^|<>&;$`]*)(?:2>&1 )?(?:\|(?!\|)(.*)|> ?([^ ]+))?", re.DOTALL)
"""A command that runs in this process, and the pipe or the file that takes what it prints."""


INGESTED: dict[str, tuple[bytes, str]] = {}
"""What the first `timeline ingest` of a page makes of fixtures: many pages begin with the same."""


def _output(command: str, folder: Path) -> str:
    file = folder / "timeline.db"
    if not command.startswith("timeline ingest fixtures/") or file.exists():
        return _run(command, folder)
    if command not in INGESTED:
        printed = _run(command, folder)
        INGESTED[command] = file.read_bytes(), printed
    stored, printed = INGESTED[command]
    file.write_bytes(stored)
    return printed


def _run(command: str, folder: Path) -> str:
    if ours := OURS.fullmatch(command):
        # Paths stay relative, as those that the shell makes of patterns do.
        words = [file for w in shlex.split(ours[1]) for file in sorted(glob.glob(w)) or [w]]  # noqa: PTH207
        done = CliRunner().invoke(cli, words, env={"COLUMNS": "80"})
        if ours[3]:
            Path(ours[3]).write_bytes(done.stdout_bytes)
            return done.stderr
        return _shell(ours[2], folder, done.output) if ours[2] else done.output
    return _shell(command, folder)


def _shell(command: str, folder: Path, given: str = "") -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path, "COLUMNS": "80"},
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_pages_show_what_happens(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    shown = rerun(page, tmp_path)

    assert VARIES.sub("…", shown) == VARIES.sub("…", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """`scripts/docs` checks headings, too."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))

    for target in targets:
        assert target.startswith("http") or (page.parent / target).exists(), target


# The prose

WRITTEN = [page for page in PAGES if page.parent.name != "reference" and page.stem != "performance"]
"""The pages that people write; code and its outputs in them do not count."""


def prose(page: Path) -> str:
    """A page without its code, and without where its links lead."""
    text = re.sub(
        r"^```\w.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return re.sub(r"\]\([^)]*\)|<!--.*?-->|^#.*$", "", text, flags=re.MULTILINE)


def test_the_docs_can_be_read_in_an_evening() -> None:
    words = {page.stem: len(prose(page).split()) for page in WRITTEN}

    assert sum(words.values()) <= 20_000, words


@pytest.mark.parametrize("page", WRITTEN, ids=[page.stem for page in WRITTEN])
def test_sentences_are_short(page: Path) -> None:
    paragraphs = re.split(r"\n\s*\n|\n *(?=[-*|]|\d+\.)", prose(page))
    sentences = [
        s for p in paragraphs for s in re.split(r"(?<=[.!?:])\s+", p) if len(s.split()) > 2
    ]

    average = sum(len(s.split()) for s in sentences) / max(len(sentences), 1)
    assert average < 20, max(sentences, key=lambda s: len(s.split()))


# The docstrings


def _examples() -> list[doctest.DocTest]:
    """The docstrings of the package that have examples."""
    packaged = pkgutil.walk_packages(timeline.__path__, "timeline.")
    modules = [importlib.import_module(module.name) for module in packaged]
    docstrings = (test for module in modules for test in doctest.DocTestFinder().find(module))
    return [docstring for docstring in docstrings if docstring.examples]


EXAMPLES = _examples()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 50


@pytest.mark.parametrize("docstring", EXAMPLES, ids=attrgetter("name"))
def test_examples_in_docstrings_hold(
    docstring: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example may use `record`, which is that of `harbour.py`."""
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        if any("record." in example.source for example in docstring.examples):
            docstring.globs["record"] = stack.enter_context(harbour.opened())
        assert doctest.DocTestRunner().run(docstring).failed == 0


if __name__ == "__main__":  # scripts/docs --rerun
    for page in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            old, new = page.read_text(encoding="utf-8"), rerun(page, Path(folder))
        if VARIES.sub("", old) != VARIES.sub("", new):
            page.write_text(new, encoding="utf-8")
            print(f"{page.name} has changed")  # noqa: T201
