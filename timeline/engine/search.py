"""Finds rows by the words in a text column, in the database and in memory.

A searched column holds words as they are compared: one space between two, whatever folding and
stemming the projection applies already applied. So no database's own parser decides what a word is,
and both databases and a scan in memory find the same rows. SQLite indexes the words by FTS5,
PostgreSQL by GIN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import attrs
import sqlalchemy as sa

from timeline.log.database import qualified

R = TypeVar("R")

SEARCHED = "searched"
"""In the `info` of a column that `View.search` finds rows by."""

_INDEX = "{}_words"
"""The name of SQLite's index for a table."""


@attrs.frozen
class Phrase:
    """Words that follow each other; the last may be only the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool = False

    def fits(self, text: str) -> bool:
        """Whether a searched text has it.

        >>> Phrase(("joint", "har"), prefix=True).fits("a joint harbour")
        True
        """
        return self.sought in f" {text} "

    @property
    def sought(self) -> str:
        """What a text has between spaces, if it has the phrase."""
        return f" {' '.join(self.words)}{'' if self.prefix else ' '}"

    @property
    def fts5(self) -> str:
        """The phrase as SQLite's FTS5 asks for it."""
        return f'"{" ".join(self.words)}"{" *" if self.prefix else ""}'

    @property
    def tsquery(self) -> str:
        """Its words, in whatever order, as PostgreSQL asks for them."""
        *whole, last = (f"'{word}'" for word in self.words)
        return " & ".join([*whole, f"{last}:*" if self.prefix else last])


Search = tuple[tuple[Phrase, ...], ...]
"""What a text must have: at least one phrase of each group."""


def scanned(
    rows: list[R], sought: Mapping[str, Search], limit: int | None = None
) -> tuple[list[R], int]:
    """The last of these rows that have what is looked for, last first; and how many have it."""
    fitting = [row for row in reversed(rows) if _fits(sought, row)]
    return fitting[:limit], len(fitting)


def _fits(sought: Mapping[str, Search], row: object) -> bool:
    return all(_has_all(search, getattr(row, column)) for column, search in sought.items())


def _has_all(search: Search, text: str) -> bool:
    return all(any(phrase.fits(text) for phrase in group) for group in search)


def index_searched(connection: sa.Connection, table: sa.Table) -> None:
    """Index the searched columns of a new table, whose key must be one number."""
    columns = [column.name for column in table.columns if SEARCHED in column.info]
    if not columns:
        return
    if connection.dialect.name == "postgresql":
        statements = _gin_statements(connection, table.name, columns)
    else:
        (key,) = table.primary_key.columns
        statements = _fts5_statements(connection, table.name, key.name, columns)
    for statement in statements:
        connection.exec_driver_sql(statement)


def _gin_statements(connection: sa.Connection, table: str, columns: list[str]) -> Iterable[str]:
    quote = connection.dialect.identifier_preparer.quote
    for name in columns:
        index, words = quote(f"ix_{table}_{name}"), quote(name)
        yield (
            f"CREATE INDEX {index} ON {qualified(connection.engine, table)} USING gin "
            f"(array_to_tsvector(string_to_array({words}, ' ')))"
        )


def _fts5_statements(
    connection: sa.Connection, table: str, key: str, columns: list[str]
) -> Iterable[str]:
    quote = connection.dialect.identifier_preparer.quote
    index, names = quote(_INDEX.format(table)), ", ".join(map(quote, columns))
    # To this tokenizer, words end at spaces only.
    yield (
        f"CREATE VIRTUAL TABLE {index} USING fts5({names}, content={quote(table)}, "
        f"content_rowid={quote(key)}, tokenize='ascii')"
    )
    new, old = (", ".join(f"{row}.{quote(n)}" for n in (key, *columns)) for row in ("new", "old"))
    yield (
        f"CREATE TRIGGER {quote(f'{table}_found')} AFTER INSERT ON {quote(table)} BEGIN "
        f"INSERT INTO {index} (rowid, {names}) VALUES ({new}); END"
    )
    yield (
        f"CREATE TRIGGER {quote(f'{table}_lost')} AFTER DELETE ON {quote(table)} BEGIN "
        f"INSERT INTO {index} ({index}, rowid, {names}) VALUES ('delete', {old}); END"
    )


def drop_index(connection: sa.Connection, table: str) -> None:
    """Drop what SQLite keeps beside a table; on PostgreSQL an index goes with its table."""
    if connection.dialect.name != "postgresql":
        quote = connection.dialect.identifier_preparer.quote
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quote(_INDEX.format(table))}")


def forget_deleted(connection: sa.Connection, tables: Iterable[str]) -> None:
    """Remove from SQLite's indexes the words of rows that are gone: it only marks them deleted."""
    if connection.dialect.name == "postgresql":
        return
    there = sa.inspect(connection).get_table_names()
    quote = connection.dialect.identifier_preparer.quote
    for name in map(_INDEX.format, tables):
        if name in there:
            index = quote(name)
            connection.exec_driver_sql(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")


def searched(
    connection: sa.Connection, table: sa.Table, sought: Mapping[str, Search]
) -> tuple[sa.FromClause, sa.ColumnElement[bool], sa.ColumnElement[int]]:
    """What to select from, the condition, and the key, for the rows that have what is looked for.

    The key comes from the index, so that counting and ordering need not read the rows.
    """
    (key,) = table.primary_key.columns
    if connection.dialect.name == "postgresql":
        has = (_has(table.c[column], search) for column, search in sought.items())
        return table, sa.and_(*has), key
    index = sa.table(_INDEX.format(table.name), sa.column("rowid", sa.BigInteger))
    query = " AND ".join(f"({{{column}}} : ({_fts5(search)}))" for column, search in sought.items())
    itself: sa.ColumnElement[str] = sa.literal_column(
        connection.dialect.identifier_preparer.quote(index.name)
    )
    return index, itself.op("MATCH", is_comparison=True)(query), index.c.rowid


def _fts5(search: Search) -> str:
    return " AND ".join(f"({' OR '.join(phrase.fts5 for phrase in group)})" for group in search)


def _has(column: sa.ColumnElement[str], search: Search) -> sa.ColumnElement[bool]:
    groups = (sa.or_(*(_has_phrase(column, phrase) for phrase in group)) for group in search)
    return sa.and_(*groups)


def _has_phrase(column: sa.ColumnElement[str], phrase: Phrase) -> sa.ColumnElement[bool]:
    from sqlalchemy.dialects import postgresql  # takes a while, and SQLite needs none of it

    query = sa.cast(phrase.tsquery, postgresql.TSQUERY)
    has = _vector(column).op("@@", is_comparison=True)(query)
    if len(phrase.words) == 1:
        return has
    # The index knows which words there are, and not in which order.
    spaced = sa.func.concat(" ", column, " ")
    return sa.and_(has, sa.func.strpos(spaced, phrase.sought) > 0)


def _vector(column: sa.ColumnElement[str]) -> sa.ColumnElement[object]:
    space: sa.ColumnElement[str] = sa.literal_column("' '")
    return sa.func.array_to_tsvector(sa.func.string_to_array(column, space))
