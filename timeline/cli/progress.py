"""How far a command has come, and how much it did."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextlib.contextmanager
def progress(task: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, for a person only: piped output stays clean."""
    with progresses(task) as (report,):
        yield report


@contextlib.contextmanager
def progresses(*tasks: str) -> Iterator[list[Callable[[int, int], None]]]:
    """Bars for several tasks, done one after the other."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

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
        yield [_mover(bar, bar.add_task(task, total=None)) for task in tasks]


def _mover(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(task, completed=done, total=total)


def count(number: int, noun: str) -> str:
    """A number and its noun, for a message: `1 event`, `2,000 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
