"""The tables of a build: rows are read from them by key, and written back many at a time."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from timeline.engine.projection import R, Rows, Shape, key_of, shape_of
from timeline.errors import DatabaseBusy
from timeline.log import database

_FLUSH = 5_000
"""Changed rows to hold in memory before they are written, within the one transaction."""

_NO_TABLE = "42P01"


@functools.lru_cache(maxsize=256)
def tables_of(rows: tuple[type, ...], number: int) -> dict[type, sa.Table]:
    """The tables for rows of these classes in the build of that number."""
    return {cls: shape_of(cls).table(number) for cls in rows}


def hold(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Keep tables from being dropped until the transaction ends.

    Raises:
        DatabaseBusy: one was dropped since its checkpoint was read.
    """
    # On SQLite a reading transaction sees the database as it was when it began.
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(table.name) for table in tables)
    try:
        connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) == _NO_TABLE:
            raise DatabaseBusy("another process has just replaced the tables; try again") from None
        raise


def find(
    connection: sa.Connection, table: sa.Table, cls: type[R], key: tuple[Any, ...]
) -> R | None:
    """The row of a table with that key, or None."""
    shape, driver = shape_of(cls), database.driver_of(connection)
    with database.translated(connection.engine, connected=True):
        cursor = _finder(shape.cls, table.name).run(
            driver, connection.dialect, **dict(zip(shape.key, shape.store_key(key), strict=True))
        )
        stored = cursor.fetchone()
    return None if stored is None else typing.cast("R", shape.load(stored))


@functools.lru_cache(maxsize=1024)
def _finder(cls: type, name: str) -> database.Prepared:
    shape = shape_of(cls)
    table = sa.table(name, *(sa.column(column.name, column.sql) for column in shape.columns))
    same_key = (table.c[name] == sa.bindparam(name, required=False) for name in shape.key)
    return database.Prepared(sa.select(table).where(*same_key))


class KeptRows(Rows):
    """The rows of a build: read when a handler first gets them, written back together.

    Args:
        connection: to read and write with.
        tables: of the build, by row class.
        empty: the tables have no rows yet, so none need be looked up.
        beside: write only when `flush` is called, not whenever many rows have changed.
    """

    def __init__(
        self,
        connection: sa.Connection,
        tables: Mapping[type, sa.Table],
        *,
        empty: bool,
        beside: bool = False,
    ) -> None:
        super().__init__()
        self._connection = connection
        self._tables = tables
        self._empty = empty
        self._beside = beside
        self._changed: dict[tuple[type, tuple[Any, ...]], None] = {}  # in order of first change

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        if (cls, key) not in self._rows:
            table = self._tables[cls]
            self._rows[cls, key] = None if self._empty else find(self._connection, table, cls, key)
        return typing.cast("R | None", self._rows[cls, key])

    def put(self, value: Any) -> None:
        """Keep the row, in place of one with the same key."""
        self._change(type(value), key_of(value), value)

    def delete(self, cls: type, *key: Any) -> None:
        """Keep no row with that key."""
        self._change(cls, key, None)

    @property
    def full(self) -> bool:
        """Whether as many rows have changed as memory should hold."""
        return len(self._changed) >= _FLUSH

    def _change(self, cls: type, key: tuple[Any, ...], value: Any) -> None:
        self._rows[cls, key] = value
        self._changed[cls, key] = None
        if self.full and not self._beside:
            self.flush()

    def flush(self, connection: sa.Connection | None = None) -> None:
        """Write the changed rows, with another connection if one is given, and empty the memory."""
        self._connection = connection or self._connection
        for cls, table in self._tables.items():
            keys = [key for kind, key in self._changed if kind is cls]
            self._write(table, shape_of(cls), keys, [self._rows[cls, key] for key in keys])
        self._changed.clear()
        self._rows.clear()
        self._empty = False

    def _write(
        self, table: sa.Table, shape: Shape, keys: list[tuple[Any, ...]], values: list[Any]
    ) -> None:
        if keys and not self._empty:
            old = [shape.store_key(key) for key in keys]
            database.delete_many(self._connection, table, shape.key, old)
        stored = [shape.store(value) for value in values if value is not None]
        if stored:
            database.insert_many(self._connection, table, stored)
