"""Claims in one call, and files that were edited since they were ingested."""

from pathlib import Path
from typing import Any

import attrs
import harbour
import pytest
from click.testing import CliRunner
from hypothesis import given
from strategies import WORLD, edits, examples

from timeline import InvalidInput, InvalidRecord, NotFound, Source, Timeline
from timeline.cli import cli
from timeline.events import ActorAdded, Attendance, Evidence, Link, NewEvent, Position, SourceAdded
from timeline.events.base import event_type
from timeline.formats.record_files.writing import entries_of, record_file

FERRY = Path(__file__).parents[2] / "fixtures/strait-ferry/01-crossing.yaml"

RECORD = """\
record: pier
actors:
  - person: [Ann Author, Bob Baker]
  - organisation: The Gazette
sources:
  - {id: g1, publisher: the-gazette, title: One}
  - {id: g2, publisher: the-gazette, title: Two}
source: g1
events:
  - {id: idea, proposed: A pier, by: Ann Author, on: 2024-03, about: pier}
  - {id: for, said: Good., by: Bob Baker, on: 2024-04, about: pier}
  - {id: later, said: Later., by: Bob Baker, on: 2024-05, about: pier}
"""


@pytest.fixture
def record() -> Any:
    with Timeline.open("sqlite://") as record:
        yield record


@pytest.fixture
def file(tmp_path: Path, record: Timeline) -> Path:
    file = tmp_path / "pier.yaml"
    file.write_text(RECORD, encoding="utf-8")
    record.ingest(file)
    return file


def edit(file: Path, *pairs: str) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def cells(report: Any) -> list[str]:
    """What its tables say, without citations."""
    tables = report.document().tables
    return sorted(cell.text for table in tables for row in table.rows for cell in row)


# One call a claim


def test_a_record_with_words_taken_down_is_exported_and_ingested(tmp_path: Path) -> None:
    """A correction of words that are gone was in the way, here and in an empty database."""
    file = tmp_path / "pier.yaml"
    entry = "- {{id: {}, said: {}., by: Ann, on: 2024, source: {{publisher: P}}}}\n"
    text = f"record: pier\nevents:\n{entry.format('one', 'Good')}{entry.format('two', 'Bad')}"
    file.write_text(text)
    with Timeline.open("sqlite://") as record, Timeline.open("sqlite://") as empty:
        record.ingest(record.draft(file, create=True))
        file.write_text(file.read_text().replace("Bad", "Worse"))
        record.amend(record.diff(file), "Misheard.")
        record.redact("pier/two", reason="A court's order.")
        kept = record.export_records(tmp_path / "kept")
        assert "Worse" not in kept.read_text()
        assert record.diff(kept).gone == ()
        assert record.ingest(kept).added == 0
        assert empty.ingest(kept).added == 4
        assert record.ingest(record.draft(file)).added == 0


def test_a_person_who_was_taken_down_is_not_added_by_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "pier.yaml"
    entry = "{said: Yes., by: Bob Baker, on: 2024, source: {publisher: P}}"
    file.write_text(f"record: pier\nevents:\n- {entry}\n", encoding="utf-8")
    with Timeline.open("sqlite://") as record:
        record.ingest(record.draft(file, create=True))
        for event in [*record.log(type="StatementMade"), *record.log(stream="actor-bob-baker")]:
            record.redact(event.id, reason="A court's order.")
        draft = record.draft(file, create=True)
        assert draft.created == ()
        assert record.ingest(draft).added == 0


def test_a_meeting_of_another_date_and_title_is_the_meeting_that_it_was(tmp_path: Path) -> None:
    """Its id was made of both, so that a mended date was refused as another meeting."""
    entry = "{id: dinner, met: Dinner, by: Ann, on: 16 May 2024, source: {publisher: P}}"
    text = f"record: pier\nevents:\n- {entry}\n"
    file = tmp_path / "pier.yaml"
    file.write_text(text, encoding="utf-8")
    with Timeline.open("sqlite://") as record:
        record.ingest(record.draft(file, create=True))
        file.write_text(
            text.replace("Dinner, by", "Late dinner, by").replace("16", "15"), encoding="utf-8"
        )
        difference = record.diff(file)
        assert [change.fields for change in difference.changed] == [
            ("title", "occurred", "evidence")
        ]
        record.amend(difference, "Misread.")
        (meeting,) = record.attendance().meetings
        assert (meeting.title, meeting.held_on) == ("Late dinner", ("2024-05-15",))


