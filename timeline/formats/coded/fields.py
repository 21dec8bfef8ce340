"""Values of the fields of coded rows; what does not fit is a ValueError that says so."""

from __future__ import annotations

import math
import re
from datetime import date

from timeline.formats.coded.cameo import CODES
from timeline.formats.coded.rows import tidy

_LONGEST_NAME = 300
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})\Z", re.ASCII)
_STORY = re.compile(r"[A-Za-z0-9]{1,40}\Z", re.ASCII)

_OF_BODIES = """
    academy administration agency alliance armed army assembly association authority bank bloc board
    bureau cabinet center centre chamber church coalition command commission committee company
    confederation conference congress cooperation corporation corps council court dal department
    directorate embassy federation force forces foundation frente front fund government group guard
    house institute institution janata league ministry mission morcha movement nations navy network
    office organisation organization parishad parliament partei parti partido partito party police
    rada rights sabha sangh sena senate service services society staff times treasury tribunal union
    university white yard
"""
"""Words by which the name of a body is known from that of a person."""

_OF_PLACES = """
    city coast east eastern island islands kingdom new north northern of republic saudi south
    southern state states street united west western
"""
"""Words by which the name of a place is."""

_BODIES, _PLACES = frozenset(_OF_BODIES.split()), frozenset(_OF_PLACES.split())


MISSING = frozenset({"", "NA", "NULL"})
"""What stands where a value is not known."""


def text(value: str) -> str | None:
    """The value; None where it is missing."""
    value = tidy(value)
    return None if value in MISSING else value


def name(value: str, what: str) -> str | None:
    """A name, if there is one.

    Raises:
        ValueError: it is too long for one.
    """
    given = text(value)
    if given is not None and len(given) > _LONGEST_NAME:
        raise ValueError(f"{what}: expected a name of up to {_LONGEST_NAME} characters")
    return given


def required(value: str, what: str) -> str:
    """A value that every row has.

    Raises:
        ValueError: this one does not.
    """
    given = name(value, what)
    if given is None:
        raise ValueError(f"{what}: expected a value; found none")
    return given


def mark(value: str, what: str) -> str:
    """An id, of letters and digits, in lower case.

    Raises:
        ValueError: it is none.
    """
    if value in MISSING or not _STORY.match(value):
        raise ValueError(f"{what}: expected letters and digits; found {value[:40]!r}")
    return value.lower()


def day(value: str, what: str) -> str:
    """A day, from 2018-06-01, 20180601 or the American 6/1/2018, as 2018-06-01.

    Raises:
        ValueError: it is none.
    """
    if american := _AMERICAN.match(value):
        month, number, year = american.groups()
        value = f"{year}-{month:0>2}-{number:0>2}"
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        problem = f"expected a day such as 2018-06-01, 20180601 or 6/1/2018; found {value[:40]!r}"
        raise ValueError(f"{what}: {problem}") from None


def code(value: str, what: str) -> str:
    """A code of CAMEO's.

    Raises:
        ValueError: it is none.
    """
    if value not in CODES:
        hint = ". Were its leading zeros lost?" if f"0{value}" in CODES else ""
        raise ValueError(f"{what}: expected a code of CAMEO's; found {value[:40]!r}{hint}")
    return value


def number(value: str, what: str, low: float, high: float) -> float | None:
    """A number within bounds, if there is one.

    Raises:
        ValueError: it is none, or beyond the bounds.
    """
    given = text(value)
    if given is None:
        return None
    try:
        read = float(given)
    except ValueError:
        read = math.nan
    if not low <= read <= high:
        problem = f"expected a number from {low:g} to {high:g}; found {given[:40]!r}"
        raise ValueError(f"{what}: {problem}")
    return read


def is_of_a_body(name: str) -> bool:
    """Whether a name has a word in it that bodies are known by."""
    return not _BODIES.isdisjoint(_words(name))


def is_of_a_place(name: str) -> bool:
    """Whether a name has a word in it that places are known by."""
    return not _PLACES.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    return name.casefold().replace("'s", "").split()
