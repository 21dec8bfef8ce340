"""The command line. It joins the rooms and holds no logic of its own.

Exit codes: 0 done; 1 it could not be done, and the message says why; 2 the command was misspelt.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from timeline import cli_exports, cli_reports, database, grants
from timeline.api import Reporting, Timeline
from timeline.archive import Archive
from timeline.builds import Build, Comparison, Difference
from timeline.cli_coded import show_account
from timeline.cli_options import as_of, chosen
from timeline.cli_reports import Form, rendered, show
from timeline.clock import encode_time
from timeline.codec import Codec
from timeline.errors import TimelineError
from timeline.events import RecordedEvent
from timeline.events.base import EventType
from timeline.grants import Right
from timeline.ingest.coded import Dataset
from timeline.integrity import Head
from timeline.projection import Projection
from timeline.projections import BUILT_IN
from timeline.reports import Report
from timeline.reports.capped import TOP
from timeline.reports.follow_ups import DAYS
from timeline.upcasting import Upcaster

_DEFAULT_URL = "sqlite:///timeline.db"

_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text for reading, json for programs.",
)


class _Commands(click.Group):
    """A group whose commands end with a message, not a traceback, when the user can mend it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TimelineError as error:
            raise click.ClickException(str(error)) from error


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
    ctx.obj = _Opener(url, modules)


class _Opener:
    """Opens the record when a command needs it, and not while `--help` is read."""

    def __init__(self, url: str, modules: tuple[str, ...]) -> None:
        self._url, self._modules = url, modules

    def __call__(self, *, create: bool = False) -> Timeline:
        found = [each for name in self._modules for each in _found_in(name)]
        classes = [each for each in found if not isinstance(each, Projection)]
        projections = [each for each in found if isinstance(each, Projection)]
        _codec(classes)
        return Timeline.open(self._url, events=classes, projections=projections, create=create)

    def codec(self) -> Codec:
        """What is known of events, without a record."""
        found = [each for name in self._modules for each in _found_in(name)]
        return _codec(each for each in found if not isinstance(each, Projection))

    def progress(self, task: str) -> contextlib.AbstractContextManager[Callable[[int, int], None]]:
        """A bar on standard error, for commands in modules of their own."""
        return _progress(task)


def _codec(known: Iterable[type | Upcaster]) -> Codec:
    try:
        return Codec(known)
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--events") from None


def _found_in(module: str) -> list[type | Upcaster | Projection]:
    """The event classes, upcasters and projections that a module defines."""
    # As `python -m` does: a module in the folder the user stands in is found.
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except Exception as error:  # noqa: BLE001  (a user's module may do anything when imported)
        raise click.BadParameter(
            f"cannot import {module!r}: {type(error).__name__}: {error}", param_hint="--events"
        ) from None
    finally:
        sys.path.remove("")
    own: list[Any] = [each for each in vars(found).values() if isinstance(each, Upcaster)]
    for each in dict.fromkeys(filter(inspect.isclass, vars(found).values())):
        if each.__module__ != found.__name__:
            continue
        if isinstance(getattr(each, "__event_type__", None), EventType):
            own.append(each)
        # One without a name is a base of others.
        elif issubclass(each, Projection) and hasattr(each, "name"):
            own.append(_made(each))
    if not own:
        raise click.BadParameter(
            f"{module!r} defines no class made by @event, no @upcaster and no Projection",
            param_hint="--events",
        )
    return own


def _made(projection: type[Projection]) -> Projection:
    try:
        return projection()
    except TypeError as error:
        raise click.BadParameter(
            f"{projection.__module__}.{projection.__name__}: expected a projection that is made "
            f"without arguments: {error}",
            param_hint="--events",
        ) from None


_opener = click.make_pass_decorator(_Opener)


@cli.command()
@_opener
def init(opener: _Opener) -> None:
    """Create the database, or bring its schema up to date.

    \b
    timeline --db sqlite:///harbour.db init
    timeline --db postgresql://ann@db.example/harbour init
    """
    with opener(create=True) as timeline:
        click.echo(f"{database.shown(timeline.store.engine.url)} is ready.")


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["record", "icews", "gdelt"]),
    default="record",
    show_default=True,
    help="record: YAML or JSON as docs/records.md has it. icews, gdelt: coded event data, plain, "
    "zipped or gzipped.",
)
@click.option("--no-conduct", is_flag=True, help="Of coded event data, leave conduct out.")
@click.option("--keep-going", is_flag=True, help="Of coded event data, leave bad rows out.")
@click.option(
    "--json", "as_json", is_flag=True, help="Of coded event data, account for it as JSON."
)
@_opener
def ingest(opener: _Opener, /, files: tuple[str, ...], form: str, **options: bool) -> None:
    """Record what FILES say: all of it or, on any error, nothing.

    What was ingested before is not added again: a file that has grown is ingested whole.

    \b
    timeline ingest harbour.yaml
    timeline ingest record/*.yaml
    """
    with opener(create=True) as timeline:
        if form != "record":
            as_json = options.pop("as_json")
            with _progresses("reading", "recording") as (reading, recording):
                account = timeline.ingest_coded(
                    *files,
                    dataset=cast("Dataset", form),
                    conduct=not options["no_conduct"],
                    keep_going=options["keep_going"],
                    reading=reading,
                    progress=recording,
                )
            show_account(account, as_json=as_json)
            return
        if any(options.values()):
            raise click.UsageError("--no-conduct, --keep-going and --json go with coded event data")
        with _progress("recording") as told:
            done = timeline.ingest(*files, progress=told)
        there = len(done.events) - done.added
        click.echo(
            f"{_count(done.added, 'event')} added, {there} there already; the log holds "
            f"{_count(timeline.store.head().position, 'event')}."
        )


