"""How the command line shows a report, and the commands for those that list and compare.

`timeline/cli.py` puts them into the group `report`.
"""

from __future__ import annotations

import contextlib
import functools
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import attrs
import click
from rich.console import Console

from timeline.api import Timeline
from timeline.cli_options import as_of, chosen
from timeline.errors import InvalidInput
from timeline.exports.files import new_file
from timeline.reports import Report

_Command = TypeVar("_Command", bound=Callable[..., Any])

Opener = Callable[[], Timeline]
"""Opens the record; what commands get as the object of their context."""


@attrs.frozen
class Form:
    """How a report is to be shown: the format, the file, and which table."""

    name: str
    output: str
    table: str | None


_RENDERINGS: dict[str, Callable[[Report], str]] = {
    "json": lambda report: report.to_json() + "\n",
    "md": Report.to_markdown,
    "html": Report.to_html,
}

_OPTIONS = (
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json", "csv", "md", "html"]),
        default="text",
        show_default=True,
        help="text for reading, json for programs, csv for spreadsheets, md for GitHub and notes, "
        "html for browsers.",
    ),
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        default="-",
        help="Write to FILE, which is replaced only when all is written; - is standard output.",
    ),
    click.option(
        "--table",
        metavar="TITLE",
        help="With csv: this table as it is shown, by its title or the beginning of it. Without it "
        "each cell of every table is a row.",
    ),
)


def rendered(command: _Command) -> _Command:
    """Give a report the options that say how it is shown; it gets them together, as `form`."""

    @functools.wraps(command)
    def gathered(*args: Any, form: str, output: str, table: str | None, **options: Any) -> Any:
        if table is not None and form != "csv":
            raise click.UsageError("--table goes with --format csv")
        return command(*args, form=Form(form, output, table), **options)

    made: Any = gathered
    for option in reversed(_OPTIONS):
        made = option(made)
    return typing.cast("_Command", made)


def show(opener: Opener, form: Form, moment: dict[str, Any], make: Callable[[Any], Report]) -> None:
    """Make a report of the record as of a moment, and show it as is asked."""
    with opener() as timeline:
        report = make(chosen(timeline, moment))
    if form.output == "-":
        # As bytes: line ends are those of the format, whatever the system's are.
        click.echo(_shown(report, form, Console()).encode(), nl=False)
        return
    with _file(form.output) as out:
        out.write(_shown(report, form).encode())


def _shown(report: Report, form: Form, console: Console | None = None) -> str:
    if form.name == "csv":
        return report.to_csv(form.table)
    if form.name != "text":
        return _RENDERINGS[form.name](report)
    if console is None:
        return report.to_text() + "\n"
    return report.to_text(console.width, color=console.color_system is not None) + "\n"


def _file(name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    """The file to write; what is no plain file, such as a pipe, is written to as it is."""
    path = Path(name)
    if path.is_dir():
        raise InvalidInput(f"{name}: expected a file to write; found a folder")
    if path.is_file() or not path.exists():
        return new_file(path.resolve())  # a link stays one
    try:
        return path.open("wb")
    except OSError as error:
        raise InvalidInput(f"{name}: cannot be written: {error.strerror}") from None


# Reports


@click.command()
@click.argument("id")
@as_of
@rendered
@click.pass_obj
def positions(opener: Opener, form: Form, moment: dict[str, Any], id: str) -> None:
    """Where each party of initiative ID stood, and when that changed.

    \b
    timeline report positions joint-harbour --format md -o positions.md
    """
    show(opener, form, moment, lambda record: record.positions(id))


@click.command()
@click.option("--actor", help="Only what names this actor, by id or any recorded name.")
@click.option("--initiative", metavar="ID", help="Only what concerns this initiative.")
@click.option("--meeting", help="Only what is told of this meeting, or happened at it.")
@click.option("--series", help="Likewise, of the editions of this series.")
@click.option("--type", help="Only events of this type, such as StatementMade.")
@click.option("--since", metavar="DATE", help="Only what happened from this date on.")
@click.option("--until", metavar="DATE", help="Only what happened up to this date.")
@click.option(
    "--certainly",
    is_flag=True,
    help="With dates: leave out what only may have happened within them.",
)
@as_of
@rendered
@click.pass_obj
def chronology(opener: Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """What happened, in order of time.

    What is of uncertain date is listed if it may have happened within the dates given.

    \b
    timeline report chronology --initiative joint-harbour --since 2022-11
    timeline report chronology --actor 'Ann Minister' --type StatementMade
    """
    show(opener, form, moment, lambda record: record.chronology(**filters))


@click.command()
@click.argument("name")
@as_of
@rendered
@click.pass_obj
def dossier(opener: Opener, form: Form, moment: dict[str, Any], name: str) -> None:
    """All of the actor that goes by NAME: offices, words, positions, meetings, whom it met.

    \b
    timeline report dossier 'Minister, Ann'
    timeline report dossier ann --format csv --table 'Who met'
    """
    show(opener, form, moment, lambda record: record.dossier(name))


@click.command()
@click.option("--initiative", metavar="ID", help="Only of what concerns this initiative.")
@as_of
@rendered
@click.pass_obj
def sources(opener: Opener, form: Form, moment: dict[str, Any], initiative: str | None) -> None:
    """What each source carries, what is copied, and what rests on one origin only.

    \b
    timeline report sources --initiative joint-harbour
    """
    show(opener, form, moment, lambda record: record.sources(initiative=initiative))


COMMANDS: tuple[click.Command, ...] = (positions, chronology, dossier, sources)
