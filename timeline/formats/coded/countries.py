"""Countries by their three-letter codes, with their other names; see `countries.txt`."""

from __future__ import annotations

import functools
from importlib import resources

import attrs

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
    table = resources.files(__package__).joinpath("countries.txt").read_text(encoding="utf-8")
    lines = (line for line in table.splitlines() if not line.startswith("#"))
    return tuple(map(_read, lines))


def _read(line: str) -> Country:
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