def test_what_is_said_takes_one_call(record: Timeline) -> None:
    said = record.say(
        "Dora Dean, spokesman",
        "Eastholm wants it.",
        on="2022-11-29~",
        about=[],
        source=Source("w1", "wire", "A story", published="2022-11-29"),
        chain="wire (paraphrased) > Dean",
        create=True,
    )
    assert (said.event.speaker, said.event.capacity) == ("dora-dean", "spokesman")
    assert said.evidence[0].chain == (Link("wire", "paraphrased"), Link("dora-dean"))
    position = record.store.head().position
    again = record.say(
        "Dean, spokesman",
        "Eastholm wants it.",
        on="2022-11-29~",
        about=[],
        source="w1",
        chain="wire (paraphrased) > Dean",
    )
    assert (again.position, record.store.head().position) == (said.position, position)


def test_its_siblings_take_one_call() -> None:
    record = harbour.opened()
    proposed = record.propose("Ann Alder", "A pier", with_=["Eastholm"], source="beacon-1")
    assert (proposed.event.proposal, proposed.event.parties) == ("a-pier", ("east",))
    met = record.meet(["Ann Alder for Eastholm"], "Talks", on="May 2024", source="beacon-1")
    assert met.event.attendance == (Attendance("ann", "attended", represents="east"),)
    planned = record.plan("Ann Alder", "A start", due="Q4 2024", source="beacon-1", about="harbour")
    assert planned.event.due.words == "quarter 4 of 2024"
    agreed = record.agree(["Eastholm", "Westholm"], "Yes.", about="harbour", source="wire-1")
    assert agreed.event.parties == ("east", "west")
    said = record.say(
        "Bob Birch", "No.", about="A pier", stance={"Westholm": "opposed"}, source="wire-1"
    )
    assert (said.event.about, said.event.positions) == (("a-pier",), (Position("west", "opposed"),))


def test_a_call_names_the_argument_that_does_not_fit() -> None:
    record = harbour.opened()
    with pytest.raises(InvalidRecord, match=r"said: by: no actor is named 'Ann Adler'. Did you"):
        record.say("Ann Adler", "Soon.", source="beacon-1")
    with pytest.raises(InvalidRecord, match="expected the key 'source'"):
        record.say("Ann Alder", "Soon.")
    with pytest.raises(InvalidRecord, match="on: expected a date"):
        record.say("Ann Alder", "Soon.", on="in due course", source="beacon-1")


def test_a_record_is_opened_by_its_path(tmp_path: Path) -> None:
    with Timeline.open(tmp_path / "a.db"), Timeline.open(str(tmp_path / "b.db")):
        assert {file.name for file in tmp_path.glob("?.db")} == {"a.db", "b.db"}


# Files that were edited


def test_a_file_as_it_was_ingested_differs_in_nothing(record: Timeline, file: Path) -> None:
    difference = record.diff(file)
    assert (difference.same, str(difference)) == (8, "")


@pytest.mark.parametrize("end", [r"\r\n", r"\r", r"\n"])
def test_other_ends_of_lines_are_no_difference(record: Timeline, file: Path, end: str) -> None:
    edit(file, "said: Good.", f'said: "Good.{end}Yes."')
    assert record.amend(record.diff(file), "Read again.").added == 1
    assert str(record.diff(file)) == ""
    assert record.ingest(file).added == 0


def test_what_is_new_changed_and_gone_is_told(record: Timeline, file: Path) -> None:
    edit(
        file,
        "Good.", "Very good.",
        "on: 2024-04", "on: 2024-04-02",
        "  - {id: later, said: Later., by: Bob Baker, on: 2024-05, about: pier}\n",
        "  - {id: never, said: Never., by: Bob Baker, on: 2024-06, about: pier}\n",
    )  # fmt: skip
    difference = record.diff(file)
    assert [new.id for new in difference.new] == ["pier/never"]
    [change] = difference.changed
    assert (change.event.id, change.fields) == ("pier/for", ("text", "occurred"))
    assert difference.gone == ("pier/later",)
    assert difference.same == 6


