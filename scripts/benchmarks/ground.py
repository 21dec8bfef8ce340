"""Where the sides are measured: databases of their own, on disk, and as durable as they come."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import servers
import sqlalchemy as sa

from benchmarks import raw, work

SQLITE, POSTGRESQL = "sqlite", "postgresql"


class Ground:
    """Makes databases, and keeps those that were filled to be read from.

    PostgreSQL is a private server with nothing but its defaults: it is only started once needed.
    """

    def __init__(self, stack: contextlib.ExitStack, events: int) -> None:
        self.events = events
        self._stack = stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._server: servers.PrivateServer | None = None
        self._filled: dict[tuple[str, object], str] = {}
        self._numbers = itertools.count()

    @property
    def server(self) -> servers.PrivateServer:
        """The server."""
        if self._server is None:
            self._server = self._stack.enter_context(
                servers.postgres_server({}, Path(tempfile.gettempdir()))
            )
        return self._server

    def _create(self, kind: str) -> str:
        if kind == POSTGRESQL:
            return self.server.create_database()
        return f"sqlite:///{self._folder / str(next(self._numbers))}.db"

    def _remove(self, kind: str, url: str) -> None:
        if kind == POSTGRESQL:
            self.server.drop_database(url)
        else:
            for file in self._folder.glob(f"{Path(str(sa.make_url(url).database)).name}*"):
                file.unlink()

    @contextlib.contextmanager
    def fresh(self, kind: str, cls: type[work.Side]) -> Iterator[work.Side]:
        """A side, on an empty database."""
        url = self._create(kind)
        with contextlib.closing(cls(url)) as side:
            self._settle(kind, url)
            yield side
        self._remove(kind, url)

    def filled(self, kind: str, cls: type[work.Side]) -> str:
        """A database that the side has filled."""
        key = kind, cls.name
        if key not in self._filled:
            self._filled[key] = url = self._create(kind)
            with contextlib.closing(cls(url)) as side:
                side.load(side.prepare(self.events, self.events))
            self._settle(kind, url)
        return self._filled[key]

    def shared(self, prepare: Callable[[str], None], kind: str = POSTGRESQL) -> str:
        """A database that `prepare` makes once, and that all read, or write side by side."""
        key = kind, prepare
        if key not in self._filled:
            self._filled[key] = self._create(kind)
            prepare(self._filled[key])
        self._settle(kind, self._filled[key])
        return self._filled[key]

    def _settle(self, kind: str, url: str) -> None:
        """Let the server be done with what is not measured."""
        if kind == POSTGRESQL:
            with contextlib.closing(raw.connect(url)) as connection:
                connection.autocommit = True
                connection.execute("VACUUM ANALYZE")
                connection.execute("CHECKPOINT")

    def version(self) -> str:
        """The server's."""
        url = self.server.url.render_as_string(hide_password=False)
        with contextlib.closing(raw.connect(url)) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0]).split()[0]
