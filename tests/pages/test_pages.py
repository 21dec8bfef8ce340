"""Reports as web pages: what a reader sees, and what no source can make the page do."""

import functools
import itertools
import json
import posixpath
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import browsers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Step, examples, histories, times

import timeline.reports
from timeline import Actor, Link, Position, ProposalMade, Source, StatementMade, Timeline
from timeline.dates import short
from timeline.errors import InvalidInput, MissingExtra
from timeline.pages import page as pages
from timeline.pages.chart import draw, legend
from timeline.pages.page import Crumb, render_page
from timeline.pages.script_data import as_of_day, known_when
from timeline.reports import Report
from timeline.reports.citations import Citation, Named, Support, Told
from timeline.reports.layout import Cell, Document, Fact, Table, chart, mark
from timeline.reports.render.notes import inert

FIXTURES = Path(__file__).parents[2] / "fixtures"

HOSTILE = '<script>window.pwned = 1</script><img src=x onerror="window.pwned=1">"\'><b>'
STEERING = "right \u05d0\u05d1\u05d2 bell &#27;[31mred"


def record(*files: str) -> Timeline:
    timeline = Timeline.open("sqlite://")
    timeline.ingest(*(str(file) for name in files for file in sorted(FIXTURES.glob(name))))
    return timeline


@pytest.fixture(scope="module")
def gas_union() -> Iterator[Timeline]:
    with record("gas-union/*.yaml") as timeline:
        yield timeline


@pytest.fixture(scope="module")
def strait_ferry() -> Iterator[Timeline]:
    with record("strait-ferry/*.yaml") as timeline:
        yield timeline


@pytest.fixture(scope="module")
def hostile() -> Iterator[Timeline]:
    """A record whose sources try all that text can try."""
    name = f"Ivan {HOSTILE} {STEERING}"
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("ivan", "person", name),
            Actor("paper", "organisation", f"The {HOSTILE}"),
            Source("text", publisher="paper", title=HOSTILE, published="2022-11-29"),
        )
        timeline.append(
            ProposalMade("plan", f"Plan {HOSTILE}", by="ivan", text=STEERING, parties=["ivan"]),
            id="proposed",
            occurred="2022-11-28",
            source="text",
            at=HOSTILE,
            excerpt=f"{HOSTILE} {STEERING}",
            according_to=["paper", Link("ivan", said="2022-11-28")],
        )
        for number, day in enumerate(["2022-11-29~", "2022-12-02"]):
            timeline.append(
                StatementMade(
                    "ivan", HOSTILE, about=["plan"], positions=[Position("ivan", "opposed")]
                ),
                id=f"said {number} {HOSTILE}",
                occurred=day,
                source="text",
            )
        yield timeline


@pytest.fixture(scope="module")
def sites(
    tmp_path_factory: pytest.TempPathFactory,
    gas_union: Timeline,
    strait_ferry: Timeline,
    hostile: Timeline,
) -> Path:
    """A folder with a site of each record."""
    folder = tmp_path_factory.mktemp("sites")
    gas_union.site(folder / "gas-union", title="A gas union of three")
    strait_ferry.site(folder / "strait-ferry")
    hostile.site(folder / "hostile")
    with Timeline.open("sqlite://") as coded:
        coded.ingest_coded(FIXTURES / "coded/icews.tab", dataset="icews")
        coded.site(folder / "coded")
    return folder


# What is in the files


