"""How the commands tell how far they have come, and how much they did."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


@contextlib.contextmanager
def progress(task: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, for a person only: piped output stays clean."""
    with progresses(task) as (told,):
        yield told


@contextlib.contextmanager
def progresses(*tasks: str) -> Iterator[list[Callable[[int, int], None]]]:
    """A bar for each of several tasks, one done after the other."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        yield [_teller(bar, bar.add_task(task, total=None)) for task in tasks]


def _teller(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(task, completed=done, total=total)


def count(number: int, noun: str) -> str:
    """A number and what it is of, as messages have them."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
