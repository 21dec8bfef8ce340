"""Roles on PostgreSQL: readers, writers who can only append, subscribers who note their place."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from timeline.engine import builds
from timeline.errors import DatabaseReadOnly, InvalidInput
from timeline.log import database
from timeline.log.database import qualified
from timeline.log.schema import VERSION_TABLE, events, metadata, subscriptions

Right = Literal["reader", "writer", "subscriber"]


def grant(engine: sa.Engine, right: Right, role: str) -> None:
    """Give an existing role the rights it needs, and no more.

    A reader may read the whole record: the log and the read models. New builds of read models grant
    the same right when they are made. A writer may also append events, by a function that computes
    their places and digests, and has no right to change a table. A subscriber is a reader who may
    also note how far its subscriptions have come. The owner keeps the read models: once the log has
    moved on, reports for all others are made in memory.

    Raises:
        InvalidInput: the database is SQLite, which has no roles.
        DatabaseReadOnly: another role owns the tables.
        DatabaseError: there is no such role.
    """
    if not database.is_postgresql(engine):
        raise InvalidInput("SQLite has no roles: who may write its file may write the log")
    with database.writing(engine) as connection:
        _require_owner(connection)
        quote = connection.dialect.identifier_preparer.quote
        schema, to = quote(database.schema_of(engine)), quote(role)
        tables = (*(table.name for table in metadata.tables.values()), VERSION_TABLE)
        # A concurrent build would miss this role; hold the builders' lock.
        builds.exclude_builders(connection)
        ours = (*tables, _log(connection), *_read_models(connection))
        readable = [qualified(engine, name) for name in ours]
        granted = [f"USAGE ON SCHEMA {schema}", f"SELECT ON {', '.join(readable)}"]
        granted.append(f"EXECUTE ON FUNCTION {qualified(engine, 'timeline_text')}")
        if right == "writer":
            granted.append(f"EXECUTE ON FUNCTION {qualified(engine, 'timeline_append')}")
            granted.append(f"EXECUTE ON PROCEDURE {qualified(engine, 'timeline_append_now')}")
        if right == "subscriber":
            noted = qualified(engine, subscriptions.name)
            granted.append(f"INSERT, UPDATE, DELETE ON {noted}")
        for rights in granted:
            connection.exec_driver_sql(f"GRANT {rights} TO {to}")


def _log(connection: sa.Connection) -> str:
    """The name of the view of the log: with a prefix where the host has a `log` of its own."""
    views = sa.inspect(connection).get_view_names(database.schema_of(connection.engine))
    prefixed = f"{database.PREFIX}log"
    return prefixed if prefixed in views else "log"


def _require_owner(connection: sa.Connection) -> None:
    # PostgreSQL only warns when a role grants rights that it cannot grant.
    owns = sa.text(
        "SELECT pg_catalog.pg_has_role(current_user, relowner, 'USAGE') "
        "FROM pg_catalog.pg_class WHERE oid = CAST(:table AS pg_catalog.regclass)"
    )
    if not connection.scalar(owns, {"table": qualified(connection.engine, events.name)}):
        raise DatabaseReadOnly("only the owner of the record's tables can grant rights to them")


def _read_models(connection: sa.Connection) -> list[str]:
    """The views and tables of all builds."""
    there = builds.all_builds(connection)
    live = [name for build in there if build.state == "live" for name in build.rows]
    views = [*map(builds.Catalog(connection).view_name, live)]
    return [*views, *(name for build in there for name in build.table_names())]
