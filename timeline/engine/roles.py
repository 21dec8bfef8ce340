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
    """Give an existing role the rights it needs, and no more.

    A reader may read the whole record: the log and the read models. New builds of read models grant
    the same right when they are made. A writer may also add events and move the head of the log,
    and nothing else: the owner keeps the read models. Once the log has moved on, reports for both
    are made in memory.

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
        schema = quote(connection.execute(sa.select(sa.func.current_schema())).scalar_one())
        to = quote(role)
        ours = ", ".join(quote(name) for name in (*metadata.tables, VERSION_TABLE))
        # A concurrent build would miss this role; hold the builders' lock.
        builds.exclude_builders(connection)
        read_models = _read_models(connection)
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {to}")
        connection.exec_driver_sql(
            f"GRANT SELECT ON {', '.join([ours, *map(quote, read_models)])} TO {to}"
        )
        if right == "writer":
            connection.exec_driver_sql(f"GRANT INSERT ON {events.name} TO {to}")
            connection.exec_driver_sql(f"GRANT UPDATE (position, digest) ON {head.name} TO {to}")


def _require_owner(connection: sa.Connection) -> None:
    # PostgreSQL only warns when a role grants rights that it cannot grant.
    owns = sa.text(
        "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class "
        "WHERE oid = CAST(:table AS regclass)"
    )
    if not connection.scalar(owns, {"table": events.name}):
        raise DatabaseReadOnly("only the owner of the record's tables can grant rights to them")


def _read_models(connection: sa.Connection) -> list[str]:
    """The views and tables of all builds."""
    there = builds.all_builds(connection)
    views = [name for build in there if build.state == "live" for name in build.rows]
    return [*views, *(name for build in there for name in build.table_names())]
