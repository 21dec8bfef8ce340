"""Search gives what a scan of all texts gives, on both databases and as of any moment."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeline import (
    Actor,
    EventCorrected,
    EventRetracted,
    Evidence,
    NewEvent,
    Source,
    StatementMade,
    Timeline,
)
from timeline.projections.search import fold, stem
from timeline.record import Record

WORDS = ["gas", "Gases", "union", "unions", "Impörts", "import"]
WORDS += ["газ", "Газа", "اتحاد", "5.5", "o'z"]
TEXTS = st.lists(st.sampled_from([*WORDS, "-", "a_b", "天然气"]), min_size=1, max_size=6).map(
    " ".join
)


@pytest.fixture
def timeline(kept_url: str) -> Iterator[Timeline]:
    with Timeline.open(kept_url) as opened:
        opened.add(Actor("ann", "person", "Ann"), Actor("gazette", "organisation", "Gazette"))
        opened.add(Source("g", publisher="gazette", title="Of works"))
        yield opened


def scanned(texts: dict[str, list[str]], query: str) -> set[str]:
    """The events whose texts have what is looked for, by reading them all."""
    parts = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', query)]
    return {id for id, said in texts.items() if all(has_part(said, part) for part in parts)}


def has_part(texts: list[str], part: str) -> bool:
    """Whether one of the texts has the words of a part behind one another."""
    sought, is_prefix = fold(part), part.endswith("*")
    return not sought or any(
        all(same(has, wanted, begins=False) for has, wanted in zip(here, sought[:-1], strict=False))
        and same(here[-1], sought[-1], begins=is_prefix, alone=len(sought) == 1)
        for words in map(fold, texts)
        for here in (words[at : at + len(sought)] for at in range(len(words) - len(sought) + 1))
    )


def same(has: str, wanted: str, *, begins: bool, alone: bool = False) -> bool:
    """Whether a word is the one wanted in some form, or begins like it."""
    if begins:
        return stem(has).startswith(wanted) or (alone and has.startswith(wanted))
    return stem(has) == stem(wanted) or (alone and has == stem(wanted))


def found(record: Record, query: str) -> set[str]:
    """The events that search finds among statements."""
    report = record.search(query, type="StatementMade", top=None)
    assert report.total == len(report.hits)
    assert all(hit.marks for hit in report.hits)
    return {hit.id for hit in report.hits}


QUERIES = st.one_of(
    TEXTS.filter(fold),
    TEXTS.filter(fold).map(lambda text: f'"{text}"'),
    st.sampled_from(["ga*", "impor*", "imports*", "га*", "uni* gas", '"gas uni*"', "اتح*"]),
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4),
    queries=st.lists(QUERIES, min_size=3, max_size=5),
)
def test_search_finds_what_a_scan_finds(
    timeline: Timeline, texts: list[tuple[str, str]], queries: list[str]
) -> None:
    first = timeline.store.head().position
    made = [
        NewEvent(StatementMade("ann", text, quotes=[quote]), evidence=[Evidence("g")])
        for text, quote in texts
    ]
    timeline.append_all(made)
    everything = {
        event.id: [event.event.text, *event.event.quotes]
        for event in timeline.log(type="StatementMade")
    }
    before = {event.id for event in timeline.log(type="StatementMade") if event.position <= first}

    for query in queries:
        assert found(timeline, query) == scanned(everything, query)
        assert found(timeline.as_of(position=first), query) == scanned(everything, query) & before


def test_what_is_found_follows_corrections_retractions_and_rebuilds(timeline: Timeline) -> None:
    for id in ("kept", "mended", "gone"):
        timeline.append(StatementMade("ann", f"On dredging: {id}."), id=id, source="g")
    before = timeline.store.head().position
    assert found(timeline, "dredging") == {"kept", "mended", "gone"}

    timeline.append(EventCorrected(["mended"], "misheard", {"text": "On dragons."}))
    timeline.append(EventRetracted(["gone"], "never said"))

    assert found(timeline, "dredging") == {"kept"}
    assert found(timeline, "dragon") == {"mended"}
    assert found(timeline.as_of(position=before), "dredging") == {"kept", "mended", "gone"}
    assert timeline.rebuild("search").state == "live"
    assert found(timeline, "dredging") == {"kept"}
    assert timeline.compare("search").changed == 0
    assert timeline.as_of(position=before).search("dragon").total == 0


def test_words_that_were_taken_down_are_in_no_index(timeline: Timeline) -> None:
    timeline.append(StatementMade("ann", "A zymurgical remark."), id="said", source="g")
    assert found(timeline, "zymurgy*") | found(timeline, "zymurg*") == {"said"}

    timeline.redact("said", reason="At her request.")

    assert found(timeline, "zymurg*") == set()
    engine = timeline.store.engine
    with engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f"SELECT * FROM {name}"):
                assert "zymurg" not in repr(row), name


def test_a_build_that_is_dropped_leaves_no_table(timeline: Timeline) -> None:
    timeline.append(StatementMade("ann", "On dredging."), id="said", source="g")
    for _ in range(3):
        timeline.rebuild("search")

    names = [n for n in sa.inspect(timeline.store.engine).get_table_names() if "search" in n]
    numbers = {re.sub(r"\D", "", name) for name in names}
    assert len(numbers) == 2
    assert found(timeline, "dredging") == {"said"}
