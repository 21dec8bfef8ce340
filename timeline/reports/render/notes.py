"""What renderings share: numbered notes of evidence, and text without control characters."""

from __future__ import annotations

from collections.abc import Iterable

from timeline.dates import short
from timeline.reports.citations import Citation, Support, Told
from timeline.reports.layout import Document, in_words


class Notes:
    """Numbers citations from 1, in the order in which they are first shown."""

    def __init__(self) -> None:
        self.citations: dict[str, Citation] = {}
        self._numbers: dict[str, int] = {}

    @classmethod
    def of(cls, document: Document) -> Notes:
        """The notes of a whole report, so that a number is the same however much is shown."""
        notes = cls()
        rows = (row for table in (*document.tables, *document.apparatus) for row in table.rows)
        cells = (cell for row in (document.opening, *rows) for cell in row)
        # Many cells of a large table share their evidence.
        for evidence in {id(cell.evidence): cell.evidence for cell in cells}.values():
            notes.numbers(evidence)
        return notes

    def __getitem__(self, number: int) -> Citation:
        """The citation of a number."""
        return list(self.citations.values())[number - 1]

    def numbers(self, cited: Iterable[Citation]) -> list[int]:
        """The numbers of these, ascending."""
        numbers = set()
        for citation in cited:
            self.citations.setdefault(citation.event, citation)
            numbers.add(self._numbers.setdefault(citation.event, len(self.citations)))
        return sorted(numbers)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as first and last of each run, runs of two as two: `(2, 2), (5, 9)`."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return [
        part
        for first, last in ranges
        for part in ([(first, first), (last, last)] if last == first + 1 else [(first, last)])
    ]


def run_text(first: int, last: int) -> str:
    """A run as it is printed: `2`, or `5–9`."""
    return str(first) if first == last else f"{first}–{last}"


def citation_text(citation: Citation) -> str:
    """The event, and below it each source with the place in it and the chain of attribution."""
    return "\n".join((citation.event, *(f"  {_support(support)}" for support in citation.sources)))


def note_text(citation: Citation) -> str:
    """What the event says, and who has it: title, address, words and chain of each source."""
    said = f"{citation.words} ({in_words(citation.occurred)})"
    reason = () if citation.reason is None else (f"Why: {citation.reason}",)
    sources = (line for support in citation.sources for line in _source_lines(support))
    return "\n".join((said, *reason, *sources, f"Event {citation.event}"))


def _source_lines(support: Support) -> Iterable[str]:
    where = f", {support.at}" if support.at else ""
    gone = "" if support.withdrawn is None else f" (withdrawn: {support.withdrawn})"
    published = in_words(support.published)
    yield f"{support.publisher}, “{support.title}”, {published}{where}{gone}"
    if support.address:
        yield f"  {support.address}"
    if support.excerpt:
        yield f"  “{support.excerpt}”"
    if support.dated:
        yield f"  date given as “{support.dated}”"
    if support.chain:
        yield f"  {chain_text(support.chain)}"
    if support.note:
        yield f"  Note: {support.note}"


def _support(support: Support) -> str:
    dated = support.dated and f"date given as “{support.dated}”"
    place = ", ".join(filter(None, (support.source, support.at, dated)))
    if support.withdrawn is not None:
        place = f"{place} (withdrawn: {support.withdrawn})"
    chain = chain_text(support.chain)
    said = f"{place}: {chain}" if chain else place
    return f"{said} ({support.note})" if support.note else said


def chain_text(chain: Iterable[Told]) -> str:
    """A chain of attribution in one line, from the publisher to the speaker."""
    return " → ".join(map(_told, chain))


def _told(link: Told) -> str:
    details = link_details(link)
    return f"{link.who} ({details})" if details else link.who.name


def link_details(link: Told) -> str:
    """How one link of a chain passed the words on: office, manner, date, to whom."""
    said = link.said and short(link.said)
    to = link.to and f"to {link.to}"
    return ", ".join(part for part in (link.capacity, link.manner, said, to) if part)


def inert(text: str) -> str:
    """The text with U+FFFD in place of control characters that a terminal would obey."""
    if text.isprintable():  # Most text is printable, and this check is quick.
        return text
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
