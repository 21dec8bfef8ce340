"""Plans: what somebody was said to do, other than to meet, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

import attrs
import msgspec

from timeline.dates import When, when
from timeline.events.actors import strings
from timeline.events.base import ActorId, MeetingId, PlanId, ProposalId, Text, event


@event(category="plan", subject="plan", opens=True, evidence=True)
class PlanAnnounced:
    """Something was said to be coming: a start promised, talks expected, a step intended.

    A meeting to come is a `MeetingAnnounced`. `occurred` is when it was said.

    Attributes:
        plan: the recorder's name for it.
        title: the name to show.
        by: who said so.
        text: what was to happen, in the recorder's own words.
        due: when it was to happen; None where nothing was said.
        firmness: how firm the plan was.
        about: the proposals it concerns.
        meeting: the meeting it was to happen at.
    """

    plan: PlanId
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    by: ActorId
    text: Text
    due: When | None = attrs.field(default=None, converter=when)
    firmness: Literal["possible", "expected", "intended", "promised"] = "intended"
    about: tuple[ProposalId, ...] = attrs.field(default=(), converter=strings)
    meeting: MeetingId | None = None


@event(category="plan", subject="plan", evidence=True)
class PlanPostponed:
    """A plan was put off. `occurred` is when that was said.

    Attributes:
        plan: which.
        text: what was said of it, in the recorder's own words.
        due: when it is to happen now; None where no new date was given.
        by: who put it off, or said so.
    """

    plan: PlanId
    text: Text
    due: When | None = attrs.field(default=None, converter=when)
    by: ActorId | None = None


@event(category="plan", subject="plan", evidence=True)
class PlanOutcomeReported:
    """What became of a plan was reported. `occurred` is when it was kept, or known to have failed.

    Attributes:
        plan: which.
        outcome: whether it was kept or missed. Whether it was kept late follows from the dates.
        text: what happened, in the recorder's own words.
    """

    plan: PlanId
    outcome: Literal["kept", "missed"]
    text: Text
