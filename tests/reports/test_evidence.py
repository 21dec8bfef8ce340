"""Every cell of every report leads to events, whatever is in the record."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from hypothesis import given
from strategies import Step, examples, histories

from timeline import NotFound, Timeline
from timeline.record import Record
from timeline.reports import Report

MEETINGS, INITIATIVES, SERIES, ACTORS = (
    ["summit-1", "summit-2"],
    ["union", "pipeline"],
    ["summits", "talks"],
    ["ann", "bob", "cy"],
)


def asked(record: Record, ids: list[str]) -> Iterator[Report]:
    """Every report there is, as far as the record can answer."""
    questions: list[Callable[[], Report]] = [
        record.statements,
        record.attendance,
        record.contradictions,
        record.plans,
        record.actors,
        record.chronology,
        record.sources,
        lambda: record.corroboration(*ids),
        *(lambda each=each: record.initiative(each) for each in INITIATIVES),
        *(lambda each=each: record.attendance(series=each) for each in SERIES),
        *(lambda each=each: record.attendance(meeting=each) for each in MEETINGS),
        *(lambda each=each: record.contradictions(initiative=each) for each in INITIATIVES),
        *(lambda each=each: record.plans(initiative=each) for each in INITIATIVES),
        *(lambda each=each: record.positions(each) for each in INITIATIVES),
        *(lambda each=each: record.sources(initiative=each) for each in INITIATIVES),
        *(lambda each=each: record.dossier(each) for each in ACTORS),
        *(lambda each=each: changes(record, each) for each in INITIATIVES),
    ]
    for ask in questions:
        try:
            yield ask()
        except NotFound:
            continue


def changes(record: Record, initiative: str) -> Report:
    return record.changes(
        lambda view: view.initiative(initiative), since="2022-12-01", until="2024", clock="occurred"
    )


def bare(report: Report) -> Iterator[str]:
    """What of a report rests on nothing."""
    document = report.document()
    for cell in document.lead:
        # That there is nothing to show rests on nothing.
        if document.tables and not cell.evidence:
            yield f"lead: {cell.text}"
    for table in document.tables:
        for row in table.rows:
            yield from (f"{table.title}: {cell.text}" for cell in row if not cell.evidence)
    for path, value in parts(report, report.kind):
        if hasattr(value, "evidence") and not value.evidence:
            yield path


def parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every object in a report, but for what lists the evidence itself."""
    if isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from parts(item, f"{path}[{number}]")
    elif attrs.has(type(value)):
        yield path, value
        for field in attrs.fields(type(value)):
            if field.name not in {"evidence", "sources", "corrections", "standing"}:
                yield from parts(getattr(value, field.name), f"{path}.{field.name}")


@examples(6)
@given(history=histories())
def test_no_cell_is_without_evidence(new_database: Callable[..., str], history: list[Step]) -> None:
    with Timeline.open(new_database(kept=True)) as record:
        for step in history:
            record.store.append_all(step.events)
        ids = [new.id for step in history for new in step.events]

        for report in asked(record, ids):
            assert list(bare(report)) == [], report.kind


@examples(6)
@given(history=histories())
def test_reports_are_the_same_from_tables_and_from_memory(
    new_database: Callable[..., str], history: list[Step]
) -> None:
    with Timeline.open(new_database(kept=True)) as record:
        for step in history:
            record.store.append_all(step.events)
            if step.catch_up:
                record.statements()
        ids = [new.id for step in history for new in step.events]

        kept = [report.to_json() for report in asked(record, ids)]
        folded = [report.to_json() for report in asked(record.as_of(), ids)]
        assert kept == folded
        assert all(json.loads(each)["standing"] for each in kept)
