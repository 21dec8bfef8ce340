"""The commands that start a record, add to it, list its log and remove words from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from timeline.cli.coded import show_account
from timeline.cli.opener import Opener
from timeline.cli.options import FORMAT
from timeline.cli.progress import count, progress, progresses

if TYPE_CHECKING:
    from timeline.events import RecordedEvent
    from timeline.formats.coded.rows import Dataset
    from timeline.record import Timeline
    from timeline.rules.plausibility import Finding


@click.command()
@click.pass_obj
def init(opener: Opener) -> None:
    """Create the database, or bring its schema up to date.

    \b
    timeline --db sqlite:///harbour.db init
    timeline --db postgresql://ann@db.example/harbour init
    """
    from timeline.log import database

    with opener(create=True) as timeline:
        click.echo(f"{database.shown(timeline.store.engine.url)} is ready.")


@click.command()
@click.argument("type", metavar="[EVENT]", required=False)
@click.pass_obj
def schema(opener: Opener, type: str | None) -> None:
    """Print the JSON Schema of record files, or of their entries of one type of EVENT.

    Editors complete and check a file with it whose first line names it:

    \b
    timeline schema > timeline.schema.json
    # yaml-language-server: $schema=timeline.schema.json
    """
    from timeline.formats.records.schema import entry_schema, record_schema

    codec = opener.codec()
    made = record_schema(codec.classes) if type is None else entry_schema(codec.class_named(type))
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))


@click.command()
@click.argument("name")
@click.argument("folder", default=".", metavar="[DIR]")
@click.pass_obj
def new(opener: Opener, name: str, folder: str) -> None:
    """Start a record: write NAME.yaml, an example with comments that is ready to be ingested.

    The schema with which editors complete and check it is written beside it. Nothing is
    overwritten.

    \b
    timeline new harbour
    timeline ingest harbour.yaml
    timeline report initiative harbour-initiative
    """
    from timeline.formats.records.schema import record_schema
    from timeline.formats.records.starter import start

    file = start(name, folder, record_schema(opener.codec().classes))
    click.echo(f"{file} is an example to write over. As it stands:")
    click.echo(f"  timeline ingest {file}\n  timeline report initiative {name}-initiative")


@click.command()
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
@click.option("--strict", is_flag=True, help="Record nothing if anything looks wrong.")
@click.pass_obj
def ingest(
    opener: Opener, /, files: tuple[str, ...], form: str, strict: bool, **options: bool
) -> None:
    """Record what FILES say: all of it or, on any error, nothing.

    What is on record is not added again, so you can ingest a file that has grown. What looks wrong
    is a warning; `timeline check` has the list of what is looked for.

    \b
    timeline ingest harbour.yaml
    timeline ingest record/*.yaml
    """
    if form == "record" and any(options.values()):
        raise click.UsageError("--no-conduct, --keep-going and --json go with coded event data")
    if form != "record" and strict:
        raise click.UsageError("--strict goes with record files")
    with opener(create=True) as timeline:
        if form == "record":
            _ingest_records(timeline, files, strict=strict)
        else:
            _ingest_coded(timeline, files, cast("Dataset", form), **options)


def _ingest_records(timeline: Timeline, files: Sequence[str], *, strict: bool) -> None:
    _warn(timeline.check(*files), strict=strict)
    with progress("recording") as report:
        done = timeline.ingest(*files, progress=report)
    there = len(done.events) - done.added
    click.echo(
        f"{count(done.added, 'event')} added, {there} there already; the log holds "
        f"{count(timeline.store.head().position, 'event')}."
    )


def _ingest_coded(
    timeline: Timeline,
    files: Sequence[str],
    dataset: Dataset,
    *,
    no_conduct: bool,
    keep_going: bool,
    as_json: bool,
) -> None:
    with progresses("reading", "recording") as (reading, recording):
        account = timeline.ingest_coded(
            *files,
            dataset=dataset,
            conduct=not no_conduct,
            keep_going=keep_going,
            reading=reading,
            progress=recording,
        )
    show_account(account, as_json=as_json)


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--strict", is_flag=True, help="End with exit status 1 if anything looks wrong.")
@click.pass_obj
def check(opener: Opener, files: tuple[str, ...], strict: bool) -> None:
    """Say what looks wrong in FILES, or in the whole record; record nothing.

    Dates in the future or out of order, chains of attribution that lead elsewhere, second entries
    for one actor or source, sources that copy each other, ids that miss by a letter. Any of them
    may be right even so.

    \b
    timeline check harbour.yaml
    timeline check --strict
    """
    with opener(create=bool(files)) as timeline:
        findings = timeline.check(*files)
    _warn(findings, strict=strict)
    if not findings:
        click.echo("Nothing looks wrong.")


def _warn(findings: Sequence[Finding], *, strict: bool) -> None:
    from timeline.reports.render.notes import inert

    for finding in findings:
        click.echo(f"Warning: {inert(str(finding))}", err=True)
    if findings and strict:
        raise click.ClickException(
            f"{count(len(findings), 'finding')}, and --strict. Nothing was recorded."
        )


@click.command()
@click.option("--stream", help="Only events of this stream, such as proposal-joint-harbour.")
@click.option("--actor", help="Only events that name this actor, in themselves or as evidence.")
@click.option("--subject", help="Only events that name this id, of any kind of thing.")
@click.option("--type", "kind", help="Only events of this type, such as StatementMade.")
@click.option("--since", metavar="DATE", help="Only events that occurred from this date on.")
@click.option("--until", metavar="DATE", help="Only events that occurred up to this date.")
@click.option(
    "--certainly",
    is_flag=True,
    help="With dates: leave out events that only may have occurred within them.",
)
@FORMAT
@click.pass_obj
def log(opener: Opener, /, form: str, kind: str | None, **filters: Any) -> None:
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
    import msgspec

    from timeline.dates import encode_time

    fields = {
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
    return msgspec.json.encode(fields, enc_hook=encode_time).decode()


@click.command()
@click.argument("event", metavar="EVENT")
@click.option("--reason", required=True, help="Why; it is kept in the log.")
@click.pass_obj
def redact(opener: Opener, event: str, reason: str) -> None:
    """Remove the words of EVENT, an event's id, for good.

    Its id, dates and digest stay, so the log still verifies. The database's files are rewritten,
    which takes a while for a large record. Backups and replicas are not touched: see to them.

    \b
    timeline redact harbour/private-remark --reason 'at her request'
    """
    with opener() as timeline:
        if timeline.redact(event, reason=reason):
            click.echo(f"The words of {event} are gone; an EventRedacted says so.")
        else:
            click.echo(f"The words of {event} had been removed before.")


COMMANDS: tuple[click.Command, ...] = (
    init,
    schema,
    new,
    ingest,
    check,
    log,
    redact,
)
