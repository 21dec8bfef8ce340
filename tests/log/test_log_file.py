"""The whole log, exported and imported: the same log elsewhere, or nothing."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from timeline import (
    Actor,
    InvalidInput,
    InvalidRecord,
    Projection,
    ProposalMade,
    RecordedEvent,
    Rows,
    Source,
    StatementMade,
    Timeline,
    event,
    on,
    row,
)
from timeline.cli import cli
from timeline.dates import stamp
from timeline.errors import LogDamaged, LogsDiffer, UnknownEventType
from timeline.events import Redacted
from timeline.log import digests
from timeline.log.schema import events

FERRY = Path(__file__).parents[2] / "fixtures/strait-ferry/01-crossing.yaml"
TAKEN_DOWN = "strait-ferry/talk-of-a-bridge"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A log with a takedown in it, as exported from SQLite, and its seal."""
    url = f"sqlite:///{tmp_path_factory.mktemp('original') / 'record.db'}"
    with Timeline.open(url) as timeline:
        timeline.ingest(FERRY)
        timeline.redact(TAKEN_DOWN, reason="It was a private remark.")
        out = io.BytesIO()
        timeline.export_log(out)
        return out.getvalue(), timeline.seal()


@pytest.fixture
def empty(migrated_url: str) -> Iterator[Timeline]:
    with Timeline.open(migrated_url) as timeline:
        yield timeline


def lines_of(exported: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported.splitlines()]


