"""Coded event data: what becomes of rows of ICEWS and GDELT, held against an independent count."""

import gzip
import json
import random
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from independent import FORMATS, MUTUAL, becomes, opinion, plain
from strategies import examples

from timeline import (
    Actor,
    Attendance,
    ConductReported,
    EventCorroborated,
    InvalidInput,
    InvalidRecord,
    MeetingAnnounced,
    MeetingHeld,
    NewEvent,
    Projection,
    ProposalAdopted,
    ProposalAnswered,
    ProposalMade,
    RecordedEvent,
    Rows,
    StatementMade,
    Timeline,
    on,
    row,
)
from timeline.cli import cli
from timeline.formats.coded.fields import CODES, FAMILIES, countries, slugs

ROOT = Path(__file__).parents[2]
ICEWS = ROOT / "fixtures/coded/icews.tab"
GDELT = ROOT / "fixtures/coded/gdelt.export.CSV"
FILES = {"icews": ICEWS, "gdelt": GDELT}
HEADER, *ROWS = ICEWS.read_text(encoding="utf-8").splitlines()


@row("visits", key=("event",))
class VisitRow:
    event: str
    host: str


@pytest.fixture(scope="module")
def record() -> Iterator[Timeline]:
    """Both files, in memory, to be read only."""
    with Timeline.open("sqlite://") as timeline:
        timeline.ingest_coded(ICEWS, dataset="icews")
        timeline.ingest_coded(GDELT, dataset="gdelt")
        yield timeline


@pytest.fixture
def memory() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as timeline:
        yield timeline


def event(timeline: Timeline, row: str) -> RecordedEvent[Any]:
    """The event that rests on a row, `icews 101`, for its first day."""
    dataset, id = row.split()
    return next(
        found
        for found in timeline.log()
        for each in found.evidence
        if each.coding and (each.coding.dataset, each.coding.row) == (dataset, id)
    )


