"""Who is who: actors, their offices and the bodies they belong to; and sources as known now."""

from __future__ import annotations

from typing import Annotated

from timeline.dates import When
from timeline.engine.projection import OfEvent, Projection, Rows, Subject, changed, on, row, row_of
from timeline.events import (
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    MembershipReported,
    RecordedEvent,
    RoleReported,
    SourceAdded,
)
from timeline.events.actors import office_key

_Entry = Annotated[str, Subject("actor", "actor.id", "actor", "others")]
_Body = Annotated[str, Subject("actor", "of")]


@row("actors", key=("actor",))
class ActorRow:
    """One actor; the fields are those of `timeline.Actor`.

    `merged_into` is the entry that this one was found to be the same as, and is read as. What it
    was called is among the aliases of that one. `withdrawn` is why the entry was retracted; it
    stays on record for the events that name it.
    """

    actor: _Entry
    kind: str
    name: str
    aliases: tuple[str, ...]
    # Though mergers change it: all entries that they join are always read together.
    merged_into: _Entry | None
    withdrawn: str | None
    events: tuple[str, ...]


@row("distinct_actors", key=("event", "other"))
class DistinctRow:
    """One actor who is not another, though it could be taken for it."""

    event: OfEvent
    actor: _Entry
    other: _Entry
    reason: str
    events: tuple[str, ...]


@row("roles", key=("event",))
class RoleRow:
    """One report that an actor held an office.

    `office` has the words of `role`, in one order: the same for all spellings.
    """

    event: OfEvent
    actor: _Entry
    role: str
    office: Annotated[str, Subject("office", "role")]
    of: _Body | None
    since: When | None
    until: When | None
    events: tuple[str, ...]


@row("memberships", key=("event",))
class MembershipRow:
    """One report that an actor belonged to a body, founded it or held a share of it.

    `share` is in per cent.
    """

    event: OfEvent
    actor: _Entry
    of: _Body
    status: str
    since: When | None
    until: When | None
    share: float | None
    events: tuple[str, ...]


class Directory(Projection):
    """Actors, and what was reported of their offices and memberships."""

    name = "directory"
    version = 4
    split_by = "actor"
    rows = (ActorRow, DistinctRow, RoleRow, MembershipRow)

    @on(ActorAdded)
    def added(self, rows: Rows, recorded: RecordedEvent[ActorAdded]) -> None:
        """Keep the actor as given."""
        actor = recorded.event.actor
        rows.put(
            row_of(
                ActorRow,
                recorded,
                actor,
                actor=actor.id,
                merged_into=None,
                withdrawn=recorded.withdrawn,
            )
        )

    @on(ActorsMerged)
    def merged(self, rows: Rows, recorded: RecordedEvent[ActorsMerged]) -> None:
        """Gather the names under the entry that stays."""
        kept = _entry(rows, recorded.event.actor)
        for other in recorded.event.others:
            known = _entry(rows, other)
            if kept is None or known is None or known.actor == kept.actor:
                continue
            rows.put(changed(known, merged_into=kept.actor))
            names = dict.fromkeys((*kept.aliases, known.name, *known.aliases))
            names.pop(kept.name, None)
            events = dict.fromkeys((*kept.events, *known.events, *recorded.basis))
            kept = changed(kept, aliases=tuple(names), events=tuple(events))
            rows.put(kept)

    @on(ActorsDistinguished)
    def distinguished(self, rows: Rows, recorded: RecordedEvent[ActorsDistinguished]) -> None:
        """Keep each pair."""
        said = recorded.event
        for other in said.others:
            rows.put(DistinctRow(recorded.id, said.actor, other, said.reason, recorded.basis))

    @on(RoleReported)
    def held(self, rows: Rows, recorded: RecordedEvent[RoleReported]) -> None:
        """Keep the report."""
        rows.put(row_of(RoleRow, recorded, office=office_key(recorded.event.role)))

    @on(MembershipReported)
    def belongs(self, rows: Rows, recorded: RecordedEvent[MembershipReported]) -> None:
        """Keep the report."""
        rows.put(row_of(MembershipRow, recorded))


def _entry(rows: Rows, actor: str) -> ActorRow | None:
    """The entry that an actor is read as by now."""
    row = rows.get(ActorRow, actor)
    while row is not None and row.merged_into is not None:
        row = rows.get(ActorRow, row.merged_into)
    return row


# Sources


@row("sources", key=("source",))
class SourceRow:
    """One source; the fields are those of `timeline.Source`, `events` the ids behind the row.

    `withdrawn` is why the source was retracted; it stays on record for what rests on it.
    """

    source: Annotated[str, Subject("source", "source.id")]
    publisher: Annotated[str, Subject("actor", "source.publisher")]
    title: str
    address: str | None
    language: str | None
    published: When | None
    retrieved: When | None
    sha256: str | None
    copies: str | None
    cited_in: str | None
    grade: str
    note: str | None
    withdrawn: str | None
    events: tuple[str, ...]

    @property
    def read(self) -> bool | None:
        """Whether somebody read it itself; None where it does not say so.

        It was read where it says when, or has the digest of the bytes that were read.
        """
        if self.cited_in is not None:
            return False
        return True if self.retrieved is not None or self.sha256 is not None else None


class Sources(Projection):
    """What each source is, who published it, and whose text it carries."""

    name = "sources"
    version = 2
    split_by = "source"
    rows = (SourceRow,)

    @on(SourceAdded)
    def added(self, rows: Rows, recorded: RecordedEvent[SourceAdded]) -> None:
        """Keep the source as given."""
        source = recorded.event.source
        rows.put(
            row_of(SourceRow, recorded, source, source=source.id, withdrawn=recorded.withdrawn)
        )
