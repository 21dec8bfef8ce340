"""Eight questions that an analyst asks of the gas-union record, answered by its reports."""

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from conftest import Backend

from timeline import Timeline

CHECKOUT = Path(__file__).parents[2]
FILES = sorted((CHECKOUT / "fixtures/gas-union").glob("*.yaml"))
UNION, ALLIANCE = "gas-union", "eurasian-gas-alliance"
SUMMIT_2022, SUMMIT_2023 = "informal-cis-summit-2022", "informal-cis-summit-gas-talks"


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Iterator[Callable[[Backend], Timeline]]:
    with contextlib.ExitStack() as stack:
        made: dict[Backend, Timeline] = {}

        def record(backend: Backend) -> Timeline:
            if backend not in made:
                url = backend.create(tmp_path_factory.mktemp("record"), migrated=True, kept=True)
                stack.callback(backend.drop, url)
                made[backend] = stack.enter_context(Timeline.open(url))
                made[backend].ingest(*FILES)
            return made[backend]

        yield record


@pytest.fixture
def record(records, backend) -> Timeline:
    return records(backend)


def positions(view, party, whose):
    """The positions of a party, newest first: stance, when, through whom."""
    line = view.initiative(UNION).party(party)
    return [(each.stance, each.occurred, each.speaker.id) for each in getattr(line, whose)]


def sources(evidence):
    return {support.source for cited in evidence for support in cited.sources}


def line_of(lines, **wanted):
    """The one line whose fields are these."""
    (actual,) = (
        each for each in lines if all(getattr(each, name) == want for name, want in wanted.items())
    )
    return actual


# 1. Uzbekistan's position


def test_1_uzbekistans_position_as_published_by_2_december(record):
    view = record.as_of(published="2022-12-02")

    assert positions(view, "uzbekistan", "own") == []
    imputed = positions(view, "uzbekistan", "imputed")
    assert imputed[0] == ("favourable", "2022-12-02", "novak")
    assert {stance for stance, _, _ in imputed} == {"favourable"}


def test_1_uzbekistans_position_as_published_by_9_december(record):
    uzbekistan = record.as_of(published="2022-12-09").initiative(UNION).party("uzbekistan")

    (own,) = uzbekistan.own
    assert (own.stance, own.occurred) == ("opposed", "2022-12-07")
    assert "commercial" in own.text
    assert (own.speaker.id, own.capacity) == ("mirzamahmudov", "energy minister")
    assert own.spoke_for.id == "uzbekistan"
    # That he speaks for it rests on the office he held.
    assert "gas-union/mirzamahmudov-energy-minister" in {cited.event for cited in own.evidence}
    published = {
        support.published
        for cited in own.evidence
        if cited.type == "StatementMade"
        for support in cited.sources
    }
    assert published == {"2022-12-08", "2022-12-08?"}


def test_1_the_spokesmans_denial_is_of_the_report_and_no_position(record):
    view = record.as_of(published="2022-12-09")

    everything = view.initiative(UNION).party("uzbekistan")
    assert not any(
        each.speaker.id == "peskov" and each.occurred and each.occurred > "2022-12"
        for each in (*everything.own, *everything.imputed)
    )
    actual = view.contradictions(initiative=UNION).contradictions
    disputed = line_of(actual, question="what was reported")
    assert [side.speaker.id for side in disputed.sides] == ["reuters", "peskov", "peskov"]


# 2. Kazakhstan's


@pytest.mark.parametrize(
    ("published", "newest"),
    [
        ("2022-11-29", None),
        ("2022-11-30", ("noncommittal", "2022-11-30", "vassilenko")),
        ("2022-12-12", ("noncommittal", "2022-11-30", "vassilenko")),
        ("2022-12-21", ("conditional", "2022-12-21", "aidarov")),
    ],
)
def test_2_kazakhstans_position_over_time(record, published, newest):
    own = positions(record.as_of(published=published), "kazakhstan", "own")

    assert (own[0] if own else None) == newest


def test_2_kazakhstans_minister_is_at_odds_with_its_presidents_press_secretary(record):
    actual = record.contradictions(initiative=UNION).contradictions
    discussed = next(line for line in actual if "talked about at the Kremlin" in line.question)

    assert discussed.found == "noted"
    zheldibay, akchulakov = discussed.sides
    assert (zheldibay.speaker.id, zheldibay.occurred) == ("zheldibay", "2022-11-29")
    assert (akchulakov.speaker.id, akchulakov.occurred) == ("akchulakov", "2022-12-12")
    assert discussed.newer == 1
    for side in (zheldibay, akchulakov):
        assert sources(side.evidence)
    assert (
        line_of(
            record.statements(speaker="akchulakov").statements, occurred="2022-12-12"
        ).spoke_for.id
        == "kazakhstan"
    )
    assert positions(record, "kazakhstan", "own")[0][0] == "conditional"
    aidarov = record.initiative(UNION).party("kazakhstan").own[0]
    assert "terms" in aidarov.text


