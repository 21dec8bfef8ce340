"""What must hold of events together, or nothing is recorded; and what is allowed and looks wrong.

A finding of the second kind never stops an append; the caller decides what to do with it.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, TypeAlias

import attrs
import sqlalchemy as sa

from timeline.dates import When
from timeline.engine.projection import View
from timeline.engine.reader import Amendments
from timeline.errors import InvalidEvent, InvalidInput, UnknownReference
from timeline.events import (
    Actor,
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    EventCorrected,
    EventCorroborated,
    EventRedacted,
    EventRetracted,
    MeetingAnnounced,
    MeetingRescheduled,
    MilestoneReached,
    NewEvent,
    PlanAnnounced,
    PlanOutcomeReported,
    PlanPostponed,
    RecordedEvent,
    Redacted,
    References,
    Source,
    SourceAdded,
    StatementMade,
    event_type,
    type_names,
)
from timeline.events.base import value_at
from timeline.events.envelope import derived_stream, stream_name
from timeline.events.named_ids import references_with_evidence
from timeline.log.query import Query
from timeline.log.store import EventStore
from timeline.projections.directory import ActorRow, DistinctRow, SourceRow
from timeline.projections.plans import PlanRow

# What must hold


_MOST_MISSING = 20
"""Missing references that one error lists."""


def require_evidence(new: NewEvent) -> None:
    """Check that an event has evidence, if its class must have some.

    Raises:
        InvalidEvent: it has none, or its class was not made by `@event`, or it is a takedown.
    """
    try:
        kind = event_type(new.event)
    except TypeError as error:
        raise InvalidEvent(f"event {new.id!r}: {error}") from None
    if isinstance(new.event, EventRedacted):
        raise InvalidEvent(
            f"event {new.id!r}: only a takedown records an EventRedacted, and removes the words, "
            "too: `timeline redact`, or the method `redact`"
        )
    if kind.evidence and not new.evidence:
        raise InvalidEvent(
            f"event {new.id!r}: {kind.name} needs evidence; name its source, with source=… or "
            "evidence=[…]"
        )


def require_references(
    store: EventStore, news: Sequence[NewEvent], connection: sa.Connection | None = None
) -> None:
    """Check that everything that the events name is recorded, or recorded with them.

    Raises:
        UnknownReference: an event names something that is not recorded. The error is for the
            first such reference; its message lists up to 20.
    """
    wanted = [(new, *named) for new in news for named in _references(new)]
    beside: dict[str, NewEvent | RecordedEvent[Any]] = {new.id: new for new in news}
    ids = {id for _, _, category, id in wanted if category == "event"} - beside.keys()
    events = beside | (store.existing(ids, connection) if ids else {})
    corrections = _unrecorded_corrections(store, news, connection)
    wanted += [(new, *named) for new in corrections for named in _corrections(store, new, events)]
    further = {id for _, _, category, id in wanted if category == "event"} - events.keys()
    events |= store.existing(further, connection) if further else {}
    opened = {stream_name(new) for new in news if event_type(new.event).opens}
    streams = {f"{category}-{id}" for _, _, category, id in wanted if category != "event"}
    known = opened | store.existing_streams(streams - opened, connection)
    missing = [
        (new.id, path, category, id)
        for new, path, category, id in wanted
        if (id not in events if category == "event" else f"{category}-{id}" not in known)
    ]
    if missing:
        raise _all_missing(missing, [*opened, *(f"event-{new.id}" for new in news)])


def _all_missing(
    missing: Sequence[tuple[str, str, str, str]], opened: Iterable[str]
) -> UnknownReference:
    """The error for the first missing reference; it lists the others, to correct all at once.

    Args:
        missing: the event, the field, the category and the id of every missing reference.
        opened: the streams that the same append opens, and its events, as `event-<id>`; a similar
            id among them is suggested, or one that is the same within its record.
    """
    errors = []
    for event, path, category, id in missing[:_MOST_MISSING]:
        ids = [
            name.removeprefix(f"{category}-") for name in opened if name.startswith(f"{category}-")
        ]
        near = [one for one in ids if one.endswith(f"/{id}")]
        near = near or difflib.get_close_matches(id, ids, n=1)
        errors.append(UnknownReference(event, path, category, id, near=near[0] if near else None))
    first, *others = errors
    return UnknownReference(
        first.event_id,
        first.field,
        first.category,
        first.id,
        near=first.near,
        others=others,
        more=len(missing) - len(errors),
    )


def _unrecorded_corrections(
    store: EventStore, news: Sequence[NewEvent], connection: sa.Connection | None
) -> list[NewEvent]:
    """The corrections that are not on record yet: what these correct may have been taken down."""
    made = [new for new in news if isinstance(new.event, EventCorrected)]
    recorded = store.existing([new.id for new in made], connection) if made else {}
    return [new for new in made if new.id not in recorded]


def _corrections(
    store: EventStore, new: NewEvent, events: Mapping[str, NewEvent | RecordedEvent[Any]]
) -> References:
    """The references of events as corrected; checks that the correction fits them."""
    for id in new.event.events:
        if id in events:
            yield from _references(_corrected(store, new, events[id]))


def _corrected(
    store: EventStore, new: NewEvent, target: NewEvent | RecordedEvent[Any]
) -> NewEvent | RecordedEvent[Any]:
    problem = f"event {new.id!r}: correcting {target.id!r}"
    if isinstance(target.event, Amendments.CLASSES):
        raise InvalidEvent(
            f"{problem}: it is itself a correction. Retract it with an EventRetracted, and "
            "record what is right in a correction of its own."
        )
    if isinstance(target.event, Redacted):
        raise InvalidEvent(f"{problem}: its words were taken down, so there is nothing to correct")
    try:
        corrected = store.codec.corrected(target, new.event.changes)
    except InvalidInput as error:
        raise InvalidEvent(f"{problem}: {error}") from None
    if derived_stream(corrected.event, target.id) != derived_stream(target.event, target.id):
        raise InvalidEvent(
            f"{problem} would move it to another stream. Retract it with an EventRetracted, "
            "and record it where it belongs."
        )
    return corrected


def _references(event: NewEvent | RecordedEvent[Any]) -> References:
    """What an event and its evidence refer to, without the thing that it brings into being."""
    if isinstance(event.event, Redacted):
        return
    kind = event_type(event.event)
    opened = kind.subject if kind.opens else None
    for path, category, id in references_with_evidence(event):
        if path != opened:
            yield path, category, id


def names(event: RecordedEvent[Any], id: str, category: str | None) -> bool:
    """Whether an event names that id, as one of the category or of any."""
    if category is None and event.stream.partition("-")[2] == id:
        return True
    return any(
        named == id and (category is None or of == category) for _, of, named in _references(event)
    )


# Who is who


_IDENTITY = (ActorsMerged, ActorsDistinguished)
_BEARING = (*_IDENTITY, EventRetracted, EventCorrected)
_TYPES = type_names(*_BEARING)


def require_identities(
    store: EventStore, news: Sequence[NewEvent], viewing: Callable[[], AbstractContextManager[View]]
) -> None:
    """Check that mergers and distinctions of actors hold together, old and new ones.

    Args:
        store: the log.
        news: the events that are about to be appended.
        viewing: opens the read models as they are.

    Raises:
        InvalidEvent: a merger contradicts a distinction, directly or through a chain, or joins
            actors of different kinds. It names the events.
    """
    bearing = [new for new in news if isinstance(new.event, _BEARING)]
    recorded = store.existing(new.id for new in bearing) if bearing else {}
    fresh = [new for new in bearing if new.id not in recorded]
    if not _bears_on_identity(store, fresh):
        return
    _require_two_or_more(fresh)
    _require_one_kind(fresh, news, viewing)
    _require_no_contradiction(store, fresh)


def _bears_on_identity(store: EventStore, fresh: Sequence[NewEvent]) -> bool:
    if any(isinstance(new.event, _IDENTITY) for new in fresh):
        return True
    # A retraction of a retraction brings back what that one took away.
    targets = {id for new in fresh for id in getattr(new.event, "events", ())}
    named = store.existing(targets).values() if targets else ()
    return any(isinstance(event.event, _BEARING) for event in named)


def _require_two_or_more(fresh: Iterable[NewEvent]) -> None:
    for new in fresh:
        if isinstance(new.event, _IDENTITY) and new.event.actor in new.event.others:
            verb = "be merged into" if isinstance(new.event, ActorsMerged) else "be distinct from"
            raise InvalidEvent(f"event {new.id!r}: {new.event.actor!r} cannot {verb} itself")


def _require_one_kind(
    fresh: Iterable[NewEvent],
    news: Iterable[NewEvent],
    viewing: Callable[[], AbstractContextManager[View]],
) -> None:
    mergers = [new for new in fresh if isinstance(new.event, ActorsMerged)]
    named = {id for new in mergers for id in (new.event.actor, *new.event.others)}
    if not named:
        return
    with viewing() as view:
        kinds = {row.actor: row.kind for row in view.several(ActorRow, sorted(named))}
    added = (new.event.actor for new in news if isinstance(new.event, ActorAdded))
    kinds |= {actor.id: actor.kind for actor in added}
    for new in mergers:
        ids = (new.event.actor, *new.event.others)
        several = sorted({kinds[id] for id in ids if id in kinds})
        if len(several) > 1:
            raise InvalidEvent(
                f"event {new.id!r}: they are of different kinds, {' and '.join(several)}; correct "
                "one first"
            )


def _require_no_contradiction(store: EventStore, fresh: Sequence[NewEvent]) -> None:
    """Check the whole as it will stand: what is retracted in the same call does not count."""
    known = list(store.read_all(Query(_TYPES)))
    end = known[-1].position if known else 0
    events = [*known, *(_as_recorded(new, end + n) for n, new in enumerate(fresh, start=1))]
    amendments = Amendments(store.codec, (e for e in events if e.type in Amendments.TYPES))
    for event in events:
        if isinstance(event.event, ActorsDistinguished):
            for one, other, reason in _kept_apart(amendments.apply(event)):
                if amendments.merged_into(one) == amendments.merged_into(other):
                    mergers = amendments.mergers_of(one, other)
                    raise _contradiction(fresh, one, other, (event.id, reason), mergers)


def _kept_apart(distinction: RecordedEvent[Any] | None) -> Iterator[tuple[str, str, str]]:
    """Each pair that a distinction keeps apart, with the reason; none where it is retracted."""
    if distinction is not None:
        for other in distinction.event.others:
            yield distinction.event.actor, other, distinction.event.reason


def _contradiction(
    fresh: Sequence[NewEvent],
    one: str,
    other: str,
    distinction: tuple[str, str],
    mergers: Sequence[str],
) -> InvalidEvent:
    id, reason = distinction
    involved = [new.id for new in fresh if new.id in (id, *mergers)]
    newest = involved[-1] if involved else fresh[-1].id
    joined = ", ".join(map(repr, mergers))
    return InvalidEvent(
        f"event {newest!r}: {one!r} and {other!r} are read as one, by {joined}, and were found to "
        f"be distinct, by {id!r}: {reason} Retract whichever is wrong first."
    )


def _as_recorded(new: NewEvent, position: int) -> RecordedEvent[Any]:
    """A new event as the log will hold it, as far as amendments look at it."""
    return RecordedEvent(
        event=new.event,
        id=new.id,
        position=position,
        stream=new.stream or "",
        version=0,
        type=event_type(new.event).name,
        occurred=new.occurred,
        evidence=new.evidence,
        stamp=0,
        digest=b"",
    )


# What looks wrong


AnyEvent: TypeAlias = NewEvent | RecordedEvent[Any]

Problems: TypeAlias = Iterator[tuple[str, str]]
"""Pairs of field and problem."""

_SHORTEST = 6
"""Letters from which an id, or a word of a name, is long enough to look like a slip."""

_SHORTEST_NAME = 8
"""Letters from which a whole name is: Iceland is not Ireland."""


@attrs.frozen
class Finding:
    """Something that looks wrong.

    Attributes:
        event: the id of the event.
        field: where in the event, as a dotted path.
        problem: what looks wrong, and what to do if it is.
        place: the file and line, where the event comes from a file.
    """

    event: str
    field: str
    problem: str
    place: str | None = None

    def __str__(self) -> str:
        # A source at the top of a file has one line for the evidence of all events.
        where = f"{self.place}: " if self.place else ""
        return f"{where}event {self.event!r}: {self.field}: {self.problem}"


class Context:
    """What is known beside one event: of the record, and of the events checked with it.

    Args:
        events: the events to check.
        view: the record as it is.
        now: the moment after which a date lies in the future.
    """

    def __init__(self, events: Sequence[AnyEvent], view: View, now: datetime) -> None:
        self.now = now
        self.names: dict[str, set[str]] = defaultdict(set)
        self.kinds: dict[str, str] = {}
        self.settled: set[frozenset[str]] = set()
        self.addresses: dict[str, set[str]] = defaultdict(set)
        self.publishers: dict[str, str] = {}
        self.published: dict[str, When | None] = {}
        self.copies: dict[str, str | None] = {}
        self.cited_in: dict[str, str | None] = {}
        self.announced: dict[str, list[When]] = defaultdict(list)
        self.subjects: dict[str, set[str]] = defaultdict(set)
        for actor in view.all(ActorRow):
            if actor.withdrawn is None:
                self._add_actor(actor.actor, actor)
            if actor.merged_into is not None:
                self._settle(actor.actor, actor.merged_into)
        for pair in view.all(DistinctRow):
            self._settle(pair.actor, pair.other)
        for source in view.all(SourceRow):
            self._add_source(source.source, source)
        for plan in view.all(PlanRow):
            self._add_plan(plan.plan, plan.occurred)
        for event in events:
            self._add(event)
        self.events: dict[str, AnyEvent] = {event.id: event for event in events}
        corroborated = {id for event in events for id in _corroborated(event)}
        self.events |= view.events(corroborated - self.events.keys())

    def _add(self, event: AnyEvent) -> None:
        body = event.event
        if isinstance(body, ActorAdded):
            self._add_actor(body.actor.id, body.actor)
        elif isinstance(body, ActorsDistinguished | ActorsMerged):
            self._settle(body.actor, *body.others)
        elif isinstance(body, SourceAdded):
            self._add_source(body.source.id, body.source)
        elif isinstance(body, PlanAnnounced):
            self._add_plan(body.plan, event.occurred)
        category, id = _opened(event)
        if category is not None and id is not None:
            self.subjects[category].add(id)

    def _add_actor(self, id: str, actor: ActorRow | Actor) -> None:
        self.kinds[id] = actor.kind
        for name in (actor.name, *actor.aliases):
            self.names[comparable(name)].add(id)

    def _settle(self, actor: str, *others: str) -> None:
        """Note that somebody has found whether these are one actor or several."""
        self.settled |= {frozenset((actor, other)) for other in others}

    def others(self, actor: Actor, ids: Iterable[str]) -> str:
        """Those of some ids that may be of the same actor, quoted: nobody has found whether."""
        unsettled = {id for id in ids if frozenset((id, actor.id)) not in self.settled}
        return ", ".join(map(repr, sorted(unsettled - {actor.id})))

    def with_names_near(self, name: str) -> set[str]:
        """The ids of actors with a name that misses this one by a letter."""
        own = comparable(name)
        shared = (self._near_names.get(part, ()) for part in _parts(own))
        near = {other for others in shared for other in others if is_slip_of_name(own, other)}
        return {id for other in near for id in self.names[other]}

    @functools.cached_property
    def _near_names(self) -> dict[str, list[str]]:
        """Names by what they may share with a name that misses them by a letter."""
        # To compare each with each would take minutes where there are thousands.
        near = defaultdict(list)
        for name in self.names:
            for part in _parts(name):
                near[part].append(name)
        return near

    def _add_source(self, id: str, source: SourceRow | Source) -> None:
        self.publishers[id] = source.publisher
        self.published[id] = source.published
        self.copies[id] = source.copies
        self.cited_in[id] = source.cited_in
        if source.address is not None:
            self.addresses[source.address].add(id)

    def _add_plan(self, id: str, announced: When | None) -> None:
        self.subjects["plan"].add(id)
        if announced is not None:
            self.announced[id].append(announced)


def findings(events: Sequence[AnyEvent], view: View, now: datetime) -> list[Finding]:
    """What looks wrong in some events, in their order.

    Args:
        events: the events: new ones, or recorded ones.
        view: the record that they are, or will be, part of.
        now: the moment after which a date lies in the future.
    """
    context = Context(events, view, now)
    return [
        Finding(event.id, field, problem)
        for event in events
        for rule in RULES
        for field, problem in rule(event, context)
    ]


def comparable(name: str) -> str:
    """A name as it is compared: without case, and with one space between words."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


