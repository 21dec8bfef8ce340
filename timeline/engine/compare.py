"""Kept rows compared with a fold of the log: it shows what other code or other hands made of them.

The fold goes into a database of its own, and so does a copy of the kept rows. Nothing of it is left
behind, whoever may only read can do it too, and no writer waits.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs
import sqlalchemy as sa

from timeline.engine.builds import Build
from timeline.engine.projection import Projection, table_name
from timeline.engine.rows import KeptRows, tables_of
from timeline.log import database
from timeline.log.telemetry import batched

_COPY, _FOLD = 1, 2
"""The numbers that the two sets of tables get in the database of the comparison."""

_PAGE = 1_000

_SHOWN = 20


@attrs.frozen
class Difference:
    """A row that is not the same in two builds.

    Attributes:
        rows: the plain name of its table.
        key: the row's, as stored.
        change: `added` if only the later build has it, `removed` if only the earlier one.
        columns: of a changed row, by column: the values before and now, as stored.
    """

    rows: str
    key: tuple[Any, ...]
    change: Literal["added", "removed", "changed"]
    columns: dict[str, tuple[Any, Any]] = attrs.field(factory=dict)

    def __str__(self) -> str:
        """On one line: what became of which row, and of which values."""
        key = ", ".join(map(str, self.key))
        changes = (f"{name}: {old} → {new}" for name, (old, new) in self.columns.items())
        return f"  {self.change:<8}  {self.rows} {key}  {'; '.join(changes)}".rstrip()


@attrs.frozen
class Comparison:
    """How the kept rows of a projection differ from those that this code folds.

    Attributes:
        projection: its name.
        position: how far of the log they have come.
        build: the number of the build that is kept.
        added: how many rows only the fold has.
        removed: how many rows only the kept build has.
        changed: how many rows differ between them.
        first: the first differences, by table and key.
    """

    projection: str
    position: int
    build: int
    added: int
    removed: int
    changed: int
    first: tuple[Difference, ...]

    @property
    def differences(self) -> int:
        """How many rows are not the same."""
        return self.added + self.removed + self.changed

    def __str__(self) -> str:
        """The differences in words, the first ones each on a line."""
        left = self.differences - len(self.first)
        lines = [
            f"{self.projection} at position {self.position:,}, build {self.build} against a fold:",
            *map(str, self.first),
            *([f"  and {left:,} more"] if left else []),
            f"{self.added:,} added, {self.removed:,} removed, {self.changed:,} changed.",
        ]
        return "\n".join(lines)


@contextlib.contextmanager
def scratch() -> Iterator[sa.Connection]:
    """A database that ends with the block: in memory, and in a hidden file once it is large."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(""),
        poolclass=sa.pool.StaticPool,
        execution_options={"schema_translate_map": {database.SCHEMA: "main"}},
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def empty_rows(aside: sa.Connection, projection: Projection) -> KeptRows:
    """Rows to fold a projection into, in a database of their own."""
    tables = tables_of(projection.rows, _FOLD)
    for table in tables.values():
        table.create(aside)
    return KeptRows(aside, tables, empty=True)


def compared(connection: sa.Connection, aside: sa.Connection, build: Build) -> Comparison:
    """Compare the rows of a build with those that were folded aside."""
    tables = dict(zip(build.rows, build.table_names(), strict=True))
    there = _reflected(connection, [*tables.values()])
    copies = {
        name: _copied(connection, aside, name, there[table])
        for name, table in tables.items()
        if table in there
    }
    counts = {"added": 0, "removed": 0, "changed": 0}
    first: list[Difference] = []
    for difference in _differences(aside, copies):
        counts[difference.change] += 1
        if len(first) < _SHOWN:
            first.append(difference)
    return Comparison(build.projection, build.position, build.number, first=tuple(first), **counts)


