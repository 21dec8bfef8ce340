"""The JSON for TimelineJS: what it says, and that the real TimelineJS, in a browser, takes it."""

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from timeline import (
    Actor,
    Link,
    MeetingHeld,
    NotFound,
    Position,
    ProposalAdopted,
    ProposalAnswered,
    ProposalMade,
    Source,
    StatementMade,
    Timeline,
)
from timeline.cli import cli

ROOT = Path(__file__).parents[2]
PACKAGE = "@knight-lab/timelinejs@3.9.11"
CACHE = ROOT / ".venv/npm"

NASTY = '<script>alert(1)</script> & "quotes" \' </script>'
NASTY += "<img src=x onerror=alert(2)> abc"
DATES = ["2024", "2024-05", "2024-05-02", "2024-05-03T14:40+03:00", "2024-21", "XXXX-05-01", None]
ADDRESSES = {"https://b.example/?a=1&b", 'https://a.example/"><b>'}


@pytest.fixture(scope="module")
def record() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("gazette", "organisation", f"Gazette {NASTY}"),
            Actor("north", "state", f"North {NASTY}"),
            Actor("south", "state", "مملكة الجنوب"),
            Source("article", publisher="gazette", title=NASTY, address='https://a.example/"><b>'),
            Source("other", publisher="gazette", title="Other", address="https://b.example/?a=1&b"),
        )
        proposal = ProposalMade(
            "union", f"A union {NASTY}", by="north", text=NASTY, quotes=[NASTY], parties=["south"]
        )
        timeline.append(proposal, id="made", occurred="2024-04~", source="article", at=NASTY)
        for number, when in enumerate(DATES):
            said = StatementMade("south", f"Word {number}", about=["union"], place="Hall <b>")
            timeline.append(said, id=f"said/{number}", occurred=when, source="other")
        timeline.append(
            StatementMade("south", "Alike", about=["union"]), id="said_0", source="other"
        )
        met = MeetingHeld("talks", "Talks <i>", about=["union"], text="They talked.")
        timeline.append(met, occurred="2024-06-01/2024-06-02", source="article")
        timeline.append(met, occurred="2024-06-05", source="other")
        answer = ProposalAnswered("union", by="south", answer="accepted", text="Yes.")
        timeline.append(answer, id="answered", occurred="2024-06-06", source="other")
        adopted = ProposalAdopted("union", ["north", "south"], "Signed.")
        timeline.append(adopted, id="adopted", occurred="2024-06-07", source="other")
        timeline.append(
            StatementMade(
                "south",
                "The North wants it.",
                about=["union"],
                positions=[Position("north", "favourable")],
            ),
            id="imputes",
            occurred="2024-06-08",
            source="other",
            according_to=["gazette", Link("south")],
        )
        yield timeline


@pytest.fixture(scope="module")
def made(record: Timeline) -> dict[str, Any]:
    return json.loads(record.timelinejs("union"))  # type: ignore[no-any-return]


def events(made: dict[str, Any]) -> dict[str, Any]:
    return {event["unique_id"]: event for event in made["events"]}


def test_every_dated_event_is_a_slide_and_the_others_are_named(made: dict[str, Any]) -> None:
    assert set(events(made)) == {
        *("made", "answered", "adopted", "imputes", "meeting-talks"),
        *(f"said_{number}" for number in range(5)),
    }
    assert made["title"]["text"]["text"].count("<li>") == 3
    assert "(1 May of an unknown year): Word 5" in made["title"]["text"]["text"]
    starts = [tuple(event["start_date"].values()) for event in made["events"]]
    assert starts == sorted(starts, key=lambda start: (*start, 1, 1)[:3])


@pytest.mark.parametrize(
    ("slide", "start", "end", "shown"),
    [
        ("said_0", {"year": 2024}, None, None),
        ("said_1", {"year": 2024, "month": 5}, None, None),
        ("said_2", {"year": 2024, "month": 5, "day": 2}, None, None),
        (
            "said_3",
            {"year": 2024, "month": 5, "day": 3, "hour": 14, "minute": 40},
            None,
            "2024-05-03, 14:40 (+03:00)",
        ),
        (
            "said_4",
            {"year": 2024, "month": 3, "day": 1},
            {"year": 2024, "month": 5, "day": 31},
            "spring 2024",
        ),
        (
            "made",
            {"year": 2024, "month": 4, "day": 1},
            {"year": 2024, "month": 4, "day": 30},
            "about April 2024",
        ),
        (
            "meeting-talks",
            {"year": 2024, "month": 6, "day": 1},
            {"year": 2024, "month": 6, "day": 5},
            "1 June 2024 to 2 June 2024 or 5 June 2024",
        ),
    ],
)
def test_dates_are_as_sure_as_they_are(
    made: dict[str, Any], slide: str, start: Any, end: Any, shown: str | None
) -> None:
    event = events(made)[slide]

    assert event["start_date"] == start
    assert event.get("end_date") == end
    assert event.get("display_date") == shown