def joined(lines: list[Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def take(timeline: Timeline, exported: bytes, **options: Any) -> Any:
    file = io.BytesIO(exported)
    file.name = "log.jsonl"  # type: ignore[attr-defined]
    return timeline.import_log(file, **options)


def rehashed(lines: list[dict[str, Any]]) -> bytes:
    """The file as a forger would leave it: changed, and true to its digests again."""
    digest = digests.GENESIS
    for line in lines[1:]:
        names = ("salt", "redacted")
        row = line | {name: line[name] and bytes.fromhex(line[name]) for name in names}
        for name in ("occurred_from", "occurred_to", "recorded_at"):
            at = line[name] and datetime.fromisoformat(line[name])
            row[name] = at and stamp(at if at.tzinfo else at.replace(tzinfo=UTC))
        digest = digests.event_digest(digest, row)
        line["digest"] = digest.hex()
    lines[0]["digest"], lines[0]["position"] = digest.hex(), len(lines) - 1
    return joined(lines)


def test_an_imported_log_is_the_same_log(original: tuple[bytes, str], empty: Timeline) -> None:
    exported, seal = original

    done = take(empty, exported, seal=seal)

    assert done.added == int(seal.partition(":")[0])
    assert empty.seal() == seal
    assert empty.verify(seal=seal).seal == seal
    again = io.BytesIO()
    empty.export_log(again)
    assert again.getvalue() == exported
    assert isinstance(empty.store.get([TAKEN_DOWN])[TAKEN_DOWN].event, Redacted)
    assert empty.initiative("strait-ferry").title == "A ferry across the strait"


def test_a_stranger_can_verify_the_file_with_sha_256_alone(original: tuple[bytes, str]) -> None:
    header, *lines = lines_of(original[0])

    assert rehashed([dict(header), *map(dict, lines)]) == joined([header, *lines])
    assert header["digest"] == lines[-1]["digest"]
    assert header["format"] == "timeline-log"


def test_importing_again_adds_nothing_and_a_longer_log_its_rest(
    original: tuple[bytes, str], empty: Timeline
) -> None:
    take(empty, original[0])
    assert take(empty, original[0]).added == 0

    with Timeline.open("sqlite://") as elsewhere:
        take(elsewhere, original[0])
        elsewhere.add(Actor("gazette", "organisation", "The Gazette"))
        longer = io.BytesIO()
        elsewhere.export_log(longer)
        seal = elsewhere.seal()

    assert take(empty, longer.getvalue()).added == 1
    assert empty.verify(seal=seal).seal == seal
    # And the shorter one is now what the log begins with.
    assert take(empty, original[0]).added == 0


def test_a_takedown_travels_with_the_log_and_takes_the_words_along(
    original: tuple[bytes, str], empty: Timeline
) -> None:
    take(empty, original[0])
    empty.statements()
    words = "Only if it pays for itself."
    with Timeline.open("sqlite://") as elsewhere:
        take(elsewhere, original[0])
        elsewhere.redact("strait-ferry/quill-if-it-pays", reason="A private remark.")
        out = io.BytesIO()
        elsewhere.export_log(out)

    assert take(empty, out.getvalue()).taken_down == 1

    empty.verify()
    again = io.BytesIO()
    empty.export_log(again)
    assert words.encode() in original[0]
    assert words.encode() not in again.getvalue()
    assert words not in repr(empty.initiative("strait-ferry"))
    # Nor does an older copy bring them back.
    take(empty, original[0])
    assert isinstance(
        empty.store.get(["strait-ferry/quill-if-it-pays"])["strait-ferry/quill-if-it-pays"].event,
        Redacted,
    )


def test_a_log_is_not_imported_over_another(original: tuple[bytes, str], empty: Timeline) -> None:
    empty.add(Actor("arvenia", "state", "Arvenia"))
    seal = empty.seal()

    with pytest.raises(LogsDiffer, match="position 1 ") as caught:
        take(empty, original[0])

    assert caught.value.position == 1
    assert empty.verify(seal=seal).seal == seal


Change = Callable[[list[dict[str, Any]]], None]


def change(number: int, **fields: Any) -> Change:
    return lambda lines: lines[number].update(fields)


def move(number: int, to: int) -> Change:
    return lambda lines: lines.insert(to, lines.pop(number))


# Each: how the lines are changed, and what the message says, place first.
EDITS = {
    "another word": (change(20, data='{"a":1}'), "log.jsonl:21: position 20: it does not match"),
    "another time": (
        change(3, recorded_at="2020-01-01T00:00:00.000000Z"),
        ":4: position 3: it doe",
    ),
    "another place": (change(3, position=4), ":4: position 3: the event is missing"),
    "a line taken out": (lambda lines: lines.pop(9), ":10: position 9: the event is missing"),
    "a line put in twice": (lambda lines: lines.insert(9, lines[8]), ":10: position 9: the event"),
    "two lines swapped": (move(9, 10), ":10: position 9: the event is missing"),
    "the last line taken out": (lambda lines: lines.pop(), "the log ends at"),
    "all but the first taken out": (lambda lines: lines.__delitem__(slice(1, None)), ":2: the log"),
    "no first line": (lambda lines: lines.pop(0), "log.jsonl:1: expected the first line"),
    "another end": (change(0, digest="0" * 64), "by the first line at"),
    "another format": (change(0, format="tar"), "expected timeline-log in version 1"),
    "a later version": (change(0, version=2), "found 'timeline-log' in 2"),
    "a key too many": (change(5, note="x"), ":6: position 5: "),
    "a key too few": (lambda lines: lines[5].pop("salt"), ":6: position 5: "),
    "words brought back": (change(-2, data=None), "position"),
    "NUL": (change(5, event_id="a\0b"), ":6: position 5: event_id: expected "),
    "half a surrogate pair": (change(5, event_id="\ud800"), ":6: position 5: "),
    "a position beyond all": (change(5, position=2**70), ":6: position 5: "),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_file_is_refused_by_line_and_position(
    original: tuple[bytes, str], edit: str
) -> None:
    lines = lines_of(original[0])
    EDITS[edit][0](lines)

    with Timeline.open("sqlite://") as timeline:
        with pytest.raises(InvalidRecord) as caught:
            take(timeline, joined(lines))

        assert EDITS[edit][1] in str(caught.value)
        assert timeline.store.head().position == 0
        assert list(timeline.log()) == []


@pytest.mark.parametrize("at", [0, 1, 60, 5_000, -1, -2, -700])
def test_a_file_that_was_cut_off_is_refused(original: tuple[bytes, str], at: int) -> None:
    cut = original[0][:at]
    with Timeline.open("sqlite://") as timeline:
        if at == -1:  # only the end of the last line: nothing is missing
            assert take(timeline, cut).added > 0
            return
        with pytest.raises(InvalidRecord, match=r"log\.jsonl:\d+: "):
            take(timeline, cut)
        assert timeline.store.head().position == 0


def test_one_wrong_byte_anywhere_is_found(original: tuple[bytes, str]) -> None:
    exported = bytearray(original[0])
    with Timeline.open("sqlite://") as timeline:
        for at in range(7, len(exported), len(exported) // 40):
            kept = exported[at]
            exported[at] = kept ^ 1
            with pytest.raises((InvalidRecord, UnknownEventType)):
                take(timeline, bytes(exported))
            exported[at] = kept
        assert timeline.store.head().position == 0


# What fits its digests, since whoever made it computed them too, and still must not get in.
FORGERIES = {
    "an id twice": (change(8, event_id="actor/arvenia"), ":9: position 8: the id 'actor/arvenia'"),
    "a version twice": (change(8, version=2), ":9: position 8: expected version 1 of"),
    "a time without zone": (change(8, recorded_at="2020-01-01T00:00:00"), ":9: position 8: "),
    "no date": (change(8, occurred="the day after"), ":9: position 8: expected a date"),
    "no JSON": (change(8, data="{"), ":9: position 8: "),
    "not the event's fields": (change(8, data='{"actor": 1}'), ":9: position 8: ActorAdded"),
    "a control character": (change(8, stream="a\u0007"), ":9: position 8: stream: expected print"),
    "words gone, unsaid": (
        change(8, data=None, evidence=None, metadata=None, salt=None, redacted="0" * 64),
        ":9: position 8: its words were removed, and no takedown",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_file_that_could_not_be_read_is_refused(
    original: tuple[bytes, str], empty: Timeline, forgery: str
) -> None:
    lines = lines_of(original[0])
    FORGERIES[forgery][0](lines)

    with pytest.raises(InvalidRecord) as caught:
        take(empty, rehashed(lines))

    assert FORGERIES[forgery][1] in str(caught.value)
    assert empty.verify().position == 0


def test_a_forged_file_is_found_by_the_seal(original: tuple[bytes, str]) -> None:
    exported, seal = original
    lines = lines_of(exported)
    lines[1]["data"] = lines[1]["data"].replace("Arvenia", "Arcadia")
    with Timeline.open("sqlite://") as timeline:
        with pytest.raises(InvalidRecord, match="the seal says"):
            take(timeline, rehashed(lines), seal=seal)
        with pytest.raises(InvalidRecord, match="was sealed at"):
            take(timeline, exported, seal=f"{10**6}:{'0' * 64}")
        assert timeline.store.head().position == 0


@event(category="tariff")
class TariffImposed:
    goods: str


def test_an_import_needs_no_classes() -> None:
    with Timeline.open("sqlite://", events=[TariffImposed]) as timeline:
        timeline.append(TariffImposed("steel"), id="first")
        timeline.add(Actor("ann", "person", "Ann"))
        out = io.BytesIO()
        timeline.export_log(out)
    with Timeline.open("sqlite://") as other:
        take(other, out.getvalue())
        assert other.verify().position == 2
        assert len(other.actors().actors) == 1
        with pytest.raises(UnknownEventType, match="--events"):
            list(other.log())
        again = io.BytesIO()
        other.export_log(again)
        assert again.getvalue() == out.getvalue()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_damaged_log_is_not_exported(migrated_url: str, tmp_path: Path) -> None:
    with Timeline.open(migrated_url) as timeline:
        timeline.add(Actor("ann", "person", "Ann"))
        with timeline.store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER timeline_keep_update")
            connection.execute(sa.update(events).values(recorded_at=2020))
        target = tmp_path / "log.jsonl"
        target.write_text("what was there")

        with pytest.raises(LogDamaged, match="position 1"):
            timeline.export_log(target)

    assert target.read_text() == "what was there"
    assert [path.name for path in tmp_path.glob("*.jsonl*")] == ["log.jsonl"]


def test_kept_rows_and_reports_follow_an_import(empty: Timeline) -> None:
    with empty.view():
        pass  # rows are kept before anything is in the log
    with Timeline.open("sqlite://") as other:
        other.add(Actor("g", "organisation", "G"), Source("s", publisher="g", title="T"))
        other.append(ProposalMade("x", "X", by="g", text="An X."), id="made", source="s")
        out = io.BytesIO()
        other.export_log(out)
    take(empty, out.getvalue())

    assert empty.initiative("x").title == "X"
    # The log goes on from there.
    empty.add(Actor("h", "person", "H"))
    assert empty.verify().position == 4


@row("speeches", key=("event",))
class SpeechRow:
    event: str


class Speeches(Projection):
    name = "speeches"
    mode = "inline"
    rows = (SpeechRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        rows.put(SpeechRow(recorded.id))


def test_inline_rows_are_there_when_the_import_is_done(
    original: tuple[bytes, str], migrated_url: str
) -> None:
    with Timeline.open(migrated_url, projections=[Speeches()]) as timeline:
        take(timeline, original[0])
        with timeline.store.engine.connect() as connection:
            kept = connection.exec_driver_sql("SELECT count(*) FROM speeches").scalar()

        assert kept == sum(event.type == "StatementMade" for event in timeline.log()) - 1
        assert kept > 2


def test_files_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    with Timeline.open("sqlite://") as timeline:
        with pytest.raises(InvalidInput, match=r"gone\.jsonl: cannot be read: No such file"):
            timeline.import_log(tmp_path / "gone.jsonl")
        with pytest.raises(InvalidInput, match=r"log\.jsonl: cannot be written: No such file"):
            timeline.export_log(tmp_path / "no folder" / "log.jsonl")


def test_memory_stays_flat_as_rows_are_taken_one_page_at_a_time(tmp_path: Path) -> None:
    """What is read ahead of what is written is bounded: the file is not read whole first."""
    with Timeline.open("sqlite://") as timeline:
        actors = [Actor(f"a-{number}", "person", "A" * 200) for number in range(2_500)]
        timeline.add(*actors)
        timeline.export_log(tmp_path / "log.jsonl")
    reads: list[int] = []

    class Watched(io.BufferedReader):
        def readline(self, size: int | None = -1, /) -> bytes:
            reads.append(self.tell())
            return super().readline(size)

    written: list[int] = []
    with Timeline.open("sqlite://") as timeline:

        def notice(statement: str) -> None:
            if statement.startswith("INSERT INTO main.timeline_events"):
                written.append(len(reads))

        with timeline.store.engine.connect() as connection:  # the one there is, in memory
            driver: Any = connection.connection.driver_connection
            driver.set_trace_callback(notice)
        with Watched(io.FileIO(tmp_path / "log.jsonl")) as file:
            timeline.import_log(file)

    assert len(written) > 2_500
    assert all(read < row + 1_100 for row, read in enumerate(written))


def test_from_the_command_line(tmp_path: Path) -> None:
    def run(*args: Any, code: int = 0, **options: Any) -> Any:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], **options)
        assert result.exit_code == code, result.output
        return result

    one, two = f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}"
    file = tmp_path / "log.jsonl"
    run("--db", one, "ingest", FERRY)
    seal = run("--db", one, "seal").stdout.strip()
    assert seal in run("--db", one, "export", "log", "-o", file).stderr
    piped = run("--db", one, "export", "log").stdout_bytes
    assert piped == file.read_bytes()
    assert seal in run("--db", two, "import", file, "--seal", seal).stdout
    assert run("--db", two, "seal").stdout.strip() == seal
    assert "0 added" in run("--db", two, "import", "-", input=piped).stdout
    cut, new = tmp_path / "cut.jsonl", f"sqlite:///{tmp_path / 'new.db'}"
    cut.write_bytes(piped[: len(piped) // 2])
    before = sorted(tmp_path.iterdir())
    run("--db", new, "import", cut, code=1)
    run("--db", new, "import", file, "--seal", f"9:{'0' * 64}", code=1)
    assert sorted(tmp_path.iterdir()) == before
    wrong = run("--db", two, "import", FERRY, code=1)
    assert "expected the first line of an exported log" in wrong.stderr
