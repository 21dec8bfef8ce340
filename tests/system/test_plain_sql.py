"""Plain SQL: what `docs/howto/sql.md` says of the views holds on either database.

Its ```sql blocks are run: those that begin with `-- SQLite` or `-- PostgreSQL` there, others on
both. The tools that people open a record with are run too.
"""

import asyncio
import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from timeline import Timeline
from timeline.engine.projection import Shape, shape_of
from timeline.projections import BUILT_IN
from timeline.reports.attendance import AttendanceReport

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/sql.md").read_text(encoding="utf-8")
FILES = sorted((ROOT / "fixtures/gas-union").glob("*.yaml"))
SERIES = "informal-cis-summit"

SHAPES: dict[str, Shape] = {
    shape_of(cls).name: shape_of(cls) for projection in BUILT_IN for cls in projection.rows
}


# The page


def section(heading: str) -> str:
    """What stands under a heading of the page, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


# The record


@attrs.frozen
class Record:
    url: str
    dialect: str
    report: AttendanceReport

    def select(self, query: str) -> list[dict[str, Any]]:
        """The rows of a SELECT, by a connection that is none of ours."""
        engine = sa.create_engine(self.url)
        try:
            with engine.connect() as connection:
                found = connection.exec_driver_sql(query).mappings()
                return [dict(row) for row in found]
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any], Record]]:
    """The demo's record, once on each database, with a report made so that rows are kept."""
    with contextlib.ExitStack() as stack:
        made: dict[Any, Record] = {}

        def record(backend: Any) -> Record:
            if backend not in made:
                url = backend.create(tmp_path_factory.mktemp("demo"), migrated=True, kept=True)
                stack.callback(backend.drop, url)
                with Timeline.open(url) as timeline:
                    timeline.ingest(*FILES)
                    report = timeline.attendance(series=SERIES)
                    dialect = timeline.store.engine.dialect.name
                made[backend] = Record(url, dialect, report)
            return made[backend]

        yield record


@pytest.fixture
def record(records: Callable[[Any], Record], backend: Any) -> Record:
    return records(backend)


@pytest.fixture
def demo(records: Callable[[Any], Record], backends: Any, tmp_path: Path) -> Path:
    """The file of the demo's record, as somebody has been given it."""
    file = Path(str(sa.make_url(records(backends["sqlite"]).url).database))
    copy = tmp_path / "demo.db"
    for end in ("", "-wal"):
        if Path(f"{file}{end}").exists():
            shutil.copy(f"{file}{end}", f"{copy}{end}")
    return copy


def queries(heading: str, dialect: str) -> list[str]:
    """The SELECTs below a heading of the page that are for this database."""
    found = re.findall(r"^```sql\n(.*?)^```$", section(heading), re.MULTILINE | re.DOTALL)
    other = {"sqlite": "-- PostgreSQL", "postgresql": "-- SQLite"}[dialect]
    return [query for query in found if not query.startswith(other)]


ATTENDED = "Who attended which summit"


