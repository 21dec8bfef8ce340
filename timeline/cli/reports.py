"""The group `report`: a command for each report, and in which format and file it is shown."""

from __future__ import annotations

import codecs
import difflib
import functools
import inspect
import os
import re
import textwrap
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from timeline.cli.open_record import Opener, as_of, chosen, completes
from timeline.cli.output import EXCEL, OUTPUT, not_for_terminals, written
from timeline.cli.values import date, date_or_position, number_from

if TYPE_CHECKING:
    from rich.console import Console

    from timeline.record import Record
    from timeline.reports import Report
    from timeline.reports.registry import Bound

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Form(NamedTuple):
    """How a report is shown: the format, the file, how much of it, and whether for Excel."""

    name: str
    output: str
    table: str | None
    excel: bool
    all: bool
    evidence: bool | tuple[int, ...]


_RENDERINGS: dict[str, Callable[[Report, str | None], str | bytes]] = {
    "json": lambda report, table: report.to_json(table) + "\n",
    "csv": lambda report, table: report.to_csv(table),
    "xlsx": lambda report, table: report.to_xlsx(table),
    "md": lambda report, table: report.to_markdown(table),
    "html": lambda report, table: report.to_html(table=table),
}


_OPTIONS = (
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", *_RENDERINGS]),
        default="text",
        show_default=True,
        help="text for reading, json for programs, csv and xlsx for spreadsheets, md for GitHub "
        "and notes, html for browsers.",
    ),
    OUTPUT,
    click.option(
        "--table",
        metavar="TITLE",
        help="Only this table, whole: its title, or as much of it as tells it from the others. "
        "Without this, csv has a row for each cell of every table.",
    ),
    click.option("--all", "everything", is_flag=True, help="With text: all rows of all tables."),
    click.option(
        "--evidence",
        is_flag=False,
        flag_value="all",
        metavar="[NUMBERS]",
        callback=lambda _context, _option, given: _numbers(given),
        help="With text: add the notes that the numbers in brackets lead to; with numbers, such as "
        "12,17 or 5-9, show these notes alone.",
    ),
    EXCEL,
)


_GOES_WITH = {"--excel": ("csv",), "--all": ("text",), "--evidence": ("text",)}
"""The formats that an option makes a difference to."""


def _numbers(given: str | None) -> bool | tuple[int, ...]:
    """The notes that `--evidence` asks for: all, or those with numbers."""
    if given in (None, "all"):
        return given is not None
    numbers: set[int] = set()
    for part in given.strip("[]").split(","):
        run = re.fullmatch(r"(\d{1,6})(?:[-–](\d{1,6}))?", part.strip())
        first, last = (int(run[1]), int(run[2] or run[1])) if run else (1, 0)
        if first > last:
            raise click.BadParameter(
                f"expected the numbers of notes, such as 12,17 or 5-9; found {given!r}. For all of "
                "them put --evidence last, or write --evidence=all",
                param_hint="--evidence",
            )
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


def rendered(command: _Command) -> _Command:
    """Add the options that choose how a report is shown; the command gets them as `form`."""

    @functools.wraps(command)
    def gathered(
        *args: Any,
        form: str,
        output: str,
        table: str | None,
        excel: bool,
        everything: bool,
        evidence: bool | tuple[int, ...],
        **options: Any,
    ) -> Any:
        given = {"--excel": excel, "--all": everything, "--evidence": evidence}
        for option, formats in _GOES_WITH.items():
            if given[option] and form not in formats:
                raise click.UsageError(f"{option} goes with --format {' or '.join(formats)}")
        if form == "xlsx":
            not_for_terminals(form, output)
        shown = Form(form, output, table, excel, everything, evidence)
        return command(*args, form=shown, **options)

    made: Any = gathered
    for option in reversed(_OPTIONS):
        made = option(made)
    return typing.cast("_Command", made)


