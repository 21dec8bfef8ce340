"""The command line: what it prints and where, its exit codes, and no traceback for a mistake."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from waiting import until

from timeline import Actor, Timeline
from timeline.cli import cli
from timeline.errors import DatabaseError, InvalidRecord
from timeline.log.database import create_engine
from timeline.record.timeline import unless_empty

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/gas-union").glob("0[1-3]-*.yaml"))
COMMAND = str(Path(sys.executable).parent / "timeline")

SMALL = """\
record: harbour
actors:
  - {id: gazette, kind: organisation, name: The Gazette}
  - {id: north, kind: state, name: Northland}
sources:
  - {id: article, publisher: gazette, title: A harbour for two}
events:
  - id: floated
    type: ProposalMade
    occurred: 2024-04
    evidence: {source: article, chain: [gazette]}
    proposal: joint-harbour
    title: A joint harbour
    by: north
    text: A harbour for both.
"""
MORE = """\
  - id: met
    type: MeetingHeld
    occurred: 2024-06-01/2024-06-02
    evidence: {source: article}
    meeting: first-summit
    title: First summit
    series: summits
    attendance: [{actor: north, status: attended}]
"""


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    """Each test stands in an empty folder, where the command's own default database would go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIMELINE_URL", raising=False)
    monkeypatch.delenv("TIMELINE_EVENTS", raising=False)
    monkeypatch.setenv("COLUMNS", "80")


def run(*args, code=0, env=None) -> Result:
    """Run the command in this process; its exit code is the one given, and it left no traceback."""
    result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="timeline", env=env)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def fails(*args, code=1, env=None) -> str:
    """Run the command; what it says on standard error, having said nothing else."""
    result = run(*args, code=code, env=env)
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def shell(script, *, code=0, **env) -> subprocess.CompletedProcess[str]:
    """Run a script of the shell in which `timeline` is the installed command."""
    done = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"PATH": f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"} | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


def write(text, name="record.yaml"):
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    """A file with the gas-union record and its read models."""
    path = tmp_path_factory.mktemp("ingested") / "gas-union.db"
    with Timeline.open(f"sqlite:///{path}") as timeline:
        timeline.ingest(*FIXTURES)
        timeline.statements()
    return path


@pytest.fixture
def gas_union(ingested):
    """A copy of it, as `timeline.db`, which the command takes by default."""
    shutil.copyfile(ingested, "timeline.db")


# Help


def commands(group=cli, path=()):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("command", [*commands()], ids=" ".join)
def test_every_command_explains_itself_with_an_example(command):
    shown = run(*command, "--help").stdout

    example = re.search(rf"^  +timeline .*\b{command[-1]}\b.*", shown, re.MULTILINE)
    assert example is not None
    assert max(map(len, shown.splitlines())) < 100


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(name):
    told = shell(f"_TIMELINE_COMPLETE={name}_source timeline")

    assert "_timeline_completion" in told.stdout


def test_commands_are_completed():
    asked = {"_TIMELINE_COMPLETE": "bash_complete", "COMP_CWORD": "2"}

    assert "plain,initiative" in shell("timeline", COMP_WORDS="timeline report in", **asked).stdout
    assert "plain,log" in shell("timeline", COMP_WORDS="timeline export l", **asked).stdout
    assert "plain,meetings" in shell("timeline", COMP_WORDS="timeline rebuild me", **asked).stdout


# Recording


def test_a_record_from_init_to_reports(database_url):
    db = ("--db", database_url)
    assert run(*db, "init").stdout.endswith(" is ready.\n")
    assert run(*db, "log").stdout == ""

    added = run(*db, "ingest", write(SMALL))
    assert added.stdout == "4 events added, 0 there already; the log holds 4 events.\n"
    assert added.stderr == ""
    report = run(*db, "report", "initiative", "joint-harbour").stdout.splitlines()
    assert report[0] == "A joint harbour"
    assert report[1].startswith("Proposed [1]. ")

    again = run(*db, "ingest", "record.yaml")
    assert again.stdout == "0 events added, 4 there already; the log holds 4 events.\n"

    grown = run(*db, "ingest", write(SMALL + MORE))
    assert grown.stdout == "1 event added, 4 there already; the log holds 5 events.\n"
    assert "First summit" in run(*db, "report", "attendance").stdout


def test_init_again_changes_nothing():
    assert run("init").stdout == run("init").stdout == "sqlite:///timeline.db is ready.\n"


def test_ingest_makes_the_database():
    assert run("ingest", write(SMALL)).stdout.startswith("4 events added")
    assert Path("timeline.db").exists()


def test_several_files_at_once(database_url):
    db = ("--db", database_url)
    assert run(*db, "ingest", *FIXTURES).stdout == (
        "82 events added, 0 there already; the log holds 82 events.\n"
    )
    assert run(*db, "ingest", *FIXTURES).stdout == (
        "0 events added, 82 there already; the log holds 82 events.\n"
    )


@pytest.mark.parametrize(
    "broken",
    [
        "record: [",
        MORE,
        SMALL.replace("2024-04", "soon"),
        SMALL.replace("publisher: gazette", "publisher: herald"),
        SMALL.replace("id: floated", "id: floated-again").replace("by: north", "by: ghost"),
    ],
    ids=["yaml", "no record", "date", "reference", "second reference"],
)
def test_all_files_or_none(database_url, broken):
    run("--db", database_url, "init")
    fails("--db", database_url, "ingest", write(SMALL), write(broken, "broken.yaml"))

    assert run("--db", database_url, "log").stdout == ""