def table(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def said(timeline: Timeline) -> dict[str, Any]:
    """Every event's content by its id, with its evidence in no order."""
    return {
        each.id: (each.event, each.occurred, {(e.source, e.at, e.coding) for e in each.evidence})
        for each in timeline.log()
    }


# Accounts


@pytest.mark.parametrize("conduct", [True, False])
@pytest.mark.parametrize("dataset", FILES)
def test_every_row_is_accounted_for_and_a_second_ingest_adds_nothing(
    dataset: Any, conduct: bool, kept_url: str
) -> None:
    expected = opinion(FORMATS[dataset](FILES[dataset]), conduct=conduct)
    with Timeline.open(kept_url) as timeline:
        done = timeline.ingest_coded(FILES[dataset], dataset=dataset, conduct=conduct)
        again = timeline.ingest_coded(FILES[dataset], dataset=dataset, conduct=conduct)

        assert timeline.verify().position == done.position == again.position == done.added
        assert done.events + done.actors + done.sources == done.added
    fates = {
        line.code: Counter(
            {fate: getattr(line, fate) for fate in ("events", "folded", "left_out", "repeated")}
        )
        for line in done.codes
    }
    assert fates == expected.fates
    assert all(
        line.rows == line.events + line.folded + line.left_out + line.repeated
        for line in done.codes
    )
    assert sum(line.rows for line in done.codes) == done.rows
    assert again.added == again.events == again.folded == again.further == 0
    assert again.repeated + again.left_out == again.rows == done.rows


@pytest.mark.parametrize("dataset", FILES)
def test_reports_answer_as_the_independent_count_does(dataset: Any, kept_url: str) -> None:
    expected = opinion(FORMATS[dataset](FILES[dataset]))
    with Timeline.open(kept_url) as timeline:
        timeline.ingest_coded(FILES[dataset], dataset=dataset)
        met = timeline.encounters()
        months = timeline.statement_counts().months
        followed = timeline.follow_ups()
    pairs = Counter[tuple[str, ...]]()
    for each in met.encounters:
        pairs[tuple(sorted(map(plain, (each.one.name, each.other.name))))] += each.meetings.count
    assert pairs == expected.encounters
    spoken = {(plain(each.speaker.name), each.month): each.statements.count for each in months}
    assert spoken == expected.statements
    assert sum(followed.counts.values()) == expected.plans
    assert followed.counts["met"] == expected.followed


def test_the_codes_agree_with_the_independent_table() -> None:
    assert {code: each.becomes for code, each in CODES.items()} == {
        code: becomes(code) for code in CODES
    }
    assert {code for code, each in CODES.items() if each.mutual} == MUTUAL
    assert {each.family for each in CODES.values()} == FAMILIES.keys() == {
        f"{number:02}" for number in range(1, 21)
    }  # fmt: skip
    assert len({each.label for each in CODES.values()}) == len(CODES)


# What becomes of rows


def test_both_sides_of_a_consultation_are_one_meeting(record: Timeline) -> None:
    held = event(record, "icews 101")

    assert isinstance(held.event, MeetingHeld)
    assert held is not None
    assert held.id == event(record, "icews 102").id
    assert str(held.occurred) == "2031-03-01"
    assert [(each.actor, each.status) for each in held.event.attendance] == [
        ("eastholm", "attended"),
        ("westholm", "attended"),
    ]
    assert held.event.place == "Old Pier, Quayside, Eastholm"
    first, second = held.evidence
    assert first.source == second.source == "icews-the-tidings-900"
    assert first.at == second.at == "sentence 1"
    assert first.coding is not None
    assert second.coding is not None
    assert (first.coding.row, first.coding.code, first.coding.intensity) == ("101", "040", 1.0)
    assert (first.coding.latitude, first.coding.longitude) == (54.5, -3.25)
    assert second.coding.row == "102"


def test_of_a_visit_the_host_is_known_from_either_side(record: Timeline) -> None:
    visit = event(record, "icews 104")

    assert visit.id == event(record, "icews 106").id
    assert visit.event.form == "visit"
    assert [(each.actor, each.role) for each in visit.event.attendance] == [
        ("ada-quill", None),
        ("norrland", "host"),
    ]
    assert [each.coding.code for each in visit.evidence if each.coding] == ["042", "043"]


def test_two_who_visit_each_other_are_two_visits(record: Timeline) -> None:
    assert event(record, "icews 125").id != event(record, "icews 126").id


def test_a_call_is_a_meeting_and_says_that_it_was_by_telephone(record: Timeline) -> None:
    call = event(record, "icews 111").event

    assert (call.form, call.place) == ("call", None)
    assert "telephone" in call.text
    assert "Telephone" in call.title


@pytest.mark.parametrize(
    ("row", "title"),
    [
        ("101", "Consultation between Eastholm and Westholm"),
        ("103", "Plan of Eastholm and Westholm to meet"),
        ("104", "Visit by Ada Quill to Norrland"),
        ("111", "Telephone call between Ada Quill and Øystein Vågå"),
        ("117", "Harbour Workers' Union makes an appeal toward Westholm"),
        ("119", "Eastholm and Westholm are willing to cooperate"),
        ("126", "Visit by 李 明 to Ada Quill"),
        ("203", "Meeting of Eastholm and Westholm on a third one's ground"),
        ("205", "Westholm asks for economic aid toward Eastholm"),
    ],
)
def test_titles_read_as_who_does_what_toward_whom(record: Timeline, row: str, title: str) -> None:
    assert event(record, f"icews {row}").event.title == title


def test_titles_of_long_names_are_cut(tmp_path: Path, memory: Timeline) -> None:
    row = spoilt(spoilt(ROWS[0], "CAMEO Code", "020"), "Source Name", "{0} " + "x" * 296)
    memory.ingest_coded(table(tmp_path / "a.tab", [row]), dataset="icews")

    title = event(memory, "icews 101").event.title
    assert (len(title), title[:5], title[-1]) == (300, "{0} x", "…")


def test_conduct_is_in_the_chronology(record: Timeline) -> None:
    lines = {each.event: each for each in record.chronology(actor="Eastholm").happenings}
    aid = lines[event(record, "icews 121").id]

    assert (aid.type, aid.occurred) == ("ConductReported", "2031-03-02")
    assert aid.what == "Gives humanitarian aid, toward Citizen (Eastholm)."
    assert [(each.who.name, each.part) for each in aid.who] == [("Eastholm", "by")]
    only = record.chronology(type="ConductReported").happenings
    assert {each.event for each in only} == {
        each.id for each in record.log(type="ConductReported")
    }  # fmt: skip


def test_the_families_become_what_they_are(record: Timeline) -> None:
    accuses, refuses, grants = (event(record, f"icews {row}").event for row in (109, 110, 118))
    assert isinstance(accuses, StatementMade)
    assert accuses.speaker == "ada-quill"
    assert (accuses.to, accuses.toward) == (None, slugs("李 明")[0])
    assert isinstance(refuses, ProposalAnswered)
    assert (refuses.proposal, refuses.answer, refuses.to) == (None, "rejected", "ada-quill")
    assert grants.answer == "accepted"
    asks, offers = event(record, "icews 117").event, event(record, "icews 119").event
    assert isinstance(asks, ProposalMade)
    assert (asks.firmness, asks.to, asks.parties) == ("proposed", ("westholm",), ())
    assert (offers.firmness, offers.by, offers.jointly_with) == (
        "floated",
        "westholm",
        ("eastholm",),
    )
    plan = event(record, "icews 103").event
    assert isinstance(plan, MeetingAnnounced)
    assert (plan.firmness, plan.by, plan.planned) == ("intended", "eastholm", None)
    assert event(record, "icews 113").event.by is None  # both sides
    signed, aid = event(record, "icews 115").event, event(record, "icews 121").event
    assert isinstance(signed, ProposalAdopted)
    assert (signed.proposal, signed.parties) == (None, ("eastholm", "norrland"))
    assert isinstance(aid, ConductReported)
    assert (aid.by, aid.toward) == ("eastholm", slugs("Citizen (Eastholm)")[0])


def test_without_who_acts_nothing_becomes_of_a_row(record: Timeline) -> None:
    rows = {each.coding.row for found in record.log() for each in found.evidence if each.coding}

    assert {"207", "5007", "5008"}.isdisjoint(rows)


@pytest.mark.parametrize("code", ["036", "040", "042", "043", "057"])
@pytest.mark.parametrize(
    ("column", "value"),
    [("Source Name", "NA"), ("Target Name", ""), ("Target Name", " EASTHOLM")],
)
def test_nobody_meets_or_agrees_alone(
    code: str, column: str, value: str, tmp_path: Path, memory: Timeline
) -> None:
    row = spoilt(spoilt(ROWS[0], "CAMEO Code", code), column, value)

    done = memory.ingest_coded(table(tmp_path / "a.tab", [row, ROWS[-1]]), dataset="icews")

    assert (done.events, done.left_out, done.reasons) == (1, 1, {"one party": 1})
    assert not list(memory.log(type="MeetingHeld"))


def test_the_account_says_why_rows_were_left_out(memory: Timeline) -> None:
    done = memory.ingest_coded(GDELT, dataset="gdelt", conduct=False)

    assert done.reasons == {"conduct": 2, "nobody acts": 1, "one party": 1}
    assert sum(done.reasons.values()) == done.left_out


def test_of_one_article_places_do_not_make_meetings_but_do_make_statements(
    record: Timeline,
) -> None:
    assert len(event(record, "gdelt 5001").evidence) == 3
    assert event(record, "gdelt 5004").id != event(record, "gdelt 5005").id


def test_sources_are_stories_and_articles(record: Timeline) -> None:
    sources = {each.event.source.id: each.event.source for each in record.log(type="SourceAdded")}

    article = sources[event(record, "gdelt 5001").evidence[0].source]
    assert article.address == "https://tidings.example/harbour?id=1"
    assert (str(article.published), str(article.retrieved)) == (
        "2031-03-01~",
        "2031-03-01T00:15:00+00:00",
    )
    printed = sources[event(record, "gdelt 5014").evidence[0].source]
    assert (printed.address, printed.title) == (None, "Gazette of the Isles; print edition")
    story = sources[event(record, "icews 101").evidence[0].source]
    assert story.publisher == "the-tidings"


def test_kinds_of_actors_are_told_apart(record: Timeline) -> None:
    kinds = {each.name: each.kind for each in record.actors().actors}

    assert {name for name, kind in kinds.items() if kind == "state"} == {
        "Eastholm", "Westholm", "Norrland"
    }  # fmt: skip
    assert kinds["Ada Quill"] == kinds["Øystein Vågå"] == kinds["李 明"] == "person"
    assert kinds["ADA QUILL (EHMGOV)"] == "person"
    assert kinds["Citizen (Eastholm)"] == kinds["POLICE (EHMCOP)"] == "unnamed"
    assert kinds["NORRLAND (NRLMIL)"] == kinds["EUROPE (EUR)"] == "unnamed"
    assert kinds["Harbour Workers' Union"] == "organisation"
    assert kinds["LEAGUE OF ISLES (IGOEURLGE)"] == kinds["The Tide"] == "organisation"


PARTY = "Parties,(National) Major Party,Opposition Major Party (Out Of Government)"


@pytest.mark.parametrize(
    ("name", "sectors", "kind"),
    [
        # Politicians have sectors of bodies beside those of their party or office.
        (
            "Bettina Moss",
            f"Regional Diplomatic IGOs,International Government Organization,Regional,{PARTY}",
            "person",
        ),
        ("Ravi Dene", f"Judicial,Legislative / Parliamentary,Media,Social,{PARTY}", "person"),
        ("Abe Brook", f"Government Major Party (In Government),Media,Social,{PARTY}", "person"),
        ("Tun Ley", "Dissident,Media,Protestors / Popular Opposition / Mobs,Social", "person"),
        (
            "Owen Rook Isley",
            f"Education NGOs,Nongovernmental Organizations / Activists,Local,Provincial,{PARTY}",
            "person",
        ),
        ("Cecil Moor", "International Government Organization,Regional Diplomatic IGOs", "person"),
        ("Steffi Bell", "Government,Media,Social", "person"),
        ("Bo Grove", PARTY, "person"),
        ("Pierside Mukti Morcha", PARTY, "organisation"),
        ("Quay Dal", PARTY, "organisation"),
        ("The Eastholm Post", "Media,News,Print News,Social", "organisation"),
        ("Al Quay", "Executive,Government,Media,News,State Media,Television News", "organisation"),
        ("Pier Motors", "Business,Social,Durable Goods Business", "organisation"),
        ("Sons of Tide", "Dissident,Ideological,Insurgents,Far Left", "organisation"),
        ("Doctors Afloat", "Medical / Health NGOs,Nongovernmental Organizations / Activists",
         "organisation"),
    ],
)  # fmt: skip
def test_one_sector_of_bodies_makes_nobody_an_organisation(
    name: str, sectors: str, kind: str, tmp_path: Path, memory: Timeline
) -> None:
    row = spoilt(spoilt(ROWS[0], "Source Name", name), "Source Sectors", sectors)
    memory.ingest_coded(table(tmp_path / "a.tab", [row]), dataset="icews")

    assert {each.name: each.kind for each in memory.actors().actors}[name] == kind


def gdelt_table(path: Path, *actors: tuple[str, str, str]) -> Path:
    """Rows of GDELT's, each of a statement by an actor of that code, name and country."""
    template = GDELT.read_text(encoding="utf-8").splitlines()[3].split("\t")
    rows = [
        [str(number), *template[1:5], *actor, "", "", "", "", "", "", "", *template[15:]]
        for number, actor in enumerate(actors)
    ]
    path.write_text("\n".join(map("\t".join, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("code", "name", "known_as"),
    [
        ("USA", "UNITED STATES", "United States"),
        ("USA", "AMERICAN", "United States"),
        ("USA", "THE US", "United States"),
        ("USA", "A US", "United States"),
        ("NLD", "THE NETHERLAND", "Netherlands"),
        ("ROM", "ROMANIAN", "Romania"),
        ("COG", "CONGO", "Republic of the Congo"),
        ("COD", "CONGO", "Democratic Republic of the Congo"),
    ],
)
def test_a_country_is_one_state_whatever_it_is_called(
    code: str, name: str, known_as: str, tmp_path: Path, memory: Timeline
) -> None:
    file = gdelt_table(tmp_path / "a.CSV", (code, name, code))
    memory.ingest_coded(file, dataset="gdelt")

    (state,) = (each for each in memory.actors().actors if each.kind == "state")
    assert state.name == known_as
    assert event(memory, "gdelt 0").event.speaker == state.actor
    assert name in {"THE US", "A US", "THE NETHERLAND"} or name.casefold() in {
        each.casefold() for each in (state.name, *state.aliases)
    }


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("USA", "TEXAS"),
        ("USA", "GEORGIA"),
        ("IND", "UTTAR PRADESH"),
        ("SWE", "LUND"),
        ("CHN", "BEIJING"),
        ("EUR", "EUROPE"),
        ("EHM", "EASTHOLM"),
    ],
)
def test_what_lies_in_a_country_is_no_state(
    code: str, name: str, tmp_path: Path, memory: Timeline
) -> None:
    memory.ingest_coded(gdelt_table(tmp_path / "a.CSV", (code, name, code)), dataset="gdelt")

    kinds = {each.name: each.kind for each in memory.actors().actors}
    assert kinds[f"{name} ({code})"] == "unnamed"
    assert "state" not in kinds.values()


def test_every_country_has_a_code_and_names_of_its_own() -> None:
    codes = [code for each in countries() for code in each.codes]
    names = [name for each in countries() for name in (each.name, *each.others)]

    assert len(set(codes)) == len(codes) > 200
    assert all(re.fullmatch("[A-Z]{3}", code) for code in codes)
    assert {name for name, times in Counter(names).items() if times > 1} == {"Congo", "Congolese"}


@given(st.text(max_size=400), st.text(max_size=400))
def test_ids_of_actors_are_ids_and_tell_names_apart(one: str, other: str) -> None:
    for id in (*slugs(one), *slugs(other)):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id)
        assert len(id) <= 120
    spaced = f"  {one.upper()}\t" if one.upper().casefold() == one.casefold() else one
    assert slugs(spaced)[0] == slugs(one)[0]
    if slugs(one)[1:] != slugs(other)[1:] or len(slugs(one)) != len(slugs(other)):
        assert slugs(one)[0] != slugs(other)[0]


