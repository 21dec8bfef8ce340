"""Databases of every released layout open: `fixtures/layouts/` keeps one of each, on either kind.

A file there is never changed. A release with a new migration adds its own: the SQLite file and the
PostgreSQL dump (`pg_dump --inserts --no-owner --no-privileges`) of these few events.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from timeline import Actor, StatementMade, Timeline
from timeline.events import Redacted

LAYOUTS = Path(__file__).parents[2] / "fixtures/layouts"
SEALS = {
    "0001.sqlite": "6:3d7db4a7c095467f19e03d56704782d34c2045aa0fa8ba01e819a6c29f356bce",
    "0001.sql": "6:e3572efab1eddd5d3c1bcdc751b29fbece3e9bc2d02e3197b9f3de79149e5990",
}


def test_every_layout_is_there_for_both_databases() -> None:
    names = sorted(path.name for path in LAYOUTS.iterdir())
    released = sorted(
        path.name[:4] for path in (LAYOUTS.parents[1] / "alembic/versions").glob("*.py")
    )

    assert names == sorted(SEALS) == [f"{r}.{end}" for r in released for end in ("sql", "sqlite")]


def opens(url: str, name: str) -> None:
    with Timeline.open(url, create=False) as record:
        assert record.verify(seal=SEALS[name]).seal == SEALS[name]
        events = {event.id: event for event in record.log()}
        assert events["said"].event == StatementMade("ann", "Soon.")
        assert events["said"].metadata == {"recorded_by": "ann"}
        assert (str(events["said"].occurred), events["said"].evidence[0].at) == (
            "2022-11~",
            "page 3",
        )
        assert isinstance(events["withdrawn"].event, Redacted)
        assert [line.text for line in record.statements().statements] == ["Soon."]
        assert record.add(Actor("bob", "person", "Bob")).position == len(events) + 1
        record.verify()


@pytest.mark.parametrize("name", [name for name in SEALS if name.endswith(".sqlite")])
def test_a_file_of_every_layout_opens(tmp_path: Path, name: str) -> None:
    file = shutil.copyfile(LAYOUTS / name, tmp_path / "record.db")

    opens(f"sqlite:///{file}", name)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", [name for name in SEALS if name.endswith(".sql")])
def test_a_dump_of_every_layout_opens(new_database: Callable[..., str], name: str) -> None:
    url = new_database()
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as server:
        server.execute((LAYOUTS / name).read_bytes())

    opens(url, name)
