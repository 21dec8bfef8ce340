"""Record files in the short form: claims in a few lines, names for ids, dates in words."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from timeline import InvalidRecord, NewEvent, Timeline
from timeline.cli import cli
from timeline.dates import When
from timeline.errors import InvalidDate
from timeline.events import (
    ActorAdded,
    Attendance,
    Evidence,
    Link,
    MeetingHeld,
    Position,
    ProposalMade,
    SourceAdded,
    StatementMade,
)
from timeline.formats import read_files, read_records
from timeline.formats.record_files.names import Names
from timeline.formats.record_files.resolving import Expander
from timeline.formats.record_files.short_form import VERBS, understood
from timeline.formats.record_files.writing import entries_of, record_file
from timeline.log.codec import Codec

FIXTURES = Path(__file__).parents[2] / "fixtures" / "gas-union"
CLASSES = Codec().class_named

EXAMPLE = """\
record: gas-union
about: gas-union                      # for all below, until said otherwise
source: {publisher: Anadolu Agency, address: "https://aa.example/1", published: 2022-11-29}
events:
  - proposed: A union of three, for gas
    by: Vladimir Putin
    parties: [Russia, Kazakhstan, Uzbekistan]
    on: 2022-11-28
    chain: Anadolu Agency > Tokayev > Putin
  - said: Uzbekistan is interested in joining.
    by: Dmitry Peskov, spokesman
    on: 2022-11-29~
    positions: {Uzbekistan: favourable}
"""

HARBOUR = """\
record: harbour
actors:
  - person: [Ann Author, Bob Baker]
  - {state: Northland, aliases: [Nordland]}
  - {id: mueller, kind: person, name: Zoë Müller}
  - organisation: The Gazette
  - office: Ministry of Ports
