"""Search: what is found by which words, in which order, and what is shown of it."""

from collections.abc import Iterator

import pytest

from timeline import (
    Actor,
    EventCorrected,
    InvalidInput,
    Link,
    MeetingHeld,
    NotFound,
    ProposalMade,
    Source,
    StatementMade,
    Timeline,
)


@pytest.fixture(scope="module")
def timeline() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as opened:
        opened.add(
            Actor("gazette", "organisation", "The Gazette"),
            Actor("herald", "organisation", "Herald", aliases=["Вестник", "Hérault"]),
            Actor("ann", "person", "Ann Minister", aliases=["Oʻktam"]),
            Actor("bob", "person", "Bob"),
            Source(
                "g", publisher="gazette", title="Of gas unions", published="2023-03", note="Leak"
            ),
            Source("h", publisher="herald", title="Новости о газе"),
        )
        opened.append(
            ProposalMade(
                "union", "Gas union", by="ann", text="To import together.", parties=["bob"]
            ),
            id="made",
            occurred="2023-01",
            source="g",
        )
        opened.append(
            MeetingHeld("talks", "Talks on gas"), id="held", occurred="2023-02", source="g"
        )
        opened.append(
            StatementMade(
                "ann",
                "They talk of gas imports and a union.",
                about=["union"],
                quotes=["президент подпишет указ"],
            ),
            id="said",
            occurred="2023-03-01",
            source="g",
            excerpt="Ann: the résumé is here.",
            according_to=["gazette", Link("ann", "quoted")],
        )
        opened.append(
            StatementMade(
                "bob", "No union of gas producers; a gas union is far.", topics=["الغاز"]
            ),
            id="denied",
            occurred="2023-04-01",
            source="h",
        )
        yield opened


def ids(timeline: Timeline, *words: str, **filters: str) -> list[str]:
    return [hit.id for hit in timeline.search(*words, **filters).hits]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("imports", {"union", "said"}),
        ("IMPORTING", {"union", "said"}),
        ("impor*", {"union", "said"}),
        ("importe*", set()),
        ("Президента", {"said"}),
        ("газ", {"h"}),
        ("غاز", {"denied"}),
        ("resume", {"said"}),
        ("herault", {"herald"}),
        ("o'ktam", {"ann"}),
        ("leak", {"g"}),
        ('"gas imports"', {"said"}),
        ('"imports gas"', set()),
        ('"union gas"', set()),
        ("producer far", {"denied"}),
    ],
)
def test_words_are_found_in_any_form(timeline: Timeline, words: str, expected: set[str]) -> None:
    assert set(ids(timeline, words)) == expected


def test_names_come_first_then_words_side_by_side(timeline: Timeline) -> None:
    assert ids(timeline, "gas", "union") == ["union", "denied", "g", "said"]
    assert ids(timeline, "gas union") == ids(timeline, "gas", "union")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"type": "StatementMade"}, {"said", "denied"}),
        ({"actor": "Ann Minister"}, {"union", "said"}),
        ({"publisher": "Вестник"}, {"denied"}),
        ({"publisher": "gazette"}, {"union", "talks", "said", "g"}),
        ({"initiative": "union"}, {"union", "said"}),
        ({"since": "2023-03"}, {"said", "denied", "g"}),
        ({"since": "2023-01", "until": "2023-02"}, {"union", "talks"}),
        ({"actor": "bob", "type": "ProposalMade"}, {"union"}),
    ],
)
def test_filters_narrow_what_is_found(
    timeline: Timeline, filters: dict[str, str], expected: set[str]
) -> None:
    assert set(ids(timeline, "gas", **filters)) == expected


def test_the_words_are_marked_in_the_passage_that_has_most_of_them(timeline: Timeline) -> None:
    (hit,) = timeline.search("gas import", type="StatementMade").hits
    assert hit.marked == "They talk of *gas* *imports* and a union."
    assert (hit.date, hit.heading, hit.thing) == ("2023-03-01", None, "event")
    assert [citation.event for citation in hit.evidence] == ["said"]
    (hit,) = timeline.search("president").hits or timeline.search("президент").hits
    assert hit.marked == "*президент* подпишет указ"
    (hit,) = timeline.search('"gas union"', type="StatementMade").hits
    assert hit.marked == "No union of gas producers; a *gas union* is far."


def test_a_long_passage_is_cut_around_the_words() -> None:
    with Timeline.open("sqlite://") as record:
        record.add(Actor("ann", "person", "Ann"), Source("g", publisher="ann", title="Words"))
        record.append(
            StatementMade("ann", "word " * 100 + "dredging " + "more " * 100), id="said", source="g"
        )
        (hit,) = record.search("dredge").hits

    assert hit.passage.startswith("…word ")
    assert hit.passage.endswith(" more…")
    assert "*dredging*" in hit.marked
    assert len(hit.passage) < 200


def test_all_are_counted_and_few_are_shown(timeline: Timeline) -> None:
    report = timeline.search("gas", top=2)
    assert (report.total, len(report.hits)) == (5, 2)
    assert "3 more" in report.to_text(all=True, evidence=True)


def test_as_of_a_date_only_what_was_known_is_found(timeline: Timeline) -> None:
    before = timeline.as_of(occurred="2023-02")
    assert {hit.id for hit in before.search("gas").hits} == {"union", "talks", "g"}


@pytest.mark.parametrize("words", [(), ("",), ("-", "…"), ('""',)])
def test_a_search_without_a_word_is_refused(timeline: Timeline, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="expected a word to look for"):
        timeline.search(*words)


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"type": "StatementMaid"}, "StatementMade"),
        ({"initiative": "onion"}, "union"),
        ({"actor": "Anne Minister"}, "Ann Minister"),
        ({"publisher": "gazete"}, "gazette"),
    ],
)
def test_what_is_not_there_is_answered_by_what_comes_near(
    timeline: Timeline, filters: dict[str, str], named: str
) -> None:
    with pytest.raises(NotFound, match=named):
        timeline.search("gas", **filters)


def test_a_corrected_name_is_found_by_the_new_one() -> None:
    with Timeline.open("sqlite://") as record:
        record.add(Actor("ann", "person", "Ann Aldr"))
        (added,) = [event.id for event in record.log(type="ActorAdded")]
        record.append(
            EventCorrected([added], "misspelt", {"actor": Actor("ann", "person", "Ann Alder")})
        )

        assert [hit.id for hit in record.search("alder").hits] == ["ann"]
        assert record.search("aldr").total == 0
