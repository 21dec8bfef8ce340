"""Record files: what is read, what is refused, and that every refusal names its place."""

import gzip
import itertools
import json
import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from timeline.dates import When
from timeline.errors import InvalidRecord
from timeline.events import (
    Actor,
    ActorAdded,
    Evidence,
    Link,
    NewEvent,
    Source,
    SourceAdded,
    StatementMade,
    event,
    event_type,
)
from timeline.formats import read_records
from timeline.formats.record_files import tree
from timeline.formats.record_files.reader import read_files
from timeline.formats.record_files.resolving import Expander
from timeline.log.codec import Codec

FIXTURES = Path(__file__).parents[2] / "fixtures" / "gas-union"

RECORD = """\
record: gas-union
actors:
  - {id: peskov, kind: person, name: Dmitry Peskov}
sources:
  - id: article
    publisher: peskov
    title: "An article"
events:
  - id: briefing
    type: StatementMade
    occurred: 2022-11-29~
    evidence: {source: article, chain: [anadolu, {who: peskov}]}
    speaker: peskov
    text: A mechanism could come first.
"""


@event(evidence=False)
class EmbargoImposed:
    by: str
    goods: tuple[str, ...] = ()
    days: int | None = None
    lifted: bool = False
    limits: dict[str, Link] = {}  # noqa: RUF012


CLASSES = Codec([EmbargoImposed]).class_named


@pytest.fixture
def file(tmp_path):
    return tmp_path / "record.yaml"


@pytest.fixture
def read(file):
    def read(content):
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogatepass")
        file.write_bytes(content)
        return read_records(file, CLASSES)

    return read


@pytest.fixture
def refuse(read, file):
    def refuse(content):
        with pytest.raises(InvalidRecord) as caught:
            read(content)
        error = caught.value
        assert error.file == str(file)
        place = str(file) if error.line is None else f"{file}:{error.line}"
        assert str(error).startswith(f"{place}: {error.field}: " if error.field else f"{place}: ")
        return error

    return refuse


def changed(old, new):
    assert old in RECORD
    return RECORD.replace(old, new, 1)


# What is read


def test_entries_become_events(read):
    assert read(RECORD) == [
        NewEvent(ActorAdded(Actor("peskov", "person", "Dmitry Peskov")), id="actor/peskov"),
        NewEvent(SourceAdded(Source("article", "peskov", "An article")), id="source/article"),
        NewEvent(
            StatementMade("peskov", "A mechanism could come first."),
            id="gas-union/briefing",
            occurred=When("2022-11-29~"),
            evidence=[Evidence("article", chain=["anadolu", Link("peskov")])],
        ),
    ]


def test_order_is_actors_sources_events_wherever_they_stand(read):
    head, actors, sources, events = (
        RECORD.replace("\nactors", "\0actors")
        .replace("\nsources", "\0sources")
        .replace("\nevents", "\0events")
        .split("\0")
    )
    assert read("\n".join([events.rstrip(), sources, head, actors, ""])) == read(RECORD)


def test_sections_may_be_missing_or_empty(read):
    assert read("record: a\n") == []
    assert read("record: a\nactors:\nevents: []\n") == []


def test_evidence_may_be_a_list(read):
    one = "{source: article, chain: [anadolu, {who: peskov}]}"
    two = read(changed(one, f"[{one}, {{source: other, at: paragraph 2}}]"))[2].evidence
    assert two == (*read(RECORD)[2].evidence, Evidence("other", at="paragraph 2"))


@pytest.mark.parametrize("text", ["2022-11-28", "1.50", "0x10", "yes", "true", "017", "12:30:45"])
def test_scalars_stay_the_text_they_are(read, text):
    assert read(changed("A mechanism could come first.", text))[2].event.text == text


def test_scalars_become_what_the_class_wants(read):
    custom = """
  - {id: a, type: EmbargoImposed, stream: s, by: ~, goods: [1], days: 10, lifted: true}
"""
    with pytest.raises(InvalidRecord, match=r"events\[0\]\.by: expected text; found nothing"):
        read(f"record: r\nevents:{custom}")
    (new,) = read(f"record: r\nevents:{custom}".replace("by: ~", "by: '~'"))
    assert new == NewEvent(EmbargoImposed("~", ("1",), 10, True), id="r/a", stream="s")


