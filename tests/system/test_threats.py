"""The table of who can do what, in the guarantees: each clause of each cell is tried.

Roles log in on PostgreSQL; whoever holds a file has one of SQLite.
"""

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa
from roles import CALL, HOSTILE, SALT, allowed, fooled, logged_in, refused, role, say

from timeline import Actor, DatabaseError, EventRetracted, NewEvent, Source, StatementMade, Timeline
from timeline.dates import instant_text, now
from timeline.engine import grants
from timeline.errors import DatabaseReadOnly, InvalidEvent, LogDamaged, StoreAltered, TimelineError
from timeline.events import ActorAdded, EventRedacted
from timeline.log import database
from timeline.log.archive import Archive
from timeline.log.digests import Head
from timeline.log.store import EventStore

PAGE = Path(__file__).parents[2] / "docs/explanation/guarantees.md"
ROLES = ("reader", "writer", "subscriber")


@attrs.frozen
class Scene:
    """A record with one statement, and somebody who has come to it.

    Attributes:
        owner: the record as its owner opens it.
        guest: the record as a role opens it, or the owner's.
        folder: an empty folder.
    """

    owner: Timeline
    guest: Timeline
    folder: Path

    def run(self, *statements: str) -> None:
        """Run statements as the guest, who may."""
        with self.guest.store.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    @property
    def file(self) -> Path:
        """The database's file."""
        return Path(str(self.owner.store.engine.url.database))


Deed = Callable[[Scene], None]
TRIED: dict[tuple[str, str], Deed] = {}


def tries(who: str, *clauses: str) -> Callable[[Deed], Deed]:
    """Note a test of clauses of the table; `who` may name several rows."""

    def note(deed: Deed) -> Deed:
        for one in who.split(", "):
            TRIED.update(dict.fromkeys(((one, clause) for clause in clauses), deed))
        return deed

    return note


def clauses() -> Iterator[tuple[str, str]]:
    """Who, and a clause, of the table."""
    table = PAGE.read_text(encoding="utf-8").split("## Who can do what")[1]
    for line in re.findall(r"^\| (?!who|---)(.+) \|$", table, re.MULTILINE)[:7]:
        who, *cells = line.split(" | ")
        yield from ((who, clause) for cell in cells for clause in cell.split("; ") if cell != "–")


def test_the_table_says_what_is_tried() -> None:
    assert sorted(clauses()) == sorted(TRIED)


@pytest.fixture
def scene(
    request: pytest.FixtureRequest, kept_url: str, tmp_path: Path, who: str
) -> Iterator[Scene]:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        owner = stack.enter_context(Timeline.open(kept_url))
        owner.add(
            Actor("gazette", "organisation", "The Gazette"),
            Actor("ann", "person", "Ann"),
            Source("article", publisher="gazette", title="A harbour"),
        )
        owner.append(StatementMade("ann", "One."), id="one", source="article")
        owner.statements()
        guest = owner
        if who in ROLES:
            guest = stack.enter_context(logged_in(owner, who))
        elif who.startswith("another"):
            guest = stack.enter_context(planter(owner))
        yield Scene(owner, guest, folder)


@contextlib.contextmanager
def planter(owner: Timeline) -> Iterator[Timeline]:
    """A role that may make things in the schemas, and was granted nothing of the record."""
    with role(owner) as name:
        with owner.store.engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA timeline, public TO {name}")
        url = owner.store.engine.url.set(username=name, password="hunter2")
        opened = Timeline(EventStore(database.create_engine(url)))
        with contextlib.closing(opened):
            yield opened


def server_of(who: str) -> str:
    return "sqlite" if who.startswith("holder") else "postgresql"


def others() -> list[NewEvent]:
    """Events of another log."""
    return [NewEvent(ActorAdded(Actor(f"p{n}", "person", f"Person {n}"))) for n in range(6)]


def said(timeline: Timeline) -> list[str]:
    return [line.text for line in timeline.statements().statements]


def unchanged(scene: Scene, deed: Callable[[], object]) -> None:
    """A deed that is refused, and leaves the log as it was."""
    seal = scene.owner.seal()
    with pytest.raises(DatabaseReadOnly):
        deed()
    assert scene.owner.verify().seal == seal


# Roles