def test_amending_appends_corrections_evidence_included(record: Timeline, file: Path) -> None:
    edit(
        file, "{id: for, said: Good.", "{id: for, source: g2, chain: The Gazette, said: Very good."
    )
    done = record.amend(record.diff(file), "Read again.")
    assert done.added == 1
    report = record.initiative("pier").to_text(all=True, evidence=True)
    assert "Very good." in report
    assert "“Two”" in report
    assert str(record.diff(file)) == ""
    assert record.ingest(file).added == 0  # what the file says is on record now
    assert record.amend(record.diff(file), "Once more.").added == 0
    edit(file, "Very good.", "Good.")
    assert record.diff(file).changed[0].fields == ("text",)


def test_what_is_gone_is_retracted_only_if_asked_for(record: Timeline, file: Path) -> None:
    edit(file, "  - {id: later, said: Later., by: Bob Baker, on: 2024-05, about: pier}\n", "")
    assert record.amend(record.diff(file), "A slip.").added == 0
    assert record.amend(record.diff(file), "A slip.", retract=True).added == 1
    assert record.diff(file).gone == ()
    assert "Later." not in record.initiative("pier").to_text(all=True, evidence=True)


def test_a_speaker_is_corrected_and_the_chain_stays_as_the_file_has_it(
    record: Timeline, file: Path
) -> None:
    """A correction of the speaker alone puts the right one at the end of the chain."""
    chain = "evidence: [{source: g1, chain: [Bob Baker]}]"
    edit(file, "by: Bob Baker, on: 2024-04", f"by: Bob Baker, {chain}, on: 2024-04")
    record.amend(record.diff(file), "He said it himself.")
    edit(file, "by: Bob Baker, evidence", "by: Ann Author, evidence")
    record.amend(record.diff(file), "It was Ann.")
    assert str(record.diff(file)) == ""


def test_a_renamed_event_is_known_by_its_content(record: Timeline, file: Path) -> None:
    edit(file, "id: later", "id: much-later")
    difference = record.diff(file)
    assert difference.renamed == (("pier/later", "pier/much-later"),)
    assert (difference.new, difference.gone) == ((), ())
    record.amend(difference, "Named better.", retract=True)
    assert str(record.diff(file)) == ""
    assert record.initiative("pier").to_text().count("Later.") == 1


def test_a_renamed_record_is_known_by_its_content(record: Timeline, file: Path) -> None:
    edit(file, "record: pier", "record: jetty")
    assert [old for old, _ in record.diff(file).renamed] == ["pier/idea", "pier/for", "pier/later"]


def test_a_file_of_several_misses_only_what_stood_in_it(record: Timeline, tmp_path: Path) -> None:
    one, two = tmp_path / "1.yaml", tmp_path / "2.yaml"
    head, _, events = RECORD.partition("events:\n")
    one.write_text(f"{head}events:\n{events}", encoding="utf-8")
    lines = [f"  - {{said: No {n}., id: no{n}, by: Ann Author, source: g1}}\n" for n in range(4)]
    two.write_text(f"record: pier\nevents:\n{''.join(lines)}", encoding="utf-8")
    record.ingest(one, two)
    two.write_text(f"record: pier\nevents:\n{lines[0]}{lines[3]}", encoding="utf-8")
    assert record.diff(two).gone == ("pier/no1", "pier/no2")
    assert record.diff(one).gone == ()


def test_what_was_at_the_end_of_a_file_is_missed_by_its_name(
    record: Timeline, tmp_path: Path
) -> None:
    one, two = tmp_path / "1.yaml", tmp_path / "2.yaml"
    one.write_text(RECORD, encoding="utf-8")
    lines = [f"  - {{said: No {n}., id: no{n}, by: Ann Author, source: g1}}\n" for n in range(3)]
    two.write_text(f"record: pier\nevents:\n{''.join(lines)}", encoding="utf-8")
    record.ingest(one)
    record.ingest(two)
    two.write_text(f"record: pier\nevents:\n{lines[0]}", encoding="utf-8")
    assert record.diff(two).gone == ("pier/no1", "pier/no2")
    assert record.diff(one).gone == ()


