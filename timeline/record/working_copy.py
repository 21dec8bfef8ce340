"""The working copy: claims in one call, and files that people go on editing.

The log is append-only. What changed in a file since it was ingested becomes events: additions,
corrections and retractions.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import attrs
import msgspec
import sqlalchemy as sa

from timeline.dates import Instant, Occurred, encode_time, instant, stamp_text, when
from timeline.engine.projection import View
from timeline.errors import InvalidInput, NotFound, require_text
from timeline.events import (
    EventCorrected,
    EventRetracted,
    NewEvent,
    RecordedEvent,
    Redacted,
    Source,
    event_type,
)
from timeline.events.envelope import new_id
from timeline.events.named_ids import named, references_with_evidence
from timeline.formats.record_files.names import digest
from timeline.log import database
from timeline.log.append import Appended
from timeline.log.schema import events as log_events
from timeline.log.schema import types as log_types
from timeline.log.telemetry import Progress, batched
from timeline.projections.amendments import AmendedRow
from timeline.record.writing import Draft, Writing, noted, placing, withdrawn_in

_FILES = str | os.PathLike[str] | Draft
_TOGETHER = 200
"""Events that one query looks for."""


@attrs.frozen
class Change:
    """An event of a file that says otherwise than the record does.

    Attributes:
        event: the event, as the file has it.
        fields: the names of the fields that differ; `occurred` and `evidence` may be among them.
    """

    event: NewEvent
    fields: tuple[str, ...]


@attrs.frozen
class Difference:
    """What record files say beside what is on record.

    Attributes:
        draft: the files.
        new: events that are not on record.
        same: how many events are on record as the files have them.
        changed: events that are on record with other content.
        gone: ids of events that came from the files and are no longer in them.
        renamed: ids on record, each with that of the new event that says the same.
        retracted: ids of events that the files have, and that are retracted on record.
    """

    draft: Draft
    new: tuple[NewEvent, ...]
    same: int
    changed: tuple[Change, ...]
    gone: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    retracted: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A line for each event that is not the same."""
        place = self.draft.place
        lines = [f"new      {new.id} ({place(new.id, 'id')})" for new in self.new]
        lines += [
            f"changed  {change.event.id} ({place(change.event.id, 'id')}): "
            f"{', '.join(change.fields)}"
            for change in self.changed
        ]
        lines += [f"renamed  {old} to {new} ({place(new, 'id')})" for old, new in self.renamed]
        lines += [f"retracted  {id} ({place(id, 'id')})" for id in self.retracted]
        return "\n".join([*lines, *(f"gone     {id}" for id in self.gone)])


@attrs.frozen
class Ingest:
    """Events that were recorded together: of files, as corrections, or to undo an ingest.

    Attributes:
        id: its id, as in the metadata of its events.
        recorded: when it was recorded.
        files: the names of the files.
        undoes: the id of the ingest that it undid.
        events: the ids of the events.
    """

    id: str
    recorded: Instant
    files: tuple[str, ...]
    undoes: str | None
    events: tuple[str, ...]

    def __str__(self) -> str:
        """What it was, on one line."""
        files = ", ".join(self.files) or "corrections"
        what = f"the undoing of {self.undoes}" if self.undoes else files
        size = f"{len(self.events)} event{'s' if len(self.events) != 1 else ''}"
        return f"{self.id}  {self.recorded:%Y-%m-%d %H:%M}  {size}  {what}"


@attrs.frozen
class Undoing:
    """What the undoing of an ingest takes out of reports.

    Attributes:
        ingest: the ingest.
        events: the events that are retracted; without those that were retracted or taken down.
        resting: later events of other ingests that name something of it.
    """

    ingest: Ingest
    events: tuple[RecordedEvent[Any], ...]
    resting: tuple[RecordedEvent[Any], ...]


