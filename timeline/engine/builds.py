"""Builds: the tables that hold a projection's rows, one set for each state of its code.

A build belongs to one fingerprint, that of its code and row classes. While it is *building*, nobody
reads it. Once it has caught up with the log it goes *live*: plain-named views show its tables. The
one that was live before stays *ready*: for code that still reads it, and to go back to. *Built* is
a build that has caught up and waits to go live.

Processes that make builds, let them go live or drop them take turns (`exclude_builders`). All take
their locks in one order, so that no two wait for each other: the head of the log (appends that keep
rows), the builders' turn, checkpoints by projection and number, then tables and views.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from operator import itemgetter
from typing import Any, Literal

import attrs
import sqlalchemy as sa

from timeline.engine.projection import Projection, shape_of, table_name
from timeline.engine.rows import tables_of
from timeline.engine.search import drop_index, index_searched
from timeline.errors import DatabaseError
from timeline.events.encoding import decode_value, encode_value
from timeline.log import telemetry
from timeline.log.codec import Upcaster
from timeline.log.database import PREFIX, qualified, schema_of
from timeline.log.schema import checkpoints

State = Literal["building", "built", "live", "ready"]

_ENGINE = 1
"""Raise it when the engine comes to make other rows of the same log with the same handlers."""

_PACKAGE = __name__.partition(".")[0]

_TURN = int.from_bytes(b"timeline")
"""Names the advisory lock of PostgreSQL by which builders take turns."""


@attrs.frozen
class Build:
    """One build, as its checkpoint says.

    Attributes:
        projection: the name of the projection.
        number: the build's own, from 1; its tables' names end in it.
        version: the version that the projection's class declared.
        fingerprint: of the code and row classes that made it.
        rows: the plain names of its tables.
        position: how far of the log it has come.
        target: while building, the position up to which amendments apply to the events.
        state: `building`, `built`, `live` or `ready`; the module's docstring explains them.
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
        """Whether its rows show the log at its position, for code of its fingerprint to read."""
        return self.state != "building"

    def table_names(self) -> list[str]:
        """The tables it keeps rows in."""
        return [table_name(name, self.number) for name in self.rows]


def fingerprint(projection: Projection, upcasters: Iterable[Upcaster] = ()) -> str:
    """A digest of all that decides a projection's rows, in hexadecimal.

    It covers the row classes, and the whole modules of the projection and its bases, since handlers
    may call any function there. Comments, docstrings and layout do not count, except in modules of
    this package. Where there is no source, as in an interactive session, the handlers' bytecode
    takes its place.

    Args:
        projection: whose rows they are.
        upcasters: of its events; their functions are covered, not their modules.
    """
    shapes = [
        (shape.name, shape.key, [(column.name, repr(column.kind)) for column in shape.columns])
        for shape in map(shape_of, projection.rows)
    ]
    code = _code(type(projection))
    parts = [_ENGINE, projection.name, projection.version, shapes, code]
    steps = sorted((u.type, u.version, u.to, _function(u.apply)) for u in upcasters)
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
        members = [item for base in own for item in sorted(vars(base).items(), key=itemgetter(0))]
        return [(name, _bytecode(member)) for name, member in members if name != "__doc__"]
    return cls.__qualname__, list(sources.values())


def _require_defined(cls: type, source: str) -> None:
    # Code run by `exec` has `__main__` as its module, whatever program that is.
    outermost = cls.__qualname__.partition(".")[0]
    if not re.search(rf"\b(class|def) {re.escape(outermost)}\b", source):
        raise OSError(f"{cls.__qualname__} is not in the source of its module")


def _bytecode(member: Any) -> object:
    """The code of a member of a class, the same in every process."""
    if inspect.isfunction(member):
        return _bytecode(member.__code__)
    if inspect.iscode(member):
        constants = [_bytecode(constant) for constant in member.co_consts]
        return member.co_code, member.co_names, member.co_varnames, constants
    if isinstance(member, tuple | list):
        return [_bytecode(item) for item in member]
    if isinstance(member, frozenset | set):
        return sorted(map(repr, member))
    return repr(member) if isinstance(member, _PLAIN) else type(member).__qualname__


_PLAIN = (str, bytes, int, float, complex, type(None), type(...))


@cache
def _source(module: str) -> str:
    source = inspect.getsource(sys.modules[module])
    # This package's own modules change with its releases only, so they need no costly parsing.
    return source if module.startswith(f"{_PACKAGE}.") else _unadorned(source)