def _copied(connection: sa.Connection, aside: sa.Connection, name: str, kept: sa.Table) -> sa.Table:
    """Copy a table of these rows."""
    columns = [sa.Column(c.name, c.type.as_generic(), primary_key=c.primary_key) for c in kept.c]
    copy = sa.Table(table_name(name, _COPY), sa.MetaData(database.SCHEMA), *columns)
    copy.create(aside)
    # Without types, so that values which do not fit their column are copied as they are.
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in kept.c)
    query = sa.text(f"SELECT {names} FROM {database.qualified(connection.engine, kept.name)}")
    with connection.execute(query, execution_options={"yield_per": _PAGE}) as rows:
        for page in batched(rows, _PAGE):
            database.insert_many(aside, copy, [tuple(row) for row in page])
    return copy


def _reflected(connection: sa.Connection, names: Sequence[str]) -> dict[str, sa.Table]:
    """Those tables that are there, with their columns and keys."""
    # Read from the database, because the row classes of other code are not at hand; and not by
    # `autoload_with`, which asks for much more, table by table.
    inspector, schema = sa.inspect(connection), database.schema_of(connection.engine)
    keys = inspector.get_multi_pk_constraint(schema, filter_names=names)
    where = sa.MetaData(schema)
    for place, columns in inspector.get_multi_columns(schema, filter_names=names).items():
        key = keys[place]["constrained_columns"]
        made = [sa.Column(c["name"], c["type"], primary_key=c["name"] in key) for c in columns]
        sa.Table(place[1], where, *made)
    return {table.name: table for table in where.tables.values()}


def _differences(aside: sa.Connection, copies: Mapping[str, sa.Table]) -> Iterator[Difference]:
    """The rows that differ between kept rows and fold, by table and key; memory stays flat.

    Only columns that both have are compared. Where the keys differ, all old rows are removed and
    all new ones added.
    """
    there = [name.removeprefix(database.PREFIX) for name in sa.inspect(aside).get_table_names()]
    end = f"_v{_FOLD}"
    folded = [name.removesuffix(end) for name in there if name.endswith(end)]
    made = _reflected(aside, [table_name(name, _FOLD) for name in folded])
    for name in dict.fromkeys((*copies, *folded)):
        before, after = copies.get(name), made.get(table_name(name, _FOLD))
        if before is None or after is None or _key(before) != _key(after):
            yield from _lacking(aside, name, "removed", before)
            yield from _lacking(aside, name, "added", after)
        else:
            yield from _lacking(aside, name, "removed", before, after)
            yield from _lacking(aside, name, "added", after, before)
            yield from _changed(aside, name, before, after)


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _lacking(
    connection: sa.Connection,
    name: str,
    change: Literal["added", "removed"],
    table: sa.Table | None,
    other: sa.Table | None = None,
) -> Iterator[Difference]:
    """The rows of a table whose keys another table lacks; all of them, without another table."""
    if table is None:
        return
    keys = list(table.primary_key.columns)
    query = sa.select(*keys).order_by(*keys)
    if other is not None:
        query = query.where(~sa.exists().where(*_same_key(table, other)).correlate(table))
    for key in _streamed(connection, query):
        yield Difference(name, tuple(key), change)


def _changed(
    connection: sa.Connection, name: str, before: sa.Table, after: sa.Table
) -> Iterator[Difference]:
    """The rows that both tables have, with other values."""
    key = _key(before)
    both = [c.name for c in before.columns if c.name in after.columns and c.name not in key]
    differ = [before.c[column].is_distinct_from(after.c[column]) for column in both]
    if not differ:
        return
    keys = list(before.primary_key.columns)
    columns = [table.c[column] for column in both for table in (before, after)]
    query = (
        sa.select(*keys, *columns)
        .select_from(before.join(after, sa.and_(*_same_key(before, after))))
        .where(sa.or_(*differ))
        .order_by(*keys)
    )
    for stored in _streamed(connection, query):
        values = stored[len(key) :]
        pairs = zip(both, values[::2], values[1::2], strict=True)
        columns_changed = {column: (old, new) for column, old, new in pairs if old != new}
        yield Difference(name, tuple(stored[: len(key)]), "changed", columns_changed)


def _same_key(one: sa.Table, other: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [one.c[column] == other.c[column] for column in _key(one)]


def _streamed(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    with connection.execute(query.execution_options(yield_per=1000)) as rows:
        yield from rows