class Details(TypedDict, total=False):
    """What a claim may say beside who and what.

    Attributes:
        on: when: a date, EDTF, or words such as `late 2022`.
        about: the proposals that it concerns.
        source: a `Source`, an address, an id, a title, or a mapping such as
            `{"publisher": "The Beacon", "title": "On the harbour"}`.
        at: the place in the source.
        quote: a short passage from there.
        chain: from the publisher back to the speaker: `"The Beacon > Alder"`, or a list.
        note: anything a reader should know of this support.
        on_behalf_of: whom it was said or done for.
        with_: with whom: participants, parties.
        to: whom it was said to.
        where: the place.
        meeting: the meeting it belongs to.
        due: when it is to happen.
        stance: the word that goes with the verb, such as `favourable`, or stances by names.
        more: further fields of the event.
        id: an id; without one it is made of all that the claim says.
        record: a name for the record, which ids begin with.
        create: whether to add actors that are known by name only.
        connection: record it within your own transaction; `Timeline.within` has the particulars.
    """

    on: Occurred
    about: str | Sequence[str]
    source: Source | str | Mapping[str, Any]
    at: str
    quote: str
    chain: str | Sequence[str | Mapping[str, Any]]
    note: str
    on_behalf_of: str
    with_: str | Sequence[str]
    to: str
    where: str
    meeting: str
    due: Occurred
    stance: str | Mapping[str, str]
    more: Mapping[str, Any]
    id: str
    record: str
    create: bool
    connection: sa.Connection


_KEYS = {"on_behalf_of": "for", "with_": "with"}