@tries("reader", "read the log, the read models and the views")
def _(scene: Scene) -> None:
    assert list(scene.guest.log()) == list(scene.owner.log())
    scene.run("SELECT * FROM timeline.log", "SELECT * FROM timeline.statements")


@tries("reader", "make reports, and verify the read models, too")
def _(scene: Scene) -> None:
    assert scene.guest.statements().to_json() == scene.owner.statements().to_json()
    assert scene.guest.verify(rows=True) == scene.owner.store.head()


@tries("reader, subscriber", "append")
def _(scene: Scene) -> None:
    unchanged(scene, lambda: scene.guest.append_all([say("Two.")]))
    refused(scene.guest, CALL.format(evidence="ARRAY['[]']", salt=SALT, recorded=0))


@tries("reader, writer", "change or empty a table")
def _(scene: Scene) -> None:
    assert allowed(scene.owner, scene.guest) == set()


@tries("subscriber", "change or empty another table")
def _(scene: Scene) -> None:
    done = allowed(scene.owner, scene.guest)
    assert {re.search(r"timeline_\w+", one).group() for one in done} == {"timeline_subscriptions"}
    assert not any(one.startswith("TRUNCATE") for one in done)


@tries("reader, writer, subscriber", "change the schema")
def _(scene: Scene) -> None:
    for statement in (
        "CREATE TABLE timeline.mine (it text)",
        "ALTER TABLE timeline.timeline_events DISABLE TRIGGER ALL",
        "DROP TRIGGER timeline_keep_update ON timeline.timeline_events",
        "CREATE OR REPLACE VIEW timeline.log AS SELECT 1 AS position",
        "DROP FUNCTION timeline.timeline_refuse_update() CASCADE",
        "SET session_replication_role = replica",
    ):
        refused(scene.guest, statement)


@tries("reader, writer, subscriber", "take words down")
def _(scene: Scene) -> None:
    unchanged(scene, lambda: scene.guest.redact("one", reason="to hide it"))
    with contextlib.suppress(DatabaseReadOnly):  # a writer may; the words stay
        scene.guest.store.append("takedown-one", [EventRedacted("one", "to hide it")])
    assert said(scene.owner) == said(scene.owner.verified()) == ["One."]
    scene.owner.archive(scene.folder / "kept")
    with Timeline.open("sqlite://") as copy:
        copy.import_archive(scene.folder / "kept")
        assert said(copy) == ["One."]


@tries("reader, writer", "give rights")
def _(scene: Scene) -> None:
    with role(scene.owner) as other, pytest.raises(DatabaseError):
        grants.grant(scene.guest.store.engine, "writer", other)


@tries("writer", "append, under any name for who recorded it")
def _(scene: Scene) -> None:
    forged = attrs.evolve(say("Two."), metadata={"recorded_by": "the owner"})
    assert scene.guest.append_all([forged]).events[0].metadata["recorded_by"] == "the owner"
    scene.owner.verify()


@tries("writer", "choose a position, a version or a digest")
def _(scene: Scene) -> None:
    places = "99, 7, '\\x00'::bytea, 0"  # what the procedure gives back
    engine = scene.guest.store.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "CALL timeline.timeline_append_now('forged', 'a-b', 'StatementMade', 1, NULL, NULL,"
            f" NULL, '[]', '{{}}', NULL, decode(repeat('00', 16), 'hex'), NULL, 0, {places})"
        )
    assert [stored.position for stored in scene.owner.store.stored(after=4)] == [5]
    scene.owner.verify()
    for given in ({"evidence": "ARRAY[NULL]::text[]"}, {"salt": "ARRAY['short'::bytea]"}):
        call = CALL.format(**{"evidence": "ARRAY['[]']", "salt": SALT, "recorded": 0} | given)
        with pytest.raises(sa.exc.DBAPIError):
            scene.run(call)
    assert scene.owner.verify().position == 5


@tries(
    "writer",
    "append what does not fit its class",
    "reports name the position of what does not fit, and a takedown removes it",
)
def _(scene: Scene) -> None:
    scene.run(CALL.format(evidence="ARRAY['[]']", salt=SALT, recorded=0))
    with pytest.raises(InvalidEvent, match="position 5"):
        scene.owner.statements()
    scene.owner.redact("forged", reason="not ours")
    assert said(scene.owner) == ["One."]
    scene.owner.verify(rows=True)


