"""Alembic's environment: one connection, given by the package or opened for the command line.

    alembic -x url=postgresql://user@host/name upgrade head

Without `-x url=…` the address is that of TIMELINE_URL, else `sqlite:///timeline.db`. On PostgreSQL
`-x schema=…` names the schema of the tables, if it is not `timeline`.
"""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from alembic import context

from timeline.log import database
from timeline.log.schema import SCHEMA, VERSION_TABLE, head, metadata

_OURS = {table.name for table in metadata.tables.values()}


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    # Tables of projections come and go with their versions, and the database may hold the host's
    # own tables: autogenerate must see neither.
    return name in _OURS if kind == "table" else kind != "schema" or name in (None, SCHEMA)


def _migrate(connection: sa.Connection) -> None:
    schema = database.schema_of(connection.engine)
    if connection.dialect.name == "postgresql":
        # Only where it is missing: to make one takes a right that may have been used before.
        if not sa.inspect(connection).has_schema(schema):
            connection.execute(sa.schema.CreateSchema(schema))
    else:
        schema = None
    context.configure(
        connection=connection,
        target_metadata=_placed(schema),
        version_table=VERSION_TABLE,
        version_table_schema=schema,
        include_name=_is_ours,
        include_schemas=schema is not None,
        compare_type=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def _placed(schema: str | None) -> sa.MetaData:
    """Our tables in the schema that holds them here."""
    placed = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        if table is not head or schema is not None:  # on SQLite the log ends with its last row
            table.to_metadata(placed, schema=schema)
    return placed


def _url() -> str:
    given = context.get_x_argument(as_dictionary=True).get("url")
    return given or os.environ.get("TIMELINE_URL") or "sqlite:///timeline.db"


def _engine() -> sa.Engine:
    schema = context.get_x_argument(as_dictionary=True).get("schema", SCHEMA)
    return database.create_engine(_url(), schema)


def _print_sql() -> None:
    engine = _engine()
    schema = database.schema_of(engine) if database.is_postgresql(engine) else None
    context.configure(
        dialect_name=engine.dialect.name,
        target_metadata=_placed(schema),
        version_table=VERSION_TABLE,
        version_table_schema=schema,
        literal_binds=True,
        transactional_ddl=True,  # on SQLite, too: the printed script runs whole or not at all
    )
    with context.begin_transaction():
        if schema is not None:
            context.execute(str(sa.schema.CreateSchema(schema, if_not_exists=True)))
        context.run_migrations()


if context.is_offline_mode():
    _print_sql()
elif "connection" in context.config.attributes:
    _migrate(context.config.attributes["connection"])
else:
    engine = _engine()
    try:
        with database.writing(engine) as opened:
            _migrate(opened)
    finally:
        engine.dispose()