def test_the_database_is_named_by_option_or_environment():
    run("ingest", write(SMALL), env={"TIMELINE_URL": "sqlite:///env.db"})
    assert [path.name for path in Path().glob("*.db")] == ["env.db"]

    run("--db", "sqlite:///option.db", "init", env={"TIMELINE_URL": "sqlite:///env.db"})
    assert Path("option.db").exists()
    assert run("log", env={"TIMELINE_URL": "sqlite:///env.db"}).stdout.count("\n") == 4


# The log


def ids(*args):
    """The ids of the events that `log` lists with these options, the same in both formats."""
    found = [line["id"] for line in lines(run("log", "--format", "json", *args))]
    text = run("log", *args).stdout.splitlines()
    assert [line.split()[-1] for line in text] == found
    return [id.removeprefix("gas-union/") for id in found]


@pytest.mark.usefixtures("gas_union")
def test_log_filters():
    assert len(ids()) == 82
    assert ids("--stream", "meeting-informal-cis-summit-2022") == [
        "summit-2022-announced",
        "summit-2022-held",
        "summit-2022-uzbekistan-attended",
        "summit-2022-japarov-attended",
    ]
    assert ids("--type", "ProposalMade") == ["putin-proposes"]
    assert ids("--type", "ProposalMade", "--stream", "meeting-informal-cis-summit-2022") == []
    assert ids("--actor", "japarov") == ["summit-2022-japarov-attended"]
    assert ids("--subject", "japarov") == ["actor/japarov", "summit-2022-japarov-attended"]
    # In its evidence only: the newspaper that Peskov spoke to.
    assert "gas-discussed-at-summit" in ids("--actor", "unnamed-newspaper")
    assert ids("--subject", "qalampir-95173") == ["source/qalampir-95173", "summit-dated-2023"]


@pytest.mark.usefixtures("gas_union")
def test_log_filters_by_date():
    assert ids("--until", "2021", "--certainly") == ["russia-security-concerns-2021"]
    assert ids("--since", "2022-12-01", "--until", "2022-12-31", "--certainly") == [
        "summit-2022-announced",
        "summit-2022-held",
        "summit-2022-uzbekistan-attended",
        "summit-2022-japarov-attended",
    ]
    # What is of unknown year may have been then.
    assert "gas-discussed-at-summit" in ids("--since", "2022-12-01", "--until", "2022-12-31")
    assert ids("--since", "2022-11-28", "--until", "2022-11-28", "--certainly") == [
        "tokayev-mishustin-talks",
        "putin-proposes",
        "tokayev-to-call-mirziyoyev",
    ]


@pytest.mark.usefixtures("gas_union")
def test_log_is_read_by_kind_of_stream_and_from_its_end():
    proposals = ids("--category", "proposal")

    assert proposals == ids("--prefix", "proposal-") != []
    assert ids("--category", "proposal", "--backwards") == proposals[::-1]
    assert ids("--backwards", "--top", 2) == ids()[:-3:-1]
    assert ids("--at", 2) == ids()[:2]
    assert ids("--stream", "proposal-gas-union", "--backwards", "--top", 1) == proposals[-1:]
    assert ids("--category", "plan", "--at", 2) == []
    assert "no stream is of the category 'plans'. Categories are: actor, " in fails(
        "log", "--category", "plans"
    )
    nothing = "no stream's name begins with 'proposals'. The names begin with: actor-, "
    assert nothing in fails("log", "--prefix", "proposals")
    assert nothing in fails("stream", "list", "proposals")
    assert "no position 99999 in the log: it ends at " in fails("log", "--at", 99999)


@pytest.mark.usefixtures("gas_union")
@pytest.mark.parametrize("command", [("source", "add"), ("archive",), ("import",)])
def test_no_message_has_the_password_of_an_address(command):
    message = fails(*command, "ftp://ann:secret@nowhere.invalid/files")

    assert "ftp://ann:***@nowhere.invalid/files" in message
    assert "secret" not in message


@pytest.mark.usefixtures("gas_union")
def test_log_is_read_by_metadata():
    event = lines(run("log", "--format", "json", "--top", 1))[0]
    ingest = event["metadata"]["ingest"]

    assert len(ids("--metadata", f"ingest={ingest}")) == 82
    assert ids("--metadata", f"ingest={ingest}", "--metadata", "desk=energy") == []
    assert "expected NAME=VALUE" in fails("log", "--metadata", "ann", code=2)


@pytest.mark.usefixtures("gas_union")
def test_streams_are_listed_and_closed():
    name = "proposal-gas-union"
    listed = run("stream", "list", "proposal-").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["stream", name]
    assert len(json.loads(run("stream", "list", "--format", "json").stdout)) > 20

    assert run("stream", "close", name, "--reason", "Merged.").stdout == f"{name} is closed.\n"
    again = run("stream", "close", name, "--reason", "Merged.").stdout
    assert again == f"{name} is closed, as it was before.\n"
    fails("stream", "close", name, "--reason", "Another.")
    assert f"no stream '{name}s'" in fails("stream", "close", f"{name}s", "--reason", "A slip.")
    (closed,) = json.loads(run("stream", "list", name, "--format", "json").stdout)
    assert (closed["is_closed"], closed["version"]) == (True, len(ids("--stream", name)))


