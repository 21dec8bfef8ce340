"""Holds the reports against the claims that the record was built from; see `scripts/claims`.

`claims.csv` beside the record says which events were made from which claim. All reports are made
once, and every row is filed under the events that its evidence cites.
"""

import argparse
import csv
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from timeline import RecordedEvent, Timeline
from timeline.events import SourceAdded
from timeline.reports.model import Report

RECORD = Path("fixtures/gas-union")
WIDTH = 60


@attrs.frozen
class Found:
    """A row of a report."""

    report: str
    table: str
    words: str


def initiatives(timeline: Timeline) -> Iterator[Report]:
    """The state of every initiative."""
    made = timeline.log(type="ProposalMade")
    for initiative in dict.fromkeys(event.event.proposal for event in made):
        yield timeline.initiative(initiative)


def without_arguments(name: str) -> Callable[[Timeline], Iterator[Report]]:
    """A report on the whole record; none where this `Timeline` does not make it."""

    def make(timeline: Timeline) -> Iterator[Report]:
        if hasattr(timeline, name):
            yield getattr(timeline, name)()

    return make


MAKERS: list[Callable[[Timeline], Iterable[Report]]] = [
    initiatives,
    *map(without_arguments, ["attendance", "statements", "contradictions", "plans", "actors"]),
]
"""What makes the reports. Add a function of one's own for a report that takes arguments."""


def rows(report: Report) -> Iterator[tuple[Found, set[str]]]:
    """The rows of a report's body, each with the events that its evidence cites."""
    document = report.document()
    apparatus = {"Sources", "Corrected since it was recorded"}
    body = [(table.title, table.rows) for table in document.tables if table.title not in apparatus]
    for title, lines in [("(lead)", [(line,) for line in document.lead]), *body]:
        for cells in lines:
            words = " | ".join(" ".join(cell.text.split()) for cell in cells)
            cited = {citation.event for cell in cells for citation in cell.evidence}
            kind = f"{report.kind}: {document.title}"
            yield Found(kind[:WIDTH], title or "(table)", words[:WIDTH]), cited


def read_claims() -> dict[str, list[str]]:
    """The events of each claim."""
    claims: dict[str, list[str]] = defaultdict(list)
    with (RECORD / "claims.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            claims[line["claim"]].append(line["event"])
    return dict(claims)


def uncited(events: Iterable[RecordedEvent[Any]]) -> list[str]:
    """The sources that no event cites, other than those that another source is a copy of."""
    events = list(events)
    sources = [event.event.source for event in events if isinstance(event.event, SourceAdded)]
    cited = {support.source for event in events for support in event.evidence}
    cited |= {source.copies for source in sources if source.copies is not None}
    return sorted(source.id for source in sources if source.id not in cited)


def main() -> int:
    """Print the claims with their rows, and what is wrong; says whether anything is."""
    parser = argparse.ArgumentParser(description="Which report rows rest on which claim.")
    parser.add_argument("--claim", help="only this one, such as c13")
    parser.add_argument("--quiet", action="store_true", help="print only what is wrong")
    given = parser.parse_args()
    claims = read_claims()
    with (
        tempfile.TemporaryDirectory() as folder,
        Timeline.open(f"sqlite:///{folder}/claims.db") as timeline,
    ):
        timeline.ingest(*sorted(RECORD.glob("*.yaml")))
        events = list(timeline.log())
        showing: dict[str, list[Found]] = defaultdict(list)
        reports = 0
        for make in MAKERS:
            for report in make(timeline):
                reports += 1
                for found, cited in rows(report):
                    for id in cited:
                        showing[id].append(found)
    wrong = []
    recorded = {event.id for event in events}
    for claim, ids in sorted(claims.items()):
        wrong += [f"{claim}: {id} is not in the record" for id in ids if id not in recorded]
        if not any(showing[id] for id in ids):
            wrong.append(f"{claim}: no report shows any of its events")
        if not given.quiet and given.claim in {None, claim}:
            print(claim)
            for id in ids:
                print(f"  {id}" + ("" if showing[id] else "  (in no report)"))
                for found in dict.fromkeys(showing[id]):
                    print(f"    {found.report} · {found.table} · {found.words}")
    if given.claim is not None and given.claim not in claims:
        wrong.append(f"{given.claim}: no such claim")
    wrong += [f"{source}: a source that no event cites" for source in uncited(events)]
    for line in wrong:
        print(line)
    shown = sum(1 for ids in claims.values() if any(showing[id] for id in ids))
    print(f"{shown} of {len(claims)} claims are shown by {reports} reports")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
