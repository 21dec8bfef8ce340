"""What was said at one time: only then do different words contradict, and show no change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from timeline.dates import When, latest_key
from timeline.models.initiatives import TermRow
from timeline.models.plans import PlanRow
from timeline.reports.rules.attribution import Stance
from timeline.reports.rules.terms import comparable_term

_Row = TypeVar("_Row")

_MONTH = timedelta(days=31)
"""How vague dates may be for two stances to be at odds: in a year, one may change."""


def differing(
    rows: Sequence[_Row],
    same_time: Callable[[_Row, _Row], bool],
    answer: Callable[[_Row], object],
) -> Iterator[list[_Row]]:
    """The rows that differ from others of the same time, those of one time together."""
    seen: set[int] = set()
    for index, one in enumerate(rows):
        group = [number for number, other in enumerate(rows) if same_time(one, other)]
        if index not in seen and len({answer(rows[number]) for number in group}) > 1:
            seen.update(group)
            yield [rows[number] for number in group]


def differing_terms(terms: Sequence[TermRow]) -> Iterator[list[TermRow]]:
    """Values of one term by one speaker; those of one event may stand together."""
    for group in differing(terms, _overlap, comparable_term):
        if len({term.event for term in group}) > 1:
            yield group


def rival_announcements(rows: Sequence[PlanRow]) -> Iterator[list[PlanRow]]:
    """Announcements of one plan that each give it a due date."""
    return differing([row for row in rows if row.due], _overlap, lambda row: row.event)


def _overlap(one: TermRow | PlanRow, other: TermRow | PlanRow) -> bool:
    return bool(one.occurred and other.occurred and one.occurred.overlaps(other.occurred))


# Stances of one party


def own_at_odds(taken: Iterable[Stance]) -> Iterator[list[Stance]]:
    """The party's own stances that differ."""
    own = [stance for stance in taken if stance.own and vagueness(stance.said.occurred) <= _MONTH]
    return differing(own, _at_once, lambda stance: stance.said.stance)


def _at_once(one: Stance, other: Stance) -> bool:
    """Whether their dates overlap as given: "about" is no reason to think them of one time."""
    first, second = one.said.occurred, other.said.occurred
    if not (first and first.earliest and first.latest):
        return False
    if not (second and second.earliest and second.latest):
        return False
    return first.earliest <= second.latest and second.earliest <= first.latest


def vagueness(date: When | None) -> timedelta:
    """How long the time is that the date may mean."""
    if date is None or date.earliest is None or date.latest is None:
        return timedelta.max
    return date.latest - date.earliest


def imputed_otherwise(
    taken: Sequence[Stance],
) -> Iterator[tuple[str, list[Stance], list[Stance]]]:
    """Who imputed a stance that is not the party's own of that time; the own stances, the imputed.

    One for each speaker, own stance and imputed stance.
    """
    differ: dict[tuple[str, str, str], list[tuple[Stance, Stance]]] = defaultdict(list)
    for stance in taken:
        own = None if stance.own else _own_then(taken, stance.said.occurred)
        if own is not None and own.said.stance != stance.said.stance:
            key = (stance.said.speaker, own.said.stance, stance.said.stance)
            differ[key].append((own, stance))
    for (speaker, *_), pairs in differ.items():
        own_once = {own.said.event: own for own, _ in pairs}
        yield speaker, list(own_once.values()), [imputed for _, imputed in pairs]


def _own_then(taken: Iterable[Stance], moment: When | None) -> Stance | None:
    """The party's newest own stance that is not certainly later; else its next one."""

    def later(stance: Stance) -> bool:
        date = stance.said.occurred
        return moment is not None and date is not None and date.certainly_after(moment)

    own = [stance for stance in taken if stance.own]
    by_then = [stance for stance in own if not later(stance)]
    return max(by_then, key=_age) if by_then else min(own, key=_age, default=None)


def _age(stance: Stance) -> tuple[object, ...]:
    return latest_key(stance.said.occurred, stance.said.position)