@pytest.mark.usefixtures("gas_union")
def test_subscriptions_are_listed_set_and_forgotten():
    with Timeline.open("timeline.db") as timeline:
        for name in ("index", "mailer"):
            with timeline.store.batch(name, limit=5):
                pass

    assert run("subscription", "reset", "mailer", "--start", 80).stdout == (
        "mailer goes on from 80.\n"
    )
    run("subscription", "reset", "index", "--start", "end")
    listed = [line.split() for line in run("subscription", "list").stdout.splitlines()]
    assert listed == [
        ["subscription", "position", "lag"],
        ["index", "82", "0"],
        ["mailer", "80", "2"],
    ]
    run("subscription", "reset", "index")
    run("subscription", "delete", "mailer")
    (left,) = json.loads(run("subscription", "list", "--format", "json").stdout)
    assert left == {"name": "index", "position": 0, "lag": 82}
    for wrong, code in (("nobody", 1), ("index --start 83", 1), ("index --start soon", 2)):
        fails("subscription", "reset", *wrong.split(), code=code)
    fails("subscription", "delete", "mailer")


@pytest.mark.usefixtures("gas_union")
def test_log_as_json_has_all_of_an_event():
    (line,) = lines(run("log", "--type", "ProposalMade", "--format", "json"))

    assert (line["id"], line["stream"], line["version"], line["type"], line["occurred"]) == (
        "gas-union/putin-proposes",
        "proposal-gas-union",
        1,
        "ProposalMade",
        "2022-11-28",
    )
    assert line["event"]["by"] == "putin"
    assert [link["who"] for link in line["evidence"][0]["chain"]][-1] == "putin"
    assert len(line["digest"]) == 64
    positions = [each["position"] for each in lines(run("log", "--format", "json"))]
    assert positions == list(range(1, 83))


# Reports


@pytest.mark.usefixtures("gas_union")
@pytest.mark.parametrize(
    ("args", "make"),
    [
        (["initiative", "gas-union"], lambda record: record.initiative("gas-union")),
        (["attendance"], lambda record: record.attendance()),
        (
            ["attendance", "--series", "informal-cis-summit"],
            lambda record: record.attendance(series="informal-cis-summit"),
        ),
        (
            ["attendance", "--meeting", "putin-pashinyan-bilateral"],
            lambda record: record.attendance(meeting="putin-pashinyan-bilateral"),
        ),
        (["statements"], lambda record: record.statements()),
        (
            [
                "statements",
                "--speaker",
                "peskov",
                "--initiative",
                "gas-union",
                "--topic",
                "gas supply",
            ],
            lambda record: record.statements(
                speaker="peskov", initiative="gas-union", topic="gas supply"
            ),
        ),
    ],
)
def test_reports_are_those_of_python(args, make):
    with Timeline.open("sqlite:///timeline.db") as timeline:
        now, then = make(timeline), make(timeline.as_of(position=70))

    assert run("report", *args).stdout == f"{now.to_text(80)}\n"
    assert run("report", *args, "--format", "json").stdout == f"{now.to_json()}\n"
    assert run("report", *args, "--at", 70).stdout == f"{then.to_text(80)}\n"
    assert run("report", *args, "--at", 70, "--format", "json").stdout == f"{then.to_json()}\n"


@pytest.mark.usefixtures("gas_union")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["initiative", "nope"], "no initiative 'nope' is recorded. Recorded: gas-union."),
        (["initiative", "gas-union", "--at", 0], "no initiative 'gas-union' is recorded"),
        (["initiative", "gas-union", "--at", 83], "no position 83 in the log: it ends at 82"),
        (["attendance", "--series", "nope"], "Series: informal-cis-summit."),
        (["attendance", "--meeting", "nope"], "no meeting 'nope'"),
        (["attendance", "--at", 83], "no position 83"),
        (["statements", "--at", 83], "no position 83"),
    ],
)
def test_what_is_not_there_is_said(args, message):
    assert message in fails("report", *args)


# Help and usage


def test_version():
    assert run("--version").stdout == "timeline, version 0.1.0\n"


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["init"],
        ["ingest"],
        ["log"],
        ["report"],
        ["report", "initiative"],
        ["report", "attendance"],
        ["report", "statements"],
    ],
    ids=" ".join,
)
def test_help(args):
    result = run(*args, "--help")

    assert result.stdout.startswith(f"Usage: timeline {' '.join(args)}".rstrip())
    assert run(*args, "-h").stdout == result.stdout
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [
        ["bogus"],
        ["--bogus", "log"],
        ["ingest"],
        ["log", "--format", "xml"],
        ["log", "extra"],
        ["report", "bogus"],
        ["report", "initiative"],
        ["report", "statements", "--at", "-1"],
        ["report", "statements", "--at", "now"],
        ["--db"],
    ],
    ids=" ".join,
)
def test_misspelt_commands_end_with_2(args):
    fails(*args, code=2)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("args", [[], ["report"]], ids=["timeline", "report"])
def test_a_group_alone_shows_its_commands(args):
    assert "Commands:" in run(*args, code=2).output