@tries("writer", "record in the past or the future", "`log` shows what was appended when")
def _(scene: Scene) -> None:
    before = scene.owner.store.last().recorded
    for recorded in (0, 2**53):
        call = CALL.format(evidence="ARRAY['[]']", salt=SALT, recorded=recorded)
        scene.run(call.replace("forged", f"forged-{recorded}"))
    with scene.owner.store.engine.connect() as connection:
        times = connection.exec_driver_sql(
            "SELECT recorded_at FROM timeline.log WHERE event_id LIKE 'forged%%'"
        ).scalars()
        for time in map(str, times):
            assert before[:19] <= time.replace(" ", "T")[:19] <= instant_text(now())[:19]


@tries("writer", "a retraction takes it out of reports")
def _(scene: Scene) -> None:
    scene.guest.append_all([say("Forged.", "forged")])
    assert "Forged." in said(scene.owner)
    scene.owner.append(EventRetracted(["forged"], "Nobody said so."))
    assert said(scene.owner) == ["One."]


@tries("subscriber", "handle events once, with effects of its own in one transaction")
def _(scene: Scene) -> None:
    scene.owner.store.engine.dispose()
    with scene.guest.store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TEMP TABLE sent (position bigint)")
    for _ in range(2):
        with scene.guest.store.batch("mailer") as batch:
            for event in batch.events:
                batch.connection.exec_driver_sql(f"INSERT INTO sent VALUES ({event.position})")
    with scene.guest.store.engine.connect() as connection:
        sent = connection.exec_driver_sql("SELECT position FROM sent").scalars()
        assert list(sent) == [1, 2, 3, 4]


@tries("subscriber", "move any subscription", "`subscription list` shows each place")
def _(scene: Scene) -> None:
    with scene.owner.store.batch("the-owners"):
        pass
    scene.guest.store.reset("the-owners", start=1)
    (moved,) = scene.owner.store.subscriptions()
    assert (moved.name, moved.position, moved.lag) == ("the-owners", 1, 3)


# Whoever owns the tables or holds the file

UNGUARD = {
    "postgresql": ["ALTER TABLE timeline_events DISABLE TRIGGER USER"],
    "sqlite": [f"DROP TRIGGER timeline_keep_{name}" for name in ("update", "delete", "insert")],
}


def unguard(scene: Scene) -> None:
    scene.run(*UNGUARD[scene.owner.store.engine.dialect.name])


def set_head(scene: Scene, end: Head) -> None:
    """Make the log end there, as far as its head says; SQLite has none."""
    if scene.owner.store.engine.dialect.name == "postgresql":
        digest = f"'\\x{end.digest.hex()}'::bytea"
        scene.run(f"UPDATE timeline_head SET position = {end.position}, digest = {digest}")


def written_anew(scene: Scene) -> str:
    """Write another log in the place of this one; gives the seal of the one that was."""
    seal = scene.owner.seal()
    start = scene.owner.store.head_at(0)
    unguard(scene)
    scene.run("DELETE FROM timeline_events")
    set_head(scene, start)
    scene.owner.append_all(others())
    return seal


@tries("owner of the tables", "switch triggers off")
@tries("owner of the tables", "replace views", "`status` and `verify` name triggers and views")
def _(scene: Scene) -> None:
    unguard(scene)
    assert "timeline_keep_update" in " ".join(scene.owner.problems())
    with pytest.raises(StoreAltered, match="timeline_keep_update"):
        scene.owner.verify()
    scene.run("ALTER TABLE timeline_events ENABLE TRIGGER USER")
    scene.run(
        "CREATE OR REPLACE VIEW timeline.statements AS SELECT * FROM ("
        f"{definition(scene, 'statements')}) AS few WHERE false"
    )
    assert "statements" in " ".join(scene.owner.problems())


def definition(scene: Scene, view: str) -> str:
    with scene.owner.store.engine.connect() as connection:
        query = f"SELECT pg_get_viewdef('timeline.{view}'::regclass)"
        return str(connection.exec_driver_sql(query).scalar()).rstrip(";")


