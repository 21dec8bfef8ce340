"""The command line. It joins the rooms and holds no logic of its own.

Here is the command `timeline` itself. What it runs is beside it, the commands of one matter in one
module.

Exit codes: 0 done; 1 it could not be done, and the message says why; 2 the command was misspelt;
130 it was ended by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from typing import Any, NoReturn

import click

from timeline.cli import export, ingest, log, projections
from timeline.cli.open_record import Opener
from timeline.cli.output import escaped
from timeline.cli.reports import report, top_commands
from timeline.errors import TimelineError, no_text

_DEFAULT_URL = "timeline.db"


class _Commands(click.Group):
    """A group whose commands end with a message, not a traceback, where the user can mend it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            done = super().invoke(ctx)
        except TimelineError as error:
            raise click.ClickException(escaped(str(error))) from error
        except UnicodeEncodeError as error:
            raise click.ClickException(no_text(error)) from error
        except KeyboardInterrupt:
            click.echo("\nAborted!", err=True)
            raise click.exceptions.Exit(130) from None  # click itself would end with 1
        sys.stdout.flush()  # here a full disk still gets a message
        return done

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            return super().main(*args, **options)
        except OSError as error:  # click handles a closed pipe
            _cannot_write(error)


def _open_closed() -> None:
    """Read from and write to nowhere where the parent process has closed a standard stream.

    Python has None for it. A file that is opened later would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _write_utf8() -> None:
    """Write UTF-8 to files and pipes, whatever the locale; a terminal gets what it can show."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            # Names of files may be bytes that are not text; write them back unchanged.
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _cannot_write(error: OSError) -> NoReturn:
    """End with a message that the output, or a file, cannot be written."""
    where = f"{error.filename}: " if error.filename else ""
    click.echo(f"Error: cannot write: {escaped(where)}{error.strerror or error}", err=True)
    # At exit Python tries to write the rest once more, and would print a traceback.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--db",
    "url",
    metavar="PATH|URL",
    envvar="TIMELINE_URL",
    default=_DEFAULT_URL,
    show_default=True,
    show_envvar=True,
    help="The database: a path such as record.db, or postgresql://USER@HOST/NAME.",
)
@click.option(
    "--events",
    "modules",
    metavar="MODULE",
    multiple=True,
    envvar="TIMELINE_EVENTS",
    show_envvar=True,
    help="A Python module with event classes, upcasters or projections of your own. For several, "
    "repeat the option, or separate their names by spaces in the variable.",
)
@click.version_option(package_name="timeline-store", prog_name="timeline")
@click.pass_context
def cli(ctx: click.Context, url: str, modules: tuple[str, ...]) -> None:
    """Keep what was reported, and ask who said, met and proposed what.

    \b
    export TIMELINE_URL=record.db
    timeline new harbour               an example file to write over
    timeline ingest harbour.yaml
    timeline report initiative harbour-initiative
    """
    ctx.obj = Opener(url, modules)


_COMMANDS = (*ingest.COMMANDS, *log.COMMANDS, *projections.COMMANDS, *export.COMMANDS)
for _command in (*_COMMANDS, report, *top_commands()):
    cli.add_command(_command)


def main() -> None:
    """Run the `timeline` command; its entry point is that of `python -m timeline`."""
    # A command makes many objects at the start and ends soon: looking for cycles takes 5 % of it.
    gc.set_threshold(50_000, 20, 20)
    _open_closed()
    _write_utf8()
    cli(prog_name="timeline")  # also as `python -m timeline`
