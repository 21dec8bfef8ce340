"""The command `timeline`: what all commands under it share."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any, NoReturn

import click

from timeline.cli import exports, keeping, record
from timeline.cli.opener import Opener
from timeline.cli.reports import report
from timeline.errors import TimelineError

_DEFAULT_URL = "sqlite:///timeline.db"


class _Commands(click.Group):
    """A group whose commands end with a message, not a traceback, when the user can mend it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            done = super().invoke(ctx)
        except TimelineError as error:
            raise click.ClickException(str(error)) from error
        except UnicodeEncodeError as error:
            raise click.ClickException(_not_utf8(error)) from error
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()  # while a full disk can still be told of
        return done

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            return super().main(*args, **options)
        except OSError as error:  # a closed pipe is click's own matter
            _cannot_write(error)


def _not_utf8(error: UnicodeEncodeError) -> str:
    """What is wrong with a word of the command line that cannot be looked up or written.

    Raises:
        UnicodeEncodeError: the error itself, if no such word made it.
    """
    character = error.object[error.start]
    if not "\udc80" <= character <= "\udcff":  # what Python takes for a byte that it cannot read
        raise error
    byte = ord(character) - 0xDC00
    return (
        f"expected words in UTF-8; found the byte 0x{byte:02x} in {error.object!a:.80}. Give them "
        "in UTF-8, or set the terminal to it"
    )


def _write_utf8() -> None:
    """Write UTF-8 where programs read, as reports and exports do, whatever the system's habit is.

    A terminal gets what it can show.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            # The names of files may be bytes that are no text, and are given back as they are.
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _cannot_write(error: OSError) -> NoReturn:
    """Say that the output, or a file, cannot be written, and end."""
    where = f"{error.filename}: " if error.filename else ""
    click.echo(f"Error: cannot write: {where}{error.strerror or error}", err=True)
    # Python tries once more at exit to write what is left, and would complain in its own way.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--db",
    "url",
    metavar="URL",
    envvar="TIMELINE_URL",
    default=_DEFAULT_URL,
    show_default=True,
    show_envvar=True,
    help="The database: sqlite:///FILE or postgresql://USER@HOST/NAME.",
)
@click.option(
    "--events",
    "modules",
    metavar="MODULE",
    multiple=True,
    help="A Python module with event classes, upcasters or projections of your own; may be given "
    "repeatedly.",
)
@click.version_option(package_name="timeline-store", prog_name="timeline")
@click.pass_context
def cli(ctx: click.Context, url: str, modules: tuple[str, ...]) -> None:
    """Keep what was reported, and ask who said, met and proposed what.

    \b
    export TIMELINE_URL=sqlite:///record.db
    timeline new harbour               an example file to write over
    timeline ingest harbour.yaml
    timeline report initiative harbour-initiative
    """
    ctx.obj = Opener(url, modules)


for _command in (*record.COMMANDS, *keeping.COMMANDS, report, *exports.COMMANDS):
    cli.add_command(_command)


def main() -> None:
    """The entry point of the `timeline` command."""
    _write_utf8()
    cli(prog_name="timeline")  # also as `python -m timeline`
