"""Reports as web pages: one file that opens without a network, or one page of a site.

Every text goes through `inert`, then the template escapes it, and `<bdi>` isolates text of sources:
nothing that a source says can change the page. A Content Security Policy
(https://www.w3.org/TR/CSP3/) keeps a browser from running or fetching anything but the page's own
style and script: by their hashes where they stand in the page, and else by the site that it is of.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import attrs

from timeline.dates import short
from timeline.errors import MissingExtra
from timeline.pages.chart import draw, legend
from timeline.pages.slider import Cut, all_numbers, as_json
from timeline.reports.evidence import Citation, Support, type_words
from timeline.reports.render.columns import CONTINUED, in_parts
from timeline.reports.render.notes import Notes, inert, link_details, run_text, runs
from timeline.reports.tables import (
    NUMBER,
    Cell,
    Chart,
    Document,
    Mark,
    Table,
    shown_evidence,
)

DATE = re.compile(r"[\dX~?%./-]{4,21}\Z")
"""A date, or the first and the last day of a stretch: it stays on one line."""

_DAYS = re.compile(r"([0-9]{4}-[0-9]{2}[0-9X~?%./-]*|[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4})")
"""A date among other words, which a browser would break at its hyphens."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*\Z", re.ASCII)

_ABREAST = 9
"""Columns of a table that are still read beside one another; one with more is split."""

_WIDE = 6
"""Columns from which on a table is scrolled, where it has not got the room."""

_LONG = 60
"""Characters from which on a link looks like text: a page of underlined sentences reads badly."""


_NEVER = "base-uri 'none'; form-action 'none'"
_POLICY = f"default-src 'none'; style-src 'self'; script-src 'self'; {_NEVER}"
"""What a page of a site may load: the site's own style and script."""


@attrs.frozen
class Crumb:
    """A page above this one: its name, and its address."""

    text: str
    href: str


def render_page(
    document: Document,
    *,
    links: Mapping[str, str] | None = None,
    trail: Sequence[Crumb] = (),
    root: str | None = None,
    cuts: Sequence[Cut] = (),
) -> str:
    """Lay a report out as a page.

    Args:
        document: the report.
        links: the addresses of other pages, relative to this one, by what they are about;
            cells link to them.
        trail: the pages above this one, the highest first.
        root: the address of the folder with the files that `assets` gives, relative to the page;
            None for a page that has all in itself.
        cuts: the report as of earlier moments; the page gets a slider over them.

    Raises:
        MissingExtra: the libraries of the extra `pages` are not installed.
    """
    notes, known, tables = Notes(), links or {}, _fitting(document.tables)
    # In reading order, so that the notes are numbered in it.
    earlier = [cut.document for cut in cuts]
    parts: dict[str, Any] = {
        "summary": [_cell(said, notes, known) for said in document.summary],
        "lead": [_cell(lead, notes, known) for lead in document.lead],
        "facts": [(fact.label, _cell(fact.value, notes, known)) for fact in document.facts],
        "sections": [_section(table, notes, known) for table in tables],
        "apparatus": [_section(table, notes, known) for table in document.apparatus],
        "charts": [
            _picture(chart, tables, notes, earlier)
            for chart in document.charts
            if len(chart.marks) > 1
        ],
    }
    page: str = _template().render(
        document=document,
        trail=trail,
        **parts,
        cuts=_slider(cuts, parts["charts"], notes),
        evidence=[_citation(citation, known) for citation in notes.citations.values()],
        **(_inlined() if root is None else {"policy": _POLICY, "root": root}),
    )
    return page.strip() + "\n"


@cache
def _template() -> Any:
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
    return environment.get_template("page.html.j2")


def _inert(value: object) -> object:
    """The value of a template's expression without control characters; markup stays as it is."""
    return inert(value) if type(value) is str else value


def assets() -> Mapping[str, str]:
    """The style and the script that the pages of a site share, by the name of the file."""
    folder = resources.files("timeline.pages") / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")}


@cache
def _inlined() -> Mapping[str, Any]:
    """The style and the script in the page, and the policy that allows no others."""
    from markupsafe import Markup

    style, script = assets().values()
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; {_NEVER}"
    )
    # Our own files, without the end tags that could break out of the element.
    return {"style": Markup(style), "script": Markup(script), "policy": policy, "root": None}


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# Tables that were split