# Whatever the order, and however often


@given(st.randoms(use_true_random=False), st.integers(1, len(ROWS) - 1))
@examples(3)
def test_the_order_of_rows_and_files_makes_no_difference(
    tmp_path: Path, record: Timeline, chance: random.Random, cut: int
) -> None:
    rows = chance.sample(ROWS, len(ROWS))
    files = [table(tmp_path / "a.tab", rows[:cut]), table(tmp_path / "b.tab", rows[cut:])]
    with Timeline.open("sqlite://") as shuffled:
        shuffled.ingest_coded(*files, dataset="icews")
        mine = said(shuffled)

    assert mine == {id: each for id, each in said(record).items() if id in mine}
    assert {id for id in said(record) if id.startswith("icews/")} <= mine.keys()


def test_what_a_later_file_adds_to_an_event_corroborates_it(tmp_path: Path, kept_url: str) -> None:
    first = table(tmp_path / "first.tab", [row for row in ROWS if "\t043\t" not in row])
    with Timeline.open(kept_url) as timeline:
        timeline.ingest_coded(first, dataset="icews")
        visit = event(timeline, "icews 104")
        assert len(visit.evidence) == 1

        done = timeline.ingest_coded(ICEWS, dataset="icews")

        assert (done.added, done.further, done.events) == (1, 1, 0)
        added = event(timeline, "icews 106")
        assert isinstance(added.event, EventCorroborated)
        assert added.event.events == (visit.id,)
        with timeline.view() as view:
            cited = timeline.corroboration(visit.id)
            assert view.head.position == done.position
        assert "row 106" in " ".join(cited.to_text(all=True, evidence=True).split())
        assert timeline.ingest_coded(ICEWS, dataset="icews").added == 0


