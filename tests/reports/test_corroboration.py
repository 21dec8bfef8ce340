"""The corroboration report: independent origins are counted, not addresses."""

import json

import builder
import pytest
from click.testing import CliRunner

from timeline import (
    Actor,
    ActorsMerged,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    Evidence,
    InvalidInput,
    Link,
    MeetingAnnounced,
    MeetingHeld,
    NewEvent,
    NotFound,
    ProposalMade,
    Source,
    StatementMade,
)
from timeline.cli import cli
from timeline.reports.citations import Named

ORGANISATIONS = ("gazette", "herald", "courier", "wire", "ports-board")
MINISTER = Actor("minister", "person", "The minister")
SECRETARY = Actor("secretary", "person", "The secretary")
BLOGGER = Actor("blogger", "person", "A blogger")
NORTH = Actor("north", "state", "Northland")

SAID = StatementMade("minister", "The harbour will be built.")


timeline = builder.record(
    *(Actor(id, "organisation", id.title()) for id in ORGANISATIONS),
    MINISTER,
    SECRETARY,
    BLOGGER,
    NORTH,
    Source("article", publisher="gazette", title="In the Gazette", published="2024-04-12"),
    Source("story", publisher="herald", title="In the Herald", published="2024-04-13"),
    Source("note", publisher="courier", title="In the Courier", grade="low"),
    Source("item", publisher="wire", title="On the wire", address="https://wire.test/1"),
)


def say(timeline, **chains):
    """Record what the minister said, by these sources, each with its chain."""
    evidence = [Evidence(source, chain=chain) for source, chain in chains.items()]
    timeline.append(SAID, id="said", occurred="2024-04-11", evidence=evidence)
    return timeline.corroboration("said")


def origins(report):
    return {line.origin.id: [source.source for source in line.sources] for line in report.origins}


def drawn(tellers):
    """A tree as nested dicts: ids of tellers, and of their sources."""
    return {
        teller.who.id: (list(teller.sources), drawn(teller.branches))
        if teller.branches
        else list(teller.sources)
        for teller in tellers
    }


# What counts as one


def test_outlets_that_each_heard_the_speaker_are_independent(timeline):
    report = say(timeline, article=["gazette", "minister"], story=["herald", "minister"])

    assert report.independent == 2
    assert origins(report) == {"gazette": ["article"], "herald": ["story"]}
    assert drawn(report.tree) == {"minister": ([], {"gazette": ["article"], "herald": ["story"]})}


def test_sites_that_carry_an_agencys_story_are_one(timeline):
    report = say(
        timeline,
        article=["gazette", "wire", "minister"],
        story=["herald", Link("wire", manner="translated"), "secretary", "minister"],
        item=[Link("wire", manner="quoted"), "minister"],
    )

    assert report.independent == 1
    assert origins(report) == {"wire": ["article", "story", "item"]}
    (minister,) = report.tree
    wire, secretary = minister.branches
    assert (wire.who.name, wire.manners, wire.sources) == ("Wire", ("quoted",), ("item",))
    assert drawn(wire.branches) == {"gazette": ["article"]}
    assert drawn(secretary.branches) == {"wire": ([], {"herald": ["story"]})}


def test_a_copy_counts_with_its_original_however_often_it_was_copied(timeline):
    timeline.add(
        Source("copy", publisher="herald", title="Again", copies="item"),
        Source("copied-copy", publisher="courier", title="And again", copies="copy"),
    )

    report = say(timeline, item=[], **{"copied-copy": []})

    assert origins(report) == {"wire": ["item", "copied-copy"]}
    assert drawn(report.tree) == {
        "minister": ([], {"wire": (["item"], {"herald": ([], {"courier": ["copied-copy"]})})})
    }


def test_publishers_that_a_chain_leaves_out_are_put_in_their_place(timeline):
    timeline.add(Source("copy", publisher="herald", title="Again", copies="item"))

    report = say(timeline, article=["wire", "minister"], copy=["minister"])

    assert origins(report) == {"wire": ["article", "copy"]}
    assert drawn(report.tree) == {
        "minister": ([], {"wire": ([], {"gazette": ["article"], "herald": ["copy"]})})
    }


def test_an_organisation_in_its_own_voice_is_one_origin(timeline):
    timeline.append(
        StatementMade("ports-board", "We build."),
        id="said",
        evidence=[
            Evidence("article", chain=["gazette", "ports-board"]),
            Evidence("story", chain=["herald", "ports-board"]),
        ],
    )

    assert origins(timeline.corroboration("said")) == {"ports-board": ["article", "story"]}


