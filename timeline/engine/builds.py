"""Builds: the tables that hold a projection's rows, one set for each state of its code.

A build belongs to one fingerprint, that of the code and the rows it was made by. While it is
*building*, nobody looks at it. Once it has caught up with the log it goes *live*: plain-named views
point to its tables. The one that was live before stays *ready*, for code that is still at work on
it, and to go back to. *Built* is one that has caught up and waits to be let go live.

Who changes builds, other than moving one on, takes turns (`exclude_builders`). Locks are taken in
one order, so that nobody waits for somebody who waits for them: the head of the log (by appends
that keep rows), the builders' turn, checkpoints by projection and number, then tables and views.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, Literal

import attrs
import sqlalchemy as sa

from timeline.engine.projection import Projection
from timeline.engine.rows import shape_of
from timeline.errors import DatabaseBusy, DatabaseError
from timeline.log import telemetry
from timeline.log.codec import decode_value, encode_value
from timeline.log.schema import checkpoints
from timeline.log.upcasting import Upcaster

State = Literal["building", "built", "live", "ready"]

USABLE = ("live", "ready", "built")
"""States in which a build shows the log at its position, and is read by code of its fingerprint."""

_ENGINE = 1
"""Raised when the engine itself comes to make other rows of the same log by the same handlers."""

_TURN = int.from_bytes(b"timeline")
"""The name of PostgreSQL's advisory lock that builders take turns by."""

_NO_TABLE = "42P01"


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


def fingerprint(projection: Projection, upcasters: Iterable[Upcaster] = ()) -> str:
    """A digest of what a projection makes its rows by, in hexadecimal.

    It covers the row classes, and the whole modules that the projection and its bases stand in,
    since handlers may call any function there; comments, docstrings and layout do not count. Where
    there is no source, as in an interactive session, the handlers' bytecode takes its place.

    Args:
        projection: it.
        upcasters: those that its events may come by; of them the functions themselves are covered.
    """
    shapes = [
        (
            shape_of(cls).name,
            shape_of(cls).key,
            [(c.name, repr(c.kind)) for c in shape_of(cls).columns],
        )
        for cls in projection.rows
    ]
    code = _code(type(projection))
    parts = [_ENGINE, projection.name, projection.version, shapes, code]
    steps = sorted((each.type, each.version, each.to, _function(each.apply)) for each in upcasters)
    if steps:
        parts.append(steps)
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()