def test_a_row_that_was_taken_down_does_not_come_back(memory: Timeline) -> None:
    memory.ingest_coded(ICEWS, dataset="icews")
    memory.redact(event(memory, "icews 104").id, reason="asked for")

    done = memory.ingest_coded(ICEWS, dataset="icews")

    assert (done.added, done.repeated) == (0, done.rows - done.left_out)


def test_names_on_record_are_found_and_others_are_not_mistaken_for_them(memory: Timeline) -> None:
    memory.add(
        Actor("eastholm", "organisation", "The Eastholm ferry"),
        Actor("westholm", "state", "The Republic", aliases=["WESTHOLM"]),
    )

    memory.ingest_coded(ICEWS, dataset="icews")

    held = event(memory, "icews 101").event
    assert [each.actor for each in held.attendance] == [slugs("Eastholm")[1], "westholm"]
    assert memory.ingest_coded(ICEWS, dataset="icews").added == 0


# Bad rows


def spoilt(row: str, column: str, value: str) -> str:
    values = row.split("\t")
    values[HEADER.split("\t").index(column)] = value
    return "\t".join(values)


BAD = {
    "fields": (ROWS[0] + "\tmore", "expected 20 fields; found 21"),
    "code": (spoilt(ROWS[0], "CAMEO Code", "40"), "a code of CAMEO's; found '40'. Were its"),
    "day": (spoilt(ROWS[0], "Event Date", "2031-02-30"), "Event Date: expected a day"),
    "place": (spoilt(ROWS[0], "Latitude", "91"), "Latitude: expected a number from -90 to 90"),
    "number": (spoilt(ROWS[0], "Intensity", "nan"), "Intensity: expected a number"),
    "story": (spoilt(ROWS[0], "Story ID", "a/b"), "Story ID: expected letters and digits"),
    "name": (spoilt(ROWS[0], "Source Name", "x" * 301), "a name of up to 300 characters"),
    "twin": (spoilt(ROWS[1], "CAMEO Code", "010"), "the id '102' stands for another row"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_named_by_line_and_nothing_is_recorded(
    name: str, tmp_path: Path, memory: Timeline
) -> None:
    bad, problem = BAD[name]
    file = table(tmp_path / "bad.tab", [*ROWS[1:], bad])

    with pytest.raises(InvalidRecord) as caught:
        memory.ingest_coded(file, dataset="icews")

    assert problem in str(caught.value)
    assert caught.value.line == len(ROWS) + 1
    assert memory.store.head().position == 0

    done = memory.ingest_coded(file, dataset="icews", keep_going=True)
    assert (done.bad, done.rows) == (1, len(ROWS))
    assert problem in str(done.problems[0])
    assert done.added == memory.store.head().position > 0


BAD_GDELT = {
    "fields": (lambda values: values[:60], "expected 61 fields between tabs; found 60"),
    "code": (lambda values: [*values[:26], "---", *values[27:]], "EventCode: expected a code"),
    "read": (lambda values: [*values[:59], "20310301", values[60]], "DATEADDED: expected an"),
    "address": (lambda values: [*values[:60], ""], "SOURCEURL: expected a value; found none"),
    "host": (lambda values: [*values[:60], "https://[x/"], "Invalid IPv6 URL"),
}


@pytest.mark.parametrize("name", BAD_GDELT)
def test_bad_rows_of_gdelt_are_named_by_line(name: str, tmp_path: Path, memory: Timeline) -> None:
    spoil, problem = BAD_GDELT[name]
    rows = GDELT.read_text(encoding="utf-8").splitlines()
    rows[4] = "\t".join(spoil(rows[4].split("\t")))
    file = tmp_path / "bad.CSV"
    file.write_text("\n".join(rows), encoding="utf-8")

    with pytest.raises(InvalidRecord, match=re.escape(problem)) as caught:
        memory.ingest_coded(file, dataset="gdelt")

    assert (caught.value.line, memory.store.head().position) == (5, 0)


def test_a_line_that_is_no_text_is_a_bad_row(tmp_path: Path, memory: Timeline) -> None:
    file = tmp_path / "bad.tab"
    file.write_bytes(ICEWS.read_bytes() + ROWS[0].encode("utf-16") + b"\n")

    done = memory.ingest_coded(file, dataset="icews", keep_going=True)

    assert done.bad == 1
    assert "expected UTF-8" in str(done.problems[0])


def test_a_row_on_record_with_other_content_is_a_bad_one(tmp_path: Path, memory: Timeline) -> None:
    memory.ingest_coded(ICEWS, dataset="icews")
    at = memory.store.head().position
    changed = [spoilt(row, "Source Name", "Norrland") if row.startswith("109") else row
               for row in ROWS]  # fmt: skip
    file = table(tmp_path / "changed.tab", changed)

    with pytest.raises(InvalidRecord, match="icews row 109 of 2031-03-01: it is on record with"):
        memory.ingest_coded(file, dataset="icews")
    done = memory.ingest_coded(file, dataset="icews", keep_going=True)

    assert (done.bad, done.revised, done.added, memory.store.head().position) == (1, 1, 0, at)


@pytest.mark.parametrize(
    ("column", "value", "difference"),
    [
        ("City", "New Pier", "place 'Old Pier, Quayside, Eastholm', now 'New Pier"),
        ("Intensity", "2", "intensity 1.0, now 2.0"),
        ("Latitude", "55", "latitude 54.5, now 55.0"),
        ("CAMEO Code", "010", "code '040', now '010'"),
    ],
)
def test_a_revised_row_is_told_from_a_repeat(
    column: str, value: str, difference: str, tmp_path: Path, memory: Timeline
) -> None:
    memory.ingest_coded(table(tmp_path / "a.tab", [ROWS[0]]), dataset="icews")

    again = memory.ingest_coded(table(tmp_path / "a.tab", [ROWS[0]]), dataset="icews")
    revised = table(tmp_path / "b.tab", [spoilt(ROWS[0], column, value)])
    if column != "CAMEO Code":
        with pytest.raises(InvalidRecord, match=re.escape(difference)):
            memory.ingest_coded(revised, dataset="icews")
        done = memory.ingest_coded(revised, dataset="icews", keep_going=True)
        assert (done.rows, done.revised, done.repeated, done.added) == (1, 1, 0, 0)
    assert (again.repeated, again.revised) == (1, 0)


def test_a_row_that_was_a_statement_and_is_a_meeting_now_is_revised(
    tmp_path: Path, memory: Timeline
) -> None:
    before = table(tmp_path / "a.tab", [spoilt(ROWS[0], "CAMEO Code", "010")])
    memory.ingest_coded(before, dataset="icews")

    with pytest.raises(InvalidRecord, match="code '010', now '040'"):
        memory.ingest_coded(table(tmp_path / "b.tab", ROWS[:2]), dataset="icews")
    done = memory.ingest_coded(
        table(tmp_path / "b.tab", ROWS[:2]), dataset="icews", keep_going=True
    )

    assert (done.events, done.revised, done.rows) == (1, 1, 2)
    assert [each.coding.row for each in event(memory, "icews 102").evidence if each.coding] == [
        "102"
    ]


# Whatever a file has


VISIT = spoilt(ROWS[0], "CAMEO Code", "043")


def test_a_visit_says_who_went_where_whichever_id_is_lower(
    tmp_path: Path, memory: Timeline
) -> None:
    host, guest = ("Westholm", "Eastholm")
    texts = set()
    for hosts, visits in ((201, 202), (204, 203)):
        rows = [
            side(str(hosts), "043", host, guest, story=str(hosts)),
            side(str(visits), "042", guest, host, story=str(hosts)),
        ]
        memory.ingest_coded(table(tmp_path / f"{hosts}.tab", rows), dataset="icews")
        held = event(memory, f"icews {hosts}").event
        assert held.title == "Visit by Eastholm to Westholm"
        assert [(each.actor, each.role) for each in held.attendance] == [
            ("eastholm", None),
            ("westholm", "host"),
        ]
        texts.add(held.text)
    alone = table(tmp_path / "alone.tab", [side("205", "043", host, guest, story="205")])
    memory.ingest_coded(alone, dataset="icews")
    texts.add(event(memory, "icews 205").event.text)

    assert texts == {"Visits, toward Westholm."}


def side(id: str, code: str, who: str, whom: str, **more: str) -> str:
    """A row of ICEWS's: who does what to whom."""
    row = spoilt(spoilt(ROWS[0], "Event ID", id), "CAMEO Code", code)
    row = spoilt(spoilt(row, "Source Name", who), "Target Name", whom)
    titles = {"story": "Story ID", "city": "City", "sectors": "Source Sectors"}
    for title, value in more.items():
        row = spoilt(row, titles[title], value)
    return row


def test_folded_rows_that_disagree_on_the_place_keep_all_or_none(
    tmp_path: Path, memory: Timeline
) -> None:
    rows = [
        side("301", "040", "Eastholm", "Westholm", city="Old Pier"),
        side("302", "040", "Westholm", "Eastholm", city="New Pier"),
    ]
    memory.ingest_coded(table(tmp_path / "a.tab", rows), dataset="icews")

    held = event(memory, "icews 301")
    assert held.event.place is None
    assert [each.coding.place for each in held.evidence if each.coding] == [
        "Old Pier, Quayside, Eastholm",
        "New Pier, Quayside, Eastholm",
    ]


def test_an_article_read_at_two_times_keeps_both(tmp_path: Path, memory: Timeline) -> None:
    first = GDELT.read_text(encoding="utf-8").splitlines()[0].split("\t")
    again = ["9001", *first[1:26], "010", *first[27:59], "20310302001500", first[60]]
    file = tmp_path / "a.CSV"
    file.write_text("\n".join(map("\t".join, (again, first))), encoding="utf-8")

    memory.ingest_coded(file, dataset="gdelt")

    source = next(iter(memory.log(type="SourceAdded"))).event.source
    assert str(source.published) == "2031-03-01~/2031-03-02~"
    assert str(source.retrieved) == "2031-03-01T00:15:00+00:00/2031-03-02T00:15:00+00:00"


@pytest.mark.parametrize("missing", ["NULL", "NA", ""])
def test_what_is_missing_is_nobody_and_nowhere(
    missing: str, tmp_path: Path, memory: Timeline
) -> None:
    row = side("401", "010", "Eastholm", missing, city="Harbourton", sectors=missing)
    row = spoilt(spoilt(row, "District", missing), "Latitude", missing)
    memory.ingest_coded(table(tmp_path / "a.tab", [row]), dataset="icews")

    found = event(memory, "icews 401").event
    assert (found.place, found.toward) == ("Harbourton, Quayside, Eastholm", None)
    kinds = {each.name: each.kind for each in memory.actors().actors}
    assert kinds == {"Eastholm": "state", "The Tidings": "organisation"}


def test_american_dates_are_read(tmp_path: Path, memory: Timeline) -> None:
    row = spoilt(ROWS[0], "Event Date", "3/1/2031")
    memory.ingest_coded(table(tmp_path / "a.tab", [row]), dataset="icews")

    assert memory.ingest_coded(ICEWS, dataset="icews").further == 1
    assert str(event(memory, "icews 101").occurred) == "2031-03-01"


def test_remnants_of_windows_1252_are_the_characters_they_stand_for(
    tmp_path: Path, memory: Timeline
) -> None:
    row = side("501", "010", "San\x91a", "Bj\xad\xf6rk", city="San\x91a")
    memory.ingest_coded(table(tmp_path / "a.tab", [row]), dataset="icews")

    assert event(memory, "icews 501").event.place == "San‘a, Quayside, Eastholm"
    # A soft hyphen is not printed.
    assert {"San‘a", "Bj örk"} <= {each.name for each in memory.actors().actors}


def _without_codes(text: str) -> str:
    return "\n".join(
        "\t".join(value for place, value in enumerate(line.split("\t")) if place != CODE)
        for line in text.splitlines()
    )


CODE = HEADER.split("\t").index("CAMEO Code")

LAYOUTS: dict[str, tuple[Any, str, bytes]] = {
    "GDELT 1.0": ("gdelt", "this is GDELT 1.0 (58 fields)", b"\t".join([b"1"] * 58)),
    "old GDELT 1.0": ("gdelt", "this is GDELT 1.0 (57 fields", b"\t".join([b"1"] * 57)),
    "mentions": ("gdelt", "this is GDELT's table of mentions", b"\t".join([b"1"] * 16)),
    "ICEWS": ("gdelt", "this is ICEWS", ICEWS.read_bytes()),
    "GDELT 2.0": ("icews", "this is GDELT 2.0", GDELT.read_bytes()),
    "no codes": (
        "icews",
        "this is ICEWS without codes",
        _without_codes(ICEWS.read_text(encoding="utf-8")).encode(),
    ),
    "POLECAT": ("icews", "this is POLECAT", b"Event ID\tEvent Type\tActor Name\n1\tCONSULT\tA"),
}


@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_other_layouts_are_refused_once_by_name(
    name: str, keep_going: bool, tmp_path: Path, memory: Timeline
) -> None:
    dataset, problem, data = LAYOUTS[name]
    file = tmp_path / "file.tab"
    file.write_bytes(b"\n".join([data] * 3))

    with pytest.raises(InvalidRecord, match=re.escape(problem)) as caught:
        memory.ingest_coded(file, dataset=dataset, keep_going=keep_going)

    assert str(caught.value).count("this is") == 1
    assert caught.value.line == 1


def test_a_fault_of_many_rows_is_listed_once(tmp_path: Path, memory: Timeline) -> None:
    file = tmp_path / "windows.tab"
    bad = [side(str(number), "010", "Caf\xe9", "Eastholm") for number in (601, 602, 603)]
    file.write_bytes("\n".join([HEADER, *bad, ROWS[0]]).encode("cp1252"))

    done = memory.ingest_coded(file, dataset="icews", keep_going=True)

    (problem,) = done.problems
    assert done.bad == 3
    assert "windows.tab:2: expected UTF-8; found the byte 0xe9, which is 'é'" in str(problem)
    assert "2 more rows" in str(problem)


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "no such file": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "nothing": lambda path: path.touch(),
    "another table": lambda path: path.write_text("a\tb\n1\t2\n"),
    "no text": lambda path: path.write_bytes(bytes(range(256)) * 8000),
    "half a gzip": lambda path: path.write_bytes(gzip.compress(ICEWS.read_bytes())[:400]),
    "half a zip": lambda path: path.write_bytes(b"PK\x03\x04 and so on"),
    "an empty zip of two": lambda path: _zipped(path, "a.tab", "b.tab"),
}


def _zipped(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(ICEWS, name)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_such_file_is_said_to_be_none(
    kind: str, tmp_path: Path, memory: Timeline
) -> None:
    path = tmp_path / "file.tab"
    UNREADABLE[kind](path)

    with pytest.raises(InvalidRecord, match=r"file\.tab"):
        memory.ingest_coded(ICEWS, path, dataset="icews")

    assert memory.store.head().position == 0


@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize("dataset", FILES)
def test_a_file_without_a_good_row_is_an_error_all_the_same(
    dataset: Any, keep_going: bool, tmp_path: Path, memory: Timeline
) -> None:
    empty, header = tmp_path / "empty.CSV", table(tmp_path / "header.tab", [])
    empty.touch()
    other = FILES["gdelt" if dataset == "icews" else "icews"]

    for file in (empty, header, other):
        with pytest.raises(InvalidRecord, match=re.escape(file.name)) as caught:
            memory.ingest_coded(FILES[dataset], file, dataset=dataset, keep_going=keep_going)
        assert "expected" in str(caught.value)

    assert memory.store.head().position == 0


def test_the_wrong_format_ends_a_command_with_a_message(tmp_path: Path) -> None:
    given = (
        "--db",
        f"sqlite:///{tmp_path}/record.db",
        "ingest",
        "--keep-going",
        "--from",
        "gdelt",
    )
    done = shell(*given, ICEWS)

    assert done.exit_code == 1
    assert "icews.tab:1: this is ICEWS: expected GDELT 2.0. Use --from icews" in done.output


@pytest.mark.parametrize("kept", [2, 4, 400])
def test_a_zip_that_is_cut_off_is_said_to_be(kept: int, tmp_path: Path, memory: Timeline) -> None:
    path = tmp_path / "cut.zip"
    _zipped(path, "a.tab")
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(InvalidRecord, match="cut off or damaged"):
        memory.ingest_coded(path, dataset="icews")


def test_files_may_be_packed(tmp_path: Path, memory: Timeline) -> None:
    packed, zipped = tmp_path / "icews.gz", tmp_path / "icews"
    packed.write_bytes(gzip.compress(ICEWS.read_bytes()))
    _zipped(zipped, "folder/icews.tab")

    assert memory.ingest_coded(packed, dataset="icews").bad == 0
    assert memory.ingest_coded(zipped, dataset="icews").added == 0


def test_progress_comes_to_its_end(memory: Timeline) -> None:
    reading: list[tuple[int, int]] = []
    recording: list[tuple[int, int]] = []

    done = memory.ingest_coded(
        ICEWS,
        dataset="icews",
        reading=lambda *told: reading.append(told),
        progress=lambda *told: recording.append(told),
    )

    size = ICEWS.stat().st_size
    assert reading[-1] == (size, size)
    assert recording == sorted(recording)
    assert recording[-1] == (done.added, done.added)


class Visits(Projection):
    """How often somebody was host."""

    name, mode = "visits", "inline"
    rows = (VisitRow,)

    @on(MeetingHeld)
    def held(self, rows: Rows, recorded: RecordedEvent[MeetingHeld]) -> None:
        for each in recorded.event.attendance:
            if each.role == "host":
                rows.put(VisitRow(recorded.id, each.actor))


def test_inline_projections_are_kept_with_an_ingest(database_url: str) -> None:
    with Timeline.open(database_url, projections=[Visits()]) as timeline:
        timeline.ingest_coded(ICEWS, dataset="icews")

        (status,) = [each for each in timeline.status() if each.projection == "visits"]
        assert status.lag == 0
        with timeline.view() as view:
            hosts = Counter(each.host for each in view.all(VisitRow))
    assert hosts == {"norrland": 1, "ada-quill": 1, slugs("李 明")[0]: 1}


def test_a_format_that_is_none_is_refused(memory: Timeline) -> None:
    with pytest.raises(InvalidInput, match="expected icews or gdelt"):
        memory.ingest_coded(ICEWS, dataset="acled")  # type: ignore[arg-type]


# Loading


def test_loading_is_all_or_nothing_and_may_be_repeated(kept_url: str) -> None:
    def news(count: int) -> Iterator[NewEvent]:
        yield from (
            NewEvent(StatementMade("a", str(number)), id=f"s/{number}") for number in range(count)
        )

    def failing() -> Iterator[NewEvent]:
        yield from news(1_500)
        raise RuntimeError

    told: list[int] = []
    with Timeline.open(kept_url) as timeline:
        store = timeline.store
        with pytest.raises(RuntimeError):
            store.load(failing())
        assert store.head().position == 0
        first = store.load(news(1_500), progress=told.append)
        again = store.load(news(1_502))
        assert (first.added, first.repeated, first.position) == (1_500, 0, 1_500)
        assert (again.added, again.repeated, again.position) == (2, 1_500, 1_502)
        assert told == [1_000, 1_500]
        assert timeline.verify().position == 1_502
        with pytest.raises(Exception, match="s/3"):
            store.load([NewEvent(StatementMade("b", "3"), id="s/3")])


# In the shell


def shell(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)


def test_the_account_is_a_table_or_json(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"

    shown = shell("--db", url, "ingest", "--from", "icews", ICEWS)
    again = shell("--db", url, "ingest", "--from", "icews", "--format", "json", ICEWS)

    assert shown.exit_code == again.exit_code == 0, shown.output + again.output
    assert re.search(r"^042 +visits +held +3 +3", shown.stdout, re.MULTILINE), shown.stdout
    assert re.search(r"^all +39 +28 +10 +1 *$", shown.stdout, re.MULTILINE), shown.stdout
    account = json.loads(again.stdout)
    assert (account["rows"], account["repeated"], account["added"]) == (39, 38, 0)
    assert account["codes"][0]["code"] == "010"


def test_bad_rows_end_a_command_with_a_message(tmp_path: Path) -> None:
    bad = table(tmp_path / "bad.tab", [*ROWS, BAD["day"][0], BAD["fields"][0]])
    url = f"sqlite:///{tmp_path}/record.db"

    refused = shell("--db", url, "ingest", "--from", "icews", bad)
    passed = shell("--db", url, "ingest", "--from", "icews", "--keep-going", bad)
    misspelt = shell("--db", url, "ingest", "--keep-going", bad)

    assert (refused.exit_code, passed.exit_code, misspelt.exit_code) == (1, 0, 2)
    assert f"bad.tab:{len(ROWS) + 2}: Event Date" in refused.output
    assert f"bad.tab:{len(ROWS) + 3}: expected 20 fields" in refused.output
    assert "Nothing was recorded" in refused.output
    assert passed.stderr.count("Left out: ") == 2


@pytest.mark.parametrize("report", ["encounters", "statement-counts", "follow-ups"])
def test_the_counts_are_reports_of_the_command(report: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    shell("--db", url, "ingest", "--from", "icews", ICEWS)

    text = shell("--db", url, "report", report, "--top", 1)
    data = shell("--db", url, "report", report, "--format", "json", "--since", "2031-03-02")

    assert text.exit_code == data.exit_code == 0, text.output + data.output
    assert "[1" in text.stdout
    assert json.loads(data.stdout)["report"] == report


def test_coded_reports_of_consulting_are_counted_in_days_and_are_no_meetings(
    record: Timeline,
) -> None:
    report = record.encounters()
    text = " ".join(report.to_text(width=200, all=True, evidence=True).split())

    assert report.meetings == report.coded == 12
    assert "Who consults whom by coded reports" in text
    assert "Eastholm Westholm coded reports of consulting, on 2 days" in text
    assert "This report rests on coded event data: a program read the stories" in text
    assert " met" not in text.split("Two have met")[0]
    dossier = " ".join(
        record.dossier("Eastholm").to_text(width=200, all=True, evidence=True).split()
    )
    assert "coded reports of consulting, on 2 days" in dossier
    assert "rests on coded event data" in dossier


def test_a_meeting_that_others_report_counts_beside_coded_ones(memory: Timeline) -> None:
    memory.ingest_coded(ICEWS, dataset="icews")
    there = [Attendance("eastholm", "attended"), Attendance("westholm", "attended")]
    source = event(memory, "icews 101").evidence[0].source
    memory.append(MeetingHeld("m", "Talks", attendance=there), source=source)

    report = memory.encounters(actor="Eastholm")
    line = report.encounters[0]
    assert (line.meetings.count, line.coded, line.coded_days) == (4, 3, 2)
    text = " ".join(report.to_text(width=200, all=True, evidence=True).split())
    assert "1 and coded reports of consulting, on 2 days" in text
    assert "A part of this report" not in text


def test_counts_cite_a_few_and_say_how_many_more(record: Timeline) -> None:
    report = record.encounters(actor="Ada Quill", since="2031-03-01", until="2031-03-02")

    assert report.pairs == 3
    line = report.encounters[0]
    assert {line.one.name, line.other.name} == {"Ada Quill", "李 明"}
    assert line.meetings.count == 2
    assert (line.days, line.first, line.forms) == (1, ("2031-03-02",), {"visit": 2})
    assert len(line.meetings.evidence) == 2
    assert line.meetings.uncited == 0
    assert "coded cameo 042 by icews, row 125" in report.to_text(all=True, evidence=True)
    busy = record.statement_counts(speaker="ada-quill").months
    assert [(each.month, each.statements.count) for each in busy] == [
        ("2031-03", 3),
        ("2031-05", 1),
    ]


def test_reports_of_counts_can_be_cited(memory: Timeline) -> None:
    memory.ingest_coded(ICEWS, dataset="icews")
    at = memory.store.head().position
    before = [memory.encounters(), memory.statement_counts(), memory.follow_ups()]

    memory.ingest_coded(GDELT, dataset="gdelt")

    then = memory.as_of(position=at)
    again = [then.encounters(), then.statement_counts(), then.follow_ups()]
    assert [each.to_json() for each in again] == [each.to_json() for each in before]


def test_a_plan_is_open_until_its_days_are_over(memory: Timeline) -> None:
    memory.ingest_coded(ICEWS, dataset="icews")

    early = memory.as_of(occurred="2031-03-10").follow_ups()
    late = memory.as_of(occurred="2031-06-30").follow_ups()
    short = memory.as_of(occurred="2031-06-30").follow_ups(days=5)

    assert early.counts == {"met": 1, "none on record": 0, "open": 1}
    assert (early.last, late.last) == ("2031-03-02", "2031-05-30")
    assert late.counts == {"met": 2, "none on record": 0, "open": 1}
    assert late.same_day == 1
    assert short.counts == {"met": 1, "none on record": 1, "open": 1}
    (kept,) = [each for each in late.plans if each.days]
    assert (kept.announced, kept.met, kept.days) == ("2031-03-02", "2031-03-20", 18)


def test_the_sample_files_are_left_as_they_were(tmp_path: Path) -> None:
    copy = tmp_path / "icews.tab"
    shutil.copyfile(ICEWS, copy)
    with Timeline.open("sqlite://") as timeline:
        timeline.ingest_coded(copy, dataset="icews")
    assert copy.read_bytes() == ICEWS.read_bytes()
    assert list(tmp_path.iterdir()) == [copy]