def test_an_outlet_in_its_own_voice_is_an_origin_whether_or_not_a_chain_says_so(timeline):
    timeline.append(
        StatementMade("wire", "So we hear."),
        id="said",
        evidence=[Evidence("article", chain=["gazette", "wire"]), Evidence("story")],
    )

    assert origins(timeline.corroboration("said")) == {"wire": ["article", "story"]}


def test_a_copy_counts_with_its_original_whatever_its_chain_says(timeline):
    timeline.add(
        Source("copy", publisher="herald", title="Again", copies="article"),
        Source("other-copy", publisher="courier", title="And again", copies="article"),
    )
    timeline.append(
        StatementMade("gazette", "So we hear."),
        id="own",
        evidence=[
            Evidence("article", chain=["gazette"]),
            Evidence("copy", chain=["herald", "gazette"]),
        ],
    )

    assert origins(timeline.corroboration("own")) == {"gazette": ["article", "copy"]}
    report = say(timeline, copy=["herald", "wire"], article=["gazette", "minister"])
    assert origins(report) == {"gazette": ["copy", "article"]}
    timeline.append(
        SAID,
        id="copied",
        evidence=[Evidence("copy", chain=["herald", "wire"]), Evidence("other-copy")],
    )
    assert origins(timeline.corroboration("copied")) == {"wire": ["copy", "other-copy"]}


def test_a_voice_that_publishes_itself_is_its_own_origin(timeline):
    timeline.add(Source("release", publisher="ports-board", title="A release"))
    timeline.append(StatementMade("ports-board", "We build."), id="said", source="release")

    report = timeline.corroboration("said")

    assert origins(report) == {"ports-board": ["release"]}
    assert drawn(report.tree) == {"ports-board": ["release"]}


OFFICE = Actor("press-office", "office", "The press office")
UNNAMED = Actor("a-paper", "unnamed", "A paper that is not named")


def test_an_outlet_that_is_not_named_is_an_origin(timeline):
    timeline.add(UNNAMED)

    report = say(timeline, article=["gazette", "a-paper", "minister"], story=["herald", "a-paper"])

    # Also where the chain ends with it: the voice it carries is that of the event.
    assert origins(report) == {"a-paper": ["article", "story"]}


def test_one_who_is_no_outlet_and_stands_before_the_publisher_is_the_origin(timeline):
    report = say(
        timeline,
        article=["blogger", "gazette", "minister"],
        story=["secretary", "herald", "minister"],
    )

    assert report.independent == 2
    assert origins(report) == {"blogger": ["article"], "secretary": ["story"]}


def test_one_who_is_not_named_and_whom_a_chain_ends_with_is_its_voice(timeline):
    timeline.add(UNNAMED)
    timeline.append(
        MeetingHeld("summit", "Summit"),
        id="held",
        evidence=[Evidence("article", chain=["gazette", "a-paper"])],
    )

    assert origins(timeline.corroboration("held")) == {"gazette": ["article"]}


def test_papers_of_one_press_office_are_one_origin(timeline):
    timeline.add(OFFICE)
    report = say(
        timeline,
        article=["gazette", "press-office", "minister"],
        story=["herald", "wire", "press-office", "minister"],
        note=["courier", "press-office"],
    )
    timeline.append(
        MeetingHeld("summit", "Summit"),
        id="held",
        evidence=[
            Evidence("article", chain=["gazette", "press-office"]),
            Evidence("story", chain=["herald", "press-office"]),
        ],
    )

    assert origins(report) == {"press-office": ["article", "story", "note"]}
    assert origins(timeline.corroboration("held")) == {"press-office": ["article", "story"]}


def test_an_office_that_publishes_itself_is_an_outlet(timeline):
    timeline.add(OFFICE, Source("release", publisher="press-office", title="A release"))

    report = say(timeline, release=["press-office", "minister"])

    assert origins(report) == {"press-office": ["release"]}


def test_whoever_publishes_is_an_outlet_of_whatever_kind(timeline):
    timeline.add(Source("post", publisher="blogger", title="A post"))

    report = say(timeline, post=["blogger", "wire", "minister"], item=["wire", "minister"])

    assert origins(report) == {"wire": ["post", "item"]}


