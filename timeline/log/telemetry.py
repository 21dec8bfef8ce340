"""How long work is cut up and watched: batches, progress, spans and metrics, and the logger.

With the package `opentelemetry-api` (the extra `telemetry` brings it), appending, reading, handling
a batch, projecting and rebuilding are spans named `timeline.append` and so on. A span has how many
events there were, the first and the last position, and stream, type, projection, subscription and
lag where there is one. The metrics are `timeline.duration` (a histogram, in seconds),
`timeline.events` (a counter) and `timeline.lag` (a gauge: the events of the log that a subscription
has still to handle), by operation, and by subscription where there is one. The application's SDK
decides where they go. Without the API nothing happens.

The standard library's logger `timeline` gets what an operator should know, with the particulars as
attributes of the record (`extra`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

logger = logging.getLogger("timeline")


SLOW = 5.0
"""Seconds after which a wait for others is worth a line of the log."""


class Operation:
    """One operation under way; set how many events it has dealt with.

    Attributes:
        events: their number.
        traceparent: its span, as W3C Trace Context writes it; None where nobody looks at spans.
    """

    __slots__ = ("_notes", "events", "traceparent")

    def __init__(self, notes: dict[str, Any] | None = None, traceparent: str | None = None) -> None:
        self.events = 0
        self.traceparent = traceparent
        self._notes = notes

    @property
    def is_observed(self) -> bool:
        """Whether somebody looks at it: what takes work to note is not noted otherwise."""
        return self._notes is not None

    def note(self, **particulars: Any) -> None:
        """Note particulars of it for its span, where somebody looks at spans."""
        if self._notes is not None:
            self._notes.update(particulars)

    def note_events(self, events: Sequence[Any]) -> None:
        """Note where events stand, and their stream and type where they share them."""
        if self._notes is None or not events:
            return
        positions = [event.position for event in events]
        self._notes.update(first_position=min(positions), last_position=max(positions))
        for name in ("stream", "type"):
            values = {getattr(event, name) for event in events}
            if len(values) == 1:
                self._notes[name] = values.pop()


_UNOBSERVED = contextlib.nullcontext(Operation())


def operation(name: str) -> contextlib.AbstractContextManager[Operation]:
    """A span around an operation, such as `append`, and its metrics."""
    return _observed(name) if _is_looked_at() else _UNOBSERVED


def _is_looked_at() -> bool:
    """Whether the application has set up an SDK: without one, spans would cost time for nothing."""
    # Whoever sets up an SDK imports the API, or names the SDK in the environment.
    if "opentelemetry.trace" not in sys.modules and "OTEL_PYTHON_TRACER_PROVIDER" not in os.environ:
        return False
    try:
        from opentelemetry import metrics, trace
    except ImportError:
        return False
    return not (
        isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        # The API has no public name for this class.
        and type(metrics.get_meter_provider()).__name__ == "_ProxyMeterProvider"
    )


class _Instruments(NamedTuple):
    tracer: Any
    duration: Any
    events: Any
    lag: Any


@functools.cache
def _instruments() -> _Instruments:
    from opentelemetry import metrics, trace

    meter = metrics.get_meter("timeline")
    duration = meter.create_histogram(
        "timeline.duration", unit="s", description="How long an operation took."
    )
    events = meter.create_counter(
        "timeline.events", unit="{event}", description="Events appended, read or projected."
    )
    lag = meter.create_gauge(
        "timeline.lag", unit="{event}", description="Events that a subscription has to handle."
    )
    return _Instruments(trace.get_tracer("timeline"), duration, events, lag)


@contextlib.contextmanager
def _observed(name: str) -> Iterator[Operation]:
    made, began = _instruments(), time.perf_counter()
    with made.tracer.start_as_current_span(f"timeline.{name}") as span:
        notes: dict[str, Any] = {}
        done = Operation(notes, _traceparent(span.get_span_context()))
        try:
            yield done
        finally:
            labels = {"timeline.operation": name}
            if "subscription" in notes:
                labels["timeline.subscription"] = notes["subscription"]
            if "lag" in notes:
                made.lag.set(notes["lag"], labels)
            notes["events"] = done.events
            span.set_attributes({f"timeline.{key}": value for key, value in notes.items()})
            made.events.add(done.events, labels)
            made.duration.record(time.perf_counter() - began, labels)


class waiting:  # noqa: N801 - a context manager
    """Logs it where work that is short by itself has waited for others.

    A class, since each append enters one: a generator would take three times as long.
    """

    __slots__ = ("_began", "_what")

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Look at the clock."""
        self._began = time.perf_counter()

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        """Look again; what failed says so itself."""
        seconds = time.perf_counter() - self._began
        if kind is None and seconds >= SLOW:
            logger.warning(
                "%s waited for others for %.1f s", self._what, seconds, extra={"seconds": seconds}
            )


def _traceparent(span: SpanContext) -> str | None:
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


# Work on many things

Progress = Callable[[int, int], None]
"""A callback that takes how many are done, and how many there are."""

_T = TypeVar("_T")


def batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The items in lists of `size`; the last list may be shorter.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
