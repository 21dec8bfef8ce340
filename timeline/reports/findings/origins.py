"""Independent origins: the one rule by which every report counts them.

A source is an address; an origin is what is counted. From the reader towards whoever spoke, the
origin is the last outlet:

* An organisation is an outlet, in its own voice too: however many others carry what it says, it is
  one origin. So is an office, whose papers reach many at once.
* A person or a state is a voice: two outlets that each heard it are two origins. Whoever published
  the source itself is an outlet of whatever kind.
* One who is not named is an outlet where it passes on what another said.
* A copy counts with what it copies, whatever chain is given for it.
* A source that was retracted counts no more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from timeline.dates import When, when
from timeline.engine.projection import View
from timeline.errors import NotFound
from timeline.events import (
    AMENDMENTS,
    EventCorroborated,
    RecordedEvent,
    Redacted,
    event_type,
    type_names,
)
from timeline.events.corrections import VOICES
from timeline.projections.amendments import AmendedRow, AmendmentRow
from timeline.projections.chronology import HappeningRow
from timeline.reports.citations import Citation, Citer, Named, Support, words_of

# Claims


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
        return words_of(self.recorded, self.changes)

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


# Origins


_VOICES = {event_type(cls).name: field for cls, field in VOICES.items()}
_FURTHER = type_names(EventCorroborated)
_OUTLETS = ("organisation", "office")


@attrs.frozen
class Step:
    """One actor that the words went through."""

    who: Named
    manner: str | None = None
    capacity: str | None = None
    spoke_for: tuple[Named, ...] = ()


@attrs.frozen
class Path:
    """How the words came, by one source for one event: the publisher first, the voice last."""

    event: str
    support: Support
    steps: tuple[Step, ...]
    origin: Named


_NOT_OF_THE_SPEAKER = "misattributed"
"""The fault of a passage that has the words from another: it is no origin of them."""


class Origins:
    """The independent origins of what is cited, in one view.

    Args:
        view: the read models.
        citer: knows the names and the sources.
    """

    def __init__(self, view: View, citer: Citer) -> None:
        self._view = view
        self._citer = citer
        self._kinds: dict[str, str | None] = {}
        self._known: dict[tuple[str, Named | None], tuple[Path, ...]] = {}

    def of_claims(self, claims: Iterable[Claim]) -> list[Path]:
        """The paths of all that record one claim."""
        paths: list[Path] = []
        for claim in claims:
            # Not the corrections: their evidence is for what was wrong.
            cited = self._citer.cite((claim.recorded.id, *claim.further))
            field = _VOICES.get(claim.recorded.type)
            speakers = claim.names(field) if field else ()
            paths += self._paths(cited, self._citer.name(speakers[0]) if speakers else None)
        return self._with_copies(paths)

    def of_event(self, row: HappeningRow) -> dict[Named, tuple[Support, ...]]:
        """Each origin of what one event reports, with the sources that go back to it."""
        cited = [
            citation
            for citation in self._citer.cite(row.events)
            if citation.event == row.event or citation.type in _FURTHER
        ]
        field = _VOICES.get(row.type)
        speakers = [self._citer.name(actor) for actor, part in row.involved if part == field]
        origins: dict[Named, tuple[Support, ...]] = {}
        for path in self.of_citations(cited, speakers[0] if speakers else None):
            origins[path.origin] = (*origins.get(path.origin, ()), path.support)
        return origins

    def of_citations(self, cited: Iterable[Citation], voice: Named | None = None) -> list[Path]:
        """The paths of all that is cited for one thing, and who spoke, where somebody did."""
        return self._with_copies(list(self._paths(cited, voice)))

    def _paths(self, cited: Iterable[Citation], voice: Named | None) -> Iterator[Path]:
        for citation in cited:
            key = citation.event, voice
            if key not in self._known:
                self._known[key] = tuple(
                    self._path(citation, support, voice)
                    for support in citation.sources
                    if support.withdrawn is None and support.fault != _NOT_OF_THE_SPEAKER
                )
            yield from self._known[key]

    def _path(self, citation: Citation, support: Support, voice: Named | None) -> Path:
        publishers = self._publishers(support)
        steps = _to_voice(_with_publishers(support, publishers), voice)
        return Path(citation.event, support, steps, self._origin(steps, publishers))

    def _origin(self, steps: Sequence[Step], publishers: Sequence[Named]) -> Named:
        """The last outlet before the first voice."""
        origin = steps[0].who
        for index, step in enumerate(steps):
            passes_on = index + 1 < len(steps)
            if step.who not in publishers and not self._is_outlet(step.who, passes_on=passes_on):
                break
            origin = step.who
        return origin

    def _is_outlet(self, who: Named, *, passes_on: bool) -> bool:
        if who.id not in self._kinds:
            self._kinds[who.id] = self._citer.kind(who.id)
        kind = self._kinds[who.id]
        # One who is not named may be a paper or a person; only a paper has words from another.
        return kind in _OUTLETS or (kind == "unnamed" and passes_on)

    def _publishers(self, support: Support) -> tuple[Named, ...]:
        """Whoever published it, nearest to the reader first.

        A source that was not read itself reaches the reader through what cites it; one that copies
        another comes after that.
        """
        citing = self._citer.followed(support.source, "cited_in")[:0:-1]
        copied = self._citer.followed(support.source, "copies")[1:]
        ids = (
            *(row.publisher for row in citing),
            support.publisher.id,
            *(row.publisher for row in copied),
        )
        return tuple(dict.fromkeys(self._citer.names(ids)))

    def _with_copies(self, paths: Sequence[Path]) -> list[Path]:
        """The paths, with copies counted under the origin of what they copy."""
        originals: dict[str, list[Named]] = {}
        # Sources that copy nothing first: where one is cited beside its copies, its chain counts.
        for path in sorted(paths, key=_is_copy):
            known = originals.setdefault(path.support.origin, [])
            if not known or not _is_copy(path):
                known.append(path.origin)
        return [_counted_under(path, originals[path.support.origin]) for path in paths]


def _is_copy(path: Path) -> bool:
    return path.support.origin != path.support.source


def _counted_under(path: Path, originals: Sequence[Named]) -> Path:
    return path if path.origin in originals else attrs.evolve(path, origin=originals[0])


def _with_publishers(support: Support, publishers: Iterable[Named]) -> list[Step]:
    """The chain as recorded, with the publishers that it leaves out in their places."""
    chain = [Step(link.who, link.manner, link.capacity) for link in support.chain]
    steps: list[Step] = []
    for publisher in publishers:
        ids = [step.who.id for step in chain]
        if publisher.id in ids:
            upto = ids.index(publisher.id) + 1
            steps += chain[:upto]
            del chain[:upto]
        elif publisher.id not in {step.who.id for step in steps}:
            steps.append(Step(publisher))
    return steps + chain


def _to_voice(steps: Sequence[Step], voice: Named | None) -> tuple[Step, ...]:
    """The path up to whoever spoke; those spoken for, or spoken of, are kept with that one."""
    for index, step in enumerate(steps):
        if step.who == voice or step.manner == "imputed":
            beyond = tuple(further.who for further in steps[index + 1 :])
            ended = (*steps[:index], attrs.evolve(step, spoke_for=beyond))
            return ended if voice is None or step.who == voice else (*ended, Step(voice))
    return tuple(steps) if voice is None else (*steps, Step(voice))