def _function(function: Callable[..., Any]) -> str:
    try:
        return _unadorned(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return repr(_bytecode(function))


def _code(cls: type) -> object:
    own = [base for base in cls.__mro__ if base not in Projection.__mro__]
    try:
        sources = {name: _source(name) for name in dict.fromkeys(base.__module__ for base in own)}
        for base in own:
            _require_defined(base, sources[base.__module__])
    except (OSError, TypeError, KeyError, SyntaxError):
        members = [member for base in own for member in sorted(vars(base).items(), key=_name)]
        return [(name, _bytecode(member)) for name, member in members if name != "__doc__"]
    return cls.__qualname__, list(sources.values())


def _name(member: tuple[str, Any]) -> str:
    return member[0]


def _require_defined(cls: type, source: str) -> None:
    # What runs by `exec` calls itself `__main__`, whatever program that is.
    outermost = cls.__qualname__.partition(".")[0]
    if not re.search(rf"\b(class|def) {re.escape(outermost)}\b", source):
        raise OSError(f"{cls.__qualname__} is not in the source of its module")


def _bytecode(member: Any) -> object:
    """What a member of a class does, the same in every process."""
    if inspect.isfunction(member):
        return _bytecode(member.__code__)
    if inspect.iscode(member):
        constants = [_bytecode(constant) for constant in member.co_consts]
        return member.co_code, member.co_names, member.co_varnames, constants
    if isinstance(member, tuple | list):
        return [_bytecode(each) for each in member]
    if isinstance(member, frozenset | set):
        return sorted(map(repr, member))
    return repr(member) if isinstance(member, _PLAIN) else type(member).__qualname__


_PLAIN = (str, bytes, int, float, complex, type(None), type(...))


@cache
def _source(module: str) -> str:
    return _unadorned(inspect.getsource(sys.modules[module]))


def _unadorned(source: str) -> str:
    """Code without what is only for people."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.unparse(tree)


def _drop_docstring(node: Any) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def exclude_builders(connection: sa.Connection) -> None:
    """Wait for one's turn to make builds, let them go live and drop them; until the commit."""
    # It excludes neither readers nor appends. SQLite's writer is alone anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))


def all_builds(connection: sa.Connection) -> list[Build]:
    """Every build, by projection and number."""
    return [_build(found) for found in connection.execute(_IN_ORDER)]


def locked(connection: sa.Connection, projections: Iterable[str]) -> list[Build]:
    """The builds of these projections, which nobody else moves until the transaction ends."""
    # Chosen by what never changes: a row that comes to fit while we wait for it would be left out.
    mine = checkpoints.c.projection.in_(sorted(projections))
    query = _IN_ORDER.where(mine).with_for_update()
    return [_build(found) for found in connection.execute(query)]


def again(connection: sa.Connection, build: Build, *, lock: bool = False) -> Build | None:
    """The build as it is now; None if it was dropped. `lock` keeps others from moving it."""
    query = sa.select(checkpoints).where(_is(build))
    found = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if found is None else _build(found)


_IN_ORDER = sa.select(checkpoints).order_by(checkpoints.c.projection, checkpoints.c.build)


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


def hold(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Keep tables from being dropped while they are read, until the transaction ends.

    Raises:
        DatabaseBusy: one was dropped since its checkpoint was read.
    """
    # What a transaction on SQLite has begun to read stays as it was.
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


def make(connection: sa.Connection, projection: Projection, made_by: str) -> Build:
    """Make the tables of a new build, empty.

    Args:
        connection: on which to write.
        projection: whose rows it is to keep.
        made_by: the fingerprint of the code.

    Raises:
        DatabaseError: a name is taken by a table that is not ours.
    """
    name = projection.name
    telemetry.logger.info("building %s anew", name, extra={"projection": name})
    found = all_builds(connection)
    rows = tuple(shape_of(cls).name for cls in projection.rows)
    # Tables are called by rows and number, so rows that another projection kept count too.
    before = [
        each for each in found if each.projection == projection.name or {*each.rows} & {*rows}
    ]
    made = Build(
        projection=projection.name,
        number=max((each.number for each in before), default=0) + 1,
        version=projection.version,
        fingerprint=made_by,
        rows=rows,
        position=0,
        target=0,
        state="building",
    )
    ours = {name for build in found for name in build.rows}
    _require_free(connection, {*made.table_names(), *(set(made.rows) - ours)})
    for table in tables_of(projection.rows, made.number).values():
        table.create(connection)
    _let_read(connection, made.table_names())
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


def go_live(connection: sa.Connection, build: Build) -> Build:
    """Let the plain names stand for this build; the one before it stays ready.

    Raises:
        DatabaseBusy: somebody is reading by a plain name, and others who want to must not wait.
        DatabaseError: a view of somebody else's depends on one that must change its columns.
    """
    _be_brief(connection)
    for other in all_builds(connection):
        if other.projection == build.projection and other.state == "live":
            for name in set(other.rows) - set(build.rows):
                _drop_view(connection, name, other)
            moved(connection, other, state="ready")
    for name, table in zip(build.rows, build.table_names(), strict=True):
        _point(connection, name, table)
    _let_read(connection, build.rows)
    return moved(connection, build, state="live")


def _let_read(connection: sa.Connection, names: Iterable[str]) -> None:
    """Let those who may read how far builds have come read these tables or views of theirs, too."""
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    readers = ", ".join(connection.scalars(_READERS))
    if readers:
        granted = f"GRANT SELECT ON {', '.join(map(quote, names))} TO {readers}"
        connection.exec_driver_sql(granted.replace("%", "%%"))


_READERS = sa.text(
    "SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE CAST(grantee::regrole AS text) END "
    "FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = CAST('checkpoints' AS regclass) "
    "AND privilege_type = 'SELECT' AND grantee <> current_user::regrole"
)
"""Those who were given that right: see `timeline.engine.roles`."""


def _be_brief(connection: sa.Connection) -> None:
    # Whoever waits for an exclusive lock has all who come later wait behind it.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout TO '100ms'")


def _point(connection: sa.Connection, name: str, table: str) -> None:
    """Let a view show a table, whether there is one of that name already or not."""
    quote = connection.dialect.identifier_preparer.quote
    made = f"VIEW {quote(name)} AS SELECT * FROM {quote(table)}"
    if connection.dialect.name == "postgresql":
        # Rights granted on the view, and views that others have made on it, stay so; unless its
        # columns are others now.
        with contextlib.suppress(sa.exc.ProgrammingError), connection.begin_nested():
            connection.exec_driver_sql(f"CREATE OR REPLACE {made}")
            return
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {quote(name)}")
    connection.exec_driver_sql(f"CREATE {made}")


def _drop_view(connection: sa.Connection, name: str, build: Build) -> None:
    """Drop a view, unless another projection has come to keep rows of that name."""
    inspector = sa.inspect(connection)
    if name not in inspector.get_view_names():
        return
    shown = str(inspector.get_view_definition(name))
    if re.search(rf"\bFROM \"?{re.escape(name)}_v{build.number}\b", shown):
        quote = connection.dialect.identifier_preparer.quote
        connection.exec_driver_sql(f"DROP VIEW {quote(name)}")


def outdated(found: Iterable[Build], projection: str, before: int) -> list[Build]:
    """The builds of a projection that nobody will need.

    Left are the live one, the one before it, and those that newer code may be at work on.

    Args:
        found: all builds.
        projection: the name of the projection.
        before: the number of the build that was live before; 0 for the newest of those.
    """
    mine = [build for build in found if build.projection == projection]
    live = max((build.number for build in mine if build.state == "live"), default=0)
    ready = {build.number for build in mine if build.state == "ready"}
    kept = before if before in ready else max(ready, default=0)
    begun = {b.number for b in mine if b.state in ("building", "built") and b.number < live}
    return [build for build in mine if build.number in (ready - {kept}) | begun]


def drop(connection: sa.Connection, build: Build) -> None:
    """Drop a build's tables, and forget it.

    Raises:
        DatabaseBusy: somebody is reading them.
    """
    _be_brief(connection)
    quote = connection.dialect.identifier_preparer.quote
    for name in build.table_names():
        connection.exec_driver_sql(f"DROP TABLE {quote(name)}")
    connection.execute(sa.delete(checkpoints).where(_is(build)))


# What differs


@attrs.frozen
class Difference:
    """A row that is not the same in two builds.

    Attributes:
        rows: the plain name of its table.
        key: the row's, as stored.
        change: `added` if only the later build has it, `removed` if only the earlier one.
        columns: of a changed row, what the columns held before and hold now, as stored.
    """

    rows: str
    key: tuple[Any, ...]
    change: Literal["added", "removed", "changed"]
    columns: dict[str, tuple[Any, Any]] = attrs.field(factory=dict)


@attrs.frozen
class Comparison:
    """How a build's rows differ from those that are live.

    Attributes:
        live: the build that is live.
        new: the one that is held.
        added: how many rows only the new one has.
        removed: how many rows only the live one has.
        changed: how many rows both have, and not the same.
        first: some of the differences, the first by table and key.
    """

    live: Build
    new: Build
    added: int
    removed: int
    changed: int
    first: tuple[Difference, ...]


_SHOWN = 20


def compared(connection: sa.Connection, live: Build, new: Build) -> Comparison:
    """Compare all rows of two builds."""
    counts = {"added": 0, "removed": 0, "changed": 0}
    first: list[Difference] = []
    for difference in differences(connection, live, new):
        counts[difference.change] += 1
        if len(first) < _SHOWN:
            first.append(difference)
    return Comparison(live, new, first=tuple(first), **counts)


def differences(connection: sa.Connection, old: Build, new: Build) -> Iterator[Difference]:
    """The rows that differ between two builds, by table and key; memory stays flat.

    Columns that only one of them has are not compared. Where even the key is another, all rows of
    the one are removed and all of the other added.
    """
    for name in dict.fromkeys((*old.rows, *new.rows)):
        before, after = _reflected(connection, name, old), _reflected(connection, name, new)
        if before is None or after is None or _key(before) != _key(after):
            yield from _all(connection, name, before, "removed")
            yield from _all(connection, name, after, "added")
        else:
            yield from _only(connection, name, before, after, "removed")
            yield from _only(connection, name, after, before, "added")
            yield from _changed(connection, name, before, after)


def _reflected(connection: sa.Connection, name: str, build: Build) -> sa.Table | None:
    # As it is in the database: the classes of the code that made it are not at hand.
    if name not in build.rows:
        return None
    return sa.Table(f"{name}_v{build.number}", sa.MetaData(), autoload_with=connection)


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _keys(table: sa.Table) -> list[sa.Column[Any]]:
    return list(table.primary_key.columns)


def _all(
    connection: sa.Connection,
    name: str,
    table: sa.Table | None,
    change: Literal["added", "removed"],
) -> Iterator[Difference]:
    if table is not None:
        for key in _streamed(connection, sa.select(*_keys(table)).order_by(*_keys(table))):
            yield Difference(name, tuple(key), change)


def _only(
    connection: sa.Connection,
    name: str,
    table: sa.Table,
    other: sa.Table,
    change: Literal["added", "removed"],
) -> Iterator[Difference]:
    there = sa.exists().where(*_same_key(table, other)).correlate(table)
    query = sa.select(*_keys(table)).where(~there).order_by(*_keys(table))
    for key in _streamed(connection, query):
        yield Difference(name, tuple(key), change)


def _changed(
    connection: sa.Connection, name: str, before: sa.Table, after: sa.Table
) -> Iterator[Difference]:
    keys = _key(before)
    both = [c.name for c in before.columns if c.name in after.columns and c.name not in keys]
    differ = [before.c[column].is_distinct_from(after.c[column]) for column in both]
    if not differ:
        return
    columns = [table.c[column] for column in both for table in (before, after)]
    query = (
        sa.select(*_keys(before), *columns)
        .select_from(before.join(after, sa.and_(*_same_key(before, after))))
        .where(sa.or_(*differ))
        .order_by(*_keys(before))
    )
    for found in _streamed(connection, query):
        pairs = list(zip(found[len(keys) :: 2], found[len(keys) + 1 :: 2], strict=True))
        changes = {c: pair for c, pair in zip(both, pairs, strict=True) if pair[0] != pair[1]}
        yield Difference(name, tuple(found[: len(keys)]), "changed", changes)


def _same_key(one: sa.Table, other: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [one.c[column] == other.c[column] for column in _key(one)]


def _streamed(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    with connection.execute(query.execution_options(yield_per=1000)) as found:
        yield from found
