"""The commands that start a record and take files into it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from timeline.cli.log import event_line
from timeline.cli.open_record import Opener, completes
from timeline.cli.output import FORMAT, count, progress, progresses

if TYPE_CHECKING:
    from rich.table import Table

    from timeline.formats import Ingested
    from timeline.formats.coded.events import Dataset
    from timeline.formats.record_files.short_form import Order
    from timeline.record import Timeline
    from timeline.record.texts import Quotation
    from timeline.record.working_copy import Difference, Undoing
    from timeline.record.writing import Draft
    from timeline.rules import Finding

_COLUMNS = ("rows", "events", "folded", "further", "repeated", "left_out", "bad")
_MOST_SHOWN = 20
_REASONS = {
    "conduct": "are of conduct",
    "nobody acts": "name nobody who acts",
    "one party": "report a meeting or an agreement and do not name two parties",
}


@click.command()
@click.pass_obj
def init(opener: Opener) -> None:
    """Create the database, or bring its schema up to date.

    \b
    timeline --db sqlite:///harbour.db init
    timeline --db postgresql://ann@db.example/harbour init
    """
    from timeline.log import failures

    with opener(create=True) as timeline:
        click.echo(f"{failures.shown(timeline.store.engine.url)} is ready.")


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
    from timeline.formats.record_files.schema import entry_schema, record_schema

    codec = opener.codec()
    made = record_schema(codec.classes) if type is None else entry_schema(codec.class_named(type))
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))


@click.command()
@click.argument("name", required=False)
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--sheet", metavar="FILE.xlsx", help="Write a workbook instead.")
@click.pass_obj
def new(opener: Opener, name: str | None, folder: str, sheet: str | None) -> None:
    """Start a record: write NAME.yaml, an example with comments that is ready to be ingested.

    The schema with which editors complete and check it is written beside it. Nothing is
    overwritten. With --sheet it is a workbook, for Excel, LibreOffice or Google Sheets.

    \b
    timeline new harbour
    timeline ingest harbour.yaml
    timeline report initiative harbour-initiative
    timeline new --sheet chronology.xlsx
    """
    if (name is None) == (sheet is None):
        raise click.UsageError("name the record, or a workbook with --sheet")
    if sheet is not None:
        _start_sheet(sheet)
        return
    assert name is not None  # just checked
    from timeline.formats.record_files.schema import record_schema, start

    file = start(name, folder, record_schema(opener.codec().classes))
    click.echo(f"{file} is an example to write over. As it stands:")
    click.echo(f"  timeline ingest {file}\n  timeline report initiative {name}-initiative")


def _start_sheet(sheet: str) -> None:
    from timeline.formats.record_files.writing import start_workbook

    file = start_workbook(sheet)
    click.echo(f"{file} is an example to write over. As it stands:")
    click.echo(f"  timeline ingest {file}\n  timeline report initiative harbour")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["record", "icews", "gdelt"]),
    default="record",
    show_default=True,
    help="record: a sheet, YAML or JSON, as docs/howto/records.md says. icews, gdelt: coded event "
    "data, plain, zipped or gzipped.",
)
@click.option("--no-conduct", is_flag=True, help="Of coded event data, leave conduct out.")
@click.option("--keep-going", is_flag=True, help="Of coded event data, leave bad rows out.")
@click.option("--strict", is_flag=True, help="Record nothing if anything looks wrong.")
@click.option("--amend", is_flag=True, help="Record what changed in files as corrections.")
@click.option("--retract", is_flag=True, help="Retract what is gone from files.")
@click.option("--reason", metavar="TEXT", help="Why, for --amend and --retract.")
@click.option("--create", is_flag=True, help="Add actors that are known by name only.")
@click.option(
    "--dates",
    type=click.Choice(["day-first", "month-first"]),
    callback=lambda _context, _option, given: given and given.replace("-", " "),
    help="What comes first in dates such as 05/06/2022.",
)
@FORMAT
@click.pass_obj
def ingest(
    opener: Opener,
    /,
    files: tuple[str, ...],
    kind: str,
    form: str,
    strict: bool,
    create: bool,
    dates: Order | None,
    amend: bool,
    retract: bool,
    reason: str | None,
    **options: bool,
) -> None:
    """Record what FILES say: all of it or, on any error, nothing.

    What is on record is not added again, so you can ingest a file that has grown. What looks wrong
    is a warning; `timeline check` has the list of what is looked for.

    \b
    timeline ingest harbour.yaml
    timeline ingest record/*.yaml
    """
    if kind == "record" and (any(options.values()) or form != "text"):
        raise click.UsageError(
            "--no-conduct, --keep-going and --format json go with --from icews or gdelt"
        )
    if kind != "record" and (strict or create or dates or amend or retract):
        raise click.UsageError("--strict, --create, --dates and --amend go with record files")
    if (amend or retract) != (reason is not None):
        raise click.UsageError("--amend and --retract go with --reason, which readers see")
    with opener.filling() as timeline:
        if kind == "record":
            draft = timeline.draft(*files, create=create, dates=dates)
            _ingest_records(timeline, draft, strict, reason, retract)
        else:
            _ingest_coded(timeline, files, cast("Dataset", kind), as_json=form == "json", **options)


def _ingest_records(
    timeline: Timeline, draft: Draft, strict: bool, reason: str | None, retract: bool
) -> None:
    _note(draft)
    _warn(timeline.check(draft), strict=strict)
    difference = timeline.diff(draft)
    if reason is not None:
        done = timeline.amend(difference, reason, retract=retract)
    else:
        _warn_of_lost(difference)
        with progress("recording") as report:
            done = timeline.ingest(draft, progress=report)
    withdrawn = f", {len(difference.retracted)} retracted" if difference.retracted else ""
    click.echo(
        f"{count(done.added, 'event')} added, {difference.same} there already{withdrawn}; the log "
        f"holds {count(timeline.store.head().position, 'event')}."
    )
    if difference.retracted:
        click.echo("What is retracted is in no report: `timeline undo --list` has what did it.")


def _warn_of_lost(difference: Difference) -> None:
    """Say which events the files no longer have, or have under another id."""
    from timeline.reports.render.notes import inert

    for old, new in difference.renamed:
        place = difference.draft.place(new, "id")
        problem = f"{place}: {new} says what {old} says, which is on record. Keep the old id"
        click.echo(inert(f"Warning: {problem}, or retract it with --retract"), err=True)
    for id in difference.gone[:_MOST_SHOWN]:
        problem = f"{id} is on record, and no longer in the files; it stays, unless --retract"
        click.echo(inert(f"Warning: {problem}"), err=True)
    if len(difference.gone) > _MOST_SHOWN:
        click.echo(f"Warning: and {len(difference.gone) - _MOST_SHOWN:,} more", err=True)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--create", is_flag=True, help="Take unknown names for actors to be added.")
@click.pass_obj
def diff(opener: Opener, files: tuple[str, ...], create: bool) -> None:
    """Show what FILES say that the record does not: new, changed, renamed and gone events.

    Nothing is recorded. `timeline ingest --amend --reason TEXT` records what is new, and what
    changed as corrections; with --retract, what is gone is retracted.

    \b
    timeline diff harbour.yaml
    timeline diff chronology.xlsx
    """
    from timeline.reports.render.notes import inert

    with opener() as timeline:
        difference = timeline.diff(timeline.draft(*files, create=create))
    for line in str(difference).splitlines():
        click.echo(inert(line))
    click.echo(f"{count(difference.same, 'event')} as on record.")


@click.command()
@click.argument("ingest", required=False)
@click.option("--list", "listed", is_flag=True, help="List what can be undone, newest first.")
@click.option("--yes", is_flag=True, help="Do it; otherwise you are asked, on a terminal.")
@click.option(
    "--reason",
    metavar="TEXT",
    default="The ingest was undone.",
    show_default=True,
    help="Why, for readers of the record.",
)
@click.pass_obj
def undo(opener: Opener, ingest: str | None, listed: bool, yes: bool, reason: str) -> None:
    """Retract one INGEST as a whole: the last one, or that of this id.

    What rests on it is shown first. To undo is an ingest, too: `timeline undo` once more brings
    all back.

    \b
    timeline undo
    timeline undo --yes --reason "The wrong file."
    timeline undo --list
    """
    with opener() as timeline:
        if listed:
            for one in timeline.ingests():
                click.echo(one)
            return
        undoing = timeline.undo(ingest, dry_run=True)
        _show_undoing(undoing)
        if not yes and not sys.stdin.isatty():
            click.echo("Nothing is retracted yet: --yes does it.")
        elif yes or click.confirm("Retract this?"):
            timeline.undo(undoing.ingest.id, reason=reason)
            click.echo(
                f"{count(len(undoing.events), 'event')} retracted. To undo it: timeline undo"
            )


def _show_undoing(undoing: Undoing) -> None:
    from timeline.reports.render.notes import inert

    click.echo(inert(str(undoing.ingest)))
    if undoing.resting:
        click.echo(f"On it {'rests' if len(undoing.resting) == 1 else 'rest'}:")
    for event in undoing.resting[:_MOST_SHOWN]:
        click.echo(inert(event_line(event)))
    if len(undoing.resting) > _MOST_SHOWN:
        click.echo(f"and {count(len(undoing.resting) - _MOST_SHOWN, 'more event')}")


def _note(draft: Draft) -> None:
    """Say what was made of words."""
    from timeline.reports.render.notes import inert

    for date in draft.understood:
        click.echo(inert(f"{date.place}: {date.words!r} is taken for {date.date}"), err=True)
    for actor in draft.created:
        click.echo(inert(f"Added the {actor.kind} {actor.name!r}, as {actor.id}"), err=True)


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
    _show_account(account, as_json=as_json)


# What became of coded event data


def _show_account(done: Ingested, *, as_json: bool) -> None:
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


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--strict", is_flag=True, help="End with exit status 1 if anything looks wrong.")
@click.pass_obj
def check(opener: Opener, files: tuple[str, ...], strict: bool) -> None:
    """Say what looks wrong in FILES, or in the whole record; record nothing.

    Dates in the future or out of order, chains of attribution that lead elsewhere, second entries
    for one actor or source, sources that copy each other, ids and names that miss by a letter,
    quotes that the texts of their sources do not have. Any of them may be right even so.

    \b
    timeline check harbour.yaml
    timeline check --strict
    """
    # Without files there must be a record; with some, they may be looked at before there is one.
    with opener.filling() if files else opener() as timeline:
        draft = timeline.draft(*files) if files else None
        findings = timeline.check(*[] if draft is None else [draft])
        quoted = _quoted(timeline.quotations(None if draft is None else draft.events))
    if quoted:
        click.echo(quoted)
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


# The texts of sources

_MOST_LINES = 40
"""Lines of the difference between two versions of a text."""


@click.group()
def source() -> None:
    """Keep the texts of sources, which `timeline check` looks up quotes in.

    \b
    timeline source add article.txt --source gazette-2024
    timeline source list
    """


@source.command("add")
@click.argument("place", metavar="URL|FILE")
@click.option(
    "--source",
    "id",
    metavar="ID",
    shell_complete=completes("source"),
    help="Whose text it is; if not given, of the source with that address, or that SHA-256.",
)
@click.option(
    "--archived-at", "archive", metavar="URL", help="The address of a copy in an archive."
)
@click.pass_obj
def add_text(opener: Opener, place: str, id: str | None, archive: str | None) -> None:
    """Keep the text of a page, a PDF or a text file beside the log.

    Only public addresses of http and https are fetched, within bounds of size and time. Another
    text of the same source is another version of it, and how it differs is shown.

    \b
    timeline source add https://gazette.example/2024/harbour
    timeline source add article.txt --source gazette-2024
    """
    with opener() as timeline:
        kept = timeline.add_text(place, source=id, archive=archive)
    text = kept.text
    words = f"{len(text.text.split()):,} words"
    if not kept.added:
        click.echo(f"The text of {text.source} is kept already: SHA-256 {text.sha256}.")
        return
    click.echo(f"Kept the text of {text.source}: {words}, SHA-256 {text.sha256}.")
    if kept.difference:
        click.echo("It is another version of the text:")
        _show_text(kept.difference)


@source.command("list")
@click.argument("id", required=False, shell_complete=completes("source"))
@click.pass_obj
def list_texts(opener: Opener, id: str | None) -> None:
    """List the texts that are kept, of all sources or of one.

    \b
    timeline source list
    """
    with opener() as timeline:
        for text in timeline.texts(id):
            archive = f"  {text.archive}" if text.archive else ""
            day = f"{text.retrieved:%Y-%m-%d}"
            click.echo(f"{text.source}  {day}  {text.sha256}  {text.place}{archive}")


@source.command("remove")
@click.argument("id", shell_complete=completes("source"))
@click.option("--sha256", metavar="DIGEST", help="Only this version.")
@click.pass_obj
def remove_text(opener: Opener, id: str, sha256: str | None) -> None:
    """Remove the texts of the source ID for good, as a takedown or a licence asks.

    \b
    timeline source remove gazette-2024
    """
    with opener() as timeline:
        removed = timeline.remove_text(id, sha256)
    click.echo(f"{count(removed, 'text')} removed.")


def _show_text(lines: Iterable[str]) -> None:
    from timeline.reports.render.notes import inert

    shown = list(lines)
    for line in shown[:_MOST_LINES]:
        click.echo(inert(line))
    if len(shown) > _MOST_LINES:
        click.echo(f"and {count(len(shown) - _MOST_LINES, 'more line')}")


def _quoted(quotations: Iterable[Quotation]) -> str:
    """How many quotes stand in the texts that are kept; nothing where there are none."""
    standings = [one.standing for one in quotations]
    if not standings:
        return ""
    near, missing = standings.count("nearly"), standings.count("not there")
    return (
        f"Of {count(len(standings), 'quote')} of sources whose text is kept, "
        f"{standings.count('verbatim')} stand there verbatim, {near} nearly, {missing} not."
    )


COMMANDS: tuple[click.Command, ...] = (init, schema, new, ingest, diff, undo, check, source)
