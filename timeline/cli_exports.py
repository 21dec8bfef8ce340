"""The commands that lead out of a record and into one: `export`, `import`, `new` and `schema`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from timeline.api import Timeline
from timeline.exports.files import Place

Opener = Callable[..., Timeline]
"""Opens the record that the command line names; `create=True` makes one where there is none."""


@click.group()
def export() -> None:
    r"""Write what other tools read.

    \b
    timeline export log -o record.jsonl
    timeline export calendar -o meetings.ics
    """


_FILE = click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    default="-",
    help="The file to write; standard output, if none is named.",
)


def _place(path: str, *, reading: bool = False) -> Place:
    """The file of that name; `-` is standard input or output."""
    if path != "-":
        return path
    return sys.stdin.buffer if reading else sys.stdout.buffer


@export.command("log")
@_FILE
@click.pass_obj
def export_log(opener: Opener, path: str) -> None:
    r"""Write the whole log as JSON Lines, for `timeline import`.

    Ids, places, times and digests are kept; what was taken down is not in it.

    \b
    timeline export log -o record.jsonl
    timeline --db sqlite:///copy.db import record.jsonl
    """
    with opener() as timeline:
        head = timeline.export_log(_place(path))
    click.echo(f"exported the log up to {head.seal}", err=True)


@click.command("import")
@click.argument("file")
@click.option(
    "--seal", metavar="POSITION:DIGEST", help="What `timeline seal` printed for that log."
)
@click.pass_obj
def import_log(opener: Opener, file: str, seal: str | None) -> None:
    r"""Take over the log in FILE, which `timeline export log` wrote: all of it or nothing.

    The record must be empty, or hold what that log begins with; then only the rest is added. Every
    digest is checked.

    \b
    timeline --db sqlite:///copy.db import record.jsonl
    """
    with opener(create=True) as timeline:
        done = timeline.import_log(_place(file, reading=True), seal=seal)
    click.echo(f"{done.added:,} added; the log ends at {done.head.seal}")


COMMANDS: tuple[Any, ...] = (export, import_log)
"""What `timeline.cli` takes over."""
