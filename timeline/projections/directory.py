"""Who is who: actors, their offices and the bodies they belong to."""

from __future__ import annotations

from timeline.clock import When
from timeline.events import ActorAdded, MembershipReported, RecordedEvent, RoleReported
from timeline.projection import Projection, on
from timeline.rows import Rows, row


@row("actors", key=("actor",))
class ActorRow:
    """One actor; the fields are those of `timeline.Actor`."""

    actor: str
    kind: str
    name: str
    aliases: tuple[str, ...]
    events: tuple[str, ...]


@row("roles", key=("event",))
class RoleRow:
    """One report that an actor held an office."""

    event: str
    actor: str
    role: str
    of: str | None
    since: When | None
    until: When | None
    events: tuple[str, ...]


@row("memberships", key=("event",))
class MembershipRow:
    """One report that an actor belonged to a body."""

    event: str
    actor: str
    of: str
    status: str
    since: When | None
    until: When | None
    events: tuple[str, ...]


class Directory(Projection):
    """Actors, and what was reported of their offices and memberships."""

    name = "directory"
    rows = (ActorRow, RoleRow, MembershipRow)

    @on(ActorAdded)
    def added(self, rows: Rows, recorded: RecordedEvent[ActorAdded]) -> None:
        """Keep the actor as given."""
        actor = recorded.event.actor
        rows.put(ActorRow(actor.id, actor.kind, actor.name, actor.aliases, recorded.basis))

    @on(RoleReported)
    def held(self, rows: Rows, recorded: RecordedEvent[RoleReported]) -> None:
        """Keep the report."""
        said = recorded.event
        rows.put(
            RoleRow(
                recorded.id, said.actor, said.role, said.of, said.since, said.until, recorded.basis
            )
        )

    @on(MembershipReported)
    def belongs(self, rows: Rows, recorded: RecordedEvent[MembershipReported]) -> None:
        """Keep the report."""
        said = recorded.event
        rows.put(
            MembershipRow(
                recorded.id,
                said.actor,
                said.of,
                said.status,
                said.since,
                said.until,
                recorded.basis,
            )
        )
