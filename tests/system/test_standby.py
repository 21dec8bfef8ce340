"""A standby of PostgreSQL: reports run there, beside a primary that goes on."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import servers
from waiting import FOREVER, until

from timeline import Actor, Timeline
from timeline.errors import DatabaseReadOnly, TimelineError


@pytest.fixture
def primary(private_postgres: Callable[..., servers.PrivateServer]) -> servers.PrivateServer:
    return private_postgres(wal_level="replica", max_wal_senders="4", hot_standby="on")


@pytest.fixture
def standby(primary: servers.PrivateServer) -> Iterator[Callable[[str], str]]:
    """A server that follows the primary; `standby(url)` is the address of a database on it."""
    home = primary.home / "standby"
    home.mkdir()
    if primary.account.options:
        os.chown(home, primary.account.uid, primary.account.gid)
    data = home / "data"
    options = {"cwd": home, "env": servers.environment(), **primary.account.options}
    copy: list[str | Path] = [primary.folder / "pg_basebackup", "-D", data, "-R", "-X", "stream"]
    copy += ["-c", "fast", "-h", primary.home, "-p", "5432", "-U", "timeline"]
    subprocess.run(copy, check=True, **options)
    server: list[str | Path] = [primary.folder / "postgres", "-D", data, "-k", home]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*server, "-c", "listen_addresses=", "-p", "5432"], stdout=log, stderr=log, **options
        )
    until((home / ".s.PGSQL.5432").exists)
    try:
        yield lambda url: url.replace(
            str(primary.home).replace("/", "%2F"), str(home).replace("/", "%2F")
        )
    finally:
        process.terminate()
        process.wait()


def test_reports_run_on_a_standby(
    primary: servers.PrivateServer, standby: Callable[[str], str]
) -> None:
    url = primary.create_database()
    with Timeline.open(url) as record:
        record.add(Actor("ann", "person", "Ann Alder"))
        record.actors()
        end = record.store.head().position

        with until(lambda: opened(standby(url))) as copied:
            copied.wait_for(end, timeout=FOREVER)
            assert [one.actor for one in copied.actors().actors] == ["ann"]
            with pytest.raises(DatabaseReadOnly):
                copied.add(Actor("bob", "person", "Bob Birch"))

            # Rows that are behind are folded there.
            record.add(Actor("cy", "person", "Cy Cedar"))
            until(lambda: copied.store.head().position == 2)
            assert [one.actor for one in copied.actors().actors] == ["ann", "cy"]
            assert copied.verify() == record.verify()
            assert [event.position for event in copied.store.read_all()] == [1, 2]


def opened(url: str) -> Timeline | None:
    """The record, once the standby has come so far."""
    try:
        return Timeline.open(url, migrate=False)
    except TimelineError:
        return None
