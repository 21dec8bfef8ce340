"""What commands write: to which file, in which format, with which progress and counts."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from timeline.formats.files import Place
    from timeline.log.follow import Subscription
    from timeline.log.telemetry import Progress

F = TypeVar("F", bound="Callable[..., Any] | click.Command")

_FORCE = "timeline.cli.force"


def OUTPUT(command: F) -> F:  # noqa: N802 - a decorator as EXCEL and FORMAT are
    """The options by which a command writes to a file."""
    to = click.option(
        "-o",
        "--output",
        metavar="FILE",
        default="-",
        help="Write to FILE, which gets its name when all is written; - is standard output.",
    )
    force = click.option(
        "--force",
        is_flag=True,
        expose_value=False,
        callback=_note_force,
        help="Replace FILE if it is there already.",
    )
    return to(force(command))


def _note_force(context: click.Context, _option: click.Parameter, value: bool) -> None:
    context.meta[_FORCE] = value


@contextlib.contextmanager
def written(output: str) -> Iterator[Place]:
    """The file of that name, or standard output for `-`; afterwards say which file was written."""
    if output == "-":
        yield sys.stdout.buffer
    else:
        _require_leave(output)
        yield output
        click.echo(f"Wrote {escaped(output)}", err=True)


def _require_leave(output: str) -> None:
    """Ask before a file is replaced; where nobody can be asked, refuse."""
    if not _has_content(Path(output)):
        return
    from timeline.formats.files import require_no_database

    require_no_database(Path(output))  # not with --force either
    if click.get_current_context().meta[_FORCE]:
        return
    problem = f"{escaped(output)} is there already"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"{problem}: --force replaces it. Or name another file")
    click.confirm(f"{problem}. Replace it?", abort=True, err=True)


def _has_content(file: Path) -> bool:
    """Whether a file would lose something: devices and pipes do not, nor what `mktemp` makes."""
    try:
        return file.is_file() and file.stat().st_size > 0
    except (OSError, ValueError):
        return False  # writing says what is wrong with the name


def not_for_terminals(form: str, output: str) -> None:
    """Refuse to write a binary format to a terminal."""
    if output == "-" and sys.stdout.isatty():
        raise click.UsageError(f"{form} is not for a terminal: name a file with -o, or use a pipe")


def escaped(text: str) -> str:
    """Text for a terminal, with what could steer it written out.

    >>> escaped("red: \\x1b[31m")
    'red: \\\\x1b[31m'
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


EXCEL = click.option(
    "--excel",
    is_flag=True,
    help="With csv: begin the file with a mark by which Excel knows that it is UTF-8.",
)


FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text for reading, json for programs.",
)


# How far a command has come


@contextlib.contextmanager
def progress(task: str) -> Iterator[Progress]:
    """A bar on standard error, for a person only: piped output stays clean."""
    with progresses(task) as (report,):
        yield report


@contextlib.contextmanager
def progresses(*tasks: str) -> Iterator[list[Progress]]:
    """Bars for several tasks, done one after the other."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    bar = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    # Some releases of rich end even a disabled bar with an empty line.
    with bar if console.is_terminal else contextlib.nullcontext():
        yield [_mover(bar, bar.add_task(task, total=None)) for task in tasks]


def _mover(bar: Bars, task: TaskID) -> Progress:
    return lambda done, total: bar.update(task, completed=done, total=total)


def count(number: int, noun: str) -> str:
    """A number and its noun, for a message: `1 event`, `2,000 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


# Tables of status


def print_json(what: object) -> None:
    """Print something as one line of JSON."""
    import msgspec

    click.echo(msgspec.json.encode(what).decode())


def print_subscriptions(lines: Sequence[Subscription]) -> None:
    """Print subscriptions as a table."""
    rows = [(line.name, f"{line.position:,}", f"{line.lag:,}") for line in lines]
    print_table(("subscription", "position", "lag"), rows)


def print_table(titles: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under their titles, with numbers to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in titles:
        right = title in {"build", "position", "lag", "version"}
        # A name is to be copied: it is folded and never cut.
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escaped, row))
    # Piped, it has no width to keep to.
    Console(width=None if sys.stdout.isatty() else 200, markup=False).print(table)