about: harbour
source: {publisher: The Gazette, address: "https://gazette.example/1", published: 12 April 2024}
on: 2024-04-11
events:
"""


def expanded(text: str, tmp_path: Path, names: Names | None = None, **options: Any) -> Any:
    file = tmp_path / "record.yaml"
    file.write_text(text, encoding="utf-8")
    expander = Expander(CLASSES, names, **options)
    [read] = read_files([file], expander)
    return read.events, expander


def of(cls: type, events: list[NewEvent]) -> list[Any]:
    return [new.event for new in events if isinstance(new.event, cls)]


def claim(text: str, tmp_path: Path, head: str = HARBOUR, **options: Any) -> NewEvent:
    events, _ = expanded(f"{head}{text}", tmp_path, **options)
    return events[-1]  # type: ignore[no-any-return]


def refused(text: str, tmp_path: Path, head: str = HARBOUR, **options: Any) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as caught:
        claim(text, tmp_path, head, **options)
    return caught.value


# The form


def test_the_example_makes_what_it_says_of_actors_on_record(tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(EXAMPLE, encoding="utf-8")
    with Timeline.open("sqlite://") as record:
        record.ingest(*sorted(FIXTURES.glob("*.yaml")))
        done = record.ingest(file)
        assert done.added == 3  # the source, and two claims
        again = record.ingest(file)
        assert again.added == 0
        source, proposed, said = (event.event for event in done.events)
        assert source.source.publisher == "anadolu"
        assert proposed == ProposalMade(
            "gas-union",
            "A union of three, for gas",
            "putin",
            "A union of three, for gas",
            parties=["russia", "kazakhstan", "uzbekistan"],
        )
        chain = [Link("anadolu"), Link("tokayev"), Link("putin")]
        assert done.events[1].evidence == (Evidence(source.source.id, chain=chain),)
        assert said == StatementMade(
            "peskov",
            "Uzbekistan is interested in joining.",
            capacity="spokesman",
            about=["gas-union"],
            positions=[Position("uzbekistan", "favourable")],
        )


def test_the_example_makes_its_actors_if_they_are_to_be_created(tmp_path: Path) -> None:
    events, expander = expanded(EXAMPLE, tmp_path, create=True)
    kinds = {actor.name: actor.kind for actor in expander.created}
    assert kinds == {
        "Vladimir Putin": "person",  # Putin alone is the surname of one person, and so he
        "Russia": "state",
        "Kazakhstan": "state",
        "Uzbekistan": "state",
        "Anadolu Agency": "organisation",
        "Tokayev": "person",
        "Dmitry Peskov": "person",
    }
    assert [actor.actor for actor in of(ActorAdded, events)] == expander.created
    assert [link.who for link in events[-2].evidence[0].chain][-1] == "vladimir-putin"


def test_a_statement_and_its_stance(tmp_path: Path) -> None:
    text = "  - said: Soon.\n    by: Ann Author\n    for: Northland\n    stance: favourable\n"
    made = claim(text, tmp_path)
    assert made.event == StatementMade(
        "ann-author",
        "Soon.",
        on_behalf_of="northland",
        about=["harbour"],
        positions=[Position("northland", "favourable")],
    )
    assert made.occurred == When("2024-04-11")
    assert made.id.startswith("harbour/statement-made-ann-author-")


def test_a_meeting_and_who_was_there(tmp_path: Path) -> None:
    text = "  - met: Talks\n    by: Ann Author for Northland\n    with: [Zoe Muller, minister]\n"
    text = text.replace("[Zoe Muller, minister]", '["Zoe Muller, minister", Bob Baker]')
    made = claim(text, tmp_path).event
    assert made.meeting == "talks-2024-04-11"
    assert made.attendance == (
        Attendance("ann-author", "attended", represents="northland"),
        Attendance("mueller", "attended", capacity="minister"),
        Attendance("bob-baker", "attended"),
    )
    invited = claim("  - invited: [Northland]\n    meeting: talks\n", tmp_path).event
    assert invited.attendance == (Attendance("northland", "invited"),)


def test_an_office_belongs_to_the_chain_where_the_event_has_no_room_for_it(tmp_path: Path) -> None:
    text = "  - proposed: A harbour\n    by: Ann Author, minister\n"
    made = claim(f"{text}    chain: The Gazette > Author\n", tmp_path)
    assert made.evidence[0].chain == (Link("the-gazette"), Link("ann-author", capacity="minister"))


def test_an_office_with_no_room_anywhere_is_refused_and_not_lost(tmp_path: Path) -> None:
    """It went without a word, or to whoever ended the chain, or stopped at further support."""
    text = "  - proposed: A harbour\n    by: Ann Author, minister\n"
    for chain in ("", "    chain: The Gazette > Bob Baker\n"):
        assert "no field for the office 'minister'" in str(refused(f"{text}{chain}", tmp_path))
    further = "    chain: The Gazette > Ann Author\n    also: {at: page 2}\n"
    made = claim(f"{text}{further}", tmp_path)
    assert made.evidence[0].chain[-1] == Link("ann-author", capacity="minister")
    assert len(made.evidence) == 2


@pytest.mark.parametrize(
    "entry",
    [
        "discussed: Talks., by: [Ann Author for Northland], about: pier",
        "said: Soon., by: Bob Baker, to: 'Ann Author, minister'",
        "said: Soon., by: Bob Baker, for: 'Northland, state'",
    ],
)
def test_an_office_of_somebody_else_is_not_the_speakers(entry: str, tmp_path: Path) -> None:
    """It became the speaker's, or a part of the name of somebody new."""
    assert "expected the name alone" in str(refused(f"  - {{{entry}}}\n", tmp_path, create=True))


def test_an_article_and_a_meeting_are_one_however_their_date_is_written(tmp_path: Path) -> None:
    text = ""
    for number, day in enumerate(("2024-05-17", "17 May 2024", "17/05/2024")):
        source = f"{{publisher: The Gazette, title: A dinner, published: {day}}}"
        text += (
            f"  - {{met: Dinner, by: Northland, on: {day}, note: No. {number}, source: {source}}}\n"
        )
    events, _ = expanded(f"{HARBOUR}{text}", tmp_path)
    held = [new for new in events if isinstance(new.event, MeetingHeld)]
    assert [new.event.meeting for new in held] == ["dinner-2024-05-17"] * 3
    assert len({new.evidence[0].source for new in held}) == 1


def test_links_of_a_chain_say_how(tmp_path: Path) -> None:
    chain = "The Gazette (quoted) > Ann Author, minister (paraphrased, to Bob Baker, said 2024)"
    made = claim(f"  - said: Soon.\n    by: Ann Author\n    chain: {chain}\n", tmp_path)
    assert made.evidence[0].chain == (
        Link("the-gazette", "quoted"),
        Link("ann-author", "paraphrased", "bob-baker", "2024", "minister"),
    )
    wrong = refused("  - said: A.\n    by: Ann Author\n    chain: The Gazette (sung)\n", tmp_path)
    assert "expected quoted, paraphrased" in str(wrong)