class Links(HTMLParser):
    """The ids in a page, and what it leads to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.twice: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id":
                self.twice += [value or ""] if value in self.ids else []
                self.ids.add(value or "")
            elif name in {"href", "src", "xlink:href"}:
                self.links.append(value or "")


@functools.cache
def read(site: Path) -> dict[str, Links]:
    """The pages of a site, by path within it."""
    return {
        path.relative_to(site).as_posix(): Links(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
    }


def target(path: str, link: str) -> str:
    place = link.partition("#")[0]
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), place)) if place else path


@pytest.mark.parametrize("name", ["gas-union", "strait-ferry", "hostile"])
def test_every_link_leads_somewhere(sites: Path, name: str) -> None:
    found = read(sites / name)
    assert found
    internal = 0
    for path, page in found.items():
        assert page.twice == [], path
        for link in page.links:
            if urllib.parse.urlsplit(link).scheme in {"http", "https"}:
                continue
            if link.endswith((".css", ".js")):
                assert (sites / name / target(path, link)).exists(), f"{path} leads to {link}"
                continue
            assert target(path, link) in found, f"{path} leads to {link}"
            internal += target(path, link) != path
            if fragment := link.partition("#")[2]:
                assert fragment in found[target(path, link)].ids, f"{path} leads to {link}"
    assert internal > len(found)


def test_every_report_can_be_reached_from_the_index(sites: Path) -> None:
    found = read(sites / "gas-union")
    reached, left = set(), {"index.html"}
    while left:
        path = left.pop()
        reached.add(path)
        if path == "index.html" or path.startswith("lists/"):
            leads = {target(path, link) for link in found[path].links}
            left |= (leads & found.keys()) - reached
    assert reached == found.keys()


def test_a_site_leaves_out_no_sort_of_report_but_changes(sites: Path) -> None:
    pages = sorted((sites / "strait-ferry").rglob("*.html"))
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    kinds = {each.lower().replace(" ", "-") for each in re.findall('<p class="kind">(.*?)<', text)}
    every = {
        each.kind
        for each in vars(timeline.reports).values()
        if isinstance(each, type) and issubclass(each, Report) and each is not Report
    }
    assert kinds >= every - {"changes"}, every - kinds


def test_the_index_says_what_a_page_holds(sites: Path) -> None:
    files = (sites / "gas-union/index.html", sites / "gas-union/lists/meetings.html")
    page = "".join(file.read_text(encoding="utf-8") for file in files)
    plain = re.sub(r"</?(span|a)[^>]*>", "", page)
    glances = dict(re.findall(r"<bdi>([^<]*)</bdi></th>\s*<td[^>]*><bdi>(.*?)</bdi>", plain))
    assert glances["Chronology"] == "127 reports, 2002 to 2023"
    assert glances["Who is who"] == "118 actors"
    assert glances["Putin–Mirziyoyev call of 30 November 2022"] == "30 Nov 2022; held"
    assert not [told for told in glances.values() if "–" in told.split("; ") or "lines" in told]


def test_what_says_nothing_has_no_page(sites: Path) -> None:
    for folder in ("coded", "hostile", "gas-union"):
        for page in (sites / folder / "all").iterdir():
            assert '<tr role="row" id=' in page.read_text(encoding="utf-8"), page
    assert not (sites / "coded/all/offices.html").exists()
    assert "0 rows" not in (sites / "coded/index.html").read_text(encoding="utf-8")
    actors = (sites / "gas-union/lists/actors.html").read_text(encoding="utf-8")
    assert "<bdi>person" in actors
    assert "<bdi>tokayev" not in actors  # an id says nothing


def test_there_is_no_page_of_positions_that_nobody_took(sites: Path) -> None:
    pages = {path.stem for path in (sites / "gas-union/positions").iterdir()}
    assert pages == {"gas-union", "gas-deliveries"}
    assert (sites / "gas-union/initiatives/eurasian-gas-alliance.html").exists()


def test_an_event_is_cited_once_however_many_cells_rest_on_it(gas_union: Timeline) -> None:
    report = gas_union.initiative("gas-union")
    page = report.to_html()
    cited = {c.event for table in report.document().tables for row in table.rows
             for each in row for c in each.evidence}  # fmt: skip
    for event in cited:
        assert page.count(f"<code><bdi>{event}</bdi></code>, position") == 1


def test_a_sentence_that_begins_with_an_arabic_name_runs_to_the_right() -> None:
    """A browser goes by the first letter, and turned all of it round."""
    with Timeline.open("sqlite://") as timeline:
        timeline.add(Actor("rashid", "person", "رشيد بن علي"))
        page = timeline.dossier("rashid").to_html()
    assert '<bdi dir="ltr">رشيد بن علي is on record' in page
    assert "<h1><bdi>رشيد بن علي</bdi></h1>" in page


def test_a_site_made_again_has_the_same_bytes(strait_ferry: Timeline, tmp_path: Path) -> None:
    def made() -> dict[str, bytes]:
        strait_ferry.site(tmp_path / "site")
        files = (tmp_path / "site").rglob("*.*")
        return {str(file): file.read_bytes() for file in files if file.is_file()}

    assert made() == made()
    assert [each.name for each in tmp_path.iterdir()] == ["site"]


def test_a_site_of_an_earlier_moment_shows_that(gas_union: Timeline, tmp_path: Path) -> None:
    gas_union.as_of(published="2022-12-02").site(tmp_path / "site")
    page = (tmp_path / "site/initiatives/gas-union.html").read_text(encoding="utf-8")
    assert "As published by 2 Dec 2022" in page
    assert "2022-12-21" not in page
    assert "As the record stood" not in page
    told = json.loads((tmp_path / "site/site.json").read_text(encoding="utf-8"))
    assert told["position"] == gas_union.store.head().position


def test_a_site_of_what_was_recorded_by_then_says_so_on_each_page(
    strait_ferry: Timeline, tmp_path: Path
) -> None:
    strait_ferry.as_of(position=40).site(tmp_path / "site")
    banner = "As the record stood at position 40 of its log. What was recorded later is not in it."
    for page in (tmp_path / "site").rglob("*.html"):
        assert f'role="note">{banner}<' in page.read_text(encoding="utf-8"), page


@pytest.mark.parametrize("strange", ["notes.txt", "actors/mine.html"])
def test_a_folder_with_files_of_others_stays(
    hostile: Timeline, tmp_path: Path, strange: str
) -> None:
    site = tmp_path / "site"
    hostile.site(site)
    (site / strange).write_text("mine")
    before = sorted(site.rglob("*"))
    with pytest.raises(InvalidInput, match=re.escape(strange)):
        hostile.site(site)
    assert sorted(site.rglob("*")) == before
    assert (site / strange).read_text() == "mine"


def test_a_site_is_whole_or_absent(hostile: Timeline, tmp_path: Path) -> None:
    site = tmp_path / "site"

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hostile.site(site, progress=stop)
    assert list(tmp_path.iterdir()) == []
    hostile.site(site, title="First")
    with pytest.raises(KeyboardInterrupt):
        hostile.site(site, title="Second", progress=stop)
    assert "First" in (site / "index.html").read_text(encoding="utf-8")
    with pytest.raises(InvalidInput, match="cannot write"):
        hostile.site(tmp_path / "nowhere" / "site")


def test_without_its_libraries_a_page_says_what_to_install(
    strait_ferry: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = strait_ferry.attendance()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    pages._template.cache_clear()
    with pytest.raises(MissingExtra, match="pip install 'jinja2>="):
        report.to_html()
    assert "<table" in report._repr_html_()
    pages._template.cache_clear()


# Charts


def test_a_chart_says_in_words_what_it_draws() -> None:
    marks = [
        mark("South", "opposed", "2022-12-02", solid=True),
        mark("North", "favourable", "2022-11-29~", solid=False),
        mark("North", "conditional", "2022-12", solid=True),
        mark("North", "favourable", None, solid=True),
    ]
    [drawn] = chart(
        "Positions",
        "Table",
        marks,
        lanes=["North", "South", "West"],
        kinds=["favourable", "conditional", "opposed", "other"],
        solid="own",
        outline="imputed",
    )
    assert drawn.lanes == ("North", "South")
    assert [kind for kind, _ in legend(drawn)] == ["favourable", "conditional", "opposed"]
    assert drawn.text == (
        "North: favourable between 28 Nov 2022 and 30 Nov 2022; conditional between 1 Dec 2022 "
        "and 31 Dec 2022. South: opposed 2 Dec 2022. Not drawn, for want of a date: 1."
    )


def test_a_kind_has_one_shape_whatever_else_is_drawn() -> None:
    def drawn(*kinds: str) -> dict[str, str]:
        marks = [
            mark("North", kind, f"2022-11-0{day}", solid=True) for day, kind in enumerate(kinds, 1)
        ]
        names = ["favourable", "conditional", "opposed"]
        [made] = chart("T", "B", marks, lanes=["North"], kinds=names, solid="s", outline="o")
        shown = draw(made).svg
        shapes = dict(legend(made))
        assert list(shapes) == [name for name in names if name in kinds]
        return shapes | {"picture": shown}

    both, all_three = drawn("favourable", "opposed"), drawn("favourable", "conditional", "opposed")
    assert both["opposed"] == all_three["opposed"] != all_three["conditional"]
    two, three = (set(re.findall(r' d="([^"]*)"', each["picture"])) for each in (both, all_three))
    assert two < three


@pytest.mark.parametrize(
    "dates", [("0001", "9999"), ("9999-12-30", "9999-12-31"), ("0001", "2022")]
)
def test_a_date_at_the_end_of_all_dates_is_drawn(dates: tuple[str, str]) -> None:
    marks = [mark("North", "opposed", each, solid=True) for each in dates]
    [made] = chart("T", "B", marks, lanes=["North"], kinds=["opposed"], solid="s", outline="o")

    for narrow in (False, True):
        points = re.findall('class="sign', draw(made, narrow=narrow).svg)
        assert len(points) == 2


def test_an_uncertain_date_is_drawn_as_a_bar(gas_union: Timeline) -> None:
    [drawn] = gas_union.initiative("gas-union").document().charts
    whole = gas_union.initiative("gas-union").to_html()
    page = whole[whole.index('class="broad"') : whole.index('class="narrow"')]
    bars = re.findall('class="reach"', page)
    points = [each for each in drawn.marks if not each.holds]
    assert len(bars) == sum((each.end - each.start).days > 0 for each in points) > 0
    for lane in drawn.lanes:
        assert f">{lane}</text>" in page


def test_positions_over_time_are_drawn_beside_their_table(gas_union: Timeline) -> None:
    [drawn] = gas_union.positions("gas-union").document().charts
    assert (drawn.beside, drawn.lanes) == ("Own positions", ("Russia", "Kazakhstan", "Uzbekistan"))
    own = [(each.lane, each.kind) for each in drawn.marks if each.solid]
    assert own == [
        ("Russia", "favourable"),
        ("Kazakhstan", "noncommittal"),
        ("Kazakhstan", "conditional"),
        ("Uzbekistan", "opposed"),
    ]


def test_positions_that_are_only_imputed_are_drawn_too() -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(Actor("tass", "organisation", "TASS"), Actor("east", "state", "Eastland"))
        timeline.add(Source("text", publisher="tass", title="On it"))
        timeline.append(ProposalMade("union", "Union", by="tass", text="A union."), source="text")
        for day, stance in (("2022-11-01", "opposed"), ("2022-11-09", "favourable")):
            said = StatementMade(
                "tass", stance, about=["union"], positions=[Position("east", stance)]
            )
            timeline.append(said, occurred=day, source="text")
        report = timeline.positions("union")

    [drawn] = report.document().charts
    assert [each.solid for each in drawn.marks] == [False, False]
    assert Links(report.to_html()).links.count("#part-1") == 2  # from the chart and the contents


def test_the_contents_name_a_table_that_goes_on_once() -> None:
    tables = [
        Table(title, (who, *letters), ((Cell("Ann"), *[Cell("there")] * len(letters)),), named_by=1)
        for title, who, letters in (
            ("Who attended", "Who", "abcdefghijklmnop"),
            ("How many came", "Meeting", "abcdefgh"),
        )
    ]
    page = render_page(Document("D", (), tuple(tables), (), (), "S"))

    contents = page[page.index("<nav class=") : page.index("<main")]
    assert re.findall(r">([^<]+)</a>", contents) == [
        "Who attended",
        "How many came",
        "How to read this",
    ]
    assert page.count('<h2 id="part-') == 3


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def context(browser: Any) -> Callable[..., Any]:
    """Gives a context with some settings, which stays open: its process takes long to start."""
    return functools.cache(functools.partial(browser.new_context, reduced_motion="reduce"))


@attrs.frozen
class Tab:
    """A tab of the browser, and what its pages complained of and asked for."""

    page: Any
    complaints: list[str] = attrs.Factory(list)
    asked: list[str] = attrs.Factory(list)

    @classmethod
    def of(cls, context: Any) -> "Tab":
        tab = cls(context.new_page())
        tab.page.set_default_timeout(0)  # none: a busy machine takes its time
        tab.page.on("console", lambda message: tab.complaints.append(message.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        return tab


@pytest.fixture(scope="module")
def tab(context: Callable[..., Any]) -> Callable[..., Tab]:
    """Gives a tab, by its number and settings, which stays open: a new one is a new process."""
    return functools.cache(lambda number, **settings: Tab.of(context(**settings)))


@pytest.fixture
def visit(tab: Callable[..., Tab], sites: Path) -> Iterator[Callable[..., Any]]:
    """Opens a page of a site. In the end, none may have complained or asked for anything more."""
    opened: list[Tab] = []

    def open_page(path: str | Path, *, width: int = 1280, **settings: Any) -> Any:
        opened.append(tab(len(opened), **settings))
        page = opened[-1].page
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media="null", color_scheme=settings.get("color_scheme", "light"))
        page.goto((sites / path).as_uri())
        return page

    yield open_page
    complaints = [said for one in opened for said in one.complaints]
    asked = [url for one in opened for url in one.asked]
    for one in opened:
        one.page.goto("about:blank")  # nothing of this test goes on in the next
        one.complaints.clear()
        one.asked.clear()
    assert complaints == []
    shared = (
        "page.css",
        "page.js",
        "record.js",
        "explore.js",
        "minisearch.js",
        "d3.js",
        "world.js",
    )
    files = (".html", *(f"/{name}" for name in shared))
    assert [url for url in asked if not url.startswith("file:") or not url.endswith(files)] == []


INITIATIVE = "gas-union/initiatives/gas-union.html"


def drawn(page: Any, words: str) -> Any:
    """The marks of a chart on a wide screen whose words begin so."""
    title = page.locator("title", has_text=re.compile(f"^{words}"))
    return page.locator(".broad a").filter(has=title)


def row_that_says(page: Any, words: str) -> Any:
    """The last such row, by its id: to find one by what it says takes long on a large page."""
    row = page.get_by_role("row", name=words).last
    return page.locator(f"[id='{row.get_attribute('id')}']")


def follow(link: Any) -> None:
    """Click a link to another page, and wait for that: a click alone does not."""
    with link.page.expect_navigation():
        link.click()


def unfold(page: Any) -> None:
    """Show all rows, cards and notes of a page."""
    page.locator(".more").evaluate_all("all => all.forEach(button => button.click())")


LAID_OUT = """() => [
    document.title, document.querySelector("h1").innerText, document.documentElement.scrollWidth
]"""


def test_all_pages_of_a_site_open_quietly(sites: Path, visit: Callable[..., Any]) -> None:
    page = visit("strait-ferry/index.html", width=360)
    paths: dict[Path, list[Path]] = {}
    for path in (sites / "strait-ferry").rglob("*.html"):
        paths.setdefault(path.parent, []).append(path)
    for folder, alike in paths.items():
        # Those that hold most: of actors and sources, all are alike.
        largest = sorted(alike, key=lambda path: -path.stat().st_size)
        few = times(4, len(alike)) if folder.name in {"actors", "sources"} else len(alike)
        for path in largest[:few]:
            page.goto(path.as_uri())
            title, heading, width = page.evaluate(LAID_OUT)
            assert title == heading
            assert width == 360, path


def test_a_click_on_a_cell_shows_its_evidence(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE)
    page.get_by_role("row", name="An idea for experts to study first").get_by_text(
        "noncommittal"
    ).click()
    panel = page.get_by_role("dialog")
    assert panel.is_visible()
    text = panel.inner_text()
    assert "Evidence for “noncommittal, own" in text
    assert "Roman Vassilenko" in text
    assert "As told by" in text
    assert "gas-union/vassilenko-just-an-idea" in text
    link = panel.get_by_role("link").first
    assert link.get_attribute("href").startswith("https://")
    page.keyboard.press("Escape")
    assert not panel.is_visible()


def test_what_is_quiet_has_nothing_to_open(
    visit: Callable[..., Any], tmp_path: Path, gas_union: Timeline
) -> None:
    [cited, *_] = gas_union.initiative("gas-union").statements[0].evidence
    quiet = Cell("nil", quiet=True)
    rows = ((Cell("A"), Cell("came", (cited,)), quiet), (Cell("B"), quiet, Cell("left", (cited,))))
    table = Table("Who", ("Party", "1", "2"), rows, 1)
    path = tmp_path / "matrix.html"
    document = Document("D", (), (table,), (), (), "S")
    path.write_text(render_page(document), encoding="utf-8")
    page = visit(path)
    page.get_by_text("nil").first.click()
    assert not page.get_by_role("dialog").is_visible()
    page.get_by_text("left").first.click()
    assert page.get_by_role("dialog").is_visible()


@pytest.mark.parametrize("width", [768, 1280])
def test_pairs_and_counts_can_be_read_off(visit: Callable[..., Any], width: int) -> None:
    page = visit("gas-union/all/encounters.html", width=width)
    unfold(page)
    table = page.get_by_role("table", name="Pairs")
    rows = table.locator("tbody tr")
    style = "each => getComputedStyle(each)"
    names = rows.first.locator("th")
    assert [each.evaluate(f"{style}.position") for each in names.all()] == ["sticky", "static"]
    ends = "all => new Set(all.map(each => Math.round(each.getBoundingClientRect().right))).size"
    counts = table.locator("tbody td[data-label=Meetings] .digits")
    assert counts.count() == rows.count()
    assert counts.evaluate_all(ends) == 1
    apart = "all => Math.min(...all.map(row => row.querySelector('td .digits')"
    apart += ".getBoundingClientRect().left - row.cells[1].querySelector('bdi')"
    apart += ".getBoundingClientRect().right))"
    assert rows.evaluate_all(apart) > 8
    dates = table.locator("tbody td[data-label=When] .date")
    assert dates.count() > 0
    assert dates.evaluate_all("all => Math.max(...all.map(d => d.getClientRects().length))") == 1


@pytest.mark.parametrize("width", [360, 768])
def test_a_chart_shows_all_of_its_time_and_lanes(visit: Callable[..., Any], width: int) -> None:
    page = visit(INITIATIVE, width=width)
    picture = page.locator(".picture svg").locator("visible=true")
    box = picture.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    words = picture.locator("text").all_text_contents()
    assert {"Meetings", "Stage", "Uzbekistan"} <= set(words)
    size = "each => 12 * each.getBoundingClientRect().width / each.viewBox.baseVal.width"
    assert picture.evaluate(size) > 8.5
    legend = page.locator(".legend").first
    ends = "all => Math.max(...all.map(each => each.getBoundingClientRect().right))"
    assert legend.locator("li").evaluate_all(ends) <= width
    assert "favourable" in legend.inner_text()


def test_pages_stay_light(sites: Path) -> None:
    def size(*names: str) -> int:
        return sum((sites / "gas-union" / name).stat().st_size for name in names)

    shared = ("page.css", "page.js")
    assert size("initiatives/gas-union.html", *shared) <= 300 * 1024
    code = [file.name for file in (sites / "coded").glob("*.js") if file.name != "record.js"]
    assert {"d3.js", "world.js", "minisearch.js", "explore.js"} <= set(code)
    explorer = [sites / "coded" / name for name in ("explore.html", "page.css", *code)]
    assert sum(file.stat().st_size for file in explorer) <= 1024 * 1024


def test_attendance_is_a_matrix_of_marks(visit: Callable[..., Any]) -> None:
    page = visit("gas-union/all/attendance.html", width=1400)
    region = page.locator(".matrix").first
    assert region.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
    heads = region.get_by_role("columnheader").all_inner_texts()
    assert heads[1].split("\n")[:2] == ["Niyazov in Moscow, January 2002", "Jan 2002"]
    moldova = region.get_by_role("row", name="Moldova")
    absent = moldova.get_by_title("absent by 1, not mentioned by 2")
    assert absent.locator("svg.absent").count() == 1
    assert "≠" in absent.inner_text()  # somebody says otherwise
    assert moldova.locator("svg.not-mentioned").count() == 16
    outlines = region.locator("svg path").evaluate_all("all => all.map(p => p.getAttribute('d'))")
    legend = page.locator(".part").first.locator(".legend svg path")
    assert legend.count() == len(set(outlines)) == 5
    absent.click()
    assert page.get_by_role("dialog").is_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    page.keyboard.press("Escape")
    assert region.evaluate("each => each.scrollWidth > each.clientWidth")
    region.evaluate("each => each.scrollBy(300, 0)")
    left = "each => each.getBoundingClientRect().left"
    assert moldova.get_by_role("rowheader").evaluate(left) == region.evaluate(left)


def test_accounts_that_differ_stand_side_by_side(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE, width=1400)
    part = page.locator(".part", has=page.get_by_role("heading", name="Where accounts differ"))
    cards = part.locator(".card")
    assert part.locator("h2").inner_text() == f"Where accounts differ ({cards.count()})"
    card = cards.filter(has_text="Did Uzbekistan refuse to join?")
    refused, misread = card.locator(".sides li").all()
    assert "Reuters" in refused.inner_text()
    assert "Dmitry Peskov" in misread.inner_text()
    assert refused.bounding_box()["y"] == misread.bounding_box()["y"]
    assert cards.locator("visible=true").count() == 6
    part.get_by_role("button", name="Show all").click()
    assert cards.locator("visible=true").count() == cards.count()


def test_a_table_sorts_by_any_column(visit: Callable[..., Any]) -> None:
    page = visit("gas-union/all/encounters.html")
    table = page.get_by_role("table", name="Pairs")
    counts = table.locator("tbody td[data-label=Meetings] .digits")
    for order in (False, True):
        table.get_by_role("button", name="Meetings").click()
        numbers = [int(text) for text in counts.all_text_contents()]
        assert numbers == sorted(numbers, reverse=order)
        assert len(numbers) > 10
    heading = table.get_by_role("columnheader", name="Meetings")
    assert heading.get_attribute("aria-sort") == "descending"


def test_a_row_has_an_address_and_a_citation(sites: Path, visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE)
    unfold(page)
    row = row_that_says(page, "Uzbekistan refused to join")
    row.hover()
    row.get_by_role("link", name="Cite this row").click()
    text = page.get_by_role("dialog").inner_text()
    assert "Reuters" in text
    assert "Made at position" in text
    address = f"{(sites / INITIATIVE).as_uri()}#{row.get_attribute('id')}"
    assert address in text
    # The address leads to the row, also where it is folded.
    page.goto("about:blank")
    page.goto(address)
    assert page.locator(f"#{address.partition('#')[2]}").is_visible()


def test_a_claim_can_stand_in_another_page_as_a_card(
    sites: Path, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    page = visit(INITIATIVE)
    unfold(page)
    row = row_that_says(page, "Uzbekistan refused to join")
    row.hover()
    row.get_by_role("link", name="Cite this row").click()
    assert serious(page, browsers.axe(), "#panel") == []
    html = page.locator(".embedding").inner_text()
    assert "<script" not in html
    host = tmp_path / "host.html"
    host.write_text(f"<!doctype html><title>Host</title>{html}", encoding="utf-8")
    other = visit(host)  # which asks for nothing
    card = other.locator("figure")
    assert "Uzbekistan refused to join" in card.inner_text()
    assert "Reuters" in card.inner_text()
    assert card.get_by_role("link").first.get_attribute("href").startswith("https://")
    back = card.get_by_role("link").last.get_attribute("href")
    assert back == f"{(sites / INITIATIVE).as_uri()}#{row.get_attribute('id')}"
    other.goto(back)
    assert other.locator(f"#{back.partition('#')[2]}").is_visible()


def test_a_card_of_a_hostile_source_is_text(tmp_path: Path, visit: Callable[..., Any]) -> None:
    page = visit("hostile/initiatives/plan.html")
    page.locator("main .cite").first.evaluate("link => link.click()")
    host = tmp_path / "host.html"
    html = page.locator(".embedding").inner_text()
    host.write_text(f"<!doctype html><title>Host</title>{html}", encoding="utf-8")
    other = visit(host)
    assert "<script>window.pwned = 1</script>" in other.inner_text("figure")
    assert other.evaluate("window.pwned") is None
    assert other.locator("script, img, b").count() == 0


def test_a_site_of_one_file_has_all_pages(
    strait_ferry: Timeline, hostile: Timeline, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    one = tmp_path / "one.html"
    count = strait_ferry.site(one, title="A ferry", single=True)
    page = visit(one)
    held = page.evaluate("Object.keys(JSON.parse(document.getElementById('pages').textContent))")
    assert len(held) == count
    page.locator(".glimpse").get_by_role("link").first.click()
    page.wait_for_url("**#initiatives/strait-ferry.html")
    heading = page.inner_text("h1")
    page.locator("#cut").press("Home")
    assert page.locator(".known .banner").is_visible()
    page.locator("main table .ref").first.click()
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Search all pages").fill("attendance")
    page.locator(".results a").first.click()
    page.locator(".kind", has_text="attendance").wait_for()
    page.go_back()
    page.locator("h1", has_text=heading).wait_for()
    page.goto("about:blank")
    page.goto(f"{one.as_uri()}#explore.html#view=who+met+whom")
    page.locator(".drawn a").first.wait_for()
    page.get_by_role("button", name="calendar").click()
    assert page.url.endswith("#explore.html#view=calendar")
    hostile.site(one, single=True)  # over the one before
    assert [file.name for file in tmp_path.iterdir()] == ["one.html"]
    page.goto("about:blank")
    page.goto(f"{one.as_uri()}#initiatives/plan.html")
    assert HOSTILE in page.inner_text("h1")
    assert page.evaluate("window.pwned") is None
    assert page.locator("main script, main img").count() == 0


def test_a_site_of_one_file_replaces_nothing_of_others(hostile: Timeline, tmp_path: Path) -> None:
    notes = tmp_path / "notes.html"
    notes.write_text("mine")
    for place, found in ((notes, "another file"), (tmp_path, "a folder")):
        with pytest.raises(InvalidInput, match=found):
            hostile.site(place, single=True)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("notes.html", "mine")
    ]


@attrs.frozen
class Moment:
    """What the slider of a page shows at one moment; texts without their notes."""

    day: str
    words: str
    summary: list[str]
    facts: list[list[str]]
    rows: list[list[str]]


def moments(page: str) -> dict[str, list[Moment]]:
    """What a page's slider stops at, by clock."""
    held = re.findall('id="cuts">(.*?)</script>', page, re.DOTALL)
    known = json.loads(held[0]) if held else {"parts": [], "clocks": {}}
    said = known["parts"].__getitem__
    return {
        clock: [
            Moment(
                day,
                words,
                [said(n)[0] for n in summary],
                [said(n)[:2] for n in facts],
                [[words for words, _ in said(n)] for n in rows],
            )
            for day, words, summary, facts, rows, _ in cuts
        ]
        for clock, cuts in known["clocks"].items()
    }


