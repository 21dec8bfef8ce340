"""Which ids an event names: by the types of its fields, and read from stored JSON alike."""

import json
from pathlib import Path

from timeline.events import MeetingHeld, Source, SourceAdded, event
from timeline.events.base import ActorId
from timeline.events.named_ids import named, references, renamed
from timeline.log.codec import Codec

STORED = Path(__file__).parents[2] / "fixtures/stored-events.jsonl"


@event(category="tariff", subject="goods")
class TariffImposed:
    goods: str = "steel"
    by: ActorId | None = "customs"
    against: tuple[ActorId, ...] = ()


def test_an_event_names_its_subject_and_its_series_which_are_no_references() -> None:
    held = MeetingHeld(
        "first",
        "First summit",
        series="summits",
        attendance=[{"actor": "ann", "status": "attended"}],
    )

    assert list(named(held)) == [
        ("meeting", "meeting", "first"),
        ("series", "series", "summits"),
        ("attendance[0].actor", "actor", "ann"),
    ]
    assert "series" not in {category for _, category, _ in references(held)}
    assert list(named(held, category="series")) == [("series", "series", "summits")]
    assert list(named(held, category="tariff")) == []


def test_a_subject_may_stand_deeper() -> None:
    added = SourceAdded(Source("article", "gazette", "A report"))

    assert ("source.id", "source", "article") in named(added)
    assert ("source.publisher", "actor", "gazette") in named(added)


def test_stored_json_names_what_its_event_names() -> None:
    codec, checked = Codec(), 0
    for line in STORED.read_text(encoding="utf-8").splitlines():
        stored = json.loads(line)
        if codec.versions.get(stored["type"]) == stored["version"]:
            (read,) = codec.decode(stored["type"], stored["version"], stored["data"])
            assert list(named(json.loads(stored["data"]), cls=type(read))) == list(named(read))
            checked += 1

    assert checked > 20


def test_what_stored_json_leaves_out_is_what_the_class_takes_instead() -> None:
    assert list(named({}, cls=TariffImposed)) == list(named(TariffImposed()))
    assert list(named({"goods": "tin", "by": None}, cls=TariffImposed)) == [
        ("goods", "tariff", "tin")
    ]


def test_an_untyped_subject_is_named_and_is_no_reference() -> None:
    assert list(references(TariffImposed("tin", None))) == []


def test_one_category_is_what_is_left_of_all() -> None:
    imposed = TariffImposed(against=("ann", "bob"))

    for category in ("actor", "tariff", "meeting"):
        assert list(named(imposed, category=category)) == [
            reference for reference in named(imposed) if reference[1] == category
        ]


def test_renaming_leaves_other_categories_alone() -> None:
    imposed = TariffImposed("ann", "ann", against=("bob", "ann"))

    assert renamed(imposed, "actor", {"ann": "anna"}) == (
        TariffImposed("ann", "anna", against=("bob", "anna")),
        {"ann"},
    )
    assert renamed(imposed, "meeting", {"ann": "anna"}) == (imposed, set())
