"""Evidence as numbered notes: each event once, however many cells rest on it."""

from __future__ import annotations

from collections.abc import Iterable

from timeline.reports.evidence import Citation


class Notes:
    """Numbers the citations from 1, in the order in which they are first shown."""

    def __init__(self) -> None:
        self.citations: dict[str, Citation] = {}
        self._numbers: dict[str, int] = {}

    def numbers(self, cited: Iterable[Citation]) -> list[int]:
        """The numbers of these, ascending."""
        found = set()
        for citation in cited:
            self.citations.setdefault(citation.event, citation)
            found.add(self._numbers.setdefault(citation.event, len(self.citations)))
        return sorted(found)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as first and last of each run, runs of two as two: `(2, 2), (5, 9)`."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return [
        part
        for first, last in found
        for part in ([(first, first), (last, last)] if last == first + 1 else [(first, last)])
    ]


def run_text(first: int, last: int) -> str:
    """A run as it is printed: `2`, or `5–9`."""
    return str(first) if first == last else f"{first}–{last}"
