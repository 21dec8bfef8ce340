"""The commands about the log: its events, streams and subscriptions, seals, archives and rights."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from timeline.cli.open_record import Opener, completes
from timeline.cli.output import (
    FORMAT,
    count,
    escaped,
    print_json,
    print_subscriptions,
    print_table,
    progress,
    progresses,
)
from timeline.cli.values import date, number_from, seal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timeline.engine.grants import Right
    from timeline.events import RecordedEvent
    from timeline.formats.coded.events import Dataset
    from timeline.log.digests import Head


@click.command()
@click.option(
    "--stream", metavar="ID", help="Only events of this stream, such as proposal-joint-harbour."
)
@click.option("--category", metavar="NAME", help="Only events of streams NAME-…, such as proposal.")
@click.option(
    "--prefix", metavar="TEXT", help="Only events of streams whose names begin with TEXT."
)
@click.option(
    "--actor",
    metavar="NAME",
    shell_complete=completes("actor"),
    help="Only events that name this actor, in themselves or as evidence.",
)
@click.option(
    "--subject",
    metavar="ID",
    shell_complete=completes("id"),
    help="Only events that name this id, of any kind of thing.",
)
@click.option(
    "--type",
    "kind",
    metavar="EVENT",
    shell_complete=completes("event"),
    help="Only events of this type, such as StatementMade.",
)
@click.option("--since", type=date, help="Only events that occurred from this date on.")
@click.option("--until", type=date, help="Only events that occurred up to this date.")
@click.option(
    "--certainly",
    is_flag=True,
    help="With dates: leave out events that only may have occurred within them.",
)
@click.option(
    "--metadata",
    metavar="NAME=VALUE",
    multiple=True,
    help="Only events with this metadata, such as recorded_by=ann; it can be given several times.",
)
@click.option(
    "--at",
    "position",
    type=number_from(0),
    metavar="POSITION",
    help="The record up to this position of its log.",
)
@click.option("--backwards", is_flag=True, help="The newest first.")
@click.option("--top", type=number_from(0), help="How many to list; else all.")
@FORMAT
@click.pass_obj
def log(
    opener: Opener,
    /,
    form: str,
    kind: str | None,
    metadata: tuple[str, ...],
    top: int | None,
    **filters: Any,
) -> None:
    """List the events of the log, oldest first.

    An event of uncertain date is listed if it may have occurred within the dates given.
    As json, each line is one event.

    \b
    timeline log --actor 'Ann Minister' --since 2022-11
    timeline log --category proposal --backwards --top 1
    timeline log --format json | jq -r .id
    """
    show = _event_json if form == "json" else event_line
    pairs = dict(_split(pair) for pair in metadata)
    with opener() as timeline:
        for event in islice(timeline.log(type=kind, metadata=pairs, **filters), top):
            click.echo(show(event))


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals:
        raise click.BadParameter(
            f"expected NAME=VALUE, such as recorded_by=ann; found {pair!r:.80}",
            param_hint="--metadata",
        )
    return name, value


def event_line(event: RecordedEvent[Any]) -> str:
    """An event as one line of a list."""
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
        "metadata": event.metadata,
        "digest": event.digest.hex(),
    }
    return msgspec.json.encode(fields, enc_hook=encode_time).decode()


@click.group()
def stream() -> None:
    """List the streams of the log, or close one.

    \b
    timeline stream list proposal-
    """


@stream.command("list")
@click.argument("prefix", default="")
@FORMAT
@click.pass_obj
def list_streams(opener: Opener, prefix: str, form: str) -> None:
    """List the streams whose names begin with PREFIX, or all: version, first and last time.

    \b
    timeline stream list proposal-
    """
    with opener() as timeline:
        timeline.store.require_prefix(prefix)
        streams = list(timeline.store.streams(prefix))
    if form == "json":
        print_json(streams)
        return
    rows = [
        (it.name, f"{it.version:,}", it.first[:19], it.last[:19], "closed" if it.is_closed else "")
        for it in streams
    ]
    print_table(("stream", "version", "recorded from", "to (UTC)", ""), rows)


@stream.command("close")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is kept in the log.")
@click.pass_obj
def close_stream(opener: Opener, name: str, reason: str) -> None:
    """Close stream NAME for good: its last event says why, and it takes no more.

    \b
    timeline stream close proposal-old-harbour --reason 'Now proposal-harbour.'
    """
    with opener() as timeline:
        timeline.store.require_stream(name)
        done = timeline.store.close_stream(name, reason=reason)
    click.echo(f"{escaped(name)} is closed{'' if done.added else ', as it was before'}.")


@click.group()
def subscription() -> None:
    """List subscriptions with their lag, set one to another place, or forget one.

    \b
    timeline subscription list
    timeline subscription reset mailer --start end
    """


@subscription.command("list")
@FORMAT
@click.pass_obj
def list_subscriptions(opener: Opener, form: str) -> None:
    """List every subscription: the position it has come to, and its lag in events.

    \b
    timeline subscription list
    """
    with opener() as timeline:
        known = timeline.store.subscriptions()
    if form == "json":
        print_json(known)
    else:
        print_subscriptions(known)


@subscription.command("reset")
@click.argument("name")
@click.option(
    "--start",
    default="beginning",
    show_default=True,
    metavar="PLACE",
    help="Where to go on: beginning, end, or behind a position.",
)
@click.pass_obj
def reset(opener: Opener, name: str, start: str) -> None:
    """Let the subscription NAME go on from another place: it handles what lies behind it again.

    \b
    timeline subscription reset mailer --start 120
    """
    try:
        place: Any = start if start in ("beginning", "end") else int(start)
    except ValueError:
        raise click.BadParameter(
            f"expected beginning, end or a position; found {start!r:.80}", param_hint="--start"
        ) from None
    with opener() as timeline:
        timeline.store.reset(name, start=place)
    click.echo(f"{escaped(name)} goes on from {start}.")


@subscription.command("delete")
@click.argument("name")
@click.pass_obj
def delete(opener: Opener, name: str) -> None:
    """Forget the subscription NAME and its place; a batch of that name then begins again.

    \b
    timeline subscription delete mailer
    """
    with opener() as timeline:
        timeline.store.unsubscribe(name)
    click.echo(f"{escaped(name)} is forgotten.")


@click.command()
@click.argument("event", metavar="ID")
@click.option("--reason", required=True, help="Why; it is kept in the log.")
@click.pass_obj
def redact(opener: Opener, event: str, reason: str) -> None:
    """Remove the words of the event ID for good.

    Its id, dates and digest stay, so the log still verifies. The database's files are rewritten,
    which takes a while for a large record. Backups and replicas are not touched: see to them.
    A correction of it has words of its own, and is named for you to take down, too.

    \b
    timeline redact harbour/private-remark --reason 'at her request'
    """
    from timeline.reports.show import ShowReport

    with opener() as timeline:
        if timeline.redact(event, reason=reason):
            click.echo(f"The words of {event} are gone; an EventRedacted says so.")
            shown = timeline.show(event)
            for line in shown.amendments if isinstance(shown, ShowReport) else ():
                click.echo(f"Look at {line.event}, too: it is of the same ({line.what}).")
        else:
            click.echo(f"The words of {event} were removed before.")


@click.command()
@click.pass_obj
def seal(opener: Opener) -> None:
    """Print where the log ends, as POSITION:DIGEST.

    Keep it where nobody who can change the database can reach it: in a mail, a notebook, another
    repository.

    \b
    timeline seal > ~/seals/harbour-today
    """
    with opener() as timeline:
        click.echo(timeline.seal())


@click.command()
@click.argument("target", required=False)
@click.option(
    "--seal",
    "sealed",
    type=seal_text,
    metavar="POSITION:DIGEST",
    help="What `timeline seal` printed.",
)
@click.option(
    "--at-least",
    type=number_from(0),
    help="The fewest events that there must be: an empty database is sound, too.",
)
@click.option(
    "--read-models", is_flag=True, help="Also compare the read models with a fold of the log."
)
@click.option("--workers", type=number_from(1), help="Processes that check TARGET.")
@click.pass_obj
def verify(
    opener: Opener,
    target: str | None,
    sealed: str | None,
    *,
    at_least: int | None,
    read_models: bool,
    workers: int | None,
) -> None:
    """Check that nothing in the log was changed, removed, added or reordered.

    The triggers that keep the log, and the views by which SQL reads the record, are checked too;
    with --read-models, the rows as well. With TARGET, check the archive there, by itself. Only a
    seal shows that its last events were cut off.

    \b
    timeline verify --seal "$(cat ~/seals/harbour-today)"
    timeline verify s3://bucket/record
    """
    if target is None:
        if workers is not None:
            raise click.UsageError("--workers is for an archive: name TARGET, or leave it out")
        with opener() as timeline, progress("verifying") as report:
            head = timeline.verify(
                seal=sealed, at_least=at_least or 0, rows=read_models, progress=report
            )
    elif read_models:
        raise click.UsageError("an archive has no read models: leave --read-models or TARGET out")
    elif at_least is not None:
        raise click.UsageError("--at-least is for a database: leave it or TARGET out")
    else:
        head = _verified_archive(target, sealed, workers or 1)
    against = " and to the seal" if sealed else ""
    click.echo(f"{count(head.position, 'event')} verified, true to their digests{against}.")
    if read_models:
        click.echo("The rows that reports read are those that the log gives.")


def _verified_archive(target: str, sealed: str | None, workers: int) -> Head:
    from timeline.log.archive import Archive
    from timeline.log.digests import Head

    seal = None if sealed is None else Head.of_seal(sealed)
    with progress("verifying") as report:
        return Archive(target).verify(seal=seal, workers=workers, progress=report)


@click.command()
@click.argument("target")
@click.option(
    "--rows-per-file",
    "rows",
    type=number_from(1),
    help="Events in each file of a new archive; 100,000 unless given.",
)
@click.option(
    "--from",
    "dataset",
    type=click.Choice(["gdelt", "icews"]),
    help="Archive FILES of coded event data, without a database.",
)
@click.option("--workers", type=number_from(1), help="Processes that do it.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@click.pass_obj
def archive(
    opener: Opener,
    target: str,
    rows: int | None,
    dataset: Dataset | None,
    workers: int | None,
    files: tuple[str, ...],
) -> None:
    """Write the log to TARGET, a folder or an address such as s3://bucket/record, as Parquet.

    Run it again to add what is new, and to rewrite what holds words that were taken down since.
    With --from, a new archive is made of FILES, with the events that `timeline ingest` makes.

    \b
    timeline archive s3://bucket/record
    timeline archive coded --from gdelt --workers 2 2024*.export.CSV.zip
    """
    if (dataset is None) != (not files):
        raise click.UsageError("give --from and FILES together, or neither")
    if dataset is not None:
        _archive_coded(target, files, dataset, workers or 1, rows)
        return
    with opener() as timeline, progress("archiving") as report:
        done = timeline.archive(target, rows_per_file=rows, progress=report)
    click.echo(
        f"{count(done.added, 'event')} added, {count(len(done.files), 'file')} written; the "
        f"archive ends at {done.head.seal}"
    )


def _archive_coded(
    target: str, files: Sequence[str], dataset: Dataset, workers: int, rows: int | None
) -> None:
    from timeline.distributed.coded_archive import archive_coded

    with progresses("reading", "archiving") as (reading, archiving):
        done = archive_coded(
            target,
            *files,
            dataset=dataset,
            workers=workers,
            rows_per_file=rows,
            reading=reading,
            progress=archiving,
        )
    click.echo(
        f"{done.added:,} events archived: {done.events:,} of rows, {done.actors:,} actors, "
        f"{done.sources:,} sources."
    )


@click.command()
@click.argument("right", type=click.Choice(["reader", "writer", "subscriber"]))
@click.argument("role")
@click.pass_obj
def grant(opener: Opener, right: Right, role: str) -> None:
    """On PostgreSQL, let ROLE read the record, or also append to it, and no more.

    A subscriber reads it, and notes how far its subscriptions have come.

    The role must exist. Run this as the owner of the record's tables.

    \b
    timeline grant reader desk
    """
    from timeline.engine import grants

    with opener() as timeline:
        grants.grant(timeline.store.engine, right, role)
    click.echo(f"{role} is a {right} now.")


COMMANDS: tuple[click.Command, ...] = (
    *(log, stream, subscription, redact, seal, verify, archive, grant),
)