class WorkingCopy(Writing):
    """A record that takes claims in one call, and files that were edited since."""

    def say(self, by: str, text: str, **details: Unpack[Details]) -> RecordedEvent[Any]:
        """Record that somebody said something. Names do for ids; see `Details`.

        >>> said = record.say(
        ...     "Ann Alder, minister", "Soon.", on="late 2024", about="harbour", source="beacon-1"
        ... )
        >>> said.event.speaker, said.event.capacity, said.occurred
        ('ann', 'minister', When('2024-09~/2024-12'))

        Raises:
            InvalidRecord: a name is unknown or stands for two, or a detail does not fit; names it.
            UnknownReference: something named is not recorded.
            DatabaseError: the database could not do it.
        """
        return self._claim("said", by, text, details)

    def propose(self, by: str, title: str, **details: Unpack[Details]) -> RecordedEvent[Any]:
        """Record that somebody put a proposal forward; `with_` are the actors that would take part.

        >>> record.propose("ann", "A second pier", on="2024-05", source="beacon-1").event.proposal
        'a-second-pier'

        Raises:
            InvalidRecord: a name is unknown or stands for two, or a detail does not fit; names it.
            UnknownReference: something named is not recorded.
            DatabaseError: the database could not do it.
        """
        return self._claim("proposed", by, title, details)

    def meet(
        self, who: str | Sequence[str], title: str, **details: Unpack[Details]
    ) -> RecordedEvent[Any]:
        """Record that a meeting was held, and who was there.

        >>> met = record.meet(["Ann Alder for Eastholm", "Bob Birch"], "Talks", source="wire-1")
        >>> [(one.actor, one.represents) for one in met.event.attendance]
        [('ann', 'east'), ('bob', None)]

        Raises:
            InvalidRecord: a name is unknown or stands for two, or a detail does not fit; names it.
            UnknownReference: something named is not recorded.
            DatabaseError: the database could not do it.
        """
        return self._claim("met", who, title, details)

    def plan(self, by: str, title: str, **details: Unpack[Details]) -> RecordedEvent[Any]:
        """Record that something was said to be coming; `due` is when.

        >>> record.plan("ann", "Digging starts", due="June 2024", source="beacon-1").event.due
        When('2024-06')

        Raises:
            InvalidRecord: a name is unknown or stands for two, or a detail does not fit; names it.
            UnknownReference: something named is not recorded.
            DatabaseError: the database could not do it.
        """
        return self._claim("planned", by, title, details)

    def agree(
        self, who: str | Sequence[str], text: str, **details: Unpack[Details]
    ) -> RecordedEvent[Any]:
        """Record that parties agreed on the proposal that `about` names.

        >>> both = ["Eastholm", "Westholm"]
        >>> agreed = record.agree(both, "Yes.", about="harbour", source="wire-1")
        >>> agreed.event.parties
        ('east', 'west')

        Raises:
            InvalidRecord: a name is unknown or stands for two, or a detail does not fit; names it.
            UnknownReference: something named is not recorded.
            DatabaseError: the database could not do it.
        """
        return self._claim("agreed", who, text, details)

    def _claim(
        self, verb: str, by: str | Sequence[str], what: str, details: Details
    ) -> RecordedEvent[Any]:
        given: dict[str, Any] = {_KEYS.get(key, key): value for key, value in details.items()}
        if (connection := given.pop("connection", None)) is not None:
            here = self.within(connection)
            return here._claim(verb, by, what, given)  # type: ignore[arg-type]  # noqa: SLF001 - a record, too
        record, create = given.pop("record", "claims"), given.pop("create", False)
        for key in ("on", "due"):
            if key in given and not isinstance(given[key], str):
                given[key] = str(when(given[key], key))
        if isinstance(given.get("source"), Source):
            fields = msgspec.to_builtins(given["source"], enc_hook=encode_time)
            given["source"] = {key: value for key, value in fields.items() if value is not None}
        from timeline.formats.record_files.reader import read_claim
        from timeline.formats.record_files.resolving import Expander

        expander = Expander(self.store.codec.class_named, self._names(), create=create)
        news = read_claim(verb, {verb: what, "by": by, **given}, record, expander)
        return self.append_all(news).events[-1]

    # --- Files -------------------------------------------------------------------------------

    def ingest(
        self,
        *files: _FILES,
        progress: Progress | None = None,
        connection: sa.Connection | None = None,
    ) -> Appended:
        """Record everything in the record files, or nothing.

        Entries on record, as recorded or as corrected since, are not added again: you can ingest a
        file that has grown. `progress` is
        called with how many of the events are written, and how many there are. With `connection`
        it is a part of your transaction.

        Raises:
            InvalidRecord: a file cannot be read; names file, line and field.
            EventIdReused: an entry was recorded with other content before; see `diff` and `amend`.
            UnknownReference: something named is not recorded; names file, line and field.
            InvalidEvent: a field does not fit.
            DatabaseError: the database could not do it.
        """
        if connection is not None:
            return self.within(connection).ingest(*files, progress=progress)
        draft = self._drafted(files)
        news = noted(self._unsettled(draft), draft.files)
        report = None if progress is None else lambda done: progress(done, len(news))
        with placing(draft.files):
            return self.append_all(news, progress=report)

    def diff(self, *files: _FILES) -> Difference:
        """What record files say that the record does not: new, changed, gone and renamed events.

        Nothing is recorded. An event is gone if it is on record among those of a file, or of files
        that hold most of a record, and the files no longer have it.

        Raises:
            InvalidRecord: a file cannot be read; names file, line and field.
            DatabaseError: the database could not do it.
        """
        draft = self._drafted(files)
        known = self.store.existing(new.id for new in draft.events)
        with self.view() as view:
            withdrawn = withdrawn_in(view)
            retracted = tuple(new.id for new in draft.events if new.id in withdrawn)
            changes = self._changes(draft, known, view)
            changed = tuple(change for change in changes if change.event.id not in withdrawn)
        fresh = tuple(new for new in draft.events if new.id not in known)
        gone = [id for id in self._missing(draft, known) if id not in withdrawn]
        renamed = {old: new for old, new in self._renamed(fresh) if old not in withdrawn}
        renamed = {old: new for old, new in renamed.items() if old not in known}
        news = tuple(new for new in fresh if new.id not in renamed.values())
        left = tuple(id for id in gone if id not in renamed)
        same = len(draft.events) - len(fresh) - len(changed) - len(retracted)
        return Difference(draft, news, same, changed, left, tuple(renamed.items()), retracted)

    def amend(self, difference: Difference, reason: str, *, retract: bool = False) -> Appended:
        """Record what is new in files, and what changed as corrections.

        Args:
            difference: what `diff` found.
            reason: why it changed, for readers of the record.
            retract: whether to retract what is gone or was renamed.

        Raises:
            InvalidInput: no reason is given.
            UnknownReference: something named is not recorded.
            InvalidEvent: an event cannot be corrected so; the message says what to do.
            DatabaseError: the database could not do it.
        """
        if not isinstance(difference, Difference):
            raise InvalidInput(f"difference: expected what diff gives; found {difference!r:.80}")
        _require_reason(reason)
        moved = {new for _, new in difference.renamed} if retract else set()
        news = [new for new in difference.draft.events if new in difference.new or new.id in moved]
        news += [_correction(change, reason) for change in difference.changed]
        if retract:
            news += [_retraction(id, reason) for id in difference.gone]
            news += [_retraction(old, reason, new) for old, new in difference.renamed]
        return self.append_all(noted(news, difference.draft.files))

    # --- Undoing ---------------------------------------------------------------------------------

    def ingests(self) -> list[Ingest]:
        """What was recorded by `ingest`, `amend` and `undo`, newest first.

        Raises:
            DatabaseError: the database could not do it.
        """
        columns = log_events.c.event_id, log_events.c.metadata, log_events.c.recorded_at
        query = sa.select(*columns).where(log_events.c.metadata.contains('"ingest":'))
        made: dict[str, list[tuple[str, dict[str, Any], int]]] = defaultdict(list)
        with database.reading(self.store.engine) as connection:
            for event, text, stamp in connection.execute(query.order_by(log_events.c.position)):
                noted_with = msgspec.json.decode(text)
                made[str(noted_with.get("ingest"))].append((event, noted_with, stamp))
        return [_ingest_of(id, rows) for id, rows in reversed(made.items())]

    def undo(
        self,
        ingest: str | None = None,
        *,
        reason: str = "The ingest was undone.",
        dry_run: bool = False,
    ) -> Undoing:
        """Retract all events of one ingest. That is an ingest, too: undone, it brings them back.

        Args:
            ingest: its id; the last one if it is not given.
            reason: why, for readers of the record.
            dry_run: whether only to find what would be retracted, and what rests on it.

        Raises:
            NotFound: there is no such ingest.
            InvalidInput: all of its events are retracted already, or no reason is given.
            DatabaseError: the database could not do it.
        """
        _require_reason(reason)
        undoing = self._undoing(self._ingest_named(ingest))
        if not dry_run:
            made = EventRetracted(tuple(event.id for event in undoing.events), reason)
            note = {"ingest": new_id(), "undoes": undoing.ingest.id}
            self.append_all([NewEvent(made, metadata=note)])
        return undoing

    def _ingest_named(self, id: str | None) -> Ingest:
        known = self.ingests()
        fitting = [one for one in known if id in (None, one.id)]
        if fitting:
            return fitting[0]
        if id is None:
            raise NotFound("nothing was ingested yet, so there is nothing to undo")
        raise NotFound(f"no ingest has the id {id!r}. `timeline undo --list` has all of them")

    def _undoing(self, ingest: Ingest) -> Undoing:
        with self.view() as view:
            withdrawn = withdrawn_in(view)
        recorded = self.store.existing(id for id in ingest.events if id not in withdrawn)
        events = sorted(recorded.values(), key=lambda event: event.position)
        if not events:
            raise InvalidInput(
                f"all events of the ingest {ingest.id} are retracted already. To bring them back, "
                "undo what retracted them: `timeline undo --list`"
            )
        names = {("event", event.id) for event in events} | {_opened(event) for event in events}
        resting = (
            event
            for event in self.store.read_all(after=events[0].position)
            if event.id not in withdrawn
            and event.id not in ingest.events
            and not isinstance(event.event, EventRetracted | Redacted)
            and not names.isdisjoint(_named(event))
        )
        return Undoing(ingest, tuple(events), tuple(resting))

    def _unsettled(self, draft: Draft) -> list[NewEvent]:
        """The events of a draft, but for those that are on record as corrected since."""
        known = self.store.existing(new.id for new in draft.events)
        differ = {
            new.id for new in draft.events if new.id in known and _differing(new, known[new.id])
        }
        if not differ:
            return draft.events
        with self.view() as view:
            changed = {change.event.id for change in self._changes(draft, known, view)}
        return [new for new in draft.events if new.id in changed or new.id not in differ]

    def _changes(
        self, draft: Draft, known: Mapping[str, RecordedEvent[Any]], view: View
    ) -> Iterator[Change]:
        """Events that differ from what is on record, both as recorded and as corrected since."""
        differ = [new for new in draft.events if new.id in known and _differing(new, known[new.id])]
        corrections = self._corrections([new.id for new in differ], view)
        for new in differ:
            recorded = known[new.id]
            if isinstance(recorded.event, Redacted) or _is_that_correction(new, recorded):
                continue
            for correction in corrections[new.id]:
                recorded = self.store.codec.corrected(recorded, correction.event.changes)
            fields = _differing(new, recorded)
            if fields and fields != _OTHER_TYPE:
                # A speaker who is corrected is put at the end of the chain, too.
                after = self.store.codec.corrected(recorded, _values(new, fields))
                fields = (*fields, *_differing(new, after))
            if fields:
                yield Change(new, fields)

    def _corrections(
        self, ids: Sequence[str], view: View
    ) -> dict[str, list[RecordedEvent[EventCorrected]]]:
        """The corrections in force of each event, in the order in which they were recorded."""
        rows = [row for id in ids for row in view.all(AmendedRow, target=id)]
        rows = [row for row in rows if row.kind == "corrected"]
        events = self.store.existing({row.event for row in rows})
        made: dict[str, list[RecordedEvent[EventCorrected]]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: events[row.event].position):
            made[row.target].append(events[row.event])
        return made

    def _missing(self, draft: Draft, known: Mapping[str, RecordedEvent[Any]]) -> list[str]:
        """Ids on record that the files seem to have had: by their names, or by what is around."""
        held = {new.id for new in draft.events}
        names = {Path(file.file).name for file in draft.files}
        missing: list[str] = []
        for record in {id.partition("/")[0] for id in held} - {"actor", "source"}:
            recorded = self._positions(record)
            ours = [id for id in recorded if id in held]
            whole = len(ours) * 2 > len(recorded)
            for id, (position, file) in recorded.items():
                was_there = whole or (file is not None and file in names)
                if id not in held and (
                    was_there or self._is_between(position, draft, known, record)
                ):
                    missing.append(id)
        return missing

    def _is_between(
        self, position: int, draft: Draft, known: Mapping[str, RecordedEvent[Any]], record: str
    ) -> bool:
        """Whether it was recorded between two events of one file."""
        for file in draft.files:
            ids = [new.id for new in file.events if new.id.startswith(f"{record}/")]
            positions = [known[id].position for id in ids if id in known]
            if positions and min(positions) < position < max(positions):
                return True
        return False

    def _positions(self, record: str) -> dict[str, tuple[int, str | None]]:
        """The events of a record whose words are there, by id, with their positions and files."""
        named = log_events.c.event_id
        query = sa.select(named, log_events.c.position, log_events.c.metadata).where(
            named.startswith(f"{record}/", autoescape=True), log_events.c.data.is_not(None)
        )
        with database.reading(self.store.engine) as connection:
            rows = connection.execute(query.order_by(log_events.c.position))
            return {id: (position, _file_in(text)) for id, position, text in rows}

    def _renamed(self, fresh: Sequence[NewEvent]) -> Iterator[tuple[str, str]]:
        """Ids on record whose events say what new ones say."""
        encode = self.store.codec.encode
        by_data = {encode(new.event)[1]: new for new in fresh}
        columns = (log_events.c.event_id, log_events.c.data, log_events.c.occurred)
        for part in batched(by_data, _TOGETHER):
            types = {event_type(by_data[data].event).name for data in part}
            keys = sa.select(log_types.c.id).where(log_types.c.name.in_(types))
            query = sa.select(*columns).where(
                log_events.c.type.in_(keys), log_events.c.data.in_(part)
            )
            with database.reading(self.store.engine) as connection:
                for id, data, occurred in connection.execute(query):
                    new = by_data[data]
                    if id != new.id and occurred == (new.occurred and new.occurred.text):
                        yield id, new.id