# Dates


def future(event: AnyEvent, context: Context) -> Problems:
    """A date of the past that lies in the future."""
    dates = {"occurred": event.occurred}
    if isinstance(event.event, SourceAdded):
        dates["source.published"] = event.event.source.published
        dates["source.retrieved"] = event.event.source.retrieved
    for field, date in dates.items():
        if date is not None and date.earliest is not None and date.earliest > context.now:
            yield field, f"{date} lies in the future. Is the year right?"


def after_its_source(event: AnyEvent, context: Context) -> Problems:
    """An event that occurred after its source was published."""
    yield from _published_before(event, context, event.occurred, "the event")


def before_what_it_corroborates(event: AnyEvent, context: Context) -> Problems:
    """A source that was published before the event that it is said to support."""
    for id in _corroborated(event):
        if (target := context.events.get(id)) is not None:
            yield from _published_before(event, context, target.occurred, repr(id))


def _published_before(
    event: AnyEvent, context: Context, occurred: When | None, what: str
) -> Problems:
    """The sources of an event that were published before something occurred."""
    for number, evidence in enumerate(event.evidence):
        published = context.published.get(evidence.source)
        if published is not None and occurred and occurred.certainly_after(published):
            source = f"source {evidence.source!r} was published on {published}"
            yield f"evidence[{number}]", f"{source}, before {what} occurred ({occurred})"


