"""The group `report`, and the reports of initiatives, meetings, plans and claims."""

from __future__ import annotations

from typing import Any

import click

from timeline.cli import people
from timeline.cli.opener import Opener
from timeline.cli.options import as_of
from timeline.cli.showing import Form, rendered, show
from timeline.reporting import Reporting
from timeline.reports import Report


@click.group()
def report() -> None:
    """Answer a question from the record.

    \b
    timeline report initiative joint-harbour --published-by 2024-05
    timeline report attendance --series summits --format json
    """


@click.command()
@click.argument("id")
@as_of
@rendered
@click.pass_obj
def initiative(opener: Opener, id: str, form: Form, moment: dict[str, Any]) -> None:
    """The state of initiative ID: stage, parties, positions, terms, talks, sources.

    \b
    timeline report initiative joint-harbour
    timeline report initiative joint-harbour --at 120
    """
    show(opener, form, moment, lambda record: record.initiative(id))


@click.command()
@click.argument("id")
@as_of
@rendered
@click.pass_obj
def positions(opener: Opener, form: Form, moment: dict[str, Any], id: str) -> None:
    """Where each party of initiative ID stood, and when that changed.

    \b
    timeline report positions joint-harbour --format md -o positions.md
    """
    show(opener, form, moment, lambda record: record.positions(id))


@click.command()
@click.option("--series", help="Only the editions of this series.")
@click.option("--meeting", help="Only this meeting.")
@as_of
@rendered
@click.pass_obj
def attendance(
    opener: Opener, form: Form, moment: dict[str, Any], series: str | None, meeting: str | None
) -> None:
    """Who attended which meeting.

    \b
    timeline report attendance --series summits
    """
    show(opener, form, moment, lambda record: record.attendance(series=series, meeting=meeting))


@click.command()
@click.option("--initiative", metavar="ID", help="Only plans that concern this initiative.")
@click.option(
    "--on",
    metavar="DATE",
    help="As of the end of this date; else of the day of the last recording, or of a moment given.",
)
@as_of
@rendered
@click.pass_obj
def plans(opener: Opener, /, form: Form, moment: dict[str, Any], **filters: Any) -> None:
    """What was announced, and whether it came.

    \b
    timeline report plans --initiative joint-harbour --on 2024-12-31
    """
    show(opener, form, moment, lambda record: record.plans(**filters))


@click.command()
@click.option("--initiative", help="Only what concerns this initiative.")
@click.option("--meeting", help="Only what concerns this meeting.")
@as_of
@rendered
@click.pass_obj
def contradictions(
    opener: Opener,
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


@click.command()
@click.argument("events", nargs=-1, required=True, metavar="EVENT...")
@as_of
@rendered
@click.pass_obj
def corroboration(
    opener: Opener, form: Form, moment: dict[str, Any], events: tuple[str, ...]
) -> None:
    """On how many independent origins a claim rests: that which each EVENT, an id, records.

    \b
    timeline report corroboration harbour/floated harbour/floated-elsewhere
    """
    show(opener, form, moment, lambda record: record.corroboration(*events))


@click.command()
@click.option("--initiative", metavar="ID", help="Only of what concerns this initiative.")
@as_of
@rendered
@click.pass_obj
def sources(opener: Opener, form: Form, moment: dict[str, Any], initiative: str | None) -> None:
    """What each source carries, what is copied, and what rests on one origin only.

    \b
    timeline report sources --initiative joint-harbour
    """
    show(opener, form, moment, lambda record: record.sources(initiative=initiative))


@click.command()
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
@click.pass_obj
def changes(
    opener: Opener,
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


for _command in (
    initiative,
    positions,
    attendance,
    plans,
    contradictions,
    corroboration,
    sources,
    changes,
    *people.COMMANDS,
):
    report.add_command(_command)
