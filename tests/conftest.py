"""Databases for the tests: each test has its own.

In the folders of `ON_BOTH`, a test that asks for `database_url`, `migrated_url` or `new_database`
runs once on SQLite and once on PostgreSQL: what it holds is about the database. Elsewhere it runs
on SQLite. A module, or a test, says so when it wants other databases:

    BACKENDS = ["sqlite"]

    @pytest.mark.parametrize("backend", BOTH, indirect=True)
    @pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
"""

import contextlib
import functools
import gc
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest
import servers
import sqlalchemy as sa

# Where the run was started in the background, SIGINT is ignored, and so it would be in the commands
# that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The folders of tests, in memory where there is enough: they write thousands of small databases.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(servers.ground()))

# The commands that tests start would compile the package again, each of them; each run, the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# No deadline: an example that touches a database takes as long as the machine is busy. In CI the
# same examples every time, so that a failure is about the change; elsewhere new ones every time.
# `--hypothesis-profile thorough` makes ten times as many, new ones everywhere.
hypothesis.settings.register_profile(
    "default", deadline=None, max_examples=50, derandomize="CI" in os.environ
)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=500, derandomize=False)
hypothesis.settings.load_profile("default")


class Compiled:
    """The statements that SQLAlchemy has compiled, kept for all databases of a kind.

    Each engine keeps its own, and nearly each test makes an engine: to compile the same few hundred
    statements again took a third of a small test.
    """

    def __init__(self) -> None:
        self.kept: sa.util.LRUCache[Any, Any] = sa.util.LRUCache(2_000)

    def get(self, key: tuple[Any, ...]) -> Any:
        return self.kept.get(self._of_all(key))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self.kept[self._of_all(key)] = compiled

    def _of_all(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        dialect, *rest = key
        return dialect.name, dialect.server_version_info, *rest


COMPILED = Compiled()


@functools.wraps(sa.create_engine)
def create_engine(*args: Any, make: Any = sa.create_engine, **options: Any) -> sa.Engine:
    engine: Any = make(*args, **options)
    engine._compiled_cache = COMPILED
    return engine


sa.create_engine = create_engine  # type: ignore[assignment]

# One parameter for each server; the private one and an only one named need no number.
SERVERS: dict[str, str | None] = {"postgresql": None}
if urls := servers.named_urls():
    names = [f"postgresql-{number}" for number in range(1, len(urls) + 1)]
    SERVERS = dict(zip(names, urls, strict=True)) if len(urls) > 1 else {"postgresql": urls[0]}


class Backend(Protocol):
    """A place where databases are made, each named by its SQLAlchemy URL."""

    def create(self, folder: Path, *, migrated: bool, kept: bool = False) -> str: ...

    def drop(self, url: str) -> None: ...


class SQLite:
    """A file for each database. A prepared one is a copy of one that was prepared."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.templates: dict[bool, Path] = {}

    def create(self, folder: Path, *, migrated: bool, kept: bool = False) -> str:
        path = folder / f"timeline-{uuid.uuid4().hex}.db"
        if migrated or kept:
            if kept not in self.templates:
                template = self.folder / f"template-{kept}.db"
                prepare(f"sqlite:///{template}", kept=kept)
                # Set only now, so that a migration which fails does so in every test alike.
                self.templates[kept] = template
            shutil.copyfile(self.templates[kept], path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        """Leave the file, which goes with the test's folder, or tells why the test failed."""


class PostgreSQL:
    """A database on a server. A prepared one is a copy of one that was prepared."""

    def __init__(self, server: servers.Server) -> None:
        self.server = server
        self.templates: dict[bool, str] = {}

    def create(self, folder: Path, *, migrated: bool, kept: bool = False) -> str:
        if not (migrated or kept):
            return self.server.create_database()
        if kept not in self.templates:
            template = self.server.create_database()
            try:
                prepare(template, kept=kept)
            except BaseException:
                self.server.drop_database(template)
                raise
            self.templates[kept] = template
        return self.server.create_database(template=self.templates[kept])

    def drop(self, url: str) -> None:
        self.server.drop_database(url)

    def close(self) -> None:
        for template in self.templates.values():
            self.server.drop_database(template)
        self.server.close()


def prepare(url: str, *, kept: bool) -> None:
    """Migrate a database; and, if so wished, keep the built-in projections in it, still empty."""
    # Late, so that the tests of what is below a database do not need all of the package.
    from timeline import Timeline
    from timeline.log.database import create_engine
    from timeline.log.schema import upgrade

    engine = create_engine(url)
    try:
        upgrade(engine)
    finally:
        # No connection may be left: it would keep PostgreSQL from copying the database, and part
        # of SQLite's in another file.
        engine.dispose()
    if kept:
        with Timeline.open(url) as timeline, timeline.view():
            pass


class Backends:
    """The session's backends, each made when a test first asks for it."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.made: dict[str, Backend | servers.PostgresUnavailable] = {}

    def __getitem__(self, name: str) -> Backend:
        if name not in self.made:
            try:
                self.made[name] = self._make(name)
            except servers.PostgresUnavailable as error:
                # Remembered, so that a server which does not start is waited for only once.
                self.made[name] = error
        made = self.made[name]
        if isinstance(made, Exception):
            raise made
        return made

    def _make(self, name: str) -> Backend:
        if name == "sqlite":
            return SQLite(self.folder)
        url = SERVERS[name]
        server = servers.Server(url) if url else self.stack.enter_context(servers.postgres_server())
        backend = PostgreSQL(server)
        self.stack.callback(backend.close)
        return backend


@pytest.fixture(scope="session")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    with contextlib.ExitStack() as stack:
        yield Backends(tmp_path_factory.mktemp("databases"), stack)


BOTH = ["sqlite", *SERVERS]
ON_BOTH = {"log", "engine", "distributed", "system"}
"""Folders whose tests are about the database."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that needs databases once for each kind that its folder calls for."""
    chosen = {
        name.strip()
        for mark in metafunc.definition.iter_markers("parametrize")
        for name in (mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0])
    }
    if "backend" in metafunc.fixturenames and "backend" not in chosen:
        folder = metafunc.definition.path.parent.name
        kinds = BOTH if folder in ON_BOTH else ["sqlite"]
        kinds = getattr(metafunc.module, "BACKENDS", kinds)
        metafunc.parametrize("backend", kinds, indirect=True)