def due_before_announced(event: AnyEvent, _context: Context) -> Problems:
    """A plan or a meeting that was due before it was announced, or put off."""
    body = event.event
    field, due = "due", None
    if isinstance(body, PlanAnnounced | PlanPostponed):
        due = body.due
    elif isinstance(body, MeetingAnnounced | MeetingRescheduled):
        field, due = "planned", body.planned
    if due is not None and event.occurred is not None and event.occurred.certainly_after(due):
        yield field, f"{due} lies before the announcement ({event.occurred})"


def outcome_before_plan(event: AnyEvent, context: Context) -> Problems:
    """What became of a plan, or that it was put off, from before it was announced."""
    body, occurred = event.event, event.occurred
    plans: tuple[str, ...] = ()
    if isinstance(body, PlanOutcomeReported | PlanPostponed):
        plans = (body.plan,)
    elif isinstance(body, MilestoneReached):
        plans = body.fulfils
    if occurred is None:
        return
    for plan in plans:
        announced = context.announced.get(plan, [])
        if announced and all(date.certainly_after(occurred) for date in announced):
            problem = f"{occurred} lies before plan {plan!r} was announced ({min(announced)})"
            yield "occurred", problem


# Chains of attribution


def chain_begins_elsewhere(event: AnyEvent, context: Context) -> Problems:
    """A chain whose first link is not the publisher of the source."""
    for number, evidence in enumerate(event.evidence):
        # Nobody read a source that is only cited: the chain begins at the one that cites it.
        read = context.cited_in.get(evidence.source) or evidence.source
        publisher = context.publishers.get(read)
        if evidence.chain and publisher is not None and evidence.chain[0].who != publisher:
            begins = f"the chain begins at {evidence.chain[0].who!r}"
            problem = f"{begins}; the publisher of source {read!r} is {publisher!r}"
            yield f"evidence[{number}].chain", problem


