"""Writes docs/explanation/performance.md and its plot; nobody else does."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.lines import LINES, OURS, Line

PEER_NAMES = ("recorder", "Application")

_CHECKED = (
    "Before a row is inserted its event and its evidence are encoded, its dates get bounds, its "
    "salt is drawn, and two digests are taken"
)
_GUARDED = (
    "The rows go in by the driver's own executemany; the trigger that refuses REPLACE and the "
    "index of types add a quarter to an insert."
)
_TRIED = (
    "Tried without gain: pages of 8,192 bytes, which make the file a tenth smaller and an insert "
    "under the trigger slower; other forms of the trigger; many rows in one INSERT; and no garbage "
    "collector."
)
_ONE_FUNCTION = (
    "One function of the server's takes all columns as arrays, computes positions, versions and "
    "digests, and inserts: writers need no right on the table. COPY sends rows that are ready."
)

REASONS = {
    "sqlite-append": "Beside the wait for the disk, an append takes four statements of the "
    "driver's, an INSERT two: BEGIN, a look at the end of the log, the id and the stream's "
    "version, the row, and COMMIT; and the encoding and chaining of one event.",
    "sqlite-batch-100": f"{_CHECKED}; the looks for the ids and the versions are shared by a "
    "hundred events only.",
    "sqlite-batch-1000": f"{_CHECKED}. {_GUARDED} {_TRIED}",
    "sqlite-import": f"{_CHECKED}. {_GUARDED}",
    "sqlite-read": "Half of it is decoding event and evidence into their classes, patterns of ids "
    "checked; the rest is the making of the RecordedEvent around them.",
    "sqlite-stream": "As in reading all; and each stream takes a connection from the pool.",
    "sqlite-rebuild": "Two thirds of it is reading events as typed; the rest amends them by later "
    "corrections and folds them into frozen rows, which a handler gets and puts by key, while the "
    "raw side counts in a dict. Longer strides and plain pairs between the layers have halved it.",
    "sqlite-bytes": "The raw table takes as much: ids of events and streams stand in it and in "
    "their indexes, dates and digests beside the payload, and four such rows leave a part of "
    "each page of 4,096 bytes empty.",
    "postgresql-append": "The server computes a digest, moves the head, inserts and commits in one "
    "procedure, and then waits for the disk by a second, empty commit, outside the lock.",
    "postgresql-writers": "All writers take turns at the head: what the server does between taking "
    "and releasing it is done once at a time, where unordered inserts use all processors.",
    "postgresql-batch-1000": _ONE_FUNCTION,
    "postgresql-import": _ONE_FUNCTION,
    "postgresql-read": "Event and evidence are decoded into their classes, and checked.",
    "coded-ingest": "A fifth is reading and sorting the rows, two fifths make the events and look "
    "up what is on record, and the log is the rest. A column engine would save a part of the first "
    "fifth.",
    "command-report": "A third is the import of SQLAlchemy. Another is that of this package, most "
    "of it for attrs to make its classes; to import only the report that is asked for would save "
    "a tenth.",
    "command-attendance": "More than half is what every command takes to start; the rest "
    "makes a table of all actors and meetings, and writes it.",
    "command-site": "It writes a page for each actor and source, and reads the record as of each "
    "day on which an initiative changed.",
    "postgresql-bytes": "The raw table takes as much: ids of events and streams stand in it and in "
    "their indexes, dates and digests beside the payload.",
}
"""Where the time goes, by line; shown where the aim is not reached."""

PAGE = """\
# Performance

This page is made by `scripts/bench` alone, from `performance.json` beside it, which holds what each
round gave. It measures the same work, in one run on one machine, done by the raw driver, by the
package `eventsourcing`, and by this store with typed events, evidence and digests on.

    scripts/bench                                # all of it, and this page
    scripts/bench peers --only sqlite-append     # some lines of it, printed
    scripts/bench growth --sizes 10000 100000    # cost as the log grows, printed

Made on {date}, on {cores} cores ({machine}), with Python {python}, SQLite {sqlite}, PostgreSQL
{postgresql}, psycopg {psycopg}, SQLAlchemy {sqlalchemy} and eventsourcing {eventsourcing}; by
`scripts/bench --rounds {rounds} --events {events} --sizes {sizes}`:
{events:,} events in {streams:,} streams, {payload:,.0f} bytes of data and evidence each.{note}