def _unadorned(source: str) -> str:
    """Source code without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.unparse(tree)


def _drop_docstring(node: Any) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def exclude_builders(connection: sa.Connection) -> None:
    """Keep others from making builds, letting them go live and dropping them, until the commit."""
    # Reads and appends go on. SQLite has one writer anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))


def all_builds(connection: sa.Connection) -> list[Build]:
    """Every build, by projection and number."""
    return [_build(stored) for stored in connection.execute(_IN_ORDER)]


def locked(connection: sa.Connection, projections: Iterable[str]) -> list[Build]:
    """The builds of these projections; nobody else moves them until the transaction ends."""
    # Filter on immutable columns only: FOR UPDATE skips rows that begin to match while we wait.
    mine = checkpoints.c.projection.in_(sorted(projections))
    query = _IN_ORDER.where(mine).with_for_update()
    return [_build(stored) for stored in connection.execute(query)]


def claimed(connection: sa.Connection, projections: Iterable[str] | None = None) -> list[Build]:
    """The builds of these projections, or all; nobody else makes, moves or drops one meanwhile."""
    exclude_builders(connection)
    if projections is None:
        projections = {build.projection for build in all_builds(connection)}
    return locked(connection, projections)


def again(
    connection: sa.Connection, build: Build, *, lock: bool = False, share: bool = False
) -> Build:
    """The build as it is now; as `ready`, which leaves nothing to do, where it was dropped.

    Args:
        connection: to read with.
        build: as it was before.
        lock: keep others from moving it.
        share: the same, and let others do so as well.
    """
    query = sa.select(checkpoints).where(_is(build))
    locking = query.with_for_update(read=share) if lock or share else query
    stored = connection.execute(locking).one_or_none()
    return attrs.evolve(build, state="ready") if stored is None else _build(stored)


_IN_ORDER = sa.select(checkpoints).order_by(checkpoints.c.projection, checkpoints.c.build)


def _build(stored: sa.Row[Any]) -> Build:
    return Build(
        projection=stored.projection,
        number=stored.build,
        version=stored.version,
        fingerprint=stored.fingerprint,
        rows=decode_value(stored.rows, tuple[str, ...]),
        position=stored.position,
        target=stored.target,
        state=stored.state,
    )


def make(connection: sa.Connection, projection: Projection, made_by: str) -> Build:
    """Make the tables of a new build, empty; the arguments are those of `make_all`."""
    return make_all(connection, {projection: made_by})[projection]


def make_all(
    connection: sa.Connection, wanted: Mapping[Projection, str]
) -> dict[Projection, Build]:
    """Make the tables of new builds, empty.

    Args:
        connection: to write with.
        wanted: by the projections whose rows they will hold, the fingerprints of the code.

    Raises:
        DatabaseError: the database has another table of such a name.
    """
    there = all_builds(connection)
    made = {projection: _next(projection, by, there) for projection, by in wanted.items()}
    names = [name for build in made.values() for name in build.table_names()]
    _require_free(connection, {*names})
    for projection, build in made.items():
        name = projection.name
        telemetry.logger.info("building %s", name, extra={"projection": name})
        for table in tables_of(projection.rows, build.number).values():
            table.create(connection)
            index_searched(connection, table)
    _let_read(connection, names)
    connection.execute(sa.insert(checkpoints), [*map(_stored, made.values())])
    return made


def _next(projection: Projection, made_by: str, there: Iterable[Build]) -> Build:
    """The build that comes after those there are."""
    name, rows = projection.name, tuple(shape_of(cls).name for cls in projection.rows)
    # Tables are named by rows and number: rows that another projection had before count too.
    numbers = [b.number for b in there if b.projection == name or not {*rows}.isdisjoint(b.rows)]
    return Build(
        projection=name,
        number=max(numbers, default=0) + 1,
        version=projection.version,
        fingerprint=made_by,
        rows=rows,
        position=0,
        target=0,
        state="building",
    )


def _stored(build: Build) -> dict[str, Any]:
    values = attrs.asdict(build) | {"build": build.number, "rows": encode_value(build.rows)}
    del values["number"]
    return values


def _require_free(connection: sa.Connection, names: set[str]) -> None:
    there = Catalog(connection)
    taken = names & {*there.tables, *there.views}
    if taken:
        raise DatabaseError(
            f"the database has a table or view {min(taken)!r} already, which is not ours; it is "
            "left as it is. Rename it, or keep the record in a database of its own."
        )


class Catalog:
    """The tables and the views where ours are, as they were when it was made.

    The database is asked once for all names, and once for the definition of a view.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._inspector, self._schema = sa.inspect(connection), schema_of(connection.engine)
        self.tables = frozenset(self._inspector.get_table_names(self._schema))
        self.views = frozenset(self._inspector.get_view_names(self._schema))

    def view_name(self, name: str) -> str:
        """The name of the view of some rows: with a prefix where the host has one of that name."""
        theirs = name in self.tables or (name in self.views and not self.shows(name, name))
        return f"{PREFIX}{name}" if theirs or f"{PREFIX}{name}" in self.views else name

    def shows(self, view: str, name: str, number: str = r"\d+") -> bool:
        """Whether a view shows a build of these rows."""
        table = re.escape(f"{PREFIX}{name}_v")
        return re.search(rf"\b{table}{number}\b", str(self.definition(view))) is not None

    def definition(self, view: str) -> str | None:
        """The query of a view; None where there is no such view."""
        if view not in self.views:
            return None
        return self._inspector.get_view_definition(view, self._schema)

    def columns(self, tables: Iterable[str]) -> dict[str, list[str]]:
        """The names of the columns of those tables that are there, in order."""
        asked = sorted(self.tables.intersection(tables))
        columns = self._inspector.get_multi_columns(self._schema, filter_names=asked)
        return {table: [column["name"] for column in of] for (_, table), of in columns.items()}


