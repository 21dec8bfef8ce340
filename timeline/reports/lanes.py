"""Charts of lanes over time, as plain data, and a description in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from timeline.dates import When, when
from timeline.reports.document import Chart, Mark
from timeline.reports.evidence import Named

_MOST_MARKS = 400
"""More cannot be told apart; the table shows them better."""

_NAMED_SINGLY = 8
"""Marks of a lane that the description names one by one; of more, it counts the kinds."""


def lane_names(actors: Iterable[Named]) -> dict[str, str]:
    """The names of the actors' lanes, by id; with the id where two have one name."""
    named = {actor.id: actor.name for actor in actors}
    times = Counter(named.values())
    return {id: f"{name} ({id})" if times[name] > 1 else name for id, name in named.items()}


def mark(
    lane: str, kind: str, occurred: str | None, *, solid: bool, by: str | None = None
) -> Mark | None:
    """A mark over the whole time that a date may mean; None where that is unbounded.

    Args:
        lane: the row it stands in.
        kind: what it is.
        occurred: the date, in EDTF. An instant stands at its local hour: the axis has no zone.
        solid: whether it is drawn full.
        by: who says so, where that is not the actor of the lane.
    """
    moment = when(occurred)
    start, end = (None, None) if moment is None else moment.reach
    if moment is None or start is None or end is None:
        return None
    offset = _offset(moment)
    return Mark(lane, kind, solid, start + offset, end + offset, by)


def _offset(moment: When) -> timedelta:
    """How far the zone of an instant is from UTC; nothing for a date."""
    if "T" not in moment.text:
        return timedelta()
    try:
        return datetime.fromisoformat(moment.text).utcoffset() or timedelta()
    except ValueError:  # an interval of instants, or one that is uncertain
        return timedelta()


def chart(
    title: str,
    beside: str,
    marks: Iterable[Mark | None],
    *,
    lanes: Iterable[str],
    kinds: Iterable[str],
    solid: str,
    outline: str,
) -> Iterable[Chart]:
    """The chart of these marks, where it shows more than the table does.

    There is none for a single date, or for more marks than can be told apart.

    Args:
        title: what it shows.
        beside: the title of the table that says the same.
        marks: those to draw; None for one that has no date to stand at.
        lanes: from top to bottom; lanes without marks are left out.
        kinds: their order in the legend. A kind has the same shape in all charts of a sort; the
            legend has those that are drawn.
        solid: what a full mark says.
        outline: what one in outline says.
    """
    given = list(marks)
    dated = tuple(dict.fromkeys(one for one in given if one is not None))
    undated = given.count(None)
    if len({(one.start, one.end) for one in dated}) < 2 or len(dated) > _MOST_MARKS:
        return
    by_lane = {lane: [one for one in dated if one.lane == lane] for lane in lanes}
    shown = {lane: sorted(own, key=_order) for lane, own in by_lane.items() if own}
    words = [f"{lane}: {_in_words(own, outline)}." for lane, own in shown.items()]
    if undated:
        words.append(f"Not drawn, for want of a date: {undated}.")
    yield Chart(
        title=title,
        beside=beside,
        lanes=tuple(shown),
        kinds=tuple(kinds),
        solid=solid,
        outline=outline,
        marks=tuple(one for own in shown.values() for one in own),
        text=" ".join(words),
    )


def _order(mark: Mark) -> tuple[object, ...]:
    return mark.start, mark.end, mark.kind, mark.solid, mark.by or ""


def _in_words(marks: Sequence[Mark], outline: str) -> str:
    if len(marks) <= _NAMED_SINGLY:
        return "; ".join(f"{mark.kind} {_stretch(mark, mark)}{_says(mark)}" for mark in marks)
    kinds = Counter(f"{mark.kind} ({outline})" if mark.by else mark.kind for mark in marks)
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{counted}, {_stretch(marks[0], max(marks, key=lambda mark: mark.end))}"


def _says(mark: Mark) -> str:
    return f", says {mark.by}" if mark.by else ""


def _stretch(first: Mark, last: Mark) -> str:
    start, end = first.start.date(), last.end.date()
    return str(start) if start == end else f"between {start} and {end}"