# Mistakes: the database


@pytest.mark.parametrize(
    "command",
    [
        ["log"],
        ["report", "initiative", "x"],
        ["report", "attendance"],
        ["report", "statements"],
        ["report", "statements", "--at", "1"],
    ],
    ids=" ".join,
)
def test_reading_makes_no_database(command):
    message = fails("--db", "sqlite:///missing.db", *command)

    assert "sqlite:///missing.db holds no record. `timeline init` makes one." in message
    assert not Path("missing.db").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["ingest", "missing.yaml"],
        ["ingest", "refused.yaml"],
        ["ingest", "."],
        ["ingest", "--strict", "odd.yaml"],
        ["ingest", "--from", "gdelt", "refused.yaml"],
        ["--events", "nameless", "ingest", "odd.yaml"],
        ["check", "refused.yaml"],
        ["check", "--strict", "odd.yaml"],
        ["import", "refused.yaml"],
        ["rebuild", "meetings", "--rows", "rows", "--archive", "missing"],
    ],
    ids=" ".join,
)
def test_what_records_nothing_makes_no_database(command, monkeypatch):
    write(SMALL.replace("by: north", "by: nroth"), "refused.yaml")
    write(SMALL.replace("2024-04", "3024-04"), "odd.yaml")
    write(
        "from timeline.engine.projection import Projection\n"
        "class Twice(Projection):\n    name = 'meetings'\n",
        "nameless.py",
    )
    monkeypatch.delitem(sys.modules, "nameless", raising=False)

    fails(*command)

    assert not list(Path().glob("timeline.db*"))


def test_checking_files_makes_no_database():
    run("check", write(SMALL))
    assert not list(Path().glob("timeline.db*"))


def test_a_database_that_was_there_stays_whatever_is_in_it():
    Path("empty.db").touch()
    with closing(sqlite3.connect("other.db")) as other:
        other.execute("CREATE TABLE mine (x)")

    for name in ("empty.db", "other.db"):
        fails("--db", name, "import", "missing.jsonl")
        fails("--db", name, "ingest", "missing.yaml")
        assert Path(name).exists()

    with closing(sqlite3.connect("other.db")) as other:
        assert other.execute("SELECT count(*) FROM mine").fetchone() == (0,)


def test_an_empty_record_that_another_has_open_stays(monkeypatch):
    def opened_meanwhile(*_args, **_options):
        other.append(Timeline.open("timeline.db"))
        raise InvalidRecord("record.yaml", "refused")

    other: list[Timeline] = []
    monkeypatch.setattr(Timeline, "draft", opened_meanwhile)
    fails("ingest", write(SMALL))
    (record,) = other
    with record:
        record.add(Actor("north", kind="state", name="Northland"))

    assert "north" in run("log").stdout


def test_of_two_first_commands_neither_loses_what_it_recorded():
    def record_nothing(path):
        with contextlib.suppress(DatabaseError), unless_empty(path), Timeline.open(path):
            together.wait()

    for number in range(10):
        path = Path(f"{number}.db")
        together = threading.Barrier(2)
        other = threading.Thread(target=record_nothing, args=[path])
        other.start()
        together.wait()
        try:
            with unless_empty(path), Timeline.open(path) as record:
                record.add(Actor("north", kind="state", name="Northland"))
        except DatabaseError as error:
            assert "the file was removed or replaced while" in str(error)  # noqa: PT017 - it may pass
            assert not path.exists()
        else:
            with Timeline.open(path, create=False) as record:
                assert record.store.head().position == 1
        other.join()


@pytest.mark.parametrize("path", ["record.db", "record.sqlite", "folder/record.sqlite3"])
def test_the_database_is_named_by_its_path(path):
    Path("folder").mkdir()
    assert run("--db", path, "init").stdout == f"sqlite:///{path} is ready.\n"
    assert Path(path).exists()
    run("log", env={"TIMELINE_URL": path})


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--db record log", "expected the path of a database, which ends in .db, .sqlite"),
        ("--db no/folder/record.db init", "there is no folder no/folder. Make it"),
        ("ingest empty.csv", "a row of headings, among them kind and what; found an empty file"),
        ("ingest empty.yaml", "found an empty file"),
        ("ingest folder.csv", "folder.csv: expected a file; found a folder"),
        ("ingest folder.xlsx", "folder.xlsx: expected a file; found a folder"),
        ("ingest other.db", "expected a record file; found an SQLite database"),
        ("import record.yaml", "Record files go in with `timeline ingest`"),
        ("new harbour record.yaml", "record.yaml: expected a folder; found a file"),
    ],
)
def test_a_file_of_the_wrong_sort_is_answered_by_what_is_expected(command, message):
    write(SMALL)
    for name in ("empty.csv", "empty.yaml"):
        Path(name).touch()
    for name in ("folder.csv", "folder.xlsx"):
        Path(name).mkdir()
    run("--db", "other.db", "init")

    assert message in fails(*command.split())
    assert not list(Path().glob("timeline.db*"))


def test_text_that_is_no_path_is_not_repeated():
    assert "secret" not in fails("--db", "secret", "log")  # it may be a password
    assert list(Path().iterdir()) == []


def test_reading_an_empty_database_makes_no_record(database_url):
    assert "holds no record" in fails("--db", database_url, "log")
    assert "holds no record" in fails("--db", database_url, "report", "statements")