def test_an_edited_record_amended_says_what_one_made_so_says(tmp_path: Path) -> None:
    """Apart from the citations of corrections."""
    edited = tmp_path / FERRY.name
    edited.write_text(FERRY.read_text(encoding="utf-8"), encoding="utf-8")
    with Timeline.open("sqlite://") as record, Timeline.open("sqlite://") as right:
        record.ingest(edited)
        edit(edited, "occurred: 1994-04-11", "occurred: 1994-04-12", "paragraph 2", "paragraph 22")
        difference = record.diff(edited)
        assert len(difference.changed) > 2
        record.amend(difference, "Read again.")
        right.ingest(edited)
        one, other = (cells(made.initiative("strait-ferry")) for made in (record, right))
        assert {*one} - {*other} == set()
        assert len(other) > 20


@examples(5, 100)
@given(made=edits())
def test_any_record_is_the_same_as_a_file_and_edited_and_amended_as_made_right(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[list[NewEvent], list[Any]]
) -> None:
    """Apart from the citations of corrections, and from what they say of themselves."""
    news, changes = made
    folder = tmp_path_factory.mktemp("edited")
    world = [NewEvent(event, id_of(event), evidence=[Evidence("paper")]) for event in WORLD]
    entries = entries_of([*world, *news])
    file = folder / "world.yaml"
    file.write_text(record_file(entries), encoding="utf-8")
    with Timeline.open("sqlite://") as record, Timeline.open("sqlite://") as right:
        record.ingest(file)
        record.export_sheet(folder / "world.xlsx")
        with Timeline.open("sqlite://") as copy:
            copy.ingest(folder / "world.xlsx")
            assert said_in(copy) == said_in(record)
        kept, reports = entries.events[: -len(news)], entries.events[-len(news) :]
        edited = [
            entry | change
            for entry, change in zip(reports, changes, strict=True)
            if change is not None
        ]
        file.write_text(
            record_file(attrs.evolve(entries, events=[*kept, *edited])), encoding="utf-8"
        )
        record.amend(record.diff(file), "Read again.", retract=True)
        assert str(record.diff(file)) == ""
        right.ingest(file)
        assert said_in(record) == said_in(right)


def id_of(event: Any) -> str:
    if isinstance(event, ActorAdded | SourceAdded):
        category, thing = (
            ("actor", event.actor) if isinstance(event, ActorAdded) else ("source", event.source)
        )
        return f"{category}/{thing.id}"
    return f"world/{event_type(type(event)).name}-{id(event)}"


def said_in(record: Timeline) -> list[list[str]]:
    """What its reports say, without citations."""
    reports = [record.initiative("union"), record.initiative("pipeline"), record.attendance()]
    return [cells(report) for report in reports]


def test_corrections_need_a_reason(record: Timeline, file: Path) -> None:
    with pytest.raises(InvalidInput, match="expected a reason"):
        record.amend(record.diff(file), " ")


def test_the_commands_show_and_record_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "pier.yaml"
    file.write_text(RECORD, encoding="utf-8")
    database = f"sqlite:///{tmp_path / 'a.db'}"

    def run(*args: object, code: int = 0) -> Any:
        done = CliRunner().invoke(cli, ["--db", database, *map(str, args)])
        assert done.exit_code == code, done.output
        return done

    run("ingest", file)
    edit(file, "Good.", "Very good.", "id: later", "id: much-later", "source: g1\n", "source: g1\n")
    shown = run("diff", file).stdout
    assert f"changed  pier/for ({file}:" in shown
    assert "renamed  pier/later to pier/much-later" in shown
    refused = run("ingest", file, code=1).stderr
    assert "pier/much-later says what pier/later says, which is on record" in refused
    assert "with other fields. What is recorded" in refused
    assert "--amend" in refused
    assert "--reason" in run("ingest", "--amend", file, code=2).stderr
    done = run("ingest", "--amend", "--retract", "--reason", "Read again.", file)
    assert done.stdout.startswith("3 events added, 6 there already")
    assert run("diff", file).stdout == "8 events as on record.\n"


