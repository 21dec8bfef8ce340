"""The JSON Schema of record files says what the reader says, by an independent validator."""

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from strategies import WHENS

from timeline import InvalidInput, InvalidRecord, StatementMade, Timeline, event
from timeline.cli import cli
from timeline.dates import When
from timeline.errors import InvalidDate
from timeline.events import VOCABULARY, ActorId
from timeline.formats import read_files, read_records
from timeline.formats.record_files.names import Names, slug
from timeline.formats.record_files.resolving import Expander
from timeline.formats.record_files.schema import entry_schema, record_schema, start
from timeline.log.codec import Codec

ROOT = Path(__file__).parents[2]
RECORDS = sorted(ROOT.glob("fixtures/**/*.yaml"))
CLASSES = Codec().class_named
SCHEMA = record_schema(VOCABULARY)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DATE = jsonschema.Draft202012Validator(SCHEMA["$defs"]["EDTF"])


class YAML12(yaml.SafeLoader):
    """Reads plain scalars as editors do: by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for tag, pattern in {
    "null": r"(null|Null|NULL|~|)\Z",
    "bool": r"(true|True|TRUE|false|False|FALSE)\Z",
    "int": r"[-+]?[0-9]+\Z",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z",
}.items():
    YAML12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), None)


def as_an_editor_reads_it(text: str) -> Any:
    return yaml.load(text, YAML12)


@pytest.fixture(scope="module")
def ferry() -> Any:
    [file] = ROOT.glob("fixtures/strait-ferry/*.yaml")
    return as_an_editor_reads_it(file.read_text(encoding="utf-8"))


def problems(record: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(record)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for cls in VOCABULARY:
        jsonschema.Draft202012Validator.check_schema(entry_schema(cls))


@pytest.mark.parametrize("file", RECORDS, ids=lambda file: file.stem)
def test_the_records_fit_it(file: Path) -> None:
    assert problems(as_an_editor_reads_it(file.read_text(encoding="utf-8"))) == []


WRONG = {
    "an unknown key": ("speaker: peskov", "speeker: peskov"),
    "an unknown key of the file": ("record:", "recorrd: x\nrecord:"),
    "an unknown type": ("StatementMade", "StatmentMade"),
    "a list for a text": ("speaker: peskov", "speaker: [peskov]"),
    "a text for a list": ("about: [union]", "about: union"),
    "a text for a mapping": ("{source: article}", "article"),
    "no id": ("id: said", "id: The First"),
    "a line break at the end of an id": ("id: said", 'id: "said\\n\\n"'),
    "a word that is not among them": ("stance: opposed", "stance: against"),
    "no date": ("2022-11-29", "in due course"),
    "an open end": ("2022-11-29", "tomorrow"),
    "no evidence": ("    evidence: {source: article}\n", ""),
    "empty evidence": ("evidence: {source: article}", "evidence: []"),
    "no text": ("text: Words.", "text: ~"),
    "empty text": ("text: Words.", 'text: ""'),
    "an address that would run": ("https://a.example", "javascript:alert(1)"),
    "a reserved name": ("record: briefing", "record: actor"),
    "no record": ("record: briefing\n", ""),
}

RIGHT = """\
record: briefing
actors: [{id: peskov, kind: person, name: Peskov}]
sources:
  - {id: article, publisher: peskov, title: 1984, address: https://a.example, published: 2022}
events:
  - id: said
    type: StatementMade
    occurred: 2022-11-29
    evidence: {source: article}
    speaker: peskov
    about: [union]
    text: Words.
    positions: [{party: peskov, stance: opposed}]
"""


@pytest.mark.parametrize("wrong", WRONG)
def test_what_the_reader_refuses_does_not_fit_it(wrong: str, tmp_path: Path) -> None:
    text = RIGHT
    for old, new in zip(WRONG[wrong][::2], WRONG[wrong][1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "record.yaml"
    file.write_text(text)

    assert problems(as_an_editor_reads_it(RIGHT)) == []
    assert problems(as_an_editor_reads_it(text)) != []
    with pytest.raises(InvalidRecord):
        read_records(file, CLASSES)


class EveryName(Names):
    """Knows every name: whether one is on record, no schema can tell."""

    def find(self, category: str, text: str) -> list[str]:
        return [slug(text)] if text else []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside: Any = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else inside:
        yield from places(each, (*path, key))


ANYTHING: list[Any] = ["Bad Slug", "ok", "", "a-", "2022-11?"]
ANYTHING += [None, True, 2022, -7, [], {}, ["ok"], {"ok": "ok"}]


def test_on_a_record_changed_at_random_the_two_agree(ferry: Any, tmp_path: Path) -> None:
    """A value replaced or taken out, or a key put in, anywhere in a record."""
    ferry = {key: value[::3] if isinstance(value, list) else value for key, value in ferry.items()}
    everywhere = [place for place in places(ferry) if place]
    chosen = random.Random(7)
    differ, refused = [], 0
    for number in range(120):
        record = copy.deepcopy(ferry)
        *path, last = chosen.choice(everywhere)
        parent = record
        for step in path:
            parent = parent[step]
        if number % 4 == 0:
            del parent[last]
        elif number % 4 == 1 and isinstance(parent[last], dict):
            parent[last]["unheard-of"] = "x"
        else:
            parent[last] = chosen.choice(ANYTHING)
        file = tmp_path / "record.json"
        file.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        try:
            read_files([file], Expander(CLASSES, EveryName()))
            read = True
        except InvalidRecord:
            read, refused = False, refused + 1
        if read == bool(problems(record)):
            differ.append((*path, last, read, problems(record)))
    assert differ == []
    assert 40 < refused < 115


@given(WHENS)
def test_every_date_that_is_read_fits_it(date: Any) -> None:
    assert DATE.is_valid(date.text)


DATES_READ_OR_REFUSED = """
2022-11-28 2022-11 2022-11~ 2022? XXXX-12-26 2022-12-26/2022-12-27 2022-11-29T14:40+03:00
2023-01-26T17:39 2021-21~ 192X-33 1984-1X [..2021-06-01] [1760-12..] 2023-02-30 2024-02-29
2023-02-29 1900-02-29 2000-02-29 2022-36 2022-42 2022-13 2022-00 0000 12345 -1985 Y170000002
1985-04-12T23:20:30Z 1985-04-12T23:20:30 1985-04-12T25:20 1964/2008 2004-06-11% 201X 20XX
2004-XX 1985-04-XX 1985-XX-XX 1985-04-12/ /1985 / ../.. 1985/.. 1560-XX-25 15XX-12-25
XXXX-12-XX XXXX-06-31 2001-34 2001-21/2002 [1667,1668,1670..1672] {..1984} {1960,1961-12}
2004-06~-11 ?2004-06-~11 156X-12-25 1950S2 28.11.2022 11/28/2022 2022-1-1 [2000] []
"""


@pytest.mark.parametrize("text", DATES_READ_OR_REFUSED.split())
def test_the_schema_takes_and_refuses_the_dates_that_the_reader_does(text: str) -> None:
    try:
        When(text)
    except InvalidDate:
        read = False
    else:
        read = True

    assert DATE.is_valid(text) == read


def test_patterns_are_of_ecma_262_and_every_field_is_explained() -> None:
    for path in places(SCHEMA):
        assert not (path[-1:] == ("pattern",) and "\\A" in json.dumps(at(SCHEMA, path)))
    for name, each in SCHEMA["$defs"].items():
        assert each["description"], name
        for field, of in each.get("properties", {}).items():
            assert of.get("description"), f"{name}.{field}"


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@event(category="embargo", subject="embargo", opens=True, evidence=True)
class EmbargoImposed:
    """Trade was forbidden.

    Attributes:
        embargo: the recorder's name for it.
        by: who forbade it.
        percent: how much of it.
    """

    embargo: str
    by: ActorId
    percent: float = 100


def test_event_classes_of_ones_own_take_part() -> None:
    schema = record_schema([StatementMade, EmbargoImposed])
    entry: dict[str, Any] = {"id": "a", "type": "EmbargoImposed", "evidence": {"source": "s"}}
    entry |= {"embargo": "steel", "by": "north", "percent": 12.5}
    validator = jsonschema.Draft202012Validator(schema)

    assert validator.is_valid({"record": "x", "events": [entry]})
    assert validator.is_valid({"record": "x", "events": [entry | {"by": "The North"}]})
    assert not validator.is_valid({"record": "x", "events": [entry | {"by": ["north"]}]})
    assert not validator.is_valid({"record": "x", "events": [entry | {"percent": "much"}]})
    by = entry_schema(EmbargoImposed)["properties"]["by"]
    assert (by["title"], by["description"]) == ("id of an actor", "who forbade it.")


# The command line


def run(*args: Any, code: int = 0, env: Any = None) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args], env=env)
    assert result.exit_code == code, result.output
    return result


def test_the_command_prints_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert json.loads(run("schema").stdout) == SCHEMA
    assert json.loads(run("schema", "StatementMade").stdout) == entry_schema(StatementMade)
    assert "StatementMade" in run("schema", "StatmentMade", code=1).stderr
    assert list(tmp_path.iterdir()) == []  # nor was a record made

    Path("tariffs.py").write_text(
        "from timeline import event\n@event(category='x')\nclass TariffImposed:\n    by: str\n"
    )
    own = json.loads(run("--events", "tariffs", "schema").stdout)
    assert "TariffImposed" in own["$defs"]


def test_a_record_is_started_with_a_file_that_can_be_ingested(tmp_path: Path) -> None:
    shown = run("new", "harbour", tmp_path / "record").stdout
    file = tmp_path / "record" / "harbour.yaml"
    text = file.read_text(encoding="utf-8")

    reference = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert reference is not None
    assert json.loads((file.parent / reference[1]).read_text(encoding="utf-8")) == SCHEMA
    assert problems(as_an_editor_reads_it(text)) == []
    with Timeline.open("sqlite://") as timeline:
        assert timeline.ingest(file).added == 9
        assert timeline.initiative("harbour-initiative").title == "A joint harbour"
    assert f"timeline ingest {file}" in shown


def test_starting_a_record_overwrites_nothing(tmp_path: Path) -> None:
    start("harbour", tmp_path, SCHEMA)
    (tmp_path / "harbour.yaml").write_text("mine")
    (tmp_path / "timeline.schema.json").write_text("mine, too")

    with pytest.raises(InvalidInput, match="is there already"):
        start("harbour", tmp_path, SCHEMA)
    start("bridge", tmp_path, SCHEMA)

    assert (tmp_path / "harbour.yaml").read_text() == "mine"
    assert (tmp_path / "timeline.schema.json").read_text() == "mine, too"
    assert run("new", "harbour", tmp_path, code=1).stderr.startswith("Error: ")


@given(name=st.sampled_from(["", "Harbour", "a b", "../up", "a/b", "actor", "-", "x" * 200]))
def test_names_that_no_record_can_have_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="expected a name"):
        start(name, "nowhere", SCHEMA)