def test_untyped_fields_keep_text_lists_and_mappings(read):
    (new,) = read("""
record: r
events:
  - id: a
    type: EventCorrected
    events: [r/b]
    reason: wrong
    changes: {occurred: 2022-11-28, text: [1, ~, {a: true}]}
""")
    assert new.event.changes == {"occurred": "2022-11-28", "text": ["1", None, {"a": "true"}]}


def test_json_is_read_too(tmp_path, read):
    data = {
        "record": "r",
        "actors": [{"id": "a", "kind": "person", "name": '😀 \\ud83d "é/', "aliases": ["x"]}],
        "events": [{"id": "e", "type": "EmbargoImposed", "stream": "s", "by": "a", "days": 3}],
    }
    for indent in (None, 2, "\t"):
        for escaped in (True, False):
            path = tmp_path / "record.json"
            text = json.dumps(data, indent=indent, ensure_ascii=escaped)
            path.write_text(text, encoding="utf-8")
            actor, embargo = read_records(path, CLASSES)
            assert actor.event.actor.name == data["actors"][0]["name"]
            assert embargo.event == EmbargoImposed("a", days=3)


def test_utf8_may_carry_its_mark_and_windows_line_ends(read):
    windows = RECORD.replace("\n", "\r\n").encode()
    assert read(b"\xef\xbb\xbf" + windows) == read(RECORD)


def test_newlines_tabs_scripts_and_direction_marks_are_text(read):
    text = "a\n\tb Қазақ 油 😀 \u200f\u200e"
    assert (
        read(changed("A mechanism could come first.", json.dumps(text, ensure_ascii=False)))[
            2
        ].event.text
        == text
    )


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_flagship_record_is_read(path):
    news = read_records(path, CLASSES)
    ids = re.findall(r"(?m)^ +- \{?id: ", path.read_text(encoding="utf-8"))
    assert len(news) == len({new.id for new in news}) == len(ids) > 0
    assert all(new.evidence for new in news if event_type(new.event).evidence)


# What does not fit: each with its line and field


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("record: gas-union\n", "", 1, None, "expected the key 'record'"),
        ("record: gas-union", "record: Gas", 1, "record", "id of lower-case .* found 'Gas'"),
        ("record: gas-union", "record: source", 1, "record", "another name"),
        ("actors:", "actor:", 2, "actor", "Did you mean actors"),
        ("sources:\n  - ", "sources:\n    ", 4, "sources", "expected a list"),
        ("kind: person", "kind: persn", 3, "actors[0].kind", "found 'persn'. Did you mean person"),
        ("kind: person", "knd: person", 3, "actors[0].knd", "Did you mean kind"),
        ('"An article"', "", 7, "sources[0].title", "expected text; found nothing"),
        ('    title: "An article"\n', "", 5, "sources[0]", "expected the key 'title'"),
        ("StatementMade", "StatementMad", 10, "events[0].type",
         "type of an event; found 'StatementMad'. Did you mean StatementMade.* ActorAdded"),
        ("    type: StatementMade\n", "", 9, "events[0]", "the key 'type'"),
        ("2022-11-29~", "2022-13-45", 11, "events[0].occurred", "found '2022-13-45'"),
        ("2022-11-29~", "2022-11-29T25:00", 11, "events[0].occurred", "expected a date"),
        ("[anadolu,", "[Anadolu,", 12, "events[0].evidence.chain[0]",
             "no actor is named 'Anadolu'"),
        ("who: peskov", "who: 'x y'", 12, "events[0].evidence.chain[1].who",
             "no actor is named 'x y'"),
        ("who: peskov", "whom: a", 12, "events[0].evidence.chain[1].whom", "Did you mean who"),
        ("{who: peskov}", "~", 12, "events[0].evidence.chain[1]", "expected a mapping; found noth"),
        ("source: article, ", "", 12, "events[0].evidence", "expected the key 'source'"),
        ("{source: article, chain: [anadolu, {who: peskov}]}", "[]", 12, "events[0].evidence",
         "expected evidence for a StatementMade"),
        ("{source: article, chain: [anadolu, {who: peskov}]}", "[{source: a}, {sorce: b}]", 12,
         "events[0].evidence[1].sorce", "Did you mean source"),
        ("speaker: peskov", "spoken: peskov", 13, "events[0].spoken", "one of the keys id, type"),
        ("    speaker: peskov\n", "", 9, "events[0]", "expected the key 'speaker'"),
        ("speaker: peskov", "speaker: [peskov]", 13, "events[0].speaker", "text; found a list"),
        ("text: A", "topics: A", 14, "events[0].topics", "expected a list; found 'A"),
        ("A mechanism", "x" * 10_001, 14, "events[0].text", "length <= 10000.* of 10,019 char"),
        ("A mechanism could come first.", "a: b", 14, None, "expected YAML: mapping values"),
        ("text: A", "positions: [{party: a, stance: kind}]\n    text: A", 14,
         "events[0].positions[0].stance", "one of conditional, favourable"),
    ],
)  # fmt: skip
def test_a_problem_names_line_and_field(refuse, old, new, line, field, message):
    error = refuse(changed(old, new))
    assert (error.line, error.field) == (line, field)
    with pytest.raises(InvalidRecord, match=message):
        raise error