def attended(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {tuple(row[name] for name in ("summit", "party", "person", "event")) for row in rows}


def attended_by_report(report: AttendanceReport) -> set[tuple[Any, ...]]:
    """Who was there, by the cells of the report: summit, party, person and event."""
    titles = [each.title for each in report.meetings]
    return {
        (title, line.name, entry.name, entry.evidence[0].event)
        for line in report.parties
        for title, cell in zip(titles, line.cells, strict=True)
        for entry in cell.entries
        if entry.status in ("attended", "represented")
    }


def test_one_select_says_who_attended_which_summit(record: Record) -> None:
    (query, _) = queries(ATTENDED, record.dialect)

    rows = record.select(query)
    expected = attended_by_report(record.report)
    assert attended(rows) == expected
    assert len(rows) == len(expected) > 10
    shown = ("Informal CIS summit with gas talks", "Armenia", "Nikol Pashinyan")
    assert shown in {row[:3] for row in expected}


def test_another_says_from_which_sources(record: Record) -> None:
    (_, query) = queries(ATTENDED, record.dialect)

    found: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
    for row in record.select(query):
        key = row["meeting"], row["party"], row["event"]
        found.setdefault(key, set()).add((row["source"], row["publisher"]))
    checked = 0
    for line in record.report.parties:
        for cell in line.cells:
            for entry in cell.entries:
                sources = {
                    (support.title, support.publisher.name)
                    for cited in entry.evidence
                    for support in cited.sources
                }
                assert found[cell.meeting, line.party, entry.evidence[0].event] >= sources
                checked += 1
    assert checked > 20


def test_each_partys_positions_over_time(record: Record) -> None:
    (query,) = queries("Each party's positions over time", record.dialect)

    with Timeline.open(record.url) as timeline:
        report = timeline.initiative("gas-union")
    said = {
        (party.name, line.stance, line.occurred, line.speaker.name, line.evidence[0].event)
        for party in report.parties
        for line in (*party.own, *party.imputed)
    }
    rows = record.select(query)
    found = {
        tuple(row[name] for name in ("party", "stance", "occurred", "speaker", "event"))
        for row in rows
    }
    assert said
    assert said <= found
    assert {bool(row["own"]) for row in rows} <= {True, False}
    by_party: dict[str, list[str]] = {}
    for row in rows:
        by_party.setdefault(row["party"], []).append(row["occurred"])
    assert all(dates == sorted(dates) for dates in by_party.values())


def test_statements_by_speaker_and_month(record: Record) -> None:
    (query,) = queries("Statements by speaker and month", record.dialect)

    with Timeline.open(record.url) as timeline:
        said = [
            (line.speaker.name, (line.occurred or "")[:7])
            for line in timeline.statements().statements
        ]
    rows = record.select(query)
    assert {(row["speaker"], row["month"]): row["statements"] for row in rows} == {
        each: said.count(each) for each in said
    }


def test_lists_are_taken_apart_alike(record: Record) -> None:
    (query,) = queries("Kinds of columns", record.dialect)

    with Timeline.open(record.url) as timeline:
        actors = timeline.actors().actors
    expected = [(each.actor, alias) for each in actors for alias in each.aliases]
    found = [(row["actor"], row["alias"]) for row in record.select(query)]
    assert sorted(found) == sorted(expected)
    assert [alias for actor, alias in found if actor == "putin"] == [
        alias for actor, alias in expected if actor == "putin"
    ]


def test_dates_sort_as_the_page_says(record: Record) -> None:
    listed = re.search(r"the doubtful behind:(.*?)\. On", section("Kinds of columns"), re.DOTALL)
    assert listed
    dates = re.findall(r"`(\S+)`", listed[1])
    values = " UNION ALL ".join(f"SELECT '{date}' AS occurred" for date in reversed(dates))
    collation = 'COLLATE "C"' if record.dialect == "postgresql" else ""

    rows = record.select(f"SELECT occurred FROM ({values}) AS dates ORDER BY occurred {collation}")
    assert len(dates) > 5
    assert [row["occurred"] for row in rows] == dates


@pytest.mark.parametrize("name", SHAPES)
def test_every_view_is_there_with_names_that_need_no_quotes(record: Record, name: str) -> None:
    names = ", ".join(column.name for column in SHAPES[name].columns)

    record.select(f"SELECT {names} FROM {name} ORDER BY {names}")


# Tools


def test_sqlite_utils_opens_the_record(demo: Path) -> None:
    import sqlite_utils  # takes long, and each worker collects all tests

    database = sqlite_utils.Database(demo)
    try:
        assert set(database.view_names()) == {*SHAPES, "log"}
        listed = [column.name for column in database["attendance"].columns]
        assert listed == [column.name for column in SHAPES["attendance"].columns]
        (query, _) = queries(ATTENDED, "sqlite")
        assert len(list(database.query(query))) > 10
    finally:
        database.close()


def test_datasette_opens_the_record(demo: Path, records: Any, backends: Any) -> None:
    from datasette.app import Datasette  # takes long, and each worker collects all tests

    (query, _) = queries(ATTENDED, "sqlite")

    async def opened() -> tuple[Any, Any, Any]:
        datasette = Datasette([str(demo)])
        await datasette.invoke_startup()
        client = datasette.client
        pages = [
            await client.get("/demo.json"),
            await client.get("/demo/attendance.json", params={"_shape": "array"}),
            await client.get("/demo.json", params={"sql": query, "_shape": "array"}),
        ]
        assert [page.status_code for page in pages] == [200, 200, 200]
        for database in datasette.databases.values():
            database.close()
        return tuple(page.json() for page in pages)

    overview, rows, answer = asyncio.run(opened())

    assert {view["name"] for view in overview["views"]} == SHAPES.keys() | {"log"}
    assert list(rows[0]) == [column.name for column in SHAPES["attendance"].columns]
    report = records(backends["sqlite"]).report
    assert attended(answer) == attended_by_report(report)