## How it is measured

- In each round the sides take turns on each line, so that a noisy neighbour meets all. A ratio is
  the median of the ratios of the rounds.
- Durability is the same on all sides: when a call returns, what it stored is on the disk. On SQLite
  that is WAL and `synchronous = FULL`; on PostgreSQL a private server with nothing but defaults, so
  `fsync` and `synchronous_commit` are on. Databases are files on a disk; each round of writes
  begins with an empty one.
- What is stored is made before the clock starts: rows, bytes or typed events, which are
  checked when they are made. To encode, number and chain them is within the time. What is read is
  decoded within the time: to dicts by the raw driver, else to typed events.
- Raw tables have the same columns, types and unique constraints as this store's, and rows of the
  same bytes, random ones for digests. They have no triggers, no checks and no index of types.
- `eventsourcing` stores the id of a stream, a version, a topic and the bytes of the event: no ids
  of events, no dates, no digests. Its recorder is given bytes, and gives back bytes that nobody
  decodes; its Application takes and gives typed events. No aggregates are made.

## The aims

Rates as a ratio to the raw driver's in the same run; higher is better, but where it says “at most”.

{aims}

{missed}
## The numbers

{numbers}

## What each number includes

{includes}

## Cost as work grows

{growth_note}

{growth}

![Milliseconds by the size of the log, both on logarithmic scales](performance.svg)
{search}"""

SEARCH = """\

## Searches

`scripts/bench search`, on SQLite, in milliseconds of the processor's time: the median of {rounds}
searches of each kind, for the first 20 entries of {statements:,} statements, on {day}, on two
cores that other work shared. The aim is at most {most}.

