"""Rows of coded event data, whatever file they come from, and the events they become.

A coder, nearly always a program, read a sentence and wrote down who did what to whom as a code. One
encounter is often written twice, once from either side: "A consults B", "B consults A"; "A visits
B", "B is visited by A". Rows that mirror each other so are folded into one event, with each row as
a piece of evidence of its own. They do so if they have the same meaning, the same two parties, the
same day, and the same story and, where the data set knows sentences, sentence.

Only codes that are mutual are folded; see `timeline.formats.coded.fields`. The id of a folded event
is made of what its rows share and not of their ids. So it is the same whichever row comes first, in
whichever file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from timeline.dates import When, when
from timeline.events import (
    Actor,
    ActorAdded,
    Attendance,
    Coding,
    ConductReported,
    EventCorroborated,
    Evidence,
    MeetingAnnounced,
    MeetingHeld,
    NewEvent,
    ProposalAdopted,
    ProposalAnswered,
    ProposalMade,
    Source,
    SourceAdded,
    StatementMade,
)
from timeline.events.actors import Kind
from timeline.events.encoding import unread
from timeline.formats.coded.fields import CODES, Code, canonical, digest, other_names, tidy

Dataset = Literal["icews", "gdelt"]

SCHEME = "cameo"

_LONGEST_SLUG = 60
_LONGEST_TITLE = 300

_TITLES = {
    "036": "Plan of {} and {} to meet",
    "040": "Consultation between {} and {}",
    "041": "Telephone call between {} and {}",
    "visit": "Visit by {} to {}",
    "044": "Meeting of {} and {} on a third one's ground",
    "045": "Mediation between {} and {}",
    "046": "Negotiation between {} and {}",
}
"""What meetings are called, by meaning, with the two sides."""

Why = Literal["conduct", "nobody acts", "one party"]
"""Why a row was left out.