def told(report: Report) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """What a report says where a slider moves it."""
    document = report.document()
    rows = [row for table in document.tables if table.title == "Positions" for row in table.rows]
    return (
        [inert(cell.text) for cell in document.opening],
        [[fact.label, inert(fact.value.text)] for fact in document.facts],
        [[inert(cell.text) for cell in row] for row in rows],
    )


def test_the_slider_stops_at_what_the_record_gives_as_of_a_date(
    sites: Path, gas_union: Timeline
) -> None:
    known = moments((sites / INITIATIVE).read_text(encoding="utf-8"))
    assert list(known) == ["published", "occurred"]  # all was recorded on one day
    assert "2022-12-02" in {cut.day for cut in known["published"]}
    for clock, cuts in known.items():
        days = [cut.day for cut in cuts]
        assert days == sorted(set(days))
        for cut in cuts[::6]:
            report = as_of_day(gas_union, clock, cut.day).initiative("gas-union")
            assert (cut.summary, cut.facts, cut.rows) == told(report)
            assert cut.words == short(cut.day)


PUBLISHED = st.sampled_from(["2022-11-28", "2022-12-02", "2023-12-26", "2023"])


@examples(3, 60)
@given(history=histories(steps=10), paper=PUBLISHED, wire=PUBLISHED)
def test_on_any_record_the_slider_stops_at_what_as_of_gives(
    history: list[Step], paper: str, wire: str
) -> None:
    days = itertools.count(1)
    with Timeline.open("sqlite://") as record:
        record.store._clock = lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(next(days))
        record.add(
            Actor("ann", "person", "Ann"),
            Source("paper", publisher="ann", title="P", published=paper),
            Source("wire", publisher="ann", title="W", published=wire),
        )
        record.append(ProposalMade("union", "Union", by="ann", text="A union."), source="paper")
        record.append(StatementMade("ann", "No.", about=["union"]), source="wire")
        for step in history:
            record.store.append_all(step.events)
        cuts = known_when(record, lambda view: ["union"])["union"]
        for cut in cuts:
            report = as_of_day(record, cut.clock, cut.day).initiative("union")
            assert cut.document == report.document()
            page = render_page(report.document(), cuts=[cut])
            for [shown] in moments(page).values():
                assert (shown.summary, shown.facts, shown.rows) == told(report)