def test_where_no_voice_is_known_the_tree_begins_with_the_origin(timeline):
    timeline.append(
        MeetingHeld("summit", "Summit"),
        id="held",
        evidence=[Evidence("article", chain=["gazette", "wire"]), Evidence("story")],
    )

    report = timeline.corroboration("held")

    assert origins(report) == {"wire": ["article"], "herald": ["story"]}
    assert drawn(report.tree) == {"wire": ([], {"gazette": ["article"]}), "herald": ["story"]}


def test_the_announcer_is_the_voice_and_the_proposer_only_if_a_source_says_so(timeline):
    announced = MeetingAnnounced("summit", "Summit", by="minister")
    made = ProposalMade("harbour", "A harbour", by="north", text="A harbour.")
    chain = ["gazette", "secretary"]
    timeline.append(announced, id="announced", source="article", according_to=chain)
    timeline.append(made, id="made", source="article", according_to=chain)

    tree = {"secretary": ([], {"gazette": ["article"]})}
    assert drawn(timeline.corroboration("made").tree) == tree
    assert drawn(timeline.corroboration("announced").tree) == {"minister": ([], tree)}


def test_one_spoken_for_stands_with_the_voice_and_not_as_its_source(timeline):
    imputed = Link("minister", manner="imputed", capacity="minister of ports")
    report = say(timeline, article=["gazette", imputed, "north"], story=["herald", "minister"])

    (minister,) = report.tree
    assert minister.who.id == "minister"
    assert minister.manners == ("imputed",)
    assert minister.capacities == ("minister of ports",)
    assert [who.name for who in minister.spoke_for] == ["Northland"]
    assert [branch.who.id for branch in minister.branches] == ["gazette", "herald"]


def test_one_to_whom_words_are_imputed_told_nobody(timeline):
    made = ProposalMade("harbour", "A harbour", by="north", text="A harbour.")
    imputed = Link("secretary", manner="imputed")
    timeline.append(made, id="made", source="article", according_to=["gazette", imputed, "north"])

    (secretary,) = timeline.corroboration("made").tree
    assert (secretary.who.id, secretary.manners) == ("secretary", ("imputed",))
    assert [who.id for who in secretary.spoke_for] == ["north"]


# What is known of the sources


def test_an_origin_that_was_not_read_or_is_of_low_grade_shows_it(timeline):
    timeline.add(
        Source("unseen", publisher="wire", title="Not at hand", cited_in="article"),
        Source("post", publisher="blogger", title="A post", retrieved="2024-05-01"),
        Source("page", publisher="ports-board", title="A page", sha256="0" * 64),
    )

    report = say(timeline, article=[], unseen=[], note=[], post=[], page=[])

    assert {line.origin.id: (line.read, line.grade) for line in report.origins} == {
        "gazette": (None, "ordinary"),
        "wire": (False, "ordinary"),
        "courier": (None, "low"),
        "blogger": (True, "ordinary"),
        "ports-board": (True, "ordinary"),
    }
    wire = next(line for line in report.origins if line.origin.id == "wire")
    assert wire.sources[0].cited_in == "article"
    # It reached the reader through what cites it.
    (branch,) = [each for each in report.tree[0].branches if each.who.id == "wire"]
    assert drawn(branch.branches) == {"gazette": ["unseen"]}
    shown = report.to_text(all=True, evidence=True)
    assert "5 independent origins, 5 sources, 1 of the origins not read, 1 of the origins" in shown
    table = next(each for each in report.document().tables if each.title == "Origins")
    read = [row[-1].text for row in table.rows]
    assert read == ["unknown", "no; cited in article", "unknown", "yes", "yes"]


def test_an_origin_has_the_best_grade_of_its_sources(timeline):
    timeline.add(
        Source("print", publisher="wire", title="In print", grade="high"),
        Source("post", publisher="wire", title="A post", grade="low"),
    )

    (origin,) = say(timeline, post=[], print=[]).origins

    assert ([source.grade for source in origin.sources], origin.grade) == (["low", "high"], "high")


def test_all_that_cite_one_another_are_in_the_tree(timeline):
    timeline.add(
        Source("unseen", publisher="wire", title="Not at hand", cited_in="cut"),
        Source("cut", publisher="herald", title="Not at hand either", cited_in="article"),
    )

    report = say(timeline, unseen=[])

    assert drawn(report.tree) == {
        "minister": ([], {"wire": ([], {"herald": ([], {"gazette": ["unseen"]})})})
    }


