"""What became of coded event data, as the command line prints it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from timeline.formats import Ingested

_COLUMNS = ("rows", "events", "folded", "further", "repeated", "left_out", "bad")
_MOST_SHOWN = 20
_REASONS = {
    "conduct": "are of conduct",
    "nobody acts": "name nobody who acts",
    "one party": "report a meeting or an agreement and do not name two parties",
}


def show_account(done: Ingested, *, as_json: bool) -> None:
    """Print what became of the rows, by code, and on standard error what is wrong with some."""
    for problem in done.problems[:_MOST_SHOWN]:
        click.echo(f"Left out: {problem}", err=True)
    if done.bad > min(len(done.problems), _MOST_SHOWN):
        click.echo(f"Left out: {done.bad:,} bad rows in all", err=True)
    if done.revised:
        why = "revised: their ids stand for other content already"
        click.echo(f"Of the rows left out, {done.revised:,} are {why}", err=True)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(_account(done)).decode())
    else:
        _print_account(done)


def _print_account(done: Ingested) -> None:
    from rich.console import Console

    console = Console()
    # A pipe has no width to keep to, unless COLUMNS sets one.
    wide = console.is_terminal or "COLUMNS" in os.environ
    (console if wide else Console(width=200)).print(_table(done))
    if done.reasons:
        reasons = (f"{_REASONS[why]}: {rows:,}" for why, rows in done.reasons.items())
        click.echo(f"Rows left out that {'; '.join(reasons)}.")
    click.echo(
        f"{done.added:,} events added: {done.events + done.further:,} of rows, "
        f"{done.actors:,} actors, {done.sources:,} sources; the log holds {done.position:,} events."
    )


def _account(done: Ingested) -> dict[str, Any]:
    import attrs

    plain = attrs.asdict(done, filter=lambda field, _: field.name != "problems")
    return plain | {"problems": [str(problem) for problem in done.problems]}


def _table(done: Ingested) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), pad_edge=False, show_footer=True)
    table.add_column("code", footer="all", no_wrap=True)
    table.add_column("what", overflow="ellipsis", no_wrap=True)
    table.add_column("becomes", no_wrap=True, min_width=len("statement"))
    totals = {title: getattr(done, title) for title in _COLUMNS}
    # A column of zeros only takes room.
    columns = [title for title, total in totals.items() if total or title in {"rows", "events"}]
    for title in columns:
        heading, footer = title.replace("_", " "), f"{totals[title]:,}"
        wide = max(len(heading), len(footer))
        table.add_column(heading, footer, justify="right", no_wrap=True, min_width=wide)
    for line in done.codes:
        numbers = (f"{getattr(line, title):,}" for title in columns)
        table.add_row(line.code, line.label, line.becomes, *numbers)
    return table
