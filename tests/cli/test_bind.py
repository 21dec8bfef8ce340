"""A report is declared once: from one line come its method, its command and its page."""

import inspect
import json
from typing import ClassVar, Literal

import attrs
import pytest
from click.testing import CliRunner

from timeline import Timeline
from timeline.cli import cli
from timeline.cli.reports import TOP
from timeline.dates import Occurred, stretch, within
from timeline.engine.projection import View
from timeline.events import Actor, ActorAdded
from timeline.projections.directory import ActorRow
from timeline.reports import Report
from timeline.reports.layout import Document, Table, cell
from timeline.reports.model import Standing
from timeline.reports.registry import Reports, bind, bound_reports


@attrs.frozen(kw_only=True, repr=False)
class NamesReport(Report):
    kind: ClassVar[str] = "names"

    names: tuple[str, ...]

    def document(self) -> Document:
        table = Table("Names", ("Name",), tuple((cell(name),) for name in self.names))
        return self._document("Names", [table], note="All names.")


def names_report(
    view: View,
    beginning: str | None = None,
    *,
    order: Literal["up", "down"] = "up",
    since: Occurred = None,
    loud: bool = False,
    days: int = 3,
    top: int | None = 2,
) -> NamesReport:
    """The names of actors, some of them.

    Names that begin alike are listed together.

    Args:
        view: the read models to report from.
        beginning: only names that begin like this.
        order: which way they are sorted.
        since: nothing unless this day
            is past.
        loud: in capitals.
        days: of no importance.
        top: how many; None for all.

    Example:
        timeline report names N --loud
    """
    start, _ = stretch(since, None)
    names = sorted((row.name for row in view.all(ActorRow)), reverse=order == "down")
    chosen = [name for name in names if name.startswith(beginning or "")][:top]
    if not within(view.today, start, None, certainly=True):
        chosen = []
    return NamesReport(
        standing=Standing.of(view),
        names=tuple(name.upper() if loud else name for name in chosen),
        corrections=(),
        sources=(),
    )


@pytest.fixture(autouse=True)
def one_line(monkeypatch):
    """The line that binds it."""
    monkeypatch.setattr(Reports, "names", bind(names_report, "All the names"), raising=False)


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'record.db'}"
    with Timeline.open(url) as record:
        record.append(*(ActorAdded(Actor(name.lower(), "state", name)) for name in NAMES))
    return url


NAMES = ("Northland", "Nextland", "Southland", "Nearland")


def names(url, *args):
    result = CliRunner().invoke(
        cli, ["--db", url, "report", "names", *args, "--format", "json"], prog_name="timeline"
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["names"]


def test_it_is_a_method_now_and_as_of_some_moment(url):
    with Timeline.open(url) as record:
        assert record.names("N").names == ("Nearland", "Nextland")
        assert record.names(top=None, order="down").names[0] == "Southland"
        assert record.as_of(position=1).names().names == ("Northland",)
        assert record.names(since="9999").names == ()


def test_the_method_has_signature_and_docstring_of_the_function():
    method = Reports.names
    expected = inspect.signature(names_report, eval_str=True).parameters
    assert [*inspect.signature(method).parameters][1:] == [*expected][1:]
    assert method.__name__ == "names"
    assert "view:" not in method.__doc__
    assert "beginning: only names" in method.__doc__


def test_it_is_a_command_with_options(url):
    assert names(url) == ["Nearland", "Nextland"]
    assert names(url, "S") == ["Southland"]
    assert names(url, "N", "--order", "down", "--loud") == ["NORTHLAND", "NEXTLAND"]
    assert len(names(url, "--top", "all")) == 4
    assert names(url, "--top", "1", "--days", "5", "--since", "2020") == ["Nearland"]
    assert names(url, "--since", "9999") == []


@pytest.mark.parametrize(
    "args", [["--top", "few"], ["--days", "all"], ["--order", "sideways"], ["N", "S"]]
)
def test_what_does_not_fit_the_signature_is_a_misspelt_command(url, args):
    result = CliRunner().invoke(cli, ["--db", url, "report", "names", *args])
    assert result.exit_code == 2


def test_its_help_is_that_of_the_docstring():
    shown = CliRunner().invoke(cli, ["report", "names", "--help"], terminal_width=100).stdout

    assert "The names of actors, some of them." in shown
    assert "Names that begin alike are listed together." in shown
    assert "  timeline report names N --loud\n" in shown
    assert "--since DATE" in shown
    assert "Nothing unless this day is past." in shown
    assert "How many; `all` for all." in shown
    assert "names" in CliRunner().invoke(cli, ["report", "--help"]).stdout


def test_it_has_a_page(url, tmp_path):
    with Timeline.open(url) as record:
        record.site(tmp_path / "pages")

    assert "Nearland" in (tmp_path / "pages/all/names.html").read_text("utf-8")
    assert "All the names" in (tmp_path / "pages/index.html").read_text("utf-8")


def test_each_report_is_bound_under_its_own_name():
    reports = {name for name, value in vars(Reports).items() if hasattr(value, "bound")}
    assert {*bound_reports()} == reports


def test_reports_that_are_commands_of_their_own_say_in_help_what_they_do():
    for name, text in TOP.items():
        made = bound_reports()[name].make
        assert inspect.getdoc(made).startswith(text), name
        assert name in CliRunner().invoke(cli, ["--help"]).output
        assert CliRunner().invoke(cli, ["report", name]).exit_code == 2