# 3. The informal CIS summit of 2022


def test_3_kyrgyzstan_attended_per_some_and_is_absent_by_none(record):
    cell = record.attendance(series="informal-cis-summit").cell("kyrgyzstan", SUMMIT_2022)

    by_status = cell.by_status()
    attended = sources(by_status["attended"])
    assert {"ng-8625", "warsawpoint-45605"} <= attended
    assert by_status["absent"] == ()
    silent = sources(by_status["not mentioned"])
    assert {"irria", "prensalatina-20221226"} <= silent
    assert "ng-8625" not in silent


def test_3_moldova_is_absent_per_one(record):
    cell = record.attendance(series="informal-cis-summit").cell("moldova", SUMMIT_2022)

    assert sources(cell.by_status()["absent"]) == {"ng-8625"}
    assert cell.by_status()["attended"] == ()


def test_3_the_next_year_is_another_edition_and_gas_was_on_the_table_only_there(record):
    report = record.attendance(series="informal-cis-summit")

    assert [(line.meeting, line.state) for line in report.meetings] == [
        (SUMMIT_2022, "held"),
        (SUMMIT_2023, "held"),
    ]
    talks = record.initiative(UNION).talks
    assert {line.meeting for line in talks} == {SUMMIT_2023}
    meetings = {line.meeting for line in record.initiative(UNION).meetings}
    assert SUMMIT_2023 in meetings
    assert SUMMIT_2022 not in meetings


# 4. Independent origins


def tree(tellers, depth=0):
    """Who took it from whom, as indented names."""
    for teller in tellers:
        yield depth, teller.who.name
        yield from tree(teller.branches, depth + 1)


def test_4_the_spokesmans_words_of_29_november(record):
    report = record.corroboration("gas-union/peskov-mechanism-first")

    assert report.independent == 2
    assert {line.origin.name for line in report.origins} == {"Anadolu Agency", "Sputnik"}
    sputnik = next(line for line in report.origins if line.origin.name == "Sputnik")
    assert {each.source for each in sputnik.sources} == {"sputnik-1104812455", "urdupoint-1601874"}
    assert list(tree(report.tree)) == [
        (0, "Dmitry Peskov"),
        (1, "Anadolu Agency"),
        (2, "Turkey News Gazette"),
        (1, "Sputnik"),
        (2, "UrduPoint"),
    ]


def test_4_the_ministers_words_of_7_december(record):
    report = record.corroboration("gas-union/mirzamahmudov-no-union")

    assert report.independent == 3
    origins = {line.origin.name: {each.source for each in line.sources} for line in report.origins}
    assert origins == {
        "press service of the president of Uzbekistan": {"newdelhitimes"},
        "Reuters": {"novaya-20221208", "txtreport-20221208"},
        "Gazeta.uz": {"socialbites-mirz"},
    }
    branches = list(tree(report.tree))
    assert branches[0] == (0, "Jurabek Mirzamahmudov")
    assert (1, "Reuters") in branches
    assert (2, "Novaya Gazeta Europe") in branches


# 5. Plans


def test_5_the_announced_call_was_made_though_no_readout_names_the_union(record):
    plans = record.plans(initiative=UNION).plans
    call = next(line for line in plans if line.title.startswith("Putin–Mirziyoyev call"))

    assert call.state == "kept"
    assert [each.occurred for each in call.outcomes] == ["2022-11-30"]
    assert call.not_named == (UNION,)
    before = record.as_of(occurred="2022-11-29").plans(initiative=UNION).plans
    assert line_of(before, title=call.title).state == "open"


@pytest.mark.parametrize(
    ("on", "state"), [("2022-12-08", "open"), ("2022-12-09", "open"), ("2022-12-10", "unknown")]
)
def test_5_what_was_expected_of_bishkek_is_unknown(record, on, state):
    plans = record.plans(initiative=UNION, on=on).plans

    expected = line_of(plans, title="The gas union at the Bishkek summit")
    assert (expected.state, expected.due) == (state, "2022-12-09")
    assert [by.id for by in expected.by] == ["ushakov"]


# 6. Who proposed it


