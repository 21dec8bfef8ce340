"""The fields of coded rows: values, names, CAMEO's codes and countries.

What does not fit is a ValueError that says so. `cameo.txt` and `countries.txt` have the tables.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
import unicodedata
from datetime import date
from importlib import resources
from typing import Literal, get_args

import attrs

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


KNOWN = 16_384
"""Names and values kept in memory with what is made of them: most rows have the same few."""

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


@functools.lru_cache(4_096)
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


@functools.lru_cache(KNOWN)
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


# --- Names ----------------------------------------------------------------------------------------


_LONGEST_SLUG = 60

_WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") or " " for code in range(0x80, 0xA0)}
"""What U+0080 to U+009F stand for where text in Windows-1252 was read as Latin-1."""


@functools.lru_cache(KNOWN)
def tidy(name: str) -> str:
    r"""The name on one line.

    Remnants of Windows-1252 become the characters they stand for. All else that cannot be printed,
    and every run of spaces, becomes one space.

    Example:
        >>> tidy("San\x91a  Harbour")
        'San‘a Harbour'
    """
    if not name.isprintable():
        name = name.translate(_WINDOWS)
        name = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(name.split())


@functools.lru_cache(KNOWN)
def canonical(name: str) -> str:
    """What two spellings of one name share that differ only in case, width and spaces."""
    return tidy(unicodedata.normalize("NFKC", name)).casefold()


def digest(text: str, length: int) -> str:
    """So many hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@functools.lru_cache(KNOWN)
def slugs(name: str) -> tuple[str, ...]:
    """The ids that an actor of that name may have, best first.

    The name itself serves where its letters and digits say all of it; otherwise a digest tells it
    from other names that leave the same letters.
    """
    whole = canonical(name)
    plain = unicodedata.normalize("NFKD", whole).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    short = slug[:_LONGEST_SLUG].strip("-") or "actor"
    marked = (f"{short}-{digest(whole, 8)}", f"{short}-{digest(whole, 32)}")
    return (slug, *marked) if slug == short and slug.replace("-", " ") == whole else marked


# --- Codes ----------------------------------------------------------------------------------------


Becomes = Literal[
    "statement", "proposal", "accepted", "rejected", "adopted", "announced", "held", "conduct"
]
"""What becomes of a code. `accepted` and `rejected` are answers."""

Form = Literal["talks", "call", "visit", "bilateral"]
"""The forms of meetings that codes tell apart."""


@attrs.frozen
class Code:
    """One code.

    Attributes:
        code: its two to four digits; two are a family, which no row bears.
        becomes: what becomes of it.
        mutual: whether coders write it once from either side, so that two rows that mirror each
            other tell of one event.
        label: what it stands for, in our own words.
    """

    code: str
    becomes: Becomes
    mutual: bool
    label: str

    @property
    def family(self) -> str:
        """The first two digits."""
        return self.code[:2]

    @property
    def meaning(self) -> str:
        """What rows that mirror each other share: the code; `visit` for both sides of one."""
        return _MEANINGS.get(self.code, self.code)

    @property
    def form(self) -> Form:
        """What sort of meeting it is, for codes that become one."""
        return _FORMS.get(self.code, "talks")


_MEANINGS = {"042": "visit", "043": "visit"}

_FORMS: dict[str, Form] = {"041": "call", "042": "visit", "043": "visit", "044": "bilateral"}


def _read_code(line: str) -> Code:
    code, becomes, label = line.split(maxsplit=2)
    plain = becomes.removesuffix("*")
    assert plain in get_args(Becomes)
    return Code(code, plain, plain != becomes, label)  # type: ignore[arg-type]  # just checked


def _lines(table: str) -> list[str]:
    """The lines of one of the tables beside this module."""
    text = resources.files(__package__).joinpath(table).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


_ALL = [_read_code(line) for line in _lines("cameo.txt")]

CODES: dict[str, Code] = {code.code: code for code in _ALL if len(code.code) > 2}
"""The codes that rows bear, in order."""

FAMILIES: dict[str, Code] = {code.code: code for code in _ALL if len(code.code) == 2}
"""The twenty families; `becomes` is what becomes of most of their codes."""


# --- Countries ------------------------------------------------------------------------------------


_ARTICLES = ("the ", "a ", "an ")


@attrs.frozen
class Country:
    """One country.

    Attributes:
        codes: its three letters; a second code is one that CAMEO has or had for it.
        name: its usual name in English.
        others: its other names and short forms, its adjectives, and what its people are called.
    """

    codes: tuple[str, ...]
    name: str
    others: tuple[str, ...]


def country(code: str, name: str) -> Country | None:
    """The country of a code, if the name is one of its own and not of a place in it."""
    return _by_name().get((code, _bare(name)))


def other_names(name: str) -> tuple[str, ...]:
    """What else the country of that name is called; nothing where none goes by it first of all."""
    return _others().get(_plain(name), ())


@functools.cache
def countries() -> tuple[Country, ...]:
    """All of them."""
    return tuple(map(_read_country, _lines("countries.txt")))


def _read_country(line: str) -> Country:
    codes, names = line.split(maxsplit=1)
    name, *others = names.split("; ")
    return Country(tuple(codes.split(",")), name, tuple(others))


@functools.cache
def _by_name() -> dict[tuple[str, str], Country]:
    return {
        (code, _bare(name)): entry
        for entry in countries()
        for code in entry.codes
        for name in (entry.name, *entry.others)
    }


@functools.cache
def _others() -> dict[str, tuple[str, ...]]:
    return {_plain(entry.name): entry.others for entry in countries()}


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _bare(name: str) -> str:
    """The name without an article, and without the plural's s, which GDELT often drops."""
    bare = _plain(name)
    for article in _ARTICLES:
        bare = bare.removeprefix(article)
    return bare.removesuffix("s")