def moved(connection: sa.Connection, build: Build, **changes: Any) -> Build:
    """Move the checkpoint of a build to another position, target or state."""
    connection.execute(sa.update(checkpoints).where(_is(build)).values(**changes))
    return attrs.evolve(build, **changes)


def all_moved(connection: sa.Connection, moving: Iterable[Build], position: int) -> None:
    """Move the checkpoints of builds on to a position; their targets are then no nearer."""
    behind = [build for build in moving if build.position < position]
    target = sa.case((checkpoints.c.target < position, position), else_=checkpoints.c.target)
    if behind:
        connection.execute(
            sa.update(checkpoints).where(_among(behind)).values(position=position, target=target)
        )


def _among(builds: Iterable[Build]) -> Any:
    mine = sa.tuple_(checkpoints.c.projection, checkpoints.c.build)
    return mine.in_([(build.projection, build.number) for build in builds])


def _is(build: Build) -> Any:
    mine = checkpoints.c.projection == build.projection
    return sa.and_(mine, checkpoints.c.build == build.number)


def emptied(connection: sa.Connection, build: Build) -> Build:
    """Delete the rows of a build; the build at position 0. The caller moves its checkpoint."""
    # DROP and TRUNCATE would wait for every reader to end; DELETE does not.
    for name in build.table_names():
        connection.exec_driver_sql(f"DELETE FROM {qualified(connection.engine, name)}")
    return attrs.evolve(build, position=0)


def go_live(connection: sa.Connection, build: Build) -> Build:
    """Let the plain names show this build; the one that was live before stays ready.

    Raises:
        DatabaseBusy: somebody is reading by a plain name; waiting for them would hold up others.
        DatabaseError: somebody's own view depends on a view whose columns must change.
    """
    all_go_live(connection, [build])
    return attrs.evolve(build, state="live")


def all_go_live(connection: sa.Connection, builds: Iterable[Build]) -> None:
    """The same with builds of several projections, for which the database is asked once."""
    going = {build.projection: build for build in builds}
    _wait_briefly(connection)
    for other in all_builds(connection):
        if other.state == "live" and other.projection in going:
            for name in set(other.rows) - set(going[other.projection].rows):
                _drop_view(connection, name, other)
            moved(connection, other, state="ready")
    view_name = Catalog(connection).view_name
    shown = {
        view_name(name): table
        for build in going.values()
        for name, table in zip(build.rows, build.table_names(), strict=True)
    }
    for view, table in shown.items():
        _point(connection, view, table)
    _let_read(connection, shown)
    connection.execute(sa.update(checkpoints).where(_among(going.values())).values(state="live"))