def test_6_two_accounts_of_who_proposed_it_and_when(record):
    proposals = record.initiative(UNION).proposals

    accounts = {
        (line.occurred, line.by.id, tuple(j.id for j in line.jointly_with)) for line in proposals
    }
    assert accounts == {("2022-11-28", "putin", ()), ("2022-11-27", "uzbekistan", ("kazakhstan",))}
    actual = record.contradictions(initiative=UNION).contradictions
    who = line_of(actual, question="who proposed it")
    assert [side.value for side in who.sides] == ["Vladimir Putin", "Uzbekistan, with Kazakhstan"]
    (dates,) = (each for each in actual if (each.question, each.subject.id) == ("date", UNION))
    assert len(dates.sides) == 2


def test_6_the_first_is_by_tokayevs_account_in_words_that_do_not_say_gas_union(record):
    proposals = record.initiative(UNION).proposals
    first = next(line for line in proposals if line.by.id == "putin")
    (account,) = (cited for cited in first.evidence if cited.event == "gas-union/putin-proposes")
    (support,) = account.sources
    chain = [told.who.id for told in support.chain]
    assert chain == ["turkey-news-gazette", "anadolu", "tokayev", "putin"]

    said = record.statements(speaker="tokayev", initiative=UNION).statements
    quotes = [quote for line in said for quote in line.quotes]
    assert "some kind of trilateral union" in quotes
    assert not any("gas union" in quote for quote in quotes)


def test_6_the_competing_account_has_a_single_origin(record):
    report = record.corroboration("gas-union/two-state-plan")

    assert report.independent == 1
    (origin,) = report.origins
    assert (origin.origin.name, origin.grade) == ("Al Jazeera", "low")


# 7. What changed


def changed(record, clock):
    report = record.changes(
        lambda view: view.initiative(UNION), since="2022-12-01", until="2022-12-10", clock=clock
    )
    return [line for line in report.changes if line.table == "Positions"]


def test_7_what_changed_between_1_and_10_december_as_it_happened(record):
    lines = changed(record, "occurred")

    own = line_of(lines, row="Uzbekistan", column="Own")
    assert (own.before, own.after) == ("none", "opposed (7 Dec 2022)")
    assert own.occurred == "2022-12-07"
    assert "gas-union/mirzamahmudov-no-union" in {cited.event for cited in own.cause}
    assert not [line for line in lines if line.row == "Kazakhstan" and line.column == "Own"]


def test_7_and_as_it_was_learned(record):
    lines = changed(record, "published")

    own = line_of(lines, row="Uzbekistan", column="Own")
    assert own.after == "opposed (7 Dec 2022)"
    assert own.published == "2022-12-08"
    # Learned by the 7th: nothing yet.
    report = record.changes(
        lambda view: view.initiative(UNION), since="2022-12-01", until="2022-12-07"
    )
    assert not [line for line in report.changes if (line.row, line.column) == ("Uzbekistan", "Own")]
    for line in (*lines, *report.changes):
        assert line.cause


# 8. The precedent


def test_8_the_precedent_and_a_publisher_that_contradicts_itself(record):
    lines = record.initiative(UNION).relations
    (precedent,) = (line for line in lines if line.relation == "precedent")
    assert precedent.other == ALLIANCE

    actual = record.contradictions(initiative=ALLIANCE).contradictions
    place = line_of(actual, question="place")
    assert [side.value for side in place.sides] == ["Moscow", "Ashgabat"]
    publishers = {
        support.publisher.id
        for side in place.sides
        for cited in side.evidence
        for support in cited.sources
    }
    assert publishers == {"rferl"}


# 9. Who held an office on a day


def test_9_who_was_energy_minister_of_kazakhstan(record):
    def holders(day):
        lines = record.offices("energy minister", of="kazakhstan", on=day).offices
        return {(line.holder.id, line.on_the_day) for line in lines}

    assert ("akchulakov", "certain") in holders("2023-02-09")
    assert ("satkaliyev", "certain") not in holders("2023-02-09")
    assert ("satkaliyev", "certain") in holders("2023-06-02")
    assert ("akchulakov", "certain") not in holders("2023-06-02")
    assert {who for who, _ in holders("2023-06-03")} == {"satkaliyev"}


# 10. What became of it


def test_10_no_report_says_that_anything_took_its_place(record):
    union = record.initiative(UNION)

    assert union.stage.stage == "negotiating"
    (taken_up,) = (line for line in union.relations if line.relation == "taken up by")
    assert taken_up.other == "gas-deliveries"
    assert taken_up.evidence[0].sources == ()  # the recorder's own finding
    signings = [signing for document in union.documents for signing in document.signings]
    assert signings
    assert not any(UNION in signing.adopts for signing in signings)


# 11. and 12. Where sources differ