def test_an_address_that_could_run_is_refused(refuse):
    error = refuse(changed("    title:", "    address: 'javascript:alert(1)'\n    title:"))
    assert error.line in {5, 7}
    assert error.field.startswith("sources[0]")
    assert "https://" in error.problem


@pytest.mark.parametrize("limit", ["limits: {a: {who: b, hwo: c}}", "limits: {a: {who: b}, c: d}"])
def test_mappings_within_mappings_are_checked(refuse, limit):
    error = refuse(f"record: r\nevents:\n  - {{id: a, type: EmbargoImposed, stream: s, by: b,\n"
                   f"     {limit}}}\n")  # fmt: skip
    assert error.line == 4
    assert error.field.startswith("events[0].limits")


def test_an_event_without_a_stream_of_its_own_must_name_one(refuse):
    error = refuse("record: r\nevents:\n  - {id: a, type: EmbargoImposed, by: b}\n")
    assert (error.line, error.field) == (3, "events[0].stream")


@pytest.mark.parametrize(
    ("section", "entry"),
    [
        ("actors", "{id: a, kind: state, name: A}"),
        ("sources", "{id: a, publisher: p, title: A}"),
        ("events", "{id: a, type: EmbargoImposed, stream: s, by: b}"),
    ],
)
def test_an_id_stands_once(refuse, section, entry):
    error = refuse(f"record: r\n{section}:\n  - {entry}\n  - {entry}\n")
    assert (error.line, error.field) == (4, f"{section}[1].id")
    assert "on line 3" in error.problem


def test_problems_of_several_entries_are_told_together(refuse):
    error = refuse(RECORD.replace("kind: person", "kind: x").replace("text: A", "txet: A"))
    assert (error.line, error.field) == (3, "actors[0].kind")
    first, second = str(error).splitlines()
    assert ":3: actors[0].kind: " in first
    assert ":14: events[0].txet: " in second


def test_what_is_wrong_with_names_hides_nothing_that_is_wrong_with_fields(tmp_path):
    file = tmp_path / "record.yaml"
    file.write_text(
        "recrod: plans\n"
        "actors: [{kind: persn, name: Ann Author}]\n"
        "events:\n"
        "- {sayd: Soon., by: Ann Author}\n"
        "- {said: Soon., by: Ann Autor, source: one}\n"
        "- {said: Later., by: Ann Autor, source: one}\n"
        "- {said: Never., by: Ann Author}\n"
        "- {id: x, type: StatementMad}\n"
        "- {said: Now., by: Ann Author, source: {publisher: Ann Author, title: T, published: x}}\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidRecord) as caught:
        read_records(file, Codec().class_named)

    problems = str(caught.value).replace(str(file), "record.yaml").splitlines()
    places = [problem.partition(": ")[0] for problem in problems]
    assert places == [f"record.yaml:{line}" for line in (1, 1, 2, 4, 5, 7, 8, 9)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{said: Yes., by: north, source: article, more: 5}", "more: expected a mapping; found"),
        ("{said: Yes., by: north, source: article, more: [x]}", "more: expected a mapping; found"),
    ],
)
def test_further_fields_are_a_mapping(refuse, line, problem):
    assert problem in str(refuse(f"record: r\nevents:\n- {line}\n"))


