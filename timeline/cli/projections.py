"""The commands that keep read models up to date: run, status and rebuild."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from timeline.cli.open_record import Opener
from timeline.cli.output import FORMAT, print_json, print_subscriptions, print_table, progress
from timeline.cli.values import number_from
from timeline.errors import DatabaseError, StoreAltered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timeline.engine.builds import Build
    from timeline.engine.runner import ProjectionStatus


@click.command()
@click.pass_obj
def run(opener: Opener) -> None:
    """Keep the read models up with the log, until stopped (Ctrl-C, or SIGTERM).

    \b
    timeline --db postgresql://keeper@db.example/harbour run
    """
    stop = threading.Event()

    def end(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)  # a second signal does not wait for a step to end

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    with opener() as timeline, progress("keeping") as report:
        timeline.run(stop, report)


@click.command()
@FORMAT
@click.pass_obj
def status(opener: Opener, form: str) -> None:
    """How far the rows of each projection, and each subscription, have come; lag is in events.

    `live` is the build that the plain names show, `ready` the one before it. The rows of a
    projection by other code are moved on only by that code. A subscription is known from its first
    batch on. Triggers, tables and views that are not as they were made are named; it then exits
    with 1.

    \b
    timeline status
    """
    with opener() as timeline:
        problems = timeline.problems()
        try:
            builds, subscriptions = timeline.status(), timeline.store.subscriptions()
        except DatabaseError:
            if problems:  # a table is gone, say
                raise StoreAltered(problems) from None
            raise
    if form == "json":
        print_json({"projections": builds, "subscriptions": subscriptions, "problems": problems})
    else:
        _print_builds(builds)
        if subscriptions:
            click.echo()
            print_subscriptions(subscriptions)
    if problems:
        raise StoreAltered(problems)


def _print_builds(lines: Sequence[ProjectionStatus]) -> None:
    rows = []
    for line in lines:
        state = line.state if line.ours else f"{line.state}, by other code"
        numbers = (f"{line.position:,}", f"{line.lag:,}")
        rows.append((line.projection, line.mode or "-", str(line.build), state, *numbers))
    print_table(("projection", "mode", "build", "state", "position", "lag"), rows)


def _complete_projection(_ctx: object, _param: object, begun: str) -> list[str]:
    from timeline.projections import BUILT_IN

    return [known.name for known in BUILT_IN if known.name.startswith(begun)]


@click.command()
@click.argument("name", shell_complete=_complete_projection)
@click.option("--hold", is_flag=True, help="Keep the new rows aside; without this they go live.")
@click.option(
    "--diff",
    is_flag=True,
    help="Keep nothing; show what differs from the live ones. Exits with 1 if anything does.",
)
@click.option("--back", is_flag=True, help="Go back to the rows that were live before.")
@click.option(
    "--scheduler", "on", metavar="ADDRESS", help="Fold on the workers of this Dask scheduler."
)
@click.option(
    "--workers",
    type=number_from(1),
    help="Fold on this many processes, started on this machine.",
)
@click.option(
    "--memory", metavar="SIZE", help="How much memory each of these may take, such as 2GiB."
)
@click.option("--archive", metavar="TARGET", help="Let workers read this archive.")
@click.option("--rows", metavar="TARGET", help="Let workers write Parquet files there instead.")
@click.pass_obj
def rebuild(
    opener: Opener,
    /,
    name: str,
    *,
    hold: bool,
    diff: bool,
    back: bool,
    rows: str | None,
    **workers: Any,
) -> None:
    """Build the rows of projection NAME again, beside the live ones.

    Appends and reports go on meanwhile. After a stop or a crash the same command goes on where it
    was; on workers it begins again. The plain names of SQL change to the new rows in one moment.

    \b
    timeline rebuild meetings --diff
    timeline rebuild meetings
    timeline rebuild meetings --workers 4 --memory 2GiB
    timeline rebuild meetings --workers 4 --rows rows
    """
    if hold + diff + back > 1:
        raise click.UsageError("choose one of --hold, --diff and --back")
    if (diff or back) and any(workers.values()):
        raise click.UsageError("--diff and --back need no workers")
    if rows is not None:
        if hold + diff + back:
            raise click.UsageError("--rows goes with none of --hold, --diff and --back")
        _rebuild_files(opener, name, rows, workers)
        return
    with opener() as timeline:
        if back:
            done = timeline.go_back(name)
        else:
            with progress(f"building {name}") as report:
                if diff:
                    compared = timeline.compare(name, progress=report)
                else:
                    done = timeline.rebuild(name, hold=hold, progress=report, **workers)
    if diff:
        click.echo(str(compared))
        raise SystemExit(1 if compared.differences else 0)
    click.echo(_built(done))


def _rebuild_files(opener: Opener, name: str, rows: str, workers: dict[str, Any]) -> None:
    # An archive is enough: the record may be a new one.
    record = opener() if workers["archive"] is None else opener.filling()
    with record as timeline, progress(f"building {name}") as report:
        filed = timeline.rebuild_files(name, rows, progress=report, **workers)
    click.echo(f"{name}, at position {filed.position:,}, is at {rows}/{filed.folder}.")


def _built(build: Build) -> str:
    where = f"build {build.number} of {build.projection}, at position {build.position:,}"
    if build.state == "built":
        return f"{where}, waits: `timeline rebuild {build.projection}` lets it go live."
    return f"{where}, is {build.state}."


COMMANDS: tuple[click.Command, ...] = (run, status, rebuild)
