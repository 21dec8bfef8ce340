"""Options that several commands share."""

from __future__ import annotations

import contextlib
import functools
import sys
import typing
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from timeline.formats.files import Place
    from timeline.record import Record, Timeline

_Command = TypeVar("_Command", bound=Callable[..., Any])


_CUTOFFS = (
    click.option(
        "--at",
        "position",
        type=click.IntRange(min=0),
        metavar="POSITION",
        help="The record up to this position of its log.",
    ),
    click.option(
        "--recorded-by",
        "recorded",
        metavar="INSTANT",
        help="The record as it was then; a date counts to its end, in UTC.",
    ),
    click.option(
        "--published-by",
        "published",
        metavar="DATE",
        help="Only what sources report that were published by the end of this date.",
    ),
    click.option(
        "--occurred-by",
        "occurred",
        metavar="DATE",
        help="Only what had happened by the end of this date, as far as is known now.",
    ),
    click.option(
        "--possibly",
        is_flag=True,
        help="With dates: include what only may have been published or happened by then.",
    ),
)


def as_of(command: _Command) -> _Command:
    """Add the options that choose a moment; the command gets them together, as `moment`."""

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> Any:
        names = ("position", "recorded", "published", "occurred", "possibly")
        moment = {name: options.pop(name) for name in names}
        return command(*args, moment=moment, **options)

    made: Any = gathered
    for option in reversed(_CUTOFFS):
        made = option(made)
    return typing.cast("_Command", made)


def chosen(timeline: Timeline, moment: dict[str, Any]) -> Record:
    """The record as of the moment that the options name; now, if they name none."""
    if any(value is not None and value is not False for value in moment.values()):
        return timeline.as_of(**moment)
    return timeline


OUTPUT = click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="-",
    help="Write to FILE, which is replaced only when all is written; - is standard output.",
)


@contextlib.contextmanager
def written(output: str) -> Iterator[Place]:
    """The file of that name, or standard output for `-`; afterwards say which file was written."""
    if output == "-":
        yield sys.stdout.buffer
    else:
        yield output
        click.echo(f"Wrote {output}", err=True)


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
