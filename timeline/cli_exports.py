"""The commands at both ends of a record: `new` and `schema` to start one, `export`, `import`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, get_args

import click

from timeline.api import Timeline
from timeline.cli_options import as_of, chosen
from timeline.codec import Codec
from timeline.exports.bibliography import Form
from timeline.exports.files import Place, new_file
from timeline.exports.rows import Form as RowsForm
from timeline.ingest.schema import entry_schema, record_schema
from timeline.ingest.starter import start
from timeline.projections import BUILT_IN
from timeline.rows import shape_of


class Opener(Protocol):
    """What the commands get from `timeline.cli`."""

    def __call__(self, *, create: bool = False) -> Timeline:
        """The record that the command line names; if so wished, made where there is none."""

    def codec(self) -> Codec:
        """The event classes that the command line names, beside those of the package."""

    def progress(self, task: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """A bar that is told how much is done, and how much there is."""


@click.group()
def export() -> None:
    """Write what other tools read.

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


def _write(path: str, data: bytes) -> None:
    with new_file(_place(path)) as out:
        out.write(data)


@export.command("log")
@_FILE
@click.pass_obj
def export_log(opener: Opener, path: str) -> None:
    """Write the whole log as JSON Lines, for `timeline import`.

    Ids, places, times and digests are kept; what was taken down is not in it.

    \b
    timeline export log -o record.jsonl
    timeline --db sqlite:///copy.db import record.jsonl
    """
    with opener() as timeline:
        head = timeline.export_log(_place(path))
    click.echo(f"exported the log up to {head.seal}", err=True)


@export.command("calendar")
@click.option("--series", help="Only the editions of this series.")
@click.option("--meeting", help="Only this meeting.")
@as_of
@_FILE
@click.pass_obj
def export_calendar(
    opener: Opener, path: str, moment: dict[str, Any], series: str | None, meeting: str | None
) -> None:
    """Write the meetings as iCalendar, for calendar programs.

    A meeting whose date is uncertain spans the days that it may have been on, and says so. One
    without a year cannot stand in a calendar; the calendar's description names it.

    \b
    timeline export calendar -o meetings.ics
    timeline export calendar --series summits --published-by 2022-12-31 -o summits.ics
    """
    with opener() as timeline:
        made = chosen(timeline, moment).calendar(series=series, meeting=meeting)
    _write(path, made)


@export.command("timelinejs")
@click.option("--initiative", metavar="ID", help="Only this one, grouped by party.")
@as_of
@_FILE
@click.pass_obj
def export_timelinejs(
    opener: Opener, path: str, moment: dict[str, Any], initiative: str | None
) -> None:
    """Write initiatives as the JSON that Knight Lab's TimelineJS shows.

    \b
    timeline export timelinejs --initiative joint-harbour -o harbour.json
    """
    with opener() as timeline:
        made = chosen(timeline, moment).timelinejs(initiative)
    _write(path, made.encode() + b"\n")


@export.command("sources")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Form)),
    default="csl",
    show_default=True,
    help="CSL-JSON, or BibTeX.",
)
@click.option("--initiative", metavar="ID", help="Only those that its report rests on.")
@as_of
@_FILE
@click.pass_obj
def export_sources(
    opener: Opener, path: str, moment: dict[str, Any], form: Form, initiative: str | None
) -> None:
    """Write the sources as references, for reference managers and word processors.

    \b
    timeline export sources --format bibtex -o sources.bib
    timeline export sources --initiative joint-harbour -o harbour.json
    """
    with opener() as timeline:
        made = chosen(timeline, moment).bibliography(form, initiative=initiative)
    _write(path, made.encode())


def _complete_rows(_ctx: object, _param: object, begun: str) -> list[str]:
    names = (shape_of(cls).name for each in BUILT_IN for cls in each.rows)
    return sorted(name for name in names if name.startswith(begun))


@export.command("rows")
@click.argument("name", shell_complete=_complete_rows)
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(RowsForm)),
    default="csv",
    show_default=True,
    help="CSV, JSON Lines, or Parquet.",
)
@as_of
@_FILE
@click.pass_obj
def export_rows(
    opener: Opener, path: str, moment: dict[str, Any], name: str, form: RowsForm
) -> None:
    """Write the rows of read model NAME, such as meetings or attendance: what SQL finds under it.

    In CSV, text that a spreadsheet would take for a formula stands behind an apostrophe.

    \b
    timeline export rows meetings -o meetings.csv
    timeline export rows statements --format parquet -o statements.parquet
    """
    with opener() as timeline:
        chosen(timeline, moment).export_rows(name, _place(path), form)


@click.command("import")
@click.argument("file")
@click.option(
    "--seal", metavar="POSITION:DIGEST", help="What `timeline seal` printed for that log."
)
@click.pass_obj
def import_log(opener: Opener, file: str, seal: str | None) -> None:
    """Take over the log in FILE, which `timeline export log` wrote: all of it or nothing.

    The record must be empty, or hold what that log begins with; then only the rest is added. Every
    digest is checked.

    \b
    timeline --db sqlite:///copy.db import record.jsonl
    """
    with opener(create=True) as timeline, opener.progress("importing") as told:
        done = timeline.import_log(_place(file, reading=True), seal=seal, progress=told)
    click.echo(f"{done.added:,} added; the log ends at {done.head.seal}")


@click.command()
@click.argument("type", metavar="[EVENT]", required=False)
@click.pass_obj
def schema(opener: Opener, type: str | None) -> None:
    """Print the JSON Schema of record files, or of their entries of one type of EVENT.

    Editors complete and check a file with it whose first line names it:

    \b
    timeline schema > timeline.schema.json
    # yaml-language-server: $schema=timeline.schema.json
    """
    codec = opener.codec()
    found = record_schema(codec.classes) if type is None else entry_schema(codec.class_named(type))
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@click.command()
@click.argument("name")
@click.argument("folder", default=".", metavar="[DIR]")
@click.pass_obj
def new(opener: Opener, name: str, folder: str) -> None:
    """Start a record: write NAME.yaml, an example with comments that can be ingested as it stands.

    Beside it goes the schema by which editors complete and check it. Nothing is overwritten.

    \b
    timeline new harbour
    timeline ingest harbour.yaml
    timeline report initiative harbour-initiative
    """
    file = start(name, folder, record_schema(opener.codec().classes))
    click.echo(f"{file} is an example to write over. As it stands:")
    click.echo(f"  timeline ingest {file}\n  timeline report initiative {name}-initiative")


COMMANDS: tuple[Any, ...] = (export, import_log, schema, new)
"""What `timeline.cli` takes over."""
