"""The commands that start a record and take files into it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from timeline.cli.coded_account import show_account
from timeline.cli.open_record import Opener
from timeline.cli.progress import count, progress, progresses

if TYPE_CHECKING:
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
    from timeline.formats.records.schema import record_schema, start

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


COMMANDS: tuple[click.Command, ...] = (init, schema, new, ingest, check)
