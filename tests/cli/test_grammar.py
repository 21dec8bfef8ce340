"""One grammar: an option's name means one thing, in whatever command it stands."""

from collections import defaultdict
from collections.abc import Iterator

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from timeline import Actor, MeetingHeld, ProposalMade, Source, Timeline
from timeline.cli import cli
from timeline.cli.reports import LateCommand


def commands(
    command: click.Command = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """All commands under one, by their words."""
    real = command.made if isinstance(command, LateCommand) else command
    yield " ".join(path), real
    if isinstance(real, click.Group):
        context = click.Context(real)
        for name in real.list_commands(context):
            under = real.get_command(context, name)
            assert under is not None
            yield from commands(under, (*path, name))


def options() -> dict[str, list[tuple[str, click.Option]]]:
    """The options of all commands, by each of their names."""
    made = defaultdict(list)
    for path, command in commands():
        for option in command.params:
            if isinstance(option, click.Option):
                for name in option.opts:
                    made[name].append((path, option))
    return made


def kind(option: click.Option) -> str:
    """What one has to write after an option."""
    if option.is_flag:
        return "nothing"
    if isinstance(option.type, click.Choice):
        return "a choice"
    return option.metavar or option.type.name.upper()


@pytest.mark.parametrize("name", sorted(options()))
def test_an_option_takes_the_same_wherever_it_stands(name: str) -> None:
    kinds = {kind(option): path for path, option in options()[name]}
    assert len(kinds) == 1, kinds


def test_help_fits_a_terminal_of_80_columns() -> None:
    for path, _ in commands():
        done = CliRunner().invoke(cli, [*path.split(), "--help"], env={"COLUMNS": "80"})
        assert max(map(len, done.stdout.splitlines())) <= 80, path


VALUES = ("DATE", "INSTANT", "POSITION", "NUMBER", "POSITION:DIGEST")
"""What options take that is no mere text."""


@pytest.mark.parametrize("taken", VALUES)
def test_a_wrong_value_is_answered_by_its_option_and_what_is_expected(taken: str) -> None:
    uses = [(path, option) for of in options().values() for path, option in of]
    takers = [(path, option) for path, option in uses if kind(option) == taken]
    assert takers
    for path, option in takers:
        done = CliRunner().invoke(cli, [*path.split(), option.opts[0], "2024-13-01"])

        assert done.exit_code == 2, path
        assert f"'{option.opts[0]}': expected " in done.stderr
        assert "found '2024-13-01'" in done.stderr


@pytest.mark.parametrize("words", ["report encounters --top 0", "log --top 99999999999999999999"])
def test_a_number_beyond_its_bounds_is_answered_likewise(words: str) -> None:
    done = CliRunner().invoke(cli, words.split())

    assert done.exit_code == 2
    assert "'--top': expected a whole number" in done.stderr


def test_every_option_is_explained_in_a_sentence() -> None:
    for name, uses in options().items():
        for path, option in uses:
            assert option.help, f"{path} {name}"
            assert option.help[0].isupper() or option.help.split()[0].islower(), f"{path} {name}"


def test_format_is_what_comes_out_and_from_what_goes_in() -> None:
    forms = {
        choice
        for _, option in options()["--format"]
        if isinstance(option.type, click.Choice)
        for choice in option.type.choices
    }
    assert forms.isdisjoint({"icews", "gdelt", "record"})
    assert {"ingest", "archive"} <= {path for path, _ in options()["--from"]}


def test_a_subject_is_an_argument_or_an_option_and_not_both() -> None:
    for path, command in commands():
        arguments = {one.name for one in command.params if isinstance(one, click.Argument)}
        named = {one.name for one in command.params if isinstance(one, click.Option)}
        assert arguments.isdisjoint(named), path


def test_since_has_until_beside_it() -> None:
    assert {path for path, _ in options()["--since"]} == {path for path, _ in options()["--until"]}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("serch",), "search"),
        (("report", "initative"), "initiative"),
        (("report", "show"), "timeline show"),
        (("log", "--actr", "x"), "--actor"),
    ],
)
def test_a_slip_is_answered_by_what_comes_near(words: tuple[str, ...], named: str) -> None:
    done = CliRunner().invoke(cli, words)

    assert done.exit_code == 2
    assert named in done.output


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("grammar") / "record.db"
    with Timeline.open(str(path), create=True) as record:
        record.add(
            Actor("smith", "person", "Ann Smith"), Actor("gazette", "organisation", "The Gazette")
        )
        record.add(Source("article", publisher="gazette", title="On works"))
        record.append(ProposalMade("works", "Works", by="smith", text="Works."), source="article")
        record.append(MeetingHeld("summit-1", "Summit", series="summits"), source="article")
    return str(path)


@pytest.mark.parametrize(
    ("words", "begun", "expected"),
    [
        (["report", "initiative"], "w", ["works"]),
        (["report", "chronology", "--meeting"], "s", ["summit-1"]),
        (["report", "attendance", "--series"], "", ["summits"]),
        (["log", "--actor"], "ann", ["Ann Smith"]),
        (["report", "dossier"], "", ["Ann Smith", "The Gazette", "gazette", "smith"]),
        (["show"], "s", ["smith", "summit-1"]),
        (["search", "--publisher"], "the", ["The Gazette"]),
        (["log", "--type"], "StatementM", ["StatementMade"]),
        (["report"], "chron", ["chronology"]),
    ],
)
def test_the_shell_completes_ids_names_and_types(
    url: str, words: list[str], begun: str, expected: list[str]
) -> None:
    shell = ShellComplete(cli, {}, "timeline", "_TIMELINE_COMPLETE")

    made = shell.get_completions(["--db", url, *words], begun)

    assert [item.value for item in made] == expected


def test_a_record_that_cannot_be_opened_completes_nothing() -> None:
    shell = ShellComplete(cli, {}, "timeline", "_TIMELINE_COMPLETE")
    assert shell.get_completions(["--db", "missing.db", "show"], "s") == []
