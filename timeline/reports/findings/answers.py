"""What reports answer to one question, and whether two answers can both be right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from timeline.dates import When
from timeline.projections.documents import DocumentRow
from timeline.projections.initiatives import ProposalRow, StageRow, TermRow
from timeline.projections.meetings import MeetingReportRow
from timeline.projections.plans import PlanOutcomeRow, PlanRow
from timeline.projections.statements import StatementRow
from timeline.reports.findings.attribution import Stance
from timeline.reports.findings.origins import Claim

_Placed = MeetingReportRow | ProposalRow | StageRow | DocumentRow
_Row = _Placed | TermRow | PlanRow | PlanOutcomeRow | StatementRow

Compatible = Callable[[Any, Any], bool]
"""Whether answers with these keys can both be right."""

_ANY_FORM = "other"
"""What a meeting's form is where the recorder gave none."""


@attrs.frozen
class Answer:
    """What one event answers to a question.

    Attributes:
        key: what it is compared by.
        value: the answer to show.
        occurred: when that was said or happened.
        position: where in the log the event stands.
        events: the event and its amendments.
        speaker: who says so, where the answer is somebody's words.
        beside: events that are shown with these, but do not report the answer.
    """

    key: object
    value: str
    occurred: When | None
    position: int
    events: tuple[str, ...]
    speaker: str | None = None
    beside: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: _Row, key: object, value: str, speaker: str | None = None) -> Answer:
        """The answer of a row."""
        return cls(key, value, _occurred(row), row.position, row.events, speaker)

    @classmethod
    def of_claim(cls, claim: Claim, key: object, value: str) -> Answer:
        """The answer of any event."""
        speaker = next(iter(claim.names("speaker")), None)
        return cls(key, value, claim.occurred, claim.recorded.position, claim.basis, speaker)

    @classmethod
    def of_stance(cls, stance: Stance) -> Answer:
        """A stance as the answer to where the party stands."""
        row = stance.said
        return cls(
            key=(stance.own, row.stance),
            value=f"{row.stance} ({'own' if stance.own else 'imputed'})",
            occurred=row.occurred,
            position=row.position,
            events=row.events,
            speaker=row.speaker,
            beside=stance.events,
        )


def at_odds(answers: Sequence[Answer], compatible: Compatible) -> list[Answer]:
    """The answers that cannot all be right, without those that agree with all others."""
    keys = dict.fromkeys(answer.key for answer in answers)
    odd = {key for key in keys if any(not compatible(key, other) for other in keys)}
    return [answer for answer in answers if answer.key in odd]


# What reports are asked


def _occurred(row: _Row) -> When | None:
    return row.held_on if isinstance(row, MeetingReportRow) else row.occurred


def _date(row: _Placed) -> Answer | None:
    date = _occurred(row)
    return None if date is None else Answer.of(row, date, date.short)


def _place(row: _Placed) -> Answer | None:
    return None if row.place is None else Answer.of(row, _folded(row.place), row.place)


def _form(row: MeetingReportRow) -> Answer | None:
    form = row.form
    return None if form is None or form == _ANY_FORM else Answer.of(row, form, form)


def _series(row: MeetingReportRow) -> Answer | None:
    return None if row.series is None else Answer.of(row, row.series, row.series)


def _folded(place: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", place).casefold().split())


# Whether two answers can both be right


def equal(one: object, other: object) -> bool:
    """Whether they are one answer."""
    return one == other


def same_place(one: str, other: str) -> bool:
    """Whether one has all the words of the other, in any order: a town, and a house in it."""
    words, others = (set(re.findall(r"\w+", place)) for place in (one, other))
    return words <= others or others <= words


def may_be_same(one: When, other: When) -> bool:
    """Whether two dates may be one. Beside a plain date, an instant counts as its day.

    The day is that of the instant's own zone: a source's "27 December" is a day where the source
    is, not one of UTC.
    """
    if not (_has_clock(one) and _has_clock(other)):
        one, other = days(one), days(other)
    return one.overlaps(other)


def _has_clock(date: When) -> bool:
    return ":" in date.text


def days(date: When) -> When:
    """The date; of instants, the days in their own zones."""
    if not _has_clock(date):
        return date
    return When("/".join(end[:10] if ":" in end else end for end in date.text.split("/")))


Field = tuple[str, Callable[[Any], Answer | None], Compatible]
"""A question, what a report answers to it, and whether two answers can both be right."""

PROPOSAL_FIELDS: tuple[Field, ...] = (("date", _date, may_be_same), ("place", _place, same_place))
MEETING_FIELDS = (*PROPOSAL_FIELDS, ("form", _form, equal), ("series", _series, equal))
DOCUMENT_FIELDS = tuple(
    (f"{question} of the signing", answer, compatible)
    for question, answer, compatible in PROPOSAL_FIELDS
)
AGREEMENT_FIELDS = tuple(
    (f"{question} of the agreement", answer, compatible)
    for question, answer, compatible in PROPOSAL_FIELDS
)
