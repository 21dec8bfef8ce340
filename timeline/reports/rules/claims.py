"""Events of any type as claims: whether one is in view, and what the record says of it since."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from timeline.dates import When, when
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.events import (
    AMENDMENTS,
    RecordedEvent,
    Redacted,
    event_type,
    type_names,
)
from timeline.models.amendments import AmendedRow, AmendmentRow


@attrs.frozen
class Claim:
    """Any event that is in view, whatever its type, and what the record says of it since.

    Attributes:
        recorded: the event as recorded.
        changes: the fields that were corrected, with their right values as a record file has them.
        corrections: the ids of the events that corrected it.
        further: the ids of the events that bring further evidence of it.
    """

    recorded: RecordedEvent[Any]
    changes: dict[str, Any]
    corrections: tuple[str, ...]
    further: tuple[str, ...]

    def value(self, field: str) -> Any:
        """What the event says in a field, as corrected; None where it has no such field."""
        return self.changes.get(field, getattr(self.recorded.event, field, None))

    def names(self, field: str) -> tuple[str, ...]:
        """The ids in a field that holds one or several; none where it holds something else."""
        value = self.value(field)
        several = value if isinstance(value, tuple | list) else (value,)
        return tuple(id for id in several if isinstance(id, str))

    @property
    def occurred(self) -> When | None:
        """When it happened, as corrected."""
        return when(self.changes.get("occurred", self.recorded.occurred))

    @property
    def text(self) -> str:
        """What it says, in short: in the recorder's words where it has some."""
        return str(self.value("text") or self.value("title") or self.recorded.type)

    @property
    def basis(self) -> tuple[str, ...]:
        """The ids of the events that stand behind it."""
        return (self.recorded.id, *self.corrections, *self.further)


_AMENDMENTS = type_names(*AMENDMENTS)


def claims(view: View, ids: Iterable[str]) -> dict[str, Claim]:
    """Those of these events that are in view, by id, in the order of the log.

    For events that no read model keeps, too; retracted ones and such as lie beyond the view's
    cutoff are left out.

    Raises:
        NotFound: an id is not in the log.
    """
    events = view.events(ids)
    claimed = {}
    for id in sorted(events, key=lambda id: events[id].position):
        named = (view.get(AmendmentRow, row.event) for row in view.all(AmendedRow, target=id))
        about = [amendment for amendment in named if amendment is not None]
        claim = _claim(view, events[id], sorted(about, key=lambda amendment: amendment.position))
        if claim is not None:
            claimed[id] = claim
    return claimed


def known_claims(view: View, ids: Iterable[str]) -> dict[str, Claim]:
    """As `claims`, without those that the record names but does not have."""
    wanted = list(dict.fromkeys(ids))
    try:
        return claims(view, wanted)
    except NotFound:
        found: list[Claim] = []
        for id in wanted:
            with contextlib.suppress(NotFound):
                found += claims(view, (id,)).values()
        found.sort(key=lambda claim: claim.recorded.position)
        return {claim.recorded.id: claim for claim in found}


def _claim(
    view: View, recorded: RecordedEvent[Any], amendments: Sequence[AmendmentRow]
) -> Claim | None:
    if any(each.kind in ("retracted", "superseded") for each in amendments):
        return None
    corrections = tuple(each.event for each in amendments if each.kind == "corrected")
    further = tuple(each.event for each in amendments if each.kind == "corroborated")
    changes: dict[str, Any] = {}
    for correction in view.events(corrections).values():
        changes |= correction.event.changes
    claim = Claim(recorded, changes, corrections, further)
    return claim if _is_in_view(view, claim) else None


def _is_in_view(view: View, claim: Claim) -> bool:
    recorded, cutoff = claim.recorded, view.cutoff
    if recorded.position > view.head.position or isinstance(recorded.event, Redacted):
        return False
    if recorded.type in _AMENDMENTS:  # what the record itself did holds for the whole of it
        return True
    if cutoff.published is not None and not recorded.evidence and not claim.further:
        return False
    if cutoff.occurred is None:
        return True
    undated = claim.occurred is None and not event_type(recorded.event).evidence
    return undated or cutoff.reached(claim.occurred, cutoff.occurred)
