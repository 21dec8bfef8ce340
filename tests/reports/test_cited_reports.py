"""Reports that can be cited: made again at the position they name, they are the same to the byte.

For every kind of report, whatever was recorded since, and on either database. The one exception is
what was taken down since, and then the report says so. A report's JSON is all of it; its text is
made of the same values, so only some tests render it as well.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from timeline import (
    Actor,
    ActorsDistinguished,
    ActorsMerged,
    Attendance,
    AttendanceReported,
    DisagreementNoted,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    EventStore,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MembershipReported,
    NotFound,
    PlanAnnounced,
    PlanOutcomeReported,
    Position,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalWithdrawn,
    RoleReported,
    Side,
    Source,
    StatementMade,
    Term,
    Timeline,
)
from timeline.cli import cli
from timeline.engine.as_of import PartialView
from timeline.log import digests
from timeline.log.database import create_engine
from timeline.projections import BUILT_IN
from timeline.projections.statements import StatementRow
from timeline.reports import Report

FIXTURES = Path(__file__).parents[2] / "fixtures"


@attrs.frozen
class Record:
    """A record of `fixtures/`, and what of it is asked about, and spoken of later."""

    name: str
    initiative: str
    series: str
    meeting: str
    speaker: str
    party: str
    other: str
    twin: str  # may be merged into the speaker
    said: str
    made: str
    held: str
    corrected: str
    planned: str
    plan: str
    source: Source
    day: str  # amid what happened

    def reports(self) -> dict[str, Callable[[Any], Report]]:
        """What is asked of any view of the record, by name."""
        asked: dict[str, Callable[[Any], Report]] = {
            "initiative": lambda record: record.initiative(self.initiative),
            "search": lambda record: record.search(self.initiative.partition("-")[0]),
            "attendance": lambda record: record.attendance(),
            "attendance of a series": lambda record: record.attendance(series=self.series),
            "attendance of a meeting": lambda record: record.attendance(meeting=self.meeting),
            "statements": lambda record: record.statements(),
            "statements of a speaker": lambda record: record.statements(
                speaker=self.speaker, initiative=self.initiative, until=self.day
            ),
            "contradictions": lambda record: record.contradictions(),
            "contradictions of an initiative": lambda record: record.contradictions(
                initiative=self.initiative
            ),
            "plans": lambda record: record.plans(),
            "plans on a day": lambda record: record.plans(on=self.day),
            "actors": lambda record: record.actors(),
            "an actor": lambda record: record.actors(self.speaker),
            "corroboration": lambda record: record.corroboration(self.made, self.said),
            "positions": lambda record: record.positions(self.initiative),
            "chronology": lambda record: record.chronology(
                initiative=self.initiative, actor=self.speaker
            ),
            "dossier": lambda record: record.dossier(self.speaker),
            "documents": lambda record: record.documents(initiative=self.initiative),
            "offices": lambda record: record.offices(on=self.day),
            "an event": lambda record: record.show(self.said),
            "encounters": lambda record: record.encounters(),
            "statement counts": lambda record: record.statement_counts(),
            "follow-ups": lambda record: record.follow_ups(),
            "sources": lambda record: record.sources(initiative=self.initiative),
        }
        for clock, until in {
            "published": self.day,
            "occurred": self.day,
            "recorded": "2100",
            "position": 45,
        }.items():
            asked[f"changes {clock}"] = lambda record, clock=clock, until=until: record.changes(
                asked["initiative"], since="1990" if until != 45 else 1, until=until, clock=clock
            )
        return asked

    def ingest(self, timeline: Timeline) -> int:
        return timeline.ingest(*sorted((FIXTURES / self.name).glob("*.yaml"))).position


GAS_UNION = Record(
    name="gas-union",
    initiative="gas-union",
    series="informal-cis-summit",
    meeting="informal-cis-summit-gas-talks",
    speaker="peskov",
    party="uzbekistan",
    other="kazakhstan",
    twin="ushakov",
    said="gas-union/peskov-uzbekistan-interested",
    made="gas-union/putin-proposes",
    held="gas-union/summit-with-gas-talks",
    corrected="gas-union/summit-dated-2023",
    planned="gas-union/expert-talks-expected",
    plan="gas-union-expert-talks",
    source=Source("anadolu-gas-union", publisher="reuters", title="Another", grade="low"),
    day="2022-12-09",
)
STRAIT_FERRY = Record(
    name="strait-ferry",
    initiative="strait-ferry",
    series="strait-council",
    meeting="strait-council-1994-spring",
    speaker="quill",
    party="soltmark",
    other="pellow",
    twin="maddern",
    said="strait-ferry/torvane-all-agree",
    made="strait-ferry/arvenia-proposes",
    held="strait-ferry/spring-session",
    corrected="strait-ferry/draft-dated",
    planned="strait-ferry/trial-sailing-intended",
    plan="trial-sailing",
    source=Source("post-0415", publisher="strait-wire", title="Another", grade="low"),
    day="1994-07-19",
)


ONE_RECORD = pytest.mark.parametrize("record", [STRAIT_FERRY], ids=["strait-ferry"], indirect=True)
"""For what does not depend on what a record says."""


def later(of: Record) -> list[tuple[Any, str | None]]:
    """Events of all sorts, each with its date: what may touch an older report in any way."""
    early = of.day[:4]
    speaker = {"id": of.speaker, "kind": "person", "name": "Somebody"}
    source = attrs.asdict(of.source) | {"published": "1991", "copies": "late"}
    return [
        (ActorsDistinguished(of.party, [of.other], "Two states."), None),
        (RoleReported(of.speaker, "envoy", of=of.other), early),
        (MembershipReported(of.party, of="late-body", since="1990"), early),
        (
            StatementMade(
                of.speaker,
                "It was never meant so.",
                about=[of.initiative],
                positions=[Position(of.party, "opposed"), Position(of.other, "favourable")],
                terms=[Term("price", "a secret")],
                disputes=[of.said],
            ),
            f"{early}-01-02",
        ),
        (ProposalAmended(of.initiative, of.party, "Cheaper.", [Term("price", "half")]), of.day),
        (ProposalAnswered(of.initiative, of.party, "rejected", "No."), of.day),
        (
            MeetingHeld(
                of.meeting,
                "Another name",
                place="Elsewhere",
                series="another-series",
                attendance=[Attendance(of.party, "absent")],
            ),
            early,
        ),
        (AttendanceReported(of.meeting, [Attendance(of.speaker, "attended")]), early),
        (MeetingAnnounced("late-meeting", "A late meeting", within=of.meeting), of.day),
        (MeetingCalledOff("late-meeting", by=of.speaker), of.day),
        (PlanAnnounced("late-plan", "A late plan", of.party, "Soon.", due=of.day), early),
        (PlanOutcomeReported(of.plan, "kept", "It came after all."), of.day),
        (EventCorroborated([of.made, of.said, of.held], "Word for word."), None),
        (EventCorrected([of.said], "Misheard.", {"text": "Otherwise.", "positions": []}), None),
        (EventCorrected([of.held, of.made], "Misdated.", {"occurred": "1999"}), None),
        (EventCorrected([f"source/{of.source.id}"], "Misread.", {"source": source}), None),
        (EventCorrected([f"actor/{of.speaker}"], "Misspelt.", {"actor": speaker}), None),
        (EventRetracted([of.corrected], "There was no reason to."), None),
        (EventRetracted([of.planned], "Nobody said so."), None),
        (ActorsMerged(of.speaker, [of.twin], "One person."), None),
        (
            DisagreementNoted(
                "who is right",
                [Side("they", [of.made]), Side("the others", [of.said])],
                proposal=of.initiative,
            ),
            None,
        ),
        (ProposalWithdrawn(of.initiative, of.party, "Enough."), "2031"),
        (ProposalAdopted(of.initiative, [of.party, of.other], "Done."), "2032"),
        (EventRetracted([of.made], "An invention.", superseded_by=of.said), None),
    ]


LATE = (
    Actor("late-body", "organisation", "A late body"),
    Source("late", publisher="late-body", title="What came later", published="2030"),
)


def shown(record: Record, view: Any, *, text: bool = False) -> dict[str, str]:
    """Every report on a view, as JSON; why, where there is nothing to report on."""
    made = {}
    for name, make in record.reports().items():
        try:
            report = make(view)
        except NotFound as error:
            made[name] = f"{error}"
        else:
            made[name] = report.to_json()
            if text:
                made[f"{name}, text"] = report.to_text(all=True, evidence=True)
    return made


@pytest.fixture(params=[GAS_UNION, STRAIT_FERRY], ids=lambda record: record.name)
def record(request: pytest.FixtureRequest) -> Record:
    return request.param


def everything(timeline: Timeline, record: Record) -> Iterator[int]:
    """Ingest a record and append what comes later; the positions after the first and amid this."""
    yield record.ingest(timeline)
    timeline.add(*LATE)
    for number, (event, occurred) in enumerate(later(record), start=1):
        id = f"later-{number}"
        appended = timeline.append(event, id=id, occurred=occurred, source="late")
        if number == 12:
            yield appended.position


@ONE_RECORD
def test_every_kind_of_report_is_asked_for(record: Record) -> None:
    with Timeline.open("sqlite://") as timeline:
        record.ingest(timeline)
        made = {make(timeline).kind for make in record.reports().values()}

    ours = [kind for kind in Report.__subclasses__() if kind.__module__.startswith("timeline.")]
    assert made == {kind.kind for kind in ours}


@ONE_RECORD
def test_made_again_at_its_position_a_report_is_the_same_to_the_byte(
    record: Record, kept_url: str
) -> None:
    with Timeline.open(kept_url) as timeline:
        made = {at: shown(record, timeline, text=True) for at in everything(timeline, record)}

        assert len(made) == 2
        for position, live in made.items():
            again = shown(record, timeline.as_of(position=position), text=True)
            for name, report in live.items():
                assert again[name] == report, f"{name} at {position}"
            assert again.keys() == live.keys()


def test_so_it_is_in_a_larger_record(kept_url: str) -> None:
    with Timeline.open(kept_url) as timeline:
        steps = everything(timeline, GAS_UNION)
        at = next(steps)
        live = shown(GAS_UNION, timeline)
        assert list(steps)

        again = shown(GAS_UNION, timeline.as_of(position=at))
        for name, report in live.items():
            assert again[name] == report, name


@ONE_RECORD
def test_so_it_is_in_a_log_too_long_to_be_read_whole(
    record: Record, kept_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PartialView.__init__.__kwdefaults__
    monkeypatch.setitem(PartialView.__init__.__kwdefaults__, "small", 0)
    with Timeline.open(kept_url) as timeline:
        made = {at: shown(record, timeline) for at in everything(timeline, record)}

        for position, live in made.items():
            again = shown(record, timeline.as_of(position=position))
            for name, text in live.items():
                assert again[name] == text, f"{name} at {position}"


@ONE_RECORD
def test_so_is_a_report_that_looks_back_by_other_clocks(record: Record, kept_url: str) -> None:
    moment = {"published": record.day, "occurred": record.day}
    with Timeline.open(kept_url) as timeline:
        steps = everything(timeline, record)
        at = next(steps)
        live = shown(record, timeline.as_of(**moment))
        assert list(steps)

        again = shown(record, timeline.as_of(position=at, **moment))
        for name, text in live.items():
            assert again[name] == text, name


@ONE_RECORD
def test_a_report_names_what_it_takes_to_make_it_again(record: Record, kept_url: str) -> None:
    with Timeline.open(kept_url) as timeline:
        at = record.ingest(timeline)
        digest = timeline.store.head().digest.hex()
        for make in record.reports().values():
            report = make(timeline)
            if report.kind == "changes":  # its last position may be given
                continue
            assert (report.standing.position, report.standing.digest) == (at, digest)
            ending = f"Made at position {at} of the log, digest {digest}."
            assert " ".join(report.to_text(all=True, evidence=True).split()).endswith(ending)


@ONE_RECORD
def test_the_command_line_makes_it_again(
    record: Record, kept_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    asked = {
        "initiative": [record.initiative],
        "attendance": ["--series", record.series],
        "statements": ["--speaker", record.speaker],
        "contradictions": [],
        "plans": [],
        "actors": [],
        "corroboration": [record.made],
        "positions": [record.initiative],
        "chronology": ["--series", record.series],
        "dossier": [record.speaker],
        "sources": [],
        "changes": ["--initiative", record.initiative, "--since", "1990", "--until", record.day],
    }

    def printed(*more: str) -> dict[str, str]:
        reported = {}
        for name, options in asked.items():
            for form in ("text", "json"):
                command = [name] if name == "changes" else ["report", name]
                line = ["--db", kept_url, *command, *options, "--format", form, *more]
                result = CliRunner().invoke(cli, line)
                assert result.exit_code == 0, result.output
                reported[f"{name}, {form}"] = result.stdout
        return reported

    with Timeline.open(kept_url) as timeline:
        steps = everything(timeline, record)
        at = next(steps)
        live = printed()
        for _ in steps:
            pass

    assert printed("--at", str(at)) == live


# On either database


@contextlib.contextmanager
def recorded(record: Record, url: str) -> Iterator[Timeline]:
    """All of a record, in a new database, recorded at a time of our choice."""
    Timeline.open(url).close()
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    with Timeline(EventStore(create_engine(url), clock=lambda: noon)) as timeline:
        assert list(everything(timeline, record))
        yield timeline


def made_on(record: Record, url: str) -> dict[str, str]:
    with recorded(record, url) as timeline:
        return shown(record, timeline)


@pytest.fixture
def same_salts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Salts are new for each recording, and so are digests."""
    monkeypatch.setattr(digests, "new_salts", lambda count: [bytes(16)] * count)


