"""The commands that keep a record: sealed and archived, and its read models up with it."""

from __future__ import annotations

import signal
import threading
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from timeline.cli.opener import Opener
from timeline.cli.options import FORMAT
from timeline.cli.progress import count, progress
from timeline.engine import roles
from timeline.engine.builds import Build, Comparison, Difference
from timeline.engine.roles import Right
from timeline.log.archive import Archive
from timeline.log.digests import Head
from timeline.models import BUILT_IN


@click.command()
@click.pass_obj
def seal(opener: Opener) -> None:
    """Print where the log ends, as POSITION:DIGEST.

    Keep it where whoever can change the database cannot: in a mail, a notebook, another repository.

    \b
    timeline seal > ~/seals/harbour-today
    """
    with opener() as timeline:
        click.echo(timeline.seal())


@click.command()
@click.argument("target", required=False)
@click.option("--seal", "sealed", metavar="POSITION:DIGEST", help="What `timeline seal` printed.")
@click.pass_obj
def verify(opener: Opener, target: str | None, sealed: str | None) -> None:
    """Check that nothing in the log was changed, removed, added or reordered.

    With TARGET, the archive there is checked, by itself; that its last events were cut off shows
    only against a seal.

    \b
    timeline verify --seal "$(cat ~/seals/harbour-today)"
    timeline verify s3://bucket/record
    """
    with progress("verifying") as told:
        if target is None:
            with opener() as timeline:
                head = timeline.verify(seal=sealed, progress=told)
        else:
            kept = None if sealed is None else Head.of_seal(sealed)
            head = Archive(target).verify(seal=kept, progress=told)
    against = " and to the seal" if sealed else ""
    click.echo(f"{count(head.position, 'event')} verified, true to their digests{against}.")


@click.command()
@click.argument("target")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Events in each file of a new archive; 100,000 unless given.",
)
@click.pass_obj
def archive(opener: Opener, target: str, rows: int | None) -> None:
    """Write the log to TARGET, a folder or an address such as s3://bucket/record, as Parquet.

    Run again, it adds what is new, and rewrites what holds words that were taken down.

    \b
    timeline archive s3://bucket/record
    """
    with opener() as timeline, progress("archiving") as told:
        done = timeline.archive(target, rows_per_file=rows, progress=told)
    click.echo(
        f"{count(done.added, 'event')} added, {count(len(done.files), 'file')} written; the "
        f"archive ends at {done.head.seal}"
    )


@click.command()
@click.argument("right", type=click.Choice(["reader", "writer"]))
@click.argument("role")
@click.pass_obj
def grant(opener: Opener, right: Right, role: str) -> None:
    """On PostgreSQL, let ROLE read the record, or also append to it, and no more.

    The role must exist. Run this as the owner of the record's tables.

    \b
    timeline grant reader desk
    """
    with opener() as timeline:
        roles.grant(timeline.store.engine, right, role)
    click.echo(f"{role} is a {right} now.")


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
        signal.signal(number, signal.SIG_DFL)  # asked twice, it does not wait for a step to end

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    with opener() as timeline, progress("keeping") as told:
        timeline.run(stop, told)


@click.command()
@FORMAT
@click.pass_obj
def status(opener: Opener, form: str) -> None:
    """How far the rows of each projection have come; lag is in events.

    `live` is the build that the plain names stand for, `ready` the one before it; of a projection
    by other code only that code moves the rows on.

    \b
    timeline status
    """
    with opener() as timeline:
        lines = timeline.status()
    if form == "json":
        click.echo(msgspec.json.encode(lines).decode())
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("projection", "mode", "build", "state", "position", "lag"):
        right = title in {"build", "position", "lag"}
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for line in lines:
        state = line.state if line.ours else f"{line.state}, by other code"
        numbers = (f"{line.position:,}", f"{line.lag:,}")
        table.add_row(line.projection, line.mode or "-", str(line.build), state, *numbers)
    console = Console()
    # Piped, it has no width to keep to.
    console.print(table, width=None if console.is_terminal else 200, soft_wrap=False)


def _complete_projection(_ctx: object, _param: object, begun: str) -> list[str]:
    return [each.name for each in BUILT_IN if each.name.startswith(begun)]


@click.command()
@click.argument("name", shell_complete=_complete_projection)
@click.option("--hold", is_flag=True, help="Leave the new rows aside; without it they go live.")
@click.option("--diff", is_flag=True, help="Hold, and show how they differ from the live ones.")
@click.option("--back", is_flag=True, help="Let the rows that were live before be so again.")
@click.option("--on", metavar="ADDRESS", help="Fold on the workers of this Dask scheduler.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Fold on so many processes, started on this machine.",
)
@click.option("--memory", metavar="SIZE", help="What each of these may take, such as 2GiB.")
@click.option("--archive", metavar="TARGET", help="Let workers read this archive.")
@click.pass_obj
def rebuild(
    opener: Opener, /, name: str, *, hold: bool, diff: bool, back: bool, **workers: Any
) -> None:
    """Build the rows of projection NAME anew, beside the live ones.

    Appends and reports go on meanwhile. If it is stopped, or killed, the same command goes on where
    it was; on workers it begins again. The plain names of SQL change over to the new rows in one
    moment.

    \b
    timeline rebuild meetings --diff
    timeline rebuild meetings
    timeline rebuild meetings --workers 4 --memory 2GiB
    """
    if hold + diff + back > 1:
        raise click.UsageError("choose one of --hold, --diff and --back")
    if (diff or back) and any(workers.values()):
        raise click.UsageError("--diff and --back need no workers")
    with opener() as timeline:
        if back:
            done = timeline.go_back(name)
        else:
            with progress(f"building {name}") as told:
                if diff:
                    compared = timeline.compare(name, progress=told)
                else:
                    done = timeline.rebuild(name, hold=hold, progress=told, **workers)
    click.echo(_comparison(compared) if diff else _built(done))


def _built(build: Build) -> str:
    where = f"build {build.number} of {build.projection}, at position {build.position:,}"
    if build.state == "built":
        return f"{where}, waits: `timeline rebuild {build.projection}` lets it go live."
    return f"{where}, is {build.state}."


def _comparison(found: Comparison) -> str:
    live, new = found.live, found.new
    left = found.added + found.removed + found.changed - len(found.first)
    lines = [
        f"{new.projection} at position {new.position:,}, build {new.number} beside {live.number}:",
        *map(_difference, found.first),
        *([f"  and {left:,} more"] if left else []),
        f"{found.added:,} added, {found.removed:,} removed, {found.changed:,} changed.",
        f"Build {new.number} waits: `timeline rebuild {new.projection}` lets it go live.",
    ]
    return "\n".join(lines)


def _difference(found: Difference) -> str:
    key = ", ".join(map(str, found.key))
    changes = (f"{name}: {old} → {new}" for name, (old, new) in found.columns.items())
    return f"  {found.change:<8}  {found.rows} {key}  {'; '.join(changes)}".rstrip()


COMMANDS: tuple[click.Command, ...] = (
    seal,
    verify,
    archive,
    grant,
    run,
    status,
    rebuild,
)
