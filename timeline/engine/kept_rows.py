"""Rows of tables: found by their keys, held while they change, written back together."""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from timeline.engine.rows import R, Rows, Shape, key_of, shape_of
from timeline.log import database

_FLUSH = 5_000
"""Changed rows held in memory before they go to their tables, within the one transaction."""


class KeptRows(Rows):
    """Rows of tables: read when first asked for, written back together."""

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
        self._empty = empty  # no row can be in the tables that was not put here first
        self._beside = beside  # not to be written by itself
        self._changed: dict[tuple[type, tuple[Any, ...]], None] = {}  # in order of first change

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        if (cls, key) not in self._rows:
            table = self._tables[cls]
            found = None if self._empty else find(self._connection, table, cls, key)
            self._rows[cls, key] = found
        return typing.cast("R | None", self._rows[cls, key])

    def put(self, value: Any) -> None:
        """Add a row, in the place of one with the same key."""
        cls, key = type(value), key_of(value)
        self._rows[cls, key] = value
        self._note(cls, key)

    def delete(self, cls: type, *key: Any) -> None:
        """Take out the row with that key, if there is one."""
        self._rows[cls, key] = None
        self._note(cls, key)

    @property
    def full(self) -> bool:
        """Whether as many rows have changed as should be held in memory."""
        return len(self._changed) >= _FLUSH

    def _note(self, cls: type, key: tuple[Any, ...]) -> None:
        self._changed[cls, key] = None
        if self.full and not self._beside:
            self.flush()

    def flush(self, connection: sa.Connection | None = None) -> None:
        """Write what has changed, on another connection if one is given; forget what was read."""
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
            gone = [shape.store_key(key) for key in keys]
            database.delete_many(self._connection, table, shape.key, gone)
        stored = [shape.store(value) for value in values if value is not None]
        if stored:
            database.insert_many(self._connection, table, stored)


def find(
    connection: sa.Connection, table: sa.Table, cls: type[R], key: tuple[Any, ...]
) -> R | None:
    """The row of a table with that key, or None."""
    shape, driver = shape_of(cls), database.driver_of(connection)
    with database.translated(connection.engine, connected=True):
        found = _finder(shape.cls, table.name).run(
            driver, connection.dialect, **dict(zip(shape.key, shape.store_key(key), strict=True))
        )
        stored = found.fetchone()
    return None if stored is None else typing.cast("R", shape.load(stored))


@functools.lru_cache(maxsize=1024)
def _finder(cls: type, name: str) -> database.Prepared:
    shape = shape_of(cls)
    table = sa.table(name, *(sa.column(column.name, column.sql) for column in shape.columns))
    is_it = (table.c[name] == sa.bindparam(name, required=False) for name in shape.key)
    return database.Prepared(sa.select(table).where(*is_it))
