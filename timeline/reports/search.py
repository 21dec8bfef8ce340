"""Search: the entries of the record that have some words, the words marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

import attrs

from timeline.dates import Occurred, when
from timeline.engine.projection import View
from timeline.engine.search import Phrase, Search
from timeline.errors import InvalidInput
from timeline.events import VOCABULARY, event_type
from timeline.projections.directory import SourceRow
from timeline.projections.search import SHOWN, SearchRow, fold, mark, stem
from timeline.reports import layout
from timeline.reports.actors import find_actor
from timeline.reports.citations import Citation, Citer, text, type_words
from timeline.reports.layout import Cell, Document, Table
from timeline.reports.model import Report, Span, chosen_by, made_from, not_found, require_top
from timeline.reports.plans import find_initiative

_TOP = 20

_AROUND = 160
"""Characters shown of a passage around its first marked word."""


@attrs.frozen
class HitLine:
    """One entry that has the words.

    Attributes:
        id: of the thing that the entry adds to the record, such as a source; else of the event.
        thing: `actor`, `source`, `meeting` or `initiative` for such a thing; else `event`.
        type: the type of the event.
        date: when it occurred; of a source, when it was published.
        heading: its name or title, where it has one.
        passage: the text that has most of the words, cut around them.
        marks: where in the passage they begin and end.
        evidence: the event, and what amends it.
    """

    id: str
    thing: str
    type: str
    date: str | None
    heading: str | None
    passage: str
    marks: tuple[tuple[int, int], ...]
    evidence: tuple[Citation, ...]

    @property
    def marked(self) -> str:
        """The passage with a star at both ends of each marked stretch."""
        shown, done = "", 0
        for start, end in self.marks:
            shown += f"{self.passage[done:start]}*{self.passage[start:end]}*"
            done = end
        return shown + self.passage[done:]


@attrs.frozen(kw_only=True, repr=False)
class SearchReport(Report):
    """What has the words, best first.

    Attributes:
        words: what was looked for.
        chosen_by: in words, what else it was chosen by.
        total: how many entries have the words.
        hits: the first of them.
    """

    kind: ClassVar[str] = "search"

    words: str
    chosen_by: tuple[str, ...]
    total: int
    hits: tuple[HitLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        by = f", {', '.join(self.chosen_by)}" if self.chosen_by else ""
        left = self.total - len(self.hits)
        more = f" {left:,} more: --top all." if left else ""
        return self._document(
            f"{layout.number(self.total, 'entry', 'entries')} with {self.words}{by}",
            [Table("Found", ("When", "Entry", "Passage"), tuple(map(_row, self.hits)), named_by=1)],
            note="First what is called so, then what has the words side by side, then the rest; "
            f"each by the latest recorded. `timeline show ID` has the whole entry.{more}",
        )


def search_report(
    view: View,
    *words: str,
    type: str | None = None,
    since: Occurred = None,
    until: Occurred = None,
    publisher: str | None = None,
    actor: str | None = None,
    initiative: str | None = None,
    top: int | None = _TOP,
) -> SearchReport:
    """Find statements, quotes, names, titles and notes that have all these words.

    Case, accents and endings make no difference: `port` finds `Ports`, `порт` finds `Порта`. In
    double quotes, words must follow each other. A star stands for any ending: `impor*`.

    Args:
        view: the read models to report from.
        words: what to look for.
        type: only events of this type, such as StatementMade, or SourceAdded for sources.
        since: only what is dated from this date on; of sources, by publication.
        until: only what is dated up to this date.
        publisher: only what rests on sources of this publisher, by id or name, and those sources.
        actor: only what names this actor, in itself or in its evidence, by id or name.
        initiative: only what names this initiative.
        top: how many entries to list; None for all. All are counted.

    Example:
        timeline search harbour dredging
        timeline search '"joint harbour"' --since 2024 --actor 'Ann Minister'

    Raises:
        InvalidInput: there is no word to look for, or `since` lies after `until`.
        NotFound: no such type, publisher, actor or initiative is recorded.
    """
    require_top(top)
    looked_for = _looked_for(words)
    span = Span.of(since, until)
    chosen = dict(_chosen(view, type, publisher, actor, initiative))
    rows, total = _ranked(view, looked_for, tuple(chosen.values()), _dated(span), top)
    phrases = [phrase for group in looked_for for phrase in group]
    citer = Citer(view)
    citer.load(row.event for row in rows)
    return SearchReport(
        words=" ".join(words),
        chosen_by=(*chosen, *chosen_by(view, span=span)),
        total=total,
        hits=tuple(_hit(citer, row, phrases) for row in rows),
        **made_from(view, citer),
    )


# What is looked for

_PART = re.compile(r'"([^"]*)"|(\S+)')


def _looked_for(words: Iterable[str]) -> Search:
    """The phrases of a query, each a group of its own.

    Raises:
        InvalidInput: there is none.
    """
    given = " ".join(words)
    parts = (_phrase(quoted or plain) for quoted, plain in _PART.findall(given))
    search = tuple((phrase,) for phrase in parts if phrase is not None)
    if not search:
        raise InvalidInput(f"words: expected a word to look for; found {given!r}")
    return search


def _phrase(part: str) -> Phrase | None:
    folded = fold(part)
    if not folded:
        return None
    is_prefix = part.rstrip().endswith("*")
    last = folded[-1] if is_prefix else stem(folded[-1])
    return Phrase((*map(stem, folded[:-1]), last), is_prefix)


def _chosen(
    view: View, type: str | None, publisher: str | None, actor: str | None, initiative: str | None
) -> Iterator[tuple[str, tuple[Phrase, ...]]]:
    """What else an entry must have, in words and as one of several marks."""
    if type is not None:
        known = [event_type(cls).name for cls in VOCABULARY]
        if type not in known:
            raise not_found(view, "type of event", type, known, listed="Known are")
        yield f"of type {type}", (_named("type", type),)
    if publisher is not None:
        id = find_actor(view, publisher)
        sources = [row.source for row in view.all(SourceRow) if row.publisher == id]
        yield f"published by {publisher}", tuple(_named("source", one) for one in sources or [""])
    if actor is not None:
        yield f"naming {actor}", (_named("actor", find_actor(view, actor)),)
    if initiative is not None:
        row = find_initiative(view, initiative)
        yield f"naming {row.initiative}", (_named("proposal", row.initiative),)


def _named(category: str, id: str) -> Phrase:
    return Phrase((mark(category, id),))


def _dated(span: Span) -> Callable[[SearchRow], bool] | None:
    if span.since is None and span.until is None:
        return None
    return lambda row: row.date is not None and span.holds(row.date)


# Ranking


def _ranked(
    view: View,
    looked_for: Search,
    marks: Search,
    dated: Callable[[SearchRow], bool] | None,
    top: int | None,
) -> tuple[list[SearchRow], int]:
    """The best rows, and how many fit in all."""
    everything = {"words": looked_for + marks}
    best: dict[int, SearchRow] = {}
    total = 0
    for sought in (*_better(looked_for, marks), everything):
        if top is None or len(best) < top or sought is everything:
            limit = None if top is None or dated is not None else top + len(best)
            rows, total = view.search(SearchRow, sought, limit)
            kept = rows if dated is None else [row for row in rows if dated(row)]
            total = total if dated is None else len(kept)
            best |= {row.position: row for row in kept if row.position not in best}
    return list(best.values())[:top], total


_OPENING = tuple(
    _named("type", kind.name)
    for kind in map(event_type, VOCABULARY)
    if kind.opens and kind.category in SHOWN and kind.category != "source"
)
"""The marks of events that add a thing with a name of its own; a source's title only describes."""