def chain_misses_the_speaker(event: AnyEvent, _context: Context) -> Problems:
    """A chain that leads past the speaker of a statement."""
    body = event.event
    if isinstance(body, StatementMade):
        for number, evidence in enumerate(event.evidence):
            voices = [link.who for link in evidence.chain]
            if len(voices) > 1 and body.speaker not in voices:
                problem = f"the chain ends at {voices[-1]!r}; the speaker is {body.speaker!r}"
                yield f"evidence[{number}].chain", problem


# Doubles


def copies_in_a_circle(event: AnyEvent, context: Context) -> Problems:
    """Sources that copy each other."""
    if not isinstance(event.event, SourceAdded):
        return
    source = event.event.source.id
    path, at = [source], context.copies.get(source)
    while at is not None and at not in path:
        path.append(at)
        at = context.copies.get(at)
    if at == source:
        circle = " copies ".join(map(repr, [*path, source]))
        yield "source.copies", f"{circle}. One of them must be the first"


def second_actor_of_a_name(event: AnyEvent, context: Context) -> Problems:
    """Two entries for actors under one name: looking up the name becomes a question."""
    if isinstance(event.event, ActorAdded):
        actor = event.event.actor
        for name in dict.fromkeys((actor.name, *actor.aliases)):
            if others := context.others(actor, context.names[comparable(name)]):
                yield "actor.name", f"{name!r} is also a name of {others}. {_ONE_OR_TWO}"