@pytest.mark.parametrize("command", [["init"], ["log"], ["ingest", "record.yaml"]], ids=" ".join)
def test_an_unreachable_server(command):
    write(SMALL)
    message = fails("--db", "postgresql://user:secret@127.0.0.1:1/name", *command)

    assert "user:***@127.0.0.1:1/name: no connection" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://user:secret@host/name",
        "postgresql://user:secret@host:port/name",
        "postgresql://user:sec/ret@host/name",
        "postgresql://user:secret@127.0.0.1:1/name?colour=red",
        "sqlite:///missing/folder/timeline.db",
        "sqlite://timeline.db",
    ],
)
def test_what_is_no_address_of_a_database(url):
    for command in ("init", "log"):
        message = fails("--db", url, command)
        assert "secret" not in message
        assert "ret@" not in message


def test_a_file_that_is_no_database():
    write(SMALL)

    for command in (["init"], ["log"], ["ingest", "record.yaml"]):
        assert "not a database" in fails("--db", "sqlite:///record.yaml", *command)
    assert Path("record.yaml").read_text(encoding="utf-8") == SMALL


@pytest.mark.parametrize(
    "command",
    [["init"], ["ingest", "record.yaml"], ["log"], ["report", "statements"]],
    ids=" ".join,
)
def test_a_database_newer_than_the_code(migrated_url, command):
    write(SMALL)
    engine = create_engine(migrated_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE timeline_version SET version_num = '9999'")
    engine.dispose()

    message = fails("--db", migrated_url, *command)
    assert "the database has schema '9999'" in message
    assert "Install the version that wrote it, or a later one." in message


# Mistakes: record files


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("title: A joint harbour", "title: A: joint harbour", "record.yaml:13: ", "expected YAML"),
        ("2024-04", "soon", "record.yaml:10: events[0].occurred: ", "found 'soon'"),
        ("2024-04", "2024-04-12T25:00", "record.yaml:10: events[0].occurred: ", "expected a date"),
        ("2024-04", "2024-13", "record.yaml:10: events[0].occurred: ", "found '2024-13'"),
        ("ProposalMade", "ProposalMad", "record.yaml:9: events[0].type: ", "mean ProposalMade?"),
        ("by: north", "bye: north", "record.yaml:14: events[0].bye: ", "Did you mean by?"),
        ("kind: state", "kind: planet", "record.yaml:4: actors[1].kind: ", "found 'planet'"),
        ("record: harbour", "", "record.yaml:", "expected the key 'record'"),
        (
            "by: north",
            "by: ghost",
            "record.yaml:14: event 'harbour/floated': by: ",
            "no actor 'ghost' is recorded. Record the actor first",
        ),
        ("by: north", "by: norht", "record.yaml:14: ", "Did you mean north?"),
        (
            "{source: article",
            "{source: ghost",
            "record.yaml:11: event 'harbour/floated': evidence[0].source: ",
            "no source 'ghost' is recorded",
        ),
        ("publisher: gazette", "publisher: ghost", "record.yaml:6: event 'source/", "no actor"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(old, new, place, message):
    run("init")
    said = fails("ingest", write(SMALL.replace(old, new, 1)))

    assert f"Error: {place}" in said
    assert message in said
    assert run("log").stdout == ""


def test_all_that_is_not_recorded_is_told_at_once_with_its_places():
    write(
        SMALL.replace("by: north", "by: ghost").replace("publisher: gazette", "publisher: nobody")
    )
    other = "record: other\nevents:\n" + MORE.replace("source: article", "source: letter")
    Path("other.yaml").write_text(
        other.replace("evidence: {", "evidence:\n      at: top\n      ").replace(
            "letter}", "letter"
        ),
        encoding="utf-8",
    )

    told = fails("ingest", "record.yaml", "other.yaml").removeprefix("Error: ").splitlines()

    assert [line.partition(" ")[0] for line in told] == [
        "record.yaml:6:",
        "record.yaml:14:",
        "other.yaml:8:",
    ]
    assert "no source 'letter' is recorded" in told[-1]


def test_of_very_many_things_that_are_not_recorded_some_are_told():
    told = fails(
        "ingest",
        write(SMALL + MORE.replace("{actor", "{actor: ghost, status: absent}, " * 30 + "{actor")),
    ).splitlines()

    assert len(told) == 21
    assert told[-1] == "and 10 more"


def test_what_programs_read_is_utf8_whatever_the_system_writes():
    run("ingest", write(SMALL.replace("The Gazette", "Газета")))

    told = shell("timeline log --format json | cat", PYTHONIOENCODING="latin-1").stdout

    assert json.loads(told.splitlines()[0])["event"]["actor"]["name"] == "Газета"


NOT_UTF8 = "Error: expected text in UTF-8; found the byte 0xe9"


def test_a_word_that_is_not_utf8_is_refused():
    run("init")

    assert shell("timeline show $'caf\\xe9'", code=1).stderr.startswith(NOT_UTF8)


@pytest.mark.parametrize("command", ["report actors", "log --stream", "show", "redact --reason a"])
def test_no_command_takes_a_word_that_is_not_utf8(command):
    run("init")

    # So Python hands on the byte in the word.
    assert fails(*command.split(), "caf\udce9").startswith(NOT_UTF8)


def test_it_runs_as_a_module():
    done = shell(f"{sys.executable} -m timeline log", code=1)
    assert done.stderr.startswith("Error: sqlite:///timeline.db holds no record.")


def test_a_missing_file():
    assert fails("ingest", "missing.yaml") == (
        "Error: missing.yaml: cannot be read: No such file or directory\n"
    )


def test_an_entry_that_has_changed():
    run("ingest", write(SMALL))
    before = run("log", "--format", "json").stdout
    message = fails("ingest", write(SMALL.replace("2024-04", "2024-03") + MORE))

    problem = "event 'harbour/floated' is already recorded at position 4, with another date. What"
    at = next(n for n, line in enumerate(SMALL.splitlines(), 1) if "id: floated" in line)
    assert message.startswith(f"Error: record.yaml:{at}: {problem}")
    assert "`timeline diff` shows" in message
    assert "append an EventCorrected" in message
    assert "ingest --amend" in message
    assert run("log", "--format", "json").stdout == before


def test_a_correction_that_does_not_fit():
    correction = """\
  - id: mended
    type: EventCorrected
    events: [harbour/floated]
    reason: A slip.
    changes: {colour: red}
"""
    message = fails("ingest", write(SMALL + correction))

    assert "'harbour/mended': correcting 'harbour/floated'" in message
    assert "no field 'colour'" in message


@pytest.mark.usefixtures("gas_union")
@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize(
    ("date", "message"),
    [("soon", "expected a date such as"), ("2022-13", "2022-13"), ("2022-11-28T10:00", "zone")],
)
def test_log_refuses_what_is_no_date(option, date, message):
    assert message in fails("log", option, date, code=2)


# Event classes of one's own

TARIFFS = """\
from timeline import StatementMade, event

@event(category="tariff", subject="goods")
class TariffImposed:
    goods: str
    percent: float
"""
TARIFF_RECORD = """\
record: tariffs
events:
  - {id: first, type: TariffImposed, occurred: 2024-05-02, goods: steel, percent: 12.5}
"""


@pytest.fixture
def module(monkeypatch) -> Callable[[str], str]:
    """Write a module into the folder; it is gone from memory when the test ends."""

    def make(source):
        name = f"own_events_{os.urandom(4).hex()}"
        write(source, f"{name}.py")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return make


def test_event_classes_of_ones_own(module):
    events = ("--events", module(TARIFFS))

    assert run(*events, "ingest", write(TARIFF_RECORD)).stdout.startswith("1 event added")
    assert run(*events, "log").stdout.split() == [
        "1",
        "2024-05-02",
        "TariffImposed",
        "tariffs/first",
    ]
    (line,) = lines(run(*events, "log", "--format", "json"))
    assert (line["stream"], line["event"]) == ("tariff-steel", {"goods": "steel", "percent": 12.5})


def test_several_modules_of_event_classes(module):
    rain = module("from timeline import event\n@event(category='rain')\nclass Rained:\n  mm: int\n")
    record = f"{TARIFF_RECORD}  - {{id: wet, type: Rained, mm: 5}}\n"
    events = ("--events", module(TARIFFS), "--events", rain)

    assert run(*events, "ingest", write(record)).stdout.startswith("2 events added")
    assert ["Rained" in line for line in run(*events, "log").stdout.splitlines()] == [False, True]


def test_modules_are_named_by_the_environment(module):
    rain = module("from timeline import event\n@event(category='rain')\nclass Rained:\n  mm: int\n")
    modules = {"TIMELINE_EVENTS": f"{module(TARIFFS)} {rain}"}

    run("ingest", write(f"{TARIFF_RECORD}  - {{id: wet, type: Rained, mm: 5}}\n"), env=modules)
    assert len(run("log", env=modules).stdout.splitlines()) == 2


def test_a_class_that_is_not_known(module):
    message = fails("ingest", write(TARIFF_RECORD))
    assert "record.yaml:3: events[0].type: expected the type of an event; found" in message
    assert "'TariffImposed'" in message
    assert "--events MODULE" in message

    run("--events", module(TARIFFS), "ingest", "record.yaml")
    result = run("log", code=1)
    assert "event type 'TariffImposed', version 1 at position 1" in result.stderr
    assert "--events MODULE" in result.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module_either\n", "no_such_module_either"),
        ("x = 1\n", "defines no class made by @event"),
        ("from timeline import StatementMade\n", "defines no class made by @event"),
        ("x = (\n", "never closed"),
        ("raise ValueError('moody')\n", "moody"),
        ("from timeline import event\n@event\nclass Own:\n  id: str\n", "envelope has ['id']"),
        ("from timeline import event\n@event\nclass StatementMade:\n  x: str\n", "StatementMade"),
    ],
    ids=["import", "empty", "not its own", "syntax", "raises", "envelope", "taken"],
)
def test_a_module_that_does_not_serve(module, source, message):
    run("init")

    assert message in fails("--events", module(source), "log", code=2)


