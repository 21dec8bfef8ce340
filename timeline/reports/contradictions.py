"""The report on contradictions and open questions; the rules are in `findings.contradictions`."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import combinations
from typing import ClassVar, Literal

import attrs

from timeline.dates import When, latest_key, short
from timeline.engine.projection import View
from timeline.events import ActorsMerged, event_type
from timeline.projections.amendments import DisagreementRow
from timeline.projections.initiatives import ProposalRow
from timeline.projections.meetings import MeetingRow
from timeline.projections.statements import StatementRow
from timeline.reports.citations import Citation, Citer, Named, distinct, line_of, text
from timeline.reports.findings.attribution import Offices, proposers
from timeline.reports.findings.contradictions import (
    Answer,
    Contradiction,
    Contradictions,
    Scope,
    Subject,
    days,
    may_be_same,
)
from timeline.reports.findings.origins import known_claims
from timeline.reports.layout import (
    Cell,
    Document,
    Line,
    Table,
    about,
    cell,
    line,
    listing,
    most,
    number,
)
from timeline.reports.model import Report, chosen_by, grouped, made_from, not_found
from timeline.reports.plans import OPEN, UNKNOWN_OUTCOME, PlanLine, find_initiative, mentioned
from timeline.reports.positions import PartyLine

_MERGED = event_type(ActorsMerged).name


@attrs.frozen
class ContradictionSide:
    """One of the answers.

    Attributes:
        value: the answer.
        occurred: when that was said or happened, by the newest of its events.
        published: when the newest of its sources was published; None where that is not known.
        speaker: who says so, where it is one and the same.
        evidence: the events that say so.
    """

    value: str
    occurred: str | None
    published: str | None
    speaker: Named | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class ContradictionLine:
    """One contradiction.

    Attributes:
        subject: what it is about.
        question: what the sides differ in.
        sides: the answers, two or more; the earlier recorded first, but a party's own position
            before what is imputed to it, and a report before its denials.
        newer: the index of the side whose newest source was published last; None where sources
            are undated, or of one day.
        found: `found` where the record shows it by itself, `noted` where somebody said so.
        note: what a reader should know.
        evidence: the events behind all this.
    """

    subject: Subject
    question: str
    sides: tuple[ContradictionSide, ...]
    newer: int | None
    found: Literal["found", "noted"]
    note: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class ContradictionsReport(Report):
    """Where reports cannot all hold, with what it was chosen by."""

    kind: ClassVar[str] = "contradictions"

    initiative: str | None
    meeting: str | None
    chosen_by: tuple[str, ...]
    contradictions: tuple[ContradictionLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        of = ", ".join(self.chosen_by)
        return self._document(
            f"Contradictions: {of}" if of else "Contradictions",
            self._tables(),
            lead=() if self.contradictions else (cell("None in view."),),
            summary=self._summary(),
            note="Sides stand as reported; none is decided for. “Newer” says whose newest source "
            "was published last. A report that is denied is not a position that was changed, and "
            "a party that changed its own is not at odds with itself.",
        )

    def _summary(self) -> Iterator[Cell]:
        if not self.contradictions:
            return
        kinds = {
            "disputed": sum(map(_is_denial, self.contradictions)),
            "noted by hand": sum(line.found == "noted" for line in self.contradictions),
        }
        kinds["found by comparing reports"] = len(self.contradictions) - sum(kinds.values())
        counted = listing(f"{count} {kind}" for kind, count in kinds.items() if count)
        about_most = most(line.subject.name for line in self.contradictions)
        yield cell(f"{number(len(self.contradictions), 'matter')} at odds: {counted}.")
        yield cell(f"Most concern {about_most}.")

    def _tables(self) -> Iterator[Table]:
        shown: dict[str, Callable[[ContradictionLine], bool]] = {
            "Reports that differ": lambda line: line.found == "found" and not _is_denial(line),
            "Reports that are disputed": _is_denial,
            "Noted by hand": lambda line: line.found == "noted",
        }
        for title, belongs in shown.items():
            rows = (_rows(line) for line in self.contradictions if belongs(line))
            columns = ("Of", "Question", "Says", "Newest source")
            yield Table(title, columns, tuple(itertools.chain.from_iterable(rows)), grouped_by=2)


def contradictions_report(
    view: View, *, initiative: str | None = None, meeting: str | None = None
) -> ContradictionsReport:
    """Where reports cannot all hold: of an initiative, of a meeting, or of everything.

    Args:
        view: the read models to report from.
        initiative: only what concerns this initiative.
        meeting: only what concerns this meeting.

    Example:
        timeline report contradictions --initiative joint-harbour

    Raises:
        NotFound: no such initiative or meeting is in view.
    """
    citer = Citer(view)
    contradictions = Contradictions(view, citer, _scope(view, initiative, meeting))
    lines = tuple(_line(citer, contradiction) for contradiction in contradictions.all())
    return ContradictionsReport(
        initiative=initiative,
        meeting=meeting,
        chosen_by=chosen_by(view, initiative=initiative, meeting=meeting),
        contradictions=lines,
        **made_from(view, citer),
    )


def noted_of(view: View, citer: Citer, initiative: str) -> list[ContradictionLine]:
    """The disagreements that were noted of an initiative, as far as two sides are in view."""
    contradictions = Contradictions(view, citer, Scope(initiative, None))
    rows = view.all(DisagreementRow, proposal=initiative)
    kinds: tuple[Literal["plan", "document"], ...] = ("plan", "document")
    for kind in kinds:
        for id in mentioned(view, initiative, kind):
            rows += view.all(DisagreementRow, **{kind: id})
    return [_line(citer, contradiction) for contradiction in contradictions.noted(rows)]


def _scope(view: View, initiative: str | None, meeting: str | None) -> Scope:
    if initiative is not None:
        find_initiative(view, initiative)
    if meeting is not None and view.get(MeetingRow, meeting) is None:
        ids = (row.meeting for row in view.all(MeetingRow))
        raise not_found(view, "meeting", meeting, ids, listed="Meetings")
    if initiative is None:
        return Scope(None, meeting)
    return Scope(initiative, meeting, frozenset(mentioned(view, initiative, "meeting")))


# As lines


def _line(citer: Citer, contradiction: Contradiction) -> ContradictionLine:
    by_key = grouped(contradiction.answers, lambda answer: answer.key).values()
    published = [_published(citer, answers) for answers in by_key]
    sides = [_side(citer, *given) for given in zip(by_key, published, strict=True)]
    cited = (citation.event for side in sides for citation in side.evidence)
    return line_of(
        ContradictionLine,
        contradiction,
        sides=tuple(sides),
        newer=_newer(published),
        found="noted" if contradiction.noted else "found",
        evidence=citer.cite((*cited, *contradiction.beside)),
    )


def _side(citer: Citer, answers: Sequence[Answer], published: Sequence[When]) -> ContradictionSide:
    newest = max(answers, key=lambda answer: latest_key(answer.occurred, answer.position))
    speakers = {answer.speaker for answer in answers}
    last = max(published, key=lambda date: latest_key(date, 0), default=None)
    return ContradictionSide(
        value=answers[0].value,
        occurred=text(newest.occurred),
        published=text(last),
        speaker=citer.name_of(answers[0].speaker if len(speakers) == 1 else None),
        evidence=citer.cite(id for answer in answers for id in (*answer.events, *answer.beside)),
    )


def _published(citer: Citer, answers: Iterable[Answer]) -> list[When]:
    """When the sources of the answers were published, as far as is known."""
    return [
        When(support.published)
        for citation in citer.cite(id for answer in answers for id in answer.events)
        if citation.type != _MERGED  # a merger reports nothing of this
        for support in citation.sources
        if support.published is not None
    ]


def _newer(published: Sequence[Sequence[When]]) -> int | None:
    """The side whose newest source certainly came out on a later day than all others'."""
    first = [
        max((date.earliest for date in map(days, dates) if date.earliest), default=None)
        for dates in published
    ]
    last = [_last(map(days, dates)) for dates in published]
    for index, early in enumerate(first):
        others = [late for number, late in enumerate(last) if number != index]
        if early is not None and all(late is not None and early > late for late in others):
            return index
    return None


