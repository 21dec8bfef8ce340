"""Measures what reports cost as the log grows around them; see `scripts/scale`.

Each log holds the record of `fixtures/gas-union`, the same further statements about its initiative,
and between the two filler: other proposals, meetings, plans, sources, actors, statements,
corrections and mergers, all of other matters. Some of it is said by the initiative's own people,
attended by them, or passed on by its agencies, and a state of its own has an office for each actor:
what merely names a busy actor must cost nothing.

Every report is made from a view of its own, so that nothing is remembered from the one before.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import servers

from timeline import (
    Actor,
    ActorsMerged,
    Attendance,
    EventCorrected,
    EventRetracted,
    Evidence,
    MeetingAnnounced,
    MeetingHeld,
    MembershipReported,
    NewEvent,
    PlanAnnounced,
    ProposalMade,
    RoleReported,
    Source,
    StatementMade,
    Timeline,
)
from timeline.events import ActorAdded, SourceAdded
from timeline.reports import Report

RECORD = sorted(Path("fixtures/gas-union").glob("*.yaml"))
INITIATIVE, SERIES, SPEAKER, BUSY = "gas-union", "informal-cis-summit", "novak", "peskov"
FURTHER = 150
"""Statements about the initiative beside those of the record."""

BLOCK = 20
BATCH = 5_000

TEXT = "What was said, in some two hundred characters of the recorder's own words. " * 3

REPORTS: dict[str, Callable[[Timeline], Report]] = {
    "initiative, as of a publication": lambda record: record.as_of(
        published="2022-12-10"
    ).initiative(INITIATIVE),
    "initiative, as of the end": lambda record: record.as_of(
        position=record.store.head().position
    ).initiative(INITIATIVE),
    "attendance of a series, as of": lambda record: record.as_of(
        position=record.store.head().position
    ).attendance(series=SERIES),
    "statements of a speaker, as of": lambda record: record.as_of(
        position=record.store.head().position
    ).statements(speaker=SPEAKER),
    "an actor, as of": lambda record: record.as_of(position=record.store.head().position).actors(
        SPEAKER
    ),
    "initiative, live": lambda record: record.initiative(INITIATIVE),
    "attendance of a series, live": lambda record: record.attendance(series=SERIES),
    "statements of a speaker, live": lambda record: record.statements(speaker=SPEAKER),
    "an actor, live": lambda record: record.actors(SPEAKER),
}


def block(number: int) -> Iterator[NewEvent]:
    """Twenty events of another matter."""
    actor, other, source = f"actor-{number}", f"actor-{max(number - 1, 0)}", f"source-{number}"
    proposal, meeting = f"proposal-{number}", f"meeting-{number}"
    evidence = [Evidence(source, at="paragraph 3", chain=["tass", actor])]

    def made(event: object, name: str, occurred: str | None = "2022-12-05") -> NewEvent:
        return NewEvent(event, f"{name}-{number}", occurred=occurred, evidence=evidence)

    yield NewEvent(ActorAdded(Actor(actor, "person", f"Actor {number}")), f"actor/{actor}")
    cited = Source(source, "tass", f"Article {number}", published="2022-12-06")
    yield NewEvent(SourceAdded(cited), f"source/{source}")
    yield made(RoleReported(actor, f"minister of matter {number}", of="kazakhstan"), "role")
    yield made(MembershipReported(actor, other), "member")
    yield made(ProposalMade(proposal, f"Proposal {number}", actor, TEXT), "proposed")
    yield made(
        MeetingAnnounced(meeting, f"Meeting {number}", series=f"series-{number // 10}"), "told"
    )
    there = [Attendance(who, "attended") for who in dict.fromkeys((actor, other, BUSY))]
    yield made(
        MeetingHeld(meeting, f"Meeting {number}", about=[proposal], attendance=there), "held"
    )
    plan = PlanAnnounced(f"plan-{number}", "A plan", actor, TEXT, due="2023", about=[proposal])
    yield made(plan, "planned")
    for turn in range(BLOCK - 10):
        speaker = BUSY if turn == 0 else actor
        yield made(StatementMade(speaker, TEXT, about=[proposal], to=other), f"said-{turn}")
    if number % 5:
        yield made(StatementMade(other, TEXT), "said-more")
    else:
        yield made(EventCorrected([f"said-1-{number}"], "A slip.", {"place": "Here"}), "corrected")
    if number % 50:
        yield made(StatementMade(actor, TEXT), "said-last")
    elif number % 100:
        yield made(EventRetracted([f"said-2-{number}"], "It was not so."), "retracted")
    else:
        yield made(ActorsMerged(actor, [other] if number else [], "One person."), "merged")


def fill(record: Timeline, size: int) -> None:
    """Make the log as long as that."""
    record.ingest(*RECORD)
    left = (size - record.store.head().position - FURTHER) // BLOCK
    numbers = iter(range(1, left + 1))
    while chosen := [number for number, _ in zip(numbers, range(BATCH // BLOCK), strict=False)]:
        record.store.append_all(new for number in chosen for new in block(number))
    record.store.append_all(
        NewEvent(
            StatementMade(f"actor-{number % 10 + 1}", TEXT, about=[INITIATIVE]),
            f"further-{number}",
            occurred="2022-12-07",
            evidence=[Evidence("source-1", chain=[f"actor-{number % 10 + 1}"])],
        )
        for number in range(FURTHER)
    )


def measured(url: str, size: int, rounds: int) -> dict[str, float]:
    """The median seconds that each report takes."""
    with Timeline.open(url) as record:
        if record.store.head().position == 0:
            spent = seconds(lambda: fill(record, size))
            print(f"{size:,}: filled in {spent:.0f} s")
        head = record.store.head().position
        spent = seconds(lambda: record.initiative(INITIATIVE))
        if spent > 1:
            print(f"{size:,}: read models kept in {spent:.0f} s, {head / spent:,.0f} events/s")
        medians = {name: timed(ask, record, rounds) for name, ask in REPORTS.items()}
        if size <= 100_000:
            spent = seconds(record._projector.fold)  # noqa: SLF001
            medians["a fold of all, for comparison"] = spent
    return medians


def timed(ask: Callable[[Timeline], Report], record: Timeline, rounds: int) -> float:
    """The median of some rounds, after one that does not count."""
    ask(record)
    return statistics.median(seconds(lambda: ask(record)) for _ in range(rounds))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextlib.contextmanager
def places(given: argparse.Namespace) -> Iterator[Callable[[int], str]]:
    """What gives a database for each size."""
    with contextlib.ExitStack() as stack:
        if given.url:
            yield lambda _: given.url
        elif given.postgresql:
            ground = Path(tempfile.gettempdir())
            server = stack.enter_context(servers.postgres_server({}, ground))
            yield lambda _: server.create_database()
        else:
            folder = given.folder or stack.enter_context(tempfile.TemporaryDirectory())
            yield lambda size: f"sqlite:///{Path(folder) / f'scale-{size}.db'}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="What reports cost as the log grows.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--postgresql", action="store_true", help="on a private server")
    parser.add_argument("--url", help="an empty database of yours")
    parser.add_argument("--folder", help="where to keep SQLite's files")
    given = parser.parse_args()
    with places(given) as place:
        figures = {size: measured(place(size), size, given.rounds) for size in given.sizes}
    least = figures[given.sizes[0]]
    print(f"{'milliseconds, median of ' + str(given.rounds):<36}", end="")
    print("".join(f"{size:>20,}" for size in given.sizes))
    for name in least:
        cells = [
            f"{took[name] * 1000:12,.0f} ({took[name] / least[name]:.2f})" if name in took else "-"
            for took in figures.values()
        ]
        print(f"{name:<36}" + "".join(f"{text:>20}" for text in cells))


if __name__ == "__main__":
    main()