@ONE_RECORD
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_either_database_gives_the_same_bytes_but_for_digests(
    record: Record, database_url: str, tmp_path: Path
) -> None:
    here = made_on(record, f"sqlite:///{tmp_path}/record.db")
    there = made_on(record, database_url)

    # PostgreSQL salts what it appends by itself, and each ingest has an id of its own.
    digest = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
    for name, report in here.items():
        assert digest.sub("", there[name]) == digest.sub("", report), name
    assert here.keys() == there.keys()


@pytest.mark.usefixtures("same_salts")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_either_database_keeps_the_same_rows(database_url: str, tmp_path: Path) -> None:
    """Of a larger record, in the same order: reports are made of nothing else."""
    kept = []
    for url in (f"sqlite:///{tmp_path}/record.db", database_url):
        with recorded(GAS_UNION, url) as timeline, timeline.view() as view:
            kept.append({cls: view.all(cls) for item in BUILT_IN for cls in item.rows})

    assert kept[0] == kept[1]
    assert kept[0][StatementRow]


@ONE_RECORD
def test_only_digests_differ_between_records_of_the_same(
    record: Record, database_url: str, tmp_path: Path
) -> None:
    """Each event's digest covers a salt of its own: or else one could try, after a takedown, which
    words a digest is of. So a digest names a recording, not its content, as an ingest's id does.
    """
    here = made_on(record, f"sqlite:///{tmp_path}/record.db")
    there = made_on(record, database_url)

    digest = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
    assert here["statements"] != there["statements"]
    for name, text in here.items():
        assert digest.sub("…", there[name]) == digest.sub("…", text), name