def _better(looked_for: Search, marks: Search) -> Iterator[dict[str, Search]]:
    """What a better entry has: the words in its name; or side by side."""
    yield {"heading": looked_for, "words": (_OPENING, *marks)}
    phrases = [phrase for (phrase,) in looked_for]
    if len(phrases) > 1 and not any(phrase.prefix for phrase in phrases[:-1]):
        words = tuple(word for phrase in phrases for word in phrase.words)
        yield {"words": ((Phrase(words, phrases[-1].prefix),), *marks)}


# Showing

_Word = tuple[str, tuple[int, int]]
"""A folded word, and where it begins and ends."""

_WORD = re.compile(r"\w+(?:['’‘`´]\w+)*")


def _hit(citer: Citer, row: SearchRow, phrases: list[Phrase]) -> HitLine:
    lines = row.texts.split("\n")
    marked = [(line, _marks(line, phrases)) for line in lines]
    passage, marks = max(marked, key=lambda pair: len({place for _, _, place in pair[1]}))
    start, shown = _cut(passage, marks[0][0] if marks else 0)
    end = start + len(shown.rstrip("…"))
    lead = "…" if start else ""
    category, _, id = (row.thing or f"event:{row.event}").partition(":")
    return HitLine(
        id=id,
        thing="initiative" if category == "proposal" else category,
        type=row.type,
        date=text(row.date),
        heading=lines[0] if row.heading else None,
        passage=lead + shown,
        marks=tuple(
            (first - start + len(lead), last - start + len(lead))
            for first, last in sorted({(first, last) for first, last, _ in marks})
            if start <= first and last <= end
        ),
        evidence=citer.cite([row.event]),
    )


def _marks(line: str, phrases: list[Phrase]) -> list[tuple[int, int, int]]:
    """Where the phrases stand in a line: beginning, end, and the number of the phrase."""
    words = [(folded, word.span()) for word in _WORD.finditer(line) for folded in fold(word[0])]
    stems = [stem(folded) for folded, _ in words]
    return sorted(
        (words[at][1][0], words[at + len(phrase.words) - 1][1][1], number)
        for number, phrase in enumerate(phrases)
        for at in range(len(words) - len(phrase.words) + 1)
        if _stands_at(at, phrase, stems, words)
    )


def _stands_at(at: int, phrase: Phrase, stems: list[str], words: list[_Word]) -> bool:
    if len(phrase.words) == 1 and phrase.fits(words[at][0]):
        return True
    return phrase.fits(" ".join(stems[at : at + len(phrase.words)]))


def _cut(passage: str, first: int) -> tuple[int, str]:
    """Where what is shown of a passage begins, and that part; whole words around the first mark."""
    if len(passage) <= _AROUND:
        return 0, passage
    start = max(0, min(first - _AROUND // 3, len(passage) - _AROUND))
    if start:
        start = passage.rfind(" ", 0, start) + 1
    end = min(len(passage), start + _AROUND)
    while end < len(passage) and not passage[end].isspace():
        end += 1
    return start, passage[start:end] + ("…" if end < len(passage) else "")


def _row(hit: HitLine) -> tuple[Cell, ...]:
    if hit.thing == "event":
        named = Cell(f"{hit.id} ({type_words(hit.type).lower()})")
    else:
        named = Cell(f"{hit.heading or hit.thing} ({hit.id})", about=f"{hit.thing}/{hit.id}")
    return layout.line(hit.evidence, when(hit.date), named, hit.marked)