def test_an_actor_that_is_not_on_record_goes_by_its_id_in_a_chain(timeline):
    evidence = Evidence("article", chain=[Link("nobody-known"), Link("minister")])
    # The checks of `Timeline` would refuse it; another program may have recorded it.
    timeline.store.append_all([NewEvent(SAID, id="said", evidence=[evidence])])

    report = timeline.corroboration("said")

    assert drawn(report.tree) == {
        "minister": ([], {"nobody-known": ([], {"gazette": ["article"]})})
    }
    (teller,) = report.tree
    assert teller.branches[0].who == Named("nobody-known", "nobody-known")
    assert origins(report) == {"gazette": ["article"]}


def test_a_source_says_where_it_can_be_found(timeline):
    timeline.append(SAID, id="said", evidence=[Evidence("item", at="p. 1"), Evidence("article")])

    wire, gazette = (line.sources[0] for line in timeline.corroboration("said").origins)

    assert (wire.address, wire.published, wire.at) == ("https://wire.test/1", None, ("p. 1",))
    assert (gazette.title, gazette.published, gazette.at) == ("In the Gazette", "2024-04-12", ())


def test_entries_that_were_merged_are_one_origin(timeline):
    say(timeline, article=["gazette", "minister"], story=["herald", "minister"])
    timeline.append(ActorsMerged("gazette", ["herald"], "One paper, renamed."))

    report = timeline.corroboration("said")

    assert report.independent == 1
    assert origins(report) == {"gazette": ["article", "story"]}


# Which events


def test_a_claim_may_be_recorded_in_several_events(timeline):
    say(timeline, article=["gazette", "minister"])
    timeline.append(SAID, id="again", source="story", according_to=["herald", "minister"])

    report = timeline.corroboration("again", "said", "said")

    assert [claim.event for claim in report.events] == ["said", "again"]
    assert origins(report) == {"gazette": ["article"], "herald": ["story"]}
    assert report.to_json() == timeline.corroboration("said", "again").to_json()


def test_further_evidence_counts_and_that_of_a_correction_does_not(timeline):
    say(timeline, article=["gazette", "minister"])
    timeline.append(
        EventCorroborated(["said"]), id="too", source="story", according_to=["herald", "minister"]
    )
    timeline.append(
        EventCorrected(["said"], "The speaker was misnamed.", {"speaker": "secretary"}),
        id="corrected",
        source="item",
        according_to=["wire", "secretary"],
    )

    report = timeline.corroboration("said")

    assert origins(report) == {"gazette": ["article"], "herald": ["story"]}
    assert [line.event for line in report.corrections] == ["corrected"]
    assert {each.event for each in report.events[0].evidence} == {"said", "too", "corrected"}
    # The speaker is the corrected one, also where the chains end.
    assert drawn(report.tree) == {"secretary": ([], {"gazette": ["article"], "herald": ["story"]})}


def test_further_evidence_that_was_retracted_does_not_count(timeline):
    say(timeline, article=["gazette", "minister"])
    timeline.append(EventCorroborated(["said"]), id="too", source="story")
    timeline.append(EventRetracted(["too"], "It says something else."))

    assert origins(timeline.corroboration("said")) == {"gazette": ["article"]}


def test_what_is_not_in_view_is_not_found(timeline):
    with pytest.raises(NotFound, match="no event 'ghost'"):
        timeline.corroboration("ghost")
    before = timeline.store.head().position
    say(timeline, article=[])
    with pytest.raises(NotFound, match="'said' is not in view"):
        timeline.as_of(position=before).corroboration("said")
    timeline.append(EventRetracted(["said"], "Never said."))
    with pytest.raises(NotFound, match="'said' is not in view: it was retracted"):
        timeline.corroboration("said")


def test_words_that_were_taken_down_are_not_found(timeline):
    say(timeline, article=[])
    timeline.redact("said", reason="A court said so.")

    with pytest.raises(NotFound, match="'said' is not in view"):
        timeline.corroboration("said")


def test_some_event_must_be_named(timeline):
    with pytest.raises(InvalidInput, match="one or more events"):
        timeline.corroboration()


def test_only_what_was_published_by_then_counts(timeline):
    say(timeline, article=["gazette", "minister"], story=["herald", "minister"], note=[])

    def then(**moment):
        return origins(timeline.as_of(**moment).corroboration("said"))

    assert then(published="2024-04-12") == {"gazette": ["article"]}
    assert then(published="2024-04-12", possibly=True).keys() == {"gazette", "courier"}
    with pytest.raises(NotFound, match="not in view"):
        then(published="2024-04-11")