@pytest.mark.parametrize("name", ["no_such_module", "", ".relative", "folder/file.py"])
def test_a_module_that_is_not_there(name):
    error = fails("--events", name, "log", code=2)
    assert "--events" in error
    assert ("the name of a module, such as tariffs" in error) == (name != "no_such_module")


# Maintenance


def test_a_seal_is_what_verify_takes(database_url):
    db = ("--db", database_url)
    run(*db, "ingest", write(SMALL))
    seal = run(*db, "seal").stdout.strip()
    run(*db, "ingest", write(SMALL + MORE))

    position, digest = seal.split(":")
    assert (position, len(bytes.fromhex(digest))) == ("4", 32)
    assert run(*db, "verify").stdout == "5 events verified, true to their digests.\n"
    against = run(*db, "verify", "--seal", seal)
    assert against.stdout == "5 events verified, true to their digests and to the seal.\n"
    assert against.stderr == ""


def test_an_empty_log_has_a_seal(database_url):
    db = ("--db", database_url)
    run(*db, "init")
    seal = run(*db, "seal").stdout.strip()

    assert seal == "0:" + "00" * 32
    assert run(*db, "verify", "--seal", seal).stdout.startswith("0 events verified")
    assert "at least 5 events were expected" in fails(*db, "verify", "--at-least", "5")