def name_near_another(event: AnyEvent, context: Context) -> Problems:
    """A name of an actor that misses one of another actor of the kind by a letter."""
    if isinstance(event.event, ActorAdded):
        actor = event.event.actor
        for name in dict.fromkeys((actor.name, *actor.aliases)):
            near = context.with_names_near(name)
            of_kind = (id for id in near if context.kinds[id] == actor.kind)
            if others := context.others(actor, of_kind):
                yield "actor.name", f"{name!r} is nearly a name of {others}. {_ONE_OR_TWO}"


_ONE_OR_TWO = "If they are one, use that id; if not, say so with an ActorsDistinguished"


def second_source_of_an_address(event: AnyEvent, context: Context) -> Problems:
    """Two entries for sources at one address."""
    if isinstance(event.event, SourceAdded) and event.event.source.address is not None:
        others = sorted(context.addresses[event.event.source.address] - {event.event.source.id})
        if others:
            problem = f"source {others[0]!r} has the same address. If they are one, use that id"
            yield "source.address", problem


def id_near_another(event: AnyEvent, context: Context) -> Problems:
    """A new id that misses another one by a letter."""
    category, id = _opened(event)
    if category in ("proposal", "meeting", "plan") and id is not None and len(id) >= _SHORTEST:
        for other in sorted(context.subjects[category] - {id}):
            if is_slip(id, other):
                field = event_type(event.event).subject or ""
                yield field, f"{id!r} is nearly {other!r}. Is it the same {category}?"


