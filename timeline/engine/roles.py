"""Roles on PostgreSQL: readers who cannot write, writers who can only append."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from timeline.engine import builds
from timeline.errors import DatabaseReadOnly, InvalidInput
from timeline.log import database
from timeline.log.schema import VERSION_TABLE, events, head, metadata

Right = Literal["reader", "writer"]


def grant(engine: sa.Engine, right: Right, role: str) -> None:
    """Give a role that exists what it needs, and no more.

    A reader may read all of the record: the log, the read models there are, and those that are made
    later, to which this right is handed on when they are. A writer may also add events and move the
    head of the log, and nothing else; not even the read models, which are kept up by their owner.
    For both, reports on a log that has moved on are made in memory.

    Raises:
        InvalidInput: the database is SQLite's, which has no roles.
        DatabaseReadOnly: the tables are another's.
        DatabaseError: there is no such role.
    """
    if not database.is_postgresql(engine):
        raise InvalidInput("SQLite has no roles: who may write its file may write the log")
    with database.writing(engine) as connection:
        _require_owner(connection)
        quote = connection.dialect.identifier_preparer.quote
        schema = quote(connection.execute(sa.select(sa.func.current_schema())).scalar_one())
        to = quote(role)
        ours = ", ".join(quote(name) for name in (*metadata.tables, VERSION_TABLE))
        # Those who build would pass a role over that is given its rights while they do.
        builds.exclude_builders(connection)
        kept = _kept(connection)
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {to}")
        connection.exec_driver_sql(
            f"GRANT SELECT ON {', '.join([ours, *map(quote, kept)])} TO {to}"
        )
        if right == "writer":
            connection.exec_driver_sql(f"GRANT INSERT ON {events.name} TO {to}")
            connection.exec_driver_sql(f"GRANT UPDATE (position, digest) ON {head.name} TO {to}")


def _require_owner(connection: sa.Connection) -> None:
    # PostgreSQL only warns when somebody grants what is not his to grant.
    owns = sa.text(
        "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class "
        "WHERE oid = CAST(:table AS regclass)"
    )
    if not connection.scalar(owns, {"table": events.name}):
        raise DatabaseReadOnly("only the owner of the record's tables can grant rights to them")


def _kept(connection: sa.Connection) -> list[str]:
    """The read models' tables and views; nothing else that stands beside them."""
    found = builds.all_builds(connection)
    views = [name for build in found if build.state == "live" for name in build.rows]
    return [*views, *(name for build in found for name in build.table_names())]