def _require_reason(reason: str) -> None:
    require_text("reason", reason)
    if not reason.strip():
        raise InvalidInput("reason: expected a reason, for readers of the record; found none")


def _ingest_of(id: str, rows: Sequence[tuple[str, dict[str, Any], int]]) -> Ingest:
    notes = [note for _, note, _ in rows]
    files = dict.fromkeys(str(note["file"]) for note in notes if "file" in note)
    events = tuple(event for event, _, _ in rows)
    return Ingest(id, instant(stamp_text(rows[0][2])), tuple(files), notes[0].get("undoes"), events)


def _named(recorded: RecordedEvent[Any]) -> Iterator[tuple[str, str]]:
    """The category and the id of all that an event and its evidence name."""
    evidence = references_with_evidence(recorded)
    yield from ((category, id) for _, category, id in (*named(recorded.event), *evidence))


def _opened(recorded: RecordedEvent[Any]) -> tuple[str, str]:
    """The category and the id of what an event opens: an actor, a source, a proposal."""
    category, _, id = recorded.stream.partition("-")
    return (category, id) if event_type(recorded.event).opens else ("", "")


def _file_in(metadata: str | None) -> str | None:
    """The name of the file that an event came from."""
    return None if metadata is None else msgspec.json.decode(metadata).get("file")