def test_11_start_and_volume_differ_by_source(record):
    report = record.initiative("gas-deliveries")
    starts = {plan.due: [who.id for who in plan.by] for plan in report.plans if plan.outcomes}
    assert starts == {
        "2023-03-01": ["uzbekistan"],
        "2023-10/2023-12": ["uzbek-energy-ministry"],
        "2023-10-01": ["uzbek-energy-ministry"],
        "2023-10": ["qazaqgaz"],
        "../2023-10-31": ["satkaliyev"],
    }
    volumes = [
        (term.amount, term.unit, [source.source for source in term.evidence[0].sources])
        for term in report.terms
        if term.name == "volume"
    ]
    assert volumes == [(2.8, "bcm", ["nova-20230619"]), (3, "bcm", ["astanatimes-202310"])]


@pytest.mark.parametrize("word", ["begin", "delivered"])
def test_11_the_sides_on_start_and_volume_stand_beside_one_another(record, word):
    lines = record.contradictions(initiative="gas-deliveries").contradictions
    (line,) = (line for line in lines if word in line.question)
    assert len({side.value for side in line.sides}) == len(line.sides) >= 2


def test_12_the_month_of_the_transit_agreement_differs_by_source(record):
    actual = record.contradictions(initiative="gas-deliveries").contradictions
    (line,) = (line for line in actual if line.subject.id == "transit-agreement-2023")
    by = {
        side.value: {source.source for cited in side.evidence for source in cited.sources}
        for side in line.sides
    }
    assert by == {"Jun 2023": {"tass-1649719", "eadaily-20231108"}, "May 2023": {"bne-285385"}}


# 13. Plans as known then


@pytest.mark.parametrize(
    ("day", "states"),
    [
        ("2023-04-30", {"deliveries-from-march-2023": "unknown"}),
        (
            "2023-11-30",
            {
                "deliveries-from-march-2023": "late",
                "deliveries-from-first-october": "late",
                "deliveries-in-fourth-quarter": "kept",
                "transit-from-october": "kept",
                "transit-by-end-october": "kept",
                "transit-works": "open",
            },
        ),
    ],
)
def test_13_plans_missed_and_kept_as_known_then(record, day, states):
    plans = record.as_of(published=day).plans(initiative="gas-deliveries", on=day).plans
    assert {plan.id: plan.state for plan in plans} == states


def test_13_the_plan_for_march_has_the_origin_that_an_agency_took_it_from(record):
    report = record.corroboration("gas-union/deliveries-from-march")
    origins = {line.origin.id: {each.source for each in line.sources} for line in report.origins}
    assert origins == {"kun-uz": {"urdupoint-1631797"}, "news-central-asia": {"nca-20230210"}}


def test_the_launch_is_placed_as_each_source_places_it(record):
    """One paper has Moscow, another a residence near it."""
    (launch,) = record.attendance(meeting="launch-2023").meetings
    assert set(launch.place) == {"Moscow", "Novo-Ogaryovo, near Moscow"}


def test_talks_of_three_come_first_in_february(record):
    held = record.attendance(meeting="gazprom-ministers-2023-02-09")
    assert {line.party for line in held.parties} == {"gazprom", "kazakhstan", "uzbekistan"}


# Nothing is left out


def load(script: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script, CHECKOUT / f"scripts/{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script] = module
    spec.loader.exec_module(module)
    return module


def test_every_claim_is_shown_by_a_report(capsys, monkeypatch):
    claims = load("claims")
    monkeypatch.setattr(sys, "argv", ["claims"])

    claims.main()

    assert "37 of 37 claims are shown" in capsys.readouterr().out


def test_a_record_of_another_subject_passes_through_the_same_reports(kept_url):
    with Timeline.open(kept_url) as ferry:
        ferry.ingest(*sorted((CHECKOUT / "fixtures/strait-ferry").glob("*.yaml")))
        reports = [
            *(ferry.initiative(row.initiative) for row in _initiatives(ferry)),
            ferry.attendance(),
            ferry.statements(),
            ferry.contradictions(),
            ferry.plans(),
            ferry.actors(),
            # The merger of two actors, which has no date, is among the causes.
            *(
                ferry.changes(
                    lambda record: record.initiative("strait-ferry"),
                    since="1994-06-01",
                    until="1994-06-30",
                    clock=clock,
                )
                for clock in ("occurred", "published")
            ),
            ferry.corroboration("strait-ferry/arvenia-proposes"),
            ferry.corroboration("strait-ferry/quil-on-fares"),
        ]

    states = {line.state for report in reports if report.kind == "plans" for line in report.plans}
    assert {"kept", "late", "missed"} <= states
    assert all(report.document().tables for report in reports)


def _initiatives(record):
    from timeline.projections.initiatives import InitiativeRow

    with record.view() as view:
        return view.all(InitiativeRow)