FIRST = ("pages", "distributed", "system")
"""Folders whose tests take long. Those that end a run are short, or else a processor is idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in FIRST)


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from all that was imported, which stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let it have them at the end: a library that finds its objects left then prints a page."""
    gc.unfreeze()


@pytest.fixture
def backend(request: pytest.FixtureRequest, backends: Backends) -> Backend:
    """Where the test's databases are made: this is what makes a test run once for each."""
    if request.param != "sqlite" and servers.left_out():
        pytest.skip(servers.LEFT_OUT)
    return backends[request.param]


@pytest.fixture
def new_database(backend: Backend, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """For tests with several databases: `new_database(migrated=True)` is the URL of another."""
    with contextlib.ExitStack() as stack:

        def new(*, migrated: bool = False, kept: bool = False) -> str:
            url = backend.create(tmp_path, migrated=migrated, kept=kept)
            stack.callback(backend.drop, url)
            return url

        yield new


@pytest.fixture
def database_url(new_database: Callable[..., str]) -> str:
    """An empty database of the test's own."""
    return new_database()


@pytest.fixture
def migrated_url(new_database: Callable[..., str]) -> str:
    """A database of the test's own that has the store's tables."""
    return new_database(migrated=True)


@pytest.fixture
def kept_url(new_database: Callable[..., str]) -> str:
    """A database of the test's own in which rows are kept already: its first report is quick."""
    return new_database(kept=True)


@pytest.fixture
def private_postgres() -> Iterator[Callable[..., servers.PrivateServer]]:
    """For crash tests: `private_postgres()` is a server that they may stop, with safe settings.

    Other settings are passed by name: `private_postgres(fsync="off")`.
    """
    if servers.left_out():
        pytest.skip(servers.LEFT_OUT)
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(servers.postgres_server(settings))


def pytest_report_header() -> str:
    return servers.describe()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    description = servers.describe()
    if description in {servers.LEFT_OUT, servers.NONE_FOUND}:
        terminalreporter.section("PostgreSQL", sep="!", red=True, bold=True)
        terminalreporter.line(description, red=True, bold=True)