_OTHER_TYPE = ("type",)
"""What differs where an event of a file is of another type than the one on record."""


def _differing(new: NewEvent, recorded: RecordedEvent[Any]) -> tuple[str, ...]:
    """The fields in which an event of a file differs from one on record."""
    if type(new.event) is not type(recorded.event):
        return _OTHER_TYPE
    names = [field.name for field in attrs.fields(type(new.event))]
    fields = [name for name in names if getattr(new.event, name) != getattr(recorded.event, name)]
    beside = [
        name for name in ("occurred", "evidence") if getattr(new, name) != getattr(recorded, name)
    ]
    return (*fields, *beside)


def _is_that_correction(new: NewEvent, recorded: RecordedEvent[Any]) -> bool:
    """Whether a file has a correction as on record, but for numbers that stand there as text."""
    from timeline.formats.record_files.tree import Node

    if not isinstance(new.event, EventCorrected) or _differing(new, recorded) != ("changes",):
        return False
    said, there = (
        Node.of(dict(event.changes), Node(None, 1)).plain for event in (new.event, recorded.event)
    )
    return bool(said == there)


def _correction(change: Change, reason: str) -> NewEvent:
    """The event that corrects what is on record; made again it is the same event."""
    new, changes = change.event, _values(change.event, change.fields)
    text = msgspec.json.encode([new.id, changes], order="sorted").decode()
    return NewEvent(EventCorrected((new.id,), reason, changes), id=f"correction/{digest(text, 16)}")


def _values(new: NewEvent, fields: Iterable[str]) -> dict[str, Any]:
    """What an event of a file has in these fields, as a correction holds it."""
    values = {
        name: getattr(new if name in ("occurred", "evidence") else new.event, name)
        for name in fields
    }
    made: dict[str, Any] = msgspec.to_builtins(values, enc_hook=encode_time)
    return made


def _retraction(id: str, reason: str, instead: str | None = None) -> NewEvent:
    made = EventRetracted((id,), reason, superseded_by=instead)
    return NewEvent(made, id=f"retraction/{digest(f'{id} {instead}', 16)}")