It is `conduct`, which was not asked for; it says of nobody that they act; or it tells of a meeting
or an agreement, and does not name two different parties.
"""

_OF_TWO = frozenset({"announced", "held", "adopted"})
"""What takes two parties."""

IdOf = Callable[[str], str]
"""The id that the actor of a name goes by in the record."""


class Party(msgspec.Struct, frozen=True, array_like=True):
    """Who acts, or is acted on: the name, as the coder spells it, and what sort of actor it is."""

    name: str
    kind: Kind


class Story(msgspec.Struct, frozen=True, array_like=True):
    """What the coder read.

    Attributes:
        key: what tells it from others of its data set: lower-case letters and digits.
        source: the id it gets as a source.
        publisher: the name of who published it.
        title: a title, where the data set has none of its own made of what it has.
        address: where it can be read.
        published: when it was published, as EDTF.
        retrieved: when the coder read it, as EDTF.
    """

    key: str
    source: str
    publisher: str
    title: str
    address: str | None
    published: str
    retrieved: str | None


class CodedRow(msgspec.Struct, frozen=True, array_like=True):
    """One row.

    Attributes:
        dataset: `icews` or `gdelt`.
        row: its id in the data set, unique among the rows of its day.
        day: the day it is dated, as 2018-06-01.
        actor: who acts; None where the row does not say.
        target: towards whom.
        code: the code, one of `CODES`.
        intensity: on Goldstein's scale.
        story: what was read.
        sentence: the number of the sentence in it, where the data set has it.
        place: where the coder places the event.
        latitude: of that place.
        longitude: of that place.
    """

    dataset: Dataset
    row: str
    day: str
    actor: Party | None
    target: Party | None
    code: str
    intensity: float | None
    story: Story
    sentence: str | None
    place: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def meaning(self) -> Code:
        """What the code stands for."""
        return CODES[self.code]

    @property
    def id(self) -> str:
        """The id of the row in the record."""
        return f"{self.dataset}/{self.day}/{self.row}"

    @property
    def sides(self) -> tuple[Party | None, Party | None]:
        """The two parties: of a visit the visitor first, else in the order of their names."""
        if self.meaning.meaning == "visit":
            return (self.actor, self.target) if self.code == "042" else (self.target, self.actor)
        first, second = sorted((self.actor, self.target), key=_name_of)
        return first, second

    @property
    def event(self) -> str:
        """The id of the event it becomes, or becomes part of."""
        if not self.meaning.mutual:
            return self.id
        parties = digest("\n".join(map(_name_of, self.sides)), 12)
        where = "/".join(filter(None, (self.story.key, self.sentence)))
        return f"{self.dataset}/{self.day}/{where}/{self.meaning.meaning}/{parties}"

    @property
    def evidence(self) -> Evidence:
        """The row as evidence of that event."""
        at = None if self.sentence is None else f"sentence {self.sentence}"
        coding = Coding(
            dataset=self.dataset,
            row=self.row,
            scheme=SCHEME,
            code=self.code,
            intensity=self.intensity,
            place=self.place,
            latitude=self.latitude,
            longitude=self.longitude,
        )
        return unread(Evidence, self.story.source, at=at, coding=coding)


def why_not(row: CodedRow, *, conduct: bool) -> Why | None:
    """Why nothing becomes of a row; None if something does.

    Args:
        row: the row.
        conduct: whether conduct is asked for.
    """
    becomes = row.meaning.becomes
    if becomes in _OF_TWO:
        names = {_name_of(row.actor), _name_of(row.target)} - {""}
        return None if len(names) == 2 else "one party"
    if row.actor is None:
        return "nobody acts"
    return "conduct" if becomes == "conduct" and not conduct else None


def _name_of(party: Party | None) -> str:
    return "" if party is None else canonical(party.name)


_when = functools.lru_cache(4_096)(When)

# --- Events ---------------------------------------------------------------------------------------


def actor_added(id: str, party: Party) -> NewEvent:
    """The event that takes an actor into the record: a country with all that it is called."""
    name = tidy(party.name)
    aliases = other_names(name) if party.kind == "state" else ()
    return NewEvent(
        unread(ActorAdded, unread(Actor, id, party.kind, name, aliases=aliases)), id=f"actor/{id}"
    )


def source_added(story: Story, id_of: IdOf) -> NewEvent:
    """The event that takes a story into the record."""
    source = unread(
        Source,
        story.source,
        publisher=id_of(story.publisher),
        title=story.title,
        address=story.address,
        published=_when(story.published),
        retrieved=when(story.retrieved),
    )
    return NewEvent(unread(SourceAdded, source), id=f"source/{source.id}")


def coded_event(event: str, rows: Sequence[CodedRow], id_of: IdOf) -> NewEvent:
    """The event of an id that rows become."""
    fold = _Fold(event, rows, id_of)
    return NewEvent(
        _MAKERS[fold.code.becomes](fold),
        id=fold.event,
        occurred=_when(fold.first.day),
        evidence=tuple(row.evidence for row in rows),
    )


def corroborated(row: CodedRow) -> NewEvent:
    """What becomes of a row whose event is on record already, without this row."""
    return NewEvent(
        EventCorroborated((row.event,)), id=f"{row.id}/further", evidence=[row.evidence]
    )


class _Fold:
    """What rows of one event say together."""

    def __init__(self, event: str, rows: Sequence[CodedRow], id_of: IdOf) -> None:
        self.first = rows[0]
        self.event = event
        self.code = self.first.meaning
        self._id_of = id_of
        self.both = len(rows) > 1 and len({_name_of(row.actor) for row in rows}) > 1
        # Rows that disagree on the place keep it in their evidence only: none is picked.
        places = {row.place for row in rows if row.place}
        self.place = places.pop() if len(places) == 1 else None

    @property
    def thing(self) -> str:
        """The id of the meeting or proposal it is about."""
        return self.event.replace("/", "-")

    @property
    def by(self) -> str:
        """Who acts."""
        assert self.first.actor is not None  # else the row was left out
        return self._id_of(self.first.actor.name)

    @property
    def toward(self) -> str | None:
        """Towards whom; nobody, where both act."""
        target = None if self.both else self.first.target
        return None if target is None else self._id_of(target.name)

    @property
    def jointly_with(self) -> tuple[str, ...]:
        """Who else acts, where both do."""
        target = self.first.target if self.both else None
        return () if target is None else (self._id_of(target.name),)

    @property
    def parties(self) -> tuple[str, ...]:
        """The ids of those named, each once."""
        return tuple(dict.fromkeys(self._id_of(side.name) for side in self.first.sides if side))

    @property
    def text(self) -> str:
        """What the code stands for, and towards whom."""
        code, target = self.code, self.first.target
        if code.meaning == "visit":
            # Both codes of a visit tell of it as the visitor does.
            code, target = CODES["042"], self.first.sides[1]
        label = code.label[0].upper() + code.label[1:]
        if self.both and code.meaning != "visit":
            return f"{label}, both sides."
        return f"{label}." if target is None else f"{label}, toward {tidy(target.name)}."

    @property
    def title(self) -> str:
        """A title for a meeting or a proposal: a headline, which names who acts first."""
        names = [tidy(side.name) for side in self.first.sides if side is not None]
        if self.code.meaning in _TITLES:
            title = _TITLES[self.code.meaning].format(*names)
        elif self.both:
            title = f"{' and '.join(names)} {re.sub('^is ', 'are ', self.code.label)}"
        else:
            who, whom = self.first.actor, self.first.target
            assert who is not None  # else the row was left out
            title = f"{tidy(who.name)} {self.code.label}"
            title += f" toward {tidy(whom.name)}" if whom else ""
        return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"


def _statement(fold: _Fold) -> Any:
    return unread(StatementMade, fold.by, fold.text, toward=fold.toward, place=fold.place)


def _proposal(fold: _Fold) -> Any:
    return unread(
        ProposalMade,
        fold.thing,
        fold.title,
        by=fold.by,
        text=fold.text,
        to=() if fold.toward is None else (fold.toward,),
        parties=fold.parties if fold.code.mutual else (),
        # Willingness is voiced before anything is put to anybody.
        firmness="floated" if fold.code.family == "03" else "proposed",
        jointly_with=fold.jointly_with,
        place=fold.place,
    )


def _accepted(fold: _Fold) -> Any:
    return unread(ProposalAnswered, None, fold.by, "accepted", fold.text, to=fold.toward)


def _rejected(fold: _Fold) -> Any:
    return unread(ProposalAnswered, None, fold.by, "rejected", fold.text, to=fold.toward)


def _adopted(fold: _Fold) -> Any:
    return unread(ProposalAdopted, None, fold.parties, fold.text, place=fold.place)


def _announced(fold: _Fold) -> Any:
    return unread(
        MeetingAnnounced,
        fold.thing,
        fold.title,
        firmness="intended",
        by=None if fold.both or fold.first.actor is None else fold.by,
        attendance=tuple(Attendance(party, "expected") for party in fold.parties),
        text=fold.text,
    )


def _held(fold: _Fold) -> Any:
    host = fold.first.sides[1] if fold.code.meaning == "visit" else None
    roles = {} if host is None else {host.name: "host"}
    named = {side.name: side for side in fold.first.sides if side is not None}
    return unread(
        MeetingHeld,
        fold.thing,
        fold.title,
        form=fold.code.form,
        place=fold.place,
        attendance=tuple(
            Attendance(id, "attended", role=roles.get(name))
            for name, id in zip(named, fold.parties, strict=True)
        ),
        text=fold.text,
    )


def _conduct(fold: _Fold) -> Any:
    return unread(
        ConductReported,
        fold.by,
        fold.text,
        fold.toward,
        jointly_with=fold.jointly_with,
        place=fold.place,
    )


_MAKERS: dict[str, Callable[[_Fold], Any]] = {
    "statement": _statement,
    "proposal": _proposal,
    "accepted": _accepted,
    "rejected": _rejected,
    "adopted": _adopted,
    "announced": _announced,
    "held": _held,
    "conduct": _conduct,
}