def is_slip(one: str, other: str) -> bool:
    """Whether two ids differ by one letter: changed, added, or swapped with its neighbour.

    Digits do not count: `summit-2022` and `summit-2023` are two editions.

    >>> is_slip("harbour", "habrour"), is_slip("summit-2022", "summit-2023")
    (True, False)
    """
    pairs = enumerate(zip(one, other, strict=False))
    start = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    left, right = one[start:], other[start:]
    if (left[:1] + right[:1]).isdigit() or one == other:
        return False
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]


def is_slip_of_name(one: str, other: str) -> bool:
    """Whether two names differ by one letter, and are long enough for that to be a slip.

    >>> is_slip_of_name("anna baker", "anna bakker"), is_slip_of_name("jon smith", "joe smith")
    (True, False)
    """
    words = set(re.findall(r"\w+", one)) ^ set(re.findall(r"\w+", other))
    whole = min(len(one), len(other))
    long = max(map(len, words), default=0) >= _SHORTEST and whole >= _SHORTEST_NAME
    return long and is_slip(one, other)


def _parts(name: str) -> set[str]:
    """A name, and what is left of it without one letter; of a short one nothing."""
    if len(name) < _SHORTEST_NAME:
        return set()
    return {name} | {name[:at] + name[at + 1 :] for at in range(len(name))}


def _opened(event: AnyEvent) -> tuple[str | None, str | None]:
    """The category and id of what an event brings into being; None where it brings nothing."""
    kind = getattr(event.event, "__event_type__", None)
    if kind is None or not kind.opens or kind.subject is None:
        return None, None
    return kind.category, value_at(event.event, kind.subject)


def _corroborated(event: AnyEvent) -> tuple[str, ...]:
    return event.event.events if isinstance(event.event, EventCorroborated) else ()


RULES: tuple[Callable[[AnyEvent, Context], Problems], ...] = (
    future,
    after_its_source,
    before_what_it_corroborates,
    due_before_announced,
    outcome_before_plan,
    chain_begins_elsewhere,
    chain_misses_the_speaker,
    copies_in_a_circle,
    second_actor_of_a_name,
    name_near_another,
    second_source_of_an_address,
    id_near_another,
)
"""Every rule takes an event and the context, and gives what looks wrong."""