@tries("owner of the tables", "change, remove and add events", "`verify` names the position")
def _(scene: Scene) -> None:
    unguard(scene)
    scene.run("UPDATE timeline_events SET data = replace(data, 'One.', 'Two.') WHERE position = 4")
    with pytest.raises(LogDamaged, match="position 4"):
        scene.owner.verify()
    scene.run("DELETE FROM timeline_events WHERE position = 2")
    with pytest.raises(LogDamaged, match="position 2"):
        scene.owner.verify()
    scene.run(
        "CREATE TEMP TABLE more AS SELECT * FROM timeline_events WHERE position = 1",
        "UPDATE more SET position = 5, event_id = 'more', stream = 'more-1'",
        "INSERT INTO timeline_events SELECT * FROM more",
    )
    with pytest.raises(LogDamaged):
        scene.owner.verify()


@tries(
    "owner of the tables",
    "write the log again with digests that fit",
    "make digests fit a seal that is kept elsewhere",
    "`verify --seal` shows a log that was cut off or written again",
)
def _(scene: Scene) -> None:
    older = scene.owner.store.head_at(3)
    seal = scene.owner.seal()
    unguard(scene)
    scene.run("DELETE FROM timeline_events WHERE position = 4")
    set_head(scene, older)
    guarded(scene)
    with pytest.raises(LogDamaged):
        scene.owner.verify(seal=seal)
    seal = written_anew(scene)
    guarded(scene)
    scene.owner.verify()
    with pytest.raises(LogDamaged):
        scene.owner.verify(seal=seal)


def guarded(scene: Scene) -> None:
    """Put the triggers back as they were, and forget the rows that came further."""
    scene.run("ALTER TABLE timeline_events ENABLE TRIGGER USER", "DELETE FROM timeline_checkpoints")


@tries(
    "owner of the tables",
    "edit rows of read models",
    "`verify --read-models` names rows",
    "`--verified` keeps them out of reports",
)
def _(scene: Scene) -> None:
    scene.run("UPDATE timeline.statements SET text = 'Never said.'")
    assert said(scene.owner) == ["Never said."]
    with pytest.raises(DatabaseError, match="statements"):
        scene.owner.verify(rows=True)
    assert said(scene.owner.verified()) == ["One."]


# Another role in the schema

PLANTER = "another role in the schema"


@tries(PLANTER, "make tables and functions of its own")
def _(scene: Scene) -> None:
    scene.run(
        "CREATE TABLE timeline.mine (it text)",
        "CREATE FUNCTION timeline.mine() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
    )
    scene.owner.append_all([say("Two.")])
    scene.owner.verify()


@tries(PLANTER, "read the record")
def _(scene: Scene) -> None:
    with pytest.raises(DatabaseError):
        list(scene.guest.log())
    for table in ("timeline_events", "log", "statements", "timeline_subscriptions"):
        refused(scene.guest, f"SELECT * FROM timeline.{table}")


@tries(PLANTER, "change it")
def _(scene: Scene) -> None:
    assert allowed(scene.owner, scene.guest) == set()
    for statement in (
        "CREATE OR REPLACE VIEW timeline.log AS SELECT 1 AS position",
        "CREATE RULE mine AS ON INSERT TO timeline.timeline_events DO INSTEAD NOTHING",
        "CREATE TRIGGER mine BEFORE INSERT ON timeline.log EXECUTE FUNCTION now()",
    ):
        refused(scene.guest, statement)


@tries(PLANTER, "append")
def _(scene: Scene) -> None:
    refused(scene.guest, CALL.format(evidence="ARRAY['[]']", salt=SALT, recorded=0))


@tries(PLANTER, "give the store something of its own to call")
def _(scene: Scene) -> None:
    scene.run(HOSTILE)
    with fooled(scene.owner.store.engine):
        scene.owner.append_all([say("Two.")])
        scene.owner.append_all([say("Three.", "three")])
        assert said(scene.owner) == ["One.", "Two.", "Three."]
        scene.owner.redact("three", reason="to try the trigger")
        scene.owner.verify()


