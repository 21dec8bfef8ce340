"""Builds: the tables that hold a projection's rows, one set for each state of its code.

A build belongs to one fingerprint, that of the code and the rows it was made by. While it is
*building*, nobody looks at it. Once it has caught up with the log it goes *live*: plain-named views
point to its tables. The one that was live before stays *ready*, for code that is still at work on
it, and to go back to. *Built* is one that has caught up and waits to be let go live.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, Literal

import attrs
import sqlalchemy as sa

from timeline.codec import decode_value, encode_value
from timeline.errors import DatabaseError
from timeline.projection import Projection
from timeline.rows import shape_of
from timeline.tables import checkpoints

State = Literal["building", "built", "live", "ready"]

USABLE = ("live", "ready")
"""States in which a build shows the log at its position, and is read by code of its fingerprint."""


@attrs.frozen
class Build:
    """One build, as its checkpoint says.

    Attributes:
        projection: the name of the projection.
        number: the build's own, from 1; its tables are called by it.
        version: the version that the projection's class declared.
        fingerprint: of the code and the rows it was made by.
        rows: the plain names of its tables.
        position: how far of the log it has come.
        target: while building, the position whose amendments are laid over the events.
        state: see the module.
    """

    projection: str
    number: int
    version: int
    fingerprint: str
    rows: tuple[str, ...]
    position: int
    target: int
    state: State

    @property
    def usable(self) -> bool:
        """Whether code of its fingerprint may read it."""
        return self.state in USABLE

    def table_names(self) -> list[str]:
        """The tables it keeps rows in."""
        return [f"{name}_v{self.number}" for name in self.rows]


def fingerprint(projection: Projection) -> str:
    """A digest of what a projection makes its rows by, in hexadecimal.

    It covers the row classes and the whole module that the projection stands in, since its handlers
    may call any function of it; comments, docstrings and layout do not count. Where there is no
    source, as in an interactive session, the handlers' bytecode takes its place.
    """
    shapes = [
        (
            shape_of(cls).name,
            shape_of(cls).key,
            [(c.name, repr(c.kind)) for c in shape_of(cls).columns],
        )
        for cls in projection.rows
    ]
    parts = repr((projection.name, projection.version, shapes, _code(type(projection))))
    return hashlib.sha256(parts.encode()).hexdigest()


def _code(cls: type) -> object:
    try:
        return cls.__qualname__, _source(cls.__module__)
    except (OSError, TypeError, KeyError, SyntaxError):
        members = (member for base in cls.__mro__ for member in vars(base).items())
        return sorted(
            (name, member.__code__.co_code, repr(member.__code__.co_consts))
            for name, member in members
            if inspect.isfunction(member)
        )


@cache
def _source(module: str) -> str:
    """The module's code, without what is only for people."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.unparse(tree)


def _drop_docstring(node: Any) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def all_builds(connection: sa.Connection, *, locked: bool = False) -> list[Build]:
    """Every build, by projection and number; `locked` keeps others from moving them meanwhile."""
    query = sa.select(checkpoints).order_by(checkpoints.c.projection, checkpoints.c.build)
    if locked:
        # In one order for all, so that nobody waits for somebody who waits for them.
        query = query.with_for_update()
    return [_build(found) for found in connection.execute(query)]


def _build(found: sa.Row[Any]) -> Build:
    return Build(
        projection=found.projection,
        number=found.build,
        version=found.version,
        fingerprint=found.fingerprint,
        rows=decode_value(found.rows, tuple[str, ...]),
        position=found.position,
        target=found.target,
        state=found.state,
    )


@lru_cache(maxsize=256)
def tables_of(rows: tuple[type, ...], number: int) -> dict[type, sa.Table]:
    """The tables that a build of that number keeps rows of these classes in."""
    return {cls: shape_of(cls).table(number) for cls in rows}


def make(connection: sa.Connection, projection: Projection, number: int) -> Build:
    """Make the tables of a new build, empty.

    Raises:
        DatabaseError: a name is taken by a table that is not ours.
    """
    made = Build(
        projection=projection.name,
        number=number,
        version=projection.version,
        fingerprint=fingerprint(projection),
        rows=tuple(shape_of(cls).name for cls in projection.rows),
        position=0,
        target=0,
        state="building",
    )
    ours = {name for build in all_builds(connection) for name in build.rows}
    _require_free(connection, {*made.table_names(), *(set(made.rows) - ours)})
    for table in tables_of(projection.rows, number).values():
        table.create(connection)
    values = attrs.asdict(made) | {"build": made.number, "rows": encode_value(made.rows)}
    del values["number"]
    connection.execute(sa.insert(checkpoints).values(values))
    return made


def _require_free(connection: sa.Connection, names: set[str]) -> None:
    inspector = sa.inspect(connection)
    taken = names & {*inspector.get_table_names(), *inspector.get_view_names()}
    if taken:
        raise DatabaseError(
            f"the database has a table or view {min(taken)!r} already, which is not ours; it is "
            "left as it is. Rename it, or keep the record in a database of its own."
        )


def moved(connection: sa.Connection, build: Build, **changes: Any) -> Build:
    """The build with its checkpoint moved: another position, target or state."""
    connection.execute(sa.update(checkpoints).where(_is(build)).values(**changes))
    return attrs.evolve(build, **changes)


def _is(build: Build) -> Any:
    mine = checkpoints.c.projection == build.projection
    return sa.and_(mine, checkpoints.c.build == build.number)


def empty(connection: sa.Connection, build: Build) -> None:
    """Delete the rows of a build."""
    # By DELETE: DROP and TRUNCATE would wait for every reader to end.
    quote = connection.dialect.identifier_preparer.quote
    for name in build.table_names():
        connection.exec_driver_sql(f"DELETE FROM {quote(name)}")


def go_live(connection: sa.Connection, build: Build) -> None:
    """Let the plain names stand for this build; the one before it stays ready."""
    quote = connection.dialect.identifier_preparer.quote
    siblings = [other for other in all_builds(connection) if other.projection == build.projection]
    for other in siblings:
        if other.state == "live":
            for name in other.rows:
                connection.exec_driver_sql(f"DROP VIEW {quote(name)}")
            moved(connection, other, state="ready")
    for name, table in zip(build.rows, build.table_names(), strict=True):
        connection.exec_driver_sql(f"CREATE VIEW {quote(name)} AS SELECT * FROM {quote(table)}")
    moved(connection, build, state="live")


def outdated(connection: sa.Connection, projection: str) -> Iterator[Build]:
    """The ready builds of a projection, but for the last one that was live."""
    ready = [
        build
        for build in all_builds(connection)
        if build.projection == projection and build.state == "ready"
    ]
    yield from ready[:-1]


def drop(connection: sa.Connection, build: Build) -> None:
    """Drop a build's tables, and forget it."""
    quote = connection.dialect.identifier_preparer.quote
    for name in build.table_names():
        connection.exec_driver_sql(f"DROP TABLE {quote(name)}")
    connection.execute(sa.delete(checkpoints).where(_is(build)))
