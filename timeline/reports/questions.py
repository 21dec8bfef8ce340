"""The questions that the record of an initiative leaves open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import combinations

import attrs

from timeline.engine.projection import View
from timeline.models.initiatives import ProposalRow
from timeline.models.statements import StatementRow
from timeline.reports.contradictions import noted_of
from timeline.reports.evidence import Citation, Citer, Named, distinct
from timeline.reports.plans import OPEN, UNKNOWN_OUTCOME, PlanLine
from timeline.reports.rules.answers import may_be_same
from timeline.reports.rules.attribution import Offices, proposers
from timeline.reports.rules.claims import known_claims
from timeline.reports.stances import PartyLine

_UNDECIDED = ("conditional", "noncommittal")


@attrs.frozen
class QuestionLine:
    """A question that the record leaves open, and the events that raise it.

    `party` is the one whose position is asked for, where one is.
    """

    text: str
    evidence: tuple[Citation, ...]
    party: Named | None = None


def questions_of_origin(
    offices: Offices, citer: Citer, proposals: Sequence[ProposalRow]
) -> Iterator[QuestionLine]:
    """Who proposed it and when, where accounts cannot all be right."""
    evidence = citer.cite(id for row in proposals for id in row.events)
    if len({proposers(offices, row, proposals) for row in proposals}) > 1:
        names = (
            " with ".join(str(citer.name(id)) for id in (row.proposer, *row.jointly_with))
            for row in proposals
        )
        yield QuestionLine(f"Who proposed it? Accounts name {_either(names)}.", evidence)
    dates = [row.occurred for row in proposals if row.occurred is not None]
    if not all(may_be_same(one, other) for one, other in combinations(dates, 2)):
        yield QuestionLine(
            f"When was it proposed? Accounts say {_either(map(str, dates))}.", evidence
        )


def questions_of_parties(
    parties: Iterable[PartyLine], proposing: Container[str]
) -> Iterator[QuestionLine]:
    """What a party thinks, where it has not said so nor proposed it, or has left it open."""
    for line in parties:
        if not line.own:
            if line.party in proposing:
                continue
            known = "only others speak of it" if line.imputed else "nobody speaks of it"
            yield QuestionLine(
                f"What is the position of {line.name}? None of its own is on record; {known}.",
                distinct((*(other.evidence for other in line.imputed), line.evidence)),
                Named(line.party, line.name),
            )
        elif line.own[0].stance in _UNDECIDED:
            last = line.own[0]
            yield QuestionLine(
                f"What will {line.name} decide? Its latest position of its own is {last.stance} "
                f"({last.occurred or 'undated'}).",
                last.evidence,
                last.party,
            )


def questions_of_plans(initiative: str, plans: Iterable[PlanLine]) -> Iterator[QuestionLine]:
    """What became of plans, where no report says or reports differ."""
    for line in plans:
        if line.state == UNKNOWN_OUTCOME:
            question = f"What became of “{line.title}”? It was due {line.due}, and no report says."
        elif line.state == OPEN and line.due is None:
            question = f"Has “{line.title}” come about? It was given no date, and no report says."
        elif " / " in line.state:
            question = f"What became of “{line.title}”? Reports differ: {line.state}."
        elif initiative in line.not_named:
            question = (
                f"Was it spoken of at “{line.title}”, as planned? No report of that names it."
            )
        else:
            continue
        yield QuestionLine(question, line.evidence)


def questions_of_disputes(
    view: View, citer: Citer, initiative: str, statements: Iterable[StatementRow]
) -> Iterator[QuestionLine]:
    """Whether reports are right that somebody calls wrong, or that were found to be at odds."""
    disputes: dict[str, list[StatementRow]] = defaultdict(list)
    for row in statements:
        for id in row.disputes:
            disputes[id].append(row)
    for id, claim in known_claims(view, disputes).items():
        against = disputes[id]
        names = dict.fromkeys(str(citer.name(row.speaker)) for row in against)
        yield QuestionLine(
            f"Is it so? “{claim.text}” Disputed by {', '.join(names)}.",
            citer.cite((*claim.basis, *(id for row in against for id in row.events))),
        )
    for noted in noted_of(view, citer, initiative):
        yield QuestionLine(
            f"{noted.question.rstrip('?')}? Reports differ: "
            f"{_either(side.value.rstrip('.') for side in noted.sides)}.",
            noted.evidence,
        )


def _either(values: Iterable[str]) -> str:
    return "; or ".join(dict.fromkeys(values))