def test_what_stands_once_for_a_file_or_a_group_holds_until_said_otherwise(tmp_path: Path) -> None:
    text = """\
  - events:
      - {said: One., by: Ann Author}
      - {said: Two., by: Bob Baker, about: [], on: 2024-05}
    source: https://herald.example/2
    on: 2024-04-20
  - {said: Three., by: Ann Author}
"""
    events, _ = expanded(f"{HARBOUR}{text}", tmp_path, create=True)
    one, two, three = events[-3:]
    assert (one.event.about, two.event.about) == (("harbour",), ())
    assert [new.occurred.text for new in (one, two, three)] == [
        "2024-04-20",
        "2024-05",
        "2024-04-11",
    ]
    sources = [new.source.publisher for new in of(SourceAdded, events)]
    assert sorted(sources) == ["herald-example", "the-gazette"]
    assert one.evidence == two.evidence != three.evidence


def test_actors_and_sources_may_stand_where_they_are_first_used(tmp_path: Path) -> None:
    text = """\
  - said: Soon.
    by: {name: Cy Clerk, kind: person, aliases: [Clerk of Ports]}
  - said: Not so soon.
    by: Clerk of Ports
    source: {publisher: The Gazette, title: A second story}
"""
    events, _ = expanded(f"{HARBOUR}{text}", tmp_path)
    assert events[-1].event.speaker == events[-2].event.speaker == "cy-clerk"
    assert len(of(SourceAdded, events)) == 2


VERBS_WITH_KEYS = """
said: A.; by: Ann Author
proposed: A.; by: Ann Author
amended: A.; by: Ann Author
answered: A.; by: Ann Author; stance: accepted
discussed: A.; by: Ann Author; with: Bob Baker
withdrew: A.; by: Ann Author
lapsed: A.; stance: dormant
agreed: A.; by: Northland
reached: A.; by: Northland
met: A.; by: Ann Author
announced: A.; due: 2024-06; with: Ann Author
moved: A.; meeting: talks; due: 2024-07
called off: A.; meeting: talks
attended: Ann Author; meeting: talks
invited: Ann Author; meeting: talks
expected: Ann Author; meeting: talks
confirmed: Ann Author; meeting: talks
represented: Ann Author; meeting: talks
absent: Ann Author; meeting: talks
planned: A.; by: Ann Author; due: 2024-06
postponed: A.; plan: dig; due: 2024-07
kept: A.; plan: dig
missed: A.; plan: dig
signed: A.; by: Ann Author for Northland; text: B.
did: A.; by: Northland; to: Ann Author
holds: minister; by: Ann Author; for: Northland
belongs: member; by: Northland; for: The Gazette
corroborated: harbour/x
"""


@pytest.mark.parametrize("text", VERBS_WITH_KEYS.strip().splitlines())
def test_each_verb_makes_its_event(tmp_path: Path, text: str) -> None:
    made = claim("  - " + text.replace("; ", "\n    ") + "\n", tmp_path)
    assert type(made.event).__name__ == VERBS[text.partition(":")[0]].type


def test_all_verbs_are_tried() -> None:
    assert [text.partition(":")[0] for text in VERBS_WITH_KEYS.strip().splitlines()] == [*VERBS]


def test_the_same_claim_has_the_same_id_whatever_names_it(tmp_path: Path) -> None:
    one = claim("  - said: Soon.\n    by: Ann Author\n", tmp_path)
    two = claim("  - {by: ann-author, said: Soon.}\n", tmp_path)
    other = claim("  - said: Late.\n    by: Ann Author\n", tmp_path)
    assert one.id == two.id != other.id


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("  - {by: Ann Author}\n", "events[0]", "expected the key 'type', or a verb: said"),
        ("  - {said: A., met: B.}\n", "events[0]", "found said and met. Make an entry of each"),
        ("  - {said: A.}\n", "events[0]", "expected the key 'by'; it is missing"),
        ("  - {said: A., by: Ann Author, abuot: x}\n", "events[0].abuot", "one of the keys about,"),
        (
            "  - {proposed: A., by: Ann Author, for: Northland}\n",
            "events[0].for",
            "'proposed': expected",
        ),
        ("  - {said: A., by: Ann Author, stance: keen}\n", "events[0].stance", "favourable"),
        ("  - {said: A., by: [Ann Author, Bob Baker]}\n", "events[0].by", "expected one; found 2"),
    ],
)
def test_what_a_claim_lacks_is_named_as_the_file_has_it(
    tmp_path: Path, text: str, field: str, message: str
) -> None:
    error = refused(text, tmp_path)
    assert message in str(error)
    assert error.field == field


