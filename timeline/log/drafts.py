"""Events as rows of the log, without a database: drafted, numbered, compared, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import attrs

from timeline import dates
from timeline.dates import When
from timeline.errors import InvalidEvent, UnknownEventType
from timeline.events import NewEvent, Obsolete, RecordedEvent, Redacted, event_type
from timeline.events.base import LONGEST_ID, value_at
from timeline.log import digests
from timeline.log.codec import Codec
from timeline.log.digests import Head
from timeline.log.schema import Stored

_LONGEST_STREAM = 255

_CONTENT = ("stream", "type", "type_version", "occurred", "evidence", "data")
"""The columns that must agree for a repeated event id to be a retry."""

_STAND_INS = (Redacted, Obsolete)


def stream_name(new: NewEvent) -> str:
    """The stream an event goes to: the one it names, else the one its class derives.

    Raises:
        InvalidEvent: neither names one.
    """
    name = derived_stream(new.event, new.id) if new.stream is None else new.stream
    if name is None:
        raise InvalidEvent(
            f"event {new.id!r}: {event_type(new.event).name} belongs to no stream by itself. "
            "Name one with stream=…"
        )
    return name


def derived_stream(event: object, id: str) -> str | None:
    """The stream that the class of an event derives for it; None where it leaves that open."""
    kind = event_type(event)
    if kind.category is None:
        return None
    subject = value_at(event, kind.subject) if kind.subject else None
    # What goes by no name of its own, a statement say, is a stream of its own by its event's id.
    return f"{kind.category}-{subject or id}"


def in_stream(stream: str, item: Any) -> NewEvent:
    """An event, or a `NewEvent`, as a new one of that stream."""
    if not isinstance(item, NewEvent):
        return NewEvent(item, stream=stream)
    # By hand, since attrs.evolve takes longer than all else that is done to an event here.
    return NewEvent(item.event, item.id, stream, item.occurred, item.evidence)


@attrs.frozen
class Draft:
    """An event on its way in, with the columns that do not depend on its place."""

    new: NewEvent
    row: dict[str, Any]

    def recorded(self, row: Stored) -> RecordedEvent[Any]:
        """The event as recorded, once its row is."""
        return _recorded(row, self.new.event, self.new.evidence, self.new.occurred)


def drafted(codec: Codec, new: NewEvent) -> Draft:
    """The draft of an event.

    Raises:
        InvalidEvent, UnknownEventType: it does not fit.
    """
    kind, data = codec.encode(new.event)
    stream = stream_name(new)
    earliest, latest = dates.bound_texts(new.occurred)
    _check_name("id", new.id, LONGEST_ID, new.id)
    _check_name("stream", stream, _LONGEST_STREAM, new.id)
    return Draft(
        new,
        {
            "event_id": new.id,
            "stream": stream,
            "type": kind.name,
            "type_version": kind.version,
            "occurred": None if new.occurred is None else new.occurred.text,
            "occurred_from": earliest,
            "occurred_to": latest,
            "evidence": codec.encode_evidence(new.evidence),
            "data": data,
            "redacted": None,
        },
    )


def _check_name(what: str, value: Any, longest: int, event_id: Any) -> None:
    fits = isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
    if not fits:
        raise InvalidEvent(
            f"event {event_id!r:.80}: expected {what} to be text of 1 to {longest} printable "
            f"characters; found {value!r:.80}"
        )


def refuse_other_content(drafts: Sequence[Draft]) -> None:
    """Refuse an id that stands for two things in one call; the same twice is a retry in advance."""
    seen: dict[str, Draft] = {}
    for draft in drafts:
        first = seen.setdefault(draft.new.id, draft)
        if first.row != draft.row:
            raise InvalidEvent(
                f"event {draft.new.id!r} stands twice in one call, with different content"
            )


def numbered(
    drafts: Sequence[Draft], at: Head, versions: dict[str, int], recorded_at: str
) -> list[Stored]:
    """Give each draft its place and its digest, following on from `at`; one time holds for all."""
    position, digest = at.position, at.digest
    rows = []
    for draft, salt in zip(drafts, digests.new_salts(len(drafts)), strict=True):
        stream = draft.row["stream"]
        versions[stream] += 1
        position += 1
        place = {"position": position, "version": versions[stream]}
        row = draft.row | place | {"recorded_at": recorded_at, "salt": salt}
        digest = row["digest"] = digests.event_digest(digest, row)
        rows.append(Stored(**row))
    return rows


def differences(codec: Codec, draft: Draft, row: Stored) -> tuple[str, ...]:
    """The columns in which an event is not what was recorded under its id."""
    differs = {name for name in _CONTENT if getattr(row, name) != draft.row[name]}
    if row.data is None:
        # Of what a takedown removed there is nothing left to compare.
        differs -= {"evidence", "data", "type_version"}
        if row.type in codec.stored_names({draft.row["type"]}):
            differs -= {"type"}
    elif differs & {"type", "data", "evidence", "type_version"}:
        # A class that has gained an optional field, or another name, writes other bytes for the
        # same event.
        there = _meaning(codec, row)
        if there is not None and there.type == draft.row["type"]:
            differs -= {"type"}
            if codec.encode(there.event)[1] == draft.row["data"]:
                differs -= {"data", "type_version"}
            if codec.encode_evidence(there.evidence) == draft.row["evidence"]:
                differs -= {"evidence"}
    return tuple(name for name in _CONTENT if name in differs)


def _meaning(codec: Codec, row: Stored) -> RecordedEvent[Any] | None:
    """The event of a row, where it means one to this code."""
    try:
        there = read(codec, row)
    except UnknownEventType:
        return None
    return None if isinstance(there.event, Obsolete) else there


def read(codec: Codec, row: Stored) -> RecordedEvent[Any]:
    """The event of a row; the first it means, where upcasters make several of it."""
    return next(meanings(codec, [row]), None) or _recorded(row, Obsolete(), (), None)


_when = lru_cache(maxsize=4096)(When)  # one for all that happened on a day: they never change


def meanings(codec: Codec, rows: Iterable[tuple[Any, ...]]) -> Iterator[RecordedEvent[Any]]:
    """What rows mean to this code: each one event, unless upcasters make none or several of it.

    Args:
        codec: knows the events.
        rows: as `Stored`, though plain tuples will do.

    Raises:
        UnknownEventType, InvalidEvent: see `Codec.decode`.
    """
    # Every event that is read comes through here. To take a row apart at once, and to name none of
    # what goes into an event, saves a sixth of the time.
    for row in rows:
        position, id, stream, version, type, kind, when, _, _, at, evidence, data, _, _, digest = (
            row
        )
        occurred = None if when is None else _when(when)
        if data is None or evidence is None:
            yield RecordedEvent(
                Redacted(), id, position, stream, version, type, occurred, (), at, digest
            )
            continue
        found = codec.decode_evidence(evidence)
        for event in codec.decode(type, kind, data, position):
            name = event_type(event).name
            yield RecordedEvent(
                event, id, position, stream, version, name, occurred, found, at, digest
            )


def _recorded(row: Stored, event: Any, evidence: Any, occurred: When | None) -> RecordedEvent[Any]:
    return RecordedEvent(
        event=event,
        id=row.event_id,
        position=row.position,
        stream=row.stream,
        version=row.version,
        type=row.type if event.__class__ in _STAND_INS else event_type(event).name,
        occurred=occurred,
        evidence=evidence,
        recorded=row.recorded_at,
        digest=row.digest,
    )
