"""The gas-union record of `fixtures/gas-union/`, read back from its reports.

Each line of "The record to build" has its test here. The record is ingested once for each database,
file by file, and what the reports said after each file is kept.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from timeline import NotFound, Timeline
from timeline.reports.attendance import AttendanceReport
from timeline.reports.initiative import InitiativeReport
from timeline.reports.statements import StatementsReport

FILES = sorted((Path(__file__).parents[2] / "fixtures/gas-union").glob("0[1-3]-*.yaml"))
SERIES = "informal-cis-summit"
GAS_TALKS, OTHER_EDITION = "informal-cis-summit-gas-talks", "informal-cis-summit-2022"
DATING = "gas-union/summit-dated-2023"
BESIDE = {"peskov-china", "peskov-ukraine", "russia-security-concerns-2021"}

REPORTS: dict[str, Callable[[Any], Any]] = {
    "initiative": lambda record: record.initiative("gas-union"),
    "attendance": lambda record: record.attendance(),
    "series": lambda record: record.attendance(series=SERIES),
    "bilateral": lambda record: record.attendance(meeting="putin-pashinyan-bilateral"),
    "statements": lambda record: record.statements(),
}


def reports(record):
    """Every report that the record can give, by name, as JSON."""
    made = {}
    for name, make in REPORTS.items():
        with contextlib.suppress(NotFound):
            made[name] = make(record).to_json()
    return made


@attrs.frozen
class Record:
    timeline: Timeline
    ends: tuple[int, ...]  # the log's position after each file
    live: tuple[dict[str, str], ...]  # what the reports said there
    initiative: InitiativeReport
    summits: AttendanceReport
    statements: StatementsReport

    def after(self, file):
        return self.timeline.as_of(position=self.ends[file - 1])


def ingest(timeline):
    ends, live = [], []
    for file in FILES:
        ends.append(timeline.ingest(file).position)
        live.append(reports(timeline))
    return Record(
        timeline,
        tuple(ends),
        tuple(live),
        initiative=timeline.initiative("gas-union"),
        summits=timeline.attendance(series=SERIES),
        statements=timeline.statements(),
    )


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Iterator[Callable[[Any], Record]]:
    with contextlib.ExitStack() as stack:
        made: dict[Any, Record] = {}

        def record(backend):
            if backend not in made:
                url = backend.create(tmp_path_factory.mktemp("gas-union"), migrated=True, kept=True)
                stack.callback(backend.drop, url)
                made[backend] = ingest(stack.enter_context(Timeline.open(url)))
            return made[backend]

        yield record


@pytest.fixture
def record(records, backend):
    return records(backend)


@pytest.fixture
def initiative(record):
    return record.initiative


@pytest.fixture
def summits(record):
    return record.summits


@pytest.fixture
def statements(record):
    return record.statements


def events(line):
    return [citation.event.removeprefix("gas-union/") for citation in line.evidence]


def chain(support):
    return [told.who.id for told in support.chain]


def names(actors):
    return tuple(str(actor) for actor in actors)


def one(lines, event):
    """The one line that rests on this event first."""
    (actual,) = (line for line in lines if events(line)[0] == event)
    return actual


def meeting(report, id):
    (actual,) = (line for line in report.meetings if line.meeting == id)
    return actual


# The first article


def test_putin_proposed_a_union_of_three(initiative):
    (proposal,) = initiative.proposals

    assert (proposal.by.id, proposal.by.name) == ("putin", "Vladimir Putin")
    assert names(proposal.parties) == ("Russia", "Kazakhstan", "Uzbekistan")
    assert proposal.occurred == "2022-11-28"
    assert events(proposal) == ["putin-proposes"]


def test_the_proposal_is_known_at_third_hand(initiative):
    (support,) = initiative.proposals[0].evidence[0].sources
    site, agency, tokayev, putin = support.chain

    assert (str(site.who), str(agency.who)) == ("Turkey News Gazette", "Anadolu Agency")
    assert (str(tokayev.who), str(tokayev.to), tokayev.said, tokayev.capacity) == (
        "Kassym-Jomart Tokayev",
        "Mikhail Mishustin",
        "2022-11-28",
        "president",
    )
    assert str(putin.who) == "Vladimir Putin"
    assert (support.at, support.excerpt) == ("paragraph 2", "had proposed the gas union")


def test_the_site_carries_a_copy(initiative):
    (support,) = initiative.proposals[0].evidence[0].sources
    (line,) = (line for line in initiative.sources if line.source == "aa-tng")

    for shown in (support, line):
        assert names((shown.publisher, shown.origin_publisher)) == (
            "Turkey News Gazette",
            "Anadolu Agency",
        )
        assert (shown.source, shown.origin) == ("aa-tng", "anadolu-gas-union")
        assert shown.address.startswith("https://turkeynewsgazette.com/")


def test_tokayev_and_mishustin_met(record, initiative):
    talks = "tokayev-mishustin-2022-11-28"
    report = record.timeline.attendance(meeting=talks)

    assert meeting(report, talks) == meeting(initiative, talks)
    assert meeting(report, talks).state == "held"
    assert meeting(report, talks).held_on == ("2022-11-28",)
    assert {line.party: line.cells[0].people(line.party) for line in report.parties} == {
        "kazakhstan": ("Kassym-Jomart Tokayev",),
        "russia": ("Mikhail Mishustin",),
    }
    assert {line.cells[0].status for line in report.parties} == {"attended"}


def test_the_call_to_mirziyoyev_was_announced_and_nothing_more(record, initiative):
    call = "tokayev-mirziyoyev-call"
    report = record.timeline.attendance(meeting=call)

    assert meeting(report, call) == meeting(initiative, call)
    assert meeting(report, call).form == "call"
    assert meeting(report, call).state == "announced as intended; outcome unknown"
    assert meeting(report, call).held_on == ()
    assert {line.party: line.cells[0].status for line in report.parties} == {
        "kazakhstan": "expected",
        "uzbekistan": "expected",
    }
    (support,) = meeting(report, call).evidence[0].sources
    assert chain(support) == ["turkey-news-gazette", "anadolu", "tokayev"]


@pytest.mark.parametrize(
    ("event", "point"),
    [
        ("peskov-mechanism-first", "mechanism for coordination .* before any union.*legal entity"),
        ("peskov-mechanism-first", "three work together and build up infrastructure; .* after"),
        ("peskov-negotiations-ahead", "still to negotiate .* with Kazakhstan and Uzbekistan"),
        ("peskov-extremely-relevant", "highly topical.*all three states stand to gain"),
        ("peskov-needs-rising", "Kazakhstan and Uzbekistan need more energy"),
        ("peskov-sales-abroad", "Selling gas abroad calls for coordination"),
        ("peskov-northern-kazakhstan", "Russia already supplies the north of Kazakhstan"),
        ("peskov-common-markets", "Eurasian Economic Union.*shared energy markets"),
    ],
)
def test_peskov_told_reporters_in_moscow(initiative, statements, event, point):
    line = one(initiative.statements, event)

    assert re.search(point, line.text)
    assert (str(line.speaker), str(line.on_behalf_of), line.capacity) == (
        "Dmitry Peskov",
        "Russia",
        "spokesman",
    )
    assert (str(line.to), line.place, line.occurred) == (
        "reporters in Moscow",
        "Moscow",
        "2022-11-29~",
    )
    for support in line.evidence[0].sources:
        assert chain(support) == ["turkey-news-gazette", "anadolu", "peskov"]
        assert (str(support.origin_publisher), support.excerpt is None) == ("Anadolu Agency", False)
    assert one(statements.statements, event) == line


def test_peskovs_own_words_are_short_and_quoted(initiative):
    quotes = {events(line)[0]: line.quotes for line in initiative.statements if line.quotes}

    assert quotes == {
        "peskov-mechanism-first": ("a certain legal entity",),
        "peskov-extremely-relevant": ("extremely relevant",),
    }


def test_the_terms_so_far(initiative):
    terms = {line.name: (line.value, str(line.by), *events(line)) for line in initiative.terms}

    assert terms == {
        "form": (
            "coordination mechanism, as a possible first step",
            "Dmitry Peskov",
            "peskov-mechanism-first",
        ),
        "vehicle": (
            "possibly a legal entity, not described further",
            "Dmitry Peskov",
            "peskov-mechanism-first",
        ),
        "scope": (
            "cooperation of the three and infrastructure first, foreign markets later",
            "Dmitry Peskov",
            "peskov-mechanism-first",
        ),
        "negotiations": (
            "not yet begun with Kazakhstan and Uzbekistan",
            "Dmitry Peskov",
            "peskov-negotiations-ahead",
        ),
    }


def test_who_belongs_to_the_eurasian_economic_union(initiative):
    actual = {
        line.name: [(str(each.of), each.status, *events(each)) for each in line.memberships]
        for line in initiative.parties
    }

    assert actual == {
        "Russia": [("Eurasian Economic Union", "member", "russia-in-eeu")],
        "Kazakhstan": [("Eurasian Economic Union", "member", "kazakhstan-in-eeu")],
        "Uzbekistan": [("Eurasian Economic Union", "observer", "uzbekistan-observes-eeu")],
    }


@pytest.mark.parametrize(
    ("topic", "event", "point", "last"),
    [
        ("China", "peskov-china", "talk about energy .* welcome working together", "peskov"),
        ("peace talks", "peskov-ukraine", "Ukraine .* willing to discuss", "peskov"),
        ("NATO", "russia-security-concerns-2021", "threats to its security", "russia"),
    ],
)
def test_what_lies_beside_the_subject_is_recorded(record, topic, event, point, last):
    (line,) = record.timeline.statements(topic=topic).statements

    assert events(line) == [event]
    assert re.search(point, line.text)
    assert chain(line.evidence[0].sources[0]) == ["turkey-news-gazette", "anadolu", last]


def test_the_background_of_2021_is_dated_so(statements):
    assert statements.statements[0].occurred == "2021"
    assert events(statements.statements[0]) == ["russia-security-concerns-2021"]


def test_what_lies_beside_the_subject_is_no_part_of_the_initiative(record):
    for live in record.live:
        for word in (*BESIDE, "China", "Ukraine", "NATO", "peace"):
            assert word not in live["initiative"]

    about = record.timeline.statements(initiative="gas-union").statements
    everything = record.timeline.statements().statements
    assert {events(line)[0] for line in everything} - {events(line)[0] for line in about} == BESIDE


def test_russias_position_is_its_own_through_its_spokesman(initiative):
    (own,) = initiative.party("russia").own

    assert (own.stance, own.own) == ("favourable", True)
    assert names((own.speaker, own.on_behalf_of)) == ("Dmitry Peskov", "Russia")
    assert events(own) == ["peskov-extremely-relevant"]
    assert initiative.party("russia").imputed == ()


def test_kazakhstan_and_uzbekistan_have_no_position_of_their_own(record):
    for file in (1, 2, 3):
        initiative = record.after(file).initiative("gas-union")
        assert initiative.party("kazakhstan").own == ()
        assert initiative.party("kazakhstan").imputed == ()
        assert initiative.party("uzbekistan").own == ()


def test_what_peskov_says_of_uzbekistan_is_imputed(initiative):
    (imputed,) = initiative.party("uzbekistan").imputed

    assert (imputed.stance, imputed.own) == ("favourable", False)
    assert names((imputed.speaker, imputed.on_behalf_of)) == ("Dmitry Peskov", "Russia")
    (support,) = imputed.evidence[0].sources
    assert chain(support) == ["turkey-news-gazette", "anadolu", "peskov", "uzbekistan"]
    assert support.chain[2].manner == "imputed"
    assert "favourable, says Dmitry Peskov" in initiative.to_text(200, all=True, evidence=True)


# The second article


def test_putin_talked_about_gas_with_both_leaders(initiative):
    (talks,) = initiative.talks

    assert names(talks.participants) == (
        "Vladimir Putin",
        "Kassym-Jomart Tokayev",
        "Shavkat Mirziyoyev",
    )
    assert talks.topics == ("supply arrangements", "pricing", "joint ventures")
    assert talks.meeting == GAS_TALKS
    assert "constructively" in talks.text
    assert events(talks) == ["gas-discussed-at-summit", "summit-dated-2023"]


def test_the_talks_are_known_from_peskov_through_an_unnamed_newspaper(initiative):
    article, _ = initiative.talks[0].evidence[0].sources

    assert chain(article) == ["unnamed-publisher", "unnamed-newspaper", "peskov"]
    peskov = article.chain[-1]
    assert (peskov.capacity, str(peskov.to)) == ("press secretary", "a major Russian newspaper")


def test_views_were_first_exchanged_at_the_summit(initiative):
    line = one(initiative.statements, "peskov-first-views")

    assert re.search("first exchanged among CIS members.*St Petersburg", line.text)
    assert names((line.speaker, line.to)) == ("Dmitry Peskov", "a major Russian newspaper")


def test_the_day_stands_without_a_year_as_in_the_article(record):
    as_it_stands = record.after(2)
    initiative = as_it_stands.initiative("gas-union")
    summits = as_it_stands.attendance(series=SERIES)

    assert [line.occurred for line in initiative.talks] == ["XXXX-12-26"]
    assert [(line.meeting, line.held_on) for line in summits.meetings] == [
        (GAS_TALKS, ("XXXX-12-26",))
    ]
    assert meeting(summits, GAS_TALKS).place == ("St Petersburg",)
    assert one(initiative.statements, "peskov-first-views").occurred == "XXXX-12"
    assert (initiative.corrections, summits.corrections) == ((), ())
    for text in record.live[1].values():
        assert not re.search("2023-12|2022-12", text)


def test_the_year_is_a_correction_with_its_reason(initiative, summits):
    assert [line.occurred for line in initiative.talks] == ["2023-12-26"]
    assert meeting(summits, GAS_TALKS).held_on == ("2023-12-26",)
    for report in (initiative, summits):
        correction = report.corrections[0]
        assert correction.event == DATING
        assert re.search("council met in St Petersburg on 25 December 2023", correction.reason)
        assert re.search("2022 it had met in Bishkek", correction.reason)
        assert "another edition" in correction.reason
        sources = {support.source for support in correction.evidence[0].sources}
        assert {"informal-cis-summit-article", "tass-1726439", "vestikavkaza-157761"} <= sources
        assert correction.reason in " ".join(report.to_text(2000, all=True, evidence=True).split())


def test_what_was_dated_still_shows_what_was_recorded(initiative):
    recorded, correction = initiative.talks[0].evidence

    assert (recorded.occurred, recorded.reason) == ("XXXX-12-26", None)
    assert correction.event == DATING


def test_two_editions_of_one_series_stand_apart(summits):
    assert [(line.meeting, line.held_on, line.series, line.state) for line in summits.meetings] == [
        (OTHER_EDITION, ("2022-12-26/2022-12-27",), SERIES, "held"),
        (GAS_TALKS, ("2023-12-26",), SERIES, "held"),
    ]
    assert {place for line in summits.meetings for place in line.place} == {"St Petersburg"}


def test_no_report_serves_both_editions(record):
    # At the end, and before the second article was dated.
    for position in (record.ends[2], record.ends[2] - 2):
        summits = record.timeline.as_of(position=position).attendance(series=SERIES)
        behind = {OTHER_EDITION: set(), GAS_TALKS: set()}
        for line in summits.meetings:
            behind[line.meeting].update(events(line))
        for each in (each for line in summits.parties for each in line.cells):
            behind[each.meeting].update(e for entry in each.entries for e in events(entry))

        assert len(behind[OTHER_EDITION]) == 4
        assert len(behind[GAS_TALKS]) >= 4
        assert not behind[OTHER_EDITION] & behind[GAS_TALKS]


def test_the_edition_of_2022_has_its_own_attendance(summits):
    attended = {
        line.party
        for line in summits.parties
        if summits.cell(line.party, OTHER_EDITION).status == "attended"
    }

    assert attended == {"kyrgyzstan", "russia", "uzbekistan"}
    assert summits.cell("kyrgyzstan", OTHER_EDITION).people("kyrgyzstan") == ("Sadyr Japarov",)
    assert summits.cell("kyrgyzstan", GAS_TALKS).status == "invited"


def test_the_edition_of_2022_is_no_part_of_the_initiative(initiative):
    assert OTHER_EDITION not in initiative.to_json()
    assert "summit-2022" not in initiative.to_json()


def test_eight_were_invited(summits):
    invited, roles = {}, set()
    for line in summits.parties:
        for entry in summits.cell(line.party, GAS_TALKS).entries:
            if entry.status == "invited":
                invited[line.name] = events(entry)[0]
            roles.add(entry.role)

    assert roles == {None}
    assert invited == dict.fromkeys(
        (
            "Armenia",
            "Azerbaijan",
            "Belarus",
            "Kazakhstan",
            "Kyrgyzstan",
            "Tajikistan",
            "Turkmenistan",
            "Uzbekistan",
        ),
        "summit-invitations",
    )


def test_attended_by_whom_the_article_names_and_by_nobody_else(summits):
    cells = {line.name: line.cells[-1] for line in summits.parties}
    people = {
        name: line.cells[-1].people(line.party)
        for name, line in zip(cells, summits.parties, strict=True)
        if line.cells[-1].status == "attended"
    }
    others = {name: each for name, each in cells.items() if name not in people}

    assert people == {
        "Armenia": ("Nikol Pashinyan",),
        "Kazakhstan": ("Kassym-Jomart Tokayev",),
        "Russia": ("Vladimir Putin",),
        "Uzbekistan": ("Shavkat Mirziyoyev",),
    }
    assert set(others) == {"Azerbaijan", "Belarus", "Kyrgyzstan", "Tajikistan", "Turkmenistan"}
    for each in others.values():
        assert each.status == "invited"
        assert [entry.status for entry in each.entries] == ["invited"]


def test_russia_was_there_through_its_president(summits):
    (entry,) = summits.cell("russia", GAS_TALKS).entries

    assert (entry.participant, entry.status) == ("putin", "attended")
    assert events(entry)[0] == "summit-leaders-attended"


def test_pashinyans_attendance_is_known_from_the_armenian_government(summits):
    (entry,) = (
        entry
        for entry in summits.cell("armenia", GAS_TALKS).entries
        if entry.participant == "pashinyan"
    )

    assert entry.status == "attended"
    for support in entry.evidence[0].sources:
        assert chain(support) == ["unnamed-publisher", "armenian-government"]


def test_not_mentioned_is_never_shown_as_absent(record, summits):
    for party in ("armenia", "azerbaijan", "belarus", "kazakhstan", "tajikistan", "turkmenistan"):
        assert summits.cell(party, OTHER_EDITION).status == "not mentioned"
        assert summits.cell(party, OTHER_EDITION).entries == ()
    assert summits.cell("mishustin", GAS_TALKS).status == "not mentioned"
    statuses = {each.status for line in record.timeline.attendance().parties for each in line.cells}
    assert statuses == {"attended", "expected", "invited", "not mentioned"}
    assert "absent" not in summits.to_text(all=True, evidence=True).lower()
    assert "does not say that the party stayed away" in " ".join(
        summits.to_text(all=True, evidence=True).split()
    )


def test_putin_and_pashinyan_might_have_met(record, initiative):
    report = record.timeline.attendance(meeting="putin-pashinyan-bilateral")
    (line,) = report.meetings

    assert line.state == "possible, not scheduled; outcome unknown"
    assert (line.form, line.held_on, line.place) == ("bilateral", (), ("St Petersburg",))
    assert report.parties == ()
    assert chain(line.evidence[0].sources[0])[-1] == "peskov"
    assert "possible, not scheduled" in report.to_text(200, all=True, evidence=True)
    assert "bilateral" not in initiative.to_json()


def test_the_three_bracketed_citations_are_visibly_weak(initiative, summits):
    sources = {line.source: line for line in (*initiative.sources, *summits.sources)}
    low = {id: line for id, line in sources.items() if line.grade == "low"}

    assert {id: str(line.publisher) for id, line in low.items()} == {
        "cited-kremlin-press-service": "Kremlin press service",
        "cited-armenian-government": "Armenian government",
        "cited-regional-briefings": "Regional briefings",
    }
    for line in low.values():
        assert line.cited_in == "informal-cis-summit-article"
        assert (line.address, line.published) == (None, None)
        assert "not read" in line.note
    for report, number in ((initiative, 1), (summits, 2)):
        assert report.to_text(300, all=True, evidence=True).count("low grade") == number
        assert (
            report.to_text(300, all=True, evidence=True).count(
                "not read; cited in informal-cis-summit-article"
            )
            == number
        )


def test_low_grade_stands_beside_each_use(initiative, summits):
    supports = [
        support
        for line in (*initiative.talks, *(e for c in summits.parties for e in c.cells[-1].entries))
        for support in line.evidence[0].sources
    ]

    grades = {support.source: (support.grade, support.cited_in) for support in supports}
    weak = ("low", "informal-cis-summit-article")
    assert grades == {
        "informal-cis-summit-article": ("ordinary", None),
        "cited-kremlin-press-service": weak,
        "cited-armenian-government": weak,
        "cited-regional-briefings": weak,
    }


# The stage


def test_the_stage_before_the_second_article(record):
    stage = record.after(1).initiative("gas-union").stage

    assert (stage.stage, stage.occurred) == ("proposed", "2022-11-28")
    assert stage.event == "gas-union/putin-proposes"
    assert events(stage) == ["putin-proposes"]


def test_talks_of_unknown_year_are_listed_and_set_no_stage(record):
    initiative = record.after(2).initiative("gas-union")

    assert (initiative.stage.stage, initiative.stage.event) == (
        "proposed",
        "gas-union/putin-proposes",
    )
    assert [(line.stage, line.occurred, line.event) for line in initiative.stages] == [
        ("proposed", "2022-11-28", "gas-union/putin-proposes"),
        ("negotiating", "XXXX-12-26", "gas-union/gas-discussed-at-summit"),
    ]


def test_the_stage_after_the_second_article_was_dated(initiative):
    assert (initiative.stage.stage, initiative.stage.occurred) == ("negotiating", "2023-12-26")
    assert initiative.stage.event == "gas-union/gas-discussed-at-summit"
    assert events(initiative.stage) == ["gas-discussed-at-summit", "summit-dated-2023"]
    assert initiative.stages[-1] == initiative.stage
    assert initiative.summary[0].startswith("Negotiating since 26 December 2023, as told by")


# All reports


def dicts(value):
    """Every dict within a value."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for child in children:
            yield from dicts(child)


