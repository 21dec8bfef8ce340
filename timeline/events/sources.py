"""Sources: what was read, and what it was copied from."""

from __future__ import annotations

from typing import Annotated, Literal

import attrs
import msgspec

from timeline.dates import When, when
from timeline.events.base import ADDRESS, SHA256, ActorId, Slug, SourceId, event

Grade = Literal["high", "ordinary", "low"]
"""How far the recorder trusts the source as such, before weighing what it says."""


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
