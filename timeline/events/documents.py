"""Documents: what was signed, by whom, and what became of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import attrs
import msgspec

from timeline.dates import When, when
from timeline.events.actors import strings
from timeline.events.base import ActorId, DocumentId, MeetingId, ProposalId, Text, event, made
from timeline.events.statements import Term, terms

_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


@attrs.frozen
class Signatory:
    """One who signed a document.

    Attributes:
        actor: who signed.
        on_behalf_of: the party signed for, where that does not follow from an office held.
        capacity: the office signed in, such as `energy minister`.
    """

    actor: ActorId
    on_behalf_of: ActorId | None = None
    capacity: _Words | None = None


@attrs.frozen
class Called:
    """What one party calls a document.

    Attributes:
        by: who calls it so.
        kind: such as `treaty`, `memorandum` or `roadmap`.
    """

    by: ActorId
    kind: _Words


def signatories(value: Iterable[Signatory | Mapping[str, Any] | str]) -> tuple[Signatory, ...]:
    """Signatories of what the caller has at hand: a bare id is one that says no more.

    Raises:
        TypeError: a bare string, which would fall apart into letters.
    """
    if isinstance(value, str):
        raise TypeError(
            f"expected a list of actors' ids or Signatories; found the string {value!r}"
        )
    return tuple(
        Signatory(item) if isinstance(item, str) else made(Signatory, item) for item in value
    )


def called(value: Iterable[Called]) -> tuple[Called, ...]:
    """A tuple of what the parties call it."""
    return tuple(value)


@event(category="document", subject="document", opens=True, evidence=True)
class DocumentSigned:
    """A document was signed: a treaty, a contract, a roadmap. `occurred` is when.

    One event holds the whole signing. Nobody needs to have proposed the document.

    Attributes:
        document: the recorder's name for it.
        title: the name to show.
        signatories: who signed it, in the source's order.
        text: what it lays down, in the recorder's own words.
        kind: what it is, such as `treaty`; None where the parties differ or nothing was said.
        called: what parties call it, where they differ.
        adopts: the proposals that the parties agree on by it. It sets their stage.
        about: the proposals that it concerns without agreeing on them.
        terms: its terms.
        deadline: by when it asks something to be done.
        place: where it was signed.
        meeting: the meeting it was signed at.
    """

    document: DocumentId
    title: _Words
    signatories: Annotated[tuple[Signatory, ...], msgspec.Meta(min_length=1)] = attrs.field(
        converter=signatories
    )
    text: Text
    kind: _Words | None = None
    called: tuple[Called, ...] = attrs.field(default=(), converter=called)
    adopts: tuple[ProposalId, ...] = attrs.field(default=(), converter=strings)
    about: tuple[ProposalId, ...] = attrs.field(default=(), converter=strings)
    terms: tuple[Term, ...] = attrs.field(default=(), converter=terms)
    deadline: When | None = attrs.field(default=None, converter=when)
    place: str | None = None
    meeting: MeetingId | None = None


@event(category="document", subject="document", evidence=True)
class DocumentStatusReported:
    """What became of a document was reported. `occurred` is when.

    Attributes:
        document: which.
        status: what became of it.
        text: what was said of it, in the recorder's own words.
        by: who ratified, registered or ended it, or said so.
    """

    document: DocumentId
    status: Literal["ratified", "in force", "registered", "amended", "suspended", "ended"]
    text: Text
    by: ActorId | None = None
