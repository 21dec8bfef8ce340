"""Charts as pictures in SVG: bands and marks in lanes over time, each leading to its evidence.

The axis folds stretches in which nothing happened. A picture takes some kilobytes, prints sharp and
needs no script; its colours are those of the page's style.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import attrs

from timeline.dates import short
from timeline.reports.layout import Chart, Mark, number
from timeline.reports.render.notes import inert

_SHAPES = (
    "M0-5 5.5 4.5h-11Z",
    "M0-5.5 4.5 0 0 5.5-4.5 0Z",
    "M-6-2.5h12v5h-12Z",
    "M0 5-5.5-4.5h11Z",
    "M-4.5-4.5h9v9h-9Z",
    "M-2-5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5Z",
    "M5 0-4.5 5.5v-11Z",
)
"""The outlines of marks, in the order in which kinds take them."""

_OWN = {
    "meeting": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
    "statement": "M-5.5-5h11v7.5h-5l-3.5 3.5v-3.5h-2.5Z",
}
"""The outlines of what looks the same in every chart."""

_DAY = timedelta(days=1)
_LONG = 31 * _DAY
"""A date that may be of more than this says too little to keep an axis from folding."""

_ROW, _BAND = 20, 20
_CHARACTER = 6.3
"""The width of a character of a label, in pixels: rather more than that of most."""

_SLOTS = 6
"""Rows of labels in a lane; where these are taken, a mark goes without."""

References = Callable[[Mark], tuple[str, str]]
"""The address of the first evidence of a mark, and the numbers of all of it; both may be empty."""


@attrs.frozen
class _Size:
    width: int
    gutter: int
    point: int
    fold: int
    folds: int
    letters: int
    tail: int


_BROAD = _Size(width=940, gutter=130, point=64, fold=30, folds=5, letters=60, tail=60)
_NARROW = _Size(width=358, gutter=2, point=40, fold=16, folds=3, letters=32, tail=44)


@attrs.frozen
class Drawing:
    """A picture, and which of its items each cut shows.

    Attributes:
        svg: the element. Items carry their number as `data-k`.
        shown: the numbers of the items of each cut, in the order of the cuts.
    """

    svg: str
    shown: tuple[tuple[int, ...], ...]


@attrs.frozen
class _Item:
    """A mark where it stands; a band with where it ends and how long it was kept up."""

    mark: Mark
    until: datetime | None = None
    said: datetime | None = None


def draw(
    chart: Chart,
    *,
    narrow: bool = False,
    references: References = lambda mark: ("", ""),
    cuts: Sequence[Chart | None] = (),
) -> Drawing:
    """The chart as an element of SVG for a page, in the page's own colours.

    Args:
        chart: what is drawn.
        narrow: for the width of a phone, the lanes below their names.
        references: what the marks lead to.
        cuts: the chart as of other moments, None for one without: what it has not in common with
            `chart` is drawn and hidden, for a script to show.
    """
    own = _items(chart)
    states = [[] if cut is None else _items(cut) for cut in cuts]
    items = {item: k for k, item in enumerate(dict.fromkeys(itertools.chain(own, *states)))}
    size = _NARROW if narrow else _BROAD
    picture = _Picture(chart, size, list(items), references)
    picture.draw(frozenset(own))
    shown = tuple(tuple(items[item] for item in cut) for cut in states)
    return Drawing(ET.tostring(picture.root, encoding="unicode"), shown)


def legend(chart: Chart) -> list[tuple[str, str]]:
    """The kinds of marks in the chart, each with its outline as a path of SVG around 0,0."""
    drawn = {mark.kind for mark in chart.marks if not mark.holds}
    return [(kind, shape) for kind, shape in _shapes(chart).items() if kind in drawn]


def _shapes(chart: Chart) -> dict[str, str]:
    shapes = dict(zip(chart.kinds, itertools.cycle(_SHAPES), strict=False))
    return {kind: _OWN.get(kind, shape) for kind, shape in shapes.items()}


def _middle(mark: Mark) -> datetime:
    return mark.start + (mark.end - mark.start) / 2


def _items(chart: Chart) -> list[_Item]:
    items = [_Item(mark) for mark in chart.marks if not mark.holds]
    for lane in chart.lanes:
        held = [mark for mark in chart.marks if mark.holds and mark.lane == lane]
        runs = [list(run) for _, run in itertools.groupby(held, key=lambda mark: mark.kind)]
        for run, later in itertools.zip_longest(runs, runs[1:]):
            until = _middle(later[0]) if later else None
            items.append(_Item(run[0], until, _middle(run[-1])))
    return items


# The axis


class _Axis:
    """Places moments: to scale within stretches, and close together across what is folded."""

    def __init__(self, marks: Sequence[Mark], size: _Size) -> None:
        self.stretches = _stretches(marks, size.folds)
        room = size.width - size.gutter - 6 - size.tail
        moments = {moment for mark in marks for moment in _reach(mark)}
        # What happened on more days gets more room, not what took longer.
        busy = [sum(a <= moment <= b for moment in moments) - 1 for a, b in self.stretches]
        free = room - size.fold * (len(busy) - 1) - size.point * len(busy)
        self.places: list[tuple[float, float]] = []
        at = float(size.gutter)
        for days in busy:
            width = size.point + free * (days / sum(busy) if sum(busy) else 1 / len(busy))
            self.places.append((at, at + width))
            at += width + size.fold
        left, right = self.places.pop()
        self.places.append((left, right + size.tail))  # what holds now is named there
        self.tails = [36] * (len(busy) - 1) + [36 + size.tail]

    def x(self, moment: datetime) -> float:
        """How far right a moment stands."""
        stretches = zip(self.stretches, self.places, self.tails, strict=True)
        for (first, last), (left, right), tail in stretches:
            if moment <= last:
                # The ends of a stretch keep off its edges.
                span = (last - first) / _DAY
                share = max((moment - first) / _DAY, 0) / span if span else 0
                return left + 8 + (right - left - tail) * share
        return self.places[-1][1] - self.tails[-1] + 8

    def within(self, moment: datetime) -> int:
        """The number of the stretch that a moment is in, or that follows it."""
        lasts = (n for n, (_, last) in enumerate(self.stretches) if moment <= last)
        return next(lasts, len(self.stretches) - 1)


def _stretches(marks: Iterable[Mark], folds: int) -> list[tuple[datetime, datetime]]:
    """The times in which something happened, the longest quiet stretches between them left out."""
    moments = sorted({moment for mark in marks for moment in _reach(mark)})
    gaps = sorted(itertools.pairwise(moments), key=lambda gap: gap[0] - gap[1])
    rest = moments[-1] - moments[0]
    folded = []
    for before, after in gaps[:folds]:
        if after - before > max(21 * _DAY, rest / 8):
            folded.append((before, after))
            rest -= after - before
    ends = sorted(folded)
    firsts = [moments[0], *(after for _, after in ends)]
    return list(zip(firsts, [*(before for before, _ in ends), moments[-1]], strict=True))


def _reach(mark: Mark) -> tuple[datetime, ...]:
    long = mark.end - mark.start > _LONG
    return (_middle(mark),) if long else (mark.start, mark.end)


# The picture


class _Picture:
    def __init__(
        self, chart: Chart, size: _Size, items: Sequence[_Item], references: References
    ) -> None:
        self.chart, self.size, self.items, self.references = chart, size, items, references
        self.axis = _Axis([item.mark for item in items], size)
        self.shapes = _shapes(chart)
        self.root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg"})
        self.y = 24.0

    def draw(self, visible: frozenset[_Item]) -> None:
        rules = ET.SubElement(self.root, "g")
        lanes = dict.fromkeys((*self.chart.lanes, *(item.mark.lane for item in self.items)))
        for lane in lanes:
            self._lane(lane, visible)
        self._ticks(rules)
        self.root.set("viewBox", f"0 0 {self.size.width} {self.y + 6:.0f}")

    # Lanes

    def _lane(self, lane: str, visible: frozenset[_Item]) -> None:
        items = [(k, item) for k, item in enumerate(self.items) if item.mark.lane == lane]
        bands = [pair for pair in items if pair[1].mark.holds]
        points = sorted(
            (pair for pair in items if not pair[1].mark.holds), key=lambda pair: pair[1].mark.start
        )
        self._name(lane, banded=bool(bands))
        entries = [(self._entry(k, item, item in visible), item) for k, item in bands]
        unnamed = [(*pair, at) for pair in entries if (at := self._band(*pair)) is not None]
        self.y += _BAND + 4 if bands else 0
        taken: list[float] = []
        for entry, item, at in unnamed:
            self._below(entry, item.mark, at, taken)
        for k, item in points:
            self._point(self._entry(k, item, item in visible), item.mark, taken)
        self.y += _ROW * len(taken) + 12

    def _name(self, lane: str, *, banded: bool) -> None:
        if self.size is _NARROW:
            self._text(self.root, self.size.gutter, self.y + 10, _short(lane, 50), "lane")
            self.y += 18
        else:
            edge = self.size.gutter - 14
            name = _short(lane, 20)
            self._text(self.root, edge, self.y + (14 if banded else 13), name, "lane", end=True)

    def _entry(self, k: int, item: _Item, shown: bool) -> ET.Element:
        """The group of an item: a link where it has evidence."""
        href, numbers = self.references(item.mark)
        words = inert(_words(item))
        given = {"class": "item" if shown else "item off", "data-k": str(k)}
        if href:
            given |= {"href": href, "data-all": numbers}
        entry = ET.SubElement(self.root, "a" if href else "g", given)
        ET.SubElement(entry, "title").text = words
        return entry

    def _band(self, entry: ET.Element, item: _Item) -> float | None:
        """A band from when it was first said to what was said otherwise, paler once unsaid.

        Returns:
            Where it begins, if it is too short for its name.
        """
        start = self.axis.x(_middle(item.mark))
        end = self.size.width - 6.0 if item.until is None else self.axis.x(item.until)
        last = self.axis.within(item.said or item.mark.end)
        tone = f"band {_class(item.mark.kind)}"
        within = [
            (max(left, start), min(right, end), n > last)
            for n, (left, right) in enumerate(self.axis.places)
            if min(right, end) - max(left, start) >= 2
        ]
        for a, b, pale in within:
            self._box(entry, a, b, f"{tone} pale" if pale else tone)
        faint = [a for a, b, pale in within if pale and b - a > 62]
        if faint:
            self._text(entry, faint[-1] + 5, self.y + 14, "last known", "within faint")
        widths = [(b - a, a) for a, b, pale in within if not pale]
        widest, at = max(widths, key=lambda pair: pair[0], default=(0.0, start))
        words = _fitting([item.mark.label, item.mark.kind], widest - 8)
        if words:
            self._text(entry, at + 6, self.y + 14, words, "within")
        return None if words else at

    def _below(self, entry: ET.Element, mark: Mark, x: float, taken: list[float]) -> None:
        """The name of a band that is too short for it."""
        width = len(mark.kind) * _CHARACTER + 6
        lefts = x + width > self.size.width - 4
        begin, end = (x - width, x) if lefts else (x, x + width)
        slot = _slot(taken, begin)
        if slot < _SLOTS and begin >= self.size.gutter - 2:
            taken[slot : slot + 1] = [end]
            y = self.y + _ROW * slot + 13
            self._text(entry, x, y, mark.kind, "beside", end=lefts)

    def _box(self, entry: ET.Element, left: float, right: float, classes: str) -> None:
        ET.SubElement(
            entry,
            "rect",
            {
                "class": classes,
                "x": f"{left:.1f}",
                "y": f"{self.y:.1f}",
                "width": f"{right - left:.1f}",
                "height": str(_BAND),
                "rx": "2",
            },
        )

    def _point(self, entry: ET.Element, mark: Mark, taken: list[float]) -> None:
        """A mark, with its label where there is room."""
        x = self.axis.x(_middle(mark))
        label = _short(mark.label, self.size.letters)
        width = len(label) * _CHARACTER + 6 if label else 0
        room = self.size.width - 4
        near, far = x - 9, x + 9
        if mark.end - mark.start > _DAY:
            near = min(near, self.axis.x(mark.start) - 5)
            far = max(far, self.axis.x(mark.end) + 5)
        lefts = far + width > room
        begin, end = (near - width, far) if lefts else (near, far + width)
        slot = _slot(taken, begin) if label and begin >= self.size.gutter - 2 else _SLOTS
        if slot >= _SLOTS:
            label, begin, end = "", near, far
            slot = _slot(taken, begin)
        taken[slot : slot + 1] = [end]
        y = self.y + _ROW * slot + 9
        if mark.end - mark.start > _DAY:
            self._stretch(entry, mark, y)
        shape = {"class": f"sign {_class(mark.kind)}{'' if mark.solid else ' hollow'}"}
        place = {
            "d": self.shapes.get(mark.kind, _SHAPES[4]),
            "transform": f"translate({x:.1f} {y:.1f})",
        }
        ET.SubElement(entry, "path", shape | place)
        if label:
            self._text(entry, near if lefts else far, y + 4, label, "beside", end=lefts)

    def _stretch(self, entry: ET.Element, mark: Mark, y: float) -> None:
        """A line over all that the date may mean."""
        ends = {"x1": f"{self.axis.x(mark.start):.1f}", "x2": f"{self.axis.x(mark.end):.1f}"}
        ET.SubElement(entry, "line", {"class": "reach", **ends, "y1": f"{y:.1f}", "y2": f"{y:.1f}"})

    # Ticks

    def _ticks(self, rules: ET.Element) -> None:
        bottom = self.y
        free = 0.0
        for (first, last), (left, right) in zip(self.axis.stretches, self.axis.places, strict=True):
            ET.SubElement(rules, "line", {"class": "axis"} | _line(left, bottom, right, bottom))
            for moment in _moments(first, last, int((right - left) // 96)):
                x = self.axis.x(moment)
                words = (
                    f"{moment.day} {moment:%b %Y}"
                    if moment == first
                    else _day(moment, last - first)
                )
                end = x + len(words) * 5.8
                if x < free or (moment != first and end > right):
                    continue
                free = end + 6
                ET.SubElement(rules, "line", {"class": "grid"} | _line(x, 14, x, bottom))
                self._text(rules, x, bottom + 16, words, "tick")
        self.y = bottom + 18
        self._folds(rules, bottom)

    def _folds(self, rules: ET.Element, bottom: float) -> None:
        for (one, two), (left, right) in zip(
            itertools.pairwise(self.axis.stretches),
            itertools.pairwise(self.axis.places),
            strict=True,
        ):
            a, b = left[1], right[0]
            box = {
                "x": f"{a:.1f}",
                "y": "14",
                "width": f"{b - a:.1f}",
                "height": f"{bottom - 14:.1f}",
            }
            fold = ET.SubElement(rules, "g", {"class": "fold"})
            ET.SubElement(fold, "rect", box)
            quiet = _quiet(two[0] - one[1])
            ET.SubElement(fold, "title").text = f"{quiet} without anything on record"
            words = (
                quiet
                if self.size is _BROAD
                else quiet.replace(" weeks", "w").replace(" days", "d").replace(" years", "y")
            )
            self._text(fold, (a + b) / 2, 11, words, "tick", anchor="middle")

    def _text(
        self, parent: ET.Element, x: float, y: float, words: str, classes: str,
        *, end: bool = False, anchor: str = "end",
    ) -> None:  # fmt: skip
        place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "class": classes}
        if end or anchor != "end":
            place["text-anchor"] = anchor
        ET.SubElement(parent, "text", place).text = inert(words)


# Words and places


def _slot(taken: Sequence[float], begin: float) -> int:
    """The first row that is free from there on."""
    return next((n for n, until in enumerate(taken) if until <= begin), len(taken))


def _class(kind: str) -> str:
    """The kind as a class of the style; what is not plain has none."""
    return (
        f"k-{kind.replace(' ', '-')}" if kind.replace(" ", "").isalpha() and kind.isascii() else ""
    )


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def _fitting(choices: Iterable[str], width: float) -> str:
    letters = int(width / 6.5)
    return next((words for words in choices if words and len(words) <= letters), "")


def _words(item: _Item) -> str:
    """What a mark says, for a reader who cannot see where it stands."""
    mark = item.mark
    date, last = (short(one.date().isoformat()) for one in (mark.start, mark.end))
    when = date if mark.end - mark.start <= _DAY else f"between {date} and {last}"
    since = "since " if mark.holds else ""
    said = mark.label if mark.label and mark.kind in mark.label else f"{mark.kind} {mark.label}"
    return f"{mark.lane}: {said.strip()}, {since}{when}"


def _line(x1: float, y1: float, x2: float, y2: float) -> dict[str, str]:
    return {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}


def _moments(first: datetime, last: datetime, count: int) -> Iterator[datetime]:
    """The beginning of a stretch, and days at even distances after it."""
    yield first
    days = (last - first) / _DAY
    step = next(
        (n for n in (1, 7, 14, 30, 91, 182, 365, 1826, 3652) if days / n <= max(count, 1)), 36525
    )
    for n in range(1, int(days // step) + 1):
        yield first + n * step * _DAY


def _day(moment: datetime, span: timedelta) -> str:
    if span > 6 * 365 * _DAY:
        return f"{moment:%Y}"
    return f"{moment:%b %Y}" if span > 180 * _DAY else f"{moment.day} {moment:%b}"


def _quiet(gap: timedelta) -> str:
    if gap.days >= 730:
        return number(gap.days // 365, "year")
    return number(gap.days // 7, "week") if gap.days >= 14 else number(gap.days, "day")
