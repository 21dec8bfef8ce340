"""The commands about the texts of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from timeline.cli.open_record import Opener, completes
from timeline.cli.output import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from timeline.record.texts import Quotation

_MOST_SHOWN = 40


@click.group()
def source() -> None:
    """Keep the texts of sources, which `timeline check` looks up quotes in.

    \b
    timeline source add article.txt --source gazette-2024
    timeline source list
    """


@source.command()
@click.argument("place", metavar="URL|FILE")
@click.option(
    "--source",
    "id",
    metavar="ID",
    shell_complete=completes("source"),
    help="The source; else it is the one with that address, or that SHA-256.",
)
@click.option(
    "--archived-at", "archive", metavar="URL", help="The address of a copy in an archive."
)
@click.pass_obj
def add(opener: Opener, place: str, id: str | None, archive: str | None) -> None:
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
        _show(kept.difference)


@source.command(name="list")
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


@source.command()
@click.argument("id", shell_complete=completes("source"))
@click.option("--sha256", metavar="DIGEST", help="Only this version.")
@click.pass_obj
def remove(opener: Opener, id: str, sha256: str | None) -> None:
    """Remove the texts of the source ID for good, as a takedown or a licence asks.

    \b
    timeline source remove gazette-2024
    """
    with opener() as timeline:
        removed = timeline.remove_text(id, sha256)
    click.echo(f"{count(removed, 'text')} removed.")


def _show(lines: Iterable[str]) -> None:
    from timeline.reports.render.notes import inert

    shown = list(lines)
    for line in shown[:_MOST_SHOWN]:
        click.echo(inert(line))
    if len(shown) > _MOST_SHOWN:
        click.echo(f"and {count(len(shown) - _MOST_SHOWN, 'more line')}")


def summary(quotations: Iterable[Quotation]) -> str:
    """How many quotes stand in the texts that are kept; nothing where there are none."""
    standings = [one.standing for one in quotations]
    if not standings:
        return ""
    near, missing = standings.count("nearly"), standings.count("not there")
    return (
        f"Of {count(len(standings), 'quote')} of sources whose text is kept, "
        f"{standings.count('verbatim')} stand there verbatim, {near} nearly, {missing} not."
    )
