"""The examples in `docs/examples` do what they say."""

import asyncio
import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import dask_workers
import httpx
import pytest
import yaml

from timeline import Timeline

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/examples"
FERRY = ROOT / "fixtures/strait-ferry/01-crossing.yaml"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A small record, with rows that SQL reads."""
    with Timeline.open(tmp_path / "record.db") as timeline:
        timeline.ingest(FERRY)
        timeline.statements()
    return tmp_path / "record.db"


def test_a_workbook_becomes_a_chronology(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example("newsroom").chronology(ROOT / "fixtures/sheets/gas-union.xlsx", tmp_path)

    assert " events added" in capsys.readouterr().out
    assert "<table" in (tmp_path / "chronology.html").read_text(encoding="utf-8")
    table = (tmp_path / "chronology.csv").read_text(encoding="utf-8")
    assert table.startswith("table,row,column,value,about,evidence,sources")


def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    book = json.loads((EXAMPLES / "tracker.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}

    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), names)

    with names["record"] as opened:  # type: ignore[attr-defined]
        assert opened.initiative("gas-union").stage.stage == "negotiating"


def test_the_service_records_once_and_mails_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TIMELINE_URL", str(tmp_path / "service.db"))
    service = example("service")
    claim = {"by": "Ann Author", "text": "Soon.", "source": "https://herald.example/1"}
    sent: list[str] = []

    async def claims() -> None:
        way = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=way, base_url="http://service") as client:
            answers = [await client.post("/claims", json=claim) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [201, 201]
            assert answers[0].json() == answers[1].json()
            assert (await client.post("/claims", json={"text": "Nobody's."})).status_code == 422

    with service.record:
        asyncio.run(claims())
        for _ in range(2):
            service.mail(sent.append)

    assert sent == ["ann-author: Soon."]


def test_datasette_answers_the_questions_of_its_file(record: Path) -> None:
    # Late: it takes seconds, and each process that runs tests imports all of them.
    from datasette.app import Datasette

    metadata = yaml.safe_load((EXAMPLES / "datasette.yaml").read_text(encoding="utf-8"))

    async def ask(path: str) -> list[dict[str, str]]:
        site = Datasette([str(record)], metadata=metadata)
        await site.invoke_startup()
        answer = await site.client.get(f"{path}&_shape=array")
        for database in site.databases.values():
            database.close()
        assert answer.status_code == 200
        return list(answer.json())

    attended = asyncio.run(ask("/record/attended.json?"))
    assert {row["status"] for row in attended} <= {"attended", "represented"}
    with Timeline.open(record) as timeline:
        speaker = timeline.statements().statements[0].speaker.id
    said = asyncio.run(ask(f"/record/said.json?speaker={speaker}"))
    assert said
    assert {row["speaker"] for row in said} == {speaker}


def test_dask_workers_count_as_one_process_does(record: Path) -> None:
    with dask_workers.threads(1) as scheduler:
        folded = example("fold").fold(str(record), scheduler)

    with Timeline.open(record) as timeline:
        lines = timeline.statements().statements
    assert sum(line.statements for line in folded) == len(lines) > 3
