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

from collections.abc import Iterable, Iterator, Sequence

import attrs

from timeline.engine.projection import View
from timeline.events import (
    EventCorroborated,
    event_type,
    type_names,
)
from timeline.events.corrections import VOICES
from timeline.models.chronology import HappeningRow
from timeline.reports.evidence import Citation, Citer, Named, Support
from timeline.reports.rules.claims import Claim

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