@pytest.mark.parametrize("name", REPORTS)
def test_every_line_leads_to_events_sources_and_speakers(record, name):
    report = json.loads(record.live[-1][name])
    lines = [each for each in dicts(report) if each.get("evidence") is not None]

    assert lines
    for line in lines:
        assert line["evidence"], line
        for event in line["evidence"]:
            citation = report["citations"][event]
            assert citation["event"] == event
            assert event.startswith("gas-union/")
            assert 0 < citation["position"] <= record.ends[-1]
            assert citation["sources"], citation
            for support in citation["sources"]:
                assert support["chain"], citation


@pytest.mark.parametrize("name", REPORTS)
def test_every_event_that_is_cited_is_in_the_log(record, name):
    logged = {event.id: event for event in record.timeline.log()}

    for each in dicts(json.loads(record.live[-1][name])):
        if "recorded_at" in each:
            event = logged[each["event"]]
            assert (each["type"], each["position"]) == (event.type, event.position)


@pytest.mark.parametrize("name", REPORTS)
def test_every_rendering_shows_every_event_that_is_cited(record, name):
    report = REPORTS[name](record.timeline)
    text, html = report.to_text(1000, all=True, evidence=True), report._repr_html_()

    for each in dicts(json.loads(report.to_json())):
        if "recorded_at" in each:
            assert each["event"] in text
            assert each["event"] in html


