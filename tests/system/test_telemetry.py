"""What the package tells of its work: spans, metrics and a log, to whoever listens.

Each scene is a process of its own, as an application would be: OpenTelemetry's providers can be set
only once in one.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from timeline import Actor, EventStore, NewEvent, Timeline, event
from timeline.events import ActorAdded
from timeline.log import telemetry
from timeline.log.database import create_engine

WORK = """
import json, sys
from timeline import Actor, Timeline, WrongExpectedVersion

def work(url):
    with Timeline.open(url) as timeline:
        timeline.add(Actor("ann", "person", "Ann"), Actor("bob", "person", "Bob"))
        try:
            timeline.store.append("notes", [], expected_version=7)
        except WrongExpectedVersion:
            pass
        ids = [each.actor for each in timeline.actors().actors]
        timeline.rebuild("directory")
        with timeline.store.batch("mailer", limit=1):
            pass
        return ids
"""
LISTENING = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))
with trace.get_tracer("application").start_as_current_span("request"):
    work(sys.argv[1])
spans = [
    {
        "id": span.context.span_id,
        "parent": span.parent and span.parent.span_id,
        "name": span.name,
        "scope": span.instrumentation_scope.name,
        "status": span.status.status_code.name,
        "exceptions": [each.attributes["exception.type"] for each in span.events],
        "attributes": dict(span.attributes),
    }
    for span in exporter.get_finished_spans()
]
measured = [
    {
        "name": metric.name,
        "unit": metric.unit,
        "operation": dict(point.attributes),
        "count": getattr(point, "count", None),
        "sum": point.sum if hasattr(point, "sum") else point.value,
    }
    for resource in reader.get_metrics_data().resource_metrics
    for scope in resource.scope_metrics
    for metric in scope.metrics
    for point in metric.data.data_points
]
print(json.dumps({"spans": spans, "metrics": measured}))
"""
WITHOUT_THE_API = """
import sys
sys.modules["opentelemetry"] = None  # as where it is not installed
"""
UNHEARD = """
ids = work(sys.argv[1])
found = [name for name in sys.modules if name.startswith("opentelemetry.")]
print(json.dumps({"ids": ids, "found": found}))
"""


def told_by(*script: str, url: str) -> Any:
    """What a process prints in the end, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", "".join(script), url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def told() -> dict[Any, Any]:
    return {}


@pytest.fixture
def observed(told: dict[Any, Any], backend: Any, migrated_url: str) -> Any:
    """What one process's work was seen as, on each kind of database."""
    if backend not in told:
        told[backend] = told_by(WORK, LISTENING, url=migrated_url)
    return told[backend]


def spans(observed: Any, name: str) -> list[Any]:
    return [span for span in observed["spans"] if span["name"] == name]


# Spans and metrics


def test_every_kind_of_work_is_a_span_that_says_how_many_events(observed: Any) -> None:
    names = {span["name"] for span in observed["spans"] if span["scope"] == "timeline"}
    kinds = {"append", "read", "handle", "project", "rebuild"}
    assert names == {f"timeline.{kind}" for kind in kinds}
    for span in observed["spans"]:
        if span["scope"] == "timeline":
            assert "timeline.events" in span["attributes"]
    added, refused = spans(observed, "timeline.append")
    assert added["attributes"]["timeline.events"] == 2
    assert refused["attributes"]["timeline.events"] == 0
    assert 2 in {each["attributes"]["timeline.events"] for each in spans(observed, "timeline.read")}
    projected = [
        each["attributes"]["timeline.events"] for each in spans(observed, "timeline.project")
    ]
    assert 2 in projected


def test_a_span_says_where_the_events_stand(observed: Any) -> None:
    added, _ = spans(observed, "timeline.append")
    assert added["attributes"] == {
        "timeline.events": 2,
        "timeline.first_position": 1,
        "timeline.last_position": 2,
        "timeline.type": "ActorAdded",
    }
    (handled,) = spans(observed, "timeline.handle")
    assert handled["attributes"] == {
        "timeline.events": 1,
        "timeline.first_position": 1,
        "timeline.last_position": 1,
        "timeline.lag": 1,
        "timeline.stream": "actor-ann",
        "timeline.subscription": "mailer",
        "timeline.type": "ActorAdded",
    }
    (rebuilt,) = spans(observed, "timeline.rebuild")
    assert rebuilt["attributes"]["timeline.projection"] == "directory"
    for projected in spans(observed, "timeline.project"):
        assert projected["attributes"]["timeline.projections"]
        assert projected["attributes"]["timeline.first_position"] == 1
        assert projected["attributes"]["timeline.last_position"] == 2


def test_spans_stand_within_what_asked_for_the_work(observed: Any) -> None:
    by_id = {span["id"]: span for span in observed["spans"]}

    def above(span: Any) -> list[str]:
        parent = by_id.get(span["parent"])
        return [] if parent is None else [parent["name"], *above(parent)]

    for span in observed["spans"]:
        assert span["name"] == "request" or above(span)[-1] == "request"
    (rebuild,) = spans(observed, "timeline.rebuild")
    rebuilt = [
        span for span in spans(observed, "timeline.project") if "timeline.rebuild" in above(span)
    ]
    assert rebuilt
    assert sum(span["attributes"]["timeline.events"] for span in rebuilt) >= 2
    assert rebuild["status"] == "UNSET"


