"""GDELT: rows of the Global Database of Events, Language and Tone, version 2.0, coded with CAMEO.

An export file (`.export.CSV`) is text in UTF-8, a row a line, 61 fields between tabs, no line of
names (http://data.gdeltproject.org/documentation/GDELT-Event_Codebook-V2.0.pdf). A row names the
first article that told of its event, and no sentence in it.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from timeline.events.encoding import ADDRESS
from timeline.formats.coded import fields
from timeline.formats.coded.events import CodedRow, Party, Story

_COLUMNS = 61

# Where in a row things are, from 0.
_ID, _DAY, _CODE, _GOLDSTEIN, _ADDED, _ADDRESS = 0, 1, 26, 30, 59, 60
_ACTORS = ((5, 36), (15, 44))
"""Where the ten fields of each actor begin, and where the name of its place is."""
_PLACE, _LATITUDE, _LONGITUDE = 52, 56, 57

_OF_BODIES = frozenset({"IGO", "IMG", "INT", "MED", "MNC", "NGM", "NGO", "UIS"})
"""Types of actors that are bodies: between states, across them, and of the press."""

_LONGEST_ADDRESS = 2_000
_LONGEST_TITLE = 300


_OTHERS = {
    16: "this is GDELT's table of mentions",
    27: "this is GDELT's Global Knowledge Graph",
    57: "this is GDELT 1.0 (57 fields, before April 2013)",
    58: "this is GDELT 1.0 (58 fields)",
}
"""What a line with so many fields belongs to."""


def require_layout(line: str) -> None:
    """Check the first line of a file.

    Raises:
        ValueError: the file is of a layout that is known, and is not this one.
    """
    if line.startswith("Event ID\t"):
        raise ValueError("this is ICEWS: expected GDELT 2.0. Use --from icews")
    other = _OTHERS.get(line.count("\t") + 1)
    if other is not None:
        raise ValueError(
            f"{other}: expected an export of GDELT 2.0, with {_COLUMNS} fields between tabs, "
            "from http://data.gdeltproject.org/gdeltv2/"
        )


def row_of(line: str) -> CodedRow:
    """The row that a line holds.

    Raises:
        ValueError: a field of it is not what it must be.
    """
    values = line.split("\t")
    if len(values) != _COLUMNS:
        raise ValueError(f"expected {_COLUMNS} fields between tabs; found {len(values)}")
    address = fields.text(values[_ADDRESS])
    if address is None:
        raise ValueError("SOURCEURL: expected a value; found none")
    first, second = (_party(values[place], *values[at : at + 10]) for at, place in _ACTORS)
    return CodedRow(
        dataset="gdelt",
        row=fields.mark(values[_ID], "GLOBALEVENTID"),
        day=fields.day(values[_DAY], "SQLDATE"),
        actor=first,
        target=second,
        code=fields.code(values[_CODE], "EventCode"),
        intensity=fields.number(values[_GOLDSTEIN], "GoldsteinScale", -10, 10),
        story=_story(address, values[_ADDED]),
        sentence=None,
        place=fields.text(values[_PLACE]),
        latitude=fields.number(values[_LATITUDE], "ActionGeo_Lat", -90, 90),
        longitude=fields.number(values[_LONGITUDE], "ActionGeo_Long", -180, 180),
    )


@functools.lru_cache(fields.KNOWN)
def _story(address: str, added: str) -> Story:
    """The article; of what is not on the web there is a citation only, such as a digest's name."""
    linked = len(address) <= _LONGEST_ADDRESS and re.match(ADDRESS, address)
    host = (urlsplit(address).hostname or "").removeprefix("www.") if linked else ""
    shown = address.partition("://")[2] or address
    key = fields.digest(address, 24)
    return Story(
        key=key,
        source=f"gdelt-{key}",
        publisher=(host or address)[:_LONGEST_TITLE],
        title=shown[:_LONGEST_TITLE],
        address=address if linked else None,
        # GDELT reads what appears, each quarter of an hour.
        published=f"{fields.day(added[:8], 'DATEADDED')}~",
        retrieved=_moment(added),
    )


@functools.lru_cache(fields.KNOWN)
def _moment(added: str) -> str:
    """The instant, in UTC, that DATEADDED stands for."""
    try:
        return datetime.strptime(added, "%Y%m%d%H%M%S").replace(tzinfo=UTC).isoformat()
    except ValueError:
        problem = f"expected an instant such as 20201113001500; found {added[:40]!r}"
        raise ValueError(f"DATEADDED: {problem}") from None


@functools.lru_cache(fields.KNOWN)
def _party(place: str, *values: str) -> Party | None:
    """The actor of a place and ten fields.

    They are code, name, country, group, people, two religions, three types.
    """
    code, country, group = (fields.text(values[place]) or "" for place in (0, 2, 3))
    name = fields.name(values[1], "ActorName") or fields.name(code, "ActorCode")
    if name is None:
        return None
    # GDELT codes what lies in a country, its towns and provinces, as the country.
    if code and code == country and (found := fields.country(code, name)):
        return Party(found.name, "state")
    # Many share a name: PRIME MINISTER, POLICE, and that of a country for its army.
    whole = fields.required(f"{name} ({code})" if code else name, "ActorName")
    if group or not _OF_BODIES.isdisjoint(values[7:10]):
        return Party(whole, "organisation")
    return Party(whole, "person" if _is_person(name, code, place) else "unnamed")


def _is_person(name: str, code: str, place: str) -> bool:
    """Whether it reads as a person's: several words, and neither a body's nor a place's."""
    words = fields.canonical(name)
    several = len(code) > 3 and " " in words and not words.startswith(("the ", "a "))
    of_place = words in fields.canonical(place) or fields.is_of_a_place(words)
    return several and not of_place and not fields.is_of_a_body(words)