# Takedowns


def says_taken_down(report: Report, id: str) -> bool:
    """Whether a report says, where it says how it stands, that the words of that event are gone."""
    standing = report.to_text(1000, all=True, evidence=True).rpartition("Made at position")[2]
    reported = id in standing, id in json.dumps(report.to_dict()["standing"])
    assert reported[0] == reported[1]
    return reported[0]


@ONE_RECORD
def test_the_words_of_an_event_taken_down_are_in_no_report_made_again(
    record: Record, kept_url: str
) -> None:
    with Timeline.open(kept_url) as timeline:
        at = record.ingest(timeline)
        said = timeline.store.get([record.said])[record.said].event.text
        assert said in timeline.statements().to_json()
        timeline.redact(record.said, reason="A court's order.")

        again = shown(record, timeline.as_of(position=at))
        assert again
        assert not [name for name, text in again.items() if said in text]


@ONE_RECORD
@pytest.mark.parametrize("what", ["said", "held", "corrected"])
def test_made_again_after_a_takedown_a_report_says_so(
    record: Record, kept_url: str, what: str
) -> None:
    id = getattr(record, what)
    with Timeline.open(kept_url) as timeline:
        at = record.ingest(timeline)
        before = timeline.statements()
        timeline.redact(id, reason="A court's order.")
        now = timeline.statements()

        again = timeline.as_of(position=at).statements()
        assert (again.standing.position, again.standing.digest) == (
            before.standing.position,
            before.standing.digest,
        )
        assert says_taken_down(again, id)
        # A report made since then is what it will be whenever it is made again.
        assert not says_taken_down(now, id)
        assert timeline.as_of(position=now.standing.position).statements() == now
        # What was taken down was not there yet.
        first = timeline.as_of(position=10).statements()
        assert not says_taken_down(first, id)
