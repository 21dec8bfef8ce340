"""Actors: people, states, organisations, offices, and those a source leaves unnamed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import attrs
import msgspec

from timeline.dates import When, when
from timeline.errors import InvalidEvent
from timeline.events.base import ActorId, Slug, Text, event
from timeline.events.encoding import checked_when_made

Kind = Literal["person", "state", "organisation", "office", "unnamed"]

Belonging = Literal[
    "member", "observer", "associate", "candidate", "former member", "founder", "shareholder"
]


def strings(value: Iterable[str]) -> tuple[str, ...]:
    """A tuple of the strings; a bare string is refused, since it would fall apart into letters.

    Raises:
        TypeError: a bare string.
    """
    if isinstance(value, str):
        raise TypeError(f"expected a list of strings; found the string {value!r}")
    return tuple(value)


@checked_when_made
@attrs.frozen
class Actor:
    """Someone or something that speaks, meets or proposes.

    Attributes:
        id: the recorder's name for it.
        kind: what it is; `unnamed` for "a major newspaper" and its like. Independent origins are
            counted by outlets. An `organisation` and an `office` are outlets, in their own voice
            too: papers that have the words of one press office are one origin. An `unnamed` one is
            an outlet where it passes on what another said. A `person` and a `state` are voices:
            two papers that each heard one are two origins.
        name: the name to show.
        aliases: other names and spellings found in sources, in any script.
    """

    id: Slug
    kind: Kind
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    aliases: tuple[str, ...] = attrs.field(default=(), converter=strings)


@event(category="actor", subject="actor.id", opens=True)
class ActorAdded:
    """An actor was taken into the record.

    Attributes:
        actor: who it is.
    """

    actor: Actor


def _in_order(held: RoleReported | MembershipReported, field: Any, until: When | None) -> None:
    """Check that it did not end before it began."""
    if until is not None and held.since is not None and held.since.certainly_after(until):
        raise InvalidEvent(
            f"{field.name}: {until} lies before since, {held.since}. Swap the two, or mend one"
        )


@event(category="actor", subject="actor", evidence=True)
class RoleReported:
    """An actor was reported to hold an office.

    Attributes:
        actor: who.
        role: the office, such as `president`.
        of: the state or organisation whose office it is.
        since: when the holding began, as far as is known.
        until: when it ended, as far as is known.
    """

    actor: ActorId
    role: str
    of: ActorId | None = None
    since: When | None = attrs.field(default=None, converter=when)
    until: When | None = attrs.field(default=None, converter=when, validator=_in_order)


_JOINING = {"a", "an", "and", "at", "for", "in", "of", "s", "the", "to"}


def folded(name: str) -> str:
    """A name without case, accents and punctuation, as names are compared.

    >>> folded("Anne-Marie MÜLLER")
    'anne marie muller'
    """
    letters = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[’'ʻʼ`.]", "", plain).replace("-", " ").split())


def of_surname(text: str, names: Iterable[str]) -> list[str]:
    """Those of people's names, as they are folded, that end with this one word.

    >>> of_surname("Müller", ["anne marie muller", "muller"])
    ['anne marie muller']
    """
    word = folded(text)
    if not word or len(text.split()) > 1:
        return []
    return [name for name in names if name.endswith(f" {word}")]


def office_words(office: str) -> frozenset[str]:
    """The words of an office's name, or of a capacity, by which two are compared.

    >>> office_words("Minister of Energy") == office_words("energy minister")
    True
    """
    return frozenset(re.findall(r"\w+", office.casefold())) - _JOINING


def office_key(office: str) -> str:
    """The same as one text: offices are looked up by it.

    >>> office_key("Minister of Energy")
    'energy minister'
    """
    return " ".join(sorted(office_words(office)))


@event(category="actor", subject="actor", evidence=True)
class MembershipReported:
    """An actor was reported to belong to a body.

    Attributes:
        actor: the member.
        of: the body.
        status: how it belongs.
        share: per cent of the body that it holds, where it holds a share.
        since: when that began, as far as is known.
        until: when it ended, as far as is known.
    """

    actor: ActorId
    of: ActorId
    status: Belonging = "member"
    since: When | None = attrs.field(default=None, converter=when)
    until: When | None = attrs.field(default=None, converter=when, validator=_in_order)
    share: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None


_Others = Annotated[tuple[ActorId, ...], msgspec.Meta(min_length=1)]


@event(category="actor", subject="actor")
class ActorsMerged:
    """Several entries of the record were found to be one actor.

    Whatever names the others is read as naming `actor`, from the first event on. Retract it with
    an `EventRetracted` to undo it.

    Attributes:
        actor: the entry that stays.
        others: the entries that are read as it.
        reason: why, for readers of the record.
    """

    actor: ActorId
    others: _Others = attrs.field(converter=strings)
    reason: Text


@event(category="actor", subject="actor")
class ActorsDistinguished:
    """Actors who could be taken for one were found to be several; a merger of them is refused.

    Attributes:
        actor: one of them.
        others: those it is not.
        reason: why, for readers of the record.
    """

    actor: ActorId
    others: _Others = attrs.field(converter=strings)
    reason: Text
