"""Where an event is known from: the source, the place in it, and who took it from whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import attrs
import msgspec

from timeline.dates import When, decode_time, when
from timeline.events.base import ActorId, Slug, SourceId, Text, event, made
from timeline.events.encoding import ADDRESS, SHA256, checked_when_made, named_when_made

Grade = Literal["high", "ordinary", "low"]
"""How far the recorder trusts the source as such, before weighing what it says."""


@checked_when_made
@attrs.frozen
class Source:
    """A publication: an article, a post, a press release, a broadcast, or a mere mention of one.

    Attributes:
        id: the recorder's name for it.
        publisher: who published it, as an actor.
        title: its title, or what it is where it has none.
        address: where it can be read.
        language: BCP 47, such as `en`, `ru`, `uz-Latn`.
        published: when, as precisely as is known.
        retrieved: when we read it.
        sha256: of the bytes we read, in hexadecimal.
        copies: the source whose text this one carries, so that the two count as one origin.
        cited_in: the source that only mentions this one, when this one was not read itself.
        grade: how far it is trusted.
        note: anything a reader should know before leaning on it.
    """

    id: Slug
    publisher: ActorId
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    address: Annotated[str, msgspec.Meta(pattern=ADDRESS, max_length=2000)] | None = None
    language: str | None = None
    published: When | None = attrs.field(default=None, converter=when)
    retrieved: When | None = attrs.field(default=None, converter=when)
    sha256: Annotated[str, msgspec.Meta(pattern=SHA256)] | None = None
    copies: SourceId | None = None
    cited_in: SourceId | None = None
    grade: Grade = "ordinary"
    note: str | None = None


@event(category="source", subject="source.id", opens=True)
class SourceAdded:
    """A source was taken into the record.

    Attributes:
        source: what it is.
    """

    source: Source


Manner = Literal["quoted", "paraphrased", "read out", "translated", "imputed"]
"""How a link of the chain passed the words on. `imputed`: says what another thinks or wants."""


@named_when_made
@attrs.frozen
class Link:
    """One step in the chain from what was published back to whoever it began with.

    Attributes:
        who: the publisher, agency or person.
        manner: how the words of the next link were passed on.
        to: whom it was said to.
        said: when it was said, in world time.
        capacity: the office the person spoke in, such as `press secretary`.
    """

    who: ActorId
    manner: Manner | None = None
    to: ActorId | None = None
    said: When | None = attrs.field(default=None, converter=when)
    capacity: str | None = None


def links(chain: Iterable[Link | Mapping[str, Any] | str]) -> tuple[Link, ...]:
    """Make links of what a caller has at hand: a bare id is a link that says no more.

    >>> [link.who for link in links(["gazette", Link("ann", manner="quoted")])]
    ['gazette', 'ann']

    Raises:
        TypeError: no list, or a bare string, which would fall apart into letters.
    """
    if chain == ():
        return ()  # as nearly always
    if isinstance(chain, str) or not isinstance(chain, Iterable):
        raise TypeError(f"expected a list of actors' ids or Links; found {chain!r:.80}")
    return tuple(Link(link) if isinstance(link, str) else made(Link, link) for link in chain)


_Mark = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


@attrs.frozen
class Coding:
    """A row of coded event data: what a coder, most often a machine, made of a passage.

    Attributes:
        dataset: the data set, such as `icews`.
        row: the id of the row in it.
        scheme: the scheme of its codes, such as `cameo`.
        code: the code the row bears.
        intensity: where the scheme puts the code between conflict and cooperation; of CAMEO on
            Goldstein's scale, from -10 to 10.
        place: the place the coder found in the passage.
        latitude: of that place, in degrees north (WGS 84).
        longitude: of that place, in degrees east (WGS 84).
    """

    dataset: _Mark
    row: _Mark
    scheme: _Mark
    code: _Mark
    intensity: float | None = None
    place: str | None = None
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None


@attrs.frozen
class Fault:
    """What a source gets wrong in a passage, as the recorder finds.

    Attributes:
        kind: `misprint`: it prints another word or figure than is meant. `misattributed`: it puts
            the words in another's mouth; such a passage is no further origin of them.
            `contradicts itself`: it says otherwise elsewhere.
        text: what it prints, and what is right, in the recorder's own words.
    """

    kind: Literal["misprint", "misattributed", "contradicts itself"]
    text: Text


@checked_when_made
@attrs.frozen
class Evidence:
    """One source's support for an event.

    Attributes:
        source: the id of the source.
        at: where in it, such as `paragraph 3` or `00:14:20`.
        excerpt: a short passage as printed there, for finding the place again.
        chain: publisher, agency, speaker, the one spoken for; nearest to the reader first.
        coding: the row that says so, where it is known from coded event data.
        fault: what the source gets wrong here.
        dated: the words that the date of the event is given in, such as `late 2022`: those of the
            source, where the recorder quotes them; else the recorder's.
        note: anything a reader should know of this support, in the recorder's own words.
    """

    source: SourceId
    at: str | None = None
    excerpt: Text | None = None
    chain: tuple[Link, ...] = attrs.field(default=(), converter=links)
    coding: Coding | None = None
    fault: Fault | None = None
    dated: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    note: Text | None = None


def spelled_out(evidence: Any) -> Any:
    """Evidence as a record file gives it, one source or several, with mappings for bare links.

    >>> spelled_out({"source": "article", "chain": ["gazette"]})
    {'source': 'article', 'chain': [{'who': 'gazette'}]}
    """
    if isinstance(evidence, list):
        return [spelled_out(source) for source in evidence]
    if not isinstance(evidence, dict) or not isinstance(evidence.get("chain"), list):
        return evidence
    chain = [{"who": link} if isinstance(link, str) else link for link in evidence["chain"]]
    return evidence | {"chain": chain}


def evidence_of(given: Any) -> tuple[Evidence, ...]:
    """The evidence that a record file gives, one source or several."""
    several = given if isinstance(given, list | tuple) else [given]
    return msgspec.convert(
        spelled_out(list(several)), tuple[Evidence, ...], dec_hook=decode_time, strict=False
    )