def test_the_slider_moves_chart_table_and_head_to_what_was_known(
    sites: Path, visit: Callable[..., Any]
) -> None:
    page = visit(INITIATIVE)
    known = moments((sites / INITIATIVE).read_text(encoding="utf-8"))
    bands = drawn(page, "Uzbekistan: opposed").locator("visible=true")
    own = page.get_by_role("row", name="Uzbekistan").filter(has_text="opposed")
    assert bands.count() == 1
    before = page.inner_text(".top")
    number = [cut.day for cut in known["published"]].index("2022-12-02")
    page.locator("#cut").fill(str(number))
    assert page.locator(".known output").inner_text() == "2 Dec 2022"
    assert bands.count() == 0
    assert "proposed" in page.inner_text(".strip")
    assert "As published by 2 Dec 2022" in page.inner_text(".known .banner")
    table = page.get_by_role("table", name="Positions", exact=True)
    assert "opposed" not in table.inner_text()
    page.locator("#cut").press("End")
    assert (bands.count(), page.inner_text(".top")) == (1, before)
    assert "opposed" in table.inner_text()
    assert own.count() > 0
    page.get_by_label("By which clock").select_option("as it had happened by")
    assert page.inner_text(".top") == before
    page.locator("#cut").press("Home")
    first = known["occurred"][0]
    assert f"As it had happened by {first.words}" in page.inner_text(".known .banner")
    assert first.facts[0][1] in page.inner_text(".strip")