def test_a_title_that_is_a_list_is_refused(refuse):
    error = refuse("record: r\nsources:\n- {id: article, publisher: gazette, title: [T]}\n")
    assert (error.line, error.problem) == (3, "expected text; found a list")


def test_problems_of_several_files_are_told_together(tmp_path):
    contents = {
        "one.yaml": "record: one\nactors: [{id: ann, kind: persn, name: Ann}]\n",
        "two.yaml": "record: two\nactors: [{id: bob, kind: person, name: Bob}]\n",
        "three.yaml": "record: three\nsources: [{id: wire, publisher: Bob}]\n",
        "four.yaml": "record: four\nevents: [",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, "utf-8")
    files = [tmp_path / name for name in contents]

    with pytest.raises(InvalidRecord) as caught:
        read_files(files[:3], Expander(CLASSES))
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{files[0]}:2: actors[0].kind: expected one of")
    assert second.startswith(f"{files[2]}:2: sources[0]: expected the key 'title'")

    with pytest.raises(InvalidRecord) as caught:
        read_files([*files, tmp_path / "five.yaml"], Expander(CLASSES))
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path}/five.yaml: cannot be read")
    assert second.startswith(f"{files[3]}:")


def test_a_tab_before_a_key_is_named(refuse):
    error = refuse("record: r\nevents:\n\t- said: Soon.\n")
    assert error.line == 3
    assert error.problem.endswith("The line begins with a tab. Indent it with spaces")


def test_a_file_full_of_problems_is_not_read_to_the_end(refuse):
    error = refuse("record: r\nactors:\n" + "  - x\n" * 1000)
    assert len(str(error).splitlines()) == 21
    assert "may be more" in str(error)


def test_long_values_are_not_repeated_in_messages(refuse):
    text = "x" * 90_000
    assert len(str(refuse(changed("kind: person", f"kind: {text}")))) < 2000
    assert len(str(refuse(changed("StatementMade", text)))) < 2000
    assert len(str(refuse(changed("2022-11-29~", text)))) < 2000
    assert len(str(refuse(changed("title:", f"address: {text}\n    title:")))) < 2000


# Hostile files


@pytest.fixture(params=[getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader])
def loader(request, monkeypatch):
    """Either of YAML's two parsers; which one there is depends on how PyYAML was built."""
    monkeypatch.setattr(tree, "_LOADER", request.param)


