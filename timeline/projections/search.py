"""What can be searched: the words of every event, as they are compared.

Words that differ in case, accents or inflection compare equal. English, Russian and Arabic endings
are taken off by the Snowball stemmers, chosen by script. Other scripts are compared as spelt.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

import attrs

from timeline.dates import When
from timeline.engine.projection import OfEvent, Projection, Rows, Searched, on, row
from timeline.events import VOCABULARY, RecordedEvent, SourceAdded, event_type
from timeline.events.named_ids import named

_HEADINGS = ("title", "name", "aliases")
_TEXTS = (
    *("text", "quotes", "topics", "place", "summary", "note", "reason", "role", "capacity"),
    *("question", "value", "scope", "excerpt"),
)
_WITHIN = ("source", "actor", "positions", "terms", "sides", "called", "fault")
"""Fields of events that hold further fields with words."""

_GAP = "§"
"""Stands between two texts, so that no phrase reaches from one into the other; no word has it."""

_BETWEEN = f" {_GAP} "

_LONGEST = 60
"""Characters of a word that are compared."""


@row("search", key=("position",))
class SearchRow:
    """The words of one event.

    `heading` and `words` hold them as they are compared: stems, text by text; `words` also has the
    full forms that differ from their stems, and marks of all things that the event names.

    Attributes:
        position: the event's.
        event: its id.
        type: its type.
        thing: the category and id of what it opens, such as `actor:ann`; None for other events.
        date: when it occurred; of a source, when it was published.
        texts: its texts as given, one a line.
        heading: the words of names and titles.
        words: all words.
    """

    position: int
    event: OfEvent
    type: str
    thing: str | None
    date: When | None
    texts: str
    heading: Searched
    words: Searched


class SearchWords(Projection):
    """The words of all events, by event; also by what they name and rest on."""

    name = "search"
    version = 2
    split_by = "position"
    rows = (SearchRow,)

    @on(*VOCABULARY)
    def keep(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Keep the words of names, titles, texts, quotes, notes and excerpts."""
        marks = " ".join(dict.fromkeys(_marks(recorded)))
        headings = [*_texts(recorded.event, headings=True)]
        texts = [*headings, *_texts(recorded.event, headings=False)]
        for evidence in recorded.evidence:
            texts += _texts(evidence, headings=False)
        lines = [*dict.fromkeys(" ".join(text.split()) for text in texts)]
        said = recorded.event
        rows.put(
            SearchRow(
                position=recorded.position,
                event=recorded.id,
                type=recorded.type,
                thing=_opened(said),
                date=said.source.published if isinstance(said, SourceAdded) else recorded.occurred,
                texts="\n".join(lines),
                heading=_indexed(headings),
                words=_BETWEEN.join(filter(None, [_indexed(lines), marks])),
            )
        )


def _opened(event: Any) -> str | None:
    """The thing that has a page of its own and begins with this event."""
    category = event_type(type(event)).category
    if not event_type(type(event)).opens or category not in SHOWN:
        return None
    return next((f"{kind}:{id}" for _, kind, id in named(event) if kind == category), None)


SHOWN = ("actor", "source", "meeting", "proposal")
"""The categories of things that can be shown by their id."""


def _texts(value: Any, *, headings: bool) -> Iterator[str]:
    """The names and titles of a value, or its other texts; with those of the values it holds."""
    for name, has_words, holds_more in _fields(value.__class__, headings):
        held = getattr(value, name)
        if has_words and held:
            yield from [held] if isinstance(held, str) else held
        elif holds_more and held:
            for item in held if isinstance(held, tuple) else (held,):
                yield from _texts(item, headings=headings) if attrs.has(type(item)) else ()


@cache
def _fields(cls: Any, headings: bool) -> list[tuple[str, bool, bool]]:
    """The fields to look at: their names, whether they have words, whether they hold more."""
    wanted = _HEADINGS if headings else _TEXTS
    names = [field.name for field in attrs.fields(cls)]
    return [(n, n in wanted, n in _WITHIN) for n in names if n in wanted or n in _WITHIN]


def _marks(recorded: RecordedEvent[Any]) -> Iterator[str]:
    yield mark("type", recorded.type)
    for _, category, id in named(recorded.event):
        yield mark(category, id)
    for evidence in recorded.evidence:
        yield mark("source", evidence.source)
        for link in evidence.chain:
            yield mark("actor", link.who)
            if link.to is not None:
                yield mark("actor", link.to)


@lru_cache(maxsize=20_000)
def mark(category: str, id: str) -> str:
    """The word that stands for a thing among the words of the events that name it.

    >>> mark("actor", "ann")
    '§actor616e6e'
    """
    return f"{_GAP}{category}{id.encode().hex()}"


# Words


def _indexed(texts: Iterable[str]) -> str:
    """Texts as they are searched: the stems of each, then the full forms that differ from them."""
    stems: list[str] = []
    full: dict[str, None] = {}
    for text in texts:
        words = fold(text)
        here = [*map(stem, words)]
        stems += [" ".join(here)]
        full |= {word: None for word, short in zip(words, here, strict=True) if word != short}
    return _BETWEEN.join([*filter(None, stems), *full])


def fold(text: str) -> list[str]:
    """The words of a text, without case and accents.

    >>> fold("Président Йорк’s “joint-harbour”")
    ['president', 'йоркs', 'joint', 'harbour']
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    # A Russian letter of its own, though Unicode takes it apart.
    whole = folded.replace("и\u0306", "й").translate(_PLAIN)
    return [word[:_LONGEST] for word in whole.split()]


class _Plain(dict[int, str]):
    """By character, what is left of it for comparing; worked out when first met."""

    def __missing__(self, code: int) -> str:
        self[code] = left = _left_of(chr(code))
        return left


def _left_of(character: str) -> str:
    category = unicodedata.category(character)
    if character in _DROPPED or category == "Lm" or unicodedata.combining(character):
        return ""
    if _is_ideograph(character):
        return f" {character} "  # written without spaces: each is a word
    # Vowel signs, as in Devanagari, are marks without a combining class.
    return character if character.isalnum() or category.startswith("M") else " "


def _is_ideograph(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff"


_DROPPED = "'’‘`´\u00ad\u200b\u200c\u200d\u2060"
_PLAIN = _Plain(str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"}))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A folded word without its ending.

    >>> stem("imports"), stem("гаванью")
    ('import', 'гаван')
    """
    language = _language(word[0])
    if language is None or not word.isalpha():
        return word
    with _LOCK:
        return str(_stemmers()[language].stemWord(word))


def has_words(text: str, asked: str) -> bool:
    """Whether a text has all the words that are asked for, in whatever form and order.

    >>> has_words("imports of fish", "Fish import")
    True
    """
    return {*map(stem, fold(asked))} <= {*map(stem, fold(text))}


_LOCK = threading.Lock()
"""A stemmer keeps the word that it works on."""


def _language(character: str) -> str | None:
    if character < "\u0250" or "\u1e00" <= character <= "\u1eff":
        return "english"
    if "\u0400" <= character <= "\u052f":
        return "russian"
    return "arabic" if "\u0600" <= character <= "\u06ff" else None


@cache
def _stemmers() -> dict[str, Any]:
    from snowballstemmer.arabic_stemmer import ArabicStemmer
    from snowballstemmer.english_stemmer import EnglishStemmer
    from snowballstemmer.russian_stemmer import RussianStemmer

    return {"english": EnglishStemmer(), "russian": RussianStemmer(), "arabic": ArabicStemmer()}