def test_an_export_with_a_corrected_figure_adds_nothing(
    record: Timeline, file: Path, tmp_path: Path
) -> None:
    term = "{name: cost, value: Six., amount: 6}"
    costs = f"  - {{id: costs, said: Costs., by: Bob Baker, terms: [{term}]}}\n"
    file.write_text(RECORD + costs, encoding="utf-8")
    record.ingest(file)
    edit(file, "amount: 6", "amount: 5.6")
    record.amend(record.diff(file), "Misread.")
    sheet = tmp_path / "again.xlsx"
    record.export_sheet(sheet)
    for again in (record.export_records(tmp_path / "again"), sheet):
        assert record.ingest(again).added == 0
        assert str(record.diff(again)) == ""


# Undoing


def test_an_ingest_is_undone_as_a_whole_and_so_is_the_undoing(record: Timeline, file: Path) -> None:
    before = cells(record.initiative("pier"))
    undone = record.undo(reason="The wrong file.")
    assert len(undone.events) == 8
    assert undone.ingest.files == ("pier.yaml",)
    with pytest.raises(NotFound):
        record.initiative("pier")
    difference = record.diff(file)
    assert (difference.same, len(difference.retracted)) == (0, 8)
    again = record.undo()
    assert again.ingest.undoes == undone.ingest.id
    assert cells(record.initiative("pier")) == before
    assert record.diff(file).retracted == ()


def test_amendments_are_undone_by_themselves(record: Timeline, file: Path) -> None:
    edit(file, "said: Good.", "said: Bad.")
    record.amend(record.diff(file), "Misread.")
    assert [event.type for event in record.undo().events] == ["EventCorrected"]
    assert [change.fields for change in record.diff(file).changed] == [("text",)]


def test_what_rests_on_an_ingest_is_shown_before_it_is_undone(record: Timeline, file: Path) -> None:
    record.say("Bob Baker", "No.", on="2024-06", source="g1", about="pier", id="no")
    foreseen = record.undo(dry_run=True)
    assert [event.id for event in foreseen.resting] == ["claims/no"]
    assert len(record.ingests()) == 1


def test_what_is_undone_already_is_not_undone_again(record: Timeline, file: Path) -> None:
    ingest = record.undo().ingest
    with pytest.raises(InvalidInput, match="retracted already"):
        record.undo(ingest.id)
    with pytest.raises(NotFound, match="no ingest has the id 'x'"):
        record.undo("x")


def test_what_was_taken_down_is_not_retracted_and_the_rest_is(record: Timeline, file: Path) -> None:
    record.say("Bob Baker", "No.", on="2024-06", source="g1", about="pier", id="no")
    for id in ("pier/for", "claims/no"):
        record.redact(id, reason="A court's order.")
    undone = record.undo()
    assert len(undone.events) == 7
    assert undone.resting == ()


def test_nothing_is_undone_without_a_yes(tmp_path: Path) -> None:
    file = tmp_path / "pier.yaml"
    file.write_text(RECORD, encoding="utf-8")
    run = CliRunner()
    url = f"sqlite:///{tmp_path}/undo.db"
    run.invoke(cli, ["--db", url, "ingest", str(file)])
    shown = run.invoke(cli, ["--db", url, "undo"]).output
    assert "8 events  pier.yaml" in shown
    assert "Nothing is retracted yet" in shown
    assert "8 events retracted" in run.invoke(cli, ["--db", url, "undo", "--yes"]).output
    again = run.invoke(cli, ["--db", url, "ingest", str(file)]).output
    assert "0 events added, 0 there already, 8 retracted" in again
    listed = run.invoke(cli, ["--db", url, "undo", "--list"]).output.splitlines()
    assert "the undoing of" in listed[0]
    assert len(listed) == 2

    file.write_text(RECORD.replace("2024-04", "2024-03", 1), encoding="utf-8")
    run.invoke(cli, ["--db", url, "undo", "--yes"])
    amend = ["ingest", "--amend", "--reason", "Read again.", str(file)]
    assert "1 event added" in run.invoke(cli, ["--db", url, *amend]).output
    listed = run.invoke(cli, ["--db", url, "undo", "--list"]).output.splitlines()
    assert listed[0].endswith("  1 event  corrections")
