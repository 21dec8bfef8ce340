"""How initiatives stand to one another: precedents, parts, what replaces and carries out what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from timeline.engine.projection import View
from timeline.models.initiatives import InitiativeRow, ProposalRow, RelationRow
from timeline.reports.document import Table, about, table
from timeline.reports.evidence import Citation, Citer
from timeline.reports.model import by_time


@attrs.frozen
class RelationLine:
    """How one initiative stands to another.

    Attributes:
        relation: such as `precedent`, `replaces` or `carried out by`, read from the initiative of
            the report to the other.
        other: the id of the other initiative.
        title: its name.
        proposed: when it was proposed, by each account of it.
        occurred: when the relation came about.
        reason: why, in the recorder's words.
        evidence: the finding, and the accounts of the other proposal.
    """

    relation: str
    other: str
    title: str
    proposed: tuple[str, ...]
    occurred: str | None
    reason: str
    evidence: tuple[Citation, ...]


def relation_lines(view: View, citer: Citer, initiative: str) -> Iterator[RelationLine]:
    """A line for each relation of an initiative, in the order of the log."""
    rows = view.all(RelationRow, initiative=initiative)
    for row in sorted(rows, key=lambda row: row.position):
        other = view.get(InitiativeRow, row.other)
        accounts = by_time(view.all(ProposalRow, initiative=row.other))
        dates = dict.fromkeys(str(account.occurred) for account in accounts if account.occurred)
        behind = (*row.events, *(id for account in accounts for id in account.events))
        yield citer.line(
            RelationLine,
            row,
            title=(other.title if other else None) or row.other,
            proposed=tuple(dates),
            evidence=citer.cite(behind),
        )


def relations_table(title: str, lines: Iterable[RelationLine]) -> Table:
    """A table of relations."""
    return table(
        title,
        lines,
        {
            "Relation": _relation,
            "Initiative": lambda line: about("proposal", line.other, line.title),
            "Proposed": lambda line: line.proposed,
            "Why": lambda line: line.reason,
        },
    )


def _relation(line: RelationLine) -> str:
    return f"{line.relation}, since {line.occurred}" if line.occurred else line.relation