@pytest.mark.parametrize(
    ("content", "line", "field", "message"),
    [
        ("", None, None, "empty file"),
        ("# nothing\n", None, None, "empty file"),
        ("- a\n", 1, None, "found a list"),
        ("just text\n", 1, None, "found 'just text'"),
        ("record: r\nactors:\n- &a x\n- *a\n", 3, "actors[0]", "no anchors .* found '&a'"),
        ("record: *a\n", 1, "record", r"no anchors and aliases; found '\*a'"),
        ("record: r\nactors: !!python/object/apply:os.system [x]\n", 2, "actors",
         "no tags.*!!python/object/apply:os.system"),
        ("record: !mine r\n", 1, "record", "no tags"),
        ("record: !!str r\n", 1, "record", "no tags"),
        ("record: ! r\n", 1, "record", "no tags"),
        ("%YAML 1.1\n---\nrecord: r\n", 1, None, "begins with %"),
        ("record: r\n...\n%TAG ! x\n---\n", 3, None, "begins with %"),
        ("record: r\n---\nrecord: s\n", 2, None, "found a second"),
        ("record: r\nactors: []\nrecord: s\n", 3, "record", "once; 'record' is on line 1"),
        ("record: r\nactors: [{id: a,\n id: b}]\n", 3, "actors[0].id", "on line 2 already"),
        ("record: r\n<<: {actors: []}\n", 2, None, "no merge key"),
        ("record: r\n? [a]\n: b\n", 2, None, "as key; found a list or a mapping"),
        ("record: r\n{a: b}: c\n", 2, None, "as key; found a list or a mapping"),
        ("record: r\n~: c\n", 2, None, "as key; found nothing"),
        ("record: r\n? \n: c\n", 2, None, "as key; found nothing"),
        ("record: r\n? " + "k" * 201 + "\n: c\n", 2, None, "at most 200 characters"),
        ("record: r\nactors: [\n", 3, None, "expected YAML"),
        ("record: r\nactors: " + "[" * 900, 2, "actors" + "[0]" * 29, "at most 30 levels"),
        ("record: r\nactors: " + "{a: " * 900, 2, "actors" + ".a" * 29, "at most 30 levels"),
        ("record: r\nactors:\n" + "- " * 900, 3, "actors" + "[0]" * 29, "at most 30 levels"),
        ("record: r\nactors:\n  - " + "x" * 100_001, 3, "actors[0]", "100,000 char.* 100,001"),
        ("record: r\nactors:\n  - a\0b\n", 3, None, r"U\+0000"),
        ("record: r\n# \x1b[31m\n", 2, None, r"U\+001B"),
        ("record: r\nactors: a\x85b\n", 2, None, r"U\+0085"),
        (b"\xff\xfer\0e\0c\0", 1, None, "UTF-16"),
        (b"\xfe\xff\0r\0e", 1, None, "UTF-16"),
        ("record: r\n".encode("utf-32"), 1, None, "UTF-32"),
        (b"record: r\nactors: \xe9t\xe9\n", 2, None, "byte 0xe9 at offset 18"),
        (b"\xef\xbb\xbfrecord: \xff\n", 1, None, "byte 0xff at offset 11"),
        (b"record: \xed\xa0\x80\n", 1, None, "byte 0xed"),
    ],
)  # fmt: skip
def test_hostile_content_is_refused(loader, refuse, content, line, field, message):
    error = refuse(content)
    assert (error.line, error.field) == (line, field)
    assert len(str(error)) < 1000
    with pytest.raises(InvalidRecord, match=message):
        raise error


@pytest.mark.parametrize("nesting", ["[", "{a: ", "- "])
def test_whatever_the_parser_says_of_deep_nesting_so_do_we(loader, refuse, nesting):
    error = refuse("record: r\nactors:\n  " + nesting * 100_000)

    assert (error.line, error.problem) == (3, "expected at most 30 levels of nesting")


@pytest.mark.parametrize(
    "character",
    ["\0", "\x07", "\x1b", "\x7f", "\x9b", "\u202a", "\u202e", "\u2066", "\u2069"],
    ids=ascii,
)
def test_characters_that_deceive_are_refused_in_text_and_keys(refuse, character):
    escaped = f'"a\\u{ord(character):04x}b"'
    error = refuse(changed("A mechanism could come first.", escaped))
    assert (error.line, error.field) == (14, "events[0].text")
    assert f"U+{ord(character):04X}" in error.problem
    error = refuse(changed("    text:", f"    {escaped}: x\n    text:"))
    assert (error.line, error.field) == (14, "events[0]")


@pytest.mark.parametrize("character", ["\u202e", "\u2067"], ids=ascii)
def test_bidi_controls_are_refused_unescaped_too(refuse, character):
    error = refuse(changed("A mechanism", f"A {character}mechanism"))
    assert (error.line, error.field) == (14, "events[0].text")


def test_half_a_character_is_refused(loader, refuse):
    assert refuse('record: r\nactors: "\\ud800"\n').line == 2


def test_a_file_of_very_many_values_is_refused(refuse):
    error = refuse("record: r\nactors: [" + "a," * 500_000 + "]")
    assert (error.line, error.field) == (2, "actors[499995]")
    assert "500,000 values" in error.problem


