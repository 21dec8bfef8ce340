"""The index by subject, and views as of a moment that read only what a report asks for."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from strategies import Step, examples, histories

from timeline import (
    Actor,
    ActorsMerged,
    Attendance,
    DisagreementNoted,
    EventCorrected,
    EventRetracted,
    EventStore,
    Evidence,
    InvalidInput,
    MeetingHeld,
    NewEvent,
    NotFound,
    ProposalMade,
    RecordedEvent,
    RoleReported,
    Source,
    StatementMade,
    Timeline,
)
from timeline.dates import When
from timeline.engine.as_of import PartialView
from timeline.engine.cutoff import Cutoff
from timeline.engine.projection import Projection, Rows, Subject, View, changed, on, row
from timeline.engine.runner import Projector
from timeline.engine.subjects import SubjectRow
from timeline.events import Position, Side
from timeline.log.database import create_engine
from timeline.projections import BUILT_IN, Subjects
from timeline.record import Record
from timeline.reports import Report

INITIATIVES, SERIES = ["union", "pipeline"], ["summits", "talks"]
MEETINGS, ACTORS = ["summit-1", "summit-2"], ["ann", "bob", "cy"]


class Through(Record):
    """The reports of one view."""

    def __init__(self, view: Any) -> None:
        self._seen = view

    @contextlib.contextmanager
    def view(self) -> Iterator[View]:
        yield self._seen

    def _narrowed(self, cutoff: Cutoff) -> Any:
        raise AssertionError


Questions = dict[str, Callable[[Record], Report]]


def by_subject(ids: list[str]) -> Questions:
    """The questions that concern some things only, by name."""
    result: Questions = {}
    for id in INITIATIVES:
        result[f"initiative {id}"] = lambda record, id=id: record.initiative(id)
        result[f"plans of {id}"] = lambda record, id=id: record.plans(initiative=id)
        result[f"statements about {id}"] = lambda record, id=id: record.statements(initiative=id)
        result[f"positions on {id}"] = lambda record, id=id: record.positions(id)
        result[f"chronology of {id}"] = lambda record, id=id: record.chronology(initiative=id)
        result[f"sources of {id}"] = lambda record, id=id: record.sources(initiative=id)
    for id in MEETINGS:
        result[f"attendance of {id}"] = lambda record, id=id: record.attendance(meeting=id)
    for id in SERIES:
        result[f"attendance of {id}"] = lambda record, id=id: record.attendance(series=id)
        result[f"chronology of {id}"] = lambda record, id=id: record.chronology(series=id)
    for id in ACTORS:
        result[f"actor {id}"] = lambda record, id=id: record.actors(id)
        result[f"chronology of {id}"] = lambda record, id=id: record.chronology(actor=id)
        result[f"dossier of {id}"] = lambda record, id=id: record.dossier(id)
        result[f"statements by {id}"] = lambda record, id=id: record.statements(speaker=id)
    for id in ids:
        result[f"corroboration of {id}"] = lambda record, id=id: record.corroboration(id)
    return result


def by_more(ids: list[str]) -> Questions:
    """Questions that may take all of the log."""
    return {
        "statements": lambda record: record.statements(),
        "all corroborated": lambda record: record.corroboration(*ids),
        "actor by name": lambda record: record.actors("Yes."),
        "statements by name": lambda record: record.statements(speaker="no"),
        "contradictions": lambda record: record.contradictions(initiative="union"),
        "contradictions of a meeting": lambda record: record.contradictions(meeting="summit-1"),
        "contradictions of both": lambda record: record.contradictions(
            initiative="pipeline", meeting="summit-2"
        ),
    }


def answer(ask: Callable[[Record], Report], record: Record) -> str:
    """The report as JSON, or why there is none."""
    try:
        return ask(record).to_json()
    except (NotFound, InvalidInput) as error:
        return f"{type(error).__name__}: {error}"


MadeCutoff = Callable[[int, list[datetime]], Cutoff]
DATES = st.sampled_from(["2022", "2022-11-28", "2022-12-31", "2023-12-26"]).map(When)


@st.composite
def cutoffs(draw: st.DrawFn) -> MadeCutoff:
    """What makes a cutoff of the positions and the times of recording that there are."""
    position = draw(st.none() | st.integers(0, 30))
    recorded = draw(st.none() | st.integers(0, 30))
    published, occurred = draw(st.none() | DATES), draw(st.none() | DATES)
    possibly = draw(st.booleans())

    def made(last: int, times: list[datetime]) -> Cutoff:
        return Cutoff(
            position=None if position is None else min(position, last),
            recorded=times[recorded % len(times)] if recorded is not None and times else None,
            published=published,
            occurred=occurred,
            possibly=possibly,
        )

    return made


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@examples(3, 50)
@given(history=histories(steps=10), cutoff=cutoffs())
def test_a_report_from_a_part_of_the_log_is_that_from_the_whole(
    new_database: Callable[..., str], history: list[Step], cutoff: MadeCutoff
) -> None:
    with Timeline.open(new_database(kept=True)) as record:
        times = []
        for step in history:
            times += [item.recorded_at for item in record.store.append_all(step.events).events]
            if step.catch_up:
                record.statements()
        ids = [new.id for step in history for new in step.events]
        projector, chosen = record._projector, cutoff(len(ids), times)

        whole = Through(projector.fold(chosen))
        shared = Through(PartialView(projector, chosen, small=-1))
        for name, ask in (by_subject(ids) | by_more(ids)).items():
            said = answer(ask, whole)
            alone = Through(PartialView(projector, chosen, small=-1))
            assert answer(ask, alone) == said, name
            assert answer(ask, shared) == said, name


# What is read, and what is not


GAZETTE = Source("article", publisher="gazette", title="On the union", published="2022-12-01")
SUPPORT = [Evidence("article", chain=["gazette", "ann"])]


def said(id: str, speaker: str = "ann", **fields: Any) -> NewEvent:
    made = StatementMade(speaker, "Yes.", **fields)
    return NewEvent(made, id, occurred="2022-11-28", evidence=SUPPORT)


def proposed(id: str, by: str = "ann") -> NewEvent:
    made = ProposalMade(id, id, by, "For all.")
    return NewEvent(made, f"proposed-{id}", occurred="2022-11-28", evidence=SUPPORT)


def met(id: str, series: str, *actors: str) -> NewEvent:
    attendance = [Attendance(actor, "attended") for actor in actors]
    made = MeetingHeld(id, id, series=series, attendance=attendance)
    return NewEvent(made, f"met-{id}", occurred="2022-12-26", evidence=SUPPORT)


def chairing(actor: str, office: str, since: str) -> NewEvent:
    made = RoleReported(actor, office, of="gazette", since=since)
    return NewEvent(made, f"{actor}-{office}", evidence=SUPPORT)


@pytest.fixture
def record(kept_url: str) -> Iterator[Timeline]:
    with Timeline.open(kept_url) as opened:
        opened.add(
            Actor("gazette", "organisation", "The Gazette"),
            *(Actor(id, "person", id.title()) for id in ("ann", "bob", "cy", "dee")),
            GAZETTE,
        )
        opened.append_all(
            [
                proposed("union"),
                said("about-it", about=["union"]),
                said("beside-it", "bob", about=["thing"], positions=[Position("ann", "opposed")]),
                met("summit-1", "summits", "ann", "bob"),
                proposed("thing", "bob"),
                chairing("ann", "chair", "2020"),
                chairing("cy", "Chair", "2023"),
            ]
        )
        yield opened


def part_of(record: Timeline, **moment: Any) -> PartialView:
    moment = {name: value and When(value) for name, value in moment.items()}
    return PartialView(record._projector, Cutoff(**moment), small=-1)


ASKED: Questions = {
    "initiative": lambda record: record.initiative("union"),
    "attendance of a series": lambda record: record.attendance(series="summits"),
    "attendance of a meeting": lambda record: record.attendance(meeting="summit-1"),
    "statements by": lambda record: record.statements(speaker="ann"),
    "statements about": lambda record: record.statements(initiative="union"),
    "plans": lambda record: record.plans(initiative="union"),
    "actor": lambda record: record.actors("ann"),
    "positions": lambda record: record.positions("union"),
    "chronology of an initiative": lambda record: record.chronology(initiative="union"),
    "sources of an initiative": lambda record: record.sources(initiative="union"),
    "corroboration": lambda record: record.corroboration("about-it"),
    "contradictions": lambda record: record.contradictions(initiative="union"),
    "contradictions of a meeting": lambda record: record.contradictions(meeting="summit-1"),
}


class Parted(Through):
    """A record whose views as of other moments are read in parts, too; it keeps them all."""

    def __init__(self, projector: Any, cutoff: Cutoff, made: list[PartialView]) -> None:
        super().__init__(PartialView(projector, cutoff, small=-1))
        self._projector, self._made = projector, made
        made.append(self._seen)

    def _narrowed(self, cutoff: Cutoff) -> Any:
        return Parted(self._projector, self._seen.cutoff.narrowed(cutoff), self._made)


@pytest.mark.parametrize("of", [{"initiative": "union"}, {"series": "summits"}])
def test_what_changed_in_one_matter_reads_no_more_of_the_log(
    record: Timeline, of: dict[str, str]
) -> None:
    record.append_all([said("more", about=["union"]), met("summit-2", "summits", "cy")])
    record.append(EventCorrected(["about-it"], "Not so.", {"text": "No."}))
    record.append(DisagreementNoted("Said?", [Side("a", ["about-it"]), Side("b", ["more"])]))
    made: list[PartialView] = []

    report = Parted(record._projector, Cutoff(), made).changes(since=13, clock="position", **of)

    assert report.changes
    # So short a log is folded whole by the record itself.
    assert report.to_json() == record.changes(since=13, clock="position", **of).to_json()
    assert all(part._whole is None for part in made)


@pytest.mark.parametrize("moment", [{}, {"published": "2023"}, {"occurred": "2022"}])
def test_a_report_reads_what_concerns_it_and_nothing_else(
    record: Timeline, moment: dict[str, str]
) -> None:
    def read() -> Iterator[tuple[str, Any]]:
        for name, question in ASKED.items():
            part = part_of(record, **moment)
            answer(question, Through(part))
            assert part._whole is None, name
            yield name, set(part._log._positions)

    before = dict(read())
    record.append_all(
        [
            *(proposed(f"other-{number}") for number in range(20)),
            *(said(f"o{number}", "bob", about=[f"other-{number}"]) for number in range(20)),
            *(met(f"m-{number}", "others", "ann", "cy") for number in range(20)),
            *(chairing("dee", f"chair of desk {number}", "2022") for number in range(20)),
            NewEvent(EventCorrected(["o1"], "Not there.", {"place": "Astana"})),
            NewEvent(EventRetracted(["o2"], "Not so.")),
        ]
    )

    for name, positions in read():
        assert positions == before[name], name


@pytest.mark.parametrize(
    "question",
    [lambda record: record.dossier("bob"), lambda record: record.chronology(actor="bob")],
)
def test_what_is_asked_of_an_actor_reads_what_concerns_it(
    record: Timeline, question: Callable[[Record], Report]
) -> None:
    part = part_of(record)
    answer(question, Through(part))
    read = set(part._log._positions)
    assert {"beside-it", "met-summit-1"} <= read

    record.append_all([met(f"m-{number}", "others", "ann", "cy") for number in range(20)])
    record.append_all([said(f"by-cy-{number}", "cy", about=["union"]) for number in range(20)])
    part = part_of(record)
    answer(question, Through(part))
    assert set(part._log._positions) == read
    assert part._whole is None


def test_a_question_without_a_subject_is_answered_from_the_whole(record: Timeline) -> None:
    part = part_of(record)

    assert len(Through(part).statements().statements) == 2
    assert part._whole is not None


def test_a_short_log_is_folded_at_once(record: Timeline) -> None:
    part = PartialView(record._projector, Cutoff(), small=record.store.head().position)

    assert part._whole is not None


def test_what_was_corrected_since_is_found_where_it_was(record: Timeline) -> None:
    before = record.store.head().position
    record.append(proposed("pipeline").event, source="article")
    record.append(EventCorrected(["about-it"], "Of the other.", {"about": ["pipeline"]}))
    record.append(EventRetracted(["beside-it"], "Never said."))

    def shown(question: Callable[[Record], Any], **moment: Any) -> list[str]:
        lines = question(Through(part_of(record, **moment))).statements
        return [line.evidence[0].event for line in lines]

    assert shown(lambda r: r.statements(initiative="union")) == []
    assert shown(lambda r: r.statements(initiative="pipeline")) == ["about-it"]
    assert shown(lambda r: r.statements(speaker="bob")) == []
    then = PartialView(record._projector, Cutoff(position=before), small=-1)
    assert len(Through(then).statements(initiative="union").statements) == 1
    assert len(Through(then).statements(speaker="bob").statements) == 1


def test_what_undoes_an_amendment_is_found_however_far_behind_it(record: Timeline) -> None:
    record.append(EventRetracted(["about-it"], "Never said."), id="first")
    record.append(EventRetracted(["first"], "It was said."), id="second")
    assert len(Through(part_of(record)).statements(initiative="union").statements) == 1

    record.append(EventRetracted(["second"], "It was not."), id="third")
    assert Through(part_of(record)).statements(initiative="union").statements == ()


@pytest.mark.parametrize("day", ["2022-11-30", "2022-12-02", "2022-12-04", "2022-12-06"])
def test_dates_of_sources_follow_from_others_however_far_away(record: Timeline, day: str) -> None:
    sources: dict[str, dict[str, Any]] = {
        "note": {"cited_in": "early"},
        "early": {"published": "2022-12-02"},
        "wire": {},
        "reprint": {"copies": "wire", "cited_in": "digest"},
        "digest": {"published": "2022-12-04"},
        "leak": {},
        "site": {"published": "2022-12-06"},
    }
    record.add(*(Source(name, "gazette", name, **fields) for name, fields in sources.items()))
    for name in ("note", "wire", "leak"):
        record.append(said("x", about=["union"]).event, id=f"by-{name}", source=name)
    changes = {"source": {"id": "site", "publisher": "gazette", "title": "S", "copies": "leak"}}
    changes["source"]["published"] = "2022-12-06"
    record.append(EventCorrected(["source/site"], "A copy.", changes))
    record.append(EventCorrected(["by-note"], "So it was.", {"text": "No."}), source="wire")

    part, cutoff = part_of(record, published=day), Cutoff(published=When(day))
    whole = Through(record._projector.fold(cutoff))
    asked = ASKED["statements about"]
    shown = answer(asked, Through(part))
    assert shown == answer(asked, whole)
    # The error for what is not in view tells what is, and so takes the whole.
    nothing = day == "2022-11-30"
    assert shown.startswith("NotFound") is nothing
    assert (part._whole is None) is not nothing


def test_what_is_appended_meanwhile_is_not_in_view(record: Timeline) -> None:
    part = part_of(record)
    record.append(said("late", about=["union"]).event, id="late", source="article")

    assert [line.text for line in Through(part).initiative("union").statements] == ["Yes."]
    assert part.head.position < record.store.head().position


def test_where_nothing_may_be_written_the_whole_is_folded(record: Timeline, kept_url: str) -> None:
    expected = record.as_of().initiative("union").to_json()
    url = sa.make_url(kept_url)
    read_only: str | sa.URL = (
        f"sqlite:///file:{url.database}?mode=ro&uri=true"
        if url.get_backend_name() == "sqlite"
        else url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    )
    engine = create_engine(read_only)
    part = PartialView(Projector(EventStore(engine), BUILT_IN), Cutoff(), small=-1)

    assert Through(part).initiative("union").to_json() == expected
    assert part._whole is not None
    engine.dispose()


def test_without_the_index_the_whole_is_folded(record: Timeline) -> None:
    others = [item for item in BUILT_IN if not isinstance(item, Subjects)]
    part = PartialView(Projector(record.store, others), Cutoff(), small=-1)

    assert Through(part).initiative("union") == record.initiative("union")
    assert part._whole is not None


# The index


def names(record: Timeline, subject: str) -> list[tuple[str, str]]:
    record.statements()
    with record.view() as view:
        return [(row.type, row.field) for row in view.all(SubjectRow, subject=subject)]


def test_the_index_tells_which_events_name_a_thing_and_where(record: Timeline) -> None:
    assert names(record, "actor:ann") == [
        ("ActorAdded", "actor.id"),
        ("MeetingHeld", "attendance.actor"),
        ("ProposalMade", "by"),
        ("RoleReported", "actor"),
        ("StatementMade", "positions.party"),
        ("StatementMade", "speaker"),
    ]
    assert names(record, "series:summits") == [("MeetingHeld", "series")]
    assert names(record, "source:article") == [("SourceAdded", "source.id")]


def test_the_index_keeps_what_was_recorded_whatever_became_of_it(record: Timeline) -> None:
    record.append(EventCorrected(["about-it"], "By Bob.", {"speaker": "cy"}), id="c")
    record.append(EventRetracted(["beside-it"], "Never said."), id="r")
    record.append(ActorsMerged("bob", ["ann"], "One person."), id="m")

    assert ("StatementMade", "speaker") in names(record, "actor:ann")
    assert names(record, "corrected:cy") == [("EventCorrected", "changes")]
    assert names(record, "event:beside-it") == [("EventRetracted", "events")]
    assert ("ActorsMerged", "others") in names(record, "actor:ann")


def test_the_index_has_offices_by_their_words_also_where_a_correction_gives_them(
    record: Timeline,
) -> None:
    record.append(EventCorrected(["ann-chair"], "Of the board.", {"role": "Chair of the Board"}))

    assert names(record, "office:chair") == [("RoleReported", "role")] * 2
    assert names(record, "corrected:board chair") == [("EventCorrected", "changes")]


def test_a_takedown_reaches_the_index(record: Timeline) -> None:
    record.append(EventCorrected(["about-it"], "By Cy.", {"speaker": "cy"}), id="c")
    assert names(record, "corrected:cy")

    record.redact("c", reason="By order.")
    record.redact("about-it", reason="By order.")

    assert names(record, "corrected:cy") == []
    assert ("StatementMade", "speaker") not in names(record, "actor:ann")


# A read model of one's own


@row("shares", key=("party",))
class ShareRow:
    party: Annotated[str, Subject("actor", "positions.party")]
    stances: int


class Shares(Projection):
    name = "shares"
    rows = (ShareRow,)

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        for position in recorded.event.positions:
            known = rows.get(ShareRow, position.party) or ShareRow(position.party, 0)
            rows.put(changed(known, stances=known.stances + 1))


def test_rows_of_ones_own_are_found_by_the_fields_that_are_marked(record: Timeline) -> None:
    projector = Projector(record.store, [*BUILT_IN, Shares()])
    part = PartialView(projector, Cutoff(), small=-1)

    assert part.get(ShareRow, "ann") == ShareRow("ann", 1)
    assert part.get(ShareRow, "cy") is None
    assert part._whole is None
    assert part.all(ShareRow) == [ShareRow("ann", 1)]


def test_marked_fields_are_indexed_in_the_tables(record: Timeline) -> None:
    record.statements()
    result = sa.inspect(record.store.engine).get_indexes("timeline_meeting_reports_v1")

    columns = {tuple(item["column_names"]) for item in result}
    assert columns == {("meeting",), ("series",), ("within",)}