def test_a_mark_of_the_chart_opens_its_evidence_by_keyboard(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE)
    drawn(page, "Uzbekistan: Reuters: opposed").focus()
    page.keyboard.press("Enter")
    assert "Reuters" in page.get_by_role("dialog").inner_text()


LABELS = """() => [...document.querySelectorAll(".picture text")]
    .filter(each => each.checkVisibility())
    .map(each => [each.textContent, each.getBoundingClientRect()])
    .map(([text, b]) => [text, b.left, b.right, b.top, b.bottom])"""


@pytest.mark.parametrize("path", [INITIATIVE, "gas-union/index.html"])
def test_no_label_of_a_chart_lies_on_another(visit: Callable[..., Any], path: str) -> None:
    page = visit(path)
    for width in (390, 820, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        boxes = page.evaluate(LABELS)
        assert len(boxes) > 20
        for n, (one, left, right, top, bottom) in enumerate(boxes):
            assert 0 <= left < right <= width, (width, one)
            for other, left2, right2, top2, bottom2 in boxes[:n]:
                apart = right <= left2 or right2 <= left or bottom <= top2 + 3 or bottom2 <= top + 3
                assert apart, f"{one} lies on {other} where the page is {width} wide"


def test_it_works_by_keyboard_alone(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "ref":
            break
    before = page.evaluate("document.activeElement.getAttribute('href')")
    style = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(style) == "solid"
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    assert panel.is_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    assert page.evaluate("document.activeElement.getAttribute('href')") == before


def test_it_works_without_scripts(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE, java_script_enabled=False)
    mark = page.locator("main table .ref").first
    number = mark.get_attribute("href")
    mark.click()
    assert page.url.endswith(number)
    note = page.locator(f"{number} .support").first
    assert note.is_visible()
    assert not page.locator("input").first.is_visible()
    assert not page.locator("dialog").is_visible()


def test_filters_leave_the_rows_that_fit(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE)
    said = page.get_by_role("table", name="What was said of it")
    rows = said.locator("tbody tr")
    every = rows.count()
    page.get_by_label("Filter What was said of it").fill("PÉSKOV refuse")
    left = rows.locator("visible=true")
    assert 0 < left.count() < every
    assert all("Peskov" in each for each in left.all_inner_texts())
    assert page.get_by_text(f"{left.count()} of {every} rows").is_visible()
    page.get_by_label("Filter all tables").fill("novak")
    assert left.count() == 0
    page.get_by_label("Filter What was said of it").fill("")
    assert all("Novak" in each for each in left.all_inner_texts())
    assert left.count() > 0


def test_the_front_page_tells_what_is_new_in_three_screens(visit: Callable[..., Any]) -> None:
    page = visit("gas-union/index.html", width=1400)
    plans = page.get_by_role("table", name="Plans still open")
    assert plans.evaluate("each => each.getBoundingClientRect().bottom") < 3 * 900
    [card] = page.locator(".glimpse").filter(has_text="Gas union").all()
    assert "Stage: negotiating; Since: 26 Dec 2023" in card.inner_text()
    assert card.locator("svg text").get_by_text("negotiating", exact=True).count() == 1
    above = "each => each.getBoundingClientRect().top"
    parts = ("What happened last", "Plans still open", "Actors", "Sources")
    tops = [page.get_by_role("table", name=name).evaluate(above) for name in parts]
    assert [card.evaluate(above), *tops] == sorted([card.evaluate(above), *tops])
    assert page.get_by_role("table", name="Plans still open").locator("tbody tr").count() > 0
    follow(page.get_by_role("table", name="Actors").get_by_role("link", name="All"))
    assert page.get_by_role("table").locator("tbody tr").count() > 8


def test_a_search_on_any_page_finds_the_others(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE)
    page.get_by_label("Search all pages").fill("mirziyoyev call")
    link = page.locator(".results").get_by_role("link", name="Putin–Mirziyoyev call")
    follow(link.first)
    assert "Mirziyoyev" in page.inner_text("h1")


def test_a_search_finds_events_and_forgives_a_slip(visit: Callable[..., Any]) -> None:
    page = visit("gas-union/actors/novak.html")
    page.get_by_label("Search all pages").fill("roadmap gazprm")
    results = page.locator(".results li")
    results.first.wait_for()
    assert any(text.startswith("Signed: Roadmap") for text in results.all_inner_texts())


def test_the_explorer_keeps_its_choice_in_the_address(visit: Callable[..., Any]) -> None:
    page = visit("gas-union/explore.html", width=1400)
    assert page.inner_text("#count") == "127 of 127 events"
    page.locator("[name=actor]").select_option("Dmitry Peskov")
    page.locator("[name=kind]").select_option("Statement made")
    rows = page.locator("#view tbody tr")
    count = rows.count()
    assert 0 < count < 127
    assert all("Dmitry Peskov" in text for text in rows.all_inner_texts())
    page.get_by_role("button", name="2022-12: ").click()  # a bar of the histogram
    assert 0 < rows.count() < count
    assert all("Dec 2022" in text for text in rows.locator(".date").all_inner_texts())
    page.get_by_role("button", name="calendar").click()
    address, chosen = page.url, page.inner_text("main")
    page.goto("about:blank")
    page.goto(address)
    assert page.inner_text("main") == chosen
    page.locator(".year button").first.click()  # a day
    assert rows.count() > 0
    page.get_by_role("button", name="All events").click()
    page.get_by_text("127 of 127 events").wait_for()
    page.get_by_role("button", name="who with whom").click()
    row = page.locator(".matrix tbody tr").filter(has=page.get_by_role("link", name="Gazprom"))
    assert row.locator(".heat").count() > 0
    follow(rows.locator("a").first)
    assert page.locator("h1").is_visible()


def test_the_explorer_draws_who_met_whom(visit: Callable[..., Any]) -> None:
    page = visit("gas-union/explore.html", width=1400)
    page.get_by_role("button", name="who met whom").click()
    circles = page.locator(".drawn a")
    circles.first.wait_for()
    assert circles.count() == page.locator(".drawn text").count() > 20
    shown = {line.text_content() for line in page.locator(".edge").all()}
    assert "Shavkat Mirziyoyev and Vladimir Putin: met" in " ".join(shown)
    assert page.locator("button[value=map]").is_hidden()  # nothing has coordinates
    assert serious(page, browsers.axe()) == []
    page.get_by_label("From").fill("2023-12-01")
    later = {line.text_content() for line in page.locator(".edge").all()}
    assert 0 < len(later) < len(shown)
    page.locator(".drawn a[aria-label^='Vladimir Putin']").focus()
    page.keyboard.press("Enter")
    page.locator("#view tbody tr").first.wait_for()
    assert page.locator("[name=actor]").input_value() == "Vladimir Putin"
    assert page.locator("[name=from]").input_value() == "2023-12-01"


def test_the_explorer_draws_a_map_where_there_are_coordinates(visit: Callable[..., Any]) -> None:
    page = visit("coded/explore.html")
    page.get_by_role("button", name="map").click()
    circles = page.locator(".drawn a")
    circles.first.wait_for()
    assert page.locator(".drawn .land").get_attribute("d")
    assert serious(page, browsers.axe()) == []
    width, height = (
        int(part) for part in page.locator(".drawn").get_attribute("viewBox").split()[2:]
    )
    for circle in circles.locator("circle").all():
        assert 0 <= float(circle.get_attribute("cx")) <= width
        assert 0 <= float(circle.get_attribute("cy")) <= height
    words = circles.first.get_attribute("aria-label")
    circles.first.focus()
    page.keyboard.press("Enter")
    page.locator("#view tbody tr").first.wait_for()
    assert words.startswith(page.locator("[name=place]").input_value())
    assert words.split(": ")[1].split()[0] == str(page.locator("#view tbody tr").count())
    assert page.get_by_role("button", name="who consults whom").is_visible()  # they are no meetings


def test_ten_thousand_events_can_be_explored(
    sites: Path, tmp_path: Path, visit: Callable[..., Any]
) -> None:
    for file in [*(sites / "coded").glob("*.js"), *(sites / "coded").glob("*.[ch]*")]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    names = [[f"Actor {number}", ""] for number in range(400)]
    days = [(datetime(2015, 1, 1, tzinfo=UTC) + timedelta(n % 3000)).date() for n in range(10_000)]
    events = [
        [str(day), str(day), str(day), "Statement made", f"Says {n}", "", [n % 400, n * 7 % 400],
         [], [n % 50], [n % 30], [n * 37 % 360 - 180, n * 17 % 120 - 60]]
        for n, day in enumerate(days)
    ]  # fmt: skip
    pairs = [[n % 400, n * 7 % 400, 0, [n]] for n in range(0, 10_000, 2) if n * 6 % 400]
    data = {"PAGES": [], "NAMES": names, "EVENTS": events, "PAIRS": pairs}
    text = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in data.items())
    (tmp_path / "record.js").write_text(text, encoding="utf-8")
    page = visit(tmp_path / "explore.html", width=1400)
    assert page.inner_text("#count") == "10000 of 10000 events"
    for view, drawn in {
        "who met whom": ".drawn .edge",
        "map": ".drawn .land",
        "calendar": ".year .heat",
        "who with whom": ".matrix tbody tr",
        "list": "#view tbody tr",
    }.items():
        page.get_by_role("button", name=view).click()
        page.locator(drawn).first.wait_for(state="attached")
    page.locator("[name=words]").fill("says 4321")
    assert page.inner_text("#count") == "1 of 10000 events"


def test_a_person_has_what_was_last_first_and_an_outlet_what_it_carried(
    visit: Callable[..., Any],
) -> None:
    page = visit("gas-union/actors/tokayev.html")
    meetings = page.get_by_role("table", name="Meetings")
    assert "26 Dec 2023" in meetings.locator("tbody tr").first.inner_text()
    assert drawn(page, "Meetings: meeting Putin–Tokayev").count() == 2
    assert "tokayev" not in page.inner_text("main").split()  # an id says nothing to a reader
    page.goto(page.url.replace("tokayev", "agenzia-nova"))
    carried = page.get_by_role("table", name="What it carried")
    follow(carried.get_by_role("link").first)
    assert page.inner_text(".kind") == "SOURCE"
    assert "Nova" in page.inner_text(".strip")
    assert page.get_by_role("table", name="What it says").locator(".ref").count() > 0
    link = page.get_by_role("table", name="Where it is").get_by_role("link").first
    assert link.get_attribute("href").startswith("https://")


def test_reports_lead_to_one_another(visit: Callable[..., Any]) -> None:
    page = visit("gas-union/index.html")
    assert page.inner_text("h1") == "A gas union of three"
    follow(page.locator(".glimpse").get_by_role("link", name="Gas union"))
    assert "negotiating" in page.inner_text(".strip")
    follow(page.get_by_role("table", name="Meetings").get_by_role("link").first)
    assert page.inner_text(".kind") == "ATTENDANCE"
    follow(page.get_by_role("link", name="Kazakhstan", exact=True).first)
    assert page.inner_text("h1") == "Kazakhstan"
    follow(page.get_by_role("navigation", name="Pages above").get_by_role("link"))
    assert page.inner_text("h1") == "A gas union of three"


def test_it_prints_with_its_evidence_at_the_end(visit: Callable[..., Any]) -> None:
    page = visit(INITIATIVE, color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator(".contents").is_visible()
    assert not page.locator(".tools").first.is_visible()
    assert not page.locator(".known").is_visible()
    assert page.locator(".broad svg").is_visible()
    assert page.locator("#e1").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", printed)) > 3


def test_what_a_source_says_stays_text(sites: Path, visit: Callable[..., Any]) -> None:
    page = visit("hostile/index.html")
    for path in sorted((sites / "hostile").rglob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("window.pwned") is None
        assert page.locator("main script, main img, main b:not(p > b)").count() == 0
        text = page.evaluate("document.documentElement.outerHTML")
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", text)
    page.goto((sites / "hostile/initiatives/plan.html").as_uri())
    assert HOSTILE in page.inner_text("h1")
    assert any(HOSTILE in text for text in page.locator("blockquote").all_text_contents())
    assert "Ivan <script>window.pwned" in page.text_content(".picture svg")
    page.locator("main td").first.click()
    assert HOSTILE in page.get_by_role("dialog").inner_text()


class Skeleton(HTMLParser):
    """The elements of a page and their attributes, without any text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[object] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        # Letters of Arabic or Hebrew may set `dir`, which only says where words begin.
        self.parts.append((tag, [name for name, _ in attributes if name != "dir"]))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(tag)


@examples(40)
@given(st.text(max_size=30) | st.text("<>&\"'/=! -\n\x00\u202e", max_size=30))
def test_no_text_changes_what_a_page_is_made_of(text: str) -> None:
    # Begun so that it is no date, and never empty.
    assert Skeleton(saying(f"w {text}")).parts == Skeleton(saying("word")).parts


def saying(text: str) -> str:
    """A page that has the text wherever a source may have its way."""
    who = Named(text, text)
    told = Support(
        source=text, title=text, language=text, publisher=who,
        published="2024", address=None, origin=text,
        origin_publisher=who, grade=text, cited_in=text, at=text, excerpt=text,
        chain=(Told(who, text, who, "2024", text),),
    )  # fmt: skip
    cited = Citation(
        text, "StatementMade", text, 1, "2024", "2026-01-01T00:00:00.000000Z", text, (told,)
    )
    cell = Cell(text, (cited,), about="actor/x")
    tables = (Table(text, (text, text), ((cell, attrs.evolve(cell, about=None)),), named_by=1),)
    facts = (Fact(text, cell),)
    document = Document(text, (cell,), tables, tables, (text,), text, kind=text, facts=facts)
    return render_page(document, links={"actor/x": "x.html"}, trail=[Crumb(text, "../index.html")])


def test_a_screen_reader_is_told_the_language_of_a_source() -> None:
    def languages(tag: str | None) -> list[tuple[str, str]]:
        with Timeline.open("sqlite://") as timeline:
            timeline.add(Actor("tass", "organisation", "TASS"))
            timeline.add(Source("text", publisher="tass", title="О союзе", language=tag))
            timeline.append(StatementMade("tass", "No."), source="text", excerpt="Нет.")
            page = timeline.statements().to_html()
        told = re.findall(r"<(?!html)(\w+)[^>]* lang=\"([^\"]*)\"(?:><bdi)?>([^<]*)<", page)
        assert {words for _, _, words in told} <= {"О союзе", "Нет."}
        return [(element, language) for element, language, _ in told]

    # In the table of sources, and twice in the evidence.
    assert languages("ru") == [("span", "ru"), ("cite", "ru"), ("blockquote", "ru")]
    assert {language for _, language in languages("uz-Latn")} == {"uz-Latn"}
    assert languages("en") == languages(None) == languages("no such tag") == []


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://example.org/a?b='c'&d=\"e\"", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        (" javascript:alert(1)", False),
        ("java\tscript:alert(1)", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("file:///etc/passwd", False),
        ("https:", False),
        ("http://[", False),
        ("https://example.org/\u202e", False),
    ],
)
def test_only_addresses_of_the_web_are_links(address: str, safe: bool) -> None:
    told = Support(
        source="s", title="T", language=None, publisher=Named("p", "P"),
        published=None, address=address,
        origin="s", origin_publisher=Named("p", "P"), grade="ordinary", cited_in=None, at=None,
        excerpt=None, chain=(),
    )  # fmt: skip
    citation = Citation(
        "e", "StatementMade", "Said.", 1, None, "2026-01-01T00:00:00.000000Z", None, (told,)
    )
    table = Table("T", ("A",), ((Cell("x", (citation,)),),))
    page = render_page(Document("D", (), (table,), (), (), "S"))
    leads = [link for link in Links(page).links if not link.startswith("#")]
    assert leads == ([address] if safe else [])


def test_a_thousand_events_make_one_page_that_answers(
    visit: Callable[..., Any], tmp_path: Path, gas_union: Timeline
) -> None:
    [cited, *_] = gas_union.initiative("gas-union").statements[0].evidence
    each = [attrs.evolve(cited, event=f"event-{number}") for number in range(1000)]
    rows = tuple(
        (Cell(f"row {n}", (c,)), Cell(c.event, (c, *each[:9]))) for n, c in enumerate(each)
    )
    rows += ((Cell("all", tuple(each)), Cell("–")),)
    text = render_page(Document("Many", (), (Table("Rows", ("A", "B"), rows),), (), (), "S"))
    assert len(text) < 2_000_000
    path = tmp_path / "many.html"
    path.write_text(text, encoding="utf-8")
    page = visit(path)
    page.locator("main input").fill("row 432")
    assert page.locator("main tbody tr:not([hidden])").count() == 1
    page.locator("main tbody tr:not([hidden]) .ref").first.click()
    assert "event-432" in page.get_by_role("dialog").inner_text()


@pytest.mark.parametrize(
    ("path", "scheme"),
    [
        ("gas-union/index.html", "dark"),
        ("gas-union/explore.html", "light"),
        (INITIATIVE, "light"),
        ("strait-ferry/all/attendance.html", "light"),
        ("strait-ferry/all/contradictions.html", "light"),
        ("hostile/initiatives/plan.html", "dark"),
    ],
)
def test_nothing_keeps_anybody_from_reading(
    visit: Callable[..., Any], path: str, scheme: str
) -> None:
    page = visit(path, color_scheme=scheme)
    checker = browsers.axe()
    assert serious(page, checker) == []
    refs = page.locator("main .ref:not(.aside *)").locator("visible=true")
    if refs.count():
        refs.first.click()
        assert serious(page, checker, "#panel") == []
    if path.endswith("attendance.html"):
        # The colours are those of all pages: one with all that a page can have is checked in both.
        page.emulate_media(color_scheme="dark")
        assert serious(page, checker, only=["color-contrast"]) == []


MODERATE = ("heading-order", "page-has-heading-one", "region", "skip-link")
"""Rules of the checker that find nothing serious, and take long on a large page."""


def serious(page: Any, checker: str, part: str = "html", only: Sequence[str] = ()) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(checker)
    rules = {name: {"enabled": False} for name in MODERATE}
    options = {"resultTypes": ["violations"], "preload": False, "rules": rules}
    options |= {"runOnly": list(only)} if only else {}
    found = page.evaluate(f"axe.run('{part}', {json.dumps(options)})")
    assert found["passes"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