def _let_read(connection: sa.Connection, names: Iterable[str]) -> None:
    """Grant SELECT on these tables or views to every role that may read the checkpoints."""
    if connection.dialect.name != "postgresql":
        return
    ours = qualified(connection.engine, checkpoints.name)
    readers = ", ".join(connection.scalars(_READERS, {"ours": ours}))
    if readers:
        given = ", ".join(qualified(connection.engine, name) for name in names)
        granted = f"GRANT SELECT ON {given} TO {readers}"
        connection.exec_driver_sql(granted.replace("%", "%%"))


_READERS = sa.text(
    "SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE CAST(grantee::regrole AS text) END "
    "FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = CAST(:ours AS regclass) "
    "AND privilege_type = 'SELECT' AND grantee <> current_user::regrole"
)
"""The roles that `timeline.engine.grants` has granted the right to read checkpoints."""


def _wait_briefly(connection: sa.Connection) -> None:
    # While we wait for an exclusive lock, all later readers queue behind us.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout TO '100ms'")


def _point(connection: sa.Connection, name: str, table: str) -> None:
    """Make a view show a table, and make the view where there is none."""
    view, shown = qualified(connection.engine, name), qualified(connection.engine, table)
    if connection.dialect.name == "sqlite":
        shown = connection.dialect.identifier_preparer.quote(table)  # a view is in its own file
    made = f"VIEW {view} AS SELECT * FROM {shown}"
    if connection.dialect.name == "postgresql":
        # Replacing keeps the rights on the view, and other views on it; but the columns must fit.
        with contextlib.suppress(sa.exc.ProgrammingError), connection.begin_nested():
            connection.exec_driver_sql(f"CREATE OR REPLACE {made}")
            return
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view}")
    connection.exec_driver_sql(f"CREATE {made}")


def view_problems(connection: sa.Connection) -> Iterator[str]:
    """What is wrong with the tables and plain-named views of the live builds."""
    there, schema = Catalog(connection), schema_of(connection.engine)
    live = [build for build in all_builds(connection) if build.state == "live"]
    columns = there.columns(table for build in live for table in build.table_names())
    for build in live:
        remedy = f"`timeline rebuild {build.projection}` makes it again."
        for name, table in zip(build.rows, build.table_names(), strict=True):
            if table not in columns:
                yield f"the table {table!r} is gone: {remedy}"
                continue
            named = ", ".join(columns[table])
            expected = {f"select {chosen} from {table}" for chosen in ("*", named)}
            shown = there.definition(there.view_name(name))
            if shown is None or _plain(shown, schema, table) not in expected:
                yield f"the view {name!r} does not show the table {table!r}: {remedy}"


def _plain(definition: str, schema: str, table: str) -> str:
    """A view's query in one form, whichever database shows it."""
    text = definition.replace('"', "").replace(f"{table}.", "").replace(f"{schema}.", "")
    query = re.split(r"\bAS\s+(?=SELECT\b)", text.rstrip("; "), maxsplit=1, flags=re.IGNORECASE)[-1]
    return re.sub(r"^SELECT|FROM", lambda word: word[0].lower(), " ".join(query.split()))


def _drop_view(connection: sa.Connection, name: str, build: Build) -> None:
    """Drop a view, unless it shows rows that another projection has taken over."""
    there = Catalog(connection)
    view = there.view_name(name)
    if there.shows(view, name, str(build.number)):
        connection.exec_driver_sql(f"DROP VIEW {qualified(connection.engine, view)}")


def outdated(found: Iterable[Build], before: int, replaced: int = 0) -> list[Build]:
    """The builds of a projection that nobody will need.

    Kept are the live one, the one before it, and later ones that newer code may be folding.

    Args:
        found: all builds of the projection.
        before: the number of the build that was live before; 0 for the newest of those.
        replaced: the number of one that nobody needs although it was live.
    """
    mine = list(found)
    live = max((build.number for build in mine if build.state == "live"), default=0)
    ready = {build.number for build in mine if build.state == "ready"}
    kept = before if before in ready else max(ready - {replaced}, default=0)
    begun = {b.number for b in mine if b.state in ("building", "built") and b.number < live}
    return [build for build in mine if build.number in (ready - {kept}) | begun]


def drop(connection: sa.Connection, build: Build) -> None:
    """Drop a build: its tables and its checkpoint.

    Raises:
        DatabaseBusy: somebody is reading the tables.
    """
    _wait_briefly(connection)
    for name in build.table_names():
        connection.exec_driver_sql(f"DROP TABLE {qualified(connection.engine, name)}")
        drop_index(connection, name)
    connection.execute(sa.delete(checkpoints).where(_is(build)))