# Names


def test_names_are_exact_but_for_case_accents_and_points(tmp_path: Path) -> None:
    for name in ("zoë müller", "ZOE MULLER", "Müller", "mueller"):
        assert claim(f"  - said: A.\n    by: {name}\n", tmp_path).event.speaker == "mueller"
    assert "no actor is named 'Zoë Möller'" in str(
        refused("  - said: A.\n    by: Zoë Möller\n", tmp_path)
    )


def test_whom_a_voice_is_for_does_not_become_a_part_of_its_name(tmp_path: Path) -> None:
    by = "by: Cy Clerk for Northland"
    said = str(refused(f"  - said: A.\n    {by}\n", tmp_path, create=True))
    assert "events[0].by: expected a name; found 'Cy Clerk for Northland'. If that is one, " in said
    assert said.endswith("add it to `actors`; if not, write Cy Clerk, and for: Northland")
    proposed = str(refused(f"  - proposed: A pier\n    {by}\n", tmp_path, create=True))
    assert proposed.endswith("if not, write Cy Clerk")

    head = HARBOUR.replace("  - office:", "  - {organisation: Cargo for All}\n  - office:")
    event = claim("  - said: A.\n    by: Cargo for All\n", tmp_path, head).event
    assert event.speaker == "cargo-for-all"


def test_unknown_names_are_all_listed_at_once_each_with_those_near_it(tmp_path: Path) -> None:
    text = "  - {said: A., by: Ann Autor, to: Cy Clerk}\n  - {said: B., by: Ann Autor}\n"
    lines = str(refused(text, tmp_path)).splitlines()
    assert len(lines) == 2
    assert "no actor is named 'Ann Autor'. Did you mean Ann Author?" in lines[0]
    assert (
        "no actor is named 'Cy Clerk'. Add it to `actors`, or let --create (create=True) add it."
        in lines[1]
    )


def test_a_name_of_two_is_a_question(tmp_path: Path) -> None:
    head = HARBOUR.replace("Bob Baker]", "Bob Baker, Bea Author]")
    error = refused("  - said: A.\n    by: Author\n", tmp_path, head)
    assert "'Author' may be ann-author or bea-author. Name it by its id" in str(error)


def test_a_name_on_record_goes_before_its_id_is_looked_for(tmp_path: Path) -> None:
    with Timeline.open("sqlite://") as record:
        first = tmp_path / "first.yaml"
        first.write_text("record: a\nactors:\n  - {id: north, kind: state, name: Northland}\n")
        record.ingest(first)
        second = tmp_path / "second.yaml"
        source = "{publisher: NORTHLAND, address: 'https://north.example'}"
        second.write_text(
            f"record: a\nevents:\n  - {{said: A., by: northland, source: {source}}}\n"
        )
        assert record.ingest(second).events[-1].event.speaker == "north"


# Dates


@pytest.mark.parametrize(
    ("words", "date"),
    [
        ("late 2022", "2022-09~/2022-12"),
        ("early spring 2024", "2024-03~"),
        ("early 2022", "2022-01~/2022-04"),
        ("mid-2022", "2022-05~/2022-08"),
        ("Q4 2023", "2023-36"),
        ("second quarter of 2023", "2023-34"),
        ("first half of 2023", "2023-40"),
        ("spring 2021", "2021-21"),
        ("end of October", "XXXX-10"),
        ("end of October 2023", "2023-10-21/2023-10-31"),
        ("early November 2022", "2022-11-01/2022-11-10"),
        ("28/11/2022", "2022-11-28"),
        ("11/28/2022", "2022-11-28"),
        ("5.6.2022", "2022-06-05"),
        ("28 November 2022", "2022-11-28"),
        ("Nov. 28, 2022", "2022-11-28"),
        ("November 2022", "2022-11"),
        ("26 December", "XXXX-12-26"),
        ("about November 2022", "2022-11~"),
        ("by the end of October 2023", "../2023-10-31"),
        ("since 2012", "2012/.."),
        ("26 to 27 December 2022", "2022-12-26/2022-12-27"),
        ("the 1990s", "199X"),
        ("2022-11-29~", "2022-11-29~"),
    ],
)
def test_dates_are_understood_as_people_write_them(words: str, date: str) -> None:
    assert understood(words) == date


