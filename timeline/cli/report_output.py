"""How the command line shows a report: in which format, in which file, which table."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from timeline.cli.open_record import Opener
from timeline.cli.options import EXCEL, OUTPUT, chosen, written

if TYPE_CHECKING:
    from rich.console import Console

    from timeline.reports import Report

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Form(NamedTuple):
    """How a report is shown: the format, the file, which table, and whether for Excel."""

    name: str
    output: str
    table: str | None
    excel: bool


_RENDERINGS: dict[str, Callable[[Report], str]] = {
    "json": lambda report: report.to_json() + "\n",
    "md": lambda report: report.to_markdown(),
    "html": lambda report: report.to_html(),
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
    OUTPUT,
    click.option(
        "--table",
        metavar="TITLE",
        help="With csv: this table as it is shown, by its title or a beginning that no other has. "
        "Without it each cell of every table is a row.",
    ),
    EXCEL,
)


def rendered(command: _Command) -> _Command:
    """Add the options that choose how a report is shown; the command gets them as `form`."""

    @functools.wraps(command)
    def gathered(
        *args: Any, form: str, output: str, table: str | None, excel: bool, **options: Any
    ) -> Any:
        if form != "csv" and (table is not None or excel):
            option = "--excel" if excel else "--table"
            raise click.UsageError(f"{option} goes with --format csv")
        return command(*args, form=Form(form, output, table, excel), **options)

    made: Any = gathered
    for option in reversed(_OPTIONS):
        made = option(made)
    return typing.cast("_Command", made)


def show(opener: Opener, form: Form, moment: dict[str, Any], make: Callable[[Any], Report]) -> None:
    """Make a report of the record as of a moment, and show it in its form."""
    with opener() as timeline:
        report = make(chosen(timeline, moment))
    if form.output == "-":
        # As bytes, so that line ends are those of the format on every system.
        from rich.console import Console

        click.echo(_shown(report, form, Console()).encode(), nl=False)
        return
    from timeline.formats.files import new_file

    with written(form.output) as place, new_file(place) as out:
        out.write(_shown(report, form).encode())


def _shown(report: Report, form: Form, console: Console | None = None) -> str:
    if form.name == "csv":
        return ("\ufeff" if form.excel else "") + report.to_csv(form.table)
    if form.name != "text":
        return _RENDERINGS[form.name](report)
    if console is None:
        return report.to_text() + "\n"
    return report.to_text(console.width, color=console.color_system is not None) + "\n"