def _last(dates: Iterable[When]) -> datetime | None:
    """The last moment that the newest of these may mean; None where that is not known."""
    known = [date for date in dates if date.earliest or date.latest]
    ends = [date.latest for date in known if date.latest]
    return max(ends, default=None) if len(ends) == len(known) else None


# As a document


def _is_denial(contradiction: ContradictionLine) -> bool:
    return contradiction.subject.kind == "report"


def _rows(contradiction: ContradictionLine) -> Iterator[Line]:
    subject, question = _subject(contradiction.subject), contradiction.question
    for index, side in enumerate(contradiction.sides):
        published = short(side.published)
        newest = f"{published} (newer)" if index == contradiction.newer else published
        yield line(side.evidence, subject, question, _says(side), newest)


def _subject(subject: Subject) -> Cell:
    if subject.kind == "meeting":
        return about("meeting", subject.id, subject.name)
    return about("proposal", subject.id if subject.kind == "initiative" else None, subject.name)


def _says(side: ContradictionSide) -> str:
    if side.speaker is None:
        return side.value
    return f"{side.speaker}, {short(side.occurred)}: {side.value}"


# What the record of an initiative leaves open


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
            f"When was it proposed? Accounts say {_either(date.short for date in dates)}.", evidence
        )


def questions_of_parties(
    parties: Iterable[PartyLine], proposing: Container[str]
) -> Iterator[QuestionLine]:
    """What a party thinks, where it has not said so nor proposed it, or has left it open."""
    for party in parties:
        if not party.own:
            if party.party in proposing:
                continue
            known = "only others speak of it" if party.imputed else "nobody speaks of it"
            yield QuestionLine(
                f"What is the position of {party.name}? None of its own is on record; {known}.",
                distinct((*(other.evidence for other in party.imputed), party.evidence)),
                Named(party.party, party.name),
            )
        elif party.own[0].stance in _UNDECIDED:
            last = party.own[0]
            yield QuestionLine(
                f"What will {party.name} decide? Its latest position of its own is {last.stance} "
                f"({short(last.occurred)}).",
                last.evidence,
                last.party,
            )


def questions_of_plans(initiative: str, plans: Iterable[PlanLine]) -> Iterator[QuestionLine]:
    """What became of plans, where no report says or reports differ."""
    for plan in plans:
        if plan.state == UNKNOWN_OUTCOME:
            question = (
                f"What became of “{plan.title}”? It was due {short(plan.due)}, and no report says."
            )
        elif plan.state == OPEN and plan.due is None:
            question = f"Has “{plan.title}” come about? It was given no date, and no report says."
        elif " / " in plan.state:
            question = f"What became of “{plan.title}”? Reports differ: {plan.state}."
        elif initiative in plan.not_named:
            question = (
                f"Was it spoken of at “{plan.title}”, as planned? No report of that names it."
            )
        else:
            continue
        yield QuestionLine(question, plan.evidence)


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
            f"Is it so: “{claim.text.rstrip('.')}”? Disputed by {', '.join(names)}.",
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