@contextlib.contextmanager
def _progress(task: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, for a person only: piped output stays clean."""
    with _progresses(task) as (told,):
        yield told


@contextlib.contextmanager
def _progresses(*tasks: str) -> Iterator[list[Callable[[int, int], None]]]:
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


@cli.command()
@click.option("--stream", help="Only events of this stream, such as proposal-joint-harbour.")
@click.option("--actor", help="Only events that name this actor, in themselves or as evidence.")
@click.option("--subject", help="Only events that name this id, of whatever kind of thing.")
@click.option("--type", "kind", help="Only events of this type, such as StatementMade.")
@click.option("--since", metavar="DATE", help="Only events that occurred from this date on.")
@click.option("--until", metavar="DATE", help="Only events that occurred up to this date.")
@click.option(
    "--certainly",
    is_flag=True,
    help="With dates: leave out events that only may have occurred within them.",
)
@_FORMAT
@_opener
def log(opener: _Opener, /, form: str, kind: str | None, **filters: Any) -> None:
    """List the events of the log, oldest first.

    An event of uncertain date is listed if it may have occurred within the dates given.
    As json, each line is one event.

    \b
    timeline log --actor 'Ann Minister' --since 2022-11
    timeline log --format json | jq -r .id
    """
    show = _event_json if form == "json" else _event_line
    with opener() as timeline:
        for event in timeline.log(type=kind, **filters):
            click.echo(show(event))


def _event_line(event: RecordedEvent[Any]) -> str:
    occurred = str(event.occurred or "undated")
    return f"{event.position:>6}  {occurred:<21}  {event.type:<18}  {event.id}"


def _event_json(event: RecordedEvent[Any]) -> str:
    shown = {
        "position": event.position,
        "id": event.id,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "occurred": event.occurred,
        "recorded_at": event.recorded,
        "event": event.event,
        "evidence": event.evidence,
        "digest": event.digest.hex(),
    }
    return msgspec.json.encode(shown, enc_hook=encode_time).decode()


@cli.command()
@_opener
def seal(opener: _Opener) -> None:
    """Print where the log ends, as POSITION:DIGEST.

    Keep it where whoever can change the database cannot: in a mail, a notebook, another repository.

    \b
    timeline seal > ~/seals/harbour-today
    """
    with opener() as timeline:
        click.echo(timeline.seal())


@cli.command()
@click.argument("target", required=False)
@click.option("--seal", "sealed", metavar="POSITION:DIGEST", help="What `timeline seal` printed.")
@_opener
def verify(opener: _Opener, target: str | None, sealed: str | None) -> None:
    """Check that nothing in the log was changed, removed, added or reordered.

    With TARGET, the archive there is checked, by itself; that its last events were cut off shows
    only against a seal.

    \b
    timeline verify --seal "$(cat ~/seals/harbour-today)"
    timeline verify s3://bucket/record
    """
    with _progress("verifying") as told:
        if target is None:
            with opener() as timeline:
                head = timeline.verify(seal=sealed, progress=told)
        else:
            kept = None if sealed is None else Head.of_seal(sealed)
            head = Archive(target).verify(seal=kept, progress=told)
    against = " and to the seal" if sealed else ""
    click.echo(f"{_count(head.position, 'event')} verified, true to their digests{against}.")


@cli.command()
@click.argument("target")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Events in each file of a new archive; 100,000 unless given.",
)
@_opener
def archive(opener: _Opener, target: str, rows: int | None) -> None:
    """Write the log to TARGET, a folder or an address such as s3://bucket/record, as Parquet.

    Run again, it adds what is new, and rewrites what holds words that were taken down.

    \b
    timeline archive s3://bucket/record
    """
    with opener() as timeline, _progress("archiving") as told:
        done = timeline.archive(target, rows_per_file=rows, progress=told)
    click.echo(
        f"{_count(done.added, 'event')} added, {_count(len(done.files), 'file')} written; the "
        f"archive ends at {done.head.seal}"
    )


@cli.command()
@click.argument("event", metavar="EVENT")
@click.option("--reason", required=True, help="Why; it is kept in the log.")
@_opener
def redact(opener: _Opener, event: str, reason: str) -> None:
    """Remove the words of EVENT, an event's id, for good.

    Its id, dates and digest stay, so the log still verifies. The database's files are rewritten,
    which takes a while for a large record. Backups and replicas are yours to see to.

    \b
    timeline redact harbour/private-remark --reason 'at her request'
    """
    with opener() as timeline:
        if timeline.redact(event, reason=reason):
            click.echo(f"The words of {event} are gone; an EventRedacted says so.")
        else:
            click.echo(f"The words of {event} had been removed before.")


@cli.command()
@click.argument("right", type=click.Choice(["reader", "writer"]))
@click.argument("role")
@_opener
def grant(opener: _Opener, right: Right, role: str) -> None:
    """On PostgreSQL, let ROLE read the record, or also append to it, and no more.

    The role must exist. Run this as the owner of the record's tables.

    \b
    timeline grant reader desk
    """
    with opener() as timeline:
        grants.grant(timeline.store.engine, right, role)
    click.echo(f"{role} is a {right} now.")


@cli.command()
@_opener
def run(opener: _Opener) -> None:
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
    with opener() as timeline, _progress("keeping") as told:
        timeline.run(stop, told)


@cli.command()
@_FORMAT
@_opener
def status(opener: _Opener, form: str) -> None:
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


@cli.command()
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
@_opener
def rebuild(
    opener: _Opener, /, name: str, *, hold: bool, diff: bool, back: bool, **workers: Any
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
            with _progress(f"building {name}") as told:
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


@cli.group()
def report() -> None:
    """Answer a question from the record.

    \b
    timeline report initiative joint-harbour --published-by 2024-05
    timeline report attendance --series summits --format json
    """


@report.command()
@click.argument("id")
@as_of
@rendered
@_opener
def initiative(opener: _Opener, id: str, form: Form, moment: dict[str, Any]) -> None:
    """The state of initiative ID: stage, parties, positions, terms, talks, sources.

    \b
    timeline report initiative joint-harbour
    timeline report initiative joint-harbour --at 120
    """
    show(opener, form, moment, lambda record: record.initiative(id))


@report.command()
@click.option("--series", help="Only the editions of this series.")
@click.option("--meeting", help="Only this meeting.")
@as_of
@rendered
@_opener
def attendance(
    opener: _Opener, form: Form, moment: dict[str, Any], series: str | None, meeting: str | None
) -> None:
    """Who attended which meeting.

    \b
    timeline report attendance --series summits
    """
    show(opener, form, moment, lambda record: record.attendance(series=series, meeting=meeting))


@report.command()
@click.option("--speaker", help="Only statements of this actor, by id or any recorded name.")
@click.option("--about", help="Only statements about this proposal.")
@click.option("--topic", help="Only statements on this topic.")
@click.option("--since", metavar="DATE", help="Only statements made from this date on.")
@click.option("--until", metavar="DATE", help="Only statements made up to this date.")
@click.option(
    "--certainly",
    is_flag=True,
    help="With dates: leave out statements that only may have been made within them.",
)
@as_of
@rendered
@_opener
def statements(opener: _Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """Who said what.

    A statement of uncertain date is listed if it may have been made within the dates given.

    \b
    timeline report statements --speaker 'Ann Minister' --since 2022-11
    """
    show(opener, form, moment, lambda record: record.statements(**filters))


_TOP = click.option(
    "--top",
    type=click.IntRange(min=1),
    default=TOP,
    show_default=True,
    help="How many to show, the most frequent first.",
)


@report.command("statement-counts")
@click.option("--speaker", help="Only statements of this actor, by id or any recorded name.")
@click.option("--since", metavar="DATE", help="Only statements made from this date on.")
@click.option("--until", metavar="DATE", help="Only statements made up to this date.")
@_TOP
@as_of
@rendered
@_opener
def statement_counts(
    opener: _Opener, /, form: Form, moment: dict[str, Any], **filters: Any
) -> None:
    """How many statements each actor made in each month."""
    show(opener, form, moment, lambda record: record.statement_counts(**filters))


@report.command()
@click.option("--actor", help="Only whom this actor met, by id or any recorded name.")
@click.option("--since", metavar="DATE", help="Only meetings held from this date on.")
@click.option("--until", metavar="DATE", help="Only meetings held up to this date.")
@_TOP
@as_of
@rendered
@_opener
def encounters(opener: _Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """Who met whom, how often, and when."""
    show(opener, form, moment, lambda record: record.encounters(**filters))


@report.command("follow-ups")
@click.option("--actor", help="Only plans of this actor, by id or any recorded name.")
@click.option("--since", metavar="DATE", help="Only plans voiced from this date on.")
@click.option("--until", metavar="DATE", help="Only plans voiced up to this date.")
@click.option(
    "--days",
    type=click.IntRange(min=0),
    default=DAYS,
    show_default=True,
    help="How many days after a plan the meeting may come.",
)
@_TOP
@as_of
@rendered
@_opener
def follow_ups(opener: _Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """Plans of two to meet, and whether both then met."""
    show(opener, form, moment, lambda record: record.follow_ups(**filters))


@report.command()
@click.option("--initiative", metavar="ID", help="Only plans that concern this initiative.")
@click.option(
    "--on",
    metavar="DATE",
    help="As of the end of this date; else of the day of the last recording, or of a moment given.",
)
@as_of
@rendered
@_opener
def plans(opener: _Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """What was announced, and whether it came.

    \b
    timeline report plans --initiative joint-harbour --on 2024-12-31
    """
    show(opener, form, moment, lambda record: record.plans(**filters))


@report.command()
@click.argument("name", required=False)
@as_of
@rendered
@_opener
def actors(opener: _Opener, form: Form, moment: dict[str, Any], name: str | None) -> None:
    """Who is who: all actors, or the one that goes by NAME, in any recorded spelling.

    \b
    timeline report actors
    timeline report actors 'Minister, Ann'
    """
    show(opener, form, moment, lambda record: record.actors(name))


@report.command()
@click.option("--initiative", help="Only what concerns this initiative.")
@click.option("--meeting", help="Only what concerns this meeting.")
@as_of
@rendered
@_opener
def contradictions(
    opener: _Opener,
    form: Form,
    moment: dict[str, Any],
    initiative: str | None,
    meeting: str | None,
) -> None:
    """Where reports cannot all hold.

    \b
    timeline report contradictions --initiative joint-harbour
    """
    show(
        opener,
        form,
        moment,
        lambda record: record.contradictions(initiative=initiative, meeting=meeting),
    )


@report.command()
@click.argument("events", nargs=-1, required=True, metavar="EVENT...")
@as_of
@rendered
@_opener
def corroboration(
    opener: _Opener, form: Form, moment: dict[str, Any], events: tuple[str, ...]
) -> None:
    """On how many independent origins a claim rests: that which each EVENT, an id, records.

    \b
    timeline report corroboration harbour/floated harbour/floated-elsewhere
    """
    show(opener, form, moment, lambda record: record.corroboration(*events))


@report.command()
@click.option("--since", required=True, metavar="DATE", help="The first day; or a position.")
@click.option("--until", required=True, metavar="DATE", help="The last day; or a position.")
@click.option(
    "--clock",
    type=click.Choice(["occurred", "published", "recorded", "position"]),
    default="published",
    show_default=True,
    help="By what happened in that time, was published, or was recorded.",
)
@click.option("--initiative", metavar="ID", help="In the state of this initiative.")
@click.option("--series", help="In who attended the editions of this series.")
@click.option("--meeting", help="In who attended this meeting.")
@as_of
@rendered
@_opener
def changes(
    opener: _Opener,
    /,
    form: Form,
    moment: dict[str, Any],
    initiative: str | None,
    series: str | None,
    meeting: str | None,
    **stretch: Any,
) -> None:
    """What changed in a report between two dates, and which events made it change.

    \b
    timeline report changes --initiative joint-harbour --since 2022-12-01 --until 2022-12-10
    """
    if [initiative, series, meeting].count(None) != 2:
        raise click.UsageError("say what changed: one of --initiative, --series and --meeting")

    def compared(record: Reporting) -> Report:
        if initiative is not None:
            return record.initiative(initiative)
        return record.attendance(series=series, meeting=meeting)

    stretch["possibly"] = bool(moment["possibly"])
    show(opener, form, moment, lambda record: record.changes(compared, **stretch))


for _command in cli_reports.COMMANDS:
    report.add_command(_command)


@cli.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--title", default="The record", show_default=True, help="The headline of the first page."
)
@as_of
@_opener
def site(opener: _Opener, folder: str, title: str, moment: dict[str, Any]) -> None:
    """Write all reports into DIR, as web pages that lead to one another.

    DIR must be new, empty or made by this command, which then replaces it whole.

    \b
    timeline site pages
    timeline site pages --at 120 --title "As of the first report"
    """
    with opener() as timeline, _progress("writing pages") as told:
        pages = chosen(timeline, moment).site(folder, title=title, progress=told)
    click.echo(f"{_count(pages, 'page')} written. Open {Path(folder, 'index.html')}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


for _command in cli_exports.COMMANDS:
    cli.add_command(_command)


def main() -> None:
    """The entry point of the `timeline` command."""
    cli()