def _fitting(tables: Iterable[Table]) -> list[Table]:
    """The tables; those with very many columns in parts."""
    return [part for table in tables for part in _parts(table)]


def _parts(table: Table) -> list[Table]:
    named, count = table.named_by, len(table.columns)
    if not named or count <= _ABREAST:
        return [table]
    abreast = _ABREAST - named
    return in_parts(table, (abreast for _ in range(named, count, abreast)))


# What the template is filled with


def _section(table: Table, notes: Notes, links: Mapping[str, str]) -> Mapping[str, Any]:
    numeric = table.numeric
    cited = {i for row in table.rows for i, cell in enumerate(shown_evidence(row)) if cell.evidence}
    return {
        "title": table.title,
        "continues": table.title.endswith(CONTINUED),
        "columns": [
            (column, _heading(number=index in numeric, cited=index in cited))
            for index, column in enumerate(table.columns)
        ],
        "named_by": table.named_by,
        "wide": len(table.columns) >= _WIDE,
        "rows": [
            [
                _tabled(cell, _cell(shown, notes, links), number=index in numeric)
                for index, (cell, shown) in enumerate(zip(row, shown_evidence(row), strict=True))
            ]
            for row in table.rows
        ],
    }


def _heading(*, number: bool, cited: bool) -> str:
    """The classes of a heading: over numbers it is aligned as they are."""
    return " ".join(["count", *(["cited"] if cited else [])]) if number else ""


def _tabled(cell: Cell, filled: Mapping[str, Any], *, number: bool) -> Mapping[str, Any]:
    """What the template needs to fill a cell; the digits of numbers align."""
    classes = [*_classes(cell), *(["count"] if number else [])]
    counted = NUMBER.match(cell.text) if number else None
    digits = {} if counted is None else {"digits": counted[1], "remark": counted[2] or ""}
    return {**filled, **digits, "class": " ".join(classes)}


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


def _cell(cell: Cell, notes: Notes, links: Mapping[str, str]) -> Mapping[str, Any]:
    numbers = notes.numbers(cell.evidence)
    return {
        "depth": cell.depth,
        "branch": cell.branch,
        "pieces": [*_pieces(cell)],
        "digits": None,
        "long": len(cell.text) > _LONG,
        "href": None if cell.about is None else links.get(cell.about),
        "all": all_numbers(numbers),
        "refs": [(first, run_text(first, last)) for first, last in runs(numbers)],
    }


def _pieces(cell: Cell) -> Iterator[tuple[str, bool, str | None]]:
    """The text in parts: whether a part is a date, which stays on one line, and its language.

    The language is None where it is the page's.
    """
    words, language = cell.foreign or ("", None)
    before, words_, after = cell.text.partition(words) if words else (cell.text, "", "")
    yield from ((*part, None) for part in _dated(before))
    if words_:
        yield words_, False, _language(language)
    yield from ((*part, None) for part in _dated(after))


def _dated(text: str) -> list[tuple[str, bool]]:
    """The text in parts, and whether a part is a date."""
    if DATE.match(text):  # the whole cell: its own class says so
        return [(text, False)]
    parts = _DAYS.split(text)
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]


def _classes(cell: Cell) -> Iterator[str]:
    """The classes of a cell, for the style and the script."""
    if DATE.match(cell.text):
        yield "date"
    if cell.quiet:
        yield "quiet"
    if cell.evidence:
        # The note numbers stand in it, or else in the next cell that has some.
        yield "open"


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
        "language": _language(support.language),
        "address": _web_address(support.address),
        "page": links.get(f"source/{support.source}"),
        "chain": [(link.who.name, link_details(link)) for link in support.chain],
    }


def _language(tag: str | None) -> str | None:
    """The language tag, if it is not English and is well formed (RFC 5646)."""
    return tag if tag is not None and tag != "en" and _LANGUAGE.match(tag) else None


def _web_address(address: str | None) -> str | None:
    """The address, if it can only open a web page."""
    if address is None or address != inert(address) or any(c.isspace() for c in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and parts.hostname else None
