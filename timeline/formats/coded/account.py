"""What an ingest of coded event data did: an account in which every row is found once."""

from __future__ import annotations

from collections import Counter
from typing import Literal, get_args

import attrs

from timeline.errors import InvalidRecord
from timeline.formats.coded.cameo import CODES, Becomes
from timeline.formats.coded.rows import Dataset

Fate = Literal["event", "folded", "further", "repeated", "left out", "bad"]
"""What became of a row.

It made an `event`; was `folded` into that of a row which tells the same; came `further` to an event
that was on record; was `repeated`, being on record or among these rows before; was `left out`, for
one of the reasons `Why`; or was `bad`.
"""

Why = Literal["conduct", "nobody acts", "one party"]
"""Why a row was left out.

It is `conduct`, which was not asked for; it says of nobody that they act; or it tells of a meeting
or an agreement, and does not name two different parties.
"""

_MOST_PROBLEMS = 100


@attrs.frozen
class CodeLine:
    """What became of the rows of one code; `rows` is the sum of what follows."""

    code: str
    label: str
    becomes: Becomes
    rows: int
    events: int
    folded: int
    further: int
    repeated: int
    left_out: int
    bad: int


@attrs.frozen
class Ingested:
    """The account.

    Attributes:
        dataset: what was ingested.
        rows: how many rows were read, good and bad.
        events: how many events were made of them.
        folded: how many rows were folded into the event of another.
        further: how many rows were added, as corroborations, to events on record.
        repeated: how many were on record, or read, before.
        left_out: how many were left out.
        reasons: the same by why, where there are any: `conduct`, that was not asked for; `nobody
            acts`; and `one party`, of a meeting or an agreement that does not name two.
        bad: how many were bad; those whose code could not be read are in no line of `codes`.
        revised: how many of the bad rows are revised: known by their id, with other content.
        codes: the same by code.
        problems: what was wrong with the bad rows, up to a hundred. What is wrong with many rows
            of a file in the same way is one problem, that of the first.
        actors: how many actors were added.
        sources: how many sources were.
        added: how many events the log has more: of rows, actors and sources.
        position: where the log ended then.
    """

    dataset: Dataset
    rows: int
    events: int
    folded: int
    further: int
    repeated: int
    left_out: int
    reasons: dict[str, int]
    bad: int
    revised: int
    codes: tuple[CodeLine, ...]
    problems: tuple[InvalidRecord, ...]
    actors: int
    sources: int
    added: int
    position: int


class Tally:
    """Counts what becomes of rows."""

    def __init__(self) -> None:
        self._fates: Counter[tuple[str, Fate]] = Counter()
        self._reasons: Counter[Why] = Counter()
        self._problems: dict[tuple[str, str], InvalidRecord] = {}
        self._alike: Counter[tuple[str, str]] = Counter()
        self.actors = self.sources = self.revised = 0

    def count(self, code: str, fate: Fate, rows: int = 1) -> None:
        """Count rows of a code."""
        self._fates[code, fate] += rows

    def leave_out(self, code: str, why: Why) -> None:
        """Count a row of a code that is left out."""
        self.count(code, "left out")
        self._reasons[why] += 1

    def refuse(self, problem: InvalidRecord, code: str = "", *, revised: bool = False) -> None:
        """Count a bad row, and keep what is wrong with it."""
        self.count(code, "bad")
        self.revised += revised
        key = (problem.file, problem.problem)
        if key in self._problems or len(self._problems) < _MOST_PROBLEMS:
            self._problems.setdefault(key, problem)
            self._alike[key] += 1

    @property
    def problems(self) -> list[InvalidRecord]:
        """What is wrong with rows; of several of one file with the same fault, the first."""
        return [
            _of_several(problem, self._alike[key] - 1) for key, problem in self._problems.items()
        ]

    def copy(self) -> Tally:
        """One that goes on from here."""
        other = Tally()
        other._fates = self._fates.copy()
        other._reasons = self._reasons.copy()
        other._problems = self._problems.copy()
        other._alike = self._alike.copy()
        other.revised = self.revised
        return other

    def total(self, fate: Fate) -> int:
        """How many rows that became of."""
        return sum(count for (_, of), count in self._fates.items() if of == fate)

    def account(self, dataset: Dataset, added: int, position: int) -> Ingested:
        """The account of it all."""
        seen = {code for code, _ in self._fates}
        return Ingested(
            dataset=dataset,
            rows=self._fates.total(),
            events=self.total("event"),
            folded=self.total("folded"),
            further=self.total("further"),
            repeated=self.total("repeated"),
            left_out=self.total("left out"),
            reasons={why: self._reasons[why] for why in get_args(Why) if self._reasons[why]},
            bad=self.total("bad"),
            revised=self.revised,
            codes=tuple(self._line(code) for code in CODES if code in seen),
            problems=tuple(self.problems),
            actors=self.actors,
            sources=self.sources,
            added=added,
            position=position,
        )

    def _line(self, code: str) -> CodeLine:
        of: dict[str, int] = {fate: count for (each, fate), count in self._fates.items()
                              if each == code}  # fmt: skip
        return CodeLine(
            code=code,
            label=CODES[code].label,
            becomes=CODES[code].becomes,
            rows=sum(of.values()),
            events=of.get("event", 0),
            folded=of.get("folded", 0),
            further=of.get("further", 0),
            repeated=of.get("repeated", 0),
            left_out=of.get("left out", 0),
            bad=of.get("bad", 0),
        )


def _of_several(problem: InvalidRecord, others: int) -> InvalidRecord:
    """A problem, with how many other rows have the same."""
    if not others:
        return problem
    text = f"{problem.problem}. So are {others:,} more rows of the file"
    return InvalidRecord(problem.file, text, line=problem.line, field=problem.field)