def test_an_alias_bomb_costs_nothing(refuse):
    names = "abcdefghij"
    lines = [f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]"
             for before, name in itertools.pairwise(names)]  # fmt: skip
    assert "no anchors" in refuse("\n".join(["a: &a x", *lines])).problem


def test_a_file_that_is_too_large_is_not_read(refuse, file):
    with file.open("wb") as stream:
        stream.truncate(1 << 40)  # a hole: reading it would take all the memory there is
    with pytest.raises(InvalidRecord, match="at most 16,777,216 bytes"):
        read_records(file, CLASSES)


def test_files_that_cannot_be_read_are_named(tmp_path):
    missing = tmp_path / "missing.yaml"
    for path in (missing, tmp_path, f"{tmp_path}/a\0b"):
        with pytest.raises(InvalidRecord, match="cannot be read") as caught:
            read_records(path, CLASSES)
        assert caught.value.file == os.fspath(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"Event ID\tEvent Date\tSource Name\tSource Sectors\n1\tx\ty\tz\n", "--from icews"),
        (b"\xef\xbb\xbf954680550\t20201113\t202011\t2020\n" * 9, "icews or gdelt"),
        (gzip.compress(b"record: r\n"), "Unpack it"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00record.yaml", "Unpack it"),
        (b'{"format": "timeline-log", "version": 1, "position": 0}\n{}\n', "timeline import"),
    ],
    ids=["icews", "gdelt", "gzip", "zip", "log"],
)
def test_a_file_of_another_sort_is_told_where_it_goes(refuse, content, advice):
    error = refuse(content)

    assert error.line is None
    assert "expected a record file; found" in error.problem
    assert advice in error.problem


def test_tabs_within_lines_make_no_file_of_another_sort(read):
    assert read("record:\tr\nactors: []\t# a\tremark\tof\tmine\n") == []
    assert read("# my\town\tremark\tfirst\nrecord: r\n") == []
    assert read('{\t\t\t\t"record": "r"}\n') == []


def test_pipes_and_devices_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(InvalidRecord, match="regular file"):
            read_records(path, CLASSES)


# Arbitrary files


def problem_of(file):
    try:
        read_records(file, CLASSES)
    except InvalidRecord as error:
        return error
    return None


_PIECES = st.sampled_from(
    ["record", "r", ": ", "\n", "  ", "- ", "actors", "events", "id", "type", "StatementMade", "~",
     "evidence", "chain", "[", "]", "{", "}", ", ", "'", '"', "\\", "&a ", "*a", "!x ", "#", "|\n",
     ">", "? ", "<<", "---\n", "...\n", "%", "\t", "\ufeff", "é", "\u2028", "2022", "text"]
)  # fmt: skip


@given(
    content=st.binary() | st.lists(_PIECES, max_size=40).map(lambda parts: "".join(parts).encode())
)
def test_no_content_raises_anything_else(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "arbitrary.yaml"
    file.write_bytes(content)
    assert problem_of(file) is None or problem_of(file).file == str(file)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
_FIELDS = [
    "id",
    "type",
    "occurred",
    "evidence",
    "stream",
    "speaker",
    "text",
    "positions",
    "changes",
]


@given(
    kind=st.sampled_from(["StatementMade", "EventCorrected", "MeetingHeld", "EmbargoImposed"]),
    values=st.dictionaries(st.sampled_from(_FIELDS), _VALUES),
)
def test_no_value_raises_anything_else(tmp_path_factory, kind, values):
    file = tmp_path_factory.getbasetemp() / "arbitrary.json"
    entry = {"id": "a", "type": kind, "evidence": {"source": "s"}, "speaker": "p", "text": "t"}
    file.write_text(json.dumps({"record": "r", "events": [entry | values]}), encoding="utf-8")
    assert problem_of(file) is None or problem_of(file).line == 1


@given(text=st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=300))
def test_text_comes_back_as_written(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "text.json"
    actor = {"id": "a", "kind": "person", "name": text}
    for escaped in (True, False):
        data = json.dumps({"record": "r", "actors": [actor]}, ensure_ascii=escaped)
        file.write_text(data, encoding="utf-8")
        assert read_records(file, CLASSES)[0].event.actor.name == text
