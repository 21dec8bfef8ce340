"""Alembic's environment: one connection, given by the package or opened for the command line.

    alembic -x url=postgresql://user@host/name upgrade head

Without `-x url=…` the address is that of TIMELINE_URL, else `sqlite:///timeline.db`.
"""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from alembic import context

from timeline.log import database
from timeline.log.schema import VERSION_TABLE, metadata


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    # Tables of projections come and go with their versions, and the database may hold the host's
    # own tables: autogenerate must see neither.
    return kind != "table" or name in metadata.tables


def _migrate(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=_is_ours,
        compare_type=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def _url() -> str:
    given = context.get_x_argument(as_dictionary=True).get("url")
    return given or os.environ.get("TIMELINE_URL") or "sqlite:///timeline.db"


def _print_sql() -> None:
    dialect = database.create_engine(_url()).dialect.name
    context.configure(
        dialect_name=dialect,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        literal_binds=True,
        transactional_ddl=True,  # on SQLite, too: the printed script runs whole or not at all
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    _print_sql()
elif "connection" in context.config.attributes:
    _migrate(context.config.attributes["connection"])
else:
    engine = database.create_engine(_url())
    try:
        with database.writing(engine) as opened:
            _migrate(opened)
    finally:
        engine.dispose()