def test_an_error_is_one_in_its_span_too(observed: Any) -> None:
    failed = [span for span in observed["spans"] if span["status"] == "ERROR"]

    assert [(span["name"], span["exceptions"]) for span in failed] == [
        ("timeline.append", ["timeline.errors.WrongExpectedVersion"])
    ]


def test_metrics_count_the_events_and_time_the_work(observed: Any) -> None:
    measured = {
        (each["name"], each["operation"]["timeline.operation"]): each
        for each in observed["metrics"]
        if each["name"].startswith("timeline.")
    }

    operations = {"append", "read", "handle", "project", "rebuild"}
    lag = measured.pop(("timeline.lag", "handle"))
    assert (lag["sum"], lag["operation"]["timeline.subscription"]) == (1, "mailer")
    assert measured.keys() == {
        (name, operation)
        for name in ("timeline.duration", "timeline.events")
        for operation in operations
    }
    for operation in operations:
        mine = spans(observed, f"timeline.{operation}")
        duration = measured["timeline.duration", operation]
        assert (duration["unit"], duration["count"]) == ("s", len(mine))
        assert duration["sum"] > 0
        counted = measured["timeline.events", operation]
        assert counted["sum"] == sum(span["attributes"]["timeline.events"] for span in mine)
    assert measured["timeline.events", "append"]["sum"] == 2


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_without_the_api_the_same_work_is_done_and_none_of_it_is_loaded(migrated_url: str) -> None:
    done = told_by(WITHOUT_THE_API, WORK, UNHEARD, url=migrated_url)

    assert done == {"ids": ["ann", "bob"], "found": []}


# The log


def test_what_an_operator_should_know_is_logged_with_its_particulars(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="timeline")
    with Timeline.open(migrated_url) as timeline:
        timeline.actors()
        timeline.actors()
        kept = timeline.status()

    built = [each for each in caplog.records if each.getMessage().startswith("building ")]
    assert {(each.name, each.levelname) for each in built} == {("timeline", "INFO")}
    assert len(built) == len(kept)
    assert "directory" in {each.__dict__["projection"] for each in built}


def test_nothing_is_said_where_there_is_nothing_to_say(
    migrated_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with Timeline.open(migrated_url) as timeline:
        timeline.add(Actor("ann", "person", "Ann"))
        timeline.actors()

    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
    assert capfd.readouterr() == ("", "")


class LetGo(logging.Handler):
    """Lets go of a lock when it hears of anything."""

    def __init__(self, release: Callable[[], object]) -> None:
        super().__init__()
        self.release = release
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.release()


def test_an_append_that_is_tried_again_is_logged(migrated_url: str) -> None:
    @event
    class Noted:
        text: str

    engine, other = create_engine(migrated_url), create_engine(migrated_url)
    if engine.dialect.name == "sqlite":
        impatient, hold = "PRAGMA busy_timeout = 50", "BEGIN IMMEDIATE"
    else:
        impatient, hold = "SET lock_timeout TO '50ms'", "SELECT 1 FROM timeline_head FOR UPDATE"
    sa.event.listen(engine, "connect", lambda connection, _: _execute(connection, impatient))
    logger = logging.getLogger("timeline")
    with other.connect() as holder:
        holder.execution_options(timeline_begin=None)
        holder.exec_driver_sql(hold)
        handler = LetGo(holder.rollback)
        logger.addHandler(handler)
        try:
            done = EventStore(engine, [Noted]).append("notes", [NewEvent(Noted("it rains"))])
        finally:
            logger.removeHandler(handler)
    engine.dispose()
    other.dispose()

    assert (done.added, done.position) == (1, 1)
    (record, *_) = handler.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("trying again: ")
    assert record.__dict__["pause_seconds"] > 0


def test_a_wait_for_a_lock_is_logged(
    migrated_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Timeline.open(migrated_url) as timeline:
        timeline.add(Actor("ann", "person", "Ann"))
        assert caplog.records == []
        monkeypatch.setattr(telemetry, "SLOW", 0.0)
        timeline.add(Actor("bob", "person", "Bob"))
    (record,) = caplog.records
    assert record.getMessage().startswith("an append waited for others for ")
    assert record.__dict__["seconds"] >= 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_so_is_that_of_several_events_for_the_end_of_the_log(
    migrated_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Timeline.open(migrated_url) as timeline:
        monkeypatch.setattr(telemetry, "SLOW", 0.0)
        timeline.store.append_all([NewEvent(ActorAdded(Actor(id, "person", id))) for id in "ab"])

    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2  # for a transaction, and for the head
    assert all(message.startswith("an append waited") for message in messages)


def _execute(connection: Any, statement: str) -> None:
    connection.execute(statement)
    if hasattr(connection, "commit"):
        connection.commit()
