"""Behind pgbouncer in transaction mode, where a session belongs to nobody.

These tests run where pgbouncer is installed, `apt-get install pgbouncer` say.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
import sqlalchemy as sa
from waiting import until

from timeline import Actor, Source, StatementMade, Timeline
from timeline.errors import DatabaseBusy, TimelineError
from timeline.log import failures
from timeline.log.database import create_engine

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")

pytestmark = [
    pytest.mark.parametrize("backend", ["postgresql"], indirect=True),
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed"),
]

SETTINGS = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {home}
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    """The address of a database by way of pgbouncer, which has three connections for it."""
    url, who = sa.make_url(database_url), servers.account()
    with tempfile.TemporaryDirectory(prefix="timeline-pgbouncer-") as folder:
        home = Path(folder)
        host, port = url.query.get("host") or url.host, url.query.get("port") or url.port or 5432
        settings = home / "pgbouncer.ini"
        settings.write_text(SETTINGS.format(host=host, port=port, user=url.username, home=home))
        if who.options:
            for path in (home, settings):
                os.chown(path, who.uid, who.gid)
        log = home / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(PROGRAM), settings], stdout=out, stderr=out, cwd="/", **who.options
            )
        try:
            until(lambda: (home / ".s.PGSQL.6432").exists() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            query = {"host": str(home), "port": "6432"}
            pooled = url.set(host=None, port=None, query=query)
            yield pooled.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait()


def prepare(record: Timeline) -> None:
    record.add(
        Actor("ann", "person", "Ann Alder"),
        Actor("desk", "organisation", "The desk"),
        Source("calls", "desk", "Calls"),
    )


@pytest.mark.parametrize("option", ["", "&prepare_threshold=none"])
def test_many_threads_share_few_sessions_and_lose_nothing(pooled_url: str, option: str) -> None:
    """Threads that hold a batch or a view must not wait for a second session each."""
    acknowledged: list[str] = []
    problems: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                said = StatementMade("ann", "Soon.")
                done = record.append(said, source="calls", id=f"{number}-{turn}")
                acknowledged.append(done.events[0].id)
            record.statements(speaker="ann")
            with record.store.batch("mailer", limit=10) as batch:
                assert batch.events
        except TimelineError as error:
            problems.append(error)

    engine = create_engine(f"{pooled_url}{option}", pool_timeout=600)
    with engine.connect() as connection:
        release = connection.connection.driver_connection.info.server_version
    if release < 170_000:  # it takes one more for a moment
        engine.dispose()
        engine = create_engine(f"{pooled_url}{option}", pool_size=2, max_overflow=0)
    with Timeline.open(engine) as record:
        prepare(record)
        threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        ids = {event.id for event in record.store.read_all()}
        assert set(acknowledged) < ids
        assert len(acknowledged) == 160
        assert record.verify(rows=True).position == 163
    engine.dispose()


def test_the_limit_of_waits_is_a_setting_of_the_database(
    pooled_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_PATIENCE", 0.0)
    with Timeline.open(database_url) as other:
        prepare(other)
        with other.store.engine.begin() as connection:
            name = sa.make_url(database_url).database
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET lock_timeout TO 200')
        with (
            Timeline.open(f"{pooled_url}&prepare_threshold=none", migrate=False) as record,
            other.store.engine.begin() as connection,
        ):
            other.append(StatementMade("ann", "No."), source="calls", connection=connection)
            with pytest.raises(DatabaseBusy, match="a transaction of your own"):
                record.append(StatementMade("ann", "Yes."), source="calls")
