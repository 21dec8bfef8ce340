"""The reports of what happened, was said, and who met whom."""

from __future__ import annotations

from typing import Any

import click

from timeline.cli.opener import Opener
from timeline.cli.options import as_of
from timeline.cli.showing import Form, rendered, show
from timeline.reports.capped import TOP
from timeline.reports.follow_ups import DAYS


@click.command()
@click.option("--actor", help="Only what names this actor, by id or any recorded name.")
@click.option("--initiative", metavar="ID", help="Only what concerns this initiative.")
@click.option("--meeting", help="Only what is told of this meeting, or happened at it.")
@click.option("--series", help="Likewise, of the editions of this series.")
@click.option("--type", help="Only events of this type, such as StatementMade.")
@click.option("--since", metavar="DATE", help="Only what happened from this date on.")
@click.option("--until", metavar="DATE", help="Only what happened up to this date.")
@click.option(
    "--certainly",
    is_flag=True,
    help="With dates: leave out what only may have happened within them.",
)
@as_of
@rendered
@click.pass_obj
def chronology(opener: Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """What happened, in order of time.

    What is of uncertain date is listed if it may have happened within the dates given.

    \b
    timeline report chronology --initiative joint-harbour --since 2022-11
    timeline report chronology --actor 'Ann Minister' --type StatementMade
    """
    show(opener, form, moment, lambda record: record.chronology(**filters))


@click.command()
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
@click.pass_obj
def statements(opener: Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
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


@click.command("statement-counts")
@click.option("--speaker", help="Only statements of this actor, by id or any recorded name.")
@click.option("--since", metavar="DATE", help="Only statements made from this date on.")
@click.option("--until", metavar="DATE", help="Only statements made up to this date.")
@_TOP
@as_of
@rendered
@click.pass_obj
def statement_counts(opener: Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """How many statements each actor made in each month.

    \b
    timeline report statement-counts --since 2022
    timeline report statement-counts --speaker "A. Speaker" --top 5
    """
    show(opener, form, moment, lambda record: record.statement_counts(**filters))


@click.command()
@click.option("--actor", help="Only whom this actor met, by id or any recorded name.")
@click.option("--since", metavar="DATE", help="Only meetings held from this date on.")
@click.option("--until", metavar="DATE", help="Only meetings held up to this date.")
@_TOP
@as_of
@rendered
@click.pass_obj
def encounters(opener: Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """Who met whom, how often, and when.

    \b
    timeline report encounters
    timeline report encounters --actor "A. Speaker" --since 2022-06
    """
    show(opener, form, moment, lambda record: record.encounters(**filters))


@click.command("follow-ups")
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
@click.pass_obj
def follow_ups(opener: Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """Plans of two to meet, and whether both then met.

    \b
    timeline report follow-ups
    timeline report follow-ups --days 60
    """
    show(opener, form, moment, lambda record: record.follow_ups(**filters))


@click.command()
@click.argument("name", required=False)
@as_of
@rendered
@click.pass_obj
def actors(opener: Opener, form: Form, moment: dict[str, Any], name: str | None) -> None:
    """Who is who: all actors, or the one that goes by NAME, in any recorded spelling.

    \b
    timeline report actors
    timeline report actors 'Minister, Ann'
    """
    show(opener, form, moment, lambda record: record.actors(name))


@click.command()
@click.argument("name")
@as_of
@rendered
@click.pass_obj
def dossier(opener: Opener, form: Form, moment: dict[str, Any], name: str) -> None:
    """All of the actor that goes by NAME: offices, words, positions, meetings, whom it met.

    \b
    timeline report dossier 'Minister, Ann'
    timeline report dossier ann --format csv --table 'Who met'
    """
    show(opener, form, moment, lambda record: record.dossier(name))


COMMANDS: tuple[click.Command, ...] = (
    chronology,
    statements,
    statement_counts,
    encounters,
    follow_ups,
    actors,
    dossier,
)