def test_verify_names_the_place_of_damage(database_url):
    db = ("--db", database_url)
    run(*db, "ingest", write(SMALL))
    trigger = "timeline_keep_update"
    engine = create_engine(database_url)
    with engine.begin() as connection:
        on = " ON timeline_events" if engine.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}{on}")
        connection.exec_driver_sql(
            "UPDATE timeline_events SET occurred = '2024-05' WHERE position = 4"
        )
    engine.dispose()

    assert "damaged at position 4" in fails(*db, "verify")
    assert f"the trigger {trigger} of the log is gone" in run(*db, "status", code=1).stderr


def test_verify_against_a_seal_that_does_not_fit():
    run("ingest", write(SMALL))

    assert "sealed at 9" in fails("verify", "--seal", "9:" + "ab" * 32)
    assert "POSITION:DIGEST" in fails("verify", "--seal", "yesterday", code=2)


def test_redact_takes_the_words(database_url):
    db = ("--db", database_url)
    run(*db, "ingest", write(SMALL))
    seal = run(*db, "seal").stdout.strip()
    assert "A harbour for both." in run(*db, "log", "--format", "json").stdout

    done = run(*db, "redact", "harbour/floated", "--reason", "asked to")
    again = run(*db, "redact", "harbour/floated", "--reason", "asked to")

    assert done.stdout == "The words of harbour/floated are gone; an EventRedacted says so.\n"
    assert again.stdout == "The words of harbour/floated were removed before.\n"
    log = run(*db, "log", "--format", "json").stdout
    assert "A harbour for both." not in log
    assert '"reason":"asked to"' in log
    assert "EventRedacted" in run(*db, "log").stdout.splitlines()[-1]
    assert run(*db, "verify", "--seal", seal).stdout.startswith("5 events verified")
    assert "joint-harbour" in fails(*db, "report", "initiative", "joint-harbour")