def test_a_report_made_again_is_the_same_to_the_byte(record):
    assert reports(record.timeline) == record.live[-1]
    with Timeline.open(record.timeline.store.engine.url) as other:
        assert reports(other) == record.live[-1]
        assert other.initiative("gas-union").to_text(all=True, evidence=True) == (
            record.timeline.initiative("gas-union").to_text(all=True, evidence=True)
        )


@pytest.mark.parametrize("file", [1, 2, 3])
def test_as_of_a_position_a_report_is_what_it_was_then(record, file):
    assert reports(record.after(file)) == record.live[file - 1]
    standing = json.loads(record.live[file - 1]["initiative"])["standing"]
    assert standing["position"] == record.ends[file - 1]


def test_nothing_is_known_before_the_first_event(record):
    with pytest.raises(NotFound, match="no initiative 'gas-union'"):
        record.timeline.as_of(position=0).initiative("gas-union")
    assert record.timeline.as_of(position=0).statements().statements == ()


def test_ingesting_again_adds_nothing(record):
    done = record.timeline.ingest(*FILES)

    assert (done.added, done.position) == (0, record.ends[-1])
    assert reports(record.timeline) == record.live[-1]


def test_every_database_gives_the_same_answers(record):
    varies = re.compile(r'"(digest|on|recorded_at)": "[^"]+"')
    with Timeline.open("sqlite://") as timeline:
        reference = ingest(timeline)

    assert record.ends == reference.ends
    for here, there in zip(record.live, reference.live, strict=True):
        assert {name: varies.sub("", text) for name, text in here.items()} == {
            name: varies.sub("", text) for name, text in there.items()
        }
