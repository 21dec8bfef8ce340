"""Whatever is retracted, corrected or merged, in any order, nothing stands on it in silence."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from timeline import (
    Actor,
    ActorsDistinguished,
    ActorsMerged,
    Attendance,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    Evidence,
    InvalidEvent,
    MeetingHeld,
    NewEvent,
    NotFound,
    PlanAnnounced,
    Position,
    ProposalAdopted,
    ProposalMade,
    Source,
    StatementMade,
    Timeline,
    UnknownReference,
)
from timeline.projections.amendments import AmendedRow
from timeline.projections.directory import DistinctRow, SourceRow
from timeline.record import Record
from timeline.reports import Report
from timeline.reports.citations import Citation, Citer
from timeline.reports.layout import Cell

PEOPLE, SOURCES = ("ann", "bob", "cy", "dan"), ("one", "two", "copy")
SAID = StatementMade("ann", "No.", about=["deal"], positions=[Position("ann", "opposed")])
EVENTS = {
    "made": ProposalMade("deal", "Deal", by="ann", parties=["ann", "bob"], text="A deal."),
    "said": SAID,
    "again": attrs.evolve(SAID, speaker="bob"),
    "signed": ProposalAdopted("deal", parties=["ann", "bob"], text="Signed."),
    "met": MeetingHeld("m", "Talks", about=["deal"], attendance=[Attendance("cy", "attended")]),
    "plan": PlanAnnounced("start", "Start", by="dan", text="To start.", due="2024", about=["deal"]),
}
ENTRIES = [f"actor/{id}" for id in PEOPLE] + [f"source/{id}" for id in SOURCES]

_people = st.sampled_from(PEOPLE)
_others = st.lists(_people, min_size=1, max_size=2, unique=True)
_sources = st.sampled_from(SOURCES)
_evidence = st.lists(
    st.builds(lambda source, who: {"source": source, "chain": ["paper", who]}, _sources, _people),
    min_size=1,
    max_size=2,
)
_targets = st.sampled_from([*EVENTS, *ENTRIES, *(f"op{number}" for number in range(6))])
_corrections = st.one_of(
    st.fixed_dictionaries({"evidence": _evidence}),
    st.fixed_dictionaries({"speaker": _people}),
    st.fixed_dictionaries({"by": _people}),
    st.fixed_dictionaries({"occurred": st.sampled_from(["2023-02", "2023-07-01"])}),
)
OPERATIONS = st.one_of(
    st.builds(lambda id: EventRetracted([id], "It was wrong."), _targets),
    st.builds(lambda id: EventRetracted([id], "It was wrong."), st.sampled_from(ENTRIES)),
    st.builds(
        lambda id, right: EventCorrected([id], "Misread.", right),
        st.sampled_from(list(EVENTS)),
        _corrections,
    ),
    st.builds(lambda id: EventCorroborated([id]), st.sampled_from(list(EVENTS))),
    st.builds(lambda one, others: ActorsMerged(one, others, "One."), _people, _others),
    st.builds(lambda one, others: ActorsDistinguished(one, others, "Two."), _people, _others),
)


def fill(timeline: Timeline) -> None:
    timeline.add(
        Actor("paper", "organisation", "Paper"),
        *(Actor(id, "person", id.title()) for id in PEOPLE),
        Source("one", publisher="paper", title="One", published="2023-03-01"),
        Source("two", publisher="paper", title="Two", published="2023-05-01"),
        Source("copy", publisher="paper", title="Copy", published="2023-04-01", copies="one"),
    )
    timeline.append_all(
        NewEvent(event, id=id, occurred="2023-02-01", evidence=[Evidence(source)])
        for (id, event), source in zip(EVENTS.items(), SOURCES * 2, strict=True)
    )


def reports(record: Record) -> Iterator[Report]:
    asked: list[Callable[[], Report]] = [
        lambda: record.initiative("deal"),
        lambda: record.positions("deal"),
        record.statements,
        record.attendance,
        record.plans,
        record.contradictions,
        record.chronology,
        record.actors,
        *(lambda id=id: record.corroboration(id) for id in EVENTS),
    ]
    for ask in asked:
        with contextlib.suppress(NotFound):
            yield ask()


def cells(report: Report) -> Iterator[Cell]:
    document = report.document()
    yield from (cell for table in document.tables for row in table.rows for cell in row)


def cited(report: Report) -> dict[str, Citation]:
    given = [*report.document().lead, *cells(report)]
    return {citation.event: citation for cell in given for citation in cell.evidence}


def withdrawn(record: Record) -> set[str]:
    """The sources that count no more, as the read models have it."""
    with record.view() as view:
        gone = {row.source for row in view.all(SourceRow) if row.withdrawn is not None}
    return gone | ({"copy"} if "one" in gone else set())


def stands(citation: Citation, gone: set[str]) -> bool:
    return not citation.sources or any(s.source not in gone for s in citation.sources)


def check_evidence(report: Report, gone: set[str]) -> None:
    for cell in cells(report):
        assert cell.evidence, (report.kind, cell.text)
    for citation in cited(report).values():
        for support in citation.sources:
            assert (support.withdrawn is not None) == (support.source in gone)
    for table in report.document().tables:
        for row in table.rows:
            said = [c for cell in row for c in cell.evidence if c.sources and c.reason is None]
            if said and not any(stands(citation, gone) for citation in said):
                assert any("withdrawn" in cell.text for cell in row), (report.kind, row)


def check_identity(record: Record) -> None:
    with record.view() as view:
        citer = Citer(view)
        for pair in view.all(DistinctRow):
            assert citer.name(pair.actor).id != citer.name(pair.other).id


def check_corrected(record: Timeline, report: Report) -> None:
    """What is cited for an event is its evidence as corrected, never what was replaced."""
    with record.view() as view:
        for citation in cited(report).values():
            changes: list[dict[str, Any]] = [
                event.event.changes
                for row in view.all(AmendedRow, target=citation.event, kind="corrected")
                for event in view.events([row.event]).values()
                if "evidence" in event.event.changes
            ]
            if len(changes) == 1:
                right = [source["source"] for source in changes[0]["evidence"]]
                assert [support.source for support in citation.sources] == right


@examples(5, 100)
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=6))
def test_whatever_is_withdrawn_nothing_stands_on_it_in_silence(
    new_database: Callable[..., str], operations: list[Any]
) -> None:
    with Timeline.open(new_database(kept=True)) as timeline:
        fill(timeline)
        for number, operation in enumerate(operations):
            evidence = [Evidence("two")] if isinstance(operation, EventCorroborated) else []
            with contextlib.suppress(InvalidEvent, UnknownReference):
                timeline.append(operation, id=f"op{number}", evidence=evidence)

        check_identity(timeline)
        gone = withdrawn(timeline)
        for kept, folded in zip(reports(timeline), reports(timeline.as_of()), strict=True):
            check_evidence(kept, gone)
            check_corrected(timeline, kept)
            assert kept.to_dict() == folded.to_dict()
        for report in reports(timeline.as_of(published="2023-04-15")):
            check_evidence(report, gone)