def show(opener: Opener, form: Form, moment: dict[str, Any], make: Callable[[Any], Report]) -> None:
    """Make a report of the record as of a moment, and show it in its form."""
    with opener() as timeline:
        report = make(chosen(timeline, moment))
    if form.output == "-":
        # As bytes, so that line ends are those of the format on every system.
        from rich.console import Console

        console = Console()
        text = _shown(report, form, console)
        if form.name == "text" and console.is_terminal and text.count(b"\n") >= console.height:
            os.environ.setdefault("LESS", "-RFX")
            click.echo_via_pager(text.decode(), color=True)
        else:
            click.echo(text, nl=False)
        return
    from timeline.formats.files import new_file

    with written(form.output) as place, new_file(place) as out:
        out.write(_shown(report, form))


def _shown(report: Report, form: Form, console: Console | None = None) -> bytes:
    if form.name != "text":
        made = _RENDERINGS[form.name](report, form.table)
        written = made if isinstance(made, bytes) else made.encode()
        return codecs.BOM_UTF8 + written if form.excel else written
    width = 80 if console is None else console.width
    color = console is not None and console.color_system is not None
    text = report.to_text(
        width, all=form.all, table=form.table, evidence=form.evidence, color=color
    )
    return f"{text}\n".encode()


class _Reports(click.Group):
    """Makes the command of a report when it is asked for: their options come from its function."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from timeline.reports.registry import bound_reports

        return sorted({name.replace("_", "-") for name in bound_reports()} - TOP.keys())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return None if cmd_name in TOP else _command_named(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The report that the first word names; an error names the nearest."""
        if args[0] in TOP:
            ctx.fail(f"{args[0]} is a command of its own: timeline {args[0]}")
        near = difflib.get_close_matches(args[0], self.list_commands(ctx))
        if near and args[0] not in near:
            ctx.fail(f"No such report {args[0]!r}. Did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)


TOP = {
    "changes": "What changed since a date, and which events made it change.",
    "search": "Find statements, quotes, names, titles and notes that have all these words.",
    "show": "One entry in full: fields, dates, evidence with quotes, what amends it.",
}
"""The reports that are commands of their own, with what help says of them."""


class LateCommand(click.Command):
    """A report as a command of its own; made when it is run, so that help need not load reports."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of the real command."""
        return self.made.make_context(info_name, args, parent, **extra)

    @property
    def made(self) -> click.Command:
        """The real command."""
        return typing.cast("click.Command", _command_named(str(self.name)))


def top_commands() -> list[click.Command]:
    """The commands of the reports that stand beside `report`."""
    return [LateCommand(name, short_help=text) for name, text in TOP.items()]


def _command_named(name: str) -> click.Command | None:
    from timeline.reports.registry import bound_reports

    bound = bound_reports().get(name.replace("-", "_"))
    return None if bound is None else command_of(bound)


@click.group(cls=_Reports)
def report() -> None:
    """Answer a question from the record.

    \b
    timeline report initiative joint-harbour --published-by 2024-05
    timeline report attendance --series summits --format json
    """


def command_of(bound: Bound) -> click.Command:
    """The command of a report: its arguments, options and help are those of its function."""
    text, helps = _explained(inspect.getdoc(bound.make) or "")

    @click.pass_obj
    def run(opener: Opener, /, form: Form, moment: dict[str, Any], **given: Any) -> None:
        given["possibly"] = moment["possibly"]
        show(opener, form, moment, lambda record: _made(record, bound, given))

    command = click.command(bound.name.replace("_", "-"), help=text)(as_of(rendered(run)))
    command.params[:0] = [_parameter(one, helps.get(one.name)) for one in _parameters(bound)]
    return command


def _parameters(bound: Bound) -> list[inspect.Parameter]:
    """What the command line can give, beside the options of all reports."""
    parameters = bound.signature.parameters.values()
    return [
        one for one in parameters if one.name != "possibly" and not _takes_function(one.annotation)
    ]


def _takes_function(annotation: Any) -> bool:
    return any(typing.get_origin(one) is Callable for one in typing.get_args(annotation))


def _made(record: Record, bound: Bound, given: Mapping[str, Any]) -> Report:
    """Call the report's method with what the command line gives."""
    positional, named = [], {}
    for name, parameter in bound.signature.parameters.items():
        if name not in given:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = given[name]
        elif parameter.kind is parameter.VAR_POSITIONAL:
            positional += given[name]
        else:
            positional.append(given[name])
    report: Callable[..., Report] = getattr(record, bound.name)
    return report(*positional, **named)


def _parameter(given: inspect.Parameter, explained: str | None) -> click.Parameter:
    """The option of a parameter that Python takes by keyword; the argument of any other."""
    if given.kind is given.KEYWORD_ONLY:
        return _option(given, explained)
    several = given.kind is given.VAR_POSITIONAL
    required = several or given.default is given.empty
    nargs = -1 if several else 1
    _, completion = _named(given.name)
    return click.Argument([given.name], required=required, nargs=nargs, shell_complete=completion)


def _named(parameter: str) -> tuple[str | None, Any]:
    """How help shows what a parameter names, and what completes it."""
    metavar, what = _NAMES.get(parameter, (None, None))
    return metavar, None if what is None else completes(what)


_ACTOR = ("NAME", "actor")
_NAMES: dict[str, tuple[str, str | None]] = {
    "initiative": ("ID", "initiative"),
    "meeting": ("ID", "meeting"),
    "series": ("ID", "series"),
    "id": ("ID", "id"),
    "type": ("EVENT", "event"),
    "topic": ("WORDS", None),
    **dict.fromkeys(("actor", "speaker", "publisher", "holder", "of", "name"), _ACTOR),
}
"""By parameter: the metavar of its option, and what the shell completes it with."""


def _option(given: inspect.Parameter, explained: str | None) -> click.Option:
    from timeline.dates import Occurred

    needed = given.default is given.empty
    options: dict[str, Any] = {"required": True} if needed else {"default": given.default}
    if given.annotation == Occurred:
        options |= {"type": date}
    elif given.annotation == Occurred | int:
        options |= {"type": date_or_position, "metavar": "DATE"}
    elif isinstance(given.default, bool):
        options |= {"is_flag": True}
    elif typing.get_origin(given.annotation) is typing.Literal:
        choice = click.Choice(typing.get_args(given.annotation))
        options |= {"type": choice, "show_default": True}
    elif given.annotation in (int, int | None):
        kind = number_from(0) if given.annotation is int else number_from(1, or_all=True)
        options |= {"type": kind, "show_default": True}
    # None is Python's word; the command line has another.
    explained = explained and explained.replace("None for all", "`all` for all")
    metavar, completion = _named(given.name)
    if metavar is not None:
        options |= {"metavar": metavar, "shell_complete": completion}
    return click.Option(
        [f"--{given.name.replace('_', '-')}", given.name], help=explained, **options
    )


_SECTION = re.compile(r"^(Args|Example|Raises|Returns):\n", re.MULTILINE)
_ARGUMENT = re.compile(r"^\*?(\w+): (.*(?:\n .*)*)", re.MULTILINE)


def _explained(docstring: str) -> tuple[str, dict[str, str]]:
    """The help of a command and of its options, from the docstring of a report's function."""
    text, *parts = _SECTION.split(docstring)
    sections = dict(zip(parts[::2], map(textwrap.dedent, parts[1::2]), strict=True))
    arguments = _ARGUMENT.findall(sections.get("Args", ""))
    helps = {name: " ".join(words.split()) for name, words in arguments}
    # Click leaves the lines after its mark, a backspace, as they are.
    example = f"\n\n\b\n{sections['Example'].strip()}" if "Example" in sections else ""
    return text.strip() + example, {name: f"{w[0].upper()}{w[1:]}" for name, w in helps.items()}
