"""Reports as web pages: one file that opens without a network, or one page of a site.

Every text goes through `inert`, then the template escapes it, and `<bdi>` isolates text of sources:
nothing that a source says can change the page. A Content Security Policy
(https://www.w3.org/TR/CSP3/) keeps a browser from running or fetching anything but the page's own
style and script: by their hashes where they stand in the page, and else by the site that it is of.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import attrs

from timeline.dates import short
from timeline.errors import MissingExtra
from timeline.pages.chart import draw, legend
from timeline.pages.folder import SIGN
from timeline.pages.script_data import Cut, all_numbers, as_json
from timeline.pages.sections import Filling, filled, fitting, is_matrix, language_of, sections
from timeline.reports.citations import Citation, Support, type_words
from timeline.reports.layout import Cell, Chart, Document, Mark, Table
from timeline.reports.render.notes import Notes, inert, link_details

_NEVER = "base-uri 'none'; form-action 'none'"
_POLICY = f"default-src 'none'; style-src 'self'; script-src 'self'; {_NEVER}"
"""What a page of a site may load: the site's own style and script."""


@attrs.frozen
class Place:
    """How the pages of a site lead to one another.

    Attributes:
        below: the address of the site from the page of a report.
        front: its address from the front page.
    """

    below: str
    front: str


BESIDE = Place("../", "")
"""Each page is a file, beside the style and the scripts."""

WITHIN = Place("#", "#")
"""All pages are in one file, in which a script shows one of them."""


@attrs.frozen
class Crumb:
    """A page above this one: its name, and its address."""

    text: str
    href: str


@attrs.frozen
class Glimpse:
    """A card of the front page.

    Attributes:
        title: what it leads to.
        said: what stands of that.
        chart: a small picture of it, where there is one.
    """

    title: Cell
    said: Cell
    chart: Chart | None


def render_page(
    document: Document,
    *,
    links: Mapping[str, str] | None = None,
    trail: Sequence[Crumb] = (),
    root: str | None = None,
    cuts: Sequence[Cut] = (),
    glimpses: Sequence[Glimpse] = (),
    banner: str | None = None,
) -> str:
    """Lay a report out as a page.

    Args:
        document: the report.
        links: the addresses of other pages, relative to this one, by what they are about;
            cells link to them.
        trail: the pages above this one, the highest first.
        root: the address of the folder with the files that `assets` gives, relative to the page;
            None for a page that has all in itself, and `#` for one within a site of one file.
        cuts: the report as of earlier moments; the page gets a slider over them.
        glimpses: the cards of a front page.
        banner: what the report itself does not say of the moment it shows.

    Raises:
        MissingExtra: the libraries of the extra `pages` are not installed.
    """
    page, tables = Filling(Notes(), links or {}), fitting(document.tables)
    tables.sort(key=lambda table: not is_matrix(table))  # it says at a glance what others list
    # In reading order, so that the notes are numbered in it.
    earlier = [cut.document for cut in cuts]
    matrices = {table.title for table in tables if is_matrix(table)}
    parts: dict[str, Any] = {
        "summary": [filled(said, page) for said in document.summary],
        "lead": [filled(lead, page) for lead in document.lead],
        "facts": [(fact.label, filled(fact.value, page)) for fact in document.facts],
        "glimpses": [_glimpse(one, page) for one in glimpses],
        "sections": sections(tables, page),
        "apparatus": sections(document.apparatus, page),
        "charts": [
            _picture(chart, tables, page.notes, earlier)
            for chart in document.charts
            if len(chart.marks) > 1 and chart.beside not in matrices
        ],
    }
    text: str = _template().render(
        document=document,
        trail=trail,
        banners=[said for said in (banner, document.banner) if said],
        **parts,
        cuts=_slider(cuts, parts["charts"], page.notes),
        evidence=[_citation(citation, page.links) for citation in page.notes.citations.values()],
        **(_inlined() if root is None else {"policy": _POLICY, "root": root}),
    )
    return text.strip() + "\n"


def render_explorer(standing: str, home: Crumb, root: str, banner: str | None) -> str:
    """The page on which a reader chooses among all events; its data are a script beside it.

    Args:
        standing: where in the log the site was made.
        home: the front page.
        root: as for `render_page`.
        banner: as for `render_page`.
    """
    filters = (
        ("actor", "Who"),
        ("kind", "Sort"),
        ("initiative", "Initiative"),
        ("publisher", "Published by"),
        ("place", "Place"),
    )
    views = ("list", "who with whom", "who met whom", "calendar", "map")
    given = {"standing": standing, "filters": filters, "views": views, "banner": banner}
    template = _template("explore.html.j2")
    text: str = template.render(policy=_POLICY, root=root, trail=home, **given)
    return text.strip() + "\n"


