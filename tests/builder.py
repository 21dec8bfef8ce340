"""Builds the small records that tests of reports are about.

    timeline = builder.record(*builder.cast("gazette", "north"), builder.ARTICLE)

makes a fixture of the module: a new record for each test, with these actors and sources in it.
`builder.report(timeline, event, "2024-05")` adds what `ARTICLE` reports.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from timeline import Actor, Source, Timeline

_CAST = {
    "gazette": Actor("gazette", "organisation", "The Gazette"),
    "league": Actor("league", "organisation", "The League"),
    "north": Actor("north", "state", "Northland"),
    "south": Actor("south", "state", "Southland"),
    "minister": Actor("minister", "person", "The minister"),
    "secretary": Actor("secretary", "person", "The secretary"),
    "envoy": Actor("envoy", "person", "The envoy"),
}
ARTICLE = Source("article", publisher="gazette", title="A harbour for two")


def cast(*ids: str) -> list[Actor]:
    """Actors that several modules share."""
    return [_CAST[id] for id in ids]


def record(
    *things: Actor | Source, then: Callable[[Timeline], object] | None = None, **options: Any
) -> Any:
    """A fixture: a record with these things, and with what `then` adds, for each test again.

    Options are those of `Timeline.open`.
    """

    @pytest.fixture
    def made(kept_url: str) -> Iterator[Timeline]:
        with Timeline.open(kept_url, **options) as opened:
            opened.add(*things)
            if then is not None:
                then(opened)
            yield opened

    return made


def report(
    timeline: Timeline,
    event: object,
    occurred: str | None = None,
    id: str | None = None,
    source: str = "article",
) -> Any:
    """Append an event that one source reports."""
    return timeline.append(event, occurred=occurred, id=id, source=source)
