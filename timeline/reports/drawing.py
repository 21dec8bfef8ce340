"""Charts as pictures: drawn by Altair when the page is made, so that none is drawn by the reader.

A picture of SVG in the page weighs some kilobytes, prints sharp, and needs no script; Vega's own
scripts would add most of a megabyte to every page and ask for a laxer policy on scripts.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
import vl_convert

from timeline.reports.document import Chart, Mark

_WIDTH = 680
_SLOT = 20
"""Pixels from one mark to the next below it, where they would lie on one another."""

_SHAPES = (
    "triangle-up",
    "diamond",
    "circle",
    "triangle-down",
    "square",
    "cross",
    "triangle-right",
    "triangle-left",
)
_DAY = timedelta(days=1)
_TEXT = 12
"""The size of words, in pixels."""

_NAMESPACE = "http://www.w3.org/2000/svg"
_ELEMENTS = frozenset({"svg", "g", "path", "rect", "line", "text"})
"""What our charts are made of. There is nothing else in the picture, whatever its words say."""

_ATTRIBUTES = frozenset(
    {"d", "height", "opacity", "text-anchor", "transform", "viewBox", "width"}
    | {"x", "x1", "x2", "y", "y1", "y2"}
    | {"fill", "fill-opacity", "stroke", "stroke-dasharray", "stroke-opacity", "stroke-width"}
    | {"font-family", "font-size", "font-weight"}
)

_VALUE = re.compile(r"[\w\s.,%#()+-]*\Z")


def draw(chart: Chart) -> str:
    """The chart as an element of SVG for a page, in the page's own colours.

    They are the custom properties `--ink`, `--muted`, `--rule`, `--accent` and `--paper`, so that
    it is dark where the page is. The picture has no words for those who cannot see it: the page
    gives `chart.text`.
    """
    spec = _lanes(chart).to_dict()
    picture = vl_convert.vegalite_to_svg(spec, vl_version=alt.SCHEMA_VERSION[1:].rpartition(".")[0])
    return _plain(picture)


def _lanes(chart: Chart) -> Any:
    start = min(mark.start for mark in chart.marks)
    end = max(mark.end for mark in chart.marks)
    margin = max((end - start) / 40, _DAY / 2)
    first, last = start - margin, end + margin
    scale = alt.Scale(type="utc", domain=[_milliseconds(first), _milliseconds(last)], nice=False)
    axis = alt.Axis(
        title=None, format=_format(last - first), labelFlush=True, tickCount=7, labelPadding=6
    )
    x = alt.X("start:T", scale=scale, axis=axis)
    slot = alt.Y("slot:O", axis=None)
    stretch = (
        alt.Chart()
        .mark_bar(height=6, cornerRadius=3, color="var(--accent)", opacity=0.28)
        .encode(x=x, x2="end:T", y=slot)
        .transform_filter("datum.long")
    )
    shape = alt.Shape(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=list(chart.kinds), range=list(_shapes(chart.kinds))),
        legend=alt.Legend(symbolFillColor="var(--muted)", symbolStrokeColor="var(--muted)"),
    )
    words = [chart.solid, chart.outline]
    fill = alt.Fill(
        "drawn:N",
        title=None,
        scale=alt.Scale(domain=words, range=["var(--accent)", "var(--paper)"]),
        legend=alt.Legend(symbolStrokeColor="var(--accent)", symbolType="circle"),
    )
    points = (
        alt.Chart()
        .mark_point(size=85, stroke="var(--accent)", strokeWidth=1.6, opacity=1)
        .encode(x=alt.X("middle:T", scale=scale, axis=axis), y=slot, shape=shape, fill=fill)
    )
    return (
        alt.layer(stretch, points, data=alt.InlineData(values=list(_values(chart, last - first))))
        .properties(width=_WIDTH, height=alt.Step(_SLOT))
        .facet(
            row=alt.Row(
                "lane:N",
                sort=list(chart.lanes),
                title=None,
                header=alt.Header(labelAngle=0, labelAlign="left", labelLimit=190),
            ),
            spacing=4,
        )
        .resolve_scale(y="independent")
        .configure(**_style())
    )


def _values(chart: Chart, span: timedelta) -> Iterator[dict[str, Any]]:
    """The marks, each with its slot: the first in its lane where it lies on no other."""
    room = span / _WIDTH * 15
    taken: dict[str, list[datetime]] = defaultdict(list)
    for mark in chart.marks:
        middle = mark.start + (mark.end - mark.start) / 2
        begin, end = min(mark.start, middle - room / 2), max(mark.end, middle + room / 2)
        slots = taken[mark.lane]
        slot = next((n for n, until in enumerate(slots) if until <= begin), len(slots))
        slots[slot : slot + 1] = [end]
        yield {
            "lane": mark.lane,
            "kind": mark.kind,
            "drawn": chart.solid if mark.solid else chart.outline,
            "start": _milliseconds(mark.start),
            "end": _milliseconds(mark.end),
            "middle": _milliseconds(middle),
            "long": _long(mark),
            "slot": slot,
        }


def _long(mark: Mark) -> bool:
    return mark.end - mark.start > _DAY


def _shapes(kinds: Sequence[str]) -> Iterator[str]:
    return itertools.islice(itertools.cycle(_SHAPES), len(kinds))


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _format(span: timedelta) -> str:
    if span < 120 * _DAY:
        return "%-d %b %Y"
    return "%b %Y" if span < 6 * 365 * _DAY else "%Y"


def _style() -> Mapping[str, Any]:
    words = {"labelColor": "var(--ink)", "labelFontSize": _TEXT, "labelFont": "sans-serif"}
    axis = {
        **words,
        "labelColor": "var(--muted)",
        "gridColor": "var(--rule)",
        "tickColor": "var(--rule)",
        "domainColor": "var(--rule)",
    }
    return {
        "background": "transparent",
        "aria": False,
        "axis": axis,
        "header": words,
        "legend": {**words, "orient": "top", "symbolSize": 85, "offset": 14, "labelLimit": 260},
        "view": {"stroke": "transparent", "fill": "var(--band)", "cornerRadius": 2},
    }


def _plain(picture: str) -> str:
    """The picture without what a page has no use for, and with no more than it is known to need."""
    root = ET.fromstring(picture)
    _strip(root)
    root.set("aria-hidden", "true")
    ET.register_namespace("", _NAMESPACE)
    return ET.tostring(root, encoding="unicode")


def _strip(element: ET.Element) -> None:
    for name, value in list(element.attrib.items()):
        if name not in _ATTRIBUTES or not _VALUE.match(value):
            del element.attrib[name]
    for child in list(element):
        _strip(child)
        if not _wanted(child):
            element.remove(child)


def _wanted(element: ET.Element) -> bool:
    name = element.tag.removeprefix(f"{{{_NAMESPACE}}}")
    if name not in _ELEMENTS:
        return False
    if name == "g":
        return len(element) > 0
    if name == "path":
        return "fill" in element.attrib or "stroke" in element.attrib
    return True