def render_single(title: str, files: Mapping[str, str]) -> str:
    """All pages of a site as one file that shows one of them at a time.

    Args:
        title: the headline of the site.
        files: the text of each file of the site by its path: of pages, what their bodies hold.
    """
    from markupsafe import Markup

    pages = {path: text for path, text in files.items() if path.endswith(".html")}
    held = json.dumps(pages, ensure_ascii=False, separators=(",", ":"))
    names = ("minisearch.js", "d3.js", "world.js", "record.js", "page.js", "explore.js")
    scripts = [files[name].replace("</", "<\\/") for name in names if name in files]
    start, style = _resource("single.js"), files["page.css"]
    allowed = " ".join(f"'{_hash(script)}'" for script in (start, *scripts))
    text: str = _template("single.html.j2").render(
        title=title,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src {allowed}; {_NEVER}",
        sign=Markup(SIGN),
        style=Markup(style),
        start=Markup(start),
        # No `<`, so that nothing in it ends the element that it stands in.
        pages=Markup(held.replace("<", "\\u003c")),
        scripts=[Markup(script) for script in scripts],
    )
    return text.strip() + "\n"


@cache
def _template(name: str = "page.html.j2") -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("A page", "pages") from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("timeline.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_inert,
    )
    environment.filters["short"] = short
    return environment.get_template(name)


def _inert(value: object) -> object:
    """The value of a template's expression without control characters; markup stays as it is."""
    return inert(value) if type(value) is str else value


def assets() -> Mapping[str, str]:
    """The style and the scripts that the pages of a site share, by the name of the file."""
    folder = resources.files("timeline.pages") / "templates"
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith((".css", ".js")) and file.name != "single.js"
    }


def _resource(name: str) -> str:
    return (resources.files("timeline.pages") / "templates" / name).read_text(encoding="utf-8")


@cache
def _inlined() -> Mapping[str, Any]:
    """The style and the script in the page, and the policy that allows no others."""
    from markupsafe import Markup

    style, script = assets()["page.css"], assets()["page.js"]
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; {_NEVER}"
    )
    # Our own files, without the end tags that could break out of the element.
    return {"style": Markup(style), "script": Markup(script), "policy": policy, "root": None}


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# What the template is filled with


def _picture(
    chart: Chart, tables: Sequence[Table], notes: Notes, earlier: Sequence[Document]
) -> Mapping[str, Any]:
    from markupsafe import Markup

    titles = [table.title for table in tables]
    cuts = [next((one for one in cut.charts if one.title == chart.title), None) for cut in earlier]
    references = _References(notes)
    broad = draw(chart, references=references, cuts=cuts)
    narrow = draw(chart, narrow=True, references=references, cuts=cuts)
    return {
        "title": chart.title,
        "beside": f"part-{titles.index(chart.beside) + 1}" if chart.beside in titles else None,
        "text": chart.text,
        "legend": legend(chart),
        "banded": any(mark.holds for mark in chart.marks),
        "solid": chart.solid,
        "outline": chart.outline,
        # `draw` escapes all that it is given.
        "picture": Markup(broad.svg),
        "narrow": Markup(narrow.svg),
        "shown": broad.shown,
    }


def _glimpse(one: Glimpse, page: Filling) -> Mapping[str, Any]:
    from markupsafe import Markup

    return {
        "title": filled(one.title, page),
        "said": filled(one.said, page),
        "text": one.chart.text if one.chart else None,
        "picture": Markup(draw(one.chart, narrow=True).svg) if one.chart else None,
    }


@attrs.frozen
class _References:
    """Leads a mark of a chart to its evidence."""

    notes: Notes

    def __call__(self, mark: Mark) -> tuple[str, str]:
        numbers = self.notes.numbers(mark.evidence)
        return (f"#e{numbers[0]}", all_numbers(numbers)) if numbers else ("", "")


def _slider(
    cuts: Sequence[Cut], charts: Sequence[Mapping[str, Any]], notes: Notes
) -> Mapping[str, Any] | None:
    """What the slider moves through, and by which clocks; None where the page has none."""
    from markupsafe import Markup

    if not cuts or not charts:
        return None
    clocks = dict.fromkeys(cut.clock for cut in cuts)
    return {"json": Markup(as_json(cuts, charts[0]["shown"], notes)), "clocks": [*clocks]}


def _citation(citation: Citation, links: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "citation": citation,
        "kind": type_words(citation.type),
        "href": links.get(f"event/{citation.event}"),
        "supports": [_support(support, links) for support in citation.sources],
    }


def _support(support: Support, links: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "support": support,
        "language": language_of(support.language),
        "address": web_address(support.address),
        "page": links.get(f"source/{support.source}"),
        "chain": [(link.who.name, link_details(link)) for link in support.chain],
    }


def web_address(address: str | None) -> str | None:
    """The address, if it can only open a web page."""
    if address is None or address != inert(address) or any(c.isspace() for c in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and parts.hostname else None