{table}
"""

GROWTH_NOTE = """\
SQLite, logs that hold one initiative of a few hundred events, and around it other matters, made by
`scripts/scale.py`. In milliseconds: medians, but for reading all, done once. In brackets as
a multiple of the smallest log's. The report is the initiative's; as of a day it is folded again,
from the events that concern it."""


def page(results: Mapping[str, Any]) -> str:
    """The page."""
    made, values = results["made"], results["lines"]
    shown = [line for line in LINES if line.key in values]
    growth = {int(size): costs for size, costs in results["growth"].items()}
    note = f"\n{made['note']}" if made.get("note") else ""
    return PAGE.format(
        **{**made, "note": note},
        sizes=" ".join(map(str, growth)),
        aims=_aims(shown, values),
        missed=_missed(shown, values),
        numbers=_numbers(shown, values),
        includes="\n".join(_item(f"**{line.title}.** {line.includes}") for line in shown),
        growth_note=GROWTH_NOTE,
        growth=_growth(growth),
        search=_searches(results["search"]) if "search" in results else "",
    )


def _searches(found: Mapping[str, Any]) -> str:
    rows = [[kind, f"{cost:.1f}"] for kind, cost in found["medians"].items()]
    return SEARCH.format(**found, table=table(["a search for", "milliseconds"], rows))


def _item(text: str) -> str:
    """An item of a list."""
    return textwrap.fill(
        text, 100, initial_indent="- ", subsequent_indent="  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _aims(shown: Sequence[Line], values: Mapping[str, Any]) -> str:
    rows = [
        [
            line.title,
            _aim(line),
            _reached(line, values),
            " / ".join(_ratio(line, name, values) for name in PEER_NAMES),
        ]
        for line in shown
    ]
    return table(["work", "aim", "timeline", "recorder / Application"], rows)


def _reached(line: Line, values: Mapping[str, Any]) -> str:
    ratio = _ratio(line, OURS, values)
    return f"**{ratio}**" if line.reached(values[line.key]) else f"{ratio}, not reached"


def _aim(line: Line) -> str:
    what = {
        "events/s": "times the raw time",
        "MiB": "MiB",
        "× payload": "times the payload",
        "s": "s",
    }
    if line.at_most:
        return f"at most {line.aim:g} {what[line.unit]}"
    return f"at least {line.aim:g} of {next(iter(line.sides))}"


def _ratio(line: Line, side: str, values: Mapping[str, Any]) -> str:
    ratio = line.ratio(side, values[line.key])
    return "–" if ratio is None else f"{ratio:.1f}" if line.unit == "MiB" else f"{ratio:.2f}"


def _missed(shown: Sequence[Line], values: Mapping[str, Any]) -> str:
    missed = [line for line in shown if not line.reached(values[line.key])]
    if not missed:
        return "All aims are reached.\n"
    lines = [
        _item(f"**{line.title}** ({_ratio(line, OURS, values)}). {REASONS.get(line.key, '')}")
        for line in missed
    ]
    head = "Where an aim is not reached, where the time goes, and what was tried:"
    return "\n".join([head, "", *lines, ""])


def _numbers(shown: Sequence[Line], values: Mapping[str, Any]) -> str:
    rows = []
    for line in shown:
        for name, found in values[line.key].items():
            title = line.title if name == next(iter(line.sides)) else ""
            middle = f"{_amount(statistics.median(found))} {line.unit}"
            rows.append([title, name, middle, _span(found, _amount), _compared(line, name, values)])
    head = ["work", "side", "median", "least to most", "ratio", "least to most"]
    return table(head, [[*row[:4], *row[4]] for row in rows])


def _compared(line: Line, name: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """The ratio to the first side, and its range."""
    if line.unit != "events/s" or name == next(iter(line.sides)):
        return "", ""
    return _ratio(line, name, values), _span(line.ratios(name, values[line.key]), "{:.2f}".format)


def _span(found: Sequence[float], shown: Callable[[float], str]) -> str:
    return f"{shown(min(found))} to {shown(max(found))}" if len(found) > 1 else ""


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _growth(growth: Mapping[int, Mapping[str, float]]) -> str:
    least = growth[min(growth)]
    rows = [
        [
            name,
            *(f"{costs[name]:,.3f} ({costs[name] / least[name]:.1f})" for costs in growth.values()),
        ]
        for name in least
    ]
    return table(["milliseconds", *(f"{size:,} events" for size in growth)], rows)


# The plot

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 250, 20, 50
COLOURS = ("#1b6ca8", "#c44e52", "#55a868", "#8172b2", "#937860", "#222222", "#da8b2f")


SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
    'font-family="sans-serif" font-size="12">'
)


def plot(growth: Mapping[int, Mapping[str, float]]) -> str:
    """The costs as a picture (SVG 1.1), each with its name at its end."""
    sizes = sorted(growth)
    costs = [cost for each in growth.values() for cost in each.values()]
    across = _scale(sizes[0], sizes[-1], LEFT, WIDTH - RIGHT)
    low, high = (10.0 ** f(math.log10(g(costs))) for f, g in ((math.floor, min), (math.ceil, max)))
    up = _scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [
        SVG,
        "<title>Milliseconds by the size of the log</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        y = up(10.0**power)
        parts += [
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>',
        ]
    for size in sizes:
        x, y = across(size), HEIGHT - BOTTOM + 20
        parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{size:,}</text>')
    middle, foot = (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10
    parts.append(f'<text x="{middle}" y="{foot}" text-anchor="middle">events in the log</text>')
    parts += _curves(growth, across, up)
    return "\n".join([*parts, "</svg>\n"])


def _curves(growth: Mapping[int, Mapping[str, float]], across: Any, up: Any) -> Iterable[str]:
    sizes = sorted(growth)
    last = growth[sizes[-1]]
    # From top to bottom, names no closer to each other than a line of text.
    free = -math.inf
    for name, colour in sorted(zip(last, COLOURS, strict=False), key=lambda each: -last[each[0]]):
        points = [(across(size), up(growth[size][name])) for size in sizes]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        free = max(free + 15, points[-1][1])
        yield f'<text x="{WIDTH - RIGHT + 12}" y="{free + 4:.1f}" fill="{colour}">{name}</text>'


def _scale(low: float, high: float, begin: float, end: float) -> Any:
    """From values to places, in equal steps for equal factors."""
    whole = math.log10(high / low) or 1.0
    return lambda value: begin + math.log10(value / low) / whole * (end - begin)


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Write the page and its plot into a folder."""
    growth = {int(size): costs for size, costs in results["growth"].items()}
    (folder / "performance.md").write_text(page(results), encoding="utf-8")
    (folder / "performance.svg").write_text(plot(growth), encoding="utf-8")
