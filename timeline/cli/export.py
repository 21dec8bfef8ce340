"""The commands that write files for other tools, `export` and `site`; and `import`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timeline.cli.open_record import Opener, as_of, chosen, completes
from timeline.cli.output import EXCEL, OUTPUT, count, not_for_terminals, progress, written
from timeline.cli.values import seal_text

if TYPE_CHECKING:
    from timeline.formats.bibliography import Form
    from timeline.formats.table_files import Form as RowsForm


@click.group()
def export() -> None:
    """Write what other tools read.

    \b
    timeline export log -o record.jsonl
    timeline export calendar -o meetings.ics
    """


def _write(output: str, data: bytes) -> None:
    from timeline.formats.files import new_file

    with written(output) as place, new_file(place) as out:
        out.write(data)


@export.command("log")
@OUTPUT
@click.pass_obj
def export_log(opener: Opener, output: str) -> None:
    """Write the whole log as JSON Lines, for `timeline import`.

    Ids, places, times and digests are kept; what was taken down is not in it.

    \b
    timeline export log -o record.jsonl
    timeline --db sqlite:///copy.db import record.jsonl
    """
    with opener() as timeline, written(output) as place:
        head = timeline.export_log(place)
    click.echo(f"exported the log up to {head.seal}", err=True)


@export.command("sheet")
@OUTPUT
@click.pass_obj
def export_sheet(opener: Opener, output: str) -> None:
    """Write the record as a workbook, a claim a row, to go on with.

    Ingested again as it is, it adds nothing.

    \b
    timeline export sheet -o chronology.xlsx
    """
    not_for_terminals("a workbook", output)
    with opener() as timeline, written(output) as place:
        timeline.export_sheet(place)


@export.command("records")
@click.argument("folder", metavar="DIR")
@click.pass_obj
def export_records(opener: Opener, folder: str) -> None:
    """Write the record as a record file into DIR, in the full form.

    Ingested again as it is, it adds nothing. No file is overwritten.

    \b
    timeline export records record
    """
    with opener() as timeline:
        file = timeline.export_records(folder)
    click.echo(f"{file} written")


@export.command("calendar")
@click.option(
    "--series",
    metavar="ID",
    shell_complete=completes("series"),
    help="Only the editions of this series.",
)
@click.option(
    "--meeting", metavar="ID", shell_complete=completes("meeting"), help="Only this meeting."
)
@as_of
@OUTPUT
@click.pass_obj
def export_calendar(
    opener: Opener, output: str, moment: dict[str, Any], series: str | None, meeting: str | None
) -> None:
    """Write the meetings as iCalendar, for calendar programs.

    A meeting of uncertain date spans all days that it may have been on, and says so. A calendar
    cannot hold a meeting without a year; the calendar's description names it.

    \b
    timeline export calendar -o meetings.ics
    timeline export calendar --series summits --published-by 2022 -o summits.ics
    """
    with opener() as timeline:
        made = chosen(timeline, moment).calendar(series=series, meeting=meeting)
    _write(output, made)


@export.command("timelinejs")
@click.option(
    "--initiative",
    metavar="ID",
    shell_complete=completes("initiative"),
    help="Only this initiative, grouped by party.",
)
@as_of
@OUTPUT
@click.pass_obj
def export_timelinejs(
    opener: Opener, output: str, moment: dict[str, Any], initiative: str | None
) -> None:
    """Write initiatives as the JSON that Knight Lab's TimelineJS shows.

    \b
    timeline export timelinejs --initiative joint-harbour -o harbour.json
    """
    with opener() as timeline:
        made = chosen(timeline, moment).timelinejs(initiative)
    _write(output, made.encode() + b"\n")


@export.command("sources")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csl", "bibtex"]),
    default="csl",
    show_default=True,
    help="CSL-JSON, or BibTeX.",
)
@click.option(
    "--initiative",
    metavar="ID",
    shell_complete=completes("initiative"),
    help="Only those that this initiative's report cites.",
)
@as_of
@OUTPUT
@click.pass_obj
def export_sources(
    opener: Opener, output: str, moment: dict[str, Any], form: Form, initiative: str | None
) -> None:
    """Write the sources as references, for reference managers and word processors.

    \b
    timeline export sources --format bibtex -o sources.bib
    timeline export sources --initiative joint-harbour -o harbour.json
    """
    with opener() as timeline:
        made = chosen(timeline, moment).bibliography(form, initiative=initiative)
    _write(output, made.encode())


def _complete_rows(_ctx: object, _param: object, begun: str) -> list[str]:
    from timeline.engine.projection import shape_of
    from timeline.projections import BUILT_IN

    names = (shape_of(cls).name for known in BUILT_IN for cls in known.rows)
    return sorted(name for name in names if name.startswith(begun))


@export.command("rows")
@click.argument("name", shell_complete=_complete_rows)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "xlsx", "jsonl", "parquet"]),
    default="csv",
    show_default=True,
    help="CSV, a workbook of Excel's format, JSON Lines, or Parquet.",
)
@EXCEL
@as_of
@OUTPUT
@click.pass_obj
def export_rows(
    opener: Opener, output: str, moment: dict[str, Any], name: str, form: RowsForm, excel: bool
) -> None:
    """Write the rows of read model NAME, such as meetings or attendance, as SQL has them.

    In CSV, an apostrophe precedes text that a spreadsheet would take for a formula.

    \b
    timeline export rows meetings -o meetings.csv
    timeline export rows statements --format parquet -o statements.parquet
    """
    if excel and form != "csv":
        raise click.UsageError("--excel goes with --format csv")
    if form in ("parquet", "xlsx"):
        not_for_terminals(form, output)
    with opener() as timeline, written(output) as place:
        chosen(timeline, moment).export_rows(name, place, form, excel=excel)


@click.command("import")
@click.argument("file", metavar="SOURCE")
@click.option(
    "--seal",
    type=seal_text,
    metavar="POSITION:DIGEST",
    help="What `timeline seal` printed for that log.",
)
@click.pass_obj
def import_log(opener: Opener, file: str, seal: str | None) -> None:
    """Import the log in SOURCE: all of it or nothing.

    SOURCE is a file of `timeline export log`, or the folder or address of an archive. The record
    must be empty, or hold the beginning of that log; then only the rest is added. Every digest is
    checked. Events of your own need no --events here; commands that read them do.

    \b
    timeline --db sqlite:///copy.db import record.jsonl
    """
    place = sys.stdin.buffer if file == "-" else file
    with opener.filling() as timeline, progress("importing") as report:
        if os.path.isdir(file) or "://" in file:  # noqa: PTH112  (an address is no path)
            done = timeline.import_archive(file, seal=seal, progress=report)
        else:
            done = timeline.import_log(place, seal=seal, progress=report)
    click.echo(f"{done.added:,} added; the log ends at {done.head.seal}")


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--title", default="The record", show_default=True, help="The headline of the first page."
)
@click.option("--single", is_flag=True, help="Write one file with all pages in it, to DIR.")
@as_of
@click.pass_obj
def site(opener: Opener, folder: str, title: str, single: bool, moment: dict[str, Any]) -> None:
    """Write all reports into DIR, as web pages that link to one another.

    DIR must be new, empty or written by this command, which then replaces it whole.

    \b
    timeline site pages
    timeline site pages --at 120 --title "As of the first report"
    timeline site pages.html --single
    """
    with opener() as timeline, progress("writing pages") as report:
        seen = chosen(timeline, moment)
        pages = seen.site(folder, title=title, single=single, progress=report)
    first = folder if single else Path(folder, "index.html")
    click.echo(f"{count(pages, 'page')} written. Open {first}")


COMMANDS: tuple[click.Command, ...] = (export, import_log, site)