class Tags(HTMLParser):
    """What tags and addresses there are in a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[Any]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.found.append((tag, attrs))


def test_text_of_sources_stays_text(record: Timeline, made: dict[str, Any]) -> None:
    for slide in [made["title"], *made["events"]]:
        assert Tags(slide["text"]["headline"]).found == []
        tags = Tags(slide["text"]["text"]).found
        assert {tag for tag, _ in tags} <= {"p", "blockquote", "ul", "li", "a"}
        assert {str(value) for _, attrs in tags for _, value in attrs} <= ADDRESSES
        # TimelineJS decodes these, and shows what comes out as HTML.
        assert not re.search("[<>&]", slide.get("group", "") + slide.get("display_date", ""))
    assert "</" not in record.timelinejs("union")  # nor does it end a script that it stands in
    assert "\u202e" not in record.timelinejs("union")


def test_groups_are_parties_or_initiatives(record: Timeline, made: dict[str, Any]) -> None:
    assert events(made)["said_0"]["group"] == "مملكة الجنوب"
    record.append(
        ProposalMade("road", "A road", by="south", text="A road."),
        id="road",
        occurred="2024-07",
        source="other",
    )

    both = json.loads(record.timelinejs())

    assert both["title"]["text"]["headline"] == "Initiatives"
    assert events(both)["road"]["group"] == "A road"
    assert len(both["events"]) == len(made["events"]) + 1


def test_made_again_it_is_the_same_and_as_of_a_moment_it_is_less(record: Timeline) -> None:
    position = record.store.get(["said/1"])["said/1"].position

    assert record.timelinejs("union") == record.timelinejs("union")
    earlier = json.loads(record.as_of(position=position).timelinejs("union"))
    assert set(events(earlier)) == {"made", "said_0", "said_1"}


def test_without_anything_dated_there_is_nothing_to_show() -> None:
    with Timeline.open("sqlite://") as timeline:
        with pytest.raises(NotFound, match="no initiative is in view"):
            timeline.timelinejs()
        timeline.add(Actor("g", "organisation", "G"), Source("s", publisher="g", title="T"))
        timeline.append(ProposalMade("x", "X", by="g", text="X."), source="s")
        with pytest.raises(NotFound, match="a date with a year"):
            timeline.timelinejs("x")


# In the browser


@pytest.fixture(scope="module")
def timelinejs() -> Path:
    """The folder of the real TimelineJS, fetched once into the virtual environment."""
    folder = CACHE / PACKAGE.rpartition("@")[2]
    if not (folder / "package/dist/js/timeline.js").exists():
        if shutil.which("npm") is None:
            pytest.skip("TimelineJS is fetched by npm, and there is no npm")
        folder.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if fetched.returncode != 0:
            pytest.skip(f"npm could not fetch {PACKAGE}: {fetched.stderr.strip()[:200]}")
        with tarfile.open(folder / fetched.stdout.strip()) as archive:
            archive.extractall(folder, filter="data")
    return folder / "package/dist"


@pytest.fixture(scope="module")
def page(timelinejs: Path) -> Iterator[Any]:
    browsers = pytest.importorskip("browsers", reason="no playwright")
    with browsers.chromium() as browser:
        yield browser.new_page(viewport={"width": 1200, "height": 800})


PAGE = """<!doctype html><meta charset="utf-8">
<link rel="stylesheet" href="{folder}/css/timeline.css">
<script src="{folder}/js/timeline.js"></script>
<div id="here" style="width: 100%; height: 700px"></div>
<script>
  const made = {made};
  window.timeline = new TL.Timeline("here", made, {{font: null, hash_bookmark: false}});
</script>
"""


@pytest.fixture(scope="module")
def shown(record: Timeline, page: Any, timelinejs: Path, tmp_path_factory: Any) -> Any:
    """The page with the timeline on it, and what the browser had to complain of meanwhile."""
    file = tmp_path_factory.mktemp("timelinejs") / "index.html"
    made = record.as_of(position=record.store.get(["imputes"])["imputes"].position)
    file.write_text(
        PAGE.format(folder=timelinejs.as_uri(), made=made.timelinejs("union")), encoding="utf-8"
    )
    page.complaints = []
    page.on("console", lambda said: said.type == "error" and page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: page.complaints.append(dialog.message) or dialog.dismiss())
    page.on("request", lambda asked: asked.url.startswith("file:") or away.append(asked.url))
    away: list[str] = []
    page.away = away
    page.goto(file.as_uri())
    page.wait_for_function("window.timeline?.ready", timeout=0)
    return page


def test_timelinejs_takes_it_without_a_complaint(shown: Any, made: dict[str, Any]) -> None:
    config = shown.evaluate("timeline.config.getErrors()")
    ids = shown.evaluate("timeline.config.events.map(each => each.unique_id)")

    assert config == []
    assert sorted(ids) == sorted(events(made))
    assert shown.locator(".tl-timemarker").count() == len(made["events"])
    assert shown.locator(".tl-slide").count() == len(made["events"]) + 1
    assert (shown.complaints, shown.away) == ([], [])


def test_timelinejs_shows_the_words_as_words(shown: Any, made: dict[str, Any]) -> None:
    shown.evaluate("timeline.goToId('made')")
    slide = shown.locator(".tl-slide", has_text="Proposed by")
    told = slide.first.inner_text()

    assert "<script>alert(1)</script>" in told
    assert "about april 2024" in told.lower()
    assert shown.locator("#here script, #here img[src=x], #here i:has-text('y')").count() == 0
    assert shown.evaluate("timeline.current_id") == "made"
    assert shown.locator(".tl-timegroup-message", has_text="مملكة الجنوب").count() >= 1
    assert (shown.complaints, shown.away) == ([], [])


def test_from_the_command_line(tmp_path: Path) -> None:
    [fixture] = ROOT.glob("fixtures/strait-ferry/*.yaml")
    url, file = f"sqlite:///{tmp_path / 'ferry.db'}", tmp_path / "ferry.json"
    for args in (["ingest", fixture], ["export", "timelinejs", "--initiative", "strait-ferry"]):
        into = ["-o", file] if args[0] == "export" else []
        done = CliRunner().invoke(cli, ["--db", url, *map(str, [*args, *into])])
        assert done.exit_code == 0, done.output

    assert events(json.loads(file.read_text(encoding="utf-8"))).keys() >= {"plan-trial-sailing"}