@tries(PLANTER, "a name of the record's that is taken is an error")
def _(scene: Scene) -> None:
    with scene.owner.store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA desk")
        connection.exec_driver_sql("CREATE TABLE desk.timeline_events (mine text)")
    with pytest.raises(DatabaseError, match="timeline_events"):
        Timeline.open(scene.owner.store.engine.url, schema="desk")
    with scene.owner.store.engine.connect() as connection:
        columns = sa.inspect(connection).get_columns("timeline_events", schema="desk")
        assert [column["name"] for column in columns] == ["mine"]


# Whoever holds a file

FILE = "holder of the SQLite file"
COPY = "holder of a backup or an archive"


def by_hand(scene: Scene, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(scene.file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@tries(FILE, "all that the owner can", "the same as of the owner")
def _(scene: Scene) -> None:
    by_hand(scene, rows_edited(scene))
    with pytest.raises(DatabaseError, match="statements"):
        scene.owner.verify(rows=True)
    assert said(scene.owner.verified()) == ["One."]
    by_hand(scene, *UNGUARD["sqlite"])
    with pytest.raises(StoreAltered, match="timeline_keep_update"):
        scene.owner.verify()
    by_hand(
        scene,
        "UPDATE timeline_events SET data = replace(data, 'One.', 'Two.') WHERE position = 4",
    )
    with pytest.raises(LogDamaged, match="position 4"):
        scene.owner.verify()


def rows_edited(scene: Scene) -> str:
    """Edits the text of statements where they are kept."""
    with scene.owner.store.engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
    (table,) = [name for name in names if re.fullmatch(r"(timeline_)?statements_\w+", name)]
    return f"UPDATE {table} SET text = 'Never said.'"


@tries(
    FILE,
    "put another file in its place",
    "make digests fit a seal that is kept elsewhere",
    "`verify --seal` shows another file",
    "`verify --at-least` shows an emptied one",
)
def _(scene: Scene) -> None:
    seal, url = scene.owner.seal(), scene.owner.store.engine.url
    scene.owner.close()
    scene.file.unlink()
    with Timeline.open(url) as emptied:
        emptied.verify()
        with pytest.raises(LogDamaged):
            emptied.verify(at_least=4)
        emptied.append_all(others())
        emptied.verify()
        with pytest.raises(LogDamaged):
            emptied.verify(seal=seal)


@tries(COPY, "read all words, those taken down since, too")
def _(scene: Scene) -> None:
    scene.owner.store.engine.dispose()
    scene.owner.archive(scene.folder / "kept")
    shutil.copyfile(scene.file, scene.folder / "backup.db")
    scene.owner.redact("one", reason="asked to")
    assert "One." not in str(list(scene.owner.log()))
    with Timeline.open(f"sqlite:///{scene.folder / 'backup.db'}") as backup:
        assert said(backup) == ["One."]
    with Timeline.open("sqlite://") as copy:
        copy.import_archive(scene.folder / "kept")
        assert said(copy) == ["One."]


@tries(
    COPY,
    "give out an edited copy",
    "make digests fit a seal that is kept elsewhere",
    "`verify TARGET --seal` shows an edited copy",
)
def _(scene: Scene) -> None:
    seal = Head.of_seal(scene.owner.seal())
    with Timeline.open("sqlite://") as edited:
        edited.append_all(others())
        edited.archive(scene.folder / "edited")
    Archive(str(scene.folder / "edited")).verify()
    with pytest.raises(TimelineError):
        Archive(str(scene.folder / "edited")).verify(seal=seal)


@tries(COPY, "`verify TARGET` names a file that was damaged")
def _(scene: Scene) -> None:
    scene.owner.archive(scene.folder / "kept")
    for path in sorted((scene.folder / "kept").rglob("*.parquet")):
        whole = path.read_bytes()
        path.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
        with pytest.raises(TimelineError, match=path.name):
            Archive(str(scene.folder / "kept")).verify()
        path.write_bytes(whole)


EACH = {(who, deed): f"{who}: {clause}" for (who, clause), deed in TRIED.items()}


@pytest.mark.parametrize(
    ("backend", "who", "deed"),
    [pytest.param(server_of(who), who, deed, id=id) for (who, deed), id in EACH.items()],
    indirect=["backend"],
)
@pytest.mark.usefixtures("backend", "who")
def test_what_the_table_says_holds(scene: Scene, deed: Deed) -> None:
    deed(scene)