def test_redact_of_what_cannot_be():
    run("ingest", write(SMALL))

    assert "no event 'nobody'" in fails("redact", "nobody", "--reason", "asked to")
    assert "--reason" in run("redact", "harbour/floated", code=2).stderr
    assert "reason" in fails("redact", "harbour/floated", "--reason", "")
    assert "A harbour for both." in run("log", "--format", "json").stdout


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("right", ["reader", "writer"])
def test_grant_lets_a_role_in(migrated_url, right):
    role = f"timeline_{uuid.uuid4().hex}"
    engine = create_engine(migrated_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")
    theirs = engine.url.set(username=role, password="hunter2").render_as_string(False)
    try:
        run("--db", migrated_url, "ingest", write(SMALL))
        granted = run("--db", migrated_url, "grant", right, role)
        assert granted.stdout == f"{role} is a {right} now.\n"
        assert run("--db", theirs, "log").stdout.count("\n") == 4
        assert (
            "A joint harbour" in run("--db", theirs, "report", "initiative", "joint-harbour").stdout
        )
        write(SMALL + MORE)
        if right == "writer":
            assert run("--db", theirs, "ingest", "record.yaml").stdout.startswith("1 event added")
        else:
            assert "may only be read" in fails("--db", theirs, "ingest", "record.yaml")
        message = fails("--db", theirs, "redact", "harbour/floated", "--reason", "to hide it")
        assert "hunter2" not in message
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
        engine.dispose()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_grant_to_a_role_that_is_not_there(migrated_url):
    assert "no_such_role" in fails("--db", migrated_url, "grant", "reader", "no_such_role")


def test_grant_where_there_are_no_roles():
    run("init")

    assert "SQLite has no roles" in fails("grant", "reader", "ann")
    assert "'reader', 'writer'" in run("grant", "owner", "ann", code=2).stderr


@pytest.mark.parametrize(
    "command",
    [["seal"], ["verify"], ["redact", "x", "--reason", "y"], ["grant", "reader", "ann"]],
    ids=lambda command: command[0],
)
def test_keeping_makes_no_record_where_there_is_none(command):
    assert "holds no record" in fails(*command)
    assert not Path("timeline.db").exists()


# As a process


def test_the_installed_command(database_url):
    write(SMALL)
    done = shell(
        "timeline ingest record.yaml; timeline log --type SourceAdded",
        TIMELINE_URL=database_url,
    )

    added, logged = done.stdout.splitlines()
    assert added == "4 events added, 0 there already; the log holds 4 events."
    assert logged.split() == ["3", "undated", "SourceAdded", "source/article"]
    assert done.stderr == ""


def test_the_demo_builds_its_record_in_the_checkout(tmp_path):
    checkout = Path(__file__).parents[2]
    copy = tmp_path / "copy"
    (copy / "fixtures/gas-union").mkdir(parents=True)
    for file in FIXTURES:
        shutil.copy(file, copy / "fixtures/gas-union")
    (copy / "scripts").mkdir()
    shutil.copy(checkout / "scripts" / "demo", copy / "scripts")
    write("#!/bin/sh\n", copy / "scripts" / "setup").chmod(0o755)
    (copy / ".venv").symlink_to(sys.prefix)

    done = shell("copy/scripts/demo")

    assert [path.name for path in copy.glob("*.db")] == ["demo.db"]
    assert "Negotiating since 26 December 2023" in done.stdout
    assert len(done.stdout.splitlines()) <= 60
    assert f"Open {copy}/demo-site/index.html\n" in done.stdout
    story = copy / "demo-site/initiatives/gas-union.html"
    assert done.stdout.endswith(f"Its first story: {story}\n")
    assert story.is_file()
    with Timeline.open(f"sqlite:///{copy / 'demo.db'}", create=False) as timeline:
        assert timeline.ingest(*FIXTURES).added == 0


def test_the_exit_codes_of_the_installed_command():
    assert shell("timeline --version").stdout == "timeline, version 0.1.0\n"
    assert shell("timeline log", code=1).stderr.startswith("Error: sqlite:///timeline.db holds no")
    assert shell("timeline bogus", code=2).stderr.startswith("Usage: timeline")


@pytest.mark.usefixtures("gas_union")
@pytest.mark.parametrize(
    "command",
    ["log", "report initiative gas-union"],
)
def test_a_closed_pipe_is_no_error_to_speak_of(command):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [COMMAND, *command.split()], stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.usefixtures("gas_union")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_no_error(closed):
    shell(f"timeline status {closed}")


CLOSING = """
import itertools, os, sys
import rich.table, sqlalchemy.dialects.sqlite
from timeline import Timeline, cli

for command, number in itertools.product(sys.argv[1:], range(3)):
    if not (child := os.fork()):
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)  # as Python begins then
        sys.argv[1:] = command.split()
        sys.exit(cli.main())
    if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit(f"{command} without its stream {number}: exit code {code}")
"""
"""Runs each command with each stream closed, in forks of a process that has loaded all once."""


@pytest.mark.usefixtures("gas_union")
def test_no_command_needs_all_its_streams():
    commands = ["log", "report plans", "export rows plans", "undo"]
    shell(shlex.join([sys.executable, "-c", CLOSING, *commands]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full to write to")
@pytest.mark.usefixtures("gas_union")
@pytest.mark.parametrize(
    "command",
    ["report initiative gas-union", "export log", "--help"],
)
def test_a_full_disk_is_told_of(command):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [COMMAND, *command.split()], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert done.returncode == 1
    assert done.stderr.decode() == "Error: cannot write: No space left on device\n"


def test_control_c_ends_without_a_traceback(module):
    """The module stands for a user who presses it while the command is at work."""
    name = module("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = shell(f"timeline --events {name} log", code=130)

    assert done.stderr == "\nAborted!\n"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_control_c_while_waiting_leaves_nothing(migrated_url):
    write(SMALL)
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    engine = create_engine(migrated_url)
    with engine.connect() as holder, engine.connect() as watcher:
        holder.exec_driver_sql("SELECT * FROM timeline_head FOR UPDATE")
        ingest = subprocess.Popen(
            [COMMAND, "--db", migrated_url, "ingest", "record.yaml"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def waits() -> bool:
            watcher.rollback()
            return ingest.poll() is not None or bool(watcher.scalar(waiting))

        until(waits)
        ingest.send_signal(signal.SIGINT)
        out, err = ingest.communicate()
    engine.dispose()

    assert (ingest.returncode, out) == (130, "")
    assert err.strip() == "Aborted!"
    assert run("--db", migrated_url, "log").stdout == ""


@pytest.mark.usefixtures("gas_union")
def test_output_that_is_no_terminal_has_no_escapes():
    done = shell("timeline report initiative gas-union; timeline ingest none.yaml", code=1)

    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", ["report initiative", "report actors", "log --stream", "redact --reason x"]
)
def test_arguments_that_are_no_utf_8_are_told_of(command):
    run("init")
    given = b"caf\xe9".decode("utf-8", "surrogateescape")  # as Python makes it of Latin-1

    assert "the byte 0xe9 in 'caf" in fails(*command.split(), given)


@pytest.mark.parametrize(
    "words", [["ingest", "{}.yaml"], ["--db", "{}.db", "log"], ["log", "--stream", "{}"]]
)
def test_what_could_steer_a_terminal_is_written_out_in_messages(words: list[str]) -> None:
    steering = "\x1b]0;title\x07\u202e"
    done = CliRunner().invoke(cli, [word.format(steering) for word in words], color=True)

    assert done.exit_code == 1
    assert not set(steering) & {"\x1b", "\x07", "\u202e"} & set(done.output)