def test_what_may_be_two_dates_is_a_question() -> None:
    with pytest.raises(InvalidDate, match="2022-06-05 or 2022-05-06"):
        understood("5/6/2022")
    assert understood("5/6/2022", "day first") == "2022-06-05"
    assert understood("5/6/2022", "month first") == "2022-05-06"


@pytest.mark.parametrize("words", ["yesterday", "on Monday", "hello 2022", "31/02/2022", "soon"])
def test_words_that_are_no_date_are_refused(words: str) -> None:
    with pytest.raises(InvalidDate):
        understood(words)


def test_the_words_of_a_date_are_kept_and_what_was_understood_is_shown(tmp_path: Path) -> None:
    text = "  - {said: A., by: Ann Author, on: late 2022, about: []}\n"
    events, expander = expanded(f"{HARBOUR}{text}", tmp_path)
    assert (events[-1].occurred.text, events[-1].evidence[0].dated) == (
        "2022-09~/2022-12",
        "late 2022",
    )
    assert [(date.words, date.date) for date in expander.understood] == [
        ("late 2022", "2022-09~/2022-12"),
        ("12 April 2024", "2024-04-12"),
    ]


# The command line


def test_further_support_has_no_words_for_the_date_but_its_own(tmp_path: Path) -> None:
    also = "also: [{at: line 2}, {at: line 3, dated: as the year ended}]"
    text = f"  - {{said: A., by: Ann Author, on: late 2022, about: [], {also}}}\n"
    events, _ = expanded(f"{HARBOUR}{text}", tmp_path)

    words = [support.dated for support in events[-1].evidence]
    assert words == ["late 2022", None, "as the year ended"]


def test_ingest_creates_names_and_shows_what_it_made_of_words(tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(EXAMPLE.replace("on: 2022-11-28", "on: 5/6/2022"), encoding="utf-8")
    database = f"sqlite:///{tmp_path / 'a.db'}"

    def run(*args: str) -> Any:
        return CliRunner().invoke(cli, ["--db", database, "ingest", str(file), *args])

    assert "may be 2022-06-05 or 2022-05-06" in run("--create").stderr
    assert "no actor is named 'Vladimir Putin'" in run("--dates", "day-first").stderr
    done = run("--create", "--dates", "day-first")
    assert done.exit_code == 0
    assert "'5/6/2022' is taken for 2022-06-05" in done.stderr
    assert "Added the person 'Vladimir Putin', as vladimir-putin" in done.stderr
    assert "10 events added" in done.stdout


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("0[12]-*.yaml")), ids=lambda path: path.name)
def test_the_flagship_record_says_the_same_in_the_full_form(path: Path, tmp_path: Path) -> None:
    """The full form is written from the events, and is some twice as long."""
    short = read_records(path, CLASSES)
    full = tmp_path / "full.yaml"
    full.write_text(record_file(entries_of(short)), encoding="utf-8")
    assert "type: StatementMade" in full.read_text(encoding="utf-8")
    assert [known(new) for new in read_records(full, CLASSES)] == [known(new) for new in short]


def known(new: NewEvent) -> tuple[Any, ...]:
    """All that a file says of an event."""
    return new.id, new.event, new.occurred, new.evidence


def test_an_address_alone_is_of_the_publisher_that_is_known_at_its_host(tmp_path: Path) -> None:
    file = tmp_path / "pier.yaml"
    file.write_text(
        "record: pier\nevents:\n"
        "- {said: Yes., by: Ann, source: {publisher: ANSA, address: 'https://www.ansa.example/1'}}\n"
        "- {said: No., by: Ann, source: 'https://ansa.example/2'}\n",
        encoding="utf-8",
    )
    with Timeline.open("sqlite://") as record:
        assert [actor.name for actor in record.draft(file, create=True).created] == ["Ann", "ANSA"]
        record.ingest(record.draft(file, create=True))
        record.say("Ann", "Perhaps.", source="https://ansa.example/3")
        added = record.log(type="SourceAdded")
        assert [event.event.source.publisher for event in added] == ["ansa"] * 3