def test_only_what_had_happened_by_then_is_in_view(timeline):
    say(timeline, article=[])
    assert timeline.as_of(occurred="2024-04-11").corroboration("said").independent == 1
    timeline.append(EventCorrected(["said"], "A day late.", {"occurred": "2024-04-12"}))

    with pytest.raises(NotFound, match="not in view"):
        timeline.as_of(occurred="2024-04-11").corroboration("said")
    later = timeline.as_of(occurred="2024-04-12").corroboration("said")
    assert later.events[0].occurred == "2024-04-12"


def test_an_event_without_evidence_has_no_origin(timeline):
    report = timeline.corroboration("actor/minister")

    assert (report.independent, report.origins, report.tree) == (0, (), ())
    assert "0 independent origins, 0 sources" in report.to_text(all=True, evidence=True)


# How it is shown


def test_the_tree_is_drawn_from_the_voice_to_the_reader(timeline):
    report = say(timeline, article=["gazette", Link("wire", manner="quoted"), "minister"])

    lines = [line.split("  ") for line in report.to_text(all=True, evidence=True).splitlines()]
    at = next(number for number, line in enumerate(lines) if "Who" in line[1:])
    tree = [[part.strip() for part in line if part.strip()] for line in lines[at + 2 : at + 5]]
    assert tree == [
        ["The minister", "–", "– [1]"],
        ["└ Wire", "quoted", "– [1]"],
        ["└── Gazette", "–", "article, 12 Apr 2024 [1]"],
    ]


def test_a_name_too_long_for_its_column_keeps_its_place_in_the_tree(timeline):
    name = "The Gazette of the harbour towns and of all the islands beyond them"
    renamed = {"actor": {"id": "gazette", "kind": "organisation", "name": name}}
    timeline.append(EventCorrected(["actor/gazette"], "Its full name.", renamed))
    report = say(timeline, article=["gazette", "wire", "minister"])

    lines = report.to_text(60, all=True, evidence=True).splitlines()
    number = next(number for number, line in enumerate(lines) if "└── " in line)
    column = lines[number].index("The Gazette")
    for below in lines[number + 1 : number + 3]:
        assert below[:column].isspace()
        assert below[column:].split()[0] in name.split()
    assert "└── The Gazette of the harbour" in report._repr_html_()
    cells = [row[0] for table in report.document().tables for row in table.rows]
    assert [cell.depth for cell in cells] == [0, 0, 0, 1, 2]


def test_every_line_and_cell_has_its_evidence(timeline):
    report = say(timeline, article=["gazette", "minister"], story=["herald", "wire", "minister"])

    def tellers(tree):
        for teller in tree:
            yield teller
            yield from tellers(teller.branches)

    lines = [*report.events, *report.origins, *tellers(report.tree)]
    lines += [source for origin in report.origins for source in origin.sources]
    assert len(lines) == 9
    assert all(line.evidence for line in lines)
    cells = [c for table in report.document().tables for row in table.rows for c in row]
    assert all(cell.evidence for cell in cells)
    assert all(len(table.columns) <= 4 for table in report.document().tables)


def test_the_json_has_a_shape_to_rely_on(timeline):
    made = json.loads(say(timeline, article=["gazette", "minister"]).to_json())

    assert made["report"] == "corroboration"
    assert made["independent"] == 1
    assert made["origins"][0]["origin"] == {"id": "gazette", "name": "Gazette"}
    assert made["origins"][0]["sources"][0]["source"] == "article"
    assert made["tree"][0]["who"]["id"] == "minister"
    assert made["tree"][0]["branches"][0]["sources"] == ["article"]
    assert made.keys() == {
        "report", "events", "independent", "origins", "tree", "withdrawn", "citations",
        "corrections", "sources", "standing",
    }  # fmt: skip


def test_the_command_line_has_it(timeline, kept_url):
    say(timeline, article=[])
    call = ["--db", kept_url, "report", "corroboration"]

    done = CliRunner().invoke(cli, [*call, "said", "--format", "json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["independent"] == 1
    assert CliRunner().invoke(cli, [*call, "ghost"]).exit_code == 1
    assert CliRunner().invoke(cli, call).exit_code == 2
