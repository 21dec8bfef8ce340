"""The types that the fields of an event may have: those given back as they were, or refused."""

import collections
import datetime as dt
import decimal
import enum
import pathlib
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from timeline import (
    Actor,
    Evidence,
    InvalidEvent,
    MembershipReported,
    NewEvent,
    Source,
    StatementMade,
    Timeline,
    When,
    event,
)
from timeline.events import VOCABULARY
from timeline.events.encoding import require_storable


@attrs.frozen
class Berth:
    number: int = 1
    inner: "Berth | None" = None


@attrs.frozen
class Buoy:
    number: int = 1


@event(category="tide")
class Tide:
    berth: Berth
    levels: Mapping[str, int] = attrs.field(factory=dict)


class Sea(msgspec.Struct, frozen=True, tag=True):
    depth: int


class Land(msgspec.Struct, frozen=True, tag=True):
    height: int


class Hull(pydantic.BaseModel):
    tons: int


class Flag(enum.Enum):
    RED = "red"


class Cargo(enum.StrEnum):
    COAL = "coal"


class Crew(NamedTuple):
    size: int


class Draught(TypedDict):
    metres: float


NAIVE = dt.datetime.fromisoformat("2024-01-02T03:04")

TAKEN = [
    (str, "coal"),
    (int, 2**70),
    (float, 0.1),
    (bool, True),
    (bytes, b"\x00\xff"),
    (decimal.Decimal, decimal.Decimal("1.50")),
    (uuid.UUID, uuid.UUID(int=7)),
    (dt.datetime, NAIVE),
    (dt.datetime, NAIVE.replace(tzinfo=dt.timezone(dt.timedelta(hours=3)))),
    (Annotated[dt.datetime, msgspec.Meta(tz=False)], NAIVE),
    (dt.date, dt.date(2024, 1, 2)),
    (dt.time, dt.time(3, 4)),
    (dt.timedelta, dt.timedelta(days=1, microseconds=1)),
    (When, When("2024-06~")),
    (Flag, Flag.RED),
    (Literal["a", "b"], "b"),
    (NewType("Knots", int), 9),
    (int | str | None, "nine"),
    (Berth, Berth(1, Berth(2))),
    (Berth | None, None),
    (Sea | Land, Land(4)),
    (Crew, Crew(12)),
    (Draught, {"metres": 4.5}),
    (list[Berth], [Berth()]),
    (tuple[int, str], (1, "a")),
    (frozenset[str], frozenset({"b", "a"})),
    (dict[str, Berth], {"a": Berth()}),
    (Mapping[str, int], {"b": 1, "a": 2}),
    (dict[Cargo, int], {Cargo.COAL: 1}),
    (Any, {"a": [1, None, "b"]}),
]

CLASSES = "expected an attrs class, a dataclass, a msgspec.Struct"
KEYS = "expected a dict whose keys are str"
REFUSED = [
    (Berth | Buoy, "unions may not contain more than one dataclass or attrs type.*own, or make"),
    (str | dt.date, "unions may not contain more than one str-like type"),
    (Hull, f"{CLASSES}.*found Hull"),
    (list[Hull], f"{CLASSES}.*found Hull"),
    (pathlib.Path, f"{CLASSES}.*found Path"),
    (collections.deque, f"{CLASSES}.*found deque"),
    (complex, f"{CLASSES}.*found complex"),
    (object, f"{CLASSES}.*found object"),
    (dict[int, str], KEYS),
    (dict[dt.date, str], KEYS),
    (dict[tuple[int, int], str], KEYS),
    (dict[Flag, str], KEYS),
    (Mapping[uuid.UUID, str] | None, KEYS),
]


def loaded_of(kind: Any) -> type:
    """An event class with one field of that type."""
    return event(type("Loaded", (), {"__annotations__": {"cargo": kind}, "__module__": __name__}))


@pytest.mark.parametrize(("kind", "value"), TAKEN, ids=[str(kind) for kind, _ in TAKEN])
def test_a_value_is_given_back_as_it_was(kind: Any, value: Any) -> None:
    cls = loaded_of(kind)
    with Timeline.open("sqlite://", events=[cls]) as record:
        record.store.append("ship-1", [cls(value)])
        (recorded,) = record.store.read_all()
    assert recorded.event == cls(value)
    assert type(recorded.event.cargo) is type(value)


@pytest.mark.parametrize(("kind", "problem"), REFUSED, ids=[str(kind) for kind, _ in REFUSED])
def test_what_the_log_cannot_hold_is_refused_when_the_class_is_made(
    kind: Any, problem: str
) -> None:
    with pytest.raises(TypeError, match=rf"^Loaded\.cargo: .*{problem}"):
        loaded_of(kind)


def test_a_field_of_a_part_is_named_by_its_path() -> None:
    @attrs.frozen
    class Hold:
        by_day: dict[int, str]

    with pytest.raises(TypeError, match=r"^Loaded\.cargo: by_day: expected a dict whose keys"):
        loaded_of(tuple[Hold, ...])


def test_a_mapping_of_anything_still_has_text_as_keys() -> None:
    cls = loaded_of(dict)
    with pytest.raises(InvalidEvent, match="Loaded: cargo: expected text as keys"):
        cls({1: "a"})


@pytest.mark.parametrize("cls", VOCABULARY, ids=lambda cls: cls.__name__)
def test_our_own_events_are_of_such_types(cls: type) -> None:
    require_storable(cls)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Actor("Ann Author", "person", "Ann"), "Actor: id: .*harbour; found 'Ann Author'"),
        (lambda: Actor("ann", "person", 5), "Actor: name: expected text; found 5"),
        (lambda: Actor("ann", "person", "A", "Annie"), "Actor: aliases: .*found the string"),
        (lambda: StatementMade("ann", ""), "StatementMade: text: .* >= 1; found ''"),
        (lambda: StatementMade("ann", "A", about=["A b"]), r"about\[0\]: expected .*; found 'A b'"),
        (lambda: StatementMade("ann", "A", terms=[5]), "StatementMade: terms: .*; found 5"),
        (lambda: MembershipReported("a", "b", share=105), "share: .* <= 100.0; found 105"),
        (lambda: Evidence("wire", chain=[{"who": 5}]), r"Evidence: chain\[0\].who: .*; found 5"),
        (lambda: Source("a", "b", "A", address="https://ann:pw@c/d"), "found 'https://ann:.*@c/d'"),
        (
            lambda: NewEvent(StatementMade("ann", "A"), evidence=5),
            "list of Evidence; found 5",
        ),
        (lambda: Evidence("wire", chain=5), "Evidence: chain: expected a list of actors.*found 5"),
        (lambda: Tide(Berth("one")), r"Tide: berth.number: expected a whole number; found 'one'"),
        (lambda: Tide(Berth(), {"a": "x"}), r"Tide: levels\[...\]: .*; found {'a': 'x'}"),
    ],
)
def test_an_error_names_the_field_what_it_expects_and_what_it_found(make, problem) -> None:
    with pytest.raises((InvalidEvent, TypeError), match=problem):
        make()
