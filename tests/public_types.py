"""What type checkers make of the public names; `scripts/check` has mypy and pyright read it.

Nothing here is run. Each `assert_type` is what an editor shows a user.
"""

from collections.abc import Iterable
from typing import Any, assert_type

from timeline import (
    Actor,
    EventStore,
    Evidence,
    Expected,
    NewEvent,
    Projection,
    RecordedEvent,
    Rows,
    Snapshot,
    Source,
    StatementMade,
    Timeline,
    View,
    When,
    changed,
    event,
    on,
    row,
)
from timeline.log.append import Appended
from timeline.reports.attendance import AttendanceReport
from timeline.reports.initiative import InitiativeReport
from timeline.reports.positions import PartyLine
from timeline.reports.statements import StatementsReport


@event
class TariffImposed:
    """An event of a user's own."""

    by: str
    goods: tuple[str, ...] = ()


@row("tariffs", key=("good",))
class Tariff:
    """A row of a user's own."""

    good: str
    times: int


class Tariffs(Projection):
    """A projection of a user's own."""

    name, rows = "tariffs", (Tariff,)

    @on(TariffImposed)
    def imposed(self, rows: Rows, recorded: RecordedEvent[TariffImposed]) -> None:
        """Count."""
        assert_type(recorded.event, TariffImposed)
        assert_type(recorded.occurred, When | None)
        known = assert_type(rows.get(Tariff, "steel"), Tariff | None) or Tariff("steel", 0)
        rows.put(assert_type(changed(known, times=known.times + 1), Tariff))


class Mistaken(Projection):
    """Handlers under events that are not theirs."""

    name, rows = "mistaken", (Tariff,)

    @on(StatementMade)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    def imposed(self, rows: Rows, recorded: RecordedEvent[TariffImposed]) -> None:
        """Of another class."""

    @on(TariffImposed, StatementMade)
    def both(self, rows: Rows, recorded: RecordedEvent[TariffImposed | StatementMade]) -> None:
        """Of two, which it says."""

    @on(TariffImposed, StatementMade)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    def one_of_both(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Of two, of which it says one."""


def a_record(timeline: Timeline, view: View) -> None:
    """Opening, adding, asking."""
    with Timeline.open("sqlite://", events=[TariffImposed], projections=[Tariffs()]) as opened:
        assert_type(opened, Timeline)
    assert_type(timeline.add(Actor("ann", "person", "Ann")), Appended)
    assert_type(timeline.say("ann", "Soon.", source="gazette-1"), RecordedEvent[Any])
    assert_type(timeline.append(StatementMade("ann", "Soon.")), Appended)
    assert_type(timeline.as_of(published="2022-12-02"), Snapshot)
    assert_type(timeline.attendance(series="summits"), AttendanceReport)
    report = assert_type(timeline.initiative("harbour"), InitiativeReport)
    assert_type(report.party("north"), PartyLine)
    assert_type(timeline.as_of(position=7).statements(speaker="ann"), StatementsReport)
    assert_type(view.all(Tariff), list[Tariff])


def a_store(store: EventStore, new: NewEvent) -> None:
    """The store beneath."""
    done = store.append("tariff-steel", [new], expected_version=Expected.NO_STREAM)
    assert_type(done, Appended)
    following: Iterable[RecordedEvent[Any]] = store.follow()
    assert_type(next(iter(following)), RecordedEvent[Any])


def parts(source: Source, evidence: Evidence) -> None:
    """Fields have types."""
    assert_type(source.title, str)
    assert_type(evidence.source, str)
    TariffImposed("north", ("steel",))
    TariffImposed(12)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Tariff("steel")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
