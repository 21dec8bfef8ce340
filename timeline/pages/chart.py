"""Charts as pictures. Altair draws them when the page is made, so no reader's browser has to.

An SVG picture takes a few kilobytes, prints sharp and needs no script. Vega's own scripts would add
most of a megabyte to every page, and would need a laxer policy on scripts.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
import vl_convert

from timeline.reports.tables import Chart, Mark

_WIDTH = 680

_NARROW = 312
"""The width where the names of the lanes stand above them, for a phone of 360 pixels."""

_SLOT = 20
"""Pixels from one mark to the next below it, where they would lie on one another."""

_SHAPES = {
    "triangle-up": "M0-5 5.5 4.5h-11Z",
    "diamond": "M0-5.5 4.5 0 0 5.5-4.5 0Z",
    "circle": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
    "triangle-down": "M0 5-5.5-4.5h11Z",
    "square": "M-4.5-4.5h9v9h-9Z",
    "cross": "M-2-5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5Z",
    "triangle-right": "M5 0-4.5 5.5v-11Z",
    "triangle-left": "M-5 0 4.5 5.5v-11Z",
}
"""The shapes of marks, in the order in which kinds take them, and their outlines in a legend."""

_DAY = timedelta(days=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
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


def draw(chart: Chart, *, narrow: bool = False) -> str:
    """The chart as an element of SVG for a page, in the page's own colours.

    They are the custom properties `--ink`, `--muted`, `--rule`, `--accent` and `--paper`, so that
    it is dark where the page is. The picture has neither a description nor a legend: the page adds
    `chart.text` and `legend(chart)`.

    Args:
        chart: what is drawn.
        narrow: for the width of a phone, the lanes below their names.
    """
    spec = _lanes(chart, narrow=narrow).to_dict()
    picture = vl_convert.vegalite_to_svg(spec, vl_version=alt.SCHEMA_VERSION[1:].rpartition(".")[0])
    return _plain(picture)


def legend(chart: Chart) -> list[tuple[str, str]]:
    """The kinds of marks in the chart, each with its outline as a path of SVG around 0,0."""
    drawn = {mark.kind for mark in chart.marks}
    shapes = zip(chart.kinds, _shapes(chart.kinds), strict=True)
    return [(kind, _SHAPES[shape]) for kind, shape in shapes if kind in drawn]


def _lanes(chart: Chart, *, narrow: bool) -> Any:
    start = min(mark.start for mark in chart.marks)
    end = max(mark.end for mark in chart.marks)
    margin = max((end - start) / 40, _DAY / 2)
    first, last = _moved(start, -margin), _moved(end, margin)
    width = _NARROW if narrow else _WIDTH
    scale = alt.Scale(type="utc", domain=[_milliseconds(first), _milliseconds(last)], nice=False)
    axis = alt.Axis(
        title=None,
        format=_format(last - first),
        labelFlush=True,
        tickCount=3 if narrow else 7,
        labelPadding=6,
    )
    x = alt.X("start:T", scale=scale, axis=axis)
    header = alt.Header(labelAngle=0, labelAlign="left", labelLimit=190)
    if narrow:
        header = alt.Header(
            labelOrient="top", labelAnchor="start", labelPadding=3, labelLimit=_NARROW
        )
    values = list(_values(chart, (last - first) / width))
    return (
        alt.layer(*_layers(chart, x), data=alt.InlineData(values=values))
        .properties(width=width, height=alt.Step(_SLOT))
        .facet(
            row=alt.Row("lane:N", sort=list(chart.lanes), title=None, header=header),
            spacing=10 if narrow else 4,
        )
        .resolve_scale(y="independent")
        .configure(**_style())
    )


def _layers(chart: Chart, x: Any) -> tuple[Any, Any]:
    """A bar over the days that a mark may be of, and the mark in the middle of it."""
    slot = alt.Y("slot:O", axis=None)
    stretch = (
        alt.Chart()
        .mark_bar(height=6, cornerRadius=3, color="var(--accent)", opacity=0.28)
        .encode(x=x, x2="end:T", y=slot)
        .transform_filter("datum.long")
    )
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=list(chart.kinds), range=list(_shapes(chart.kinds))),
        legend=None,
    )
    fill = alt.Fill(
        "drawn:N",
        scale=alt.Scale(
            domain=[chart.solid, chart.outline], range=["var(--accent)", "var(--paper)"]
        ),
        legend=None,
    )
    points = (
        alt.Chart()
        .mark_point(size=85, stroke="var(--accent)", strokeWidth=1.6, opacity=1)
        .encode(
            x=alt.X("middle:T", scale=x["scale"], axis=x["axis"]), y=slot, shape=shape, fill=fill
        )
    )
    return stretch, points


def _values(chart: Chart, pixel: timedelta) -> Iterator[dict[str, Any]]:
    """The marks with their slots: the first slot of the lane where it covers no other mark."""
    room = pixel * 15
    taken: dict[str, list[datetime]] = defaultdict(list)
    for mark in chart.marks:
        middle = mark.start + (mark.end - mark.start) / 2
        begin = min(mark.start, _moved(middle, -room / 2))
        end = max(mark.end, _moved(middle, room / 2))
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


def _moved(moment: datetime, by: timedelta) -> datetime:
    """The moment moved by a duration, but not beyond the years that dates can have."""
    try:
        return moment + by
    except OverflowError:
        return _LAST if by > timedelta() else _FIRST


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
        "view": {"stroke": "transparent", "fill": "var(--band)", "cornerRadius": 2},
    }


def _plain(picture: str) -> str:
    """The picture with only the elements and attributes that are known to be needed."""
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
