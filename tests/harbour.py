"""A small invented record for tests of reports: two states, and a harbour between them."""

from collections.abc import Iterator
from typing import Any

import pytest

from timeline import (
    Actor,
    Attendance,
    AttendanceReported,
    EventCorroborated,
    MeetingAnnounced,
    MeetingHeld,
    MembershipReported,
    PlanAnnounced,
    PlanOutcomeReported,
    Position,
    ProposalAnswered,
    ProposalMade,
    RoleReported,
    Source,
    StatementMade,
    Timeline,
)

ACTORS = (
    Actor("beacon", "organisation", "The Beacon"),
    Actor("wire", "organisation", "Coast Wire"),
    Actor("east", "state", "Eastholm"),
    Actor("west", "state", "Westholm"),
    Actor("council", "organisation", "Strait Council"),
    Actor("ann", "person", "Ann Alder", ["А. Олдер"]),
    Actor("bob", "person", "Bob Birch"),
    Actor("cy", "person", "Cy Cedar"),
    Actor("dee", "person", "Dee Dogwood"),
)
SOURCES = (
    Source("beacon-1", "beacon", "On the harbour", published="2024-03-02"),
    Source("wire-1", "wire", "Harbour talks", published="2024-03-03"),
    Source("beacon-2", "beacon", "From the wire", published="2024-03-04", copies="wire-1"),
    Source("rumour", "wire", "A note", cited_in="beacon-1", grade="low"),
)


EVENTS: dict[str, tuple[Any, str | None, str]] = {
    "east-in": (MembershipReported("east", "council", since="2001"), "2024", "beacon-1"),
    "ann-minister": (RoleReported("ann", "minister", of="east", since="2020"), None, "beacon-1"),
    "bob-minister": (RoleReported("bob", "minister", of="west", since="2020"), None, "beacon-1"),
    "proposed": (
        ProposalMade("harbour", "Joint harbour", "ann", "A harbour.", parties=["east", "west"]),
        "2024-03-01",
        "beacon-1",
    ),
    "ann-for": (
        StatementMade(
            "ann", "We want it.", about=["harbour"], positions=[Position("east", "favourable")]
        ),
        "2024-03-01",
        "beacon-1",
    ),
    "ann-on-west": (
        StatementMade(
            "ann", "They too.", about=["harbour"], positions=[Position("west", "favourable")]
        ),
        "2024-03-05~",
        "wire-1",
    ),
    "bob-against": (
        StatementMade("bob", "No.", about=["harbour"], positions=[Position("west", "opposed")]),
        "2024-03-10",
        "wire-1",
    ),
    "bob-again": (
        StatementMade("bob", "No!", about=["harbour"], positions=[Position("west", "opposed")]),
        "2024-03-20",
        "wire-1",
    ),
    "spring-announced": (
        MeetingAnnounced(
            "spring",
            "Spring session",
            planned="2024-04",
            by="ann",
            series="sessions",
            about=["harbour"],
            attendance=[Attendance("ann", "invited", "east"), Attendance("bob", "invited", "west")],
        ),
        "2024-03-12",
        "beacon-1",
    ),
    "spring-held": (
        MeetingHeld(
            "spring",
            "Spring session",
            place="Old Pier",
            series="sessions",
            about=["harbour"],
            attendance=[
                Attendance("ann", "attended", "east"),
                Attendance("bob", "attended", "west"),
            ],
        ),
        "2024-04-10",
        "wire-1",
    ),
    "spring-otherwise": (
        AttendanceReported(
            "spring",
            [
                Attendance("bob", "absent", "west"),
                Attendance("cy", "represented", "west", instead_of="bob"),
            ],
        ),
        "2024-04-10",
        "beacon-1",
    ),
    "autumn-held": (
        MeetingHeld(
            "autumn",
            "Autumn session",
            place="New Pier",
            series="sessions",
            attendance=[
                Attendance("ann", "attended", "east"),
                Attendance("dee", "attended", "west"),
            ],
        ),
        "2024-10~",
        "beacon-2",
    ),
    "west-answers": (
        ProposalAnswered("harbour", "bob", "conditional", "If paid."),
        "2024-05",
        "beacon-1",
    ),
    "dig": (
        PlanAnnounced("dig", "Digging", "ann", "To dig.", due="2024-12", about=["harbour"]),
        "2024-04-11",
        "beacon-1",
    ),
    "no-dig": (PlanOutcomeReported("dig", "missed", "Nobody dug."), "2025-01", "beacon-1"),
    "fish": (StatementMade("cy", "Fish are scarce.", topics=["fish"]), None, "rumour"),
    "proposed-too": (EventCorroborated(["proposed"]), None, "wire-1"),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Timeline]:
    """For `record = harbour.shared` in a module whose tests only read it."""
    with opened() as record:
        yield record


def opened() -> Timeline:
    """The record, in memory."""
    record = Timeline.open("sqlite://")
    record.add(*ACTORS, *SOURCES)
    for id, (event, occurred, source) in EVENTS.items():
        record.append(event, id=id, occurred=occurred, source=source)
    return record


def listed(meeting: str, *actors: str) -> AttendanceReported:
    """A report that means to list all who came."""
    entries = [Attendance(actor, "attended") for actor in actors]
    return AttendanceReported(meeting, entries, complete=True)
